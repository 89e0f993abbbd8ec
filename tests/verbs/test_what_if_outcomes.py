"""What became of the flags that would go or come, counted again by DuckDB from two exports."""

from collections import Counter
from random import Random

import duckdb
import pytest
from django.core.management import call_command

from reviews.rules import matters
from reviews.verbs import publish, screen
from tests import make
from tests.verbs.test_what_if import begun, frozen, run
from tests.verbs.test_what_if_law import populate

pytestmark = pytest.mark.django_db(transaction=True)

# A rule that is switched off and one that begins earlier: of each a patient has one flag at most.
EDITS = (("ELD-01", "shown", "off"), ("DUR-01", "s2_over_days", 14), ("REV-01", "severity_s2", 3))
COUNT = """
    WITH standing AS (
        SELECT * FROM decisions
        WHERE (kind = 'decided' AND answer IS NULL)
           OR (kind = 'proposed' AND answer = 'confirmed' AND answer_to_the_answer IS NULL)
    ), came_to AS (
        SELECT patient_id, matter, CAST(decision_id AS BIGINT) AS decision_id,
            min(CASE
                WHEN outcome IN ('taper', 'change', 'other_medicine', 'refer') THEN 1
                WHEN outcome IN ('continue', 'review', 'exempt') THEN 2
                WHEN outcome = 'data_wrong' THEN 3
                ELSE 4
            END) AS came_to
        FROM standing JOIN matter_of USING (rule_id)
        WHERE CAST(decided_at AS TIMESTAMPTZ) >= now() - INTERVAL 180 DAY
        GROUP BY ALL
    ), last AS (
        SELECT patient_id, matter, arg_max(came_to, decision_id) AS came_to
        FROM came_to GROUP BY ALL
    ), changed AS (
        SELECT coalesce(old.patient_id, new.patient_id) AS patient_id,
            coalesce(old.rule_id, new.rule_id) AS rule_id,
            CASE
                WHEN new.severity IS NULL THEN 'closed'
                WHEN old.severity IS NULL THEN 'opened'
                WHEN new.severity < old.severity THEN 'raised'
                ELSE 'lowered'
            END AS effect
        FROM before old FULL JOIN after new
            ON old.patient_id = new.patient_id AND old.rule_id = new.rule_id
        WHERE old.severity IS DISTINCT FROM new.severity
    )
    SELECT effect, coalesce(came_to, 5), count(*)
    FROM changed JOIN matter_of USING (rule_id) LEFT JOIN last USING (patient_id, matter)
    GROUP BY ALL
"""
PLACES = {"changed": 1, "left": 2, "data": 3, "not_relevant": 4, "never": 5}


def counted(before, after):
    """`{(effect, what it came to): flags}` of two exports."""
    with duckdb.connect() as db:
        for name, path in (
            ("before", before / "flags.csv"),
            ("after", after / "flags.csv"),
            ("decisions", before / "decisions.csv"),
        ):
            # The rows are copied, for the path goes into the text of the query.
            db.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_csv(?, all_varchar = true)", [str(path)]
            )
        db.execute("CREATE TABLE matter_of (rule_id TEXT, matter TEXT)")
        rows = [(rule_id, row.key) for rule_id, row in matters.ROW_OF.items()]
        db.executemany("INSERT INTO matter_of VALUES (?, ?)", rows)
        twice = db.execute(
            "SELECT patient_id, rule_id FROM before WHERE rule_id IN ('ELD-01', 'DUR-01', 'REV-01')"
            " GROUP BY ALL HAVING count(*) > 1"
        ).fetchall()
        assert not twice, "of each rule a patient has one flag at most"
        return {(effect, came_to): flags for effect, came_to, flags in db.execute(COUNT).fetchall()}


@pytest.mark.parametrize("seed", [3, 8])
def test_the_split_equals_a_count_by_somebody_else(tmp_path, harbour, clara, ravi, ada, adam, seed):
    random = Random(seed)
    for days in (15, 20, 27, 40, 60):
        treated = make.patient(harbour, clara, age=random.choice([40, 70, 82]))
        make.prescription(treated, clara, start=1 - days, days=days)
    populate(random, [harbour], clara, ravi)
    call_command("export", str(tmp_path / "before"), verbosity=0)
    version = frozen(begun(ada), ada, *EDITS)
    found = run(version)
    publish.publish(version=version, agreement="Read it.", by=adam)
    screen.drain()
    call_command("export", str(tmp_path / "after"), verbosity=0)
    told = Counter()
    for row in found.counts.exclude(effect="reworded"):
        told[row.effect, PLACES[row.became]] += row.flags
    assert told == counted(tmp_path / "before", tmp_path / "after")
    assert {effect for effect, _ in told} >= {"closed", "raised"}
    assert {came_to for _, came_to in told} > {5}, "somebody decided on some of them"

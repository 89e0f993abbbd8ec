"""`./dev manage rules`: the catalogue as text and as data."""

import json
from io import StringIO

from django.core.management import call_command

from reviews.rules import RULES
from reviews.rules.catalogue import left_out


def printed(*args):
    out = StringIO()
    call_command("rules", *args, stdout=out)
    return out.getvalue()


def test_the_text_names_every_rule_and_what_is_left_out():
    text = printed()
    for rule in RULES:
        assert f"{rule.id:8} {rule.title}\n" in text
    for rule_id, reason in left_out().items():
        assert f"{rule_id:8} left out: {reason}\n" in text
    assert "[not verified]" in text


def test_the_data_holds_parameters_sources_and_dates():
    data = json.loads(printed("--json"))
    rows = {row["id"]: row for row in data["rules"]}
    assert set(rows) == {rule.id for rule in RULES}
    assert rows["DUR-01"]["parameters"]["UK"] == {"s4_over_days": 14, "s2_over_days": 28}
    assert rows["DUR-01"]["sources"][0]["next_review"]
    assert rows["DUR-06"]["verified"] is True
    assert rows["REF-02"]["verified"] is False
    assert data["left_out"]["ELD-03"] == "an alias of DOSE-03"

"""`./dev manage noise`: what the rules ask of reviewers, counted on three people."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from reviews import records
from reviews.verbs import exempt, observe
from tests import make


def noise(*args):
    out = StringIO()
    call_command("noise", *args, stdout=out)
    return out.getvalue()


def measured(*args):
    return json.loads(noise("--json", *args))


@pytest.fixture
def three(harbour, clara):
    """One with two reasons to look, one without any, and one who takes no benzodiazepine."""
    long, short, other = (make.patient(harbour, clara, age=40) for _ in range(3))
    make.prescription(long, clara, start=-34, days=35)
    make.prescription(short, clara, days=14)
    make.prescription(other, clara, "Amlodipine 5 mg tablets", indication="other")
    return long, short, other


def steps(said):
    return {row["step"]: (row["count"], row["per_100"]) for row in said["steps"]}


def test_each_step_counts_fewer(three):
    said = measured()
    assert (said["patients"], said["on_benzodiazepine_or_z_drug"]) == (3, 2)
    of = said["rules"]
    assert of["DUR-01"] == {
        "fired": 1,
        "in_context": 1,
        "s2": 1,
        "queued": 1,
        "cases": 1,
    }
    counts = steps(said)
    assert counts["cases"] == (1, 50.0)
    assert counts["fired"][0] > counts["queued"][0] > counts["cases"][0]
    assert counts["queued"][0] == sum(rule.get("queued", 0) for rule in of.values())
    assert counts["queued"][0] >= counts["cards"][0] >= counts["cases"][0]
    assert said["per_case"] == {
        "findings": {"median": 4, "mean": 4, "most": 4},
        "cards": {"median": 3, "mean": 3, "most": 3},
    }
    assert said["cases_by_severity"] == {"s2": 1}
    assert said["cases_of_others"] == 0


def test_findings_of_one_matter_are_one_card(harbour, clara):
    long = make.patient(harbour, clara, age=79)
    for start in (-130, -102, -74, -46, -18):
        make.prescription(long, clara, start=start, days=28)
    of = measured()["per_case"]
    assert of["findings"]["most"] > of["cards"]["most"] == 1
    assert "Cards of a case: 1 (median)" in noise()


def test_what_an_exemption_covers_is_counted_before_context_only(three, ravi):
    exempt.exempt(
        patient=three[0],
        kind="specialist",
        evidence="Letter of the sleep clinic",
        expires_on=make.day(90),
        by=ravi,
    )
    rule = measured()["rules"]["DUR-01"]
    assert (rule["fired"], rule["s4"], rule.get("queued")) == (1, 1, None)


def test_a_record_without_readings_can_be_imagined(three, ravi):
    advice = records.ReadingRecord(kind="driving_counselling", on=make.day(), text="done")
    observe.record_reading(patient=three[1], record=advice, by=ravi)
    with_it, without = measured(), measured("--without-readings")
    assert "DRV-01" not in with_it["rules"]
    assert without["rules"]["DRV-01"]["s4"] == 1


def test_one_practice_alone(three, lakeside):
    assert measured("--practice", "lakeside")["patients"] == 0
    assert "0 are on a benzodiazepine" in noise("--practice", "lakeside")


def test_the_text_has_a_row_for_each_rule_that_fired(three):
    text = noise()
    assert "3 patients, of whom 2 are on" in text
    assert any(line.startswith("DUR-01 ") for line in text.splitlines())

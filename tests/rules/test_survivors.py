"""What small faults in the rules once went unnoticed by: each has its test (docs/mutation.md)."""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Exemption

from .book import BOOK, finding, fired, line, not_evaluable, on, person

LORAZEPAM, ALPRAZOLAM = "lorazepam 1 mg tablets", "alprazolam 0.5 mg tablets"
MORPHINE, NALOXONE = "morphine 10 mg tablets", "naloxone nasal spray"
OLD = date(1950, 6, 15)


def test_naloxone_counts_behind_a_medicine_that_is_left_out():
    naloxone = line(NALOXONE, start=-30, days=1, indication="other")
    assert "OPI-03" in fired(line(), line(MORPHINE))
    assert "OPI-03" not in fired(line(), line(MORPHINE), naloxone)
    # Neither one without a date nor one of tomorrow hides the next.
    undated, ahead = naloxone._replace(start_on=None, written_on=None), line(NALOXONE, start=1)
    assert "OPI-03" not in fired(line(), line(MORPHINE), undated, ahead, naloxone)


def test_an_end_is_seen_beside_one_that_is_replaced():
    ended = {"days": 60, "end_on": on(40), "status": "stopped"}
    lines = [
        line(ALPRAZOLAM, **ended),
        line(ALPRAZOLAM, start=41, days=14),
        line(LORAZEPAM, **ended),
    ]
    found = [f for f in screen(person(*lines, as_of=41), BOOK).findings if f.rule_id == "STOP-02"]
    assert [f.title for f in found] == ["Lorazepam set to ended without a taper"]


@pytest.mark.parametrize(
    ("begun", "fires", "gap", "why"),
    [
        (-400, True, False, "it lasted until day -281 at most"),
        (-300, True, False, "until day -181 at most: the 181st before"),
        (-299, False, True, "perhaps until day -180"),
    ],
)
def test_a_supply_of_unknown_length_may_have_been_exposure_before(begun, fires, gap, why):
    before = line(LORAZEPAM, start=begun, days_supply=None, quantity=None, status="completed")
    assert ("ELD-01" in fired(before, line(days=7), birth=OLD)) is fires, why
    assert ("ELD-01" in not_evaluable(before, line(days=7), birth=OLD)) is gap, why


@pytest.mark.parametrize(("status", "age"), [("active", 65), ("completed", 64)])
def test_age_counts_today_for_what_may_be_renewed(status, age):
    """ELD-02, of somebody who turned 65 ten days ago: what goes on is judged as of today."""
    vague = line(start=-20, days_supply=None, quantity=None, status=status)
    found = finding("ELD-02", vague, birth=date(1960, 12, 22))
    assert (found is not None) is (age == 65)


@pytest.mark.parametrize(
    ("expected", "known", "why"), [(1.0, True, "a rate is expected"), (None, False, "none is")]
)
def test_as_needed_use_is_of_known_length_by_the_rate_expected(expected, known, why):
    use = line(
        as_needed=True, max_per_day=2, expected_per_day=expected, days_supply=None, quantity=40
    )
    assert ("DUR-01" in fired(use)) is known, why
    assert ("DUR-01" in not_evaluable(use)) is not known, why


def test_an_exemption_lowers_what_another_medicine_made_urgent():
    lines = [line(start=-112 + 28 * n) for n in range(5)]
    opioid = line(MORPHINE, start=-3)
    granted = Exemption(id=1, kind="specialist", starts_on=on(-5), expires_on=on(200))
    assert fired(*lines, opioid)["DUR-04"] == 1
    assert fired(*lines, opioid, exemptions=(granted,))["DUR-04"] == 4


@pytest.mark.parametrize(("free", "severity"), [(13, 2), (14, 1)])
def test_an_overlap_starts_anew_after_14_days(free, severity):
    opioids = [line(MORPHINE, start=-60, days=40), line(MORPHINE, start=-20 + free, days=28)]
    sedatives = [line(start=-90 + 28 * n) for n in range(5)]
    assert fired(*sedatives, *opioids)["OPI-01"] == severity


def test_a_supply_without_an_end_lacks_its_length_and_not_its_dose():
    facts = {f.name: f.value for f in finding("DQ-01", line(days_supply=None, quantity=None)).facts}
    assert facts["missing"] == "quantity or days' supply"


@pytest.mark.parametrize(("again", "first"), [(20, "lorazepam"), (None, "diazepam")])
def test_medicines_are_named_in_the_order_in_which_they_were_begun(again, first):
    lines = [line(days=40), line(LORAZEPAM, start=-3 if again else 3, days=10)]
    if again:
        lines.append(line(LORAZEPAM, start=again, days=10))
    second = ({"lorazepam", "diazepam"} - {first}).pop()
    assert finding("DUP-01", *lines, as_of=25 if again else 10).title == (
        f"{first.capitalize()} and {second} together"
    )


def test_brief_use_of_unknown_length_is_not_judged():
    """DUR-07."""
    known = line(days=2, indication="premedication")
    vague = known._replace(days_supply=None, quantity=None)
    assert "DUR-07" not in not_evaluable(known)
    assert "DUR-07" in not_evaluable(vague)

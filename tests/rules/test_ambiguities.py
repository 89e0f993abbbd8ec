"""Where the catalogue can be read in two ways: the reading of docs/rule-notes.md, on both sides."""

from datetime import date

import pytest

from reviews.rules import conditions, screen
from reviews.rules.dossier import Condition, Exemption
from reviews.rules.sources import SOURCES, country_of

from .book import BOOK, finding, fired, line, not_evaluable, on, person

LORAZEPAM, ZOPICLONE = "lorazepam 1 mg tablets", "zopiclone 7.5 mg tablets"
ZOLPIDEM = "zolpidem 10 mg tablets"
OLD = date(1950, 6, 15)


@pytest.mark.parametrize(("free", "fires"), [(14, True), (15, False)])
def test_a_rise_is_one_within_an_episode(free, fires):
    """DOSE-04: after more than 14 free days a higher dose is a new start and no rise."""
    lines = [line(), line("diazepam 10 mg tablets", start=28 + free, days=28)]
    assert ("DOSE-04" in fired(*lines, as_of=28 + free + 5)) is fires


@pytest.mark.parametrize(("first", "fires"), [(89, True), (90, False)])
def test_the_first_90_days_are_those_in_which_a_supply_is_begun(first, fires):
    """SUP-01: a supply issued early counts from the day on which it is begun, behind the stock."""
    lines = [line(days=first), line(start=first - 5, days=31)]
    assert ("SUP-01" in fired(*lines, as_of=first)) is fires


@pytest.mark.parametrize(
    ("earlier", "again", "fires", "why"),
    [
        ("diazepam 5 mg tablets", 19, False, "5 days of another benzodiazepine lend none"),
        (LORAZEPAM, 19, True, "5 days of the same one, 14 free days, and 6 now"),
        (LORAZEPAM, 20, False, "after 15 free days it is another exposure"),
    ],
)
def test_days_together_are_those_of_the_medicines_named(earlier, again, fires, why):
    """DUP-02 counts within the exposure to the benzodiazepine, DUP-03 within that to one of two."""
    lines = [
        line(earlier, start=0, days=5),
        line(ZOPICLONE, start=0, days=40, indication="insomnia"),
        line(LORAZEPAM, start=again, days=6),
    ]
    found = finding("DUP-02", *lines, as_of=again + 4)
    assert (found is not None) is fires, why
    if found:
        assert "for 11 days, since 1 January 2026, most recently from 20 January" in found.sentence


@pytest.mark.parametrize(
    ("schedule", "days", "fires", "why"),
    [
        (((1.0, 14), (0.5, 14)), 56, False, "28 days are written"),
        (((1.0, 14), (0.5, 15)), 14, True, "29 days are written"),
    ],
)
def test_a_written_schedule_outranks_the_days_stated(schedule, days, fires, why):
    found = fired(line(schedule=schedule, days=days))
    assert (found.get("DUR-01") == 2) is fires, why


@pytest.mark.parametrize(
    ("last", "known", "why"),
    [(119, True, "120 days to the written end"), (120, False, "121 days to it")],
)
def test_121_days_are_known_where_a_written_end_leaves_120(last, known, why):
    supplied = line(days=121, end_on=on(last))
    assert ("DUR-04" not in not_evaluable(supplied, as_of=5)) is known, why
    assert ("DQ-01" in fired(supplied, as_of=5)) is not known, why


@pytest.mark.parametrize(("between", "severity"), [(90, 2), (91, 4)])
def test_early_issues_are_counted_back_from_the_latest(between, severity):
    """REF-01: the 90th day before the latest early issue counts."""
    lines = [line(), line(start=20), line(start=between + 15), line(start=between + 20)]
    assert fired(*lines, as_of=between + 21)["REF-01"] == severity


@pytest.mark.parametrize(("as_of", "fires"), [(50, True), (110, True), (111, False)])
def test_early_issues_are_told_between_supplies_too(as_of, fires):
    """REF-01: twice within 90 days, the last of them on day 20; all are used up on day 33."""
    lines = [line(days=14), line(start=10, days=14), line(start=20, days=14)]
    assert (fired(*lines, as_of=as_of).get("REF-01") == 2) is fires


# --- in proportion ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "dose", "earlier", "severity", "why"),
    [
        (28, 1, None, 4, "a single course of 28 days"),
        (29, 1, None, 2, "29 days of a low dose"),
        (28, 1, -181, 4, "a course that ended 181 days before it"),
        (28, 1, -180, 2, "a course that ended 180 days before it"),
        (28, 3, None, 4, "15 mg, no high dose"),
        (28, 4, None, 2, "20 mg, a high dose"),
        (29, 2, None, 2, "10 mg, a low dose"),
        (29, 3, None, 1, "15 mg, more than a low dose"),
        (89, 1, None, 2, "89 days"),
        (90, 1, None, 1, "90 days"),
    ],
)
def test_the_end_of_a_supply_is_graded_by_use(days, dose, earlier, severity, why):
    lines = [line(days=days, dose=dose)]
    if earlier is not None:
        lines.append(line(start=earlier - 6, days=7))
    found = finding("STOP-01", *lines, as_of=days + 9)
    assert found.severity == severity, why
    assert ("giv" in found.sentence) is (severity < 4), why
    assert ("same day" in found.sentence) is (severity == 1), why


@pytest.mark.parametrize("text", ["withdrawal seizure", "epilepsy"])
def test_after_an_earlier_seizure_the_end_is_urgent(text):
    told = Condition(id=1, text=text, onset_on=on(-300))
    assert conditions.themes_of((), text)
    assert fired(line(), as_of=37, conditions=(told,))["STOP-01"] == 1


def test_a_step_down_after_a_few_days_is_no_fast_taper():
    schedule = ((4.0, 12), (2.0, 7), (1.0, 14))
    early = line(dose=4, schedule=schedule, days=33)
    assert "TAP-01" not in fired(early, as_of=26)
    assert "TAP-01" in fired(line(start=-40, days=40, dose=4), early, as_of=26)


def test_a_course_that_only_began_this_year_is_not_intermittent():
    """DUR-10 is said of use with pauses."""
    continuous = [line(start=28 * n) for n in range(7)]
    assert "DUR-10" not in fired(*continuous, as_of=190)
    paused = [line(start=45 * n, days=20) for n in range(7)]
    assert "DUR-10" in fired(*paused, as_of=280)


# --- whom an exemption is for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "severity", "why"), [(-90, 4, "begun 90 days ago"), (-91, 1, "begun 91 days ago")]
)
def test_palliative_care_by_the_indication_alone_lowers_for_90_days(start, severity, why):
    lines = [
        line(start=start, days_supply=None, quantity=None, indication="palliative"),
        line("morphine 10 mg tablets", indication="palliative"),
    ]
    assert fired(*lines)["OPI-01"] == severity, why


def test_palliative_care_of_one_sedative_is_not_that_of_another():
    lines = [
        line(indication="palliative"),
        line(LORAZEPAM),
        line("morphine 10 mg tablets", indication="palliative"),
    ]
    assert fired(*lines)["OPI-01"] == 1
    assert fired(*lines[::2])["OPI-01"] == 4


def test_the_gate_and_an_allergy_are_kept_in_palliative_care():
    told = Condition(id=1, kind="allergy", text="benzodiazepines")
    found = fired(line(indication="palliative"), conditions=(told,))
    assert found["ALG-01"] == 1


@pytest.mark.parametrize(("kind", "left"), [("specialist", 4), ("spasticity_neurological", 3)])
def test_what_the_elderly_rules_leave_of_an_exemption(kind, left):
    granted = Exemption(id=1, kind=kind, starts_on=on(-5), expires_on=on(200))
    found = fired(line("clonazepam 0.5 mg tablets"), birth=OLD, exemptions=(granted,))
    assert {found[rule] for rule in ("ELD-01", "ELD-02", "ELD-04")} == {left}


# --- substitution ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "rule", "why"),
    [
        ({"indication": "opioid_dependence"}, "OPI-02", "by the indication"),
        ({"setting": "substitution", "indication": "unknown"}, "OPI-02", "by the service"),
        ({"indication": "pain"}, "OPI-01", "for pain"),
        ({"indication": "unknown"}, "OPI-01", "nobody says"),
    ],
)
@pytest.mark.parametrize("text", ["methadone 1 mg/ml oral solution", "buprenorphine 8 mg tablets"])
def test_substitution_is_what_it_is_for(text, more, rule, why):
    found = fired(line(), line(text, **more))
    assert {"OPI-01", "OPI-02"} & found.keys() == {rule}, why


def test_nothing_suggests_bringing_substitution_down():
    methadone = line("methadone 1 mg/ml oral solution", indication="opioid_dependence")
    assert "keep the substitution treatment going" in finding("OPI-02", line(), methadone).sentence
    unknown = line("methadone 1 mg/ml oral solution", indication="unknown")
    assert finding("OPI-01", line(), unknown).clears.startswith("Where it is substitution")


# --- what a gap says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"dose": None}, "The daily dose is not known for diazepam."),
        (
            {"start": None, "written_on": None},
            "The first day is not recorded for diazepam.",
        ),
    ],
)
def test_a_dose_band_says_what_it_lacks(more, reason):
    screening = screen(person(line(**more), as_of=3), BOOK)
    (gap,) = [gap for gap in screening.not_evaluable if gap.rule_id == "DOSE-05"]
    assert gap.reason == reason


def test_a_drug_without_a_figure_is_said_to_have_none():
    screening = screen(person(line("oxazepam 10 mg tablets"), as_of=3), BOOK)
    (gap,) = [gap for gap in screening.not_evaluable if gap.rule_id == "DOSE-05"]
    assert gap.reason == "No diazepam equivalent is held for oxazepam."


# --- whose guidance it is --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "whose"), [("US", "; guidance is"), ("UK", "; US guidance is")]
)
def test_guidance_of_another_country_is_named_as_such(profile, whose):
    found = finding("OPI-03", line(), line("morphine 10 mg tablets"), profile=profile)
    assert whose in found.sentence


@pytest.mark.parametrize(
    ("key", "country"),
    [
        ("asam-2025-17", "US"),
        ("mhra-opioid-2020", "UK"),
        ("fr-meddispar", "France"),
        ("racgp-b", "Australia"),
        ("norvir-smpc", "EU"),
        ("manitoba-2021", ""),
        ("portal", ""),
    ],
)
def test_the_country_of_a_source(key, country):
    assert country_of(SOURCES[key].issuer) == country


def test_a_legal_limit_is_of_a_country():
    """LEG-01: of the countries of the EU profile one limit is held, and it is named."""
    found = finding("LEG-01", line("temazepam 10 mg tablets", days=29), profile="EU")
    assert (found.severity, "France" in found.title) == (4, True)


@pytest.mark.parametrize(("birth", "fires"), [(date(2008, 1, 5), True), (date(2008, 1, 4), False)])
def test_a_child_is_one_today(birth, fires):
    """PED-01 on 4 January 2026, of an order of three days before."""
    assert ("PED-01" in fired(line(), birth=birth, as_of=3)) is fires


def test_the_age_said_of_a_child_holds_until_the_next_birthday():
    child = person(line(days=60), birth=date(2017, 1, 20), as_of=3)
    assert screen(child, BOOK).valid_until <= date(2026, 1, 20)

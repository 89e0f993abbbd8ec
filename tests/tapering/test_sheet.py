"""The patient's sheet: it says the same as the plan, in words that are easy to read."""

import re
import string
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.tapering import doses, planning, sheet
from reviews.tapering.sheet import HIGHEST_GRADE, LANGUAGES, wording
from tests.rules.book import DAY0
from tests.tapering.test_plans import made, nightly, often, requests

ENGLISH = wording("en")
SHARES = {"half": Decimal("0.5"), "quarter": Decimal("0.25")}


def read_back(said):
    """The mg that a cell of the English sheet asks for, read as a person reads it."""
    if said == "none":
        return Decimal(0)
    total = Decimal(0)
    for words, mg in re.findall(r"(.+?) of ([\d.]+) mg(?: in 5 ml)?(?:, | and |$)", said):
        if words.endswith(" ml"):
            total += Decimal(words.removesuffix(" ml")) * Decimal(mg) / 5
            continue
        number = re.match(r"\d+", words)
        count = Decimal(number[0]) if number else Decimal(0)
        count += sum(share for word, share in SHARES.items() if word in words)
        total += count * Decimal(mg)
    return total


@often(300)
@given(st.one_of(requests(), nightly()), st.integers(0, 300), st.booleans())
def test_the_sheet_says_the_same_as_the_plan(request, day, whole):
    plan = made(request)
    today = DAY0 + timedelta(days=day)
    shown = sheet.sheet(plan, ENGLISH, today, most=None if whole else sheet.STEPS)
    first = plan.steps.index(plan.step_on(today))
    expected = plan.steps[first:] if whole else plan.steps[first : first + sheet.STEPS]
    assert len(shown.rows) == len(expected)
    for row, step in zip(shown.rows, expected, strict=True):
        if step.on > today:
            assert row.on == ENGLISH.day(step.on)
        else:
            assert row.on == (f"now, {row.until}" if row.until else "now")
        said = [cell.said for cell in row.cells]
        if "as you take it now" not in said:
            assert sum(map(read_back, said), Decimal(0)) == step.taken_mg
        by_time = {ENGLISH["times"][dose.time]: dose.mg for dose in step.times}
        for cell in row.cells:
            if cell.said != "as you take it now":
                assert read_back(cell.said) == by_time.get(cell.time, 0)
        named = [name for name in ENGLISH["weekdays"] if name in row.nights]
        assert len(named) == (step.nights if step.nights < 7 else 0)
        assert bool(row.none) == (not step.mg)


def test_a_calendar_has_a_box_for_each_week():
    request = planning.Request(
        "diazepam",
        Decimal(10),
        DAY0,
        DAY0 + timedelta(days=4),
        Decimal(10),
        14,
        (doses.strength("tablet", 2),),
    )
    shown = sheet.sheet(made(request), ENGLISH, DAY0)
    assert [row.on for row in shown.rows] == [
        "now, to 4 January 2026",
        "Monday 5 January",
        "Monday 19 January",
        "Monday 9 February",
    ]
    assert shown.rows[1].weeks == ("5 Jan", "12 Jan")
    assert shown.rows[2].weeks == ("19 Jan", "26 Jan", "2 Feb")
    assert shown.rows[0].until == "to 4 January 2026"


# -- The words -------------------------------------------------------------------------------------


def test_english_reads_at_grade_seven_or_below():
    said = sheet.sentences(ENGLISH)
    assert len(said) > 20
    assert sheet.reading_grade(" ".join(said)) <= HIGHEST_GRADE


def test_no_sentence_of_more_than_eight_words_reads_above_grade_seven():
    """Very short sentences measure badly: "No alcohol." is two words of one long one."""
    for each in sheet.sentences(ENGLISH):
        if len(each.split()) > 8:
            assert sheet.reading_grade(each) <= HIGHEST_GRADE, each


def test_the_grade_measures_what_is_hard_to_read():
    hard = (
        "Discontinuation of benzodiazepines necessitates individualised evaluation of the "
        "physiological adaptation."
    )
    assert sheet.reading_grade(hard) > 12
    assert sheet.reading_grade("Call us. We can help. Go slow.") < 2


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_everything_and_fills_in_the_same(code):
    said = wording(code).said
    assert said.keys() == ENGLISH.said.keys()
    for name, text in said.items():
        if isinstance(text, str):
            assert blanks(text) == blanks(ENGLISH[name]), name
        assert type(text) is type(ENGLISH[name])
    for group in ("times", "amounts"):
        assert said[group].keys() == ENGLISH[group].keys()
    assert (len(said["weekdays"]), len(said["months"]), len(said["months_short"])) == (7, 12, 12)


def blanks(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def test_nothing_tells_anybody_to_end_it_at_once():
    assert not [s for s in sheet.sentences(ENGLISH) if "stop" in s and "not" not in s]


def test_a_signature_holds_for_the_very_words_it_was_given_for():
    said = dict(ENGLISH.said)
    unsigned = sheet.read("en", said | {"signed": {"by": "", "on": "", "digest": ""}})
    assert not unsigned.signed
    signature = {"by": "S. Okafor, pharmacist", "on": "2026-11-28", "digest": unsigned.digest}
    signed = sheet.read("en", said | {"signed": signature})
    assert (signed.signed, signed.signed_by) == (True, "S. Okafor, pharmacist")
    changed = sheet.read("en", said | {"passes": "It always passes.", "signed": signature})
    assert not changed.signed


def test_no_language_is_called_signed_before_somebody_signs_it():
    assert [code for code in LANGUAGES if wording(code).signed] == []


def test_days_are_said_as_the_language_says_them():
    on = date(2026, 12, 7)
    assert (ENGLISH.day(on), wording("fr").day(on, year=True)) == (
        "Monday 7 December",
        "7 décembre 2026",
    )
    with pytest.raises(KeyError):
        wording("tlh")

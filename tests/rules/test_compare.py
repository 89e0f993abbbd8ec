"""What differs between two screenings: new, gone, changed in severity."""

import pytest

from reviews.rules import screen
from reviews.rules.compare import compare
from reviews.rules.finding import Severity
from reviews.rules.meanings import drugs_of

from .book import BOOK, line, person

COURSE = [line(start=28 * n) for n in range(3)]


def between(before, after):
    return compare(screen(before, BOOK), screen(after, BOOK))


def told(before, after):
    """The same for whoever prescribes, who is told of a drug that comes to what stood."""
    drugs = drugs_of(before, BOOK), drugs_of(after, BOOK)
    return compare(screen(before, BOOK), screen(after, BOOK), drugs)


def ids(findings):
    return {finding.rule_id for finding in findings}


def test_a_medicine_that_is_added_brings_its_findings():
    alone, beside = person(*COURSE, as_of=60), person(*COURSE, line("morphine 10 mg", 58), as_of=60)
    found = between(alone, beside)
    assert "OPI-01" in ids(found.new)
    assert "OPI-01" in ids(found.added)
    assert "DUR-01" in ids(found.same)
    assert not found.gone
    assert not found.changed
    back = between(beside, alone)
    assert back.gone == found.new
    assert not back.new


def test_what_is_graded_anew_has_changed_and_is_to_be_told():
    course, morphine = [line(start=28 * n) for n in range(5)], line("morphine 10 mg", 115)
    found = between(
        person(*course, as_of=120, sex="male"),
        person(*course, morphine, as_of=120, sex="male"),
    )
    (change,) = (each for each in found.changed if each.after.rule_id == "DUR-04")
    assert (change.before.severity, change.after.severity) == (Severity.S2, Severity.S1)
    assert "DUR-04" in ids(found.added)
    assert "DUR-04" not in ids(found.new)
    back = between(
        person(*course, morphine, as_of=120, sex="male"), person(*course, as_of=120, sex="male")
    )
    (change,) = (each for each in back.changed if each.after.rule_id == "DUR-04")
    assert (change.before.severity, change.after.severity) == (Severity.S1, Severity.S2)


def test_what_stays_stays_whatever_its_figures_and_the_order_is_that_of_the_later_one():
    before, after = person(*COURSE, as_of=60), person(*COURSE, line(start=84), as_of=60)
    found = between(before, after)
    assert "DUR-01" in ids(found.same)
    (then,) = (each for each in screen(before, BOOK).findings if each.rule_id == "DUR-01")
    (now,) = (each for each in found.same if each.rule_id == "DUR-01")
    assert then.sentence != now.sentence
    everything = list(screen(after, BOOK).findings)
    assert sorted((*found.added, *found.same), key=everything.index) == everything
    assert list(found.added) == [each for each in everything if each in found.added]


def test_a_screening_does_not_differ_from_itself():
    twice = person(*COURSE, as_of=60)
    found = between(twice, twice)
    assert (found.new, found.gone, found.changed, found.added) == ((), (), (), ())
    assert found.same == screen(twice, BOOK).findings


@pytest.mark.parametrize(
    ("added", "is_wider"),
    [
        ("diazepam 5 mg tablets", True),
        ("zopiclone 3.75 mg tablets", False),
        ("zopiclone 7.5 mg tablets", False),
        ("paracetamol 500 mg tablets", False),
    ],
)
def test_a_second_drug_beside_an_opioid_is_told_though_the_first_stood_there(added, is_wider):
    held = [line("morphine 10 mg", 0, 60), line("zopiclone 7.5 mg tablets", 0, 60)]
    before = person(*held, as_of=50)
    after = person(*held, line(added, 50, 28), as_of=50)
    assert "OPI-01" in ids(screen(before, BOOK).findings)
    found = told(before, after)
    assert ("OPI-01" in ids(found.wider)) is is_wider
    assert ("OPI-01" in ids(found.added)) is is_wider
    assert ("OPI-01" in ids(found.same)) is not is_wider
    assert not between(before, after).wider

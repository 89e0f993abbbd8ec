"""What is missing and would change an answer: found by judging again, not by a list of opinions."""

from dataclasses import replace
from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Condition, Dossier, Reading
from reviews.rules.examples import EXAMPLES
from reviews.rules.finding import Severity
from reviews.rules.missing import ASKED, missing
from reviews.rules.readings import KINDS

from . import random_dossiers
from .book import BOOK, line, on, person

MAN = {"sex": "male"}


def of(dossier, what):
    found = [each for each in missing(dossier, BOOK) if each.what.startswith(what)]
    assert len(found) <= 1
    return found[0] if found else None


def test_an_egfr_only_adds_a_note():
    kidney = of(person(line(), **MAN), ASKED["egfr"])
    assert kidney.rules == ("REN-01",)
    assert (kidney.tells, kidney.telling, kidney.worst) == (False, (), None)


def test_beside_gabapentin_it_tells():
    """Impaired kidneys make that pair urgent."""
    beside = line("gabapentin 300 mg capsules", dose_unit="capsule", indication="pain")
    kidney = of(person(line(), beside, **MAN), ASKED["egfr"])
    assert kidney.telling == ("GAB-01",)
    assert kidney.worst == Severity.S1


def test_one_that_is_recorded_is_not_missing():
    known = person(line(), **MAN, readings=(Reading(1, "egfr", 90, on=on(0)),))
    assert missing(known, BOOK) == []


@pytest.mark.parametrize(("age_in", "asked"), [("1996-06-15", True), ("1950-06-15", False)])
def test_pregnancy_tells_where_it_is_asked(age_in, asked):
    woman = person(line(), sex="female", birth=date.fromisoformat(age_in))
    found = of(woman, ASKED["pregnancy"])
    assert (found is not None and found.tells) == asked


def test_untreated_sleep_apnoea_would_be_urgent():
    apnoea = person(line(), **MAN, conditions=(Condition(1, (("icd10", "G47.3"),)),))
    found = of(apnoea, ASKED["cpap_adherence"])
    assert (found.rules, found.telling, found.worst) == (("RSP-02",), ("RSP-02",), Severity.S1)


def test_a_length_that_nobody_recorded_names_its_rules_once():
    unclear = person(line(start=-100, days=None), **MAN)
    found = of(unclear, "Length of supply of diazepam")
    assert {"DUR-01", "DUR-04", "REV-01"} <= set(found.rules)
    assert found.tells
    assert "DUR-04" in found.telling


def test_a_dose_tells_as_it_may_be_over_the_maximum():
    undosed = person(line(dose=None, dose_unit=None, times_per_day=None), **MAN)
    found = of(undosed, "Daily dose of diazepam")
    assert "DOSE-02" in found.telling


def test_a_birth_date_tells():
    found = of(person(line(), birth=None), "Date of birth")
    assert "PED-01" in found.rules
    assert found.worst == Severity.S1


def test_what_the_formulary_lacks_is_never_called_harmless():
    unheld = replace(
        BOOK, drugs=BOOK.drugs | {"diazepam": replace(BOOK.drugs["diazepam"], max_mg_per_day={})}
    )
    found = [each for each in missing(person(line(), **MAN), unheld) if not each.known]
    assert [each.rules for each in found] == [("DOSE-02",)]
    assert found[0].tells


def dossiers():
    for examples in EXAMPLES.values():
        for example in examples:
            values = {name: getattr(example.dossier, name) for name in Dossier.__slots__}
            for profile in example.claims:
                yield Dossier(**(values | {"profile": profile}))
    yield from (random_dossiers.dossier(number, BOOK) for number in range(200))


def test_every_gap_stands_with_a_missing_fact_and_no_other():
    gaps = 0
    for dossier in dossiers():
        said = {(gap.rule_id, gap.reason) for gap in screen(dossier, BOOK).not_evaluable}
        found = missing(dossier, BOOK)
        assert {rule_id for rule_id, _ in said} == {rule for each in found for rule in each.rules}
        assert {reason for _, reason in said} == {why for each in found for why in each.reasons}
        tells = [each.tells for each in found]
        assert tells == sorted(tells, reverse=True)
        gaps += len(said)
    assert gaps > 500


def test_what_is_asked_is_a_reading():
    assert ASKED.keys() <= KINDS.keys()

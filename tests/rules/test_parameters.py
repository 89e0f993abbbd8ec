"""A rule book that lacks a parameter: its rule is not asked, and nobody makes the number up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reviews.rules import screen
from reviews.rules.asking import runs
from reviews.rules.dossier import Exemption, Reading, Taper, TaperStep
from reviews.rules.parameters import RENAMED
from reviews.rules.registry import RULES

from . import random_dossiers
from .book import BOOK, line, on, person

PEOPLE = [random_dossiers.dossier(number, BOOK) for number in range(40)]
OWN = [(rule.id, parameter.name) for rule in RULES for parameter in rule.parameters]


def without(rule_id, name=None):
    """The book without a rule, or without one of its parameters under every profile."""
    own = {
        profile: {key: value for key, value in limits.items() if key != name}
        for profile, limits in BOOK.rules[rule_id].items()
    }
    others = {key: value for key, value in BOOK.rules.items() if key != rule_id}
    return replace(BOOK, rules=others if name is None else others | {rule_id: own})


@pytest.mark.parametrize(("rule_id", "name"), OWN)
def test_without_one_of_its_parameters_a_rule_says_nothing(rule_id, name):
    book = without(rule_id, name)
    lacks = {profile for profile, limits in BOOK.rules[rule_id].items() if name in limits}
    assert lacks
    for dossier in PEOPLE:
        screening = screen(dossier, book)
        if dossier.profile in lacks:
            heard = {each.rule_id for each in screening.findings}
            heard |= {gap.rule_id for gap in screening.not_evaluable} | {*screening.shadowed}
            assert rule_id not in heard


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_first_book_holds_every_parameter_that_the_code_asks_for(rule):
    assert [profile for profile in BOOK.rules[rule.id] if not runs(rule, BOOK, profile)] == []


def said(dossier, book, rule_id):
    return [each for each in screen(dossier, book).findings if each.rule_id == rule_id]


def test_no_taper_is_judged_by_a_pregnancy_that_the_book_cannot_tell():
    dossier = person(
        line(days=28),
        as_of=3,
        sex="female",
        tapers=(Taper(id=1, drug="diazepam", steps=(TaperStep(on(0), 5), TaperStep(on(28), 4))),),
        readings=(Reading(id=1, kind="pregnancy", text="second", on=on(0)),),
    )
    assert "pregnancy" in said(dossier, BOOK, "TAP-07")[0].sentence
    assert said(dossier, without("PRG-01"), "TAP-07") == []
    assert said(dossier, without("PRG-01", "pregnancy_weeks"), "TAP-07") == []


def test_the_alcohol_withdrawal_exemption_lowers_nothing_where_the_book_does_not_say_how_long():
    regimen = line(days=9, indication="alcohol_withdrawal", setting="community")
    dossier = person(
        regimen,
        as_of=0,
        birth=on(0) - timedelta(days=70 * 366),
        exemptions=(
            Exemption(id=1, kind="alcohol_withdrawal", starts_on=on(-5), expires_on=on(60)),
        ),
    )
    assert said(dossier, BOOK, "ELD-01") == []
    assert said(dossier, without("ALC-02"), "ELD-01")
    ward = dossier.lines[0]._replace(setting="inpatient")
    assert said(replace(dossier, lines=(ward,), exemptions=()), BOOK, "ELD-01") == []
    assert said(replace(dossier, lines=(ward,), exemptions=()), without("ALC-02"), "ELD-01")


def test_a_risk_that_the_book_does_not_look_for_shortens_no_supply():
    dossier = person(
        line(days=28),
        as_of=3,
        readings=(Reading(id=1, kind="phq9_item9", value=2, on=on(0)),),
    )
    assert "SUP-01" in screen(dossier, BOOK).shadowed
    left = screen(dossier, without("SUI-01"))
    assert "SUP-01" not in {*left.shadowed, *(each.rule_id for each in left.findings)}


def test_a_book_published_with_the_earlier_names_of_two_parameters_judges_as_it_did():
    data = BOOK.to_json()
    named_now = {now: before for before, now in RENAMED.items()}
    data["rules"] = {
        rule: {
            profile: {named_now.get(name, name): value for name, value in limits.items()}
            for profile, limits in profiles.items()
        }
        for rule, profiles in data["rules"].items()
    }
    assert "z_in_equivalents_count" in data["rules"]["EXPOSURE"]["UK"]
    assert "urgent_count" in data["rules"]["GLA-01"]["US"]
    assert type(BOOK).from_json(data) == BOOK

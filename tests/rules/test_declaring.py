"""A rule is declared above its function, and collected from its module."""

import re
from types import ModuleType

import pytest

from reviews.rules import elderly
from reviews.rules.exemptions import KINDS, graded
from reviews.rules.parameters import DAYS, parameter
from reviews.rules.registry import BY_ID, RULES, by_id, collected
from reviews.rules.rule import LENGTH, QUEUED, S3, declared, rule


def declare(rule_id, function, **more):
    above = {"family": "Duration", "title": "Long", "theme": LENGTH, "sources": ("portal",), **more}
    return rule(rule_id, severity=S3, shown=QUEUED, **above)(function)


def long_use(view, limit):
    """NEW-01. Longer than
    it should be."""
    return view, limit


def test_a_function_stays_itself_and_bears_its_rule():
    same = declare("NEW-01", long_use, parameters=(parameter("over_days", DAYS, "Over", 7, US=9),))
    assert same is long_use
    assert same("view", "limit") == ("view", "limit")
    found = declared(long_use)
    assert (found.id, found.check, found.trigger) == (
        "NEW-01",
        long_use,
        "Longer than it should be.",
    )
    assert found.limits == {"UK": {"over_days": 7}, "US": {"over_days": 9}, "EU": {"over_days": 7}}
    assert declared(declare) is None
    assert "NEW-01" not in BY_ID


def test_a_rule_of_one_profile_has_no_limits_elsewhere():
    over_mg = BY_ID["DOSE-06"].limits
    assert over_mg == {"US": {"over_mg": 5, "extended_over_mg": 6.25}}


def test_a_field_that_no_rule_has_is_refused():
    with pytest.raises(TypeError, match="colour"):
        declare("NEW-01", long_use, colour="red")


def test_a_module_gives_its_own_rules_in_the_order_of_its_source():
    assert [each.id for each in collected(elderly)] == ["ELD-01", "ELD-02", "ELD-04", "ELD-06"]
    borrower = ModuleType("borrower")
    borrower.new_start = elderly.new_start
    assert collected(borrower) == []


def test_two_rules_with_one_id_are_an_error():
    with pytest.raises(ValueError, match="ELD-02"):
        by_id([*RULES, BY_ID["ELD-02"]])


@pytest.mark.parametrize("found", RULES, ids=lambda found: found.id)
def test_the_severities_declared_hold_what_an_exemption_leaves(found):
    lowest = {
        graded(found.id, severity, [kind])
        for severity in found.severity.severities
        for kind in KINDS
    }
    assert lowest - {None} <= set(found.severity.severities)


@pytest.mark.parametrize("found", RULES, ids=lambda found: found.id)
def test_the_words_of_a_severity_name_each_that_may_be_given(found):
    named = sorted({int(digit) for digit in re.findall(r"\bS([1-4])\b", found.severity.words)})
    assert named == list(found.severity.severities)
    assert found.shown.interrupts is ("Interrupts" in found.shown.words)


def test_the_record_is_judged_by_four_rules():
    assert [each.id for each in RULES if each.judges_data] == ["DQ-01", "DQ-03", "DQ-04", "DQ-02"]

"""The rule catalogue and the page of a rule."""

import re
from unittest import mock

import pytest

from reviews import rulebooks
from reviews.conclusions import FlagOutcome
from reviews.rules.examples import EXAMPLES
from reviews.rules.registry import RULES
from reviews.verbs import decide
from tests import make
from tests.web.browse import Browser, heading, words

STOP = re.compile(r"\bstop (the|taking|it|every)\b")


@pytest.mark.parametrize("who", ["clara", "ravi", "ada", "audrey"])
def test_everybody_with_a_role_reads_the_rules(who, harbour):
    browser = Browser(make.person(who, harbour))
    assert heading(browser.get("/rules")) == f"{len(RULES)} rules in rule book 1"
    assert browser.get("/rules/DUR-01").status_code == 200


def test_nobody_without_a_role_reads_them(rulebook, django_user_model):
    stranger = django_user_model.objects.create_user("stranger")
    assert Browser(stranger).get("/rules").status_code == 403
    assert Browser(stranger).get("/rules/DUR-01").status_code == 403


def test_every_rule_is_listed_with_title_authority_and_review_date(clara):
    page = Browser(clara).read("/rules")
    for rule in RULES:
        assert rule.id in page
        assert rule.title in page.replace("&#x27;", "'")
    assert "Committee on Safety of Medicines" in page
    assert "partly unverified or local" in page


def test_the_trigger_stands_on_the_page_of_the_rule(clara):
    rule = RULES[0]
    assert rule.trigger[:60] in Browser(clara).read(f"/rules/{rule.id}").replace("&#x27;", "'")


def test_what_all_rules_share_is_that_of_the_profile_asked_for(clara):
    browser = Browser(clara)
    assert "Diazepam equivalents by Scottish Government 2024" in browser.read("/rules")
    assert "Diazepam equivalents by VA/DoD 2021" in browser.read("/rules", profile="US")


def test_rules_are_found_by_family_and_state(clara):
    browser = Browser(clara)
    one = RULES[0]
    page = browser.read("/rules", family=one.family)
    assert one.id in page
    assert f"of {len(RULES)} rules in rule book 1" in page
    floor = browser.read("/rules", state="floor", q="OPI")
    assert "OPI-01" in floor
    assert "DUR-01" not in floor
    assert "No rule fits" in browser.read("/rules", state="changed_here")
    unknown = browser.get("/rules", state="moonbeam", family="moonbeam")
    assert heading(unknown) == f"{len(RULES)} rules in rule book 1"


def test_rules_are_found_by_words_and_theme(clara):
    browser = Browser(clara)
    page = browser.get("/rules", q="opioid", theme="Breathing and sedation")
    assert "OPI-01" in words(page)
    assert "DUR-01" not in words(page)
    assert "No rule fits" in words(browser.get("/rules", q="moonbeam"))


def test_a_page_of_each_family_never_says_to_stop(clara):
    browser = Browser(clara)
    for rule in {rule.family: rule for rule in RULES}.values():
        page = browser.get(f"/rules/{rule.id}")
        assert heading(page).startswith(rule.id)
        assert "no benzodiazepine should be stopped abruptly" in words(page)
        assert not STOP.search(words(page).lower()), rule.id
    assert not STOP.search(browser.read("/rules").lower())


def test_the_page_shows_each_profile_and_each_source(clara):
    page = Browser(clara).read("/rules/DUR-01")
    assert "UK yours" in page
    assert "S2 above 28 days none 84 days" in page
    assert "unverified or local policy" in page


def test_what_a_rule_says_is_said_for_the_first_of_ones_practices(harbour, lakeside):
    """Harbour Street, of the UK, comes before Lakeside, of the US, by name."""
    make.person("ravi", harbour)
    both = make.person("ravi", lakeside)
    page = Browser(both).read("/rules/DUR-01")
    assert "the limit of the UK profile" in page
    assert "the limit of the US profile" not in page


def test_a_rule_that_does_not_exist_is_not_found(clara):
    assert Browser(clara).get("/rules/OLD-99").status_code == 404


def test_flags_and_decisions_of_my_practices_are_counted(harbour, lakeside, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    elsewhere = make.person("doc", lakeside, "clinician")
    rule_id = case.rule_ids[0]
    page = Browser(clara).read(f"/rules/{rule_id}")
    assert "Raised 1 Open now 1 Decided 0" in page
    assert "Raised 0 Open now 0" in Browser(elsewhere).read(f"/rules/{rule_id}")
    flags = list(case.flags.open())
    decide.decide(
        case=case,
        outcomes=[FlagOutcome(flag.pk, "taper", "agreed_with_patient") for flag in flags],
        note="",
        by=ravi,
        seen=case.lock,
    )
    assert "0 1/1 0/1" in Browser(clara).read("/rules", q=rule_id)
    page = Browser(clara).read(f"/rules/{rule_id}")
    assert "Open now 0 Decided 1" in page
    assert "Reduce or taper 1 " in page
    assert "Plan changed 1/1 Overridden 0/1" in page


@pytest.mark.parametrize("rule_id", [rule.id for rule in RULES])
def test_the_page_of_every_rule_shows_its_examples(rule_id, clara):
    page = Browser(clara).read(f"/rules/{rule_id}")
    told = EXAMPLES[rule_id]
    assert f"{len(told)} of {len(told)} hold" in page
    assert "quiet" in page
    assert "not as written" not in page


def test_an_example_that_comes_out_otherwise_under_this_book_is_marked(clara, rulebook):
    rulebook.book["rules"]["REN-01"]["UK"]["egfr_below_ml_min"] = 45
    book = rulebooks.RuleBook.from_json(rulebook.book)
    with mock.patch.object(rulebooks, "live", return_value=(rulebook.pk, book)):
        page = Browser(clara).read("/rules/REN-01")
    assert "2 of 3 hold" in page
    assert "S3 Note UK not as written" in page


def test_severities_and_interruptions_are_shown(clara):
    browser = Browser(clara)
    listed = browser.read("/rules", q="RSP-02")
    assert "S1 Urgent S3 Note" in listed
    assert "may interrupt" not in listed
    assert "may interrupt" in browser.read("/rules", q="OPI-04")
    asks = "Where it interrupts, the form asks for a reason"
    page = browser.read("/rules/OPI-04")
    assert f"Severity S1 Urgent Shown Interrupts {asks}" in page
    missing = browser.read("/rules/DQ-01")
    assert asks not in missing
    assert "Shown Queue It judges the record: the answer is to complete it." in missing


def test_a_yes_or_no_is_no_count(clara):
    assert "Urgent in this profile none yes none" in Browser(clara).read("/rules/GLA-01")


def test_the_page_says_what_keeps_a_rule_quiet(clara):
    page = Browser(clara).read("/rules/GAB-01")
    assert "EXM-03 Palliative or end-of-life care, hospice is in force" in page
    assert "Gives way to OPI-04" in page
    assert "lowered to S4 Info" in Browser(clara).read("/rules/ELD-02")


def test_the_page_shows_the_rows_of_the_table_of_precedence(clara):
    browser = Browser(clara)
    assert "Gives way to DUR-04 where both are about the same episode" in browser.read(
        "/rules/DUR-01"
    )
    months = browser.read("/rules/DUR-04")
    assert "Shown in place of DUR-01 where both are about the same episode" in months
    assert (
        "REV-02 where no review is planned (a planned one that was missed is shown) and" in months
    )
    assert "More urgent with OPI-01, OPI-02" in months
    assert "Makes more urgent DUR-04 where" in browser.read("/rules/OPI-01")
    assert "Gives way" not in browser.read("/rules/OPI-01")


def test_what_the_catalogue_leaves_out_is_listed_with_the_reason(clara):
    page = Browser(clara).read("/rules")
    assert "ELD-03 An alias of DOSE-03" in page
    assert "EXM-01 An exemption: it lowers or silences other rules" in page

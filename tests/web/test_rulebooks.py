"""Rule books: draft, look at the difference, agree as a second person."""

from decimal import Decimal

import pytest

from drugs.models import Limit
from reviews.models import RuleVersion
from reviews.queries.differences import differences
from reviews.verbs import edit, publish
from tests import make
from tests.web.browse import Browser, heading, words


def change_a_limit(by, *, mg="25"):
    row = Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")
    return edit.revise(
        row=row,
        values={"mg_per_day": Decimal(mg)},
        citation=edit.Citation(source="SmPC", locator="4.2", next_review=make.day(90)),
        seen=row.changed_at,
        by=by,
    )


@pytest.fixture
def draft(rulebook, ada):
    change_a_limit(ada)
    return make.tried(publish.draft(note="Lower maximum", by=ada))


def test_everybody_with_a_role_reads_them(draft, harbour):
    for who in ("clara", "ravi", "ada", "audrey"):
        browser = Browser(make.person(who, harbour))
        assert browser.get("/rule-books").status_code == 200
        assert browser.get("/rule-books/999").status_code == 404
    assert browser.get("/rule-books/1").status_code == 200
    assert browser.get(f"/rule-books/{draft.number}").status_code == 200


def test_without_a_change_there_is_nothing_to_draft(ada, clara, rulebook):
    page = Browser(ada).get("/rule-books")
    assert heading(page) == "Rule book 1 is live, nothing waits"
    assert "There is nothing to draft" in words(page)
    assert Browser(ada).post("/rule-books/draft", note="x").status_code == 409
    assert heading(Browser(clara).get("/rule-books")) == "Rule book 1 is live"


def test_a_change_waits_is_drafted_and_compared(ada, rulebook):
    change_a_limit(ada)
    browser = Browser(ada)
    page = browser.get("/rule-books")
    assert heading(page) == "Rule book 1 is live, 1 change waits"
    assert "Drug facts 1: diazepam" in words(page)
    page = browser.follow("/rule-books/draft", note="Lower maximum")
    assert "Draft 2 is frozen" in words(page)
    text = words(page)
    assert "max mg per day · UK · adult" in text
    assert "25" in text
    assert "“Lower maximum”" in text.replace("&quot;", '"')


def test_the_drafter_is_told_why_somebody_else_must_publish(draft, ada, adam):
    page = Browser(ada).read(f"/rule-books/{draft.number}")
    assert "You drafted this, so somebody else must publish it" in page
    assert "Adam Byrne may" in page
    assert "Agree and publish" not in page
    refused = Browser(ada).post(f"/rule-books/{draft.number}/publish")
    assert refused.status_code == 403
    assert "second person" in words(refused)
    assert RuleVersion.objects.get(pk=draft.pk).state == "draft"


def test_a_second_person_publishes(draft, adam):
    browser = Browser(adam)
    page = browser.get(f"/rule-books/{draft.number}")
    assert "Agree and publish as 2" in words(page)
    page = browser.follow(f"/rule-books/{draft.number}/publish", agreement="I read the SmPC.")
    assert "Rule book 2 is live" in words(page)
    assert heading(page).startswith("Rule book 2 changed")
    assert heading(browser.get("/rule-books")) == "Rule book 2 is live, nothing waits"
    assert browser.post(f"/rule-books/{draft.number}/publish").status_code == 409


def test_a_draft_that_a_later_book_overtook_is_refused(draft, ada, adam):
    change_a_limit(ada, mg="20")
    later = publish.draft(note="", by=ada)
    publish.publish(version=make.tried(later), agreement="Read it.", by=adam)
    assert (
        Browser(adam).post(f"/rule-books/{draft.number}/publish", agreement="x").status_code == 409
    )


def test_a_draft_is_put_away(draft, ada):
    page = Browser(ada).follow(f"/rule-books/{draft.number}/discard")
    assert "Draft 2 is put away" in words(page)
    assert "put away" in words(Browser(ada).get(f"/rule-books/{draft.number}"))


def test_others_neither_draft_nor_publish_nor_discard(draft, harbour):
    for who in ("clara", "ravi", "audrey"):
        browser = Browser(make.person(who, harbour))
        for address in (
            "/rule-books/draft",
            f"/rule-books/{draft.number}/publish",
            f"/rule-books/{draft.number}/discard",
        ):
            assert browser.post(address).status_code == 403
            assert browser.get(address).status_code == 405
    assert RuleVersion.objects.get(pk=draft.pk).state == "draft"


def test_differences_name_each_fact_that_changed():
    old = {"drugs": {"a": {"band": "long", "max": {"UK": {"adult": 30.0}}}, "gone": {"name": "g"}}}
    new = {"drugs": {"a": {"band": "long", "max": {"UK": {"adult": 25.0}}}, "new": {"atc": []}}}
    assert differences(old, new) == {
        "drugs": [
            ("a", "max · UK · adult", "30", "25"),
            ("gone", "", "name g", None),
            ("new", "", None, ""),
        ]
    }
    assert differences(old, old) == {}


def test_of_lists_only_what_came_and_went_is_told():
    old = {"drugs": {"a": {"classes": ["opioid", "inducer"], "equivalents": {"BNF": [10, 10]}}}}
    new = {"drugs": {"a": {"classes": ["opioid", "cyp2c19"], "equivalents": {"BNF": [10, 12]}}}}
    assert differences(old, new) == {
        "drugs": [
            ("a", "classes", "inducer", "cyp2c19"),
            ("a", "equivalents · BNF", "10, 10", "10, 12"),
        ]
    }


def test_a_source_is_one_fact_and_a_policy_is_told_fact_by_fact():
    """Also where a practice had none before: nobody reads a policy as one heap of words."""
    kept = {"key": "csm", "title": "Current problems", "locator": "2 to 4 weeks", "verified": True}
    made = {
        "key": "local",
        "title": "Harbour policy",
        "issuer": "Set here",
        "year": 2026,
        "locator": "4.2",
        "reviewed": "2026-01-02",
        "next_review": "2026-06-01",
    }
    old = {"citations": {"DUR-01": [kept]}}
    new = {
        "citations": {"DUR-01": [kept, made]},
        "local": {"harbour": {"name": "Harbour", "rules": {"DUR-01": {"s2_over_days": 21}}}},
    }
    said = (
        "Harbour policy, Set here, 2026. 4.2. read 2026-01-02, look again by 2026-06-01"
        "; not checked against the original"
    )
    assert differences(old, new) == {
        "local": [
            ("harbour", "rules · DUR-01 · s2 over days", None, "21"),
        ],
        "citations": [("DUR-01", "source", None, said)],
    }
    assert differences(new, new) == {}

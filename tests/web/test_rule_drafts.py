"""The pages on which rules are changed: a fact in a draft, the draft, and the second person."""

import pytest
from django.urls import reverse

from reviews import jobs, what_ifs
from reviews.models import RuleChange, RuleDraft, RuleVersion
from reviews.verbs import govern, publish, what_if
from tests import make
from tests.verbs.test_govern import change, published
from tests.web.browse import Browser, heading, words

FACT = "/rules/DUR-01/change?draft={}&scope={}&field=s2_over_days"
GIVEN = {
    "source": "Harbour prescribing policy 2026",
    "locator": "section 4.2",
    "next_review": "+180d",
    "reason": "We want the talk in the second week.",
}


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Short courses for anxiety", by=ada)


def test_from_the_rule_to_publication_by_two_people(ada, adam, rulebook):
    browser = Browser(ada)
    assert "Change in a draft" in browser.read("/rules/DUR-01")
    assert "Begin one first" in browser.read("/rules/DUR-01/change")
    page = browser.follow("/rule-drafts/begin", title="Short courses", rule="DUR-01")
    draft = RuleDraft.objects.get()
    assert "The draft “Short courses” is begun" in words(page)
    page = browser.get(FACT.format(draft.pk, "UK"))
    text = words(page)
    assert heading(page) == "S2 above, UK profile"
    assert "A whole number from 7 to 120 days. The software proposes 28 days." in text
    assert "design, unverified" in text.lower()
    page = browser.follow(FACT.format(draft.pk, "UK"), after="14", **GIVEN)
    text = words(page)
    assert heading(page) == "Short courses: 1 edit"
    assert "28 days becomes 14 days" in text
    assert "Ada Lindqvist" in text
    assert "section 4.2" in text
    page = browser.follow(f"/rule-drafts/{draft.pk}/freeze", note="Two weeks")
    assert "You drafted this, so somebody else must publish it" in words(page)
    browser.follow(reverse("rulebook-what-if-ask", args=[2]))
    jobs.work({what_ifs.KIND: what_if.work}, seconds=600)
    second = Browser(adam)
    text = second.read("/rule-books/2")
    assert "28 days becomes 14 days" in text
    assert "Why you agree" not in text
    version = RuleVersion.objects.get(number=2)
    ids = list(version.broken_examples.values_list("pk", flat=True))
    browser.follow("/rule-books/2/explain", broken=ids, reason="14 days are meant.")
    answer = f"/rule-books/2/edits/{RuleChange.objects.get().pk}/answer"
    second.follow(answer, answer="agree", words="I read section 4.2.")
    assert "Why you agree" in second.read("/rule-books/2")
    refused = second.post("/rule-books/2/publish", agreement=" ")
    assert refused.status_code == 422
    assert "say why you agree" in words(refused)
    page = second.follow("/rule-books/2/publish", agreement="I read section 4.2.")
    text = words(page)
    assert "Rule book 2 is live" in text
    assert "I read section 4.2." in text
    text = browser.read("/rules/DUR-01")
    assert "28 days to 14 days. Ada Lindqvist" in text
    assert "published in rule book 2" in text
    assert "DUR-01" in browser.read("/rules", state="changed_here")
    assert "was published as rule book 2" in words(
        browser.post(f"/rule-drafts/{draft.pk}/freeze", note="")
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("200", "Must be from 7 to 120"),
        ("x", "Must be a number"),
        ("", "This field is required"),
        ("28", "Is what rule book 1 says already"),
    ],
)
def test_what_cannot_be_is_said_at_the_field_and_nothing_typed_is_lost(draft, ada, after, said):
    page = Browser(ada).post(FACT.format(draft.pk, "UK"), after=after, **GIVEN)
    assert page.status_code == 422
    assert said in words(page)
    assert "We want the talk in the second week." in page.content.decode()
    assert not RuleChange.objects.exists()


def test_a_floor_is_not_offered_and_says_why(draft, ada):
    page = Browser(ada).read(f"/rules/OPI-01/change?draft={draft.pk}&scope=UK&field=shown")
    assert "An opioid beside a benzodiazepine" in page
    assert "Bounds Interrupts at prescribing Local policy" in page
    sent = Browser(ada).post(
        f"/rules/OPI-01/change?draft={draft.pk}&scope=UK&field=shown", after="off", **GIVEN
    )
    assert sent.status_code == 422


def test_local_policy_is_made_and_shown(draft, ada, adam, harbour):
    browser = Browser(ada)
    address = FACT.format(draft.pk, "practice:harbour")
    assert heading(browser.get(address)) == "S2 above, local policy of Harbour Street Surgery"
    text = words(browser.follow(address, after="21", **GIVEN))
    assert "as its group or profile says becomes 21 days" in text
    published(draft, by=ada, second=adam)
    text = browser.read("/rules/DUR-01")
    assert "Local policy Harbour Street Surgery S2 above: 21 days" in text


def test_an_edit_of_somebody_else_meanwhile_is_shown_beside_what_was_typed(draft, ada, adam):
    browser = Browser(ada)
    change(draft, adam, after=21)
    page = browser.post(FACT.format(draft.pk, "UK"), after="14", **GIVEN)
    assert page.status_code == 409
    assert "Adam Byrne set this to 21 days" in words(page)
    assert 'value="14"' in page.content.decode()
    seen = RuleChange.objects.get().pk
    browser.follow(FACT.format(draft.pk, "UK"), after="14", seen=seen, **GIVEN)
    assert RuleChange.objects.standing().get().after == 14


@pytest.mark.parametrize("how", ["frozen", "put away"])
def test_what_is_typed_into_a_draft_that_is_closed_meanwhile_is_not_lost(draft, ada, adam, how):
    address = FACT.format(draft.pk, "UK")
    change(draft, adam, practice=make.practice("elm", name="Elm Park Surgery"), after=21)
    if how == "frozen":
        publish.freeze(draft=draft, note="", by=adam)
    else:
        govern.put_away(draft=draft, reason="Leave it", by=adam)
    page = Browser(ada).post(address, after="14", **GIVEN)
    assert page.status_code == 409
    assert f"The draft “Short courses for anxiety” {'is' if how == 'frozen' else 'was'} {how}" in (
        words(page)
    )
    assert 'value="14"' in page.content.decode()
    assert GIVEN["reason"] in words(page)


def test_a_source_that_is_too_long_is_refused_whole_and_not_cut(draft, ada):
    long = "x" * 10_000
    page = Browser(ada).post(FACT.format(draft.pk, "UK"), after="14", **{**GIVEN, "source": long})
    assert page.status_code == 422
    assert "it has 10000" in words(page)
    assert f'value="{long}"' in page.content.decode()
    assert "maxlength" not in page.content.decode().split('name="source"')[1].split(">")[0]


def test_a_stale_draft_says_so_is_brought_up_to_date_and_its_conflict_confirmed(draft, ada, adam):
    mine = change(draft, ada)
    other = govern.begin(title="Three weeks", by=ada)
    change(other, ada, after=21)
    published(other, by=ada, second=adam)
    browser = Browser(ada)
    assert "Rule book 2 was published since" in browser.read(f"/rule-drafts/{draft.pk}")
    refused = browser.post(f"/rule-drafts/{draft.pk}/freeze", note="")
    assert refused.status_code == 409
    text = words(browser.follow(f"/rule-drafts/{draft.pk}/bring-up-to-date"))
    assert "1 edit was made against an older book" in text
    assert "the live rule book says 21 days now" in text
    text = words(browser.follow(f"/rule-changes/{mine.pk}/confirm"))
    assert "21 days becomes 14 days" in text
    assert browser.post(f"/rule-changes/{mine.pk}/confirm").status_code == 409
    assert browser.post(f"/rule-changes/{mine.pk}/withdraw").status_code == 409


def test_thresholds_that_contradict_are_told_on_the_draft(draft, ada):
    change(draft, ada, after=10)
    text = Browser(ada).read(f"/rule-drafts/{draft.pk}")
    assert "It cannot be frozen so. DUR-01:" in text


def test_an_edit_is_taken_out_and_a_draft_put_away(draft, ada):
    made = change(draft, ada)
    browser = Browser(ada)
    assert "Nothing is edited yet" in words(browser.follow(f"/rule-changes/{made.pk}/withdraw"))
    refused = browser.post(f"/rule-drafts/{draft.pk}/put-away", reason="")
    assert refused.status_code == 409
    browser.follow(f"/rule-drafts/{draft.pk}/put-away", reason="Leave it at 28")
    assert "Leave it at 28" in browser.read(f"/rule-drafts/{draft.pk}")
    assert "Short courses" not in browser.read("/rule-books")


def test_going_back_is_one_press_and_a_second_person(draft, ada, adam, rulebook):
    change(draft, ada)
    published(draft, by=ada, second=adam)
    browser = Browser(adam)
    assert "Publish rule book 1 again" in browser.read("/rule-books/1")
    assert browser.post("/rule-books/1/roll-back", reason=" ").status_code == 422
    page = browser.follow("/rule-books/1/roll-back", reason="Too many cases")
    assert "It says again what rule book 1 said" in words(page)
    Browser(ada).follow("/rule-books/3/publish", agreement="I saw the numbers.")
    assert RuleVersion.objects.get(number=3).digest == rulebook.digest
    assert "Publish rule book" not in browser.read("/rule-books/3")


def test_others_read_drafts_and_change_nothing(draft, ada, harbour):
    made = change(draft, ada)
    publish.freeze(draft=draft, note="", by=ada)
    for who in ("clara", "ravi", "audrey"):
        browser = Browser(make.person(who, harbour))
        assert "28 days becomes 14 days" in browser.read(f"/rule-drafts/{draft.pk}")
        assert browser.get(FACT.format(draft.pk, "UK")).status_code == 403
        assert browser.post(f"/rule-changes/{made.pk}/withdraw").status_code == 403
        assert "Change in a draft" not in browser.read("/rules/DUR-01")
        assert browser.post("/rule-books/1/roll-back", reason="x").status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "draft=x&scope=UK&field=moon",
        "scope=practice:moon&field=s2_over_days",
        "draft=999&scope=&field=",
    ],
)
def test_odd_questions_show_the_choice_again(draft, ada, query):
    page = Browser(ada).get(f"/rules/DUR-01/change?{query}")
    assert page.status_code == 200
    assert "Open the fact" in words(page)
    assert Browser(ada).get("/rules/MOON-1/change").status_code == 404
    assert Browser(ada).get("/rule-drafts/999").status_code == 404
    assert Browser(ada).post("/rule-changes/999/withdraw").status_code == 404

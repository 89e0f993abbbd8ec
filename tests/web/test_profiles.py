"""The pages of profiles: the list, one with its differences, and what a draft does to it."""

import pytest
from django.urls import reverse

from reviews.models import RuleChange, RuleDraft
from reviews.verbs import govern, practices
from tests import make
from tests.verbs.test_profiles import IRELAND, add, live
from tests.verbs.test_taper import supply, under_way
from tests.web.browse import Browser, heading, words

GIVEN = {
    "source": "Irish national guidance",
    "locator": "chapter 2",
    "next_review": "+180d",
    "reason": "We work in Ireland.",
}


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Ireland", by=ada)


@pytest.fixture
def ireland(draft, ada, adam):
    return live(draft, ada, adam)


def test_a_profile_is_added_in_a_draft_begun_for_it(rulebook, ada):
    browser = Browser(ada)
    assert heading(browser.get("/profiles")) == "3 profiles"
    page = browser.follow("/rule-drafts/begin", title="Ireland", rule="PROFILE")
    draft = RuleDraft.objects.get()
    assert "Add a profile in a draft" in words(page)
    page = browser.follow("/profiles/add", draft=draft.pk, code="IE", **IRELAND, **GIVEN)
    assert "The profile IE is in the draft. Nothing is in force yet." in words(page)
    assert heading(page) == "Ireland: 0 differences"
    assert "in a draft, not in force" in words(page)
    assert "adds it" in browser.read("/profiles")
    text = browser.read(f"/rule-drafts/{draft.pk}")
    assert "not there becomes United Kingdom" in text
    assert "Emergency number, IE profile" in text
    assert (
        f"/profiles/IE?draft={draft.pk}" in browser.get(f"/rule-drafts/{draft.pk}").content.decode()
    )


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(draft, ada):
    browser = Browser(ada)
    given = {**IRELAND, **GIVEN, "time_zone": "Dublin"}
    page = browser.post("/profiles/add", draft=draft.pk, code="IE", **given)
    assert page.status_code == 422
    assert "There is no time zone “Dublin”." in words(page)
    assert 'value="Irish national guidance"' in page.content.decode()
    assert not RuleChange.objects.exists()
    page = browser.post("/profiles/add", draft=draft.pk, code="UK", **IRELAND, **GIVEN)
    assert "UK is a profile of the software" in words(page)


def test_the_page_shows_each_difference_against_the_parent_with_its_source(ireland, ada, clara):
    for user in (ada, clara):
        text = Browser(user).read("/profiles/IE")
        assert "Ireland: 1 difference" in text
        assert "28 days 21 days Harbour prescribing policy 2026, section 4.2" in text
        assert "Follows United Kingdom." in text
    text = Browser(ada).read("/profiles")
    assert "4 profiles" in text
    assert "Ireland IE United Kingdom en-IE 0 0 1" in text
    assert "unverified" in Browser(ada).read("/profiles/UK")
    assert "Followed by Ireland" in Browser(ada).read("/profiles/UK")
    assert Browser(ada).get("/profiles/FR").status_code == 404


def test_the_page_of_the_book_tells_what_was_added(ireland, ada):
    text = Browser(ada).read(f"/rule-books/{ireland.number}")
    assert f"{ireland.number} changed {len(IRELAND) + 1} facts" in text
    assert "IE emergency not there 112" in text
    assert "IE rules · DUR-01 · s2 over days not there 21" in text


def test_one_whose_parent_was_taken_out_of_the_draft_has_no_page_there(draft, ada):
    add(draft, ada)
    add(draft, ada, "NORTH", parent="IE", name="North")
    browser = Browser(ada)
    assert browser.get(f"/profiles/NORTH?draft={draft.pk}").status_code == 200
    govern.withdraw(change=RuleChange.objects.get(profile="IE", field="parent"), by=ada)
    assert browser.get(f"/profiles/NORTH?draft={draft.pk}").status_code == 404
    listed = browser.get("/profiles")
    assert "NORTH Ireland adds it" in words(listed)
    assert "/profiles/NORTH" not in listed.content.decode()
    assert "NORTH: its parent IE leads to no profile" in browser.read(f"/rule-drafts/{draft.pk}")


def test_the_pages_of_rules_know_it(ireland, ada):
    browser = Browser(ada)
    assert "Ireland. Every rule has an authority" in browser.read("/rules", profile="IE")
    text = browser.read("/rules/DUR-01")
    assert "IE follows UK" in text
    later = govern.begin(title="Later", by=ada)
    fact = f"/rules/DUR-01/change?draft={later.pk}&scope=IE&field=s2_over_days"
    text = browser.read(fact)
    assert "The software proposes 28 days. Empty: as its parent (28 days (UK)) says." in text
    page = browser.follow(fact, after="", seen="", **GIVEN)
    assert "as its parent says in the draft" in words(page)
    text = browser.read(f"/profiles/IE?draft={later.pk}")
    assert "28 days 21 days as its parent says" in text


def test_the_page_of_a_rule_tells_which_examples_are_otherwise_under_it(ireland, ada):
    text = browser_text(ada, "DUR-01")
    assert "Under the profiles that were added here: IE:" in text
    assert "is S2 Review, not S4 Info." in text
    assert "says what it says under the one that they follow" in browser_text(ada, "DUR-02")


def browser_text(by, rule_id):
    return Browser(by).read(f"/rules/{rule_id}")


def test_a_detail_is_changed_and_the_profile_taken_away_on_its_page(ireland, ada):
    browser = Browser(ada)
    draft = govern.begin(title="Later", by=ada)
    said = {**IRELAND, "emergency": "999"}
    said.pop("parent")
    page = browser.follow("/profiles/IE/change", draft=draft.pk, seen="", **said, **GIVEN)
    assert "1 edit is in the draft." in words(page)
    late = browser.post(
        "/profiles/IE/change", draft=draft.pk, seen="", **{**said, "emergency": "911"}, **GIVEN
    )
    assert late.status_code == 409
    assert "in the same draft since you opened it" in words(late)
    assert 'value="911"' in late.content.decode(), "what was typed is not lost"
    page = browser.follow("/profiles/IE/take-away", draft=draft.pk, **GIVEN)
    assert "The draft takes the profile IE away." in words(page)
    assert "21 days becomes as its parent says" in words(page)
    assert "this software has no such fact" not in words(page)
    assert "takes it away" in browser.read("/profiles")


def test_it_is_not_taken_away_while_a_practice_is_of_it(ireland, harbour, ada, maeve):
    practices.edit(practice=harbour, profile="IE", by=maeve)
    draft = govern.begin(title="Later", by=ada)
    page = Browser(ada).post("/profiles/IE/take-away", draft=draft.pk, **GIVEN)
    assert page.status_code == 422
    assert "Harbour Street Surgery: of this profile. Move them first" in words(page)


def test_a_practice_takes_the_profile_on_its_page(ireland, harbour, maeve, ada):
    browser = Browser(maeve)
    page = browser.follow(
        reverse("practice-edit", args=[harbour.pk]), name=harbour.name, profile="IE"
    )
    assert page.status_code == 200
    harbour.refresh_from_db()
    assert (harbour.profile, harbour.time_zone) == ("IE", "Europe/Dublin")
    assert "Profile Ireland" in browser.read(f"/people?practice={harbour.pk}")
    assert "Harbour Street Surgery" in Browser(ada).read("/profiles/IE")


def test_who_may_not_draft_sees_no_form(draft, clara):
    text = Browser(clara).read("/profiles")
    assert "Add a profile" not in text
    assert Browser(clara).post("/profiles/add", draft=draft.pk).status_code == 403


def test_the_copy_of_a_taper_names_whom_to_call_where_the_person_lives(
    ireland, harbour, maeve, clara
):
    practices.edit(practice=harbour, profile="IE", by=maeve)
    treated = make.patient(harbour, clara)
    for start in range(-128, 0, 28):
        supply(treated, clara, 15, start=start)
    version = under_way(treated, clara)
    text = Browser(clara).read(f"/tapers/{version.taper_id}/sheet")
    assert "Call 112 if no one can wake you" in text
    assert "NHS 111" not in text

"""Ireland becomes a profile in a real browser, by two people, and a practice moves to it."""

import pytest
from django.urls import reverse

from reviews.models import RuleDraft, RuleVersion
from reviews.verbs import govern, practices, screen
from tests import make
from tests.browser.test_pages import ALL, all_faults
from tests.verbs.test_govern import change, published
from tests.verbs.test_practice_groups import grave
from tests.verbs.test_profiles import add

pytestmark = pytest.mark.browser


def grounds(page):
    page.get_by_label("Source", exact=True).first.fill("Irish national guidance 2026")
    page.get_by_label("Where in it").first.fill("chapter 2")
    page.get_by_label("Look again by").first.fill("+180d")
    page.get_by_label("Why", exact=True).first.fill("We work in Ireland.")


def test_ireland_is_added_differs_and_judges_whoever_moves_to_it(
    visit, harbour, ada, adam, maeve, clara
):
    person = make.patient(harbour, clara)
    make.prescription(person, clara, start=-24, days=25)
    screen.drain()
    page = visit(ada, reverse("profiles"))
    page.get_by_label("What it is for").fill("Ireland")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_label("Code").fill("IE")
    page.get_by_label("Name", exact=True).fill("Ireland")
    page.get_by_label("Follows", exact=True).select_option("UK")
    page.get_by_label("Country optional").select_option("IE")
    page.get_by_label("Language").fill("en-IE")
    page.get_by_label("Time zone").fill("Europe/Dublin")
    page.get_by_label("Emergency number").fill("112")
    grounds(page)
    page.get_by_role("button", name="Add it to the draft").click()
    page.get_by_text("Nothing is in force yet.").first.wait_for()
    draft = RuleDraft.objects.get()
    page.goto(f"{reverse('rule-change', args=['DUR-01'])}?draft={draft.pk}")
    page.get_by_label("For", exact=True).select_option("IE")
    page.get_by_label("Fact", exact=True).select_option("s2_over_days")
    page.get_by_role("button", name="Open the fact").click()
    page.get_by_label("S2 above").fill("21")
    grounds(page)
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_role("button", name="Freeze for a second person").click()
    page.get_by_text("You drafted this, so somebody else must publish it.").wait_for()
    make.tried(RuleVersion.objects.get(number=2))
    second = visit(adam, reverse("rulebook", args=[2]))
    second.get_by_label("Why you agree").fill("I read chapter 2.")
    second.get_by_role("button", name="Agree and publish as 2").click()
    second.get_by_text("Rule book 2 is live.").wait_for()
    assert not grave(person).exists()
    admin = visit(maeve, reverse("practice-edit", args=[harbour.pk]))
    admin.get_by_label("Profile").select_option("IE")
    admin.get_by_role("button", name="Save").click()
    admin.get_by_text("Ireland").first.wait_for()
    screen.drain()
    assert "21 days" in grave(person).get().sentence
    page.goto(reverse("profile", args=["IE"]))
    page.get_by_text("Harbour Street Surgery").wait_for()
    assert page.get_by_role("row", name="DUR-01 S2 above").get_by_text("21 days").is_visible()


def test_every_page_of_profiles_is_readable_by_all(visit, harbour, ada, adam, maeve):
    first = govern.begin(title="Ireland", by=ada)
    add(first, ada)
    change(first, ada, profile="IE", after=21)
    published(first, by=ada, second=adam)
    practices.edit(practice=harbour, profile="IE", by=maeve)
    draft = govern.begin(title="Later", by=ada)
    add(draft, ada, "NORTH", parent="IE", name="North of Ireland")
    change(draft, ada, profile="IE", after=14)
    change(draft, ada, field="shown", after="note", profile="IE")
    assert all_faults(visit, ada, [reverse("profiles")], ALL) == []
    one = reverse("profile", args=["IE"])
    addresses = [
        one,
        f"{one}?draft={draft.pk}",
        f"{reverse('profile', args=['NORTH'])}?draft={draft.pk}",
        reverse("profile", args=["UK"]),
        reverse("rule-draft", args=[draft.pk]),
        f"{reverse('rule-change', args=['DUR-01'])}?draft={draft.pk}&scope=IE&field=s2_over_days",
        reverse("rule", args=["DUR-01"]),
        reverse("rulebook-comparison", args=[2, 1]),
    ]
    assert all_faults(visit, ada, addresses) == []

"""28 becomes 14 days in a real browser, by two people; every page of it readable by all."""

import pytest
from django.urls import reverse

from reviews.models import RuleVersion
from reviews.verbs import govern
from tests import make
from tests.browser.test_pages import ALL, all_faults
from tests.verbs.test_govern import change, published

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("js", [True, False])
def test_twenty_eight_becomes_fourteen_days_by_two_people(visit, ada, adam, js):
    page = visit(ada, reverse("rule", args=["DUR-01"]), js=js)
    page.get_by_role("link", name="Change in a draft").click()
    page.get_by_label("What it is for").fill("Short courses")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_label("Fact", exact=True).select_option("s2_over_days")
    page.get_by_role("button", name="Open the fact").click()
    page.get_by_label("S2 above").fill("14")
    page.get_by_label("Source", exact=True).fill("Harbour prescribing policy 2026")
    page.get_by_label("Where in it").fill("section 4.2")
    page.get_by_label("Look again by").fill("+180d")
    page.get_by_label("Why", exact=True).fill("The talk belongs into the second week.")
    page.get_by_role("button", name="Save in the draft").click()
    assert page.get_by_role("heading", level=1, name="Short courses: 1 edit").is_visible()
    page.get_by_role("button", name="Freeze for a second person").click()
    assert page.get_by_text("You drafted this, so somebody else must publish it.").is_visible()
    make.tried(RuleVersion.objects.get(number=2))
    second = visit(adam, reverse("rulebook", args=[2]), js=js)
    assert second.get_by_text("28 days becomes 14 days").is_visible()
    second.get_by_label("Why you agree").fill("I read section 4.2.")
    second.get_by_role("button", name="Agree and publish as 2").click()
    second.get_by_text("Rule book 2 is live.").wait_for()
    assert RuleVersion.objects.get(state="published").book["rules"]["DUR-01"]["UK"] == {
        "s4_over_days": 14,
        "s2_over_days": 14,
    }


def test_every_page_is_readable_by_all(visit, ada, adam, harbour):
    first = govern.begin(title="Short courses", by=ada)
    change(first, ada)
    change(first, ada, practice=harbour, after=21)
    draft = govern.begin(title="Later", by=ada)
    change(draft, ada, after=10)
    published(first, by=ada, second=adam)
    fact = f"{reverse('rule-change', args=['DUR-01'])}?draft={draft.pk}&field=s2_over_days&scope="
    assert all_faults(visit, ada, [reverse("rules")], ALL) == []
    addresses = [
        reverse("rule-draft", args=[draft.pk]),
        fact + "UK",
        fact + "practice:harbour",
        reverse("rule-change", args=["EXPOSURE"]),
        reverse("rule-draft-file", args=[draft.pk]),
        reverse("rulebook", args=[2]),
        reverse("rulebook", args=[1]),
        reverse("rulebook-comparison", args=[2, 1]),
        reverse("rulebooks"),
        reverse("rule", args=["DUR-01"]),
    ]
    assert all_faults(visit, ada, addresses) == []

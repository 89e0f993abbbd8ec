"""28 becomes 14 days in a real browser, by two people; every page of it readable by all."""

import re

import pytest
from django.urls import reverse

from reviews.models import RuleVersion
from reviews.verbs import govern, publish
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
    make.example(ada, title="35 days")
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    published(first, by=ada, second=adam)
    waits = govern.begin(title="Waits", by=ada)
    change(waits, ada, after=21)
    publish.freeze(draft=waits, note="", by=ada)
    fact = f"{reverse('rule-change', args=['DUR-01'])}?draft={draft.pk}&field=s2_over_days&scope="
    assert all_faults(visit, ada, [reverse("rules")], ALL) == []
    addresses = [
        reverse("rule-draft", args=[draft.pk]),
        fact + "UK",
        fact + "practice:harbour",
        reverse("rule-change", args=["EXPOSURE"]),
        reverse("rule-draft-file", args=[draft.pk]),
        reverse("rulebook", args=[2]),
        reverse("rulebook", args=[3]),
        reverse("rule-example-add", args=["DUR-01"]),
        reverse("rule-example-add", args=["TAP-01"]) + "?like=1",
        reverse("rulebook", args=[1]),
        reverse("rulebook-comparison", args=[2, 1]),
        reverse("rulebooks"),
        reverse("rule", args=["DUR-01"]),
    ]
    assert all_faults(visit, ada, addresses) == []
    assert all_faults(visit, adam, [reverse("rulebook", args=[3])]) == []


def test_an_example_is_added_and_a_draft_that_breaks_it_explained(visit, ada, adam):
    page = visit(ada, reverse("rule", args=["DUR-01"]))
    page.get_by_role("link", name="Add an example").click()
    page.get_by_label("What it shows").fill("20 days stay a note")
    page.get_by_label("Age").fill("45")
    first = page.get_by_role("group", name="Medicine 1")
    first.get_by_label("Medicine", exact=True).fill("diazepam 5 mg tablets")
    first.get_by_label("Times a day").fill("2")
    first.get_by_label("From day").fill("0")
    first.get_by_label("Days’ supply").fill("20")
    page.get_by_label("Should not flag").check()
    page.get_by_label("Source", exact=True).fill("Harbour prescribing policy 2026")
    page.get_by_label("Where in it").fill("section 4.2")
    page.get_by_label("Look again by").fill("+180d")
    page.get_by_label("Why", exact=True).fill("Three weeks are meant.")
    page.get_by_label("I made this person up").check()
    page.get_by_role("button", name="What does the live rule book say?").click()
    page.get_by_text("The live rule book says: S4 Info.").wait_for()
    page.get_by_role("button", name="Add the example").click()
    page.get_by_text("Every draft is judged by it.").wait_for()
    draft = govern.begin(title="Short courses", by=ada)
    change(draft, ada)
    version = publish.freeze(draft=draft, note="", by=ada)
    page = visit(ada, reverse("rulebook", args=[version.number]))
    page.get_by_label("Why the draft says otherwise").fill("14 days are meant now.")
    page.get_by_role("button", name="State this reason").click()
    page.get_by_text("Your reason is kept with").wait_for()
    page = visit(adam, reverse("rulebook", args=[version.number]))
    page.get_by_label("Edit 1: your words").fill("Try 21 days first.")
    page.get_by_role("button", name="Send it back").click()
    page.get_by_text("is open again").wait_for()
    assert page.get_by_text("“Try 21 days first.”").is_visible()


@pytest.mark.parametrize("js", [True, False])
def test_an_example_is_begun_from_another_and_lines_are_added_by_keyboard(visit, ada, js):
    page = visit(ada, reverse("rule", args=["DUR-01"]), js=js)
    page.get_by_role("link", name="Start from this example").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Started from").wait_for()
    page.get_by_label("What it shows").fill("Two of them")
    lines = page.get_by_role("group", name=re.compile(r"^Medicine [0-9]"))
    before = lines.count()
    page.get_by_role("button", name="Add a medicine").focus()
    page.keyboard.press("Enter")
    page.get_by_role("group", name=f"Medicine {before + 1}").wait_for()
    assert page.evaluate("document.activeElement.name") == f"medicine-{before + 1}-text"
    assert page.get_by_label("What it shows").input_value() == "Two of them"
    assert page.get_by_text("Started from").is_visible() is js
    page.keyboard.type("zopiclone 7.5 mg tablets")
    page.keyboard.press("Enter")
    page.get_by_text("Not saved: something is to be put right").wait_for()
    assert lines.count() == before + 1, "Enter in a field adds no line"

"""From a frozen draft to publication in a browser: tried, run in shadow, agreed; axe on each."""

import pytest
from django.urls import reverse

from reviews import jobs, what_ifs
from reviews.models import Outcome, Reason, RuleVersion, Shadow
from reviews.verbs import screen, what_if
from tests import make
from tests.browser.test_pages import all_faults, faults
from tests.verbs.test_what_if import begun, decided, frozen

pytestmark = pytest.mark.browser


@pytest.fixture
def version(harbour, clara, ravi, ada):
    case = make.flagged_case(harbour, logged_by=clara, age=70)
    decided(case, ravi, Outcome.CHANGE, Reason.SAFER_ALTERNATIVE)
    for days in (16, 20, 25):
        treated = make.patient(harbour, clara, age=82)
        make.prescription(treated, clara, start=1 - days, days=days)
    screen.drain()
    edits = (("DUR-01", "s2_over_days", 14), ("ELD-01", "shown", "off"))
    return frozen(begun(ada), ada, *edits)


def test_a_draft_is_tried_run_in_shadow_and_published_by_two(visit, version, ada, adam):
    book = reverse("rulebook", args=[version.number])
    page = visit(ada, book)
    page.get_by_role("link", name="What-if").click()
    page.get_by_role("button", name="Find out").click()
    assert faults(page) == []
    jobs.work({what_ifs.KIND: what_if.work}, seconds=600)
    page.get_by_role("heading", name="would lose").wait_for()
    assert faults(page) == []
    page = visit(ada, reverse("rulebook-shadow", args=[version.number]))
    page.get_by_role("button", name="Run in shadow").click()
    screen.drain()
    page.reload()
    assert Shadow.objects.count() == 1
    assert faults(page) == []
    page = visit(ada, book)
    page.get_by_label("Why the draft says otherwise").fill("Shorter courses, and no ELD-01.")
    page.get_by_role("button", name="State this reason").click()
    page = visit(adam, book)
    for edit in ("1", "2"):
        page.get_by_label(f"Edit {edit}: your words").fill("I read the source.")
        page.get_by_role("button", name=f"I have read it and agree to edit {edit}").click()
        page.locator(".checked", has_text="Agreed").nth(int(edit) - 1).wait_for()
    page.get_by_label("Why you agree").fill("I read what it would do.")
    page.get_by_role("button", name="Agree and publish").click()
    page.get_by_role("heading", name=f"Rule book {version.number} changed").wait_for()
    assert RuleVersion.objects.get(state="published").pk == version.pk


def test_of_what_nobody_tried_and_of_what_was(visit, version, ravi):
    addresses = [
        reverse("rulebook-what-if", args=[version.number]),
        reverse("rulebook-shadow", args=[version.number]),
    ]
    assert all_faults(visit, ravi, addresses) == []
    make.tried(version)
    assert all_faults(visit, ravi, addresses[:1]) == []

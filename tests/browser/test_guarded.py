"""A guarded book in a browser: begun by a second person, stopped, told why, rolled back; axe."""

import pytest
from django.urls import reverse

from reviews.models import GuardedBook
from reviews.verbs import guard, screen
from tests.browser.test_pages import faults
from tests.verbs.test_guard import elm, places, version  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser


def test_a_book_is_guarded_stops_itself_and_is_rolled_back(visit, version, harbour, adam):  # noqa: F811
    page = visit(adam, reverse("rulebook", args=[version.number]))
    page.get_by_role("link", name="Guarded").click()
    assert faults(page) == []
    page.get_by_label("Harbour Street Surgery").check()
    page.get_by_label("Open cases, at most").fill("17")
    page.get_by_label("Urgent cases, at most").fill("8")
    page.get_by_label("Who says so").fill("Agreed by both practices")
    page.get_by_label("Why you agree").fill("I read what it would do.")
    page.get_by_role("button", name="Agree and begin guarded").click()
    page.get_by_text("was not looked at yet").first.wait_for()
    assert faults(page) == []
    screen.drain()
    guard.look_first()
    page.reload()
    page.get_by_role("heading", name="Why Harbour Street Surgery stopped").wait_for()
    page.get_by_text("The same figures as a table").click()
    assert faults(page) == []
    page.get_by_role("link", name="Rule books", exact=True).first.click()
    page.get_by_role("heading", name="is guarded").wait_for()
    assert faults(page) == []
    page.get_by_role("link", name="is guarded").click()
    page.get_by_label("Why it goes back").fill("Too many cases for two reviewers.")
    page.get_by_role("button", name="Roll back to rule book 1").click()
    page.get_by_role("heading", name="was guarded, and rolled back").wait_for()
    assert faults(page) == []
    assert GuardedBook.objects.get().outcome == "back"

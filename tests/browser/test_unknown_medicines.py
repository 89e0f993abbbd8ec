"""The page of medicines that no rule can read, by keyboard alone, and looked at by axe."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reviews.models import MedicineMeaning, NoSedative
from reviews.verbs import screen
from tests import make

PAGE = "/unknown-medicines"


@pytest.fixture
def bell(harbour, clara):
    bell = make.patient(harbour, clara)
    for text in ("Diazpam 2mg tabs", "Relaxonel 10 mg", "Zorkoline 10 mg tablets"):
        make.prescription(bell, clara, text, start=-5, days=28)
    screen.drain()
    return bell


def asked(page, text):
    return page.get_by_role("group", name=re.compile(re.escape(text)))


def tab_to(page, target, at_most=80):
    """Press Tab until `target` has the focus."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if target.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError("Tab does not lead there.")


def violations(page):
    answer = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [each["id"] for each in answer["violations"]]


def test_answers_are_given_and_taken_back_by_keyboard_alone(visit, ravi, bell):
    page = visit(ravi, PAGE)
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)

    misspelt = asked(page, "Diazpam 2mg tabs")
    tab_to(page, misspelt.get_by_role("radio").first)
    page.keyboard.press("Space")
    expect(misspelt.get_by_role("radio", name="Diazepam 2 mg tablets")).to_be_checked()

    brand = asked(page, "Relaxonel 10 mg")
    box = brand.get_by_role("combobox", name="Which medicine Relaxonel 10 mg is")
    expect(box).to_be_hidden()
    tab_to(page, brand.get_by_role("radio").first)
    while not brand.get_by_role("radio", name="Something else …").is_checked():
        page.keyboard.press("ArrowRight")
    expect(box).to_be_visible()
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    page.keyboard.type("diazepam 5 mg tablets")
    assert violations(page) == []

    page.keyboard.press("Enter")
    expect(page.get_by_text("2 answers saved")).to_have_count(0)
    expect(page.get_by_text("1 answer saved")).to_be_visible()
    expect(brand).to_contain_text("The text says 10 mg, and the medicine has 5 mg")
    assert violations(page) == []

    tab_to(page, box)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("diazepam")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Relaxonel 10 mg is diazepam 10 mg")).to_be_visible()
    assert set(MedicineMeaning.objects.values_list("text", "medicine__text")) == {
        ("diazpam 2mg tabs", "diazepam 2 mg tablets"),
        ("relaxonel 10 mg", "diazepam 10 mg"),
    }

    tab_to(page, page.get_by_role("button", name=re.compile("Take back.*Relaxonel")))
    page.keyboard.press("Enter")
    expect(page.get_by_text("is asked about again")).to_be_visible()
    expect(asked(page, "Relaxonel 10 mg")).to_be_visible()
    assert not NoSedative.objects.exists()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_page_with_answers_has_no_fault(visit, ravi, bell, harbour, width, scheme):
    page = visit(ravi, PAGE, width=width, scheme=scheme)
    group = asked(page, "Diazpam 2mg tabs")
    group.get_by_role("radio", name="Diazepam 2 mg tablets").check()
    page.get_by_role("button", name="Save the answers").click()
    expect(page.get_by_text("1 answer saved")).to_be_visible()
    for path in (PAGE, f"/patients/{bell.pk}"):
        page.goto(path)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_another_medicine_can_still_be_named(visit, ravi, bell):
    page = visit(ravi, PAGE, js=False)
    group = asked(page, "Relaxonel 10 mg")
    group.get_by_role("radio", name="Something else …").check()
    group.get_by_role("combobox").fill("diazepam 10 mg tablets")
    page.get_by_role("button", name="Save the answers").click()
    expect(page.get_by_text("1 answer saved")).to_be_visible()

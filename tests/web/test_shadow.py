"""Shadows in the browser: begun at a practice, told by day, ended; nobody is named."""

import pytest

from reviews import walls
from reviews.errors import Stale
from reviews.models import RuleVersion, Shadow
from reviews.verbs import practice_groups, publish, screen, shadow
from tests import make
from tests.verbs.test_govern import change
from tests.verbs.test_what_if import begun, frozen
from tests.web.browse import Browser, heading, words


@pytest.fixture
def version(harbour, clara, ada):
    treated = make.patient(harbour, clara, family_name="Lowe")
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    return frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14))


def test_it_is_begun_told_and_ended(version, harbour, ada):
    browser, address = Browser(ada), f"/rule-books/{version.number}/shadow"
    assert heading(browser.get(address)) == "Draft 2 does not run in shadow"
    page = browser.follow(f"{address}/begin", practice=harbour.pk, days=14)
    assert heading(page) == "Draft 2 runs in shadow at 1 practice"
    assert "would show 0 flags more" in words(page)
    screen.drain()
    page = browser.get(address)
    assert "would show 1 flag more" in words(page)
    assert "LOWE" not in words(page)
    page = browser.follow(f"/shadows/{Shadow.objects.get().pk}/end")
    assert "has ended. What it said stays." in words(page)
    assert "End it" not in words(page)


def test_it_is_begun_at_every_practice_of_a_group(version, harbour, ada):
    elm = make.practice("elm", name="Elm Park Surgery")
    coast = practice_groups.make(code="coast", name="Coast", profile="UK", by=ada)
    browser, address = Browser(ada), f"/rule-books/{version.number}/shadow"
    empty = browser.post(f"{address}/begin", practice="group:coast", days=14)
    assert "choose a practice" in words(empty)
    for place in (harbour, elm):
        with walls.seeing(walls.EVERYTHING):
            at_both = make.person("ada", place)
            practice_groups.move(practice=place, group=coast, reason="x", seen=None, by=at_both)
    browser.follow(f"{address}/begin", practice=elm.pk, days=30)
    held = Shadow.objects.get()
    page = browser.follow(f"{address}/begin", practice="group:coast", days=14)
    assert "begins at 1 practice of Coast" in words(page)
    assert set(Shadow.objects.values_list("practice", flat=True)) == {harbour.pk, elm.pk}
    assert Shadow.objects.get(practice=elm) == held


def test_it_is_frozen_and_runs_in_shadow_at_a_whole_group(rulebook, harbour, ada):
    coast = practice_groups.make(code="coast", name="Coast", profile="UK", by=ada)
    practice_groups.move(practice=harbour, group=coast, reason="x", seen=None, by=ada)
    draft = begun(ada)
    change(draft, ada)
    browser, address = Browser(ada), f"/rule-drafts/{draft.pk}"
    assert "All of Coast" in browser.read(address)
    given = {"shadow": "yes", "days": "14"}
    assert browser.post(f"{address}/freeze", practice="group:moon", **given).status_code == 409
    page = browser.follow(f"{address}/freeze", practice="group:coast", **given)
    assert "runs in shadow at Harbour Street Surgery. Nobody sees it." in words(page)
    assert Shadow.objects.get().practice == harbour


def test_a_draft_that_another_book_has_overtaken_begins_nowhere(version, harbour, ada, adam):
    """It was frozen before the other was published, and has the higher number."""
    other = frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 21))
    publish.publish(version=make.tried(version), agreement="Read it.", by=adam)
    with pytest.raises(Stale):
        shadow.begin(version=other, practice=harbour, days=14, by=ada)


def test_it_is_frozen_and_runs_in_shadow_by_one_press_that_the_rules_page_leads_to(harbour, ada):
    draft = begun(ada)
    change(draft, ada)
    browser = Browser(ada)
    assert f'href="/rule-drafts/{draft.pk}"' in browser.get("/rules/DUR-01").content.decode()
    address = f"/rule-drafts/{draft.pk}/freeze"
    wrong = browser.post(address, practice=harbour.pk, days="0", shadow="yes")
    assert (wrong.status_code, "from 1 to 90" in words(wrong)) == (409, True)
    assert not RuleVersion.objects.filter(number=2).exists()
    page = browser.follow(address, practice=harbour.pk, days="14", shadow="yes")
    assert heading(page) == "Draft 2 runs in shadow at 1 practice"
    rule = browser.get("/rules/DUR-01").content.decode()
    assert 'href="/rule-books/2/shadow"' in rule


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": 0}, "from 1 to 90"),
        ({"days": "moon"}, "from 1 to 90"),
        ({"practice": 0}, "choose"),
    ],
)
def test_what_is_wrong_is_said_on_the_page(version, harbour, ada, given, said):
    address = f"/rule-books/{version.number}/shadow/begin"
    answer = Browser(ada).post(address, **{"practice": harbour.pk, "days": 14, **given})
    assert answer.status_code == 422
    assert said in words(answer)
    assert not Shadow.objects.exists()


def test_others_read_its_counts_and_begin_none(version, harbour, lakeside, ada):
    address = f"/rule-books/{version.number}/shadow"
    Browser(ada).post(f"{address}/begin", practice=harbour.pk, days=14)
    screen.drain()
    for who, place in (("ravi", harbour), ("dora", lakeside)):
        browser = Browser(make.person(who, place, "reviewer"))
        page = words(browser.get(address))
        assert "would show 1 flag more" in page
        assert "Run it in shadow" not in page
        assert browser.post(f"{address}/begin", practice=harbour.pk, days=3).status_code == 403
        assert browser.post(f"/shadows/{Shadow.objects.get().pk}/end").status_code == 403

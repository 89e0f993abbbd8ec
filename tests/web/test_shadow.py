"""Shadows in the browser: begun at a practice, told by day, ended; nobody is named."""

import pytest

from reviews.models import Shadow
from reviews.verbs import screen
from tests import make
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
    assert heading(page) == "Draft 2 in shadow at 1 practice"
    assert "would show 0 flags more" in words(page)
    screen.drain()
    page = browser.get(address)
    assert "would show 1 flag more" in words(page)
    assert "LOWE" not in words(page)
    page = browser.follow(f"/shadows/{Shadow.objects.get().pk}/end")
    assert "has ended. What it said stays." in words(page)
    assert "End it" not in words(page)


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

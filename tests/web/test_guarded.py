"""Guarded books in the browser: begun, told, stopped, begun again, rolled back; nobody is named."""

import pytest

from reviews.models import GuardedBook
from reviews.verbs import digest, guard, screen
from tests import make
from tests.verbs.test_guard import elm, places, version  # noqa: F401 - fixtures
from tests.web.browse import Browser, heading, words


def begun(browser, number, *practices, **changes):
    given = {
        "practices": [each.pk for each in practices],
        "most_cases": "17",
        "most_urgent": "8",
        "budget_source": "Agreed here",
        "agreement": "Read it.",
        **changes,
    }
    return browser.follow(f"/rule-books/{number}/guarded/begin", **given)


def test_it_is_begun_stops_itself_and_says_why(version, harbour, elm, adam, ada):  # noqa: F811
    browser, address = Browser(adam), f"/rule-books/{version.number}/guarded"
    assert heading(browser.get(address)) == "Draft 2 does not run guarded"
    page = begun(browser, version.number, harbour)
    assert heading(page) == "Rule book 2 judges at 1 practice"
    assert "was not judged yet" in words(page)
    screen.drain()
    guard.look_first()
    page = words(browser.get(address))
    assert "it stopped itself at Harbour Street Surgery" in page
    assert "6 open cases of 6 people on a benzodiazepine or Z-drug: 100.0 per 100" in page
    assert "Not touched: Elm Park Surgery" in page
    assert "BELL" not in page
    assert "stopped itself" in words(browser.get("/rule-books"))
    lines = [said for _count, said, _page in digest.lines_for(adam)]
    assert "practices where a guarded rule book stopped itself, or is not measured" in lines
    page = browser.follow(f"{address}/roll-back", reason="Too many.")
    assert heading(page) == "Rule book 2 was guarded, and rolled back"
    assert "“Too many.”" in words(page)


def test_it_is_widened_and_goes_live(version, harbour, elm, adam):  # noqa: F811
    make.practice("far", name="Far Hill Surgery")
    browser, address = Browser(adam), f"/rule-books/{version.number}/guarded"
    begun(browser, version.number, harbour, most_cases="100")
    screen.drain()
    guard.look_first()
    assert "too few people for this budget to stop it" in words(browser.get(address))
    page = browser.follow(f"{address}/widen", practices=[elm.pk], reason="Went well.")
    assert heading(page) == "Rule book 2 judges at 2 practices"
    assert "No sweep has judged Elm Park Surgery yet" in words(page)
    screen.drain()
    guard.look_first()
    browser.follow(f"/rule-books/{version.number}/publish", agreement="It stayed within.")
    assert heading(browser.get(address)) == "Rule book 2 was guarded, and is live"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"practices": []}, "at least one"),
        ({"practices": ["moon"]}, "of the list"),
        ({"most_cases": "many"}, "must be a number"),
        ({"most_cases": "1e999"}, "must be a number"),
        ({"most_urgent": ""}, "must be a number"),
        ({"budget_source": ""}, "is needed"),
        ({"agreement": " "}, "is needed"),
    ],
)
def test_what_is_wrong_is_said_on_the_page(version, harbour, adam, given, said):  # noqa: F811
    sent = {
        "practices": [harbour.pk],
        "most_cases": "17",
        "most_urgent": "8",
        "budget_source": "Agreed here",
        "agreement": "Read it twice.",
        **given,
    }
    answer = Browser(adam).post(f"/rule-books/{version.number}/guarded/begin", **sent)
    assert answer.status_code == 422
    assert said in words(answer)
    assert "Read it twice." in words(answer) or not sent["agreement"].strip()
    assert not GuardedBook.objects.exists()


def test_others_read_it_and_change_nothing(version, harbour, lakeside, ada, adam):  # noqa: F811
    address = f"/rule-books/{version.number}/guarded"
    begun(Browser(adam), version.number, harbour)
    for who, place in (("ravi", harbour), ("dora", lakeside)):
        browser = Browser(make.person(who, place, "reviewer"))
        page = words(browser.get(address))
        assert "judges at 1 practice" in page
        assert "Roll back to" not in page
        for press in ("begin", "widen", "roll-back"):
            assert browser.post(f"{address}/{press}", reason="x").status_code == 403
    # Whoever drafted it may roll it back, and not take it further.
    page = words(Browser(ada).get(address))
    assert "Roll back to rule book 1" in page
    assert "Begin the next stage" not in page


def test_a_book_that_was_never_guarded_is_not_widened_or_rolled_back(version, harbour, adam):  # noqa: F811
    browser, address = Browser(adam), f"/rule-books/{version.number}/guarded"
    for press in ("widen", "roll-back"):
        assert browser.post(f"{address}/{press}", reason="x").status_code == 409
    assert browser.get("/rule-books/99/guarded").status_code == 404

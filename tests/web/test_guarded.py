"""Guarded books in the browser: begun, told, stopped, begun again, rolled back; nobody is named."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews import guarding, rulebooks, walls
from reviews.models import GuardedBook, RuleVersion
from reviews.queries import guarded
from reviews.verbs import digest, guard, practice_groups, publish, screen
from tests import make
from tests.verbs.test_guard import elm, places, version  # noqa: F401 - fixtures
from tests.verbs.test_what_if import begun as begun_draft
from tests.verbs.test_what_if import change
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
    assert "was not looked at yet" in words(page)
    screen.drain()
    guard.look_first()
    page = words(browser.get(address))
    assert "Rule book 2 stopped itself at Harbour Street Surgery; rule book 1 judges" in page
    assert "by mail nobody yet" in page
    guard.tell_of_stops()
    assert "by mail Ada Lindqvist, Adam Byrne," in words(browser.get(address))
    assert "6 open cases of 6 people on a benzodiazepine or Z-drug: 100.0 per 100" in page
    assert "Not touched: Elm Park Surgery (the live book)." in page
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
    assert "Elm Park Surgery was not looked at yet" in words(page)
    screen.drain()
    guard.look_first()
    browser.follow(f"/rule-books/{version.number}/publish", agreement="It stayed within.")
    assert heading(browser.get(address)) == "Rule book 2 was guarded, and is live"


def test_whoever_sees_the_queue_there_reads_that_it_judges_and_that_it_stopped(
    version,  # noqa: F811
    harbour,
    elm,  # noqa: F811
    ravi,
    adam,
):
    other = make.person("olga", elm, "reviewer")
    assert "guarded" not in words(Browser(ravi).get("/"))
    begun(Browser(adam), version.number, harbour)
    page = words(Browser(ravi).get("/"))
    assert "Rule book 2 judges at Harbour Street Surgery, guarded, since" in page
    screen.drain()
    guard.look_first()
    page = words(Browser(ravi).get("/"))
    assert "Rule book 2 stopped itself at Harbour Street Surgery" in page
    assert "Rule book 1 judges there again" in page
    assert "Rule book 2" not in words(Browser(other).get("/"))
    running = GuardedBook.objects.get()
    late = timezone.now() + timedelta(days=guarding.TOLD_DAYS, minutes=1)
    assert len(guarding.ran_at([harbour.pk], late)) == 1
    guard.roll_back(guard=running, reason="Too many.", by=adam)
    assert guarding.ran_at([harbour.pk], late) == []
    assert "stopped itself" in words(Browser(ravi).get("/"))


def test_reviewers_read_no_more_of_it_once_another_book_is_live(
    version,  # noqa: F811
    harbour,
    adam,
):
    begun(Browser(adam), version.number, harbour)
    guard.roll_back(guard=GuardedBook.objects.get(), reason="Too many.", by=adam)
    assert len(guarding.ran_at([harbour.pk], timezone.now())) == 1
    publish.publish(version=version, agreement="Read it.", by=adam)
    assert guarding.ran_at([harbour.pk], timezone.now()) == []


def test_a_budget_is_read_with_a_decimal_comma(version, harbour, adam):  # noqa: F811
    begun(Browser(adam), version.number, harbour, most_cases="17,5")
    assert GuardedBook.objects.get().most_cases == Decimal("17.5")


def test_it_goes_back_into_shadow_by_one_press(version, harbour, elm, adam):  # noqa: F811
    browser, address = Browser(adam), f"/rule-books/{version.number}/guarded"
    begun(browser, version.number, harbour)
    given = {"practice": harbour.pk, "days": "14", "reason": "Watch it first."}
    wrong = browser.post(f"{address}/shadow", **{**given, "practice": "moon"})
    assert (wrong.status_code, "choose a practice" in words(wrong)) == (422, True)
    page = browser.follow(f"{address}/shadow", **given)
    assert heading(page) == "Rule book 2 was guarded, and rolled back"
    assert "judges silently at Harbour Street Surgery until" in words(page)
    assert "in shadow at 1 practice" in heading(browser.get("/rule-books/2/shadow"))


def test_a_stage_begins_at_a_whole_group(version, harbour, elm, ada, adam):  # noqa: F811
    far = make.practice("far", name="Far Hill Surgery")
    coast = practice_groups.make(code="coast", name="Coast", profile="UK", by=ada)
    for place in (harbour, elm):
        with walls.seeing(walls.EVERYTHING):
            at_both = make.person("ada", place)
            practice_groups.move(practice=place, group=coast, reason="x", seen=None, by=at_both)
    browser = Browser(adam)
    assert "All 2 of Coast" in words(browser.get("/rule-books/2/guarded"))
    given = {"practices": ["group:coast", harbour.pk], "most_cases": "100", "most_urgent": "100"}
    sent = {**given, "budget_source": "Agreed here", "agreement": "Read it."}
    page = browser.follow("/rule-books/2/guarded/begin", **sent)
    assert heading(page) == "Rule book 2 judges at 2 practices"
    assert rulebooks.holding_at(far.pk)[1].number == 1


def test_what_was_ticked_stays_ticked_where_something_else_is_wrong(version, harbour, elm, adam):  # noqa: F811
    given = {"practices": [harbour.pk], "most_cases": "many", "most_urgent": "8"}
    page = Browser(adam).post("/rule-books/2/guarded/begin", **given).content.decode()
    assert re.search(rf'value="{harbour.pk}" checked', page)
    assert not re.search(rf'value="{elm.pk}" checked', page)


def test_many_practices_take_no_more_questions(
    version,  # noqa: F811
    harbour,
    elm,  # noqa: F811
    adam,
):
    begun(Browser(adam), version.number, harbour, most_cases="100")
    running = GuardedBook.objects.get()

    def asked():
        with CaptureQueriesContext(connection) as queries:
            found = guarded.told(running, adam)
        return found, len(queries)

    asked()  # what adam may do is read once
    _, few = asked()
    for number in range(guarded.MOST_DRAWN + 20):
        place = make.practice(f"p{number}", name=f"Practice {number}")
        row = running.practices.create(
            practice=place, stage=2, of_stage=40, reason="x", begun_by=adam
        )
        for day in range(3):
            look = min(day, 1)
            row.points.create(day=day, look=look, people=9, in_use=9, cases=number % 9)
    found, many = asked()
    assert many == few
    assert len(found.stages) == guarded.MOST_DRAWN + 21
    assert len(found.drawn) == guarded.MOST_DRAWN
    assert min(each.now.cases for each in found.drawn) >= 4
    page = words(Browser(adam).get("/rule-books/2/guarded"))
    assert "12 of 33 stages are drawn" in page


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


def test_a_budget_stated_at_freezing_is_read_and_begun_with(places, harbour, ada, adam):  # noqa: F811
    draft = begun_draft(ada)
    change(draft, ada, "DUR-01", "s2_over_days", 14)
    browser, address = Browser(ada), f"/rule-drafts/{draft.pk}/freeze"
    stated = {"most_cases": "17", "most_urgent": "8.5", "budget_source": "Both practices"}
    wrong = browser.post(address, note="Two weeks", **{**stated, "most_urgent": ""})
    assert (wrong.status_code, "must be a number above 0" in words(wrong)) == (409, True)
    assert {"Two weeks", "17", "Both practices"} <= typed_in(wrong)
    browser.follow(address, note="Two weeks", **stated)
    make.tried(RuleVersion.objects.get(number=2))
    said = "at most 17.0 open cases and 8.5 urgent per 100 people on a benzodiazepine or Z-drug"
    assert said in browser.read("/rule-books/2")
    page = Browser(adam).get("/rule-books/2/guarded")
    assert {"17.0", "8.5", "Both practices"} <= typed_in(page)
    # Nobody is held to it: whoever lets it judge answers for the budget.
    begun(Browser(adam), 2, harbour, most_cases="100")
    assert GuardedBook.objects.get().most_cases == 100


def test_without_one_no_figure_is_proposed(version, adam):  # noqa: F811
    page = Browser(adam).get(f"/rule-books/{version.number}/guarded")
    assert 'name="most_cases" maxlength="5" required value=""' in page.content.decode()


def typed_in(page):
    """What stands in the fields of a page."""
    text = page.content.decode()
    return {*re.findall(r'value="([^"]*)"', text), *re.findall(r">([^<]*)</textarea>", text)}


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


def test_what_is_refused_is_named_as_its_field_is(version, harbour, adam):  # noqa: F811
    wrong = {"practices": [harbour.pk], "most_cases": "many", "most_urgent": "8"}
    answer = Browser(adam).post(f"/rule-books/{version.number}/guarded/begin", **wrong)
    assert "Not done. Open cases, at most: must be a number above 0" in words(answer)

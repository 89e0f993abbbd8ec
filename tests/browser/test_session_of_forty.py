"""A session of forty from a filter, while three colleagues work on the same list.

One claims, one decides, one snoozes what comes later in the list, and a worse case comes in. The
reviewer is led to each case that is left, to none of theirs, and to none outside the list.
"""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reviews.conclusions import FlagOutcome
from reviews.models import Case, Decision, Flag, Outcome, Reason, Role, WorkSession
from reviews.verbs import caseload, decide, screen
from tests import make

pytestmark = pytest.mark.browser

ROUTINE_KEYS = 3
SECOND_PERSON_KEYS = 2
IN_SESSION = re.compile(r"/cases/(\d+)\?session=\d+$")


@pytest.fixture
def forty(harbour, clara):
    for number in range(40):
        treated = make.patient(harbour, clara, age=30 + number, given_name=f"Number {number}")
        make.prescription(treated, clara, start=-34, days=35)
    screen.drain()
    cases = list(Case.objects.open().ranked())
    assert len(cases) == 40
    return cases


@pytest.fixture
def colleagues(harbour):
    return [make.person(name, harbour, Role.REVIEWER) for name in ("samira", "bela", "toma")]


def decided_by(case, user):
    flags = Flag.objects.open().filter(case=case)
    decide.decide(
        case=case,
        outcomes=[
            FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT) for flag in flags
        ],
        by=user,
        seen=case.lock,
    )


def interfere(forty, colleagues, clara, harbour):
    """Take five of the list, each before the reviewer comes to it, and add a worse case."""
    samira, bela, toma = colleagues
    for number in (3, 11):
        caseload.claim(case=forty[number], by=samira, seen=forty[number].lock)
    for number in (4, 20):
        decided_by(forty[number], bela)
    caseload.snooze(
        case=forty[30], until=make.day(5), reason="Blood test", by=toma, seen=forty[30].lock
    )
    worse = make.urgent_case(harbour, logged_by=clara)
    return {forty[number].pk for number in (3, 4, 11, 20, 30)}, worse


def at(page):
    expect(page).to_have_url(IN_SESSION)
    return int(IN_SESSION.search(page.url)[1])


def by_keyboard(page):
    page.keyboard.press("d")
    page.keyboard.press("Control+Enter")
    return 2


def by_mouse(page):
    page.get_by_role("button", name=re.compile("^Decide")).click()
    return 1


@pytest.mark.parametrize(
    ("way", "js"),
    [(by_keyboard, True), (by_mouse, True), (by_mouse, False)],
    ids=["keyboard", "mouse", "without a script"],
)
def test_a_session_of_forty_with_three_colleagues(
    visit, ravi, clara, harbour, forty, colleagues, capsys, way, js
):
    page = visit(ravi, "/?severity=2", js=js)
    if way is by_keyboard:
        page.keyboard.press("j")
        page.keyboard.press("o")
    else:
        page.locator(".case-row").first.get_by_role("link").click()
    walked, presses = [at(page)], []
    bar = page.get_by_role("navigation", name="Work session")
    expect(bar).to_contain_text("1 of 40")
    taken, worse = interfere(forty, colleagues, clara, harbour)
    for _ in range(34):
        presses.append(way(page))
        expect(page.get_by_role("status").first).to_contain_text("Decision saved")
        walked.append(at(page))
    expect(bar).to_contain_text("40 of 40")
    way(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("35 of 40 decided, none left")
    assert walked == [case.pk for case in forty if case.pk not in taken]
    assert worse.pk not in walked
    assert Decision.objects.filter(by=ravi).count() == 35
    figures = page.get_by_role("region", name="The session in figures")
    expect(figures).to_contain_text("taken or cleared 5")
    expect(figures).to_contain_text("decided 35")
    with capsys.disabled():
        opening = 1
        print(f"\nRoutine case in a session, {way.__name__}: {max(presses)} presses,")
        print(f"and {max(presses) + opening} for the one that is opened from the list")
    assert max(presses) + opening <= ROUTINE_KEYS


def test_next_and_previous_walk_the_list_and_say_where_it_ends(visit, ravi, samira, forty):
    page = visit(ravi, "/?severity=2")
    page.locator(".case-row").first.get_by_role("link").click()
    first = at(page)
    said = page.locator("#key-said")
    page.keyboard.press("p")
    expect(said).to_contain_text("There is none before it in the list")
    caseload.claim(case=forty[1], by=samira, seen=forty[1].lock)
    page.reload()
    page.keyboard.press("n")
    expect(page).not_to_have_url(re.compile(f"/cases/{first}"))
    assert at(page) == forty[2].pk
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile(f"/cases/{first}"))
    page.get_by_role("button", name="Leave the session").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 of 40 decided, 39 left")
    assert WorkSession.objects.get().ended_at


def test_ctrl_enter_decides_only_from_the_decision_and_says_why_not(visit, ravi, forty):
    page = visit(ravi, f"/cases/{forty[0].pk}")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#key-said")).to_contain_text("Nothing was decided: go to the decision")
    page.keyboard.press("n")
    expect(page.locator("#key-said")).to_contain_text("this one was opened alone")
    page.keyboard.press("u")
    expect(page.locator("#key-said")).to_contain_text("nothing to undo")
    page.keyboard.press("9")
    expect(page.locator("#key-said")).to_contain_text("no matter 9")
    assert not Decision.objects.exists()


@pytest.mark.parametrize("js", [True, False])
def test_undo_in_the_message(visit, ravi, forty, js):
    page = visit(ravi, "/?severity=2", js=js)
    page.locator(".case-row").first.get_by_role("link").click()
    first = at(page)
    by_mouse(page)
    toast = page.get_by_role("status").first
    expect(toast.get_by_role("link", name="What was decided")).to_be_visible()
    if js:
        page.keyboard.press("u")
    else:
        toast.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.get_by_role("status").first).to_contain_text("Taken back")
    assert at(page) == first
    assert not Decision.objects.standing().exists()


def test_a_second_person_takes_two_keys(visit, ravi, samira, harbour, clara, capsys):
    for number in range(2):
        treated = make.patient(harbour, clara, family_name=f"Second{number}")
        make.prescription(treated, clara, start=-5, days=14)
        make.prescription(
            treated, clara, "Morphine 10 mg tablets", start=-1, days=7, indication="pain"
        )
    screen.drain()
    for case in Case.objects.open().filter(severity=1):
        flags = Flag.objects.open().filter(case=case)
        decide.decide(
            case=case,
            outcomes=[
                FlagOutcome(flag.pk, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS) for flag in flags
            ],
            by=ravi,
            seen=case.lock,
        )
    page = visit(samira, "/?due=second")
    page.keyboard.press("j")
    page.keyboard.press("o")
    for said in ("1 of 2", "2 of 2"):
        expect(page.get_by_role("navigation", name="Work session")).to_contain_text(said)
        page.keyboard.press("d")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("status").first).to_contain_text("Confirmed")
    assert Decision.objects.filter(kind=Decision.Kind.CONFIRMED).count() == 2
    with capsys.disabled():
        print(f"\nSecond person: {SECOND_PERSON_KEYS} presses a case in a session")


@pytest.mark.parametrize("js", [True, False])
def test_like_notes_are_answered_at_once_and_one_that_moved_on_is_named(
    visit, ravi, samira, harbour, clara, capsys, js
):
    for number in range(31):
        older = make.patient(harbour, clara, age=79, family_name=f"Note{number:02}")
        make.prescription(
            older, clara, "Temazepam 10 mg tablets", start=-3, days=5, indication="insomnia"
        )
    make.urgent_case(harbour, logged_by=clara)
    screen.drain()
    notes = list(Case.objects.open().filter(severity=3).ranked())
    page = visit(ravi, "/?severity=3", js=js)
    if js:
        page.keyboard.press("b")
    else:
        page.get_by_role("button", name="Answer notes together").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"One answer for {len(notes)}")
    decided_by(notes[5], samira)
    presses = 1
    for name, value in (("Outcome", "continue"), ("Reason", "benefit_outweighs")):
        page.get_by_label(name, exact=True).select_option(value)
        presses += 1
    page.get_by_role("button", name=re.compile("^Decide on those ticked")).click()
    presses += 1
    told = page.get_by_role("status").filter(has_text="decided with one answer")
    expect(told).to_contain_text(f"{len(notes) - 1} cases decided")
    refused = page.get_by_role("status").filter(has_text="Not decided")
    expect(refused).to_contain_text(f"{notes[5].patient}: it is decided already")
    assert Decision.objects.filter(by=ravi).count() == len(notes) - 1
    assert Case.objects.open().count() == 1, "the urgent one is as it was"
    told.get_by_role("button", name=re.compile("Undo all")).click()
    expect(page.get_by_role("status").first).to_contain_text("Taken back")
    assert not Decision.objects.filter(by=ravi).standing().exists()
    with capsys.disabled():
        print(f"\n{len(notes)} like notes: {presses} presses")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_axe_finds_nothing_on_the_new_pages(visit, ravi, samira, forty, scheme, width):
    caseload.claim(case=forty[1], by=samira, seen=forty[1].lock)
    page = visit(ravi, "/?severity=2", scheme=scheme, width=width)
    page.locator(".case-row").first.get_by_role("link").click()
    by_mouse(page)
    for _ in ("the case with its bar", "the end", "notes together"):
        faults = [
            (fault["id"], fault["nodes"][0]["html"][:120])
            for fault in Axe().run(page).response["violations"]
        ]
        assert faults == []
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        link = page.get_by_role("navigation", name="Work session").get_by_role("link")
        if link.count():
            link.first.click()
        else:
            page.goto("/queue/answer?list=")

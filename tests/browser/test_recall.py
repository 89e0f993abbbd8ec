"""Letters and recall lists in Chromium: by mouse and by keys, and without a script."""

import re

import pytest
from playwright.sync_api import expect

from reviews import jobs
from reviews.conclusions import FlagOutcome
from reviews.models import (
    Case,
    Flag,
    Letter,
    OptOut,
    Outcome,
    Practice,
    Reason,
    RecallList,
    RecallRound,
)
from reviews.tasks import KINDS
from reviews.verbs import decide, letters, recall, screen
from tests import make
from tests.browser.test_pages import ALL, faults
from tests.verbs.test_letters import BODY, in_use
from tests.verbs.test_recall import long_user, make_list, reviewed, text

pytestmark = pytest.mark.browser


@pytest.fixture
def people(harbour, clara):
    Practice.objects.filter(pk=harbour.pk).update(
        telephone="01632 960 114", address="14 Harbour Street, Lowport LP2 4DN"
    )
    harbour.refresh_from_db()
    made = [long_user(harbour, clara, name) for name in ("Ann", "Bob", "Cy", "Dee", "Edgar")]
    screen.drain()
    return made


@pytest.fixture
def written(harbour, people, clara, ravi):
    """A list in full life: left out, written to, answered, reviewed."""
    made = make_list(harbour, people, ravi)
    recall.opt_out(
        recall=made,
        people=made.people.filter(patient=people[0]),
        reason="end_of_life",
        until=make.day(90),
        by=clara,
    )
    recall.look(recall=made, by=clara)
    recall.write_to_all(recall=made, text=text(), by=ravi)
    jobs.work(KINDS, seconds=60)
    person = made.people.get(patient=people[1])
    recall.answer(person=person, answer="talk", by=ravi)
    reviewed(people[2], ravi)
    return made


def test_every_page_of_letters_and_recall_in_every_look(
    visit, written, people, ravi, clara, ada, adam, harbour
):
    found = []
    letter = letters.write(patient=people[4], text=in_use("review-plan"), by=ravi)
    letters.draft(
        template=in_use("invitation").template, name="New", audience="patient", body=BODY, by=ada
    )
    empty = make_list(harbour, people, ravi, name="Nobody was written to")
    pages = {
        ravi: [
            "/recall",
            f"/recall/{written.pk}",
            f"/recall/{empty.pk}",
            "/recall/new?severity=2",
            f"/patients/{people[4].pk}/letters?text={in_use('invitation').pk}",
            f"/patients/{people[4].pk}/letters",
            f"/letters/sent/{letter.pk}",
            f"/letters/invitation?version=1&person={people[4].pk}",
        ],
        clara: [
            "/recall",
            f"/recall/{empty.pk}?prescriber=me",
        ],
        ada: ["/letters", "/letters/invitation?version=1"],
        adam: ["/letters/invitation", "/letters/new"],
    }
    for user, addresses in pages.items():
        page = visit(user, addresses[0])
        for address in addresses:
            page.goto(address)
            found += faults(page, ALL)
    assert found == []


class Counted:
    """Clicks and keys of somebody at a page, counted; text that is typed counts one a field."""

    def __init__(self, page):
        self.page, self.count = page, 0

    def click(self, target):
        self.count += 1
        target.click()

    def press(self, key):
        self.count += 1
        self.page.keyboard.press(key)


def test_a_letter_takes_four_clicks_from_the_case(visit, people, ravi, capsys):
    case = Case.objects.open().filter(patient=people[0]).get()
    page = visit(ravi, f"/cases/{case.pk}")
    person = Counted(page)
    person.click(page.get_by_role("link", name="Letter", exact=True))
    person.click(page.get_by_role("link", name="Invitation to talk", exact=True))
    expect(page.get_by_text("You have taken diazepam for")).to_be_visible()
    person.click(page.get_by_role("button", name="Keep and print"))
    page.evaluate("window.print = () => { document.title = 'printed' }")
    person.click(page.get_by_role("button", name="Print"))
    expect(page).to_have_title("printed")
    with capsys.disabled():
        print(f"\na letter: {person.count} clicks")
    assert person.count <= 4
    assert Letter.objects.filter(patient=people[0]).count() == 1


def test_printing_shows_the_letter_alone(visit, people, ravi):
    letter = letters.write(patient=people[0], text=in_use("invitation"), by=ravi)
    page = visit(ravi, f"/letters/sent/{letter.pk}")
    page.emulate_media(media="print")
    expect(page.locator(".sheet")).to_be_visible()
    for hidden in (".topbar", ".patient-banner", ".footer", ".page-head", ".toast"):
        for each in page.locator(hidden).all():
            expect(each).to_be_hidden()


def test_a_prescriber_leaves_somebody_out_by_keys_alone(
    visit, people, harbour, clara, ravi, capsys
):
    made = make_list(harbour, people, ravi)
    page = visit(clara, f"/recall/{made.pk}?prescriber=me")
    person = Counted(page)
    page.get_by_label("Leave out GRAY, Ann").focus()
    person.press("Space")
    page.get_by_label("Why", exact=True).focus()
    page.keyboard.type("Ber")
    person.count += 1
    page.get_by_label("Until", exact=True).focus()
    person.press("Enter")
    expect(page.get_by_text("1 person is left out until")).to_be_visible()
    assert OptOut.objects.get().reason == "crisis"
    page.get_by_role("button", name="I have looked").focus()
    person.press("Enter")
    expect(page.get_by_text("you have looked at your people")).to_be_visible()
    with capsys.disabled():
        print(f"\nlooking at one's people and leaving one out: {person.count} keys, without Tab")


@pytest.mark.parametrize("js", [True, False])
def test_from_a_view_to_letters(visit, people, ravi, clara, js):
    page = visit(ravi, "/?severity=2", js=js)
    page.get_by_role("link", name="Recall these people").click()
    page.get_by_label("Why", exact=True).fill("Review is overdue")
    page.get_by_label("From this age on").fill("65")
    page.get_by_role("button", name="Make the list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5 people wait for a letter")
    made = RecallList.objects.get()
    recall.look(recall=made, by=clara)
    page.reload()
    page.get_by_role("button", name="Make 5 letters").click()
    expect(page.get_by_text("5 letters are being made")).to_be_visible()
    expect(page.get_by_role("heading", name="Letters are being made")).to_be_visible()
    jobs.work(KINDS, seconds=60)
    if not js:
        page.reload()
    expect(page.get_by_role("heading", name="Round 1: 5 letters")).to_be_visible()
    assert RecallRound.objects.get().letters.count() == 5


def test_a_draft_in_the_editor(visit, ada, adam, db):
    page = visit(ada, "/letters/invitation")
    page.get_by_role("textbox", name="Letter").fill("Dear {pateint_name}")
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_text("{pateint_name} is no field").first).to_be_visible()
    page.get_by_role("textbox", name="Letter").fill(BODY)
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_text("waits for a second person").first).to_be_visible()
    page = visit(adam, "/letters/invitation")
    expect(page.get_by_role("button", name="Publish draft 2")).to_be_visible()


def test_one_button_copies_the_text_for_the_record(visit, harbour, clara, ravi, capsys):
    case = make.flagged_case(harbour, logged_by=clara)
    flags = Flag.objects.open().filter(case=case)
    decide.decide(
        case=case,
        outcomes=[
            FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT) for flag in flags
        ],
        by=ravi,
        seen=case.lock,
    )
    page = visit(ravi, f"/cases/{case.pk}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for the record").click()
    expect(page.get_by_text("Copied: paste it")).to_be_visible()
    said = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"Decided by Ravi Shah on .*\n- .*reduce or taper", said)
    with capsys.disabled():
        print("\ntext for the record: 1 click")
    plain = visit(ravi, f"/cases/{case.pk}", js=False)
    plain.get_by_text("Text for the record", exact=True).first.click()
    expect(plain.get_by_role("textbox", name="Text for the record")).to_be_visible()
    assert faults(page, ALL) == []

"""A recall of 371 people: exactly one letter a person, whatever is killed meanwhile."""

import http.client
import re
import threading
import time
import urllib.parse
from collections import Counter

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from portal.processes import kill_session
from reviews import recalls
from reviews.models import Letter, LetterText, RecallRound
from reviews.queries import recall as lists
from reviews.verbs import deaths, recall, sync
from tests import make
from tests.api import sent
from tests.web.browse import BACKEND

from .parts import kill, until

pytestmark = pytest.mark.faults
PEOPLE = 10
FOUND, OPTED_OUT, DIED = 404, 29, 4
LETTERS = FOUND - OPTED_OUT - DIED


@pytest.fixture
def quay(portal):
    place = make.practice("quay", name="Quay Street Surgery")
    place.telephone = "01632 960 115"
    place.save()
    return place


@pytest.fixture
def listed(quay):
    """The list, as a reviewer makes it and a prescriber leaves 29 of its people out."""
    clara, ravi, ehr = (make.person(name, quay) for name in ("clara", "ravi", "ehr"))
    rows = []
    for number in range(FOUND):
        who = sent.patient(f"9{number:05}", given_name=f"Person {number:03}")
        rows.append(
            sent.prescription(f"rx-{number}", patient=who, prescriber="", start=-100, days=84)
        )
        rows.append(
            sent.prescription(f"ry-{number}", patient=who, prescriber="", start=-16, days=28)
        )
    result = sync.prescriptions(rows=enumerate(rows), source_system="ehr", by=ehr)
    assert (result.created, result.refused) == (2 * FOUND, 0), result.errors[:3]
    made = recall.make(
        practice=quay,
        name="Past day 28",
        reason="Review is overdue",
        question="Over 28 days",
        query="rule=DUR-01",
        asked="either",
        since=make.day(),
        look_by=make.day(7),
        due_on=make.day(60),
        patient_ids=list(quay.patients.values_list("pk", flat=True)),
        by=ravi,
    )
    everybody = list(made.people.order_by("pk"))
    assert len(everybody) == FOUND
    recall.opt_out(
        recall=made,
        people=everybody[::14],
        reason="crisis",
        until=make.day(90),
        by=clara,
    )
    return made, everybody, ravi


def signed_in(user):
    client = Client()
    client.force_login(user, backend=BACKEND)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def press(portal, cookie, made, text, reached):
    """Ask for the letters as a browser does; the status, or 0 where nobody answered.

    None where the page has nothing to press, because the letters are being made.
    """
    address = f"/recall/{made.pk}"
    # A web process that has just started may have no connection yet.
    assert until(
        lambda: portal.get(address, Cookie=cookie, seconds=90)[0] == 200, seconds=240, every=1
    )
    _, page, _ = portal.get(address, Cookie=cookie, seconds=90)
    _, action, form = page.partition(f'action="/recall/{made.pk}/write"')
    if not action:
        assert "letters" in page
        return None
    fields = {"text": text.pk}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        fields.setdefault(name, value)
    body = urllib.parse.urlencode(fields)
    secret = fields["csrfmiddlewaretoken"]
    # The secret of the form is that of the cookie that came with its page.
    door = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=60)
    headers = {
        "Cookie": f"{cookie}; {settings.CSRF_COOKIE_NAME}={secret}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{portal.port}",
        "Referer": f"http://127.0.0.1:{portal.port}/recall/{made.pk}",
        "Host": f"127.0.0.1:{portal.port}",
    }
    try:
        reached.append(made.pk)
        door.request("POST", f"/recall/{made.pk}/write", body, headers)
        return door.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        door.close()


def is_up(portal):
    """Whether the web process answers, healthy or not; a busy machine takes its time."""
    return until(lambda: portal.get("/healthz", seconds=60)[0] in (200, 503), seconds=180)


def written(made):
    connection.close()
    return Letter.objects.filter(round__recall=made).count()


def test_371_people_get_one_letter_each_whatever_is_killed(portal, listed):
    made, everybody, ravi = listed
    text = LetterText.objects.get(template__key="invitation", state="published")
    cookie = signed_in(ravi)
    web = portal.web(WEB_PROCESSES="1")
    assert is_up(portal), portal.logs()
    # Two people press at the same moment, and the web process is killed under both of them.
    statuses, reached = [], []
    presses = [
        threading.Thread(target=lambda: statuses.append(press(portal, cookie, made, text, reached)))
        for _ in range(2)
    ]
    for each in presses:
        each.start()
    assert until(lambda: len(reached) == len(presses), seconds=300, every=0.01), portal.logs()
    time.sleep(0.1)
    kill(web)
    for each in presses:
        each.join()
    web = portal.web(WEB_PROCESSES="1")
    assert is_up(portal), portal.logs()
    # Whoever got no answer presses again; the letters are asked for once.
    connection.close()
    again = press(portal, cookie, made, text, reached)
    assert RecallRound.objects.filter(recall=made).count() == 1, (statuses, again)
    worker = portal.at_work()
    kills = 0
    for share in (0.1, 0.35, 0.6, 0.8):
        assert until(
            lambda share=share: written(made) >= share * LETTERS, every=0.02, seconds=240
        ), (
            written(made),
            portal.logs(),
        )
        kill_session(worker.process.pid)
        worker.process.wait()
        kills += 1
        if share == 0.35:
            # Four die while letters are being made; the last of the list, so not written to yet.
            waiting = [p for p in everybody[::-1] if p.pk not in opted(made)][:DIED]
            for person in waiting:
                deaths.say(patient=person.patient, deceased=True, reason="Told", by=ravi)
            kill(web)
            web = portal.web(WEB_PROCESSES="1")
        worker = portal.worker()
    job = RecallRound.objects.select_related("job").get(recall=made).job
    assert until(lambda: ended(job), seconds=300), (written(made), portal.logs())
    assert (kills, job.state) == (4, "done"), job.error
    letters = Counter(
        Letter.objects.filter(round__recall=made).values_list("patient_id", flat=True)
    )
    assert set(letters.values()) == {1}, letters.most_common(3)
    assert len(letters) == LETTERS == 371
    numbers = sorted(Letter.objects.values_list("number", flat=True))
    assert numbers == list(range(1, 372)), "numbers without a gap"
    assert job.result == {"written": 371, "held_back": {}}
    steps = {step.label: step.people for step in lists.funnel(made, lists.rows(made, {}))}
    assert steps == {
        "Matched the question": FOUND,
        "left out by the list’s rules": 0,
        "Found": FOUND,
        "opted out by their prescriber": OPTED_OUT,
        "Written to": 371,
        "Answered": 0,
        "Review recorded": 0,
        "Taper begun": 0,
        "Dose down or none": 0,
    }
    died = [each for each in recalls.standings(made).values() if each.state == recalls.State.DIED]
    assert [each.letters for each in died] == [()] * DIED
    # All of them as one document, from a web process that was killed before.
    assert is_up(portal), portal.logs()
    address = f"/recall/{made.pk}/rounds/1/pdf"
    assert until(
        lambda: portal.get(address, Cookie=cookie, seconds=90)[0] == 200, seconds=240, every=1
    )


def opted(made):
    standing = recalls.standings(made)
    return {pk for pk, each in standing.items() if each.state == recalls.State.OPTED_OUT}


def ended(job):
    connection.close()
    job.refresh_from_db()
    return job.ended_at is not None

"""A request that is sent again is answered, and not done again; a change meets what it read."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import pointer
from reviews import replies
from reviews.errors import BadRecord, Stale
from reviews.models import Prescription, Reply, Webhook
from reviews.verbs import clients
from reviews.verbs import webhooks as verbs
from tests.api import sent
from tests.api.conftest import System, make_system
from tests.api.test_sync import is_problem

RECEIVER = {"name": "Dashboard", "url": "https://example.com/x", "events": ["prescription.logged"]}


def made(system, key="abc", **changes):
    body = json.dumps({**RECEIVER, **changes}).encode()
    return system.post("webhooks/make", body, **{"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ('"abc"', "abc"),
        ("abc", "abc"),
        (' "abc" ', "abc"),
        ('"a b"', "a b"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_a_key_is_quoted_or_bare(field, key):
    assert replies.read(field) == key


@pytest.mark.parametrize("field", ["", '""', '"abc', '"a"b"', "a b", "é", '"é"', f'"{"x" * 256}"'])
def test_what_is_no_key_is_refused(field):
    with pytest.raises(BadRecord, match="Idempotency-Key"):
        replies.read(field)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_every_printable_key_can_be_quoted(key):
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    assert replies.read(f'"{quoted}"') == key


def test_the_same_again_is_answered_and_not_done(system):
    first = made(system)
    assert first.status_code == 200
    again = made(system, '"abc"')
    assert (again.status_code, again.content) == (200, first.content)
    assert again["ETag"] == first["ETag"]
    assert Webhook.objects.count() == 1


def test_a_refusal_is_kept_as_well(system):
    first = made(system, url="ftp://x")
    assert is_problem(first, 400)["errors"][0]["pointer"] == "#/url"
    again = made(system, url="ftp://x")
    assert (again.status_code, again.json()) == (400, first.json())
    assert again["Content-Type"] == "application/problem+json"


def test_something_else_by_the_same_key_is_refused(system):
    made(system)
    assert is_problem(made(system, name="Other"), 422)["code"] == "other_payload"
    assert Webhook.objects.count() == 1


def test_a_key_is_of_one_client_and_one_operation(system, harbour, ada):
    one = made(system).json()["webhook"]["id"]
    other = make_system(harbour, by=ada, source="other")
    assert made(other, name="Second").status_code == 200
    key = {"Idempotency-Key": "abc"}
    assert system.post(f"webhooks/{one}/sample", b"{}", **key).status_code == 200
    assert system.sync([sent.prescription()], **key).json()["created"] == 1
    assert system.sync([sent.prescription()], **key).json()["created"] == 1, "as it was answered"
    assert system.sync([sent.prescription()]).json()["unchanged"] == 1


def test_what_is_no_key_is_refused_before_anything_is_done(system):
    problem = is_problem(made(system, "a b"), 400)
    assert problem["errors"][0]["parameter"] == "Idempotency-Key"
    assert not Webhook.objects.exists()


def test_while_it_is_carried_out_the_same_is_told_so(system, monkeypatch):
    inner, real = [], verbs.make

    def slow(**given):
        inner.append(made(system))
        return real(**given)

    monkeypatch.setattr("reviews.api.webhooks.verbs.make", slow)
    assert made(system).status_code == 200
    assert is_problem(inner[0], 409)["code"] == "in_progress"


def test_what_failed_is_done_again(system, monkeypatch):
    monkeypatch.setattr("reviews.api.webhooks.verbs.make", lambda **_: 1 / 0)
    assert made(system).status_code == 500
    monkeypatch.undo()
    assert made(system).status_code == 200


def test_a_conflict_that_may_pass_is_not_kept(system, monkeypatch):
    key = {"Idempotency-Key": "abc"}

    def stale(**_):
        raise Stale("Others changed the same records meanwhile. Send it again.")

    with monkeypatch.context() as patch:
        patch.setattr("reviews.api.views.PrescriptionSync.verb", staticmethod(stale))
        is_problem(system.sync([sent.prescription()], **key), 409)
    assert system.sync([sent.prescription()], **key).json()["created"] == 1


def test_what_died_while_it_ran_is_done_again(system):
    made(system)
    Webhook.objects.update(name="Renamed")
    Reply.objects.update(status=None, body="", begun_at=timezone.now() - timedelta(seconds=119))
    is_problem(made(system), 409)
    Reply.objects.update(begun_at=timezone.now() - timedelta(seconds=121))
    assert made(system).status_code == 200
    assert Webhook.objects.count() == 2


def test_an_answer_is_kept_for_a_day(system):
    made(system)
    Reply.objects.update(begun_at=timezone.now() - timedelta(hours=23))
    replies.forget_old()
    assert Reply.objects.count() == 1
    Reply.objects.update(begun_at=timezone.now() - timedelta(hours=25))
    replies.forget_old()
    assert Reply.objects.count() == 0


def test_a_secret_in_an_answer_is_kept_encrypted(system):
    secret = made(system).json()["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM reviews_reply")
        [(kept,)] = cursor.fetchall()
    assert secret not in kept
    assert kept.startswith("fernet:")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out(system):
    answers = []

    def ask():
        own = System(system.key, system.secret)
        answers.append(own.sync([sent.prescription()], **{"Idempotency-Key": "abc"}))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done = [answer.json() for answer in answers if answer.status_code == 200]
    assert done
    assert all(each["created"] == 1 for each in done), "the answer of the first"
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert Prescription.objects.count() == 1


# -- If-Match ------------------------------------------------------------------------------------


def change(system, pk, body, **headers):
    return system.http.patch(
        f"/api/v1/webhooks/{pk}",
        body,
        content_type="application/json",
        headers=system._headers() | headers,
    )


def test_a_change_is_made_to_what_was_read(system):
    pk = made(system).json()["webhook"]["id"]
    read = system.get(f"webhooks/{pk}")
    changed = change(system, pk, {"name": "New"}, **{"If-Match": read["ETag"]})
    assert changed.json()["name"] == "New"
    assert changed["ETag"] != read["ETag"]
    is_problem(change(system, pk, {"name": "Newer"}, **{"If-Match": read["ETag"]}), 412)
    assert Webhook.objects.get().name == "New"
    several = f'"other", {changed["ETag"]}'
    assert change(system, pk, {"name": "Newer"}, **{"If-Match": several}).status_code == 200
    assert change(system, pk, {"name": "Any"}, **{"If-Match": "*"}).status_code == 200
    assert change(system, pk, {"name": "Unasked"}).status_code == 200


def test_a_practice_is_changed_as_it_was_read(harbour, maeve):
    keeper = System(
        *clients.make_key(
            name="Staff", source_system="hr", practices=[harbour], kind="people", by=maeve
        )
    )
    read = keeper.get("practices/harbour")
    assert read.json()["name"] == harbour.name
    harbour.telephone = "01632 960 114"
    harbour.save()
    answer = keeper.http.patch(
        "/api/v1/practices/harbour",
        {"name": "Other"},
        content_type="application/json",
        headers=keeper._headers() | {"If-Match": read["ETag"]},
    )
    assert is_problem(answer, 412)["code"] == "changed"


# -- Where something is wrong --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("record", "#"),
        ("name", "#/name"),
        ("patient.identifiers[0].value", "#/patient/identifiers/0/value"),
        ("a/b~c", "#/a~1b~0c"),
        ("ä", "#/%C3%A4"),
    ],
)
def test_a_pointer_leads_to_the_field(field, written):
    assert pointer(field) == written


def test_a_question_names_its_parameter(system):
    problem = is_problem(system.get("flags", limit="x"), 400)
    [fault] = problem["errors"]
    assert fault["parameter"] == "limit"
    assert fault["detail"] == fault["reason"]
    assert "pointer" not in fault

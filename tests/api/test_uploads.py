"""Uploads of many lines: kept as they come, taken in by a job, and safe to send again."""

import gzip
import json
import zlib
from codecs import BOM_UTF8
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments

from portal.web_worker import MOST_BODY_BYTES, MOST_UPLOAD_BYTES, Parser
from reviews import incoming, jobs, uploads
from reviews.api import uploads as edge
from reviews.models import AuditEvent, Job, Prescription, UploadFault, UploadPart
from reviews.tasks import KINDS
from reviews.verbs import clients
from reviews.verbs import jobs as cancelling
from tests.api import sent
from tests.api.conftest import make_system
from tests.api.test_sync import is_problem

NDJSON = "application/x-ndjson"


def lines(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def upload(system, records, kind="prescriptions", **headers):
    body = records if isinstance(records, bytes) else lines(records)
    headers = {"Prefer": "respond-async"} | headers
    return system.post(f"{kind}/sync", body, content_type=NDJSON, **headers)


def work():
    return jobs.work(KINDS, seconds=30)


def told(system, answer):
    return system.http.get(answer["Location"], headers=system._headers()).json()


def many(count=12):
    return [sent.prescription(f"rx-{n}", str(n)) for n in range(count)]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(uploads, "PART_LINES", 5)


def test_lines_are_taken_in_after_the_answer(system):
    answer = upload(system, many())
    assert answer.status_code == 202
    assert answer["Preference-Applied"] == "respond-async"
    said = answer.json()
    assert (said["state"], said["total"], said["done"]) == ("waiting", 12, 0)
    assert answer["Location"] == f"/api/v1/uploads/{said['id']}"
    asked = system.get(f"uploads/{said['id']}")
    assert asked["Retry-After"] == "2"
    assert not Prescription.objects.exists()
    work()
    said = told(system, answer)
    assert said == said | {
        "kind": "prescriptions",
        "state": "done",
        "total": 12,
        "done": 12,
        "created": 12,
        "registered": 12,
        "refused": 0,
        "error": "",
    }
    assert "Retry-After" not in system.get(f"uploads/{said['id']}")
    assert Prescription.objects.count() == 12
    assert not UploadPart.objects.exists(), "what was sent is removed"
    assert AuditEvent.objects.filter(verb="prescriptions.synced").count() == 3


def test_without_the_preference_all_is_as_before(system):
    assert upload(system, many(), Prefer="return=minimal").json()["created"] == 12


@pytest.mark.parametrize(
    "prefer", ["respond-async", "RESPOND-ASYNC, wait=5", "wait=5; respond-async"]
)
def test_the_preference_is_read_among_others(system, prefer):
    assert upload(system, many(), Prefer=prefer).status_code == 202


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("conditions", partial(sent.condition)),
        ("readings", partial(sent.reading)),
        ("patients", partial(sent.patient)),
    ],
)
def test_every_kind_can_be_uploaded(system, kind, record):
    answer = upload(system, [record], kind)
    work()
    assert (told(system, answer)["kind"], told(system, answer)["created"]) == (kind, 1)
    assert kind in incoming.KINDS


def test_the_same_again_changes_nothing(system):
    upload(system, many())
    work()
    again = upload(system, many())
    work()
    assert told(system, again)["unchanged"] == 12
    assert Prescription.objects.count() == 12


def test_a_bad_line_stops_no_other_and_is_told(system):
    records = [*many(6), {"source_id": "bad"}, "text", *many(9)[6:]]
    body = lines(records[:3]) + b"\n  \n{not json\n" + lines(records[3:])
    answer = upload(system, body)
    work()
    said = told(system, answer)
    assert (said["created"], said["refused"], said["total"]) == (9, 3, 12)
    listed = system.http.get(said["errors"], headers=system._headers())
    assert listed["Content-Type"] == NDJSON
    faults = [json.loads(line) for line in listed.content.splitlines()]
    assert [(fault["line"], fault["field"]) for fault in faults] == [
        (3, "record"),
        (7, "medicine"),
        (7, "patient"),
        (8, "record"),
    ]
    assert faults[1]["source_id"] == "bad"
    first = system.get(f"uploads/{said['id']}/errors", limit=3).content.splitlines()
    after = json.loads(first[-1])["after"]
    rest = system.get(f"uploads/{said['id']}/errors", after=after).content.splitlines()
    assert [json.loads(line)["line"] for line in rest] == [8]


def test_gzip_in_several_members(system):
    half = lines(many(6)), lines(many(12)[6:])
    body = gzip.compress(half[0]) + gzip.compress(half[1])
    answer = upload(system, body, **{"Content-Encoding": "gzip"})
    work()
    assert told(system, answer)["created"] == 12


@pytest.mark.parametrize("cut", [1, 20, -1, -9])
def test_what_is_no_whole_gzip_leaves_nothing(system, cut):
    body = gzip.compress(lines(many()))[:cut]
    is_problem(upload(system, body, **{"Content-Encoding": "gzip"}), 400)
    is_problem(upload(system, b"\x00" + body, **{"Content-Encoding": "gzip"}), 400)
    assert not UploadPart.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("headers", "content_type", "status"),
    [
        ({}, "application/json", 415),
        ({"Content-Encoding": "br"}, NDJSON, 415),
        ({"Transfer-Encoding": "chunked"}, NDJSON, 411),
    ],
)
def test_what_is_not_read_is_refused(system, headers, content_type, status):
    headers = {"Prefer": "respond-async"} | headers
    answer = system.post("prescriptions/sync", b"{}\n", content_type=content_type, **headers)
    is_problem(answer, status)


def test_too_much_is_refused_and_nothing_stays(system, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_LINES", 11)
    assert "11 lines" in is_problem(upload(system, many()), 413)["detail"]
    monkeypatch.undo()
    monkeypatch.setattr(edge, "MOST_SENT", 100)
    is_problem(upload(system, many()), 413)
    monkeypatch.undo()
    monkeypatch.setattr(uploads, "MOST_UNPACKED", 1000)
    bomb = gzip.compress(b" " * 100_000)
    is_problem(upload(system, bomb, **{"Content-Encoding": "gzip"}), 413)
    assert not UploadPart.objects.exists()


def test_so_many_wait_at_most(system):
    for _ in range(uploads.MOST_AT_ONCE):
        assert upload(system, many(1)).status_code == 202
    assert is_problem(upload(system, many(1)), 429)["code"] == "too_many_uploads"
    assert UploadPart.objects.count() == uploads.MOST_AT_ONCE
    work()
    assert upload(system, many(1)).status_code == 202


def test_a_key_is_answered_the_same_and_by_one_job(system):
    key = {"Idempotency-Key": '"once"'}
    first, again = upload(system, many(), **key), upload(system, many(), **key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Location"] == first["Location"]
    assert Job.objects.count() == 1
    assert UploadPart.objects.count() == 3
    assert is_problem(upload(system, many(3), **key), 422)["code"] == "other_payload"
    work()
    assert upload(system, many(), **key)["Location"] == first["Location"]


def test_an_upload_is_of_the_key_that_sent_it(system, harbour, lakeside, ada, clara, client):
    pk = upload(system, many()).json()["id"]
    other = make_system(harbour, by=ada, source="other")
    for path in (f"uploads/{pk}", f"uploads/{pk}/errors"):
        is_problem(other.get(path), 404)
    client.force_login(clara)
    is_problem(client.get(f"/api/v1/uploads/{pk}"), 401)


def test_a_key_that_was_revoked_takes_nothing_in(system, ada, monkeypatch):
    monkeypatch.setattr(jobs, "RETRY_SECONDS", (0, 0, 0, 0))
    upload(system, many())
    clients.revoke_key(key=system.key, by=ada)
    for _ in range(jobs.MOST_TRIES):
        Job.objects.unfinished().update(not_before="2020-01-01T00:00Z")
        work()
    job = Job.objects.get()
    assert job.state == Job.State.FAILED
    assert "may not sync" in job.error
    assert not Prescription.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", range(3))
def test_a_worker_that_dies_in_a_part_loses_and_doubles_nothing(system, monkeypatch, at):
    records = many()
    records[7] = {"source_id": "bad"}
    answer = upload(system, records)
    real, seen = uploads.next_part, []

    def dies(name):
        seen.append(name)
        if len(seen) == 2 * at + 2:
            raise ConnectionError("the machine is gone")
        return real(name)

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "next_part", dies)
        for _ in range(3):
            jobs.work(KINDS, seconds=0)  # a part at a time
    said = told(system, answer)
    assert said["state"] in ("running", "waiting")
    Job.objects.update(not_before="2020-01-01T00:00Z")
    work()
    said = told(system, answer)
    assert (said["state"], said["done"], said["created"], said["refused"]) == ("done", 12, 11, 1)
    assert Prescription.objects.count() == 11
    assert {fault.line for fault in UploadFault.objects.all()} == {7}
    assert UploadFault.objects.count() == 2


def test_what_was_cancelled_is_removed_later(system, harbour, ada):
    upload(system, many())
    cancelling.cancel(job=Job.objects.get(), by=system.key.user)
    UploadPart.objects.update(sent_at="2020-01-01T00:00Z")
    uploads.forget_old()
    assert not UploadPart.objects.exists()


def test_a_system_cancels_its_own_upload(system, harbour, ada):
    def cancel(upload, system=system):
        return system.http.delete(upload["Location"], headers=system._headers())

    begun = upload(system, many())
    is_problem(cancel(begun, make_system(harbour, by=ada, source="other")), 404)
    jobs.work(KINDS, seconds=0)
    for _ in "twice":
        assert cancel(begun).status_code == 200
    work()
    said = told(system, begun)
    assert (said["state"], said["done"], said["created"]) == ("cancelled", 5, 5)
    assert cancel(begun).json() == said
    assert Prescription.objects.count() == 5
    done = upload(system, many())
    work()
    is_problem(cancel(done), 409)
    assert told(system, done)["state"] == "done"


def test_what_waits_is_not_removed(system):
    upload(system, many())
    UploadPart.objects.update(sent_at="2020-01-01T00:00Z")
    uploads.forget_old()
    assert UploadPart.objects.count() == 3
    work()
    uploads.forget_old()


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"")), max_size=8),
    st.lists(st.integers(1, 9), max_size=12),
    st.booleans(),
)
def test_lines_are_the_same_however_they_are_cut(wanted, sizes, marked):
    text, chunks, at = b"\n".join(wanted), [], 0
    # Some systems begin with a mark of byte order, and none is part of a line.
    wanted = [wanted[0].removeprefix(BOM_UTF8), *wanted[1:]] if wanted and not marked else wanted
    text = BOM_UTF8 * marked + text
    for size in sizes:
        chunks.append(text[at : at + size])
        at += size
    chunks.append(text[at:])
    stripped = [line.strip() for line in wanted]
    assert list(uploads.lines_of(chunks)) == [line for line in stripped if line]


def test_a_line_without_an_end_is_cut(monkeypatch):
    monkeypatch.setattr(uploads, "LONGEST_LINE", 10)
    chunks = [b"a" * 8, b"b" * 8, b"c" * 8, b"\nshort\n", b"d" * 30 + b"\nlast"]
    assert list(uploads.lines_of(chunks)) == [b"a" * 8 + b"b" * 3, b"short", b"d" * 11, b"last"]


def test_parts_are_packed_and_numbered(db):
    kept = uploads.keep([b"1\n2\n3\n4\n5\n6\n7"], [1])
    assert (kept.lines, kept.parts) == (7, 2)
    parts = list(UploadPart.objects.order_by("number"))
    assert [(part.first, part.lines) for part in parts] == [(0, 5), (5, 2)]
    assert uploads.read(parts[1]) == [(5, b"6"), (6, b"7")]
    assert zlib.decompress(bytes(parts[0].packed)) == b"1\n2\n3\n4\n5"


@pytest.mark.parametrize(
    ("head", "most"),
    [
        (b"POST /api/v1/prescriptions/sync HTTP/1.1\r\n", MOST_BODY_BYTES),
        (b"POST /api/v1/prescriptions/sync HTTP/1.1\r\nPrefer: respond-async\r\n", MOST_BODY_BYTES),
        (
            b"POST /api/v1/prescriptions/sync HTTP/1.1\r\nPrefer: respond-async\r\n"
            b"Authorization: Bearer psp_x\r\n",
            MOST_UPLOAD_BYTES,
        ),
        (
            b"POST /accounts/login/ HTTP/1.1\r\nPrefer: respond-async\r\nAuthorization: x\r\n",
            MOST_BODY_BYTES,
        ),
    ],
)
def test_only_an_upload_may_be_long(head, most):
    parser = Parser(Adjustments(max_request_body_size=MOST_BODY_BYTES))
    parser.received(head + b"Host: x\r\nContent-Length: 5\r\n\r\n")
    assert parser.adj.max_request_body_size == most

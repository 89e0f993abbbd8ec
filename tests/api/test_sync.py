"""Sync over HTTP: bodies, limits, keys and problems. What a batch does is in tests/verbs."""

import gzip
import json
import resource
import time
from functools import partial
from urllib.parse import unquote

import pytest

from reviews import limits, records, syncing
from reviews.api import bodies
from reviews.models import Patient, Prescription, Reading
from reviews.verbs import clients, observe
from tests import make
from tests.api import sent
from tests.api.conftest import make_system


def ndjson(*rows):
    return b"\n".join(json.dumps(row).encode() for row in rows)


def is_problem(answer, status):
    """Whether the answer is an RFC 9457 problem with this status; returns its body."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance"} <= body.keys()
    assert body["instance"] == answer.wsgi_request.path
    return body


def test_a_batch_is_answered_with_its_numbers(system):
    answer = system.sync([sent.prescription("a"), sent.prescription("b"), {"source_id": "c"}])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    missing = {"index": 2, "source_id": "c", "reason": "is missing", "detail": "is missing"}
    assert answer.json() == {
        "created": 2,
        "amended": 0,
        "unchanged": 0,
        "refused": 1,
        "registered": 1,
        "updated": 0,
        "errors": [
            {
                "index": 2,
                "source_id": "c",
                "field": "medicine",
                "pointer": "#/2/medicine",
                **missing,
            },
            {"index": 2, "source_id": "c", "field": "patient", "pointer": "#/2/patient", **missing},
        ],
        "waiting": 0,
        "waits": [],
    }


def test_the_same_batch_again_is_unchanged(system):
    rows = [sent.prescription(f"rx-{n}", str(n)) for n in range(5)]
    assert system.sync(rows).json()["created"] == 5
    again = system.sync(rows).json()
    assert (again["created"], again["unchanged"]) == (0, 5)


def test_the_source_is_the_keys(system):
    system.sync([sent.prescription()])
    assert Prescription.objects.get().source_system == "ehr"
    assert Prescription.objects.get().recorded_by == system.key.user


def test_an_empty_batch_is_no_error(system):
    assert system.sync([]).json()["created"] == 0


def test_lines_are_a_batch_too(system):
    body = ndjson(sent.prescription("a"), sent.prescription("b")) + b"\n\n{oops\n"
    answer = system.post("prescriptions/sync", body, content_type="application/x-ndjson")
    said = answer.json()
    assert (said["created"], said["refused"]) == (2, 1)
    reason = "is not valid JSON"
    assert said["errors"] == [
        {
            "index": 2,
            "source_id": None,
            "field": "record",
            "reason": reason,
            "detail": reason,
            "pointer": "#/2",
        }
    ]


ODD = {"system": "urn:example:mrn", "value": "x" * 5_000}


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"dose": -1}, ["dose"]),
        (
            {"codings": [{"system": "rxnorm", "code": "1"}, {"system": "atc"}]},
            ["codings", 1, "code"],
        ),
        ({"patient": partial(sent.patient, colour="blue")}, ["patient", "colour"]),
        ({"patient": partial(sent.patient, identifiers=[ODD])}, ["patient"]),
        ({"a/b~c": 1}, ["a/b~c"]),
    ],
)
def test_each_error_points_into_the_batch(system, more, where):
    """As RFC 6901 says: following the pointer from the batch leads to what was wrong."""
    batch = [sent.prescription("a"), {**sent.prescription("b"), **more}]
    (error,) = system.sync(batch).json()["errors"]
    steps = [
        unquote(step).replace("~1", "/").replace("~0", "~")
        for step in error["pointer"].removeprefix("#/").split("/")
    ]
    assert steps[: len(where) + 1] == ["1", *map(str, where)], error
    found = batch
    for step in steps:
        found = found[int(step)] if isinstance(found, list) else found.get(step)
    assert error["detail"] == error["reason"]


def test_what_waits_points_at_what_is_not_clear(system):
    system.sync([sent.patient()], "patients")
    other = {**sent.patient(), "family_name": "Other", "birth_date": "1999-09-09"}
    answer = system.sync([{**sent.prescription("a"), "patient": other}]).json()
    (wait,) = answer["waits"]
    assert (wait["pointer"], wait["detail"]) == ("#/0/patient/identifiers", wait["reason"])


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_gzip_is_unpacked(system, content_type):
    rows = [sent.prescription("a"), sent.prescription("b")]
    body = ndjson(*rows) if "nd" in content_type else json.dumps(rows).encode()
    halves = gzip.compress(body[:100]) + gzip.compress(body[100:])
    for number, packed in enumerate((gzip.compress(body), halves)):
        answer = system.post(
            "prescriptions/sync", packed, content_type=content_type, **{"Content-Encoding": "gzip"}
        )
        assert answer.json()["created"] == (2, 0)[number]


@pytest.mark.parametrize("known", [False, True])
def test_a_refused_medicine_is_named_in_the_answer_and_seen_with_the_person(system, known):
    if known:
        system.sync([sent.patient()], "patients")
    answer = system.sync([sent.prescription("rx-9", times_per_day=97)]).json()
    assert (answer["refused"], answer["registered"]) == (1, 0 if known else 1)
    (error,) = answer["errors"]
    assert (error["source_id"], error["field"]) == ("rx-9", "times_per_day")
    (person,) = system.get("patients").json()["results"]
    assert person["medicines_not_read"] == 1
    (note,) = person["notes"]
    assert (note["refused"], note["medicine"]) == (True, "Diazepam 5 mg tablets")
    assert "times_per_day" in note["reason"]
    system.sync([sent.prescription("rx-9")])
    (person,) = system.get("patients").json()["results"]
    assert person["medicines_not_read"] == 0


def test_a_charset_in_the_content_type_is_fine(system):
    answer = system.post(
        "prescriptions/sync", b"[]", content_type="application/json; charset=utf-8"
    )
    assert answer.status_code == 200


def test_patients_and_conditions_have_a_batch_of_their_own(system):
    assert system.sync([sent.patient()], "patients").json()["registered"] == 1
    assert system.sync([sent.condition()], "conditions").json()["created"] == 1
    assert system.sync([sent.reading()], "readings").json()["created"] == 1
    patient = Patient.objects.get()
    assert (patient.conditions.count(), patient.readings.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": 900}, "value"),
        ({"unit": "mmol/L"}, "unit"),
        ({"kind": "shoe_size"}, "kind"),
        ({"on": "2999-01-01"}, "on"),
        ({"on": None}, "on"),
        ({"kind": "pregnancy", "value": None, "unit": "", "text": "maybe"}, "text"),
    ],
)
def test_a_reading_that_cannot_be_is_refused_and_the_others_are_kept(system, changes, field):
    answer = system.sync([sent.reading(**changes), sent.reading("o-2")], "readings").json()
    assert (answer["created"], answer["refused"]) == (1, 1)
    assert (answer["errors"][0]["index"], answer["errors"][0]["field"]) == (0, field)


def test_a_reading_sent_again_is_unchanged_and_a_correction_made_here_stands(system, clara):
    system.sync([sent.reading()], "readings")
    assert system.sync([sent.reading()], "readings").json()["unchanged"] == 1
    said = {"kind": "egfr", "value": 84, "on": make.day(-10)}
    record = records.convert(said, records.ReadingRecord)
    observe.correct(reading=Reading.objects.get(), record=record, by=clara)
    assert system.sync([sent.reading()], "readings").json()["unchanged"] == 1
    assert system.sync([sent.reading(value=49)], "readings").json()["amended"] == 1
    assert float(Reading.objects.get(superseded_at=None).value) == 49


def test_a_reading_moves_to_the_patient_its_source_means(system):
    system.sync([sent.reading(), sent.reading("o-2", "2")], "readings")
    assert system.sync([sent.reading(number="2")], "readings").json()["amended"] == 1
    holders = Reading.objects.filter(superseded_at=None).values_list(
        "patient__identifiers__value", flat=True
    )
    assert list(holders) == ["2", "2"]


# -- Limits --------------------------------------------------------------------------------------


def test_ten_thousand_records_are_taken_and_one_more_is_not(system):
    most = [{"source_id": str(n)} for n in range(bodies.MOST_RECORDS)]
    assert system.sync(most).json()["refused"] == bodies.MOST_RECORDS
    problem = is_problem(system.sync([*most, {}]), 413)
    assert problem["detail"] == "10,001 records were sent; at most 10,000 are taken at once."
    lines = system.post("prescriptions/sync", b"{}\n" * 10_001, content_type="application/x-ndjson")
    is_problem(lines, 413)


def test_a_body_over_the_limit_is_not_read(system, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_BYTES", 1000)
    assert system.post("prescriptions/sync", b"[" + b" " * 998 + b"]").status_code == 200
    is_problem(system.post("prescriptions/sync", b"[" + b" " * 999 + b"]"), 413)


def test_a_gzip_bomb_is_refused_without_being_unpacked(system):
    bomb = gzip.compress(b" " * (bodies.MOST_BYTES + 1))
    assert len(bomb) < 100_000
    headers = {"Content-Encoding": "gzip"}
    is_problem(system.post("prescriptions/sync", bomb, **headers), 413)
    many = gzip.compress(b" " * (bodies.MOST_BYTES // 4)) * 5
    is_problem(system.post("prescriptions/sync", many, **headers), 413)


def test_a_body_without_a_length_is_refused(system):
    answer = system.post("prescriptions/sync", b"[]", **{"Transfer-Encoding": "chunked"})
    is_problem(answer, 411)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b" ", "The body is not valid JSON"),
        (b"[{]", "The body is not valid JSON"),
        (b"{}", "The body must be a JSON array of records."),
        (b"null", "The body must be a JSON array of records."),
        (b"\xff\xfe", "The body is not valid JSON"),
        (b"[" * 200_000, "The body is not valid JSON"),
    ],
)
def test_a_body_that_is_no_array_is_a_problem(system, body, detail):
    assert is_problem(system.post("prescriptions/sync", body), 400)["detail"].startswith(detail)


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"[]", mtime=0)[:-4]])
def test_a_body_that_is_not_gzip_as_it_says_is_a_problem(system, body):
    is_problem(system.post("prescriptions/sync", body, **{"Content-Encoding": "gzip"}), 400)


@pytest.mark.parametrize("content_type", ["text/csv", "application/xml", "multipart/form-data", ""])
def test_another_content_type_is_a_problem(system, content_type):
    is_problem(system.post("prescriptions/sync", b"[]", content_type=content_type), 415)


def test_another_content_encoding_is_a_problem(system):
    is_problem(system.post("prescriptions/sync", b"[]", **{"Content-Encoding": "br"}), 415)


def test_an_unknown_question_is_a_problem(system):
    problem = is_problem(system.post("prescriptions/sync?dry_run=1", b"[]"), 400)
    reason = "is not a known field"
    fault = {"field": "dry_run", "reason": reason, "detail": reason, "parameter": "dry_run"}
    assert problem["errors"] == [fault]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_method_is_a_problem_that_names_the_right_one(system, method):
    call = getattr(system.http, method)
    answer = call(
        "/api/v1/prescriptions/sync", headers={"Authorization": f"Bearer {system.secret}"}
    )
    is_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_too_many_batches_in_a_minute_are_told_to_wait(system, monkeypatch):
    monkeypatch.setattr(limits.Syncs, "quota", 2)
    first = system.sync([])
    assert first.headers["RateLimit-Policy"] == '"sync";q=2;w=60'
    assert first.headers["RateLimit"].startswith('"sync";r=1;t=')
    system.sync([])
    refused = system.sync([])
    is_problem(refused, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


# -- Keys ----------------------------------------------------------------------------------------


def call(system, authorization):
    headers = {"Authorization": authorization} if authorization is not None else {}
    return system.http.post(
        "/api/v1/prescriptions/sync", b"[]", content_type="application/json", headers=headers
    )


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer x", "Bearer psp_\x00", "Basic dXNlcjpwdw==", "é"]
)
def test_without_a_key_nobody_comes_in(system, authorization):
    answer = call(system, authorization)
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_opens_nothing(system, ada):
    clients.revoke_key(key=system.key, by=ada)
    is_problem(system.sync([sent.prescription()]), 401)
    is_problem(system.get("prescriptions"), 401)
    assert not Prescription.objects.exists()


def test_a_signed_in_person_cannot_sync(system, clara):
    system.http.force_login(clara)
    is_problem(call(system, None), 401)


def test_a_key_writes_to_its_practices_alone(harbour, lakeside, ada, system):
    refused = system.sync([sent.prescription(practice="lakeside")]).json()["errors"]
    assert [(error["field"], error["index"]) for error in refused] == [("practice", 0)]
    make.person("ada", lakeside)
    there = make_system(lakeside, by=make.person("ada", lakeside), source="ehr")
    there.sync([sent.prescription()])
    assert Prescription.objects.get().practice == lakeside


def test_an_unexpected_failure_is_a_problem_and_tells_nothing(system, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("reviews.incoming.merge", fails)
    answer = system.sync([sent.prescription()])
    assert "secret" not in is_problem(answer, 500)["detail"]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api/v2/flags", "/api/"])
def test_an_address_that_does_not_exist_is_a_problem(system, path):
    is_problem(system.http.get(path), 404)


# -- What is sent to do harm ----------------------------------------------------------------------


@pytest.fixture
def memory():
    """Ends the process's memory 400 MB from here, so that what takes more fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 400 * 1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("element", [b"{}", b"1", b'""', b"[]", b'{"a":[[],[]]}'])
def test_a_small_gzip_of_a_huge_array_makes_no_list_of_it(system, memory, element):
    count = bodies.MOST_BYTES // (len(element) + 1) - 1
    packed = gzip.compress(b"[" + b",".join([element]) + (b"," + element) * (count - 1) + b"]")
    assert len(packed) < 150_000
    answer = system.post("prescriptions/sync", packed, **{"Content-Encoding": "gzip"})
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("line", [b"\n", b"1\n", b"{}\n"])
def test_a_small_gzip_of_endless_lines_makes_no_list_of_them(system, memory, line):
    packed = gzip.compress(line * (bodies.MOST_BYTES // len(line)))
    answer = system.post(
        "prescriptions/sync",
        packed,
        content_type="application/x-ndjson",
        **{"Content-Encoding": "gzip"},
    )
    is_problem(answer, 413)


def test_a_record_larger_than_any_is_refused_unread_and_the_others_are_kept(system, memory):
    huge = b'{"source_id":"rx-9","medicine":[' + b"[]," * 9_000_000 + b"[]]}"
    body = b"[" + huge + b"," + json.dumps(sent.prescription()).encode() + b"]"
    answer = system.post("prescriptions/sync", body).json()
    assert (answer["created"], answer["refused"]) == (1, 1)
    assert answer["errors"][0]["reason"] == "is larger than 262,144 bytes"


def test_a_gzip_of_many_empty_members_is_not_unpacked_to_its_end(system):
    many = gzip.compress(b"") * 145_000
    started = time.process_time()
    answer = system.post("prescriptions/sync", many, **{"Content-Encoding": "gzip"})
    assert is_problem(answer, 413)["detail"] == "The gzip body has more than 1,000 members."
    assert time.process_time() - started < 2


def test_a_gzip_of_some_members_is_read(system):
    body = json.dumps([sent.prescription()]).encode()
    packed = b"".join(gzip.compress(body[at : at + 1]) for at in range(len(body)))
    answer = system.post("prescriptions/sync", packed, **{"Content-Encoding": "gzip"})
    assert answer.json()["created"] == 1


# -- Every field that is wrong --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "record", "fields"),
    [
        (
            "prescriptions",
            partial(sent.prescription, dose=-1, times_per_day=97, start_on="tomorrow", wrong=1),
            ["dose", "start_on", "times_per_day", "wrong"],
        ),
        (
            "prescriptions",
            partial(sent.prescription, patient={"sex": "x", "birth_date": "1"}, medicine=""),
            ["medicine", "patient.birth_date", "patient.sex"],
        ),
        (
            "prescriptions",
            partial(sent.prescription, codings=[{"system": ""}, 7], status="no", medicine="A\0"),
            ["codings[0].code", "codings[0].system", "codings[1]", "medicine", "status"],
        ),
        ("prescriptions", {}, ["medicine", "patient", "source_id"]),
        (
            "prescriptions",
            partial(
                sent.prescription, dose_unit=None, written_on="1066-10-14", practice="elsewhere"
            ),
            ["dose_unit", "practice", "written_on"],
        ),
        (
            "prescriptions",
            partial(
                sent.prescription, start_on="2026-01-02T00:00:00Z", end_on="2026-01-01", dose=0
            ),
            ["dose", "end_on"],
        ),
        ("conditions", partial(sent.condition, text="", status="over"), ["status", "text"]),
        ("readings", partial(sent.reading, kind="shoe", on="x"), ["kind", "on"]),
        ("readings", partial(sent.reading, value=1e9, unit="stone"), ["unit", "value"]),
        ("patients", partial(sent.patient, sex="x", deceased="no"), ["deceased", "sex"]),
    ],
)
def test_a_refused_record_is_told_every_field_that_is_wrong(system, kind, record, fields):
    answer = system.sync([record], kind).json()
    assert answer["refused"] == 1
    assert sorted(error["field"] for error in answer["errors"]) == fields
    assert {error["index"] for error in answer["errors"]} == {0}


def test_a_batch_of_the_worst_records_is_looked_at_so_often_and_no_more(system, monkeypatch):
    monkeypatch.setattr(syncing, "MOST_LOOKS", 30)
    bad = sent.prescription(**{f"wrong_{n}": n for n in range(40)})
    answer = system.sync([bad] * 5).json()
    assert answer["refused"] == 5
    assert [sum(error["index"] == n for error in answer["errors"]) for n in range(5)] == [
        records.MOST_FAULTS,
        records.MOST_FAULTS,
        1,
        1,
        1,
    ]

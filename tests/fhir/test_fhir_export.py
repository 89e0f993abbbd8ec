"""$export: what is asked for, what comes of it, who may have it, and what a kill costs."""

import gzip
import json
import threading
from datetime import timedelta

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews import bulk_data, bulk_files, fhir_versions, jobs
from reviews.fhir_api import bulk as bulk_api
from reviews.fhir_api import parameters
from reviews.models import AuditEvent, BulkFile, BulkRequest, Job, Membership
from reviews.queries.fhir import KINDS
from reviews.verbs import bulk_export
from tests import make
from tests.fhir.asking import FHIR_JSON, System, refused
from tests.fhir.bulk import NDJSON, begin, exported, ids, lines, manifest, path_of, resources, work


@pytest.fixture
def people(harbour, clara):
    return [make.patient(harbour, clara, identifiers=[str(number)]) for number in range(1, 8)]


def sent(body, person, system, *, version=1, deleted=False, resource_type="Patient", **more):
    """What a system sent of somebody, kept beside their record."""
    live = person.versions.get(superseded_at=None)
    row = fhir_versions.made(
        resource_type=resource_type,
        logical_id=str(person.pk),
        version=version,
        body=body,
        content=json.loads(body or "{}"),
        definitions=KINDS[resource_type].definitions,
        practice_id=person.practice_id,
        patient_id=person.pk,
        source_system="ehr",
        by=system.key.user,
        record=live.pk,
        record_version=live.version,
        deleted=deleted,
        **more,
    )
    row.save()
    return row


# -- The way of an export ----------------------------------------------------------------------


def test_everything_is_exported_as_it_is_read(system, people):
    answer = system.get("$export", Accept=FHIR_JSON, Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.json()["resourceType"] == "OperationOutcome"
    status = path_of(answer["Content-Location"])
    polled = system.get(status)
    assert (polled.status_code, polled.content) == (202, b"")
    assert polled["Retry-After"].isdigit()
    assert 0 < len(polled["X-Progress"]) < 100
    work()
    made = manifest(system, status)
    assert made["request"] == "http://testserver/fhir/$export"
    assert made["requiresAccessToken"] is True
    assert made["error"] == []
    assert "deleted" not in made
    found = resources(system, made)
    assert ids(found) == [str(person.pk) for person in people]
    for one in found["Patient"]:
        assert one == system.get(f"Patient/{one['id']}").json()
    assert ids(found, "Group") == ["harbour"]


def test_a_manifest_says_until_when_and_for_how_long(system, people):
    before = timezone.now()
    status = begin(system)
    work()
    answer = system.get(status)
    assert answer["Content-Type"] == "application/json"
    assert answer["Expires"].endswith("GMT")
    said = answer.json()["transactionTime"]
    export = BulkRequest.objects.get()
    assert export.transaction_time.isoformat().replace("+00:00", "Z") == said
    assert before <= export.transaction_time <= timezone.now()
    assert export.expires_at > timezone.now() + timedelta(hours=23)


@pytest.mark.parametrize("format_name", [NDJSON, "application/ndjson", "ndjson"])
def test_each_name_of_the_format_is_known(system, people, format_name):
    made, found = exported(system, query={"_outputFormat": format_name, "_type": "Patient"})
    assert len(found["Patient"]) == 7
    assert made["output"][0]["url"].endswith(".ndjson")


def test_files_are_packed_where_that_is_asked_for(system, people):
    status = begin(system, query={"_type": "Patient"})
    work()
    [file] = manifest(system, status)["output"]
    plain = b"".join(system.get(path_of(file["url"])).streaming_content)
    answer = system.get(path_of(file["url"]), Accept_Encoding="gzip")
    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    assert gzip.decompress(b"".join(answer.streaming_content)) == plain
    assert answer["Cache-Control"] == "no-store"
    for said in ("identity", "gzip;q=0", "gzip; q=0.0, br"):
        answer = system.get(path_of(file["url"]), Accept_Encoding=said)
        assert "Content-Encoding" not in answer
        assert b"".join(answer.streaming_content) == plain


PARTS = [
    ("bytes=0-0", (0, 1)),
    ("bytes=10-19", (10, 20)),
    ("bytes=10-", (10, None)),
    ("bytes=-10", (-10, None)),
    ("bytes=0-99999999", (0, None)),
    ("bytes=-99999999", (0, None)),
    # What is no range, or several, is answered with all of it.
    ("bytes=20-10", None),
    ("bytes=-", None),
    ("bytes=0-1,3-4", None),
    ("lines=1-2", None),
]


@pytest.mark.parametrize(("said", "part"), PARTS, ids=[said for said, _ in PARTS])
def test_a_download_goes_on_where_it_broke_off(system, people, said, part):
    made, _ = exported(system, query={"_type": "Patient"})
    path = path_of(made["output"][0]["url"])
    answer = system.get(path)
    whole, etag = b"".join(answer.streaming_content), answer["ETag"]
    assert answer["Accept-Ranges"] == "bytes"
    answer = system.get(path, Range=said, If_Range=etag, Accept_Encoding="gzip" if part else "")
    got = b"".join(answer.streaming_content)
    if part is None:
        assert (answer.status_code, got) == (200, whole)
        return
    begin, end = part
    assert (answer.status_code, got) == (206, whole[begin:end])
    at = len(whole) - len(got) if begin < 0 else begin
    assert answer["Content-Range"] == f"bytes {at}-{at + len(got) - 1}/{len(whole)}"
    assert (answer["ETag"], answer["Content-Length"]) == (etag, str(len(got)))
    assert not answer.has_header("Content-Encoding")
    # Of another file it would be a part of nothing.
    url = made["output"][0]["url"]
    assert lines(system, url, Range=said, If_Range='"another"') == whole.splitlines()


def test_a_part_behind_the_end_is_refused(system, people):
    made, _ = exported(system, query={"_type": "Patient"})
    path = path_of(made["output"][0]["url"])
    size = len(b"".join(system.get(path).streaming_content))
    for said in (f"bytes={size}-", "bytes=99999999-", "bytes=-0"):
        answer = system.get(path, Range=said)
        refused(answer, 416, "value")
        assert answer["Content-Range"] == f"bytes */{size}"
    last = system.get(path, Range=f"bytes={size - 1}-")
    assert (last.status_code, b"".join(last.streaming_content)) == (206, b"\n")


def test_who_only_looks_begins_nothing(system, people):
    assert system.send("HEAD", "$export").status_code == 405
    assert not BulkRequest.objects.exists()


def test_what_a_system_sent_comes_back_word_for_word_on_one_line(system, people):
    body = '{"resourceType": "Patient",\n "extension": [{"url":"urn:x", "valueDecimal":\n1.50}]}'
    sent(body, people[0], system)
    _, found = exported(system, query={"_type": "Patient"})
    assert len(found["Patient"]) == 7
    status = begin(system, query={"_type": "Patient"})
    work()
    [file] = manifest(system, status)["output"]
    [line] = [one for one in lines(system, file["url"]) if b"urn:x" in one]
    assert b'"valueDecimal":1.50' in line


def test_a_file_ends_where_it_is_large_enough(system, people, monkeypatch):
    monkeypatch.setattr(bulk_export, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(bulk_data, "MOST_FILE_BYTES", 1)
    made, found = exported(system, query={"_type": "Patient"})
    assert [file["count"] for file in made["output"]] == [2, 2, 2, 1]
    assert ids(found) == [str(person.pk) for person in people]


def test_an_export_of_nothing_has_no_files(system):
    made, _ = exported(system, query={"_type": "Patient"})
    assert made["output"] == []


# -- What is asked for -------------------------------------------------------------------------


def test_since_and_until_hold_what_changed_between(system, people):
    # Versions are never rewritten, so what is asked is around the time at which they were made.
    versions = {person.pk: person.versions.get(superseded_at=None).recorded_at for person in people}
    query = {
        "_type": "Patient",
        "_since": versions[people[2].pk].isoformat(),
        "_until": versions[people[4].pk].isoformat(),
    }
    _, found = exported(system, query=query)
    wanted = [
        str(pk)
        for pk, at in versions.items()
        if versions[people[2].pk] <= at <= versions[people[4].pk]
    ]
    assert ids(found) == wanted
    assert 0 < len(wanted) < 7


def test_what_only_the_body_changed_since_is_there(system, people):
    moment = timezone.now()
    sent('{"resourceType":"Patient","maritalStatus":{"text":"x"}}', people[3], system)
    _, found = exported(system, query={"_type": "Patient", "_since": moment.isoformat()})
    assert ids(found) == [str(people[3].pk)]


def test_one_export_after_another_by_transaction_time_misses_nothing(
    system, people, harbour, clara
):
    made, found = exported(system, query={"_type": "Patient"})
    assert len(found["Patient"]) == 7
    newer = make.patient(harbour, clara, identifiers=["99"])
    made, found = exported(system, query={"_type": "Patient", "_since": made["transactionTime"]})
    assert ids(found) == [str(newer.pk)]
    made, found = exported(system, query={"_type": "Patient", "_since": made["transactionTime"]})
    assert found == {}


def test_types_filters_and_elements(system, harbour, clara):
    bell = make.patient(harbour, clara, family_name="Bell")
    make.patient(harbour, clara, family_name="Ash")
    cole = make.patient(harbour, clara, family_name="Cole")
    query = {
        "_type": "Patient",
        "_typeFilter": ["Patient?family=Bell", "Patient?family=Cole&gender=male"],
        "_elements": "Patient.birthDate",
    }
    _, found = exported(system, query=query)
    assert ids(found) == [str(bell.pk), str(cole.pk)]
    [one, _] = found["Patient"]
    assert "birthDate" in one
    assert "name" not in one
    assert one["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_filters_in_one_list(system, harbour, clara):
    make.patient(harbour, clara, family_name="Ash")
    bell = make.patient(harbour, clara, family_name="Bell")
    query = {"_type": "Patient", "_typeFilter": "Patient?family=Bell,Patient?family=Nobody"}
    _, found = exported(system, query=query)
    assert ids(found) == [str(bell.pk)]


def post(system, path, *parameters):
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return system.send("POST", path, json.dumps(body))


def test_patients_are_named_in_a_body(system, people):
    answer = post(
        system,
        "Patient/$export",
        {"name": "_type", "valueString": "Patient"},
        {"name": "patient", "valueReference": {"reference": f"Patient/{people[2].pk}"}},
        {"name": "patient", "valueReference": {"reference": f"Patient/{people[5].pk}"}},
    )
    assert answer.status_code == 202, answer.content
    work()
    found = resources(system, manifest(system, path_of(answer["Content-Location"])))
    assert ids(found) == [str(people[2].pk), str(people[5].pk)]


def test_patients_are_of_the_compartment(system, people):
    made, found = exported(system, "Patient/$export")
    assert "Patient" in found
    assert "Group" not in found
    assert made["request"].endswith("/fhir/Patient/$export")


def test_a_group_is_a_practice(harbour, lakeside, ada, clara):
    make.person("ada", lakeside)
    make.person("clara", lakeside)
    both = System(harbour, lakeside, by=ada)
    here = make.patient(harbour, clara)
    there = make.patient(lakeside, clara)
    _, found = exported(both, "Group/lakeside/$export")
    assert ids(found) == [str(there.pk)]
    _, found = exported(both, "Group/harbour/$export")
    assert ids(found) == [str(here.pk)]
    _, found = exported(both)
    assert ids(found) == [str(here.pk), str(there.pk)]
    refused(both.get("Group/nowhere/$export"), 404, "not-found")


def test_a_group_is_read_and_found(system, harbour, lakeside):
    group = system.get("Group/harbour").json()
    assert (group["type"], group["actual"]) == ("person", True)
    assert group["managingEntity"]["reference"] == f"Organization/{harbour.pk}"
    assert [one["id"] for one in system.found("Group")] == ["harbour"]
    refused(system.get("Group/lakeside"), 404, "not-found")
    refused(system.get("Group/lakeside/$export"), 404, "not-found")


BAD = [
    ({"_outputFormat": "text/csv"}, "_outputFormat"),
    ({"_type": "Nothing"}, "_type"),
    ({"_typeFilter": "Patient?unheard=1"}, "_typeFilter"),
    ({"_typeFilter": "Patient?family:below=1"}, "_typeFilter"),
    ({"_typeFilter": "Patient?_count=1"}, "_typeFilter"),
    ({"_typeFilter": "Nothing?family=1"}, "_typeFilter"),
    ({"_elements": "name.family.x"}, "_elements"),
    ({"_elements": "Task.status"}, "_elements"),
    ({"_typeFilter": "Patient?"}, "_typeFilter"),
    ({"_typeFilter": "Patient"}, "_typeFilter"),
    ({"includeAssociatedData": "x"}, "includeAssociatedData"),
    ({"organizeOutputBy": "Patient"}, "organizeOutputBy"),
    ({"patient": "Patient/1"}, "patient"),
]


@pytest.mark.parametrize(("query", "name"), BAD)
def test_what_is_not_offered_is_refused_or_noted(system, people, query, name):
    query = {"_type": "Patient", **query} if "_type" not in query else query
    issue = refused(system.get("$export", query), 400, "value")
    assert name in issue["diagnostics"]
    assert not BulkRequest.objects.exists()
    if query["_type"] == "Nothing":
        query = {"_type": "Patient,Nothing"}
    made, found = exported(system, query=query, Prefer='respond-async, handling = "lenient"')
    assert len(found["Patient"]) == 7
    outcomes = resources(system, made, "error")["OperationOutcome"]
    assert name in outcomes[0]["issue"][0]["diagnostics"]


@pytest.mark.parametrize("name", ["_since", "_until"])
@pytest.mark.parametrize(
    "said",
    [
        *("yesterday", "2026-01-01", "ge2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "\0"),
        "2026-01-01T00:00:00",  # which of the zones that there are
    ],
)
def test_what_is_no_instant_is_refused_whatever_is_preferred(system, name, said):
    answer = system.get("$export", {name: said}, Prefer="handling=lenient")
    assert answer.status_code == 400
    assert name in json.dumps(answer.json())
    assert not BulkRequest.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b"[]", 400),
        (b'{"resourceType":"Patient"}', 400),
        (b'{"resourceType":"Parameters","parameter":[{"name":"_type"}]}', 400),
        (b'{"resourceType":"Parameters","parameter":[{"name":7}]}', 400),
        (b"\xff", 400),
        (b'{"resourceType":"Parameters"' + b" " * parameters.MOST_BYTES + b"}", 413),
    ],
)
def test_a_body_that_is_none_is_refused(system, body, status):
    assert system.send("POST", "$export", body).status_code == status
    assert system.send("POST", "$export", body, content_type="text/plain").status_code == 415
    assert not BulkRequest.objects.exists()


# -- Limits ------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_to_wait(system, people):
    status = begin(system)
    assert system.get(status).status_code == 202
    answer = system.get(status)
    refused(answer, 429, "throttled")
    assert int(answer["Retry-After"]) >= bulk_api.POLL_SECONDS
    cache.clear()
    assert system.get(status).status_code == 202


def test_one_export_too_many_waits(system, people):
    first = begin(system)
    begin(system)
    answer = system.get("$export")
    refused(answer, 429, "throttled")
    assert int(answer["Retry-After"]) > 0
    assert system.send("DELETE", first).status_code == 202
    begin(system)


def test_only_so_many_are_kept(system, people, monkeypatch):
    monkeypatch.setattr(bulk_data, "MOST_KEPT", 2)
    status = begin(system)
    begin(system)
    work()
    refused(system.get("$export"), 429, "throttled")
    assert system.send("DELETE", status).status_code == 202
    begin(system)


# -- Who may -----------------------------------------------------------------------------------


def test_another_system_sees_nothing_of_it(system, people, harbour, ada):
    status = begin(system)
    work()
    [file, *_] = manifest(system, status)["output"]
    other = System(harbour, by=ada, source="lab")
    refused(other.get(status), 404, "not-found")
    refused(other.get(path_of(file["url"])), 404, "not-found")
    refused(other.send("DELETE", status), 404, "not-found")
    assert lines(system, file["url"])


def test_nobody_exports_without_a_key_and_no_person_does(client, system, people, clara):
    refused(client.get("/fhir/$export"), 401, "login")
    client.force_login(clara)
    refused(client.get("/fhir/$export"), 401, "login")


def test_a_key_for_people_exports_nobody(harbour, iris):
    refused(System(harbour, by=iris, kind="people").get("$export"), 403, "forbidden")


class Scopes:
    def __init__(self, reaches):
        self.reaches = reaches

    def bounds(self, type_name, letter):
        return self.reaches.get((type_name, letter))


@pytest.fixture
def scoped(monkeypatch):
    from reviews.models import ApiKey  # noqa: PLC0415 - only here

    def give(reaches):
        monkeypatch.setattr(ApiKey, "scopes", Scopes(reaches), raising=False)

    return give


MALE = ((("gender", "male"),),)


def test_scopes_bound_an_export(system, scoped, harbour, clara):
    bell = make.patient(harbour, clara)
    make.patient(harbour, clara, sex="female")
    scoped({("Patient", "r"): MALE, ("Patient", "s"): ()})
    made, found = exported(system)
    assert list(found) == ["Patient"]
    assert ids(found) == [str(bell.pk)]
    issue = refused(system.get("$export", {"_type": "Group"}), 403, "forbidden")
    assert "Group" in issue["diagnostics"]
    made, found = exported(system, query={"_type": "Patient,Group"}, Prefer="handling=lenient")
    assert list(found) == ["Patient"]
    assert "Group" in json.dumps(resources(system, made, "error"))
    scoped({})
    refused(system.get("$export"), 403, "forbidden")


def test_a_narrower_token_fetches_no_file_of_a_wider_one(system, scoped, people):
    status = begin(system, query={"_type": "Patient"})
    work()
    [file] = manifest(system, status)["output"]
    scoped({("Patient", "r"): MALE, ("Patient", "s"): MALE})
    refused(system.get(path_of(file["url"])), 403, "forbidden")
    scoped({("Patient", "r"): (), ("Patient", "s"): ()})
    assert lines(system, file["url"])


def test_who_loses_a_practice_loses_the_export(system, people, ada):
    status = begin(system)
    Membership.objects.filter(user=system.key.user).update(ends_at=timezone.now())
    work()
    job = Job.objects.get(kind=bulk_export.EXPORT)
    assert job.state != "done"
    assert "may no longer" in job.error
    assert system.get(status).status_code in (403, 404)


def test_every_person_is_in_the_trail_before_anything_goes_out(system, people):
    status = begin(system, query={"_type": "Patient"})
    work()
    made = AuditEvent.objects.get(verb="export.made")
    assert made.actor_id == system.key.user_id
    assert made.detail["rows"] == {"Patient": 7}
    assert "7 people" in made.detail["what"]
    assert len(made.detail["digest"]) == 64
    read = AuditEvent.objects.get(verb="api.read", detail__resource="FHIR $export")
    assert read.detail["shown"] == [person.pk for person in people]
    assert BulkFile.objects.get().patient_ids == [person.pk for person in people]
    [file] = manifest(system, status)["output"]
    lines(system, file["url"])
    fetched = AuditEvent.objects.get(verb="api.read", detail__resource="FHIR $export file")
    assert fetched.detail["rows"] == 7


# -- Its end -----------------------------------------------------------------------------------


def test_an_export_is_cancelled(system, people):
    status = begin(system)
    assert system.send("DELETE", status).status_code == 202
    refused(system.get(status), 404, "not-found")
    refused(system.send("DELETE", status), 404, "not-found")
    work()
    assert Job.objects.get(kind=bulk_export.EXPORT).state == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_files_are_removed_with_the_export(system, people):
    status = begin(system)
    work()
    [file, *_] = manifest(system, status)["output"]
    folder = bulk_files.folder_of(BulkRequest.objects.get().pk)
    assert folder.exists()
    assert folder.stat().st_mode & 0o077 == 0
    assert system.send("DELETE", status).status_code == 202
    assert not folder.exists()
    refused(system.get(path_of(file["url"])), 404, "not-found")


def test_an_export_is_over_after_a_day(system, people):
    status = begin(system)
    work()
    [file, *_] = manifest(system, status)["output"]
    BulkRequest.objects.update(expires_at=timezone.now())
    refused(system.get(status), 404, "not-found")
    refused(system.get(path_of(file["url"])), 404, "not-found")
    folder = bulk_files.folder_of(BulkRequest.objects.get().pk)
    assert folder.exists()
    bulk_data.forget()
    assert not folder.exists()


def test_an_export_that_failed_says_why(system, people, monkeypatch):
    status = begin(system)
    Job.objects.filter(kind=bulk_export.EXPORT).update(
        state="failed",
        error="The disk is full.",
        ended_at=timezone.now(),
        started_at=timezone.now(),
    )
    issue = refused(system.get(status), 500, "exception")
    assert "The disk is full." in issue["diagnostics"]


@pytest.mark.parametrize(
    "name", ["../../x", "0001.Patient.ndjson.gz", "lock", "9999.Patient.ndjson"]
)
def test_no_other_file_is_given_out(system, people, name):
    begin(system)
    work()
    export = BulkRequest.objects.get()
    assert system.get(f"/fhir/bulk-files/{export.pk}/{name}").status_code == 404


# -- Deletions ---------------------------------------------------------------------------------


def test_deletions_are_told_since_a_moment_and_never_also_as_resources(system, people):
    moment = timezone.now()
    gone, back = people[0], people[1]
    sent("", gone, system, deleted=True)
    sent("", back, system, deleted=True)
    sent('{"resourceType":"Patient"}', back, system, version=2)
    made, found = exported(system, query={"_type": "Patient", "_since": moment.isoformat()})
    bundles = resources(system, made, "deleted")["Bundle"]
    assert [one["type"] for one in bundles] == ["transaction"]
    entries = [entry for one in bundles for entry in one["entry"]]
    assert entries == [{"request": {"method": "DELETE", "url": f"Patient/{gone.pk}"}}]
    assert str(gone.pk) not in ids(found)
    later = timezone.now().isoformat()
    made, found = exported(system, query={"_type": "Patient", "_since": later})
    assert (made["deleted"], found) == ([], {})


# -- Open transactions -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_was_recorded_before_and_commits_later_is_there(system, people, harbour, clara):
    """A slow writer began first; the export waits for it, and for nobody who began later."""
    written, go_on, late = threading.Event(), threading.Event(), []

    def slow():
        with transaction.atomic():
            late.append(make.patient(harbour, clara, identifiers=["late"]).pk)
            written.set()
            go_on.wait(20)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(20)
    status = begin(system, query={"_type": "Patient"})
    work(3)
    polled = system.get(status)
    assert polled.status_code == 202
    assert "waits for 1 open transaction" in polled["X-Progress"]
    go_on.set()
    thread.join()
    work()
    assert str(late[0]) in ids(resources(system, manifest(system, status)))


def raw(name):
    """A connection of one's own to a database of this server."""
    own = connection.settings_dict
    return psycopg.connect(
        host=own["HOST"],
        port=own["PORT"] or None,
        user=own["USER"],
        password=own["PASSWORD"],
        dbname=name,
        autocommit=True,
    )


@pytest.mark.django_db(transaction=True)
def test_who_prepared_a_transaction_is_waited_for_and_another_database_is_not(system, people):
    """Whoever prepared it is gone, and it may be committed at any time."""
    with raw("postgres") as elsewhere, raw(connection.settings_dict["NAME"]) as here:
        elsewhere.execute("BEGIN")
        elsewhere.execute("SELECT pg_current_xact_id()")
        here.execute("BEGIN")
        here.execute("SELECT pg_current_xact_id()")
        here.execute("PREPARE TRANSACTION 'an export waits for it'")
        try:
            status = begin(system, query={"_type": "Patient"})
            work(3)
            polled = system.get(status)
            assert polled.status_code == 202
            assert "waits for 1 open transaction" in polled["X-Progress"]
        finally:
            here.execute("COMMIT PREPARED 'an export waits for it'")
        work(3)
        assert len(resources(system, manifest(system, status))["Patient"]) == 7
        elsewhere.execute("ROLLBACK")


# -- Slices ------------------------------------------------------------------------------------


def every_line(export):
    folder = bulk_files.folder_of(export.pk)
    return sorted(
        line
        for file in export.files.all()
        for line in (folder / file.name).read_bytes().splitlines()
    )


class Killed(Exception):
    pass


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kills=st.lists(st.integers(0, 3), max_size=jobs.MOST_TRIES - 1), rows=st.integers(1, 4))
def test_slices_that_were_cut_off_change_nothing(system, people, kills, rows):
    """Wherever a slice ends before its commit, what it wrote is cut off and written again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_data, "MOST_AT_ONCE", 100)
        patch.setattr(bulk_data, "MOST_KEPT", 100)
        types = {"_type": "Patient,PractitionerRole,Group"}
        begin(system, query=types)
        work()
        whole = every_line(BulkRequest.objects.latest("asked_at"))
        patch.setattr(bulk_export, "ROWS_AT_ONCE", rows)
        patch.setattr(bulk_data, "MOST_FILE_BYTES", 700)
        begin(system, query=types)
        left = list(kills)
        add = bulk_data.Files.add

        def dying(self, *page):
            add(self, *page)
            if left and self.count >= left[0]:
                left.pop(0)
                if self.file is not None:
                    self.file.flush()
                raise Killed

        patch.setattr(bulk_data.Files, "add", dying)
        work()
        export = BulkRequest.objects.latest("asked_at")
        assert Job.objects.get(pk=export.job_id).state == "done"
        assert every_line(export) == whole
        assert not left


def test_a_file_that_lost_what_was_committed_fails_the_export(system, people, monkeypatch):
    monkeypatch.setattr(bulk_export, "ROWS_AT_ONCE", 2)
    begin(system, query={"_type": "Patient"})
    work(2, seconds=0)
    export = BulkRequest.objects.get()
    file = export.files.get()
    assert file.size > 0
    (bulk_files.folder_of(export.pk) / file.name).write_bytes(b"")
    work(1, seconds=0)
    assert "shorter" in Job.objects.get(pk=export.job_id).error


def test_nobody_writes_while_another_worker_still_does(system, people):
    begin(system)
    export = BulkRequest.objects.get()
    with bulk_files.held(export.pk) as folder:
        assert folder is not None
        work(2)
        assert Job.objects.get(pk=export.job_id).state == "running"
        assert not export.files.exists()
    work()
    assert Job.objects.get(pk=export.job_id).state == "done"

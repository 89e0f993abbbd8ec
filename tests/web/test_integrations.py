"""The page of connected systems: who is silent, what was refused and why, and trying it."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client as Caller
from django.utils import timezone
from django.utils.html import strip_tags

from reviews import jobs as room
from reviews import refused, uploads, walls
from reviews.models import ApiKey, AuditEvent, Client, FetchedKeys, Job, Refused, UploadPart
from reviews.queries import integrations as queries
from reviews.tasks import KINDS
from reviews.verbs import clients, deliver, registrations, sync, tokens
from reviews.verbs import jobs as job_verbs
from reviews.verbs import webhooks as receivers
from tests import make, signing
from tests.api import sent
from tests.web.browse import Browser, heading, words

ADDRESS = "/integrations"


@pytest.fixture
def key(harbour, ada):
    made, secret = clients.make_key(
        name="Harbour sync", source_system="ehr", practices=[harbour], by=ada
    )
    made.secret = secret
    return made


@pytest.fixture
def signs(harbour, ada):
    return registrations.register(
        name="Quayside",
        source_system="quayside",
        practices=[harbour],
        allowed="system/Patient.rs",
        hook_issuer="",
        keys=json.dumps(signing.public(signing.ec())),
        by=ada,
    )


def send(key, body, address="/api/v1/prescriptions/sync"):
    return Caller().post(
        address,
        body if isinstance(body, str | bytes) else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {key.secret}"},
    )


def called(key, *days_ago):
    """The system called on these days, and on none since."""
    at = [timezone.now() - timedelta(days=days) for days in days_ago]
    # The trail only takes what happens now: its days are given to the query's answer instead.
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=max(at))
    return [timezone.localdate(each) for each in at]


def test_without_a_system_the_page_says_so_and_how_to_connect_one(ada):
    page = Browser(ada).get(ADDRESS)
    assert heading(page) == "No system is connected"
    assert "Make a key" in words(page)


def test_only_whoever_looks_after_systems_comes_in(harbour, ada):
    assert Browser(ada).get(ADDRESS).status_code == 200
    for role in ("clinician", "reviewer", "auditor", "practice_admin"):
        assert Browser(make.person(f"a-{role}", harbour, role)).get(ADDRESS).status_code == 403


def test_a_refused_record_is_named_with_its_reason(ada, key):
    answer = send(key, [sent.prescription("rx-7", dose=-1), sent.prescription("rx-8")])
    assert answer.json()["refused"] == 1
    [error] = answer.json()["errors"]
    page = Browser(ada).get(ADDRESS)
    text = words(page)
    assert heading(page) == "One refusal in 24 hours"
    assert "1 × dose" in text
    assert unescape(error["reason"]) in unescape(text)
    assert "rx-7" in text
    assert "rx-8" not in text


def test_the_same_again_is_counted_on_one_line(ada, key):
    for number in range(3):
        send(key, [sent.prescription(f"rx-{number}", dose=-1)])
    [row] = Refused.objects.all()
    assert (row.times, row.record, row.surface) == (3, "rx-2", "rest")
    assert "3 × dose" in Browser(ada).read(ADDRESS)


def test_a_request_that_is_refused_whole_is_kept(ada, key):
    assert send(key, "{[").status_code == 400
    assert send(key, "{}", "/fhir/Observation").status_code in (400, 415)
    surfaces = Refused.objects.order_by("pk").values_list("surface", "record")
    assert list(surfaces) == [
        ("rest", "POST /api/v1/prescriptions/sync"),
        ("fhir", "POST /fhir/Observation"),
    ]
    text = Browser(ada).read(ADDRESS)
    assert "POST /fhir/Observation" in text
    assert "Harbour sync by REST" in text


def test_nothing_is_kept_of_people_or_of_what_is_not_there(ada, key):
    browser = Browser(ada)
    browser.client.get("/api/v1/prescriptions?limit=perhaps")
    answer = Caller().get(
        "/api/v1/prescriptions/999999", headers={"Authorization": f"Bearer {key.secret}"}
    )
    assert answer.status_code == 404
    Caller().get("/api/v1/prescriptions", headers={"Authorization": "Bearer psp_no"})
    assert not Refused.objects.exists()


def test_what_is_said_of_a_person_is_not_quoted(ada, key):
    person = {"identifiers": [{"system": "nhs", "value": "x"}], "birth_date": "Quillfeather"}
    send(key, [sent.prescription("rx-1", patient=person)])
    assert Refused.objects.exists()
    assert "Quillfeather" not in str(list(Refused.objects.values()))
    assert "Quillfeather" not in Browser(ada).read(ADDRESS)


@pytest.mark.parametrize(
    ("field", "reason", "kept"),
    [
        ("dose.unit", "“Packung” is no unit", ("“…” is no unit", "“Packung” is no unit")),
        ("patient.family_name", "“Bell” is odd", ("“…” is odd", "")),
        ("", "“Bell” is odd", ("“…” is odd", "")),
        ("dose", "is more than 1,000", ("is more than 1,000", "is more than 1,000")),
    ],
)
def test_what_a_reason_quotes_is_no_kind_of_its_own(key, field, reason, kept):
    refused.keep(key.user, refused.Surface.REST, [refused.Fault(field, reason, "r")])
    row = Refused.objects.get()
    assert (row.reason, row.said) == kept


def test_places_in_lists_are_no_kinds_of_their_own(key):
    faults = [refused.Fault(f"codes[{n}].system", "is needed", f"r{n}") for n in range(3)]
    refused.keep(key.user, refused.Surface.REST, faults)
    row = Refused.objects.get()
    assert (row.field, row.times, row.record) == ("codes[].system", 3, "r2")


def test_many_kinds_at_once_are_counted_and_not_all_kept(key):
    faults = [refused.Fault("dose", f"is odd {number}", "r") for number in range(500)]
    refused.keep(key.user, refused.Surface.REST, faults)
    rows = list(Refused.objects.all())
    assert sum(row.times for row in rows) == 500
    assert len(rows) == refused.MOST_KINDS + 1


def test_of_one_hour_no_more_than_so_many_kinds_are_kept(key, monkeypatch):
    monkeypatch.setattr(refused, "MOST_HOURLY", 3)
    for number in range(9):
        refused.keep(key.user, refused.Surface.REST, [refused.Fault("dose", f"odd {number}")])
    rows = list(Refused.objects.all())
    assert sum(row.times for row in rows) == 9
    assert len(rows) == 4


def test_text_that_the_database_cannot_hold_is_kept_without_it(key):
    refused.keep(key.user, refused.Surface.REST, [refused.Fault("a\0", "b\ud800\0", "\0c")])
    assert Refused.objects.get().record == "c"


def test_old_refusals_are_forgotten(key):
    refused.keep(key.user, refused.Surface.REST, [refused.Fault("dose", "odd")])
    refused.forget_old()
    assert Refused.objects.exists()
    Refused.objects.update(hour=timezone.now() - refused.KEPT - timedelta(minutes=1))
    refused.forget_old()
    assert not Refused.objects.exists()


def test_another_practice_sees_nothing_of_it(key, lakeside):
    send(key, [sent.prescription("rx-7", dose=-1)])
    other = make.person("lee", lakeside, "formulary_admin")
    page = Browser(other).get(ADDRESS)
    assert heading(page) == "No system is connected"
    assert "rx-7" not in words(page)
    with walls.seeing(walls.of([lakeside.pk])):
        assert not Refused.objects.exists()


def test_records_of_a_system_that_works_elsewhere_too_are_only_counted(harbour, lakeside):
    both = make.person("bo", harbour, "formulary_admin")
    make.person("bo", lakeside, "formulary_admin")
    made, secret = clients.make_key(
        name="Region", source_system="region", practices=[harbour, lakeside], by=both
    )
    made.secret = secret
    send(made, [sent.prescription("rx-7", practice="lakeside", dose=-1)])
    assert "rx-7" in Browser(both).read(ADDRESS)
    one = Browser(make.person("ann", harbour, "formulary_admin")).read(ADDRESS)
    assert "rx-7" not in one
    assert "1 more of systems that also work at practices" in one


SILENCE = [
    (25, (1, 2, 3), True, "called on three days, and not for 25 hours"),
    (23, (1, 2, 3), False, "called 23 hours ago"),
    (25, (1, 2), False, "on two days: nobody counts on it"),
    (24 * 13, (13, 14, 15), True, "stopped 13 days ago"),
    (24 * 15, (15, 16, 17), False, "given up more than 14 days ago"),
    (25, (1, 2, 9), False, "the third day is no day of the same week"),
]


@pytest.mark.parametrize(("hours", "days", "silent", "why"), SILENCE)
def test_who_is_missed(hours, days, silent, why):
    now = timezone.now()
    last = now - timedelta(hours=hours)
    called = [timezone.localdate(last) - timedelta(days=day - days[0]) for day in days]
    assert queries.is_silent(last, called, now) is silent, why


def test_a_system_that_never_called_is_not_missed():
    assert queries.is_silent(None, [], timezone.now()) is False


def test_the_heading_names_the_day_of_a_silent_one(ada, key, signs, monkeypatch):
    last = timezone.now() - timedelta(days=3)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=last)
    monkeypatch.setattr(queries, "REGULAR_DAYS", 1)
    page = Browser(ada).get(ADDRESS)
    day = f"{timezone.localtime(last):%A}"
    assert heading(page) == f"One of two systems has not called since {day}"


def test_what_was_sent_and_asked_is_counted(ada, key):
    send(key, [sent.prescription("rx-1"), sent.prescription("rx-2")])
    Caller().get("/api/v1/prescriptions", headers={"Authorization": f"Bearer {key.secret}"})
    [system] = queries.systems(ada)
    assert (system.sent, system.calls, system.refused) == ((2, 2), (1, 1), (0, 0))
    page = Browser(ada).get(ADDRESS)
    assert heading(page) == "Nothing is silent, and nothing was refused in 24 hours"


def test_lines_of_an_upload_that_were_refused_are_named(ada, key, harbour):
    line = json.dumps(sent.prescription("rx-9", dose=-1)).encode()
    kept = uploads.keep([line], [harbour.pk])
    sync.ask_to_take_in(kind="prescriptions", upload=kept, source_system="ehr", by=key.user)
    room.work(KINDS, seconds=30)
    row = Refused.objects.get()
    assert (row.surface, row.record) == ("bulk", "rx-9")
    assert "rx-9" in Browser(ada).read(ADDRESS)


# -- A job that failed goes on ---------------------------------------------------------------------


def broken(key, harbour, *, lines=3):
    """An upload whose job failed before it took anything in."""
    rows = [json.dumps(sent.prescription(f"rx-{n}")).encode() + b"\n" for n in range(lines)]
    kept = uploads.keep(rows, [harbour.pk])
    job = sync.ask_to_take_in(kind="prescriptions", upload=kept, source_system="ehr", by=key.user)
    for _ in range(room.MOST_TRIES):
        Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
        room.work({uploads.KIND: lambda *_: 1 / 0}, seconds=0)
    job.refresh_from_db()
    assert job.state == "failed"
    return job


def test_an_upload_that_failed_goes_on_at_a_press(ada, key, harbour):
    job = broken(key, harbour)
    browser = Browser(ada)
    page = browser.get(ADDRESS)
    assert heading(page) == "One job failed"
    assert f'action="/jobs/{job.pk}/again"' in page.content.decode()
    assert f'action="/jobs/{job.pk}/again"' in browser.get("/jobs").content.decode()
    assert "it goes on" in words(browser.follow(f"/jobs/{job.pk}/again"))
    room.work(KINDS, seconds=30)
    again = Job.objects.latest("pk")
    assert (again.state, again.result["created"], again.asked_by) == ("done", 3, key.user)
    assert not UploadPart.objects.exists()
    event = AuditEvent.objects.filter(verb="job.asked").latest("pk")
    assert (event.actor_id, event.subject) == (ada.pk, f"job {again.pk}")
    # Once only: the second press finds that it goes on already.
    assert browser.post(f"/jobs/{job.pk}/again").status_code == 409
    assert f'action="/jobs/{job.pk}/again"' not in browser.get("/jobs").content.decode()


def test_what_is_gone_does_not_go_on(ada, key, harbour):
    job = broken(key, harbour)
    UploadPart.objects.all().delete()
    assert not job_verbs.may_ask_again(job, ada)
    assert Browser(ada).post(f"/jobs/{job.pk}/again").status_code == 409
    assert "The system sends it again." in Browser(ada).read(ADDRESS)


def test_nobody_else_has_it_go_on(clara, ravi, key, harbour):
    job = broken(key, harbour)
    for user in (clara, ravi):
        assert Browser(user).post(f"/jobs/{job.pk}/again").status_code == 404


def test_a_job_that_was_done_does_not_go_on(ada, key, harbour):
    kept = uploads.keep([json.dumps(sent.prescription("rx-1")).encode()], [harbour.pk])
    job = sync.ask_to_take_in(kind="prescriptions", upload=kept, source_system="ehr", by=key.user)
    room.work(KINDS, seconds=30)
    assert Browser(ada).post(f"/jobs/{job.pk}/again").status_code == 409


# -- Trying it -------------------------------------------------------------------------------------


def test_discover_shows_what_a_system_is_told(ada):
    text = Browser(ada).read(ADDRESS, **{"try": "discover"})
    for address in ("/fhir/metadata", "/fhir/.well-known/smart-configuration", "/cds-services"):
        told = Caller().get(address)
        assert told.status_code == 200
        assert f"200, {len(told.content):,} bytes at {address}" in text
    assert "CapabilityStatement" in text
    assert "token_endpoint" in text


def test_whether_a_system_would_get_a_token(ada, signs):
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "Quayside would get a token" in text
    assert "Keys entered here: ec-1" in text
    assert "No token was given lately" in text


def test_a_refused_token_is_explained(ada, signs):
    stranger = signing.ec("ec-1")
    audience = "http://testserver/token"
    with pytest.raises(tokens.Denied):
        tokens.issue(
            assertion=signing.signed(stranger, signing.claims(signs.client_id, audience)),
            scope="system/Patient.rs",
            audience=audience,
        )
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "The last refusal was" in text
    assert "did not prove it" in text


def test_without_a_key_it_would_get_none(ada, signs):
    for held in signs.keys.all():
        registrations.withdraw_key(key=held, by=ada)
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "Quayside would get no token" in text
    assert "No key is entered here" in text


def test_keys_that_were_fetched_are_named(ada, signs):
    Client.objects.filter(pk=signs.pk).update(jwks_url="https://quayside.example/jwks")
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "were never fetched" in text
    assert "would get a token" in text, "it has a key that was entered here"
    for held in signs.keys.all():
        registrations.withdraw_key(key=held, by=ada)
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "may get a token: its keys are not known yet" in text
    FetchedKeys.objects.create(
        client=signs, keys=[{"kid": "rsa-9"}], fetched_at=timezone.now(), fresh_until=timezone.now()
    )
    text = Browser(ada).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "Its address gave at" in text
    assert "rsa-9" in text


def test_of_a_system_elsewhere_nothing_is_said(signs, lakeside):
    other = make.person("lee", lakeside, "formulary_admin")
    text = Browser(other).read(ADDRESS, **{"try": "token", "system": signs.pk})
    assert "Quayside" not in text


@pytest.mark.parametrize("asked", ["x", "-1", "9" * 30, "²", ""])
def test_odd_systems_are_no_error(ada, signs, asked):
    page = Browser(ada).get(ADDRESS, **{"try": "token", "system": asked})
    assert page.status_code == 200
    assert "would get" not in words(page)


def test_a_receiver_that_is_down_stands_in_the_heading(ada, harbour):
    made, _ = receivers.make(
        practice=harbour,
        name="Dashboard",
        url="http://127.0.0.1:9/",
        events=["prescription.logged"],
        by=ada,
    )
    receivers.send_sample(webhook=made, by=ada)
    deliver.deliver(seconds=5)
    page = Browser(ada).get(ADDRESS)
    assert heading(page) == "One receiver is not told"
    text = words(page)
    assert "sample.event" in text
    assert "Send a sample event to Dashboard" in text


def test_unmapped_medicines_stand_with_what_they_may_be(ada, harbour, clara):
    patient = make.patient(harbour, clara)
    make.prescription(patient, clara, "zoplicone 7.5 mg tablets", start=-3, days=9)
    text = Browser(ada).read(ADDRESS)
    assert "1 text in 1 prescription" in text
    assert "may be zopiclone 7.5 mg" in text.lower()


def test_keys_and_jobs_stand_behind_integrations_in_the_menu(ada):
    """Eleven entries are more than a line holds; whose page they are on is the current one."""
    page = Browser(ada).get("/keys").content.decode()
    menu = page[page.index('aria-label="Main"') :].partition("</nav>")[0]
    assert "Integrations" in menu
    assert not {"Keys", "Jobs"} & set(strip_tags(menu).split())
    (current,) = re.findall(r'<a[^>]*aria-current="page"[^>]*>([^<]*)<', menu)
    assert current == "Integrations"

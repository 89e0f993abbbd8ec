"""The auditor's desk: who decided what and why, who saw whom, one day, export and proof."""

import csv
import io
import json
import subprocess
import sys

import pytest
from django.contrib.auth.models import User

from reviews import audit, jobs, sealing, tasks
from reviews.audit import Event
from reviews.conclusions import FlagOutcome
from reviews.models import AuditEvent, Flag, Job, Outcome, Reason
from reviews.sealing import Kept
from reviews.verbs import decide, read, screen
from tests import database, make
from tests.verbs.test_sealing import VERIFIER
from tests.web.browse import Browser, heading, words


def settled(case, by, outcome, reason, **more):
    flags = Flag.objects.open().filter(case=case)
    outcomes = [FlagOutcome(flag.pk, outcome, reason) for flag in flags]
    return decide.decide(case=case, outcomes=outcomes, by=by, seen=case.lock, **more)


@pytest.fixture
def temazepam(harbour, clara):
    """Somebody on temazepam for five weeks, with a case."""
    return make.flagged_case(
        harbour, logged_by=clara, medicine="Temazepam 10 mg tablets", indication="insomnia"
    )


@pytest.fixture
def continued(temazepam, ravi):
    browser = Browser(ravi)
    browser.read(f"/cases/{temazepam.pk}")
    settled(
        temazepam,
        ravi,
        Outcome.CONTINUE,
        Reason.BENEFIT_OUTWEIGHS,
        note="Sleeps 5 hours with it, 2 without.",
    )
    return temazepam


def test_who_decided_on_this_temazepam_and_why_is_two_clicks(continued, audrey):
    """Type, press: the answer is the page that comes, and its heading."""
    desk = Browser(audrey)
    assert 'href="/audit"' in desk.get("/").content.decode()
    page = desk.get("/audit", q="temazepam")
    text = words(page)
    assert heading(page).startswith("Ravi Shah: Continued with temazepam until")
    assert "benefit outweighs risk, plan recorded" in text
    assert "“Sleeps 5 hours with it, 2 without.”" in text
    assert "Ravi Shah reviewer" in text
    assert f"Case {continued.pk}" in text
    assert "opened 1 s before" in text
    assert "Logged a prescription : Temazepam 10 mg tablets" in text.replace(
        "prescription:", "prescription :"
    )
    assert "case.decide" not in text
    assert "benefit_outweighs" not in text
    medicines = desk.read(f"/patients/{continued.patient_id}/medicines")
    assert "Who decided" in medicines


def test_nobody_but_an_auditor_comes_here(continued, harbour, lakeside, clara, ravi, ada, ehr):
    event = AuditEvent.objects.latest("pk")
    for user in (clara, ravi, ada, ehr):
        for address in ("/audit", "/audit/day", f"/audit/events/{event.pk}"):
            assert Browser(user).get(address).status_code == 403, (user, address)
        for address in ("/audit/verify", "/audit/export"):
            assert Browser(user).post(address).status_code == 403, (user, address)
    assert Browser(None).get("/audit").status_code == 302


def test_an_auditor_sees_their_practices_alone(continued, lakeside):
    stranger = make.person("other", lakeside, "auditor")
    mine = AuditEvent.objects.filter(verb="case.decide").latest("pk")
    page = Browser(stranger).get("/audit", q="temazepam")
    assert "Ravi Shah" not in words(page)
    assert Browser(stranger).get(f"/audit/events/{mine.pk}").status_code == 404
    exported = Browser(stranger).post("/audit/export", form="csv", reason="To see", query="")
    assert b"Ravi" not in exported.content
    ravi = mine.actor_id
    assert Browser(stranger).get("/audit/day", who=ravi).status_code == 404


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Bell", True),
        ("sleeps 5 hours", True),
        ("Shah", True),
        ("diazepam", False),
        ("zz", False),
    ],
)
def test_what_is_typed_may_be_a_person_a_note_a_colleague_or_a_medicine(
    continued, audrey, typed, found
):
    text = words(Browser(audrey).get("/audit", q=typed))
    assert ("Continued with temazepam" in text) == found


def test_it_is_narrowed_by_who_kind_and_day(continued, audrey, ravi, clara):
    desk = Browser(audrey)
    told = lambda **asked: [row.event.verb for row in desk.get("/audit", **asked).context["rows"]]  # noqa: E731
    assert told(kind="decided") == ["case.decide"]
    assert set(told(who=ravi.pk)) == {"case.decide", "record.opened"}
    assert "case.decide" not in told(who=clara.pk)
    assert set(told(who="portal", kind="cases")) == {"case.opened"}
    assert told(kind="decided", **{"from": "tomorrow"}) != []
    assert told(kind="decided", **{"from": "+1d"}) == []
    assert told(kind="decided", to="-1d") == []
    assert "must be a day" in words(desk.get("/audit", **{"from": "tomorrow"}))


def test_two_people_are_told_apart_from_each_other(harbour, clara, ravi, samira, audrey):
    case = make.urgent_case(harbour, logged_by=clara)
    settled(case, ravi, Outcome.CONTINUE, Reason.SPECIALIST_ADVICE, note="Letter of today")
    case.refresh_from_db()
    decide.confirm(case=case, by=samira, seen=case.lock, note="Agree, the family was rung")
    case.refresh_from_db()
    decide.undo(case=case, reason="The letter was of another", by=ravi, seen=case.lock)
    text = words(Browser(audrey).get("/audit", kind="decided"))
    assert "Proposed , for a second person" in text.replace("Proposed,", "Proposed ,")
    assert "Confirmed Ravi Shah’s decision as second person" in text
    assert "“Agree, the family was rung”" in text
    assert "Took back their own decision" in text
    assert "“The letter was of another”" in text
    assert "Continued with diazepam and morphine" in text


def test_who_opened_the_record_is_a_table_with_machines_in_it(
    continued, harbour, audrey, ravi, clara, ehr
):
    Browser(ravi).get("/patients", q="Bell")
    someone = make.patient(harbour, clara, family_name="Quince")
    read.over_api(
        resource="prescriptions",
        query={},
        patients=[continued.patient_id, someone.pk],
        rows=9,
        by=ehr,
    )
    page = Browser(audrey).get("/audit", patient=continued.patient_id)
    text = words(page)
    assert f"in a list that was searched, case {continued.pk}" in text
    assert "prescriptions, 1 patient of 2" in text
    assert "1 person and 1 machine, 3 openings" in text
    other = make.patient(harbour, clara, family_name="Quill")
    assert "Nobody opened it" in words(Browser(audrey).get("/audit", patient=other.pk))


def test_one_persons_day_is_told_in_stretches(continued, harbour, audrey, ravi, clara):
    browser = Browser(ravi)
    other = make.patient(harbour, clara, family_name="Marlowe")
    for _ in range(3):
        browser.read(f"/patients/{other.pk}")
    for age in (50, 51):
        settled(
            make.flagged_case(harbour, logged_by=clara, age=age),
            ravi,
            Outcome.TAPER,
            Reason.AGREED_WITH_PATIENT,
        )
    page = Browser(audrey).get("/audit/day", who=ravi.pk)
    text = words(page)
    assert "Ravi Shah on" in heading(page)
    assert heading(page).endswith("3 decisions")
    assert "2 decisions" in text
    assert (
        text.index("Continued with temazepam") < text.index("MARLOWE") < text.index("2 decisions")
    )
    assert "3 times" in text
    assert "Decided to reduce or taper diazepam: agreed with the patient" in text
    assert "Nothing in the trail" in words(
        Browser(audrey).get("/audit/day", who=ravi.pk, day="-9d")
    )


def test_what_screening_did_by_itself_is_shown_where_it_is_asked_for(continued, audrey):
    browser = Browser(audrey)
    assert "Opened a case" not in browser.get("/audit").content.decode()
    assert "Opened a case" in browser.get("/audit", who="portal").content.decode()
    sent = {"form": "csv", "reason": "asked for", "query": ""}
    assert "Opened a case" in browser.post("/audit/export", **sent).content.decode()


def test_searching_and_exporting_the_trail_stand_in_the_trail(continued, audrey):
    desk = Browser(audrey)
    desk.get("/audit")
    assert not AuditEvent.objects.filter(verb="trail.searched").exists()
    desk.get("/audit", q="temazepam", kind="decided")
    searched = AuditEvent.objects.get(verb="trail.searched")
    assert searched.detail["asked"] == "“temazepam”, decided, proposed, confirmed"
    desk.post("/audit/export", form="csv", reason=" ", query="")
    assert not AuditEvent.objects.filter(verb="export.made").exists()
    made = desk.post("/audit/export", form="csv", reason="Complaint 2026-31", query="q=temazepam")
    exported = AuditEvent.objects.get(verb="export.made")
    assert (exported.actor_id, exported.detail["reason"]) == (audrey.pk, "Complaint 2026-31")
    assert exported.detail["digest"]
    assert made["Cache-Control"] == "no-store"


def test_an_export_as_csv_is_in_words_and_ends_with_the_head(continued, audrey):
    head = sealing.seal_all()
    made = Browser(audrey).post(
        "/audit/export", form="csv", reason="Complaint", query="q=temazepam&kind=decided"
    )
    rows = list(csv.DictReader(io.StringIO(made.content.decode("utf-8-sig"))))
    assert len(rows) == 2
    assert "Continued with temazepam until" in rows[0]["what"]
    ravi = User.objects.get(username="ravi")
    assert (rows[0]["user_name"], rows[0]["user_id"]) == ("ravi", str(ravi.pk))
    assert int(rows[0]["sealed_at"]) < head.size
    assert rows[1]["event"] == "tree head"
    assert json.loads(rows[1]["at"])["signature"] == head.signature


def test_a_formula_in_a_note_is_none_in_a_spreadsheet(temazepam, ravi, audrey):
    settled(temazepam, ravi, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
    AuditEvent.objects.create(
        actor='=HYPERLINK("http://x")', verb="case.claim", practice_id=temazepam.practice_id
    )
    made = Browser(audrey).post("/audit/export", form="csv", reason="Look", query="")
    rows = list(csv.DictReader(io.StringIO(made.content.decode("utf-8-sig"))))
    assert rows[0]["who"].startswith("'=")


def test_an_export_with_proofs_is_checked_without_the_portal(continued, audrey, tmp_path):
    sealing.seal_all()
    made = Browser(audrey).post(
        "/audit/export", form="ndjson", reason="Complaint", query="q=temazepam"
    )
    export = tmp_path / "events.ndjson"
    export.write_bytes(made.content)
    key = json.loads(Kept.read()[0].body)["new_key"]
    told = [json.loads(line) for line in made.content.decode().splitlines()[1:]]
    assert {json.loads(row["text"])["kind"] for row in told} == {"event", "decision"}
    command = [sys.executable, "-I", VERIFIER, Kept.heads_file(), f"--key={key}"]
    done = subprocess.run([*command, f"--export={export}"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = made.content.splitlines(keepends=True)
    assert json.loads(lines[0])["rows"] == len(told)
    for cut in (
        *(made.content[:300], b"".join(lines[:-1]), lines[0], lines[0][:-9] + b"\n", b""),
        b"".join([lines[0], *lines[2:]]),
        b"".join([*lines[:-1], b"{}\n"]),
        made.content.replace(b'"rows"', b'"rowz"'),
    ):
        export.write_bytes(cut)
        done = subprocess.run([*command, f"--export={export}"], capture_output=True, check=False)
        assert done.returncode == 1, cut[:300]
        assert b"Traceback" not in done.stderr
    export.write_text(made.content.decode().replace("Sleeps 5 hours", "Sleeps 8 hours"))
    done = subprocess.run([*command, f"--export={export}"], capture_output=True, check=False)
    assert b"is not the one that was sealed" in done.stderr


def test_without_a_seal_no_proof_is_promised(continued, audrey):
    page = Browser(audrey).client.post(
        "/audit/export", {"form": "ndjson", "reason": "x", "query": ""}, follow=True
    )
    assert "nothing is sealed yet" in words(page)
    event = AuditEvent.objects.get(verb="case.decide")
    assert "waits to be sealed" in heading(Browser(audrey).get(f"/audit/events/{event.pk}"))


def test_a_page_to_print_is_told_of_too(continued, audrey):
    page = Browser(audrey).post(
        "/audit/export", form="print", reason="The file", query="kind=decided"
    )
    assert heading(page) == "1 event of the audit trail"
    assert "What for: The file" in words(page)
    assert AuditEvent.objects.get(verb="export.made").detail["form"] == "a page to print"


def test_one_event_has_its_proof_on_one_page(continued, audrey):
    sealing.seal_all()
    event = AuditEvent.objects.get(verb="case.decide")
    page = Browser(audrey).get(f"/audit/events/{event.pk}")
    assert heading(page) == f"Event {event.pk} is in the log as it was sealed"
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_auditevent SET actor = 'No' WHERE id = %s", [event.pk])
    page = Browser(audrey).get(f"/audit/events/{event.pk}")
    assert heading(page) == f"Event {event.pk} is not what was sealed"


def test_verifying_is_asked_for_and_what_it_found_stands_on_the_desk(continued, audrey):
    sealing.seal_all()
    desk = Browser(audrey)
    assert "Not verified yet" in words(desk.get("/audit"))
    desk.post("/audit/verify")
    assert "Being verified" in words(desk.get("/audit"))
    jobs.work(tasks.KINDS, seconds=30)
    assert Job.objects.get(kind="verify").state == Job.State.DONE
    text = words(desk.get("/audit"))
    assert "The record is whole" in text
    event = AuditEvent.objects.get(verb="case.decide")
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_auditevent SET actor = 'No' WHERE id = %s", [event.pk])
    desk.post("/audit/verify")
    jobs.work(tasks.KINDS, seconds=30)
    for address in ("/audit", f"/patients/{continued.patient_id}"):
        text = words(desk.get(address))
        assert f"Event {event.pk} of" in text, address
        assert "was changed since it was sealed" in text
    assert "was changed since" not in words(
        Browser(make.person("ravi", continued.practice)).get("/")
    )


def test_a_hasty_decision_on_an_urgent_case_is_pointed_at(harbour, clara, ravi, audrey):
    case = make.urgent_case(harbour, logged_by=clara)
    Browser(ravi).read(f"/cases/{case.pk}")
    settled(case, ravi, Outcome.REFER, Reason.SERVICE_NEEDED)
    screen.drain()
    assert "Ravi Shah decided an urgent case 1 s after opening it" in words(
        Browser(audrey).get("/audit")
    )


def test_a_search_costs_the_same_however_many_events_it_shows(
    continued, harbour, audrey, clara, django_assert_max_num_queries
):
    for n in range(12):
        make.patient(harbour, clara, family_name=f"Quill {n}")
    desk = Browser(audrey)
    desk.get("/audit", who=clara.pk)
    with django_assert_max_num_queries(40):
        desk.get("/audit", who=clara.pk)


@pytest.mark.parametrize("day", ["9999-12-31", "31 Dec 9999", "0001-01-01"])
def test_a_day_that_no_clock_reaches_is_refused_with_the_reason(audrey, harbour, day):
    browser = Browser(audrey)
    for asked in ({"to": day}, {"from": day}):
        assert "is outside 1900 to 2199" in browser.read("/audit", **asked)
    assert "is outside 1900 to 2199" in browser.read("/audit/day", who=audrey.pk, day=day)


@pytest.mark.parametrize(
    "written", ["9999-12-31T23:59:59-05:00", "2026-13-45", "2026-02-30T10:00", "10000-01-01T04:59"]
)
def test_a_time_of_the_trail_that_is_none_stands_as_it_was_written(
    harbour, maeve, audrey, clara, written
):
    audit.record(
        maeve,
        Event.LEAVING_PLANNED,
        practice_id=harbour.pk,
        subject=clara,
        person=clara.pk,
        name="Clara",
        at=written,
    )
    page = Browser(audrey).read("/audit", kind="staff")
    assert f"at {written}" in page


def test_a_refused_sign_in_says_whose_and_is_found_by_the_name(clara, audrey):
    stranger = Browser(None).client
    for login in ("clara", "nobody-of-this-name"):
        stranger.post("/accounts/login/", {"login": login, "password": "not this one at all"})
    desk = Browser(audrey)
    text = desk.read("/audit", kind="signed_in")
    assert "Refused a sign-in of Clara Moreau (clara)" in text
    assert "Refused a sign-in of an account that is not known" in text
    assert "nobody-of-this-name" not in text
    for typed in ("clara", "Clara Moreau"):
        found = words(desk.get("/audit", q=typed))
        assert "Refused a sign-in of Clara Moreau (clara)" in found
        assert "an account that is not known" not in found

"""What a client reads back: pages, changes, filters, who sees what, and at what cost."""

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews import conclusions, records
from reviews.api import pages
from reviews.models import Case, Flag, LetterText, Outcome, Patient, Prescription, Reason
from reviews.verbs import caseload, clients, decide, letters, observe, prescribe, screen, taper
from tests import make
from tests.api import sent
from tests.api.conftest import make_system
from tests.api.test_sync import is_problem
from tests.verbs.test_taper import request as taper_request

LISTS = (
    *("prescriptions", "readings", "tapers", "patients", "notes", "flags", "cases", "decisions"),
    *("conditions", "letters", "screenings", "dispensings"),
)
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _no_margin(monkeypatch):
    """So that a change made a moment ago is given at once."""
    monkeypatch.setattr(pages, "MARGIN", timedelta(0))


def rows(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def ids(answer):
    return [row["id"] for row in rows(answer)]


def follow(system, answer):
    """The page that `next` leads to."""
    parts = urlsplit(answer.json()["next"])
    return system.get(
        parts.path.removeprefix("/api/v1/"), **{k: v[0] for k, v in parse_qs(parts.query).items()}
    )


def walk(system, path, **query):
    """The ids on all pages, in the order they come."""
    answer = system.get(path, **query)
    found = ids(answer)
    while answer.json()["next"]:
        answer = follow(system, answer)
        found += ids(answer)
    return found, answer.json()["until"]


def decided_case(place, clara, ravi):
    """A case of four weeks too long that ravi closed, with a fact of each kind and a letter."""
    place.telephone = "01632 960 114"
    place.save()
    case = make.flagged_case(place, logged_by=clara)
    record = records.convert({"kind": "egfr", "value": 60, "on": make.day()}, records.ReadingRecord)
    observe.record_reading(patient=case.patient, record=record, by=clara)
    taper.plan(patient=case.patient, request=taper_request(10), by=clara, reason="small last doses")
    record = records.convert({"text": "Eczema"}, records.ConditionRecord)
    prescribe.record_condition(patient=case.patient, record=record, by=clara)
    letters.write(
        patient=case.patient,
        text=LetterText.objects.get(template__key="to-pharmacy", state="published"),
        addressee="The pharmacy",
        by=ravi,
    )
    screen.drain()
    case = caseload.claim(case=case, by=ravi, seen=case.lock)
    outcomes = [
        conclusions.FlagOutcome(flag.pk, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
        for flag in Flag.objects.open().filter(case=case)
    ]
    return decide.decide(case=case, outcomes=outcomes, by=ravi, seen=case.lock, note="Plan made.")


# -- What is told ------------------------------------------------------------------------------


def test_a_prescription_says_what_was_written_and_whether_it_was_checked(system, rulebook):
    system.sync([sent.prescription()])
    (row,) = rows(system.get("prescriptions"))
    assert (row["medicine"]["text"], row["dose"], row["quantity"]) == (
        "Diazepam 5 mg tablets",
        1.0,
        70.0,
    )
    assert (row["practice"], row["source_system"], row["source_id"]) == ("harbour", "ehr", "rx-1")
    assert (row["max_per_day"], row["end_on"]) == (None, None)
    assert row["checked"] == {
        "state": "not_checked",
        "book": None,
        "at": None,
        "reason": "A change waits to be screened.",
        "engine": None,
        "being_judged_again": False,
    }
    screen.drain()
    (row,) = rows(system.get("prescriptions"))
    assert (row["checked"]["state"], row["checked"]["book"]) == ("checked", rulebook.number)
    assert system.get(f"prescriptions/{row['id']}").json() == row


def test_a_patient_says_when_screening_failed_or_could_not_judge(system):
    system.sync([sent.prescription(quantity=None, days_supply=None)])
    screen.drain()
    (row,) = rows(system.get("patients"))
    assert row["checked"]["state"] == "checked"
    assert row["could_not_judge"], "without a supply the duration cannot be judged"
    assert {"rule", "prescriptions", "reason"} == row["could_not_judge"][0].keys()
    patient = Patient.objects.get()
    patient.screening.problem = "ValueError: broken"
    patient.screening.save()
    state = system.get(f"patients/{patient.pk}").json()["checked"]
    assert state["state"] == "not_checked"
    assert state["reason"].endswith("tried again: ValueError: broken")


def test_a_flag_says_why_on_whose_authority_and_what_was_concluded(
    system, harbour, clara, ravi, rulebook
):
    decision = decided_case(harbour, clara, ravi)
    row = next(row for row in rows(system.get("flags")) if row["rule"] == "DUR-01")
    assert row["state"] == "settled"
    assert row["sentence"]
    assert row["facts"]
    assert row["book"] == rulebook.number
    assert row["citations"][0]["title"]
    assert row["prescriptions"] == [Prescription.objects.get().pk]
    (outcome,) = row["outcomes"]
    assert (outcome["decision"], outcome["outcome"], outcome["by"]) == (
        decision.pk,
        "taper",
        "Ravi Shah",
    )
    (told,) = rows(system.get("decisions"))
    assert (told["note"], told["outcomes"][0]["reason"]) == ("Plan made.", "agreed_with_patient")
    (case,) = rows(system.get("cases"))
    assert (case["state"], case["owner"], case["id"]) == ("decided", "Ravi Shah", told["case"])


def test_what_two_people_decided_and_took_back_is_read_as_it_stands(
    system, harbour, clara, ravi, samira
):
    urgent = make.urgent_case(harbour, logged_by=clara)

    def concluded():
        """The state and note of the outcome on OPI-01, and the state of the case."""
        row = next(row for row in rows(system.get("flags")) if row["rule"] == "OPI-01")
        (outcome,) = row["outcomes"]
        (case,) = rows(system.get("cases"))
        told = (outcome["state"], outcome["note"], outcome["confirmed_by"])
        return (*told, row["state"], case["state"], case["proposed_by"])

    given = [
        conclusions.FlagOutcome(flag.pk, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
        for flag in Flag.objects.open().filter(case=urgent)
    ]
    decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock, note="Hospice")
    assert concluded() == ("waits", "Hospice", None, "open", "proposed", "Ravi Shah")
    urgent.refresh_from_db()
    decide.confirm(case=urgent, by=samira, seen=urgent.lock, note="Letter seen")
    assert concluded()[:5] == ("stands", "Hospice", "Samira Okafor", "settled", "decided")
    urgent.refresh_from_db()
    decide.undo(case=urgent, reason="Wrong person", by=samira, seen=urgent.lock)
    assert concluded()[:5] == ("undone", "Hospice", None, "open", "claimed")

    proposed, confirmed, undone = rows(system.get("decisions"))
    assert [row["kind"] for row in (proposed, confirmed, undone)] == [
        "proposed",
        "confirmed",
        "undone",
    ]
    assert (confirmed["answers"], undone["answers"]) == (proposed["id"], confirmed["id"])
    assert (confirmed["note"], undone["note"]) == ("Letter seen", "Wrong person")
    assert proposed["state"] == "undone"
    flag = next(row for row in rows(system.get("flags")) if row["rule"] == "OPI-01")
    assert flag["reopened_at"]


@pytest.mark.parametrize("path", LISTS)
def test_one_row_is_what_the_list_says_of_it(system, harbour, clara, ravi, path):
    decided_case(harbour, clara, ravi)
    for row in rows(system.get(path)):
        assert system.get(f"{path}/{row['id']}").json() == row


def test_a_taper_says_its_steps_and_what_they_are_made_of(system, harbour, clara):
    patient = make.patient(harbour, clara)
    version = taper.plan(
        patient=patient, request=taper_request(15), by=clara, reason="small last doses"
    )
    (row,) = rows(system.get("tapers"))
    assert (row["taper"], row["drug"], row["status"]) == (version.taper_id, "diazepam", "planned")
    made_of = [
        {"form": "tablet", "strength_mg": 5.0, "number": 2.5},
        {"form": "tablet", "strength_mg": 2.0, "number": 0.5},
    ]
    assert row["steps"][1] == {
        "on": make.day(1).isoformat(),
        "mg_per_day": 13.5,
        "made_of": made_of,
        "doses": [{"time": "day", "mg": 13.5, "made_of": made_of}],
        "nights_a_week": 7,
    }
    assert row["steps"][-1]["mg_per_day"] == 0
    taper.start(taper=version.taper, by=clara, seen=1)
    (newer,) = rows(system.get("tapers", status="active", patient=patient.pk))
    assert newer["version"] == 2
    assert system.get(f"tapers/{row['id']}").json()["superseded_at"] is not None
    assert rows(system.get("tapers", status="paused")) == []
    is_problem(system.get("tapers", status="lost"), 400)


def test_an_old_version_is_found_by_its_id_and_not_in_the_list(system):
    system.sync([sent.prescription()])
    old = Prescription.objects.get()
    system.sync([sent.prescription(times_per_day=3)])
    (row,) = rows(system.get("prescriptions"))
    assert (row["version"], row["order"]) == (2, str(old.order_id))
    assert system.get(f"prescriptions/{old.pk}").json()["superseded_at"] is not None


def test_a_reading_says_its_answer_and_what_it_replaced(system):
    system.sync([sent.reading()], "readings")
    (row,) = rows(system.get("readings"))
    assert (row["kind"], row["value"], row["unit"]) == ("egfr", 48.5, "mL/min/1.73m2")
    assert (row["text"], row["on"], row["status"]) == ("", make.day(-10).isoformat(), "final")
    system.sync([sent.reading(value=50)], "readings")
    (newer,) = rows(system.get("readings"))
    assert (newer["value"], newer["supersedes"]) == (50, row["id"])
    assert system.get(f"readings/{row['id']}").json()["superseded_at"] is not None
    assert rows(system.get("readings", kind="audit_c")) == []
    assert ids(system.get("readings", kind="egfr", source_id="o-1")) == [newer["id"]]
    is_problem(system.get("readings", kind="shoe_size"), 400)


def test_a_note_says_what_was_not_kept_and_when_that_was_over(system):
    system.sync([sent.prescription(), sent.prescription("rx-2", dose=-1)])
    (row,) = rows(system.get("notes", state="live", refused="true", kind="prescription"))
    (patient,) = rows(system.get("patients"))
    assert (row["about"], row["patient"], row["practice"]) == ("rx-2", patient["id"], "harbour")
    assert (row["ended_at"], row["answer"], row["answered_by"]) == (None, "", None)
    assert patient["notes"] == [row]
    assert system.get(f"notes/{row['id']}").json() == row
    system.sync([sent.prescription("rx-2")])
    assert rows(system.get("notes", state="live")) == []
    (ended,) = rows(system.get("notes", updated_since=LONG_AGO))
    assert ended["ended_at"] is not None
    assert rows(system.get("patients"))[0]["notes"] == []
    assert rows(system.get("notes", kind="reading")) == []


# -- Filters -----------------------------------------------------------------------------------


def test_lists_are_narrowed(system, harbour, clara, ravi):
    decision = decided_case(harbour, clara, ravi)
    mine, case = decision.patient_id, decision.case_id
    system.sync([sent.prescription(number="other", status="completed")])
    other = Patient.objects.exclude(pk=mine).get().pk

    def patients_of(path, **query):
        return {row.get("patient", row["id"]) for row in rows(system.get(path, **query))}

    for path in ("flags", "cases", "decisions"):
        assert patients_of(path, patient=mine) == {mine}
        assert patients_of(path, patient=other) == set()
        assert patients_of(path, practice="nowhere") == set()
        assert patients_of(path, practice="harbour") == {mine}
    assert patients_of("prescriptions", patient=other) == {other}
    assert patients_of("prescriptions", status="completed") == {other}
    assert patients_of("prescriptions", source_id="rx-1", source_system="ehr") == {other}
    assert patients_of("patients", identifier="nhs|other") == {other}
    assert patients_of("patients", identifier="other") == {other}
    assert patients_of("patients", identifier="x|other") == set()
    assert patients_of("flags", rule="DUR-01", severity=2, state="settled", case=case) == {mine}
    assert patients_of("flags", rule="DUR-01", state="open") == set()
    assert patients_of("flags", rule="DUR-01", state="ended") == set()
    assert patients_of("cases", state="decided", severity=2, rule="DUR-01") == {mine}
    assert patients_of("cases", state="queued") == set()
    assert patients_of("decisions", case=case) == {mine}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"patient": 2**63}, "patient"),
        ({"patient": "x"}, "patient"),
        ({"patient": "null"}, "patient"),
        ({"state": "null"}, "state"),
        ({"updated_since": "null"}, "updated_since"),
        ({"practice": "a\0b"}, "practice"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"updated_since": "20260101"}, "updated_since"),
        ({"updated_since": "1767225600"}, "updated_since"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"updated_since": "2026-01-01T00:00:00"}, "updated_since"),
        ({"updated_since": "9999-12-31T23:00:00-23:00"}, "updated_since"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "WzEsMl0"}, "cursor"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_problem(system, query, field):
    problem = is_problem(system.get("flags", **query), 400)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_cursor_fits_its_own_list_only(system):
    system.sync([sent.prescription(f"rx-{n}", str(n)) for n in range(3)])
    cursor = parse_qs(urlsplit(system.get("patients", limit=1).json()["next"]).query)["cursor"][0]
    is_problem(system.get("prescriptions", cursor=cursor), 400)
    is_problem(system.get("patients", cursor=cursor, updated_since=LONG_AGO), 400)
    assert ids(system.get("patients", cursor=cursor, limit=5)) == ids(system.get("patients"))[1:]


@pytest.mark.parametrize("offset", ["+02:00", "%2B02:00", "%2B23:59", "Z"])
def test_a_time_with_an_offset_is_understood_escaped_or_not(system, offset):
    path = f"/api/v1/flags?updated_since=2026-01-01T00:00:00{offset}"
    answer = system.http.get(path, headers={"Authorization": f"Bearer {system.secret}"})
    assert answer.status_code == 200


# -- Pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, {"updated_since": LONG_AGO}])
def test_pages_give_every_row_once_while_rows_are_added(system, query):
    system.sync([sent.prescription(f"rx-{n:02}", str(n)) for n in range(10)])
    before = set(ids(system.get("prescriptions")))
    answer = system.get("prescriptions", limit=4, **query)
    found = ids(answer)
    batch = 0
    while answer.json()["next"]:
        batch += 1
        system.sync([sent.prescription(f"new-{batch}", str(batch))])
        answer = follow(system, answer)
        found += ids(answer)
        assert batch < 20
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_changes_come_in_order_of_change_and_until_asks_for_the_rest(system):
    system.sync([sent.prescription(f"rx-{n}", str(n)) for n in range(5)])
    first, until = walk(system, "prescriptions", updated_since=LONG_AGO, limit=2)
    assert len(first) == 5
    nothing, _ = walk(system, "prescriptions", updated_since=until)
    assert nothing == []
    system.sync([sent.prescription("rx-3", "3", times_per_day=3), sent.prescription("rx-9", "1")])
    later, _ = walk(system, "prescriptions", updated_since=until, limit=1)
    assert len(later) == 2
    assert {row["source_id"] for row in rows(system.get("prescriptions", updated_since=until))} == {
        "rx-3",
        "rx-9",
    }


def test_a_flag_comes_again_when_it_is_settled_and_when_it_ends(system, harbour, clara, ravi):
    decision = decided_case(harbour, clara, ravi)
    flag = decision.items.first().flag
    _, until = walk(system, "flags", updated_since=LONG_AGO)
    prescription = Prescription.objects.live().get(patient=decision.patient_id)
    prescribe.withdraw(
        prescription=prescription, status="entered-in-error", reason="Wrong person", by=clara
    )
    screen.drain()
    told = {row["id"]: row["state"] for row in rows(system.get("flags", updated_since=until))}
    assert told[flag.pk] == "ended"


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_committed_late_is_not_skipped():
    place = make.practice()
    system = make_system(place, by=make.person("ada", place))
    clara = make.person("clara", place)
    make.patient(place, clara, family_name="Early")
    _, until = walk(system, "patients", updated_since=LONG_AGO)
    written, may_commit = threading.Event(), threading.Event()

    def slow_writer():
        try:
            with transaction.atomic():
                make.patient(place, clara, family_name="Slow")
                written.set()
                may_commit.wait(30)
        finally:
            connections.close_all()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    written.wait(30)
    make.patient(place, clara, family_name="Fast")
    between = system.get("patients", updated_since=until)
    may_commit.set()
    writer.join()
    after = system.get("patients", updated_since=between.json()["until"])
    names = [row["family_name"] for answer in (between, after) for row in rows(answer)]
    assert sorted(names) == ["Fast", "Slow"], "each once, in either poll"
    assert "Fast" in [row["family_name"] for row in rows(system.get("patients"))]


def test_what_is_newer_than_the_horizon_waits_for_the_next_poll(system, monkeypatch):
    system.sync([sent.prescription()])
    monkeypatch.setattr(pages, "horizon", lambda: timezone.now() - timedelta(minutes=1))
    assert ids(system.get("prescriptions", updated_since=LONG_AGO)) == []
    assert len(ids(system.get("prescriptions"))) == 1


def test_until_is_a_time_with_its_zone(system):
    until = system.get("flags", updated_since=LONG_AGO).json()["until"]
    assert datetime.fromisoformat(until) <= datetime.now(UTC)
    assert system.get("flags").json()["until"] is None


# -- Who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_a_key_sees_its_own_practices_alone(harbour, lakeside, system, path):
    decided_case(harbour, make.person("clara", harbour), make.person("ravi", harbour))
    there = make_system(lakeside, by=make.person("ada", lakeside), source="other")
    system.sync([sent.prescription("kept", "7"), sent.prescription("refused", "7", dose=-1)])
    system.sync([sent.prescription("handed", "7", start=-9, dispensed=True)])
    seen = ids(system.get(path))
    assert seen
    assert ids(there.get(path)) == []
    assert ids(there.get(path, practice="harbour")) == []
    assert ids(there.get(path, updated_since=LONG_AGO)) == []
    is_problem(there.get(f"{path}/{seen[0]}"), 404)


@pytest.mark.parametrize("path", LISTS)
def test_nobody_sees_a_list_without_being_known(system, path):
    is_problem(system.http.get(f"/api/v1/{path}"), 401)
    is_problem(system.http.get(f"/api/v1/{path}/1"), 401)


@pytest.mark.parametrize("path", LISTS)
def test_a_signed_in_person_reads_what_their_roles_allow(system, harbour, ravi, ada, path):
    system.http.force_login(ravi)
    assert system.http.get(f"/api/v1/{path}").status_code == 200
    system.http.force_login(ada)
    is_problem(system.http.get(f"/api/v1/{path}"), 403)


@pytest.mark.parametrize("path", ["flags", "flags/1", "nothing"])
def test_no_answer_may_be_kept_on_the_way(system, path):
    assert system.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("pk", [0, 999_999_999, 2**63, 10**30])
@pytest.mark.parametrize("path", LISTS)
def test_a_row_that_does_not_exist_is_a_problem(system, path, pk):
    is_problem(system.get(f"{path}/{pk}"), 404)


def test_a_detail_takes_no_question(system):
    is_problem(system.get("flags/1", limit=3), 400)


# -- What it costs -----------------------------------------------------------------------------


TOLD = 5
"""Statements that write down who read: a transaction of its own, its number, the event."""


def cost(system, path, **query):
    with CaptureQueriesContext(connection) as queries:
        assert system.get(path, **query).status_code == 200
    return len(queries)


def test_a_page_takes_the_same_statements_however_many_rows(system, harbour, clara, ravi):
    decided_case(harbour, clara, ravi)
    clients.authenticate(system.secret)
    few = {path: cost(system, path) for path in LISTS}
    changes = {path: cost(system, path, updated_since=LONG_AGO) for path in LISTS}
    system.sync([sent.prescription(f"rx-{n}", str(n)) for n in range(30)])
    system.sync([sent.reading(f"o-{n}", str(n)) for n in range(30)], "readings")
    screen.drain()
    assert Case.objects.count() > 20
    for path in LISTS:
        assert cost(system, path) == few[path] <= 6 + TOLD
        assert cost(system, path, updated_since=LONG_AGO) == changes[path] == few[path] + 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("patients", "identifier"),
        ("patients", "practice"),
        ("prescriptions", "source_id"),
        ("dispensings", "source_id"),
        ("conditions", "source_system"),
        ("readings", "source_id"),
        ("notes", "source_system"),
        ("flags", "rule"),
        ("cases", "rule"),
    ],
)
def test_an_empty_filter_is_refused_and_finds_not_everybody(system, path, name):
    """The first row of a list that was asked for nobody would be taken for whoever was meant."""
    system.sync([sent.prescription()])
    problem = is_problem(system.get(path, **{name: ""}), 400)
    assert problem["errors"][0]["parameter"] == name

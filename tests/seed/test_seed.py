"""The command: rows that mean what the verbs would write, and sign-ins for this machine only."""

import json
import stat
from datetime import date

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F

from reviews import dossiers, likeness, messaging, recalls, records, rulebooks, rules
from reviews.management.commands import seed
from reviews.models import (
    AuditEvent,
    Case,
    Decision,
    FindingOpinion,
    Flag,
    ImportNote,
    Letter,
    Membership,
    Message,
    Patient,
    PatientScreening,
    Practice,
    Prescription,
    RecallList,
    ScreeningRequest,
)
from reviews.queries import identity
from reviews.recalls import State
from reviews.rules.codes import UNITS
from reviews.rules.registry import RULES
from reviews.rules.screen import concerns
from reviews.seeding import population, staff, writing
from reviews.verbs import screen
from tests import make

TODAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def sign_ins(tmp_path, monkeypatch):
    """The passwords go to a folder of the test, never to those of a running portal."""
    file = tmp_path / "demo-signins.json"
    monkeypatch.setattr(settings, "DEMO_SIGN_INS", file)
    return file


@pytest.fixture
def seeded(rulebook):
    call_command("seed", patients=400, today=TODAY, decisions=0, verbosity=0)
    return list(population.people(400, seed=20, today=TODAY))


def test_what_is_written_reads_back_as_what_was_invented(seeded):
    patients = Patient.objects.order_by("pk")
    assert patients.count() == len(seeded)
    read = dossiers.read([patient.pk for patient in patients], as_of=TODAY)
    for patient, person, (_, _, make_dossier) in zip(
        patients, seeded, sorted(read, key=lambda row: row[0]), strict=True
    ):
        assert patient.family_name == person.record.family_name
        assert patient.birth_date == person.record.birth_date
        dossier = make_dossier()
        lines = sorted(dossier.lines, key=lambda line: line.id)
        invented = [dossiers.line(order.record, system="demo") for order in person.orders]
        assert len(lines) == len(invented)
        for line, meant in zip(lines, invented, strict=True):
            assert line._replace(id=0, prescriber="") == meant
        assert len(dossier.conditions) == len(person.conditions)
        assert len(dossier.readings) == len(person.readings)


def test_reading_only_those_whom_it_concerns_leaves_out_nothing_that_is_said(seeded, rulebook):
    _, book = rulebooks.live()
    ids = list(Patient.objects.values_list("pk", flat=True))

    def said(**narrowing):
        rows = dossiers.read(ids, as_of=TODAY, **narrowing)
        return {pk: rules.screen(make_dossier(), book) for pk, _, make_dossier in rows}

    asked = []

    def concerning(medicine):
        asked.append(medicine)
        return concerns(book, medicine)

    assert said(concerning=concerning) == said()
    assert len(asked) == len(set(asked)), "each medicine is asked of once"
    read = dossiers.read(ids, as_of=TODAY, concerning=concerning)
    empty = sum(not make_dossier().lines for _, _, make_dossier in read)
    assert empty > len(ids) / 2, "most people take neither a benzodiazepine nor a Z-drug"


def test_digests_are_those_the_verbs_give(seeded):
    stored = Prescription.objects.live().order_by("pk").values_list("digest", flat=True)
    assert [bytes(digest) for digest in stored] == [
        records.digest(order.record) for person in seeded for order in person.orders
    ]


def test_everybody_is_asked_for_and_told_of_once(seeded):
    everybody = set(Patient.objects.values_list("pk", flat=True))
    requests = list(ScreeningRequest.objects.values_list("patient_id", flat=True))
    events = AuditEvent.objects.filter(verb="patient.seeded").values_list("patient_id", flat=True)
    assert sorted(requests) == sorted(everybody)
    assert sorted(events) == sorted(everybody)


def test_a_stopped_order_keeps_its_first_version(seeded):
    stopped = Prescription.objects.live().filter(status="stopped")
    assert stopped.exists()
    for prescription in stopped.select_related("supersedes"):
        before = prescription.supersedes
        assert (before.version, prescription.version) == (1, 2)
        assert before.order_id == prescription.order_id
        assert before.status != "stopped"
        assert before.recorded_at < before.superseded_at == prescription.recorded_at


def test_nothing_is_recorded_later_than_now(seeded):
    registered = Patient.objects.filter(registered_at__gt=F("screening__screened_at"))
    screen.drain(as_of=TODAY)
    assert not registered.exists()
    assert not Prescription.objects.filter(
        recorded_at__gt=F("patient__screening__screened_at")
    ).exists()


def test_the_queue_holds_those_whose_story_says_so(seeded):
    screen.drain(as_of=TODAY)
    assert PatientScreening.objects.filter(problem="").count() == len(seeded)
    loud = {n for n, person in enumerate(seeded) if person.story and person.story.raises}
    quiet = {n for n, person in enumerate(seeded) if not person.story or person.story.quiet}
    number = {
        pk: n for n, pk in enumerate(Patient.objects.order_by("pk").values_list("pk", flat=True))
    }
    queued = {number[pk] for pk in Case.objects.open().values_list("patient_id", flat=True)}
    assert loud <= queued
    assert not queued & quiet
    assert len(queued) < len(seeded) / 4


def test_decisions_are_made_by_the_reviewers_and_audited(rulebook):
    call_command("seed", patients=400, decisions=5, verbosity=0)
    # One that needs a second person has a row for each of the two.
    assert Decision.objects.values("case").distinct().count() == 5
    assert set(Decision.objects.values_list("by__username", flat=True)) == {"ravi", "samira"}
    made = AuditEvent.objects.filter(verb__in=("case.decide", "case.propose"))
    assert made.filter(actor_id__isnull=False).count() == made.count() == 5
    assert Flag.objects.filter(settled_at__isnull=False).exists()
    assert Case.objects.filter(state="claimed").exists()


def test_the_first_pages_of_messages_letters_and_recall_are_not_empty(rulebook):
    call_command("seed", patients=600, decisions=5, verbosity=0)
    clara, ravi = (User.objects.get(username=name) for name in ("clara", "ravi"))
    assert Message.objects.filter(answer="", carried_by="").count() == 5
    assert set(Message.objects.exclude(answer="").values_list("answer", flat=True)) == {
        "question",
        "will_do",
        "not_appropriate",
    }
    assert messaging.waiting_for(clara).exists()
    assert messaging.waiting_for(ravi).exists(), "a question came back"
    assert FindingOpinion.objects.filter(answered_at__isnull=True).exists()
    assert Letter.objects.filter(person__isnull=True).exists()
    begun, under_way = RecallList.objects.order_by("-pk")
    assert not begun.rounds.exists()
    assert under_way.rounds.get().job.state == "done"
    states = {each.state for each in recalls.standings(under_way).values()}
    assert {State.WRITTEN, State.ANSWERED, State.REVIEWED, State.OPTED_OUT} <= states


def test_very_many_people_are_found_by_name_too(rulebook, monkeypatch):
    monkeypatch.setattr(seed, "MANY", 5)
    call_command("seed", patients=10, decisions=0, verbosity=0)
    for person in Patient.objects.all():
        assert person.family_folded == likeness.folded(person.family_name)
        assert person.given_folded == likeness.folded(person.given_name)


def test_a_feed_brings_what_only_a_person_can_settle(rulebook):
    call_command("seed", patients=400, decisions=1, verbosity=0)
    ravi = User.objects.get(username="ravi")
    waits = identity.questions(ravi).get()
    assert (waits.cause, [m["medicine"] for m in identity.medicines(waits)]) == (
        "contradiction",
        ["Morphine sulfate 10 mg tablets"],
    )
    assert [pair.records for pair in identity.suspected(ravi)] == [2]
    note = ImportNote.objects.get()
    assert (note.medicine, note.reason) == (
        "Morphine sulfate 10 mg tablets",
        f"dose_unit: 'spoon' is none of {', '.join(sorted(UNITS))}",
    )


def test_the_sign_ins_work_and_only_the_owner_reads_them(rulebook, sign_ins, capsys, rf):
    call_command("seed", patients=10, decisions=0, verbosity=0)
    assert stat.S_IMODE(sign_ins.stat().st_mode) == 0o600
    passwords = json.loads(sign_ins.read_text())
    assert authenticate(rf.get("/"), username="clara", password=passwords["clara"]) is not None
    capsys.readouterr()
    call_command("demo_signins")
    said = capsys.readouterr().out
    for name, password in passwords.items():
        assert name in said
        assert password in said


def test_each_installation_has_passwords_of_its_own():
    assert len({staff.password() for _ in range(50)}) == 50


def test_without_demo_people_no_sign_ins_are_said(db, capsys):
    call_command("demo_signins")
    assert capsys.readouterr().out == ""


def test_one_person_holds_several_roles(rulebook):
    call_command("seed", patients=10, decisions=0, verbosity=0)
    roles = Membership.objects.filter(user__username="nell", practice__code="harbour-street")
    assert {membership.role for membership in roles} == {"clinician", "reviewer"}


def test_a_second_time_adds_nothing(rulebook, sign_ins):
    call_command("seed", patients=10, decisions=0, verbosity=0)
    before = sign_ins.read_text()
    call_command("seed", patients=10, decisions=0, verbosity=0)
    assert Patient.objects.count() == 10
    assert sign_ins.read_text() == before


def test_real_patients_are_never_joined_by_invented_ones(harbour, clara, sign_ins):
    make.patient(harbour, clara)
    with pytest.raises(CommandError, match="patients of other practices"):
        call_command("seed", patients=10, verbosity=0)
    assert not Practice.objects.filter(code="harbour-street").exists()
    assert not sign_ins.exists()


def test_a_failure_half_way_leaves_nothing(rulebook, sign_ins, monkeypatch):
    def breaks(self, people):
        yield from writing_as_ever(self, people)
        raise RuntimeError("the disk is full")

    writing_as_ever = writing.Writer.write
    monkeypatch.setattr(writing.Writer, "write", breaks)
    with pytest.raises(RuntimeError):
        call_command("seed", patients=10, verbosity=0)
    assert not Practice.objects.exists()
    assert not sign_ins.exists()


def test_many_are_written_like_few(rulebook, monkeypatch):
    monkeypatch.setattr("reviews.management.commands.seed.MANY", 5)
    call_command("seed", patients=10, decisions=0, verbosity=0)
    assert Patient.objects.count() == 10


def test_every_rule_is_seen_by_somebody_in_the_queue_or_in_the_notes(rulebook):
    """Two thousand people hold every story, and the record in the database tells them all."""
    call_command("seed", patients=2000, today=TODAY, decisions=0, verbosity=0)
    screen.drain(limit=2000, as_of=TODAY)
    raised = set(Flag.objects.values_list("rule_id", flat=True).distinct())
    assert {rule.id for rule in RULES} - raised == set()

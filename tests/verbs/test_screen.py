"""Screening: nothing unscreened, nothing twice, nothing silent."""

import hashlib
import threading
from datetime import timedelta

import msgspec
import pytest
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from reviews import bulk, records, requests, rulebooks
from reviews.models import (
    AuditEvent,
    Case,
    Flag,
    PatientScreening,
    Prescription,
    ScreeningRequest,
    ScreeningRun,
)
from reviews.queries import checked
from reviews.rules.finding import Fact
from reviews.verbs import caseload, observe, prescribe, publish, screen
from tests import database, make
from tests.verbs.test_publish import lower_diazepam


def test_screening_raises_flags_opens_a_case_and_leaves_no_request(harbour, clara, rulebook):
    case = make.flagged_case(harbour, logged_by=clara)
    flag = Flag.objects.get(rule_id="DUR-01")
    assert flag.case == case
    assert flag.version == rulebook
    assert case.headline in Flag.objects.open().values_list("title", flat=True)
    assert "DUR-01" in case.rule_ids
    assert not ScreeningRequest.objects.exists()
    checked = PatientScreening.objects.get(patient=case.patient)
    assert (checked.version, checked.as_of, checked.problem) == (rulebook, make.day(), "")
    verbs = set(
        AuditEvent.objects.filter(patient_id=case.patient_id).values_list("verb", flat=True)
    )
    assert {"flag.raised", "case.opened"} <= verbs


def test_screening_again_changes_nothing(harbour, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    before = list(Flag.objects.values()), list(Case.objects.values())
    requests.enqueue([case.patient_id], reason="test")
    assert screen.drain() == 1
    assert (list(Flag.objects.values()), list(Case.objects.values())) == before


def test_a_change_supersedes_the_flag_and_keeps_the_case(harbour, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    first = Flag.objects.get(rule_id="DUR-01")
    make.prescription(case.patient, clara, start=1, days=14)
    screen.drain()
    first.refresh_from_db()
    second = Flag.objects.live().get(rule_id="DUR-01")
    assert first.end_reason == "superseded"
    assert (second.supersedes, second.case) == (first, case)
    assert Case.objects.get() == case


def test_a_clear_patient_is_shown_as_checked(harbour, clara):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, "Amlodipine 5 mg tablets", indication="other")
    screen.drain()
    assert not Flag.objects.values_list("title", "sentence")
    assert PatientScreening.objects.get(patient=treated).screened_at is not None


class TestAPlainCourse:
    """Zopiclone for a man of 40 who sleeps badly, with nothing else on record."""

    def course(self, place, by, *supplies):
        treated = make.patient(place, by, age=40)
        for start, days in supplies:
            make.prescription(
                treated,
                by,
                "Zopiclone 7.5 mg tablets",
                start=start,
                days=days,
                times_per_day=1,
                quantity=days,
                indication="insomnia",
            )
        screen.drain()
        return Case.objects.open().filter(patient=treated)

    @pytest.mark.parametrize("start", [0, -7, -13])
    def test_of_14_days_is_nothing_for_the_queue(self, harbour, clara, start):
        assert not self.course(harbour, clara, (start, 14)).exists()
        assert Flag.objects.filter(severity=4).exists(), "notes are kept all the same"

    def test_of_35_days_is_one_case_with_one_reason(self, harbour, clara):
        case = self.course(harbour, clara, (-28, 28), (0, 7)).get()
        assert (case.severity, case.rule_ids) == (2, ["DUR-02"])

    def test_of_35_days_at_once_has_the_length_of_treatment_as_its_reason(self, harbour, clara):
        case = self.course(harbour, clara, (0, 35)).get()
        assert case.headline == Flag.objects.get(rule_id="DUR-02").title


def test_a_note_wakes_no_case(harbour, clara, ravi):
    """A slightly higher dose begins a note on driving: nothing to look at again."""
    case = make.flagged_case(harbour, logged_by=clara)
    caseload.snooze(case=case, until=make.day(7), reason="Wait", by=ravi, seen=case.lock)
    make.prescription(case.patient, clara, start=1, days=7, dose=1.25)
    screen.drain()
    case.refresh_from_db()
    assert Flag.objects.live().filter(rule_id="DRV-01").exists()
    assert case.state == "snoozed"


def test_one_broken_dossier_does_not_stop_the_others(harbour, clara, monkeypatch):
    broken = make.patient(harbour, clara, family_name="Broken")
    fine = make.patient(harbour, clara, family_name="Fine")
    make.prescription(fine, clara, start=-40, days=35)
    honest = screen.screen

    def failing(dossier, book):
        if dossier.patient_id == broken.pk:
            raise ZeroDivisionError("no dose")
        return honest(dossier, book)

    monkeypatch.setattr(screen, "screen", failing)
    screen.drain()
    assert Flag.objects.filter(patient=fine).exists()
    told = PatientScreening.objects.get(patient=broken)
    assert "ZeroDivisionError" in told.problem
    retry = ScreeningRequest.objects.get()
    assert (retry.patient, retry.attempts) == (broken, 1)
    assert retry.not_before > timezone.now()

    monkeypatch.setattr(screen, "screen", honest)
    ScreeningRequest.objects.update(not_before=timezone.now())
    screen.drain()
    told.refresh_from_db()
    assert told.problem == ""
    assert not ScreeningRequest.objects.exists()


def test_one_patient_that_cannot_be_kept_does_not_stop_the_others(harbour, clara, monkeypatch):
    too_long = make.patient(harbour, clara, family_name="Long")
    fine = make.patient(harbour, clara, family_name="Fine")
    for treated in (too_long, fine):
        make.prescription(treated, clara, start=-40, days=35)
    original = screen.Difference._flag

    def breaking(self, *given):
        flag = original(self, *given)
        return flag._replace(title="x" * 1000) if flag.patient_id == too_long.pk else flag

    monkeypatch.setattr(screen.Difference, "_flag", breaking)
    screen.drain()
    assert Flag.objects.filter(patient=fine).exists()
    assert PatientScreening.objects.get(patient=too_long).problem
    assert PatientScreening.objects.get(patient=fine).problem == ""


class TestAReviewLongOverdue:
    """Benzodiazepines for months without a review: due after 90 days, long overdue from 150."""

    @pytest.fixture
    def cases(self, harbour, clara):
        """`[due, long overdue]`, both S2, flagged in this order."""
        people = []
        for days in (149, 150):
            treated = make.patient(harbour, clara, family_name=f"Bell {days}")
            for start in range(-days, 1, 28):
                make.prescription(treated, clara, start=start, days=28)
            screen.drain()
            people.append(treated)
        return [Case.objects.get(patient=treated) for treated in people]

    def test_goes_before_the_others_of_its_severity(self, cases):
        due, overdue = cases
        assert (due.severity, due.leads, overdue.severity, overdue.leads) == (2, False, 2, True)
        assert due.due_at <= overdue.due_at
        assert list(Case.objects.ranked()) == [overdue, due]

    def test_does_not_go_before_a_worse_one(self, cases, harbour, clara):
        urgent = make.urgent_case(harbour, logged_by=clara)
        assert Case.objects.ranked().first() == urgent

    def test_is_told_apart_in_what_is_kept(self, cases):
        flags = Flag.objects.filter(leads=True)
        assert [(flag.rule_id, flag.case) for flag in flags] == [("REV-01", cases[1])]

    def test_is_a_review_like_any_other_once_it_was_done(self, cases, clara):
        _, overdue = cases
        observe.record_reading(
            patient=overdue.patient,
            record=records.ReadingRecord(kind="review", text="continue", on=make.day(-100)),
            by=clara,
        )
        screen.drain()
        overdue.refresh_from_db()
        assert "REV-01" in overdue.rule_ids
        assert not overdue.leads

    def test_flags_from_before_there_was_such_a_thing_stay(self, cases):
        """Or an upgrade would raise every flag of everybody anew."""
        for flag in Flag.objects.all():
            said = {
                "rule_id": flag.rule_id,
                "severity": flag.severity,
                "mode": flag.mode,
                "key": flag.key,
                "line_ids": flag.prescription_ids,
                "title": flag.title,
                "sentence": flag.sentence,
                "facts": [[fact[name] for name in Fact._fields] for fact in flag.facts],
                "clears": flag.clears,
                "unknown": flag.unknown,
            }
            before = hashlib.blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()
            assert (flag.digest == before) is not flag.leads


class TestStatements:
    """How many a batch takes does not depend on how many patients are in it."""

    AT_MOST = 25

    @pytest.fixture
    def treated(self, harbour, clara):
        """Twelve people, then twenty, each with a prescription to be flagged.

        Half of either are more than a few: fewer rows are written by other statements.
        """

        def some(number):
            people = [make.patient(harbour, clara) for _ in range(number)]
            for person in people:
                make.prescription(person, clara, start=-40, days=35)
            return people

        return [some(2 * (bulk.FEW + 1)), some(20)]

    @pytest.fixture
    def same(self, django_assert_max_num_queries):
        """Screen these groups, a batch each, and compare how many statements that took."""

        def compare(groups):
            counts = set()
            for people in groups:
                requests.enqueue([person.pk for person in people], reason="test")
                with django_assert_max_num_queries(self.AT_MOST) as counted:
                    assert screen.batch() == len(people)
                counts.add(len(counted))
            assert len(counts) == 1

        return compare

    def test_first_screening(self, treated, same):
        ScreeningRequest.objects.all().delete()
        same(treated)
        assert Case.objects.count() == 2 * (bulk.FEW + 1) + 20

    def test_nothing_changed(self, treated, same):
        screen.drain()
        same(treated)

    def test_everybody_changed(self, treated, same, clara):
        """Flags are superseded and cleared, cases ranked anew and cleared."""
        screen.drain()
        for people in treated:
            for person in people[::2]:
                make.prescription(person, clara, start=-5, days=28)
                make.prescription(person, clara, "Morphine 10 mg tablets", days=28)
            for held in Prescription.objects.filter(patient__in=people[1::2]):
                prescribe.withdraw(
                    prescription=held,
                    status="entered-in-error",
                    reason="Never prescribed",
                    by=clara,
                )
        ScreeningRequest.objects.all().delete()
        same(treated)
        assert {*Flag.objects.values_list("end_reason", flat=True)} == {
            "",
            "superseded",
            "cleared",
        }
        assert {*Case.objects.values_list("state", flat=True)} == {"queued", "cleared"}


def test_a_fresh_change_goes_before_a_rescreen_of_everybody(harbour, clara):
    patients = [make.patient(harbour, clara) for _ in range(4)]
    ScreeningRequest.objects.all().delete()
    requests.enqueue([p.pk for p in patients[:3]], reason="published", priority=requests.BULK)
    requests.enqueue([patients[3].pk], reason="logged")
    screen.batch(limit=1)
    assert set(ScreeningRequest.objects.values_list("patient", flat=True)) == {
        p.pk for p in patients[:3]
    }


class TestSweep:
    def test_asks_for_those_whose_answer_ran_out(self, harbour, clara):
        case = make.flagged_case(harbour, logged_by=clara)
        checked = PatientScreening.objects.get(patient=case.patient)
        PatientScreening.objects.update(valid_until=make.day(3))
        assert screen.sweep(as_of=make.day(2)) == 0
        assert screen.sweep(as_of=make.day(3)) == 1
        assert ScreeningRequest.objects.get().patient_id == checked.patient_id

    def test_finds_a_change_whose_request_was_lost(self, harbour, clara):
        treated = make.patient(harbour, clara)
        make.prescription(treated, clara)
        ScreeningRequest.objects.all().delete()
        assert screen.sweep() == 1

    def test_finds_whom_a_worker_judged_by_the_book_before_while_another_was_published(
        self, harbour, clara, ada, adam, monkeypatch
    ):
        before = make.flagged_case(harbour, logged_by=clara).patient
        old = rulebooks.holding()
        lower_diazepam(ada)
        publish.publish(
            version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
        )
        screen.drain()
        assert screen.sweep() == 0
        # Somebody is treated, and a worker judges them, before it can see the new book.
        treated = make.patient(harbour, clara)
        make.prescription(treated, clara)
        with monkeypatch.context() as patch:
            patch.setattr(rulebooks, "holding", lambda: old)
            screen.drain()
        assert PatientScreening.objects.get(patient=treated).version_id == old.live_id
        assert screen.sweep() == 1
        assert ScreeningRequest.objects.get().patient == treated
        screen.drain()
        assert PatientScreening.objects.get(patient=treated).version_id != old.live_id
        assert screen.sweep() == 0
        # Whom the new book cannot affect it leaves with the one before.
        PatientScreening.objects.filter(patient=before).update(
            version=old.live_id, screened_at=timezone.now() - timedelta(hours=1)
        )
        assert screen.sweep() == 0

    def test_asks_once(self, harbour, clara):
        make.prescription(make.patient(harbour, clara), clara)
        ScreeningRequest.objects.all().delete()
        assert (screen.sweep(), screen.sweep()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_drains_at_once_while_writers_write(rulebook):
    """Every prescription screened, no flag twice, no request left."""
    place = make.practice()
    clara = make.person("clara", place)
    patients = [make.patient(place, clara) for _ in range(12)]
    writing = threading.Event()
    writing.set()
    failures = []

    def run(work):
        try:
            work()
        except Exception as error:  # shown by the assertion below
            failures.append(error)
        finally:
            connections.close_all()

    def write(mine):
        for treated in mine:
            make.prescription(treated, clara, start=-20, days=14)
            make.prescription(treated, clara, start=-6, days=28)

    def drain():
        while writing.is_set():
            screen.drain(limit=3)

    writers = [
        threading.Thread(target=run, args=(lambda half=half: write(half),))
        for half in (patients[:6], patients[6:])
    ]
    drains = [threading.Thread(target=run, args=(drain,)) for _ in range(2)]
    for thread in [*drains, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in drains:
        thread.join()
    screen.drain()

    assert not failures
    assert not ScreeningRequest.objects.exists()
    assert Case.objects.open().count() == len(patients)
    assert Flag.objects.live().filter(rule_id="DUR-01").count() == len(patients)
    for screened in PatientScreening.objects.all():
        newest = Prescription.objects.filter(patient=screened.patient_id).latest("recorded_at")
        assert screened.screened_at >= newest.recorded_at


def test_the_doorbell_may_fail(harbour, clara, monkeypatch, django_capture_on_commit_callbacks):
    def down(*args, **kwargs):
        raise requests.KombuError("connection refused")

    monkeypatch.setattr(requests.current_app, "send_task", down)
    treated = make.patient(harbour, clara)
    with django_capture_on_commit_callbacks(execute=True):
        make.prescription(treated, clara)
    assert requests.waiting()


def test_a_page_can_say_when_screening_last_finished(harbour, clara):
    assert checked.last_screened().first() is None
    case = make.flagged_case(harbour, logged_by=clara)
    first = checked.last_screened().first()
    assert first == PatientScreening.objects.get(patient=case.patient).screened_at
    make.flagged_case(harbour, logged_by=clara)
    assert checked.last_screened().first() > first
    assert checked.last_screened().first() == max(
        PatientScreening.objects.values_list("screened_at", flat=True)
    )


def test_what_a_run_was_is_not_edited(harbour, clara):
    make.flagged_case(harbour, logged_by=clara)
    with (
        database.as_owner(),
        pytest.raises(DatabaseError, match="Cannot update or delete"),
        transaction.atomic(),
    ):
        ScreeningRun.objects.update(patients=0)


def test_an_old_version_is_not_screened(harbour, clara):
    treated = make.patient(harbour, clara)
    logged = make.prescription(treated, clara, start=-40, days=35)
    prescribe.amend(prescription=logged, record=make.record(start=-10, days=7), by=clara)
    screen.drain()
    assert not Flag.objects.filter(rule_id__startswith="DUR").exists()

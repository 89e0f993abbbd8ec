"""Logging, amending and withdrawing: each adds to the history, audits and asks for screening."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews import audit, dossiers, records
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    AuditEvent,
    Condition,
    Identifier,
    Medicine,
    Patient,
    Prescription,
    ScreeningRequest,
)
from reviews.queries import advise
from reviews.verbs import prescribe, sync
from tests import make


@pytest.fixture
def jonathan(harbour, clara):
    treated = make.patient(harbour, clara, identifiers=["999 000 0018"])
    ScreeningRequest.objects.all().delete()
    return treated


@pytest.fixture
def diazepam(jonathan, clara):
    logged = make.prescription(jonathan, clara)
    ScreeningRequest.objects.all().delete()
    return logged


def events(verb):
    return list(AuditEvent.objects.filter(verb=verb))


def test_logging_writes_the_row_the_event_and_the_request(jonathan, clara):
    logged = make.prescription(jonathan, clara, dose=0.5, times_per_day=3)
    assert logged.version == 1
    assert logged.prescriber == clara
    assert (float(logged.dose), float(logged.times_per_day)) == (0.5, 3)
    assert [(e.actor_id, e.patient_id) for e in events("prescription.logged")] == [
        (clara.pk, jonathan.pk)
    ]
    assert ScreeningRequest.objects.get().patient == jonathan


def test_missing_stays_missing(jonathan, clara):
    logged = prescribe.log(
        patient=jonathan, record=records.PrescriptionRecord(medicine="Diazepam"), by=clara
    )
    logged.refresh_from_db()
    assert logged.dose is None
    assert logged.quantity is None
    assert logged.days_supply is None
    assert logged.start_on is None
    assert logged.indication == "unknown"


def test_the_same_product_as_written_is_one_medicine(jonathan, clara):
    make.prescription(jonathan, clara)
    make.prescription(jonathan, clara)
    make.prescription(jonathan, clara, "Zopiclone 7.5 mg tablets")
    assert Medicine.objects.count() == 2


def test_nothing_is_written_when_the_audit_event_fails(jonathan, clara, monkeypatch):
    def broken(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(DatabaseError), transaction.atomic():
        make.prescription(jonathan, clara)
    assert not Prescription.objects.exists()
    assert not ScreeningRequest.objects.exists()


def test_an_amendment_supersedes_and_keeps_the_old_version(diazepam, clara):
    amended = prescribe.amend(prescription=diazepam, record=make.record(times_per_day=1), by=clara)
    diazepam.refresh_from_db()
    assert diazepam.superseded_at is not None
    assert float(diazepam.times_per_day) == 2
    assert (amended.version, amended.supersedes, amended.order_id) == (
        2,
        diazepam,
        diazepam.order_id,
    )
    assert list(Prescription.objects.live()) == [amended]
    assert ScreeningRequest.objects.count() == 1


def test_amending_an_old_version_is_stale(diazepam, clara):
    prescribe.amend(prescription=diazepam, record=make.record(times_per_day=1), by=clara)
    with pytest.raises(Stale):
        prescribe.amend(prescription=diazepam, record=make.record(times_per_day=3), by=clara)


@pytest.mark.parametrize("status", ["stopped", "cancelled", "entered-in-error"])
def test_a_withdrawal_keeps_the_row_and_the_reason(diazepam, clara, status):
    withdrawn = prescribe.withdraw(
        prescription=diazepam, status=status, reason="Patient moved away", by=clara
    )
    assert (withdrawn.status, withdrawn.status_reason) == (status, "Patient moved away")
    assert Prescription.objects.count() == 2
    assert events("prescription.withdrawn")[0].detail["status"] == status
    with pytest.raises(IllegalMove):
        prescribe.withdraw(prescription=withdrawn, status=status, reason="again", by=clara)


def test_a_stopped_order_ends_on_the_day(diazepam, clara):
    withdrawn = prescribe.withdraw(
        prescription=diazepam, status="stopped", reason="Taper finished", by=clara
    )
    assert withdrawn.end_on == make.day()


@pytest.mark.parametrize(
    ("status", "reason", "field"),
    [("active", "because", "status"), ("stopped", "  ", "reason")],
)
def test_a_withdrawal_needs_a_fitting_status_and_a_reason(diazepam, clara, status, reason, field):
    with pytest.raises(BadRecord) as refused:
        prescribe.withdraw(prescription=diazepam, status=status, reason=reason, by=clara)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_on": make.on_day(5), "end_on": make.on_day(4)}, "end_on"),
        ({"dose": 1, "dose_unit": None}, "dose_unit"),
        ({"max_per_day": 3}, "max_per_day"),
        ({"dose": 0}, "dose"),
        ({"dose": -1}, "dose"),
        ({"quantity": "many"}, "quantity"),
        ({"indication": "boredom"}, "indication"),
        ({"status": "bogus"}, "status"),
        ({"medicine": ""}, "medicine"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_bad_record_names_its_field(jonathan, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        make.prescription(jonathan, clara, **changes)
    assert refused.value.field == field
    assert not Prescription.objects.exists()


def test_only_clinicians_of_the_practice_prescribe(jonathan, diazepam, ravi, lakeside):
    stranger = make.person("doc", lakeside, "clinician")
    for by in (ravi, stranger):
        with pytest.raises(NotAllowed):
            make.prescription(jonathan, by)
        with pytest.raises(NotAllowed):
            prescribe.amend(prescription=diazepam, record=make.record(), by=by)
        with pytest.raises(NotAllowed):
            prescribe.withdraw(prescription=diazepam, status="stopped", reason="x", by=by)


def test_colleagues_of_one_practice_count_as_one_prescriber(harbour, jonathan, clara):
    """PRE-01 would call five of them urgent."""
    colleagues = [make.person(name, harbour, "clinician") for name in ("bo", "cy", "di", "eve")]
    for week, by in enumerate([clara, *colleagues]):
        make.prescription(jonathan, by, start=7 * (week - 4), days=7)
    seen = advise.preview(patient=jonathan, record=make.record(), by=clara)
    assert {line.team for line in seen.dossier.lines} == {"harbour"}
    assert "PRE-01" not in {finding.rule_id for finding in (*seen.new, *seen.standing)}


def test_another_team_can_be_named(jonathan, clara):
    assert make.prescription(jonathan, clara, team="Memory clinic").team == "Memory clinic"


def test_amending_what_a_system_reported_does_not_claim_it(harbour, jonathan, clara, ehr):
    order = {
        "source_id": "rx-1",
        "patient": {"identifiers": [{"system": "nhs", "value": "999 000 0018"}]},
        "medicine": "Diazepam 5 mg tablets",
        "prescriber": "Dr Elsewhere",
    }
    sync.prescriptions(rows=[(0, order)], source_system="ehr", by=ehr)
    reported = Prescription.objects.live().get(patient=jonathan)
    correction = make.record(prescriber="Dr Elsewhere")
    seen = advise.preview(patient=jonathan, record=correction, by=clara, replaces=reported)
    (unsaved,) = seen.dossier.lines
    prescribe.amend(prescription=reported, record=correction, by=clara)
    (saved,) = dossiers.one(jonathan, as_of=make.day()).lines
    assert unsaved._replace(id=saved.id) == saved
    assert (saved.team, saved.prescriber) == ("", "Dr Elsewhere")


def test_registering_refuses_an_identifier_in_use(harbour, jonathan, clara):
    with pytest.raises(BadRecord, match="already in use"), transaction.atomic():
        make.patient(harbour, clara, identifiers=["999 000 0018"])
    assert Patient.objects.count() == 1
    assert Identifier.objects.count() == 1


def test_registering_needs_a_name_and_a_possible_birth_date(harbour, clara):
    with pytest.raises(BadRecord, match="family_name"):
        make.patient(harbour, clara, family_name="", given_name="")
    with pytest.raises(BadRecord, match="birth_date"):
        prescribe.register(
            practice=harbour,
            record=records.PatientRecord(family_name="Bell", birth_date=make.day(1)),
            by=clara,
        )


def test_a_condition_can_be_ended_and_keeps_its_history(jonathan, clara):
    asthma = records.ConditionRecord(text="Asthma", onset_on=make.day(-900))
    first = prescribe.record_condition(patient=jonathan, record=asthma, by=clara)
    ended = records.ConditionRecord(
        text="Asthma", onset_on=make.day(-900), ended_on=make.day(-1), status="resolved"
    )
    second = prescribe.record_condition(patient=jonathan, record=ended, by=clara, supersedes=first)
    assert Condition.objects.count() == 2
    assert Condition.objects.get(superseded_at__isnull=True) == second
    with pytest.raises(Stale):
        prescribe.record_condition(patient=jonathan, record=ended, by=clara, supersedes=first)


class TestTheDatabaseRefuses:
    """History is added to, never edited, whoever asks."""

    def test_editing_a_live_prescription(self, diazepam):
        with pytest.raises(DatabaseError), transaction.atomic():
            Prescription.objects.filter(pk=diazepam.pk).update(dose=99)

    def test_editing_a_superseded_one(self, diazepam, clara):
        prescribe.amend(prescription=diazepam, record=make.record(times_per_day=1), by=clara)
        with pytest.raises(DatabaseError), transaction.atomic():
            Prescription.objects.filter(pk=diazepam.pk).update(superseded_at=None)

    def test_deleting_one(self, diazepam):
        with pytest.raises(DatabaseError), transaction.atomic():
            Prescription.objects.filter(pk=diazepam.pk).delete()

    def test_changing_or_deleting_an_audit_event(self, diazepam):
        with pytest.raises(DatabaseError), transaction.atomic():
            AuditEvent.objects.update(actor="somebody else")
        with pytest.raises(DatabaseError), transaction.atomic():
            AuditEvent.objects.all().delete()

    def test_changing_a_medicine(self, diazepam):
        with pytest.raises(DatabaseError), transaction.atomic():
            Medicine.objects.update(text="Aspirin")

    def test_two_live_versions_of_an_order(self, diazepam):
        copy = Prescription.objects.get(pk=diazepam.pk)
        copy.pk, copy.version, copy.source_id = None, 2, "other"
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)

    def test_a_dose_of_zero(self, diazepam):
        copy = Prescription.objects.get(pk=diazepam.pk)
        copy.pk, copy.dose, copy.order_id = None, 0, "00000000-0000-0000-0000-000000000001"
        copy.source_id = "other"
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)

    def test_an_end_before_the_start(self, diazepam):
        copy = Prescription.objects.get(pk=diazepam.pk)
        copy.pk, copy.end_on = None, copy.start_on - make.timedelta(days=1)
        copy.order_id, copy.source_id = "00000000-0000-0000-0000-000000000001", "other"
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)

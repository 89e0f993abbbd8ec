"""What only some systems say of an order: kept, read by the rules, and silent where not said."""

import pytest
from django.db import IntegrityError, transaction

from reviews import dossiers, records
from reviews.models import Condition, Prescription
from reviews.rules.dossier import Line
from reviews.verbs import prescribe, sync
from tests import make

FURTHER = {
    "refill_number": 2,
    "dispensed_on": make.on_day(-9),
    "repeat_template": True,
    "acquired": "private",
    "replacement_reason": "lost",
    "is_new_start": True,
    "change_reason": "taper",
    "team": "Harbour memory clinic",
    "pharmacy": "Quay Pharmacy",
    "start_minute": 8 * 60,
    "schedule": [{"per_day": 2, "days": 7}, {"per_day": 0.5, "days": 7}],
    "dose_max": 2.5,
    "times_per_day_max": 3,
    "repeats_allowed": 5,
    "issue_days": 28,
    "valid_until": make.on_day(150),
    "quantity_text": "2 packs of 28",
}


def further():
    return make.dated(FURTHER)


def in_a_line():
    return further() | {"schedule": ((2.0, 7), (0.5, 7))}


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["1"])


def read(patient):
    """The further fields of the patient's one line, as the rules see them."""
    (line,) = dossiers.one(patient, as_of=make.day()).lines
    return {name: getattr(line, name) for name in FURTHER}


def sent(**changes):
    return {
        "source_id": "rx-1",
        "patient": {"identifiers": [{"system": "nhs", "value": "1"}]},
        "medicine": "Diazepam 5 mg tablets",
        "dose": 1,
        "dose_unit": "tablet",
        **changes,
    }


def synced(ehr, **changes):
    return sync.prescriptions(rows=[(0, sent(**changes))], source_system="ehr", by=ehr)


def test_all_of_them_survive_logging_and_withdrawing(bell, clara):
    logged = make.prescription(bell, clara, **further())
    assert read(bell) == in_a_line()
    prescribe.withdraw(prescription=logged, status="stopped", reason="moved", by=clara)
    assert read(bell) == in_a_line()


def test_a_line_that_is_not_saved_reads_as_the_saved_one(bell, clara):
    record = make.record(**further())
    unsaved = dossiers.line(record)
    prescribe.log(patient=bell, record=record, by=clara)
    (saved,) = dossiers.one(bell, as_of=make.day()).lines
    assert unsaved._replace(id=saved.id, prescriber=saved.prescriber) == saved


@pytest.mark.parametrize("name", FURTHER)
def test_one_alone_is_synced_and_the_others_stay_unsaid(name, bell, ehr):
    synced(ehr)
    nothing = {field: Line._field_defaults[field] for field in FURTHER}
    assert read(bell) == nothing
    assert synced(ehr, **{name: further()[name]}).amended == 1
    assert read(bell) == nothing | {name: in_a_line()[name]}
    assert synced(ehr, **{name: further()[name]}).unchanged == 1
    assert synced(ehr).amended == 1
    assert read(bell) == nothing


def test_a_record_known_before_is_still_known():
    """Digests of content that says nothing of the later fields, from before there were any."""
    order = make.record(days=None, days_supply=14, quantity_unit=None, start_on=None)
    assert records.digest(order).hex() == "5854b5e0e3290984a41cfc447b9b09c9"
    asthma = records.ConditionRecord(text="Asthma")
    assert records.digest(asthma).hex() == "be6ba3301bfd7eac0dea2e5a6d7ac4f2"
    allergy = records.ConditionRecord(text="Asthma", kind="allergy")
    assert records.digest(allergy) != records.digest(asthma)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"acquired": "stolen"}, "acquired"),
        ({"start_minute": 1440}, "start_minute"),
        ({"refill_number": -1}, "refill_number"),
        ({"replacement_reason": "eaten"}, "replacement_reason"),
        ({"change_reason": "whim"}, "change_reason"),
        ({"schedule": [{"per_day": 1, "days": 0}]}, "schedule[0].days"),
        ({"schedule": FURTHER["schedule"], "dose": None, "dose_unit": None}, "dose_unit"),
        ({"dispensed_on": "1066-10-14"}, "dispensed_on"),
        ({"dose_max": 0.5}, "dose_max"),
        ({"dose": None, "dose_unit": None, "dose_max": 2}, "dose_unit"),
        ({"times_per_day": 2, "times_per_day_max": 1}, "times_per_day_max"),
        ({"repeats_allowed": -1}, "repeats_allowed"),
        ({"issue_days": 0}, "issue_days"),
        ({"evidence": "rumour"}, "evidence"),
    ],
)
def test_what_is_refused(bell, ehr, changes, field):
    (refused,) = synced(ehr, **changes).errors
    assert refused.field == field


def test_an_allergy_is_told_from_a_condition(bell, clara, ehr):
    prescribe.record_condition(
        patient=bell, record=records.ConditionRecord(text="Asthma"), by=clara
    )
    row = {
        "source_id": "a-1",
        "patient": {"identifiers": [{"system": "nhs", "value": "1"}]},
        "text": "Diazepam",
        "codings": [{"system": "atc", "code": "N05BA01"}],
        "kind": "allergy",
    }
    assert sync.conditions(rows=[(0, row)], source_system="ehr", by=ehr).created == 1
    held = dossiers.one(bell, as_of=make.day()).conditions
    assert {(condition.text, condition.kind) for condition in held} == {
        ("Asthma", "condition"),
        ("Diazepam", "allergy"),
    }


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        "changes",
        [
            {"acquired": "found"},
            {"replacement_reason": "eaten"},
            {"change_reason": "whim"},
            {"start_minute": 1440},
            {"evidence": "rumour"},
            {"dose": 2, "dose_max": 1},
            {"dose_max": 0},
            {"times_per_day": 2, "times_per_day_max": 1},
        ],
    )
    def test_codes_nobody_knows_and_ranges_upside_down(self, bell, clara, changes):
        logged = make.prescription(bell, clara)
        row = {
            "patient": bell,
            "practice": bell.practice,
            "medicine": logged.medicine,
            "source_system": "x",
            "source_id": "y",
            "digest": b"0" * 16,
        }
        with pytest.raises(IntegrityError), transaction.atomic():
            Prescription.objects.create(**row | changes)

    def test_a_kind_of_condition_nobody_knows(self, bell):
        with pytest.raises(IntegrityError), transaction.atomic():
            Condition.objects.create(
                patient=bell, text="x", kind="mood", source_id="1", digest=b"0" * 16
            )

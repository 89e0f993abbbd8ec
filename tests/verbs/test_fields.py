"""The table of a prescription's fields: everything that names a field agrees with it."""

import typing
from datetime import date
from pathlib import Path

import pytest
from django.db import models
from django.urls import reverse

from reviews import columns, dossiers, records, rulebooks
from reviews.api import shapes
from reviews.api.resources import Prescriptions
from reviews.fhir.read import words
from reviews.fields import (
    AMOUNT,
    CODE,
    CODINGS,
    COUNT,
    DAY,
    FLAG,
    KEPT,
    PRESCRIPTION,
    SCHEDULE,
    TEXT,
    UNIT,
)
from reviews.forms import prescribing
from reviews.management.commands import export
from reviews.models import Prescription, Reported
from reviews.records import PrescriptionRecord
from reviews.rules.dossier import Line
from reviews.verbs import prescribe, sync
from tests import make
from tests.api import sent
from tests.fhir import test_bundle as fhir
from tests.web.browse import Browser

DOCS = Path(__file__).resolve().parents[2] / "docs"
BY_NAME = {field.name: field for field in PRESCRIPTION}


# A record that says something in every field, and in each field something else than by default.
def everything():
    return make.record(
        start=-20,
        days=30,
        codings=[{"system": "rxnorm", "code": "197591", "display": "diazepam 5 MG"}],
        dose=1.5,
        dose_unit="capsule",
        times_per_day=3,
        as_needed=True,
        max_per_day=6,
        expected_per_day=2.25,
        dosage_text="With water",
        quantity=60,
        quantity_unit="unit",
        written_on=make.day(-21),
        end_on=make.day(20),
        indication="insomnia",
        route="rectal",
        setting="inpatient",
        status="on-hold",
        status_reason="Waits for a bed",
        dispensed=True,
        prescriber="Dr Quixote",
        refill_number=2,
        dispensed_on=make.day(-19),
        repeat_template=True,
        acquired="private",
        replacement_reason="lost",
        is_new_start=True,
        change_reason="titration",
        team="Harbour memory clinic",
        pharmacy="Quay Pharmacy",
        start_minute=510,
        schedule=[{"per_day": 2, "days": 7}, {"per_day": 0.5, "days": 7}],
        dose_max=2,
        times_per_day_max=4,
        repeats_allowed=5,
        issue_days=28,
        valid_until=make.day(150),
        quantity_text="2 packs of 30",
        evidence="reported",
    )


def named(edge):
    """What the fields are called in one edge; those that are not there are left out."""
    return [getattr(field, edge) for field in PRESCRIPTION if getattr(field, edge)]


# -- The names ---------------------------------------------------------------------------------


def test_a_record_has_the_fields_of_the_table_in_its_order():
    assert list(PrescriptionRecord.__struct_fields__) == named("name")


def test_an_answer_of_the_api_has_them_with_the_codes_inside_the_medicine():
    of_the_version = {
        *("id", "order", "version", "patient", "practice", "source_system", "source_id"),
        *("recorded_at", "superseded_at", "reason", "checked"),
    }
    assert set(shapes.Prescription.__struct_fields__) - of_the_version == set(BY_NAME) - {"codings"}


def test_the_table_of_prescriptions_has_a_column_for_each():
    of_the_version = {field.column for field in Reported._meta.get_fields() if field.concrete}
    of_the_order = {"id", "order_id", "medicine_id", "prescriber_id", "reason"}
    kept = {field.column for field in Prescription._meta.concrete_fields}
    assert kept - of_the_version - of_the_order == set(named("column"))


def test_the_form_asks_for_each_that_has_a_name_there():
    asked_besides = {"q", "reason"}
    assert set(prescribing.PrescriptionForm.base_fields) - asked_besides == set(named("form"))
    assert set(prescribing.MORE) <= set(named("form"))


def test_a_line_has_them_the_later_ones_at_its_end():
    assert set(Line._fields) - {"id", "system"} == set(named("line"))
    later = [BY_NAME[name].later for name in Line._fields if name in BY_NAME]
    assert later == sorted(later)


def test_the_export_has_them_and_its_page_says_so():
    assert set(named("export")) <= set(export.PRESCRIPTIONS)
    worked_out = {
        *("prescription_id", "patient_id", "ingredients", "classes", "start", "days_supply"),
        *("mg_per_day", "strengths_mg", "form", "release", "complete", "worked_out", "missing"),
    }
    assert set(export.PRESCRIPTIONS) - set(named("export")) == worked_out
    page = (DOCS / "export.md").read_text()
    assert [name for name in named("export") if f"`{name}`" not in page] == []


def test_fhir_says_each_by_an_element_or_by_an_extension_of_our_own():
    told = {
        "status_reason": {"statusReason": {"text": "Waits for a bed"}},
        "prescriber": {"requester": {"display": "Dr Quixote"}},
        "indication": {"reasonCode": [{"text": "insomnia"}]},
        "supply": {
            "dispenseRequest": {
                "quantity": {"value": 60, "unit": "tablet"},
                "numberOfRepeatsAllowed": 5,
                "dispenseInterval": {"value": 28, "code": "d"},
                "validityPeriod": {"end": "2026-06-30"},
                "expectedSupplyDuration": {"value": 30, "code": "d"},
            }
        },
        "dose": {
            "dosageInstruction": [
                {
                    "asNeededBoolean": True,
                    "route": {"text": "oral"},
                    "maxDosePerPeriod": {
                        "numerator": {"value": 4, "unit": "tablet"},
                        "denominator": {"code": "d"},
                    },
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                    "timing": {
                        "event": ["2026-02-01T08:30:00Z"],
                        "repeat": {
                            "boundsPeriod": {"start": "2026-02-01", "end": "2026-03-01"},
                            "frequency": 2,
                            "period": 1,
                            "periodUnit": "d",
                        },
                    },
                }
            ]
        },
    }
    order, _ = fhir.request(**{name: said for part in told.values() for name, said in part.items()})
    one_after_the_other, _ = fhir.request(
        dosageInstruction=[
            {
                "sequence": place,
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                "timing": {
                    "repeat": {
                        "boundsDuration": {"value": 7, "code": "d"},
                        "frequency": 3 - place,
                        "period": 1,
                        "periodUnit": "d",
                    }
                },
            }
            for place in (1, 2)
        ]
    )
    handed_out = {
        **fhir.REQUEST,
        "resourceType": "MedicationDispense",
        "status": "completed",
        "quantity": {"value": 2, "unit": "Packung"},
    }
    ((_, supply),) = fhir.read(fhir.PATIENT, handed_out).prescriptions
    by_element = {*order, *one_after_the_other, *supply} - {"source_id", "patient"}
    by_extension = {field.name for field in PRESCRIPTION if field.extension}
    assert set(words.EXTENSIONS) == by_extension
    assert by_element | by_extension == set(BY_NAME)
    page = (DOCS / "sources.md").read_text()
    assert [name for name in by_extension if f"`{name}`" not in page] == []


# -- The kinds ---------------------------------------------------------------------------------

IN_THE_API = {
    AMOUNT: float | None,
    COUNT: int | None,
    DAY: date | None,
    FLAG: bool,
    TEXT: str,
    CODE: str,
    UNIT: str | None,
    SCHEDULE: list[records.Step],
}
IN_A_COLUMN = {
    AMOUNT: (models.DecimalField, True),
    COUNT: (models.IntegerField, True),
    DAY: (models.DateField, True),
    FLAG: (models.BooleanField, False),
    TEXT: (models.CharField, False),
    CODE: (models.CharField, False),
    UNIT: (models.CharField, False),
    SCHEDULE: (models.JSONField, True),
}


@pytest.mark.parametrize("field", KEPT, ids=lambda field: field.name)
def test_a_field_is_of_its_kind_everywhere(field):
    assert typing.get_type_hints(shapes.Prescription)[field.name] == IN_THE_API[field.kind]
    column = next(c for c in Prescription._meta.concrete_fields if c.column == field.column)
    shape, may_be_null = IN_A_COLUMN[field.kind]
    assert isinstance(column, shape)
    assert column.null == may_be_null
    # A batch leaves the later columns out where nobody says anything of them.
    assert not field.later or column.null or column.has_db_default()
    if field.kind in (AMOUNT, SCHEDULE):
        assert field.unit, "a number says what it counts"
    if field.later and field.line:
        unsaid = getattr(records.PrescriptionRecord(medicine="x"), field.name)
        assert unsaid == Line._field_defaults[field.line], "a line says nothing in the same way"


def test_only_the_codes_of_a_product_are_a_list_of_codes():
    assert [field.name for field in PRESCRIPTION if field.kind is CODINGS] == ["codings"]


# -- A value goes the whole way ----------------------------------------------------------------


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["1"])


def kept(prescription):
    return {field.column: getattr(prescription, field.column) for field in KEPT}


@pytest.mark.parametrize("field", PRESCRIPTION, ids=lambda field: field.name)
def test_the_record_above_says_something_in_every_field(field):
    assert getattr(everything(), field.name) != getattr(
        records.PrescriptionRecord(medicine="x"), field.name
    )


def test_a_verb_and_a_batch_write_the_same_columns(bell, clara, ehr):
    logged = prescribe.log(patient=bell, record=everything(), by=clara)
    row = {
        "source_id": "rx-1",
        "patient": sent.patient(),
        **{name: getattr(everything(), name) for name in BY_NAME},
        "codings": [{"system": "rxnorm", "code": "197591", "display": "diazepam 5 MG"}],
        "schedule": [
            {"per_day": step.per_day, "days": step.days} for step in everything().schedule
        ],
    }
    assert sync.prescriptions(rows=[(0, row)], source_system="ehr", by=ehr).created == 1
    logged.refresh_from_db()
    synced = Prescription.objects.get(source_system="ehr")
    assert kept(synced) == kept(logged)
    assert (synced.medicine, bytes(synced.digest)) == (logged.medicine, bytes(logged.digest))
    assert set(columns.PRESCRIPTION.names) == set(kept(logged))
    lines = dossiers.one(bell, as_of=make.day()).lines
    prescriber = everything().prescriber
    assert {line._replace(id=0, prescriber=prescriber, system="") for line in lines} == {
        dossiers.line(everything(), prescriber=prescriber, system="")
    }
    assert {line.system for line in lines} == {"portal", "ehr"}


def test_withdrawing_keeps_what_was_said(bell, clara):
    logged = prescribe.log(patient=bell, record=everything(), by=clara)
    logged.refresh_from_db()
    ended = prescribe.withdraw(prescription=logged, status="cancelled", reason="Moved", by=clara)
    ended.refresh_from_db()
    assert kept(ended) == kept(logged) | {"status": "cancelled", "status_reason": "Moved"}
    assert ended.medicine == logged.medicine


def test_the_api_tells_what_was_recorded(bell, clara):
    prescribe.log(patient=bell, record=everything(), by=clara)
    resource = Prescriptions()
    told = resource.shaped(resource.rows().get())
    for name in BY_NAME.keys() - {"medicine", "codings", "schedule"}:
        assert getattr(told, name) == getattr(everything(), name), name
    assert tuple(told.schedule) == everything().schedule
    assert (told.medicine.text, tuple(told.medicine.codings)) == (
        everything().medicine,
        everything().codings,
    )


def test_a_form_that_is_saved_as_it_was_shown_changes_nothing(bell, clara):
    logged = prescribe.log(patient=bell, record=everything(), by=clara)
    logged.refresh_from_db()
    form = prescribing.PrescriptionForm(held=logged, initial=prescribing.values(logged))
    shown = {
        name: form[name].value() for name in form.fields if form[name].value() not in (None, False)
    }
    shown |= {name: "on" for name, value in shown.items() if value is True}
    shown |= {"do": "save", "reason": "Nothing to see"}
    path = reverse("prescription-amend", args=[logged.pk])
    answer = Browser(clara).post(path, **shown)
    assert answer.status_code == 302, answer.content.decode()
    amended = Prescription.objects.live().get()
    assert (amended.version, kept(amended)) == (2, kept(logged))


def test_an_exported_line_says_what_was_recorded(bell, clara, rulebook):
    prescribe.log(patient=bell, record=everything(), by=clara)
    ((patient_id, profile, _meanings, line),) = list(dossiers.every_line())
    who = {"prescriber": 1, "team": 1, "pharmacy": 1}
    book = rulebooks.live()[1]
    limit = book.rules[export.EXPOSURE][profile]
    row = dict(
        zip(
            export.PRESCRIPTIONS,
            export._row(patient_id, line, who, book.recognise(line.medicine), limit),
            strict=True,
        )
    )
    numbered = {"prescriber", "team", "pharmacy"}
    for field in KEPT:
        if field.export and field.name not in {*numbered, "schedule", "dispensed"}:
            assert row[field.export] == export._shown(getattr(everything(), field.name)), field.name
    assert {row[name] for name in numbered} == {"1"}
    assert (row["source"], row["schedule"]) == ("dispensed", "2x7;0.5x7")

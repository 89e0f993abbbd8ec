"""The import command: files in, the same verbs as sync, twice without harm."""

import json
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from reviews import records, rulebooks
from reviews.models import (
    AuditEvent,
    Condition,
    Flag,
    ImportNote,
    Patient,
    PatientScreening,
    Prescription,
    ScreeningRequest,
)
from reviews.rules.dossier import Medicine
from reviews.verbs import prescribe, screen, sync
from tests import make
from tests.api import sent

FEATURES = Path(__file__).parent / "bundles" / "features.json"
SAMPLES = Path(os.environ.get("FHIR_SAMPLES", Path(__file__).parents[3] / "shared/data/synthea"))
BENZODIAZEPINES = ("diazepam", "clonazepam")


def run(*files, practice="harbour", source="hospital", **options):
    call_command(
        "import_fhir", *map(str, files), practice=practice, source=source, no_color=True, **options
    )


def test_a_file_is_imported_through_the_sync_verbs(harbour, capsys):
    run(FEATURES)
    assert (Patient.objects.count(), Condition.objects.count()) == (2, 2)
    assert Prescription.objects.count() == 6
    assert set(Prescription.objects.values_list("source_system", flat=True)) == {"hospital"}
    importer = Prescription.objects.first().recorded_by
    assert importer.username == "import-hospital"
    verbs = set(AuditEvent.objects.filter(actor_id=importer.pk).values_list("verb", flat=True))
    assert verbs == {"patients.synced", "conditions.synced", "prescriptions.synced"}
    said = capsys.readouterr().out
    assert "prescriptions: 6 created, 0 amended, 0 unchanged, 0 refused" in said
    assert "note: is a proposal, not an order: kept as a draft" in said
    assert "not read: Observation 1" in said


def test_the_same_file_again_changes_nothing(harbour, capsys):
    run(FEATURES)
    ScreeningRequest.objects.all().delete()
    run(FEATURES)
    assert Prescription.objects.count() == 6
    assert not ScreeningRequest.objects.exists()
    assert "prescriptions: 0 created, 0 amended, 6 unchanged" in capsys.readouterr().out


def test_two_practices_may_import_from_the_same_source(harbour, lakeside):
    run(FEATURES)
    run(FEATURES, practice="lakeside")
    assert Patient.objects.filter(practice=lakeside).count() == 2
    assert Prescription.objects.count() == 12


def test_what_the_verbs_refuse_is_named_by_its_resource(harbour, tmp_path, capsys):
    bundle = json.loads(FEATURES.read_text())
    bundle["entry"][0]["resource"]["deceasedDateTime"] = "1930-02-03"
    (tmp_path / "early.json").write_text(json.dumps(bundle))
    run(tmp_path / "early.json", show=1)
    said = capsys.readouterr().out
    assert "refused: deceased_on: is before birth_date (Patient/jonathan)" in said
    assert "refused: patient.deceased_on: is before birth_date (" in said
    assert Patient.objects.get().family_name == "Somebody Partial"


def test_a_file_that_cannot_be_read_fails_the_command_and_not_the_others(harbour, tmp_path, capsys):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CommandError, match="2 of 3 files could not be imported"):
        run(tmp_path / "broken.json", FEATURES, tmp_path / "missing.json")
    assert Prescription.objects.count() == 6
    said = capsys.readouterr().err
    assert "not imported: is not a FHIR Bundle" in said
    assert "No such file" in said


def test_an_unknown_practice_is_said_with_those_there_are(harbour):
    with pytest.raises(CommandError, match=r"no practice “nowhere”\. Known: harbour"):
        run(FEATURES, practice="nowhere")


def test_the_portals_own_name_is_no_source(harbour):
    with pytest.raises(CommandError):
        run(FEATURES, source="portal")


def test_a_case_has_the_same_findings_by_form_rest_and_fhir(harbour, clara, ehr, tmp_path):
    told = sent.prescription(codings=[])
    content = {name: value for name, value in told.items() if name not in ("source_id", "patient")}
    logged = make.patient(harbour, clara)
    record = records.convert(content, records.PrescriptionRecord)
    prescribe.log(patient=logged, record=record, by=clara)
    sync.prescriptions(rows=enumerate([told]), source_system="ehr", by=ehr)
    (tmp_path / "case.json").write_text(json.dumps(_as_fhir(told)))
    run(tmp_path / "case.json")
    screen.drain()

    found = {}
    for flag in Flag.objects.live():
        said = (flag.rule_id, flag.severity, flag.mode, flag.sentence, str(flag.facts))
        found.setdefault(flag.patient_id, set()).add(said)
    assert len(found) == 3
    assert len(set(map(frozenset, found.values()))) == 1
    assert "DUR-01" in {said[0] for said in found[logged.pk]}


def _as_fhir(told):
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "hospital", "value": "H1"}],
        "name": [{"family": "Bell", "given": ["Jonathan"]}],
        "gender": told["patient"]["sex"],
        "birthDate": told["patient"]["birth_date"],
    }
    tablets = {"value": told["quantity"], "unit": "tablet"}
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": told["medicine"]},
        "subject": {"reference": "Patient/p"},
        "requester": {"display": told["prescriber"]},
        "reasonCode": [{"text": "Anxiety"}],
        "dosageInstruction": [
            {
                "timing": {
                    "repeat": {
                        "boundsPeriod": {"start": told["start_on"]},
                        "frequency": told["times_per_day"],
                        "period": 1,
                        "periodUnit": "d",
                    }
                },
                "doseAndRate": [{"doseQuantity": {"value": told["dose"], "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {
            "quantity": tablets,
            "expectedSupplyDuration": {"value": told["days_supply"], "code": "d"},
        },
    }
    entries = [{"resource": patient}, {"resource": request}]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


@pytest.mark.skipif(
    not SAMPLES.is_dir(),
    reason="the six sample bundles are not here: name their folder in FHIR_SAMPLES",
)
def test_six_real_sized_bundles_import_twice_without_a_duplicate(harbour):
    files = sorted(SAMPLES.glob("*.json"))
    assert len(files) == 6
    run(*files)
    kept = (Patient.objects.count(), Condition.objects.count(), Prescription.objects.count())
    assert kept == (6, 48, 21)
    screen.drain()
    run(*files)
    assert kept == (
        Patient.objects.count(),
        Condition.objects.count(),
        Prescription.objects.count(),
    )
    assert not ScreeningRequest.objects.exists(), "nothing is screened again"

    _, book = rulebooks.live()
    for patient in Patient.objects.all():
        (line,) = [
            prescription
            for prescription in patient.prescriptions.select_related("medicine")
            if any(name in prescription.medicine.text.lower() for name in BENZODIAZEPINES)
        ]
        codes = tuple((coding["system"], coding["code"]) for coding in line.medicine.codings)
        recognised = book.recognise(Medicine(f"codes of {line.medicine.key}", "no name", codes))
        assert recognised.matched_by == "code"
        missing = PatientScreening.objects.get(patient=patient).not_evaluable
        unjudged = {said["rule_id"] for said in missing if line.pk in said["line_ids"]}
        assert {"DUR-01", "DUR-04"} <= unjudged
        flagged = Flag.objects.live().filter(patient=patient, prescription_ids__contains=[line.pk])
        judged = set(flagged.values_list("rule_id", flat=True))
        assert not judged & {"DUR-01", "DUR-02", "DUR-03", "DUR-04"}


def test_the_files_of_one_command_are_one_set(harbour, tmp_path, capsys):
    patient, order = _as_fhir(sent.prescription())["entry"]
    for name, entry in (("1-orders", order), ("2-patients", patient)):
        page = {"resourceType": "Bundle", "type": "searchset", "entry": [entry]}
        (tmp_path / f"{name}.json").write_text(json.dumps(page), encoding="utf-8-sig")
    run(*sorted(tmp_path.glob("*.json")))
    assert Prescription.objects.get().patient == Patient.objects.get()
    assert "refused:" not in capsys.readouterr().out


def _write(path, *resources):
    entries = [{"resource": resource} for resource in resources]
    content = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    path.write_text(json.dumps(content))
    return path


def _noted():
    return [
        (note.kind, note.about, note.refused, note.reason) for note in ImportNote.objects.live()
    ]


def test_what_is_left_out_is_noted_of_the_person_until_it_is_sent_whole(harbour, tmp_path):
    patient, order = (entry["resource"] for entry in _as_fhir(sent.prescription())["entry"])
    run(
        _write(
            tmp_path / "1.json",
            {**patient, "birthDate": "1950"},
            {**order, "authoredOn": "2026", "modifierExtension": [{"url": "x"}]},
            {**order, "id": "n", "authoredOn": "2026"},
        )
    )
    assert _noted() == [
        (
            "prescription",
            "MedicationRequest/m",
            True,
            "has a modifier extension or implicit rules, not understood here",
        ),
        (
            "patient",
            "hospital|H1",
            False,
            "Patient.birthDate “1950” is only part of a date: left as not known",
        ),
        (
            "prescription",
            "MedicationRequest/n",
            False,
            "MedicationRequest.authoredOn “2026” is only part of a date: left as not known",
        ),
    ]
    run(_write(tmp_path / "1.json", patient, order, {**order, "id": "n"}))
    assert _noted() == []


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (
            {"dispenseRequest": {"quantity": {"value": 10**9, "unit": "tablet"}}},
            "quantity",
            "dispenseRequest.quantity is left out: Expected `float` < 10000000.0",
        ),
        (
            {"dispenseRequest": {"expectedSupplyDuration": {"value": 90_000, "code": "d"}}},
            "days_supply",
            "dispenseRequest.expectedSupplyDuration is left out: Expected `int` <= 3650",
        ),
        (
            {"authoredOn": "0019-01-01"},
            "written_on",
            "authoredOn is left out: is outside 1900 to 2199",
        ),
    ],
)
def test_what_no_record_may_have_is_left_out_and_noted(harbour, tmp_path, change, field, reason):
    patient, order = (entry["resource"] for entry in _as_fhir(sent.prescription())["entry"])
    run(_write(tmp_path / "1.json", patient, {**order, **change}))
    assert getattr(Prescription.objects.get(), field) is None
    reason = f"MedicationRequest.{reason}"
    assert _noted() == [("prescription", "MedicationRequest/m", False, reason)]


def test_what_the_verbs_refuse_is_noted_too(harbour, tmp_path):
    patient, order = (entry["resource"] for entry in _as_fhir(sent.prescription())["entry"])
    repeats = {"dispenseRequest": {"numberOfRepeatsAllowed": 10**6}}
    run(_write(tmp_path / "1.json", patient, {**order, **repeats}))
    assert not Prescription.objects.exists(), "without its repeats it would look over"
    ((kind, about, refused, _),) = _noted()
    assert (kind, about, refused) == ("prescription", "MedicationRequest/m", True)


def test_a_list_of_what_is_taken_is_judged(harbour, tmp_path):
    patient, order = (entry["resource"] for entry in _as_fhir(sent.prescription())["entry"])
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "medicationCodeableConcept": order["medicationCodeableConcept"],
        "subject": order["subject"],
        "effectivePeriod": {"start": make.day(-90).isoformat()},
    }
    given = {
        "resourceType": "MedicationAdministration",
        "id": "a",
        "status": "completed",
        "medicationCodeableConcept": {"text": "Morphine 10 mg/ml injection"},
        "subject": order["subject"],
        "effectiveDateTime": f"{make.day(-1)}T10:00:00Z",
        "dosage": {"dose": {"value": 10, "unit": "mg"}},
    }
    run(_write(tmp_path / "1.json", patient, statement, given))
    assert sorted(Prescription.objects.values_list("evidence", flat=True)) == ["given", "reported"]
    screen.drain()
    said = PatientScreening.objects.get()
    found = set(Flag.objects.live().values_list("rule_id", flat=True))
    assert "OPI-01" in found, (found, said.not_evaluable)

"""The same order and the same answers by form, REST and FHIR: one record, and the same findings."""

import json
import uuid

import pytest
from django.urls import reverse
from fhir.resources.R4B.bundle import Bundle

from reviews import dossiers, rulebooks
from reviews.fhir.read.words import ORDER, READING_SYSTEM
from reviews.models import Patient
from reviews.queries.picker import value_of
from reviews.rules.readings import CHECKLIST, CHOICE, DATE, KINDS, NUMBER
from reviews.rules.screen import screen
from tests import make
from tests.api.conftest import make_system
from tests.fhir.asking import System
from tests.fhir.bulk import NDJSON, manifest, path_of, work
from tests.fhir.test_import import run
from tests.web.browse import Browser

MEDICINE = "Diazepam 5 mg tablets"
START = make.on_day(-20)
CLINIC = "Harbour memory clinic"


def extension(field, **value):
    return [{"url": ORDER + field, **value}]


def as_json(told):
    """As JSON holds it, which has no dates."""
    return json.loads(json.dumps(make.dated(told), default=str))


def dose(sequence, tablets, times, days):
    """An instruction of a schedule."""
    return {
        "sequence": sequence,
        "timing": {
            "repeat": {
                "boundsDuration": {"value": days, "code": "d"},
                "frequency": times,
                "period": 1,
                "periodUnit": "d",
            }
        },
        "doseAndRate": [{"doseQuantity": {"value": tablets, "unit": "tablet"}}],
    }


# Field: what is typed, what REST is sent, and what a MedicationRequest says.
FIELDS = {
    "nothing more": ({}, {}, {}),
    "schedule": (
        {"schedule": "2 for 14 days\n0.5 for 7 days", "dose": "", "times_per_day": ""},
        {
            "schedule": [{"per_day": 2, "days": 14}, {"per_day": 0.5, "days": 7}],
            "dose": None,
            "times_per_day": None,
        },
        {"dosageInstruction": [dose(2, 0.5, 1, 7), dose(1, 1, 2, 14)], "start": True},
    ),
    "refill_number": (
        {"refill_number": "6"},
        {"refill_number": 6},
        {"extension": extension("refill_number", valueInteger=6)},
    ),
    "dispensed_on": (
        {"dispensed_on": "-3d"},
        {"dispensed_on": make.on_day(-3)},
        {"extension": extension("dispensed_on", valueDate=make.on_day(-3))},
    ),
    "repeat_template": (
        {"repeat_template": "on"},
        {"repeat_template": True},
        {"courseOfTherapyType": {"coding": [{"code": "continuous"}]}},
    ),
    "acquired": (
        {"acquired": "online"},
        {"acquired": "online"},
        {"extension": extension("acquired", valueCode="online")},
    ),
    "replacement_reason": (
        {"replacement_reason": "lost"},
        {"replacement_reason": "lost"},
        {"extension": extension("replacement_reason", valueCode="lost")},
    ),
    "is_new_start": (
        {"is_new_start": "on"},
        {"is_new_start": True},
        {"extension": extension("is_new_start", valueBoolean=True)},
    ),
    "change_reason": (
        {"change_reason": "cross_taper"},
        {"change_reason": "cross_taper"},
        {"extension": extension("change_reason", valueCode="cross_taper")},
    ),
    "pharmacy": (
        {"pharmacy": "Quay Pharmacy"},
        {"pharmacy": "Quay Pharmacy"},
        {"pharmacy": {"display": "Quay Pharmacy"}},
    ),
    "dose_max": (
        {"dose_max": "2"},
        {"dose_max": 2},
        {"extension": extension("dose_max", valueDecimal=2)},
    ),
    "times_per_day_max": (
        {"times_per_day_max": "3"},
        {"times_per_day_max": 3},
        {"extension": extension("times_per_day_max", valueDecimal=3)},
    ),
    "source": (
        {"evidence": "reported"},
        {"evidence": "reported"},
        {"extension": extension("evidence", valueCode="reported")},
    ),
    "repeats_allowed": (
        {"repeats_allowed": "5", "issue_days": "28", "valid_until": "+150d"},
        {
            "repeats_allowed": 5,
            "issue_days": 28,
            "valid_until": make.on_day(150),
        },
        {
            "dispenseRequest": {
                "quantity": {"value": 42, "unit": "tablet"},
                "expectedSupplyDuration": {"value": 21, "code": "d"},
                "numberOfRepeatsAllowed": 5,
                "dispenseInterval": {"value": 28, "code": "d"},
                "validityPeriod": {"end": make.on_day(150)},
            }
        },
    ),
    "quantity_text": (
        {"quantity": "", "quantity_unit": "", "quantity_text": "2 Packung"},
        {"quantity": None, "quantity_unit": None, "quantity_text": "2 Packung"},
        {
            "dispenseRequest": {
                "quantity": {"value": 2, "unit": "Packung"},
                "expectedSupplyDuration": {"value": 21, "code": "d"},
            }
        },
    ),
    "start_minute": (
        {"start_time": "08:30"},
        {"start_minute": 510},
        {"at": "T08:30:00+00:00"},
    ),
    "setting": (
        {"setting": "unsupervised"},
        {"setting": "unsupervised"},
        {"extension": extension("setting", valueCode="unsupervised")},
    ),
    "expected_per_day": (
        {"as_needed": "on", "max_per_day": "4", "expected_per_day": "1", "days_supply": ""},
        {"as_needed": True, "max_per_day": 4, "expected_per_day": 1, "days_supply": None},
        {
            "asNeeded": True,
            "extension": extension("expected_per_day", valueDecimal=1),
            "dispenseRequest": {"quantity": {"value": 42, "unit": "tablet"}},
        },
    ),
}


def as_form(**changes):
    typed = {
        "do": "save",
        "product": value_of(MEDICINE, []),
        "dose": "1",
        "dose_unit": "tablet",
        "times_per_day": "2",
        "quantity": "42",
        "quantity_unit": "tablet",
        "days_supply": "21",
        "start_on": START,
        "written_on": START,
        "indication": "anxiety",
        "setting": "community",
        "team": CLINIC,
        **changes,
    }
    return as_json(typed)


def as_rest(**changes):
    said = {
        "source_id": "rx-1",
        "patient": person("rest"),
        "medicine": MEDICINE,
        "dose": 1,
        "dose_unit": "tablet",
        "times_per_day": 2,
        "quantity": 42,
        "quantity_unit": "tablet",
        "days_supply": 21,
        "start_on": START,
        "written_on": START,
        "indication": "anxiety",
        "team": CLINIC,
        **changes,
    }
    return as_json({name: value for name, value in said.items() if value is not None})


def person(number):
    return {
        "identifiers": [{"system": "nhs", "value": number}],
        "family_name": "Bell",
        "birth_date": make.birth_date(45).isoformat(),
        "sex": "male",
    }


def as_fhir(*, at=None, start=False, pharmacy=None, asNeeded=False, **changes):
    instruction = {
        "timing": {
            "repeat": {
                "boundsPeriod": {"start": START},
                "frequency": 2,
                "period": 1,
                "periodUnit": "d",
            }
        },
        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
    }
    if at:
        instruction["timing"]["event"] = [f"{make.dated(START)}{at}"]
    if asNeeded:
        per_day = {"numerator": {"value": 4, "unit": "tablet"}, "denominator": {"code": "d"}}
        instruction |= {"asNeededBoolean": True, "maxDosePerPeriod": per_day}
    supply = {
        "quantity": {"value": 42, "unit": "tablet"},
        "expectedSupplyDuration": {"value": 21, "code": "d"},
    }
    if pharmacy:
        supply["performer"] = pharmacy
    if start:
        supply["validityPeriod"] = {"start": START}
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": MEDICINE},
        "subject": {"reference": "Patient/p"},
        "authoredOn": START,
        "requester": {"reference": "PractitionerRole/r"},
        "reasonCode": [{"text": "Anxiety"}],
        "dosageInstruction": [instruction],
        "dispenseRequest": supply,
        **changes,
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "organization": {"reference": "Organization/o"},
    }
    return bundle(request, role, {"resourceType": "Organization", "id": "o", "name": CLINIC})


def bundle(*resources):
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "nhs", "value": "fhir"}],
        "name": [{"family": "Bell"}],
        "gender": "male",
        "birthDate": make.birth_date(45).isoformat(),
    }
    told = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": as_json(resource)} for resource in (patient, *resources)],
        }
    )
    Bundle.model_validate_json(told)
    return told


@pytest.fixture
def three(harbour, clara, ada, tmp_path):
    """`enter(form, rest, fhir)`: say it to three people of one name, one by each way."""
    by_form = make.patient(harbour, clara, family_name="Bell", given_name="")
    system = make_system(harbour, by=ada)

    def enter(path, form, kind, rest, fhir):
        answer = Browser(clara).post(path(by_form), **form)
        assert answer.status_code == 302, answer.content.decode()
        sent = system.sync([rest], kind=kind)
        assert sent.json()["errors"] == []
        (tmp_path / "told.json").write_text(fhir)
        run(tmp_path / "told.json")
        people = Patient.objects.order_by("pk")
        assert len(people) == 3
        return [dossiers.one(patient, as_of=make.day()) for patient in people]

    return enter


def findings(dossier):
    _, book = rulebooks.live()
    said = screen(dossier, book)
    return [
        (one.rule_id, one.severity, one.mode, one.sentence, one.facts) for one in said.findings
    ], [(gap.rule_id, gap.reason) for gap in said.not_evaluable]


@pytest.mark.parametrize("field", FIELDS)
def test_an_order_is_the_same_order_by_form_rest_and_fhir(field, three):
    form, rest, fhir = FIELDS[field]
    told = three(
        lambda patient: reverse("prescription-log", args=[patient.pk]),
        as_form(**form),
        "prescriptions",
        as_rest(**rest),
        as_fhir(**fhir),
    )
    lines = [dossier.lines[0]._replace(id=0, prescriber="", system="") for dossier in told]
    assert lines[0] == lines[1]
    assert lines[0] == lines[2]
    if field != "nothing more":
        plain = lines[0]._field_defaults
        assert getattr(lines[0], field) != plain[field], "the case says something"
    found = [findings(dossier) for dossier in told]
    assert found[0] == found[1] == found[2]


def created(system, resources):
    """Each by a create of its own, whoever is referred to first."""
    ids = {}
    for one in reversed(resources):
        text = json.dumps(one)
        for theirs, ours in ids.items():
            text = text.replace(f'"{theirs}"', f'"{ours}"')
        answer = system.send("POST", one["resourceType"], text)
        assert answer.status_code in (200, 201), answer.content
        kind = one["resourceType"]
        ids[f"{kind}/{one['id']}"] = f"{kind}/{answer.json()['id']}"


def in_a_transaction(system, resources):
    entries = [
        {
            "fullUrl": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name(one))}",
            "resource": one,
            "request": {"method": "POST", "url": one["resourceType"]},
        }
        for one in resources
    ]
    text = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    for entry in entries:
        text = text.replace(f'"{name(entry["resource"])}"', f'"{entry["fullUrl"]}"')
    answer = system.send("POST", "/fhir", text)
    assert answer.status_code == 200, answer.content


def in_bulk(system, resources):
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in resources)
    answer = system.send("POST", "$import", lines, content_type=NDJSON)
    assert answer.status_code == 202, answer.content
    work()
    made = manifest(system, path_of(answer["Content-Location"]))
    assert {one["type"] for one in made["output"]} >= {"Patient", "MedicationRequest"}


def name(resource):
    return f"{resource['resourceType']}/{resource['id']}"


# What is reported is an order to REST, and a MedicationStatement to FHIR.
@pytest.mark.parametrize("field", [field for field in FIELDS if field != "source"])
def test_an_order_is_the_same_order_by_each_way_of_fhir(field, harbour, ada):
    """By REST, FHIR create, a transaction and $import: one record, and the same findings."""
    _, rest, fhir = FIELDS[field]
    sent = make_system(harbour, by=ada).sync([as_rest(**rest)], kind="prescriptions")
    assert sent.json()["errors"] == []
    told = [entry["resource"] for entry in json.loads(as_fhir(**fhir))["entry"]]
    for send in (created, in_a_transaction, in_bulk):
        way = send.__name__
        (patient,) = (one for one in told if one["resourceType"] == "Patient")
        number = {"system": "nhs", "value": way}
        others = [one for one in told if one["resourceType"] != "Patient"]
        # Who is referred to comes last: the order of lines and entries makes no difference.
        send(System(harbour, by=ada, source=way), [*others, {**patient, "identifier": [number]}])
    people = Patient.objects.order_by("pk")
    assert len(people) == 4
    dossiers_of = [dossiers.one(patient, as_of=make.day()) for patient in people]
    lines = [one.lines[0]._replace(id=0, prescriber="", system="") for one in dossiers_of]
    assert [line == lines[0] for line in lines] == [True] * 4
    found = [findings(one) for one in dossiers_of]
    assert [one == found[0] for one in found] == [True] * 4


def answers(kind):
    """`(form, REST, FHIR value[x])` of one answer of a kind."""
    known = KINDS[kind]
    if known.shape == NUMBER:
        quantity = {"value": known.highest, "unit": known.unit}
        return f"{known.highest:g}", {"value": known.highest}, {"valueQuantity": quantity}
    if known.shape == DATE:
        day = make.day(40).isoformat()
        return day, {"text": day}, {"valueDateTime": day}
    codes = list(known.choices)[-2:] if known.shape == CHECKLIST else [list(known.choices)[-1]]
    coded = {"coding": [{"system": READING_SYSTEM, "code": code} for code in codes]}
    typed = codes if known.shape == CHECKLIST else codes[0]
    assert known.shape in (CHECKLIST, CHOICE)
    return typed, {"text": " ".join(codes)}, {"valueCodeableConcept": coded}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fact_has_three_ways_in(kind, three):
    typed, sent, coded = answers(kind)
    on = make.day(-2).isoformat()
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": READING_SYSTEM, "code": kind}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": on,
        **coded,
    }
    told = three(
        lambda patient: reverse("patient-reading", args=[patient.pk, kind]),
        {"answer": typed, "on": on},
        "readings",
        {"source_id": "o-1", "patient": person("rest"), "kind": kind, "on": on, **sent},
        bundle(observation),
    )
    said = [
        (reading.kind, reading.value, reading.unit, reading.on, reading.text)
        for dossier in told
        for reading in dossier.readings
    ]
    assert len(said) == 3
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"valueQuantity": {"value": 48, "unit": "L"}}, "its unit “L” is not read"),
        ({"valueString": "48"}, "has no value that is read"),
        ({"valueInteger": 4800}, "must be from"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_name(answer, refusal, harbour, tmp_path, capsys):
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": READING_SYSTEM, "code": "egfr"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": make.day(-2).isoformat(),
        **answer,
    }
    (tmp_path / "told.json").write_text(bundle(observation))
    run(tmp_path / "told.json")
    assert refusal in capsys.readouterr().out


def test_a_dispensing_is_the_supply_with_what_its_order_says(harbour, tmp_path):
    dispense = {
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "completed",
        "medicationCodeableConcept": {"text": MEDICINE},
        "subject": {"reference": "Patient/p"},
        "authorizingPrescription": [{"reference": "MedicationRequest/m"}],
        "performer": [{"actor": {"display": "Quay Pharmacy"}}],
        "type": {"coding": [{"code": "FF"}]},
        "quantity": {"value": 42, "unit": "tablet"},
        "daysSupply": {"value": 21, "code": "d"},
        "whenHandedOver": make.day(-15).isoformat(),
    }
    told = json.loads(as_fhir())
    told["entry"].append({"resource": dispense})
    Bundle.model_validate(told)
    (tmp_path / "told.json").write_text(json.dumps(told))
    run(tmp_path / "told.json")
    handed = next(
        line
        for line in dossiers.one(Patient.objects.get(), as_of=make.day()).lines
        if line.source == "dispensed"
    )
    assert (handed.start_on, handed.dispensed_on) == (make.day(-15), make.day(-15))
    assert (handed.days_supply, handed.refill_number, handed.dose) == (21, 0, 1)
    assert (handed.pharmacy, handed.team, handed.indication) == ("Quay Pharmacy", CLINIC, "anxiety")
    assert handed.written_on == make.dated(START)


def test_what_has_not_been_handed_out_is_refused(harbour, tmp_path, capsys):
    waiting = {
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "preparation",
        "medicationCodeableConcept": {"text": MEDICINE},
        "subject": {"reference": "Patient/p"},
    }
    (tmp_path / "told.json").write_text(bundle(waiting))
    run(tmp_path / "told.json")
    assert "nothing has been handed out yet" in capsys.readouterr().out


def test_an_extension_nobody_knows_is_said(harbour, tmp_path, capsys):
    (tmp_path / "told.json").write_text(as_fhir(extension=extension("colour", valueCode="blue")))
    run(tmp_path / "told.json")
    assert f"the extension {ORDER}colour is not known" in capsys.readouterr().out

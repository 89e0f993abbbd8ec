"""A FHIR Patient: numbers, links, death and names; and the days as the practice had them."""

import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from reviews.fhir.read import bundle, people
from reviews.models import Case, Identifier, IdentityQuestion, Patient, Prescription
from reviews.verbs import identity, screen
from tests import make
from tests.fhir.test_import import run

LONDON = ZoneInfo("Europe/London")
TODAY = date(2026, 11, 28)


def patient(pk, *numbers, **said):
    return {
        "resourceType": "Patient",
        "id": pk,
        "identifier": [{"system": "urn:x:mrn", "value": number} for number in numbers],
        "name": [{"family": "Test", "given": ["Ana"]}],
        "gender": "female",
        "birthDate": "1970-05-05",
        **said,
    }


def order(pk, of, medicine="Diazepam 5 mg tablets", **said):
    return {
        "resourceType": "MedicationRequest",
        "id": pk,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{of}"},
        "medicationCodeableConcept": {"text": medicine},
        "authoredOn": "2026-11-20",
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 56, "unit": "tablet"}},
        **said,
    }


def read(*resources, zone=LONDON):
    content = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }
    return bundle.read(json.dumps(content).encode(), source="ehr", zone=zone, today=TODAY)


def one(**said):
    ((_, record),) = read(patient("p", "1", **said)).patients
    return record


def send(tmp_path, *resources):
    content = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }
    (tmp_path / "sent.json").write_text(json.dumps(content))
    run(tmp_path / "sent.json")


# -- Numbers and other records of one person ------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "use"),
    [
        ({}, None),
        ({"use": "usual"}, None),
        ({"use": "old"}, "old"),
        ({"use": "temp"}, "temp"),
        ({"period": {"end": "2026-11-27"}}, "old"),
        ({"period": {"end": "2026-11-28"}}, None),
        ({"period": {"start": "2020-01-01"}}, None),
    ],
)
def test_an_old_number_is_old_and_so_is_one_that_has_ended(said, use):
    number = {"system": "urn:x:mrn", "value": "1", **said}
    assert one(identifier=[number])["identifiers"][0].get("use") == use


def test_a_record_in_place_of_another_names_the_person_by_both_numbers():
    content = read(
        patient("old", "1", link=[{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]),
        patient("new", "2", link=[{"other": {"reference": "Patient/old"}, "type": "replaces"}]),
    )
    for _, record in content.patients:
        assert {(n["value"], n.get("use", "")) for n in record["identifiers"]} == {
            ("1", "old"),
            ("2", ""),
        }


def test_a_link_by_number_alone_is_read_and_one_to_nobody_is_said():
    replaced = {"other": {"identifier": {"system": "urn:x:mrn", "value": "7"}}, "type": "replaces"}
    assert [n["value"] for n in one(link=[replaced])["identifiers"]] == ["1", "7"]
    content = read(
        patient("p", "1", link=[{"other": {"reference": "Patient/away"}, "type": "replaces"}]),
        patient("q", "2", link=[{"other": {"reference": "Patient/p"}, "type": "seealso"}]),
    )
    assert [note.reason for note in content.notes] == [
        "the record that it replaces is not in the bundle: not joined",
        "is recorded elsewhere too (seealso): not joined",
    ]


def test_orders_under_a_replaced_record_and_its_successor_meet(harbour, tmp_path):
    send(
        tmp_path,
        patient("old", "1", link=[{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]),
        patient("new", "2", link=[{"other": {"reference": "Patient/old"}, "type": "replaces"}]),
        order("a", "old"),
        order("b", "new", "Morphine 10 mg tablets"),
    )
    assert Patient.objects.get().prescriptions.live().count() == 2
    assert set(Identifier.objects.values_list("value", "use")) == {("1", "old"), ("2", "")}


def test_two_people_whom_their_source_merges_wait_for_somebody_to_agree(harbour, ravi, tmp_path):
    send(
        tmp_path,
        patient("a", "A"),
        patient("b", "B"),
        order("m", "a"),
        order("n", "b", "Morphine 10 mg tablets"),
    )
    screen.drain()
    send(
        tmp_path,
        patient("a", "A", "B", link=[{"other": {"reference": "Patient/b"}, "type": "replaces"}]),
        patient("b", "B", link=[{"other": {"reference": "Patient/a"}, "type": "replaced-by"}]),
        order("m", "a"),
        order("n", "a", "Morphine 10 mg tablets"),
        order("z", "a", "Zopiclone 7.5 mg tablets"),
    )
    kept, gone = Patient.objects.order_by("pk")
    assert {q.cause for q in IdentityQuestion.objects.open()} == {"two_people"}
    identity.merge(kept=kept, gone=gone, reason="Their system says so.", by=ravi)
    assert not IdentityQuestion.objects.open().exists()
    assert kept.prescriptions.live().count() == 3


# -- Death, birth, names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, {}),
        ({"deceasedBoolean": True}, {"deceased": True}),
        ({"deceasedBoolean": False}, {"deceased": False}),
        ({"deceasedDateTime": "2026-11-10"}, {"deceased": True, "deceased_on": "2026-11-10"}),
        ({"deceasedDateTime": "2026"}, {"deceased": True}),
    ],
)
def test_a_death_is_kept_with_its_day_or_without(said, kept):
    record = one(**said)
    assert {name: record[name] for name in ("deceased", "deceased_on") if name in record} == kept


def test_who_died_without_a_date_leaves_the_queue_and_comes_back_if_that_was_wrong(
    harbour, tmp_path
):
    doses = order("a", "p", "Diazepam 10 mg tablets")
    doses["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 8
    doses["authoredOn"] = make.day().isoformat()
    send(tmp_path, patient("p", "1"), doses)
    screen.drain()
    assert Case.objects.open().exists()
    send(tmp_path, patient("p", "1", deceasedBoolean=True), doses)
    screen.drain()
    assert not Case.objects.open().exists()
    assert Patient.objects.get().has_died
    send(tmp_path, patient("p", "1", deceasedBoolean=False), doses)
    screen.drain()
    assert Case.objects.open().exists()


@pytest.mark.parametrize(
    ("names", "family", "given"),
    [
        ([{"given": ["Suharto"]}], "", "Suharto"),
        ([{"text": "Suharto"}], "Suharto", ""),
        ([{"family": "Masked", "given": [None]}], "Masked", ""),
        ([{"use": "old", "family": "Was"}, {"use": "official", "family": "Is"}], "Is", ""),
        ([{"use": "maiden", "family": "Born"}, {"use": "nickname", "given": ["Bo"]}], "", "Bo"),
        ([{"family": "Was", "period": {"end": "2020"}}, {"family": "Is"}], "Is", ""),
    ],
)
def test_everybody_has_a_name(names, family, given):
    record = one(name=names)
    assert (record["family_name"], record["given_name"]) == (family, given)


def test_somebody_with_a_single_name_is_somebody(harbour, tmp_path):
    send(tmp_path, patient("p", "1", name=[{"given": ["Suharto"]}]), order("a", "p"))
    assert str(Patient.objects.get()) == "SUHARTO"
    assert Prescription.objects.count() == 1


@pytest.mark.parametrize("day", ["1900-01-01", "1753-01-01", "9999-12-31", "2999-01-01"])
def test_a_birth_date_that_is_nobodys_costs_neither_the_person_nor_the_medicine(
    harbour, tmp_path, day
):
    send(tmp_path, patient("p", "1", birthDate=day), order("a", "p"))
    assert Patient.objects.get().birth_date is None
    assert Prescription.objects.count() == 1


# -- The day that it was there --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-07-31T23:30:00Z", "Europe/London", "2026-08-01"),
        ("2026-01-31T23:30:00Z", "Europe/London", "2026-01-31"),
        ("2026-07-31T22:59:59Z", "Europe/London", "2026-07-31"),
        ("2026-07-31T23:00:00+00:00", "Europe/London", "2026-08-01"),
        ("2026-11-20T03:00:00Z", "America/New_York", "2026-11-19"),
        ("2026-11-20T05:00:00.000Z", "America/New_York", "2026-11-20"),
        ("2026-11-20T23:30:00+01:00", "Europe/Brussels", "2026-11-20"),
        ("2026-07-31T23:30Z", "Europe/London", "2026-08-01"),
        ("2026-07-31T23:30:00+0000", "Europe/London", "2026-08-01"),
        ("2026-11-20", "America/New_York", "2026-11-20"),
        ("2026-11-20T23:30:00", "America/New_York", "2026-11-20"),
    ],
)
def test_an_instant_is_the_day_that_it_was_at_the_practice(instant, zone, day):
    content = read(patient("p", "1"), order("a", "p", authoredOn=instant), zone=ZoneInfo(zone))
    ((_, record),) = content.prescriptions
    assert record["written_on"] == day


def test_28_local_days_are_28_days():
    given = order("a", "p")
    given["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {
        "start": "2026-10-23T23:00:00Z",
        "end": "2026-11-20T23:59:59Z",
    }
    ((_, record),) = read(patient("p", "1"), given).prescriptions
    assert (record["start_on"], record["end_on"]) == ("2026-10-24", "2026-11-20")


def test_only_whole_instants_are_moved():
    content = b'{"text": "taken 2026-07-31T23:30:00Z", "birthDate": "1970-05-05T23:30:00Z"}'
    assert people.in_zone(content, LONDON) == content
    odd = b'{"x": "2026-13-31T23:30:00Z"}'
    assert people.in_zone(odd, LONDON) == odd


def test_a_practice_has_its_own_time_zone_or_that_of_its_profile(harbour, lakeside):
    assert (harbour.zone, lakeside.zone) == (LONDON, ZoneInfo("America/New_York"))
    lakeside.time_zone = "America/Los_Angeles"
    assert lakeside.zone == ZoneInfo("America/Los_Angeles")

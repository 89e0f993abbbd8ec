"""Batches from client systems, by the verb itself."""

import json
import threading
from collections import Counter
from functools import partial

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from reviews import audit, bulk, records
from reviews.errors import NotAllowed
from reviews.models import (
    AuditEvent,
    Condition,
    Flag,
    Identifier,
    Medicine,
    Patient,
    PatientVersion,
    Prescription,
    ScreeningRequest,
)
from reviews.rules.codes import STATUSES, UNITS
from reviews.rules.indications import INDICATIONS
from reviews.verbs import prescribe, screen, sync
from tests import make
from tests.api import sent


def send(by, *rows, verb=sync.prescriptions, source="ehr"):
    return verb(rows=enumerate(rows), source_system=source, by=by)


def summary(result):
    return (result.created, result.amended, result.unchanged, result.refused)


def waiting():
    return set(ScreeningRequest.objects.values_list("patient_id", flat=True))


# -- What arrives is kept ---------------------------------------------------------------------


def test_a_record_of_somebody_unknown_registers_them_and_asks_for_screening(harbour, ehr):
    result = send(ehr, sent.prescription())
    assert (summary(result), result.registered) == ((1, 0, 0, 0), 1)
    person = Patient.objects.get()
    assert (person.practice, person.family_name, person.sex) == (harbour, "Bell", "male")
    assert Identifier.objects.get().value == "1"
    kept = Prescription.objects.get()
    assert (kept.patient, kept.version, kept.recorded_by) == (person, 1, ehr)
    assert (kept.source_system, kept.source_id, kept.medicine.text) == (
        "ehr",
        "rx-1",
        "Diazepam 5 mg tablets",
    )
    assert (float(kept.dose), kept.dose_unit, float(kept.quantity)) == (1, "tablet", 70)
    assert waiting() == {person.pk}


def test_what_is_missing_is_kept_as_null_and_never_as_zero(harbour, ehr):
    bare = {"source_id": "rx-1", "patient": sent.patient(), "medicine": "Diazepam"}
    assert summary(send(ehr, bare)) == (1, 0, 0, 0)
    kept = Prescription.objects.get()
    empty = ("dose", "times_per_day", "max_per_day", "expected_per_day", "quantity", "days_supply")
    assert [getattr(kept, name) for name in empty] == [None] * len(empty)
    assert (kept.start_on, kept.indication, kept.dose_unit) == (None, "unknown", "")


def test_json_bytes_and_python_data_are_the_same_record(harbour, ehr):
    send(ehr, sent.prescription())
    assert summary(send(ehr, json.dumps(sent.prescription()).encode())) == (0, 0, 1, 0)


ITS_OWN = {"id", "order_id", "patient_id", "digest", "recorded_at", "mark", "subject"}
ITS_OWN |= {"at", "xact", "detail", "value", "supersedes_id", "superseded_at", "source_id"}


def test_a_few_rows_are_written_as_many_are(harbour, ehr, monkeypatch):
    """Few are inserted and many copied, and of either nothing is written otherwise."""
    events, written = AuditEvent.objects.latest("pk").pk, []
    for few in (0, bulk.FEW):
        monkeypatch.setattr(bulk, "FEW", few)
        whole = sent.prescription(f"rx-{few}", str(few), medicine="Diazepam’s “5 mg” \\ tablets")
        whole["schedule"] = [{"per_day": 2.5, "days": 7}, {"per_day": 1, "days": 7}]
        assert summary(send(ehr, whole)) == (1, 0, 0, 0)
        assert summary(send(ehr, whole | {"dose": 0.5, "quantity_text": "2 Packung\t%s"})) == (
            *(0, 1, 0, 0),
        )
        written.append(
            [
                {name: value for name, value in row.items() if name not in ITS_OWN}
                for rows in (
                    *(model.objects.all() for model in (Prescription, Identifier, PatientVersion)),
                    AuditEvent.objects.filter(pk__gt=events),
                )
                for row in rows.values()
            ]
        )
    before, after = written
    assert Counter(map(str, after)) == Counter(map(str, [*before, *before]))


def test_the_same_content_changes_nothing_and_screens_nobody(harbour, ehr):
    rows = [sent.prescription(f"rx-{n}", str(n % 7)) for n in range(20)]
    send(ehr, *rows)
    ScreeningRequest.objects.all().delete()
    kept = list(Prescription.objects.order_by("pk").values_list())
    assert summary(send(ehr, *rows)) == (0, 0, 20, 0)
    assert list(Prescription.objects.order_by("pk").values_list()) == kept
    assert not waiting()


def test_a_batch_takes_the_same_few_statements_however_long_it_is(harbour, ehr):
    def statements(rows):
        with CaptureQueriesContext(connection) as queries:
            send(ehr, *rows)
        return len(queries)

    few = [sent.prescription(f"a{n}", str(n)) for n in range(bulk.FEW + 1)]
    many = [sent.prescription(f"b{n}", f"9{n}", medicine=f"Thing {n}") for n in range(200)]
    one = statements([sent.prescription("warm", "warm")])
    first, second = statements(few), statements(many)
    assert second <= first + 2, "a medicine not yet known is added, in two statements more"
    assert one < first, "a few rows are inserted, and not copied"
    assert statements(many) <= 9


def test_a_change_is_a_new_version_and_the_old_one_is_history(harbour, ehr):
    send(ehr, sent.prescription())
    first = Prescription.objects.get()
    assert summary(send(ehr, sent.prescription(times_per_day=3))) == (0, 1, 0, 0)
    second = Prescription.objects.live().get()
    assert (second.order_id, second.version, second.supersedes) == (first.order_id, 2, first)
    assert float(second.times_per_day) == 3
    first.refresh_from_db()
    assert first.superseded_at is not None


def test_an_order_that_moves_to_another_patient_has_both_screened(harbour, ehr):
    send(ehr, sent.prescription("rx-1", "1"), sent.prescription("rx-2", "2"))
    ScreeningRequest.objects.all().delete()
    assert summary(send(ehr, sent.prescription("rx-1", "2"))) == (0, 1, 0, 0)
    assert waiting() == set(Patient.objects.values_list("pk", flat=True))
    moved = Prescription.objects.live().get(source_id="rx-1")
    assert moved.patient.identifiers.get().value == "2"


def test_a_clinicians_amendment_stands_while_the_source_repeats_itself(harbour, ehr, clara):
    send(ehr, sent.prescription())
    prescribe.amend(
        prescription=Prescription.objects.get(), record=make.record(times_per_day=1), by=clara
    )
    assert summary(send(ehr, sent.prescription())) == (0, 0, 1, 0)
    assert float(Prescription.objects.live().get().times_per_day) == 1
    assert summary(send(ehr, sent.prescription(times_per_day=4))) == (0, 1, 0, 0)
    last = Prescription.objects.live().get()
    assert (last.version, float(last.times_per_day)) == (3, 4)


def test_two_sources_may_use_the_same_source_id(harbour, ehr):
    send(ehr, sent.prescription())
    assert summary(send(ehr, sent.prescription(), source="hospital")) == (1, 0, 0, 0)
    assert Patient.objects.count() == 1


def test_a_product_is_kept_once_whoever_writes_it(harbour, ehr, clara):
    rows = [sent.prescription(f"rx-{n}", codings=[]) for n in range(3)]
    send(ehr, *rows)
    prescribe.log(patient=Patient.objects.get(), record=make.record(), by=clara)
    assert Medicine.objects.count() == 1


def test_a_systems_uri_and_its_short_name_are_the_same_code(harbour, ehr):
    uri = "http://www.nlm.nih.gov/research/umls/rxnorm"
    send(ehr, sent.prescription(codings=[{"system": "rxnorm", "code": "197591"}]))
    again = send(ehr, sent.prescription(codings=[{"system": uri, "code": "197591"}]))
    assert summary(again) == (0, 0, 1, 0)


# -- Who is meant -----------------------------------------------------------------------------


def test_any_known_identifier_is_enough_and_new_ones_are_added(harbour, ehr):
    send(ehr, sent.prescription())
    both = [{"system": "nhs", "value": "1"}, {"system": "hospital", "value": "H9"}]
    send(ehr, sent.prescription("rx-2", patient={"identifiers": both}))
    send(ehr, sent.prescription("rx-3", patient={"identifiers": both[1:]}))
    person = Patient.objects.get()
    assert person.prescriptions.count() == 3
    assert person.family_name == "Bell", "what a source leaves out stays as it was"
    told = AuditEvent.objects.get(verb="patient.updated")
    assert told.detail["identifiers"] == [{"system": "hospital", "value": "H9"}]
    assert person.updated_at > person.registered_at


def test_a_record_with_the_numbers_of_two_people_waits(harbour, ehr):
    send(ehr, sent.prescription("rx-1", "1"), sent.prescription("rx-2", "2"))
    both = [{"system": "nhs", "value": "1"}, {"system": "nhs", "value": "2"}]
    result = send(ehr, sent.prescription("rx-3", patient=sent.patient(identifiers=both)))
    assert (summary(result), result.waiting) == ((0, 0, 0, 0), 1)
    assert [(wait.field, wait.reason) for wait in result.waits] == [
        ("patient.identifiers", "waits: its numbers are of two patients, who may be one")
    ]


def test_somebody_new_in_two_records_of_a_batch_is_registered_once(harbour, ehr):
    result = send(ehr, sent.prescription("rx-1"), sent.prescription("rx-2"))
    assert (result.registered, Patient.objects.count()) == (1, 1)


def test_changed_particulars_are_kept_and_told_with_before_and_after(harbour, ehr):
    send(ehr, sent.prescription())
    ScreeningRequest.objects.all().delete()
    married = sent.patient(family_name="Bell-Okafor")
    result = send(ehr, sent.prescription(patient=married))
    assert (summary(result), result.updated) == ((0, 0, 1, 0), 1)
    person = Patient.objects.get()
    assert person.family_name == "Bell-Okafor"
    told = AuditEvent.objects.get(verb="patient.updated")
    assert (told.patient_id, told.actor_id, told.detail) == (
        person.pk,
        ehr.pk,
        {"before": {"family_name": "Bell"}, "after": {"family_name": "Bell-Okafor"}},
    )
    assert not waiting(), "a name changes no finding"


@pytest.mark.parametrize(
    "change",
    [{"birth_date": "1940-05-06"}, {"sex": "female"}, {"deceased_on": "2020-02-29"}],
)
def test_a_change_that_findings_depend_on_has_the_person_screened(harbour, ehr, change):
    send(ehr, sent.prescription())
    ScreeningRequest.objects.all().delete()
    send(ehr, sent.prescription(patient=sent.patient(**change)))
    assert waiting() == {Patient.objects.get().pk}


def test_patients_alone_are_registered_updated_or_unchanged(harbour, ehr):
    def again(**changes):
        return summary(send(ehr, sent.patient(**changes), verb=sync.patients))

    assert again() == (1, 0, 0, 0)
    assert waiting() == {Patient.objects.get().pk}
    assert again() == (0, 0, 1, 0)
    assert again(given_name="Jon") == (0, 1, 0, 0)


def test_conditions_are_kept_and_superseded_like_prescriptions(harbour, ehr):
    def again(**changes):
        return summary(send(ehr, sent.condition(**changes), verb=sync.conditions))

    assert again() == (1, 0, 0, 0)
    assert Condition.objects.get().codings[0]["system"] == "snomed"
    ScreeningRequest.objects.all().delete()
    assert again() == (0, 0, 1, 0)
    assert not waiting()
    assert again(ended_on="2021-01-01", status="resolved") == (0, 1, 0, 0)
    old, new = Condition.objects.order_by("pk")
    assert (new.supersedes, old.superseded_at is None, new.status) == (old, False, "resolved")
    assert waiting() == {new.patient_id}


# -- What is refused ---------------------------------------------------------------------------

GONE = object()


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"source_id": GONE}, "source_id", "is missing"),
        ({"source_id": ""}, "source_id", "Expected `str` of length >= 1"),
        ({"medicine": GONE}, "medicine", "is missing"),
        ({"medicine": "a\0b"}, "medicine", "contains the character NUL"),
        ({"patient": GONE}, "patient", "is missing"),
        ({"patient": {"family_name": "Bell"}}, "patient.identifiers", "at least one is needed"),
        (
            {"patient": {"identifiers": [{"system": "nhs", "value": "77"}]}},
            "patient.family_name",
            "is needed for a patient not yet known",
        ),
        (
            {"patient": partial(sent.patient, "77", deceased_on="1930-01-01")},
            "patient.deceased_on",
            "is before birth_date",
        ),
        ({"patient": {"identifiers": []}}, "patient.identifiers", "at least one is needed"),
        ({"practice": "lakeside"}, "practice", "is not a practice this key may sync"),
        ({"dose": -1}, "dose", "Expected `float` >= 0.0001"),
        ({"dose": "one"}, "dose", "Expected `float | null`, got `str`"),
        ({"dose_unit": None}, "dose_unit", "is needed when a dose is given"),
        ({"dose_unit": "spoon"}, "dose_unit", f"'spoon' is none of {', '.join(sorted(UNITS))}"),
        (
            {"indication": "nerves"},
            "indication",
            f"'nerves' is none of {', '.join(sorted(INDICATIONS))}",
        ),
        ({"status": "bogus"}, "status", f"'bogus' is none of {', '.join(sorted(STATUSES))}"),
        (
            {"patient": partial(sent.patient, sex="F")},
            "patient.sex",
            "'F' is none of female, male, other, unknown",
        ),
        (
            {
                "patient": {
                    "identifiers": [{"system": "urn:x:mrn", "value": "77", "use": "official"}]
                }
            },
            "patient.identifiers[0].use",
            "'official' is none of old, temp",
        ),
        ({"start_on": "yesterday"}, "start_on", "Invalid RFC3339 encoded date"),
        ({"start_on": "0019-01-01"}, "start_on", "is outside 1900 to 2199"),
        ({"end_on": "1999-01-01"}, "end_on", "is before start_on"),
        ({"max_per_day": 3}, "max_per_day", "is only for a medicine taken as needed"),
        ({"colour": "blue"}, "colour", "is not a known field"),
        ({"codings": [{"system": "atc"}]}, "codings[0].code", "is missing"),
    ],
)
def test_a_bad_record_is_reported_by_index_field_and_reason(harbour, ehr, change, field, reason):
    bad = {**sent.prescription("bad"), **change}
    bad = {name: value for name, value in bad.items() if value is not GONE}
    rows = [sent.prescription("a"), json.dumps(bad).encode(), sent.prescription("b")]
    result = send(ehr, *rows)
    assert summary(result) == (2, 0, 0, 1), "the others are kept"
    (error,) = result.errors
    assert (error.index, error.field, error.reason) == (1, field, reason)
    assert error.source_id == bad.get("source_id")
    assert Patient.objects.count() == 1, "nobody is registered for a record that is refused"


def test_null_is_left_out_in_every_field_and_in_every_list(harbour, ehr):
    told = sent.prescription()
    optional = [
        name
        for name in records.SyncedPrescription.__struct_fields__
        if name not in ("source_id", "patient", "medicine")
    ]
    send(ehr, told)
    nulls = {**dict.fromkeys(optional), **told, "codings": [None, *told.get("codings", [])]}
    nulls["patient"] = {**dict.fromkeys(records.PatientRecord.__struct_fields__), **told["patient"]}
    assert summary(send(ehr, json.dumps(nulls).encode())) == (0, 0, 1, 0), "says the same"
    for name in ("source_id", "patient", "medicine"):
        (error,) = send(ehr, json.dumps({**told, name: None}).encode()).errors
        assert (error.field, error.reason) == (name, "is missing")


def test_a_whole_number_may_have_a_point(harbour, ehr):
    send(ehr, json.dumps(sent.prescription(days_supply=14.0)).encode())
    assert Prescription.objects.get().days_supply == 14
    (error,) = send(ehr, json.dumps(sent.prescription(days_supply=14.5)).encode()).errors
    assert (error.field, error.reason) == ("days_supply", "Expected `int | null`, got `float`")
    (error,) = send(ehr, json.dumps(sent.prescription(days_supply="14")).encode()).errors
    assert error.field == "days_supply", "text is no number"


@pytest.mark.parametrize("row", [b"{", b"[]", b"7", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_record_at_all_is_reported(harbour, ehr, row):
    result = send(ehr, row, sent.prescription())
    assert summary(result) == (1, 0, 0, 1)
    assert (result.errors[0].index, result.errors[0].field) == (0, "record")


def test_a_source_id_twice_with_different_content_is_refused_the_second_time(harbour, ehr):
    result = send(ehr, sent.prescription(), sent.prescription(times_per_day=4))
    assert summary(result) == (1, 0, 0, 1)
    assert (result.errors[0].index, result.errors[0].reason) == (
        1,
        "differs from the record with the same source_id at index 0",
    )
    assert float(Prescription.objects.get().times_per_day) == 2


def test_a_source_id_twice_with_the_same_content_is_one_record(harbour, ehr):
    assert summary(send(ehr, sent.prescription(), sent.prescription())) == (1, 0, 1, 0)


def test_a_source_id_twice_for_two_patients_is_refused(harbour, ehr):
    result = send(ehr, sent.prescription("rx-1", "1"), sent.prescription("rx-1", "2"))
    assert summary(result) == (1, 0, 0, 1)


def test_a_client_of_several_practices_must_say_which(harbour, lakeside, ehr):
    both = make.person("ehr", lakeside)
    result = send(both, sent.prescription(), sent.prescription("rx-2", practice="lakeside"))
    assert summary(result) == (1, 0, 0, 1)
    assert result.errors[0].reason == "is needed: this key serves several practices"
    assert Patient.objects.get().practice == lakeside


def test_a_person_is_known_at_their_own_practice_only(harbour, lakeside, ehr):
    both = make.person("ehr", lakeside)
    send(
        both,
        sent.prescription(practice="harbour"),
        sent.prescription(practice="lakeside"),
    )
    assert Patient.objects.count() == 2
    assert Prescription.objects.live().count() == 2


def test_only_a_client_may_sync(harbour, clara, ravi, ada, audrey):
    for person in (clara, ravi, ada, audrey):
        with pytest.raises(NotAllowed):
            send(person, sent.prescription())
    assert not Prescription.objects.exists()


# -- Whole or not at all, and told ---------------------------------------------------------------


def test_one_event_tells_of_a_batch(harbour, ehr):
    send(ehr, sent.prescription("a"), sent.prescription("b"), b"{")
    told = AuditEvent.objects.get(verb="prescriptions.synced")
    assert (told.actor_id, told.practice_id) == (ehr.pk, harbour.pk)
    assert told.detail == {
        "source_system": "ehr",
        "first": "a",
        "last": "b",
        "created": 2,
        "amended": 0,
        "unchanged": 0,
        "refused": 1,
    }


def test_a_batch_of_refusals_alone_is_told_too(harbour, ehr):
    send(ehr, b"{")
    assert AuditEvent.objects.get(verb="prescriptions.synced").detail["refused"] == 1


def test_without_its_audit_event_nothing_is_kept(harbour, ehr, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("the audit cannot be written")

    monkeypatch.setattr(audit, "record", fails)
    with pytest.raises(RuntimeError):
        send(ehr, sent.prescription())
    for model in (Patient, Prescription, Medicine, ScreeningRequest):
        assert not model.objects.exists()


def test_a_synced_case_and_a_logged_one_have_the_same_findings(harbour, ehr, clara):
    told = sent.prescription(codings=[])
    send(ehr, told)
    other = make.patient(harbour, clara)
    content = {name: value for name, value in told.items() if name not in ("source_id", "patient")}
    prescribe.log(
        patient=other, record=records.convert(content, records.PrescriptionRecord), by=clara
    )
    screen.drain()
    found = {}
    for flag in Flag.objects.live():
        said = (flag.rule_id, flag.severity, flag.sentence, str(flag.facts), flag.mode)
        found.setdefault(flag.patient_id, Counter())[said] += 1
    synced = Patient.objects.exclude(pk=other.pk).get()
    assert found[synced.pk] == found[other.pk] != Counter()


# -- Two at once ---------------------------------------------------------------------------------


def at_once(*calls):
    """Run the calls in threads that start together; returns what each gave or raised."""
    start, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        try:
            start.wait()
            answers[place] = call()
        except Exception as error:
            answers[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_two_clients_that_send_the_same_file_at_once_make_no_duplicates():
    place = make.practice()
    by = make.person("ehr", place)
    rows = [sent.prescription(f"rx-{n}", str(n // 4)) for n in range(400)]
    results = at_once(*[lambda: send(by, *rows)] * 3)
    assert sorted(map(summary, results)) == [(0, 0, 400, 0), (0, 0, 400, 0), (400, 0, 0, 0)]
    assert (Patient.objects.count(), Prescription.objects.count()) == (100, 400)


@pytest.mark.django_db(transaction=True)
def test_two_sources_that_send_the_same_new_people_at_once_register_them_once():
    place = make.practice()
    by = make.person("ehr", place)
    rows = [sent.prescription(f"rx-{n}", str(n)) for n in range(300)]
    backwards = rows[::-1]
    results = at_once(
        lambda: send(by, *rows, source="one"), lambda: send(by, *backwards, source="two")
    )
    assert [summary(result) for result in results] == [(300, 0, 0, 0)] * 2
    assert (Patient.objects.count(), Prescription.objects.live().count()) == (300, 600)


@pytest.mark.django_db(transaction=True)
def test_a_batch_and_a_clinician_who_amends_at_once_leave_one_live_version():
    place = make.practice()
    by, clara = make.person("ehr", place), make.person("clara", place)
    send(by, *[sent.prescription(f"rx-{n}") for n in range(30)])
    held = list(Prescription.objects.order_by("pk"))

    def amend_all():
        for prescription in held:
            live = Prescription.objects.live().get(order_id=prescription.order_id)
            prescribe.amend(prescription=live, record=make.record(times_per_day=1), by=clara)

    changed = [sent.prescription(f"rx-{n}", times_per_day=4) for n in range(30)]
    answers = at_once(amend_all, lambda: send(by, *changed))
    assert summary(answers[1]) == (0, 30, 0, 0)
    assert Prescription.objects.live().count() == 30


@pytest.mark.parametrize("name", ["[", "]", ".", "[0]", "a.b[1]", "\u202e"])
def test_a_field_of_any_name_is_refused_and_named(harbour, ehr, name):
    reading = {**sent.reading(), "patient": {**sent.patient(), name: 1}}
    rows = [(0, json.dumps(reading).encode())]
    result = sync.readings(rows=rows, source_system="ehr", by=ehr)
    assert [refusal.reason for refusal in result.errors] == ["is not a known field"]

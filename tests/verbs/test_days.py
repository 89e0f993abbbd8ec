"""The day that an instant was at the practice, and where a practice says what time it keeps."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from reviews.models import AuditEvent, Condition, Patient, Practice, Prescription, Reading
from reviews.verbs import sync
from tests import make
from tests.api import sent

LONDON, NEW_YORK, AUCKLAND = "Europe/London", "America/New_York", "Pacific/Auckland"


def send(by, *rows, verb=sync.prescriptions):
    result = verb(rows=enumerate(rows), source_system="ehr", by=by)
    assert not result.errors, result.errors
    return result


def keeps(place, zone):
    Practice.objects.filter(pk=place.pk).update(time_zone=zone)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-11-27T23:30:00Z", LONDON, "2026-11-27"),
        ("2026-07-31T23:30:00Z", LONDON, "2026-08-01"),
        ("2026-07-31T22:59:59Z", LONDON, "2026-07-31"),
        # The clocks go back at 01:00 UTC on 25 October: summer time until then.
        ("2026-10-24T23:30:00Z", LONDON, "2026-10-25"),
        ("2026-10-25T23:30:00Z", LONDON, "2026-10-25"),
        ("2026-03-28T23:30:00Z", LONDON, "2026-03-28"),
        ("2026-03-29T23:30:00Z", LONDON, "2026-03-30"),
        ("2026-11-01T04:30:00Z", NEW_YORK, "2026-11-01"),
        ("2026-11-02T04:30:00Z", NEW_YORK, "2026-11-01"),
        ("2026-11-27T11:30:00Z", AUCKLAND, "2026-11-28"),
        ("2026-11-27T23:30:00.123Z", LONDON, "2026-11-27"),
        ("2026-11-27T23:30Z", AUCKLAND, "2026-11-28"),
        ("2026-11-27T23:30:00-05:00", LONDON, "2026-11-28"),
        ("2026-11-27T23:30:00", AUCKLAND, "2026-11-27"),
        ("2026-11-27", AUCKLAND, "2026-11-27"),
    ],
)
def test_an_instant_is_the_day_that_it_was_there(harbour, ehr, instant, zone, day):
    keeps(harbour, zone)
    send(ehr, sent.prescription(start_on=instant, written_on=instant, end_on=None))
    kept = Prescription.objects.get()
    assert (str(kept.start_on), str(kept.written_on)) == (day, day)


def test_every_kind_of_record_has_local_days(harbour, ehr):
    keeps(harbour, AUCKLAND)
    late = "2020-05-05T13:30:00Z"
    known = sent.patient(deceased_on=late, birth_date="1970-05-05T13:30:00Z")
    send(ehr, sent.condition(onset_on=late, ended_on=late, patient=known), verb=sync.conditions)
    planned = {"kind": "next_review", "value": None, "unit": "", "text": "2020-05-20T13:30:00Z"}
    send(ehr, sent.reading(on=late, patient=known, **planned), verb=sync.readings)
    send(ehr, known, verb=sync.patients)
    patient, condition = Patient.objects.get(), Condition.objects.get()
    assert (str(patient.deceased_on), str(patient.birth_date)) == ("2020-05-06", "1970-05-05")
    assert (str(condition.onset_on), str(condition.ended_on)) == ("2020-05-06", "2020-05-06")
    reading = Reading.objects.get()
    assert (str(reading.dated_on), reading.text) == ("2020-05-06", "2020-05-21")


def test_a_key_of_several_practices_reads_each_by_its_own_clocks(harbour, lakeside):
    system = make.person("ehr", harbour)
    make.person("ehr", lakeside, "integration_client")
    system.__dict__.pop("_roles_by_practice", None)
    late = "2026-07-31T23:30:00Z"
    send(
        system,
        sent.prescription("a", start_on=late, practice="harbour"),
        sent.prescription("b", start_on=late, practice="lakeside"),
    )
    days = dict(Prescription.objects.values_list("source_id", "start_on"))
    assert {name: str(day) for name, day in days.items()} == {"a": "2026-08-01", "b": "2026-07-31"}


def test_what_is_no_instant_is_refused_as_before(harbour, ehr):
    for wrong in ("2026-02-30T10:00:00Z", "27/11/2026", "2026-11", "2026-11-27 23:30"):
        rows = [(0, sent.prescription(start_on=wrong))]
        result = sync.prescriptions(rows=rows, source_system="ehr", by=ehr)
        assert [error.field for error in result.errors] == ["start_on"], wrong


def test_what_was_read_where_it_is_tomorrow_is_not_in_the_future(harbour, ehr, monkeypatch):
    keeps(harbour, AUCKLAND)
    moment = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    send(ehr, sent.reading(on="2026-11-28T14:59:00Z"), verb=sync.readings)
    assert str(Reading.objects.get().dated_on) == "2026-11-29"


def practice(*given, **options):
    out = StringIO()
    call_command("practice", *given, stdout=out, **options)
    return out.getvalue()


def test_a_practice_is_made_and_keeps_its_own_time(db):
    assert "Europe/London" in practice("mill", name="Mill House", profile="UK")
    assert "Europe/Dublin" in practice("mill", time_zone="Europe/Dublin")
    assert "Europe/Dublin" in practice("mill", name="The Mill House")
    assert practice() == practice("mill") == "mill  UK  Europe/Dublin  offices  The Mill House\n"
    assert "Europe/London" in practice("mill", time_zone="")
    assert AuditEvent.objects.get(verb="practice.set_up").detail["time_zone"] == LONDON
    changed = AuditEvent.objects.filter(verb="practice.changed").order_by("pk")
    assert changed.first().detail["after"] == {"time_zone": "Europe/Dublin"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"time_zone": "Europe/Atlantis"}, "no time zone"),
        ({"profile": "US"}, "stays of the same base"),
        ({"name": ""}, "name"),
    ],
)
def test_what_no_practice_can_be_is_refused(harbour, clara, said, wrong):
    make.patient(harbour, clara)
    with pytest.raises(CommandError, match=wrong):
        practice("harbour", **said)
    with pytest.raises(CommandError, match="new one needs"):
        practice("mill", time_zone="Europe/Dublin")
    with pytest.raises(CommandError, match="no practice"):
        practice("mill")

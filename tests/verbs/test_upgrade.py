"""A database that holds rows already is brought up to date, and its history stays true."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from reviews.models import (
    Condition,
    Patient,
    PatientVersion,
    Prescription,
    Reading,
    TaperVersion,
)
from tests import database

NAME = "test_upgrade"
BEFORE = ("reviews", "0014_lighter_tables")
DAY = timedelta(days=1)
LONG_AGO = datetime(2026, 3, 1, 9, tzinfo=UTC)
REPORTED = {"source_system": "ehr", "digest": b"0" * 16}


@pytest.fixture
def before(django_db_setup, django_db_blocker):
    """The models of a database of its own, as it was before records were versioned in one way."""
    own = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        with database._server() as server:
            server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {NAME}")
        connection.settings_dict["NAME"] = NAME
        try:
            with database.as_owner():
                call_command("migrate", *BEFORE, verbosity=0)
                yield MigrationExecutor(connection).loader.project_state([BEFORE]).apps
        finally:
            connection.settings_dict["NAME"] = own
            database.leave(NAME)


@pytest.fixture
def filled(before):
    """Two practices, three people, and what was known of them version by version."""
    model = {
        name: before.get_model("reviews", name).objects
        for name in (
            *("Practice", "Patient", "Condition", "Reading", "Medicine", "Prescription"),
            *("Taper", "TaperVersion", "AuditEvent"),
        )
    }
    users = before.get_model("auth", "User").objects
    clara, ehr = users.create(username="clara"), users.create(username="ehr")
    harbour, lakeside = (
        model["Practice"].create(code=code, name=code, profile="UK")
        for code in ("harbour", "lakeside")
    )
    bell, okafor, silva = (
        model["Patient"].create(
            practice=practice,
            family_name=name,
            sex="female",
            registered_at=LONG_AGO,
            updated_at=LONG_AGO,
        )
        for practice, name in ((harbour, "Bell"), (lakeside, "Okafor"), (harbour, "Silva"))
    )

    def versions(name, how_many, **columns):
        rows = []
        for n in range(how_many):
            for row in rows[-1:]:
                model[name].filter(pk=row.pk).update(superseded_at=LONG_AGO + n * DAY)
            earlier = {"supersedes": rows[-1]} if rows else {}
            rows.append(
                model[name].create(
                    recorded_at=LONG_AGO + n * DAY,
                    recorded_by=clara,
                    **REPORTED,
                    **earlier,
                    **{key: told(n) if callable(told) else told for key, told in columns.items()},
                )
            )

    # Another record's rows lie between those of the first one's chain.
    versions("Condition", 1, patient=bell, text="Penicillin", kind="allergy", source_id="a-1")
    versions("Condition", 3, patient=okafor, text=lambda n: f"Asthma {n}", source_id="c-1")
    versions("Condition", 2, patient=bell, text=lambda n: f"Gout {n}", source_id="c-1")
    for source_id, how_many in (("o-1", 2), ("o-2", 1)):
        versions(
            "Reading",
            how_many,
            patient=okafor,
            practice=lakeside,
            kind="egfr",
            value=lambda n: 48 + n,
            dated_on=LONG_AGO.date(),
            source_id=source_id,
        )
    medicine = model["Medicine"].create(key="k", text="Diazepam 5 mg tablets")
    versions(
        "Prescription",
        2,
        patient=bell,
        practice=harbour,
        medicine=medicine,
        order_id="00000000-0000-0000-0000-000000000001",
        version=lambda n: n + 1,
        source_id="rx-1",
    )
    taper = model["Taper"].create(patient=okafor, practice=lakeside, drug="diazepam")
    for n, status in enumerate(("planned", "active"), start=1):
        model["TaperVersion"].filter(number=n - 1).update(superseded_at=LONG_AGO + n * DAY)
        model["TaperVersion"].create(
            taper=taper,
            number=n,
            move="plan" if n == 1 else "start",
            status=status,
            steps=[["2026-03-01", "10", [], False]],
            percent=10,
            every_days=14,
            strengths=["tablet:5"],
            recorded_at=LONG_AGO + n * DAY,
            recorded_by=clara,
        )

    def told(verb, patient, actor_id, day, **detail):
        model["AuditEvent"].create(
            verb=verb,
            patient_id=patient.pk,
            actor_id=actor_id,
            actor="somebody",
            at=LONG_AGO + day * DAY,
            detail=detail,
        )

    told("patient.registered", bell, clara.pk, 0)
    told(
        "patient.updated",
        silva,
        ehr.pk,
        1,
        before={"birth_date": None, "family_name": "Silver"},
        after={"birth_date": "1950-02-03", "family_name": "Silva"},
    )
    told("patient.updated", silva, 999_999, 2, before={}, after={}, identifiers=[{"value": "7"}])
    told("patient.updated", silva, ehr.pk, 3, before={"sex": "male"}, after={"sex": "female"})
    model["Patient"].filter(pk=silva.pk).update(
        birth_date="1950-02-03", updated_at=LONG_AGO + 3 * DAY
    )


def history(model, **which):
    return list(model.objects.history(model.objects.live().get(**which)))


def every_record_has_its_history():
    harbour, lakeside = "harbour", "lakeside"

    def said(rows, what):
        return [(row.version, row.practice.code, getattr(row, what)) for row in rows]

    assert said(history(Condition, text="Penicillin"), "text") == [(1, harbour, "Penicillin")]
    asthma = history(Condition, text="Asthma 2")
    assert said(asthma, "text") == [(n, lakeside, f"Asthma {n - 1}") for n in (1, 2, 3)]
    gout = history(Condition, text="Gout 1")
    assert said(gout, "text") == [(1, harbour, "Gout 0"), (2, harbour, "Gout 1")]
    assert len({row.record_id for row in Condition.objects.all()}) == 3
    assert said(history(Reading, source_id="o-1"), "value") == [
        (1, lakeside, 48),
        (2, lakeside, 49),
    ]
    assert said(history(Reading, source_id="o-2"), "value") == [(1, lakeside, 48)]
    assert [row.version for row in history(Prescription)] == [1, 2]
    planned, started = history(TaperVersion)
    assert (planned.version, started.version, started.supersedes) == (1, 2, planned)
    assert {(row.practice.code, row.patient.family_name) for row in (planned, started)} == {
        (lakeside, "Okafor")
    }
    for rows in (asthma, gout, [planned, started]):
        for one, following in pairwise(rows):
            assert (following.supersedes, following.recorded_at) == (one, one.superseded_at)


def everybody_has_a_first_version_and_one_for_each_change_that_the_trail_tells():
    for name, who in (("Bell", "clara"), ("Okafor", None)):
        (only,) = history(PatientVersion, family_name=name)
        assert (only.version, only.recorded_at, only.sex) == (1, LONG_AGO, "female")
        assert (only.recorded_by and only.recorded_by.username) == who
    versions = history(PatientVersion, family_name="Silva")
    assert [
        (row.version, row.family_name, row.birth_date and row.birth_date.year, row.sex)
        for row in versions
    ] == [
        (1, "Silver", None, "male"),
        (2, "Silva", 1950, "male"),
        (3, "Silva", 1950, "male"),
        (4, "Silva", 1950, "female"),
    ]
    assert [row.recorded_by and row.recorded_by.username for row in versions] == [
        *(None, "ehr", None, "ehr"),
    ], "somebody who is gone is not made up"
    for n, (one, following) in enumerate(pairwise(versions), start=1):
        assert one.superseded_at == following.recorded_at == LONG_AGO + n * DAY
        assert following.supersedes == one
    then = PatientVersion.objects.as_known(LONG_AGO + 2 * DAY).get(patient=versions[0].patient)
    assert then == versions[2]


def history_is_guarded():
    for model in (Condition, Reading, Prescription, TaperVersion, PatientVersion):
        for change in (
            lambda rows: rows.update(version=9),
            lambda rows: rows.filter(superseded_at__isnull=False).update(superseded_at=None),
            lambda rows: rows.delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change(model.objects.order_by())
    with pytest.raises(DatabaseError), transaction.atomic():
        Patient.objects.update(family_name="Nobody")


def conditions_are_guarded_as_they_were():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reviews_condition")
        assert cursor.fetchone() == (6,)
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute("UPDATE reviews_condition SET text = 'x'")


# One test, because to make such a database takes long.
def test_rows_are_brought_up_to_date_and_back(filled):
    call_command("migrate", "reviews", verbosity=0)
    every_record_has_its_history()
    everybody_has_a_first_version_and_one_for_each_change_that_the_trail_tells()
    history_is_guarded()
    call_command("migrate", *BEFORE, verbosity=0)
    conditions_are_guarded_as_they_were()

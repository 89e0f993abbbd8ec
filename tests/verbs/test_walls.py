"""Row-level security itself: which tables, for whom, until when; and what a role may not do."""

import pgtrigger
import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction

from drugs.models import Limit
from portal.sight import SightMiddleware
from reviews import access, rights, walls
from reviews.models import (
    AuditEvent,
    NoSedative,
    Patient,
    PatientScreening,
    Role,
    RuleVersion,
    ScreeningRequest,
)
from reviews.verbs import clients, data_quality, edit, no_sedatives, publish, screen
from tests import database, make
from tests.web.browse import Browser
from tests.world import World


@pytest.fixture
def quill(harbour):
    world = World(harbour, "Quillfeather")
    reviewer, clinician = world.staff[Role.REVIEWER], world.staff[Role.CLINICIAN]
    data_quality.check(item=world.item, result="was_right", note="", by=reviewer)
    make.prescription(world.other, clinician)  # and it waits to be screened
    return world


def asked(sql, *given):
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchall()


def count(table):
    return asked(f"SELECT count(*) FROM {table}")[0][0]


# -- Which tables --------------------------------------------------------------------------------


def test_every_table_is_walled_or_says_why_not(db):
    there = {
        table
        for (table,) in asked("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        if table.startswith("reviews_")
    }
    assert there == walls.WALLED.keys() | walls.OPEN.keys()
    assert walls.WALLED.keys() & walls.OPEN.keys() == set()


def test_what_names_a_patient_is_walled(db):
    named = {
        model._meta.db_table
        for model in apps.get_app_config("reviews").get_models(include_auto_created=True)
        if any(field.name in ("patient", "patient_id") for field in model._meta.get_fields())
    }
    assert len(named) > 10
    assert named <= walls.WALLED.keys()


def test_the_policies_are_what_the_table_says_and_hold_for_the_owner_too(db):
    with database.as_owner(), connection.cursor() as cursor:
        for table, seen in walls.WALLED.items():
            cursor.execute(f"CREATE POLICY as_written ON {table} USING ({seen})")
        for table, seen in walls.READABLE.items():
            cursor.execute(f"CREATE POLICY as_read ON {table} FOR SELECT USING ({seen})")
    held = asked(
        "SELECT relname, relrowsecurity, relforcerowsecurity, polpermissive, polcmd, polroles,"
        " polwithcheck, pg_get_expr(polqual, polrelid),"
        " (SELECT pg_get_expr(w.polqual, w.polrelid) FROM pg_policy w"
        "  WHERE w.polrelid = p.polrelid"
        "  AND w.polname = CASE p.polcmd WHEN 'r' THEN 'as_read' ELSE 'as_written' END)"
        " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE left(polname, 3) <> 'as_'"
    )
    assert sorted((row[0], row[4]) for row in held) == sorted(
        [(table, "*") for table in walls.WALLED] + [(table, "r") for table in walls.READABLE]
    )
    for table, on, forced, permissive, _command, roles, check, seen, written in held:
        assert (on, forced, permissive, check) == (True, True, True, None), table
        assert roles == [0], f"{table}: for every role"
        assert seen == written, table


@pytest.mark.parametrize("table", walls.WALLED)
def test_a_table_shows_the_own_practice_and_nothing_unless_told(table, quill, lakeside):
    everything = count(table)
    assert everything > 0
    for sight, seen in (
        (walls.of([quill.place.pk]), everything),
        (walls.of([quill.place.pk, lakeside.pk]), everything),
        (walls.UNSET, 0),
    ):
        with walls.seeing(sight):
            assert count(table) == seen, sight
    with walls.seeing(walls.of([lakeside.pk])):
        elsewhere = count(table)
    # The rows of no practice, such as that a rule book was published.
    assert elsewhere == (
        count(f"{table} WHERE practice_id IS NULL")
        if walls.WALLED[table] == walls.OF_PRACTICE_OR_NONE
        else 0
    )


def test_nobody_writes_to_another_practice(quill, lakeside):
    with walls.seeing(walls.of([lakeside.pk])):
        assert Patient.objects.update(registered_at="2020-01-01T00:00Z") == 0
        assert ScreeningRequest.objects.all().delete()[0] == 0
        for row in (
            ScreeningRequest(patient_id=quill.patient.pk, reason="x"),
            NoSedative(practice_id=quill.place.pk, text="x", said_by=quill.staff[Role.REVIEWER]),
        ):
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                row.save(force_insert=True)


# -- Until when ----------------------------------------------------------------------------------


def test_what_was_seen_inside_is_not_seen_afterwards(quill):
    mine = walls.of([quill.place.pk])
    with walls.seeing(walls.NO_PRACTICE):
        walls.let_see(mine)
        assert Patient.objects.exists()
        with walls.seeing(walls.UNSET):
            assert not Patient.objects.exists()
        assert Patient.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic(), walls.seeing(walls.EVERYTHING):
            asked("SELECT 1 / 0")
        assert told() == mine
        with pytest.raises(KeyError), transaction.atomic(), walls.seeing(walls.EVERYTHING):
            raise KeyError
        assert told() == mine
    assert told() == walls.EVERYTHING, "what a test sees by default"


def test_nothing_changes_outside(quill):
    walls.let_see(walls.UNSET)
    assert Patient.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_opened_anew_is_told():
    place = make.practice()
    make.patient(place, make.person("clara", place))
    with walls.seeing(walls.of([place.pk])):
        connection.close()
        assert Patient.objects.count() == 1
        assert told() == walls.of([place.pk])
    with walls.seeing(walls.UNSET):
        connection.close()
        assert not Patient.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_pool_lends_out_nothing_that_somebody_else_was_told(rulebook):
    connection.ensure_connection()
    assert told() == walls.EVERYTHING
    walls.forget(connection.connection)
    assert told() == ""
    connection.close()


def told():
    return asked(f"SELECT current_setting('{walls.SETTING}', true)")[0][0]


def test_a_request_sees_by_its_person_alone(quill, lakeside, rf):
    elsewhere = make.person("clara", lakeside)
    assert [
        what_is_seen(rf, user) for user in (quill.staff[Role.CLINICIAN], elsewhere, AnonymousUser())
    ] == [
        (walls.of([quill.place.pk]), True),
        (walls.of([lakeside.pk]), False),
        (walls.NO_PRACTICE, False),
    ]
    assert told() == walls.EVERYTHING


def what_is_seen(rf, user):
    """`(what the database was told, whether it shows a patient)` in a request of somebody."""
    request, seen = rf.get("/"), []
    request.user = user

    def answer(request):
        middleware.process_view(request, answer)
        seen.append((told(), Patient.objects.exists()))

    middleware = SightMiddleware(answer)
    middleware(request)
    return seen[0]


def test_who_has_left_sees_nothing(quill):
    clara = quill.staff[Role.CLINICIAN]
    clara.is_active = False
    with access.seeing_as(clara):
        assert not Patient.objects.exists()


# -- What is for every practice ------------------------------------------------------------------


def test_a_rule_book_reaches_practices_where_its_publisher_does_not_work(quill, ada, lakeside):
    adam = make.person("adam", lakeside)
    limit = Limit.objects.filter(ingredient__key="diazepam").first()
    edit.retire(row=limit, reason="a test", seen=limit.changed_at, by=ada)
    version = make.tried(publish.draft(note="", by=ada))
    ScreeningRequest.objects.all().delete()
    Browser(adam).post(f"/rule-books/{version.number}/publish", agreement="Read it.")
    assert RuleVersion.objects.get(pk=version.pk).state == RuleVersion.State.PUBLISHED
    assert ScreeningRequest.objects.filter(patient=quill.patient).exists()


def test_a_word_for_every_practice_reaches_them_all(quill, lakeside):
    adam = make.person("adam", lakeside)
    browser = Browser(adam)
    assert "Quillfeatherex" in browser.read("/unknown-medicines")
    ScreeningRequest.objects.all().delete()
    with access.seeing_as(adam):
        no_sedatives.say(text="Quillfeatherex 10 mg", practice=None, by=adam)
    assert ScreeningRequest.objects.filter(patient=quill.patient).exists()


def test_every_practice_of_a_key_is_told_that_it_is_revoked(harbour, lakeside, ada):
    keeper = make.person("adam", lakeside)
    make.person("ada", lakeside, Role.FORMULARY_ADMIN)
    key, _ = clients.make_key(name="x", source_system="ehr", practices=[harbour, lakeside], by=ada)
    with access.seeing_as(keeper):
        clients.revoke_key(key=key, by=keeper)
    told_of = AuditEvent.objects.filter(verb="client.key_revoked")
    assert {event.practice_id for event in told_of} == {harbour.pk, lakeside.pk}


def test_screening_reads_and_writes_for_everybody(quill, lakeside):
    marsh = World(lakeside, "Marshbanks")
    screen.drain()
    assert set(PatientScreening.objects.values_list("patient", flat=True)) >= {
        quill.patient.pk,
        marsh.patient.pk,
    }


# -- What the role of web and worker may not do ----------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE reviews_auditevent",
        "TRUNCATE reviews_screeningrun",
        "ALTER TABLE reviews_auditevent DISABLE TRIGGER ALL",
        "ALTER TABLE reviews_patient DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE reviews_patient NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY practices ON reviews_patient",
        "CREATE POLICY mine ON reviews_patient USING (true)",
        "DROP TABLE reviews_auditevent",
        "DROP TRIGGER pgtrigger_append_only_498aa ON reviews_auditevent",
        "CREATE TABLE mine (x int)",
        "SET session_replication_role = replica",
        "DELETE FROM django_migrations",
        "CREATE RULE mine AS ON DELETE TO reviews_patient DO INSTEAD NOTHING",
    ],
)
def test_the_application_changes_rows_and_nothing_else(db, statement):
    with (
        pytest.raises(DatabaseError, match=r"must be owner|permission denied"),
        transaction.atomic(),
    ):
        asked(statement)


SEALED = {
    *("reviews_auditevent", "reviews_decision", "reviews_decisionitem"),
    *("reviews_sealedleaf", "reviews_sealedsubtree", "reviews_treehead"),
}


def test_what_is_only_added_to_the_application_neither_changes_nor_deletes(db):
    promised = {
        model._meta.db_table
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", ())
        if isinstance(trigger, pgtrigger.Protect)
        and not trigger.condition
        and str(trigger.operation) == "UPDATE OR DELETE"
    }
    assert promised > SEALED
    for table in promised:
        may = [
            asked(f"SELECT {function}(%s, %s)", table, right)[0][0]
            for function, right in (
                ("has_table_privilege", "SELECT"),
                ("has_table_privilege", "INSERT"),
                ("has_any_column_privilege", "UPDATE"),
                ("has_table_privilege", "DELETE, TRUNCATE, TRIGGER"),
            )
        ]
        assert may == [True, True, False, False], table
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        AuditEvent.objects.update(actor="somebody else")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_no_setting_makes_a_trigger_step_aside(db):
    """As pgtrigger would have it: any role may make a setting."""
    triggers = [name for (name,) in asked("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")]
    assert len(triggers) > 20
    asked("SELECT set_config('pgtrigger.ignore', %s, true)", f"{{{','.join(triggers)}}}")
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        RuleVersion.objects.all().delete()
    with (
        database.as_owner(),
        pytest.raises(DatabaseError, match="Cannot update or delete"),
        transaction.atomic(),
    ):
        AuditEvent.objects.update(actor="somebody else")


def test_who_connects_cannot_leave_the_policies_out(quill):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL row_security = off")
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        count("reviews_patient")


def test_rights_are_given_again_and_again(db):
    for _ in range(2):
        with database.as_owner():
            rights.give()
    rights.give()
    assert Patient.objects.count() == 0

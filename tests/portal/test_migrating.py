"""An upgrade keeps nobody from reading for long, and no reader is ended for it."""

import threading
import time
from contextlib import ExitStack, contextmanager
from importlib import import_module
from itertools import takewhile

import psycopg
import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError
from django.core.management.commands import migrate as djangos_own
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.utils import ProgrammingError
from psycopg.errors import DuplicateColumn

from portal import migrating
from reviews.models import Patient
from tests import database, make

WIDEN = "ALTER TABLE scratch ADD COLUMN more int"
INDEX = models.Index(fields=["id"], name="an_index")
POSITIVE = (
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.PositiveBigIntegerField,
)
RELEASED = "0020_cancellable_jobs"
"""The last migration of a release that somebody may have; those after it are held to be short."""
# Tables with a row for each person, order or event, or more.
LARGE = {
    *("patient", "patientversion", "identifier", "prescription", "condition", "reading"),
    *("patientscreening", "screeningrun", "flag", "case", "casemove", "decision", "auditevent"),
}


@pytest.fixture
def scratch(transactional_db):
    """A table, and the connection of who owns it: migrations are run by nobody else."""
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch (id int); INSERT INTO scratch VALUES (1)")
        yield
        cursor.execute("DROP TABLE scratch")


@contextmanager
def somebody():
    """Another connection to the same database."""
    given = connection.settings_dict
    with psycopg.connect(
        host=given["HOST"],
        port=given["PORT"] or None,
        dbname=given["NAME"],
        user=given["USER"],
        password=given["PASSWORD"],
        autocommit=True,
    ) as other:
        yield other


def read(over, waits):
    """Look at the table again and again until it is over, and note how long each time took."""
    with somebody() as other:
        while not over.wait(0.01):
            began = time.monotonic()
            other.execute("SELECT * FROM scratch", prepare=False)
            waits.append(time.monotonic() - began)


def columns():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM scratch")
        return [column.name for column in cursor.description]


def test_others_go_on_reading_while_a_migration_waits_for_a_long_reader(scratch):
    over, waits = threading.Event(), []

    def leave(holder):
        time.sleep(2.5)
        holder.execute("ROLLBACK")

    with somebody() as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM scratch")
        threads = [
            threading.Thread(target=read, args=[over, waits]),
            threading.Thread(target=leave, args=[holder]),
        ]
        for thread in threads:
            thread.start()
        noted = []
        said = ["--", "-- Widen", f"-- with a comment\n{WIDEN}"]
        migrating.at_once(connection, said, then=lambda: noted.append("then"))
        over.set()
        for thread in threads:
            thread.join()
    assert columns() == ["id", "more"]
    assert noted == ["then"]
    assert len(waits) > 20
    # They queue behind it for as long as it waits, which without a limit would be all of 2.5 s.
    assert max(waits) < 1.5
    assert max(waits) > 0.2, "nobody had to wait, so this shows nothing"


def test_it_does_not_wait_for_one_table_after_another_while_it_holds_the_first(scratch):
    """Behind each of them a reader comes to its end in time; together they take too long."""
    tables = [f"scratch_{n}" for n in range(5)]
    over, waits = threading.Event(), []

    def leave_one_after_another(holders):
        for holder in holders:
            time.sleep(0.3)
            holder.execute("ROLLBACK")

    with ExitStack() as held, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"CREATE TABLE {table} (id int)")
        holders = [held.enter_context(somebody()) for _ in tables]
        for holder, table in zip(holders, tables, strict=True):
            holder.execute(f"BEGIN; SELECT * FROM {table}")
        threads = [
            threading.Thread(target=leave_one_after_another, args=[holders]),
            threading.Thread(target=read, args=[over, waits]),
        ]
        for thread in threads:
            thread.start()
        widened = [WIDEN, *(WIDEN.replace("scratch", table) for table in tables)]
        migrating.at_once(connection, widened, then=list)
        over.set()
        for thread in threads:
            thread.join()
        for table in tables:
            cursor.execute(f"DROP TABLE {table}")
    assert columns() == ["id", "more"]
    assert len(waits) > 20
    # One after another, with 0.4 s for each, that would be 1.5 s.
    assert max(waits) < 1


def test_it_says_whom_it_waited_for_and_changes_nothing(scratch, monkeypatch):
    monkeypatch.setattr(migrating, "GIVE_UP_SECONDS", 0)
    with somebody() as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM scratch")
        with pytest.raises(
            CommandError, match=f"processes of PostgreSQL: {holder.info.backend_pid} "
        ):
            migrating.at_once(connection, ["INSERT INTO scratch VALUES (2)", WIDEN], then=list)
        holder.execute("ROLLBACK")
    assert columns() == ["id"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scratch")
        assert cursor.fetchone() == (1,)


def test_a_statement_that_is_wrong_is_not_tried_again(scratch):
    noted = []
    began = time.monotonic()
    with pytest.raises(ProgrammingError) as refused:
        migrating.at_once(connection, [WIDEN, WIDEN], then=lambda: noted.append("then"))
    assert isinstance(refused.value.__cause__, DuplicateColumn)
    assert time.monotonic() - began < migrating.GIVE_UP_SECONDS / 10
    assert noted == []
    assert columns() == ["id"]


def test_the_command_runs_migrations_so(scratch):
    import_module("portal.management.commands.migrate")
    assert djangos_own.MigrationExecutor is migrating.ShortLocks
    executor = djangos_own.MigrationExecutor(connection)

    class Widen(migrations.Migration):
        operations = [migrations.RunSQL(["-- about it", WIDEN.replace("int", "text DEFAULT '5%'")])]

    with somebody() as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM scratch")
        threading.Timer(1, lambda: holder.execute("ROLLBACK")).start()
        executor.apply_migration(ProjectState(), Widen("widen", "reviews"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT more FROM scratch")
        assert cursor.fetchone() == ("5%",)
        cursor.execute("SELECT count(*) FROM django_migrations WHERE name = 'widen'")
        assert cursor.fetchone() == (1,)
        cursor.execute("DELETE FROM django_migrations WHERE name = 'widen'")


def test_names_are_folded_whoever_writes_them(harbour, clara):
    bell = make.patient(harbour, clara, family_name="Bellé-Øst", given_name="Jon")
    folded = Patient.objects.values_list("family_folded", "given_folded")
    assert folded.get(pk=bell.pk) == ("belleost", "jon")
    Patient.objects.filter(pk=bell.pk).update(family_folded="something else")
    assert folded.get(pk=bell.pk) == ("belleost", "jon")


@pytest.fixture
def upgraded_early(db):
    """As databases are that had everything up to 0029 before names were folded apart."""
    loader = MigrationLoader(connection)
    later = loader.graph.backwards_plan(("reviews", "0022_names_folded"))
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'reviews' AND name = ANY(%s)",
            [[name for _, name in later]],
        )
        cursor.execute("DROP TRIGGER pgtrigger_names_folded_1273b ON reviews_patient")
        cursor.execute("ALTER TABLE reviews_patient DROP family_folded, DROP given_folded")
        for name in ("family", "given"):
            cursor.execute(
                f"ALTER TABLE reviews_patient ADD {name}_folded text"
                f" GENERATED ALWAYS AS (reviews_folded({name}_name)) STORED"
            )


def test_a_database_that_was_upgraded_early_goes_on(upgraded_early):
    loader = MigrationLoader(connection)
    loader.check_consistent_history(connection)
    assert ("reviews", "0029_substitution_setting") in loader.applied_migrations
    assert ("reviews", "0022_names_folded") not in loader.applied_migrations


def test_in_it_names_are_folded_by_the_trigger_from_then_on(upgraded_early, harbour, clara):
    bell = make.patient(harbour, clara, family_name="Bellé-Øst", given_name="Jon")
    brought_in = import_module("reviews.migrations.0029_names_written_by_a_trigger")
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for _ in range(2):  # and again, where nothing is to be done
            for operation in brought_in.Migration.operations:
                for text in [operation.sql] if isinstance(operation.sql, str) else operation.sql:
                    cursor.execute(text)
    folded = Patient.objects.values_list("family_folded", "given_folded")
    assert folded.get(pk=bell.pk) == ("belleost", "jon")
    Patient.objects.filter(pk=bell.pk).update(family_folded="something else")
    assert folded.get(pk=bell.pk) == ("belleost", "jon")


# -- What may stand in a migration -----------------------------------------------------------------


def unreleased():
    """Migrations after the last release, in the order in which they run."""
    loader = MigrationLoader(None)
    (leaf,) = loader.graph.leaf_nodes("reviews")
    plan = [key for key in loader.graph.forwards_plan(leaf) if key[0] == "reviews"]
    released = len(list(takewhile(lambda key: key[1] != RELEASED, plan))) + 1
    return [loader.get_migration(*key) for key in plan[released:]]


def too_long(migration):
    """The operations that would keep a large table from readers for as long as it has rows."""
    for operation in migration.operations:
        table = getattr(operation, "model_name", "").lower()
        if table not in LARGE:
            continue
        kind = type(operation).__name__
        if kind in ("AddIndex", "AddConstraint"):
            yield f"{migration.name}: {kind} on {table}; use {kind}Concurrently or NotValid"
        if kind == "AddField" and getattr(operation.field, "generated", False):
            yield f"{migration.name}: {table}.{operation.name} is written for everybody at once"
        if kind == "AddField" and isinstance(operation.field, POSITIVE):
            yield f"{migration.name}: the check of {table}.{operation.name} reads every row"
    long = [one for one in migration.operations if type(one).__name__ == "ValidateConstraint"]
    if long and migration.atomic:
        yield f"{migration.name}: constraints are checked in the transaction that locks"


def test_no_migration_keeps_readers_waiting_for_as_long_as_there_are_rows():
    found = unreleased()
    assert len(found) >= 10
    assert [line for migration in found for line in too_long(migration)] == []


def test_that_test_sees_what_it_is_for():
    class Long(migrations.Migration):
        operations = [
            migrations.AddIndex("patient", INDEX),
            migrations.AddConstraint("prescription", None),
            migrations.AddIndex("job", INDEX),
            AddIndexConcurrently("patient", INDEX),
            migrations.AddField("flag", "rank", models.PositiveIntegerField(null=True)),
            migrations.AddField("flag", "word", models.CharField(null=True, max_length=9)),
        ]

    assert len(list(too_long(Long("long", "reviews")))) == 3

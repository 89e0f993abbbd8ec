"""Migrations beside a portal that is being read: locks are short, and nobody waits for one of ours.

What Django does for one migration in Python (it rebuilds its models for each operation) takes
seconds, and as a rule it holds the locks of the first statement meanwhile. Here the statements of
an atomic migration are collected first, without a lock, and then run at once. Where they have to
wait for readers they give up after `PATIENCE_MS` together, so that others do not queue behind them
or behind the locks they already hold, and before PostgreSQL looks for deadlocks (1 s) and ends a
reader for one: all of it is tried again.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management import CommandError
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration, RunPython, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from portal.progress import say

PATIENCE_MS = 400
"""How long the statements wait for locks, and so how long readers may have to wait behind them."""
LEAST_MS = 50
"""How long a statement waits at least: a migration of many tables must come to its end."""
PAUSE_SECONDS = 0.5
GIVE_UP_SECONDS = 300
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"
_PATIENCE = "SELECT set_config('lock_timeout', %s, true)"
_HOLDERS = """
    SELECT pid, application_name, now() - xact_start FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 3
"""


class ShortLocks(MigrationExecutor):
    """Django's executor, but for atomic migrations that are SQL alone."""

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        if fake or fake_initial or not migration.atomic or not _is_sql(migration.operations):
            return super().apply_migration(state, migration, fake, fake_initial)
        if self.progress_callback:
            self.progress_callback("apply_start", migration, fake)
        with self.connection.schema_editor(collect_sql=True, atomic=False) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        at_once(
            self.connection, editor.collected_sql, then=lambda: self.record_migration(migration)
        )
        if self.progress_callback:
            self.progress_callback("apply_success", migration, fake)
        return state


def at_once(
    connection: BaseDatabaseWrapper, statements: Sequence[str], *, then: Callable[[], Any]
) -> None:
    """Run statements, and `then`, in one transaction that waits for nobody for long.

    Raises CommandError when others hold the locks for `GIVE_UP_SECONDS`; nothing is changed then.
    """
    wanted = [text for text in statements if not _is_comment(text)]
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                began = time.monotonic()
                for text in wanted:
                    left_ms = PATIENCE_MS - int((time.monotonic() - began) * 1000)
                    cursor.execute(_PATIENCE, [str(max(left_ms, LEAST_MS))])
                    cursor.execute(text)
                then()
                return
        except OperationalError as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code not in {_LOCK_NOT_AVAILABLE, _DEADLOCK}:
                raise
        if time.monotonic() > deadline:
            raise CommandError(_who_holds(connection))
        say("  A table is in use; trying again ...")
        time.sleep(PAUSE_SECONDS)


def _is_comment(text: str) -> bool:
    """Whether nothing is to be run: Django says before each operation what it is."""
    return all(line.startswith("--") for line in text.splitlines() if line.strip())


def _who_holds(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS)
        holders = ", ".join(f"{pid} ({name}, for {age})" for pid, name, age in cursor.fetchall())
    return (
        f"A table was in use for {GIVE_UP_SECONDS} s, so nothing was changed. The oldest "
        f"transactions are of these processes of PostgreSQL: {holders or 'none any more'}. End "
        "them, or wait until they are over, and run this again."
    )


def _is_sql(operations: Sequence[Operation]) -> bool:
    return all(
        _is_sql(operation.database_operations)
        if isinstance(operation, SeparateDatabaseAndState)
        else operation.reduces_to_sql and not isinstance(operation, RunPython)
        for operation in operations
    )

"""`manage.py prepare`: everything between a new release and serving it. Safe to run again."""

import hashlib
import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection

from portal import disk
from portal.progress import say, step
from reviews import releases
from reviews.rules import ENGINE
from reviews.verbs import engines, letters, publish

DEMO_PATIENTS = int(os.environ.get("DEMO_PATIENTS", "2000"))


class Command(BaseCommand):
    help = "Migrates, collects static files, loads the formulary; --demo seeds an empty portal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help=f"seed {DEMO_PATIENTS} invented patients when there is no practice yet",
        )

    def handle(self, *, demo: bool, **options: Any) -> None:
        if reason := disk.refusal(settings.VAR):
            raise CommandError(reason)
        if newer := _of_a_newer_release():
            raise CommandError(
                f"The database is of a newer release ({newer}). Run prepare with that; to go back, "
                "first undo with it what it added: manage.py migrate (docs/operations.md)."
            )
        with step("Bring the database up to date"):
            call_command("migrate", interactive=False, verbosity=0)
        collect_static()
        with step("Look whether the code of the rules is the one that judged last"):
            asked = engines.adopt()
        if asked:
            say(f"  Engine {ENGINE.name} judges now: {asked} patients will be screened again.")
        with step("Load the formulary and its rule book"):
            call_command("load_formulary", verbosity=0)
            publish.bootstrap()
        with step("Put the letters in use that come with it"):
            letters.bootstrap()
        if demo and not _has_practices():
            with step(f"Seed three demo practices with {DEMO_PATIENTS} patients"):
                call_command("seed", patients=DEMO_PATIENTS)


def collect_static() -> None:
    """Collect static files unless none of them has changed since the last time."""
    mark = settings.STATIC_ROOT / "collected"
    digest = _sources_digest()
    if mark.exists() and mark.read_text() == digest:
        return
    with step("Collect static files"):
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        mark.write_text(digest)


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = storage.path(path)
            digest.update(
                f"{file} {storage.size(path)} {storage.get_modified_time(path)}\n".encode()
            )
    return digest.hexdigest()


def _of_a_newer_release() -> str | None:
    """The last migration in the database that this code does not know; None when it knows all."""
    if "django_migrations" not in connection.introspection.table_names():
        return None
    _, unknown = releases.difference(releases.applied())
    return unknown[-1] if unknown else None


def _has_practices() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM reviews_practice)")
        [(there,)] = cursor.fetchall()
    return there

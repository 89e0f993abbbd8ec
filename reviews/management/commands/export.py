"""`export DIR`: the live record and every flag in force as plain CSV; see docs/export.md."""

import csv
import hashlib
import json
import os
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from reviews import dossiers, operators, rulebooks, sealing
from reviews.errors import DomainError
from reviews.fields import KEPT
from reviews.rules.book import RuleBook
from reviews.rules.doses import release
from reviews.rules.dossier import Line
from reviews.rules.drug import Recognition
from reviews.rules.exposure import mg_per_day, read
from reviews.rules.meanings import recognised
from reviews.rules.parameters import EXPOSURE
from reviews.rules.recognise import as_prescribed
from reviews.verbs import read as reading

LIST = ";"
PRESCRIPTIONS = (
    *("prescription_id", "patient_id", "ingredients", "classes", "route", "start", "days_supply"),
    *("mg_per_day", "as_needed", "indication", "status"),
    # What the columns above were made of, and what else the rules look at.
    *("source", "setting", "prescriber", "written_on", "start_on", "end_on", "dose", "dose_unit"),
    *("times_per_day", "max_per_day", "expected_per_day", "quantity", "quantity_unit"),
    *("recorded_days_supply", "refill_number", "dispensed_on", "repeat_template", "acquired"),
    *("replacement_reason", "is_new_start", "change_reason", "start_minute", "schedule"),
    *("dose_max", "times_per_day_max", "repeats_allowed", "issue_days", "valid_until"),
    "quantity_text",
    *("strengths_mg", "form", "release", "complete", "team", "pharmacy", "worked_out", "missing"),
)
RECORDED = [field for field in KEPT if field.export]
CODES = """
    (SELECT string_agg((coding->>'system') || '|' || (coding->>'code'), ';' ORDER BY place)
     FROM jsonb_array_elements(codings) WITH ORDINALITY AS c (coding, place))
"""
# Each file is one query over the snapshot; free text is only asked for by --with-text.
TABLES = {
    "patients": """
        SELECT p.id AS patient_id, p.birth_date, p.sex, c.code AS practice, c.profile,
            p.deceased_on
        FROM reviews_patient p JOIN reviews_practice c ON c.id = p.practice_id ORDER BY p.id
    """,
    "conditions": f"""
        SELECT id AS condition_id, patient_id, kind, {CODES} AS codes, onset_on, ended_on, status
            {{text}}
        FROM reviews_condition WHERE superseded_at IS NULL ORDER BY patient_id, id
    """,
    "readings": """
        SELECT id AS reading_id, patient_id, kind, dated_on AS "on", value::float8 AS value, unit,
            text AS answer, status
        FROM reviews_reading WHERE superseded_at IS NULL ORDER BY patient_id, id
    """,
    "exemptions": """
        SELECT id AS exemption_id, patient_id, kind, starts_on, expires_on, owner_id AS owner,
            granted_at, array_to_string(ARRAY(
                SELECT p.id FROM reviews_prescription p WHERE p.patient_id = e.patient_id
                AND p.order_id = ANY(e.order_ids) AND p.superseded_at IS NULL ORDER BY p.id
            ), ';') AS prescription_ids
        FROM reviews_exemption e WHERE ended_at IS NULL ORDER BY patient_id, id
    """,
    # `steps` is `day mg a day`, the first one the dose at the start.
    "tapers": """
        SELECT t.id AS taper_id, t.patient_id, t.drug, v.status, v.maintenance_agreed,
            v.last_contact_on,
            (SELECT string_agg((step ->> 0) || ' ' || (step ->> 1), ';' ORDER BY place)
             FROM jsonb_array_elements(v.steps) WITH ORDINALITY AS s (step, place)) AS steps
        FROM reviews_taper t JOIN reviews_taperversion v ON v.taper_id = t.id
        WHERE v.superseded_at IS NULL ORDER BY t.patient_id, t.id
    """,
    "screenings": """
        SELECT s.patient_id, s.as_of, v.number AS book, e.name AS engine,
            (SELECT string_agg(DISTINCT gap ->> 'rule_id', ';')
             FROM jsonb_array_elements(s.not_evaluable) AS gap) AS not_evaluable,
            (SELECT string_agg(rule_id, ';' ORDER BY rule_id)
             FROM jsonb_array_elements_text(s.gave_way) AS rule_id) AS gave_way,
            s.not_evaluable AS reasons, s.problem <> '' AS not_checked
        FROM reviews_patientscreening s LEFT JOIN reviews_ruleversion v ON v.id = s.version_id
            LEFT JOIN reviews_engine e ON e.id = s.engine_id
        ORDER BY s.patient_id
    """,
    "flags": """
        SELECT f.patient_id, f.rule_id, f.severity, f.as_of,
            array_to_string(f.prescription_ids, ';') AS prescription_ids, f.facts, f.mode,
            CASE WHEN f.settled_at IS NULL THEN 'open' ELSE 'settled' END AS state,
            f.settled_until, v.number AS book, e.name AS engine
        FROM reviews_flag f JOIN reviews_ruleversion v ON v.id = f.version_id
            LEFT JOIN reviews_engine e ON e.id = f.engine_id
        WHERE f.ended_at IS NULL ORDER BY f.patient_id, f.rule_id, f.id
    """,
    # What was said of single flags; a decision that was answered points to its answer.
    "decisions": """
        SELECT d.id AS decision_id, d.patient_id, f.rule_id, i.outcome, i.reason, i.until,
            d.decided_at, d.kind, a.kind AS answer, t.kind AS answer_to_the_answer
        FROM reviews_decisionitem i JOIN reviews_decision d ON d.id = i.decision_id
            JOIN reviews_flag f ON f.id = i.flag_id
            LEFT JOIN reviews_decision a ON a.answers_id = d.id
            LEFT JOIN reviews_decision t ON t.answers_id = a.id
        ORDER BY d.id, i.id
    """,
}


class Command(BaseCommand):
    help = (
        "Write the live record and every flag in force as CSV into a new or empty directory, "
        "without names or identifiers, as of one moment. See docs/export.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", metavar="DIR", type=Path)
        parser.add_argument(
            "--with-text",
            action="store_true",
            help="also write conditions as they were worded; free text may name somebody",
        )

    def handle(self, *, directory: Path, with_text: bool, verbosity: int, **options: Any) -> None:
        target = directory.resolve()
        _check(directory, target)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            unfinished.mkdir(parents=True)
            counts = _write(unfinished, with_text)
            # Told of before it can be had.
            reading.exported(
                rows=counts,
                digest=_digest(unfinished),
                with_text=with_text,
                operator=operators.name(),
            )
            # Over an empty directory this replaces it; all files are there at once or none.
            unfinished.replace(target)
        except OSError as error:
            raise CommandError(f"{directory} cannot be written: {error.strerror}.") from error
        except DomainError as error:
            raise CommandError(error.message) from error
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(unfinished)
        if verbosity:
            for name, count in counts.items():
                self.stdout.write(f"{name}.csv: {count:,} rows")


def _check(directory: Path, target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise CommandError(f"{directory} is not a directory.")
    if target.is_dir() and any(target.iterdir()):
        raise CommandError(f"{directory} is not empty. Name a new directory.")


def _write(folder: Path, with_text: bool) -> dict[str, int]:
    """Write every file from one snapshot; returns how many rows each has."""
    counts = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _, book = rulebooks.live()
        for name, query in TABLES.items():
            asked = query.format(text=", text" if with_text else "")
            counts[name] = _copy(cursor, asked, folder / f"{name}.csv")
        counts["prescriptions"] = _prescriptions(folder / "prescriptions.csv", book)
        _about(folder / "export.csv", book)
        (folder / "book.json").write_text(
            json.dumps(book.to_json(), ensure_ascii=False, indent=1, sort_keys=True) + "\n",
            encoding="utf-8",
        )
        if head := sealing.newest():
            (folder / "head.json").write_text(sealing.line(head) + "\n", encoding="utf-8")
    return counts


def _digest(folder: Path) -> str:
    """SHA-256 over the names and the content of all files, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def _copy(cursor: CursorWrapper, query: str, path: Path) -> int:
    """Stream a query into a file; PostgreSQL writes the CSV."""
    with (
        path.open("xb") as file,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy,
    ):
        for part in copy:
            file.write(part)
    return cursor.rowcount


def _about(path: Path, book: RuleBook) -> None:
    """With what, and for which day, the rest was written."""
    with path.open("x", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("as_of", "written_at", "book"))
        out.writerow((timezone.localdate(), timezone.now().isoformat(), book.number))


def _prescriptions(path: Path, book: RuleBook) -> int:
    # A number in place of whoever it is: equal numbers are equal prescribers, teams, pharmacies.
    numbers = {"prescriber": {}, "team": {}, "pharmacy": {}}
    count = 0
    with path.open("x", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(PRESCRIPTIONS)
        for patient_id, profile, meanings, line in dossiers.every_line():
            who = {
                kind: (name := getattr(line, kind)) and given.setdefault(name, len(given) + 1)
                for kind, given in numbers.items()
            }
            limit = book.rules[EXPOSURE][profile]
            recognition = as_prescribed(line, recognised(line, meanings, book))
            out.writerow(_row(patient_id, line, who, recognition, limit))
            count += 1
    return count


def _row(
    patient_id: int, line: Line, who: dict, recognition: Recognition, limit: dict
) -> list[str]:
    """A line as the rules read it, and then as it was recorded."""
    form = recognition.form
    parts = recognition.parts
    uses = [read(line, recognition, ingredient, limit) for ingredient in recognition.ingredients]
    # The ingredients of a product share its days.
    use = next((use for use in uses if use is not None), None)
    start, days = line.start_on or line.written_on, line.days_supply
    if use is not None:
        start = None if use.start is None else date.fromordinal(use.start)
        days = None if use.end is None else use.end - use.start + 1
    recorded = {field.export: getattr(line, field.line) for field in RECORDED}
    worked_out = {
        "prescription_id": line.id,
        "patient_id": patient_id,
        "ingredients": [part.drug for part in parts],
        "classes": sorted(recognition.classes),
        "route": line.route or recognition.route,
        "start": start,
        "days_supply": days,
        "mg_per_day": [mg_per_day(line, part, form) for part in parts],
        "schedule": [f"{per_day:.10g}x{length}" for per_day, length in line.schedule],
        "strengths_mg": [part.strength_mg for part in parts],
        "form": form,
        "release": release(line, recognition),
        "complete": recognition.complete,
        "worked_out": use.notes if use else (),
        "missing": use.missing if use else (),
    }
    told = recorded | worked_out | who
    return [_shown(told[name]) for name in PRESCRIPTIONS]


def _shown(value: Any) -> str:
    """As in PostgreSQL's CSV: nothing for unknown, t and f, ISO days; lists with semicolons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return LIST.join(_shown(item) for item in value)
    return str(value)

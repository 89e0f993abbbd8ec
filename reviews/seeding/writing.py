"""Write many invented people at once: COPY, with the same digests and keys that the verbs use."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TypeAlias

from django.db import connection
from django.utils import timezone

from reviews import audit, columns, products, records, requests
from reviews.audit import Entry, Event
from reviews.bulk import copy_rows, next_ids
from reviews.models import PARTICULARS, Practice
from reviews.people import particulars
from reviews.records import PrescriptionRecord
from reviews.rules.dossier import Taper
from reviews.seeding import tapers, worked
from reviews.seeding.life import Order
from reviews.seeding.medicines import PRODUCTS
from reviews.seeding.population import Person

SOURCE = "demo"
CHUNK = 1000
TABLES = {
    # A person is what their version says, so that comes first.
    "reviews_patientversion": (
        *("patient_id", "practice_id", "version", "recorded_at"),
        *PARTICULARS,
    ),
    "reviews_patient": ("id", "practice_id", "registered_at", "updated_at", *PARTICULARS),
    "reviews_identifier": ("patient_id", "practice_id", "system", "value"),
    "reviews_condition": (
        *("patient_id", "practice_id", "record_id", "version", "source_system", "source_id"),
        *("digest", "recorded_at", "recorded_by_id"),
        *columns.CONDITION.names,
    ),
    "reviews_reading": (
        *("patient_id", "practice_id", "record_id", "version", "source_system", "source_id"),
        *("digest", "recorded_at", "recorded_by_id"),
        *columns.READING.names,
    ),
    "reviews_prescription": (
        "id",
        "patient_id",
        "practice_id",
        "medicine_id",
        "order_id",
        "version",
        "supersedes_id",
        "superseded_at",
        "recorded_at",
        "recorded_by_id",
        "source_system",
        "source_id",
        "digest",
        "prescriber_id",
        "reason",
        *columns.PRESCRIPTION.names,
    ),
    "reviews_exemption": (
        "patient_id",
        "practice_id",
        "kind",
        "owner_id",
        "evidence",
        "starts_on",
        "expires_on",
        "granted_at",
    ),
    "reviews_taper": ("id", "patient_id", "practice_id", "drug", "opened_at"),
    "reviews_taperversion": (
        "patient_id",
        "practice_id",
        "taper_id",
        "number",
        "move",
        "status",
        "steps",
        "percent",
        "every_days",
        "strengths",
        "contacts",
        "cross_over",
        "asked",
        "maintenance_agreed",
        "last_contact_on",
        "over",
        "reason",
        "recorded_at",
        "recorded_by_id",
    ),
    "reviews_patientnote": (
        *("patient_id", "practice_id", "text", "written_by_id", "written_at"),
        "struck_because",
    ),
    "reviews_screeningrequest": ("patient_id", "reason", "attempts", "priority"),
    "reviews_auditevent": audit.COLUMNS,
}


Rows: TypeAlias = dict[str, list[tuple]]
"""What goes into each table, by its name."""


class Writer:
    """Turns people into rows and sends them a thousand people at a time.

    `practices` maps codes to rows, `doctors` practice codes to user ids. One audit event a person
    says truthfully that the record was seeded now; the dates inside the record are invented.
    """

    def __init__(self, *, practices: dict[str, Practice], doctors: dict[str, list[int]]) -> None:
        self.practices = practices
        self.doctors = doctors
        self.now = timezone.now()
        self.medicines = _medicines()
        self.patients = self.prescriptions = 0

    def write(self, people: Iterable[Person]) -> Iterator[None]:
        """Write them all, and yield after each chunk, so that progress can be shown."""
        people = iter(people)
        # The next chunk is invented while the database takes this one in.
        with ThreadPoolExecutor(max_workers=1) as inventor:
            invented = inventor.submit(_chunk, people)
            while chunk := invented.result():
                invented = inventor.submit(_chunk, people)
                self._write(chunk)
                yield

    def _write(self, chunk: list[Person]) -> None:
        rows: Rows = {table: [] for table in TABLES}
        told: list[Entry] = []
        patient_ids = next_ids("reviews_patient", len(chunk))
        orders = sum(1 + (o.earlier is not None) for p in chunk for o in p.orders)
        prescription_ids = iter(next_ids("reviews_prescription", orders))
        taper_ids = iter(next_ids("reviews_taper", sum(len(p.tapers) for p in chunk)))
        for pk, person in zip(patient_ids, chunk, strict=True):
            self._add(rows, pk, person, prescription_ids, taper_ids)
            told.append(self._told(pk, person))
        rows["reviews_auditevent"] = audit.rows(told)
        for table, names in TABLES.items():
            copy_rows(table, names, rows[table])
        self.patients += len(chunk)
        self.prescriptions += orders

    def _add(
        self,
        rows: Rows,
        pk: int,
        person: Person,
        prescription_ids: Iterator[int],
        taper_ids: Iterator[int],
    ) -> None:
        practice = self.practices[person.practice]
        doctors = self.doctors[person.practice]
        doctor = doctors[int(person.doctor * len(doctors))]
        registered = self._at(self.now.date() + timedelta(days=person.registered_on_offset), 9)
        record = person.record
        said = particulars(record, today=self.now.date())
        rows["reviews_patientversion"].append((pk, practice.pk, 1, registered, *said))
        rows["reviews_patient"].append((pk, practice.pk, registered, registered, *said))
        for identifier in record.identifiers:
            rows["reviews_identifier"].append(
                (pk, practice.pk, identifier.system, identifier.value)
            )
        for n, condition in enumerate(person.conditions):
            rows["reviews_condition"].append(
                (
                    *(pk, practice.pk, _uuid(f"{pk}-{n}"), 1, SOURCE, f"{pk}-{n}"),
                    records.digest(condition),
                    self._at(condition.ended_on or condition.onset_on or self.now.date(), 10),
                    doctor,
                    *columns.CONDITION.values(condition),
                )
            )
        for n, reading in enumerate(person.readings):
            rows["reviews_reading"].append(
                (
                    *(pk, practice.pk, _uuid(f"{pk}-{n}"), 1, SOURCE, f"{pk}-{n}"),
                    records.digest(reading),
                    self._at(reading.on, 11),
                    doctor,
                    *columns.READING.values(reading),
                )
            )
        rows["reviews_prescription"] += self._orders(
            person.orders, (pk, practice.pk), doctor, prescription_ids
        )
        rows["reviews_exemption"] += [
            (
                pk,
                practice.pk,
                exemption.kind,
                doctor,
                "Letter of the specialist, on file",
                exemption.starts_on,
                exemption.expires_on,
                self._at(exemption.starts_on, 12),
            )
            for exemption in person.exemptions
        ]
        self._tapers(rows, (pk, practice.pk), person.tapers, doctor, taper_ids)
        if person.note:
            noted = self._at(self.now.date() - timedelta(days=30 + pk % 300), 16)
            rows["reviews_patientnote"].append((pk, practice.pk, person.note, doctor, noted, ""))
        rows["reviews_screeningrequest"].append((pk, "seeded", 0, requests.BULK))

    def _told(self, pk: int, person: Person) -> Entry:
        told = audit.entry(
            None,
            Event.PATIENT_SEEDED,
            practice_id=self.practices[person.practice].pk,
            patient_id=pk,
            prescriptions=len(person.orders),
            conditions=len(person.conditions),
        )
        return told._replace(subject=f"patient {pk}")

    def _tapers(
        self,
        rows: Rows,
        belongs_to: tuple[int, int],
        agreed: Iterable[Taper],
        doctor: int,
        taper_ids: Iterator[int],
    ) -> None:
        for taper in agreed:
            pk = next(taper_ids)
            begun = self._at(taper.steps[0].on, 15)
            rows["reviews_taper"].append((pk, *belongs_to, taper.drug, begun))
            rows["reviews_taperversion"].append(
                (*belongs_to, pk, *tapers.columns(taper), begun, doctor)
            )

    def _orders(
        self,
        orders: Iterable[Order],
        belongs_to: tuple[int, int],
        doctor: int,
        prescription_ids: Iterator[int],
    ) -> Iterator[tuple]:
        for n, order in enumerate(orders):
            source_id = f"{belongs_to[0]}-{n}"
            order_id = _uuid(source_id)
            recorded = self._at(order.recorded_on, 14)
            version, supersedes = 1, None
            if order.earlier is not None and order.earlier_on is not None:
                version, supersedes = 2, next(prescription_ids)
                yield (
                    supersedes,
                    *belongs_to,
                    self.medicines[order.earlier.medicine],
                    order_id,
                    1,
                    None,
                    recorded,
                    self._at(order.earlier_on, 9),
                    *self._content(order.earlier, order.own, doctor, source_id),
                )
            yield (
                next(prescription_ids),
                *belongs_to,
                self.medicines[order.record.medicine],
                order_id,
                version,
                supersedes,
                None,
                recorded,
                *self._content(order.record, order.own, doctor, source_id),
            )

    def _content(self, record: PrescriptionRecord, own: bool, doctor: int, source_id: str) -> tuple:
        return (
            doctor,
            SOURCE,
            source_id,
            records.digest(record),
            doctor if own else None,
            "",
            *columns.PRESCRIPTION.values(record),
        )

    def _at(self, day: date, hour: int) -> datetime:
        """A time of surgery hours on that day, never after now."""
        return min(self.now, datetime.combine(day, time(hour), tzinfo=self.now.tzinfo))


def _uuid(source_id: str) -> str:
    """The identity of a record, the same in every run."""
    return hashlib.blake2b(source_id.encode(), digest_size=16).hexdigest()


def _chunk(people: Iterator[Person]) -> list[Person]:
    return list(islice(people, CHUNK))


def trust_rows() -> None:
    """Skip the look-ups of foreign keys for this transaction, where the database lets us.

    For very many rows, all of which refer to rows made here: the look-ups take longer than the
    rows. Only a superuser may; for others seeding is slower.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        [(trusted,)] = cursor.fetchall()
        if trusted:
            cursor.execute("SET LOCAL session_replication_role = replica")


def analyse() -> None:
    """Tell the planner how many rows there are now."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def _medicines() -> dict[str, int]:
    """`{text: id}` of every product in every country, made where they are missing."""
    written = {
        (text, codings)
        for product in PRODUCTS.values()
        for text, codings in product.written.values()
    }
    written |= worked.medicines()
    return {text: products.one(text, codings).pk for text, codings in sorted(written, key=str)}

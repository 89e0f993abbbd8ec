"""A bulk export by FHIR of everybody, beside COPY of the same rows as JSON.

One process does slice after slice, as a worker does: rows read, rendered, written and committed.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from benchmarks import ground
from benchmarks.table import Row
from portal.progress import say, step
from reviews import jobs, requests
from reviews.models import BulkFile, Job, Membership, Practice, Role
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_export import Asked
from reviews.verbs import bulk_export, clients

AIM = 8
FLOOR_ROUNDS = 3
FLOOR = """
    COPY (
        SELECT row_to_json(one) FROM reviews_patientversion one WHERE superseded_at IS NULL
        UNION ALL
        SELECT row_to_json(one) FROM reviews_prescription one WHERE superseded_at IS NULL
        UNION ALL SELECT row_to_json(one) FROM reviews_condition one WHERE superseded_at IS NULL
        UNION ALL SELECT row_to_json(one) FROM reviews_reading one WHERE superseded_at IS NULL
    ) TO STDOUT
"""
TYPES = (
    *("Patient", "Medication", "MedicationRequest", "MedicationDispense", "MedicationStatement"),
    *("MedicationAdministration", "Condition", "AllergyIntolerance", "Observation"),
)


def measure(patients):
    """A row for an export of everybody's records."""
    # Nobody is there to be woken: the workers of other benchmarks start later, and are.
    with (
        patch.object(requests, "ring"),
        step(f"Export the records of {patients:,} patients"),
    ):
        ground.settle()
        floors = [floor() for _ in range(FLOOR_ROUNDS)]
        with tempfile.TemporaryDirectory() as folder:
            settings.BULK_DIR = Path(folder)
            took, rows = export()
    for name, (count, size) in rows.items():
        say(f"  {name}: {count:,} resources, {size / 2**20:.0f} MB")
    total = sum(count for count, _ in rows.values())
    usual = median(floors)
    return [
        Row(
            what="Bulk export by FHIR, one worker",
            ratio=took / usual,
            aim=AIM,
            floor=f"COPY of the same records as JSON: {usual:.2f} s",
            measured=f"{took:.1f} s, {total / took:,.0f} resources/s",
        )
    ]


def export():
    """`(seconds, {type: (resources, bytes)})` of an export of everything."""
    asked = Asked(types={name: () for name in TYPES if name in KINDS}, base="http://localhost/fhir")
    made = bulk_export.ask(asked=asked, address="http://localhost/fhir/$export", by=system())
    kinds = {bulk_export.EXPORT: bulk_export.work}
    began = time.perf_counter()
    while Job.objects.unfinished().filter(pk=made.job_id).exists():
        Job.objects.unfinished().update(not_before=timezone.now())
        jobs.work(kinds, seconds=5)
    took = time.perf_counter() - began
    job = Job.objects.get(pk=made.job_id)
    if job.state != "done":
        raise SystemExit(f"The export failed: {job.error}")
    rows = {}
    for file in BulkFile.objects.filter(bulk=made).defer("patient_ids"):
        count, size = rows.get(file.type, (0, 0))
        rows[file.type] = count + file.rows, size + file.size
    return took, rows


def system():
    """The user of a key for the records of every practice."""
    keeper = User.objects.create_user("keeper-of-keys")
    places = list(Practice.objects.all())
    for place in places:
        Membership.objects.create(user=keeper, practice=place, role=Role.FORMULARY_ADMIN)
    key, _ = clients.make_key(
        name="Warehouse", source_system="warehouse", practices=places, by=keeper
    )
    return key.user


def floor():
    began = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(FLOOR) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began

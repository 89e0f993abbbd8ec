"""A rescreen of everybody by two workers, beside COPY of the rows that screening reads."""

import time
from statistics import median

from django.db import connection, transaction

from benchmarks import ground
from benchmarks.table import Row
from portal.progress import step
from reviews import requests
from reviews.dossiers import SELECT_LINE
from reviews.models import Patient

WORKERS = 2
FIRST_AIM, AGAIN_AIM = 12, 5
FLOOR_ROUNDS = 3
FLOOR = (
    f"COPY (SELECT {SELECT_LINE} FROM reviews_prescription WHERE superseded_at IS NULL) TO STDOUT"
)


def measure(patients):
    """Rows for the first screening of everybody and for a rescreen that changes nothing."""
    rows = []
    with ground.workers(WORKERS):
        for what, aim in (
            ("First screening", FIRST_AIM),
            ("Rescreen, nothing changed", AGAIN_AIM),
        ):
            with step(f"{what} of {patients:,} patients"):
                # What autovacuum does within minutes: no plan is made for tables that were empty.
                ground.settle()
                floors = [floor() for _ in range(FLOOR_ROUNDS)]
                took = everybody()
                floors += [floor() for _ in range(FLOOR_ROUNDS)]
            usual = median(floors)
            rows.append(
                Row(
                    what=f"{what}, {WORKERS} workers",
                    ratio=took / usual,
                    aim=aim,
                    floor=f"COPY of the same prescriptions: {usual:.2f} s",
                    measured=f"{took:.1f} s, {patients / took:,.0f} patients/s",
                )
            )
    return rows


def everybody():
    """Seconds from the request for everybody, as a publication makes it, until none is left."""
    ids = list(Patient.objects.values_list("pk", flat=True))
    began = time.perf_counter()
    with transaction.atomic():
        requests.enqueue(ids, reason="published", priority=requests.BULK)
    asked = time.perf_counter() - began
    ground.wait_until_screened()
    total = time.perf_counter() - began
    unchecked = ground.scalar(
        "SELECT count(*) FROM reviews_patient p LEFT JOIN reviews_patientscreening s"
        " ON s.patient_id = p.id WHERE s.screened_at IS NULL OR s.problem <> ''"
    )
    if unchecked:
        raise SystemExit(f"{unchecked} patients were not screened.")
    return total - asked


def floor():
    began = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(FLOOR) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began

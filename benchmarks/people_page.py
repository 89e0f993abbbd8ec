"""The list of people with many of them and with a thousand, who are the floor."""

from django.db import connection

from benchmarks import ground
from benchmarks.queue import page
from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from tests import database

AIM = 1.2
FEW = 1_000
VIEWS = {"first page": "/patients", "page 10": "/patients?page=10"}


def few():
    """Seconds by view with a thousand people, in a database of their own."""
    with ground.own_database():
        ground.populate(FEW)
        return pages(FEW)


def measure(patients, floor):
    """A row for each view, with so many people in this database; `floor` as `few` gives it."""
    took = pages(patients)
    return [
        Row(
            what=f"List of people, {name}: {patients:,} people",
            ratio=took[name] / floor[name],
            aim=AIM,
            floor=f"{FEW:,} people: {floor[name] * 1000:.0f} ms",
            measured=f"{took[name] * 1000:.0f} ms",
        )
        for name in VIEWS
    ]


def pages(patients):
    """Seconds by view, everybody having been screened."""
    collect_static()
    with step(f"List of {patients:,} people"), connection.cursor() as cursor:
        with database.as_owner():
            cursor.execute(SCREENINGS)
            cursor.execute("VACUUM ANALYZE reviews_patientscreening")
        took = {name: page(address, holds=b"/patients/") for name, address in VIEWS.items()}
        with database.as_owner():
            cursor.execute("TRUNCATE reviews_patientscreening")
    return took


SCREENINGS = """
    INSERT INTO reviews_patientscreening
        (patient_id, version_id, as_of, screened_at, not_evaluable, problem)
    SELECT p.id, v.id, current_date, now(), '[]', ''
    FROM reviews_patient p, reviews_ruleversion v WHERE v.state = 'published'
    ON CONFLICT DO NOTHING
"""

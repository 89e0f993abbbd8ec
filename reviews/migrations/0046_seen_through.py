"""Say of every screening up to which id it saw; some rows at a time, and no table is locked.

The times are asked one last time: what was recorded after a screening was not seen by it.
"""

from django.db import migrations

BATCH = 5_000
PEOPLE = "SELECT coalesce(min(patient_id), 0), coalesce(max(patient_id), -1) FROM {}"
FILL = """
    UPDATE reviews_patientscreening s SET seen_through = coalesce(
        (SELECT min(p.id) - 1 FROM reviews_prescription p
            WHERE p.patient_id = s.patient_id AND p.recorded_at > s.screened_at),
        (SELECT max(id) FROM reviews_prescription),
        0
    )
    WHERE s.patient_id >= %s AND s.patient_id < %s
        AND s.screened_at IS NOT NULL AND s.seen_through IS NULL
"""
NO_WAIT = """
    UPDATE reviews_screeningrequest SET not_before = NULL
    WHERE patient_id >= %s AND patient_id < %s AND attempts = 0 AND not_before IS NOT NULL
"""


def fill(apps, schema_editor):
    for table, statement in (
        ("reviews_patientscreening", FILL),
        ("reviews_screeningrequest", NO_WAIT),
    ):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(PEOPLE.format(table))
            first, last = cursor.fetchone()
            for start in range(first, last + 1, BATCH):
                cursor.execute(statement, [start, start + BATCH])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("reviews", "0045_clocks")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]

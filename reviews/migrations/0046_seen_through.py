"""Say of every screening up to which id it saw; rows are written, the tables are not locked.

The times are asked one last time: what was recorded after a screening was not seen by it.
"""

from django.db import migrations

FILL = """
    UPDATE reviews_patientscreening s SET seen_through = coalesce(
        (SELECT min(p.id) - 1 FROM reviews_prescription p
            WHERE p.patient_id = s.patient_id AND p.recorded_at > s.screened_at),
        (SELECT max(id) FROM reviews_prescription),
        0
    )
    WHERE s.screened_at IS NOT NULL AND s.seen_through IS NULL
"""
NO_WAIT = "UPDATE reviews_screeningrequest SET not_before = NULL WHERE attempts = 0"


class Migration(migrations.Migration):
    dependencies = [("reviews", "0045_clocks")]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(NO_WAIT, migrations.RunSQL.noop),
    ]

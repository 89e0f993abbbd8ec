"""What takes as long as there are rows, apart from what needs locks: the portal is read meanwhile."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models

BATCH = 5_000
# Half made, if this was interrupted.
AGAIN = 'DROP INDEX CONCURRENTLY IF EXISTS {}'

VALID = 'ALTER TABLE reviews_prescription VALIDATE CONSTRAINT reviews_prescription_{}_check'


def fold_names(apps, schema_editor):
    """Have the database fold the names of everybody who is there, some at a time."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute('SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM reviews_patient')
        first, last = cursor.fetchone()
        for start in range(first, last + 1, BATCH):
            cursor.execute(
                "UPDATE reviews_patient SET id = id WHERE id >= %s AND id < %s"
                " AND (family_folded, given_folded) = ('', '')",
                [start, start + BATCH],
            )


class Migration(migrations.Migration):

    atomic = False
    dependencies = [('reviews', '0022_people_as_they_are')]

    operations = [
        migrations.RunPython(fold_names, migrations.RunPython.noop),
        ValidateConstraint('prescription', 'prescription_ranges_in_order'),
        ValidateConstraint('prescription', 'prescription_evidence_known'),
        migrations.RunSQL(VALID.format('issue_days'), migrations.RunSQL.noop),
        migrations.RunSQL(VALID.format('repeats_allowed'), migrations.RunSQL.noop),
        ValidateConstraint('identifier', 'identifier_use_known'),
        ValidateConstraint('patient', 'patient_has_a_name'),
        ValidateConstraint('patient', 'patient_not_merged_into_themselves'),
        migrations.RunSQL(AGAIN.format('patient_folded_trigrams'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='patient',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('family_folded', name='gin_trgm_ops'), django.contrib.postgres.indexes.OpClass('given_folded', name='gin_trgm_ops'), name='patient_folded_trigrams'),
        ),
        migrations.RunSQL(AGAIN.format('patient_merged'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='patient',
            index=models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merged_into'], name='patient_merged'),
        ),
        RemoveIndexConcurrently(model_name='patient', name='patient_name_trigrams'),
    ]

"""Notes on a person: append-only but for striking one, and behind the wall of their practice."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

# As `reviews.walls` says it; a migration keeps the words of its day.
OF_PRACTICE = (
    "(SELECT current_setting('portal.practices', true) = 'all')"
    " OR practice_id = ANY ((SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
    "::bigint[])"
)
PUT_UP = f"""
    ALTER TABLE reviews_patientnote ENABLE ROW LEVEL SECURITY;
    ALTER TABLE reviews_patientnote FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON reviews_patientnote USING ({OF_PRACTICE});
"""
TAKE_DOWN = """
    DROP POLICY practices ON reviews_patientnote;
    ALTER TABLE reviews_patientnote NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE reviews_patientnote DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0072_worst_first'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PatientNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=2000)),
                ('written_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('struck_at', models.DateTimeField(blank=True, null=True)),
                ('struck_because', models.CharField(blank=True, max_length=500)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='colleagues_notes', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('struck_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('written_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['patient', '-written_at'], name='patientnote_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='patientnote_says_something'), models.CheckConstraint(condition=models.Q(models.Q(('struck_at__isnull', True), ('struck_because', ''), ('struck_by__isnull', True)), models.Q(('struck_at__isnull', False), ('struck_by__isnull', False), models.Q(('struck_because', ''), _negated=True)), _connector='OR'), name='patientnote_struck_by_somebody_with_a_reason')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='patientnote',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='baddcb3b7c151bc683ba23933c23e57927874666', operation='DELETE', pgid='pgtrigger_no_delete_23fb7', table='reviews_patientnote', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='patientnote',
            trigger=pgtrigger.compiler.Trigger(name='struck_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.struck_at IS NOT NULL AND (OLD.struck_at, OLD.struck_by_id, OLD.struck_because) IS DISTINCT FROM (NEW.struck_at, NEW.struck_by_id, NEW.struck_because))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='344cc5fd8d98bfdeb794746a76b2c74e0e522983', operation='UPDATE', pgid='pgtrigger_struck_once_70ccd', table='reviews_patientnote', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='patientnote',
            trigger=pgtrigger.compiler.Trigger(name='only_struck', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."text" IS DISTINCT FROM (NEW."text") OR OLD."written_by_id" IS DISTINCT FROM (NEW."written_by_id") OR OLD."written_at" IS DISTINCT FROM (NEW."written_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='34abe2532d7f7ec5284f27c7a1922f4753c5f241', operation='UPDATE', pgid='pgtrigger_only_struck_407e5', table='reviews_patientnote', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='patientnote',
            trigger=pgtrigger.compiler.Trigger(name='of_nobody_merged_away', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF EXISTS (\n                SELECT FROM written WHERE patient_id IN (\n                    SELECT id FROM reviews_patient WHERE merged_into_id IS NOT NULL\n                )\n            ) THEN\n                RAISE EXCEPTION 'this person was merged into another one';\n            END IF;\n            RETURN NULL;\n        ", hash='e43f5393bf37ab808be2c7a77bb0b8c0b969ca55', level='STATEMENT', operation='INSERT', pgid='pgtrigger_of_nobody_merged_away_75467', referencing='REFERENCING NEW TABLE AS written ', table='reviews_patientnote', when='AFTER')),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

"""Resources as systems sent them: append-only, and behind the wall of their practice."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
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
    ALTER TABLE reviews_sentresource ENABLE ROW LEVEL SECURITY;
    ALTER TABLE reviews_sentresource FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON reviews_sentresource USING ({OF_PRACTICE});
"""
TAKE_DOWN = """
    DROP POLICY practices ON reviews_sentresource;
    ALTER TABLE reviews_sentresource NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE reviews_sentresource DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0073_patient_notes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SentResource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('resource_type', models.CharField(max_length=40)),
                ('logical_id', models.CharField(max_length=64)),
                ('version', models.PositiveIntegerField()),
                ('body', models.TextField(blank=True)),
                ('deleted', models.BooleanField(default=False)),
                ('source_system', models.CharField(max_length=100)),
                ('record', models.BigIntegerField(blank=True, null=True)),
                ('record_version', models.PositiveIntegerField(blank=True, null=True)),
                ('keys', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, db_default=[], default=list, size=None)),
                ('from_at', models.DateTimeField(blank=True, null=True)),
                ('until_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('patient', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('sent_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('deleted', True), ('record__isnull', False)), fields=['resource_type', 'record'], name='sentresource_deleted'), models.Index(condition=models.Q(('record__isnull', True)), fields=['practice', 'resource_type', 'logical_id'], name='sentresource_only_kept'), models.Index(fields=['resource_type', 'sent_at'], name='sentresource_by_time'), django.contrib.postgres.indexes.GinIndex(fields=['keys'], name='sentresource_keys')],
                'constraints': [models.UniqueConstraint(fields=('resource_type', 'logical_id', 'version'), name='sentresource_version_once'), models.CheckConstraint(condition=models.Q(models.Q(('body', ''), ('deleted', True)), models.Q(('deleted', False), models.Q(('body', ''), _negated=True)), _connector='OR'), name='sentresource_says_something'), models.CheckConstraint(condition=models.Q(models.Q(('record__isnull', True), ('record_version__isnull', True)), models.Q(('record__isnull', False), ('record_version__isnull', False)), _connector='OR'), name='sentresource_record_with_its_version')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sentresource',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='94ebc375d21fdf8829157a3f1e6b681a0ae43063', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_91f33', table='reviews_sentresource', when='BEFORE')),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

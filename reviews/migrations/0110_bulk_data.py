"""Bulk exports and imports, their files, and the ids that systems sent."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


# As `reviews.walls` says it; a migration keeps the words of its day.
ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
OF_PRACTICE = f"{ALL} OR practice_id = ANY ({PRACTICES}::bigint[])"
POLICIES = {
    "reviews_bulkrequest": f"{ALL} OR practice_ids && {PRACTICES}::bigint[]",
    "reviews_bulkid": f"{OF_PRACTICE} OR (practice_id IS NULL AND {PRACTICES} IS NOT NULL)",
    "reviews_bulkfile": f"{ALL} OR EXISTS (SELECT FROM reviews_bulkrequest parent WHERE parent.id = bulk_id)",
}
PUT_UP = "".join(
    f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON {table} USING ({seen});
    """
    for table, seen in POLICIES.items()
)
TAKE_DOWN = "".join(
    f"""
    DROP POLICY practices ON {table};
    ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
    """
    for table in reversed(POLICIES)
)


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0103_uploads'),
        ('reviews', '0101_webhooks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('export', 'Export'), ('import', 'Import')], max_length=6)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('address', models.TextField()),
                ('asked', models.JSONField()),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('transaction_time', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.job')),
            ],
        ),
        migrations.CreateModel(
            name='BulkFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('purpose', models.CharField(choices=[('output', 'Resources'), ('deleted', 'Deletions'), ('error', 'What could not be done'), ('input', 'What was sent')], max_length=7)),
                ('type', models.CharField(max_length=40)),
                ('rows', models.PositiveBigIntegerField(default=0)),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('patient_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, size=None)),
                ('digest', models.CharField(blank=True, db_default='', max_length=64)),
                ('bulk', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='reviews.bulkrequest')),
            ],
        ),
        migrations.CreateModel(
            name='BulkId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('resource_type', models.CharField(max_length=40)),
                ('sent_id', models.CharField(max_length=64)),
                ('logical_id', models.CharField(blank=True, max_length=64)),
                ('practice', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('sent_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sent_by', 'resource_type', 'sent_id'), name='bulkid_once')],
            },
        ),
        migrations.AddIndex(
            model_name='bulkrequest',
            index=models.Index(condition=models.Q(('removed_at__isnull', True)), fields=['asked_by'], name='bulkrequest_kept'),
        ),
        migrations.AddConstraint(
            model_name='bulkrequest',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['export', 'import'])), name='bulkrequest_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='bulkrequest',
            constraint=models.CheckConstraint(condition=models.Q(('practice_ids__len__gt', 0)), name='bulkrequest_of_some_practice'),
        ),
        migrations.AddConstraint(
            model_name='bulkrequest',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__isnull', True), ('transaction_time__isnull', False), _connector='OR'), name='bulkrequest_of_a_time_once_it_expires'),
        ),
        migrations.AddConstraint(
            model_name='bulkfile',
            constraint=models.UniqueConstraint(fields=('bulk', 'number'), name='bulkfile_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='bulkfile',
            constraint=models.CheckConstraint(condition=models.Q(('purpose__in', ['output', 'deleted', 'error', 'input'])), name='bulkfile_purpose_known'),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

"""What was sent to be taken in later, and what was refused of it, behind the walls of practices."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


# As `reviews.walls` says it; a migration keeps the words of its day.
ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
OF_ANY_PRACTICE = f"{ALL} OR practice_ids && {PRACTICES}::bigint[]"


def _wall(table):
    return migrations.RunSQL(
        f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY practices ON {table} USING ({OF_ANY_PRACTICE});
        """,
        f"""
            DROP POLICY practices ON {table};
            ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
            ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0102_kept_replies'),
    ]

    operations = [
        migrations.CreateModel(
            name='UploadPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.UUIDField()),
                ('number', models.PositiveIntegerField()),
                ('first', models.PositiveIntegerField()),
                ('lines', models.PositiveIntegerField()),
                ('packed', models.BinaryField()),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'number'), name='upload_part_once')],
            },
        ),
        migrations.CreateModel(
            name='UploadFault',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('line', models.PositiveIntegerField()),
                ('waits', models.BooleanField()),
                ('source_id', models.CharField(max_length=200, null=True)),
                ('field', models.CharField(max_length=200)),
                ('reason', models.CharField(max_length=1000)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='faults', to='reviews.job')),
            ],
            options={
                'indexes': [models.Index(fields=['job', 'id'], name='upload_faults_in_order')],
            },
        ),
        _wall("reviews_uploadpart"),
        _wall("reviews_uploadfault"),
    ]

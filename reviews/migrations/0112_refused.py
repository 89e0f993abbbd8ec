"""What was refused of what systems sent, behind the walls of practices."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# As `reviews.walls` says it; a migration keeps the words of its day.
ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
OF_ANY_PRACTICE = f"{ALL} OR practice_ids && {PRACTICES}::bigint[]"


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0111_waiting_records_have_their_id'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Refused',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('surface', models.CharField(choices=[('rest', 'REST'), ('fhir', 'FHIR'), ('hooks', 'CDS Hooks'), ('bulk', 'Many lines'), ('token', 'Tokens')], max_length=5)),
                ('hour', models.DateTimeField()),
                ('kind', models.CharField(max_length=32)),
                ('field', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(max_length=500)),
                ('times', models.PositiveIntegerField()),
                ('said', models.CharField(blank=True, max_length=500)),
                ('record', models.CharField(blank=True, max_length=200)),
                ('latest_at', models.DateTimeField()),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'refused',
                'indexes': [models.Index(fields=['hour'], name='refused_by_hour')],
                'constraints': [models.UniqueConstraint(fields=('user', 'hour', 'kind'), name='refused_counted_once'), models.CheckConstraint(condition=models.Q(('surface__in', ['rest', 'fhir', 'hooks', 'bulk', 'token'])), name='refused_surface_known'), models.CheckConstraint(condition=models.Q(('times__gt', 0)), name='refused_at_least_once')],
            },
        ),
        migrations.RunSQL(
            f'''
                ALTER TABLE reviews_refused ENABLE ROW LEVEL SECURITY;
                ALTER TABLE reviews_refused FORCE ROW LEVEL SECURITY;
                CREATE POLICY practices ON reviews_refused USING ({OF_ANY_PRACTICE});
            ''',
            '''
                DROP POLICY practices ON reviews_refused;
                ALTER TABLE reviews_refused NO FORCE ROW LEVEL SECURITY;
                ALTER TABLE reviews_refused DISABLE ROW LEVEL SECURITY;
            ''',
        ),
    ]

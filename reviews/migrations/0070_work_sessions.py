"""Working through a list: the list as it was, and who came to which case of it."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
WALLED = {
    "reviews_worksession": f"{ALL} OR practice_ids && {PRACTICES}::bigint[]",
    "reviews_workvisit": f"{ALL} OR EXISTS (SELECT FROM reviews_worksession parent"
    " WHERE parent.id = session_id)",
}


def _put_up(table, seen):
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY practices ON {table} USING ({seen});
    """


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0068_opinions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WorkSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('query', models.CharField(blank=True, max_length=500)),
                ('case_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('found', models.CharField(max_length=10)),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='work_sessions', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='WorkVisit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.case')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='visits', to='reviews.worksession')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddConstraint(
            model_name='worksession',
            constraint=models.CheckConstraint(condition=models.Q(('case_ids__len__gt', 0), ('practice_ids__len__gt', 0)), name='work_session_has_cases'),
        ),
        migrations.AddConstraint(
            model_name='workvisit',
            constraint=models.UniqueConstraint(fields=('session', 'user', 'case'), name='work_visit_once_a_case'),
        ),
        *(
            migrations.RunSQL(_put_up(table, seen), migrations.RunSQL.noop)
            for table, seen in WALLED.items()
        ),
    ]

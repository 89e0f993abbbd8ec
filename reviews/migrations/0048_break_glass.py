"""Records opened in an emergency: who, why, until when; and that the database shows them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


OPENED = "(SELECT nullif(current_setting('portal.opened', true), '')::bigint[])"
OF_OPENED = f"patient_id = ANY ({OPENED}::bigint[])"
WHERE_OPENED = f"""practice_id IN (
    SELECT opened.practice_id FROM reviews_patient opened
    WHERE opened.id = ANY ({OPENED}::bigint[])
)"""
READABLE = {
    "reviews_patient": f"id = ANY ({OPENED}::bigint[])",
    "reviews_case": OF_OPENED,
    "reviews_condition": OF_OPENED,
    "reviews_decision": OF_OPENED,
    "reviews_exemption": OF_OPENED,
    "reviews_flag": OF_OPENED,
    "reviews_identifier": OF_OPENED,
    "reviews_importnote": OF_OPENED,
    "reviews_medicinemeaning": WHERE_OPENED,
    "reviews_nosedative": WHERE_OPENED,
    "reviews_patientversion": OF_OPENED,
    "reviews_prescription": OF_OPENED,
    "reviews_reading": OF_OPENED,
    "reviews_taper": OF_OPENED,
    "reviews_taperversion": OF_OPENED,
}
ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
PUT_UP = f"""
    ALTER TABLE reviews_breakglass ENABLE ROW LEVEL SECURITY;
    ALTER TABLE reviews_breakglass FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON reviews_breakglass
        USING ({ALL} OR practice_id = ANY ({PRACTICES}::bigint[]));
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0047_presses'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BreakGlass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=500)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_because', models.CharField(blank=True, max_length=80)),
                ('looked_at', models.DateTimeField(null=True)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('looked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
            options={
                'verbose_name_plural': 'records opened in an emergency',
                'indexes': [models.Index(condition=models.Q(('looked_at__isnull', True)), fields=['practice', 'id'], name='break_glass_to_look_at'), models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['until'], name='break_glass_open')],
                'constraints': [models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='break_glass_with_reason'), models.CheckConstraint(condition=models.Q(models.Q(('looked_at__isnull', True), ('looked_by__isnull', True), ('note', '')), models.Q(('looked_at__isnull', False), ('looked_by__isnull', False), models.Q(('note', ''), _negated=True), models.Q(('looked_by', models.F('by')), _negated=True)), _connector='OR'), name='break_glass_looked_at_by_another_with_a_note')],
            },
        ),
        migrations.RunSQL(PUT_UP, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                f"CREATE POLICY records_opened ON {table} FOR SELECT USING ({rows})",
                f"DROP POLICY records_opened ON {table}",
            )
            for table, rows in READABLE.items()
        ),
    ]

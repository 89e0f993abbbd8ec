"""Records that are marked as sensitive, and the reasons with which they were opened."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = (
    "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
)
OPENED = "(SELECT nullif(current_setting('portal.opened', true), '')::bigint[])"
PUT_UP = f"""
    ALTER TABLE reviews_sensitivemark ENABLE ROW LEVEL SECURITY;
    ALTER TABLE reviews_sensitivemark FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON reviews_sensitivemark
        USING ({ALL} OR practice_id = ANY ({PRACTICES}::bigint[]));
    CREATE POLICY records_opened ON reviews_sensitivemark
        FOR SELECT USING (patient_id = ANY ({OPENED}::bigint[]));
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0048_break_glass'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SensitiveMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('staff', 'Works here, or is close to somebody who does'), ('public', 'Publicly known'), ('other', 'At risk from being found, or another reason')], max_length=6)),
                ('reason', models.CharField(max_length=300)),
                ('set_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('removed_at', models.DateTimeField(null=True)),
                ('removal_reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.AlterModelOptions(
            name='breakglass',
            options={'verbose_name_plural': 'records opened with a reason'},
        ),
        migrations.AddField(
            model_name='breakglass',
            name='kind',
            field=models.CharField(choices=[('emergency', 'In an emergency'), ('sensitive', 'Marked as sensitive')], db_default='emergency', default='emergency', max_length=9),
        ),
        migrations.AddConstraint(
            model_name='breakglass',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['emergency', 'sensitive'])), name='break_glass_kind_known'),
        ),
        migrations.AddField(
            model_name='sensitivemark',
            name='patient',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient'),
        ),
        migrations.AddField(
            model_name='sensitivemark',
            name='practice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice'),
        ),
        migrations.AddField(
            model_name='sensitivemark',
            name='removed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='sensitivemark',
            name='set_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='sensitivemark',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['staff', 'public', 'other'])), name='sensitive_mark_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='sensitivemark',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='sensitive_mark_with_reason'),
        ),
        migrations.AddConstraint(
            model_name='sensitivemark',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('removal_reason', ''), ('removed_at__isnull', True), ('removed_by__isnull', True)), models.Q(('removed_at__isnull', False), ('removed_by__isnull', False), models.Q(('removal_reason', ''), _negated=True)), _connector='OR'), name='sensitive_mark_removed_with_reason'),
        ),
        migrations.AddConstraint(
            model_name='sensitivemark',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('patient',), name='sensitive_mark_once'),
        ),
        migrations.RunSQL(PUT_UP, migrations.RunSQL.noop),
    ]

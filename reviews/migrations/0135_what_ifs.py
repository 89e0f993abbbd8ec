"""What drafts of rule books would do."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# As `reviews.walls` says it; a migration keeps the words of its day.
ALL = "(SELECT current_setting('portal.practices', true) = 'all')"
PRACTICES = "(SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
OF_PRACTICE = f"{ALL} OR practice_id = ANY ({PRACTICES}::bigint[])"
TABLES = ("reviews_whatifcase", "reviews_whatifeffect")
PUT_UP = "".join(
    f"""
    ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
    CREATE POLICY practices ON {table} USING ({OF_PRACTICE});
    """
    for table in TABLES
)
TAKE_DOWN = "".join(
    f"""
    DROP POLICY practices ON {table};
    ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
    """
    for table in reversed(TABLES)
)


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0130_upkeep'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WhatIf',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('as_of', models.DateField()),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('practice_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('medicine_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('judged', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('seconds_each', models.FloatField(null=True)),
                ('timed', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('against', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion')),
                ('asked_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('engine', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.engine')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='what_if', to='reviews.job')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='what_ifs', to='reviews.ruleversion')),
            ],
        ),
        migrations.CreateModel(
            name='WhatIfCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.PositiveSmallIntegerField(null=True)),
                ('after', models.PositiveSmallIntegerField(null=True)),
                ('cards_before', models.PositiveSmallIntegerField()),
                ('cards_after', models.PositiveSmallIntegerField()),
                ('patient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('what_if', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='reviews.whatif')),
            ],
        ),
        migrations.CreateModel(
            name='WhatIfCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('effect', models.CharField(choices=[('opened', 'Opened'), ('closed', 'Closed'), ('raised', 'More urgent'), ('lowered', 'Less urgent'), ('reworded', 'Said otherwise')], max_length=10)),
                ('age_band', models.CharField(blank=True, choices=[('0', 'Under 18'), ('18', '18 to 64'), ('65', '65 to 74'), ('75', '75 to 84'), ('85', '85 and over'), ('', 'Not known')], max_length=2)),
                ('became', models.CharField(choices=[('changed', 'Plan changed'), ('left', 'Left, with a reason'), ('data', 'Wrong data'), ('not_relevant', 'Not relevant'), ('never', 'Never looked at')], max_length=12)),
                ('flags', models.PositiveIntegerField()),
                ('reopened', models.PositiveIntegerField()),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('what_if', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='counts', to='reviews.whatif')),
            ],
        ),
        migrations.CreateModel(
            name='WhatIfEffect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('key', models.CharField(max_length=200)),
                ('effect', models.CharField(choices=[('opened', 'Opened'), ('closed', 'Closed'), ('raised', 'More urgent'), ('lowered', 'Less urgent'), ('reworded', 'Said otherwise')], max_length=10)),
                ('before', models.PositiveSmallIntegerField(null=True)),
                ('after', models.PositiveSmallIntegerField(null=True)),
                ('age_band', models.CharField(blank=True, choices=[('0', 'Under 18'), ('18', '18 to 64'), ('65', '65 to 74'), ('75', '75 to 84'), ('85', '85 and over'), ('', 'Not known')], max_length=2)),
                ('became', models.CharField(choices=[('changed', 'Plan changed'), ('left', 'Left, with a reason'), ('data', 'Wrong data'), ('not_relevant', 'Not relevant'), ('never', 'Never looked at')], max_length=12)),
                ('reopens', models.BooleanField(default=False)),
                ('sentence', models.TextField(blank=True)),
                ('patient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('what_if', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='effects', to='reviews.whatif')),
            ],
        ),
        migrations.CreateModel(
            name='WhatIfPractice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('people', models.PositiveIntegerField()),
                ('in_use', models.PositiveIntegerField()),
                ('cases', models.PositiveIntegerField()),
                ('cases_opened', models.PositiveIntegerField()),
                ('cases_closed', models.PositiveIntegerField()),
                ('urgent', models.PositiveIntegerField()),
                ('urgent_more', models.PositiveIntegerField()),
                ('urgent_less', models.PositiveIntegerField()),
                ('cards', models.PositiveIntegerField()),
                ('more_cards', models.IntegerField()),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('what_if', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='practices', to='reviews.whatif')),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatif',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='1e20cfff994f546d2c9bdf6bc48317efc8fdc2dd', operation='DELETE', pgid='pgtrigger_no_delete_f0dd1', table='reviews_whatif', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatif',
            trigger=pgtrigger.compiler.Trigger(name='finished_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."finished_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='cffc96d2692cffa6e9c3ad18c7083b7c76977cfe', operation='UPDATE', pgid='pgtrigger_finished_for_good_f43e7', table='reviews_whatif', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatif',
            trigger=pgtrigger.compiler.Trigger(name='only_prepared_or_finished', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."job_id" IS DISTINCT FROM (NEW."job_id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."against_id" IS DISTINCT FROM (NEW."against_id") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."engine_id" IS DISTINCT FROM (NEW."engine_id") OR OLD."as_of" IS DISTINCT FROM (NEW."as_of") OR OLD."asked_by_id" IS DISTINCT FROM (NEW."asked_by_id") OR OLD."asked_at" IS DISTINCT FROM (NEW."asked_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='321f0949a07235da98889ff5f635136c9c89518b', operation='UPDATE', pgid='pgtrigger_only_prepared_or_finished_b7b93', table='reviews_whatif', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifcase',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b805b3fc23b03a0cfb20ec620fcc5fd3f699061c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_faafd', table='reviews_whatifcase', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='whatifcount',
            constraint=models.UniqueConstraint(fields=('what_if', 'practice', 'rule_id', 'effect', 'age_band', 'became'), name='whatifcount_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifcount',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a88cdfb1d3fdf08da511bb2d7ee649309f02a341', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4cdcc', table='reviews_whatifcount', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='whatifeffect',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('after__isnull', False), ('before', None), ('effect', 'opened')), models.Q(('after', None), ('before__isnull', False), ('effect', 'closed')), models.Q(('before__gt', models.F('after')), ('effect', 'raised')), models.Q(('before__lt', models.F('after')), ('effect', 'lowered')), models.Q(('before', models.F('after')), ('effect', 'reworded')), _connector='OR'), name='whatifeffect_is_a_difference'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifeffect',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='702b9313d0f6b320e80a4384f06e5a6da9e3a481', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_0b63e', table='reviews_whatifeffect', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='whatifpractice',
            constraint=models.UniqueConstraint(fields=('what_if', 'practice'), name='whatifpractice_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifpractice',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='dd35f10418fe2c9c5a148e7d384b56960c4ef1ab', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cfa32', table='reviews_whatifpractice', when='BEFORE')),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

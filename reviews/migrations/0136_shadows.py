"""Drafts of rule books that run silently beside the live one."""

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
TABLES = ("reviews_shadowflag",)
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
        ('reviews', '0135_what_ifs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Shadow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('begun_on', models.DateField()),
                ('last_day', models.DateField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('begun_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shadows', to='reviews.ruleversion')),
            ],
        ),
        migrations.CreateModel(
            name='ShadowFlag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('key', models.CharField(max_length=200)),
                ('effect', models.CharField(choices=[('opened', 'Opened'), ('closed', 'Closed'), ('raised', 'More urgent'), ('lowered', 'Less urgent'), ('reworded', 'Said otherwise')], max_length=10)),
                ('before', models.PositiveSmallIntegerField(null=True)),
                ('after', models.PositiveSmallIntegerField(null=True)),
                ('begun_on', models.DateField()),
                ('ended_on', models.DateField(null=True)),
                ('patient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.patient')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('shadow', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='reviews.shadow')),
            ],
        ),
        migrations.AddConstraint(
            model_name='shadow',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('practice',), name='shadow_one_at_a_practice'),
        ),
        migrations.AddConstraint(
            model_name='shadow',
            constraint=models.CheckConstraint(condition=models.Q(('last_day__gte', models.F('begun_on'))), name='shadow_has_days'),
        ),
        migrations.AddConstraint(
            model_name='shadow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='shadow_ended_by_somebody'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadow',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='f48f28b187f792570c64fc448cb2663a5634e976', operation='DELETE', pgid='pgtrigger_no_delete_bdfe0', table='reviews_shadow', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadow',
            trigger=pgtrigger.compiler.Trigger(name='ended_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a674bb9fa23ad15e42ed399c653cbb0d8866efa3', operation='UPDATE', pgid='pgtrigger_ended_for_good_f5504', table='reviews_shadow', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadow',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."begun_by_id" IS DISTINCT FROM (NEW."begun_by_id") OR OLD."begun_at" IS DISTINCT FROM (NEW."begun_at") OR OLD."begun_on" IS DISTINCT FROM (NEW."begun_on") OR OLD."last_day" IS DISTINCT FROM (NEW."last_day"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='96859a952b7a23fc6b75860d78420b71b179215c', operation='UPDATE', pgid='pgtrigger_only_ended_fd765', table='reviews_shadow', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='shadowflag',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_on', None)), fields=('shadow', 'patient', 'rule_id', 'key'), name='shadowflag_once_while_it_holds'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadowflag',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='617b6a9daf3869759c367163ece46b642accdb73', operation='DELETE', pgid='pgtrigger_no_delete_23e63', table='reviews_shadowflag', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadowflag',
            trigger=pgtrigger.compiler.Trigger(name='ended_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_on" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b09f53de061b3fe45ac492e3f04a7e9e12f5cffa', operation='UPDATE', pgid='pgtrigger_ended_once_83a81', table='reviews_shadowflag', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='shadowflag',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."shadow_id" IS DISTINCT FROM (NEW."shadow_id") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."effect" IS DISTINCT FROM (NEW."effect") OR OLD."before" IS DISTINCT FROM (NEW."before") OR OLD."after" IS DISTINCT FROM (NEW."after") OR OLD."begun_on" IS DISTINCT FROM (NEW."begun_on"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='0b4e2ac65d87ccc12a9ee14ae8c1a00fb2b797d0', operation='UPDATE', pgid='pgtrigger_only_ended_a3f4b', table='reviews_shadowflag', when='BEFORE')),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

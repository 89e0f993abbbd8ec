"""Groups of practices, which practice is in one when, and edits of rules for a group."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0145_rules_by_two_people'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GroupMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('reason', models.CharField(max_length=500)),
                ('until', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='PracticeGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('profile', models.CharField(choices=[('UK', 'United Kingdom'), ('US', 'United States'), ('EU', 'European Union')], max_length=2)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='rulechange',
            name='only_withdrawn',
        ),
        migrations.RemoveConstraint(
            model_name='rulechange',
            name='rulechange_of_a_profile_or_a_practice',
        ),
        migrations.RemoveConstraint(
            model_name='rulechange',
            name='rulechange_one_of_a_fact_in_a_draft',
        ),
        migrations.AddField(
            model_name='groupmember',
            name='by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='ended_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='practice',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='groups', to='reviews.practice'),
        ),
        migrations.AddField(
            model_name='practicegroup',
            name='made_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='members', to='reviews.practicegroup'),
        ),
        migrations.AddField(
            model_name='rulechange',
            name='group',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practicegroup'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='only_withdrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."draft_id" IS DISTINCT FROM (NEW."draft_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."group_id" IS DISTINCT FROM (NEW."group_id") OR OLD."field" IS DISTINCT FROM (NEW."field") OR OLD."before" IS DISTINCT FROM (NEW."before") OR OLD."after" IS DISTINCT FROM (NEW."after") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c0b71b61dcfcee913ba9cad7bade98dae6b09352', operation='UPDATE', pgid='pgtrigger_only_withdrawn_70bc8', table='reviews_rulechange', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('profile', ''), _negated=True), ('group', None), ('practice', None)), models.Q(('group', None), ('practice__isnull', False), ('profile', '')), models.Q(('group__isnull', False), ('practice', None), ('profile', '')), _connector='OR'), name='rulechange_of_a_profile_or_a_practice'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('draft', 'rule_id', 'profile', 'practice', 'group', 'field'), name='rulechange_one_of_a_fact_in_a_draft', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='practicegroup',
            constraint=models.CheckConstraint(condition=models.Q(('profile__in', ['UK', 'US', 'EU'])), name='practicegroup_profile_known'),
        ),
        migrations.AddConstraint(
            model_name='practicegroup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('code', ''), _negated=True), models.Q(('name', ''), _negated=True)), name='practicegroup_has_a_name'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='practicegroup',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='67d68bb1f5399cf2ea68985cc1fbbdb39c5f5dd2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_57ae3', table='reviews_practicegroup', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='groupmember',
            index=models.Index(fields=['practice', 'since'], name='groupmember_then'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(condition=models.Q(('until', None)), fields=('practice',), name='groupmember_of_one_group'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='groupmember_says_why'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_by', None), ('until', None)), models.Q(('ended_by__isnull', False), ('until__isnull', False), ('until__gte', models.F('since'))), _connector='OR'), name='groupmember_ended_by_somebody'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='9dd06014bb67df7e367fb1cdccdcc8d16b0b0259', operation='DELETE', pgid='pgtrigger_no_delete_f30f3', table='reviews_groupmember', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='ended_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."until" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='8ffcf639e08d4cc6bd8b09fe999df88b2e68b201', operation='UPDATE', pgid='pgtrigger_ended_for_good_2598d', table='reviews_groupmember', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='groupmember',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."group_id" IS DISTINCT FROM (NEW."group_id") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."since" IS DISTINCT FROM (NEW."since") OR OLD."reason" IS DISTINCT FROM (NEW."reason"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='fc08a7c8e7fa122d94e26e0a5262e9a0a7a8e889', operation='UPDATE', pgid='pgtrigger_only_ended_ac73b', table='reviews_groupmember', when='BEFORE')),
        ),
    ]

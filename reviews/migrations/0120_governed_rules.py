"""Edits of rule books, the drafts that they are made in, and what a published book says for good."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0114_deleted_resources'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='ruleversion',
            name='frozen',
        ),
        migrations.CreateModel(
            name='RuleChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('profile', models.CharField(blank=True, choices=[('UK', 'United Kingdom'), ('US', 'United States'), ('EU', 'European Union')], max_length=2)),
                ('field', models.CharField(max_length=60)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('source', models.CharField(max_length=300)),
                ('locator', models.CharField(max_length=200)),
                ('reviewed', models.DateField()),
                ('next_review', models.DateField()),
                ('reason', models.CharField(max_length=1000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RuleDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('put_away_at', models.DateTimeField(blank=True, null=True)),
                ('put_away_reason', models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='agreement',
            field=models.CharField(blank=True, db_default='', max_length=2000),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='change_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='editor_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='formulary_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='rolls_back_to',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='rulechange',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rulechange',
            name='practice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice'),
        ),
        migrations.AddField(
            model_name='rulechange',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruledraft',
            name='base',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='ruledraft',
            name='begun_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruledraft',
            name='put_away_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rulechange',
            name='draft',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='reviews.ruledraft'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='made_of',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='reviews.ruledraft'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=django.db.models.lookups.IsNull(models.Func(models.F('editor_ids'), models.F('published_by_id'), function='array_position', output_field=models.IntegerField()), True), name='published_by_nobody_who_edited'),
        ),
        migrations.AddConstraint(
            model_name='ruledraft',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='ruledraft_has_a_title'),
        ),
        migrations.AddConstraint(
            model_name='ruledraft',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('put_away_at', None), ('put_away_by', None), ('put_away_reason', '')), models.Q(('put_away_at__isnull', False), ('put_away_by__isnull', False), models.Q(('put_away_reason', ''), _negated=True)), _connector='OR'), name='ruledraft_put_away_by_somebody'),
        ),
        migrations.AddIndex(
            model_name='rulechange',
            index=models.Index(fields=['rule_id', 'field'], name='rulechange_by_fact'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('profile', ''), _negated=True), ('practice', None)), models.Q(('practice__isnull', False), ('profile', '')), _connector='OR'), name='rulechange_of_a_profile_or_a_practice'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('source', ''), _negated=True), models.Q(('locator', ''), _negated=True), models.Q(('reason', ''), _negated=True)), name='rulechange_says_who_says_so'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(('next_review__gt', models.F('reviewed'))), name='rulechange_read_again_later'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='rulechange_withdrawn_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='rulechange',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('draft', 'rule_id', 'profile', 'practice', 'field'), name='rulechange_one_of_a_fact_in_a_draft', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."book" IS DISTINCT FROM (NEW."book") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."note" IS DISTINCT FROM (NEW."note") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id") OR OLD."drafted_at" IS DISTINCT FROM (NEW."drafted_at") OR OLD."made_of_id" IS DISTINCT FROM (NEW."made_of_id") OR OLD."change_ids" IS DISTINCT FROM (NEW."change_ids") OR OLD."editor_ids" IS DISTINCT FROM (NEW."editor_ids") OR OLD."formulary_at" IS DISTINCT FROM (NEW."formulary_at") OR OLD."rolls_back_to_id" IS DISTINCT FROM (NEW."rolls_back_to_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ea21675e7759c206ebb3dd93a8e78bafe0105701', operation='UPDATE', pgid='pgtrigger_frozen_97c5a', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='published_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."published_at" IS NOT NULL AND (OLD."published_at" IS DISTINCT FROM NEW."published_at" OR OLD."published_by_id" IS DISTINCT FROM NEW."published_by_id" OR OLD."agreement" IS DISTINCT FROM NEW."agreement" OR OLD."engine_id" IS DISTINCT FROM NEW."engine_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='24a725c280086899b65cc5b05a0d3dca02e90f03', operation='UPDATE', pgid='pgtrigger_published_once_55e9d', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='no_way_back', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."state" = \'retired\' OR (NEW."state" = \'draft\' AND OLD."state" = \'published\'))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='d67e4eb5cd20b4e206d31efa20ef5b6dfec327e3', operation='UPDATE', pgid='pgtrigger_no_way_back_8ca92', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='agreed_in_words', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."agreement" = \'\' AND NEW."published_at" IS NOT NULL AND NEW."published_by_id" IS NOT NULL AND OLD."published_at" IS NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='bdbab66f60ef52d6a96daa7643836ced720d628e', operation='UPDATE', pgid='pgtrigger_agreed_in_words_177b0', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruledraft',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='0d57f20d5829358e429c148038c45702f7f295d6', operation='DELETE', pgid='pgtrigger_no_delete_eddc0', table='reviews_ruledraft', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruledraft',
            trigger=pgtrigger.compiler.Trigger(name='put_away_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."put_away_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='12b3236f3ee1cfeebb8ee6b800f96547698e5a96', operation='UPDATE', pgid='pgtrigger_put_away_for_good_7ce7c', table='reviews_ruledraft', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruledraft',
            trigger=pgtrigger.compiler.Trigger(name='only_based_or_put_away', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."begun_by_id" IS DISTINCT FROM (NEW."begun_by_id") OR OLD."begun_at" IS DISTINCT FROM (NEW."begun_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b3ea515d3b3ddd0266937eeec8f8d7d950bcd99a', operation='UPDATE', pgid='pgtrigger_only_based_or_put_away_bbc9b', table='reviews_ruledraft', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='b06feb79a10290c91388b17c482927c348952074', operation='DELETE', pgid='pgtrigger_no_delete_d45e8', table='reviews_rulechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='withdrawn_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."withdrawn_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='e60799ab4cba3d5abbb47454b2863c722508abc0', operation='UPDATE', pgid='pgtrigger_withdrawn_once_b98e2', table='reviews_rulechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='only_withdrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."draft_id" IS DISTINCT FROM (NEW."draft_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."field" IS DISTINCT FROM (NEW."field") OR OLD."before" IS DISTINCT FROM (NEW."before") OR OLD."after" IS DISTINCT FROM (NEW."after") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='827ede34999b783be21739ac5bd91bba3f3059d7', operation='UPDATE', pgid='pgtrigger_only_withdrawn_70bc8', table='reviews_rulechange', when='BEFORE')),
        ),
    ]

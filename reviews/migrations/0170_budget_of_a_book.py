"""The burden budget that a rule book carries into a guarded run."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0160_guarded_notices'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='ruleversion',
            name='frozen',
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='budget_source',
            field=models.CharField(blank=True, db_default='', max_length=300),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='most_cases',
            field=models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='most_urgent',
            field=models.DecimalField(blank=True, decimal_places=1, max_digits=4, null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='frozen', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."book" IS DISTINCT FROM (NEW."book") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."note" IS DISTINCT FROM (NEW."note") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id") OR OLD."drafted_at" IS DISTINCT FROM (NEW."drafted_at") OR OLD."made_of_id" IS DISTINCT FROM (NEW."made_of_id") OR OLD."change_ids" IS DISTINCT FROM (NEW."change_ids") OR OLD."editor_ids" IS DISTINCT FROM (NEW."editor_ids") OR OLD."formulary_at" IS DISTINCT FROM (NEW."formulary_at") OR OLD."rolls_back_to_id" IS DISTINCT FROM (NEW."rolls_back_to_id") OR OLD."most_cases" IS DISTINCT FROM (NEW."most_cases") OR OLD."most_urgent" IS DISTINCT FROM (NEW."most_urgent") OR OLD."budget_source" IS DISTINCT FROM (NEW."budget_source"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='181db6a57384e13f7f2980b77dd07370ef19bd91', operation='UPDATE', pgid='pgtrigger_frozen_97c5a', table='reviews_ruleversion', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('budget_source', ''), ('most_cases', None), ('most_urgent', None)), models.Q(('most_cases__gt', 0), ('most_cases__lte', 100), ('most_urgent__gt', 0), ('most_urgent__lte', 100), models.Q(('budget_source', ''), _negated=True)), _connector='OR'), name='budget_is_whole_or_absent'),
        ),
    ]

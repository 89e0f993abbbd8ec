"""What practices and groups of practices can get of the formulary."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('drugs', '0002_releases'),
        ('reviews', '0150_practice_groups'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LocalStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('available', 'Available'), ('restricted', 'Restricted'), ('not-stocked', 'Not stocked')], max_length=11)),
                ('restricted_to', models.CharField(blank=True, max_length=300)),
                ('source', models.CharField(max_length=300)),
                ('locator', models.CharField(max_length=200)),
                ('reviewed', models.DateField()),
                ('next_review', models.DateField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practicegroup')),
                ('ingredient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drugs.ingredient')),
                ('practice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('group', None), ('practice__isnull', False)), models.Q(('group__isnull', False), ('practice', None)), _connector='OR'), name='localstatus_of_a_practice_or_a_group'), models.CheckConstraint(condition=models.Q(('status__in', ['available', 'restricted', 'not-stocked'])), name='localstatus_known'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'restricted'), models.Q(('restricted_to', ''), _negated=True)), models.Q(models.Q(('status', 'restricted'), _negated=True), ('restricted_to', '')), _connector='OR'), name='localstatus_restricted_to_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('source', ''), _negated=True), models.Q(('locator', ''), _negated=True)), name='localstatus_says_who_says_so'), models.CheckConstraint(condition=models.Q(('next_review__gt', models.F('reviewed'))), name='localstatus_read_again_later'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='localstatus_ended_by_somebody'), models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('ingredient', 'practice', 'group'), name='localstatus_one_of_a_medicine', nulls_distinct=False)],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='localstatus',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='1df518d0c5e606194d5a7f7785e658104b568be7', operation='DELETE', pgid='pgtrigger_no_delete_97b12', table='reviews_localstatus', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='localstatus',
            trigger=pgtrigger.compiler.Trigger(name='ended_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7a51bb209421ff4f46dffd03e8d9bd28edc492d2', operation='UPDATE', pgid='pgtrigger_ended_for_good_e5795', table='reviews_localstatus', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='localstatus',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."ingredient_id" IS DISTINCT FROM (NEW."ingredient_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."group_id" IS DISTINCT FROM (NEW."group_id") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."restricted_to" IS DISTINCT FROM (NEW."restricted_to") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='6fdcab06e657698e1587676594a8c072b0c49b3c', operation='UPDATE', pgid='pgtrigger_only_ended_3bddf', table='reviews_localstatus', when='BEFORE')),
        ),
    ]

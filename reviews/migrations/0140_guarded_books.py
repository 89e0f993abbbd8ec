"""A frozen draft that judges at some practices first, within a burden budget."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0136_shadows'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GuardedBook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('most_cases', models.DecimalField(decimal_places=1, max_digits=4)),
                ('most_urgent', models.DecimalField(decimal_places=1, max_digits=4)),
                ('budget_source', models.CharField(max_length=300)),
                ('agreement', models.CharField(max_length=2000)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('outcome', models.CharField(choices=[('running', 'Guarded'), ('live', 'Live'), ('back', 'Rolled back')], default='running', max_length=8)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('why', models.CharField(blank=True, max_length=1000)),
                ('against', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion')),
                ('begun_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='guards', to='reviews.ruleversion')),
            ],
        ),
        migrations.CreateModel(
            name='GuardedPractice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.PositiveSmallIntegerField()),
                ('of_stage', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(max_length=1000)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('outcome', models.CharField(choices=[('running', 'Guarded'), ('stopped', 'Stopped itself'), ('back', 'Rolled back'), ('live', 'Live')], default='running', max_length=8)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('why', models.CharField(blank=True, max_length=1000)),
                ('begun_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('guard', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='practices', to='reviews.guardedbook')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
        ),
        migrations.CreateModel(
            name='GuardedPoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('day', models.PositiveIntegerField()),
                ('look', models.PositiveIntegerField()),
                ('people', models.PositiveIntegerField(default=0)),
                ('in_use', models.PositiveIntegerField(default=0)),
                ('cases', models.PositiveIntegerField(default=0)),
                ('urgent', models.PositiveIntegerField(default=0)),
                ('halts_at_cases', models.PositiveIntegerField(null=True)),
                ('halts_at_urgent', models.PositiveIntegerField(null=True)),
                ('waiting', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('guarded', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='points', to='reviews.guardedpractice')),
            ],
        ),
        migrations.AddConstraint(
            model_name='guardedbook',
            constraint=models.UniqueConstraint(condition=models.Q(('outcome', 'running')), fields=('outcome',), name='guardedbook_one_runs'),
        ),
        migrations.AddConstraint(
            model_name='guardedbook',
            constraint=models.CheckConstraint(condition=models.Q(('most_cases__gt', 0), ('most_cases__lte', 100), ('most_urgent__gt', 0), ('most_urgent__lte', 100), models.Q(('budget_source', ''), _negated=True)), name='guardedbook_has_a_budget'),
        ),
        migrations.AddConstraint(
            model_name='guardedbook',
            constraint=models.CheckConstraint(condition=models.Q(('agreement', ''), _negated=True), name='guardedbook_agreed_in_words'),
        ),
        migrations.AddConstraint(
            model_name='guardedbook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None), ('outcome', 'running'), ('why', '')), models.Q(models.Q(('outcome', 'running'), _negated=True), ('ended_at__isnull', False), ('ended_by__isnull', False), models.Q(('why', ''), _negated=True)), _connector='OR'), name='guardedbook_ended_by_somebody'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedbook',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='277264a6e3332cfc478b7b3baa67d6b9472b50c7', operation='DELETE', pgid='pgtrigger_no_delete_c4320', table='reviews_guardedbook', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedbook',
            trigger=pgtrigger.compiler.Trigger(name='ended_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ca332dc9c02953ce30fc94be40ac49a8a7a6629b', operation='UPDATE', pgid='pgtrigger_ended_for_good_c1dcf', table='reviews_guardedbook', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedbook',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."against_id" IS DISTINCT FROM (NEW."against_id") OR OLD."most_cases" IS DISTINCT FROM (NEW."most_cases") OR OLD."most_urgent" IS DISTINCT FROM (NEW."most_urgent") OR OLD."budget_source" IS DISTINCT FROM (NEW."budget_source") OR OLD."agreement" IS DISTINCT FROM (NEW."agreement") OR OLD."begun_by_id" IS DISTINCT FROM (NEW."begun_by_id") OR OLD."begun_at" IS DISTINCT FROM (NEW."begun_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ec4869bc6155e5d83d7ea20cebe0eb4b938504f6', operation='UPDATE', pgid='pgtrigger_only_ended_7988a', table='reviews_guardedbook', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedbook',
            trigger=pgtrigger.compiler.Trigger(name='begun_by_a_second_person', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE book reviews_ruleversion%ROWTYPE;', func="\n                    SELECT * INTO book FROM reviews_ruleversion WHERE id = NEW.version_id;\n                    IF book.state <> 'draft' THEN\n                        RAISE EXCEPTION 'only a draft is guarded';\n                    END IF;\n                    IF NEW.begun_by_id IS NOT DISTINCT FROM book.drafted_by_id\n                        OR NEW.begun_by_id = ANY (book.editor_ids) THEN\n                        RAISE EXCEPTION 'a second person lets a draft judge';\n                    END IF;\n                    RETURN NEW;\n                ", hash='70b18e2372969df02032122b72151eb093643aa0', operation='INSERT', pgid='pgtrigger_begun_by_a_second_person_f1ff0', table='reviews_guardedbook', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='guardedpractice',
            constraint=models.UniqueConstraint(condition=models.Q(('outcome', 'running')), fields=('practice',), name='guardedpractice_one_runs_at_a_practice'),
        ),
        migrations.AddConstraint(
            model_name='guardedpractice',
            constraint=models.CheckConstraint(condition=models.Q(('of_stage__gte', 1), ('stage__gte', 1), models.Q(('reason', ''), _negated=True)), name='guardedpractice_counts'),
        ),
        migrations.AddConstraint(
            model_name='guardedpractice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None), ('outcome', 'running'), ('why', '')), models.Q(models.Q(('outcome', 'running'), _negated=True), ('ended_at__isnull', False), models.Q(('why', ''), _negated=True)), _connector='OR'), name='guardedpractice_ended_with_why'),
        ),
        migrations.AddConstraint(
            model_name='guardedpractice',
            constraint=models.CheckConstraint(condition=models.Q(('outcome', 'running'), models.Q(('ended_by', None), ('outcome', 'stopped')), models.Q(('ended_by__isnull', False), ('outcome__in', ['back', 'live'])), _connector='OR'), name='guardedpractice_ended_by_somebody_or_itself'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedpractice',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='2b564f29006f8973c275d98883310db43c0130da', operation='DELETE', pgid='pgtrigger_no_delete_29a38', table='reviews_guardedpractice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedpractice',
            trigger=pgtrigger.compiler.Trigger(name='ended_for_good', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='54301c078b6e7f9273e247a8f420bad891dab5a6', operation='UPDATE', pgid='pgtrigger_ended_for_good_fd73e', table='reviews_guardedpractice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedpractice',
            trigger=pgtrigger.compiler.Trigger(name='only_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."guard_id" IS DISTINCT FROM (NEW."guard_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."stage" IS DISTINCT FROM (NEW."stage") OR OLD."of_stage" IS DISTINCT FROM (NEW."of_stage") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."begun_by_id" IS DISTINCT FROM (NEW."begun_by_id") OR OLD."begun_at" IS DISTINCT FROM (NEW."begun_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='204a94ce1de9eee6851e9a8ba157ab75c572b2a6', operation='UPDATE', pgid='pgtrigger_only_ended_37d26', table='reviews_guardedpractice', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='guardedpoint',
            constraint=models.UniqueConstraint(condition=models.Q(('look__gt', 0)), fields=('guarded', 'day', 'look'), name='guardedpoint_each_look_once'),
        ),
        migrations.AddConstraint(
            model_name='guardedpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('day', 0), ('look', 0), ('problem', '')), models.Q(('day__gt', 0), ('look__gt', 0), ('problem', '')), models.Q(('day__gt', 0), ('look', 0), models.Q(('problem', ''), _negated=True)), _connector='OR'), name='guardedpoint_judged_or_says_why_not'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guardedpoint',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='fcb9bb410441f91fdfa6ed5785564266a2ee892d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f01a9', table='reviews_guardedpoint', when='BEFORE')),
        ),
    ]

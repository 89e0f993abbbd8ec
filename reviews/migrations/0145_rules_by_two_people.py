"""Worked examples added here, answers to each edit, effects of single edits, and what a book changed."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0140_guarded_books'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BrokenExample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('profile', models.CharField(blank=True, choices=[('UK', 'United Kingdom'), ('US', 'United States'), ('EU', 'European Union')], max_length=2)),
                ('title', models.CharField(max_length=200)),
                ('expected', models.CharField(max_length=20)),
                ('said', models.CharField(max_length=20)),
                ('said_live', models.CharField(blank=True, max_length=20)),
                ('found_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('explained_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EditAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answer', models.CharField(choices=[('agree', 'Read it and agree'), ('send_back', 'Send it back')], max_length=9)),
                ('words', models.CharField(blank=True, max_length=1000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='RuleExample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_id', models.CharField(max_length=10)),
                ('profile', models.CharField(blank=True, choices=[('UK', 'United Kingdom'), ('US', 'United States'), ('EU', 'European Union')], max_length=2)),
                ('title', models.CharField(max_length=200)),
                ('record', models.JSONField()),
                ('expected', models.CharField(choices=[('flag', 'Should flag'), ('quiet', 'Should not flag')], max_length=5)),
                ('source', models.CharField(max_length=300)),
                ('locator', models.CharField(max_length=200)),
                ('reviewed', models.DateField()),
                ('next_review', models.DateField()),
                ('reason', models.CharField(max_length=1000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_reason', models.CharField(blank=True, max_length=1000)),
            ],
        ),
        migrations.CreateModel(
            name='WhatIfEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opened', models.PositiveIntegerField()),
                ('raised', models.PositiveIntegerField()),
                ('lowered', models.PositiveIntegerField()),
                ('closed', models.PositiveIntegerField()),
                ('closed_looked_at', models.PositiveIntegerField()),
                ('closed_changed', models.PositiveIntegerField()),
                ('reworded', models.PositiveIntegerField()),
                ('people', models.PositiveIntegerField()),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='flag',
            name='only_settled_or_ended',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='whatifcase',
            name='append_only',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='whatifeffect',
            name='append_only',
        ),
        migrations.AddField(
            model_name='flag',
            name='ended_version',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='flag',
            name='new_since',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='flag',
            trigger=pgtrigger.compiler.Trigger(name='only_settled_or_ended', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."severity" IS DISTINCT FROM (NEW."severity") OR OLD."leads" IS DISTINCT FROM (NEW."leads") OR OLD."mode" IS DISTINCT FROM (NEW."mode") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."sentence" IS DISTINCT FROM (NEW."sentence") OR OLD."facts" IS DISTINCT FROM (NEW."facts") OR OLD."clears" IS DISTINCT FROM (NEW."clears") OR OLD."unknown" IS DISTINCT FROM (NEW."unknown") OR OLD."prescription_ids" IS DISTINCT FROM (NEW."prescription_ids") OR OLD."digest" IS DISTINCT FROM (NEW."digest") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."engine_id" IS DISTINCT FROM (NEW."engine_id") OR OLD."as_of" IS DISTINCT FROM (NEW."as_of") OR OLD."raised_at" IS DISTINCT FROM (NEW."raised_at") OR OLD."supersedes_id" IS DISTINCT FROM (NEW."supersedes_id") OR OLD."new_since_id" IS DISTINCT FROM (NEW."new_since_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='669bdc014294dc49ad01fc44f18ec26e2d3018a3', operation='UPDATE', pgid='pgtrigger_only_settled_or_ended_f45a0', table='reviews_flag', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='broken_examples_explained', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."published_at" IS NOT NULL AND OLD."published_at" IS NULL)', func="\n                    IF EXISTS (\n                        SELECT FROM reviews_brokenexample\n                        WHERE version_id = NEW.id AND explained_at IS NULL\n                    ) THEN\n                        RAISE EXCEPTION 'a worked example is broken, and nobody said why';\n                    END IF;\n                    RETURN NEW;\n                ", hash='02e08b04b59056e46c845321428cb14ff13a7177', operation='UPDATE', pgid='pgtrigger_broken_examples_explained_d1564', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='each_edit_agreed', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."published_at" IS NOT NULL AND OLD."published_at" IS NULL)', func="\n                    IF EXISTS (\n                        SELECT FROM reviews_rulechange c\n                        WHERE c.draft_id = NEW.made_of_id AND c.id = ANY (NEW.change_ids)\n                            AND NOT EXISTS (\n                                SELECT FROM reviews_editanswer a\n                                WHERE a.version_id = NEW.id AND a.change_id = c.id\n                                    AND a.by_id = NEW.published_by_id AND a.answer = 'agree'\n                            )\n                    ) THEN\n                        RAISE EXCEPTION 'whoever publishes has not agreed to every edit';\n                    END IF;\n                    RETURN NEW;\n                ", hash='30a6a798d64e047e500329e2723a406f7bb80457', operation='UPDATE', pgid='pgtrigger_each_edit_agreed_3a3ac', table='reviews_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifcase',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='df1c0721e066721bcd9822db7ccd0d0265133f0a', operation='UPDATE', pgid='pgtrigger_append_only_faafd', table='reviews_whatifcase', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifcase',
            trigger=pgtrigger.compiler.Trigger(name='kept_for_a_month', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF EXISTS (\n                    SELECT FROM reviews_whatif\n                    WHERE id = OLD.what_if_id AND asked_at > now() - interval '30 days'\n                ) THEN\n                    RAISE EXCEPTION 'rows of a what-if are kept for 30 days at least';\n                END IF;\n                RETURN OLD;\n            ", hash='fe09ba348dfd0f3b09e5381b7a0b3b0941530a4d', operation='DELETE', pgid='pgtrigger_kept_for_a_month_49796', table='reviews_whatifcase', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifeffect',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='4c09c31180de15603c35993bc01ec2bd3a628f3b', operation='UPDATE', pgid='pgtrigger_append_only_0b63e', table='reviews_whatifeffect', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifeffect',
            trigger=pgtrigger.compiler.Trigger(name='kept_for_a_month', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF EXISTS (\n                    SELECT FROM reviews_whatif\n                    WHERE id = OLD.what_if_id AND asked_at > now() - interval '30 days'\n                ) THEN\n                    RAISE EXCEPTION 'rows of a what-if are kept for 30 days at least';\n                END IF;\n                RETURN OLD;\n            ", hash='0cbab38b3f8e44f1c03468a3bdb6c9aeecc4224f', operation='DELETE', pgid='pgtrigger_kept_for_a_month_6e886', table='reviews_whatifeffect', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='carried_from',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='engine',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.engine'),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='explained_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='practice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice'),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='broken_examples', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='editanswer',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='editanswer',
            name='change',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='reviews.rulechange'),
        ),
        migrations.AddField(
            model_name='editanswer',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='reviews.ruleversion'),
        ),
        migrations.AddField(
            model_name='ruleexample',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruleexample',
            name='practice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice'),
        ),
        migrations.AddField(
            model_name='ruleexample',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='brokenexample',
            name='example',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='broken', to='reviews.ruleexample'),
        ),
        migrations.AddField(
            model_name='whatifedit',
            name='change',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tried', to='reviews.rulechange'),
        ),
        migrations.AddField(
            model_name='whatifedit',
            name='what_if',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='edits', to='reviews.whatif'),
        ),
        migrations.AddConstraint(
            model_name='editanswer',
            constraint=models.CheckConstraint(condition=models.Q(('answer', 'agree'), models.Q(('words', ''), _negated=True), _connector='OR'), name='editanswer_sent_back_with_words'),
        ),
        migrations.AddConstraint(
            model_name='editanswer',
            constraint=models.UniqueConstraint(fields=('version', 'change', 'by', 'answer'), name='editanswer_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='editanswer',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='af16de7af82be3b6ccf272b4fd4a0998b5e3d828', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a5b18', table='reviews_editanswer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='editanswer',
            trigger=pgtrigger.compiler.Trigger(name='by_a_second_person', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF NOT EXISTS (\n                        SELECT FROM reviews_ruleversion v\n                        WHERE v.id = NEW.version_id AND v.state = 'draft'\n                            AND NEW.change_id = ANY (v.change_ids)\n                            AND v.drafted_by_id IS DISTINCT FROM NEW.by_id\n                            AND NOT NEW.by_id = ANY (v.editor_ids)\n                    ) THEN\n                        RAISE EXCEPTION 'edits of a draft are answered by somebody who made none';\n                    END IF;\n                    RETURN NEW;\n                ", hash='44c7eab035acb948b033cae2bf2a15d1a7933a70', operation='INSERT', pgid='pgtrigger_by_a_second_person_92b19', table='reviews_editanswer', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='ruleexample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('profile', ''), _negated=True), ('practice', None)), models.Q(('practice__isnull', False), ('profile', '')), _connector='OR'), name='ruleexample_of_a_profile_or_a_practice'),
        ),
        migrations.AddConstraint(
            model_name='ruleexample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('title', ''), _negated=True), models.Q(('source', ''), _negated=True), models.Q(('locator', ''), _negated=True), models.Q(('reason', ''), _negated=True)), name='ruleexample_says_who_says_so'),
        ),
        migrations.AddConstraint(
            model_name='ruleexample',
            constraint=models.CheckConstraint(condition=models.Q(('next_review__gt', models.F('reviewed'))), name='ruleexample_read_again_later'),
        ),
        migrations.AddConstraint(
            model_name='ruleexample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None), ('withdrawn_reason', '')), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False), models.Q(('withdrawn_reason', ''), _negated=True)), _connector='OR'), name='ruleexample_withdrawn_by_somebody_and_why'),
        ),
        migrations.AddConstraint(
            model_name='ruleexample',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('rule_id', 'profile', 'practice', 'title'), name='ruleexample_one_of_a_title', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleexample',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='4bac9c8ebb2f1741a57b1ccb55e12732a1c2b645', operation='DELETE', pgid='pgtrigger_no_delete_491d6', table='reviews_ruleexample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleexample',
            trigger=pgtrigger.compiler.Trigger(name='withdrawn_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."withdrawn_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='4528d767610e427796367bc149e1cca9f4e814ca', operation='UPDATE', pgid='pgtrigger_withdrawn_once_8ee47', table='reviews_ruleexample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleexample',
            trigger=pgtrigger.compiler.Trigger(name='only_withdrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."record" IS DISTINCT FROM (NEW."record") OR OLD."expected" IS DISTINCT FROM (NEW."expected") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='4e0c21870103205dac236c34d0fcc9177cbf268f', operation='UPDATE', pgid='pgtrigger_only_withdrawn_a6c66', table='reviews_ruleexample', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='brokenexample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('explained_at', None), ('explained_by', None), ('reason', '')), models.Q(('explained_at__isnull', False), ('explained_by__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='brokenexample_explained_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='brokenexample',
            constraint=models.UniqueConstraint(fields=('version', 'rule_id', 'profile', 'practice', 'example', 'title'), name='brokenexample_once_of_a_book', nulls_distinct=False),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='brokenexample',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='d7640559ea5b33fdc5cb295a7a83b0cd0aa07555', operation='DELETE', pgid='pgtrigger_no_delete_477b0', table='reviews_brokenexample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='brokenexample',
            trigger=pgtrigger.compiler.Trigger(name='explained_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."explained_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='8ee3cd72cd71061d5f8d1eccddd0ef628dcb85d6', operation='UPDATE', pgid='pgtrigger_explained_once_e4f98', table='reviews_brokenexample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='brokenexample',
            trigger=pgtrigger.compiler.Trigger(name='only_explained', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."example_id" IS DISTINCT FROM (NEW."example_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."expected" IS DISTINCT FROM (NEW."expected") OR OLD."said" IS DISTINCT FROM (NEW."said") OR OLD."said_live" IS DISTINCT FROM (NEW."said_live") OR OLD."engine_id" IS DISTINCT FROM (NEW."engine_id") OR OLD."found_at" IS DISTINCT FROM (NEW."found_at") OR OLD."carried_from_id" IS DISTINCT FROM (NEW."carried_from_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='39b3cd77f5288bc125f0bdd36cac4baa22851539', operation='UPDATE', pgid='pgtrigger_only_explained_62ae8', table='reviews_brokenexample', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='whatifedit',
            constraint=models.UniqueConstraint(fields=('what_if', 'change'), name='whatifedit_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='whatifedit',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='822452cb152b47883e5932c3b56d7c12c07303ed', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cc91d', table='reviews_whatifedit', when='BEFORE')),
        ),
    ]

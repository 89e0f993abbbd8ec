"""Further profiles of a rule book: what practices may be of, and of which one each was before."""

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0151_local_status'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    # No type of a column changes that a trigger asks for: those go, and come back as they were.
    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='rulechange',
            name='only_withdrawn',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='ruleexample',
            name='only_withdrawn',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='brokenexample',
            name='only_explained',
        ),
        migrations.CreateModel(
            name='PastProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('profile', models.CharField(max_length=8)),
                ('until', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='practice',
            name='practice_profile_known',
        ),
        migrations.RemoveConstraint(
            model_name='practicegroup',
            name='practicegroup_profile_known',
        ),
        migrations.AlterField(
            model_name='brokenexample',
            name='profile',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name='practice',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='practicegroup',
            name='profile',
            field=models.CharField(max_length=8),
        ),
        migrations.AlterField(
            model_name='rulechange',
            name='profile',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name='ruleexample',
            name='profile',
            field=models.CharField(blank=True, max_length=8),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='practice',
            trigger=pgtrigger.compiler.Trigger(name='practice_of_a_live_profile', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF NEW.profile NOT IN ('UK', 'US', 'EU') THEN\n                PERFORM pg_advisory_xact_lock(45068);\n                IF NOT EXISTS (\n                    SELECT FROM reviews_ruleversion WHERE state = 'published'\n                        AND book #> ARRAY['profiles', NEW.profile] IS NOT NULL\n                ) THEN\n                    RAISE EXCEPTION 'the live rule book does not hold the profile';\n                END IF;\n            END IF;\n            RETURN NEW;\n        ", hash='d9192fa0bc4a9e24bb9aa3a1ee2b9e014e1771ab', operation='INSERT OR UPDATE OF "profile"', pgid='pgtrigger_practice_of_a_live_profile_0edec', table='reviews_practice', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='practicegroup',
            trigger=pgtrigger.compiler.Trigger(name='group_of_a_live_profile', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            IF NEW.profile NOT IN ('UK', 'US', 'EU') THEN\n                PERFORM pg_advisory_xact_lock(45068);\n                IF NOT EXISTS (\n                    SELECT FROM reviews_ruleversion WHERE state = 'published'\n                        AND book #> ARRAY['profiles', NEW.profile] IS NOT NULL\n                ) THEN\n                    RAISE EXCEPTION 'the live rule book does not hold the profile';\n                END IF;\n            END IF;\n            RETURN NEW;\n        ", hash='0ac1db6b9075c10e709a459cf46d9500aca6bebc', operation='INSERT OR UPDATE OF "profile"', pgid='pgtrigger_group_of_a_live_profile_86211', table='reviews_practicegroup', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='profiles_in_use', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."published_at" IS NOT NULL AND OLD."published_at" IS NULL)', func="\n                    PERFORM pg_advisory_xact_lock(45068);\n                    IF EXISTS (\n                        SELECT FROM (\n                            SELECT profile FROM reviews_practice\n                            UNION SELECT profile FROM reviews_practicegroup\n                        ) used\n                        WHERE profile NOT IN ('UK', 'US', 'EU')\n                            AND NEW.book #> ARRAY['profiles', profile] IS NULL\n                    ) THEN\n                        RAISE EXCEPTION 'somebody is of a profile that the book does not hold';\n                    END IF;\n                    RETURN NEW;\n                ", hash='c1f9ac1c241907f26e5714a740c14432dd94d205', operation='UPDATE', pgid='pgtrigger_profiles_in_use_3c1b2', table='reviews_ruleversion', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='practice',
            constraint=models.CheckConstraint(condition=models.Q(('profile__in', ('UK', 'US', 'EU')), models.Q(('profile__regex', '^[A-Z]{2,8}$'), models.Q(('time_zone', ''), _negated=True), models.Q(('locale', ''), _negated=True)), _connector='OR'), name='practice_profile_known'),
        ),
        migrations.AddConstraint(
            model_name='practicegroup',
            constraint=models.CheckConstraint(condition=models.Q(('profile__regex', '^[A-Z]{2,8}$')), name='practicegroup_profile_known'),
        ),
        migrations.AddField(
            model_name='pastprofile',
            name='by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='pastprofile',
            name='practice',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='past_profiles', to='reviews.practice'),
        ),
        migrations.AddIndex(
            model_name='pastprofile',
            index=models.Index(fields=['practice', 'until'], name='pastprofile_then'),
        ),
        migrations.AddConstraint(
            model_name='pastprofile',
            constraint=models.CheckConstraint(condition=models.Q(('profile__regex', '^[A-Z]{2,8}$')), name='pastprofile_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='pastprofile',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='07d50529baa6bad08a3096c5d2914fe49fea97b8', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_25347', table='reviews_pastprofile', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rulechange',
            trigger=pgtrigger.compiler.Trigger(name='only_withdrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."draft_id" IS DISTINCT FROM (NEW."draft_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."group_id" IS DISTINCT FROM (NEW."group_id") OR OLD."field" IS DISTINCT FROM (NEW."field") OR OLD."before" IS DISTINCT FROM (NEW."before") OR OLD."after" IS DISTINCT FROM (NEW."after") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c0b71b61dcfcee913ba9cad7bade98dae6b09352', operation='UPDATE', pgid='pgtrigger_only_withdrawn_70bc8', table='reviews_rulechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleexample',
            trigger=pgtrigger.compiler.Trigger(name='only_withdrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."record" IS DISTINCT FROM (NEW."record") OR OLD."expected" IS DISTINCT FROM (NEW."expected") OR OLD."source" IS DISTINCT FROM (NEW."source") OR OLD."locator" IS DISTINCT FROM (NEW."locator") OR OLD."reviewed" IS DISTINCT FROM (NEW."reviewed") OR OLD."next_review" IS DISTINCT FROM (NEW."next_review") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='4e0c21870103205dac236c34d0fcc9177cbf268f', operation='UPDATE', pgid='pgtrigger_only_withdrawn_a6c66', table='reviews_ruleexample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='brokenexample',
            trigger=pgtrigger.compiler.Trigger(name='only_explained', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version_id" IS DISTINCT FROM (NEW."version_id") OR OLD."example_id" IS DISTINCT FROM (NEW."example_id") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."profile" IS DISTINCT FROM (NEW."profile") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."expected" IS DISTINCT FROM (NEW."expected") OR OLD."said" IS DISTINCT FROM (NEW."said") OR OLD."said_live" IS DISTINCT FROM (NEW."said_live") OR OLD."engine_id" IS DISTINCT FROM (NEW."engine_id") OR OLD."found_at" IS DISTINCT FROM (NEW."found_at") OR OLD."carried_from_id" IS DISTINCT FROM (NEW."carried_from_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='39b3cd77f5288bc125f0bdd36cac4baa22851539', operation='UPDATE', pgid='pgtrigger_only_explained_62ae8', table='reviews_brokenexample', when='BEFORE')),
        ),
    ]

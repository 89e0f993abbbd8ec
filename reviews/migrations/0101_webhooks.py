"""Receivers of events, what waits for them and every try, behind the wall of their practice."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


# As `reviews.walls` says it; a migration keeps the words of its day.
OF_PRACTICE = (
    "(SELECT current_setting('portal.practices', true) = 'all')"
    " OR practice_id = ANY ((SELECT nullif(nullif(current_setting('portal.practices', true), 'all'), '')::bigint[])"
    "::bigint[])"
)


def _wall(table):
    return migrations.RunSQL(
        f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
            CREATE POLICY practices ON {table} USING ({OF_PRACTICE});
        """,
        f"""
            DROP POLICY practices ON {table};
            ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
            ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0100_change_feed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('url', models.CharField(max_length=2000)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('secret', models.TextField()),
                ('old_secret', models.TextField(blank=True)),
                ('old_until', models.DateTimeField(null=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('disabled_at', models.DateTimeField(null=True)),
                ('disabled_because', models.CharField(blank=True, max_length=200)),
                ('removed_at', models.DateTimeField(null=True)),
                ('from_xact', models.BigIntegerField()),
                ('from_event', models.BigIntegerField(default=0)),
                ('last_event', models.BigIntegerField(default=0)),
                ('place', models.CharField(max_length=100)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('not_before', models.DateTimeField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('worked_at', models.DateTimeField(null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
        ),
        migrations.CreateModel(
            name='WebhookMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('event', models.BigIntegerField(null=True)),
                ('type', models.CharField(max_length=60)),
                ('at', models.DateTimeField()),
                ('patient_id', models.BigIntegerField(null=True)),
                ('subject', models.CharField(blank=True, max_length=80)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('delivered', 'Delivered'), ('dead', 'Given up')], default='waiting', max_length=9)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('tried_first_at', models.DateTimeField(null=True)),
                ('not_before', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='reviews.webhook')),
            ],
        ),
        migrations.CreateModel(
            name='WebhookTry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('took_ms', models.PositiveIntegerField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('error', models.CharField(blank=True, max_length=200)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='log', to='reviews.webhookmessage')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('disabled_at__isnull', True), ('disabled_because', '')), models.Q(('disabled_at__isnull', False), models.Q(('disabled_because', ''), _negated=True)), _connector='OR'), name='webhook_disabled_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('events', []), _negated=True), name='webhook_hears_something'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('old_secret', ''), ('old_until__isnull', True)), models.Q(models.Q(('old_secret', ''), _negated=True), ('old_until__isnull', False)), _connector='OR'), name='webhook_old_secret_ends'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhook',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='3e14bd3e42ca9900b7a5416443c439065741ab47', operation='DELETE', pgid='pgtrigger_no_delete_8163b', table='reviews_webhook', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['webhook', 'tries', 'id'], name='webhook_next'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['webhook', 'patient_id', 'id'], name='webhook_order_of_patient'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['webhook', '-id'], name='webhook_log'),
        ),
        migrations.AddConstraint(
            model_name='webhookmessage',
            constraint=models.UniqueConstraint(fields=('webhook', 'event'), name='webhook_event_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookmessage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='webhook_message_ended_with_its_state'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookmessage',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='16670d27e6e851d4c099b12a51ab6bf78776a09b', operation='DELETE', pgid='pgtrigger_no_delete_45479', table='reviews_webhookmessage', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookmessage',
            trigger=pgtrigger.compiler.Trigger(name='said_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."webhook_id" IS DISTINCT FROM (NEW."webhook_id") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."event" IS DISTINCT FROM (NEW."event") OR OLD."type" IS DISTINCT FROM (NEW."type") OR OLD."at" IS DISTINCT FROM (NEW."at") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."subject" IS DISTINCT FROM (NEW."subject"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='4f511c435499b05148ba011cb939088d60a1e28b', operation='UPDATE', pgid='pgtrigger_said_once_36dec', table='reviews_webhookmessage', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhooktry',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0e12e7dcc8db4e6c3d24e6c91a6a58d3927122b6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2a6b6', table='reviews_webhooktry', when='BEFORE')),
        ),
        _wall("reviews_webhook"),
        _wall("reviews_webhookmessage"),
        _wall("reviews_webhooktry"),
    ]

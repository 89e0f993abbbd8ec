"""Clients that sign, their keys and tokens, and the cards of CDS Hooks behind their walls."""

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
TABLES = ("reviews_client_practices", "reviews_hookcard", "reviews_hookfeedback")
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
    for table in TABLES
)


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0082_orders_by_day'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Client',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('client_id', models.CharField(max_length=64, unique=True)),
                ('source_system', models.SlugField(max_length=60)),
                ('jwks_url', models.CharField(blank=True, max_length=500)),
                ('scopes', models.CharField(blank=True, max_length=4000)),
                ('hook_issuer', models.CharField(blank=True, max_length=255)),
                ('fhir_server', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('practices', models.ManyToManyField(related_name='clients', to='reviews.practice')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='clients', to=settings.AUTH_USER_MODEL)),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='HookCard',
            fields=[
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('hook', models.CharField(max_length=20)),
                ('hook_instance', models.CharField(max_length=64)),
                ('matter', models.CharField(max_length=20)),
                ('title', models.CharField(max_length=200)),
                ('severity', models.PositiveSmallIntegerField()),
                ('rules', models.JSONField(default=list)),
                ('book', models.PositiveIntegerField()),
                ('about', models.CharField(max_length=64)),
                ('said', models.CharField(max_length=64)),
                ('suggestions', models.JSONField(default=list)),
                ('may_be_left_out', models.BooleanField(default=False)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.client')),
                ('patient', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='hook_cards', to='reviews.patient')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice')),
            ],
        ),
        migrations.CreateModel(
            name='UsedAssertion',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('ends_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AlterField(
            model_name='findingopinion',
            name='where',
            field=models.CharField(choices=[('preview', 'Before saving a prescription'), ('case', 'On a case'), ('work', 'In My work'), ('hook', 'In the record system')], max_length=7),
        ),
        migrations.CreateModel(
            name='FetchedKeys',
            fields=[
                ('client', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='reviews.client')),
                ('keys', models.JSONField()),
                ('fetched_at', models.DateTimeField()),
                ('fresh_until', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'fetched keys',
            },
        ),
        migrations.CreateModel(
            name='AccessToken',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('scopes', models.CharField(max_length=4000)),
                ('issued_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('ends_at', models.DateTimeField(db_index=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='reviews.client')),
            ],
        ),
        migrations.CreateModel(
            name='ClientKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kid', models.CharField(max_length=200)),
                ('jwk', models.JSONField()),
                ('added_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='reviews.client')),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='HookFeedback',
            fields=[
                ('card', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='feedback', serialize=False, to='reviews.hookcard')),
                ('outcome', models.CharField(choices=[('accepted', 'Accepted'), ('overridden', 'Overridden')], max_length=10)),
                ('accepted', models.JSONField(default=list)),
                ('reason_system', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, max_length=100)),
                ('reason_display', models.CharField(blank=True, max_length=200)),
                ('comment', models.CharField(blank=True, max_length=1000)),
                ('said_at', models.DateTimeField()),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'verbose_name_plural': 'hook feedback',
            },
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('hook_issuer', ''), _negated=True), ('withdrawn_at__isnull', True)), fields=('hook_issuer',), name='client_of_an_issuer_once'),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn_by__isnull', True), ('withdrawn_at__isnull', False), _connector='OR'), name='client_withdrawn_by_somebody_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=models.CheckConstraint(condition=models.Q(('hook_issuer', ''), ('scopes', ''), _negated=True), name='client_may_something'),
        ),
        migrations.AddConstraint(
            model_name='clientkey',
            constraint=models.UniqueConstraint(fields=('client', 'kid'), name='client_key_once'),
        ),
        migrations.AddConstraint(
            model_name='clientkey',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn_by__isnull', True), ('withdrawn_at__isnull', False), _connector='OR'), name='client_key_withdrawn_by_somebody_at_a_time'),
        ),
        migrations.AddField(
            model_name='hookfeedback',
            name='practice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.practice'),
        ),
        migrations.AddIndex(
            model_name='hookcard',
            index=models.Index(fields=['about', 'made_at'], name='hook_card_shown'),
        ),
        migrations.AddIndex(
            model_name='hookcard',
            index=models.Index(fields=['made_at'], name='hook_card_age'),
        ),
        migrations.AddConstraint(
            model_name='hookcard',
            constraint=models.CheckConstraint(condition=models.Q(('severity__gte', 1), ('severity__lte', 4)), name='hook_card_severity_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hookcard',
            trigger=pgtrigger.compiler.Trigger(name='never_changed', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='3e2ff0264f7484edc9d0480b5c866f8446e92dfb', operation='UPDATE', pgid='pgtrigger_never_changed_0f0ba', table='reviews_hookcard', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='hookfeedback',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['accepted', 'overridden'])), name='hook_feedback_outcome_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hookfeedback',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d20e4a6e89ace98ee8fb4be1847892cca0bf62ba', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f6668', table='reviews_hookfeedback', when='BEFORE')),
        ),
        migrations.RunSQL(PUT_UP, TAKE_DOWN),
    ]

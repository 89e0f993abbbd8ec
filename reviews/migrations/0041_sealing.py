import django.contrib.postgres.indexes
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0037_walls'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SealedLeaf',
            fields=[
                ('position', models.BigIntegerField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('event', 'Event'), ('decision', 'Decision'), ('book', 'Rule book')], max_length=8)),
                ('row_id', models.BigIntegerField()),
                ('vouched', models.BooleanField(null=True)),
                ('hash', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='SealedSubtree',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.PositiveSmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='TreeHead',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('size', models.BigIntegerField()),
                ('signed_at', models.DateTimeField()),
                ('body', models.TextField()),
                ('signature', models.CharField(max_length=128)),
            ],
        ),
        migrations.AddField(
            model_name='auditevent',
            name='mark',
            field=models.BinaryField(null=True),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # With its default at once, the whole table would be written again: rows of before
                # have no number.
                migrations.RunSQL(
                    'ALTER TABLE reviews_auditevent ADD COLUMN xact bigint;'
                    'ALTER TABLE reviews_auditevent ALTER COLUMN xact'
                    ' SET DEFAULT (pg_current_xact_id()::text::bigint)',
                    'ALTER TABLE reviews_auditevent DROP COLUMN xact',
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='auditevent',
                    name='xact',
                    field=models.BigIntegerField(db_default=models.Func(output_field=models.BigIntegerField(), template='(pg_current_xact_id()::text::bigint)'), editable=False, null=True),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # With its default at once, the whole table would be written again: rows of before
                # have no number.
                migrations.RunSQL(
                    'ALTER TABLE reviews_decision ADD COLUMN xact bigint;'
                    'ALTER TABLE reviews_decision ALTER COLUMN xact'
                    ' SET DEFAULT (pg_current_xact_id()::text::bigint)',
                    'ALTER TABLE reviews_decision DROP COLUMN xact',
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='decision',
                    name='xact',
                    field=models.BigIntegerField(db_default=models.Func(output_field=models.BigIntegerField(), template='(pg_current_xact_id()::text::bigint)'), editable=False, null=True),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name='sealedleaf',
            constraint=models.UniqueConstraint(fields=('kind', 'row_id'), name='sealed_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sealedleaf',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='db45acdb0776d6b5ad6931ebf5554d30ee4b6879', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_0d2fe', table='reviews_sealedleaf', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='sealedsubtree',
            constraint=models.UniqueConstraint(fields=('level', 'index'), name='one_root_per_subtree'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sealedsubtree',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='98b62db9f029b31a5c9276f0ea09841f8b4c1823', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_58613', table='reviews_sealedsubtree', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='treehead',
            index=models.Index(models.F('size'), models.F('number'), name='head_by_size'),
        ),
        migrations.AddConstraint(
            model_name='treehead',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='head_numbers_from_one'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='treehead',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4904a11f4667dcab766bd62c88a914f96e3fbfcb', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d94b4', table='reviews_treehead', when='BEFORE')),
        ),
    ]

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Half made, if this was interrupted.
AGAIN = 'DROP INDEX CONCURRENTLY IF EXISTS {}'


class Migration(migrations.Migration):

    # Nobody waits while the trail of years is gone through.
    atomic = False

    dependencies = [
        ('reviews', '0041_sealing'),
    ]

    operations = [
        migrations.RunSQL(AGAIN.format('event_by_actor'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('actor_id__isnull', False)), fields=['actor_id', 'id'], name='event_by_actor'),
        ),
        migrations.RunSQL(AGAIN.format('event_by_time'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='auditevent',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['at'], name='event_by_time'),
        ),
        migrations.RunSQL(AGAIN.format('event_by_transaction'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='auditevent',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['xact'], name='event_by_transaction'),
        ),
        migrations.RunSQL(AGAIN.format('event_by_shown_patient'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='auditevent',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('detail__has_key', 'shown')), fields=['detail'], name='event_by_shown_patient', opclasses=['jsonb_path_ops']),
        ),
        migrations.RunSQL(AGAIN.format('decision_by_transaction'), migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='decision',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['xact'], name='decision_by_transaction'),
        ),
    ]

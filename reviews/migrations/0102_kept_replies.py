"""Answers to requests with an `Idempotency-Key`, to be given again."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0101_webhooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Reply',
            fields=[
                ('key', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('payload', models.BinaryField(max_length=32)),
                ('begun_at', models.DateTimeField(db_index=True)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('content_type', models.CharField(blank=True, max_length=100)),
                ('headers', models.JSONField(default=dict)),
                ('body', models.TextField(blank=True)),
            ],
            options={
                'verbose_name_plural': 'replies',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('body', ''), ('status__isnull', True)), ('status__isnull', False), _connector='OR'), name='reply_whole_or_none')],
            },
        ),
    ]

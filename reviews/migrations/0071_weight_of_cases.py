"""What orders cases that are as severe: whether overdue, then a weight. Columns with defaults."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('reviews', '0070_work_sessions')]

    operations = [
        migrations.AddField(
            model_name="case",
            name="overdue",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="case",
            name="weight",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="case",
            name="weighed",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]

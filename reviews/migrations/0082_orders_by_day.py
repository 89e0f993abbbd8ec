"""The newest orders of a practice, as FHIR sorts and dates them. Made while others write."""

import datetime

import django.db.models.functions.comparison
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reviews', '0081_medicines_by_time'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='prescription',
            index=models.Index(models.F('practice'), django.db.models.functions.comparison.Coalesce(models.F('written_on'), models.Value(datetime.date(1, 1, 1))), models.F('order_id'), condition=models.Q(('superseded_at__isnull', True)), name='prescription_live_by_day'),
        ),
    ]

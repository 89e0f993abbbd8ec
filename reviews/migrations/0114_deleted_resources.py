"""The few resources that were deleted, found without reading all that were sent. Made while others
write."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reviews', '0113_fhir_subscriptions'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='sentresource',
            index=models.Index(condition=models.Q(('deleted', True)), fields=['record'], name='sentresource_deleted'),
        ),
    ]

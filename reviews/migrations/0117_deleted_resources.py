"""The few resources that were deleted, found without reading all that were sent. Made while others
write."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reviews', '0111_waiting_records_have_their_id'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='sentresource',
            index=models.Index(condition=models.Q(('deleted', True)), fields=['record'], name='sentresource_deleted'),
        ),
    ]

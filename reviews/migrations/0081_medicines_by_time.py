"""When a medicine was met first: what is there already counts from now on."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0080_sent_resources'),
    ]

    operations = [
        migrations.AddField(
            model_name='medicine',
            name='added_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
    ]

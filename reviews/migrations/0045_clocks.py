"""What is new waits for no clock, and what was screened is told by the order of ids."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reviews", "0042_trail_indexes")]

    operations = [
        migrations.AddField(
            model_name="patientscreening",
            name="seen_through",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="screeningrequest",
            name="not_before",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Clock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("furthest", models.DateTimeField()),
                ("behind", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_clock")
                ]
            },
        ),
    ]

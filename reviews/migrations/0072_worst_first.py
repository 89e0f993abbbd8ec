"""The indexes of the order by weight; those of the order before it go.

The weight of a case that is there is told when its patient is screened next, which a new engine
asks for; whether it is overdue, within a minute.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

RANKED = ["severity", "-leads", "-overdue", "-weight", "due_at", "opened_at", "id"]
OPEN = models.Q(("closed_at__isnull", True))


class Migration(migrations.Migration):
    # Nobody waits while the queue is gone through.
    atomic = False

    dependencies = [('reviews', '0071_weight_of_cases')]

    operations = [
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(
                condition=OPEN, fields=["practice", *RANKED], name="case_worst_by_practice"
            ),
        ),
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(condition=OPEN, fields=RANKED, name="case_worst"),
        ),
        RemoveIndexConcurrently(model_name="case", name="case_queue_by_practice"),
        RemoveIndexConcurrently(model_name="case", name="case_queue"),
    ]

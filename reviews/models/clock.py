"""The furthest that the database's clock has come."""

from django.db import models
from django.db.models import Q


class Clock(models.Model):
    """One row: what `reviews.clock` remembers, because a clock does not know that it was set back.

    `behind` while the clock shows less than `furthest`.
    """

    furthest = models.DateTimeField()
    behind = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [models.CheckConstraint(name="one_clock", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.furthest:%Y-%m-%d %H:%M:%S}"

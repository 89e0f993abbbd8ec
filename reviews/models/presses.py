"""What was already done with a form that was sent, so that sending it again does nothing more."""

from django.db import models


class Press(models.Model):
    """One form that was sent and did something, and how it was answered.

    `key` is a digest of who sent which form with what; it names nobody. `location` is where the
    answer led, empty where it was a page of its own.
    """

    key = models.BinaryField(max_length=32, primary_key=True)
    pressed_at = models.DateTimeField(db_index=True)
    location = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "presses"

    def __str__(self) -> str:
        return f"led to {self.location}"

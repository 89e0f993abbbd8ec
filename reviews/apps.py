from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReviewsConfig(AppConfig):
    name = "reviews"
    verbose_name = "Prescription reviews"

    def ready(self) -> None:
        post_migrate.connect(_give_rights, sender=self)


def _give_rights(**_: Any) -> None:
    """After each migration, whose tables the application may not have met before."""
    from reviews import rights  # noqa: PLC0415 - it needs the settings

    rights.give()

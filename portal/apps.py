"""The portal itself as a Django app. Loading it makes Celery's app the one that tasks bind to."""

from importlib import import_module

from django.apps import AppConfig

from portal.celery import app as celery_app

__all__ = ["PortalConfig", "celery_app"]


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Prescription Safety Portal"

    def ready(self) -> None:
        import_module("portal.trail")
        import_module("portal.told")
        from portal import checks  # noqa: F401, PLC0415 - it registers itself

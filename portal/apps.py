"""The portal itself as a Django app: it brings the health page's checks and the commands."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Prescription Safety Portal"

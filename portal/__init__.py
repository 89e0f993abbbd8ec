"""The front door: settings, addresses, sign-in, health and the supervisor of `./dev up`."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]

"""The Celery application, and what beat sends when."""

import os

from celery import Celery
from celery.schedules import crontab
from django_structlog.celery.steps import DjangoStructLogInitStep

from portal.heartbeats import WorkerHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

RING_SECONDS = 5.0

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_scheduler = "portal.heartbeats:HeartbeatScheduler"
app.conf.beat_schedule = {
    # Finds what a lost doorbell left waiting, and retries that have come due.
    "ring": {
        "task": "reviews.ring",
        "schedule": RING_SECONDS,
        "options": {"expires": RING_SECONDS},
    },
    # A course grows too long and an exemption expires without any event: judge them each morning.
    "sweep": {"task": "reviews.sweep", "schedule": crontab(hour=3, minute=30)},
    # Again and again, in case the mail server was away; nobody gets two for one day.
    "digest": {"task": "reviews.digest", "schedule": crontab(hour="7-9", minute="*/15")},
}
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["consumer"].add(WorkerHeartbeat)
app.autodiscover_tasks()

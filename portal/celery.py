"""The Celery application, and what beat sends when."""

import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

from portal.heartbeats import WorkerHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_scheduler = "portal.heartbeats:HeartbeatScheduler"
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["consumer"].add(WorkerHeartbeat)
app.autodiscover_tasks()

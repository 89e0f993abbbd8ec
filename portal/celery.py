"""The Celery application, and what beat sends when."""

import os
from typing import Any, cast

from celery import Celery
from celery.schedules import crontab
from celery.signals import task_prerun
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from portal.heartbeats import WorkerHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

RING_SECONDS = 5.0

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
# A worker keeps its database connection between tasks: opening one takes as long as screening
# somebody. Celery would close it around every task, unless it may be used again.
app.conf.CELERY_DB_REUSE_MAX = 1_000
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
    # Whose last day has come is refused from that minute on; this tidies up after them.
    "leave": {
        "task": "reviews.leave",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
    # Again and again, in case the mail server was away; nobody gets two for one day.
    "digest": {"task": "reviews.digest", "schedule": crontab(hour="7-9", minute="*/15")},
}


@task_prerun.connect
def use_a_sound_connection(**_: Any) -> None:
    """Close a connection that broke or grew old; the first query of the task looks at the rest."""
    close_old_connections()


# Celery gives no types: its class says None, each application has sets of steps by name.
steps = cast(dict[str, set[type]], app.steps)
steps["worker"].add(DjangoStructLogInitStep)
steps["consumer"].add(WorkerHeartbeat)
app.autodiscover_tasks()

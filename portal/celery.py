"""The Celery application, and what beat sends when."""

import os
import sys
from typing import Any, cast

from celery import Celery
from celery.schedules import crontab
from celery.signals import task_prerun, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from portal.heartbeats import WorkerHeartbeat
from reviews import walls

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
try:
    _ = settings.SECRET_KEY  # read, so that a missing setting is said plainly
except ImproperlyConfigured as error:
    sys.exit(str(error))

RING_SECONDS = 5.0
SEAL_SECONDS = 300.0

DOORBELL_SECONDS = 1.0
"""How long whoever rings waits for a broker that is there and does not answer."""


class Portal(Celery):
    """Celery's application, in which whoever sends a message does not wait for the broker."""

    def connection_for_write(self, url: str | None = None, *args: Any, **kwargs: Any) -> Any:
        options = {"socket_timeout": DOORBELL_SECONDS} | (
            kwargs.pop("transport_options", None) or {}
        )
        return super().connection_for_write(url, *args, transport_options=options, **kwargs)


app = Portal("portal")
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
        # While no worker is up they would pile up. Longer than any difference between the clocks of
        # the machines that send and receive it, or none would ever be in time.
        "options": {"expires": 60 * RING_SECONDS},
    },
    # A course grows too long and an exemption expires without any event: judge them each morning.
    "sweep": {"task": "reviews.sweep", "schedule": crontab(hour=3, minute=30)},
    # Where a guarded rule book judges, its burden is looked at, and it may stop itself. The first
    # look of a stage comes when its patients are screened.
    "guard": {
        "task": "reviews.guard",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
    # Presses, sessions and tries that are over.
    "forget": {"task": "reviews.forget", "schedule": crontab(minute=40)},
    "mark_overdue": {
        "task": "reviews.mark_overdue",
        "schedule": crontab(),
        "options": {"expires": 60},
    },
    # What was written since the last signed tree head; then everything again, before work begins.
    "seal": {
        "task": "reviews.seal",
        "schedule": SEAL_SECONDS,
        "options": {"expires": SEAL_SECONDS},
    },
    "verify": {"task": "reviews.verify", "schedule": crontab(hour=5, minute=0)},
    # Whose last day has come is refused from that minute on; this tidies up after them.
    "leave": {
        "task": "reviews.leave",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
    # A record that was opened in an emergency lets nobody in once its hour is over; this tells so.
    "end_break_glass": {
        "task": "reviews.end_break_glass",
        "schedule": crontab(),
        "options": {"expires": 60},
    },
    # Whoever is asked is told in working hours, and each day from the day on which it is due.
    "remind": {"task": "reviews.remind", "schedule": crontab(hour="7-18", minute="5-59/15")},
    # Again and again, in case the mail server was away; nobody gets two for one day.
    "digest": {"task": "reviews.digest", "schedule": crontab(hour="7-9", minute="*/15")},
}


@task_prerun.connect
def use_a_sound_connection(**_: Any) -> None:
    """Close a connection that broke or grew old; the first query of the task looks at the rest."""
    close_old_connections()


@worker_init.connect
def work_for_every_practice(**_: Any) -> None:
    """Let this worker, and the processes of its pool, see everybody."""
    walls.by_default(walls.EVERYTHING)


# Celery gives no types: its class says None, each application has sets of steps by name.
steps = cast(dict[str, set[type]], app.steps)
steps["worker"].add(DjangoStructLogInitStep)
steps["consumer"].add(WorkerHeartbeat)
app.autodiscover_tasks()

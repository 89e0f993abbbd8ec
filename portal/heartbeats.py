"""Signs of life of the worker and of beat, kept in Redis and read by the health page.

Both write from their own loops, not from tasks, so that each stands for itself: a worker that
hangs stops beating although beat still sends tasks, and the other way round.
"""

import time
from pathlib import Path
from typing import Any

import redis
from celery import bootsteps
from celery.beat import PersistentScheduler
from django.conf import settings

from portal import disk
from reviews.rules import ENGINE

WORKER, BEAT = "worker", "beat"
WORKER_EVERY_SECONDS = 2.0
BEAT_EVERY_SECONDS = 5.0
# A part is called down after missing this many of its own beats.
MISSED_BEATS = 4
STALE_AFTER_SECONDS = {
    WORKER: MISSED_BEATS * WORKER_EVERY_SECONDS,
    BEAT: MISSED_BEATS * BEAT_EVERY_SECONDS,
}
_FORGET_AFTER_SECONDS = 24 * 60 * 60


def client(*, timeout_seconds: float = 1.0) -> redis.Redis:
    """Return a Redis client that gives up quickly: nobody waits for a sign of life."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        retry=None,
    )


def write(connection: redis.Redis, part: str, name: str) -> None:
    """Record that `name`, a process of `part`, is alive now. A broker that is away is no error."""
    now = time.time()
    try:
        with connection.pipeline(transaction=False) as pipe:
            pipe.zadd(_key(part), {name: now})
            pipe.zremrangebyscore(_key(part), "-inf", now - _FORGET_AFTER_SECONDS)
            pipe.execute()
    except redis.RedisError:
        return


def forget(connection: redis.Redis, part: str, name: str) -> None:
    """Record that `name` has stopped on purpose."""
    try:
        connection.zrem(_key(part), name)
    except redis.RedisError:
        return


def alive(connection: redis.Redis, part: str) -> int:
    """Return how many processes of `part` have given a sign of life lately.

    Raises redis.RedisError when the broker cannot be asked.
    """
    return connection.zcount(_key(part), *_lately(part))


def worker_name(hostname: str) -> str:
    """A worker's name among the signs of life: it says by which engine it would judge."""
    return f"{hostname} {ENGINE.name}"


def engines(connection: redis.Redis) -> set[str]:
    """The names of the engines that live workers run. Raises redis.RedisError as `alive`."""
    names = connection.zrangebyscore(_key(WORKER), *_lately(WORKER))
    return {name.decode().rpartition(" ")[2] for name in names}


def _lately(part: str) -> tuple[float, float]:
    """From when until when a sign of life counts.

    One from the future was given before a clock was set back, by a process that may be dead since.
    """
    now, seconds = time.time(), STALE_AFTER_SECONDS[part]
    return now - seconds, now + seconds


def _key(part: str) -> str:
    return f"heartbeats:{part}"


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Writes the worker's sign of life from its main loop, the one that receives tasks."""

    # Celery does not say what type its consumer has; `parent` is its word for it.
    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self.connection = client()
        self.repeated = None

    def start(self, parent: Any) -> None:
        name = worker_name(parent.hostname)
        write(self.connection, WORKER, name)
        self.repeated = parent.timer.call_repeatedly(
            WORKER_EVERY_SECONDS, write, (self.connection, WORKER, name)
        )

    def stop(self, parent: Any) -> None:
        if self.repeated is not None:
            parent.timer.cancel(self.repeated)
            self.repeated = None

    def shutdown(self, consumer: Any) -> None:
        forget(self.connection, WORKER, worker_name(consumer.hostname))


class HeartbeatScheduler(PersistentScheduler):
    """Celery's own scheduler, which says at each tick that it ticks."""

    def __init__(self, *args: Any, schedule_filename: str, **kwargs: Any) -> None:
        folder = Path(schedule_filename).absolute().parent
        if reason := disk.refusal(folder, "BEAT_SCHEDULE_FILE"):
            raise SystemExit(reason)
        kwargs["schedule_filename"] = schedule_filename
        super().__init__(*args, **kwargs)
        self.max_interval = BEAT_EVERY_SECONDS
        self.signs = client()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        write(self.signs, BEAT, "beat")
        self.forget_the_future()
        return super().tick(*args, **kwargs)

    def forget_the_future(self) -> None:
        """Take what was sent later than now as sent now, or it would be sent again only after that.

        The clock was set back, perhaps while beat did not run: it keeps these times in a file.
        """
        now = self.app.now()
        for entry in self.schedule.values():
            if entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None

    def close(self) -> None:
        super().close()
        forget(self.signs, BEAT, "beat")

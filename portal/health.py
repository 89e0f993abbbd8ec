"""`GET /healthz`: what works, what does not, who judges, and how long the oldest change has waited.

Read by the supervisor, by load balancers and by people. It asks each part directly, with short
timeouts and without the connection pool, so that it answers while a part is down.
"""

import time
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection as django_connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import disk, heartbeats
from portal.postgresql.connection import Connection, answers
from reviews import feed, releases, walls
from reviews.clock import SMALL_SECONDS
from reviews.engines import RESCREEN

TIMEOUT_SECONDS = 1
CLOCKS_APART_SECONDS = 30
"""What two machines without a time server may differ by before somebody is told."""
OTHER_ENGINE = "runs other code than the portal's engine"
_JUDGING = f"""
    SELECT
        -- By the furthest that the clock has shown: set back, it would make all of them young.
        extract(epoch FROM
            greatest(clock_timestamp(), (SELECT furthest FROM reviews_clock WHERE id = 1))
            - (SELECT min(requested_at) FROM reviews_screeningrequest))::float,
        (SELECT name FROM reviews_engine WHERE is_current),
        (SELECT total - done FROM reviews_job WHERE kind = %s AND ended_at IS NULL LIMIT 1),
        extract(epoch FROM clock_timestamp())::float,
        extract(epoch FROM
            (SELECT furthest FROM reviews_clock WHERE id = 1) - clock_timestamp())::float,
        ARRAY({releases.APPLIED})
"""
_UNKNOWN = {
    "oldest_unscreened_seconds": None,
    "engine": None,
    "rescreen_left": None,
    "feed_lag_seconds": None,
    "feed_held_seconds": None,
}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is up, else 503 with the names of those that are not.

    A part whose state is None cannot be known while another one is down.
    """
    database, judging = _database()
    room = disk.state(settings.VAR)
    parts = {
        "web": "up",
        **database,
        **_broker(judging["engine"]),
        "disk": room.pop("disk"),
    }
    down = [name for name, state in parts.items() if state not in ("up", None)]
    return JsonResponse(
        {"status": "down" if down else "up", "down": down, **parts, **judging, **room},
        status=503 if down else 200,
    )


def _database() -> tuple[dict[str, str | None], dict[str, Any]]:
    """The database, its clock and its schema; and what it knows of the judging and what waits."""
    states: dict[str, str | None] = {"database": "down", "clock": None, "schema": None}
    parameters = {**django_connection.get_connection_params(), "connect_timeout": TIMEOUT_SECONDS}
    # One that is stopped lets everybody in and says nothing; psycopg waits for it twice as long.
    if not answers(parameters.get("host"), parameters.get("port"), TIMEOUT_SECONDS):
        return states, _UNKNOWN
    try:
        with Connection.connect(**parameters, autocommit=True) as connection:
            milliseconds = str(TIMEOUT_SECONDS * 1000)
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])
            connection.execute(walls.SEE_EVERYTHING)
            asked = connection.execute(_JUDGING, [RESCREEN])
            [(oldest, engine, left, now, behind, applied)] = asked.fetchall()
            [(lag, held)] = connection.execute(feed.LAG).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return states | {"database": "not migrated"}, _UNKNOWN
    except psycopg.Error:
        return states, _UNKNOWN
    return {
        "database": "up",
        "clock": _clock(behind or 0.0, now - time.time()),
        "schema": _schema(applied),
    }, {
        "oldest_unscreened_seconds": _rounded(oldest),
        "engine": engine,
        "rescreen_left": left,
        "feed_lag_seconds": _rounded(lag),
        "feed_held_seconds": _rounded(held) if lag is not None else None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 1)


def _clock(behind: float, apart: float) -> str:
    """`behind`: what it has shown more before; `apart`: more than the clock here; in seconds."""
    if behind > SMALL_SECONDS:
        return f"set back: {behind:.0f} s behind what it has shown"
    if abs(apart) > CLOCKS_APART_SECONDS:
        return f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} the web server's"
    return "up"


def _schema(applied: list[str]) -> str:
    lacking, unknown = releases.difference(applied)
    if lacking:
        return "older than this release: run prepare with it"
    if unknown:
        return "newer than this release: restart with the newer one"
    return "up"


def _broker(engine: str | None) -> dict[str, str]:
    """The broker and who gives signs of life there; `engine` is the portal's, None if not known."""
    parts = (heartbeats.WORKER, heartbeats.BEAT)
    try:
        with heartbeats.client(timeout_seconds=TIMEOUT_SECONDS) as client:
            alive = {part: heartbeats.alive(client, part) for part in parts}
            engines = heartbeats.engines(client)
    except redis.RedisError:
        return {"broker": "down", **dict.fromkeys(parts, "unknown: the broker is down")}
    states = {part: "up" if alive[part] else "down" for part in parts}
    if engines and engine and engine not in engines:
        # They leave every request to a worker that may judge, and there is none.
        states[heartbeats.WORKER] = OTHER_ENGINE
    return {"broker": "up", **states}

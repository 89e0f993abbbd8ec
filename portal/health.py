"""`GET /healthz`: what works, what does not, who judges, and how long the oldest change has waited.

Read by the supervisor, by load balancers and by people. It asks each part directly, with short
timeouts and without the connection pool, so that it answers while a part is down.
"""

from typing import Any

import psycopg
import redis
from django.db import connection as django_connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import heartbeats
from reviews import walls
from reviews.engines import RESCREEN

TIMEOUT_SECONDS = 1
OTHER_ENGINE = "runs other code than the portal's engine"
_JUDGING = """
    SELECT
        (SELECT extract(epoch FROM clock_timestamp() - min(requested_at))::float
            FROM reviews_screeningrequest),
        (SELECT name FROM reviews_engine WHERE is_current),
        (SELECT total - done FROM reviews_job WHERE kind = %s AND ended_at IS NULL LIMIT 1)
"""
_UNKNOWN = {"oldest_unscreened_seconds": None, "engine": None, "rescreen_left": None}


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is up, else 503 with the names of those that are down."""
    database, judging = _database()
    parts = {"web": "up", "database": database, **_broker(judging["engine"])}
    down = [name for name, state in parts.items() if state != "up"]
    return JsonResponse(
        {"status": "down" if down else "up", "down": down, **parts, **judging},
        status=503 if down else 200,
    )


def _database() -> tuple[str, dict[str, Any]]:
    """Its state, and what it knows of the judging: by which engine, and how much of it waits."""
    parameters = {**django_connection.get_connection_params(), "connect_timeout": TIMEOUT_SECONDS}
    parameters.pop("pool", None)
    try:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            milliseconds = str(TIMEOUT_SECONDS * 1000)
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])
            connection.execute(walls.SEE_EVERYTHING)
            [(oldest, engine, left)] = connection.execute(_JUDGING, [RESCREEN]).fetchall()
    except psycopg.errors.UndefinedTable:
        return "not migrated", _UNKNOWN
    except psycopg.Error:
        return "down", _UNKNOWN
    return "up", {
        "oldest_unscreened_seconds": None if oldest is None else round(max(0.0, oldest), 1),
        "engine": engine,
        "rescreen_left": left,
    }


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

"""`GET /healthz`: what works, what does not, and how long the oldest change has waited.

Read by the supervisor, by load balancers and by people. It asks each part directly, with short
timeouts and without the connection pool, so that it answers while a part is down.
"""

import psycopg
import redis
from django.db import connection as django_connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import heartbeats

TIMEOUT_SECONDS = 1
_OLDEST_WAIT = """
    SELECT extract(epoch FROM clock_timestamp() - min(requested_at))::float
    FROM reviews_screeningrequest
"""


@never_cache
@require_safe
def healthz(request):
    """Answer 200 when every part is up, else 503 with the names of those that are down."""
    parts = {"web": "up", **_database(), **_broker()}
    oldest = parts.pop("oldest_unscreened_seconds")
    down = [name for name, state in parts.items() if state != "up"]
    return JsonResponse(
        {
            "status": "down" if down else "up",
            "down": down,
            **parts,
            "oldest_unscreened_seconds": oldest,
        },
        status=503 if down else 200,
    )


def _database():
    parameters = {**django_connection.get_connection_params(), "connect_timeout": TIMEOUT_SECONDS}
    parameters.pop("pool", None)
    try:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            connection.execute(f"SET statement_timeout = {TIMEOUT_SECONDS * 1000}")
            (oldest,) = connection.execute(_OLDEST_WAIT).fetchone()
    except psycopg.errors.UndefinedTable:
        return {"database": "not migrated", "oldest_unscreened_seconds": None}
    except psycopg.Error:
        return {"database": "down", "oldest_unscreened_seconds": None}
    return {
        "database": "up",
        "oldest_unscreened_seconds": None if oldest is None else round(max(0.0, oldest), 1),
    }


def _broker():
    parts = (heartbeats.WORKER, heartbeats.BEAT)
    try:
        with heartbeats.client(timeout_seconds=TIMEOUT_SECONDS) as client:
            alive = {part: heartbeats.alive(client, part) for part in parts}
    except redis.RedisError:
        return {"broker": "down", **dict.fromkeys(parts, "unknown: the broker is down")}
    return {"broker": "up", **{part: "up" if alive[part] else "down" for part in parts}}

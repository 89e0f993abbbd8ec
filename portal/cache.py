"""A cache that may be down: losing it costs time or a rate limit, never a page."""

from collections.abc import Callable
from typing import Any

import structlog

# The stubs are of a Django that had no Redis.
from django.core.cache.backends.redis import RedisCache  # pyright: ignore[reportMissingImports]
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from reviews.fuse import valkey

log = structlog.get_logger(__name__)
_DOWN = (RedisConnectionError, RedisTimeoutError)


class ForgivingRedisCache(RedisCache):
    """Redis, read as empty and written to nowhere while it cannot be reached.

    Only the cheap limits live here; lock-out after failed sign-ins is kept in the database.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(True, super().add, *args, **kwargs)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        return self._or(None, super().set, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().touch, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().delete, *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._or({}, super().get_many, *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> list[str]:
        return self._or([], super().set_many, *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        return self._or(None, super().delete_many, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return self._or(False, super().has_key, *args, **kwargs)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return self._or(delta, super().incr, key, delta, version)

    def _or(self, fallback: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not valkey.allows():
            return fallback
        try:
            answer = method(*args, **kwargs)
        except _DOWN:
            valkey.blow()
            log.warning("cache_unreachable")
            return fallback
        except BaseException:
            valkey.mend()  # it answered, if only that there is no such key
            raise
        valkey.mend()
        return answer

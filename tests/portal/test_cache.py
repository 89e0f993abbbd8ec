"""A cache that is away costs a rate limit, never a page."""

import pytest

from portal.cache import ForgivingRedisCache


@pytest.fixture
def away():
    return ForgivingRedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 1}})


def test_reads_find_nothing_and_writes_go_nowhere(away):
    away.set("a", 1)
    assert away.get("a") is None
    assert away.get("a", "default") == "default"
    assert away.get_many(["a"]) == {}
    assert away.add("a", 1) is True
    assert away.incr("a") == 1
    assert away.delete("a") is False
    assert away.has_key("a") is False


def test_it_is_a_cache_when_it_is_there(settings):
    cache = ForgivingRedisCache(settings.REDIS_URL, {"KEY_PREFIX": "test-cache"})
    cache.set("a", 1, 5)
    assert cache.get("a") == 1
    assert cache.incr("a") == 2
    cache.delete("a")
    assert cache.get("a") is None

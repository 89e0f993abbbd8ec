"""What every test shares. The people and builders are in tests/make.py."""

import pytest
from django.conf import settings
from django.core.cache import cache


def pytest_configure():
    # Tests read static files where they are written, and spend no time on strong password hashes.
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture(autouse=True)
def _empty_cache():
    """Start each test with nothing counted against any limit."""
    cache.clear()

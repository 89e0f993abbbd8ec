"""What every test shares. The people and builders are in tests/make.py."""

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection

from reviews.models import RuleVersion
from reviews.verbs import publish
from tests import make, reference


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


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Load the formulary and publish the first rule book once, into the database template."""
    with django_db_blocker.unblock():
        if not RuleVersion.objects.exists():
            call_command("load_formulary", verbosity=0)
            publish.bootstrap()
        reference.keep()
    yield
    # A thread of the live server can outlast its connection's last use, and would then hold the
    # database that is about to be dropped.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def rulebook(db):
    """The published book. A transactional test before this one may have emptied the tables."""
    reference.bring_back()
    return RuleVersion.objects.get(state=RuleVersion.State.PUBLISHED)


@pytest.fixture
def harbour(rulebook):
    return make.practice()


@pytest.fixture
def lakeside(rulebook):
    return make.practice("lakeside", name="Lakeside Family Medicine", profile="US")


@pytest.fixture
def clara(harbour):
    return make.person("clara", harbour)


@pytest.fixture
def ravi(harbour):
    return make.person("ravi", harbour)


@pytest.fixture
def samira(harbour):
    return make.person("samira", harbour)


@pytest.fixture
def ada(harbour):
    return make.person("ada", harbour)


@pytest.fixture
def adam(harbour):
    return make.person("adam", harbour)


@pytest.fixture
def audrey(harbour):
    return make.person("audrey", harbour)


@pytest.fixture
def ehr(harbour):
    return make.person("ehr", harbour)

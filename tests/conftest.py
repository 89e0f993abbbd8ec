"""What every test shares. The people and builders are in tests/make.py."""

import httpx
import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.servers.basehttp import get_internal_wsgi_application
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import TransactionTestCase

from reviews import engines, fuse, walls
from reviews.models import Role, RuleVersion
from reviews.verbs import engines as adopting
from tests import database, make
from tests.api.receiving import Receiver
from tests.world import World

# The gate tries the same examples each time, so that it fails for what somebody changed; new ones
# are looked for by `./dev test --hypothesis-profile=search`.
hypothesis.settings.register_profile("gate", derandomize=True)
hypothesis.settings.register_profile("search", print_blob=True)
hypothesis.settings.load_profile("gate")


def pytest_configure():
    # Tests read static files where they are written, and spend no time on strong password hashes.
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    # As a command does; a request that a test makes sees what its person may.
    walls.by_default(walls.EVERYTHING)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    make.collecting = True
    try:
        return (yield)
    finally:
        make.collecting = False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if hasattr(item, "callspec"):
        item.callspec.params.update(make.dated(item.callspec.params))


@pytest.fixture(autouse=True)
def _empty_cache():
    """Start each test with nothing counted against any limit, and nobody known to be away."""
    cache.clear()
    fuse.valkey.mend()


@pytest.fixture(autouse=True)
def _seals_of_its_own(monkeypatch, tmp_path):
    """Give each test a key, and files of its own outside the database."""
    monkeypatch.setattr(settings, "SEAL_DIR", tmp_path / "seal")
    monkeypatch.setattr(settings, "BULK_DIR", tmp_path / "bulk")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """Give this process a copy of the template, where formulary and rule book are loaded."""
    given = connection.settings_dict
    own = given["TEST"]["NAME"] or f"test_{given['NAME']}"
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(given, "NAME", given["NAME"])
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: database.bring_back())
        database.take(own)
        yield
        database.leave(own)


@pytest.fixture
def rulebook(db):
    """The published book. Its rules and drugs are read from the database only where asked for."""
    return RuleVersion.objects.defer("book").get(state=RuleVersion.State.PUBLISHED)


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
def maeve(harbour):
    return make.person("maeve", harbour)


@pytest.fixture
def iris(harbour):
    return make.person("iris", harbour)


@pytest.fixture
def ehr(harbour):
    return make.person("ehr", harbour)


@pytest.fixture
def dora(lakeside):
    """A clinician of another practice, on call."""
    return make.person("dora", lakeside, Role.CLINICIAN)


@pytest.fixture
def quillfeather(harbour):
    """Everything there is at a practice, of one person whom nobody has opened in an emergency."""
    world = World(harbour, "Quillfeather")
    world.opened.delete()
    return world


def _in_this_process(environ, start_response):
    """The application, which leaves the connection of the test open, as Django's test client."""
    # Not before the settings of tests hold: it remembers where static files are.
    application = get_internal_wsgi_application()
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        return list(application(environ, start_response))
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


class Server:
    """The portal as a program of another system meets it; `url` is where it is."""

    def __init__(self, live):
        self.url = live.url if live else "http://testserver"
        # Without a server, the same requests reach the same application in this process.
        self.transport = None if live else httpx.WSGITransport(_in_this_process)

    def client(self):
        return httpx.Client(base_url=self.url, transport=self.transport)


@pytest.fixture
def server(request, db):
    """The portal for an HTTP client; over the wire for a test that asks for `live_server` too."""
    wired = "live_server" in request.fixturenames
    return Server(request.getfixturevalue("live_server") if wired else None)


@pytest.fixture
def another(monkeypatch):
    """Lets this process run the code of another release: `another()`, or `another(engine)`."""

    def start(engine=make.LATER):
        monkeypatch.setattr(engines, "ENGINE", engine)
        monkeypatch.setattr(adopting, "ENGINE", engine)

    return start


@pytest.fixture
def receiver():
    """A server on this machine that keeps what is sent to it."""
    made = Receiver()
    yield made
    made.close()

"""A portal of its own for the fault tests: real PostgreSQL, Valkey, workers and beat."""

import environ
import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections

from portal import embedded
from reviews import dossiers
from reviews.models import Practice
from tests.portal.folders import enterable

from .parts import Portal

PEOPLE = 1500


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    portal = Portal(enterable(tmp_path_factory.mktemp("faults")))
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def here(request, services, django_db_setup, django_db_blocker, tmp_path_factory):
    """This process speaks to those services, as a web process would; invented people are there.

    PEOPLE of them, or as many as the module says by that name.
    """
    people = getattr(request.module, "PEOPLE", PEOPLE)
    database = connections.databases["default"]
    services.copy_database(database)
    # As the tests' own: the owner, who takes on the role of the application.
    own = environ.Env.db_url_config(embedded.owner_url(services.home))
    before = {name: database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        connection.close()
        sign_ins = tmp_path_factory.mktemp("sign-ins") / "demo-signins.json"
        patch.setattr(settings, "DEMO_SIGN_INS", sign_ins)
        # Ids of that database name other medicines than those of the tests before and after.
        patch.setattr(dossiers, "_medicines", {})
        patch.setattr(current_app.conf, "broker_url", embedded.broker_url(services.home))
        current_app.amqp._producer_pool = None
        database.update({name: own[name] for name in before})
        call_command("seed", patients=people, decisions=0, verbosity=0)
        yield
        connection.close()
        database.update(before)
    current_app.amqp._producer_pool = None


@pytest.fixture
def portal(services, here, django_db_blocker):
    with django_db_blocker.unblock():
        connection.close()
        yield services
        connection.close()


@pytest.fixture
def harbour(portal):
    return Practice.objects.get(code="harbour-street")


@pytest.fixture
def ada(portal):
    return User.objects.get(username="ada")


@pytest.fixture
def clara(portal):
    return User.objects.get(username="clara")

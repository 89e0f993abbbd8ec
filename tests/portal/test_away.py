"""A database that is away or busy is 503, with a sentence and a time; a fault of ours is not."""

import psycopg
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.test import RequestFactory

from portal import away, errors

PASSING = [
    (OperationalError, psycopg.OperationalError(), "does not answer"),
    (InterfaceError, psycopg.InterfaceError("the connection is closed"), "does not answer"),
    (OperationalError, psycopg.errors.AdminShutdown(), "is restarting"),
    (OperationalError, psycopg.errors.CrashShutdown(), "is restarting"),
    (OperationalError, psycopg.errors.TooManyConnections(), "is too busy"),
    (OperationalError, psycopg.errors.QueryCanceled(), "took the database too long"),
    (OperationalError, psycopg.errors.LockNotAvailable(), "Something else holds"),
    (OperationalError, psycopg.errors.DeadlockDetected(), "is too busy"),
    (OperationalError, psycopg.errors.DiskFull(), "disk is full"),
    (ProgrammingError, psycopg.errors.UndefinedColumn(), "is not of this release"),
]
FAULTS = [
    (IntegrityError, psycopg.errors.UniqueViolation()),
    (DataError, psycopg.errors.NumericValueOutOfRange()),
    (ProgrammingError, psycopg.errors.SyntaxError()),
]


def raised(kind, cause):
    """The error as Django raises it."""
    try:
        raise kind("said by the driver") from cause
    except kind as error:
        return error


def answer(method, path, error):
    """What Django answers to an error that nobody caught."""
    request = RequestFactory().generic(method, path)
    request.user = AnonymousUser()
    try:
        raise error
    except type(error):
        return errors.server_error(request)


@pytest.mark.parametrize(("kind", "cause", "said"), PASSING)
@pytest.mark.parametrize("path", ["/queue", "/api/v1/flags"])
def test_what_will_pass_is_503_with_a_sentence_and_a_time(kind, cause, said, path):
    got = answer("GET", path, raised(kind, cause))
    assert (got.status_code, got["Retry-After"]) == (503, "5")
    assert said in got.content.decode()
    assert "Nothing was lost" in got.content.decode()
    assert "said by the driver" not in got.content.decode()


@pytest.mark.parametrize("path", ["/prescriptions", "/api/v1/prescriptions"])
def test_whoever_wrote_is_told_to_look_before_they_write_again(path):
    got = answer("POST", path, raised(OperationalError, psycopg.OperationalError()))
    assert got.status_code == 503
    assert "not known whether what you sent was saved" in got.content.decode()
    assert "look before you send it a second time" in got.content.decode()


@pytest.mark.parametrize(("kind", "cause"), FAULTS)
def test_a_fault_of_ours_stays_one(kind, cause):
    assert away.why(raised(kind, cause)) is None
    assert answer("GET", "/api/v1/flags", raised(kind, cause)).status_code == 500


def test_an_error_that_is_not_of_the_database_stays_a_fault():
    assert answer("GET", "/api/v1/flags", ValueError("a fault")).status_code == 500

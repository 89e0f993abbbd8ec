"""When the database cannot serve a request: what to say, and that it is worth another try."""

from http import HTTPStatus

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

RETRY_SECONDS = 5
STATUS = HTTPStatus.SERVICE_UNAVAILABLE

_SILENT = "The database does not answer."
_BUSY = "The database is too busy."
# The first characters of PostgreSQL's error codes, longest first.
_BY_CODE = (
    ("53100", "The database's disk is full."),
    ("53", _BUSY),  # too many connections, out of memory
    ("55P03", "Something else holds what this needs."),
    ("57014", "This took the database too long."),
    ("57", "The database is restarting."),
    ("58", "The database's disk fails."),
    ("40", _BUSY),  # two transactions in each other's way
    ("08", _SILENT),
    ("25006", "The database takes no changes now."),
    ("42P01", "The database is not of this release."),
    ("42703", "The database is not of this release."),
    ("XX", "The database failed."),
)


def why(error: BaseException | None) -> str | None:
    """The sentence for an error that will pass; None for one that is a fault of the portal."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    cause = error.__cause__
    code = (cause.sqlstate if isinstance(cause, psycopg.Error) else None) or ""
    for begins, sentence in _BY_CODE:
        if code.startswith(begins):
            return sentence
    # No code: it never came to an answer.
    if not code and isinstance(error, OperationalError | InterfaceError):
        return _SILENT
    return None


def sentence(request: HttpRequest, reason: str) -> str:
    """What to tell whoever sent the request: what is known of what they sent, and when to retry."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return f"{reason} Nothing was lost. Try again in {RETRY_SECONDS} seconds."
    return (
        f"{reason} It is not known whether what you sent was saved: "
        f"try again in {RETRY_SECONDS} seconds, and look before you send it a second time."
    )


def page(message: str) -> HttpResponse:
    """The page that says so. It stands alone: whatever it asked for would fail again."""
    html = render_to_string("503.html", {"message": message})
    return HttpResponse(html, status=STATUS, headers={"Retry-After": str(RETRY_SECONDS)})

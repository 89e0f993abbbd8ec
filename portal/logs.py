"""Structured logs without personal data: ids and counts go in, names and dates of birth do not."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

# Keys that carry, or may carry, something about a person. A log line says `patient_id`, not these.
PERSONAL_KEYS = frozenset(
    {
        "address",
        "birth_date",
        "body",
        "comment",
        "data",
        "email",
        "family_name",
        "given_name",
        "identifier",
        "identifiers",
        "ip",
        "login",
        "medicine",
        "name",
        "note",
        "password",
        "patient",
        "phone",
        "reason_text",
        "text",
        "token",
        "username",
    }
)
# PostgreSQL repeats the refused row's values in these lines of an error.
_ROW_VALUES = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)
_QUERY_STRING = re.compile(r"\?\S*")


def drop_personal_data(
    logger: Any, method_name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Remove personal keys, the query string of a request (searches) and row values of errors."""
    for key in PERSONAL_KEYS & event.keys():
        del event[key]
    if "request" in event:
        event["request"] = _QUERY_STRING.sub("", str(event["request"]))
    if "exception" in event:
        event["exception"] = _ROW_VALUES.sub(r"\1: (left out)", str(event["exception"]))
    return event


_shared = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.format_exc_info,
    drop_personal_data,
]


def configure() -> None:
    """Send structlog's own loggers through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return Django's LOGGING: one handler, to standard error, as JSON or as key=value lines."""
    last = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
                "foreign_pre_chain": _shared,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # django_structlog says that a task began and how it ended.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            # django_structlog says the same once for each request, without the query string.
            "django.server": {"level": "ERROR"},
        },
    }

"""What the parameters of a FHIR search say: tokens, references, texts, dates with their prefix."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone

from reviews.errors import BadRecord

_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+\- ](?:0\d|1[0-3]):[0-5]\d|[+\- ]14:00)?)?)?)?",
    re.ASCII,
)
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"(?:(?P<type>[A-Z][A-Za-z]+)/)?(?P<id>[A-Za-z0-9\-.]{1,64})", re.ASCII)
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


class Token(NamedTuple):
    """A code in a system. `system` None: in whatever system; "": in none. `code` "": any."""

    system: str | None
    code: str


class Reference(NamedTuple):
    """A resource; `type` is empty where only the id was given, "?" of another server's."""

    type: str
    id: str


class Text(NamedTuple):
    """A text, and whether it must be exactly that."""

    text: str
    exact: bool


class Span(NamedTuple):
    """A time as precise as it was given: from `start` to before `end`."""

    prefix: str
    start: datetime
    end: datetime


Value = Token | Reference | Text | Span


def alternatives(text: str) -> list[str]:
    """The values of a parameter, which commas without a backslash part; backslashes are kept."""
    return _split(text, ",")


def _split(text: str, sign: str, most: int = -1) -> list[str]:
    parts, escaped = [""], False
    for each in text:
        if each == sign and not escaped and (most < 0 or len(parts) <= most):
            parts.append("")
            continue
        escaped = each == "\\" and not escaped
        parts[-1] += each
    return parts


def _plain(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def token(name: str, text: str) -> Token:
    parts = [_plain(part) for part in _split(text, "|", 1)]
    if not any(parts):
        raise BadRecord(name, "is empty")
    return Token(None, parts[0]) if len(parts) == 1 else Token(parts[0], parts[1])


def reference(name: str, text: str, base: str, only: str = "") -> Reference:
    """`text` as a reference. `base` is the address of this server, `only` the type it must have."""
    if "://" in text or text.startswith("urn:"):
        if not text.startswith(f"{base}/"):
            return Reference("?", text)
        text = text[len(base) + 1 :]
    fits = _REFERENCE.fullmatch(_plain(text))
    if fits is None:
        raise BadRecord(name, "is no reference: an id, Type/id or the address of a resource")
    type_name = fits["type"] or only
    if only and type_name != only:
        return Reference("?", fits["id"])
    return Reference(type_name, fits["id"])


def text(name: str, text: str, *, exact: bool) -> Text:
    if not text:
        raise BadRecord(name, "is empty")
    return Text(_plain(text), exact)


def span(name: str, text: str) -> Span:
    """`text` as a prefix and the time that it names, as long as it is precise."""
    said = _DATE.fullmatch(text)
    if said is None or (said["prefix"] or "eq") not in PREFIXES:
        raise BadRecord(name, f"is no date; prefixes are {', '.join(PREFIXES)}")
    try:
        start, end = _bounds(said)
    except (ValueError, OverflowError) as error:
        raise BadRecord(name, "is no date that there is") from error
    return Span(said["prefix"] or "eq", max(start, EARLIEST), min(end, LATEST))


def instant(name: str, text: str) -> datetime:
    """`text` as an instant with its time zone. Raises `BadRecord`."""
    said = _DATE.fullmatch(text)
    if said is None or said["prefix"] or not said["zone"]:
        raise BadRecord(name, "is no instant with its time zone, such as 2026-01-01T00:00:00Z")
    return span(name, text).start.astimezone(UTC)


def _bounds(said: re.Match[str]) -> tuple[datetime, datetime]:
    year, month, day = (int(said[part] or 1) for part in ("year", "month", "day"))
    first = date(year, month, day)
    if said["hour"] is None:
        if year == LATEST.year:
            after = LATEST.date()
        elif said["day"]:
            after = first + timedelta(days=1)
        elif said["month"]:
            after = date(year + month // 12, month % 12 + 1, 1)
        else:
            after = date(year + 1, 1, 1)
        return midnight(first), midnight(after)
    fraction = (said["fraction"] or "")[:6]
    at = datetime.combine(
        first,
        time(
            int(said["hour"]),
            int(said["minute"]),
            # A leap second, which Python does not know, is taken for the one before it.
            59 if said["second"] == "60" else int(said["second"] or 0),
            int(fraction.ljust(6, "0")),
        ),
    )
    zone = (said["zone"] or "").replace(" ", "+")
    if zone == "Z":
        at = at.replace(tzinfo=UTC)
    elif zone:
        sign = -1 if zone[0] == "-" else 1
        at = (at - sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))).replace(
            tzinfo=UTC
        )
    else:
        at = timezone.make_aware(at)
    if fraction:
        return at, at + timedelta(microseconds=10 ** (6 - len(fraction)))
    return at, at + timedelta(seconds=1) if said["second"] else at + timedelta(minutes=1)


def midnight(day: date) -> datetime:
    """The beginning of a day, where the portal is."""
    return timezone.make_aware(datetime.combine(day, time.min))

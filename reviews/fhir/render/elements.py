"""The small parts that resources are made of. What says nothing is left out."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

OURS = "urn:prescription-safety-portal:"
"""What the names of our own systems and extensions begin with."""
UNDERSTOOD = f"{OURS}understood"
"""The extension in which the portal says what it read out of a resource."""
MOST_KNOWN = 10_000
"""Systems and codings that are remembered: there are few, and each resource has some."""
_NUMBERS = frozenset({bool, int, float, Decimal})
UCUM = "http://unitsofmeasure.org"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UNIT_CODES = {
    "mg": "mg",
    "microgram": "ug",
    "g": "g",
    "ml": "mL",
    "tablet": "{tablet}",
    "capsule": "{capsule}",
    "patch": "{patch}",
    "drop": "[drp]",
    "spray": "{spray}",
    "suppository": "{suppository}",
    "unit": "{unit}",
}
"""UCUM's code of each of our units."""


def resource(type_name: str, **members: Any) -> Json:
    """A resource without the members that say nothing."""
    return {"resourceType": type_name, **said(**members)}


def said(**members: Any) -> Json:
    """The members that say something: FHIR knows no null and nothing empty."""
    # Nought and False say something. Some twenty times for each resource, so nothing is looked at
    # that need not be.
    found = {name: value for name, value in members.items() if value or value.__class__ in _NUMBERS}
    return found if "for_" not in members else _renamed(found)


def _texts(first: str, one: str | None, second: str, other: str | None) -> Json:
    """`said` for two texts: in each resource there are twenty of these."""
    if other:
        return {first: one, second: other} if one else {second: other}
    return {first: one} if one else {}


def _renamed(members: Json) -> Json:
    """Members of which one has the name of a word of Python."""
    return {name.rstrip("_"): value for name, value in members.items()}


@lru_cache(maxsize=MOST_KNOWN)
def uri(text: str) -> str:
    """The name of a system as a URI: one that somebody wrote with spaces or signs is escaped."""
    return quote(text, safe=":/?#[]@!$&'()*+,;=%~._-")


def words(text: str) -> str:
    """A text without signs that FHIR forbids; empty where nothing is left."""
    if text.isprintable():
        return text.strip()
    return "".join(
        sign for sign in text if sign in "\t\n\r" or (sign >= " " and sign != "\x7f")
    ).strip()


def code(text: str) -> str:
    """A code as FHIR writes it: no spaces around or doubled."""
    return " ".join(words(text).split())


@lru_cache(maxsize=MOST_KNOWN)
def coding(system: str, value: str, display: str = "") -> Json:
    return said(system=uri(system), code=code(value), display=words(display))


def concept(text: str = "", codings: Iterable[Json] = ()) -> Json:
    """A CodeableConcept: as somebody wrote it, and its codes."""
    codings = list(codings)
    made: Json = {"coding": codings} if codings else {}
    if text and (kept := words(text)):
        made["text"] = kept
    return made


def own(system: str, value: str, display: str = "") -> Json:
    """A concept of one of our own lists of codes."""
    return concept(display, [coding(f"{OURS}{system}", value, display)])


def reference(type_name: str, logical_id: object, display: str = "") -> Json:
    """A reference to a resource here."""
    made: Json = {"reference": f"{type_name}/{logical_id}"}
    if display and (kept := words(display)):
        made["display"] = kept
    return made


def named(display: str) -> Json:
    """A reference to somebody or something of whom only the name is known."""
    return said(display=words(display))


def identifier(system: str, value: str, use: str = "") -> Json:
    made = _texts("system", uri(system), "value", words(value))
    return {"use": use, **made} if use else made


def source(system: str, value: str) -> Json:
    """The number that a record has in the system that it came from."""
    return identifier(f"{OURS}source:{system}", value)


def period(start: date | datetime | None, end: date | datetime | None = None) -> Json:
    return _texts("start", when(start), "end", when(end))


def when(moment: date | datetime | None) -> str | None:
    """A day, or an instant in UTC."""
    if isinstance(moment, datetime):
        return instant(moment)
    return moment.isoformat() if moment else None


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number(amount: Decimal | float | int | None) -> int | float | None:
    """A number as JSON says it: whole ones without a point."""
    if amount is None:
        return None
    return int(amount) if amount == int(amount) else float(amount)


@lru_cache(maxsize=MOST_KNOWN)
def quantity(amount: Decimal | float | int | None, unit: str | None) -> Json:
    """An amount in one of our units; without a unit that is known, the number alone."""
    if amount is None:
        return {}
    ucum = UNIT_CODES.get(unit or "")
    return said(value=number(amount), unit=unit, system=UCUM if ucum else None, code=ucum)


def days(count: Decimal | float | int | None) -> Json:
    """A duration in days."""
    if count is None:
        return {}
    return {"value": number(count), "unit": "days", "system": UCUM, "code": "d"}


def extension(url: str, **value: Any) -> Json:
    """An extension with one value, such as `valueString`, or with parts in `extension`."""
    return {"url": url, **value}


def absent() -> Json:
    """What stands where a value is required and nobody knows it."""
    return {"extension": [extension(ABSENT, valueCode="unknown")]}

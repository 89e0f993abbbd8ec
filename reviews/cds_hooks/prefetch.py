"""What came along with a call, and what its FHIR server is asked for instead.

A key that is absent is asked for; null or an empty Bundle says that there is nothing; an
OperationOutcome says that asking failed, and is not repeated.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from django.conf import settings

from reviews import outgoing
from reviews.cds_hooks.calls import MOST_RESOURCES, Call
from reviews.cds_hooks.services import PATIENT, PREFETCH, REQUIRED, TYPES
from reviews.errors import BadRecord, DomainError

MOST_PAGES = 10
SECONDS = 6.0
"""For everything that is asked for in one call."""
PAGE_BYTES = 4 * 1024 * 1024
MOST_AT_ONCE = max(1, (settings.DATABASE_POOL or 4) // 2)
"""So many servers are asked at once by a web process: half of its threads, each of which has a
connection of the pool. The others go on serving pages whatever becomes of those servers."""
WAIT_SECONDS = 0.3
"""So long a call waits for its turn to ask."""
_places = threading.BoundedSemaphore(MOST_AT_ONCE)
OUTCOME = "OperationOutcome"


class Unobtainable(DomainError):
    """Data without which nothing can be judged; `keys` are the names in the prefetch."""

    code = "prefetch_needed"

    def __init__(self, keys: Mapping[str, str]) -> None:
        said = "; ".join(f"prefetch.{key}: {reason}" for key, reason in keys.items())
        super().__init__(f"What is needed could not be had: {said}")
        self.keys = keys


class Had(NamedTuple):
    """Resources of the record of the caller, and why what is missing of it is missing, by key."""

    resources: list[dict[str, Any]]
    missing: dict[str, str]


class _Failed(Exception):
    """Why something could not be had."""


class _Asking:
    """Asks the FHIR server of one call, within one time for all that is asked."""

    def __init__(self, call: Call, allowed: str) -> None:
        self.call = call
        self.allowed = bool(call.server) and call.server == allowed.rstrip("/")
        self.until = time.monotonic() + SECONDS

    def search(self, template: str) -> Any:
        """What a template finds there. Raises `_Failed`."""
        if not self.call.server:
            raise _Failed("is absent, and no fhirServer is named")
        if not self.allowed:
            raise _Failed("is absent, and the fhirServer is not the one that was registered")
        return self.page(
            f"{self.call.server}/{template.replace(PATIENT, quote(self.call.patient))}"
        )

    def address(self, following: str) -> str:
        """The whole address of a further page, which may be written from where the server is."""
        try:
            return urljoin(f"{self.call.server}/", following) if self.call.server else following
        except ValueError as error:
            raise _Failed("has a further page at something that is no address") from error

    def page(self, url: str) -> Any:
        """What is at an address of the server. Its token goes to no other one. Raises `_Failed`."""
        if not self.allowed or not self._same_origin(url):
            raise _Failed("has a further page that is not at the fhirServer that was registered")
        headers = {"Accept": "application/fhir+json"}
        if self.call.token:
            headers["Authorization"] = f"Bearer {self.call.token}"
        left = self.until - time.monotonic()
        if left <= 0:
            raise _Failed(f"could not be had within {SECONDS:g} seconds")
        if not _places.acquire(timeout=min(WAIT_SECONDS, left)):
            raise _Failed(
                "could not be had: too much is asked of FHIR servers at once. Send it along"
            )
        try:
            return outgoing.get_json(
                url, headers=headers, seconds=left, most_bytes=PAGE_BYTES
            ).value
        except DomainError as error:
            raise _Failed(f"could not be had: {error.message}") from error
        finally:
            _places.release()

    def _same_origin(self, url: str) -> bool:
        try:
            return _origin(self.call.server) == _origin(url)
        except ValueError:
            return False


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address: a server may say its port or leave it out."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or usual


def resources(call: Call, *, allowed: str) -> Had:
    """The record of the caller. Raises `BadRecord`, and `Unobtainable` for what is needed.

    `allowed` is the FHIR server that was registered for the caller; no other one is asked.
    """
    asking = _Asking(call, allowed)
    found: list[dict[str, Any]] = []
    missing: dict[str, str] = {}
    for key, template in PREFETCH.items():
        came_along = key in call.prefetch
        try:
            said = call.prefetch[key] if came_along else asking.search(template)
            several = _resources(key, said, asking, came_along=came_along)
            if len(found) + len(several) > MOST_RESOURCES:
                many = BadRecord(f"prefetch.{key}", f"holds more than {MOST_RESOURCES} resources")
                raise many if came_along else _Failed(many.reason)
            found += several
        except _Failed as error:
            missing[key] = str(error)
    if needed := {key: missing[key] for key in REQUIRED if key in missing}:
        raise Unobtainable(needed)
    return Had(_of_the_patient(call, found), missing)


def _resources(key: str, said: Any, asking: _Asking, *, came_along: bool) -> list[dict[str, Any]]:
    """The resources under a key: of a Bundle all that it holds, its further pages too.

    Raises `BadRecord` for what came along and is none, `_Failed` for what could not be had.
    """
    found: list[dict[str, Any]] = []
    for page in range(MOST_PAGES):
        if said is None and came_along and page == 0:
            return found
        try:
            several, following = _read(key, said, TYPES[key] if page == 0 else frozenset())
        except BadRecord as error:
            if came_along and page == 0:
                raise
            # The caller did not say that: its server did, and the call itself can be judged.
            raise _Failed(f"had an answer that cannot be read: it {error.reason}") from error
        found += several
        if not following:
            return found
        if page < MOST_PAGES - 1:
            said = asking.page(asking.address(following))
    raise _Failed(f"has more than {MOST_PAGES} pages")


def _read(key: str, said: Any, alone: frozenset[str]) -> tuple[list[dict[str, Any]], str]:
    """The resources of one answer, and the address of the next page, empty where there is none.

    `alone` are the types of which one may come without a Bundle. Raises `BadRecord` for what is no
    answer, and `_Failed` for an outcome.
    """
    if not isinstance(said, dict) or not isinstance(said.get("resourceType"), str):
        raise BadRecord(f"prefetch.{key}", "is no resource")
    if said["resourceType"] == OUTCOME:
        raise _Failed("is an OperationOutcome: the caller could not have it")
    if said["resourceType"] == "Bundle":
        return _entries(key, said), _following(said)
    if said["resourceType"] not in alone:
        raise BadRecord(f"prefetch.{key}", f"is of type {said['resourceType'][:40]}")
    return [said], ""


def _entries(key: str, bundle: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [] if bundle.get("entry") is None else bundle["entry"]
    if not isinstance(entries, list):
        raise BadRecord(f"prefetch.{key}.entry", "is no list")
    found = []
    for place, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise BadRecord(f"prefetch.{key}.entry[{place}]", "holds no resource")
        # A server may tell beside what it found that it left something out.
        if resource["resourceType"] != OUTCOME:
            found.append(resource)
    return found


def _following(bundle: dict[str, Any]) -> str:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return ""


def _of_the_patient(call: Call, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The record of the patient of the context.

    Raises `BadRecord` for that of another one, and `Unobtainable` where the server gave that.
    """
    people = [one for one in found if one["resourceType"] == "Patient"]
    if not people:
        raise Unobtainable({"patient": "holds no patient"})
    if not any(str(one.get("id", "")) == call.patient for one in people):
        another = BadRecord("prefetch.patient", "is of another patient than context.patientId")
        raise another if "patient" in call.prefetch else Unobtainable({"patient": another.reason})
    return found

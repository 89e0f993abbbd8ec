"""The entries of a batch or transaction: read, put in order, and their references made real."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from reviews.fhir.write.conforming import ID
from reviews.fhir.write.exact import NotRead

MOST_ENTRIES = 1_000
METHODS = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
_RANK = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
HISTORY = "_history"
VERSION = re.compile(r"[1-9][0-9]{0,18}\Z")
"""The number of a version, as an address names it."""
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}\Z")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{1,63})\?(.+)\Z", re.DOTALL)
_LINKING = ("reference", "valueUri", "valueUrl", "valueUuid", "valueOid")
"""The elements that may name another entry by its fullUrl."""


class Entry(NamedTuple):
    """One entry: what it asks for. `at` is its place in the Bundle.

    `kind`, `known` and `version` are the type, the id and the version of its address, "" where it
    has none; `query` is what stands behind the question mark. The conditions are "" where there are
    none.
    """

    at: int
    full_url: str
    method: str
    url: str
    kind: str
    known: str
    version: str
    query: str
    resource: dict[str, Any] | None
    if_match: str
    if_none_match: str
    if_none_exist: str

    @property
    def expression(self) -> str:
        return expression(self.at)


def expression(at: int) -> str:
    """Where an entry is."""
    return f"Bundle.entry[{at}]"


def entries(bundle: Any) -> list[Any]:
    """The entries of a Bundle of type batch or transaction, as they were sent. Raises `NotRead`."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise NotRead("A Bundle of type batch or transaction is required.", code="required")
    if bundle.get("type") not in ("batch", "transaction"):
        raise NotRead("Bundle.type is to be batch or transaction.", "Bundle.type", "code-invalid")
    said = bundle.get("entry", [])
    if not isinstance(said, list):
        raise NotRead("Bundle.entry is to be a list.", "Bundle.entry")
    if len(said) > MOST_ENTRIES:
        raise NotRead(
            f"A Bundle has at most {MOST_ENTRIES:,} entries here, this one {len(said):,}.",
            "Bundle.entry",
            "too-costly",
        )
    return said


def entry(at: int, said: Any) -> Entry:
    """What the entry at a place of a Bundle asks for. Raises `NotRead`."""
    here = expression(at)
    request = said.get("request") if isinstance(said, dict) else None
    if not isinstance(request, dict):
        raise NotRead("An entry needs a request.", f"{here}.request", "required")
    method, url = _text(request, "method", here), _text(request, "url", here)
    if method not in METHODS:
        raise NotRead(
            f"“{method[:20]}” is not one of {', '.join(METHODS)}.",
            f"{here}.request.method",
            "code-invalid",
        )
    resource = said.get("resource")
    if resource is not None and not isinstance(resource, dict):
        raise NotRead("A resource is to be an object.", f"{here}.resource")
    if resource is None and method in ("POST", "PUT", "PATCH"):
        raise NotRead(f"{method} needs a resource.", f"{here}.resource", "required")
    kind, known, version, query = _address(url, here)
    _fits(method, known, version, query, here)
    full_url = said.get("fullUrl", "")
    if not isinstance(full_url, str):
        raise NotRead("fullUrl is to be a text.", f"{here}.fullUrl")
    return Entry(
        *(at, full_url, method, url, kind, known, version, query, resource),
        if_match=_optional(request, "ifMatch", here),
        if_none_match=_optional(request, "ifNoneMatch", here),
        if_none_exist=_optional(request, "ifNoneExist", here).removeprefix("?"),
    )


def _text(request: dict[str, Any], name: str, here: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise NotRead(f"An entry needs request.{name}.", f"{here}.request.{name}", "required")
    return value


def _optional(request: dict[str, Any], name: str, here: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise NotRead(f"request.{name} is to be a text.", f"{here}.request.{name}")
    return value


def _address(url: str, here: str) -> tuple[str, str, str, str]:
    """`(type, id, version, query)` of an address relative to the base.

    Such as Patient, Patient/1, Patient/1/_history/2 and Patient?x=y.
    """
    path, _, query = url.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/")]
    kind, known, history, version, *more = *parts, *[""] * (4 - len(parts))
    if kind and not _TYPE.match(kind):
        raise NotRead(
            f"“{url[:80]}” is to be relative to the base, such as Patient/1.",
            f"{here}.request.url",
            "value",
        )
    if more or (history and not (history == HISTORY and VERSION.match(version))):
        raise NotRead(
            f"“{url[:80]}” is not offered within a Bundle: a type, a resource or a version is.",
            f"{here}.request.url",
            "not-supported",
        )
    if known and not (ID.match(known) or known.startswith("_")):
        raise NotRead(f"“{known[:80]}” is no id.", f"{here}.request.url", "value")
    return kind, known, version, query


def _fits(method: str, known: str, version: str, query: str, here: str) -> None:
    """Refuse a method at an address for which FHIR has none, rather than do something else."""
    if method in ("GET", "HEAD"):
        return
    if version or (known and method == "POST"):
        reason = f"{method} is not offered at such an address."
    elif method in ("PUT", "PATCH") and not known and not query:
        reason = f"{method} needs an id or a condition, such as Patient/1 or Patient?identifier=1."
    else:
        return
    raise NotRead(reason, f"{here}.request.url", "not-supported" if version or known else "value")


def in_order(found: list[Entry]) -> list[Entry]:
    """As a transaction is carried out: DELETE, POST, PUT and PATCH, then GET."""
    return sorted(found, key=lambda entry: _RANK[entry.method])


def refuse_twice(found: list[Entry]) -> None:
    """Raise `NotRead` where two entries change one resource, or two have one fullUrl."""
    changed: set[tuple[str, str]] = set()
    named: set[str] = set()
    for entry in found:
        if entry.method in ("PUT", "PATCH", "DELETE") and entry.known:
            if (entry.kind, entry.known) in changed:
                raise NotRead(
                    f"{entry.kind}/{entry.known} is changed by two entries.",
                    entry.expression,
                    "duplicate",
                )
            changed.add((entry.kind, entry.known))
        if entry.full_url and entry.method in ("POST", "PUT"):
            if entry.full_url in named:
                raise NotRead(
                    f"Two entries have the fullUrl {entry.full_url[:80]}.",
                    f"{entry.expression}.fullUrl",
                    "duplicate",
                )
            named.add(entry.full_url)


def with_references(content: Any, meant: Mapping[str, str]) -> Any:
    """The content with each reference that `meant` knows replaced by what it means.

    Canonical addresses are left as they are; links in a narrative are replaced.
    """
    if not meant:
        return content

    def replaced(name: str, value: Any) -> Any:
        if isinstance(value, (dict, list)):
            return with_references(value, meant)
        if not isinstance(value, str):
            return value
        if name in _LINKING:
            plain, mark, fragment = value.partition("#")
            return f"{meant[plain]}{mark}{fragment}" if plain in meant else meant.get(value, value)
        if name == "div":
            for known, means in meant.items():
                value = value.replace(f'"{known}"', f'"{means}"')
        return value

    if isinstance(content, dict):
        return {name: replaced(name, value) for name, value in content.items()}
    if isinstance(content, list):
        return [with_references(value, meant) for value in content]
    return content


def references(content: Any) -> list[tuple[str, str]]:
    """`(expression, reference)` of each Reference.reference of a resource."""
    found: list[tuple[str, str]] = []
    _collect(content, "", found)
    return found


def _collect(content: Any, path: str, found: list[tuple[str, str]]) -> None:
    """Add the references of a part to `found`. Texts and numbers, most of it, are not gone into."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name == "reference" and isinstance(value, str):
                found.append((f"{path}.{name}" if path else name, value))
            elif isinstance(value, (dict, list)):
                _collect(value, f"{path}.{name}" if path else name, found)
    elif isinstance(content, list):
        for at, value in enumerate(content):
            _collect(value, f"{path}[{at}]", found)


def with_ours(content: Any, base: str) -> Any:
    """The content with references by the whole address of a resource here made relative."""
    begins = f"{base}/"
    ours = {
        reference: reference.removeprefix(begins)
        for _, reference in references(content)
        if reference.startswith(begins)
    }
    return with_references(content, ours)


def conditional(reference: str) -> tuple[str, str] | None:
    """`(type, query)` of a conditional reference such as Patient?identifier=s|v, else None."""
    found = _CONDITIONAL.match(reference)
    return (found[1], found[2]) if found else None


def meanings(found: list[Entry], new_id: Callable[[Entry], str]) -> dict[str, str]:
    """What each fullUrl of an entry that writes means: the address that its resource will have."""
    return {
        entry.full_url: f"{entry.kind}/{entry.known or new_id(entry)}"
        for entry in found
        if entry.full_url and entry.method in ("POST", "PUT")
    }

"""SMART scopes: what a token lets a system do with which resources. Pure.

A scope is a context, a type of resource and letters: c create, r read, u update, d delete, s search
(`system/MedicationRequest.rs`). Version 1 has words in their place (`read`, `write`, `*`). A scope
may be limited to the resources that a search finds: `system/Task.rs?status=requested`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple
from urllib.parse import quote, unquote

LETTERS = "cruds"
WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
"""What version 1 calls letters."""
CONTEXTS = ("patient", "user", "system")
SYSTEM = "system"
ANY_TYPE = "*"
MOST_LETTERS = 4_000
"""Characters of a list of scopes that is read; MOST scopes in it, MOST_PAIRS limits of each."""
MOST = 100
MOST_PAIRS = 10

_OF_A_MEDICINE = frozenset({"_id", "patient", "subject", "status", "code", "identifier"})
LIMITED_BY: Mapping[str, frozenset[str]] = {
    "Patient": frozenset({"_id", "identifier", "gender"}),
    "Practitioner": frozenset({"_id", "identifier"}),
    "PractitionerRole": frozenset({"_id", "practitioner", "organization"}),
    "Organization": frozenset({"_id", "identifier"}),
    "Group": frozenset({"_id"}),
    "Medication": frozenset({"_id", "code"}),
    "MedicationRequest": _OF_A_MEDICINE | {"intent", "category"},
    "MedicationDispense": _OF_A_MEDICINE,
    "MedicationStatement": _OF_A_MEDICINE,
    "MedicationAdministration": _OF_A_MEDICINE,
    "Condition": frozenset({"_id", "patient", "subject", "code", "identifier"}),
    "Observation": frozenset({"_id", "patient", "subject", "status", "code", "identifier"}),
    "AllergyIntolerance": frozenset({"_id", "patient", "code", "identifier"}),
    "DetectedIssue": frozenset({"_id", "patient", "code", "identifier"}),
    "Task": frozenset({"_id", "patient", "subject", "status", "code", "intent", "priority"}),
    "Communication": frozenset({"_id", "patient", "subject", "status"}),
    "CarePlan": frozenset({"_id", "patient", "subject", "status"}),
    "AuditEvent": frozenset({"_id", "patient"}),
    "Provenance": frozenset({"_id", "patient"}),
}
"""`{type: search parameters that a scope may limit it by}`. Other types are nobody's to ask for."""

_SCOPE = re.compile(r"([a-z]+)/([A-Za-z]+|\*)\.([a-z]+|\*)(?:\?(.+))?", re.ASCII)
_PARAMETER = re.compile(r"_?[a-z][a-z-]*", re.ASCII)

Pair = tuple[str, str]
"""A search parameter and the value that it must have."""


class InvalidScope(ValueError):
    """A scope that is none, or that nobody can be given; the message says which and why."""


class Scope(NamedTuple):
    """One scope: `letters` in the order of LETTERS, `pairs` in the order of the alphabet."""

    context: str
    type: str
    letters: str
    pairs: tuple[Pair, ...] = ()

    def __str__(self) -> str:
        said = f"{self.context}/{self.type}.{self.letters}"
        limits = "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in self.pairs)
        return f"{said}?{limits}" if limits else said

    def holds(self, other: "Scope") -> bool:
        """Whether all that `other` allows is allowed by this one as well."""
        return (
            self.context == other.context
            and self.type in (ANY_TYPE, other.type)
            and set(other.letters) <= set(self.letters)
            and set(self.pairs) <= set(other.pairs)
        )


_UNQUOTED = ":/|,._-~"


@dataclass(frozen=True, slots=True)
class Scopes:
    """Scopes together: what one of them allows is allowed."""

    all: tuple[Scope, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.all))

    def __bool__(self) -> bool:
        return bool(self.all)

    def bounds(self, type_name: str, letter: str) -> tuple[tuple[Pair, ...], ...] | None:
        """How far an interaction reaches: None not at all, `()` without bounds, else alternatives.

        Each alternative is (parameter, value) pairs that a resource must meet, all of them.
        """
        found = [
            scope.pairs
            for scope in self.all
            if scope.context == SYSTEM
            and scope.type in (ANY_TYPE, type_name)
            and letter in scope.letters
        ]
        if not found:
            return None
        return () if () in found else tuple(found)

    def within(self, most: "Scopes") -> "Scopes":
        """What both these and `most` allow: what is granted of what was asked for."""
        both = (_both(one, other) for one, other in product(self.all, most.all))
        return united(scope for scope in both if scope is not None)


def parse(text: str) -> Scopes:
    """The scopes of a list with spaces between. Raises `InvalidScope` for one that is none."""
    if len(text) > MOST_LETTERS:
        raise InvalidScope(f"scope: is longer than {MOST_LETTERS} characters")
    said = text.split()
    if not said:
        raise InvalidScope("scope: is needed")
    if len(said) > MOST:
        raise InvalidScope(f"scope: more than {MOST} scopes")
    return united(map(_parse, said))


def united(scopes: Iterable[Scope]) -> Scopes:
    """Scopes together, without those that others hold, in order."""
    letters: dict[tuple[str, str, tuple[Pair, ...]], set[str]] = {}
    for scope in scopes:
        place = (scope.context, scope.type, scope.pairs)
        letters.setdefault(place, set()).update(scope.letters)
    whole = [
        Scope(context, kind, _in_order(said), pairs)
        for (context, kind, pairs), said in letters.items()
    ]
    kept = [one for one in whole if not any(o is not one and o.holds(one) for o in whole)]
    return Scopes(tuple(sorted(kept)))


def _parse(said: str) -> Scope:
    shown = said[:100]
    match = _SCOPE.fullmatch(said)
    if match is None:
        raise InvalidScope(f"{shown}: is no scope of resources")
    context, kind, what, limits = match.groups()
    if context not in CONTEXTS:
        raise InvalidScope(f"{shown}: begins with none of {', '.join(CONTEXTS)}")
    if kind != ANY_TYPE and kind not in LIMITED_BY:
        raise InvalidScope(f"{shown}: resources of type {kind} are not served")
    letters = WORDS.get(what, what)
    if letters != _in_order(letters):
        raise InvalidScope(f"{shown}: “{what}” are not letters of {LETTERS}, in that order")
    return Scope(context, kind, letters, _pairs(shown, kind, limits) if limits else ())


def _pairs(shown: str, kind: str, limits: str) -> tuple[Pair, ...]:
    """The limits of a scope, read as the query of a search."""
    pairs: set[Pair] = set()
    for part in limits.split("&"):
        name, equals, value = part.partition("=")
        if not _PARAMETER.fullmatch(name) or not equals or not value:
            raise InvalidScope(
                f"{shown}: a limit is parameter=value, without a modifier and without a chain"
            )
        if name not in LIMITED_BY.get(kind, frozenset()):
            raise InvalidScope(f"{shown}: {kind} cannot be limited by {name}")
        plain = unquote(value)
        if not plain.isprintable():
            raise InvalidScope(f"{shown}: the value of {name} holds signs that cannot be seen")
        pairs.add((name, plain))
    if len(pairs) > MOST_PAIRS:
        raise InvalidScope(f"{shown}: more than {MOST_PAIRS} limits")
    return tuple(sorted(pairs))


def _both(one: Scope, other: Scope) -> Scope | None:
    letters = _in_order(set(one.letters) & set(other.letters))
    if one.context != other.context or not letters:
        return None
    if ANY_TYPE not in (one.type, other.type) and one.type != other.type:
        return None
    kind = other.type if one.type == ANY_TYPE else one.type
    return Scope(one.context, kind, letters, tuple(sorted({*one.pairs, *other.pairs})))


def _in_order(letters: Iterable[str]) -> str:
    kept = set(letters)
    return "".join(letter for letter in LETTERS if letter in kept)

"""What FHIR R4 requires of what clients write: elements, and codes of required bindings.

From the definitions of FHIR 4.0.1 (hl7.org/fhir/R4, the page of each resource). What is not named
here is kept and returned as it was sent.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import msgspec

from reviews.fhir.read import plain
from reviews.fhir.read.file import READ

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
MOST_FAULTS = 20
TEXT_LISTS = frozenset(
    {
        *("alias", "given", "line", "prefix", "suffix"),
        *("dayOfWeek", "daysOfWeek", "event", "timeOfDay", "when"),
        *("instantiatesCanonical", "instantiatesUri", "profile"),
    }
)
"""Lists of texts, dates and codes in what is sent: of these alone one may have extensions only."""

OBJECTS = ("meta", "text", "managingOrganization")
LISTS = ("contained", "extension", "modifierExtension")
TIMES = frozenset(
    {
        *("birthDate", "deceasedDateTime", "authoredOn", "whenPrepared", "whenHandedOver"),
        *("dateAsserted", "effectiveDateTime", "effectiveInstant", "onsetDateTime"),
        *("abatementDateTime", "recordedDate", "issued", "lastOccurrence"),
    }
)
"""The elements at the top of a resource that are a date, a dateTime or an instant."""
NO_TIME = "“{}” is no date or time, such as 2026-01-31 or 2026-01-31T10:00:00Z."
_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?"
    r"(?:Z|[+-](?:0\d|1[0-3]):?[0-5]\d|[+-]14:?00)?)?)?)?\Z",
    re.ASCII,
)

_GENDER = {"male", "female", "other", "unknown"}
_PRIORITY = {"routine", "urgent", "asap", "stat"}
_MEDICATION = ("medicationCodeableConcept", "medicationReference")
_ORDER_STATUS = {
    *("active", "on-hold", "cancelled", "completed"),
    *("entered-in-error", "stopped", "draft", "unknown"),
}


class Fault(NamedTuple):
    """What is wrong with an element: `code` is an issue type of OperationOutcome."""

    expression: str
    code: str
    reason: str


class Definition(NamedTuple):
    """Of a type: what must be there, which codes its elements may have, and of which concepts.

    Of each group in `required` exactly one must be there. `concepts` are CodeableConcepts whose
    codings of the system given may only be of the codes.
    """

    required: tuple[tuple[str, ...], ...] = ()
    codes: dict[str, set[str]] = {}
    concepts: dict[str, tuple[str, set[str]]] = {}


def _terms(name: str) -> str:
    return f"http://terminology.hl7.org/CodeSystem/{name}"


DEFINITIONS = {
    "Patient": Definition(codes={"gender": _GENDER}),
    "Practitioner": Definition(codes={"gender": _GENDER}),
    "PractitionerRole": Definition(),
    "Organization": Definition(),
    "Medication": Definition(codes={"status": {"active", "inactive", "entered-in-error"}}),
    "MedicationRequest": Definition(
        required=(("status",), ("intent",), ("subject",), _MEDICATION),
        codes={
            "status": _ORDER_STATUS,
            "intent": {
                *("proposal", "plan", "order", "original-order"),
                *("reflex-order", "filler-order", "instance-order", "option"),
            },
            "priority": _PRIORITY,
        },
    ),
    "MedicationDispense": Definition(
        required=(("status",), _MEDICATION),
        codes={
            "status": {
                *("preparation", "in-progress", "cancelled", "on-hold", "completed"),
                *("entered-in-error", "stopped", "declined", "unknown"),
            }
        },
    ),
    "MedicationStatement": Definition(
        required=(("status",), ("subject",), _MEDICATION),
        codes={
            "status": {
                *("active", "completed", "entered-in-error", "intended"),
                *("stopped", "on-hold", "unknown", "not-taken"),
            }
        },
    ),
    "MedicationAdministration": Definition(
        required=(
            *(("status",), ("subject",), _MEDICATION),
            ("effectiveDateTime", "effectivePeriod"),
        ),
        codes={
            "status": {
                *("in-progress", "not-done", "on-hold", "completed"),
                *("entered-in-error", "stopped", "unknown"),
            }
        },
    ),
    "Condition": Definition(
        required=(("subject",),),
        concepts={
            "clinicalStatus": (
                _terms("condition-clinical"),
                {"active", "recurrence", "relapse", "inactive", "remission", "resolved"},
            ),
            "verificationStatus": (
                _terms("condition-ver-status"),
                {
                    *("unconfirmed", "provisional", "differential"),
                    *("confirmed", "refuted", "entered-in-error"),
                },
            ),
        },
    ),
    "Observation": Definition(
        required=(("status",), ("code",)),
        codes={
            "status": {
                *("registered", "preliminary", "final", "amended"),
                *("corrected", "cancelled", "entered-in-error", "unknown"),
            }
        },
    ),
    "AllergyIntolerance": Definition(
        required=(("patient",),),
        codes={
            "type": {"allergy", "intolerance"},
            "category": {"food", "medication", "environment", "biologic"},
            "criticality": {"low", "high", "unable-to-assess"},
        },
        concepts={
            "clinicalStatus": (
                _terms("allergyintolerance-clinical"),
                {"active", "inactive", "resolved"},
            ),
            "verificationStatus": (
                _terms("allergyintolerance-verification"),
                {"unconfirmed", "confirmed", "refuted", "entered-in-error"},
            ),
        },
    ),
}
"""The types that clients may write."""


def faults(resource: dict[str, Any]) -> list[Fault]:
    """What is wrong with a resource whose type is one of `DEFINITIONS`; at most `MOST_FAULTS`."""
    kind = resource["resourceType"]
    definition = DEFINITIONS[kind]
    found = [
        *_id_faults(resource),
        *_base(resource),
        *_days(resource),
        *_missing(resource, definition),
        *_codes(resource, definition),
        *_concepts(resource, definition),
        *_shapes(resource),
        *_nulls(resource, resource["resourceType"]),
        *_invariants(resource),
    ]
    return found[:MOST_FAULTS]


def _id_faults(resource: dict[str, Any]) -> Iterator[Fault]:
    known = resource.get("id")
    if known is not None and not (isinstance(known, str) and ID.match(known)):
        yield Fault(
            f"{resource['resourceType']}.id",
            "value",
            "An id has 1 to 64 letters, digits, hyphens and full stops.",
        )


def _base(resource: dict[str, Any]) -> Iterator[Fault]:
    """Elements that every resource may have and that we look into, of another kind than FHIR's."""
    kind = resource["resourceType"]
    for name in OBJECTS:
        if not isinstance(resource.get(name, {}), dict):
            yield Fault(f"{kind}.{name}", "structure", "Expected an object.")
    for name in LISTS:
        if not _is_list_of(dict, resource.get(name, [])):
            yield Fault(f"{kind}.{name}", "structure", "Expected a list of objects.")
    meta = resource.get("meta")
    if isinstance(meta, dict):
        for name, of in (("tag", dict), ("security", dict), ("profile", _TEXT)):
            if not _is_list_of(of, meta.get(name, [])):
                what = "objects" if of is dict else "texts"
                yield Fault(f"{kind}.meta.{name}", "structure", f"Expected a list of {what}.")


_TEXT = (str, type(None))
"""In a list null stands for a text that has extensions alone; elsewhere `_nulls` refuses it."""


def _is_list_of(kind: type | tuple[type, ...], value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def _days(resource: dict[str, Any]) -> Iterator[Fault]:
    """Days and times that are none: `01/02/2026`, the 30th of February."""
    kind = resource["resourceType"]
    for name, value in resource.items():
        if name in TIMES:
            if isinstance(value, str) and not _is_time(value):
                yield Fault(f"{kind}.{name}", "value", NO_TIME.format(value[:60]))
        elif name.endswith("Period") and isinstance(value, dict):
            for end in ("start", "end"):
                said = value.get(end)
                if isinstance(said, str) and not _is_time(said):
                    yield Fault(f"{kind}.{name}.{end}", "value", NO_TIME.format(said[:60]))


def _is_time(text: str) -> bool:
    """Whether a text is a date or an instant of FHIR; seconds and zone may lack, as with some."""
    found = _TIME.match(text)
    if found is None:
        return False
    try:
        date(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    except ValueError:
        return False
    return True


def _nulls(holder: dict[str, Any], path: str) -> Iterator[Fault]:
    """A null in a list stands for a text that has extensions alone, and for nothing else."""
    for name, value in holder.items():
        here = f"{path}.{name}"
        if isinstance(value, dict):
            yield from _nulls(value, here)
        elif isinstance(value, list):
            if None in value and not _may_hold_nulls(holder, name):
                yield Fault(here, "structure", "A list holds no null.")
            for index, one in enumerate(value):
                if isinstance(one, dict):
                    yield from _nulls(one, f"{here}[{index}]")


def _may_hold_nulls(holder: dict[str, Any], name: str) -> bool:
    """Whether a list is one of texts with extensions beside it, or those extensions."""
    other = name[1:] if name.startswith("_") else f"_{name}"
    return name.removeprefix("_") in TEXT_LISTS and isinstance(holder.get(other), list)


def _missing(resource: dict[str, Any], definition: Definition) -> Iterator[Fault]:
    kind = resource["resourceType"]
    for group in definition.required:
        there = [name for name in group if name in resource]
        if not there:
            yield Fault(f"{kind}.{group[0]}", "required", f"{' or '.join(group)} is required.")
        elif len(there) > 1:
            yield Fault(f"{kind}.{there[1]}", "invariant", f"Only one of {' and '.join(there)}.")


def _codes(resource: dict[str, Any], definition: Definition) -> Iterator[Fault]:
    kind = resource["resourceType"]
    for name, known in definition.codes.items():
        said = resource.get(name)
        for code in said if isinstance(said, list) else [said]:
            if code is not None and (not isinstance(code, str) or code not in known):
                yield Fault(f"{kind}.{name}", "code-invalid", _not_one_of(code, known))


def _concepts(resource: dict[str, Any], definition: Definition) -> Iterator[Fault]:
    kind = resource["resourceType"]
    for name, (system, known) in definition.concepts.items():
        concept = resource.get(name)
        if concept is None:
            continue
        codings = concept.get("coding") if isinstance(concept, dict) else None
        said = [
            coding.get("code")
            for coding in (codings if isinstance(codings, list) else [])
            if isinstance(coding, dict) and coding.get("system") == system
        ]
        if not said:
            yield Fault(f"{kind}.{name}", "code-invalid", f"A coding of {system} is required.")
        for code in said:
            if not isinstance(code, str) or code not in known:
                yield Fault(f"{kind}.{name}", "code-invalid", _not_one_of(code, known))


def _not_one_of(code: Any, known: set[str]) -> str:
    return f"“{str(code)[:60]}” is not one of {', '.join(sorted(known))}."


def _shapes(resource: dict[str, Any]) -> Iterator[Fault]:
    """Elements that the portal reads and that are not of the kind that FHIR says."""
    kind = resource["resourceType"]
    try:
        msgspec.convert(resource, READ[kind], strict=False)
    except msgspec.ValidationError:
        yield from _shape_faults(resource)


def _shape_faults(resource: dict[str, Any]) -> Iterator[Fault]:
    """Part by part what `_shapes` tells of one that is not as it should be."""
    kind = resource["resourceType"]
    try:
        # A copy, of which parts are taken out.
        _, left_out = plain.convert(plain.without_nulls(resource), READ[kind])
    except msgspec.ValidationError as error:
        yield Fault(kind, "structure", str(error))
        return
    named = DEFINITIONS[kind].codes
    for said in left_out:
        path, _, reason = said.partition(" is left out: ")
        if path not in named and path != "id":
            yield Fault(f"{kind}.{path}", "structure", f"{reason[:1].upper()}{reason[1:]}.")


def _invariants(resource: dict[str, Any]) -> Iterator[Fault]:
    kind = resource["resourceType"]
    if kind == "Organization" and not ("name" in resource or "identifier" in resource):
        yield Fault(kind, "invariant", "An organisation needs a name or an identifier (org-1).")
    if kind == "Condition":
        clinical, verified = (
            _code_of(resource, "clinicalStatus"),
            _code_of(resource, "verificationStatus"),
        )
        abated = any(name.startswith("abatement") for name in resource)
        if abated and clinical not in {None, "inactive", "resolved", "remission"}:
            yield Fault(
                "Condition.clinicalStatus",
                "invariant",
                "A condition that has abated is inactive, resolved or in remission (con-4).",
            )
        if verified == "entered-in-error" and clinical is not None:
            yield Fault(
                "Condition.clinicalStatus",
                "invariant",
                "A condition entered in error has no clinical status (con-5).",
            )


def _code_of(resource: dict[str, Any], name: str) -> str | None:
    concept = resource.get(name)
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else []:
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            return coding["code"]
    return None

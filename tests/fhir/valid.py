"""Whether a resource is FHIR R4: by a library's models, and by what these leave out.

The models know elements, types and cardinalities. Required bindings and invariants are checked
here, from the pages of the specification (4.0.1).
"""

import importlib
import re

REQUEST_STATUS = (
    *("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft"),
    "unknown",
)
INTENT = (
    *("proposal", "plan", "order", "original-order", "reflex-order", "filler-order"),
    *("instance-order", "option"),
)
PRIORITY = ("routine", "urgent", "asap", "stat")
BINDINGS = {
    "Patient.gender": ("male", "female", "other", "unknown"),
    "Patient.link.type": ("replaced-by", "replaces", "refer", "seealso"),
    "MedicationRequest.status": REQUEST_STATUS,
    "MedicationRequest.intent": INTENT,
    "MedicationRequest.priority": PRIORITY,
    "MedicationDispense.status": (
        *("preparation", "in-progress", "cancelled", "on-hold", "completed"),
        *("entered-in-error", "stopped", "declined", "unknown"),
    ),
    "MedicationStatement.status": (
        *("active", "completed", "entered-in-error", "intended", "stopped", "on-hold"),
        *("unknown", "not-taken"),
    ),
    "MedicationAdministration.status": (
        *("in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped"),
        "unknown",
    ),
    "Observation.status": (
        *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
        *("entered-in-error", "unknown"),
    ),
    "DetectedIssue.status": (
        *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
        *("entered-in-error", "unknown"),
    ),
    "DetectedIssue.severity": ("high", "moderate", "low"),
    "Task.status": (
        *("draft", "requested", "received", "accepted", "rejected", "ready", "cancelled"),
        *("in-progress", "on-hold", "failed", "completed", "entered-in-error"),
    ),
    "Task.intent": ("unknown", *INTENT),
    "Task.priority": PRIORITY,
    "Communication.status": (
        *("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed"),
        *("entered-in-error", "unknown"),
    ),
    "Communication.priority": PRIORITY,
    "CarePlan.status": (
        *("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"),
    ),
    "CarePlan.intent": ("proposal", "plan", "order", "option"),
    "CarePlan.activity.detail.status": (
        *("not-started", "scheduled", "in-progress", "on-hold", "completed", "cancelled"),
        *("stopped", "unknown", "entered-in-error"),
    ),
    "CarePlan.activity.detail.kind": (
        *("Appointment", "CommunicationRequest", "DeviceRequest", "MedicationRequest"),
        *("NutritionOrder", "Task", "ServiceRequest", "VisionPrescription"),
    ),
    "AuditEvent.action": ("C", "R", "U", "D", "E"),
    "AuditEvent.outcome": ("0", "4", "8", "12"),
    "Provenance.entity.role": ("derivation", "revision", "quotation", "source", "removal"),
    "Bundle.type": (
        *("document", "message", "transaction", "transaction-response", "batch"),
        *("batch-response", "history", "searchset", "collection"),
    ),
    "Bundle.entry.search.mode": ("match", "include", "outcome"),
    "OperationOutcome.issue.severity": ("fatal", "error", "warning", "information"),
    "CapabilityStatement.status": ("draft", "active", "retired", "unknown"),
    "CapabilityStatement.kind": ("instance", "capability", "requirements"),
    "CapabilityStatement.rest.mode": ("client", "server"),
    "CapabilityStatement.rest.resource.versioning": ("no-version", "versioned", "versioned-update"),
    "CapabilityStatement.rest.resource.interaction.code": (
        *("read", "vread", "update", "patch", "delete", "history-instance", "history-type"),
        *("create", "search-type"),
    ),
}
CODED = {
    "Condition.clinicalStatus": (
        *("active", "recurrence", "relapse", "inactive", "remission", "resolved"),
    ),
    "Condition.verificationStatus": (
        *("unconfirmed", "provisional", "differential", "confirmed", "refuted"),
        "entered-in-error",
    ),
    "AllergyIntolerance.clinicalStatus": ("active", "inactive", "resolved"),
    "AllergyIntolerance.verificationStatus": (
        *("unconfirmed", "confirmed", "refuted", "entered-in-error"),
    ),
}
"""Concepts whose binding is required."""
UNITS_OF_TIME = ("s", "min", "h", "d", "wk", "mo", "a")
USES = ("usual", "official", "temp", "secondary", "old")
NAME_USES = (*USES, "nickname", "anonymous", "maiden")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
CODE = re.compile(r"\S+( \S+)*")
INSTANT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-].*)"
)


def problems(resource):
    """What is wrong with a resource, in words; nothing where it is valid."""
    type_name = resource["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{type_name.lower()}"), type_name)
    found = []
    try:
        model.model_validate(resource)
    except ValueError as error:
        found.append(f"model: {error}")
    found += [f"{path}: {said}" for path, said in _bound(resource, type_name)]
    for path, element in _elements(resource, type_name):
        found += [f"{path}: {said}" for said in _general(path, element)]
    found += [f"{type_name}: {said}" for said in RULES.get(type_name, lambda _: ())(resource)]
    return found


def _elements(element, path):
    if isinstance(element, list):
        for each in element:
            yield from _elements(each, path)
    elif isinstance(element, dict):
        yield path, element
        for name, value in element.items():
            inner = value.get("resourceType", "") if isinstance(value, dict) else ""
            yield from _elements(value, inner or f"{path}.{name}")


def _at(element, steps):
    if isinstance(element, list):
        for each in element:
            yield from _at(each, steps)
    elif not steps:
        yield element
    elif isinstance(element, dict) and steps[0] in element:
        yield from _at(element[steps[0]], steps[1:])


def _bound(resource, type_name):
    for path, codes in BINDINGS.items():
        of, *steps = path.split(".")
        if of == type_name:
            yield from ((path, said) for said in _at(resource, steps) if said not in codes)
    for path, codes in CODED.items():
        of, *steps = path.split(".")
        if of == type_name:
            for concept in _at(resource, steps):
                if not any(coding.get("code") in codes for coding in concept.get("coding", ())):
                    yield path, concept


def _general(path, element):
    """What holds of every element: nothing empty, and the rules of the data types."""
    yield from _plain(path, element)
    if "repeat" in element:
        yield from _repeat(element["repeat"])
    start, end = element.get("start"), element.get("end")
    if isinstance(start, str) and isinstance(end, str) and start[:10] > end[:10]:
        yield "starts after its end (per-1)"
    named = path.endswith(("identifier", "name"))
    if named and element.get("use", "old") not in NAME_USES:
        yield f"use {element['use']}"
    is_range = path.endswith("Range") and "low" in element and "high" in element
    if is_range and element["low"]["value"] > element["high"]["value"]:
        yield "low is above high (rng-2)"


def _plain(path, element):
    if not element:
        yield "is empty (ele-1)"
    for name, value in element.items():
        if value is None or value in ("", [], {}):
            yield f"{name} says nothing (ele-1)"
        if isinstance(value, str) and value != value.strip():
            yield f"{name} has spaces around it"
    if "url" in element and "extension" in element and any(n.startswith("value") for n in element):
        yield "has both a value and extensions (ext-1)"
    if "reference" in element or path.endswith("display"):
        said = element.get("reference", "")
        if (
            isinstance(said, str)
            and said
            and not re.fullmatch(
                r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?", said
            )
        ):
            yield f"{said} is no reference"
    if "code" in element and "system" in element and not isinstance(element["code"], dict | list):
        if not CODE.fullmatch(element["code"]):
            yield f"“{element['code']}” is no code"
        if re.search(r"\s", element["system"]):
            yield f"“{element['system']}” is no URI"
    if "value" in element and "code" in element and "system" not in element:
        yield "a code of a unit needs its system (qty-3)"


def _repeat(repeat):
    if "period" in repeat and "periodUnit" not in repeat:
        yield "a period needs its unit (tim-2)"
    for name in ("period", "duration"):
        if repeat.get(name, 0) < 0:
            yield f"{name} is below nought (tim-4, tim-5)"
    if repeat.get("periodUnit", "d") not in UNITS_OF_TIME:
        yield "unit of time"
    if "frequencyMax" in repeat and "frequency" not in repeat:
        yield "the highest frequency without one"
    if repeat.get("frequency", 1) < 1:
        yield "frequency is not positive"


def _codes(resource, name):
    return {coding.get("code") for coding in resource.get(name, {}).get("coding", ())}


def _condition(resource):
    wrong = "entered-in-error" in _codes(resource, "verificationStatus")
    clinical = _codes(resource, "clinicalStatus")
    over = clinical & {"inactive", "resolved", "remission"}
    if any(name.startswith("abatement") for name in resource) and not (wrong or over):
        yield "con-4"
    if wrong and clinical:
        yield "con-5"
    if not wrong and not clinical:
        yield "con-3"


def _allergy(resource):
    wrong = "entered-in-error" in _codes(resource, "verificationStatus")
    if wrong == bool(_codes(resource, "clinicalStatus")):
        yield "ait-1, ait-2"


def _task(resource):
    if resource.get("lastModified", "9") < resource.get("authoredOn", "0"):
        yield "inv-1"


def _administration(resource):
    dosage = resource.get("dosage")
    if dosage and not any(name in dosage for name in ("dose", "rateQuantity", "rateRatio")):
        yield "mad-1"


def _dispense(resource):
    if resource.get("whenHandedOver", "9") < resource.get("whenPrepared", "0"):
        yield "mdd-1"


def _observation(resource):
    if "dataAbsentReason" in resource and any(name.startswith("value") for name in resource):
        yield "obs-6"


def _care_plan(resource):
    for activity in resource.get("activity", ()):
        if "detail" in activity and "reference" in activity:
            yield "cpl-3"


def _audit_event(resource):
    for entity in resource.get("entity", ()):
        if "name" in entity and "query" in entity:
            yield "sev-1"


def _bundle(resource):
    if "total" in resource and resource["type"] not in ("searchset", "history"):
        yield "bdl-1"
    for entry in resource.get("entry", ()):
        if "search" in entry and resource["type"] != "searchset":
            yield "bdl-2"
        kept = resource["type"] in ("history", "batch", "transaction")
        if ("request" in entry) != kept:
            yield "bdl-3"
    urls = [
        (entry.get("fullUrl"), entry.get("resource", {}).get("meta", {}).get("versionId"))
        for entry in resource.get("entry", ())
        if "resource" in entry
    ]
    if len(set(urls)) < len(urls):
        yield "bdl-7"


def _resource(resource):
    if not ID.fullmatch(resource.get("id", "1")):
        yield "id"


RULES = {
    "Condition": _condition,
    "AllergyIntolerance": _allergy,
    "Task": _task,
    "MedicationAdministration": _administration,
    "MedicationDispense": _dispense,
    "Observation": _observation,
    "CarePlan": _care_plan,
    "AuditEvent": _audit_event,
    "Bundle": _bundle,
}

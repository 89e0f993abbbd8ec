"""The CapabilityStatement, made of the table that routes and searches: it says what is there."""

from collections.abc import Mapping
from typing import Any

from reviews.fhir.render.elements import OURS, said
from reviews.fhir_api.negotiation import FHIR_JSON, JSON
from reviews.queries.fhir_question import every
from reviews.queries.fhir_source import Kind

CHANGED_ON = "2026-11-29"
"""When the interface was changed last."""
BULK = "http://hl7.org/fhir/uv/bulkdata/"
SMART = "http://fhir-registry.smarthealthit.org"
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_IMPORT = {"name": "import", "definition": f"{OURS}import"}
_EXPORTS = {"Patient": "patient-export", "Group": "group-export"}
_SUBSCRIPTION = {
    "type": "Subscription",
    "documentation": "rest-hook alone. Criteria are a type that the feed of changes tells of, with"
    " the search parameters of that type. Who subscribes needs to read and search it.",
    "interaction": [{"code": code} for code in ("read", "create", "delete", "search-type")],
    "versioning": "no-version",
    "searchParam": [
        {"name": name, "type": kind}
        for name, kind in (
            *(("_id", "token"), ("status", "token"), ("type", "token"), ("url", "uri")),
        )
    ],
}
_WRITES = ("create", "update", "patch", "delete")
_READS = ("read", "vread", "history-instance", "history-type", "search-type")


def statement(kinds: Mapping[str, Kind], base: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": CHANGED_ON,
        "publisher": "Prescription Safety Portal",
        "kind": "instance",
        "software": {"name": "Prescription Safety Portal"},
        "implementation": {"description": "Prescription Safety Portal", "url": base},
        "fhirVersion": "4.0.1",
        "instantiates": [f"{BULK}CapabilityStatement/bulk-data"],
        "format": [FHIR_JSON, JSON],
        "rest": [
            {
                "mode": "server",
                "security": _security(base),
                "interaction": [{"code": "batch"}, {"code": "transaction"}],
                "resource": [*(_resource(kind, kinds) for kind in kinds.values()), _SUBSCRIPTION],
                "operation": [_operation("export"), _IMPORT],
            }
        ],
    }


def _security(base: str) -> dict[str, Any]:
    """Who may call, and where tokens are given: some clients ask here for that."""
    token = {"url": "token", "valueUri": f"{base.removesuffix('/fhir')}/token"}
    return {
        "extension": [{"url": f"{SMART}/StructureDefinition/oauth-uris", "extension": [token]}],
        "service": [{"coding": [{"system": SECURITY, "code": "SMART-on-FHIR"}]}],
        "description": "Authorization: Bearer, with a token (SMART Backend Services) or the key of"
        " a system. A person who is signed in may read.",
    }


def _operation(definition: str) -> dict[str, str]:
    return {"name": "export", "definition": f"{BULK}OperationDefinition/{definition}"}


def _interactions(kind: Kind) -> tuple[str, ...]:
    """People are not deleted; what is only given out is not written at all."""
    if not kind.kept:
        return _READS
    return (*_READS, *(code for code in _WRITES if code != "delete" or kind.name != "Patient"))


def _resource(kind: Kind, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    return said(
        type=kind.name,
        interaction=[
            {"code": code} for code in _interactions(kind) if code != "history-type" or kind.timed
        ],
        operation=[_operation(_EXPORTS[kind.name])] if kind.name in _EXPORTS else None,
        versioning="versioned",
        readHistory=kind.keeps_versions,
        updateCreate=False,
        conditionalRead="full-support",
        conditionalCreate=kind.kept or None,
        conditionalUpdate=kind.kept or None,
        searchInclude=[f"{kind.name}:{name}" for name in kind.includes],
        searchRevInclude=[
            f"{other.name}:{name}"
            for other in kinds.values()
            for name, definition in other.includes.items()
            if kind.name in definition.targets
        ],
        searchParam=[
            *({"name": name, "type": of} for name, of in every(kind).items()),
            *(
                {"name": name, "type": definition.kind}
                for name, definition in kind.definitions.items()
            ),
        ],
    )

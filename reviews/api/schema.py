"""The OpenAPI description, made from the same shapes that decode questions and encode answers."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from reviews.api import shapes
from reviews.api.bodies import MOST_BYTES, MOST_RECORDS
from reviews.records import (
    SyncedCondition,
    SyncedDispensing,
    SyncedPatient,
    SyncedPrescription,
    SyncedReading,
)

SYNCED = (SyncedPrescription, SyncedDispensing, SyncedCondition, SyncedReading, SyncedPatient)
REF = "#/components/schemas/{name}"
PROBLEMS = {
    400: "The request cannot be read, or a value in it cannot be accepted: see `errors`.",
    401: "There is no key, or it is not known, or it was revoked.",
    403: "The caller may not do this at any practice.",
    404: "There is no such record, or the caller may not see it.",
    409: "Others changed the same records meanwhile, or the same request runs. Send it again.",
    410: "What was changed since is no longer kept, or the feed has ended: begin again.",
    411: "The body has no Content-Length.",
    412: "It was changed since it was read: `If-Match` names another state of it.",
    413: f"More than {MOST_RECORDS:,} records, or more than {MOST_BYTES // 1024 // 1024} MiB.",
    415: "The content type or the content encoding is not read.",
    422: "This `Idempotency-Key` was sent before, with something else.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
}
ALWAYS = (400, 401, 403, 429)
QUESTIONS = (
    shapes.Question,
    shapes.PeopleQuestion,
    shapes.ChangesQuestion,
    shapes.WebhookMessagesQuestion,
    shapes.UploadFaultsQuestion,
)


@dataclass(frozen=True)
class Operation:
    """What the schema says of a view: its id, the shapes in and out."""

    id: str
    answer: type
    query: type | None = None
    body: type | None = None
    record: type | None = None
    """Shape of a body that is one record, where `body` is that of each record of a batch."""
    lines: bool = False
    """Whether the answer is one of its shape a line."""
    also: tuple[int, ...] = ()
    """Refusals of this operation alone."""

    @property
    def problems(self) -> tuple[int, ...]:
        return (*self._problems, *self.also)

    @property
    def _problems(self) -> tuple[int, ...]:
        if self.body:
            return (*ALWAYS, 409, 411, 413, 415, 422)
        if self.record:
            return (*ALWAYS, 404, 409, 411, 413, 415, 422)
        return ALWAYS if self.query else (*ALWAYS, 404)


class Schema(AutoSchema):
    """Describes a view by its `operation`, or that of `operations` for the method."""

    @property
    def operation(self) -> Operation:
        return getattr(self.view, "operations", {}).get(self.method) or self.view.operation

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_tags(self) -> list[str]:
        return [self.path.strip("/").split("/")[2]]

    def get_summary(self) -> str:
        return self.get_description().partition("\n")[0]

    def get_request_serializer(self) -> None:
        return None

    def get_response_serializers(self) -> None:
        return None

    def get_override_parameters(self) -> list[Any]:
        query = self.operation.query
        if query is None:
            return []
        described = _components()[query.__name__]
        return [
            OpenApiParameter(
                name,
                type=_parameter(schema),
                location=OpenApiParameter.QUERY,
                description=schema.get("description", ""),
            )
            for name, schema in described["properties"].items()
        ]

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        if self.operation.record:
            content = {"application/json": {"schema": _ref(self.operation.record)}}
            return {"required": True, "content": content}
        body = self.operation.body
        if body is None:
            return None
        record = {
            "anyOf": [
                _ref(body),
                {"description": "Anything else is refused in `errors`; the others are taken."},
            ]
        }
        content = {
            "application/json": {
                "schema": {"type": "array", "items": record, "maxItems": MOST_RECORDS}
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "One JSON record a line."}
            },
        }
        return {"required": True, "content": content}

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        operation = self.operation
        limits = {
            name: {"schema": {"type": "string"}} for name in ("RateLimit", "RateLimit-Policy")
        }
        answers = {
            "200": {
                "description": (operation.answer.__doc__ or "A page.").strip(),
                "headers": limits,
                "content": {"application/json": {"schema": _ref(operation.answer)}},
            }
        }
        if operation.body:
            answers["202"] = {
                "description": "With `Prefer: respond-async`: it is taken in by a job.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": _ref(shapes.Upload)}},
            }
        if operation.lines:
            described = {"type": "string", "description": "One JSON object a line."}
            answers["200"]["content"] = {"application/x-ndjson": {"schema": described}}
        for status in operation.problems:
            answers[str(status)] = {
                "description": PROBLEMS[status],
                "content": {"application/problem+json": {"schema": _ref(shapes.Problem)}},
            }
        return answers


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "reviews.callers.Bearer"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key made in the portal under API keys, where it is shown once.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "reviews.callers.Session"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "session",
            "description": "A person signed in to the portal may read.",
        }


def add_shapes(
    result: dict[str, Any], generator: SchemaGenerator, request: Request | None, public: bool
) -> dict[str, Any]:
    """Post-processing hook: put the shapes that operations refer to among the components."""
    named = {
        name: schema
        for name, schema in _components().items()
        if not issubclass(_shapes().get(name, object), QUESTIONS)
    }
    result.setdefault("components", {}).setdefault("schemas", {}).update(named)
    return result


@cache
def _shapes() -> dict[str, type[msgspec.Struct]]:
    found = [*SYNCED]
    found += [
        shape
        for shape in vars(shapes).values()
        if isinstance(shape, type)
        and issubclass(shape, msgspec.Struct)
        and shape.__module__ == shapes.__name__
    ]
    return {shape.__name__: shape for shape in found}


@cache
def _components() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_shapes().values(), ref_template=REF)
    sent = (*SYNCED, *shapes.BODIES)
    for name in ("PatientRecord", *(shape.__name__ for shape in sent)):
        described = components[name]
        for field, schema in described.get("properties", {}).items():
            if field not in described.get("required", ()):
                described["properties"][field] = _or_null(schema)
    return components


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What may be left out may be null as well."""
    default = {name: schema[name] for name in ("default",) if name in schema}
    return {
        "anyOf": [
            {name: value for name, value in schema.items() if name != "default"},
            {"type": "null"},
        ]
    } | default


def _ref(shape: type) -> dict[str, str]:
    return {"$ref": REF.format(name=shape.__name__)}


def _parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter; an empty default is a parameter that is left out."""
    return {
        name: value
        for name, value in schema.items()
        if name != "description" and (name, value) != ("default", "")
    }

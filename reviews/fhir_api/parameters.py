"""A Parameters resource in the body of an operation."""

from http import HTTPStatus

import msgspec
from rest_framework.request import Request

from reviews.errors import BadRecord
from reviews.fhir_api.negotiation import is_json
from reviews.fhir_api.outcomes import Refused

MOST_BYTES = 256 * 1024


class Reference(msgspec.Struct):
    reference: str


class Parameter(msgspec.Struct):
    """One parameter; which member the value is under depends on its type."""

    name: str
    valueString: str | None = None
    valueCode: str | None = None
    valueInstant: str | None = None
    valueDateTime: str | None = None
    valueUri: str | None = None
    valueUrl: str | None = None
    valueReference: Reference | None = None
    valueBoolean: bool | None = None
    part: list["Parameter"] = []

    @property
    def value(self) -> str:
        """The value as a text, "" for one of a kind that is not read here. Raises `BadRecord`."""
        if self.valueReference is not None:
            return self.valueReference.reference
        if self.valueBoolean is not None:
            return str(self.valueBoolean).lower()
        texts = (
            *(self.valueString, self.valueCode, self.valueInstant, self.valueDateTime),
            *(self.valueUri, self.valueUrl),
        )
        found = [text for text in texts if text is not None]
        if len(found) != 1:
            raise BadRecord(self.name, "has no value of a kind that is read here")
        return found[0]


class _Parameters(msgspec.Struct):
    resourceType: str
    parameter: list[Parameter] = []


def read(request: Request) -> list[Parameter]:
    """The parameters of a body. Raises `Refused` and `BadRecord`."""
    if not is_json(request.headers.get("Content-Type", "")):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A Parameters resource is sent, as FHIR in JSON."
        )
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {MOST_BYTES:,} bytes."
        )
    try:
        sent = msgspec.json.decode(request._request.body, type=_Parameters)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord("body", f"is no Parameters resource: {error}"[:300]) from error
    if sent.resourceType != "Parameters":
        raise BadRecord("resourceType", "is to be Parameters")
    return sent.parameter

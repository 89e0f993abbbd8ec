"""In which form a resource is asked for and answered: JSON, under either of its two names."""

from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

FHIR_JSON = "application/fhir+json"
JSON = "application/json"
VERSION = "4.0"
FORMATS = {"json": FHIR_JSON, FHIR_JSON: FHIR_JSON, JSON: JSON, "text/json": JSON}
"""What `_format` may say, and what is then sent."""
_RANGES = {"*/*": FHIR_JSON, "application/*": FHIR_JSON, FHIR_JSON: FHIR_JSON, JSON: JSON}
_NO_OTHER = f"Only {FHIR_JSON} and {JSON} are sent, of FHIR {VERSION}."


class Negotiation(BaseContentNegotiation):
    """Chooses the media type of the answer. Bodies are read by whoever takes them."""

    def select_parser(self, request: Request, parsers: list[BaseParser]) -> BaseParser:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str | None]:
        return renderers[0], chosen(request)


def chosen(request: HttpRequest | Request) -> str:
    """The media type to answer in. `_format` counts before `Accept`.

    Raises `NotAcceptable` where neither JSON type will do, or another version of FHIR is asked for.
    """
    if said := request.GET.get("_format"):
        # A plus sign that was not escaped arrives as a space.
        wanted = said.partition(";")[0].strip().lower().replace(" ", "+")
        if wanted not in FORMATS:
            raise NotAcceptable(_NO_OTHER)
        return FORMATS[wanted]
    ranges = [_media_range(each) for each in request.headers.get("Accept", "*/*").split(",")]
    able = [
        (quality, _RANGES[name] == FHIR_JSON, _RANGES[name])
        for name, quality, version in ranges
        if name in _RANGES and quality > 0 and version in ("", VERSION)
    ]
    if not able:
        raise NotAcceptable(_NO_OTHER)
    return max(able)[2]


def media_type(request: HttpRequest | Request) -> str:
    """As `chosen`; FHIR's own type where none of ours will do, since errors are said anyway."""
    try:
        return chosen(request)
    except NotAcceptable:
        return FHIR_JSON


def is_json(content_type: str) -> bool:
    """Whether a body of this type can be read."""
    name, _, version = _media_range(content_type)
    return name in (FHIR_JSON, JSON) and version in ("", VERSION)


def _media_range(text: str) -> tuple[str, float, str]:
    """`(type, quality, version of FHIR)` of one range of an `Accept` field."""
    name, *parameters = text.split(";")
    said: dict[str, Any] = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        said[key.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(said.get("q", 1))
    except ValueError:
        quality = 0.0
    return name.strip().lower(), quality, said.get("fhirversion", "")

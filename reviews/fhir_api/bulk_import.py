"""`$import`: files of resources, sent or fetched from an address of the system."""

import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from django.http import HttpResponse
from rest_framework.request import Request

from reviews import access, bulk_files, limits
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.fhir.write.conforming import DEFINITIONS
from reviews.fhir_api import allowed, parameters
from reviews.fhir_api.answers import base_of
from reviews.fhir_api.bulk import FORMATS, BulkView, begun, is_lenient
from reviews.fhir_api.outcomes import Refused
from reviews.queries.fhir import KINDS
from reviews.verbs import bulk_import
from reviews.verbs.bulk_import import Asked, Input

MOST_BYTES = bulk_import.MOST_INPUT_BYTES
CHUNK = 64 * 1024
INPUTS = ("input", "source")
"""The names under which others list inputs, and those of the parts of one."""
TYPES, URLS = ("type", "resourceType", "inputType"), ("url",)


class Importing(BulkView):
    """`POST /fhir/$import`: a Parameters resource, NDJSON, or files of NDJSON as a form."""

    throttle_classes = [limits.Syncs]

    def post(self, request: Request) -> HttpResponse:
        access.require(request.user, Action.SYNC)
        types = [name for name in DEFINITIONS if _may_write(request, name)]
        if not types:
            # It says which scope is missing.
            allowed.require(request, "Patient", "c")
            allowed.require(request, "Patient", "u")
            raise Refused(HTTPStatus.FORBIDDEN, "An import is not offered within bounds.")
        key: Any = request.auth
        finds = [name for name in KINDS if allowed.within(request, name, "s") == ()]
        asked = Asked([], types, key.source_system, base_of(request), finds)
        sent = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        with bulk_files.receiving() as folder:
            paths: list[Path] = []
            if sent in FORMATS:
                paths = [_kept(_body(request), folder / "1")]
            elif sent == "multipart/form-data":
                paths = _files(request, folder)
            else:
                asked.inputs = _inputs(request)
            asked.inputs += [Input() for _ in paths]
            bulk = bulk_import.ask(
                asked=asked, sent=paths, address=request.build_absolute_uri(), by=request.user
            )
        return begun(request, bulk)


def _may_write(request: Request, type_name: str) -> bool:
    """Whether the caller both creates and updates resources of a type, within no bounds."""
    return all(allowed.within(request, type_name, letter) == () for letter in ("c", "u"))


def _body(request: Request) -> Any:
    """The body to be read. Raises `Refused`."""
    _require_length(request)
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A body is sent as it is, without an encoding."
        )
    return request._request


def _require_length(request: Request) -> None:
    if request.headers.get("Transfer-Encoding"):
        raise Refused(
            HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length; chunked bodies are not read."
        )
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"A body has at most {MOST_BYTES:,} bytes: send several, or list addresses.",
        )


def _files(request: Request, folder: Path) -> list[Path]:
    """The files of a form, on the disk."""
    _require_length(request)
    files = [one for _, several in request._request.FILES.lists() for one in several]
    if not files:
        raise BadRecord("body", "is a form without a file")
    return [_kept(one, folder / str(number)) for number, one in enumerate(files, start=1)]


def _kept(source: BinaryIO | Any, path: Path) -> Path:
    """What is read, on the disk, part by part."""
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    return path


def _inputs(request: Request) -> list[Input]:
    """The inputs that a Parameters resource lists. Raises `BadRecord`."""
    lenient = is_lenient(request)
    inputs: list[Input] = []
    for one in parameters.read(request):
        if one.name in INPUTS:
            said = {part.name: part.value for part in one.part}
            url = next((said[name] for name in URLS if said.get(name)), "")
            if not url:
                raise BadRecord(f"{one.name}.url", "is needed")
            type_name = next((said[name] for name in TYPES if name in said), "")
            if type_name and type_name not in DEFINITIONS:
                raise BadRecord(f"{one.name}.type", f"“{type_name[:60]}” is not taken here")
            inputs.append(Input(type_name, url))
        elif one.name == "inputFormat":
            if one.value not in FORMATS:
                raise BadRecord("inputFormat", f"is none of {', '.join(FORMATS)}")
        elif not lenient:
            raise BadRecord(one.name, "is no parameter of an import here")
    return inputs

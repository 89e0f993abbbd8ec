"""Bodies of many records: JSON arrays and NDJSON, gzipped or not, never larger than the limits."""

import codecs
import zlib
from http import HTTPStatus
from io import BytesIO

import msgspec
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.request import Request

MOST_RECORDS = 10_000
MOST_BYTES = 32 * 1024 * 1024
MOST_MEMBERS = 1_000
"""A gzip body may be put together from so many."""
FEW_PARTS = 50 * MOST_RECORDS
"""With fewer commas or lines in a body, a list of its parts takes no memory worth counting."""
GZIP = 16 + zlib.MAX_WBITS
CHUNK = 64 * 1024


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class LengthRequired(APIException):
    status_code = HTTPStatus.LENGTH_REQUIRED
    default_detail = "Send a Content-Length; chunked bodies are not read."
    default_code = "length_required"


_array = msgspec.json.Decoder(list[msgspec.Raw])


def read(request: Request) -> list[bytes]:
    """The body as a list of one record's JSON each, as bytes."""
    split = SPLIT.get(request.content_type.partition(";")[0].strip().lower())
    if split is None:
        raise UnsupportedMediaType(request.content_type)
    # Some systems begin with a mark of byte order.
    return split(_unpacked(request).removeprefix(codecs.BOM_UTF8))


def _split_array(body: bytes) -> list[bytes]:
    try:
        if body.count(b",") > FEW_PARTS:
            _count(body)
        found = _array.decode(body)
    except msgspec.ValidationError as error:
        raise ParseError("The body must be a JSON array of records.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"The body is not valid JSON: {error}") from error
    if len(found) > MOST_RECORDS:
        raise _too_many_records(f"{len(found):,}")
    return [bytes(raw) for raw in found]


def _count(body: bytes) -> None:
    """Refuse an array of too many objects, or one of anything else, before any list is made of it.

    A few kilobytes of gzip unpack to millions of elements, and a list of them takes gigabytes.
    """
    met = 0

    class Met(msgspec.Struct):
        def __post_init__(self) -> None:
            nonlocal met
            met += 1
            if met > MOST_RECORDS:
                raise _too_many_records(f"More than {MOST_RECORDS:,}")

    msgspec.json.decode(body, type=list[Met])


def _split_lines(body: bytes) -> list[bytes]:
    """One JSON record a line; empty lines are skipped and not counted."""
    found: list[bytes] = []
    if body.count(b"\n") > FEW_PARTS:
        raise TooLarge(f"At most {FEW_PARTS:,} lines are read, empty ones included.")
    for line in BytesIO(body):
        if record := line.strip():
            found.append(record)
    if len(found) > MOST_RECORDS:
        raise _too_many_records(f"{len(found):,}")
    return found


SPLIT = {"application/json": _split_array, "application/x-ndjson": _split_lines}


def _unpacked(request: Request) -> bytes:
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise _too_many_bytes()
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise _too_many_bytes()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType(encoding, f"The content encoding “{encoding}” is not read.")
    return _gunzip(body)


def _gunzip(body: bytes) -> bytes:
    """Unpack all members, and stop as soon as the result is larger than the limit."""
    packed, at = memoryview(body), 0
    unpacked: list[bytes] = []
    size = members = 0
    while at < len(packed):
        members += 1
        if members > MOST_MEMBERS:
            raise TooLarge(f"The gzip body has more than {MOST_MEMBERS:,} members.")
        member = zlib.decompressobj(GZIP)
        while not member.eof:
            # In pieces: what a member leaves over is copied, and may be the whole rest otherwise.
            piece = packed[at : at + CHUNK]
            if not piece:
                raise ParseError("The gzip body is cut short.")
            try:
                part = member.decompress(piece, MOST_BYTES + 1 - size)
            except zlib.error as error:
                raise ParseError("The body is not valid gzip.") from error
            at += len(piece) - len(member.unused_data)
            size += len(part)
            if size > MOST_BYTES:
                raise _too_many_bytes()
            unpacked.append(part)
    return b"".join(unpacked)


def _too_many_records(number: str) -> TooLarge:
    return TooLarge(f"{number} records were sent; at most {MOST_RECORDS:,} are taken at once.")


def _too_many_bytes() -> TooLarge:
    return TooLarge(f"The body is larger than {MOST_BYTES // 1024 // 1024} MiB.")

"""Bodies of many records: JSON arrays and NDJSON, gzipped or not, never larger than the limits."""

import codecs
import zlib
from http import HTTPStatus

import msgspec
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.request import Request

MOST_RECORDS = 10_000
MOST_BYTES = 32 * 1024 * 1024
GZIP = 16 + zlib.MAX_WBITS


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
    records = split(_unpacked(request).removeprefix(codecs.BOM_UTF8))
    if len(records) > MOST_RECORDS:
        raise TooLarge(
            f"{len(records):,} records were sent; at most {MOST_RECORDS:,} are taken at once."
        )
    return records


def _split_array(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _array.decode(body)]
    except msgspec.ValidationError as error:
        raise ParseError("The body must be a JSON array of records.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"The body is not valid JSON: {error}") from error


def _split_lines(body: bytes) -> list[bytes]:
    """One JSON record a line; empty lines are skipped and not counted."""
    return [line for line in body.split(b"\n") if line.strip()]


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
    unpacked, size = [], 0
    while body:
        member = zlib.decompressobj(GZIP)
        try:
            part = member.decompress(body, MOST_BYTES + 1 - size)
        except zlib.error as error:
            raise ParseError("The body is not valid gzip.") from error
        size += len(part)
        if size > MOST_BYTES:
            raise _too_many_bytes()
        if not member.eof:
            raise ParseError("The gzip body is cut short.")
        unpacked.append(part)
        body = member.unused_data
    return b"".join(unpacked)


def _too_many_bytes() -> TooLarge:
    return TooLarge(f"The body is larger than {MOST_BYTES // 1024 // 1024} MiB.")

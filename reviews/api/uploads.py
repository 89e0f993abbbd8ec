"""Uploads of many lines, with `Prefer: respond-async`: kept as they come, taken in by a job."""

import hashlib
import zlib
from collections.abc import Iterator
from http import HTTPStatus

import msgspec
from django.http import HttpResponse
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request

from reviews import access, replies, uploads
from reviews.access import Action
from reviews.api import shapes
from reviews.api.bodies import CHUNK, GZIP, LengthRequired, TooLarge
from reviews.errors import NotAllowed, NotFound
from reviews.models import Job, UploadFault
from reviews.verbs import sync

MOST_SENT = 128 * 1024 * 1024
NDJSON = "application/x-ndjson"
POLL_SECONDS = 2


def wanted(request: Request) -> bool:
    """Whether a client prefers to be answered before its records are taken in."""
    preferred = request.headers.get("Prefer", "").lower().replace(";", ",").split(",")
    return "respond-async" in (each.strip() for each in preferred)


def take(request: Request, kind: str) -> tuple[HttpResponse, bytes | None]:
    """Keep the body, and have a job take it in: the answer that says where to ask how far it is.

    With it the name of the request where it has an `Idempotency-Key` and its answer is to be kept.
    """
    practices = access.practice_ids(request.user, Action.SYNC)
    if not practices:
        raise NotAllowed("You may not sync records here.", action="sync")
    digest = hashlib.sha256()
    kept = uploads.keep(_unpacked(request, digest), practices)
    begun = None
    try:
        if field := request.headers.get("Idempotency-Key"):
            operation = f"{request.method} {request.path} respond-async"
            name = replies.name(request.user, operation, replies.read(field))
            told = replies.begin(name, digest.digest())
            begun = None if told else name
            if told:
                uploads.drop(kept.name)
                headers = {**told.headers, "Preference-Applied": "respond-async"}
                answer = HttpResponse(
                    told.body, status=told.status, content_type=told.content_type, headers=headers
                )
                return answer, None
        job = sync.ask_to_take_in(
            kind=kind, upload=kept, source_system=request.auth.source_system, by=request.user
        )
    except BaseException:
        uploads.drop(kept.name)
        if begun is not None:
            replies.forget(begun)
        raise
    answer = told_of(job)
    answer.status_code = HTTPStatus.ACCEPTED
    answer["Location"] = f"/api/v1/uploads/{job.pk}"
    answer["Preference-Applied"] = "respond-async"
    return answer, begun


def told_of(job: Job) -> HttpResponse:
    """How far a job is; while it runs, with the seconds after which to ask again."""
    counted = dict.fromkeys(sync.UPLOADED, 0) | (job.place or {})
    said = shapes.Upload(
        id=job.pk,
        kind=job.given["kind"],
        state=job.state,
        asked_at=job.asked_at,
        ended_at=job.ended_at,
        total=job.total or 0,
        done=job.done,
        error=job.error,
        errors=f"/api/v1/uploads/{job.pk}/errors",
        **counted,
    )
    answer = HttpResponse(msgspec.json.encode(said), content_type="application/json")
    if job.ended_at is None:
        answer["Retry-After"] = str(POLL_SECONDS)
    return answer


def fetch(request: Request, pk: int) -> Job:
    """An upload of the caller. Raises `NotFound`."""
    found = Job.objects.filter(kind=uploads.KIND, asked_by=request.user, pk=pk).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def faults(job: Job, asked: shapes.UploadFaultsQuestion) -> bytes:
    """The lines that were refused or that wait, one JSON object a line."""
    rows = UploadFault.objects.filter(job=job, pk__gt=asked.after).order_by("pk")[: asked.limit]
    encode = msgspec.json.Encoder().encode
    return b"".join(
        encode(
            shapes.UploadFault(row.pk, row.line, row.source_id, row.field, row.reason, row.waits)
        )
        + b"\n"
        for row in rows.iterator(chunk_size=5_000)
    )


def _unpacked(request: Request, digest: "hashlib._Hash") -> Iterator[bytes]:
    """The body as it comes, unpacked, in pieces; `digest` is of what was sent."""
    if request.content_type.partition(";")[0].strip().lower() != NDJSON:
        raise UnsupportedMediaType(
            request.content_type, f"With respond-async the body is {NDJSON}."
        )
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_SENT:
        raise TooLarge(f"The body is larger than {MOST_SENT // 1024 // 1024} MiB. Send it as gzip.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise UnsupportedMediaType(encoding, f"The content encoding “{encoding}” is not read.")
    pieces = _pieces(request, digest)
    size = 0
    for piece in pieces if encoding == "identity" else _gunzip(pieces):
        size += len(piece)
        if size > uploads.MOST_UNPACKED:
            raise uploads.TooMuch(f"At most {uploads.MOST_UNPACKED // 1024**3} GiB are taken.")
        yield piece


def _pieces(request: Request, digest: "hashlib._Hash") -> Iterator[bytes]:
    digest.update(request.headers.get("Content-Encoding", "").encode() + b"\0")
    while piece := request.read(CHUNK):
        digest.update(piece)
        yield piece


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack all members; of each no more at a time than a few pieces are long."""
    member = zlib.decompressobj(GZIP)
    fresh = True
    for piece in pieces:
        left = piece
        while left:
            try:
                part = member.decompress(left, 16 * CHUNK)
            except zlib.error as error:
                raise ParseError("The body is not valid gzip.") from error
            fresh = False
            if part:
                yield part
            if member.eof:
                left, member, fresh = member.unused_data, zlib.decompressobj(GZIP), True
            else:
                left = member.unconsumed_tail
    if not fresh:
        raise ParseError("The gzip body is cut short.")

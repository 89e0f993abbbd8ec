"""Uploads of many lines: cut into parts as they come, kept packed, and taken in by a job.

At no time is more than one part in memory. Parts are in the database, because web and worker share
no disk; each is removed in the transaction that takes it in.
"""

import uuid
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from reviews.errors import DomainError
from reviews.models import Job, UploadFault, UploadPart

KIND = "upload"
MOST_LINES = 1_000_000
MOST_UNPACKED = 2 * 1024**3
MOST_AT_ONCE = 3
"""Unfinished uploads of one system."""
PART_LINES = 5_000
PART_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 256 * 1024
"""A longer one is kept as far as this and one byte more, and refused when it is taken in."""
KEPT = timedelta(days=7)
"""What was refused can be read for so long; what was never taken in is removed after a day."""
ABANDONED = timedelta(days=1)


class TooMuch(DomainError):
    """More lines or bytes than are taken."""

    code = "too_large"


class TooManyUploads(DomainError):
    """Others of the same system wait already."""

    code = "too_many_uploads"


class Kept(NamedTuple):
    """An upload that was kept whole: what it is known by, how many lines and parts."""

    name: uuid.UUID
    lines: int
    parts: int


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that comes in pieces, without empty ones; too long ones are cut.

    A mark of byte order at its beginning, which some systems write, is no part of it.
    """
    rest, skipping = b"", False
    for chunk in without_mark(chunks):
        *whole, last = chunk.split(b"\n")
        for piece in whole:
            line = (rest + piece).strip()
            if line and not skipping:
                yield line[: LONGEST_LINE + 1]
            rest, skipping = b"", False
        if not skipping:
            rest += last
            if len(rest) > LONGEST_LINE and rest.strip():
                yield rest.strip()[: LONGEST_LINE + 1]
                rest, skipping = b"", True
    if rest.strip() and not skipping:
        yield rest.strip()[: LONGEST_LINE + 1]


def without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a text without the mark of byte order at its beginning."""
    beginning, begun = b"", False
    for chunk in chunks:
        if begun:
            yield chunk
            continue
        beginning += chunk
        if len(beginning) >= len(BOM_UTF8) or not BOM_UTF8.startswith(beginning):
            begun = True
            yield beginning.removeprefix(BOM_UTF8)
    if not begun and beginning:
        yield beginning


def keep(chunks: Iterable[bytes], practice_ids: list[int]) -> Kept:
    """Keep what comes, in parts. Raises `TooMuch` and what `chunks` does; then nothing stays."""
    name, numbered, lines, held, size = uuid.uuid4(), 0, 0, [], 0

    def close() -> None:
        nonlocal numbered, held, size
        UploadPart.objects.create(
            name=name,
            number=numbered,
            first=lines - len(held),
            lines=len(held),
            packed=zlib.compress(b"\n".join(held), 1),
            practice_ids=practice_ids,
        )
        numbered, held, size = numbered + 1, [], 0

    try:
        for line in lines_of(chunks):
            lines += 1
            if lines > MOST_LINES:
                raise TooMuch(f"At most {MOST_LINES:,} lines are taken at once.")
            held.append(line)
            size += len(line)
            if len(held) == PART_LINES or size >= PART_BYTES:
                close()
        if held:
            close()
    except BaseException:
        drop(name)
        raise
    return Kept(name, lines, numbered)


def next_part(name: str) -> UploadPart | None:
    """What is taken in next; None when nothing is left."""
    return UploadPart.objects.filter(name=name).order_by("number").first()


def read(part: UploadPart) -> list[tuple[int, bytes]]:
    """The lines of a part, each with its number in the upload, from 0."""
    return list(enumerate(zlib.decompress(bytes(part.packed)).split(b"\n"), start=part.first))


def drop(name: uuid.UUID | str) -> None:
    """Remove what is left of an upload."""
    UploadPart.objects.filter(name=name).delete()


def forget_old() -> None:
    """Remove what was refused long ago, and what no job will take in any more."""
    now = timezone.now()
    UploadFault.objects.filter(job__ended_at__lt=now - KEPT).delete()
    for name in (
        UploadPart.objects.filter(sent_at__lt=now - ABANDONED)
        .values_list("name", flat=True)
        .distinct()
        .order_by()
    ):
        if not Job.objects.unfinished().filter(kind=KIND, given__upload=str(name)).exists():
            drop(name)

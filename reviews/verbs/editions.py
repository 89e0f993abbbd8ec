"""The verbs on releases of national lists: read one in, put one in force, take it out of force.

Reading is a job: it writes down what the release says, and changes nothing that anybody is shown or
screened by. One press puts it in force; screening knows of it when a second person has published a
rule book that was drafted since, as for every change of the formulary.
"""

import hashlib
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Literal, NamedTuple

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from drugs import composing
from drugs import editions as room
from drugs.models import Edition, EditionFault
from drugs.releases import atc, dmd, rxnorm
from drugs.releases.pieces import NOT_SAID, PART, Bad, Piece, Refused, Row, Source, matching
from reviews import access, audit, governing, jobs
from reviews.access import Action
from reviews.audit import Event
from reviews.bulk import as_json, copy_rows
from reviews.errors import BadRecord, IllegalMove
from reviews.jobs import Slice
from reviews.models import Job

READ = "release"
"""The kind of the job."""
SOURCES = {"dmd": dmd.SOURCES, "rxnorm": rxnorm.SOURCES, "atc": atc.SOURCES}
PIECES_AT_ONCE = 5_000
ROWS_AT_ONCE = 20_000
PRODUCTS_AT_ONCE = 1_000
MOST_FAULTS = 1_000
"""How many broken rows are kept by name; the others are counted."""
LONGEST_DAYS = 366
LONGEST_NAME = 100
PACKED = frozenset({".zip", ".gz", ".7z", ".tar", ".tgz"})
CHUNK = 1024 * 1024

State = Edition.State


class Begun(NamedTuple):
    """A release that is being read, or was: `job` None where nothing was left to do."""

    edition: Edition
    job: Job | None


def begin(
    *, system: str, folder: Path, name: str, released_on: date, by: User | None = None
) -> Begun:
    """Ask for a release to be read in from a folder. `by` None is the portal.

    The files are copied first, so that all slices of the job read the same. The same files again
    change nothing. Raises `BadRecord` where a file is missing, or stands there twice.
    """
    if by is not None:
        access.require(by, Action.EDIT_FORMULARY)
    if not name.strip():
        raise BadRecord("name", "is needed: which release it is")
    if len(name.strip()) > LONGEST_NAME or "\0" in name:
        raise BadRecord("name", f"must be a text of at most {LONGEST_NAME} characters")
    found = [(source, _file(folder, source)) for source in SOURCES[system]]
    arriving = (
        settings.BULK_DIR / f"release-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    )
    arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        files = [
            _copied(path, arriving / path.name) | {"source": source.prefix}
            for source, path in found
        ]
        digest = hashlib.sha256(msgspec.json.encode([[f["name"], f["sha256"]] for f in files]))
        with transaction.atomic():
            begun = _begun(
                system,
                files,
                digest.hexdigest(),
                name=name.strip(),
                released_on=released_on,
                by=by,
            )
            if begun.job is not None:
                shutil.rmtree(_folder(begun.edition), ignore_errors=True)
                arriving.rename(_folder(begun.edition))
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return begun


def _file(folder: Path, source: Source) -> Path:
    """The one file of a kind: two would be of two releases, and say that nothing went."""
    if not folder.is_dir():
        raise BadRecord("folder", f"{folder} is no folder")
    found = matching(folder, source)
    if not found:
        packed = any(path.suffix.lower() in PACKED for path in folder.iterdir())
        why = "; it holds a packed file: unpack that first" if packed else ""
        name = source.prefix.removesuffix(source.suffix) + "…" + source.suffix
        raise BadRecord("folder", f"holds no file {name}{why}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise BadRecord("folder", f"holds more than one file {source.prefix}…: {names}")
    return found[0]


def _copied(path: Path, to: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as come, to.open("wb") as kept:
        while part := come.read(CHUNK):
            kept.write(part)
            digest.update(part)
            size += len(part)
    return {"name": path.name, "size": size, "sha256": digest.hexdigest()}


def _begun(
    system: str,
    files: list[dict[str, Any]],
    digest: str,
    *,
    name: str,
    released_on: date,
    by: User | None,
) -> Begun:
    edition, new = Edition.objects.select_for_update().get_or_create(
        system=system,
        digest=digest,
        defaults={"name": name, "released_on": released_on, "files": files, "read_by": by},
    )
    if not new:
        if edition.state not in (State.READING, State.REFUSED):
            return Begun(edition, None)
        running = Job.objects.unfinished().filter(kind=READ, given__edition=edition.pk).first()
        if running is not None:
            return Begun(edition, None)
        _empty(edition)
        edition.state, edition.refused, edition.read = State.READING, "", {}
        edition.save(update_fields=["state", "refused", "read"])
    job = jobs.ask(
        READ,
        title=f"Read {edition} in",
        by=by,
        given={"edition": edition.pk},
        total=sum(file["size"] for file in files) // 1000,
        unit="kB",
    )
    return Begun(edition, job)


def _empty(edition: Edition) -> None:
    """Remove what was read of a release that is read anew."""
    for rows in (edition.pieces, edition.products, edition.ingredients, edition.faults):
        rows.all().delete()


def _folder(edition: Edition) -> Path:
    return settings.BULK_DIR / f"release-{edition.pk}"


# -- The job -----------------------------------------------------------------------------------


class Place(msgspec.Struct):
    """Where a slice ended: in which file and behind which byte and line; then behind which key."""

    step: Literal["read", "compose"] = "read"
    file: int = 0
    byte: int = 0
    line: int = 0
    compose: int = 0
    key: str = ""
    rows: int = 0
    rows_of_file: int = 0
    bad: int = 0
    products: int = 0


def read(job: Job, seconds: float) -> Slice:
    """A slice of reading a release in: rows into pieces, then pieces into products."""
    edition = Edition.objects.get(pk=job.given["edition"])
    place = msgspec.convert(job.place or {}, Place)
    until = monotonic() + seconds
    if edition.state != State.READING:
        return Slice(done=job.done, finished=True, note="It was read before.")
    try:
        while True:
            ended = _read_some(edition, place) if place.step == "read" else _compose(edition, place)
            if ended:
                if not place.products:
                    raise Refused(_nothing(edition, place))
                return _finish(edition, job, place)
            if monotonic() >= until:
                break
    except Refused as refused:
        return _refuse(edition, job, place, refused)
    return Slice(
        done=_done(edition, place, job), place=msgspec.to_builtins(place), note=_note(place)
    )


def _done(edition: Edition, place: Place, job: Job) -> int:
    if place.step == "compose":
        return job.total or 0
    return (sum(f["size"] for f in edition.files[: place.file]) + place.byte) // 1000


def _note(place: Place) -> str:
    said = f"{place.rows:,} rows read"
    if place.bad:
        said += f", {place.bad:,} of them broken"
    return f"{said}; {place.products:,} products" if place.products else said


def _read_some(edition: Edition, place: Place) -> bool:
    """Read some rows of the file; never the last step."""
    given = edition.files[place.file]
    source = next(s for s in SOURCES[edition.system] if s.prefix == given["source"])
    pieces: list[Piece] = []
    rows, ended = 0, False
    with (_folder(edition) / given["name"]).open("rb") as file:
        try:
            for row in source.rows(file, place.byte, place.line):
                pieces += _pieces(edition, given["name"], source, row, place)
                place.byte, place.line = row.next_byte, row.next_line
                rows += 1
                # Most rows of RxNorm's files are of others' vocabularies, and give no piece.
                if len(pieces) >= PIECES_AT_ONCE or rows == ROWS_AT_ONCE:
                    break
            else:
                ended = True
                if place.rows_of_file + rows == 0:
                    raise Refused("it holds no row of its kind")
        except Refused as refused:
            raise Refused(f"{given['name']}: {refused}") from refused
    place.rows += rows
    place.rows_of_file += rows
    if ended:
        place.file, place.byte, place.line, place.rows_of_file = place.file + 1, 0, 0, 0
    copy_rows(
        "drugs_editionpiece",
        ("edition_id", "kind", "key", "other", "said"),
        [(edition.pk, p.kind, p.key, p.other, as_json(p.said)) for p in pieces],
    )
    if place.file == len(edition.files):
        place.step = "compose"
    return False


def _pieces(edition: Edition, name: str, source: Source, row: Row, place: Place) -> Iterator[Piece]:
    """What a row says; of one that is broken what it says still, and that it is."""
    try:
        yield from source.read(row)
    except Bad as bad:
        what = f"{row.tag} {bad.what}".strip()
        _fault(edition, place, what=what, reason=bad.reason, file=name, line=row.line)
        yield from bad.pieces


def _fault(
    edition: Edition, place: Place, *, what: str, reason: str, file: str = "", line: int = 0
) -> None:
    place.bad += 1
    if place.bad <= MOST_FAULTS:
        EditionFault.objects.create(
            edition=edition, file=file[:100], line=line, what=what[:200], reason=reason[:300]
        )


def _compose(edition: Edition, place: Place) -> bool:
    """Put some products together; whether those were the last."""
    steps = composing.steps(edition)
    if place.compose >= len(steps):
        return True
    made = composing.compose(edition, steps[place.compose], place.key, PRODUCTS_AT_ONCE)
    place.products += made.made
    for key, reason in made.missing:
        _fault(edition, place, what=key, reason=reason)
    place.key = made.last
    if not made.last:
        place.compose += 1
    return False


def _nothing(edition: Edition, place: Place) -> str:
    first = edition.faults.order_by("pk").first()
    said = f"no product could be read in {place.rows:,} rows"
    return f"{said}, of which {place.bad:,} are broken. {first}" if first else said


def _finish(edition: Edition, job: Job, place: Place) -> Slice:
    lost = edition.pieces.filter(kind=PART, key=NOT_SAID).values_list("other", flat=True)
    edition.state = State.READY
    edition.read = {"rows": place.rows, "broken": place.bad, "products": place.products}
    if lost:
        edition.read[room.OF_NO_PRODUCT] = sorted(set(lost))
    edition.pieces.all().delete()
    edition.save(update_fields=["state", "read"])
    _remove_files(edition)
    note = f"{_note(place)}. Look at what it would change, and put it in force."
    return Slice(done=job.total or 0, finished=True, note=note, result=edition.read)


def _refuse(edition: Edition, job: Job, place: Place, refused: Refused) -> Slice:
    """End a release that cannot be read to its end: half of one would say that products went."""
    _empty(edition)
    edition.state, edition.refused = State.REFUSED, str(refused)[:300]
    edition.save(update_fields=["state", "refused"])
    _remove_files(edition)
    note = f"Not read: {refused}."
    return Slice(
        done=_done(edition, place, job), finished=True, note=note[:500], result={"refused": note}
    )


def _remove_files(edition: Edition) -> None:
    # After the commit: a slice that is rolled back reads them again.
    folder = _folder(edition)
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


# -- Putting in force --------------------------------------------------------------------------


@transaction.atomic
def put_in_force(*, edition: Edition, next_review: date | None, by: User) -> Edition:
    """Let a release count, in place of the one of its system that did.

    Whoever does it has looked at what it changes. Raises `BadRecord` for a day of next review that
    is not within a year, `IllegalMove` for a release that is not read, or is in force.
    """
    access.require(by, Action.EDIT_FORMULARY)
    governing.one_at_a_time()
    held = {
        each.pk: each
        for each in Edition.objects.select_for_update().filter(system=edition.system).order_by("pk")
    }
    locked = held[edition.pk]
    if locked.state not in (State.READY, State.REPLACED):
        raise IllegalMove(f"{locked} is {locked.get_state_display().lower()}.")
    today = timezone.localdate()
    last = today + timedelta(days=LONGEST_DAYS)
    if next_review is None or not today < next_review <= last:
        raise BadRecord("next_review", f"must be after today and not after {last:%-d %b %Y}")
    before = next((each for each in held.values() if each.state == State.IN_FORCE), None)
    if before is not None:
        before.state = State.REPLACED
        before.save(update_fields=["state"])
    locked.state = State.IN_FORCE
    locked.put_in_force_at, locked.put_in_force_by = timezone.now(), by
    locked.reviewed, locked.next_review = today, next_review
    locked.save()
    detail: dict[str, Any] = {"before": before.source} if before else {}
    products = locked.read.get("products", 0)
    audit.record(
        by,
        Event.RELEASE_IN_FORCE,
        subject=locked,
        source=locked.source,
        products=products,
        **detail,
    )
    return locked


@transaction.atomic
def take_out_of_force(*, edition: Edition, reason: str, by: User) -> Edition:
    """Let a release count no more, and no other in its place. Raises `BadRecord`, `IllegalMove`."""
    access.require(by, Action.EDIT_FORMULARY)
    if not reason.strip():
        raise BadRecord("reason", "is needed to take a release out of force")
    governing.one_at_a_time()
    locked = Edition.objects.select_for_update().get(pk=edition.pk)
    if locked.state != State.IN_FORCE:
        raise IllegalMove(f"{locked} is not in force.")
    locked.state = State.REPLACED
    locked.save(update_fields=["state"])
    audit.record(
        by,
        Event.RELEASE_OUT_OF_FORCE,
        subject=locked,
        source=locked.source,
        reason=reason.strip(),
    )
    return locked

"""Bulk import by FHIR: take files of resources in, line by line, as if each had been sent alone.

Who and what the others refer to comes first, then people, then the records: so references lead to
resources here whatever the order of lines and files. A conditional reference is looked up when its
line is written; a line that asks for one of its own kind waits until the others of it are written.
A line that cannot be taken is told of, and stops none of the others.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec
from django.contrib.auth.models import User
from django.db import DataError, transaction
from django.utils import timezone

from reviews import access, bulk_data, bulk_files, bulk_ids, jobs, outgoing, refused
from reviews.access import Action
from reviews.bulk_data import Files, Lines, Purpose
from reviews.errors import BadRecord, DomainError, NotAllowed
from reviews.fhir.render.elements import OURS
from reviews.fhir.write import bundles, conforming, exact
from reviews.jobs import Slice
from reviews.models import BulkFile, BulkRequest, Job
from reviews.queries import fhir_conditional
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_search import Search
from reviews.queries.fhir_source import Viewer

IMPORT = "bulk_import"
"""The kind of the job."""
MOST_INPUTS = 100
MOST_LINE_BYTES = 1024 * 1024
MOST_INPUT_BYTES = 32 * 1024 * 1024
FETCH_SECONDS = 30.0
LINES_AT_ONCE = 500
INDEXED_AT_ONCE = 5_000
LINKED = "Patient with links"
PASSES: tuple[tuple[str, ...], ...] = (
    ("Organization", "Practitioner", "Medication"),
    ("PractitionerRole",),
    ("Patient",),
    (LINKED,),
    ("Condition", "AllergyIntolerance", "Observation", "MedicationRequest"),
)
"""What is written before everything else: who and what others refer to, people, those who link to
others, and the records that records refer to."""
ORDER = 2
"""The number of this order of passes. An import that was begun in another one writes anew, which
changes nothing that stands."""
URN = "urn:uuid:"
LINE = f"{OURS}import-line"
"""The extension of an outcome that says which line it is about."""
NDJSON = "application/fhir+ndjson"


class Input(msgspec.Struct, omit_defaults=True):
    """One input: where it is fetched from, "" for one that was sent, and the type it is said to be.

    `type` "" is any.
    """

    type: str = ""
    url: str = ""


class Asked(msgspec.Struct, omit_defaults=True):
    """What an import is asked for: its inputs, and which types the caller may write.

    `finds` are the types in which conditional references may be looked up.
    """

    inputs: list[Input]
    types: list[str]
    source_system: str
    base: str
    finds: list[str] = []


class Writing(NamedTuple):
    """How resources are written: what FHIR create and update do (`verbs.resources`).

    `refused` is what `write` raises for one of several.
    """

    wanted: Callable[..., Any]
    write: Callable[..., Sequence[Any]]
    refused: type[DomainError]


@transaction.atomic
def ask(*, asked: Asked, sent: Sequence[Path], address: str, by: User) -> BulkRequest:
    """Ask for an import. `sent` are the files of the inputs that have no address, in their order.

    Raises `TooMany` where the system has as many under way, or kept, as it may, and `NotAllowed`
    for an address that is none of the system's.
    """
    access.require(by, Action.SYNC)
    if not asked.inputs or len(asked.inputs) > MOST_INPUTS:
        raise BadRecord("input", f"is needed, at most {MOST_INPUTS} times")
    for each in asked.inputs:
        if each.url:
            bulk_ids.require_source(each.url, asked.source_system)
    bulk = bulk_data.begin(
        BulkRequest.Kind.IMPORT,
        job=IMPORT,
        asked=msgspec.to_builtins(asked),
        address=address,
        practice_ids=access.practice_ids(by, Action.SYNC),
        by=by,
    )
    left = iter(sent)
    folder = bulk_files.folder_of(bulk.pk)
    folder.mkdir(mode=0o700, parents=True)
    for number, each in enumerate(asked.inputs, start=1):
        file = BulkFile(bulk=bulk, number=number, purpose=Purpose.INPUT, type=each.type)
        if not each.url:
            there = folder / file.name
            shutil.move(next(left), there)
            file.size, file.digest = there.stat().st_size, bulk_files.digest_of(there)
        file.save()
    return bulk


# -- The job -----------------------------------------------------------------------------------


class Place(msgspec.Struct, omit_defaults=True):
    """Where a slice ended: which step, pass and input, and behind which byte and line of it.

    `files` is the number of files, `counts` how many resources of each type were taken, `bad` how
    many lines were not. `put_aside`: some lines of this pass wait for its second round; `second`:
    this is that one.
    """

    step: Literal["fetch", "index", "write"] = "fetch"
    order: int = 0
    run: int = 0
    put_aside: bool = False
    second: bool = False
    input: int = 0
    byte: int = 0
    line: int = 0
    files: int = 0
    counts: dict[str, int] = {}
    bad: int = 0


def work(job: Job, seconds: float, *, writing: Writing) -> Slice:
    """A slice of an import: as many lines as there is time for."""
    bulk = BulkRequest.objects.select_related("asked_by").get(job=job)
    until = monotonic() + seconds
    with bulk_files.held(bulk.pk) as folder:
        if folder is None:
            return Slice(job.done, note=job.note, place=job.place, wait_seconds=5)
        return _Work(bulk, job, folder, writing).slice(until)


class _NotTaken(DomainError):
    """One line cannot be taken; `at` of its detail says which."""


class _NotFound(DomainError):
    """A conditional reference means none, or not one, of what is here. `code` is that of FHIR."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Line(NamedTuple):
    """One line: its number in its input, where the next one begins, and its bytes.

    `content` None: it is longer than a line may be.
    """

    number: int
    end: int
    content: bytes | None


class _Head(msgspec.Struct):
    """What says which resource a line is."""

    resourceType: str
    id: str = ""
    link: Any = None

    @property
    def has_an_id(self) -> bool:
        return conforming.ID.match(self.id) is not None

    @property
    def sort(self) -> str:
        """What says in which pass it is written."""
        return LINKED if self.resourceType == "Patient" and self.link else self.resourceType


class _One(NamedTuple):
    """A resource that can be written: its line, and the id that it was sent under."""

    line: int
    resource: dict[str, Any]
    sent_id: str

    @property
    def name(self) -> tuple[str, str]:
        return self.resource["resourceType"], self.sent_id


class _Work:
    """One slice of an import."""

    def __init__(self, bulk: BulkRequest, job: Job, folder: Path, writing: Writing) -> None:
        self.bulk, self.job, self.by, self.folder = bulk, job, bulk.asked_by, folder
        self.asked = msgspec.convert(bulk.asked, Asked)
        self.writing, self.done = writing, job.done
        self.space = uuid.uuid5(uuid.NAMESPACE_URL, f"{OURS}client:{self.by.pk}")
        self.place = _place_of(job, files=len(self.asked.inputs))
        self.search = Search(KINDS, Viewer(self.by, is_system=True), lambda _: (), self.asked.base)
        self.urns: dict[str, bulk_ids.Name] = {}
        self.outcomes: list[bytes] = []

    def slice(self, until: float) -> Slice:
        """Go on from where the last slice ended until the time is up."""
        place = self.place
        with access.seeing_as(self.by), Files(self.bulk, self.folder, place.files) as files:
            if not access.practice_ids(self.by, Action.SYNC):
                raise DomainError("The system may no longer send records.")
            finished = False
            while not finished:
                finished = self._step()
                files.add(Purpose.ERROR, "OperationOutcome", Lines(self.outcomes, set()))
                refused.keep(self.by, refused.Surface.BULK, _faults(self.outcomes))
                self.outcomes = []
                if monotonic() >= until:
                    break
            if finished:
                files.close()
        place.files = files.count
        if finished:
            bulk_data.end(self.bulk, timezone.now())
        steps = {"fetch": "fetches", "index": "reads", "write": "writes"}
        note = f"{steps[place.step]} input {min(place.input + 1, len(self.asked.inputs))}"
        return Slice(
            self.done,
            note=f"{place.bad} lines were not taken" if finished else note,
            place=msgspec.to_builtins(place),
            finished=finished,
            result={"counts": place.counts, "bad": place.bad} if finished else None,
        )

    def _step(self) -> bool:
        """Do one part of the work; whether that was the last one."""
        place = self.place
        if place.input >= len(self.asked.inputs):
            place.input = place.byte = place.line = 0
            if place.step == "fetch":
                place.step = "index"
            elif place.step == "index":
                place.step = "write"
            else:
                place.second = place.put_aside and not place.second
                place.put_aside = False
                place.run += not place.second
                return place.run > len(PASSES)
        elif place.step == "fetch":
            self._fetch()
            place.input += 1
        elif place.step == "index":
            self._index()
        else:
            self._write()
        return False

    # -- Fetching ------------------------------------------------------------------------------

    def _fetch(self) -> None:
        """Fetch an input from its address. One that cannot be had is told of."""
        place, each = self.place, self.asked.inputs[self.place.input]
        if not each.url:
            return
        try:
            # Asked again: the system may have lost an address since.
            bulk_ids.require_source(each.url, self.asked.source_system)
            reply = outgoing.send(
                "GET",
                each.url,
                headers={"Accept": NDJSON},
                seconds=FETCH_SECONDS,
                most_bytes=MOST_INPUT_BYTES,
            )
        except outgoing.Unreachable as error:
            if self.job.tries < jobs.MOST_TRIES:
                raise
            self._tell(0, "not-found", f"It could not be fetched: {error.message}")
            return
        except (outgoing.Refused, NotAllowed) as error:
            self._tell(0, "forbidden", f"It was not fetched: {error.message}")
            return
        if reply.status != 200:
            self._tell(0, "not-found", f"Its server answered with {reply.status}.")
            return
        row = self.bulk.files.get(number=place.input + 1)
        with bulk_files.writing(self.folder / row.name, 0) as file:
            file.write(reply.body)
        row.size, row.digest = len(reply.body), sha256(reply.body).hexdigest()
        row.save(update_fields=["size", "digest"])

    # -- Reading -------------------------------------------------------------------------------

    def _lines(self, most: int) -> Iterator[_Line]:
        """At most so many lines of the input from the place on; blank ones are passed over."""
        number = self.place.input + 1
        row = self.bulk.files.get(number=number)
        if not row.digest:
            return
        with open(self.folder / row.name, "rb") as file:
            file.seek(self.place.byte)
            end, line = self.place.byte, self.place.line
            while most > 0:
                content, read = _line_of(file)
                if not read:
                    return
                end, line = end + read, line + 1
                if content is None or content.strip():
                    yield _Line(line, end, content)
                    most -= 1
                else:
                    self.place.byte, self.place.line = end, line

    def _index(self) -> None:
        """Give an id to each resource, so that others can refer to it before it is written."""
        found: dict[bulk_ids.Name, str] = {}
        last = None
        for last in self._lines(INDEXED_AT_ONCE):
            head = _head_of(last.content)
            # What is no id is told of when its line has its turn.
            if head is not None and head.resourceType in self.asked.types and head.has_an_id:
                name = head.resourceType, head.id
                found[name] = self._new_id(*name)
        bulk_ids.meet(self.by, found)
        self._behind(last)

    def _behind(self, last: _Line | None) -> None:
        """Go on behind a line, or with the next input where there was none."""
        if last is None:
            self.place.input, self.place.byte, self.place.line = self.place.input + 1, 0, 0
        else:
            self.place.byte, self.place.line = last.end, last.number

    def _new_id(self, kind: str, sent_id: str) -> str:
        """The id here of a new resource; a person is given a number when they are written."""
        return "" if kind == "Patient" else str(uuid.uuid5(self.space, f"{kind}/{sent_id}"))

    # -- Writing -------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write some lines of the pass."""
        last, ones = None, []
        for last in self._lines(LINES_AT_ONCE * 10):
            head = _head_of(last.content)
            if _run_of(head.sort if head else "") == self.place.run:
                one = self._in_turn(last)
                if one is not None:
                    ones.append(one)
                if len(ones) == LINES_AT_ONCE:
                    break
        for several in _apart(self._resolved(ones)):
            self._write_some(several)
        self._behind(last)

    def _in_turn(self, line: _Line) -> _One | None:
        """The resource of a line of this pass, in the round in which it has its turn."""
        told, bad = len(self.outcomes), self.place.bad
        one = self._read(line)
        waits = one is not None and _waits(one.resource, self.place.run)
        if waits and not self.place.second:
            self.place.put_aside = True
            return None
        if self.place.second and not waits:
            # It was written, or told of, in the first round.
            del self.outcomes[told:]
            self.place.bad = bad
            return None
        self.done += 1
        return one

    def _read(self, line: _Line) -> _One | None:
        """The resource of a line; None where it cannot be taken, which is told."""
        if line.content is None:
            self._bad(line.number, "too-long", f"It is longer than {MOST_LINE_BYTES:,} bytes.")
            return None
        try:
            content = exact.decode(line.content)
        except exact.NotRead as error:
            self._bad(line.number, error.code, error.reason, error.expression)
            return None
        kind = content.get("resourceType") if isinstance(content, dict) else None
        wanted = self.asked.inputs[self.place.input].type
        if not isinstance(kind, str) or kind not in conforming.DEFINITIONS:
            said = f"“{str(kind)[:60]}” is no type of resource that is taken here."
        elif kind not in self.asked.types:
            said = f"The scopes of the token do not reach so far: system/{kind}.cu is needed."
        elif wanted and kind != wanted:
            said = f"It is of type {kind}, and the input is said to be of {wanted}."
        else:
            faults = conforming.faults(content)
            for fault in faults:
                self._tell(line.number, fault.code, fault.reason, fault.expression)
            self.place.bad += bool(faults)
            sent_id = content.get("id") or sha256(line.content).hexdigest()
            return None if faults else _One(line.number, content, sent_id)
        self._bad(line.number, "not-supported", said)
        return None

    def _resolved(self, ones: Sequence[_One]) -> list[_One]:
        """The resources with what their conditional references mean; one that means none is told.

        What the urn:uuid of a reference means is learnt for all of them.
        """
        said = {reference for one in ones for _, reference in bundles.references(one.resource)}
        urns = {each.removeprefix(URN) for each in said if each.startswith(URN)}
        urns = {each for each in urns if conforming.ID.match(each)}
        named = bulk_ids.named(self.by, KINDS, urns) if urns else ()
        self.urns = {f"{URN}{name[1]}": name for name in named}
        means: dict[str, str | _NotFound] = {}
        found = (self._with_conditions(one, means) for one in ones)
        return [one for one in found if one is not None]

    def _with_conditions(self, one: _One, means: dict[str, str | _NotFound]) -> _One | None:
        """A resource with what its conditional references mean; None where one is told of.

        `means` is what was found already, and is added to.
        """
        meant: dict[str, str] = {}
        for expression, reference in bundles.references(one.resource):
            if bundles.conditional(reference) is None:
                continue
            if reference not in means:
                means[reference] = self._found(reference)
            found = means[reference]
            if isinstance(found, _NotFound):
                where = f"{one.name[0]}.{expression.removesuffix('.reference')}"
                self._bad(one.line, found.code, found.message, where)
                return None
            meant[reference] = found
        return one._replace(resource=bundles.with_references(one.resource, meant))

    def _found(self, reference: str) -> str | _NotFound:
        """The whole address of the one resource that a conditional reference means."""
        named = bundles.conditional(reference)
        kind = KINDS.get(named[0]) if named else None
        said = f"“{reference[:200]}”"
        if named is None or kind is None:
            return _NotFound("not-supported", f"{said} asks for a type that is not here.")
        if kind.name not in self.asked.finds:
            needed = f"system/{kind.name}.s"
            return _NotFound(
                "forbidden", f"The scopes of the token do not reach so far: {needed} is needed."
            )
        try:
            ids = fhir_conditional.matching(self.search, kind, named[1])
        except BadRecord as error:
            return _NotFound("value", f"{said} cannot be looked up: {error.message}")
        if not ids:
            return _NotFound("not-found", f"{said} matches nothing.")
        if len(ids) > 1:
            return _NotFound("multiple-matches", f"{said} matches several resources.")
        return f"{self.asked.base}/{kind.name}/{ids[0]}"

    def _write_some(self, ones: Sequence[_One]) -> None:
        """Write resources together; where one of them cannot be taken, the others all the same."""
        if not ones:
            return
        told = len(self.outcomes)
        try:
            with transaction.atomic():
                self._write_all(ones)
        except (self.writing.refused, _NotTaken) as error:
            del self.outcomes[told:]
            at: int = error.detail["at"]
            self._bad(at, "business-rule", error.message, error.detail.get("element", ""))
            self._write_halves([one for one in ones if one.line != at])
        except (DomainError, DataError) as error:
            del self.outcomes[told:]
            if len(ones) == 1:
                said = error.message if isinstance(error, DomainError) else "It cannot be kept."
                self._bad(ones[0].line, "business-rule", said)
            else:
                self._write_halves(ones)

    def _write_halves(self, ones: Sequence[_One]) -> None:
        """Where one line was refused others may be, and each time all are written anew."""
        half = len(ones) // 2
        self._write_some(ones[:half])
        self._write_some(ones[half:])

    def _write_all(self, ones: Sequence[_One]) -> None:
        """Write resources, all or none of them."""
        links = {
            reference
            for one in ones
            for _, said in bundles.references(one.resource)
            if (reference := self._relative(said)) is not None
        }
        ids = bulk_ids.known(self.by, {one.name for one in ones} | links)
        known = {name: found.logical_id for name, found in ids.items() if found.is_written}
        # What had its turn and is not here was not taken.
        meant = {
            name: f"{name[0]}/{found.logical_id}"
            for name, found in ids.items()
            if found.is_written or (found.logical_id and _run_of(name[0]) >= self.place.run)
        }
        wanted: list[Any] = []
        for one in ones:
            if one.name[0] == "Patient" and one.name not in known:
                meant[one.name] = self._urn(one)
        for one in ones:
            resource = self._with_references(one, meant)
            new_id = "" if one.name in known else self._new_id(*one.name)
            wanted.append(
                self.writing.wanted(
                    at=one.line,
                    resource=resource,
                    full_url=self._urn(one),
                    known=known.get(one.name, ""),
                    new_id=new_id,
                )
            )
        written = self.writing.write(
            wanted=wanted,
            source_system=self.asked.source_system,
            by=self.by,
            kinds=KINDS,
            amends=True,
        )
        became = list(zip(ones, written, strict=True))
        bulk_ids.keep(self.by, {one.name: (each.id, each.practice_id) for one, each in became})
        for one, each in became:
            self.place.counts[each.type] = self.place.counts.get(each.type, 0) + 1
            for note in each.notes:
                self._tell(one.line, "incomplete", note, severity="warning")

    def _urn(self, one: _One) -> str:
        """What stands for a resource within one writing."""
        return uuid.uuid5(self.space, "/".join(one.name)).urn

    def _relative(self, reference: str) -> tuple[str, str] | None:
        """`(type, id)` of a reference to another line; None for one that leads elsewhere.

        The urn:uuid of what was never sent is of no type.
        """
        if reference.startswith(URN):
            return self.urns.get(reference, (URN, reference.removeprefix(URN)))
        kind, _, known = reference.partition("/")
        known = known.partition("/_history/")[0]
        return (kind, known) if kind in KINDS and conforming.ID.match(known) else None

    def _with_references(self, one: _One, meant: Mapping[tuple[str, str], str]) -> dict[str, Any]:
        """A resource with references to resources here.

        What a system calls Practitioner/7 is not ours of that number: a reference to what it never
        sent keeps its words, and leads nowhere.
        """
        lost: list[str] = []

        def changed(said: dict[str, Any]) -> dict[str, Any]:
            reference = said.get("reference")
            if not isinstance(reference, str):
                return said
            if reference.startswith(f"{self.asked.base}/"):
                return {**said, "reference": reference.removeprefix(f"{self.asked.base}/")}
            name = self._relative(reference)
            if name is None:
                return said
            if name in meant:
                return {**said, "reference": meant[name]}
            lost.append(reference)
            kept = {member: value for member, value in said.items() if member != "reference"}
            return {"display": reference, **kept}

        resource = _mapped(one.resource, changed)
        about = one.resource.get("subject") or one.resource.get("patient") or {}
        for reference in lost:
            if isinstance(about, dict) and about.get("reference") == reference:
                raise _NotTaken(
                    f"{reference} was never sent by this system, or not taken.", at=one.line
                )
            self._tell(
                one.line,
                "not-found",
                f"{reference} was never sent by this system, or not taken: it leads nowhere.",
                severity="warning",
            )
        return resource

    # -- Telling -------------------------------------------------------------------------------

    def _bad(self, line: int, code: str, reason: str, expression: str = "") -> None:
        """Tell of a line that was not taken."""
        self.place.bad += 1
        self._tell(line, code, reason, expression)

    def _tell(
        self, line: int, code: str, reason: str, expression: str = "", *, severity: str = "error"
    ) -> None:
        """Tell of a line, or of the whole input where it is 0."""
        number = self.place.input + 1
        where = f"Input {number}, line {line}" if line else f"Input {number}"
        issue = {"severity": severity, "code": code, "diagnostics": f"{where}: {reason}"}
        self.outcomes.append(
            msgspec.json.encode(
                {
                    "resourceType": "OperationOutcome",
                    "extension": [
                        {"url": f"{OURS}import-input", "valueInteger": number},
                        {"url": LINE, "valueInteger": line},
                    ],
                    "issue": [{**issue, "expression": [expression]} if expression else issue],
                }
            )
        )


def _place_of(job: Job, *, files: int) -> Place:
    """Where the last slice ended; the beginning where there was none, or of the writing where it
    was begun in another order.
    """
    place = msgspec.convert(job.place, Place) if job.place else Place(order=ORDER, files=files)
    if place.order == ORDER:
        return place
    if place.step == "write":
        return Place(step="write", order=ORDER, files=place.files)
    place.order = ORDER
    return place


def _waits(resource: Mapping[str, Any], run: int) -> bool:
    """Whether a resource asks for one that is written in its own pass or behind it."""
    asked = (bundles.conditional(reference) for _, reference in bundles.references(resource))
    kinds = {named[0] for named in asked if named is not None}
    return any(kind == resource["resourceType"] or _run_of(kind) >= run for kind in kinds)


class _Issue(msgspec.Struct):
    """An issue of an outcome, as it was told."""

    severity: str
    diagnostics: str
    expression: list[str] = []


class _Outcome(msgspec.Struct):
    issue: list[_Issue]


def _faults(outcomes: Sequence[bytes]) -> list[refused.Fault]:
    """The lines that were not taken, of what was told of lines."""
    issues = [msgspec.json.decode(each, type=_Outcome).issue[0] for each in outcomes]
    return [
        refused.Fault(",".join(issue.expression), reason, where)
        for issue in issues
        if issue.severity == "error"
        for where, _, reason in [issue.diagnostics.partition(": ")]
    ]


def _line_of(file: BinaryIO) -> tuple[bytes | None, int]:
    """`(content, bytes read)` of the next line; no bytes at the end, no content if it is long."""
    content = file.readline(MOST_LINE_BYTES + 2)
    read = len(content)
    if content.endswith(b"\n") or read <= MOST_LINE_BYTES:
        line = content.rstrip(b"\r\n")
        return (line if len(line) <= MOST_LINE_BYTES else None), read
    while part := file.readline(MOST_LINE_BYTES):
        read += len(part)
        if part.endswith(b"\n"):
            break
    return None, read


def _run_of(sort: str) -> int:
    """In which pass a line is written. What is no resource is told of in the last one."""
    for run, sorts in enumerate(PASSES):
        if sort in sorts:
            return run
    return len(PASSES)


_DECODER = msgspec.json.Decoder(_Head)


def _head_of(content: bytes | None) -> _Head | None:
    try:
        return _DECODER.decode(content) if content is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _apart(ones: Sequence[_One]) -> Iterator[list[_One]]:
    """Resources in groups in which none comes twice: a later line amends an earlier one."""
    several: dict[tuple[str, str], _One] = {}
    for one in ones:
        if one.name in several:
            yield list(several.values())
            several = {}
        several[one.name] = one
    yield list(several.values())


def _mapped(content: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The content with each object that holds a reference changed."""
    if isinstance(content, dict):
        inner = {
            name: _mapped(value, change) if isinstance(value, (dict, list)) else value
            for name, value in content.items()
        }
        return change(inner) if "reference" in inner else inner
    if isinstance(content, list):
        return [_mapped(value, change) for value in content]
    return content

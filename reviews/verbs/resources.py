"""What clients write by FHIR: taken in as records of other systems are, and kept word for word.

A resource becomes a record (an order, a reading, a condition, a person) by the same reader and the
same batches as a file or a sync; what of it cannot be judged is noted on the person's page. What
was sent stands beside the record, with its own words, unknown elements and extensions.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, fhir_records, fhir_versions, identifiers, incoming, syncing
from reviews.access import Action
from reviews.errors import BadRecord, DomainError, NotAllowed, NotFound, Stale
from reviews.fhir.read import bundle, elements
from reviews.fhir.read.file import MEDICINES
from reviews.fhir.render import paths
from reviews.fhir.render.elements import UNDERSTOOD
from reviews.fhir.write import bundles, exact
from reviews.models import (
    Condition,
    Identifier,
    PatientVersion,
    Practice,
    Prescription,
    Reading,
    Reported,
    SentResource,
    Versioned,
)
from reviews.queries import fhir_values
from reviews.queries.fhir_source import Kind
from reviews.queries.identity import current_ids

RECORDS: dict[str, type[Reported]] = {
    **dict.fromkeys(MEDICINES, Prescription),
    "Condition": Condition,
    "AllergyIntolerance": Condition,
    "Observation": Reading,
}
"""The table of the records that resources of a type become."""
ENTERED_IN_ERROR = "entered-in-error"
LONGEST_KEY = 150
"""Of an identifier with its system: what is longer goes by its digest."""
REFERRED_DEEP = 2
"""A role is referred to, and the person and the organisation behind it."""


@dataclass(frozen=True)
class Wanted:
    """A resource to be written: a new one, or with `known` the next version of the one of that id.

    `resource` conforms to FHIR (`fhir.write.conforming`). Its references are to resources here, or
    to the `full_url` of another one of the same writing. `at` is its place there. With `if_match`
    the version that is to be replaced is that one. A new one, but no person, is given `new_id`.
    """

    at: int
    resource: dict[str, Any]
    full_url: str = ""
    known: str = ""
    if_match: int | None = None
    new_id: str = ""

    @property
    def type(self) -> str:
        return self.resource["resourceType"]


class Written(NamedTuple):
    """What became of one resource. `notes` are what could not be used of it, or why it waits."""

    type: str
    id: str
    version: int
    created: bool
    notes: tuple[str, ...]
    practice_id: int = 0


class Refused(DomainError):
    """One resource of a writing cannot be taken, and with it none is. `at` is its place.

    `element` is the path of what is wrong with it, "" for the whole.
    """

    code = "not_taken"

    def __init__(self, at: int, message: str, *, duplicate_of: str = "", element: str = "") -> None:
        super().__init__(message, at=at, element=element)
        self.at = at
        self.element = element
        self.duplicate_of = duplicate_of


class _Contradicted(Exception):
    """The people at these places have the number of somebody whom they contradict in all else."""

    def __init__(self, places: frozenset[int]) -> None:
        super().__init__(places)
        self.places = places


def write(
    *,
    wanted: Sequence[Wanted],
    source_system: str,
    by: User,
    kinds: Mapping[str, Kind],
    amends: bool = False,
) -> list[Written]:
    """Write resources, all or none of them; what became of each, in the order of `wanted`.

    `amends`: a new one with the identifier of one that this system sent is the next version of
    that one, and not refused. `kinds` says by which parameters a search finds resources of each
    type. Raises `Refused` for one that cannot be taken, `NotFound` for one that is not here,
    `Stale` for one that was changed since, and `NotAllowed`.
    """
    apart: frozenset[int] = frozenset()
    # Whoever calls from within a transaction gives up that one, or what of it they marked.
    new_people = any(each.type == "Patient" and not each.known for each in wanted)
    while True:
        writing = _Writing(source_system, by, kinds, amends=amends, apart=apart)
        try:
            with transaction.atomic(savepoint=new_people):
                return writing.write(wanted)
        except _Contradicted as found:
            apart |= found.places
        except IntegrityError as error:
            raise Stale("Others changed the same resources meanwhile. Send it again.") from error


def delete(
    *,
    content: Mapping[str, Any],
    known: str,
    if_match: int | None,
    source_system: str,
    by: User,
    kinds: Mapping[str, Kind],
) -> None:
    """Say of a resource, as it stands (`content`), that it was entered in error.

    What was recorded stays in its history. Raises as `write` does; a person is not deleted.
    """
    if content["resourceType"] == "Patient":
        raise NotAllowed(
            "A person is not deleted: send what is right, or have two records merged.",
            action="sync",
        )
    wanted = Wanted(0, _entered_in_error(content), known=known, if_match=if_match)
    with transaction.atomic():
        _Writing(source_system, by, kinds).write([wanted], deleted=True)


def _entered_in_error(content: Mapping[str, Any]) -> dict[str, Any]:
    verification = {
        "Condition": "condition-ver-status",
        "AllergyIntolerance": "allergyintolerance-verification",
    }.get(content["resourceType"])
    if verification is None:
        return {**content, "status": ENTERED_IN_ERROR}
    system = f"http://terminology.hl7.org/CodeSystem/{verification}"
    return {
        **{name: value for name, value in content.items() if name != "clinicalStatus"},
        "verificationStatus": {"coding": [{"system": system, "code": ENTERED_IN_ERROR}]},
    }


class _Held(NamedTuple):
    """What stands now of a resource: `version` by FHIR; `row` is its record, if any."""

    practice_id: int
    source_system: str
    source_id: str
    version: int
    row: Versioned | None
    sent: Sequence[SentResource]


@dataclass
class _One:
    """One resource on its way.

    `known` is its id, for a new person until they have one. `key` is what the reader takes for its
    id, and `source_id` what its record is known by.
    """

    wanted: Wanted
    known: str
    held: _Held | None
    key: str
    source_id: str
    practice_id: int = 0
    patient_id: int | None = None
    made: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return self.wanted.type

    @property
    def name(self) -> str:
        """What the reader calls it."""
        return f"{self.type}/{self.key}"

    @property
    def address(self) -> str:
        """What references lead to it by."""
        return f"{self.type}/{self.known}"

    @property
    def about(self) -> str:
        """The reference to the person whom it is about, "" for one about nobody."""
        said = self.wanted.resource.get("subject") or self.wanted.resource.get("patient")
        return said.get("reference", "") if isinstance(said, dict) else ""


class _Writing:
    """One writing, in the caller's transaction.

    At the places `apart` new people are not taken for those whose numbers they have: that would
    show somebody under the name of another one while a person is asked whose it is.
    """

    def __init__(
        self,
        source_system: str,
        by: User,
        kinds: Mapping[str, Kind],
        *,
        amends: bool = False,
        apart: frozenset[int] = frozenset(),
    ) -> None:
        self.practices = {place.pk: place for place in access.practices(by, Action.SYNC)}
        if not self.practices:
            raise NotAllowed("You may not send records here.", action="sync")
        self.source_system, self.by, self.kinds = source_system, by, kinds
        self.amends, self.apart = amends, apart
        self.by_number: frozenset[int] = frozenset()
        self.waiting: set[int] = set()
        self._today: dict[str, str] = {}

    def write(self, wanted: Sequence[Wanted], *, deleted: bool = False) -> list[Written]:
        ones = self._begin(wanted)
        self._place(ones)
        meant = {one.wanted.full_url: one.address for one in ones if one.wanted.full_url}
        contents = [bundles.with_references(one.wanted.resource, meant) for one in ones]
        by_practice: dict[int, list[int]] = defaultdict(list)
        for place, one in enumerate(ones):
            by_practice[one.practice_id].append(place)
        for practice_id, places in by_practice.items():
            self._take_in(
                self.practices[practice_id],
                [ones[place] for place in places],
                [contents[place] for place in places],
            )
        return self._keep(ones, contents, deleted=deleted)

    # -- Which resources these are -------------------------------------------------------------

    def _begin(self, wanted: Sequence[Wanted]) -> list[_One]:
        """What stands now of each, and the ids of those that are new.

        A person whose number is known here is that person, and no new one.
        """
        here = self._people_here(wanted)
        self.by_number = frozenset(here)
        if self.amends:
            here |= self._sent_before(wanted)
        here |= self._settled(wanted)
        wanted = [
            replace(each, known=here[each.at]) if each.at in here else each for each in wanted
        ]
        asked: dict[str, set[str]] = defaultdict(set)
        for each in wanted:
            if each.known:
                asked[each.type].add(each.known)
        held = {
            (kind, known): found
            for kind, ids in asked.items()
            for known, found in self._held(kind, ids).items()
        }
        ones = [self._one(each, held.get((each.type, each.known))) for each in wanted]
        self._refuse_twice(ones)
        return ones

    def _people_here(self, wanted: Sequence[Wanted]) -> dict[int, str]:
        """The ids of the new people, by place, whose numbers are those of one person here."""
        numbers = {
            each.at: [
                identifiers.written(number["system"], number["value"])
                for number in each.resource.get("identifier", ())
                if isinstance(number, dict) and number.get("system") and number.get("value")
            ]
            for each in wanted
            if each.type == "Patient" and not each.known and each.at not in self.apart
        }
        said = {number for several in numbers.values() for number in several}
        whose: dict[tuple[str, str], set[int]] = defaultdict(set)
        rows = Identifier.objects.filter(
            practice__in=self.practices, value__in={value for _, value in said}
        )
        for row in rows if said else ():
            whose[row.system, row.value].add(row.patient_id)
        found = {
            at: {pk for one in several for pk in whose[one]} for at, several in numbers.items()
        }
        return {at: str(next(iter(people))) for at, people in found.items() if len(people) == 1}

    def _settled(self, wanted: Sequence[Wanted]) -> dict[int, str]:
        """The ids of people, by place, who are amended under the id that they had while waiting."""
        asked = {each.at: each.known for each in wanted if each.type == "Patient" and each.known}
        self._learn(set(asked.values()))
        return {at: now for at, known in asked.items() if (now := self._now(known)) != known}

    def _sent_before(self, wanted: Sequence[Wanted]) -> dict[int, str]:
        """The ids of what this system sent with the identifiers of new resources, by place."""
        new: dict[str, dict[str, Wanted]] = defaultdict(dict)
        for each in wanted:
            if not each.known and each.type != "Patient" and (key := _key_of(each.resource)):
                new[each.type][f"{each.type}/{key}"] = each
        found: dict[int, str] = {}
        for kind, by_source in new.items():
            if kind in RECORDS:
                rows = (
                    RECORDS[kind]
                    .objects.live()
                    .filter(
                        practice__in=self.practices,
                        source_system=self.source_system,
                        source_id__in=list(by_source),
                    )
                )
                for row in rows:
                    known = getattr(row, RECORDS[kind].VERSIONS_OF)
                    found[by_source[row.source_id].at] = str(known)
            else:
                found |= self._kept_before(kind, by_source.values())
        return found

    def _kept_before(self, kind: str, wanted: Iterable[Wanted]) -> dict[int, str]:
        """As `_sent_before`, of a type that becomes no record."""
        by_key: dict[str, int] = {}
        for each in wanted:
            number = next(
                one for one in each.resource["identifier"] if one.get("system") and one.get("value")
            )
            by_key[paths.key("identifier", number["system"], number["value"])] = each.at
        rows = SentResource.objects.filter(
            resource_type=kind,
            practice__in=self.practices,
            source_system=self.source_system,
            record__isnull=True,
            keys__overlap=list(by_key),
        )
        return {
            by_key[said]: row.logical_id
            for row in rows.order_by("version")
            for said in row.keys
            if said in by_key
        }

    def _one(self, wanted: Wanted, held: _Held | None) -> _One:
        if not wanted.known:
            known = wanted.new_id or str(uuid.uuid4())
            key = _key_of(wanted.resource) or known
            return _One(wanted, known, None, key, f"{wanted.type}/{key}")
        if held is None:
            raise NotFound(f"There is no {wanted.type}/{wanted.known} here.", at=wanted.at)
        if held.source_system not in ("", self.source_system):
            raise NotAllowed(
                f"{wanted.type}/{wanted.known} came from “{held.source_system}”, and only that"
                " system amends it.",
                action="sync",
            )
        if wanted.if_match not in (None, held.version):
            raise Stale(
                f"{wanted.type}/{wanted.known} is at version {held.version}, not"
                f" {wanted.if_match}: read it again."
            )
        if held.row is None:
            key = _key_of(wanted.resource) or wanted.known
            return _One(wanted, wanted.known, held, key, f"{wanted.type}/{key}", held.practice_id)
        key = held.source_id.removeprefix(f"{wanted.type}/") or wanted.known
        return _One(wanted, wanted.known, held, key, held.source_id, held.practice_id)

    def _held(self, kind: str, ids: Iterable[str]) -> dict[str, _Held]:
        sent = fhir_versions.sent(kind, ids)
        found: dict[str, _Held] = {}
        for known, versions in sent.items():
            last = versions[-1]
            if last.record is None and last.practice_id in self.practices:
                found[known] = _Held(
                    last.practice_id, last.source_system, "", last.version, None, versions
                )
        for known, row in self._live(kind, ids).items():
            versions = sent.get(known, [])
            version, _ = fhir_versions.current(row.version, versions)
            source = (row.source_system, row.source_id) if isinstance(row, Reported) else ("", "")
            found[known] = _Held(row.practice_id, *source, version, row, versions)
        return found

    def _live(self, kind: str, ids: Iterable[str]) -> dict[str, Versioned]:
        """The live rows of the records with these ids."""
        if kind == "Patient":
            numbers = [int(known) for known in ids if known.isascii() and known.isdigit()]
            people = PatientVersion.objects.live().filter(
                patient_id__in=numbers, practice__in=self.practices
            )
            return {str(row.patient_id): row for row in people}
        model = RECORDS.get(kind)
        if model is None:
            return {}
        keys = [key for known in ids if (key := _uuid(known)) is not None]
        rows = _what_it_is(model).filter(
            **{f"{model.VERSIONS_OF}__in": keys}, practice__in=self.practices
        )
        return {str(getattr(row, model.VERSIONS_OF)): row for row in rows}

    def _refuse_twice(self, ones: list[_One]) -> None:
        """Refuse a new resource with an identifier that is here already, or stands there twice."""
        met: dict[str, _One] = {}
        for one in ones:
            if (first := met.setdefault(one.name, one)) is not one:
                raise Refused(
                    one.wanted.at,
                    f"It has the identifier of the {one.type} at {first.wanted.at} of the same"
                    " writing.",
                )
        for kind, model in RECORDS.items():
            new = {one.source_id: one for one in ones if one.type == kind and one.held is None}
            if not new:
                continue
            rows = model.objects.live().filter(
                practice__in=self.practices,
                source_system=self.source_system,
                source_id__in=list(new),
            )
            for row in rows:
                there = f"{kind}/{getattr(row, model.VERSIONS_OF)}"
                raise Refused(
                    new[row.source_id].wanted.at,
                    f"Its identifier is that of {there}. Amend that one, or create it with"
                    " If-None-Exist.",
                    duplicate_of=there,
                )

    # -- Whose they are ------------------------------------------------------------------------

    def _place(self, ones: list[_One]) -> None:
        """Find the practice of each, and the person of those about somebody who is known."""
        only = next(iter(self.practices)) if len(self.practices) == 1 else 0
        by_address = {
            address: one
            for one in ones
            for address in (one.wanted.full_url, one.address)
            if address
        }
        numbers = {one.about.removeprefix("Patient/") for one in ones if one.about}
        self._learn(numbers)
        known = self._live("Patient", {self._now(number) for number in numbers})
        people = [one for one in ones if one.type == "Patient"]
        for one in (*people, *(each for each in ones if each.type != "Patient")):
            about = by_address.get(one.about)
            person = known.get(self._now(one.about.removeprefix("Patient/")))
            if person is not None:
                one.patient_id = person.patient_id
                one.practice_id = one.practice_id or person.practice_id
            elif about is None and one.about.startswith("Patient/"):
                raise Refused(one.wanted.at, f"There is no {one.about} here.")
            elif about is not None:
                one.practice_id = one.practice_id or about.practice_id
            one.practice_id = one.practice_id or only or self._managing(one)

    def _learn(self, numbers: Collection[str]) -> None:
        """Ask for the numbers of people today, after the records of some went into others."""
        asked = {
            number: int(number)
            for number in numbers
            if number.isascii() and number.isdigit() and len(number) < 19
        }
        # Those who waited, and of whom somebody has said since who they are.
        others = {number for number in numbers if number not in asked and _uuid(number)}
        asked |= fhir_versions.settled_as(others) if others else {}
        found = current_ids(asked.values()) if asked else {}
        self._today |= {number: str(found[pk]) for number, pk in asked.items()}

    def _now(self, number: str) -> str:
        """The number of a person today, as far as it was learnt; what is none stays as it is."""
        return self._today.get(number, number)

    def _managing(self, one: _One) -> int:
        """The practice that a new person's managing organisation names."""
        said = one.wanted.resource.get("managingOrganization") or {}
        number = said.get("identifier") or {}
        named = {number.get("value"), str(said.get("reference", "")).rpartition("/")[2]}
        for place in self.practices.values():
            if place.code in named:
                return place.pk
        if one.type not in ("Patient", *RECORDS):
            return next(iter(self.practices))
        raise Refused(
            one.wanted.at,
            "This client serves several practices: managingOrganization.identifier.value is to be"
            " the code of one of them.",
        )

    # -- What the portal makes of them ---------------------------------------------------------

    def _take_in(
        self, practice: Practice, ones: list[_One], contents: list[dict[str, Any]]
    ) -> None:
        """Read the resources of a practice, and merge the records that they become."""
        numbers = self._numbers(one.patient_id for one in ones)
        read = [
            {
                "fullUrl": one.address,
                "resource": _for_reader(content, one, numbers.get(one.patient_id or 0)),
            }
            for one, content in zip(ones, contents, strict=True)
        ]
        found, *_ = bundle.read_set(
            [_bundle(read), _bundle(self._referred_to(ones, contents))],
            source=self.source_system,
            zone=practice.zone,
            today=timezone.localdate(timezone=practice.zone),
        )
        if isinstance(found, bundle.Unreadable):
            raise Refused(ones[0].wanted.at, str(found))
        fhir_records.leave_out_unusable(found)
        by_name = {one.name: one for one in ones}
        self._note(found, by_name)
        for kind, batch, types in fhir_records.KINDS:
            named = getattr(found, kind)
            notes = [
                replace(note, about=by_name[note.about].source_id)
                if note.about in by_name
                else note
                for note in fhir_records.noted(found, types, practice.code)
            ]
            if named or notes:
                self._merge(batch, named, notes, by_name, practice)

    def _numbers(self, people: Iterable[int | None]) -> dict[int, dict[str, str]]:
        """A number of each of these people, by which the reader and the batches know them."""
        rows = Identifier.objects.filter(
            patient_id__in={pk for pk in people if pk is not None}, practice__in=self.practices
        ).order_by("-use", "-pk")
        return {row.patient_id: {"system": row.system, "value": row.value} for row in rows}

    def _referred_to(
        self, ones: list[_One], contents: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """What was sent earlier and is referred to now: who ordered it, which medicine it is."""
        here = {one.address for one in ones}
        entries: list[dict[str, Any]] = []
        looking = contents
        for _ in range(REFERRED_DEEP):
            wanted: dict[str, set[str]] = defaultdict(set)
            for content in looking:
                for _, reference in bundles.references(content):
                    kind, _, known = reference.partition("/")
                    if reference not in here and kind in self.kinds and kind != "Patient" and known:
                        wanted[kind].add(known)
                        here.add(reference)
            looking = []
            for kind, ids in wanted.items():
                for known, row in fhir_versions.latest(kind, ids).items():
                    if not row.deleted and row.practice_id in self.practices:
                        content = exact.decode(row.body.encode())
                        looking.append(content)
                        entries.append(
                            {
                                "fullUrl": f"{kind}/{known}",
                                "resource": _without_its_patient({**content, "id": known}),
                            }
                        )
            if not looking:
                break
        return entries

    def _note(self, found: bundle.Content, by_name: dict[str, _One]) -> None:
        """Tell each resource what could not be used of it. Raises `Refused` for one of nobody."""
        for refused, said in (
            *((True, said) for said in found.refused),
            *((False, said) for said in found.notes),
        ):
            one = by_name.get(said.resource.partition("#")[0])
            if one is None:
                continue
            if refused and said.patient is None and one.type in ("Patient", *RECORDS):
                raise Refused(one.wanted.at, _sentence(said.reason))
            one.notes.append(
                f"Not screened: it {said.reason}." if refused else _sentence(said.reason)
            )

    def _merge(
        self,
        batch: incoming.Kind,
        named: list[tuple[str, dict[str, Any]]],
        notes: list[syncing.Noted],
        by_name: dict[str, _One],
        practice: Practice,
    ) -> None:
        rows = []
        is_people = batch is incoming.Patients
        people = [one for one in by_name.values() if is_people and one.held and one.held.row]
        own = self._numbers(int(one.known) for one in people) if people else {}
        for name, record in named:
            one = by_name[name]
            if "source_id" in record:
                part = record["source_id"].removeprefix(name)
                record["source_id"] = f"{one.source_id}{part}"
            elif one.held is not None and one.held.row is not None:
                # Whoever is amended by their id here is that person, whatever else is said of them.
                record["identifiers"] = [own[int(one.known)], *record["identifiers"]]
            one.made.append(record)
            rows.append({**record, "practice": practice.code})
        new = {
            name
            for name, one in by_name.items()
            if len(one.made) == 1 and (one.held is None or one.held.row is None)
        }
        ids = {
            place: uuid.UUID(by_name[name].known)
            for place, (name, _) in enumerate(named)
            if name in new
        }
        result = syncing.merge(
            batch, enumerate(rows), self.source_system, self.by, notes, record_ids=ids
        )
        for refusal in result.errors:
            one = by_name[named[refusal.index][0]]
            where = elements.called(one.type, refusal.field)
            reason = elements.in_words(one.type, refusal.reason)
            raise Refused(one.wanted.at, f"{where}: {reason}.", element=where)
        waits = {by_name[named[wait.index][0]].wanted.at for wait in result.waits}
        if is_people and (contradicted := self.by_number & waits):
            raise _Contradicted(contradicted)
        self.waiting |= waits
        for wait in result.waits:
            by_name[named[wait.index][0]].notes.append(f"Not screened yet: it {wait.reason}.")

    # -- What is kept --------------------------------------------------------------------------

    def _keep(
        self, ones: list[_One], contents: list[dict[str, Any]], *, deleted: bool
    ) -> list[Written]:
        """Keep what was sent, word for word but for references and ids, which are ours to give."""
        became = self._records(ones)
        addresses = {
            one.address: f"Patient/{became[one.address].patient_id}"
            for one in ones
            if one.type == "Patient" and one.address in became
        }
        written, kept = [], []
        for one, content in zip(ones, contents, strict=True):
            # What cannot be judged any more leaves its record as it was, and says so.
            row = became.get(one.address) or (one.held.row if one.held else None)
            sent = _as_sent(bundles.with_references(content, addresses))
            body = exact.encode(sent).decode()
            known = addresses.get(one.address, one.address).partition("/")[2]
            version, changed = self._number(one, row, body)
            if row is not None:
                one.patient_id = row.patient_id
            if changed:
                kept.append(
                    fhir_versions.made(
                        resource_type=one.type,
                        logical_id=known,
                        version=version,
                        body=body,
                        content=sent,
                        definitions=self.kinds[one.type].definitions,
                        practice_id=one.practice_id,
                        patient_id=one.patient_id,
                        source_system=self.source_system,
                        by=self.by,
                        record=row.pk if row is not None else None,
                        record_version=row.version if row is not None else None,
                        dated=_dated(sent, self.kinds[one.type]),
                        deleted=deleted,
                    )
                )
            again = one.held is not None and any(last.deleted for last in one.held.sent[-1:])
            created = one.held is None or again
            written.append(
                Written(one.type, known, version, created, tuple(one.notes), one.practice_id)
            )
        fhir_versions.keep(kept)
        return written

    def _records(self, ones: list[_One]) -> dict[str, Versioned]:
        """The live row that each resource became, by address; none where it became none or many."""
        found: dict[str, Versioned] = {}
        by_source = {
            (RECORDS[one.type], one.source_id): one
            for one in ones
            if one.type in RECORDS and len(one.made) == 1
        }
        for model in {model for model, _ in by_source}:
            rows = _what_it_is(model).filter(
                practice__in=self.practices,
                source_system=self.source_system,
                source_id__in=[source_id for of, source_id in by_source if of is model],
            )
            for row in rows:
                one = by_source[model, row.source_id]
                if one.held is None and str(getattr(row, model.VERSIONS_OF)) != one.known:
                    # Somebody else created it meanwhile, under another id.
                    raise Stale("Others changed the same resources meanwhile. Send it again.")
                found[one.address] = row
        numbers = {
            identifiers.written(number["system"], number["value"]): one
            for one in ones
            if one.type == "Patient" and one.wanted.at not in self.waiting
            for record in one.made
            for number in record["identifiers"][:1]
        }
        people: dict[int, list[_One]] = defaultdict(list)
        for number in Identifier.objects.filter(
            practice__in=self.practices,
            system__in={system for system, _ in numbers},
            value__in={value for _, value in numbers},
        ):
            one = numbers.get((number.system, number.value))
            if one is not None:
                people[number.patient_id].append(one)
        for version in PatientVersion.objects.live().filter(patient__in=people) if people else ():
            for one in people[version.patient_id]:
                found[one.address] = version
        return found

    def _number(self, one: _One, row: Versioned | None, body: str) -> tuple[int, bool]:
        """`(number by FHIR, whether there is anything new)` of what is written now."""
        held = one.held
        said = held.sent[-1].body if held and held.sent else None
        if row is None:
            if held is None:
                return 1, True
            return (held.version, False) if said == body else (held.version + 1, True)
        if held is None:
            return row.version, True
        if held.row is not None and held.row.version != row.version:
            return fhir_versions.number(row.version, held.sent), True
        if said == body:
            return held.version, False
        return held.version + 1, True


def _what_it_is(model: type[Reported]) -> QuerySet[Any]:
    """The live rows of a table, without what they say."""
    return model.objects.live().only(
        *("practice", "patient", "version", "source_system", "source_id", model.VERSIONS_OF)
    )


def _key_of(resource: Mapping[str, Any]) -> str:
    """What a resource is known by to its system: its first identifier, "" without one."""
    for number in resource.get("identifier", ()):
        if number.get("system") and number.get("value"):
            key = f"{number['system']}|{number['value']}"
            long = len(key) > LONGEST_KEY
            return hashlib.sha256(key.encode()).hexdigest() if long else key
    return ""


def _dated(content: dict[str, Any], kind: Kind) -> tuple[datetime | None, datetime | None]:
    """Its first and last instant, as far as it says; by them what is only kept is found."""
    path = kind.definitions[kind.dated].path if kind.dated else ""
    for said in paths.found(content, path) if path else ():
        ends = (said.get("start"), said.get("end")) if isinstance(said, dict) else (said, said)
        zone = timezone.get_current_timezone_name()
        first, last = (_span(each, zone) for each in ends)
        return first and first.start, last and last.end - timedelta.resolution
    return None, None


def _span(said: object, zone: str) -> fhir_values.Span | None:
    return _span_in(said, zone) if isinstance(said, str) else None


# The same few days come again and again; a day without a time is one of the zone.
@lru_cache(maxsize=10_000)
def _span_in(said: str, _zone: str) -> fhir_values.Span | None:
    try:
        return fhir_values.span("date", said)
    except BadRecord:
        return None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        made = uuid.UUID(text)
    except ValueError:
        return None
    return made if str(made) == text else None


def _for_reader(
    content: dict[str, Any], one: _One, number: dict[str, str] | None
) -> dict[str, Any]:
    """A resource as the reader takes it: under the id of its system, its person by a number."""
    about = "patient" if one.type == "AllergyIntolerance" else "subject"
    given = {**content, "id": one.key}
    if number is not None and isinstance(given.get(about), dict):
        given[about] = {**given[about], "identifier": number}
    return given


def _without_its_patient(content: dict[str, Any]) -> dict[str, Any]:
    """What only tells of another resource: whom it is about is asked of that one."""
    return {name: value for name, value in content.items() if name not in ("subject", "patient")}


def _bundle(entries: list[dict[str, Any]]) -> bytes:
    return exact.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _sentence(reason: str) -> str:
    """What the reader says of a resource: “has two dosages”, “its patient is not there”."""
    return f"Its {reason[4:]}." if reason.startswith("its ") else f"It {reason}."


def _as_sent(content: dict[str, Any]) -> dict[str, Any]:
    """Without its id and what of `meta` is ours to say, nor our reading of it."""
    kept = {name: value for name, value in content.items() if name != "id"}
    meta = {
        name: value
        for name, value in kept.pop("meta", {}).items()
        if name not in ("versionId", "lastUpdated")
    }
    extensions = [each for each in kept.pop("extension", ()) if each.get("url") != UNDERSTOOD]
    return {
        "resourceType": kept.pop("resourceType"),
        **({"meta": meta} if meta else {}),
        **({"extension": extensions} if extensions else {}),
        **kept,
    }

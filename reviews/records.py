"""What may be reported about a patient: the shapes that form, REST and FHIR all turn into.

Types and limits are here once, so that every entry refuses the same things with the same words.
Amounts are in `dose_unit`; `None` means not known, never zero.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from datetime import date
from functools import cache
from math import inf as INFINITY
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, inspect

from reviews import clocks, fields, identifiers
from reviews.errors import BadRecord
from reviews.models import Practice
from reviews.rules import readings
from reviews.rules.codes import (
    ACQUIRED,
    CHANGES,
    CONDITION_KINDS,
    CONDITION_STATUSES,
    EVIDENCE,
    READING_STATUSES,
    REPLACEMENTS,
    SETTINGS,
    SEXES,
    STATUSES,
    UNITS,
)
from reviews.rules.indications import INDICATIONS

Shape = TypeVar("Shape", bound=Struct)
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Short = Annotated[str, Meta(max_length=200)]
# Four decimals are kept: less than 0.1 microgram of a milligram dose is no dose.
Amount = Annotated[float, Meta(ge=0.0001, lt=10_000_000)]
TimesPerDay = Annotated[float, Meta(ge=0.0001, le=96)]
Days = Annotated[int, Meta(ge=0, le=3650)]
Unit = Literal[tuple(UNITS)]
Indication = Literal[tuple(INDICATIONS)]
ReadingKind = Literal[tuple(readings.KINDS)]
PlaceOfCare = Literal[tuple(SETTINGS)]
OrderStatus = Literal[tuple(STATUSES)]
PORTAL = "portal"
"""The source system of what is entered here."""
NOT_GIVEN = "Not given."
"""Kept as the reason of a prescription when one was asked for and none was given."""
FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2199, 12, 31)
# `gc=False` below: records hold no cycles, and a batch has tens of thousands of them.
# Short names of the systems that the formulary knows; their URIs mean the same.
SYSTEMS = {
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://www.whocc.no/atc": "atc",
    "http://snomed.info/sct": "snomed",
    "https://dmd.nhs.uk": "dmd",
    "http://hl7.org/fhir/sid/ndc": "ndc",
}


class Coding(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A code in a system: `rxnorm`, `atc`, `snomed`, `dmd`, `ndc`, or another system's URI."""

    system: Annotated[str, Meta(min_length=1, max_length=200)]
    code: Annotated[str, Meta(min_length=1, max_length=60)]
    display: Short = ""

    def __post_init__(self) -> None:
        if short := SYSTEMS.get(self.system):
            msgspec.structs.force_setattr(self, "system", short)


Codings = Annotated[tuple[Coding, ...], Meta(max_length=50)]


class PatientIdentifier(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A number in the form of its system. `use` says that it is `old` or `temp`, else nothing."""

    system: Annotated[str, Meta(min_length=1, max_length=200)]
    value: Annotated[str, Meta(min_length=1, max_length=100)]
    use: Literal["", "old", "temp"] = ""

    def __post_init__(self) -> None:
        system, value = identifiers.written(self.system, self.value)
        if system != self.system:
            msgspec.structs.force_setattr(self, "system", system)
        if value != self.value:
            msgspec.structs.force_setattr(self, "value", value)

    @property
    def fits(self) -> bool:
        """Whether its system can have given it."""
        return identifiers.fits(self.system, self.value)


class PatientRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A person as a form or a client knows them; names may be left out for one already known.

    `deceased` says that they died, where the day is not known; false takes that back, and never a
    day of death.
    """

    identifiers: Annotated[tuple[PatientIdentifier, ...], Meta(max_length=20)] = ()
    family_name: Annotated[str, Meta(max_length=120)] = ""
    given_name: Annotated[str, Meta(max_length=120)] = ""
    birth_date: date | None = None
    sex: Literal[tuple(SEXES)] | None = None
    deceased_on: date | None = None
    deceased: bool | None = None


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A stretch of a schedule: so much a day, in `dose_unit`, for so many days."""

    per_day: Annotated[float, Meta(ge=0, lt=10_000_000)]
    days: Annotated[int, Meta(ge=1, le=3650)]


class PrescriptionRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One medicine order, as one source reports it; its fields are those of `reviews.fields`."""

    medicine: Text
    codings: Codings = ()
    dose: Amount | None = None
    dose_unit: Unit | None = None
    times_per_day: TimesPerDay | None = None
    as_needed: bool = False
    max_per_day: Amount | None = None
    expected_per_day: Amount | None = None
    dosage_text: Annotated[str, Meta(max_length=1000)] = ""
    quantity: Amount | None = None
    quantity_unit: Unit | None = None
    days_supply: Days | None = None
    written_on: date | None = None
    start_on: date | None = None
    end_on: date | None = None
    indication: Indication = "unknown"
    route: Annotated[str, Meta(max_length=40)] = ""
    setting: PlaceOfCare = "community"
    status: OrderStatus = "active"
    status_reason: Annotated[str, Meta(max_length=500)] = ""
    dispensed: bool = False
    prescriber: Short = ""
    refill_number: Annotated[int, Meta(ge=0, le=1000)] | None = None
    dispensed_on: date | None = None
    repeat_template: bool = False
    acquired: Literal[tuple(ACQUIRED)] = "nhs"
    replacement_reason: Literal["", *REPLACEMENTS] = ""
    is_new_start: bool = False
    change_reason: Literal["", *CHANGES] = ""
    team: Short = ""
    pharmacy: Short = ""
    start_minute: Annotated[int, Meta(ge=0, lt=1440)] | None = None
    schedule: Annotated[tuple[Step, ...], Meta(max_length=100)] = ()
    dose_max: Amount | None = None
    times_per_day_max: TimesPerDay | None = None
    repeats_allowed: Annotated[int, Meta(ge=0, le=1000)] | None = None
    issue_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    valid_until: date | None = None
    quantity_text: Short = ""
    evidence: Literal["", *EVIDENCE] = ""


class ConditionRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One problem of a patient, or the substance of an allergy, coded where possible."""

    text: Annotated[str, Meta(min_length=1, max_length=300)]
    codings: Codings = ()
    onset_on: date | None = None
    ended_on: date | None = None
    status: Literal[CONDITION_STATUSES] = "active"
    kind: Literal[tuple(CONDITION_KINDS)] = "condition"


class ReadingRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A value measured, answered or done on a day (`on`).

    The kind says what is needed: a number in its unit as `value`, or the code of an answer, the
    codes ticked (separated by spaces; none ticked: "none") or an ISO date as `text`.
    """

    kind: ReadingKind
    on: date
    value: float | None = None
    unit: Annotated[str, Meta(max_length=30)] = ""
    text: Annotated[str, Meta(max_length=300)] = ""
    status: Literal[READING_STATUSES] = "final"


SourceId = Annotated[str, Meta(min_length=1, max_length=200)]
PracticeCode = Annotated[str, Meta(max_length=40)]


class SyncedPrescription(
    PrescriptionRecord, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """An order as a client system sends it: with its own id, and whom it is for.

    `practice` is a practice's code, needed only by a client that serves several.
    """

    source_id: SourceId
    patient: PatientRecord
    practice: PracticeCode = ""


class SyncedDispensing(
    SyncedPrescription, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """A medicine that was handed out: an order of one issue, `dispensed` on a day.

    It is what a MedicationDispense of FHIR is kept as. It begins on `dispensed_on` where it says no
    other day.
    """

    dispensed: bool = True

    def __post_init__(self) -> None:
        if self.start_on is None and self.dispensed_on is not None:
            msgspec.structs.force_setattr(self, "start_on", self.dispensed_on)


class SyncedCondition(
    ConditionRecord, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
):
    """A problem as a client system sends it."""

    source_id: SourceId
    patient: PatientRecord
    practice: PracticeCode = ""


class SyncedReading(ReadingRecord, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A reading as a client system sends it: a `value` in `unit`, or an answer in `text`.

    A number has a `value` in the unit of its kind (`unit` may say it again, and another unit is
    refused). Everything else has a `text`: the code of an answer, the codes ticked separated by
    spaces ("none" for none), or an ISO date.
    """

    source_id: SourceId
    patient: PatientRecord
    practice: PracticeCode = ""


class SyncedPatient(PatientRecord, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A person as a client system sends them, when nothing else is to be said."""

    practice: PracticeCode = ""


_encoder = msgspec.json.Encoder(order="deterministic")
# Fields that came later: left out of a digest where they say nothing, so that a record which was
# known before is still known.
_LATER = {
    PrescriptionRecord: tuple(field.name for field in fields.PRESCRIPTION if field.later),
    ConditionRecord: ("kind",),
    ReadingRecord: (),
}


def _getter(names: Sequence[str]) -> Callable[[Struct], tuple]:
    """A function from a record to the tuple of these fields."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


def _parts(base: type[Struct]) -> tuple[Callable, Callable, tuple, tuple[str, ...]]:
    """How to read what a record says: always, later, and what says nothing."""
    later = _LATER[base]
    unsaid = {field.name: field.default for field in msgspec.structs.fields(base)}
    first = [name for name in base.__struct_fields__ if name not in later]
    return _getter(first), _getter(later), tuple(unsaid[name] for name in later), later


_content = {
    shape: _parts(base)
    for base, shapes in {
        PrescriptionRecord: (PrescriptionRecord, SyncedPrescription, SyncedDispensing),
        ConditionRecord: (ConditionRecord, SyncedCondition),
        ReadingRecord: (ReadingRecord, SyncedReading),
    }.items()
    for shape in shapes
}


def said_later(record: Struct) -> dict[str, Any]:
    """The fields that came later and say something, by name."""
    _, later, unsaid, names = _content[type(record)]
    said = later(record)
    if said == unsaid:
        return {}
    return {
        name: value
        for name, value, nothing in zip(names, said, unsaid, strict=True)
        if value != nothing
    }


def digest(record: Struct) -> bytes:
    """16 bytes that are equal exactly when two records say the same, whoever sends them."""
    content = _content[type(record)][0](record)
    if later := said_later(record):
        content = (*content, later)
    return hashlib.blake2b(_encoder.encode(content), digest_size=16).digest()


def medicine_key(text: str, codings: Iterable[Coding]) -> str:
    """The key of a product as written: the same text and codes give the same key."""
    content = _encoder.encode([text, sorted((c.system, c.code) for c in codings)])
    return hashlib.blake2b(content, digest_size=16).hexdigest()


ZoneAt = Callable[[Any], ZoneInfo | None]
"""The time zone of the practice that a record names, in whatever way; None where it is not one."""


def convert(content: Any, shape: type[Shape], zone_at: ZoneAt = lambda _: None) -> Shape:
    """`content` as `shape`, or `BadRecord` naming the field and the reason.

    Where an instant stands for a day, it is the day that it was at the practice.
    """
    if _may_hold_nul(content):
        _refuse_nul(content, "")
    try:
        return _dated(msgspec.convert(content, shape, strict=False), zone_at)
    except msgspec.ValidationError:
        return _the_slow_way(content, shape, zone_at, strict=False)


def decode(
    raw: bytes, decoder: msgspec.json.Decoder[Shape], zone_at: ZoneAt = lambda _: None
) -> Shape:
    """One record's JSON by a typed decoder, as `convert` gives it, or `BadRecord`."""
    try:
        try:
            record = _dated(decoder.decode(raw), zone_at)
        except msgspec.ValidationError:
            record = _the_slow_way(msgspec.json.decode(raw), decoder.type, zone_at, strict=True)
        if _ESCAPED_NUL in raw:
            _refuse_nul(msgspec.json.decode(raw), "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord("record", "is not valid JSON") from error
    return record


def _the_slow_way(content: Any, shape: type[Shape], zone_at: ZoneAt, *, strict: bool) -> Shape:
    """What is not as its shape says: null is left out everywhere, 14.0 is 14, instants are days.

    Raises `BadRecord`, and `RecursionError` for what nests without end.
    """
    content = _said(content)
    if isinstance(content, dict) and (zone := zone_at(content.get("practice"))):
        content = _with_days(content, zone)
    try:
        return _dated(msgspec.convert(content, shape, strict=strict), zone_at)
    except msgspec.ValidationError as error:
        raise bad_record(error, shape) from error


_DAY_FIELDS = frozenset(
    field.name
    for shape in (PatientRecord, PrescriptionRecord, ConditionRecord, ReadingRecord)
    for field in msgspec.structs.fields(shape)
    if field.type in (date, date | None)
)


def _with_days(content: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """A record whose instants are days. Nobody's birth date moves: it is the day that it says."""
    days = {}
    for name, said in content.items():
        if name == "patient" and isinstance(said, dict):
            days[name] = _with_days(said, zone)
        elif name == "birth_date" and isinstance(said, str) and clocks.there(said, zone):
            days[name] = said[:10]
        elif name in _DAY_FIELDS and isinstance(said, str):
            days[name] = clocks.day(said, zone)
        else:
            days[name] = said
    return days


def _dated(record: Shape, zone_at: ZoneAt) -> Shape:
    """A record whose answer is a date: an instant is the day that it was."""
    is_date = (
        isinstance(record, SyncedReading) and readings.KINDS[record.kind].shape == readings.DATE
    )
    if is_date and record.text and (zone := zone_at(record.practice)):
        return msgspec.structs.replace(record, text=clocks.day(record.text, zone))
    return record


def _said(content: Any) -> Any:
    """JSON without what says nothing, and with whole numbers as such."""
    if isinstance(content, dict):
        return {name: _said(value) for name, value in content.items() if value is not None}
    if isinstance(content, (list, tuple)):
        return [_said(value) for value in content if value is not None]
    if isinstance(content, float) and content.is_integer():
        return int(content)
    return content


_ESCAPED_NUL = rb"\u0000"


def _may_hold_nul(content: Any) -> bool:
    """Whether the character NUL may be in it: seen at once, and whatever is no JSON may."""
    try:
        return _ESCAPED_NUL in msgspec.json.encode(content)
    except (TypeError, ValueError, RecursionError):
        return True


def _refuse_nul(content: Any, path: str) -> None:
    """PostgreSQL cannot keep the character NUL in a text."""
    if isinstance(content, str):
        if "\0" in content:
            raise BadRecord(path or "record", "contains the character NUL")
    elif isinstance(content, dict):
        for name, value in content.items():
            _refuse_nul(value, f"{path}.{name}" if path else str(name))
    elif isinstance(content, (list, tuple)):
        for index, value in enumerate(content):
            _refuse_nul(value, f"{path}[{index}]")


_PLAIN = re.compile(r"[^.\[\]]+")


def bad_record(error: msgspec.ValidationError, shape: type[Struct]) -> BadRecord:
    """msgspec says "Expected `date` - at `$.start_on`": name the field, keep the reason.

    Of what is none of the known values it does not say which those are.
    """
    message = str(error)
    reason, _, path = message.partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    if reason.startswith("Object contains unknown field"):
        name = reason.split("`")[1]
        # A name with signs of a path in it would be read as one.
        field = f"{field}.{name}" if field and _PLAIN.fullmatch(name) else name
        reason = "is not a known field"
    elif reason.startswith("Object missing required field"):
        field = ".".join(filter(None, [field, reason.split("`")[1]]))
        reason = "is missing"
    elif reason.startswith("Invalid enum value"):
        said = reason.removeprefix("Invalid enum value ")
        reason = f"{said} is none of {', '.join(filter(None, _known_values(shape, field)))}"
    return BadRecord(field or "record", reason)


@cache
def _known_values(shape: type[Struct], path: str) -> tuple[str, ...]:
    """The values that a field of a record can have, by its path: "patient.identifiers[0].use"."""
    within = inspect.type_info(shape)
    for name in re.sub(r"\[[^]]*\]", "", path).split("."):
        (field,) = [each for each in within.fields if each.encode_name == name]
        within = field.type
        if isinstance(within, inspect.UnionType):
            within = next(t for t in within.types if not isinstance(t, inspect.NoneType))
        if isinstance(within, inspect.ListType | inspect.VarTupleType):
            within = within.item_type
    return tuple(str(value) for value in within.values)


def of_the_practice(record: PrescriptionRecord, practice: Practice) -> PrescriptionRecord:
    """An order logged here is its practice's, so that colleagues count as one prescriber (PRE-01).

    What a client system reports may be anybody's: there only the system can name the team.
    """
    return record if record.team else msgspec.structs.replace(record, team=practice.code)


_DAYS = tuple(field.name for field in fields.PRESCRIPTION if field.kind is fields.DAY)


def check_prescription(record: PrescriptionRecord) -> None:
    """What types cannot say. Raises `BadRecord`; a missing value is no fault."""
    if not record.medicine.strip():
        raise BadRecord("medicine", "is empty")
    for field in _DAYS:
        day = getattr(record, field)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise BadRecord(field, f"is outside {FIRST_DAY.year} to {LAST_DAY.year}")
    if record.start_on and record.end_on and record.end_on < record.start_on:
        raise BadRecord("end_on", "is before start_on")
    if record.dose is not None and record.dose_unit is None:
        raise BadRecord("dose_unit", "is needed when a dose is given")
    if record.dose_max is not None and record.dose_unit is None:
        raise BadRecord("dose_unit", "is needed when a highest dose is given")
    if (record.dose_max or INFINITY) < (record.dose or 0):
        raise BadRecord("dose_max", "is below dose")
    if (record.times_per_day_max or INFINITY) < (record.times_per_day or 0):
        raise BadRecord("times_per_day_max", "is below times_per_day")
    if record.schedule and record.dose_unit is None:
        raise BadRecord("dose_unit", "is needed when a schedule is given")
    is_range = record.dose_max is not None or record.times_per_day_max is not None
    if record.max_per_day is not None and not (record.as_needed or is_range):
        raise BadRecord("max_per_day", "is only for a medicine taken as needed")


MOST_FAULTS = 20
# What stands in for a wrong value that cannot be left out, while the rest is looked at.
_STAND_INS: dict[str, Any] = {
    "source_id": "1",
    "patient": {},
    "medicine": "1",
    "text": "1",
    "kind": "egfr",
    "on": FIRST_DAY.isoformat(),
    "codings[]": {"system": "1", "code": "1"},
    "codings[].system": "1",
    "codings[].code": "1",
    "identifiers[]": {"system": "1", "value": "1"},
    "identifiers[].system": "1",
    "identifiers[].value": "1",
    "schedule[]": {"per_day": 1, "days": 1},
    "schedule[].per_day": 1,
    "schedule[].days": 1,
}


def faults(
    first: BadRecord,
    content: bytes,
    shape: type[Struct],
    check: Callable[[Any, set[str]], object],
    zone_at: ZoneAt = lambda _: None,
) -> list[BadRecord]:
    """Everything that is wrong with a record of JSON that was refused for `first`.

    Each wrong value is set right in turn and the record looked at again, so a value that cannot be
    judged beside a wrong one is not told. `check(record, fields)` raises what its types cannot say;
    it is given the fields that are known to be wrong.
    """
    met = {first.field: first}
    required = {field.name for field in msgspec.structs.fields(shape) if field.required}
    try:
        said = _said(msgspec.json.decode(content))
        while len(met) < MOST_FAULTS and _set_right(said, next(reversed(met)), required):
            try:
                _refuse_nul(said, "")
                check(_the_slow_way(said, shape, zone_at, strict=True), set(met))
                break
            except BadRecord as error:
                if error.field in met:
                    break
                met[error.field] = error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return list(met.values())


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _set_right(content: Any, path: str, required: set[str]) -> bool:
    """Put something right where `path` says that a value is wrong; whether there was a way."""
    steps = [name or int(index) for index, name in _STEP.findall(path)]
    if not steps:  # of a field called "[", which no record has
        return False
    where = content
    for step in steps[:-1]:
        try:
            where = where[step]
        except (KeyError, IndexError, TypeError):
            return False
    name = re.sub(r"\[\d+\]", "[]", path).removeprefix("patient.")
    if name in _STAND_INS and (len(steps) > 1 or name in required):
        if not isinstance(where, dict | list):
            return False
        where[steps[-1]] = copy(_STAND_INS[name])
        return True
    if not isinstance(where, dict):
        return False
    gone = {steps[-1], *LEFT_OUT_WITH.get(path, ())} & where.keys()
    for each in gone:
        del where[each]
    return bool(gone)


# Without these an order is none, or would be read as another one: one that is over.
NEVER_LEFT_OUT = frozenset({"source_id", "patient", "medicine", "status", "repeats_allowed"})
# What would be half of a statement goes as well.
LEFT_OUT_WITH = {
    "dose_max": ("dose",),
    "times_per_day_max": ("times_per_day",),
    "dose_unit": ("dose", "dose_max", "max_per_day", "expected_per_day", "schedule"),
}


def without_unusable(content: dict[str, Any]) -> tuple[dict[str, Any], list[BadRecord]]:
    """An order as a reader of files made it, without fields that no record may have, and why.

    For files alone: a client system is told of a bad field and can send the record again.
    """
    content, left_out = dict(content), []
    while True:
        try:
            check_prescription(convert(content, SyncedPrescription))
        except BadRecord as error:
            name = error.field.partition(".")[0].partition("[")[0]
            gone = {name, *LEFT_OUT_WITH.get(name, ())} & content.keys()
            if not gone or name in NEVER_LEFT_OUT:
                return content, left_out
            left_out.append(error)
            for each in gone:
                del content[each]
        else:
            return content, left_out


def person_of(content: dict[str, Any]) -> PatientRecord | None:
    """Whom a refused record is about, as far as that can be used; None without a usable number."""
    said = content.get("patient")
    if not isinstance(said, dict):
        return None
    said = dict(said)
    while True:
        try:
            person = convert(said, PatientRecord)
        except BadRecord as error:
            name = error.field.partition(".")[0].partition("[")[0]
            if name not in said or name == "identifiers":
                return None
            del said[name]
        else:
            return person if person.identifiers else None


def check_condition(record: ConditionRecord) -> None:
    if record.onset_on and record.ended_on and record.ended_on < record.onset_on:
        raise BadRecord("ended_on", "is before onset_on")


def check_reading(record: ReadingRecord, *, today: date) -> None:
    """Whether the answer fits its kind. Nothing is measured before it happens."""
    known = readings.KINDS[record.kind]
    if not FIRST_DAY <= record.on <= today:
        raise BadRecord("on", "is in the future or before 1900")
    if record.unit and record.unit != known.unit:
        raise BadRecord("unit", f"must be {known.unit}" if known.unit else "must be left out")
    if known.shape == readings.NUMBER and record.text:
        raise BadRecord("text", "must be left out: the answer is a number")
    if known.shape in (readings.CHOICE, readings.DATE) and record.value is not None:
        raise BadRecord("value", "must be left out: the answer is in text")
    if reason := readings.problem(record.kind, record.value, record.text):
        raise BadRecord("value" if known.shape == readings.NUMBER else "text", reason)
    if known.shape == readings.DATE and not (
        FIRST_DAY <= date.fromisoformat(record.text) <= LAST_DAY
    ):
        raise BadRecord("text", f"is outside {FIRST_DAY.year} to {LAST_DAY.year}")


def check_patient(record: PatientRecord, *, today: date) -> None:
    """For a person not yet known: a name is needed, and dates must be possible."""
    if not record.family_name and not record.given_name:
        raise BadRecord("family_name", "is needed for a patient not yet known")
    if record.birth_date and not FIRST_DAY <= record.birth_date <= today:
        raise BadRecord("birth_date", "is in the future or before 1900")
    if record.deceased_on and record.birth_date and record.deceased_on < record.birth_date:
        raise BadRecord("deceased_on", "is before birth_date")

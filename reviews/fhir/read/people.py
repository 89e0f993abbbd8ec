"""A FHIR Patient as a record: numbers with their use, names, death, and other records of them.

And the days of a practice: an instant is the day that it was there.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from reviews import clocks
from reviews.fhir.read import elements, resources, words
from reviews.fhir.read.file import File
from reviews.rules.birth import nobodys, possible_birth_date

LONGEST_SYSTEM, LONGEST_VALUE, LONGEST_NAME = 200, 100, 120
MOST_IDENTIFIERS = 20
# Of a record that stands in place of another one, and of the other one.
REPLACES, REPLACED_BY = "replaces", "replaced-by"
_NAMES = ("official", "usual", "", "nickname", "anonymous", "temp", "maiden", "old")
Tell = Callable[[str], None]


def in_zone(content: Any, zone: ZoneInfo) -> Any:
    """A resource whose instants are the same ones, as the clocks of a time zone show them.

    What reads their first ten signs as a day then reads the local day. A birth date that is written
    with a time is the day that it says.
    """
    if isinstance(content, dict):
        return {
            name: said if name == "birthDate" else in_zone(said, zone)
            for name, said in content.items()
        }
    if isinstance(content, list):
        return [in_zone(said, zone) for said in content]
    # Most texts are none, which is seen at once.
    if not isinstance(content, str) or content[10:11] != "T":
        return content
    moment = clocks.there(content, zone)
    return moment.isoformat() if moment else content


def identifiers(
    given: Iterable[resources.Identifier],
    tell: Tell,
    *,
    today: date | None = None,
    old: bool = False,
) -> list[dict[str, str]]:
    """The identifiers that can be kept; `old` says that all are of a record no longer in use.

    One whose period has ended by `today` is old too.
    """
    kept: dict[tuple[str, str], dict[str, str]] = {}
    for one in given:
        if not (one.system and one.value):
            tell("an identifier without a system or a value is left out")
        elif len(one.system) > LONGEST_SYSTEM or len(one.value) > LONGEST_VALUE:
            tell("an identifier that is too long is left out")
        else:
            ended = words.day(one.period.end)
            over = old or one.use == "old" or bool(ended and today and ended < today)
            use = "old" if over else "temp" if one.use == "temp" else ""
            said = {"system": one.system, "value": one.value}
            kept.setdefault((one.system, one.value), said | ({"use": use} if use else {}))
    return list(kept.values())


def official_name(names: list[resources.Name]) -> dict[str, str]:
    """The official name, else the usual one, else another; a name that is over comes last.

    Somebody with a single name has one of the two parts.
    """

    def rank(one: resources.Name) -> tuple[bool, int]:
        known = _NAMES.index(one.use) if one.use in _NAMES else len(_NAMES)
        return bool(one.period.end), known

    for one in sorted(names, key=rank):
        given = " ".join(part.strip() for part in one.given if part and part.strip())
        family = (one.family or "").strip()
        if family or given:
            return {"family_name": family[:LONGEST_NAME], "given_name": given[:LONGEST_NAME]}
        if text := (one.text or "").strip():
            return {"family_name": text[:LONGEST_NAME], "given_name": ""}
    return {}


def death(patient: resources.Patient) -> dict[str, Any]:
    """Whether and when they died, as far as is said; part of a date is no day."""
    if day := words.day(patient.deceasedDateTime):
        return {"deceased_on": day.isoformat(), "deceased": True}
    if patient.deceasedDateTime:
        return {"deceased": True}
    return {} if patient.deceasedBoolean is None else {"deceased": patient.deceasedBoolean}


def patient(file: File, name: str, patient: resources.Patient) -> None:
    """A person, known by their own numbers and those of records that stand for them too."""

    def tell(reason: str) -> None:
        file.note(name, reason)

    replaced = any(link.type == REPLACED_BY for link in patient.link)
    numbers = _numbers(file, patient, tell, old=replaced)
    for link in patient.link:
        numbers += _linked(file, link, tell)
    once: dict[tuple[str, str], dict[str, str]] = {}
    for number in numbers:
        once.setdefault((number["system"], number["value"]), number)
    if len(once) > MOST_IDENTIFIERS:
        tell(f"only the first {MOST_IDENTIFIERS} identifiers are kept")
    record = {
        "identifiers": list(once.values())[:MOST_IDENTIFIERS],
        **official_name(patient.name),
        **death(patient),
    }
    if patient.gender:
        record["sex"] = patient.gender
    if day := words.day(patient.birthDate):
        record["birth_date"] = day.isoformat()
        if file.today and not possible_birth_date(day, today=file.today):
            tell(nobodys(day))
    for field_name, said in (
        ("birth_date", patient.birthDate),
        ("deceased_on", patient.deceasedDateTime),
    ):
        if said and field_name not in record:
            where = elements.called("Patient", field_name)
            tell(f"{where} “{said}” is only part of a date: left as not known")
    file.held[name].record = record
    file.content.patients.append((name, record))


def _numbers(
    file: File, patient: resources.Patient, tell: Tell, *, old: bool = False
) -> list[dict[str, str]]:
    """The numbers of a Patient; one without any is known by their id at the source."""
    numbers = identifiers(patient.identifier, tell, today=file.today, old=old)
    own = resources.Identifier(system=f"{file.source}/Patient", value=patient.id)
    return numbers or identifiers([own], tell, old=old)


def _linked(file: File, link: resources.Link, tell: Tell) -> list[dict[str, str]]:
    """The numbers of another record of the same person, where one stands in place of the other.

    So both records name one person; where they are held as two, somebody is asked.
    """
    if link.type not in (REPLACES, REPLACED_BY):
        tell(f"is recorded elsewhere too ({link.type or 'no reason given'}): not joined")
        return []
    old = link.type == REPLACES
    other = file.resolve(link.other.reference) if link.other.reference else None
    if isinstance(other, resources.Patient):
        return _numbers(file, other, _nothing, old=old)
    if link.other.identifier is not None:
        return identifiers([link.other.identifier], tell, today=file.today, old=old)
    tell(f"the record that it {link.type} is not in the bundle: not joined")
    return []


def _nothing(reason: str) -> None:
    """What is told of another resource is told where that one is read."""

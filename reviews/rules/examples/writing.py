"""Short ways to write an example: a person, what is on record, and what a rule makes of it.

Days count from the day judged: 0 is that day, -28 four weeks before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

from reviews.rules.codes import PROFILES
from reviews.rules.dossier import (
    Condition,
    Dossier,
    Exemption,
    Line,
    Medicine,
    Reading,
    Taper,
    TaperStep,
)

TODAY = date(2026, 3, 2)
QUIET = None
NOT_EVALUABLE = "not evaluable"
MONTH = 28

DIAZEPAM, DIAZEPAM_2 = "diazepam 5 mg tablets", "diazepam 2 mg tablets"
DIAZEPAM_LIQUID = "diazepam 2 mg/5 ml oral solution"
LORAZEPAM, OXAZEPAM = "lorazepam 1 mg tablets", "oxazepam 10 mg tablets"
ALPRAZOLAM, TRIAZOLAM = "alprazolam 0.5 mg tablets", "triazolam 0.25 mg tablets"
CLONAZEPAM, CLOBAZAM = "clonazepam 0.5 mg tablets", "clobazam 10 mg tablets"
CHLORDIAZEPOXIDE = "chlordiazepoxide 10 mg capsules"
TEMAZEPAM, ZOPICLONE, ZOLPIDEM = (
    "temazepam 10 mg tablets",
    "zopiclone 7.5 mg tablets",
    "zolpidem 5 mg tablets",
)
MORPHINE, PREGABALIN = "morphine 10 mg tablets", "pregabalin 75 mg capsules"

Fields: TypeAlias = dict[str, Any]
"""Fields of a line or of a person, by name."""
SLEEP: Fields = {"indication": "insomnia"}
Recorded: TypeAlias = Line | Condition | Reading | Exemption | Taper


class Example(NamedTuple):
    """A record, and what a rule is to make of it under each profile that it names.

    `why` says in a few words what the example shows. `claims` maps a profile to a severity, QUIET
    or NOT_EVALUABLE. `mentions` is a phrase that the finding then holds, `lacks` one that it does
    not, for what is shown in words and not by the severity.
    """

    why: str
    dossier: Dossier
    claims: Mapping[str, int | str | None]
    mentions: str = ""
    lacks: str = ""


def on(day: int) -> date:
    return TODAY + timedelta(days=day)


def eg(
    why: str,
    claim: int | str | dict[str, int | str | None] | None,
    *items: Recorded | list[Line],
    mentions: str = "",
    lacks: str = "",
    age: int | None = 45,
    **person: Any,
) -> Example:
    """An example; `claim` holds in every profile, or is a dict that says it for each."""
    claims = claim if isinstance(claim, dict) else dict.fromkeys(PROFILES, claim)
    return Example(why, record(*items, age=age, **person), claims, mentions, lacks)


def record(*items: Recorded | list[Line], age: int | None = 45, **person: Any) -> Dossier:
    """Somebody whose birthday was 100 days ago, with what is on record in any order."""
    facts = list(_flat(items))
    lines = [fact for fact in facts if isinstance(fact, Line)]
    conditions = [fact for fact in facts if isinstance(fact, Condition)]
    readings = [fact for fact in facts if isinstance(fact, Reading)]
    exemptions = [fact for fact in facts if isinstance(fact, Exemption)]
    tapers = [fact for fact in facts if isinstance(fact, Taper)]
    birth = None if age is None else on(-100).replace(year=on(-100).year - age)
    return Dossier(
        patient_id=0,
        as_of=TODAY,
        birth_date=birth,
        lines=tuple(line._replace(id=n) for n, line in enumerate(lines, 1)),
        conditions=tuple(each._replace(id=n) for n, each in enumerate(conditions, 1)),
        readings=tuple(each._replace(id=n) for n, each in enumerate(readings, 1)),
        exemptions=tuple(replace(each, id=n) for n, each in enumerate(exemptions, 1)),
        tapers=tuple(replace(each, id=n) for n, each in enumerate(tapers, 1)),
        **person,
    )


def _flat(items: tuple[Recorded | list[Line], ...]) -> Iterator[Recorded]:
    for item in items:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def supply(
    text: str = DIAZEPAM, days: int | None = MONTH, start: int | None = 0, **more: Any
) -> Line:
    """One supply: 1 tablet once a day for `days` days; `mg` gives the dose in mg instead."""
    fields: Fields = {
        "start_on": None if start is None else on(start),
        "written_on": None if start is None else on(start),
        "dose": 1.0,
        "dose_unit": "capsule" if "capsule" in text else "tablet",
        "times_per_day": 1.0,
        "quantity": None if days is None else float(days),
        "quantity_unit": "capsule" if "capsule" in text else "tablet",
        "days_supply": days,
        "indication": "anxiety",
    }
    codings = more.pop("codings", ())
    if "mg" in more:
        fields |= {"dose": float(more.pop("mg")), "dose_unit": "mg", "quantity": None}
    return Line(id=0, medicine=Medicine(f"{text}|{codings}", text, codings), **(fields | more))


def course(days, text=DIAZEPAM, end=None, **more) -> list[Line]:
    """So many days without a gap, in supplies of 28 days; the last supply begins on the day judged.

    With `end` the last day of supply is that day instead.
    """
    lengths = [MONTH] * (days // MONTH) + ([days % MONTH] if days % MONTH else [])
    start = -sum(lengths[:-1]) if end is None else end - days + 1
    found = []
    for length in lengths:
        found.append(supply(text, length, start, **more))
        start += length
    return found


def also(text: str, days: int | None = MONTH, start: int | None = 0, **more: Any) -> Line:
    """A supply of another medicine."""
    return supply(text, days, start, **({"indication": "other"} | more))


def together(days, other, sedative=DIAZEPAM, **more) -> list[Line]:
    """Another medicine that begins today, with so many days of a 28-day sedative supply left."""
    return [supply(sedative, MONTH, days - MONTH, **more), also(other)]


def ill(text, code, day=-400, **more) -> Condition:
    """A diagnosis or event with its ICD-10 code."""
    return Condition(id=0, codings=(("icd10", code),), text=text, onset_on=on(day), **more)


def told(kind, answer, day=0) -> Reading:
    """A measured value, or the code of an answer."""
    if isinstance(answer, str):
        return Reading(id=0, kind=kind, text=answer, on=on(day))
    return Reading(id=0, kind=kind, value=float(answer), on=on(day))


def exempt(kind, start=-300, end=60) -> Exemption:
    return Exemption(id=0, kind=kind, starts_on=on(start), expires_on=on(end))


def taper(drug, *steps, status="active", contact=None, **more) -> Taper:
    """Steps are (day, mg a day); the first one is the dose at the start."""
    return Taper(
        id=0,
        drug=drug,
        status=status,
        steps=tuple(TaperStep(on(day), float(mg)) for day, mg in steps),
        last_contact_on=None if contact is None else on(contact),
        **more,
    )

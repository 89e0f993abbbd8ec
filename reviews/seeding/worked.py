"""Worked examples of the rules as people: their record, moved to today, in an invented life.

For each rule one person just past the boundary and one just before it, in one of the practices.
"""

from datetime import timedelta
from functools import partial

from reviews.records import (
    Coding,
    ConditionRecord,
    PrescriptionRecord,
    ReadingRecord,
    Step,
)
from reviews.rules import words
from reviews.rules.codes import PROFILES
from reviews.rules.dossier import Exemption
from reviews.rules.examples import EXAMPLES, QUIET
from reviews.rules.examples.writing import TODAY
from reviews.rules.registry import BY_ID
from reviews.seeding import tapers
from reviews.seeding.medicines import PRODUCTS

YOUNGEST = 17
# A text that a product of these countries has is coded as the product is.
CODED = dict(written for product in PRODUCTS.values() for written in product.written.values())
LATE = ("DQ-02", "REV-02")
"""Rules on records that are not kept: nothing more is added to the record of their people."""


def pairs(told):
    """(rule, profile, example just before, example just past) of each rule that is not in `told`.

    The practices take turns, where the rule says the same in several of them.
    """
    for n, rule_id in enumerate(sorted(BY_ID.keys() - set(told))):
        turn = PROFILES[n % 3 :] + PROFILES[: n % 3]
        before, past, profile = next(
            (before, past, profile)
            for past in sorted(_suited(rule_id), key=_gravity)
            for profile in turn
            if isinstance(past.claims.get(profile), int)
            for before in _near(rule_id, past)
            if before.claims.get(profile, 0) is QUIET
        )
        yield rule_id, profile, before, past


def _suited(rule_id):
    """Examples of people of 17 or over, whose tapers whole and half tablets can make up."""
    for example in EXAMPLES[rule_id]:
        born = example.dossier.birth_date
        grown = (TODAY - born).days > YOUNGEST * 365.25
        if grown and all(tapers.parts(taper) for taper in example.dossier.tapers):
            yield example


def _gravity(example):
    """Those that reach the queue come first; among them the first one written."""
    said = [claim for claim in example.claims.values() if isinstance(claim, int)]
    return min(said, default=4) > 3


def _near(rule_id, past):
    """The other examples, the one written next to it first."""
    suited = list(_suited(rule_id))
    at = suited.index(past)
    return sorted(
        (each for each in suited if each is not past),
        key=lambda each: (abs(suited.index(each) - at), suited.index(each) > at),
    )


def tell(life, example, rule_id):
    """Live this example: everything on record, as many days from today as from its own day."""
    dossier = example.dossier
    moved = life.today - TODAY
    life.kept = rule_id not in LATE
    if dossier.sex != "unknown":
        life.sex = dossier.sex
    age = TODAY.year - dossier.birth_date.year
    if (TODAY.month, TODAY.day) < (dossier.birth_date.month, dossier.birth_date.day):
        age -= 1
    life.turns(age, on=-100)
    for line in dossier.lines:
        life.order(_order(line, moved, life.today))
    for condition in dossier.conditions:
        life.conditions.append(
            ConditionRecord(
                text=condition.text,
                codings=tuple(Coding(system, code) for system, code in condition.codings),
                onset_on=_later(condition.onset_on, moved),
                kind=condition.kind,
            )
        )
    for reading in dossier.readings:
        text = reading.text
        if reading.kind == "next_review":
            text = _later(TODAY.fromisoformat(text), moved).isoformat()
        life.readings.append(
            ReadingRecord(
                kind=reading.kind, on=_later(reading.on, moved), value=reading.value, text=text
            )
        )
    for exemption in dossier.exemptions:
        life.exemptions.append(
            Exemption(
                id=0,
                kind=exemption.kind,
                starts_on=_later(exemption.starts_on, moved),
                expires_on=_later(exemption.expires_on, moved),
            )
        )
    for taper in dossier.tapers:
        life.tapers.append(_taper(taper, moved))


def _later(day, moved):
    return None if day is None else day + moved


def _order(line, moved, today):
    start, end = _later(line.start_on, moved), _later(line.end_on, moved)
    status = line.status
    last = end
    if start is not None and line.days_supply is not None and last is None:
        last = start + timedelta(days=line.days_supply - 1)
    if status == "active" and last is not None and last < today:
        status = "completed"
    text = words.sentence_case(line.medicine.text)
    own = tuple(Coding(system, code) for system, code in line.medicine.codings)
    return PrescriptionRecord(
        medicine=text,
        codings=own or CODED.get(text, ()),
        dose=line.dose,
        dose_unit=line.dose_unit,
        times_per_day=line.times_per_day,
        as_needed=line.as_needed,
        quantity=line.quantity,
        days_supply=line.days_supply,
        written_on=_later(line.written_on, moved),
        start_on=start,
        end_on=end,
        indication=line.indication,
        route=line.route or "",
        setting=line.setting,
        status=status,
        refill_number=line.refill_number,
        dispensed_on=_later(line.dispensed_on, moved),
        repeat_template=line.repeat_template,
        acquired=line.acquired,
        replacement_reason=line.replacement_reason,
        is_new_start=line.is_new_start,
        change_reason=line.change_reason,
        team=line.team,
        pharmacy=line.pharmacy,
        start_minute=line.start_minute,
        schedule=tuple(Step(per_day, days) for per_day, days in line.schedule),
    )


def _taper(taper, moved):
    return taper.__class__(
        id=taper.id,
        drug=taper.drug,
        status=taper.status,
        steps=tuple(step._replace(on=_later(step.on, moved)) for step in taper.steps),
        maintenance_agreed=taper.maintenance_agreed,
        last_contact_on=_later(taper.last_contact_on, moved),
    )


def medicines():
    """`(text, codings)` of every medicine that an example names."""
    return {
        (record.medicine, record.codings)
        for examples in EXAMPLES.values()
        for example in examples
        for line in example.dossier.lines
        for record in [_order(line, timedelta(0), TODAY)]
    }


def stories(told, make):
    """Two stories for each rule, made by `make(**fields of a Story)`."""
    for rule_id, profile, before, past in pairs(told):
        where = f"{rule_id} in {profile}"
        yield make(
            name=f"{where}: {before.why}",
            tell=partial(tell, example=before, rule_id=rule_id),
            profiles=(profile,),
            spares=frozenset({rule_id}),
        )
        yield make(
            name=f"{where}: {past.why}",
            tell=partial(tell, example=past, rule_id=rule_id),
            profiles=(profile,),
            raises={rule_id: past.claims[profile]},
        )

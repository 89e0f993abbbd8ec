"""People one by one: who they are, what they take, and which story, if any, is told of them.

Person `n` of a seed is the same whatever the size of the population, on the same day.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from reviews.records import ConditionRecord, PatientIdentifier, PatientRecord, ReadingRecord
from reviews.rules.dossier import Exemption, Taper
from reviews.seeding import names, numbers
from reviews.seeding.life import Life, Order
from reviews.seeding.medicines import EU, UK, US
from reviews.seeding.stories import QUIET, STORIES, TOLD_LATER, Story, tell
from reviews.seeding.surgeries import PRACTICES, DemoPractice

# One person in five has a story of their own, one in eight an ordinary use of a sedative or an
# opioid, and the others medicines that nobody flags.
STORY_EVERY = 5
QUIET_SHARE = 0.15

# Medicine, dose in mg, times a day, from what age, problem it is for.
LONG_TERM = (
    ("amlodipine-5", 5, 1, 40, "Essential hypertension"),
    ("ramipril-5", 5, 1, 40, "Essential hypertension"),
    ("lisinopril-10", 10, 1, 40, "Essential hypertension"),
    ("losartan-50", 50, 1, 40, "Essential hypertension"),
    ("bisoprolol-2.5", 2.5, 1, 55, "Ischaemic heart disease"),
    ("furosemide-40", 40, 1, 65, "Ischaemic heart disease"),
    ("hydrochlorothiazide-25", 25, 1, 45, "Essential hypertension"),
    ("atorvastatin-20", 20, 1, 45, "Hyperlipidaemia"),
    ("simvastatin-20", 20, 1, 45, "Hyperlipidaemia"),
    ("aspirin-75", 75, 1, 55, "Ischaemic heart disease"),
    ("clopidogrel-75", 75, 1, 55, "Ischaemic heart disease"),
    ("metformin-500", 500, 2, 40, "Type 2 diabetes mellitus"),
    ("levothyroxine-50", 0.05, 1, 25, "Hypothyroidism"),
    ("lansoprazole-30", 30, 1, 30, None),
    ("paracetamol-500", 1000, 3, 18, "Osteoarthritis"),
    ("sertraline-50", 50, 1, 18, "Depression"),
    ("folic-acid-5", 5, 1, 18, "Iron deficiency anaemia"),
    ("ferrous-sulfate-200", 200, 1, 18, "Iron deficiency anaemia"),
)
ONCE = (
    ("amoxicillin-500", 500, 3, 7),
    ("naproxen-250", 500, 2, 14),
    ("paracetamol-500", 1000, 4, 8),
)
# Each story in the first country it fits, those of every kind early on, and then in the others.
TURNS = sorted(
    ((told, profile) for told in STORIES for profile in told.profiles),
    key=lambda turn: (turn[0].profiles.index(turn[1]), STORIES.index(turn[0]) * 37 % len(STORIES)),
) + [(told, profile) for told in TOLD_LATER for profile in told.profiles]
REPEAT_DAYS = {UK: 28, EU: 28, US: 30}


NOTES = (
    "Lives alone; a neighbour fetches the medicines.",
    "Hard of hearing: write, or ring and speak slowly.",
    "Daughter helps with the medicines on Mondays and likes to be told of changes.",
    "Works nights and sleeps until two in the afternoon.",
    "Reads large print only.",
    "Wife died in the summer. Sleeps badly since, and says so openly.",
    "Was on a taper years ago that went too fast; wants small steps.",
    "Prefers to come in person, with the tablets that are left.",
)


@dataclass(frozen=True, slots=True)
class Person:
    """One invented patient with everything on record. `story` never leaves the generator."""

    practice: str
    record: PatientRecord
    orders: list[Order]
    conditions: list[ConditionRecord]
    readings: list[ReadingRecord]
    exemptions: list[Exemption]
    tapers: list[Taper]
    doctor: float
    registered_on_offset: int
    story: Story | None
    note: str


def people(count: int, *, seed: int, today: date, first: int = 0) -> Iterator[Person]:
    """Yield persons `first` to `first + count - 1`."""
    for n in range(first, first + count):
        yield person(n, seed=seed, today=today)


def person(n: int, *, seed: int, today: date) -> Person:
    rng = random.Random(f"{seed}/{n}")
    told, practice = _story_and_practice(n, rng)
    low, high = told.ages if told else _ages(rng)
    age_days = int(rng.uniform(low, high) * 365.25) + 1
    sex = rng.choices(("female", "male", "other"), (52, 47, 1))[0]
    life = Life(
        rng,
        profile=practice.profile,
        today=today,
        birth_date=today - timedelta(days=age_days),
        sex=sex,
    )
    if told:
        tell(life, told)
        _ordinary(life, most=3)
    else:
        _ordinary(life, most=6)
    family, given = names.full_name(rng, sex=life.sex, born=life.birth_date)
    return Person(
        practice=practice.code,
        record=PatientRecord(
            identifiers=(_identifier(practice, n),),
            family_name=family,
            given_name=given,
            birth_date=life.birth_date,
            sex=life.sex,
            deceased_on=life.deceased_on,
        ),
        orders=life.orders,
        conditions=life.conditions,
        readings=life.readings,
        exemptions=life.exemptions,
        tapers=life.tapers,
        doctor=rng.random(),
        registered_on_offset=-rng.randint(800, 5000),
        story=told,
        note=_note(n, seed) if told else "",
    )


def _note(n: int, seed: int) -> str:
    """What a colleague noted on one in three; drawn apart, so that it changes nothing else."""
    rng = random.Random(f"{seed}/{n}/note")
    return rng.choice(NOTES) if rng.random() < 1 / 3 else ""


def _story_and_practice(n: int, rng: random.Random) -> tuple[Story | None, DemoPractice]:
    """Stories in turn, so that two thousand people hold them all, in each country they fit."""
    turn, rest = divmod(n, STORY_EVERY)
    if rest == STORY_EVERY // 2:
        told, profile = TURNS[turn % len(TURNS)]
        return told, next(p for p in PRACTICES if p.profile == profile)
    practice = rng.choices(PRACTICES, [p.share for p in PRACTICES])[0]
    if rng.random() < QUIET_SHARE:
        told = rng.choice(QUIET)
        if practice.profile in told.profiles:
            return told, practice
    return None, practice


def _ages(rng: random.Random) -> tuple[int, int]:
    return rng.choices(((18, 40), (40, 65), (65, 80), (80, 96)), (28, 38, 24, 10))[0]


def _ordinary(life: Life, most: int) -> None:
    """Long-term medicines for the person's age, month by month, and now and then a short course."""
    rng = life.rng
    age = (life.today - life.birth_date).days / 365.25
    suited = [row for row in LONG_TERM if row[3] <= age]
    wanted = min(most, round(rng.triangular(0, most + 0.4, most * min(age, 90) / 110)))
    problems = {condition.text for condition in life.conditions}
    month = REPEAT_DAYS[life.profile]
    for key, mg, times, _, problem in rng.sample(suited, min(wanted, len(suited))):
        if problem and problem not in problems:
            problems.add(problem)
            life.has(problem)
        days = month * rng.choice((1, 1, 2))
        supply = "days" if rng.random() < 0.6 else "quantity"
        day = rng.randint(1 - days, 0) - days * rng.randint(1, 4)
        while day <= 0:
            life.issue(
                key, mg=mg, times=times, day=day, days=days, indication="other", supply=supply
            )
            day += days + (rng.randint(-4, 5) if rng.random() < 0.3 else 0)
    if rng.random() < 0.45:
        key, mg, times, days = rng.choice(ONCE)
        life.issue(key, mg=mg, times=times, day=-rng.randint(5, 300), days=days, indication="other")


def _identifier(practice: DemoPractice, n: int) -> PatientIdentifier:
    # Beyond the test numbers, as with somebody who has no NHS number yet: the practice's own.
    if practice.profile == UK and n < numbers.MOST:
        return PatientIdentifier(system=numbers.NHS_NUMBER, value=numbers.nhs_number(n))
    return PatientIdentifier(
        system=practice.identifier_system, value=f"{practice.identifier_prefix}{n:07d}"
    )

"""Every story screened by the real rules with the real formulary, on both sides of the boundary."""

import random
from datetime import date, timedelta

import pytest

from reviews import dossiers, rulebooks
from reviews.rules.dossier import Condition, Dossier, Reading
from reviews.rules.registry import RULES
from reviews.rules.screen import screen
from reviews.seeding import population
from reviews.seeding.life import Life
from reviews.seeding.stories import STORIES, TOLD_LATER, tell

# An ordinary day, the leap day, the day after it, and a New Year's Day.
DAYS = (date(2026, 11, 22), date(2028, 2, 29), date(2028, 3, 1), date(2027, 1, 1))
CASES = [
    pytest.param(story, profile, id=f"{story.name} [{profile}]")
    for story in (*STORIES, *TOLD_LATER)
    for profile in story.profiles
]


def told(story, profile, *, today, seed):
    low, high = story.ages
    rng = random.Random(f"{seed}/{story.name}")
    life = Life(
        rng,
        profile=profile,
        today=today,
        birth_date=today - timedelta(days=int(rng.uniform(low, high) * 365.25)),
        sex="female",
    )
    tell(life, story)
    return life


def dossier(life):
    return Dossier(
        patient_id=1,
        as_of=life.today,
        profile=life.profile,
        birth_date=life.birth_date,
        sex=life.sex,
        deceased_on=life.deceased_on,
        lines=tuple(
            dossiers.line(order.record, line_id=n) for n, order in enumerate(life.orders, 1)
        ),
        conditions=tuple(
            Condition(
                id=n,
                codings=tuple((coding.system, coding.code) for coding in condition.codings),
                text=condition.text,
                onset_on=condition.onset_on,
                ended_on=condition.ended_on,
                kind=condition.kind,
            )
            for n, condition in enumerate(life.conditions, 1)
        ),
        readings=tuple(
            Reading(
                id=n,
                kind=reading.kind,
                value=reading.value,
                unit=reading.unit,
                on=reading.on,
                text=reading.text,
            )
            for n, reading in enumerate(life.readings, 1)
        ),
        exemptions=tuple(life.exemptions),
        tapers=tuple(life.tapers),
    )


def heard(screening):
    """The findings that reach somebody: `{rule: severity}` without notes."""
    return {
        finding.rule_id: int(finding.severity)
        for finding in screening.findings
        if finding.severity < 4
    }


@pytest.mark.parametrize(("story", "profile"), CASES)
def test_a_story_raises_what_it_says_and_no_more(story, profile, rulebook):
    _, book = rulebooks.live()
    for today in DAYS:
        for seed in range(4):
            life = told(story, profile, today=today, seed=seed)
            screening = screen(dossier(life), book)
            found = heard(screening)
            notes = {finding.rule_id: 4 for finding in screening.findings} | found
            assert story.raises.items() <= notes.items(), (today, seed, found)
            assert not story.spares & found.keys(), (today, seed, found)
            assert not (story.quiet and found), (today, seed, found)


def test_every_rule_has_stories_on_both_sides():
    raised = {rule for story in (*STORIES, *TOLD_LATER) for rule in story.raises}
    spared = {rule for story in (*STORIES, *TOLD_LATER) for rule in story.spares}
    assert raised == spared == {rule.id for rule in RULES}


def test_nobody_without_a_story_is_flagged(rulebook):
    _, book = rulebooks.live()
    profiles = {place.code: place.profile for place in population.PRACTICES}
    for person in population.people(600, seed=20, today=DAYS[0]):
        if person.story is None:
            life = Life(
                random.Random(0),
                profile=profiles[person.practice],
                today=DAYS[0],
                birth_date=person.record.birth_date,
                sex=person.record.sex,
            )
            life.orders, life.conditions = person.orders, person.conditions
            assert heard(screen(dossier(life), book)) == {}

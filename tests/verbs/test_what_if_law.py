"""A law: for any draft over any population, what was predicted is what publishing then does.

Half of them over a live profile of a country, which says some things itself, and a practice of it.

The suite tries a few. Two hundred, in ten minutes of two cores:

    WHAT_IF_DRAFTS=200 ./dev test tests/verbs/test_what_if_law.py -q -n 2
"""

import contextlib
import os
from random import Random

import pytest

from reviews import governing, jobs, what_ifs
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import Case, Outcome, Reason
from reviews.rules.bounds import bounds, fields_of
from reviews.rules.changing import PROFILE, own_facts
from reviews.rules.parameters import EXPOSURE
from reviews.rules.profiles import base_of
from reviews.rules.registry import RULES
from reviews.verbs import govern, practices, publish, screen, what_if
from tests import make
from tests.verbs.test_govern import grounds
from tests.verbs.test_profiles import add
from tests.verbs.test_what_if import Killed, decided, predicted_is_done

DRAFTS = int(os.environ.get("WHAT_IF_DRAFTS", "4"))
MEDICINES = (
    "Diazepam 5 mg tablets",
    "Temazepam 10 mg tablets",
    "Zopiclone 7.5 mg tablets",
    "Lorazepam 1 mg tablets",
    "Clonazepam 0.5 mg tablets",
    "Morphine 10 mg tablets",
    "Pregabalin 75 mg capsules",
    "Mirtazapine 15 mg tablets",
    "Amlodipine 5 mg tablets",
    "Somnolux forte",
)
INDICATIONS = ("anxiety", "insomnia", "other", "seizure_rescue")
ANSWERS = (
    (Outcome.TAPER, Reason.AGREED_WITH_PATIENT),
    (Outcome.REVIEW, Reason.LOOKED_AT),
    (Outcome.NOT_RELEVANT, Reason.NOT_APPLICABLE),
    (Outcome.DATA_WRONG, Reason.QUANTITY_WRONG),
)


def populate(random, places, clara, ravi):
    """A few people of two practices with random medicines; some of their cases are decided."""
    for _ in range(random.randint(5, 9)):
        age = random.choice([None, 15, 30, 45, 64, 66, 76, 90])
        place = random.choice(places)
        treated = make.patient(place, clara, age=age, sex=random.choice(["male", "female"]))
        for _ in range(random.randint(1, 4)):
            days = random.choice([None, 5, 14, 28, 30, 60])
            make.prescription(
                treated,
                clara,
                random.choice(MEDICINES),
                start=-random.randint(0, 150),
                days=days,
                dose=random.randint(1, 3),
                indication=random.choice(INDICATIONS),
            )
    screen.drain()
    for case in Case.objects.open().order_by("pk"):
        if case.severity > 1 and random.random() < 0.4:
            decided(case, ravi, *random.choice(ANSWERS))
    screen.drain()


def edit(random, draft, places, by):
    """Try to add a random edit to a draft; many are refused, and that is no harm."""
    place = random.choice([None, None, *places])
    held = governing.held_in(draft)
    profile = place.profile if place else random.choice(["UK", "US", *held, *held])
    own = [fact for fact in own_facts(draft.base.book, profile) if fact.rule_id != PROFILE]
    if own and not place and random.random() < 0.3:
        fact, after = random.choice(own), None
        rule_id, field = fact.rule_id, fact.field
    else:
        rule_id = random.choice([EXPOSURE, *(rule.id for rule in RULES)])
        fields = fields_of(rule_id, base_of(held, profile))
        if not fields:
            return
        field = random.choice(fields)
        after = value(random, bounds(rule_id, field, base_of(held, profile)))
    scope = {"practice": place} if place else {"profile": profile}
    with contextlib.suppress(BadRecord, Stale):
        govern.change(
            draft=draft,
            rule_id=rule_id,
            field=field,
            after=after,
            grounds=grounds(),
            by=by,
            **scope,
        )


def value(random, allowed):
    """A random value within bounds."""
    if allowed.choices:
        return random.choice(list(allowed.choices))
    if allowed.is_whole:
        return random.randint(int(allowed.low), int(allowed.high))
    return round(random.uniform(allowed.low, allowed.high), 2)


def frozen_draft(random, places, by, adds=""):
    """A frozen draft of random edits that contradict nothing; `adds` is the code of a profile."""
    while True:
        draft = govern.begin(title="At random", by=by)
        if adds:
            parent = random.choice(["UK", "US", *governing.held_in(draft)])
            add(draft, by, adds, name=adds, parent=parent)
        for _ in range(random.randint(1, 25)):
            edit(random, draft, places, by)
        try:
            return publish.freeze(draft=draft, note="", by=by)
        except IllegalMove:
            govern.put_away(draft=draft, reason="It contradicts itself", by=by)


@pytest.mark.parametrize("seed", range(DRAFTS))
def test_what_is_predicted_is_done(
    harbour, lakeside, clara, ravi, ada, adam, maeve, seed, monkeypatch
):
    random = Random(seed)
    places, adds = [harbour, lakeside], ""
    if seed // 2 % 2:
        first = make.tried(frozen_draft(random, places, ada, adds="IE"))
        publish.publish(version=first, agreement="Read it.", by=adam)
        quay = practices.set_up(code="quay", name="Liffey Quay", profile="IE", by=maeve)
        places, adds = [*places, quay, quay], random.choice(["", "NORTH"])
    for place in places[1:]:
        for by, role in ((clara, "clinician"), (ravi, "reviewer")):
            make.person(by.username, place, role)
    populate(random, places, clara, ravi)
    version = frozen_draft(random, places, ada, adds)
    if seed % 2:
        kill_once(random, version, ada, monkeypatch)
    found = predicted_is_done(version, adam)
    assert found.failed == 0
    assert sum(each.flags for each in found.counts.all()) == found.effects.count()


def kill_once(random, version, by, monkeypatch):
    """Begin the what-if, and kill its worker in the middle of a later slice."""
    monkeypatch.setattr(what_if, "BATCH", 1)
    asked = what_if.ask(version=version, by=by)
    for _ in range(random.randint(0, 2)):
        work(seconds=0)
    kept = asked.effects.count()
    honest, left = what_if._keep, [random.randint(1, 3)]

    def keep(*given):
        honest(*given)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(what_if, "_keep", keep)
    try:
        work(seconds=600)
    except Killed:
        assert asked.effects.count() == kept
    monkeypatch.setattr(what_if, "_keep", honest)


def work(seconds):
    jobs.work({what_ifs.KIND: what_if.work}, seconds=seconds)

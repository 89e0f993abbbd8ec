"""A law: for any draft over any population, what was predicted is what publishing then does.

The suite tries a few. Two hundred, in ten minutes of two cores:

    WHAT_IF_DRAFTS=200 ./dev test tests/verbs/test_what_if_law.py -q -n 2
"""

import contextlib
import os
from random import Random

import pytest

from reviews import jobs, what_ifs
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import Case, Outcome, Reason
from reviews.rules.bounds import bounds, fields_of
from reviews.rules.parameters import EXPOSURE
from reviews.rules.registry import RULES
from reviews.verbs import govern, publish, screen, what_if
from tests import make
from tests.verbs.test_govern import grounds
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
    rule_id = random.choice([EXPOSURE, *(rule.id for rule in RULES)])
    place = random.choice([None, None, *places])
    profile = place.profile if place else random.choice(["UK", "US"])
    fields = fields_of(rule_id, profile)
    if not fields:
        return
    field = random.choice(fields)
    allowed = bounds(rule_id, field, profile)
    if allowed.choices:
        after = random.choice(list(allowed.choices))
    elif allowed.is_whole:
        after = random.randint(int(allowed.low), int(allowed.high))
    else:
        after = round(random.uniform(allowed.low, allowed.high), 2)
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


def frozen_draft(random, places, by):
    """A frozen draft of random edits that contradict nothing."""
    while True:
        draft = govern.begin(title="At random", by=by)
        for _ in range(random.randint(1, 25)):
            edit(random, draft, places, by)
        try:
            return publish.freeze(draft=draft, note="", by=by)
        except IllegalMove:
            govern.put_away(draft=draft, reason="It contradicts itself", by=by)


@pytest.mark.parametrize("seed", range(DRAFTS))
def test_what_is_predicted_is_done(harbour, lakeside, clara, ravi, ada, adam, seed, monkeypatch):
    random = Random(seed)
    for by, role in ((clara, "clinician"), (ravi, "reviewer")):
        make.person(by.username, lakeside, role)
    places = [harbour, lakeside]
    populate(random, places, clara, ravi)
    version = frozen_draft(random, places, ada)
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

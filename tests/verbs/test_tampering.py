"""Whatever is done to sealed rows, with every right and no trigger, is found and named.

`.ci/tamper.py` asks the same of as many as one likes, with a seed of one's own.
"""

import os
import random

import pytest
from django.db import transaction

from reviews import sealing, verifying
from reviews.conclusions import FlagOutcome
from reviews.models import Flag, Outcome, Reason
from reviews.verbs import caseload, decide, publish
from tests import make, tampering
from tests.tampering import Expected, Tampering
from tests.verbs.test_publish import lower_diazepam

SEED = int(os.environ.get("TAMPER_SEED", "1"))
TIMES = int(os.environ.get("TAMPER_TIMES", "40"))


def settled(case, by, outcome=Outcome.TAPER, reason=Reason.AGREED_WITH_PATIENT):
    flags = Flag.objects.open().filter(case=case)
    outcomes = [FlagOutcome(flag.pk, outcome, reason) for flag in flags]
    return decide.decide(case=case, outcomes=outcomes, by=by, seen=case.lock, note="Agreed today")


@pytest.fixture
def sealed(harbour, clara, ravi, samira, ada, adam):
    """A practice at work, sealed now and then: some two hundred events under several heads."""
    sealing.seal_all()
    for round_ in range(3):
        for n in range(3):
            case = make.flagged_case(harbour, logged_by=clara, age=40 + n)
            if n:
                settled(case, ravi)
            if n == 2:
                case.refresh_from_db()
                decide.undo(case=case, reason="The wrong patient", by=ravi, seen=case.lock)
        urgent = make.urgent_case(harbour, logged_by=clara)
        settled(urgent, ravi, Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS)
        urgent.refresh_from_db()
        if round_ % 2:
            decide.confirm(case=urgent, by=samira, seen=urgent.lock)
        else:
            decide.send_back(case=urgent, reason="Too long", by=samira, seen=urgent.lock)
        sealing.seal_all()
    lower_diazepam(ada)
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    case = make.flagged_case(harbour, logged_by=clara, age=61)
    caseload.claim(case=case, by=ravi, seen=case.lock)
    return sealing.seal_all()


def found(tamper, seed):
    """What a verification says first of one way, which is then taken back."""
    point = transaction.savepoint()
    try:
        way = Tampering(random.Random(seed))
        expected = tamper(way)
        return way.did, expected, verifying.verify().first
    finally:
        transaction.savepoint_rollback(point)


def fits(first, expected):
    """Whether the first thing that is named is the first that was changed."""
    if first is None:
        return False
    if expected.kind and (first.kind, first.row_id) != (expected.kind, expected.row_id):
        return False
    return expected.position is None or first.position == expected.position


def test_each_way_is_found_and_the_first_wrong_row_named(sealed):
    untouched = verifying.verify()
    assert (untouched.found, untouched.size) == ([], sealed.size)
    assert untouched.heads >= 5
    unfound = []
    for way in tampering.WAYS:
        did, expected, first = found(lambda now, way=way: now.do(way), SEED)
        if not fits(first, expected):
            unfound.append((did, expected, first))
    assert unfound == []
    # A verification that always complains would pass what stands above.
    assert found(lambda _: Expected(), SEED)[2] is None


def test_random_ones_are_found_every_time(sealed):
    unfound = []
    for number in range(SEED, SEED + TIMES):
        did, expected, first = found(Tampering.once, number)
        if not fits(first, expected):
            unfound.append((number, did, expected, first))
    assert unfound == []
    assert verifying.verify().first is None

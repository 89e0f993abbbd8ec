"""The table of events: every event is in it, holds what it says, and is written by somebody."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import timezone

from reviews import audit
from reviews.audit import EVENTS, Event
from reviews.models import AuditEvent, CaseMove, Move
from reviews.verbs import caseload
from tests import make

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "reviews" / "audit.py"


def sources():
    for folder in ("reviews", "drugs", "portal"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts and path != TABLE:
                yield path, ast.parse(path.read_text())


def test_no_event_is_named_outside_the_table():
    literals = [
        (path.name, node.value)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in EVENTS
    ]
    assert literals == []


def test_every_event_is_written_by_somebody():
    named = {
        node.attr
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Event"
    }
    assert named == {event.name for event in Event}


def test_every_event_has_words_and_says_what_it_holds():
    assert len(EVENTS) == len(Event)
    for event in Event:
        assert event.words[0].isupper(), event
        assert not event.words.endswith("."), event
        assert all(meaning for meaning in event.detail.values()), event


def test_a_detail_that_the_table_does_not_name_is_refused(db):
    with pytest.raises(TypeError, match=r"digest\.sent holds no names"):
        audit.record(None, Event.DIGEST_SENT, lines=3, names=["Bell"])
    assert not AuditEvent.objects.filter(verb=Event.DIGEST_SENT.verb).exists()


# -- Moves of a case are rows of their own -----------------------------------------------------


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def moved(case):
    return [(row.move, row.by, row.reason) for row in case.moves.order_by("pk")]


def test_each_move_is_kept_with_who_and_why(case, ravi, samira):
    case = caseload.claim(case=case, by=ravi, seen=case.lock)
    case = caseload.hand_over(case=case, to=samira, reason="On leave", by=ravi, seen=case.lock)
    until = make.day(3)
    caseload.snooze(case=case, until=until, reason="Letter awaited", by=samira, seen=case.lock)
    assert moved(case) == [
        (Move.OPEN, None, ""),
        (Move.CLAIM, ravi, ""),
        (Move.HAND_OVER, ravi, "On leave"),
        (Move.SNOOZE, samira, "Letter awaited"),
    ]
    assert case.moves.get(move=Move.HAND_OVER).to == samira
    assert case.moves.get(move=Move.SNOOZE).until == until


def test_the_moves_of_an_older_edition_are_read_from_the_trail(case, ravi, samira):
    case = caseload.claim(case=case, by=ravi, seen=case.lock)
    case = caseload.hand_over(case=case, to=samira, reason="On leave", by=ravi, seen=case.lock)
    case = caseload.escalate(
        case=case, to="clinician", reason="Ask the prescriber", by=samira, seen=case.lock
    )
    case = caseload.claim(case=case, by=samira, seen=case.lock)
    caseload.snooze(case=case, until=make.day(3), reason="Awaited", by=samira, seen=case.lock)
    columns = ("case", "move", "by", "to", "to_role", "until", "reason")
    written = list(CaseMove.objects.order_by("pk").values_list(*columns))
    last = CaseMove.objects.latest("pk").pk
    migration = import_module("reviews.migrations.0015_case_moves")
    migration.moves_of_the_trail(apps, None)
    read = CaseMove.objects.filter(pk__gt=last).order_by("pk")
    assert list(read.values_list(*columns)) == written
    assert all(row.at <= timezone.now() for row in read)

"""The table of events: every event is in it, holds what it says, and is written by somebody."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from reviews import audit
from reviews.audit import EVENTS, Event
from reviews.conclusions import FlagOutcome
from reviews.models import AuditEvent, CaseMove, Flag, Move, Outcome, Reason
from reviews.verbs import caseload, decide
from tests import database, make

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "reviews" / "audit.py"
THINGS = "|".join(sorted({name.partition(".")[0] for name in EVENTS}))
LIKE_AN_EVENT = re.compile(rf"({THINGS})\.[a-z_]+")
NO_EVENTS = {"prescriptions.csv", "export.csv", "letter.typ"}


def sources():
    for folder in ("reviews", "drugs", "portal"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts and path != TABLE:
                yield path, ast.parse(path.read_text())


def names_an_event(node):
    """A text such as "case.claim", or one that is put together, as f"case.{move}" is."""
    if isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        return isinstance(first, ast.Constant) and re.match(rf"({THINGS})\.", first.value)
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and LIKE_AN_EVENT.fullmatch(text) and text not in NO_EVENTS


def test_no_event_is_named_outside_the_table():
    literals = [
        (path.name, ast.unparse(node))
        for path, tree in sources()
        for node in ast.walk(tree)
        if names_an_event(node)
    ]
    assert literals == []


def test_nor_in_a_template():
    quoted = re.compile(rf"[\"']({LIKE_AN_EVENT.pattern})[\"']")
    pages = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert pages
    assert [path.name for path in pages if quoted.search(path.read_text())] == []


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ('"case.claim"', True),
        ('"case.forgotten"', True),
        ('f"taper.{move}"', True),
        ('"case.claim or so"', False),
        ('f"{place}.synced"', False),
    ],
)
def test_what_counts_as_naming_one(source, named):
    assert bool(names_an_event(ast.parse(source, mode="eval").body)) == named


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


def test_nor_is_an_event_that_the_table_does_not_know(db):
    with pytest.raises(AttributeError):
        audit.record(None, "digest.posted", lines=3)
    assert not AuditEvent.objects.filter(verb="digest.posted").exists()


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


def test_a_claim_by_the_portal_and_a_snooze_without_a_day_are_refused(case, ravi):
    for wrong in (
        {"move": Move.CLAIM},
        {"move": Move.WAKE, "by": ravi},
        {"move": Move.SNOOZE, "by": ravi},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            CaseMove.objects.create(case=case, **wrong)


def test_a_move_is_never_edited(case):
    for change in (lambda: CaseMove.objects.update(reason="x"), CaseMove.objects.all().delete):
        with (
            database.as_owner(),
            pytest.raises(DatabaseError, match="Cannot update or delete"),
            transaction.atomic(),
        ):
            change()


@pytest.mark.django_db(transaction=True)
def test_many_events_are_kept_where_nobody_began_a_transaction(rulebook):
    before = AuditEvent.objects.count()
    audit.record_all(audit.entry(None, Event.DIGEST_SENT, lines=n) for n in range(3))
    assert AuditEvent.objects.count() == before + 3


def read_from_the_trail():
    """The moves that the migration reads from the trail as it stands."""
    last = CaseMove.objects.latest("pk").pk
    import_module("reviews.migrations.0015_case_moves").moves_of_the_trail(apps, None)
    return CaseMove.objects.filter(pk__gt=last).order_by("pk")


def test_a_move_by_somebody_who_is_gone_stays_in_the_trail(case):
    told = {"patient_id": case.patient_id, "subject": f"case {case.pk}", "detail": {}}
    AuditEvent.objects.create(actor_id=0, actor="Gus Gone", verb=Event.CASE_CLAIM.verb, **told)
    assert [move.move for move in read_from_the_trail()] == [Move.OPEN]


def test_what_was_sent_back_went_to_who_proposed_it(harbour, clara, ravi, samira):
    urgent = make.urgent_case(harbour, logged_by=clara)
    given = [
        FlagOutcome(flag.pk, Outcome.CONTINUE, Reason.SPECIALIST_ADVICE)
        for flag in Flag.objects.open().filter(case=urgent)
    ]
    waiting = decide.decide(case=urgent, outcomes=given, by=ravi, seen=urgent.lock).case
    decide.send_back(case=waiting, reason="Ask the clinic", by=samira, seen=waiting.lock)
    written = urgent.moves.get(move=Move.SEND_BACK)
    read = read_from_the_trail().get(move=Move.SEND_BACK)
    for back in (written, read):
        assert (back.by, back.to, back.reason) == (samira, ravi, "Ask the clinic")


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
    read = read_from_the_trail()
    assert list(read.values_list(*columns)) == written
    assert all(row.at <= timezone.now() for row in read)

"""Who is on a recall list, by the record alone.

Nothing here is ticked by hand, and nothing is kept that could grow old: whether a person still
waits follows each time from what is recorded of them, so that it does not matter in which order
things came to be known, and what was a mistake brings them back.

Two records of one person count as one as soon as they are merged: what is known of either is known
of both, and there is one letter for the two.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from reviews.models import Asked, RecallAnswer, RecallList, RecallPerson

Said = RecallAnswer.Answer


class State(StrEnum):
    """Where somebody of a list is; the order is that in which one is asked for before another."""

    EXCLUDED = "excluded"
    SAME = "same person"
    DIED = "died"
    MOVED = "moved"
    OPTED_OUT = "opted out"
    EXEMPT = "exempt"
    REVIEWED = "review recorded"
    TAPERED = "taper begun"
    DECLINED = "declined"
    CAME_BACK = "letter came back"
    ANSWERED = "answered"
    WRITTEN = "written to"
    WAITING = "waiting"


LEFT = (State.DIED, State.MOVED, State.EXEMPT, State.REVIEWED, State.TAPERED)
"""They are off the list by themselves."""
OFF = (State.EXCLUDED, State.SAME, State.OPTED_OUT, State.DECLINED, *LEFT)
"""Nobody in one of these is written to."""
ANSWERS = (State.DECLINED, State.CAME_BACK, State.ANSWERED)
INVITES = 1
"""The round that invites; later ones remind."""
ONLY_FIRST = (State.CAME_BACK, State.ANSWERED)
"""On the list, but a reminder would be wrong."""


class Standing(NamedTuple):
    """Where one person of a list is, since when, and what else is on record of them.

    `root` is the id of whom they are by now; `letters` are the numbers of the rounds in which they
    were written to. `until` is the day on which an opt-out or a refusal ends.
    """

    person_id: int
    root: int
    state: State
    since: date | None
    until: date | None
    detail: str
    letters: tuple[int, ...]
    answered: str
    reviewed_on: date | None
    tapered_on: date | None

    @property
    def is_on(self) -> bool:
        """Still waiting for what was asked."""
        return self.state not in OFF

    def is_due(self, number: int) -> bool:
        """Whether a letter of this round goes to them: the first invites, later ones remind.

        Who comes back to the list after the others were written to is invited then.
        """
        if not self.is_on or number in self.letters:
            return False
        if number == INVITES:
            return not self.letters
        return bool(self.letters) and self.state not in ONLY_FIRST


# Small questions, each by an index, and put together here: one of them all was planned for a few
# people and took minutes for ten thousand.
ENTRIES = """
    SELECT rp.id, rp.patient_id, rp.excluded, rp.why FROM reviews_recallperson rp
    WHERE rp.recall_id = %(recall)s ORDER BY rp.id
"""
# Into whom records went, one step after the other.
CLIMB = """
    WITH RECURSIVE climb AS (
        SELECT id AS record, id AS at, merged_into_id AS went
        FROM reviews_patient WHERE id = ANY(%(ids)s)
        UNION ALL
        SELECT climb.record, p.id, p.merged_into_id
        FROM climb JOIN reviews_patient p ON p.id = climb.went
    )
    SELECT record, at FROM climb WHERE went IS NULL
"""
# All records that went into these, directly or not.
FALL = """
    WITH RECURSIVE fall AS (
        SELECT id AS root, id AS record FROM reviews_patient WHERE id = ANY(%(ids)s)
        UNION ALL
        SELECT fall.root, p.id FROM fall JOIN reviews_patient p ON p.merged_into_id = fall.record
    )
    SELECT root, record FROM fall
"""
DIED = """
    SELECT id, deceased_on FROM reviews_patient
    WHERE id = ANY(%(ids)s) AND (deceased OR deceased_on IS NOT NULL)
"""
# In the order in which the last row of a person counts.
REVIEWED = """
    SELECT patient_id, dated_on FROM reviews_reading
    WHERE patient_id = ANY(%(ids)s) AND superseded_at IS NULL AND kind = 'review'
        AND status <> 'entered-in-error' AND dated_on >= %(since)s ORDER BY dated_on, id
"""
CARED = """
    SELECT patient_id, text, dated_on FROM reviews_reading
    WHERE patient_id = ANY(%(ids)s) AND superseded_at IS NULL AND kind = 'care_status'
        AND status <> 'entered-in-error' AND dated_on <= %(today)s ORDER BY dated_on, id
"""
TAPERED = """
    SELECT t.patient_id, coalesce(
        (SELECT min(b.recorded_at) FROM reviews_taperversion b
            WHERE b.taper_id = t.id AND b.move = 'start'), v.recorded_at)
    FROM reviews_taper t JOIN reviews_taperversion v
        ON v.taper_id = t.id AND v.superseded_at IS NULL
    WHERE t.patient_id = ANY(%(ids)s) AND (v.status IN ('active', 'paused')
        OR v.status = 'completed' AND v.recorded_at >= %(since)s) ORDER BY t.id DESC
"""
OPTED = """
    SELECT patient_id, reason, until, at FROM reviews_optout
    WHERE patient_id = ANY(%(ids)s) AND ended_at IS NULL AND until >= %(today)s
    ORDER BY until, id
"""
EXEMPTED = """
    SELECT patient_id, kind, starts_on FROM reviews_exemption
    WHERE patient_id = ANY(%(ids)s) AND ended_at IS NULL AND order_ids = '{}'
        AND %(today)s BETWEEN starts_on AND expires_on ORDER BY id DESC
"""
ANSWERED = """
    SELECT a.person_id, a.answer, a.ask_again_on, a.at
    FROM reviews_recallanswer a JOIN reviews_recallperson rp ON rp.id = a.person_id
    WHERE rp.recall_id = %(recall)s ORDER BY a.id
"""
WRITTEN = """
    SELECT l.person_id, n.number, l.written_at FROM reviews_letter l
        JOIN reviews_recallround n ON n.id = l.round_id
    WHERE n.recall_id = %(recall)s ORDER BY n.number
"""
LOCKED = """
    SELECT id FROM reviews_patient WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE SKIP LOCKED
"""


def standings(recall: RecallList) -> dict[int, Standing]:
    """`{id of the person of the list: where they are}`, in a fixed number of queries."""
    with connection.cursor() as cursor:
        entries = [_Entry(*row) for row in _ask(cursor, ENTRIES, recall=recall.pk)]
    return _read(recall, entries)


def of_patients(patient_ids: Iterable[int], recall: RecallList) -> dict[int, Standing]:
    """`{patient's id: where they would be}` on a list that has nobody yet."""
    return _read(recall, [_Entry(pk, pk, "", "") for pk in patient_ids])


class _Entry(NamedTuple):
    """Somebody as they were put on a list."""

    person: int
    record: int
    excluded: str
    why: str


def _ask(cursor: CursorWrapper, question: str, **given: Any) -> list[tuple]:
    cursor.execute(question, given)
    return cursor.fetchall()


def _read(recall: RecallList, entries: list[_Entry]) -> dict[int, Standing]:
    today = timezone.localdate()
    with connection.cursor() as cursor:
        said = [entry.record for entry in entries]
        root_of = dict(_ask(cursor, CLIMB, ids=said))
        records = _ask(cursor, FALL, ids=sorted(set(root_of.values())))
        whose = {record: root for root, record in records}
        given = {"ids": list(whose), "since": recall.since, "today": today, "recall": recall.pk}
        died = dict(_ask(cursor, DIED, **given))
        # The last row of each person counts, whichever of their records it is of.
        reviewed, cared, tapered, opted, exempted = (
            {whose[record]: tuple(more) for record, *more in _ask(cursor, question, **given)}
            for question in (REVIEWED, CARED, TAPERED, OPTED, EXEMPTED)
        )
        root_of_person = {entry.person: root_of[entry.record] for entry in entries}
        answered: dict[int, tuple] = {}
        for person, *more in _ask(cursor, ANSWERED, **given):
            answered[root_of_person[person]] = tuple(more)
        written: dict[int, list[tuple[int, datetime]]] = {}
        for person, number, at in _ask(cursor, WRITTEN, **given):
            written.setdefault(root_of_person[person], []).append((number, at))
    # One entry of each person stands for them.
    first: dict[int, int] = {}
    out = set()
    for entry in entries:
        root = root_of_person[entry.person]
        if entry.excluded in ("", RecallPerson.Excluded.EXEMPT):
            first.setdefault(root, entry.person)
        if entry.excluded == RecallPerson.Excluded.EXEMPT:
            out.add(root)
    found = {}
    for entry in entries:
        root = root_of_person[entry.person]
        letters = written.get(root, [])
        care, care_on = cared.get(root, ("", None))
        opted_for, opted_until, opted_at = opted.get(root, (None, None, None))
        exempt, exempt_on = exempted.get(root, (None, None))
        answer, again, answered_at = answered.get(root, (None, None, None))
        row = _Row(
            person=entry.person,
            root=root,
            excluded=bool(entry.excluded) or root in out,
            why=entry.why,
            same=first.get(root, entry.person) != entry.person,
            died=root in died,
            died_on=died.get(root),
            moved=care == "moved",
            cared_on=care_on,
            opted=opted_for,
            opted_until=opted_until,
            opted_at=opted_at,
            exempt=exempt,
            exempt_on=exempt_on,
            reviewed_on=reviewed.get(root, (None,))[0],
            tapered_at=tapered.get(root, (None,))[0],
            answer=answer,
            ask_again_on=again,
            answered_at=answered_at,
            rounds=[number for number, _ in letters],
            written_at=max((at for _, at in letters), default=None),
        )
        found[entry.person] = _standing(recall, row, today)
    return found


def hold(roots: Iterable[int]) -> set[int]:
    """Of these people, those whose record nobody is changing now; nobody changes it until we end.

    Whoever is being changed is left out, not waited for, so that nobody waits for us in a circle.
    """
    with connection.cursor() as cursor:
        records: dict[int, set[int]] = {}
        for root, record in _ask(cursor, FALL, ids=list(roots)):
            records.setdefault(root, set()).add(record)
        wanted = sorted(set().union(*records.values()))
        held = {pk for (pk,) in _ask(cursor, LOCKED, ids=wanted)}
        # Somebody may have been merged into one of them before they were held.
        now: dict[int, set[int]] = {}
        for root, record in _ask(cursor, FALL, ids=list(records)):
            now.setdefault(root, set()).add(record)
    return {root for root, mine in now.items() if mine <= held}


class _Row(NamedTuple):
    """What is on record of one person of a list."""

    person: int
    root: int
    excluded: bool
    why: str
    same: bool
    died: bool
    died_on: date | None
    moved: bool
    cared_on: date | None
    opted: str | None
    opted_until: date | None
    opted_at: datetime | None
    exempt: str | None
    exempt_on: date | None
    reviewed_on: date | None
    tapered_at: datetime | None
    answer: str | None
    ask_again_on: date | None
    answered_at: datetime | None
    rounds: list[int]
    written_at: datetime | None


def _standing(recall: RecallList, row: _Row, today: date) -> Standing:
    tapered_on = _day(row.tapered_at)
    asks = {
        State.REVIEWED: recall.asked in (Asked.REVIEW, Asked.EITHER),
        State.TAPERED: recall.asked in (Asked.TAPER, Asked.EITHER),
    }
    declined = row.answer == Said.DECLINED
    again = row.ask_again_on
    holds = {
        State.EXCLUDED: (row.excluded, None, None, row.why),
        State.SAME: (row.same, None, None, ""),
        State.DIED: (row.died, row.died_on, None, ""),
        State.MOVED: (row.moved, row.cared_on, None, ""),
        State.OPTED_OUT: (row.opted, _day(row.opted_at), row.opted_until, row.opted or ""),
        State.EXEMPT: (row.exempt, row.exempt_on, None, row.exempt or ""),
        State.REVIEWED: (asks[State.REVIEWED] and row.reviewed_on, row.reviewed_on, None, ""),
        State.TAPERED: (asks[State.TAPERED] and tapered_on, tapered_on, None, ""),
        State.DECLINED: (declined and again and again > today, _day(row.answered_at), again, ""),
        State.CAME_BACK: (row.answer == Said.CAME_BACK, _day(row.answered_at), None, ""),
        State.ANSWERED: (row.answer == Said.TALK, _day(row.answered_at), None, ""),
        State.WRITTEN: (row.rounds, _day(row.written_at), None, ""),
        State.WAITING: (True, None, None, ""),
    }
    state, (_, since, until, detail) = next((s, held) for s, held in holds.items() if held[0])
    return Standing(
        person_id=row.person,
        root=row.root,
        state=state,
        since=since,
        until=until,
        detail=detail,
        letters=tuple(row.rounds),
        answered=row.answer or "",
        reviewed_on=row.reviewed_on,
        tapered_on=tapered_on,
    )


def _day(at: datetime | None) -> date | None:
    return timezone.localdate(at) if at else None

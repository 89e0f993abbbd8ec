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
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from reviews.models import Asked, RecallAnswer, RecallList

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


# All records of one person: the one that stays and those that went into it, directly or not.
ROOTS = """
    WITH RECURSIVE entries AS (
        SELECT * FROM reviews_recallperson WHERE recall_id = %(recall)s
    ),
    said (person, patient_id) AS (
        SELECT id, patient_id FROM entries
        UNION ALL
        SELECT given, given FROM unnest(%(patients)s::bigint[]) given
    ),
    climb AS (
        SELECT said.person, p.id AS at, p.merged_into_id AS went
        FROM said JOIN reviews_patient p ON p.id = said.patient_id
        UNION ALL
        SELECT climb.person, p.id, p.merged_into_id
        FROM climb JOIN reviews_patient p ON p.id = climb.went
    ),
    roots AS (SELECT person, at AS root FROM climb WHERE went IS NULL),
    records AS (
        SELECT DISTINCT root, root AS record FROM roots
        UNION
        SELECT records.root, p.id FROM records JOIN reviews_patient p
            ON p.merged_into_id = records.record
    )
"""
STANDING = f"""
    {ROOTS},
    reviewed AS (
        SELECT r.root, max(f.dated_on) AS on_day FROM records r JOIN reviews_reading f
            ON f.patient_id = r.record AND f.superseded_at IS NULL
        WHERE f.kind = 'review' AND f.status <> 'entered-in-error' AND f.dated_on >= %(since)s
        GROUP BY 1
    ),
    cared AS (
        SELECT DISTINCT ON (r.root) r.root, f.text, f.dated_on
        FROM records r JOIN reviews_reading f
            ON f.patient_id = r.record AND f.superseded_at IS NULL
        WHERE f.kind = 'care_status' AND f.status <> 'entered-in-error'
            AND f.dated_on <= %(today)s
        ORDER BY r.root, f.dated_on DESC, f.id DESC
    ),
    tapered AS (
        SELECT r.root, min(coalesce(begun.recorded_at, v.recorded_at)) AS at
        FROM records r JOIN reviews_taper t ON t.patient_id = r.record
            JOIN reviews_taperversion v ON v.taper_id = t.id AND v.superseded_at IS NULL
            LEFT JOIN reviews_taperversion begun ON begun.taper_id = t.id AND begun.move = 'start'
        WHERE v.status IN ('active', 'paused')
            OR v.status = 'completed' AND v.recorded_at >= %(since)s
        GROUP BY 1
    ),
    opted AS (
        SELECT DISTINCT ON (r.root) r.root, o.until, o.reason, o.at
        FROM records r JOIN reviews_optout o ON o.patient_id = r.record
        WHERE o.ended_at IS NULL AND o.until >= %(today)s
        ORDER BY r.root, o.until DESC, o.id DESC
    ),
    exempted AS (
        SELECT DISTINCT ON (r.root) r.root, e.kind, e.starts_on
        FROM records r JOIN reviews_exemption e ON e.patient_id = r.record
        WHERE e.ended_at IS NULL AND e.order_ids = '{{}}'
            AND %(today)s BETWEEN e.starts_on AND e.expires_on
        ORDER BY r.root, e.id
    ),
    answered AS (
        SELECT DISTINCT ON (g.root) g.root, a.answer, a.ask_again_on, a.at
        FROM roots g JOIN entries ON entries.id = g.person
            JOIN reviews_recallanswer a ON a.person_id = entries.id
        ORDER BY g.root, a.id DESC
    ),
    written AS (
        SELECT g.root, array_agg(n.number ORDER BY n.number) AS rounds, max(l.written_at) AS at
        FROM roots g JOIN entries ON entries.id = g.person
            JOIN reviews_letter l ON l.person_id = entries.id
            JOIN reviews_recallround n ON n.id = l.round_id
        GROUP BY 1
    ),
    -- One entry of each person stands for them.
    first AS (
        SELECT g.root, min(g.person) AS person, bool_or(rp.excluded = 'exempt') AS out
        FROM roots g JOIN entries rp ON rp.id = g.person
        WHERE rp.excluded IN ('', 'exempt') GROUP BY 1
    )
    SELECT g.person, g.root, coalesce(rp.excluded <> '' OR first.out, false), coalesce(rp.why, ''),
        coalesce(first.person <> g.person, false),
        p.deceased OR p.deceased_on IS NOT NULL, p.deceased_on,
        cared.text = 'moved', cared.dated_on,
        opted.reason, opted.until, opted.at,
        exempted.kind, exempted.starts_on,
        reviewed.on_day, tapered.at,
        answered.answer, answered.ask_again_on, answered.at,
        coalesce(written.rounds, '{{}}'), written.at
    FROM roots g
        LEFT JOIN entries rp ON rp.id = g.person
        JOIN reviews_patient p ON p.id = g.root
        LEFT JOIN reviewed USING (root) LEFT JOIN cared USING (root)
        LEFT JOIN tapered USING (root) LEFT JOIN opted USING (root)
        LEFT JOIN exempted USING (root) LEFT JOIN answered USING (root)
        LEFT JOIN written USING (root) LEFT JOIN first USING (root)
    ORDER BY g.person
"""
LOCKED = f"""
    {ROOTS}
    SELECT p.id FROM reviews_patient p WHERE p.id IN (
        SELECT record FROM records WHERE root = ANY(%(roots)s)
    ) ORDER BY p.id FOR UPDATE SKIP LOCKED
"""
RECORDS = f"{ROOTS} SELECT root, record FROM records WHERE root = ANY(%(roots)s)"


def standings(recall: RecallList) -> dict[int, Standing]:
    """`{id of the person of the list: where they are}`, in one query."""
    return _read(recall, [])


def of_patients(patient_ids: Iterable[int], recall: RecallList) -> dict[int, Standing]:
    """`{patient's id: where they would be}` on a list that has nobody yet."""
    return _read(recall, list(patient_ids))


def _read(recall: RecallList, patient_ids: list[int]) -> dict[int, Standing]:
    given = {
        "recall": recall.pk,
        "patients": patient_ids,
        "since": recall.since,
        "today": timezone.localdate(),
    }
    with connection.cursor() as cursor:
        cursor.execute(STANDING, given)
        rows = [_Row(*row) for row in cursor.fetchall()]
    return {row.person: _standing(recall, row, given["today"]) for row in rows}


def hold(recall: RecallList, roots: Iterable[int]) -> set[int]:
    """Of these people, those whose record nobody is changing now; nobody changes it until we end.

    Whoever is being changed is left out, not waited for, so that nobody waits for us in a circle.
    """
    given = {"recall": recall.pk, "patients": [], "roots": list(roots)}
    with connection.cursor() as cursor:
        cursor.execute(LOCKED, given)
        held = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(RECORDS, given)
        records: dict[int, set[int]] = {}
        for root, record in cursor.fetchall():
            records.setdefault(root, set()).add(record)
    return {root for root, mine in records.items() if mine <= held}


class _Row(NamedTuple):
    """What STANDING says of one person of a list."""

    person: int
    root: int
    excluded: bool
    why: str
    same: bool
    died: bool
    died_on: date | None
    moved: bool | None
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

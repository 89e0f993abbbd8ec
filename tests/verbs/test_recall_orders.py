"""Whatever happens in whatever order: nobody left out gets a letter, and nobody falls off a list.

Thousands of people live through random events in random order, while letters are being made. What
the portal then holds is compared with a model of a few lines that knows only what happened.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from django.db import connection
from django.utils import timezone

from reviews import jobs, people, recalls
from reviews.models import (
    Letter,
    LetterText,
    OptOut,
    Patient,
    Practice,
    Reading,
    RecallPerson,
)
from reviews.recalls import State
from reviews.verbs import recall
from tests import make
from tests.verbs.test_recall import make_list

ORDERS = int(os.environ.get("RECALL_ORDERS", "1000"))
"""How many people, each with an order of events of their own; 10,000 take some minutes."""
WAVES = 7
EVENTS = (
    *("death", "alive", "move", "return", "opt-out", "end opt-out", "review", "review in error"),
    *("merge", "unmerge", "nothing"),
)


@dataclass
class Life:
    """What has happened to one record."""

    pk: int
    died: bool = False
    moved: tuple[int, bool] = (0, False)
    reviewed: bool = False
    opted_out: bool = False
    into: "Life | None" = None
    parts: list["Life"] = field(default_factory=list)
    twin: "Life | None" = None
    letters: int = 0

    @property
    def root(self):
        return self.into or self

    @property
    def whole(self):
        """All records of this person."""
        return [self.root, *self.root.parts]

    @property
    def is_out(self):
        return (
            self.root.died
            or max(part.moved for part in self.whole)[1]
            or any(part.reviewed or part.opted_out for part in self.whole)
        )


@pytest.fixture
def listed(harbour, clara, ravi, monkeypatch):
    """A list of ORDERS people, of whom every second one may turn out to be the one before."""
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    harbour.refresh_from_db()
    first = make.patient(harbour, clara)
    make.prescription(first, clara, start=-40, days=45)
    made = make_list(harbour, [first], ravi)
    batch = people.People([])
    for number in range(ORDERS):
        now = ("Gray", f"Person {number}", None, "female", None, False)
        person = people.Person(harbour.pk, None, None, now)
        batch.all[number] = person
    batch.write(ravi)
    lives = [
        Life(pk)
        for pk in Patient.objects.exclude(pk=first.pk).order_by("pk").values_list("pk", flat=True)
    ]
    RecallPerson.objects.bulk_create(
        RecallPerson(recall=made, practice=harbour, patient_id=life.pk) for life in lives
    )
    for one, other in zip(lives[::2], lives[1::2], strict=True):
        one.twin, other.twin = other, one
    # Whom a letter goes to is tried here, not what it says: setting ten thousand takes minutes.
    monkeypatch.setattr(recall.letters.typesetting, "pdf", lambda _: b"%PDF-")
    known = dict.fromkeys(
        ("patient_name", "medicine", "duration", "practice_phone", "practice_name"), "x"
    )
    monkeypatch.setattr(
        recall.said_of, "values", lambda *_, **__: {**known, "contact_name": "x", "reply_by": "x"}
    )
    monkeypatch.setattr(recall, "AT_ONCE", max(20, ORDERS // 12))
    return made, {life.pk: life for life in lives}


def happen(what, lives, by, place):
    """One kind of event, to all of these at once, straight into the tables."""
    ids = [life.pk for life in lives]
    now = timezone.now()
    if what in ("death", "alive"):
        batch = people.People([])
        for patient in Patient.objects.filter(pk__in=ids):
            before = tuple(getattr(patient, name) for name in people.PARTICULARS)
            after = (*before[:-1], what == "death")
            batch.all[patient.pk] = people.Person(place.pk, patient.pk, before, after)
        batch.write(by)
    elif what in ("move", "return", "review"):
        kind, text = {
            "move": ("care_status", "moved"),
            "return": ("care_status", "community"),
            "review": ("review", "reduce"),
        }[what]
        Reading.objects.bulk_create(
            Reading(
                patient_id=pk,
                practice=place,
                kind=kind,
                text=text,
                dated_on=make.day(),
                source_system="portal",
                source_id=f"{what}-{pk}-{now:%H%M%S%f}",
                digest=b"0" * 16,
                recorded_by=by,
            )
            for pk in ids
        )
    elif what == "review in error":
        wrong = Reading.objects.live().filter(patient__in=ids, kind="review", status="final")
        rows = list(wrong)
        wrong.update(superseded_at=now)
        for row in rows:
            row.supersedes_id, row.version = row.pk, row.version + 1
            row.pk, row.status = None, "entered-in-error"
        Reading.objects.bulk_create(rows)
    elif what == "opt-out":
        OptOut.objects.bulk_create(
            OptOut(
                practice=place,
                patient_id=pk,
                recall_id=recall_of(place),
                reason="crisis",
                until=make.day(30),
                by=by,
            )
            for pk in ids
        )
    elif what == "end opt-out":
        held = OptOut.objects.filter(patient__in=ids, ended_at__isnull=True)
        held.update(ended_at=now, ended_by=by)
    elif what in ("merge", "unmerge"):
        with connection.cursor() as cursor:
            for life in lives:
                into = life.into.pk if life.into else None
                cursor.execute(
                    "UPDATE reviews_patient SET merged_into_id = %s WHERE id = %s", [into, life.pk]
                )


def recall_of(place):
    return place.recalls.latest("pk").pk


def lived(what, life, turn):
    """The same event in the model; says whether it can happen at all."""
    if what in ("merge", "unmerge"):
        if what == "merge":
            possible = life.into is None and not life.parts and life.twin.into is None
            if possible:
                life.into = life.twin
                life.twin.parts.append(life)
            return possible
        if life.into is None:
            return False
        life.into.parts.remove(life)
        life.into = None
        return True
    if life.into is not None:
        return False  # everything is recorded of the one who stays
    name, value = {
        "death": ("died", True),
        "alive": ("died", False),
        "move": ("moved", (turn, True)),
        "return": ("moved", (turn, False)),
        "opt-out": ("opted_out", True),
        "end opt-out": ("opted_out", False),
        "review": ("reviewed", True),
        "review in error": ("reviewed", False),
        "nothing": ("died", life.died),
    }[what]
    setattr(life, name, value)
    return True


def test_random_orders(listed, harbour, clara, ravi):
    made, lives = listed
    dice = random.Random(20261128)
    recall.look(recall=made, by=clara)
    text = LetterText.objects.get(template__key="invitation", state="published")
    to_round = recall.write_to_all(recall=made, text=text, by=ravi)
    seen = turn = 0
    for _ in range(WAVES):
        kinds = {}
        for life in lives.values():
            what = dice.choice(EVENTS)
            kinds.setdefault(what, []).append(life)
        for what in dice.sample(sorted(kinds), len(kinds)):
            turn += 1
            happened = [life for life in kinds[what] if lived(what, life, turn)]
            happen(what, happened, ravi, harbour)
        check_list(made, lives)
        before = {life.pk: life.is_out for life in lives.values()}
        jobs.work({recall.LETTERS: recall.write_letters}, seconds=0)
        new = Letter.objects.filter(round=to_round).order_by("pk")[seen:]
        for letter in new:
            seen += 1
            if letter.patient_id in lives:
                life = lives[letter.patient_id]
                assert not before[life.pk], "a letter to somebody who is left out"
                assert not any(part.letters for part in life.whole), "a second letter"
                lives[dict_of(made)[letter.person_id]].letters += 1
    jobs.work({recall.LETTERS: recall.write_letters}, seconds=600)
    if any(each.is_due(1) for each in recalls.standings(made).values()):
        # Who came back after the job was done is written to by the next press.
        to_round = recall.write_to_all(recall=made, by=ravi)
        jobs.work({recall.LETTERS: recall.write_letters}, seconds=600)
    for letter in Letter.objects.filter(round=to_round).order_by("pk")[seen:]:
        if letter.patient_id in lives:
            life = lives[letter.patient_id]
            assert not life.is_out
            assert not any(part.letters for part in life.whole)
            lives[dict_of(made)[letter.person_id]].letters += 1
    to_round.job.refresh_from_db()
    assert to_round.job.state == "done", to_round.job.error
    waits = [
        life.pk
        for life in lives.values()
        if life.into is None and not life.is_out and not any(part.letters for part in life.whole)
    ]
    assert waits == [], "somebody who is on the list got no letter"
    counted = Counter(recalls.standings(made)[pk].state for pk in dict_of(made))
    assert counted[State.WRITTEN] > ORDERS / 20
    assert counted[State.OPTED_OUT] > ORDERS / 50
    assert counted[State.SAME] > ORDERS / 50
    check_list(made, lives)


_known = {}


def dict_of(made):
    """`{person of the list: id of the record}`, which never change."""
    if made.pk not in _known:
        _known.clear()
        _known[made.pk] = dict(made.people.values_list("pk", "patient"))
    return _known[made.pk]


def check_list(made, lives):
    """Who the portal says is on the list is who the model says."""
    standing = recalls.standings(made)
    for person, record in dict_of(made).items():
        life = lives.get(record)
        if life is None:
            continue
        each = standing[person]
        if life.into is not None and life.pk > life.into.pk:
            assert each.state == State.SAME
            continue
        if life.parts and life.parts[0].pk < life.pk:
            assert each.state == State.SAME
            continue
        assert each.is_on == (not life.is_out), (each, life.pk)
        assert each.root == life.root.pk

"""Recall lists as pages show them: who is where, what became of them, and who has looked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, recalls, rulebooks
from reviews.access import Action
from reviews.models import (
    OptOut,
    Patient,
    RecallAnswer,
    RecallList,
    RecallLook,
    RecallPerson,
    named,
)
from reviews.queries import in_use
from reviews.recalls import Standing, State
from reviews.rules import words
from reviews.rules.exemptions import KINDS

NOBODY = "no prescriber known"
GOOD = (State.REVIEWED, State.TAPERED)
CARE = (State.CAME_BACK,)


def visible_to(user: User) -> QuerySet[RecallList]:
    """The lists of the practices where `user` may see them, the newest first."""
    rows = RecallList.objects.select_related("practice", "made_by", "closed_by")
    return access.scope(rows, user, Action.SEE_RECALL).order_by("-pk")


def fetch(user: User, pk: int) -> RecallList:
    """One list. Raises `NotFound`."""
    rows = RecallList.objects.select_related("practice", "made_by", "closed_by")
    return access.fetch(rows, user, Action.SEE_RECALL, pk=pk)


class Row(NamedTuple):
    """Somebody of a list: as they were found, whom they are now, and where they are."""

    person: RecallPerson
    patient: Patient
    standing: Standing
    held_back: list[str]

    @property
    def state(self) -> str:
        """In a word or two, for a tag."""
        if self.standing.state in recalls.LEFT:
            return "left by themselves"
        return self.standing.state

    @property
    def tone(self) -> str:
        """How the tag is coloured: "good", "care" or nothing."""
        if self.held_back or self.standing.state in CARE:
            return "care"
        return "good" if self.standing.state in GOOD else ""

    @property
    def more(self) -> str:
        """What the tag leaves out."""
        state, detail = self.standing.state, self.standing.detail
        if self.held_back:
            return f"no letter: {words.listed(self.held_back)} not known"
        if state == State.EXCLUDED:
            return detail
        if state == State.EXEMPT:
            return f"exempt: {KINDS.get(detail, detail).partition(' ')[2]}"
        if state == State.OPTED_OUT:
            return f"{OptOut.Reason(detail).label.lower()}, {_until(self.standing.until)}"
        if state == State.DECLINED:
            return f"asked again {_after(self.standing.until)}"
        if state in recalls.LEFT:
            return state
        if state == State.WRITTEN and len(self.standing.letters) > 1:
            return "reminded"
        return ""

    @property
    def may_opt_out(self) -> bool:
        """Whether leaving them out would change anything."""
        return self.standing.is_on

    @property
    def may_answer(self) -> bool:
        """Whether something can have come back from them."""
        return bool(self.standing.letters) and self.standing.state != State.SAME

    @property
    def prescriber(self) -> str:
        """Whose they are."""
        return self.person.prescriber_name or NOBODY


def _until(day: date | None) -> str:
    return f"until {words.day(day.toordinal())}" if day else ""


def _after(day: date | None) -> str:
    return f"on {words.day(day.toordinal())}" if day else ""


def rows(recall: RecallList, held_back: Mapping[str, list[str]]) -> list[Row]:
    """Everybody of a list, by name, in a fixed number of queries."""
    standing = recalls.standings(recall)
    patients = Patient.objects.in_bulk({each.root for each in standing.values()})
    found = [
        Row(
            person,
            patients[standing[person.pk].root],
            standing[person.pk],
            held_back.get(str(person.pk), []) if standing[person.pk].is_on else [],
        )
        for person in RecallPerson.objects.filter(recall=recall).select_related("prescriber")
    ]
    return sorted(found, key=lambda row: (str(row.patient).casefold(), row.person.pk))


def row(recall: RecallList, person_pk: int) -> Row | None:
    """One person of a list; None where the list has no such person."""
    person = RecallPerson.objects.filter(recall=recall, pk=person_pk).first()
    if person is None:
        return None
    standing = recalls.standings(recall)[person.pk]
    return Row(person, Patient.objects.get(pk=standing.root), standing, [])


class Step(NamedTuple):
    """A bar of the funnel: how many, and in words of whom; `is_out`: they are not in the next."""

    label: str
    people: int
    said: str
    is_out: bool = False


def funnel(recall: RecallList, everybody: list[Row]) -> list[Step]:
    """From those who were found to those whose dose came down, by the record of now.

    Two records of one person count once. The order is that of the list's life; a later step may
    hold people whom an earlier one lacks, such as a review of somebody who never answered.
    """
    people = [row for row in everybody if row.standing.state != State.SAME]
    excluded = [row for row in people if row.standing.state == State.EXCLUDED]
    found = [row for row in people if row.standing.state != State.EXCLUDED]
    opted = [row for row in found if row.standing.state == State.OPTED_OUT]
    written = [row for row in found if row.standing.letters]
    answered = [row for row in written if row.standing.answered]
    reviewed = [row for row in found if row.standing.reviewed_on]
    tapered = [row for row in found if row.standing.tapered_on]
    down, none = _down(written, recall)
    silent = sum(1 for row in reviewed if row.standing.letters and not row.standing.answered)
    return [
        Step("Matched the question", len(people), recall.question),
        Step(
            "left out by the list’s rules",
            len(excluded),
            _counts(row.person.get_excluded_display().lower() or "exempt" for row in excluded),
            is_out=True,
        ),
        Step("Found", len(found), f"on {words.day(_made_on(recall).toordinal())}"),
        Step(
            "opted out by their prescriber",
            len(opted),
            _counts(OptOut.Reason(row.standing.detail).label.lower() for row in opted),
            is_out=True,
        ),
        Step("Written to", len(written), "one letter each in every round" if written else ""),
        Step(
            "Answered",
            len(answered),
            _counts(RecallAnswer.Answer(row.standing.answered).label.lower() for row in answered),
        ),
        Step("Review recorded", len(reviewed), f"{silent} had not answered" if silent else ""),
        Step("Taper begun", len(tapered), ""),
        Step(
            "Dose down or none",
            down + none,
            f"{none} take none now" if none else "",
        ),
    ]


def _made_on(recall: RecallList) -> date:
    return timezone.localdate(recall.made_at)


def _counts(said: Iterable[str]) -> str:
    """ "exempt 41, has died 2"."""
    return ", ".join(f"{label} {count}" for label, count in Counter(said).most_common())


def _down(written: list[Row], recall: RecallList) -> tuple[int, int]:
    """Of those written to, how many take less than when they were found, and how many none."""
    from_roots = {row.standing.root: row for row in written}
    down = none = 0
    _version, book = rulebooks.holding_at(recall.practice_id)
    today = timezone.localdate()
    for root, now in in_use.of_many(from_roots, book=book, as_of=today):
        if now is None:
            continue
        then = from_roots[root].person.mg_then
        if not now.drugs:
            none += 1
        elif then is not None and now.mg is not None and now.mg < float(then):
            down += 1
    return down, none


class Looked(NamedTuple):
    """A prescriber of a list: how many of its people are theirs, and whether they have looked."""

    name: str
    user: User | None
    people: int
    opted_out: int
    look: RecallLook | None


def prescribers(recall: RecallList, everybody: list[Row]) -> list[Looked]:
    """Whose people are on a list, those with most first."""
    looks = {look.by_id: look for look in recall.looks.select_related("by")}
    whose: dict[tuple[str, int | None], list[Row]] = {}
    for row in everybody:
        if row.standing.state not in (State.EXCLUDED, State.SAME):
            whose.setdefault((row.prescriber, row.person.prescriber_id), []).append(row)
    found = [
        Looked(
            name=named(mine[0].person.prescriber) if user_id else name,
            user=mine[0].person.prescriber,
            people=len(mine),
            opted_out=sum(1 for row in mine if row.standing.state == State.OPTED_OUT),
            look=looks.get(user_id),
        )
        for (name, user_id), mine in whose.items()
    ]
    return sorted(found, key=lambda each: (-each.people, each.name))


def mine(user: User) -> list[tuple[RecallList, int]]:
    """`[(list, how many wait)]`: open lists with people of `user` who has not looked yet."""
    lists = (
        visible_to(user)
        .filter(closed_at__isnull=True, people__prescriber=user)
        .exclude(looks__by=user)
        .distinct()
    )
    found = []
    for recall in lists:
        standing = recalls.standings(recall)
        own = RecallPerson.objects.filter(recall=recall, prescriber=user).values_list(
            "pk", flat=True
        )
        if waiting := sum(1 for pk in own if standing[pk].is_on):
            found.append((recall, waiting))
    return found

"""What a draft would do, as its page tells it: in a sentence, split, by rule, practice and age."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from reviews import access, governing, profiles, what_ifs
from reviews.access import Action
from reviews.models import (
    AgeBand,
    Became,
    Effect,
    RuleVersion,
    WhatIf,
    WhatIfCount,
    WhatIfEdit,
    WhatIfEffect,
    WhatIfPractice,
)
from reviews.queries.rule_drafts import EditRow, edits_of
from reviews.rules.registry import BY_ID

EXAMPLES = 5
WIDTH = 300
"""Of a split, in units of its view box."""
GAINED = (Effect.OPENED, Effect.RAISED)


class Part(NamedTuple):
    """A part of a split: which outcome, how many flags, and where it is drawn."""

    became: Became
    flags: int
    x: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Split:
    """Flags to which the same happens, by what became of the same patient and matter."""

    label: str
    meaning: str
    parts: list[Part]

    @property
    def flags(self) -> int:
        return sum(part.flags for part in self.parts)

    @property
    def looked_at(self) -> int:
        """Those on whose patient and matter somebody decided."""
        return sum(part.flags for part in self.parts if part.became != Became.NEVER)

    @property
    def led(self) -> str:
        """How many of them led to a change, or that nobody ever looked at any."""
        if not self.looked_at:
            return "nobody looked at it" if self.flags == 1 else "nobody looked at any of them"
        changed = self._of(Became.CHANGED)
        if self.flags == 1:
            return "it led to a change" if changed else "it led to no change"
        return f"{changed:,} of them led to a change" if changed else "none of them led to a change"

    @property
    def in_words(self) -> str:
        """ "14 flags; 9 of them led to a change"."""
        return f"{_flags(self.flags)}; {self.led}"

    @property
    def came_to(self) -> str:
        """ "23 led to a change, 12 were left with a reason, 5 were noise or wrong data"."""
        noise = self._of(Became.NOT_RELEVANT) + self._of(Became.DATA)
        parts = (
            (self._of(Became.CHANGED), "led to a change"),
            (self._of(Became.LEFT), "left with a reason"),
            (noise, "noise or wrong data"),
        )
        said = [
            f"{count:,} {words if words.startswith('led') else f'{_were(count)} {words}'}"
            for count, words in parts
            if count
        ]
        return ", ".join(said)

    def _of(self, became: Became) -> int:
        return sum(part.flags for part in self.parts if part.became == became)


@dataclass(frozen=True, kw_only=True)
class Row:
    """Flags of a rule, a practice or an age band, by what becomes of them."""

    name: str
    about: str = ""
    opened: int = 0
    raised: int = 0
    lowered: int = 0
    closed: int = 0
    closed_looked_at: int = 0
    closed_changed: int = 0
    reworded: int = 0


class Meter(NamedTuple):
    """A burden now and with the draft, and where it is drawn: `kept` of both, `other` of one."""

    label: str
    now: float
    then: float
    kept: float
    other: float

    @property
    def is_more(self) -> bool:
        return self.then > self.now


class EditAlone(NamedTuple):
    """An edit of the draft, and what it would do alone."""

    row: EditRow
    tried: WhatIfEdit


@dataclass(frozen=True, kw_only=True)
class Burden:
    """The queue of a practice, a profile or all: now, and with the draft."""

    name: str
    people: int
    in_use: int
    cases: int
    cases_then: int
    urgent: int
    urgent_then: int
    cards: int
    cards_then: int

    @property
    def meters(self) -> list["Meter"]:
        """Cases and urgent cases per 100 people, drawn; none where nobody is on these medicines."""
        both = (
            ("Cases per 100 people", self.cases_per_100),
            ("Urgent per 100 people", self.urgent_per_100),
        )
        return [_meter(label, *per) for label, per in both if per is not None]

    @property
    def cases_per_100(self) -> tuple[float, float] | None:
        return self._per_100(self.cases, self.cases_then)

    @property
    def urgent_per_100(self) -> tuple[float, float] | None:
        return self._per_100(self.urgent, self.urgent_then)

    def _per_100(self, now: int, then: int) -> tuple[float, float] | None:
        """Per 100 people on a benzodiazepine or Z-drug; None where nobody is."""
        if not self.in_use:
            return None
        return round(100 * now / self.in_use, 1), round(100 * then / self.in_use, 1)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finished what-if as its page tells it."""

    what_if: WhatIf
    splits: list[Split]
    all: Split
    lost: Split
    gained: Split
    reworded: int
    reopened: int
    by_rule: list[Row]
    by_practice: list[Row]
    by_profile: list[Row]
    by_age: list[Row]
    by_edit: list[EditAlone]
    burden: Burden
    burdens: list[Burden]
    profiles: list[Burden]
    opened_cases: int
    closed_cases: int

    @property
    def heading(self) -> str:
        """ "Draft 14 would lose 14 flags; 9 of them led to a change"."""
        draft = f"Draft {self.what_if.version.number}"
        if self.lost.flags:
            return f"{draft} would lose {self.lost.in_words}"
        if self.gained.flags:
            return f"{draft} would gain {_flags(self.gained.flags)} and lose none"
        if self.all.flags:
            return f"{draft} would make {_flags(self.all.flags)} less urgent, and lose none"
        return f"{draft} would open and close no flag"

    @property
    def is_pruned(self) -> bool:
        """Whether its rows that name patients are removed by now, or will be any hour."""
        old = timezone.now() - timedelta(days=settings.WHAT_IF_ROWS_DAYS)
        return self.what_if.asked_at < old

    @property
    def seconds(self) -> float:
        """From when it was asked for until it was finished."""
        ended = self.what_if.finished_at or self.what_if.asked_at
        return (ended - self.what_if.asked_at).total_seconds()

    @property
    def minutes_more(self) -> float | None:
        """Minutes for the cases it would open; None where too few were timed to say."""
        return self._minutes(self.opened_cases)

    @property
    def minutes_less(self) -> float | None:
        return self._minutes(self.closed_cases)

    @property
    def minutes_each(self) -> float | None:
        return self._minutes(1)

    def _minutes(self, cases: int) -> float | None:
        each = self.what_if.seconds_each
        return None if each is None else round(cases * each / 60, 1)


def newest(version: RuleVersion) -> WhatIf | None:
    """The newest what-if of a version that goes on or ended, finished or not."""
    rows = version.what_ifs.select_related("job", "asked_by", "against", "engine", "version")
    return rows.order_by("-pk").first()


def told(what_if: WhatIf) -> Told:
    """Everything that the page says, from the counts; no row of a patient is read."""
    counts = list(WhatIfCount.objects.filter(what_if=what_if).select_related("practice"))
    shown = [each for each in counts if each.effect != Effect.REWORDED]
    most = max(_total(shown, effect) for effect in Effect) or 1
    splits = [_split(shown, (effect,), most) for effect in _ORDER if _total(shown, effect)]
    queues = _queues(what_if)
    names = dict(profiles.choices())
    return Told(
        what_if=what_if,
        splits=splits,
        all=_split(shown, tuple(_ORDER), most),
        lost=_split(shown, (Effect.CLOSED,), most),
        gained=_split(shown, GAINED, most),
        reworded=_total(counts, Effect.REWORDED),
        reopened=sum(each.reopened for each in counts),
        by_rule=_rows(counts, lambda each: (each.rule_id, _about(each.rule_id))),
        by_practice=_rows(counts, lambda each: (each.practice.name, each.practice.profile)),
        by_profile=_rows(counts, lambda each: (names[each.practice.profile], "")),
        by_age=_in_order_of_age(shown),
        by_edit=_by_edit(what_if),
        burden=_burden("All practices", queues),
        burdens=[_burden(each.practice.name, [each]) for each in queues],
        profiles=[
            _burden(name, of_it)
            for code, name in names.items()
            if (of_it := [each for each in queues if each.practice.profile == code])
        ],
        opened_cases=sum(each.cases_opened for each in queues),
        closed_cases=sum(each.cases_closed for each in queues),
    )


_ORDER = {
    Effect.CLOSED: "we lose these",
    Effect.LOWERED: "less urgent than now",
    Effect.RAISED: "more urgent than now",
    Effect.OPENED: "new to everybody",
}


def _total(counts: Iterable[WhatIfCount], effect: Effect) -> int:
    return sum(each.flags for each in counts if each.effect == effect)


def _split(counts: Iterable[WhatIfCount], effects: tuple[Effect, ...], most: int) -> Split:
    """The flags of these effects, drawn so that `most` of them fill the width."""
    of_them = [each for each in counts if each.effect in effects]
    parts, x = [], 0.0
    for became in Became:
        flags = sum(each.flags for each in of_them if each.became == became)
        width = round(WIDTH * min(1.0, flags / most), 1)
        parts.append(Part(became, flags, round(x, 1), width))
        x += width
    label = effects[0].label if len(effects) == 1 else "All"
    return Split(label=label, meaning=_ORDER.get(effects[0], ""), parts=parts)


def _rows(
    counts: Iterable[WhatIfCount], named: Callable[[WhatIfCount], tuple[str, str]]
) -> list[Row]:
    """A row for each name, in order of name."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for each in counts:
        held = found.setdefault(named(each), {})
        held[each.effect] = held.get(each.effect, 0) + each.flags
        if each.effect == Effect.CLOSED and each.became != Became.NEVER:
            held["closed_looked_at"] = held.get("closed_looked_at", 0) + each.flags
        if each.effect == Effect.CLOSED and each.became == Became.CHANGED:
            held["closed_changed"] = held.get("closed_changed", 0) + each.flags
    return [Row(name=name, about=about, **found[name, about]) for name, about in sorted(found)]


def _by_edit(what_if: WhatIf) -> list[EditAlone]:
    tried = {each.change_id: each for each in what_if.edits.all()}
    rows = edits_of(what_if.version)
    return [EditAlone(row, tried[row.change.pk]) for row in rows if row.change.pk in tried]


def _meter(label: str, now: float, then: float) -> Meter:
    """The larger of the two fills four fifths of the width."""
    scale = 0.8 * WIDTH / (max(now, then) or 1)
    kept, all_of_it = scale * min(now, then), scale * max(now, then)
    return Meter(label, now, then, round(kept, 1), round(all_of_it - kept, 1))


def _in_order_of_age(counts: Iterable[WhatIfCount]) -> list[Row]:
    by_band = {row.name: row for row in _rows(counts, lambda each: (each.age_band, ""))}
    bands = [band for band in AgeBand if band.value in by_band]
    return [Row(**{**vars(by_band[band.value]), "name": str(band.label)}) for band in bands]


def _about(rule_id: str) -> str:
    return BY_ID[rule_id].title if rule_id in BY_ID else ""


def _queues(what_if: WhatIf) -> list[WhatIfPractice]:
    rows = WhatIfPractice.objects.filter(what_if=what_if).select_related("practice")
    return list(rows.order_by("practice__name"))


def _burden(name: str, queues: list[WhatIfPractice]) -> Burden:
    return Burden(
        name=name,
        people=sum(each.people for each in queues),
        in_use=sum(each.in_use for each in queues),
        cases=sum(each.cases for each in queues),
        cases_then=sum(each.cases + each.cases_opened - each.cases_closed for each in queues),
        urgent=sum(each.urgent for each in queues),
        urgent_then=sum(each.urgent + each.urgent_more - each.urgent_less for each in queues),
        cards=sum(each.cards for each in queues),
        cards_then=sum(each.cards + each.more_cards for each in queues),
    )


def _flags(count: int) -> str:
    return f"{count:,} flag{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


class Example(NamedTuple):
    """One flag that would go or come. Who it is about is told only to those who see patients."""

    effect: WhatIfEffect
    is_named: bool


def examples(what_if: WhatIf, by: User, effects: Iterable[Effect]) -> list[Example]:
    """Some flags of the practices where `by` works: those that led to a change first.

    Whoever sees patients there reads whose they are; whoever drafts rule books reads the sentence
    and the age band. Marked records are left out.
    """
    rows = what_if.effects.filter(effect__in=list(effects))
    seen = set(access.practice_ids(by, Action.SEE_PATIENT))
    here = seen | set(access.practice_ids(by, Action.DRAFT))
    rows = access.unhidden(rows.filter(practice__in=here), by)
    ranked = sorted(Became, key=list(Became).index)
    found: list[WhatIfEffect] = []
    for became in ranked:
        of_it = rows.filter(became=became).select_related("patient", "practice").order_by("pk")
        found += of_it[: EXAMPLES - len(found)]
        if len(found) == EXAMPLES:
            break
    return [Example(each, each.practice_id in seen) for each in found]


def as_table(what_if: WhatIf) -> QuerySet[WhatIfCount]:
    """The counts, as they are exported; no patient."""
    rows = WhatIfCount.objects.filter(what_if=what_if).select_related("practice")
    return rows.order_by("practice__code", "rule_id", "effect", "age_band", "became")


def why_not_current(what_if: WhatIf) -> str:
    """Why publishing cannot rest on what was tried; empty where it can."""
    return what_ifs.untried(what_if.version, governing.live())

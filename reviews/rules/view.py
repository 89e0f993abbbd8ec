"""A dossier as the rules look at it: worked out once, shared by all of them, changed by none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from reviews.rules import words
from reviews.rules.dossier import Dossier, Line
from reviews.rules.drug import BZRA, Recognition
from reviews.rules.equivalents import DailyEquivalent, Scale, daily, scale
from reviews.rules.exemptions import PALLIATIVE_CARE
from reviews.rules.exposure import (
    Copy,
    DatedUse,
    DrugDose,
    Episode,
    FurtherIssues,
    Span,
    Stretch,
    Supply,
    UnclearSupply,
    UndatedSupply,
    Use,
    as_taken,
    carry_forward,
    doses,
    episodes,
    in_use_since,
    is_rescue,
    read,
    stretches,
)
from reviews.rules.kept import kept
from reviews.rules.naming import ids_of, names
from reviews.rules.parameters import EXPOSURE, Limits
from reviews.rules.person import Person
from reviews.rules.presence import InHand, Presence
from reviews.rules.profiles import in_words
from reviews.rules.readings import KINDS
from reviews.rules.watch import Watch

WITHDRAWAL = "alcohol_withdrawal"
PALLIATIVE = "palliative"
IN_USE_SINCE, TOLD_BY = "in_use_since", "in_use_since_told_by"
TELLERS = KINDS[TOLD_BY].choices


@dataclass(eq=False)
class Judged:
    """A line looked at as if it were being saved: its span, and exposed days through its end."""

    episode: Episode
    span: Span
    days: int

    @kept
    def uses(self) -> Sequence[Use]:
        """The uses of the episode that begin by the end of the line."""
        return [span.use for span in self.episode.spans if span.start <= self.span.end]

    @kept
    def line_ids(self) -> tuple[int, ...]:
        """The lines of the episode up to the end of this one."""
        whole = self.span.end == self.episode.end
        return self.episode.line_ids if whole else ids_of(self.uses)

    @kept
    def drugs(self) -> str:
        """The names of their drugs."""
        return words.listed(names(self.uses))


Recognised = tuple[Line, Recognition]
"""A line with the drugs that it was taken to hold."""


class Told(NamedTuple):
    """In use since a day, as was said on another, by whom (a choice of the reading, or empty).

    `recorded` is the episode that the record shows by itself.
    """

    since: int
    on: int
    by: str
    recorded: Episode

    def in_words(self) -> str:
        """ "in use since 2 May 2026, as the person said on 12 November 2026"."""
        teller = TELLERS.get(self.by, "")
        who = f"{teller[:1].lower()}{teller[1:]} said" if teller else "was said"
        return (
            f"in use since {words.day(self.since)}, as {who} on {words.day(self.on)}; the record "
            f"begins on {words.day(self.recorded.start)}"
        )


class Supplied(NamedTuple):
    """Uses in hand within some days, and the names of their drugs."""

    uses: Sequence[Use]
    drugs: str


class View:
    """The exposure to benzodiazepines and Z-drugs on the day judged, under one book.

    `base` is the base profile of theirs, for which rules are written. `person` tells of age,
    conditions and readings, `in_hand` of the other medicines and of days together. `uses` are the
    regular uses; those of them with known days are in `spans` after carry-forward, `unclear` lack
    a length and `undated` a beginning. `copies` may be other records of one of them. `rescue`
    medicine is no exposure. `current` are the episodes that a supply starting today would still
    join, `judged` their current lines. `own_lines` are the ids of every benzodiazepine and Z-drug
    on the record, other records of the same supply among them. `watch(day)` says that the answer
    can change on a day, and `reached(day)` asks whether one has come. `unmapped` are medicines that
    nobody recognised, with their last day.
    """

    def __init__(
        self,
        dossier: Dossier,
        book,
        sedatives: Iterable[Recognised],
        others: Iterable[Recognised] = (),
        unmapped: Sequence[tuple[Line, Recognition, int | None]] = (),
    ):
        self.dossier = dossier
        self.book = book
        self.profile = dossier.profile
        self.base: str = book.base_of(dossier.profile)
        self.limit = limit = book.rules[EXPOSURE][dossier.profile]
        self.gap_days: int = limit["gap_days"]
        self._watch = Watch(dossier.as_of.toordinal())
        self.today = self._watch.today
        self.watch, self.reached = self._watch.note, self._watch.reached
        self.unmapped = unmapped
        sedatives = list(sedatives)
        self.own_lines = frozenset(line.id for line, _ in sedatives)
        self.uses, self.rescue, self.copies = _uses(sedatives, self.today, limit)
        known = [use for use in self.uses if use.end is not None]
        self.unclear: Sequence[UnclearSupply] = ()
        self.undated: Sequence[UndatedSupply] = ()
        if len(known) < len(self.uses):
            self.unclear = [use for use in self.uses if use.start is not None and use.end is None]
            self.undated = [use for use in self.uses if use.start is None]
        self.spans: Sequence[Span] = _carried(known, limit)
        recorded = episodes(self.spans, self.gap_days)
        self.told: Told | None = self._told(recorded) if dossier.readings else None
        if self.told is not None:
            recorded = in_use_since(recorded, self.told.since, self.told.recorded)
        self.episodes: Sequence[Episode] = recorded
        self.current: Sequence[Episode] = [
            episode for episode in self.episodes if self.is_current(episode.end)
        ]
        self.judged: Sequence[Judged] = [
            item for episode in self.current for item in _current_lines(episode, self.today)
        ]
        self._others = others
        self._supplied: dict[tuple[int, int], Supplied] = {}
        self._limits: dict[tuple[str, tuple[str, ...]], Limits | None] = {}
        self._answers: dict[Callable, Any] = {}
        self.exemptions = self._exemptions()

    @kept
    def profile_in_words(self) -> str:
        """The profile as a sentence names it, with those from which it has what it does not say."""
        return in_words(self.book.profiles, self.profile)

    @kept
    def person(self) -> Person:
        """Age, conditions and readings on the day judged."""
        return Person(self.dossier, self._watch)

    @kept
    def in_hand(self) -> InHand:
        """The other medicines, and what was in hand together."""
        return InHand(
            sedatives=self.uses,
            rescue=self.rescue,
            spans=self.spans,
            others=self._others,
            limit=self.limit,
            today=self.today,
        )

    def _told(self, recorded: list[Episode]) -> "Told | None":
        """Since when somebody says that what is in use now has been in use, before the record."""
        if not any(reading.kind == IN_USE_SINCE for reading in self.dossier.readings):
            return None
        answer = self.person.reading(IN_USE_SINCE)
        current = [each for each in recorded if self.is_current(each.end)] or recorded[-1:]
        if answer is None or not current:
            return None
        since = date.fromisoformat(answer.text).toordinal()
        if since >= current[0].start:
            return None
        return Told(since, answer.day, self.person.answer(TOLD_BY), current[0])

    # --- what is in use ------------------------------------------------------------------

    @kept
    def active(self) -> bool:
        """Is a benzodiazepine or Z-drug in use, or may it be, or was it until days ago?"""
        return bool(
            self.current
            or self.undated
            or any(self.is_current(use.reach) for use in self.unclear)
            or any(use.start is None or self.is_current(use.reach) for use in self.rescue)
            or any(self.is_current(copy.use.reach) for copy in self.copies)
        )

    @kept
    def now(self) -> Sequence[Use]:
        """Benzodiazepines and Z-drugs in use, or perhaps in use; rescue medicine is left out."""
        uses: list[Use] = [judged.span.use for judged in self.judged]
        uses += [use for use in self.unclear if self.is_current(use.reach)]
        return uses + list(self.undated)

    @kept
    def in_use(self) -> str:
        """The names of the drugs in use: "diazepam and zopiclone"."""
        return words.listed(names(self.now))

    @kept
    def line_ids(self) -> tuple[int, ...]:
        """The lines of what is in use."""
        return ids_of(self.now)

    @kept
    def anchor(self) -> str:
        """How a finding's key names the exposure: by the first day of the current episode."""
        if self.current:
            return words.iso(self.current[0].start)
        return "open" if self.now or not self.episodes else words.iso(self.episodes[-1].start)

    @kept
    def days(self) -> int:
        """D: exposed days of the longest current episode through its current supply, 0 without."""
        return max((item.days for item in self.judged), default=0)

    @kept
    def last(self) -> Judged | None:
        """The current line whose supply ends last, None when nothing known is current."""
        return max(
            self.judged, key=lambda item: (item.span.end, item.span.use.line.id), default=None
        )

    @kept
    def stretches(self) -> Sequence[Stretch]:
        """The daily amounts of the current episodes, else of the latest one."""
        mine = self.current or self.episodes[-1:]
        return stretches([span for episode in mine for span in episode.spans])

    @kept
    def trend(self) -> Sequence[Stretch]:
        """The same, where alternate days are told by the mean of their week: how doses change."""
        mine = self.current or self.episodes[-1:]
        spans = [span for episode in mine for span in episode.spans]
        if not any(span.use.line.schedule for span in spans):
            return self.stretches
        return stretches(spans, even=True)

    @kept
    def stretches_now(self) -> Sequence[Stretch]:
        """The daily amounts that are still current.

        A stretch may end because another medicine joins, while every supply goes on.
        """
        after = self.gap_days + 2
        return [stretch for stretch in self.stretches if not self.reached(stretch.end + after)]

    @kept
    def stretches_known(self) -> Sequence[Stretch]:
        """`stretches_now`, and the first day of each unclear supply that may be in use."""
        vague = [use for use in self.unclear if self.is_current(use.reach)]
        if not vague:
            return self.stretches_now
        first_days = [Span(use.start, use.start, use) for use in vague]
        certain = [span for span in first_days if not isinstance(span.use, FurtherIssues)]
        found = [*self.stretches_now, *stretches(certain)]
        for span in first_days:
            if isinstance(span.use, FurtherIssues):
                found += stretches([span])
        return found

    @kept
    def doses(self) -> Mapping[str, Sequence[DrugDose]]:
        """The daily amounts of each drug, by key, in `stretches_known`.

        A supply of unknown length counts by itself: it is certain on its first day alone.
        """
        return doses(self.stretches_known)

    @kept
    def scale(self) -> Scale:
        """How drugs are added up in diazepam under the profile."""
        return scale(self.book, self.profile)

    @kept
    def daily(self) -> Sequence[DailyEquivalent]:
        """The diazepam equivalents of `stretches`."""
        return daily(self.scale, self.stretches)

    @kept
    def daily_trend(self) -> Sequence[DailyEquivalent]:
        """The diazepam equivalents of `trend`."""
        return self.daily if self.trend is self.stretches else daily(self.scale, self.trend)

    # --- questions -----------------------------------------------------------------------

    def is_current(self, end: int) -> bool:
        """Would a supply starting today still continue one that ended on this day?"""
        return self.today <= end + self.gap_days + 1

    def exposed(self, days: int, end: int) -> int:
        """Exposed days, of all episodes, in so many calendar days that end on a day."""
        return sum([episode.exposed_days(end - days + 1, end) for episode in self.episodes])

    def supplied(self, days: int, end: int) -> Supplied:
        """The supplies of so many calendar days that end on a day."""
        found = self._supplied.get((days, end))
        if found is None:
            first = end - days + 1
            uses = [span.use for span in self.spans if span.end >= first and span.start <= end]
            found = self._supplied[days, end] = Supplied(uses, words.listed(names(uses)))
        return found

    def touching(self, episode: Episode) -> list[UnclearSupply]:
        """Supplies of unknown length that may belong to the episode and lengthen it."""
        margin = self.gap_days + 1
        return [
            use
            for use in self.unclear
            if use.start <= episode.end + margin and use.reach >= episode.start - margin
        ]

    def unclear_between(self, first: int, last: int) -> list[UnclearSupply]:
        """Supplies of unknown length that may cover a day from the first to the last."""
        return [use for use in self.unclear if use.start <= last and use.reach >= first]

    def judged_of(self, episode: Episode) -> list[Judged]:
        """The current lines of an episode."""
        return [item for item in self.judged if item.episode is episode]

    def begins_an_episode(self, item: Judged) -> bool:
        return item.span.start == item.episode.start

    def started_recently(self, start: int) -> bool:
        """In the last 28 days (the limit included), or still to come."""
        return not self.reached(start + self.limit["start_window_days"] + 1)

    def passes(self, day: int, what: str) -> str:
        """What is passed on a day, told as past only once the day has come: "passed day 28 on 3
        November 2026", "would pass day 28 on 20 December 2026"."""
        verb = "passed" if self.reached(day) else "would pass"
        return f"{verb} {what} on {words.day(day)}"

    def in_use_since(self, day: int) -> str:
        """ "in use since 3 November 2026", or "to begin on" a day that has not come."""
        return f"{'in use since' if self.reached(day) else 'to begin on'} {words.day(day)}"

    def use_in_words(self, uses: Sequence[Use]) -> str:
        """Drugs and whether they are in use: "Diazepam is in use", "Diazepam was supplied until 3
        November 2026", "Diazepam is to begin on 20 December 2026"."""
        drugs = words.listed(names(uses))
        days = [(item.span.start, item.span.end) for item in self.judged if item.span.use in uses]
        days += [
            (use.start, use.reach) for use in uses if use.start is not None and use.end is None
        ]
        days += [
            (use.start, use.end)
            for use in uses
            if use.end is not None and not any(item.span.use is use for item in self.judged)
        ]
        begun = [end for start, end in days if self.reached(start)]
        said = f"{words.are(drugs)} in use"
        if days and not begun:
            first = min(start for start, _ in days)
            said = f"{words.are(drugs)} to begin on {words.day(first)}"
        elif days and self.reached(max(begun) + 1) and len(days) == len(uses):
            said = f"{words.were(drugs)} supplied until {words.day(max(begun))}"
        return f"{words.sentence_case(drugs)} {said}"

    def supply_takes(self, end: int) -> str:
        """The beginning of a sentence on a current supply and what exposure it comes to."""
        if self.reached(end + 1):
            return f"The last supply, to {words.day(end)}, took exposure"
        return f"The current supply, to {words.day(end)}, takes exposure"

    def limits_of(self, rule_id: str, *names: str) -> Limits | None:
        """The limits of another rule under this profile.

        None when the book does not hold the rule, or lacks one of the parameters named.
        """
        key = rule_id, names
        if key not in self._limits:
            limits = self.book.rules.get(rule_id, {}).get(self.profile)
            complete = limits is not None and all(name in limits for name in names)
            self._limits[key] = limits if complete else None
        return self._limits[key]

    def is_in_hand(self, use: DatedUse) -> bool:
        """Does a supply cover the day judged, or may it?"""
        begun, over = self.reached(use.start), self.reached(use.reach + 1)
        return begun and not over

    def is_taken(self, use: DatedUse) -> bool:
        """Has a supply begun, and would one that starts today still continue it?"""
        begun, over = self.reached(use.start), self.reached(use.reach + self.gap_days + 2)
        return begun and not over

    @property
    def next_change(self) -> int:
        """The first later day that anybody has watched, OPEN without one."""
        return self._watch.next_change

    def presences(self) -> Sequence[Presence]:
        """Every presence that a rule has asked for: none where nobody asked what is in hand."""
        return self.in_hand.presences() if "in_hand" in vars(self) else ()

    # --- exemptions ----------------------------------------------------------------------

    def _exemptions(self) -> frozenset[str]:
        """Kinds of exemption in force today over every current benzodiazepine or Z-drug line."""
        care = frozenset({PALLIATIVE_CARE}) if self._in_palliative_care() else frozenset()
        if not self.dossier.exemptions:
            return care
        as_of = self.dossier.as_of
        current = {use.line.id for use in self.now}
        return care | frozenset(
            exemption.kind
            for exemption in self.dossier.exemptions
            if exemption.starts_on <= as_of <= exemption.expires_on
            and (not exemption.line_scope or current <= set(exemption.line_scope))
            and (exemption.kind != WITHDRAWAL or self._supervised())
        )

    def _in_palliative_care(self) -> bool:
        """Is every sedative in use, or kept ready, for palliative care and begun lately?

        For longer an exemption is asked for, which has an owner and an end.
        """
        if not any(use.line.indication == PALLIATIVE for use in (*self.uses, *self.rescue)):
            return False
        ready = [use for use in self.rescue if use.start is None or self.is_current(use.reach)]
        uses = [*self.now, *ready]
        if not uses or any(use.line.indication != PALLIATIVE for use in uses):
            return False
        begun = [use.start for use in uses if use.start is not None]
        begun += [episode.start for episode in self.current]
        days = self.limit.get("palliative_indication_days")  # books of before do not hold it
        return days is not None and bool(begun) and not self.reached(min(begun) + days + 1)

    def _supervised(self) -> bool:
        """The alcohol withdrawal exemption holds for a supervised regimen of few days only.

        How few stands with ALC-02; under a book without it the exemption lowers nothing.
        """
        limit = self.limits_of("ALC-02", "alcohol_over_days")
        regimen = [use for use in self.now if use.line.indication == WITHDRAWAL]
        return (
            limit is not None
            and bool(regimen)
            and all(use.line.setting not in {"unsupervised", "unknown"} for use in regimen)
            and all(use.end is not None for use in self.now)
            and all(item.days <= limit["alcohol_over_days"] for item in self.judged)
        )


Answer = TypeVar("Answer")


def once_for_a_view(work: Callable[[View], Answer]) -> Callable[[View], Answer]:
    """A question about a view that several rules ask, answered once."""

    @wraps(work)
    def answer(view: View) -> Answer:
        answers = view._answers
        if work not in answers:
            answers[work] = work(view)
        return answers[work]

    return answer


def _uses(
    sedatives: Iterable[Recognised], today: int, limit: Limits
) -> tuple[Sequence[Use], Sequence[Use], Sequence[Copy]]:
    """(regular uses, rescue uses, perhaps copies) of benzodiazepines and Z-drugs."""
    uses: list[Use] = []
    for line, recognition in sedatives:
        for ingredient in recognition.ingredients:
            if ingredient.mask & BZRA:
                use = read(line, recognition, ingredient, limit)
                if use is not None:
                    uses.append(use)
    uses, copies = as_taken(uses, today, limit)
    rescue = [use for use in uses if is_rescue(use)]
    regular = [use for use in uses if use not in rescue] if rescue else uses
    return regular, rescue, copies


def _carried(known: list[Supply], limit: Limits) -> list[Span]:
    return carry_forward(known, limit["carry_forward_max_days"]) if known else []


def _current_lines(episode: Episode, today: int) -> list[Judged]:
    """The lines of a current episode that run today or later, else those that ended last."""
    spans = [span for span in episode.spans if span.end >= today] or [
        span for span in episode.spans if span.end == episode.end
    ]
    return [Judged(episode, span, episode.exposed_days(episode.start, span.end)) for span in spans]

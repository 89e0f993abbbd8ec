"""A dossier as the rules look at it: worked out once, shared by all of them."""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from reviews.rules import conditions, words
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BIT, BZRA
from reviews.rules.exemptions import graded
from reviews.rules.exposure import (
    OPEN,
    Episode,
    Span,
    Stretch,
    Use,
    both,
    carry_forward,
    count,
    dispensed_first,
    episodes,
    is_patch,
    is_rescue,
    on_the_skin,
    read,
    runs,
    stretches,
    union,
)
from reviews.rules.finding import (
    INTERRUPT,
    NOTE,
    QUEUE,
    SEVERITIES,
    Fact,
    Finding,
    NotEvaluable,
    Severity,
)
from reviews.rules.kept import kept
from reviews.rules.parameters import EXPOSURE
from reviews.rules.readings import KINDS as READING_KINDS

WITHDRAWAL = "alcohol_withdrawal"
LONGEST_WITHDRAWAL_DAYS = 10
"""Used with a book that does not hold ALC-02."""


@dataclass(slots=True, eq=False)
class Judged:
    """A line looked at as if it were being saved: its span, and exposed days through its end."""

    episode: Episode
    span: Span
    days: int


@dataclass(slots=True, eq=False)
class Presence:
    """The days on which some medicines were in hand: surely, and possibly (open ends included)."""

    certain: list[tuple[int, int]]
    possible: list[tuple[int, int]]
    spans: list[Span]
    undated: list[Use]

    @property
    def unsure(self) -> bool:
        return self.certain is not self.possible


@dataclass(slots=True, eq=False)
class Together:
    """Two kinds of medicine in hand together, now or after today or shortly before.

    `a` and `b` are the spans of either kind that touch the run; `a_names`, `b_names` their drugs.
    `start` and `end` are the first and last day of the latest run of shared days (OPEN if nobody
    knows); `days` the distinct shared days within the exposure that holds the run, `sure` False
    when that is only a lower bound; `b_start` when the second kind began.
    """

    start: int
    end: int
    days: int
    sure: bool
    a: list[Span]
    b: list[Span]
    b_start: int
    a_names: list[str]
    b_names: list[str]

    @property
    def line_ids(self) -> tuple[int, ...]:
        return ids_of([span.use for span in (*self.a, *self.b)])


class Unsure(Enum):
    """The type of UNSURE alone, so that a check for it leaves the rest."""

    UNSURE = "unsure"


UNSURE: Final = Unsure.UNSURE


class View:
    """One dossier under one book, and what the rules conclude about it."""

    def __init__(self, dossier: Dossier, book, sedatives, others, unmapped):
        self.dossier = dossier
        self.book = book
        self.rules = book.rules
        self.profile = dossier.profile
        self.today = dossier.as_of.toordinal()
        self.others = others
        self.held = 0
        for _, recognition in others:
            self.held |= recognition.mask
        self.unmapped = unmapped
        self.findings: list[Finding] = []
        self.gaps: list[NotEvaluable] = []
        self.shadowed: set[str] = set()
        self.watched: list[int] = []
        self.recent_s1_starts: list[int] = []
        self.past_four_months: set[int] = set()
        self._presence: dict[str, Presence] = {}
        self._loose: list[Presence] = []
        self._kept: dict[tuple, Presence] = {}
        self._compared: dict[tuple, Together | str | None] = {}
        self.memo: dict = {}
        self._uses: dict[str, list[Use]] = {}
        self._ages: dict[int, int] = {}
        self.limit = limit = book.rules[EXPOSURE][dossier.profile]
        self.gap_days = limit["gap_days"]
        self._read(sedatives)
        self.episodes = episodes(self.spans, self.gap_days)
        self._judge()
        self.exemptions = self._exemptions()

    # --- building ------------------------------------------------------------------------

    def _read(self, sedatives):
        uses = []
        for line, recognition in sedatives:
            for ingredient in recognition.ingredients:
                if ingredient.mask & BZRA:
                    use = read(line, recognition, ingredient, self.limit)
                    if use is not None:
                        uses.append(use)
        uses = dispensed_first(uses)
        self.rescue = [use for use in uses if is_rescue(use)]
        if self.rescue:
            uses = [use for use in uses if not is_rescue(use)]
        self.uses = uses
        known = [use for use in uses if use.end is not None]
        if len(known) == len(uses):
            self.unclear, self.undated = [], []
        else:
            self.unclear = [use for use in uses if use.end is None and use.start is not None]
            self.undated = [use for use in uses if use.start is None]
        self.spans = carry_forward(known, self.limit["carry_forward_max_days"]) if known else []

    def _judge(self):
        """Episodes that a supply starting today would still join, and their current lines."""
        today = self.today
        self.current: list[Episode] = []
        self.judged: list[Judged] = []
        for episode in self.episodes:
            if today > episode.end + self.gap_days + 1:
                continue
            self.current.append(episode)
            spans = [span for span in episode.spans if span.end >= today]
            if not spans:
                spans = [span for span in episode.spans if span.end == episode.end]
            self.judged += [
                Judged(episode, span, episode.exposed_days(episode.start, span.end))
                for span in spans
            ]

    @property
    def active(self) -> bool:
        """Is a benzodiazepine or Z-drug in use, or may it be, or was it until days ago?"""
        return bool(
            self.current
            or self.undated
            or any(self.is_current(use.reach) for use in self.unclear)
            or any(use.start is None or self.is_current(self.last_day(use)) for use in self.rescue)
        )

    def _exemptions(self) -> tuple[str, ...]:
        """Kinds of exemption in force today over every current benzodiazepine or Z-drug line."""
        if not self.dossier.exemptions:
            return ()
        as_of = self.dossier.as_of
        current = {use.line.id for use in self.now}
        return tuple(
            {
                exemption.kind
                for exemption in self.dossier.exemptions
                if exemption.starts_on <= as_of <= exemption.expires_on
                and (not exemption.line_scope or current <= set(exemption.line_scope))
                and (exemption.kind != WITHDRAWAL or self._supervised())
            }
        )

    def _supervised(self) -> bool:
        """The alcohol withdrawal exemption holds for a supervised regimen of few days only."""
        most = self.limit_of("ALC-02", "alcohol_over_days") or LONGEST_WITHDRAWAL_DAYS
        regimen = [use for use in self.now if use.line.indication == WITHDRAWAL]
        return (
            bool(regimen)
            and all(use.line.setting not in {"unsupervised", "unknown"} for use in regimen)
            and all(use.end is not None for use in self.now)
            and all(item.days <= most for item in self.judged)
        )

    # --- what is in use ------------------------------------------------------------------

    @kept
    def now(self) -> list[Use]:
        """Benzodiazepines and Z-drugs in use, or perhaps in use; rescue medicine is left out."""
        uses = [judged.span.use for judged in self.judged]
        return uses + [use for use in self.unclear if self.is_current(use.reach)] + self.undated

    @kept
    def in_use(self) -> str:
        """Their names: "diazepam and zopiclone"."""
        return words.listed(names(self.now))

    @kept
    def anchor(self) -> str:
        """What a finding's key says of the exposure: the first day of the current episode."""
        if self.current:
            return words.iso(self.current[0].start)
        return "open" if self.now or not self.episodes else words.iso(self.episodes[-1].start)

    @kept
    def line_ids(self) -> tuple[int, ...]:
        """The lines in use."""
        return ids_of(self.now)

    def days_of(self, episode: Episode) -> int:
        """D: exposed days of a current episode through the end of its longest current supply."""
        return max(item.days for item in self.judged if item.episode is episode)

    @kept
    def days(self) -> int:
        """D of the longest current episode, 0 without one."""
        return max((item.days for item in self.judged), default=0)

    @kept
    def last(self) -> Judged | None:
        """The current line whose supply ends last, None when nothing known is current."""
        return max(
            self.judged, key=lambda item: (item.span.end, item.span.use.line.id), default=None
        )

    @kept
    def stretches(self) -> list[Stretch]:
        """The daily amounts of the current episodes, else of the latest one."""
        mine = self.current or self.episodes[-1:]
        return stretches([span for episode in mine for span in episode.spans])

    def amounts(self, key: str, of: str = "bzra") -> list[tuple[int, int, float | None]]:
        """(first day, last day, mg a day) of one drug of a presence, in order; None where an amount
        is not known.

        Different products, and supplies begun on one day, are added up. Of one product the latest
        supply counts: what is left of an earlier one is stock, no dose. A supply without an end is
        taken as going on until the next one of the drug.
        """
        found = []
        spans = [span for span in self.presence(of).spans if span.use.drug.key == key]
        for stretch in stretches([_until_next(span, spans) for span in spans]):
            latest: dict[str, int] = {}
            for part in stretch.parts:
                key = part.use.line.medicine.key
                latest[key] = max(part.use.start, latest.get(key, 0))
            doses = [
                part.mg
                for part in stretch.parts
                if part.use.start == latest[part.use.line.medicine.key]
            ]
            found.append((stretch.start, stretch.end, None if None in doses else sum(doses)))
        return found

    @kept
    def stretches_now(self) -> list[Stretch]:
        """Those of them that are still current."""
        return [stretch for stretch in self.stretches if self.is_current(stretch.end)]

    def exposed(self, days: int, end: int) -> int:
        """Exposed days, of all episodes, in so many calendar days that end on a day."""
        return sum(episode.exposed_days(end - days + 1, end) for episode in self.episodes)

    def begins_an_episode(self, item: Judged) -> bool:
        return item.span.start == item.episode.start

    # --- conditions and readings ---------------------------------------------------------

    def watch(self, ordinal: int):
        """Say that the answer can change on a day."""
        self.watched.append(ordinal)

    @kept
    def themes(self) -> dict[str, list]:
        """Conditions that had begun by the day judged, over or not, by theme."""
        found: dict[str, list] = {}
        as_of = self.dossier.as_of
        for condition in self.dossier.conditions:
            if condition.kind == "condition" and (
                condition.onset_on is None or condition.onset_on <= as_of
            ):
                for theme in conditions.themes_of(condition.codings, condition.text):
                    found.setdefault(theme, []).append(condition)
        return found

    @kept
    def themes_now(self) -> set[str]:
        """Themes of which a condition is not over."""
        as_of = self.dossier.as_of
        return {
            theme
            for theme, found in self.themes.items()
            if any(each.ended_on is None or each.ended_on > as_of for each in found)
        }

    def has(self, *themes: str) -> bool:
        """Is a condition of one of the themes on record and not over?"""
        return not self.themes_now.isdisjoint(themes)

    def events(self, theme: str, within: int) -> list[int]:
        """Days of onset in the last so many days (the limit included), each once, in order."""
        found = set()
        for condition in self.themes.get(theme, ()):
            if condition.onset_on is not None:
                on = condition.onset_on.toordinal()
                if self.today <= on + within:
                    found.add(on)
                    self.watch(on + within + 1)
        return sorted(found)

    @kept
    def readings(self) -> dict[str, list]:
        """Readings up to the day judged by kind, the latest last."""
        by_kind: dict[str, list] = {}
        for reading in self.dossier.readings:
            if reading.on is not None and reading.on <= self.dossier.as_of:
                by_kind.setdefault(reading.kind, []).append(reading)
        for found in by_kind.values():
            found.sort(key=_reading_order)
        return by_kind

    def readings_of(self, kind: str) -> list:
        """Readings of a kind up to the day judged, the latest last."""
        return self.readings.get(kind, [])

    def reading(self, kind: str):
        """The latest reading of a kind while it speaks for the person, else None."""
        found = self.readings.get(kind)
        if not found:
            return None
        latest = found[-1]
        valid = READING_KINDS[kind].valid_days
        if valid is not None:
            last = latest.on.toordinal() + valid
            if self.today > last:
                return None
            self.watch(last + 1)
        return latest

    def answer(self, kind: str) -> str:
        """The code answered in the latest valid reading, empty when there is none."""
        found = self.reading(kind)
        return "" if found is None else found.text

    def measured(self, kind: str) -> float | None:
        """The number in the latest valid reading."""
        found = self.reading(kind)
        return None if found is None else found.value

    # --- facts ---------------------------------------------------------------------------

    def age_on(self, ordinal: int) -> int | None:
        """Completed years; a birthday on 29 February is reached on 1 March of a common year."""
        birth = self.dossier.birth_date
        if birth is None:
            return None
        age = self._ages.get(ordinal)
        if age is None:
            on = date.fromordinal(ordinal)
            age = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
            self._ages[ordinal] = age
        return age

    def last_day(self, use: Use) -> int:
        """The last day a use could still be in hand, as far as the record says."""
        return use.reach if use.end is None else use.end

    def is_current(self, end: int) -> bool:
        """Would a supply starting today still continue one that ended on this day?"""
        return self.today <= end + self.gap_days + 1

    def touching(self, episode: Episode) -> list[Use]:
        """Supplies of unknown length that may belong to the episode and lengthen it."""
        margin = self.gap_days + 1
        return [
            use
            for use in self.unclear
            if use.start <= episode.end + margin and use.reach >= episode.start - margin
        ]

    def birthday(self, age: int) -> int:
        """The day on which somebody has completed `age` years."""
        birth = self.dossier.birth_date
        try:
            return birth.replace(year=birth.year + age).toordinal()
        except ValueError:
            return date(birth.year + age, 3, 1).toordinal()

    def limit_of(self, rule_id: str, name: str):
        """A limit of another rule under this profile, None when the book does not hold it."""
        return self.rules.get(rule_id, {}).get(self.profile, {}).get(name)

    def presences(self) -> list[Presence]:
        """Every presence that a rule has asked for."""
        return [*self._presence.values(), *self._loose]

    # --- two kinds of medicine at once ---------------------------------------------------

    def presence(self, name: str) -> Presence:
        """Days with a class in hand, or "bzra", or "bzra+rescue"."""
        found = self._presence.get(name)
        if found is None:
            if name == "bzra":
                found = self._present(self.uses, self.spans)
            elif name != "bzra+rescue":
                found = self._present(self.uses_of(name))
            elif self.rescue:
                found = self._present(self.uses + self.rescue)
            else:
                found = self.presence("bzra")
            self._presence[name] = found
        return found

    def uses_of(self, name: str) -> list[Use]:
        """Uses of one class among the lines that hold no benzodiazepine or Z-drug."""
        found = self._uses.get(name)
        if found is not None:
            return found
        bit = BIT[name]
        if not self.held & bit:
            return []
        uses: list[Use] = []
        for line, recognition in self.others:
            if recognition.mask & bit:
                for ingredient in recognition.ingredients:
                    if ingredient.mask & bit and not on_the_skin(
                        line, recognition, ingredient.drug
                    ):
                        use = read(line, recognition, ingredient, self.limit)
                        if use is not None:
                            uses.append(use)
        found = self._uses[name] = dispensed_first(uses)
        return found

    def present(self, uses: list[Use]) -> Presence:
        """Days with any of these uses in hand; asked again for the same uses, the same answer."""
        key = tuple([id(use) for use in uses])
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._present(uses)
            self._loose.append(found)
        return found

    def sedatives(self, mask: int) -> Presence:
        """Days with the benzodiazepines, or the Z-drugs, in hand."""
        if all(use.mask & mask for use in self.uses):
            return self.presence("bzra")
        found = self._present(
            [use for use in self.uses if use.mask & mask],
            [span for span in self.spans if span.use.mask & mask],
        )
        self._loose.append(found)
        return found

    def _present(self, uses, spans=None):
        """`spans` are those of the known supplies, where they have been worked out already."""
        if spans is None:
            known = [use for use in uses if use.end is not None]
            spans = carry_forward(known, self.limit["carry_forward_max_days"]) if known else []
            tail = self.limit["fentanyl_patch_tail_days"]
            spans = [
                Span(span.start, span.end + tail, span.use)
                if span.use.drug.key == "fentanyl" and is_patch(span.use)
                else span
                for span in spans
            ]
        certain = possible = union([(span.start, span.end) for span in spans])
        undated = []
        if len(spans) < len(uses):
            vague = []
            for use in uses:
                if use.start is None:
                    undated.append(use)
                elif use.end is None:
                    vague.append(use)
            certain = union([*certain, *((use.start, use.least_end) for use in vague)])
            open_ended = [
                Span(use.start, OPEN if use.reach == OPEN else _until_renewed(use, uses), use)
                for use in vague
            ]
            possible = union([*possible, *((span.start, span.end) for span in open_ended)])
            spans = spans + open_ended
        return Presence(certain, possible, spans, undated)

    def together(self, a: Presence, b: Presence, at_least: int) -> Together | Unsure | None:
        """Whether `at_least` shared days count now; UNSURE where the record cannot say."""
        key = id(a), id(b), at_least
        if key not in self._compared:
            self._compared[key] = self._together(a, b, at_least)
        return self._compared[key]

    def _together(self, a: Presence, b: Presence, at_least: int) -> Together | str | None:
        if not (a.spans or a.undated) or not (b.spans or b.undated):
            return None
        shared = both(a.possible, b.possible)
        restart = self.limit["restart_gap_days"]
        sure = not (a.unsure or b.unsure)
        certain = shared if sure else both(a.certain, b.certain)
        # The latest run that counts: one still to come and too short hides no longer one today.
        for start, end in reversed(runs(shared, restart)):
            if self.today > end + restart:
                break
            first, last = self.exposure_around(a, start, end)
            days = count(certain, first, last)
            if days >= at_least or (not sure and at_least == 1):
                of_a = [span for span in a.spans if span.start <= end and span.end >= start]
                of_b = [span for span in b.spans if span.start <= end and span.end >= start]
                return Together(
                    start,
                    end,
                    days,
                    sure or count(shared, first, last) == days,
                    of_a,
                    of_b,
                    next(s for s, e in runs(b.possible, restart) if s <= start <= e),
                    names(of_a),
                    names(of_b),
                )
            if count(shared, first, last) >= at_least:
                return UNSURE
        if a.undated or b.undated:
            return UNSURE
        return None

    def exposure_around(self, a, start, end):
        """First and last day of the exposure that holds a run of shared days."""
        first, last = start, end
        for begun, ended in runs(a.possible, self.gap_days + 1):
            if begun <= end and ended >= start:
                first, last = min(first, begun), max(last, ended)
        return first, last

    def started_recently(self, start: int) -> bool:
        """In the last 28 days (the limit included), or still to come."""
        return self.today <= start + self.limit["start_window_days"]

    # --- concluding ----------------------------------------------------------------------

    def add(
        self,
        rule_id: str,
        severity: int,
        *,
        key: str,
        line_ids: tuple[int, ...],
        title: str,
        sentence: str,
        facts: tuple[Fact, ...],
        clears: str,
        unknown: str = "",
        interrupts: bool = False,
    ) -> bool:
        """Record a finding unless an exemption silences it; says whether it stands."""
        left = (
            graded(rule_id, severity, self.exemptions) if self.exemptions else SEVERITIES[severity]
        )
        if left is None:
            return False
        mode = QUEUE
        if left == Severity.S4:
            mode = NOTE
        elif interrupts and left == severity:
            mode = INTERRUPT
        self.findings.append(
            Finding(rule_id, left, mode, key, line_ids, title, sentence, facts, clears, unknown)
        )
        return True

    def say(
        self,
        rule_id: str,
        severity: int,
        *,
        title: str,
        sentence: str,
        facts: tuple = (),
        clears: str,
        uses=None,
        key: str = "",
        interrupts: bool = False,
        unknown: str = "",
    ) -> bool:
        """Record a finding about what is in use now, or about some of it (`uses`).

        Its key names the exposure; `key` adds to that what else makes it another matter.
        """
        ids = self.line_ids if uses is None else ids_of(uses)
        return self.add(
            rule_id,
            severity,
            interrupts=interrupts,
            key=f"{rule_id}:{self.anchor}{':' + key if key else ''}"[:200],
            line_ids=ids,
            title=title[:200],
            sentence=sentence,
            facts=facts or (Fact("in_use", "In use", self.in_use),),
            clears=clears,
            unknown=unknown,
        )

    def silent(self, rule_id: str) -> bool:
        """True when an exemption in force silences the rule."""
        return bool(self.exemptions) and graded(rule_id, 1, self.exemptions) is None

    def cannot_judge(self, rule_id: str, line_ids, reason: str):
        if not self.silent(rule_id):
            self.gaps.append(
                NotEvaluable(rule_id=rule_id, line_ids=tuple(sorted(set(line_ids))), reason=reason)
            )

    def length_not_known(self, rule_id: str, uses):
        """Not evaluable, because it is not known how long some supplies last; nothing without."""
        if uses:
            self.cannot_judge(
                rule_id,
                [use.line.id for use in uses],
                f"The length of supply is not known for {not_recorded(uses)}.",
            )


def _until_next(span: Span, spans: list[Span]) -> Span:
    if span.use.end is not None:
        return span
    later = [other.start - 1 for other in spans if other.start > span.start]
    return Span(span.start, min([span.end, *later]), span.use)


def _until_renewed(use: Use, uses: list[Use]) -> int:
    """The last day of a supply that is over and of unknown length: it may have lasted until the
    next of the same drug, so that a renewal does not look like a start."""
    renewals = [
        other.start
        for other in uses
        if other.drug.key == use.drug.key
        and other.start is not None
        and use.least_end < other.start <= use.reach + 1
    ]
    return min(renewals) - 1 if renewals else use.least_end


def _reading_order(reading):
    return reading.on, reading.id


def names(spans_or_uses) -> list[str]:
    """The drugs' names, each once, in order of first use."""
    first: dict[str, int] = {}
    for item in spans_or_uses:
        use = item.use if type(item) is Span else item
        name, start = use.drug.name, use.start or 0
        if name not in first or start < first[name]:
            first[name] = start
    if len(first) == 1:
        return list(first)
    return [name for _, name in sorted([(start, name) for name, start in first.items()])]


def ids_of(uses) -> tuple[int, ...]:
    """The ids of their lines, each once, in order."""
    return tuple(sorted({use.line.id for use in uses}))


def key_of(spans) -> str:
    """The drugs' keys for a finding's key, in an order that nothing moves."""
    return "+".join(sorted({span.use.drug.key for span in spans}))


def not_recorded(uses) -> str:
    """Which supplies have no recorded length: "lorazepam of 9 October 2026"."""
    found = sorted({(use.start or 0, use.drug.name) for use in uses})
    return words.listed(
        f"{name} of {words.day(start)}" if start else f"{name} (no date)" for start, name in found
    )

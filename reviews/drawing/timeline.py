"""The time line of a patient's medicines, worked out from the same spans as the rules.

Positions are in the units of the SVG's view box. The template only prints them.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from reviews.rules import equivalents, words
from reviews.rules.drug import BIT, BZRA, SUBSTITUTION
from reviews.rules.exposure import (
    OPEN,
    Span,
    both,
    carry_forward,
    dispensed_first,
    episodes,
    is_rescue,
    read,
    stretches,
    union,
)
from reviews.rules.parameters import EXPOSURE

OPIOIDS = BIT["opioid"] | BIT[SUBSTITUTION]
GABAPENTINOIDS = BIT["gabapentinoid"]
PLANNED = frozenset({"planned", "active", "paused"})
LONGEST_DAYS = 400
AHEAD_DAYS = 21
BEHIND_DAYS = 60
# More lanes than this are not read; the others are named below the drawing.
MOST_LANES = 10
# Room for a text, in units of the view box.
TIP_WIDTH, SHORT_TEXT, MARK_TEXT, MONTH_TEXT, PIN = 420, 110, 48, 56, 19
DOSE_HEIGHT = 96


@dataclass(frozen=True)
class Scale:
    """From days to positions between two edges."""

    first: int
    last: int
    left: float
    right: float

    def at(self, day):
        day = min(max(day, self.first), self.last + 1)
        width = self.right - self.left
        return round(self.left + (day - self.first) / (self.last + 1 - self.first) * width, 1)

    def width(self, start, end):
        return max(1.5, round(self.at(end + 1) - self.at(start), 1))


class Step(NamedTuple):
    """Days on which a taper plans one amount a day; `end` is OPEN where it plans no further."""

    start: int
    end: int
    mg: float


@dataclass(frozen=True)
class Lane:
    """One medicine: bars of known supply, hatched ones whose end nobody recorded, and a plan."""

    name: str
    kind: str
    spans: tuple[Span, ...]
    unclear: tuple[Span, ...]
    plan: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Level:
    """Days of one diazepam equivalent. `missing` names what it leaves out.

    `known` is false where nothing at all could be counted.
    """

    start: int
    end: int
    mg: float
    lowest: float
    highest: float
    missing: tuple[str, ...]
    known: bool

    @property
    def amount(self):
        """ "about 20 mg (15 to 30)", as far as it is known."""
        if not self.known:
            return "not known"
        text = f"{'at least' if self.missing else 'about'} {_mg(self.mg)} mg"
        low, high = _mg(self.lowest), _mg(self.highest)
        return text if low == high else f"{text} ({low} to {high})"

    @property
    def first(self):
        return date.fromordinal(self.start)

    @property
    def last(self):
        return date.fromordinal(self.end)


@dataclass(frozen=True)
class Dose:
    """The diazepam equivalent from day to day, by which tables, and what it does not count."""

    levels: tuple[Level, ...]
    plans: tuple[tuple[str, tuple[Step, ...]], ...]
    tables: tuple[str, ...]
    uncounted: tuple[str, ...]
    unplanned: tuple[str, ...]
    high_over: float | None

    @property
    def top(self):
        """The highest amount drawn."""
        amounts = [level.highest for level in self.levels if level.known]
        amounts += [step.mg for _, steps in self.plans for step in steps]
        return max(amounts, default=0)

    @property
    def source(self):
        return words.listed(self.tables)

    @property
    def left_out(self):
        return words.listed(self.uncounted)

    @property
    def not_drawn(self):
        return words.listed(self.unplanned)


@dataclass(frozen=True)
class Pin:
    """A decision on its day, by the number it has in the history."""

    day: int
    number: int
    label: str
    target: str


@dataclass(frozen=True)
class Picture:
    """Everything to draw, in days; `chart` turns it into positions for one width."""

    lanes: tuple[Lane, ...]
    episodes: tuple
    overlaps: tuple[tuple[str, int, int], ...]
    first: int
    last: int
    today: int
    mark_days: tuple[int, ...]
    dose: Dose
    folded: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = field(default=())

    @property
    def kinds(self):
        """What the key has to explain."""
        lanes, dose = self.lanes, self.dose
        return {
            "drawn": {lane.kind for lane in lanes if lane.spans},
            "supplied": any(span.end > self.today for lane in lanes for span in lane.spans),
            "unknown": any(lane.unclear for lane in lanes)
            or any(level.missing for level in dose.levels),
            "planned": any(lane.plan for lane in lanes),
            "range": any(level.highest > level.lowest for level in dose.levels),
        }

    @property
    def begins(self):
        """The first day drawn."""
        return date.fromordinal(self.first)

    @property
    def plan_ends(self):
        """The last day of the planned tapers where the drawing ends before it."""
        last = max((_plan_last(lane) for lane in self.lanes if lane.plan), default=0)
        return date.fromordinal(last) if last > self.last else None

    @property
    def charts(self):
        return [chart(self, wide=True), chart(self, wide=False)]


def picture(dossier, book, pins=()):
    """The picture of a dossier, or None when there is no medicine that any rule knows."""
    limit = book.rules[EXPOSURE][dossier.profile]
    today = dossier.as_of.toordinal()
    by_drug, drugs = {}, {}
    for line in dossier.lines:
        recognition = book.recognise(line.medicine)
        for ingredient in recognition.ingredients:
            use = read(line, recognition, ingredient, limit) if ingredient.mask else None
            if use is not None and use.start is not None:
                by_drug.setdefault(use.drug.name, []).append(use)
                drugs[use.drug.name] = (use.drug, ingredient.mask)
    plans = _plans(dossier, book, today)
    for name, (drug, _) in plans.items():
        drugs.setdefault(name, (drug, sum(BIT[each] for each in drug.classes)))
    lanes = []
    for name, (_, mask) in drugs.items():
        uses = dispensed_first(by_drug.get(name, []))
        known = [use for use in uses if use.end is not None]
        unclear = [
            Span(use.start, min(max(use.least_end, today), use.reach or OPEN), use)
            for use in uses
            if use.end is None
        ]
        carried = limit["carry_forward_max_days"] if mask & BZRA else 0
        spans = carry_forward(known, carried) if known else []
        plan = plans[name][1] if name in plans else ()
        lanes.append(Lane(name, _kind(mask), tuple(spans), tuple(unclear), plan))
    if not lanes:
        return None
    lanes.sort(key=lambda lane: (KINDS.index(lane.kind), _begins(lane), lane.name))
    sedating = [
        span
        for lane in lanes
        if lane.kind == "benzo"
        for span in lane.spans
        if not is_rescue(span.use)
    ]
    runs = episodes(sedating, limit["gap_days"])
    overlaps = [
        (lane.name, start, end)
        for lane in lanes
        if lane.kind in ("opioid", "gabapentinoid")
        for start, end in both(_days(sedating), _days(lane.spans))
    ]
    ends = [span.end for lane in lanes for span in (*lane.spans, *lane.unclear)]
    last = min(max(*ends, today, today) + 3, today + 90)
    horizon = last - LONGEST_DAYS
    begun = [_begins(lane) for lane in lanes if _ends(lane) >= horizon]
    first = max(min(begun, default=today) - 3, horizon)
    planned = max((_plan_last(lane) for lane in lanes if lane.plan), default=0)
    if planned:
        # The past stays the larger part: a long plan is drawn on its own page.
        last = max(last, min(planned + 3, today + max((today - first) // 2, BEHIND_DAYS)))
    shown, folded = _fold(lanes, first)
    return Picture(
        lanes=tuple(shown),
        episodes=tuple(run for run in runs if run.end >= first),
        overlaps=tuple(item for item in overlaps if item[2] >= first and item[0] not in folded),
        first=min(first, today - BEHIND_DAYS),
        last=max(last, today + AHEAD_DAYS),
        today=today,
        mark_days=_mark_days(book, dossier.profile),
        dose=_dose_of(dossier, book, lanes, sedating, first),
        folded=tuple(folded),
        pins=tuple(pin for pin in pins if pin.day >= first),
    )


def _mark_days(book, profile):
    """The days on which the rules on length ask for a look, under a profile."""
    steps = book.rules.get("DUR-01", {}).get(profile, {})
    days = {day for name, day in steps.items() if name in ("s2_over_days", "s3_over_days")}
    outer = book.rules.get("DUR-04", {}).get(profile, {}).get("s2_over_days")
    return tuple(sorted(days | ({outer} if outer else set())))


def _fold(lanes, first):
    """The lanes to draw, and the names of the others: over before the drawing, or one too many.

    What is no sedative goes first, what ended longest ago before the rest; a benzodiazepine or
    Z-drug within the drawing is always drawn.
    """
    shown = [lane for lane in lanes if _ends(lane) >= first]
    may_go = [lane for lane in shown if lane.kind != "benzo"]
    may_go.sort(key=lambda lane: (lane.kind != "other", _ends(lane)))
    gone = {lane.name for lane in may_go[: max(0, len(shown) - MOST_LANES)]}
    shown = [lane for lane in shown if lane.name not in gone]
    drawn = {lane.name for lane in shown}
    return shown, [lane.name for lane in lanes if lane.name not in drawn]


def _plans(dossier, book, today):
    """`{drug name: (drug, steps from today on)}` of the tapers in force."""
    plans = {}
    for taper in dossier.tapers:
        drug = book.drugs.get(taper.drug)
        if drug is None or taper.status not in PLANNED:
            continue
        steps = []
        for at, step in enumerate(taper.steps):
            following = taper.steps[at + 1 : at + 2]
            start = max(step.on.toordinal(), today)
            end = following[0].on.toordinal() - 1 if following else OPEN
            if end >= start and step.mg_per_day:
                steps.append(Step(start, end, step.mg_per_day))
        if steps:
            plans[drug.name] = (drug, tuple(steps))
    return plans


class _Held(NamedTuple):
    """What the equivalents ask of a view."""

    limit: dict
    book: object
    memo: dict


def _dose_of(dossier, book, lanes, sedating, first):
    """The diazepam equivalent over the days drawn."""
    held = _Held(book.rules[EXPOSURE][dossier.profile], book, {})
    counted = equivalents.counts(held)
    levels, tables = [], {}
    spans = [span for span in sedating if span.end >= first and span.use.mask & counted]
    for stretch in stretches(spans):
        found = equivalents.equivalent(held, stretch)
        tables.update(dict.fromkeys(found.tables))
        missing = tuple(dict.fromkeys(use.drug.name for use in found.missing))
        amounts = found.mg, found.lowest, found.highest, missing, bool(found.tables)
        _append(levels, stretch.start, stretch.end, amounts)
    # A supply whose length nobody knows may lie on any of these days.
    for lane in lanes:
        if lane.kind == "benzo":
            for span in lane.unclear:
                if span.use.mask & counted and span.end >= first:
                    levels = _unsure(levels, span, lane.name)
    plans, unplanned = [], []
    for lane in lanes:
        if lane.plan and lane.kind == "benzo":
            drug = next(drug for drug in book.drugs.values() if drug.name == lane.name)
            factor = equivalents.factor(held, drug)
            if factor is None:
                unplanned.append(lane.name)
            else:
                steps = (step._replace(mg=step.mg * factor.value) for step in lane.plan)
                plans.append((lane.name, tuple(steps)))
    return Dose(
        levels=tuple(levels),
        plans=tuple(plans),
        tables=tuple(equivalents.TABLES.get(name, name) for name in tables),
        uncounted=tuple(
            lane.name
            for lane in lanes
            if lane.kind == "benzo" and any(not span.use.mask & counted for span in lane.spans)
        ),
        unplanned=tuple(unplanned),
        high_over=book.rules.get("DOSE-05", {})
        .get(dossier.profile, {})
        .get("diazepam_high_over_mg"),
    )


def _append(levels, start, end, amounts):
    """Add days to the levels; days that only go on as before lengthen the last one."""
    before = levels[-1] if levels else None
    if before and before.end + 1 == start:
        held = before.mg, before.lowest, before.highest, before.missing, before.known
        if held == amounts:
            start = levels.pop().start
    levels.append(Level(start, end, *amounts))


def _unsure(levels, span, name):
    """The levels with one more medicine missing on the days of `span`."""
    found, at = [], span.start
    for level in levels:
        if level.start > at and at <= span.end:
            found.append(Level(at, min(level.start - 1, span.end), 0, 0, 0, (name,), False))
        for start, end in (
            (level.start, min(level.end, span.start - 1)),
            (max(level.start, span.start), min(level.end, span.end)),
            (max(level.start, span.end + 1), level.end),
        ):
            if start <= end:
                inside = span.start <= start <= span.end
                missing = dict.fromkeys((*level.missing, name)) if inside else level.missing
                amounts = level.mg, level.lowest, level.highest, tuple(missing), level.known
                _append(found, start, end, amounts)
        at = max(at, level.end + 1)
    if at <= span.end:
        found.append(Level(at, span.end, 0, 0, 0, (name,), False))
    return found


KINDS = ("benzo", "opioid", "gabapentinoid", "other")


def _kind(mask):
    if mask & BZRA:
        return "benzo"
    if mask & OPIOIDS:
        return "opioid"
    return "gabapentinoid" if mask & GABAPENTINOIDS else "other"


def _begins(lane):
    return min(span.start for span in (*lane.spans, *lane.unclear, *lane.plan))


def _ends(lane):
    return max(span.end for span in (*lane.spans, *lane.unclear, *lane.plan))


def _plan_last(lane):
    """The last day of a plan, or some days into a step that has no end."""
    step = lane.plan[-1]
    return step.start + AHEAD_DAYS if step.end == OPEN else step.end


def _mg(amount):
    return words.amount(round(amount, 1))


def _days(spans):
    return union((span.start, span.end) for span in spans)


def chart(shown, *, wide):
    """Positions for the wide or the narrow drawing."""
    width, left, row, bar = (960, 176, 34, 16) if wide else (344, 8, 46, 16)
    scale = Scale(shown.first, shown.last, left, width - 8)
    top = 82 if shown.pins else 56
    lanes, rows = [], {}
    y = top + (row if shown.episodes else 0)
    for lane in shown.lanes:
        rows[lane.name] = y
        lanes.append(
            {
                "name": words.sentence_case(lane.name),
                "dose": _dose(lane),
                "kind": lane.kind,
                "y": y,
                "text_y": y + 12 if wide else y - 5,
                "tip_y": y - 4,
                "bars": [
                    _bar(span, scale, shown.today) for span in lane.spans if span.end >= shown.first
                ],
                "unclear": [
                    {
                        "x": scale.at(span.start),
                        "width": scale.width(span.start, span.end),
                        "label": f"{span.use.drug.name} from {words.day(span.start)}: length not "
                        f"known, because {words.listed(span.use.missing)} is not recorded",
                        "line": span.use.line.id,
                        **_tip(scale.at((span.start + span.end) // 2), scale),
                    }
                    for span in lane.unclear
                ],
                "plan_y": y + bar + 3,
                "plan": [
                    {
                        "x": scale.at(step.start),
                        "width": scale.width(step.start, step.end),
                        "label": _step_label(step, lane.name),
                        **_tip(scale.at((step.start + min(step.end, shown.last)) // 2), scale),
                    }
                    for step in lane.plan
                    if step.start <= shown.last
                ],
            }
        )
        y += row
    bottom = y + 6
    dose = _dose_chart(shown, scale, bottom + (16 if wide else 34), wide=wide)
    bands = [
        {
            "x": scale.at(run.start),
            "parts": [
                _split(start, end, scale, shown.today)
                for start, end in run.covered
                if end >= shown.first
            ],
            "width": scale.width(run.start, run.end),
            "days": run.exposed_days(run.start, run.end),
            **_band_text(run, scale, shown),
            "label": f"Exposure from {words.day(run.start)} to {words.day(run.end)}: "
            f"{words.days(run.exposed_days(run.start, run.end))}",
        }
        for run in shown.episodes
    ]
    return {
        "wide": wide,
        "width": width,
        "bottom": bottom,
        "height": dose["base"] + 8 if dose else bottom,
        "left": left,
        "bar": bar,
        "band_y": top - 6,
        "lanes": lanes,
        "bands": bands,
        "dose": dose,
        "pins": _pins(shown, scale),
        **_heads(shown, scale),
        "months": _months(shown, scale),
        "ahead": {"x": scale.at(shown.today), "width": scale.width(shown.today, shown.last)},
        "shades": [
            {"x": scale.at(start), "width": scale.width(start, end)}
            for start, end in union(shared[1:] for shared in shown.overlaps)
        ],
        "overlaps": [
            {
                "label": f"{words.sentence_case(name)} together with a benzodiazepine or Z-drug "
                f"from {words.day(start)} to {words.day(end)}",
                **_beside(scale.at(start), scale.at(end + 1), scale),
                "text": f"together {words.days(end - start + 1)}",
                "text_y": rows[name] + bar - 4,
            }
            for name, start, end in shown.overlaps
        ],
    }


def _band_text(run, scale, shown):
    """How long, in the longest solid part that has room for it."""
    days = words.days(run.exposed_days(run.start, run.end))
    solid = [
        (scale.at(min(end, shown.today) + 1) - scale.at(start), start)
        for start, end in run.covered
        if end >= shown.first and start <= shown.today
    ]
    room, start = max(solid, default=(0, run.start))
    text = f"{days} from {words.day(run.start)}" if room > 190 else days
    return {"text": text, "text_x": scale.at(start), "fits": room > 60}


def _pins(shown, scale):
    """Decisions on their days; those of about one day stand beside each other."""
    pins, after = [], 0
    for pin in sorted(shown.pins, key=lambda pin: (pin.day, pin.number)):
        x = min(max(scale.at(pin.day), after), scale.right)
        after = x + PIN
        pins.append(
            {"x": x, "number": pin.number, "label": pin.label, "target": pin.target}
            | _tip(x, scale)
        )
    return pins


def _dose_chart(shown, scale, top, *, wide):
    """The step line, its range, the days not known and the plan; None without any of them."""
    dose = shown.dose
    if not dose.levels and not dose.plans:
        return None
    most, every = next(
        (each for each in DOSE_AXES if dose.top * 1.15 <= each[0]),
        (200 * (int(dose.top) // 200 + 1), 200),
    )
    base = top + DOSE_HEIGHT

    def y_of(mg):
        return round(base - mg / most * DOSE_HEIGHT, 1)

    levels = [level for level in dose.levels if level.end >= shown.first]
    now = next((level for level in levels if level.start <= shown.today <= level.end), None)
    return {
        "top": top,
        "base": base,
        "height": DOSE_HEIGHT,
        "ticks": [{"y": y_of(mg), "text": mg} for mg in range(0, most + 1, every)],
        "high": {"y": y_of(dose.high_over), "mg": _mg(dose.high_over)}
        if dose.high_over and dose.high_over <= most
        else None,
        "step": _steps(
            [(each.start, each.end, each.mg) for each in levels if each.known], scale, y_of
        ),
        "plans": [_steps(steps, scale, y_of) for _, steps in dose.plans],
        "levels": [
            {
                "x": scale.at(level.start),
                "width": scale.width(level.start, level.end),
                "unknown": bool(level.missing),
                "range_y": y_of(level.highest),
                "range_height": round(y_of(level.lowest) - y_of(level.highest), 1),
                "label": _level_label(level),
                **_tip(scale.at((level.start + level.end) // 2), scale),
            }
            for level in levels
        ],
        "now": {"x": scale.at(shown.today), "y": y_of(now.mg) - 6, "text": now.amount}
        if now and now.known
        else None,
    }


DOSE_AXES = ((10, 5), (15, 5), (20, 10), (30, 10), (40, 20), (60, 20), (100, 50), (200, 100))
"""The highest mg a day of an axis, and how far apart its lines are."""


def _step_label(step, name):
    until = "on" if step.end == OPEN else f"to {words.day(step.end)}"
    return f"Planned: {_mg(step.mg)} mg {name} a day from {words.day(step.start)} {until}"


def _level_label(level):
    without = f", without {words.listed(level.missing)}" if level.missing else ""
    return (
        f"Diazepam equivalent {level.amount}{without}, {words.day(level.start)} to "
        f"{words.day(level.end)}"
    )


def _steps(amounts, scale, y_of):
    """The path of a step line that falls to nothing between runs of days.

    What goes on beyond the drawing leaves it at its height: nothing is drawn as a sudden end.
    """
    path, reached = [], None
    for start, end, mg in amounts:
        if start > scale.last:
            break
        if reached != start - 1:
            if reached is not None:
                path.append(f"V{y_of(0)}")
            path.append(f"M{scale.at(start)} {y_of(0)}")
        path.append(f"V{y_of(mg)}H{scale.at(end + 1)}")
        reached = end
    if path and reached <= scale.last:
        path.append(f"V{y_of(0)}")
    return "".join(path)


def _split(start, end, scale, today):
    """A run of days, split at today: what is in hand after it is supplied and not yet taken."""
    return {
        "x": scale.at(start),
        "width": scale.width(start, min(end, today)) if start <= today else 0,
        "ahead_x": scale.at(max(start, today + 1)),
        "ahead_width": scale.width(max(start, today + 1), end) if end > today else 0,
    }


def _bar(span, scale, today):
    """A supply, with its dates in words for whoever points at it, focuses it or hears it read."""
    middle = scale.at((span.start + span.end) // 2)
    return {
        **_split(span.start, span.end, scale, today),
        "label": f"{span.use.line.medicine.text}, {words.day(span.start)} to "
        f"{words.day(span.end)}, {words.days(span.end - span.start + 1)}",
        **_tip(middle, scale),
        "line": span.use.line.id,
    }


def _tip(x, scale):
    """Where the words of a mark appear when somebody points at it."""
    return {"tip_x": x, "anchor": _anchor(x, scale)}


def _anchor(x, scale):
    """Where a text of some 300 units may hang without leaving the drawing."""
    if x - scale.left < TIP_WIDTH / 2:
        return "start"
    return "end" if scale.right - x < TIP_WIDTH / 2 else "middle"


def _beside(start, end, scale):
    """A short text before a stretch where there is room for it, else after it, else within it."""
    if start - scale.left > SHORT_TEXT:
        return {"text_x": start - 5, "anchor": "end"}
    if scale.right - end > SHORT_TEXT:
        return {"text_x": end + 5, "anchor": "start"}
    return {"text_x": scale.left + 5, "anchor": "start"}


def _dose(lane):
    """The newest dose of a lane, in words."""
    recorded = (*lane.spans, *lane.unclear)
    if not recorded:
        return "planned"
    return dose_in_words(max(recorded, key=lambda span: span.start).use.line)


def last_day(line, recognition, book, profile):
    """The last day of supply as a date, or None when the record does not say."""
    limit = book.rules[EXPOSURE][profile]
    for ingredient in book.recognise(line.medicine).ingredients:
        use = read(line, recognition, ingredient, limit)
        return None if use is None or use.end is None else date.fromordinal(use.end)
    return line.end_on


def dose_in_words(line):
    """ "1 tablet twice a day"; empty when no dose was recorded."""
    if line.dose is None:
        return ""
    amount = f"{words.amount(line.dose)} {line.dose_unit or ''}".strip()
    if line.dose != 1 and line.dose_unit in ("tablet", "capsule", "patch", "drop", "spray", "unit"):
        amount += "s" if line.dose_unit != "patch" else "es"
    if line.as_needed:
        most = f", at most {words.amount(line.max_per_day)} a day" if line.max_per_day else ""
        return f"{amount} if needed{most}"
    if line.times_per_day is None:
        return amount
    often = {1: "once a day", 2: "twice a day", 0.5: "every other day"}.get(
        line.times_per_day, f"{words.amount(line.times_per_day)} times a day"
    )
    return f"{amount} {often}"


def _heads(shown, scale):
    """The upright lines with a word above them: today and the days that rules name.

    The days are exposed days of the latest episode.
    """
    today = scale.at(shown.today)
    run = shown.episodes[-1] if shown.episodes else None
    marks = []
    for target in shown.mark_days if run else ():
        left = target
        for start, end in run.covered:
            if left <= end - start + 1:
                if start + left - 1 >= shown.first:
                    marks.append({"x": scale.at(start + left - 1), "text": f"day {target}"})
                break
            left -= end - start + 1
    for mark in marks:
        near = abs(mark["x"] - today) < MARK_TEXT
        mark["anchor"] = ("end" if mark["x"] <= today else "start") if near else "middle"
    before = any(mark["anchor"] == "end" for mark in marks)
    after = any(mark["anchor"] == "start" for mark in marks)
    anchor = "start" if before else "end" if after else "middle"
    # Where two marks are too close for both words, the later one keeps its own.
    for mark, later in pairwise(marks):
        mark["quiet"] = _right(mark) > _right(later) - MARK_TEXT
    return {"marks": marks, "today": {"x": today, "anchor": anchor}}


def _right(mark):
    """Where the word of a mark ends."""
    return mark["x"] + {"start": MARK_TEXT, "middle": MARK_TEXT / 2, "end": 0}[mark["anchor"]]


def _months(shown, scale):
    """The first of each month; fewer labels when they would touch."""
    first = date.fromordinal(shown.first).replace(day=1)
    months = []
    day = first
    while day.toordinal() <= shown.last:
        if day.toordinal() >= shown.first:
            months.append(day)
        day = (day.replace(day=28) + timedelta(days=7)).replace(day=1)
    every = max(1, ceil(len(months) * MONTH_TEXT / (scale.right - scale.left)))
    shown_months = months[::every]
    # The year stands beside January, and beside the first month unless January is next.
    first_says = len(shown_months) < 2 or shown_months[1].month != 1
    return [
        {
            "x": scale.at(month.toordinal()),
            "text": f"{month:%b %Y}"
            if month.month == 1 or (month == months[0] and first_says)
            else f"{month:%b}",
        }
        for month in shown_months
    ]

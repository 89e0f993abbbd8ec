"""The time line of a patient's medicines, worked out from the same spans as the rules.

Positions are in the units of the SVG's view box. The template only prints them.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from reviews.rules import words
from reviews.rules.drug import BIT, BZRA, SUBSTITUTION
from reviews.rules.exposure import OPEN, Span, both, carry_forward, episodes, is_rescue, read, union
from reviews.rules.parameters import EXPOSURE
from reviews.rules.view import see

OPIOIDS = BIT["opioid"] | BIT[SUBSTITUTION]
GABAPENTINOIDS = BIT["gabapentinoid"]
MARK_DAYS = (28, 120)
LONGEST_DAYS = 400
AHEAD_DAYS = 21
# Room for a text, in units of the view box.
TIP_WIDTH, SHORT_TEXT, MARK_TEXT = 420, 110, 48
BEHIND_DAYS = 60


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


@dataclass(frozen=True)
class Lane:
    """One medicine: bars of known supply, and hatched ones whose end nobody recorded."""

    name: str
    kind: str
    spans: tuple[Span, ...]
    unclear: tuple[Span, ...]


@dataclass(frozen=True)
class Picture:
    """Everything to draw, in days; `chart` turns it into positions for one width."""

    lanes: tuple[Lane, ...]
    episodes: tuple
    overlaps: tuple[tuple[str, int, int], ...]
    first: int
    last: int
    today: int

    @property
    def kinds(self):
        """What the key has to explain."""
        lanes = self.lanes
        return {
            "drawn": {lane.kind for lane in lanes if lane.spans},
            "supplied": any(span.end > self.today for lane in lanes for span in lane.spans),
            "unknown": any(lane.unclear for lane in lanes),
        }

    @property
    def charts(self):
        return [chart(self, wide=True), chart(self, wide=False)]


def picture(dossier, book):
    """The picture of a dossier, or None when there is no medicine that any rule knows."""
    limit = book.rules[EXPOSURE][dossier.profile]
    today = dossier.as_of.toordinal()
    by_drug, masks = {}, {}
    for line in dossier.lines:
        seen = see(book, line.medicine)
        for ingredient in seen.ingredients:
            use = read(line, seen.recognition, ingredient, limit) if ingredient[2] else None
            if use is not None and use.start is not None:
                by_drug.setdefault(use.drug.name, []).append(use)
                masks[use.drug.name] = ingredient[2]
    lanes = []
    for name, uses in by_drug.items():
        known = [use for use in uses if use.end is not None]
        unclear = [
            Span(use.start, min(max(use.least_end, today), use.reach or OPEN), use)
            for use in uses
            if use.end is None
        ]
        carried = limit["carry_forward_max_days"] if masks[name] & BZRA else 0
        spans = carry_forward(known, carried) if known else []
        lanes.append(Lane(name, _kind(masks[name]), tuple(spans), tuple(unclear)))
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
    last = min(max(*ends, today) + 3, today + 90)
    first = max(min(_begins(lane) for lane in lanes) - 3, last - LONGEST_DAYS)
    return Picture(
        lanes=tuple(lane for lane in lanes if _ends(lane) >= first),
        episodes=tuple(run for run in runs if run.end >= first),
        overlaps=tuple(item for item in overlaps if item[2] >= first),
        first=min(first, today - BEHIND_DAYS),
        last=max(last, today + AHEAD_DAYS),
        today=today,
    )


KINDS = ("benzo", "opioid", "gabapentinoid", "other")


def _kind(mask):
    if mask & BZRA:
        return "benzo"
    if mask & OPIOIDS:
        return "opioid"
    return "gabapentinoid" if mask & GABAPENTINOIDS else "other"


def _begins(lane):
    return min(span.start for span in (*lane.spans, *lane.unclear))


def _ends(lane):
    return max(span.end for span in (*lane.spans, *lane.unclear))


def _days(spans):
    return union((span.start, span.end) for span in spans)


def chart(shown, *, wide):
    """Positions for the wide or the narrow drawing."""
    width, left, row, bar = (960, 176, 34, 16) if wide else (344, 8, 46, 16)
    scale = Scale(shown.first, shown.last, left, width - 8)
    top = 56
    lanes, rows = [], {}
    y = top + (row if shown.episodes else 0)
    for lane in shown.lanes:
        rows[lane.name] = y
        text_y = y + 12 if wide else y - 5
        lanes.append(
            {
                "name": words.sentence_case(lane.name),
                "dose": _dose(lane),
                "kind": lane.kind,
                "y": y,
                "text_y": text_y,
                "bars": [_bar(span, scale, shown.today) for span in lane.spans],
                "unclear": [
                    {
                        "x": scale.at(span.start),
                        "width": scale.width(span.start, span.end),
                        "label": f"{span.use.drug.name} from {words.day(span.start)}: length not "
                        f"known, because {words.listed(span.use.missing)} is not recorded",
                        "line": span.use.line.id,
                    }
                    for span in lane.unclear
                ],
            }
        )
        y += row
    height = y + 6
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
            "text": f"{words.days(run.exposed_days(run.start, run.end))} from "
            f"{words.day(run.start)}",
            "fits": scale.width(run.start, min(run.end, shown.today)) > 190,
            "label": f"Exposure from {words.day(run.start)} to {words.day(run.end)}: "
            f"{words.days(run.exposed_days(run.start, run.end))}",
        }
        for run in shown.episodes
    ]
    return {
        "wide": wide,
        "width": width,
        "height": height,
        "left": left,
        "bar": bar,
        "band_y": top - 6,
        "lanes": lanes,
        "bands": bands,
        **_heads(shown, scale),
        "months": _months(shown, scale),
        "ahead": {"x": scale.at(shown.today), "width": scale.width(shown.today, shown.last)},
        "overlaps": [
            {
                "x": scale.at(start),
                "width": scale.width(start, end),
                "label": f"{words.sentence_case(name)} together with a benzodiazepine or Z-drug "
                f"from {words.day(start)} to {words.day(end)}",
                **_beside(scale.at(start), scale.at(end + 1), scale),
                "text": f"together {words.days(end - start + 1)}",
                "text_y": rows[name] + bar - 4,
            }
            for name, start, end in shown.overlaps
        ],
    }


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
        "tip_x": middle,
        "anchor": _anchor(middle, scale),
        "line": span.use.line.id,
    }


def _anchor(x, scale):
    """Where a text of some 300 units may hang without leaving the drawing."""
    if x - scale.left < TIP_WIDTH / 2:
        return "start"
    return "end" if scale.right - x < TIP_WIDTH / 2 else "middle"


def _beside(start, end, scale):
    """A short text before a stretch where there is room for it, else after it."""
    if start - scale.left > SHORT_TEXT:
        return {"text_x": start - 5, "anchor": "end"}
    return {"text_x": end + 5, "anchor": "start"}


def _dose(lane):
    """The newest dose of a lane, in words."""
    newest = max((*lane.spans, *lane.unclear), key=lambda span: span.start).use.line
    return dose_in_words(newest)


def last_day(line, recognition, book, profile):
    """The last day of supply as a date, or None when the record does not say."""
    limit = book.rules[EXPOSURE][profile]
    for ingredient in see(book, line.medicine).ingredients:
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
    """The upright lines with a word above them: today, day 28 and day 120, none upon another.

    The days are exposed days of the latest episode.
    """
    today = scale.at(shown.today)
    run = shown.episodes[-1] if shown.episodes else None
    marks = []
    for target in MARK_DAYS if run else ():
        left = target
        for start, end in run.covered:
            if left <= end - start + 1:
                marks.append({"x": scale.at(start + left - 1), "text": f"day {target}"})
                break
            left -= end - start + 1
    for mark in marks:
        near = abs(mark["x"] - today) < MARK_TEXT
        mark["anchor"] = ("end" if mark["x"] <= today else "start") if near else "middle"
    before = any(mark["anchor"] == "end" for mark in marks)
    after = any(mark["anchor"] == "start" for mark in marks)
    anchor = "start" if before else "end" if after else "middle"
    return {"marks": marks, "today": {"x": today, "anchor": anchor}}


def _months(shown, scale):
    """The first of each month; fewer labels when they would touch."""
    first = date.fromordinal(shown.first).replace(day=1)
    months = []
    day = first
    while day.toordinal() <= shown.last:
        if day.toordinal() >= shown.first:
            months.append(day)
        day = (day.replace(day=28) + timedelta(days=7)).replace(day=1)
    every = max(1, round(len(months) * 46 / (scale.right - scale.left)))
    return [
        {
            "x": scale.at(month.toordinal()),
            "text": f"{month:%b %Y}" if month.month == 1 or month == months[0] else f"{month:%b}",
        }
        for n, month in enumerate(months)
        if n % every == 0
    ]

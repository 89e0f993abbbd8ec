"""The drawing of a taper: the planned dose by day, and what was prescribed beside it."""

import math
from datetime import timedelta
from decimal import Decimal

from reviews.drawing.timeline import Scale
from reviews.rules import words

HEIGHT, TOP, BASE = 170, 26, 140
BEFORE_DAYS, AFTER_DAYS = 28, 21
LABEL_WIDTH = 60
LONG_TEXT = 110


def charts(planned, supplied, today):
    """Positions for the wide and the narrow drawing, and the words that say the same."""
    return {
        "said": _said(planned),
        "drawn": [_chart(planned, supplied, today, wide=wide) for wide in (True, False)],
        "prescribed": bool(supplied),
    }


def _chart(planned, supplied, today, *, wide):
    width = 1000 if wide else 344
    first = min(planned.steps[1].on, today) - timedelta(days=BEFORE_DAYS)
    last = max(planned.ends_on, today) + timedelta(days=AFTER_DAYS)
    scale = Scale(first.toordinal(), last.toordinal(), 34, width - 8)
    highest = max([step.mg for step in planned.steps] + [row.mg or 0 for row in supplied])

    def at(day):
        return scale.at(day.toordinal())

    def up(mg):
        return round(BASE - float(mg / highest) * (BASE - TOP), 1)

    line = f"M{at(max(planned.steps[0].on, first))} {up(planned.steps[0].mg)}"
    for step in planned.steps[1:]:
        line += f"H{at(step.on)}V{up(step.mg)}"
    if planned.steps[-1].mg:
        line += f"H{at(last)}"
    return {
        "wide": wide,
        "width": width,
        "height": HEIGHT,
        "base": BASE,
        "right": width - 8,
        "plan": line,
        "prescribed": [
            f"M{at(max(row.start, first))} {up(row.mg)}H{at(row.end + timedelta(days=1))}"
            for row in supplied
            if row.mg is not None and row.end >= first
        ],
        "doses": [{"y": up(mg), "text": words.amount(float(mg))} for mg in _marks(highest)],
        "months": _months(first, last, scale),
        "today": {"x": at(today), **_anchor(at(today), scale)},
        "half": _mark(planned.half_on, "half:", scale),
        "end": _mark(None if planned.steps[-1].mg else planned.ends_on, "ends", scale),
    }


def _said(planned):
    begin, end = planned.steps[0], planned.steps[-1]
    said = f"Planned dose of {planned.drug}: {words.amount(float(begin.mg))} mg a day"
    if end.mg:
        return f"{said}, paused at {words.amount(float(end.mg))} mg"
    ends, half = (words.day(on.toordinal()) for on in (end.on, planned.half_on))
    steps = planned.reductions
    return f"{said}, coming down in {steps} steps to none on {ends}; half of it on {half}"


def _marks(highest):
    """Nought and up to four round amounts below the highest."""
    step = next(
        Decimal(n).scaleb(power)
        for power in range(-4, 4)
        for n in (1, 2, 5)
        if highest <= 4 * Decimal(n).scaleb(power)
    )
    return [step * n for n in range(int(highest / step) + 1)]


def _months(first, last, scale):
    every = math.ceil((last - first).days / 30.4 * LABEL_WIDTH / (scale.right - scale.left))
    marks, month, n = [], (first.replace(day=28) + timedelta(days=7)).replace(day=1), 0
    while month <= last:
        if n % every == 0:
            text = f"{month:%b %Y}" if month.month == 1 or not marks else f"{month:%b}"
            marks.append({"x": scale.at(month.toordinal()), "text": text})
        month, n = (month.replace(day=28) + timedelta(days=7)).replace(day=1), n + 1
    return marks


def _anchor(x, scale):
    """A label right of its line, or left of it where the drawing ends."""
    if scale.right - x < LONG_TEXT:
        return {"text_x": x - 5, "anchor": "end"}
    return {"text_x": x + 5, "anchor": "start"}


def _mark(day, word, scale):
    """An upright line with the day beside it; None for a day there is not."""
    if day is None:
        return None
    x = scale.at(day.toordinal())
    return {"x": x, "text": f"{word} {day:%-d %b %Y}", **_anchor(x, scale)}

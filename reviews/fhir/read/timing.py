"""How often, and from when to when: FHIR's Timing as a rate a day and days.

Everything that a Timing can hold is read here; `ELEMENTS` says as what. A rate is a fraction, so
that once a week is 1/7 and not 0.1429. What contradicts itself or is no rate is said in `notes`,
and the rate stays unknown: never the smaller or the larger guess.
"""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from reviews.fhir.read import words
from reviews.fhir.read.resources import Concept, Repeat, Timing
from reviews.rules import directions

ELEMENTS = {
    "event": "the day and time of a single dose, or the first and the last day and the doses a day",
    "repeat.boundsPeriod": "the first and the last day",
    "repeat.boundsDuration": "the last day, counted from the first",
    "repeat.boundsRange": "the last day where both ends are one; else noted",
    "repeat.count, countMax": "the last day, where the rate is known",
    "repeat.duration, durationMax, durationUnit": (
        "how long one dose takes, which no rule asks; days on which the next dose is due as well, "
        "beside no bounds, are the length of the course, as some systems send it, and noted"
    ),
    "repeat.frequency, frequencyMax": "times a period, both ends of a range",
    "repeat.period, periodMax, periodUnit": "the period, both ends of a range, every unit of time",
    "repeat.dayOfWeek": "days of the week: they name a weekly rate and divide a daily one",
    "repeat.timeOfDay, when": "doses of a day, where the rate does not say more",
    "repeat.offset": "how long before or after a meal, which no rule asks",
    "code": "a rate by its code or its words, beside or without a repeat; PRN is as needed",
}
"""Each element of a Timing, and as what it is read."""

MOST_PER_DAY = 96
# http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation and timing-abbreviation, with the Latin
# and British abbreviations that systems send in their place. Q8H, Q2D and the like are read too.
CODES = {
    **dict.fromkeys(("QD", "OD", "ON", "OM", "AM", "PM", "HS", "QHS", "BED", "NOCTE", "MANE"), 1),
    **dict.fromkeys(("QAM", "QPM", "OMNE NOCTE", "OMNE MANE", "DAILY", "ONCE DAILY"), 1),
    **dict.fromkeys(("BID", "BD", "BDS"), 2),
    **dict.fromkeys(("TID", "TDS", "TD"), 3),
    **dict.fromkeys(("QID", "QDS"), 4),
    **dict.fromkeys(("QOD", "EOD", "ALT DIE"), Fraction(1, 2)),
    **dict.fromkeys(("WK", "QW", "QWK"), Fraction(1, 7)),
    "MO": Fraction(1, 30),
}
EVERY = re.compile(r"Q(\d+)(H|D|W)")
EVERY_DAYS = {"H": Fraction(1, 24), "D": Fraction(1), "W": Fraction(7)}
AS_NEEDED = ("PRN", "SOS")
ONCE = ("STAT", "ONCE")
DAYS_OF_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# http://hl7.org/fhir/event-timing and http://terminology.hl7.org/CodeSystem/v3-TimingEvent
WHEN = frozenset(
    {
        *("MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "PHS"),
        *("EVE", "EVE.early", "EVE.late", "NIGHT", "HS", "WAKE", "C", "CM", "CD", "CV"),
        *("AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"),
    }
)
# Before, with or after every meal: how many these are in a day is not said.
MEALS = ("C", "AC", "PC")
WHOLE_WEEK = 7


@dataclass(slots=True)
class Timed:
    """`times` to `times_max` a day, equal where there is no range; None: not told.

    `last` is the last day; `days` how many there are from the first one, where `last` cannot be
    told without knowing the first. `minute` is the time of the first dose after midnight, and
    `by_events` says that the rate is what is named of days and times, without a number.
    """

    times: Fraction | None = None
    times_max: Fraction | None = None
    first: date | None = None
    last: date | None = None
    days: int | None = None
    minute: int | None = None
    as_needed: bool = False
    by_events: bool = False
    notes: list[str] = field(default_factory=list)

    def rate(self, low: Fraction | None, high: Fraction) -> None:
        if high > MOST_PER_DAY:
            self.notes.append(f"{float(high):,.0f} times a day is no rate of doses: left out")
        else:
            self.times, self.times_max = low, high


def read(timing: Timing) -> Timed:
    """What a Timing says."""
    timed = Timed()
    _events(timed, timing)
    repeat = timing.repeat
    if repeat is not None:
        _bounds(timed, repeat)
        _rate(timed, repeat)
    _code(timed, timing.code)
    if repeat is not None:
        _count(timed, repeat)
        _duration(timed, repeat)
    return timed


def _events(timed: Timed, timing: Timing) -> None:
    days = sorted(day for said in timing.event if (day := words.day(said)))
    if len(days) < len(timing.event):
        timed.notes.append("a day of the timing is only part of a date: left as not known")
    if not days:
        return
    timed.first = days[0]
    if at := words.time_of_day(min(timing.event)):
        timed.minute = at.hour * 60 + at.minute
    if len(timing.event) == 1:
        if timing.repeat is not None:
            return
        timed.notes.append("the timing is not a number of times a day: kept as text only")
        return
    if len(days) < len(timing.event):
        return
    timed.last = days[-1]
    many = Fraction(len(days), (days[-1] - days[0]).days + 1)
    if {days.count(day) for day in days} == {many}:
        timed.rate(many, many)
    else:
        timed.notes.append("its days are not evenly spread: the times a day are not known")


def _bounds(timed: Timed, repeat: Repeat) -> None:
    """The time over which the medicine is to be taken."""
    if period := repeat.boundsPeriod:
        first, last = (
            _day(timed, name, said)
            for name, said in (
                ("boundsPeriod.start", period.start),
                ("boundsPeriod.end", period.end),
            )
        )
        if first and last and last < first:
            timed.notes.append(f"ends on {last} before it begins on {first}: the end is left out")
            last = None
        timed.first, timed.last = first or timed.first, last
    elif repeat.boundsDuration is not None:
        timed.days = words.days(repeat.boundsDuration, up=True)
        if timed.days is None:
            timed.notes.append("the time over which it is taken has no known unit: not kept")
    elif repeat.boundsRange is not None:
        low, high = (
            words.days(end, up=True) for end in (repeat.boundsRange.low, repeat.boundsRange.high)
        )
        if low == high:
            timed.days = low
        else:
            timed.notes.append(
                f"is taken over {low or '?'} to {high or '?'} days: the last day is not known"
            )


def _day(timed: Timed, name: str, said: str) -> date | None:
    day = words.day(said)
    if said and day is None:
        timed.notes.append(f"{name} “{said}” is only part of a date: left as not known")
    return day


def _rate(timed: Timed, repeat: Repeat) -> None:
    """The rate that the numbers of a repeat, its days of the week and times of day come to."""
    if problem := _contradiction(repeat):
        timed.notes.append(f"{problem}: the times a day are not known")
        return
    events = _events_of_a_day(repeat)
    weekdays = len({_weekday(day) for day in repeat.dayOfWeek})
    timed.by_events = bool(events or weekdays) and repeat.frequency is None and not repeat.period
    if repeat.period and not repeat.periodUnit:
        timed.notes.append("the timing has a period without a unit: kept as text only")
        return
    if repeat.frequency and not repeat.period:
        if not events and not weekdays:
            timed.notes.append("the timing has no period: kept as text only")
        elif events:
            _both(timed, repeat, events, Fraction(1), weekdays)
        return
    if not repeat.period or not repeat.periodUnit:
        if repeat.period == 0:
            timed.notes.append("the timing has a period of nought: kept as text only")
        elif events or weekdays:
            # "At night", or "on Mondays": one dose each.
            share = Fraction(weekdays or WHOLE_WEEK, WHOLE_WEEK)
            timed.rate((events or 1) * share, (events or 1) * share)
        return
    shortest = Fraction(repeat.period).limit_denominator(1000) * words.DAYS[repeat.periodUnit]
    longest = shortest
    if repeat.periodMax:
        longest = Fraction(repeat.periodMax).limit_denominator(1000) * words.DAYS[repeat.periodUnit]
    if longest < shortest:
        timed.notes.append("the period ends before it begins: kept as text only")
        return
    if weekdays and shortest % WHOLE_WEEK == 0 and shortest == longest:
        _weekly(timed, repeat, shortest, weekdays, events)
    elif weekdays and (shortest != 1 or longest != 1):
        timed.notes.append("the days of the week do not fit its period: kept as text only")
    elif shortest < 1:
        low, high = _frequency(repeat)
        timed.rate(_share(low, 1 / longest), high / shortest)
    elif shortest == longest:
        _both(timed, repeat, events, shortest, weekdays)
    else:
        low, high = _frequency(repeat)
        timed.rate(_share(low, 1 / longest), high / shortest)


def _contradiction(repeat: Repeat) -> str:
    """What of a repeat cannot be, or is not known; empty where there is nothing."""
    often, most = repeat.frequency, repeat.frequencyMax
    for number in (often, most):
        if number is not None and number < 1:
            return f"says {number} times"
    if often is not None and most is not None and most < often:
        return f"says {often} times, and at most {most}"
    if unknown := [day for day in repeat.dayOfWeek if _weekday(day) not in DAYS_OF_WEEK]:
        return f"“{unknown[0]}” is no day of the week that is known"
    if unknown := [each for each in repeat.when if each not in WHEN]:
        return f"“{unknown[0]}” is no time of day that is known"
    if repeat.when and not repeat.period and not _events_of_a_day(repeat):
        return "is taken with meals, whose number is not said"
    return ""


def _weekday(day: str) -> str:
    return day.strip().lower()[:3]


def _frequency(repeat: Repeat) -> tuple[int | None, int]:
    """The lower and the higher frequency: without the lower one it is "up to" the higher."""
    if repeat.frequency is None and repeat.frequencyMax is not None:
        return None, repeat.frequencyMax
    low = repeat.frequency or 1
    return low, repeat.frequencyMax or low


def _events_of_a_day(repeat: Repeat) -> int:
    """How many doses of a day are named by their time; nought when none is."""
    when = set(repeat.when)
    if when & {*MEALS}:
        return 0
    return len(when) or len(set(repeat.timeOfDay))


def _both(timed: Timed, repeat: Repeat, events: int, period_days: Fraction, weekdays: int) -> None:
    """A frequency in a period of whole days, beside doses named by their time of day."""
    low, high = _frequency(repeat)
    if events > 1 and low is not None and low > 1 and not low <= events <= high:
        timed.notes.append(
            f"names {events} times of the day and says {low}: the times a day are not known"
        )
        return
    if events > high:
        # Once a period, at each of the times that are named.
        low = high = events
    share = Fraction(weekdays or WHOLE_WEEK, WHOLE_WEEK) / period_days
    timed.rate(_share(low, share), high * share)


def _share(low: int | None, share: Fraction) -> Fraction | None:
    return None if low is None else low * share


def _weekly(
    timed: Timed, repeat: Repeat, period_days: Fraction, weekdays: int, events: int
) -> None:
    """A weekly frequency, whose days are named: they do not multiply it."""
    low, high = _frequency(repeat)
    if low == high == 1:
        # "Once a week on Monday"; with more days than one, once on each of them or once in all.
        high = weekdays
    elif high > weekdays and not events:
        timed.notes.append(
            f"is taken {high} times on {weekdays} days: whether at once is not known"
        )
    if low != high and repeat.frequencyMax is None:
        timed.notes.append(
            f"names {weekdays} days for once a week: once on each of them at the most"
        )
    timed.rate(_share(low, 1 / period_days), high / period_days)


def _code(timed: Timed, code: Concept) -> None:
    """What the code says, where the repeat does not; a contradiction is noted."""
    said = [*(coding.code for coding in code.coding), code.text]
    said += [coding.display for coding in code.coding]
    said = [" ".join(each.split()) for each in said if each.strip()]
    read = [found for each in said if (found := _by_code(each))]
    told = next((found for found in read if found.times_max), read[0] if read else None)
    if len({(found.times, found.times_max) for found in read if found.times_max}) > 1:
        timed.as_needed = timed.as_needed or any(found.as_needed for found in read)
        if timed.times_max is None or timed.by_events:
            timed.times = timed.times_max = None
            timed.notes.append(
                f"its codes say several rates ({', '.join(said)}): kept as text only"
            )
        else:
            timed.notes.append(f"its code “{code.words}” differs from its numbers, which are used")
        return
    if told is None:
        if said and timed.times is None and not _only_as_needed(timed, said):
            timed.notes.append(f"the timing “{code.words}” is not understood: kept as text only")
        return
    timed.as_needed = timed.as_needed or any(found.as_needed for found in read)
    if told.times_max is None:
        return
    if timed.times_max is None:
        timed.times, timed.times_max = told.times, told.times_max
    elif (timed.times, timed.times_max) == (told.times, told.times_max):
        return
    elif timed.by_events and told.times_max == 1:
        # "On Mondays" and "at bedtime" agree.
        return
    elif timed.by_events:
        timed.times = timed.times_max = None
        timed.notes.append(
            f"its code “{code.words}” differs from the times that it names:"
            " the times a day are not known"
        )
    else:
        timed.notes.append(f"its code “{code.words}” differs from its numbers, which are used")


def _only_as_needed(timed: Timed, said: list[str]) -> bool:
    upper = {each.upper().replace(".", "") for each in said}
    if upper & {*ONCE}:
        timed.notes.append("is given once: how long the supply lasts is not known")
        return True
    return False


def _by_code(said: str) -> Timed | None:
    """The rate of a code or of words in its place."""
    code = said.upper().replace(".", "")
    if code in AS_NEEDED:
        return Timed(as_needed=True)
    if code in CODES:
        times = Fraction(CODES[code])
        return Timed(times, times)
    if (found := EVERY.fullmatch(code)) and int(found[1]):
        times = 1 / (int(found[1]) * EVERY_DAYS[found[2]])
        return Timed(times, times) if times <= MOST_PER_DAY else None
    # The words say no dose; one that is put before them does not change how often.
    told = directions.read(f"1 {said}")
    if told is None or (told.times_max is None and not told.as_needed):
        return None
    return Timed(told.times, told.times_max, as_needed=told.as_needed)


def _count(timed: Timed, repeat: Repeat) -> None:
    """So many doses and no more: the days that they last at the rate."""
    if not repeat.count or timed.last or timed.days is not None:
        return
    if timed.times is None or timed.times != timed.times_max or repeat.countMax:
        timed.notes.append(f"is {repeat.count} doses: the last day is not known")
        return
    timed.days = -(-Fraction(repeat.count) // timed.times)


def _duration(timed: Timed, repeat: Repeat) -> None:
    """How long one dose takes, or the length of a course that was put in its place."""
    if repeat.duration is None or repeat.durationUnit is None:
        return
    long = Fraction(repeat.durationMax or repeat.duration) * words.DAYS[repeat.durationUnit]
    if long < 1 or (timed.times and long <= 1 / timed.times):
        # A patch that is worn until the next one.
        return
    if timed.last or timed.days is not None or repeat.durationMax or timed.times is None:
        timed.notes.append("says that one dose takes days: not kept")
        return
    timed.days = int(long)
    timed.notes.append(f"a duration of {timed.days} days is read as the length of the course")


def last_day(timed: Timed, written_on: date | None) -> date | None:
    """The last day of use, counted from the first day or from the day it was written."""
    if timed.last or timed.days is None:
        return timed.last
    begun = timed.first or written_on
    return begun + timedelta(days=timed.days - 1) if begun and timed.days > 0 else None

"""Directions in words: "one or two at night when required", "1 tds prn", "2 mane and 1 nocte".

Read from left to right, phrase by phrase; a single word that is not understood leaves everything
as words. Nothing is guessed: "reduce by 1 mg every 2 weeks", "as directed" and "2 now, then 1" stay
text. English with the Latin and British abbreviations, and the dashes of "1-0-1".
"""

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from reviews.rules.dossier import Line
from reviews.rules.forms import COUNTED
from reviews.rules.quantities import UNITS as COUNTED_IN
from reviews.rules.recognise import plain

LONGEST = 300
"""Characters of a text that is read at all."""


class Directions(NamedTuple):
    """What directions come to; None where they do not say.

    `dose` to `dose_max` each time, in `unit` ("" where a number counts what the product is), and
    `times` to `times_max` a day; both ends are equal where there is no range, and a lower end is
    None where only "up to" is said. `max_per_day` is in `unit`. Several doses of a day ("2 mane, 1
    nocte") are given as their sum, once a day. `days` is how long it is to be taken.
    """

    dose: Fraction | None
    dose_max: Fraction | None
    unit: str
    times: Fraction | None
    times_max: Fraction | None
    as_needed: bool
    max_per_day: Fraction | None
    days: int | None


class NotUnderstood(Exception):
    """A word or a combination that is left as text."""


@lru_cache(maxsize=20_000)
def read(text: str) -> Directions | None:
    """What directions in words say, or None where any part of them is not understood."""
    said = _tidy(text)
    if not said or len(said) > LONGEST:
        return None
    if found := _DASHES.fullmatch(said):
        return _dashes(found["amounts"], found["unit"] or "")
    try:
        return _Reader(said).directions()
    except NotUnderstood:
        return None


def _tidy(text: str) -> str:
    """Lower case, without accents, full stops of abbreviations and needless spaces."""
    for sign, digits in {
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "–": "-",
        "—": "-",
        "×": "x",
    }.items():
        text = text.replace(sign, digits)
    said = re.sub(r"\b(?:[a-z]\.){2,}", lambda dotted: dotted[0].replace(".", ""), plain(text))
    said = _MISSPELT.sub(lambda found: _SPELLING[found[0]], said)
    said = _SAID_TWICE.sub(_said_once, said)
    said = _IN_24_HOURS.sub(" in 24 ", _GLUED.sub(" ", said))
    # A point at the beginning belongs to its number: ".5 mg".
    return " ".join(said.split()).lstrip(" ;").rstrip(" ;,").rstrip(".-")


_MISTYPED = {
    "daily": "dialy daliy dayly dailly",
    "tablet": "tablt tabelt tabet talbet",
    "tablets": "tablts tabelts tabets talbets",
    "capsule": "capsul capsle",
    "twice": "twce twise tiwce",
    "night": "nite nigth nihgt",
    "nocte": "noct nocet",
    "every day": "everyday",
    "required": "requried requierd requred reqired",
    "necessary": "neccessary necesary neccesary",
    "morning": "moring mornng",
    "take": "tk tke",
    "bd": "bds",
}
_SPELLING = {wrong: right for right, words in _MISTYPED.items() for wrong in words.split()}
"""Words as they are often mistyped, none of which is another word."""
_MISSPELT = re.compile(rf"\b(?:{'|'.join(_SPELLING)})\b")
# "2 (two) times daily".
_SAID_TWICE = re.compile(r"\b(\d+) ?\(([a-z]+)\)")
# "1tds", "5mg bd" has its space already.
_IN_24_HOURS = re.compile(r"(?<=\d) ?/ ?24 ?(?=h)")
_GLUED = re.compile(r"(?<=\d)(?=(?:od|om|on|bd|bid|tds|tid|qds|qid|nocte|mane|prn)\b)")


def _said_once(found: re.Match[str]) -> str:
    return found[1] if _WORDS.get(found[2]) == int(found[1]) else found[0]


# --- numbers ---------------------------------------------------------------------------------

_UP_TO_TEN = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: number for number, word in enumerate(_UP_TO_TEN, 1)} | {
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "a": 1,
    "an": 1,
    "i": 1,
    "ii": 2,
    "iii": 3,
}
_PARTS = {
    "three quarters of a": Fraction(3, 4),
    "three quarters": Fraction(3, 4),
    "half of a": Fraction(1, 2),
    "one half": Fraction(1, 2),
    "half a": Fraction(1, 2),
    "half an": Fraction(1, 2),
    "a half": Fraction(1, 2),
    "half": Fraction(1, 2),
    "quarter of a": Fraction(1, 4),
    "a quarter of a": Fraction(1, 4),
    "a quarter": Fraction(1, 4),
    "quarter": Fraction(1, 4),
}
_FRACTIONS = {"1/2": Fraction(1, 2), "1/4": Fraction(1, 4), "3/4": Fraction(3, 4)}


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_COUNTS = [word for word in _WORDS if word not in ("a", "an")]
_NUMBER = (
    rf"(?:(?:\d+ (?:and )?|\d+)?(?:{_any(_FRACTIONS)})(?![\d/])"
    rf"|(?:\d+|{_any(_COUNTS)}) and a half"
    # "1.000" is one to some and a thousand to others.
    r"|(?![1-9]\d{0,2}\.\d{3}(?!\d))(?:\d+(?:\.\d+)?|(?<![a-z\d)])\.\d+)(?![\d.,/]\d)"
    rf"|(?:{_any(_PARTS)}|{_any(_COUNTS)})(?![a-z]| an hour))"
)


def _number(said: str) -> Fraction:
    said = said.strip()
    if said.endswith(" and a half"):
        return _number(said.removesuffix(" and a half")) + Fraction(1, 2)
    for fraction, value in _FRACTIONS.items():
        if said.endswith(fraction):
            whole = said.removesuffix(fraction).removesuffix("and ").strip()
            return value + (int(whole) if whole else 0)
    if said in _PARTS:
        return _PARTS[said]
    return Fraction(_WORDS[said]) if said in _WORDS else Fraction(said)


# --- phrases ---------------------------------------------------------------------------------

_ENGLISH = {
    word: COUNTED_IN[word]
    for word in (
        *("mg", "mgs", "milligram", "milligrams", "mcg", "ug", "microgram", "micrograms"),
        *("g", "gram", "grams", "ml", "mls", "millilitre", "millilitres", "milliliters"),
        *("tablet", "tablets", "tab", "tabs", "caplet", "caplets", "capsule", "capsules"),
        *("cap", "caps", "patch", "patches", "drop", "drops", "spray", "sprays"),
        *("suppository", "suppositories", "unit", "units"),
    )
}
_MASSES = ("mg", "microgram", "g")
_UNIT = rf"(?:{_any(_ENGLISH)})(?:\(s\))?(?![a-z])"
_END = r"(?![a-z0-9])"


def _or(*alternatives: str) -> str:
    return "(?:" + "|".join(alternatives) + ")"


_24_HOURS = r"24 ?(?:hours|hrs|hr|h)"
_A_DAY = _or(
    rf"(?:a|per|each|every|in a|in any|in)? ?(?:day|{_24_HOURS}){_END}",
    rf"daily{_END}",
    rf"/ ?(?:day|{_24_HOURS}){_END}",
)
# In days; "3/7" is three days, "2/52" two weeks and "1/12" a month. A month counts as 30 days.
_PERIODS = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), Fraction(1, 24)),
    **dict.fromkeys(("day", "days", "d", "night", "morning", "evening", "7"), Fraction(1)),
    **dict.fromkeys(("week", "wk", "52"), Fraction(7)),
    **dict.fromkeys(("month", "12"), Fraction(30)),
}
_PERIOD = rf"(?P<period>hour|hr|h|day|d|night|morning|evening|week|wk|month)s?{_END}"
_ORDINALS = {
    **dict.fromkeys(("other", "second", "alternate", "2nd"), 2),
    **dict.fromkeys(("third", "3rd"), 3),
    **dict.fromkeys(("fourth", "4th"), 4),
}
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_CODES = {
    **dict.fromkeys(("od", "qd", "q day", "daily", "nightly"), Fraction(1)),
    **dict.fromkeys(("bd", "bid"), Fraction(2)),
    **dict.fromkeys(("tds", "tid"), Fraction(3)),
    **dict.fromkeys(("qds", "qid"), Fraction(4)),
    **dict.fromkeys(("eod", "qod"), Fraction(1, 2)),
    "weekly": Fraction(1, 7),
    "fortnightly": Fraction(1, 14),
    "monthly": Fraction(1, 30),
}
# An event of the day, when one dose is taken.
_EVENT = _or(
    "mane|nocte|om|qam|qpm|qhs|hs|am|pm",
    "(?:each|every) (?:evening|night|nocte),? (?:(?:at|before) (?:bed|bedtime|night)|nocte)",
    "morning|midday|noon|night|bedtime|evening|lunch|lunchtime|teatime",
    "in the (?:mornings?|evenings?|afternoon)|in (?:am|pm)",
    "(?:each|every) (?:morning|evening|night|am|pm)",
    rf"(?:about )?(?:{_NUMBER} ?(?:min(?:ute)?s?|hours?|hrs?)|half an hour|an hour) before"
    " (?:bed|bedtime|sleep|going to bed)",
    "(?:at|before|after|with) (?:breakfast|lunch|lunchtime|noon|midday|tea|teatime|dinner|supper)",
    "(?:at|before) (?:nights?|bed|bed time|bedtime|sleep|going to bed)",
    "with (?:the |your |an )?evening meal",
    r"at \d{1,2}(?:[.:]\d\d)? ?(?:am|pm)",
    r"(?:at )?\d\d:\d\d",
)
_SAME_TIME = {
    word: time
    for time, words in {
        "morning": "mane om qam am morning breakfast",
        "night": "nocte on qhs hs bedtime bed night",
        "noon": "midday noon lunch lunchtime",
    }.items()
    for word in words.split()
}
_PRN = _or(
    "prn|sos",
    "(?:only )?(?:when|if|as|where) (?:it is |they are )?(?:required|needed|necessary|reqd|req)",
)
_WEEKDAY = rf"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?s?{_END}"
_VERB = _or(
    "take|takes|taken|have|give|given|use|used|swallow|dissolve|place|put|insert|stick",
    "apply|applied|inhale|chew|suck|administer|drink|change|changed|replace|replaced",
    "to be (?:taken|given|used|applied|changed|replaced|swallowed|dissolved)",
    "to take|to have|dose|please",
)
_COMPLAINT = _or(
    "anxiety|sleep|sleeping|sleeplessness|insomnia|pain|panic|panics|attacks|agitation|distress",
    "spasms?|cramps?|nerves|mood|epilepsy|seizures?|withdrawal|restlessness|stress|tension",
    "dizziness|vertigo|nausea|itch|itching|relaxation|calm",
)
_REASON = (
    "(?:for|to help|to help with|to aid) "
    "(?:(?:severe|bad|acute|intense|extreme|chronic|muscle|back|night|panic|nerve|your|the|you) )*"
    rf"{_COMPLAINT}(?: (?:or|and) {_COMPLAINT})?"
)
_HARMLESS = _or(
    "orally|by mouth|po|oral|via the oral route|sublingually|under the tongue|rectally|buccally",
    "sl|pr",
    "with (?:a (?:glass|little|drink) of )?(?:water|food|milk|meals)",
    "with or after (?:food|meals|a meal)",
    "(?:before|after) (?:food|meals|eating)",
    "on an empty stomach|ac|pc|cc|whole|swallowed whole",
    "do not (?:drive(?: or use tools or machines)?|drink alcohol|crush or chew)|avoid alcohol",
    "(?:warning: ?)?may cause drowsiness|(?:warning: ?)?this medicine may make you sleepy",
    "if this happens",
    "to the skin|to (?:clean,? )?dry skin|topically|only|regularly|as directed|total|the|of",
)
# A point or a dash before a digit may belong to the number, and so may a comma after a space.
_FILLER = r"and|(?<=[a-z]),|,(?!\d)|;|\.(?!\d)|:|-(?![\d.])|(?<!\d)\+|&"


def _are_two(event: str, between: str, other: str) -> bool:
    """Do two times of the day stand beside each other, and not one for the other?

    "In the evening before bed" and "at night, 22:00" are one, "morning and night" two.
    """
    if re.search(r"\band\b|[&+/]", between):
        return True
    both = event, other
    late = [
        each for each in both if each == "night" or re.search("evening|pm|tea|dinner|supper", each)
    ]
    if len(late) == 2 or any(re.search(r"\d", each) for each in both):
        return False
    return "," in between or ";" in between or all(" " not in each for each in both)


class _Clause:
    """One dose and how often it is taken."""

    def __init__(self) -> None:
        self.dose: tuple[Fraction | None, Fraction] | None = None
        self.unit = ""
        self.times: tuple[Fraction | None, Fraction] | None = None
        self.events: set[str] = set()
        self.last_event, self.ends_at = "", 0
        self.is_added = False
        self.days_a_week: tuple[Fraction | None, Fraction] | None = None
        self.as_needed = False

    @property
    def says_how_often(self) -> bool:
        return self.times is not None or bool(self.events)

    def often(self) -> tuple[Fraction | None, Fraction | None]:
        """Times a day, lower and upper end. Raises `NotUnderstood` for a contradiction."""
        times = self.times
        events = Fraction(len(self.events))
        if times is None:
            times = (events, events) if events else None
        elif events not in (0, times[1]) and max(events, times[1]) > 1:
            # "Three times a day at night" says two things; "every other day at night" does not.
            raise NotUnderstood
        if self.days_a_week is None:
            return (None, None) if times is None else times
        low, high = self.days_a_week
        if times is None:
            times = Fraction(1), Fraction(1)
        if times[0] != times[1] or times[1] < 1:
            raise NotUnderstood
        return (None if low is None else times[1] * low / 7), times[1] * high / 7


class _Reader:
    """Goes through a text once; every phrase that is understood changes what is known so far."""

    def __init__(self, said: str) -> None:
        self.said, self.at = said, 0
        self.clauses = [_Clause()]
        self.max_per_day: Fraction | None = None
        self.max_unit = ""
        self.days: int | None = None

    @property
    def clause(self) -> _Clause:
        return self.clauses[-1]

    def directions(self) -> Directions:
        while self.at < len(self.said):
            self._next()
        return self._sum()

    def _next(self) -> None:
        for pattern, understand in _PHRASES:
            found = pattern.match(self.said, self.at)
            if found and found.end() > self.at:
                understand(self, found)
                self.at = found.end()
                while self.at < len(self.said) and self.said[self.at] == " ":
                    self.at += 1
                return
        raise NotUnderstood

    def _sum(self) -> Directions:
        first = self.clauses[0]
        if first.dose is None and self.max_per_day is not None and not first.says_how_often:
            # "Max 3 a day" and no more: as much as that in all.
            first.dose, first.unit = (None, self.max_per_day), self.max_unit
            first.times = Fraction(1), Fraction(1)
            self.max_per_day, self.max_unit = None, ""
        if all(each.dose is None for each in self.clauses):
            raise NotUnderstood
        as_needed = any(each.as_needed for each in self.clauses)
        if len(self.clauses) == 1:
            times, times_max = first.often()
            low, high = first.dose or (None, None)
            unit = first.unit
            if not (unit or times_max or as_needed):
                # A bare number may count anything.
                raise NotUnderstood
        else:
            self._check_one_day()
            # "1 tablet in the morning and 2 at night": the second number counts the same.
            units = {each.unit for each in self.clauses if each is first or each.unit}
            if as_needed or len(units) > 1 or (first.unit in _MASSES and self._lacks_a_unit()):
                raise NotUnderstood
            low = high = Fraction(0)
            for each in self.clauses:
                least, most = each.often()
                if each.dose is None or least is None or most is None or most < 1:
                    raise NotUnderstood
                if each.dose[0] is None:
                    raise NotUnderstood
                low, high = low + each.dose[0] * least, high + each.dose[1] * most
            times = times_max = Fraction(1)
            unit = first.unit
        if self.max_unit not in ("", unit):
            # "One when required, at most 10 mg a day": the maximum is counted in another unit.
            raise NotUnderstood
        return Directions(low, high, unit, times, times_max, as_needed, self.max_per_day, self.days)

    def _lacks_a_unit(self) -> bool:
        return any(not each.unit for each in self.clauses)

    def _check_one_day(self) -> None:
        """Doses are added up where each has its time of day: "2 daily; 1 daily" may be two steps.

        One of them may have none where the others are said to be taken as well.
        """
        events = [event for each in self.clauses for event in each.events]
        if len(set(events)) < len(events):
            raise NotUnderstood
        without = [each for each in self.clauses if not each.events]
        if len(without) > 1 or (without and not all(each.is_added for each in self.clauses[1:])):
            raise NotUnderstood

    # -- what a phrase means -------------------------------------------------------------------

    def _amount(self, found: re.Match[str]) -> None:
        low = _number(found["low"])
        high = _number(found["high"]) if found["high"] else low
        unit = _ENGLISH[found["unit"].removesuffix("(s)")] if found["unit"] else ""
        first = found["unit_low"]
        if first and _ENGLISH[first.removesuffix("(s)")] != unit:
            raise NotUnderstood
        if not 0 < low <= high:
            raise NotUnderstood
        if self.clause.dose is not None:
            if not self.clause.says_how_often:
                raise NotUnderstood
            self.clauses.append(_Clause())
            self.clause.is_added = self.said[: self.at].endswith((" and ", "+ ", "& "))
        self.clause.dose, self.clause.unit = (low, high), unit

    def _spoons(self, found: re.Match[str]) -> None:
        many, each = _number(found["many"] or "1"), _number(found["each"])
        if self.clause.dose is not None:
            raise NotUnderstood
        self.clause.dose, self.clause.unit = (many * each, many * each), "ml"

    def _amount_a_day(self, found: re.Match[str]) -> None:
        self._amount(found)
        self._often(Fraction(1), Fraction(1))

    def _often(self, low: Fraction | None, high: Fraction) -> None:
        if self.clause.times is not None and self.clause.times != (low, high):
            raise NotUnderstood
        self.clause.times = low, high

    def _code(self, found: re.Match[str]) -> None:
        times = _CODES[found["code"]]
        # "Once daily", "at night daily": said twice is said once.
        if found["code"] == "daily" and self.clause.times is not None:
            return
        self._often(times, times)

    def _code_at_most(self, found: re.Match[str]) -> None:
        self._often(None, _CODES[found["code"]])

    def _up_to(self, found: re.Match[str]) -> None:
        """ "Up to three a day": of one tablet so many times, or so many in all."""
        most = _number(found["number"])
        unit = _ENGLISH[found["unit"].removesuffix("(s)")] if found["unit"] else ""
        clause = self.clause
        if clause.dose is None and not clause.says_how_often:
            clause.dose, clause.unit = (None, most), unit
            self._often(Fraction(1), Fraction(1))
        elif clause.dose == (1, 1) and not clause.says_how_often and unit in ("", clause.unit):
            self._often(None, most)
        else:
            raise NotUnderstood

    def _a_patch(self, _: re.Match[str]) -> None:
        if self.clause.dose is not None:
            raise NotUnderstood
        self.clause.dose, self.clause.unit = (Fraction(1), Fraction(1)), "patch"

    def _hours(self, found: re.Match[str]) -> None:
        low, high = _number(found["low"]), _number(found["high"] or found["low"])
        length = _PERIODS[found.groupdict().get("period") or "hour"]
        if not 0 < low <= high:
            raise NotUnderstood
        self._often(1 / (high * length), 1 / (low * length))

    def _every(self, found: re.Match[str]) -> None:
        length = _PERIODS[found["period"]] * _ORDINALS.get(found["nth"] or "", 1)
        self._often(1 / length, 1 / length)

    def _so_often(self, found: re.Match[str]) -> None:
        if found["word"]:
            low = high = Fraction(_TIMES[found["word"]])
        else:
            low = _number(found["low"])
            high = _number(found["high"]) if found["high"] else low
        per = _PERIODS[found["period"] or "day"]
        self._often(None if found["most"] else low / per, high / per)

    def _nights(self, found: re.Match[str]) -> None:
        low = _number(found["low"])
        high = _number(found["high"]) if found["high"] else low
        if high > 7 or self.clause.days_a_week is not None:
            raise NotUnderstood
        self.clause.days_a_week = (None if found["most"] else low), high

    def _event(self, found: re.Match[str]) -> None:
        event = _SAME_TIME.get(found[0].split()[-1], found[0])
        clause = self.clause
        if event in clause.events:
            raise NotUnderstood
        if clause.events and not _are_two(
            clause.last_event, self.said[clause.ends_at : self.at], event
        ):
            raise NotUnderstood
        clause.events.add(event)
        clause.last_event, clause.ends_at = event, found.end()

    def _weekdays(self, found: re.Match[str]) -> None:
        named = re.findall(_WEEKDAY, found[0])
        if len({day[:3] for day in named}) < len(named) or self.clause.days_a_week is not None:
            raise NotUnderstood
        self.clause.days_a_week = Fraction(len(named)), Fraction(len(named))

    def _as_needed(self, _: re.Match[str]) -> None:
        self.clause.as_needed = True

    def _most(self, found: re.Match[str]) -> None:
        most = _number(found["number"])
        if self.max_per_day not in (None, most):
            raise NotUnderstood
        self.max_per_day = most
        self.max_unit = _ENGLISH[found["unit"].removesuffix("(s)")] if found["unit"] else ""

    def _lasting(self, found: re.Match[str]) -> None:
        days = _number(found["number"]) * _PERIODS[found["period"]]
        if self.days is not None or days.denominator != 1 or days < 1:
            raise NotUnderstood
        self.days = int(days)

    def _nothing(self, _: re.Match[str]) -> None:
        pass


_TO = r" ?(?:-|to|or) ?"
_RANGE = rf"(?P<low>{_NUMBER}) ?(?P<unit_low>{_UNIT})? ?(?:(?:-|to|or) ?(?P<high>{_NUMBER}) ?)?"
_STRENGTH = rf"(?:\(?{_NUMBER} ?(?:mg|mcg|micrograms?|g)\)? ?)?"
_SEVERAL = rf"(?P<low>{_NUMBER})(?:{_TO}(?P<high>{_NUMBER}))?"
_AT_MOST = r"(?P<most>(?:up )?to (?:a )?(?:max(?:imum)?(?: of)? )?|max(?:imum)?(?: of)? )?"
_SO_OFTEN = rf"(?:(?P<word>once|twice|thrice)|{_AT_MOST}{_SEVERAL} ?(?:times?|x)) ?"
_NO_MORE_THAN = _or(
    r"(?:up to )?(?:a )?max(?:imum)?(?: dose)?(?: of)?:?",
    "(?:do )?not (?:to )?(?:take )?(?:more than|exceed(?:ing)?)",
    "no more than",
)
_THEN_STOP = r",? ?(?:and )?then stop$"
_NO_UNIT = r"(?P<unit_low>(?!x)x)?(?P<high>)"
_Understand = Callable[[_Reader, re.Match[str]], None]
# The first that fits is taken: longer phrases stand before those that they begin with.
_PHRASES: tuple[tuple[re.Pattern[str], _Understand], ...] = tuple(
    (re.compile(pattern), understand)
    for pattern, understand in (
        (
            rf"\(?{_NO_MORE_THAN} ?(?P<number>{_NUMBER}) ?(?P<unit>{_UNIT})? ?{_A_DAY}\)?",
            _Reader._most,
        ),
        (
            rf"(?:(?:for|x) (?:up to )?)?(?P<number>\d+) ?/ ?(?P<period>7|52|12)(?:{_THEN_STOP}|$)",
            _Reader._lasting,
        ),
        (
            rf"(?:for|x) (?:up to )?(?P<number>\d+) ?/ ?(?P<period>7|52|12){_END}",
            _Reader._lasting,
        ),
        (rf"(?:for|x) ?(?P<number>{_NUMBER}) ?{_PERIOD}(?:{_THEN_STOP})?", _Reader._lasting),
        (rf"(?P<number>\d+) ?(?P<period>day|week)s?(?:{_THEN_STOP}|$)", _Reader._lasting),
        (
            rf"{_SO_OFTEN}(?:(?:a|per|each|every|in a) ?|/ ?)?(?P<period>day|week|month){_END}",
            _Reader._so_often,
        ),
        (rf"{_SO_OFTEN}(?P<period>)daily{_END}", _Reader._so_often),
        (rf"{_SO_OFTEN}(?P<period>week|month)ly{_END}", _Reader._so_often),
        (rf"up to (?P<code>{_any(_CODES)}){_END}", _Reader._code_at_most),
        (
            rf"(?:up to|max(?:imum)?(?: of)?:?) (?P<number>{_NUMBER}) ?(?P<unit>{_UNIT})?"
            rf" ?{_A_DAY}",
            _Reader._up_to,
        ),
        (rf"{_AT_MOST}{_SEVERAL} (?:nights|days) (?:a|per|each|every) week{_END}", _Reader._nights),
        (rf"every {_SEVERAL} ?{_PERIOD}", _Reader._hours),
        (rf"q ?{_SEVERAL} ?(?P<period>hours|hrs|hr|h|days|d){_END}", _Reader._hours),
        (rf"(?:every )?{_SEVERAL} ?(?:hourly|hrly){_END}", _Reader._hours),
        (
            rf"(?:on )?(?:(?:every|each) )?(?P<nth>{_any(_ORDINALS)})"
            rf" (?P<period>day|night|morning|evening|week)s?{_END}",
            _Reader._every,
        ),
        (rf"(?:each|every|per|once a|a) (?P<nth>)(?P<period>day|week|month){_END}", _Reader._every),
        (
            rf"(?P<many>{_NUMBER})? ?(?:x )?(?P<each>5|10|2\.5) ?ml spoon(?:ful)?s?{_END}",
            _Reader._spoons,
        ),
        (
            rf"(?P<low>{_NUMBER}) ?{_NO_UNIT}(?P<unit>{_UNIT})? ?(?:(?:a|per) |/ ?)day{_END}",
            _Reader._amount_a_day,
        ),
        (rf"{_RANGE}(?:x ?(?=\d))?{_STRENGTH}(?P<unit>{_UNIT})", _Reader._amount),
        (rf"(?:(?:on|every|each) )?(?:{_WEEKDAY}(?: ?(?:,|and|&|/) ?| )?)+", _Reader._weekdays),
        (rf"(?:change|replace)(?: the| your)? patch{_END}", _Reader._a_patch),
        (r"on(?= ?(?:prn|$|[,;.]|when|if|as))", _Reader._event),
        (rf"(?P<code>{_any(_CODES)}){_END}", _Reader._code),
        (rf"{_EVENT}{_END}", _Reader._event),
        (rf"[(/]? ?{_PRN}\)?(?: {_COMPLAINT})?{_END}", _Reader._as_needed),
        (rf"{_REASON}{_END}", _Reader._nothing),
        (rf"{_VERB}{_END}", _Reader._nothing),
        (rf"{_HARMLESS}{_END}", _Reader._nothing),
        (rf"\({_NUMBER} ?{_UNIT}(?: total)?\)", _Reader._nothing),
        (rf"{_RANGE}(?P<unit>){_END}(?! ?(?:mg|ml|g|mcg|/))", _Reader._amount),
        (rf"(?P<low>a|an) {_NO_UNIT}(?P<unit>{_UNIT})", _Reader._amount),
        (_FILLER, _Reader._nothing),
    )
)
_DASHES = re.compile(
    rf"(?P<amounts>(?:{_NUMBER}|0)(?: ?- ?(?:{_NUMBER}|0)){{2,3}})(?: ?(?P<unit>{_UNIT}))?"
)


def _dashes(amounts: str, unit: str) -> Directions | None:
    """ "1-0-1": so much in the morning, at noon, in the evening (and at night)."""
    doses = [_number(each) for each in re.split(r" ?- ?", amounts)]
    given = [dose for dose in doses if dose]
    if not given:
        return None
    counted = _ENGLISH[unit.removesuffix("(s)")] if unit else ""
    same = len(set(given)) == 1
    dose = given[0] if same else sum(given, Fraction(0))
    times = Fraction(len(given) if same else 1)
    return Directions(dose, dose, counted, times, times, False, None, None)


_SOMETIMES = re.compile(rf"\b{_PRN}\b")


@lru_cache(maxsize=20_000)
def says_if_needed(text: str) -> bool:
    """Do the words say of anything in them that it is taken if needed, understood or not?"""
    return bool(text) and bool(_SOMETIMES.search(_tidy(text)))


def has_a_dose(line: Line) -> bool:
    """Is a dose recorded as numbers, with how often it is taken?"""
    has_dose = not (line.dose is None and line.dose_max is None)
    return has_dose and not (line.times_per_day is None and line.times_per_day_max is None)


def as_directed(line: Line, form: str | None) -> Line:
    """A line with the dose and the rate that only its words tell; the same line where they do not.

    Where a dose is recorded as well, and the words say a higher one, it is a range up to that.
    """
    if line.schedule or not line.dosage_text:
        return line
    has_dose = not (line.dose is None and line.dose_max is None)
    has_rate = not (line.times_per_day is None and line.times_per_day_max is None)
    told = read(line.dosage_text)
    if told is None and has_dose and not has_rate:
        # "Twice a day" beside a dose: one that is put before the words changes nothing of them.
        told = read(f"1 {line.dosage_text}")
        if told is None or told.dose != 1 or told.unit:
            return line
        return _completed(line, told)
    if told is None or told.dose_max is None:
        return line
    unit = _unit(line, told, form)
    if not unit:
        return line
    if has_dose and has_rate:
        return _in_both(line, told, unit)
    if has_dose and (line.dose, line.dose_max, line.dose_unit) != _dose(told, unit):
        return line
    if has_rate and told.times_max is not None:
        if (line.times_per_day, line.times_per_day_max) != _rate(told):
            return line
    elif has_rate:
        told = told._replace(
            times=_fraction(line.times_per_day),
            times_max=_fraction(line.times_per_day_max or line.times_per_day),
        )
    dose, dose_max, _ = _dose(told, unit)
    return _completed(line._replace(dose=dose, dose_max=dose_max, dose_unit=unit), told)


def _completed(line: Line, told: Directions) -> Line:
    """A line with its dose, and the rate and what else its words tell."""
    times, times_max = _rate(told)
    is_range = line.dose_max is not None or times_max is not None
    as_needed = line.as_needed or told.as_needed
    most = line.max_per_day
    if most is None and told.max_per_day is not None and (is_range or as_needed):
        most = float(told.max_per_day)
    return line._replace(
        times_per_day=times,
        times_per_day_max=times_max,
        as_needed=as_needed,
        max_per_day=most,
        days_supply=told.days if line.days_supply is None is line.quantity else line.days_supply,
    )


def _in_both(line: Line, told: Directions, unit: str) -> Line:
    """A line whose words tell a dose too: up to the higher of the two, and if needed where they
    say so. A lower dose in words changes nothing, since the numbers are what was ordered."""
    as_needed = line.as_needed or told.as_needed
    if as_needed and not line.as_needed:
        most = None if told.max_per_day is None else float(told.max_per_day)
        line = line._replace(as_needed=True, max_per_day=line.max_per_day or most)
    both = _both(line, told, unit)
    if both is None or line.as_needed or line.dose is None or line.times_per_day is None:
        return line
    (low, high), (_, said_high) = both
    if said_high < high + _SAME:
        return line
    return line._replace(dose=low, dose_max=said_high, times_per_day=1, times_per_day_max=None)


def _both(
    line: Line, told: Directions, unit: str
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The lowest and highest amount a day in numbers, and in words, where they can be compared."""
    if line.dose_unit != unit or told.times_max is None or told.dose_max is None:
        return None
    high = (line.dose_max or line.dose or 0) * (line.times_per_day_max or line.times_per_day or 0)
    low = (line.dose or 0) * (line.times_per_day or 0)
    said = float((told.dose or 0) * (told.times or 0)), float(told.dose_max * told.times_max)
    return (low, high), said


def words_differ(line: Line, form: str | None) -> bool:
    """Do the words tell another dose than the numbers, or that it is taken if needed?"""
    if line.schedule or not line.dosage_text or not has_a_dose(line):
        return False
    told = read(line.dosage_text)
    if told is None:
        return False
    both = _both(line, told, _unit(line, told, form))
    another = both is not None and any(
        abs(number - said) > _SAME for number, said in zip(*both, strict=True)
    )
    return another or (told.as_needed and not line.as_needed)


def _unit(line: Line, told: Directions, form: str | None) -> str:
    """What a dose in words is counted in; "" where a number could count anything."""
    if not told.unit and line.dose_unit in (*COUNTED.values(), "unit"):
        return line.dose_unit
    return told.unit or COUNTED.get(form or "") or ("" if form else "unit")


_SAME = 0.001
"""Rates are kept with four decimals: what is nearer is the same."""


def _fraction(number: float | None) -> Fraction | None:
    return None if number is None else Fraction(number).limit_denominator(10_000)


def _dose(told: Directions, unit: str) -> tuple[float | None, float | None, str]:
    """The dose as a line holds it: the upper end only where there is a range."""
    low, high = told.dose, told.dose_max
    most = None if high is None or high == low else float(high)
    return (None if low is None else float(low)), most, unit


def _rate(told: Directions) -> tuple[float | None, float | None]:
    low, high = told.times, told.times_max
    most = None if high is None or high == low else float(high)
    return (None if low is None else float(low)), most

"""What the record lacks, and whether it could change what is said: found by judging again.

A rule that lacks a fact says that it cannot judge. Most such gaps change nothing that anybody would
act on, and to mark them all hides the few that do. So each missing fact is supposed to be known:
the dossier is judged again with its extreme values, or with each possible answer, and everything
else as recorded. A fact is *telling* where a finding of S1 or S2 then comes, goes or is graded
otherwise; what only adds or ends a note is not.

What this does not see: several missing facts that change an answer only together, but for doses and
lengths of supply, which are also supposed together; values between the extremes that would change
more than both; and what the formulary lacks, which cannot be supposed and so always counts as
telling.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.birth import possible_birth_date
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Line, Reading
from reviews.rules.drug import BZRA
from reviews.rules.exposure import OPEN, Supply, UndatedSupply, Use, read
from reviews.rules.finding import Finding, NotEvaluable, Screening, Severity
from reviews.rules.naming import names
from reviews.rules.parameters import EXPOSURE, Limits
from reviews.rules.readings import CHOICE, KINDS
from reviews.rules.screen import screen

ACTED_ON = Severity.S2
"""A finding as grave as this asks somebody to do something."""
AGES = (8, 40, 70, 90)
"""A child, an adult, and two older people: one age between each two limits that rules have."""
ASKED = {"egfr": "Kidney function (eGFR)", "pregnancy": "Pregnancy", "cpap_adherence": "CPAP use"}
"""Readings without which a rule says that it cannot judge; a test holds the list to the rules."""
LOWEST_MG, HIGHEST_MG = 0.1, 1_000.0
"""A daily dose below, and one above, any dose that a rule knows."""
FURTHER_DAYS = 28
"""How long a supply is supposed to last from today where nobody said."""
LONG_AGO_DAYS = 400
"""So long ago a supply is supposed to have begun where nobody said: over a year, the longest use
that a rule asks for."""


class Missing(NamedTuple):
    """A fact that the record lacks, and the rules that wait for it.

    `telling` are the ids of the rules whose findings of S1 or S2 it could change, the gravest
    first, and `worst` is the gravest finding that it could bring. `known` False: nobody can say
    what it could change, because it cannot be supposed. `kind` is the kind of reading that would
    say it, empty for what is no reading.
    """

    what: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    telling: tuple[str, ...] = ()
    worst: Severity | None = None
    known: bool = True
    kind: str = ""

    @property
    def tells(self) -> bool:
        """Whether it could change what somebody does."""
        return bool(self.telling) or not self.known


Gap = tuple[str, tuple[int, ...]]
"""A rule, and the lines that it cannot judge."""


class Supposed(NamedTuple):
    """A missing fact, and the dossier as it would be with each of its extremes."""

    what: str
    dossiers: Sequence[Dossier]
    kind: str = ""


class Judged(NamedTuple):
    """A fact that was supposed, the gaps that it closes, and the rules whose findings it changes.

    `changed` holds the gravest severity of each, as `_changed` gives it.
    """

    fact: Supposed
    closes: set[Gap]
    changed: dict[str, Severity]


def missing(dossier: Dossier, book: RuleBook) -> list[Missing]:
    """The facts that the record lacks, those that could change an answer first.

    Every gap of the screening stands with at least one of them.
    """
    now = screen(dossier, book)
    gaps = now.not_evaluable
    if not gaps:
        return []
    left = {_gap(gap) for gap in gaps}
    supplies = _supplies(dossier, book)
    judged: list[Judged] = []
    for fact in (*_of_the_person(dossier, {gap.rule_id for gap in gaps}), *supplies.apart):
        if not left:
            break
        judged.append(_judged(fact, now, book))
        left -= judged[-1].closes
    found = []
    unsaid = {_gap(gap) for gap in gaps}
    for each in _judged_together(judged, supplies, now, book):
        if each.closes & unsaid:
            unsaid -= each.closes
            found.append(_missing(each, gaps))
    unknown = [gap for gap in gaps if _gap(gap) in unsaid]
    for reason in dict.fromkeys(gap.reason for gap in unknown):
        rules = tuple(dict.fromkeys(gap.rule_id for gap in unknown if gap.reason == reason))
        found.append(Missing(reason.rstrip("."), rules, (reason,), known=False))
    return sorted(found, key=lambda each: (not each.tells, each.worst or Severity.S4))


def _judged(fact: Supposed, now: Screening, book: RuleBook) -> Judged:
    said = [screen(other, book) for other in fact.dossiers]
    return Judged(
        fact,
        {
            _gap(gap)
            for gap in now.not_evaluable
            if any(_closes(gap, one.not_evaluable) for one in said)
        },
        _changed(now.findings, [one.findings for one in said]),
    )


def _judged_together(
    judged: list[Judged], supplies: "Supplies", now: Screening, book: RuleBook
) -> list[Judged]:
    """Lengths and doses in one where neither changes an answer and both together do.

    Where one of them does, it is marked already, and the other is asked again once it is known.
    """
    apart = [each for each in judged if each.fact in supplies.apart]
    if supplies.together is None or len(apart) < 2 or any(each.changed for each in apart):
        return judged
    both = _judged(supplies.together, now, book)
    if not both.changed:
        return judged
    closes = both.closes.union(*(each.closes for each in apart))
    return [each for each in judged if each not in apart] + [both._replace(closes=closes)]


def _missing(judged: Judged, gaps: Sequence[NotEvaluable]) -> Missing:
    changed = judged.changed
    closed = [gap for gap in gaps if _gap(gap) in judged.closes]
    return Missing(
        what=judged.fact.what,
        kind=judged.fact.kind,
        rules=tuple(dict.fromkeys(gap.rule_id for gap in closed)),
        reasons=tuple(dict.fromkeys(gap.reason for gap in closed)),
        telling=tuple(sorted(changed, key=lambda rule_id: (changed[rule_id], rule_id))),
        worst=min(changed.values(), default=None),
    )


def _gap(gap: NotEvaluable) -> Gap:
    return gap.rule_id, gap.line_ids


def _closes(gap: NotEvaluable, left: Iterable[NotEvaluable]) -> bool:
    """Whether the rule says no longer that it cannot judge these lines."""
    return not any(other.rule_id == gap.rule_id and other.reason == gap.reason for other in left)


def _changed(now: Iterable[Finding], others: Iterable[Iterable[Finding]]) -> dict[str, Severity]:
    """Rules of which a finding of S1 or S2 comes, goes or is graded otherwise, with the gravest."""
    changed: dict[str, Severity] = {}
    before = _gravest(now)
    for other in others:
        after = _gravest(other)
        for rule_id in before.keys() | after.keys():
            was, is_now = before.get(rule_id), after.get(rule_id)
            worst = min(each for each in (was, is_now) if each is not None)
            if was != is_now and worst <= ACTED_ON:
                changed[rule_id] = min(worst, changed.get(rule_id, worst))
    return changed


def _gravest(findings: Iterable[Finding]) -> dict[str, Severity]:
    by_rule: dict[str, Severity] = {}
    for each in findings:
        by_rule[each.rule_id] = min(each.severity, by_rule.get(each.rule_id, each.severity))
    return by_rule


# --- what can be supposed --------------------------------------------------------------------


class Supplies(NamedTuple):
    """Lengths and doses of supplies that lack them, each by itself; and both `together`, if so.

    Those of all supplies at once, because the rules add them up.
    """

    apart: list[Supposed]
    together: Supposed | None


def _of_the_person(dossier: Dossier, rules: set[str]) -> Iterator[Supposed]:
    """Each fact about the person that the dossier lacks and that one of these rules may want."""
    as_of = dossier.as_of
    if possible_birth_date(dossier.birth_date, today=as_of) is None:
        births = [as_of - timedelta(days=round(age * 365.25) + 1) for age in AGES]
        yield Supposed("Date of birth", [replace(dossier, birth_date=each) for each in births])
    for kind, label in ASKED.items():
        if not rules.isdisjoint(KINDS[kind].rules) and not _speaks(dossier, kind):
            known = [_answered(dossier, kind, each) for each in _extremes(kind)]
            yield Supposed(label, known, kind)


def _speaks(dossier: Dossier, kind: str) -> bool:
    """Whether a reading of the kind counts today."""
    valid = KINDS[kind].valid_days
    return any(
        reading.kind == kind
        and reading.on is not None
        and reading.on <= dossier.as_of
        and (valid is None or (dossier.as_of - reading.on).days <= valid)
        for reading in dossier.readings
    )


def _extremes(kind: str) -> list[tuple[float | None, str]]:
    """Each answer of a choice, the lowest and the highest plausible number."""
    known = KINDS[kind]
    if known.shape == CHOICE:
        return [(None, code) for code in known.choices]
    return [(known.lowest, ""), (known.highest, "")]


def _answered(dossier: Dossier, kind: str, answer: tuple[float | None, str]) -> Dossier:
    value, text = answer
    pk = max((reading.id for reading in dossier.readings), default=0) + 1
    reading = Reading(pk, kind, value, KINDS[kind].unit, dossier.as_of, text)
    return replace(dossier, readings=(*dossier.readings, reading))


def _supplies(dossier: Dossier, book: RuleBook) -> Supplies:
    """Each length supposed short and long, each dose low and high."""
    limit = book.rules[EXPOSURE][dossier.profile]
    long: dict[int, Use] = {}
    dosed: dict[int, Use] = {}
    for use in _uses(dossier, book, limit):
        if not isinstance(use, Supply) or use.authorised > use.end:
            long[use.line.id] = use
        if use.mask & BZRA and use.mg is None:
            dosed[use.line.id] = use
    length = words.listed(names(long.values()))
    dose = words.listed(names(dosed.values()))
    lengths = [_with_lines(dossier, long, change) for change in (_short, _long)] if long else []
    doses = [_with_lines(dossier, dosed, change) for change in (_low, _high)] if dosed else []
    both = [_with_lines(one, dosed, change) for one in lengths for change in (_low, _high)]
    apart = []
    if long:
        apart.append(Supposed(f"Length of supply of {length}", lengths))
    if dosed:
        apart.append(Supposed(f"Daily dose of {dose}", doses))
    what = f"Length of supply of {length}, and daily dose of {dose}"
    return Supplies(apart, Supposed(what, both) if long and dosed else None)


def _uses(dossier: Dossier, book: RuleBook, limit: Limits) -> Iterator[Use]:
    """What each line of a known medicine comes to, one by one."""
    for line in dossier.lines:
        recognition = book.recognise(line.medicine)
        for ingredient in recognition.ingredients:
            use = read(line, recognition, ingredient, limit)
            if use is not None:
                yield use


Change = Callable[[Line, Use, date], Line]


def _with_lines(dossier: Dossier, uses: dict[int, Use], change: Change) -> Dossier:
    lines = [
        change(line, uses[line.id], dossier.as_of) if line.id in uses else line
        for line in dossier.lines
    ]
    return replace(dossier, lines=tuple(lines))


def _short(line: Line, use: Use, today: date) -> Line:
    """It was over as soon as the record allows."""
    if isinstance(use, UndatedSupply):
        return _lasting(line, today.toordinal(), today.toordinal())
    return _lasting(line, use.start, max(use.start, use.least_end))


def _long(line: Line, use: Use, today: date) -> Line:
    """It goes on for weeks from today, or as long as the record allows."""
    if isinstance(use, UndatedSupply):
        start, reach = today.toordinal() - LONG_AGO_DAYS, OPEN
    else:
        start, reach = use.start, use.authorised if isinstance(use, Supply) else use.reach
    further = max(start, today.toordinal()) + FURTHER_DAYS - 1
    return _lasting(line, start, max(start, min(further, reach)))


def _lasting(line: Line, start: int, end: int) -> Line:
    """The line from one day to another, whatever else it said of its length."""
    return line._replace(
        start_on=date.fromordinal(start),
        end_on=date.fromordinal(end),
        days_supply=None,
        quantity=None,
        quantity_text="",
        repeats_allowed=None,
        repeat_template=False,
    )


def _low(line: Line, use: Use, today: date) -> Line:
    return _dosed(line, use, LOWEST_MG)


def _high(line: Line, use: Use, today: date) -> Line:
    return _dosed(line, use, HIGHEST_MG)


def _dosed(line: Line, use: Use, mg: float) -> Line:
    """The line with a daily dose; a length that is known stays what it is."""
    given = line._replace(
        dose=mg,
        dose_unit="mg",
        times_per_day=1,
        dose_max=None,
        times_per_day_max=None,
        as_needed=False,
        max_per_day=None,
        schedule=(),
        dosage_text="",
    )
    if isinstance(use, Supply):
        return given._replace(days_supply=use.end - use.start + 1, quantity=None, quantity_text="")
    return given

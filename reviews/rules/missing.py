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
from reviews.rules.finding import Finding, NotEvaluable, Severity
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


class Supposed(NamedTuple):
    """A missing fact, and the dossier as it would be with each of its extremes."""

    what: str
    dossiers: Sequence[Dossier]
    kind: str = ""


def missing(dossier: Dossier, book: RuleBook) -> list[Missing]:
    """The facts that the record lacks, those that could change an answer first.

    Every gap of the screening stands with at least one of them.
    """
    now = screen(dossier, book)
    gaps = now.not_evaluable
    if not gaps:
        return []
    found, closed = [], set()
    for each in _supposed(dossier, book, {gap.rule_id for gap in gaps}):
        said = [screen(other, book) for other in each.dossiers]
        answers = {
            _gap(gap) for gap in gaps if any(_closes(gap, one.not_evaluable) for one in said)
        }
        if answers <= closed:
            continue
        closed |= answers
        changed = _changed(now.findings, [one.findings for one in said])
        mine = [gap for gap in gaps if _gap(gap) in answers]
        found.append(_missing(each, mine, changed))
    left = [gap for gap in gaps if _gap(gap) not in closed]
    for reason in dict.fromkeys(gap.reason for gap in left):
        rules = tuple(dict.fromkeys(gap.rule_id for gap in left if gap.reason == reason))
        found.append(Missing(reason.rstrip("."), rules, (reason,), known=False))
    return sorted(found, key=lambda each: (not each.tells, each.worst or Severity.S4))


def _missing(fact: Supposed, gaps: Sequence[NotEvaluable], changed: dict[str, Severity]) -> Missing:
    return Missing(
        what=fact.what,
        kind=fact.kind,
        rules=tuple(dict.fromkeys(gap.rule_id for gap in gaps)),
        reasons=tuple(dict.fromkeys(gap.reason for gap in gaps)),
        telling=tuple(sorted(changed, key=lambda rule_id: (changed[rule_id], rule_id))),
        worst=min(changed.values(), default=None),
    )


def _gap(gap: NotEvaluable) -> tuple[str, tuple[int, ...]]:
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


def _supposed(dossier: Dossier, book: RuleBook, rules: set[str]) -> Iterator[Supposed]:
    """Each fact that this dossier lacks and that one of these rules may want, by itself."""
    as_of = dossier.as_of
    if possible_birth_date(dossier.birth_date, today=as_of) is None:
        births = [as_of - timedelta(days=round(age * 365.25) + 1) for age in AGES]
        yield Supposed("Date of birth", [replace(dossier, birth_date=each) for each in births])
    for kind, label in ASKED.items():
        if not rules.isdisjoint(KINDS[kind].rules) and not _speaks(dossier, kind):
            known = [_answered(dossier, kind, each) for each in _extremes(kind)]
            yield Supposed(label, known, kind)
    yield from _supplies(dossier, book)


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


def _supplies(dossier: Dossier, book: RuleBook) -> Iterator[Supposed]:
    """The lengths and the doses of supplies that lack them: short and long, low and high.

    Those of all supplies at once, because the rules add them up; then lengths and doses together.
    """
    limit = book.rules[EXPOSURE][dossier.profile]
    long: dict[int, Use] = {}
    dosed: dict[int, Use] = {}
    for use in _uses(dossier, book, limit):
        if not isinstance(use, Supply) or use.authorised > use.end:
            long[use.line.id] = use
        if use.mask & BZRA and use.mg is None:
            dosed[use.line.id] = use
    lengths = [_with_lines(dossier, long, change) for change in (_short, _long)]
    length = f"Length of supply of {words.listed(names(long.values()))}"
    if long:
        yield Supposed(length, lengths)
    if dosed:
        dose = f"Daily dose of {words.listed(names(dosed.values()))}"
        yield Supposed(dose, [_with_lines(dossier, dosed, change) for change in (_low, _high)])
        if long:
            both = [_with_lines(one, dosed, change) for one in lengths for change in (_low, _high)]
            yield Supposed(f"{length}, and their daily dose", both)


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
    start = _start(line, today)
    least = getattr(use, "least_end", None) or start.toordinal()
    return _lasting(line, start, max(start, date.fromordinal(least)))


def _long(line: Line, use: Use, today: date) -> Line:
    """It goes on for weeks from today, or as long as the record allows."""
    start = today - timedelta(days=400) if isinstance(use, UndatedSupply) else _start(line, today)
    reach = getattr(use, "reach", OPEN)
    if isinstance(use, Supply):
        reach = use.authorised
    end = max(start, today) + timedelta(days=FURTHER_DAYS - 1)
    return _lasting(line, start, max(start, end if reach == OPEN else min(end, _day(reach))))


def _start(line: Line, today: date) -> date:
    return line.start_on or line.written_on or today


def _day(ordinal: int) -> date:
    return date.fromordinal(ordinal)


def _lasting(line: Line, start: date, end: date) -> Line:
    """The line from one day to another, whatever else it said of its length."""
    return line._replace(
        start_on=start,
        end_on=end,
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

"""Said alike by every rule on two kinds of medicine in hand together."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.exposure import OPEN, Use
from reviews.rules.finding import Fact, NotEvaluable
from reviews.rules.naming import key_of, length_unknown
from reviews.rules.presence import UNSURE, Together, Which
from reviews.rules.saying import Candidate, candidate, cannot_judge
from reviews.rules.view import View


class Graded(NamedTuple):
    """Two kinds of medicine in hand together, and the severity that their row gives."""

    severity: int
    together: Together


def together(
    view: View, rule_id: str, first: Which, second: str | Sequence[Use], at_least: int
) -> Generator[NotEvaluable, None, Together | None]:
    """Two kinds of medicine in hand together on so many days, else None.

    The second is a class, or some uses. Where the record cannot say, that is yielded.
    """
    found = view.in_hand.together(first, second, at_least)
    if found is UNSURE:
        uses = view.in_hand.uses_of(second) if isinstance(second, str) else second
        yield cannot_compare(view, rule_id, uses)
        return None
    return found


def by_row(
    view: View,
    rule_id: str,
    name: str,
    default: int,
    at_least: int,
    *,
    leave_out: frozenset[str] = frozenset(),
) -> Generator[NotEvaluable, None, Graded | None]:
    """The gravest row of a class in the table of interactions that overlaps enough, else None.

    Medicines of a graver row count in the rows below it as well.
    """
    uses = [use for use in view.in_hand.uses_of(name) if use.drug.key not in leave_out]
    unsure = False
    for row in sorted({use.drug.severities.get(name, default) for use in uses}):
        chosen = [use for use in uses if use.drug.severities.get(name, default) <= row]
        found = view.in_hand.together("bzra", chosen, at_least)
        if found is UNSURE:
            unsure = True
        elif found is not None:
            return Graded(row, found)
    if unsure:
        yield cannot_compare(view, rule_id, uses)
    return None


def overlapping(
    view: View,
    rule_id: str,
    sedatives: Sequence[Use],
    partners: Sequence[Use],
    at_least: int,
    *,
    severity_of: Callable[[str, str], int | None],
    sooner: Mapping[tuple[str, str], int] = {},
) -> Generator[NotEvaluable, None, list[Graded]]:
    """Each pair of a sedative and a partner (by key) that overlaps enough, the gravest first.

    A pair for which `severity_of` gives None is of no concern; one in `sooner` needs so many days
    only.
    """
    wanted: dict[tuple[int, int], set[tuple[str, str]]] = {}
    for sedative in {use.drug.key for use in sedatives}:
        for partner in {use.drug.key for use in partners}:
            severity = severity_of(sedative, partner)
            if severity is not None:
                days = sooner.get((sedative, partner), at_least)
                wanted.setdefault((severity, days), set()).add((sedative, partner))
    pairs, unsure = [], False
    for (severity, days), keys in sorted(wanted.items()):
        for sedative, partner in sorted(keys):
            found = view.in_hand.together(
                [use for use in sedatives if use.drug.key == sedative],
                [use for use in partners if use.drug.key == partner],
                days,
            )
            if found is UNSURE:
                unsure = True
            elif found is not None:
                pairs.append(Graded(severity, found))
    if not pairs and unsure:
        yield cannot_compare(view, rule_id, partners)
    return pairs


def raised(pairs: Iterable[Graded], when: Callable[[Together], object]) -> list[Graded]:
    """Pairs of the digest go to the review queue where something more holds of them."""
    return [
        Graded(2, pair.together) if pair.severity == 3 and when(pair.together) else pair
        for pair in pairs
    ]


def gravest(pairs: Iterable[Graded]) -> Graded:
    """The first of the gravest."""
    return min(pairs, key=lambda pair: pair.severity)


def beside(
    view: View,
    rule_id: str,
    severity: int,
    found: Together,
    *,
    gist: str,
    clears: str,
    title: str = "",
    interrupts: bool = False,
    more: tuple[Fact, ...] = (),
    begun: int | None = None,
) -> Candidate:
    """A candidate on two kinds of medicine in hand together."""
    start = view.started_recently(found.start)
    return candidate(
        rule_id,
        severity,
        interrupts=interrupts,
        key=f"{rule_id}:{words.iso(found.start)}:{key_of(found.b)}",
        line_ids=found.line_ids,
        title=title or together_title(view, found, start and severity == 1),
        sentence=f"{together_sentence(found)}. {gist}",
        facts=(*together_facts(found), *more),
        clears=clears,
        unknown=unknown_ends(found),
        begun=begun,
    )


def is_elder(view: View, found: Together, age_from: int) -> bool | None:
    """Age at the latest start of the medicines together; None when no birth date is recorded."""
    age = view.person.age_on(max(span.use.start for span in (*found.a, *found.b)))
    return None if age is None else age >= age_from


def together_title(view: View, found: Together, start: bool) -> str:
    sedatives, others = words.listed(found.a_names), words.listed(found.b_names)
    if not start:
        return f"{words.sentence_case(others)} together with {sedatives}"
    started = "started" if view.reached(found.start) else "to be started"
    first_a = min(span.start for span in found.a)
    first_b = min(span.start for span in found.b)
    if first_b > first_a:
        return f"{words.sentence_case(others)} {started} while on {sedatives}"
    if first_a > first_b:
        return f"{words.sentence_case(sedatives)} {started} while on {others}"
    return f"{words.sentence_case(others)} and {sedatives} {started} together"


def together_sentence(found: Together) -> str:
    others, sedatives = found.b_names, found.a_names
    pair = f"{words.sentence_case(words.listed(others))} and {words.listed(sedatives)}"
    if found.end == OPEN:
        return f"{pair} are on record together from {words.day(found.start)}, with no end recorded"
    between = f"from {words.day(found.start)} to {words.day(found.end)}"
    if found.start == found.end:
        between = f"on {words.day(found.start)}"
    if not found.days:
        return f"{pair} may overlap {between}"
    verb = "overlaps" if len(others) == 1 else "overlap"
    at_least = "" if found.sure else "at least "
    if found.first < found.start:
        between = f"since {words.day(found.first)}, most recently {between}"
    return (
        f"{words.sentence_case(words.listed(others))} {verb} with {words.listed(sedatives)} for "
        f"{at_least}{words.days(found.days)}, {between}"
    )


def together_facts(found: Together) -> tuple[Fact, ...]:
    facts = [
        Fact("overlap_start", "Both from", words.iso(found.start), "date"),
        Fact(
            "overlap_end",
            "Both until",
            None if found.end == OPEN else words.iso(found.end),
            "date",
        ),
    ]
    if found.days or found.sure:
        label = "Days together" if found.sure else "Days together, at least"
        facts.insert(0, Fact("overlap_days", label, found.days, "days"))
    doses: dict[str, float | None] = {}
    for span in sorted(found.b, key=lambda s: (s.start, s.use.line.id)):
        use = span.use
        doses[use.drug.name] = use.mg
    for name, mg in doses.items():
        if mg is not None:
            facts.append(Fact("mg_per_day", words.sentence_case(name), round(mg, 4), "mg a day"))
    return tuple(facts)


def unknown_ends(found: Together) -> str:
    spans = (*found.a, *found.b)
    vague = {span.use.line.id: span.use for span in spans if span.use.end is None}
    if not vague:
        return ""
    return f"{words.sentence_case(length_unknown(vague.values()))}."


def cannot_compare(view: View, rule_id: str, uses: Iterable[Use]) -> NotEvaluable:
    """The record does not say whether, or how long, the two were in hand together."""
    vague = [use for use in (*uses, *view.uses, *view.rescue) if use.end is None]
    return cannot_judge(
        rule_id,
        [use.line.id for use in vague],
        f"Days together cannot be counted: {length_unknown(vague)}.",
    )

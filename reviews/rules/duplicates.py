"""Two of a kind at once: DUP-01 two benzodiazepines, DUP-02 a benzodiazepine and a Z-drug."""

from itertools import combinations
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, Z_DRUG
from reviews.rules.exposure import Span, Use, pieces
from reviews.rules.naming import key_of, names
from reviews.rules.pairs import (
    cannot_compare,
    together,
    together_facts,
    together_sentence,
    unknown_ends,
)
from reviews.rules.parameters import DAYS, Limits, parameter
from reviews.rules.presence import UNSURE, Together
from reviews.rules.rule import DUPLICATE, QUEUED, S2, rule
from reviews.rules.saying import Says, candidate
from reviews.rules.view import View

ANTISEIZURE = frozenset({"clonazepam", "clobazam"})


@rule(
    "DUP-01",
    family="Dose and duplication",
    title="Two benzodiazepines",
    theme=DUPLICATE,
    severity=S2,
    shown=QUEUED,
    sources=("stopp-v3-a3", "herings-1995", "cross-taper-28"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("cross_taper_max_days", DAYS, "Cross-taper, at most", 28),
    ),
    idle=True,
)
def two_benzodiazepines(view: View, limit: Limits) -> Says:
    """DUP-01. Two different benzodiazepines, both for regular use, are in hand together on 7 days
    or more. As-needed and rescue medicines do not count, nor a cross-taper of at most 28 days: one
    run of shared days in which the earlier medicine's supply ends first, and its dose has come down
    or the later one is recorded as a cross-taper."""
    by_drug: dict[str, list[Use]] = {}
    for use in view.uses:
        if use.mask & BENZODIAZEPINE and not use.line.as_needed:
            by_drug.setdefault(use.drug.key, []).append(use)
    if len(by_drug) < 2:
        return
    pairs, unsure = [], False
    for a, b in combinations(sorted(by_drug), 2):
        if "epilepsy_adjunct" in view.exemptions and {a, b} <= ANTISEIZURE:
            continue
        found = view.in_hand.together(by_drug[a], by_drug[b], limit["overlap_from_days"])
        if found is UNSURE:
            unsure = True
        elif found is not None and not _cross_taper(view, found, limit["cross_taper_max_days"]):
            pairs.append(found)
    if not pairs:
        if unsure:
            yield cannot_compare(view, "DUP-01", [])
        return
    found = max(pairs, key=lambda pair: (pair.days, pair.line_ids))
    drugs = names([span for pair in pairs for span in (*pair.a, *pair.b)])
    keys = key_of([span for pair in pairs for span in (*pair.a, *pair.b)])
    yield candidate(
        "DUP-01",
        2,
        key=f"DUP-01:{keys}",
        line_ids=tuple(sorted({i for pair in pairs for i in pair.line_ids})),
        title=f"{words.sentence_case(words.listed(drugs))} together",
        sentence=(
            f"{together_sentence(found)}. Both are benzodiazepines for regular use and act in the "
            "same way; one is usually enough, and the other is tapered."
        ),
        facts=together_facts(found),
        clears=(
            "One of the two is tapered off, or the overlap is a cross-taper of "
            f"{limit['cross_taper_max_days']} days or fewer."
        ),
        unknown=unknown_ends(found),
    )


def _cross_taper(view: View, found: Together, max_days: int) -> bool:
    """Does one of the two take the place of the other within so many days?

    The earlier medicine runs out first, and came down within the shared days or the later one is
    recorded as a cross-taper.
    """
    if found.end - found.start + 1 > max_days or not found.sure:
        return False
    spans = [
        span
        for episode in view.current
        if episode.start <= found.start <= episode.end
        for span in episode.spans
    ]
    courses = [
        _Course.of([span for span in spans if span.use.drug.key == key])
        for key in (found.a[0].use.drug.key, found.b[0].use.drug.key)
        if any(span.use.drug.key == key for span in spans)
    ]
    if len(courses) < 2:
        return False  # the end of one of them is not known
    earlier, later = sorted(courses, key=lambda course: course.start)
    return (
        earlier.start < later.start
        and earlier.end < later.end
        and (
            any(span.use.line.change_reason == "cross_taper" for span in later.spans)
            or _came_down(earlier, found.start)
        )
    )


class _Course(NamedTuple):
    """The supplies of one drug of an episode, from the first day to the last."""

    start: int
    end: int
    spans: list[Span]

    @classmethod
    def of(cls, spans: list[Span]) -> "_Course":
        return cls(min(span.start for span in spans), max(span.end for span in spans), spans)


def _came_down(course: _Course, day: int) -> bool:
    """Was every known daily amount from a day on below the highest before it?"""
    doses = [
        (piece.start, piece.mg)
        for span in course.spans
        for piece in pieces(span)
        if piece.mg is not None
    ]
    before = [mg for start, mg in doses if start < day]
    during = [mg for start, mg in doses if start >= day]
    return bool(before and during) and max(during) < max(before)


@rule(
    "DUP-02",
    family="Dose and duplication",
    title="Benzodiazepine with a Z-drug",
    theme=DUPLICATE,
    severity=S2,
    shown=QUEUED,
    sources=("texas-due-2020",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    idle=True,
)
def benzodiazepine_and_z_drug(view: View, limit: Limits) -> Says:
    """DUP-02. A benzodiazepine and a Z-drug are in hand together on 7 days or more."""
    classes = 0
    for use in view.uses:
        classes |= use.mask
    if not (classes & BENZODIAZEPINE and classes & Z_DRUG):
        return
    found = yield from together(
        view, "DUP-02", "benzodiazepine", "z-drug", limit["overlap_from_days"]
    )
    if found is None:
        return
    yield candidate(
        "DUP-02",
        2,
        key=f"DUP-02:{key_of([*found.a, *found.b])}",
        line_ids=found.line_ids,
        title=f"{words.sentence_case(words.listed(names([*found.a, *found.b])))} together",
        sentence=(
            f"{together_sentence(found)}. Both act at the same receptor, and their effects add up."
        ),
        facts=together_facts(found),
        clears="One of the two is tapered off, or a decision records why both are needed.",
        unknown=unknown_ends(found),
    )

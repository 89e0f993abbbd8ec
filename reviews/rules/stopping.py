"""The end of a supply: STOP-01 to STOP-03.

Texts here ask for contact, review or a taper; none tells anybody to end a medicine.
"""

from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dependence import (
    LIKELY,
    POSSIBLE,
    UNLIKELY,
    dependence,
    dose_may_be_high,
    likelihood,
)
from reviews.rules.dossier import IN_FORCE, Taper
from reviews.rules.drug import Drug
from reviews.rules.exposure import DatedUse, Episode, Span, comes_down, episodes, pieces
from reviews.rules.finding import Fact
from reviews.rules.naming import ids_of, names
from reviews.rules.parameters import DAYS, MG, Limits, parameter
from reviews.rules.rule import QUEUED, S2, STOPPING, Grading, Shown, rule
from reviews.rules.saying import Says, candidate, cannot_judge
from reviews.rules.view import View

EARLY, DUE, LATE = "before withdrawal", "while withdrawal is due", "after it was due"
"""How far behind an end lies: before withdrawal may begin, in the days in which it is to be looked
for at once, and after them."""

TIMES = ("short_from_days", "intermediate_from_days", "long_from_days", "urgent_for_days")
"""The parameters of STOP-01 by which the days since the end decide."""

AWAY = frozenset({"hospital", "moved"})
LEFT_OUT = frozenset({"admission", "discharge"})


def _latest(view: View) -> Episode | None:
    """The episode whose end may just have come: the last one to have begun by the day judged."""
    begun = [episode for episode in view.episodes if episode.start <= view.today]
    return begun[-1] if begun else None


def _last_spans(episode: Episode) -> list[Span]:
    return [span for span in episode.spans if span.end == episode.end]


def _tapering(view: View, keys: set[str], episode: Episode) -> bool:
    """Is a taper of one of the drugs planned, under way, paused, or completed in this episode?"""
    return any(
        taper.drug in keys
        and (taper.status in IN_FORCE or (taper.status == "completed" and _belongs(taper, episode)))
        for taper in view.dossier.tapers
    )


def _belongs(taper: Taper, episode: Episode) -> bool:
    """Did its last step fall into the episode, or after it? A taper of years ago says nothing."""
    return bool(taper.steps) and taper.steps[-1].on.toordinal() >= episode.start


def _written_taper(span: Span) -> bool:
    """Is the supply itself a taper, by its reason or by a schedule that comes down?"""
    line = span.use.line
    return line.change_reason == "taper" or comes_down(line.schedule)


@rule(
    "STOP-01",
    family="Stopping and tapering",
    title="Supply ended without a taper",
    theme=STOPPING,
    severity=Grading(
        "S1 where dependence is likely, for 14 days; S2 after them, and where it is possible; S4 "
        "after a single short course",
        (1, 2, 4),
    ),
    shown=QUEUED,
    sources=("fda-bzd-2020", "asam-2025-2", "asam-2025-3", "racgp-b", "stop-01"),
    parameters=(
        parameter("short_from_days", DAYS, "After the end, short-acting, from", 2),
        parameter("intermediate_from_days", DAYS, "After the end, intermediate-acting, from", 4),
        parameter("long_from_days", DAYS, "After the end, long-acting, from", 7),
        parameter("urgent_for_days", DAYS, "Urgent from then for", 14),
        parameter("stands_days", DAYS, "Shown for", 30),
        parameter("short_course_to_days", DAYS, "A short course, up to", 28),
        parameter("likely_from_days", DAYS, "Dependence likely from", 90),
        parameter("earlier_within_days", DAYS, "Earlier courses count within", 180),
    ),
    idle=True,
)
def abrupt_end(view: View, limit: Limits) -> Says:
    """STOP-01. Supply ended without a new one after regular use: 2 days ago or more for a
    short-acting medicine (or one of unknown half-life), 4 for an intermediate and 7 for a
    long-acting one; no taper is planned, and the person is not in hospital, moved or dead. Urgent
    for the 14 days from then where dependence is likely: 90 days of use or more with courses of the
    last 180 days, over 28 days of a dose that is not low, or an earlier withdrawal seizure. Review
    afterwards, and where it is possible: over 28 days of a low dose, or a shorter use that was not
    the first, of a high dose, or of alprazolam or triazolam. A note at the end of a single course
    of at most 28 days."""
    episode = _latest(view)
    if episode is None:
        return
    ended = episode.end
    if view.reached(ended + limit["stands_days"] + 1):
        return
    spans = _last_spans(episode)
    grace, named = _grace({span.use.drug.band for span in spans}, limit)
    if not view.reached(ended + grace):
        return
    if any(span.start > ended for span in view.spans if span.start <= view.today):
        return
    keys = {span.use.drug.key for span in spans}
    if _tapering(view, keys, episode) or any(_written_taper(span) for span in spans):
        return
    if view.person.answer("care_status") in AWAY:
        return
    why = dependence(view, episode, ended)
    if not why:
        doseless = dose_may_be_high(view, episode, ended)
        if doseless:
            yield cannot_judge(
                "STOP-01",
                [use.line.id for use in doseless],
                f"The daily dose is not known for {words.listed(names(doseless))}, and so whether "
                "dependence is to be expected.",
            )
        return
    vague = [*view.unclear_between(ended + 1, view.today), *view.undated]
    if vague:
        yield cannot_judge(
            "STOP-01",
            [use.line.id for use in vague],
            "Whether supply has ended is not known, because the length of another is not.",
        )
        return
    drugs = words.listed(names(spans))
    days = episode.exposed_days(episode.start, ended)
    likely = likelihood(view, episode, ended)
    stage = _stage(view, ended, {span.use.drug.band for span in spans})
    severity, title, sentence = _said_of_the_end(
        likely, stage, drugs, ended=ended, days=days, why=why
    )
    yield candidate(
        "STOP-01",
        severity,
        key=f"STOP-01:{words.iso(episode.start)}:{words.iso(ended)}",
        line_ids=episode.line_ids,
        title=title,
        sentence=sentence,
        facts=(
            Fact("supply_end", "Supply ran to", words.iso(ended), "date"),
            Fact("exposed_days", "Exposure", days, "days"),
            Fact("likelihood", "Dependence", likely),
            Fact("grace_days", "Threshold, from", grace, "days"),
            Fact("band", "Half-life band", named),
            Fact("gate", "Thought of because of", why),
        ),
        clears=(
            "The contact with its outcome is recorded."
            if likely == UNLIKELY or stage == LATE
            else "A further supply, a taper plan or the contact with its outcome is recorded."
        ),
    )


def _said_of_the_end(
    likely: str, stage: str, drugs: str, *, ended: int, days: int, why: str
) -> tuple[int, str, str]:
    """Severity, title and sentence of a supply that ended, by how likely dependence is."""
    on = words.day(ended)
    if likely == UNLIKELY:
        return (
            4,
            f"Course of {drugs} ended on {on}",
            f"A single course of {drugs} ran to {on}, {words.days(days)} in all. After so short a "
            f"use {_SHORT_USE}",
        )
    after = f"after {words.days(days)} " if likely == POSSIBLE else ""
    return (
        1 if likely == LIKELY and stage == DUE else 2,
        f"Supply of {drugs} ended on {on} without a taper",
        f"The last supply of {drugs} ran to {on}, no further supply or taper is on record, and "
        f"{after}dependence {_expected(likely, stage)} ({why}); {_advice(likely, stage)}",
    )


_SHORT_USE = (
    "it can usually end without a taper; ask the person to report rebound or withdrawal symptoms."
)


def _expected(likely: str, stage: str) -> str:
    verb = "was" if stage == LATE else "is"
    return f"{verb} possible" if likely == POSSIBLE else f"{verb} to be expected"


def _advice(likely: str, stage: str) -> str:
    """What to do about an end where dependence is likely or possible, from the day on which
    withdrawal may begin: nothing is given again, weeks later, to somebody who is well without."""
    if stage == LATE:
        return (
            "withdrawal would have begun by now. Get in touch in the next days and ask about "
            "symptoms that last; only where they are troublesome is giving it again and tapering "
            "one way."
        )
    if likely == POSSIBLE:
        return (
            "get in touch in the next days and ask about withdrawal symptoms. Where they are "
            "troublesome, giving it again and tapering is one way."
        )
    return (
        "get in touch the same day, ask about withdrawal symptoms, and usually give it again and "
        "taper."
    )


def _grace(bands: set[str | None], limit: Limits) -> tuple[int, str]:
    """The days after the end from which withdrawal may begin, and the half-life they go by."""
    if bands <= {"long"}:
        return limit["long_from_days"], "long"
    if bands <= {"long", "intermediate"}:
        return limit["intermediate_from_days"], "intermediate"
    return limit["short_from_days"], "short or unknown"


def _stage(view: View, ended: int, bands: set[str | None]) -> str:
    """How far an end lies behind the day judged; `EARLY` under a book without STOP-01."""
    limit = view.limits_of("STOP-01", *TIMES)
    if limit is None:
        return EARLY
    due = ended + _grace(bands, limit)[0]
    if not view.reached(due):
        return EARLY
    return LATE if view.reached(due + limit["urgent_for_days"]) else DUE


@rule(
    "STOP-02",
    family="Stopping and tapering",
    title="Ended by a prescriber without a taper",
    theme=STOPPING,
    severity=Grading(
        "S1 until withdrawal may begin, then S1 or S2 as STOP-01; S4 after a short course",
        (1, 2, 4),
    ),
    shown=Shown("Interrupts where S1; else queue; a note after a short course", interrupts=True),
    sources=("fda-bzd-2020", "asam-2025-2", "asam-2025-3", "racgp-b", "stop-02"),
    parameters=(
        parameter("stands_days", DAYS, "Shown for", 30),
        parameter("last_step_mg", MG, "Left out: to nothing from at most", 1),
    ),
    idle=True,
)
def ended_by_a_prescriber(view: View, limit: Limits) -> Says:
    """STOP-02. A prescription is set to ended by a prescriber while dependence is to be expected,
    at any dose, and nothing takes its place. Urgent, and asks for a reason, until withdrawal may
    begin: a taper can still take its place. From then on graded as STOP-01 is: urgent for 14 days
    where dependence is likely, else review; a note where it is not. Not at the end of a completed
    taper, whose last step was 1 mg diazepam equivalent or less, or the smallest unit."""
    episode = _latest(view)
    if episode is None:
        return
    for (key, ended), spans in sorted(_set_to_ended(view, episode, limit).items()):
        beside = _goes_on(view, episode, spans, ended)
        if beside.replaced:
            continue
        mine = _alone(view, episode, key, ended) if beside.another else episode
        why = dependence(view, mine, ended)
        if not why or all(_end_of_taper(view, span, episode, ended, limit) for span in spans):
            continue
        name = words.sentence_case(spans[0].use.drug.name)
        days = mine.exposed_days(mine.start, ended)
        likely = likelihood(view, mine, ended)
        stage = _stage(view, ended, {spans[0].use.drug.band})
        severity, gist = _said_of_what_was_ended(likely, stage, days, why)
        yield candidate(
            "STOP-02",
            severity,
            interrupts=severity == 1,
            key=f"STOP-02:{words.iso(episode.start)}:{key}:{words.iso(ended)}",
            line_ids=tuple(sorted({span.use.line.id for span in spans})),
            title=(
                f"{name} set to ended "
                + (f"after {words.days(days)}" if likely == UNLIKELY else "without a taper")
            ),
            sentence=f"{name} was set to ended on {words.day(ended)}{gist}",
            facts=(
                Fact("ended", "Ended", words.iso(ended), "date"),
                Fact("gate", "Dependence expected", why),
                Fact("exposed_days", "Exposure", days, "days"),
            ),
            clears=(
                "A taper is planned and supplied, or the reason is recorded."
                if stage == EARLY and likely != UNLIKELY
                else "The contact with its outcome, or the reason, is recorded."
            ),
        )


def _said_of_what_was_ended(likely: str, stage: str, days: int, why: str) -> tuple[int, str]:
    """Severity, and what is said after the day on which a prescriber set a medicine to ended."""
    if likely == UNLIKELY:
        return 4, f" after a single course of {words.days(days)}. After so short a use {_SHORT_USE}"
    if stage == EARLY:
        return 1, (
            f" while dependence {_expected(likely, stage)} ({why}); an abrupt end can bring on "
            "seizures, so plan a gradual taper instead."
        )
    severity = 1 if likely == LIKELY and stage == DUE else 2
    after = f"after {words.days(days)} " if likely == POSSIBLE else ""
    return severity, (
        f", and {after}dependence {_expected(likely, stage)} ({why}); {_advice(likely, stage)}"
    )


def _set_to_ended(view: View, episode: Episode, limit: Limits) -> dict[tuple[str, int], list[Span]]:
    """The supplies that a prescriber set to ended lately, by drug and by day."""
    ends: dict[tuple[str, int], list[Span]] = {}
    for span in episode.spans:
        line = span.use.line
        if line.status == "stopped":
            # Without a day of its own the end is that of the supply.
            ended = span.end if line.end_on is None else line.end_on.toordinal()
            if view.reached(ended) and not view.reached(ended + limit["stands_days"] + 1):
                ends.setdefault((span.use.drug.key, ended), []).append(span)
    return ends


class _Beside(NamedTuple):
    """Whether something takes the place of an ended drug, and whether another is taken as well."""

    replaced: bool
    another: bool


def _goes_on(view: View, episode: Episode, spans: list[Span], ended: int) -> _Beside:
    """A further supply of the same drug takes its place, and so does another drug begun at most 28
    days before the end or within the gap after it: a switch. One taken for longer is no switch."""
    ids = {span.use.line.id for span in spans}
    begun: dict[str, int] = {}
    for span in episode.spans:
        begun[span.use.drug.key] = min(span.start, begun.get(span.use.drug.key, span.start))
    going: list[tuple[DatedUse, int]] = [
        (span.use, span.start) for span in view.spans if span.end > ended
    ]
    going += [(use, use.start) for use in view.unclear if use.reach > ended]
    replaced = another = False
    for use, start in going:
        if use.line.id in ids or start > ended + view.gap_days + 1:
            continue
        first = min(start, begun.get(use.drug.key, start))
        if use.drug.key == spans[0].use.drug.key or (
            first >= ended - view.limit["start_window_days"]
        ):
            replaced = True
        else:
            another = True
    return _Beside(replaced, another)


def _alone(view: View, episode: Episode, key: str, ended: int) -> Episode:
    """The course of one drug of an episode, as an episode of its own."""
    mine = episodes([span for span in episode.spans if span.use.drug.key == key], view.gap_days)
    # A supply may have run out before the day it was set to ended.
    return next((each for each in mine if each.end >= ended), mine[-1])


def _end_of_taper(view: View, span: Span, episode: Episode, ended: int, limit: Limits) -> bool:
    """Had a taper come down to its last small step by the end?"""
    drug = span.use.drug
    for taper in view.dossier.tapers:
        if (
            taper.drug == drug.key
            and taper.status in {"active", "completed"}
            and _belongs(taper, episode)
        ):
            doses = [
                step.mg_per_day
                for step in taper.steps
                if step.mg_per_day > 0 and step.on.toordinal() <= ended
            ]
            if doses and is_smallest(view, drug, doses[-1], limit):
                return True
    if not _written_taper(span):
        return False
    amounts = [part.mg for part in pieces(span) if part.start <= ended and part.mg is not None]
    return bool(amounts) and is_smallest(view, drug, amounts[-1], limit)


def is_smallest(view: View, drug: Drug, mg: float, limit: Limits) -> bool:
    """At most 1 mg in diazepam equivalents, or the smallest solid unit marketed."""
    factor = view.scale.factors[drug.key]
    if factor is not None and mg * factor.value <= limit["last_step_mg"] + 1e-9:
        return True
    solid = [
        strength
        for form in ("tablet", "capsule")
        for strength in drug.strengths.get(view.profile, {}).get(form, ())
    ]
    return bool(solid) and mg <= min(solid) + 1e-9


@rule(
    "STOP-03",
    family="Stopping and tapering",
    title="Left out at admission or discharge",
    theme=STOPPING,
    severity=S2,
    shown=QUEUED,
    sources=("portal",),
    parameters=(parameter("within_days", DAYS, "In the last", 28),),
    idle=True,
)
def left_out(view: View, limit: Limits) -> Says:
    """STOP-03. A reconciliation on admission or discharge left the benzodiazepine or Z-drug out, in
    the last 28 days, and nothing was supplied since: confirm that it was meant."""
    days: list[int] = []
    reading = view.person.reading("bzra_reconciliation")
    if reading is not None and reading.text == "dropped":
        days.append(reading.day)
    for span in view.spans:
        line = span.use.line
        if line.status == "stopped" and line.change_reason in LEFT_OUT and line.end_on is not None:
            days.append(line.end_on.toordinal())
    day = max((day for day in days if day <= view.today), default=None)
    if day is None or view.reached(day + limit["within_days"] + 1):
        return
    if any(span.start > day for span in view.spans):
        return
    episode = _latest(view)
    if episode is None or episode.end < day - view.gap_days - 1:
        return
    spans = _last_spans(episode)
    drugs = words.listed(names(spans))
    yield candidate(
        "STOP-03",
        2,
        key=f"STOP-03:{words.iso(day)}",
        line_ids=ids_of([span.use for span in spans]),
        title=f"{words.sentence_case(drugs)} left out",
        sentence=(
            f"On {words.day(day)} a reconciliation at admission or discharge left out {drugs}, and "
            "nothing was supplied since; confirm that it was meant, and that a taper was thought "
            "of."
        ),
        facts=(Fact("left_out", "Left out", words.iso(day), "date"),),
        clears="The intent is confirmed and recorded, or it is supplied again.",
    )

"""Length of treatment: DUR-01 to DUR-04.

D is the number of exposed days of the episode, all benzodiazepines and Z-drugs together, through
the last day of the current supply. Each current line is judged as if it were being saved, by the
rule of its own indication; the clock is common.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.exposure import Episode, Span, Use
from reviews.rules.finding import Fact, Severity
from reviews.rules.indications import INDICATIONS, duration_rule, in_words
from reviews.rules.naming import length_unknown, names
from reviews.rules.parameters import DAYS, Limits, parameter
from reviews.rules.rule import LENGTH, QUEUED, Grading, Shown, rule
from reviews.rules.saying import Candidate, Says, candidate, length_not_known
from reviews.rules.view import Judged, View

CLEARS = (
    "The exposure ends, after a taper where needed, with more than {gap} clear days; or a decision "
    "or an exemption covers it until a date."
)


@rule(
    "DUR-04",
    family="Duration",
    title="Past day 120",
    theme=LENGTH,
    severity=Grading(
        "S2; S1 when a medicine graded urgent beside it was started in the last 28 days; "
        "S4 under the specialist exemption",
        (1, 2, 4),
    ),
    shown=QUEUED,
    sources=("us-labels-4-months", "start-28"),
    parameters=(
        parameter("s2_over_days", DAYS, "S2 above", 120),
        parameter("co_drug_started_within_days", DAYS, "Other medicine started within", 28),
    ),
    idle=True,
)
def four_months(view: View, limit: Limits) -> Says:
    """DUR-04. Whatever the indication, without an exemption: the current supply takes exposure past
    120 days. Urgent when a medicine that another rule grades urgent beside it was started in the
    last 28 days. Shown in place of DUR-01, DUR-02 and DUR-03."""
    lengths: list[Sequence[Use]] = []
    for episode in view.current:
        longest = _longest(view.judged_of(episode))
        if longest.days > limit["s2_over_days"]:
            yield _past_four_months(view, limit, longest)
        else:
            lengths.append(view.touching(episode))
    yield from length_not_known("DUR-04", _first([*lengths, _current_unclear(view)]))


def _past_four_months(view: View, limit: Limits, longest: Judged) -> Candidate:
    """A current line that takes its episode past the limit, and the same said more urgently."""
    over = limit["s2_over_days"]
    episode, span = longest.episode, longest.span
    drugs = words.listed(names(episode.spans))
    touching = view.touching(episode)
    past = (
        f"{view.supply_takes(span.end)} to {drugs} to "
        f"{'at least ' if touching else ''}{words.days(longest.days)} since "
        f"{words.day(episode.start)}; benefit beyond {over} days has not been assessed, and a "
        "structured review is due"
    )
    return candidate(
        "DUR-04",
        Severity.S2,
        key=f"DUR-04:{words.iso(episode.start)}",
        line_ids=episode.line_ids,
        title=_passes(view, drugs, longest, over),
        sentence=f"{past}.",
        facts=exposure_facts(longest, over),
        clears=CLEARS.format(gap=view.gap_days),
        unknown=_unknown(span, touching),
        episode=episode.start,
        lately=view.today - limit["co_drug_started_within_days"],
        graver=(
            Severity.S1,
            f"{past}, urgently because of a medicine started in the last weeks.",
        ),
    )


@rule(
    "DUR-01",
    family="Duration",
    title="Anxiety and other indications past the guidance",
    theme=LENGTH,
    severity=Grading("UK S4 then S2; EU S3 then S2; US S4 then S3", (2, 3, 4)),
    shown=Shown("Queue; S4 is a note"),
    sources=("csm-1988", "eu-spc-1994", "us-labels-4-months", "us-step-60", "stopp-v3-a2"),
    parameters=(
        parameter("s4_over_days", DAYS, "S4 above", UK=14, US=28),
        parameter("s3_over_days", DAYS, "S3 above", US=60, EU=56),
        parameter("s2_over_days", DAYS, "S2 above", UK=28, EU=84),
    ),
    idle=True,
)
def anxiety_and_others(view: View, limit: Limits) -> Says:
    """DUR-01. For anxiety, any other indication without a rule of its own, or none recorded: the
    current supply takes continuous exposure past the limit. UK over 28 days (a note over 14), EU
    over 84 (56), US over 60 (28), and over 120 by DUR-04."""
    yield from _judge(view, "DUR-01", limit)


@rule(
    "DUR-02",
    family="Duration",
    title="Insomnia past the guidance",
    theme=LENGTH,
    severity=Grading(
        "S3 then S2; US S3 (triazolam S2 in every profile); S4 under the specialist exemption",
        (2, 3, 4),
    ),
    shown=QUEUED,
    sources=("smpc-hypnotics", "halcion-label", "eu-spc-1994"),
    parameters=(
        parameter("s3_over_days", DAYS, "S3 above", UK=14, US=28, EU=14),
        parameter("s2_over_days", DAYS, "S2 above", UK=28, EU=28),
        parameter("triazolam_s3_over_days", DAYS, "Triazolam, S3 above", 10),
        parameter("triazolam_s2_over_days", DAYS, "Triazolam, S2 above", 21),
        parameter("triazolam_supply_over_days", DAYS, "Triazolam in one supply, over", 31),
    ),
    idle=True,
)
def insomnia(view: View, limit: Limits) -> Says:
    """DUR-02. For insomnia: UK and EU over 28 days with the taper (from 15 days a lower step), US
    over 28. Triazolam in any profile: over 10 days, over 21 days, or a supply over 31 days."""
    yield from _judge(view, "DUR-02", limit, also=_triazolam)


@rule(
    "DUR-03",
    family="Duration",
    title="Acute muscle spasm past the guidance",
    theme=LENGTH,
    severity=Grading("S3 then S2; S4 under the specialist exemption", (2, 3, 4)),
    shown=QUEUED,
    sources=("scotgov-2024",),
    parameters=(
        parameter("s3_over_days", DAYS, "S3 above", 14),
        parameter("s2_over_days", DAYS, "S2 above", 28),
    ),
    idle=True,
)
def spasm(view: View, limit: Limits) -> Says:
    """DUR-03. For acute muscle spasm in all profiles: over 28 days (from 15 days a lower step)."""
    yield from _judge(view, "DUR-03", limit)


class Step(NamedTuple):
    """A severity that a current line reaches, and the limit of days that it passed."""

    severity: int
    over: int
    item: Judged


def _triazolam(judged: list[Judged], limit: Limits) -> Iterator[Step]:
    """The label of triazolam is narrower than any hypnotic guidance."""
    for item in judged:
        if item.span.use.drug.key == "triazolam":
            if item.days > limit["triazolam_s2_over_days"]:
                yield Step(2, limit["triazolam_s2_over_days"], item)
            elif item.days > limit["triazolam_s3_over_days"]:
                yield Step(3, limit["triazolam_s3_over_days"], item)
            supply = item.span.use.days_supply
            if supply is not None and supply > limit["triazolam_supply_over_days"]:
                yield Step(2, limit["triazolam_supply_over_days"], item)


def _by_days(longest: Judged, limit: Limits) -> Iterator[Step]:
    """The gravest step that the days of the longest line reach."""
    for severity in (1, 2, 3, 4):
        over = limit.get(f"s{severity}_over_days")
        if over is not None and longest.days > over:
            yield Step(severity, over, longest)
            return


def _top(limit: Limits) -> int:
    """The gravest severity that the rule has under this profile."""
    return next(s for s in (1, 2, 3, 4) if f"s{s}_over_days" in limit)


def _judge(view: View, rule_id: str, limit: Limits, also=None) -> Says:
    """The gravest step of each current episode, by the lines whose indication the rule judges."""
    lengths: list[Sequence[Use]] = []
    for episode in view.current:
        judged = [
            item
            for item in view.judged_of(episode)
            if duration_rule(item.span.use.line.indication) == rule_id
        ]
        if not judged:
            continue
        steps = [*_by_days(_longest(judged), limit), *(also(judged, limit) if also else ())]
        touching = view.touching(episode)
        best = min(steps, key=lambda step: (step.severity, -step.over), default=None)
        if best is not None:
            yield _past(view, rule_id, best, touching)
        # A longer exposure would change the answer, unless DUR-04 gives it already.
        if best is None or (best.severity > _top(limit) and not _in_dur_04(view, episode)):
            lengths.append(touching)
    lengths.append(
        [use for use in _current_unclear(view) if duration_rule(use.line.indication) == rule_id]
    )
    yield from length_not_known(rule_id, _first(lengths))


def _in_dur_04(view: View, episode: Episode) -> bool:
    limit = view.limits_of("DUR-04", "s2_over_days")
    return limit is not None and _longest(view.judged_of(episode)).days > limit["s2_over_days"]


def _longest(judged: list[Judged]) -> Judged:
    """The line that runs longest; on a tie the one entered last."""
    return max(judged, key=lambda item: (item.days, item.span.end, item.span.use.line.id))


def _first(lengths: list[Sequence[Use]]) -> Sequence[Use]:
    """The first supplies whose unknown length leaves the answer open; one gap says enough."""
    return next((uses for uses in lengths if uses), ())


def _current_unclear(view: View) -> Sequence[Use]:
    """Supplies of unknown length that may run today, or of which nothing later is known."""
    if not view.unclear:
        return view.undated
    latest = max((use.start for use in view.uses if use.start is not None), default=0)
    return [
        *(use for use in view.unclear if view.is_current(use.reach) or use.start >= latest),
        *view.undated,
    ]


def _past(view: View, rule_id: str, step: Step, touching: Sequence[Use]) -> Candidate:
    severity, over, item = step
    episode, span, days = item.episode, item.span, item.days
    label = _indication(span.use.line.indication)
    at_least = "at least " if touching else ""
    supply = span.use.days_supply
    if supply is not None and days <= over:
        # Only the triazolam supply limit is passed while the days of exposure are not.
        title = f"Triazolam: {supply} days in one supply"
        sentence = (
            f"Triazolam was supplied for {words.days(supply)} from {words.day(span.start)}; the "
            f"label allows no more than {over} days in one supply."
        )
    else:
        title = _passes(view, item.drugs, item, over)
        sentence = (
            f"{view.supply_takes(span.end)} to {item.drugs} to {at_least}{words.days(days)} since "
            f"{words.day(episode.start)}, {label}; the limit of the {view.profile_in_words} "
            f"is {over} days."
        )
    return candidate(
        rule_id,
        severity,
        key=f"{rule_id}:{words.iso(episode.start)}",
        line_ids=item.line_ids,
        title=title,
        sentence=sentence,
        facts=exposure_facts(item, over),
        clears=CLEARS.format(gap=view.gap_days),
        unknown=_unknown(span, touching),
        episode=episode.start,
    )


def _passes(view: View, drugs: str, item: Judged, over: int) -> str:
    """The title of an exposure past a limit, by the day on which it passes it."""
    day = item.episode.day_of(over + 1)
    return f"{words.sentence_case(drugs)} {view.passes(day, f'day {over}')}"


def exposure_facts(item: Judged, over: int) -> tuple[Fact, ...]:
    """The days of exposure through the end of a current line, beside their limit."""
    episode, span = item.episode, item.span
    return (
        Fact("exposed_days", "Exposure", item.days, "days"),
        Fact("limit_days", "Limit", over, "days"),
        Fact("elapsed_days", "Calendar time", span.end - episode.start + 1, "days"),
        Fact("episode_start", "Exposure began", words.iso(episode.start), "date"),
        Fact("supply_end", "Supply runs to", words.iso(span.end), "date"),
        Fact("indication", "Indication", INDICATIONS.get(span.use.line.indication, "Other")),
    )


def _indication(code: str) -> str:
    return "with no indication recorded" if code == "unknown" else f"for {in_words(code)}"


def _unknown(span: Span, touching: Sequence[Use]) -> str:
    unknown = []
    if span.use.line.indication == "unknown":
        unknown.append("The indication is not recorded.")
    if touching:
        unknown.append(
            f"{words.sentence_case(length_unknown(touching))}, so the exposure may be longer."
        )
    return " ".join(unknown)

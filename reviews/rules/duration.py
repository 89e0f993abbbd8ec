"""Length of treatment: DUR-01 to DUR-04.

D is the number of exposed days of the episode, all benzodiazepines and Z-drugs together, through
the last day of the current supply. Each current line is judged as if it were being saved, by the
rule of its own indication; the clock is common.
"""

from reviews.rules import words
from reviews.rules.finding import Fact, Severity
from reviews.rules.indications import INDICATIONS, duration_rule, in_words
from reviews.rules.naming import ids_of, names, not_recorded
from reviews.rules.parameters import DAYS, parameter
from reviews.rules.rule import LENGTH, QUEUED, Grading, Shown, rule
from reviews.rules.view import View

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
def four_months(view: View, limit: dict):
    """DUR-04. Whatever the indication, without an exemption: the current supply takes exposure past
    120 days. Urgent when a medicine that another rule grades urgent beside it was started in the
    last 28 days. Shown in place of DUR-01, DUR-02 and DUR-03."""
    over = limit["s2_over_days"]
    for episode in view.current:
        judged = [item for item in view.judged if item.episode is episode]
        longest = _longest(judged)
        touching = view.touching(episode)
        if longest.days <= over:
            _cannot_judge(view, "DUR-04", touching)
            continue
        span = longest.span
        drugs = names(episode.spans)
        urgent = any(
            view.today <= start + limit["co_drug_started_within_days"]
            for start in view.recent_s1_starts
        )
        at_least = "at least " if touching else ""
        stands = view.add(
            "DUR-04",
            Severity.S1 if urgent else Severity.S2,
            key=f"DUR-04:{words.iso(episode.start)}",
            line_ids=episode.line_ids,
            title=f"{words.sentence_case(words.listed(drugs))} past day {over}",
            sentence=(
                f"The current supply, to {words.day(span.end)}, takes exposure to "
                f"{words.listed(drugs)} to {at_least}{words.days(longest.days)} since "
                f"{words.day(episode.start)}; benefit beyond {over} days has not been assessed, "
                "and a structured review is due"
                + (", urgently because of a medicine started in the last weeks." if urgent else ".")
            ),
            facts=exposure_facts(longest, over, span.end - episode.start + 1),
            clears=CLEARS.format(gap=view.gap_days),
            unknown=_unknown(span, touching),
        )
        if stands:
            view.past_four_months.add(episode.start)
    _cannot_judge(view, "DUR-04", _current_unclear(view))


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
def anxiety_and_others(view: View, limit: dict):
    """DUR-01. For anxiety, any other indication without a rule of its own, or none recorded: the
    current supply takes continuous exposure past the limit. UK over 28 days (a note over 14), EU
    over 84 (56), US over 60 (28), and over 120 by DUR-04."""
    _judge(view, "DUR-01", limit)


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
def insomnia(view: View, limit: dict):
    """DUR-02. For insomnia: UK and EU over 28 days with the taper (from 15 days a lower step), US
    over 28. Triazolam in any profile: over 10 days, over 21 days, or a supply over 31 days."""
    _judge(view, "DUR-02", limit, also=_triazolam)


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
def spasm(view: View, limit: dict):
    """DUR-03. For acute muscle spasm in all profiles: over 28 days (from 15 days a lower step)."""
    _judge(view, "DUR-03", limit)


def _triazolam(judged, limit):
    """The label of triazolam is narrower than any hypnotic guidance."""
    steps = []
    for item in judged:
        if item.span.use.drug.key == "triazolam":
            if item.days > limit["triazolam_s2_over_days"]:
                steps.append((2, limit["triazolam_s2_over_days"], item))
            elif item.days > limit["triazolam_s3_over_days"]:
                steps.append((3, limit["triazolam_s3_over_days"], item))
            supply = item.span.use.days_supply
            if supply is not None and supply > limit["triazolam_supply_over_days"]:
                steps.append((2, limit["triazolam_supply_over_days"], item))
    return steps


def step(days: int, limit: dict) -> tuple[int, int] | None:
    """The severity a day count reaches, with the limit it passed."""
    for severity in (1, 2, 3, 4):
        over = limit.get(f"s{severity}_over_days")
        if over is not None and days > over:
            return severity, over
    return None


def _top(limit):
    return next(s for s in (1, 2, 3, 4) if f"s{s}_over_days" in limit)


def _judge(view, rule_id, limit, also=None):
    for episode in view.current:
        judged = [
            item
            for item in view.judged
            if item.episode is episode and duration_rule(item.span.use.line.indication) == rule_id
        ]
        if not judged:
            continue
        longest = _longest(judged)
        reached = step(longest.days, limit)
        steps = [(*reached, longest)] if reached else []
        if also:
            steps += also(judged, limit)
        best = min(steps, key=lambda found: (found[0], -found[1])) if steps else None
        if best is not None and episode.start in view.past_four_months:
            view.shadowed.add(rule_id)
            continue
        touching = view.touching(episode)
        if best is None or best[0] > _top(limit):
            _cannot_judge(view, rule_id, touching)
        if best is not None:
            _say(view, rule_id, best, touching)
    _cannot_judge(
        view,
        rule_id,
        [use for use in _current_unclear(view) if duration_rule(use.line.indication) == rule_id],
    )


def _longest(judged):
    """The line that runs longest; on a tie the one entered last."""
    return max(judged, key=lambda item: (item.days, item.span.end, item.span.use.line.id))


def _current_unclear(view):
    """Supplies of unknown length that may run today, or of which nothing later is known."""
    if not view.unclear:
        return view.undated
    latest = max((use.start for use in view.uses if use.start is not None), default=0)
    return [
        *(use for use in view.unclear if view.is_current(use.reach) or use.start >= latest),
        *view.undated,
    ]


def _cannot_judge(view, rule_id, uses):
    if uses and not any(gap.rule_id == rule_id for gap in view.gaps):
        view.cannot_judge(
            rule_id,
            [use.line.id for use in uses],
            f"The length of supply is not known for {not_recorded(uses)}.",
        )


def _say(view, rule_id, reached, touching):
    severity, over, item = reached
    episode, span, days = item.episode, item.span, item.days
    drugs = names([s for s in episode.spans if s.start <= span.end])
    label = _indication(span.use.line.indication)
    elapsed = span.end - episode.start + 1
    at_least = "at least " if touching else ""
    supply = span.use.days_supply
    if over > 30 and supply is not None and days <= over:
        # Only the triazolam supply limit is passed while the days of exposure are not.
        title = f"Triazolam: {supply} days in one supply"
        sentence = (
            f"Triazolam was supplied for {words.days(supply)} from {words.day(span.start)}; the "
            f"label allows no more than {over} days in one supply."
        )
    else:
        title = f"{words.sentence_case(words.listed(drugs))} past {over} days"
        sentence = (
            f"The current supply, to {words.day(span.end)}, takes exposure to "
            f"{words.listed(drugs)} to {at_least}{words.days(days)} since "
            f"{words.day(episode.start)}, {label}; the limit of the {view.profile} "
            f"profile is {over} days."
        )
    view.add(
        rule_id,
        severity,
        key=f"{rule_id}:{words.iso(episode.start)}",
        line_ids=ids_of([s.use for s in episode.spans if s.start <= span.end]),
        title=title,
        sentence=sentence,
        facts=exposure_facts(item, over, elapsed),
        clears=CLEARS.format(gap=view.gap_days),
        unknown=_unknown(span, touching),
    )


def exposure_facts(item, over, elapsed):
    episode, span, days = item.episode, item.span, item.days
    return (
        Fact("exposed_days", "Exposure", days, "days"),
        Fact("limit_days", "Limit", over, "days"),
        Fact("elapsed_days", "Calendar time", elapsed, "days"),
        Fact("episode_start", "Exposure began", words.iso(episode.start), "date"),
        Fact("supply_end", "Supply runs to", words.iso(span.end), "date"),
        Fact("indication", "Indication", INDICATIONS.get(span.use.line.indication, "Other")),
    )


def _indication(code):
    return "with no indication recorded" if code == "unknown" else f"for {in_words(code)}"


def _unknown(span, touching):
    unknown = []
    if span.use.line.indication == "unknown":
        unknown.append("The indication is not recorded.")
    if touching:
        unknown.append(
            f"The length of supply is not known for {not_recorded(touching)}, so the exposure may "
            "be longer."
        )
    return " ".join(unknown)

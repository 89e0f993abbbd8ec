"""How it is supplied, and by whom: REF-01, REF-02, PRE-01, PRE-02, SUP-01 and SUP-02."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dossier import Line
from reviews.rules.exposure import ENDED_EARLY, SUPPLY_FROM_END, DatedUse, Span, is_alike
from reviews.rules.finding import Fact
from reviews.rules.naming import names
from reviews.rules.parameters import COUNT, DAYS, PERCENT, Limits, parameter
from reviews.rules.rule import QUEUED, S2, S3, SUPPLY, Grading, Shown, rule
from reviews.rules.saying import Says, about_use, cannot_judge, length_not_known
from reviews.rules.substances import risks_on_record
from reviews.rules.view import View


class EarlyIssue(NamedTuple):
    """An issue on a day on which `left_days` of the supply before were left, of `supply_days`.

    `use` is the new issue, `before` the one it came after.
    """

    day: int
    left_days: int
    supply_days: int
    before: DatedUse
    use: DatedUse


def early_issues(view: View) -> list[EarlyIssue]:
    """Issues of a drug while some of the supply before (with what was carried to it) was left.

    Two supplies begun on one day are one issue.
    """
    by_drug: dict[str, list[Span]] = {}
    for span in view.spans:
        if span.start != span.use.start or {ENDED_EARLY, SUPPLY_FROM_END} & {*span.use.notes}:
            break
    else:
        return []  # nothing was carried forward, so nothing was left
    found = []
    for span in view.spans:
        by_drug.setdefault(span.use.drug.key, []).append(span)
    for spans in by_drug.values():
        spans.sort(key=lambda span: (span.use.start, span.end, span.use.line.id))
        for n, span in enumerate(spans):
            before = [other for other in spans[:n] if other.use.start < span.use.start]
            if before and not any(other.use.start == span.use.start for other in spans[:n]):
                earlier = max(before, key=lambda other: (other.end, other.use.line.id))
                left = earlier.end - span.use.start + 1
                if left > 0:
                    supplied = _issued_with(earlier.use, spans)
                    found.append(EarlyIssue(span.use.start, left, supplied, earlier.use, span.use))
    return sorted(found, key=lambda issue: (issue.day, issue.use.line.id))


def _issued_with(use: DatedUse, spans: list[Span]) -> int:
    """The days of a supply and of those issued with it to follow one another."""
    return sum(other.use.days_supply or 0 for other in spans if is_alike(other.use, use))


@rule(
    "REF-01",
    family="Supply and prescribing",
    title="Early refill",
    theme=SUPPLY,
    severity=Grading("S4; S2 twice or more in 90 days", (2, 4)),
    shown=Shown("Note; queue when repeated"),
    sources=("medicaid-85",),
    parameters=(
        parameter("left_from_days", DAYS, "Days left, from", 3),
        parameter("left_over_percent", PERCENT, "Share of the supply left, over", 15),
        parameter("window_days", DAYS, "Looked at over", 90),
        parameter("repeated_from_count", COUNT, "Review from so many early issues", 2),
    ),
    idle=True,
)
def early_refill(view: View, limit: Limits) -> Says:
    """REF-01. A new issue while more than 15 % of the days of the supply before, and 3 days or
    more, are left: a note; review when it happened twice or more in 90 days."""
    early = [
        issue
        for issue in early_issues(view)
        if issue.left_days >= limit["left_from_days"]
        and issue.left_days * 100 > issue.supply_days * limit["left_over_percent"]
    ]
    if not early:
        return
    latest = early[-1]
    window = limit["window_days"]
    often = [issue for issue in early if latest.day - issue.day <= window]
    repeated = len(often) >= limit["repeated_from_count"]
    if view.reached(latest.day + window + 1) or (not repeated and latest.use not in view.now):
        return
    name = latest.use.drug.name
    issued, was = "issued", "was issued"
    if not view.reached(latest.day):
        issued, was = "to be issued", "is to be issued"
    yield about_use(
        view,
        "REF-01",
        2 if repeated else 4,
        uses=[latest.before, *(issue.use for issue in often)],
        key=latest.use.drug.key,
        title=f"{words.sentence_case(name)} {issued} early"
        + (f" {len(often)} times in {window} days" if repeated else ""),
        sentence=(
            f"{words.sentence_case(name)} {was} on {words.day(latest.day)} with "
            f"{words.days(latest.left_days)} still left of what was supplied before (the last "
            f"for {words.days(latest.supply_days)})"
            + (f", {len(often)} times early in {window} days" if repeated else "")
            + "; ask for the reason."
        ),
        facts=(
            Fact("left_days", "Days left", latest.left_days, "days"),
            Fact("supply_days", "Supply before", latest.supply_days, "days"),
            Fact("early_issues", f"Early in {window} days", len(often)),
        ),
        clears="The reason is recorded.",
    )


@rule(
    "REF-02",
    family="Supply and prescribing",
    title="Replacement supplies",
    theme=SUPPLY,
    severity=S2,
    shown=QUEUED,
    sources=("ref-02",),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 180),
        parameter("replacements_from_count", COUNT, "Replacements, from", 2),
    ),
    idle=True,
)
def replaced(view: View, limit: Limits) -> Says:
    """REF-02. Lost, stolen, travel or other replacement supplies twice or more in 180 days."""
    window = limit["window_days"]
    found = [
        use
        for use in (*view.uses, *view.rescue)
        if use.line.replacement_reason
        and use.start is not None
        and view.reached(use.start)
        and not view.reached(use.start + window + 1)
    ]
    if len(found) < limit["replacements_from_count"]:
        return
    reasons = words.listed(sorted({use.line.replacement_reason for use in found}))
    drugs = words.listed(names(found))
    yield about_use(
        view,
        "REF-02",
        2,
        uses=found,
        title=f"{len(found)} replacement supplies in {window} days",
        sentence=(
            f"{words.sentence_case(drugs)} {words.were(drugs)} supplied again {len(found)} "
            f"times in {window} days ({reasons}); review how it is kept and taken."
        ),
        facts=(
            Fact("replacements", "Replacements", len(found)),
            Fact("window_days", "In the last", window, "days"),
        ),
        clears="A review records the reason and the plan for supply.",
    )


def _prescriber(line: Line) -> str:
    """Who prescribed, as far as it counts as another: colleagues of one team are one.

    An order without a team is of the practice whose system wrote it, if it came from the usual
    health service; a supply handed out, and what is private or online, is of whoever is named.
    """
    if line.team:
        return line.team
    if line.source == "written" and line.acquired == "nhs":
        return f"practice of {line.system}"
    return line.prescriber


def _named(line: Line) -> str:
    """Whoever is named, whether or not they may be colleagues."""
    return line.team or line.prescriber


def _two_at_once(uses: Sequence[DatedUse], who: Callable[[Line], str]) -> bool:
    """Do supplies of two of them overlap as they were issued, whatever was carried forward?"""
    return any(
        "" < who(a.line) < who(b.line) and a.start <= b.reach and b.start <= a.reach
        for a in uses
        for b in uses
    )


@rule(
    "PRE-01",
    family="Supply and prescribing",
    title="Several prescribers",
    theme=SUPPLY,
    severity=Grading("S2; S1 from four", (1, 2)),
    shown=QUEUED,
    sources=("multiple-providers", "pre-01"),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 180),
        parameter("brief_window_days", DAYS, "Two prescribers with overlapping supply, within", 30),
        parameter("review_from_count", COUNT, "Prescribers, review from", 3),
        parameter("urgent_from_count", COUNT, "Urgent from so many", 4),
    ),
    idle=True,
)
def many_prescribers(view: View, limit: Limits) -> Says:
    """PRE-01. Benzodiazepines or Z-drugs in the last 180 days from three prescribers or more who
    are not one team, or in the last 30 days from two whose supplies overlap as issued: review. From
    four or more, or four pharmacies, in 180 days: urgent. Orders without a team are of the practice
    whose system wrote them, so its colleagues are one; whether they are is then not evaluable."""
    window, brief = limit["window_days"], limit["brief_window_days"]
    recent = [
        use
        for use in (*view.uses, *view.rescue)
        if use.start is not None and view.reached(use.start) and view.today <= use.start + window
    ]
    if len(recent) < 2:
        return
    prescribers = {_prescriber(use.line) for use in recent} - {""}
    named = {_named(use.line) for use in recent} - {""}
    pharmacies = {use.line.pharmacy for use in recent} - {""}
    if len(named) < 2 and len(pharmacies) < limit["urgent_from_count"]:
        return
    for use in recent:
        view.watch(use.start + window + 1)
        view.watch(use.start + brief + 1)
    lately = [use for use in recent if view.today <= use.start + brief]
    many = max(len(prescribers), len(pharmacies))
    several = "prescribers" if len(prescribers) > 1 else "pharmacies"
    if many >= limit["urgent_from_count"]:
        severity = 1
        counted = ((len(named), "prescribers"), (len(pharmacies), "pharmacies"))
        source = " and ".join(f"{n} {what}" for n, what in counted if n > 1) + f" in {window} days"
    elif len(prescribers) >= limit["review_from_count"]:
        severity = 2
        source = f"{len(prescribers)} prescribers in {window} days"
    elif _two_at_once(lately, _prescriber):
        severity = 2
        source = f"two prescribers with overlapping supply in {brief} days"
    else:
        if len(named) >= limit["review_from_count"] or _two_at_once(lately, _named):
            yield cannot_judge(
                "PRE-01",
                [use.line.id for use in recent],
                f"Whether the {len(named)} prescribers are of one practice is not recorded.",
            )
        return
    yield about_use(
        view,
        "PRE-01",
        severity,
        uses=recent,
        title=f"{words.sentence_case(words.listed(names(recent)))} from several {several}",
        sentence=(
            f"{words.sentence_case(words.listed(names(recent)))} came from {source}; one "
            f"{'prescriber' if several == 'prescribers' else 'pharmacy'} with a shared plan is "
            "safer."
        ),
        facts=(
            Fact("prescribers", "Prescribers or teams", len(named)),
            Fact("pharmacies", "Pharmacies", len(pharmacies)),
            Fact("window_days", "In the last", window, "days"),
        ),
        clears="A plan with a single prescriber is recorded.",
    )


@rule(
    "PRE-02",
    family="Supply and prescribing",
    title="Private or online source",
    theme=SUPPLY,
    severity=S2,
    shown=QUEUED,
    sources=("portal",),
)
def private_supply(view: View, limit: Limits) -> Says:
    """PRE-02. A benzodiazepine or Z-drug from a private or online source, without a record that the
    usual prescriber knows of it."""
    uses = [use for use in view.now if use.line.acquired in {"private", "online"}]
    if not uses or view.person.answer("usual_prescriber_informed") == "yes":
        return
    how = words.listed(sorted({use.line.acquired for use in uses}))
    source = "an online source" if how == "online" else f"a {how} source"
    drugs = words.listed(names(uses))
    yield about_use(
        view,
        "PRE-02",
        2,
        uses=uses,
        title=f"{words.sentence_case(drugs)} from {source}",
        sentence=(
            f"{words.sentence_case(drugs)} {words.verb(drugs, 'come')} from {source}, and it is "
            "not recorded that the usual prescriber knows; confirm identity and inform them."
        ),
        facts=(Fact("acquired", "Source", how),),
        clears="The usual prescriber is informed, and that is recorded.",
    )


@rule(
    "SUP-01",
    family="Supply and prescribing",
    title="Long supply",
    theme=SUPPLY,
    severity=S2,
    shown=QUEUED,
    sources=("uk-cd-30", "scotgov-2024"),
    parameters=(
        parameter("first_days", DAYS, "Counted as the first", 90),
        parameter("first_over_days", DAYS, "One supply in the first days, over", 30),
        parameter("risk_over_days", DAYS, "One supply with a risk on record, over", 7),
    ),
)
def long_supply(view: View, limit: Limits) -> Says:
    """SUP-01. A supply of over 30 days in the first 90 days of an episode; or of over 7 days while
    a risk of suicide, an overdose or a substance use disorder is on record. Shown by SUI-01 or
    ODH-01 where one of these fires."""
    risks = risks_on_record(view)
    first_days, first_over = limit["first_days"], limit["first_over_days"]
    early, at_risk = [], []
    for item in view.judged:
        days = item.span.use.issued_days or 0
        if item.span.start - item.episode.start < first_days and days > first_over:
            early.append(item.span.use)
        elif risks and days > limit["risk_over_days"]:
            at_risk.append(item.span.use)
    found = [*early, *at_risk]
    if not found:
        yield from length_not_known("SUP-01", [use for use in view.unclear if use in view.now])
        return
    reason = f"over {limit['risk_over_days']} days with a risk on record"
    if early:
        reason = f"over {first_over} days within the first {first_days} days of treatment"
    longest = max(use.issued_days or 0 for use in found)
    drugs = words.listed(names(found))
    yield about_use(
        view,
        "SUP-01",
        2,
        uses=found,
        title=f"{words.sentence_case(drugs)}: {longest} days in one supply",
        sentence=(
            f"{words.sentence_case(drugs)} {words.were(drugs)} supplied for "
            f"{words.days(longest)} at once, {reason}; shorter supplies are safer."
        ),
        facts=(
            Fact("supply_days", "In one supply", longest, "days"),
            Fact("risk", "Risk on record", ", ".join(risks) or "none"),
        ),
        clears="Shorter supplies are issued, or a decision records why not.",
    )


@rule(
    "SUP-02",
    family="Supply and prescribing",
    title="On repeat",
    theme=SUPPLY,
    severity=S3,
    shown=QUEUED,
    sources=("scotgov-2024",),
)
def on_repeat(view: View, limit: Limits) -> Says:
    """SUP-02. A benzodiazepine or Z-drug is on a repeat or automatic refill template."""
    uses = [use for use in view.now if use.line.repeat_template]
    if uses:
        drugs = words.listed(names(uses))
        yield about_use(
            view,
            "SUP-02",
            3,
            uses=uses,
            title=f"{words.sentence_case(drugs)} on repeat",
            sentence=(
                f"{words.sentence_case(drugs)} {words.are(drugs)} on a repeat or automatic "
                "refill template; an issue at a time lets somebody look at it each time."
            ),
            facts=(Fact("lines", "Prescriptions on repeat", len(uses)),),
            clears="It is moved to single issues, or a decision records why not.",
        )

"""Exposure over longer times and across courses: DUR-05 to DUR-10 and SWI-01."""

from collections.abc import Sequence

from reviews.rules import words
from reviews.rules.drug import Z_DRUG
from reviews.rules.exposure import OPEN, Episode, FurtherIssues, Span, Use
from reviews.rules.finding import Fact
from reviews.rules.indicated import HYPNOTIC_ATC
from reviews.rules.naming import length_unknown, names
from reviews.rules.parameters import COUNT, DAYS, YEARS, Limits, parameter
from reviews.rules.rule import DUPLICATE, LENGTH, OLDER, QUEUED, S3, Grading, rule
from reviews.rules.saying import (
    Candidate,
    Says,
    about_use,
    candidate,
    cannot_judge,
    length_not_known,
)
from reviews.rules.view import Judged, View

BRIEF = frozenset({"premedication", "procedure"})


def _vague(view: View, item: Judged | None, window: int) -> list[Use]:
    """Supplies of unknown length that may add days to those that end with the current supply."""
    if item is None:
        return [use for use in view.now if use.end is None]
    end = item.span.end
    return [*view.unclear_between(end - window + 1, end), *view.undated]


@rule(
    "DUR-06",
    family="Duration",
    title="Long-term use",
    theme=LENGTH,
    severity=Grading("S2; S4 under the specialist exemption", (2, 4)),
    shown=QUEUED,
    sources=("manitoba-2021",),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 365),
        parameter("exposed_from_days", DAYS, "Exposure, from", 180),
        parameter("half_window_days", DAYS, "Half-year", 180),
        parameter("half_exposed_from_days", DAYS, "Exposure in the half-year, from", 144),
    ),
)
def long_term(view: View, limit: Limits) -> Says:
    """DUR-06. Long-term use: 180 exposed days or more in the 365 days that end with the current
    supply, or 144 or more in the last 180 of them."""
    item = view.last
    year, half = limit["window_days"], limit["half_window_days"]
    if item is None:
        yield from length_not_known("DUR-06", _vague(view, item, year))
        return
    window, days = year, view.exposed(year, item.span.end)
    if days < limit["exposed_from_days"]:
        window, days = half, view.exposed(half, item.span.end)
    if window == half and days < limit["half_exposed_from_days"]:
        yield from length_not_known("DUR-06", _vague(view, item, year))
        return
    yield _on_days(
        view,
        "DUR-06",
        2,
        item,
        days=days,
        window=window,
        gist="this counts as long-term use: offer a taper and look for signs of dependence",
        fact=Fact("pdc_percent", "Share of days covered", round(100 * days / window), "%"),
    )


@rule(
    "DUR-05",
    family="Duration",
    title="More than 90 days in a year",
    theme=LENGTH,
    severity=Grading("S3; S4 under the specialist exemption", (3, 4)),
    shown=QUEUED,
    sources=("pqa-2015",),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 365),
        parameter("exposed_over_days", DAYS, "Exposure, over", 90),
    ),
)
def ninety_in_a_year(view: View, limit: Limits) -> Says:
    """DUR-05. More than 90 exposed days in the 365 days that end with the current supply, without
    an exemption. Shown by DUR-06 from 180."""
    item = view.last
    days = view.exposed(limit["window_days"], item.span.end) if item else 0
    if item is None or days <= limit["exposed_over_days"]:
        yield from length_not_known("DUR-05", _vague(view, item, limit["window_days"]))
        return
    yield _on_days(
        view,
        "DUR-05",
        3,
        item,
        days=days,
        window=limit["window_days"],
        gist=(
            f"{words.days(limit['exposed_over_days'])} or fewer in a year is the measure for "
            "hypnotics in older people, used here for all"
        ),
        fact=Fact("over_days", "Threshold, over", limit["exposed_over_days"], "days"),
    )


@rule(
    "DUR-10",
    family="Duration",
    title="Intermittent but persistent use",
    theme=LENGTH,
    severity=Grading("S3; S4 under the specialist exemption", (3, 4)),
    shown=QUEUED,
    sources=("oregon-2018",),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 365),
        parameter("supplies_from_count", COUNT, "Supplies begun, from", 6),
        parameter("exposed_from_days", DAYS, "Exposure, from", 95),
        parameter("exposed_to_days", DAYS, "Exposure, up to", 273),
    ),
)
def intermittent(view: View, limit: Limits) -> Says:
    """DUR-10. Intermittent but persistent: 6 supplies or more begun in the 365 days that end with
    the current supply, with 95 to 273 exposed days (26 to 75 in a hundred), and with pauses: no
    more than that share of the days since the first of these supplies."""
    item = view.last
    window = limit["window_days"]
    vague = _vague(view, item, window)
    end = view.today if item is None else item.span.end
    supplies = {
        use.line.id
        for use in (*(span.use for span in view.spans), *vague)
        if use.start is None or end - window < use.start <= end
    }
    if len(supplies) < limit["supplies_from_count"]:
        return
    days = view.exposed(window, end)
    if item is not None and _without_a_pause(view, limit, end, days):
        return
    if item is None or not limit["exposed_from_days"] <= days <= limit["exposed_to_days"]:
        if days <= limit["exposed_to_days"]:
            yield from length_not_known("DUR-10", vague)
        return
    yield _on_days(
        view,
        "DUR-10",
        3,
        item,
        days=days,
        window=window,
        gist=f"with {len(supplies)} supplies in that time the use is intermittent but goes on",
        fact=Fact("supplies", "Supplies begun", len(supplies)),
    )


def _without_a_pause(view: View, limit: Limits, end: int, days: int) -> bool:
    """Is so large a part of the days since the first supply of the window covered that the use is
    continuous, and only began or ended within the window?"""
    window = limit["window_days"]
    first = min(max(span.start, end - window + 1) for span in view.spans if span.end > end - window)
    return days * window > limit["exposed_to_days"] * (end - first + 1)


def _on_days(
    view: View,
    rule_id: str,
    severity: int,
    item: Judged,
    *,
    days: int,
    window: int,
    gist: str,
    fact: Fact,
) -> Candidate:
    """So many exposed days in a window of days that ends with the current supply."""
    end = item.span.end
    uses, drugs = view.supplied(window, end)
    touching = view.unclear_between(end - window + 1, end)
    told = view.told is not None and view.told.recorded.start > end - window + 1
    covers = f"{'use, partly as told,' if told else 'supply'} of {drugs} covers"
    return about_use(
        view,
        rule_id,
        severity,
        uses=uses,
        title=f"{words.sentence_case(drugs)}: {days} of the {window} days to {words.day(end)}",
        sentence=(
            f"In the {window} days to {words.day(end)}, {covers} "
            f"{'at least ' if touching else ''}{words.days(days)}; {gist}."
        ),
        facts=(
            Fact("exposed_days", "Exposure", days, "days"),
            Fact("window_days", "In the last", window, "days"),
            Fact("supply_end", "Supply runs to", words.iso(end), "date"),
            fact,
        ),
        clears="A taper brings the exposed days down, or a decision or exemption covers it.",
        unknown=(f"{words.sentence_case(length_unknown(touching))}." if touching else ""),
    )


@rule(
    "DUR-07",
    family="Duration",
    title="More than a single occasion for a procedure",
    theme=LENGTH,
    severity=Grading("S3; S4 under the specialist exemption", (3, 4)),
    shown=QUEUED,
    sources=("portal",),
    parameters=(
        parameter("supply_over_days", DAYS, "One supply, over", 2),
        parameter("repeat_within_days", DAYS, "Repeated within", 30),
    ),
)
def premedication(view: View, limit: Limits) -> Says:
    """DUR-07. For premedication or a procedure: a supply over 2 days, or a second supply within 30
    days of the one before."""
    uses = [use for use in view.now if use.line.indication in BRIEF]
    if not uses:
        return
    starts = sorted(
        use.start for use in view.uses if use.line.indication in BRIEF and use.start is not None
    )
    over, within = limit["supply_over_days"], limit["repeat_within_days"]
    found, vague = [], []
    for use in uses:
        days = use.days_supply
        begun = None if isinstance(use, FurtherIssues) else use.start
        again = begun is not None and any(0 < begun - start <= within for start in starts)
        if use.end is not None and days is not None and days > over:
            found.append(
                (
                    use,
                    f"{words.days(days)} supplied",
                    f"{days} days were supplied, more than {over}",
                )
            )
        elif again:
            again_within = f"second supply within {within} days"
            found.append((use, again_within, f"it is a {again_within}"))
        elif use.end is None:
            vague.append(use)
    if not found:
        yield from length_not_known("DUR-07", vague)
        return
    use, in_short, said = found[0]
    yield about_use(
        view,
        "DUR-07",
        3,
        uses=[each for each, *_ in found],
        key="+".join(sorted({each.drug.key for each, *_ in found})),
        title=f"{words.sentence_case(use.drug.name)} for a procedure: {in_short}",
        sentence=(
            f"{words.sentence_case(use.drug.name)} is for premedication or a procedure, and "
            f"{said}; a single dose or at most {over} days is expected."
        ),
        facts=(Fact("days_supply", "Supplied for", use.days_supply, "days"),),
        clears="The indication or the quantity is corrected, or the reason is recorded.",
    )


@rule(
    "DUR-08",
    family="Duration",
    title="New long course over 65",
    theme=OLDER,
    severity=Grading("S2; S4 under the specialist exemption", (2, 4)),
    shown=QUEUED,
    sources=("uk-filter-008",),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 66),
        parameter("unexposed_before_days", DAYS, "None in the days before", 450),
        parameter("exposed_from_days", DAYS, "Exposure, from", 21),
        parameter("stands_days", DAYS, "New for", 90),
    ),
)
def older_new_user(view: View, limit: Limits) -> Says:
    """DUR-08. Somebody of over 65 (66 completed years or more), with no exposure in the 450 days
    before the episode, receives a supply of 21 days or more or reaches 21 exposed days. Once for an
    episode, for 90 days from its first day; with a diagnosis of depression the finding says so."""
    at = limit["exposed_from_days"]
    alone = [
        use
        for use in view.now
        if use.end is None
        and use.start is not None
        and not any(use in view.touching(episode) for episode in view.current)
        and _new_and_old(view, limit, use.start, use.start)
    ]
    if alone:
        yield from length_not_known("DUR-08", alone)
        return
    if not view.current and view.undated:
        view.person.watch_birthday(limit["age_from_years"])
        if view.person.birth_date is None or view.person.is_aged(
            limit["age_from_years"], view.today
        ):
            yield from length_not_known("DUR-08", view.undated)
        return
    stands = limit.get("stands_days", OPEN)
    for episode in view.current:
        if stands < OPEN and view.reached(episode.start + stands + 1):
            continue
        items = view.judged_of(episode)
        days = max(item.days for item in items)
        longest = max(item.span.use.days_supply or 0 for item in items)
        first = min(episode.spans, key=lambda span: span.start)
        if days < at and longest < at:
            touching = view.touching(episode)
            if touching and _new_and_old(view, limit, episode.start, first.use.start):
                yield from length_not_known("DUR-08", touching)
                return
            continue
        age = view.person.age_on(first.use.start)
        if age is None:
            yield cannot_judge("DUR-08", [first.use.line.id], "The birth date is not recorded.")
            return
        window = limit["unexposed_before_days"]
        if age < limit["age_from_years"] or view.exposed(window, episode.start - 1):
            continue
        before = view.unclear_between(episode.start - window, episode.start - 1)
        if before or view.undated:
            yield from length_not_known("DUR-08", [*before, *view.undated])
            continue
        yield _new_course(view, limit, episode, age=age, days=days, longest=longest)


def _new_course(
    view: View, limit: Limits, episode: Episode, *, age: int, days: int, longest: int
) -> Candidate:
    """A course newly begun at an age, of so many exposed days and with so long a supply."""
    at, window = limit["exposed_from_days"], limit["unexposed_before_days"]
    depressed = view.person.has("depression")
    drugs = words.listed(names(episode.spans))
    has_begun = view.reached(episode.start)
    last = max(item.span.end for item in view.judged_of(episode))
    is_over = not view.touching(episode) and view.reached(last + 1)
    begun, when = (
        ("newly begun", words.were(drugs)) if has_begun else ("to begin", words.are(drugs))
    )
    when = f"{when} {'begun' if has_begun else 'to begin'}"
    return candidate(
        "DUR-08",
        2,
        key=f"DUR-08:{words.iso(episode.start)}",
        line_ids=episode.line_ids,
        title=f"{words.sentence_case(drugs)} {begun} at {age}, {at} days or more",
        sentence=(
            f"{words.sentence_case(drugs)} {when} on "
            f"{words.day(episode.start)} at age {age} after {window} days or more without; "
            f"the exposure {'reached' if is_over else 'reaches'} {words.days(days)}"
            + (" in a person with depression" if depressed else "")
            + (
                f", to {words.day(last)}; a call before any further supply decides whether it is "
                "needed."
                if is_over
                else "; an early call decides whether it needs to go on."
            )
        ),
        facts=(
            Fact("age_years", "Age at start", age, "years"),
            Fact("exposed_days", "Exposure", days, "days"),
            Fact("longest_supply_days", "Longest supply", longest, "days"),
            Fact("depression", "Depression", "yes" if depressed else "not on record"),
        ),
        clears="The person is called and a decision recorded, or a taper ends the exposure.",
        episode=episode.start,
    )


def _new_and_old(view: View, limit: Limits, begun: int, on: int) -> bool:
    """Begun after the days without exposure that make it new, by somebody old enough by then."""
    age = view.person.age_on(on)
    return (age is None or age >= limit["age_from_years"]) and not view.exposed(
        limit["unexposed_before_days"], begun - 1
    )


@rule(
    "DUR-09",
    family="Duration",
    title="New start within an episode",
    theme=LENGTH,
    severity=Grading("S3; S4 under the specialist exemption", (3, 4)),
    shown=QUEUED,
    sources=("portal",),
)
def new_start_within_an_episode(view: View, limit: Limits) -> Says:
    """DUR-09. A prescription recorded as a new start changes the medicine within 14 days of the end
    of the one before: the length of treatment goes on counting."""
    for item in view.judged:
        span, episode = item.span, item.episode
        if not span.use.line.is_new_start:
            continue
        before = [other for other in episode.spans if other.start < span.start]
        if not before or _goes_on(view, span, before):
            continue
        earlier = max(before, key=lambda other: (other.end, other.use.line.id))
        yield about_use(
            view,
            "DUR-09",
            3,
            uses=[span.use, earlier.use],
            key=span.use.drug.key,
            title=f"{words.sentence_case(span.use.drug.name)} recorded as a new start",
            sentence=(
                f"{words.sentence_case(span.use.drug.name)} of {words.day(span.start)} is recorded "
                f"as a new start, but follows {earlier.use.drug.name}, which ran to "
                f"{words.day(earlier.end)}; exposure goes on counting from "
                f"{words.day(episode.start)}."
            ),
            facts=(
                Fact("episode_start", "Exposure began", words.iso(episode.start), "date"),
                Fact("exposed_days", "Exposure", item.days, "days"),
            ),
            clears="The entry is corrected, or a decision records the course as a whole.",
        )
        return


def _goes_on(view: View, span: Span, spans: Sequence[Span]) -> bool:
    """Does a supply continue an earlier one of the same medicine, with gaps that are bridged?"""
    return any(
        other.use.drug.key == span.use.drug.key
        and other.start < span.start <= other.end + view.gap_days + 1
        for other in spans
    )


def _hypnotic(use: Use) -> bool:
    return bool(
        use.mask & Z_DRUG
        or use.line.indication == "insomnia"
        or any(code.startswith(HYPNOTIC_ATC) for code in use.drug.atc)
    )


@rule(
    "SWI-01",
    family="Duration",
    title="One hypnotic after another",
    theme=DUPLICATE,
    severity=S3,
    shown=QUEUED,
    sources=("nice-ta77",),
    parameters=(
        parameter("switch_within_days", DAYS, "Second hypnotic after the first, within", 30),
    ),
)
def switched_hypnotic(view: View, limit: Limits) -> Says:
    """SWI-01. A second hypnotic begins within 30 days after the last day of another one, and no
    adverse effect of the first is recorded as the reason. What is recorded as a cross-taper to
    diazepam is left out."""
    if len({span.use.drug.key for span in view.spans}) < 2:
        return
    within = limit["switch_within_days"]
    for item in view.judged:
        use = item.span.use
        reason = use.line.change_reason
        if not _hypnotic(use) or reason == "adverse_effect":
            continue
        if use.drug.key == "diazepam" and reason == "cross_taper":
            continue
        first = item.span.start
        if _goes_on(view, item.span, view.spans):
            continue
        # The last day of each other hypnotic begun before: later than that it goes on beside.
        last: dict[str, Span] = {}
        for span in view.spans:
            key = span.use.drug.key
            mine = key != use.drug.key and span.start < first and _hypnotic(span.use)
            if mine and (key not in last or span.end > last[key].end):
                last[key] = span
        before = [span for span in last.values() if 0 < first - span.end <= within]
        if not before or view.person.answer("hypnotic_adverse_effect") == "yes":
            continue
        earlier = max(before, key=lambda span: (span.end, span.use.line.id))
        yield about_use(
            view,
            "SWI-01",
            3,
            uses=[use, earlier.use],
            key=f"{earlier.use.drug.key}+{use.drug.key}",
            title=f"{words.sentence_case(use.drug.name)} after {earlier.use.drug.name}",
            sentence=(
                f"{words.sentence_case(use.drug.name)} begins on {words.day(first)}, "
                f"{words.days(first - earlier.end)} after the last day of {earlier.use.drug.name}; "
                "guidance is to change a hypnotic only because of an adverse effect of the first."
            ),
            facts=(
                Fact("days_between", "Days after the first", first - earlier.end, "days"),
                Fact("within_days", "Threshold, within", within, "days"),
            ),
            clears="The adverse effect is recorded, or another treatment for sleep is chosen.",
        )
        return

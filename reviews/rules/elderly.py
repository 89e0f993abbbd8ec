"""The older patient: ELD-01, ELD-02, ELD-04 and ELD-06. Age counts at the prescription's start."""

from collections.abc import Callable, Generator
from typing import TypeVar

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE
from reviews.rules.duration import CLEARS
from reviews.rules.exposure import OPEN, DatedUse, Use
from reviews.rules.finding import Fact, NotEvaluable
from reviews.rules.naming import ids_of, length_unknown, names, not_recorded
from reviews.rules.parameters import DAYS, YEARS, Limits, parameter
from reviews.rules.rule import OLDER, QUEUED, Grading, rule
from reviews.rules.saying import Candidate, Says, candidate, cannot_judge, length_not_known
from reviews.rules.view import Judged, View

AnyUse = TypeVar("AnyUse", bound=Use)
NOT_A_NEW_COURSE = frozenset({"premedication", "procedure"})


def _age(view: View, use: Use) -> int | None:
    """Age at the prescription's start; today for one that is open-ended, as it may be renewed, and
    for one without a start."""
    if use.start is None:
        return view.person.age_on(view.today)
    if use.end is None and use.reach == OPEN:
        return view.person.age_on(max(use.start, view.today))
    return view.person.age_on(use.start)


def _current_uses(view: View, *, rescue: bool) -> list[DatedUse]:
    uses: list[DatedUse] = [judged.span.use for judged in view.judged]
    uses += [use for use in view.unclear if view.is_current(use.reach)]
    if rescue:
        uses += [use for use in view.rescue if use.start is not None and view.is_current(use.reach)]
    return uses


def _of_known_age(
    view: View, rule_id: str, uses: list[AnyUse]
) -> Generator[NotEvaluable, None, list[AnyUse]]:
    """The uses that can be judged by age: all, or without a birth date none, which is a gap."""
    if view.person.birth_date is not None or not uses:
        return uses
    yield cannot_judge(rule_id, [use.line.id for use in uses], "The birth date is not recorded.")
    return []


@rule(
    "ELD-01",
    family="Patient conditions",
    title="New start at 65 or over",
    theme=OLDER,
    severity=Grading("S3; S4 under the specialist exemption", (3, 4)),
    shown=QUEUED,
    sources=("beers-2023-t2", "eld-01-180"),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("unexposed_before_days", DAYS, "None in the days before", 180),
    ),
    idle=True,
)
def new_start(view: View, limit: Limits) -> Says:
    """ELD-01. Somebody of 65 or over begins a benzodiazepine or Z-drug after 180 days without one.
    Not for premedication or a procedure, not under the epilepsy or alcohol withdrawal exemption."""
    uses = [
        use
        for use in _current_uses(view, rescue=True)
        if use.line.indication not in NOT_A_NEW_COURSE and not _supervised_withdrawal(view, use)
    ]
    undated = [use for use in view.undated if use.line.indication not in NOT_A_NEW_COURSE]
    if view.person.birth_date is None and not uses:
        yield from _of_known_age(view, "ELD-01", undated)
    uses = yield from _of_known_age(view, "ELD-01", uses)
    view.person.watch_birthday(limit["age_from_years"])
    if not uses and view.person.is_aged(limit["age_from_years"], view.today):
        yield from length_not_known("ELD-01", undated)
    window = limit["unexposed_before_days"]
    for use in sorted(uses, key=lambda use: (use.start, use.line.id)):
        if not _may_be_a_start(view, limit, use) or _exposed_before(view, use, window):
            continue
        vague = [*view.unclear_between(use.start - window, use.start - 1), *view.undated]
        if vague:
            yield cannot_judge(
                "ELD-01",
                [each.line.id for each in vague],
                f"Whether this is a new start is not known: {length_unknown(vague)}.",
            )
        else:
            yield _new_start(view, window, [each for each in uses if each.start == use.start])
        return


def _may_be_a_start(view: View, limit: Limits, use: DatedUse) -> bool:
    """Begun at the age of the rule, still current, and not an open-ended supply of long ago."""
    return (
        view.person.is_aged(limit["age_from_years"], use.start)
        and view.is_current(use.reach)
        and (use.end is not None or view.today <= use.start + limit["unexposed_before_days"])
    )


def _exposed_before(view: View, use: DatedUse, window: int) -> bool:
    """Was there a benzodiazepine or Z-drug for certain in so many days before a use?"""
    first, last = use.start - window, use.start - 1
    # Rescue medicine is no exposure; only its own renewal is no new start.
    everything = (*view.uses, *view.rescue) if use in view.rescue else view.uses
    return any(
        other.start is not None and other.start <= last and other.least_end >= first
        for other in everything
    ) or any(span.start <= last and span.end >= first for span in view.spans)


def _new_start(view: View, window: int, uses: list[DatedUse]) -> Candidate:
    """Uses that begin on one day, after so many days without any."""
    start = uses[0].start
    age = view.person.age_on(start)
    drugs = words.listed(names(uses))
    begun = "begun" if view.reached(start) else "to begin"
    return candidate(
        "ELD-01",
        3,
        key=f"ELD-01:{words.iso(start)}",
        line_ids=ids_of(uses),
        title=f"{words.sentence_case(drugs)} {begun} at {age}",
        sentence=(
            f"{words.sentence_case(drugs)} {words.verb(drugs, 'begin')} on {words.day(start)} at "
            f"age {age}, with no benzodiazepine or Z-drug in the {window} days before; guidance "
            "for older people is to avoid a start unless there is a clear reason, and then to "
            "begin with half the dose."
        ),
        facts=(
            Fact("age_years", "Age at start", age, "years"),
            Fact("unexposed_before_days", "Days without before", f"over {window}", "days"),
            Fact("start", "Begins", words.iso(start), "date"),
        ),
        clears="The first supply is over, or a decision records the reason and a falls check.",
    )


def _supervised_withdrawal(view: View, use: DatedUse) -> bool:
    """The conditions of the alcohol withdrawal exemption, met by an in-patient record itself."""
    limit = view.limits_of("ALC-02", "alcohol_over_days")
    return (
        limit is not None
        and use.line.indication == "alcohol_withdrawal"
        and use.line.setting == "inpatient"
        and use.days_supply is not None
        and use.days_supply <= limit["alcohol_over_days"]
    )


@rule(
    "ELD-02",
    family="Patient conditions",
    title="Long-acting benzodiazepine at 65 or over",
    theme=OLDER,
    severity=Grading(
        "S2; S3 under the spasticity and S4 under the epilepsy and the specialist exemption",
        (2, 3, 4),
    ),
    shown=QUEUED,
    sources=("mhra-module", "herings-1995"),
    parameters=(parameter("age_from_years", YEARS, "Age, from", 65),),
    idle=True,
)
def long_acting(view: View, limit: Limits) -> Says:
    """ELD-02. Somebody of 65 or over has a benzodiazepine whose half-life, or that of an active
    metabolite, is over 24 hours; one of unknown half-life counts as long. Moving to a short-acting
    medicine is no protection against falls."""
    uses: list[Use] = [
        use
        for use in (*_current_uses(view, rescue=True), *view.undated)
        if use.mask & BENZODIAZEPINE and use.drug.band in {"long", "unknown", None}
    ]
    uses = yield from _of_known_age(view, "ELD-02", uses)
    if view.undated:
        view.person.watch_birthday(limit["age_from_years"])
    old = [use for use in uses if (_age(view, use) or 0) >= limit["age_from_years"]]
    if not old:
        return
    drugs = names(old)
    unknown = [use.drug.name for use in old if use.drug.band != "long"]
    ages = [
        _age(view, use)
        for use in old
        if use.end is not None or (use.start is not None and use.reach != OPEN)
    ]
    age = max((age for age in ages if age is not None), default=None)
    open_ended = [use for use in old if use.end is None]
    notes = []
    if unknown:
        notes.append(f"The half-life of {words.listed(dict.fromkeys(unknown))} is not known.")
    if open_ended:
        notes.append(f"Whether {not_recorded(open_ended)} is still in use is not recorded.")
    yield candidate(
        "ELD-02",
        2,
        key=f"ELD-02:{'+'.join(sorted({use.drug.key for use in old}))}",
        line_ids=ids_of(old),
        title=f"Long-acting {words.listed(drugs)} at 65 or over",
        sentence=(
            f"{words.sentence_case(words.listed(drugs))} and active metabolites last longer than a "
            "day and build up in older people; fall risk follows the dose, so a shorter-acting "
            "medicine is not a safe exchange."
        ),
        facts=(
            Fact("age_years", "Age at prescription", age, "years"),
            Fact("band", "Half-life band", "not known" if unknown else "long, over 24 h"),
        ),
        clears="A gradual taper ends the exposure, or a decision records why it is needed.",
        unknown=" ".join(notes),
    )


@rule(
    "ELD-04",
    family="Patient conditions",
    title="Benzodiazepine for 4 weeks or more at 65 or over",
    theme=OLDER,
    severity=Grading(
        "S2; S3 under the spasticity and S4 under the specialist exemption", (2, 3, 4)
    ),
    shown=QUEUED,
    sources=("stopp-v3-d8", "beers-2023-t2"),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("exposed_from_days", DAYS, "Exposure, from", 28),
    ),
    idle=True,
)
def four_weeks(view: View, limit: Limits) -> Says:
    """ELD-04. Somebody of 65 or over has a benzodiazepine, and the current supply takes exposure to
    28 days or more. A first supply of 28 days meets it."""
    yield from _exposed(
        view,
        "ELD-04",
        limit,
        lambda use: bool(use.mask & BENZODIAZEPINE),
        "a benzodiazepine for 4 weeks or more is one to review and to taper gradually",
    )


@rule(
    "ELD-06",
    family="Patient conditions",
    title="Hypnotic for insomnia for 2 weeks or more at 65 or over",
    theme=OLDER,
    severity=Grading("S2; S3 under the spasticity exemption", (2, 3)),
    shown=QUEUED,
    sources=("stopp-v3-d10-d11",),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("exposed_from_days", DAYS, "Exposure, from", 14),
    ),
    idle=True,
)
def insomnia(view: View, limit: Limits) -> Says:
    """ELD-06. Somebody of 65 or over has a benzodiazepine or Z-drug for insomnia, and the current
    supply takes exposure to 14 days or more."""
    yield from _exposed(
        view,
        "ELD-06",
        limit,
        lambda use: use.line.indication == "insomnia",
        "a hypnotic for insomnia for 2 weeks or more is one to review, with an end date and "
        "psychological treatment for insomnia",
    )


def _exposed(
    view: View, rule_id: str, limit: Limits, concerns: Callable[[Use], bool], gist: str
) -> Says:
    """The current supply of a use of concern takes exposure to so many days, at the rule's age."""
    uses: list[Use] = [
        use for use in (*_current_uses(view, rescue=False), *view.undated) if concerns(use)
    ]
    if view.undated:
        view.person.watch_birthday(limit["age_from_years"])
    uses = yield from _of_known_age(view, rule_id, uses)
    at, from_years = limit["exposed_from_days"], limit["age_from_years"]
    vague = [use for use in uses if use.end is None and (_age(view, use) or 0) >= from_years]
    reached = False
    for episode in view.current if uses else ():
        judged = [
            item
            for item in view.judged_of(episode)
            if concerns(item.span.use) and view.person.is_aged(from_years, item.span.use.start)
        ]
        if not judged:
            continue
        longest = max(judged, key=lambda item: (item.days, item.span.end, item.span.use.line.id))
        if longest.days < at:
            vague += view.touching(episode)
            continue
        reached = True
        yield _exposed_so_long(view, rule_id, longest, at, gist)
    if not reached:
        yield from length_not_known(rule_id, vague)


def _exposed_so_long(view: View, rule_id: str, item: Judged, at: int, gist: str) -> Candidate:
    """The title names every medicine whose days were counted, not only those of concern."""
    episode, span = item.episode, item.span
    age = view.person.age_on(span.use.start)
    touching = view.touching(episode)
    at_least = "at least " if touching else ""
    reached = episode.day_of(at)
    days = f"{at} days {'reached' if view.reached(reached) else 'would be reached'}"
    return candidate(
        rule_id,
        2,
        key=f"{rule_id}:{words.iso(episode.start)}",
        line_ids=item.line_ids,
        title=f"{words.sentence_case(item.drugs)} at {age}: {days} on {words.day(reached)}",
        sentence=(
            f"{view.supply_takes(span.end)}, from age {age}, to "
            f"{at_least}{words.days(item.days)} since {words.day(episode.start)}; {gist}."
        ),
        facts=(
            Fact("age_years", "Age at prescription", age, "years"),
            Fact("exposed_days", "Exposure", item.days, "days"),
            Fact("from_days", "Threshold, from", at, "days"),
            Fact("episode_start", "Exposure began", words.iso(episode.start), "date"),
            Fact("supply_end", "Supply runs to", words.iso(span.end), "date"),
        ),
        clears=CLEARS.format(gap=view.gap_days),
        unknown=(f"{words.sentence_case(length_unknown(touching))}." if touching else ""),
    )

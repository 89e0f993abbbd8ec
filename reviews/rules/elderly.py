"""The older patient: ELD-01, ELD-02, ELD-04 and ELD-06. Age counts at the prescription's start."""

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE
from reviews.rules.duration import CLEARS
from reviews.rules.exposure import OPEN, Use
from reviews.rules.finding import Fact
from reviews.rules.naming import ids_of, names, not_recorded
from reviews.rules.parameters import DAYS, YEARS, parameter
from reviews.rules.rule import OLDER, QUEUED, S3, Grading, rule
from reviews.rules.view import View

NOT_A_NEW_COURSE = frozenset({"premedication", "procedure"})


def _age(view: View, use: Use) -> int | None:
    """Age at the prescription's start; today for one that is open-ended, as it may be renewed."""
    if use.start is None:
        return None
    if use.end is None and use.reach == OPEN:
        return view.person.age_on(max(use.start, view.today))
    return view.person.age_on(use.start)


def _current_uses(view: View, *, rescue: bool):
    uses = [judged.span.use for judged in view.judged]
    uses += [use for use in view.unclear if view.is_current(use.reach)]
    if rescue:
        uses += [use for use in view.rescue if use.start is not None and view.is_current(use.reach)]
    return uses


def _no_birth_date(view: View, rule_id: str, uses) -> bool:
    if view.person.birth_date is None and uses:
        view.cannot_judge(rule_id, [use.line.id for use in uses], "The birth date is not recorded.")
        return True
    return False


@rule(
    "ELD-01",
    family="Patient conditions",
    title="New start at 65 or over",
    theme=OLDER,
    severity=S3,
    shown=QUEUED,
    sources=("beers-2023-t2", "eld-01-180"),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("unexposed_before_days", DAYS, "None in the days before", 180),
    ),
    idle=True,
)
def new_start(view: View, limit: dict):
    """ELD-01. Somebody of 65 or over begins a benzodiazepine or Z-drug after 180 days without one.
    Not for premedication or a procedure, not under the epilepsy or alcohol withdrawal exemption."""
    uses = [
        use
        for use in _current_uses(view, rescue=True)
        if use.line.indication not in NOT_A_NEW_COURSE and not _supervised_withdrawal(view, use)
    ]
    if _no_birth_date(view, "ELD-01", uses):
        return
    window = limit["unexposed_before_days"]
    for use in sorted(uses, key=lambda use: (use.start, use.line.id)):
        age = view.person.age_on(use.start)
        if age < limit["age_from_years"] or view.today > use.reach + view.gap_days + 1:
            continue
        if use.end is None and view.today > use.start + window:
            continue
        before = use.start - window, use.start - 1
        # Rescue medicine is no exposure; only its own renewal is no new start.
        everything = (*view.uses, *view.rescue) if use in view.rescue else view.uses
        if any(
            other.start is not None
            and other.start <= before[1]
            and (other.least_end if other.end is None else other.end) >= before[0]
            for other in everything
        ) or any(span.start <= before[1] and span.end >= before[0] for span in view.spans):
            continue
        vague = [u for u in view.unclear if u.start <= before[1] and u.reach >= before[0]]
        if vague or view.undated:
            view.cannot_judge(
                "ELD-01",
                [u.line.id for u in (*vague, *view.undated)],
                "Whether this is a new start is not known, because the length of supply is not "
                f"known for {not_recorded([*vague, *view.undated])}.",
            )
            return
        same_day = [u for u in uses if u.start == use.start]
        drugs = words.listed(names(same_day))
        view.add(
            "ELD-01",
            3,
            key=f"ELD-01:{words.iso(use.start)}",
            line_ids=ids_of(same_day),
            title=f"{words.sentence_case(drugs)} begun at {age}",
            sentence=(
                f"{words.sentence_case(drugs)} begins on {words.day(use.start)} at age {age}, with "
                f"no benzodiazepine or Z-drug in the {window} days before; guidance for older "
                "people is to avoid a start unless there is a clear reason, and then to begin with "
                "half the dose."
            ),
            facts=(
                Fact("age_years", "Age at start", age, "years"),
                Fact("unexposed_before_days", "Days without before", f"over {window}", "days"),
                Fact("start", "Begins", words.iso(use.start), "date"),
            ),
            clears="The first supply is over, or a decision records the reason and a falls check.",
        )
        return


def _supervised_withdrawal(view, use):
    """The conditions of the alcohol withdrawal exemption, met by an in-patient record itself."""
    return (
        use.line.indication == "alcohol_withdrawal"
        and use.line.setting == "inpatient"
        and use.days_supply is not None
        and use.days_supply <= 10
    )


@rule(
    "ELD-02",
    family="Patient conditions",
    title="Long-acting benzodiazepine at 65 or over",
    theme=OLDER,
    severity=Grading("S2; S3 under the spasticity and S4 under the epilepsy exemption", (2, 3, 4)),
    shown=QUEUED,
    sources=("mhra-module", "herings-1995"),
    parameters=(parameter("age_from_years", YEARS, "Age, from", 65),),
    idle=True,
)
def long_acting(view: View, limit: dict):
    """ELD-02. Somebody of 65 or over has a benzodiazepine whose half-life, or that of an active
    metabolite, is over 24 hours; one of unknown half-life counts as long. Moving to a short-acting
    medicine is no protection against falls."""
    uses = [
        use
        for use in _current_uses(view, rescue=True)
        if use.mask & BENZODIAZEPINE and use.drug.band in {"long", "unknown", None}
    ]
    if _no_birth_date(view, "ELD-02", uses):
        return
    old = [use for use in uses if (_age(view, use) or 0) >= limit["age_from_years"]]
    if not old:
        return
    drugs = names(old)
    unknown = [use.drug.name for use in old if use.drug.band != "long"]
    ages = [_age(view, use) for use in old if use.end is not None or use.reach != OPEN]
    age = max((age for age in ages if age is not None), default=None)
    open_ended = [use for use in old if use.end is None]
    notes = []
    if unknown:
        notes.append(f"The half-life of {words.listed(dict.fromkeys(unknown))} is not known.")
    if open_ended:
        notes.append(f"Whether {not_recorded(open_ended)} is still in use is not recorded.")
    view.add(
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
    severity=Grading("S2; S3 under the spasticity exemption", (2, 3)),
    shown=QUEUED,
    sources=("stopp-v3-d8",),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("exposed_from_days", DAYS, "Exposure, from", 28),
    ),
    idle=True,
)
def four_weeks(view: View, limit: dict):
    """ELD-04. Somebody of 65 or over has a benzodiazepine, and the current supply takes exposure to
    28 days or more. A first supply of 28 days meets it."""
    _exposed(
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
def insomnia(view: View, limit: dict):
    """ELD-06. Somebody of 65 or over has a benzodiazepine or Z-drug for insomnia, and the current
    supply takes exposure to 14 days or more."""
    _exposed(
        view,
        "ELD-06",
        limit,
        lambda use: use.line.indication == "insomnia",
        "a hypnotic for insomnia for 2 weeks or more is one to review, with an end date and "
        "psychological treatment for insomnia",
    )


def _exposed(view, rule_id, limit, concerns, gist):
    uses = [use for use in _current_uses(view, rescue=False) if concerns(use)]
    if not uses or _no_birth_date(view, rule_id, uses):
        return
    at = limit["exposed_from_days"]
    fired = False
    vague = [use for use in uses if use.end is None and _age(view, use) >= limit["age_from_years"]]
    for episode in view.current:
        judged = [
            item
            for item in view.judged
            if item.episode is episode
            and concerns(item.span.use)
            and view.person.age_on(item.span.use.start) >= limit["age_from_years"]
        ]
        if not judged:
            continue
        item = max(judged, key=lambda item: (item.days, item.span.end, item.span.use.line.id))
        touching = view.touching(episode)
        if item.days < at:
            vague += touching
            continue
        span = item.span
        age = view.person.age_on(span.use.start)
        drugs = names([one.span for one in judged])
        at_least = "at least " if touching else ""
        fired = True
        view.add(
            rule_id,
            2,
            key=f"{rule_id}:{words.iso(episode.start)}",
            line_ids=ids_of([s.use for s in episode.spans if s.start <= span.end]),
            title=f"{words.sentence_case(words.listed(drugs))} for {at} days or more at {age}",
            sentence=(
                f"At age {age}, the current supply, to {words.day(span.end)}, takes exposure to "
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
            unknown=(
                f"The length of supply is not known for {not_recorded(touching)}."
                if touching
                else ""
            ),
        )
    if vague and not fired:
        view.cannot_judge(
            rule_id,
            [use.line.id for use in vague],
            f"The length of supply is not known for {not_recorded(vague)}.",
        )

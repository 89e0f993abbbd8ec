"""Alcohol, other substances and overdose: ALC-01, ALC-02, ILL-01, SUD-01, SUI-01 and ODH-01."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BIT
from reviews.rules.exposure import Use, runs, union
from reviews.rules.finding import Fact
from reviews.rules.naming import length_unknown, names
from reviews.rules.parameters import ALCOHOL_UNITS, DAYS, POINTS, Limits, parameter
from reviews.rules.rule import CONDITION, CONDITIONS, QUEUED, READINGS, S2, SUPPLY, Grading, rule
from reviews.rules.saying import Says, about_use, cannot_judge, length_not_known
from reviews.rules.view import WITHDRAWAL, View, once_for_a_view

OF_RISK = BIT["reversal"] | BIT["opioid-substitution"]


@rule(
    "ALC-01",
    family="Co-prescription",
    title="Alcohol",
    theme=CONDITION,
    severity=Grading("S1 new, S2 continuing", (1, 2)),
    shown=QUEUED,
    sources=("mhra-module", "alc-01"),
    parameters=(
        parameter("audit_c_from_points", POINTS, "AUDIT-C, from", 8),
        parameter("alcohol_over_units", ALCOHOL_UNITS, "Alcohol a day, over", 8),
    ),
    needs=CONDITIONS | READINGS | BIT["alcohol-dependence"],
)
def alcohol(view: View, limit: Limits) -> Says:
    """ALC-01. A benzodiazepine or Z-drug, not for alcohol withdrawal, in a person with any of:
    alcohol use disorder ever without a code of remission, AUDIT-C of 8 or more, over 8 UK units a
    day or heavy daily use, or disulfiram, acamprosate or naltrexone for alcohol in use. Urgent
    while the episode is new (28 days), review while it continues."""
    uses = [use for use in view.now if use.line.indication != WITHDRAWAL]
    if not uses:
        return
    signs = []
    if view.person.had("alcohol_use_disorder") and not view.person.had("alcohol_remission"):
        signs.append("alcohol use disorder")
    audit = view.person.measured("audit_c")
    if audit is not None and audit >= limit["audit_c_from_points"]:
        signs.append(f"AUDIT-C {words.amount(audit)}")
    units = view.person.measured("alcohol_units_per_day")
    if units is not None and units > limit["alcohol_over_units"]:
        signs.append(f"{words.amount(units)} UK units a day")
    if view.person.answer("alcohol_use") == "heavy":
        signs.append("heavy daily drinking")
    for use in view.in_hand.uses_of("alcohol-dependence"):
        if use.line.indication == "opioid_dependence" or use.start is None:
            continue
        if view.is_taken(use):
            signs.append(f"{use.drug.name} in use")
    if not signs:
        return
    starts = [episode.start for episode in view.current]
    starts += [use.start for use in view.unclear if use in view.now]
    new = bool(starts) and view.started_recently(min(starts))
    signs = list(dict.fromkeys(signs))
    drugs = words.listed(names(uses))
    yield about_use(
        view,
        "ALC-01",
        1 if new else 2,
        uses=uses,
        title=f"{words.sentence_case(drugs)} and alcohol",
        sentence=(
            f"{view.use_in_words(uses)}, with this on record: "
            f"{words.listed(signs)}. Alcohol adds to sedation and to slowed breathing, and the "
            "risk of dependence is raised."
        ),
        facts=(
            Fact("signs", "On record", "; ".join(signs)),
            Fact("start", "New or continuing", "new" if new else "continuing"),
        ),
        clears="It is justified with a plan, or tapered with the alcohol service.",
    )


@rule(
    "ALC-02",
    family="Co-prescription",
    title="Alcohol withdrawal regimen",
    theme=SUPPLY,
    severity=S2,
    shown=QUEUED,
    sources=("nice-cg115", "has-2015"),
    parameters=(
        parameter("supply_over_days", DAYS, "One supply, over", 3),
        parameter("alcohol_over_days", DAYS, "Exposure, over", 10),
        parameter("repeat_within_days", DAYS, "Repeated within", 90),
        parameter("new_regimen_after_days", DAYS, "A new regimen begins after a gap over", 7),
    ),
)
def withdrawal_regimen(view: View, limit: Limits) -> Says:
    """ALC-02. For alcohol withdrawal: unsupervised, over 3 days handed out at a time outside
    hospital, more exposed days than a regimen should have (10), or a second regimen within 90 days
    of the one before."""
    uses = [use for use in view.now if use.line.indication == WITHDRAWAL]
    if not uses:
        return
    problems = list(dict.fromkeys(_problems(view, limit, uses)))
    if not problems:
        yield from length_not_known("ALC-02", [use for use in uses if use.end is None])
        return
    drugs = words.listed(names(uses))
    yield about_use(
        view,
        "ALC-02",
        2,
        uses=uses,
        title=f"Alcohol withdrawal with {drugs}: supervision",
        sentence=(
            f"{words.sentence_case(drugs)} {words.are(drugs)} for alcohol withdrawal, and "
            f"{words.listed(problems)}; a short, supervised and reducing regimen is expected."
        ),
        facts=(
            Fact("problems", "What was found", "; ".join(problems)),
            Fact("alcohol_over_days", "Exposure, at most", limit["alcohol_over_days"], "days"),
        ),
        clears="Supervised dispensing and the service in charge are recorded.",
    )


def _problems(view: View, limit: Limits, uses: list[Use]) -> Iterator[str]:
    """What is not as a withdrawal regimen should be."""
    if any(use.line.setting == "unsupervised" for use in uses):
        yield "it is unsupervised"
    for use in uses:
        days = use.days_supply
        inpatient = use.line.setting == "inpatient"
        if days is not None and days > limit["supply_over_days"] and not inpatient:
            yield f"{words.days(days)} were supplied at once"
    items = [item for item in view.judged if item.span.use.line.indication == WITHDRAWAL]
    most = max((item.days for item in items), default=0)
    if most > limit["alcohol_over_days"]:
        yield f"exposure comes to {words.days(most)}"
    regimens = runs(
        union(
            (span.start, span.end) for span in view.spans if span.use.line.indication == WITHDRAWAL
        ),
        limit["new_regimen_after_days"] + 1,
    )
    for (_, ended), (start, end) in itertools.pairwise(regimens):
        days = start - ended
        if days <= limit["repeat_within_days"] and any(
            start <= item.span.start <= end for item in items
        ):
            yield f"another regimen ended {words.days(days)} before"


@rule(
    "ILL-01",
    family="Co-prescription",
    title="Benzodiazepines from elsewhere",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("mhra-fake",),
    needs=READINGS,
)
def not_prescribed(view: View, limit: Limits) -> Says:
    """ILL-01. The person reports taking benzodiazepines that nobody prescribed, beside the
    prescribed benzodiazepine or Z-drug."""
    reading = view.person.reading("non_prescribed_benzodiazepine")
    if not view.now or reading is None or reading.text != "yes":
        return
    on = reading.day
    yield about_use(
        view,
        "ILL-01",
        2,
        title=f"Benzodiazepines from elsewhere beside {view.in_use}",
        sentence=(
            f"On {words.day(on)} the person reported taking benzodiazepines that nobody "
            f"prescribed, beside {view.in_use}; counterfeits hold unknown doses and other drugs."
        ),
        facts=(Fact("reported", "Reported", words.iso(on), "date"),),
        clears="Harm reduction and the plan are talked about and recorded.",
    )


@rule(
    "SUD-01",
    family="Patient conditions",
    title="Substance use disorder",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("asam-2025-19", "fda-bzd-2020"),
    needs=CONDITIONS | BIT["opioid-substitution"],
)
def substance_use(view: View, limit: Limits) -> Says:
    """SUD-01. A benzodiazepine or Z-drug in a person with a substance use disorder other than
    alcohol, active or past, or on opioid agonist treatment: more frequent review. The agonist
    treatment is not to be disturbed."""
    if not view.now:
        return
    reasons = substance_use_on_record(view)
    if not reasons:
        return
    yield about_use(
        view,
        "SUD-01",
        2,
        title=f"{words.sentence_case(view.in_use)} and substance use",
        sentence=(
            f"{words.sentence_case(view.in_use)} {words.are(view.in_use)} in use, with this on "
            f"record: {words.listed(reasons)}. Review more often, treat both, and keep any agonist "
            "treatment going."
        ),
        facts=(Fact("reasons", "On record", "; ".join(reasons)),),
        clears="A plan with more frequent reviews is recorded.",
    )


@rule(
    "SUI-01",
    family="Patient conditions",
    title="Risk of suicide",
    theme=CONDITION,
    severity=Grading("S1 within 30 days, else S2 or S3 by supply", (1, 2, 3)),
    shown=QUEUED,
    sources=("valium-label", "malte-2018", "sui-01"),
    parameters=(
        parameter("within_days", DAYS, "In the last", 365),
        parameter("urgent_within_days", DAYS, "Urgent in the last", 30),
        parameter("phq9_from_points", POINTS, "PHQ-9 item 9, from", 1),
        parameter("supply_over_days", DAYS, "One supply, over", 7),
    ),
    needs=CONDITIONS | READINGS,
)
def suicide_risk(view: View, limit: Limits) -> Says:
    """SUI-01. Suicidal thoughts or self-harm in the last 365 days, or PHQ-9 item 9 of 1 or more in
    the last 30 days, with a benzodiazepine or Z-drug. Urgent within 30 days; review when later and
    over 7 days are supplied at a time; digest otherwise."""
    if not view.now:
        return
    risk = suicide_risk_on_record(view)
    if not risk.days and not risk.scores:
        if any(condition.onset_on is None for condition in view.person.themes.get("self_harm", ())):
            yield cannot_judge(
                "SUI-01", view.line_ids, "When the self-harm on record happened is not known."
            )
        return
    recent = bool(risk.days) and not view.reached(risk.days[-1] + limit["urgent_within_days"] + 1)
    longest = max((use.days_supply or 0 for use in view.now), default=0)
    vague = [use for use in view.now if use.days_supply is None]
    lower = 2 if longest > limit["supply_over_days"] else 3
    severity = 1 if recent or risk.scores else lower
    found = words.listed(risk.in_words())
    yield about_use(
        view,
        "SUI-01",
        severity,
        title=f"{words.sentence_case(view.in_use)} and risk of suicide",
        sentence=(
            f"{words.sentence_case(view.in_use)} {words.are(view.in_use)} in use, with this on "
            f"record: {found}. Limit the quantity to {limit['supply_over_days']} "
            "days at a time and agree a crisis plan."
        ),
        facts=(
            Fact("found", "On record", "; ".join(risk.in_words())),
            Fact("longest_supply_days", "Longest supply", longest, "days"),
        ),
        clears="The quantity is limited and a crisis plan recorded.",
        unknown=(
            f"{words.sentence_case(length_unknown(vague))}." if severity == 3 and vague else ""
        ),
    )


class SuicideRisk(NamedTuple):
    """Days of self-harm or suicidal thoughts, and scores of PHQ-9 item 9, lately."""

    days: list[int]
    scores: list[float]

    def in_words(self) -> list[str]:
        found = []
        if self.days:
            found.append(f"self-harm or suicidal thoughts on {words.day(self.days[-1])}")
        if self.scores:
            found.append(f"PHQ-9 item 9 of {words.amount(max(self.scores))}")
        return found


@once_for_a_view
def suicide_risk_on_record(view: View) -> SuicideRisk:
    """What SUI-01 looks for; both empty when it finds nothing, or the book does not hold it."""
    limit = view.limits_of("SUI-01", "within_days", "urgent_within_days", "phq9_from_points")
    if limit is None:
        return SuicideRisk([], [])
    scores = [
        reading.value
        for reading in view.person.readings_of("phq9_item9")
        if reading.value is not None
        and reading.value >= limit["phq9_from_points"]
        and not view.reached(reading.day + limit["urgent_within_days"] + 1)
    ]
    return SuicideRisk(view.person.events("self_harm", limit["within_days"]), scores)


@rule(
    "ODH-01",
    family="Patient conditions",
    title="Overdose before",
    theme=CONDITION,
    severity=Grading("S1 within 90 days, S2 within 24 months", (1, 2)),
    shown=QUEUED,
    sources=("fda-bzd-2020", "odh-01"),
    parameters=(
        parameter("within_days", DAYS, "In the last", 730),
        parameter("urgent_within_days", DAYS, "Urgent in the last", 90),
    ),
    needs=CONDITIONS | READINGS | BIT["reversal"],
)
def overdose(view: View, limit: Limits) -> Says:
    """ODH-01. Any overdose or poisoning, or reversal with flumazenil or naloxone, in the last 24
    months, with a benzodiazepine or Z-drug. Urgent within 90 days, review later."""
    if not view.now:
        return
    days = overdoses_on_record(view)
    if not days:
        return
    latest = max(days)
    recent = not view.reached(latest + limit["urgent_within_days"] + 1)
    yield about_use(
        view,
        "ODH-01",
        1 if recent else 2,
        title=f"{words.sentence_case(view.in_use)} after an overdose",
        sentence=(
            f"An overdose or its reversal is on record, the last on {words.day(latest)}, and "
            f"{view.in_use} {words.are(view.in_use)} in use; review it, limit the "
            "supply and offer naloxone."
        ),
        facts=(
            Fact("latest", "Last event", words.iso(latest), "date"),
            Fact("events", "Events in 24 months", len(days)),
        ),
        clears="A review with a limited supply is recorded.",
    )


@once_for_a_view
def overdoses_on_record(view: View) -> list[int]:
    """Days of an overdose, a poisoning or its reversal, within the time that ODH-01 looks back.

    None under a book that does not hold ODH-01.
    """
    limit = view.limits_of("ODH-01", "within_days")
    if limit is None:
        return []
    days = set(view.person.events("overdose", limit["within_days"]))
    days.update(reading.day for reading in view.person.readings_of("reversal_given"))
    for use in view.in_hand.uses_of("reversal"):
        if use.drug.key == "flumazenil" and use.start is not None:
            view.watch(use.start)
            days.add(use.start)
    return [
        day
        for day in days
        if day <= view.today and not view.reached(day + limit["within_days"] + 1)
    ]


@once_for_a_view
def substance_use_on_record(view: View) -> list[str]:
    """What SUD-01 looks for: a disorder, past or present, and agonist treatment."""
    found = []
    if view.person.had("substance_use_disorder"):
        found.append("a substance use disorder")
    for use in view.in_hand.uses_of("opioid-substitution"):
        if use.start is not None and view.is_taken(use):
            found.append(f"opioid agonist treatment ({use.drug.name})")
    return list(dict.fromkeys(found))


def risks_on_record(view: View) -> list[str]:
    """Ids of the rules on risks that find something, under a book that holds them."""
    if not (view.dossier.conditions or view.dossier.readings or view.in_hand.holds(OF_RISK)):
        return []
    found = []
    if overdoses_on_record(view):
        found.append("ODH-01")
    if view.limits_of("SUD-01") is not None and substance_use_on_record(view):
        found.append("SUD-01")
    risk = suicide_risk_on_record(view)
    if risk.days or risk.scores:
        found.append("SUI-01")
    return found

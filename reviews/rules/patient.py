"""What the person's health, age and life make of it: sections FAL to ILN of the catalogue."""

from collections.abc import Generator, Iterator, Sequence

from reviews.rules import words
from reviews.rules.dependence import LOW, band_limits, banded, regular_use
from reviews.rules.dossier import IN_FORCE, UNDER_WAY, Taper
from reviews.rules.drug import BENZODIAZEPINE, Z_DRUG
from reviews.rules.exposure import DatedUse, Use
from reviews.rules.finding import Fact, NotEvaluable
from reviews.rules.naming import names
from reviews.rules.parameters import (
    COUNT,
    DAYS,
    KPA,
    MG,
    ML_MIN,
    PERCENT,
    TIMES,
    WEEKS,
    YEARS,
    YES_NO,
    Limits,
    parameter,
)
from reviews.rules.rule import (
    BREATHING,
    CONDITION,
    CONDITIONS,
    INTERRUPTING,
    NOTED,
    OLDER,
    QUEUED,
    READINGS,
    S1,
    S2,
    S3,
    S4,
    Grading,
    Shown,
    rule,
)
from reviews.rules.saying import Candidate, Says, about_use, cannot_judge, length_not_known
from reviews.rules.view import View

UGT = "UGT"


def on_record(
    view: View,
    rule_id: str,
    severity: int,
    what: str,
    *,
    gist: str,
    clears: str,
    uses: Sequence[Use] | None = None,
    facts: tuple[Fact, ...] = (),
    unknown: str = "",
    interrupts: bool = False,
) -> Candidate:
    """What something on record makes of the benzodiazepine or Z-drug in use."""
    drugs = view.in_use if uses is None else words.listed(names(uses))
    return about_use(
        view,
        rule_id,
        severity,
        uses=uses,
        title=f"{words.sentence_case(drugs)} and {what}",
        sentence=(
            f"{view.use_in_words(view.now if uses is None else uses)}, with this on record: "
            f"{what}. "
            f"{words.sentence_case(gist)}."
        ),
        facts=facts or (Fact("on_record", "On record", what),),
        clears=clears,
        unknown=unknown,
        interrupts=interrupts,
    )


@rule(
    "ELD-05",
    family="Patient conditions",
    title="No taper offered at 65 or over",
    theme=OLDER,
    severity=Grading(
        "S2; S3 under the spasticity and S4 under the specialist exemption", (2, 3, 4)
    ),
    shown=QUEUED,
    sources=("asam-2025-27",),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("elapsed_from_days", DAYS, "Calendar time, from", 90),
        parameter("offer_within_days", DAYS, "Taper offered in the last", 365),
    ),
)
def no_taper_offer(view: View, limit: Limits) -> Says:
    """ELD-05. At 65 or over, the current supply takes the episode to 90 calendar days or more, and
    in the last 365 days no taper was offered, nor was it recorded that one is not appropriate."""
    item = view.last
    if item is None:
        if (view.unclear or view.undated) and view.person.reading("taper_offer") is None:
            yield from _elapsed_unknown(view, limit)
        return
    elapsed = item.span.end - item.episode.start + 1
    if elapsed < limit["elapsed_from_days"]:
        return
    age = view.person.age_on(item.span.use.start)
    if age is None:
        yield cannot_judge("ELD-05", view.line_ids, "The birth date is not recorded.")
        return
    if age < limit["age_from_years"]:
        return
    if any(taper.status in IN_FORCE for taper in view.dossier.tapers):
        return
    offers = view.person.readings_of("taper_offer")
    if offers and not view.reached(offers[-1].day + limit["offer_within_days"] + 1):
        return
    yield about_use(
        view,
        "ELD-05",
        2,
        title=f"No offer of a taper on record: {view.in_use} at {age}",
        sentence=(
            f"{words.sentence_case(view.in_use)}: {view.in_use_since(item.episode.start)} "
            f"({words.days(elapsed)} to the end of supply) at age "
            f"{age}, and no offer of a taper is recorded in the last "
            f"{limit['offer_within_days']} days."
        ),
        facts=(
            Fact("age_years", "Age at prescription", age, "years"),
            Fact("elapsed_days", "Calendar time", elapsed, "days"),
            Fact("from_days", "Threshold, from", limit["elapsed_from_days"], "days"),
        ),
        clears="A taper is offered and the answer recorded.",
    )


def _elapsed_unknown(view: View, limit: Limits) -> Iterator[NotEvaluable]:
    age = view.person.age_on(view.today)
    if age is None or age >= limit["age_from_years"]:
        yield from length_not_known("ELD-05", [use for use in view.now if use.end is None])


@rule(
    "FAL-01",
    family="Patient conditions",
    title="Fall or fragility fracture",
    theme=OLDER,
    severity=Grading("S2; S1 with two or more or within 30 days", (1, 2)),
    shown=QUEUED,
    sources=("beers-2023-t3", "stopp-v3-k1", "fal-01"),
    parameters=(
        parameter("within_days", DAYS, "In the last", 365),
        parameter("urgent_under_days", DAYS, "Urgent when less than so long ago", 30),
        parameter("urgent_from_count", COUNT, "Urgent from so many", 2),
    ),
    needs=CONDITIONS | READINGS,
)
def falls(view: View, limit: Limits) -> Says:
    """FAL-01. A fall or fragility fracture in the last 365 days, with a benzodiazepine or Z-drug.
    Urgent with two or more in that time (or recurrent falls on record), or with one less than 30
    days ago. A fall that the person told of counts for 365 days from when they told, and on an
    unknown day: by itself it is never less than 30 days ago."""
    if not view.now:
        return
    within = limit["within_days"]
    days = sorted(
        {*view.person.events("fall", within), *view.person.events("fragility_fracture", within)}
    )
    told = TOLD_FALLS.get(view.person.answer("falls_in_a_year"), 0)
    if not days:
        if told:
            yield _falls_told(view, limit, told)
        return
    count = max(len(days), told)
    recurrent = count >= limit["urgent_from_count"] or bool(
        view.person.events("recurrent_falls", within)
    )
    near = not view.reached(days[-1] + limit["urgent_under_days"])
    what = "two or more falls or fractures" if recurrent else "a fall or fracture"
    yield on_record(
        view,
        "FAL-01",
        1 if recurrent or near else 2,
        what,
        gist=f"the last was on {words.day(days[-1])}, and sedatives raise the risk of the next",
        clears="A review or taper plan and a falls check are recorded.",
        facts=(
            Fact("events", f"In {within} days", count),
            Fact("latest", "Last", words.iso(days[-1]), "date"),
        ),
    )


TOLD_FALLS = {"one": 1, "several": 2}
"""How many falls an answer of "falls_in_a_year" tells of, at least."""


def _falls_told(view: View, limit: Limits, count: int) -> Candidate:
    """The finding where nothing but the person tells of falls."""
    answers = view.person.readings_of("falls_in_a_year")
    told_on = answers[-1].day
    recurrent = count >= limit["urgent_from_count"]
    return on_record(
        view,
        "FAL-01",
        1 if recurrent else 2,
        "two or more falls or fractures" if recurrent else "a fall or fracture",
        gist=f"told on {words.day(told_on)}, and sedatives raise the risk of the next",
        clears="A review or taper plan and a falls check are recorded.",
        facts=(
            Fact("events", f"In {limit['within_days']} days, at least", count),
            Fact("told_on", "Told on", words.iso(told_on), "date"),
        ),
    )


@rule(
    "COG-01",
    family="Patient conditions",
    title="Dementia, cognitive impairment or delirium",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("beers-2023-t3", "stopp-v3-d9"),
    parameters=(parameter("delirium_within_days", DAYS, "Delirium in the last", 90),),
    needs=CONDITIONS,
)
def cognition(view: View, limit: Limits) -> Says:
    """COG-01. Dementia or mild cognitive impairment on record, or delirium in the last 90 days,
    with a benzodiazepine or Z-drug."""
    if not view.now:
        return
    found = []
    if view.person.has("dementia"):
        found.append("dementia")
    if view.person.has("mild_cognitive_impairment"):
        found.append("mild cognitive impairment")
    if view.person.events("delirium", limit["delirium_within_days"]):
        found.append("recent delirium")
    if found:
        yield on_record(
            view,
            "COG-01",
            2,
            words.listed(found),
            gist="it can worsen confusion, so look for other causes and treatments first",
            clears="A review records the cause looked for and the plan.",
        )


@rule(
    "RSP-01",
    family="Patient conditions",
    title="Respiratory failure or severe lung disease",
    theme=BREATHING,
    severity=Grading("S1 failure, S2 severe, S4 milder", (1, 2, 4)),
    shown=Shown("Interrupts for failure; else queue; S4 is a note", interrupts=True),
    sources=("smpc-contraindications", "stopp-v3-g4"),
    parameters=(
        parameter("po2_under_kpa", KPA, "pO2 under", 8),
        parameter("pco2_over_kpa", KPA, "pCO2 over", 6.5),
        parameter("fev1_under_percent", PERCENT, "FEV1 of predicted, under", 50),
    ),
    needs=CONDITIONS | READINGS,
)
def breathing(view: View, limit: Limits) -> Says:
    """RSP-01. Respiratory failure (on record, pO2 under 8 kPa or pCO2 over 6.5 kPa): urgent, and
    asks for a reason. Severe COPD (FEV1 under 50 % of predicted, GOLD 3 or 4), oxygen at home or
    neuromuscular weakness: review. Milder, stable COPD: a note."""
    if not view.now:
        return
    po2, pco2 = view.person.measured("po2_kpa"), view.person.measured("pco2_kpa")
    fev1 = view.person.measured("fev1_percent")
    copd = view.person.has("copd", "copd_severe")
    failure, severe = [], []
    if view.person.has("respiratory_failure"):
        failure.append("respiratory failure")
    if po2 is not None and po2 < limit["po2_under_kpa"]:
        failure.append(f"pO2 {words.amount(po2)} kPa")
    if pco2 is not None and pco2 > limit["pco2_over_kpa"]:
        failure.append(f"pCO2 {words.amount(pco2)} kPa")
    if view.person.has("copd_severe") or (
        copd and fev1 is not None and fev1 < limit["fev1_under_percent"]
    ):
        severe.append("severe COPD")
    if view.person.has("home_oxygen") or view.person.answer("home_oxygen") == "yes":
        severe.append("oxygen at home")
    if view.person.has("neuromuscular_weakness"):
        severe.append("neuromuscular weakness")
    if failure:
        yield on_record(
            view,
            "RSP-01",
            1,
            words.listed(failure),
            gist="severe respiratory insufficiency is a contraindication in product texts",
            clears="A specialist's plan is recorded, or a gradual taper ends the exposure.",
            interrupts=True,
        )
    elif severe:
        yield on_record(
            view,
            "RSP-01",
            2,
            words.listed(severe),
            gist="keep the dose low, and look at a gradual taper",
            clears="A review records the need and the lowest dose.",
        )
    elif copd:
        yield on_record(
            view,
            "RSP-01",
            4,
            "COPD",
            gist="in stable, milder disease evidence of harm is mixed",
            clears="For information.",
            unknown="" if fev1 is not None else "FEV1 is not recorded.",
        )


@rule(
    "RSP-02",
    family="Patient conditions",
    title="Sleep apnoea",
    theme=BREATHING,
    severity=Grading("S1 untreated, S3 treated", (1, 3)),
    shown=QUEUED,
    sources=("valium-label",),
    needs=CONDITIONS,
)
def sleep_apnoea(view: View, limit: Limits) -> Says:
    """RSP-02. Sleep apnoea: urgent when untreated or when CPAP is not used, digest when treated.
    Without a record of treatment the digest stands and the higher step is not evaluable."""
    if not view.now or not view.person.has("sleep_apnoea"):
        return
    treatment = view.person.answer("cpap_adherence")
    if not treatment:
        yield cannot_judge(
            "RSP-02", view.line_ids, "Whether sleep apnoea is treated: not recorded."
        )
    untreated = treatment in {"untreated", "nonadherent"}
    yield on_record(
        view,
        "RSP-02",
        1 if untreated else 3,
        "sleep apnoea that is not treated" if untreated else "sleep apnoea",
        gist="sedation makes pauses in breathing longer",
        clears="Treatment of the sleep apnoea is recorded, or a decision records the need.",
        unknown="" if treatment else "Whether the sleep apnoea is treated.",
    )


@rule(
    "MYA-01",
    family="Patient conditions",
    title="Myasthenia gravis",
    theme=CONDITION,
    severity=S1,
    shown=INTERRUPTING,
    sources=("smpc-contraindications",),
    needs=CONDITIONS,
)
def myasthenia(view: View, limit: Limits) -> Says:
    """MYA-01. Myasthenia gravis, with a benzodiazepine or Z-drug; contraindicated while unstable.
    Asks for a reason."""
    if view.now and view.person.has("myasthenia"):
        yield on_record(
            view,
            "MYA-01",
            1,
            "myasthenia gravis",
            gist="it can weaken breathing muscles further, and is contraindicated while unstable",
            clears="The specialist's advice is recorded.",
            interrupts=True,
        )


@rule(
    "HEP-01",
    family="Patient conditions",
    title="Severe liver impairment",
    theme=CONDITION,
    severity=S1,
    shown=INTERRUPTING,
    sources=("smpc-contraindications",),
    needs=CONDITIONS | READINGS,
)
def severe_liver(view: View, limit: Limits) -> Says:
    """HEP-01. Severe liver impairment: Child-Pugh C, liver failure or hepatic encephalopathy.
    Contraindicated in product texts; asks for a reason."""
    if not view.now:
        return
    found = []
    if view.person.answer("child_pugh") == "C":
        found.append("Child-Pugh class C")
    if view.person.has("hepatic_severe"):
        found.append("liver failure or encephalopathy")
    if found:
        yield on_record(
            view,
            "HEP-01",
            1,
            words.listed(found),
            gist="it may bring on encephalopathy and is contraindicated in product texts",
            clears="A specialist's plan is recorded, or a gradual taper ends the exposure.",
            interrupts=True,
        )


@rule(
    "HEP-02",
    family="Patient conditions",
    title="Liver impairment",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("prescqipp", "zopiclone-smpc"),
    parameters=(
        parameter("alt_over_times", TIMES, "ALT against its limit, over", 3),
        parameter("zopiclone_over_mg", MG, "Zopiclone a day, over", 3.75),
        parameter("zolpidem_over_mg", MG, "Zolpidem a day, over", 5),
    ),
    needs=CONDITIONS | READINGS,
)
def liver(view: View, limit: Limits) -> Says:
    """HEP-02. Child-Pugh A or B, or ALT over 3 times the limit, with a long-acting benzodiazepine
    that is not glucuronidated; or any recorded liver impairment with zopiclone over 3.75 mg or
    zolpidem over 5 mg a day."""
    if not view.now:
        return
    child, alt = view.person.answer("child_pugh"), view.person.measured("alt_x_uln") or 0
    high = alt > limit["alt_over_times"]
    found = []
    if child:
        found.append(f"Child-Pugh class {child}")
    if high:
        found.append(f"ALT {words.amount(alt)} times the limit")
    if not found and view.person.has("hepatic"):
        found.append("liver impairment")
    uses: list[Use] = []
    if child in {"A", "B"} or high:
        uses += [
            use
            for use in view.now
            if use.mask & BENZODIAZEPINE and use.drug.band == "long" and use.drug.metabolism != UGT
        ]
    if found:
        for key in ("zopiclone", "zolpidem"):
            uses += yield from _too_much_for_the_liver(view, key, limit[f"{key}_over_mg"])
    if uses:
        yield on_record(
            view,
            "HEP-02",
            2,
            words.listed(found),
            gist=(
                "the medicine builds up; oxazepam, lorazepam or temazepam in half dose build up "
                "less, and zopiclone 3.75 mg or zolpidem 5 mg are the figures of the labels"
            ),
            clears="The dose comes down or another medicine takes its place gradually.",
            uses=uses,
        )


def _too_much_for_the_liver(
    view: View, key: str, over_mg: float
) -> Generator[NotEvaluable, None, list[Use]]:
    """Uses of a Z-drug whose current daily amount is over a figure."""
    uses = [use for use in view.now if use.drug.key == key]
    if not uses:
        return []
    amounts = [row.mg for row in view.in_hand.amounts(key) if view.is_current(row.end)]
    if any(mg is not None and mg > over_mg + 1e-9 for mg in amounts):
        return uses
    if None in amounts:
        yield cannot_judge("HEP-02", [use.line.id for use in uses], "The dose is not known.")
    return []


@rule(
    "REN-01",
    family="Patient conditions",
    title="Kidney impairment",
    theme=CONDITION,
    severity=S3,
    shown=QUEUED,
    sources=("zopiclone-smpc", "ren-01"),
    parameters=(parameter("egfr_below_ml_min", ML_MIN, "eGFR below", 30),),
)
def kidney(view: View, limit: Limits) -> Says:
    """REN-01. eGFR under 30, with a benzodiazepine or Z-drug. Without an eGFR on record the rule is
    not evaluable."""
    if not view.now:
        return
    egfr = view.person.measured("egfr")
    if egfr is None:
        yield cannot_judge("REN-01", view.line_ids, "No eGFR is recorded in the last two years.")
    elif egfr < limit["egfr_below_ml_min"]:
        yield on_record(
            view,
            "REN-01",
            3,
            f"eGFR {words.amount(egfr)}",
            gist="lower doses are advised, and a gabapentinoid beside it needs its dose checked",
            clears="The dose is looked at, or a decision records it.",
            facts=(
                Fact("egfr", "eGFR", egfr, "mL/min/1.73m2"),
                Fact("below", "Threshold, under", limit["egfr_below_ml_min"], "mL/min/1.73m2"),
            ),
        )


TRIMESTERS = {"first": 1, "second": 2, "third": 3, "unknown_trimester": 0}


def trimester(view: View, limit: Limits) -> int | None:
    """The trimester that is certain today, 0 = pregnant, trimester not known; None = not pregnant.

    From what was recorded on a day the earliest possible course of the pregnancy is taken. A
    diagnosis counts where no answer is recorded, or is newer than one that says otherwise.
    """
    reading = view.person.reading("pregnancy")
    if reading is not None:
        recorded = TRIMESTERS.get(reading.text)
        if recorded is not None:
            now = _by_now(view, limit, reading.day, recorded, _weeks(limit, recorded))
            if now is not None:
                return now
    found: list[int] = []
    for condition in view.person.themes.get("pregnancy", ()):
        if condition.ended_on is not None and condition.ended_on <= view.dossier.as_of:
            continue
        if reading is not None and (
            condition.onset_on is None or condition.onset_on.toordinal() <= reading.day
        ):
            continue
        recorded, weeks = _coded(condition.codings, limit)
        if condition.onset_on is None:
            found.append(recorded)
            continue
        now = _by_now(view, limit, condition.onset_on.toordinal(), recorded, weeks)
        if now is not None:
            found.append(now)
    return max(found, default=None)


def _weeks(limit: Limits, recorded: int) -> int:
    """The fewest weeks of a trimester."""
    return {0: 0, 1: 0, 2: limit["second_from_weeks"], 3: limit["third_from_weeks"]}[recorded]


def _by_now(view: View, limit: Limits, on: int, recorded: int, weeks: int) -> int | None:
    """The trimester today after one, and so many weeks, recorded on a day; None = over."""
    over = view.reached(on + (limit["pregnancy_weeks"] - weeks) * 7 + 1)
    third = view.reached(on + (limit["third_from_weeks"] - weeks) * 7)
    if over:
        return None
    return 3 if third and recorded else recorded


def _coded(codings, limit: Limits) -> tuple[int, int]:
    """(trimester, fewest weeks) of ICD-10-CM codes: weeks in Z3A, a trimester at the end of others.

    0 where none says so. O09.2, O09.5, O09.6 and O09.8 have a digit more before it.
    """
    for system, code in codings:
        plain = code.replace(".", "").upper()
        if "icd" not in system.casefold():
            continue
        if plain.startswith("Z3A") and plain[3:].isdigit() and 0 < int(plain[3:]) <= 42:
            weeks = int(plain[3:])
            past = (weeks >= limit["second_from_weeks"]) + (weeks >= limit["third_from_weeks"])
            return 1 + past, weeks
        length = 6 if plain[:4] in {"O092", "O095", "O096", "O098"} else 5
        if plain[:3] in {"O09", "Z34"} and len(plain) == length and plain[-1] in "123":
            return int(plain[-1]), _weeks(limit, int(plain[-1]))
    return 0, 0


def pregnant(view: View) -> bool:
    """Is a pregnancy on record and not over? Under a book without PRG-01 nobody can tell."""
    limit = view.limits_of("PRG-01", *(each.name for each in PREGNANCY))
    return limit is not None and trimester(view, limit) is not None


PREGNANCY = (
    parameter("second_from_weeks", WEEKS, "Second trimester from week", 13),
    parameter("third_from_weeks", WEEKS, "Third trimester from week", 28),
    parameter("pregnancy_weeks", WEEKS, "A pregnancy lasts at most", 42),
    parameter("child_bearing_from_years", YEARS, "Asked from age", 12),
    parameter("child_bearing_to_years", YEARS, "Asked up to age", 55),
)
"""How long a pregnancy lasts, and of whom one is asked: the same for PRG-01 and PRG-02."""


@rule(
    "PRG-01",
    family="Patient conditions",
    title="Pregnancy",
    theme=CONDITION,
    severity=Grading("S2; S1 regular use in the third trimester or a fast taper", (1, 2)),
    shown=QUEUED,
    sources=("fda-neonatal-2022", "asam-2025-28"),
    parameters=(
        parameter("taper_under_days", DAYS, "Urgent: taper planned over less than", 14),
        *PREGNANCY,
    ),
)
def pregnancy(view: View, limit: Limits) -> Says:
    """PRG-01. Pregnancy on record, with a benzodiazepine or Z-drug: review in any trimester; urgent
    with regular use in the third trimester, or with a taper planned over less than 14 days."""
    if not view.now:
        return
    now = trimester(view, limit)
    if now is None:
        if _may_be_pregnant(view, limit) and view.person.reading("pregnancy") is None:
            yield cannot_judge(
                "PRG-01", view.line_ids, "Whether the person is pregnant: not asked."
            )
        return
    regular = any(regular_use(view, episode, episode.end) for episode in view.current)
    planned = [_days_planned(taper) for taper in view.dossier.tapers]
    fast = any(days is not None and days < limit["taper_under_days"] for days in planned)
    urgent = (now == 3 and regular) or fast
    what = {0: "pregnancy", 1: "pregnancy", 2: "pregnancy", 3: "the third trimester of pregnancy"}
    yield on_record(
        view,
        "PRG-01",
        1 if urgent else 2,
        what[now],
        gist=(
            "the newborn can be sedated or show withdrawal; plan with the perinatal team, and "
            "change nothing abruptly"
        ),
        clears="The perinatal team's plan is recorded.",
        facts=(
            Fact("trimester", "Trimester", ORDINAL[now]),
            Fact("regular_use", "Regular use", "yes" if regular else "no"),
            *(
                [Fact("fast_taper", "Taper planned", f"under {limit['taper_under_days']}", "days")]
                if fast
                else []
            ),
        ),
        unknown="" if now else "The trimester.",
    )


ORDINAL = {0: None, 1: "first", 2: "second", 3: "third"}


def _days_planned(taper: Taper) -> int | None:
    if taper.status not in UNDER_WAY or len(taper.steps) < 2:
        return None
    return (taper.steps[-1].on - taper.steps[0].on).days


def _may_be_pregnant(view: View, limit: Limits) -> bool:
    age = view.person.age_on(view.today)
    return (
        view.person.sex == "female"
        and age is not None
        and limit["child_bearing_from_years"] <= age <= limit["child_bearing_to_years"]
    )


@rule(
    "PRG-02",
    family="Patient conditions",
    title="Pregnancy intention",
    theme=CONDITION,
    severity=S4,
    shown=NOTED,
    sources=("csm-1997",),
    parameters=(parameter("exposed_from_days", DAYS, "Exposure, from", 28), *PREGNANCY),
)
def pregnancy_intention(view: View, limit: Limits) -> Says:
    """PRG-02. A woman aged 12 to 55, not known to be pregnant, whose exposure reaches 28 days, and
    for whom neither contraception nor pregnancy intention was noted in the last 365 days."""
    if view.days < limit["exposed_from_days"]:
        return
    if view.person.birth_date is not None:
        view.person.watch_birthday(limit["child_bearing_from_years"])
        view.person.watch_birthday(limit["child_bearing_to_years"] + 1)
    if not _may_be_pregnant(view, limit) or trimester(view, limit) is not None:
        return
    if view.person.reading("pregnancy_intention") is not None:
        return
    yield about_use(
        view,
        "PRG-02",
        4,
        title="Pregnancy intention not noted",
        sentence=(
            f"Exposure to {view.in_use} reaches {words.days(view.days)}, and neither contraception "
            "nor pregnancy intention was noted in the last year; advise to get in touch before "
            "conceiving."
        ),
        facts=(Fact("exposed_days", "Exposure", view.days, "days"),),
        clears="Contraception or pregnancy intention is noted.",
    )


_DEPRESSANTS = (
    "opioid",
    "opioid-substitution",
    "gabapentinoid",
    "older-sedative",
    "oxybate",
    "other-hypnotic",
    "sedating-antihistamine",
    "antipsychotic",
    "sedating-antidepressant",
    "muscle-relaxant",
)


@rule(
    "BRF-01",
    family="Patient conditions",
    title="Breastfeeding",
    theme=CONDITION,
    severity=Grading(
        "S3; S2 with a long-acting medicine, higher dose, another sedative or a preterm infant",
        (2, 3),
    ),
    shown=QUEUED,
    sources=("csm-1997", "asam-2025-29", "brf-01"),
    needs=READINGS,
)
def breastfeeding(view: View, limit: Limits) -> Says:
    """BRF-01. Breastfeeding, with a benzodiazepine or Z-drug: digest; review when the medicine is
    long-acting, the dose above the low band, another sedative is in use, or the infant was born
    preterm. Sources conflict: UK texts advise against, ASAM may encourage it."""
    answer = view.person.answer("breastfeeding")
    if not view.now or answer not in {"yes", "preterm"}:
        return
    raised = []
    if any(use.drug.band == "long" for use in view.now):
        raised.append("a long-acting medicine")
    limits = band_limits(view)
    bands = [banded(view.scale, limits, each) for each in view.stretches_now] if limits else []
    if any(band is not None and band.level != LOW for band in bands):
        raised.append("a dose above the low band")
    for name in _DEPRESSANTS:
        for use in view.in_hand.uses_of(name):
            if use.start is not None and view.is_in_hand(use):
                raised.append(f"{use.drug.name} as well")
    if answer == "preterm":
        raised.append("an infant born preterm")
    raised = list(dict.fromkeys(raised))
    yield on_record(
        view,
        "BRF-01",
        2 if raised else 3,
        "breastfeeding",
        gist=(
            "watch the infant for sedation"
            + (f", more so with {words.listed(raised)}" if raised else "")
            + "; sources conflict on whether to avoid it, so decide together"
        ),
        clears="The infant's clinician knows, and the plan is recorded.",
        facts=(Fact("raised", "Raises the risk", "; ".join(raised) or "nothing recorded"),),
    )


FOR_CHILDREN = frozenset(
    {
        "epilepsy_adjunct",
        "seizure_rescue",
        "procedure",
        "premedication",
        "spasticity_neurological",
    }
)


@rule(
    "PED-01",
    family="Patient conditions",
    title="Under 18",
    theme=CONDITION,
    severity=Grading("S1 under 12, S2 from 12", (1, 2)),
    shown=Shown("Interrupts under 12; else queue", interrupts=True),
    sources=("smpc-children",),
    parameters=(
        parameter("under_years", YEARS, "Age under", 18),
        parameter("urgent_under_years", YEARS, "Urgent under", 12),
    ),
)
def child(view: View, limit: Limits) -> Says:
    """PED-01. Somebody who is under 18 today has a benzodiazepine or Z-drug that is not for
    epilepsy, seizure rescue, a procedure or spasticity under a specialist. Urgent, and asks for a
    reason, under 12; review from 12, and where the purpose is not recorded while seizures are on
    record."""
    uses = [use for use in view.now if use.line.indication not in FOR_CHILDREN]
    if uses and view.person.birth_date is None:
        yield cannot_judge("PED-01", view.line_ids, "The birth date is not recorded.")
        return
    view.person.watch_birthday(limit["urgent_under_years"])
    view.person.watch_birthday(limit["under_years"])
    ages = [(view.person.age_on(max(use.start or 0, view.today)), use) for use in uses]
    under = [(age, use) for age, use in ages if age is not None and age < limit["under_years"]]
    if not under:
        return
    age = min(age for age, _ in under)
    view.person.watch_birthday(age + 1)  # it is said, so it changes with each birthday
    uses = [use for _, use in under]
    drugs = words.listed(names(uses))
    purpose = "for another purpose than epilepsy, rescue or a procedure;"
    not_said = all(use.line.indication == "unknown" for use in uses)
    if not_said:
        purpose = "and the purpose is not recorded; but for epilepsy, rescue or a procedure"
    perhaps_epilepsy = not_said and view.person.has("seizure")
    young = age < limit["urgent_under_years"] and not perhaps_epilepsy
    yield about_use(
        view,
        "PED-01",
        1 if young else 2,
        uses=uses,
        interrupts=young,
        title=f"{words.sentence_case(drugs)} at age {age}",
        sentence=(
            f"{words.sentence_case(drugs)} {words.are(drugs)} prescribed at age {age} {purpose} "
            "product texts do not recommend it, and it is for specialists only."
        ),
        facts=(Fact("age_years", "Age", age, "years"),),
        clears="The specialist's advice is recorded, or a gradual taper ends the exposure.",
    )


@rule(
    "GLA-01",
    family="Patient conditions",
    title="Narrow-angle glaucoma",
    theme=CONDITION,
    severity=Grading("S2; US S1", (1, 2)),
    shown=QUEUED,
    sources=("valium-label",),
    parameters=(parameter("is_urgent", YES_NO, "Urgent in this profile", US=1),),
    needs=CONDITIONS,
)
def glaucoma(view: View, limit: Limits) -> Says:
    """GLA-01. Acute narrow-angle glaucoma, with a benzodiazepine: review; urgent in the US profile,
    whose labels contraindicate it."""
    uses = [use for use in view.now if use.mask & BENZODIAZEPINE]
    if uses and view.person.has("glaucoma_narrow_angle"):
        yield on_record(
            view,
            "GLA-01",
            1 if limit.get("is_urgent") else 2,
            "narrow-angle glaucoma",
            gist="US labels contraindicate it in the acute form",
            clears="An eye specialist's advice is recorded.",
            uses=uses,
        )


@rule(
    "POR-01",
    family="Patient conditions",
    title="Acute porphyria",
    theme=CONDITION,
    severity=S3,
    shown=QUEUED,
    sources=("leaflet-porphyria",),
    needs=CONDITIONS,
)
def porphyria(view: View, limit: Limits) -> Says:
    """POR-01. Acute porphyria with a benzodiazepine or Z-drug: check the list of safe medicines."""
    if view.now and view.person.has("porphyria"):
        yield on_record(
            view,
            "POR-01",
            3,
            "acute porphyria",
            gist="check it against the list of medicines that are safe in porphyria",
            clears="The check is recorded.",
        )


@rule(
    "DEP-01",
    family="Patient conditions",
    title="Signs of dependence",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("asam-2025-signs",),
    parameters=(parameter("signs_from_count", COUNT, "Signs ticked, from", 2),),
    needs=READINGS,
)
def dependence_signs(view: View, limit: Limits) -> Says:
    """DEP-01. Two or more signs of dependence are ticked: needs more for the same effect, cannot
    cope without, symptoms between doses, loses supplies or asks early, failed reduction."""
    reading = view.person.reading("dependence_signs")
    if not view.now or reading is None:
        return
    ticked = reading.value
    if ticked is None:
        ticked = 0 if reading.text == "none" else len(set(reading.text.split()))
    if ticked < limit["signs_from_count"]:
        return
    on = reading.day
    yield about_use(
        view,
        "DEP-01",
        2,
        title=f"Signs of dependence on {view.in_use}",
        sentence=(
            f"On {words.day(on)}, {int(ticked)} signs of dependence on {view.in_use} were ticked; "
            "dependence is expected after long use and is not the same as misuse."
        ),
        facts=(
            Fact("signs", "Signs ticked", int(ticked)),
            Fact("asked", "Asked", words.iso(on), "date"),
        ),
        clears="A taper or addiction advice is offered and the answer recorded.",
    )


@rule(
    "DRV-01",
    family="Patient conditions",
    title="Advice on driving",
    theme=CONDITION,
    severity=Grading("S4; S2 for people who drive for work", (2, 4)),
    shown=Shown("Note; queue for people who drive for work"),
    sources=("uk-s5a",),
)
def driving(view: View, limit: Limits) -> Says:
    """DRV-01. No advice on driving on record in the last 365 days: a note for 28 days from a new
    benzodiazepine or Z-drug or a dose rise; review for somebody who drives for work. Not for
    somebody who does not drive."""
    if not view.now:
        return
    driver = view.person.answer("driving_occupation")
    if driver == "none" or view.person.reading("driving_counselling") is not None:
        return
    vocational = driver == "vocational"
    changed = _newest_change(view)
    recent = changed is not None and view.started_recently(changed)
    if not vocational and not recent:
        return
    yield about_use(
        view,
        "DRV-01",
        2 if vocational else 4,
        title=f"Advice on driving not recorded: {view.in_use}",
        sentence=(
            f"{words.sentence_case(view.in_use)} can impair driving"
            + (", and the person drives for work" if vocational else "")
            + "; no advice on it is recorded in the last year. The law on driving with these "
            "medicines differs between countries."
        ),
        facts=(
            Fact("driver", "Drives", DRIVES[driver]),
            Fact(
                "changed",
                "New or raised",
                None if changed is None else words.iso(changed),
                "date",
            ),
        ),
        clears="Advice on driving is given and recorded.",
    )


DRIVES = {"": "not recorded", "private": "privately", "vocational": "for work"}


def _newest_change(view: View) -> int | None:
    """The latest day on which a current episode began or its daily amount of a drug rose; a supply
    of unknown length begins one where nothing was taken within the gap before."""
    begun = [episode.start for episode in view.current]
    begun += [
        use.start for use in view.unclear if use in view.now and not _follows_another(view, use)
    ]
    newest = max(begun, default=None)
    if newest is None:
        return None
    before: dict[str, float] = {}
    for stretch in view.stretches:
        amounts: dict[str, float] = {}
        for part in stretch.parts:
            key = part.use.drug.key
            amounts[key] = amounts.get(key, 0.0) + (part.mg or 0.0)
        for key, mg in amounts.items():
            if key in before and mg > before[key] * 1.001:
                newest = max(newest, stretch.start)
        before |= amounts
    return newest


def _follows_another(view: View, use: DatedUse) -> bool:
    """Was there, or may there have been, another supply within the gap before?"""
    return any(
        other is not use
        and other.start is not None
        and other.start < use.start <= other.reach + view.gap_days + 1
        for other in view.uses
    )


@rule(
    "OCC-01",
    family="Patient conditions",
    title="Safety-critical job",
    theme=CONDITION,
    severity=S3,
    shown=QUEUED,
    sources=("portal",),
    needs=READINGS,
)
def safety_critical(view: View, limit: Limits) -> Says:
    """OCC-01. The person works with machinery or in a safety-critical job, with a benzodiazepine or
    Z-drug."""
    if view.now and view.person.answer("safety_critical_job") == "yes":
        yield on_record(
            view,
            "OCC-01",
            3,
            "a safety-critical job",
            gist="sedation and slowed reactions can put the person and others at risk",
            clears="Advice on work is given and recorded as a decision.",
        )


@rule(
    "ILN-01",
    family="Patient conditions",
    title="Complex sleep behaviour with a Z-drug",
    theme=CONDITION,
    severity=Grading("S2; US S1", (1, 2)),
    shown=Shown("Interrupts in the US profile; else queue", interrupts=True),
    sources=("fda-sleep-2019", "iln-01"),
    parameters=(parameter("is_urgent", YES_NO, "Urgent in this profile", US=1),),
    needs=CONDITIONS | READINGS,
)
def complex_sleep(view: View, limit: Limits) -> Says:
    """ILN-01. A Z-drug in a person with a history of complex sleep behaviour, such as sleep-walking
    or sleep-driving. Urgent in the US profile, whose labels contraindicate it, and asks for a
    reason; review elsewhere."""
    uses = [use for use in view.now if use.mask & Z_DRUG]
    if not uses or not (
        view.person.answer("complex_sleep_behaviour") == "yes"
        or view.person.had("complex_sleep_behaviour")
    ):
        return
    urgent = bool(limit.get("is_urgent"))
    yield on_record(
        view,
        "ILN-01",
        1 if urgent else 2,
        "complex sleep behaviour",
        gist="US labels contraindicate a Z-drug after it, as serious injuries have happened",
        clears="Another treatment for sleep is chosen, gradually where it was taken for long.",
        uses=uses,
        interrupts=urgent,
    )

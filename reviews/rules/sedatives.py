"""A benzodiazepine or Z-drug beside another sedative: GAB-01, CNS-01 and CNS-02."""

from reviews.rules import conditions, words
from reviews.rules.drug import BIT
from reviews.rules.finding import Fact
from reviews.rules.naming import key_of
from reviews.rules.pairs import (
    cannot_compare,
    together,
    together_facts,
    together_sentence,
    together_title,
    unknown_ends,
)
from reviews.rules.parameters import DAYS, ML_MIN, YEARS, Limits, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import BREATHING, DUPLICATE, QUEUED, Grading, Shown, rule
from reviews.rules.saying import Says, candidate
from reviews.rules.view import View

UNDER_EPILEPSY_CARE = frozenset({"phenobarbital", "primidone"})


@rule(
    "GAB-01",
    family="Co-prescription",
    title="Gabapentinoid with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=Grading("S2; S1 with an added risk; S3 under the epilepsy exemption", (1, 2, 3)),
    shown=QUEUED,
    sources=(
        "fda-gabapentinoid-2019",
        "mhra-gabapentin-2017",
        "mhra-pregabalin-2021",
        "gab-egfr-60",
    ),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 1),
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("egfr_below_ml_min", ML_MIN, "eGFR below", 60),
    ),
    needs=BIT["gabapentinoid"],
    idle=True,
)
def gabapentinoid(view: View, limit: Limits) -> Says:
    """GAB-01. A gabapentinoid is in hand on a day of a benzodiazepine or Z-drug supply. Urgent with
    any of: age 65 or over, respiratory or neurological disease, sleep apnoea, eGFR under 60, or an
    opioid as well. Under the epilepsy exemption digest, unless there is an opioid, and neurological
    disease does not count."""
    found = yield from together(view, "GAB-01", "bzra", "gabapentinoid", limit["overlap_from_days"])
    if found is None:
        return
    exempt = "epilepsy_adjunct" in view.exemptions
    risks, unknown = [], []
    opioid = _with_opioid(view, found)
    if opioid:
        risks.append("an opioid as well")
    age = view.person.age_on(max(span.use.start for span in (*found.a, *found.b)))
    if age is None:
        unknown.append("birth date")
    elif age >= limit["age_from_years"]:
        risks.append(f"age {limit['age_from_years']} or over")
    diseases = (
        ["respiratory", "sleep_apnoea"]
        if exempt
        else ["respiratory", "neurological", "sleep_apnoea"]
    )
    risks += [
        conditions.LABELS[theme] for theme in diseases if conditions.present(view.dossier, theme)
    ]
    egfr = view.person.measured("egfr")
    if egfr is None:
        unknown.append("eGFR")
    elif egfr < limit["egfr_below_ml_min"]:
        risks.append(f"eGFR {words.amount(egfr)}")
    severity = 1 if risks else 2
    if exempt and not opioid:
        severity = 3
    start = view.started_recently(found.start)
    facts = together_facts(found)
    if risks:
        facts += (Fact("risks", "Added risk", ", ".join(risks)),)
    missing = [f"Not recorded: {words.listed(unknown)}."] if unknown and severity != 1 else []
    yield candidate(
        "GAB-01",
        severity,
        key=f"GAB-01:{words.iso(found.start)}:{key_of(found.b)}",
        line_ids=found.line_ids,
        title=together_title(view, found, start),
        sentence=(
            f"{together_sentence(found)}. Both slow the brain and can slow breathing"
            + (f"; the risk is raised by {words.listed(risks)}." if risks else ".")
        ),
        facts=facts,
        clears=(
            "The overlap ends by a taper, or a decision records the doses checked and the "
            "counselling given."
        ),
        unknown=" ".join([unknown_ends(found), *missing]).strip(),
        begun=found.b_start if start else None,
    )


def _with_opioid(view, found) -> bool:
    opioids = [*view.in_hand.uses_of("opioid"), *view.in_hand.uses_of("opioid-substitution")]
    if not opioids:
        return False
    days = view.in_hand.present(opioids).possible
    return any(start <= found.end and end >= found.start for start, end in days)


@rule(
    "CNS-01",
    family="Co-prescription",
    title="Barbiturate or older sedative with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=Grading("S1; S3 for phenobarbital or primidone under the epilepsy exemption", (1, 3)),
    shown=Shown("Interrupts at the start; queue while it continues", interrupts=True),
    sources=("ansm-2020", "start-28"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 1),),
    needs=BIT["older-sedative"],
    idle=True,
)
def older_sedative(view: View, limit: Limits) -> Says:
    """CNS-01. A barbiturate, meprobamate, carisoprodol, clomethiazole or chloral is in hand on a
    day of a benzodiazepine or Z-drug supply: urgent, and asks for a reason at the start.
    Phenobarbital and primidone under the epilepsy exemption go to the digest. Neither medicine is
    to be changed abruptly."""
    found = yield from together(
        view, "CNS-01", "bzra", "older-sedative", limit["overlap_from_days"]
    )
    if found is None:
        return
    severity = 1
    if "epilepsy_adjunct" in view.exemptions and all(
        span.use.drug.key in UNDER_EPILEPSY_CARE for span in found.b
    ):
        severity = 3
    start = view.started_recently(found.start)
    yield candidate(
        "CNS-01",
        severity,
        interrupts=severity == 1 and start,
        key=f"CNS-01:{words.iso(found.start)}:{key_of(found.b)}",
        line_ids=found.line_ids,
        title=together_title(view, found, start),
        sentence=(
            f"{together_sentence(found)}. Sedation and slowed breathing add up; a specialist plan "
            "is needed, and neither is to be changed abruptly."
        ),
        facts=together_facts(found),
        clears="The overlap ends by a specialist's plan, or a decision records that plan.",
        unknown=unknown_ends(found),
        begun=found.b_start if start else None,
    )


@rule(
    "CNS-02",
    family="Co-prescription",
    title="Another hypnotic with a benzodiazepine or Z-drug",
    theme=DUPLICATE,
    severity=Grading("S2; S3 for melatonin and ramelteon", (2, 3)),
    shown=QUEUED,
    sources=("cns-02",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    needs=BIT["other-hypnotic"],
    idle=True,
)
def other_hypnotic(view: View, limit: Limits) -> Says:
    """CNS-02. Another hypnotic (orexin antagonist, doxylamine, diphenhydramine; melatonin and
    ramelteon a step lower) together with a benzodiazepine or Z-drug on 7 days or more."""
    uses = view.in_hand.uses_of("other-hypnotic")
    if not uses:
        return
    strong = [use for use in uses if use.drug.severities.get("other-hypnotic", 2) <= 2]
    unsure = False
    for chosen in (strong, uses):
        if not chosen:
            continue
        found = view.in_hand.together("bzra", chosen, limit["overlap_from_days"])
        if found is UNSURE:
            unsure = True
        if found is None or found is UNSURE:
            continue
        severity = min(span.use.drug.severities.get("other-hypnotic", 2) for span in found.b)
        if chosen is uses and strong:
            severity = 3  # only with melatonin or ramelteon counted in do the days suffice
        yield candidate(
            "CNS-02",
            severity,
            key=f"CNS-02:{words.iso(found.start)}:{key_of(found.b)}",
            line_ids=found.line_ids,
            title=together_title(view, found, False),
            sentence=(
                f"{together_sentence(found)}. Two medicines for sleep add sedation without added "
                "benefit; one is usually enough, and a benzodiazepine or Z-drug is tapered."
            ),
            facts=together_facts(found),
            clears="One of the two is tapered off, or a decision records why both are needed.",
            unknown=unknown_ends(found),
        )
        return
    if unsure:
        yield cannot_compare(view, "CNS-02", uses)

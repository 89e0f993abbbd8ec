"""Why and what was prescribed: DQ-02, STR-01, IND-01 to IND-04, ALG-01 and LEG-01."""

import re
from datetime import date

from reviews.rules import conditions, words
from reviews.rules.dossier import NEVER_TAKEN, Medicine
from reviews.rules.drug import BENZODIAZEPINE
from reviews.rules.finding import Fact
from reviews.rules.indications import in_words
from reviews.rules.naming import names
from reviews.rules.parameters import COUNT, DAYS, MONTHS, Limits, parameter
from reviews.rules.rule import (
    CONDITION,
    CONDITIONS,
    INTERRUPTING,
    QUEUED,
    REVIEW,
    S1,
    S2,
    S3,
    SUPPLY,
    UNJUDGED,
    Grading,
    Shown,
    rule,
)
from reviews.rules.saying import Says, about_use, cannot_judge, length_not_known
from reviews.rules.view import View

DOUBTFUL = frozenset(
    {
        "anxiety_mild",
        "depression_alone",
        "phobia",
        "ocd",
        "psychosis_chronic",
        "bereavement",
        "back_pain_acute",
    }
)
NOT_FIRST_CHOICE = frozenset({"gad", "panic_disorder"})
HYPNOTIC_ATC = ("N05CD", "N05CF")
_ALLERGY = re.compile(r"allerg|hypersensitiv|anaphyla")
_CLASS = re.compile(r"\bbenzodiazepines?\b")


@rule(
    "DQ-02",
    family="Data quality",
    title="Current medicines not checked",
    theme=REVIEW,
    severity=Grading("S4; S2 for a course of over 28 days", (2, 4)),
    shown=Shown("Note; queue for a longer course"),
    sources=("portal",),
    parameters=(
        parameter("reconciled_within_days", DAYS, "Medicines checked in the last", 90),
        parameter("short_course_max_days", DAYS, "Short course, at most", 28),
    ),
    judges_data=True,
)
def reconciled(view: View, limit: Limits) -> Says:
    """DQ-02. A benzodiazepine or Z-drug prescription begins a new episode while the person's
    current medicines are neither listed nor said to be none, or were last checked over 90 days
    before. Other medicines on the record count as listed. A note while the course stays within 28
    days; review queue beyond."""
    first = [item for item in view.judged if view.begins_an_episode(item)]
    if not first:
        return
    start = min(item.span.start for item in first)
    checks = view.person.readings_of("medicines_reconciled")
    within = limit["reconciled_within_days"]
    if checks:
        last = checks[-1].day
        if last >= start - within:
            return
        why = f"the current medicines were last checked on {words.day(last)}"
    elif any(
        line.id not in view.own_lines and line.status not in NEVER_TAKEN
        for line in view.dossier.lines
    ):
        return
    else:
        why = "the current medicines are neither listed nor said to be none"
    short = max(item.days for item in first) <= limit["short_course_max_days"]
    yield about_use(
        view,
        "DQ-02",
        4 if short else 2,
        uses=[item.span.use for item in first],
        title="Current medicines not checked before a new course",
        sentence=(
            f"{words.sentence_case(view.in_use)} {words.verb(view.in_use, 'begin')} a new course "
            f"on {words.day(start)}, and {why}; without them no interaction can be looked for."
        ),
        facts=(
            Fact("start", "New course begins", words.iso(start), "date"),
            Fact("within_days", "Check counts for", within, "days"),
        ),
        clears="Somebody goes through the current medicines with the person and records it.",
    )


@rule(
    "STR-01",
    family="Data quality",
    title="Strength not marketed in this form",
    theme=UNJUDGED,
    severity=S3,
    shown=QUEUED,
    sources=("ndc-2019",),
)
def strength(view: View, limit: Limits) -> Says:
    """STR-01. The strength of a benzodiazepine or Z-drug in this form is not among those marketed
    in the profile's country, such as a diazepam 20 mg tablet."""
    by_drug: dict[str, list] = {}
    for use in view.now:
        mg, form = use.part.strength_mg, use.recognition.form
        held = use.drug.strengths.get(view.profile, {}).get(form or "")
        if mg is None or not held or any(abs(mg - known) < 1e-6 for known in held):
            continue
        by_drug.setdefault(use.drug.key, []).append(use)
    for key, uses in by_drug.items():
        use = uses[0]
        form, mg = use.recognition.form, use.part.strength_mg
        held = use.drug.strengths[view.profile][form]
        yield about_use(
            view,
            "STR-01",
            3,
            uses=uses,
            key=key,
            title=f"{words.sentence_case(use.drug.name)} {words.amount(mg)} mg {form} not known",
            sentence=(
                f"{words.sentence_case(use.drug.name)} is not marketed as a {form} of "
                f"{words.amount(mg)} mg in the {view.profile_in_words} (known: "
                f"{words.listed(words.amount(known) for known in held)} mg); the entry may be "
                "wrong, or the product may not come from a pharmacy."
            ),
            facts=(
                Fact("strength_mg", "Strength", mg, "mg"),
                Fact("known_mg", "Known", ", ".join(map(words.amount, held)), "mg"),
            ),
            clears="The product is verified, or the entry is corrected.",
        )


@rule(
    "IND-01",
    family="Indication",
    title="Indication missing",
    theme=REVIEW,
    severity=S2,
    shown=QUEUED,
    sources=("stopp-v3-a1", "scotgov-2024", "ind-01-7"),
    parameters=(parameter("unknown_over_days", DAYS, "Indication not known for over", 7),),
)
def missing_indication(view: View, limit: Limits) -> Says:
    """IND-01. A benzodiazepine or Z-drug prescription has no indication or "other"; or it is still
    "not known" more than 7 days after it was written."""
    found, undated = [], []
    for use in view.now:
        code = use.line.indication
        if code in {"", "other"}:
            found.append(use)
        elif code == "unknown":
            written = use.line.written_on or use.line.start_on
            if written is None:
                undated.append(use)
                continue
            due = written.toordinal() + limit["unknown_over_days"] + 1
            if view.today >= due:
                found.append(use)
            else:
                view.watch(due)
    if undated and not found:
        yield cannot_judge(
            "IND-01",
            [use.line.id for use in undated],
            "For how long the indication has not been known cannot be said: no date is recorded.",
        )
    if found:
        drugs = words.listed(names(found))
        yield about_use(
            view,
            "IND-01",
            2,
            uses=found,
            title=f"{words.sentence_case(drugs)} without an indication",
            sentence=(
                f"Why {drugs} {words.were(drugs)} prescribed is not recorded as a coded "
                "indication; criteria for potentially inappropriate prescribing begin with that."
            ),
            facts=(Fact("lines", "Prescriptions without one", len(found)),),
            clears="The prescriber records the coded indication.",
            unknown="The indication, and so which limit of duration applies.",
        )


@rule(
    "IND-02",
    family="Indication",
    title="Indication that guidance advises against",
    theme=REVIEW,
    severity=S3,
    shown=QUEUED,
    sources=("csm-1988", "scotgov-2024"),
)
def doubtful_indication(view: View, limit: Limits) -> Says:
    """IND-02. The indication of a current benzodiazepine or Z-drug is one that guidance advises
    against: mild anxiety, depression alone, phobia, obsessive-compulsive disorder, chronic
    psychosis, bereavement, acute low back pain or sciatica."""
    uses = [use for use in view.now if use.line.indication in DOUBTFUL]
    if not uses:
        return
    labels = words.listed(sorted({in_words(use.line.indication) for use in uses}))
    drugs = words.listed(names(uses))
    yield about_use(
        view,
        "IND-02",
        3,
        uses=uses,
        title=f"{words.sentence_case(drugs)} for {labels}",
        sentence=(
            f"{words.sentence_case(drugs)} {words.were(drugs)} prescribed for {labels}; "
            "guidance advises against a benzodiazepine or Z-drug for it."
        ),
        facts=(Fact("indication", "Indication", words.sentence_case(labels)),),
        clears="A decision records why it is justified, or a taper ends the exposure.",
    )


@rule(
    "IND-03",
    family="Indication",
    title="Anxiety or panic disorder without a crisis plan",
    theme=REVIEW,
    severity=S3,
    shown=QUEUED,
    sources=("nice-cg113",),
    parameters=(parameter("plan_within_days", DAYS, "Crisis plan no older than", 28),),
)
def anxiety_disorder(view: View, limit: Limits) -> Says:
    """IND-03. A new episode is begun for generalised anxiety disorder or panic disorder, without a
    crisis plan of at most 4 weeks on record."""
    found = [
        item
        for item in view.judged
        if item.span.use.line.indication in NOT_FIRST_CHOICE and view.begins_an_episode(item)
    ]
    if not found:
        return
    start = min(item.span.start for item in found)
    plans = view.person.readings_of("crisis_plan")
    if plans and plans[-1].day >= start - limit["plan_within_days"]:
        return
    uses = [item.span.use for item in found]
    label = in_words(uses[0].line.indication)
    drugs = words.listed(names(uses))
    yield about_use(
        view,
        "IND-03",
        3,
        uses=uses,
        title=f"{words.sentence_case(drugs)} begun for {label}",
        sentence=(
            f"{words.sentence_case(drugs)} {words.are(drugs)} begun on {words.day(start)} "
            f"for {label} without a crisis plan of at most 4 weeks; guidance offers other "
            "treatment, except for a short time in a crisis."
        ),
        facts=(
            Fact("indication", "Indication", words.sentence_case(label)),
            Fact("start", "Begins", words.iso(start), "date"),
        ),
        clears="A crisis plan of at most 4 weeks is recorded, or another treatment is chosen.",
    )


@rule(
    "IND-04",
    family="Indication",
    title="Post-traumatic stress disorder",
    theme=CONDITION,
    severity=S2,
    shown=QUEUED,
    sources=("asam-2025-25", "ind-04-28"),
    parameters=(parameter("exposed_from_days", DAYS, "Exposure, from", 28),),
)
def trauma(view: View, limit: Limits) -> Says:
    """IND-04. Post-traumatic stress disorder, as the indication or as a diagnosis, and the current
    supply takes exposure to 28 days or more."""
    diagnosed = view.person.has("ptsd")
    mine = [use for use in view.now if diagnosed or use.line.indication == "ptsd"]
    if not mine:
        return
    found = [
        item
        for item in view.judged
        if item.days >= limit["exposed_from_days"] and item.span.use in mine
    ]
    if not found:
        yield from length_not_known("IND-04", [use for use in view.now if use.end is None])
        return
    days = max(item.days for item in found)
    yield about_use(
        view,
        "IND-04",
        2,
        uses=[item.span.use for item in found],
        title=f"{words.sentence_case(view.in_use)} in post-traumatic stress disorder",
        sentence=(
            f"{view.supply_takes(max(item.span.end for item in found))} to {words.days(days)} in a "
            "person with post-traumatic stress disorder; guidance is to consider a taper strongly."
        ),
        facts=(
            Fact("exposed_days", "Exposure", days, "days"),
            Fact("from_days", "Threshold, from", limit["exposed_from_days"], "days"),
        ),
        clears="A taper is discussed and planned, or a decision records why not.",
    )


@rule(
    "ALG-01",
    family="Indication",
    title="Hypersensitivity on record",
    theme=CONDITION,
    severity=S1,
    shown=INTERRUPTING,
    sources=("smpc-contraindications",),
    needs=CONDITIONS,
    idle=True,
)
def allergy(view: View, limit: Limits) -> Says:
    """ALG-01. Hypersensitivity to a benzodiazepine is on record and a benzodiazepine is prescribed,
    rescue medicine included; or hypersensitivity to the very Z-drug that is prescribed. Asks for a
    reason."""
    uses = [
        *view.now,
        *(use for use in view.rescue if use.start is None or view.is_current(use.reach)),
    ]
    if not uses:
        return
    mask, keys, told = 0, set(), []
    for condition in view.dossier.conditions:
        text = "" if conditions.denied(condition.text) else condition.text
        if condition.kind != "allergy" and not _ALLERGY.search(text.casefold()):
            continue
        substance = view.book.recognise(
            Medicine(f"allergy|{text}|{condition.codings}", text, condition.codings)
        )
        found = substance.mask | (BENZODIAZEPINE if _CLASS.search(text.casefold()) else 0)
        if found:
            mask |= found
            keys |= {ingredient.drug.key for ingredient in substance.ingredients}
            told.append(text or ", ".join(code for _, code in condition.codings))
    hit = [
        use
        for use in uses
        if (use.mask & BENZODIAZEPINE and mask & BENZODIAZEPINE) or use.drug.key in keys
    ]
    if hit:
        drugs = words.listed(names(hit))
        yield about_use(
            view,
            "ALG-01",
            1,
            uses=hit,
            interrupts=True,
            title=f"{words.sentence_case(drugs)} despite recorded allergy",
            sentence=(
                f"{words.sentence_case(drugs)} {words.are(drugs)} prescribed, and "
                "hypersensitivity is on record, which product texts give as a contraindication; "
                "verify it before anything is issued."
            ),
            facts=(Fact("allergy", "On record", "; ".join(told)),),
            clears=(
                "The allergy entry is corrected, or another medicine takes its place, gradually "
                "where it was taken for long."
            ),
        )


@rule(
    "LEG-01",
    family="Indication",
    title="Legal limits of a controlled drug",
    theme=SUPPLY,
    severity=Grading("S2; S4 in the EU, whose countries differ", (2, 4)),
    shown=QUEUED,
    sources=("uk-cd-30", "us-csa-c4", "fr-meddispar"),
    parameters=(
        parameter("supply_over_days", DAYS, "One supply, over", UK=30),
        parameter("dispensed_over_days", DAYS, "Dispensed after the date written, over", UK=28),
        parameter("refill_over_count", COUNT, "Refill number, over", US=5),
        parameter("written_over_months", MONTHS, "After it was written, over", US=6),
        parameter("hypnotic_supply_over_days", DAYS, "Hypnotic in one supply, over", EU=28),
        parameter("anxiolytic_supply_over_days", DAYS, "Anxiolytic in one supply, over", EU=84),
    ),
)
def legal_limits(view: View, limit: Limits) -> Says:
    """LEG-01. A controlled-drug limit of the profile's country: more days in one supply than
    advised (UK 30); UK dispensed over 28 days
    after the date on the prescription; US over 5 refills, or over 6 months after it was written. In
    the EU, whose countries have laws of their own, a note where the limits of France are passed
    (hypnotic 28 days, anxiolytic 84)."""
    problems = []
    for use in view.now:
        problems += [(use, said) for said in _breaches(use, limit)]
    if problems:
        uses = [use for use, _ in problems]
        said = list(dict.fromkeys(text for _, text in problems))
        elsewhere = "hypnotic_supply_over_days" in limit
        rules = "check the quantity and the date against the rules for controlled drugs."
        if elsewhere:
            rules = (
                "the law of France is the only one held of the countries of this profile, so check "
                "it against that of your own."
            )
        if view.profile != view.base:
            rules = (
                f"limits that the {view.profile} profile does not set itself are those of the "
                f"{view.base} profile, so check it against the law of your own country."
            )
        yield about_use(
            view,
            "LEG-01",
            4 if elsewhere else 2,
            uses=uses,
            title=f"{words.sentence_case(words.listed(names(uses)))}: {said[0]}",
            sentence=(
                f"{words.sentence_case(words.listed(names(uses)))}: {words.listed(said)}; {rules}"
            ),
            facts=(Fact("limits", "Passed", "; ".join(said)),),
            clears="The quantity or the date is corrected, or the exceptional reason is recorded.",
        )


def _breaches(use, limit: Limits):
    line, days = use.line, use.issued_days
    cap = limit.get("supply_over_days")
    if "hypnotic_supply_over_days" in limit:
        hypnotic = any(code.startswith(HYPNOTIC_ATC) for code in use.drug.atc)
        cap = limit["hypnotic_supply_over_days" if hypnotic else "anxiolytic_supply_over_days"]
    if cap is not None and days is not None and days > cap:
        where = " (France)" if "hypnotic_supply_over_days" in limit else ""
        yield f"{days} days in one supply, over {cap}{where}"
    handed = line.dispensed_on or (line.start_on if line.source == "dispensed" else None)
    written = line.written_on
    valid = limit.get("dispensed_over_days")
    if valid is not None and handed is not None and written is not None:
        late = (handed - written).days
        if late > valid:
            yield f"dispensed {late} days after the date written, over {valid}"
    refills = limit.get("refill_over_count")
    if refills is not None and line.refill_number is not None and line.refill_number > refills:
        yield f"refill {line.refill_number}, over {refills}"
    if "written_over_months" in limit and written is not None:
        on = handed or line.start_on
        if on is not None and on > _months_after(written, limit["written_over_months"]):
            yield f"issued over {limit['written_over_months']} months after it was written"


def _months_after(day: date, months: int) -> date:
    """The same day so many months later, the month's last day where it has no such day."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")

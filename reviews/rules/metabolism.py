"""Medicines that change a benzodiazepine's or Z-drug's level: ADP-01, CYP-02 to 04, UGT-01, AED.

ADP-01 and the CYP rules never fire for lorazepam, oxazepam, temazepam or lormetazepam, which do not
depend on these enzymes. UGT-01 is about lorazepam's own route; AED-01 names every benzodiazepine.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, BIT
from reviews.rules.exposure import DatedUse, Supply, Use
from reviews.rules.finding import Fact
from reviews.rules.interactions import CONTRAINDICATED_WITH_ANY, DEPENDENT_ON_CYP3A4, by_mouth
from reviews.rules.naming import ids_of
from reviews.rules.pairs import beside, gravest, is_elder, overlapping, raised, together
from reviews.rules.parameters import DAYS, MG, PERCENT, YEARS, Limits, parameter
from reviews.rules.presence import DailyAmount, DoseChange, Together
from reviews.rules.rule import METABOLISM, QUEUED, S2, Grading, Shown, rule
from reviews.rules.saying import Candidate, Says, candidate, cannot_judge
from reviews.rules.view import View

NO_OXIDATION = frozenset({"lorazepam", "oxazepam", "temazepam", "lormetazepam"})
TWO_C_NINETEEN = frozenset({"diazepam", "clobazam"})

ANTIDEPRESSANT_PAIRS = {
    "nefazodone": {"triazolam": 1, "alprazolam": 2, "midazolam": 2},
    "fluvoxamine": {
        "alprazolam": 2,
        "triazolam": 2,
        "midazolam": 2,
        "diazepam": 2,
        "clobazam": 3,
    },
    "fluoxetine": {"alprazolam": 3, "diazepam": 3, "clobazam": 3},
    "moclobemide": {"diazepam": 3, "clobazam": 3},
    "sertraline": {"triazolam": 4},
    "paroxetine": {"triazolam": 4},
}


@rule(
    "ADP-01",
    family="Co-prescription",
    title="Antidepressant that slows the breakdown",
    theme=METABOLISM,
    severity=Grading("S1, S2, S3 or S4 by pair", (1, 2, 3, 4)),
    shown=Shown(
        "Interrupts for nefazodone with triazolam; else queue; S4 is a note", interrupts=True
    ),
    sources=("valium-label", "halcion-cyp", "cyp2c19"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("contraindicated_from_days", DAYS, "Contraindicated pair together, from", 1),
        parameter("age_from_years", YEARS, "Age, from", 65),
    ),
    needs=BIT["antidepressant"] | BIT["sedating-antidepressant"],
    idle=True,
)
def antidepressant(view: View, limit: Limits) -> Says:
    """ADP-01. An antidepressant that slows the breakdown of this very benzodiazepine, together on 7
    days or more: fluvoxamine, fluoxetine, moclobemide, sertraline, paroxetine or nefazodone with
    the drugs named for each. Nefazodone with triazolam counts from 1 day, is urgent and asks for a
    reason. A digest pair with diazepam or clobazam is for review at 65 or over."""
    partners = [
        use
        for name in ("antidepressant", "sedating-antidepressant")
        for use in view.in_hand.uses_of(name)
        if use.drug.key in ANTIDEPRESSANT_PAIRS
    ]
    if not partners:
        return
    pairs = yield from overlapping(
        view,
        "ADP-01",
        by_mouth(view),
        partners,
        limit["overlap_from_days"],
        severity_of=lambda drug, partner: ANTIDEPRESSANT_PAIRS[partner].get(drug),
        sooner={("triazolam", "nefazodone"): limit["contraindicated_from_days"]},
    )
    if not pairs:
        return
    severity, found = gravest(
        raised(
            pairs,
            lambda found: (
                found.a[0].use.drug.key in TWO_C_NINETEEN
                and is_elder(view, found, limit["age_from_years"])
            ),
        )
    )
    contraindicated = severity == 1
    yield beside(
        view,
        "ADP-01",
        severity,
        found,
        gist=(
            f"{words.sentence_case(words.listed(found.b_names))} slows the breakdown of "
            f"{words.listed(found.a_names)}"
            + (", a pair that the label contraindicates." if contraindicated else ".")
        ),
        clears="The dose comes down, or lorazepam takes its place gradually.",
        interrupts=contraindicated,
        begun=found.b_start if view.started_recently(found.start) else None,
    )


MODERATE_ONLY = {
    "roxithromycin": frozenset({"midazolam"}),
    "cimetidine": frozenset({"diazepam", "chlordiazepoxide", "triazolam"}),
    "grapefruit-juice": frozenset({"triazolam"}),
}
"""Moderate and weak inhibitors that concern some drugs only."""

CIMETIDINE_FROM_MG = 800
"""Below this a day cimetidine concerns triazolam alone (ANSM 2020)."""


def _too_little(use):
    mg = use.mg
    return mg is not None and mg < CIMETIDINE_FROM_MG


@rule(
    "CYP-02",
    family="Co-prescription",
    title="Moderate CYP3A4 inhibitor",
    theme=METABOLISM,
    severity=Grading(
        "S3; S2 with triazolam or oral midazolam or at 65 or over; S4 for weak ones", (2, 3, 4)
    ),
    shown=Shown("Queue; S4 is a note"),
    sources=("ansm-2020", "halcion-cyp"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("age_from_years", YEARS, "Age, from", 65),
    ),
    needs=BIT["cyp3a4-moderate"],
    idle=True,
)
def moderate_inhibitor(view: View, limit: Limits) -> Says:
    """CYP-02. A moderate CYP3A4 inhibitor is in hand on 7 days or more together with a drug that
    depends on CYP3A4: digest; review for triazolam, midazolam by mouth, or at 65 or over. Weak
    inhibitors are a note. Cimetidine concerns triazolam, and from 800 mg a day diazepam and
    chlordiazepoxide."""
    partners = view.in_hand.uses_of("cyp3a4-moderate")
    sedatives = [
        use
        for use in by_mouth(view)
        if use.drug.key in DEPENDENT_ON_CYP3A4 or use.drug.key in CONTRAINDICATED_WITH_ANY
    ]
    if not partners or not sedatives:
        return
    rows = {use.drug.key: use.drug.severities.get("cyp3a4-moderate", 3) for use in partners}
    cimetidine = [use for use in partners if use.drug.key == "cimetidine"]
    little = all(_too_little(use) for use in cimetidine)

    def severity_of(drug, partner):
        only = MODERATE_ONLY.get(partner)
        if only is not None and drug not in only:
            return None
        if partner == "cimetidine" and little and drug != "triazolam":
            return None
        if rows[partner] == 3 and drug in CONTRAINDICATED_WITH_ANY:
            return 2
        return rows[partner]

    pairs = yield from overlapping(
        view, "CYP-02", sedatives, partners, limit["overlap_from_days"], severity_of=severity_of
    )
    if not pairs:
        return
    severity, found = gravest(
        raised(pairs, lambda found: is_elder(view, found, limit["age_from_years"]))
    )
    yield beside(
        view,
        "CYP-02",
        severity,
        found,
        gist=(
            f"{words.sentence_case(words.listed(found.b_names))} can raise the level of "
            f"{words.listed(found.a_names)}."
        ),
        clears="Sedation is watched and the dose looked at, or a decision records it.",
    )


TWO_C_NINETEEN_INHIBITORS = {
    "disulfiram": frozenset({"diazepam", "clobazam", "chlordiazepoxide"}),
}


@rule(
    "CYP-03",
    family="Co-prescription",
    title="CYP2C19 inhibitor with diazepam or clobazam",
    theme=METABOLISM,
    severity=Grading("S3; S2 at 65 or over or clobazam 20 mg a day; S4 omeprazole", (2, 3, 4)),
    shown=Shown("Queue; S4 is a note"),
    sources=("valium-label", "andersson-1990", "cyp2c19"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("clobazam_from_mg", MG, "Clobazam a day, review from", 20),
    ),
    needs=BIT["cyp2c19"],
)
def two_c_nineteen(view: View, limit: Limits) -> Says:
    """CYP-03. A CYP2C19 inhibitor is in hand on 7 days or more together with diazepam or clobazam
    (disulfiram also with chlordiazepoxide): digest; review at 65 or over or with clobazam 20 mg a
    day or more; omeprazole and esomeprazole always a note. Shown by CYP-01 or ADP-01 where these
    fire at least as gravely."""
    partners = view.in_hand.uses_of("cyp2c19")
    if not partners:
        return
    rows = {use.drug.key: use.drug.severities.get("cyp2c19", 3) for use in partners}

    def severity_of(drug, partner):
        concerns = TWO_C_NINETEEN_INHIBITORS.get(partner, TWO_C_NINETEEN)
        return rows[partner] if drug in concerns else None

    pairs = yield from overlapping(
        view, "CYP-03", view.uses, partners, limit["overlap_from_days"], severity_of=severity_of
    )
    if not pairs:
        return
    severity, found = gravest(
        raised(
            pairs,
            lambda found: (
                is_elder(view, found, limit["age_from_years"])
                or _much_clobazam(view, found, limit["clobazam_from_mg"])
            ),
        )
    )
    yield beside(
        view,
        "CYP-03",
        severity,
        found,
        gist=(
            f"{words.sentence_case(words.listed(found.b_names))} slows the breakdown of "
            f"{words.listed(found.a_names)} and its active metabolite."
        ),
        clears="The dose comes down, or lorazepam takes its place gradually.",
    )


def _much_clobazam(view: View, found: Together, from_mg: float) -> bool:
    """Does clobazam come to this many mg on a day of the run?"""
    return found.a[0].use.drug.key == "clobazam" and any(
        row.mg is not None
        and row.mg >= from_mg - 1e-9
        and row.start <= found.end
        and row.end >= found.start
        for row in view.in_hand.amounts("clobazam")
    )


RIFAMPICIN_STRONG = frozenset({"midazolam", "zolpidem", "zopiclone", "diazepam"})


@rule(
    "CYP-04",
    family="Co-prescription",
    title="Enzyme inducer begun or ended",
    theme=METABOLISM,
    severity=Grading(
        "S3; S2 rifampicin pairs and after its end; S1 efavirenz with triazolam or oral midazolam",
        (1, 2, 3),
    ),
    shown=Shown("Queue; S4 is a note"),
    sources=("ansm-2020", "diazepam-smpc", "sustiva-leaflet"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("contraindicated_from_days", DAYS, "Contraindicated pair together, from", 1),
        parameter("ended_within_days", DAYS, "Inducer ended in the last", 28),
    ),
    needs=BIT["inducer"],
    idle=True,
)
def inducer(view: View, limit: Limits) -> Says:
    """CYP-04. An enzyme inducer is begun, together on 7 days or more, beside a benzodiazepine or
    Z-drug that is not glucuronidated: loss of effect, for 28 days after the start (digest; review
    for rifampicin with midazolam, zolpidem, zopiclone or diazepam). Review also when an inducer
    ended in the last 28 days and the dose was raised while it was taken: the level climbs again.
    Urgent from the first day, and as long as both are taken: efavirenz with triazolam or with
    midazolam by mouth, which its label rules out."""
    partners = view.in_hand.uses_of("inducer")
    sedatives = [use for use in by_mouth(view) if use.drug.key not in NO_OXIDATION]
    if not partners or not sedatives:
        return
    ruled_out = yield from overlapping(
        view,
        "CYP-04",
        [use for use in sedatives if use.drug.key in CONTRAINDICATED_WITH_ANY],
        [use for use in partners if use.drug.key == "efavirenz"],
        limit["contraindicated_from_days"],
        severity_of=lambda *pair: 1,  # noqa: ARG005 - it is of concern whatever the pair
    )
    if ruled_out:
        found = ruled_out[0].together
        yield beside(
            view,
            "CYP-04",
            1,
            found,
            gist=(
                f"The label of efavirenz rules out {words.listed(found.a_names)}, whose level may "
                "rise instead of fall."
            ),
            clears="Another sedative takes its place gradually, or a decision records the plan.",
            begun=found.b_start if view.started_recently(found.start) else None,
        )
        return
    ended = _ended_after_a_rise(view, limit, sedatives, partners)
    if ended is not None:
        yield _inducer_ended(ended)
        return
    rows = {
        use.drug.key: 3 if use.drug.key == "rifampicin" else use.drug.severities.get("inducer", 3)
        for use in partners
    }

    def severity_of(drug, partner):
        if partner == "rifampicin" and drug in RIFAMPICIN_STRONG:
            return 2
        return rows[partner]

    pairs = yield from overlapping(
        view, "CYP-04", sedatives, partners, limit["overlap_from_days"], severity_of=severity_of
    )
    begun = [pair for pair in pairs if view.started_recently(pair.together.start)]
    if not begun:
        return
    severity, found = gravest(begun)
    yield beside(
        view,
        "CYP-04",
        severity,
        found,
        gist=(
            f"{words.sentence_case(words.listed(found.b_names))} speeds up the breakdown of "
            f"{words.listed(found.a_names)}: the effect fades, and comes back when it ends."
        ),
        clears="The plan for the dose, and for the day the inducer ends, is recorded.",
    )


class _Ended(NamedTuple):
    """An inducer whose last supply ended, and a rise of the dose of `use` while it was taken."""

    inducer: Supply
    use: DatedUse
    rise: DoseChange


def _ended_after_a_rise(
    view: View, limit: Limits, sedatives: Sequence[Use], partners: Sequence[Use]
) -> _Ended | None:
    """An inducer that ended lately, after a dose that is still taken was raised during it."""
    for partner in partners:
        if partner.end is None or any(
            other.drug.key == partner.drug.key
            and other.start is not None
            and other.reach > partner.end
            for other in partners
        ):
            continue
        lately = view.reached(partner.end + 1)
        if view.reached(partner.end + limit["ended_within_days"] + 1) or not lately:
            continue
        found = _raised_between(view, sedatives, partner.start, partner.end)
        if found is not None:
            return _Ended(partner, *found)
    return None


def _raised_between(
    view: View, sedatives: Sequence[Use], first: int, last: int
) -> tuple[DatedUse, DoseChange] | None:
    """The first rise of a drug still in use from one day to another, with its latest supply."""
    for key in sorted({use.drug.key for use in sedatives}):
        known = [row for row in view.in_hand.amounts(key) if row.mg is not None]
        if not known or not view.is_current(known[-1].end):
            continue
        for change in view.in_hand.changes(key):
            if change.is_rise and first <= change.day <= last:
                uses = [use for use in sedatives if use.drug.key == key and use.start is not None]
                return max(uses, key=lambda use: (use.start, use.line.id)), change
    return None


def _inducer_ended(ended: _Ended) -> Candidate:
    inducer, use, rise = ended
    name = inducer.drug.name
    return candidate(
        "CYP-04",
        2,
        key=f"CYP-04:{words.iso(inducer.end)}:{inducer.drug.key}+{use.drug.key}",
        line_ids=ids_of([inducer, use]),
        title=f"{words.sentence_case(name)} ended; {use.drug.name} was raised",
        sentence=(
            f"{words.sentence_case(name)} ended on {words.day(inducer.end)}, and "
            f"{use.drug.name} had been raised from {words.amount(rise.before_mg)} to "
            f"{words.amount(rise.after_mg)} mg a day meanwhile; its level climbs again in the "
            "weeks after, so the dose needs a plan to come down."
        ),
        facts=(
            Fact("dose_before_mg", "Before", rise.before_mg, "mg a day"),
            Fact("dose_after_mg", "After", rise.after_mg, "mg a day"),
            Fact("ended", "Inducer ended", words.iso(inducer.end), "date"),
        ),
        clears="The dose is brought back down gradually, or a decision records the plan.",
    )


@rule(
    "UGT-01",
    family="Co-prescription",
    title="Valproate or probenecid with lorazepam",
    theme=METABOLISM,
    severity=S2,
    shown=QUEUED,
    sources=("ativan-label",),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 1),
        parameter("share_of_dose_percent", PERCENT, "Share of the dose before, over", 50),
        parameter("new_start_over_mg", MG, "Lorazepam begun with it, over", 1),
    ),
    needs=BIT["ugt-inhibitor"],
)
def lorazepam_glucuronidation(view: View, limit: Limits) -> Says:
    """UGT-01. Valproate or probenecid is in hand with lorazepam, and lorazepam is more than half of
    what it was before the two came together, or over 1 mg a day when begun with it."""
    partners = view.in_hand.uses_of("ugt-inhibitor")
    lorazepam = [use for use in view.uses if use.drug.key == "lorazepam"]
    if not partners or not lorazepam:
        return
    found = yield from together(view, "UGT-01", lorazepam, partners, limit["overlap_from_days"])
    if found is None:
        return
    rows = view.in_hand.amounts("lorazepam")
    amount = _highest_now(view, found, rows)
    most = _most_lorazepam(view, found, rows, limit)
    if amount is None or most is None:
        yield cannot_judge(
            "UGT-01", [span.use.line.id for span in found.a], "The dose is not known."
        )
        return
    if amount <= most.mg + 1e-9:
        return
    yield beside(
        view,
        "UGT-01",
        2,
        found,
        gist=(
            "Lorazepam is broken down more slowly, and "
            f"{words.amount(amount)} mg a day is {most.compared}."
        ),
        clears="Lorazepam is brought to half the dose, or a decision records why not.",
        more=(
            Fact("lorazepam_mg", "Lorazepam", amount, "mg a day"),
            Fact("over_mg", "Threshold, over", most.mg, "mg a day"),
        ),
    )


def _highest_now(view: View, found: Together, rows: list[DailyAmount]) -> float | None:
    """The highest daily amount while the two are together, today or later; None = not known."""
    during = [row for row in rows if row.start <= found.end and row.end >= found.start]
    now = [row.mg for row in during if row.end >= view.today] or [row.mg for row in during[-1:]]
    known = [mg for mg in now if mg is not None]
    return max(known) if known and len(known) == len(now) else None


class _Most(NamedTuple):
    """So much lorazepam a day is expected at most; `compared` says what more than that is."""

    mg: float
    compared: str


def _most_lorazepam(
    view: View, found: Together, rows: list[DailyAmount], limit: Limits
) -> _Most | None:
    """A share of the last amount before the two came together, in the same course; else that of a
    new start. None when the amount before is not known."""
    course = [row for row in rows if row.start < found.b_start]
    before = [row.mg for row in course if row.end >= found.b_start - view.gap_days - 1][-1:]
    if not before:
        most = limit["new_start_over_mg"]
        return _Most(most, f"more than {words.amount(most)} mg in a new start")
    (mg,) = before
    if mg is None:
        return None
    return _Most(
        mg * limit["share_of_dose_percent"] / 100,
        f"more than half of the {words.amount(mg)} mg before",
    )


INDUCING_ANTISEIZURE = frozenset(
    {"carbamazepine", "phenytoin", "fosphenytoin", "phenobarbital", "primidone"}
)
CARBAMAZEPINE_MORE = frozenset({"alprazolam", "midazolam", "clonazepam"})
FOR_SEIZURES = frozenset({"epilepsy_adjunct", "seizure_rescue"})


@rule(
    "AED-01",
    family="Co-prescription",
    title="Antiseizure medicine that lowers the level",
    theme=METABOLISM,
    severity=Grading("S3; S2 carbamazepine with alprazolam, midazolam or clonazepam", (2, 3)),
    shown=QUEUED,
    sources=("ansm-2020", "diazepam-smpc", "aed-01"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    needs=BIT["antiseizure"],
)
def inducing_antiseizure(view: View, limit: Limits) -> Says:
    """AED-01. Carbamazepine, phenytoin, phenobarbital or primidone is in hand on 7 days or more
    together with a benzodiazepine that is not for epilepsy: digest; review for carbamazepine with
    alprazolam, midazolam or clonazepam."""
    partners = [
        use for use in view.in_hand.uses_of("antiseizure") if use.drug.key in INDUCING_ANTISEIZURE
    ]
    sedatives = [
        use
        for use in view.uses
        if use.mask & BENZODIAZEPINE and use.line.indication not in FOR_SEIZURES
    ]
    if not partners or not sedatives:
        return
    pairs = yield from overlapping(
        view,
        "AED-01",
        sedatives,
        partners,
        limit["overlap_from_days"],
        severity_of=lambda drug, partner: (
            2 if partner == "carbamazepine" and drug in CARBAMAZEPINE_MORE else 3
        ),
    )
    if not pairs:
        return
    severity, found = pairs[0]
    if severity == 3 and "epilepsy_adjunct" in view.exemptions:
        return
    yield beside(
        view,
        "AED-01",
        severity,
        found,
        gist=(
            f"{words.sentence_case(words.listed(found.b_names))} can lower the level of "
            f"{words.listed(found.a_names)}; the level climbs again when "
            f"{words.listed(found.b_names)} ends."
        ),
        clears="The expected effect and the plan for the inducer's end are recorded.",
    )


RAISING_ANTISEIZURE = {
    "stiripentol": (2, frozenset({"clobazam", "diazepam", "midazolam"})),
    "cannabidiol": (2, frozenset({"clobazam"})),
    "cenobamate": (2, frozenset({"clobazam", "diazepam"})),
    "felbamate": (3, frozenset({"clobazam"})),
}


@rule(
    "AED-02",
    family="Co-prescription",
    title="Antiseizure medicine that raises the level",
    theme=METABOLISM,
    severity=Grading("S2; S3 felbamate", (2, 3)),
    shown=QUEUED,
    sources=("ansm-2020", "cenobamate-2023", "felbamate"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("dose_change_within_days", DAYS, "Dose change expected within", 28),
    ),
    needs=BIT["antiseizure"],
    idle=True,
)
def raising_antiseizure(view: View, limit: Limits) -> Says:
    """AED-02. Stiripentol, cannabidiol, cenobamate or felbamate together with the benzodiazepines
    named for each, and the benzodiazepine's dose was not changed within 28 days of the start."""
    partners = [
        use for use in view.in_hand.uses_of("antiseizure") if use.drug.key in RAISING_ANTISEIZURE
    ]
    if not partners:
        return

    def severity_of(drug, partner):
        severity, concerns = RAISING_ANTISEIZURE[partner]
        return severity if drug in concerns else None

    pairs = yield from overlapping(
        view,
        "AED-02",
        by_mouth(view),
        partners,
        limit["overlap_from_days"],
        severity_of=severity_of,
    )
    within = limit["dose_change_within_days"]
    unchanged = [
        pair
        for pair in pairs
        if not (pair.severity == 3 and "epilepsy_adjunct" in view.exemptions)
        and not _changed(view, pair.together, within)
    ]
    if not unchanged:
        return
    severity, found = unchanged[0]
    yield beside(
        view,
        "AED-02",
        severity,
        found,
        gist=(
            f"The level of {words.listed(found.a_names)} or its metabolite rises beside "
            f"{words.listed(found.b_names)}, and the dose was not changed within "
            f"{within} days of the start."
        ),
        clears="The dose comes down, and sedation is checked.",
        more=(Fact("within_days", "Dose change expected within", within, "days"),),
    )


def _changed(view: View, found: Together, within: int) -> bool:
    """Did the daily amount of the benzodiazepine change within so many days of the start?"""
    return any(
        found.start <= change.day <= found.start + within
        and abs(change.after_mg - change.before_mg) > change.before_mg * 0.001
        for change in view.in_hand.changes(found.a[0].use.drug.key)
    )

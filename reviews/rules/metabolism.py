"""Medicines that change a benzodiazepine's or Z-drug's level: ADP-01, CYP-02 to 04, UGT-01, AED.

ADP-01 and the CYP rules never fire for lorazepam, oxazepam, temazepam or lormetazepam, which do not
depend on these enzymes. UGT-01 is about lorazepam's own route; AED-01 names every benzodiazepine.
"""

import itertools

from reviews.rules import words
from reviews.rules.coprescribed import beside, is_elder
from reviews.rules.drug import BENZODIAZEPINE, BIT
from reviews.rules.finding import Fact
from reviews.rules.interactions import CONTRAINDICATED_WITH_ANY, DEPENDENT_ON_CYP3A4, by_mouth
from reviews.rules.naming import ids_of
from reviews.rules.opioids import cannot_compare
from reviews.rules.parameters import DAYS, MG, PERCENT, YEARS, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import METABOLISM, QUEUED, S2, Grading, Shown, rule
from reviews.rules.view import View

NO_OXIDATION = frozenset({"lorazepam", "oxazepam", "temazepam", "lormetazepam"})
TWO_C_NINETEEN = frozenset({"diazepam", "clobazam"})

ANTIDEPRESSANT_PAIRS = {
    "nefazodone": {"triazolam": 1, "alprazolam": 2},
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


def _pairs(view, sedatives, partners, severity_of, at_least_of):
    """Each pair that overlaps enough as (severity, Together), gravest first; was any unsure?"""
    wanted: dict[tuple[int, int], set] = {}
    for sedative in {use.drug.key for use in sedatives}:
        for partner in {use.drug.key for use in partners}:
            severity = severity_of(sedative, partner)
            if severity is not None:
                at = at_least_of(sedative, partner)
                wanted.setdefault((severity, at), set()).add((sedative, partner))
    overlapping, unsure = [], False
    for (severity, at), pairs in sorted(wanted.items()):
        for sedative, partner in sorted(pairs):
            found = view.in_hand.together(
                [use for use in sedatives if use.drug.key == sedative],
                [use for use in partners if use.drug.key == partner],
                at,
            )
            if found is UNSURE:
                unsure = True
            elif found is not None:
                overlapping.append((severity, found))
    return overlapping, unsure


def _gravest(graded):
    """The first of the gravest (severity, Together)."""
    return min(graded, key=lambda pair: pair[0])


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
def antidepressant(view: View, limit: dict):
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
    sedatives = by_mouth(view)
    pairs, unsure = _pairs(
        view,
        sedatives,
        partners,
        lambda drug, partner: ANTIDEPRESSANT_PAIRS[partner].get(drug),
        lambda drug, partner: limit[
            "contraindicated_from_days"
            if (drug, partner) == ("triazolam", "nefazodone")
            else "overlap_from_days"
        ],
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "ADP-01", partners)
        return
    severity, found = _gravest(
        (
            2
            if severity == 3
            and found.a[0].use.drug.key in TWO_C_NINETEEN
            and is_elder(view, found, limit["age_from_years"])
            else severity,
            found,
        )
        for severity, found in pairs
    )
    contraindicated = severity == 1
    if contraindicated and view.started_recently(found.start):
        view.recent_s1_starts.append(found.b_start)
    beside(
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
def moderate_inhibitor(view: View, limit: dict):
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

    pairs, unsure = _pairs(
        view, sedatives, partners, severity_of, lambda *_: limit["overlap_from_days"]
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "CYP-02", partners)
        return
    severity, found = _gravest(
        (2 if severity == 3 and is_elder(view, found, limit["age_from_years"]) else severity, found)
        for severity, found in pairs
    )
    beside(
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
def two_c_nineteen(view: View, limit: dict):
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

    pairs, unsure = _pairs(
        view, view.uses, partners, severity_of, lambda *_: limit["overlap_from_days"]
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "CYP-03", partners)
        return
    severity, found = _gravest(
        (
            2
            if severity == 3
            and (
                is_elder(view, found, limit["age_from_years"])
                or _much_clobazam(view, found, limit["clobazam_from_mg"])
            )
            else severity,
            found,
        )
        for severity, found in pairs
    )
    beside(
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


def _much_clobazam(view, found, from_mg) -> bool:
    """Does clobazam come to this many mg on a day of the run?"""
    return found.a[0].use.drug.key == "clobazam" and any(
        mg is not None and mg >= from_mg - 1e-9 and first <= found.end and last >= found.start
        for first, last, mg in view.in_hand.amounts("clobazam")
    )


RIFAMPICIN_STRONG = frozenset({"midazolam", "zolpidem", "zopiclone", "diazepam"})


@rule(
    "CYP-04",
    family="Co-prescription",
    title="Enzyme inducer begun or ended",
    theme=METABOLISM,
    severity=Grading("S3; S2 rifampicin pairs and after its end", (2, 3)),
    shown=Shown("Queue; S4 is a note"),
    sources=("ansm-2020", "diazepam-smpc"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("ended_within_days", DAYS, "Inducer ended in the last", 28),
    ),
    needs=BIT["inducer"],
    idle=True,
)
def inducer(view: View, limit: dict):
    """CYP-04. An enzyme inducer is begun, together on 7 days or more, beside a benzodiazepine or
    Z-drug that is not glucuronidated: loss of effect, for 28 days after the start (digest; review
    for rifampicin with midazolam, zolpidem, zopiclone or diazepam). Review also when an inducer
    ended in the last 28 days and the dose was raised while it was taken: the level climbs again."""
    partners = view.in_hand.uses_of("inducer")
    sedatives = [use for use in by_mouth(view) if use.drug.key not in NO_OXIDATION]
    if not partners or not sedatives:
        return
    if _ended(view, limit, sedatives, partners):
        return
    rows = {
        use.drug.key: 3 if use.drug.key == "rifampicin" else use.drug.severities.get("inducer", 3)
        for use in partners
    }

    def severity_of(drug, partner):
        if partner == "rifampicin" and drug in RIFAMPICIN_STRONG:
            return 2
        return rows[partner]

    pairs, unsure = _pairs(
        view, sedatives, partners, severity_of, lambda *_: limit["overlap_from_days"]
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "CYP-04", partners)
        return
    for _, found in pairs:
        view.watch(found.start + view.limit["start_window_days"] + 1)
    begun = [pair for pair in pairs if view.started_recently(pair[1].start)]
    if not begun:
        return
    severity, found = _gravest(begun)
    beside(
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


def _ended(view, limit, sedatives, partners):
    """An inducer that ended lately, after a dose was raised during it."""
    within = limit["ended_within_days"]
    for partner in partners:
        if partner.start is None or partner.end is None:
            continue
        if any(
            other.drug.key == partner.drug.key
            and other.start is not None
            and other.reach > partner.end
            for other in partners
        ):
            continue
        view.watch(partner.end + 1)
        view.watch(partner.end + within + 1)
        if not partner.end < view.today <= partner.end + within:
            continue
        rise = _raised_between(view, sedatives, partner.start, partner.end)
        if rise is None:
            continue
        use, before, after = rise
        view.add(
            "CYP-04",
            2,
            key=f"CYP-04:{words.iso(partner.end)}:{partner.drug.key}+{use.drug.key}",
            line_ids=ids_of([partner, use]),
            title=f"{words.sentence_case(partner.drug.name)} ended; {use.drug.name} was raised",
            sentence=(
                f"{words.sentence_case(partner.drug.name)} ended on {words.day(partner.end)}, and "
                f"{use.drug.name} had been raised from {words.amount(before)} to "
                f"{words.amount(after)} mg a day meanwhile; its level climbs again in the weeks "
                "after, so the dose needs a plan to come down."
            ),
            facts=(
                Fact("dose_before_mg", "Before", before, "mg a day"),
                Fact("dose_after_mg", "After", after, "mg a day"),
                Fact("ended", "Inducer ended", words.iso(partner.end), "date"),
            ),
            clears="The dose is brought back down gradually, or a decision records the plan.",
        )
        return True
    return False


def _raised_between(view, sedatives, first, last):
    """(latest use, mg before, mg after) of a drug still in use, raised between two days."""
    for key in sorted({use.drug.key for use in sedatives}):
        rows = [row for row in view.in_hand.amounts(key) if row[2] is not None]
        if not rows or not view.is_current(rows[-1][1]):
            continue
        for (_, _, before), (start, _, after) in itertools.pairwise(rows):
            if first <= start <= last and after > before * 1.001:
                uses = [use for use in sedatives if use.drug.key == key and use.start is not None]
                return max(uses, key=lambda use: (use.start, use.line.id)), before, after
    return None


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
def lorazepam_glucuronidation(view: View, limit: dict):
    """UGT-01. Valproate or probenecid is in hand with lorazepam, and lorazepam is more than half of
    what it was before the two came together, or over 1 mg a day when begun with it."""
    partners = view.in_hand.uses_of("ugt-inhibitor")
    lorazepam = [use for use in view.uses if use.drug.key == "lorazepam"]
    if not partners or not lorazepam:
        return
    found = view.in_hand.together(lorazepam, partners, limit["overlap_from_days"])
    if found is None:
        return
    if found is UNSURE:
        cannot_compare(view, "UGT-01", partners)
        return
    rows = view.in_hand.amounts("lorazepam")
    during = [row for row in rows if row.start <= found.end and row.end >= found.start]
    now = [row.mg for row in during if row.end >= view.today] or [row.mg for row in during[-1:]]
    # What was taken until the two came together, in the same course.
    course = [row for row in rows if row.start < found.b_start]
    earlier = [row.mg for row in course if row.end >= found.b_start - view.gap_days - 1][-1:]
    known, before = [mg for mg in now if mg is not None], [mg for mg in earlier if mg is not None]
    if not known or len(known) < len(now) or len(before) < len(earlier):
        view.cannot_judge(
            "UGT-01", [span.use.line.id for span in found.a], "The dose is not known."
        )
        return
    amount = max(known)
    if before:
        most = before[0] * limit["share_of_dose_percent"] / 100
        said = f"more than half of the {words.amount(before[0])} mg before"
    else:
        most = limit["new_start_over_mg"]
        said = f"more than {words.amount(most)} mg in a new start"
    if amount <= most + 1e-9:
        return
    beside(
        view,
        "UGT-01",
        2,
        found,
        gist=(
            f"Lorazepam is broken down more slowly, and {words.amount(amount)} mg a day is {said}."
        ),
        clears="Lorazepam is brought to half the dose, or a decision records why not.",
        more=(
            Fact("lorazepam_mg", "Lorazepam", amount, "mg a day"),
            Fact("over_mg", "Threshold, over", most, "mg a day"),
        ),
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
def inducing_antiseizure(view: View, limit: dict):
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
    pairs, unsure = _pairs(
        view,
        sedatives,
        partners,
        lambda drug, partner: 2 if partner == "carbamazepine" and drug in CARBAMAZEPINE_MORE else 3,
        lambda *_: limit["overlap_from_days"],
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "AED-01", partners)
        return
    severity, found = pairs[0]
    if severity == 3 and "epilepsy_adjunct" in view.exemptions:
        return
    beside(
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
def raising_antiseizure(view: View, limit: dict):
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

    pairs, unsure = _pairs(
        view, by_mouth(view), partners, severity_of, lambda *_: limit["overlap_from_days"]
    )
    if not pairs:
        if unsure:
            cannot_compare(view, "AED-02", partners)
        return
    within = limit["dose_change_within_days"]
    unchanged = [
        (severity, found)
        for severity, found in pairs
        if not (severity == 3 and "epilepsy_adjunct" in view.exemptions)
        and not _changed(view, found, within)
    ]
    if not unchanged:
        return
    severity, found = unchanged[0]
    beside(
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


def _changed(view, found, within) -> bool:
    """Did the daily amount of the benzodiazepine change within so many days of the start?"""
    rows = [row for row in view.in_hand.amounts(found.a[0].use.drug.key) if row[2] is not None]
    return any(
        found.start <= start <= found.start + within and abs(after - before) > before * 0.001
        for (_, _, before), (start, _, after) in itertools.pairwise(rows)
    )

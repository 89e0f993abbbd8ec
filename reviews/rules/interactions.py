"""Medicines that raise the level of a benzodiazepine or Z-drug: CYP-01."""

from collections.abc import Sequence

from reviews.rules import words
from reviews.rules.drug import BIT
from reviews.rules.exposure import Use
from reviews.rules.finding import Fact
from reviews.rules.naming import key_of, names
from reviews.rules.pairs import (
    Graded,
    cannot_compare,
    gravest,
    together_facts,
    together_sentence,
    together_title,
    unknown_ends,
)
from reviews.rules.parameters import DAYS, Limits, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import METABOLISM, Grading, Shown, rule
from reviews.rules.saying import Says, candidate
from reviews.rules.view import View

CONTRAINDICATED_WITH_ANY = frozenset({"triazolam", "midazolam"})
RITONAVIR_CONTRAINDICATED = frozenset(
    {"diazepam", "potassium-clorazepate", "estazolam", "flurazepam"}
)
"""By the EU summary of product characteristics; the US label names triazolam and midazolam."""
ALPRAZOLAM_CONTRAINDICATED = frozenset({"ketoconazole", "itraconazole"})
DEPENDENT_ON_CYP3A4 = frozenset(
    {
        "alprazolam",
        "diazepam",
        "clonazepam",
        "clobazam",
        "chlordiazepoxide",
        "potassium-clorazepate",
        "flurazepam",
        "estazolam",
        "quazepam",
        "zopiclone",
        "eszopiclone",
        "zolpidem",
    }
)
"""Named one by one: lorazepam, oxazepam, temazepam and lormetazepam never fire this rule."""


@rule(
    "CYP-01",
    family="Co-prescription",
    title="Strong CYP3A4 inhibitor",
    theme=METABOLISM,
    severity=Grading("S1 for the contraindicated pairs, S2 for the others", (1, 2)),
    shown=Shown("Interrupts for S1; queue for S2", interrupts=True),
    sources=("alprazolam-label", "halcion-cyp", "paxlovid-label", "norvir-smpc", "ansm-2020"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 1),
        parameter("short_course_max_days", DAYS, "Short course, at most", 14),
    ),
    needs=BIT["cyp3a4-strong"],
    idle=True,
)
def strong_inhibitor(view: View, limit: Limits) -> Says:
    """CYP-01. A strong CYP3A4 inhibitor is in hand on a day of a benzodiazepine or Z-drug that
    depends on CYP3A4. Urgent, and asks for a reason: triazolam or midazolam by mouth with any of
    them, alprazolam with ketoconazole or itraconazole; in the UK and the EU also diazepam,
    clorazepate, estazolam and flurazepam with ritonavir. Review: the other pairs, and always with
    idelalisib or ceritinib. Never lorazepam, oxazepam, temazepam or lormetazepam."""
    inhibitors = view.in_hand.uses_of("cyp3a4-strong")
    if not inhibitors:
        return
    best: list[Graded] = []
    unsure = False
    for severity, sedatives, partners in _graded_kinds(view, inhibitors):
        if not sedatives or not partners:
            continue
        found = view.in_hand.together(sedatives, partners, limit["overlap_from_days"])
        if found is UNSURE:
            unsure = True
        elif found is not None:
            best.append(Graded(severity, found))
    if not best:
        if unsure:
            yield cannot_compare(view, "CYP-01", inhibitors)
        return
    severity, found = gravest(best)
    lines = tuple(sorted({i for _, each in best for i in each.line_ids}))
    start = view.started_recently(found.start)
    short = all(
        span.use.days_supply is not None and span.use.days_supply <= limit["short_course_max_days"]
        for span in found.b
    )
    plan = (
        f" As the inhibitor is given for {limit['short_course_max_days']} days or fewer, a plan "
        "for that time is enough; look again on its last day."
        if short
        else ""
    )
    more = {name for _, each in best for name in each.a_names} - set(found.a_names)
    also = f" The same holds, less strongly, for {words.listed(sorted(more))}." if more else ""
    yield candidate(
        "CYP-01",
        severity,
        interrupts=severity == 1,
        key=f"CYP-01:{words.iso(found.start)}:{key_of(found.b)}:{key_of(found.a)}",
        line_ids=lines,
        title=together_title(view, found, start),
        sentence=(
            f"{together_sentence(found)}. {words.sentence_case(words.listed(found.b_names))} can "
            f"raise the level of {words.listed(found.a_names)} several times over"
            + (", a pair that labels contraindicate." if severity == 1 else ".")
            + also
        ),
        facts=(
            *together_facts(found),
            Fact("pair", "Graded for", f"{words.listed(names([*found.b, *found.a]))}"),
        ),
        clears=(
            "The inhibitor's course ends, the dose is lowered for the time, or a medicine that "
            f"does not depend on CYP3A4 takes its place gradually.{plan}"
        ),
        unknown=unknown_ends(found),
        begun=found.b_start if start else None,
    )


def _graded_kinds(view: View, inhibitors: Sequence[Use]):
    """(severity, benzodiazepine or Z-drug uses, inhibitor uses), the gravest first."""
    full = [use for use in inhibitors if use.drug.severities.get("cyp3a4-strong", 1) == 1]
    azoles = [use for use in full if use.drug.key in ALPRAZOLAM_CONTRAINDICATED]
    mouth = [use for use in by_mouth(view) if use.drug.key in CONTRAINDICATED_WITH_ANY]
    alprazolam = [use for use in view.uses if use.drug.key == "alprazolam"]
    ritonavir = [use for use in full if use.drug.key == "ritonavir" and view.base != "US"]
    named = [use for use in view.uses if use.drug.key in RITONAVIR_CONTRAINDICATED]
    dependent = [use for use in view.uses if use.drug.key in DEPENDENT_ON_CYP3A4]
    return (
        (1, mouth, full),
        (1, alprazolam, azoles),
        (1, named, ritonavir),
        (2, dependent + mouth, inhibitors),
    )


def by_mouth(view: View) -> list[Use]:
    """Regular uses, and midazolam by mouth or of unknown route, whatever it is for."""
    return [
        *view.uses,
        *(
            use
            for use in view.rescue
            if use.drug.key == "midazolam"
            and (use.line.route or use.recognition.route) in (None, "", "oral")
        ),
    ]

"""A benzodiazepine or Z-drug beside an opioid: OPI-01 for pain relief, OPI-02 for substitution."""

from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BIT, SUBSTITUTION
from reviews.rules.finding import Fact
from reviews.rules.naming import key_of, names
from reviews.rules.pairs import (
    cannot_compare,
    together,
    together_facts,
    together_sentence,
    together_title,
    unknown_ends,
)
from reviews.rules.parameters import DAYS, Limits, parameter
from reviews.rules.presence import UNSURE, Together
from reviews.rules.rule import BREATHING, Grading, Shown, rule
from reviews.rules.saying import Says, candidate
from reviews.rules.view import View

TWO_WEEK_NOTE = frozenset({"methadone", "buprenorphine", "levomethadone"})


@rule(
    "OPI-01",
    family="Co-prescription",
    title="Opioid with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=Grading(
        "S1 at the start, S2 continuing; S2 or S3 for cough preparations; S4 procedural",
        (1, 2, 3, 4),
    ),
    shown=Shown("Interrupts at the start; queue while it continues", interrupts=True),
    sources=("fda-opioid-2016", "mhra-opioid-2020", "cdc-2022-11", "beers-2023-t5", "start-28"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 1),),
    needs=BIT["opioid"],
    idle=True,
)
def pain_relief(view: View, limit: Limits) -> Says:
    """OPI-01. An opioid is in hand on any day of a benzodiazepine or Z-drug supply, rescue medicine
    included. The start of the second of the two is urgent and asks for a reason; a continuing
    overlap goes to the review queue. A start is the first shared day after 14 days or more with at
    most one of them, and counts as one for 28 days. Procedural use is information only; cough
    preparations keep the lower severity of their row; a fentanyl patch counts 72 hours longer."""
    opioids = view.in_hand.uses_of("opioid")
    if not opioids:
        return
    ward = [use for use in opioids if use.line.setting == "procedural"]
    rest = [use for use in opioids if use.line.setting != "procedural"]
    strong = [use for use in rest if use.drug.severities.get("opioid", 1) == 1]
    sedatives = view.in_hand.presence("bzra+rescue")
    unsure = False
    for uses in (strong, rest, ward):
        if not uses:
            continue
        found = view.in_hand.together(sedatives, uses, limit["overlap_from_days"])
        if found is None:
            continue
        if found is UNSURE:
            unsure = True
            continue
        start = view.started_recently(found.start)
        row = min(span.use.drug.severities.get("opioid", 1) for span in found.b)
        procedural = {span.use.line.setting for span in found.a} == {"procedural"}
        if uses is ward or procedural:
            severity = 4
        elif row == 1:
            severity = 1 if start else 2
        else:
            severity = row
        notes = substitution = ""
        if any(span.use.drug.key in TWO_WEEK_NOTE for span in found.b):
            notes = (
                " With methadone or buprenorphine depression of breathing can come late: watch for "
                "at least 2 weeks after a start or change."
            )
            substitution = (
                "Where it is substitution treatment, that is recorded, and it goes on. Else: "
            )
        yield candidate(
            "OPI-01",
            severity,
            interrupts=severity == 1,
            key=f"OPI-01:{words.iso(found.start)}:{key_of(found.b)}",
            line_ids=found.line_ids,
            title=together_title(view, found, start),
            sentence=(
                f"{together_sentence(found)}. Together they can slow breathing; the risk is "
                f"highest in the first weeks.{notes}"
            ),
            facts=together_facts(found),
            clears=(
                f"{substitution}One of the two comes down gradually, or a decision records why "
                "both are needed, the lowest doses, the shortest time, the warning signs explained "
                "and naloxone offered."
            ),
            unknown=unknown_ends(found),
            begun=found.b_start if severity == 1 else None,
        )
        return
    if unsure:
        yield cannot_compare(view, "OPI-01", opioids)


@rule(
    "OPI-02",
    family="Co-prescription",
    title="Opioid substitution with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=Grading("S1 at the start or a dose rise of either, S2 continuing", (1, 2)),
    shown=Shown(
        "Interrupts at the start or a dose rise; queue while it continues", interrupts=True
    ),
    sources=("mhra-opioid-2020", "asam-2025-21", "start-28"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 1),),
    needs=BIT["opioid-substitution"],
    idle=True,
)
def substitution(view: View, limit: Limits) -> Says:
    """OPI-02. Opioid substitution treatment (methadone, buprenorphine or diamorphine coded as such,
    or any opioid for opioid dependence or from a substitution service) beside a benzodiazepine or
    Z-drug. Urgent at the start of the second, or when the dose of either
    rose in the last 28 days; otherwise review. The substitution itself is not to be disturbed."""
    found = yield from together(
        view, "OPI-02", "bzra+rescue", SUBSTITUTION, limit["overlap_from_days"]
    )
    if found is None:
        return
    start = view.started_recently(found.start)
    rise = _latest_rise(view, found)
    urgent = start or rise is not None
    title = together_title(view, found, start)
    if rise is not None and not start:
        raised = "raised" if view.reached(rise.day) else "to be raised"
        title = f"{words.sentence_case(rise.drug)} dose {raised} beside {_others(found, rise.drug)}"
    facts = together_facts(found)
    sentence = together_sentence(found)
    if rise is not None:
        sentence += (
            f"; {rise.drug} {'rose' if view.reached(rise.day) else 'is to rise'} from "
            f"{words.amount(rise.before_mg)} to "
            f"{words.amount(rise.after_mg)} mg a day on {words.day(rise.day)}"
        )
        before, after = (words.sentence_case(f"{rise.drug} {when}") for when in ("before", "after"))
        facts += (
            Fact("dose_before_mg", before, rise.before_mg, "mg a day"),
            Fact("dose_after_mg", after, rise.after_mg, "mg a day"),
        )
    yield candidate(
        "OPI-02",
        1 if urgent else 2,
        interrupts=urgent,
        key=f"OPI-02:{words.iso(found.start)}:{key_of(found.b)}",
        line_ids=found.line_ids,
        title=title,
        sentence=(
            f"{sentence}. Depression of breathing can come late: watch for at least 2 weeks after "
            "a start or change, keep the substitution treatment going, and speak with the service "
            "that prescribes it."
        ),
        facts=facts,
        clears=(
            "The overlap ends by a taper of the benzodiazepine or Z-drug, or a decision records "
            "the plan agreed with the substitution service."
        ),
        unknown=unknown_ends(found),
        begun=found.b_start if urgent else None,
    )


def _others(found: Together, name: str) -> str:
    return words.listed(other for other in names([*found.a, *found.b]) if other != name)


class _Rise(NamedTuple):
    """A daily amount of a drug that rose on a day."""

    day: int
    drug: str
    before_mg: float
    after_mg: float


def _latest_rise(view: View, found: Together) -> _Rise | None:
    """The latest rise of either kind in the last 28 days."""
    rises = []
    for of, spans in (("bzra+rescue", found.a), (SUBSTITUTION, found.b)):
        for key, name in {span.use.drug.key: span.use.drug.name for span in spans}.items():
            rises += [
                _Rise(change.day, name, change.before_mg, change.after_mg)
                for change in view.in_hand.changes(key, of)
                if change.is_rise and view.started_recently(change.day)
            ]
    return max(rises, default=None)

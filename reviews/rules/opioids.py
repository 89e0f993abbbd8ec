"""A benzodiazepine or Z-drug beside an opioid: OPI-01 for pain relief, OPI-02 for substitution."""

import itertools

from reviews.rules import words
from reviews.rules.drug import BIT, SUBSTITUTION
from reviews.rules.exposure import OPEN
from reviews.rules.finding import Fact
from reviews.rules.naming import key_of, names, not_recorded
from reviews.rules.parameters import DAYS, parameter
from reviews.rules.presence import UNSURE, Together
from reviews.rules.rule import BREATHING, Grading, Shown, rule
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
def pain_relief(view: View, limit: dict):
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
            if start:
                view.recent_s1_starts.append(found.b_start)
        else:
            severity = row
        notes = ""
        if any(span.use.drug.key in TWO_WEEK_NOTE for span in found.b):
            notes = (
                " With methadone or buprenorphine depression of breathing can come late: watch for "
                "at least 2 weeks after a start or change."
            )
        view.add(
            "OPI-01",
            severity,
            interrupts=severity == 1,
            key=f"OPI-01:{words.iso(found.start)}:{key_of(found.b)}",
            line_ids=found.line_ids,
            title=together_title(found, start),
            sentence=(
                f"{together_sentence(found)}. Together they can slow breathing; the risk is "
                f"highest in the first weeks.{notes}"
            ),
            facts=together_facts(found),
            clears=(
                "One of the two comes down gradually, or a decision records why both are needed, "
                "the lowest doses, the shortest time, the warning signs explained and naloxone "
                "offered."
            ),
            unknown=unknown_ends(found),
        )
        return
    if unsure:
        cannot_compare(view, "OPI-01", opioids)


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
def substitution(view: View, limit: dict):
    """OPI-02. Opioid substitution treatment (methadone, buprenorphine or diamorphine coded as such)
    beside a benzodiazepine or Z-drug. Urgent at the start of the second, or when the dose of either
    rose in the last 28 days; otherwise review. The substitution itself is not to be disturbed."""
    treatment = view.in_hand.presence(SUBSTITUTION)
    found = view.in_hand.together("bzra+rescue", treatment, limit["overlap_from_days"])
    if found is None:
        return
    if found is UNSURE:
        cannot_compare(view, "OPI-02", view.in_hand.uses_of(SUBSTITUTION))
        return
    start = view.started_recently(found.start)
    risen = _dose_rise(view, found)
    urgent = start or risen is not None
    if urgent:
        view.recent_s1_starts.append(found.b_start)
    title = together_title(found, start)
    if risen is not None and not start:
        name, _, _, _ = risen
        title = f"{words.sentence_case(name)} dose raised beside {_others(found, name)}"
    facts = together_facts(found)
    sentence = together_sentence(found)
    if risen is not None:
        name, on, before, after = risen
        sentence += (
            f"; {name} rose from {words.amount(before)} to {words.amount(after)} mg a day on "
            f"{words.day(on)}"
        )
        facts += (
            Fact("dose_before_mg", words.sentence_case(f"{name} before"), before, "mg a day"),
            Fact("dose_after_mg", words.sentence_case(f"{name} after"), after, "mg a day"),
        )
    view.add(
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
    )


def _others(found, name):
    return words.listed(n for n in names([*found.a, *found.b]) if n != name)


def _dose_rise(view, found: Together):
    """(name, day, mg before, mg after) of the latest rise in the last 28 days, else None."""
    rises = []
    for of, spans in (("bzra+rescue", found.a), (SUBSTITUTION, found.b)):
        for key, name in {span.use.drug.key: span.use.drug.name for span in spans}.items():
            rows = [row for row in view.in_hand.amounts(key, of) if row[2] is not None]
            rises += [
                (start, name, before, after)
                for (_, _, before), (start, _, after) in itertools.pairwise(rows)
                # The tolerance keeps binary fractions from looking like a rise.
                if after > before * 1.001 and view.started_recently(start)
            ]
    if not rises:
        return None
    start, name, before, after = max(rises)
    return name, start, before, after


# --- said alike by every rule on two kinds of medicine ---------------------------------------


def together_title(found: Together, start: bool) -> str:
    sedatives, others = words.listed(found.a_names), words.listed(found.b_names)
    if not start:
        return f"{words.sentence_case(others)} together with {sedatives}"
    first_a = min(span.start for span in found.a)
    first_b = min(span.start for span in found.b)
    if first_b > first_a:
        return f"{words.sentence_case(others)} started while on {sedatives}"
    if first_a > first_b:
        return f"{words.sentence_case(sedatives)} started while on {others}"
    return f"{words.sentence_case(others)} and {sedatives} started together"


def together_sentence(found: Together) -> str:
    others, sedatives = found.b_names, found.a_names
    pair = f"{words.sentence_case(words.listed(others))} and {words.listed(sedatives)}"
    if found.end == OPEN:
        return f"{pair} are both on record from {words.day(found.start)}, with no end recorded"
    between = f"from {words.day(found.start)} to {words.day(found.end)}"
    if found.start == found.end:
        between = f"on {words.day(found.start)}"
    if not found.days:
        return f"{pair} may overlap {between}"
    verb = "overlaps" if len(others) == 1 else "overlap"
    at_least = "" if found.sure else "at least "
    if found.days < found.end - found.start + 1:
        between = f"most recently {between}"
    return (
        f"{words.sentence_case(words.listed(others))} {verb} with {words.listed(sedatives)} for "
        f"{at_least}{words.days(found.days)}, {between}"
    )


def together_facts(found: Together) -> tuple[Fact, ...]:
    facts = [
        Fact("overlap_start", "Both from", words.iso(found.start), "date"),
        Fact(
            "overlap_end",
            "Both until",
            None if found.end == OPEN else words.iso(found.end),
            "date",
        ),
    ]
    if found.days or found.sure:
        label = "Days together" if found.sure else "Days together, at least"
        facts.insert(0, Fact("overlap_days", label, found.days, "days"))
    doses: dict[str, float | None] = {}
    for span in sorted(found.b, key=lambda s: (s.start, s.use.line.id)):
        use = span.use
        doses[use.drug.name] = use.mg
    for name, mg in doses.items():
        if mg is not None:
            facts.append(Fact("mg_per_day", words.sentence_case(name), round(mg, 4), "mg a day"))
    return tuple(facts)


def unknown_ends(found: Together) -> str:
    spans = (*found.a, *found.b)
    vague = {span.use.line.id: span.use for span in spans if span.use.end is None}
    if not vague:
        return ""
    return f"How long the supply lasts is not recorded for {not_recorded(vague.values())}."


def cannot_compare(view: View, rule_id: str, uses):
    """The record does not say whether, or how long, the two were in hand together."""
    vague = [use for use in (*uses, *view.uses, *view.rescue) if use.end is None]
    view.cannot_judge(
        rule_id,
        [use.line.id for use in vague],
        f"Days together cannot be counted: the supply is not known for {not_recorded(vague)}.",
    )

"""More medicines beside a benzodiazepine or Z-drug: OPI-03/04, CNS-03 to 06, ADP, OLZ, CLZ, OXY."""

from collections.abc import Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dossier import NEVER_TAKEN
from reviews.rules.drug import BIT, BZRA
from reviews.rules.exposure import OPEN, Use, both, count
from reviews.rules.finding import Fact
from reviews.rules.naming import ids_of, key_of, length_unknown, names
from reviews.rules.pairs import (
    beside,
    by_row,
    cannot_compare,
    is_elder,
    together,
    unknown_ends,
)
from reviews.rules.parameters import COUNT, DAYS, MINUTES, YEARS, Limits, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import BREATHING, INTERRUPTING, OLDER, QUEUED, S1, S2, Grading, rule
from reviews.rules.saying import Says, candidate, cannot_judge
from reviews.rules.view import View

PARENTERAL = "parenteral"
OPIOIDS = BIT["opioid"] | BIT["opioid-substitution"]
CNS_ACTIVE = (
    OPIOIDS
    | BIT["antiseizure"]
    | BIT["gabapentinoid"]
    | BIT["antipsychotic"]
    | BIT["muscle-relaxant"]
    | BIT["sedating-antidepressant"]
    | BIT["antidepressant"]
)


ALL_OPIOIDS = ("opioid", "opioid-substitution")


def _opioids(view: View) -> list[Use]:
    """Opioids graded urgent, substitution included; procedural use left out."""
    uses = [
        use
        for use in view.in_hand.uses_of("opioid")
        if use.drug.severities.get("opioid", 1) == 1 and use.line.setting != "procedural"
    ]
    return [*uses, *view.in_hand.uses_of("opioid-substitution")]


@rule(
    "OPI-03",
    family="Co-prescription",
    title="No naloxone beside an opioid",
    theme=BREATHING,
    severity=Grading("S3; S4 under the palliative exemption", (3, 4)),
    shown=QUEUED,
    sources=("asam-2025-17",),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 1),
        parameter("naloxone_within_days", DAYS, "Naloxone in the last", 365),
    ),
    needs=OPIOIDS,
    idle=True,
)
def naloxone(view: View, limit: Limits) -> Says:
    """OPI-03. An opioid, substitution included, is in hand together with a benzodiazepine or
    Z-drug, and in the last 365 days naloxone was neither supplied nor offered, nor was it
    recorded as not appropriate."""
    opioids = _opioids(view)
    if not opioids:
        return
    found = yield from together(view, "OPI-03", "bzra+rescue", opioids, limit["overlap_from_days"])
    if found is None:
        return
    within = limit["naloxone_within_days"]
    offers = [reading.day for reading in view.person.readings_of("naloxone")]
    opioid = BIT["opioid"] | BIT["opioid-substitution"]
    for line, recognition in view.in_hand.others:
        on = line.start_on or line.written_on
        if on is None or on > view.dossier.as_of or recognition.mask & opioid:
            continue
        if line.status in NEVER_TAKEN:
            continue
        if any(each.drug.key == "naloxone" for each in recognition.ingredients):
            offers.append(on.toordinal())
    if offers and not view.reached(max(offers) + within + 1):
        return
    others = words.listed(found.b_names)
    yield beside(
        view,
        "OPI-03",
        3,
        found,
        gist=(
            f"No supply or offer of naloxone is recorded in the last {within} days; "
            f"{'guidance' if view.profile == 'US' else 'US guidance'} is to offer it to everybody "
            "with both."
        ),
        title=f"No naloxone on record: {others} with {words.listed(found.a_names)}",
        clears="Naloxone is supplied or offered, and that is recorded.",
        more=(Fact("within_days", "Looked back", within, "days"),),
    )


@rule(
    "OPI-04",
    family="Co-prescription",
    title="Opioid, benzodiazepine or Z-drug and a third",
    theme=BREATHING,
    severity=S1,
    shown=INTERRUPTING,
    sources=("texas-triple", "fda-gabapentinoid-2019", "beers-2023-t5"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    needs=OPIOIDS,
    idle=True,
)
def triple(view: View, limit: Limits) -> Says:
    """OPI-04. An opioid, a benzodiazepine or Z-drug (rescue medicine included), and a gabapentinoid
    or muscle relaxant are all in hand on 7 days or more. Urgent, and asks for a reason; moving from
    the opioid to the gabapentinoid, or lowering the opioid with it, is one. Shown in place of
    GAB-01 and CNS-05."""
    opioids = _opioids(view)
    if not opioids:
        return
    thirds = [*view.in_hand.uses_of("gabapentinoid"), *view.in_hand.uses_of("muscle-relaxant")]
    if not thirds:
        return
    at = limit["overlap_from_days"]
    sedatives, third = view.in_hand.presence("bzra+rescue"), view.in_hand.present(thirds)
    pair = view.in_hand.together(sedatives, opioids, at)
    found = view.in_hand.together(sedatives, third, at)
    if pair is None or found is None:
        return
    if pair is UNSURE or found is UNSURE:
        yield cannot_compare(view, "OPI-04", opioids + thirds)
        return
    strict = both(view.in_hand.present(opioids).certain, third.certain)
    shared = both(sedatives.certain, strict)
    first, last = min(pair.start, found.start), max(pair.end, found.end)
    # Days of the exposure that holds the latest run count, as for two kinds.
    exposure = view.in_hand.exposure_around(sedatives, first, last)
    days = count(shared, *exposure)
    restart = view.limit["restart_gap_days"]
    ends = [end for _, end in shared]
    if days < at or not ends or view.today > max(ends) + restart:
        if pair.sure and found.sure:
            return
        possible = both(
            both(sedatives.possible, third.possible), view.in_hand.present(opioids).possible
        )
        if count(possible, *exposure) >= at:
            yield cannot_compare(view, "OPI-04", opioids + thirds)
        return
    spans = [*pair.b, *found.b]
    drugs = words.listed([*found.a_names, *dict.fromkeys([*pair.b_names, *found.b_names])])
    start = view.started_recently(max(pair.start, found.start))
    yield candidate(
        "OPI-04",
        1,
        interrupts=True,
        key=f"OPI-04:{words.iso(shared[0][0])}:{key_of(spans)}",
        line_ids=tuple(sorted({*pair.line_ids, *found.line_ids})),
        title=f"Three together: {drugs}",
        sentence=(
            f"{words.sentence_case(drugs)} are all in hand on {words.days(days)}, up to "
            f"{words.day(max(ends))}; together they slow breathing more than any two. Moving from "
            "the opioid to a gabapentinoid, or lowering the opioid with it, can be the reason."
        ),
        facts=(
            Fact("overlap_days", "Days all together", days, "days"),
            Fact("from_days", "Threshold, from", at, "days"),
            Fact("overlap_end", "All until", words.iso(max(ends)), "date"),
        ),
        clears=(
            "An urgent review by prescriber and pharmacist records the plan, or one of the three "
            "is tapered off."
        ),
        unknown=" ".join(filter(None, dict.fromkeys([unknown_ends(pair), unknown_ends(found)]))),
        begun=max(pair.b_start, found.b_start) if start else None,
    )


@rule(
    "CNS-03",
    family="Co-prescription",
    title="Sedating antihistamine",
    theme=BREATHING,
    severity=Grading("S3; S2 at 65 or over or with three CNS-active medicines", (2, 3)),
    shown=QUEUED,
    sources=("cns-labels",),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("cns_active_from_count", COUNT, "Medicines that act on the brain, from", 3),
    ),
    needs=BIT["sedating-antihistamine"],
)
def sedating_antihistamine(view: View, limit: Limits) -> Says:
    """CNS-03. A sedating antihistamine or anticholinergic is in hand together with a benzodiazepine
    or Z-drug on 7 days or more. Digest; review at 65 or over, or with three or more medicines that
    act on the brain."""
    graded = yield from by_row(
        view, "CNS-03", "sedating-antihistamine", 3, limit["overlap_from_days"]
    )
    if graded is None:
        return
    row, found = graded
    old = is_elder(view, found, limit["age_from_years"])
    many = len(_cns_active_now(view)) >= limit["cns_active_from_count"]
    severity = 2 if row == 3 and (old or many) else row
    yield beside(
        view,
        "CNS-03",
        severity,
        found,
        gist="Sedation and anticholinergic effects add up.",
        clears="The need for the antihistamine is looked at, or a decision records it.",
        more=_no_birth_date(old, severity),
    )


@rule(
    "CNS-04",
    family="Co-prescription",
    title="Antipsychotic",
    theme=BREATHING,
    severity=Grading("S3; loxapine and droperidol S2; amisulpride S4", (2, 3, 4)),
    shown=QUEUED,
    sources=("cns-labels",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    needs=BIT["antipsychotic"],
)
def antipsychotic(view: View, limit: Limits) -> Says:
    """CNS-04. An antipsychotic is in hand together with a benzodiazepine or Z-drug on 7 days or
    more: digest; loxapine and droperidol review, amisulpride a note. Clozapine is judged by CLZ-01,
    olanzapine by injection beside a benzodiazepine by injection by OLZ-01."""
    leave_out = frozenset({"clozapine"})
    if any(_by_injection(use) for use in (*view.uses, *view.rescue)):
        leave_out |= {
            use.drug.key
            for use in view.in_hand.uses_of("antipsychotic")
            if use.drug.key == "olanzapine" and _by_injection(use)
        }
    graded = yield from by_row(
        view, "CNS-04", "antipsychotic", 3, limit["overlap_from_days"], leave_out=leave_out
    )
    if graded is None:
        return
    row, found = graded
    yield beside(
        view,
        "CNS-04",
        row,
        found,
        gist="Sedation adds up, and with it the risk of falls.",
        clears="The need for both is looked at, or a decision records it.",
    )


@rule(
    "CNS-05",
    family="Co-prescription",
    title="Muscle relaxant",
    theme=BREATHING,
    severity=Grading("S3; S2 at 65 or over", (2, 3)),
    shown=QUEUED,
    sources=("texas-triple",),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("age_from_years", YEARS, "Age, from", 65),
    ),
    needs=BIT["muscle-relaxant"],
)
def muscle_relaxant(view: View, limit: Limits) -> Says:
    """CNS-05. A muscle relaxant is in hand together with a benzodiazepine or Z-drug on 7 days or
    more: digest, review at 65 or over. Carisoprodol is judged by CNS-01; with an opioid OPI-04 is
    shown instead. Under the spasticity exemption baclofen is shown for the first 28 days only."""
    leave_out = frozenset({"carisoprodol"})
    graded = yield from by_row(
        view, "CNS-05", "muscle-relaxant", 3, limit["overlap_from_days"], leave_out=leave_out
    )
    if graded is None:
        return
    row, found = graded
    if (
        "spasticity_neurological" in view.exemptions
        and {span.use.drug.key for span in found.b} == {"baclofen"}
        and not view.started_recently(found.start)
    ):
        return
    old = is_elder(view, found, limit["age_from_years"])
    severity = 2 if row == 3 and old else row
    yield beside(
        view,
        "CNS-05",
        severity,
        found,
        gist="Sedation and weakness add up, and with them the risk of falls.",
        clears="The need for both is looked at, or a decision records it.",
        more=_no_birth_date(old, severity),
    )


def _no_birth_date(old, severity):
    if old is None and severity > 2:
        return (Fact("age_years", "Age", "birth date not recorded"),)
    return ()


TRICYCLICS_SSRI_SNRI = frozenset(
    {
        "amitriptyline",
        "clomipramine",
        "dosulepin",
        "doxepin",
        "imipramine",
        "nortriptyline",
        "trimipramine",
        "citalopram",
        "escitalopram",
        "fluoxetine",
        "fluvoxamine",
        "paroxetine",
        "sertraline",
        "duloxetine",
        "venlafaxine",
    }
)


def cns_active_uses(view):
    """Uses of the other medicines that Beers Table 5 calls CNS-active."""
    found = []
    for name in ("antiseizure", "gabapentinoid", "antipsychotic", *ALL_OPIOIDS, "muscle-relaxant"):
        found += view.in_hand.uses_of(name)
    for name in ("sedating-antidepressant", "antidepressant"):
        found += [use for use in view.in_hand.uses_of(name) if use.drug.key in TRICYCLICS_SSRI_SNRI]
    return found


def _cns_active_now(view):
    """Ingredients that act on the brain and are in hand on the day judged or still current."""
    keys = {use.drug.key for use in view.now}
    for use in cns_active_uses(view):
        if use.start is None:
            continue
        if view.reached(use.start) and not view.reached(use.reach + 1):
            keys.add(use.drug.key)
        view.watch(use.reach + 1)
    return keys


@rule(
    "CNS-06",
    family="Co-prescription",
    title="Three medicines acting on the brain",
    theme=OLDER,
    severity=S2,
    shown=QUEUED,
    sources=("beers-2023-t5", "pqa-poly-cns"),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 30),
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("cns_active_from_count", COUNT, "Medicines that act on the brain, from", 3),
    ),
    needs=CNS_ACTIVE,
)
def three_cns_active(view: View, limit: Limits) -> Says:
    """CNS-06. At 65 or over, three or more different medicines that act on the brain, one of them a
    benzodiazepine or Z-drug, are in hand on 30 days or more in all. Not in hospice care, nor with a
    seizure disorder."""
    others = cns_active_uses(view)
    ingredients = {use.drug.key for use in (*others, *view.uses)}
    if len(ingredients) < limit["cns_active_from_count"]:
        return
    if view.person.has("seizure", "end_of_life"):
        return
    presences = view.in_hand.presence("bzra"), view.in_hand.present(others)
    spans = [span for presence in presences for span in presence.spans]
    undated = [use for presence in presences for use in presence.undated]
    certain = [
        (span.start, span.use.least_end if span.use.end is None else span.end, span.use)
        for span in spans
    ]
    found = _days_of_three(view, certain, limit)
    if found is None:
        # With open ends, and with supplies without a date, it could still be so.
        first = min((span.start for span in spans), default=view.today)
        possible = [
            *((span.start, span.end, span.use) for span in spans),
            *((first, OPEN, use) for use in undated),
        ]
        vague = [*(span.use for span in spans if span.use.end is None), *undated]
        if vague and _days_of_three(view, possible, limit) is not None:
            yield from _cannot_judge_three(view, limit, vague)
        return
    days, start, last, keys = found
    uses = [span.use for span in spans if span.use.drug.key in keys]
    age = view.person.age_on(max(use.start for use in uses if use.start is not None))
    if age is None:
        yield cannot_judge(
            "CNS-06", [use.line.id for use in uses], "The birth date is not recorded."
        )
        return
    if age < limit["age_from_years"]:
        return
    drugs = words.listed(names(uses))
    yield candidate(
        "CNS-06",
        2,
        key=f"CNS-06:{words.iso(start)}:{'+'.join(sorted(keys))}",
        line_ids=ids_of(uses),
        title=f"{len(keys)} medicines that act on the brain, at age {age}",
        sentence=(
            f"{words.sentence_case(drugs)} are in hand three or more at once on "
            f"{words.days(days)}, up to {words.day(last)}, at age {age}; guidance is to avoid "
            "three or more, and to bring the number down gradually."
        ),
        facts=(
            Fact("overlap_days", "Days with three or more", days, "days"),
            Fact("from_days", "Threshold, from", limit["overlap_from_days"], "days"),
            Fact("ingredients", "Different ingredients", len(keys)),
            Fact("age_years", "Age", age, "years"),
        ),
        clears="One of them is tapered off, or a decision records why all are needed.",
    )


def _cannot_judge_three(view, limit: Limits, vague):
    age = view.person.age_on(view.today)
    if age is not None:
        view.person.watch_birthday(limit["age_from_years"])
    if age is None or age >= limit["age_from_years"]:
        yield cannot_judge(
            "CNS-06",
            [use.line.id for use in vague],
            f"Days together cannot be counted: {length_unknown(vague)}.",
        )


class _ThreeTogether(NamedTuple):
    """Days with so many ingredients in hand, the first and the last, and the drugs' keys."""

    days: int
    start: int
    last: int
    keys: frozenset[str]


def _days_of_three(
    view: View, in_hand: Sequence[tuple[int, int, Use]], limit: Limits
) -> _ThreeTogether | None:
    """Three or more ingredients on enough days, one of them a benzodiazepine or Z-drug each day.

    `in_hand` are (first day, last day, use). None where the days do not suffice, or the last of
    them is no longer current.
    """
    at_least = limit["cns_active_from_count"]
    edges: dict[int, list[tuple[int, Use]]] = {}
    for first, end, use in in_hand:
        edges.setdefault(first, []).append((1, use))
        edges.setdefault(end + 1, []).append((-1, use))
    held: dict[str, int] = {}
    sedatives = total = 0
    previous = start = last = None
    keys: set[str] = set()
    for day in sorted(edges):
        if previous is not None and len(held) >= at_least and sedatives:
            total += day - previous
            start = previous if start is None else start
            last = day - 1
            keys |= held.keys()
        for step, use in edges[day]:
            key = use.drug.key
            held[key] = held.get(key, 0) + step
            if not held[key]:
                del held[key]
            if use.mask & BZRA:
                sedatives += step
        previous = day
    if start is None or last is None or total < limit["overlap_from_days"]:
        return None
    if view.today > last + view.limit["restart_gap_days"]:
        return None
    return _ThreeTogether(total, start, last, frozenset(keys))


@rule(
    "ADP-02",
    family="Co-prescription",
    title="Sedating antidepressant",
    theme=BREATHING,
    severity=Grading("S3; S2 at 65 or over", (2, 3)),
    shown=QUEUED,
    sources=("cns-labels",),
    parameters=(
        parameter("overlap_from_days", DAYS, "Together on, from", 7),
        parameter("age_from_years", YEARS, "Age, from", 65),
    ),
    needs=BIT["sedating-antidepressant"],
)
def sedating_antidepressant(view: View, limit: Limits) -> Says:
    """ADP-02. A sedating antidepressant (tricyclic, mirtazapine, mianserin, trazodone) is in hand
    together with a benzodiazepine or Z-drug on 7 days or more: digest, review at 65 or over. Other
    antidepressants raise nothing here."""
    graded = yield from by_row(
        view, "ADP-02", "sedating-antidepressant", 3, limit["overlap_from_days"]
    )
    if graded is None:
        return
    row, found = graded
    old = is_elder(view, found, limit["age_from_years"])
    severity = 2 if row == 3 and old else row
    yield beside(
        view,
        "ADP-02",
        severity,
        found,
        gist="Sedation adds up, and with it the risk of falls.",
        clears="Sedation and falls are talked about, or a decision records the need for both.",
        more=_no_birth_date(old, severity),
    )


def _by_injection(use):
    route = use.line.route or use.recognition.route
    return route == PARENTERAL or use.recognition.form == "injection"


@rule(
    "OLZ-01",
    family="Co-prescription",
    title="Olanzapine and a benzodiazepine by injection",
    theme=BREATHING,
    severity=S1,
    shown=INTERRUPTING,
    sources=("olanzapine-smpc",),
    parameters=(parameter("within_minutes", MINUTES, "Apart, up to", 60),),
    needs=BIT["antipsychotic"],
    idle=True,
)
def olanzapine_injection(view: View, limit: Limits) -> Says:
    """OLZ-01. Olanzapine by injection within 1 hour of a benzodiazepine by injection, in either
    order. Asks for a reason. Where a time of day is not recorded, the same day counts."""
    olanzapine = [
        use
        for use in view.in_hand.uses_of("antipsychotic")
        if use.drug.key == "olanzapine" and _by_injection(use) and use.start is not None
    ]
    injected = [
        use for use in (*view.uses, *view.rescue) if _by_injection(use) and use.start is not None
    ]
    for a in olanzapine:
        for b in injected:
            minutes, sure = _minutes_between(a, b)
            day = max(a.start, b.start)
            if minutes > limit["within_minutes"] or not view.started_recently(day):
                continue
            yield candidate(
                "OLZ-01",
                1,
                interrupts=True,
                key=f"OLZ-01:{words.iso(day)}:{b.drug.key}",
                line_ids=ids_of([a, b]),
                title=f"Olanzapine and {b.drug.name} by injection together",
                sentence=(
                    f"Olanzapine by injection and {b.drug.name} by injection are given on "
                    f"{words.day(day)}"
                    + (f", {minutes} minutes apart" if sure else "")
                    + "; product texts ask for more than an hour between them, with blood "
                    "pressure and breathing watched."
                ),
                facts=(
                    Fact("minutes", "Minutes apart", minutes if sure else None, "minutes"),
                    Fact("within_minutes", "Threshold, within", limit["within_minutes"], "minutes"),
                ),
                clears="The injections are more than an hour apart, and monitoring is recorded.",
                unknown="" if sure else "The times of day of both injections.",
            )
            return


def _minutes_between(a, b):
    """Minutes between two first doses, and whether that is known; 0 on one day without times."""
    first, second = a.line.start_minute, b.line.start_minute
    if first is None or second is None:
        return (0, False) if a.start == b.start else (1440, False)
    return abs((a.start - b.start) * 1440 + first - second), True


@rule(
    "CLZ-01",
    family="Co-prescription",
    title="Clozapine with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=Grading("S1 in the first 28 days of either, S2 later", (1, 2)),
    shown=QUEUED,
    sources=("ansm-2020", "start-28"),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 7),),
    needs=BIT["antipsychotic"],
)
def clozapine(view: View, limit: Limits) -> Says:
    """CLZ-01. Clozapine is in hand together with a benzodiazepine or Z-drug on 7 days or more:
    urgent in the first 28 days of either or after clozapine is started again by titration, review
    later."""
    uses = [use for use in view.in_hand.uses_of("antipsychotic") if use.drug.key == "clozapine"]
    if not uses:
        return
    found = yield from together(view, "CLZ-01", "bzra", uses, limit["overlap_from_days"])
    if found is None:
        return
    starts = min(span.start for span in found.a), found.b_start
    early = [day for day in starts if view.started_recently(day)]
    again = view.person.answer("clozapine_titration") == "done"
    severity = 1 if early or again else 2
    yield beside(
        view,
        "CLZ-01",
        severity,
        found,
        gist="Collapse and arrest of breathing are reported, most in the first weeks of either.",
        clears="The specialist who prescribes clozapine confirms the plan.",
        begun=found.b_start if early else None,
    )


@rule(
    "OXY-01",
    family="Co-prescription",
    title="Sodium oxybate with a benzodiazepine or Z-drug",
    theme=BREATHING,
    severity=S1,
    shown=INTERRUPTING,
    sources=("fda-oxybate-2012",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 1),),
    needs=BIT["oxybate"],
)
def oxybate(view: View, limit: Limits) -> Says:
    """OXY-01. Sodium oxybate is in hand on a day of a benzodiazepine or Z-drug supply. Urgent, and
    asks for a reason; contraindicated on the US label, to be checked by a pharmacist before
    supply."""
    found = yield from together(view, "OXY-01", "bzra", "oxybate", limit["overlap_from_days"])
    if found is None:
        return
    yield beside(
        view,
        "OXY-01",
        1,
        found,
        gist=(
            "The US label contraindicates oxybate with sedative hypnotics, because both slow "
            "breathing."
        ),
        clears="A pharmacist checks before supply, and a specialist's plan is recorded.",
        interrupts=True,
        begun=found.b_start if view.started_recently(found.start) else None,
    )

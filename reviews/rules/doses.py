"""Dose, and the same medicine twice: DOSE-01 to DOSE-06, DUP-03 and DUP-04."""

import re
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, Z_DRUG, Drug
from reviews.rules.equivalents import BAND, HIGH, TABLES, banded, counts, daily, dependence
from reviews.rules.exposure import Span, Stretch, pieces, stretches
from reviews.rules.finding import Fact
from reviews.rules.naming import names
from reviews.rules.opioids import cannot_compare, together_facts, together_sentence, unknown_ends
from reviews.rules.parameters import COUNT, DAYS, MG, PERCENT, YEARS, parameter
from reviews.rules.presence import UNSURE
from reviews.rules.rule import DOSE, DUPLICATE, NOTED, QUEUED, S2, S3, S4, SUPPLY, Grading, rule
from reviews.rules.view import View

ANXIETY = frozenset({"anxiety", "anxiety_mild", "anxiety_crisis", "gad"})
_EXTENDED = re.compile(r"\b(?:extended|modified|prolonged)\b|\b(?:er|cr|xr|mr)\b")


class Held(NamedTuple):
    """A daily amount of one drug in use, with its first day and the supplies that make it up."""

    drug: Drug
    mg: float
    start: int
    parts: list

    @property
    def uses(self) -> list:
        return [part.use for part in self.parts]


def _held(view) -> dict[str, list[Held]]:
    """For each drug its daily amounts on the days still current; an amount not known adds none.

    A supply of unknown length counts by itself: it is certain on its first day alone.
    """
    found = view.memo.get("held")
    if found is not None:
        return found
    found = view.memo["held"] = {}
    for stretch in _current_stretches(view):
        by_drug: dict[str, list] = {}
        for part in stretch.parts:
            by_drug.setdefault(part.use.drug.key, []).append(part)
        for key, parts in by_drug.items():
            mg = sum(part.mg for part in parts if part.mg is not None)
            found.setdefault(key, []).append(Held(parts[0].use.drug, mg, stretch.start, parts))
    return found


def _current_stretches(view) -> list[Stretch]:
    """Days still current with their amounts; for supplies of unknown length their first day."""
    vague = [use for use in view.unclear if view.is_current(use.reach)]
    if not vague:
        return view.stretches_now
    return view.stretches_now + stretches([Span(use.start, use.start, use) for use in vague])


def release(medicine) -> str:
    """The form of a tablet that has a maximum of its own: "orodispersible", "extended_release"."""
    text = medicine.text.casefold()
    if "orodispersible" in text:
        return "orodispersible"
    return "extended_release" if _EXTENDED.search(text) else ""


def _adult_max(view, use) -> tuple[float, str] | None:
    """The labelled maximum for the indication and form recorded, with what it is for."""
    known = view.memo.setdefault("adult_max", {})
    if use not in known:
        known[use] = _labelled_max(view, use)
    return known[use]


def _labelled_max(view, use):
    limits = use.drug.max_mg_per_day.get(view.profile, {})
    if not limits:
        return None
    line = use.line
    anxiety = "anxiety" if line.indication in ANXIETY else line.indication
    contexts = (
        "inpatient" if line.setting == "inpatient" else "",
        release(line.medicine),
        anxiety,
        "adult",
    )
    for context in contexts:
        if context in limits:
            return limits[context], context
    return None


def _furthest_over(amounts, limit_of):
    """What goes furthest over its limit, as (held, mg, limit); None where no limit is held.

    Supplies of one drug may have different limits, by indication or form: each limit counts for
    the supplies it is for, and the highest for all of them together.
    """
    best = None
    for held in amounts:
        sums: dict[tuple, float] = {}
        for part in held.parts:
            limit = limit_of(part.use)
            if limit is not None:
                sums[limit] = sums.get(limit, 0.0) + (part.mg or 0.0)
        for limit, mg in [*sums.items(), *([(max(sums), held.mg)] if sums else [])]:
            if best is None or mg / limit[0] > best[1] / best[2][0]:
                best = held, mg, limit
    return best


def _dose_not_judged(view, rule_id, uses):
    """Say which current supplies have no daily amount or no labelled maximum, or may add up."""
    vague = [
        use
        for use in uses
        if use.end is None
        and (
            use.start is None
            # What they come to together depends on whether they are taken at one time.
            or any(other is not use and other.drug.key == use.drug.key for other in uses)
        )
    ]
    view.length_not_known(rule_id, vague)
    blank = [use for use in uses if use.mg is None]
    if blank:
        view.cannot_judge(
            rule_id,
            [use.line.id for use in blank],
            f"The daily dose is not known for {words.listed(names(blank))}.",
        )
    unlimited = [use for use in uses if not _adult_max(view, use)]
    if unlimited:
        view.cannot_judge(
            rule_id,
            [use.line.id for use in unlimited],
            f"No labelled maximum of the {view.profile} profile is held for "
            f"{words.listed(names(unlimited))}.",
        )


@rule(
    "DOSE-02",
    family="Dose and duplication",
    title="Over the labelled maximum",
    theme=DOSE,
    severity=Grading("S2; S1 over one and a half times it", (1, 2)),
    shown=QUEUED,
    sources=("label-maxima",),
    parameters=(parameter("urgent_over_percent", PERCENT, "Urgent over", 150),),
)
def over_maximum(view: View, limit: dict):
    """DOSE-02. The daily amount of one benzodiazepine or Z-drug is over the labelled adult maximum
    for its indication and form; urgent over one and a half times that. Supplies with different
    maxima are held against their own, and their sum against the highest of them."""
    over = view.memo.setdefault("over_maximum", set())
    for amounts in _held(view).values():
        found = _furthest_over(amounts, lambda use: _adult_max(view, use))
        if found is None:
            continue
        held, mg, (most, context) = found
        if mg <= most + 1e-9:
            continue
        over.add(held.drug.key)
        shown = words.amount(mg)
        urgent = mg > most * limit["urgent_over_percent"] / 100 + 1e-9
        stands = view.say(
            "DOSE-02",
            1 if urgent else 2,
            uses=held.uses,
            key=held.drug.key,
            title=f"{words.sentence_case(held.drug.name)} {shown} mg a day, over the maximum",
            sentence=(
                f"{words.sentence_case(held.drug.name)} comes to {shown} mg a day from "
                f"{words.day(held.start)}; the labelled maximum of the {view.profile} profile is "
                f"{words.amount(most)} mg ({context.replace('_', ' ')})."
            ),
            facts=(
                Fact("mg_per_day", "Daily amount", round(mg, 4), "mg a day"),
                Fact("max_mg_per_day", "Labelled maximum", most, "mg a day"),
                Fact("context", "Maximum for", context.replace("_", " ")),
            ),
            clears="The dose is confirmed and recorded as intended, or comes down gradually.",
        )
        if not stands:
            over.discard(held.drug.key)
    _dose_not_judged(view, "DOSE-02", [use for use in view.now if use.drug.key not in over])


@rule(
    "DOSE-03",
    family="Dose and duplication",
    title="Over the maximum for older people",
    theme=DOSE,
    severity=S2,
    shown=QUEUED,
    sources=("label-maxima", "mhra-module"),
    parameters=(
        parameter("age_from_years", YEARS, "Age, from", 65),
        parameter("share_of_adult_percent", PERCENT, "Share of the adult maximum, over", 50),
    ),
)
def over_elder_maximum(view: View, limit: dict):
    """DOSE-03. At 65 or over, the daily amount is over the label's figure for older people, or over
    half the adult maximum where no such figure is held. Shown by DOSE-02 where that fires."""
    if view.person.birth_date is None:
        if view.now:
            view.cannot_judge("DOSE-03", view.line_ids, "The birth date is not recorded.")
        return

    def elder(use):
        if use.start is None:
            view.person.watch_birthday(limit["age_from_years"])
        return view.person.is_aged(limit["age_from_years"], use.start or view.today)

    def limit_of(use):
        if not elder(use):
            return None
        figure, adult = _elder_max(view, use), _adult_max(view, use)
        if figure is not None:
            return figure, "the label's figure for older people"
        if adult is None:
            return None
        half = adult[0] * limit["share_of_adult_percent"] / 100
        return half, "half the adult maximum, as no figure for older people is held"

    fired = set()
    for amounts in _held(view).values():
        found = _furthest_over(amounts, limit_of)
        if found is None:
            continue
        held, mg, (most, source) = found
        if mg <= most + 1e-9:
            continue
        fired.add(held.drug.key)
        if held.drug.key in view.memo.get("over_maximum", ()):
            view.shadowed.add("DOSE-03")
            continue
        over = view.memo.setdefault("over_elder_maximum", set())
        over.add(held.drug.key)
        age = view.person.age_on(max(use.start for use in held.uses))
        shown = words.amount(mg)
        view.say(
            "DOSE-03",
            2,
            uses=held.uses,
            key=held.drug.key,
            title=f"{words.sentence_case(held.drug.name)} {shown} mg a day at {age}",
            sentence=(
                f"At age {age}, {held.drug.name} comes to {shown} mg a day from "
                f"{words.day(held.start)}; {words.amount(most)} mg is {source}."
            ),
            facts=(
                Fact("age_years", "Age at prescription", age, "years"),
                Fact("mg_per_day", "Daily amount", round(mg, 4), "mg a day"),
                Fact("elder_max_mg_per_day", "Threshold, over", most, "mg a day"),
            ),
            clears="The dose comes down gradually, or a decision records why it is needed.",
        )
    _dose_not_judged(
        view, "DOSE-03", [use for use in view.now if use.drug.key not in fired and elder(use)]
    )


def _elder_max(view, use) -> float | None:
    """The label's figure for older people, of the form recorded where it has one of its own."""
    limits = use.drug.max_mg_per_day.get(view.profile, {})
    own = f"elder_{release(use.line.medicine)}"
    return limits[own] if own in limits else use.drug.elder_max_mg_per_day.get(view.profile)


def _run_over(view, rows, threshold, at_least):
    """The latest run of days in a row over a figure, if it is long enough and still current.

    As (start, end, peak), else None.
    """
    found = run = None
    for start, end, dose in rows:
        if dose is None or dose.mg <= threshold + 1e-9:
            run = None
            continue
        if run is not None and run[1] == start - 1:
            peak = dose if dose.mg > run[2].mg else run[2]
            run = run[0], end, peak
        else:
            run = start, end, dose
        if run[1] - run[0] + 1 >= at_least:
            found = run
    return found if found is not None and view.is_current(found[1]) else None


@rule(
    "DOSE-01",
    family="Dose and duplication",
    title="Total over the maximum in diazepam equivalents",
    theme=DOSE,
    severity=Grading("S2; S1 over 60 mg", (1, 2)),
    shown=QUEUED,
    sources=("label-maxima", "equivalents", "dose-01-60"),
    parameters=(
        parameter("over_mg", MG, "Daily amount, over", UK=30, US=40, EU=30),
        parameter("urgent_over_mg", MG, "Urgent over", 60),
        parameter("dose_days", DAYS, "In a row, from", 7),
    ),
)
def total_equivalent(view: View, limit: dict):
    """DOSE-01. Two or more benzodiazepines together come to more than the profile's maximum in
    diazepam equivalents on 7 days in a row or more (with Z-drugs in the UK profile); urgent over
    60 mg. For one benzodiazepine alone only where no labelled maximum is held for it."""
    rows, mixed, unsure = [], False, []
    if len({use.drug.key for use in view.uses if use.mask & BENZODIAZEPINE}) < 2 and all(
        use.drug.max_mg_per_day.get(view.profile) for use in view.uses if use.mask & BENZODIAZEPINE
    ):
        return
    for stretch, (start, end, dose) in zip(view.stretches, daily(view), strict=True):
        drugs = {
            part.use.drug.key: part.use.drug
            for part in stretch.parts
            if part.use.mask & BENZODIAZEPINE
        }
        alone = len(drugs) == 1 and not any(
            drug.max_mg_per_day.get(view.profile) for drug in drugs.values()
        )
        if not (len(drugs) > 1 or alone):
            rows.append((start, end, None))
            continue
        if view.is_current(end):
            mixed = mixed or len(drugs) > 1
            unsure += dose.missing
        rows.append((start, end, dose))
    vague = [use for use in view.now if use.end is None and use.mask & BENZODIAZEPINE]
    days = limit["dose_days"]
    found = _run_over(view, rows, limit["urgent_over_mg"], days)
    severity = 1
    if found is None:
        found = _run_over(view, rows, limit["over_mg"], days)
        severity = 2
    if found is None or severity == 2:
        if unsure:
            view.cannot_judge(
                "DOSE-01",
                [use.line.id for use in unsure],
                f"No dose or equivalent is held for {words.listed(names(unsure))}.",
            )
        if vague and (
            len({use.drug.key for use in view.now if use.mask & BENZODIAZEPINE}) > 1
            or not all(use.drug.max_mg_per_day.get(view.profile) for use in vague)
        ):
            view.length_not_known("DOSE-01", vague)
        if found is None:
            return
    if severity == 2 and view.profile == "UK" and "spasticity_neurological" in view.exemptions:
        return
    start, end, peak = found
    uses = [
        part.use
        for stretch in view.stretches
        if start <= stretch.start <= end
        for part in stretch.parts
        if part.use.mask & counts(view)
    ]
    keys = {use.drug.key for use in uses}
    if not mixed and keys & view.memo.get("over_elder_maximum", set()):
        view.shadowed.add("DOSE-01")
        return
    drugs = words.listed(names(uses))
    view.say(
        "DOSE-01",
        severity,
        uses=uses,
        title=(
            f"{words.sentence_case(drugs)}: about {words.amount(round(peak.mg, 1))} mg diazepam "
            "equivalent a day"
        ),
        sentence=(
            f"{words.sentence_case(drugs)} {'come' if len(keys) > 1 else 'comes'} to "
            f"{peak.said()} a day, for {words.days(end - start + 1)} from {words.day(start)}; the "
            f"maximum of the {view.profile} profile is {words.amount(limit['over_mg'])} mg."
        ),
        facts=(
            *peak.facts(),
            Fact("over_mg", "Threshold, over", limit["over_mg"], "mg a day"),
            Fact("dose_days", "Days in a row", end - start + 1, "days"),
        ),
        clears="The doses are confirmed with specialist advice, or come down gradually.",
        unknown=(
            f"No dose or equivalent is held for {words.listed(names(unsure))}." if unsure else ""
        ),
    )


@rule(
    "DOSE-04",
    family="Dose and duplication",
    title="Dose raised",
    theme=DOSE,
    severity=Grading("S3; S2 with a substance use disorder", (2, 3)),
    shown=QUEUED,
    sources=("herings-1995",),
    parameters=(
        parameter("rise_percent", PERCENT, "Rise of the dose, from", 50),
        parameter("rise_from_mg", MG, "Rise of the dose, from", 5),
        parameter("mean_of_days", DAYS, "Compared with the mean of", 28),
        parameter("rises_from_count", COUNT, "Rises of any size, from", 3),
        parameter("rises_within_days", DAYS, "Counted over", 90),
    ),
)
def escalation(view: View, limit: dict):
    """DOSE-04. The daily dose in diazepam equivalents rises by half or more, and by 5 mg or more,
    against the mean of the exposed days of the 28 days before; or it rises three times or more
    within 90 days. Judged for 28 days after the rise; a planned titration does not count; review
    with a history of substance use disorder, digest otherwise. Shown by TAP-05 during a taper."""
    if len(view.uses) > 1:
        mask = counts(view)
        vague = [use for use in view.now if use.end is None and use.mask & mask]
        view.length_not_known("DOSE-04", vague)
    if len(view.spans) < 2 and not any(span.use.line.schedule for span in view.spans):
        return
    rows = daily(view)
    blank = [
        use
        for start, end, dose in rows
        if dose.missing and view.is_current(end)
        for use in dose.missing
    ]
    if blank:
        view.cannot_judge(
            "DOSE-04",
            [use.line.id for use in blank],
            f"No dose or equivalent is held for {words.listed(names(blank))}.",
        )
    mask = counts(view)
    rises, sharp = [], None
    previous = None
    for stretch, (start, end, dose) in zip(view.stretches, rows, strict=True):
        if dose.missing or not dose.mg:
            continue
        if previous is not None and dose.mg > previous[1] * 1.001:
            begun = [
                part.use for part in stretch.parts if part.use.mask & mask and part.start == start
            ]
            titrated = any(use.line.change_reason == "titration" for use in begun)
            if begun and not titrated and start - previous[0] <= limit["mean_of_days"]:
                rises.append(start)
                mean = _mean_before(rows, start, limit["mean_of_days"])
                if (
                    mean
                    and dose.mg >= mean * (1 + limit["rise_percent"] / 100) - 1e-9
                    and dose.mg - mean >= limit["rise_from_mg"] - 1e-9
                ):
                    sharp = start, mean, dose, begun
        previous = end, dose.mg
    recent = [day for day in rises if view.started_recently(day)]
    many = []
    if recent:
        many = [day for day in rises if 0 <= recent[-1] - day <= limit["rises_within_days"]]
    is_sharp = sharp is not None and view.started_recently(sharp[0])
    often = len(many) >= limit["rises_from_count"]
    for day in rises:
        view.watch(day + view.limit["start_window_days"] + 1)
    if not is_sharp and not often:
        return
    sud = view.person.has("substance_use_disorder") or view.person.had("substance_use_disorder")
    if sharp is not None and is_sharp:
        day, mean, dose, _ = sharp
        said = (
            f"The daily dose rose on {words.day(day)} from a mean of "
            f"{words.amount(round(mean, 1))} mg to {dose.said()}"
        )
        facts = (
            *dose.facts(),
            Fact("mean_before_mg", "Mean of the 28 days before", round(mean, 2), "mg a day"),
            Fact("rises", f"Rises in {limit['rises_within_days']} days", len(many)),
        )
    else:
        said = f"The daily dose rose {len(many)} times in {limit['rises_within_days']} days"
        facts = (Fact("rises", f"Rises in {limit['rises_within_days']} days", len(many)),)
        day = many[-1]
    view.say(
        "DOSE-04",
        2 if sud else 3,
        key=words.iso(day),
        title=f"Dose of {view.in_use} raised",
        sentence=f"{said}; that can be a sign of tolerance.",
        facts=facts,
        clears="Signs of dependence are asked for and the plan recorded.",
    )


def _mean_before(rows, day, window):
    """Mean daily dose over the exposed days of a window before a day; None without any."""
    total = days = 0
    for start, end, dose in rows:
        first, last = max(start, day - window), min(end, day - 1)
        if first <= last and dose.mg:
            total += dose.mg * (last - first + 1)
            days += last - first + 1
    return total / days if days else None


@rule(
    "DOSE-05",
    family="Dose and duplication",
    title="Dose band for the risk of dependence",
    theme=DOSE,
    severity=S4,
    shown=NOTED,
    sources=("asam-2025-bands",),
    parameters=(
        parameter("diazepam_low_to_mg", MG, "Diazepam, low band up to", 10),
        parameter("diazepam_high_over_mg", MG, "Diazepam, high band over", 15),
        parameter("clonazepam_low_to_mg", MG, "Clonazepam, low band up to", 0.5),
        parameter("clonazepam_high_over_mg", MG, "Clonazepam, high band over", 1.5),
        parameter("lorazepam_low_to_mg", MG, "Lorazepam, low band up to", 2),
        parameter("lorazepam_high_over_mg", MG, "Lorazepam, high band over", 3),
        parameter("alprazolam_low_to_mg", MG, "Alprazolam, low band up to", 1),
        parameter("alprazolam_high_over_mg", MG, "Alprazolam, high band over", 2),
    ),
)
def risk_band(view: View, limit: dict):
    """DOSE-05. A label for the risk of dependence, from the dose alone: low, moderate or high by
    ASAM's own figures for diazepam, clonazepam, lorazepam and alprazolam; other benzodiazepines,
    and several together, by diazepam equivalents against 10 and 15 mg."""
    found = None
    for stretch in _current_stretches(view):
        mine = banded(view, stretch)
        if mine is not None:
            rank = ("low", "moderate", HIGH).index(mine.level)
            if found is None or rank > found[0]:
                found = rank, mine, stretch
    if found is None:
        unknown = [use for use in view.now if use.mask & BENZODIAZEPINE]
        if unknown:
            view.cannot_judge(
                "DOSE-05",
                [use.line.id for use in unknown],
                f"No dose or equivalent is held for {words.listed(names(unknown))}.",
            )
        return
    _, (level, mg, tables), stretch = found
    parts = [part for part in stretch.parts if part.use.mask & BENZODIAZEPINE]
    drugs = words.listed(names([part.use for part in parts]))
    view.say(
        "DOSE-05",
        4,
        uses=[part.use for part in parts],
        title=f"{words.sentence_case(level)} dose band",
        sentence=(
            f"The dose of {drugs} lies in the {level} band for the risk of dependence, which "
            "length of use raises further."
        ),
        facts=(
            Fact("band", "Dose band", level),
            *(
                Fact(
                    "mg_per_day",
                    words.sentence_case(part.use.drug.name),
                    round(part.mg, 4),
                    "mg a day",
                )
                for part in parts
                if part.mg is not None
            ),
            *(
                ()
                if mg is None
                else (Fact("dde_mg", "Diazepam equivalent, about", round(mg, 2), "mg a day"),)
            ),
            Fact(
                "band_table",
                "By the figures of",
                ", ".join(TABLES.get(table, table) for table in tables or (BAND,)),
            ),
        ),
        clears="The label follows the dose.",
    )


@rule(
    "DOSE-06",
    family="Dose and duplication",
    title="First zolpidem dose in women",
    theme=DOSE,
    severity=Grading("S3, US profile only", (3,)),
    shown=QUEUED,
    sources=("fda-zolpidem-2013",),
    parameters=(
        parameter("over_mg", MG, "Daily amount, over", US=5),
        parameter("extended_over_mg", MG, "Extended release, over", US=6.25),
    ),
    profiles=("US",),
)
def zolpidem_start(view: View, limit: dict):
    """DOSE-06. US profile: a woman begins zolpidem with more than 5 mg, or more than 6.25 mg of an
    extended-release form."""
    if view.person.sex != "female":
        return
    for item in view.judged:
        use = item.span.use
        if use.drug.key != "zolpidem":
            continue
        if any(
            span.use.drug.key == "zolpidem" and span.start < item.span.start
            for span in item.episode.spans
        ):
            continue
        mg = pieces(item.span)[0].mg
        if mg is None:
            view.cannot_judge("DOSE-06", [use.line.id], "The dose of zolpidem is not known.")
            continue
        extended = release(use.line.medicine) == "extended_release"
        most = limit["extended_over_mg" if extended else "over_mg"]
        if mg <= most + 1e-9:
            continue
        view.say(
            "DOSE-06",
            3,
            uses=[use],
            title=f"Zolpidem begun with {words.amount(mg)} mg in a woman",
            sentence=(
                f"Zolpidem begins on {words.day(item.span.start)} with {words.amount(mg)} mg; the "
                f"recommended first dose for women is {words.amount(most)} mg, as more may be left "
                "in the morning."
            ),
            facts=(
                Fact("mg_per_day", "First dose", mg, "mg"),
                Fact("over_mg", "Threshold, over", most, "mg"),
            ),
            clears="A lower first dose is chosen, or a decision records why not.",
        )
        return


@rule(
    "DUP-03",
    family="Dose and duplication",
    title="Two Z-drugs",
    theme=DUPLICATE,
    severity=S2,
    shown=QUEUED,
    sources=("dup-03",),
    parameters=(parameter("overlap_from_days", DAYS, "Together on, from", 3),),
)
def two_z_drugs(view: View, limit: dict):
    """DUP-03. Two different Z-drugs are in hand together on 3 days or more."""
    by_drug: dict[str, list] = {}
    for use in view.uses:
        if use.mask & Z_DRUG:
            by_drug.setdefault(use.drug.key, []).append(use)
    if len(by_drug) < 2:
        return
    keys = sorted(by_drug)
    unsure = False
    for n, a in enumerate(keys):
        for b in keys[n + 1 :]:
            found = view.in_hand.together(by_drug[a], by_drug[b], limit["overlap_from_days"])
            if found is UNSURE:
                unsure = True
                continue
            if found is None:
                continue
            likely = any(
                dependence(view, episode, min(view.today, episode.end)) for episode in view.current
            )
            drugs = words.listed(names([*found.a, *found.b]))
            view.add(
                "DUP-03",
                2,
                key=f"DUP-03:{a}+{b}",
                line_ids=found.line_ids,
                title=f"{words.sentence_case(drugs)} together",
                sentence=(
                    f"{together_sentence(found)}. Both are Z-drugs and act in the same way; one "
                    "is usually enough, and the other is tapered"
                    + (", as dependence is to be expected." if likely else ".")
                ),
                facts=together_facts(found),
                clears="One of the two is tapered off, or a decision records why both are needed.",
                unknown=unknown_ends(found),
            )
            return
    if unsure:
        cannot_compare(view, "DUP-03", [])


@rule(
    "DUP-04",
    family="Dose and duplication",
    title="The same medicine twice",
    theme=SUPPLY,
    severity=S3,
    shown=QUEUED,
    sources=("portal",),
    parameters=(parameter("overlap_over_days", DAYS, "Supplied twice, over", 7),),
)
def same_medicine_twice(view: View, limit: dict):
    """DUP-04. Supplies of the same ingredient still overlap on more than 7 days after early refills
    were carried forward by up to 15 days."""
    if len(view.spans) < 2:
        return
    for item in view.judged:
        span = item.span
        earlier = [
            other
            for other in view.spans
            if other.use.drug.key == span.use.drug.key
            and other.use.start < span.use.start
            and other.end >= span.start
        ]
        if not earlier:
            continue
        other = max(earlier, key=lambda each: (min(each.end, span.end), each.use.line.id))
        days = min(other.end, span.end) - span.start + 1
        if days <= limit["overlap_over_days"]:
            continue
        name = span.use.drug.name
        view.say(
            "DUP-04",
            3,
            uses=[span.use, other.use],
            key=span.use.drug.key,
            title=f"{words.sentence_case(name)}: {words.days(days)} supplied twice",
            sentence=(
                f"The supply of {name} of {words.day(span.use.start)} overlaps with the one before "
                f"for {words.days(days)} beyond what is carried forward; a loss or a stock at home "
                "may explain it."
            ),
            facts=(
                Fact("overlap_days", "Supplied twice", days, "days"),
                Fact("over_days", "Threshold, over", limit["overlap_over_days"], "days"),
            ),
            clears="The reason is recorded, or the supplies are corrected.",
        )
        return

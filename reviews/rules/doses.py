"""Dose, and the same medicine twice: DOSE-01 to DOSE-06, DUP-03 and DUP-04."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dependence import BANDS, LEVELS, banded, dependence
from reviews.rules.dossier import Line
from reviews.rules.drug import BENZODIAZEPINE, SAID, Z_DRUG, Recognition
from reviews.rules.equivalents import BAND, TABLES, DailyEquivalent, Equivalent
from reviews.rules.exposure import Copy, DatedUse, DrugDose, Stretch, Use, pieces
from reviews.rules.exposure import doses as all_doses
from reviews.rules.finding import Fact, NotEvaluable
from reviews.rules.naming import length_unknown, names
from reviews.rules.pairs import cannot_compare, together_facts, together_sentence, unknown_ends
from reviews.rules.parameters import COUNT, DAYS, MG, PERCENT, YEARS, Limits, parameter
from reviews.rules.presence import UNSURE, Together
from reviews.rules.rule import DOSE, DUPLICATE, NOTED, QUEUED, S2, S3, S4, SUPPLY, Grading, rule
from reviews.rules.saying import (
    Candidate,
    Says,
    about_use,
    candidate,
    cannot_judge,
    length_not_known,
)
from reviews.rules.view import WITHDRAWAL, View

ANXIETY = frozenset({"anxiety", "anxiety_mild", "anxiety_crisis", "gad"})
_EXTENDED = re.compile(r"\b(?:extended|modified|prolonged)\b|\b(?:er|cr|xr|mr)\b")


def release(line: Line, recognition: Recognition) -> str:
    """The form of a tablet that has a maximum of its own: "orodispersible", "extended_release"."""
    text = line.medicine.text
    if recognition.matched_by == SAID:
        text = f"{text} {recognition.matched}"
    return _release(text)


@lru_cache(maxsize=50_000)
def _release(text: str) -> str:
    text = text.casefold()
    if "orodispersible" in text:
        return "orodispersible"
    return "extended_release" if _EXTENDED.search(text) else ""


class Maximum(NamedTuple):
    """So many mg a day at most, and what that figure is for."""

    mg: float
    of: str


def _adult_max(view: View, use: Use) -> Maximum | None:
    """The labelled maximum for the indication and form recorded; None where none is held."""
    limits = use.drug.max_mg_per_day.get(view.profile, {})
    if not limits:
        return None
    line = use.line
    if line.indication == WITHDRAWAL:
        # Maxima for anxiety are none for this: labels give single doses to be repeated.
        return Maximum(limits[WITHDRAWAL], WITHDRAWAL) if WITHDRAWAL in limits else None
    contexts = (
        "inpatient" if line.setting == "inpatient" else "",
        release(line, use.recognition),
        "anxiety" if line.indication in ANXIETY else line.indication,
        "adult",
    )
    for context in contexts:
        if context in limits:
            return Maximum(limits[context], context)
    return None


def _dosed(view: View) -> set[Use]:
    """The uses that make up the daily amounts still current."""
    return {part.use for stretch in view.stretches_known for part in stretch.parts}


class _Over(NamedTuple):
    """A daily amount of one drug, the mg of it that a maximum is for, that maximum, and since when
    and until when the drug has come to as much without a pause."""

    dose: DrugDose
    mg: float
    maximum: Maximum
    since: int
    last: int


def _over(
    view: View, doses: Sequence[DrugDose], maxima: Mapping[Use, Maximum | None]
) -> _Over | None:
    """The daily amount that is furthest over its maximum: of those in hand or to come where one of
    these is over, else of those of the last days; None where none is over. A supply renewed in the
    same dose goes on."""
    ahead = [dose for dose in doses if not view.reached(_last_day(dose) + 1)]
    found = _furthest_over(ahead, maxima) or _furthest_over(doses, maxima)
    if found is None:
        return None
    since, last = found.since, found.last
    same = [
        dose
        for dose in all_doses(view.stretches).get(found.dose.drug.key, ())
        if abs(dose.mg - found.dose.mg) < 1e-9
    ]
    for dose in reversed(same):
        if dose.end == since - 1:
            since = dose.start
    for dose in same:
        if dose.start == last + 1:
            last = dose.end
    return found._replace(since=since, last=last)


def _furthest_over(doses: Iterable[DrugDose], maxima: Mapping[Use, Maximum | None]) -> _Over | None:
    """The daily amount of these that is furthest over its maximum; None where none is over.

    Supplies of one drug may have different maxima, by indication or form: each counts for the
    supplies it is for, and the highest for all of them together.
    """
    furthest, share = None, 0.0
    for dose in doses:
        sums: dict[Maximum, float] = {}
        for part in dose.parts:
            maximum = maxima[part.use]
            if maximum is not None:
                sums[maximum] = sums.get(maximum, 0.0) + (part.mg or 0.0)
        for maximum, mg in [*sums.items(), *([(max(sums), dose.mg)] if sums else [])]:
            if mg > maximum.mg + 1e-9 and mg / maximum.mg > share:
                share = mg / maximum.mg
                furthest = _Over(dose, mg, maximum, dose.start, _last_day(dose))
    return furthest


def _dose_not_judged(view: View, rule_id: str, uses: list[Use]) -> Iterator[NotEvaluable]:
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
    yield from length_not_known(rule_id, vague)
    blank = [use for use in uses if use.mg is None]
    if blank:
        yield cannot_judge(
            rule_id,
            [use.line.id for use in blank],
            f"The daily dose is not known for {words.listed(names(blank))}.",
        )
    unlimited = [use for use in uses if _adult_max(view, use) is None]
    for withdrawal, purpose in ((False, ""), (True, " in alcohol withdrawal")):
        mine = [use for use in unlimited if (use.line.indication == WITHDRAWAL) is withdrawal]
        if mine:
            yield cannot_judge(
                rule_id,
                [use.line.id for use in mine],
                f"No labelled maximum of the {view.profile_in_words} is held for "
                f"{words.listed(names(mine))}{purpose}.",
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
def over_maximum(view: View, limit: Limits) -> Says:
    """DOSE-02. The daily amount of one benzodiazepine or Z-drug is over the labelled adult maximum
    for its indication and form; urgent over one and a half times that, while it is in hand or to
    come. Supplies with different maxima are held against their own, and their sum against the
    highest of them."""
    maxima = {use: _adult_max(view, use) for use in _dosed(view)}
    over = set()
    for key, doses in view.doses.items():
        found = _over(view, doses, maxima)
        if found is None:
            continue
        over.add(key)
        dose, mg, (most, context), since, last = found
        name, shown = words.sentence_case(dose.drug.name), words.amount(mg)
        over_now = not view.reached(last + 1)
        urgent = over_now and mg > most * limit["urgent_over_percent"] / 100 + 1e-9
        yield about_use(
            view,
            "DOSE-02",
            1 if urgent else 2,
            uses=dose.uses,
            key=key,
            title=f"{name} {shown} mg a day{_until(last, over_now)}, over the maximum",
            sentence=(
                f"{name} {'comes' if over_now else 'came'} to {shown} mg a day from "
                f"{words.day(since)}{_until(last, over_now)}; the labelled maximum of the "
                f"{view.profile_in_words} is {words.amount(most)} mg "
                f"({context.replace('_', ' ')})."
            ),
            facts=(
                Fact("mg_per_day", "Daily amount", round(mg, 4), "mg a day"),
                Fact("max_mg_per_day", "Labelled maximum", most, "mg a day"),
                Fact("context", "Maximum for", context.replace("_", " ")),
            ),
            clears=(
                "The dose is confirmed and recorded as intended, or comes down gradually."
                if over_now
                else "It is recorded whether that dose was intended."
            ),
            drugs=frozenset({key}),
        )
    left = [use for use in view.now if use.drug.key not in over]
    yield from _dose_not_judged(view, "DOSE-02", left)


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
def over_elder_maximum(view: View, limit: Limits) -> Says:
    """DOSE-03. At 65 or over, the daily amount is over the label's figure for older people, or over
    half the adult maximum where no such figure is held. Shown by DOSE-02 where that fires."""
    if view.person.birth_date is None:
        if view.now:
            yield cannot_judge("DOSE-03", view.line_ids, "The birth date is not recorded.")
        return
    maxima = {use: _elder_max(view, limit, use) for use in _dosed(view)}
    over = set()
    for key, doses in view.doses.items():
        found = _over(view, doses, maxima)
        if found is None:
            continue
        over.add(key)
        dose, mg, (most, source), since, last = found
        name, shown = dose.drug.name, words.amount(mg)
        age = view.person.age_on(max(use.start for use in dose.uses))
        over_now = not view.reached(last + 1)
        yield about_use(
            view,
            "DOSE-03",
            2,
            uses=dose.uses,
            key=key,
            title=f"{words.sentence_case(name)} {shown} mg a day{_until(last, over_now)} at {age}",
            sentence=(
                f"At age {age}, {name} {'comes' if over_now else 'came'} to {shown} mg a day from "
                f"{words.day(since)}{_until(last, over_now)}; {words.amount(most)} mg is "
                f"{source}."
            ),
            facts=(
                Fact("age_years", "Age at prescription", age, "years"),
                Fact("mg_per_day", "Daily amount", round(mg, 4), "mg a day"),
                Fact("elder_max_mg_per_day", "Threshold, over", most, "mg a day"),
            ),
            clears="The dose comes down gradually, or a decision records why it is needed.",
            drugs=frozenset({key}),
        )
    left = [use for use in view.now if use.drug.key not in over and _elder(view, limit, use)]
    yield from _dose_not_judged(view, "DOSE-03", left)


def _until(last: int, over_now: bool) -> str:
    """ " until 13 November 2026" of an amount that is no longer taken."""
    return "" if over_now else f" until {words.day(last)}"


def _last_day(dose: DrugDose) -> int:
    """The last day on which an amount may be taken: of unknown length as far as it can reach."""
    return min(dose.end if part.use.end is not None else part.use.reach for part in dose.parts)


def _elder(view: View, limit: Limits, use: Use) -> bool:
    """Is a use of somebody of that age? One without a beginning is judged today."""
    if use.start is None:
        view.person.watch_birthday(limit["age_from_years"])
        return view.person.is_aged(limit["age_from_years"], view.today)
    return view.person.is_aged(limit["age_from_years"], use.start)


def _elder_max(view: View, limit: Limits, use: Use) -> Maximum | None:
    """The label's figure for older people, else a share of the adult maximum; None when younger."""
    if not _elder(view, limit, use):
        return None
    figure, adult = _elder_figure(view, use), _adult_max(view, use)
    if figure is not None and (adult is not None or use.line.indication != WITHDRAWAL):
        return Maximum(figure, "the label's figure for older people")
    if adult is None:
        return None
    half = adult.mg * limit["share_of_adult_percent"] / 100
    return Maximum(half, "half the adult maximum, as no figure for older people is held")


def _elder_figure(view: View, use: Use) -> float | None:
    """The label's figure for older people, of the form recorded where it has one of its own."""
    limits = use.drug.max_mg_per_day.get(view.profile, {})
    own = f"elder_{release(use.line, use.recognition)}"
    return limits[own] if own in limits else use.drug.elder_max_mg_per_day.get(view.profile)


class _Run(NamedTuple):
    """Days in a row over a daily amount, and the highest amount of them."""

    start: int
    end: int
    peak: Equivalent


def _current_run(
    view: View, rows: list[DailyEquivalent], over_mg: float, at_least: int
) -> _Run | None:
    """The latest run of so many days in a row over an amount, while it is current."""
    found = run = None
    for row in rows:
        if row.dose.mg <= over_mg + 1e-9:
            continue
        if run is not None and run.end == row.start - 1:
            peak = row.dose if row.dose.mg > run.peak.mg else run.peak
            run = _Run(run.start, row.end, peak)
        else:
            run = _Run(row.start, row.end, row.dose)
        if run.end - run.start + 1 >= at_least:
            found = run
    return found if found is not None and view.is_current(found.end) else None


def _no_amount(view: View, rule_id: str, uses: Sequence[Use]) -> NotEvaluable:
    """What uses come to in diazepam cannot be said, and why."""
    return cannot_judge(rule_id, [use.line.id for use in uses], _why_no_amount(view, uses))


def _why_no_amount(view: View, uses: Sequence[Use]) -> str:
    """The dose, the figure that compares it with diazepam, or the days: what is lacking of each."""
    doseless = [use for use in uses if use.mg is None]
    without = [use for use in uses if use not in doseless and not view.scale.factors[use.drug.key]]
    rest = [use for use in uses if use not in doseless and use not in without]
    reasons = []
    if doseless:
        reasons.append(f"The daily dose is not known for {words.listed(names(doseless))}.")
    if without:
        reasons.append(f"No diazepam equivalent is held for {words.listed(names(without))}.")
    if rest:
        reasons.append(f"{words.sentence_case(length_unknown(rest))}.")
    return " ".join(reasons)


def _no_maximum(view: View, uses: Iterable[Use]) -> bool:
    """Is there a use for which no labelled maximum is held?"""
    return any(not use.drug.max_mg_per_day.get(view.profile) for use in uses)


def _is_added_up(view: View, stretch: Stretch) -> bool:
    """Two benzodiazepines or more, or one for which no labelled maximum is held."""
    uses = [part.use for part in stretch.parts if part.use.mask & BENZODIAZEPINE]
    return len({use.drug.key for use in uses}) > 1 or _no_maximum(view, uses)


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
def total_equivalent(view: View, limit: Limits) -> Says:
    """DOSE-01. Two or more benzodiazepines together come to more than the profile's maximum in
    diazepam equivalents on 7 days in a row or more (with Z-drugs in the UK profile); urgent over
    60 mg. For one benzodiazepine alone only where no labelled maximum is held for it."""
    benzodiazepines = [use for use in view.uses if use.mask & BENZODIAZEPINE]
    if len({use.drug.key for use in benzodiazepines}) < 2 and not _no_maximum(
        view, benzodiazepines
    ):
        return
    rows = [row for row in view.daily if _is_added_up(view, row.stretch)]
    unsure = [use for row in rows if view.is_current(row.end) for use in row.dose.missing]
    run = _current_run(view, rows, limit["urgent_over_mg"], limit["dose_days"])
    urgent = run is not None
    if run is None:
        run = _current_run(view, rows, limit["over_mg"], limit["dose_days"])
    if not urgent:
        if unsure:
            yield _no_amount(view, "DOSE-01", unsure)
        yield from length_not_known("DOSE-01", _perhaps_added_up(view))
    if run is None:
        return
    if not urgent and view.base == "UK" and "spasticity_neurological" in view.exemptions:
        return
    yield _over_in_all(view, limit, rows, run, urgent=urgent, unsure=unsure)


def _perhaps_added_up(view: View) -> Sequence[Use]:
    """Benzodiazepines of unknown length in use that may be added up with another."""
    now = [use for use in view.now if use.mask & BENZODIAZEPINE]
    vague = [use for use in now if use.end is None]
    if len({use.drug.key for use in now}) > 1 or _no_maximum(view, vague):
        return vague
    return []


def _over_in_all(
    view: View,
    limit: Limits,
    rows: list[DailyEquivalent],
    run: _Run,
    *,
    urgent: bool,
    unsure: list[DatedUse],
) -> Candidate:
    uses = [
        part.use
        for stretch in view.stretches
        if run.start <= stretch.start <= run.end
        for part in stretch.parts
        if part.use.mask & view.scale.counted
    ]
    keys = frozenset(use.drug.key for use in uses)
    several = any(
        len({part.use.drug.key for part in row.stretch.parts if part.use.mask & BENZODIAZEPINE}) > 1
        for row in rows
        if view.is_current(row.end)
    )
    drugs = words.listed(names(uses))
    days, peak = run.end - run.start + 1, run.peak
    come = words.verb(drugs, "come")
    if view.reached(run.end + 1):
        come = "came"
    return about_use(
        view,
        "DOSE-01",
        1 if urgent else 2,
        uses=uses,
        title=(
            f"{words.sentence_case(drugs)}: about {words.amount(round(peak.mg, 1))} mg diazepam "
            "equivalent a day"
        ),
        sentence=(
            f"{words.sentence_case(drugs)} {come} to {peak.in_words()} a day, for "
            f"{words.days(days)} from {words.day(run.start)}; the maximum of the "
            f"{view.profile_in_words} is {words.amount(limit['over_mg'])} mg."
        ),
        facts=(
            *peak.facts(),
            Fact("over_mg", "Threshold, over", limit["over_mg"], "mg a day"),
            Fact("dose_days", "Days in a row", days, "days"),
        ),
        clears="The doses are confirmed with specialist advice, or come down gradually.",
        unknown=(_why_no_amount(view, unsure) if unsure else ""),
        # What several come to is about no one of them.
        drugs=frozenset() if several else keys,
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
def escalation(view: View, limit: Limits) -> Says:
    """DOSE-04. The daily dose in diazepam equivalents rises by half or more, and by 5 mg or more,
    against the mean of the exposed days of the 28 days before; or it rises three times or more
    within 90 days. Judged for 28 days after the rise; a planned titration does not count; review
    with a history of substance use disorder, digest otherwise. Shown by TAP-05 during a taper."""
    if len(view.uses) > 1:
        counted = [use for use in view.now if use.mask & view.scale.counted]
        yield from length_not_known("DOSE-04", [use for use in counted if use.end is None])
    if len(view.spans) < 2 and not any(span.use.line.schedule for span in view.spans):
        return
    blank = [use for row in view.daily if view.is_current(row.end) for use in row.dose.missing]
    if blank:
        yield _no_amount(view, "DOSE-04", blank)
    rises = _rises(view, limit)
    recent = [rise for rise in rises if view.started_recently(rise.day)]
    if not recent:
        return
    many = [rise for rise in rises if recent[-1].day - rise.day <= limit["rises_within_days"]]
    sharp = [rise for rise in recent if rise.is_sharp(limit)]
    if sharp or len(many) >= limit["rises_from_count"]:
        yield _risen(view, limit, sharp[-1] if sharp else None, many)


WEEK = 7


class _Rise(NamedTuple):
    """The daily dose rose on a day; `mean_mg` is that of the exposed days before, None without.

    `before` and `after` are the amounts taken until and from that day.
    """

    day: int
    dose: Equivalent
    mean_mg: float | None
    before: Stretch
    after: Stretch

    def is_sharp(self, limit: Limits) -> bool:
        """By so much of the mean, and by so many mg."""
        return bool(
            self.mean_mg
            and self.dose.mg >= self.mean_mg * (1 + limit["rise_percent"] / 100) - 1e-9
            and self.dose.mg - self.mean_mg >= limit["rise_from_mg"] - 1e-9
        )


def _rises(view: View, limit: Limits) -> list[_Rise]:
    """Days on which the daily dose rose with a supply begun on it, planned titration left out."""
    window = limit["mean_of_days"]
    known = [row for row in view.daily if row.dose.mg and not row.dose.missing]
    return [
        _Rise(
            after.start,
            after.dose,
            _mean_before(view.daily, after.start, window),
            before.stretch,
            after.stretch,
        )
        for before, after in itertools.pairwise(known)
        if after.dose.mg > before.dose.mg * 1.001
        and after.start - before.end <= window
        and _begins_untitrated(after, view.scale.counted)
        and not _alternates(known, before, after)
    ]


def _alternates(
    rows: list[DailyEquivalent], before: DailyEquivalent, after: DailyEquivalent
) -> bool:
    """Does a written schedule only come back to an amount of the week before, as on alternate
    nights?"""
    of_before = {part.use for part in before.stretch.parts}
    begun = [part for part in after.stretch.parts if part.start == after.start]
    if not all(part.use.line.schedule and part.use in of_before for part in begun):
        return False
    week = [row.dose.mg for row in rows if after.start - WEEK <= row.end < after.start]
    return after.dose.mg <= max(week) * 1.001


def _begins_untitrated(row: DailyEquivalent, counted: int) -> bool:
    begun = [
        part.use
        for part in row.stretch.parts
        if part.use.mask & counted and part.start == row.start
    ]
    return bool(begun) and all(use.line.change_reason != "titration" for use in begun)


def _risen(view: View, limit: Limits, sharp: _Rise | None, many: list[_Rise]) -> Candidate:
    """One sharp rise, or as many as count."""
    within = limit["rises_within_days"]
    disorder = view.person.had("substance_use_disorder")
    rises = Fact("rises", f"Rises in {within} days", len(many))
    if sharp is None or sharp.mean_mg is None:
        day, facts = many[-1].day, (rises,)
        risen = f"The daily dose rises {len(many)} times in {within} days"
        if view.reached(day):
            risen = f"The daily dose rose {len(many)} times in {within} days"
    else:
        day, mean = sharp.day, sharp.mean_mg
        rose = "rose" if view.reached(day) else "is to rise"
        facts = (
            *sharp.dose.facts(),
            Fact("mean_before_mg", "Mean of the 28 days before", round(mean, 2), "mg a day"),
            rises,
        )
        risen = (
            f"The daily dose {rose} on {words.day(day)} from a mean of "
            f"{words.amount(round(mean, 1))} mg to {sharp.dose.in_words()}"
        )
    return about_use(
        view,
        "DOSE-04",
        2 if disorder else 3,
        key=words.iso(day),
        title=_what_rose(view, many[-1] if sharp is None else sharp),
        sentence=f"{risen}; that can be a sign of tolerance.",
        facts=facts,
        clears="Signs of dependence are asked for and the plan recorded.",
    )


def _what_rose(view: View, rise: _Rise) -> str:
    """A title that names the medicine whose dose rose, or the one that was added to another."""
    before, after = (_mg_by_name(view, stretch) for stretch in (rise.before, rise.after))
    has_come = view.reached(rise.day)
    added = [name for name in after if name not in before]
    kept = [name for name in after if name in before]
    if added and kept:
        verb = "added" if has_come else "to be added"
        return f"{words.sentence_case(words.listed(added))} {verb} to {words.listed(kept)}"
    if added:
        verb = "took" if has_come else "is to take"
        taken = words.sentence_case(words.listed(added))
        return f"{taken} {verb} the place of {words.listed(before)} in a higher dose"
    risen = [name for name in kept if after[name] > before[name]] or kept
    return f"Dose of {words.listed(risen)} {'raised' if has_come else 'to be raised'}"


def _mg_by_name(view: View, stretch: Stretch) -> dict[str, float]:
    """The mg a day of each drug that is added up, by its name."""
    found: dict[str, float] = {}
    for part in stretch.parts:
        if part.use.mask & view.scale.counted:
            name = part.use.drug.name
            found[name] = found.get(name, 0.0) + (part.mg or 0.0)
    return found


def _mean_before(rows: Iterable[DailyEquivalent], day: int, window: int) -> float | None:
    """Mean daily dose over the exposed days of a window before a day; None without any."""
    total = days = 0
    for row in rows:
        first, last = max(row.start, day - window), min(row.end, day - 1)
        if first <= last and row.dose.mg:
            total += row.dose.mg * (last - first + 1)
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
    parameters=BANDS,
)
def risk_band(view: View, limit: Limits) -> Says:
    """DOSE-05. A label for the risk of dependence, from the dose alone: low, moderate or high by
    ASAM's own figures for diazepam, clonazepam, lorazepam and alprazolam; other benzodiazepines,
    and several together, by diazepam equivalents against 10 and 15 mg."""
    bands = [(stretch, banded(view.scale, limit, stretch)) for stretch in view.stretches_known]
    known = [(stretch, band) for stretch, band in bands if band is not None]
    if not known:
        counted = dict.fromkeys([*view.now, *_dosed(view)])
        unknown = [use for use in counted if use.mask & BENZODIAZEPINE and _lacks(view, use)]
        if unknown:
            yield _no_amount(view, "DOSE-05", unknown)
        return
    stretch, (level, mg, tables) = max(
        known,
        # Of equal bands that of today is told, else the one to come.
        key=lambda pair: (
            LEVELS.index(pair[1].level),
            not view.reached(pair[0].end + 1),
            view.reached(pair[0].start),
        ),
    )
    parts = [part for part in stretch.parts if part.use.mask & BENZODIAZEPINE]
    drugs = words.listed(names([part.use for part in parts]))
    yield about_use(
        view,
        "DOSE-05",
        4,
        uses=[part.use for part in parts],
        title=f"{words.sentence_case(level)} dose band",
        sentence=(
            f"The dose of {drugs} {_lies(view, stretch)} in the {level} band for the risk of "
            "dependence, which length of use raises further."
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


def _lies(view: View, stretch: Stretch) -> str:
    """Lies today, lay until lately, or is to lie."""
    if not view.reached(stretch.start):
        return f"is to lie, from {words.day(stretch.start)},"
    over = all(part.use.end is not None for part in stretch.parts) and view.reached(stretch.end + 1)
    return f"lay until {words.day(stretch.end)}" if over else "lies"


def _lacks(view: View, use: Use) -> bool:
    """Does a use lack the dose, the figure or the days that put it into a band?"""
    return use.mg is None or not view.scale.factors[use.drug.key] or use.end is None


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
def zolpidem_start(view: View, limit: Limits) -> Says:
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
            yield cannot_judge("DOSE-06", [use.line.id], "The dose of zolpidem is not known.")
            continue
        extended = release(use.line, use.recognition) == "extended_release"
        most = limit["extended_over_mg" if extended else "over_mg"]
        if mg <= most + 1e-9:
            continue
        yield about_use(
            view,
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
def two_z_drugs(view: View, limit: Limits) -> Says:
    """DUP-03. Two different Z-drugs are in hand together on 3 days or more."""
    by_drug: dict[str, list[Use]] = {}
    for use in view.uses:
        if use.mask & Z_DRUG:
            by_drug.setdefault(use.drug.key, []).append(use)
    if len(by_drug) < 2:
        return
    unsure = False
    for a, b in itertools.combinations(sorted(by_drug), 2):
        found = view.in_hand.together(by_drug[a], by_drug[b], limit["overlap_from_days"])
        if found is UNSURE:
            unsure = True
        elif found is not None:
            yield _two_together(view, found, f"{a}+{b}")
            return
    if unsure:
        yield cannot_compare(view, "DUP-03", [])


def _two_together(view: View, found: Together, keys: str) -> Candidate:
    likely = any(
        dependence(view, episode, min(view.today, episode.end)) for episode in view.current
    )
    if not likely and any(episode.end > view.today for episode in view.current):
        view.watch(view.today + 1)  # dependence may be reached on any day of the supply
    drugs = words.listed(names([*found.a, *found.b]))
    return candidate(
        "DUP-03",
        2,
        key=f"DUP-03:{keys}",
        line_ids=found.line_ids,
        title=f"{words.sentence_case(drugs)} together",
        sentence=(
            f"{together_sentence(found)}. Both are Z-drugs and act in the same way; one is usually "
            "enough, and the other is tapered"
            + (", as dependence is to be expected." if likely else ".")
        ),
        facts=together_facts(found),
        clears="One of the two is tapered off, or a decision records why both are needed.",
        unknown=unknown_ends(found),
    )


@rule(
    "DUP-04",
    family="Dose and duplication",
    title="The same medicine twice",
    theme=SUPPLY,
    severity=S3,
    shown=QUEUED,
    sources=("portal",),
    parameters=(parameter("overlap_over_days", DAYS, "Supplied twice, over", 7),),
    idle=True,
)
def same_medicine_twice(view: View, limit: Limits) -> Says:
    """DUP-04. Supplies of the same ingredient still overlap on more than 7 days after early refills
    were carried forward by up to 15 days; or one product is recorded twice in one dose from one
    day, and nobody can tell whether that is one supply or two. Its dose is counted once."""
    yield from _recorded_twice(view)
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
        yield about_use(
            view,
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


def _recorded_twice(view: View) -> Says:
    """Records of one product, dose and day that are in use, or may be."""
    by_drug: dict[str, list[Copy]] = {}
    for copy in view.copies:
        if view.is_current(max(copy.use.reach, copy.kept.reach)):
            by_drug.setdefault(copy.use.drug.key, []).append(copy)
    for key, copies in by_drug.items():
        latest = max(copies, key=lambda copy: (copy.use.start, copy.use.line.id))
        name, mg = latest.kept.drug.name, latest.kept.mg
        alike = [copy for copy in copies if copy.kept is latest.kept]
        records = len(alike) + 1
        dose = "The dose was counted once"
        if mg is not None:
            times = words.amount(round(mg * records, 4))
            dose += (
                f", {words.amount(round(mg, 4))} mg a day; taken side by side they are {times} mg"
            )
        yield about_use(
            view,
            "DUP-04",
            3,
            uses=[use for copy in copies for use in copy],
            key=f"{key}:recorded twice",
            title=f"{words.sentence_case(name)} recorded twice for {words.day(latest.kept.start)}",
            sentence=(
                f"{records} records say the same dose of {name} from "
                f"{words.day(latest.kept.start)}, and may be of one supply. {dose}."
            ),
            facts=(Fact("records", "Records of that day", records),),
            clears="A copy is marked as entered in error, or the doses are recorded as one.",
        )

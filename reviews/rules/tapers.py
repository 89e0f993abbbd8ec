"""Tapers: TAP-01 to TAP-07.

Texts here ask for contact, review or a slower taper; none tells anybody to end a medicine.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dependence import dependence
from reviews.rules.dossier import UNDER_WAY, Taper
from reviews.rules.equivalents import DailyEquivalent
from reviews.rules.exposure import DatedUse, Episode, same_product
from reviews.rules.finding import Fact
from reviews.rules.naming import ids_of, names
from reviews.rules.parameters import COUNT, DAYS, MG, PERCENT, Limits, parameter
from reviews.rules.patient import pregnant
from reviews.rules.presence import DoseChange
from reviews.rules.rule import QUEUED, S2, S3, STOPPING, TAPERS, Grading, rule
from reviews.rules.saying import Says, candidate, cannot_judge
from reviews.rules.stopping import is_smallest
from reviews.rules.view import View


class DoseStep(NamedTuple):
    """From this day on so many mg a day; `equivalent_mg` is that in diazepam, None = no figure."""

    day: int
    mg: float
    equivalent_mg: float | None


def _planned(view: View, taper: Taper) -> list[DoseStep]:
    """The steps of a taper in order of their days."""
    factor = view.scale.factors.get(taper.drug)
    return [
        DoseStep(
            step.on.toordinal(), step.mg_per_day, step.mg_per_day * factor.value if factor else None
        )
        for step in sorted(taper.steps)
    ]


def _reductions(steps: list[DoseStep]) -> list[int]:
    """The days on which the dose comes down."""
    return [after.day for before, after in itertools.pairwise(steps) if after.mg < before.mg]


def _lines_of(view: View, drug: str) -> tuple[int, ...]:
    uses = [use for use in view.uses if use.drug.key == drug]
    return ids_of(uses or view.uses or view.rescue)


def _name(view: View, drug: str) -> str:
    """The name of a taper's drug; its key where the book lacks it."""
    return view.book.drugs[drug].name if drug in view.book.drugs else drug


class _Fall(NamedTuple):
    """A dose came down, or is to come down, from one amount to another by a day."""

    day: int
    before_mg: float
    after_mg: float

    @property
    def share(self) -> float:
        return (self.before_mg - self.after_mg) / self.before_mg


def _is_small(before: DoseStep, after: DoseStep, limit: Limits) -> bool:
    """A small fall from a small dose, both in diazepam equivalents."""
    return (
        before.equivalent_mg is not None
        and after.equivalent_mg is not None
        and before.equivalent_mg <= limit["floor_start_mg"] + 1e-9
        and before.equivalent_mg - after.equivalent_mg <= limit["floor_fall_mg"] + 1e-9
    )


def _steepest(
    steps: Sequence[DoseStep],
    limit: Limits,
    smallest: Callable[[float], bool],
    counts: Callable[[int], bool] | None = None,
) -> _Fall | None:
    """The steepest fall in any window of days; None when none counts.

    A window begins with a step: what was taken before it is the dose at its start. The last step
    to nothing from the smallest dose is no fall; what came before it is. `counts` says whether a
    fall on a day is looked at.
    """
    falls = []
    for before, (n, first) in zip(steps, enumerate(steps[1:], 1), strict=False):
        if before.mg <= 0:
            continue
        for step in steps[n:]:
            if step.day > first.day + limit["window_days"] - 1:
                break
            if step.mg >= before.mg or _is_small(before, step, limit):
                continue
            if counts is not None and not counts(step.day):
                continue
            at = next(i for i, each in enumerate(steps) if each.day == step.day)
            if step.mg > 0 or not smallest(steps[at - 1].mg):
                falls.append(_Fall(step.day, before.mg, step.mg))
    return max(falls, key=lambda fall: fall.share, default=None)


class _Issued(NamedTuple):
    """Dose changes of a current episode in diazepam equivalents, and uses whose dose is unknown."""

    episode: Episode
    steps: list[DoseStep]
    unknown: list[DatedUse]


def _issued(view: View) -> Iterator[_Issued]:
    """The doses issued in each current episode; what lacked a dose or a figure only lately."""
    for episode in view.current:
        steps: list[DoseStep] = []
        unknown: list[DatedUse] = []
        before: DailyEquivalent | None = None
        for row in view.daily_trend:
            start, dose = row.start, row.dose
            # A supply that will run out is no lower dose yet; an issue that begins then is, unless
            # it only goes on as before.
            coming = start > view.today and not _begins_anew(before, row)
            before = row
            if not episode.start <= start <= episode.end or coming:
                continue
            if dose.missing:
                unknown += dose.missing if view.started_recently(row.end) else ()
            elif dose.mg > 0 and (not steps or steps[-1].mg != dose.mg):
                steps.append(DoseStep(start, dose.mg, dose.mg))
        yield _Issued(episode, steps, unknown)


def _begins_anew(before: DailyEquivalent | None, row: DailyEquivalent) -> bool:
    """Does an issue begin on its first day that differs from what was taken until then?"""
    earlier = () if before is None else before.stretch.parts
    return any(
        part.start == row.start
        and not any(same_product(part.use, each.use) and part.mg == each.mg for each in earlier)
        for part in row.stretch.parts
    )


@rule(
    "TAP-01",
    family="Stopping and tapering",
    title="Taper faster than 25 % in two weeks",
    theme=STOPPING,
    severity=Grading("S2; S1 over 50 %", (1, 2)),
    shown=QUEUED,
    sources=("asam-2025-6", "tap-01"),
    parameters=(
        parameter("window_days", DAYS, "Looked at over", 14),
        parameter("fall_over_percent", PERCENT, "Fall of the dose, over", 25),
        parameter("urgent_over_percent", PERCENT, "Urgent over", 50),
        parameter("exposed_from_days", DAYS, "Exposure, from", 28),
        parameter("floor_start_mg", MG, "Left out: from a dose of at most", 10),
        parameter("floor_fall_mg", MG, "Left out: a fall of at most", 2),
        parameter("last_step_mg", MG, "Left out: to nothing from at most", 1),
    ),
)
def too_fast(view: View, limit: Limits) -> Says:
    """TAP-01. A planned or issued dose falls by more than 25 % of the dose at the start of any 14
    days, the first step included; urgent over 50 %. Not where the start is 10 mg diazepam
    equivalent or less and the fall 2 mg or less, not the last step to nothing from 1 mg or the
    smallest unit, and not before 28 exposed days (of a dose issued: on the day of the fall) while
    dependence is not to be expected."""
    if view.current and not _gate(view, limit):
        planned = any(taper.status in UNDER_WAY for taper in view.dossier.tapers)
        lasts = view.today < max(episode.end for episode in view.current)
        if lasts and (planned or len(view.stretches) > 1):
            view.watch(view.today + 1)  # dependence may be reached on any day of the supply
        return
    for taper in view.dossier.tapers:
        if taper.status in UNDER_WAY:
            yield from _planned_fall(view, limit, taper)
    for issued in _issued(view):
        yield from _issued_fall(view, limit, issued)


def _gate(view: View, limit: Limits) -> bool:
    """Are there so many exposed days, or is dependence to be expected?"""
    return any(
        episode.exposed_days(episode.start, episode.end) >= limit["exposed_from_days"]
        or dependence(view, episode, min(view.today, episode.end))
        for episode in view.current
    )


def _used_for_long(view: View, limit: Limits, episode: Episode, until: int) -> bool:
    """The same of one episode up to a day: what came before a fall, and not what was to come."""
    return episode.exposed_days(episode.start, until) >= limit["exposed_from_days"] or bool(
        dependence(view, episode, until)
    )


def _planned_fall(view: View, limit: Limits, taper: Taper) -> Says:
    drug = view.book.drugs.get(taper.drug)
    steps = _planned(view, taper)
    if drug is None or not steps or steps[-1].day < view.today:
        return
    window = limit["window_days"]
    first = next(n for n, step in enumerate(steps) if step.day >= view.today - window)
    fall = _steepest(
        steps[max(first - 1, 0) :], limit, lambda mg: is_smallest(view, drug, mg, limit)
    )
    for step in steps:
        view.watch(step.day + 1)
        view.watch(step.day + window + 1)
    yield from _fall(
        limit, fall, drug.name, key=f"planned:{taper.id}", line_ids=_lines_of(view, drug.key)
    )


def _issued_fall(view: View, limit: Limits, issued: _Issued) -> Says:
    episode, steps, unknown = issued
    if unknown and len(view.stretches) > 1:
        yield cannot_judge(
            "TAP-01",
            [use.line.id for use in unknown],
            f"The dose of {words.listed(names(unknown))}, or what it equals, is not known.",
        )
    # A fall is looked at for 28 days; what lies further back was answered or has passed.
    recent = [n for n, step in enumerate(steps) if n > 0 and view.started_recently(step.day)]
    if recent:
        fall = _steepest(
            steps[recent[0] - 1 :],
            limit,
            lambda _: False,
            lambda day: _used_for_long(view, limit, episode, day - 1),
        )
        drugs = words.listed(names(episode.spans))
        key = f"issued:{words.iso(episode.start)}"
        yield from _fall(limit, fall, drugs, key=key, line_ids=episode.line_ids)


def _fall(
    limit: Limits, fall: _Fall | None, drugs: str, *, key: str, line_ids: tuple[int, ...]
) -> Says:
    """A fall of more than the limit; its key begins with "planned" or "issued"."""
    if fall is None or not line_ids:
        return
    percent = 100 * fall.share
    if percent <= limit["fall_over_percent"] + 1e-9:
        return
    urgent = percent > limit["urgent_over_percent"] + 1e-9
    planned = key.startswith("planned")
    unit = "mg" if planned else "mg diazepam equivalent"
    before, after = fall.before_mg, fall.after_mg
    yield candidate(
        "TAP-01",
        1 if urgent else 2,
        key=f"TAP-01:{key}",
        line_ids=line_ids,
        title=f"{'Planned' if planned else 'Issued'} dose of {drugs} falls by {percent:.0f} %",
        sentence=(
            f"The {'planned' if planned else 'issued'} dose of {drugs} falls from "
            f"{words.amount(round(before, 2))} to {words.amount(round(after, 2))} {unit} "
            f"a day by {words.day(fall.day)}, within {limit['window_days']} days; guidance is 5 to "
            f"10 % at a step and not more than {limit['fall_over_percent']} % in two weeks, so "
            "slow it down or pause."
        ),
        facts=(
            Fact("fall_percent", "Fall", round(percent, 1), "%"),
            Fact("over_percent", "Threshold, over", limit["fall_over_percent"], "%"),
            Fact("dose_before_mg", "Before", round(before, 4), f"{unit} a day"),
            Fact("dose_after_mg", "After", round(after, 4), f"{unit} a day"),
            Fact("by", "By", words.iso(fall.day), "date"),
        ),
        clears="The steps are made smaller or wider apart, or the reason is recorded.",
    )


@rule(
    "TAP-02",
    family="Stopping and tapering",
    title="Large step after long use",
    theme=STOPPING,
    severity=S3,
    shown=QUEUED,
    sources=("asam-2025-6", "cks-2019"),
    parameters=(
        parameter("exposed_from_days", DAYS, "Exposure, from", 365),
        parameter("step_over_percent", PERCENT, "Step of the taper, over", 10),
        parameter("floor_start_mg", MG, "Left out: from a dose of at most", 10),
        parameter("floor_fall_mg", MG, "Left out: a fall of at most", 2),
        parameter("last_step_mg", MG, "Left out: to nothing from at most", 1),
    ),
    needs=TAPERS,
)
def large_step(view: View, limit: Limits) -> Says:
    """TAP-02. A planned step of more than 10 % after 365 exposed days or more, or after an earlier
    taper that was given up; with the same small doses left out as TAP-01."""
    failed = any(taper.status == "failed" for taper in view.dossier.tapers)
    if not failed and view.days < limit["exposed_from_days"]:
        return
    why = "after an earlier taper that was given up" if failed else "after a year of use"
    for taper in view.dossier.tapers:
        steps = _planned(view, taper)
        if taper.status not in UNDER_WAY or taper.drug not in view.book.drugs or not steps:
            continue
        view.watch(steps[-1].day + 1)
        fall = _first_large(view, limit, taper, steps)
        if fall is None:
            continue
        name, percent = _name(view, taper.drug), 100 * fall.share
        yield candidate(
            "TAP-02",
            3,
            key=f"TAP-02:{taper.id}",
            line_ids=_lines_of(view, taper.drug),
            title=f"A step of {percent:.0f} % in the taper of {name}",
            sentence=(
                f"On {words.day(fall.day)} the taper of {name} goes from "
                f"{words.amount(fall.before_mg)} to {words.amount(fall.after_mg)} mg a day; {why}, "
                "smaller steps are easier to bear."
            ),
            facts=(
                Fact("step_percent", "Step", round(percent, 1), "%"),
                Fact("over_percent", "Threshold, over", limit["step_over_percent"], "%"),
                Fact("on", "On", words.iso(fall.day), "date"),
            ),
            clears="The steps are made smaller, or a decision records why not.",
        )


def _first_large(view: View, limit: Limits, taper: Taper, steps: list[DoseStep]) -> _Fall | None:
    """The first step still to come that is over the limit, small doses left out."""
    drug = view.book.drugs[taper.drug]
    for before, after in itertools.pairwise(steps):
        if view.reached(after.day + 1) or before.mg <= 0 or after.mg >= before.mg:
            continue
        last_small = after.mg == 0 and is_smallest(view, drug, before.mg, limit)
        if last_small or _is_small(before, after, limit):
            continue
        fall = _Fall(after.day, before.mg, after.mg)
        if 100 * fall.share > limit["step_over_percent"] + 1e-9:
            return fall
    return None


@rule(
    "TAP-03",
    family="Stopping and tapering",
    title="Taper without contact",
    theme=STOPPING,
    severity=S3,
    shown=QUEUED,
    sources=("asam-2025-9", "scotgov-2024-tolerance"),
    parameters=(
        parameter("contact_over_days", DAYS, "Without contact, over", 28),
        parameter("after_step_days", DAYS, "Contact after a reduction, within", 7),
        parameter("first_steps_count", COUNT, "First reductions to be followed up", 2),
    ),
    needs=TAPERS,
)
def no_contact(view: View, limit: Limits) -> Says:
    """TAP-03. A taper is under way, and nobody asked how it goes for over 28 days, or not within 7
    days after the first or second reduction."""
    for taper in view.dossier.tapers:
        if taper.status != "active" or not taper.steps:
            continue
        steps = _planned(view, taper)
        why = _not_asked(view, limit, taper, steps)
        line_ids = _lines_of(view, taper.drug)
        if not why or not line_ids:
            continue
        name, contact = _name(view, taper.drug), taper.last_contact_on
        yield candidate(
            "TAP-03",
            3,
            key=f"TAP-03:{taper.id}",
            line_ids=line_ids,
            title=f"Taper of {name}: no contact",
            sentence=(
                f"The taper of {name} is under way, and {why}; each reduction is to be followed up."
            ),
            facts=(
                Fact(
                    "last_contact",
                    "Last contact",
                    None if contact is None else words.iso(contact.toordinal()),
                    "date",
                ),
            ),
            clears="A contact with its outcome is recorded.",
        )


def _not_asked(view: View, limit: Limits, taper: Taper, steps: list[DoseStep]) -> str:
    """Why a contact is due, over all or after one of the first reductions; empty when none is."""
    contact = None if taper.last_contact_on is None else taper.last_contact_on.toordinal()
    last = steps[0].day if contact is None else contact
    begun = view.reached(steps[0].day)
    why = ""
    if view.reached(last + limit["contact_over_days"] + 1) and begun:
        why = f"nobody asked how it goes since {words.day(last)}"
    for day in _reductions(steps)[: limit["first_steps_count"]]:
        due = view.reached(day + limit["after_step_days"] + 1)
        if due and (contact is None or contact < day):
            why = why or (
                f"nobody asked within {limit['after_step_days']} days after the reduction of "
                f"{words.day(day)}"
            )
    return why


@rule(
    "TAP-04",
    family="Stopping and tapering",
    title="Taper at a halt",
    theme=STOPPING,
    severity=S3,
    shown=QUEUED,
    sources=("asam-2025-maintenance", "tap-04"),
    parameters=(parameter("stalled_from_days", DAYS, "Without a reduction, from", 84),),
    needs=TAPERS,
)
def stalled(view: View, limit: Limits) -> Says:
    """TAP-04. A taper is under way or paused, and the dose has not come down for 84 days or more,
    without an agreement to keep a lower dose."""
    for taper in view.dossier.tapers:
        if taper.status not in {"active", "paused"} or not taper.steps or taper.maintenance_agreed:
            continue
        steps = _planned(view, taper)
        for step in steps:
            view.watch(step.day)
        passed = [day for day in _reductions(steps) if day <= view.today]
        last = max([steps[0].day, *passed])
        line_ids = _lines_of(view, taper.drug)
        if not view.reached(last + limit["stalled_from_days"]) or not line_ids:
            continue
        name = _name(view, taper.drug)
        yield candidate(
            "TAP-04",
            3,
            key=f"TAP-04:{taper.id}",
            line_ids=line_ids,
            title=f"Taper of {name} has come to a halt",
            sentence=(
                f"The dose of {name} has not come down since {words.day(last)}, for "
                f"{limit['stalled_from_days']} days or more, and keeping a lower dose is not "
                "recorded as agreed."
            ),
            facts=(
                Fact("last_reduction", "Last reduction", words.iso(last), "date"),
                Fact("from_days", "Threshold, from", limit["stalled_from_days"], "days"),
            ),
            clears="The taper is planned anew, or a lower dose is agreed and recorded.",
        )


@rule(
    "TAP-05",
    family="Stopping and tapering",
    title="Dose raised during a taper",
    theme=STOPPING,
    severity=S3,
    shown=QUEUED,
    sources=("asam-2025-11",),
    parameters=(parameter("rise_percent", PERCENT, "Rise of the dose, from", 20),),
    needs=TAPERS,
)
def raised_during_taper(view: View, limit: Limits) -> Says:
    """TAP-05. During a taper the dose issued rises by 20 % or more, in the last 28 days. That is no
    failure: going back to the dose before, or a pause, is acceptable. Shown in place of DOSE-04."""
    for taper in view.dossier.tapers:
        if taper.status != "active" or not taper.steps:
            continue
        begun = min(step.on for step in taper.steps).toordinal()
        for change in _issued_changes(view, taper.drug):
            before, after = change.before_mg, change.after_mg
            if not before or after < before * (1 + limit["rise_percent"] / 100) - 1e-9:
                continue
            if change.day < begun or not view.started_recently(change.day):
                continue
            name = _name(view, taper.drug)
            yield candidate(
                "TAP-05",
                3,
                key=f"TAP-05:{taper.id}:{words.iso(change.day)}",
                line_ids=_lines_of(view, taper.drug),
                title=f"Dose of {name} raised during the taper",
                sentence=(
                    f"On {words.day(change.day)} the dose of {name} rose from "
                    f"{words.amount(before)} to {words.amount(after)} mg a day during its "
                    "taper; a pause or a step back is acceptable and no failure."
                ),
                facts=(
                    Fact("dose_before_mg", "Before", before, "mg a day"),
                    Fact("dose_after_mg", "After", after, "mg a day"),
                    Fact("rise_percent", "Threshold, from", limit["rise_percent"], "%"),
                ),
                clears="The taper is planned on from the new dose.",
            )
            return


def _issued_changes(view: View, drug: str) -> list[DoseChange]:
    """From each daily amount of a drug issued in the current episodes to the next that is known."""
    known: list[tuple[int, float]] = []
    for stretch in view.trend:
        amounts = [part.mg for part in stretch.parts if part.use.drug.key == drug]
        given = [mg for mg in amounts if mg is not None]
        if given and len(given) == len(amounts):
            known.append((stretch.start, sum(given)))
    return [
        DoseChange(day, before, after) for (_, before), (day, after) in itertools.pairwise(known)
    ]


@rule(
    "TAP-06",
    family="Stopping and tapering",
    title="Taper at label speed",
    theme=STOPPING,
    severity=S3,
    shown=QUEUED,
    sources=("label-tapers", "asam-2025-6"),
    parameters=(
        parameter("exposed_from_days", DAYS, "Exposure, from", 90),
        parameter("step_every_days", DAYS, "Days between steps, up to", 3),
    ),
    needs=TAPERS,
)
def label_speed(view: View, limit: Limits) -> Says:
    """TAP-06. After 90 exposed days or more, a planned taper takes a step every 3 days or faster,
    the speed of some labels. Shown by TAP-01 where that fires."""
    if view.days < limit["exposed_from_days"]:
        return
    for taper in view.dossier.tapers:
        steps = _planned(view, taper)
        if taper.status not in UNDER_WAY or len(steps) < 3 or view.reached(steps[-1].day + 1):
            continue
        gaps = [after - day for day, after in itertools.pairwise(_reductions(steps))]
        line_ids = _lines_of(view, taper.drug)
        if not gaps or min(gaps) > limit["step_every_days"] or not line_ids:
            continue
        name, every = _name(view, taper.drug), words.days(min(gaps))
        yield candidate(
            "TAP-06",
            3,
            key=f"TAP-06:{taper.id}",
            line_ids=line_ids,
            title=f"Taper of {name} with a step every {every}",
            sentence=(
                f"The taper of {name} takes a step every {every}, as some labels do; after long "
                "use guidance is a step every 2 to 4 weeks."
            ),
            facts=(
                Fact("days_between", "Days between steps", min(gaps), "days"),
                Fact("every_days", "Threshold, up to", limit["step_every_days"], "days"),
            ),
            clears="The steps are planned further apart, or a decision records why not.",
        )


@rule(
    "TAP-07",
    family="Stopping and tapering",
    title="Level of care for a taper",
    theme=STOPPING,
    severity=S2,
    shown=QUEUED,
    sources=("asam-2025-5", "tap-07"),
    parameters=(parameter("over_mg", MG, "Daily amount, over", 40),),
    needs=TAPERS,
)
def level_of_care(view: View, limit: Limits) -> Says:
    """TAP-07. A taper is planned or under way, and it may need in-patient care: an earlier
    withdrawal seizure or delirium tremens, over 40 mg diazepam equivalent a day, severe illness
    beside it, or pregnancy."""
    tapers = [taper for taper in view.dossier.tapers if taper.status in UNDER_WAY]
    if not tapers or not view.uses:
        return
    reasons = _reasons_for_care(view, limit)
    if not reasons:
        return
    yield candidate(
        "TAP-07",
        2,
        key=f"TAP-07:{tapers[0].id}",
        line_ids=tuple(sorted({i for taper in tapers for i in _lines_of(view, taper.drug)})),
        title="Where should this taper take place?",
        sentence=(
            f"A taper is planned or under way with {words.listed(reasons)}; decide on the level of "
            "care, in-patient if imminent harm or severe withdrawal is to be expected."
        ),
        facts=(
            Fact("reasons", "On record", "; ".join(reasons)),
            Fact("over_mg", "Threshold, over", limit["over_mg"], "mg a day"),
        ),
        clears="A decision records the level of care.",
    )


def _reasons_for_care(view: View, limit: Limits) -> list[str]:
    """Reasons to think of in-patient care."""
    person = view.person
    reasons = []
    if person.answer("withdrawal_complication") == "yes" or person.had("withdrawal_complication"):
        reasons.append("an earlier withdrawal seizure or delirium tremens")
    doses = [row.dose for row in view.daily if view.is_current(row.end)]
    highest = max(doses, key=lambda dose: dose.mg, default=None)
    if highest is not None and highest.mg > limit["over_mg"] + 1e-9:
        reasons.append(highest.in_words())
    if person.answer("severe_comorbidity") == "yes":
        reasons.append("a severe illness")
    if pregnant(view):
        reasons.append("pregnancy")
    return reasons

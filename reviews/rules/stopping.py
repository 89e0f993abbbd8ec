"""The end of a supply, and tapers: STOP-01 to STOP-03 and TAP-01 to TAP-07.

Texts here ask for contact, review or a slower taper; none tells anybody to end a medicine.
"""

import itertools

from reviews.rules import words
from reviews.rules.equivalents import daily, dependence, factor
from reviews.rules.exposure import DatedUse, Episode, Span, episodes, pieces
from reviews.rules.finding import Fact
from reviews.rules.naming import ids_of, names
from reviews.rules.parameters import COUNT, DAYS, MG, PERCENT, parameter
from reviews.rules.patient import pregnant
from reviews.rules.rule import INTERRUPTING, QUEUED, S1, S2, S3, STOPPING, TAPERS, Grading, rule
from reviews.rules.view import View

UNDER_WAY = frozenset({"planned", "active"})
AWAY = frozenset({"hospital", "moved"})
LEFT_OUT = frozenset({"admission", "discharge"})


def _latest(view):
    """The episode whose end may just have come: the last one to have begun by the day judged."""
    begun = [episode for episode in view.episodes if episode.start <= view.today]
    return begun[-1] if begun else None


def _last_spans(episode):
    return [span for span in episode.spans if span.end == episode.end]


def _tapering(view, keys, episode) -> bool:
    """Is a taper of one of the drugs planned, under way, paused, or completed in this episode?"""
    return any(
        taper.drug in keys
        and (
            taper.status in {*UNDER_WAY, "paused"}
            or (taper.status == "completed" and _belongs(taper, episode))
        )
        for taper in view.dossier.tapers
    )


def _belongs(taper, episode) -> bool:
    """Did its last step fall into the episode, or after it? A taper of years ago says nothing."""
    return bool(taper.steps) and taper.steps[-1].on.toordinal() >= episode.start


def _written_taper(span) -> bool:
    line = span.use.line
    if line.change_reason == "taper":
        return True
    amounts = [amount for amount, _ in line.schedule]
    return (
        len(amounts) > 1 and amounts == sorted(amounts, reverse=True) and amounts[0] > amounts[-1]
    )


@rule(
    "STOP-01",
    family="Stopping and tapering",
    title="Supply ended without a taper",
    theme=STOPPING,
    severity=S1,
    shown=QUEUED,
    sources=("fda-bzd-2020", "asam-2025-2", "racgp-b", "stop-01"),
    parameters=(
        parameter("short_from_days", DAYS, "After the end, short-acting, from", 2),
        parameter("intermediate_from_days", DAYS, "After the end, intermediate-acting, from", 4),
        parameter("long_from_days", DAYS, "After the end, long-acting, from", 7),
        parameter("stands_days", DAYS, "Shown for", 30),
    ),
    idle=True,
)
def abrupt_end(view: View, limit: dict):
    """STOP-01. Supply ended without a new one while dependence is to be expected: 2 days ago or
    more for a short-acting medicine (or one of unknown half-life), 4 for an intermediate and 7 for
    a long-acting one; no taper is planned, and the person is not in hospital, moved or dead. The
    same-day question is whether there are symptoms; usually it is given again and tapered."""
    episode = _latest(view)
    if episode is None:
        return
    ended = episode.end
    last = ended + limit["stands_days"]
    if view.today > last:
        return
    spans = _last_spans(episode)
    bands = {span.use.drug.band for span in spans}
    if bands <= {"long"}:
        grace, named = limit["long_from_days"], "long"
    elif bands <= {"long", "intermediate"}:
        grace, named = limit["intermediate_from_days"], "intermediate"
    else:
        grace, named = limit["short_from_days"], "short or unknown"
    view.watch(ended + grace)
    view.watch(last + 1)
    if view.today < ended + grace:
        return
    if any(span.start > ended for span in view.spans if span.start <= view.today):
        return
    keys = {span.use.drug.key for span in spans}
    if _tapering(view, keys, episode) or any(_written_taper(span) for span in spans):
        return
    if view.person.answer("care_status") in AWAY:
        return
    why = dependence(view, episode, ended)
    if not why:
        return
    vague = [use for use in view.unclear if use.start <= view.today and use.reach > ended]
    if vague or view.undated:
        view.cannot_judge(
            "STOP-01",
            [use.line.id for use in (*vague, *view.undated)],
            "Whether supply has ended is not known, because the length of another is not.",
        )
        return
    drugs = words.listed(names(spans))
    view.add(
        "STOP-01",
        1,
        key=f"STOP-01:{words.iso(episode.start)}:{words.iso(ended)}",
        line_ids=episode.line_ids,
        title=f"Supply of {drugs} ended on {words.day(ended)} without a taper",
        sentence=(
            f"The last supply of {drugs} ran to {words.day(ended)}, no further supply or taper is "
            f"on record, and dependence is to be expected ({why}); get in touch the same day, ask "
            "about withdrawal symptoms, and usually give it again and taper."
        ),
        facts=(
            Fact("supply_end", "Supply ran to", words.iso(ended), "date"),
            Fact("grace_days", "Threshold, from", grace, "days"),
            Fact("band", "Half-life band", named),
            Fact("gate", "Dependence expected", why),
        ),
        clears="A further supply, a taper plan or the contact with its outcome is recorded.",
    )


@rule(
    "STOP-02",
    family="Stopping and tapering",
    title="Ended by a prescriber without a taper",
    theme=STOPPING,
    severity=S1,
    shown=INTERRUPTING,
    sources=("fda-bzd-2020", "asam-2025-2", "stop-02"),
    parameters=(
        parameter("stands_days", DAYS, "Shown for", 30),
        parameter("last_step_mg", MG, "Left out: to nothing from at most", 1),
    ),
    idle=True,
)
def ended_by_a_prescriber(view: View, limit: dict):
    """STOP-02. A prescription is set to ended by a prescriber while dependence is to be expected,
    at any dose, and nothing takes its place. Urgent, and asks for a reason. Not at the end of a
    completed taper, whose last step was 1 mg diazepam equivalent or less, or the smallest unit."""
    episode = _latest(view)
    if episode is None:
        return
    ends: dict[tuple[str, int], list] = {}
    for span in episode.spans:
        line = span.use.line
        if line.status != "stopped":
            continue
        # Without a day of its own the end is that of the supply.
        ended = span.end if line.end_on is None else line.end_on.toordinal()
        if ended > view.today:
            view.watch(ended)
            continue
        view.watch(ended + limit["stands_days"] + 1)
        if view.today <= ended + limit["stands_days"]:
            ends.setdefault((span.use.drug.key, ended), []).append(span)
    for (key, ended), spans in sorted(ends.items()):
        replaced, beside = _goes_on(view, episode, spans, ended)
        if replaced:
            continue
        mine = _alone(view, episode, key, ended) if beside else episode
        why = dependence(view, mine, ended)
        if not why or all(_end_of_taper(view, span, episode, ended, limit) for span in spans):
            continue
        name = spans[0].use.drug.name
        view.add(
            "STOP-02",
            1,
            interrupts=True,
            key=f"STOP-02:{words.iso(episode.start)}:{key}:{words.iso(ended)}",
            line_ids=tuple(sorted({span.use.line.id for span in spans})),
            title=f"{words.sentence_case(name)} set to ended without a taper",
            sentence=(
                f"{words.sentence_case(name)} was set to ended on {words.day(ended)} while "
                f"dependence is to be expected ({why}); an abrupt end can bring on seizures, so "
                "plan a gradual taper instead."
            ),
            facts=(
                Fact("ended", "Ended", words.iso(ended), "date"),
                Fact("gate", "Dependence expected", why),
                Fact("exposed_days", "Exposure", mine.exposed_days(mine.start, ended), "days"),
            ),
            clears="A taper is planned and supplied, or the reason is recorded.",
        )


def _goes_on(view: View, episode: Episode, spans: list[Span], ended: int) -> tuple[bool, bool]:
    """Does something take the place of an ended drug, and is another one taken beside it?

    A further supply of the same drug takes its place, and so does another drug begun at most 28
    days before the end or within the gap after it: a switch. One taken for longer is no switch.
    """
    ids = {span.use.line.id for span in spans}
    begun: dict[str, int] = {}
    for span in episode.spans:
        begun[span.use.drug.key] = min(span.start, begun.get(span.use.drug.key, span.start))
    going: list[tuple[DatedUse, int]] = [
        (span.use, span.start) for span in view.spans if span.end > ended
    ]
    going += [(use, use.start) for use in view.unclear if use.reach > ended]
    replaced = beside = False
    for use, start in going:
        if use.line.id in ids or start > ended + view.gap_days + 1:
            continue
        first = min(start, begun.get(use.drug.key, start))
        if use.drug.key == spans[0].use.drug.key or (
            first >= ended - view.limit["start_window_days"]
        ):
            replaced = True
        else:
            beside = True
    return replaced, beside


def _alone(view, episode, key, ended):
    """The course of one drug of an episode, as an episode of its own."""
    mine = episodes([span for span in episode.spans if span.use.drug.key == key], view.gap_days)
    # A supply may have run out before the day it was set to ended.
    return next((each for each in mine if each.end >= ended), mine[-1])


def _end_of_taper(view, span, episode, ended, limit) -> bool:
    """Had a taper come down to its last small step by the end?"""
    drug = span.use.drug
    for taper in view.dossier.tapers:
        if (
            taper.drug == drug.key
            and taper.status in {"active", "completed"}
            and _belongs(taper, episode)
        ):
            doses = [
                step.mg_per_day
                for step in taper.steps
                if step.mg_per_day > 0 and step.on.toordinal() <= ended
            ]
            if doses and _smallest(view, drug, doses[-1], limit):
                return True
    if not _written_taper(span):
        return False
    amounts = [part.mg for part in pieces(span) if part.start <= ended and part.mg is not None]
    return bool(amounts) and _smallest(view, drug, amounts[-1], limit)


def _smallest(view, drug, mg, limit) -> bool:
    """At most 1 mg in diazepam equivalents, or the smallest solid unit marketed."""
    found = factor(view, drug)
    if found is not None and mg * found.value <= limit["last_step_mg"] + 1e-9:
        return True
    solid = [
        strength
        for form in ("tablet", "capsule")
        for strength in drug.strengths.get(view.profile, {}).get(form, ())
    ]
    return bool(solid) and mg <= min(solid) + 1e-9


@rule(
    "STOP-03",
    family="Stopping and tapering",
    title="Left out at admission or discharge",
    theme=STOPPING,
    severity=S2,
    shown=QUEUED,
    sources=("portal",),
    parameters=(parameter("within_days", DAYS, "In the last", 28),),
    idle=True,
)
def left_out(view: View, limit: dict):
    """STOP-03. A reconciliation on admission or discharge left the benzodiazepine or Z-drug out, in
    the last 28 days, and nothing was supplied since: confirm that it was meant."""
    within = limit["within_days"]
    days = []
    reading = view.person.reading("bzra_reconciliation")
    if reading is not None and reading.text == "dropped":
        days.append(reading.day)
    for span in view.spans:
        line = span.use.line
        if line.status == "stopped" and line.change_reason in LEFT_OUT and line.end_on is not None:
            days.append(line.end_on.toordinal())
    days = [day for day in days if day <= view.today <= day + within]
    if not days:
        return
    day = max(days)
    view.watch(day + within + 1)
    if any(span.start > day for span in view.spans):
        return
    episode = _latest(view)
    if episode is None or episode.end < day - view.gap_days - 1:
        return
    view.add(
        "STOP-03",
        2,
        key=f"STOP-03:{words.iso(day)}",
        line_ids=ids_of([span.use for span in _last_spans(episode)]),
        title=f"{words.sentence_case(words.listed(names(_last_spans(episode))))} left out",
        sentence=(
            f"On {words.day(day)} a reconciliation at admission or discharge left out "
            f"{words.listed(names(_last_spans(episode)))}, and nothing was supplied since; confirm "
            "that it was meant, and that a taper was thought of."
        ),
        facts=(Fact("left_out", "Left out", words.iso(day), "date"),),
        clears="The intent is confirmed and recorded, or it is supplied again.",
    )


# --- tapers ----------------------------------------------------------------------------------


def _planned(view, taper):
    """(day, mg, diazepam-equivalent mg or None) for each step, in order of days."""
    drug = view.book.drugs.get(taper.drug)
    found = factor(view, drug) if drug is not None else None
    return [
        (step.on.toordinal(), step.mg_per_day, step.mg_per_day * found.value if found else None)
        for step in sorted(taper.steps)
    ]


def _lines_of(view, drug):
    uses = [use for use in view.uses if use.drug.key == drug]
    return ids_of(uses or view.uses or view.rescue)


class _Fall:
    """The steepest fall of one series of doses within a window."""

    __slots__ = ("after", "before", "day", "share")

    def __init__(self, day, before, after):
        self.day, self.before, self.after = day, before, after
        self.share = (before - after) / before


def _steepest(rows, limit, smallest):
    """The steepest fall in any window: rows are (day, mg, equivalent mg); None when none counts.

    A window of 14 days begins with a step: what was taken before it is the dose at its start.
    """
    window, best = limit["window_days"], None
    for n in range(1, len(rows)):
        before, base = rows[n - 1][1], rows[n - 1][2]
        if before <= 0:
            continue
        for day, mg, equivalent in rows[n:]:
            if day > rows[n][0] + window - 1:
                break
            if mg >= before:
                continue
            at = next(i for i, row in enumerate(rows) if row[0] == day)
            if mg == 0 and smallest(rows[at - 1][1]):
                # The last small step to nothing is no fall; what came before it is.
                continue
            small = (
                base is not None
                and equivalent is not None
                and base <= limit["floor_start_mg"] + 1e-9
                and base - equivalent <= limit["floor_fall_mg"] + 1e-9
            )
            if small:
                continue
            fall = _Fall(day, before, mg)
            if best is None or fall.share > best.share:
                best = fall
    return best


def _issued(view):
    """For each current episode the days from which the dose in diazepam equivalents was another,
    and what lacked a dose or a figure lately."""
    for episode in view.current:
        rows, lacking = [], []
        for stretch, (start, end, dose) in zip(view.stretches, daily(view), strict=True):
            # A supply that will run out is no lower dose yet; an issue that begins then is.
            coming = start > view.today and all(part.start != start for part in stretch.parts)
            if episode.start <= start <= episode.end and not coming:
                if dose.missing:
                    view.watch(end + view.limit["start_window_days"] + 1)
                    lacking += dose.missing if view.started_recently(end) else ()
                elif dose.mg > 0 and (not rows or rows[-1][1] != dose.mg):
                    rows.append((start, dose.mg, dose.mg))
        yield episode, rows, lacking


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
def too_fast(view: View, limit: dict):
    """TAP-01. A planned or issued dose falls by more than 25 % of the dose at the start of any 14
    days, the first step included; urgent over 50 %. Not where the start is 10 mg diazepam
    equivalent or less and the fall 2 mg or less, not the last step to nothing from 1 mg or the
    smallest unit, and not before 28 exposed days while dependence is not to be expected."""
    gate = any(
        episode.exposed_days(episode.start, episode.end) >= limit["exposed_from_days"]
        or dependence(view, episode, min(view.today, episode.end))
        for episode in view.current
    )
    if not gate and view.current:
        planned = any(taper.status in UNDER_WAY for taper in view.dossier.tapers)
        lasts = view.today < max(episode.end for episode in view.current)
        if lasts and (planned or len(view.stretches) > 1):
            view.watch(view.today + 1)  # dependence may be reached on any day of the supply
        return
    for taper in view.dossier.tapers:
        if taper.status not in UNDER_WAY:
            continue
        drug = view.book.drugs.get(taper.drug)
        rows = _planned(view, taper)
        if drug is None or not rows:
            continue
        coming = [row for row in rows if row[0] >= view.today - limit["window_days"]]
        if rows[-1][0] < view.today:
            continue
        first = rows.index(coming[0]) if coming else 0
        fall = _steepest(
            rows[max(first - 1, 0) :], limit, lambda mg, of=drug: _smallest(view, of, mg, limit)
        )
        for row in rows:
            view.watch(row[0] + 1)
            view.watch(row[0] + limit["window_days"] + 1)
        if fall is not None:
            _say_fall(
                view,
                limit,
                fall,
                drug.name,
                key=f"planned:{taper.id}",
                line_ids=_lines_of(view, drug.key),
            )
    for episode, rows, lacking in _issued(view):
        if lacking and len(view.stretches) > 1:
            view.cannot_judge(
                "TAP-01",
                [use.line.id for use in lacking],
                f"The dose of {words.listed(names(lacking))}, or what it equals, is not known.",
            )
        # A fall is looked at for 28 days; what lies further back was answered or has passed.
        recent = [n for n, row in enumerate(rows) if view.started_recently(row[0] + 0) and n > 0]
        if not recent:
            continue
        for row in rows:
            view.watch(row[0] + view.limit["start_window_days"] + 1)
        fall = _steepest(rows[recent[0] - 1 :], limit, lambda _: False)
        if fall is not None:
            ids = episode.line_ids
            drugs = words.listed(names(episode.spans))
            _say_fall(
                view, limit, fall, drugs, key=f"issued:{words.iso(episode.start)}", line_ids=ids
            )


def _say_fall(view, limit, fall, drugs, *, key, line_ids):
    percent = 100 * fall.share
    if percent <= limit["fall_over_percent"] + 1e-9:
        return
    if not line_ids:
        return
    urgent = percent > limit["urgent_over_percent"] + 1e-9
    planned = key.startswith("planned")
    unit = "mg" if planned else "mg diazepam equivalent"
    view.add(
        "TAP-01",
        1 if urgent else 2,
        key=f"TAP-01:{key}",
        line_ids=line_ids,
        title=f"{'Planned' if planned else 'Issued'} dose of {drugs} falls by {percent:.0f} %",
        sentence=(
            f"The {'planned' if planned else 'issued'} dose of {drugs} falls from "
            f"{words.amount(round(fall.before, 2))} to {words.amount(round(fall.after, 2))} {unit} "
            f"a day by {words.day(fall.day)}, within {limit['window_days']} days; guidance is 5 to "
            f"10 % at a step and not more than {limit['fall_over_percent']} % in two weeks, so "
            "slow it down or pause."
        ),
        facts=(
            Fact("fall_percent", "Fall", round(percent, 1), "%"),
            Fact("over_percent", "Threshold, over", limit["fall_over_percent"], "%"),
            Fact("dose_before_mg", "Before", round(fall.before, 4), f"{unit} a day"),
            Fact("dose_after_mg", "After", round(fall.after, 4), f"{unit} a day"),
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
def large_step(view: View, limit: dict):
    """TAP-02. A planned step of more than 10 % after 365 exposed days or more, or after an earlier
    taper that was given up; with the same small doses left out as TAP-01."""
    failed = any(taper.status == "failed" for taper in view.dossier.tapers)
    if not failed and view.days < limit["exposed_from_days"]:
        return
    for taper in view.dossier.tapers:
        drug = view.book.drugs.get(taper.drug)
        rows = _planned(view, taper)
        if taper.status not in UNDER_WAY or drug is None or not rows:
            continue
        view.watch(rows[-1][0] + 1)
        for (_, before, base), (day, after, equivalent) in itertools.pairwise(rows):
            view.watch(day + 1)
            if day < view.today or before <= 0 or after >= before:
                continue
            if after == 0 and _smallest(view, drug, before, limit):
                continue
            if (
                base is not None
                and equivalent is not None
                and base <= limit["floor_start_mg"] + 1e-9
                and base - equivalent <= limit["floor_fall_mg"] + 1e-9
            ):
                continue
            percent = 100 * (before - after) / before
            if percent > limit["step_over_percent"] + 1e-9:
                ids = _lines_of(view, drug.key)
                view.add(
                    "TAP-02",
                    3,
                    key=f"TAP-02:{taper.id}",
                    line_ids=ids,
                    title=f"A step of {percent:.0f} % in the taper of {drug.name}",
                    sentence=(
                        f"On {words.day(day)} the taper of {drug.name} goes from "
                        f"{words.amount(before)} to {words.amount(after)} mg a day; "
                        + (
                            "after an earlier taper that was given up, "
                            if failed
                            else "after a year of use, "
                        )
                        + "smaller steps are easier to bear."
                    ),
                    facts=(
                        Fact("step_percent", "Step", round(percent, 1), "%"),
                        Fact("over_percent", "Threshold, over", limit["step_over_percent"], "%"),
                        Fact("on", "On", words.iso(day), "date"),
                    ),
                    clears="The steps are made smaller, or a decision records why not.",
                )
                break


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
def no_contact(view: View, limit: dict):
    """TAP-03. A taper is under way, and nobody asked how it goes for over 28 days, or not within 7
    days after the first or second reduction."""
    for taper in view.dossier.tapers:
        if taper.status != "active" or not taper.steps:
            continue
        rows = _planned(view, taper)
        contact = taper.last_contact_on
        last = contact.toordinal() if contact is not None else rows[0][0]
        at = last + limit["contact_over_days"] + 1
        view.watch(at)
        view.watch(rows[0][0])
        said = ""
        if view.today >= at and rows[0][0] <= view.today:
            said = f"nobody asked how it goes since {words.day(last)}"
        reductions = [
            day for (_, before, _), (day, mg, _) in itertools.pairwise(rows) if mg < before
        ]
        for day in reductions[: limit["first_steps_count"]]:
            due = day + limit["after_step_days"] + 1
            view.watch(due)
            if view.today >= due and (contact is None or contact.toordinal() < day):
                said = said or (
                    f"nobody asked within {limit['after_step_days']} days after the reduction of "
                    f"{words.day(day)}"
                )
        ids = _lines_of(view, taper.drug)
        if said and ids:
            name = view.book.drugs[taper.drug].name if taper.drug in view.book.drugs else taper.drug
            view.add(
                "TAP-03",
                3,
                key=f"TAP-03:{taper.id}",
                line_ids=ids,
                title=f"Taper of {name}: no contact",
                sentence=(
                    f"The taper of {name} is under way, and {said}; each reduction is to be "
                    "followed up."
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
def stalled(view: View, limit: dict):
    """TAP-04. A taper is under way or paused, and the dose has not come down for 84 days or more,
    without an agreement to keep a lower dose."""
    for taper in view.dossier.tapers:
        if taper.status not in {"active", "paused"} or not taper.steps or taper.maintenance_agreed:
            continue
        rows = _planned(view, taper)
        passed = [
            day
            for (_, before, _), (day, mg, _) in itertools.pairwise(rows)
            if mg < before and day <= view.today
        ]
        for row in rows:
            view.watch(row[0])
        last = max([rows[0][0], *passed])
        at = last + limit["stalled_from_days"]
        view.watch(at)
        ids = _lines_of(view, taper.drug)
        if view.today < at or not ids:
            continue
        name = view.book.drugs[taper.drug].name if taper.drug in view.book.drugs else taper.drug
        view.add(
            "TAP-04",
            3,
            key=f"TAP-04:{taper.id}",
            line_ids=ids,
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
def raised_during_taper(view: View, limit: dict):
    """TAP-05. During a taper the dose issued rises by 20 % or more, in the last 28 days. That is no
    failure: going back to the dose before, or a pause, is acceptable. Shown in place of DOSE-04."""
    for taper in view.dossier.tapers:
        if taper.status != "active" or not taper.steps:
            continue
        begun = min(step.on for step in taper.steps).toordinal()
        previous = None
        for stretch in view.stretches:
            parts = [part for part in stretch.parts if part.use.drug.key == taper.drug]
            amounts = [part.mg for part in parts if part.mg is not None]
            if not parts or len(amounts) < len(parts):
                continue
            mg = sum(amounts)
            rise = (
                previous is not None and mg >= previous * (1 + limit["rise_percent"] / 100) - 1e-9
            )
            day = stretch.start
            if rise and previous and day >= begun:
                view.watch(day + view.limit["start_window_days"] + 1)
                if view.started_recently(day):
                    name = view.book.drugs[taper.drug].name
                    view.add(
                        "TAP-05",
                        3,
                        key=f"TAP-05:{taper.id}:{words.iso(day)}",
                        line_ids=_lines_of(view, taper.drug),
                        title=f"Dose of {name} raised during the taper",
                        sentence=(
                            f"On {words.day(day)} the dose of {name} rose from "
                            f"{words.amount(previous)} to {words.amount(mg)} mg a day during its "
                            "taper; a pause or a step back is acceptable and no failure."
                        ),
                        facts=(
                            Fact("dose_before_mg", "Before", previous, "mg a day"),
                            Fact("dose_after_mg", "After", mg, "mg a day"),
                            Fact("rise_percent", "Threshold, from", limit["rise_percent"], "%"),
                        ),
                        clears="The taper is planned on from the new dose.",
                    )
                    return
            previous = mg


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
def label_speed(view: View, limit: dict):
    """TAP-06. After 90 exposed days or more, a planned taper takes a step every 3 days or faster,
    the speed of some labels. Shown by TAP-01 where that fires."""
    if view.days < limit["exposed_from_days"]:
        return
    for taper in view.dossier.tapers:
        rows = _planned(view, taper)
        if taper.status not in UNDER_WAY or len(rows) < 3 or rows[-1][0] < view.today:
            continue
        view.watch(rows[-1][0] + 1)
        falls = [day for (_, before, _), (day, mg, _) in itertools.pairwise(rows) if mg < before]
        gaps = [after - day for day, after in itertools.pairwise(falls)]
        ids = _lines_of(view, taper.drug)
        if not gaps or min(gaps) > limit["step_every_days"] or not ids:
            continue
        name = view.book.drugs[taper.drug].name if taper.drug in view.book.drugs else taper.drug
        view.add(
            "TAP-06",
            3,
            key=f"TAP-06:{taper.id}",
            line_ids=ids,
            title=f"Taper of {name} with a step every {words.days(min(gaps))}",
            sentence=(
                f"The taper of {name} takes a step every {words.days(min(gaps))}, as some labels "
                "do; after long use guidance is a step every 2 to 4 weeks."
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
def level_of_care(view: View, limit: dict):
    """TAP-07. A taper is planned or under way, and it may need in-patient care: an earlier
    withdrawal seizure or delirium tremens, over 40 mg diazepam equivalent a day, severe illness
    beside it, or pregnancy."""
    tapers = [taper for taper in view.dossier.tapers if taper.status in UNDER_WAY]
    if not tapers or not view.uses:
        return
    reasons = []
    if view.person.answer("withdrawal_complication") == "yes" or (
        view.person.had("withdrawal_complication")
    ):
        reasons.append("an earlier withdrawal seizure or delirium tremens")
    doses = [dose for _, end, dose in daily(view) if view.is_current(end)]
    most = max((dose.mg for dose in doses), default=0)
    if most > limit["over_mg"] + 1e-9:
        reasons.append(max(doses, key=lambda dose: dose.mg).said())
    if view.person.answer("severe_comorbidity") == "yes":
        reasons.append("a severe illness")
    if pregnant(view):
        reasons.append("pregnancy")
    if not reasons:
        return
    view.add(
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

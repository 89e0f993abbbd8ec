"""Verbs on tapers, from the plan to the last step: one for each move of `TaperMove`.

Each is a new version of the taper; what was planned before stays on record. Whoever moves a taper
has spoken with the person, so every move but the plan itself counts as contact and plans the next
review.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from reviews import (
    access,
    audit,
    dossiers,
    groups,
    observed,
    records,
    requests,
    rulebooks,
    versions,
)
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotFound, Stale
from reviews.models import Patient, Taper, TaperMove, TaperStatus, TaperVersion
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.drug import BZRA_CLASSES
from reviews.rules.policy import at
from reviews.tapering import checking, crossing, limits, planning
from reviews.tapering.doses import Part, Unplannable, read_code
from reviews.tapering.planning import Plan
from reviews.tapering.proportion import InUseSince, with_use

LONGEST_REASON = 1000
LONGEST_HOLD_DAYS = 84
ASKED = ("fewer_nights", "quick_end")
"""What a plan was asked for besides its pace and strengths, and is again when it is resumed."""
PLANNED, ACTIVE, PAUSED = TaperStatus.PLANNED, TaperStatus.ACTIVE, TaperStatus.PAUSED

MOVES = {
    (PLANNED, TaperMove.REVISE): PLANNED,
    (PLANNED, TaperMove.START): ACTIVE,
    (PLANNED, TaperMove.CANCEL): TaperStatus.CANCELLED,
    (ACTIVE, TaperMove.REVISE): ACTIVE,
    (ACTIVE, TaperMove.CONTACT): ACTIVE,
    (ACTIVE, TaperMove.HOLD): ACTIVE,
    (ACTIVE, TaperMove.STEP_BACK): ACTIVE,
    (ACTIVE, TaperMove.PAUSE): PAUSED,
    (ACTIVE, TaperMove.COMPLETE): TaperStatus.COMPLETED,
    (ACTIVE, TaperMove.GIVE_UP): TaperStatus.FAILED,
    (PAUSED, TaperMove.CONTACT): PAUSED,
    (PAUSED, TaperMove.RESUME): ACTIVE,
    (PAUSED, TaperMove.REVISE): ACTIVE,
    (PAUSED, TaperMove.GIVE_UP): TaperStatus.FAILED,
}
AFTER_CHANGE = {TaperMove.HOLD, TaperMove.STEP_BACK, TaperMove.PAUSE}
"""Moves of the steps to come: not before a change to diazepam is complete."""
ENDS = {TaperMove.COMPLETE, TaperMove.GIVE_UP, TaperMove.CANCEL}
TOLD = {
    TaperMove.PLAN: Event.TAPER_PLAN,
    TaperMove.REVISE: Event.TAPER_REVISE,
    TaperMove.START: Event.TAPER_START,
    TaperMove.CONTACT: Event.TAPER_CONTACT,
    TaperMove.HOLD: Event.TAPER_HOLD,
    TaperMove.STEP_BACK: Event.TAPER_STEP_BACK,
    TaperMove.PAUSE: Event.TAPER_PAUSE,
    TaperMove.RESUME: Event.TAPER_RESUME,
    TaperMove.COMPLETE: Event.TAPER_COMPLETE,
    TaperMove.GIVE_UP: Event.TAPER_GIVE_UP,
    TaperMove.CANCEL: Event.TAPER_CANCEL,
}


class CrossOver(NamedTuple):
    """Change to diazepam first: from which medicine, to how many mg, from when, over how long.

    The mg are the clinician's own; nothing proposes them.
    """

    old_drug: str
    old: crossing.Side
    to_mg: Decimal
    begin_on: date
    days: int


class Drafted(NamedTuple):
    """A plan that is not saved yet, with the check of each rule about tapers and the contact days.

    For a cross-over `equals` is the dose of the earlier medicine in diazepam, by each table, and
    `outside` says why the dose of diazepam lies outside the tables; empty when it does not.
    """

    request: planning.Request
    plan: Plan
    stages: tuple[crossing.Stage, ...]
    equals: list[crossing.Equivalent]
    outside: str
    checks: tuple[checking.Check, ...]
    contacts: tuple[date, ...]

    @property
    def over(self) -> list[str]:
        """Ids of the rules that ask for a reason; "cross-over" for a dose outside the tables."""
        found = [check.rule_id for check in self.checks if check.needs_reason]
        return [*found, "cross-over"] if self.outside else found


def draft(
    *,
    patient: Patient,
    request: planning.Request,
    cross: CrossOver | None = None,
    by: User,
    taper: Taper | None = None,
    since: InUseSince | None = None,
) -> Drafted:
    """Work a plan out against the record as it is now; saves nothing. Raises `BadRecord`.

    With `since` the record is taken as it would be once that is on it.
    """
    access.require(by, Action.TAPER, patient)
    _, book = rulebooks.holding_at(patient.practice_id)
    dossier = dossiers.one(patient, as_of=timezone.localdate())
    return _draft(with_use(dossier, since), book, request, cross, taper)


@transaction.atomic
def plan(
    *,
    patient: Patient,
    request: planning.Request,
    by: User,
    cross: CrossOver | None = None,
    reason: str = "",
    since: InUseSince | None = None,
) -> TaperVersion:
    """Save the first version of a taper. Raises `BadRecord`; `IllegalMove` if one is in force.

    A plan that a rule does not find within its limits is saved with a reason only.
    """
    access.require(by, Action.TAPER, patient)
    # One at a time for a person: two people planning at once must not both see none in force.
    type(patient).objects.select_for_update().get(pk=patient.pk)
    if Taper.objects.filter(patient=patient, drug=request.drug, ended_at=None).exists():
        raise IllegalMove(f"A taper of {request.drug} is in force already: change that one.")
    _keep(since, patient, by)
    drafted = draft(patient=patient, request=request, cross=cross, by=by)
    taper = Taper.objects.create(
        patient=patient, practice_id=patient.practice_id, drug=request.drug
    )
    version = TaperVersion.objects.create(
        patient=patient,
        practice_id=patient.practice_id,
        taper=taper,
        move=TaperMove.PLAN,
        status=PLANNED,
        over=drafted.over,
        reason=_checked(reason, drafted.over),
        recorded_by=by,
        **_columns(drafted, cross, reason),
    )
    _tell(by, version)
    return version


@transaction.atomic
def revise(
    *,
    taper: Taper,
    request: planning.Request,
    by: User,
    seen: int,
    cross: CrossOver | None = None,
    reason: str = "",
    since: InUseSince | None = None,
) -> TaperVersion:
    """Plan the rest of a taper anew; what was taken so far stays. Raises as `plan`, and `Stale`."""
    live = _lock(taper, by, seen, TaperMove.REVISE)
    if request.drug != taper.drug:
        raise BadRecord("drug", "cannot be changed: plan another taper")
    _keep(since, taper.patient, by)
    drafted = draft(patient=taper.patient, request=request, cross=cross, by=by, taper=taper)
    columns = _columns(drafted, cross, reason)
    if live.status != PLANNED and _has_begun(live):
        columns |= _with_contacts(taper, _continued(live.plan, drafted.plan))
        columns["cross_over"] = live.cross_over
    return _next_version(live, TaperMove.REVISE, by, reason, over=drafted.over, **columns)


@transaction.atomic
def start(*, taper: Taper, by: User, seen: int, reason: str = "") -> TaperVersion:
    """It is agreed with the person, and begins. A first step that has passed moves to tomorrow."""
    live = _lock(taper, by, seen, TaperMove.START)
    today = timezone.localdate()
    planned = live.plan
    if live.stages and live.stages[0].on < today:
        raise IllegalMove("The first day of the change to diazepam has passed: plan it anew.")
    late = (today + timedelta(days=1) - planned.steps[1].on).days
    if planned.by_nights:
        late += -late % planning.EVERY_NIGHT  # fewer nights begin on a Monday
    if late > 0:
        planned = planning.hold(planned, planned.steps[0].on, late)
    return _next_version(live, TaperMove.START, by, reason, **_with_contacts(taper, planned))


@transaction.atomic
def contact(*, taper: Taper, by: User, seen: int, reason: str) -> TaperVersion:
    """Somebody asked how it goes; `reason` is what the person said."""
    live = _lock(taper, by, seen, TaperMove.CONTACT)
    _need_reason(reason, "what the person said")
    return _next_version(live, TaperMove.CONTACT, by, reason)


@transaction.atomic
def hold(*, taper: Taper, by: User, seen: int, days: int, reason: str = "") -> TaperVersion:
    """Stay on this dose for so many days more. One action: no reason is asked for."""
    live = _lock(taper, by, seen, TaperMove.HOLD)
    if not 1 <= days <= LONGEST_HOLD_DAYS:
        raise BadRecord("days", f"must be from 1 to {LONGEST_HOLD_DAYS}")
    planned = planning.hold(live.plan, timezone.localdate(), days)
    return _next_version(live, TaperMove.HOLD, by, reason, **_with_contacts(taper, planned))


@transaction.atomic
def step_back(*, taper: Taper, by: User, seen: int, reason: str = "") -> TaperVersion:
    """Back to the dose before this one from today, and on from there at the same pace.

    One action: no reason is asked for, and it is no failure.
    """
    live = _lock(taper, by, seen, TaperMove.STEP_BACK)
    try:
        planned = planning.step_back(live.plan, timezone.localdate(), live.every_days)
    except Unplannable as error:
        raise IllegalMove(f"This {error}.") from error
    return _next_version(live, TaperMove.STEP_BACK, by, reason, **_with_contacts(taper, planned))


@transaction.atomic
def pause(
    *, taper: Taper, by: User, seen: int, reason: str, maintenance_agreed: bool = False
) -> TaperVersion:
    """Keep this dose until somebody resumes; `maintenance_agreed` says it is to be kept for now."""
    live = _lock(taper, by, seen, TaperMove.PAUSE)
    _need_reason(reason)
    steps = planning.pause(live.plan, timezone.localdate())
    return _next_version(
        live,
        TaperMove.PAUSE,
        by,
        reason,
        maintenance_agreed=maintenance_agreed,
        steps=_steps(steps),
        contacts=[],
    )


@transaction.atomic
def resume(*, taper: Taper, by: User, seen: int, first_on: date, reason: str = "") -> TaperVersion:
    """Plan on from the dose that was kept, at the pace and with the strengths of before.

    One action: what the plan was accepted for stands, unless it now passes another limit.
    """
    live = _lock(taper, by, seen, TaperMove.RESUME)
    request = request_of(live, first_on=first_on, begin_on=timezone.localdate())
    drafted = draft(patient=taper.patient, request=request, by=by, taper=taper)
    whole = _continued(live.plan, drafted.plan)
    if set(drafted.over) <= set(live.over):
        reason = reason.strip() or live.accepted_for
    return _next_version(
        live,
        TaperMove.RESUME,
        by,
        reason,
        over=drafted.over,
        asked={name: live.asked[name] for name in ASKED if name in live.asked}
        | _accepted(drafted, reason),
        maintenance_agreed=False,
        **_with_contacts(taper, whole),
    )


@transaction.atomic
def complete(*, taper: Taper, by: User, seen: int, reason: str = "") -> TaperVersion:
    """The person is down to nothing. Raises `IllegalMove` while more than the last step is left."""
    live = _lock(taper, by, seen, TaperMove.COMPLETE)
    mg = live.plan.mg_on(timezone.localdate())
    if mg and not _limits(taper).is_last_step(mg):
        raise IllegalMove(
            f"The plan is still at {mg.normalize():f} mg a day: complete it after the last step."
        )
    return _next_version(live, TaperMove.COMPLETE, by, reason)


@transaction.atomic
def give_up(*, taper: Taper, by: User, seen: int, reason: str) -> TaperVersion:
    """The taper does not go on. The next one is to take smaller steps."""
    live = _lock(taper, by, seen, TaperMove.GIVE_UP)
    _need_reason(reason)
    return _next_version(live, TaperMove.GIVE_UP, by, reason)


@transaction.atomic
def cancel(*, taper: Taper, by: User, seen: int, reason: str) -> TaperVersion:
    """A plan that never began is taken back."""
    live = _lock(taper, by, seen, TaperMove.CANCEL)
    _need_reason(reason)
    return _next_version(live, TaperMove.CANCEL, by, reason)


def request_of(live: TaperVersion, **changes: date) -> planning.Request:
    """A request like the one a version was planned by, from the dose of today to nothing."""
    planned = live.plan
    today = timezone.localdate()
    now = planned.step_on(today) or planned.steps[0]
    return planning.Request(
        drug=planned.drug,
        from_mg=now.taken_mg,
        begin_on=today,
        first_on=today + timedelta(days=1),
        percent=live.percent,
        every_days=live.every_days,
        strengths=tuple(read_code(code) for code in live.strengths),
        times=tuple((dose.time, dose.mg) for dose in now.times),
        nights=now.nights,
        fewer_nights=bool(live.asked.get("fewer_nights")),
        quick_end=bool(live.asked.get("quick_end")),
    )._replace(**changes)


# --- working it out -------------------------------------------------------------------------------


def _draft(
    dossier: Dossier,
    book: RuleBook,
    request: planning.Request,
    cross: CrossOver | None,
    taper: Taper | None,
) -> Drafted:
    drug = book.drugs.get(request.drug)
    if drug is None or not drug.classes & BZRA_CLASSES:
        raise BadRecord("drug", "is no benzodiazepine or Z-drug of the rule book")
    pace = limits.of(at(book, dossier.practice, dossier.group).rules, dossier.profile, drug)
    stages, equals, outside = (), [], ""
    try:
        if cross is not None:
            stages, equals, outside = _cross(dossier, book, request, cross)
            begin_on = stages[-1].on
            settled = begin_on + timedelta(days=crossing.SETTLE_DAYS)
            request = request._replace(
                from_mg=cross.to_mg,
                times=(),
                begin_on=begin_on,
                first_on=max(request.first_on, settled),
            )
        planned = planning.plan(request, pace)
    except Unplannable as error:
        raise BadRecord(error.field, error.reason) from error
    checks = checking.check(
        planned,
        dossier,
        book,
        pace_chosen=(request.percent, request.every_days),
        taper_id=checking.UNSAVED if taper is None else taper.pk,
    )
    contacts = planning.contacts(planned, pace)
    if stages:
        contacts = (request.begin_on + timedelta(days=crossing.SETTLE_DAYS), *contacts)
    return Drafted(request, planned, stages, equals, outside, checks, contacts)


def _cross(
    dossier: Dossier, book: RuleBook, request: planning.Request, cross: CrossOver
) -> tuple[tuple[crossing.Stage, ...], list[crossing.Equivalent], str]:
    old = book.drugs.get(cross.old_drug)
    if request.drug != crossing.TARGET:
        raise BadRecord("drug", f"must be {crossing.TARGET} after a cross-over")
    if old is None or not old.classes & BZRA_CLASSES or old.key == crossing.TARGET:
        raise BadRecord("drug", "is no medicine to cross over from")
    equals = crossing.equivalents(book, dossier.profile, old, cross.old.mg)
    stages = crossing.stages(
        cross.old, crossing.Side(cross.to_mg, request.strengths), cross.begin_on, cross.days
    )
    return stages, equals, crossing.outside(equals, cross.to_mg)


def _limits(taper: Taper) -> limits.Limits:
    _, book = rulebooks.holding_at(taper.practice_id)
    drug = book.drugs.get(taper.drug)
    if drug is None:
        raise NotFound(f"The rule book does not hold {taper.drug} any more.")
    practice = taper.practice
    return limits.of(
        at(book, practice.code, groups.group_of(practice.pk)).rules, practice.profile, drug
    )


def _continued(before: Plan, following: Plan) -> Plan:
    """The steps taken of one plan, followed by those of the plan that takes its place."""
    begun = following.steps[0].on
    taken = [step for step in before.steps if step.on <= begun]
    same_dose = bool(taken) and taken[-1].mg == following.steps[0].mg
    first = following.steps[1:] if same_dose else following.steps
    taken = [step for step in taken if step.on < first[0].on]
    return before._replace(steps=(*taken, *first))


# --- writing --------------------------------------------------------------------------------------


def _lock(taper: Taper, by: User, seen: int, move: TaperMove) -> TaperVersion:
    """The live version, locked; raises where this person may not, or the move is not legal."""
    access.require(by, Action.TAPER, taper)
    Taper.objects.select_for_update().get(pk=taper.pk)
    live = (
        TaperVersion.objects.live()
        .filter(taper=taper)
        .select_related("taper__patient", "taper__practice")
        .get()
    )
    if live.version != seen:
        raise Stale("Somebody else changed this taper. Look at it again.")
    if move in AFTER_CHANGE and not _has_begun(live):
        raise IllegalMove("The change to diazepam is not complete yet: plan it anew instead.")
    if (live.status, move) not in MOVES:
        raise IllegalMove(
            f"A taper that is {live.get_status_display().lower()} cannot be so moved."
        )
    return live


def _has_begun(live: TaperVersion) -> bool:
    return live.plan.steps[0].on <= timezone.localdate()


def _need_reason(reason: str, what: str = "why") -> None:
    """Raises `BadRecord` without a reason; `what` is what it should say."""
    if not reason.strip():
        raise BadRecord("reason", f"is needed: say {what}")


def _next_version(
    live: TaperVersion,
    move: TaperMove,
    by: User,
    reason: str,
    *,
    over: list[str] | None = None,
    **columns: object,
) -> TaperVersion:
    """The next version of a taper: the same but for what a move changes."""
    kept = {
        name: getattr(live, name)
        for name in (
            *("steps", "percent", "every_days", "strengths", "asked", "contacts", "cross_over"),
            *("maintenance_agreed", "last_contact_on"),
        )
    }
    if over is None:
        # The reason of the plan stands until it is planned anew.
        reason = reason if reason.strip() or not live.over else live.reason
    over = live.over if over is None else over
    version = versions.supersede(
        live,
        by=by,
        move=move,
        status=MOVES[live.status, move],
        over=over,
        reason=_checked(reason, over),
        **kept | {"last_contact_on": timezone.localdate()} | columns,
    )
    version.taper = live.taper
    _tell(by, version)
    if move in ENDS:
        Taper.objects.filter(pk=live.taper_id).update(ended_at=Now())
        live.taper.refresh_from_db()
    elif version.status == ACTIVE:
        _plan_review(version, by)
    return version


def _checked(reason: str, over: list[str]) -> str:
    """A reason as it is kept. Raises `BadRecord` where one is needed and there is none."""
    reason = reason.strip()
    if over and not reason:
        raise BadRecord("reason", f"is needed: {', '.join(over)} would want another plan")
    if len(reason) > LONGEST_REASON:
        raise BadRecord("reason", f"is longer than {LONGEST_REASON:,} characters")
    return reason


def _tell(by: User, version: TaperVersion) -> None:
    """The audit event of a move, and the request to screen."""
    audit.record(
        by,
        TOLD[TaperMove(version.move)],
        practice_id=version.practice_id,
        patient_id=version.patient_id,
        subject=version.taper,
        drug=version.taper.drug,
        version=version.version,
        status=str(version.status),
        over=version.over,
    )
    requests.enqueue([version.patient_id], reason="taper")


def _plan_review(version: TaperVersion, by: User) -> None:
    """The next day of contact is the next review, so that a missed one is found by REV-02."""
    today = timezone.localdate()
    coming = [day for day in version.contact_days if day > today]
    if coming:
        record = records.convert(
            {"kind": "next_review", "on": today, "text": coming[0].isoformat()},
            records.ReadingRecord,
        )
        observed.keep(patient=version.taper.patient, record=record, by=by)


def _keep(since: InUseSince | None, patient: Patient, by: User) -> None:
    """Put on the record since when it is in use, before the plan is judged by it."""
    if since is None:
        return
    for kind, text in since.answers().items():
        record = records.convert(
            {"kind": kind, "on": timezone.localdate(), "text": text}, records.ReadingRecord
        )
        observed.keep(patient=patient, record=record, by=by)


def _columns(drafted: Drafted, cross: CrossOver | None, reason: str) -> dict:
    request = drafted.request
    columns = {
        **_plan_columns(drafted.plan, drafted.contacts),
        "percent": request.percent,
        "every_days": request.every_days,
        "strengths": [strength.code for strength in request.strengths],
        "cross_over": {},
        "asked": {name: True for name in ASKED if getattr(request, name)}
        | _accepted(drafted, reason),
    }
    if cross is not None:
        columns["cross_over"] = {
            "drug": cross.old_drug,
            "mg": str(cross.old.mg),
            "tables": [[row.table, str(row.lowest), str(row.highest)] for row in drafted.equals],
            "stages": [
                [
                    stage.on.isoformat(),
                    str(stage.old_mg),
                    _parts(stage.old_parts),
                    str(stage.new_mg),
                    _parts(stage.new_parts),
                ]
                for stage in drafted.stages
            ],
        }
    return columns


def _accepted(drafted: Drafted, reason: str) -> dict[str, str]:
    """What the plan was accepted for; later moves have reasons of their own."""
    return {"accepted_for": reason.strip()} if drafted.over else {}


def _with_contacts(taper: Taper, planned: Plan) -> dict:
    return _plan_columns(planned, planning.contacts(planned, _limits(taper)))


def _plan_columns(planned: Plan, contacts: Iterable[date]) -> dict:
    return {"steps": _steps(planned), "contacts": [day.isoformat() for day in contacts]}


def _steps(planned: Plan) -> list[list]:
    return [
        [
            step.on.isoformat(),
            str(step.mg),
            _parts(step.parts),
            step.smallest,
            {
                "times": [[dose.time, str(dose.mg), _parts(dose.parts)] for dose in step.times],
                "nights": step.nights,
            },
        ]
        for step in planned.steps
    ]


def _parts(parts: Iterable[Part]) -> list[list[str]]:
    return [[part.strength.code, str(part.number)] for part in parts]

"""Practice verbs: set one up, and change what is known of it.

`by` None is whoever administers the portal's machine, recorded as the portal itself.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from reviews import access, audit, governing, profiles, requests, staff, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import PastProfile, Patient, Practice, Role
from reviews.rules.codes import PROFILES
from reviews.rules.profiles import UnknownProfile, base_of, described

DETAILS = (
    *("name", "profile", "time_zone", "country", "locale", "address", "telephone", "email"),
    "second_factor",
)
"""What can be said of a practice; `second_factor` is who must have one (`SecondFactor`). Its code
stays: client systems call it by that."""


OF_PROFILE = ("time_zone", "country", "locale")
"""What a practice has from its profile where nobody says otherwise."""


@transaction.atomic
def set_up(*, code: str, by: User | None = None, **details: str) -> Practice:
    """Make a practice of these `DETAILS`; whoever did is its first practice admin.

    Raises `BadRecord`, also for a code that another has.
    """
    if by is not None:
        access.require(by, Action.SET_UP_PRACTICE)
    practice = Practice(code=code, **{**dict.fromkeys(OF_PROFILE, ""), **_known(details)})
    _of_its_profile(practice)
    _save(practice)
    # Nobody works there yet, and so nobody sees it.
    with walls.seeing(walls.of([practice.pk])):
        audit.record(
            by,
            Event.PRACTICE_SET_UP,
            practice_id=practice.pk,
            subject=practice,
            name=practice.name,
            profile=practice.profile,
            time_zone=practice.zone.key,
            second_factor=practice.second_factor,
        )
        if by is not None:
            staff.give(by, practice, [Role.PRACTICE_ADMIN])
            access.forget(by)
            audit.record(
                by,
                Event.ROLES_CHANGED,
                practice_id=practice.pk,
                subject=by,
                person=by.pk,
                name=by.get_full_name(),
                given=[Role.PRACTICE_ADMIN],
                reason="set the practice up",
            )
    return practice


@transaction.atomic
def edit(*, practice: Practice, by: User | None = None, **details: str) -> Practice:
    """Change the `DETAILS` that are given; nothing to change is no error.

    A practice with patients goes to no profile of another base: nobody there is to be judged by
    limits that were made for others. Within the same base it may, as from the United Kingdom to a
    profile that follows it: everybody is asked for again, and of a day in the past it is known
    which profile it had. Days that instants have become stay, whatever the time zone. Raises
    `BadRecord`.
    """
    locked = staff.enter(practice, Action.EDIT_PRACTICE, by)
    said = {field: value.strip() for field, value in _known(details).items()}
    before = {field: getattr(locked, field) for field in said}
    changed = {field: value for field, value in said.items() if value != before[field]}
    if not changed:
        return locked
    treated = False
    if "profile" in changed:
        governing.one_at_a_time()
        treated = Patient.objects.filter(practice=locked).exists()
        _require_near(locked, changed["profile"], treated=treated)
    for field, value in changed.items():
        setattr(locked, field, value)
    _of_its_profile(locked)
    _save(locked)
    told = {}
    if "profile" in changed:
        PastProfile.objects.create(practice=locked, profile=before["profile"], by=by)
        told["patients"] = requests.enqueue_practice(locked, reason="profile") if treated else 0
    audit.record(
        by,
        Event.PRACTICE_CHANGED,
        practice_id=locked.pk,
        subject=locked,
        before={field: before[field] for field in changed},
        after=changed,
        **told,
    )
    return locked


def _require_near(practice: Practice, profile: str, *, treated: bool) -> None:
    """Raise `BadRecord` where a practice cannot go to a profile as it is now."""
    if practice.groups.current().exists():
        raise BadRecord("profile", "of a practice in a group stays as it is")
    profiles.require_known("profile", profile)
    held = profiles.live()
    try:
        is_near = base_of(held, practice.profile) == base_of(held, profile)
    except UnknownProfile:
        is_near = False
    if treated and not is_near:
        raise BadRecord("profile", "of a practice with patients stays of the same base profile")
    books = governing.books_at(practice)
    governing.require_agreeing(practice, books, field="profile", profile=profile, group="")


def _of_its_profile(practice: Practice) -> None:
    """Fill in what a practice of a further profile has to hold itself, from its profile.

    Raises `BadRecord` for a profile that judges nowhere here.
    """
    if practice.profile in PROFILES:
        return
    profiles.require_known("profile", practice.profile)
    said = described(profiles.live(), practice.profile)
    for field in OF_PROFILE:
        if not getattr(practice, field):
            setattr(practice, field, getattr(said, field))


def _known(details: dict[str, Any]) -> dict[str, Any]:
    if unknown := details.keys() - set(DETAILS):
        raise TypeError(f"a practice has no {', '.join(sorted(unknown))}")
    for field in ("name", "telephone"):
        if field in details:
            details[field] = staff.written_name(field, details[field])
    for line in details.get("address", "").splitlines():
        staff.written_name("address", line)
    return details


def _save(practice: Practice) -> None:
    try:
        practice.full_clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord(field, reasons[0]) from error
    practice.save()

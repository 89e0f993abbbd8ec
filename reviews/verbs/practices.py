"""Practice verbs: set one up, and say what it is called and which time zone it is in.

Whoever administers the portal does this on its machine, so it is recorded as the portal's own.
"""

from django.core.exceptions import ValidationError
from django.db import transaction

from reviews import audit
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import Practice


@transaction.atomic
def set_up(
    *,
    code: str,
    name: str | None = None,
    profile: str | None = None,
    time_zone: str | None = None,
    second_factor: str | None = None,
) -> Practice:
    """Make a practice, or change what is said of one; None leaves it as it is.

    `second_factor` is the policy of who must have one (`SecondFactor`).

    The empty time zone is that of its profile, and a profile stays: with it everybody there would
    have to be judged anew. Days that instants have become stay too. Raises `BadRecord`.
    """
    practice = Practice.objects.select_for_update().filter(code=code).first()
    if practice is None:
        if not name or not profile:
            raise BadRecord("code", "is of no practice yet: a new one needs a name and a profile")
        practice = Practice(code=code, name=name, profile=profile, time_zone=time_zone or "")
    elif profile and profile != practice.profile:
        raise BadRecord("profile", "of a practice stays as it is")
    else:
        practice.name = practice.name if name is None else name
        practice.time_zone = practice.time_zone if time_zone is None else time_zone
    if second_factor is not None:
        practice.second_factor = second_factor
    try:
        practice.full_clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadRecord(field, reasons[0]) from error
    practice.save()
    audit.record(
        None,
        Event.PRACTICE_SET_UP,
        practice_id=practice.pk,
        subject=practice,
        name=practice.name,
        profile=practice.profile,
        time_zone=practice.zone.key,
        second_factor=practice.second_factor,
    )
    return practice

"""What a caller can act on. A stable code and a sentence; the edges turn them into responses."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote


class DomainError(Exception):
    """Base of all refusals. `code` is stable for machines, the message is for people."""

    code = "refused"

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class NotAllowed(DomainError):
    """This person may not do this here."""

    code = "not_allowed"


class Stale(DomainError):
    """Somebody else changed it since it was read."""

    code = "stale"


class OtherEngine(Stale):
    """This process runs rule code that is not the portal's."""


class IllegalMove(DomainError):
    """The case or version is not in a state from which this can be done."""

    code = "illegal_move"


class BadRecord(DomainError):
    """A value that cannot be accepted: `field` and `reason` say which and why."""

    code = "bad_record"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason, field=field)
        self.field = field
        self.reason = reason


class ReasonNeeded(NotAllowed):
    """The record of `patient_id` is marked as sensitive: it opens once a reason was given."""

    code = "reason_needed"

    def __init__(self, patient_id: int) -> None:
        super().__init__(
            "This record is marked as sensitive. Say on its page why you open it.",
            patient=patient_id,
        )
        self.patient_id = patient_id


class Gone(DomainError):
    """It was there, and will not come back; the message says how to begin again."""

    code = "gone"


class Changed(DomainError):
    """It is not as the caller said it was: somebody changed it, or it never was."""

    code = "changed"


class NotFound(DomainError):
    """There is nothing of that name, or it may not be seen."""

    code = "not_found"


class TooMany(DomainError):
    """As many as may be are under way already: one more may be asked for after `wait` seconds."""

    code = "too_many"

    def __init__(self, message: str, *, wait: int) -> None:
        super().__init__(message, wait=wait)
        self.wait = wait


STATUS = {
    BadRecord.code: HTTPStatus.BAD_REQUEST,
    NotAllowed.code: HTTPStatus.FORBIDDEN,
    ReasonNeeded.code: HTTPStatus.FORBIDDEN,
    NotFound.code: HTTPStatus.NOT_FOUND,
    Gone.code: HTTPStatus.GONE,
    Changed.code: HTTPStatus.PRECONDITION_FAILED,
    Stale.code: HTTPStatus.CONFLICT,
    IllegalMove.code: HTTPStatus.CONFLICT,
    TooMany.code: HTTPStatus.TOO_MANY_REQUESTS,
    DomainError.code: HTTPStatus.CONFLICT,
}
"""What each is over HTTP, by its code."""


def pointer(field: str, *, within: int | None = None) -> str:
    """The JSON pointer, as a fragment, to a field such as "patient.identifiers[0].value".

    `within` is the place of the record that has it in a batch; the field "record" is all of it.
    """
    steps = re.findall(r"[^.\[\]]+", "" if field == "record" else field)
    if within is not None:
        steps = [str(within), *steps]
    written = [step.replace("~", "~0").replace("/", "~1") for step in steps]
    return "#" + "".join(f"/{quote(step, safe='~')}" for step in written)

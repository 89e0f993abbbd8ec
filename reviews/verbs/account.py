"""Verbs on one's own account: its e-mail address, where links that open it are sent."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from reviews import audit
from reviews.audit import Event
from reviews.errors import BadRecord, Stale

LONGEST = 254
"""Characters of a mail address, as the account keeps it."""


@transaction.atomic
def ask_mail(*, to: str, by: User, address: str) -> str:
    """Ask that mails to `by` go `to` another address; returns it as it will be written.

    Nothing changes until somebody reads what is sent there. `address` is the network address the
    request came from. Raises `BadRecord`.
    """
    to = _free(to, by)
    audit.record(by, Event.MAIL_ASKED, subject=by, address=address, before=by.email, after=to)
    return to


@transaction.atomic
def change_mail(*, to: str, before: str, by: User, address: str) -> None:
    """Change the e-mail address, which was `before` when it was asked for.

    Raises `Stale` where it was changed since, `BadRecord` where somebody else has it now.
    """
    user = User.objects.select_for_update().get(pk=by.pk)
    if user.email != before:
        raise Stale("Your address was changed since this was sent. This link does nothing now.")
    user.email = _free(to, by)
    user.save(update_fields=["email"])
    by.email = user.email
    audit.record(
        by, Event.MAIL_CHANGED, subject=by, address=address, before=before, after=user.email
    )


def _free(to: str, by: User) -> str:
    to = to.strip()
    try:
        validate_email(to)
    except ValidationError as error:
        raise BadRecord("email", "is not an e-mail address") from error
    if len(to) > LONGEST:
        raise BadRecord("email", f"is longer than {LONGEST} characters")
    if to.casefold() == by.email.casefold():
        raise BadRecord("email", "is the one you have")
    if User.objects.exclude(pk=by.pk).filter(email__iexact=to).exists():
        raise BadRecord("email", "cannot be used here")
    return to

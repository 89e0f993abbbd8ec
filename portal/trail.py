"""Sign-ins, their failures and their ends, and changes of an account, written into the trail.

Django and allauth say that they happened; here each becomes an event with the address it came
from. Connected when the portal's app is ready.
"""

import time
from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa import signals as mfa
from django.contrib.auth import signals
from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest

from portal.addresses import client_address
from reviews import access, audit, walls
from reviews.audit import Event

PROOFS = {
    "password": "password",  # nosec B105
    "password_reset": "link by mail",  # nosec B105
    "socialaccount": "organisation",
    "totp": "code of an app",
    "recovery_codes": "recovery code",
    "webauthn": "passkey",
}
SIGN_IN = "sign_in"
"""The record of a session that says when somebody proved who they are by signing in."""


def record(
    request: HttpRequest, event: Event, *, by: User | None, about: User | None = None, **detail: Any
) -> None:
    """Write an event of somebody's account; of no practice where they work at several."""
    subject = about or by
    practices = access.roles_of(subject) if subject else ()
    # Before somebody has signed in, and once they have left, they see no practice themselves.
    with walls.seeing(walls.of(practices)):
        audit.record(
            by,
            event,
            practice_id=access.only_practice(subject) if subject else None,
            subject=subject,
            address=client_address(request),
            **detail,
        )


def refused(request: HttpRequest, account_id: object, why: str) -> None:
    """Write that a sign-in was refused. It is not said to be by whose account was tried."""
    known = isinstance(account_id, int)
    user = User.objects.filter(pk=account_id).first() if known else None
    record(request, Event.SIGN_IN_REFUSED, by=None, about=user, why=why)


def _named(proof: str) -> str:
    return PROOFS.get(proof, proof)


@receiver(signals.user_logged_in)
def _begin(request: HttpRequest, user: User, **_more: Any) -> None:
    """A session begins now, and signing in was the latest proof of who it is."""
    request.session["began_at"] = request.session["seen_at"] = int(time.time())
    record_authentication(request, user, SIGN_IN, reauthenticated=True)


@receiver(account.user_logged_in)
def _signed_in(request: HttpRequest, user: User, **_more: Any) -> None:
    proofs = [
        _named(str(made.get("type") or made["method"]))
        for made in get_authentication_records(request, user)
        if made["method"] != SIGN_IN
    ]
    record(request, Event.SIGNED_IN, by=user, how=", ".join(dict.fromkeys(proofs)))


@receiver(signals.user_logged_out)
def _signed_out(request: HttpRequest, user: User | None, **_more: Any) -> None:
    if user is not None:
        why = getattr(request, "signed_out_because", "by themselves")
        record(request, Event.SIGNED_OUT, by=user, why=why)


@receiver(account.authentication_step_completed)
def _confirmed(
    request: HttpRequest, user: User, method: str, reauthenticated: bool = False, **more: Any
) -> None:
    if reauthenticated and method != SIGN_IN:
        how = _named(more.get("type") or method)
        record(request, Event.SIGN_IN_CONFIRMED, by=user, how=how)


@receiver(mfa.authentication_failed)
def _wrong_code(request: HttpRequest, user: User, **_more: Any) -> None:
    refused(request, user.pk, "wrong code")


@receiver(account.password_changed)
@receiver(account.password_set)
def _password_changed(request: HttpRequest, user: User, **_more: Any) -> None:
    record(request, Event.PASSWORD_CHANGED, by=user, how="with the old one")


@receiver(account.password_reset)
def _password_reset(request: HttpRequest, user: User, **_more: Any) -> None:
    record(request, Event.PASSWORD_CHANGED, by=user, how="by a link")


@receiver(mfa.authenticator_added)
def _factor_added(request: HttpRequest, user: User, authenticator: Any, **_more: Any) -> None:
    kind = PROOFS[authenticator.type]
    record(request, Event.FACTOR_ADDED, by=user, kind=kind)


@receiver(mfa.authenticator_removed)
def _factor_removed(request: HttpRequest, user: User, authenticator: Any, **_more: Any) -> None:
    kind = PROOFS[authenticator.type]
    record(request, Event.FACTOR_REMOVED, by=user, kind=kind)


@receiver(mfa.authenticator_reset)
def _codes_made(request: HttpRequest, user: User, **_more: Any) -> None:
    record(request, Event.CODES_MADE, by=user)

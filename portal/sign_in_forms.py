"""allauth's forms, where a try is counted before it is looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest

from portal import attempts
from portal.sign_in import tries_left

UNREADABLE = (RecursionError, ValueError)
"""A thousand brackets, and a number of 4,301 digits: JSON that Python does not read."""
NOT_THE_CODE = "That is not the code, or it was used already."


class _Counted:
    """A code of an app, or a recovery code: counted for the person, whatever the session."""

    def clean_code(self) -> str:
        attempt = attempts.at_code(cast(HttpRequest, context.request), self.user)
        try:
            code = super().clean_code()
            if not attempts.first_use(self.user, code):
                self._emit_authentication_failed(self.authenticator)
                raise ValidationError(NOT_THE_CODE)
        except ValidationError as error:
            raise ValidationError(f"{NOT_THE_CODE} {tries_left(attempt.left)}") from error
        attempts.succeeded(attempt)
        return code


class CodeForm(_Counted, AuthenticateForm):
    """The second step of a sign-in."""


class ConfirmByCodeForm(_Counted, ReauthenticateForm):
    """Somebody who is signed in confirms that it is them."""


class FirstCodeForm(ActivateTOTPForm):
    """The code that sets an app up is used by that, and opens nothing afterwards."""

    def clean_code(self) -> str:
        code = super().clean_code()
        attempts.first_use(self.user, code)
        return code


class PasskeyAnswer(forms.JSONField):
    """What a passkey answers, or what is no answer and no failure of the portal either."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except UNREADABLE as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except UNREADABLE:
            return InvalidJSONInput(data)


@contextmanager
def _read_by_fido() -> Iterator[None]:
    """What lacks a part or has one of another kind: fido2 fails in ways of its own for each."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise get_mfa_adapter().validation_error("incorrect_code") from error


class NewPasskeyForm(AddWebAuthnForm):
    """Somebody adds a passkey."""

    credential = PasskeyAnswer()

    def clean(self) -> dict[str, Any]:
        with _read_by_fido():
            return super().clean()


class _ByPasskey:
    def clean_credential(self) -> Authenticator:
        with _read_by_fido():
            return super().clean_credential()


class PasskeySignInForm(_ByPasskey, LoginWebAuthnForm):
    """A passkey in the place of a password."""

    credential = PasskeyAnswer()


class PasskeyForm(_ByPasskey, AuthenticateWebAuthnForm):
    """A passkey as the second step of a sign-in."""

    credential = PasskeyAnswer()


class ConfirmByPasskeyForm(_ByPasskey, ReauthenticateWebAuthnForm):
    """Somebody who is signed in confirms by a passkey that it is them."""

    credential = PasskeyAnswer()


class NewPasswordForm(ChangePasswordForm):
    """The old password is asked for as at sign-in, and counted with it."""

    def clean_oldpassword(self) -> Any:
        given = self.cleaned_data.get("oldpassword", "")
        if not get_adapter().reauthenticate(cast(User, self.user), given):
            raise get_adapter().validation_error("incorrect_password")
        return given

"""allauth's forms, where a try is counted before it is looked at."""

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from portal import attempts
from portal.sign_in import tries_left

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


class NewPasswordForm(ChangePasswordForm):
    """The old password is asked for as at sign-in, and counted with it."""

    def clean_oldpassword(self) -> Any:
        given = self.cleaned_data.get("oldpassword", "")
        if not get_adapter().reauthenticate(cast(User, self.user), given):
            raise get_adapter().validation_error("incorrect_password")
        return given

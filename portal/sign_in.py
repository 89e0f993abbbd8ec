"""Sign-in: who may have an account, whose attempts are counted together, and what mails say."""

import time
from http import HTTPStatus
from smtplib import SMTPException
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote, urlsplit

import requests
import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from portal import attempts, trail
from portal.addresses import client_address
from reviews import secret_text
from reviews.audit import Event

log = structlog.get_logger(__name__)
PROVEN_WITHIN_SECONDS = 300
SEEN_ANYWAY = {
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
    "mfa/messages/recovery_codes_generated.txt",
}
NAME = "Prescription Safety Portal"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator; nobody can sign up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Look at a password only after a try was taken for it. Also where somebody confirms."""
        account = attempted(request, credentials)
        attempt = attempts.at_password(request, account)
        user = super().authenticate(request, **credentials)
        if user is None:
            request.tries_left = attempt.left
            trail.refused(request, account, "wrong password")
        else:
            attempts.succeeded(attempt)
        return user

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Say how many tries are left, whether there is such an account or not."""
        error = super().validation_error(code, *args)
        left = getattr(self.request, "tries_left", None)
        if left is None or not code.endswith(("_password_mismatch", "incorrect_password")):
            return error
        return ValidationError(f"That did not match. {tries_left(left)}", code=code)

    def post_login(  # pyright: ignore[reportIncompatibleMethodOverride] - handed on as they come
        self, request: HttpRequest, user: User, **login: Any
    ) -> HttpResponse:
        response = super().post_login(request, user, **login)
        attempts.remember_browser(request, response, user)
        return response

    def get_reauthentication_methods(self, user: Any) -> list[dict]:
        """Whoever has neither password nor second factor here confirms at the organisation."""
        methods = super().get_reauthentication_methods(user)
        if methods or not SocialAccount.objects.filter(user_id=user.pk).exists():
            return methods
        said = f"Sign in at {settings.OIDC_NAME} again"
        url = reverse("confirm-at-organisation")
        return [{"id": "organisation", "description": said, "url": url}]

    def add_message(self, request: HttpRequest, level: int, *said: Any, **more: Any) -> None:
        """Whoever signs in or out, or is shown new codes, sees that it was done."""
        template = said[0] if said else more.get("message_template", "")
        if template not in SEEN_ANYWAY:
            super().add_message(request, level, *said, **more)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away costs the mail, never the change that it tells of."""
        # What the portal is called: never what a request called it.
        site = SimpleNamespace(name=NAME, domain=settings.PORTAL_URL)
        try:
            super().send_mail(template_prefix, email, {"current_site": site, **context})
        except (OSError, SMTPException) as error:
            log.warning("mail_not_sent", error=type(error).__name__)

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        trail.record(cast(HttpRequest, self.request), Event.PASSWORD_LINK_SENT, by=None, about=user)
        super().send_password_reset_mail(user, email, context)

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", args=["UID", "KEY"])
        return settings.PORTAL_URL + path.replace("UID-KEY", quote(key))


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: under the portal's own name and address, secrets encrypted where kept."""

    def encrypt(self, text: str) -> str:
        return secret_text.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return secret_text.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        return f"Key {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.PORTAL_URL).hostname or "", "name": NAME}


class OrganisationAdapter(DefaultSocialAccountAdapter):
    """Sign-in by the organisation: it says who somebody is, and never makes an account."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Nobody was signed in: whoever runs the portal reads in its log why."""
        said = request.GET.get("error_description") or request.GET.get("error") or ""
        because = type(exception).__name__ if exception else said[:200]
        log.warning("organisation_sign_in_failed", error=error, because=because)
        if request.GET.get("code"):
            trail.refused(request, None, "the organisation did not vouch for it")

    def get_requests_session(self) -> requests.Session:
        """A provider that is away, or fails, is told to whoever wanted to sign in."""
        session = super().get_requests_session()
        ask = session.request

        def ask_or_tell(*args: Any, **kwargs: Any) -> requests.Response:
            try:
                answer = ask(*args, **kwargs)
                if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    answer.raise_for_status()
            except requests.RequestException as error:
                self.on_authentication_error(cast(HttpRequest, self.request), None, "away", error)
                page = "socialaccount/authentication_error.html"
                raise ImmediateHttpResponse(render(self.request, page, status=503)) from error
            return answer

        session.request = ask_or_tell
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Link the account that an administrator made for this address, the first time.

        From then on the organisation's own identifier of the person counts, not the address.
        """
        if sociallogin.state.get("process") == AuthProcess.REDIRECT:
            _confirm(request, sociallogin)
            return
        if sociallogin.is_existing:
            return
        user = None if request.user.is_authenticated else _made_for(sociallogin)
        if user is None:
            trail.refused(request, None, "the organisation's sign-in belongs to no account")
            page = render(request, "account/unknown_to_us.html", status=403)
            raise ImmediateHttpResponse(page)
        sociallogin.connect(request, user)
        trail.record(request, Event.ORGANISATION_LINKED, by=user, organisation=settings.OIDC_NAME)


def _confirm(request: HttpRequest, login: SocialLogin) -> None:
    """Somebody who is signed in has just proven at their organisation that it is them."""
    proven_at = login.account.extra_data.get("id_token", {}).get("auth_time", 0)
    lately = time.time() - proven_at < PROVEN_WITHIN_SECONDS
    if not (lately and login.is_existing and login.user == request.user):
        trail.refused(request, request.user.pk, "not confirmed by the organisation")
        raise ImmediateHttpResponse(render(request, "account/not_confirmed.html", status=403))
    record_authentication(request, cast(User, request.user), "socialaccount", reauthenticated=True)


def _made_for(login: SocialLogin) -> User | None:
    """The one active account of an address that the organisation vouches for.

    An account that is linked already belongs to somebody else of that organisation: an address
    that was given to a second person opens nothing.
    """
    vouched = [
        given.email for given in login.email_addresses if given.verified or settings.OIDC_OWNS_MAIL
    ]
    users = User.objects.filter(is_active=True, email__iexact=(vouched or [""])[0])
    if not vouched or len(users) != 1:
        return None
    linked = SocialAccount.objects.filter(user=users[0], provider=login.account.provider)
    return None if linked.exists() else users[0]


def attempted(request: HttpRequest, credentials: dict[str, Any]) -> int | str:
    """Whose account a password is for: an id, or what was typed where there is none.

    So user name and e-mail address share one count, and so do all spellings of either.
    """
    typed = (credentials.get("username") or credentials.get("email") or "").strip()
    users = User.objects
    by_email = users.filter(email__iexact=typed) if "@" in typed else users.none()
    user = users.filter(username__iexact=typed).first() or by_email.order_by("pk").first()
    return user.pk if user else typed.casefold()


def tries_left(left: int) -> str:
    """How many more, in words."""
    minutes = int(attempts.WAIT.total_seconds() // 60)
    if left == 0:
        return f"That was the last try: nobody’s is looked at for {minutes} minutes now."
    return f"{left} more {'try' if left == 1 else 'tries'}, then a wait of {minutes} minutes."

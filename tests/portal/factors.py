"""Second factors in tests: an app that shows codes, and sign-ins with them."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from django.urls import reverse

from tests import make


class App:
    """An authenticator app that belongs to `user`."""

    def __init__(self, user):
        self.secret = auth.generate_totp_secret()
        self.totp = auth.TOTP.activate(user, self.secret)
        self.recovery = RecoveryCodes.activate(user)

    def code(self, step=0):
        """What the app shows now, or `step` half minutes later."""
        return shown(self.secret, step)

    def wrong(self, number=0):
        """One of many codes that are wrong, also in the next minutes."""
        right = {self.code(step) for step in range(-6, 7)}
        codes = (f"{n:06}" for n in range(number, 1_000_000))
        return next(code for code in codes if code not in right)


def shown(secret, step=0):
    return auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // 30 + step))


def give_password(client, user, **headers):
    form = {"login": user.username, "password": make.PASSWORD}
    return client.post(reverse("account_login"), form, **headers)


def give_code(client, code, **headers):
    return client.post(reverse("mfa_authenticate"), {"code": code}, **headers)


def is_signed_in(client):
    return "_auth_user_id" in client.session


def age_session(client, seconds):
    """As if this session had been used, and its person proven, so many seconds earlier."""
    session = client.session
    for name in ("began_at", "seen_at"):
        session[name] -= seconds
    for made in session["account_authentication_methods"]:
        made["at"] -= seconds
    session.save()


def has(user, kind):
    return Authenticator.objects.filter(user=user, type=kind).exists()

"""Sign-in: who may have an account, and whose attempts are counted together."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import get_user_model
from django.http import HttpRequest


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator; nobody can sign up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def attempted_username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the username an attempt is for, so that e-mail and username share one lock-out count.

    An unknown login is counted under what was typed.
    """
    given = credentials or {}
    typed = given.get("login") or given.get("username") or request.POST.get("login", "")
    typed = typed.strip()
    users = get_user_model().objects
    by_email = users.filter(email__iexact=typed) if "@" in typed else users.none()
    user = users.filter(username__iexact=typed).first() or by_email.order_by("pk").first()
    return user.username if user else typed.lower()

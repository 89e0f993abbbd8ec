"""A request behind the sign-in."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class SignedIn(HttpRequest):
    """What a view behind `login_required` is given: `user` is a person, never nobody.

    Only a name for the types: the requests themselves are Django's.
    """

    user: User  # pyright: ignore[reportIncompatibleVariableOverride] - nobody comes so far
    htmx: HtmxDetails

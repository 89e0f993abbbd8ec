"""What a request may see of the database: said here, once, for whoever makes it."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse

from portal import health
from reviews import access, walls

ASK_NOBODY = (health.healthz,)
"""Views that answer without the database, so that nobody is looked up for them."""


class SightMiddleware:
    """A request sees what its person may, and nothing of any practice before they are known.

    A system with a key is known later, by `reviews.api.authentication`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with walls.seeing(walls.NO_PRACTICE):
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object
    ) -> None:
        if view not in ASK_NOBODY and isinstance(request.user, User):
            access.let_see(request.user)


def _see_from_now_on(*, user: User, **_: object) -> None:
    access.let_see(user)


user_logged_in.connect(_see_from_now_on, dispatch_uid="portal.sight")

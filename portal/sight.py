"""What a request may see of the database: said here, once, for whoever makes it."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse

from portal import health
from portal.errors import is_api
from reviews import access, walls
from reviews.verbs import break_glass
from reviews.views import reading
from reviews.views.break_glass import OPENED

READS = ("GET", "HEAD")
ASK_NOBODY = (health.healthz,)
"""Views that answer without the database, so that nobody is looked up for them."""


class SightMiddleware:
    """A request sees what its person may, and nothing of any practice before they are known.

    A system with a key is known later, by `reviews.callers`. A record that was opened in
    an emergency is shown to requests that change nothing, and on pages, which say so: never by the
    API.
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
            opened = [] if is_api(request) else getattr(request, "session", {}).get(OPENED, [])
            reads = request.method in READS or view is reading.printed
            access.let_see(request.user, opened, reads=reads)


def _see_from_now_on(*, user: User, **_: object) -> None:
    access.let_see(user)


def _close_what_was_opened(*, request: HttpRequest, user: User | None, **_: object) -> None:
    if user is not None and (opened := request.session.get(OPENED)):
        break_glass.end_all(opened, by=user, because="the session ended")


user_logged_in.connect(_see_from_now_on, dispatch_uid="portal.sight")
user_logged_out.connect(_close_what_was_opened, dispatch_uid="portal.sight")

"""Whoever does what cannot be taken back confirms first that it is them.

A session stays open while its person is away for a minute. Somebody who signed in or confirmed
lately (`ACCOUNT_REAUTHENTICATION_TIMEOUT`) is not asked. Otherwise the form is kept, and sent on as
it was once they have confirmed: nothing that was written is lost.
"""

from allauth.account.decorators import reauthentication_required
from django.http import HttpRequest

confirmed = reauthentication_required(allow_get=True)
"""Decorates a view: only sending its form asks, looking at it does not."""


@reauthentication_required
def _asked(request: HttpRequest) -> None:
    """Nothing more: whoever comes so far has confirmed."""


def confirm_first(request: HttpRequest) -> None:
    """Ask, where only the view itself can tell that it must."""
    _asked(request)

"""Sessions of people who are signed in: how many there are, and the end of all of one person's.

A session says in its data whose it is and in no column, so all that have not expired are read.
"""

from collections.abc import Iterator

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone


def count(user: User) -> int:
    """How many sessions of `user` go on."""
    return sum(1 for _ in _keys(user))


def end_all(user: User) -> int:
    """End every session of `user` now; how many there were. Another transaction may add one later,
    so whoever must not come back is blocked first."""
    keys = list(_keys(user))
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)


def forget() -> None:
    """Remove sessions that are over, and from which address and browser they were opened."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("pk")).delete()


def _keys(user: User) -> Iterator[str]:
    going_on = Session.objects.filter(expire_date__gt=timezone.now())
    for session in going_on.iterator(chunk_size=1_000):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            yield session.pk

"""What was refused of what systems sent: counted by hour, kind and system, the latest one named.

A request that is refused leaves nothing else behind, and its sender may never read the answer. Of
one hour, a system and a reason there is one row, however often it is sent again.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from reviews import access
from reviews.incoming import Refusal
from reviews.models import Refused

Surface = Refused.Surface
KEPT = timedelta(days=8)
MOST_KINDS = 20
"""Kinds that are kept of one request; what else was refused in it is counted as the last one."""
MOST_HOURLY = 200
"""Kinds that are kept of one system in one hour, since a reason may quote what was sent."""
OTHERS = "was refused for a reason like those beside it"
_QUOTED = re.compile(r"“[^”]*”|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?<=index )\d+")
_OF_A_PERSON = ("patient", "person", "identif", "name", "birth", "address", "telecom", "contact")
"""What stands in the path of something that is said of a person."""
_NUMBER = re.compile(r"\[\d+\]|(?<=[./])\d+(?=[./]|$)", re.ASCII)


class Fault(NamedTuple):
    """Why something was refused: where in it, and which record it was, where it is one."""

    field: str
    reason: str
    record: str = ""


def faults_of(refusals: Iterable[Refusal]) -> list[Fault]:
    """The faults of a batch, each with the id of its record, or with its place."""
    return [
        Fault(one.field, one.reason, one.source_id or f"number {one.index} of its batch")
        for one in refusals
    ]


def keep(user: User, surface: Surface, faults: Iterable[Fault]) -> None:
    """Count what was refused of the system that `user` acts for, in a transaction of its own."""
    places = sorted(access.roles_of(user))
    if not places:
        return
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    counted: Counter[tuple[str, str]] = Counter()
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    for fault in faults:
        field = _plain(_NUMBER.sub("[]", fault.field))[:200]
        what = field, _plain(_QUOTED.sub("“…”", fault.reason))[:500]
        if what not in counted and len(counted) >= MOST_KINDS:
            what = "", OTHERS
        counted[what] += 1
        quotes = field and not any(word in field.lower() for word in _OF_A_PERSON)
        said = _plain(fault.reason)[:500] if quotes and what[0] else ""
        latest[what] = said, _plain(fault.record)[:200]
    if not counted:
        return
    with access.seeing_as(user), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM reviews_refused WHERE user_id = %s AND hour = %s", [user.pk, hour]
        )
        [(kept,)] = cursor.fetchall()
        if kept >= MOST_HOURLY:
            counted = Counter({("", OTHERS): counted.total()})
            latest = {("", OTHERS): ("", "")}
        # In one order, so that two requests of a system never wait for each other.
        for (field, reason), times in sorted(counted.items()):
            kind = hashlib.blake2b(
                "\0".join([surface, field, reason, *map(str, places)]).encode(), digest_size=16
            ).hexdigest()
            told = [user.pk, places, surface, hour, kind, field, reason, times]
            cursor.execute(COUNT, [*told, *latest[field, reason], now])


COUNT = """
    INSERT INTO reviews_refused AS kept
        (user_id, practice_ids, surface, hour, kind, field, reason, times, said, record, latest_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (user_id, hour, kind) DO UPDATE SET
        times = kept.times + excluded.times,
        said = excluded.said,
        record = excluded.record,
        latest_at = excluded.latest_at
"""


def forget_old() -> None:
    """Remove what is older than anybody is shown."""
    Refused.objects.filter(hour__lt=timezone.now() - KEPT).delete()


def _plain(text: str) -> str:
    """As PostgreSQL keeps it: without NUL, and without halves of signs."""
    return text.replace("\0", "").encode(errors="replace").decode()

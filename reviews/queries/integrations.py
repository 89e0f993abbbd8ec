"""How the systems do that are connected to the portal: who calls, what is refused, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, Max, Prefetch, QuerySet
from django.utils import timezone

from reviews import access, proving
from reviews.access import Action
from reviews.audit import Event
from reviews.models import (
    AccessToken,
    ApiKey,
    Client,
    ImportNote,
    Job,
    Refused,
    WaitingRecord,
    WebhookMessage,
    WebhookTry,
)
from reviews.queries import unknown_medicines

DAY, WEEK = timedelta(days=1), timedelta(days=7)
SILENT_AFTER = timedelta(hours=24)
REGULAR_DAYS = 3
"""Whoever called on so many of the 7 days before it stopped is missed."""
MISSED_FOR = timedelta(days=14)
"""A system that has not called for longer is one that was given up; its line says since when."""
MOST_KINDS, MOST_NOTES, MOST_MESSAGES, MOST_TEXTS = 15, 10, 10, 5
SYNCED = [
    event.verb
    for event in (
        Event.PATIENTS_SYNCED,
        Event.PRESCRIPTIONS_SYNCED,
        Event.CONDITIONS_SYNCED,
        Event.READINGS_SYNCED,
    )
]


@dataclass(slots=True, kw_only=True)
class System:
    """A system in force, and what it did.

    `sent` are records, `calls` all else that stands in the trail; each of the last 24 hours, and of
    7 days. `silent` says that it called regularly and does so no longer.
    """

    row: ApiKey | Client
    speaks: str
    may: str
    sent: tuple[int, int] = (0, 0)
    calls: tuple[int, int] = (0, 0)
    refused: tuple[int, int] = (0, 0)
    silent: bool = False

    @property
    def is_client(self) -> bool:
        """Whether it signs what it asks, rather than holds a key."""
        return isinstance(self.row, Client)

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def last_seen(self) -> datetime | None:
        return self.row.last_used_at


class Kind(NamedTuple):
    """What was refused of one system for one reason, and the latest record it befell.

    `said` is the reason as that one was told, where it quotes what was sent.
    """

    system: str
    surface: str
    field: str
    reason: str
    said: str
    record: str
    latest_at: datetime
    day: int
    week: int


class Reason(NamedTuple):
    """A step that a token needs: whether it is met (None: not known yet), and what is so."""

    met: bool | None
    said: str


def systems(user: User) -> list[System]:
    """The systems in force of the practices where `user` sees them, those that are silent first."""
    places = access.practice_ids(user, Action.SEE_INTEGRATIONS)
    keys = (
        ApiKey.objects.filter(practices__in=places, revoked_at=None)
        .distinct()
        .select_related("created_by")
        .prefetch_related("practices")
        .order_by("pk")
    )
    found = [
        System(
            row=key,
            speaks="REST, FHIR" if key.kind == ApiKey.Kind.RECORDS else "REST",
            may="records" if key.kind == ApiKey.Kind.RECORDS else "people",
        )
        for key in keys
    ]
    found += [
        System(row=client, speaks=_speaks(client), may=client.scopes or "to call hooks")
        for client in clients(user)
    ]
    _count(found, places)
    return sorted(found, key=lambda each: (not each.silent, each.name.casefold(), each.row.pk))


def clients(user: User) -> QuerySet[Client]:
    """The systems in force that sign what they ask."""
    places = access.practice_ids(user, Action.SEE_INTEGRATIONS)
    return (
        Client.objects.filter(practices__in=places, withdrawn_at=None)
        .distinct()
        .select_related("created_by")
        .prefetch_related("practices", "keys")
        .order_by("name", "pk")
    )


def _speaks(client: Client) -> str:
    ways = [("FHIR", client.scopes), ("CDS Hooks", client.hook_issuer)]
    return ", ".join(way for way, said in ways if said)


def _count(found: Sequence[System], places: list[int]) -> None:
    """Fill in what the trail and the refusals say of systems."""
    now = timezone.now()
    by_user = {each.row.user_id: each for each in found}
    asked = {
        "users": list(by_user),
        "places": places,
        "synced": SYNCED,
        "day": now - DAY,
        "week": now - WEEK,
        "since": now - MISSED_FOR - WEEK,
        "zone": timezone.get_current_timezone_name(),
    }
    with connection.cursor() as cursor:
        cursor.execute(DID, asked)
        days: dict[int, list[date]] = {}
        for pk, *counts, on in cursor.fetchall():
            by_user[pk].sent, by_user[pk].calls = (counts[0], counts[1]), (counts[2], counts[3])
            days[pk] = on
        cursor.execute(WERE_REFUSED, asked)
        for pk, day, week in cursor.fetchall():
            by_user[pk].refused = (day, week)
    for pk, each in by_user.items():
        each.silent = is_silent(each.last_seen, days.get(pk, ()), now)


def is_silent(last_seen: datetime | None, days: Iterable[date], now: datetime) -> bool:
    """Whether a system that called regularly has stopped; `days` are those on which it did."""
    if last_seen is None or not now - MISSED_FOR <= last_seen < now - SILENT_AFTER:
        return False
    last = timezone.localdate(last_seen)
    regular = {day for day in days if last - WEEK < day <= last} | {last}
    return len(regular) >= REGULAR_DAYS


# What a system did at several practices at once belongs to none: its counts alone say nothing.
DID = """
    SELECT actor_id,
        coalesce(sum(records) FILTER (WHERE at >= %(day)s), 0)::bigint,
        coalesce(sum(records) FILTER (WHERE at >= %(week)s), 0)::bigint,
        count(*) FILTER (WHERE records IS NULL AND at >= %(day)s),
        count(*) FILTER (WHERE records IS NULL AND at >= %(week)s),
        array_agg(DISTINCT (at AT TIME ZONE %(zone)s)::date)
    FROM (
        SELECT actor_id, at, CASE WHEN verb = ANY (%(synced)s) THEN
            (detail->>'created')::bigint + (detail->>'amended')::bigint
            + (detail->>'unchanged')::bigint + coalesce((detail->>'waiting')::bigint, 0)
        END AS records
        FROM reviews_auditevent
        WHERE actor_id = ANY (%(users)s) AND at >= %(since)s
            AND (practice_id IS NULL OR practice_id = ANY (%(places)s))
    ) did
    GROUP BY actor_id
"""
WERE_REFUSED = """
    SELECT user_id,
        coalesce(sum(times) FILTER (WHERE latest_at >= %(day)s), 0)::bigint, sum(times)::bigint
    FROM reviews_refused
    WHERE user_id = ANY (%(users)s) AND latest_at >= %(week)s
        AND practice_ids && %(places)s::bigint[]
    GROUP BY user_id
"""


def kinds(user: User, found: Sequence[System]) -> list[Kind]:
    """What was refused of these systems in 7 days, by reason, the most frequent of today first.

    Without the systems that also work where `user` does not: their records may be of there.
    """
    names = {each.row.user_id: each.name for each in found}
    now = timezone.now()
    surfaces = dict(Refused.Surface.choices)
    asked = {
        "users": list(names),
        "places": access.practice_ids(user, Action.SEE_INTEGRATIONS),
        "day": now - DAY,
        "week": now - WEEK,
        "most": MOST_KINDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(BY_KIND, asked)
        return [
            Kind(names[pk], surfaces[surface], *rest) for pk, surface, *rest in cursor.fetchall()
        ]


BY_KIND = """
    SELECT user_id, surface, field, reason,
        (array_agg(said ORDER BY latest_at DESC))[1],
        (array_agg(record ORDER BY latest_at DESC))[1],
        max(latest_at),
        coalesce(sum(times) FILTER (WHERE latest_at >= %(day)s), 0)::bigint AS today,
        sum(times)::bigint AS lately
    FROM reviews_refused
    WHERE user_id = ANY (%(users)s) AND latest_at >= %(week)s
        AND practice_ids <@ %(places)s::bigint[]
    GROUP BY user_id, surface, field, reason
    ORDER BY today DESC, lately DESC, max(latest_at) DESC
    LIMIT %(most)s
"""


def hidden(user: User, found: Sequence[System]) -> int:
    """How many were refused in 7 days of systems that also work where `user` does not."""
    places = access.practice_ids(user, Action.SEE_INTEGRATIONS)
    rows = Refused.objects.filter(
        user__in=[each.row.user_id for each in found],
        latest_at__gte=timezone.now() - WEEK,
        practice_ids__overlap=places,
    ).exclude(practice_ids__contained_by=places)
    return sum(rows.values_list("times", flat=True))


def notes(user: User) -> list[dict]:
    """What was left out of records that were kept, in 7 days, by source and reason.

    What is said of people themselves stands on their pages alone.
    """
    rows = access.scope(ImportNote.objects.all(), user, Action.SEE_INTEGRATIONS)
    return list(
        rows.filter(ended_at=None, noted_at__gte=timezone.now() - WEEK)
        .exclude(kind=ImportNote.Kind.PATIENT)
        .values("source_system", "reason", "refused")
        .annotate(times=Count("pk"), record=Max("about"), latest_at=Max("noted_at"))
        .order_by("-times", "source_system", "reason")[:MOST_NOTES]
    )


def waiting(user: User) -> int:
    """How many records wait until somebody has said whose they are."""
    rows = access.scope(WaitingRecord.objects.all(), user, Action.SEE_INTEGRATIONS)
    return rows.filter(ended_at=None).count()


def failed_jobs(found: Sequence[System]) -> QuerySet[Job]:
    """The long jobs of these systems that failed in 7 days, the latest first."""
    return Job.objects.filter(
        state=Job.State.FAILED,
        ended_at__gte=timezone.now() - WEEK,
        asked_by__in=[each.row.user_id for each in found],
    ).order_by("-ended_at", "-pk")


def deliveries(webhooks: Iterable) -> QuerySet[WebhookMessage]:
    """The messages to these receivers that were tried, those not delivered first."""
    tries = WebhookTry.objects.order_by("-pk")
    return (
        WebhookMessage.objects.filter(webhook__in=list(webhooks), tries__gt=0)
        .select_related("webhook")
        .prefetch_related(Prefetch("log", queryset=tries))
        .order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MOST_MESSAGES]
    )


class Texts(NamedTuple):
    """Medicines that no rule can read: how many, and the most frequent, with what they may be."""

    texts: int
    prescriptions: int
    first: list[unknown_medicines.Unknown]


def unmapped(user: User) -> Texts:
    """What is unmapped at the practices where `user` sees the systems."""
    rows = unknown_medicines.unknown(access.practice_ids(user, Action.SEE_INTEGRATIONS))
    first = unknown_medicines.with_near(rows[:MOST_TEXTS])
    return Texts(len(rows), sum(row.prescriptions for row in rows), first)


def token(client: Client) -> list[Reason]:
    """What a token would need of this system now, step by step; nothing is asked of anybody."""
    entered = [key.kid for key in client.keys.all() if key.withdrawn_at is None]
    published = [kid for kid in entered if proving.is_published(kid)]
    fetched = getattr(client, "fetchedkeys", None)
    steps = [
        Reason(client.withdrawn_at is None and client.user.is_active, "It is registered, in force"),
        Reason(bool(client.scopes), f"Its tokens may allow {client.scopes or 'nothing'}"),
    ]
    if entered:
        steps.append(
            Reason(entered != published, f"Keys entered here: {', '.join(sorted(entered))}")
        )
    if client.jwks_url and fetched is None:
        said = f"Its keys at {client.jwks_url} were never fetched: they are when it first asks"
        steps.append(Reason(True if entered else None, said))
    elif client.jwks_url and fetched is not None:
        kids = ", ".join(sorted(str(key.get("kid", "without a name")) for key in fetched.keys))
        at = timezone.localtime(fetched.fetched_at)
        said = f"Its address gave at {at:%H:%M on %-d %b %Y}: {kids or 'no key'}"
        steps.append(Reason(bool(fetched.keys), said))
    elif not entered:
        steps.append(Reason(False, "No key is entered here, and it has no address of keys"))
    return steps


def last_token(client: Client) -> datetime | None:
    """When it was last given a token, as far back as tokens are kept."""
    rows = AccessToken.objects.filter(client=client).order_by("-issued_at")
    return rows.values_list("issued_at", flat=True).first()


def last_refusal(user: User, client: Client) -> Refused | None:
    """The latest refusal of a token, in the days that refusals are kept."""
    places = access.practice_ids(user, Action.SEE_INTEGRATIONS)
    rows = Refused.objects.filter(
        user=client.user_id, surface=Refused.Surface.TOKEN, practice_ids__overlap=places
    )
    return rows.order_by("-latest_at").first()

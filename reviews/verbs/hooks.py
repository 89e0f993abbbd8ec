"""CDS Hooks: who calls, which cards were shown to whom, and what became of them.

Nothing of a patient is written. What went out is: an answer that cannot be recorded is not given.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from reviews import access, audit, jwts, proving
from reviews.access import Action
from reviews.audit import Event
from reviews.bulk import as_json
from reviews.models import Client, FindingOpinion, HookCard, HookFeedback, Practice
from reviews.rules.registry import BY_ID

LONGEST_ASSERTION = timedelta(hours=1)
REPEATED_WITHIN = timedelta(hours=12)
"""So long after it was shown, a card need not come again at the signature."""
KEPT = timedelta(days=90)
"""Cards of which nobody told anything are dropped after this time."""
BECAUSE = "urn:prescription-safety-portal:because"
"""The system of the codes why a card is overridden; they are those of the portal's own pages."""
LONGEST_COMMENT = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that calls a hook. `tenant` is what it calls the practice, where it says so."""

    client: Client
    tenant: str

    @property
    def source_system(self) -> str:
        return self.client.source_system


class Shown(NamedTuple):
    """A card that is about to be shown; `content` is what two cards that say the same share."""

    uuid: UUID
    matter: str
    title: str
    severity: int
    rules: tuple[str, ...]
    content: tuple[str, ...]
    suggestions: tuple[str, ...]


class _Card(NamedTuple):
    """A row of `HookCard`; the fields are its columns."""

    uuid: UUID
    client_id: int
    practice_id: int
    patient_id: int | None
    hook: str
    hook_instance: str
    matter: str
    title: str
    severity: int
    rules: tuple[str, ...]
    book: int
    about: str
    said: str
    suggestions: tuple[str, ...]
    may_be_left_out: bool


# A call has a dozen cards: as one text, they cost a third of what Django needs to insert them.
KEEP = f"""
    INSERT INTO reviews_hookcard ({", ".join(_Card._fields)})
    SELECT {", ".join(_Card._fields)} FROM jsonb_populate_recordset(NULL::reviews_hookcard, %s)
"""


class Call(NamedTuple):
    """What is known of a call: `about` are the texts that say whom, to whom and when it is about.

    `leaves_out` and `may_be_left_out`: whether cards that were shown when an order was chosen are
    to come again when it is signed.
    """

    hook: str
    instance: str
    user: str
    about: tuple[str, ...]
    may_be_left_out: bool
    leaves_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody did with a card, as their system tells it."""

    index: int
    card: UUID
    outcome: str
    accepted: tuple[str, ...]
    reason_system: str
    reason: str
    reason_display: str
    comment: str
    at: datetime


def recognise(assertion: str, *, audience: str) -> Caller:
    """The client that signed this for this address. Raises `jwts.NotProven`."""
    client = proving.prove(assertion, audience=audience, longest=LONGEST_ASSERTION, by_hook=True)
    tenant = jwts.said(assertion).claims.get("tenant")
    return Caller(client, tenant if isinstance(tenant, str) else "")


def show(
    *,
    caller: Caller,
    call: Call,
    cards: Sequence[Shown],
    practice: Practice,
    patient_id: int | None,
    book: int,
    by: User,
) -> list[UUID]:
    """Keep what is about to be shown, and say which of the cards are: the ids of these."""
    access.require(by, Action.SHOW_BY_HOOK, practice)
    about = _digest(str(caller.client.pk), str(practice.pk), *call.about)
    rows = [
        _Card(
            uuid=card.uuid,
            client_id=caller.client.pk,
            practice_id=practice.pk,
            patient_id=patient_id,
            hook=call.hook,
            hook_instance=call.instance,
            matter=card.matter,
            title=card.title,
            severity=card.severity,
            rules=card.rules,
            book=book,
            about=about,
            said=_digest(card.matter, str(card.severity), *card.content),
            suggestions=card.suggestions,
            may_be_left_out=call.may_be_left_out,
        )
        for card in cards
    ]
    # Durable: in a transaction around it, this would be about that one's commit. As for whatever
    # is read over the API, the commit does not wait for the disk.
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        if call.leaves_out and rows:
            shown = HookCard.objects.filter(
                about=about, may_be_left_out=True, made_at__gt=timezone.now() - REPEATED_WITHIN
            )
            said = set(shown.values_list("said", flat=True))
            rows = [row for row in rows if row.said not in said]
        cursor.execute(KEEP, [as_json([row._asdict() for row in rows])])
        audit.record(
            by,
            Event.HOOK_CALLED,
            practice_id=practice.pk,
            patient_id=patient_id,
            subject=caller.client,
            client=caller.client.name,
            hook=call.hook,
            hook_instance=call.instance,
            user=call.user[:200],
            cards=len(rows),
            rules=sorted({rule for row in rows for rule in row.rules}),
            shown=[] if patient_id is None else [patient_id],
        )
    return [row.uuid for row in rows]


def hear(*, caller: Caller, hook: str, told: Iterable[Told], by: User) -> list[int]:
    """Keep what became of cards: each once, whatever comes again. Returns the indexes of unknown
    cards, those of another client or hook among them; the others are kept.

    An override with one of our reasons counts among what is said of each rule of the card.
    """
    told = list(told)
    found = HookCard.objects.filter(
        client=caller.client, hook=hook, pk__in=[each.card for each in told]
    )
    cards = {card.pk: card for card in found}
    unknown = [each.index for each in told if each.card not in cards]
    for each in told:
        card = cards.get(each.card)
        if card is not None:
            access.require(by, Action.SHOW_BY_HOOK, card)
            _hear(caller.client, card, each, by)
    return unknown


def forget() -> None:
    """Drop cards that are old and of which nobody told anything."""
    old = HookCard.objects.filter(made_at__lt=timezone.now() - KEPT, feedback__isnull=True)
    old.delete()


def _hear(client: Client, card: HookCard, told: Told, by: User) -> None:
    """Keep what became of one card, unless that was told before: the first word stands."""
    try:
        with transaction.atomic():
            HookFeedback.objects.create(
                card=card,
                practice_id=card.practice_id,
                outcome=told.outcome,
                accepted=list(told.accepted),
                reason_system=told.reason_system,
                reason=told.reason,
                reason_display=told.reason_display,
                comment=told.comment,
                said_at=told.at,
            )
            _count(card, told, by)
            audit.record(
                by,
                Event.HOOK_ANSWERED,
                practice_id=card.practice_id,
                patient_id=card.patient_id,
                subject=card,
                client=client.name,
                card=str(card.pk),
                outcome=told.outcome,
                reason=told.reason,
                rules=card.rules,
            )
    except IntegrityError:
        if not HookFeedback.objects.filter(card=card).exists():
            raise


def _count(card: HookCard, told: Told, by: User) -> None:
    """Count an override with a reason of ours against each rule whose finding the card held."""
    ours = told.reason_system in ("", BECAUSE) and told.reason in FindingOpinion.Because.values
    if told.outcome != HookFeedback.Outcome.OVERRIDDEN or not ours:
        return
    FindingOpinion.objects.bulk_create(
        [
            FindingOpinion(
                practice_id=card.practice_id,
                rule_id=rule,
                book=card.book,
                because=told.reason,
                where=FindingOpinion.Where.HOOK,
                words=told.comment[:500],
                by=by,
            )
            for rule in card.rules
            if rule in BY_ID
        ]
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()

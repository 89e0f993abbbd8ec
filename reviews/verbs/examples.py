"""Verbs on worked examples: add one to a rule, withdraw it, state why a book breaks some.

An example is an invented person. Nothing of it is judged with patients; frozen drafts are judged
by it (`reviews.worked_examples`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, governing, profiles, worked_examples
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.governing import Grounds
from reviews.models import BrokenExample, Expected, Practice, RuleExample, RuleVersion
from reviews.rules.examples import added
from reviews.rules.registry import BY_ID

REASON_LENGTH = 1000


@transaction.atomic
def add(
    *,
    rule_id: str,
    title: str,
    record: Mapping[str, Any],
    expected: str,
    grounds: Grounds,
    invented: bool,
    by: User,
    profile: str = "",
    practice: Practice | None = None,
) -> RuleExample:
    """Add an example to a rule; each frozen draft is judged by it at once.

    `invented` is said by whoever adds it: nobody describes a patient here. Raises `BadRecord` by
    field; for the record the field is that of its part.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    title = " ".join(title.split())
    if rule_id not in BY_ID:
        raise BadRecord("rule_id", f"there is no rule {rule_id}")
    if bool(profile) == bool(practice):
        raise BadRecord("profile", "give a profile, or a practice for its local policy")
    if profile:
        profiles.require_known("profile", profile)
    if not title or len(title) > 200:
        raise BadRecord("title", "is needed, in at most 200 characters: what the example shows")
    if expected not in Expected.values:
        raise BadRecord("expected", "must be “flag” or “quiet”")
    if not invented:
        raise BadRecord("invented", "is needed: an example describes nobody who lives")
    cited = governing.cited(grounds)
    readable(record, profile, practice)
    if worked_examples.standing(rule_id).filter(profile=profile, practice=practice, title=title):
        raise BadRecord("title", f"{rule_id} has an example of this title already")
    made = RuleExample.objects.create(
        rule_id=rule_id,
        profile=profile,
        practice=practice,
        title=title,
        record=dict(record),
        expected=expected,
        by=by,
        **cited,
    )
    _record(by, Event.RULE_EXAMPLE_ADDED, made)
    live = governing.live()
    for version in worked_examples.open_drafts():
        worked_examples.look(version, live)
    return made


def readable(record: Mapping[str, Any], profile: str, practice: Practice | None) -> None:
    """Raise `BadRecord` for a record that is none, naming its part."""
    try:
        added.read(record, *worked_examples.scope_of(profile, practice))
    except added.Unreadable as error:
        raise BadRecord(error.part, error.reason) from error


@transaction.atomic
def withdraw(*, example: RuleExample, reason: str, by: User) -> RuleExample:
    """Withdraw an example; it stays readable, and what frozen drafts break of it stays to explain.

    Raises `BadRecord` without a reason, `Stale` when it is withdrawn already.
    """
    access.require(by, Action.DRAFT)
    missing = "is needed to withdraw an example"
    why = governing.kept_words("reason", reason, REASON_LENGTH, missing=missing)
    locked = RuleExample.objects.select_for_update(of=("self",)).get(pk=example.pk)
    if locked.withdrawn_at is not None:
        raise Stale("Somebody else withdrew this example since you opened it.")
    locked.withdrawn_by, locked.withdrawn_at = by, timezone.now()
    locked.withdrawn_reason = why
    locked.save(update_fields=["withdrawn_by", "withdrawn_at", "withdrawn_reason"])
    _record(by, Event.RULE_EXAMPLE_WITHDRAWN, locked, reason=locked.withdrawn_reason)
    return locked


@transaction.atomic
def explain(
    *, version: RuleVersion, broken: Iterable[int], reason: str, by: User
) -> list[BrokenExample]:
    """State why a frozen draft breaks these examples, ids of its `BrokenExample` rows.

    The reason is kept with the book, for each of them. Raises `BadRecord` without a reason or an
    example, `IllegalMove` for what is no draft, `Stale` where somebody stated one since.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    locked = RuleVersion.objects.defer("book").get(pk=version.pk)
    if locked.state != RuleVersion.State.DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    missing = "is needed: why the book says otherwise than the example"
    why = governing.kept_words("reason", reason, REASON_LENGTH, missing=missing)
    ids = set(broken)
    rows = list(
        locked.broken_examples.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    )
    if not ids or len(rows) != len(ids):
        raise BadRecord("broken", "choose at least one example of this draft")
    if any(row.explained_at is not None for row in rows):
        raise Stale("Somebody stated a reason for one of these since you opened the page.")
    for row in rows:
        row.reason, row.explained_by = why, by
        row.explained_at = timezone.now()
        row.save(update_fields=["reason", "explained_by", "explained_at"])
    audit.record(
        by,
        Event.RULE_EXAMPLES_EXPLAINED,
        subject=locked,
        number=locked.number,
        examples=[f"{row.rule_id}: {row.title}" for row in rows],
        reason=rows[0].reason,
    )
    return rows


def _record(by: User, event: Event, example: RuleExample, **more: Any) -> None:
    audit.record(
        by,
        event,
        subject=example,
        example=example.pk,
        rule=example.rule_id,
        scope=example.practice.code if example.practice else example.profile,
        title=example.title,
        expected=example.expected,
        source=example.source,
        locator=example.locator,
        **more,
    )

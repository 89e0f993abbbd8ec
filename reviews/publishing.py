"""Publishing rule books: one at a time, and why somebody may not publish one now."""

from django.contrib.auth.models import User
from django.db import connection

from reviews import access, governing, guarding, what_ifs
from reviews.access import Action
from reviews.errors import DomainError, IllegalMove, NotAllowed, Stale
from reviews.models import GuardedBook, RuleVersion

LOCK = 0xB00C
"""Advisory lock: of whoever freezes or publishes a book, or has one guarded."""


def one_at_a_time() -> None:
    """Wait for whoever freezes or publishes now: what is live is read after that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def live() -> RuleVersion | None:
    """The published version, if one is."""
    return RuleVersion.objects.filter(state=RuleVersion.State.PUBLISHED).first()


def hindrance(version: RuleVersion, by: User) -> DomainError | None:
    """Why `by` may not publish this version now, guarded or not; None when they may.

    `NotAllowed` for whoever changed anything in it, `IllegalMove` for what is no draft or was not
    tried by a what-if, `Stale` when a later book is live.
    """
    if not access.allowed(by, Action.PUBLISH):
        return NotAllowed("You may not publish rule books here.", action="publish")
    if version.state != RuleVersion.State.DRAFT:
        return IllegalMove(f"Rule book {version.number} is not a draft.")
    if version.drafted_by_id == by.pk:
        return NotAllowed("You drafted this rule book. A second person must agree and publish it.")
    if by.pk in version.editor_ids:
        return NotAllowed(
            "You changed something in this rule book. A second person must agree and publish it."
        )
    now = live()
    if now is not None and governing.is_frozen_before(version, now):
        return Stale(f"Rule book {now.number} was published since. Draft again from there.")
    guard = guarding.running()
    if guard is not None:
        return _while_guarded(guard, version)
    # What was in force before is known; and going back must not wait for a trial.
    if now is not None and version.rolls_back_to_id is None and not what_ifs.tried(version, now):
        return IllegalMove(
            f"Nobody has tried it against rule book {now.number} on the patients of today. "
            "Run a what-if first."
        )
    return None


def _while_guarded(guard: GuardedBook, version: RuleVersion) -> DomainError | None:
    """Why this version may not go live while a guarded book runs; the guarded one itself may.

    It was tried before it ran, and has judged people since: it needs no other what-if.
    """
    if guard.version_id != version.pk:
        return IllegalMove(
            f"Rule book {guard.version.number} runs guarded. Roll it back, or let it go live first."
        )
    return not_ready(guard)


def not_ready(guard: GuardedBook) -> DomainError | None:
    """Why a guarded book may not go further than where it runs; None when it may."""
    if stopped := guarding.not_answered(guard):
        return IllegalMove(
            f"It stopped itself at {_named(stopped)}. Begin there again, or roll it back."
        )
    return _looked_at(guard)


def _looked_at(guard: GuardedBook) -> DomainError | None:
    if waiting := guarding.not_looked_at(guard):
        return IllegalMove(f"No sweep has judged {_named(waiting)} yet. Wait for the first one.")
    return None


def may_widen(guard: GuardedBook, by: User) -> DomainError | None:
    """Why `by` may not begin further practices now; None when they may.

    Where it stopped itself it may begin again: somebody says why.
    """
    if not access.allowed(by, Action.PUBLISH):
        return NotAllowed("You may not publish rule books here.", action="publish")
    if guard.outcome != GuardedBook.Outcome.RUNNING:
        return IllegalMove(f"Rule book {guard.version.number} is guarded no longer.")
    if by.pk == guard.version.drafted_by_id or by.pk in guard.version.editor_ids:
        return NotAllowed("You changed something in this rule book. A second person widens it.")
    return _looked_at(guard)


def _named(rows: list) -> str:
    return " and ".join(str(row.practice) for row in rows)

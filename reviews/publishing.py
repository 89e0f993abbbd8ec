"""Why somebody may not publish a rule book now, or let a guarded one go further."""

from django.contrib.auth.models import User

from reviews import access, governing, guarding, profiles, what_ifs, worked_examples
from reviews.access import Action
from reviews.errors import DomainError, IllegalMove, NotAllowed, Stale
from reviews.models import GuardedBook, GuardedPractice, RuleVersion
from reviews.rules import words

LONGEST_AGREEMENT = 2000


def hindrance(version: RuleVersion, by: User) -> DomainError | None:
    """Why `by` may not publish this version now, guarded or not; None when they may.

    `NotAllowed` for whoever changed anything in it, `IllegalMove` for what is no draft, was not
    tried by a what-if, breaks worked examples without a reason, has edits to which they did not
    agree, or is guarded and not done, `Stale` when a later book is live.
    """
    if (refusal := governing.no_second_person(version, by)) is not None:
        return refusal
    now = governing.published()
    if now is not None and governing.is_frozen_before(version, now):
        return Stale(f"Rule book {now.number} was published since. Draft again from there.")
    if lacking := profiles.missing(governing.further_of(version)):
        return IllegalMove(f"{'. '.join(lacking)}. Move them to another profile first.")
    guard = guarding.running()
    if guard is not None:
        return _while_guarded(guard, version) or _not_read(version, by)
    # What was in force before is known; and going back must not wait for a trial.
    why = ""
    if now is not None and version.rolls_back_to_id is None:
        why = what_ifs.untried(version, now)
    if why:
        return IllegalMove(f"{why} Run a what-if first.")
    return _not_read(version, by)


def require_sound(version: RuleVersion) -> None:
    """Raise `IllegalMove` where thresholds of a draft contradict each other now.

    A practice may have joined a group since it was frozen. Going back must not wait for that.
    """
    faults = [] if version.rolls_back_to_id else governing.faults(version.book)
    if faults:
        raise IllegalMove(". ".join(faults) + ".")


def _not_read(version: RuleVersion, by: User) -> DomainError | None:
    """Why somebody who agrees has not read it whole: a reason or an answer is missing."""
    if broken := worked_examples.unexplained(version):
        return IllegalMove(
            f"It breaks {words.many(broken, 'worked example')} for which nobody stated a reason. "
            "State why, or change the draft."
        )
    edits = {each.pk for each in governing.edits_of(version)}
    if left := len(edits - governing.agreed_to(version, by)):
        waits = "edit waits" if left == 1 else "edits wait"
        return IllegalMove(f"{left} {waits} for your answer. Read each, and say that you agree.")
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
        were = "was" if len(waiting) == 1 else "were"
        return IllegalMove(
            f"{_named(waiting)} {were} not looked at yet. It is due within the hour."
        )
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


def _named(rows: list[GuardedPractice]) -> str:
    return words.listed(str(row.practice) for row in rows)

"""Verbs on the rule book: draft it, publish it, discard it, go back to an earlier one.

Screening reads only the published book. A draft is frozen when it is made, of the formulary, of
what the software proposes and of edits; a second person publishes it, and the patients it can
affect are screened again.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from reviews import (
    access,
    audit,
    engines,
    governing,
    guarding,
    publishing,
    requests,
    rulebooks,
    sealing,
    shadows,
    walls,
    worked_examples,
)
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import IllegalMove, Stale
from reviews.guarding import Budget
from reviews.models import (
    GuardedBook,
    PatientScreening,
    Practice,
    RuleChange,
    RuleDraft,
    RuleVersion,
)
from reviews.reaching import affected_patients
from reviews.rules.book import RuleBook

DRAFT, PUBLISHED = RuleVersion.State.DRAFT, RuleVersion.State.PUBLISHED
RETIRED = RuleVersion.State.RETIRED
LONGEST_WORDS = 1000


@transaction.atomic
def bootstrap() -> RuleVersion | None:
    """Publish the book that comes with the software, if none was ever published."""
    if RuleVersion.objects.exists():
        return None
    content = governing.content([])
    version = _freeze(content, note="The book that comes with the portal.", by=None)
    version.state, version.published_at = PUBLISHED, timezone.now()
    version.engine = engines.current()
    version.save(update_fields=["state", "published_at", "engine"])
    audit.record(
        None,
        Event.RULES_PUBLISHED,
        subject=version,
        number=version.number,
        content=sealing.book_content(version),
    )
    return version


@transaction.atomic
def draft(*, note: str, by: User) -> RuleVersion:
    """Freeze formulary and rules as they are now. `IllegalMove` when nothing has changed."""
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    live, read_at = governing.published(), timezone.now()
    edits = governing.standing(live)
    content = governing.content(edits.values())
    _require_sound(edits.values(), content)
    version = _freeze(
        content,
        note=note,
        by=by,
        formulary_at=read_at,
        change_ids=_ids(edits.values()),
        editor_ids=governing.editors([], formulary_since=_formulary_at(live), by=by),
    )
    return _drafted(version, live, by)


@transaction.atomic
def freeze(
    *,
    draft: RuleDraft,
    note: str,
    by: User,
    budget: Budget | None = None,
    silent_at: Collection[Practice] = (),
    days: int = 0,
) -> RuleVersion:
    """Freeze an open draft, with the formulary as it is now, into a book to be published.

    `budget` is what a guarded run of it is to begin with. With `silent_at` it judges silently there
    from now on, for so many days; all of it or nothing.
    Raises `Stale` when another book is live than the draft changes, `IllegalMove` when an edit has
    to be confirmed, when thresholds contradict each other, or when nothing would change, and what
    `shadows.begin` says.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    locked = RuleDraft.objects.select_for_update().get(pk=draft.pk)
    governing.require_open(locked)
    live = RuleVersion.objects.select_for_update().get(state=PUBLISHED)
    if locked.base_id != live.pk:
        raise Stale(f"Rule book {live.number} was published since. Bring the draft up to date.")
    changes = governing.in_draft(locked)
    if strange := governing.conflicts(locked, changes):
        edits_were = "1 edit was" if len(strange) == 1 else f"{len(strange)} edits were"
        raise IllegalMove(
            f"{edits_were} made against an older book. Confirm each anew, or take it out."
        )
    edits = governing.merged(live, changes)
    read_at = timezone.now()
    content = governing.content(edits.values())
    _require_sound(edits.values(), content)
    stated = budget.checked() if budget else Budget(None, None, "")
    version = _freeze(
        content,
        note=note or locked.title,
        by=by,
        formulary_at=read_at,
        change_ids=_ids(edits.values()),
        editor_ids=governing.editors(
            # Also who edited what somebody else wrote over: it was theirs to begin with.
            locked.changes.all(),
            formulary_since=_formulary_at(live),
            by=by,
        ),
        made_of=locked,
        most_cases=stated.most_cases,
        most_urgent=stated.most_urgent,
        budget_source=stated.source,
    )
    _drafted(version, live, by)
    for practice in silent_at:
        shadows.begin(version, practice, days=days, by=by)
    return version


@transaction.atomic
def roll_back(*, to: RuleVersion, reason: str, by: User) -> RuleVersion:
    """Draft the content of an earlier book again, under a new number, for a second person.

    Formulary and rules as they are now are not in it: what differs waits for the next draft.
    Raises `BadRecord` without a reason, `IllegalMove` for a book that was never published or that
    says what the live one says.
    """
    access.require(by, Action.DRAFT)
    missing = "is needed to go back to an earlier book"
    why = governing.kept_words("reason", reason, LONGEST_WORDS, missing=missing)
    if to.published_at is None:
        raise IllegalMove(f"Rule book {to.number} was never published.")
    governing.one_at_a_time()
    live = governing.published()
    content = {name: section for name, section in to.book.items() if name != "number"}
    version = _freeze(
        content,
        note=why,
        by=by,
        change_ids=to.change_ids,
        editor_ids=[by.pk],
        formulary_at=_formulary_at(to),
        rolls_back_to=to,
    )
    if live is not None and live.digest == version.digest:
        raise IllegalMove(f"Rule book {live.number} says the same as rule book {to.number}.")
    # Why it goes back is why it breaks what it breaks: that must not wait.
    worked_examples.look(version, live, because=version.note, by=by)
    audit.record(
        by,
        Event.RULES_ROLLED_BACK,
        subject=version,
        number=version.number,
        to=to.number,
        reason=version.note,
    )
    return version


@transaction.atomic
def publish(*, version: RuleVersion, agreement: str, by: User) -> RuleVersion:
    """Make a draft the live book, as a second person, and rescreen those it can affect.

    `agreement` is why they agree: it is kept with the book. Raises what `publishing.hindrance`
    says, and `BadRecord` without an agreement.
    """
    access.require(by, Action.PUBLISH)
    governing.one_at_a_time()
    locked = RuleVersion.objects.select_for_update().get(pk=version.pk)
    if (refusal := publishing.hindrance(locked, by)) is not None:
        raise refusal
    missing = "is needed: say why you agree"
    words = governing.kept_words(
        "agreement", agreement, publishing.LONGEST_AGREEMENT, missing=missing
    )
    publishing.require_sound(locked)
    live = RuleVersion.objects.select_for_update().filter(state=PUBLISHED).first()
    if live is not None:
        live.state, live.retired_at = RETIRED, timezone.now()
        live.save(update_fields=["state", "retired_at"])
    locked.state, locked.published_by, locked.published_at = PUBLISHED, by, timezone.now()
    locked.engine, locked.agreement = engines.current(), words
    locked.save(update_fields=["state", "published_by", "published_at", "engine", "agreement"])
    if (guard := guarding.running()) is not None:
        guarding.end(guard, outcome=GuardedBook.Outcome.LIVE, why=locked.agreement, by=by)
    # A book is for every practice, also for those where the person who publishes does not work.
    with walls.seeing(walls.EVERYTHING):
        # Where it was guarded it has judged them already, as a rule all of them.
        by_it = PatientScreening.objects.filter(version=locked, problem="")
        judged = set(by_it.values_list("patient", flat=True)) if guard else set()
        affected = [pk for pk in affected_patients(live, locked) if pk not in judged]
        requests.enqueue(affected, reason="published", priority=requests.BULK)
    told: dict[str, Any] = {"content": sealing.book_content(locked)}
    if broken := worked_examples.kept(locked):
        told["broken"] = [f"{row.rule_id}: {row.title}: {row.reason}" for row in broken]
    if locked.made_of is not None:
        told["edits"] = _ids(governing.in_draft(locked.made_of))
    audit.record(
        by,
        Event.RULES_PUBLISHED,
        subject=locked,
        number=locked.number,
        patients=len(affected),
        agreement=locked.agreement,
        **told,
    )
    return locked


@transaction.atomic
def discard(*, version: RuleVersion, by: User) -> RuleVersion:
    """Put a draft away unpublished; its number is not used again.

    Raises `IllegalMove` for what is no draft, or judges somewhere.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    locked = RuleVersion.objects.select_for_update().get(pk=version.pk)
    if locked.state != DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    if locked.guards.filter(outcome=GuardedBook.Outcome.RUNNING).exists():
        raise IllegalMove(f"Rule book {locked.number} runs guarded. Roll it back first.")
    locked.state, locked.retired_at = RETIRED, timezone.now()
    locked.save(update_fields=["state", "retired_at"])
    audit.record(by, Event.RULES_DISCARDED, subject=locked, number=locked.number)
    return locked


def pending_changes() -> dict[str, Any]:
    """What a draft made now would change against the live book; empty lists when nothing."""
    live = governing.published()
    made = governing.content(governing.standing(live).values())
    return rulebooks.changes(live.book if live else {}, made)


def _require_sound(edits: Iterable[RuleChange], content: dict[str, Any]) -> None:
    """Raise `IllegalMove` where edits are out of the bounds of today, or contradict each other."""
    if faults := governing.unsound(edits, content):
        raise IllegalMove(". ".join(faults) + ".")


def _ids(changes: Iterable[RuleChange]) -> list[int]:
    return sorted(each.pk for each in changes)


def _formulary_at(version: RuleVersion | None) -> datetime | None:
    """When the formulary in a book was read; older books do not say, and were frozen then."""
    return None if version is None else version.formulary_at or version.drafted_at


def _drafted(version: RuleVersion, live: RuleVersion | None, by: User) -> RuleVersion:
    if live is not None and live.digest == version.digest:
        raise IllegalMove(f"Nothing has changed since rule book {live.number}.")
    worked_examples.look(version, live)
    audit.record(by, Event.RULES_DRAFTED, subject=version, number=version.number)
    return version


def _freeze(content: dict[str, Any], *, note: str, by: User | None, **made: Any) -> RuleVersion:
    """A draft of this content; `made` are the columns that say what it was made of."""
    # Only one draft at a time takes the next number.
    RuleVersion.objects.select_for_update().order_by("-number").first()
    number = (RuleVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    book = {"number": number, **content}
    RuleBook.from_json(book)  # a book that cannot be read is refused here, not by screening
    return RuleVersion.objects.create(
        number=number,
        book=book,
        digest=governing.digest_of(content),
        note=note,
        drafted_by=by,
        **{"formulary_at": timezone.now(), **made},
    )

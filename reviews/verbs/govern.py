"""Verbs on open drafts of rules: begin one, edit a fact in it, withdraw an edit, bring it up to
date, put it away.

Several people add edits to one draft. Nothing changes for anybody's patients: a draft is frozen
into a book, which a second person publishes (`reviews.verbs.publish`).
"""

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, governing, profiles
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.governing import Grounds, Place
from reviews.models import Practice, PracticeGroup, RuleChange, RuleDraft, RuleVersion, named
from reviews.rule_files import Row
from reviews.rules.changing import PROFILE, Fact, Value, own_facts, value_in
from reviews.rules.profiles import DETAILS, Held, children, further


@transaction.atomic
def begin(*, title: str, by: User) -> RuleDraft:
    """Begin a draft of the next book, on top of the live one. Raises `BadRecord` for no title."""
    access.require(by, Action.DRAFT)
    if not title.strip():
        raise BadRecord("title", "is needed: what the draft is for")
    draft = RuleDraft.objects.create(title=title.strip()[:200], base=governing.live(), begun_by=by)
    audit.record(by, Event.RULE_DRAFT_BEGUN, subject=draft, draft=draft.pk, title=draft.title)
    return draft


@transaction.atomic
def change(
    *,
    draft: RuleDraft,
    rule_id: str,
    field: str,
    after: Value,
    grounds: Grounds,
    by: User,
    profile: str = "",
    practice: Practice | None = None,
    group: PracticeGroup | None = None,
    seen: int | None = None,
) -> RuleChange:
    """Edit one fact in a draft, of a profile or as local policy of a practice or a group.

    `seen` is the id of the edit of that fact which the draft held when it was looked at, None for
    none: it is written over. A value that an edit gave the book may be said again, with a source
    that was read again. Raises `BadRecord` by field, `Stale` when somebody edited the fact or
    published a book since, `IllegalMove` when the draft is not open.
    """
    access.require(by, Action.DRAFT)
    if sum(map(bool, (profile, practice, group))) != 1:
        raise BadRecord("profile", "give a profile, or a practice or group for its local policy")
    locked, place = _lock(draft), practice or group
    return _edit(
        locked,
        Fact(rule_id, profile, place.scope if place else "", field),
        after,
        place=place,
        held=governing.held_in(locked),
        grounds=grounds,
        seen=seen,
        by=by,
    )


def _edit(
    locked: RuleDraft,
    fact: Fact,
    value: Value,
    *,
    held: Held,
    grounds: Grounds,
    by: User,
    place: Place | None = None,
    seen: int | None = None,
) -> RuleChange:
    """Edit one fact in a draft that the caller has locked.

    `held` are the further profiles that there are with all that the caller edits.
    """
    after = governing.accepted(fact, value, place, held)
    if fact.rule_id == PROFILE:
        governing.require_same_parent(locked, fact, after)
    cited = governing.cited(grounds)
    columns = {
        "rule_id": fact.rule_id,
        "profile": fact.profile,
        "field": fact.field,
        **governing.columns_of(place),
    }
    standing = governing.with_people(locked.changes.standing().filter(**columns)).first()
    if (standing.pk if standing else None) != seen:
        raise Stale(_by_whom(standing))
    before = value_in(locked.base.book, fact)
    if after == before and not _is_set_here(locked.base, fact):
        raise BadRecord("after", f"is what rule book {locked.base.number} says already")
    if standing is not None:
        _withdraw(standing, by)
    made = RuleChange.objects.create(
        draft=locked, before=before, after=after, by=by, **columns, **cited
    )
    _record(by, Event.RULE_CHANGED, made)
    return made


@transaction.atomic
def add_profile(
    *, draft: RuleDraft, code: str, said: Mapping[str, str], grounds: Grounds, by: User
) -> list[RuleChange]:
    """Add a further profile to a draft: an edit for each thing that is said of it.

    `said` is by `profiles.LABELS`. Raises `BadRecord` by field, also for a code that is taken.
    """
    access.require(by, Action.DRAFT)
    locked = _lock(draft)
    profiles.require_code(code)
    held = governing.held_in(locked)
    if code in held or code in further(locked.base.book):
        raise BadRecord("code", f"{code} is a profile already")
    for field in profiles.NEEDED:
        if not said.get(field, "").strip():
            raise BadRecord(field, "is needed")
    profiles.require_new_name(said["name"], held)
    of_it = locked.changes.standing().filter(rule_id=PROFILE, profile=code)
    seen = dict(of_it.values_list("field", "pk"))
    return [
        _edit(
            locked,
            Fact(PROFILE, code, "", field),
            said[field],
            held=held,
            grounds=grounds,
            seen=seen.get(field),
            by=by,
        )
        for field in DETAILS
        if said.get(field, "").strip()
    ]


@transaction.atomic
def describe_profile(
    *,
    draft: RuleDraft,
    code: str,
    said: Mapping[str, str],
    grounds: Grounds,
    seen: int | None,
    by: User,
) -> list[RuleChange]:
    """Change in a draft what is said of a further profile: an edit for each thing that differs.

    `seen` is the newest edit of it in the draft when it was looked at, None for none. Raises
    `BadRecord` by field, also for a name that is taken, and `Stale`.
    """
    access.require(by, Action.DRAFT)
    locked = _lock(draft)
    held = governing.held_in(locked)
    if code not in held:
        raise BadRecord("code", f"there is no profile {code} in the draft")
    standing = {
        each.field: each
        for each in governing.with_people(
            locked.changes.standing().filter(rule_id=PROFILE, profile=code)
        )
    }
    newest = max(standing.values(), key=lambda each: each.pk, default=None)
    if (newest.pk if newest else None) != seen:
        raise Stale(_by_whom(newest))
    for field in profiles.NEEDED:
        if field in said and not said[field].strip():
            raise BadRecord(field, "is needed")
    if "name" in said:
        profiles.require_new_name(said["name"], {k: v for k, v in held.items() if k != code})
    made = []
    for field, value in said.items():
        fact = Fact(PROFILE, code, "", field)
        after = governing.accepted(fact, value, None, held)
        if after == held[code].get(field):
            continue
        if after == value_in(locked.base.book, fact):
            # As the book says already: the edit that said otherwise goes.
            _withdraw(standing[field], by)
            _record(by, Event.RULE_CHANGE_WITHDRAWN, standing[field])
            continue
        edit = standing.get(field)
        made.append(
            _edit(
                locked,
                fact,
                after,
                held=held,
                grounds=grounds,
                seen=edit.pk if edit else None,
                by=by,
            )
        )
    return made


@transaction.atomic
def take_profile_away(
    *, draft: RuleDraft, code: str, grounds: Grounds, by: User
) -> list[RuleChange]:
    """Take a further profile away in a draft, with all that it says; the edits that do so.

    One that the draft itself added goes with its edits, and none are needed. Raises `BadRecord`
    while a practice or a group is of it, or another profile follows it, and for one that is none.
    """
    access.require(by, Action.DRAFT)
    locked = _lock(draft)
    held = governing.held_in(locked)
    if code not in held:
        raise BadRecord("code", f"there is no profile {code} to take away")
    if of_it := profiles.used().get(code):
        raise BadRecord("code", f"{', '.join(of_it)}: of this profile. Move them first")
    if after := children(held, code):
        raise BadRecord("code", f"{', '.join(after)} would have no parent: take that away first")
    governing.cited(grounds)
    for each in locked.changes.standing().filter(profile=code):
        _withdraw(each, by)
        _record(by, Event.RULE_CHANGE_WITHDRAWN, each)
    left = {each: own for each, own in held.items() if each != code}
    return [
        _edit(locked, fact, None, held=left, grounds=grounds, by=by)
        for fact in own_facts(locked.base.book, code)
    ]


@transaction.atomic
def take_file(*, draft: RuleDraft, rows: Iterable[Row], seen: str, by: User) -> list[RuleChange]:
    """Make an edit of each row of a file whose value is not what the draft says already.

    `seen` is `governing.as_reported` of the report that was shown. All or nothing: raises
    `BadRecord` for the first row that cannot be, as `report` tells of all, and `Stale` where the
    file would do something else now, such as write over an edit that was made since.
    """
    access.require(by, Action.DRAFT)
    locked, rows = _lock(draft), list(rows)
    answers = governing.report(locked, rows)
    refused = next((each for each in answers if each.refused), None)
    if refused is not None:
        raise BadRecord("file", f"line {refused.row.line}: {refused.refused}")
    if governing.as_reported(answers) != seen:
        raise Stale("Somebody changed the draft since you read what the file would do. Look again.")
    held = governing.held_with(locked, rows)
    return [
        _edit(
            locked,
            each.row.fact,
            each.row.value,
            place=each.place,
            held=held,
            grounds=governing.grounds_of(each.row),
            seen=each.standing.pk if each.standing else None,
            by=by,
        )
        for each in answers
        if each.changes
    ]


@transaction.atomic
def withdraw(*, change: RuleChange, by: User) -> RuleChange:
    """Take an edit out of its draft; it stays readable. Raises `Stale` when it is out already."""
    access.require(by, Action.DRAFT)
    _lock(change.draft)
    locked = RuleChange.objects.select_for_update().get(pk=change.pk)
    if locked.withdrawn_at is not None:
        raise Stale("Somebody else took this edit out, or wrote over it, since you opened it.")
    _withdraw(locked, by)
    _record(by, Event.RULE_CHANGE_WITHDRAWN, locked)
    return locked


@transaction.atomic
def confirm(*, change: RuleChange, by: User) -> RuleChange | None:
    """Make an edit anew against the book as it is now; None when the book says the same already.

    Raises `Stale` when the edit is out of the draft.
    """
    access.require(by, Action.DRAFT)
    locked = _lock(change.draft)
    old = RuleChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    if old.withdrawn_at is not None:
        raise Stale("Somebody else took this edit out, or wrote over it, since you opened it.")
    before = value_in(locked.base.book, governing.fact_of(old))
    if before == old.before:
        raise IllegalMove("This edit fits the rule book that it changes.")
    _withdraw(old, by)
    if before == old.after:
        _record(by, Event.RULE_CHANGE_WITHDRAWN, old)
        return None
    kept = {name: getattr(old, name) for name in _KEPT}
    made = RuleChange.objects.create(draft=locked, before=before, by=by, **kept)
    _record(by, Event.RULE_CHANGED, made)
    return made


@transaction.atomic
def bring_up_to_date(*, draft: RuleDraft, by: User) -> RuleDraft:
    """Put a draft on top of the book that is live now.

    Edits stay as they are; one whose `before` does not hold any more has to be confirmed.
    Raises `IllegalMove` when it is up to date.
    """
    access.require(by, Action.DRAFT)
    locked, live = _lock(draft), governing.live()
    if locked.base_id == live.pk:
        raise IllegalMove(f"The draft is up to date with rule book {live.number}.")
    before, locked.base = locked.base, live
    locked.save(update_fields=["base"])
    audit.record(
        by,
        Event.RULE_DRAFT_REBASED,
        subject=locked,
        draft=locked.pk,
        title=locked.title,
        **{"from": before.number, "to": live.number},
    )
    return locked


@transaction.atomic
def put_away(*, draft: RuleDraft, reason: str, by: User) -> RuleDraft:
    """Put a draft away for good, with its edits. Raises `BadRecord` without a reason."""
    access.require(by, Action.DRAFT)
    why = governing.kept_words("reason", reason, 500, missing="is needed to put a draft away")
    locked = _lock(draft)
    locked.put_away_by, locked.put_away_at = by, timezone.now()
    locked.put_away_reason = why
    locked.save(update_fields=["put_away_by", "put_away_at", "put_away_reason"])
    audit.record(
        by,
        Event.RULE_DRAFT_PUT_AWAY,
        subject=locked,
        draft=locked.pk,
        title=locked.title,
        reason=locked.put_away_reason,
    )
    return locked


_KEPT = (
    *("rule_id", "profile", "practice", "group", "field", "after"),
    *("source", "locator", "reviewed", "next_review", "reason"),
)


def _lock(draft: RuleDraft) -> RuleDraft:
    locked = (
        RuleDraft.objects.select_for_update(of=("self",)).select_related("base").get(pk=draft.pk)
    )
    governing.require_open(locked)
    return locked


def _is_set_here(book: RuleVersion, fact: Fact) -> bool:
    """Whether a book holds a value of a fact by an edit, whose source can be read again."""
    held = governing.standing(book).get(fact)
    return held is not None and held.after is not None


def _by_whom(standing: RuleChange | None) -> str:
    if standing is None:
        return "The edit of this fact was taken out since you opened it. Look at it again."
    said = governing.in_words(governing.fact_of(standing), standing.after)
    return (
        f"{named(standing.by)} set this to {said} in the same draft since you opened it. "
        "Look at it again."
    )


def _withdraw(change: RuleChange, by: User) -> None:
    change.withdrawn_by, change.withdrawn_at = by, timezone.now()
    change.save(update_fields=["withdrawn_by", "withdrawn_at"])


def _record(by: User, event: Event, change: RuleChange) -> None:
    audit.record(
        by,
        event,
        subject=change,
        draft=change.draft_id,
        change=change.pk,
        rule=change.rule_id,
        scope=change.place.scope if change.place else change.profile,
        field=change.field,
        before=change.before,
        after=change.after,
        source=change.source,
        locator=change.locator,
    )

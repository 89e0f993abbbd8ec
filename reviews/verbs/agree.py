"""Verbs of the second person: agree to one edit of a frozen draft, or send it back."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, governing, what_ifs
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.models import EditAnswer, RuleChange, RuleVersion

AGREE, SEND_BACK = EditAnswer.Answer.AGREE, EditAnswer.Answer.SEND_BACK
WORDS_LENGTH = 1000


@transaction.atomic
def agree(*, version: RuleVersion, change: RuleChange, by: User, words: str = "") -> EditAnswer:
    """Agree to one edit of a frozen draft, as somebody who made none of them.

    Said again in the same words it is the same answer. Raises `BadRecord` where words are needed,
    `Stale` where other words stand already, and what `governing.no_second_person` says.
    """
    locked = _lock(version, change, by)
    words = governing.kept_words("words", words, WORDS_LENGTH, missing="")
    tried = what_ifs.alone(locked, change)
    if not words and (why := governing.needs_words(change, tried)):
        raise BadRecord("words", f"are needed to agree to this edit: {why}")
    said = EditAnswer.objects.filter(version=locked, change=change, by=by, answer=AGREE).first()
    if said is not None:
        if said.words == words:
            return said
        raise Stale("You have agreed to this edit already, in other words.")
    made = EditAnswer.objects.create(
        version=locked, change=change, answer=AGREE, words=words, by=by
    )
    _record(by, Event.RULE_EDIT_AGREED, made)
    return made


@transaction.atomic
def send_back(*, version: RuleVersion, change: RuleChange, words: str, by: User) -> EditAnswer:
    """Send an edit back: the frozen draft is put away, and its edits are open to everybody again.

    They read why. Raises `BadRecord` without words, and what `governing.no_second_person` says.
    """
    locked = _lock(version, change, by)
    missing = "are needed to send an edit back: its editors read why"
    words = governing.kept_words("words", words, WORDS_LENGTH, missing=missing)
    made = EditAnswer.objects.create(
        version=locked, change=change, answer=SEND_BACK, words=words, by=by
    )
    locked.state, locked.retired_at = RuleVersion.State.RETIRED, timezone.now()
    locked.save(update_fields=["state", "retired_at"])
    _record(by, Event.RULE_EDIT_SENT_BACK, made)
    return made


def _lock(version: RuleVersion, change: RuleChange, by: User) -> RuleVersion:
    """The draft, held until the answer is written: nobody publishes or puts it away meanwhile."""
    access.require(by, Action.PUBLISH)
    governing.one_at_a_time()
    locked = RuleVersion.objects.defer("book").select_for_update().get(pk=version.pk)
    if (refusal := governing.no_second_person(locked, by)) is not None:
        raise refusal
    if change.pk not in locked.change_ids or change.draft_id != locked.made_of_id:
        raise IllegalMove(f"This edit is none of draft {locked.number}.")
    return locked


def _record(by: User, event: Event, answer: EditAnswer) -> None:
    audit.record(
        by,
        event,
        subject=answer.version,
        number=answer.version.number,
        change=answer.change_id,
        rule=answer.change.rule_id,
        words=answer.words,
    )

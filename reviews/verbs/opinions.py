"""Say that a finding does not help, and answer whoever said so."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, rulebooks
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove
from reviews.models import FindingOpinion, Flag, Practice
from reviews.rules.registry import BY_ID

LONGEST_WORDS, LONGEST_ANSWER = 500, 1000


@transaction.atomic
def say(
    *,
    rule_id: str,
    practice: Practice,
    because: str,
    where: str,
    by: User,
    flag: Flag | None = None,
    words: str = "",
) -> FindingOpinion:
    """Say that a finding is unhelpful. Said of a flag a second time, the first word stands."""
    access.require(by, Action.CALL_UNHELPFUL, practice)
    if rule_id not in BY_ID:
        raise BadRecord("rule", "is no rule")
    if because not in FindingOpinion.Because.values:
        raise BadRecord("because", "choose why it does not help")
    # What is said in a record system comes by its own way, from that system.
    if where not in FindingOpinion.Where.values or where == FindingOpinion.Where.HOOK:
        raise BadRecord("where", "is no place where findings stand")
    if len(words) > LONGEST_WORDS:
        raise BadRecord("words", f"are longer than {LONGEST_WORDS} characters")
    if flag is not None:
        if (flag.practice_id, flag.rule_id) != (practice.pk, rule_id):
            raise BadRecord("flag", "is of another rule or practice")
        # Two presses at once wait for each other, and the second one finds the first.
        Flag.objects.select_for_update(no_key=True).get(pk=flag.pk)
        said = FindingOpinion.objects.filter(flag=flag, by=by).first()
        if said is not None:
            return said
    _pk, book = rulebooks.holding_at(practice.pk)
    made = FindingOpinion.objects.create(
        practice=practice,
        rule_id=rule_id,
        book=book.number,
        flag=flag,
        because=because,
        where=where,
        words=words.strip(),
        by=by,
    )
    audit.record(
        by,
        Event.FINDING_UNHELPFUL,
        practice_id=practice.pk,
        patient_id=flag.patient_id if flag else None,
        subject=made,
        rule=rule_id,
        because=because,
        where=where,
    )
    return made


@transaction.atomic
def answer(*, opinion: FindingOpinion, text: str, by: User) -> FindingOpinion:
    """Answer whoever called a finding unhelpful: what will be changed, or why not."""
    access.require(by, Action.ANSWER_UNHELPFUL, opinion)
    locked = FindingOpinion.objects.select_for_update().get(pk=opinion.pk)
    if locked.answered_at is not None:
        raise IllegalMove("This was answered already.")
    if not text.strip() or len(text) > LONGEST_ANSWER:
        raise BadRecord("answer", f"write an answer of at most {LONGEST_ANSWER} characters")
    locked.answer, locked.answered_by, locked.answered_at = text.strip(), by, timezone.now()
    locked.save(update_fields=["answer", "answered_by", "answered_at"])
    audit.record(
        by,
        Event.UNHELPFUL_ANSWERED,
        practice_id=locked.practice_id,
        subject=locked,
        rule=locked.rule_id,
        answer=locked.answer,
    )
    return locked

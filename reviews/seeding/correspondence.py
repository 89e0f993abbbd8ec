"""What people of the demo wrote to one another, and what went out on paper.

All at the first practice, and by verbs alone, so that it stands in the audit trail as theirs.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import jobs, messaging
from reviews.errors import BadRecord
from reviews.models import (
    Asked,
    Case,
    CaseState,
    FindingOpinion,
    Flag,
    LetterText,
    Message,
    OptOut,
    Patient,
    Practice,
    RecallAnswer,
    RecallList,
    RecallPerson,
)
from reviews.queries import letters as said_of
from reviews.queries.messages import PRESCRIBER, USER, addressees
from reviews.seeding.surgeries import HARBOUR
from reviews.structured_reviews import DONE, Given
from reviews.verbs import letters, messages, opinions, recall, reviewing

ASKED = (
    "Could this be looked at before the next issue? I can ring them for a review and offer to come "
    "down slowly. Nothing to be stopped suddenly.",
    "Is the second medicine meant to go on beside this one? I would leave the dose as it is until "
    "you have seen them.",
    "They told the counter that they sleep badly again. A review this week, by telephone?",
    "Do you know who began this, and for how long it was meant?",
    "Would a smaller box a week at a time suit them, beside the plan you have?",
)
FIRST_TO_ASK = "clara"
"""Whose cases are asked about first: the clinician whom most people try the demo as."""
LOOKED_THROUGH = 60
DAYS_FROM = 28
LENGTH_RULES = ("DUR-01", "DUR-03", "DUR-04")
LETTERS_SECONDS = 120


def write(practice_code: str = HARBOUR.code) -> None:
    """Messages in each state, opinions, a letter, a recall list under way and one that begins."""
    practice = Practice.objects.get(code=practice_code)
    staff = {user.username: user for user in User.objects.all()}
    letters.bootstrap()
    _write_messages(practice, staff)
    _call_unhelpful(practice, staff)
    _write_a_letter(practice, staff["ravi"])
    _recall_long_users(practice, staff)
    _begin_a_list(practice, staff["samira"])


def _write_messages(practice: Practice, staff: dict[str, User]) -> None:
    """Five cases that their prescribers are asked about: two wait, three are answered."""
    found = sorted(
        _with_prescriber(practice, staff["ravi"]),
        key=lambda pair: pair[1].username != FIRST_TO_ASK,
    )
    asked = []
    for text, (case, prescriber) in zip(ASKED, found, strict=False):
        by = staff["samira" if len(asked) % 2 else "ravi"]
        draft = messaging.Draft(text=text, to=prescriber)
        asked.append(messages.write(case=case, draft=draft, by=by))
    Answer = Message.Answer
    replies = (
        None,
        None,
        {"answer": Answer.QUESTION, "text": "The other one is for two weeks. Which first for you?"},
        {
            "answer": Answer.WILL_DO,
            "text": "I have their telephone number.",
            "promised_on": timezone.localdate() + timedelta(days=3),
        },
        {
            "answer": Answer.NOT_APPROPRIATE,
            "because": Message.Because.SPECIALIST_ADVICE,
            "text": "Begun at the clinic; its letter came on Monday.",
        },
    )
    for message, reply in zip(asked, replies, strict=False):
        if reply is not None and message.to is not None:
            messages.answer(message=message, by=message.to, **reply)


def _with_prescriber(practice: Practice, by: User) -> Iterable[tuple[Case, User]]:
    """Open cases of which a colleague wrote a prescription, worst first."""
    cases = Case.objects.open().filter(practice=practice).exclude(state=CaseState.ESCALATED)
    for case in cases.ranked()[:LOOKED_THROUGH]:
        first = addressees(case, Flag.objects.open().filter(case=case), by).people[0]
        kind, _, pk = first.key.partition("-")
        if kind == USER and first.what == PRESCRIBER:
            yield case, User.objects.get(pk=int(pk))


def _call_unhelpful(practice: Practice, staff: dict[str, User]) -> None:
    """Two findings that a prescriber called unhelpful; whoever keeps the rules answered one."""
    Because, Where = FindingOpinion.Because, FindingOpinion.Where
    said = []
    flags = Flag.objects.open().filter(practice=practice, case__isnull=False, severity=3)
    for because, flag in zip((Because.SHORT, Because.KNOWN), flags.order_by("pk"), strict=False):
        said.append(
            opinions.say(
                rule_id=flag.rule_id,
                practice=practice,
                because=because,
                where=Where.WORK,
                flag=flag,
                by=staff["clara"],
            )
        )
    if said:
        opinions.answer(
            opinion=said[0],
            text="Thank you. It stays for now; the safety lead looks at this rule in spring.",
            by=staff["ada"],
        )


def _write_a_letter(practice: Practice, by: User) -> None:
    """An invitation to somebody past a limit of length, where all that it says is known."""
    text = _text("invitation")
    past = Flag.objects.open().filter(practice=practice, rule_id__in=LENGTH_RULES)
    for patient in Patient.objects.filter(pk__in=past.values("patient")).order_by("pk"):
        known = said_of.values(patient, by=by, today=timezone.localdate())
        if not said_of.lacking(text.body, known):
            letters.write(patient=patient, text=text, by=by)
            return


def _text(key: str) -> LetterText:
    return LetterText.objects.get(template__key=key, state=LetterText.State.PUBLISHED)


def _make(
    practice: Practice, by: User, patient_ids: Iterable[int], **more: Any
) -> RecallList | None:
    """A list of those of them whom it fits; None where it fits nobody."""
    today = timezone.localdate()
    try:
        return recall.make(
            practice=practice,
            query="",
            since=today - timedelta(days=90),
            look_by=today + timedelta(days=7),
            due_on=today + timedelta(days=60),
            patient_ids=patient_ids,
            by=by,
            **more,
        )
    except BadRecord:  # among few people there may be nobody
        return None


def _recall_long_users(practice: Practice, staff: dict[str, User]) -> None:
    """Written to, and some of what came back: each prescriber looked, and left one out."""
    made = _make(
        practice,
        staff["samira"],
        practice.patients.values_list("pk", flat=True),
        name=f"Longer than {DAYS_FROM} days",
        reason="Use for longer than was meant, and no review on record for 90 days.",
        question="Everybody of the practice",
        asked=Asked.EITHER,
        days_from=DAYS_FROM,
    )
    if made is None:
        return
    today = timezone.localdate()
    waiting = made.people.filter(excluded="").select_related("prescriber", "patient").order_by("pk")
    by_prescriber: dict[User, list[RecallPerson]] = {}
    for person in waiting:
        if person.prescriber is not None:
            by_prescriber.setdefault(person.prescriber, []).append(person)
    reasons = (OptOut.Reason.CRISIS, OptOut.Reason.SPECIALIST, OptOut.Reason.END_OF_LIFE)
    for number, (prescriber, people) in enumerate(by_prescriber.items()):
        if len(people) > 2:
            recall.opt_out(
                recall=made,
                people=people[:1],
                reason=reasons[number % len(reasons)],
                until=today + timedelta(days=90),
                by=prescriber,
            )
        recall.look(recall=made, by=prescriber)
    recall.write_to_all(recall=made, text=_text("invitation"), by=staff["samira"])
    jobs.work({recall.LETTERS: recall.write_letters}, seconds=LETTERS_SECONDS)
    written = list(
        made.people.filter(letters__isnull=False).select_related("patient").order_by("pk")
    )
    said = RecallAnswer.Answer
    for person, answer in zip(written, (said.TALK, said.DECLINED, said.CAME_BACK), strict=False):
        recall.answer(person=person, answer=answer, by=staff["samira"])
    for person in written[3:5]:
        reviewing.record(
            patient=person.patient,
            given=Given(
                outcome=DONE,
                reviewed_on=today,
                answers={"came_to": ("taper",), "needed": ("little",), "falls": ("none",)},
                matters="To sleep through.",
                next_on=today + timedelta(days=28),
            ),
            by=staff["nell"],
        )


def _begin_a_list(practice: Practice, by: User) -> None:
    """One that was just made: prescribers look at their people first."""
    found = Flag.objects.open().filter(practice=practice, case__isnull=False, severity__lte=2)
    _make(
        practice,
        by,
        set(found.values_list("patient_id", flat=True)),
        name="Urgent or for review",
        reason="A talk about what is open, before the next issue.",
        question="S1 Urgent or S2 Review",
        asked=Asked.REVIEW,
        days_from=None,
    )

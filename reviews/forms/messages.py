"""What is written to the people of a case: to whom, and what; and the answer to it."""

from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict

from reviews import access
from reviews.errors import BadRecord
from reviews.forms.days import read_day
from reviews.forms.numbers import whole
from reviews.messaging import ROLES, Draft
from reviews.models import Case
from reviews.queries.messages import ROLE, USER


def read_draft(posted: QueryDict) -> Draft | None:
    """The message that goes with something else, None where nothing was written."""
    text = posted.get("message", "").strip()
    if not text:
        return None
    to, to_role = read_addressee(posted.get("message_to", ""))
    return Draft(text=text, to=to, to_role=to_role)


def read_addressee(key: str) -> tuple[User | None, str]:
    """`(person, role)`, one of them empty. Raises `BadRecord` for nobody."""
    kind, _, value = key.partition("-")
    if kind == ROLE and value:
        return None, value
    pk = whole(value) if kind == USER else None
    person = User.objects.filter(pk=pk, is_active=True).first() if pk is not None else None
    if person is None:
        raise BadRecord("message_to", "choose who is asked")
    return person, ""


def read_escalation(key: str, case: Case) -> tuple[str, User | None]:
    """`(role, person)` of an escalation; a person is asked in the role that they hold here."""
    kind, _, _ = key.partition("-")
    if kind not in (USER, ROLE):
        return key, None
    person, role = read_addressee(key)
    if person is None:
        return role, None
    held = access.roles_of(person).get(case.practice_id, set())
    return next((role for role in ROLES if role in held), ""), person


def read_answer(posted: QueryDict) -> dict[str, Any]:
    """The answer to a message, as `messages.answer` takes it. Raises `BadRecord` for a day."""
    will_do = posted.get("answer") == "will_do"
    return {
        "answer": posted.get("answer", ""),
        "text": posted.get("text", ""),
        "because": posted.get("because", ""),
        "did": posted.get("did", ""),
        "promised_on": read_day(posted.get("promised_on", ""), "promised_on") if will_do else None,
        "asks_back": posted.get("asks_back") == "yes",
    }

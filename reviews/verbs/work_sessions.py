"""Working through a list of cases: begin, come to a case, leave. Nothing of the cases changes."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import NotFound
from reviews.models import Case, WorkSession, WorkVisit

AT_MOST = 500
"""So many cases are walked in one session; nobody decides on more in a day."""


@transaction.atomic
def begin(
    *, name: str, query: str, told: str, case_ids: Sequence[int], found: str, by: User
) -> WorkSession:
    """Keep the cases of a list as they stand, in their order; those that `by` may not see left out.

    `told` is the query as the trail may hold it. Raises `NotFound` where nothing is left.
    """
    access.require(by, Action.SEE_QUEUE)
    visible = access.scope(Case.objects.filter(pk__in=case_ids), by, Action.SEE_QUEUE)
    practices = dict(visible.values_list("pk", "practice_id"))
    kept = [pk for pk in dict.fromkeys(case_ids) if pk in practices][:AT_MOST]
    if not kept:
        raise NotFound(access.NO_SUCH_RECORD)
    session = WorkSession.objects.create(
        user=by,
        name=name[:200],
        query=query[:500],
        case_ids=kept,
        practice_ids=sorted({practices[pk] for pk in kept}),
        found=found,
    )
    audit.record(by, Event.SESSION_BEGUN, subject=session, cases=len(kept), query=told)
    return session


@transaction.atomic
def come_to(*, session: WorkSession, case: Case, by: User) -> None:
    """Note when `by` first came to a case; whose session it is goes on with it, if it was left."""
    access.require(by, Action.SEE_QUEUE, case)
    WorkVisit.objects.bulk_create(
        [WorkVisit(session=session, case=case, user=by)], ignore_conflicts=True
    )
    if session.ended_at is not None and session.user_id == by.pk:
        session.ended_at = None
        session.save(update_fields=["ended_at"])


@transaction.atomic
def leave(*, session: WorkSession, by: User) -> None:
    """End my session; from a colleague's, I only go away."""
    access.require(by, Action.SEE_QUEUE)
    if session.user_id != by.pk or session.ended_at is not None:
        return
    session.ended_at = timezone.now()
    session.save(update_fields=["ended_at"])
    audit.record(by, Event.SESSION_ENDED, subject=session)

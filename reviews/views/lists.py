"""The lists of cases that can be worked through: what stands for each, its words, its order.

A list is named by a text in the address. The queue's is its own query, such as "severity=1"; those
of other pages begin with a word and a colon: "work:mine", "search:okonkwo", "ticked:…".
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from reviews import access
from reviews.access import Action
from reviews.models import Case, Patient, WorkSession
from reviews.queries import search, work
from reviews.verbs.work_sessions import AT_MOST
from reviews.views import filters

WORK, SEARCH, TICKED = "work:", "search:", "ticked:"
WORK_LISTS = {
    "mine": "Claimed by you",
    "asked": "Asked of you",
    "back": "Came back",
}


class List(NamedTuple):
    """A list as it stands: ids in its order (at most AT_MOST), and how many there are, in words."""

    name: str
    query: str
    case_ids: list[int]
    found: str


def read(user: User, text: str) -> List:
    """The list that a text names; one that names none is the whole queue, the worst first."""
    if text.startswith(WORK):
        return _of_work(user, text.removeprefix(WORK))
    if text.startswith(SEARCH):
        return _of_search(user, text.removeprefix(SEARCH))
    return _of_queue(user, text)


def address(query: str) -> str:
    """The page on which a list stands."""
    if query.startswith(WORK):
        return reverse("my-work")
    if query.startswith(SEARCH):
        return f"{reverse('search')}?{urlencode({'q': query.removeprefix(SEARCH)})}"
    query = query.removeprefix(TICKED)
    return reverse("queue") + (f"?{query}" if query else "")


def seen_by(session: WorkSession, user: User) -> str:
    """What a session is called: a name that its owner searched for is theirs."""
    if session.user_id == user.pk:
        return session.name
    return "A search" if _holds_a_name(session.query) else session.name


def for_the_trail(query: str) -> str:
    """The query without what was searched for, which may be somebody's name."""
    if query.startswith(SEARCH):
        return SEARCH
    begin = TICKED if query.startswith(TICKED) else ""
    kept = [(name, value) for name, value in parse_qsl(query.removeprefix(begin)) if name != "q"]
    return begin + urlencode(kept)


def _holds_a_name(query: str) -> bool:
    return for_the_trail(query) != query


def _of_queue(user: User, text: str) -> List:
    given = dict(parse_qsl(text))
    chosen = filters.filters(given)
    kept = {name: value for name, value in chosen.items() if value}
    visible = access.scope(Case.objects.open(), user, Action.SEE_QUEUE)
    cases = filters.narrow(visible, chosen, user).values_list("pk", flat=True)
    # Whoever opens a case of a late page walks from the first row of that page.
    page = filters.page_number(given.get("page", ""))
    late = (page - 1) * filters.PAGE_SIZE
    since = late if late + filters.PAGE_SIZE > AT_MOST else 0
    return List(
        name=filters.called(user, chosen),
        query=urlencode(kept),
        case_ids=list(cases[since : since + AT_MOST]),
        found=str(work.counted(cases)),
    )


def _of_work(user: User, which: str) -> List:
    if which == "asked":
        cases = work.escalated(user) | work.to_confirm(user)
    elif which == "back":
        cases = Case.objects.filter(pk__in=work.woken(user) | work.reopened(user))
    else:
        which, cases = "mine", work.claimed(user)
    ids = list(cases.ranked().values_list("pk", flat=True)[:AT_MOST])
    return List(WORK_LISTS[which], WORK + which, ids, str(len(ids)))


def _of_search(user: User, typed: str) -> List:
    """The cases of people as the search page lists them: those called so, then those prescribed."""
    visible = access.scope(
        Patient.objects.filter(merged_into__isnull=True), user, Action.SEE_PATIENT
    )
    meant = search.medicines_meant(typed)
    called = search.named(visible, typed, by=user)
    if not meant and not called.exists():
        called = search.alike(visible, typed, by=user)
    takers = access.unhidden(search.prescribed(visible, meant), user)
    takers = takers.order_by("family_name", "given_name", "pk")
    people = [
        *called.values_list("pk", flat=True)[:AT_MOST],
        *takers.values_list("pk", flat=True)[:AT_MOST],
    ]
    open_cases = access.scope(Case.objects.open(), user, Action.SEE_QUEUE)
    case_of = dict(open_cases.filter(patient__in=people).values_list("patient_id", "pk"))
    ids = list(dict.fromkeys(case_of[pk] for pk in people if pk in case_of))[:AT_MOST]
    return List(f"Search “{typed}”", SEARCH + typed, ids, str(len(ids)))

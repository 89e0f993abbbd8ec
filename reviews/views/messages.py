"""Messages between the people of a case: the thread, writing, and answering in place."""

from typing import Any

from django.contrib import messages as told
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, messaging, service_levels
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.messages import read_addressee, read_answer
from reviews.models import Case, Flag, Message, named
from reviews.queries import cases
from reviews.queries import messages as said
from reviews.verbs import messages
from reviews.views import person, walking
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn


def my_messages(user: User) -> dict[str, Any]:
    """What "My work" shows of messages."""
    asked = said.waiting_for(user)
    return {
        "messages_asked": asked,
        "first_due": asked[0].message.due_at if asked else None,
        "messages_back": list(said.with_people(messaging.came_back_to(user)).order_by("-pk")[:20]),
        "promised": list(
            said.with_people(messaging.promises_of(user)).order_by("promised_on", "pk")
        ),
        "asked_of_others": list(
            said.with_people(messaging.asked_by(user)).order_by("due_at", "pk")[:50]
        ),
        **choices(),
    }


def choices() -> dict[str, Any]:
    """What an answer can say."""
    return {
        "answers": Message.Answer.choices,
        "becauses": Message.Because.choices,
        "dids": Message.Did.choices,
        "today": timezone.localdate(),
        "now": timezone.now(),
    }


def of_case(user: User, case: Case, flags: list[Flag]) -> dict[str, Any]:
    """What the page of a case shows of its messages, and who can be asked."""
    may_write = access.allowed(user, Action.MESSAGE, case)
    return {
        "thread": said.events(case, said.thread(case)),
        "addressees": said.addressees(case, flags, user) if may_write else None,
        "may_write": may_write,
        "message_due": service_levels.message_due(case.severity, timezone.now()),
    }


def _thread_page(request: SignedIn, refusal: BadRecord | None, pk: int) -> HttpResponse:
    user = request.user
    case = cases.fetch(user, pk)
    rows = said.thread(case)
    flags = list(Flag.objects.live().filter(patient=case.patient_id, severity__lte=3))
    sight = said.sight_of([case])[case.pk]
    mine = [row for row in rows if row.waits and row.to_id == user.pk]
    context = {
        **person.banner(person.fetch(user, Action.SEE_PATIENT, case.patient_id)),
        **of_case(user, case, flags),
        **choices(),
        "case": case,
        "in_session": walking.words_of(walking.current(request, user)),
        "title": said.headline(rows) if rows else "Nothing was asked yet",
        "length": len(rows),
        "to_do": said.still_to_do(rows, user),
        "sight": sight.shown,
        "asks_me": next((row for row in mine if not row.answer), None),
        "asks_me_back": next((row for row in mine if row.answer), None),
        "open_asks": [row for row in rows if row.waits and row.by_id == user.pk],
        "refusal": refusal,
        "typed": request.POST,
    }
    messages.see(case=case, by=user)
    return render(request, "reviews/messages/thread.html", context, status=400 if refusal else 200)


@require_GET
@login_required
def thread(request: SignedIn, pk: int) -> HttpResponse:
    """What was said about a case, and what is still to do. Opening it notes that it was seen."""
    return _thread_page(request, None, pk)


@require_POST
@login_required
@shows_refusals(_thread_page, BadRecord)
def write(request: SignedIn, pk: int) -> HttpResponse:
    """Write to somebody about a case, or reply to what was asked back."""
    case = cases.fetch(request.user, pk)
    to, to_role = read_addressee(request.POST.get("message_to", ""))
    draft = messaging.Draft(text=request.POST.get("message", ""), to=to, to_role=to_role)
    asks = request.POST.get("asks") != "no"
    made = messages.write(case=case, draft=draft, by=request.user, asks=asks)
    told.success(request, f"Sent to {said.addressee(made)}.")
    session = walking.current(request, request.user)
    return redirect(reverse("case-thread", args=[case.pk]) + walking.words_of(session))


def _answer_page(request: SignedIn, refusal: BadRecord | None, pk: int) -> HttpResponse:
    message = _fetch(request, pk, Action.ANSWER)
    context = {
        **person.banner(person.fetch(request.user, Action.SEE_PATIENT, message.case.patient_id)),
        **choices(),
        "message": message,
        "sight": said.sight_of([message.case])[message.case_id].shown,
        "refusal": refusal,
        "typed": request.POST,
    }
    status = 422 if refusal else 200
    return render(request, "reviews/messages/answer.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_answer_page, BadRecord)
def answer(request: SignedIn, pk: int) -> HttpResponse:
    """Answer what was asked; refused, it is shown again with all that was typed."""
    if request.method == "GET":
        return _answer_page(request, None, pk)
    message = _fetch(request, pk, Action.ANSWER)
    made = messages.answer(message=message, by=request.user, **read_answer(request.POST))
    told.success(
        request, f"Answered: {made.get_answer_display().lower()}. {named(made.to)} is told."
    )
    return _back(request, message)


@require_POST
@login_required
def close(request: SignedIn, pk: int) -> HttpResponse:
    message = _fetch(request, pk, Action.MESSAGE)
    messages.close(message=message, by=request.user)
    told.success(request, "Nothing more is asked.")
    return _back(request, message)


@require_POST
@login_required
def keep(request: SignedIn, pk: int) -> HttpResponse:
    message = _fetch(request, pk, Action.ANSWER)
    messages.keep(message=message, by=request.user)
    told.success(request, f"Done: {message.case.patient}.")
    return _back(request, message)


def _fetch(request: SignedIn, pk: int, action: Action) -> Message:
    return access.fetch(said.with_people(Message.objects.all()), request.user, action, pk=pk)


def _back(request: SignedIn, message: Message) -> HttpResponse:
    if request.POST.get("back") == "thread":
        return redirect("case-thread", message.case_id)
    return redirect("my-work")


urlpatterns = [
    path("cases/<int:pk>/thread", thread, name="case-thread"),
    path("cases/<int:pk>/messages", write, name="case-message"),
    path("messages/<int:pk>/answer", answer, name="message-answer"),
    path("messages/<int:pk>/close", close, name="message-close"),
    path("messages/<int:pk>/keep", keep, name="message-keep"),
]

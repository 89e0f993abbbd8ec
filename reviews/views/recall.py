"""Recall lists: made from a view of the queue, looked at by prescribers, written to, followed."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, recalls, typesetting
from reviews import letters as kept_letters
from reviews.access import Action
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, NotFound, Stale
from reviews.forms.days import read_day
from reviews.forms.numbers import whole
from reviews.forms.recall import MakeForm
from reviews.models import (
    Case,
    Letter,
    OptOut,
    Patient,
    Practice,
    RecallAnswer,
    RecallList,
    RecallPerson,
    RecallRound,
)
from reviews.queries import jobs as followed
from reviews.queries import letters as said_of
from reviews.queries import recall as lists
from reviews.queries.identity import all_ids
from reviews.recalls import State
from reviews.rules import words
from reviews.verbs import jobs as job_verbs
from reviews.verbs import read, recall
from reviews.views import filters
from reviews.views.letters import as_pdf
from reviews.views.paging import page_of
from reviews.views.refusals import form_page, refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 50
REFRESH_SECONDS = 3
OPT_OUT_DAYS = 180
FIRST_LETTER, NEXT_LETTER = "invitation", "reminder"


@require_GET
@login_required
def recall_lists(request: SignedIn) -> HttpResponse:
    """Every list that I may see, and those on which my people wait for me to look."""
    access.require(request.user, Action.SEE_RECALL)
    page = page_of(lists.visible_to(request.user), request.GET.get("page", 1), 20)
    for row in page.rows:
        standing = recalls.standings(row).values()
        row.waiting = sum(each.is_on for each in standing)
        row.written = sum(bool(each.letters) for each in standing)
        row.everybody = len(standing)
    context = {
        "page": page,
        "mine": lists.mine(request.user),
        "may_make": access.allowed(request.user, Action.RECALL),
        "views": [(name, urlencode(query)) for name, query, _ in filters.VIEWS],
    }
    return render(request, "reviews/recall/lists.html", context)


# -- Making one ------------------------------------------------------------------------------------


def _wider(question: str, age_from: int | None, days_from: int | None) -> str:
    more = [
        *([f"{age_from} or over"] if age_from else []),
        *([f"a benzodiazepine or Z-drug for {days_from} days or more"] if days_from else []),
    ]
    return "; ".join([question, *more])


@require_http_methods(["GET", "POST"])
@login_required
def make(request: SignedIn) -> HttpResponse:
    """A list of the people of a view: the address names the view."""
    access.require(request.user, Action.RECALL)
    chosen = filters.filters(request.GET)
    practices = list(access.practices(request.user, Action.RECALL))
    visible = access.scope(Case.objects.open(), request.user, Action.RECALL)
    cases = filters.narrow(visible, chosen, request.user)
    question = filters.in_words(chosen)
    form = MakeForm(
        request.POST if request.method == "POST" else None,
        practices,
        initial={"practice": chosen["practice"], "name": question[:100]},
    )
    with refusals_at(form):
        if form.is_valid():
            given = dict(form.cleaned_data)
            place = _place(practices, whole(given.pop("practice", "")))
            made = recall.make(
                practice=place,
                question=_wider(question, given["age_from"], given["days_from"]),
                query=urlencode({name: value for name, value in chosen.items() if value}),
                patient_ids=cases.filter(practice=place)
                .order_by()
                .values_list("patient", flat=True),
                by=request.user,
                **given,
            )
            messages.success(request, "The list is made. Its prescribers can look now.")
            return redirect("recall-list", made.pk)
    context = {
        "question": question,
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "people": cases.order_by().count(),
        "practices": practices,
    }
    return form_page(request, "reviews/recall/make.html", form, context)


def _place(practices: list[Practice], pk: int | None) -> Practice:
    if len(practices) == 1:
        return practices[0]
    found = next((each for each in practices if each.pk == pk), None)
    if found is None:
        raise BadRecord("practice", "choose one")
    return found


# -- One list --------------------------------------------------------------------------------------


def _page(request: SignedIn, refusal: DomainError | None, pk: int, **_: Any) -> HttpResponse:
    """One list, as the record says it is now, with what was refused."""
    found = lists.fetch(request.user, pk)
    template = "reviews/recall/list.html"
    if request.htmx:
        template = "reviews/recall/_job.html"
    context = _context(request, found)
    context["refusal"] = refusal
    statuses = {Stale: 409, NotAllowed: 403, IllegalMove: 409}
    status = 200 if refusal is None else statuses.get(type(refusal), 422)
    return render(request, template, context, status=status)


def _context(request: SignedIn, found: RecallList) -> dict[str, Any]:
    user = request.user
    rounds = list(
        RecallRound.objects.filter(recall=found).select_related("job", "text", "asked_by")
    )
    last = rounds[-1] if rounds else None
    for each in rounds:
        each.written = each.letters.count()
    job = last.job if last else None
    if job is not None:
        job.seconds_left = followed.seconds_left(job)
        job.may_cancel = job_verbs.may_cancel(job, user)
    running = job is not None and job.ended_at is None
    may_write = access.allowed(user, Action.RECALL, found) and found.closed_at is None
    may_opt_out = access.allowed(user, Action.OPT_OUT, found) and found.closed_at is None
    context: dict[str, Any] = {
        "recall": found,
        "job": job,
        "running": running,
        "last": last,
        "rounds": rounds,
        "refresh_seconds": REFRESH_SECONDS,
        "may_write": may_write,
        "may_opt_out": may_opt_out,
    }
    if request.htmx:
        return context
    everybody = lists.rows(found, (job.place if job else None) or {})
    chosen = _chosen(request)
    rows = [row for row in everybody if _fits(row, chosen, user.pk)]
    invited = {each.number for each in rounds}
    due = _due(everybody, recalls.INVITES)
    reminds = recall.open_round(found, remind=True) if rounds else None
    remind_number = reminds.number if reminds else max(invited, default=0) + 1
    remind_due = _due(everybody, remind_number) if rounds else 0
    offered = [each for each in said_of.in_use_texts() if each.audience == "patient"]
    looked = lists.prescribers(found, everybody)
    steps = lists.funnel(found, everybody)
    most = max(steps[0].people, 1)
    return context | {
        "heading": _heading(found, steps, everybody),
        "steps": steps,
        "most": most,
        "page": page_of(rows, request.GET.get("page", 1), PAGE_SIZE),
        "count": len(rows),
        "chosen": chosen,
        "states": _states(everybody),
        "prescribers": looked,
        "of_all": sum(each.people for each in looked),
        "opted_out": sum(each.opted_out for each in looked),
        "i_look": any(
            each.user and each.user.pk == user.pk and each.look is None for each in looked
        ),
        "yet_to_look": recall.yet_to_look(found),
        "looking_is_over": timezone.localdate() > found.look_by,
        "may_leave_out": may_opt_out and any(row.may_opt_out for row in rows),
        "why_out": _why_out(everybody),
        "reasons": OptOut.Reason.choices,
        "answers": RecallAnswer.Answer.choices,
        "until": timezone.localdate() + timedelta(days=OPT_OUT_DAYS),
        "due": due,
        "reminds": reminds,
        "remind_due": remind_due,
        "offered": offered,
        "first": next((each.pk for each in offered if each.template.key == FIRST_LETTER), None),
        "next": next((each.pk for each in offered if each.template.key == NEXT_LETTER), None),
        "on": sum(row.standing.is_on for row in everybody),
    }


def _due(everybody: list[lists.Row], number: int) -> int:
    """How many letters a round would make now. Who was held back is tried again."""
    return sum(row.standing.is_due(number) for row in everybody)


def _chosen(request: SignedIn) -> dict[str, str]:
    given = request.GET
    state = given.get("state", "")
    return {
        "q": " ".join(given.get("q", "").split())[:100],
        "state": state if state in {each.value for each in State} else "",
        "prescriber": given.get("prescriber", "")[:200],
    }


def _fits(row: lists.Row, chosen: dict[str, str], me: int) -> bool:
    if chosen["state"] and row.standing.state != chosen["state"]:
        return False
    if chosen["prescriber"] == "me":
        if row.person.prescriber_id != me:
            return False
    elif chosen["prescriber"] and row.prescriber != chosen["prescriber"]:
        return False
    return chosen["q"].casefold() in str(row.patient).casefold()


def _states(everybody: list[lists.Row]) -> list[tuple[str, int]]:
    """`[(state, how many)]`, in the order in which people go through them."""
    return [
        (state, count)
        for state in reversed(State)
        if (count := sum(row.standing.state == state for row in everybody))
    ]


def _why_out(everybody: list[lists.Row]) -> list[tuple[str, int]]:
    out = [row.standing.detail for row in everybody if row.standing.state == State.OPTED_OUT]
    return sorted(
        ((OptOut.Reason(reason).label, out.count(reason)) for reason in set(out)),
        key=lambda each: -each[1],
    )


def _heading(found: RecallList, steps: list[lists.Step], everybody: list[lists.Row]) -> str:
    """ "25 tapers and 16 smaller doses from 371 letters"; before letters, who waits."""
    counts = {step.label: step.people for step in steps}
    letters = counts["Written to"]
    if letters:
        tapers, down = counts["Taper begun"], counts["Dose down or none"]
        return (
            f"{words.many(counts['Review recorded'], 'review')}, {words.many(tapers, 'taper')} "
            f"and {words.many(down, 'smaller dose')} from {words.many(letters, 'letter')}"
        )
    waiting = sum(row.standing.is_on for row in everybody)
    return f"{waiting} {'person waits' if waiting == 1 else 'people wait'} for a letter"


@require_GET
@login_required
def recall_list(request: SignedIn, pk: int) -> HttpResponse:
    return _page(request, None, pk)


def _back(request: SignedIn, pk: int) -> HttpResponse:
    """The page of a list with the filters that the form came from."""
    kept = dict(parse_qsl(request.POST.get("back", "").removeprefix("?")))
    query = urlencode({name: kept[name] for name in kept if name in ("q", "state", "prescriber")})
    answer = redirect("recall-list", pk)
    if query:
        answer["Location"] += f"?{query}"
    return answer


@require_POST
@login_required
@shows_refusals(_page, BadRecord, IllegalMove)
def opt_out(request: SignedIn, pk: int) -> HttpResponse:
    """Leave the ticked people out until a day."""
    found = lists.fetch(request.user, pk)
    access.require(request.user, Action.OPT_OUT, found)
    until = read_day(request.POST.get("until", ""), "until")
    if until is None:
        raise BadRecord("until", "is needed: until when are they left out?")
    ticked = [whole(each) for each in request.POST.getlist("person")]
    made = recall.opt_out(
        recall=found,
        people=RecallPerson.objects.filter(
            recall=found, pk__in=[each for each in ticked if each is not None]
        ),
        reason=request.POST.get("reason", ""),
        until=until,
        note=request.POST.get("note", ""),
        by=request.user,
    )
    people = "1 person is" if len(made) == 1 else f"{len(made)} people are"
    messages.success(request, f"{people} left out until {until:%-d %b %Y}. They get no letter.")
    return _back(request, pk)


@require_POST
@login_required
def end_opt_out(request: SignedIn, pk: int, person_pk: int) -> HttpResponse:
    """Let somebody be written to again."""
    found = lists.fetch(request.user, pk)
    access.require(request.user, Action.OPT_OUT, found)
    row = _row(found, person_pk)
    records = Patient.objects.filter(pk=row.standing.root)
    today = timezone.localdate()
    standing = OptOut.objects.filter(
        patient__in=all_ids(records[0]), ended_at__isnull=True, until__gte=today
    )
    for opted in standing:
        recall.end_opt_out(opted=opted, by=request.user)
    messages.success(request, f"{row.patient} can be written to again.")
    return _back(request, pk)


@require_POST
@login_required
@shows_refusals(_page, IllegalMove)
def looked(request: SignedIn, pk: int) -> HttpResponse:
    """A prescriber has looked at their people."""
    found = lists.fetch(request.user, pk)
    recall.look(recall=found, by=request.user)
    messages.success(request, "Noted: you have looked at your people of this list.")
    return redirect("recall-list", pk)


@require_POST
@login_required
@shows_refusals(_page, BadRecord, IllegalMove, NotAllowed, Stale)
def write(request: SignedIn, pk: int) -> HttpResponse:
    """Ask for a letter to each person who waits."""
    found = lists.fetch(request.user, pk)
    access.require(request.user, Action.RECALL, found)
    wanted = whole(request.POST.get("text"))
    asked = recall.write_to_all(
        recall=found,
        text=said_of.text_in_use(wanted) if wanted is not None else None,
        remind=request.POST.get("remind") == "yes",
        by=request.user,
    )
    messages.success(request, f"{asked.job.total} letters are being made, one a person.")
    return redirect("recall-list", pk)


@require_POST
@login_required
@shows_refusals(_page, IllegalMove)
def close(request: SignedIn, pk: int) -> HttpResponse:
    """Nobody is written to from this list any more."""
    recall.close(recall=lists.fetch(request.user, pk), by=request.user)
    messages.success(request, "The list is closed. What it shows stays.")
    return redirect("recall-list", pk)


@require_POST
@login_required
@shows_refusals(_page, BadRecord, IllegalMove)
def answer(request: SignedIn, pk: int, person_pk: int) -> HttpResponse:
    """What came back from somebody."""
    found = lists.fetch(request.user, pk)
    access.require(request.user, Action.RECALL, found)
    row = _row(found, person_pk)
    said = recall.answer(
        person=row.person,
        answer=request.POST.get("answer", ""),
        note=request.POST.get("note", ""),
        ask_again_on=read_day(request.POST.get("ask_again_on", ""), "ask_again_on"),
        by=request.user,
    )
    messages.success(request, f"{row.patient}: {said.get_answer_display().lower()}.")
    return _back(request, pk)


def _row(found: RecallList, person_pk: int) -> lists.Row:
    row = lists.row(found, person_pk)
    if row is None:
        raise NotFound("There is no such person on this list.")
    return row


@require_GET
@login_required
def pages(request: SignedIn, pk: int, number: int) -> HttpResponse:
    """All letters of a round in one PDF, to be printed: the words of each as they were kept."""
    found = lists.fetch(request.user, pk)
    access.require(request.user, Action.RECALL, found)
    rows = list(
        Letter.objects.filter(round__recall=found, round__number=number)
        .select_related("practice", "text")
        .defer("pdf")
        .order_by("pk")
    )
    if not rows:
        raise NotFound("No letters were made in this round.")
    made = typesetting.pdf([kept_letters.sheet(row) for row in rows])
    read.letters_printed(letters=rows, by=request.user)
    return as_pdf(made, f"recall-{found.pk}-{number}")


urlpatterns = [
    path("recall", recall_lists, name="recall"),
    path("recall/new", make, name="recall-make"),
    path("recall/<int:pk>", recall_list, name="recall-list"),
    path("recall/<int:pk>/opt-out", opt_out, name="recall-opt-out"),
    path("recall/<int:pk>/looked", looked, name="recall-looked"),
    path("recall/<int:pk>/write", write, name="recall-write"),
    path("recall/<int:pk>/close", close, name="recall-close"),
    path("recall/<int:pk>/rounds/<int:number>/pdf", pages, name="recall-pages"),
    path("recall/<int:pk>/people/<int:person_pk>/answer", answer, name="recall-answer"),
    path("recall/<int:pk>/people/<int:person_pk>/ask-again", end_opt_out, name="recall-ask-again"),
]

"""The people of a practice, for its admins: who works here, in which roles, who comes and goes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, NotAllowed, NotFound
from reviews.forms.staff import (
    InviteForm,
    LeavingForm,
    NewPracticeForm,
    PracticeForm,
    RegisterForm,
    ResetForm,
    RolesForm,
)
from reviews.models import Invitation, Practice, named
from reviews.presses import SHOWN_ONCE
from reviews.queries import staff as queries
from reviews.verbs import factors, invitations, leaving, practices, registers, roles
from reviews.views.confirming import confirmed
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

ONLY_ADMINS = "You may not see who works here. A practice admin may."


@require_GET
@login_required
def people(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """Everybody who works at a practice, who is invited and who leaves, and what is to be done."""
    practice = _practice(request, pk)
    context = {**_page(request, practice), "invite": _invite_form(request, practice)}
    return render(request, "reviews/people/people.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def invite(request: SignedIn, pk: int) -> HttpResponse:
    """Invite somebody; a code to print is in the answer to the form and nowhere else."""
    practice = _practice(request, pk)
    access.require(request.user, Action.INVITE, practice)
    form = _invite_form(request, practice, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            invited = invitations.invite(practice=practice, by=request.user, **form.cleaned_data)
            return _invited(request, invited)
    return form_page(request, "reviews/people/invite.html", form, {"practice": practice})


@never_cache
@require_POST
@login_required
@confirmed
def renew(request: SignedIn, pk: int) -> HttpResponse:
    """A new code for an invitation; the old one ends."""
    return _invited(
        request, invitations.renew(invitation=_invitation(request, pk), by=request.user)
    )


@require_POST
@login_required
def withdraw(request: SignedIn, pk: int) -> HttpResponse:
    """Take an invitation back."""
    invitation = invitations.withdraw(invitation=_invitation(request, pk), by=request.user)
    messages.success(request, f"Taken back: the code of {invitation} works no longer.")
    return redirect("people-of", invitation.practice_id)


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def person(request: SignedIn, practice_pk: int, pk: int) -> HttpResponse:
    """One person: their roles, changed here."""
    practice, colleague = _colleague(request, practice_pk, pk)
    form = _roles_form(request, practice, colleague, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            held = roles.change(
                person=colleague.user, practice=practice, by=request.user, **form.cleaned_data
            )
            labels = ", ".join(sorted(role.label.lower() for role in held))
            messages.success(request, f"{named(colleague.user)} is {labels} here.")
            return redirect("people-of", practice.pk)
    return _person_page(request, practice, colleague, roles_form=form)


@require_POST
@login_required
def register(request: SignedIn, practice_pk: int, pk: int) -> HttpResponse:
    """Record a professional number, and what its register said."""
    practice, colleague = _colleague(request, practice_pk, pk)
    form = RegisterForm(request.POST)
    with refusals_at(form):
        if form.is_valid():
            registers.record(
                person=colleague.user, practice=practice, by=request.user, **form.cleaned_data
            )
            messages.success(request, f"Recorded for {named(colleague.user)}.")
            return redirect("people-of", practice.pk)
    return _person_page(request, practice, colleague, register_form=form)


@require_POST
@login_required
@confirmed
def ask_reset(request: SignedIn, practice_pk: int, pk: int) -> HttpResponse:
    """Ask that somebody's second factor be reset."""
    practice, colleague = _colleague(request, practice_pk, pk)
    form = ResetForm(request.POST)
    with refusals_at(form):
        if form.is_valid():
            factors.ask(
                person=colleague.user, practice=practice, by=request.user, **form.cleaned_data
            )
            messages.success(request, "Asked. Another practice admin must agree within 24 hours.")
            return redirect("people-of", practice.pk)
    return _person_page(request, practice, colleague, reset_form=form)


@require_POST
@login_required
@confirmed
def answer_reset(request: SignedIn, pk: int) -> HttpResponse:
    """Agree that a second factor be reset, or not."""
    reset = access.fetch(queries.waiting_resets(), request.user, Action.RESET_FACTOR, pk=pk)
    answer = request.POST.get("answer")
    if answer not in ("agree", "refuse"):
        raise BadRecord("answer", "must be agree or refuse")
    if answer == "agree":
        factors.agree(reset=reset, by=request.user)
        messages.success(
            request,
            f"The second factor of {named(reset.user)} is reset. They are signed out everywhere "
            "and told by mail and at their next sign-in.",
        )
    else:
        factors.refuse(reset=reset, by=request.user)
        messages.success(request, f"Not reset: {named(reset.user)} keeps their second factor.")
    return redirect("people-of", reset.practice_id)


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def leave(request: SignedIn, practice_pk: int, pk: int) -> HttpResponse:
    """What somebody has in hand, when they leave and who gets it; or block them now."""
    practice, colleague = _colleague(request, practice_pk, pk)
    planned, user = colleague.leaving, colleague.user
    heirs = queries.heirs(practice, user)
    initial = {}
    if planned:
        there = timezone.localtime(planned.at, practice.zone)
        initial = {
            "day": there.date(),
            "time": f"{there:%H:%M}",
            "cases_to": planned.cases_to_id,
        }
    now = request.POST.get("do") == "now"
    form = LeavingForm(heirs, practice, request.POST or None, now=now, initial=initial)
    with refusals_at(form):
        if request.POST.get("do") == "stay":
            leaving.withdraw(person=user, practice=practice, by=request.user)
            messages.success(request, f"{named(user)} stays.")
            return redirect("people-of", practice.pk)
        if form.is_valid():
            said = {
                "person": user,
                "practice": practice,
                "cases_to": form.cleaned_data["cases_to"],
                "by": request.user,
            }
            if now:
                return _left(request, practice, user, leaving.leave(**said))
            kept = leaving.plan(at=form.at(), **said)
            there = timezone.localtime(kept.at, practice.zone)
            messages.success(request, f"{named(user)} leaves on {there:%-d %b %Y, %H:%M}.")
            return redirect("people-of", practice.pk)
    context = {
        "practice": practice,
        "colleague": colleague,
        "has": queries.belongings(user, practice),
    }
    return form_page(request, "reviews/people/leave.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def new_practice(request: SignedIn) -> HttpResponse:
    """Set a practice up; whoever does is its first practice admin."""
    access.require(request.user, Action.SET_UP_PRACTICE)
    form = NewPracticeForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            practice = practices.set_up(by=request.user, **form.cleaned_data)
            messages.success(
                request, f"{practice} is set up. You are its practice admin: invite another."
            )
            return redirect("people-of", practice.pk)
    return form_page(request, "reviews/people/practice.html", form, {})


@require_http_methods(["GET", "POST"])
@login_required
@confirmed
def edit_practice(request: SignedIn, pk: int) -> HttpResponse:
    """Change what is known of a practice, and who must have a second factor there."""
    practice = _practice(request, pk)
    access.require(request.user, Action.EDIT_PRACTICE, practice)
    initial = {field: getattr(practice, field) for field in practices.DETAILS}
    form = PracticeForm(request.POST or None, initial=initial)
    with refusals_at(form):
        if form.is_valid():
            practices.edit(practice=practice, by=request.user, **form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("people-of", practice.pk)
    return form_page(request, "reviews/people/practice.html", form, {"practice": practice})


# -- What the pages show -----------------------------------------------------------------------


def _practice(request: SignedIn, pk: int | None) -> Practice:
    if not access.allowed(request.user, Action.SEE_PEOPLE):
        raise NotAllowed(ONLY_ADMINS)
    practice = queries.practice_of(request.user, pk)
    if practice is None:
        raise NotFound("There is no such practice, or you do not see its people.")
    return practice


def _colleague(request: SignedIn, practice_pk: int, pk: int) -> tuple[Practice, queries.Colleague]:
    practice = _practice(request, practice_pk)
    for colleague in queries.colleagues(practice):
        if colleague.user.pk == pk:
            return practice, colleague
    raise NotFound("Nobody of that name works at this practice.")


def _invitation(request: SignedIn, pk: int) -> Invitation:
    rows = Invitation.objects.select_related("practice", "made_by")
    return access.fetch(rows, request.user, Action.INVITE, pk=pk)


def _page(request: SignedIn, practice: Practice) -> dict[str, Any]:
    everybody = queries.colleagues(practice)
    now = timezone.now()
    unanswered = list(queries.invitations(practice))
    me = request.user.pk
    resets = [
        {"reset": reset, "mine": reset.asked_by_id == me, "about_me": reset.user_id == me}
        for reset in queries.resets(practice)
    ]
    return {
        "practice": practice,
        "practices": access.practices(request.user, Action.SEE_PEOPLE),
        "people": everybody,
        "admins": sum(colleague.is_admin for colleague in everybody),
        "concerns": [colleague for colleague in everybody if colleague.concern],
        "leaving": list(queries.planned(practice)),
        "left": queries.left(practice),
        "invitations": [row for row in unanswered if row.ends_at > now],
        "lapsed": [row for row in unanswered if row.ends_at <= now],
        "resets": resets,
        "to_answer": [
            each["reset"] for each in resets if not each["mine"] and not each["about_me"]
        ],
        "today": timezone.localtime(now, practice.zone),
        "shown_once": request.GET.get("shown") == "once",
    }


def _invite_form(request: SignedIn, practice: Practice, *given: Any) -> InviteForm:
    return InviteForm(practice, access.gives(request.user, practice), *given)


def _invited(request: SignedIn, invited: invitations.Invited) -> HttpResponse:
    """Say that the mail went out; else show the code, this once."""
    invitation = invited.invitation
    if invited.mailed:
        messages.success(request, f"Invited: a link is on its way to {invitation.email}.")
        return redirect("people-of", invitation.practice_id)
    context = {
        "invitation": invitation,
        "practice": invitation.practice,
        "code": invited.code,
        "address": invited.link.partition("?")[0],
        "not_mailed": bool(invitation.email),
    }
    answer = render(request, "reviews/people/code.html", context)
    people = reverse("people-of", args=[invitation.practice_id])
    setattr(answer, SHOWN_ONCE, f"{people}?shown=once#open")
    return answer


def _roles_form(
    request: SignedIn, practice: Practice, colleague: queries.Colleague, *given: Any
) -> RolesForm:
    initial = {"roles": [role.value for role in colleague.roles]}
    return RolesForm(access.gives(request.user, practice), *given, initial=initial)


def _person_page(
    request: SignedIn, practice: Practice, colleague: queries.Colleague, **forms: Form
) -> HttpResponse:
    entry = colleague.entry
    known = {"register": entry.register, "number": entry.number} if entry else {}
    context = {
        "practice": practice,
        "colleague": colleague,
        "me": colleague.user.pk == request.user.pk,
        "others": [
            role.label.lower()
            for role in colleague.roles
            if role not in access.gives(request.user, practice)
        ],
        "entries": queries.register_entries(colleague.user),
        "roles_form": _roles_form(request, practice, colleague),
        "register_form": RegisterForm(
            initial={**known, "status": "registered", "checked_on": timezone.localdate()}
        ),
        "reset_form": ResetForm(),
        "reset": queries.waiting_resets().filter(user=colleague.user).first(),
        **forms,
    }
    sent = next(iter(forms.values()))
    context["form"] = sent  # what is to be put right stands above all
    status = 422 if request.method == "POST" else 200
    return render(request, "reviews/people/person.html", context, status=status)


def _left(request: SignedIn, practice: Practice, user: User, left: leaving.Left) -> HttpResponse:
    said = [
        f"{named(user)} has left and is blocked." if left.blocked else f"{named(user)} has left."
    ]
    if left.handed_over:
        said.append(f"Handed over: {_cases(left.handed_over)}.")
    if left.released:
        said.append(f"Back in the queue: {_cases(left.released)}.")
    if left.keys:
        said.append(f"Keys that they made go on: {len(left.keys)}.")
    if left.invitations:
        said.append(f"Invitations that they made and that ended: {left.invitations}.")
    if user != request.user:
        messages.success(request, " ".join(said))
        return redirect("people-of", practice.pk)
    # This session has ended as well; what is said goes into a new one.
    request.signed_out_because = "their work at a practice ended"
    logout(request)
    messages.success(request, " ".join(said))
    return redirect("account_login")


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


urlpatterns = [
    path("people", people, name="people"),
    path("people/<int:pk>", people, name="people-of"),
    path("people/<int:pk>/invite", invite, name="people-invite"),
    path("people/<int:practice_pk>/<int:pk>", person, name="person"),
    path("people/<int:practice_pk>/<int:pk>/register", register, name="person-register"),
    path("people/<int:practice_pk>/<int:pk>/leave", leave, name="person-leave"),
    path("people/<int:practice_pk>/<int:pk>/reset", ask_reset, name="person-reset"),
    path("people/resets/<int:pk>", answer_reset, name="reset-answer"),
    path("people/invitations/<int:pk>/renew", renew, name="invitation-renew"),
    path("people/invitations/<int:pk>/withdraw", withdraw, name="invitation-withdraw"),
    path("people/practices/new", new_practice, name="practice-new"),
    path("people/practices/<int:pk>", edit_practice, name="practice-edit"),
]

"""Profiles: whose guidance practices follow, and further ones added and changed in drafts."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path, reverse
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import DomainError, IllegalMove, Stale
from reviews.forms.profiles import InDraftForm, NewProfileForm, ProfileForm
from reviews.models import RuleDraft
from reviews.queries import profiles as queries
from reviews.queries import rule_drafts
from reviews.rules.changing import PROFILE
from reviews.verbs import govern
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.rule_drafts import TITLE_LENGTH
from reviews.views.signed_in import SignedIn

CODE = r"(?P<code>[A-Z]{2,8})"


@require_GET
@login_required
def profiles(request: SignedIn) -> HttpResponse:
    """Every profile, whom it follows and how many are of it; add one in a draft."""
    return _list(request)


def _list(
    request: SignedIn,
    form: NewProfileForm | None = None,
    refusal: DomainError | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    drafts = rule_drafts.open_drafts()
    may_draft = access.allowed(request.user, Action.DRAFT)
    context = {
        "rows": queries.rows(),
        "drafted": queries.drafted(drafts),
        "drafts": drafts,
        "may_draft": may_draft,
        "form": form,
        "add_form": form or NewProfileForm(drafts, initial={"draft": request.GET.get("draft")}),
        "refusal": refusal,
        "profile_rule": PROFILE,
        "title_length": TITLE_LENGTH,
    }
    return render(request, "reviews/rules/profiles.html", context, status=status)


def _refused(request: SignedIn, refusal: Stale | IllegalMove, code: str = "") -> HttpResponse:
    if code:
        return _one(request, code, refusal=refusal, status=409)
    return _list(request, refusal=refusal, status=409)


@require_POST
@login_required
@shows_refusals(_refused, Stale, IllegalMove)
def add(request: SignedIn) -> HttpResponse:
    """Add a further profile to a draft."""
    access.require(request.user, Action.DRAFT)
    form = NewProfileForm(rule_drafts.open_drafts(), request.POST)
    with refusals_at(form):
        if form.is_valid():
            draft, code = form.cleaned_data["draft"], form.cleaned_data["code"].strip()
            govern.add_profile(
                draft=draft, code=code, said=form.said(), grounds=form.grounds(), by=request.user
            )
            messages.success(
                request, f"The profile {code} is in the draft. Nothing is in force yet."
            )
            return redirect(_address(code, draft))
    return _list(request, form, status=422)


@require_GET
@login_required
def profile(request: SignedIn, code: str) -> HttpResponse:
    """One profile: what is said of it, and every fact that it says otherwise than its parent."""
    return _one(request, code)


def _one(
    request: SignedIn,
    code: str,
    *,
    refusal: DomainError | None = None,
    status: int = 200,
    **forms: Any,
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    drafts = rule_drafts.open_drafts()
    asked = request.GET.get("draft") or request.POST.get("draft")
    draft = next((each for each in drafts if str(each.pk) == asked), None)
    page = queries.page(code, draft)
    may_draft = access.allowed(request.user, Action.DRAFT)
    context = {
        "page": page,
        "profile": page.profile,
        "draft": draft,
        "drafts": drafts,
        "may_draft": may_draft,
        "form": next(iter(forms.values()), None),
        "refusal": refusal,
    }
    if (draft is not None or forms) and may_draft and not page.is_base:
        said = {name: getattr(page.profile, name) for name in ProfileForm.DETAILS}
        seen = queries.newest(draft, code) if draft is not None else None
        initial = {**said, "draft": draft, "seen": seen}
        context |= {
            "may_change": True,
            "change_form": forms.get("change_form") or ProfileForm(drafts, initial=initial),
            "away_form": forms.get("away_form")
            or InDraftForm(drafts, initial={"draft": draft}, auto_id="away_%s"),
        }
    return render(request, "reviews/rules/profile.html", context, status=status)


@require_POST
@login_required
@shows_refusals(_refused, Stale, IllegalMove)
def change(request: SignedIn, code: str) -> HttpResponse:
    """Change what is said of a further profile, in a draft."""
    access.require(request.user, Action.DRAFT)
    form = ProfileForm(rule_drafts.open_drafts(), request.POST)
    with refusals_at(form):
        if form.is_valid():
            draft = form.cleaned_data["draft"]
            try:
                made = govern.describe_profile(
                    draft=draft,
                    code=code,
                    said=form.said(),
                    grounds=form.grounds(),
                    seen=form.cleaned_data["seen"],
                    by=request.user,
                )
            except Stale as refusal:
                # Saving what was typed again writes over what is shown beside it.
                typed = {**request.POST.dict(), "seen": queries.newest(draft, code) or ""}
                form = ProfileForm(rule_drafts.open_drafts(), typed)
                return _one(request, code, refusal=refusal, status=409, change_form=form)
            said = f"{len(made)} edits are" if len(made) != 1 else "1 edit is"
            messages.success(request, f"{said} in the draft.")
            return redirect(_address(code, draft))
    return _one(request, code, status=422, change_form=form)


@require_POST
@login_required
@shows_refusals(_refused, Stale, IllegalMove)
def take_away(request: SignedIn, code: str) -> HttpResponse:
    """Take a further profile away, in a draft."""
    access.require(request.user, Action.DRAFT)
    form = InDraftForm(rule_drafts.open_drafts(), request.POST, auto_id="away_%s")
    with refusals_at(form):
        if form.is_valid():
            draft: RuleDraft = form.cleaned_data["draft"]
            govern.take_profile_away(
                draft=draft, code=code, grounds=form.grounds(), by=request.user
            )
            messages.success(request, f"The draft takes the profile {code} away.")
            return redirect("rule-draft", draft.pk)
    return _one(request, code, status=422, away_form=form)


def _address(code: str, draft: RuleDraft) -> str:
    return f"{reverse('profile', args=[code])}?draft={draft.pk}"


urlpatterns = [
    path("profiles", profiles, name="profiles"),
    path("profiles/add", add, name="profile-add"),
    re_path(rf"^profiles/{CODE}$", profile, name="profile"),
    re_path(rf"^profiles/{CODE}/change$", change, name="profile-change"),
    re_path(rf"^profiles/{CODE}/take-away$", take_away, name="profile-take-away"),
]

"""Worked examples: add one to a rule, withdraw it, state why a draft breaks some."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from reviews import access, profiles, rulebooks
from reviews.access import Action
from reviews.errors import BadRecord, NotFound, Stale
from reviews.forms.numbers import whole
from reviews.forms.rule_example import DAY_HINT, RuleExampleForm, codes, typed
from reviews.models import RuleExample, RuleVersion
from reviews.queries import rule_examples
from reviews.rules.registry import BY_ID
from reviews.verbs import examples
from reviews.views.refusals import form_page, refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn


@require_http_methods(["GET", "POST"])
@login_required
def add(request: SignedIn, rule_id: str) -> HttpResponse:
    """Add an invented person to a rule's examples; first look at what the live book says."""
    access.require(request.user, Action.DRAFT)
    if rule_id not in BY_ID:
        raise NotFound(f"There is no rule {rule_id}.")
    context: dict[str, Any] = {"rule": BY_ID[rule_id], "day_hint": DAY_HINT, "codes": codes()}
    if "more" in request.POST:
        form = RuleExampleForm(initial=typed(request.POST, request.POST["more"]))
        return render(request, "reviews/rules/example.html", {**context, "form": form})
    initial: dict[str, Any] = {"scope": _mine(request)}
    if request.method == "GET" and "like" in request.GET:
        start = _start(request, rule_id)
        context["start"] = start
        initial |= start.given
    form = RuleExampleForm(request.POST or None, initial=initial)
    if "look" in request.POST:
        form.only_look()
    with refusals_at(form):
        if form.is_valid() and "look" in request.POST:
            context["looked"] = _looked(rule_id, form)
            return render(request, "reviews/rules/example.html", {**context, "form": form})
        if form.is_valid():
            made = _add(request, rule_id, form)
            messages.success(
                request, f"The example “{made.title}” is added. Every draft is judged by it."
            )
            return redirect("rule", rule_id)
    return form_page(request, "reviews/rules/example.html", form, context)


def _start(request: SignedIn, rule_id: str) -> rule_examples.Start:
    """One of the rule's own examples, counted from 1, to begin from."""
    number = whole(request.GET["like"])
    start = rule_examples.start(rule_id, number or 0, _mine(request), rulebooks.live()[1])
    if start is None:
        raise NotFound(f"{rule_id} has no such example to start from.")
    return start


def _add(request: SignedIn, rule_id: str, form: RuleExampleForm) -> RuleExample:
    profile, practice = form.where()
    return examples.add(
        rule_id=rule_id,
        title=form.cleaned_data["title"],
        record=form.record(),
        expected=form.cleaned_data["expected"],
        grounds=form.grounds(),
        invented=form.cleaned_data["invented"],
        profile=profile,
        practice=practice,
        by=request.user,
    )


def _looked(rule_id: str, form: RuleExampleForm) -> rule_examples.Shown:
    """What the live book says of what was typed; nothing is saved. Raises `BadRecord`."""
    profile, practice = form.where()
    record = form.record()
    examples.readable(record, profile, practice)
    example = RuleExample(
        rule_id=rule_id,
        profile=profile,
        practice=practice,
        title=form.cleaned_data["title"],
        record=record,
        expected=form.cleaned_data["expected"],
    )
    return rule_examples.shown(example, rulebooks.live()[1])


def _mine(request: SignedIn) -> str:
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    return profiles.asked_for("", mine)


def _not_withdrawn(request: SignedIn, refusal: BadRecord | Stale, pk: int) -> HttpResponse:
    messages.error(request, f"Not withdrawn. {refusal.message}")
    return redirect("rule", _example(pk).rule_id)


@require_POST
@login_required
@shows_refusals(_not_withdrawn, BadRecord, Stale)
def withdraw(request: SignedIn, pk: int) -> HttpResponse:
    """Withdraw an example."""
    example = _example(pk)
    examples.withdraw(example=example, reason=request.POST.get("reason", ""), by=request.user)
    messages.success(request, f"The example “{example.title}” is withdrawn; it stays readable.")
    return redirect("rule", example.rule_id)


def _not_explained(request: SignedIn, refusal: BadRecord | Stale, number: int) -> HttpResponse:
    messages.error(request, f"No reason is kept. {refusal.message}")
    return redirect("rulebook", number)


@require_POST
@login_required
@shows_refusals(_not_explained, BadRecord, Stale)
def explain(request: SignedIn, number: int) -> HttpResponse:
    """State why a draft breaks the examples that were chosen."""
    access.require(request.user, Action.DRAFT)
    version = RuleVersion.objects.defer("book").filter(number=number).first()
    if version is None:
        raise NotFound("There is no rule book of that number.")
    chosen = [whole(text) or 0 for text in request.POST.getlist("broken")]
    stated = examples.explain(
        version=version, broken=chosen, reason=request.POST.get("reason", ""), by=request.user
    )
    count = len(stated)
    messages.success(
        request, f"Your reason is kept with {count} example{'' if count == 1 else 's'}."
    )
    return redirect("rulebook", number)


def _example(pk: int) -> RuleExample:
    found = RuleExample.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such example.")
    return found


urlpatterns = [
    path("rules/<slug:rule_id>/examples/add", add, name="rule-example-add"),
    path("rule-examples/<int:pk>/withdraw", withdraw, name="rule-example-withdraw"),
    path("rule-books/<int:number>/explain", explain, name="rulebook-explain"),
]

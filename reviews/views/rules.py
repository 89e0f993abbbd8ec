"""The rule catalogue: which rules exist, when they fire, on whose authority, how they do."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from reviews import access, rulebooks
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import CHANGED_PLAN, Decision, DecisionItem, Flag, Outcome, Profile
from reviews.queries import opinions, rule_drafts
from reviews.rules.asking import runs
from reviews.rules.book import RuleBook
from reviews.rules.catalogue import catalogue, labelled, left_out
from reviews.rules.examples import worked_examples
from reviews.rules.exemptions import exempted
from reviews.rules.parameters import EXPOSURE
from reviews.rules.precedence import rows_of
from reviews.rules.registry import BY_ID
from reviews.views.signed_in import SignedIn

RECENT_DAYS = 30


@require_GET
@login_required
def rules(request: SignedIn) -> HttpResponse:
    """Every rule by family, under the profile that was asked for or is mine."""
    access.require(request.user, Action.SEE_FORMULARY)
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    asked = request.GET.get("profile", "")
    profile = asked if asked in Profile.values else next((p.profile for p in mine), Profile.UK)
    theme, q = request.GET.get("theme", ""), request.GET.get("q", "").strip()[:100]
    _pk, book = rulebooks.live()
    everything = [_rule(rule, book) for rule in catalogue()]
    themes = sorted({rule["theme"] for rule in everything})
    shown = [rule for rule in everything if (theme not in themes or rule["theme"] == theme)]
    if q:
        shown = [rule for rule in shown if q.lower() in rule["words"]]
    practice_ids = [practice.pk for practice in mine]
    recent, open_now = _raised(practice_ids), _open(practice_ids)
    for rule in shown:
        rule["recent"], rule["open"] = recent[rule["id"]], open_now[rule["id"]]
        rule["limits"] = _limits(rule["id"], rule["parameters"].get(profile, {}))
    families = {}
    for rule in shown:
        families.setdefault(rule["family"], []).append(rule)
    context = {
        "families": families.items(),
        "count": len(shown),
        "total": len(everything),
        "themes": themes,
        "theme": theme if theme in themes else "",
        "q": q,
        "profile": profile,
        "profiles": Profile.choices,
        "book": book,
        "overdue": sum(rule["overdue"] for rule in everything),
        "unverified": sum(rule["unverified"] for rule in everything),
        "shared": _limits(EXPOSURE, book.rules.get(EXPOSURE, {}).get(profile, {})),
        "days": RECENT_DAYS,
        "left_out": left_out().items(),
        "may_answer_unhelpful": access.allowed(request.user, Action.ANSWER_UNHELPFUL),
        "unhelpful_waiting": opinions.unanswered(request.user).count(),
    }
    return render(request, "reviews/rules/rules.html", context)


@require_GET
@login_required
def rule(request: SignedIn, rule_id: str) -> HttpResponse:
    """One rule: what it says, its parameters in each profile, its sources, how it does."""
    access.require(request.user, Action.SEE_FORMULARY)
    known = next((rule for rule in catalogue() if rule["id"] == rule_id), None)
    if known is None:
        raise NotFound(
            f"There is no rule {rule_id} any more. Flags that it raised keep their own account."
        )
    _pk, book = rulebooks.live()
    found = _rule(known, book)
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    practice_ids = [practice.pk for practice in mine]
    profiles = {practice.profile for practice in mine}
    outcomes = _outcomes(rule_id, practice_ids)
    context = {
        "rule": found,
        "book": book,
        "parameters": _table(rule_id, found["parameters"], profiles),
        "examples": _examples(rule_id, book, next((p.profile for p in mine), Profile.UK)),
        "exempted": exempted(rule_id),
        "precedence": rows_of(rule_id),
        "recent": _raised(practice_ids)[rule_id],
        "open": _open(practice_ids)[rule_id],
        "days": RECENT_DAYS,
        "outcomes": [(Outcome(code).label, count) for code, count in outcomes.most_common()],
        "decided": outcomes.total(),
        "changed": sum(outcomes[outcome] for outcome in CHANGED_PLAN),
        "may_draft": access.allowed(request.user, Action.DRAFT),
        "history": rule_drafts.history(rule_id),
        "policies": rule_drafts.policies_in(book, rule_id),
        "may_see_cases": access.allowed(request.user, Action.SEE_QUEUE),
    }
    return render(request, "reviews/rules/rule.html", context)


def _limits(rule_id: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """`[{label, value, unit}]` of a rule under one profile."""
    limits = [labelled(rule_id, name, value) for name, value in sorted(parameters.items())]
    for limit in limits:
        if limit["value"] == 1:
            limit["unit"] = limit["unit"].removesuffix("s")
    return limits


def _table(rule_id: str, parameters: dict[str, Any], mine: set[str]) -> dict[str, Any]:
    """The parameters of a rule, a row each, with the value of every profile: None = no such."""
    columns = [{"profile": profile, "mine": profile in mine} for profile in Profile.values]
    names = sorted({name for limits in parameters.values() for name in limits})
    rows = [
        {
            **labelled(rule_id, name),
            "values": [
                labelled(rule_id, name, parameters.get(column["profile"], {}).get(name))["value"]
                for column in columns
            ],
        }
        for name in names
    ]
    return {"columns": columns, "rows": rows}


def _examples(rule_id: str, book: RuleBook, profile: str) -> dict[str, Any]:
    """The worked examples under the live book, and what a finding of this profile reads like."""
    worked = worked_examples(rule_id, book)
    fired = [
        outcome.finding
        for example in worked
        for outcome in example.outcomes
        if outcome.finding is not None
    ]
    own = [
        outcome.finding
        for example in worked
        for outcome in example.outcomes
        if outcome.finding is not None and outcome.profile == profile
    ]
    return {
        "worked": worked,
        "holding": sum(example.holds for example in worked),
        "finding": next(iter(own + fired), None),
    }


def _rule(rule: dict[str, Any], book: RuleBook) -> dict[str, Any]:
    """A rule of the catalogue with the parameters and sources of the live book."""
    today = timezone.localdate().isoformat()
    sources = book.citations.get(rule["id"], [])
    in_force = any(runs(BY_ID[rule["id"]], book, profile) for profile in Profile.values)
    return {
        **rule,
        "parameters": book.rules.get(rule["id"], {}),
        "sources": [{**source, "overdue": source["next_review"] < today} for source in sources],
        "in_force": in_force,
        "next_review": min((source["next_review"] for source in sources), default=None),
        "overdue": any(source["next_review"] < today for source in sources),
        "unverified": any(not source["verified"] for source in sources),
        # A rule of one severity needs no words beside its tag.
        "graded": rule["severity"] if len(rule["severities"]) > 1 else "",
        "words": " ".join(
            [rule["id"], rule["title"], rule["trigger"], rule["theme"]]
            + [f"{source['title']} {source['issuer']}" for source in sources]
        ).lower(),
    }


def _raised(practice_ids: list[int]) -> Counter[str]:
    """Flags raised in the last days at these practices, by rule."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    return _by_rule(
        Flag.objects.filter(practice__in=practice_ids, raised_at__gte=since, supersedes=None)
    )


def _open(practice_ids: list[int]) -> Counter[str]:
    """Flags that wait for a decision now, by rule."""
    return _by_rule(Flag.objects.open().filter(practice__in=practice_ids, severity__lte=3))


def _by_rule(flags: QuerySet[Flag]) -> Counter[str]:
    return Counter(dict(flags.order_by().values_list("rule_id").annotate(Count("pk"))))


def _outcomes(rule_id: str, practice_ids: list[int]) -> Counter[str]:
    """What was decided on this rule's flags in the last days."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    decisions = Decision.objects.standing().filter(decided_at__gte=since, practice__in=practice_ids)
    items = DecisionItem.objects.filter(flag__rule_id=rule_id, decision__in=decisions)
    return Counter(dict(items.order_by().values_list("outcome").annotate(Count("pk"))))


urlpatterns = [
    path("rules", rules, name="rules"),
    path("rules/<slug:rule_id>", rule, name="rule"),
]

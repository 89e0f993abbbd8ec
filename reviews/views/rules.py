"""The rule catalogue: which rules exist, when they fire, on whose authority, how they do."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from reviews import access, governing, profiles, rulebooks
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import Decision, DecisionItem, Flag, Outcome
from reviews.queries import opinions, outcomes, rule_drafts, rule_examples
from reviews.rules.asking import runs
from reviews.rules.book import RuleBook
from reviews.rules.bounds import FLOORS
from reviews.rules.catalogue import catalogue, labelled, left_out
from reviews.rules.codes import PROFILES
from reviews.rules.examples import Worked, says, worked_examples
from reviews.rules.exemptions import exempted
from reviews.rules.finding import Finding
from reviews.rules.parameters import EXPOSURE
from reviews.rules.precedence import rows_of
from reviews.rules.profiles import all_of
from reviews.rules.registry import BY_ID
from reviews.views.signed_in import SignedIn

REASON_LENGTH = 1000
RECENT_DAYS = 90
STATES = {
    "changed_here": "Changed here",
    "has_policy": "With local policy",
    "floor": "Safety floor",
    "is_off": "Switched off or not run",
    "unverified": "Partly unverified",
    "overdue": "Source overdue",
}
"""The states by which the table is filtered: what a rule says of itself, and the words for it."""


@require_GET
@login_required
def rules(request: SignedIn) -> HttpResponse:
    """The rules as one table, under the profile that was asked for or is mine."""
    access.require(request.user, Action.SEE_FORMULARY)
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    profile = profiles.asked_for(request.GET.get("profile", ""), mine)
    q = request.GET.get("q", "").strip()[:100]
    _pk, book = rulebooks.live()
    changed = governing.changed_in(_pk)
    everything = [_rule(rule, book) | _state(rule["id"], book, changed) for rule in catalogue()]
    themes = sorted({rule["theme"] for rule in everything})
    families = sorted({rule["family"] for rule in everything})
    chosen = {name: request.GET.get(name, "") for name in ("theme", "family", "state")}
    chosen["theme"] = chosen["theme"] if chosen["theme"] in themes else ""
    chosen["family"] = chosen["family"] if chosen["family"] in families else ""
    chosen["state"] = chosen["state"] if chosen["state"] in STATES else ""
    shown = [
        rule
        for rule in everything
        if (not chosen["theme"] or rule["theme"] == chosen["theme"])
        and (not chosen["family"] or rule["family"] == chosen["family"])
        and (not chosen["state"] or rule[chosen["state"]])
        and (not q or q.lower() in rule["words"])
    ]
    practice_ids = [practice.pk for practice in mine]
    open_now, decided = _open(practice_ids), outcomes.in_days(practice_ids, RECENT_DAYS)
    for rule in shown:
        rule["open"], rule["decided"] = open_now[rule["id"]], decided.get(rule["id"])
    context = {
        "rules": shown,
        "families": families,
        "states": STATES.items(),
        "may_draft": access.allowed(request.user, Action.DRAFT),
        "count": len(shown),
        "total": len(everything),
        "themes": themes,
        **chosen,
        "is_filtered": bool(q or any(chosen.values())),
        "q": q,
        "profile": profile,
        "profiles": profiles.choices(),
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
    own = {practice.profile for practice in mine}
    became = outcomes.in_days(practice_ids, RECENT_DAYS).get(rule_id)
    context = {
        "rule": found,
        "book": book,
        "parameters": _table(rule_id, found["parameters"], book, own),
        "examples": _examples(rule_id, book, profiles.asked_for("", mine)),
        "exempted": exempted(rule_id),
        "precedence": rows_of(rule_id),
        "recent": _raised(practice_ids)[rule_id],
        "open": _open(practice_ids)[rule_id],
        "days": RECENT_DAYS,
        "outcomes": _outcomes(rule_id, practice_ids),
        "became": became,
        "may_draft": access.allowed(request.user, Action.DRAFT),
        "added": rule_examples.added_to(rule_id, book),
        "reason_length": REASON_LENGTH,
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


def _table(
    rule_id: str, parameters: dict[str, Any], book: RuleBook, mine: set[str]
) -> dict[str, Any]:
    """The parameters of a rule, a row each, with the value of every profile: None = no such."""
    columns = [
        {"profile": each.code, "mine": each.code in mine, "parent": each.parent}
        for each in all_of(book.profiles)
    ]
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
    return {
        "worked": worked,
        "holding": sum(example.holds for example in worked),
        "otherwise": rule_examples.otherwise(rule_id, book),
        "finding": _finding(rule_id, worked, book, profile),
    }


def _finding(
    rule_id: str, worked: Iterable[Worked], book: RuleBook, profile: str
) -> Finding | None:
    """A finding of this profile; of another one where no example flags under it."""
    base = book.base_of(profile)
    fired = [
        (outcome, example.dossier)
        for example in worked
        for outcome in example.outcomes
        if outcome.finding is not None
    ]
    own = [
        # A further profile may have figures of its own.
        outcome.finding
        if profile == base
        else says(rule_id, replace(dossier, profile=profile), book)[1]
        for outcome, dossier in fired
        if outcome.profile == base
    ]
    found = (each for each in [*own, *(outcome.finding for outcome, _ in fired)] if each)
    return next(found, None)


def _rule(rule: dict[str, Any], book: RuleBook) -> dict[str, Any]:
    """A rule of the catalogue with the parameters and sources of the live book."""
    today = timezone.localdate().isoformat()
    sources = book.citations.get(rule["id"], [])
    in_force = any(runs(BY_ID[rule["id"]], book, profile) for profile in PROFILES)
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


def _state(rule_id: str, book: RuleBook, changed: set[str]) -> dict[str, Any]:
    """What can be asked of a rule's state; `is_off` in any profile that has it."""
    rule = BY_ID[rule_id]
    return {
        "changed_here": rule_id in changed,
        "has_policy": bool(rule_drafts.policies_in(book, rule_id)),
        "floor": FLOORS.get(rule_id, ""),
        "is_off": not all(
            runs(rule, book, each.code)
            for each in all_of(book.profiles)
            if book.base_of(each.code) in rule.profiles
        ),
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


def _outcomes(rule_id: str, practice_ids: list[int]) -> list[tuple[str, int]]:
    """What was decided on this rule's flags in the last days, and how often: most often first."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    decisions = Decision.objects.standing().filter(decided_at__gte=since, practice__in=practice_ids)
    items = DecisionItem.objects.filter(flag__rule_id=rule_id, decision__in=decisions)
    found = Counter(dict(items.order_by().values_list("outcome").annotate(Count("pk"))))
    return [(Outcome(code).label, count) for code, count in found.most_common()]


urlpatterns = [
    path("rules", rules, name="rules"),
    path("rules/<slug:rule_id>", rule, name="rule"),
]

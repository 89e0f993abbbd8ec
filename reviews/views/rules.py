"""The rule catalogue: which rules exist, when they fire, on whose authority, how they do."""

import re
from collections import Counter
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from reviews import access, rulebooks
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import Decision, DecisionItem, Flag, Outcome, Profile
from reviews.rules.catalogue import catalogue
from reviews.rules.parameters import EXPOSURE

RECENT_DAYS = 30
UNITS = {"_days": "days", "_years": "years", "_ml_min": "ml/min", "_percent": "%", "_mg": "mg"}
LABELS = {
    "carry_forward_max_days": "Early supply carried on, at most",
    "co_drug_started_within_days": "Other medicine started within",
    "cross_taper_max_days": "Cross-taper, at most",
    "egfr_below_ml_min": "eGFR below",
    "fentanyl_patch_tail_days": "A fentanyl patch acts on for",
    "gap_days": "A gap that does not restart the clock",
    "plausible_supply_max_days": "Longest plausible supply",
    "restart_gap_days": "A gap after which it starts anew",
    "short_course_max_days": "Short course, at most",
    "start_window_days": "Counts as a start for",
    "unexposed_before_days": "Days without before",
}
STEP = re.compile(r"\bs([1-4])\b")


@require_GET
@login_required
def rules(request):
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
        rule["limits"] = _limits(rule["parameters"].get(profile, {}))
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
        "shared": _limits(book.rules.get(EXPOSURE, {}).get(profile, {})),
        "days": RECENT_DAYS,
    }
    return render(request, "reviews/rules/rules.html", context)


@require_GET
@login_required
def rule(request, rule_id):
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
    names = sorted({name for limits in found["parameters"].values() for name in limits})
    outcomes = _outcomes(rule_id, practice_ids)
    context = {
        "rule": found,
        "book": book,
        "names": [in_words(name) for name in names],
        "table": [
            {
                "profile": label,
                "mine": any(practice.profile == value for practice in mine),
                "values": [found["parameters"].get(value, {}).get(name) for name in names],
            }
            for value, label in Profile.choices
        ],
        "recent": _raised(practice_ids)[rule_id],
        "open": _open(practice_ids)[rule_id],
        "days": RECENT_DAYS,
        "outcomes": [(Outcome(code).label, count) for code, count in outcomes.most_common()],
        "decided": outcomes.total(),
        "may_see_cases": access.allowed(request.user, Action.SEE_QUEUE),
    }
    return render(request, "reviews/rules/rule.html", context)


def in_words(name):
    """A parameter's name: ("S2 above", "days") of `s2_over_days`."""
    unit = next((end for end in UNITS if name.endswith(end)), "")
    if name in LABELS:
        return {"label": LABELS[name], "unit": UNITS.get(unit, "")}
    words = name.removesuffix(unit).replace("_", " ")
    words = STEP.sub(lambda step: f"S{step[1]}", words)
    for end, said in (("over", "above"), ("max", "at most")):
        if words == end or words.endswith(f" {end}"):
            words = words.removesuffix(end) + said
    return {"label": words[:1].upper() + words[1:], "unit": UNITS.get(unit, "")}


def _limits(parameters):
    """`[{label, value, unit}]` of one profile."""
    limits = [{**in_words(name), "value": value} for name, value in sorted(parameters.items())]
    for limit in limits:
        if limit["value"] == 1:
            limit["unit"] = limit["unit"].removesuffix("s")
    return limits


def _rule(rule, book):
    """A rule of the catalogue with the parameters and sources of the live book."""
    today = timezone.localdate().isoformat()
    sources = book.citations.get(rule["id"], [])
    in_force = rule["id"] in book.rules
    return {
        **rule,
        "parameters": book.rules.get(rule["id"], {}),
        "sources": [{**source, "overdue": source["next_review"] < today} for source in sources],
        "in_force": in_force,
        "next_review": min((source["next_review"] for source in sources), default=None),
        "overdue": any(source["next_review"] < today for source in sources),
        "unverified": any(not source["verified"] for source in sources),
        # A rule of one severity needs no words beside its tag.
        "graded": rule["severity"] if len(rule["severity"]) > 2 else "",
        "levels": sorted(set(map(int, re.findall(r"\bS([1-4])\b", rule["severity"])))),
        "words": " ".join(
            [rule["id"], rule["title"], rule["trigger"], rule["theme"]]
            + [f"{source['title']} {source['issuer']}" for source in sources]
        ).lower(),
    }


def _raised(practice_ids):
    """Flags raised in the last days at these practices, by rule."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    return _by_rule(
        Flag.objects.filter(practice__in=practice_ids, raised_at__gte=since, supersedes=None)
    )


def _open(practice_ids):
    """Flags that wait for a decision now, by rule."""
    return _by_rule(Flag.objects.open().filter(practice__in=practice_ids, severity__lte=3))


def _by_rule(flags):
    return Counter(dict(flags.order_by().values_list("rule_id").annotate(Count("pk"))))


def _outcomes(rule_id, practice_ids):
    """What was decided on this rule's flags in the last days."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    decisions = Decision.objects.standing().filter(decided_at__gte=since, practice__in=practice_ids)
    items = DecisionItem.objects.filter(flag__rule_id=rule_id, decision__in=decisions)
    return Counter(dict(items.order_by().values_list("outcome").annotate(Count("pk"))))


urlpatterns = [
    path("rules", rules, name="rules"),
    path("rules/<slug:rule_id>", rule, name="rule"),
]

"""The review queue: worst first, filters in the address bar, claim from the row."""

from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, IntegerField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from reviews import access, decide, search
from reviews.access import Action
from reviews.errors import DomainError
from reviews.models import Case, CaseState, Patient, PatientScreening, ScreeningRequest
from reviews.rules.registry import BY_ID, RULES, THEMES
from reviews.views import person

PAGE_SIZE = 20
# Counting further would take longer than it tells a reviewer anything.
COUNT_LIMIT = 1000
# Screening takes seconds; whoever has waited longer is shown as not checked.
PATIENCE = timedelta(minutes=2)

SORTS = {
    "worst": ("Worst first", ("severity", "due_at", "opened_at", "id")),
    "due": ("Due first", ("due_at", "severity", "opened_at", "id")),
    "newest": ("Newest first", ("-opened_at", "-id")),
    "exposure": ("Longest exposure", ("-exposed_days", "severity", "due_at", "id")),
}
DUE = {
    "overdue": "Overdue",
    "today": "Due today",
    "week": "Due in 7 days",
    "snoozed": "Snoozed",
}
OWNERS = {"me": "Mine", "none": "Nobody"}
# The views that reviewers ask for most: a name, its filters, and the count it shows, if any.
VIEWS = (
    ("All open", {}, "all"),
    ("Mine", {"owner": "me"}, "mine"),
    ("Urgent, unclaimed", {"severity": "1", "owner": "none"}, None),
    ("With an opioid", {"rule": "OPI-01"}, None),
    ("Past day 120", {"rule": "DUR-04"}, None),
    ("Cannot be judged", {"rule": "DQ-01"}, None),
    ("Snoozed", {"due": "snoozed"}, "snoozed"),
)


class UncountedPaginator(Paginator):
    """Pages without counting what could be 200,000 rows: there is a next page, or there is not."""

    def page(self, number):
        number = int(number) if str(number).isdigit() and int(number) > 0 else 1
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        return {
            "rows": rows[: self.per_page],
            "number": number,
            "previous": number - 1,
            "next": number + 1 if len(rows) > self.per_page else None,
            "first_row": start + 1,
            "last_row": start + min(len(rows), self.per_page),
        }


@require_GET
@login_required
def queue(request):
    """The page and, for a live refresh, the list alone."""
    if not access.allowed(request.user, Action.SEE_QUEUE):
        return home(request)
    mine = access.practice_ids(request.user, Action.SEE_QUEUE)
    visible = access.scope(Case.objects.open(), request.user, Action.SEE_QUEUE)
    chosen = filters(request)
    cases = narrow(visible, chosen, request.user)
    page = UncountedPaginator(cases, PAGE_SIZE).page(request.GET.get("page", 1))
    for case in page["rows"]:
        case.may_claim = case.state != CaseState.CLAIMED and access.allowed(
            request.user, Action.CLAIM, case
        )
        case.is_mine = case.owner_id == request.user.pk
        case.numbers = person.identifiers(case.patient)[:1]
        case.themes = _themes(case.rule_ids)
    tallies = counts(visible, request.user)
    context = {
        "page": page,
        "chosen": chosen,
        "filtered": any(value for name, value in chosen.items() if name != "sort"),
        "counts": tallies,
        "views": [
            {
                "name": name,
                "query": urlencode(narrowing),
                "count": tallies[count] if count else None,
                "current": _narrowing(request.GET) == narrowing,
            }
            for name, narrowing, count in VIEWS
        ],
        "not_checked": not_checked(request.user),
        "practices": access.practices(request.user, Action.SEE_QUEUE),
        "rules": [(rule.id, rule.title) for rule in RULES],
        "sorts": [(key, label) for key, (label, _) in SORTS.items()],
        "dues": DUE.items(),
        "severities": [(1, "S1 Urgent"), (2, "S2 Review"), (3, "S3 Note")],
        "owners": OWNERS.items(),
        "may_claim": access.allowed(request.user, Action.CLAIM),
        "checked_patients": capped(
            PatientScreening.objects.filter(
                problem="",
                patient__practice__in=mine,
            )
        ),
    }
    template = "reviews/queue/_list.html" if request.htmx else "reviews/queue/queue.html"
    return render(request, template, context)


@require_POST
@login_required
def claim(request):
    """Claim the ticked cases; each that cannot be is told, and the others are claimed."""
    claimed = 0
    for mark in request.POST.getlist("case"):
        pk, _, seen = mark.partition(":")
        try:
            case = access.fetch(Case.objects, request.user, Action.SEE_QUEUE, pk=int(pk))
            decide.claim(case=case, by=request.user, seen=int(seen))
        except DomainError as error:
            messages.warning(request, error.message)
        except ValueError:
            messages.warning(request, "That is not a case.")
        else:
            claimed += 1
    if claimed:
        messages.success(request, f"{claimed} case{'s' if claimed > 1 else ''} claimed.")
    back = request.POST.get("back", "")
    return redirect(reverse("queue") + (back if back.startswith("?") else ""))


def home(request):
    """Where somebody who has no queue starts: the first page of their menu."""
    if access.allowed(request.user, Action.SEE_FORMULARY):
        return redirect("formulary")
    return render(request, "reviews/no_role.html", status=403)


def filters(request):
    """The filters of the address bar, unknown values left out."""
    given = request.GET
    severity = given.get("severity", "")
    return {
        "q": given.get("q", "").strip(),
        "severity": int(severity) if severity in {"1", "2", "3"} else None,
        "rule": given.get("rule", ""),
        "practice": int(given["practice"]) if given.get("practice", "").isdigit() else None,
        "owner": given.get("owner") if given.get("owner") in OWNERS else "",
        "due": given.get("due") if given.get("due") in DUE else "",
        "sort": given.get("sort") if given.get("sort") in SORTS else "worst",
    }


def _narrowing(given):
    """What narrows the list, without how it is sorted or paged: what makes a view this view."""
    return {name: value for name, value in given.items() if value and name not in ("sort", "page")}


def _themes(rule_ids):
    """What the flags of a case are about, in the order in which the case shows its themes."""
    about = {BY_ID[rule_id].theme for rule_id in rule_ids if rule_id in BY_ID}
    return [theme.lower() for theme in THEMES if theme in about]


def narrow(cases, chosen, user):
    """The cases that the filters leave, in the chosen order, with what a row shows."""
    if chosen["severity"]:
        cases = cases.filter(severity=chosen["severity"])
    if chosen["rule"]:
        cases = cases.filter(rule_ids__contains=[chosen["rule"]])
    if chosen["practice"]:
        cases = cases.filter(practice=chosen["practice"])
    if chosen["owner"] == "me":
        cases = cases.filter(owner=user)
    elif chosen["owner"] == "none":
        cases = cases.filter(owner__isnull=True)
    if chosen["due"] == "snoozed":
        cases = cases.filter(state=CaseState.SNOOZED)
    elif not chosen["q"]:
        cases = cases.exclude(state=CaseState.SNOOZED)
    if chosen["due"] in _due_before():
        since, until = _due_before()[chosen["due"]]
        cases = cases.filter(due_at__lt=until)
        if since:
            cases = cases.filter(due_at__gte=since)
    if chosen["q"]:
        found = search.people(Patient.objects.all(), chosen["q"]).order_by().values("pk")
        cases = cases.filter(patient__in=found)
    if chosen["sort"] == "exposure":
        days = KeyTextTransform("days", "patient__screening__exposure")
        cases = cases.annotate(exposed_days=Cast(days, IntegerField())).order_by(
            F("exposed_days").desc(nulls_last=True), "severity", "due_at", "id"
        )
    else:
        cases = cases.order_by(*SORTS[chosen["sort"]][1])
    return cases.select_related(
        "patient", "patient__screening", "practice", "owner"
    ).prefetch_related("patient__identifiers")


def counts(visible, user):
    """What stands at the top of the page. Capped, so that a large queue costs no more."""
    awake = visible.exclude(state=CaseState.SNOOZED)
    before = _due_before()
    return {
        "all": capped(awake),
        "s1": capped(awake.filter(severity=1)),
        "s2": capped(awake.filter(severity=2)),
        "s3": capped(awake.filter(severity=3)),
        "overdue": capped(awake.filter(due_at__lt=before["overdue"][1])),
        "today": capped(
            awake.filter(due_at__gte=before["today"][0], due_at__lt=before["today"][1])
        ),
        "snoozed": capped(visible.filter(state=CaseState.SNOOZED)),
        "mine": capped(awake.filter(owner=user)),
        "unclaimed": capped(awake.filter(owner__isnull=True)),
    }


def not_checked(user):
    """Patients of mine whose last screening failed or who have waited too long, and since when."""
    mine = access.practice_ids(user, Action.SEE_QUEUE)
    waiting = (
        ScreeningRequest.objects.filter(
            patient__practice__in=mine, requested_at__lt=timezone.now() - PATIENCE
        )
        .order_by("requested_at")
        .values("patient", "requested_at")
    )
    since = waiting.values_list("requested_at", flat=True).first()
    return {"count": capped(waiting.order_by().values("patient").distinct()), "since": since}


def capped(rows):
    """A count, or "1000+" beyond what is worth counting."""
    found = rows.order_by().values("pk")[:COUNT_LIMIT].count()
    return f"{COUNT_LIMIT}+" if found == COUNT_LIMIT else found


def _due_before():
    """`{due state: (from, before)}` in time."""
    now = timezone.localtime()
    tomorrow = timezone.make_aware(datetime.combine(now.date() + timedelta(days=1), time.min))
    return {
        "overdue": (None, now),
        "today": (now, tomorrow),
        "week": (now, tomorrow + timedelta(days=6)),
    }


urlpatterns = [
    path("", queue, name="queue"),
    path("queue/claim", claim, name="queue-claim"),
]

"""Filters of the queue: which there are, which cases each leaves, and what they say in words."""

from collections.abc import Container, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from django.contrib.auth.models import User
from django.db.models import F, IntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from reviews import access
from reviews.access import Action
from reviews.forms.numbers import whole
from reviews.models import RANKED, Case, CaseState, Patient, Practice, SavedView, named
from reviews.queries import search, work
from reviews.rules.registry import BY_ID

PAGE_SIZE = 20
MOST_PAGES = 10**6
FEW = 1_000
"""People found by name, whose cases are looked up one by one."""

SORTS = {
    "worst": ("Worst first", RANKED),
    "due": ("Due first", ("due_at", "severity", "opened_at", "id")),
    "newest": ("Newest first", ("-opened_at", "-id")),
    "exposure": ("Longest exposure", ("-exposed_days", "severity", "due_at", "id")),
}
DUE = {
    "overdue": "Overdue",
    "today": "Due today",
    "soon": f"Due in {work.SOON_WORKING_DAYS} working days",
    "snoozed": "Snoozed",
    "escalated": "Escalated",
    "second": "For a second person",
}
SEVERITIES = {"1": "S1 Urgent", "2": "S2 Review", "3": "S3 Note"}
OWNERS = {"me": "Mine", "none": "Nobody"}
OPIOID = "OPI-01,OPI-02"


class View(NamedTuple):
    """A view that every reviewer has: its name, its filters, and what it shows, in words."""

    name: str
    query: dict[str, str]
    says: str


VIEWS = (
    View("All open", {}, "Every open case that is not snoozed"),
    View("Mine", {"owner": "me"}, "Cases that you have claimed"),
    View(
        "Urgent, unclaimed",
        {"severity": "1", "owner": "none"},
        "S1 Urgent cases that nobody has claimed",
    ),
    View(
        "With an opioid",
        {"rule": OPIOID},
        "Beside an opioid, for pain (OPI-01) or as substitution treatment (OPI-02)",
    ),
    View("Past day 120", {"rule": "DUR-04"}, "Exposure past day 120 (DUR-04)"),
    View(
        "Cannot be judged",
        {"rule": "DQ-01"},
        "A start, length or dose is missing, so that rules could not judge (DQ-01)",
    ),
    View(
        "For a second person",
        {"due": "second"},
        "Proposed by a colleague, and waiting for somebody else to confirm",
    ),
    View("Snoozed", {"due": "snoozed"}, "Hidden until a day"),
)
FILTERS = ("q", "severity", "rule", "practice", "owner", "due", "sort")


def filters(given: Mapping[str, str]) -> dict[str, str]:
    """The filters of an address, as text; unknown values left out, the usual order too."""
    owner = given.get("owner", "")
    return {
        "q": " ".join(given.get("q", "").split())[:100],
        "severity": _known(given.get("severity"), SEVERITIES),
        "rule": _rules(given.get("rule", "")),
        "practice": _number(given.get("practice", "")),
        "owner": owner if owner in OWNERS else _number(owner),
        "due": _known(given.get("due"), DUE),
        "sort": _known(given.get("sort"), SORTS.keys() - {"worst"}),
    }


def unknown(given: Mapping[str, str], user: User) -> list[str]:
    """What an address asks for that is no filter, in words; the list is not narrowed by it."""
    chosen = filters(given)
    said = []
    for name in FILTERS:
        value = given.get(name, "").strip()
        if value and not chosen[name] and (name, value) != ("sort", "worst"):
            said.append(f"There is no {_WHAT[name]} “{value[:40]}”")
    if chosen["practice"] and int(chosen["practice"]) not in access.practice_ids(
        user, Action.SEE_QUEUE
    ):
        said.append("You see no practice of that number")
    if chosen["owner"].isdecimal() and not User.objects.filter(pk=chosen["owner"]).exists():
        said.append("Nobody has that number")
    strange = sorted(given.keys() - {*FILTERS, "page"})
    said += [f"“{name[:40]}” is no filter of this list" for name in strange]
    return said


_WHAT = {
    "q": "name",
    "severity": "severity",
    "rule": "rule",
    "practice": "practice",
    "owner": "owner",
    "due": "due state",
    "sort": "order",
}


def narrow(cases: QuerySet[Case], chosen: dict[str, str], user: User) -> QuerySet[Case]:
    """The cases that the filters leave, in the chosen order."""
    if chosen["rule"] or chosen["q"]:
        # Whom a rule or a medicine finds tells something clinical of them. The page says so.
        called = search.named(Patient.objects.all(), chosen["q"], by=user)
        cases = access.unhidden(cases, user, but=None if chosen["rule"] else called)
    if chosen["severity"]:
        cases = cases.filter(severity=chosen["severity"])
    if chosen["rule"]:
        rules = chosen["rule"].split(",")
        cases = cases.filter(**{f"rule_ids__{'contains' if len(rules) == 1 else 'overlap'}": rules})
    if chosen["practice"]:
        cases = cases.filter(practice=chosen["practice"])
    if chosen["owner"] == "none":
        cases = cases.filter(owner__isnull=True)
    elif chosen["owner"]:
        cases = cases.filter(owner=user.pk if chosen["owner"] == "me" else chosen["owner"])
    if chosen["due"] in (CaseState.SNOOZED, CaseState.ESCALATED):
        cases = cases.filter(state=chosen["due"])
    elif not chosen["q"]:
        cases = cases.exclude(state=CaseState.SNOOZED)
    if chosen["due"] == "second":
        cases = cases.filter(state=CaseState.PROPOSED).exclude(proposed_by=user)
    if chosen["due"] in work.due_between():
        cases = work.due(cases, chosen["due"])
    if chosen["q"]:
        found = search.anybody(Patient.objects.all(), chosen["q"], by=user)
        found = found.order_by().values_list("pk")
        few = [pk for (pk,) in found[: FEW + 1]]
        # Told as a question, PostgreSQL would rather walk the queue and try the name on everybody.
        cases = cases.filter(patient__in=few if len(few) <= FEW else found)
    if chosen["sort"] == "exposure":
        days = KeyTextTransform("days", "patient__screening__exposure")
        return cases.annotate(exposed_days=Cast(days, IntegerField())).order_by(
            F("exposed_days").desc(nulls_last=True), "severity", "due_at", "id"
        )
    return cases.order_by(*SORTS[chosen["sort"] or "worst"][1])


def called(user: User, chosen: dict[str, str]) -> str:
    """What the filtered list is called: the name of a view, else its filters."""
    narrowing = {name: value for name, value in chosen.items() if value}
    for view in VIEWS:
        if view.query == narrowing:
            return view.name
    own = SavedView.objects.filter(user=user).values_list("name", "query")
    for name, query in own:
        if query_of(query) == narrowing:
            return name
    return in_words(chosen)


def query_of(text: str) -> dict[str, str]:
    """The filters that a query names, those that are empty left out."""
    return {name: value for name, value in filters(dict(parse_qsl(text))).items() if value}


def in_words(chosen: dict[str, str]) -> str:
    """The filters and the order as a reader says them, such as "S1 Urgent, OPI-01 or OPI-02"."""
    said = []
    if chosen["q"]:
        said.append(f"“{chosen['q']}”")
    if chosen["severity"]:
        said.append(SEVERITIES[chosen["severity"]])
    if chosen["rule"]:
        rules = chosen["rule"].split(",")
        title = f" {BY_ID[rules[0]].title}" if len(rules) == 1 else ""
        said.append(" or ".join(rules) + title)
    if chosen["practice"]:
        practice = Practice.objects.filter(pk=chosen["practice"]).first()
        said.append(practice.name if practice else f"practice {chosen['practice']}")
    if chosen["owner"]:
        said.append(f"claimed by {_whom(chosen['owner'])}")
    if chosen["due"]:
        said.append(DUE[chosen["due"]].lower())
    if chosen["sort"]:
        said.append(SORTS[chosen["sort"]][0].lower())
    return ", ".join(said) or "All open"


def _whom(owner: str) -> str:
    if owner in OWNERS:
        return {"me": "you", "none": "nobody"}[owner]
    colleague = User.objects.filter(pk=owner).first()
    return named(colleague) if colleague else "nobody of that number"


def page_number(text: str) -> int:
    """A page as typed in an address, from 1."""
    typed = whole(text) or 1
    return typed if 0 < typed < MOST_PAGES else 1


def _known(value: str | None, values: Container[str]) -> str:
    return value if value is not None and value in values else ""


def _rules(text: str) -> str:
    """One rule or several, parted by commas; empty where one of them does not exist."""
    rules = text.split(",")
    return ",".join(dict.fromkeys(rules)) if all(rule in BY_ID for rule in rules) else ""


def _number(value: str) -> str:
    return "" if whole(value) is None else value

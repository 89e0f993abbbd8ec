"""What stands around every page: the menu by permission, the live rule book, the last screening."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from reviews import access
from reviews.access import Action
from reviews.models import Role, RuleVersion
from reviews.queries import checked, trail

KEYS_COOKIE = "single-keys"

KEYS = (
    ("j, k", "next and previous case or matter"),
    ("o", "open the case"),
    ("x", "select the case"),
    ("c, h", "claim, hand over"),
    ("n, p", "next and previous case of the list"),
    ("w", "work through the cases selected"),
    ("b", "answer like notes together: those selected, or all of the list"),
    ("u", "undo what was just decided"),
    ("/", "search"),
    ("1 to 9", "go to a matter; again: unfold its findings"),
    ("d", "go to the decision"),
    ("s, e", "snooze, escalate"),
    ("l", "log a prescription"),
    ("t", "plan a taper"),
    ("Ctrl Enter", "save, once in the decision"),
    ("?", "show these keys"),
)

MENU = (
    (Action.SEE_AUDIT, "audit", "Audit"),
    (Action.SEE_QUEUE, "queue", "Queue"),
    (Action.SEE_WORK, "my-work", "My work"),
    (Action.SEE_PATIENT, "patients", "Patients"),
    (Action.SEE_RECALL, "recall", "Recall"),
    (Action.CHECK_DATA, "data-quality", "Data quality"),
    (Action.IDENTIFY, "waiting-records", "Waiting records"),
    (Action.SEE_FORMULARY, "formulary", "Formulary"),
    (Action.SEE_FORMULARY, "rules", "Rules"),
    (Action.DRAFT, "rulebooks", "Rule books"),
    (Action.EDIT_FORMULARY, "upkeep", "Upkeep"),
    (Action.EDIT_LETTER_TEXTS, "letter-texts", "Letters"),
    (Action.SEE_PEOPLE, "people", "People"),
    (Action.SEE_INTEGRATIONS, "integrations", "Integrations"),
    (Action.REVOKE_KEYS, "keys", "Keys"),
    (Action.OVERSEE_JOBS, "jobs", "Jobs"),
)

WITHIN = {"keys": "integrations", "jobs": "integrations"}
"""Entries whose page another page leads to: whoever has that one in the menu needs no second."""


def chrome(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `chrome`, worked out only by a page that shows it."""
    return {"chrome": SimpleLazyObject(lambda: _chrome(request))}


def _menu(user: User, path: str) -> list[dict[str, Any]]:
    held = {name: label for action, name, label in MENU if access.allowed(user, action)}
    shown = {name: label for name, label in held.items() if WITHIN.get(name) not in held}
    return [
        {"url": reverse(name), "label": label, "current": _is_current(path, name)}
        for name, label in shown.items()
    ]


def _is_current(path: str, name: str) -> bool:
    """Whether a page belongs to an entry of the menu; a case belongs to the queue."""
    url = reverse(name)
    if url == "/":
        return path == url or path.startswith("/cases/")
    inner = [reverse(page) for page, outer in WITHIN.items() if outer == name]
    return any(path == one or path.startswith(f"{one}/") for one in (url, *inner))


def _chrome(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"signed_in": False, "demonstration": settings.DEMO_SIGN_INS.exists()}
    held = set().union(*access.roles_of(user).values())
    book = (
        RuleVersion.objects.filter(state=RuleVersion.State.PUBLISHED)
        .annotate(last_screened_at=Subquery(checked.last_screened()))
        .values("number", "published_at", "last_screened_at")
        .first()
    )
    return {
        "signed_in": True,
        "demonstration": settings.DEMO_SIGN_INS.exists(),
        "menu": _menu(user, request.path),
        "person": user.get_full_name() or user.get_username(),
        "roles": ", ".join(Role(role).label.lower() for role in sorted(held)) or "no role yet",
        "search_url": reverse("search") if access.allowed(user, Action.SEE_FORMULARY) else "",
        "search_for": "Patient, number or medicine"
        if access.allowed(user, Action.SEE_PATIENT)
        else "Medicine",
        "emergency_url": reverse("break-glass") if access.allowed(user, Action.BREAK_GLASS) else "",
        "opened": list(
            {row.pk: row for row in access.opened_by(user).values() if row.is_emergency}.values()
        ),
        "jobs_url": reverse("jobs") if access.allowed(user, Action.SEE_JOBS) else "",
        "keys": KEYS,
        "single_keys": request.COOKIES.get(KEYS_COOKIE) != "off",
        "book": book,
        "does_not_fit": trail.does_not_fit() if access.allowed(user, Action.SEE_AUDIT) else "",
        "last_screened_at": book and book["last_screened_at"],
    }

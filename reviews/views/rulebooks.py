"""Rule books: what changed since the live one, a draft of it, and a second person who agrees."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import Engine, Role, RuleVersion
from reviews.queries import jobs
from reviews.queries.differences import SECTIONS, differences
from reviews.verbs import publish
from reviews.views.confirming import confirmed
from reviews.views.signed_in import SignedIn

SHOWN_EACH = 100
NOTE_LENGTH = 1000


@require_GET
@login_required
def rulebooks(request: SignedIn) -> HttpResponse:
    """The live book, what waits for the next one, drafts, and every book there was."""
    access.require(request.user, Action.SEE_FORMULARY)
    versions = list(
        RuleVersion.objects.defer("book")
        .select_related("drafted_by", "published_by", "engine")
        .order_by("-number")
    )
    may_draft = access.allowed(request.user, Action.DRAFT)
    context = {
        "live": next((version for version in versions if version.state == "published"), None),
        "drafts": [version for version in versions if version.state == "draft"],
        "versions": versions,
        "may_draft": may_draft,
        "note_length": NOTE_LENGTH,
        "engines": list(Engine.objects.order_by("-is_current", "-current_since")),
        "rescreen": jobs.rescreen(),
    }
    if may_draft:
        pending = publish.pending_changes()
        context["pending"] = [
            (SECTIONS[section], keys[:SHOWN_EACH], len(keys))
            for section, keys in pending.items()
            if keys
        ]
        context["pending_count"] = sum(len(keys) for keys in pending.values())
    return render(request, "reviews/rulebooks/rulebooks.html", context)


@require_GET
@login_required
def rulebook(request: SignedIn, number: int) -> HttpResponse:
    """One book against the one it would replace, or did replace."""
    access.require(request.user, Action.SEE_FORMULARY)
    version = _version(number)
    against = _compared_with(version)
    found = differences(against.book if against else {}, version.book) if against else {}
    is_draft = version.state == "draft"
    own = version.drafted_by_id == request.user.pk
    context = {
        "version": version,
        "against": against,
        "sections": [
            (SECTIONS[section], rows[:SHOWN_EACH], len(rows)) for section, rows in found.items()
        ],
        "differences": sum(len(rows) for rows in found.values()),
        "is_draft": is_draft,
        "own": own,
        "may_publish": is_draft and not own and access.allowed(request.user, Action.PUBLISH),
        "may_discard": is_draft and access.allowed(request.user, Action.DRAFT),
        "others": _second_persons(version) if is_draft else [],
        "sizes": [
            (SECTIONS[section], len(version.book.get(section, {})))
            for section in ("drugs", "products", "names", "rules")
        ],
    }
    return render(request, "reviews/rulebooks/rulebook.html", context)


@require_POST
@login_required
def draft(request: SignedIn) -> HttpResponse:
    """Freeze the formulary and the rules as they are now."""
    note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
    made = publish.draft(note=note, by=request.user)
    messages.success(request, f"Draft {made.number} is frozen. A second person publishes it.")
    return redirect("rulebook", made.number)


@require_POST
@login_required
@confirmed
def publication(request: SignedIn, number: int) -> HttpResponse:
    """Agree, as a second person, and make the draft the live book."""
    published = publish.publish(version=_version(number), by=request.user)
    messages.success(
        request,
        f"Rule book {published.number} is live. Those it can affect are being screened again.",
    )
    return redirect("rulebook", published.number)


@require_POST
@login_required
def discard(request: SignedIn, number: int) -> HttpResponse:
    """Put a draft away."""
    discarded = publish.discard(version=_version(number), by=request.user)
    messages.success(request, f"Draft {discarded.number} is put away. Its number stays unused.")
    return redirect("rulebooks")


def _version(number: int) -> RuleVersion:
    version = (
        RuleVersion.objects.select_related("drafted_by", "published_by", "engine")
        .filter(number=number)
        .first()
    )
    if version is None:
        raise NotFound("There is no rule book of that number.")
    return version


def _compared_with(version: RuleVersion) -> RuleVersion | None:
    """For a draft the live book; for any other the book published before it."""
    published = RuleVersion.objects.exclude(pk=version.pk).filter(published_at__isnull=False)
    if version.state == "draft":
        return published.filter(state="published").first()
    if version.published_at:
        published = published.filter(published_at__lt=version.published_at)
    return published.order_by(F("published_at").desc()).first()


def _second_persons(version: RuleVersion) -> list[str]:
    """Who else may publish, by name."""
    people = get_user_model().objects.filter(is_active=True, memberships__role=Role.FORMULARY_ADMIN)
    others = people.exclude(pk=version.drafted_by_id).distinct().order_by("last_name", "username")
    return [person.get_full_name() or person.get_username() for person in others]


urlpatterns = [
    path("rule-books", rulebooks, name="rulebooks"),
    path("rule-books/draft", draft, name="rulebook-draft"),
    path("rule-books/<int:number>", rulebook, name="rulebook"),
    path("rule-books/<int:number>/publish", publication, name="rulebook-publish"),
    path("rule-books/<int:number>/discard", discard, name="rulebook-discard"),
]

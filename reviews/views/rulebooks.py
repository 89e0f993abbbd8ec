"""Rule books: what changed since the live one, a draft of it, and a second person who agrees."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access, governing, publishing, what_ifs, worked_examples
from reviews.access import Action
from reviews.errors import BadRecord, DomainError, IllegalMove, NotFound, Stale
from reviews.forms.numbers import whole
from reviews.models import EditAnswer, Engine, Role, RuleChange, RuleVersion
from reviews.queries import guarded, jobs, rule_books, rule_drafts, rule_examples, what_if
from reviews.queries.differences import SECTIONS, counted, differences
from reviews.verbs import agree, publish
from reviews.views.confirming import confirmed
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

SHOWN_EACH = 100
NOTE_LENGTH = 1000
TITLE_LENGTH = 200
WORDS_LENGTH = 1000


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
    guard = guarded.running(request.user)
    guarded_id = guard.guard.version_id if guard else None
    context = {
        "live": next((version for version in versions if version.state == "published"), None),
        "drafts": [each for each in versions if each.state == "draft" and each.pk != guarded_id],
        "versions": versions,
        "may_draft": may_draft,
        "note_length": NOTE_LENGTH,
        "engines": list(Engine.objects.order_by("-is_current", "-current_since")),
        "rescreen": jobs.rescreen(),
        "rescreening": jobs.after_publication(),
        "open_drafts": rule_drafts.open_drafts(),
        "title_length": TITLE_LENGTH,
        "guard": guard,
        "guarded_id": guarded_id,
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
    return _rulebook_page(request, number)


def _not_done(
    request: SignedIn, refusal: BadRecord | Stale | IllegalMove, number: int, **_address: int
) -> HttpResponse:
    """The page again, with why; nothing typed is lost where its form is still there."""
    status = 422 if isinstance(refusal, BadRecord) else 409
    return _rulebook_page(request, number, refusal, status=status)


def _rulebook_page(
    request: SignedIn, number: int, refusal: DomainError | None = None, *, status: int = 200
) -> HttpResponse:
    version = _version(number)
    against = _compared_with(version)
    found = differences(against.book if against else {}, version.book) if against else {}
    facts, sources = counted(found)
    is_draft = version.state == "draft"
    hindrance = publishing.hindrance(version, request.user) if is_draft else None
    guard = guarded.newest_of(version)
    tried = what_ifs.of(version)
    unexplained = worked_examples.unexplained(version) if is_draft else 0
    context = {
        "version": version,
        "against": against,
        "unexplained": unexplained,
        "sections": [
            (SECTIONS[section], rows[:SHOWN_EACH], len(rows)) for section, rows in found.items()
        ],
        "differences": facts,
        "sources": sources,
        "is_draft": is_draft,
        "own": is_draft and request.user.pk in {version.drafted_by_id, *version.editor_ids},
        "hindrance": hindrance,
        "what_if": tried,
        "told": what_if.told(tried) if tried else None,
        "guard": guard,
        "guarded_id": version.pk if guard and guard.outcome == "running" else None,
        "may_publish": is_draft and hindrance is None,
        "edits": rule_drafts.answered(version, request.user),
        "may_answer": governing.no_second_person(version, request.user) is None,
        "broken": rule_examples.broken_by(version),
        "may_explain": is_draft and access.allowed(request.user, Action.DRAFT),
        "words_length": WORDS_LENGTH,
        "refusal": refusal,
        "typed": request.POST.get("agreement", "") or request.POST.get("reason", ""),
        "may_roll_back": version.state == "retired"
        and version.published_at is not None
        and access.allowed(request.user, Action.DRAFT),
        "may_discard": is_draft and access.allowed(request.user, Action.DRAFT),
        "others": _second_persons(version) if is_draft else [],
        "sizes": [
            (SECTIONS[section], len(version.book.get(section, {})))
            for section in ("drugs", "products", "names", "rules")
        ],
    }
    return render(request, "reviews/rulebooks/rulebook.html", context, status=status)


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
@shows_refusals(_not_done, BadRecord, Stale, IllegalMove)
@confirmed
def publication(request: SignedIn, number: int) -> HttpResponse:
    """Agree, as a second person, and make the draft the live book."""
    published = publish.publish(
        version=_version(number),
        agreement=request.POST.get("agreement", ""),
        by=request.user,
    )
    messages.success(
        request,
        f"Rule book {published.number} is live. Those it can affect are being screened again.",
    )
    return redirect("rulebook", published.number)


@require_POST
@login_required
@shows_refusals(_not_done, BadRecord, Stale, IllegalMove)
def answer(request: SignedIn, number: int, pk: int) -> HttpResponse:
    """Agree to one edit of a draft, as a second person, or send it back."""
    access.require(request.user, Action.PUBLISH)
    version = _version(number)
    change = RuleChange.objects.filter(pk=pk).first()
    if change is None:
        raise NotFound("There is no such edit.")
    said, words = request.POST.get("answer", ""), request.POST.get("words", "")
    if said == EditAnswer.Answer.SEND_BACK:
        agree.send_back(version=version, change=change, words=words, by=request.user)
        messages.success(
            request, f"Draft {number} is open again, and its editors read why you sent it back."
        )
        return redirect("rule-draft", change.draft_id)
    if said != EditAnswer.Answer.AGREE:
        raise BadRecord("answer", "is needed: agree, or send it back")
    agree.agree(version=version, change=change, words=words, by=request.user)
    messages.success(request, f"You agreed to the edit of {change.rule_id}.")
    return redirect("rulebook", number)


@require_POST
@login_required
def discard(request: SignedIn, number: int) -> HttpResponse:
    """Put a draft away."""
    discarded = publish.discard(version=_version(number), by=request.user)
    messages.success(request, f"Draft {discarded.number} is put away. Its number stays unused.")
    return redirect("rulebooks")


@require_POST
@login_required
@shows_refusals(_not_done, BadRecord, Stale, IllegalMove)
def roll_back(request: SignedIn, number: int) -> HttpResponse:
    """Draft the content of an earlier book again, for a second person."""
    made = publish.roll_back(
        to=_version(number), reason=request.POST.get("reason", ""), by=request.user
    )
    messages.success(
        request,
        f"Draft {made.number} holds rule book {number} again. A second person publishes it.",
    )
    return redirect("rulebook", made.number)


@require_GET
@login_required
def comparison(request: SignedIn, number: int, other: int) -> HttpResponse:
    """Two books beside one another, fact by fact, with who says so."""
    access.require(request.user, Action.SEE_FORMULARY)
    old, new = _version(other), _version(number)
    found = rule_books.compared(old, new)
    context = {
        "old": old,
        "new": new,
        "facts": found.facts,
        "sections": [(name, rows[:SHOWN_EACH], len(rows)) for name, rows in found.formulary],
        "count": found.total,
        "versions": RuleVersion.objects.defer("book").order_by("-number"),
    }
    return render(request, "reviews/rulebooks/comparison.html", context)


@require_GET
@login_required
def compare(request: SignedIn) -> HttpResponse:
    """Lead to the two books that were chosen; where none was, to all of them."""
    access.require(request.user, Action.SEE_FORMULARY)
    if not request.GET:
        return redirect("rulebooks")
    chosen = [whole(request.GET.get(name, "")) for name in ("number", "other")]
    if None in chosen:
        raise NotFound("There is no rule book of that number.")
    return redirect("rulebook-comparison", *chosen)


@require_GET
@login_required
def export(request: SignedIn, number: int) -> HttpResponse:
    """A book as a file for another site, with its digest and its seal."""
    access.require(request.user, Action.SEE_FORMULARY)
    version = _version(number)
    response = JsonResponse(rule_books.exported(version), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="rule-book-{number}.json"'
    return response


def _version(number: int) -> RuleVersion:
    version = (
        RuleVersion.objects.select_related(
            "drafted_by", "published_by", "engine", "made_of", "rolls_back_to"
        )
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
    first = {version.drafted_by_id, *version.editor_ids}
    others = people.exclude(pk__in=first - {None}).distinct().order_by("last_name", "username")
    return [person.get_full_name() or person.get_username() for person in others]


urlpatterns = [
    path("rule-books", rulebooks, name="rulebooks"),
    path("rule-books/draft", draft, name="rulebook-draft"),
    path("rule-books/<int:number>", rulebook, name="rulebook"),
    path("rule-books/<int:number>/publish", publication, name="rulebook-publish"),
    path("rule-books/<int:number>/edits/<int:pk>/answer", answer, name="rulebook-edit-answer"),
    path("rule-books/<int:number>/discard", discard, name="rulebook-discard"),
    path("rule-books/compare", compare, name="rulebook-compare"),
    path("rule-books/<int:number>/against/<int:other>", comparison, name="rulebook-comparison"),
    path("rule-books/<int:number>/export", export, name="rulebook-export"),
    path("rule-books/<int:number>/roll-back", roll_back, name="rulebook-roll-back"),
]

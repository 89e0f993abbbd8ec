"""Drafts of rules: begin one, change a fact in it, look at what it holds, freeze it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, governing, groups, profiles, rule_files
from reviews.access import Action
from reviews.errors import BadRecord, IllegalMove, NotFound, Stale
from reviews.forms import budget
from reviews.forms.numbers import whole
from reviews.forms.rule_change import RuleChangeForm
from reviews.governing import Place
from reviews.guarding import LONGEST_SOURCE
from reviews.models import Practice, PracticeGroup, RuleChange, RuleDraft
from reviews.queries import rule_books, rule_drafts, rule_examples
from reviews.queries.rule_drafts import FactNow
from reviews.rules.bounds import AUTHORITY
from reviews.rules.changing import PROFILE, Fact
from reviews.rules.changing import is_known as is_fact
from reviews.rules.parameters import EXPOSURE
from reviews.rules.policy import GROUP
from reviews.rules.profiles import Held, is_known
from reviews.rules.registry import BY_ID
from reviews.rules.words import listed
from reviews.shadows import LONGEST_DAYS
from reviews.verbs import govern, publish
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn
from reviews.views.texts import text_of

TITLE_LENGTH, NOTE_LENGTH, REASON_LENGTH = 200, 1000, 500


@require_GET
@login_required
def rule_draft(request: SignedIn, pk: int) -> HttpResponse:
    """A draft: its edits with who and source, what contradicts, and what comes next."""
    return _draft_page(request, _draft(pk))


def _draft_page(
    request: SignedIn, draft: RuleDraft, refusal: Any = None, *, status: int = 200
) -> HttpResponse:
    access.require(request.user, Action.SEE_FORMULARY)
    changes = governing.in_draft(draft)
    rows = rule_drafts.rows_of(draft, changes)
    live = governing.live()
    is_open = governing.is_open(draft)
    edits = governing.merged(live, changes).values() if is_open else []
    content = governing.content(edits) if is_open else {}
    context = {
        "draft": draft,
        "rows": rows,
        "refusal": refusal,
        "typed": request.POST,
        "has_budget": budget.is_stated(request.POST),
        "longest_source": LONGEST_SOURCE,
        "editors": sorted({row.change.by.get_full_name() for row in rows}),
        "conflicts": [row for row in rows if row.now],
        "is_open": is_open,
        "version": draft.versions.order_by("-number").first(),
        "live": live,
        "is_stale": is_open and draft.base_id != live.pk,
        "faults": governing.unsound(edits, content) if is_open else [],
        "broken": rule_examples.would_break({each.rule_id for each in changes}, content)
        if is_open and rows
        else [],
        "sent_back": rule_drafts.sent_back(draft) if is_open else [],
        "may_draft": is_open and access.allowed(request.user, Action.DRAFT),
        "note_length": NOTE_LENGTH,
        "note": request.POST.get("note", draft.title),
        "reason_length": REASON_LENGTH,
        "practices": Practice.objects.order_by("name"),
        "groups": [group for group, _ in groups.members()],
        "longest_days": LONGEST_DAYS,
    }
    return render(request, "reviews/rulebooks/draft.html", context, status=status)


def _refused(request: SignedIn, refusal: Any, pk: int) -> HttpResponse:
    return _draft_page(request, _draft(pk), refusal, status=409)


def _refused_change(request: SignedIn, refusal: Any, pk: int) -> HttpResponse:
    return _draft_page(request, _change(pk).draft, refusal, status=409)


@require_POST
@login_required
def begin(request: SignedIn) -> HttpResponse:
    """Begin a draft, and go on to what was to be changed in it."""
    title = " ".join(request.POST.get("title", "").split())[:TITLE_LENGTH]
    draft = govern.begin(title=title, by=request.user)
    messages.success(request, f"The draft “{draft.title}” is begun. Nothing changes for patients.")
    rule_id = request.POST.get("rule", "")
    if rule_id == PROFILE:
        return redirect(f"{reverse('profiles')}?draft={draft.pk}#add")
    if rule_id in BY_ID or rule_id == EXPOSURE:
        return redirect(f"{reverse('rule-change', args=[rule_id])}?draft={draft.pk}")
    return redirect("rule-draft", draft.pk)


@require_http_methods(["GET", "POST"])
@login_required
def rule_change(request: SignedIn, rule_id: str) -> HttpResponse:
    """Change one fact of a rule in a draft: choose it, then give value, source and reason."""
    access.require(request.user, Action.DRAFT)
    rule = BY_ID.get(rule_id)
    if rule is None and rule_id != EXPOSURE:
        raise NotFound(f"There is no rule {rule_id}.")
    drafts = rule_drafts.open_drafts()
    draft = next((each for each in drafts if str(each.pk) == request.GET.get("draft")), None)
    if draft is None and request.method == "POST":
        # Frozen or put away since the form was opened: the verb says so, beside what was typed.
        draft = RuleDraft.objects.filter(pk=whole(request.GET.get("draft", ""))).first()
    held = governing.held_in(draft) if draft else profiles.live()
    place, profile = _scope(request, held)
    context: dict[str, Any] = {
        "rule_id": rule_id,
        "rule": rule,
        "title": rule.title if rule else "What all rules share",
        "drafts": drafts,
        "draft": draft,
        "scope": rule_drafts.scope_key(place) if place else profile,
        "profiles": profiles.choices(held),
        "practices": Practice.objects.order_by("name") if rule else [],
        "groups": PracticeGroup.objects.order_by("name") if rule else [],
        "fields": rule_drafts.choices_of(rule_id),
        "field": request.GET.get("field", ""),
        "title_length": TITLE_LENGTH,
        "authority": AUTHORITY,
    }
    fact = Fact(rule_id, "" if place else profile, place.scope if place else "", context["field"])
    now = rule_drafts.fact_now(draft, fact, place) if draft and context["field"] else None
    if draft is None or now is None:
        context["no_such"] = bool(draft and context["field"])
        status = 409 if request.method == "POST" else 200
        return render(request, "reviews/rulebooks/change.html", context, status=status)
    return _change_fact(request, draft, now, place, context)


def _change_fact(
    request: SignedIn,
    draft: RuleDraft,
    now: FactNow,
    place: Place | None,
    context: dict[str, Any],
) -> HttpResponse:
    form = RuleChangeForm(now, request.POST or None)
    refusal, status = None, 422 if request.method == "POST" else 200
    try:
        with refusals_at(form):
            if form.is_valid():
                made = govern.change(
                    draft=draft,
                    rule_id=now.fact.rule_id,
                    field=now.fact.field,
                    after=form.value(),
                    grounds=form.grounds(),
                    by=request.user,
                    profile=now.fact.profile,
                    seen=form.cleaned_data["seen"],
                    **governing.columns_of(place),
                )
                said = governing.in_words(now.fact, made.after)
                messages.success(request, f"{now.label}, {now.scope}: {said} in the draft.")
                return redirect("rule-draft", draft.pk)
    except (Stale, IllegalMove) as refused:
        refusal, status = refused, 409
        # Saving what was typed again writes over what is shown beside it.
        seen = str(now.standing.pk) if now.standing else ""
        form = RuleChangeForm(now, {**request.POST.dict(), "seen": seen})
    context |= {
        "now": now,
        "broken": rule_examples.would_break_of(draft, now.fact.rule_id),
        "form": form,
        "refusal": refusal,
        "history": rule_drafts.history(now.fact.rule_id, fact=now.fact),
        "others": [
            row
            for row in rule_drafts.rows_of(draft)
            if now.standing is None or row.change.pk != now.standing.pk
        ],
    }
    return render(request, "reviews/rulebooks/change.html", context, status=status)


@require_POST
@login_required
@shows_refusals(_refused_change, Stale, IllegalMove)
def withdraw(request: SignedIn, pk: int) -> HttpResponse:
    """Take an edit out of its draft."""
    gone = govern.withdraw(change=_change(pk), by=request.user)
    messages.success(request, f"The edit of {gone.rule_id} is out; it stays readable.")
    return redirect("rule-draft", gone.draft_id)


@require_POST
@login_required
@shows_refusals(_refused_change, Stale, IllegalMove)
def confirm(request: SignedIn, pk: int) -> HttpResponse:
    """Make an edit anew against the book as it is now."""
    change = _change(pk)
    made = govern.confirm(change=change, by=request.user)
    said = "is confirmed" if made else "says what the book says already, and fell out"
    messages.success(request, f"The edit of {change.rule_id} {said}.")
    return redirect("rule-draft", change.draft_id)


@require_POST
@login_required
@shows_refusals(_refused, IllegalMove)
def bring_up_to_date(request: SignedIn, pk: int) -> HttpResponse:
    """Put a draft on top of the live book."""
    draft = govern.bring_up_to_date(draft=_draft(pk), by=request.user)
    messages.success(request, f"The draft changes rule book {draft.base.number} now.")
    return redirect("rule-draft", pk)


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, Stale, IllegalMove)
def freeze(request: SignedIn, pk: int) -> HttpResponse:
    """Freeze a draft into a book that a second person publishes."""
    note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
    given: dict[str, Any] = {"draft": _draft(pk), "note": note, "by": request.user}
    if budget.is_stated(request.POST):
        given["budget"] = budget.typed(request.POST)
    if "shadow" not in request.POST:
        made = publish.freeze(**given)
        messages.success(request, f"Draft {made.number} is frozen. A second person publishes it.")
        return redirect("rulebook", made.number)
    practices = _practices(request.POST.get("practice", ""))
    if not practices:
        raise BadRecord("practice", "choose a practice")
    days = whole(request.POST.get("days", "")) or 0
    made = publish.freeze(**given, silent_at=practices, days=days)
    where = listed(each.name for each in practices)
    messages.success(
        request, f"Draft {made.number} is frozen, and runs in shadow at {where}. Nobody sees it."
    )
    return redirect("rulebook-shadow", made.number)


def _practices(chosen: str) -> list[Practice]:
    """The practice that was chosen, or those of the group; none where there is no such."""
    for group, ids in groups.members():
        if group.scope == chosen:
            return list(Practice.objects.filter(pk__in=ids).order_by("name"))
    return list(Practice.objects.filter(pk=whole(chosen)))


@require_http_methods(["GET", "POST"])
@login_required
def file(request: SignedIn, pk: int) -> HttpResponse:
    """Take a file of facts, or an exported book, into a draft: first a report, then the edits."""
    access.require(request.user, Action.DRAFT)
    draft = _draft(pk)
    context: dict[str, Any] = {
        "draft": draft,
        "is_open": governing.is_open(draft),
        "largest_bytes": rule_files.LARGEST_BYTES,
    }
    if request.method == "GET":
        return render(request, "reviews/rulebooks/file.html", context)
    text = text_of(request, rule_files.LARGEST_BYTES)
    found = rule_files.read(text)
    rows = found.rows
    if found.book:
        rows = rule_books.taken_here(found.book, rows, timezone.localdate())
    refusal = None
    if "take" in request.POST and not found.faults:
        seen = request.POST.get("seen", "")
        try:
            if made := govern.take_file(draft=draft, rows=rows, seen=seen, by=request.user):
                said = f"{len(made)} edits are" if len(made) != 1 else "1 edit is"
                messages.success(request, f"{said} in the draft.")
                return redirect("rule-draft", draft.pk)
        except (BadRecord, Stale) as why:
            # The report below says which line, or what the file would do now.
            refusal = why
    answers = governing.report(draft, rows)
    held = governing.held_with(draft, rows)
    would = [each for each in answers if each.changes]
    refused = [each for each in answers if each.refused]
    context |= {
        "text": text,
        "seen": governing.as_reported(answers),
        "refusal": refusal,
        "faults": found.faults,
        "refused": [_told(each, held) for each in refused],
        "would": [_told(each, held) for each in would],
        "unchanged": len(answers) - len(would) - len(refused),
        "proven": rule_books.proven(found.book) if found.book else None,
        "not_taken": rule_books.not_taken(found.book, draft.base.book) if found.book else [],
        "may_take": bool(would) and not refused and not found.faults,
    }
    status = 422 if refused else 409 if refusal else 200
    return render(request, "reviews/rulebooks/file.html", context, status=status)


def _told(answer: governing.Answer, held: Held) -> dict[str, Any]:
    fact = answer.row.fact
    known = is_fact(fact, held) and (not fact.practice or answer.place is not None)
    return {
        "answer": answer,
        "label": governing.label(fact) if known else fact.field,
        "scope": rule_files.scope_of(fact),
        "before": governing.in_words(fact, answer.before) if known else "",
        "after": governing.in_words(fact, answer.row.value) if known else answer.row.value,
    }


@require_GET
@login_required
def facts(request: SignedIn, pk: int, kind: str) -> HttpResponse:
    """The facts of the book that a draft changes, with its edits, as a file."""
    access.require(request.user, Action.SEE_FORMULARY)
    draft = _draft(pk)
    return _file(rule_books.rows_of(draft.base, draft), kind, f"draft-{draft.pk}")


def _file(rows: list[rule_files.Row], kind: str, name: str) -> HttpResponse:
    write, content_type = {
        # Spreadsheets take a file without this mark for another encoding.
        "csv": (lambda rows: "\ufeff" + rule_files.to_csv(rows), "text/csv; charset=utf-8"),
        "toml": (rule_files.to_toml, "application/toml; charset=utf-8"),
    }[kind]
    response = HttpResponse(write(rows), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="rules-{name}.{kind}"'
    return response


@require_POST
@login_required
@shows_refusals(_refused, BadRecord, IllegalMove)
def put_away(request: SignedIn, pk: int) -> HttpResponse:
    """Put a draft away with its edits."""
    reason = request.POST.get("reason", "")
    draft = govern.put_away(draft=_draft(pk), reason=reason, by=request.user)
    messages.success(request, f"The draft “{draft.title}” is put away.")
    return redirect("rulebooks")


def _scope(request: SignedIn, held: Held) -> tuple[Place | None, str]:
    """The practice or group whose policy is asked for, or the profile; mine where neither is."""
    asked = request.GET.get("scope", "")
    if asked.startswith("practice:"):
        found = Practice.objects.filter(code=asked.removeprefix("practice:")).first()
        if found is not None:
            return found, ""
    if asked.startswith(GROUP):
        group = PracticeGroup.objects.filter(code=asked.removeprefix(GROUP)).first()
        if group is not None:
            return group, ""
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    return None, asked if is_known(held, asked) else profiles.asked_for("", mine)


def _draft(pk: int) -> RuleDraft:
    drafts = RuleDraft.objects.select_related("base", "begun_by", "put_away_by")
    found = drafts.filter(pk=whole(str(pk)) or 0).first()
    if found is None:
        raise NotFound("There is no such draft.")
    return found


def _change(pk: int) -> RuleChange:
    changes = RuleChange.objects.select_related(
        "draft__base", "draft__begun_by", "practice", "group"
    )
    found = changes.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such edit.")
    return found


urlpatterns = [
    path("rules/<slug:rule_id>/change", rule_change, name="rule-change"),
    path("rule-drafts/begin", begin, name="rule-draft-begin"),
    path("rule-drafts/<int:pk>", rule_draft, name="rule-draft"),
    path("rule-drafts/<int:pk>/file", file, name="rule-draft-file"),
    re_path(
        r"^rule-drafts/(?P<pk>[0-9]{1,18})/facts\.(?P<kind>csv|toml)$",
        facts,
        name="rule-draft-facts",
    ),
    path("rule-drafts/<int:pk>/bring-up-to-date", bring_up_to_date, name="rule-draft-rebase"),
    path("rule-drafts/<int:pk>/freeze", freeze, name="rule-draft-freeze"),
    path("rule-drafts/<int:pk>/put-away", put_away, name="rule-draft-put-away"),
    path("rule-changes/<int:pk>/withdraw", withdraw, name="rule-change-withdraw"),
    path("rule-changes/<int:pk>/confirm", confirm, name="rule-change-confirm"),
]

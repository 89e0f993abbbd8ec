"""The formulary: find a drug, read what is held on it and on whose word, change it, or many."""

import hashlib
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from drugs.detail import Detail, Interaction, detail
from drugs.due import overdue, unverified
from drugs.models import (
    DrugClass,
    DrugFact,
    Ingredient,
    IngredientClass,
    Pair,
    Sourced,
)
from drugs.search import find_drugs
from reviews import access, formulary_files, profiles
from reviews.access import Action
from reviews.errors import BadRecord, NotFound, Stale
from reviews.forms.formulary import SEEN, RowForm, seen
from reviews.formulary_rows import IDENTITY, KIND_OF, KINDS
from reviews.models import RuleVersion
from reviews.queries import formulary_file, local_status
from reviews.rules.indications import INDICATIONS
from reviews.rules.registry import BY_ID
from reviews.verbs import edit
from reviews.views.refusals import form_page, refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn
from reviews.views.texts import text_of

FOUND_AT_MOST = 60
TABLES = {
    "SCOT2024": "Scottish Government 2024",
    "ASAM_BAND": "ASAM 2025, dose bands",
    "ASHTON2002": "Ashton 2002",
    "BNF": "BNF",
    "VADOD2021": "VA/DoD 2021",
    "WHO2009": "WHO 2009",
    "ALCOHOL": "For alcohol withdrawal only",
}
CONTEXTS = {"adult": "adult", "elder": "65 and over", "inpatient": "in-patient"}
# Long tables are cut here; what is beyond is one click away.
INTERACTIONS_SHOWN = 20


@require_GET
@login_required
def formulary(request: SignedIn) -> HttpResponse:
    """Find a drug; without a search, all benzodiazepines and Z-drugs."""
    access.require(request.user, Action.SEE_FORMULARY)
    may_edit = access.allowed(request.user, Action.EDIT_FORMULARY)
    context = _find(request)
    if may_edit:
        waiting = unverified()
        context |= {
            "overdue": overdue(timezone.localdate()),
            "unverified": sum(waiting.values()),
        }
    context |= {
        "may_edit": may_edit,
        "total": Ingredient.objects.live().count(),
        "book": _live_book(),
    }
    return render(request, "reviews/formulary/formulary.html", context)


@require_GET
@login_required
def drug(request: SignedIn, key: str) -> HttpResponse:
    """Everything held on one drug."""
    access.require(request.user, Action.SEE_FORMULARY)
    held = _detail(key)
    may_edit = access.allowed(request.user, Action.EDIT_FORMULARY)
    today = timezone.localdate()
    shown = held.interactions
    if request.GET.get("interactions") != "all":
        shown = shown[:INTERACTIONS_SHOWN]
    sources = Sources(today)
    context = {
        **_find(request),
        "drug": held,
        "may_edit": may_edit,
        "facts": [sources.row(row) for row in held.facts],
        "limits": [sources.row(row, who=_context(row.context)) for row in held.limits],
        "equivalents": [
            sources.row(row, table=TABLES.get(row.table, row.table)) for row in held.equivalents
        ],
        "interactions": [sources.row(line.row, line=line, rules=_rules(line)) for line in shown],
        "interactions_count": len(held.interactions),
        "classes": [sources.row(row) for row in held.classes],
        "presentations": [
            sources.row(row, form=row.form.replace("_", " ")) for row in held.presentations
        ],
        "codes": [sources.row(row) for row in held.codes],
        "statuses": [sources.row(row) for row in held.statuses],
        "sources": sources.cited,
        "band": next((row for row in held.facts if row.kind == DrugFact.Kind.BAND), None),
        "unverified": len(held.unverified),
        "overdue": held.next_review < today,
        "book": _live_book(),
        "here": local_status.of(held.ingredient, request.user),
        "today": today,
        "addable": [(KIND_OF[model], model._meta.verbose_name) for model in IDENTITY],
    }
    return render(request, "reviews/formulary/drug.html", context)


def _changed_meanwhile(
    request: SignedIn, refusal: Stale, key: str, kind: str, pk: int
) -> HttpResponse:
    """What was typed, beside what the row says now; saving again replaces that knowingly."""
    held = _ingredient(key)
    row = _held_row(held, kind, pk)
    form = RowForm(type(row), row, {**request.POST.dict(), SEEN: row.changed_at.isoformat()})
    context = _row_context(held, row, kind) | {"form": form, "refusal": refusal}
    return render(request, "reviews/formulary/change.html", context, status=409)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_changed_meanwhile, Stale)
def change(request: SignedIn, key: str, kind: str, pk: int) -> HttpResponse:
    """Change one row, with its source."""
    access.require(request.user, Action.EDIT_FORMULARY)
    held = _ingredient(key)
    row = _held_row(held, kind, pk)
    form = RowForm(type(row), row, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            edit.revise(
                row=row,
                values=form.values(),
                citation=form.citation(),
                seen=seen(form.cleaned_data["seen"]),
                by=request.user,
            )
            messages.success(request, f"Changed: {row}. {_effect(row)}")
            return redirect("drug", key)
    return form_page(request, "reviews/formulary/change.html", form, _row_context(held, row, kind))


def _row_context(held: Ingredient, row: Sourced, kind: str) -> dict[str, Any]:
    return {
        "drug": held,
        "row": row,
        "kind": kind,
        "reach": _reach(row),
        "screened": edit.reaches_screening(row),
    }


@require_http_methods(["GET", "POST"])
@login_required
def add(request: SignedIn, key: str, kind: str) -> HttpResponse:
    """Write down a row about a drug."""
    access.require(request.user, Action.EDIT_FORMULARY)
    held = _ingredient(key)
    model = KINDS.get(kind)
    if model is None or model not in IDENTITY:
        raise NotFound("There is nothing of that kind to add.")
    form = RowForm(model, None, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = edit.add(
                model=model,
                ingredient=held,
                values=form.values(),
                citation=form.citation(),
                by=request.user,
            )
            messages.success(request, f"Added: {made}. {_effect(made, membership=True)}")
            return redirect("drug", key)
    context = {"drug": held, "what": model._meta.verbose_name}
    return form_page(request, "reviews/formulary/add.html", form, context)


def _still_in_force(
    request: SignedIn, refusal: BadRecord, key: str, kind: str, pk: int
) -> HttpResponse:
    messages.warning(request, f"Still in force: {refusal.message}.")
    return redirect("drug-edit", key, kind, pk)


@require_POST
@login_required
@shows_refusals(_still_in_force, BadRecord)
def retire(request: SignedIn, key: str, kind: str, pk: int) -> HttpResponse:
    """Take one row out of force."""
    access.require(request.user, Action.EDIT_FORMULARY)
    row = _held_row(_ingredient(key), kind, pk)
    edit.retire(
        row=row,
        reason=request.POST.get("reason", ""),
        seen=seen(request.POST.get("seen", "")),
        by=request.user,
    )
    messages.success(request, f"Out of force: {row}. {_effect(row, membership=True)}")
    return redirect("drug", key)


@require_http_methods(["GET", "POST"])
@login_required
def file(request: SignedIn) -> HttpResponse:
    """Take a file of rows into the formulary: first a report, then, at a second press, the rows."""
    access.require(request.user, Action.EDIT_FORMULARY)
    context: dict[str, Any] = {
        "largest_bytes": formulary_files.LARGEST_BYTES,
        "most": formulary_files.MOST_CHANGES,
        "kinds": [(kind, model._meta.verbose_name_plural) for kind, model in KINDS.items()],
    }
    if request.method == "GET":
        return render(request, "reviews/formulary/file.html", context)
    text = text_of(request, formulary_files.LARGEST_BYTES)
    found = formulary_files.read(text)
    answers = formulary_file.report(found.rows)
    refused = [each for each in answers if each.refused]
    would = [each for each in answers if each.does and not each.refused]
    may_take = bool(would) and not refused and not found.faults
    may_take = may_take and len(would) <= formulary_files.MOST_CHANGES
    if "take" in request.POST and may_take:
        digest = hashlib.sha256(text.encode()).hexdigest()
        done = edit.take_file(rows=found.rows, digest=digest, by=request.user)
        messages.success(request, f"Rows taken: {len(done)}. Each awaits sign-off.")
        return redirect("formulary-file")
    context |= {
        "text": text,
        "wrong": _wrong(found.faults, refused),
        "would": would,
        "unchanged": len(answers) - len(would) - len(refused),
        "screened": sum(_is_screened(each) for each in would),
        "may_take": may_take,
    }
    status = 422 if refused or found.faults else 200
    return render(request, "reviews/formulary/file.html", context, status=status)


def _wrong(
    faults: list[formulary_files.Fault], refused: list[formulary_file.Answer]
) -> list[dict[str, Any]]:
    """What of a file cannot be taken, by line, with its row where that could be read."""
    found = [{**each._asdict(), "row": None} for each in faults]
    found += [
        {**each._asdict(), "line": answer.row.line, "row": answer.row}
        for answer in refused
        for each in answer.refused
    ]
    return sorted(found, key=lambda each: each["line"])


def _is_screened(answer: formulary_file.Answer) -> bool:
    """Whether what a row would do can change what screening finds, once it is published."""
    if answer.held is not None:
        return edit.reaches_screening(answer.held)
    model = KINDS[answer.row.kind]
    return model is IngredientClass or edit.reaches_screening(model(**_kind_of(answer)))


def _kind_of(answer: formulary_file.Answer) -> dict[str, Any]:
    return {"kind": answer.row.said.get("fact", "")} if answer.row.kind == "fact" else {}


@require_GET
@login_required
def rows(request: SignedIn, kind: str, form: str) -> HttpResponse:
    """The rows of the formulary that people change here, of one kind or all, as a file."""
    access.require(request.user, Action.SEE_FORMULARY)
    if kind != "all" and kind not in KINDS:
        raise NotFound("There is nothing of that kind in the formulary.")
    held = formulary_file.rows_of("" if kind == "all" else kind)
    write, content_type = {
        # Spreadsheets take a file without this mark for another encoding.
        "csv": (lambda rows: "\ufeff" + formulary_files.to_csv(rows), "text/csv; charset=utf-8"),
        "toml": (formulary_files.to_toml, "application/toml; charset=utf-8"),
    }[form]
    response = HttpResponse(write(held), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="formulary-{kind}.{form}"'
    return response


def _find(request: SignedIn) -> dict[str, Any]:
    """The search box and what it found, under the profile that was asked for or is mine."""
    mine = access.practices(request.user, Action.SEE_FORMULARY)
    profile = profiles.asked_for(request.GET.get("profile", ""), mine)
    q = " ".join(request.GET.get("q", "").split())[:100]
    return {
        "q": q,
        "profile": profile,
        "profiles": profiles.choices(),
        "found": find_drugs(
            q, limit=FOUND_AT_MOST, profile=profile, follows=profiles.follows(profile)
        ),
        "query": request.GET.urlencode(),
    }


def _live_book() -> dict[str, Any] | None:
    live = RuleVersion.objects.filter(state=RuleVersion.State.PUBLISHED)
    return live.values("number", "published_at").first()


def _detail(key: str) -> Detail:
    try:
        return detail(key)
    except Ingredient.DoesNotExist as error:
        raise NotFound("The formulary holds no such drug.") from error


def _ingredient(key: str) -> Ingredient:
    found = Ingredient.objects.live().filter(key=key).first()
    if found is None:
        raise NotFound("The formulary holds no such drug.")
    return found


def _held_row(ingredient: Ingredient, kind: str, pk: int) -> Sourced:
    """A row in force that the drug's page shows. Raises `NotFound`."""
    model = KINDS.get(kind)
    if model is None:
        raise NotFound("There is nothing of that kind to change.")
    rows = model.objects.filter(pk=pk)
    if model not in (DrugClass, Pair):
        rows = rows.filter(ingredient=ingredient)
    row = rows.first()
    if row is None:
        raise NotFound("There is no such row.")
    return row


def _reach(row: Sourced) -> int:
    """How many drugs a change concerns besides this one."""
    return row.members.live().count() if isinstance(row, DrugClass) else 0


def _effect(row: Sourced, *, membership: bool = False) -> str:
    """When the change of a row takes effect. Belonging to a class always reaches screening."""
    if edit.reaches_screening(row) or (membership and isinstance(row, IngredientClass)):
        return "It takes effect when a rule book with it is published."
    return "It is shown from now on; no rule reads it."


class Sources:
    """The citations of a page, numbered in the order in which its rows name them."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.cited = []
        self._numbers = {}

    def row(self, row: Sourced, **words: Any) -> dict[str, Any]:
        """A sourced row with what the page says of it, and the number of its citation."""
        key = (row.source, row.locator, row.reviewed, row.next_review)
        if key not in self._numbers:
            self._numbers[key] = len(self.cited) + 1
            self.cited.append({"row": row, "overdue": row.next_review < self.today})
        return {
            "row": row,
            "kind": KIND_OF.get(type(row)),
            "source": self._numbers[key],
            "overdue": row.next_review < self.today,
            **words,
        }


def _rules(line: Interaction) -> list[dict[str, bool | str]]:
    return [{"id": rule_id, "known": rule_id in BY_ID} for rule_id in line.rules]


def _context(context: str) -> str:
    """Whom a limit is for, in words."""
    return CONTEXTS.get(context) or INDICATIONS.get(context, context.replace("_", " ")).lower()


urlpatterns = [
    path("formulary", formulary, name="formulary"),
    path("formulary-file", file, name="formulary-file"),
    re_path(
        r"^formulary-rows/(?P<kind>[a-z]{1,20})\.(?P<form>csv|toml)$", rows, name="formulary-rows"
    ),
    path("formulary/<slug:key>", drug, name="drug"),
    path("formulary/<slug:key>/add/<slug:kind>", add, name="drug-add"),
    path("formulary/<slug:key>/<slug:kind>/<int:pk>", change, name="drug-edit"),
    path("formulary/<slug:key>/<slug:kind>/<int:pk>/retire", retire, name="drug-retire"),
]

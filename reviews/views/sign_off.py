"""What nobody has signed off yet: every unverified row of the formulary, on one page."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods

from drugs.due import unverified
from drugs.models import SOURCED, Code, Name
from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.rules.words import sentence_case
from reviews.verbs import sign_off
from reviews.views.paging import page_of

PAGE_SIZE = 50
LATELY = 12
MODELS = {model._meta.model_name: model for model in SOURCED}


@require_http_methods(["GET", "POST"])
@login_required
def page(request):
    """The unverified rows of one table, and what was signed off lately."""
    access.require(request.user, Action.EDIT_FORMULARY)
    given = request.POST if request.method == "POST" else request.GET
    waiting = unverified()
    tables = [
        {"key": key, "name": sentence_case(model._meta.verbose_name_plural), "count": count}
        for (key, model), count in zip(MODELS.items(), waiting.values(), strict=True)
    ]
    first = next((table["key"] for table in tables if table["count"]), tables[0]["key"])
    key = given.get("table") if given.get("table") in MODELS else first
    model, source = MODELS[key], given.get("source", "")
    problem, status = "", 200
    if request.method == "POST":
        try:
            if not request.POST.get("read"):
                raise BadRecord("read", "say that you have read each of them in its source")
            rows = sign_off.sign_off(
                model=model,
                seen=_seen(request),
                by=request.user,
                source=given.get("read_in", ""),
                locator=given.get("place", ""),
            )
        except BadRecord as error:
            problem, status = sentence_case(error.reason.rstrip(".")), 422
        else:
            plural = "row" if len(rows) == 1 else "rows"
            messages.success(request, f"Signed off: {len(rows)} {plural}.")
            return redirect(f"{reverse('sign-off')}?table={key}")
    rows = _with_parents(model.objects.unverified())
    sources = list(rows.order_by("source").values_list("source", flat=True).distinct())
    if source in sources:
        rows = rows.filter(source=source)
    context = {
        "tables": tables,
        "total": sum(waiting.values()),
        "table": key,
        "name": sentence_case(model._meta.verbose_name_plural),
        "sources": sources,
        "source": source,
        "page": page_of(rows.order_by("source", "locator", "pk"), given.get("page", 1), PAGE_SIZE),
        "ticked": request.POST.getlist("rows"),
        "problem": problem,
        "read_in": given.get("read_in", ""),
        "place": given.get("place", ""),
        "lately": _lately(),
    }
    for row in context["page"].rows:
        row.token = f"{row.pk}@{row.changed_at.isoformat()}"
        row.says = _says(row)
    return render(request, "reviews/formulary/sign_off.html", context, status=status)


def _seen(request):
    """`{id: changed_at}` of the ticked rows. Raises `BadRecord`."""
    seen = {}
    for token in request.POST.getlist("rows"):
        pk, _, changed_at = token.partition("@")
        try:
            seen[int(pk)] = datetime.fromisoformat(changed_at)
        except ValueError as error:
            raise BadRecord("rows", "a row cannot be read: open the page again") from error
    return seen


def _with_parents(rows):
    """The rows with what their words need, in a fixed number of queries."""
    names = [field.name for field in rows.model._meta.fields if field.many_to_one]
    rows = rows.select_related(*names)
    return rows.prefetch_related("parts__ingredient") if rows.model in (Name, Code) else rows


def _says(row):
    """The values of a row in words: `[(name, value)]`."""
    said = []
    if isinstance(row, Code):
        said += [("stands for", row.name), ("as", row.get_kind_display().lower())]
    if isinstance(row, Name):
        said += [("is a", row.get_kind_display().lower())]
    if isinstance(row, Name | Code):
        said += [("of", _part(part)) for part in row.parts.all()]
    for name in row.EDITABLE:
        value = getattr(row, name)
        if isinstance(value, list):
            value = ", ".join(f"{item:f}".rstrip("0").rstrip(".") for item in value)
        elif hasattr(row, f"get_{name}_display"):
            value = getattr(row, f"get_{name}_display")()
        if value not in (None, "", False):
            said.append((row._meta.get_field(name).verbose_name, value))
    return said


def _part(part):
    strength = getattr(part, "strength_mg", None)
    if strength is None:
        return part.ingredient.name
    return f"{part.ingredient.name} {strength.normalize():f} mg a {part.per_unit}"


def _lately():
    """The rows signed off last, of all tables."""
    found = []
    for model in SOURCED:
        rows = _with_parents(model.objects.live().filter(verified_at__isnull=False))
        found += rows.order_by("-verified_at")[:LATELY]
    return sorted(found, key=lambda row: row.verified_at, reverse=True)[:LATELY]


urlpatterns = [path("sign-off", page, name="sign-off")]

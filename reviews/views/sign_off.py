"""What nobody has signed off yet: every unverified row of the formulary, on one page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods

from drugs.due import unverified
from drugs.models import Sourced
from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.formulary import read_ticked_rows
from reviews.queries.sign_off import TABLES, signed_off_lately, values_in_words, with_parents
from reviews.rules.words import sentence_case
from reviews.verbs import sign_off
from reviews.views.paging import page_of
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 50


def _page(request: SignedIn, refusal: BadRecord | None = None) -> HttpResponse:
    """The unverified rows of one table, and what was signed off lately."""
    given = request.POST if request.method == "POST" else request.GET
    counts = dict(zip(TABLES, unverified().values(), strict=True))
    key = _table(given, counts)
    model, source = TABLES[key], given.get("source", "")
    rows = with_parents(model.objects.unverified())
    sources = list(rows.order_by("source").values_list("source", flat=True).distinct())
    if source in sources:
        rows = rows.filter(source=source)
    context = {
        "tables": [
            {"key": key, "name": _name(TABLES[key]), "count": count}
            for key, count in counts.items()
        ],
        "total": sum(counts.values()),
        "table": key,
        "name": _name(model),
        "sources": sources,
        "source": source,
        "page": page_of(rows.order_by("source", "locator", "pk"), given.get("page", 1), PAGE_SIZE),
        "ticked": request.POST.getlist("rows"),
        "problem": sentence_case(refusal.reason.rstrip(".")) if refusal else "",
        "read_in": given.get("read_in", ""),
        "place": given.get("place", ""),
        "lately": signed_off_lately(),
    }
    for row in context["page"].rows:
        row.token = f"{row.pk}@{row.changed_at.isoformat()}"
        row.says = values_in_words(row)
    status = 422 if refusal else 200
    return render(request, "reviews/formulary/sign_off.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_page, BadRecord)
def unverified_rows(request: SignedIn) -> HttpResponse:
    """Show what nobody has signed off; sign off the rows that are ticked."""
    access.require(request.user, Action.EDIT_FORMULARY)
    if request.method == "GET":
        return _page(request)
    posted = request.POST
    if not posted.get("read"):
        raise BadRecord("read", "say that you have read each of them in its source")
    key = _table(posted, dict(zip(TABLES, unverified().values(), strict=True)))
    rows = sign_off.sign_off(
        model=TABLES[key],
        seen=read_ticked_rows(posted.getlist("rows")),
        by=request.user,
        source=posted.get("read_in", ""),
        locator=posted.get("place", ""),
    )
    plural = "row" if len(rows) == 1 else "rows"
    messages.success(request, f"Signed off: {len(rows)} {plural}.")
    return redirect(f"{reverse('sign-off')}?table={key}")


def _table(given: QueryDict, counts: dict[str, int]) -> str:
    """The key of the table that is asked for, else of the first one with rows that wait."""
    asked = given.get("table")
    first = next((key for key, count in counts.items() if count), next(iter(counts)))
    return asked if asked in TABLES else first


def _name(model: type[Sourced]) -> str:
    return sentence_case(str(model._meta.verbose_name_plural))


urlpatterns = [path("sign-off", unverified_rows, name="sign-off")]

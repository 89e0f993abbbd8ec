"""Medicines that no rule can read: what people take that nobody knows, and who says what it is."""

from itertools import count

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from reviews import access, rulebooks, walls
from reviews.access import Action
from reviews.errors import IllegalMove, NotFound
from reviews.forms.numbers import whole
from reviews.forms.unknown_medicines import AnswerForm, answers
from reviews.models import MedicineMeaning, NoSedative, Practice
from reviews.queries.unknown_medicines import (
    drug_names,
    meanings,
    people,
    said,
    unknown,
    with_near,
    with_strength,
)
from reviews.queries.unknown_medicines import no_sedatives as no_sedatives_of
from reviews.said_of_texts import Word
from reviews.verbs import medicine_meanings, no_sedatives
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

SHOWN = 50
EVERYWHERE = "everywhere"


@require_GET
@login_required
def listed(request: SignedIn) -> HttpResponse:
    """The texts nobody knows, most people first, and what was said of others."""
    return _page(request, {})


def _page(request: SignedIn, refused: dict[str, AnswerForm]) -> HttpResponse:
    """The page; `refused` are the answers that were not saved, by their text, to be mended."""
    here = _where(request.user)
    # Whoever keeps the formulary is asked about the texts of every practice. No person is on it.
    with walls.seeing(walls.EVERYTHING if here is None else walls.sight()):
        return _shown(request, here, refused)


def _shown(
    request: SignedIn, here: list[int] | None, refused: dict[str, AnswerForm]
) -> HttpResponse:
    user = request.user
    rows = unknown(here)
    # What was refused stays in sight, however rare it is.
    shown = rows[:SHOWN] + [row for row in rows[SHOWN:] if row.shown in refused]
    rest = rows[SHOWN:]
    everywhere = access.allowed(user, Action.EDIT_FORMULARY)
    # What was refused keeps its fields, and no other text may have the same.
    used = {form.prefix for form in refused.values()}
    free = (prefix for number in count() if (prefix := f"m{number}") not in used)
    context = {
        "rows": [
            (row, refused.get(row.shown) or AnswerForm(prefix=next(free)))
            for row in with_near(shown)
        ],
        "rarer": len(rest),
        "rarer_prescriptions": sum(row.prescriptions for row in rest),
        "texts": len(rows),
        "prescriptions": sum(row.prescriptions for row in rows),
        "people": people(rows),
        "said": [(each, _may_take_back(user, each.row)) for each in said(here)],
        "practices": access.practices(user, Action.JUDGE_MEDICINES),
        "everywhere": everywhere,
        "may_identify": everywhere or access.allowed(user, Action.IDENTIFY_MEDICINES),
        "drug_names": drug_names(),
        "chosen": {key: request.POST.get(key, "") for key in ("where", "reason")},
    }
    status = 422 if refused else 200
    return render(request, "reviews/unknown_medicines/list.html", context, status=status)


@require_POST
@login_required
def judge(request: SignedIn) -> HttpResponse:
    """Save the answers of the page, each by itself; those that are refused are shown again."""
    practice = _practice(request)
    sent = answers(request.POST)
    saved = sum(_save(form, request, practice) for form in sent)
    refused = {form.data[form.add_prefix("text")]: form for form in sent if form.errors}
    if saved:
        where = "in every practice" if practice is None else f"at {practice}"
        messages.success(
            request,
            f"{saved} answer{'' if saved == 1 else 's'} saved, {where}. "
            "Whoever takes these medicines is checked again.",
        )
    if refused:
        messages.warning(request, f"{len(refused)} not saved: see below why.")
        return _page(request, refused)
    if not saved:
        messages.info(request, "Nothing was answered, so nothing was saved.")
    return redirect("unknown-medicines")


def _save(form: AnswerForm, request: SignedIn, practice: Practice | None) -> bool:
    """Save one answer; False where nothing was answered, or where it is refused."""
    if not form.is_valid():
        return False
    given = {
        "text": form.cleaned_data["text"],
        "practice": practice,
        "reason": request.POST.get("reason", "")[:300],
        "by": request.user,
    }
    with refusals_at(form):
        if form.is_no_sedative:
            no_sedatives.say(**given)
            return True
        if form.medicine:
            _version, book = rulebooks.live()
            medicine = with_strength(form.medicine, given["text"], book)
            medicine_meanings.say(medicine=medicine, **given)
            return True
    return False


def _taken_back_before(request: SignedIn, refusal: IllegalMove, pk: int) -> HttpResponse:
    messages.warning(request, refusal.message)
    return redirect("unknown-medicines")


@require_POST
@login_required
@shows_refusals(_taken_back_before, IllegalMove)
def take_back(request: SignedIn, pk: int) -> HttpResponse:
    """Take back that a text names no sedative."""
    held = _held(no_sedatives_of(_where(request.user)), pk)
    no_sedatives.take_back(said=held, by=request.user)
    return _asked_again(request, held)


@require_POST
@login_required
@shows_refusals(_taken_back_before, IllegalMove)
def take_meaning_back(request: SignedIn, pk: int) -> HttpResponse:
    """Take back which medicine a text is."""
    held = _held(meanings(_where(request.user)), pk)
    medicine_meanings.take_back(said=held, by=request.user)
    return _asked_again(request, held)


def _held(words: QuerySet[Word], pk: int) -> Word:
    """The word of this id among those that somebody may see. Raises `NotFound`."""
    held = words.filter(pk=pk).first()
    if held is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return held


def _asked_again(request: SignedIn, held: NoSedative | MedicineMeaning) -> HttpResponse:
    messages.success(request, f"“{held.shown}” is asked about again.")
    return redirect("unknown-medicines")


def _where(user: User) -> list[int] | None:
    """Ids of the practices whose medicines somebody may look at; None for all of them."""
    if access.allowed(user, Action.EDIT_FORMULARY):
        return None
    here = access.practice_ids(user, Action.JUDGE_MEDICINES)
    if not here:
        access.require(user, Action.JUDGE_MEDICINES)
    return here


def _practice(request: SignedIn) -> Practice | None:
    """The practice for which somebody answers; None for all of them."""
    chosen = request.POST.get("where", "")
    if chosen == EVERYWHERE:
        return None
    mine = access.practices(request.user, Action.JUDGE_MEDICINES)
    found = mine.filter(pk=pk).first() if (pk := whole(chosen)) is not None else None
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    return found


def _may_take_back(user: User, row: NoSedative | MedicineMeaning) -> bool:
    if row.practice_id is None:
        return access.allowed(user, Action.EDIT_FORMULARY)
    named = isinstance(row, MedicineMeaning)
    return access.allowed(user, Action.IDENTIFY_MEDICINES if named else Action.JUDGE_MEDICINES, row)


urlpatterns = [
    path("unknown-medicines", listed, name="unknown-medicines"),
    path("unknown-medicines/judge", judge, name="unknown-medicines-judge"),
    path("unknown-medicines/<int:pk>/take-back", take_back, name="unknown-medicines-take-back"),
    path(
        "unknown-medicines/meanings/<int:pk>/take-back",
        take_meaning_back,
        name="unknown-medicines-meaning-take-back",
    ),
]

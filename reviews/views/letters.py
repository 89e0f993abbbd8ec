"""Letters: their texts, edited and published as rules are; writing one; each as it went out."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord, NotFound, Stale
from reviews.forms.letters import TextForm
from reviews.forms.numbers import whole
from reviews.lettering.fields import FIELDS
from reviews.lettering.text import Block, NotALetter, fill, from_json
from reviews.models import LetterText
from reviews.queries import letters as said_of
from reviews.verbs import letters, read
from reviews.views import person
from reviews.views.confirming import confirmed
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

SAMPLE = {name: field.sample for name, field in FIELDS.items()}
DRAFT, PUBLISHED = LetterText.State.DRAFT, LetterText.State.PUBLISHED


# -- Texts ---------------------------------------------------------------------------------------


@require_GET
@login_required
def texts(request: SignedIn) -> HttpResponse:
    """Every letter there is: the text in use, who answers for it, and drafts that wait."""
    access.require(request.user, Action.SEE_LETTER_TEXTS)
    every = LetterText.objects.select_related("template", "owner", "drafted_by").order_by(
        "template__key", "-number"
    )
    rows = []
    for _, versions in groupby(every, key=lambda text: text.template_id):
        mine = list(versions)
        in_use = next((text for text in mine if text.state == PUBLISHED), None)
        drafts = [text for text in mine if text.state == DRAFT]
        rows.append({"shown": in_use or mine[0], "in_use": in_use, "drafts": drafts})
    context = {
        "rows": rows,
        "drafts": sum(len(row["drafts"]) for row in rows),
        "may_edit": access.allowed(request.user, Action.EDIT_LETTER_TEXTS),
    }
    return render(request, "reviews/letters/texts.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def new(request: SignedIn) -> HttpResponse:
    """A letter that there is not yet."""
    access.require(request.user, Action.EDIT_LETTER_TEXTS)
    return _editor(request, [], None)


@require_http_methods(["GET", "POST"])
@login_required
def text(request: SignedIn, key: str) -> HttpResponse:
    """One letter: its text, the fields, what was checked, and how it reads with a person."""
    access.require(request.user, Action.SEE_LETTER_TEXTS)
    versions = said_of.of_template(key)
    number = whole(request.GET.get("version"))
    chosen = [each for each in versions if each.number == number] or versions
    if number is not None and chosen is versions:
        raise NotFound("There is no such version of this letter.")
    return _editor(request, versions, chosen[0])


def _editor(
    request: SignedIn, versions: list[LetterText], shown: LetterText | None
) -> HttpResponse:
    user = request.user
    may_edit = access.allowed(user, Action.EDIT_LETTER_TEXTS)
    begun = {}
    if shown:
        begun = {"name": shown.name, "audience": shown.audience, "body": shown.body}
    form = TextForm(
        request.POST if request.method == "POST" else None,
        initial={**begun, "reviewed_on": timezone.localdate()},
    )
    if request.method == "POST":
        access.require(user, Action.EDIT_LETTER_TEXTS)
        with refusals_at(form):
            if form.is_valid() and request.POST.get("do") != "preview":
                made = letters.draft(
                    template=shown.template if shown else None, by=user, **form.cleaned_data
                )
                messages.success(
                    request, f"Draft {made.number} is kept. A second person publishes it."
                )
                return redirect("letter-text", made.template.key)
    said = form.data if form.is_bound else form.initial
    body = str(said.get("body") or "")
    context = {
        "form": form,
        "versions": versions,
        "shown": shown,
        "in_use": next((each for each in versions if each.state == PUBLISHED), None),
        "may_edit": may_edit,
        "may_publish": bool(
            shown
            and shown.state == DRAFT
            and shown.drafted_by_id != user.pk
            and access.allowed(user, Action.PUBLISH_LETTER_TEXTS)
        ),
        "may_put_away": may_edit and shown and shown.state in (DRAFT, PUBLISHED),
        "fields": FIELDS.items(),
        **_preview(request, body, str(said.get("audience") or "")),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "reviews/letters/text.html", context, status=status)


def _preview(request: SignedIn, body: str, audience: str) -> dict[str, Any]:
    """A text as it reads with the person of the address, if I may see them, else with nobody."""
    may_see = access.allowed(request.user, Action.WRITE_LETTER)
    patient, known = None, SAMPLE
    wanted = whole(request.GET.get("person"))
    if may_see and wanted is not None:
        patient = person.fetch_for(request.user, Action.WRITE_LETTER, wanted)
        known = said_of.values(patient, by=request.user, today=timezone.localdate())
    context: dict[str, Any] = {
        "may_choose": may_see,
        "people": said_of.preview_people(request.user) if may_see else [],
        "person": patient,
        "addressee": known["patient_name"],
        "practice": patient.practice if patient else None,
        "known": known,
    }
    try:
        checked = said_of.checked(body, audience) if body.strip() else None
        blocks = fill(body, known)
    except NotALetter as error:
        return {**context, "wrong": str(error), "blocks": []}
    lacking = said_of.lacking(body, known)
    return {**context, "checked": checked, "blocks": shown_blocks(blocks), "lacking": lacking}


def shown_blocks(blocks: list[Block]) -> list[dict[str, Any]]:
    """Blocks for a page: each run with what it is."""
    return [
        {
            "kind": block.kind,
            "runs": [
                {"text": run.text, "bold": "b" in run.style, "filled": "f" in run.style}
                for run in block.runs
            ],
        }
        for block in blocks
    ]


@require_POST
@login_required
@confirmed
def publication(request: SignedIn, key: str, number: int) -> HttpResponse:
    """Agree, as a second person, and put a draft in use."""
    published = letters.publish(text=_text(key, number), by=request.user)
    messages.success(request, f"{published.name}: version {published.number} is in use.")
    return redirect("letter-text", key)


@require_POST
@login_required
def put_away(request: SignedIn, key: str, number: int) -> HttpResponse:
    """Discard a draft, or take a letter out of use."""
    gone = letters.put_away(text=_text(key, number), by=request.user)
    messages.success(request, f"{gone.name}: version {gone.number} is put away.")
    return redirect("letter-text", key)


def _text(key: str, number: int) -> LetterText:
    found = LetterText.objects.select_related("template").filter(template__key=key, number=number)
    if not found:
        raise NotFound("There is no such version of this letter.")
    return found[0]


# -- Writing one -----------------------------------------------------------------------------------


def _write_page(request: SignedIn, refusal: BadRecord | Stale | None, pk: int) -> HttpResponse:
    """Which letter, and how it reads with this person, before it is kept."""
    patient = person.fetch_for(request.user, Action.WRITE_LETTER, pk)
    offered = list(said_of.in_use_texts())
    wanted = whole(request.POST.get("text") or request.GET.get("text"))
    chosen = next((each for each in offered if each.pk == wanted), None)
    context: dict[str, Any] = {
        **person.banner(patient),
        "offered": offered,
        "chosen": chosen,
        "refusal": refusal,
        "letters": said_of.of_patient(patient)[:20],
    }
    if chosen:
        known = said_of.values(patient, by=request.user, today=timezone.localdate())
        context |= {
            "blocks": shown_blocks(fill(chosen.body, known)),
            "lacking": [(name, FIELDS[name].says) for name in said_of.lacking(chosen.body, known)],
            "addressee": request.POST.get("addressee")
            or letters.default_addressee(chosen, patient, known),
            "practice": patient.practice,
            "known": known,
            "no_letter": chosen.audience == "patient" and patient.has_died,
        }
    status = 200 if refusal is None else 409 if isinstance(refusal, Stale) else 422
    return render(request, "reviews/letters/write.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
@shows_refusals(_write_page, BadRecord, Stale)
def write(request: SignedIn, pk: int) -> HttpResponse:
    """Show a letter with this person, then keep it as it goes out."""
    if request.method == "GET":
        return _write_page(request, None, pk)
    patient = person.fetch_for(request.user, Action.WRITE_LETTER, pk)
    made = letters.write(
        patient=patient,
        text=said_of.text_in_use(whole(request.POST.get("text")) or 0),
        addressee=request.POST.get("addressee", ""),
        seen=whole(request.POST.get("seen")),
        by=request.user,
    )
    messages.success(request, f"Letter {made.identifier} is kept as it goes out. Print it here.")
    return redirect("letter", made.pk)


# -- As it went out --------------------------------------------------------------------------------


@require_GET
@login_required
def letter(request: SignedIn, pk: int) -> HttpResponse:
    """One letter as it went out; printing this page prints the letter alone."""
    kept = said_of.fetch(request.user, pk)
    patient = person.fetch(request.user, Action.SEE_PATIENT, kept.patient_id)
    context = {
        **person.banner(patient),
        "letter": kept,
        "blocks": shown_blocks(from_json(kept.blocks)),
        "practice": kept.practice,
        "addressee": kept.addressee,
        "known": {"date": said_of.in_words_of(kept.dated_on)},
        "may_write": access.allowed(request.user, Action.WRITE_LETTER, patient),
    }
    return render(request, "reviews/letters/letter.html", context)


@require_GET
@login_required
def pages(request: SignedIn, pk: int) -> HttpResponse:
    """The very pages of a letter, as PDF."""
    kept = said_of.fetch(request.user, pk)
    read.letters_printed(letters=[kept], by=request.user)
    return as_pdf(bytes(kept.pdf), kept.identifier)


def as_pdf(pages: bytes, name: str) -> HttpResponse:
    """A PDF as an answer, to be shown by the browser."""
    answer = HttpResponse(pages, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return answer


urlpatterns = [
    path("letters", texts, name="letter-texts"),
    path("letters/new", new, name="letter-text-new"),
    path("letters/sent/<int:pk>", letter, name="letter"),
    path("letters/sent/<int:pk>/pdf", pages, name="letter-pdf"),
    path("letters/<slug:key>", text, name="letter-text"),
    path("letters/<slug:key>/<int:number>/publish", publication, name="letter-text-publish"),
    path("letters/<slug:key>/<int:number>/put-away", put_away, name="letter-text-put-away"),
    path("patients/<int:pk>/letters", write, name="patient-letters"),
]

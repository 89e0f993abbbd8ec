"""Log, amend and withdraw a prescription, with what screening will say before it is saved.

One form with three buttons, so that each works without a script: "find" and "preview" show the
page again, "save" saves. With HTMX the picker and the preview follow what is typed.
"""

import re
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from drugs.search import UNKNOWN, search
from reviews import access, rulebooks
from reviews.access import Action
from reviews.drawing import labels
from reviews.errors import BadRecord, IllegalMove, Stale
from reviews.forms.prescribing import (
    AS_WRITTEN,
    SHOWN,
    PrescriptionForm,
    WithdrawForm,
    medicine,
    product_value,
    values,
)
from reviews.forms.refusals import refuse
from reviews.models import WITHDRAWN, Prescription
from reviews.queries import advise, tapers
from reviews.queries.worked_out import work_out
from reviews.records import NOT_GIVEN
from reviews.rules import words
from reviews.rules.drug import BENZODIAZEPINE, BZRA
from reviews.rules.finding import INTERRUPT, Severity
from reviews.rules.registry import JUDGE_DATA
from reviews.verbs import prescribe
from reviews.views import person

MATCHES = 8
SAVE, FIND, PREVIEW = "save", "find", "preview"
# The unit in which a form of medicine is counted, to begin with.
COUNTED_AS = {
    "tablet": "tablet",
    "capsule": "capsule",
    "patch": "patch",
    "oral liquid": "ml",
    "suppository": "suppository",
}


@require_http_methods(["GET", "POST"])
@login_required
def log(request, pk):
    """Log a prescription of any medicine."""
    patient = _patient(request, Action.LOG, pk)
    form = PrescriptionForm(
        _with_units(request.POST) if request.method == "POST" else None,
        initial={"start_on": timezone.localdate(), "indication": "unknown"},
    )
    return _answer(request, patient, form)


@require_http_methods(["GET", "POST"])
@login_required
def amend(request, pk):
    """Amend a prescription: the form holds its values, and saving makes a new version."""
    held = _prescription(request, Action.AMEND, pk)
    live = _live_version(held)
    if live.status in WITHDRAWN:
        raise IllegalMove(
            f"This prescription is {live.get_status_display().lower()} and cannot be amended. "
            "Log a new one."
        )
    patient = _patient(request, Action.LOG, held.patient_id)
    if request.method == "GET":
        if live.pk != held.pk:
            messages.info(request, "This prescription was changed. Here is its newest version.")
            return redirect("prescription-amend", live.pk)
        return _answer(request, patient, PrescriptionForm(held=held, initial=values(held)))
    form = PrescriptionForm(_with_units(request.POST), held=held, initial=values(held))
    return _answer(request, patient, form)


@require_POST
@login_required
def preview(request, pk):
    """The fragments that follow the fields: what screening would say, and what is worked out."""
    patient = _patient(request, Action.LOG, pk)
    held = None
    if request.POST.get("replaces", "").isdecimal():
        held = _prescription(request, Action.AMEND, int(request.POST["replaces"]))
    form = PrescriptionForm(request.POST, held=held)
    return render(
        request,
        "reviews/prescribing/_preview_parts.html",
        {**_preview(request, patient, form), "patient": patient, "parts": True},
    )


@require_GET
@login_required
def find(request, pk):
    """The picker's list for what is typed."""
    patient = _patient(request, Action.LOG, pk)
    picker = _picker(patient, request.GET.get("q", ""), request.GET.get("product", ""))
    return render(request, "reviews/prescribing/_picker.html", {"picker": picker})


@require_http_methods(["GET", "POST"])
@login_required
def withdraw(request, pk):
    """Say that an order has ended, never began or was an error; it stays on the record."""
    held = _prescription(request, Action.WITHDRAW, pk)
    form = WithdrawForm(request.POST or None)
    status, refusal = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                ended = prescribe.withdraw(prescription=held, by=request.user, **form.cleaned_data)
            except BadRecord as error:
                refuse(form, error)
            except Stale as error:
                refusal, status = error, 409
            else:
                messages.success(request, f"{held}: {ended.get_status_display().lower()}.")
                return redirect("patient", held.patient_id)
    live = _live_version(held)
    if live.status in WITHDRAWN:
        raise IllegalMove(f"This prescription is already {live.get_status_display().lower()}.")
    recognition = _recognise(live.medicine.text, live.medicine.codings)
    patient = _patient(request, Action.WITHDRAW, held.patient_id)
    context = {
        **person.banner(patient),
        "form": form,
        "held": live,
        "dose": labels.dose(live),
        "sedative": bool(recognition.mask & BZRA),
        "benzodiazepine": bool(recognition.mask & BENZODIAZEPINE),
        "refusal": refusal,
        "may_amend": access.allowed(request.user, Action.AMEND, live),
    }
    return render(request, "reviews/prescribing/withdraw.html", context, status=status)


def _answer(request, patient, form):
    """Save, or show the page (again) with everything that is known about what was typed."""
    held, status, refusal = form.held, 200, None
    if request.method == "POST" and request.POST.get("do") == SAVE:
        ahead = _preview(request, patient, form)
        status = 422
        if ahead["record"] is not None:
            unasked = {finding.rule_id for finding in ahead["interrupting"]} - set(
                request.POST.getlist("asked")
            )
            if unasked and not form.cleaned_data["reason"]:
                # Asked for once; the next save goes through with or without a reason.
                ahead["ask_now"], status = True, 200
            else:
                try:
                    saved = _save(request, patient, form, ahead)
                except Stale as error:
                    refusal, status = error, 409
                except BadRecord as error:
                    refuse(form, error)
                else:
                    return _said(request, patient, saved, held)
        context = ahead
        context["show_errors"] = bool(form.errors)
    elif request.method == "POST":
        context = _preview(request, patient, form)
    else:
        bound = PrescriptionForm(_as_post(form), held=held)
        context = _preview(request, patient, bound)
        context["form"] = form
    typed = request.POST.get("q", "")
    chosen = request.POST.get("product") or form.initial.get("product", "")
    live = _live_version(held) if held else None
    context |= {
        **person.banner(patient),
        "held": held,
        "live": live,
        "changes": _changes(held, live, form) if refusal else [],
        "refusal": refusal,
        "picker": _picker(patient, typed, chosen),
    }
    return render(request, "reviews/prescribing/prescription.html", context, status=status)


def _save(request, patient, form, ahead):
    reason = form.cleaned_data["reason"] if ahead["asking"] else ""
    if ahead["interrupting"]:
        reason = reason or NOT_GIVEN
    if form.held is None:
        return prescribe.log(
            patient=patient, record=ahead["record"], by=request.user, reason=reason
        )
    return prescribe.amend(
        prescription=form.held, record=ahead["record"], by=request.user, reason=reason
    )


def _said(request, patient, saved, held):
    done = "Amended" if held else "Logged"
    messages.success(request, f"{done}: {saved}. {patient} is checked again now.")
    return redirect("patient", patient.pk)


def _preview(request, patient, form):
    """What the fields come to and what screening would say of them; `problem` if it cannot say."""
    _version, book = rulebooks.live()
    context = {
        "form": form,
        "record": None,
        "interrupting": [],
        "asking": [],
        "reason": form.data.get("reason", ""),
        "chosen": bool(form.data.get("product")),
    }
    today = timezone.localdate()
    form.is_valid()
    try:
        record = form.record(written_on=today) if form.is_valid() else None
        if record is not None:
            found = advise.preview(
                patient=patient, record=record, by=request.user, replaces=form.held
            )
    except BadRecord as error:
        refuse(form, error)
        record = None
    if record is None:
        return context
    worked_out = work_out(record, book=book, profile=patient.practice.profile)
    return context | {
        "record": record,
        "worked_out": worked_out,
        "taper": tapers.part_of(patient, found.dossier, book, advise.UNSAVED),
        "findings": [_card(one, book) for one in found.new if one.severity < Severity.S4],
        "notes": [_card(one, book) for one in found.new if one.severity == Severity.S4],
        "standing": [one for one in found.standing if one.severity < Severity.S4],
        "not_evaluable": _unjudged(found.not_evaluable),
        "clear": not found.new and not found.not_evaluable and worked_out.recognised,
        # Each urgent finding asks; only what interrupts holds the first save up for an answer.
        "asking": [finding for finding in found.new if finding.severity == Severity.S1],
        "interrupting": [finding for finding in found.new if finding.mode == INTERRUPT],
        "book_number": book.number,
        "rule_count": sum(patient.practice.profile in limits for limits in book.rules.values()),
    }


def _card(finding, book):
    return {
        "finding": finding,
        "citations": book.citations.get(finding.rule_id, []),
        "unjudged": finding.rule_id in JUDGE_DATA,
    }


def _unjudged(missing):
    """`[(reason, rule ids)]`, each reason once."""
    reasons = {}
    for gap in missing:
        reasons.setdefault(gap.reason, []).append(gap.rule_id)
    return list(reasons.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A radio button of the picker; `label` in pieces (text, whether it is what was typed)."""

    value: str
    label: tuple
    detail: str
    status: str
    note: str
    unit: str
    chosen: bool


def _picker(patient, typed, chosen):
    """The choices for what is typed, the one chosen before kept first, and what was typed itself.

    Knows nothing but names: whether a choice is wise is the preview's to say.
    """
    typed = " ".join(typed.split())[:500]
    found = search(typed, MATCHES, patient.practice.profile) if typed else []
    # What was typed, as typed, has its own choice below.
    found = [match for match in found if match.label != f"{typed} (as typed)"]
    choices = [
        Choice(
            value=product_value(match.text, match.codings),
            label=_pieces(words.sentence_case(match.label), typed),
            detail=_detail(match),
            status=match.status,
            note=match.reason,
            unit=COUNTED_AS.get(match.form, ""),
            chosen=chosen == product_value(match.text, match.codings),
        )
        for match in found
    ]
    if chosen and chosen != AS_WRITTEN and not any(choice.chosen for choice in choices):
        choices = [*filter(None, [_chosen_before(chosen)]), *choices]
    return {
        "typed": typed,
        "count": len(found),
        "statuses_known": any(match.status != UNKNOWN for match in found),
        "choices": choices,
        "as_written": chosen == AS_WRITTEN,
        "recognised_as": _drugs(typed) if typed else (),
    }


def _chosen_before(chosen):
    """The medicine chosen before, or held by the prescription that is amended."""
    try:
        held = medicine(chosen, "")
    except BadRecord:
        return None
    drugs = _drugs(held["medicine"], held["codings"])
    return Choice(
        value=chosen,
        label=((held["medicine"], False),),
        detail="",
        status="held" if drugs else "not recognised",
        note="",
        unit="",
        chosen=True,
    )


def _drugs(text, codings=()):
    return tuple(drug.name for _, drug, _ in _recognise(text, codings).ingredients)


def _recognise(text, codings):
    """What the live book makes of a medicine, which may be half typed and is not remembered."""
    _version, book = rulebooks.live()
    return book.recognise_text(text, tuple((each["system"], each["code"]) for each in codings))


def _detail(match):
    """Strength, form and codes where the label does not say them already."""
    said = match.label.lower()
    codes = [f"{code['system'].upper()} {code['code']}" for code in match.codings]
    unsaid = [word for word in (match.strength, match.form) if word and word.lower() not in said]
    return " · ".join([*unsaid, *codes])


def _pieces(label, typed):
    """The label cut where it repeats what was typed."""
    parts = re.findall(r"[^\W\d_]+|\d+(?:\.\d+)?", typed.lower())
    if not parts:
        return ((label, False),)
    longest_first = sorted(parts, key=len, reverse=True)
    pattern = r"(?<![^\W_])(" + "|".join(re.escape(part) for part in longest_first) + ")"
    cut = re.split(pattern, label, flags=re.IGNORECASE)
    return tuple((text, bool(n % 2)) for n, text in enumerate(cut) if text)


def _with_units(post):
    """The posted fields, with the unit of the product chosen where none is chosen yet."""
    fields = post.copy()
    unit = COUNTED_AS.get(_form_of(fields.get("product", "")), "")
    counted = {"dose_unit": ("dose", "schedule"), "quantity_unit": ("quantity",)}
    for name, amounts in counted.items():
        if unit and any(fields.get(amount) for amount in amounts) and not fields.get(name):
            fields[name] = unit
    return fields


def _form_of(chosen):
    if not chosen or chosen == AS_WRITTEN:
        return ""
    try:
        held = medicine(chosen, "")
    except BadRecord:
        return ""
    form = _recognise(held["medicine"], held["codings"]).form
    return "oral liquid" if form == "liquid" else form or ""


def _as_post(form):
    """The initial values of a form as if they had been posted, to preview an amendment."""
    return {
        name: form[name].value()
        for name in form.fields
        if form[name].value() not in (None, "", False)
    }


def _changes(held, live, form):
    """`[(field, was, is now, what was typed)]` where the newest version differs from mine."""
    return [
        (
            PrescriptionForm.base_fields[name].label or name.replace("_", " ").capitalize(),
            _shown(held, name),
            _shown(live, name),
            form[name].value() or "",
        )
        for name in SHOWN
        if getattr(held, name) != getattr(live, name)
    ]


def _shown(prescription, name):
    shown = getattr(prescription, f"get_{name}_display", None)
    value = shown() if shown else getattr(prescription, name)
    if name == "indication":
        value = prescription.indication_label
    if value in (None, ""):
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    field = PrescriptionForm.base_fields[name]
    return dict(getattr(field, "choices", ())).get(value) or field.prepare_value(value)


def _patient(request, action, pk):
    patient = person.fetch(request.user, Action.SEE_PATIENT, pk)
    access.require(request.user, action, patient)
    return patient


def _prescription(request, action, pk):
    rows = Prescription.objects.select_related("medicine", "recorded_by", "prescriber", "practice")
    held = access.fetch(rows, request.user, Action.SEE_PATIENT, pk=pk)
    access.require(request.user, action, held)
    return held


def _live_version(held):
    rows = Prescription.objects.live().select_related("medicine", "recorded_by", "prescriber")
    return rows.get(order_id=held.order_id)


urlpatterns = [
    path("patients/<int:pk>/prescriptions/new", log, name="prescription-log"),
    path("patients/<int:pk>/prescriptions/preview", preview, name="prescription-preview"),
    path("patients/<int:pk>/prescriptions/medicines", find, name="medicine-search"),
    path("prescriptions/<int:pk>/amend", amend, name="prescription-amend"),
    path("prescriptions/<int:pk>/withdraw", withdraw, name="prescription-withdraw"),
]

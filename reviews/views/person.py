"""Who a page is about: what the banner of every page of a patient shows."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch

from reviews import access
from reviews.access import Action
from reviews.identifiers import label, masked, read_aloud
from reviews.models import Condition, Flag, ImportNote, Patient
from reviews.queries import checked, identity

NOT_RECOGNISED = "DQ-03"
OPENED = "_opened"
"""Where `fetch` notes on a user whose pages a request shows, for the trail (`views.reading`)."""
NOT_CURRENT = {"old": " (old)", "temp": " (temporary)"}


def fetch(user: User, action: Action, pk: int) -> Patient:
    """The patient with what the banner needs, in five queries. Raises `NotFound`.

    Whoever was merged into another one is that one. That the page was opened will be told.
    """
    allergies = (
        Condition.objects.live()
        .filter(kind="allergy", ended_on__isnull=True)
        .exclude(status="entered-in-error")
    )
    unrecognised = Flag.objects.live().filter(patient=OuterRef("pk"), rule_id=NOT_RECOGNISED)
    rows = (
        Patient.objects.select_related("practice", "screening__version", "screening__engine")
        .defer("screening__version__book")
        .prefetch_related(
            "identifiers",
            Prefetch("conditions", queryset=allergies, to_attr="allergies"),
            Prefetch("import_notes", queryset=ImportNote.objects.live(), to_attr="notes"),
        )
        .annotate(unrecognised=Exists(unrecognised))
    )
    patient = access.fetch(
        identity.with_records_waiting(checked.with_waiting(rows)),
        user,
        action,
        pk=identity.current_id(pk),
    )
    patient.shows_numbers = access.allowed(user, Action.SEE_NUMBERS, patient)
    setattr(user, OPENED, [*getattr(user, OPENED, ()), patient])
    return patient


def fetch_for(user: User, action: Action, pk: int) -> Patient:
    """The patient as `fetch` does, on whom `user` may do `action`. Raises `NotAllowed` too."""
    patient = fetch(user, Action.SEE_PATIENT, pk)
    access.require(user, action, patient)
    return patient


def banner(patient: Patient) -> dict[str, Any]:
    """The banner's context for a patient that `fetch` gave; `partly`: not all could be judged."""
    screening = getattr(patient, "screening", None)
    unread = [note for note in patient.notes if note.is_unread_medicine]
    deaths = [note for note in patient.notes if note.is_of_a_death]
    return {
        "patient": patient,
        "screening": screening,
        "partly": bool(unread or deaths or (screening and screening.not_evaluable))
        or patient.unrecognised,
        "unread": unread,
        "deaths": deaths,
        "doubts": [note for note in patient.notes if note not in (*unread, *deaths)],
        "allergies": [allergy.text for allergy in patient.allergies],
        "numbers": identifiers(patient, whole=patient.shows_numbers),
        "checked": checked.of(patient, patient),
    }


def identifiers(patient: Patient, *, whole: bool) -> list[tuple[str, str]]:
    """`[(what the number is called, the number)]`, in the order given, old numbers last.

    `whole` only for those whose work needs it (`Action.SEE_NUMBERS`).
    """
    told = []
    for number in sorted(patient.identifiers.all(), key=lambda number: number.use == "old"):
        said = read_aloud(number.system, number.value)
        called = label(number.system) + NOT_CURRENT.get(number.use, "")
        told.append((called, said if whole else masked(said)))
    return told

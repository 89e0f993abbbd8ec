"""Medicines and the four kinds of records about them by FHIR."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from reviews import dossiers, rulebooks
from reviews.errors import NotFound
from reviews.fhir.render import elements, medicines
from reviews.fhir.render.elements import Json
from reviews.fhir.render.paths import DATE, REFERENCE, TOKEN, Definition
from reviews.fields import KEPT, Field
from reviews.fields import Kind as FieldKind
from reviews.models import Medicine, Practice, Prescription
from reviews.queries import fhir_finders as find
from reviews.queries import fhir_words
from reviews.queries.fhir_source import Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Reference, Span, Token
from reviews.rules.book import RuleBook
from reviews.rules.codes import STATUSES
from reviews.rules.dossier import Line
from reviews.rules.exposure import mg_per_day, read
from reviews.rules.indications import INDICATIONS
from reviews.rules.meanings import Meanings
from reviews.rules.meanings import recognised as as_recognised
from reviews.rules.parameters import EXPOSURE, Limits

VALUES = {
    FieldKind.AMOUNT: "valueDecimal",
    FieldKind.COUNT: "valueInteger",
    FieldKind.DAY: "valueDate",
    FieldKind.FLAG: "valueBoolean",
    FieldKind.TEXT: "valueString",
    FieldKind.CODE: "valueCode",
}
EXTENDED = tuple(field for field in KEPT if field.extension)
"""The fields that FHIR has no element for."""
_EXTENDED = attrgetter(*(field.column for field in EXTENDED))
_NOTHING = (None, "", False)
MOST_PRODUCTS = 1_000
_UNSAID = {"setting": "community", "acquired": "nhs"}
"""What a code says where nothing was said."""


class Orders(Source[Prescription]):
    """Records about a medicine: those that are `of` one kind, each as its resource."""

    key = "order_id"
    keeps_versions = True
    read_as_values = True
    sorted_apart = ("authoredon",)

    def __init__(
        self,
        of: Q,
        render: Callable[[medicines.Order], Json],
        statuses: Mapping[str, str],
        finders: Mapping[str, find.Finder],
        sorts: Mapping[str, Sort],
    ) -> None:
        self.of, self.render, self.sorted = of, render, sorts
        meant: dict[str, list[object]] = {}
        for ours, theirs in statuses.items():
            meant.setdefault(theirs, []).append(ours)
        self.found = {
            "status": find.codes("status", meant),
            "patient": find.person("patient_id"),
            "subject": find.person("patient_id"),
            "code": _product,
            "medication": find.row("medicine_id", "Medication"),
            "identifier": find.source,
            **finders,
        }

    def rows(self) -> QuerySet[Prescription]:
        return self.versions().filter(superseded_at__isnull=True)

    def versions(self) -> QuerySet[Prescription]:
        return Prescription.objects.filter(self.of).select_related(
            "medicine", "prescriber", "recorded_by", "practice"
        )

    def finders(self) -> Mapping[str, find.Finder]:
        return self.found

    def sorts(self) -> Mapping[str, Sort]:
        return self.sorted

    def number(self, row: Prescription) -> int:
        return row.version

    def read_key(self, logical_id: str) -> Any:
        return find.uuid_of(logical_id)

    def resources(self, rows: Sequence[Prescription], viewer: Viewer) -> list[Json]:
        with_it = _Shared.of(rows)
        return [self.render(_order(row, with_it)) for row in rows]


class _Shared(NamedTuple):
    """What many orders share, made once for them: by the ids of orders, products and people."""

    understood: Mapping[int, medicines.Understood]
    medicines: Mapping[int, Json]
    somebody: Mapping[int, Json]

    @classmethod
    def of(cls, rows: Sequence[Prescription]) -> "_Shared":
        products = {row.medicine_id: row.medicine for row in rows}
        people = {row.recorded_by_id: row.recorded_by for row in rows}
        people |= {row.prescriber_id: row.prescriber for row in rows}
        systems = fhir_words.machines(people)
        return cls(
            understood(rows),
            {
                pk: medicines.ordered(pk, product.text, fhir_words.codings(product.codings))
                for pk, product in products.items()
            },
            {pk: fhir_words.somebody(user, systems) for pk, user in people.items()},
        )


def _product(token: Token) -> Q:
    """By a code of the product: there are few products, and very many orders.

    PostgreSQL plans well for numbers that it is told, and badly for those that it has to find.
    """
    coded = Medicine.objects.filter(find.codings("codings")(token)).order_by("pk").values("pk")
    ids = [row["pk"] for row in coded[: MOST_PRODUCTS + 1]]
    return Q(medicine_id__in=ids if len(ids) <= MOST_PRODUCTS else coded)


def _prescriber(reference: Reference) -> Q:
    return find.row("prescriber_id", "Practitioner")(reference)


def _order(row: Prescription, shared: _Shared) -> medicines.Order:
    recorder = shared.somebody[row.recorded_by_id]
    return medicines.Order(
        source=(row.source_system, row.source_id),
        patient_id=row.patient_id,
        medicine=shared.medicines[row.medicine_id],
        status=row.status,
        status_reason=row.status_reason,
        dose=row.dose,
        dose_max=row.dose_max,
        dose_unit=row.dose_unit,
        times=row.times_per_day,
        times_max=row.times_per_day_max,
        as_needed=row.as_needed,
        max_per_day=row.max_per_day,
        schedule=tuple([(step[0], step[1]) for step in row.schedule or ()]),
        dosage_text=row.dosage_text,
        route=row.route,
        start_on=row.start_on,
        end_on=row.end_on,
        start_at=_start_at(row),
        quantity=row.quantity,
        quantity_unit=row.quantity_unit,
        quantity_text=row.quantity_text,
        days_supply=row.days_supply,
        repeats_allowed=row.repeats_allowed,
        issue_days=row.issue_days,
        valid_until=row.valid_until,
        written_on=row.written_on,
        dispensed_on=row.dispensed_on,
        indication=(row.indication, INDICATIONS[row.indication]),
        setting=row.setting,
        repeat_template=row.repeat_template,
        prescriber=shared.somebody[row.prescriber_id] or elements.named(row.prescriber_name),
        # A recorder is a person; of a system that wrote it Provenance tells.
        recorder=recorder if "reference" in recorder else {},
        pharmacy=row.pharmacy,
        extensions=tuple(
            [
                _extension(field, value)
                for field, value in zip(EXTENDED, _EXTENDED(row), strict=True)
                if value not in _NOTHING and _UNSAID.get(field.name) != value
            ]
        ),
        understood=shared.understood.get(row.pk),
    )


def _start_at(row: Prescription) -> datetime | None:
    """The time of the first dose, where the practice is."""
    if row.start_on is None or row.start_minute is None:
        return None
    at = time(*divmod(row.start_minute, 60))
    return datetime.combine(row.start_on, at, tzinfo=row.practice.zone)


def _extension(field: Field, value: Any) -> Json:
    if isinstance(value, date):
        value = value.isoformat()
    elif field.kind is FieldKind.AMOUNT:
        value = elements.number(value)
    elif field.kind is FieldKind.TEXT:
        value = elements.words(value)
    return elements.extension(f"{medicines.ORDER}{field.name}", **{VALUES[field.kind]: value})


# -- What was understood -----------------------------------------------------------------------


def understood(rows: Sequence[Prescription]) -> dict[int, medicines.Understood]:
    """What the portal reads out of these versions, by id, as the book there says; none without."""
    try:
        holding = rulebooks.holding()
    except NotFound:
        return {}
    lines = dossiers.lines(row.pk for row in rows)
    places = {row.practice_id for row in rows}
    profiles = dict(Practice.objects.filter(pk__in=places).values_list("pk", "profile"))
    meanings = {pk: dossiers.meanings_in(pk) for pk in places}
    books = {pk: holding.at(pk) for pk in places}
    limits = {pk: books[pk].rules[EXPOSURE][profiles[pk]] for pk in places}
    return {
        row.pk: _understood(
            lines[row.pk],
            books[row.practice_id],
            limits[row.practice_id],
            meanings[row.practice_id],
        )
        for row in rows
    }


def _understood(
    line: Line, book: RuleBook, limits: Limits, meanings: Meanings
) -> medicines.Understood:
    found = as_recognised(line, meanings, book)
    uses = (read(line, found, ingredient, limits) for ingredient in found.ingredients)
    use = next((one for one in uses if one is not None), None)
    return medicines.Understood(
        recognised=not found.unmapped,
        parts=tuple(
            [
                medicines.Part(
                    drug.key,
                    drug.name,
                    drug.atc[0] if drug.atc else "",
                    mg_per_day(line, part, found.form),
                )
                for part, drug, _ in found.ingredients
            ]
        ),
        start=_day(use.start) if use else None,
        end=_day(use.end) if use else None,
        missing=use.missing if use else (),
        notes=tuple(use.notes) if use else (),
    )


def _day(number: int | None) -> date | None:
    return None if number is None else date.fromordinal(number)


# -- Medication --------------------------------------------------------------------------------


class Products(Source[Medicine]):
    """Medicines as they are written, which somebody of the practices has."""

    changed = "added_at"
    patient = ""

    def rows(self) -> QuerySet[Medicine]:
        return Medicine.objects.all()

    def visible(
        self, rows: QuerySet[Medicine], viewer: Viewer, practices: list[int]
    ) -> QuerySet[Medicine]:
        taken = Prescription.objects.filter(medicine=OuterRef("pk"), practice_id__in=practices)
        return rows.filter(Exists(taken))

    def number(self, row: Medicine) -> int:
        return 1

    def finders(self) -> Mapping[str, find.Finder]:
        return {"code": find.codings("codings"), "identifier": _medicine_key}

    def resources(self, rows: Sequence[Medicine], viewer: Viewer) -> list[Json]:
        return [
            medicines.medication(row.text, fhir_words.codings(row.codings), row.key) for row in rows
        ]


def _medicine_key(token: Token) -> Q:
    return find.column("key", f"{elements.OURS}medicine")(token)


# -- The types ---------------------------------------------------------------------------------

_PATIENT = ("Patient",)
_COMMON = {
    "identifier": Definition(TOKEN, "identifier"),
    "status": Definition(TOKEN, "status"),
    "patient": Definition(REFERENCE, "subject", _PATIENT),
    "subject": Definition(REFERENCE, "subject", _PATIENT),
    "code": Definition(TOKEN, "medicationCodeableConcept"),
    "medication": Definition(
        REFERENCE,
        "medicationReference|medicationCodeableConcept.extension.valueReference",
        ("Medication",),
    ),
}


def _first_dose(span: Span) -> Q:
    """By the day of the first dose, where its time is known: only then is it said."""
    return Q(start_minute__isnull=False) & find.on("start_on")(span)


REQUEST = Kind(
    "MedicationRequest",
    {
        **_COMMON,
        "authoredon": Definition(DATE, "authoredOn"),
        "date": Definition(DATE, "dosageInstruction.timing.event"),
        "intent": Definition(TOKEN, "intent"),
        "priority": Definition(TOKEN, "priority"),
        "category": Definition(TOKEN, "category"),
        "requester": Definition(REFERENCE, "requester", ("Practitioner",)),
        "encounter": Definition(REFERENCE, "encounter"),
        "intended-dispenser": Definition(REFERENCE, "dispenseRequest.performer"),
        "intended-performer": Definition(REFERENCE, "performer"),
        "intended-performertype": Definition(TOKEN, "performerType"),
    },
    (
        Orders(
            Q(dispensed=False, evidence=""),
            medicines.request,
            {status: status for status in STATUSES},
            {
                "authoredon": find.on("written_on"),
                "date": _first_dose,
                "intent": find.always("order"),
                "category": find.codes(
                    "setting", {code: [code] for code in medicines.CATEGORIES}, medicines.CATEGORY
                ),
                "requester": _prescriber,
            },
            {"authoredon": Sort("written_on", date)},
        ),
    ),
    kept=True,
    dated="authoredon",
    required=("status", "intent", "medication", "subject"),
    modifiers=("doNotPerform",),
)
DISPENSE = Kind(
    "MedicationDispense",
    {
        **_COMMON,
        "whenhandedover": Definition(DATE, "whenHandedOver"),
        "prescription": Definition(REFERENCE, "authorizingPrescription", ("MedicationRequest",)),
    },
    (
        Orders(
            Q(dispensed=True),
            medicines.dispense,
            medicines.DISPENSED,
            {"whenhandedover": find.on("start_on")},
            {"whenhandedover": Sort("start_on", date)},
        ),
    ),
    kept=True,
    dated="whenhandedover",
    required=("status", "medication"),
)
STATEMENT = Kind(
    "MedicationStatement",
    {**_COMMON, "effective": Definition(DATE, "effectiveDateTime|effectivePeriod")},
    (
        Orders(
            Q(dispensed=False, evidence="reported"),
            medicines.statement,
            medicines.STATED,
            {
                "effective": find.time(
                    find.Period(find.Day("start_on"), find.Day("end_on"), "end_on")
                )
            },
            {"effective": Sort("start_on", date)},
        ),
    ),
    kept=True,
    dated="effective",
    required=("status", "medication", "subject"),
)
ADMINISTRATION = Kind(
    "MedicationAdministration",
    {**_COMMON, "effective-time": Definition(DATE, "effectiveDateTime|effectivePeriod")},
    (
        Orders(
            Q(dispensed=False, evidence="given"),
            medicines.administration,
            medicines.GIVEN,
            {
                "effective-time": find.time(
                    find.Period(find.Day("start_on"), find.Day("end_on"), "end_on")
                )
            },
            {"effective-time": Sort("start_on", date)},
        ),
    ),
    kept=True,
    dated="effective-time",
    required=("status", "medication", "subject", "effective"),
)
MEDICATION = Kind(
    "Medication",
    {"code": Definition(TOKEN, "code"), "identifier": Definition(TOKEN, "identifier")},
    (Products(),),
    kept=True,
)

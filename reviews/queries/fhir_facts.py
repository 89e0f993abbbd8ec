"""Conditions, allergies and observations by FHIR."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet

from reviews.fhir.read.words import LOINC
from reviews.fhir.render import facts
from reviews.fhir.render.elements import OURS, Json
from reviews.fhir.render.paths import DATE, REFERENCE, TOKEN, Definition
from reviews.models import Condition, Reading
from reviews.queries import fhir_finders as find
from reviews.queries import fhir_words
from reviews.queries.fhir_source import Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Token
from reviews.rules import readings

_TERMS = "http://terminology.hl7.org/CodeSystem"
_OVER = Q(status="resolved") | Q(ended_on__isnull=False)
_WRONG = Q(status="entered-in-error")
BY_LOINC: dict[str, list[str]] = {}
for _code, _kind in LOINC.items():
    BY_LOINC.setdefault(_kind, []).append(_code)


class Facts(Source[Condition]):
    """Conditions of one sort: problems, or allergies."""

    key = "record_id"
    keeps_versions = True
    read_as_values = True

    def __init__(self, of: str, render: Callable[[facts.Fact], Json], systems: str) -> None:
        self.of, self.render = of, render
        self.clinical_system = f"{_TERMS}/{systems}-clinical"
        ends = "ver-status" if of == "condition" else "verification"
        self.verified_system = f"{_TERMS}/{systems}-{ends}"

    def rows(self) -> QuerySet[Condition]:
        return self.versions().filter(superseded_at__isnull=True)

    def versions(self) -> QuerySet[Condition]:
        return Condition.objects.filter(kind=self.of).select_related("recorded_by")

    def finders(self) -> Mapping[str, find.Finder]:
        person = find.person("patient_id")
        day = find.time(find.Day("onset_on"))
        return {
            "identifier": find.source,
            "patient": person,
            "subject": person,
            "code": find.codings("codings"),
            "clinical-status": self._clinical,
            "verification-status": self._verified,
            "category": find.always("problem-list-item", f"{_TERMS}/condition-category"),
            "onset-date": day,
            "recorded-date": find.at("recorded_at"),
            "date": find.at("recorded_at"),
        }

    def _clinical(self, token: Token) -> Q:
        if token.system not in (None, self.clinical_system):
            return find.NOTHING
        met = {"active": ~_OVER & ~_WRONG, "resolved": _OVER & ~_WRONG}
        return met.get(token.code, find.NOTHING) if token.code else ~_WRONG

    def _verified(self, token: Token) -> Q:
        if token.system not in (None, self.verified_system):
            return find.NOTHING
        met = {"confirmed": ~_WRONG, "entered-in-error": _WRONG}
        return met.get(token.code, find.NOTHING) if token.code else find.EVERYTHING

    def sorts(self) -> Mapping[str, Sort]:
        if self.of == "condition":
            return {"onset-date": Sort("onset_on", date)}
        return {"date": Sort("recorded_at", datetime, nullable=False)}

    def number(self, row: Condition) -> int:
        return row.version

    def read_key(self, logical_id: str) -> Any:
        return find.uuid_of(logical_id)

    def resources(self, rows: Sequence[Condition], viewer: Viewer) -> list[Json]:
        people = {row.recorded_by_id: row.recorded_by for row in rows}
        systems = fhir_words.machines(people)
        recorders = {pk: fhir_words.somebody(user, systems) for pk, user in people.items()}
        return [self.render(_fact(row, recorders[row.recorded_by_id])) for row in rows]


def _fact(row: Condition, recorder: Json) -> facts.Fact:
    return facts.Fact(
        source=(row.source_system, row.source_id),
        patient_id=row.patient_id,
        text=row.text,
        codings=fhir_words.codings(row.codings),
        status=row.status,
        onset_on=row.onset_on,
        ended_on=row.ended_on,
        recorded_at=row.recorded_at,
        recorder=recorder if "reference" in recorder else {},
    )


class Readings(Source[Reading]):
    """What was measured, answered or done."""

    key = "record_id"
    keeps_versions = True

    def rows(self) -> QuerySet[Reading]:
        return self.versions().filter(superseded_at__isnull=True)

    def versions(self) -> QuerySet[Reading]:
        return Reading.objects.all()

    def finders(self) -> Mapping[str, find.Finder]:
        person = find.person("patient_id")
        return {
            "identifier": find.source,
            "patient": person,
            "subject": person,
            "code": _kind_of,
            "status": find.column("status", "http://hl7.org/fhir/observation-status"),
            "date": find.on("dated_on"),
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {"date": Sort("dated_on", date)}

    def number(self, row: Reading) -> int:
        return row.version

    def read_key(self, logical_id: str) -> Any:
        return find.uuid_of(logical_id)

    def resources(self, rows: Sequence[Reading], viewer: Viewer) -> list[Json]:
        return [facts.observation(_measured(row)) for row in rows]


def _kind_of(token: Token) -> Q:
    found = find.column("kind", f"{OURS}reading")(token)
    if token.system in (None, facts.LOINC):
        kinds = [kind for kind, codes in BY_LOINC.items() if token.code in ("", *codes)]
        found |= Q(kind__in=kinds)
    return found


def _measured(row: Reading) -> facts.Measured:
    known = readings.KINDS.get(row.kind)
    shape = known.shape if known else ""
    labels = known.choices if known else {}
    codes: list[str] = []
    if shape == readings.CHOICE:
        codes = [row.text]
    elif shape == readings.CHECKLIST:
        codes = row.text.split()
    return facts.Measured(
        source=(row.source_system, row.source_id),
        patient_id=row.patient_id,
        kind=row.kind,
        label=row.label,
        # Several codes of LOINC are read as one kind: which of them it was is not known then.
        loinc=tuple(known_as) if len(known_as := BY_LOINC.get(row.kind, [])) == 1 else (),
        value=row.value,
        unit=row.unit,
        choices=tuple((code, labels.get(code, code)) for code in codes if code),
        day=row.text if shape == readings.DATE else "",
        text=row.text,
        dated_on=row.dated_on,
        status=row.status,
        recorded_at=row.recorded_at,
    )


_PATIENT = ("Patient",)
CONDITION = Kind(
    "Condition",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "subject", _PATIENT),
        "subject": Definition(REFERENCE, "subject", _PATIENT),
        "code": Definition(TOKEN, "code"),
        "clinical-status": Definition(TOKEN, "clinicalStatus"),
        "verification-status": Definition(TOKEN, "verificationStatus"),
        "category": Definition(TOKEN, "category"),
        "onset-date": Definition(DATE, "onsetDateTime"),
        "recorded-date": Definition(DATE, "recordedDate"),
    },
    (Facts("condition", facts.condition, "condition"),),
    kept=True,
    dated="onset-date",
    required=("subject",),
    modifiers=("clinicalStatus", "verificationStatus"),
    summary=(
        *("identifier", "clinicalStatus", "verificationStatus", "category", "severity", "code"),
        *("bodySite", "subject", "encounter", "onset", "recordedDate", "recorder", "asserter"),
    ),
)
ALLERGY = Kind(
    "AllergyIntolerance",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "patient", _PATIENT),
        "code": Definition(TOKEN, "code"),
        "clinical-status": Definition(TOKEN, "clinicalStatus"),
        "verification-status": Definition(TOKEN, "verificationStatus"),
        "date": Definition(DATE, "recordedDate"),
    },
    (Facts("allergy", facts.allergy, "allergyintolerance"),),
    kept=True,
    dated="date",
    required=("patient",),
    modifiers=("clinicalStatus", "verificationStatus"),
    summary=(
        *("identifier", "clinicalStatus", "verificationStatus", "type", "category"),
        *("criticality", "code", "patient"),
    ),
)
OBSERVATION = Kind(
    "Observation",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "patient": Definition(REFERENCE, "subject", _PATIENT),
        "subject": Definition(REFERENCE, "subject", _PATIENT),
        "code": Definition(TOKEN, "code"),
        "status": Definition(TOKEN, "status"),
        "category": Definition(TOKEN, "category"),
        "date": Definition(DATE, "effectiveDateTime"),
    },
    (Readings(),),
    kept=True,
    dated="date",
    required=("status", "code"),
    summary=(
        *("identifier", "basedOn", "partOf", "status", "code", "subject", "encounter"),
        *("effective", "issued", "performer", "value", "hasMember", "derivedFrom", "component"),
    ),
)

"""Patients by FHIR."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.db.models import Prefetch, Q, QuerySet

from reviews import access
from reviews.access import Action
from reviews.fhir.render import people
from reviews.fhir.render.elements import Json
from reviews.fhir.render.paths import DATE, REFERENCE, STRING, TOKEN, Definition
from reviews.identifiers import masked
from reviews.likeness import folded
from reviews.models import Identifier, Patient, PatientVersion
from reviews.queries import fhir_finders as find
from reviews.queries.fhir_source import Kind, Sort, Source, Viewer
from reviews.queries.fhir_values import Reference, Text, Token


class Patients(Source[PatientVersion]):
    """People as their live version says; whoever was merged is there, and leads to the other."""

    key = "patient_id"
    keeps_versions = True

    def rows(self) -> QuerySet[PatientVersion]:
        return self.versions().filter(superseded_at__isnull=True)

    def versions(self) -> QuerySet[PatientVersion]:
        numbers = Prefetch("patient__identifiers", queryset=Identifier.objects.order_by("pk"))
        return PatientVersion.objects.select_related("patient").prefetch_related(numbers)

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "identifier": lambda token: Q(patient_id__in=find.numbered(token).values("patient_id")),
            "family": _named("family"),
            "given": _named("given"),
            "name": _named("family", "given"),
            "birthdate": find.on("birth_date"),
            "gender": find.column("sex", "http://hl7.org/fhir/administrative-gender"),
            "organization": find.row("practice_id", "Organization"),
            "active": _active,
            "link": _link,
        }

    def sorts(self) -> Mapping[str, Sort]:
        return {
            "family": Sort("family_name", str, nullable=False),
            "birthdate": Sort("birth_date", date),
        }

    def number(self, row: PatientVersion) -> int:
        return row.version

    def resources(self, rows: Sequence[PatientVersion], viewer: Viewer) -> list[Json]:
        return [_patient(row, viewer) for row in rows]


def _named(*parts: str) -> find.Finder:
    """By the beginning of a name, without regard to case and accents, as an index has it."""

    def found(value: Text) -> Q:
        any_of = find.NOTHING
        for part in parts:
            if value.exact:
                any_of |= Q(**{f"{part}_name": value.text})
            elif begins := folded(value.text):
                any_of |= Q(**{f"patient__{part}_folded__startswith": begins})
        return any_of

    return found


def _active(token: Token) -> Q:
    if token.code not in ("true", "false") or token.system:
        return find.NOTHING
    return Q(patient__merged_into__isnull=token.code == "true")


def _link(reference: Reference) -> Q:
    pk = find.number_of(reference, "Patient")
    return find.NOTHING if pk is None else Q(patient__merged_into=pk)


def _patient(row: PatientVersion, viewer: Viewer) -> Json:
    person: Patient = row.patient
    whole = access.allowed(viewer.user, Action.SEE_NUMBERS, person)
    return people.patient(
        people.Person(
            numbers=tuple(
                (one.system, one.value if whole else masked(one.value), one.use)
                for one in person.identifiers.all()
            ),
            family=row.family_name,
            given=row.given_name,
            sex=row.sex,
            birth_date=row.birth_date,
            deceased=row.deceased,
            deceased_on=row.deceased_on,
            practice_id=row.practice_id,
            merged_into=person.merged_into_id,
        )
    )


PATIENT = Kind(
    "Patient",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "family": Definition(STRING, "name.family"),
        "given": Definition(STRING, "name.given"),
        "name": Definition(STRING, "name.family|name.given|name.text"),
        "birthdate": Definition(DATE, "birthDate"),
        "gender": Definition(TOKEN, "gender"),
        "organization": Definition(REFERENCE, "managingOrganization", ("Organization",)),
        "active": Definition(TOKEN, "active"),
        "link": Definition(REFERENCE, "link.other", ("Patient",)),
    },
    (Patients(),),
    kept=True,
    summary=(
        *("identifier", "active", "name", "telecom", "gender", "birthDate", "deceased"),
        *("address", "managingOrganization", "link"),
    ),
    modifiers=("active", "deceased", "link"),
)

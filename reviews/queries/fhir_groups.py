"""Groups by FHIR: the patients of each practice, to be exported together."""

import hashlib
from collections.abc import Mapping, Sequence

from django.db.models import Q, QuerySet

from reviews.fhir.render.elements import OURS, Json, identifier, reference, resource, words
from reviews.fhir.render.paths import REFERENCE, TOKEN, Definition
from reviews.models import Practice
from reviews.queries import fhir_finders as find
from reviews.queries.fhir_source import Key, Kind, Source, Viewer
from reviews.queries.fhir_values import Token

PRACTICES = f"{OURS}practice"
"""The system of the codes of practices."""


class Groups(Source[Practice]):
    """Practices, each by its code. Who belongs to one changes too often to be listed."""

    key = "code"
    changed = ""
    patient = ""

    def rows(self) -> QuerySet[Practice]:
        return Practice.objects.all()

    def visible(
        self, rows: QuerySet[Practice], viewer: Viewer, practices: list[int]
    ) -> QuerySet[Practice]:
        return rows.filter(pk__in=practices)

    def finders(self) -> Mapping[str, find.Finder]:
        return {
            "identifier": find.column("code", PRACTICES),
            "managing-entity": find.row("pk", "Organization"),
            "type": find.always("person", "http://hl7.org/fhir/group-type"),
            "actual": _actual,
        }

    def read_key(self, logical_id: str) -> Key | None:
        return logical_id

    def number(self, row: Practice) -> int:
        return int.from_bytes(hashlib.blake2b(row.name.encode(), digest_size=6).digest())

    def resources(self, rows: Sequence[Practice], viewer: Viewer) -> list[Json]:
        return [
            resource(
                "Group",
                identifier=[identifier(PRACTICES, row.code)],
                active=True,
                type="person",
                actual=True,
                name=f"Patients of {words(row.name)}",
                managingEntity=reference("Organization", row.pk, row.name),
            )
            for row in rows
        ]


def _actual(token: Token) -> Q:
    return find.EVERYTHING if token.code == "true" and not token.system else find.NOTHING


GROUP = Kind(
    "Group",
    {
        "identifier": Definition(TOKEN, "identifier"),
        "managing-entity": Definition(REFERENCE, "managingEntity", ("Organization",)),
        "type": Definition(TOKEN, "type"),
        "actual": Definition(TOKEN, "actual"),
    },
    (Groups(),),
    required=("type", "actual"),
    summary=("identifier", "active", "type", "actual", "code", "name", "quantity"),
)

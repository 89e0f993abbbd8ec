"""People: patients."""

from datetime import date
from typing import NamedTuple

from reviews.fhir.render.elements import Json, identifier, reference, resource, said, words


class Person(NamedTuple):
    """A patient as known. `numbers` are (system, value, use); `merged_into` whom they are now."""

    numbers: tuple[tuple[str, str, str], ...]
    family: str
    given: str
    sex: str
    birth_date: date | None
    deceased: bool
    deceased_on: date | None
    practice_id: int
    merged_into: int | None


def patient(person: Person) -> Json:
    died_on = person.deceased_on
    link = None
    if person.merged_into:
        link = [{"other": reference("Patient", person.merged_into), "type": "replaced-by"}]
    return resource(
        "Patient",
        identifier=[identifier(system, value, use) for system, value, use in person.numbers],
        active=person.merged_into is None,
        name=[
            said(
                use="official",
                family=words(person.family),
                given=[words(person.given)] if words(person.given) else None,
            )
        ],
        gender=person.sex,
        birthDate=person.birth_date.isoformat() if person.birth_date else None,
        deceasedBoolean=True if person.deceased and not died_on else None,
        deceasedDateTime=died_on.isoformat() if died_on else None,
        managingOrganization=reference("Organization", person.practice_id),
        link=link,
    )

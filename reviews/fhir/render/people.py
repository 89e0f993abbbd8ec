"""People and places: patients, those who treat them, what these do where."""

from datetime import date, datetime
from typing import NamedTuple

from reviews.fhir.render.elements import (
    OURS,
    Json,
    identifier,
    own,
    period,
    reference,
    resource,
    said,
    words,
)


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


class Staff(NamedTuple):
    """Somebody who works here. `numbers` are (register, number)."""

    family: str
    given: str
    username: str
    active: bool
    numbers: tuple[tuple[str, str], ...]


def practitioner(staff: Staff) -> Json:
    name = said(
        use="official",
        family=words(staff.family),
        given=[words(staff.given)] if words(staff.given) else None,
    )
    if len(name) == 1:
        name = {"text": staff.username}
    return resource(
        "Practitioner",
        identifier=[identifier(f"{OURS}register:{one}", number) for one, number in staff.numbers],
        active=staff.active,
        name=[name],
    )


class Post(NamedTuple):
    """A role that somebody holds at a practice, until it ends."""

    user_id: int
    name: str
    practice_id: int
    practice: str
    role: tuple[str, str]
    active: bool
    ends_at: datetime | None


def practitioner_role(post: Post) -> Json:
    return resource(
        "PractitionerRole",
        active=post.active,
        period=period(None, post.ends_at),
        practitioner=reference("Practitioner", post.user_id, post.name),
        organization=reference("Organization", post.practice_id, post.practice),
        code=[own("role", *post.role)],
    )


class Place(NamedTuple):
    """A practice and how it is reached."""

    code: str
    name: str
    address: str
    country: str
    telephone: str
    email: str


def organization(place: Place) -> Json:
    telecom = [
        {"system": system, "value": words(value)}
        for system, value in (("phone", place.telephone), ("email", place.email))
        if words(value)
    ]
    return resource(
        "Organization",
        identifier=[identifier(f"{OURS}practice", place.code)],
        active=True,
        name=words(place.name),
        telecom=telecom,
        address=[said(text=words(place.address), country=words(place.country))]
        if words(place.address)
        else None,
    )

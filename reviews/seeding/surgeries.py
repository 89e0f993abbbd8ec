"""The demo practices and the people who work there: one practice for each profile of guidance."""

from collections.abc import Iterable
from dataclasses import dataclass

from reviews.models import Role
from reviews.seeding.medicines import EU, UK, US

CLINICIAN, REVIEWER = Role.CLINICIAN, Role.REVIEWER
FORMULARY_ADMIN, AUDITOR = Role.FORMULARY_ADMIN, Role.AUDITOR
PRACTICE_ADMIN = Role.PRACTICE_ADMIN


@dataclass(frozen=True)
class DemoPractice:
    """`share` is its part of the population. British patients have NHS test numbers, as far as
    they go; all others have a number of the practice. The telephone is of a range for fiction."""

    code: str
    name: str
    profile: str
    share: int
    identifier_system: str
    identifier_prefix: str
    address: str
    telephone: str


@dataclass(frozen=True)
class Member:
    """A member of staff, with the roles held at each practice and an invented number."""

    username: str
    first_name: str
    last_name: str
    roles: dict[str, tuple[str, ...]]
    register: str = ""
    number: str = ""
    checked_days_ago: int | None = None


HARBOUR = DemoPractice(
    "harbour-street",
    "Harbour Street Surgery",
    UK,
    50,
    "https://harbour-street.example/patient",
    "HS",
    "14 Harbour Street, Lowport LP2 4DN",
    "+44 1632 960140",
)
LIFFEY = DemoPractice(
    "liffey-quay",
    "Liffey Quay Medical Centre",
    EU,
    20,
    "https://liffey-quay.example/patient",
    "LQ",
    "3 Liffey Quay, Dublin",
    "+353 20 912 4140",
)
LAKESIDE = DemoPractice(
    "lakeside",
    "Lakeside Family Medicine",
    US,
    30,
    "https://lakeside.example/mrn",
    "MRN",
    "200 Lakeside Avenue, Springfield",
    "+1 312 555 0142",
)
PRACTICES = (HARBOUR, LIFFEY, LAKESIDE)


def _at(practices: Iterable[DemoPractice], *roles: str) -> dict[str, tuple[str, ...]]:
    return {practice.code: roles for practice in practices}


STAFF = (
    Member("clara", "Clara", "Moreau", _at([HARBOUR], CLINICIAN), "GMC", "9000017", 12),
    Member("joseph", "Joseph", "Abara", _at([HARBOUR], CLINICIAN), "GMC", "9000024", 12),
    Member("niamh", "Niamh", "Kelleher", _at([LIFFEY], CLINICIAN), "IMC", "900031", 30),
    Member("daniel", "Daniel", "Reyes", _at([LAKESIDE], CLINICIAN), "NPI", "9000000048", 30),
    Member("ravi", "Ravi", "Shah", _at(PRACTICES, REVIEWER), "GPhC", "9000055", 390),
    Member("samira", "Samira", "Okafor", _at(PRACTICES, REVIEWER), "GPhC", "9000062", 12),
    Member(
        "nell",
        "Nell",
        "Hartley",
        _at([HARBOUR, LIFFEY], CLINICIAN, REVIEWER),
        "GPhC",
        "9000079",
        12,
    ),
    Member("ada", "Ada", "Lindqvist", _at(PRACTICES, FORMULARY_ADMIN)),
    Member("adam", "Adam", "Byrne", _at(PRACTICES, FORMULARY_ADMIN)),
    Member("audrey", "Audrey", "Nolan", _at(PRACTICES, AUDITOR)),
    Member("maeve", "Maeve", "Sutton", _at(PRACTICES, PRACTICE_ADMIN)),
    Member("iris", "Iris", "Penhale", _at([HARBOUR], PRACTICE_ADMIN)),
)


def clinicians(practice_code: str) -> list[str]:
    """Usernames of those who prescribe at a practice."""
    return [m.username for m in STAFF if CLINICIAN in m.roles.get(practice_code, ())]

"""The fields of a prescription, in one table: what each holds, and what it is called where.

Records and the API, columns, the form, FHIR, dossiers and the export follow this table or are
compared with it by a test. A new field is a row here; then the test says what it still lacks.
"""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a field holds, and how it says nothing."""

    AMOUNT = "a number above nought; None: not known"
    COUNT = "a whole number; None: not known"
    DAY = "a calendar day; None: not known"
    FLAG = "yes or no"
    TEXT = "words; empty: nothing said"
    CODE = "a key of a list of codes"
    UNIT = "a key of `codes.UNITS`; None, or empty in a column: not known"
    CODINGS = "codes in their systems"
    SCHEDULE = "amounts a day one after the other, each for some days; None in a column: none"


AMOUNT, COUNT, DAY, FLAG, TEXT = Kind.AMOUNT, Kind.COUNT, Kind.DAY, Kind.FLAG, Kind.TEXT
CODE, UNIT, CODINGS, SCHEDULE = Kind.CODE, Kind.UNIT, Kind.CODINGS, Kind.SCHEDULE


class Field(NamedTuple):
    """One field: `name` in a record and in the API, and its names elsewhere; "": not there.

    `unit` is what a number counts; "dose_unit" and "quantity_unit" are fields of their own.
    `column` is of `reviews_prescription`. `form` is of the form that logs and amends. `line` is of
    a dossier's line, and `export` of prescriptions.csv. With `extension` FHIR has an extension of
    our own for it. With `later` the field came later and is left out of a digest where it says
    nothing, so that a record which was known before is still known.
    """

    name: str
    kind: Kind
    unit: str
    column: str
    form: str
    line: str
    export: str
    extension: bool
    later: bool


def _field(
    name: str,
    kind: Kind,
    unit: str = "",
    *,
    column: str | None = None,
    form: str | None = None,
    line: str | None = None,
    export: str | None = None,
    extension: bool = False,
    later: bool = False,
) -> Field:
    """A field that is called the same wherever nothing else is said."""

    def called(given: str | None) -> str:
        return name if given is None else given

    return Field(
        name,
        kind,
        unit,
        called(column),
        called(form),
        called(line),
        # What no line holds cannot be exported.
        called(export if line != "" else ""),
        extension,
        later,
    )


PRESCRIPTION = (
    # The text and codes of a product are kept in a row of its own, which prescriptions share.
    _field("medicine", TEXT, column="", form="product", export=""),
    _field("codings", CODINGS, column="", form="product", line="medicine", export=""),
    _field("dose", AMOUNT, "dose_unit"),
    _field("dose_unit", UNIT),
    _field("times_per_day", AMOUNT, "times a day"),
    _field("as_needed", FLAG),
    _field("max_per_day", AMOUNT, "dose_unit a day"),
    _field("expected_per_day", AMOUNT, "dose_unit a day", extension=True),
    _field("dosage_text", TEXT, export=""),
    _field("quantity", AMOUNT, "quantity_unit"),
    _field("quantity_unit", UNIT),
    _field("days_supply", COUNT, "days", export="recorded_days_supply"),
    _field("written_on", DAY),
    _field("start_on", DAY),
    _field("end_on", DAY),
    _field("indication", CODE),
    _field("route", TEXT),
    _field("setting", CODE, extension=True),
    _field("status", CODE),
    # Said when an order is withdrawn, which has a form of its own.
    _field("status_reason", TEXT, form="", line=""),
    # The FHIR resource says it: a MedicationDispense is a supply handed out.
    _field("dispensed", FLAG, line="source", export="source"),
    # Who logs here is known as a user; the name is for those who are not.
    _field("prescriber", TEXT, column="prescriber_name", form=""),
    _field("refill_number", COUNT, extension=True, later=True),
    _field("dispensed_on", DAY, extension=True, later=True),
    _field("repeat_template", FLAG, extension=True, later=True),
    _field("acquired", CODE, extension=True, later=True),
    _field("replacement_reason", CODE, extension=True, later=True),
    _field("is_new_start", FLAG, extension=True, later=True),
    _field("change_reason", CODE, extension=True, later=True),
    _field("team", TEXT, extension=True, later=True),
    _field("pharmacy", TEXT, extension=True, later=True),
    _field("start_minute", COUNT, "minutes after midnight", form="start_time", later=True),
    _field("schedule", SCHEDULE, "dose_unit a day", later=True),
    # "1 to 2 tablets, 1 to 3 times a day": the upper bounds, beside `dose` and `times_per_day`.
    _field("dose_max", AMOUNT, "dose_unit", extension=True, later=True),
    _field("times_per_day_max", AMOUNT, "times a day", extension=True, later=True),
    _field("repeats_allowed", COUNT, "issues after the first", later=True),
    _field("issue_days", COUNT, "days from one issue to the next", later=True),
    _field("valid_until", DAY, later=True),
    _field("quantity_text", TEXT, later=True),
    # Neither an order nor a hand-over: what somebody reported, or what staff gave.
    _field("evidence", CODE, line="", extension=True, later=True),
)
KEPT = tuple(field for field in PRESCRIPTION if field.column)
"""Those with a column of `reviews_prescription`: all but the product itself."""

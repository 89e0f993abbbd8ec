"""The named fields that a letter may use, and what stands in for each while no person is chosen."""

from typing import NamedTuple

PATIENT, PRESCRIBER, SPECIALIST, PHARMACY = "patient", "prescriber", "specialist", "pharmacy"
AUDIENCES = {
    PATIENT: "The patient",
    PRESCRIBER: "The prescriber",
    SPECIALIST: "A specialist",
    PHARMACY: "The pharmacy",
}
"""Code: to whom a letter goes."""


class Field(NamedTuple):
    """What a field says, and an invented value for a letter without a person.

    `may_lack`: a letter is made though nothing is known; else a person of whom it is not known
    gets none. `clinical`: it tells of what somebody takes or has.
    """

    says: str
    sample: str
    may_lack: bool = False
    clinical: bool = False


FIELDS: dict[str, Field] = {
    "patient_name": Field("given and family name, as on the record", "Sheila Gray"),
    "given_name": Field("as on the record", "Sheila", may_lack=True),
    "family_name": Field("as on the record", "Gray", may_lack=True),
    "birth_date": Field("in words, such as 4 March 1956", "4 March 1956", may_lack=True),
    "patient_number": Field("the first number on record", "NHS number 999 000 1234", may_lack=True),
    "medicine": Field("the benzodiazepine or Z-drug in use", "zopiclone", clinical=True),
    "dose": Field("of it, a day, where it is known", "7.5 mg a day", True, clinical=True),
    "duration": Field(
        "of unbroken use: “5 weeks”, “7 months”; “some time” where its start is not known",
        "7 months",
        clinical=True,
    ),
    "opioid": Field("the opioids in use", "codeine", may_lack=True, clinical=True),
    "medicines": Field("all that is in hand, one on each line", "Zopiclone 7.5 mg tablets", True),
    "findings": Field(
        "what is open for review, one on each line", "Past day 120 since 18 November", True, True
    ),
    "plan": Field(
        "what was decided last, and until when", "Reduce or taper, agreed with the patient", True
    ),
    "practice_name": Field("of the practice", "Harbour Street Surgery"),
    "practice_address": Field("of the practice", "14 Harbour Street, Lowport", may_lack=True),
    "practice_phone": Field("of the practice", "01632 960 114"),
    "contact_name": Field("who writes, and answers the telephone", "Samira Okafor"),
    "prescriber_name": Field("of that medicine", "Nell Hartley"),
    "date": Field("the day of the letter", "16 December 2026"),
    "reply_by": Field("30 days after the day of the letter", "15 January 2027"),
}
"""Name: field, in the order in which they are shown."""

REPLY_DAYS = 30

"""One person's medicines, conditions and readings, judged on a day.

Everything here is a value. `None` means "not recorded" and is never replaced by zero. Only live
rows belong in a dossier: a superseded or withdrawn version of a prescription is left out by
whoever builds it. Dates are calendar days; no clock is read anywhere below `reviews.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

# FHIR MedicationRequest.status, by what the rules make of each.
NEVER_TAKEN = frozenset({"draft", "cancelled", "entered-in-error"})
OVER = frozenset({"stopped", "completed"})
NOT_IN_HAND = NEVER_TAKEN | OVER
# active, on-hold and unknown: the supply was issued and may still be in use.

# Status of a taper: the dose comes down or is about to; in force is one that is paused as well.
UNDER_WAY = frozenset({"planned", "active"})
IN_FORCE = UNDER_WAY | {"paused"}


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine as it was recorded: the text, and its codes as (system, code) pairs.

    `key` identifies the pair of text and codings, so that recognition is done once for each.
    Systems: "rxnorm", "atc", "snomed", "dmd", "ndc"; any other keeps its URI.
    """

    key: str
    text: str
    codings: tuple[tuple[str, str], ...] = ()


class Line(NamedTuple):
    """A prescription as the rules see it: one supply of one medicine.

    A named tuple and not a dataclass, because a rescreen builds a million of them.
    `dose` is one administration, in `dose_unit`; `max_per_day` (as-needed ceiling) and
    `expected_per_day` (what the prescriber expects an as-needed medicine to come to) are in
    `dose_unit` a day. `end_on` is the last day of use, included. The units, routes, settings and
    statuses are those of `reviews.rules.codes`; `route` may also be None, or another text.

    `source` is "written" (an order), "dispensed" (handed out), "reported" (somebody says that it is
    taken) or "given" (by staff). `dosage_text` are the directions as written, and `system` is where
    the record comes from.

    The fields after `source` are often unknown and then keep their default. `refill_number` counts
    refills of one authorisation (0 = the first issue); `dispensed_on` is the day of hand-over, and
    `written_on` the date on the prescription. `repeat_template` is true for repeat or automatic
    refill. `acquired` is "nhs" (the usual health service), "private" or "online".
    `replacement_reason` is a key of `codes.REPLACEMENTS`, `change_reason` (why it differs from the
    one before, or ended) of `codes.CHANGES`; empty = not given. `is_new_start` is true when it was
    recorded as a new course. `schedule` is a written taper or other changing dose: pairs of (amount
    a day in `dose_unit`, days), in order from the start; it outranks dose and days' supply. `team`
    and `pharmacy` name who prescribed with whom, and who dispensed. `start_minute` is the time of
    the first dose in minutes after midnight.

    `dose_max` and `times_per_day_max` are the upper bounds of a range, whose lower ones are `dose`
    and `times_per_day`. `quantity` is one issue; `repeats_allowed` more may follow until
    `valid_until`, `issue_days` apart. `quantity_text` is a supply in words, where its unit was not
    understood.
    """

    id: int
    medicine: Medicine
    start_on: date | None = None
    dose: float | None = None
    dose_unit: str | None = None
    times_per_day: float | None = None
    as_needed: bool = False
    max_per_day: float | None = None
    expected_per_day: float | None = None
    quantity: float | None = None
    quantity_unit: str | None = None
    days_supply: int | None = None
    written_on: date | None = None
    end_on: date | None = None
    indication: str = "unknown"
    route: str | None = None
    setting: str = "community"
    status: str = "active"
    prescriber: str = ""
    source: str = "written"
    dosage_text: str = ""
    refill_number: int | None = None
    dispensed_on: date | None = None
    repeat_template: bool = False
    acquired: str = "nhs"
    replacement_reason: str = ""
    is_new_start: bool = False
    change_reason: str = ""
    schedule: tuple[tuple[float, int], ...] = ()
    team: str = ""
    pharmacy: str = ""
    start_minute: int | None = None
    dose_max: float | None = None
    times_per_day_max: float | None = None
    repeats_allowed: int | None = None
    issue_days: int | None = None
    valid_until: date | None = None
    quantity_text: str = ""
    system: str = ""


class Condition(NamedTuple):
    """A diagnosis, event or allergy: codes as (system, code), "icd10" or "snomed" among them.

    `kind` is "condition" or "allergy"; the codes and text of an allergy name the substance, whose
    system may also be "rxnorm" or "atc".
    """

    id: int
    codings: tuple[tuple[str, str], ...] = ()
    text: str = ""
    onset_on: date | None = None
    ended_on: date | None = None
    kind: str = "condition"


class Reading(NamedTuple):
    """A measured or answered value: `kind` is a key of `readings.KINDS`, which says the shape."""

    id: int
    kind: str
    value: float | None = None
    unit: str = ""
    on: date | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Somebody's recorded decision that some rules do not apply, until a day (both ends included).

    `kind` is a key of `exemptions.KINDS`. `line_scope` limits it to some lines; empty means all.
    """

    id: int
    kind: str
    starts_on: date
    expires_on: date
    line_scope: tuple[int, ...] = ()


class TaperStep(NamedTuple):
    """From this day on, this many mg a day (0 = nothing)."""

    on: date
    mg_per_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taper:
    """A planned taper of one drug (a key of the book), its steps in order of their days.

    The first step is the dose at the start. `status` is a key of `codes.TAPER_STATES`.
    `maintenance_agreed` says that a lower dose is to be kept for now; `last_contact_on` is the
    last time somebody asked the person how it goes.
    """

    id: int
    drug: str
    status: str = "active"
    steps: tuple[TaperStep, ...] = ()
    maintenance_agreed: bool = False
    last_contact_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A person with everything the rules may look at, judged `as_of` a day under a profile.

    `profile` may be a further one of the book. `practice` is the code of theirs and `group` that of
    the group of practices that it is in, whose local policies count; empty = no policy does.

    `no_sedatives` are texts of medicines, as `recognise.compared` gives them, of which somebody
    said that they name no sedative; `meanings` are such texts, each with the medicine that
    somebody said it is.
    `deceased` says that they have died, also where `deceased_on` is not known.
    """

    patient_id: int
    as_of: date
    profile: str = "UK"
    birth_date: date | None = None
    deceased_on: date | None = None
    sex: str = "unknown"
    lines: tuple[Line, ...] = ()
    conditions: tuple[Condition, ...] = ()
    readings: tuple[Reading, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    tapers: tuple[Taper, ...] = ()
    no_sedatives: frozenset[str] = frozenset()
    deceased: bool = False
    meanings: Mapping[str, Medicine] = field(default_factory=dict)
    practice: str = ""
    group: str = ""

    @property
    def has_died(self) -> bool:
        """Whether they had died by the day judged."""
        if self.deceased_on is not None:
            return self.deceased_on <= self.as_of
        return self.deceased

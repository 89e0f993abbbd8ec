"""What screening says about a dossier."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """Urgency. S1 urgent queue, S2 review queue, S3 banner and digest, S4 never queued."""

    S1 = 1
    S2 = 2
    S3 = 3
    S4 = 4


SEVERITIES = {severity.value: severity for severity in Severity}
"""A look-up here costs a tenth of a call of `Severity`."""

INTERRUPT = "interrupt"
QUEUE = "queue"
NOTE = "note"


class Fact(NamedTuple):
    """A number (or a word) the finding rests on. `value` is plain JSON; `unit` may be empty."""

    name: str
    label: str
    value: float | int | str | None
    unit: str = ""


class Finding(NamedTuple):
    """One thing that a rule says about a dossier.

    `mode` is "interrupt" (shown at save, acknowledged with a reason), "queue" or "note" (no item
    of its own). `key` is stable: it names the rule with the episode's or overlap's first day and
    the medicines, never a count that grows. Texts are advisory and never say that a medicine is to
    be ended. With `leads` it puts its case before the others of the same severity.
    """

    rule_id: str
    severity: Severity
    mode: str
    key: str
    line_ids: tuple[int, ...]
    title: str
    sentence: str
    facts: tuple[Fact, ...] = ()
    clears: str = ""
    unknown: str = ""
    leads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEvaluable:
    """A rule whose answer the record does not allow: not passed, and not failed."""

    rule_id: str
    line_ids: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSummary:
    """The current, else the most recent, episode of benzodiazepine and Z-drug exposure.

    `days` counts distinct exposed days from `start_on` to `end_on`, the last day of supply;
    `elapsed_days` counts calendar days. With `known` False the record lacks supplies, and the
    other figures are a lower bound (None where nothing at all is known). `notes` names each
    figure that was worked out instead of recorded.
    """

    start_on: date | None
    end_on: date | None
    days: int | None
    elapsed_days: int | None
    drugs: tuple[str, ...]
    known: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """The answer: findings ranked by severity, and what could not be judged.

    `shadowed` holds the ids of rules that fired and in whose place another is shown.
    `valid_until` is the earliest later day on which the same facts could give another answer;
    None means never.
    """

    as_of: date
    book_number: int
    findings: tuple[Finding, ...] = ()
    not_evaluable: tuple[NotEvaluable, ...] = ()
    shadowed: tuple[str, ...] = ()
    exposure: ExposureSummary | None = None
    valid_until: date | None = None

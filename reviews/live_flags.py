"""The flags that patients have now, as a judgement is compared with them."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from reviews.bulk import as_array, binary_cursor
from reviews.rules.finding import Severity


class LiveFlag(NamedTuple):
    """What a comparison needs of a flag that is there."""

    pk: int
    patient_id: int
    practice_id: int
    rule_id: str
    key: str
    severity: int
    leads: bool
    title: str
    digest: str
    settled_at: datetime | None
    settled_until: date | None
    new_since_id: int | None

    def has_run_out(self, as_of: date) -> bool:
        """Whether the day is over until which a decision covered it."""
        return self.settled_until is not None and self.settled_until < as_of

    def covers(self, severity: int, as_of: date) -> bool:
        """Whether the decision on it still covers the finding when that has this severity.

        It does unless the matter became worse or its day is over.
        """
        return bool(self.settled_at) and not self.has_run_out(as_of) and severity >= self.severity


def of(patient_ids: Iterable[int]) -> list[LiveFlag]:
    """The live flags of these patients, in no order."""
    with binary_cursor() as cursor:
        cursor.execute(
            "SELECT id, patient_id, practice_id, rule_id, key, severity, leads, title, digest,"
            " settled_at, settled_until, new_since_id"
            " FROM reviews_flag WHERE ended_at IS NULL AND patient_id = ANY(%s::bigint[])",
            [as_array(patient_ids)],
        )
        return [LiveFlag(*row) for row in cursor.fetchall()]


STOOD_BEFORE = """
    SELECT f.id, f.patient_id, f.practice_id, f.rule_id, f.key, f.severity, f.leads, f.title,
        f.digest, f.settled_at, f.settled_until, f.new_since_id
    FROM reviews_patientscreening s
    JOIN reviews_flag f ON f.patient_id = s.patient_id
    JOIN reviews_guardedbook b ON b.version_id = s.version_id
    JOIN reviews_guardedpractice p ON p.guard_id = b.id AND p.practice_id = f.practice_id
    WHERE s.patient_id = ANY(%s::bigint[]) AND p.outcome IN ('stopped', 'back')
        AND f.settled_at IS NOT NULL AND f.raised_at < p.begun_at AND f.ended_at >= p.begun_at
    ORDER BY f.id
"""


def that_stood_before(patient_ids: Iterable[int]) -> list[LiveFlag]:
    """Flags under a decision that a guarded book ended, of patients it judged last and no longer.

    The practice has the live book again, and the decision was made on what that book says.
    """
    with binary_cursor() as cursor:
        cursor.execute(STOOD_BEFORE, [as_array(patient_ids)])
        return [LiveFlag(*row) for row in cursor.fetchall()]


def is_for_a_reviewer(severity: int, *, covered: bool) -> bool:
    """Whether a flag is part of a case: no decision covers it, and it is more than a note."""
    return not covered and severity <= Severity.S3

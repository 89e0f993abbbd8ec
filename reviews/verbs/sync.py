"""Sync verbs: what a client system reports, in batches that may hold thousands of records.

`reviews.syncing` says what a batch is and what becomes of it.
"""

from collections.abc import Iterable

from django.contrib.auth.models import User

from reviews import incoming, syncing
from reviews.incoming import SyncResult
from reviews.syncing import Noted, Rows

__all__ = ["Noted", "Rows", "conditions", "patients", "prescriptions", "readings"]


def prescriptions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedPrescription`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Prescriptions, rows, source_system, by, notes)


def conditions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedCondition`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Conditions, rows, source_system, by, notes)


def readings(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedReading`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Readings, rows, source_system, by, notes)


def patients(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Register or update the people of a batch of `SyncedPatient`.

    `created` and `registered` are then the same number, and so are `amended` and `updated`.
    """
    return syncing.merge(incoming.Patients, rows, source_system, by, notes)

"""The verb `exempt`: somebody decides, with evidence and an end, that some rules do not apply."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, exemptions
from reviews.access import Action
from reviews.models import Decision, Exemption, Patient


@transaction.atomic
def exempt(
    *,
    patient: Patient,
    kind: str,
    evidence: str,
    expires_on: date | None,
    by: User,
    starts_on: date | None = None,
    decision: Decision | None = None,
    orders: Iterable[UUID] = (),
) -> Exemption:
    """Exempt a patient until a day, at the latest a year ahead. Raises `BadRecord`.

    `decision` is the reviewer's decision that grants it, if one does. With `orders` (their ids) it
    holds only while these are all the benzodiazepines and Z-drugs in hand.
    """
    access.require(by, Action.EXEMPT, patient)
    return exemptions.grant(
        patient=patient,
        kind=kind,
        evidence=evidence,
        expires_on=expires_on,
        by=by,
        starts_on=starts_on,
        decision=decision,
        orders=orders,
    )


@transaction.atomic
def end(*, exemption: Exemption, by: User) -> Exemption:
    """End an exemption before its day; the rules apply again at once. Raises `IllegalMove`."""
    access.require(by, Action.EXEMPT, exemption)
    return exemptions.end(exemption=exemption, by=by)

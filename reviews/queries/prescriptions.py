"""One prescription and its newest version, for whoever changes it."""

from django.contrib.auth.models import User

from reviews import access
from reviews.access import Action
from reviews.models import Prescription


def fetch(user: User, action: Action, pk: int) -> Prescription:
    """A version on which `user` may do `action`. Raises `NotFound`, `NotAllowed`."""
    rows = Prescription.objects.select_related("medicine", "recorded_by", "prescriber", "practice")
    version = access.fetch(rows, user, Action.SEE_PATIENT, pk=pk)
    access.require(user, action, version)
    return version


def newest(version: Prescription) -> Prescription:
    """The live version of the order that a version belongs to."""
    rows = Prescription.objects.live().select_related("medicine", "recorded_by", "prescriber")
    return rows.get(order_id=version.order_id)

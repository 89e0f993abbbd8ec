"""The verb that ends a bulk export or import: its files are removed, its job is cancelled."""

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, bulk_data
from reviews.errors import NotAllowed
from reviews.models import BulkRequest


@transaction.atomic
def remove(*, bulk: BulkRequest, by: User) -> None:
    """Have the files of an export or import removed. What was imported stays."""
    access.require(by, bulk_data.ACTIONS[BulkRequest.Kind(bulk.kind)])
    if bulk.asked_by_id != by.pk:
        raise NotAllowed("Only the system that asked for it removes it.")
    bulk_data.remove(bulk, by)

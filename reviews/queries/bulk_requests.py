"""Bulk exports and imports as the system that asked for them sees them."""

from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, bulk_data
from reviews.errors import NotFound
from reviews.models import BulkFile, BulkRequest, Job

NO_SUCH = (
    "There is no such export or import: it was removed, is over, or another system asked for it."
)


def find(pk: UUID, by: User) -> BulkRequest:
    """An export or import that `by` asked for and still may have. Raises `NotFound`."""
    bulk = (
        BulkRequest.objects.select_related("job")
        .filter(pk=pk, asked_by=by, removed_at=None)
        .exclude(job__state=Job.State.CANCELLED)
        .exclude(expires_at__lte=timezone.now())
        .first()
    )
    if bulk is None:
        raise NotFound(NO_SUCH)
    may = access.practice_ids(by, bulk_data.ACTIONS[BulkRequest.Kind(bulk.kind)])
    if not set(bulk.practice_ids) <= set(may):
        raise NotFound(NO_SUCH)
    return bulk


def files(bulk: BulkRequest) -> list[BulkFile]:
    """The files of what is done that can be fetched, in order, without the ids of people."""
    if bulk.job.state != Job.State.DONE:
        return []
    made = bulk.files.exclude(purpose=BulkFile.Purpose.INPUT).exclude(digest="")
    return list(made.defer("patient_ids").order_by("number"))

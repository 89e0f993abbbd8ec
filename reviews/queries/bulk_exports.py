"""Bulk exports as the system that asked for them sees them."""

from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import BulkExport, BulkFile, Job

NO_SUCH = "There is no such export: it was removed, is over, or another system asked for it."


def find(pk: UUID, by: User) -> BulkExport:
    """An export that `by` asked for and still may have. Raises `NotFound`."""
    export = (
        BulkExport.objects.select_related("job")
        .filter(pk=pk, asked_by=by, removed_at=None)
        .exclude(job__state=Job.State.CANCELLED)
        .exclude(expires_at__lte=timezone.now())
        .first()
    )
    may = access.practice_ids(by, Action.BULK_EXPORT)
    if export is None or not set(export.practice_ids) <= set(may):
        raise NotFound(NO_SUCH)
    return export


def files(export: BulkExport) -> list[BulkFile]:
    """The files of an export that is done, in their order, without the ids of people."""
    if export.job.state != Job.State.DONE:
        return []
    return list(export.files.exclude(digest="").defer("patient_ids").order_by("number"))

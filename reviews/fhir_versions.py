"""What clients sent, version by version, and which number a version of a record has by FHIR.

A record has versions of its own, and what a system sent may change where our reading of it does
not: a version of FHIR is either. The number of a row of a record is its own version and as many
more as there were versions before it that only the body had.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import BooleanField, F, Func, QuerySet, Value

from reviews.bulk import as_json, copy_rows
from reviews.fhir.render.paths import Definition, keys
from reviews.models import Reported, SentResource


def made(
    *,
    resource_type: str,
    logical_id: str,
    version: int,
    body: str,
    content: Mapping[str, object],
    definitions: Mapping[str, Definition],
    practice_id: int,
    patient_id: int | None,
    source_system: str,
    by: User,
    record: int | None = None,
    record_version: int | None = None,
    dated: tuple[datetime | None, datetime | None] = (None, None),
    deleted: bool = False,
) -> SentResource:
    """One version of a resource as it was sent, to be inserted in the caller's transaction.

    `content` is `body` as read, for the keys that a search finds it by. Inserting it raises
    `IntegrityError` where somebody else wrote that version meanwhile.
    """
    return SentResource(
        resource_type=resource_type,
        logical_id=logical_id,
        version=version,
        body="" if deleted else body,
        deleted=deleted,
        practice_id=practice_id,
        patient_id=patient_id,
        source_system=source_system,
        sent_by=by,
        record=record,
        record_version=record_version,
        keys=[] if deleted else keys(dict(content), definitions),
        from_at=dated[0],
        until_at=dated[1],
    )


def keep(several: Sequence[SentResource]) -> None:
    """Insert versions, in the caller's transaction."""
    copy_rows(
        "reviews_sentresource",
        [field.column for field in _COLUMNS],
        ([getattr(row, field.attname) for field in _COLUMNS] for row in several),
    )


_COLUMNS = [
    field for field in SentResource._meta.concrete_fields if field.attname not in ("id", "sent_at")
]


def become(records: Iterable[Reported]) -> None:
    """Say that what was only kept is one of these records now, in a version with the same words."""
    by_id = {str(getattr(record, record.VERSIONS_OF)): record for record in records}
    newest = (
        SentResource.objects.filter(logical_id__in=list(by_id))
        .order_by("resource_type", "logical_id", "-version")
        .distinct("resource_type", "logical_id")
    )
    several = []
    for row in newest:
        if row.record is None and not row.deleted:
            record = by_id[row.logical_id]
            row.version += 1
            row.record, row.record_version = record.pk, record.version
            row.patient_id = record.patient_id
            several.append(row)
    if several:
        keep(several)


def lead_to(people: Mapping[str, int], definitions: Mapping[str, Definition]) -> None:
    """Say of people who waited, by the ids they had meanwhile, who they are: `{id: patient's id}`.

    A next version of each says so by a link, as that of somebody whose record went into another
    one does; what was sent stays in its history. In the caller's transaction.
    """
    several = []
    for row in latest("Patient", people).values():
        if row.record is not None or row.deleted:
            continue
        row.patient_id = people[row.logical_id]
        other = {"reference": f"Patient/{row.patient_id}"}
        content = {
            "resourceType": "Patient",
            "active": False,
            "link": [{"other": other, "type": "replaced-by"}],
        }
        row.version += 1
        row.body, row.keys = as_json(content), keys(content, definitions)
        several.append(row)
    if several:
        keep(several)


def settled_as(logical_ids: Iterable[str]) -> dict[str, int]:
    """Who people turned out to be who waited under these ids: `{id: patient's id}`."""
    return {
        known: row.patient_id
        for known, row in latest("Patient", logical_ids).items()
        if row.record is None and row.patient_id is not None
    }


def latest(resource_type: str, logical_ids: Iterable[str]) -> dict[str, SentResource]:
    """The newest version that was sent of each of these, by logical id."""
    newest = (
        _of(resource_type, logical_ids).order_by("logical_id", "-version").distinct("logical_id")
    )
    return {row.logical_id: row for row in newest}


class _IsOneOf(Func):
    """Whether a text is one of a list, which is sent as one JSON text."""

    template = "(%(expressions)s::json))))"
    arg_joiner = " = ANY(ARRAY(SELECT json_array_elements_text("


def _of(resource_type: str, logical_ids: Iterable[str]) -> QuerySet[SentResource]:
    """What was sent of each of these. A thousand parameters would cost more than all else."""
    ids = Value(as_json(list(logical_ids)))
    is_one = _IsOneOf(F("logical_id"), ids, output_field=BooleanField())
    return SentResource.objects.filter(is_one, resource_type=resource_type)


def sent(resource_type: str, logical_ids: Iterable[str]) -> dict[str, list[SentResource]]:
    """All versions that were sent of each of these, the first one first, by logical id."""
    found: dict[str, list[SentResource]] = {}
    for row in _of(resource_type, logical_ids).order_by("logical_id", "version"):
        found.setdefault(row.logical_id, []).append(row)
    return found


def number(record_version: int, before: Sequence[SentResource]) -> int:
    """The number by FHIR of a version of a record; `before` is all that was sent of it."""
    earlier = [
        row
        for row in before
        if row.record_version is not None and row.record_version < record_version
    ]
    if not earlier:
        return record_version
    last = earlier[-1]
    return record_version + last.version - (last.record_version or 0)


def current(
    record_version: int, all_sent: Sequence[SentResource]
) -> tuple[int, SentResource | None]:
    """`(number by FHIR, what was sent)` of a record whose live version this is.

    What was sent is None where the record was changed otherwise since.
    """
    if all_sent and all_sent[-1].record_version == record_version:
        return all_sent[-1].version, all_sent[-1]
    return number(record_version, all_sent), None

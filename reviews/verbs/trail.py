"""What an auditor does with the trail beside reading it, which is told of as well."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, sealing
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import SealedLeaf, TreeHead
from reviews.queries.trail import DECIDED, Asked, Told

FORMS = {"csv": "CSV", "ndjson": "NDJSON with proofs", "print": "a page to print"}
MOST = 10_000
"""Events in one export."""
COLUMNS = (
    "event",
    "at",
    "who",
    "user_name",
    "user_id",
    "role",
    "what",
    "practice_id",
    "patient_id",
    "subject",
    "sealed_at",
)


def searched(*, asked: Asked, by: User) -> None:
    """An auditor searched the trail."""
    access.require(by, Action.SEE_AUDIT)
    audit.record(by, Event.TRAIL_SEARCHED, patient_id=None, asked=asked.in_words())


@transaction.atomic
def export(*, rows: Sequence[Told], asked: Asked, form: str, reason: str, by: User) -> bytes:
    """Events as a file, with the signed tree head that they can be compared with.

    For a page to print nothing is made: it is only told of. Raises `BadRecord` for a form that
    does not exist or a reason that is missing.
    """
    access.require(by, Action.SEE_AUDIT)
    if form not in FORMS:
        raise BadRecord("form", "choose a form")
    if not reason.strip():
        raise BadRecord("reason", "is needed: it is part of the trail")
    head = sealing.newest()
    made = b""
    if form == "csv":
        made = _csv(rows, head)
    elif form == "ndjson":
        made = _ndjson(rows, head)
    audit.record(
        by,
        Event.EXPORT_MADE,
        what="events of the audit trail",
        rows=len(rows),
        form=FORMS[form],
        asked=asked.in_words(),
        reason=reason.strip(),
        digest=hashlib.sha256(made).hexdigest() if made else None,
    )
    return made


def _csv(rows: Sequence[Told], head: TreeHead | None) -> bytes:
    """A line an event in words; the last line is the tree head."""
    places = dict(
        SealedLeaf.objects.filter(
            kind=sealing.EVENT, row_id__in=[row.event.pk for row in rows]
        ).values_list("row_id", "position")
    )
    actors = {row.event.actor_id for row in rows if row.event.actor_id}
    names = dict(User.objects.filter(pk__in=actors).values_list("pk", "username"))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        event = row.event
        writer.writerow(
            _harmless(value)
            for value in (
                *(event.pk, timezone.localtime(event.at).isoformat(), event.actor),
                *(names.get(event.actor_id), event.actor_id, row.role),
                *(row.as_text, event.practice_id, event.patient_id, event.subject),
                places.get(event.pk, "not yet"),
            )
        )
    writer.writerow(("tree head", sealing.line(head) if head else "none is signed yet"))
    # Spreadsheets take a file without this mark for another encoding.
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _ndjson(rows: Sequence[Told], head: TreeHead | None) -> bytes:
    """The head, then each event and the decision it tells of, as sealed, with its proof.

    The first line says how many lines follow and what their digest is, so that a cut is noticed.

    Raises `BadRecord` where nothing is sealed yet. What is newer than the head is left out.
    """
    if head is None:
        raise BadRecord("form", "no proof can be given: nothing is sealed yet")
    stored = sealing.Stored()
    lines: list[dict[str, Any]] = []
    for row in rows:
        told_of = [(sealing.EVENT, row.event.pk)]
        if row.event.verb in DECIDED and "decision" in row.event.detail:
            told_of.append((sealing.DECISION, row.event.detail["decision"]))
        for kind, pk in told_of:
            if proof := sealing.prove(kind, pk, head, stored):
                lines.append({"text": proof.text, "position": proof.position, "path": proof.path})
    told = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    first = {
        "head": {"body": head.body, "signature": head.signature},
        "rows": len(lines),
        "digest": hashlib.sha256(told).hexdigest(),
    }
    return json.dumps(first, ensure_ascii=False).encode() + b"\n" + told

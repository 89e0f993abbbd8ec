"""The feed of changes: what was written to the record, for systems that keep a copy of it."""

from collections import defaultdict
from typing import Literal, cast

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from reviews import access, feed, records
from reviews.access import Action
from reviews.api import shapes
from reviews.api.schema import Operation
from reviews.api.views import ApiView, asked_once
from reviews.callers import Bearer
from reviews.errors import BadRecord, NotAllowed
from reviews.models import Change
from reviews.verbs import read

Op = Literal["created", "updated", "deleted"]
OF_THE_QUEUE = {"flags", "cases", "messages", "decisions"}
SEEN_BY = {
    kind: Action.SEE_QUEUE if kind in OF_THE_QUEUE else Action.SEE_PATIENT for kind in feed.KINDS
}
"""What a caller must be allowed to do to be told of a change: the same as of its list."""


class Changes(ApiView):
    """What was written since, oldest first, in thin rows; nothing is ever missed.

    Without `since` it gives no rows, and the cursor of this moment.
    """

    authentication_classes = [Bearer]
    operation = Operation(
        "changes", query=shapes.ChangesQuestion, answer=shapes.Changes, also=(410,)
    )

    def get(self, request: Request) -> HttpResponse:
        asked = records.convert(asked_once(request), shapes.ChangesQuestion)
        kinds = _kinds(asked.types)
        if not access.practice_ids(request.user, Action.FOLLOW):
            raise NotAllowed(f"You may not {Action.FOLLOW} anywhere.")
        practices = {
            practice.pk: practice.code
            for practice in access.practices(request.user, Action.FOLLOW)
            if asked.practice in ("", practice.code)
        }
        found = feed.changes(
            since=asked.since, seen=_seen(request, kinds, practices), limit=asked.limit
        )
        read.over_api(
            resource="changes",
            query=request.query_params.dict(),
            patients=[row.patient for row in found.rows if row.patient is not None],
            rows=len(found.rows),
            by=request.user,
            on_disk=True,  # so is the number of its transaction, and all below it: see `feed`
        )
        rows = [_shaped(row, practices[row.practice_id]) for row in found.rows]
        answer = shapes.Changes(rows, found.next, found.more)
        return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _kinds(types: str) -> list[str]:
    """The kinds that were asked for. Raises `BadRecord` for one that there is not."""
    if not types:
        return list(feed.KINDS)
    kinds = types.split(",")
    for kind in kinds:
        if kind not in feed.KINDS:
            raise BadRecord("types", f"must be some of {', '.join(feed.KINDS)}")
    return kinds


def _seen(request: Request, kinds: list[str], practices: dict[int, str]) -> feed.Seen:
    by_action: dict[Action, list[str]] = defaultdict(list)
    for kind in kinds:
        by_action[SEEN_BY[kind]].append(kind)
    return [
        ([pk for pk in access.practice_ids(request.user, action) if pk in practices], these)
        for action, these in by_action.items()
    ]


def _shaped(row: feed.Changed, practice: str) -> shapes.Change:
    gone = row.op == Change.Op.DELETED
    return shapes.Change(
        type=row.kind,
        id=row.row,
        version=row.version,
        op=cast(Op, row.op),
        practice=practice,
        patient=row.patient,
        at=row.at,
        address=None if gone else f"/api/v1/{row.kind}/{row.row}",
    )

"""Whether the log still fits the rows it sealed: the first wrong row by name, or that all is whole.

What is looked at, in the order of the log: each leaf at its place; the row of each leaf, whose text
must give the leaf's hash; each signed head, from the file outside the database and from the
database, whose root must be that of the leaves so far; then that nothing is missing from the log,
and that the file outside knows of no head that the database lacks.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from reviews import merkle, sealing, walls
from reviews.models import RuleVersion, SealedLeaf, TreeHead
from reviews.sealing import BOOK, DECISION, EVENT, Kept

SLICE = 5_000
MOST = 20
"""So many wrong rows are named; after that it is said that there are more."""
CATCH_UP_SECONDS = 15 * 60
"""The file outside may lack heads for so long: a worker was killed between commit and file."""

NAMES: dict[str, str] = {EVENT: "Event", DECISION: "Decision", BOOK: "Rule book row"}


class Wrong(NamedTuple):
    """Something that does not fit. `position` is its place in the log, None where it has none."""

    sentence: str
    kind: str = ""
    row_id: int | None = None
    position: int | None = None


@dataclass
class Check:
    """How far a verification came; `as_json` and `from_json` carry it from slice to slice."""

    position: int = 0
    parts: list[str] = field(default_factory=list)
    head: int = 0
    size: int = 0
    previous: str = ""
    key: str = ""
    heads: int = 0
    wrong: list[list[Any]] = field(default_factory=list)
    finished: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any] | None) -> "Check":
        return cls(**(kept or {}))

    def add(self, sentence: str, kind: str = "", row_id: int | None = None, **place: Any) -> None:
        if len(self.wrong) < MOST:
            self.wrong.append([sentence, kind, row_id, place.get("position")])

    @property
    def found(self) -> list[Wrong]:
        return [Wrong(*each) for each in self.wrong]

    @property
    def first(self) -> Wrong | None:
        return self.found[0] if self.wrong else None


def verify() -> Check:
    """All of it at once; see `step`."""
    check = Check()
    while not check.finished:
        step(check)
    return check


def steps(check: Check, seconds: float) -> None:
    """As many steps as there is time for, and one at least."""
    until = time.monotonic() + seconds
    while not check.finished:
        step(check)
        if time.monotonic() >= until:
            return


def step(check: Check) -> None:
    """Look at the next `SLICE` leaves and the heads among them; at the end, at the rest."""
    # Of every practice: a row that is not seen here would pass for one that was removed.
    with walls.seeing(walls.EVERYTHING):
        _step(check)


def _step(check: Check) -> None:
    outside = _living(Kept.read())
    heads = _heads(check, outside)
    end = heads[-1][1]["size"] if heads else check.size
    until = min(check.position + SLICE, max(end, check.position))
    roots = _walk(check, until, {body["size"] for _, body in heads})
    for held, body in heads:
        if body["size"] > until:
            break
        _look_at_head(check, held, body, roots.get(body["size"]), outside)
    if not heads or check.position >= end:
        _look_at_the_rest(check, outside)
        check.finished = True


# -- Heads -------------------------------------------------------------------------------------


def _living(held: list[Kept]) -> dict[int, Kept]:
    """The heads of the file that count, by number: a restore left some behind that do not."""
    living: dict[int, Kept] = {}
    for head in held:
        body = json.loads(head.body)
        if "restored" in body:
            living = {n: kept for n, kept in living.items() if n <= body["goes_on_from"]}
        living[head.number] = head
    return living


def _heads(check: Check, outside: dict[int, Kept]) -> list[tuple[Kept, dict[str, Any]]]:
    """The heads that were not looked at yet: the file's, then those only the database has so far.

    What the file says counts, whatever the database has made of it.
    """
    inside = TreeHead.objects.filter(number__gt=check.head).order_by("number")
    known = {row.number: Kept(row.number, row.body, row.signature) for row in inside.iterator()}
    last = max(outside, default=0)
    newer = {n: kept for n, kept in known.items() if n > last}
    merged = {n: kept for n, kept in outside.items() if n > check.head} | newer
    heads = []
    for number in sorted(merged):
        try:
            body = json.loads(merged[number].body)
            heads.append((merged[number], {**body, "size": int(body["size"])}))
        except (ValueError, KeyError, TypeError):
            check.add(f"Tree head {number} cannot be read.")
    return heads


def _look_at_head(
    check: Check,
    held: Kept,
    body: dict[str, Any],
    root: str | None,
    outside: dict[int, Kept],
) -> None:
    """Signature, chain and root of one head; whether the database has it as the file does."""
    name = f"Tree head {held.number} of {_moment(body.get('signed_at'))}"
    if not check.key:
        check.key = body.get("new_key", "")
    if sealing.fingerprint(check.key or "00") != body.get("key") or not sealing.is_signed(
        held.body, held.signature, check.key
    ):
        check.add(f"{name} is not signed by the portal’s key.")
    if body.get("previous") != check.previous:
        check.add(f"{name} does not follow the head before it.")
    if body["size"] < check.size:
        check.add(f"{name} is of a smaller log than the head before it.")
    row = TreeHead.objects.filter(number=held.number).first()
    if held.number in outside:
        if row is None:
            check.add(f"{name} was taken out of the database.")
        elif (row.body, row.signature) != (held.body, held.signature):
            check.add(f"{name} is another one in the database than outside it.")
    if row is not None and (row.size, row.signed_at.isoformat(timespec="seconds")) != (
        body["size"],
        body["signed_at"],
    ):
        check.add(f"{name} stands with another size or time in the database.")
    if root is not None and root != body["root"] and not _named_since(check, check.size):
        check.add(
            f"A row between positions {check.size:,} and {body['size'] - 1:,} was changed, and the "
            f"log with it: {name.lower()} was signed for others.",
            position=check.size,
        )
    if body.get("new_key"):
        check.key = body["new_key"]
    check.head, check.size, check.heads = held.number, body["size"], check.heads + 1
    check.previous = hashlib.sha256(held.body.encode()).hexdigest()


def _named_since(check: Check, size: int) -> bool:
    """Whether a wrong row was named already among the leaves since so large a log."""
    return any(wrong.position is not None for wrong in check.found) or len(check.wrong) >= MOST


# -- Leaves and their rows ---------------------------------------------------------------------


def _walk(check: Check, until: int, sizes: set[int]) -> dict[int, str]:
    """Compare the leaves up to `until` with their rows; the roots at the sizes that were signed."""
    frontier = merkle.Frontier(check.position, [bytes.fromhex(each) for each in check.parts])
    tags = _tags(check.position, until)
    roots = {frontier.size: frontier.root().hex()}
    leaves = _leaves(check.position, until)
    before = ""
    for place in range(check.position, until):
        found = leaves.get(place)
        tag = tags.get(place)
        if found is None:
            after = f", after {before}" if before else ""
            check.add(f"Position {place:,} is missing from the log{after}.", position=place)
            leaf = b""
        else:
            leaf = found.hash
            if said := _said(found, tag):
                check.add(said, found.kind, found.row_id, position=place)
            before = f"{found.kind} {found.row_id}"
        for _ in frontier.append(leaf):
            pass
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root().hex()
    check.position, check.parts = until, [each.hex() for each in frontier.parts]
    return roots


class _Leaf(NamedTuple):
    kind: str
    row_id: int
    vouched: bool | None
    hash: bytes
    now: bytes | None
    at: Any


def _said(leaf: _Leaf, tag: bytes | None) -> str:
    """What is wrong with a sealed row, in a sentence that names it; empty where it fits."""
    name = f"{NAMES.get(leaf.kind, leaf.kind)} {leaf.row_id}"
    if leaf.at:
        name += f" of {leaf.at:%-d %b %Y, %H:%M:%S}"
    outside = tag is not None and tag != leaf.hash[: sealing.TAG_BYTES]
    if leaf.now is None:
        return f"{name} was removed."
    if leaf.now != leaf.hash:
        return f"{name} was changed since it was sealed."
    if outside:
        return f"{name} is not the one that was sealed at its place."
    if leaf.vouched is False:
        return f"{name} was not written by the portal."
    return ""


def _leaves(start: int, until: int) -> dict[int, _Leaf]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.position, l.kind, l.row_id, l.vouched, l.hash, {sealing.HASH},
                CASE l.kind
                    WHEN 'event' THEN (SELECT at FROM reviews_auditevent WHERE id = l.row_id)
                    WHEN 'decision'
                    THEN (SELECT decided_at FROM reviews_decision WHERE id = l.row_id)
                END
            FROM reviews_sealedleaf l WHERE l.position >= %s AND l.position < %s
            """,
            [start, until],
        )
        return {
            position: _Leaf(kind, pk, vouched, bytes(held), now and bytes(now), at)
            for position, kind, pk, vouched, held, now, at in cursor.fetchall()
        }


def _tags(start: int, until: int) -> dict[int, bytes]:
    """The first bytes of the leaves as they were sealed, as far as the file outside has them."""
    path, size = Kept.tags_file(), sealing.TAG_BYTES
    if not path.exists():
        return {}
    with path.open("rb") as file:
        file.seek(start * size)
        held = file.read((until - start) * size)
    return {start + n: held[n * size : (n + 1) * size] for n in range(len(held) // size)}


# -- What no leaf and no head tells ------------------------------------------------------------


def _look_at_the_rest(check: Check, outside: dict[int, Kept]) -> None:
    """Leaves beyond the last head, subtrees that do not fit, rows that are not in the log."""
    beyond = SealedLeaf.objects.filter(position__gte=check.size).order_by("position").first()
    if beyond is not None:
        check.add(
            f"Position {beyond.position:,} lies beyond the last signed head: {beyond.kind} "
            f"{beyond.row_id} was put into the log.",
            beyond.kind,
            beyond.row_id,
            position=beyond.position,
        )
    odd = SealedLeaf.objects.filter(position__lt=0).first()
    if odd is not None:
        check.add(f"Position {odd.position:,} cannot be: the log begins at 0.")
    _look_at_subtrees(check)
    last = TreeHead.objects.order_by("number").last()
    lacking = [
        head
        for head in TreeHead.objects.filter(number__gt=max(outside, default=0)).order_by("number")
        if (timezone.now() - head.signed_at).total_seconds() > CATCH_UP_SECONDS
    ]
    if lacking:
        check.add(
            f"The file outside the database ends before tree head {lacking[0].number} of "
            f"{_moment(lacking[0].signed_at.isoformat())}."
        )
    if last is not None and last.number == check.head:
        _look_for_unsealed(check, last)
    _look_for_strays(check)


def _look_at_subtrees(check: Check) -> None:
    """The kept subtrees only make proofs quick; one that was changed would spoil them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT level, index, hash FROM reviews_sealedsubtree ORDER BY level, index")
        held = {(level, index): bytes(root) for level, index, root in cursor.fetchall()}
    made = {}
    frontier = merkle.Frontier()
    with connection.cursor() as cursor:
        cursor.execute("SELECT hash FROM reviews_sealedleaf ORDER BY position")
        while rows := cursor.fetchmany(10_000):
            for (leaf,) in rows:
                for level, index, root in frontier.append(bytes(leaf)):
                    made[level, index] = root
    if held != made:
        wrong = min(set(held.items()) ^ set(made.items()))[0]
        check.add(
            f"The kept root of subtree {wrong[1]} of level {wrong[0]} is not that of its leaves."
        )


def _look_for_unsealed(check: Check, last: TreeHead) -> None:
    """Rows without a leaf that the last batch should have held, or that are not the portal's."""
    body = json.loads(last.body)
    horizon = body["horizon"]
    _, cluster = sealing.running()
    if horizon is None or cluster != body["cluster"]:
        # Nothing can be said of them before the next head.
        return
    for table, kind in (("reviews_auditevent", EVENT), ("reviews_decision", DECISION)):
        for pk, late in _without_leaf(table, kind, horizon):
            if late:
                name = f"{NAMES[kind]} {pk}"
                check.add(
                    f"{name} is not in the log, though it claims to be older than tree head "
                    f"{last.number}: it was put in.",
                    kind,
                    pk,
                )
    events = [pk for pk, late in _without_leaf("reviews_auditevent", EVENT, horizon) if not late]
    decisions = [
        pk for pk, late in _without_leaf("reviews_decision", DECISION, horizon) if not late
    ]
    sealed = SealedLeaf.objects.filter(kind=BOOK).values("row_id")
    books = RuleVersion.objects.filter(published_at__isnull=False).exclude(pk__in=sealed)
    for kind, pk, vouched in (
        *sealing.vouched_events(events, first=False),
        *sealing.vouched_decisions(decisions, first=False),
        *sealing.vouched_books(list(books.values_list("pk", flat=True)), first=False),
    ):
        if not vouched:
            check.add(f"{NAMES[kind]} {pk} was not written by the portal.", kind, pk)


def _without_leaf(table: str, kind: str, horizon: int) -> list[tuple[int, bool]]:
    """`[(id, whether it claims to be older than the horizon)]` of rows that have no leaf."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.id, r.xact IS NULL OR r.xact < %s FROM {table} r
            WHERE NOT EXISTS (
                SELECT FROM reviews_sealedleaf l WHERE l.kind = %s AND l.row_id = r.id
            ) ORDER BY r.id LIMIT 100000
            """,
            [horizon, kind],
        )
        return cursor.fetchall()


def _look_for_strays(check: Check) -> None:
    """Items of decisions that do not exist: possible only where foreign keys were switched off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.id, i.decision_id FROM reviews_decisionitem i WHERE NOT EXISTS"
            " (SELECT FROM reviews_decision d WHERE d.id = i.decision_id) ORDER BY i.id LIMIT 1"
        )
        for pk, decision in cursor.fetchall():
            check.add(f"Item {pk} belongs to decision {decision}, which does not exist.")


def _moment(said: str | None) -> str:
    return (said or "an unknown time").replace("T", " ")

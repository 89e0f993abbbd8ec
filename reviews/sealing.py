"""The log in which events, decisions and published rule books are sealed.

Each row becomes a leaf, the hash of its text (TEXTS), of a Merkle tree that only grows
(`reviews.merkle`). A tree head says how large the tree is and what its root is; it is signed, and
written into the database and into a file outside it. Whoever changes, removes or adds a sealed row
afterwards, with whatever rights in the database, would have to sign another head.

**The order of the leaves** is that of their positions, which one process at a time hands out: a
batch takes every row that is committed and not sealed yet, events before decisions before books,
each by number. Numbers are not handed out in the order in which transactions commit, so the log
never asks for "everything after number N". Each row holds its transaction's number; a head holds
the oldest transaction that was still running when its batch was looked for (`horizon`). The next
batch looks at everything from there on that has no leaf. So a row that commits late is sealed with
the next head and not missed; and one that claims to be older than the horizon and has no leaf was
not written by a transaction that ended when it says: `reviews.verifying` names it.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from reviews import audit, merkle, walls
from reviews.audit import Event
from reviews.bulk import copy_rows
from reviews.errors import DomainError
from reviews.models import (
    AuditEvent,
    Decision,
    DecisionItem,
    RuleVersion,
    SealedLeaf,
    SealedSubtree,
    TreeHead,
)

log = structlog.get_logger(__name__)
EVENT, DECISION, BOOK = SealedLeaf.Kind.EVENT, SealedLeaf.Kind.DECISION, SealedLeaf.Kind.BOOK
BATCH = 20_000
LOCK = 0x5EA1
"""Advisory lock: one process at a time hands out positions."""
TAG_BYTES = 4
"""Of each leaf so much is kept outside the database: enough to say which one was changed."""

_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

TEXTS = {
    EVENT: f"""
        SELECT jsonb_build_object('kind', 'event', 'vouched', l.vouched, 'id', r.id,
            'at', {_TIME.format("r.at")}, 'actor_id', r.actor_id, 'actor', r.actor,
            'verb', r.verb, 'practice_id', r.practice_id, 'patient_id', r.patient_id,
            'subject', r.subject, 'detail', r.detail, 'mark', encode(r.mark, 'hex'),
            'xact', r.xact)::text
        FROM reviews_auditevent r WHERE r.id = l.row_id
    """,
    DECISION: f"""
        SELECT jsonb_build_object('kind', 'decision', 'vouched', l.vouched, 'id', r.id,
            'decided_at', {_TIME.format("r.decided_at")}, 'case_id', r.case_id,
            'patient_id', r.patient_id, 'practice_id', r.practice_id, 'decided', r.kind,
            'answers_id', r.answers_id, 'by_id', r.by_id, 'note', r.note, 'xact', r.xact,
            'items', (
                SELECT jsonb_agg(jsonb_build_object('id', i.id, 'flag_id', i.flag_id,
                    'outcome', i.outcome, 'reason', i.reason, 'until', i.until,
                    'exemption_kind', i.exemption_kind, 'evidence', i.evidence) ORDER BY i.id)
                FROM reviews_decisionitem i WHERE i.decision_id = r.id
            ))::text
        FROM reviews_decision r WHERE r.id = l.row_id
    """,
    BOOK: f"""
        SELECT jsonb_build_object('kind', 'book', 'vouched', l.vouched, 'id', r.id,
            'number', r.number, 'digest', r.digest, 'note', r.note,
            'book', encode(sha256(convert_to(r.book::text, 'UTF8')), 'hex'),
            'drafted_by_id', r.drafted_by_id, 'drafted_at', {_TIME.format("r.drafted_at")},
            'published_by_id', r.published_by_id, 'published_at', {_TIME.format("r.published_at")},
            'engine_id', r.engine_id)::text
        FROM reviews_ruleversion r WHERE r.id = l.row_id
    """,
}
"""The text that is hashed, of the row of a leaf `l`: JSON as PostgreSQL writes `jsonb`."""

TEXT = (
    f"CASE l.kind {' '.join(f'''WHEN '{kind}' THEN ({sql})''' for kind, sql in TEXTS.items())} END"
)
HASH = rf"sha256('\x00'::bytea || convert_to({TEXT}, 'UTF8'))"


class BrokenLog(DomainError):
    """The log cannot go on: what is there does not fit what was signed."""

    code = "broken_log"


class Batch(NamedTuple):
    """Rows to be sealed, `[(kind, id, vouched)]` in the order of the log; whether it is all."""

    rows: list[tuple[str, int, bool | None]]
    complete: bool


# -- Sealing -----------------------------------------------------------------------------------


def seal(*, announce: str = "", restored: str = "") -> TreeHead | None:
    """Seal what is committed and not sealed yet under a new signed head; None: there is nothing.

    Also None while another process seals. `announce` is the public key that signs from the next
    head on, `restored` why the database has fewer heads than the file outside (then the head says
    from which one the log goes on). Raises `BrokenLog`.
    """
    # Of every practice, whatever is seen around it: the next batch looks only for what is newer.
    with walls.seeing(walls.EVERYTHING), transaction.atomic():
        if not _alone():
            return None
        last = TreeHead.objects.order_by("number").last()
        key = _key_for(last)
        held = Kept.read_last()
        if held is not None and (last is None or held.number > last.number) and not restored:
            raise BrokenLog(
                f"The file outside the database holds tree head {held.number}, the database "
                f"{last.number if last else 'none'}. Nothing is sealed until somebody says why: "
                "manage.py seal --restored REASON, after a restore; otherwise manage.py verify."
            )
        horizon, cluster = running()
        batch = _batch(last, cluster)
        if not batch.rows and not announce and not restored and last is not None:
            return None
        if not batch.rows and last is None:
            return None
        frontier = _grown(last, batch.rows)
        body = {
            "number": max(last.number if last else 0, held.number if held else 0) + 1,
            "size": frontier.size,
            "root": frontier.root().hex(),
            "signed_at": timezone.now().isoformat(timespec="seconds"),
            "key": fingerprint(public_of(key)),
            "cluster": cluster,
            "horizon": horizon if batch.complete else (_body(last)["horizon"] if last else None),
            "previous": hashlib.sha256(last.body.encode()).hexdigest() if last else "",
        }
        if last is None:
            body["new_key"] = public_of(key)
        if announce:
            body["new_key"] = announce
        if restored:
            body |= {"restored": restored[:500], "goes_on_from": last.number if last else 0}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        head = TreeHead.objects.create(
            number=body["number"],
            size=body["size"],
            signed_at=datetime.fromisoformat(body["signed_at"]),
            body=text,
            signature=key.sign(text.encode()).hex(),
        )
    Kept.catch_up()
    log.info("sealed", head=head.number, size=head.size, root=body["root"])
    return head


def seal_all(*, seconds: float = 3600) -> TreeHead | None:
    """Seal until nothing is left of what was there at the beginning, or the time is up.

    The last head, if any was made.
    """
    head, until = None, time.monotonic() + seconds
    while (made := seal()) is not None:
        head = made
        if made.size - _size_before(made) < BATCH or time.monotonic() >= until:
            break
    return head


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return (cursor.fetchone() or (False,))[0]


def running() -> tuple[int, int]:
    """The oldest transaction that still runs, and the server whose transactions are counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
            " (SELECT system_identifier FROM pg_control_system())"
        )
        [(horizon, cluster)] = cursor.fetchall()
    return horizon, cluster


def _body(head: TreeHead) -> dict[str, Any]:
    return json.loads(head.body)


def _batch(last: TreeHead | None, cluster: int) -> Batch:
    """What is to be sealed now: a snapshot at least as new as the horizon's."""
    body = _body(last) if last else {}
    since = body.get("horizon")
    # Numbers of transactions begin anew on another server, as after a restore from a dump.
    everything = since is None or body["cluster"] != cluster
    # Until everything of before was sealed once, rows without a mark may be older than marks.
    first = not TreeHead.objects.exclude(body__contains='"horizon":null').exists()
    events = _unsealed("reviews_auditevent", EVENT, everything, since, "")
    decisions = _unsealed("reviews_decision", DECISION, everything, since, "")
    books = _unsealed("reviews_ruleversion", BOOK, True, None, "r.published_at IS NOT NULL")
    rows = [
        *vouched_events(events[:BATCH], first),
        *vouched_decisions(decisions[:BATCH], first),
        *vouched_books(books[:BATCH], first),
    ]
    return Batch(rows, max(map(len, (events, decisions, books))) <= BATCH)


def _unsealed(table: str, kind: str, everything: bool, since: int | None, also: str) -> list[int]:
    """Ids of rows without a leaf, one more than a batch at most, in order."""
    conditions = ["TRUE" if everything else "r.xact >= %(since)s", also or "TRUE"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.id FROM {table} r WHERE {" AND ".join(conditions)} AND NOT EXISTS (
                SELECT FROM reviews_sealedleaf l WHERE l.kind = %(kind)s AND l.row_id = r.id
            ) ORDER BY r.id LIMIT {BATCH + 1}
            """,
            {"since": since, "kind": kind},
        )
        return [pk for (pk,) in cursor.fetchall()]


def _grown(last: TreeHead | None, rows: list[tuple[str, int, bool | None]]) -> merkle.Frontier:
    """The tree after these rows, which become leaves. Raises `BrokenLog`.

    A head is only put on top of leaves that still give the root of the head before.
    """
    size = last.size if last else 0
    frontier = merkle.frontier_of(size, Stored().subtree)
    beyond = SealedLeaf.objects.filter(position__gte=size).exists()
    if last and (beyond or frontier.root().hex() != _body(last)["root"]):
        raise BrokenLog(
            f"The log does not fit tree head {last.number} any more. Nothing is sealed on top of "
            "it: manage.py verify says which row was changed."
        )
    _insert(size, rows)
    hashes = SealedLeaf.objects.filter(position__gte=size).order_by("position")
    subtrees = [
        completed
        for leaf in hashes.values_list("hash", flat=True)
        for completed in frontier.append(bytes(leaf))
    ]
    copy_rows("reviews_sealedsubtree", ("level", "index", "hash"), subtrees)
    return frontier


def _insert(size: int, rows: list[tuple[str, int, bool | None]]) -> None:
    """Make the leaves; PostgreSQL writes the texts and hashes them, none of them comes here."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO reviews_sealedleaf (position, kind, row_id, vouched, hash)
            SELECT l.position, l.kind, l.row_id, l.vouched, {HASH}
            FROM (
                SELECT %s - 1 + place AS position, said ->> 0 AS kind,
                    (said ->> 1)::bigint AS row_id, (said ->> 2)::boolean AS vouched
                FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS s (said, place)
            ) l
            """,
            [size, json.dumps(rows)],
        )


# -- Whether the portal wrote a row ------------------------------------------------------------


def vouched_events(ids: list[int], first: bool) -> Iterator[tuple[str, int, bool | None]]:
    found = AuditEvent.objects.in_bulk(ids)
    for pk in ids:
        event = found[pk]
        old = first and event.mark is None and event.xact is None
        yield EVENT, pk, None if old else is_the_portals(event)


def is_the_portals(event: AuditEvent) -> bool:
    """Whether an event bears the portal's mark."""
    made = audit.Entry(*(getattr(event, name) for name in audit.Entry._fields))
    return audit.is_marked(event.pk, made, None if event.mark is None else bytes(event.mark))


def vouched_decisions(ids: list[int], first: bool) -> Iterator[tuple[str, int, bool | None]]:
    items: dict[int, list[DecisionItem]] = {}
    for item in DecisionItem.objects.filter(decision__in=ids).order_by("pk"):
        items.setdefault(item.decision_id, []).append(item)
    found = Decision.objects.in_bulk(ids)
    told = _told(DECIDED, {row.xact for row in found.values() if row.xact is not None})
    for pk in ids:
        row = found[pk]
        old = first and row.xact is None
        vouched = (row.xact, content_of(row, items.get(pk, []))) in told
        yield DECISION, pk, None if old else vouched


def vouched_books(ids: list[int], first: bool) -> Iterator[tuple[str, int, bool | None]]:
    """A book carries no number of its transaction: the event that published it holds its digest."""
    told = _told([Event.RULES_PUBLISHED], None) if ids else set()
    contents = {content for _, content in told}
    for book in RuleVersion.objects.filter(pk__in=ids).order_by("pk"):
        vouched = book_content(book) in contents
        yield BOOK, book.pk, True if vouched else (None if first else False)


DECIDED = (
    *(Event.CASE_DECIDE, Event.CASE_PROPOSE, Event.CASE_CONFIRM),
    *(Event.CASE_SEND_BACK, Event.CASE_UNDO),
)


def _told(events: Iterable[Event], xacts: set[int] | None) -> set[tuple[int | None, str]]:
    """`(transaction, digest of what was written)` of the portal's events that tell of such rows."""
    rows = AuditEvent.objects.filter(verb__in=[event.verb for event in events])
    if xacts is not None:
        rows = rows.filter(xact__in=xacts)
    return {
        (event.xact, event.detail.get("content", "")) for event in rows if is_the_portals(event)
    }


def content_of(decision: Decision, items: Iterable[DecisionItem]) -> str:
    """The digest of a decision and its items; the event that tells of it holds it."""
    said = [
        [decision.pk, decision.case_id, decision.patient_id, decision.practice_id],
        [decision.kind, decision.answers_id, decision.by_id, decision.note],
        sorted(
            [
                *(item.flag_id, item.outcome, item.reason, item.until.isoformat()),
                *(item.exemption_kind, item.evidence),
            ]
            for item in items
        ),
    ]
    return hashlib.sha256(audit.canonical(said)).hexdigest()


def book_content(version: RuleVersion) -> str:
    """The digest of a published book; the event that published it holds it."""
    said = [version.number, version.digest, version.book]
    return hashlib.sha256(audit.canonical(said)).hexdigest()


# -- Proofs ------------------------------------------------------------------------------------


class Stored:
    """Subtrees of the log, from what is kept of it: a proof reads a few hundred hashes."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, int, int], list[bytes]] = {}

    def subtree(self, start: int, size: int) -> bytes:
        """The root over so many leaves from `start` on: a power of two that `start` divides by."""
        height = size.bit_length() - 1
        level = height // merkle.TILE
        index, count = start >> level * merkle.TILE, size >> level * merkle.TILE
        # A whole tile is read at once: what is asked next is often beside it.
        tile = index >> merkle.TILE << merkle.TILE
        hashes = self._tile(level, tile)[index - tile : index - tile + count]
        if len(hashes) < count:
            raise BrokenLog(f"The log lacks leaves from {start} on.")
        while len(hashes) > 1:
            pairs = zip(hashes[::2], hashes[1::2], strict=True)
            hashes = [merkle.node_hash(left, right) for left, right in pairs]
        return hashes[0]

    def _tile(self, level: int, first: int) -> list[bytes]:
        key = (level, first, 0)
        if key not in self._read:
            last = first + (1 << merkle.TILE)
            if level:
                rows = SealedSubtree.objects.filter(
                    level=level, index__gte=first, index__lt=last
                ).order_by("index")
            else:
                rows = SealedLeaf.objects.filter(position__gte=first, position__lt=last).order_by(
                    "position"
                )
            self._read[key] = [bytes(found) for found in rows.values_list("hash", flat=True)]
        return self._read[key]


class Proof(NamedTuple):
    """That a row is in the log: its text, its place, and the hashes that lead to a head's root."""

    kind: str
    row_id: int
    position: int
    text: str
    head: TreeHead
    path: list[str]


def newest() -> TreeHead | None:
    return TreeHead.objects.order_by("number").last()


def prove(kind: str, row_id: int, head: TreeHead, stored: Stored | None = None) -> Proof | None:
    """The proof that a row is under `head`; None while it is not sealed."""
    leaf = SealedLeaf.objects.filter(kind=kind, row_id=row_id, position__lt=head.size).first()
    if leaf is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {TEXT} FROM reviews_sealedleaf l WHERE position = %s", [leaf.pk])
        [(text,)] = cursor.fetchall()
    path = merkle.inclusion(leaf.position, head.size, (stored or Stored()).subtree)
    return Proof(kind, row_id, leaf.position, text or "", head, [each.hex() for each in path])


def root_of(head: TreeHead) -> str:
    """The root that a head was signed for, as hexadecimal digits."""
    return _body(head)["root"]


def holds(proof: Proof) -> bool:
    """Whether a row leads to the root that was signed, by the hashes of its proof."""
    root = climbed_to(proof.text, proof.position, proof.head.size, proof.path)
    return root == root_of(proof.head)


def climbed_to(text: str, position: int, size: int, path: list[str]) -> str:
    """The root to which a text leads, as a leaf of a tree of that size, by these hashes."""
    leaf = merkle.leaf_hash(text.encode())
    return merkle.climbed(leaf, position, size, [bytes.fromhex(each) for each in path]).hex()


def write_log(path: Path, head: TreeHead) -> int:
    """Write the text of every leaf under `head`, a line each in order; how many there were.

    A row that was removed leaves an empty text, which gives another hash. Raises `OSError`.
    """
    count = 0
    with path.open("x", encoding="utf-8") as file:
        for start in range(0, head.size, BATCH):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {TEXT} FROM reviews_sealedleaf l"
                    " WHERE l.position >= %s AND l.position < %s ORDER BY l.position",
                    [start, min(start + BATCH, head.size)],
                )
                for (text,) in cursor.fetchall():
                    file.write((text or "") + "\n")
                    count += 1
    return count


def line(head: TreeHead) -> str:
    """A head as it stands in the file outside, in exports and before a witness."""
    return json.dumps({"body": head.body, "signature": head.signature}, ensure_ascii=False)


# -- Keys --------------------------------------------------------------------------------------


def key_file() -> Path:
    return settings.SEAL_DIR / "key.pem"


def public_of(key: Ed25519PrivateKey) -> str:
    """The public key as 64 hexadecimal digits."""
    raw, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return key.public_key().public_bytes(raw, form).hex()


def fingerprint(public: str) -> str:
    """What a person compares: the first 16 digits of the SHA-256 of a public key."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def is_signed(body: str, signature: str, public: str) -> bool:
    """Whether the owner of this public key signed this text."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _key_for(last: TreeHead | None) -> Ed25519PrivateKey:
    """The key that signs now; made where no head was ever signed. Raises `BrokenLog`."""
    file, coming = key_file(), key_file().with_suffix(".new")
    if last is None:
        return _load(file) if file.exists() else make_key(file)
    body = _body(last)
    if body.get("new_key") and coming.exists() and public_of(_load(coming)) == body["new_key"]:
        coming.replace(file)
    if not file.exists():
        raise BrokenLog(
            f"The key that signs tree heads is not at {file}. Bring it back from where a copy is "
            "kept; a new one cannot go on with the log."
        )
    key = _load(file)
    expected = fingerprint(body["new_key"]) if body.get("new_key") else body["key"]
    if fingerprint(public_of(key)) != expected:
        raise BrokenLog(f"The key at {file} is not the one that signs the log ({expected}).")
    return key


def public_key() -> str:
    """The public key that signs now. Raises `BrokenLog`."""
    return public_of(_key_for(newest()))


def rotate() -> TreeHead:
    """Go over to a new key: a last head, signed by the old one, names it. The old one is erased."""
    coming = key_file().with_suffix(".new")
    coming.unlink(missing_ok=True)
    made = make_key(coming)
    head = seal(announce=public_of(made))
    if head is None:
        coming.unlink()
        raise BrokenLog("The key was not changed: another process seals now, or nothing is sealed.")
    coming.replace(key_file())
    return head


def make_key(file: Path) -> Ed25519PrivateKey:
    """Make a key in `file`, which only its owner may read. Raises `FileExistsError`."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(pem)
        out.flush()
        os.fsync(out.fileno())
    return key


def _load(file: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise BrokenLog(f"The key at {file} cannot be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BrokenLog(f"The key at {file} is no Ed25519 key.")
    return key


# -- The files outside the database ------------------------------------------------------------


class Kept(NamedTuple):
    """A head as the file outside has it."""

    number: int
    body: str
    signature: str

    @staticmethod
    def heads_file() -> Path:
        """One line a head, only added to."""
        return settings.SEAL_DIR / "heads.jsonl"

    @staticmethod
    def tags_file() -> Path:
        """The first bytes of each leaf, at its place: they say which one was changed."""
        return settings.SEAL_DIR / "leaves.tags"

    @classmethod
    def parse(cls, text: str) -> "Kept":
        said = json.loads(text)
        return cls(json.loads(said["body"])["number"], said["body"], said["signature"])

    @classmethod
    def read(cls) -> list["Kept"]:
        """Every head of the file; a last line that was cut off while it was written counts not."""
        if not cls.heads_file().exists():
            return []
        with cls.heads_file().open(encoding="utf-8") as file:
            return [cls.parse(text) for text in file if text.endswith("\n")]

    @classmethod
    def read_last(cls) -> "Kept | None":
        """The last head of the file, without reading all of it."""
        if not cls.heads_file().exists():
            return None
        with cls.heads_file().open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            lines = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return cls.parse(lines[-1].decode()) if lines else None

    @classmethod
    def catch_up(cls) -> None:
        """Write the heads that the file lacks, and the tags of their leaves.

        After the commit: a head in the file that the database never had would look like one that
        was cut off. What a killed process left unwritten is written by the next one.
        """
        with _held(cls.heads_file()) as file:
            last = cls.read_last()
            lacking = TreeHead.objects.order_by("number")
            if last is not None:
                lacking = lacking.filter(number__gt=last.number)
            heads = list(lacking)
            if not heads:
                return
            _write_tags(cls.tags_file(), _size_before(heads[0]), heads[-1].size)
            for head in heads:
                file.write(line(head).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _size_before(head: TreeHead) -> int:
    before = TreeHead.objects.filter(number__lt=head.number).order_by("number").last()
    return before.size if before else 0


def _write_tags(path: Path, start: int, end: int) -> None:
    leaves = SealedLeaf.objects.filter(position__gte=start, position__lt=end).order_by("position")
    tags = b"".join(
        bytes(leaf)[:TAG_BYTES] for leaf in leaves.values_list("hash", flat=True).iterator()
    )
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.seek(start * TAG_BYTES)
        file.write(tags)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _held(path: Path) -> Iterator[Any]:
    """The file, to add to, while no other process does; a line that was cut off is ended first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _drop_cut_line(file)
        yield file


def _drop_cut_line(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - 16_384)
    file.seek(start)
    held = file.read()
    if held and not held.endswith(b"\n"):
        file.truncate(start + held.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)

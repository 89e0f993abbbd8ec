"""The sealed log: its tree, its order, its keys, its files outside, and who can check it."""

import json
import random
import subprocess
import sys
import threading
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pymerkle
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from reviews import audit, jobs, merkle, sealing, tasks, verifying, walls
from reviews.audit import Event
from reviews.models import AuditEvent, Job, SealedLeaf, TreeHead
from reviews.sealing import BrokenLog, Kept
from reviews.verbs import seal
from tests import database, make

ROOT = Path(__file__).resolve().parents[2]
VERIFIER = ROOT / "docs" / "verify_log.py"


def told(count=1, **detail):
    """So many events of the portal."""
    audit.record_all(audit.entry(None, Event.DIGEST_SENT, lines=n, **detail) for n in range(count))


# -- The tree ----------------------------------------------------------------------------------


def leaves(count):
    return [b"row %d" % n for n in range(count)]


def grown(texts):
    frontier = merkle.Frontier()
    for text in texts:
        for _ in frontier.append(merkle.leaf_hash(text)):
            pass
    return frontier


def among(texts):
    """Subtrees of these rows, worked out from the leaves."""

    def subtree(start, size):
        hashes = [merkle.leaf_hash(text) for text in texts[start : start + size]]
        while len(hashes) > 1:
            hashes = [
                merkle.node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)
            ]
        return hashes[0]

    return subtree


def independent(texts):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for text in texts:
        tree.append_entry(text)
    return tree


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 255, 256, 257, 600])
def test_the_tree_is_that_of_an_independent_library(count):
    texts = leaves(count)
    assert grown(texts).root() == independent(texts).get_root()
    assert merkle.frontier_of(count, among(texts)).root() == grown(texts).root()


def test_its_proofs_are_too():
    texts = leaves(300)
    tree = independent(texts)
    draw = random.Random(7)
    for _ in range(40):
        size = draw.randrange(1, 301)
        place = draw.randrange(size)
        path = merkle.inclusion(place, size, among(texts))
        theirs = tree.prove_inclusion(place + 1, size)
        assert [bytes.fromhex(each) for each in theirs.serialize()["path"]][1:] == path
        before = draw.randrange(1, size + 1)
        kept = merkle.consistency(before, size, among(texts))
        assert is_consistent(texts, before, size, kept)


def is_consistent(texts, before, size, path):
    """RFC 9162, 2.1.4.2."""
    first, second = grown(texts[:before]).root(), grown(texts[:size]).root()
    if before == size:
        return path == [] and first == second
    path = [first, *path] if before & (before - 1) == 0 else list(path)
    fn, sn = before - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path.pop(0)
    for other in path:
        if fn & 1 or fn == sn:
            fr, sr = merkle.node_hash(other, fr), merkle.node_hash(other, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = merkle.node_hash(sr, other)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (first, second, 0)


# -- What is sealed ----------------------------------------------------------------------------


def test_every_row_has_one_leaf_and_nothing_new_makes_no_head(db):
    told(3)
    head = sealing.seal_all()
    assert head.size == SealedLeaf.objects.count()
    events = SealedLeaf.objects.filter(kind="event")
    assert set(events.values_list("row_id", flat=True)) == set(
        AuditEvent.objects.values_list("pk", flat=True)
    )
    assert SealedLeaf.objects.filter(kind="book").count() == 1
    assert not SealedLeaf.objects.exclude(vouched=True).exists()
    assert sealing.seal_all() is None
    told()
    assert sealing.seal_all().size == head.size + 1


def test_a_backlog_is_sealed_in_batches(db, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 10)
    told(35)
    sealing.seal_all()
    assert TreeHead.objects.count() > 3
    check = verifying.verify()
    assert (check.found, check.size) == ([], SealedLeaf.objects.count())
    assert SealedLeaf.objects.filter(kind="event").count() == AuditEvent.objects.count()


def test_rows_of_before_marks_are_sealed_as_such_once(db):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_auditevent SET mark = NULL, xact = NULL")
    sealing.seal_all()
    assert verifying.verify().first is None
    AuditEvent.objects.create(actor="Gus Gone", verb="digest.sent")
    sealing.seal_all()
    assert verifying.verify().first.sentence.endswith("was not written by the portal.")


@pytest.mark.parametrize("sees", ["nothing", "one practice"])
def test_every_practice_is_sealed_and_verified_whatever_is_seen_around_it(harbour, lakeside, sees):
    for place in (harbour, lakeside):
        make.patient(place, make.person("clara", place))
    with walls.seeing(walls.UNSET if sees == "nothing" else walls.of([harbour.pk])):
        sealing.seal_all()
        check = verifying.verify()
    assert (check.found, check.size) == ([], SealedLeaf.objects.count())
    sealed = SealedLeaf.objects.filter(kind="event").values("row_id")
    assert {*AuditEvent.objects.values_list("practice_id", flat=True)} > {harbour.pk, lakeside.pk}
    assert not AuditEvent.objects.exclude(pk__in=sealed).exists()


def test_a_mark_survives_a_change_of_the_secret(db, monkeypatch):
    told()
    monkeypatch.setattr(settings, "SECRET_KEY_FALLBACKS", [settings.SECRET_KEY])
    monkeypatch.setattr(settings, "SECRET_KEY", "another secret, as long as the one before")
    told()
    sealing.seal_all()
    assert verifying.verify().first is None


@pytest.mark.parametrize(
    "detail",
    [
        {"lines": 1.0},
        {"lines": 0.1},
        {"lines": 1e20},
        {"lines": {"b": [1, "é\u2028"], "a": None}},
        {"lines": "1.50"},
    ],
)
def test_a_detail_is_the_same_before_and_after_it_was_kept(db, detail):
    number = audit.record(None, Event.DIGEST_SENT, **detail)
    assert sealing.is_the_portals(AuditEvent.objects.get(pk=number))


# -- The order, where several write at once ----------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_sealed_with_the_next_head(rulebook):
    """Its number is lower than those that were sealed before it committed."""
    begun, go_on = threading.Event(), threading.Event()
    late = []

    def slow():
        with transaction.atomic():
            late.append(audit.record(None, Event.DIGEST_SENT, lines=1))
            begun.set()
            go_on.wait(30)
        connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    assert begun.wait(30)
    told()
    quick = AuditEvent.objects.latest("pk").pk
    first = sealing.seal_all()
    go_on.set()
    writer.join()
    assert quick > late[0]
    assert not SealedLeaf.objects.filter(row_id=late[0], kind="event").exists()
    assert verifying.verify().first is None
    second = sealing.seal_all()
    position = SealedLeaf.objects.get(kind="event", row_id=late[0]).position
    assert first.size <= position < second.size
    assert verifying.verify().first is None


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_two_that_seal_miss_nothing(rulebook):
    def write(seed):
        draw = random.Random(seed)
        for _ in range(15):
            with transaction.atomic():
                told(draw.randrange(1, 4))
                connection.cursor().execute("SELECT pg_sleep(%s)", [draw.random() / 100])
        connection.close()

    done = threading.Event()

    def keep_sealing():
        while not done.is_set():
            sealing.seal_all()
        connection.close()

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(4)]
    sealers = [threading.Thread(target=keep_sealing) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    sealing.seal_all()
    check = verifying.verify()
    assert (check.found, check.size) == ([], SealedLeaf.objects.count())
    assert SealedLeaf.objects.filter(kind="event").count() == AuditEvent.objects.count()
    assert [head.number for head in Kept.read()] == [
        *TreeHead.objects.order_by("number").values_list("number", flat=True)
    ]


def test_rows_of_another_server_are_found_by_having_no_leaf(db, monkeypatch):
    """After a restore elsewhere, transactions count from the beginning again."""
    told()
    monkeypatch.setattr(sealing, "running", lambda: (10**12, 1))
    sealing.seal_all()
    told()
    monkeypatch.setattr(sealing, "running", lambda: (3, 2))
    head = sealing.seal_all()
    assert head.size == SealedLeaf.objects.count()
    assert SealedLeaf.objects.filter(kind="event").count() == AuditEvent.objects.count()
    assert verifying.verify().first is None


# -- The files outside -------------------------------------------------------------------------


def test_a_worker_killed_before_it_wrote_the_file_is_made_up_for(db, monkeypatch):
    told()
    sealing.seal_all()
    told()
    with monkeypatch.context() as killed:
        killed.setattr(Kept, "catch_up", lambda: None)
        sealing.seal_all()
    with Kept.heads_file().open("a") as file:
        file.write('{"body": "cut off in the mid')
    assert [head.number for head in Kept.read()] == [1]
    assert verifying.verify().first is None
    told()
    sealing.seal_all()
    assert [head.number for head in Kept.read()] == [1, 2, 3]
    assert Kept.tags_file().stat().st_size == SealedLeaf.objects.count() * sealing.TAG_BYTES


def test_a_file_that_lags_for_long_is_told(db, monkeypatch):
    told()
    sealing.seal_all()
    Kept.heads_file().unlink()
    assert verifying.verify().first is None
    monkeypatch.setattr(verifying, "CATCH_UP_SECONDS", -1)
    assert "ends before tree head 1" in verifying.verify().first.sentence


@pytest.mark.django_db(transaction=True)
def test_after_a_restore_nothing_is_sealed_until_somebody_says_why(rulebook):
    told()
    sealing.seal_all()
    told(5)
    sealing.seal_all()
    with database.without_triggers() as cursor:
        cursor.execute("DELETE FROM reviews_treehead WHERE number = 2")
        cursor.execute(
            "DELETE FROM reviews_auditevent WHERE id IN (SELECT row_id FROM"
            " reviews_sealedleaf WHERE kind = 'event' ORDER BY position DESC LIMIT 5)"
        )
        cursor.execute(
            "DELETE FROM reviews_sealedleaf WHERE position >="
            " (SELECT max(size) FROM reviews_treehead)"
        )
    told()
    with pytest.raises(BrokenLog, match="holds tree head 2, the database 1"):
        sealing.seal_all()
    assert "is missing from the log" in verifying.verify().first.sentence
    call_command("seal", restored="The disk was lost; backup of this morning", stdout=StringIO())
    check = verifying.verify()
    assert (check.found, check.size) == ([], SealedLeaf.objects.count())
    assert [head.number for head in TreeHead.objects.order_by("number")] == [1, 3]
    event = AuditEvent.objects.get(verb="seal.restored")
    assert "backup of this morning" in event.detail["reason"]
    with pytest.raises(CommandError, match="no tree head that the database lacks"):
        call_command("seal", restored="again")
    assert outside(heads=True).returncode == 0


# -- Keys --------------------------------------------------------------------------------------


def test_the_key_is_the_owners_alone_and_made_only_for_a_new_log(db):
    told()
    sealing.seal_all()
    assert sealing.key_file().stat().st_mode & 0o777 == 0o600
    sealing.key_file().unlink()
    told()
    with pytest.raises(BrokenLog, match="Bring it back"):
        sealing.seal_all()
    sealing.make_key(sealing.key_file())
    with pytest.raises(BrokenLog, match="is not the one that signs"):
        sealing.seal_all()
    assert TreeHead.objects.count() == 1


def test_a_new_key_is_named_by_the_old_one(db):
    told()
    sealing.seal_all()
    old = sealing.public_key()
    call_command("seal", new_key=True, stdout=StringIO())
    assert sealing.public_key() != old
    told()
    sealing.seal_all()
    assert verifying.verify().first is None
    assert outside(heads=True, key=old).returncode == 0
    assert outside(heads=True, key=sealing.public_key()).returncode == 1


def test_nothing_is_signed_on_top_of_leaves_that_were_changed(db):
    told(3)
    sealing.seal_all()
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_sealedleaf SET hash = sha256(hash) WHERE position = 1")
    told()
    with pytest.raises(BrokenLog, match="does not fit tree head 1"):
        sealing.seal_all()


# -- Who can check it --------------------------------------------------------------------------


def outside(*, heads=False, key=None, **files):
    """The verifier that knows nothing of the portal, in a process of its own."""
    given = [f"--{name}={path}" for name, path in files.items()]
    return subprocess.run(
        [
            *(sys.executable, "-I", VERIFIER, Kept.heads_file()),
            f"--key={key or json.loads(Kept.read()[0].body)['new_key']}",
            *given,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_verifier_is_short_and_knows_no_django():
    source = VERIFIER.read_text()
    assert len(source.splitlines()) <= 120
    assert "django" not in source.lower()


def test_the_verifier_works_the_log_out_by_itself(db, tmp_path):
    for count in (3, 300, 1):
        told(count)
        sealing.seal_all()
    log = tmp_path / "log.jsonl"
    call_command("seal", log=log, stdout=StringIO())
    done = outside(log=log)
    assert done.returncode == 0, done.stderr
    assert f"{SealedLeaf.objects.count()} rows" in done.stdout
    rows = log.read_text().splitlines(keepends=True)
    for changed in (
        [*rows[:5], rows[5].replace('"id": ', '"id": 1'), *rows[6:]],
        rows[:5] + rows[6:],
        rows[:-1],
        [rows[1], rows[0], *rows[2:]],
    ):
        log.write_text("".join(changed))
        assert outside(log=log).returncode == 1
    log.write_text("".join(rows))
    assert outside(log=log).returncode == 0


def as_export(head, row):
    """An export of one row, whose head says how many there are."""
    told = json.dumps(row) + "\n"
    first = {
        "head": {"body": head.body, "signature": head.signature},
        "rows": 1,
        "digest": sha256(told.encode()).hexdigest(),
    }
    return json.dumps(first) + "\n" + told


def test_a_proof_of_a_row_is_checked_without_the_log(db, tmp_path):
    told(300)
    sealing.seal_all()
    told(70)
    head = sealing.seal_all()
    stored = sealing.Stored()
    export = tmp_path / "events.ndjson"
    for event in AuditEvent.objects.order_by("?")[:20]:
        proof = sealing.prove("event", event.pk, head, stored)
        row = {"text": proof.text, "position": proof.position, "path": proof.path}
        export.write_text(as_export(head, row))
        done = outside(export=export)
        assert done.returncode == 0, done.stderr
    row["text"] = row["text"].replace("digest", "Digest")
    export.write_text(as_export(head, row))
    assert outside(export=export).returncode == 1


def test_the_text_of_a_leaf_is_its_row_in_full(db):
    """A column that is added later must be sealed as well, or be said not to be."""
    sealing.seal_all()
    columns = {
        "event": (AuditEvent, set()),
    }
    for kind, (model, left_out) in columns.items():
        leaf = SealedLeaf.objects.filter(kind=kind).last()
        said = json.loads(sealing.prove(kind, leaf.row_id, sealing.newest()).text)
        names = {field.column for field in model._meta.concrete_fields}
        assert names - left_out == said.keys() - {"kind", "vouched"}


# -- Verifying ---------------------------------------------------------------------------------


def test_the_command_says_whole_or_names_the_first_wrong_row(db):
    told(3)
    sealing.seal_all()
    out = StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue().startswith("Whole: ")
    event = AuditEvent.objects.latest("pk")
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_auditevent SET actor = 'Nobody' WHERE id = %s", [event.pk])
    with pytest.raises(CommandError, match=rf"Event {event.pk} of .* was changed since it was"):
        call_command("verify", stdout=out)


def test_it_is_verified_in_slices_as_a_job(harbour, audrey, monkeypatch):
    monkeypatch.setattr(verifying, "SLICE", 7)
    told(50)
    sealing.seal_all()
    job = seal.ask_to_verify(by=audrey)
    assert seal.ask_to_verify(by=audrey) is None
    for _ in range(100):
        jobs.work(tasks.KINDS, seconds=0)
        job.refresh_from_db()
        if job.ended_at:
            break
    assert job.state == Job.State.DONE
    assert job.result["whole"] is True
    assert job.result["rows"] == SealedLeaf.objects.count()


def test_the_clock_seals_and_asks_for_a_verification(db):
    told()
    tasks.seal_what_is_new()
    assert TreeHead.objects.count() == 1
    tasks.verify_what_is_sealed()
    assert Job.objects.get(kind=seal.VERIFY).asked_by is None


def test_heads_are_chained_by_the_digest_of_the_one_before(db):
    for _ in range(3):
        told()
        sealing.seal_all()
    before = ""
    for head in TreeHead.objects.order_by("number"):
        assert json.loads(head.body)["previous"] == before
        before = sha256(head.body.encode()).hexdigest()


def test_nobody_changes_the_log_by_hand(db):
    told()
    sealing.seal_all()
    for model in (SealedLeaf, TreeHead):
        with (
            database.as_owner(),
            pytest.raises(DatabaseError, match="Cannot update or delete"),
            transaction.atomic(),
        ):
            model.objects.all().delete()

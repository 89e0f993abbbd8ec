"""The feed of changes: whatever writes, whenever it commits, whoever follows misses nothing."""

import os
import random
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from reviews import access, feed, walls
from reviews.models import (
    AuditEvent,
    Change,
    Feed,
    ImportNote,
    Membership,
    Prescription,
    Role,
)
from reviews.verbs import clients, decide
from tests import database, make
from tests.api import sent
from tests.api.conftest import make_system
from tests.api.following import PATIENCE_SECONDS, Follower, wait_for_horizon
from tests.api.test_sync import is_problem
from tests.verbs.test_decide import outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.horizon]
SECONDS = float(os.environ.get("FEED_SECONDS", "5"))
LOADER, PASSWORD = "portal_test_loader", "only-for-tests"


@pytest.fixture
def follower(system):
    return Follower(system)


def told(changes):
    """`[(type, op)]`, sorted."""
    return sorted((change["type"], change["op"]) for change in changes)


# -- What is told ----------------------------------------------------------------------------------


def test_a_sync_is_told_in_thin_rows(system, follower, harbour):
    assert system.sync([sent.prescription()]).json()["created"] == 1
    news = follower.news()
    assert told(news) == [("patients", "created"), ("prescriptions", "created")]
    [order] = [change for change in news if change["type"] == "prescriptions"]
    row = Prescription.objects.get()
    assert order == {
        "type": "prescriptions",
        "id": row.pk,
        "version": 1,
        "op": "created",
        "practice": "harbour",
        "patient": row.patient_id,
        "at": order["at"],
        "address": f"/api/v1/prescriptions/{row.pk}",
    }
    assert system.http.get(order["address"], headers=system._headers()).status_code == 200
    assert follower.news() == []


def test_what_was_there_before_is_not_told(system):
    system.sync([sent.prescription()])
    wait_for_horizon()
    assert Follower(system).news() == []


def test_the_same_again_is_no_change(system, follower):
    system.sync([sent.prescription()])
    follower.news()
    assert system.sync([sent.prescription()]).json()["unchanged"] == 1
    assert follower.news() == []


def test_an_amendment_changes_the_old_version_and_makes_a_new_one(system, follower):
    system.sync([sent.prescription()])
    follower.news()
    system.sync([sent.prescription(times_per_day=3)])
    assert told(follower.news()) == [("prescriptions", "created"), ("prescriptions", "updated")]


def test_all_that_the_record_is_made_of_is_told(system, follower, harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    system.sync([sent.condition()], kind="conditions")
    system.sync([sent.reading()], kind="readings")
    system.sync([sent.prescription(dose=-1)])
    decide.decide(case=case, outcomes=outcomes(case), by=ravi, seen=case.lock)
    kinds = {change["type"] for change in follower.news()}
    assert kinds >= {"patients", "prescriptions", "conditions", "readings", "notes"}
    assert kinds >= {"flags", "cases", "decisions", "screenings"}


def test_every_kind_has_its_triggers(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(prosrc FROM 'SELECT ''(\\w+)'''), count(*) FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = tgfoid WHERE tgname LIKE 'told_%'"
            " AND tgname <> 'told_emptied' GROUP BY 1"
        )
        assert dict(cursor.fetchall()) == dict.fromkeys(feed.KINDS, 3)


def test_what_is_deleted_leaves_a_tombstone(system, follower, harbour, clara):
    patient = make.flagged_case(harbour, logged_by=clara).patient
    follower.news()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reviews_patientscreening")
    [change] = follower.news()
    assert (change["type"], change["op"], change["id"]) == ("screenings", "deleted", patient.pk)
    assert change["address"] is None


def test_bulk_statements_and_copy_are_told_row_by_row(system, follower, harbour, clara):
    patient = make.patient(harbour, clara)
    follower.news()
    columns = (
        "patient_id, practice_id, source_system, kind, about, refused, medicine, reason, answer"
    )
    with database.as_owner(), connection.cursor() as cursor:
        with cursor.copy(f"COPY reviews_importnote ({columns}) FROM STDIN") as copy:
            for number in range(3):
                copy.write_row(
                    (patient.pk, harbour.pk, "x", "patient", f"c{number}", False, "", "r", "")
                )
        cursor.execute(
            f"INSERT INTO reviews_importnote ({columns}) SELECT %s, %s, 'x', 'patient',"
            " 'i' || n, false, '', 'r', '' FROM generate_series(1, 4) n",
            [patient.pk, harbour.pk],
        )
        cursor.execute("UPDATE reviews_importnote SET ended_at = now() WHERE about LIKE 'c%'")
    assert told(follower.news()) == [("notes", "created")] * 7 + [("notes", "updated")] * 3


def test_a_savepoint_that_was_rolled_back_leaves_nothing(system, follower, harbour, clara):
    with transaction.atomic():
        make.patient(harbour, clara)
        inner = transaction.atomic()
        inner.__enter__()
        make.patient(harbour, clara, family_name="Other")
        inner.__exit__(KeyError, KeyError(), None)
    assert told(follower.news()) == [("patients", "created")]


def test_nobody_but_the_triggers_writes_to_the_feed(harbour):
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        walls.seeing(walls.EVERYTHING),
    ):
        Change.objects.create(kind="flags", op="created", row=1, practice=harbour)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Change.objects.update(row=1)


# -- To whom ---------------------------------------------------------------------------------------


def test_a_key_is_told_of_its_own_practices(system, harbour, lakeside, ada, clara):
    adele = make.person("adele", harbour, Role.FORMULARY_ADMIN)
    Membership.objects.create(user=adele, practice=lakeside, role=Role.FORMULARY_ADMIN)
    access.forget(adele)
    elsewhere = make_system(lakeside, by=adele, source="other")
    everywhere = make_system(harbour, lakeside, by=adele, source="all")
    followers = [Follower(each) for each in (system, elsewhere, everywhere)]
    only_lakeside = Follower(everywhere, practice="lakeside")
    system.sync([sent.prescription()])
    elsewhere.sync([sent.prescription(), sent.prescription("rx-2")])
    counts = [len(each.news()) for each in (*followers, only_lakeside)]
    assert counts == [2, 3, 5, 3]


def test_only_a_key_for_records_follows(harbour, maeve, client, clara):
    _, secret = clients.make_key(
        name="Staff", source_system="hr", practices=[harbour], kind="people", by=maeve
    )
    answer = client.get("/api/v1/changes", headers={"Authorization": f"Bearer {secret}"})
    is_problem(answer, 403)
    client.force_login(clara)
    is_problem(client.get("/api/v1/changes"), 401)


def test_each_answer_stands_in_the_trail(system, follower, harbour):
    system.sync([sent.prescription()])
    follower.news()
    event = AuditEvent.objects.filter(verb="api.read").latest("pk")
    patient = Prescription.objects.get().patient_id
    assert (event.detail["resource"], event.detail["rows"]) == ("changes", 2)
    assert event.detail["shown"] == [patient]


# -- Questions -------------------------------------------------------------------------------------


def test_types_and_limit(system):
    patients = Follower(system, types="patients,notes")
    everything = Follower(system)
    system.sync([sent.prescription(f"rx-{n}", str(n)) for n in range(7)])
    assert told(patients.news(limit=3)) == [("patients", "created")] * 7
    found = everything.news(limit=4)
    assert len(found) == 14
    assert len({(change["type"], change["id"]) for change in found}) == 14


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"types": "people"}, "types"),
        ({"types": "flags,"}, "types"),
        ({"limit": 0}, "limit"),
        ({"limit": 5001}, "limit"),
        # Nobody says nothing by mistake and begins anew in silence.
        ({"since": ""}, "since"),
        ({"types": ""}, "types"),
        ({"practice": ""}, "practice"),
        ({"since": "x"}, "since"),
        ({"since": "é"}, "since"),
        ({"since": "W10"}, "since"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(system, query, field):
    problem = is_problem(system.get("changes", **query), 400)
    assert field in problem["detail"]


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_no_text_is_taken_for_a_cursor(text):
    with pytest.raises(feed.BadRecord, match="cursor"):
        feed._read(text)


# -- Until when ------------------------------------------------------------------------------------


def test_a_change_that_is_too_old_is_removed_and_its_cursor_refused(system, follower, harbour):
    system.sync([sent.prescription()])
    wait_for_horizon()
    early = follower.since
    system.sync([sent.prescription("rx-2")])
    with database.without_triggers() as cursor:
        cursor.execute(
            "UPDATE reviews_change SET at = at - interval '31 days' WHERE row = ("
            "SELECT max(row) FROM reviews_change WHERE kind = 'patients')"
        )
        cursor.execute("UPDATE reviews_change SET at = now() WHERE kind <> 'patients'")
    wait_for_horizon()
    order = list(Change.objects.order_by("xact", "seq").values_list("kind", flat=True))
    assert feed.prune() == order.index("prescriptions")
    if order.index("prescriptions"):
        problem = is_problem(follower.system.get("changes", since=early), 410)
        assert "without “since”" in problem["detail"]


def test_only_a_beginning_of_the_order_is_removed(system, follower, harbour, monkeypatch):
    monkeypatch.setattr(feed, "PRUNED_AT_ONCE", 3)
    system.sync([sent.prescription(f"rx-{n}", str(n)) for n in range(10)])
    ordered = list(Change.objects.order_by("xact", "seq"))
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_change SET at = now() - interval '31 days'")
        cursor.execute("UPDATE reviews_change SET at = now() WHERE seq = %s", [ordered[7].seq])
    wait_for_horizon()
    assert feed.prune() == 7
    assert list(Change.objects.order_by("xact", "seq")) == ordered[7:]
    is_problem(follower.system.get("changes", since=follower.since), 410)
    # Behind what was removed, a cursor goes on.
    state = Feed.objects.get()
    at = feed._write(feed._Cursor(state.name, ordered[6].xact, ordered[6].seq))
    assert len(system.get("changes", since=at).json()["results"]) == 13
    assert feed.prune() == 0


def test_a_restored_database_has_another_feed(system, follower, harbour):
    system.sync([sent.prescription()])
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE reviews_feed SET place = 'another server'")
    problem = is_problem(system.get("changes", since=follower.since), 410)
    assert "restored" in problem["detail"]
    assert not Change.objects.exists(), "their numbers are of another server"
    again = Follower(system)
    system.sync([sent.prescription("rx-2")])
    assert told(again.news()) == [("prescriptions", "created")]


def test_a_cursor_beyond_all_that_was_written_is_of_a_database_that_was_taken_back(
    system, follower
):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        [(newest,)] = cursor.fetchall()
    ahead = feed._write(feed._Cursor(Feed.objects.get().name, newest + 1_000_000, 0))
    is_problem(system.get("changes", since=ahead), 410)
    assert system.get("changes", since=follower.since).status_code == 200


def test_what_a_cursor_stands_on_is_on_the_disk_before_it_goes_out(system, follower):
    """PostgreSQL gives the numbers again that were lost in a crash: see `reviews.feed`."""
    unwaited = "SET LOCAL synchronous_commit = off"
    for path, query, waits in (
        ("changes", {}, True),
        ("changes", {"since": follower.since}, True),
        ("patients", {}, False),
    ):
        with CaptureQueriesContext(connection) as captured:
            assert system.get(path, **query).status_code == 200
        said = [each["sql"] for each in captured]
        assert any("reviews_auditevent" in sql for sql in said)
        assert any(unwaited in sql for sql in said) is not waits, path


def test_an_emptied_table_ends_the_feed(system, follower, harbour):
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE reviews_patientscreening")
    is_problem(system.get("changes", since=follower.since), 410)


def test_a_table_made_anew_is_another_place(db):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {feed.PLACE}")
        [(before,)] = cursor.fetchall()
    assert len(before.split(".")) == 4
    feed.begin_anew()
    assert Feed.objects.get().place == before


# -- Whoever commits late --------------------------------------------------------------------------


@contextmanager
def another_session(role=None):
    """A connection of its own, with the sight of the portal; `role` None is the owner."""
    given = connection.get_connection_params()
    wanted = {name: given[name] for name in ("user", "password", "host", "port") if name in given}
    if role == LOADER:
        wanted |= {"user": LOADER, "password": PASSWORD}
    with psycopg.connect(**wanted, dbname=connection.settings_dict["NAME"]) as session:
        session.autocommit = True
        session.execute(walls.SEE_EVERYTHING)
        if role not in (None, LOADER):
            session.execute(f"SET ROLE {role}")
        yield session


NOTE = (
    "INSERT INTO reviews_importnote"
    " (patient_id, practice_id, source_system, kind, about, refused, medicine, reason, answer)"
    " SELECT %s, %s, 'x', 'patient', %s || n, false, '', 'r', '' FROM generate_series(1, %s) n"
)


def test_a_slow_first_writer_delays_and_is_not_missed(system, follower, harbour, clara):
    patient = make.patient(harbour, clara)
    follower.news()
    with another_session() as slow, slow.transaction():
        slow.execute(NOTE, [patient.pk, harbour.pk, "slow", 1])
        with another_session() as quick:
            quick.execute(NOTE, [patient.pk, harbour.pk, "quick", 1])
        page = follower.get(since=follower.since)
        assert page["results"] == [], "the quick one lies behind the horizon"
        follower.since = page["next"]
    news = follower.news()
    assert [ImportNote.objects.get(pk=change["id"]).about for change in news] == [
        "slow1",
        "quick1",
    ], "each once, in the order of their transactions"


def test_the_lag_says_how_long_somebody_holds_the_feed(client, harbour, clara):
    patient = make.patient(harbour, clara)
    wait_for_horizon()
    with another_session() as slow, slow.transaction():
        slow.execute(NOTE, [patient.pk, harbour.pk, "slow", 1])
        with another_session() as quick:
            quick.execute(NOTE, [patient.pk, harbour.pk, "quick", 1])
        time.sleep(0.3)
        said = client.get("/healthz").json()
    assert said["feed_lag_seconds"] >= 0.2
    assert said["feed_held_seconds"] >= 0.2
    wait_for_horizon()
    assert client.get("/healthz").json()["feed_lag_seconds"] is None


# -- The proof -------------------------------------------------------------------------------------


class Writers:
    """Eight writers in three roles, who roll back, prepare, are slow, and are killed."""

    def __init__(self, practice, patients, seed):
        self.practice, self.patients = practice, patients
        self.random = random.Random(seed)
        self.over = threading.Event()
        self.committed = self.killed = self.prepared = 0
        self.pids = {}
        roles = [settings.DATABASE_ROLE, LOADER, None]
        self.threads = [
            threading.Thread(target=self._write, args=(number, roles[number % 3]), daemon=True)
            for number in range(8)
        ]
        self.threads.append(threading.Thread(target=self._kill, daemon=True))

    def run(self, seconds, meanwhile):
        for thread in self.threads:
            thread.start()
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                meanwhile()
        finally:
            self.over.set()
            for thread in self.threads:
                thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in self.threads)

    def _write(self, number, role):
        rng = random.Random(self.random.random())
        while not self.over.is_set():
            try:
                with another_session(role) as session:
                    self.pids[number] = session.info.backend_pid
                    while not self.over.is_set():
                        self._transaction(session, number, rng)
            except (psycopg.Error, psycopg.Rollback):
                pass  # killed, or a deadlock ended it: begin again

    def _transaction(self, session, number, rng):
        if number == 0:
            self._prepared(session, rng)
            return
        try:
            with session.transaction():
                self._statements(session, rng)
                if rng.random() < 0.3:
                    with session.transaction(force_rollback=rng.random() < 0.5):
                        self._statements(session, rng)
                # The second one is slow: others begin later and commit earlier.
                time.sleep(rng.uniform(0.3, 0.8) if number == 1 else rng.uniform(0, 0.02))
                if rng.random() < 0.2:
                    raise psycopg.Rollback
            self.committed += 1
        except psycopg.errors.DeadlockDetected:
            pass

    def _prepared(self, session, rng):
        name = f"feed {rng.random()}"
        session.execute("BEGIN")
        try:
            self._statements(session, rng)
            session.execute(f"PREPARE TRANSACTION '{name}'")
        except psycopg.errors.DeadlockDetected:
            session.execute("ROLLBACK")
            return
        try:
            time.sleep(rng.uniform(0.05, 0.3))
        finally:
            # By a session of its own: this one may have been killed, and the transaction stays.
            with another_session(settings.DATABASE_ROLE) as other:
                what = "COMMIT" if rng.random() < 0.7 else "ROLLBACK"
                other.execute(f"{what} PREPARED '{name}'")
        self.prepared += 1

    def _statements(self, session, rng):
        for _ in range(rng.randint(1, 3)):
            patient = rng.choice(self.patients)
            match rng.randrange(5):
                case 0:
                    session.execute(NOTE, [patient, self.practice, "n", rng.randint(1, 8)])
                case 1:
                    session.execute(
                        "UPDATE reviews_importnote SET ended_at = clock_timestamp() WHERE id IN ("
                        "SELECT id FROM reviews_importnote WHERE patient_id = %s"
                        " AND ended_at IS NULL ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED)",
                        [patient],
                    )
                case 2:
                    session.execute(
                        "INSERT INTO reviews_patientscreening (patient_id, not_evaluable, problem)"
                        " VALUES (%s, '[]', %s) ON CONFLICT (patient_id)"
                        " DO UPDATE SET problem = excluded.problem",
                        [patient, str(rng.random())],
                    )
                case 3:
                    session.execute(
                        "DELETE FROM reviews_patientscreening WHERE patient_id = %s", [patient]
                    )
                case 4:
                    session.execute(
                        "UPDATE reviews_patient SET registered_at = clock_timestamp()"
                        " WHERE id = %s",
                        [patient],
                    )

    def _kill(self):
        with another_session() as session:
            while not self.over.wait(0.25):
                pid = self.random.choice(list(self.pids.values()) or [0])
                session.execute("SELECT pg_terminate_backend(%s)", [pid])
                self.killed += 1


class Copy:
    """What a follower keeps: of each row that changed what it says, read after it was told."""

    TABLES = {
        "notes": ("reviews_importnote", "id"),
        "screenings": ("reviews_patientscreening", "patient_id"),
        "patients": ("reviews_patient", "id"),
    }

    def __init__(self, practice):
        self.seen = [([practice], feed.KINDS)]
        self.since = feed.changes(since="", seen=self.seen, limit=1).next
        self.rows, self.met = {}, []

    def follow(self):
        found = feed.changes(since=self.since, seen=self.seen, limit=200)
        self.since = found.next
        self.met += [(row.xact, row.seq) for row in found.rows]
        for kind, (table, key) in self.TABLES.items():
            ids = {row.row for row in found.rows if row.kind == kind}
            now = dict(
                self.read(
                    f"SELECT {key}, t::text FROM {table} t WHERE {key} = ANY (%s)", [list(ids)]
                )
            )
            for pk in ids:
                if pk in now:
                    self.rows[kind, pk] = now[pk]
                else:
                    self.rows.pop((kind, pk), None)
        return found.more

    def read(self, sql, given=()):
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            return cursor.fetchall()

    def there(self):
        return {
            (kind, pk): said
            for kind, (table, key) in self.TABLES.items()
            for pk, said in self.read(f"SELECT {key}, t::text FROM {table} t")
        }


@pytest.fixture
def loader(db):
    """A role of somebody else's, who writes to the record and has no right to the feed."""
    tables = ", ".join(table for table, _ in Copy.TABLES.values())
    with another_session() as session:
        found = session.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOADER]).fetchone()
        what = "ALTER" if found is not None else "CREATE"
        session.execute(f"{what} ROLE {LOADER} LOGIN PASSWORD '{PASSWORD}'")
        session.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {LOADER}")
        session.execute(f"GRANT SELECT ON reviews_patientversion, reviews_case TO {LOADER}")
        session.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {LOADER}")
        yield LOADER
        session.execute(f"DROP OWNED BY {LOADER}")


def test_a_copy_by_the_feed_equals_the_record(harbour, clara, loader):
    patients = [make.patient(harbour, clara, family_name=f"P{n}").pk for n in range(30)]
    copy = Copy(harbour.pk)
    # What was there before is read from the lists, after the cursor was taken.
    copy.rows = copy.there()
    writers = Writers(harbour.pk, patients, seed=5)
    writers.run(SECONDS, copy.follow)
    wait_for_horizon()
    while copy.follow():
        pass
    assert copy.rows == copy.there()
    assert len(copy.met) == len(set(copy.met)), "nothing twice"
    assert copy.met == sorted(copy.met), "in one order"
    assert set(copy.met) >= set(Change.objects.values_list("xact", "seq")), "nothing missed"
    assert writers.committed > 50
    assert writers.killed > 5
    assert writers.prepared > 3


def test_the_proof_finds_a_feed_without_a_horizon(harbour, clara, loader, monkeypatch):
    """Without it, what commits late is missed: the proof sees it."""
    # The newest transaction in place of the oldest that is still open.
    without = feed._PAGE.replace("pg_snapshot_xmin", "pg_snapshot_xmax")
    assert without != feed._PAGE
    monkeypatch.setattr(feed, "_PAGE", without)
    patients = [make.patient(harbour, clara, family_name=f"P{n}").pk for n in range(30)]
    copy = Copy(harbour.pk)
    writers = Writers(harbour.pk, patients, seed=6)
    writers.run(3, copy.follow)
    while copy.follow():
        pass
    assert not set(copy.met) >= set(Change.objects.values_list("xact", "seq"))

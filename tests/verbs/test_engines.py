"""The engine: named by its sources, kept with what it judged, and everybody is judged by one."""

import ast
import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from reviews import engines as room
from reviews import jobs as jobs_room
from reviews import tasks
from reviews.errors import NotFound, Stale
from reviews.models import (
    AuditEvent,
    Engine,
    Flag,
    Job,
    PatientScreening,
    ScreeningRequest,
)
from reviews.rules import ENGINE
from reviews.rules.engine import READERS, engine_of
from reviews.rules.engine import Engine as Named
from reviews.verbs import engines, jobs, screen
from tests import database, make

LATER = make.LATER


@pytest.fixture
def tree(tmp_path):
    """Two rules, an example and a reader of dossiers, in a folder of their own."""
    rules = tmp_path / "rules"
    (rules / "examples").mkdir(parents=True)
    (rules / "duration.py").write_text("LIMIT = 28\n")
    (rules / "doses.py").write_text("MOST = 30\n")
    (rules / "examples" / "duration.py").write_text("DAYS = 29\n")
    (tmp_path / "dossiers.py").write_text("COLUMNS = 3\n")
    return tmp_path


def named(tree):
    return engine_of(tree / "rules", (tree / "dossiers.py",))


def test_the_name_is_the_beginning_of_the_digest(tree):
    assert len(named(tree).digest) == 64
    assert named(tree).name == named(tree).digest[:8]
    assert named(tree) == named(tree)


@pytest.mark.parametrize("changed", ["rules/duration.py", "rules/new.py", "dossiers.py"])
def test_what_judges_changes_the_engine(tree, changed):
    before = named(tree)
    (tree / changed).write_text("LIMIT = 27\n")
    assert named(tree) != before


def test_a_module_of_another_name_is_another_engine(tree):
    before = named(tree)
    (tree / "rules" / "duration.py").rename(tree / "rules" / "durations.py")
    assert named(tree) != before


def test_nothing_else_changes_it(tree):
    before = named(tree)
    (tree / "rules" / "duration.py").write_bytes(b"LIMIT = 28\r\n")
    (tree / "rules" / "examples" / "duration.py").write_text("DAYS = 30\n")
    (tree / "rules" / "__pycache__").mkdir()
    (tree / "rules" / "__pycache__" / "duration.pyc").write_bytes(b"compiled")
    assert named(tree) == before
    moved = tree.rename(tree.parent / "elsewhere")
    assert named(moved) == before


def test_rules_without_sources_have_no_name(tmp_path):
    with pytest.raises(RuntimeError, match="holds no sources"):
        engine_of(tmp_path, ())


# What the reader of dossiers uses besides: none of it decides what is read of a record.
BESIDES = {
    "reviews.bulk": "how rows travel",
    "reviews.models": "names of tables",
    "reviews.models.versioned": "which version of a row is meant",
    "reviews.records": "for what is not saved yet",
}


def test_all_that_reads_a_record_for_the_rules_counts():
    """A module that the reader begins to use is counted, or is named above with its reason."""
    counted = {f"reviews.{path.stem}" for path in READERS}
    used = set()
    for path in READERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "reviews":
                used |= {f"reviews.{name.name}" for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(node.module)
    ours = {name for name in used if name.startswith("reviews.")}
    beyond = {name for name in ours if not name.startswith("reviews.rules.")} - counted
    assert beyond <= set(BESIDES)
    assert counted & ours, "a test that finds no import of the readers shows nothing"


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def waiting():
    bulk = ScreeningRequest.Priority.BULK
    rows = ScreeningRequest.objects.filter(priority=bulk, reason="engine")
    return sorted(rows.values_list("patient_id", flat=True))


def changes():
    return list(AuditEvent.objects.filter(verb="engine.changed").order_by("pk"))


def test_what_is_judged_says_by_which_engine(case, rulebook):
    engine = Engine.objects.get()
    assert (engine.digest, engine.name, engine.is_current) == (*ENGINE, True)
    assert set(Flag.objects.values_list("engine", flat=True)) == {engine.pk}
    assert PatientScreening.objects.get(patient=case.patient).engine == engine
    assert rulebook.engine == engine


def test_the_same_code_again_asks_for_nobody(case):
    before = len(changes())
    assert engines.adopt() == 0
    assert not ScreeningRequest.objects.exists()
    assert not Job.objects.exists()
    assert len(changes()) == before


def test_other_code_asks_for_everybody_treated(case, harbour, clara, another):
    untreated = make.patient(harbour, clara)
    screen.drain()
    another()
    assert engines.adopt() == 1
    assert waiting() == [case.patient_id]
    assert untreated.pk not in waiting()
    said = changes()[-1]
    assert said.actor == "the portal"
    assert said.detail == {
        "before": ENGINE.name,
        "after": LATER.name,
        "digest": LATER.digest,
        "patients": 1,
    }
    assert engines.adopt() == 0
    assert waiting() == [case.patient_id]


def test_a_flag_keeps_the_engine_that_made_it(case, another):
    first = Engine.objects.get()
    same = Flag.objects.get(rule_id="DUR-01")
    another()
    engines.adopt()
    screen.drain()
    same.refresh_from_db()
    assert (same.engine, same.ended_at) == (first, None)
    assert PatientScreening.objects.get(patient=case.patient).engine.name == LATER.name


def test_a_flag_made_since_names_the_engine_of_its_time(case, clara, another):
    old = Flag.objects.get(rule_id="DUR-01")
    another()
    engines.adopt()
    make.prescription(case.patient, clara, start=1, days=7)
    screen.drain()
    new = Flag.objects.live().get(rule_id="DUR-01")
    old.refresh_from_db()
    assert new.supersedes == old
    assert (old.engine.name, new.engine.name) == (ENGINE.name, LATER.name)


def test_older_code_does_not_judge(case, clara, another):
    another()
    engines.adopt()
    another(ENGINE)
    make.prescription(case.patient, clara)
    with pytest.raises(Stale, match=f"runs engine {ENGINE.name}, and the portal's is"):
        screen.drain()
    assert ScreeningRequest.objects.filter(patient=case.patient).count() == 2
    assert PatientScreening.objects.get(patient=case.patient).engine.name == ENGINE.name


def test_before_the_first_engine_nobody_judges(db):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_engine SET is_current = false")
    with pytest.raises(NotFound, match="run prepare first"):
        screen.drain()


def test_a_rollback_makes_the_engine_before_the_portals_again(case, another):
    another()
    engines.adopt()
    screen.drain()
    another(ENGINE)
    assert engines.adopt() == 1
    screen.drain()
    assert room.current().name == ENGINE.name
    assert Engine.objects.count() == 2
    assert PatientScreening.objects.get(patient=case.patient).engine.name == ENGINE.name


def test_a_rollback_leaves_alone_whom_the_engine_has_judged(case, another):
    another()
    engines.adopt()
    another(ENGINE)
    assert engines.adopt() == 0


def test_what_was_judged_before_engines_were_recorded_is_judged_again(case, another):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_flag SET engine_id = NULL")
        cursor.execute("UPDATE reviews_patientscreening SET engine_id = NULL")
        cursor.execute("UPDATE reviews_screeningrun SET engine_id = NULL")
        cursor.execute("UPDATE reviews_ruleversion SET engine_id = NULL")
        cursor.execute("DELETE FROM reviews_engine")
    assert engines.adopt() == 1
    assert changes()[-1].detail["before"] is None
    screen.drain()
    assert Flag.objects.get(rule_id="DUR-01").engine is None
    assert PatientScreening.objects.get(patient=case.patient).engine.name == ENGINE.name


def test_the_rescreen_is_a_job_that_ends_with_the_last_patient(case, harbour, clara, another):
    make.prescription(make.patient(harbour, clara), clara)
    screen.drain()
    another()
    assert engines.adopt() == 2
    job = Job.objects.get()
    assert (job.total, job.done, job.state, job.asked_by) == (2, 0, "waiting", None)
    assert LATER.name in job.title
    tasks.work()
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 0)
    screen.batch(limit=1)
    look(job)
    assert (job.state, job.done) == ("running", 1)
    screen.batch(limit=1)
    look(job)
    assert (job.state, job.done) == ("done", 2)
    assert job.note == "2 patients are judged by it."


def look(job):
    """Let the time pass until the next slice is due, and do it."""
    Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
    tasks.work()
    job.refresh_from_db()


def test_whom_code_without_engines_took_is_asked_for_again(case, another):
    another()
    engines.adopt()
    ScreeningRequest.objects.all().delete()
    job = Job.objects.get()
    look(job)
    assert (job.state, job.done) == ("running", 0)
    assert waiting() == [case.patient_id]
    screen.drain()
    look(job)
    assert job.state == "done"


def test_a_patient_who_cannot_be_judged_keeps_the_job_going(case, another, monkeypatch):
    another()
    engines.adopt()
    monkeypatch.setattr(screen, "screen", lambda *_: 1 / 0)
    screen.drain()
    job = Job.objects.get()
    look(job)
    assert (job.state, job.done) == ("running", 0)


def test_the_next_engine_ends_the_rescreen_of_the_one_before(case, another):
    another()
    engines.adopt()
    another(Named(digest="beef" * 16, name="beefbeef"))
    engines.adopt()
    first, second = Job.objects.order_by("pk")
    assert (first.state, second.state) == ("cancelled", "waiting")
    assert first.note == "Engine beefbeef came before it was done."
    assert AuditEvent.objects.get(verb="job.cancelled").subject == f"job {first.pk}"


def test_the_database_holds_one_engine_as_the_portals(db):
    with pytest.raises(IntegrityError, match="one_current_engine"), transaction.atomic():
        Engine.objects.create(
            digest="0" * 64, name="00000000", is_current=True, current_since="2026-01-01T00:00Z"
        )
    with pytest.raises(IntegrityError, match="engine_current_has_a_time"), transaction.atomic():
        Engine.objects.update(current_since=None)
    for change in ({"digest": "0" * 64}, {"name": "00000000"}):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            Engine.objects.update(**change)
    with (
        pytest.raises(DatabaseError, match="Cannot delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM reviews_engine")


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_ask_once(harbour, clara, another):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara)
    screen.drain()
    another()
    asked, ready = [], threading.Barrier(2)

    def start():
        ready.wait()
        try:
            asked.append(engines.adopt())
        finally:
            connections.close_all()

    starts = [threading.Thread(target=start) for _ in range(2)]
    for each in starts:
        each.start()
    for each in starts:
        each.join(timeout=20)
    assert sorted(asked) == [0, 1]
    assert waiting() == [treated.pk]
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_another_engine_waits_for_who_judges_and_others_for_it(harbour, clara, another):
    """A batch that began by the old engine ends before the new one asks for anybody."""
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara)
    screen.drain()
    began = threading.Event()
    asked = []

    def start():
        began.set()
        try:
            asked.append(engines.adopt())
        finally:
            connections.close_all()

    upgrade = threading.Thread(target=start)
    with transaction.atomic():
        room.hold()
        another()
        upgrade.start()
        began.wait(10)
        upgrade.join(timeout=0.5)
        assert upgrade.is_alive()
        assert asked == []
    upgrade.join(timeout=20)
    assert asked == [1]


def test_nobody_cancels_a_rescreen(case, another, ada):
    another()
    engines.adopt()
    job = Job.objects.get()
    assert not jobs.may_cancel(job, ada)
    with pytest.raises(jobs.IllegalMove, match="cannot be cancelled"):
        jobs.cancel(job=job, by=ada)
    assert jobs_room.waiting()

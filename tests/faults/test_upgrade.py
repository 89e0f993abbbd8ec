"""A release whose rules judge otherwise: everybody treated is judged again, by it alone."""

import shutil
import subprocess
import sys

import pytest
from django.db import connection

from reviews.models import AuditEvent, Engine, Flag, Job, PatientScreening, Prescription
from reviews.rules import ENGINE

from .parts import ROOT, until

pytestmark = pytest.mark.faults
PEOPLE = 150
CODE = ("drugs", "portal", "reviews", "templates", "manage.py")


@pytest.fixture
def release(tmp_path):
    """A copy of the code in which one rule says something else, and others stay as they are."""
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    rule = tmp_path / "reviews" / "rules" / "duration.py"
    before = rule.read_text()
    after = before.replace('f"is {over} days."', 'f"allows {over} days."')
    assert after != before, "the words that this test changes are no longer in the rule"
    rule.write_text(after)
    return tmp_path


def prepare(portal, tree):
    """What a new release is started with."""
    return subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        cwd=tree,
        env=portal.environment() | {"PORTAL_VAR": str(tree / "var")},
        capture_output=True,
        text=True,
        check=True,
    ).stderr


def everybody_judged(portal):
    done = until(lambda: portal.pending() == 0)
    connection.close()
    return done


def engines_of(patients):
    rows = PatientScreening.objects.filter(patient__in=patients)
    return set(rows.values_list("engine__name", flat=True))


def test_everybody_treated_is_judged_again_and_what_was_said_stays(portal, release):
    older = portal.at_work()
    assert everybody_judged(portal), portal.logs()
    treated = set(Prescription.objects.live().values_list("patient", flat=True))
    before = {flag.pk: flag for flag in Flag.objects.live()}
    assert engines_of(treated) == {ENGINE.name}

    said = prepare(portal, release)
    connection.close()
    engine = Engine.objects.get(is_current=True)
    assert engine.name != ENGINE.name
    assert (
        f"Engine {engine.name} judges now: {len(treated)} patients will be screened again." in said
    )
    event = AuditEvent.objects.filter(verb="engine.changed").latest("pk")
    assert (event.detail["before"], event.detail["after"]) == (ENGINE.name, engine.name)
    assert event.detail["patients"] == len(treated)

    # The older worker lives on for a while, as in a rolling restart: it judges nobody.
    assert until(lambda: f"runs engine {ENGINE.name}" in older.log.read_text()), portal.logs()
    assert portal.pending() >= len(treated)
    job = Job.objects.get(kind="rescreen")
    assert (job.total, job.ended_at) == (len(treated), None)

    portal.worker(tree=release)
    assert everybody_judged(portal), portal.logs()
    assert engines_of(treated) == {engine.name}
    refusals = older.log.read_text().count("raised unexpected")
    assert refusals <= 2, "it goes on taking doorbells from those who can judge"
    assert until(lambda: Job.objects.filter(pk=job.pk, state="done", done=len(treated)).exists())

    for flag in Flag.objects.filter(pk__in=before):
        assert flag.engine_id == before[flag.pk].engine_id
        assert flag.sentence == before[flag.pk].sentence
    changed = Flag.objects.filter(engine=engine)
    assert changed, "a test in which the release finds nothing else shows nothing"
    for flag in changed.select_related("supersedes__engine"):
        assert "profile allows" in flag.sentence
        assert flag.supersedes.engine.name == ENGINE.name
        assert flag.supersedes.end_reason == "superseded"
    assert Flag.objects.live().filter(engine__name=ENGINE.name).exists(), "what is unchanged stays"

    again = prepare(portal, release)
    connection.close()
    assert "judges now" not in again
    assert portal.pending() == 0
    assert Job.objects.filter(kind="rescreen").count() == 1
    assert AuditEvent.objects.filter(verb="engine.changed", detail__after=engine.name).count() == 1

"""An export or import in bulk comes to the same end whatever dies."""

import json

import pytest
from django.conf import settings
from django.db import connection

from portal.processes import kill_session
from reviews import bulk_files
from reviews.fhir.write.conforming import DEFINITIONS
from reviews.models import BulkRequest, Job, PatientVersion, Prescription
from reviews.queries.fhir_export import Asked
from reviews.verbs import bulk_export, bulk_import, clients

from .parts import until

pytestmark = pytest.mark.faults
PEOPLE = 150
SECONDS = 120
"""An export waits for whoever is at work when it begins."""
APP = "tests.faults.exporting"
TYPES = ("Patient", "MedicationRequest", "Condition", "Observation")
BASE = "http://localhost/fhir"


@pytest.fixture
def folder(portal, monkeypatch):
    """The folder that web and workers share."""
    monkeypatch.setattr(settings, "BULK_DIR", portal.folder / "var" / "bulk")
    return settings.BULK_DIR


@pytest.fixture
def system(harbour, ada):
    key, _ = clients.make_key(
        name="warehouse", source_system="warehouse", practices=[harbour], by=ada
    )
    yield key.user
    clients.revoke_key(key=key, by=ada)


def job_of(bulk):
    connection.close()
    return Job.objects.get(pk=bulk.job_id)


def ended(bulk):
    return until(lambda: job_of(bulk).ended_at is not None, seconds=SECONDS)


def said(portal, bulk):
    """How far a job came, and the last words of the processes."""
    job = job_of(bulk)
    return f"{job.state}, {job.done} done, {job.note} {job.error}\n{portal.logs()}"


def lines(bulk):
    """Every line of an export, sorted."""
    return sorted(
        line
        for file in BulkRequest.objects.get(pk=bulk.pk).files.all()
        for line in (bulk_files.folder_of(bulk.pk) / file.name).read_bytes().splitlines()
    )


def kill(worker):
    kill_session(worker.process.pid)
    worker.process.wait()


def test_a_worker_killed_in_the_middle_of_an_export(portal, folder, system):
    asked = Asked(types=dict.fromkeys(TYPES, ()), base=BASE)
    worker = portal.at_work(APP)
    whole = bulk_export.ask(asked=asked, address=BASE, by=system)
    assert ended(whole), said(portal, whole)
    assert job_of(whole).state == "done", job_of(whole).error
    disturbed = bulk_export.ask(asked=asked, address=BASE, by=system)
    for _ in range(2):
        done = job_of(disturbed).done
        assert until(
            lambda done=done: job_of(disturbed).done > done, seconds=SECONDS, every=0.02
        ), said(portal, disturbed)
        kill(worker)
        assert job_of(disturbed).state == "running", "it had ended; nothing was left to go on with"
        worker = portal.worker(app=APP)
    assert ended(disturbed), said(portal, disturbed)
    assert job_of(disturbed).state == "done", job_of(disturbed).error
    assert len(lines(whole)) > 500
    assert lines(disturbed) == lines(whole)


def test_a_worker_killed_in_the_middle_of_an_import(portal, folder, system, tmp_path):
    people = [
        {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": "urn:example", "value": f"fault-{number}"}],
            "name": [{"family": f"Fault {number}"}],
        }
        for number in range(60)
    ]
    orders = [
        {
            "resourceType": "MedicationRequest",
            "id": f"o{number}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/p{number % 60}"},
            "medicationCodeableConcept": {"text": "Diazepam 5 mg tablets"},
        }
        for number in range(240)
    ]
    sent = tmp_path / "sent"
    sent.write_text("".join(json.dumps(one) + "\n" for one in [*orders, *people]) + "{\n")
    asked = bulk_import.Asked([bulk_import.Input()], list(DEFINITIONS), "warehouse", BASE)
    worker = portal.at_work(APP)
    bulk = bulk_import.ask(asked=asked, sent=[sent], address=BASE, by=system)
    for _ in range(2):
        done = job_of(bulk).done
        assert until(lambda done=done: job_of(bulk).done > done, seconds=SECONDS, every=0.02), said(
            portal, bulk
        )
        kill(worker)
        assert job_of(bulk).state == "running", "it had ended; nothing was left to go on with"
        worker = portal.worker(app=APP)
    assert ended(bulk), said(portal, bulk)
    job = job_of(bulk)
    assert job.state == "done", job.error
    assert job.result == {"counts": {"Patient": 60, "MedicationRequest": 240}, "bad": 1}
    assert PatientVersion.objects.filter(family_name__startswith="Fault ").count() == 60
    assert Prescription.objects.filter(source_system="warehouse").count() == 240
    [outcome] = lines_of_errors(bulk)
    assert "line 301" in outcome["issue"][0]["diagnostics"]


def lines_of_errors(bulk):
    """The outcomes of an import."""
    return [
        json.loads(line)
        for file in bulk.files.filter(purpose="error")
        for line in (bulk_files.folder_of(bulk.pk) / file.name).read_bytes().splitlines()
    ]

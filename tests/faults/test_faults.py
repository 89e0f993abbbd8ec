"""What a clinician saved is screened, whatever dies in between: nothing lost, nothing twice."""

import os
import signal
import threading
import time

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from portal.processes import kill_session
from reviews import dossiers, requests, rulebooks
from reviews.models import Case, Flag, Patient, PatientScreening, ScreeningRequest
from reviews.rules.screen import screen
from reviews.verbs import prescribe
from tests import make

from .conftest import PEOPLE
from .parts import until

pytestmark = pytest.mark.faults

MORPHINE = {"medicine": "Morphine 10 mg tablets", "start": -1, "days": 7, "indication": "pain"}
ORDERS = ({"start": -40, "days": 35}, {"start": -5, "days": 14}, MORPHINE)


def patients(place, by, count):
    return [make.patient(place, by, family_name=f"Bell {n}") for n in range(count)]


def write(person, n, by):
    """A prescription that is flagged by itself, or one that is beside another."""
    return prescribe.log(patient=person, record=make.record(**ORDERS[n % 3]), by=by)


def assert_nothing_lost_and_nothing_twice(portal):
    """Every prescription screened, every finding one live flag, one case, no request left."""
    drained = until(lambda: portal.pending() == 0)
    connection.close()
    assert drained, f"{portal.pending()} requests left\n{portal.logs()}"
    unscreened = portal.ask(
        "SELECT p.id FROM reviews_prescription p"
        " LEFT JOIN reviews_patientscreening s USING (patient_id)"
        " WHERE s.screened_at IS NULL OR s.screened_at < p.recorded_at OR s.problem <> ''"
    )
    assert unscreened == []
    _, book = rulebooks.live()
    flagged = 0
    everybody = list(Patient.objects.values_list("pk", flat=True))
    as_of = dict(PatientScreening.objects.values_list("patient_id", "as_of"))
    flags, cases = {}, {}
    for patient_id, rule_id, key in Flag.objects.live().values_list("patient_id", "rule_id", "key"):
        flags.setdefault(patient_id, []).append((rule_id, key))
    for patient_id in Case.objects.open().values_list("patient_id", flat=True):
        cases[patient_id] = cases.get(patient_id, 0) + 1
    for day in set(as_of.values()):
        of_the_day = [pk for pk in everybody if as_of[pk] == day]
        for pk, _, make_dossier in dossiers.read(of_the_day, as_of=day):
            findings = screen(make_dossier(), book).findings
            expected = sorted((finding.rule_id, finding.key) for finding in findings)
            assert sorted(flags.get(pk, [])) == expected
            loud = any(finding.severity <= 3 for finding in findings)
            assert cases.get(pk, 0) == loud
            flagged += loud
    assert flagged, "a test in which nobody is flagged shows nothing"
    raised_twice = portal.ask(
        "SELECT patient_id, rule_id, key FROM reviews_flag WHERE supersedes_id IS NULL"
        " AND ended_at IS NULL GROUP BY patient_id, rule_id, key HAVING count(*) > 1"
    )
    assert raised_twice == []


def in_a_batch(portal):
    """Whether a worker is inside a transaction that has claimed patients."""
    return portal.ask(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'portal' AND pid <> "
        f"{own_backend()} AND backend_xid IS NOT NULL"
    )


def own_backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def ask_for_everybody_again():
    """What the publication of a rule book does."""
    with transaction.atomic():
        requests.enqueue(
            Patient.objects.values_list("pk", flat=True), reason="again", priority=requests.BULK
        )


def test_a_worker_killed_in_the_middle_of_a_batch(portal):
    portal.stop_processes()
    ask_for_everybody_again()
    assert portal.pending() >= PEOPLE
    first = portal.worker()
    assert until(lambda: in_a_batch(portal), every=0.005), portal.logs()
    kill_session(first.process.pid)
    first.process.wait()
    assert portal.pending() > 0, "the worker had finished; there was nothing to recover"
    portal.at_work()
    assert_nothing_lost_and_nothing_twice(portal)


def test_a_pool_process_killed_under_a_worker_that_lives_on(portal):
    worker = portal.at_work()
    ask_for_everybody_again()
    assert until(lambda: in_a_batch(portal), every=0.005), portal.logs()
    for child in pool_processes(worker):
        os.kill(child, signal.SIGKILL)
    assert_nothing_lost_and_nothing_twice(portal)
    assert worker.process.poll() is None


def pool_processes(worker):
    with open(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def test_the_broker_stopped_during_200_writes_and_started_again(portal, harbour, clara):
    portal.at_work()
    people = patients(harbour, clara, 40)
    for n in range(200):
        if n == 50:
            portal.broker.stop()
        if n == 150:
            portal.start_broker()
        began = time.monotonic()
        write(people[n % 40], n, clara)
        assert time.monotonic() - began < 12, "a clinician waited for a broker that was away"
    assert_nothing_lost_and_nothing_twice(portal)


def test_the_database_restarted_while_it_is_used(portal, harbour, clara):
    portal.at_work()
    people = patients(harbour, clara, 30)
    saved = 0
    for n in range(90):
        if n == 30:
            portal.restart_database()
        try:
            write(people[n % 30], n, clara)
            saved += 1
        except (OperationalError, InterfaceError):
            connection.close()
    assert saved >= 88, "only the writes that met the restart itself may be refused"
    assert_nothing_lost_and_nothing_twice(portal)


def test_a_worker_keeps_its_connection_from_task_to_task(portal, harbour, clara):
    portal.stop_processes()
    portal.at_work()
    held = []
    for n, person in enumerate(patients(harbour, clara, 3)):
        write(person, n, clara)
        assert until(lambda: portal.pending() == 0), portal.logs()
        held.append(
            portal.ask(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'portal'"
                f" AND pid <> {own_backend()}"
            )
        )
    assert len(held[0]) == 1
    assert held[0] == held[1] == held[2]


def test_two_workers_draining_while_writers_write(portal, harbour, clara):
    portal.at_work()
    portal.worker(concurrency=2)
    people = patients(harbour, clara, 60)
    ask_for_everybody_again()
    failed = []

    def writer(first):
        try:
            for n in range(first, 160, 2):
                write(people[n % 60], n, clara)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=writer, args=(first,)) for first in (0, 1)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join(timeout=60)
    assert not failed
    assert not any(thread.is_alive() for thread in writers)
    assert_nothing_lost_and_nothing_twice(portal)


def test_a_lost_doorbell_is_found_by_the_clock(portal, harbour, clara, monkeypatch):
    portal.stop_processes()
    monkeypatch.setattr(requests, "ring", lambda: None)
    person = make.patient(harbour, clara, family_name="Unrung")
    write(person, 0, clara)
    write(person, 1, clara)
    portal.lose_messages()
    portal.worker()
    assert until(portal.workers_listening), portal.logs()
    assert ScreeningRequest.objects.filter(patient=person).exists()
    portal.beat()
    assert_nothing_lost_and_nothing_twice(portal)

"""A bulk import by FHIR of people and their orders, beside a sync of the same number of records.

    ./dev bench import

One process does slice after slice, as a worker does: lines read, checked, written and committed.
The floor is the same orders sent by the REST API, which are read and merged in one piece.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from django.conf import settings
from django.utils import timezone

from benchmarks import ground
from benchmarks.sync import PER_PERSON, Sender, batch
from reviews import jobs, requests, walls
from reviews.fhir.write.conforming import DEFINITIONS
from reviews.models import Job
from reviews.tasks import KINDS
from reviews.verbs import bulk_import

RECORDS = 10_000
ROUNDS = 3
AIM = 8


def lines(name):
    """People and orders as lines, in no order."""
    made = []
    for record in batch(name, random.Random(7)):
        number = int(record["source_id"].rpartition("-")[2])
        whose = f"{name}-{number // PER_PERSON}"
        if number % PER_PERSON == 0:
            person = record["patient"]
            made.append(
                {
                    "resourceType": "Patient",
                    "id": whose,
                    "identifier": [{"system": "urn:bench", "value": whose}],
                    "name": [{"family": person["family_name"], "given": [person["given_name"]]}],
                    "gender": person["sex"],
                    "birthDate": person["birth_date"],
                }
            )
        made.append(
            {
                "resourceType": "MedicationRequest",
                "id": record["source_id"],
                "status": "active",
                "intent": "order",
                "subject": {"reference": f"Patient/{whose}"},
                "medicationCodeableConcept": {"text": record["medicine"]},
                "authoredOn": record["written_on"],
                "dosageInstruction": [
                    {
                        "text": record["dosage_text"],
                        "timing": {
                            "repeat": {
                                "frequency": record["times_per_day"],
                                "period": 1,
                                "periodUnit": "d",
                                "boundsPeriod": {"start": record["start_on"]},
                            }
                        },
                        "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
                    }
                ],
                "dispenseRequest": {
                    "quantity": {"value": 28, "unit": "tablet"},
                    "expectedSupplyDuration": {"value": record["days_supply"], "code": "d"},
                },
            }
        )
    random.Random(8).shuffle(made)
    return made


def imported(made, by):
    """Seconds that an import of these lines took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1"
        path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in made))
        kept = Path(folder) / "2"
        shutil.copy(path, kept)
        asked = bulk_import.Asked(
            [bulk_import.Input()], list(DEFINITIONS), "bench", "http://localhost/fhir"
        )
        bulk = bulk_import.ask(asked=asked, sent=[kept], address="$import", by=by)
    began = perf_counter()
    while Job.objects.unfinished().exists():
        Job.objects.unfinished().update(not_before=timezone.now())
        jobs.work(KINDS, seconds=5)
    took = perf_counter() - began
    job = Job.objects.get(pk=bulk.job_id)
    if job.state != "done" or job.result["bad"]:
        sys.exit(f"The import failed: {job.error} {job.result}")
    return took


def main():
    requests.ring = lambda *_: None  # nobody is there to be woken
    times = {"first": [], "again": [], "floor": []}
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database(), tempfile.TemporaryDirectory() as folder:
        settings.BULK_DIR = Path(folder)
        sender = Sender()
        by = sender.user
        count = 0
        for number in range(ROUNDS):
            made = lines(f"import{number}")
            count = len(made)
            times["first"].append(imported(made, by))
            times["again"].append(imported(made, by))
            records = batch(f"sync{number}", random.Random(7))
            times["floor"].append(sender.send(records, created=RECORDS, refused=0))
    best = {name: min(values) for name, values in times.items()}
    print(f"{count:,} resources: {RECORDS:,} orders of {RECORDS // PER_PERSON:,} people")
    print(f"Sync of the same orders: {best['floor'] * 1000:.0f} ms")
    for name, what in (("first", "first time"), ("again", "the same again")):
        rate = count / best[name]
        said = f" (aim: at most {AIM})" if name == "first" else ""
        print(
            f"bulk import, {what}: {best[name] * 1000:.0f} ms or {rate:.0f} resources/s,"
            f" ratio {best[name] / best['floor']:.1f}{said}"
        )


if __name__ == "__main__":
    main()

"""Writing orders by FHIR: one a request, and a hundred in a transaction.

    ./dev bench fhir-in

Each request is served in this process, one after the other: key, limits, JSON, checks, merge,
event, commit, answer. Once with the resource given back, and once without (`return=minimal`), as
whoever writes much asks for. The floor of a create is the insert of one such row
into an equal table, with its commit; that of a transaction a sync of the same orders by the REST
API, which are read and merged in one piece.
"""

import json
import random
import sys
import uuid
from statistics import median
from time import perf_counter, process_time

from django.db import connection

from benchmarks import ground
from benchmarks.bulk_import import lines
from benchmarks.sync import Sender, batch
from reviews import limits, requests, walls
from tests import database

CREATED, TOGETHER, TRANSACTIONS, PEOPLE = 300, 100, 20, 100
CREATES_A_SECOND, RESOURCES_A_SECOND = 300, 1_500
"""What one process is to do."""
BARE = "return=minimal"
INSERT = "INSERT INTO bench_floor SELECT * FROM reviews_prescription WHERE id = %s"


class Writer(Sender):
    """A client system that writes by FHIR."""

    def post(self, path, content, prefer="return=representation"):
        """`(answer, seconds)` of a request, which is to be answered with success."""
        body = json.dumps(content).encode()
        began = perf_counter()
        answer = self.http.post(
            f"/fhir{path}",
            body,
            content_type="application/fhir+json",
            headers={"Authorization": f"Bearer {self.secret}", "Prefer": prefer},
        )
        took = perf_counter() - began
        if answer.status_code not in (200, 201):
            sys.exit(f"{path} was answered with {answer.status_code}: {answer.content[:500]}")
        return answer, took


def orders(writer, count):
    """So many orders of people who are here, each with an identifier of its own."""
    made = lines("fhir-in")
    people = [one for one in made if one["resourceType"] == "Patient"][:PEOPLE]
    ids = [writer.post("/Patient", _without_id(one))[0].json()["id"] for one in people]
    found = [one for one in made if one["resourceType"] == "MedicationRequest"][:count]
    return [
        {
            **_without_id(one),
            "identifier": [{"system": "urn:bench", "value": one["id"]}],
            "subject": {"reference": f"Patient/{ids[place % len(ids)]}"},
        }
        for place, one in enumerate(found)
    ]


def _without_id(resource):
    return {name: value for name, value in resource.items() if name != "id"}


def together(several):
    """A transaction that creates these."""
    entries = [
        {
            "fullUrl": uuid.uuid4().urn,
            "resource": one,
            "request": {"method": "POST", "url": one["resourceType"]},
        }
        for one in several
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def insert_floor():
    """Seconds to insert and commit one row of an order into an equal, empty table."""
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute("CREATE TABLE bench_floor (LIKE reviews_prescription INCLUDING ALL)")
        cursor.execute("SELECT id FROM reviews_prescription ORDER BY id LIMIT %s", [CREATED])
        ids = [pk for (pk,) in cursor.fetchall()]
        began = perf_counter()
        for pk in ids:
            cursor.execute(INSERT, [pk])
        return (perf_counter() - began) / len(ids)


def parts(several):
    """A hundred at a time."""
    return [several[at : at + TOGETHER] for at in range(0, len(several), TOGETHER)]


def main():
    requests.ring = lambda *_: None  # nobody is there to be woken
    for limit in (limits.Writes, limits.Syncs):
        limit.quota = 1_000_000
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database():
        writer = Writer()
        made = orders(writer, 2 * (CREATED + TOGETHER * TRANSACTIONS))
        alone, several = made[: 2 * CREATED], made[2 * CREATED :]
        # In turns, so that whatever else the machine does is in each.
        took = {name: [] for name in ("whole", "bare", "all whole", "all bare", "synced")}
        used = process_time()
        for one, other in zip(alone[:CREATED], alone[CREATED:], strict=True):
            took["whole"].append(writer.post("/MedicationRequest", one)[1])
            took["bare"].append(writer.post("/MedicationRequest", other, BARE)[1])
        used = (process_time() - used) / len(alone)
        floor = insert_floor()
        records = batch("sync", random.Random(7))
        half = len(several) // 2
        for some, others, same in zip(
            *(parts(several[:half]), parts(several[half:]), parts(records[:half])), strict=True
        ):
            took["all whole"].append(writer.post("", together(some))[1])
            took["all bare"].append(writer.post("", together(others), BARE)[1])
            took["synced"].append(writer.send(same, created=TOGETHER, refused=0))
    usual = {name: median(values) for name, values in took.items()}
    print(f"{len(alone)} creates, of which this process worked {used * 1000:.1f} ms each")
    print(f"Insert of one such row and its commit: {floor * 1000:.1f} ms")
    for name, what in (("whole", "FHIR create"), ("bare", "FHIR create, nothing given back")):
        print(
            f"{what}: {usual[name] * 1000:.1f} ms or {1 / usual[name]:.0f} a second"
            f" (aim {CREATES_A_SECOND}), ratio {usual[name] / floor:.1f}"
        )
    print(f"Sync of the same {TOGETHER} orders: {usual['synced'] * 1000:.0f} ms")
    for name, more in (("all whole", ""), ("all bare", ", nothing given back")):
        print(
            f"FHIR transaction of {TOGETHER}{more}: {usual[name] * 1000:.0f} ms or"
            f" {TOGETHER / usual[name]:.0f} resources a second (aim {RESOURCES_A_SECOND}),"
            f" ratio {usual[name] / usual['synced']:.1f}"
        )


if __name__ == "__main__":
    main()

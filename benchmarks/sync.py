"""A sync of 10,000 prescriptions over HTTP, beside COPY of the same rows into an equal table.

    ./dev bench sync

The request is served in this process: key, limits, JSON, people, merge, audit, commit, answer. The
floor is COPY of the same 10,000 rows, already in COPY's own text, into an empty table with the same
columns, indexes and checks, and its commit; foreign keys and triggers are left out of it. Each time
is the best of several rounds, taken in turns.
"""

import json
import random
import sys
from datetime import date, timedelta
from time import perf_counter

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks import ground
from reviews import requests, walls
from reviews.models import Membership, Practice, Prescription, Role
from reviews.verbs import clients
from tests import database

RECORDS = 10_000
PER_PERSON = 5
ROUNDS = 5
FIRST_AIM, AGAIN_AIM = 9, 2
MEDICINES = [
    *(f"Diazepam {mg} mg tablets" for mg in (2, 5, 10)),
    *(f"Zopiclone {mg} mg tablets" for mg in ("3.75", "7.5")),
    *(f"Medicine number {number} 10 mg tablets" for number in range(300)),
]


def batch(name, rng):
    """A batch of prescriptions for people nobody knows yet."""
    return [
        {
            "source_id": f"{name}-{number}",
            "patient": {
                "identifiers": [{"system": "nhs", "value": f"{name}-{number // PER_PERSON}"}],
                "family_name": f"Family{number // PER_PERSON}",
                "given_name": "Given",
                "birth_date": "1950-02-03",
                "sex": "female",
            },
            "medicine": rng.choice(MEDICINES),
            "codings": [{"system": "rxnorm", "code": str(rng.randrange(300)), "display": "Tablet"}],
            "dose": 1,
            "dose_unit": "tablet",
            "times_per_day": rng.choice((1, 2, 3)),
            "dosage_text": "One as directed, with water",
            "quantity": 28,
            "quantity_unit": "tablet",
            "days_supply": rng.choice((7, 14, 28)),
            "written_on": "2026-01-05",
            "start_on": (date(2026, 1, 5) + timedelta(days=rng.randrange(300))).isoformat(),
            "indication": "anxiety",
            "prescriber": "Dr Clara Moreau",
        }
        for number in range(RECORDS)
    ]


class Sender:
    """A client system with its key."""

    def __init__(self):
        practice = Practice.objects.create(code="bench", name="Bench", profile="UK")
        keeper = User.objects.create_user("keeper")
        Membership.objects.create(user=keeper, practice=practice, role=Role.FORMULARY_ADMIN)
        key, self.secret = clients.make_key(
            name="Bench", source_system="bench", practices=[practice], by=keeper
        )
        self.user = key.user
        self.http = Client(SERVER_NAME="localhost")

    def send(self, records, **expected):
        """Seconds that the request took, after checking that it did what was expected."""
        body = json.dumps(records).encode()
        began = perf_counter()
        answer = self.http.post(
            "/api/v1/prescriptions/sync",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        took = perf_counter() - began
        said = answer.json()
        found = {name: said.get(name) for name in expected}
        if found != expected:
            sys.exit(f"Expected {expected}, but the answer was {answer.content[:500]}")
        return took


def floor(name):
    """Seconds to COPY the prescriptions of a batch into an equal, empty table."""
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")
        cursor.execute("CREATE TABLE bench_floor (LIKE reviews_prescription INCLUDING ALL)")
        rows = f"SELECT * FROM reviews_prescription WHERE source_id LIKE '{name}-%'"
        with cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
            text = b"".join(bytes(part) for part in copy)
        began = perf_counter()
        with cursor.copy("COPY bench_floor FROM STDIN") as copy:
            copy.write(text)
        took = perf_counter() - began
        cursor.execute("SELECT count(*) FROM bench_floor")
        if cursor.fetchone() != (RECORDS,):
            sys.exit("The floor did not hold all rows.")
    return took


def main():
    requests.ring = lambda: None  # nobody is there to be woken
    times = {"first": [], "again": [], "tenth": [], "floor": []}
    walls.by_default(walls.EVERYTHING)
    with ground.empty_database():
        sender = Sender()
        rng = random.Random(7)
        for number in range(ROUNDS):
            name = f"round{number}"
            records = batch(name, rng)
            times["first"].append(sender.send(records, created=RECORDS, refused=0))
            times["again"].append(sender.send(records, unchanged=RECORDS, refused=0))
            times["floor"].append(floor(name))
            changed = [
                {**record, "times_per_day": 4} if place % 10 == 0 else record
                for place, record in enumerate(records)
            ]
            amended = RECORDS // 10
            times["tenth"].append(sender.send(changed, amended=amended, refused=0))
        total = Prescription.objects.count()
    best = {name: min(values) for name, values in times.items()}
    print(
        f"{RECORDS:,} prescriptions of {RECORDS // PER_PERSON:,} people; {total:,} rows at the end"
    )
    print(f"COPY into an equal table: {best['floor'] * 1000:.0f} ms")
    for name, what, aim in (
        ("first", "first time, everybody new", FIRST_AIM),
        ("again", "the same again, unchanged", AGAIN_AIM),
        ("tenth", "one in ten changed", None),
    ):
        said = f" (aim: at most {aim})" if aim else ""
        ratio = best[name] / best["floor"]
        print(f"sync, {what}: {best[name] * 1000:.0f} ms, ratio {ratio:.1f}{said}")


if __name__ == "__main__":
    main()

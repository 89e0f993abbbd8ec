"""CDS Hooks at the real server: order-select with 12 resources in its prefetch.

First one call after the other, then at a steady rate, whoever waits. The floor is the rules alone
on the same order. A call is signed before it is timed; the server checks each signature.
"""

import json
import sys
import time
import uuid
from statistics import median, quantiles

from django.db import connection
from django.utils import timezone

from benchmarks import load
from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from reviews import dossiers, rulebooks
from reviews.models import Identifier, Practice
from reviews.rules.screen import screen
from reviews.verbs import registrations
from tests import signing

RATE = 50
"""Calls a second that one server is to answer."""
AIM_MS = 50
WARM, ALONE, SCREENED = 60, 200, 200
ISSUER = "https://ehr.example"
PATH = "/cds-services/order-select"


class Portal(load.Portal):
    """A running web server, and a record system that calls it."""

    def __init__(self, key):
        super().__init__()
        self.key = key
        self.url = f"http://127.0.0.1:{self.port}{PATH}"

    def signed(self, bodies):
        """Calls with a signature each; none counts twice."""
        later = int(time.time()) + 3000
        return [
            (signing.signed(self.key, signing.claims(ISSUER, self.url, exp=later)), content)
            for content in bodies
        ]

    def ask(self, call):
        if isinstance(call, str):
            return super().ask(call)
        token, content = call
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        began = time.perf_counter()
        answer = self.pool.request(
            "POST",
            self.url,
            body=content,
            headers=headers,
            timeout=load.PATIENCE_SECONDS,
            redirect=False,
        )
        if answer.status == 200 and not json.loads(answer.data)["cards"]:
            sys.exit("A call was answered without a card.")
        return answer.status, time.perf_counter() - began


def measure(seconds):
    """Rows for one call after the other, and for RATE calls a second."""
    collect_static()
    practice = Practice.objects.get(code="harbour-street")
    key = signing.ec()
    registrations.register(
        name="Record system",
        source_system="bench-hooks",
        practices=[practice],
        hook_issuer=ISSUER,
        keys=json.dumps(signing.public(key)),
        by=None,
    )
    people = Identifier.objects.filter(practice=practice).select_related("patient")
    known = list(people.order_by("pk")[: RATE * seconds])
    bodies = [body(each) for each in known]
    floor = rules_alone(known[:SCREENED])
    said = f"the rules alone: {floor * 1000:.1f} ms"
    rows = []
    with Portal(key) as portal:
        for call in portal.signed(bodies[:WARM]):
            portal.ask(call)
        with step(f"{ALONE} calls one after the other"):
            took = [portal.ask(call)[1] for call in portal.signed(bodies[:ALONE])]
        rows.append(_row("one after the other, p50", median(took), floor, said))
        rows.append(_row("one after the other, p95", quantiles(took, n=20)[-1], floor, said))
        calls = portal.signed(bodies)
        with step(f"{RATE} calls a second for {seconds} s"):
            result = load.run(portal, calls, RATE, seconds)
        measured = f"{result.said()} (aim: p95 {AIM_MS} ms)"
        rows.append(
            Row(
                what=f"order-select, {RATE} calls/s, p95",
                ratio=result.p95 / floor,
                aim=round(AIM_MS / 1000 / floor, 1),
                floor=said,
                measured=measured,
            )
        )
        began = time.monotonic()
        with step("As many as it answers"):
            flood = load.run(portal, portal.signed(bodies * 2), RATE * 4, max(2, seconds // 4))
        rate = len(flood.served) / (time.monotonic() - began)
        rows.append(
            Row(
                what="order-select, most calls/s",
                ratio=rate / RATE,
                floor=f"the aim: {RATE} calls/s",
                measured=f"{rate:.0f} calls/s, {flood.said()}",
            )
        )
    return rows


def _row(what, seconds, floor, said):
    return Row(
        what=f"order-select, {what}",
        ratio=seconds / floor,
        aim=round(AIM_MS / 1000 / floor, 1),
        floor=said,
        measured=f"{seconds * 1000:.1f} ms",
    )


def rules_alone(known):
    """The median time of reading a record and screening it twice, as each call does."""
    _, book = rulebooks.live()
    took = []
    for each in known:
        began = time.perf_counter()
        dossier = dossiers.one(each.patient, as_of=timezone.localdate())
        screen(dossier, book)
        screen(dossier, book)
        took.append(time.perf_counter() - began)
    connection.close()
    return median(took)


def body(identifier):
    """A call with a draft of diazepam for somebody known here, and 12 resources of their record."""
    who, today = identifier.patient, timezone.localdate().isoformat()
    subject = {"reference": "Patient/p1"}
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": identifier.system, "value": identifier.value}],
        "name": [{"family": who.family_name, "given": [who.given_name]}],
        "birthDate": who.birth_date.isoformat() if who.birth_date else None,
    }
    taken = [
        order(f"m{n}", text, subject, today, status="active")
        for n, text in enumerate(
            (
                *("Morphine 10 mg tablets", "Pregabalin 150 mg capsules"),
                *("Sertraline 50 mg tablets", "Amlodipine 5 mg tablets"),
                *("Metformin 500 mg tablets", "Omeprazole 20 mg capsules"),
            )
        )
    ]
    problems = [
        {"resourceType": "Condition", "id": f"c{n}", "subject": subject, "code": {"text": text}}
        for n, text in enumerate(("Asthma", "Depression", "Falls"))
    ]
    readings = [
        {
            "resourceType": "Observation",
            "id": f"v{n}",
            "status": "final",
            "subject": subject,
            "code": {"coding": [{"system": "http://loinc.org", "code": "98979-8"}]},
            "effectiveDateTime": today,
            "valueQuantity": {"value": 40 + n, "unit": "mL/min/{1.73_m2}"},
        }
        for n in range(2)
    ]
    draft = order("d1", "Diazepam 5 mg tablets", subject, today, status="draft")
    entries = {"medications": taken, "conditions": problems, "observations": readings}
    made = {
        "hook": "order-select",
        "hookInstance": str(uuid.uuid4()),
        "context": {
            "userId": "Practitioner/1",
            "patientId": "p1",
            "selections": ["MedicationRequest/d1"],
            "draftOrders": bundle([draft]),
        },
        "prefetch": {
            "patient": patient,
            "allergies": None,
            **{name: bundle(rows) for name, rows in entries.items()},
        },
    }
    return json.dumps(made).encode()


def order(oid, text, subject, today, *, status):
    times = {"frequency": 2, "period": 1, "periodUnit": "d"}
    return {
        "resourceType": "MedicationRequest",
        "id": oid,
        "status": status,
        "intent": "order",
        "subject": subject,
        "medicationCodeableConcept": {"text": text},
        "authoredOn": today,
        "dosageInstruction": [
            {
                "timing": {"repeat": times},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 112, "unit": "tablet"}},
    }


def bundle(resources):
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}

"""A record system that calls hooks, over HTTP, of a server that runs."""

import json
import uuid

import pytest

from reviews.verbs import registrations
from tests import make, signing

NHS = "https://fhir.nhs.uk/Id/nhs-number"
NUMBER = "9000000009"


class Ehr:
    """A record system as its own program would be: it signs each call for its address."""

    def __init__(self, client, key, server):
        self.client, self.key, self.url = client, key, server.url
        self.http = server.client()

    def token(self, path, *, key=None, header=None, **claims):
        said = signing.claims(self.client.hook_issuer, f"{self.url}{path}", **claims)
        return signing.signed(key or self.key, said, **(header or {}))

    def post(self, path, body, *, token=None, **headers):
        proof = {"Authorization": f"Bearer {token or self.token(path)}"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        heads = {"Content-Type": "application/json", **proof, **headers}
        return self.http.post(path, content=content, headers=heads)

    def call(self, hook, body, **more):
        return self.post(f"/cds-services/{hook}", body, **more)

    def cards(self, hook, body, **more):
        answer = self.call(hook, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["cards"]

    def feedback(self, hook, *items):
        return self.post(f"/cds-services/{hook}/feedback", {"feedback": list(items)})


@pytest.fixture
def register(harbour, ada, server):
    """Registers a record system: `register()`, or with other particulars."""
    systems = []

    def made(*, key=None, **changes):
        key = key or signing.ec()
        given = {
            "name": "Record system",
            "source_system": "ehr",
            "practices": [harbour],
            "hook_issuer": "https://ehr.example",
            "keys": json.dumps(signing.public(key)),
            "by": ada,
            **changes,
        }
        systems.append(Ehr(registrations.register(**given), key, server))
        return systems[-1]

    yield made
    for each in systems:
        each.http.close()


@pytest.fixture
def ehr_hooks(register):
    return register()


def person(pid="p1", *, number=NUMBER, **changes):
    made = {
        "resourceType": "Patient",
        "id": pid,
        "identifier": [{"system": NHS, "value": number}],
        "name": [{"family": "Bell", "given": ["Jonathan"]}],
        "gender": "male",
        "birthDate": make.birth_date(45).isoformat(),
    }
    return made | changes


def order(oid="o1", medicine="Diazepam 5 mg tablets", *, start=0, days=14, pid="p1", **changes):
    """A draft as a record system writes it: one tablet twice a day for so many days."""
    made = {
        "resourceType": "MedicationRequest",
        "id": oid,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{pid}"},
        "medicationCodeableConcept": {"text": medicine},
        "authoredOn": make.day(start).isoformat(),
        "reasonCode": [{"text": "anxiety"}],
        "dosageInstruction": [
            {
                "timing": {
                    "repeat": {
                        "frequency": 2,
                        "period": 1,
                        "periodUnit": "d",
                        "boundsPeriod": {"start": make.day(start).isoformat()},
                    }
                },
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
        "dispenseRequest": {
            "quantity": {"value": 2 * days, "unit": "tablet"},
            "expectedSupplyDuration": {"value": days, "unit": "day", "code": "d"},
        },
    }
    return made | changes


def bundle(*resources, kind="collection", **more):
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **more}


def found(*resources, **more):
    return bundle(*resources, kind="searchset", **more)


def prefetch(*on_record, patient=None, **more):
    """What a record system sends along: the patient and medicines; nothing else is on record."""
    return {
        "patient": patient or person(),
        "medications": found(*on_record),
        "conditions": None,
        "allergies": None,
        "observations": None,
        **more,
    }


def body(hook, *drafts, pid="p1", along=None, **more):
    """The body of a call."""
    context = {"userId": "Practitioner/dr1", "patientId": pid}
    if hook != "patient-view":
        context["draftOrders"] = bundle(*drafts)
    if hook == "order-select":
        context["selections"] = [f"{each['resourceType']}/{each['id']}" for each in drafts]
    context |= more.pop("context", {})
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "context": context,
        "prefetch": prefetch() if along is None else along,
        **more,
    }

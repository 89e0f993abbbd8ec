"""Whatever is sent by FHIR and to hooks: a refusal that says why, or an answer; never half of it.

Real bundles with faults in their text and in their shape. A few hundred in the suite;
`SENT_MUTANTS=20000 ./dev test tests/fhir/test_sent_mutants.py --show-capture=no` tries more.
"""

import json
import os
import random
import re

import pytest
from django.core.cache import cache
from django.test import Client

from reviews import limits
from reviews.cds_hooks import prefetch
from reviews.models import Condition, Patient, Prescription, Reading, SentResource, WaitingRecord
from reviews.verbs import registrations
from tests import signing
from tests.fhir.asking import System
from tests.fhir.bulk import work
from tests.fhir.mutants import BUNDLES, mutant

MANY = int(os.environ.get("SENT_MUTANTS", "320"))
ISSUER = "https://ehr.example"
WRITTEN = (Condition, Patient, Prescription, Reading, SentResource, WaitingRecord)
FHIR_JSON = "application/fhir+json"
LONG = 10_000_000


# -- Faults in the text ----------------------------------------------------------------------------


def truncated(draw, text):
    return text[: draw.randrange(len(text))]


def doubled(draw, text):
    at = draw.choice([found.start() for found in re.finditer(rb"[\[\]{}]", text)])
    return text[:at] + text[at : at + 1] + text[at:]


def repeated(draw, text):
    """A key twice in one object."""
    found = draw.choice(list(re.finditer(rb'[{,]\s*("\w+"):', text)))
    return text[: found.start(1)] + found[1] + b':"x",' + text[found.start(1) :]


def odd_number(draw, text):
    numbers = list(re.finditer(rb"(?<=:)\s*-?\d+(\.\d+)?", text))
    if not numbers:
        return truncated(draw, text)
    found = draw.choice(numbers)
    odd = draw.choice(
        [
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"1e999",
            b"01",
            b"-",
            b"1.",
            b"9" * 400,
            b"-0",
            b"1e-999",
        ]
    )
    return text[: found.start()] + odd + text[found.end() :]


def nested(draw, text):
    found = draw.choice(list(re.finditer(rb':("[^"\\]*"|\d+)', text)))
    deep = draw.choice([60, 600, 20_000, 200_000])
    opens, closes = draw.choice([(b"[", b"]"), (b'{"extension":[', b"]}"), (b'{"a":', b"}")])
    inner = b"1" if opens == b'{"a":' else b""
    return text[: found.start(1)] + opens * deep + inner + closes * deep + text[found.end(1) :]


def no_text(draw, text):
    """Bytes that are no UTF-8, signs that are none, and signs that no database keeps."""
    found = draw.choice(list(re.finditer(rb'"[^"\\]+"', text)))
    at = draw.randrange(found.start() + 1, found.end())
    odd = draw.choice(
        [
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\\ud800",
            b"\\u0000",
            b"\x00",
            b"\n",
            b"\\x",
            b"\xef\xbb\xbf",
        ]
    )
    return text[:at] + odd + text[at:]


def other_type(draw, text):
    found = draw.choice(list(re.finditer(rb':("[^"\\]*"|\d+(?:\.\d+)?)', text)))
    odd = draw.choice(
        [b"null", b"true", b"[]", b"{}", b"[null]", b"7", b'""', b'["x",1]', b'"\xe2\x80\xae"']
    )
    return text[: found.start(1)] + odd + text[found.end(1) :]


def long_text(draw, text):
    found = draw.choice(list(re.finditer(rb':"[^"\\]*"', text)))
    length = LONG if draw.random() < 0.1 else draw.choice([300, 5_000, 300_000])
    return text[: found.start() + 2] + b"x" * length + text[found.end() - 1 :]


def another_encoding(draw, text):
    return text.decode().encode(
        draw.choice(["utf-16", "utf-32", "latin-1", "utf-8-sig"]), "replace"
    )


TEXT = (
    *(truncated, doubled, repeated, odd_number, nested, no_text, other_type, other_type),
    *(long_text, another_encoding),
)


def faulty(draw, content):
    """JSON with one or two faults."""
    text = json.dumps(content, ensure_ascii=False).encode()
    for _ in range(draw.choice((1, 1, 1, 2))):
        try:
            text = draw.choice(TEXT)(draw, text)
        except (IndexError, UnicodeDecodeError):
            # Nothing of it is left that could have this fault.
            break
    return text


# -- What is sent ----------------------------------------------------------------------------------


def resources(draw):
    """The resources of a bundle, half of them with faults in their shape already."""
    seed = draw.randrange(10**9)
    bundle = BUNDLES[draw.choice(sorted(BUNDLES))]
    if draw.random() < 0.5:
        bundle, _ = mutant(bundle, seed)
    found = [
        entry["resource"] for entry in bundle["entry"] if isinstance(entry.get("resource"), dict)
    ]
    return [one for one in found if isinstance(one.get("resourceType"), str)]


def one(draw):
    several = resources(draw)
    chosen = draw.choice(several) if several else {"resourceType": "Patient"}
    name = re.sub(r"\W", "", chosen["resourceType"]) or "Patient"
    return f"/fhir/{name}", faulty(draw, chosen)


def bundle(draw):
    entries = [
        {
            "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012}",
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for number, resource in enumerate(resources(draw))
    ]
    kind = draw.choice(("transaction", "batch"))
    return "/fhir", faulty(draw, {"resourceType": "Bundle", "type": kind, "entry": entries})


def hook(draw):
    several = resources(draw)
    orders = [each for each in several if each["resourceType"] == "MedicationRequest"]
    people = [each for each in several if each["resourceType"] == "Patient"]
    service = draw.choice(("order-select", "order-sign", "patient-view"))
    context = {"userId": "Practitioner/d", "patientId": "p"}
    if service != "patient-view":
        drafts = [{"resource": {**each, "status": "draft"}} for each in orders]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": drafts}
        context["selections"] = [f"MedicationRequest/{each.get('id')}" for each in orders]
    said = {
        "hook": service,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": {
            "patient": people[0] if people else None,
            **dict.fromkeys(("medications", "conditions", "observations")),
        },
    }
    return f"/cds-services/{service}", faulty(draw, said)


@pytest.fixture
def system(harbour, ada, monkeypatch):
    for limit in (limits.Reads, limits.Writes, limits.Syncs, limits.Hooks):
        monkeypatch.setattr(limit, "quota", 10**9)
    # Nobody's server is asked for what a call leaves out.
    monkeypatch.setattr(prefetch.outgoing, "get_json", _nobody)
    return System(harbour, by=ada)


def _nobody(*_args, **_more):
    raise prefetch.outgoing.Unreachable("There is no server.")


@pytest.fixture
def signed(harbour, ada):
    """How a call of a hook is signed for its address."""
    key = signing.ec()
    registrations.register(
        name="Record system",
        source_system="hooks",
        practices=[harbour],
        hook_issuer=ISSUER,
        keys=json.dumps(signing.public(key)),
        by=ada,
    )
    return lambda path: signing.signed(key, signing.claims(ISSUER, f"http://testserver{path}"))


def counts():
    return [model.objects.count() for model in WRITTEN]


def is_told(answer):
    """Whether a refusal is an OperationOutcome with a reason."""
    said = json.loads(answer.content)
    issues = said.get("issue") or [{}]
    return said.get("resourceType") == "OperationOutcome" and bool(issues[0].get("diagnostics"))


@pytest.mark.parametrize("way", [one, bundle, hook])
def test_each_is_answered_or_refused_with_a_reason_and_whole(way, system, signed):
    http = Client(raise_request_exception=False)
    wrong, refused, taken = [], 0, 0
    for seed in range(MANY // 4):
        draw = random.Random(f"{way.__name__}-{seed}")
        path, body = way(draw)
        secret = signed(path) if way is hook else system.secret
        before = counts()
        answer = http.post(
            path,
            body,
            content_type=FHIR_JSON if way is not hook else "application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        if 200 <= answer.status_code < 300:
            taken += 1
        elif not 400 <= answer.status_code < 500 or answer.status_code in (401, 403, 429):
            wrong.append((seed, answer.status_code, body[:200]))
        elif not is_told(answer):
            wrong.append((seed, "no reason", answer.content[:200]))
        elif counts() != before:
            wrong.append((seed, "half written", body[:200]))
        else:
            refused += 1
    assert not wrong, wrong[:20]
    assert refused > MANY // 16, "most of these are faults"
    assert taken or way is not one or MANY < 100, "some faults are none"


@pytest.mark.parametrize("name", ["resourceType", "gender", "birthDate", "status"])
def test_half_a_sign_is_refused_wherever_it_is_quoted(system, name):
    answer = system.send("POST", "Patient", json.dumps({"resourceType": "Patient", name: "\ud800"}))
    assert answer.status_code == 400
    assert is_told(answer)


@pytest.mark.parametrize("more", [{}, {"_identifier": [{"id": "x"}]}])
def test_a_null_in_a_list_is_no_failure(system, more):
    said = {"resourceType": "Patient", "identifier": [None], "birthDate": "1944-05-06", **more}
    answer = system.send("POST", "Patient", json.dumps(said))
    assert 400 <= answer.status_code < 500
    assert is_told(answer)


def test_lines_of_an_import_are_taken_or_told_of(system):
    told = 0
    for seed in range(max(1, MANY // 4 // 40)):
        draw = random.Random(f"line-{seed}")
        lines = []
        for _ in range(40):
            several = resources(draw)
            text = faulty(draw, several[0] if several else {}).replace(b"\n", b" ")
            lines.append(text[:2_000_000])
        cache.clear()
        answer = Client(raise_request_exception=False).post(
            "/fhir/$import",
            b"\n".join(lines),
            content_type="application/fhir+ndjson",
            headers={
                "Authorization": f"Bearer {system.secret}",
                "Prefer": "respond-async",
                "Accept": FHIR_JSON,
            },
        )
        if 400 <= answer.status_code < 500:
            assert is_told(answer), (seed, answer.content[:300])
            continue
        assert answer.status_code == 202, (seed, answer.status_code, answer.content[:300])
        work(seconds=30)
        path = answer["Content-Location"].removeprefix("http://testserver")
        status = Client().get(path, headers={"Authorization": f"Bearer {system.secret}"})
        assert status.status_code == 200, (seed, status.status_code, status.content[:300])
        told += sum(each["count"] for each in status.json()["error"])
    assert told

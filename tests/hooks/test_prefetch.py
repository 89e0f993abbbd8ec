"""What a call leaves out: had from the registered FHIR server, or said to be missing."""

import contextlib
import itertools
import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews import outgoing
from reviews.cds_hooks import calls
from reviews.cds_hooks import prefetch as had
from tests.hooks.conftest import body, found, order, person, prefetch


def morphine():
    return order("m1", "Morphine 10 mg tablets", status="active", start=-3)


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception"}],
}


class Fhir:
    """A FHIR server of a record system: answers by path, and keeps what it was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append((self.path, self.headers.get("Authorization")))
                status, content = server.answers.get(self.path, (404, OUTCOME))
                said = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_port}"
        self.url = f"{self.origin}/fhir"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def has(self, query, content, status=200):
        self.answers[f"/fhir/{query}"] = status, content

    def has_all(self, *on_record):
        self.has("Patient/p1", person())
        self.has("MedicationRequest?patient=p1", found(*on_record))
        for kind in ("Condition", "AllergyIntolerance", "Observation"):
            self.has(f"{kind}?patient=p1", found())


@pytest.fixture
def fhir():
    made = Fhir()
    yield made
    made.http.shutdown()
    made.http.server_close()


def codes(cards):
    return {card["source"]["topic"]["code"] for card in cards}


def without(*keys):
    return {key: value for key, value in prefetch().items() if key not in keys}


def asking(fhir, *drafts, along):
    access = {"access_token": "abc", "token_type": "Bearer", "expires_in": 300}
    access |= {"scope": "patient/*.read", "subject": "ehr"}
    return body("order-sign", *drafts, along=along, fhirServer=fhir.url, fhirAuthorization=access)


def test_what_is_absent_is_asked_of_the_server(register, fhir):
    fhir.has_all(morphine())
    system = register(fhir_server=fhir.url)
    cards = system.cards("order-sign", asking(fhir, order(), along={}))
    assert "opioid" in codes(cards)
    assert len(fhir.asked) == 5
    assert {said for _, said in fhir.asked} == {"Bearer abc"}


def test_only_what_is_absent_is_asked(register, fhir):
    fhir.has_all(morphine())
    system = register(fhir_server=f"{fhir.url}/")
    cards = system.cards("order-sign", asking(fhir, order(), along=without("medications")))
    assert "opioid" in codes(cards)
    assert [path for path, _ in fhir.asked] == ["/fhir/MedicationRequest?patient=p1"]


@pytest.mark.parametrize("registered", ["", "https://elsewhere.example/fhir"])
def test_another_server_is_never_asked(register, fhir, registered):
    fhir.has_all()
    system = register(fhir_server=registered)
    answer = system.call("order-sign", asking(fhir, order(), along={}))
    assert answer.status_code == 412
    assert fhir.asked == []


@pytest.mark.parametrize("key", ["patient", "medications"])
def test_what_is_needed_and_cannot_be_had_is_named(ehr_hooks, key):
    answer = ehr_hooks.call("order-sign", body("order-sign", order(), along=without(key)))
    assert answer.status_code == 412
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == [f"prefetch.{key}"]


@pytest.mark.parametrize("key", ["conditions", "allergies", "observations"])
def test_without_the_rest_it_is_judged_and_said(ehr_hooks, key):
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(days=56), along=without(key)))
    assert "length" in codes(cards)
    (card,) = [each for each in cards if each["summary"].startswith("Screened without")]
    assert card["indicator"] == "info"


@pytest.mark.parametrize("nothing", [None, found()])
def test_null_and_an_empty_bundle_say_that_there_is_nothing(ehr_hooks, nothing):
    along = prefetch() | dict.fromkeys(
        ("medications", "conditions", "allergies", "observations"), nothing
    )
    cards = ehr_hooks.cards(
        "order-sign", body("order-sign", order("o1", "Paracetamol"), along=along)
    )
    assert cards == []


def test_what_failed_there_is_not_asked_again(register, fhir):
    fhir.has_all(morphine())
    system = register(fhir_server=fhir.url)
    for key, status in (("medications", 412), ("conditions", 200)):
        along = prefetch() | {key: OUTCOME}
        answer = system.call("order-sign", asking(fhir, order(), along=along))
        assert answer.status_code == status
    assert fhir.asked == []


def test_further_pages_are_followed(register, fhir):
    fhir.has_all()
    further = {"link": [{"relation": "next", "url": f"{fhir.url}/page2"}]}
    fhir.has("MedicationRequest?patient=p1", found(**further))
    fhir.has("page2", found(morphine()))
    system = register(fhir_server=fhir.url)
    cards = system.cards("order-sign", asking(fhir, order(), along={}))
    assert "opioid" in codes(cards)
    # Also of what came along.
    along = prefetch() | {"medications": found(**further)}
    assert "opioid" in codes(system.cards("order-sign", asking(fhir, order(), along=along)))


@pytest.mark.parametrize("url", ["https://attacker.example/page2", "http://127.0.0.1:9/page2"])
def test_a_page_elsewhere_is_not_followed_and_gets_no_token(register, fhir, url):
    fhir.has_all()
    further = {"link": [{"relation": "next", "url": url}]}
    fhir.has("MedicationRequest?patient=p1", found(**further))
    system = register(fhir_server=fhir.url)
    answer = system.call("order-sign", asking(fhir, order(), along={}))
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == ["prefetch.medications"]


def test_pages_without_end_are_not_followed(register, fhir):
    fhir.has_all()
    further = {"link": [{"relation": "next", "url": f"{fhir.url}/more"}]}
    fhir.has("more", found(**further))
    fhir.has("MedicationRequest?patient=p1", found(**further))
    system = register(fhir_server=fhir.url)
    assert system.call("order-sign", asking(fhir, order(), along={})).status_code == 412
    assert len(fhir.asked) < 20


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_server_that_refuses_is_named(register, fhir, status):
    fhir.has_all()
    fhir.has("Patient/p1", OUTCOME, status)
    system = register(fhir_server=fhir.url)
    answer = system.call("order-sign", asking(fhir, order(), along={}))
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == ["prefetch.patient"]


def test_a_patient_in_a_bundle_is_a_patient(ehr_hooks):
    along = prefetch() | {"patient": found(person())}
    assert ehr_hooks.cards("order-sign", body("order-sign", order(days=56), along=along))


def test_what_is_of_another_patient_is_not_of_this_one(ehr_hooks):
    others = order("m1", "Morphine 10 mg tablets", status="active", start=-3, pid="p2")
    along = prefetch(others)
    along["patient"] = found(person(), person("p2", number="9000000025"))
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(), along=along))
    assert "opioid" not in codes(cards)


# -- A server that answers otherwise than FHIR says --------------------------------------------

UNREADABLE = {
    # Sent along it says that there is nothing; no server says it so.
    "null": None,
    "no object": [],
    "no resource": {},
    "no type": {"resourceType": 7},
    "another type": partial(person),
    "entries that are no list": {"resourceType": "Bundle", "entry": {}},
    "an entry without a resource": {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}]},
    "a further page that is no address": found(link=[{"relation": "next", "url": "http://[x"}]),
    "a further page at no port": found(link=[{"relation": "next", "url": "http://a:b/"}]),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_what_the_server_says_wrongly_is_no_fault_of_the_call(register, fhir, answer):
    fhir.has_all()
    system = register(fhir_server=fhir.url)
    fhir.has("Condition?patient=p1", answer)
    (said, *_) = system.cards("order-sign", asking(fhir, order(days=56), along={}))[-1:]
    assert said["summary"].startswith("Screened without")
    fhir.has("MedicationRequest?patient=p1", answer)
    refused = system.call("order-sign", asking(fhir, order(), along={}))
    assert refused.status_code == 412
    assert refused.json()["issue"][0]["expression"] == ["prefetch.medications"]


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_the_same_sent_along_is_a_fault_of_the_call_but_for_its_further_pages(ehr_hooks, answer):
    along = prefetch() | {"conditions": answer}
    status = 200 if answer is None or "link" in answer else 400
    assert ehr_hooks.call("order-sign", body("order-sign", order(), along=along)).status_code == (
        status
    )


def test_servers_that_hang_leave_threads_for_everybody_else(register, fhir, monkeypatch):
    fhir.has_all()
    system = register(fhir_server=fhir.url)
    monkeypatch.setattr(had, "WAIT_SECONDS", 0)
    with contextlib.ExitStack() as asked:
        for _ in range(had.MOST_AT_ONCE):
            asked.enter_context(had._places)
        answer = system.call("order-sign", asking(fhir, order(), along={}))
        assert answer.status_code == 412
        named = [each["expression"] for each in answer.json()["issue"]]
        assert named == [["prefetch.patient"], ["prefetch.medications"]]
        assert system.cards("order-sign", asking(fhir, order(days=56), along=prefetch()))
        assert fhir.asked == []
    # Each that was asked gave its place back, also where that failed.
    fhir.has("Condition?patient=p1", OUTCOME, 500)
    for _ in range(2 * had.MOST_AT_ONCE):
        assert system.cards("order-sign", asking(fhir, order(days=56), along={}))


def test_the_server_gives_somebody_else(register, fhir):
    fhir.has_all()
    fhir.has("Patient/p1", person("p2"))
    answer = register(fhir_server=fhir.url).call("order-sign", asking(fhir, order(), along={}))
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["expression"] == ["prefetch.patient"]


@pytest.mark.parametrize(
    ("server", "url", "same"),
    [
        ("https://ehr.example/fhir", "https://ehr.example:443/fhir?page=2", True),
        ("https://ehr.example:443/fhir", "https://EHR.example/fhir?page=2", True),
        ("https://ehr.example/fhir", "https://ehr.example:8443/fhir?page=2", False),
        ("https://ehr.example/fhir", "http://ehr.example/fhir?page=2", False),
        ("https://ehr.example/fhir", "https://ehr.example.attacker.example/", False),
        ("https://ehr.example/fhir", "https://attacker.example/https://ehr.example/", False),
        ("https://ehr.example/fhir", "https://ehr.example@attacker.example/", False),
    ],
)
def test_a_port_may_be_said_or_left_out(monkeypatch, server, url, same):
    pages = {f"{server}/MedicationRequest?patient=p1": found(link=[next_is(url)]), url: found()}
    assert ("medications" not in missing(monkeypatch, server, pages)) is same


def next_is(url):
    return {"relation": "next", "url": url}


def missing(monkeypatch, server, pages):
    """What could not be had of a server that has these answers, and nothing else."""

    def get_json(url, **more):
        if url not in pages:
            raise outgoing.Unreachable("The server takes no connection.")
        return outgoing.Json(pages[url], {})

    monkeypatch.setattr(outgoing, "get_json", get_json)
    sent = body("patient-view", along={"patient": person()}, fhirServer=server)
    call = calls.read(json.dumps(sent).encode(), "patient-view")
    try:
        return had.resources(call, allowed=server).missing
    except had.Unobtainable as error:
        return error.keys


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=4)


def some_of(**members):
    """Objects that have some of these members, each as it may be or something else."""
    return st.fixed_dictionaries({}, optional={k: v | scalars for k, v in members.items()})


types = st.sampled_from(["Bundle", "Patient", "MedicationRequest", "OperationOutcome"])
urls = st.sampled_from(["?page=2", "http://[x", "http://a:b/", "https://ehr.example/fhir/more", ""])
one = some_of(resourceType=types, id=st.just("p1"))
entries = st.lists(some_of(resource=one) | scalars, max_size=2)
links = st.lists(some_of(relation=st.just("next"), url=urls) | scalars, max_size=2)
in_reply = (
    scalars | st.lists(one, max_size=1) | some_of(resourceType=types, entry=entries, link=links)
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(answers=st.lists(in_reply, min_size=1, max_size=4))
def test_whatever_the_server_answers_the_call_is_judged_or_told_what_lacks(answers):
    several = itertools.cycle(answers)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outgoing, "get_json", lambda *_, **__: outgoing.Json(next(several), {}))
        sent = body("patient-view", along={}, fhirServer="https://ehr.example/fhir")
        call = calls.read(json.dumps(sent).encode(), "patient-view")
        # Whatever else is raised is a fault of the caller, who said nothing of this.
        with contextlib.suppress(had.Unobtainable):
            had.resources(call, allowed="https://ehr.example/fhir")

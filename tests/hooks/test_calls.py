"""CDS Hooks as a record system meets them: what is asked, and with which cards it is answered."""

from functools import partial

import pytest
from django.db import OperationalError

from reviews.models import AuditEvent, HookCard, Patient, Prescription
from reviews.verbs import govern, screen, sync
from tests import make
from tests.api import sent
from tests.hooks.conftest import NUMBER, body, order, person, prefetch
from tests.verbs.test_govern import change, published


def test_the_services_are_told_to_anybody(server):
    with server.client() as http:
        answer = http.get("/cds-services")
    services = {each["id"]: each for each in answer.json()["services"]}
    assert set(services) == {"patient-view", "order-select", "order-sign"}
    for each in services.values():
        assert each["hook"] == each["id"]
        assert each["description"]
        assert each["title"]
        assert each["prefetch"]["patient"] == "Patient/{{context.patientId}}"


def test_a_long_order_is_answered_with_a_card(live_server, ehr_hooks):
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(days=56)))
    (length,) = [each for each in cards if each["source"]["topic"]["code"] == "length"]
    assert length["indicator"] in ("warning", "critical")
    assert len(length["summary"]) < 140
    assert length["source"]["label"]
    assert "DUR-" in length["detail"]
    assert length["uuid"]
    assert {each["code"] for each in length["overrideReasons"]} >= {"known", "short"}


def test_nothing_is_found_and_nothing_is_said(ehr_hooks):
    assert ehr_hooks.cards("order-sign", body("order-sign", order("o1", "Paracetamol"))) == []
    assert ehr_hooks.cards("patient-view", body("patient-view")) == []
    assert not HookCard.objects.exists()


def test_drafts_are_judged_with_each_other(ehr_hooks):
    alone = ehr_hooks.cards("order-sign", body("order-sign", order()))
    both = body("order-sign", order(), order("o2", "Morphine 10 mg tablets"))
    together = ehr_hooks.cards("order-sign", both)
    assert "opioid" not in {each["source"]["topic"]["code"] for each in alone}
    assert "opioid" in {each["source"]["topic"]["code"] for each in together}


def test_drafts_are_judged_with_what_is_on_record_there(ehr_hooks):
    morphine = order("m1", "Morphine 10 mg tablets", status="active", start=-3)
    call = body("order-sign", order(), along=prefetch(morphine))
    codes = {each["source"]["topic"]["code"] for each in ehr_hooks.cards("order-sign", call)}
    assert "opioid" in codes


def test_drafts_are_judged_with_what_is_on_record_here(ehr_hooks, harbour, clara):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    make.prescription(bell, clara, "Morphine 10 mg tablets")
    cards = ehr_hooks.cards("order-sign", body("order-sign", order()))
    assert "opioid" in {each["source"]["topic"]["code"] for each in cards}
    assert HookCard.objects.filter(patient=bell).count() == len(cards)


def test_a_second_sedative_beside_an_opioid_is_told_and_more_of_the_first_is_not(ehr_hooks):
    held = prefetch(
        order("m1", "Morphine 10 mg tablets", status="active", start=-20, days=60),
        order("z1", "Zopiclone 7.5 mg tablets", status="active", start=-20, days=60),
    )
    for draft, is_told in (("Diazepam 5 mg tablets", True), ("Zopiclone 3.75 mg tablets", False)):
        cards = ehr_hooks.cards("order-sign", body("order-sign", order("o1", draft), along=held))
        assert ("opioid" in {each["source"]["topic"]["code"] for each in cards}) is is_told, draft


def test_nobody_is_meant_by_name_alone(ehr_hooks, harbour, clara):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    make.prescription(bell, clara, "Morphine 10 mg tablets")
    other = prefetch(patient=person(number="9000000025"))
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(), along=other))
    assert "opioid" not in {each["source"]["topic"]["code"] for each in cards}


def test_a_link_leads_to_the_case(ehr_hooks, harbour, clara, server):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    make.prescription(bell, clara, start=-40, days=56)
    screen.drain()
    cards = ehr_hooks.cards("patient-view", body("patient-view"))
    assert cards
    urls = {link["url"] for card in cards for link in card["links"]}
    case = bell.cases.get()
    assert f"{server.url}/cases/{case.pk}" in urls


def test_nothing_of_the_patient_is_written(ehr_hooks, harbour, clara):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    before = list(Patient.objects.values()), list(Prescription.objects.values())
    ehr_hooks.cards("order-sign", body("order-sign", order(days=56)))
    strange = prefetch(patient=person(number="9000000025"))
    ehr_hooks.cards("order-sign", body("order-sign", order(days=56), along=strange))
    assert before == (list(Patient.objects.values()), list(Prescription.objects.values()))
    event = AuditEvent.objects.filter(verb="hook.called").earliest("pk")
    assert event.detail["shown"] == [bell.pk]
    assert event.practice_id == harbour.pk


@pytest.mark.parametrize(
    ("draft", "medicine"),
    [
        (partial(order, "o1", "Qwertyzine 10 mg"), "Qwertyzine"),
        (partial(order, pid="somebody-else"), "Diazepam"),
        ({"resourceType": "MedicationRequest", "id": "o1", "status": "draft"}, "o1"),
        (
            partial(order, modifierExtension=[{"url": "http://x", "valueBoolean": True}]),
            "Diazepam",
        ),
    ],
)
def test_an_order_that_cannot_be_read_is_said_to_be_not_screened(ehr_hooks, draft, medicine):
    cards = ehr_hooks.cards("order-sign", body("order-sign", draft))
    (card,) = [each for each in cards if each["summary"].startswith("Not screened")]
    assert card["indicator"] == "info"
    assert medicine in card["summary"]


def test_only_what_was_chosen_is_spoken_of(ehr_hooks):
    call = body("order-select", order(days=56), order("o2", "Paracetamol 500 mg tablets"))
    call["context"]["selections"] = ["MedicationRequest/o2"]
    assert ehr_hooks.cards("order-select", call) == []
    call["context"]["selections"] = ["MedicationRequest/o1"]
    assert ehr_hooks.cards("order-select", call)


def test_a_reference_in_the_place_of_an_id_is_understood(ehr_hooks):
    call = body("order-sign", order(days=56), pid="Patient/p1")
    assert ehr_hooks.cards("order-sign", call)


def test_an_order_on_record_that_is_signed_again_is_one_order(ehr_hooks):
    held = order(status="active", days=14)
    again = body("order-sign", order(status="active"), along=prefetch(held))
    assert ehr_hooks.cards("order-sign", again) == []


@pytest.mark.parametrize("source_id", ["MedicationRequest/o1", "o1"])
def test_an_order_that_was_sent_here_before_is_one_order(ehr_hooks, harbour, ehr, source_id):
    record = sent.prescription(source_id, NUMBER, start=0, days=14)
    sync.prescriptions(rows=enumerate([record]), source_system="ehr", by=ehr)
    treated = Patient.objects.get()
    along = prefetch(
        patient=person(
            name=[{"family": treated.family_name, "given": [treated.given_name]}],
            birthDate=str(treated.birth_date),
            gender=treated.sex,
        )
    )
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(), along=along))
    assert HookCard.objects.filter(patient=treated).count() == len(cards)
    assert "several" not in {each["source"]["topic"]["code"] for each in cards}
    other = body("order-sign", order("o2", "Zopiclone 7.5 mg tablets"), along=along)
    codes = {each["source"]["topic"]["code"] for each in ehr_hooks.cards("order-sign", other)}
    assert "several" in codes


def test_where_it_is_not_certain_who_is_meant_the_record_here_is_left_out(
    ehr_hooks, harbour, clara
):
    bell = make.patient(harbour, clara, identifiers=[NUMBER])
    make.prescription(bell, clara, "Morphine 10 mg tablets")
    somebody = person(name=[{"family": "Quill", "given": ["Ann"]}], birthDate="1931-05-04")
    call = body("order-sign", order(), along=prefetch(patient=somebody))
    cards = ehr_hooks.cards("order-sign", call)
    codes = {each["source"]["topic"]["code"] for each in cards}
    assert "opioid" not in codes
    assert "whose" in codes
    assert not HookCard.objects.exclude(patient=None).exists()
    assert "Jonathan" not in str(cards)


def test_what_is_wrong_with_the_patient_is_said_by_its_element(ehr_hooks):
    along = prefetch(patient=person(name=[]))
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(days=56), along=along))
    (doubt,) = [each for each in cards if each["source"]["topic"]["code"] == "whose"]
    assert "Patient.name.family: is needed" in doubt["detail"]


def test_what_is_wrong_with_an_order_is_said_by_its_element(ehr_hooks):
    much = order(days=56, dispenseRequest={"quantity": {"value": 10**9, "unit": "tablet"}})
    cards = ehr_hooks.cards("order-sign", body("order-sign", much))
    (part,) = [each for each in cards if "in part" in each["summary"]]
    assert "MedicationRequest.dispenseRequest.quantity: " in part["detail"].replace("\\", "")


def test_a_client_of_several_practices_says_which_is_meant(register, harbour, lakeside, clara, ada):
    make.person("ada", lakeside)
    dora = make.person("dora", lakeside, "clinician")
    for place, by in ((harbour, clara), (lakeside, dora)):
        bell = make.patient(place, by, identifiers=[NUMBER])
        make.prescription(bell, by, "Morphine 10 mg tablets")
    system = register(practices=[harbour, lakeside])
    path = "/cds-services/order-sign"
    call = body("order-sign", order())
    unsaid = system.cards("order-sign", call)
    assert "whose" in {each["source"]["topic"]["code"] for each in unsaid}
    for place in (harbour, lakeside):
        answer = system.post(path, call, token=system.token(path, tenant=place.code))
        codes = {each["source"]["topic"]["code"] for each in answer.json()["cards"]}
        assert "opioid" in codes
        assert "whose" not in codes
        assert HookCard.objects.filter(patient__practice=place, practice=place).exists()


def test_nobody_known_of_several_practices_has_the_policy_of_none(
    register, harbour, lakeside, ada, adam
):
    """What the first says to its own patients is not said of somebody who may be another's."""
    make.person("ada", lakeside)
    draft = govern.begin(title="Sooner here", by=ada)
    change(draft, ada, after=14, practice=harbour)
    published(draft, by=ada, second=adam)

    def said(*practices):
        system = register(
            practices=list(practices), hook_issuer=f"https://{len(practices)}.example"
        )
        return str(system.cards("order-sign", body("order-sign", order(days=20))))

    assert "Local policy of" in said(harbour)
    assert "Local policy of" not in said(harbour, lakeside)


def test_a_fault_of_ours_is_no_clean_answer(ehr_hooks, monkeypatch):
    def fails(**_):
        raise KeyError("a rule")

    monkeypatch.setattr("reviews.cds_hooks.views.judge", fails)
    (card,) = ehr_hooks.cards("order-sign", body("order-sign", order()))
    assert card["summary"] == "Not screened: the portal failed"
    assert "uuid" not in card


def test_no_card_speaks_of_ending_a_medicine(ehr_hooks):
    cards = ehr_hooks.cards("order-sign", body("order-sign", order(days=200)))
    actions = [a for card in cards for s in card.get("suggestions", ()) for a in s["actions"]]
    assert actions
    assert {action["type"] for action in actions} == {"create"}
    assert {action["resource"]["resourceType"] for action in actions} == {"Task"}
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            assert suggestion["uuid"]
            assert "stop" not in suggestion["label"].lower()


def test_text_of_others_is_no_markdown(ehr_hooks):
    evil = "Diazepam <b>5 mg</b> [tablets](https://attacker.example)"
    cards = ehr_hooks.cards("order-sign", body("order-sign", order("o1", evil, days=56)))
    assert cards
    for card in cards:
        assert "](http" not in card["detail"]
        assert "<b>" not in card["detail"]


def test_an_error_that_nobody_caught_is_an_outcome(ehr_hooks, monkeypatch):
    def away(**_):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("reviews.cds_hooks.views.judge", away)
    answer = ehr_hooks.call("order-sign", body("order-sign", order()))
    assert answer.status_code >= 500
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"

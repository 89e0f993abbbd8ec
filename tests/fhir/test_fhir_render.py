"""What is rendered is FHIR, and says what the record says: read again, it is the same record."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.fhir.read.bundle import read
from reviews.fhir.render import elements, medicines
from reviews.fhir.render.paths import REFERENCE, TOKEN, Definition, key, keys, references
from reviews.rules.codes import STATUSES, UNITS
from reviews.rules.indications import INDICATIONS
from tests.fhir.valid import problems

START = date(2026, 3, 2)
RENDER = {
    "request": medicines.request,
    "dispense": medicines.dispense,
    "statement": medicines.statement,
    "administration": medicines.administration,
}
amounts = st.decimals(Decimal("0.25"), Decimal(40), places=2)
days = st.integers(0, 300).map(lambda number: START + timedelta(days=number))
maybe = st.none


@st.composite
def orders(draw):
    dose = draw(st.none() | amounts)
    start = draw(st.none() | days)
    end = draw(st.none() | st.integers(0, 90)) if start else None
    times = draw(st.sampled_from((None, "0.5", "0.1429", "0.3333", "1", "2", "4")))
    as_needed = draw(st.booleans())
    indication = draw(st.sampled_from(sorted(INDICATIONS)))
    return medicines.Order(
        source=("ehr", draw(st.text("ab-1", min_size=1, max_size=5))),
        patient_id=7,
        medicine=medicines.ordered(
            3,
            "Diazepam 5 mg tablets",
            (elements.coding("http://snomed.info/sct", "319773006", "Diazepam"),),
        ),
        status=draw(st.sampled_from(sorted(STATUSES))),
        status_reason=draw(st.sampled_from(("", "Logged twice."))),
        dose=dose,
        dose_max=dose + 1 if dose is not None and draw(st.booleans()) else None,
        dose_unit=draw(st.sampled_from(sorted(UNITS))),
        times=Decimal(times) if times else None,
        times_max=Decimal(times) + 1 if times and draw(st.booleans()) else None,
        as_needed=as_needed,
        max_per_day=draw(amounts) if as_needed and draw(st.booleans()) else None,
        schedule=tuple(
            draw(st.lists(st.tuples(st.sampled_from((10.0, 7.5, 5.0)), st.integers(1, 9))))
        ),
        dosage_text=draw(st.sampled_from(("", "As told", " spaced "))),
        route=draw(st.sampled_from(("", "oral", "by feeding tube", *medicines.ROUTES))),
        start_on=start,
        end_on=start + timedelta(days=end) if start and end is not None else None,
        start_at=datetime(2026, 3, 2, 8, 30, tzinfo=UTC) if draw(st.booleans()) else None,
        quantity=draw(st.none() | amounts),
        quantity_unit=draw(st.sampled_from(("", *UNITS))),
        quantity_text=draw(st.sampled_from(("", "2 packs"))),
        days_supply=draw(st.none() | st.integers(0, 90)),
        repeats_allowed=draw(st.none() | st.integers(0, 5)),
        issue_days=draw(st.none() | st.integers(1, 60)),
        valid_until=draw(st.none() | days),
        written_on=draw(st.none() | days),
        dispensed_on=draw(st.none() | days),
        indication=(indication, INDICATIONS[indication]),
        setting=draw(st.sampled_from(("community", "inpatient", "unknown", "procedural"))),
        repeat_template=draw(st.booleans()),
        prescriber=draw(
            st.sampled_from(
                ({}, elements.named("Dr Moreau"), elements.reference("Practitioner", 4))
            )
        ),
        recorder={},
        pharmacy=draw(st.sampled_from(("", "Harbour Pharmacy"))),
        extensions=(),
        understood=None,
    )


@pytest.mark.parametrize("way", RENDER)
@settings(deadline=None)
@given(order=orders())
def test_whatever_is_known_of_an_order_is_rendered_as_fhir(way, order):
    assert problems({**RENDER[way](order), "id": "d2719f48-6c3c-4f3f-a0b2-0123456789ab"}) == []


def read_again(resource, **more):
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": {**resource, "id": "m"}},
            {
                "resource": {
                    "resourceType": "Patient",
                    "id": "7",
                    "identifier": [{"system": "nhs", "value": "1"}],
                    "name": [{"family": "Bell"}],
                }
            },
        ],
    }
    content = read(json.dumps(bundle).encode(), source="ehr")
    assert content.refused == []
    ((_, record),) = content.prescriptions
    return record


@settings(deadline=None)
@given(order=orders())
def test_an_order_that_is_read_again_says_the_same(order):
    order = order._replace(schedule=(), status="active", quantity_text="", start_at=None)
    if order.quantity is None or not order.quantity_unit:
        order = order._replace(quantity=None, quantity_unit="")
    record = read_again(medicines.request(order))
    assert record["medicine"] == order.medicine["text"]
    assert record["status"] == "active"
    assert record["dosage_text"] == order.dosage_text.strip()
    for name, value in (
        ("written_on", order.written_on),
        ("start_on", order.start_on),
        ("end_on", order.end_on),
        ("valid_until", order.valid_until),
    ):
        if value:
            assert record[name] == value.isoformat(), name
    if order.dose is not None:
        assert record["dose"] == pytest.approx(float(order.dose))
        assert record["dose_unit"] == order.dose_unit
    if order.times is not None:
        assert record["times_per_day"] == pytest.approx(float(order.times), rel=0.01)
    assert record.get("as_needed", False) == order.as_needed
    assert record.get("days_supply") == order.days_supply
    assert record.get("repeats_allowed") == order.repeats_allowed
    if order.quantity:
        assert record["quantity"] == pytest.approx(float(order.quantity))
        assert record["quantity_unit"] == order.quantity_unit
    assert record.get("indication", "unknown") == order.indication[0]


@pytest.mark.parametrize(
    ("times", "most", "repeat"),
    [
        ("2", None, {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("0.5", None, {"frequency": 1, "period": 2, "periodUnit": "d"}),
        ("0.1429", None, {"frequency": 1, "period": 7, "periodUnit": "d"}),
        ("0.3333", None, {"frequency": 1, "period": 3, "periodUnit": "d"}),
        ("1.5", None, {"frequency": 3, "period": 2, "periodUnit": "d"}),
        ("1", "3", {"frequency": 1, "period": 1, "periodUnit": "d", "frequencyMax": 3}),
    ],
)
def test_so_many_times_in_so_many_days(times, most, repeat):
    given_most = Decimal(most) if most else None
    assert medicines._often(Decimal(times), given_most) == repeat


# -- What a search finds -----------------------------------------------------------------------

DEFINED = {
    "code": Definition(TOKEN, "code"),
    "status": Definition(TOKEN, "status"),
    "identifier": Definition(TOKEN, "identifier"),
    "subject": Definition(REFERENCE, "subject", ("Patient",)),
    "performer": Definition(REFERENCE, "performer.actor|asserter", ("Practitioner",)),
}


def test_keys_are_what_a_search_asks_for():
    resource = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}, {"code": "local"}]},
        "status": "final",
        "identifier": [{"system": "urn:x", "value": "7"}],
        "subject": {"reference": "Patient/4"},
        "performer": [{"actor": {"reference": "Practitioner/1"}}, {"actor": {"display": "x"}}],
    }
    made = set(keys(resource, DEFINED))
    assert key("code", "http://loinc.org", "1-8") in made
    assert key("code", None, "1-8") in made
    assert key("code", "http://loinc.org", "") in made
    assert key("code", "", "local") in made
    assert key("status", "", "final") in made
    assert key("identifier", "urn:x", "7") in made
    assert key("subject", "Patient", "4") in made
    assert key("performer", "Practitioner", "1") in made
    assert references(resource, "performer.actor") == {("Practitioner", "1")}


json_values = st.recursive(
    st.sampled_from((None, True, 0, -1.5, "", "Patient/1", "a b")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("coding", "system", "code", "value", "reference", "actor", "x")), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    resource=st.dictionaries(
        st.sampled_from(("code", "status", "identifier", "subject", "performer")), json_values
    )
)
def test_keys_of_whatever_was_sent_are_texts(resource):
    assert all(isinstance(one, str) for one in keys(resource, DEFINED))


# -- The checks themselves ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"resourceType": "Patient", "gender": "woman"}, "Patient.gender"),
        ({"resourceType": "Patient", "name": []}, "ele-1"),
        ({"resourceType": "Patient", "favourite": 1}, "model"),
        ({"resourceType": "Patient", "managingOrganization": {"reference": "1"}}, "no reference"),
        (
            {
                "resourceType": "Condition",
                "subject": {"display": "x"},
                "abatementDateTime": "2026",
                "clinicalStatus": {"coding": [{"code": "active"}]},
            },
            "con-4",
        ),
        ({"resourceType": "AllergyIntolerance", "patient": {"display": "x"}}, "ait-1"),
        (
            {
                "resourceType": "Task",
                "status": "ready",
                "intent": "order",
                "authoredOn": "2026-02-02",
                "lastModified": "2026-02-01",
            },
            "inv-1",
        ),
    ],
)
def test_what_is_no_fhir_is_noticed(resource, said):
    assert any(said in problem for problem in problems(resource)), problems(resource)

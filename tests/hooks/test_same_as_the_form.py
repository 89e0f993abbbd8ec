"""A law: what a hook says of an order is what the preview of the form says of it."""

from itertools import count

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews import records
from reviews.fhir.read import bundle as reading
from reviews.models import HookCard, Identifier
from reviews.queries import advise
from reviews.records import PrescriptionRecord, SyncedPrescription
from tests import make
from tests.hooks.conftest import body, order, person

MEDICINES = [
    "Diazepam 5 mg tablets",
    "Zopiclone 7.5 mg tablets",
    "Temazepam 10 mg tablets",
    "Morphine 10 mg tablets",
    "Pregabalin 150 mg capsules",
    "Paracetamol 500 mg tablets",
    "Clozapine 100 mg tablets",
    "Qwertyzine 10 mg",
]
orders = st.builds(
    order,
    st.just("o1"),
    st.sampled_from(MEDICINES),
    start=st.integers(-30, 30),
    days=st.integers(1, 120),
)
held = st.lists(
    st.tuples(st.sampled_from(MEDICINES[:-1]), st.integers(-90, -1), st.integers(1, 90)),
    max_size=3,
)


SYSTEM, NUMBERS = "urn:example:numbers", count(1)


def as_record(draft):
    """The record that the form would have made of a draft."""
    written = draft | {"status": "active", "subject": {"reference": "Patient/p1"}}
    content = reading.read(
        msgspec.json.encode(
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": person()}, {"resource": written}],
            }
        ),
        source="ehr",
        today=make.day(),
    )
    ((_, made),) = content.prescriptions
    synced = records.convert(made, SyncedPrescription)
    fields = {name: getattr(synced, name) for name in PrescriptionRecord.__struct_fields__}
    return PrescriptionRecord(**fields)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(orders, held, st.integers(18, 90))
def test_the_cards_hold_the_findings_of_the_preview(ehr_hooks, harbour, clara, draft, held, age):
    HookCard.objects.all().delete()
    bell, number = make.patient(harbour, clara, age=age), f"{next(NUMBERS)}"
    Identifier.objects.create(patient=bell, practice=harbour, system=SYSTEM, value=number)
    for medicine, start, days in held:
        make.prescription(bell, clara, medicine, start=start, days=days)
    preview = advise.preview(patient=bell, record=as_record(draft), by=clara)
    along = {
        "patient": person(
            identifier=[{"system": SYSTEM, "value": number}],
            birthDate=bell.birth_date.isoformat(),
        ),
        **dict.fromkeys(("medications", "conditions", "allergies", "observations")),
    }
    cards = ehr_hooks.cards("order-sign", body("order-sign", draft, along=along))
    kept = HookCard.objects.exclude(rules=[])
    assert {card.patient for card in HookCard.objects.all()} <= {bell}
    assert {rule for card in kept for rule in card.rules} == {each.rule_id for each in preview.new}
    gravest = min((each.severity for each in preview.new), default=4)
    assert min((card.severity for card in kept), default=4) == gravest
    said = "\n".join(card["detail"] for card in cards)
    gaps = [each for each in cards if each["source"]["topic"]["code"] == "not-evaluable"]
    assert bool(gaps) == bool(preview.not_evaluable)
    for gap in preview.not_evaluable:
        assert gap.rule_id.replace("-", "\\-") in said

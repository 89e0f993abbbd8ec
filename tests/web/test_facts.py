"""Readings and exemptions on the patient's page, without any script."""

import pytest

from reviews import records
from reviews.models import Condition, Exemption, Reading
from reviews.verbs import exempt, observe, screen
from tests import make
from tests.web.browse import Browser, heading, words


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara)


def recorded(patient, by, *, on=-10, kind="egfr", **answer):
    said = {"kind": kind, "on": make.day(on), **(answer or {"value": 48})}
    record = records.convert(said, records.ReadingRecord)
    return observe.record_reading(patient=patient, record=record, by=by)


def exempted(patient, by, **changes):
    given = {"kind": "palliative", "evidence": "Hospice letter", "expires_on": make.day(90)}
    return exempt.exempt(patient=patient, by=by, **given | changes)


# -- Readings --------------------------------------------------------------------------------------


def test_every_kind_is_offered_and_has_a_form(bell, clara):
    browser = Browser(clara)
    page = browser.read(f"/patients/{bell.pk}/readings")
    for kind in ("Kidney function (eGFR)", "Pregnancy", "Signs of dependence", "Next review"):
        assert kind in page
    for kind in ("egfr", "pregnancy", "dependence_signs", "next_review"):
        assert browser.get(f"/patients/{bell.pk}/readings/{kind}").status_code == 200
    assert browser.get(f"/patients/{bell.pk}/readings/shoe_size").status_code == 404


@pytest.mark.parametrize(
    ("kind", "answer", "shown"),
    [
        ("egfr", "48.5", "48.5 mL/min/1.73m2"),
        ("pregnancy", "second", "Second trimester"),
        ("dependence_signs", ["tolerance", "cannot_cope"], "Cannot cope without it"),
        ("dependence_signs", [], "None of them"),
        ("next_review", "4 Dec 2031", "4 Dec 2031"),
    ],
)
def test_an_answer_is_recorded_and_shown(bell, clara, kind, answer, shown):
    page = Browser(clara).follow(f"/patients/{bell.pk}/readings/{kind}", answer=answer, on="-10d")
    assert "The patient is being checked again" in words(page)
    assert shown in words(page)
    assert Reading.objects.get().dated_on == make.day(-10)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"answer": "500", "on": "-1d"}, "200"),
        ({"answer": "", "on": "-1d"}, "required"),
        ({"answer": "50", "on": "+2d"}, "future"),
        ({"answer": "50", "on": "yesterday"}, "must be a day"),
    ],
)
def test_what_does_not_fit_is_told_and_kept_in_the_form(bell, clara, given, told):
    response = Browser(clara).post(f"/patients/{bell.pk}/readings/egfr", **given)
    assert response.status_code == 422
    page = words(response).lower()
    assert "something is to be put right" in page
    assert told in page
    assert f'value="{given["answer"]}"' in response.content.decode() or not given["answer"]
    assert not Reading.objects.exists()


def test_the_latest_of_a_kind_is_shown_and_the_earlier_folded(bell, clara):
    recorded(bell, clara, value=61, on=-400)
    recorded(bell, clara, value=44, on=-5)
    page = Browser(clara).read(f"/patients/{bell.pk}")
    assert page.index("44 mL/min") < page.index("1 earlier") < page.index("61 mL/min")


def test_one_too_old_to_count_says_so(bell, clara):
    recorded(bell, clara, kind="phq9_item9", value=1, on=-30)
    assert "too old to count" not in Browser(clara).read(f"/patients/{bell.pk}")
    recorded(bell, clara, kind="audit_c", value=1, on=-366)
    assert "too old to count" in Browser(clara).read(f"/patients/{bell.pk}")


def test_a_reading_is_corrected_in_place(bell, clara):
    held = recorded(bell, clara)
    address = f"/patients/{bell.pk}/readings/{held.pk}/correct"
    browser = Browser(clara)
    assert heading(browser.get(address)) == ("Correct “Kidney function (eGFR): 48 mL/min/1.73m2”")
    page = browser.follow(address, status="final", answer="84", on="-9d")
    assert "84 mL/min/1.73m2" in words(page)
    assert "48 mL/min/1.73m2" not in words(page)
    assert Reading.objects.count() == 2
    assert browser.post(address, status="final", answer="85", on="-9d").status_code == 409


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("egfr", {"value": 48}),
        ("pregnancy", {"text": "first"}),
        ("dependence_signs", {"text": "tolerance"}),
        ("next_review", {"text": "2031-01-01"}),
    ],
)
def test_a_reading_is_taken_back_without_an_answer(bell, clara, kind, answer):
    held = recorded(bell, clara, kind=kind, **answer)
    page = Browser(clara).follow(
        f"/patients/{bell.pk}/readings/{held.pk}/correct", status="entered-in-error"
    )
    assert "No reading is recorded" in words(page)
    assert Reading.objects.get(superseded_at=None).status == "entered-in-error"


# -- Exemptions ------------------------------------------------------------------------------------


def test_an_exemption_is_granted_and_ended_after_asking_once_more(bell, ravi):
    browser = Browser(ravi)
    assert "every rule applies" in browser.read(f"/patients/{bell.pk}")
    page = browser.follow(
        f"/patients/{bell.pk}/exemptions",
        kind="palliative",
        evidence="Hospice letter of 3 March",
        expires_on="+90d",
    )
    assert "owned by Ravi Shah" in words(page)
    assert "Hospice letter of 3 March" in words(page)

    held = Exemption.objects.get()
    address = f"/patients/{bell.pk}/exemptions/{held.pk}/end"
    assert heading(browser.get(address)) == "End this exemption now?"
    held.refresh_from_db()
    assert held.ended_at is None
    page = words(browser.follow(address))
    assert "every rule applies" in page
    assert "ended early by Ravi Shah" in page
    assert browser.post(address).status_code == 409


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"evidence": ""}, "required"), ({"expires_on": "+400d"}, "a year at most")],
)
def test_an_exemption_needs_evidence_and_an_end(bell, ravi, changes, told):
    given = {"kind": "palliative", "evidence": "Letter", "expires_on": "+90d", **changes}
    response = Browser(ravi).post(f"/patients/{bell.pk}/exemptions", **given)
    assert response.status_code == 422
    assert told in words(response)
    assert not Exemption.objects.exists()


# -- Who, and how much -----------------------------------------------------------------------------


def test_who_may_do_what(bell, clara, ravi, audrey, lakeside):
    held, granted = recorded(bell, clara), exempted(bell, ravi)
    facts = (
        f"/patients/{bell.pk}/readings",
        f"/patients/{bell.pk}/readings/egfr",
        f"/patients/{bell.pk}/readings/{held.pk}/correct",
    )
    exemptions = (
        f"/patients/{bell.pk}/exemptions",
        f"/patients/{bell.pk}/exemptions/{granted.pk}/end",
    )
    stranger = make.person("stranger", lakeside, "reviewer")

    def answers(user, addresses):
        return {Browser(user).get(address).status_code for address in addresses}

    assert answers(clara, facts) == {200}
    assert answers(clara, exemptions) == {403}
    assert answers(ravi, facts + exemptions) == {200}
    assert answers(audrey, facts + exemptions) == {403}
    assert answers(stranger, facts + exemptions) == {404}
    seen = Browser(audrey).get(f"/patients/{bell.pk}").content.decode()
    assert not [address for address in facts + exemptions if f'"{address}"' in seen]


def test_a_fact_of_somebody_else_is_not_there(bell, harbour, clara, ravi):
    other = make.patient(harbour, clara, family_name="Other")
    held, granted = recorded(other, clara), exempted(other, ravi)
    browser = Browser(ravi)
    for address in (
        f"/patients/{bell.pk}/readings/{held.pk}/correct",
        f"/patients/{bell.pk}/exemptions/{granted.pk}/end",
    ):
        assert browser.get(address).status_code == 404
        assert browser.post(address).status_code == 404


def test_more_facts_take_no_more_queries(bell, ravi, django_assert_max_num_queries):
    screen.drain()
    browser = Browser(ravi)
    counts = []
    for _ in range(2):
        for value in range(5):
            recorded(bell, ravi, value=40 + value)
            exempted(bell, ravi)
        screen.drain()
        browser.get(f"/patients/{bell.pk}")
        with django_assert_max_num_queries(60) as counted:
            browser.get(f"/patients/{bell.pk}")
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_an_allergy_stays_one_when_it_is_ended(bell, clara):
    browser = Browser(clara)
    address = f"/patients/{bell.pk}/conditions"
    page = browser.follow(address, kind="allergy", text="Diazepam", system="snomed", code="")
    assert "allergy Diazepam" in words(page)
    held = Condition.objects.get()
    browser.post(f"{address}/{held.pk}/end", status="resolved", ended_on="-1d")
    assert Condition.objects.get(superseded_at=None).kind == "allergy"


def test_an_exemption_can_be_for_single_orders(bell, clara, ravi):
    order = make.prescription(bell, clara, start=-5, days=14)
    make.prescription(bell, clara, "Amlodipine 5 mg tablets", indication="other")
    address = f"/patients/{bell.pk}/exemptions"
    page = Browser(ravi).read(address)
    assert "Diazepam 5 mg tablets, 1 tablet twice a day" in page
    assert "Amlodipine" not in page
    given = {"kind": "specialist", "evidence": "Sleep clinic", "expires_on": "+30d"}
    shown = words(Browser(ravi).follow(address, **given, orders=str(order.order_id)))
    assert "Only for Diazepam 5 mg tablets, while no other benzodiazepine" in shown
    assert Exemption.objects.get().order_ids == [order.order_id]
    assert Browser(ravi).post(address, **given, orders="none of them").status_code == 422


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "palliative",
            "Silent: every rule but ALG-01, DQ-03, DQ-04, OPI-03, STOP-01, STOP-02. Lower: OPI-03.",
        ),
        ("alcohol_withdrawal", "Silent: ALC-01, DOSE-01, ELD-01."),
        ("specialist", "Lower: DUR-01, DUR-02, DUR-03,"),
    ],
)
def test_what_an_exemption_does_to_the_rules_is_said(bell, clara, ravi, kind, said):
    exempted(bell, ravi, kind=kind)
    assert said in Browser(clara).read(f"/patients/{bell.pk}")

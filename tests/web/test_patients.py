"""Patients: finding one, the patient's page, registering, conditions."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews import records, requests
from reviews.conclusions import FlagOutcome
from reviews.models import (
    Condition,
    Patient,
    PatientScreening,
    Prescription,
    ScreeningRequest,
)
from reviews.verbs import decide, prescribe, screen
from tests import make
from tests.web.browse import Browser, heading, words


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["9990001234"])


def queries(browser, address):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert browser.get(address).status_code == 200
    return len(seen)


# -- Finding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["bell", "Bell Jon", "jonathon", "9990001234", "999 000 1234", "0001234"]
)
def test_a_patient_is_found_by_part_of_name_or_number_or_with_a_slip(typed, bell, clara, harbour):
    make.patient(harbour, clara, family_name="Okonkwo", given_name="Ada")
    page = words(Browser(clara).get("/patients", q=typed))
    assert "BELL, Jonathan" in page
    assert "OKONKWO" not in page


def test_a_search_that_finds_nobody_says_so(bell, clara):
    page = Browser(clara).get("/patients", q="Zzyzx")
    assert heading(page) == "0 patients like “Zzyzx”"
    assert "Nobody fits" in words(page)


def test_patients_of_other_practices_are_not_listed(bell, lakeside):
    doctor = make.person("doc", lakeside, "clinician")
    make.patient(lakeside, doctor, family_name="Rivera")
    page = words(Browser(doctor).get("/patients"))
    assert "RIVERA" in page
    assert "BELL" not in page
    assert "Harbour" not in page


def test_who_may_not_see_patients_is_told_who_may(ada, ehr):
    assert Browser(ada).get("/patients").status_code == 403
    assert Browser(None).get("/patients").status_code == 302


def test_the_list_says_who_is_not_checked(bell, harbour, clara):
    assert "NOT CHECKED" in words(Browser(clara).get("/patients"))
    screen.drain()
    listed = Browser(clara).get("/patients")
    assert "NOT CHECKED" not in words(listed)
    assert 'class="checked"' in listed.content.decode()
    assert "Everybody is checked" in words(Browser(clara).get("/patients", checked="no"))
    make.prescription(bell, clara)
    waiting = Browser(clara).get("/patients", checked="no")
    assert heading(waiting) == "1 patient not checked"


def test_who_is_not_checked_waits_failed_or_is_new(bell, harbour, clara):
    """Whoever waits behind a rescreen of everybody was checked, and stays so until then."""
    failed, late = (make.patient(harbour, clara, family_name=name) for name in ("Frost", "Late"))
    screen.drain()
    PatientScreening.objects.filter(patient=failed).update(problem="ValueError: odd record")
    make.prescription(bell, clara)
    requests.enqueue([late.pk], reason="published", priority=requests.BULK)
    new = make.patient(harbour, clara, family_name="New")
    ScreeningRequest.objects.filter(patient=new).delete()
    listed = Browser(clara).get("/patients", checked="no").context["page"].rows
    assert [patient.pk for patient in listed] == [bell.pk, failed.pk, new.pk]


def test_the_list_does_not_read_the_rule_book_for_everybody(bell, clara):
    screen.drain()
    with CaptureQueriesContext(connection) as held:
        Browser(clara).get("/patients")
    assert not [query["sql"] for query in held if '"book"' in query["sql"]]


def test_an_empty_practice_offers_to_register(clara):
    assert "Register the first one" in words(Browser(clara).get("/patients"))


def test_the_list_costs_no_more_with_more_patients(bell, harbour, clara):
    browser = Browser(clara)
    queries(browser, "/patients")  # the first page of a session asks for its second factor
    few = queries(browser, "/patients")
    for n in range(20):
        make.patient(harbour, clara, family_name=f"Bell{n}", identifiers=[f"99900055{n:02}"])
    assert queries(browser, "/patients") == few


# -- The page of a patient -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("clara", 200), ("ravi", 200), ("audrey", 200), ("ada", 404)],
)
def test_who_may_open_a_patient(who, status, bell, harbour):
    user = make.person(who, harbour)
    for address in (f"/patients/{bell.pk}", f"/patients/{bell.pk}/medicines"):
        assert Browser(user).get(address).status_code == status


def test_a_patient_of_another_practice_is_not_there(bell, lakeside):
    doctor = make.person("doc", lakeside, "clinician")
    assert Browser(doctor).get(f"/patients/{bell.pk}").status_code == 404
    assert Browser(doctor).get(f"/patients/{bell.pk}/medicines").status_code == 404
    assert Browser(doctor).get(f"/patients/{bell.pk}/conditions").status_code == 404


def test_never_screened_is_the_heading(bell, clara):
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Not checked yet: what follows has not been screened"
    assert "999 000 1234" in words(page)


def test_a_change_that_waits_is_not_shown_as_checked(bell, clara):
    screen.drain()
    assert "Checked with rule book 1" in words(Browser(clara).get(f"/patients/{bell.pk}"))
    make.prescription(bell, clara)
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Not checked since the last change"
    assert "A change waits to be screened" in words(page)


def test_a_failed_screening_says_why(bell, clara):
    screen.drain()
    PatientScreening.objects.filter(patient=bell).update(problem="ValueError: odd record")
    assert "ValueError: odd record" in words(Browser(clara).get(f"/patients/{bell.pk}"))


def test_checked_and_clear_is_the_heading(bell, clara):
    make.prescription(bell, clara, "Amlodipine 5 mg tablets")
    screen.drain()
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked, nothing to review"
    assert "No benzodiazepine or Z-drug is recorded" in words(page)


def test_dose_supply_and_exposure_are_in_words(bell, clara):
    make.prescription(bell, clara, start=-4, days=14)
    screen.drain()
    page = Browser(clara).read(f"/patients/{bell.pk}")
    assert "1 tablet twice a day" in page
    assert "28 tablets for 14 days" in page
    assert "Anxiety, severe or disabling" in page
    assert "Exposed days 14" in page


def test_the_open_case_is_the_heading(harbour, clara):
    case = make.urgent_case(harbour, logged_by=clara)
    page = Browser(clara).get(f"/patients/{case.patient_id}")
    assert heading(page) == case.headline
    assert "OPI-01" in words(page)
    assert "S1 Urgent" in words(page)


def test_a_medicine_nobody_knows_is_loud(bell, clara):
    make.prescription(bell, clara, "Zorbelix 3 mg tablets")
    screen.drain()
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert "NOT RECOGNISED" in page
    assert "1 of them not recognised" in page
    assert "Checked in part" in page


def test_a_missing_supply_is_not_known_and_not_evaluated(bell, clara):
    make.prescription(bell, clara, days=None)
    screen.drain()
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert "not known" in page
    assert "not evaluated" in page
    assert "Checked in part" in page


def test_an_order_with_repeats_stays_among_the_medicines_now(bell, clara, rulebook):
    make.prescription(bell, clara, start=-60, days=28, repeats_allowed=5, valid_until=make.day(90))
    make.prescription(bell, clara, start=-60, days=28, medicine="Lorazepam 1 mg tablets")
    screen.drain()
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    now, before = page.split("Before now")
    assert "1 medicine in hand or possibly in hand" in now
    assert "Diazepam" in now.split("Medicines now")[1]
    assert "5 repeats allowed" in now
    assert "Lorazepam" in before
    assert heading(Browser(clara).get(f"/patients/{bell.pk}")) != "Checked, nothing to review"


def test_a_supply_in_words_and_evidence_of_use_are_shown(bell, clara, rulebook):
    told = {"days": None, "days_supply": None, "quantity": None, "quantity_unit": None}
    make.prescription(bell, clara, quantity_text="2 Packung", evidence="reported", **told)
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert "“2 Packung”" in page
    assert "reported as taken" in page


def test_recognised_by_name_is_marked_and_by_code_too(bell, clara):
    make.prescription(bell, clara)
    make.prescription(
        bell, clara, "DIAZ 5", codings=[{"system": "atc", "code": "N05BA01"}], start=-1
    )
    page = words(Browser(clara).get(f"/patients/{bell.pk}/medicines"))
    assert "diazepam by name only" in page
    assert "diazepam by code" in page


def test_earlier_versions_stay_with_their_reason(bell, clara):
    first = make.prescription(bell, clara)
    second = prescribe.amend(
        prescription=first, record=make.record(times_per_day=3), by=clara, reason="spasm at night"
    )
    prescribe.withdraw(prescription=second, status="stopped", reason="rash", by=clara)
    page = words(Browser(clara).get(f"/patients/{bell.pk}/medicines"))
    assert "version 3" in page
    assert "1 tablet twice a day, active" in page
    assert "Reason: spasm at night" in page
    assert "Before now" in words(Browser(clara).get(f"/patients/{bell.pk}"))


def test_links_to_change_are_for_those_who_may(bell, clara, ravi):
    prescription = make.prescription(bell, clara)
    change = f"/prescriptions/{prescription.pk}/"
    log = "Log a prescription"
    assert "Amend" in words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert log in words(Browser(clara).get(f"/patients/{bell.pk}"))
    other = Browser(ravi).get(f"/patients/{bell.pk}")
    assert "Amend" not in words(other)
    assert log not in words(other)
    assert change not in other.content.decode()


def test_closed_cases_are_told_with_what_was_decided(harbour, clara, ravi):
    case = make.flagged_case(harbour, logged_by=clara)
    flags = list(case.flags.open())
    decide.decide(
        case=case,
        outcomes=[FlagOutcome(flag.pk, "taper", "agreed_with_patient") for flag in flags],
        note="Slowly, over three months.",
        by=ravi,
        seen=case.lock,
    )
    page = words(Browser(ravi).get(f"/patients/{case.patient_id}"))
    assert "reduce or taper, agreed with the patient" in page
    assert "Slowly, over three months." in page
    assert "Known and covered" in page


def test_three_hundred_prescriptions_cost_no_more_queries_than_three(bell, clara):
    def add(count):
        first = Prescription.objects.filter(patient=bell).first()
        columns = {
            field.attname: getattr(first, field.attname)
            for field in Prescription._meta.concrete_fields
            if field.name not in ("id", "order_id", "source_id", "recorded_at")
        }
        Prescription.objects.bulk_create(
            Prescription(**columns, source_id=f"copy-{n}") for n in range(count)
        )

    make.prescription(bell, clara)
    make.prescription(bell, clara, "Amlodipine 5 mg tablets")
    screen.drain()
    browser = Browser(clara)
    pages = (f"/patients/{bell.pk}", f"/patients/{bell.pk}/medicines")
    queries(browser, pages[0])  # the first page of a session asks for its second factor
    few = [queries(browser, page) for page in pages]
    add(298)
    assert [queries(browser, page) for page in pages] == few
    assert "300 medicines on record" in heading(browser.get(pages[1]))
    assert "251 to 300 of 300" in words(browser.get(pages[1], page=6))


# -- Registering -----------------------------------------------------------------------------------


def given(**changes):
    return {
        "family_name": "Osei",
        "given_name": "Abena",
        "birth_date": "9 Sep 1974",
        "sex": "female",
        "system": "https://fhir.nhs.uk/Id/nhs-number",
        "identifiers": "999 000 5559",
        **changes,
    }


def test_registering_leads_to_the_patient(harbour, ravi):
    response = Browser(ravi).follow("/patients/register", practice=harbour.pk, **given())
    assert "OSEI, Abena is registered" in words(response)
    patient = Patient.objects.get(family_name="Osei")
    assert (patient.birth_date.isoformat(), patient.sex) == ("1974-09-09", "female")
    assert patient.identifiers.get().value == "9990005559"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family_name": ""}, "This field is required"),
        ({"birth_date": "31/31/1974"}, "Must be a day such as"),
        ({"birth_date": "+20d"}, "Is in the future or before 1900"),
        ({"identifiers": "999 000 5555"}, "999 000 5555 cannot be right"),
    ],
)
def test_what_cannot_be_registered_comes_back_with_the_reason(changes, said, harbour, clara):
    response = Browser(clara).post("/patients/register", practice=harbour.pk, **given(**changes))
    assert response.status_code == 422
    assert "Not saved" in words(response)
    assert said in words(response)
    assert 'value="Abena"' in response.content.decode()
    assert not Patient.objects.filter(given_name="Abena").exists()


def test_a_number_in_use_is_refused_at_its_field(harbour, clara):
    browser = Browser(clara)
    assert browser.post("/patients/register", practice=harbour.pk, **given()).status_code == 302
    again = browser.post("/patients/register", practice=harbour.pk, **given(given_name="Kofi"))
    assert again.status_code == 422
    assert "9990005559 is already in use" in words(again)
    assert Patient.objects.filter(family_name="Osei").count() == 1


def test_nobody_registers_where_they_may_not(harbour, lakeside, clara, audrey):
    assert Browser(audrey).get("/patients/register").status_code == 403
    response = Browser(clara).post("/patients/register", practice=lakeside.pk, **given())
    assert response.status_code == 422
    assert not Patient.objects.filter(family_name="Osei").exists()


# -- Conditions ------------------------------------------------------------------------------------


def test_a_condition_is_recorded_and_ended(bell, ravi):
    browser = Browser(ravi)
    page = browser.follow(
        f"/patients/{bell.pk}/conditions",
        kind="condition",
        text="COPD",
        system="http://hl7.org/fhir/sid/icd-10",
        code="J44.9",
        onset_on="1/2/2020",
    )
    assert "Recorded: COPD" in words(page)
    held = Condition.objects.get(patient=bell)
    assert held.codings == [
        {"system": "http://hl7.org/fhir/sid/icd-10", "code": "J44.9", "display": ""}
    ]
    end = f"/patients/{bell.pk}/conditions/{held.pk}/end"
    assert "End “COPD”" in heading(browser.get(end))
    page = browser.follow(end, status="resolved", ended_on="1 Mar 2021")
    assert "ended on 1 Mar 2021" in words(page)
    now = Condition.objects.get(patient=bell, superseded_at=None)
    assert (now.status, now.ended_on.isoformat(), now.supersedes) == (
        "resolved",
        "2021-03-01",
        held,
    )
    again = browser.post(end, status="resolved", ended_on="1 Mar 2021")
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ended_on": ""}, "Say on which day it ended"),
        ({"ended_on": "1 Jan 2019"}, "Is before onset_on"),
    ],
)
def test_an_end_that_cannot_be_is_refused(changes, said, bell, clara):
    record = records.convert({"text": "Falls", "onset_on": "2020-01-01"}, records.ConditionRecord)
    held = prescribe.record_condition(patient=bell, record=record, by=clara)
    end = f"/patients/{bell.pk}/conditions/{held.pk}/end"
    response = Browser(clara).post(end, status="resolved", **changes)
    assert response.status_code == 422
    assert said in words(response)


def test_an_allergy_stands_in_the_banner(bell, clara):
    browser, address = Browser(clara), f"/patients/{bell.pk}"
    assert "Allergies not recorded" in browser.read(address)
    browser.post(f"{address}/conditions", kind="allergy", text="penicillin", system="snomed")
    assert "Allergies penicillin" in browser.read(address)
    held = Condition.objects.get(patient=bell)
    browser.post(f"{address}/conditions/{held.pk}/end", status="entered-in-error")
    assert "Allergies not recorded" in browser.read(address)


def test_an_auditor_records_nothing(bell, audrey):
    browser = Browser(audrey)
    assert browser.get(f"/patients/{bell.pk}/conditions").status_code == 403
    assert browser.post(f"/patients/{bell.pk}/conditions", text="COPD").status_code == 403
    assert "Add a condition" not in browser.read(f"/patients/{bell.pk}")


def test_exposure_episodes_are_those_of_the_rules(harbour, clara):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-200, days=14)
    make.prescription(treated, clara, start=-20, days=14)
    make.prescription(treated, clara, "Zopiclone 7.5 mg tablets", start=0, days=7, times_per_day=1)
    page = Browser(clara).read(f"/patients/{treated.pk}")
    shown = page[page.index("Exposure episodes") : page.index("Conditions")]
    newest, _, oldest = shown.partition("diazepam, zopiclone")
    assert f"{make.day(-20):%-d %b %Y}" in newest
    assert f"{make.day(6):%-d %b %Y} current 21" in newest
    assert f"{make.day(-200):%-d %b %Y}" in oldest
    assert "10 mg diazepam equivalent" in shown


def test_a_supply_without_a_length_is_said_beside_the_episodes(harbour, clara):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, days=None)
    page = Browser(clara).read(f"/patients/{treated.pk}")
    assert "length not known Supplies of diazepam that may lengthen" in page


def test_what_could_not_be_judged_leads_to_what_can_be_recorded(harbour, clara, audrey):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara)
    screen.drain()
    address = f"/patients/{treated.pk}"
    link = f'<a href="{address}/readings/egfr">Record: Kidney function (eGFR)</a>'
    assert link in Browser(clara).get(address).content.decode()
    assert link not in Browser(audrey).get(address).content.decode()


def test_a_dose_that_only_the_words_tell_is_shown_beside_them(bell, clara):
    nothing = {"dose": None, "dose_unit": None, "times_per_day": None}
    make.prescription(bell, clara, dosage_text="1 tds prn", **nothing)
    make.prescription(
        bell, clara, medicine="Lorazepam 1 mg tablets", dosage_text="as directed", **nothing
    )
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert "1 tablet 3 times a day if needed read from the words “1 tds prn”" in page
    assert "as directed dose not read" in page


def test_a_dose_that_the_words_contradict_is_shown_with_both(bell, clara):
    make.prescription(bell, clara, dosage_text="TWO three times a day")
    page = words(Browser(clara).get(f"/patients/{bell.pk}"))
    assert "recorded as 1 tablet twice a day; the words say otherwise: “TWO three times" in page
    assert "2 to 6 tablets once a day" in page

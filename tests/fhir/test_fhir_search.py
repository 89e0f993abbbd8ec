"""Search: what each parameter finds, in which order, page by page, and what goes with it."""

import json
from datetime import UTC, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews.models import Prescription, Reading, Role
from reviews.queries import fhir_search, fhir_values
from reviews.queries.fhir_finders import Day, Instant
from reviews.queries.fhir_finders import time as compared
from reviews.verbs import observe, prescribe, screen, sync
from tests import make
from tests.api import sent
from tests.fhir.asking import System, link, refused
from tests.fhir.test_fhir_writing import order
from tests.fhir.test_fhir_writing_people import bell as sent_bell
from tests.fhir.test_fhir_writing_people import post


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["1"])


@pytest.fixture
def ames(harbour, clara):
    return make.patient(harbour, clara, family_name="Ames", given_name="Ann", sex="female")


@pytest.fixture
def orders(bell, ames, clara, ehr):
    """Three orders of Bell, one of Ames, and one that a system sent."""
    first = make.prescription(bell, clara, start=-10, written_on=make.day(-10))
    second = make.prescription(bell, clara, "Zopiclone 7.5 mg tablets", start=-5)
    prescribe.withdraw(
        prescription=make.prescription(bell, clara, "Morphine 10 mg tablets", start=-3),
        status="cancelled",
        reason="Logged twice.",
        by=clara,
    )
    other = make.prescription(ames, clara, start=-2, written_on=make.day(-2))
    row = sent.prescription("rx-1", status="completed", written_on=make.day(-30).isoformat())
    sync.prescriptions(rows=enumerate([row]), source_system="ehr", by=ehr)
    return {
        "first": first,
        "second": second,
        "morphine": Prescription.objects.live().get(status="cancelled"),
        "other": other,
        "sent": Prescription.objects.get(source_id="rx-1"),
    }


def names(orders, resources):
    by_id = {str(order.order_id): name for name, order in orders.items()}
    return {by_id[resource["id"]] for resource in resources}


# -- Parameters --------------------------------------------------------------------------------

DIAZEPAM = "http://www.nlm.nih.gov/research/umls/rxnorm|197591"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"first", "second", "morphine", "other", "sent"}),
        ({"patient": "{bell}"}, {"first", "second", "morphine", "sent"}),
        ({"subject": "Patient/{bell}"}, {"first", "second", "morphine", "sent"}),
        ({"subject:Patient": "{ames}"}, {"other"}),
        ({"subject": "http://testserver/fhir/Patient/{ames}"}, {"other"}),
        ({"subject": "http://elsewhere/fhir/Patient/{ames}"}, set()),
        ({"patient": "{ames},{bell}"}, {"first", "second", "morphine", "other", "sent"}),
        ({"patient": "987654321"}, set()),
        ({"patient": "no-number"}, set()),
        ({"patient:identifier": "nhs|1"}, {"first", "second", "morphine", "sent"}),
        ({"subject:identifier": "1"}, {"first", "second", "morphine", "sent"}),
        ({"subject:identifier": "nhs|2"}, set()),
        ({"status": "completed"}, {"sent"}),
        ({"status": "completed,cancelled"}, {"sent", "morphine"}),
        ({"status": "|active"}, {"first", "second", "other"}),
        ({"status": "http://other|active"}, set()),
        ({"status": "bogus"}, set()),
        ({"code": "197591"}, {"sent"}),
        ({"code": DIAZEPAM}, {"sent"}),
        ({"code": "http://www.nlm.nih.gov/research/umls/rxnorm|"}, {"sent"}),
        ({"code": "http://snomed.info/sct|197591"}, set()),
        ({"code": "|197591"}, set()),
        ({"identifier": "urn:prescription-safety-portal:source:ehr|rx-1"}, {"sent"}),
        ({"identifier": "rx-1"}, {"sent"}),
        ({"identifier": "urn:prescription-safety-portal:source:other|rx-1"}, set()),
        ({"identifier": "urn:prescription-safety-portal:source:ehr|"}, {"sent"}),
        ({"authoredon": "{-10}"}, {"first"}),
        ({"authoredon": "ge{-10}"}, {"first", "other"}),
        ({"authoredon": "gt{-10}"}, {"other"}),
        ({"authoredon": "lt{-10}"}, {"sent"}),
        ({"authoredon": "le{-10}"}, {"first", "sent"}),
        ({"authoredon": ["ge{-30}", "lt{-2}"]}, {"first", "sent"}),
        ({"intent": "order"}, {"first", "second", "morphine", "other", "sent"}),
        ({"intent": "plan"}, set()),
        ({"requester": "Practitioner/{clara}"}, {"first", "second", "morphine", "other"}),
        ({"requester": "{clara}", "status": "cancelled"}, {"morphine"}),
        ({"medication": "{medicine}"}, {"first", "other"}),
        ({"category": "community"}, {"first", "second", "morphine", "other", "sent"}),
        ({"category": "inpatient"}, set()),
        ({"_id": "{first},{other}"}, {"first", "other"}),
        ({"_id": "nothing"}, set()),
        ({"_lastUpdated": "gt2000-01-01"}, {"first", "second", "morphine", "other", "sent"}),
        ({"_lastUpdated": "lt2000"}, set()),
        ({"favourite": "blue"}, {"first", "second", "morphine", "other", "sent"}),
    ],
)
def test_a_parameter_finds_the_orders_that_it_names(
    system, orders, bell, ames, clara, query, found
):
    known = {
        "{bell}": bell.pk,
        "{ames}": ames.pk,
        "{clara}": clara.pk,
        "{medicine}": orders["first"].medicine_id,
        "{first}": orders["first"].order_id,
        "{other}": orders["other"].order_id,
        **{f"{{{day}}}": make.day(day) for day in (-30, -10, -2)},
    }
    text = json.dumps(query)
    for name, value in known.items():
        text = text.replace(name, str(value))
    asked = json.loads(text)
    assert names(orders, system.found("MedicationRequest", asked)) == found
    body = "&".join(
        f"{name}={value}"
        for name, values in asked.items()
        for value in (values if isinstance(values, list) else [values])
    ).replace("|", "%7C")
    posted = system.send(
        "POST",
        "MedicationRequest/_search",
        body,
        content_type="application/x-www-form-urlencoded",
    )
    assert names(orders, [one["resource"] for one in posted.json().get("entry", ())]) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status:not": "active"}, "status:not"),
        ({"code:text": "diazepam"}, "code:text"),
        ({"patient:missing": "true"}, "patient:missing"),
        ({"patient:Group": "1"}, "patient:Group"),
        ({"requester:identifier": "1"}, "requester:identifier"),
        ({"authoredon:above": "2026"}, "authoredon:above"),
        ({"patient.family": "Bell"}, "patient.family"),
        ({"_has:Observation:patient:code": "1"}, "_has:Observation:patient:code"),
        ({"_include:iterate": "MedicationRequest:patient"}, "_include:iterate"),
        ({"authoredon": "yesterday"}, "authoredon"),
        ({"authoredon": "2026-02-30"}, "authoredon"),
        ({"authoredon": "ap2026"}, "authoredon"),
        ({"authoredon": "2026-01-01T25:00"}, "authoredon"),
        ({"patient": "Patient/1/2"}, "patient"),
        ({"patient": ""}, "patient"),
        ({"status": ""}, "status"),
        ({"status": "|"}, "status"),
        ({"_count": "-1"}, "_count"),
        ({"_count": "ten"}, "_count"),
        ({"_count": ["1", "2"]}, "_count"),
        ({"_sort": "favourite"}, "_sort"),
        ({"_sort": "_id,authoredon"}, "_sort"),
        ({"_sort": "authoredon,-authoredon"}, "_sort"),
        ({"_summary": "much"}, "_summary"),
        ({"_total": "roughly"}, "_total"),
        ({"_elements": "subject.reference"}, "_elements"),
        ({"_cursor": "made-up"}, "_cursor"),
        ({"status": "a\0b"}, "status"),
        ({"patient": ",".join(["1"] * 201)}, "patient"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(system, query, field):
    issue = refused(system.get("MedicationRequest", query), 400, "value")
    assert issue["expression"] == [field]


def test_what_is_not_known_is_left_out_unless_the_client_is_strict(system, orders):
    query = {"favourite": "blue", "status": "completed", "_include": "MedicationRequest:colour"}
    bundle = system.bundle("MedicationRequest", query)
    asked = parse_qs(urlsplit(link(bundle, "self")).query)
    assert asked == {"status": ["completed"]}
    for name, value in query.items():
        if name != "status":
            answer = system.get("MedicationRequest", {name: value}, Prefer="handling=strict")
            issue = refused(answer, 400, "value")
            assert issue["expression"] == [name]


def test_a_comma_that_is_escaped_is_part_of_a_value(system, bell, ehr):
    row = sent.prescription("a,b|c")
    sync.prescriptions(rows=enumerate([row]), source_system="ehr", by=ehr)
    assert len(system.found("MedicationRequest", {"identifier": r"a\,b\|c"})) == 1
    assert system.found("MedicationRequest", {"identifier": "a,b|c"}) == []


def test_a_person_who_was_merged_is_found_by_either_id(system, bell, ames, clara, ravi):
    from reviews.verbs import identity  # noqa: PLC0415 - of this test alone

    order = make.prescription(ames, clara, start=-40, days=45)
    screen.drain()
    cases = len(system.found("Task"))
    assert cases > 0
    identity.merge(kept=bell, gone=ames, reason="The same person.", by=ravi)
    for pk in (bell.pk, ames.pk):
        (found,) = system.found("MedicationRequest", {"patient": str(pk)})
        assert found["id"] == str(order.order_id)
        assert found["subject"]["reference"] == f"Patient/{bell.pk}"
        assert len(system.found("Task", {"patient": str(pk)})) == cases
    gone = system.get(f"Patient/{ames.pk}").json()
    assert gone["active"] is False
    assert gone["link"] == [{"other": {"reference": f"Patient/{bell.pk}"}, "type": "replaced-by"}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"family": "bel"}, True),
        ({"family": "BELL"}, True),
        ({"family": "ell"}, False),
        ({"family": "'"}, False),
        ({"family:exact": "Bell"}, True),
        ({"family:exact": "bell"}, False),
        ({"given": "joná"}, True),
        ({"name": "jon"}, True),
        ({"name": "bell,other"}, True),
        ({"identifier": "1"}, True),
        ({"identifier": "nhs|1"}, True),
        ({"identifier": "nhs|2"}, False),
        ({"gender": "male"}, True),
        ({"gender": "http://hl7.org/fhir/administrative-gender|male"}, True),
        ({"gender": "female"}, False),
        ({"birthdate": "{born}"}, True),
        ({"birthdate": "lt{born}"}, False),
        ({"active": "true"}, True),
        ({"active": "false"}, False),
        ({"organization": "{place}"}, True),
        ({"organization": "Organization/987654"}, False),
    ],
)
def test_a_parameter_finds_the_person_that_it_names(system, bell, query, found):
    known = {"{born}": make.birth_date(45), "{place}": bell.practice_id}
    asked = json.dumps(query)
    for name, value in known.items():
        asked = asked.replace(name, str(value))
    ids = [one["id"] for one in system.found("Patient", json.loads(asked))]
    assert ids == ([str(bell.pk)] if found else [])


# -- Times -------------------------------------------------------------------------------------

PREFIXES = {
    "eq": lambda row, span: span[0] <= row[0] and row[1] <= span[1],
    "ne": lambda row, span: not (span[0] <= row[0] and row[1] <= span[1]),
    "gt": lambda row, span: row[1] > span[1],
    "lt": lambda row, span: row[0] < span[0],
    "ge": lambda row, span: row[1] > span[1] or (span[0] <= row[0] and row[1] <= span[1]),
    "le": lambda row, span: row[0] < span[0] or (span[0] <= row[0] and row[1] <= span[1]),
    "sa": lambda row, span: row[0] >= span[1],
    "eb": lambda row, span: row[1] <= span[0],
}
"""What FHIR says of each prefix, of the intervals of a row and of what is asked."""


@pytest.fixture
def readings(bell, clara):
    """A reading on each of 70 days, across the turn of the year and a change of the clocks."""
    from reviews import records  # noqa: PLC0415 - of this fixture alone

    first = make.day(-400)
    for number in range(0, 70, 7):
        on = (first + timedelta(days=number)).isoformat()
        record = records.convert({"kind": "egfr", "value": 60, "on": on}, records.ReadingRecord)
        observe.record_reading(patient=bell, record=record, by=clara)
    return first


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
    deadline=None,
)
@given(
    prefix=st.sampled_from(sorted(PREFIXES)),
    day=st.integers(-8, 78),
    form=st.sampled_from(("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%S+05:00")),
    hour=st.integers(0, 23),
)
def test_prefixes_compare_intervals_as_fhir_says(readings, prefix, day, form, hour):
    at = datetime.combine(readings + timedelta(days=day), time(hour), tzinfo=UTC)
    span = fhir_values.span("date", prefix + at.strftime(form))
    asked = (span.start, span.end)
    found = set(
        Reading.objects.filter(compared(Day("dated_on"))(span)).values_list("pk", flat=True)
    )
    expected = {
        row.pk
        for row in Reading.objects.all()
        if PREFIXES[prefix](
            (
                timezone.make_aware(datetime.combine(row.dated_on, time.min)),
                timezone.make_aware(datetime.combine(row.dated_on + timedelta(days=1), time.min)),
            ),
            asked,
        )
    }
    assert found == expected


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_an_instant_is_compared_as_the_moment_that_it_is(readings, prefix):
    at = Reading.objects.latest("pk").recorded_at
    for shift in (-1, 0, 1):
        text = (at + timedelta(microseconds=shift)).astimezone(UTC).isoformat()
        span = fhir_values.span("date", f"{prefix}{text}")
        found = Reading.objects.filter(recorded_at=at).filter(
            compared(Instant("recorded_at"))(span)
        )
        row = (at, at + timedelta(microseconds=1))
        assert found.exists() == PREFIXES[prefix](row, (span.start, span.end)), (prefix, shift)


# -- Pages and order ---------------------------------------------------------------------------


@pytest.fixture
def many(bell, ames, clara, ehr):
    """23 orders, of some of which nobody knows when they were written."""
    for number in range(20):
        day = make.day(-number % 7 - 1).isoformat() if number % 3 else None
        written = {"written_on": day} if day else {}
        row = sent.prescription(f"rx-{number}", start=-40 + number, **written)
        sync.prescriptions(rows=enumerate([row]), source_system="ehr", by=ehr)
    for number in range(3):
        make.prescription(ames, clara, start=-number - 1)
    return 23


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=15,
    deadline=None,
)
@given(
    count=st.integers(1, 30),
    sort=st.lists(st.sampled_from(("authoredon", "_lastUpdated")), unique=True, max_size=2).flatmap(
        lambda names: st.tuples(*(st.sampled_from((name, f"-{name}")) for name in names))
    ),
    last=st.sampled_from(((), ("_id",), ("-_id",))),
)
def test_pages_hold_everything_once_in_the_order_asked_for(system, many, count, sort, last):
    query = {"_count": str(count)}
    if sort or last:
        query["_sort"] = ",".join((*sort, *last))
    whole = [one["id"] for one in system.found("MedicationRequest", {**query, "_count": "200"})]
    assert len(whole) == len(set(whole)) == many
    assert system.pages("MedicationRequest", query) == whole


@pytest.mark.parametrize("sort", ["authoredon", "-authoredon", "-_lastUpdated", "_id", ""])
def test_pages_of_several_practices_are_one_list(many, harbour, lakeside, dora, ada, sort):
    make.person("ada", lakeside, Role.FORMULARY_ADMIN)
    both = System(harbour, lakeside, by=ada, source="both")
    person = make.patient(lakeside, dora)
    for number in range(9):
        make.prescription(person, dora, start=-number - 1, written_on=make.day(-number - 1))
    query = {"_count": "4", **({"_sort": sort} if sort else {})}
    found = both.found("MedicationRequest", {**query, "_count": "200"})
    whole = [one["id"] for one in found]
    assert len(set(whole)) == many + 9
    assert both.pages("MedicationRequest", query) == whole
    if "authoredon" in sort:
        days = [one.get("authoredOn", "") for one in found]
        assert days == sorted(days, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["authoredon", "-authoredon"])
def test_days_are_in_order_and_what_is_not_known_counts_as_long_ago(system, many, sort):
    found = system.found("MedicationRequest", {"_sort": sort, "_count": "200"})
    days = [one.get("authoredOn", "") for one in found]
    assert days == sorted(days, reverse=sort.startswith("-"))
    assert "" in days


def test_nothing_is_missed_or_comes_twice_while_others_write(system, many, ehr, ames, clara):
    first = system.bundle("MedicationRequest", {"_count": "5"})
    ids = [entry["resource"]["id"] for entry in first["entry"]]
    before = {str(pk) for pk in Prescription.objects.live().values_list("order_id", flat=True)}
    for number in (0, 5, 11, 19):
        row = sent.prescription(f"rx-{number}", start=-40 + number, quantity=7)
        sync.prescriptions(rows=enumerate([row]), source_system="ehr", by=ehr)
    make.prescription(ames, clara, start=-9)
    ids += system.pages(link(first, "next"))
    assert before <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_page_says_how_many_there_are_only_where_that_is_asked(system, many):
    assert "total" not in system.bundle("MedicationRequest", {"_count": "5"})
    asked = {"_count": "5", "_total": "accurate"}
    assert system.bundle("MedicationRequest", asked)["total"] == many
    for query in ({"_summary": "count"}, {"_count": "0"}):
        bundle = system.bundle("MedicationRequest", query)
        assert (bundle["total"], "entry" in bundle, link(bundle, "next")) == (many, False, None)


def test_a_count_is_a_ceiling(system, many):
    assert len(system.bundle("MedicationRequest", {"_count": "100000"})["entry"]) == many


def test_a_cursor_belongs_to_its_search(system, many):
    bundle = system.bundle("MedicationRequest", {"_count": "5", "_sort": "authoredon"})
    (cursor,) = parse_qs(urlsplit(link(bundle, "next")).query)["_cursor"]
    for path, query in (
        ("MedicationRequest", {"_sort": "-authoredon"}),
        ("MedicationRequest", {}),
        ("Condition", {}),
    ):
        refused(system.get(path, {**query, "_cursor": cursor}), 400, "value")


# -- What goes with it -------------------------------------------------------------------------


def modes(bundle):
    return {
        (entry["search"]["mode"], entry["resource"]["resourceType"], entry["resource"]["id"])
        for entry in bundle["entry"]
    }


def test_what_a_page_refers_to_can_come_with_it(system, orders, bell, ames, clara):
    query = {
        "_include": ["MedicationRequest:patient", "MedicationRequest:requester"],
        "patient": str(bell.pk),
        "_total": "accurate",
    }
    bundle = system.bundle("MedicationRequest", query)
    included = {one[1:] for one in modes(bundle) if one[0] == "include"}
    assert included == {("Patient", str(bell.pk)), ("Practitioner", str(clara.pk))}
    assert bundle["total"] == 4
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(urls) == len(set(urls))


def test_what_refers_to_a_page_can_come_with_it(system, orders, bell):
    query = {"_id": str(bell.pk), "_revinclude": "MedicationRequest:patient"}
    bundle = system.bundle("Patient", query)
    included = [entry["resource"] for entry in bundle["entry"][1:]]
    assert names(orders, included) == {"first", "second", "morphine", "sent"}
    assert {entry["search"]["mode"] for entry in bundle["entry"][1:]} == {"include"}


@pytest.mark.parametrize("most", range(1, 8))
def test_a_page_says_where_not_all_that_goes_with_it_is_in_it(system, orders, monkeypatch, most):
    monkeypatch.setattr(fhir_search, "MOST_INCLUDED", most)
    # Two people, who have four orders and one.
    asked = (
        ("Patient", {"_revinclude": "MedicationRequest:patient"}, 5),
        ("MedicationRequest", {"_include": "MedicationRequest:patient"}, 2),
        ("Patient", {"_revinclude": ["MedicationRequest:patient", "Condition:patient"]}, 5),
    )
    for path, query, all_of in asked:
        entries = system.bundle(path, query)["entry"]
        included = [one for one in entries if one["search"]["mode"] == "include"]
        said = [one["resource"] for one in entries if one["search"]["mode"] == "outcome"]
        assert len(included) == min(most, all_of)
        # Whether something of a further kind goes with it is not looked up once a page is full.
        several = isinstance(query.get("_revinclude"), list)
        assert bool(said) is (most < all_of or (several and most == all_of))
        for one in said:
            assert one["issue"][0]["severity"] == "warning"
            assert "_count" in one["issue"][0]["diagnostics"]


@pytest.mark.parametrize("listed", [0, 1, 2, 3])
def test_a_whole_system_of_identifiers_finds_all_that_bear_one(system, monkeypatch, listed):
    monkeypatch.setattr(fhir_search, "MOST_LISTED", listed)
    for number in range(3):
        # The second one is only in the body: no field of ours holds it.
        both = [
            {"system": "urn:example:rx", "value": f"rx-{number}"},
            {"system": "urn:example:order", "value": f"o-{number}"},
        ]
        said = order(person_of(system), identifier=both)
        assert post(system, said, "MedicationRequest").status_code == 201
    assert len(system.found("MedicationRequest", {"identifier": "urn:example:order|"})) == 3
    assert len(system.found("MedicationRequest", {"identifier": "urn:example:order|o-1"})) == 1


def person_of(system):
    return f"Patient/{post(system, sent_bell()).json()['id']}"


def test_a_medicine_comes_with_its_order_and_finding_with_its_patient(system, harbour, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    bundle = system.bundle("MedicationRequest", {"_include": "MedicationRequest:medication"})
    assert {one[1] for one in modes(bundle)} == {"MedicationRequest", "Medication"}
    bundle = system.bundle("Task", {"_include": "Task:focus", "_revinclude": "Task:focus"})
    assert {one[1] for one in modes(bundle)} == {"Task", "DetectedIssue"}
    (issue,) = system.found("DetectedIssue", {"code": "DUR-01", "patient": str(case.patient_id)})
    order = issue["implicated"][0]["reference"]
    assert issue in system.found("DetectedIssue", {"implicated": order})
    assert system.found("DetectedIssue", {"implicated": f"Patient/{case.patient_id}"}) == []


def test_includes_stay_within_what_may_be_read(system, orders, monkeypatch):
    from reviews.models import ApiKey  # noqa: PLC0415 - of this test alone
    from tests.fhir.test_fhir_frame import Scopes  # noqa: PLC0415

    query = {"_include": "MedicationRequest:patient"}
    only_orders = {("MedicationRequest", "s"): (), ("MedicationRequest", "r"): ()}
    monkeypatch.setattr(ApiKey, "scopes", Scopes(only_orders), raising=False)
    assert {one[1] for one in modes(system.bundle("MedicationRequest", query))} == {
        "MedicationRequest"
    }
    women = {**only_orders, ("Patient", "r"): ((("gender", "female"),),)}
    monkeypatch.setattr(ApiKey, "scopes", Scopes(women), raising=False)
    included = [
        entry["resource"]
        for entry in system.bundle("MedicationRequest", query)["entry"]
        if entry["search"]["mode"] == "include"
    ]
    assert [one["gender"] for one in included] == ["female"]


# -- Parts of resources ------------------------------------------------------------------------


def test_a_part_of_a_resource_says_that_it_is_one(system, orders):
    order = orders["first"].order_id
    for query, gone in (
        ({"_summary": "true"}, "dosageInstruction"),
        ({"_summary": "text"}, "dosageInstruction"),
        ({"_elements": "authoredOn"}, "dosageInstruction"),
    ):
        for found in (
            system.found("MedicationRequest", {"_id": str(order), **query})[0],
            system.get(f"MedicationRequest/{order}", query).json(),
        ):
            assert gone not in found
            assert {"status", "intent", "subject", "medicationCodeableConcept"} <= found.keys()
            assert [tag["code"] for tag in found["meta"]["tag"]] == ["SUBSETTED"]
    whole = system.get(f"MedicationRequest/{order}", {"_summary": "false"}).json()
    assert "tag" not in whole["meta"]
    part = system.get(f"MedicationRequest/{order}", {"_elements": "authoredOn"}).json()
    assert part["authoredOn"] == whole["authoredOn"]


def test_findings_say_how_grave_they_are_and_what_was_concluded(system, harbour, clara, ravi):
    from tests.api.test_lists import decided_case  # noqa: PLC0415 - of this test alone

    decision = decided_case(harbour, clara, ravi)
    screen.drain()
    issues = system.found("DetectedIssue", {"patient": str(decision.patient_id)})
    settled = [one for one in issues if "mitigation" in one]
    assert settled, "a decision is what was done about it"
    (action,) = {
        coding["code"]
        for one in settled
        for coding in one["mitigation"][0]["action"]["coding"]
        if coding["system"].endswith("outcome")
    }
    assert action == "taper"
    assert {one["severity"] for one in issues} <= {"high", "moderate", "low"}
    assert settled[0]["mitigation"][0]["author"]["reference"] == f"Practitioner/{ravi.pk}"

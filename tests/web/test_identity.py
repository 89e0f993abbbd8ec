"""The pages of who is who: what waits, the two side by side, merging and taking it back."""

import pytest

from reviews import likeness
from reviews.models import IdentityQuestion, KeptApart, Patient, PersonMerge, folded
from reviews.queries import identity as asked
from reviews.queries import search
from reviews.verbs import screen, sensitive
from tests import make
from tests.verbs.test_identity import AMA, EDITH, KOFI, diazepam, morphine, send, who
from tests.web.browse import Browser, heading, words

LIST = "/waiting-records"


@pytest.fixture
def question(harbour, ehr):
    send(ehr, diazepam("rx-1", who(**EDITH)), morphine("rx-2", who(**KOFI)))
    screen.drain()
    return IdentityQuestion.objects.get()


@pytest.fixture
def two(harbour, ehr):
    send(ehr, diazepam("rx-1", who("A1", "urn:x:mrn", **AMA)))
    send(ehr, morphine("rx-2", who("B2", "urn:x:mrn", **AMA)))
    screen.drain()
    return list(Patient.objects.order_by("pk"))


def test_the_list_says_who_why_and_which_medicines_are_not_checked(question, clara):
    text = Browser(clara).read(LIST)
    for said in ("PYM, Kofi", "Number of another person", "1 medicine waits: Morphine 10 mg"):
        assert said in text


def test_what_may_be_of_a_marked_person_is_shown_once_a_reason_was_given(question, ravi):
    edith = question.patients.get()
    sensitive.mark(patient=edith, kind="staff", reason="A nurse here", by=ravi)
    browser = Browser(ravi)
    listed = browser.read(LIST)
    assert "marked as sensitive" in listed
    assert "Morphine" not in listed
    asked = browser.get(f"{LIST}/{question.pk}")
    assert asked.headers["Location"].startswith(f"/patients/{edith.pk}/reason?")
    browser.post(f"/patients/{edith.pk}/reason", reason="She is here about her tablets")
    assert "Morphine" in browser.read(LIST)
    assert "Morphine" in browser.read(f"{LIST}/{question.pk}")


def test_a_question_shows_the_record_beside_who_is_on_file(question, ravi):
    page = Browser(ravi).get(f"{LIST}/{question.pk}")
    assert heading(page) == "A record for PYM, Kofi carries the number of HARROW, Edith"
    text = words(page)
    for said in ("999 000 0018", "9 Sep 2009", "1 Apr 1938", "differs", "rx-2", "Morphine 10 mg"):
        assert said in text


def test_the_page_of_whom_it_may_be_says_that_a_record_waits(question, clara, audrey):
    edith = Patient.objects.get()
    for user in (clara, audrey):
        text = Browser(user).read(f"/patients/{edith.pk}")
        assert "A record waits that may be of this person" in text
        assert "Morphine 10 mg tablets" in text
    assert f"{LIST}/{question.pk}" in Browser(clara).get(f"/patients/{edith.pk}").content.decode()
    assert LIST not in Browser(audrey).get(f"/patients/{edith.pk}").content.decode()


def test_nobody_with_a_record_that_waits_is_just_checked(harbour, ehr, clara):
    quiet = {"medicine": "Paracetamol 500 mg tablets", "codings": []}
    send(ehr, diazepam("rx-1", who(**EDITH), **quiet), morphine("rx-2", who(**KOFI)))
    screen.drain()
    page = Browser(clara).get(f"/patients/{Patient.objects.get().pk}")
    assert heading(page) == "Checked in part: a record waits that may be of this person"


def test_settling_it_takes_the_record_in(question, ravi):
    browser = Browser(ravi)
    missing = browser.post(f"{LIST}/{question.pk}", answer="apart")
    assert missing.status_code == 422
    done = browser.follow(f"{LIST}/{question.pk}", answer="apart", how="sender", note="Rang back.")
    assert "Settled. What waited is taken in" in words(done)
    assert "PYM, Kofi" in heading(done) or "PYM, Kofi" in words(done)
    assert "Rang back." in browser.read(f"{LIST}/{question.pk}")
    assert "No record waits" in browser.read(LIST)


def test_a_second_person_is_asked_where_everything_differs(question, ravi, samira):
    said = {"answer": "same", "how": "patient", "note": "Changed all three."}
    first = Browser(ravi).follow(f"{LIST}/{question.pk}", **said)
    assert "A second person must agree" in words(first)
    assert "Changed all three." in Browser(samira).read(f"{LIST}/{question.pk}")
    assert Browser(ravi).post(f"{LIST}/{question.pk}", **said).status_code == 409
    Browser(samira).post(f"{LIST}/{question.pk}", **said)
    assert Patient.objects.get().given_name == "Kofi"


@pytest.mark.parametrize(("name", "status"), [("audrey", 403), ("ada", 403), ("ehr", 403)])
def test_who_may_not_say(question, request, name, status):
    browser = Browser(request.getfixturevalue(name))
    assert browser.get(LIST).status_code == status
    assert browser.get(f"{LIST}/{question.pk}").status_code in (403, 404)


def test_a_question_of_another_practice_is_not_there(question, lakeside):
    browser = Browser(make.person("clara", lakeside))
    browser = Browser(make.person("doc", lakeside, "clinician"))
    assert browser.get(f"{LIST}/{question.pk}").status_code == 404
    assert "No record waits" in browser.read(LIST)


def test_two_records_of_one_name_and_birth_date_are_suspected_until_somebody_says(two, ravi):
    assert asked.suspected(ravi) == [(*two, 2)]
    kept, gone = two
    browser = Browser(ravi)
    page = browser.get(f"/patients/{kept.pk}/merge/{gone.pk}")
    assert "One person?" in heading(page)
    assert "OPI-01" in words(page), "what the two are found to have together"
    assert browser.post(f"/patients/{kept.pk}/merge/{gone.pk}", answer="merge").status_code == 422
    browser.post(f"/patients/{kept.pk}/merge/{gone.pk}", answer="apart", reason="Twins.")
    assert KeptApart.objects.get().reason == "Twins."
    assert not asked.suspected(ravi)


def test_ten_records_of_one_name_and_birth_date_are_one_line(harbour, ehr, ravi):
    for number in range(10):
        send(ehr, diazepam(f"rx-{number}", who(f"A{number}", "urn:x:mrn", **AMA)))
    first, second, third, *_ = Patient.objects.order_by("pk")
    assert asked.suspected(ravi) == [(first, second, 10)]
    assert "10 records, two at a time" in Browser(ravi).read(LIST)
    address = f"/patients/{first.pk}/merge/{second.pk}"
    Browser(ravi).post(address, answer="apart", reason="Two registrations.")
    assert asked.suspected(ravi) == [(first, third, 10)]


def test_that_two_are_two_is_taken_back(two, ravi, audrey):
    kept, gone = two
    browser = Browser(ravi)
    browser.post(f"/patients/{kept.pk}/merge/{gone.pk}", answer="apart", reason="Twins.")
    apart = KeptApart.objects.get()
    address = f"/kept-apart/{apart.pk}/undo"
    assert address in browser.get(LIST).content.decode()
    assert Browser(audrey).get(address).status_code == 404
    assert browser.post(address, reason="").status_code == 422
    done = browser.follow(address, reason="One birth certificate.")
    assert "One person?" in heading(done)
    assert "This has been taken back" in browser.read(address)
    assert address not in browser.get(LIST).content.decode()
    assert browser.post(address, reason="Again.").status_code == 409


def test_a_record_that_was_kept_apart_leads_to_a_merge(question, ravi):
    browser = Browser(ravi)
    browser.post(f"{LIST}/{question.pk}", answer="apart", how="sender")
    edith, kofi = Patient.objects.order_by("pk")
    page = browser.get(f"{LIST}/{question.pk}").content.decode()
    assert f"/patients/{edith.pk}/merge/{kofi.pk}" in page


def test_whose_name_is_said_stands_beside_whose_number_it_is(harbour, ehr, ravi):
    send(ehr, diazepam("rx-1", who(**EDITH)), diazepam("rx-5", who("9434765919", **KOFI)))
    send(ehr, morphine("rx-2", who(**KOFI)))
    screen.drain()
    edith, kofi = Patient.objects.order_by("pk")
    browser = Browser(ravi)
    page = browser.read(f"{LIST}/{IdentityQuestion.objects.get().pk}")
    for said in ("On file here", "Of that name here", "943 476 5919"):
        assert said in page
    for patient in (edith, kofi):
        assert "A record waits that may be of this person" in browser.read(
            f"/patients/{patient.pk}"
        )
        assert "in part" in browser.read("/patients", q=patient.family_name)


def test_an_old_address_and_id_answer_with_the_one_that_stays(two, ravi):
    kept, gone = two
    browser = Browser(ravi)
    address = f"/patients/{kept.pk}/merge/{gone.pk}"
    done = browser.follow(address, answer="merge", reason="One person.")
    assert "Merged." in words(done)
    assert browser.get(f"/patients/{gone.pk}").headers["Location"] == f"/patients/{kept.pk}"
    assert (
        f'"/patients/{kept.pk}"' in browser.get(f"/patients/{gone.pk}/medicines").content.decode()
    )
    assert browser.client.get(f"/api/v1/patients/{gone.pk}").json()["id"] == kept.pk
    shape = browser.client.get(f"/api/v1/patients/{kept.pk}").json()
    assert (shape["merged"], shape["records_waiting"]) == ([gone.pk], 0)
    assert {number["value"] for number in shape["identifiers"]} == {"A1", "B2"}
    listed = browser.client.get("/api/v1/patients").json()["results"]
    assert [one["id"] for one in listed] == [kept.pk]
    orders = browser.client.get("/api/v1/prescriptions", {"patient": gone.pk}).json()["results"]
    assert {order["source_id"] for order in orders} == {"rx-1", "rx-2"}
    assert gone not in search.people(Patient.objects.all(), "Pym", by=ravi)
    text = browser.read(f"/patients/{kept.pk}")
    assert "was merged into this one" in text
    merge = PersonMerge.objects.get()
    undone = browser.follow(f"/merges/{merge.pk}/undo", reason="Sisters.")
    assert "Undone." in words(undone)
    assert browser.get(f"/patients/{gone.pk}").status_code == 200


def test_the_api_says_what_waits(question, ravi):
    shape = Browser(ravi).client.get(f"/api/v1/patients/{Patient.objects.get().pk}").json()
    assert shape["records_waiting"] == 1


# -- Names ----------------------------------------------------------------------------------------

NAMES = [
    ("Müllerová", "Žofie", "mullerova zofie"),
    ("O’Connor", "Síle", "o'connor"),
    ("O'Brien", "Ann", "O’Brien"),
    ("Łukasiewicz", "Michał", "lukasiewicz michal"),
    ("Nguyễn", "Thị", "Nguyen Thi"),
    ("Ødegård", "Søren", "Odegard Soren"),
    ("García", "José María", "jose maria"),
    ("Weiß", "Anna", "weiss"),
    ("Weiss", "Berta", "weiß"),
    ("Smith-Jones", "Eve", "smith jones"),
    ("Van Dyk", "Piet", "vandyk"),
    ("Nandú", "Ana", "NANDU"),
]


@pytest.mark.parametrize(("family", "given", "typed"), NAMES)
def test_names_are_found_however_they_are_typed(harbour, clara, family, given, typed):
    wanted = make.patient(harbour, clara, family_name=family, given_name=given)
    make.patient(harbour, clara, family_name="Somebody", given_name="Else")
    assert list(search.named(Patient.objects.all(), typed, by=clara)) == [wanted]


def test_curly_and_straight_apostrophes_do_not_hide_each_other(harbour, clara):
    both = [
        make.patient(harbour, clara, family_name=name, given_name="Ann")
        for name in ("O'Brien", "O’Brien", "OBrien")
    ]
    for typed in ("O'Brien", "O’Brien", "obrien", "o brien"):
        assert set(search.named(Patient.objects.all(), typed, by=clara)) == set(both)


def test_signs_alone_find_nobody(harbour, clara):
    make.patient(harbour, clara)
    assert not search.named(Patient.objects.all(), "' -", by=clara).exists()


def test_the_database_folds_every_letter_as_python_does(harbour, clara):
    letters = [chr(code) for code in range(0x21, 0x600) if chr(code).isprintable()]
    letters += [chr(code) for code in range(0x1E00, 0x2000) if chr(code).isprintable()]
    letters += list("\u2010\u2011\u2019\u02bcﬁẞ\u3000")
    for start in range(0, len(letters), 60):
        name = "".join(letters[start : start + 60])
        patient = make.patient(harbour, clara, family_name=name, given_name="X")
        (said,) = Patient.objects.filter(pk=patient.pk).values_list(
            folded("family_name"), flat=True
        )
        assert said == likeness.folded(name), name

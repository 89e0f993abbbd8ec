"""The pages of a structured medication review, and what the API says of it."""

import pytest
from django.urls import reverse

from reviews.models import Reading, StructuredReview
from reviews.verbs import screen
from tests import make
from tests.web.browse import Browser, heading, words

FULL = {
    "outcome": "done",
    "a-came_to": "taper",
    "a-needed": "little",
    "a-signs": ["tolerance", "memory"],
    "w-signs": "Worse when one is left out",
    "a-alcohol": "none",
    "matters": "To sleep through",
    "next_on": "+28d",
}


@pytest.fixture
def costa(harbour, clara):
    return make.case_of_three_matters(harbour, logged_by=clara)


def form_of(case):
    return reverse("patient-review", args=[case.patient_id])


def test_the_form_asks_first_what_the_findings_ask_for(costa, ravi):
    text = Browser(ravi).read(form_of(costa))
    first = text.index("Asked for by the findings")
    assert first < text.index("Naloxone to take home") < text.index("Known already")
    assert "asked by OPI-03" in text


def test_what_would_clear_it_leads_to_the_form(costa, ravi, audrey):
    page = Browser(ravi).get(reverse("case", args=[costa.pk])).content.decode()
    begin = f"{form_of(costa)}?case={costa.pk}"
    for part in ("came_to", "naloxone"):
        assert f"{begin}#ask-{part}" in page
    assert form_of(costa) not in Browser(audrey).read(reverse("case", args=[costa.pk]))


def test_a_review_is_saved_shown_and_taken_back(costa, ravi):
    browser = Browser(ravi)
    answer = browser.follow(form_of(costa), **FULL, case=costa.pk)
    assert heading(answer).endswith("done")
    text = words(answer)
    for said in ("Taper offered, accepted", "Needs more for the same effect, Memory problems"):
        assert said in text
    assert "“Worse when one is left out”" in text
    assert "Not asked: Falls in the last 12 months;" in text
    assert "Back to the case" in text
    made = StructuredReview.objects.get()
    assert made.case == costa
    patient = browser.read(reverse("patient", args=[costa.patient_id]))
    assert "Medication review" in patient
    back = browser.follow(reverse("patient-review-take-back", args=[costa.patient_id, made.pk]))
    assert "Taken back" in words(back)
    assert not Reading.objects.live().exclude(status="entered-in-error").exists()
    shown = browser.read(reverse("patient-review-shown", args=[costa.patient_id, made.pk]))
    assert "nothing here counts" in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a-came_to": ""}, "Say what comes of it"),
        ({"a-came_to": "continue"}, "Say why it is not appropriate"),
        ({"next_on": "soon"}, "Must be a day such as"),
        ({"egfr": "good"}, "Must be a number"),
        ({"outcome": "declined"}, "Say why, or what was tried"),
    ],
)
def test_what_is_refused_is_shown_and_nothing_typed_is_lost(costa, ravi, changes, said):
    answer = Browser(ravi).post(form_of(costa), **FULL | changes)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in words(answer)
    assert "Worse when one is left out" in page
    assert "To sleep through" in page
    assert 'value="memory" checked' in page
    assert not StructuredReview.objects.exists()


def test_before_saving_the_form_says_what_would_clear(costa, ravi):
    address = reverse("patient-review-would", args=[costa.patient_id])
    answer = Browser(ravi).post(address, **FULL)
    text = words(answer)
    assert "REV-01 clear" in text
    assert "OPI-01" in text[text.index("Stay open") :]
    assert not Reading.objects.exists()
    declined = words(Browser(ravi).post(address, **FULL | {"outcome": "declined"}))
    assert "It clears nothing" in declined


def test_known_facts_stand_with_their_age_and_one_tick_confirms_them(costa, ravi, clara):
    make.review(
        costa.patient,
        clara,
        reviewed_on=make.day(-60),
        answers={"came_to": ("declined",), "alcohol": ("moderate",)},
    )
    text = Browser(ravi).read(form_of(costa))
    assert "Moderate" in text
    assert "8 weeks ago" in text
    Browser(ravi).post(form_of(costa), outcome="done", **{"a-came_to": "taper"}, unchanged="yes")
    latest = Reading.objects.filter(kind="alcohol_use").latest("dated_on")
    assert (latest.dated_on, latest.text) == (make.day(), "moderate")


def test_the_api_says_the_review_and_its_readings(costa, ravi):
    made = make.review(costa.patient, ravi, words={"came_to": "Wants to think"}, case=costa)
    screen.drain()
    browser = Browser(ravi)
    listed = browser.get(reverse("api-reviews"), patient=costa.patient_id).json()
    assert [row["id"] for row in listed["results"]] == [made.pk]
    row = browser.get(reverse("api-review", args=[made.pk])).json()
    assert row["answers"] == [
        {
            "part": "came_to",
            "label": "What comes of it",
            "codes": ["declined"],
            "answer": "Taper offered, declined",
            "words": "Wants to think",
            "unchanged": False,
        }
    ]
    assert row["readings"] == made.reading_ids
    assert (row["case"], row["taken_back_at"]) == (costa.pk, None)
    since = browser.get(
        reverse("api-reviews"), updated_since="2020-01-01T00:00:00Z", outcome="declined"
    )
    assert since.json()["results"] == []

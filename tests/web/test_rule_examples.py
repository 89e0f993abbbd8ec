"""Pages of worked examples and of answers to edits: seen, refused, and nothing typed lost."""

import re

import pytest

from reviews import governing
from reviews.models import EditAnswer, RuleExample, RuleVersion
from reviews.rules.examples import EXAMPLES
from reviews.verbs import examples, govern, publish, screen
from tests import make
from tests.verbs.test_govern import change
from tests.web.browse import Browser, heading, words

ADD = "/rules/DUR-01/examples/add"


def typed(**changes):
    given = {
        "title": "20 days stay a note",
        "age": "45",
        "sex": "female",
        "scope": "UK",
        "expected": "quiet",
        "invented": "on",
        "medicine-1-text": "diazepam 5 mg tablets",
        "medicine-1-amount": "1",
        "medicine-1-unit": "tablet",
        "medicine-1-times": "2",
        "medicine-1-start": "0",
        "medicine-1-days": "20",
        "medicine-1-indication": "anxiety",
        "source": "Harbour policy",
        "locator": "4.2",
        "next_review": "+180d",
        "reason": "Three weeks are meant.",
    }
    for number in (2, 3, 4):
        given[f"medicine-{number}-unit"] = "tablet"
        given[f"medicine-{number}-indication"] = "anxiety"
        given[f"medicine-{number}-amount"] = given[f"medicine-{number}-times"] = "1"
    return {**given, "reading-1-kind": "egfr", **changes}


@pytest.fixture
def version(rulebook, ada):
    draft = govern.begin(title="Short courses", by=ada)
    change(draft, ada)
    return publish.freeze(draft=draft, note="", by=ada)


def test_an_example_is_looked_at_first_and_then_added(rulebook, ada, clara):
    browser = Browser(ada)
    assert "Invent the person" in browser.read(ADD)
    looked = words(browser.post(ADD, **typed(look="1")))
    assert "The live rule book says: S4 Info. Should not flag: it holds. Nothing is saved yet." in (
        looked
    )
    assert not RuleExample.objects.exists()
    page = words(browser.follow(ADD, **typed()))
    assert "The example “20 days stay a note” is added" in page
    made = RuleExample.objects.get()
    assert made.record["medicines"] == [
        {
            "text": "diazepam 5 mg tablets",
            "amount": 1.0,
            "unit": "tablet",
            "times": 2.0,
            "start": 0,
            "days": 20,
            "indication": "anxiety",
        }
    ]
    seen = Browser(clara).read("/rules/DUR-01")
    assert "20 days stay a note" in seen
    assert "Withdraw" not in seen


def test_it_can_be_looked_at_before_anybody_says_who_says_so(rulebook, ada):
    bare = typed(title="", source="", locator="", next_review="", reason="", invented="")
    assert "The live rule book says: S4 Info." in words(Browser(ada).post(ADD, **bare, look="1"))
    refused = Browser(ada).post(ADD, **bare)
    assert refused.status_code == 422
    assert not RuleExample.objects.exists()


def test_one_that_the_live_book_breaks_is_shown_as_such(rulebook, ada):
    make.example(ada, title="10 days", days=10)
    page = Browser(ada).read("/rules/DUR-01")
    assert "rule book 1 breaks it" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "This field is required"),
        ({"medicine-1-days": "no"}, "cannot be read"),
        ({"medicine-1-days": "0"}, "Medicines 1 days: must be a whole number"),
        ({"medicine-1-text": "", "medicine-1-start": "", "medicine-1-days": ""}, "at least one"),
        ({"reading-1-answer": "low", "reading-1-day": "0"}, "Readings 1 answer: must be a number"),
        ({"invented": ""}, "describes nobody who lives"),
        ({"scope": "practice:nowhere"}, "Judged by the rules for"),
        ({"next_review": "+400d"}, "Must be after today"),
    ],
)
def test_what_is_refused_is_said_and_nothing_typed_is_lost(rulebook, ada, changes, said):
    answer = Browser(ada).post(ADD, **typed(**changes))
    assert answer.status_code == 422
    page = words(answer)
    assert said in page
    assert "Three weeks are meant." in answer.content.decode()
    assert not RuleExample.objects.exists()


def test_a_condition_and_a_reading_are_taken(rulebook, ada):
    given = typed(
        **{
            "condition-1-text": "Dementia",
            "condition-1-code": "F03",
            "condition-1-day": "-400",
            "reading-1-answer": "25,5",
            "reading-1-day": "-10",
        }
    )
    Browser(ada).follow(ADD, **given)
    record = RuleExample.objects.get().record
    assert record["conditions"] == [{"text": "Dementia", "code": "F03", "day": -400}]
    assert record["readings"] == [{"kind": "egfr", "answer": 25.5, "day": -10}]


def test_a_line_is_added_without_judging_what_was_typed(rulebook, ada):
    half = typed(title="", **{"medicine-2-text": "zopiclone 7.5 mg tablets", "more": "medicines"})
    answer = Browser(ada).post(ADD, **half)
    assert answer.status_code == 200
    form = answer.context["form"]
    assert [len(lines.rows) for lines in form.lines] == [5, 1, 1]
    page = answer.content.decode()
    assert "This field is required" not in page
    assert 'name="medicine-5-text"' in page
    assert 'value="zopiclone 7.5 mg tablets"' in page
    assert 'value="Harbour policy"' in page
    assert page.count("autofocus") == 1
    assert re.search(r'name="invented"[^>]* checked', page)
    assert not RuleExample.objects.exists()


def many(count):
    rows = {}
    for number in range(1, count + 1):
        row = {"text": "diazepam 5 mg tablets", "amount": "1", "unit": "tablet", "times": "2"}
        row |= {"start": str(-7 * number), "days": "7", "indication": "anxiety"}
        rows |= {f"medicine-{number}-{name}": value for name, value in row.items()}
    return typed(expected="flag", **rows)


def test_twenty_medicines_are_taken_and_one_more_is_refused(rulebook, ada):
    refused = Browser(ada).post(ADD, **many(21))
    assert refused.status_code == 422
    assert "must not be more than 20" in words(refused)
    full = Browser(ada).post(ADD, **many(20), more="medicines")
    assert len(full.context["form"].lines[0].rows) == 20
    assert "There is room for no more." in words(full)
    Browser(ada).follow(ADD, **many(20))
    assert len(RuleExample.objects.get().record["medicines"]) == 20


@pytest.mark.parametrize("more", ["moon", "", "medicines-1"])
def test_a_line_of_no_kind_is_none(rulebook, ada, more):
    answer = Browser(ada).post(ADD, **typed(more=more, **{"medicine-9999-text": "x"}))
    assert answer.status_code == 200
    assert [len(lines.rows) for lines in answer.context["form"].lines] == [21, 1, 1]


def test_one_of_the_softwares_examples_is_begun_from(rulebook, ada, clara):
    assert "Start from this" not in Browser(clara).read("/rules/DUR-01")
    browser = Browser(ada)
    assert f"{ADD}?like=1" in browser.get("/rules/DUR-01").content.decode()
    answer = browser.get(ADD, like="1")
    example = EXAMPLES["DUR-01"][0]
    assert f"Started from “{example.why}”." in words(answer)
    form = answer.context["form"]
    assert form["expected"].value() == ("quiet" if example.claims["UK"] in (None, 4) else "flag")
    held = [row.initial["text"] for row in form.lines[0].rows if row.initial]
    assert held == [line.medicine.text for line in example.dossier.lines]
    assert form["title"].value() is None, "it has a title of its own"
    for wrong in ("0", "9999", "x", ""):
        assert browser.get(ADD, like=wrong).status_code == 404


def test_what_cannot_be_begun_from_is_told(rulebook, ada):
    [number] = [
        number
        for number, each in enumerate(EXAMPLES["TAP-01"], start=1)
        if each.why.startswith("A step of 26 %")
    ]
    page = Browser(ada).read("/rules/TAP-01/examples/add", like=str(number))
    assert "has no room for this, so it is left out: Taper of chlordiazepoxide" in page
    assert "As it stands below the live rule book says quiet; of the original it says S" in page


def test_withdrawing_needs_a_reason(rulebook, ada):
    made = make.example(ada)
    address = f"/rule-examples/{made.pk}/withdraw"
    assert "Not withdrawn." in words(Browser(ada).follow(address, reason=" "))
    assert "is withdrawn" in words(Browser(ada).follow(address, reason="Misread."))
    assert "Not withdrawn." in words(Browser(ada).follow(address, reason="Again."))
    assert "35 days for anxiety" not in Browser(ada).read("/rules/DUR-01")


def test_a_frozen_draft_lists_what_it_breaks_and_takes_reasons(version, ada, adam):
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    address = f"/rule-books/{version.number}"
    page = Browser(ada).read(address)
    assert "20 days stay a note" in page
    assert "without a reason" in page
    assert "Aged 45." in page
    said = Browser(adam).post(f"{address}/publish", agreement="Read it.")
    assert said.status_code == 409
    ids = list(version.broken_examples.values_list("pk", flat=True))
    refused = words(Browser(ada).follow(f"{address}/explain", broken=ids, reason=""))
    assert "No reason is kept." in refused
    page = words(Browser(ada).follow(f"{address}/explain", broken=ids, reason="14 is meant."))
    assert f"Your reason is kept with {len(ids)} examples." in page
    assert "“14 is meant.”" in page
    assert "no reason stated" not in page


def test_an_open_draft_says_what_it_would_break(rulebook, ada):
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    draft = govern.begin(title="Short courses", by=ada)
    assert "says otherwise" not in Browser(ada).read(f"/rule-drafts/{draft.pk}")
    change(draft, ada)
    page = Browser(ada).read(f"/rule-drafts/{draft.pk}")
    assert "20 days stay a note" in page
    assert "asked for once the draft is frozen" in page


def test_a_second_person_answers_edit_by_edit(version, ada, adam):
    make.explained(version, ada)
    [edit] = governing.edits_of(version)
    page, answer = f"/rule-books/{version.number}", f"/rule-books/{version.number}/edits/{edit.pk}"
    assert "I have read it and agree" not in Browser(ada).read(page)
    second = Browser(adam)
    assert "Needed here: what it would do alone is not known." in second.read(page)
    refused = second.post(f"{answer}/answer", answer="agree", words="")
    assert refused.status_code == 422
    assert "are needed to agree" in words(refused)
    assert second.post(f"{answer}/answer", answer="perhaps").status_code == 422
    assert "You agreed to the edit" in words(
        second.follow(f"{answer}/answer", answer="agree", words="I read 4.2.")
    )
    assert "“I read 4.2.”" in second.read(page)
    assert EditAnswer.objects.get().by == adam


def test_what_is_sent_back_is_open_again_and_its_editors_read_why(version, ada, adam):
    [edit] = governing.edits_of(version)
    answer = f"/rule-books/{version.number}/edits/{edit.pk}/answer"
    page = Browser(adam).follow(answer, answer="send_back", words="Try 21 days first.")
    assert heading(page) == "Short courses: 1 edit"
    seen = Browser(ada).read(f"/rule-drafts/{version.made_of_id}")
    assert "Adam Byrne sent the edit of DUR-01 back" in seen
    assert "Try 21 days first." in seen
    assert RuleVersion.objects.get(pk=version.pk).state == "retired"


def test_the_page_says_what_an_edit_would_do_alone(version, harbour, clara, ada, adam):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    make.tried(version)
    page = Browser(adam).read(f"/rule-books/{version.number}")
    assert "open 0, make more urgent 1, less urgent 0, and close 0 flags, of 1 person" in page
    tried = Browser(adam).read(f"/rule-books/{version.number}/what-if")
    assert "each alone, added to rule book 1" in tried
    assert "Cases per 100 people" in tried


def test_a_withdrawn_example_stays_readable_where_it_was_broken(version, ada):
    made = make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    examples.withdraw(example=made, reason="In the way.", by=ada)
    assert "20 days stay a note" in Browser(ada).read(f"/rule-books/{version.number}")

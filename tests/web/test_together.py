"""One answer for like notes: never an urgent case, each checked alone, each refusal with why."""

import pytest
from django.test import Client
from django.urls import reverse

from reviews.models import Case, Decision, Flag
from reviews.verbs import caseload, screen
from tests import make
from tests.web.browse import BACKEND, words


@pytest.fixture
def notes(harbour, clara):
    """Four cases of S3 notes with the same rules."""
    for number in range(4):
        treated = make.patient(harbour, clara, age=79, family_name=f"Note{number}")
        make.prescription(
            treated,
            clara,
            "Temazepam 10 mg tablets",
            start=-3,
            days=5,
            indication="insomnia",
            times_per_day=1,
        )
    screen.drain()
    found = list(Case.objects.open().filter(severity=3).ranked())
    assert len(found) == 4
    assert len({tuple(case.rule_ids) for case in found}) == 1
    return found


@pytest.fixture
def browser(ravi):
    client = Client()
    client.force_login(ravi, backend=BACKEND)
    return client


def sent(cases, **changes):
    return {
        "case": [f"{case.pk}:{case.lock}" for case in cases],
        "rules": ",".join(cases[0].rule_ids),
        "outcome-all": "continue",
        "reason-all": "benefit_outweighs",
        "until-all": "",
        "note": "Short course",
        **changes,
    }


def test_all_ticked_are_decided_and_the_history_says_that_it_was_one_answer(browser, notes, ravi):
    told = browser.post(reverse("queue-answer"), sent(notes), follow=True)
    assert "4 cases decided with one answer" in told.content.decode()
    assert "Undo all 4" in told.content.decode()
    decisions = Decision.objects.all()
    assert {decision.case_id for decision in decisions} == {case.pk for case in notes}
    assert {decision.note for decision in decisions} == {
        "Short course One answer for 4 like cases."
    }
    assert {decision.by for decision in decisions} == {ravi}
    assert not Flag.objects.open().filter(case__in=notes).exists()
    pks = [decision.pk for decision in decisions]
    browser.post(reverse("decisions-undo"), {"decision": pks})
    assert Case.objects.open().filter(pk__in=[case.pk for case in notes]).count() == 4


def test_each_that_cannot_be_is_refused_with_its_reason_and_the_others_are_decided(
    browser, notes, harbour, clara, samira
):
    claimed, changed, fine, also = notes
    caseload.claim(case=claimed, by=samira, seen=claimed.lock)
    claimed.refresh_from_db()
    urgent = make.urgent_case(harbour, logged_by=clara)
    Case.objects.filter(pk=also.pk).update(rule_ids=[*also.rule_ids, "DQ-01"])
    cases = [fine, claimed, changed, also, urgent]
    data = sent(cases)
    data["case"][2] = f"{changed.pk}:{changed.lock + 1}"
    text = words(browser.post(reverse("queue-answer"), data, follow=True))
    assert "1 case decided with one answer" in text
    assert f"{claimed.patient}: Samira Okafor is working on this case" in text
    assert f"{changed.patient}: This case was changed since you opened it" in text
    assert f"{also.patient}: it also holds DQ-01" in text
    assert f"{urgent.patient}: it holds more than notes" in text
    assert Decision.objects.get().case == fine


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"case": []}, "Tick at least one case"),
        ({"outcome-all": ""}, "Choose an outcome"),
        ({"outcome-all": "exempt", "reason-all": "specialist_care"}, "Choose an outcome"),
        ({"reason-all": "not_taken"}, "Choose a reason that goes with the outcome"),
        ({"until-all": "yesterday-ish"}, "Not saved"),
    ],
)
def test_an_answer_that_is_none_keeps_what_was_typed(browser, notes, changes, said):
    answer = browser.post(reverse("queue-answer"), sent(notes, **changes))
    assert answer.status_code == 400
    assert said in words(answer)
    assert "Short course" in answer.content.decode()
    assert not Decision.objects.exists()


def test_the_page_takes_the_notes_of_a_list_and_names_what_is_left_out(
    browser, notes, harbour, clara
):
    urgent = make.urgent_case(harbour, logged_by=clara)
    led = browser.post(reverse("queue-claim"), {"do": "answer", "back": "?"})
    text = words(browser.get(led.url))
    assert "One answer for 4 notes" in text
    for case in notes:
        assert str(case.patient) in text
    others = text[text.index("Not among them") :]
    assert f"{urgent.patient} it holds more than notes" in others
    only = browser.get(reverse("queue-answer"), {"case": f"{urgent.pk}:{urgent.lock}"})
    assert "No notes that are alike" in words(only)


def test_who_may_not_decide_may_not_answer(notes, clara, audrey):
    for user in (clara, audrey):
        client = Client()
        client.force_login(user, backend=BACKEND)
        assert client.get(reverse("queue-answer")).status_code == 403
        assert client.post(reverse("queue-answer"), sent(notes)).status_code == 403
    assert not Decision.objects.exists()

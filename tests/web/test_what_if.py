"""What-ifs in the browser: asked for, followed, read with the sentence, and needed to publish."""

import csv

import pytest

from reviews import jobs, what_ifs
from reviews.models import Became, Effect, Outcome, Reason, WhatIf
from reviews.queries import what_if as queries
from reviews.verbs import publish, screen, sensitive, what_if
from tests import make
from tests.verbs.test_what_if import begun, decided, frozen
from tests.web.browse import Browser, heading, words


@pytest.fixture
def draft(harbour, clara, ada):
    treated = make.patient(harbour, clara, family_name="Lowe")
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    return frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14))


def address(version, rest=""):
    return f"/rule-books/{version.number}/what-if{rest}"


def work():
    jobs.work({what_ifs.KIND: what_if.work}, seconds=600)


def test_it_is_asked_for_followed_and_read(draft, ada):
    browser = Browser(ada)
    assert heading(browser.get(address(draft))) == "Nobody has tried draft 2 yet"
    page = browser.follow(address(draft, "/ask"))
    assert "is being found out" in heading(page)
    assert 'hx-trigger="every 3s"' in page.content.decode()
    work()
    page = browser.get(address(draft))
    assert heading(page) == "Draft 2 would gain 1 flag and lose none"
    text = words(page)
    assert "nobody ever looked at the same matter of the same patient" in text
    assert "0 to 1" in text
    assert "of the 30 timed visits that it takes to say" in text
    assert "hx-trigger" not in page.content.decode().partition('id="what-if"')[2][:200]


def test_publishing_waits_for_it_and_says_so(draft, adam):
    page = words(Browser(adam).get(f"/rule-books/{draft.number}"))
    assert "Run a what-if first" in page
    assert "Agree and publish" not in page
    answer = Browser(adam).post(f"/rule-books/{draft.number}/publish", agreement="Read it.")
    assert answer.status_code == 409
    make.tried(draft)
    assert "Agree and publish as 2" in words(Browser(adam).get(f"/rule-books/{draft.number}"))


def test_who_it_is_about_is_told_to_those_who_see_patients(draft, harbour, ada):
    make.tried(draft)
    assert "LOWE" in words(Browser(make.person("ravi", harbour)).get(address(draft)))
    page = words(Browser(ada).get(address(draft)))
    assert "LOWE" not in page
    assert "Somebody of Harbour Street Surgery, 18 to 64" in page


def test_another_practice_reads_counts_and_nobody_s_sentence(draft, lakeside):
    make.tried(draft)
    page = words(Browser(make.person("dora", lakeside, "clinician")).get(address(draft)))
    assert "LOWE" not in page
    assert "They are at practices whose patients you do not see" in page
    assert "Harbour Street Surgery" in page


def test_a_marked_record_is_left_out(draft, ravi):
    make.tried(draft)
    found = what_ifs.of(draft)
    (shown,) = queries.examples(found, ravi, [Effect.RAISED])
    sensitive.mark(
        patient=shown.effect.patient, kind="staff", reason="Works at this practice", by=ravi
    )
    assert queries.examples(found, ravi, [Effect.RAISED]) == []


def test_the_counts_are_taken_away_without_anybody_in_them(draft, ada):
    browser = Browser(ada)
    assert "nothing to take" in words(browser.client.get(address(draft, ".csv"), follow=True))
    make.tried(draft)
    answer = browser.get(address(draft, ".csv"))
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    raised = [row for row in rows if row["effect"] == "raised"]
    assert [(row["rule_id"], row["flags"], row["became"]) for row in raised] == [
        ("DUR-01", "1", "never")
    ]


def test_only_who_drafts_asks(draft, harbour):
    for who in ("clara", "ravi", "audrey"):
        browser = Browser(make.person(who, harbour))
        assert browser.post(address(draft, "/ask")).status_code == 403
        assert browser.get(address(draft)).status_code == 200
    assert not WhatIf.objects.exists()


def split(**flags):
    parts = [queries.Part(each, flags.get(each.value, 0), 0, 0) for each in Became]
    return queries.Split(label="", meaning="", parts=parts)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"changed": 9, "left": 3, "never": 2}, "14 flags; 9 of them led to a change"),
        ({"changed": 1}, "1 flag; it led to a change"),
        ({"left": 1}, "1 flag; it led to no change"),
        ({"left": 2, "never": 5}, "7 flags; none of them led to a change"),
        ({"never": 3}, "3 flags; nobody looked at any of them"),
        ({"never": 1}, "1 flag; nobody looked at it"),
    ],
)
def test_what_is_lost_is_one_sentence(flags, said):
    assert split(**flags).in_words == said


def test_what_is_gained_says_what_came_of_those_somebody_looked_at():
    gained = split(changed=23, left=12, data=2, not_relevant=3, never=27)
    assert gained.looked_at == 40
    assert gained.came_to == (
        "23 led to a change, 12 were left with a reason, 5 were noise or wrong data"
    )
    assert split(left=1).came_to == "1 was left with a reason"


def test_a_decision_on_the_same_matter_is_counted(harbour, clara, ravi, ada):
    case = make.flagged_case(harbour, logged_by=clara)
    decided(case, ravi, Outcome.CHANGE, Reason.SAFER_ALTERNATIVE)
    version = frozen(begun(ada), ada, ("DUR-01", "shown", "off"))
    make.tried(version)
    page = Browser(ada).get(address(version))
    assert heading(page) == "Draft 2 would lose 1 flag; it led to a change"
    publish.discard(version=version, by=ada)

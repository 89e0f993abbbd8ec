"""Upkeep: what needs somebody, who has it until when, and what is said of which rule."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from drugs.models import Ingredient, Limit
from reviews import rulebooks, walls
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.models import AuditEvent, FindingOpinion, Flag, LocalStatus, NoSedative, UpkeepDuty
from reviews.queries import upkeep
from reviews.rules import sources
from reviews.verbs import (
    decide,
    digest,
    examples,
    govern,
    local_status,
    practice_groups,
    prescribe,
    screen,
)
from reviews.verbs import upkeep as verbs
from reviews.verbs.decide import FlagOutcome
from tests import database, make
from tests.verbs.test_govern import change, published, read_again, said
from tests.verbs.test_local_status import citation, say
from tests.web.browse import Browser, heading, words

RULE = "DUR-01"


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


@pytest.fixture
def overdue(rulebook):
    """A limit whose source was to be read again yesterday."""
    row = Limit.objects.live().order_by("pk").first()
    with database.without_triggers() as cursor:
        cursor.execute(
            "UPDATE drugs_limit SET source = 'An old text', locator = 'p. 7',"
            " reviewed = %s, next_review = %s WHERE id = %s",
            [make.day(-300), make.day(-1), row.pk],
        )
    return row


def flags_of_earlier(case, rule_id, weeks):
    """New flags of a rule, ended since, one for each of these ages in weeks."""
    now = timezone.now()
    one = Flag.objects.filter(patient=case.patient).order_by("pk").first()
    columns = [field.column for field in Flag._meta.concrete_fields if field.column != "id"]
    changed = {"rule_id": "%s", "key": "%s", "raised_at": "%s", "ended_at": "%s"}
    changed |= {"supersedes_id": "NULL", "end_reason": "'cleared'"}
    chosen = ", ".join(changed.get(column, column) for column in columns)
    order = [column for column in columns if changed.get(column) == "%s"]
    with database.without_triggers() as cursor:
        for number, age in enumerate(weeks):
            at = now - timedelta(weeks=age)
            values = {
                "rule_id": rule_id,
                "key": f"earlier {number}",
                "raised_at": at,
                "ended_at": at,
            }
            cursor.execute(
                f"INSERT INTO reviews_flag ({', '.join(columns)})"
                f" SELECT {chosen} FROM reviews_flag WHERE id = %s",
                [*(values[column] for column in order), one.pk],
            )


def lines(user):
    with walls.seeing(walls.EVERYTHING):
        return upkeep.of(user)


def said_here(ingredient, place, by, status, *, days=90, **more):
    return say(ingredient, place, by, status, citation=citation(next_review=make.day(days)), **more)


def give(line, owner, by, days=20):
    return verbs.give(key=line.key, owner_id=owner.pk, due_on=make.day(days), by=by)


# -- Rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weeks", "silent", "why"),
    [
        ([*range(5, 25)], False, "20 in 21 weeks: 3.8 expected, silent once in 45"),
        ([*range(5, 25), *range(5, 15)], True, "30 in 21 weeks: 5.7 expected, once in 300"),
        ([*range(5, 25), *range(5, 15), 2], False, "one two weeks ago"),
        ([5.1] * 9, False, "nine alone, of which nothing is said"),
        ([5, 6, 7, 8, 9, 10] * 9, False, "seven weeks of base are too few"),
    ],
)
def test_a_rule_is_silent_against_its_own_rate(case, ada, weeks, silent, why):
    flags_of_earlier(case, "CNS-01", weeks)
    keys = [line.key for line in upkeep.rules_to_look_at(ada)]
    assert ("silent:CNS-01" in keys) is silent, why


def test_the_chance_of_silence_is_that_of_poisson():
    assert upkeep.chance_of_silence(0, 26) == 1
    assert upkeep.chance_of_silence(26, 26) == pytest.approx(2.718281828**-4)
    rates = [upkeep.chance_of_silence(count, 26) for count in range(10, 60)]
    assert rates == sorted(rates, reverse=True)


def test_a_silence_beyond_all_chance_is_told_in_words(case, ada):
    flags_of_earlier(case, "CNS-01", [12.9, *[5] * 1_500])
    [line] = [line for line in upkeep.rules_to_look_at(ada) if line.key == "silent:CNS-01"]
    assert line.says.endswith("0 of 750 expected; by luck alone less than 1 in a billion")
    assert Browser(ada).get("/upkeep").status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"grading": {"CNS-01": {"UK": {"shown": "off"}}}},
        {"local": {"harbour": {"name": "Harbour", "grading": {"CNS-01": {"shown": "off"}}}}},
        {"rules": {}},
    ],
    ids=["off", "off at the only practice", "not held"],
)
def test_a_rule_that_runs_nowhere_is_silent_as_is_wanted(case, ada, monkeypatch, changed):
    flags_of_earlier(case, "CNS-01", [*range(5, 25), *range(5, 15)])
    _, book = rulebooks.live()
    monkeypatch.setattr(rulebooks, "book", lambda _: replace(book, **changed))
    assert not any(line.key == "silent:CNS-01" for line in upkeep.rules_to_look_at(ada))


def left_as_it_was(place, clara, ravi, count, outcome, reason):
    for _ in range(count):
        case = make.flagged_case(place, logged_by=clara)
        flags = Flag.objects.open().filter(case=case, severity__lte=3)
        given = [FlagOutcome(flag.pk, outcome, reason, make.day(20)) for flag in flags]
        decide.decide(case=case, outcomes=given, note="", by=ravi, seen=case.lock)


def test_a_rule_often_left_as_it_was_is_told_with_the_reason(harbour, clara, ravi, ada):
    left_as_it_was(harbour, clara, ravi, 5, "continue", "benefit_outweighs")
    assert not any(line.key == f"left:{RULE}" for line in upkeep.rules_to_look_at(ada))
    left_as_it_was(harbour, clara, ravi, 5, "taper", "agreed_with_patient")
    [line] = [line for line in upkeep.rules_to_look_at(ada) if line.key == f"left:{RULE}"]
    assert "left as it was 5 of 10 times in 90 days" in line.says
    assert "benefit outweighs risk" in line.says


def test_a_rule_called_unhelpful_is_told(case, clara, ada):
    flags_of_earlier(case, RULE, [1] * 11)
    for number in range(2):
        flag = Flag.objects.filter(rule_id=RULE).order_by("pk")[number]
        FindingOpinion.objects.create(
            practice=case.practice,
            rule_id=RULE,
            book=1,
            flag=flag,
            because="short",
            where="case",
            by=clara,
        )
    assert not any(line.key.startswith("unhelpful") for line in upkeep.rules_to_look_at(ada))
    FindingOpinion.objects.create(
        practice=case.practice, rule_id=RULE, book=1, because="known", where="case", by=clara
    )
    [line] = [each for each in upkeep.rules_to_look_at(ada) if each.key == f"unhelpful:{RULE}"]
    assert line.says == "called unhelpful 3 times, of 12 new flags in 90 days"


# -- Knowledge ---------------------------------------------------------------------------------


def test_a_source_past_its_review_is_told_and_one_within_30_days_apart(overdue, ada, monkeypatch):
    name = next(iter(sources.SOURCES))
    soon = sources.SOURCES[name]._replace(next_review=make.day(30))
    monkeypatch.setitem(sources.SOURCES, name, soon)
    found = lines(ada)
    assert [line.title for line in found.overdue] == ["An old text, p. 7"]
    assert f"citation:{name}" in [line.key for line in found.soon]
    monkeypatch.setitem(sources.SOURCES, name, soon._replace(next_review=make.day(31)))
    assert f"citation:{name}" not in [line.key for line in lines(ada).soon]


def test_what_nobody_signed_off_is_counted_by_source(rulebook, ada):
    found = lines(ada)
    assert (
        sum(int(line.says.split()[0].replace(",", "")) for line in found.unverified)
        == found.unverified_rows
    )
    assert len({line.key for line in found.lines}) == len(found.lines)


def overdue_again(table, row):
    """As if somebody had said it 40 days ago, to be looked at again yesterday."""
    with database.without_triggers() as cursor:
        cursor.execute(
            f"UPDATE {table} SET reviewed = %s, next_review = %s WHERE id = %s",
            [make.day(-40), make.day(-1), row.pk],
        )


def test_what_a_practice_can_get_is_looked_at_again(rulebook, harbour, lakeside, ada):
    other = make.person("otto", lakeside, "formulary_admin")
    diazepam = Ingredient.objects.get(key="diazepam")
    first = said_here(diazepam, harbour, ada, "restricted", restricted_to="agreed tapers")
    overdue_again("reviews_localstatus", first)
    [line] = lines(ada).overdue
    assert line.title == "Diazepam: what a practice can get"
    assert line.says.startswith("Harbour Street Surgery: restricted to agreed tapers")
    assert line.due == make.day(-1)
    assert lines(other).overdue == []
    page = Browser(ada)
    assert "Diazepam: what a practice can get" in page.read("/upkeep")
    assert page.get(line.address).status_code == 200
    duty = give(line, ada, ada)
    said_here(diazepam, harbour, ada, "available")
    assert lines(ada).overdue == []
    again = LocalStatus.objects.current().get()
    overdue_again("reviews_localstatus", again)
    assert [each.duty for each in lines(ada).overdue] == [duty], "it stays with its owner"
    local_status.take_back(
        ingredient=diazepam, place=harbour, reason="No longer", seen=again.pk, by=ada
    )
    assert lines(ada).overdue == []


def test_what_a_group_can_get_is_looked_at_by_whoever_keeps_groups(rulebook, lakeside, ada):
    coast = practice_groups.make(code="coast", name="Coast practices", profile="UK", by=ada)
    said_here(Ingredient.objects.get(key="zopiclone"), coast, ada, "not-stocked", days=30)
    other = make.person("otto", lakeside, "formulary_admin")
    for user in (ada, other):
        [line] = [each for each in lines(user).soon if "Zopiclone" in each.title]
        assert line.title == "Zopiclone: what a group of practices can get"
        assert line.due == make.day(30)


def test_an_edit_of_the_live_book_is_read_again_and_may_stay_as_it_is(rulebook, ada, adam):
    draft = govern.begin(title="Short courses", by=ada)
    edit = change(draft, ada)
    assert lines(ada).soon == [], "what only a draft says is not in force"
    published(draft, by=ada, second=adam)
    overdue_again("reviews_rulechange", edit)
    [line] = lines(ada).overdue
    assert line.title.startswith("DUR-01: ")
    assert line.says.startswith("set here, UK profile: 14 days")
    assert Browser(ada).get(line.address).status_code == 200
    again = govern.begin(title="Read again", by=ada)
    anew = read_again(again, ada)
    assert (anew.before, anew.after) == (14, 14)
    draft_page = Browser(ada).read(f"/rule-drafts/{again.pk}")
    assert "stays 14 days its source was read again" in draft_page
    book = published(again, by=ada, second=adam)
    assert said(book) == 14
    assert lines(ada).overdue == []
    assert "stays 14 days, its source was read again" in Browser(ada).read("/rules/DUR-01")


def test_an_added_example_is_read_again_until_it_is_withdrawn(rulebook, ada):
    made = make.example(ada)
    assert lines(ada).soon == []
    overdue_again("reviews_ruleexample", made)
    [line] = lines(ada).overdue
    assert (line.title, line.address) == (
        "DUR-01: a worked example that was added",
        "/rules/DUR-01#added",
    )
    examples.withdraw(example=made, reason="Its source is gone.", by=ada)
    assert lines(ada).overdue == []


def test_the_mail_counts_them_and_names_no_practice(rulebook, harbour, ada):
    row = said_here(Ingredient.objects.get(key="diazepam"), harbour, ada, "available")
    overdue_again("reviews_localstatus", row)
    assert (1, "facts due to be read again", "/upkeep") in digest.lines_for(ada)
    weekly = upkeep.weekly(ada)
    assert (1, "facts past their next review", "/upkeep#facts") in weekly.kinds
    assert [(line.title, line.address) for line in weekly.nobodys] == [
        ("Diazepam: what a practice can get", "/upkeep")
    ]


# -- Owners ------------------------------------------------------------------------------------


def test_a_line_has_one_owner_and_every_change_is_in_the_trail(overdue, ada, adam, ravi):
    [line] = lines(ada).overdue
    assert (line.duty, line.due_on) == (None, make.day(-1))
    give(line, adam, ada)
    [line] = lines(ada).overdue
    assert (line.duty.owner, line.due_on) == (adam, make.day(20))
    give(line, adam, ada)
    assert UpkeepDuty.objects.count() == 1
    give(line, ada, adam, days=40)
    assert [duty.owner for duty in upkeep.held()] == [ada]
    events = AuditEvent.objects.filter(verb="upkeep.given").order_by("pk")
    assert [event.detail for event in events] == [
        {"title": line.title, "to": adam.pk, "due_on": make.day(20).isoformat()},
        {
            "title": line.title,
            "to": ada.pk,
            "from": adam.pk,
            "due_on": make.day(40).isoformat(),
        },
    ]
    with pytest.raises(NotAllowed):
        give(line, adam, ravi)
    with pytest.raises(BadRecord):
        give(line, ravi, ada)
    for days in (-1, 367):
        with pytest.raises(BadRecord):
            give(line, adam, ada, days=days)
    with pytest.raises(Stale):
        give(line._replace(key="source:gone"), adam, ada)


def test_of_two_who_give_a_line_at_once_the_second_is_refused(overdue, ada, adam, monkeypatch):
    [line] = lines(ada).overdue
    give(line, adam, ada)
    # As read by somebody who asked before the first one had committed.
    monkeypatch.setattr(UpkeepDuty.objects, "select_for_update", UpkeepDuty.objects.none)
    with pytest.raises(Stale, match="at the same time"):
        give(line, ada, adam)
    assert [duty.owner for duty in upkeep.held()] == [adam]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reviews_upkeepduty SET owner_id = given_by_id, due_on = due_on + 1",
        "DELETE FROM reviews_upkeepduty",
        "INSERT INTO reviews_upkeepduty (key, title, owner_id, due_on, given_by_id)"
        " SELECT key, title, owner_id, due_on, given_by_id FROM reviews_upkeepduty",
    ],
)
def test_what_was_given_cannot_be_changed(overdue, ada, adam, statement):
    give(lines(ada).overdue[0], adam, ada)
    with pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(statement)


def test_the_page_gives_a_line_and_shows_whose_it_is(overdue, ada, adam):
    browser = Browser(ada)
    page = browser.get("/upkeep")
    assert heading(page).startswith("1 fact is overdue")
    key = lines(ada).overdue[0].key
    answer = browser.follow("/upkeep/give", key=key, owner=adam.pk, due_on="+14d")
    assert "has it until" in words(answer)
    assert "An old text" in browser.read("/upkeep", owner=adam.pk)
    assert "An old text" not in browser.read("/upkeep", owner="none")
    refused = browser.post("/upkeep/give", key=key, owner=adam.pk, due_on="never")
    assert refused.status_code == 422
    assert "Not given." in words(refused)


# -- Medicines ---------------------------------------------------------------------------------


def test_an_unknown_medicine_is_answered_on_the_page(case, clara, ada):
    prescribe.log(patient=case.patient, record=make.record("Zorkwell 10 mg"), by=clara)
    screen.drain()
    browser = Browser(ada)
    assert "Zorkwell 10 mg" in browser.read("/upkeep")
    [(line, _)] = [pair for pair in lines(ada).unknown if pair[0].title == "Zorkwell 10 mg"]
    duty = give(line, ada, ada)
    assert "Zorkwell" not in duty.title + duty.key
    browser.post(
        "/unknown-medicines/judge",
        where="everywhere",
        **{"m0-text": "Zorkwell 10 mg", "m0-answer": "no-sedative"},
    )
    assert NoSedative.objects.get().text == "zorkwell 10 mg"
    assert "Zorkwell 10 mg" not in browser.read("/upkeep")


# -- Mail --------------------------------------------------------------------------------------


def test_the_digest_counts_what_is_mine_and_due_and_names_nothing(overdue, ada, adam):
    [line] = lines(ada).overdue
    give(line, adam, ada, days=7)
    told = {words: count for count, words, _ in digest.lines_for(adam)}
    assert told["lines of upkeep that are yours, and due within a week"] == 1
    assert not any("An old text" in words for words in told)
    give(line, adam, ada, days=8)
    told = {words: count for count, words, _ in digest.lines_for(adam)}
    assert "lines of upkeep that are yours, and due within a week" not in told

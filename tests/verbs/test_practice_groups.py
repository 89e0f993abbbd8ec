"""Groups of practices: at most one for each, a policy of its own, and who is screened again."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from reviews import dossiers, governing, groups, rule_files, rulebooks, walls, what_ifs
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import (
    AuditEvent,
    Flag,
    GroupMember,
    PracticeGroup,
    RuleVersion,
    ScreeningRequest,
)
from reviews.queries import rule_books, rule_drafts
from reviews.verbs import govern, practice_groups, practices, publish, screen
from tests import make
from tests.verbs.test_govern import change, published
from tests.verbs.test_guard import guarded
from tests.web.browse import Browser, heading, words


@pytest.fixture
def coast(rulebook, ada):
    return practice_groups.make(code="coast", name="Coast practices", profile="UK", by=ada)


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Coast", by=ada)


def move(practice, group, by, **more):
    held = practice.groups.current().first()
    given = {"reason": "joined", "seen": held.pk if held else None, **more}
    return practice_groups.move(practice=practice, group=group, by=by, **given)


def treated_for(days, place, by):
    person = make.patient(place, by)
    make.prescription(person, by, start=1 - days, days=days)
    screen.drain()
    return person


def grave(person):
    return Flag.objects.filter(patient=person, rule_id="DUR-01", ended_at=None, severity__lte=3)


def test_a_group_is_made_once_and_stays(coast, ada):
    event = AuditEvent.objects.get(verb="practice_group.made")
    assert event.detail == {"code": "coast", "name": "Coast practices", "profile": "UK"}
    with pytest.raises(BadRecord, match="code"):
        practice_groups.make(code="coast", name="Other", profile="UK", by=ada)
    for wrong in (
        lambda: PracticeGroup.objects.filter(pk=coast.pk).update(profile="US"),
        coast.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            wrong()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "no spaces"}, "code"),
        ({"code": ""}, "code"),
        ({"code": "x", "name": " "}, "name"),
        ({"code": "x", "profile": "XX"}, "profile"),
    ],
)
def test_what_cannot_be_a_group_is_named_by_field(given, field, rulebook, ada):
    with pytest.raises(BadRecord) as refused:
        practice_groups.make(**{"name": "Coast", "profile": "UK", "by": ada, **given})
    assert refused.value.field == field


def test_a_practice_is_in_one_group_at_a_time_and_its_past_stays(coast, harbour, ada):
    inland = practice_groups.make(code="inland", name="Inland", profile="UK", by=ada)
    first = move(harbour, coast, ada)
    assert move(harbour, coast, ada) == first
    second = move(harbour, inland, ada, reason="reorganised")
    first.refresh_from_db()
    assert (first.until is not None, first.ended_by) == (True, ada)
    assert groups.group_of(harbour.pk) == "inland"
    assert groups.group_of(harbour.pk, first.since) == "coast"
    told = groups.stays()
    assert groups.then(told, "harbour", first.since) == "coast"
    assert groups.then(told, "harbour", second.since) == "inland"
    assert groups.then(told, "northgate", second.since) == ""
    assert move(harbour, None, ada) is None
    assert groups.grouped() == {}
    details = [e.detail for e in AuditEvent.objects.filter(verb="practice.grouped").order_by("pk")]
    assert [(each.get("from"), each.get("to")) for each in details] == [
        (None, "coast"),
        ("coast", "inland"),
        ("inland", None),
    ]
    both = [
        GroupMember(practice=harbour, group=group, by=ada, reason="both")
        for group in (coast, inland)
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        GroupMember.objects.bulk_create(both)
    with pytest.raises(DatabaseError), transaction.atomic():
        GroupMember.objects.filter(pk=first.pk).update(until=None, ended_by=None)


def test_what_cannot_move_is_named(coast, harbour, lakeside, ada, clara, adam):
    with pytest.raises(BadRecord, match="reason"):
        move(harbour, coast, ada, reason=" ")
    american = practice_groups.make(code="us", name="Plains", profile="US", by=ada)
    with pytest.raises(BadRecord, match="group: is of the US profile"):
        move(harbour, american, ada)
    with pytest.raises(NotAllowed):
        move(harbour, coast, clara)
    with pytest.raises(NotAllowed):
        move(lakeside, coast, ada)
    held = move(harbour, coast, ada)
    with pytest.raises(Stale, match="Somebody else moved"):
        move(harbour, None, adam, seen=None)
    with pytest.raises(Stale):
        move(harbour, None, adam, seen=held.pk + 1)
    assert groups.group_of(harbour.pk) == "coast"
    with pytest.raises(BadRecord, match="profile: of a practice in a group"):
        practices.edit(practice=harbour, by=None, profile="US")


def test_a_practice_admin_moves_the_practice_and_makes_no_group(coast, harbour, maeve):
    move(harbour, coast, maeve)
    assert groups.group_of(harbour.pk) == "coast"
    with pytest.raises(NotAllowed):
        practice_groups.make(code="x", name="X", profile="UK", by=maeve)


def test_a_policy_of_a_group_holds_for_its_members_from_the_move_on(
    coast, draft, harbour, clara, ada, adam
):
    person = treated_for(20, harbour, clara)
    change(draft, ada, group=coast)
    published(draft, by=ada, second=adam)
    assert not ScreeningRequest.objects.exists()
    assert not grave(person).exists()
    with walls.seeing(walls.of([harbour.pk])):
        move(harbour, coast, ada)
    (asked,) = ScreeningRequest.objects.all()
    assert (asked.patient_id, asked.reason) == (person.pk, "group")
    assert AuditEvent.objects.get(verb="practice.grouped").detail["patients"] == 1
    screen.drain()
    flag = grave(person).get()
    told = {"name": "local_policy", "label": "Local policy of", "unit": ""}
    assert told | {"value": "Coast practices"} in flag.facts
    assert dossiers.one(person, as_of=make.day()).group == "coast"
    before = GroupMember.objects.get().since - make.timedelta(seconds=1)
    assert dossiers.one(person, as_of=make.day(), known_at=before).group == ""
    move(harbour, None, ada)
    screen.drain()
    assert not grave(person).exists()


def test_publishing_reaches_the_members_of_a_group_and_a_move_without_policy_nobody(
    coast, draft, harbour, clara, ada, adam
):
    person = treated_for(20, harbour, clara)
    move(harbour, coast, ada)
    assert not ScreeningRequest.objects.exists()
    change(draft, ada, group=coast)
    assert rule_drafts.rows_of(draft)[0].people == 1
    version = published(draft, by=ada, second=adam)
    assert version.book["local"]["group:coast"]["name"] == "Coast practices"
    assert [each.patient_id for each in ScreeningRequest.objects.all()] == [person.pk]


def test_the_practice_wins_over_its_group(coast, draft, harbour, clara, ada, adam):
    person = treated_for(20, harbour, clara)
    move(harbour, coast, ada)
    change(draft, ada, group=coast)
    change(draft, ada, practice=harbour, after=25)
    published(draft, by=ada, second=adam)
    screen.drain()
    assert not grave(person).exists()


def test_a_flag_cites_the_group_that_its_practice_was_in(coast, draft, harbour, clara, ada, adam):
    person = treated_for(20, harbour, clara)
    move(harbour, coast, ada)
    change(draft, ada, group=coast)
    published(draft, by=ada, second=adam)
    screen.drain()
    flag = grave(person).get()
    move(harbour, None, ada)
    for rows in (rulebooks.cited(flag, harbour), rulebooks.citations([flag.version_id]).of(flag)):
        assert [row["issuer"] for row in rows][-1] == "Set here, Coast practices"


def test_a_move_into_a_contradiction_is_refused_and_so_is_publishing_one(
    coast, draft, harbour, ada, adam
):
    change(draft, ada, field="s4_over_days", after=18, practice=harbour)
    change(draft, ada, field="s2_over_days", after=16, group=coast)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    held = move(harbour, coast, ada)
    with pytest.raises(IllegalMove, match="must not be more than"):
        publish.publish(version=make.tried(version), agreement="Yes", by=adam)
    move(harbour, None, ada, seen=held.pk)
    make.tried(version)
    publish.publish(version=version, agreement="Yes", by=adam)
    with pytest.raises(BadRecord, match="group: contradicts the practice"):
        move(harbour, coast, ada)


def test_a_move_asks_for_another_what_if_where_a_policy_of_the_group_is_drafted(
    coast, draft, harbour, clara, ada, adam
):
    person = treated_for(20, harbour, clara)
    change(draft, ada, group=coast)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    move(harbour, coast, ada)
    with pytest.raises(IllegalMove, match="Since its what-if Harbour Street Surgery moved to"):
        publish.publish(version=version, agreement="Yes", by=adam)
    page = words(Browser(ada).get("/rule-books/2/what-if"))
    assert "Publishing cannot rest on this. Since its what-if Harbour Street Surgery moved" in page
    make.tried(version)
    assert what_ifs.of(version).effects.get(rule_id="DUR-01").patient_id == person.pk
    publish.publish(version=version, agreement="Yes", by=adam)
    screen.drain()
    assert grave(person).exists()


def test_a_move_that_changes_no_judgement_asks_for_no_other_what_if(
    coast, draft, harbour, ada, adam
):
    inland = practice_groups.make(code="inland", name="Inland", profile="UK", by=ada)
    change(draft, ada, group=coast)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    move(harbour, inland, ada)
    assert what_ifs.untried(version, governing.live()) == ""
    publish.publish(version=version, agreement="Yes", by=adam)


def test_a_move_while_a_guarded_book_judges_asks_again_by_that_book(
    coast, draft, harbour, clara, ada, adam
):
    person = treated_for(20, harbour, clara)
    change(draft, ada, group=coast)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    guarded(version, [harbour], adam)
    screen.drain()
    assert not grave(person).exists()
    move(harbour, coast, ada)
    screen.drain()
    assert grave(person).exists()


def test_a_contradiction_is_not_guarded_either(coast, draft, harbour, ada, adam):
    change(draft, ada, field="s4_over_days", after=18, practice=harbour)
    change(draft, ada, field="s2_over_days", after=16, group=coast)
    version = publish.freeze(draft=draft, note="", by=ada)
    move(harbour, coast, ada)
    make.tried(version)
    with pytest.raises(IllegalMove, match="must not be more than"):
        guarded(version, [harbour], adam)


def test_what_may_not_be_local_is_not_of_a_group_either(coast, draft, ada, harbour):
    with pytest.raises(BadRecord, match="no local policy moves this"):
        change(draft, ada, "EXPOSURE", "gap_days", 21, group=coast)
    with pytest.raises(BadRecord, match="a safety floor"):
        change(draft, ada, "OPI-01", "shown", "off", group=coast)
    with pytest.raises(BadRecord, match="give a profile, or a practice or group"):
        change(draft, ada, group=coast, practice=harbour)
    both = change(draft, ada, group=coast)
    both.pk, both.practice, both.field = None, harbour, "s4_over_days"
    with pytest.raises(IntegrityError), transaction.atomic():
        both.save()


def test_a_file_of_facts_knows_groups(coast, draft, ada):
    change(draft, ada, group=coast)
    text = rule_files.to_csv(rule_books.rows_of(draft.base, draft))
    assert "DUR-01,group:coast,s2_over_days,14," in text
    other = govern.begin(title="Again", by=ada)
    found = rule_files.read(text)
    (made,) = make.taken(other, found.rows, ada)
    assert (made.group, made.practice) == (coast, None)
    strange = rule_files.read(text.replace("group:coast", "group:moon"))
    (refused,) = [e.refused for e in governing.report(other, strange.rows) if e.refused]
    assert refused == "there is no group moon here"


def test_two_books_say_what_a_group_holds(coast, draft, ada, adam):
    change(draft, ada, group=coast)
    published(draft, by=ada, second=adam)
    text = Browser(ada).read("/rule-books/2/against/1")
    assert "S2 above, local policy of Coast practices as the profile says 14 days" in text
    book = RuleVersion.objects.get(number=2)
    assert rule_books.not_taken({"book": book.book}, book.book) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_move_a_practice_at_once_one_is_told(coast, harbour, ada, adam):
    inland = practice_groups.make(code="inland", name="Inland", profile="UK", by=ada)
    answers = []

    def go(group, by):
        try:
            with walls.seeing(walls.EVERYTHING):
                move(harbour, group, by, seen=None)
            answers.append("moved")
        except Stale:
            answers.append("told")
        finally:
            connection.close()

    both = [threading.Thread(target=go, args=each) for each in ((coast, ada), (inland, adam))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(answers) == ["moved", "told"]
    assert GroupMember.objects.current().count() == 1


# -- The page --------------------------------------------------------------------------------------


def test_the_page_makes_a_group_and_moves_a_practice(rulebook, harbour, ada, adam):
    browser = Browser(ada)
    assert heading(browser.get("/practice-groups")) == "No practices are in a group"
    page = browser.follow("/practice-groups/make", name="Coast", code="coast", profile="UK")
    assert "Coast is made. It has no members and no policy yet." in words(page)
    group = PracticeGroup.objects.get()
    given = {"practice": harbour.pk, "group": group.pk, "reason": "joined", "seen": ""}
    page = browser.follow("/practice-groups/move", **given)
    assert "Harbour Street Surgery is in Coast." in words(page)
    late = Browser(adam).post("/practice-groups/move", **{**given, "group": "none"})
    assert late.status_code == 409
    assert "Somebody else moved Harbour Street Surgery" in words(late)
    wrong = browser.post("/practice-groups/move", practice=harbour.pk, reason="")
    assert wrong.status_code == 422
    unchosen = browser.post("/practice-groups/move", **{**given, "group": ""})
    assert unchosen.status_code == 422, "no group is chosen by name, not by overlooking the field"
    assert groups.group_of(harbour.pk) == "coast"


def test_who_may_not_move_sees_the_groups_and_no_form(coast, clara):
    text = Browser(clara).read("/practice-groups")
    assert "Coast practices" in text
    assert "Move a practice" not in text


def test_a_fact_is_changed_for_a_group_on_its_page(coast, draft, ada):
    browser = Browser(ada)
    query = f"draft={draft.pk}&scope=group:coast&field=s2_over_days"
    text = browser.read(f"/rules/DUR-01/change?{query}")
    assert "Coast practices" in text
    assert "as the profile says" in text
    page = browser.follow(
        f"/rules/DUR-01/change?{query}",
        after="14",
        source="Coast policy",
        locator="4.2",
        next_review=str(make.day(90)),
        reason="Earlier",
        seen="",
    )
    assert "local policy of Coast practices: 14 days in the draft" in words(page)
    change_link = f"/rules/DUR-01/change?draft={draft.pk}&amp;scope=group:coast"
    assert change_link in page.content.decode()

"""Drafts of rules: edits by several people, published by somebody who made none of them."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from reviews import governing, publishing, rulebooks, walls
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, Flag, RuleChange, RuleDraft, RuleVersion, ScreeningRequest
from reviews.queries import rule_drafts
from reviews.rules import registry
from reviews.verbs import govern, publish, screen
from tests import make
from tests.database import without_triggers
from tests.verbs.test_publish import lower_diazepam

grounds = make.grounds


def change(draft, by, rule_id="DUR-01", field="s2_over_days", after=14, **more):
    if not (more.get("practice") or more.get("group")):
        more.setdefault("profile", "UK")
    return govern.change(
        draft=draft, rule_id=rule_id, field=field, after=after, grounds=grounds(), by=by, **more
    )


def read_again(draft, by):
    """The same value again, of a source that was read again and is believed for longer."""
    return govern.change(
        draft=draft,
        rule_id="DUR-01",
        field="s2_over_days",
        after=14,
        grounds=grounds(next_review=make.day(300)),
        by=by,
        profile="UK",
    )


def published(draft, *, by, second):
    version = make.tried(publish.freeze(draft=draft, note="", by=by))
    return publish.publish(version=version, agreement="I read section 4.2.", by=second)


def said(version, rule_id="DUR-01", field="s2_over_days", profile="UK"):
    return version.book["rules"][rule_id][profile][field]


@pytest.fixture
def helen(harbour):
    """A third formulary admin."""
    return make.person("helen", harbour, "formulary_admin")


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Short courses for anxiety", by=ada)


# -- Edits -----------------------------------------------------------------------------------------


def test_an_edit_keeps_who_when_from_to_and_who_says_so(draft, ada):
    made = change(draft, ada)
    assert (made.before, made.after, made.by) == (28, 14, ada)
    assert (made.source, made.locator) == ("Harbour prescribing policy 2026", "section 4.2")
    assert made.reviewed == make.day()
    event = AuditEvent.objects.get(verb="rule.changed")
    assert event.detail["before"] == 28
    assert event.detail["scope"] == "UK"
    assert rulebooks.live()[1].rules["DUR-01"]["UK"]["s2_over_days"] == 28


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source": " "}, "source"),
        ({"locator": ""}, "locator"),
        ({"reason": ""}, "reason"),
        ({"next_review": None}, "next_review"),
        ({"next_review": make.on_day()}, "next_review"),
        ({"next_review": make.on_day(367)}, "next_review"),
        ({"reviewed": make.on_day(1)}, "reviewed"),
    ],
)
def test_an_edit_without_grounds_does_not_exist(draft, ada, given, field):
    with pytest.raises(BadRecord) as refused:
        govern.change(
            draft=draft,
            rule_id="DUR-01",
            field="s2_over_days",
            after=14,
            profile="UK",
            grounds=grounds(**given),
            by=ada,
        )
    assert refused.value.field == field
    assert not RuleChange.objects.exists()


@pytest.mark.parametrize(
    ("rule_id", "field", "after", "wrong", "why"),
    [
        ("DUR-01", "s2_over_days", 200, "after", "from 7 to 120"),
        ("DUR-01", "s2_over_days", 28, "after", "says already"),
        ("DUR-01", "severity_s2", 2, "after", "says already"),
        ("OPI-01", "shown", "off", "after", "safety floor"),
        ("OPI-01", "moon", 2, "field", "no fact of OPI-01"),
        ("MOON-1", "s2_over_days", 2, "field", "no fact of MOON-1"),
    ],
)
def test_bounds_and_floors_are_refused_by_field(draft, ada, rule_id, field, after, wrong, why):
    with pytest.raises(BadRecord, match=why) as refused:
        change(draft, ada, rule_id, field, after)
    assert refused.value.field == wrong


def test_an_edit_is_of_a_profile_or_of_a_practice(draft, ada, harbour):
    for scope in ({"profile": ""}, {"profile": "UK", "practice": harbour}):
        with pytest.raises(BadRecord):
            change(draft, ada, **scope)
    with pytest.raises(BadRecord, match="no local policy moves this"):
        change(draft, ada, "EXPOSURE", "gap_days", 21, practice=harbour)
    made = change(draft, ada)
    kept = ("source", "locator", "reason", "reviewed", "next_review", "draft", "by")
    both = {name: getattr(made, name) for name in kept}
    both |= {"rule_id": "DUR-02", "profile": "UK", "practice": harbour, "field": "x"}
    with pytest.raises(IntegrityError, match="of_a_profile_or_a_practice"), transaction.atomic():
        RuleChange.objects.create(**both)


def test_the_edits_of_a_draft_are_told_in_as_many_statements_however_many_they_are(
    draft, ada, harbour
):
    def statements():
        with CaptureQueriesContext(connection) as made:
            rule_drafts.rows_of(draft)
        return len(made)

    change(draft, ada)
    assert statements(), "the book that the draft changes is read once"
    one = statements()
    for rule_id, field in (("GAB-01", "overlap_from_days"), ("DUR-02", "s2_over_days")):
        change(draft, ada, rule_id, field, 21 if field == "s2_over_days" else 2)
    change(draft, ada, practice=harbour, after=21)
    assert statements() == one


def test_whoever_edits_the_same_fact_must_have_seen_the_edit(draft, ada, helen):
    first = change(draft, ada)
    with pytest.raises(Stale, match="Ada Lindqvist set this to 14 days"):
        change(draft, helen, after=21)
    second = change(draft, helen, after=21, seen=first.pk)
    assert (second.before, second.after) == (28, 21)
    first.refresh_from_db()
    assert first.withdrawn_by == helen
    with pytest.raises(Stale):
        change(draft, ada, after=15, seen=first.pk)
    assert governing.in_draft(draft) == [second]
    govern.withdraw(change=second, by=ada)
    with pytest.raises(Stale):
        govern.withdraw(change=second, by=ada)
    with pytest.raises(Stale, match="taken out"):
        change(draft, ada, after=15, seen=second.pk)


def test_edits_are_only_withdrawn_even_by_hand(draft, ada):
    made = change(draft, ada)
    row = RuleChange.objects.filter(pk=made.pk)
    for changes in ({"after": 7}, {"before": 1}, {"source": "x"}, {"at": made.at - timedelta(1)}):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            row.update(**changes)
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        row.delete()
    govern.withdraw(change=made, by=ada)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        row.update(withdrawn_at=None, withdrawn_by=None)


def test_only_formulary_admins_govern(draft, ada, harbour):
    made = change(draft, ada)
    for who in ("clara", "ravi", "audrey", "ehr", "maeve"):
        by = make.person(who, harbour)
        for press in (
            lambda by: govern.begin(title="Mine", by=by),
            lambda by: change(draft, by, after=20, seen=made.pk),
            lambda by: govern.withdraw(change=made, by=by),
            lambda by: govern.confirm(change=made, by=by),
            lambda by: govern.bring_up_to_date(draft=draft, by=by),
            lambda by: govern.put_away(draft=draft, reason="x", by=by),
            lambda by: publish.freeze(draft=draft, note="", by=by),
            lambda by: publish.roll_back(to=governing.live(), reason="x", by=by),
        ):
            with pytest.raises(NotAllowed):
                press(by)


def test_a_draft_that_was_put_away_takes_no_edit(draft, ada):
    with pytest.raises(BadRecord):
        govern.put_away(draft=draft, reason="", by=ada)
    govern.put_away(draft=draft, reason="Go to 14 or leave it", by=ada)
    with pytest.raises(IllegalMove, match="was put away"):
        change(draft, ada)
    with pytest.raises(IllegalMove):
        publish.freeze(draft=draft, note="", by=ada)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        RuleDraft.objects.filter(pk=draft.pk).update(put_away_at=None)


# -- Freezing and publishing -----------------------------------------------------------------------


def test_a_draft_becomes_the_book_and_its_edits_its_history(draft, ada, adam, helen):
    first = change(draft, ada)
    other = change(draft, helen, "GAB-01", "overlap_from_days", 2)
    version = published(draft, by=ada, second=adam)
    assert (said(version), said(version, "GAB-01", "overlap_from_days")) == (14, 2)
    assert version.change_ids == [first.pk, other.pk]
    assert version.agreement == "I read section 4.2."
    event = AuditEvent.objects.get(verb="rules.published", actor="Adam Byrne")
    assert event.detail["agreement"] == version.agreement
    assert event.detail["edits"] == [first.pk, other.pk]
    with pytest.raises(IllegalMove, match="was published as rule book 2"):
        change(draft, ada, after=20, seen=first.pk)
    # The next draft is made on top of it, and a fact keeps its newest edit alone.
    later = govern.begin(title="Back to three weeks", by=ada)
    again = change(later, ada, after=21)
    assert again.before == 14
    following = published(later, by=ada, second=adam)
    assert (said(following), said(following, "GAB-01", "overlap_from_days")) == (21, 2)
    assert following.change_ids == sorted([again.pk, other.pk])


def test_published_edits_stand_when_the_software_proposes_something_else(
    draft, ada, adam, monkeypatch
):
    change(draft, ada)
    published(draft, by=ada, second=adam)
    limits = {**registry.PARAMETERS["DUR-01"]["UK"], "s2_over_days": 35, "s4_over_days": 12}
    monkeypatch.setitem(
        registry.PARAMETERS, "DUR-01", {**registry.PARAMETERS["DUR-01"], "UK": limits}
    )
    version = publish.draft(note="New software", by=ada)
    assert (said(version), said(version, field="s4_over_days")) == (14, 12)


def test_while_a_draft_is_frozen_its_edits_stand_still(draft, ada):
    made = change(draft, ada)
    version = publish.freeze(draft=draft, note="", by=ada)
    assert version.note == draft.title
    for press in (
        lambda: change(draft, ada, after=20, seen=made.pk),
        lambda: govern.withdraw(change=made, by=ada),
        lambda: publish.freeze(draft=draft, note="", by=ada),
        lambda: govern.put_away(draft=draft, reason="x", by=ada),
    ):
        with pytest.raises(IllegalMove, match="is frozen as draft 2"):
            press()
    publish.discard(version=version, by=ada)
    change(draft, ada, after=20, seen=made.pk)
    assert said(publish.freeze(draft=draft, note="", by=ada)) == 20


def test_thresholds_that_contradict_each_other_are_not_frozen(draft, ada):
    change(draft, ada, after=10)
    with pytest.raises(IllegalMove, match=r"DUR-01: .* must not be more than"):
        publish.freeze(draft=draft, note="", by=ada)
    change(draft, ada, field="s4_over_days", after=10)
    assert said(publish.freeze(draft=draft, note="", by=ada)) == 10


def test_a_draft_without_edits_has_nothing_to_freeze(draft, ada):
    with pytest.raises(IllegalMove, match="Nothing has changed"):
        publish.freeze(draft=draft, note="", by=ada)


def test_formulary_edits_are_part_of_a_draft_and_their_editor_no_second_person(
    draft, ada, adam, helen
):
    change(draft, ada)
    lower_diazepam(helen)
    version = publish.freeze(draft=draft, note="", by=ada)
    assert version.book["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"] == 25
    with pytest.raises(NotAllowed, match="You changed something"):
        publish.publish(version=version, agreement="x", by=helen)
    publish.publish(version=make.tried(version), agreement="Read both.", by=adam)
    # What she changed is published: of the next book she may be the second person.
    later = govern.begin(title="Next", by=ada)
    change(later, ada, after=20)
    published(later, by=ada, second=helen)


@pytest.mark.parametrize("who", ["ada", "helen"])
def test_nobody_who_edited_publishes_whoever_drafts(draft, ada, adam, helen, who):
    """Also not whose edit somebody else wrote over, and also not by SQL."""
    by = {"ada": ada, "helen": helen}[who]
    first = change(draft, ada)
    change(draft, helen, after=15, seen=first.pk)
    version = publish.freeze(draft=draft, note="", by=adam)
    assert isinstance(publishing.hindrance(version, by), NotAllowed)
    with pytest.raises(NotAllowed):
        publish.publish(version=version, agreement="x", by=by)
    # Triggers refuse as well: nobody who edited has agreed to an edit.
    with (
        pytest.raises(IntegrityError, match="published_by_nobody_who_edited"),
        without_triggers(),
        transaction.atomic(),
    ):
        RuleVersion.objects.filter(pk=version.pk).update(
            published_by=by, published_at=version.drafted_at, agreement="x"
        )


def test_the_second_person_writes_why(draft, ada, adam):
    change(draft, ada)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    with pytest.raises(BadRecord, match="agreement"):
        publish.publish(version=version, agreement="  ", by=adam)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        RuleVersion.objects.filter(pk=version.pk).update(
            published_by=adam, published_at=version.drafted_at
        )
    assert publishing.hindrance(version, adam) is None


def test_a_published_book_cannot_be_altered_by_sql(draft, ada, adam, rulebook):
    change(draft, ada)
    version = published(draft, by=ada, second=adam)
    row = RuleVersion.objects.filter(pk=version.pk)
    for changes in (
        {"book": {}},
        {"digest": "x"},
        {"number": 9},
        {"note": "x"},
        {"change_ids": []},
        {"editor_ids": []},
        {"made_of": None},
        {"drafted_by": adam},
        {"published_by": ada},
        {"published_at": None},
        {"agreement": "x"},
        {"engine": None},
        {"state": "draft"},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            row.update(**changes)
    for statement in (
        "UPDATE reviews_ruleversion SET book = jsonb_set(book, '{rules,DUR-01,UK}', '{}')",
        "DELETE FROM reviews_ruleversion",
        "UPDATE reviews_ruleversion SET state = 'published' WHERE state = 'retired'",
    ):
        with (
            pytest.raises(DatabaseError, match=r"Cannot (update|delete)"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert said(row.get()) == 14


@pytest.mark.django_db(transaction=True)
def test_published_twice_at_once_it_is_published_once(harbour, ada, adam):
    draft = govern.begin(title="Short courses", by=ada)
    change(draft, ada)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    both, told = threading.Barrier(2), []

    def press(by):
        try:
            with walls.seeing(walls.EVERYTHING):
                both.wait(timeout=30)
                publish.publish(version=version, agreement="Read it.", by=by)
                told.append("published")
        except IllegalMove as refused:
            told.append(refused.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=[adam]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["Rule book 2 is not a draft.", "published"]
    assert AuditEvent.objects.filter(verb="rules.published", actor="Adam Byrne").count() == 1


# -- Bringing up to date ---------------------------------------------------------------------------


def test_a_stale_draft_is_refused_and_brought_up_to_date(draft, ada, adam, helen):
    mine = change(draft, ada, "GAB-01", "overlap_from_days", 2)
    same = change(draft, ada)
    other = govern.begin(title="Three weeks", by=helen)
    change(other, helen, after=21)
    published(other, by=helen, second=adam)
    with pytest.raises(Stale, match="Bring the draft up to date"):
        publish.freeze(draft=draft, note="", by=ada)
    draft = govern.bring_up_to_date(draft=draft, by=ada)
    with pytest.raises(IllegalMove, match="up to date with rule book 2"):
        govern.bring_up_to_date(draft=draft, by=ada)
    assert [(each.pk, now) for each, now in governing.conflicts(draft, [mine, same])] == [
        (same.pk, 21)
    ]
    with pytest.raises(IllegalMove, match="1 edit was made against an older book"):
        publish.freeze(draft=draft, note="", by=ada)
    with pytest.raises(IllegalMove, match="fits"):
        govern.confirm(change=mine, by=ada)
    anew = govern.confirm(change=same, by=helen)
    assert (anew.before, anew.after, anew.by) == (21, 14, helen)
    assert said(publish.freeze(draft=draft, note="", by=ada)) == 14


def test_a_source_is_read_again_only_of_a_value_that_was_set_here(draft, ada, adam, helen):
    change(draft, ada)
    published(draft, by=ada, second=adam)
    again = govern.begin(title="Read again", by=helen)
    anew = read_again(again, helen)
    assert (anew.before, anew.after) == (14, 14)
    assert governing.conflicts(again, [anew]) == []
    with pytest.raises(BadRecord, match="says already"):
        change(again, helen, field="s4_over_days", after=said(again.base, field="s4_over_days"))
    book = published(again, by=helen, second=adam)
    assert book.change_ids == [anew.pk]


def test_an_edit_that_the_new_book_makes_already_falls_out(draft, ada, adam, helen):
    mine = change(draft, ada)
    other = govern.begin(title="The same", by=helen)
    change(other, helen)
    published(other, by=helen, second=adam)
    draft = govern.bring_up_to_date(draft=draft, by=ada)
    assert govern.confirm(change=mine, by=ada) is None
    assert governing.in_draft(draft) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_bringing_up_to_date_does_not_depend_on_the_order_of_edits(draft, ada, adam, helen, order):
    wanted = [
        ("DUR-01", "s2_over_days", 14),
        ("GAB-01", "overlap_from_days", 2),
        ("DUR-01", "s4_over_days", 10),
    ]
    for place in order:
        change(draft, ada, *wanted[place])
    other = govern.begin(title="Three weeks", by=helen)
    change(other, helen, after=21)
    change(other, helen, "GAB-01", "age_from_years", 70)
    published(other, by=helen, second=adam)
    draft = govern.bring_up_to_date(draft=draft, by=ada)
    (conflict,) = governing.conflicts(draft, governing.in_draft(draft))
    govern.confirm(change=conflict[0], by=ada)
    version = publish.freeze(draft=draft, note="", by=ada)
    rules = version.book["rules"]
    assert rules["DUR-01"]["UK"] == {"s2_over_days": 14, "s4_over_days": 10}
    assert (
        rules["GAB-01"]["UK"]["overlap_from_days"],
        said(version, "GAB-01", "age_from_years"),
    ) == (
        2,
        70,
    )


# -- Whom it reaches -------------------------------------------------------------------------------


@pytest.fixture
def people(harbour, lakeside, clara):
    """One patient on 20 days of diazepam in each of three practices, two of the UK."""
    northgate = make.practice("northgate", name="Northgate Medical Centre")
    found = {}
    for place in (harbour, northgate, lakeside):
        doctor = make.person(f"doc-{place.code}", place, "clinician")
        found[place.code] = make.patient(place, doctor)
        make.prescription(found[place.code], doctor, start=-19, days=20)
    screen.drain()
    return found


def asked():
    rows = ScreeningRequest.objects.filter(reason="published")
    return set(rows.values_list("patient__practice__code", flat=True))


def severities(person):
    flags = Flag.objects.live().filter(patient=person, rule_id="DUR-01")
    return list(flags.values_list("severity", flat=True))


def test_a_threshold_reaches_the_practices_of_its_profile(people, draft, ada, adam):
    change(draft, ada)
    published(draft, by=ada, second=adam)
    assert asked() == {"harbour", "northgate"}
    screen.drain()
    assert severities(people["harbour"]) == severities(people["northgate"]) == [2]
    assert severities(people["lakeside"]) == []


def test_local_policy_reaches_the_patients_of_its_practice_alone(people, draft, ada, adam, harbour):
    change(draft, ada, practice=harbour)
    published(draft, by=ada, second=adam)
    assert asked() == {"harbour"}
    screen.drain()
    assert severities(people["harbour"]) == [2]
    assert severities(people["northgate"]) == [4]
    flag = Flag.objects.live().get(patient=people["harbour"], rule_id="DUR-01")
    assert {
        "name": "local_policy",
        "label": "Local policy of",
        "value": harbour.name,
        "unit": "",
    } in (flag.facts)
    cited = rulebooks.cited(flag, harbour)[-1]
    assert cited["title"] == "Harbour prescribing policy 2026"
    assert cited["issuer"] == "Set here, Harbour Street Surgery"
    assert cited not in rulebooks.cited(flag, people["northgate"].practice)
    # It is taken away as it came.
    later = govern.begin(title="As the profile says", by=ada)
    gone = change(later, ada, practice=harbour, after=None)
    assert (gone.before, gone.after) == (14, None)
    version = published(later, by=ada, second=adam)
    assert "local" not in version.book
    screen.drain()
    assert severities(people["harbour"]) == [4]


def test_where_policy_stands_the_profile_reaches_nobody(people, draft, ada, adam, harbour):
    change(draft, ada, practice=harbour)
    published(draft, by=ada, second=adam)
    screen.drain()
    later = govern.begin(title="All of the UK", by=ada)
    change(later, ada, after=21)
    published(later, by=ada, second=adam)
    assert asked() == {"northgate"}


# -- Going back ------------------------------------------------------------------------------------


def test_the_previous_book_is_published_again_by_two_people(draft, ada, adam, helen, people):
    before = governing.live()
    change(draft, ada)
    published(draft, by=ada, second=adam)
    screen.drain()
    with pytest.raises(BadRecord):
        publish.roll_back(to=before, reason=" ", by=helen)
    version = publish.roll_back(to=before, reason="Too many cases", by=helen)
    assert (version.number, version.digest) == (3, before.digest)
    assert (version.rolls_back_to, version.change_ids) == (before, [])
    with pytest.raises(NotAllowed):
        publish.publish(version=version, agreement="x", by=helen)
    publish.publish(version=version, agreement="I saw the numbers.", by=ada)
    screen.drain()
    assert severities(people["harbour"]) == [4]
    flag = Flag.objects.live().get(patient=people["harbour"], rule_id="DUR-01")
    assert flag.version.number == 3
    with pytest.raises(IllegalMove, match="says the same"):
        publish.roll_back(to=before, reason="Again", by=helen)


def test_a_book_that_never_was_live_cannot_be_gone_back_to(draft, ada):
    change(draft, ada)
    version = publish.freeze(draft=draft, note="", by=ada)
    with pytest.raises(IllegalMove, match="never published"):
        publish.roll_back(to=version, reason="x", by=ada)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ("x" * 10, ""),
        (" " * 5 + "x" * 10 + " ", ""),
        ("x" * 11, "is 11 characters long; at most 10 are kept"),
        ("", "is needed"),
        (" \n ", "is needed"),
    ],
)
def test_words_that_are_kept_are_kept_whole_or_refused(given, refused):
    if not refused:
        assert governing.kept_words("reason", given, 10) == given.strip()
        return
    with pytest.raises(BadRecord, match=refused):
        governing.kept_words("reason", given, 10)
    assert governing.kept_words("reason", "", 10, missing="") == ""

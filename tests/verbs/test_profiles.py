"""Further profiles: added and taken away by two people, judged by, moved to, and never lost."""

import json

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from drugs.models import Ingredient, Limit
from reviews import (
    dossiers,
    governing,
    profiles,
    publishing,
    rule_files,
    rulebooks,
    what_ifs,
    worked_examples,
)
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.formulary_rows import Citation
from reviews.models import (
    AuditEvent,
    Flag,
    PastProfile,
    Practice,
    RuleChange,
    RuleVersion,
    ScreeningRequest,
)
from reviews.queries import profiles as queries
from reviews.queries import rule_books, rule_drafts, rule_examples
from reviews.rules import screen as judge
from reviews.rules.changing import PROFILE, Fact, value_in
from reviews.rules.codes import PROFILES
from reviews.rules.examples import EXAMPLES
from reviews.rules.profiles import lineage
from reviews.verbs import edit, govern, practice_groups, practices, publish, screen
from tests import make
from tests.verbs.test_govern import change, published
from tests.verbs.test_guard import guarded
from tests.verbs.test_practice_groups import grave, treated_for

IRELAND = {
    "parent": "UK",
    "name": "Ireland",
    "locale": "en-IE",
    "country": "IE",
    "time_zone": "Europe/Dublin",
    "paper": "a4",
    "emergency": "112",
}


def add(draft, by, code="IE", **changes):
    said = {name: value for name, value in {**IRELAND, **changes}.items() if value is not None}
    return govern.add_profile(draft=draft, code=code, said=said, grounds=make.grounds(), by=by)


def take_away(draft, by, code="IE"):
    return govern.take_profile_away(draft=draft, code=code, grounds=make.grounds(), by=by)


def describe(draft, by, *, code="IE", **said):
    return govern.describe_profile(
        draft=draft,
        code=code,
        said=said,
        grounds=make.grounds(),
        seen=queries.newest(draft, code),
        by=by,
    )


def live(draft, by, second):
    """The profile of Ireland is live, with 21 days where the United Kingdom has 28."""
    add(draft, by)
    change(draft, by, profile="IE", after=21)
    return published(draft, by=by, second=second)


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Ireland", by=ada)


@pytest.fixture
def ireland(draft, ada, adam):
    return live(draft, ada, adam)


@pytest.fixture
def quay(ireland, maeve, clara):
    """A practice of Ireland."""
    place = practices.set_up(code="quay", name="Liffey Quay", profile="IE", by=maeve)
    for name in ("clara", "ada", "adam", "ravi"):
        make.person(name, place)
    return place


def begun(ada, title="Next"):
    return govern.begin(title=title, by=ada)


# -- Adding ----------------------------------------------------------------------------------------


def test_a_profile_is_edits_with_who_says_so_and_judges_nobody_before_it_is_published(draft, ada):
    made = add(draft, ada)
    assert {each.field: each.after for each in made} == IRELAND
    assert {each.before for each in made} == {None}
    assert AuditEvent.objects.filter(verb="rule.changed").count() == len(IRELAND)
    assert "IE" in governing.held_in(draft)
    assert "IE" not in dict(profiles.choices())
    with pytest.raises(BadRecord, match="must be a profile of the live rule book"):
        practices.set_up(code="quay", name="Quay", profile="IE")


@pytest.mark.parametrize(
    ("code", "said", "field", "why"),
    [
        ("UK", {}, "code", "profile of the software"),
        ("ie", {}, "code", "2 to 8 capital letters"),
        ("I", {}, "code", "2 to 8 capital letters"),
        ("IRELANDIE", {}, "code", "2 to 8 capital letters"),
        ("I1", {}, "code", "2 to 8 capital letters"),
        ("IE", {"parent": None}, "parent", "is needed"),
        ("IE", {"parent": "FR"}, "parent", "there is no profile FR"),
        ("IE", {"parent": "IE"}, "parent", "there is no profile IE"),
        ("IE", {"name": " "}, "name", "is needed"),
        ("IE", {"name": "united  KINGDOM"}, "name", "is that of UK"),
        ("IE", {"name": "x" * 61}, "name", "longer than 60"),
        ("IE", {"locale": None}, "locale", "is needed"),
        ("IE", {"locale": "irish"}, "locale", "no tag of a language"),
        ("IE", {"country": "IRL"}, "country", "no country"),
        ("IE", {"time_zone": "Dublin"}, "time_zone", "no time zone"),
        ("IE", {"paper": "a5"}, "paper", "must be one of a4, us-letter"),
        ("IE", {"emergency": None}, "emergency", "is needed"),
        ("IE", {"emergency": "call"}, "emergency", "telephone number"),
    ],
)
def test_what_is_no_profile_is_refused_by_field(draft, ada, code, said, field, why):
    with pytest.raises(BadRecord, match=why) as refused:
        add(draft, ada, code, **said)
    assert refused.value.field == field
    assert not RuleChange.objects.exists()


def test_a_code_and_a_name_are_taken_once(ireland, ada):
    later = begun(ada)
    with pytest.raises(BadRecord, match="IE is a profile already"):
        add(later, ada)
    with pytest.raises(BadRecord, match="is that of IE"):
        add(later, ada, "IR")
    take_away(later, ada)
    with pytest.raises(BadRecord, match="there is no profile IE to take away"):
        take_away(later, ada)
    # Not before a book without it is live.
    with pytest.raises(BadRecord, match="IE is a profile already"):
        add(later, ada)


def test_nobody_else_adds_one(draft, ravi, maeve):
    for by in (ravi, maeve):
        with pytest.raises(NotAllowed):
            add(draft, by)


def test_a_profile_may_follow_one_that_follows(draft, ada, adam):
    add(draft, ada)
    add(draft, ada, "NORTH", parent="IE", name="North")
    change(draft, ada, profile="IE", after=21)
    version = published(draft, by=ada, second=adam)
    book = rulebooks.book(version.pk)
    assert book.rules["DUR-01"]["NORTH"]["s2_over_days"] == 21
    assert book.rules["DUR-01"]["UK"]["s2_over_days"] == 28


def test_a_circle_is_refused_wherever_it_closes(draft, ada):
    add(draft, ada)
    add(draft, ada, "NORTH", parent="IE", name="North")
    parent = RuleChange.objects.standing().get(profile="IE", field="parent")
    with pytest.raises(BadRecord, match="never to itself"):
        change(draft, ada, PROFILE, "parent", "NORTH", profile="IE", seen=parent.pk)


def test_a_parent_that_is_taken_out_of_the_draft_stops_its_freezing(draft, ada):
    add(draft, ada)
    add(draft, ada, "NORTH", parent="IE", name="North")
    govern.withdraw(change=RuleChange.objects.get(profile="IE", field="parent"), by=ada)
    with pytest.raises(IllegalMove, match="NORTH: its parent IE leads to no profile"):
        publish.freeze(draft=draft, note="", by=ada)


def test_what_a_profile_lacks_stops_its_freezing(draft, ada):
    add(draft, ada)
    govern.withdraw(change=RuleChange.objects.get(profile="IE", field="emergency"), by=ada)
    with pytest.raises(IllegalMove, match="IE: nobody said its emergency number"):
        publish.freeze(draft=draft, note="", by=ada)


def test_a_difference_of_a_profile_that_is_gone_stops_its_freezing(draft, ada):
    add(draft, ada)
    change(draft, ada, profile="IE", after=21)
    govern.withdraw(change=RuleChange.objects.get(profile="IE", field="parent"), by=ada)
    with pytest.raises(IllegalMove, match="there is no profile IE"):
        publish.freeze(draft=draft, note="", by=ada)


# -- Differences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "field", "after", "wrong", "why"),
    [
        ("IE", "s2_over_days", 200, "after", "from 7 to 120"),
        ("IE", "s3_over_days", 30, "field", "no fact of DUR-01 for IE"),
        ("IE", "s2_over_days", None, "after", "says already"),
        ("FR", "s2_over_days", 21, "profile", "there is no profile FR"),
    ],
)
def test_a_difference_has_the_bounds_of_the_base(draft, ada, profile, field, after, wrong, why):
    add(draft, ada)
    with pytest.raises(BadRecord, match=why) as refused:
        change(draft, ada, profile=profile, field=field, after=after)
    assert refused.value.field == wrong


def test_a_floor_stays_under_a_further_profile(draft, ada):
    add(draft, ada)
    with pytest.raises(BadRecord, match="safety floor"):
        change(draft, ada, "OPI-01", "shown", "off", profile="IE")


def test_a_patient_is_judged_by_the_profile_of_their_practice(quay, harbour, clara):
    irish, british = (treated_for(25, place, clara) for place in (quay, harbour))
    assert grave(irish).exists()
    assert not grave(british).exists()
    flag = grave(irish).get()
    assert "the limit of the IE profile (which follows the UK profile) is 21 days" in flag.sentence


def test_a_change_of_the_parent_reaches_whoever_says_nothing_nearer(
    quay, harbour, clara, ada, adam, maeve
):
    """Of two profiles that follow the United Kingdom one has its own word."""
    second = begun(ada, "Wales")
    add(second, ada, "WALES", name="Wales", country="GB")
    published(second, by=ada, second=adam)
    valley = practices.set_up(code="valley", name="Valley", profile="WALES", by=maeve)
    make.person("clara", valley)
    people = {place.code: treated_for(25, place, clara) for place in (quay, harbour, valley)}
    third = begun(ada, "Stricter")
    change(third, ada, after=14)
    version = make.tried(publish.freeze(draft=third, note="", by=ada))
    fact = Fact("DUR-01", "UK", "", "s2_over_days")
    held = rulebooks.live()[1].profiles
    assert rule_drafts.reach(fact, None, held) == 2
    ScreeningRequest.objects.all().delete()
    publish.publish(version=version, agreement="Read.", by=adam)
    asked = set(ScreeningRequest.objects.values_list("patient_id", flat=True))
    assert asked == {people["harbour"].pk, people["valley"].pk}
    screen.drain()
    assert {code for code, person in people.items() if grave(person).exists()} == {
        "quay",
        "harbour",
        "valley",
    }
    assert value_in(version.book, fact._replace(profile="IE")) == 21


def test_a_what_if_tells_of_the_people_of_a_further_profile(quay, harbour, clara, ada):
    for place in (quay, harbour):
        treated_for(19, place, clara)
    draft = begun(ada)
    made = change(draft, ada, profile="IE", after=15, seen=None)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    found = what_ifs.of(version)
    assert found.practice_ids == [quay.pk]
    assert {row.practice for row in found.effects.all()} == {quay}
    assert what_ifs.alone(version, made).people == 1


def test_a_what_if_from_before_a_practice_moved_to_the_profile_tells_nothing_of_it(
    ireland, harbour, clara, ada, adam, maeve
):
    treated_for(19, harbour, clara)
    draft = begun(ada)
    change(draft, ada, profile="IE", after=15, seen=None)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    assert not what_ifs.of(version).effects.exists(), "nobody is of it yet"
    assert publishing.hindrance(version, adam) is None
    practices.edit(practice=harbour, profile="IE", by=maeve)
    with pytest.raises(IllegalMove, match="Since its what-if Harbour Street Surgery moved to"):
        publish.publish(version=version, agreement="I read it.", by=adam)
    make.tried(version)
    assert what_ifs.of(version).effects.exists()
    publish.publish(version=version, agreement="I read it.", by=adam)


def test_an_edit_of_the_parent_is_counted_for_its_followers_too(quay, harbour, clara, ada):
    for place in (quay, harbour):
        person = make.patient(place, clara, age=70)
        make.prescription(person, clara, start=-40, days=42)
    screen.drain()
    draft = begun(ada)
    made = change(draft, ada, "DUR-01", "severity_s2", 3)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    assert what_ifs.alone(version, made).people == 2


def test_policy_of_a_practice_counts_before_its_profile(quay, clara, ada, adam):
    draft = begun(ada)
    change(draft, ada, practice=quay, after=30)
    published(draft, by=ada, second=adam)
    assert not grave(treated_for(25, quay, clara)).exists()
    assert grave(treated_for(31, quay, clara)).exists()


def test_an_example_of_a_profile_is_judged_by_it_and_by_no_book_without_it(ireland, ada):
    example = make.example(ada, profile="IE", days=25, title="25 days in Ireland")
    live, first = rulebooks.live()[1], rulebooks.book(RuleVersion.objects.get(number=1).pk)
    assert worked_examples.judged(example, live).holds
    old = worked_examples.judged(example, first)
    assert (old.said, old.holds) == (worked_examples.NO_PROFILE, True)


# -- Who is of it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", PROFILES)
def test_under_a_profile_that_says_nothing_itself_each_example_of_the_software_holds(
    draft, ada, parent
):
    add(draft, ada, parent=parent)
    version = publish.freeze(draft=draft, note="", by=ada)
    book = rulebooks.book(version.pk)
    judged = worked_examples.of_software(book, EXAMPLES)
    under = [each for each in judged if each.key.profile == "IE"]
    assert len(under) == sum(parent in each.claims for own in EXAMPLES.values() for each in own)
    assert [(each.key, each.expected, each.said) for each in under if not each.holds] == []
    assert not version.broken_examples.exists()


def test_what_a_further_profile_says_otherwise_breaks_examples_under_it_alone(draft, ada):
    """21 days instead of 28 in Ireland: the example of 28 quiet days holds in its parent."""
    add(draft, ada)
    change(draft, ada, profile="IE", after=21)
    version = publish.freeze(draft=draft, note="", by=ada)
    rows = version.broken_examples.filter(rule_id="DUR-01")
    assert {(row.profile, row.said) for row in rows} == {("IE", "2")}
    assert {row.scope for row in rule_examples.broken_by(version)} == {"IE profile"}
    # What its parent changes is told once, under the parent.
    publish.discard(version=version, by=ada)
    change(draft, ada, after=21)
    both = publish.freeze(draft=draft, note="", by=ada)
    assert {row.profile for row in both.broken_examples.all()} == {"UK"}


def test_a_practice_holds_what_its_profile_gives(quay, harbour):
    assert (quay.time_zone, quay.country, quay.locale) == ("Europe/Dublin", "IE", "en-IE")
    assert profiles.of(quay).emergency == "112"
    assert profiles.of(quay).paper == "a4"
    assert AuditEvent.objects.filter(verb="practice.set_up").last().detail["profile"] == "IE"
    with pytest.raises(IntegrityError, match="practice_profile_known"), transaction.atomic():
        Practice.objects.filter(pk=harbour.pk).update(profile="IE")


def test_a_practice_with_patients_moves_to_a_profile_that_follows_its_own(
    ireland, harbour, clara, maeve
):
    person = treated_for(25, harbour, clara)
    then = Flag.objects.latest("raised_at").raised_at
    assert not grave(person).exists()
    moved = practices.edit(practice=harbour, profile="IE", by=maeve)
    assert moved.time_zone == "Europe/Dublin"
    assert ScreeningRequest.objects.filter(patient=person, reason="profile").count() == 1
    event = AuditEvent.objects.get(verb="practice.changed")
    assert event.detail["patients"] == 1
    screen.drain()
    assert grave(person).exists()
    # A day before is judged by the limits of that day.
    [before] = [
        make_() for _, _, make_ in dossiers.read([person.pk], as_of=make.day(), known_at=then)
    ]
    assert before.profile == "UK"
    past = PastProfile.objects.get()
    assert (past.practice, past.profile, past.by) == (harbour, "UK", maeve)
    back = practices.edit(practice=harbour, profile="UK", by=maeve)
    assert back.profile == "UK"
    assert PastProfile.objects.count() == 2


def test_a_practice_with_patients_goes_to_no_other_base(ireland, harbour, clara, maeve):
    make.patient(harbour, clara)
    for profile in ("US", "EU"):
        with pytest.raises(BadRecord, match="stays of the same base") as refused:
            practices.edit(practice=harbour, profile=profile, by=maeve)
        assert refused.value.field == "profile"


def test_a_practice_whose_own_policy_would_contradict_the_profile_stays(
    ireland, harbour, maeve, ada, adam
):
    """27 days for a note are before 28, and after the 21 of Ireland."""
    draft = begun(ada)
    change(draft, ada, practice=harbour, field="s4_over_days", after=27)
    published(draft, by=ada, second=adam)
    with pytest.raises(BadRecord, match="contradicts the practice’s own policy"):
        practices.edit(practice=harbour, profile="IE", by=maeve)


def test_neither_would_the_policy_of_a_guarded_book_there(
    ireland, harbour, clara, maeve, ada, adam
):
    treated_for(20, harbour, clara)
    draft = begun(ada)
    change(draft, ada, practice=harbour, field="s4_over_days", after=27)
    guarded(make.tried(publish.freeze(draft=draft, note="", by=ada)), [harbour], adam)
    with pytest.raises(BadRecord, match="contradicts the practice’s own policy"):
        practices.edit(practice=harbour, profile="IE", by=maeve)


def test_a_group_is_of_a_profile_of_the_live_book(ireland, quay, harbour, ada, maeve):
    group = practice_groups.make(code="west", name="West", profile="IE", by=ada)
    practice_groups.move(practice=quay, group=group, reason="joined", seen=None, by=maeve)
    with pytest.raises(BadRecord, match="is of the IE profile"):
        practice_groups.move(practice=harbour, group=group, reason="joined", seen=None, by=maeve)
    with pytest.raises(BadRecord, match="must be a profile of the live rule book"):
        practice_groups.make(code="east", name="East", profile="FR", by=ada)


def test_no_row_is_of_a_profile_that_the_live_book_lacks(rulebook, harbour, ada):
    wrong = (
        lambda: Practice.objects.filter(pk=harbour.pk).update(
            profile="IE", time_zone="Europe/Dublin", locale="en-IE"
        ),
        lambda: make.practice("quay", name="Quay", profile="FR"),
    )
    for each in wrong:
        with pytest.raises(DatabaseError), transaction.atomic():
            each()


def test_no_book_goes_live_without_the_profiles_in_use(quay, ada, adam):
    """Going back to a book without it waits until nobody is of it; by SQL as well."""
    first = RuleVersion.objects.get(number=1)
    back = publish.roll_back(to=first, reason="Wrong.", by=ada)
    with pytest.raises(IllegalMove, match="Liffey Quay: of the profile IE"):
        publish.publish(version=back, agreement="Yes.", by=adam)
    # It would be refused for its state too, were the live one still there.
    rows = RuleVersion.objects.filter(pk=back.pk)
    at = {"published_at": back.drafted_at, "published_by": adam, "agreement": "Yes."}
    with pytest.raises(DatabaseError, match="profile that the book does not"), transaction.atomic():
        rows.update(state="retired", **at)
    practices.edit(practice=quay, profile="UK")
    publish.publish(version=back, agreement="Yes.", by=adam)
    assert rulebooks.live()[1].profiles == {}


def test_a_past_profile_stays(ireland, harbour, maeve):
    practices.edit(practice=harbour, profile="IE", by=maeve)
    past = PastProfile.objects.get()
    for wrong in (past.delete, lambda: PastProfile.objects.update(profile="EU")):
        with pytest.raises(DatabaseError), transaction.atomic():
            wrong()


# -- Changing and taking away ----------------------------------------------------------------------


def test_what_is_said_of_it_changes_with_a_source_and_whom_it_follows_does_not(ireland, ada):
    draft = begun(ada)
    made = describe(draft, ada, name="Ireland", emergency="999", out_of_hours="1850 000")
    assert [(each.field, each.before, each.after) for each in made] == [
        ("emergency", "112", "999"),
        ("out_of_hours", None, "1850 000"),
    ]
    # As the book says: the edit goes.
    assert describe(draft, ada, emergency="112") == []
    assert [each.field for each in governing.in_draft(draft)] == ["out_of_hours"]
    with pytest.raises(BadRecord, match="of IE stays UK"):
        change(draft, ada, PROFILE, "parent", "EU", profile="IE")
    with pytest.raises(BadRecord, match="is needed") as refused:
        describe(draft, ada, emergency=" ")
    assert refused.value.field == "emergency"


def test_a_stale_page_of_a_profile_is_refused(ireland, ada, adam):
    draft = begun(ada)
    seen = queries.newest(draft, "IE")
    describe(draft, adam, emergency="999")
    with pytest.raises(Stale, match="999"):
        govern.describe_profile(
            draft=draft,
            code="IE",
            said={"emergency": "911"},
            grounds=make.grounds(),
            seen=seen,
            by=ada,
        )


def test_a_profile_in_use_or_followed_is_not_taken_away(quay, ada, adam):
    draft = begun(ada)
    with pytest.raises(BadRecord, match="Liffey Quay: of this profile"):
        take_away(draft, ada)
    practices.edit(practice=quay, profile="UK")
    add(draft, ada, "NORTH", parent="IE", name="North")
    with pytest.raises(BadRecord, match="NORTH would have no parent"):
        take_away(draft, ada)


def test_taken_away_it_is_gone_with_all_that_it_said(ireland, ada, adam):
    draft = begun(ada)
    gone = take_away(draft, ada)
    assert {each.after for each in gone} == {None}
    assert {each.field for each in gone} == {*IRELAND, "s2_over_days"}
    version = published(draft, by=ada, second=adam)
    assert "profiles" not in version.book
    assert version.digest == RuleVersion.objects.get(number=1).digest
    # Added anew it begins anew.
    again = begun(ada, "Again")
    add(again, ada, parent="EU")
    version = published(again, by=ada, second=adam)
    assert lineage(rulebooks.book(version.pk).profiles, "IE") == ("IE", "EU")
    assert version.book["profiles"]["IE"].get("rules") is None


def test_taken_away_in_the_draft_that_added_it_nothing_is_left(draft, ada):
    add(draft, ada)
    change(draft, ada, profile="IE", after=21)
    assert take_away(draft, ada) == []
    assert governing.in_draft(draft) == []


def test_a_practice_that_moved_meanwhile_stops_the_book_that_takes_it_away(
    ireland, harbour, ada, adam, maeve
):
    draft = begun(ada)
    take_away(draft, ada)
    version = make.tried(publish.freeze(draft=draft, note="", by=ada))
    practices.edit(practice=harbour, profile="IE", by=maeve)
    with pytest.raises(IllegalMove, match="Move them to another profile first"):
        publish.publish(version=version, agreement="Yes.", by=adam)


# -- Books beside one another, and files -----------------------------------------------------------


def test_a_comparison_tells_of_it_fact_by_fact(ireland):
    first = RuleVersion.objects.get(number=1)
    found = {
        (row.fact.rule_id, row.fact.field): (row.before, row.after, row.change is not None)
        for row in rule_books.compared(first, ireland).facts
    }
    assert found[PROFILE, "name"] == ("not said", "Ireland", True)
    assert found[PROFILE, "parent"] == ("not there", "United Kingdom", True)
    assert found["DUR-01", "s2_over_days"] == ("as its parent says", "21 days", True)
    assert len(found) == len(IRELAND) + 1


@pytest.mark.parametrize("write", [rule_files.to_csv, rule_files.to_toml])
def test_a_file_of_a_book_goes_round(ireland, ada, write):
    rows = rule_books.rows_of(ireland)
    read = rule_files.read(write(rows))
    assert not read.faults
    assert [(row.fact, row.value) for row in read.rows] == [(row.fact, row.value) for row in rows]
    draft = begun(ada)
    assert [
        each for each in governing.report(draft, read.rows) if each.changes or each.refused
    ] == []


@pytest.mark.parametrize("write", [rule_files.to_csv, rule_files.to_toml])
def test_a_file_brings_a_profile_and_its_differences_in_any_order(ireland, ada, adam, write):
    rows = [row for row in rule_books.rows_of(ireland) if row.fact.profile == "IE"]
    back = begun(ada)
    take_away(back, ada)
    published(back, by=ada, second=adam)
    draft = begun(ada, "By file")
    found = rule_files.read(write(list(reversed(rows))))
    made = make.taken(draft, found.rows, ada)
    assert len(made) == len(rows)
    version = published(draft, by=ada, second=adam)
    assert version.digest == ireland.digest


def test_an_exported_book_comes_to_the_same_digest_at_another_site(ireland, ada, adam):
    data = rule_books.exported(ireland)
    back = begun(ada)
    take_away(back, ada)
    published(back, by=ada, second=adam)
    found = rule_files.read(json.dumps(data))
    assert not found.faults
    assert rule_books.proven(found.book).digest_holds
    draft = begun(ada, "Imported")
    rows = rule_books.taken_here(found.book, found.rows, make.day())
    make.taken(draft, rows, ada)
    assert published(draft, by=ada, second=adam).digest == ireland.digest


def test_a_file_of_a_difference_without_its_profile_is_refused_by_line(draft, ada):
    text = (
        "rule,scope,field,value,source,locator,next_review,reason\n"
        f"DUR-01,FR,s2_over_days,21,Policy,4.2,{make.day(90)},Because\n"
        f"PROFILE,UK,name,Britain,Policy,4.2,{make.day(90)},Because\n"
        "DUR-01,Fr,s2_over_days,21,Policy,4.2,,\n"
    )
    found = rule_files.read(text)
    assert [fault.reason[:20] for fault in found.faults] == ["scope Fr is no profi"]
    refused = [each.refused for each in governing.report(draft, found.rows)]
    assert refused == [
        "profile: there is no profile FR: a draft adds one first",
        "code: UK is a profile of the software",
    ]


# -- Facts of drugs --------------------------------------------------------------------------------


def test_a_drug_fact_of_its_own_counts_before_that_of_its_parent(ireland, quay, clara, ada, adam):
    diazepam = Ingredient.objects.get(key="diazepam")
    citation = Citation(source="Irish label", locator="4.2", next_review=make.day(90))
    values = {"profile": "FR", "context": "adult", "mg_per_day": 4}
    with pytest.raises(BadRecord, match="profile"):
        edit.add(model=Limit, ingredient=diazepam, values=values, citation=citation, by=ada)
    edit.add(
        model=Limit,
        ingredient=diazepam,
        values=values | {"profile": "IE"},
        citation=citation,
        by=ada,
    )
    version = publish.draft(note="Irish limit", by=adam)
    make.tried(version)
    helen = make.person("helen", quay, "formulary_admin")
    make.agreed(version, helen)
    publish.publish(version=version, agreement="Read.", by=helen)
    drug = rulebooks.live()[1].drugs["diazepam"]
    assert drug.max_mg_per_day["IE"]["adult"] == 4
    assert drug.max_mg_per_day["UK"]["adult"] != 4
    others = drug.max_mg_per_day["UK"].keys() - {"adult"}
    assert others
    assert {each: drug.max_mg_per_day["IE"][each] for each in others} == {
        each: drug.max_mg_per_day["UK"][each] for each in others
    }
    person = make.patient(quay, clara)
    make.prescription(person, clara, days=28, indication="other")
    [dossier] = [make_() for _, _, make_ in dossiers.read([person.pk], as_of=make.day())]
    found = [f for f in judge(dossier, rulebooks.live()[1]).findings if f.rule_id == "DOSE-02"]
    assert found
    assert "IE profile (which follows the UK profile) is 4 mg" in found[0].sentence

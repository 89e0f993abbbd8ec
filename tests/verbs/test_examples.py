"""Worked examples that a site adds, and drafts that break some: each break has a stated reason."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews import rulebooks, worked_examples
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, BrokenExample, Flag, RuleExample, RuleVersion
from reviews.rules.examples import EXAMPLES
from reviews.verbs import examples, govern, practice_groups, publish, screen, what_if
from tests import make
from tests.verbs.test_govern import change


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Short courses for anxiety", by=ada)


def frozen(draft, by, **more):
    change(draft, by, **more)
    return publish.freeze(draft=draft, note="", by=by)


def titles(version):
    """The added examples that a book breaks."""
    rows = version.broken_examples.filter(example__isnull=False)
    return sorted(rows.values_list("title", flat=True))


# -- Adding and withdrawing ------------------------------------------------------------------------


def test_an_example_keeps_who_what_and_who_says_so(rulebook, ada):
    made = make.example(ada)
    assert (made.by, made.expected, made.source) == (
        ada,
        "flag",
        "Harbour prescribing policy 2026",
    )
    detail = AuditEvent.objects.get(verb="rule_example.added").detail
    assert (detail["rule"], detail["scope"], detail["title"]) == ("DUR-01", "UK", made.title)
    assert worked_examples.judged(made, _live_book()).holds


def _live_book():
    return rulebooks.live()[1]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rule_id": "XYZ-99"}, "rule_id"),
        ({"profile": ""}, "profile"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"expected": "perhaps"}, "expected"),
        ({"invented": False}, "invented"),
        ({"record": {"medicines": []}}, "medicines"),
        ({"record": {"medicines": [make.medicine(days=0)]}}, "medicines 1 days"),
        ({"grounds": {"source": ""}}, "source"),
        ({"grounds": {"reason": " "}}, "reason"),
        ({"grounds": {"next_review": make.on_day(367)}}, "next_review"),
    ],
)
def test_what_cannot_be_an_example_is_refused_by_its_field(rulebook, ada, changes, field):
    grounds = make.grounds(**changes.get("grounds", {}))
    with pytest.raises(BadRecord) as refused:
        make.example(ada, **changes | {"grounds": grounds})
    assert refused.value.field == field
    assert not RuleExample.objects.exists()


def test_the_same_title_twice_is_refused_until_the_first_is_withdrawn(rulebook, ada):
    made = make.example(ada)
    with pytest.raises(BadRecord):
        make.example(ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleExample.objects.create(
            **{
                field.attname: getattr(made, field.attname)
                for field in RuleExample._meta.concrete_fields
                if field.attname not in ("id", "at")
            }
        )
    examples.withdraw(example=made, reason="Misread.", by=ada)
    make.example(ada)


def test_an_example_is_withdrawn_once_and_says_why(rulebook, ada, adam):
    made = make.example(ada)
    with pytest.raises(BadRecord):
        examples.withdraw(example=made, reason=" ", by=adam)
    gone = examples.withdraw(example=made, reason="It said the same as another.", by=adam)
    assert (gone.withdrawn_by, gone.withdrawn_reason) == (adam, "It said the same as another.")
    assert not worked_examples.standing("DUR-01").exists()
    with pytest.raises(Stale):
        examples.withdraw(example=made, reason="Again.", by=ada)
    for change_of in ({"title": "Another"}, {"withdrawn_reason": "Another"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            RuleExample.objects.filter(pk=made.pk).update(**change_of)
    with pytest.raises(DatabaseError), transaction.atomic():
        RuleExample.objects.filter(pk=made.pk).delete()


def test_only_a_formulary_admin_adds_withdraws_and_explains(draft, ada, clara, ravi, audrey):
    made = make.example(ada)
    version = frozen(draft, ada)
    row = version.broken_examples.first()
    for who in (clara, ravi, audrey):
        with pytest.raises(NotAllowed):
            make.example(who, title="Mine")
        with pytest.raises(NotAllowed):
            examples.withdraw(example=made, reason="x", by=who)
        with pytest.raises(NotAllowed):
            examples.explain(version=version, broken=[row.pk], reason="x", by=who)


# -- Judging drafts --------------------------------------------------------------------------------


def test_a_frozen_draft_is_judged_by_the_added_and_by_the_softwares_examples(draft, ada):
    make.example(ada, title="35 days")
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    version = frozen(draft, ada)
    assert titles(version) == ["20 days stay a note"]
    row = version.broken_examples.get(example__isnull=False)
    assert (row.expected, row.said, row.said_live) == ("quiet", "2", "")
    own = version.broken_examples.filter(example=None)
    # Also one of another rule, which the edit reaches by what gives way to what.
    assert {(each.rule_id, each.profile) for each in own} == {("DUR-01", "UK"), ("REV-02", "UK")}
    for each in own:
        assert each.title in {example.why for example in EXAMPLES[each.rule_id]}


def test_an_example_of_a_practice_is_judged_by_its_policy(draft, ada, harbour, lakeside):
    for place in (harbour, lakeside):
        make.example(ada, title=place.code, practice=place, days=20, expected="quiet")
    version = frozen(draft, ada, practice=harbour)
    assert titles(version) == ["harbour"]


def test_an_example_of_a_practice_is_judged_by_policy_of_its_group(draft, ada, adam, harbour):
    coast = practice_groups.make(code="coast", name="Coast", profile="UK", by=ada)
    practice_groups.move(practice=harbour, group=coast, reason="Joined.", seen=None, by=ada)
    made = make.example(ada, title="20 days", practice=harbour, days=20, expected="quiet")
    version = frozen(draft, ada, group=coast)
    assert titles(version) == ["20 days"]
    held = harbour.groups.current().get()
    practice_groups.move(practice=harbour, group=None, reason="Left.", seen=held.pk, by=ada)
    assert worked_examples.judged(made, rulebooks.book(version.pk)).holds


def test_an_example_that_is_added_later_counts_at_once(draft, ada):
    version = frozen(draft, ada)
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    assert titles(version) == ["20 days stay a note"]


def test_one_that_the_live_book_breaks_already_is_kept_as_such(draft, ada):
    make.example(ada, title="10 days", days=10)
    version = frozen(draft, ada)
    assert version.broken_examples.get(title="10 days").said_live == "quiet"


def test_withdrawing_an_example_spares_no_draft_its_reason(draft, ada):
    made = make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    version = frozen(draft, ada)
    examples.withdraw(example=made, reason="It was in the way.", by=ada)
    what_if.ask(version=version, by=ada)
    assert titles(version) == ["20 days stay a note"]


def test_asking_again_for_a_what_if_adds_nothing_twice(draft, ada):
    version = make.tried(frozen(draft, ada))
    count = version.broken_examples.count()
    what_if.ask(version=version, by=ada)
    assert version.broken_examples.count() == count


# -- Stating why -----------------------------------------------------------------------------------


@pytest.fixture
def broken(draft, ada, adam):
    """A draft that breaks an added example, and waits for nothing but reasons."""
    make.example(ada, title="20 days stay a note", days=20, expected="quiet")
    version = make.tried(frozen(draft, ada))
    # As if nobody had said why yet: another example comes.
    make.example(ada, title="21 days stay a note", days=21, expected="quiet")
    return version


def test_nothing_is_published_before_each_has_a_reason(broken, ada, adam):
    with pytest.raises(IllegalMove, match="breaks 1 worked example"):
        publish.publish(version=broken, agreement="Read it.", by=adam)
    with pytest.raises(DatabaseError, match="nobody said why"), transaction.atomic():
        RuleVersion.objects.filter(pk=broken.pk).update(
            state="published", published_at=broken.drafted_at, published_by=adam, agreement="x"
        )
    make.explained(broken, ada, reason="14 days is what we mean now.")
    live = publish.publish(version=broken, agreement="Read it.", by=adam)
    row = live.broken_examples.get(title="21 days stay a note")
    assert (row.reason, row.explained_by) == ("14 days is what we mean now.", ada)
    event = AuditEvent.objects.filter(verb="rule_examples.explained").latest("pk")
    assert event.detail["examples"] == ["DUR-01: 21 days stay a note"]
    said = AuditEvent.objects.filter(verb="rules.published").latest("pk").detail["broken"]
    assert "DUR-01: 21 days stay a note: 14 days is what we mean now." in said


def test_a_reason_is_stated_once_and_for_this_draft(broken, ada):
    row = broken.broken_examples.get(explained_at=None)
    for given in ([], [row.pk + 1000], [row.pk, row.pk + 1000]):
        with pytest.raises(BadRecord):
            examples.explain(version=broken, broken=given, reason="x", by=ada)
    with pytest.raises(BadRecord):
        examples.explain(version=broken, broken=[row.pk], reason=" ", by=ada)
    examples.explain(version=broken, broken=[row.pk], reason="It is meant.", by=ada)
    with pytest.raises(Stale):
        examples.explain(version=broken, broken=[row.pk], reason="Another.", by=ada)
    with pytest.raises(DatabaseError), transaction.atomic():
        BrokenExample.objects.filter(pk=row.pk).update(reason="Another")
    with pytest.raises(DatabaseError), transaction.atomic():
        BrokenExample.objects.filter(pk=row.pk).delete()


def test_a_reason_is_carried_over_while_the_answer_stays_the_same(broken, ada, adam):
    make.explained(broken, ada, reason="14 days is what we mean now.")
    live = publish.publish(version=broken, agreement="Read it.", by=adam)
    same = govern.begin(title="Something else", by=ada)
    version = frozen(same, ada, rule_id="DUR-02", field="s2_over_days", after=21)
    row = version.broken_examples.get(title="21 days stay a note")
    assert (row.reason, row.carried_from, row.said_live) == (
        "14 days is what we mean now.",
        live,
        "2",
    )
    fresh = version.broken_examples.filter(explained_at=None)
    assert {each.rule_id for each in fresh} <= {"DUR-02"}


def test_going_back_says_of_each_why_it_goes_back(broken, ada, adam):
    make.explained(broken, ada)
    publish.publish(version=broken, agreement="Read it.", by=adam)
    make.example(ada, title="20 days flag", days=20)
    first = RuleVersion.objects.get(number=1)
    back = publish.roll_back(to=first, reason="Too many cases.", by=ada)
    row = back.broken_examples.get()
    assert (row.title, row.reason, row.explained_by) == ("20 days flag", "Too many cases.", ada)
    assert publish.publish(version=back, agreement="Yes.", by=adam).state == "published"


# -- An example is judged as a patient is ----------------------------------------------------------


@pytest.mark.parametrize("days", [14, 15, 28, 29, 60])
def test_an_example_says_what_a_patient_like_it_is_told(rulebook, ada, clara, harbour, days):
    """The same supply for somebody invented and for somebody screened, whatever day it is."""
    made = make.example(ada, days=days, title="The same")
    treated = make.patient(harbour, clara, age=45)
    make.prescription(treated, clara, start=0, days=days)
    screen.drain()
    flag = Flag.objects.live().filter(patient=treated, rule_id="DUR-01").first()
    said = worked_examples.judged(made, _live_book()).said
    assert said == ("quiet" if flag is None else str(flag.severity))

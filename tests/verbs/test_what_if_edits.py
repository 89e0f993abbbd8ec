"""What each edit of a draft would do alone, and a second person's answer to each."""

import pytest
from django.db import DatabaseError, transaction

from reviews import governing, jobs, what_ifs
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, Became, EditAnswer, Outcome, Reason, RuleVersion
from reviews.verbs import agree, govern, publish, screen, what_if
from tests import make
from tests.verbs.test_govern import change
from tests.verbs.test_what_if import begun, decided, frozen, run

LOWER = ("DUR-01", "s2_over_days", 14)
OFF = ("ELD-01", "shown", "off")
COUNTED = (
    *("opened", "raised", "lowered", "closed", "closed_looked_at", "closed_changed"),
    *("reworded", "people"),
)


@pytest.fixture
def draft(rulebook, ada):
    return begun(ada)


@pytest.fixture
def northgate(rulebook):
    return make.practice("northgate", name="Northgate Medical Centre")


@pytest.fixture
def treated(harbour, northgate, clara, ravi):
    """People of two practices, on one or two medicines; one case was decided."""
    make.person("clara", northgate, "clinician")
    for place in (harbour, northgate):
        for days in (10, 20, 40):
            person = make.patient(place, clara, age=70)
            make.prescription(person, clara, start=1 - days, days=days)
    case = make.case_of_three_matters(harbour, logged_by=clara)
    decided(case, ravi, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
    screen.drain()


def counted(row):
    return {name: getattr(row, name) for name in COUNTED}


def of_the_whole(found):
    """The counts of a what-if of one edit, from its rows of patients."""
    rows = list(found.effects.all())
    closed = [row for row in rows if row.effect == "closed"]
    counts = {
        effect: sum(row.effect == effect for row in rows)
        for effect in ("opened", "raised", "lowered", "closed", "reworded")
    }
    return counts | {
        "closed_looked_at": sum(row.became != Became.NEVER for row in closed),
        "closed_changed": sum(row.became == Became.CHANGED for row in closed),
        "people": len({row.patient_id for row in rows}),
    }


def test_what_an_edit_does_alone_is_what_a_draft_of_it_does(treated, draft, ada, northgate):
    """The law: of three edits each, judged beside the others, as in a draft of its own."""
    edits = [(LOWER, {}), (OFF, {}), (("DUR-01", "s2_over_days", 21), {"practice": northgate})]
    for edit, where in edits:
        change(draft, ada, *edit, **where)
    found = run(publish.freeze(draft=draft, note="", by=ada))
    alone = [counted(row) for row in found.edits.order_by("change_id")]
    assert len(alone) == 3
    assert any(row["raised"] for row in alone)
    assert any(row["closed"] for row in alone)
    for (edit, where), said in zip(edits, alone, strict=True):
        single = begun(ada)
        change(single, ada, *edit, **where)
        version = publish.freeze(draft=single, note="", by=ada)
        assert said == of_the_whole(run(version)), edit


def test_an_edit_beside_published_ones_is_added_to_them(treated, draft, ada, adam):
    version = make.tried(frozen(draft, ada, LOWER))
    publish.publish(version=version, agreement="Read it.", by=adam)
    screen.drain()
    found = run(frozen(begun(ada), ada, OFF, ("DUR-01", "s2_over_days", 28)))
    off, back = (counted(row) for row in found.edits.order_by("change_id"))
    assert off["lowered"] == off["raised"] == 0
    assert back["lowered"] > 0


def test_it_goes_on_where_it_was_and_counts_nobody_twice(treated, draft, ada, monkeypatch):
    version = frozen(draft, ada, LOWER, OFF)
    at_once = [counted(row) for row in run(version).edits.order_by("change_id")]
    monkeypatch.setattr(what_if, "BATCH", 1)
    asked = what_if.ask(version=version, by=ada)
    while jobs.work({what_ifs.KIND: what_if.work}, seconds=0):
        pass
    asked.refresh_from_db()
    assert asked.finished_at is not None
    assert [counted(row) for row in asked.edits.order_by("change_id")] == at_once


def test_of_too_many_edits_none_is_judged_alone(treated, draft, ada, monkeypatch):
    monkeypatch.setattr(what_ifs, "MOST_EDITS", 1)
    found = run(frozen(draft, ada, LOWER, OFF))
    assert not found.edits.exists()
    assert found.effects.exists()


# -- Answers ---------------------------------------------------------------------------------------


@pytest.fixture
def version(treated, draft, ada):
    """A draft of two edits, one of which closes flags; tried, and waiting for answers."""
    made = frozen(draft, ada, LOWER, OFF)
    asked = what_if.ask(version=made, by=ada)
    jobs.work({what_ifs.KIND: what_if.work}, seconds=600)
    asked.refresh_from_db()
    assert asked.finished_at is not None
    return make.explained(made, ada)


def edits(version):
    return governing.edits_of(version)


def test_nothing_is_published_before_each_edit_has_its_answer(version, ada, adam):
    with pytest.raises(IllegalMove, match="2 edits wait"):
        publish.publish(version=version, agreement="Read it.", by=adam)
    lower, off = edits(version)
    agree.agree(version=version, change=lower, words="", by=adam)
    with pytest.raises(IllegalMove, match="1 edit waits"):
        publish.publish(version=version, agreement="Read it.", by=adam)
    with pytest.raises(DatabaseError, match="not agreed to every edit"), transaction.atomic():
        RuleVersion.objects.filter(pk=version.pk).update(
            state="retired", published_at=version.drafted_at, published_by=adam, agreement="x"
        )
    agree.agree(version=version, change=off, words="ELD-01 is said by others.", by=adam)
    live = publish.publish(version=version, agreement="Read it.", by=adam)
    assert [each.words for each in live.answers.order_by("pk")] == ["", "ELD-01 is said by others."]
    said = AuditEvent.objects.filter(verb="rule_edit.agreed").order_by("pk")
    assert [event.detail["rule"] for event in said] == ["DUR-01", "ELD-01"]


def test_whoever_publishes_has_answered_and_not_somebody_else(version, ada, adam, harbour):
    helen = make.person("helen", harbour, "formulary_admin")
    make.agreed(version, helen)
    with pytest.raises(IllegalMove, match="2 edits wait"):
        publish.publish(version=version, agreement="Read it.", by=adam)
    assert publish.publish(version=version, agreement="Read it.", by=helen).state == "published"


def test_an_edit_that_closes_flags_needs_words(version, adam):
    _, off = edits(version)
    with pytest.raises(BadRecord, match="alone it would close") as refused:
        agree.agree(version=version, change=off, words=" ", by=adam)
    assert refused.value.field == "words"


def test_an_edit_that_nobody_tried_needs_words(treated, draft, ada, adam):
    version = frozen(draft, ada, LOWER)
    [lower] = edits(version)
    with pytest.raises(BadRecord, match="not known"):
        agree.agree(version=version, change=lower, by=adam)
    assert agree.agree(version=version, change=lower, words="Read 4.2.", by=adam).pk


def test_pressed_twice_it_is_one_answer(version, adam):
    lower, _ = edits(version)
    first = agree.agree(version=version, change=lower, words="Read it.", by=adam)
    assert agree.agree(version=version, change=lower, words="Read it.", by=adam) == first
    with pytest.raises(Stale):
        agree.agree(version=version, change=lower, words="Or not.", by=adam)
    assert EditAnswer.objects.filter(version=version).count() == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        EditAnswer.objects.filter(pk=first.pk).update(words="Or not.")
    with pytest.raises(DatabaseError), transaction.atomic():
        EditAnswer.objects.filter(pk=first.pk).delete()


def test_nobody_answers_who_edited_or_may_not_publish(version, ada, ravi, audrey):
    lower, _ = edits(version)
    for who in (ada, ravi, audrey):
        for verb in (agree.agree, agree.send_back):
            with pytest.raises(NotAllowed):
                verb(version=version, change=lower, words="x", by=who)
    with pytest.raises(DatabaseError, match="somebody who made none"), transaction.atomic():
        EditAnswer.objects.create(version=version, change=lower, answer="agree", by=ada)


def test_only_edits_of_the_draft_are_answered(version, ada, adam):
    other = change(begun(ada), ada, "DUR-02", "s2_over_days", 21)
    with pytest.raises(IllegalMove):
        agree.agree(version=version, change=other, words="x", by=adam)


def test_sent_back_it_is_open_again_and_says_why(version, draft, ada, adam):
    lower, _ = edits(version)
    with pytest.raises(BadRecord):
        agree.send_back(version=version, change=lower, words=" ", by=adam)
    agree.send_back(version=version, change=lower, words="Try 21 days first.", by=adam)
    version.refresh_from_db()
    assert (version.state, version.published_at) == ("retired", None)
    assert governing.is_open(draft)
    assert AuditEvent.objects.get(verb="rule_edit.sent_back").detail["words"] == (
        "Try 21 days first."
    )
    with pytest.raises(IllegalMove):
        agree.agree(version=version, change=lower, words="x", by=adam)
    govern.withdraw(change=lower, by=ada)
    again = publish.freeze(draft=draft, note="", by=ada)
    assert [each.rule_id for each in edits(again)] == ["ELD-01"]


def test_an_answer_to_one_frozen_draft_counts_for_no_other(version, draft, ada, adam):
    make.agreed(version, adam)
    publish.discard(version=version, by=ada)
    again = make.explained(publish.freeze(draft=draft, note="", by=ada), ada)
    assert governing.agreed_to(again, adam) == set()

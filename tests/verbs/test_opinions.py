"""Unhelpful, because: said once of a flag, counted by rule, answered once."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import AuditEvent, FindingOpinion, Flag, Role
from reviews.queries import opinions as asked
from reviews.verbs import opinions
from tests import make


@pytest.fixture
def flag(harbour, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    return Flag.objects.open().filter(case=case).order_by("severity", "pk").first()


def say(flag, by, because="short", where="work", **more):
    return opinions.say(
        rule_id=flag.rule_id,
        practice=flag.practice,
        because=because,
        where=where,
        flag=flag,
        by=by,
        **more,
    )


def test_it_is_said_once_of_a_flag_and_counted_by_rule(flag, clara, ravi, ada):
    first = say(flag, clara)
    assert say(flag, clara, "wrong") == first
    say(flag, ravi, "known", "case")
    opinions.say(
        rule_id=flag.rule_id, practice=flag.practice, because="short", where="preview", by=clara
    )
    [row] = asked.by_rule(ada)
    assert (row.rule_id, row.times, row.raised) == (flag.rule_id, 3, 1)
    assert row.becauses == [("Short course", 2), ("Known already", 1)]
    [event] = AuditEvent.objects.filter(verb="finding.unhelpful", actor_id=ravi.pk)
    assert event.detail["because"] == "known"


def test_it_is_answered_once_and_whoever_said_it_sees_it(flag, clara, ada, adam):
    said = say(flag, clara, words="Three days before a flight")
    assert list(asked.unanswered(ada)) == [said]
    opinions.answer(opinion=said, text="From 5 days on, in book 2", by=ada)
    assert not asked.unanswered(ada)
    [answered] = asked.answered_to(clara)
    assert (answered.answer, answered.answered_by) == ("From 5 days on, in book 2", ada)
    with pytest.raises(IllegalMove):
        opinions.answer(opinion=said, text="Or not", by=adam)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"because": "so"}, "because"),
        ({"where": "street"}, "where"),
        ({"words": "x" * 501}, "words"),
    ],
)
def test_what_cannot_be_is_refused(flag, clara, changes, field):
    with pytest.raises(BadRecord) as refused:
        say(flag, clara, **changes)
    assert refused.value.field == field
    with pytest.raises(BadRecord):
        opinions.say(
            rule_id="NO-99", practice=flag.practice, because="short", where="case", by=clara
        )
    assert not FindingOpinion.objects.exists()


def test_who_may(flag, clara, ravi, audrey, ada, lakeside):
    elsewhere = make.person("arlo", lakeside, Role.FORMULARY_ADMIN)
    doctor = make.person("doc", lakeside, Role.CLINICIAN)
    for by in (audrey, ada, doctor):
        with pytest.raises(NotAllowed):
            say(flag, by)
    said = say(flag, clara)
    for by in (clara, ravi, audrey, elsewhere):
        with pytest.raises(NotAllowed):
            opinions.answer(opinion=said, text="No", by=by)
    assert not asked.unanswered(elsewhere)
    assert asked.by_rule(elsewhere) == []
    with pytest.raises(BadRecord):
        opinions.answer(opinion=said, text=" ", by=ada)


def test_my_flagged_prescriptions_say_what_i_said(flag, clara, ravi):
    rows = asked.flagged(clara)
    assert flag in [row.flag for row in rows]
    assert all(row.said is None for row in rows)
    said = say(flag, clara)
    assert said in [row.said for row in asked.flagged(clara)]
    assert asked.flagged(ravi) == []


def test_the_database_keeps_what_was_said(flag, clara, ada):
    said = say(flag, clara)
    rows = FindingOpinion.objects.filter(pk=said.pk)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(because="known")
    with pytest.raises(DatabaseError), transaction.atomic():
        said.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(answer="By nobody")
    opinions.answer(opinion=said, text="Yes", by=ada)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(answer="No")

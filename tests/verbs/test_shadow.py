"""Shadows: a draft judges beside the live book, kept apart, at one practice, seen by nobody."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from reviews import requests, rulebooks, shadows
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.models import AuditEvent, Case, Flag, PatientScreening, Shadow, ShadowFlag
from reviews.queries import shadow as queries
from reviews.verbs import prescribe, publish, screen, shadow
from tests import database, make
from tests.verbs.test_what_if import begun, frozen


@pytest.fixture
def version(rulebook, ada):
    return frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 14))


@pytest.fixture
def treated(harbour, clara):
    """Somebody on day 20 for anxiety: a note by the live book, a review by the draft."""
    person = make.patient(harbour, clara)
    person.order = make.prescription(person, clara, start=-19, days=20)
    screen.drain()
    return person


def silent(version, practice, by, days=14):
    begun = shadow.begin(version=version, practice=practice, days=days, by=by)
    screen.drain()
    return begun


def said(running):
    """`[(rule, severity by the live book, by the draft)]`, as it stands now."""
    rows = running.flags.filter(ended_on=None).order_by("rule_id")
    return list(rows.values_list("rule_id", "before", "after"))


def test_it_says_from_its_first_day_on_what_the_draft_would_say(version, treated, harbour, ada):
    assert said(silent(version, harbour, ada)) == [("DUR-01", 4, 2)]


def test_no_reviewer_sees_any_of_it(version, treated, harbour, ada):
    flags = list(Flag.objects.order_by("pk").values())
    silent(version, harbour, ada)
    assert list(Flag.objects.order_by("pk").values()) == flags
    assert not Case.objects.exists()


def test_what_changes_later_is_kept_by_day(version, treated, harbour, ada, clara):
    running = silent(version, harbour, ada)
    prescribe.amend(prescription=treated.order, record=make.record(start=-10, days=5), by=clara)
    screen.drain()
    assert said(running) == []
    ended = running.flags.get()
    assert (ended.begun_on, ended.ended_on) == (make.day(), make.day())
    other = make.patient(harbour, clara)
    make.prescription(other, clara, start=-17, days=18)
    screen.drain()
    assert said(running) == [("DUR-01", 4, 2)]
    assert running.flags.count() == 2


def test_screened_again_without_a_change_it_writes_nothing(version, treated, harbour, ada):
    running = silent(version, harbour, ada)
    before = list(running.flags.values())
    requests.enqueue([treated.pk], reason="test")
    screen.drain()
    assert list(running.flags.values()) == before


def test_another_practice_is_judged_by_the_live_book_alone(
    version, treated, harbour, lakeside, ada, monkeypatch
):
    running = silent(version, lakeside, ada)
    judged = []
    honest = screen.screen
    monkeypatch.setattr(
        screen, "screen", lambda *given: (judged.append(given[1].number), honest(*given))[1]
    )
    requests.enqueue([treated.pk], reason="test")
    screen.drain()
    assert judged == [1]
    assert said(running) == []


def test_a_draft_that_breaks_leaves_nobody_unscreened(version, treated, harbour, ada, monkeypatch):
    honest = screen.screen

    def breaks(dossier, book):
        if book.number == version.number:
            raise ValueError("broken")
        return honest(dossier, book)

    monkeypatch.setattr(screen, "screen", breaks)
    running = silent(version, harbour, ada)
    assert PatientScreening.objects.get(patient=treated).problem == ""
    assert said(running) == []


def test_what_a_draft_that_breaks_said_before_holds_no_longer(
    version, treated, harbour, ada, monkeypatch
):
    running = silent(version, harbour, ada)
    honest = screen.screen

    def breaks(dossier, book):
        if book.number == version.number:
            raise ValueError("broken")
        return honest(dossier, book)

    monkeypatch.setattr(screen, "screen", breaks)
    requests.enqueue([treated.pk], reason="test")
    screen.drain()
    assert running.flags.get().ended_on == make.day()


def test_a_draft_that_cannot_be_read_leaves_nobody_unscreened(
    version, treated, harbour, ada, monkeypatch
):
    running = silent(version, harbour, ada)
    honest = rulebooks.book

    def breaks(version_id):
        if version_id == version.pk:
            raise KeyError("rules")
        return honest(version_id)

    monkeypatch.setattr(rulebooks, "book", breaks)
    requests.enqueue([treated.pk], reason="test")
    assert screen.drain() == 1
    assert PatientScreening.objects.get(patient=treated).problem == ""
    assert said(running) == []


@pytest.mark.parametrize("is_there_too", [False, True])
def test_who_goes_to_another_practice_leaves_the_shadow(
    version, treated, harbour, lakeside, ada, is_there_too
):
    running = silent(version, harbour, ada)
    if is_there_too:
        silent(version, lakeside, ada)
    with database.without_triggers() as cursor:
        cursor.execute(
            "UPDATE reviews_patient SET practice_id = %s WHERE id = %s", [lakeside.pk, treated.pk]
        )
    requests.enqueue([treated.pk], reason="test")
    screen.drain()
    assert said(running) == []


def test_it_ends_by_itself_after_its_last_day(version, treated, harbour, ada):
    silent(version, harbour, ada, days=3)
    assert set(shadows.running(make.day(2))) == {harbour.pk}
    assert shadows.running(make.day(3)) == {}


@pytest.mark.parametrize("how", ["ended", "put away", "published"])
def test_what_is_over_judges_nobody(version, treated, harbour, ada, adam, how):
    running = silent(version, harbour, ada)
    if how == "ended":
        shadow.end(shadow=running, by=adam)
    elif how == "put away":
        publish.discard(version=version, by=ada)
    else:
        publish.publish(version=make.tried(version), agreement="Read it.", by=adam)
    assert shadows.running(make.day()) == {}


def test_one_at_a_practice_and_after_its_end_another(version, harbour, ada, adam):
    running = silent(version, harbour, ada)
    other = frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 21))
    with pytest.raises(Stale, match="Draft 2 runs in shadow"):
        shadow.begin(version=other, practice=harbour, days=5, by=ada)
    publish.discard(version=version, by=ada)
    shadow.begin(version=other, practice=harbour, days=5, by=adam)
    running.refresh_from_db()
    assert running.ended_by == adam


@pytest.mark.parametrize("days", [0, -1, 91])
def test_days_have_bounds(version, harbour, ada, days):
    with pytest.raises(BadRecord, match="from 1 to 90"):
        shadow.begin(version=version, practice=harbour, days=days, by=ada)


def test_only_a_draft_and_only_by_who_drafts(version, rulebook, harbour, ada):
    with pytest.raises(IllegalMove):
        shadow.begin(version=rulebook, practice=harbour, days=5, by=ada)
    for who in ("clara", "ravi", "audrey", "ehr"):
        by = make.person(who, harbour)
        with pytest.raises(NotAllowed):
            shadow.begin(version=version, practice=harbour, days=5, by=by)
    running = silent(version, harbour, ada)
    with pytest.raises(NotAllowed):
        shadow.end(shadow=running, by=make.person("ravi", harbour))
    shadow.end(shadow=running, by=ada)
    with pytest.raises(IllegalMove):
        shadow.end(shadow=running, by=ada)
    assert list(
        AuditEvent.objects.filter(verb__startswith="shadow.").order_by("pk").values_list("verb")
    ) == [("shadow.begun",), ("shadow.ended",)]


def test_by_sql_too_it_is_only_ended(version, treated, harbour, ada):
    running = silent(version, harbour, ada)
    for rows, changes in (
        (Shadow.objects.filter(pk=running.pk), {"last_day": make.day(99)}),
        (ShadowFlag.objects.all(), {"after": 1}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**changes)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Shadow.objects.create(
            version=version,
            practice=harbour,
            begun_by=ada,
            begun_on=make.day(),
            last_day=make.day() + timedelta(days=1),
        )


def test_it_is_told_by_day_and_rule(version, treated, harbour, ada):
    silent(version, harbour, ada)
    (told,) = queries.told(version)
    assert (told.is_running, told.gained, told.lost) == (True, 1, 0)
    assert [(each.day, each.gained, each.height) for each in told.days] == [(make.day(), 1, 0)]
    assert told.by_rule == [("DUR-01", 1, 0)]


def test_days_are_drawn_against_the_most_there_was_after_the_first(version, harbour, ada):
    begun = make.day(-4)
    running = Shadow.objects.create(
        version=version,
        practice=harbour,
        begun_by=ada,
        begun_on=begun,
        last_day=make.day(5),
    )
    treated = make.patient(harbour, make.person("clara", harbour))
    for number, (offset, flags) in enumerate(((-4, 9), (-3, 2), (-1, 4))):
        for each in range(flags):
            ShadowFlag.objects.create(
                shadow=running,
                patient=treated,
                practice=harbour,
                rule_id="DUR-01",
                key=f"{number}-{each}",
                effect="opened",
                after=2,
                begun_on=make.day(offset),
            )
    (told,) = queries.told(version)
    assert [(each.gained, each.height) for each in told.days] == [
        (9, 0),
        (2, queries.HEIGHT / 2),
        (0, 0),
        (4, queries.HEIGHT),
        (0, 0),
    ]
    assert told.width == 10 * queries.STEP

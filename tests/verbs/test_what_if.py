"""What-ifs: what they predict is what publishing then does, and they write nothing clinical."""

import pytest
from django.db import DatabaseError, connection, transaction

from reviews import jobs, publishing, what_ifs
from reviews.conclusions import FlagOutcome
from reviews.errors import IllegalMove, NotAllowed, Stale
from reviews.models import (
    AgeBand,
    Became,
    Case,
    Flag,
    Job,
    Outcome,
    PatientScreening,
    Reason,
    WhatIf,
)
from reviews.rules import matters
from reviews.verbs import decide, govern, publish, screen, what_if
from tests import make
from tests.database import without_triggers
from tests.verbs.test_govern import change

CLINICAL = (
    *("reviews_flag", "reviews_case", "reviews_casemove", "reviews_patientscreening"),
    *("reviews_screeningrequest", "reviews_screeningrun", "reviews_prescription"),
    "reviews_patient",
)


def begun(by):
    return govern.begin(title="Short courses for anxiety", by=by)


@pytest.fixture
def draft(rulebook, ada):
    return begun(ada)


def decided(case, by, outcome, reason, *, until=None):
    """A decision with this outcome on every open flag of a case."""
    case.refresh_from_db()
    flags = Flag.objects.open().filter(case=case)
    given = [FlagOutcome(flag.pk, outcome, reason, until) for flag in flags]
    decision = decide.decide(case=case, outcomes=given, by=by, seen=case.lock)
    case.refresh_from_db()
    return decision


def frozen(draft, ada, *edits):
    for edit in edits:
        change(draft, ada, *edit)
    return publish.freeze(draft=draft, note="", by=ada)


def run(version, by=None):
    make.tried(version, by=by)
    return what_ifs.of(version)


def effects(found):
    """`{(patient, rule, key): (severity before, after)}`, of what is more than other words."""
    rows = found.effects.exclude(effect="reworded")
    return {(row.patient_id, row.rule_id, row.key): (row.before, row.after) for row in rows}


def severities():
    live = Flag.objects.live().values_list("patient_id", "rule_id", "key", "severity")
    return {(patient, rule, key): severity for patient, rule, key, severity in live}


def open_cases():
    return dict(Case.objects.open().values_list("patient_id", "severity"))


def cards(patient_id):
    """How many cards a reviewer reads on a patient's case."""
    flags = Flag.objects.open().filter(patient=patient_id, severity__lte=3)
    return len(matters.matters(flags, matters.Told(make.day())))


def done(before, after):
    """What became of flags, as a what-if tells it."""
    return {
        flag: (before.get(flag), after.get(flag))
        for flag in before.keys() | after.keys()
        if before.get(flag) != after.get(flag)
    }


def written():
    """Every row of the clinical tables, as PostgreSQL keeps them."""
    with connection.cursor() as cursor:
        rows = []
        for table in CLINICAL:
            cursor.execute(f"SELECT '{table}', xmin::text, t::text FROM {table} t ORDER BY 2, 3")
            rows += cursor.fetchall()
        return rows


def predicted_is_done(version, adam):
    """Try and publish a draft; what was predicted, after it was found to be what happened."""
    before, cases = severities(), open_cases()
    found = run(version)
    publish.publish(version=version, agreement="Read it.", by=adam)
    screen.drain()
    assert effects(found) == done(before, severities())
    for row in found.cases.all():
        assert row.cards_after == cards(row.patient_id)
    predicted = {row.patient_id: (row.before, row.after) for row in found.cases.all()}
    predicted = {pk: change for pk, change in predicted.items() if change[0] != change[1]}
    assert predicted == done(cases, open_cases())
    return found


def test_what_it_predicts_is_what_publishing_does(harbour, clara, ada, adam, draft):
    for days in (10, 15, 20, 28, 40):
        treated = make.patient(harbour, clara, age=70)
        make.prescription(treated, clara, start=1 - days, days=days)
    make.case_of_three_matters(harbour, logged_by=clara)
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14), ("ELD-01", "shown", "off"))
    found = predicted_is_done(version, adam)
    assert {row.effect for row in found.effects.all()} >= {"raised", "closed"}
    assert (found.judged, found.failed) == (6, 0)


def test_it_writes_nothing_clinical(harbour, clara, ada, draft):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    before = written()
    found = run(version)
    assert found.effects.exists()
    assert written() == before


# -- What became of the same patient and matter ----------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "reason", "became"),
    [
        (Outcome.TAPER, Reason.AGREED_WITH_PATIENT, Became.CHANGED),
        (Outcome.CHANGE, Reason.SAFER_ALTERNATIVE, Became.CHANGED),
        (Outcome.REFER, Reason.SERVICE_NEEDED, Became.CHANGED),
        (Outcome.CONTINUE, Reason.BENEFIT_OUTWEIGHS, Became.LEFT),
        (Outcome.REVIEW, Reason.LOOKED_AT, Became.LEFT),
        (Outcome.DATA_WRONG, Reason.QUANTITY_WRONG, Became.DATA),
        (Outcome.NOT_RELEVANT, Reason.NOT_APPLICABLE, Became.NOT_RELEVANT),
        (None, None, Became.NEVER),
    ],
)
def test_each_flag_is_split_by_what_was_decided(
    harbour, clara, ravi, ada, draft, outcome, reason, became
):
    case = make.flagged_case(harbour, logged_by=clara)
    if outcome:
        decided(case, ravi, outcome, reason)
    found = run(frozen(draft, ada, ("DUR-01", "shown", "off")))
    closed = found.effects.get(effect="closed")
    assert (closed.rule_id, closed.became) == ("DUR-01", became)
    counted = found.counts.exclude(effect="reworded").get()
    assert (counted.flags, counted.became, counted.age_band) == (1, became, AgeBand.ADULT)


def test_a_decision_taken_back_does_not_count(harbour, clara, ravi, ada, draft):
    case = make.flagged_case(harbour, logged_by=clara)
    decided(case, ravi, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
    decide.undo(case=case, reason="The wrong patient", by=ravi, seen=case.lock)
    found = run(frozen(draft, ada, ("DUR-01", "shown", "off")))
    assert found.effects.get(effect="closed").became == Became.NEVER


def test_a_decision_on_another_matter_does_not_count(harbour, clara, ravi, samira, ada, draft):
    case = make.urgent_case(harbour, logged_by=clara)
    decided(case, ravi, Outcome.TAPER, Reason.AGREED_WITH_PATIENT)
    treated = case.patient
    make.prescription(treated, clara, start=9, days=40)
    screen.drain()
    found = run(frozen(draft, ada, ("DUR-01", "s2_over_days", 14)))
    rows = found.effects.filter(rule_id="DUR-01").exclude(effect="reworded")
    assert {row.became for row in rows} <= {Became.NEVER}


# -- Asking, and being refused ---------------------------------------------------------------------


def test_publishing_needs_one_that_finished(draft, ada, adam):
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    assert isinstance(publishing.hindrance(version, adam), IllegalMove)
    asked = what_if.ask(version=version, by=ada)
    with pytest.raises(IllegalMove, match="Run a what-if first"):
        publish.publish(version=version, agreement="Read it.", by=adam)
    assert what_if.ask(version=version, by=adam) == asked, "one at a time"
    run(version)
    assert publishing.hindrance(version, adam) is None


def test_one_against_a_book_that_is_live_no_longer_is_not_enough(draft, ada, adam):
    first = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    other = frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 21))
    run(first)
    run(other)
    publish.publish(version=first, agreement="Read it.", by=adam)
    with pytest.raises(IllegalMove):
        what_if.ask(version=first, by=ada)
    # It was frozen before, without what is live now: published, it would undo that.
    assert isinstance(publishing.hindrance(other, adam), Stale)
    with pytest.raises(Stale):
        what_if.ask(version=other, by=ada)


def test_an_earlier_draft_is_tried_no_more(draft, ada, adam):
    early = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    late = frozen(begun(ada), ada, ("DUR-01", "s2_over_days", 21))
    publish.publish(version=make.tried(late), agreement="Read it.", by=adam)
    with pytest.raises(Stale):
        what_if.ask(version=early, by=ada)


def test_only_who_drafts_asks(draft, harbour, ada):
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    for who in ("clara", "ravi", "audrey", "ehr"):
        with pytest.raises(NotAllowed):
            what_if.ask(version=version, by=make.person(who, harbour))


def test_going_back_does_not_wait_for_one(draft, ada, adam, rulebook):
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    publish.publish(version=make.tried(version), agreement="Read it.", by=adam)
    back = publish.roll_back(to=rulebook, reason="Too many", by=ada)
    assert publishing.hindrance(back, adam) is None


def test_nothing_of_a_finished_one_is_changed(draft, ada, harbour, clara):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    found = run(frozen(draft, ada, ("DUR-01", "s2_over_days", 14)))
    for rows, changes in (
        (WhatIf.objects.filter(pk=found.pk), {"judged": 9}),
        (found.effects, {"became": "changed"}),
        (found.cases, {"cards_after": 9}),
        (found.counts, {"flags": 9}),
        (found.practices, {"cases": 9}),
    ):
        assert rows.exists()
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**changes)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.all().delete()


# -- Killed in the middle --------------------------------------------------------------------------


class Killed(BaseException):
    """As if the worker were gone: nothing catches it."""


def test_killed_in_the_middle_it_goes_on_where_it_was(
    harbour, clara, ada, adam, draft, monkeypatch
):
    for days in (15, 18, 20, 22, 25, 27):
        treated = make.patient(harbour, clara)
        make.prescription(treated, clara, start=1 - days, days=days)
    screen.drain()
    monkeypatch.setattr(what_if, "BATCH", 1)
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    asked = what_if.ask(version=version, by=ada)
    honest, calls = what_if._keep, []

    def keep(*given):
        calls.append(given)
        honest(*given)
        if len(calls) == 4:
            raise Killed

    monkeypatch.setattr(what_if, "_keep", keep)
    for _ in range(2):
        jobs.work({what_ifs.KIND: what_if.work}, seconds=0)
    with pytest.raises(Killed):
        jobs.work({what_ifs.KIND: what_if.work}, seconds=60)
    job = Job.objects.get(pk=asked.job_id)
    assert (job.done, job.state) == (2, "running")
    assert asked.effects.filter(effect="raised").count() == 2
    monkeypatch.setattr(what_if, "_keep", honest)
    found = predicted_is_done(version, adam)
    assert found.pk == asked.pk
    assert (found.judged, found.effects.filter(effect="raised").count()) == (6, 6)


def test_cancelled_it_counts_for_nothing(harbour, clara, ada, adam, draft):
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    asked = what_if.ask(version=version, by=ada)
    jobs.cancel(asked.job, by=ada)
    assert what_ifs.of(version) is None
    assert isinstance(publishing.hindrance(version, adam), IllegalMove)
    assert run(version).pk != asked.pk


def test_a_record_that_breaks_is_counted_and_sinks_no_other(
    harbour, clara, ada, adam, draft, monkeypatch
):
    for _ in range(2):
        treated = make.patient(harbour, clara)
        make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    honest = what_if.screen

    def breaks(dossier, book):
        if dossier.patient_id == treated.pk:
            raise ValueError("broken")
        return honest(dossier, book)

    monkeypatch.setattr(what_if, "screen", breaks)
    version = frozen(draft, ada, ("DUR-01", "s2_over_days", 14))
    found = run(version)
    assert (found.judged, found.failed) == (1, 1)
    assert found.effects.filter(effect="raised").count() == 1
    # Nobody publishes what cannot judge somebody whom the live book can.
    assert isinstance(publishing.hindrance(version, adam), IllegalMove)
    # That somebody whom the draft does not reach is not checked either hides nobody of these.
    far = make.practice("far", name="Far Practice", profile="US")
    elsewhere = make.patient(far, make.person("clara-far", far, "clinician"))
    PatientScreening.objects.create(patient=elsewhere, problem="ValueError: broken")
    assert isinstance(publishing.hindrance(version, adam), IllegalMove)
    PatientScreening.objects.filter(patient=treated).update(problem="ValueError: broken")
    assert publishing.hindrance(version, adam) is None


# -- The queue, and the time it takes --------------------------------------------------------------


def test_cases_cards_and_people_are_counted_by_practice(harbour, lakeside, clara, ada, draft):
    case = make.flagged_case(harbour, logged_by=clara)
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-19, days=20)
    make.patient(harbour, clara, family_name="Nobody")
    screen.drain()
    found = run(frozen(draft, ada, ("DUR-01", "s2_over_days", 14)))
    here = found.practices.get(practice=harbour)
    assert (here.people, here.in_use) == (3, 2)
    assert (here.cases, here.cases_opened, here.cases_closed) == (1, 1, 0)
    assert (here.cards, here.more_cards) == (cards(case.patient_id), 1)


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *((0, "0"), (17, "0"), (18, "18"), (64, "18"), (65, "65"), (74, "65"), (75, "75")),
        *((84, "75"), (85, "85"), (104, "85"), (None, "")),
    ],
)
def test_age_bands(age, band):
    assert what_ifs.age_band(age) == band


def test_rows_that_name_patients_go_after_a_time_and_the_counts_stay(harbour, clara, ada, draft):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-19, days=20)
    screen.drain()
    found = run(frozen(draft, ada, ("DUR-01", "s2_over_days", 14)))
    counted = sum(each.flags for each in found.counts.all())
    named = found.effects.count() + found.cases.count()
    assert what_if.prune() == 0
    for rows in (found.effects, found.cases):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.all().delete()
    with without_triggers() as cursor:
        cursor.execute("UPDATE reviews_whatif SET asked_at = now() - interval '179 days'")
    assert what_if.prune() == 0
    with without_triggers() as cursor:
        cursor.execute("UPDATE reviews_whatif SET asked_at = now() - interval '181 days'")
    assert what_if.prune() == named
    assert not found.effects.exists()
    assert sum(each.flags for each in found.counts.all()) == counted > 0

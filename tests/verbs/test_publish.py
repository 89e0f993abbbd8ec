"""Rule books: drafted by one, published by another, and only the affected are screened again."""

import threading
import time
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from drugs.models import IngredientClass, Limit, Name
from reviews import rulebooks, walls
from reviews.errors import IllegalMove, NotAllowed, Stale
from reviews.models import (
    AuditEvent,
    Flag,
    PatientScreening,
    RuleVersion,
    ScreeningRequest,
)
from reviews.queries import rule_books
from reviews.rules import registry
from reviews.verbs import edit, prescribe, publish, screen
from tests import make


def citation():
    return edit.Citation(source="SmPC", locator="section 4.2", next_review=make.day(90))


def revise(row, by, **values):
    return edit.revise(row=row, values=values, citation=citation(), seen=row.changed_at, by=by)


def lower_diazepam(by, mg="25"):
    row = Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")
    return revise(row, by, mg_per_day=Decimal(mg))


def lower_anxiety_limit(monkeypatch, *, s2_over_days=21):
    """A new edition of the code proposes another threshold."""
    limits = {"s4_over_days": 14, "s2_over_days": s2_over_days}
    rule = {**registry.PARAMETERS["DUR-01"], "UK": limits}
    monkeypatch.setitem(registry.PARAMETERS, "DUR-01", rule)


def queued():
    """The patients who wait for a bulk rescreen."""
    bulk = ScreeningRequest.Priority.BULK
    requests = ScreeningRequest.objects.filter(priority=bulk, reason="published")
    return sorted(requests.values_list("patient_id", flat=True))


@pytest.fixture
def treated(harbour, clara):
    """Three patients: on diazepam, on amlodipine alone, and without any medicine."""
    names = ("Diaz", "Amlo", "None")
    people = {name: make.patient(harbour, clara, family_name=name) for name in names}
    make.prescription(people["Diaz"], clara, start=-24, days=25)
    make.prescription(people["Amlo"], clara, "Amlodipine 5 mg tablets")
    screen.drain()
    return {name: person.pk for name, person in people.items()}


# -- Drafting --------------------------------------------------------------------------------------


def test_a_draft_freezes_the_formulary_as_it_is(rulebook, ada):
    lower_diazepam(ada)
    draft = publish.draft(note="Lower maximum", by=ada)
    lower_diazepam(ada, mg="20")
    draft.refresh_from_db()
    assert (draft.number, draft.state, draft.note) == (2, "draft", "Lower maximum")
    assert draft.book["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"] == 25
    assert AuditEvent.objects.get(verb="rules.drafted").detail == {"number": 2}


def test_a_draft_cannot_be_changed_even_by_hand(rulebook, ada):
    lower_diazepam(ada)
    draft = publish.draft(note="", by=ada)
    for changes in ({"book": {}}, {"digest": "x"}, {"number": 9}, {"drafted_by": None}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            RuleVersion.objects.filter(pk=draft.pk).update(**changes)


def test_nothing_changed_nothing_to_draft(rulebook, ada):
    with pytest.raises(IllegalMove, match="Nothing has changed since rule book 1"):
        publish.draft(note="", by=ada)
    assert RuleVersion.objects.count() == 1


def test_only_a_formulary_admin_drafts_publishes_and_discards(rulebook, harbour, ada):
    lower_diazepam(ada)
    draft = publish.draft(note="", by=ada)
    for who in ("clara", "ravi", "audrey", "ehr"):
        by = make.person(who, harbour)
        with pytest.raises(NotAllowed):
            publish.draft(note="", by=by)
        with pytest.raises(NotAllowed):
            publish.publish(version=draft, agreement="Read it.", by=by)
        with pytest.raises(NotAllowed):
            publish.discard(version=draft, by=by)
    assert RuleVersion.objects.get(pk=draft.pk).state == "draft"


# -- Publishing ------------------------------------------------------------------------------------


def test_a_second_person_makes_it_the_live_book(rulebook, ada, adam):
    lower_diazepam(ada)
    draft = publish.draft(note="", by=ada)
    assert rulebooks.live()[1].number == 1
    published = publish.publish(version=make.tried(draft), agreement="Read it.", by=adam)
    pk, book = rulebooks.live()
    assert (pk, book.number) == (published.pk, 2)
    assert book.drugs["diazepam"].max_mg_per_day["UK"]["adult"] == 25
    rulebook.refresh_from_db()
    assert rulebook.state == "retired"
    assert rulebook.retired_at is not None
    event = AuditEvent.objects.filter(verb="rules.published").latest("pk")
    assert (event.actor, event.detail["number"]) == ("Adam Byrne", 2)


def test_the_drafter_cannot_publish(rulebook, ada):
    lower_diazepam(ada)
    draft = publish.draft(note="", by=ada)
    with pytest.raises(NotAllowed, match="A second person"):
        publish.publish(version=draft, agreement="Read it.", by=ada)
    assert rulebooks.live()[1].number == 1


def test_the_database_too_wants_a_second_person(rulebook, ada):
    lower_diazepam(ada)
    draft = publish.draft(note="", by=ada)
    with (
        pytest.raises(IntegrityError, match="published_by_a_second_person"),
        transaction.atomic(),
    ):
        RuleVersion.objects.filter(pk=draft.pk).update(
            published_by=ada, published_at=draft.drafted_at, agreement="Read it."
        )


def test_a_draft_made_before_a_later_book_is_stale(rulebook, ada, adam):
    lower_diazepam(ada)
    early = publish.draft(note="", by=ada)
    lower_diazepam(ada, mg="20")
    late = publish.draft(note="", by=ada)
    publish.publish(version=make.tried(late), agreement="Read it.", by=adam)
    with pytest.raises(Stale, match="Draft again"):
        publish.publish(version=early, agreement="Read it.", by=adam)
    assert rulebooks.live()[1].number == 3


def test_what_is_no_draft_is_neither_published_nor_discarded(rulebook, ada, adam):
    lower_diazepam(ada)
    draft = make.tried(publish.draft(note="", by=ada))
    publish.publish(version=draft, agreement="Read it.", by=adam)
    for version in (draft, rulebook):
        with pytest.raises(IllegalMove):
            publish.publish(version=version, agreement="Read it.", by=adam)
        with pytest.raises(IllegalMove):
            publish.discard(version=version, by=adam)


def test_a_discarded_draft_keeps_its_number(rulebook, ada, adam):
    lower_diazepam(ada)
    publish.discard(version=publish.draft(note="", by=ada), by=adam)
    again = publish.draft(note="", by=ada)
    assert again.number == 3
    assert AuditEvent.objects.get(verb="rules.discarded").detail == {"number": 2}


def test_without_the_audit_event_nothing_is_published(rulebook, ada, adam, treated, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("the audit is full")

    lower_diazepam(ada)
    draft = make.tried(publish.draft(note="", by=ada))
    monkeypatch.setattr(publish.audit, "record", broken)
    with pytest.raises(OSError, match="full"):
        publish.publish(version=draft, agreement="Read it.", by=adam)
    assert rulebooks.live()[1].number == 1
    assert queued() == []


# -- Who is screened again -------------------------------------------------------------------------


def test_a_drug_fact_reaches_those_who_have_the_drug(treated, ada, adam):
    lower_diazepam(ada)
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    assert queued() == [treated["Diaz"]]
    event = AuditEvent.objects.filter(verb="rules.published").latest("pk")
    assert event.detail["patients"] == 1


def test_a_new_name_reaches_those_who_are_recognised_by_it_now(harbour, clara, ada, adam, treated):
    strange = make.patient(harbour, clara, family_name="Strange")
    make.prescription(strange, clara, "Zorbelix 5 mg tablets")
    screen.drain()
    assert Flag.objects.live().filter(patient=strange, rule_id="DQ-03").exists()
    valium = Name.objects.get(text__iexact="valium")
    name = Name.add(
        text="Zorbelix",
        kind="brand",
        **{field: getattr(valium, field) for field in Name.CITATION},
    )
    name.parts.create(ingredient=valium.ingredients.get())
    publish.publish(
        version=make.tried(publish.draft(note="A new brand", by=ada)), agreement="Read it.", by=adam
    )
    assert queued() == [strange.pk]
    screen.drain()
    assert not Flag.objects.live().filter(patient=strange, rule_id="DQ-03").exists()


def test_a_class_reaches_those_who_have_a_member(harbour, clara, ada, adam, treated):
    member = IngredientClass.objects.get(
        ingredient__key="gabapentin", drug_class__key="gabapentinoid"
    )
    neuropathic = make.patient(harbour, clara, family_name="Gaba")
    make.prescription(neuropathic, clara, "Gabapentin 300 mg capsules", dose_unit="capsule")
    screen.drain()
    revise(member, ada, severity=1)
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    assert queued() == [neuropathic.pk]


def test_a_threshold_reaches_everybody_with_a_prescription(treated, ada, adam, monkeypatch):
    patient = treated["Diaz"]
    anxiety = Flag.objects.open().filter(patient=patient, rule_id="DUR-01")
    assert not anxiety.filter(severity__lte=3).exists()
    lower_anxiety_limit(monkeypatch)
    assert publish.pending_changes()["rules"] == ["DUR-01"]
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    assert queued() == sorted([treated["Diaz"], treated["Amlo"]])
    screen.drain()
    flag = Flag.objects.open().get(patient=patient, rule_id="DUR-01")
    assert (flag.severity, flag.version.number) == (2, 2)
    assert PatientScreening.objects.get(patient=patient).version.number == 2


def test_a_withdrawn_prescription_is_still_screened_but_a_superseded_one_is_not_asked_for(
    harbour, clara, ada, adam
):
    moved = make.patient(harbour, clara, family_name="Moved")
    first = make.prescription(moved, clara)
    prescribe.amend(prescription=first, record=make.record("Amlodipine 5 mg tablets"), by=clara)
    screen.drain()
    lower_diazepam(ada)
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    assert queued() == []


def test_flags_keep_the_book_that_raised_them(harbour, clara, ada, adam):
    case = make.flagged_case(harbour, logged_by=clara)
    before = {flag.pk: flag.version.number for flag in case.flags.all()}
    lower_diazepam(ada)
    publish.publish(
        version=make.tried(publish.draft(note="", by=ada)), agreement="Read it.", by=adam
    )
    screen.drain()
    assert {flag.pk: flag.version.number for flag in Flag.objects.filter(pk__in=before)} == before
    assert set(before.values()) == {1}


def test_the_first_book_is_published_once_and_by_nobody(rulebook):
    assert publish.bootstrap() is None
    assert rulebook.published_by is None
    assert RuleVersion.objects.count() == 1


def test_a_rule_without_thresholds_that_a_book_begins_or_ceases_to_run_is_asked_for(
    harbour, clara, ada, adam, monkeypatch
):
    treated = make.flagged_case(harbour, logged_by=clara).patient
    with monkeypatch.context() as older:
        older.delitem(registry.PARAMETERS, "ILL-01")
        before = published(ada, adam)
    assert queued() == [treated.pk]
    screen.drain()
    after = published(ada, adam)
    assert queued() == [treated.pk]
    rows = rule_books.compared(before, after).facts
    told = [(row.fact[:2], row.label, row.before, row.after) for row in rows]
    assert told == [(("ILL-01", profile), "Run", "no", "yes") for profile in ("EU", "UK", "US")]


def published(by, second):
    version = make.tried(publish.draft(note="", by=by))
    return publish.publish(version=version, agreement="Read it.", by=second)


@pytest.mark.django_db(transaction=True)
def test_whoever_is_just_saving_a_change_of_the_formulary_is_an_editor_of_the_book(
    rulebook, harbour, ada, adam
):
    """Else the book lacks their change, and the next one takes it for older than it is."""
    lorazepam = Limit.objects.get(ingredient__key="lorazepam", profile="UK", context="adult")
    revise(lorazepam, ada, mg_per_day=Decimal(3))
    written = threading.Event()

    def save():
        try:
            with walls.seeing(walls.EVERYTHING), transaction.atomic():
                lower_diazepam(adam)
                written.set()
                # Longer than drafting takes where it does not wait.
                time.sleep(3)
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    saving.start()
    assert written.wait(timeout=30)
    version = publish.draft(note="", by=ada)
    saving.join()
    assert version.editor_ids == sorted([ada.pk, adam.pk])
    assert version.book["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"] == 25

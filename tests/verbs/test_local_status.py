"""What a practice can get: said with a source, told at prescribing, and never more than a note."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from drugs.models import Ingredient
from reviews import requests
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.models import AuditEvent, Flag, LocalStatus, Prescription
from reviews.queries import local_status as queries
from reviews.queries.picker import picker
from reviews.verbs import edit, local_status, practice_groups, screen
from tests import make
from tests.web.browse import Browser, heading, words


@pytest.fixture
def diazepam(rulebook):
    return Ingredient.objects.get(key="diazepam")


@pytest.fixture
def coast(rulebook, ada):
    return practice_groups.make(code="coast", name="Coast practices", profile="UK", by=ada)


def citation(**changes):
    given = {"source": "Harbour formulary", "locator": "p. 3", "next_review": make.day(90)}
    return edit.Citation(**given | changes)


def say(ingredient, place, by, status="restricted", restricted_to="", **changes):
    held = queries.own(ingredient, place)
    given = {
        "status": status,
        "restricted_to": restricted_to or ("agreed tapers" if status == "restricted" else ""),
        "citation": citation(),
        "seen": held.pk if held else None,
    }
    return local_status.say(ingredient=ingredient, place=place, by=by, **given | changes)


def test_it_is_said_with_who_says_so_and_changed_by_a_new_row(diazepam, harbour, ada):
    first = say(diazepam, harbour, ada)
    assert first.in_words == "restricted to agreed tapers"
    assert (first.reviewed, first.next_review) == (make.day(), make.day(90))
    second = say(diazepam, harbour, ada, "not-stocked")
    first.refresh_from_db()
    assert (first.ended_by, first.ended_at is not None) == (ada, True)
    assert queries.own(diazepam, harbour) == second
    events = AuditEvent.objects.filter(verb="local_status.said").order_by("pk")
    assert [each.practice_id for each in events] == [harbour.pk, harbour.pk]
    assert events[1].detail == {
        "medicine": "diazepam",
        "scope": "harbour",
        "before": "restricted to agreed tapers",
        "after": "not stocked",
        "source": "Harbour formulary",
    }
    for wrong in (
        lambda: LocalStatus.objects.filter(pk=second.pk).update(status="available"),
        lambda: LocalStatus.objects.filter(pk=first.pk).update(ended_at=None, ended_by=None),
        second.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            wrong()
    second.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(force_insert=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "moon"}, "status"),
        ({"restricted_to": " "}, "restricted_to"),
        ({"restricted_to": "x" * 301}, "restricted_to"),
        ({"status": "available", "restricted_to": "somebody"}, "restricted_to"),
        ({"citation": {"source": " "}}, "source"),
        ({"citation": {"locator": ""}}, "locator"),
        ({"citation": {"next_review": None}}, "next_review"),
        ({"citation": {"next_review": make.on_day(367)}}, "next_review"),
    ],
)
def test_what_cannot_be_said_is_named_by_field(changes, field, diazepam, harbour, ada):
    given = {"restricted_to": "agreed tapers", **changes}
    with pytest.raises(BadRecord) as refused:
        say(diazepam, harbour, ada, **given | {"citation": citation(**given.get("citation", {}))})
    assert refused.value.field == field
    assert not LocalStatus.objects.exists()


def test_of_two_at_once_one_is_told_and_who_may_not_says_nothing(
    diazepam, harbour, lakeside, coast, ada, adam, clara, maeve
):
    say(diazepam, harbour, ada)
    with pytest.raises(Stale):
        say(diazepam, harbour, adam, "available", seen=None)
    for place, by in ((lakeside, ada), (harbour, clara), (harbour, maeve), (coast, clara)):
        with pytest.raises(NotAllowed):
            say(diazepam, place, by)


def test_it_is_taken_back_with_a_reason(diazepam, harbour, ada):
    made = say(diazepam, harbour, ada)
    given = {"ingredient": diazepam, "place": harbour, "by": ada, "seen": made.pk}
    with pytest.raises(BadRecord, match="reason"):
        local_status.take_back(**given, reason=" ")
    local_status.take_back(**given, reason="a mistake")
    assert queries.own(diazepam, harbour) is None
    with pytest.raises(Stale):
        local_status.take_back(**given, reason="a mistake")
    assert AuditEvent.objects.get(verb="local_status.taken_back").detail["reason"] == "a mistake"


def test_a_practice_counts_before_its_group(diazepam, harbour, coast, ada):
    say(diazepam, coast, ada, "not-stocked")
    assert queries.at(harbour) == {}
    practice_groups.move(practice=harbour, group=coast, reason="joined", seen=None, by=ada)
    assert queries.at(harbour)["diazepam"].in_words == "not stocked"
    say(diazepam, harbour, ada, "available")
    assert queries.at(harbour)["diazepam"].in_words == "available"
    places = {each.place: each for each in queries.of(diazepam, ada)}
    assert places[harbour].row.status == "available"
    assert places[coast].row.status == "not-stocked"


def test_a_combination_is_told_of_by_what_is_hardest_to_get(rulebook, harbour, ada):
    codeine, paracetamol = (Ingredient.objects.get(key=k) for k in ("codeine", "paracetamol"))
    say(codeine, harbour, ada, "not-stocked")
    say(paracetamol, harbour, ada, "available")
    held = queries.at(harbour)
    assert queries.told(held, ("paracetamol", "codeine")) == "not stocked"
    assert queries.told(held, ("paracetamol",)) == "available"
    assert queries.told(held, ("diazepam",)) == ""


# -- What prescribers see --------------------------------------------------------------------------


@pytest.mark.parametrize("status", LocalStatus.Status.values)
def test_a_prescriber_is_told_and_nothing_is_hidden_or_refused(
    status, diazepam, harbour, ada, clara
):
    before = picker(harbour, "diazepam 5", "")
    made = say(diazepam, harbour, ada, status)
    after = picker(harbour, "diazepam 5", "")
    assert [each.value for each in after.choices] == [each.value for each in before.choices]
    assert {each.here for each in before.choices} == {""}
    assert made.in_words in {each.here for each in after.choices}
    assert picker(harbour, "valium", "").here_as_written == made.in_words
    chosen = next(each.value for each in after.choices if each.here)
    (kept, *_) = picker(harbour, "", chosen).choices
    assert (kept.chosen, kept.here) == (True, made.in_words)
    patient = make.patient(harbour, clara)
    text = Browser(clara).read(f"/patients/{patient.pk}/prescriptions/medicines?q=diazepam")
    assert f"at your practice: {made.in_words}" in text
    make.prescription(patient, clara)
    assert Prescription.objects.live().filter(patient=patient).count() == 1


def test_no_finding_changes(diazepam, harbour, ada, clara):
    case = make.flagged_case(harbour, logged_by=clara)
    flags = list(Flag.objects.order_by("pk").values_list("rule_id", "digest", "ended_at"))
    assert flags
    say(diazepam, harbour, ada, "not-stocked")
    requests.enqueue([case.patient_id], reason="again")
    screen.drain()
    assert list(Flag.objects.order_by("pk").values_list("rule_id", "digest", "ended_at")) == flags


def test_the_page_of_a_medicine_says_it_and_who_may_changes_it(diazepam, harbour, ada, clara):
    browser = Browser(ada)
    assert "Harbour Street Surgery not said" in browser.read("/formulary/diazepam")
    address = "/formulary/diazepam/at/harbour"
    assert heading(browser.get(address)) == "Diazepam at Harbour Street Surgery"
    given = {
        "status": "restricted",
        "restricted_to": "agreed tapers",
        "source": "Harbour formulary",
        "locator": "p. 3",
        "next_review": str(make.day(90)),
        "seen": "",
    }
    page = browser.follow(address, **given)
    assert "Diazepam, Harbour Street Surgery: restricted to agreed tapers." in words(page)
    assert "Change at Harbour" not in Browser(clara).read("/formulary/diazepam")
    assert "restricted to agreed tapers" in Browser(clara).read("/formulary/diazepam")
    again = browser.post(address, **given)
    assert again.status_code == 409
    held = queries.own(diazepam, harbour)
    kept = browser.follow(f"{address}/take-back", reason="", seen=held.pk)
    assert "Still said: reason" in words(kept)
    gone = browser.follow(f"{address}/take-back", reason="wrong", seen=held.pk)
    assert "nothing is said any more" in words(gone)
    assert browser.get("/formulary/diazepam/at/moon").status_code == 404
    assert Browser(clara).get(address).status_code == 403

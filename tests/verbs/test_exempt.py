"""Exemptions: owned, evidenced, a year at most, and what the rules make of them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from reviews import dossiers
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.models import AuditEvent, Exemption, Flag, PatientScreening, ScreeningRequest
from reviews.queries import advise
from reviews.verbs import exempt, prescribe, screen
from tests import make

LETTER = "Dr Osei, neurology, letter of 3 March"


@pytest.fixture
def treated(harbour, clara):
    """Clobazam for epilepsy, past the limit on how long any benzodiazepine may run."""
    patient = make.patient(harbour, clara)
    for start in range(-228, 30, 28):
        make.prescription(
            patient,
            clara,
            "Clobazam 10 mg tablets",
            start=start,
            days=28,
            indication="epilepsy_adjunct",
        )
    screen.drain()
    return patient


def granted(patient, by, **changes):
    given = {
        "kind": "epilepsy_adjunct",
        "evidence": LETTER,
        "expires_on": make.day(180),
        **changes,
    }
    return exempt.exempt(patient=patient, by=by, **given)


def in_hand(patient):
    """The orders of today's supply and of the next."""
    return list(
        patient.prescriptions.live().filter(start_on__gte=make.day(-4)).order_by("start_on")
    )


def flagged(patient):
    return set(Flag.objects.live().filter(patient=patient).values_list("rule_id", flat=True))


# -- What it does to the rules ---------------------------------------------------------------------


def test_one_for_an_order_ends_where_another_is_in_hand(treated, clara, ravi):
    current, _ = orders = in_hand(treated)
    made = granted(treated, ravi, orders=[order.order_id for order in orders])
    screen.drain()
    assert "DUR-04" not in flagged(treated), "these orders are all there is in hand"
    (held,) = dossiers.one(treated, as_of=make.day()).exemptions
    assert current.pk in held.line_scope

    amended = prescribe.amend(
        prescription=current,
        record=make.record(
            "Clobazam 10 mg tablets", start=-4, days=28, indication="epilepsy_adjunct"
        ),
        by=clara,
    )
    screen.drain()
    assert "DUR-04" not in flagged(treated), "an amendment is the same order"
    again = advise.preview(
        patient=treated, record=make.record(start=-4), by=clara, replaces=amended
    )
    assert "DUR-04" not in {finding.rule_id for finding in (*again.new, *again.standing)}

    make.prescription(treated, clara, "Zopiclone 7.5 mg tablets", start=0, days=7)
    screen.drain()
    assert "DUR-04" in flagged(treated), "another sedative was never looked at"
    event = AuditEvent.objects.get(verb="patient.exempted")
    assert event.detail["orders"] == [str(order_id) for order_id in made.order_ids]


def test_one_for_an_order_does_not_cover_the_next(treated, clara, ravi):
    granted(treated, ravi, orders=[order.order_id for order in in_hand(treated)])
    make.prescription(
        treated, clara, "Clobazam 10 mg tablets", start=52, indication="epilepsy_adjunct"
    )
    screen.drain()
    assert "DUR-04" in flagged(treated)


def test_an_order_of_somebody_else_cannot_be_named(treated, harbour, clara, ravi):
    other = make.prescription(make.patient(harbour, clara), clara)
    with pytest.raises(BadRecord, match="orders"):
        granted(treated, ravi, orders=[other.order_id])


def test_an_exemption_silences_the_rule_and_its_end_brings_it_back(treated, ravi):
    assert "DUR-04" in flagged(treated)
    granted(treated, ravi, expires_on=make.day(2))
    screen.drain()
    assert "DUR-04" not in flagged(treated)
    told = PatientScreening.objects.get(patient=treated)
    assert told.valid_until <= make.day(3)

    assert screen.sweep(as_of=told.valid_until - timedelta(days=1)) == 0
    assert screen.sweep(as_of=make.day(3)) == 1
    screen.drain(as_of=make.day(3))
    assert "DUR-04" in flagged(treated)


def test_one_ended_early_does_not_count_from_then_on(treated, ravi):
    exemption = granted(treated, ravi)
    screen.drain()
    assert "DUR-04" not in flagged(treated)
    exempt.end(exemption=exemption, by=ravi)
    screen.drain()
    assert "DUR-04" in flagged(treated)


def test_one_that_starts_later_counts_from_its_day(treated, ravi):
    granted(treated, ravi, starts_on=make.day(5))
    screen.drain()
    assert "DUR-04" in flagged(treated)
    assert PatientScreening.objects.get(patient=treated).valid_until <= make.day(5)
    screen.sweep(as_of=make.day(5))
    screen.drain(as_of=make.day(5))
    assert "DUR-04" not in flagged(treated)


def test_a_replay_knows_only_what_was_known_then(treated, ravi):
    before = timezone.now()
    exemption = granted(treated, ravi)
    between = timezone.now()
    exempt.end(exemption=exemption, by=ravi)

    def known(at):
        return [e.id for e in dossiers.one(treated, as_of=make.day(), known_at=at).exemptions]

    assert known(before) == []
    assert known(between) == [exemption.pk]
    assert known(timezone.now()) == []


def test_one_that_is_over_counts_no_more_and_its_end_is_said(treated, ravi):
    granted(treated, ravi, expires_on=make.day(10))
    screen.drain(as_of=make.day(10))
    assert "EXM-06" not in flagged(treated)
    assert screen.sweep(as_of=make.day(11)) == 1
    screen.drain(as_of=make.day(11))
    assert {"EXM-06", "DUR-04"} <= flagged(treated)


# -- Granting and ending ---------------------------------------------------------------------------


def test_granting_is_audited_and_asks_for_screening(treated, ravi):
    exemption = granted(treated, ravi, evidence=f"  {LETTER}\n")
    assert (exemption.owner, exemption.evidence) == (ravi, LETTER)
    assert exemption.practice == treated.practice
    event = AuditEvent.objects.get(verb="patient.exempted")
    assert (event.actor_id, event.patient_id) == (ravi.pk, treated.pk)
    assert event.detail == {
        "kind": "epilepsy_adjunct",
        "expires_on": make.day(180).isoformat(),
    }
    assert ScreeningRequest.objects.get().patient == treated


def test_ending_is_audited_once(treated, ravi, samira):
    exemption = granted(treated, ravi)
    ended = exempt.end(exemption=exemption, by=samira)
    assert (ended.ended_by, ended.owner) == (samira, ravi)
    assert AuditEvent.objects.get(verb="exemption.ended").actor_id == samira.pk
    with pytest.raises(IllegalMove):
        exempt.end(exemption=exemption, by=ravi)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "because"}, "kind"),
        ({"evidence": "  \n"}, "evidence"),
        ({"evidence": "x" * 1001}, "evidence"),
        ({"expires_on": None}, "expires_on"),
        ({"expires_on": make.on_day(-1)}, "expires_on"),
        ({"expires_on": make.on_day(366)}, "expires_on"),
        ({"starts_on": make.on_day(5), "expires_on": make.on_day(4)}, "expires_on"),
        ({"starts_on": make.on_day(100), "expires_on": make.on_day(400)}, "expires_on"),
        ({"starts_on": make.on_day(-300), "expires_on": make.on_day(66)}, "expires_on"),
    ],
)
def test_what_is_refused(treated, ravi, changes, field):
    with pytest.raises(BadRecord) as refused:
        granted(treated, ravi, **changes)
    assert refused.value.field == field
    assert not Exemption.objects.exists()


@pytest.mark.parametrize("days", [0, 365])
def test_both_ends_of_a_year_are_accepted(treated, ravi, days):
    assert granted(treated, ravi, expires_on=make.day(days)).expires_on == make.day(days)


def test_only_a_reviewer_of_the_practice_may(treated, clara, ravi, ada, ehr, lakeside):
    stranger = make.person("stranger", lakeside, "reviewer")
    exemption = granted(treated, ravi)
    for user in (clara, ada, ehr, stranger):
        with pytest.raises(NotAllowed):
            granted(treated, user)
        with pytest.raises(NotAllowed):
            exempt.end(exemption=exemption, by=user)


# -- What the database refuses ---------------------------------------------------------------------


class TestTheDatabaseRefuses:
    @pytest.fixture
    def exemption(self, treated, ravi):
        return granted(treated, ravi)

    @pytest.fixture
    def row(self, treated, ravi):
        """Columns that are all right by themselves."""
        return {
            "patient": treated,
            "practice": treated.practice,
            "kind": "palliative",
            "owner": ravi,
            "evidence": LETTER,
            "starts_on": make.day(),
            "expires_on": make.day(30),
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"expires_on": make.on_day(366)},
            {"expires_on": make.on_day(-1)},
            {"evidence": ""},
            {"kind": "because"},
            {"ended_at": datetime(2020, 2, 29, 12, tzinfo=UTC)},
        ],
    )
    def test_what_no_exemption_may_say(self, row, changes):
        with pytest.raises(IntegrityError), transaction.atomic():
            Exemption.objects.create(**row | changes)

    @pytest.mark.parametrize("changes", [{"expires_on": make.on_day(200)}, {"evidence": "none"}])
    def test_changing_what_was_granted(self, exemption, changes):
        with pytest.raises(DatabaseError), transaction.atomic():
            Exemption.objects.filter(pk=exemption.pk).update(**changes)

    def test_bringing_an_ended_one_back(self, exemption, ravi):
        exempt.end(exemption=exemption, by=ravi)
        with pytest.raises(DatabaseError), transaction.atomic():
            Exemption.objects.filter(pk=exemption.pk).update(ended_at=None, ended_by=None)

    def test_deleting_one(self, exemption):
        with pytest.raises(DatabaseError), transaction.atomic():
            Exemption.objects.filter(pk=exemption.pk).delete()

"""What was said stays said: read from what was kept, and judged again only under that name."""

import json
from datetime import datetime, time, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from reviews.models import Flag, PatientScreening
from reviews.queries import said
from reviews.rules import ENGINE
from reviews.verbs import decide, screen
from reviews.verbs.decide import FlagOutcome
from tests import database, make


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def replay(patient, **options):
    out = StringIO()
    call_command("replay", patient.pk, stdout=out, **options)
    return json.loads(out.getvalue())


def backdate(days):
    """Let what has happened so far have happened so many days ago."""
    past = {
        "reviews_flag": ("raised_at", "settled_at", "ended_at"),
        "reviews_decision": ("decided_at",),
        "reviews_patientscreening": ("screened_at",),
        "reviews_ruleversion": ("published_at",),
        "reviews_prescription": ("recorded_at", "superseded_at"),
    }
    with database.without_triggers() as cursor:
        for table, columns in past.items():
            moved = ", ".join(f"{name} = {name} - %(by)s" for name in columns)
            cursor.execute(f"UPDATE {table} SET {moved}", {"by": timedelta(days=days)})


def conclude(case, by, *, outcome="taper", reason="agreed_with_patient", days=30):
    case.refresh_from_db()
    flags = Flag.objects.open().filter(case=case, severity__lte=3)
    given = [FlagOutcome(flag.pk, outcome, reason, make.day(days)) for flag in flags]
    return decide.decide(case=case, outcomes=given, note="", by=by, seen=case.lock)


def said_now(patient):
    return said.at(patient, timezone.now())


def test_what_was_said_is_what_was_kept(case):
    answer = replay(case.patient)
    kept = {flag.pk: flag for flag in Flag.objects.live().filter(patient=case.patient)}
    assert {flag["id"] for flag in answer["said"]["flags"]} == set(kept)
    for flag in answer["said"]["flags"]:
        assert flag["sentence"] == kept[flag["id"]].sentence
        assert (flag["rule_book"], flag["engine"], flag["covered_by"]) == (1, ENGINE.name, [])
    assert answer["said"]["screening"]["engine"] == ENGINE.name


def test_todays_code_does_not_change_what_was_said(case, monkeypatch):
    before = replay(case.patient)
    monkeypatch.setattr("reviews.management.commands.replay.screen", quiet)
    after = replay(case.patient)
    assert after["said"] == before["said"]
    assert before["judged_again"]["findings"]
    assert after["judged_again"]["findings"] == []


def quiet(dossier, book):
    return screen.screen(dossier, book, rules=())


def test_what_is_judged_again_says_so(case):
    again = replay(case.patient)["judged_again"]
    assert again["engine"] == ENGINE.name
    assert again["from"].startswith(f"judged again by engine {ENGINE.name}")
    assert (again["rule_book"], again["prescriptions_known"]) == (1, 1)
    assert "DUR-01" in {finding["rule_id"] for finding in again["findings"]}


def test_a_flag_of_before_engines_says_so(case):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_flag SET engine_id = NULL")
        cursor.execute("UPDATE reviews_patientscreening SET engine_id = NULL")
    answer = replay(case.patient)["said"]
    assert {flag["engine"] for flag in answer["flags"]} == {"before engines were recorded"}
    assert answer["screening"]["engine"] == "before engines were recorded"


def test_the_flags_of_that_day_and_not_those_of_today(case, clara):
    backdate(3)
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", days=7, indication="pain")
    screen.drain()
    today = replay(case.patient)["said"]
    then = replay(case.patient, as_of=make.day(-2))["said"]
    assert len(then["flags"]) < len(today["flags"])
    assert "OPI-01" not in {flag["rule_id"] for flag in then["flags"]}
    assert then["screening"] == "screened since; of a patient's screenings only the newest is kept"
    earlier = replay(case.patient, as_of=make.day(-3))
    assert earlier["said"]["flags"]


def test_a_superseded_flag_was_said_until_another_took_its_place(case, clara):
    old = Flag.objects.live().get(patient=case.patient, rule_id="DUR-01")
    backdate(3)
    make.prescription(case.patient, clara, start=1, days=7)
    screen.drain()
    new = Flag.objects.live().get(patient=case.patient, rule_id="DUR-01")
    assert new.supersedes == old

    def duration(moment):
        rows = said.at(case.patient, moment).flags
        return [flag.pk for flag, _ in rows if flag.rule_id == "DUR-01"]

    assert duration(timezone.now() - timedelta(days=2)) == [old.pk]
    assert duration(timezone.now()) == [new.pk]
    assert duration(timezone.now() - timedelta(days=4)) == []


def test_a_decision_covers_until_its_day(case, ravi):
    decision = conclude(case, ravi, days=5)
    (covering,) = {
        row["decision"]
        for flag in replay(case.patient)["said"]["flags"]
        for row in flag["covered_by"]
    }
    assert covering == decision.pk
    assert any(items for _, items in said.at(case.patient, noon(5)).flags)
    assert not any(items for _, items in said.at(case.patient, noon(6)).flags)
    assert not any(items for _, items in said.at(case.patient, noon(-1)).flags)


def noon(offset):
    return timezone.make_aware(datetime.combine(make.day(offset), time(12)))


def test_a_decision_goes_on_to_cover_what_took_its_flags_place(case, ravi, clara):
    decision = conclude(case, ravi)
    make.prescription(case.patient, clara, start=1, days=7)
    screen.drain()
    ((flag, items),) = [row for row in said_now(case.patient).flags if row[0].rule_id == "DUR-01"]
    assert flag.supersedes is not None
    assert flag.settled_at is not None
    assert {item.decision_id for item in items} == {decision.pk}


def test_what_was_taken_back_covered_until_then(case, ravi):
    decided_at = conclude(case, ravi).decided_at
    case.refresh_from_db()
    decide.undo(case=case, reason="the wrong person", by=ravi, seen=case.lock)
    with database.without_triggers() as cursor:
        cursor.execute(
            "UPDATE reviews_decision SET decided_at = decided_at + interval '2 hours'"
            " WHERE kind = 'undone'"
        )
    between, after = decided_at + timedelta(hours=1), decided_at + timedelta(hours=3)
    assert any(items for _, items in said.at(case.patient, between).flags)
    assert not any(items for _, items in said.at(case.patient, after).flags)


def test_a_proposal_covers_once_it_is_confirmed(harbour, clara, ravi, samira):
    case = make.urgent_case(harbour, logged_by=clara)
    proposal = conclude(case, ravi, outcome="continue", reason="benefit_outweighs", days=3)
    assert proposal.kind == "proposed"
    assert not any(items for _, items in said_now(case.patient).flags)
    case.refresh_from_db()
    decide.confirm(case=case, by=samira, seen=case.lock)
    covering = {item.decision_id for _, items in said_now(case.patient).flags for item in items}
    assert covering == {proposal.pk}


def test_somebody_never_screened_is_not_called_clear(harbour, clara):
    treated = make.patient(harbour, clara)
    assert replay(treated)["said"]["screening"] == "not screened to this day"
    screen.drain()
    assert PatientScreening.objects.filter(patient=treated).exists()
    assert replay(treated)["said"]["screening"]["rule_book"] == 1


def test_what_cannot_be_replayed_is_refused(case):
    for given, message in (
        ({"patient": 0}, "no patient 0"),
        ({"patient": case.patient_id, "rule_version": 99}, "no rule book 99"),
        ({"patient": case.patient_id, "as_of": make.day(-400)}, "No rule book was published by"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("replay", given.pop("patient"), **given)

"""A patient on a day: what was known and said then, beside what is said of that day now."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from drugs.models import IngredientClass
from reviews import rulebooks
from reviews.models import AuditEvent, Flag, RuleVersion
from reviews.queries import replay
from reviews.rules import ENGINE
from reviews.rules.asking import runs
from reviews.rules.finding import NotEvaluable
from reviews.rules.registry import RULES
from reviews.verbs import edit, prescribe, publish, screen
from tests import database, make
from tests.verbs.test_replay import backdate
from tests.web.browse import Browser, heading, words


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


def address(patient):
    return f"/patients/{patient.pk}/replay"


def known_so_far(patient, days):
    """Let the record have been known for so many days as well."""
    backdate(days)
    with database.without_triggers() as cursor:
        cursor.execute(
            "UPDATE reviews_patientversion SET recorded_at = recorded_at - %s",
            [timedelta(days=days)],
        )


def row_of(shown, rule_id="DUR-01"):
    return next(row for row in shown.rows if row.rule_id == rule_id)


def test_today_nothing_differs(case):
    shown = replay.of(case.patient, make.day())
    assert [row.why for row in shown.rows] == [""] * len(shown.rows)
    for row in shown.rows:
        assert row.kept.state == row.same.state == row.now.state, row
    assert shown.limits == []
    assert {flag.rule_id for flag, _ in shown.said.flags} <= {row.rule_id for row in shown.rows}


def test_what_was_said_is_what_was_kept_even_if_the_code_says_nothing_now(case, monkeypatch):
    before = replay.of(case.patient, make.day())
    screened = replay.screen
    monkeypatch.setattr(replay, "screen", lambda *given: screened(*given, rules=()))
    after = replay.of(case.patient, make.day())
    assert [row.kept for row in after.rows if row.kept.severity] == [
        row.kept for row in before.rows if row.kept.severity
    ]
    assert row_of(after).same.state == "quiet"
    assert row_of(after).why == "Judged at another hour, or by an engine that is not kept"


def test_a_fact_that_came_later_is_used_in_the_last_column_alone(case, clara, harbour):
    known_so_far(case.patient, 5)
    prescribe.log(
        patient=case.patient, record=make.record("Zopiclone 7.5 mg tablets", start=-8), by=clara
    )
    screen.drain()
    shown = replay.of(case.patient, make.day(-5))
    late = row_of(shown, "DUP-02")
    assert (late.kept.state, late.same.state, late.now.state) == ("not kept", "quiet", "found")
    assert late.why == "A fact came or changed later"
    assert ["Zopiclone" in fact.text for fact in shown.later] == [True]
    assert not any("Zopiclone" in fact.text for fact in shown.known)
    assert any("only the newest is kept" in limit for limit in shown.limits)


def test_another_book_is_named(case, ada, adam):
    held = IngredientClass.objects.get(ingredient__key="diazepam", drug_class__key="benzodiazepine")
    known_so_far(case.patient, 5)
    edit.retire(row=held, reason="For a test", seen=held.changed_at, by=ada)
    version = make.tried(publish.draft(note="Less", by=ada))
    publish.publish(version=version, agreement="Read it.", by=adam)
    screen.drain()
    shown = replay.of(case.patient, make.day(-5))
    assert (shown.then.number, shown.live.number) == (1, 2)
    row = row_of(shown)
    assert (row.kept.state, row.same.state, row.now.state) == ("found", "quiet", "quiet")
    assert row.why == "The rule book changed, 1 to 2"


def test_another_engine_is_named(case):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_flag SET severity = 3 WHERE rule_id = 'DUR-01'")
        cursor.execute(
            "INSERT INTO reviews_engine (digest, name, is_current) VALUES ('x', 'older', false)"
        )
        cursor.execute(
            "UPDATE reviews_flag SET engine_id = (SELECT id FROM reviews_engine WHERE digest = 'x')"
        )
    shown = replay.of(case.patient, make.day())
    assert row_of(shown).why == f"The engine changed, older to {ENGINE.name}"
    assert any("earlier engine cannot be run" in limit for limit in shown.limits)


def test_the_same_severity_in_other_words_is_not_called_the_same(case, audrey):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_flag SET sentence = 'Otherwise' WHERE rule_id = 'DUR-01'")
    row = row_of(replay.of(case.patient, make.day()))
    assert (row.why, row.is_in_other_words) == ("", True)
    assert "the same severity, in other words" in Browser(audrey).read(address(case.patient))
    others = [each for each in replay.of(case.patient, make.day()).rows if each != row]
    assert not any(each.is_in_other_words for each in others)


GAP = NotEvaluable(rule_id="DUP-02", line_ids=(), reason="The strength is not known")


def test_what_can_be_judged_no_more_is_not_called_the_same(case, audrey, monkeypatch):
    screened, judged = replay.screen, []

    def lacking_at_the_second_time(*given):
        judged.append(given)
        found = screened(*given)
        gaps = (GAP,) if len(judged) % 2 == 0 else ()
        return replace(found, not_evaluable=(*found.not_evaluable, *gaps))

    monkeypatch.setattr(replay, "screen", lacking_at_the_second_time)
    row = row_of(replay.of(case.patient, make.day()), "DUP-02")
    assert (row.kept.state, row.same.state, row.now.state) == ("quiet", "quiet", "not evaluable")
    assert row.why == "A fact came or changed later"
    assert heading(Browser(audrey).get(address(case.patient))).endswith(
        "today 1 matter is judged otherwise"
    )


def test_what_could_not_be_judged_then_and_is_quiet_now_differs(case):
    gaps = [{"rule_id": "DUP-02", "line_ids": [], "reason": GAP.reason}]
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_patientscreening SET not_evaluable = %s", [json.dumps(gaps)])
    row = row_of(replay.of(case.patient, make.day()), "DUP-02")
    assert (row.kept.state, row.same.state, row.now.state) == ("not evaluable", "quiet", "quiet")
    assert row.why == "Judged at another hour, or by an engine that is not kept"


def test_only_rules_that_run_there_are_called_quiet(case, monkeypatch):
    _, book = rulebooks.live()
    shown = replay.of(case.patient, make.day())
    told = {row.rule_id for row in shown.rows}
    run = {rule.id for rule in RULES if runs(rule, book, "UK")}
    assert len(run) < len(RULES)
    assert shown.quiet == len(run - told)
    off = {"harbour": {"name": "Harbour", "grading": {"DUR-06": {"shown": "off"}}}}
    assert "DUR-06" in run - told
    monkeypatch.setattr(rulebooks, "book", lambda _: replace(book, local=off))
    assert replay.of(case.patient, make.day()).quiet == shown.quiet - 1


def test_before_anything_was_known_it_says_so(case):
    shown = replay.of(case.patient, make.day(-400))
    assert shown.then is None
    assert shown.known == []
    assert shown.said.flags == []
    assert any("was not known here" in limit for limit in shown.limits)
    assert any("No rule book was published" in limit for limit in shown.limits)


def test_the_page_shows_the_three_columns(case, audrey):
    page = Browser(audrey).get(address(case.patient))
    assert heading(page).endswith("today nothing is judged otherwise")
    text = words(page)
    flag = Flag.objects.live().get(patient=case.patient, rule_id="DUR-01")
    assert text.count(flag.sentence) == 3
    assert f"{flag.sentence} rule book 1 · engine {ENGINE.name}" in text
    assert "nothing on this page is in force" in text
    assert "Diazepam 5 mg tablets" in text


def test_it_writes_nothing_but_that_it_was_read(case, audrey):
    before = (Flag.objects.count(), RuleVersion.objects.count(), AuditEvent.objects.count())
    Browser(audrey).get(address(case.patient), day=f"{make.day(-3):%Y-%m-%d}")
    events = AuditEvent.objects.order_by("pk")
    assert (Flag.objects.count(), RuleVersion.objects.count()) == before[:2]
    new = list(events[before[2] :])
    assert [event.patient_id for event in new] == [case.patient_id]
    assert new[0].actor_id == audrey.pk


@pytest.mark.parametrize("text", ["tomorrow", "+1d", "30 Feb 2026", "1700-01-01"])
def test_a_day_that_is_none_is_said_at_its_field(case, audrey, text):
    page = Browser(audrey).get(address(case.patient), day=text)
    assert page.status_code == 422
    assert "today is shown" in words(page)
    assert f'value="{text}"' in page.content.decode()


def test_days_lead_to_their_neighbours(case, audrey):
    day = timezone.localdate() - timedelta(days=2)
    page = Browser(audrey).get(address(case.patient), day=day.isoformat()).content.decode()
    for step in (-1, 1):
        assert f"day={(day + timedelta(days=step)).isoformat()}" in page
    assert "A day later" not in words(Browser(audrey).get(address(case.patient)))


def test_a_clinician_sees_the_patient_and_no_replay(case, clara, ravi):
    assert Browser(clara).get(address(case.patient)).status_code == 403
    assert Browser(ravi).get(address(case.patient)).status_code == 200
    assert "Replay a day" in Browser(ravi).read(f"/patients/{case.patient_id}")
    assert "Replay a day" not in Browser(clara).read(f"/patients/{case.patient_id}")

"""What-ifs: what a draft would do equals what publishing it does, and nothing clinical is written."""

import pytest
from django.db import connection

from reviews import jobs, what_ifs
from reviews.errors import IllegalMove, NotAllowed, Stale
from reviews.models import (
    AgeBand,
    Became,
    Case,
    Flag,
    Job,
    Outcome,
    Reason,
    RuleVersion,
    WhatIf,
    WhatIfEffect,
    WhatIfPractice,
)
from reviews.rules.exemptions import KINDS as EXEMPTIONS
from reviews.verbs import caseload, decide, govern, publish, screen, what_if
from tests import make
from tests.verbs.test_govern import change

CLINICAL = (
    *("reviews_flag", "reviews_case", "reviews_casemove", "reviews_patientscreening"),
    *("reviews_screeningrequest", "reviews_screeningrun", "reviews_prescription", "reviews_patient"),
)


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Short courses for anxiety", by=ada)


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
    return {
        (row.patient_id, row.rule_id, row.key): (row.before, row.after)
        for row in rows
    }


def severities():
    live = Flag.objects.live().values_list("patient_id", "rule_id", "key", "severity")
    return {(patient, rule, key): severity for patient, rule, key, severity in live}


def open_cases():
    return dict(Case.objects.open().values_list("patient_id", "severity"))


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

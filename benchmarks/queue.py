"""The queue page with few and with many open flags. The few are the floor."""

import time
from statistics import median

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from tests import database

AIM = 1.2
PAGES = 15
FLAGS_A_CASE = 2
VIEWS = {
    "worst first": "/",
    "one severity": "/?severity=2",
    "one rule": "/?rule=DUR-04",
    "due first": "/?sort=due",
    "by name": "/?q=okonkwo",
    "page 10": "/?page=10",
}


def measure(few, many):
    """A row for each view of the queue, the second state beside the first."""
    collect_static()
    times = {}
    for flags in (few, many):
        with step(f"Queue pages with {flags:,} open flags"):
            fill(flags)
            times[flags] = {name: page(address) for name, address in VIEWS.items()}
    empty()
    return [
        Row(
            what=f"Queue, {name}: {many:,} open flags",
            ratio=times[many][name] / times[few][name],
            aim=AIM,
            floor=f"{few:,} open flags: {times[few][name] * 1000:.0f} ms",
            measured=f"{times[many][name] * 1000:.0f} ms",
        )
        for name in VIEWS
    ]


def page(address, *, holds=b"case"):
    """The median seconds of a whole page, signed in as a reviewer of all practices.

    Ends the run when the page fails or `holds` is not in it.
    """
    browser = Client()
    browser.force_login(User.objects.get(username="samira"))
    took = []
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = browser.get(address, headers={"host": "localhost"})
        took.append(time.perf_counter() - began)
        if answer.status_code != 200 or holds not in answer.content:
            raise SystemExit(f"{address} answered {answer.status_code}.")
    return median(took[1:])


def fill(flags):
    """Open cases for `flags / 2` patients, two flags each, spread over severities and days."""
    empty()
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute(CASES, [flags // FLAGS_A_CASE])
        cursor.execute(FLAGS)
        cursor.execute(SCREENINGS)
        cursor.execute("VACUUM ANALYZE reviews_case, reviews_flag, reviews_patientscreening")


def empty():
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE reviews_flag, reviews_case, reviews_patientscreening CASCADE")


CASES = """
    INSERT INTO reviews_case (patient_id, practice_id, state, severity, headline, rule_ids,
        flag_count, opened_at, due_at, overdue, weight, escalated_to, updated_at, lock)
    SELECT id, practice_id, 'queued', severity, 'Diazepam past 28 days',
        ARRAY[(ARRAY['DUR-01', 'DUR-02', 'OPI-01', 'ELD-02'])[1 + id %% 4], 'DUR-04'],
        2, now() - id %% 50 * interval '1 day', now() + (id %% 60 - 20) * interval '1 day',
        id %% 60 < 20, id %% 97, '',
        now(), 1
    FROM (
        SELECT *, CASE WHEN id %% 20 = 0 THEN 1 WHEN id %% 3 = 0 THEN 3 ELSE 2 END AS severity
        FROM reviews_patient ORDER BY id LIMIT %s
    ) patient
"""
FLAGS = """
    INSERT INTO reviews_flag (patient_id, practice_id, rule_id, key, severity, mode, title,
        sentence, facts, clears, unknown, prescription_ids, digest, version_id, as_of, raised_at,
        case_id, end_reason)
    SELECT c.patient_id, c.practice_id, rule, rule, c.severity, 'queue', c.headline,
        'The current supply takes exposure to 35 days.', '[]', '', '', '{}', '', v.id,
        current_date, c.opened_at, c.id, ''
    FROM reviews_case c, unnest(c.rule_ids) AS rule, reviews_ruleversion v
    WHERE v.state = 'published'
"""
SCREENINGS = """
    INSERT INTO reviews_patientscreening
        (patient_id, version_id, as_of, screened_at, not_evaluable, exposure, problem)
    SELECT c.patient_id, v.id, current_date, now(), '[]',
        jsonb_build_object('start_on', current_date - 100, 'end_on', current_date, 'days',
            c.patient_id % 400, 'elapsed_days', 100, 'drugs', '["diazepam"]'::jsonb,
            'known', true), ''
    FROM reviews_case c, reviews_ruleversion v WHERE v.state = 'published'
"""

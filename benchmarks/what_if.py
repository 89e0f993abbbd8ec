"""A what-if of everybody, beside a rescreen of the same patients; both by one process, in turns."""

import time
from statistics import median

from django.db import transaction

from benchmarks import ground
from benchmarks.table import Row
from portal.progress import step
from reviews import jobs, reaching, requests, what_ifs
from reviews.models import Practice, Role, RuleVersion
from reviews.rules.bounds import fields_of
from reviews.rules.codes import PROFILES
from reviews.verbs import govern, publish, screen, what_if
from tests import make

AIM = 2
ROUNDS = 3
SECONDS = 5
"""Of a slice, as a worker has."""


def measure(patients):
    """One row: a draft that reaches everybody with a prescription."""
    screen.drain()
    version, against = _draft()
    ids = reaching.affected_patients(against, version)
    tried, screened = [], []
    with step(f"What-if of {len(ids):,} patients of {patients:,}"):
        ground.settle()
        for _ in range(ROUNDS):
            tried.append(_what_if(version))
            screened.append(_rescreen(ids))
    took, floor = median(tried), median(screened)
    return [
        Row(
            what="What-if of everybody within reach",
            ratio=took / floor,
            aim=AIM,
            floor=f"rescreen of the same patients, one process: {floor:.1f} s",
            measured=f"{took:.1f} s, {len(ids) / took:,.0f} patients/s",
        )
    ]


def _draft():
    """Anxiety counts from 14 days on in the UK, and a review that is due is a note everywhere."""
    by = make.person("ada", Practice.objects.earliest("pk"), Role.FORMULARY_ADMIN)
    draft = govern.begin(title="For the benchmark", by=by)
    edits = (
        ("DUR-01", "s2_over_days", 14, "UK"),
        *(("REV-01", "severity_s2", 3, p) for p in PROFILES),
    )
    for rule_id, field, after, profile in edits:
        if field in fields_of(rule_id, profile):
            govern.change(
                draft=draft,
                rule_id=rule_id,
                field=field,
                after=after,
                profile=profile,
                grounds=govern.Grounds(
                    source="None", locator="-", next_review=make.day(90), reason="To measure"
                ),
                by=by,
            )
    against = RuleVersion.objects.get(state=RuleVersion.State.PUBLISHED)
    return publish.freeze(draft=draft, note="", by=by), against


def _what_if(version):
    """Seconds from asking until it is finished."""
    began = time.perf_counter()
    asked = what_if.ask(version=version, by=version.drafted_by)
    while jobs.work({what_ifs.KIND: what_if.work}, seconds=SECONDS):
        asked.refresh_from_db()
        if asked.finished_at is not None:
            return time.perf_counter() - began
    raise SystemExit("The what-if did not finish.")


def _rescreen(ids):
    """Seconds to screen these patients again; nothing of them has changed."""
    with transaction.atomic():
        requests.enqueue(ids, reason="published", priority=requests.BULK)
    began = time.perf_counter()
    screen.drain()
    return time.perf_counter() - began

"""The portal's engine: make this code the one that judges, and follow until it has judged all."""

from django.db import connection, transaction
from django.utils import timezone

from reviews import audit, engines, jobs, requests
from reviews.audit import Event
from reviews.engines import RESCREEN
from reviews.jobs import Slice
from reviews.models import Engine, Job
from reviews.rules import ENGINE

LOOK_AGAIN_SECONDS = 2


@transaction.atomic
def adopt() -> int:
    """Make the code of this process the portal's engine; returns how many patients it asked for.

    Everybody treated is asked for again, at the bulk priority, whom this engine has not judged. So
    is everybody at the first engine of a portal that judged before engines were recorded. Where it
    is the portal's engine already, nothing happens; two who start at once ask once.
    """
    engines.hold_alone()
    before = engines.current()
    if before is not None and before.digest == ENGINE.digest:
        return 0
    Engine.objects.filter(is_current=True).update(is_current=False)
    engine, _ = Engine.objects.get_or_create(digest=ENGINE.digest, defaults={"name": ENGINE.name})
    engine.is_current, engine.current_since = True, timezone.now()
    engine.save(update_fields=["is_current", "current_since"])
    asked = _ask_for_unjudged(engine.pk)
    audit.record(
        None,
        Event.ENGINE_CHANGED,
        subject=engine,
        before=before.name if before else None,
        after=engine.name,
        digest=engine.digest,
        patients=asked,
    )
    for job in Job.objects.unfinished().filter(kind=RESCREEN).select_for_update():
        jobs.end(job, jobs.CANCELLED, note=f"Engine {engine.name} came before it was done.")
    if asked:
        jobs.ask(
            RESCREEN,
            title=f"Judge everybody treated by engine {engine.name}",
            given={"engine": engine.pk},
            total=asked,
            unit="patients",
            # Or some would stay judged by one engine beside others judged by another.
            cancellable=False,
        )
    return asked


def rescreen(job: Job, seconds: float) -> Slice:
    """A slice of the rescreen: count who is left. Screening itself does the work.

    Only a process of before engines were recorded can take a request and not judge by the engine;
    the end of the count finds whom it left, and asks again.
    """
    engine_id = job.given["engine"]
    left = _left(engine_id) or _ask_for_unjudged(engine_id)
    total = job.total or 0
    done = max(job.done, total - left)
    if left:
        return Slice(done=done, wait_seconds=LOOK_AGAIN_SECONDS)
    return Slice(done=total, finished=True, note=f"{total:,} patients are judged by it.")


def _ask_for_unjudged(engine_id: int) -> int:
    """Ask for everybody treated whom the engine has not judged, once; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(UNJUDGED, {"engine": engine_id, "priority": requests.BULK})
        asked = cursor.rowcount
    if asked:
        transaction.on_commit(requests.ring)
    return asked


def _left(engine_id: int) -> int:
    """How many of those who wait for screening the engine has not judged."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT, [engine_id])
        [(left,)] = cursor.fetchall()
    return left


UNJUDGED = """
    INSERT INTO reviews_screeningrequest
        (patient_id, reason, requested_at, attempts, priority)
    SELECT patient_id, 'engine', now(), 0, %(priority)s FROM (
        SELECT DISTINCT patient_id FROM reviews_prescription WHERE superseded_at IS NULL
    ) treated
    LEFT JOIN reviews_patientscreening s USING (patient_id)
    WHERE s.engine_id IS DISTINCT FROM %(engine)s
    ORDER BY patient_id
"""
# Those who wait, by an index alone; whoever was judged is no longer among them.
LEFT = """
    SELECT count(*) FROM (SELECT DISTINCT patient_id FROM reviews_screeningrequest) waiting
    LEFT JOIN reviews_patientscreening s USING (patient_id)
    WHERE s.engine_id IS DISTINCT FROM %s
"""

"""The page of long jobs in a real browser: it refreshes by itself, and needs no script."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from reviews import engines, jobs
from reviews.jobs import Slice
from reviews.models import Job
from tests.browser.test_pages import ALL, all_faults

pytestmark = pytest.mark.browser


def ask(by, title, **values):
    return jobs.ask("export", title=title, by=by, unit="patients", **values)


def slice_of(job, *slices):
    """Do slices of one job: each is what it returns, or an error that it raises."""
    later = timezone.now() + timedelta(minutes=30)
    for made in slices:
        Job.objects.exclude(pk=job.pk).unfinished().update(not_before=later)
        Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
        jobs.work({"export": lambda *_, made=made: made if made else 1 / 0}, seconds=0)


@pytest.fixture
def running(ada):
    job = ask(ada, "Export for the region")
    slice_of(job, Slice(done=15_060, total=24_600, note="3 rows set aside so far"))
    return job


def test_every_kind_of_row_is_readable_by_all(visit, ada, clara, running):
    slice_of(ask(clara, "Upload of prescriptions"), *[None] * jobs.MOST_TRIES)
    slice_of(ask(ada, "All practices"), Slice(done=2, total=2, note="2 files", finished=True))
    slice_of(ask(ada, "Import"), Slice(done=7), None)
    slice_of(ask(None, "Everything"), Slice(done=1, total=9))
    ask(ada, "Letters")
    jobs.ask(engines.RESCREEN, title="Judge everybody", total=9, unit="patients")
    addresses = [
        reverse("jobs"),
        reverse("job-cancel", args=[running.pk]),
        reverse("rulebooks"),
    ]
    assert all_faults(visit, ada, addresses[:1], ALL) == []
    assert all_faults(visit, ada, addresses[1:]) == []


def test_it_refreshes_by_itself_and_keeps_the_focus(visit, ada, running):
    page = visit(ada, reverse("jobs"))
    assert page.get_by_text("15,060 of 24,600 patients").is_visible()
    cancel = page.get_by_role("link", name="Cancel Export for the region")
    cancel.focus()
    slice_of(running, Slice(done=20_000))
    page.get_by_text("20,000 of 24,600 patients").wait_for()
    assert cancel.evaluate("link => link === document.activeElement")
    slice_of(running, Slice(done=24_600, note="14 files", finished=True))
    page.get_by_role("heading", level=1, name="No job runs").wait_for()
    assert page.get_by_text("14 files").is_visible()


def test_it_needs_no_script(visit, ada, running):
    page = visit(ada, reverse("jobs"), js=False)
    page.get_by_role("link", name="Cancel Export for the region").click()
    page.get_by_role("button", name="Cancel the job").click()
    assert page.get_by_text("it will end in a moment").is_visible()
    slice_of(running, Slice(done=24_600, finished=True))
    page.reload()
    assert page.get_by_role("heading", level=1, name="No job runs").is_visible()
    running.refresh_from_db()
    assert running.state == "cancelled"

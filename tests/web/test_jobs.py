"""The page of long jobs: who sees which, how far they are, and cancelling with a question first."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews import jobs as room
from reviews.jobs import Slice
from reviews.models import Job
from tests import make
from tests.web.browse import Browser, heading, words


def ask(by, title="Export for the region", **values):
    return room.ask("export", title=title, by=by, unit="patients", **values)


def work(made, seconds=0):
    room.work({"export": lambda *_: made}, seconds=seconds)


def fail(job, times=room.MOST_TRIES):
    for _ in range(times):
        Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
        room.work({"export": lambda *_: 1 / 0}, seconds=0)


def test_without_a_job_the_page_says_so(clara):
    page = Browser(clara).get("/jobs")
    assert heading(page) == "No job runs"
    assert "No job has finished yet" in words(page)
    assert "Only the long work that you asked for yourself" in words(page)


def test_who_may_open_it(harbour, client):
    for who in make.ROLES:
        assert Browser(make.person(who, harbour)).get("/jobs").status_code == 200
    nobody = make.person("stranger", harbour, "clinician")
    nobody.memberships.all().delete()
    assert Browser(nobody).get("/jobs").status_code == 403
    assert client.get("/jobs").status_code == 302


def test_a_person_sees_their_own_and_an_admin_everybodys(clara, ravi, ada):
    ask(clara, "Claras export")
    ask(None, "Judge everybody")
    assert "Claras export" in Browser(clara).read("/jobs")
    assert "Judge everybody" not in Browser(clara).read("/jobs")
    assert "Claras export" not in Browser(ravi).read("/jobs")
    page = Browser(ada).read("/jobs")
    assert "Claras export" in page
    assert "Judge everybody" in page
    assert "Everybody’s long work" in page


def test_progress_is_said_in_words_and_drawn(ada):
    job = ask(ada)
    work(Slice(done=15_060, total=24_600, note="3 rows set aside so far", wait_seconds=60))
    Job.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    page = Browser(ada).get("/jobs")
    assert heading(page) == "1 job runs"
    text = words(page)
    assert "15,060 of 24,600 patients" in text
    assert "about 38 s left" in text
    assert "3 rows set aside so far" in text
    html = page.content.decode()
    assert '<progress max="24600" value="15060"' in html
    assert 'hx-trigger="every 3s"' in html


def test_a_total_that_is_not_known_is_not_drawn(ada):
    ask(ada)
    assert "nothing done yet" in Browser(ada).read("/jobs")
    work(Slice(done=1200, wait_seconds=60))
    page = Browser(ada).get("/jobs")
    assert "1,200 patients so far" in words(page)
    assert "<progress" not in page.content.decode()


def test_asked_by_the_page_itself_the_list_comes_alone(ada):
    ask(ada)
    browser = Browser(ada)
    alone = browser.client.get("/jobs", headers={"HX-Request": "true"}).content.decode()
    whole = browser.get("/jobs").content.decode()
    assert "<html" not in alone
    assert alone.strip().startswith('<div id="jobs"')
    assert "Export for the region" in alone
    assert alone.strip() in whole


def test_a_try_that_failed_is_said_while_it_is_tried_again(ada):
    fail(ask(ada), times=1)
    text = Browser(ada).read("/jobs")
    assert "tried again" in text
    assert "The last try failed: ZeroDivisionError: division by zero" in text


def test_what_became_of_them(ada):
    done = ask(ada, "One")
    work(Slice(done=2, total=2, note="2 files", finished=True), seconds=60)
    failed = ask(ada, "Two")
    fail(failed)
    cancelled = ask(ada, "Three")
    Browser(ada).post(f"/jobs/{cancelled.pk}/cancel")
    page = Browser(ada).get("/jobs")
    assert heading(page) == "No job runs; 1 failed in the last 7 days"
    text = words(page)
    assert "2 files" in text
    assert "failed nothing done ZeroDivisionError: division by zero" in text
    states = Job.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["done", "failed", "cancelled"]
    assert done.pk < failed.pk < cancelled.pk
    assert "Cancel Three" not in text


def test_cancelling_asks_first(ada):
    job = ask(ada)
    work(Slice(done=5, total=10, wait_seconds=60))
    browser, address = Browser(ada), f"/jobs/{job.pk}/cancel"
    assert f'href="{address}"' in browser.get("/jobs").content.decode()
    page = browser.get(address)
    assert heading(page) == "Cancel this job?"
    assert "What it has done by then stays done" in words(page)
    job.refresh_from_db()
    assert job.cancel_asked_at is None
    page = browser.follow(address)
    assert "it will end in a moment" in words(page)
    assert "Ada Lindqvist cancelled it" in words(page)
    assert heading(browser.get(address)) == "This job cannot be cancelled"
    Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)
    work(Slice(done=10, total=10, finished=True))
    job.refresh_from_db()
    assert (job.state, job.done) == ("cancelled", 5)
    assert browser.post(address).status_code == 302


def test_nobody_cancels_what_is_not_theirs(clara, ravi, ada):
    claras, portals = (
        ask(clara),
        room.ask("rescreen", title="Judge everybody", total=3, cancellable=False),
    )
    assert Browser(ravi).get(f"/jobs/{claras.pk}/cancel").status_code == 404
    assert Browser(ravi).post(f"/jobs/{claras.pk}/cancel").status_code == 404
    assert Browser(clara).post(f"/jobs/{portals.pk}/cancel").status_code == 404
    page = Browser(ada).get(f"/jobs/{portals.pk}/cancel")
    assert heading(page) == "This job cannot be cancelled"
    assert Browser(ada).post(f"/jobs/{portals.pk}/cancel").status_code == 409
    assert f"/jobs/{portals.pk}/cancel" not in Browser(ada).get("/jobs").content.decode()
    assert Browser(ada).post(f"/jobs/{claras.pk}/cancel").status_code == 302


def test_a_long_list_has_pages(ada):
    for n in range(23):
        ask(ada, f"Job {n}.")
        work(Slice(done=1, total=1, finished=True))
    browser = Browser(ada)
    assert "Job 22." in browser.read("/jobs")
    assert "Job 2." not in browser.read("/jobs")
    assert "Job 2." in browser.read("/jobs", page=2)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (99, "99 s"),
        (100, "2 min"),
        (5940, "99 min"),
        (7200, "2 h"),
        (9000, "2 h 30 min"),
    ],
)
def test_how_long_it_took(ada, seconds, said):
    job = ask(ada)
    work(Slice(done=1, total=2, wait_seconds=60))
    started = timezone.now() - timedelta(seconds=seconds)
    Job.objects.filter(pk=job.pk).update(started_at=started, not_before=job.asked_at)
    work(Slice(done=2, total=2, finished=True))
    assert Browser(ada).read("/jobs").find(f" {said} ") > 0

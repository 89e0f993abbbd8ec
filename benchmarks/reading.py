"""What it costs a page to be told of: the same pages without the line in the trail are the floor.

With and without by turns, so that whatever else the machine does meets both; the quickest counts,
because anything else that a machine does only ever adds.
"""

import time
from unittest import mock

from django.contrib.auth.models import User
from django.test import Client

from benchmarks.case_page import FEW, case_with
from benchmarks.table import Row
from portal.management.commands.prepare import collect_static
from portal.progress import step
from reviews.models import AuditEvent
from reviews.verbs import read

AIM = 1.05
ROUNDS = 60


def measure():
    """A row for each kind of page that is told of; its floor is the page untold."""
    collect_static()
    case = case_with(FEW)
    pages = {
        "a case": f"/cases/{case.pk}",
        "a patient": f"/patients/{case.patient_id}",
        "a search": "/search?q=okonkwo",
        "the API, 100 rows": "/api/v1/prescriptions?limit=100",
    }
    rows = []
    with step("Pages with and without the line in the trail"):
        for name, address in pages.items():
            told, untold = both(address)
            rows.append(
                Row(
                    what=f"Telling the trail of {name}",
                    ratio=told / untold,
                    aim=AIM,
                    floor=f"untold: {untold * 1000:.1f} ms",
                    measured=f"{told * 1000:.1f} ms",
                )
            )
    return rows


def both(address):
    """The quickest seconds of a page that is told of, and of one that is not."""
    browser = Client()
    browser.force_login(User.objects.get(username="samira"))
    silent = mock.patch.multiple(
        read, opened=mock.DEFAULT, searched=mock.DEFAULT, over_api=mock.DEFAULT
    )
    told, untold = [], []
    events = AuditEvent.objects.count()
    for _ in range(ROUNDS):
        told.append(seconds(browser, address))
        with silent:
            untold.append(seconds(browser, address))
    written = AuditEvent.objects.count() - events
    if written != ROUNDS:
        raise SystemExit(f"{address} was told of {written} times and not {ROUNDS}.")
    return min(told[2:]), min(untold[2:])


def seconds(browser, address):
    began = time.perf_counter()
    answer = browser.get(address, headers={"host": "localhost"})
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}.")
    return took

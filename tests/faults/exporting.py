"""Celery's application for the fault tests of bulk data: slices are short, and pages take time."""

import time

import django

from portal.celery import app

__all__ = ["app"]

PAGE_SECONDS = 0.05


def slow(page):
    """A page of an export that takes a while to be killed in, after it was read."""

    def slower(*asked):
        found = page(*asked)
        time.sleep(PAGE_SECONDS)
        return found

    return slower


django.setup()

from reviews import bulk_data, tasks  # noqa: E402  (Django had to be ready first)
from reviews.queries.fhir_export import Export  # noqa: E402
from reviews.verbs import bulk_export, bulk_import  # noqa: E402

tasks.JOB_SECONDS = 0.3
bulk_export.ROWS_AT_ONCE = 100
bulk_import.LINES_AT_ONCE = 10
bulk_data.MOST_FILE_BYTES = 100_000
Export.page = slow(Export.page)

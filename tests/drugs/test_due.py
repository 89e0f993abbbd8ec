"""Overdue and unverified knowledge is counted, not hidden."""

from datetime import date, timedelta

import pytest

from drugs import models
from drugs.due import overdue, unverified

pytestmark = pytest.mark.usefixtures("rulebook")
ATC_REVIEW = date(2027, 2, 28)


def test_nothing_is_overdue_on_the_day_of_the_review_itself():
    assert overdue(ATC_REVIEW) == []


def test_the_day_after_the_citation_is_named_with_its_rows():
    found = overdue(ATC_REVIEW + timedelta(days=1))
    assert {due.next_review for due in found} == {ATC_REVIEW}
    codes = next(due for due in found if due.locator == "the code itself" and due.rows > 100)
    assert codes.source.startswith("WHO Collaborating Centre")


def test_the_longest_overdue_stands_first():
    dates = [due.next_review for due in overdue(date(2030, 1, 1))]
    assert dates == sorted(dates)
    assert len(set(dates)) > 1


def test_retired_rows_are_not_counted():
    day = ATC_REVIEW + timedelta(days=1)
    before = sum(due.rows for due in overdue(day))
    code = models.Code.objects.get(system="atc", code="N05CD10")
    code.retire(at=code.changed_at)
    assert sum(due.rows for due in overdue(day)) == before - 1


def test_unverified_rows_are_counted_by_kind(ada):
    before = unverified()
    assert before["limits"] > 0
    row = models.Limit.objects.unverified().first()
    row.sign_off(by=ada, at=row.changed_at)
    assert unverified() == {**before, "limits": before["limits"] - 1}

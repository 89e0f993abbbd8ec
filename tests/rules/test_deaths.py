"""Somebody who died: nothing is found any more, but what was written afterwards."""

from datetime import timedelta

import pytest

from reviews.rules.screen import screen
from tests.rules.book import BOOK, line, on, person


def findings(*lines, as_of=60, **said):
    found = screen(person(*lines, as_of=as_of, **said), BOOK).findings
    return {finding.rule_id: finding for finding in found}


def test_who_died_on_an_unknown_day_is_not_in_the_queue():
    assert findings(line(days=60))
    assert not findings(line(days=60), deceased=True)


@pytest.mark.parametrize(
    ("died", "late"),
    [(10, False), (11, False), (9, True), (-1, True)],
    ids=["on the day it was written", "the day after", "the day before", "before the record"],
)
def test_what_was_written_after_the_death_is_a_matter_of_the_record(died, late):
    given = line(start=10, days=7)
    found = findings(given, as_of=12, deceased_on=on(died))
    assert set(found) == ({"DQ-04"} if late else set())


def test_the_day_written_counts_before_the_day_it_begins():
    before = line(start=12, days=7)._replace(written_on=on(8))
    assert not findings(before, as_of=14, deceased_on=on(10))
    after = line(start=8, days=7)._replace(written_on=on(12))
    assert "DQ-04" in findings(after, as_of=14, deceased_on=on(10))


def test_it_says_both_days_and_asks_for_neither_to_be_believed():
    found = findings(line(start=10, days=7), as_of=12, deceased_on=on(5))["DQ-04"]
    for day in (on(10), on(5)):
        assert f"{day:%-d %B %Y}" in found.sentence
    assert found.severity == 3
    assert "corrected" in found.clears


def test_it_stays_when_the_supply_is_long_over():
    assert "DQ-04" in findings(line(start=10, days=7), as_of=400, deceased_on=on(5))


def test_a_death_that_is_dated_ahead_changes_nothing_yet():
    assert "DQ-04" not in findings(line(start=10, days=7), as_of=12, deceased_on=on(13))
    dossier = person(line(days=60), as_of=12, deceased_on=on(13))
    assert not dossier.has_died
    assert person(as_of=12, deceased_on=on(12)).has_died
    assert on(13) - on(12) == timedelta(days=1)


def test_an_order_that_may_go_on_is_one_prescription():
    order = line(start=10, days=28, repeats_allowed=5)
    found = findings(order, as_of=100, deceased_on=on(5))["DQ-04"]
    assert found.line_ids == (order.id,)
    assert found.sentence.startswith("A prescription of diazepam is dated")

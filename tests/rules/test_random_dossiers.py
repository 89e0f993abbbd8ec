"""Whatever a record can hold is screened: nobody stays NOT CHECKED because a rule failed on it."""

from dataclasses import replace

import pytest

from reviews import rulebooks
from reviews.rules import screen
from reviews.rules.screen import concerns

from .random_dossiers import TODAY, dossier

AT_ONCE = 200


@pytest.mark.parametrize("first", range(0, 8 * AT_ONCE, AT_ONCE))
def test_every_record_is_screened(rulebook, first):
    book = rulebooks.live()[1]
    for number in range(first, first + AT_ONCE):
        screening = screen(dossier(number, book), book)
        keys = [finding.key for finding in screening.findings]
        assert len(keys) == len(set(keys)), number
        assert screening.valid_until is None or screening.valid_until > TODAY, number
        for finding in screening.findings:
            assert "None" not in finding.sentence + finding.title, number


def test_nothing_is_said_of_somebody_whose_medicines_do_not_concern_the_book(rulebook):
    book = rulebooks.live()[1]
    lines = 0
    for number in range(AT_ONCE):
        whole = dossier(number, book)
        others = tuple(line for line in whole.lines if not concerns(book, line.medicine))
        nothing = replace(whole, lines=(), conditions=(), readings=(), exemptions=(), tapers=())
        assert screen(replace(whole, lines=others), book) == screen(nothing, book), number
        lines += len(others)
    assert lines > AT_ONCE

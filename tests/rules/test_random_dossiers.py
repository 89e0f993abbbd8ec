"""Whatever a record can hold is screened: nobody stays NOT CHECKED because a rule failed on it."""

import pytest

from reviews import rulebooks
from reviews.rules import screen

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

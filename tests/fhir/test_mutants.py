"""No silent loss: a bundle with faults is never clear where the whole one has a finding.

A few thousand in the suite; `FHIR_MUTANTS=20000 ./dev test tests/fhir/test_mutants.py` tries more.
"""

import os

import pytest

from reviews import rulebooks
from tests.fhir.mutants import BUNDLES, judged, mutant

MANY = int(os.environ.get("FHIR_MUTANTS", "3000"))


@pytest.fixture
def book(rulebook):
    return rulebooks.live()[1]


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_with_faults_is_not_clear_unless_a_note_says_why(name, book):
    whole = judged(BUNDLES[name], book)
    assert whole.findings
    assert not whole.notes, "nothing of it is left out"
    lost = []
    for seed in range(MANY // len(BUNDLES)):
        changed, faults = mutant(BUNDLES[name], seed)
        page = judged(changed, book)
        if page.clear and not page.notes:
            lost.append((seed, faults))
    assert not lost

"""No silent loss: a bundle with faults is never clear where the whole one has a finding.

A few thousand in the suite; `FHIR_MUTANTS=20000 ./dev test tests/fhir/test_mutants.py` tries more.
"""

import json
import os

import pytest

from reviews import rulebooks
from tests.fhir.mutants import BUNDLES, judged, mutant
from tests.fhir.test_import import SAMPLES

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


@pytest.mark.skipif(
    not SAMPLES.is_dir(),
    reason="the six sample bundles are not here: name their folder in FHIR_SAMPLES",
)
def test_real_bundles_with_faults_are_not_clear_either(book):
    lost, judged_with_findings = [], 0
    for path in sorted(SAMPLES.glob("*.json")):
        content = told_of_medicines(json.loads(path.read_text()))
        whole = judged(content, book)
        if whole.clear:
            continue
        judged_with_findings += 1
        for seed in range(MANY // 60):
            changed, faults = mutant(content, seed)
            page = judged(changed, book)
            if page.clear and not set(page.notes) - set(whole.notes):
                lost.append((path.name, seed, faults))
    assert judged_with_findings
    assert not lost


def told_of_medicines(content):
    """The parts of a bundle that are about a person, their illnesses and their medicines."""
    kinds = ("Patient", "Condition", "MedicationRequest", "Medication")
    entries = [one for one in content["entry"] if one["resource"]["resourceType"] in kinds]
    return {**content, "entry": entries}

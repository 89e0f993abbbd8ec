"""What screening says may not change unnoticed: digests of every example and 2,000 seeded people.

`unchanged.json` holds a digest of findings, gaps, `valid_until` and exposure by example, profile
and person. A deliberate change is written down with `RENEW_DIGESTS=1 ./dev test
tests/rules/test_unchanged.py`; the difference of the file then shows whom it concerns.
"""

import hashlib
import json
import os
import re
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command

from reviews import dossiers, rulebooks
from reviews.models import Prescription, Taper
from reviews.rules.dossier import Dossier
from reviews.rules.examples import EXAMPLES
from reviews.rules.screen import screen

FILE = Path(__file__).with_name("unchanged.json")
PEOPLE = 2_000
TODAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def sign_ins(tmp_path, settings):
    settings.DEMO_SIGN_INS = tmp_path / "demo-signins.json"


def digest(screening, first_line=0, first_taper=1):
    """A short digest; lines count from the first one of the person, tapers from `first_taper`."""
    exposure = screening.exposure

    def lines(ids):
        return [pk - first_line for pk in ids]

    def key(finding):
        """The key as in a database without an earlier taper."""
        if not finding.rule_id.startswith("TAP-"):
            return finding.key
        return re.sub(
            r"(?<=:)\d+(?=:|$)", lambda pk: str(int(pk[0]) - first_taper + 1), finding.key
        )

    def found(finding):
        fields = finding._asdict()
        # Where its case stands in the queue is newer than the digests; test_people.py holds it.
        del fields["leads"]
        return {**fields, "key": key(finding), "line_ids": lines(finding.line_ids)}

    said = {
        "findings": [found(finding) for finding in screening.findings],
        "gaps": [[gap.rule_id, lines(gap.line_ids), gap.reason] for gap in screening.not_evaluable],
        "valid_until": screening.valid_until,
        "exposure": exposure and {name: getattr(exposure, name) for name in exposure.__slots__},
    }
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_examples(book):
    found = {}
    for rule_id, examples in sorted(EXAMPLES.items()):
        for example in examples:
            values = {name: getattr(example.dossier, name) for name in Dossier.__slots__}
            for profile in example.claims:
                dossier = Dossier(**(values | {"profile": profile}))
                found[f"{rule_id}, {profile}: {example.why}"] = digest(screen(dossier, book))
    return found


def of_seeded_people(book):
    call_command("seed", patients=PEOPLE, today=TODAY, decisions=0, verbosity=0)
    first_lines = {}
    for patient, pk in Prescription.objects.order_by("-pk").values_list("patient_id", "pk"):
        first_lines[patient] = pk
    first_taper = Taper.objects.order_by("pk").values_list("pk", flat=True)[0]
    people = sorted({*Prescription.objects.values_list("patient_id", flat=True)})
    numbers = {pk: n for n, pk in enumerate(people)}
    return {
        f"treated person {numbers[pk]:04d}": digest(
            screen(make(), book), first_lines[pk], first_taper
        )
        for pk, _, make in sorted(dossiers.read(people, as_of=TODAY), key=lambda row: row[0])
    }


def test_what_screening_says_is_what_was_written_down(rulebook):
    book = rulebooks.live()[1]
    found = {"examples": of_examples(book), "people": of_seeded_people(book)}
    if os.environ.get("RENEW_DIGESTS"):
        FILE.write_text(json.dumps(found, indent=0) + "\n")
    known = json.loads(FILE.read_text())
    for group, digests in found.items():
        assert digests.keys() == known[group].keys()
        changed = [name for name, each in digests.items() if each != known[group][name]]
        assert not changed, f"{len(changed)} of {len(digests)} {group} changed"

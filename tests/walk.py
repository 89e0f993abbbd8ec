"""Going through every address of the portal as somebody, and what may not be seen on the way."""

import ast
import gc
import json
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from reviews import access
from reviews.errors import NotFound
from reviews.models import Practice, Role
from tests.web.browse import BACKEND

ROOT = Path(__file__).resolve().parents[1]


# -- Every address -------------------------------------------------------------------------------


class Route(NamedTuple):
    """An address by its name, and the names of what it takes."""

    name: str
    takes: tuple[str, ...]


def routes():
    """Every named address of ours: pages and API, without those of sign-in."""
    found = []

    def collect(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                if pattern.name:
                    found.append(Route(pattern.name, tuple(pattern.pattern.converters)))
            elif str(pattern.pattern) != "accounts/":
                collect(pattern.url_patterns)

    collect(get_resolver().url_patterns)
    return found


def arguments(world):
    """`{name of the address: what it takes}` to reach what belongs to `world`."""
    person, case = {"pk": world.patient.pk}, {"pk": world.case.pk}
    taper = {"pk": world.taper.pk}
    drug = {"key": "diazepam"}
    row = {**drug, "kind": "equivalent", "pk": world.equivalent}
    given = {
        **{route.name: person for route in routes() if route.name.startswith("patient-")},
        **{route.name: case for route in routes() if route.name.startswith("case-")},
        "patients": {},
        "patient": person,
        "patient-register": {},
        "patient-reading": {**person, "kind": "egfr"},
        "patient-reading-correct": {**person, "kind": "egfr", "reading_pk": world.reading.pk},
        "patient-exemption-end": {**person, "exemption_pk": world.exemption.pk},
        "patient-merge": {**person, "other": world.other.pk},
        "prescription-log": person,
        "prescription-preview": person,
        "medicine-search": person,
        "prescription-amend": {"pk": world.prescription.pk},
        "prescription-withdraw": {"pk": world.prescription.pk},
        "case": case,
        "case-confirm": case,
        "data-quality-check": {"pk": world.item.pk},
        "import-note-answer": {"pk": world.note.pk},
        "drug": drug,
        "drug-add": {**drug, "kind": "equivalent"},
        "drug-edit": row,
        "drug-retire": row,
        "waiting-record": {"pk": world.question.pk},
        "merge-undo": {"pk": world.merge.pk},
        "kept-apart-undo": {"pk": world.apart.pk},
        "job-cancel": {"pk": world.job.pk},
        "key-revoke": {"pk": world.key.pk},
        "queue-view": {"pk": world.view.pk},
        "rulebook": {"number": 1},
        "rulebook-publish": {"number": 1},
        "rulebook-discard": {"number": 1},
        "rule": {"rule_id": "DUR-01"},
        "taper-plan": person,
        "taper": taper,
        "taper-sheet": taper,
        "taper-move": {**taper, "code": "start"},
        "unknown-medicines-take-back": {"pk": world.said.pk},
        "unknown-medicines-take-meaning-back": {"pk": world.meaning.pk},
        "api-prescription": {"pk": world.prescription.pk},
        "api-reading": {"pk": world.reading.pk},
        "api-taper": taper,
        "api-note": {"pk": world.note.pk},
        "api-patient": person,
        "api-flag": {"pk": world.flag.pk},
        "api-case": case,
        "api-decision": {"pk": world.decision.pk},
    }
    return given

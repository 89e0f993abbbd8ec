"""A system that speaks FHIR, and somebody whom it has sent."""

import pytest

from tests.fhir.asking import System
from tests.fhir.test_fhir_writing_people import bell, post


@pytest.fixture
def system(harbour, ada):
    return System(harbour, by=ada)


@pytest.fixture
def ann(system):
    return f"Patient/{post(system, bell()).json()['id']}"

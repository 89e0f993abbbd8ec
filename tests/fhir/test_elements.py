"""What is read from each source is said in one table, which the code itself is compared with."""

from pathlib import Path

import msgspec
import pytest

from reviews.fhir.read import resources
from reviews.fhir.read.elements import ELEMENTS
from reviews.fhir.read.file import READ
from reviews.management.commands import sources

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
PARTS = {
    "Every resource": resources.Resource,
    "Dosage": resources.Dosage,
    "Supply": resources.DispenseRequest,
}


def fields(shape):
    return {field.encode_name for field in msgspec.structs.fields(shape)}


@pytest.mark.parametrize(("name", "shape"), [*READ.items(), *PARTS.items()])
def test_every_element_that_is_read_is_in_the_table_and_no_other(name, shape):
    common = fields(resources.Resource) if name in READ else set()
    assert set(ELEMENTS[name]) == fields(shape) - common


def test_every_element_of_a_timing_is_in_the_table():
    said = " ".join(ELEMENTS["Timing"])
    for name in fields(resources.Repeat):
        assert name in said, name
    assert {"event", "code"} <= set(ELEMENTS["Timing"])


def test_the_table_knows_no_resource_that_is_not_read():
    assert set(ELEMENTS) == {*READ, *PARTS, "Timing"}


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text() == sources.page(), "renew it: ./dev manage sources > docs/sources.md"

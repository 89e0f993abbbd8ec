"""A template can be read on a screen: no line is so long that what it does is out of sight."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 200  # characters; djlint aims at 120, but a tag of the template language cannot be broken


def test_no_line_of_a_template_is_too_long():
    templates = sorted((ROOT / "templates").rglob("*.*"))
    assert templates
    too_long = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} characters"
        for path in templates
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST
    ]
    assert not too_long, "\n".join(too_long)


def test_no_plural_begins_with_a_space_by_accident():
    """`pluralize:" is, s are"` gives " s are": what stands after the comma is taken as it is."""
    argument = re.compile(r'pluralize:"[^"]*,\s')
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / "templates").rglob("*.*"))
        for match in argument.finditer(path.read_text())
    ]
    assert not found, "\n".join(found)

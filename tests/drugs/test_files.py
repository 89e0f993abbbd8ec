"""Every fault in the files is one line that names the file and the row; nothing is guessed."""

from datetime import date

import pytest

from drugs import files
from tests.drugs.conftest import TODAY

FAULTS = [
    # what is wrong, file, text, spoilt text, what the line says
    (
        "unknown class",
        "interacting.toml",
        'class = "gabapentinoid"',
        'class = "gabapentin"',
        "interacting.toml ingredient 110 (gabapentin) classes 1: unknown class 'gabapentin'",
    ),
    (
        "duplicate code within a file",
        "products.toml",
        'code = "197591"',
        'code = "197590"',
        "duplicate rxnorm 197590",
    ),
    (
        "duplicate code across files",
        "combinations.toml",
        'code = "N02AJ06"',
        'code = "N05BA01"',
        "combinations.toml combination 38 (N05BA01): duplicate atc N05BA01",
    ),
    (
        "citation that does not exist",
        "interacting.toml",
        'cite = "gaba-class"',
        'cite = "gaba"',
        "missing citation: there is no 'gaba' in citations.toml",
    ),
    (
        "no citation at all",
        "brands.toml",
        'ingredients = ["diazepam"], cite = "rxnorm"',
        'ingredients = ["diazepam"]',
        "missing citation: name one by cite",
    ),
    (
        "citation without a source",
        "citations.toml",
        'source = "UK SmPC, zopiclone tablets"',
        'source = " "',
        "citations.toml [zopiclone-uk]: missing citation: source is not given",
    ),
    (
        "review further off than a year",
        "citations.toml",
        "next_review = 2027-02-28",
        "next_review = 2027-11-24",
        "next review 2027-11-24 is not within a year of 2026-11-22",
    ),
    (
        "unknown ingredient in a product",
        "products.toml",
        '[["triazolam", 0.25, "tablet"]]',
        '[["triazolan", 0.25, "tablet"]]',
        "unknown ingredient 'triazolan'",
    ),
    (
        "unknown ingredient under a name",
        "brands.toml",
        'ingredients = ["codeine", "paracetamol"]',
        'ingredients = ["codein", "paracetamol"]',
        "unknown ingredient 'codein'",
    ),
    (
        "zero as a strength",
        "products.toml",
        '["diazepam", 5, "tablet"]',
        '["diazepam", 0, "tablet"]',
        "mg 0 is not a number above zero",
    ),
    (
        "words as a limit",
        "benzodiazepines.toml",
        "mg_per_day = 40",
        'mg_per_day = "forty"',
        "mg_per_day 'forty' is not a number above zero",
    ),
    (
        "limit without a figure",
        "benzodiazepines.toml",
        ", mg_per_day = 40",
        "",
        "mg_per_day is missing",
    ),
    (
        "range upside down",
        "benzodiazepines.toml",
        "mg = 1, mg_high = 2",
        "mg = 3, mg_high = 2",
        "mg_high 2 is not above mg 3",
    ),
    (
        "unknown band",
        "benzodiazepines.toml",
        'value = "intermediate"',
        'value = "medium"',
        "band 'medium' is none of short, intermediate, long, unknown",
    ),
    (
        "unknown profile",
        "benzodiazepines.toml",
        'profiles = ["US"]',
        'profiles = ["USA"]',
        "profile 'USA' is none of UK, US, EU",
    ),
    (
        "severity off the scale",
        "interacting.toml",
        "severity = 1",
        "severity = 5",
        "severity 5 is none of 1, 2, 3, 4",
    ),
    (
        "misspelt field",
        "interacting.toml",
        "severity = 1",
        "severty = 1",
        "unknown field severty",
    ),
    (
        "a brand with the name of another ingredient",
        "brands.toml",
        'name = "Valium"',
        'name = "Lorazepam"',
        "ingredient lorazepam: duplicate name lorazepam",
    ),
    (
        "part without a unit",
        "products.toml",
        '["diazepam", 5, "tablet"]',
        '["diazepam", 5]',
        "is not [ingredient, mg, per unit]",
    ),
    (
        "not TOML",
        "status.toml",
        "status = [",
        "status = [[",
        "status.toml: not readable as TOML",
    ),
]


def test_the_files_as_they_ship_have_no_fault(shipped):
    assert shipped.faults == []
    assert shipped.overdue == []


@pytest.mark.parametrize(
    ("file", "text", "spoilt", "line"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_fault_is_one_line_naming_file_and_row(folder, file, text, spoilt, line):
    path = folder / file
    content = path.read_text()
    assert text in content
    path.write_text(content.replace(text, spoilt, 1))
    reading = files.read(folder, today=TODAY)
    assert any(line in fault for fault in reading.faults), reading.faults[:5]
    assert all(fault.split(" ")[0].rstrip(":").endswith(".toml") for fault in reading.faults) or (
        "duplicate name" in line
    )


def test_every_fault_is_said_at_once(folder):
    products = folder / "products.toml"
    content = products.read_text().replace('["diazepam", 5, "tablet"]', '["diazepan", 5, "tablet"]')
    products.write_text(content)
    faults = files.read(folder, today=TODAY).faults
    assert len(faults) == content.count('["diazepan", 5, "tablet"]') > 1


def test_a_missing_file_is_said(folder):
    (folder / "status.toml").unlink()
    assert files.read(folder, today=TODAY).faults == ["status.toml: file is missing"]


@pytest.mark.parametrize(
    ("today", "overdue"),
    [(date(2027, 2, 28), False), (date(2027, 3, 1), True)],
    ids=["on the day of the review", "the day after"],
)
def test_overdue_knowledge_is_named_with_its_rows(today, overdue):
    reading = files.read(today=today)
    assert reading.faults == []
    lines = [line for line in reading.overdue if line.startswith("citations.toml [atc]:")]
    assert bool(lines) is overdue
    if overdue:
        assert "review overdue since 2027-02-28" in lines[0]
        assert "rows: WHO Collaborating Centre" in lines[0]


def test_a_row_may_carry_its_own_dates(folder):
    path = folder / "benzodiazepines.toml"
    text = 'mg_per_day = 40, cite = "diazepam-us"'
    own = f"{text}, reviewed = 2026-01-01, next_review = 2026-11-01"
    path.write_text(path.read_text().replace(text, own, 1))
    reading = files.read(folder, today=TODAY)
    assert reading.faults == []
    assert len(reading.overdue) == 1
    assert "(diazepam) limits 1: review overdue since 2026-11-01" in reading.overdue[0]
    assert reading.rows["Limit"]["diazepam", "US", "adult"]["reviewed"] == date(2026, 1, 1)


def test_no_citation_names_a_page_where_a_copy_was_seen(shipped):
    cited = {row["source"] for rows in shipped.rows.values() for row in rows.values()}
    assert not [source for source in cited if "http" in source or ".com" in source]


def test_general_knowledge_is_never_marked_verified(shipped):
    for model, rows in shipped.rows.items():
        for key, row in rows.items():
            if "general knowledge" in row["source"].lower() or "secondary" in row["source"]:
                assert not row["verified"], (model, key)

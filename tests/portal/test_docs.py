"""What the pages under docs/ point at is there, and the list of ASVS is whole."""

import re
from collections import Counter
from itertools import chain

import pytest

from portal.local import BASE_DIR

PAGES = [BASE_DIR / "README.md", *sorted((BASE_DIR / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
TOPS = ("reviews/", "portal/", "drugs/", "tests/", "docs/", "templates/", "benchmarks/", ".ci/")
# How many of levels 1 and 2 each chapter of ASVS 5.0.0 has.
ASVS = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
STATES = {"met", "partly", "in preparation", "not met", "yours", "none here"}


def text(page):
    return page.read_text()


def prose(page):
    """The page without its blocks of code, which may show what is not there yet."""
    return re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """The anchors of a page's headings, as git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page, columns):
    """The rows of a page's tables that have so many columns, without their heads."""
    for line in prose(page).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and not set(cells[0]) <= set("-: "):
            yield cells


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    lost = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page):
    named = {code.split()[0].rstrip(".,:") for code in CODE.findall(prose(page))}
    paths = [
        name for name in named if name.startswith(TOPS) and not re.search(r"[*<>{}\[(]|NAME", name)
    ]
    assert [path for path in paths if not (BASE_DIR / path).exists()] == []


def test_the_list_of_asvs_is_whole():
    found = list(rows(BASE_DIR / "docs" / "asvs.md", 4))
    numbers = list(chain(*(re.findall(r"\b\d+\.\d+\.\d+\b", cells[0]) for cells in found)))
    assert [number for number, times in Counter(numbers).items() if times > 1] == []
    assert Counter(int(number.split(".")[0]) for number in numbers) == ASVS
    assert sum(ASVS.values()) == 253


def test_what_asvs_calls_met_has_its_evidence():
    for number, _, state, evidence in list(rows(BASE_DIR / "docs" / "asvs.md", 4))[1:]:
        if number == "number":
            continue
        assert state in STATES, number
        assert evidence or state in ("none here", "in preparation"), number


def test_every_hazard_and_threat_names_what_shows_its_control():
    hazards = list(rows(BASE_DIR / "docs" / "clinical-safety.md", 4))[1:]
    assert len(hazards) > 25
    assert [cells[0] for cells in hazards if not cells[3]] == []
    threats = [cells for cells in rows(BASE_DIR / "docs" / "security.md", 5) if len(cells[1]) == 1]
    assert len(threats) > 25
    assert {cells[1] for cells in threats} == set("STRIDE")
    assert [cells[2] for cells in threats if not (cells[3] or cells[4])] == []
    shown = [cells for cells in threats if "tests/" in cells[3] or ".ci/" in cells[3]]
    assert len(shown) > len(threats) / 2

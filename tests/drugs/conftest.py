"""The formulary as it ships, read and as a rule book."""

import shutil
from datetime import date

import pytest

from drugs import files
from reviews.rules.book import RuleBook

TODAY = date(2026, 11, 22)
BOOKS = {}


@pytest.fixture(scope="session")
def shipped():
    return files.read(today=TODAY)


@pytest.fixture
def folder(tmp_path):
    """A copy of the files, to spoil."""
    shutil.copytree(files.DATA, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def book(rulebook):
    """The published book, built once."""
    if rulebook.digest not in BOOKS:
        BOOKS[rulebook.digest] = RuleBook.from_json(rulebook.book)
    return BOOKS[rulebook.digest]

"""The second wall: what PostgreSQL shows, whatever the pages forget to ask."""

import sys
from collections import defaultdict

import pytest
from django.db import connection

from tests import database, forgotten, walk
from tests.world import World

SAMPLE = 9
"""Each how many of the places is tried here; `.ci/walls.py` tries all of them."""


@pytest.fixture
def quill(harbour, lakeside):
    return World(harbour, "Quillfeather")


@pytest.fixture
def marsh(lakeside):
    return World(lakeside, "Marshbanks")


def count(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_nobody_of_another_practice_is_shown_anything(quill, marsh):
    visitors = walk.Visitors(marsh)
    seen, failed = [], []
    for asked in walk.requests(marsh, quill):
        answer = visitors.ask(asked)
        if walk.shows(answer, quill):
            seen.append(asked)
        if answer.status_code >= 500:
            failed.append(asked)
    assert seen == []
    assert failed == []


def test_one_of_everything_is_shown_to_the_own_practice(quill, marsh):
    """Or the walk would find nothing because it looks nowhere."""
    visitors = walk.Visitors(quill)
    found = {
        asked.address
        for asked in walk.requests(quill, quill)
        if asked.method == "GET" and walk.shows(visitors.ask(asked), quill)
    }
    assert len(found) > 40, sorted(found)


@pytest.fixture
def reached(quill, marsh):
    """`{code of a site: the requests that come to it}`."""
    codes = {forgotten.code_of(site) for site in forgotten.sites()}
    found, here = defaultdict(list), []

    def look(frame, event, _):
        if event == "call" and frame.f_code in codes:
            here.append(frame.f_code)

    visitors = walk.Visitors(marsh)
    for asked in walk.requests(marsh, quill):
        here.clear()
        sys.setprofile(look)
        try:
            visitors.ask(asked)
        finally:
            sys.setprofile(None)
        for code in dict.fromkeys(here):
            found[code].append(asked)
    return found


def leaks(site, asked, visitors, world):
    with forgotten.forgetting(site):
        return [each for each in asked if walk.shows(visitors.ask(each), world)]


def test_what_a_page_forgets_to_ask_the_database_does_not_show(quill, marsh, reached, request):
    every = 1 if request.config.getoption("--sites") else SAMPLE
    visitors = walk.Visitors(marsh)
    tried, without_the_wall, said = 0, 0, []
    for site in forgotten.sites()[::every]:
        asked = reached[forgotten.code_of(site)]
        assert leaks(site, asked, visitors, quill) == [], site
        with database.as_owner():
            shown = len(leaks(site, asked, visitors, quill))
        tried += 1
        without_the_wall += bool(shown)
        said.append(f"{site}: {len(asked)} requests, {shown} show a foreign row without the wall")
    assert without_the_wall > tried / 3, "\n".join(said)
    if every == 1:
        print("\n".join([*said, f"{tried} places, {without_the_wall} leak without the wall"]))

"""The second wall: what PostgreSQL shows, whatever the pages forget to ask."""

import sys
from collections import defaultdict

import pytest

from reviews.models import Role
from tests import database, forgotten, walk
from tests.world import World

SAMPLE = {
    ("reviews/access.py", "scope"),
    ("reviews/api/views.py", "scope"),
    ("reviews/views/identity.py", "fetch"),
    ("reviews/views/person.py", "fetch"),
    ("reviews/views/queue.py", "scope"),
    ("reviews/views/search.py", "scope"),
}
"""Places where nothing else asks, so that without the wall each shows a foreign row."""
AT_MOST = 90
"""About so many requests for each of them."""
AT_MOST_EACH = 24
"""About so many for each place that there is, by `.ci/walls.py`, so that it takes ten minutes."""
NAMES_A_SYSTEM = ("reviews/queries/trail.py", "visible")
"""Where this forgets to ask, the trail tells that a system elsewhere asked for a long job: an event
of no practice, with the name of the system. Names of staff and systems are not walled."""
EVERY = 3
"""Of the requests every third is looked through here; by tests/web/test_doors.py each address that
names a row is refused to whoever works elsewhere."""


@pytest.fixture
def quill(harbour, lakeside):
    return World(harbour, "Quillfeather")


@pytest.fixture
def marsh(lakeside):
    return World(lakeside, "Marshbanks")


def test_one_of_everything_is_shown_to_the_own_practice(quill):
    """Or the walk would find nothing because it looks nowhere."""
    visitors = walk.Visitors(quill)
    found = set()
    for asked in walk.requests(quill, quill):
        if asked.method != "GET" or asked.address in found:
            continue
        if walk.shows(visitors.ask(asked), quill):
            found.add(asked.address)
    assert len(found) > 40, sorted(found)


def walked(visitors, asked, world):
    """`(requests that failed or were shown something of `world`, requests by code reached)`."""
    codes = {forgotten.code_of(site) for site in forgotten.sites()}
    wrong, reached, here = [], defaultdict(list), []

    def look(frame, event, _):
        if event == "call" and frame.f_code in codes:
            here.append(frame.f_code)

    for each in asked:
        here.clear()
        sys.setprofile(look)
        try:
            answer = visitors.ask(each)
        finally:
            sys.setprofile(None)
        if answer.status_code >= 500 or walk.shows(answer, world):
            wrong.append((answer.status_code, each))
        for code in dict.fromkeys(here):
            reached[code].append(each)
    return wrong, reached


def leaks(site, asked, visitors, world):
    with forgotten.forgetting(site):
        return [each for each in asked if walk.shows(visitors.ask(each), world)]


def test_what_a_page_forgets_to_ask_the_database_does_not_show(quill, marsh, request):
    """Nothing of another practice: as it is, and with one question of `access` left out."""
    every = request.config.getoption("--sites")
    visitors = walk.Visitors(marsh)
    asked = [each for each in walk.requests(marsh, quill) if not left_out(each)]
    wrong, reached = walked(visitors, asked if every else asked[::EVERY], quill)
    assert not wrong, "\n".join(map(str, wrong))
    behind, leaking = [], 0
    for site in forgotten.sites():
        came = reached[forgotten.code_of(site)]
        if not every and (site.path, site.asked) not in SAMPLE:
            continue
        came = came[:: max(1, len(came) // (AT_MOST_EACH if every else AT_MOST))]
        if (site.path, forgotten.function_of(site)) != NAMES_A_SYSTEM:
            behind += [(site, each) for each in leaks(site, came, visitors, quill)]
        with database.as_owner():
            shown = len(leaks(site, came, visitors, quill))
        if every:
            where = f"| `{site.path}` | `{forgotten.function_of(site)}` | `{site.asked}` |"
            print(f"{where} {len(came)} | {shown} |", flush=True)
        else:
            assert shown, f"{site} is asked again elsewhere: choose another place"
        leaking += bool(shown)
    assert not behind, "\n".join(map(str, behind))
    assert leaking >= len(SAMPLE)


def left_out(asked):
    """The state of the parts, which are not there; and what is asked of one for all practices.

    Whoever keeps the formulary is asked about the texts nobody knows, wherever they are.
    """
    unknown = asked.address.startswith(("/unknown-medicines", "/upkeep"))
    return asked.address == "/healthz" or (unknown and asked.who == Role.FORMULARY_ADMIN)

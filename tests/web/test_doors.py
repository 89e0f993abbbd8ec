"""Role by address by practice: every page and API route, tried by everybody."""

from pathlib import Path

import pytest
from django.urls import reverse

from reviews.access import DOORS, GRANTS
from reviews.models import AuditEvent, Role
from reviews.queries import trail
from tests import walk
from tests.world import World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "roles.md"
REFUSED = {401, 403, 404, 405}
"""405: by FHIR, where a client would give a resource an id that is not here for them."""
UNREAD = {400, 409, 422}
"""An empty form was looked at before it was asked who sent it, and nothing came of it."""
ELSEWHERE = {"queue", "queue-claim"}
"""Sends those who may not to what they may see, and says of each case that it was not claimed."""


@pytest.fixture
def quill(harbour):
    return World(harbour, "Quillfeather")


@pytest.fixture
def marsh(lakeside):
    return World(lakeside, "Marshbanks")


def test_every_address_has_a_door():
    assert {route.name for route in walk.routes()} == DOORS.keys()


def tried():
    """`(name of an address, method, its door, what it asks for, who)`, for all that can be."""
    for name, door in DOORS.items():
        for method, actions in ways(door):
            for role in Role:
                if not door.own and not door.public:
                    yield name, method, door, actions, role


def ways(door):
    """`(method, what it asks for)`, for each way to come to an address."""
    both = (("GET", door.see), (door.by, door.do))
    return [(method, actions) for method, actions in both if actions is not None]


def who(role, door):
    return walk.KEYS.get(role, role) if door.system else role


def asking(world):
    """`(name of an address, method, role, its door): the request for what belongs to `world``."""
    given, sent = walk.arguments(world), walk.sent(world)

    def request(name, method, role, door):
        data = sent.get(name, {}) if method != "GET" else {}
        if data and name == "unknown-medicines-judge" and role == Role.FORMULARY_ADMIN:
            data = {"where": "everywhere"}
        address = reverse(name, kwargs=given[name])
        return walk.Asked(who(role, door), method, address, tuple(data.items()))

    return request


def answered(visitors, asked):
    """`(status, whether something was done)`: looking at a page stands in the trail as well."""
    done = AuditEvent.objects.exclude(verb__in=trail.READ)
    counts = []
    before = done.count()
    status = visitors.ask(asked, then=lambda: counts.append(done.count())).status_code
    return status, counts[0] > before


def test_every_role_comes_in_where_the_table_says_so_and_nowhere_else(quill):
    visitors, request, wrong = walk.Visitors(quill), asking(quill), []
    for name, method, door, actions, role in tried():
        status, changed = answered(visitors, request(name, method, role, door))
        may = door.opens(role, actions)
        out = status in REFUSED or (name in ELSEWHERE and status == 302 and not changed)
        if not may and method != "GET":
            out = out or (status in UNREAD and not changed)
        if may == out or status >= 500:
            wrong.append(f"{role} {method} {name}: {status}, may: {may}")
    assert not wrong, "\n".join(wrong)


def test_nobody_comes_in_at_another_practice(quill, marsh):
    visitors, request = walk.Visitors(marsh), asking(quill)
    takes = {route.name: route.takes for route in walk.routes()}
    wrong = []
    for name, method, door, actions, role in tried():
        if not takes[name] or (door.anywhere(actions) and not door.either):
            continue
        status, changed = answered(visitors, request(name, method, role, door))
        if status not in REFUSED or changed:
            wrong.append(f"{role} {method} {name}: {status}, changed: {changed}")
    assert not wrong, "\n".join(wrong)


def test_nobody_comes_in_without_signing_in(quill, client):
    given = walk.arguments(quill)
    wrong = []
    for name, door in DOORS.items():
        for method, _ in ways(door):
            if door.public:
                continue
            asked = walk.Asked("nobody", method, reverse(name, kwargs=given[name]))
            answer = walk.send(client, asked)
            to_sign_in = answer.status_code == 302 and "/accounts/login/" in answer["Location"]
            if answer.status_code != 401 and not to_sign_in:
                wrong.append(f"{method} {name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_the_page_says_what_the_tables_say():
    assert PAGE.read_text() == written(), "the page says how it is written again"


def written():
    """The page of roles, from the two tables of `reviews/access.py`."""
    heads = [role.label for role in Role]
    lines = [
        "# Who may do what, and where",
        "",
        "Written from `GRANTS` and `DOORS` in `reviews/access.py`. A test compares it, tries each",
        "address with every role, at the own practice and at another one, and fails for one that",
        "is not here. `./dev manage shell -c 'from tests.web.test_doors import *;",
        "PAGE.write_text(written())'` writes it again.",
        "",
        "A role counts at the practice where it is held. *Anywhere*: what it is about belongs to",
        "no practice.",
        "",
        f"| action | {' | '.join(heads)} | |",
        f"|---|{'---|' * len(heads)}---|",
    ]
    for action, grant in GRANTS.items():
        marks = ["yes" if role in grant.roles else "" for role in Role]
        lines.append(f"| {action} | {' | '.join(marks)} | {'anywhere' if grant.anywhere else ''} |")
    lines += [
        "",
        "*see*: the page or the answer is shown. *send*: the form or the request is taken. At",
        "another practice: never, but for what is the same in every practice, and for the pages of",
        "one record that was opened in an emergency, to read. A marked record asks for a reason",
        "first.",
        "",
        f"| address | {' | '.join(heads)} | |",
        f"|---|{'---|' * len(heads)}---|",
    ]
    for name, door in DOORS.items():
        marks = []
        for role in Role:
            may = [
                word
                for word, actions in (("see", door.see), ("send", door.do))
                if actions is not None and door.opens(role, actions)
            ]
            marks.append(", ".join(may))
        notes = [
            word
            for word, holds in (
                ("without signing in", door.public),
                ("only one’s own", door.own),
                ("by key", door.system),
            )
            if holds
        ]
        lines.append(f"| `{name}` | {' | '.join(marks)} | {', '.join(notes)} |")
    return "\n".join(lines) + "\n"

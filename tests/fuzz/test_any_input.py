"""Whatever is sent to any form, question or API address is answered, and never by a failure.

`FUZZ_TRIES=20000 ./dev test tests/fuzz` is the long run; `FUZZ_SEED` draws other tries. What is
sent is found from the table of addresses and from the pages themselves (tests/fuzz/surface.py).
"""

import gzip
import logging
import os
import random
import sys
import traceback
from urllib.parse import quote_plus, urlencode

import pytest
from django.core.signals import got_request_exception
from django.db import transaction
from django.test import Client

from reviews.models import (
    ApiKey,
    Case,
    Condition,
    Flag,
    IdentityQuestion,
    ImportNote,
    Invitation,
    Job,
    Patient,
    Prescription,
    Reading,
    Role,
    RuleVersion,
    SavedView,
    Taper,
    WaitingRecord,
)
from reviews.verbs import clients, invitations, saved_views, screen, sync
from tests import make
from tests.api import sent
from tests.fuzz import nasty
from tests.fuzz.surface import addresses, survey
from tests.web.browse import BACKEND

TRIES = int(os.environ.get("FUZZ_TRIES", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "11"))
AT_ONCE = 2_000
"""More tries in one transaction would hold more locks than PostgreSQL has room for."""
RECORDS = {
    "prescriptions": sent.prescription,
    "conditions": sent.condition,
    "readings": sent.reading,
    "patients": sent.patient,
}

MODELS = (
    ApiKey, Case, Condition, Flag, IdentityQuestion, ImportNote, Invitation, Job, Patient,
    Prescription, Reading, RuleVersion, SavedView, Taper, WaitingRecord,
)  # fmt: skip
KEEP_PEOPLE = ("api/v1/practices", "api/v1/people", "api/v1/invitations")
HEADERS = (
    "Accept-Language", "Authorization", "Cookie", "HX-Current-URL", "If-Modified-Since", "Range",
    "Referer", "X-Forwarded-For",
)  # fmt: skip
QUESTIONS = (
    "limit", "cursor", "updated_since", "practice", "patient", "status", "state", "rule",
    "severity", "case", "kind", "identifier", "source_id", "refused", "unknown",
)  # fmt: skip
SUFFIXES = ("²", "-1", "-²", "0", "[]", "-" + "9" * 30)


def people_and_practices():
    """What a list of staff elsewhere sends, by REST."""
    return (
        {
            "family_name": "Ashby",
            "given_name": "Tom",
            "roles": ["clinician"],
            "email": "t@example.org",
        },
        {"roles": ["clinician", "reviewer"]},
        {
            "register": "GMC",
            "number": "9000017",
            "status": "registered",
            "checked_on": "2026-01-02",
        },
        {"at": f"{make.day(30)}T10:00:00Z", "cases_to": 1},
        {
            "name": "Harbour",
            "telephone": "01632 960114",
            "country": "GB",
            "time_zone": "Europe/London",
        },
    )


class Sender:
    """Sends what was drawn, undoes what it did, and keeps what failed."""

    def __init__(self, user, secret, staff_secret, seed):
        self.random = random.Random(seed)
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user, backend=BACKEND)
        self.cookies = self.client.cookies.output(header="", sep=";").strip()
        self.secret, self.staff_secret = secret, staff_secret
        self.failed, self.statuses, self.raised = {}, {}, None
        found = (model.objects.values_list("pk", flat=True)[:3] for model in MODELS)
        self.ids = sorted({pk for pks in found for pk in pks})

    def page(self, address):
        """The text of a page, or None where there is none to read."""
        answer = self.send("GET", address)
        is_page = answer.status_code == 200 and "html" in answer.get("Content-Type", "")
        return answer.content.decode() if is_page else None

    def send(self, method, address, body=b"", kind="", **headers):
        """One request, in a transaction that is undone."""
        path, _, query = address.partition("?")
        self.client.cookies.clear()
        self.client.cookies.load(self.cookies)
        self.raised = None
        # No block of its own: what is read is written down in a transaction that is within none.
        before = transaction.savepoint()
        answer = self.client.generic(
            method, path, body, content_type=kind, QUERY_STRING=query, headers=headers
        )
        transaction.savepoint_rollback(before)
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        # 503 is what health says here, where no worker runs.
        if self.raised or answer.status_code == 500:
            where = traceback.extract_tb(self.raised.__traceback__)[-1] if self.raised else None
            reason = f"{type(self.raised).__name__}: {str(self.raised)[:200]} at {where}"
            self.failed.setdefault(reason, f"{method} {address[:300]} {body[:300]!r}")
        return answer

    def note(self, sender, **given):
        self.raised = sys.exc_info()[1]

    # -- what is drawn ----------------------------------------------------------------------------

    def one_of_all(self, surface):
        match self.random.randrange(11):
            case 0 | 1 | 2 | 3:
                self.form(self.random.choice(list(surface.forms.values())))
            case 4 | 5:
                self.question(surface)
            case 6:
                self.address()
            case 7 | 8:
                self.records()
            case 9:
                self.people()
            case _:
                self.api_question()

    def form(self, form):
        fields = [list(each) for each in form.fields]
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            self._spoil(fields)
        address = self._spoiled_number(form.address) if self.random.random() < 0.1 else form.address
        body = self._encoded(fields)
        if form.method == "get":
            self.send("GET", f"{address.partition('?')[0]}?{body.decode('latin-1')}")
        elif self.random.random() < 0.1:
            self.send("POST", address, *self._multipart(fields))
        else:
            self.send("POST", address, body, "application/x-www-form-urlencoded")

    def question(self, surface):
        path = self.random.choice(list(surface.questions) or ["/"])
        asked = [list(each) for each in surface.questions.get(path, {}).items()] or [["q", "a"]]
        self._spoil(asked)
        headers = {"HX-Request": "true"} if self.random.random() < 0.3 else {}
        self.send("GET", f"{path}?{self._encoded(asked).decode('latin-1')}", **headers)

    def address(self):
        """Any address, by any method, with numbers that no row has."""
        numbers = (*nasty.NUMBERS, *map(str, self.ids))
        address = self.random.choice(list(addresses()))
        path = address.at(lambda *_: quote_plus(self.random.choice(numbers)))
        method = self.random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"))
        value = self.random.choice(nasty.ALL)[:2000].replace("\r", "").replace("\n", "")
        value = value.encode().decode("latin-1")  # as a server hands over what came
        headers = {self.random.choice(HEADERS): value}
        self.send(method, path, b"a=b", "application/x-www-form-urlencoded", **headers)

    def records(self):
        kind = self.random.choice(list(RECORDS))
        some = [RECORDS[kind]() for _ in range(self.random.choice((1, 1, 3)))]
        body = nasty.bodies(some, self.random)
        headers = {"Authorization": f"Bearer {self.secret}"}
        media = self.random.choice(
            ["application/json"] * 6 + ["application/x-ndjson", "text/plain"]
        )
        if self.random.random() < 0.1:
            body = gzip.compress(body)[: self.random.choice((None, 20))]
            headers["Content-Encoding"] = "gzip"
        self.send("POST", f"/api/v1/{kind}/sync", body, media, **headers)

    def people(self):
        """What keeps practices and people: a body for any of its addresses."""
        there = [each for each in addresses() if each.route.startswith(KEEP_PEOPLE)]
        path = self.random.choice(there).at(
            lambda *_: self.random.choice((*map(str, self.ids), "harbour", "9" * 25))
        )
        body = nasty.bodies([self.random.choice(people_and_practices())], self.random)
        if self.random.random() < 0.8:
            body = body.removeprefix(b"[").removesuffix(b"]")  # one, and no list
        method = self.random.choice(("POST", "PUT", "PATCH"))
        headers = {"Authorization": f"Bearer {self.staff_secret}"}
        self.send(method, path, body, "application/json", **headers)

    def api_question(self):
        there = [each for each in addresses() if each.route.startswith("api/")]
        path = self.random.choice(there).at(
            lambda *_: self.random.choice((*map(str, self.ids), "9" * 25))
        )
        pairs = [[self.random.choice(QUESTIONS), self.random.choice(nasty.ALL)] for _ in range(2)]
        query = self._encoded(pairs).decode("latin-1")
        self.send("GET", f"{path}?{query}", Authorization=f"Bearer {self.secret}")

    def _spoil(self, fields):
        if not fields:
            fields.append(["x", ""])
        at = self.random.randrange(len(fields))
        match self.random.randrange(8):
            case 0:
                del fields[at]
            case 1:
                fields.append([fields[at][0], self.random.choice(nasty.ALL)])
            case 2:
                fields.append([self.random.choice(nasty.TEXTS)[:80], "1"])
            case 3:
                fields[at][0] += self.random.choice(SUFFIXES)
            case _:
                fields[at][1] = self.random.choice(nasty.ALL)

    def _spoiled_number(self, address):
        number = quote_plus(self.random.choice(nasty.NUMBERS))
        return "".join(number if char.isdigit() else char for char in address)

    def _encoded(self, fields):
        body = urlencode([tuple(each) for each in fields]).encode()
        if self.random.random() < 0.15 and body:
            at = self.random.randrange(len(body))
            body = body[:at] + self.random.choice(nasty.BYTES) + body[at:]
        return body

    def _multipart(self, fields):
        edge = "edge"
        head = f"--{edge}\r\nContent-Disposition: form-data; name="
        parts = [f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in fields]
        body = ("".join(parts) + f"--{edge}--\r\n").encode()
        if self.random.random() < 0.3:
            body = body[: self.random.randrange(len(body))]
        return body, f"multipart/form-data; boundary={edge}"


@pytest.fixture(params=range(SEED, SEED + max(1, TRIES // AT_ONCE)))
def sender(request, harbour, lakeside, clara, ravi, ada, ehr, rulebook, settings):
    """Somebody with every role, before people, cases, keys and questions of every kind."""
    # The clock goes on while all is sent, and nothing that is done stays.
    settings.SESSION_IDLE_SECONDS = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 10**6
    roles = (
        Role.CLINICIAN, Role.REVIEWER, Role.FORMULARY_ADMIN, Role.AUDITOR, Role.PRACTICE_ADMIN,
    )  # fmt: skip
    everything = make.person("ada", harbour, *roles)
    make.patient(lakeside, make.person("dora", lakeside, Role.CLINICIAN))
    invitations.invite(practice=harbour, family_name="Ashby", roles=[Role.CLINICIAN], by=everything)
    treated = make.case_of_three_matters(harbour, logged_by=clara).patient
    make.flagged_case(harbour, logged_by=clara)
    make.urgent_case(harbour, logged_by=everything)
    make.prescription(treated, everything, "Relaxonel 10 mg", start=-3)
    saved_views.save(name="Urgent", query="severity=1", by=everything)
    _, secret = clients.make_key(
        name="Main", source_system="ehr", practices=[harbour], by=everything
    )
    _, staff_secret = clients.make_key(
        name="Staff list", source_system="hr", practices=[harbour], kind="people", by=everything
    )
    orders = [sent.prescription(), sent.prescription("rx-2", "2", times_per_day=97)]
    sync.prescriptions(rows=enumerate(orders), source_system="ehr", by=ehr)
    sync.conditions(rows=enumerate([sent.condition()]), source_system="ehr", by=ehr)
    sync.readings(rows=enumerate([sent.reading()]), source_system="ehr", by=ehr)
    screen.drain()
    sender = Sender(everything, secret, staff_secret, request.param)
    got_request_exception.connect(sender.note)
    logging.disable(logging.CRITICAL)  # it would say of each try that it was refused
    yield sender
    logging.disable(logging.NOTSET)
    got_request_exception.disconnect(sender.note)


def test_nothing_that_is_sent_makes_the_portal_fail(sender):
    surface = survey(sender.page, sender.ids)
    assert not sender.failed
    writing = [form for form in surface.forms.values() if form.method == "post"]
    assert len(surface.pages) > 60, len(surface.pages)
    assert len(writing) > 25, len(writing)
    for form in surface.forms.values():  # as the page has it, at least once
        sender.form(form)
    for _ in range(min(TRIES, AT_ONCE)):
        sender.one_of_all(surface)
    told = [f"{reason}\n    {sent}" for reason, sent in sender.failed.items()]
    assert not told, "\n".join(told)
    # It was heard, and not only turned away at the door.
    assert {200, 302, 400, 404, 422} <= sender.statuses.keys(), sender.statuses

"""Who uses the portal meanwhile: systems that send, people who read and write, and a stranger.

Each is a thread that goes on through every fault and keeps what it was told. What was acknowledged
must be there afterwards; what had no answer may be, and is sent again.
"""

import html
import http.client
import json
import random
import re
import threading
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg

NUMBERS = "https://chaos.example/patient"
PATIENCE_SECONDS = 15.0
TELLTALE = {
    # 35 days in one supply for anxiety: whoever has it and is checked has a flag.
    "medicine": "Diazepam 5 mg tablets",
    "dose": 1,
    "dose_unit": "tablet",
    "times_per_day": 2,
    "quantity": 70,
    "quantity_unit": "tablet",
    "days_supply": 35,
    "indication": "anxiety",
}
OTHERS = ("Morphine 10 mg tablets", "Zopiclone 7.5 mg tablets", "Paracetamol 500 mg tablets")
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
BRIEF = {"dose": 1, "dose_unit": "tablet", "times_per_day": 1, "days_supply": 14}


def today():
    return datetime.now(UTC).date()


class Answer(NamedTuple):
    """Of one request; status 0: nobody answered. `at` and `took` in seconds, `at` monotonic."""

    what: str
    status: int
    at: float
    took: float
    body: str = ""


@dataclass
class Known:
    """What the load was told, and what it saw that must not be. Appended to by all threads."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    batches: Counter = field(default_factory=Counter)
    unanswered: list[list[dict]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    written_by_form: list[int] = field(default_factory=list)


class Caller:
    """One connection's worth of HTTP, with the headers of whoever calls."""

    def __init__(self, port, known, **headers):
        self.port, self.known, self.headers = port, known, headers

    def ask(self, what, path, *, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        began = time.monotonic()
        try:
            connection.request(method, path, body=body, headers=self.headers | headers)
            got = connection.getresponse()
            status, text = got.status, got.read().decode(errors="replace")
            self.location = got.headers.get("Location", "")
        except (OSError, http.client.HTTPException):
            status, text = 0, ""
        finally:
            connection.close()
        answer = Answer(what, status, began, time.monotonic() - began, text)
        self.known.answers.append(answer._replace(body=""))
        if status == 500:
            self.known.broken.append(f"{what} {path} was answered with 500")
        return answer


class Load:
    """All of them together: `start`, and `stop` at the end."""

    def __init__(self, port, *, keys, clara, stranger, seed, ask):
        self.known = Known()
        self.ask = ask
        self.ended = threading.Event()
        self.paused = threading.Event()
        self.busy = Counter()
        self.random = random.Random(seed)
        anonymous = Caller(port, self.known)
        self.clara = Caller(port, self.known, Cookie=clara)
        stranger = Caller(port, self.known, Cookie=stranger)
        self.systems = [Caller(port, self.known, Authorization=f"Bearer {key}") for key in keys]
        jobs = [(f"system {n}", self._send, system) for n, system in enumerate(self.systems)]
        jobs += [
            ("reader", self._read, self.clara),
            ("prescriber", self._prescribe, self.clara),
            ("stranger", self._pry, stranger),
            ("anonymous", self._pry, anonymous),
        ]
        self.threads = [
            threading.Thread(target=self._go_on, args=job, name=job[0], daemon=True) for job in jobs
        ]
        self.people = 0
        self.lock = threading.Lock()

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS * 2)

    def pause(self):
        """Let nobody begin anything, and wait until all have their answers."""
        self.paused.set()
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while +self.busy and time.monotonic() < deadline:
            time.sleep(0.02)

    def go_on(self):
        self.paused.clear()

    def _go_on(self, name, once, caller):
        own = random.Random(f"{name} {self.random.random()}")
        while not self.ended.is_set():
            if self.paused.is_set():
                time.sleep(0.05)
                continue
            self.busy[name] = 1
            try:
                once(caller, own)
            except psycopg.Error:
                pass  # it asked the database itself, which was away
            except Exception as error:
                self.known.broken.append(f"{name} could not go on: {type(error).__name__} {error}")
            finally:
                self.busy[name] = 0
            time.sleep(own.uniform(0.2, 1.2))

    # -- Systems that send ------------------------------------------------------------------------

    def records(self, count, own, *, new=True):
        """Records of people not known yet, or further ones of those who are."""
        with self.lock:
            first = self.people
            if new:
                self.people += count
        day = today()
        for n in range(count):
            number = first + n if new or not first else own.randrange(first)
            medicine = TELLTALE if new else BRIEF | {"medicine": own.choice(OTHERS)}
            start = day - timedelta(days=own.randrange(1, 30))
            yield {
                "source_id": f"chaos-{number}" if new else f"chaos-{number}-{own.getrandbits(40)}",
                "patient": {
                    "identifiers": [{"system": NUMBERS, "value": f"CH{number:06d}"}],
                    "family_name": "Chaos",
                    "given_name": f"Number {number}",
                    "birth_date": "1970-05-17",
                    "sex": "female",
                },
                **medicine,
                "start_on": start.isoformat(),
            }

    def _send(self, system, own):
        if self.known.unanswered and own.random() < 0.5:
            batch = self.known.unanswered.pop(0)
        else:
            batch = list(self.records(own.randrange(1, 4), own, new=own.random() < 0.7))
        self.send(system, batch)

    def send(self, system, batch):
        """One batch; what was answered counts, what was not is kept to be sent again."""
        answer = system.ask(
            "sync",
            "/api/v1/prescriptions/sync",
            method="POST",
            body=json.dumps(batch),
            **{"Content-Type": "application/json"},
        )
        if answer.status == 200:
            told = json.loads(answer.body)
            if told["refused"] or told["waiting"]:
                self.known.broken.append(f"a sound batch was refused: {answer.body[:300]}")
            self.known.batches["told"] += 1
            # Only what changed something leaves an event.
            self.known.batches["changed"] += bool(told["created"] or told["amended"])
            for record in batch:
                self.known.acknowledged[record["source_id"]] = told["created"]
        elif answer.status != 429:
            self.known.unanswered.append(batch)
        return answer.status == 200

    # -- People -----------------------------------------------------------------------------------

    def _read(self, clara, own):
        clara.ask("page", own.choice(["/patients", "/my-work", "/patients?q=Chaos", "/rules"]))
        acknowledged = [each for each in list(self.known.acknowledged) if each.count("-") == 1]
        if not acknowledged:
            return
        # The newest are those that nobody may have screened yet.
        self._is_it_falsely_clear(clara, own.choice(acknowledged[-8:]))

    def _is_it_falsely_clear(self, clara, source_id):
        query = urllib.parse.urlencode({"source_id": source_id})
        answer = clara.ask("api", f"/api/v1/prescriptions?{query}")
        if answer.status != 200:
            return
        rows = json.loads(answer.body)["results"]
        if len(rows) != 1:
            self.known.broken.append(f"{source_id} was acknowledged, and {len(rows)} are there")
        elif rows[0]["checked"]["state"] == "checked":
            flags = f"SELECT count(*) FROM reviews_flag WHERE patient_id = {rows[0]['patient']}"
            if self.ask(flags) == [(0,)]:
                self.known.broken.append(f"{source_id} was shown as checked and clear, and is not")

    def _prescribe(self, clara, own):
        """A prescription by form, for somebody whom a system has sent."""
        rows = self.ask(
            "SELECT patient_id FROM reviews_identifier WHERE value LIKE 'CH%'"
            " ORDER BY random() LIMIT 1"
        )
        if rows:
            self.by_form(clara, rows[0][0], own.choice(["1", "2"]))

    def by_form(self, clara, patient, dose="1", **fields):
        """Whether clara's form was taken: it was shown, filled in, sent, and answered."""
        path = f"/patients/{patient}/prescriptions/new"
        form = clara.ask("form", path)
        if form.status != 200:
            return False
        filled = {
            "do": "save",
            "product": PRODUCT,
            "dose": dose,
            "dose_unit": "tablet",
            "times_per_day": "2",
            "days_supply": "7",
            "start_on": f"{today():%d %b %Y}",
            "indication": "anxiety",
            "setting": "community",
            **fields,
        }
        sent = self._send_form(clara, path, form, filled)
        for _ in range(2):
            if sent.status == 200:
                # It asks once for each rule that is urgent, and systems send meanwhile.
                sent = self._send_form(clara, path, sent, filled)
        if sent.status in (302, 303):
            self.known.written_by_form.append(patient)
        elif sent.status not in (0, 503):
            self.known.broken.append(f"a sound form was answered with {sent.status}")
        return sent.status in (302, 303)

    def _send_form(self, clara, path, page, filled):
        """Send the form of a page as it was filled in, with what the page hides in it."""
        hidden = [
            (name, html.unescape(value))
            for name, value in HIDDEN.findall(page.body)
            if name not in filled
        ]
        token = dict(hidden).get("csrfmiddlewaretoken", "")
        return clara.ask(
            "form sent",
            path,
            method="POST",
            body=urllib.parse.urlencode([*hidden, *filled.items()]),
            Cookie=f"{clara.headers['Cookie']}; csrf={token}",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )

    def _pry(self, other, own):
        """Somebody of another practice, or nobody at all, asks for a patient of this one."""
        rows = self.ask("SELECT patient_id FROM reviews_identifier WHERE value LIKE 'CH%' LIMIT 20")
        if not rows:
            return
        (patient,) = own.choice(rows)
        for path in (f"/patients/{patient}", f"/api/v1/patients/{patient}"):
            answer = other.ask("prying", path)
            if answer.status == 200 or "Chaos" in answer.body:
                self.known.broken.append(f"{path} was shown to somebody who may not see it")


PRODUCT = ""
"""The form's value for diazepam 5 mg; set once Django is there to tell it."""

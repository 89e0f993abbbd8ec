"""The quick starts of docs/integrating.md, run as they stand against a server."""

import contextlib
import re
import shlex
import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from standardwebhooks import WebhookVerificationError

from reviews.verbs import deliver, screen
from tests import make
from tests.fhir.asking import System
from tests.fhir.bulk import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.horizon]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "integrating.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MANAGE = "./dev manage "


@pytest.fixture
def workers(monkeypatch):
    """Whoever waits lets the workers work meanwhile, as they would beside a portal."""
    wait, here = time.sleep, threading.current_thread()

    def meanwhile(seconds):
        if threading.current_thread() is here:
            screen.drain()
            work()
        wait(min(seconds, 2.1))

    monkeypatch.setattr(time, "sleep", meanwhile)


@contextlib.contextmanager
def closing_of(told):
    """A program that ends lets go of its connections; this one goes on."""
    try:
        yield
    finally:
        if "rest" in told:
            told["rest"].close()


def printed_by(block):
    command = block.strip()
    assert command.startswith(MANAGE)
    printed = StringIO()
    call_command(*shlex.split(command.removeprefix(MANAGE)), stdout=printed)
    return printed.getvalue().strip()


def test_every_block_runs(live_server, rulebook, receiver, workers, monkeypatch, tmp_path, capsys):
    place = make.practice("harbour-street")
    key = System(place, by=make.person("ada", place)).secret
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("PORTAL_URL", live_server.url),
        ("PORTAL_KEY", key),
        ("PORTAL_PRACTICE", place.code),
        ("RECEIVER_URL", receiver.url),
    ):
        monkeypatch.setenv(name, value)
    blocks = BLOCK.findall(PAGE.read_text())
    assert {language for language, _ in blocks} == {"python", "sh"}
    told = {"__name__": "__main__"}
    with closing_of(told):
        for number, (language, block) in enumerate(blocks):
            if language == "sh":
                monkeypatch.setenv("PORTAL_CLIENT", printed_by(block))
            else:
                exec(compile(block, f"{PAGE.name}, block {number}", "exec"), told)
    said = capsys.readouterr().out
    for each in ("Diazepam", "critical", "MedicationRequest"):
        assert each in said
    # The receiver of the page checks what came, with the secret that the page was given.
    receiver.secrets = [told["made"]["secret"]]
    deliver.deliver(seconds=5)
    assert receiver.types() == ["sample.event"]
    with pytest.raises(WebhookVerificationError):
        told["receive"](b"{}", {})

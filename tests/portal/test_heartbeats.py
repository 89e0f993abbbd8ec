"""Beat goes on sending when its clock is set back."""

from datetime import timedelta

import pytest

from portal.celery import app
from portal.heartbeats import HeartbeatScheduler


class Sent(HeartbeatScheduler):
    """Beat, with a list in place of the broker."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.sent = []

    def apply_async(self, entry, producer=None, advance=True, **kwargs):
        self.reserve(entry)
        self.sent.append(entry.name)


@pytest.fixture
def beat(tmp_path):
    beat = Sent(app, schedule_filename=str(tmp_path / "schedule"))
    yield beat
    beat.close()


def shift(beat, hours):
    """Each entry was sent at an hour that is still to come."""
    for entry in beat.schedule.values():
        entry.last_run_at = app.now() + timedelta(hours=hours)


def test_it_rings_within_seconds_of_a_clock_set_back(beat, monkeypatch):
    beat.tick()
    shift(beat, 2)
    beat._heap = None
    assert beat.tick() <= 5
    later = app.now() + timedelta(seconds=6)
    monkeypatch.setattr(app, "now", lambda: later)
    beat.sent.clear()
    # One tick sends one; it is called again at once while more are due, as at a full hour.
    while beat.tick() == 0:
        pass
    assert "ring" in beat.sent


def test_what_was_sent_before_is_not_sent_again_for_that(beat):
    shift(beat, 2)
    beat.tick()
    assert beat.sent == []

"""After a call without an answer one caller at a time tries, and the others go on without."""

import pytest

from reviews import fuse


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(fuse.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_sound_fuse_lets_everybody_through():
    one = fuse.Fuse(5)
    assert [one.allows() for _ in range(3)] == [True] * 3


def test_a_blown_one_lets_one_caller_through_each_period(clock):
    one = fuse.Fuse(5)
    one.blow()
    assert not one.allows()
    clock.now += 4.9
    assert not one.allows()
    clock.now += 0.2
    assert [one.allows() for _ in range(3)] == [True, False, False]
    clock.now += 5.1
    assert one.allows()


def test_an_answer_mends_it_for_everybody(clock):
    one = fuse.Fuse(5)
    one.blow()
    clock.now += 6
    assert one.allows()
    one.mend()
    assert [one.allows() for _ in range(3)] == [True] * 3

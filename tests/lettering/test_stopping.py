"""No letter tells anybody to stop: what passes, and what does not."""

import pytest

from reviews.lettering.stopping import looked_at

REFUSED = [
    "Please stop taking your tablets.",
    "Stop it. Today.",
    "You should stop your diazepam at once.",
    "We ask you to discontinue zopiclone immediately.",
    "Throw them away.",
    "You must quit.",
    "Please come off it.",
    "Come off it slowly, and stop the last tablet today.",
    "It is time for cold turkey.",
    "Do not worry, stop the tablets.",
    "You do not need it; stop taking it.",
    "From Monday on you no longer take zopiclone.",
    "Give it up.",
    "# Stop your tablets",
    "Please **stop** now.",
    "You cannot drive, so stop it.",
    "Take no more.",
    "Your doctor will withdraw it tomorrow.",
]
ALLOWED = [
    "Please do not stop it by yourself, and do not skip doses.",
    "Never stop this medicine suddenly.",
    "Don’t stop it from one day to the next.",
    "It is important not to stop at once.",
    "Most people come off it slowly, in small steps, and sleep as well as before.",
    "You can stop it gradually.",
    "We would like to talk with you.",
    "Withdrawal symptoms can follow.",
    "Ring us today.",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_sentence_that_tells_somebody_to_stop_is_found(text):
    assert looked_at(f"Dear all.\n\n{text}").advise


@pytest.mark.parametrize("text", ALLOWED)
def test_a_sentence_that_does_not_passes(text):
    assert not looked_at(text).advise


def test_a_warning_is_counted_and_does_not_cover_another_sentence():
    said = looked_at("Do not stop it by yourself. Stop it when we say so.")
    assert (said.warnings, said.advise) == (1, ["Stop it when we say so."])

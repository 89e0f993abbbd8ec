"""No letter tells anybody to stop a medicine, unless slowly: what a text says of stopping.

A word of stopping passes where its own clause forbids it ("please do not stop"), or where the
sentence says how it is done ("come off it slowly, in small steps") and nothing in it says at once.
Everything else is refused: to refuse a harmless sentence costs its author a minute.
"""

import re
from typing import NamedTuple

_STOP = re.compile(
    r"\b(stop(s|ped|ping)?|discontinu\w+|ceas(e|es|ed|ing)|quit(s|ting)?|"
    r"(come|comes|coming|came|go|going) off|cold turkey|withdraw(s|n|ing)?|"
    r"leav(e|ing) (it|them|the \w+) off|throw(ing)? (it |them )?away|no longer (take|use)|"
    r"(give|giving) (it|them) up|take no more|"
    r"(finish|end)(ing)? (the|your) (tablets|medicines?|course))\b",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    r"\b(do not|don[’']t|never|not to|must not|mustn[’']t|should not|shouldn[’']t|cannot|can[’']t|"
    r"rather than|instead of)\b[^.;:,()–]*$",
    re.IGNORECASE,
)
_SLOWLY = re.compile(
    r"\b(slow(ly|er)?|gradual(ly)?|small(er)? steps?|step by step|little by little|taper\w*)\b",
    re.IGNORECASE,
)
_AT_ONCE = re.compile(
    r"\b(at once|immediate(ly)?|abrupt(ly)?|sudden(ly)?|straight ?away|right away|today|tonight|"
    r"tomorrow|now|overnight|in one go|from one day to the next|without delay|instantly)\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?])[)”\"’]?\s+|\n+")


class Said(NamedTuple):
    """Sentences that tell somebody to stop, and how many forbid it."""

    advise: list[str]
    warnings: int


def looked_at(text: str) -> Said:
    """What a text says of stopping, sentence by sentence; headings count as sentences."""
    advise, warnings = [], 0
    for sentence in _SENTENCES.split(text.replace("*", "").replace("#", "")):
        for match in _STOP.finditer(sentence):
            if _FORBIDDEN.search(sentence[: match.start()]):
                warnings += 1
            elif not _SLOWLY.search(sentence) or _AT_ONCE.search(sentence):
                advise.append(sentence.strip())
                break
    return Said(advise, warnings)

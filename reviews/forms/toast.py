"""What a message about a decision carries: which decisions, so that it can take them back."""

from collections.abc import Iterable
from typing import NamedTuple

from reviews.forms.numbers import whole
from reviews.models import Decision

_UNDO, _SESSION = "undo:", "session:"


class Undo(NamedTuple):
    """The decisions that a message is about, their case if it is one, and the session."""

    decisions: list[int]
    case: int | None
    session: int | None


def tags(decisions: Iterable[Decision], session: int | None = None) -> str:
    """The extra tags of a message about these decisions."""
    pairs = ",".join(f"{decision.pk}/{decision.case_id}" for decision in decisions)
    return f"{_UNDO}{pairs}" + (f" {_SESSION}{session}" if session else "")


def read(extra_tags: str | None) -> Undo | None:
    """What `tags` wrote; None for a message that is about no decision."""
    decisions, cases, session = [], [], None
    for tag in (extra_tags or "").split():
        if tag.startswith(_UNDO):
            for pair in tag.removeprefix(_UNDO).split(","):
                decision, _, case = pair.partition("/")
                decisions.append(whole(decision))
                cases.append(whole(case))
        elif tag.startswith(_SESSION):
            session = whole(tag.removeprefix(_SESSION))
    if not decisions or None in decisions:
        return None
    return Undo(decisions, cases[0] if len(cases) == 1 else None, session)

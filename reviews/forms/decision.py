"""The form of a decision: an outcome, a coded reason and a day for every flag of a case."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from django.http import QueryDict

from reviews import conclusions
from reviews.conclusions import FlagOutcome
from reviews.errors import BadRecord, DomainError
from reviews.forms.days import read_day
from reviews.models import Flag, Outcome

# From this many flags on, those that are not urgent can be answered together. An urgent flag is
# always answered by itself.
REST_FROM = 3
REST = "rest"
"""Ends the names of the fields that answer flags together."""


class Pick(NamedTuple):
    """The fields of an answer as text, as they are typed or chosen."""

    outcome: str = ""
    reason: str = ""
    until: str = ""
    exemption: str = ""
    evidence: str = ""


EMPTY = Pick()


class Answer(NamedTuple):
    """The answer to one flag: its fields, and whether they are pre-set, or were refused.

    One that is `together` with others has fields of its own only for whoever wants to answer apart.
    """

    pick: Pick
    preset: bool
    together: bool
    refused: bool

    @property
    def is_required(self) -> bool:
        """Whether the fields must be filled in: not where the common answer will do."""
        return not self.together


class DecisionForm:
    """What the fields of a decision start with, and what they held when it was refused.

    `answers` are by flag. `rest` are the ids of the flags that are answered together, with the
    fields of `rest_pick`; both are empty where that is not offered.
    """

    def __init__(
        self,
        flags: Iterable[Flag],
        today: date,
        posted: QueryDict | None = None,
        refused: int | None = None,
    ) -> None:
        """`posted`: the decision that was sent; `refused`: the flag whose answer was refused."""
        flags = list(flags)
        presets = {flag.pk: _preset(flag, today) for flag in flags}
        common = [flag for flag in flags if presets[flag.pk].outcome == Outcome.REVIEW]
        together = common if len(common) >= REST_FROM else []
        self.rest = [flag.pk for flag in together]
        self.rest_pick = EMPTY
        if together:
            worst = min(together, key=lambda flag: flag.severity)
            self.rest_pick = presets[worst.pk] if posted is None else _pick(posted, REST)
        self.answers = {}
        for flag in flags:
            shared = flag.pk in self.rest
            started = EMPTY if shared else presets[flag.pk]
            self.answers[flag.pk] = Answer(
                pick=started if posted is None else _pick(posted, flag.pk),
                preset=posted is None and not shared and flag.severity != 1,
                together=shared,
                refused=flag.pk == refused,
            )

    @property
    def some_apart(self) -> bool:
        """Whether a flag that can be answered together was answered apart, or refused."""
        return any(
            answer.together and (answer.pick.outcome or answer.refused)
            for answer in self.answers.values()
        )


def read_outcomes(posted: QueryDict) -> list[FlagOutcome]:
    """What was concluded on each flag, from the fields outcome-N, reason-N and so on.

    A flag left empty takes the fields of "rest" where the form offered that for it. Raises
    `BadRecord` for a day that cannot be read.
    """
    ids = [name.partition("-")[2] for name in posted if name.startswith("outcome-")]
    picks = {int(pk): _pick(posted, pk) for pk in ids if pk.isdigit()}
    for pk in posted.getlist(REST):
        if pk.isdigit() and not picks.get(int(pk), EMPTY).outcome:
            picks[int(pk)] = _pick(posted, REST)
    return [
        FlagOutcome(
            pk,
            pick.outcome,
            pick.reason,
            read_day(pick.until, f"flag-{pk}"),
            pick.exemption,
            pick.evidence,
        )
        for pk, pick in picks.items()
    ]


def read_seen(posted: QueryDict) -> int:
    """The lock of the case as the page showed it. Raises `BadRecord`."""
    seen = posted.get("seen", "")
    if not seen.isdigit():
        raise BadRecord("seen", "is missing: open the case again")
    return int(seen)


def refused_flag(refusal: DomainError | None) -> int | None:
    """The id of the flag whose answer was refused, None where the refusal names none."""
    name, _, pk = (getattr(refusal, "field", "") or "").partition("-")
    return int(pk) if name == "flag" else None


def _pick(posted: QueryDict, key: object) -> Pick:
    return Pick(*(posted.get(f"{name}-{key}", "").strip() for name in Pick._fields))


def _preset(flag: Flag, today: date) -> Pick:
    """What the fields of a flag start with; a flag for information takes no answer."""
    if flag.severity == 4:
        return EMPTY
    outcome, reason, day = conclusions.preset(flag, today)
    return Pick(outcome, reason, f"{day:%-d %b %Y}" if day else "")

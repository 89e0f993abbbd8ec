"""The form of a decision: an outcome, a coded reason and a day for every matter of a case."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from django.http import QueryDict

from reviews import conclusions
from reviews.conclusions import FlagOutcome
from reviews.errors import BadRecord, DomainError
from reviews.forms.days import read_day
from reviews.forms.numbers import whole
from reviews.models import Flag
from reviews.rules.matters import Matter

OF = "of-"
"""Begins the name of the fields that say which flags a matter's fields are for."""
AS = "as:"
"""Begins an outcome that says "as the matter whose fields end so": the first one on the page."""


class Pick(NamedTuple):
    """The fields of an answer as text, as they are typed or chosen."""

    outcome: str = ""
    reason: str = ""
    until: str = ""
    exemption: str = ""
    evidence: str = ""


EMPTY = Pick()


class Answer(NamedTuple):
    """The answer to a matter, or apart to one of its flags: its fields, and how they came about.

    `key` ends the names of the fields. They are pre-set, or what was `refused`. One that is not
    `required` may stay empty: a flag then takes the answer of its matter.
    """

    key: str
    pick: Pick
    preset: bool = False
    required: bool = True
    refused: bool = False


class MatterAnswer(NamedTuple):
    """The answer to a matter, and to each of its flags apart where it has several, by flag.

    `same` is the key of the first matter's fields, whose answer this one can be given too; empty
    for the first. `opens` says whether the flags are answered apart already.
    """

    answer: Answer
    flags: tuple[int, ...]
    apart: dict[int, Answer]
    opens: bool
    same: str = ""


class DecisionForm:
    """What the fields of a decision start with, and what they held when it was refused.

    `answers` are by the key of the matter.
    """

    def __init__(
        self,
        matters: Sequence[Matter[Flag]],
        today: date,
        posted: QueryDict | None = None,
        refused: int | None = None,
    ) -> None:
        """`posted`: the decision that was sent; `refused`: the flag whose answer was refused."""
        self.answers: dict[str, MatterAnswer] = {}
        first = ""
        for matter in matters:
            given = _matter_answer(matter, today, posted, refused)
            self.answers[matter.key] = given._replace(same=first)
            first = first or given.answer.key

    @property
    def refused_key(self) -> str:
        """The key of the fields that were refused, empty without any."""
        given = [
            answer
            for each in self.answers.values()
            for answer in (*each.apart.values(), each.answer)
        ]
        return next((answer.key for answer in given if answer.refused), "")


def _matter_answer(
    matter: Matter[Flag], today: date, posted: QueryDict | None, refused: int | None
) -> MatterAnswer:
    """A matter with one flag is answered by that flag's own fields."""
    flags = matter.findings
    presets = {flag.pk: _preset(flag, today) for flag in flags}
    # An urgent matter starts empty as a whole: a tired reviewer takes what is pre-set.
    started = EMPTY if matter.severity == 1 else presets[flags[0].pk]
    key, apart = matter.key, {}
    if len(flags) == 1:
        key = str(flags[0].pk)
    else:
        apart = {
            flag.pk: _apart(flag, presets[flag.pk], started, posted, refused) for flag in flags
        }
    opens = any(answer.pick.outcome for answer in apart.values())
    pick = started if posted is None else _sent(posted, key, matter.key)
    whole = Answer(
        key,
        pick,
        preset=posted is None and started != EMPTY,
        # Nothing is asked of the whole where a refused page answers its flags apart.
        required=posted is None or not opens or bool(pick.outcome),
        refused=refused in presets and not any(each.refused for each in apart.values()),
    )
    return MatterAnswer(whole, tuple(presets), apart, opens)


def _apart(
    flag: Flag, preset: Pick, started: Pick, posted: QueryDict | None, refused: int | None
) -> Answer:
    """The own answer of one flag of several: empty, unless another than the matter's is pre-set."""
    if posted is not None:
        pick = _pick(posted, flag.pk)
        was_refused = flag.pk == refused and bool(pick.outcome)
        return Answer(str(flag.pk), pick, required=False, refused=was_refused)
    other = started != EMPTY and preset[:2] != started[:2]
    return Answer(str(flag.pk), preset if other else EMPTY, preset=other, required=False)


def _sent(posted: QueryDict, *keys: str) -> Pick:
    """The fields of the first key that was answered: a matter may have lost flags since."""
    picks = [_pick(posted, key) for key in keys]
    return next((pick for pick in picks if pick.outcome), picks[0])


def read_outcomes(posted: QueryDict) -> list[FlagOutcome]:
    """What was concluded on each flag, from the fields outcome-N, reason-N and so on.

    `of-KEY` names the flags of a matter: one left empty takes the fields of the matter, and they
    those of the first matter where they say so. Raises `BadRecord` for a day that cannot be read.
    """
    ids = [name.partition("-")[2] for name in posted if name.startswith("outcome-")]
    picks = {number: _resolved(posted, pk) for pk in ids if (number := whole(pk)) is not None}
    for name in posted:
        key = name.removeprefix(OF)
        if name.startswith(OF):
            for pk in map(whole, posted.getlist(name)):
                if pk is not None and not picks.get(pk, EMPTY).outcome:
                    picks[pk] = _resolved(posted, key)
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


def _resolved(posted: QueryDict, key: str) -> Pick:
    """The fields of an answer; one that is as another's has those, and its own day if given."""
    pick = _pick(posted, key)
    if not pick.outcome.startswith(AS):
        return pick
    other = _pick(posted, pick.outcome.removeprefix(AS))
    return other._replace(until=pick.until or other.until)


def read_seen(posted: QueryDict) -> int:
    """The lock of the case as the page showed it. Raises `BadRecord`."""
    seen = whole(posted.get("seen"))
    if seen is None:
        raise BadRecord("seen", "is missing: open the case again")
    return seen


def refused_flag(refusal: DomainError | None) -> int | None:
    """The id of the flag whose answer was refused, None where the refusal names none."""
    name, _, pk = (getattr(refusal, "field", "") or "").partition("-")
    return whole(pk) if name == "flag" else None


def _pick(posted: QueryDict, key: object) -> Pick:
    return Pick(*(posted.get(f"{name}-{key}", "").strip() for name in Pick._fields))


def _preset(flag: Flag, today: date) -> Pick:
    """What the fields of a flag start with; a flag for information takes no answer."""
    if flag.severity == 4:
        return EMPTY
    outcome, reason, day = conclusions.preset(flag, today)
    return Pick(outcome, reason, f"{day:%-d %b %Y}" if day else "")

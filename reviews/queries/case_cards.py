"""The flags of a case as its page shows them: a card for each matter, and a line for each flag."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.utils import timezone

from reviews import conclusions, rulebooks, settling, structured_reviews
from reviews.models import Case, Decision, DecisionItem, Flag, Outcome, Prescription
from reviews.queries import outcomes
from reviews.queries.outcomes import Tally
from reviews.records import NOT_GIVEN
from reviews.rules.finding import INTERRUPT, ExposureSummary
from reviews.rules.matters import Matter, Told, matters, row_of, telling
from reviews.rules.readings import KINDS
from reviews.rules.registry import BY_ID, JUDGE_DATA, RULES

OUTCOMES = [(outcome, outcome.label) for outcome in Outcome]
NUMBERS = 3
"""So many facts stand on a card; all of them are folded into its lines."""
ASKS_FOR_A_REASON = {rule.id for rule in RULES if rule.shown.interrupts}


NOT_CLEARED_BY_READINGS = frozenset(
    rule for kind in ("in_use_since", "in_use_since_told_by") for rule in KINDS[kind].rules
)
"""A reading is used by these, and lengthens what they say: a review or a taper answers them."""
DOES = {
    "taper": "Plan a taper",
    "reading:review": "Record a review",
    "reading:naloxone": "Record naloxone",
    "reading:taper_offer": "Record an offer of a taper",
    "reading:driving_counselling": "Record advice on driving",
}
"""What the table of matters offers to do, as a button says it."""


class Do(NamedTuple):
    """What a button does: record a reading of a kind; plan a taper where it has none.

    `part` is the part of a structured review that records it, empty where none does.
    """

    label: str
    kind: str
    part: str = ""


def _do(what: str) -> Do:
    kind = what.partition(":")[2]
    part = structured_reviews.BY_KIND.get(kind)
    return Do(DOES[what], kind, part.key if part else "")


def _clearing(rule_id: str) -> list[Do]:
    """What clears a finding and can be done from here: a part of a review, a reading, a taper."""
    part = structured_reviews.answering(rule_id)
    if part is not None:
        return [Do("Record it in a review", part.kinds[0], part.key)]
    kinds = [kind for kind, known in KINDS.items() if rule_id in known.rules]
    if kinds and rule_id not in NOT_CLEARED_BY_READINGS:
        return [Do(f"Record: {KINDS[kinds[0]].label}", kinds[0])]
    return [_do(what) for what in row_of(rule_id).does]


class KeptReason(NamedTuple):
    """The reason kept with a prescription; not `given` where it was asked for and left empty."""

    prescription: Prescription
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A flag with its authority, what was decided before on it, and what may be concluded.

    `latest` is the last day until which a decision on it can hold, `own` whether the reader's own
    prescription raised it as an urgent one, `unjudged` whether it says that the record lacks
    something. `reasons` stay with its prescriptions, where its rule asks for one.
    """

    flag: Flag
    rule_title: str
    citations: list[dict]
    earlier: list[DecisionItem]
    tally: Tally | None
    reasons: list[KeptReason]
    outcomes: list[tuple[str, str]]
    exemptions: list[tuple[str, str]]
    latest: date | None
    own: bool
    unjudged: bool

    @property
    def urgent(self) -> bool:
        return self.flag.severity == 1

    @property
    def does(self) -> list[Do]:
        """What can be done to clear it."""
        return _clearing(self.flag.rule_id)

    @property
    def number(self) -> dict[str, Any] | None:
        """The fact that stands beside its title."""
        return telling(self.flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A matter of a case: what a colleague would say of it, and its flags, the gravest first.

    `outcomes`, `exemptions` and `latest` are those that all of its flags allow, `reasons` what was
    given when somebody prescribed.
    """

    number: int
    matter: Matter[Flag]
    lines: list[Line]
    outcomes: list[tuple[str, str]]
    exemptions: list[tuple[str, str]]
    latest: date | None
    reasons: list[KeptReason]

    @property
    def urgent(self) -> bool:
        return self.matter.severity == 1

    @property
    def unjudged(self) -> bool:
        """Whether it says nothing but that the record lacks something."""
        return all(line.unjudged for line in self.lines)

    @property
    def numbers(self) -> list[dict[str, Any]]:
        return list(self.matter.beside[:NUMBERS])

    @property
    def does(self) -> list[Do]:
        return [_do(what) for what in self.matter.does]

    @property
    def tally(self) -> Tally | None:
        """How reviewers decided on its gravest flag."""
        return self.lines[0].tally

    @property
    def earlier(self) -> DecisionItem | None:
        """The last decision on any of its flags that still stands."""
        items = [item for line in self.lines for item in line.earlier[:1]]
        return max(items, key=lambda item: item.decision.decided_at, default=None)


def told_of(case: Case) -> Told:
    """What the sentences of a case may rest on: the day that it shows, and the exposure then.

    Of a closed case the exposure of that day is not kept.
    """
    if case.closed_at is not None:
        day = timezone.localdate(case.closed_at)
        return Told(day, case.patient.age_on(day))
    today = timezone.localdate()
    screening = getattr(case.patient, "screening", None)
    kept = screening.exposure if screening else None
    return Told(today, case.patient.age_on(today), _exposure(kept) if kept else None)


def _exposure(kept: dict[str, Any]) -> ExposureSummary:
    """The summary of an exposure as a screening keeps it."""
    start, end = kept["start_on"], kept["end_on"]
    return ExposureSummary(
        start_on=date.fromisoformat(start) if start else None,
        end_on=date.fromisoformat(end) if end else None,
        days=kept["days"],
        elapsed_days=kept["elapsed_days"],
        drugs=tuple(kept["drugs"]),
        known=kept["known"],
    )


def cards_of(
    case: Case, flags: Sequence[Flag], own: Iterable[Flag], *, alone: bool = False
) -> list[Card]:
    """A card for each matter of a case; `own` are the flags that the reader may not decide.

    `alone`: nobody could confirm what takes a second person, so it is not among the outcomes.
    """
    lines = {line.flag.pk: line for line in _lines(case, flags, own, alone=alone)}
    return [
        _card(number, matter, [lines[flag.pk] for flag in matter.findings])
        for number, matter in enumerate(matters(flags, told_of(case)), 1)
    ]


def _card(number: int, matter: Matter[Flag], lines: list[Line]) -> Card:
    first, *others = lines
    latest = [line.latest for line in lines if line.latest is not None]
    reasons = {kept.prescription.pk: kept for line in lines for kept in line.reasons}
    return Card(
        number=number,
        matter=matter,
        lines=lines,
        outcomes=[
            choice for choice in first.outcomes if all(choice in line.outcomes for line in others)
        ],
        exemptions=[
            kind for kind in first.exemptions if all(kind in line.exemptions for line in others)
        ],
        latest=min(latest, default=None),
        reasons=list(reasons.values()),
    )


def _lines(case: Case, flags: Sequence[Flag], own: Iterable[Flag], *, alone: bool) -> list[Line]:
    earlier = _earlier(case)
    reasons = _reasons(flags)
    tallies = outcomes.by_rule()
    own_ids = {flag.pk for flag in own}
    today = timezone.localdate()
    lines = []
    for flag in flags:
        rule = BY_ID.get(flag.rule_id)
        takes_two = alone and flag.severity == 1
        exemptions = [] if takes_two else conclusions.exemptions_for(flag.rule_id, flag.severity)
        lines.append(
            Line(
                flag=flag,
                rule_title=rule.title if rule else flag.rule_id,
                citations=rulebooks.cited(flag, case.practice),
                earlier=earlier.get((flag.rule_id, flag.key), []),
                tally=tallies.get(flag.rule_id),
                reasons=[reasons[pk] for pk in flag.prescription_ids if pk in reasons]
                if _asks_for_a_reason(flag)
                else [],
                outcomes=_outcomes(flag, exemptions, alone=takes_two),
                exemptions=exemptions,
                latest=settling.latest_until(flag.severity, today) if flag.severity < 4 else None,
                own=flag.pk in own_ids,
                unjudged=flag.rule_id in JUDGE_DATA,
            )
        )
    return lines


def _outcomes(flag: Flag, exemptions: Sequence, *, alone: bool) -> list[tuple[str, str]]:
    """The outcomes that a flag can have: exempt only where an exemption changes its rule."""
    left_out = set() if exemptions else {Outcome.EXEMPT}
    if flag.severity == 1:
        left_out.add(Outcome.REVIEW)
        if alone:
            left_out |= conclusions.NEEDS_TWO
    return [choice for choice in OUTCOMES if choice[0] not in left_out]


def _asks_for_a_reason(flag: Flag) -> bool:
    return flag.mode == INTERRUPT or flag.rule_id in ASKS_FOR_A_REASON


def _reasons(flags: Iterable[Flag]) -> dict[int, KeptReason]:
    """The reasons that stay with the prescriptions of flags whose rules ask for one, by id."""
    ids = {pk for flag in flags if _asks_for_a_reason(flag) for pk in flag.prescription_ids}
    rows = Prescription.objects.filter(pk__in=ids).exclude(reason="")
    return {
        row.pk: KeptReason(row, row.reason != NOT_GIVEN)
        for row in rows.select_related("medicine", "recorded_by")
    }


def _earlier(case: Case) -> dict[tuple[str, str], list[DecisionItem]]:
    """`{(rule, key): what was decided before on the same matter, and still stands}`."""
    items = (
        DecisionItem.objects.filter(
            decision__in=Decision.objects.standing().filter(patient=case.patient_id)
        )
        .select_related("decision__by", "flag")
        .order_by("-decision__decided_at")
    )
    earlier: dict[tuple[str, str], list[DecisionItem]] = {}
    for item in items:
        earlier.setdefault((item.flag.rule_id, item.flag.key), []).append(item)
    return earlier

"""The flags of a case as its page shows them: each a card, bundled by theme."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import NamedTuple

from django.utils import timezone

from reviews import conclusions, rulebooks, settling
from reviews.models import Case, Decision, DecisionItem, Flag, Outcome, Prescription
from reviews.queries import outcomes
from reviews.queries.outcomes import Tally
from reviews.records import NOT_GIVEN
from reviews.rules.finding import INTERRUPT
from reviews.rules.registry import BY_ID, JUDGE_DATA, RULES, THEMES

OUTCOMES = [(outcome, outcome.label) for outcome in Outcome]
OTHER_THEME = "Other"
"""The theme of flags whose rule is there no longer."""
ASKS_FOR_A_REASON = {rule.id for rule in RULES if rule.shown.interrupts}


class KeptReason(NamedTuple):
    """The reason kept with a prescription; not `given` where it was asked for and left empty."""

    prescription: Prescription
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A flag with its authority, what was decided before on its matter, and what may be concluded.

    `latest` is the last day until which a decision on it can hold, `own` whether the reader's own
    prescription raised it as an urgent one, `unjudged` whether it says that the record lacks
    something. `reasons` stay with its prescriptions, where its rule asks for one.
    """

    flag: Flag
    number: int = 0
    theme: str
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


class Theme(NamedTuple):
    """The cards of one theme."""

    name: str
    cards: list[Card]


def cards_of(case: Case, flags: Sequence[Flag], own: Iterable[Flag]) -> list[Card]:
    """A card for each flag of a case; `own` are those that the reader may not decide."""
    earlier = _earlier(case)
    reasons = _reasons(flags)
    tallies = outcomes.by_rule()
    own_ids = {flag.pk for flag in own}
    today = timezone.localdate()
    cards = []
    for flag in flags:
        rule = BY_ID.get(flag.rule_id)
        exemptions = conclusions.exemptions_for(flag.rule_id, flag.severity)
        cards.append(
            Card(
                flag=flag,
                theme=rule.theme if rule else OTHER_THEME,
                rule_title=rule.title if rule else flag.rule_id,
                citations=rulebooks.book(flag.version_id).citations.get(flag.rule_id, []),
                earlier=earlier.get((flag.rule_id, flag.key), []),
                tally=tallies.get(flag.rule_id),
                reasons=[reasons[pk] for pk in flag.prescription_ids if pk in reasons]
                if _asks_for_a_reason(flag)
                else [],
                outcomes=_outcomes(flag, exemptions),
                exemptions=exemptions,
                latest=settling.latest_until(flag.severity, today) if flag.severity < 4 else None,
                own=flag.pk in own_ids,
                unjudged=flag.rule_id in JUDGE_DATA,
            )
        )
    return cards


def by_theme(cards: Iterable[Card]) -> list[Theme]:
    """Cards numbered and bundled by theme, the theme with the worst flag first."""
    cards = list(cards)
    order = {theme: n for n, theme in enumerate(THEMES)}
    worst: dict[str, int] = {}
    for card in cards:
        worst[card.theme] = min(worst.get(card.theme, 9), card.flag.severity)
    cards.sort(key=lambda card: (worst[card.theme], order.get(card.theme, len(order))))
    numbered = [replace(card, number=number) for number, card in enumerate(cards, 1)]
    return [
        Theme(name, list(group)) for name, group in groupby(numbered, key=lambda card: card.theme)
    ]


def _outcomes(flag: Flag, exemptions: Sequence) -> list[tuple[str, str]]:
    """The outcomes that a flag can have: exempt only where an exemption changes its rule."""
    left_out = set() if exemptions else {Outcome.EXEMPT}
    if flag.severity == 1:
        left_out.add(Outcome.REVIEW)
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

"""What a structured medication review asks, and which readings each answer is.

A review is one form, and what it says is kept twice: as the readings that rules look at, and as a
whole, as it was answered (`StructuredReview`). Nothing is said by silence: a part that was not
answered was not asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from reviews.errors import BadRecord
from reviews.models import Patient, Reading
from reviews.records import FIRST_DAY, LAST_DAY, ReadingRecord
from reviews.rules import words
from reviews.rules.readings import KINDS, problem

DONE = "done"
OUTCOMES = KINDS["review_outcome"].choices
NOTHING = "none"
"""The answer of a part of several that none of them is there."""
LONGEST_WORDS, LONGEST_NOTE = 500, 4000
KNOWN_DAYS = 365
"""A fact told longer ago is asked again."""


class Choice(NamedTuple):
    """An answer: its code and words, and the readings that it is, as `(kind, code)`.

    `because`: it is taken only with a reason in words.
    """

    code: str
    words: str
    says: tuple[tuple[str, str], ...]
    because: bool = False


class Part(NamedTuple):
    """A question of a review, with its answers.

    `asks_also` are rules for which it is asked besides those that use its readings. Of `several`
    answers any number may be given, or `NOTHING`; each of its kinds is then answered. `words` is
    what the field for words beside it is called, empty without one. A `fact` is something of the
    person that can be known from before, and confirmed as unchanged.
    """

    key: str
    label: str
    choices: tuple[Choice, ...]
    words: str = ""
    asks_also: tuple[str, ...] = ()
    several: bool = False
    fact: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of readings that it records."""
        return tuple(dict.fromkeys(kind for choice in self.choices for kind, _ in choice.says))

    @property
    def rules(self) -> frozenset[str]:
        """The rules whose findings ask for it."""
        used = (rule for kind in self.kinds for rule in KINDS[kind].rules)
        return frozenset({*used, *self.asks_also})


def _ticks(kind: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(code, words, ((kind, code),)) for code, words in KINDS[kind].choices.items()
    )


LENGTH = ("DUR-01", "DUR-02", "DUR-03", "DUR-04", "DUR-06", "ELD-04")

CAME_TO = Part(
    "came_to",
    "What comes of it",
    (
        Choice(
            "taper", "Taper offered, accepted", (("review", "taper"), ("taper_offer", "accepted"))
        ),
        Choice("reduce", "Lower dose agreed", (("review", "reduce"), ("taper_offer", "accepted"))),
        Choice(
            "declined",
            "Taper offered, declined",
            (("review", "continue"), ("taper_offer", "declined")),
        ),
        Choice(
            "continue",
            "Goes on, taper not appropriate",
            (("review", "continue"), ("taper_offer", "not_appropriate")),
            because=True,
        ),
        Choice("refer", "Referred", (("review", "refer"),)),
    ),
    words="Because, or to whom",
)
"""The one part that a review that was done must answer."""

PARTS = (
    CAME_TO,
    Part(
        "needed",
        "Is it still needed, and does it help?",
        (
            Choice("clear", "Helps clearly", (("still_indicated", "yes"), ("benefit", "clear"))),
            Choice("little", "Helps a little", (("still_indicated", "yes"), ("benefit", "little"))),
            Choice("no_help", "Does not help", (("still_indicated", "yes"), ("benefit", "none"))),
            Choice("gone", "No longer needed", (("still_indicated", "no"),)),
            Choice("unclear", "Not clear", (("still_indicated", "unclear"),)),
        ),
        words="For what",
        asks_also=("REV-01", "REV-02", "DQ-05"),
    ),
    Part(
        "signs",
        "Signs of dependence, or side effects",
        (*_ticks("dependence_signs"), *_ticks("side_effects")),
        words="In the person’s words",
        asks_also=LENGTH,
        several=True,
    ),
    Part(
        "falls",
        "Falls in the last 12 months",
        tuple(
            Choice(code, words, (("falls_in_a_year", code),))
            for code, words in KINDS["falls_in_a_year"].choices.items()
        ),
        words="When, and how",
        asks_also=("ELD-01", "ELD-02", "ELD-04", "ELD-06"),
        fact=True,
    ),
    Part(
        "naloxone",
        "Naloxone to take home",
        (
            Choice("supplied", "Supplied", (("naloxone", "supplied"),)),
            Choice("offered", "Offered", (("naloxone", "offered"),)),
            Choice("declined", "Offered, declined", (("naloxone", "declined"),)),
            Choice(
                "not_appropriate",
                "Not appropriate",
                (("naloxone", "not_appropriate"),),
                because=True,
            ),
        ),
        words="Because",
    ),
    Part(
        "driving",
        "Driving",
        (
            Choice("none", "Does not drive", (("driving_occupation", "none"),)),
            Choice(
                "advised",
                "Drives, advised today",
                (("driving_occupation", "private"), ("driving_counselling", "done")),
            ),
            Choice(
                "at_work",
                "Drives for work, advised today",
                (("driving_occupation", "vocational"), ("driving_counselling", "done")),
            ),
            Choice("not_advised", "Drives, not advised", (("driving_occupation", "private"),)),
        ),
        fact=True,
    ),
    Part(
        "alcohol",
        "Alcohol",
        tuple(
            Choice(code, words, (("alcohol_use", code),))
            for code, words in KINDS["alcohol_use"].choices.items()
        ),
        words="How much",
        fact=True,
    ),
    Part(
        "others",
        "Bought, borrowed or other people’s medicines",
        (
            Choice(
                "none",
                "None",
                (("other_medicines", "none"), ("non_prescribed_benzodiazepine", "no")),
            ),
            Choice(
                "some",
                "Some, none of this kind",
                (("other_medicines", "some"), ("non_prescribed_benzodiazepine", "no")),
            ),
            Choice(
                "sedative",
                "A benzodiazepine or Z-drug",
                (("other_medicines", "some"), ("non_prescribed_benzodiazepine", "yes")),
            ),
        ),
        words="Which",
        fact=True,
    ),
    Part(
        "advice",
        "Advice on risks, dependence and plan",
        (Choice("done", "Given today", (("counselling", "done"),)),),
    ),
    Part(
        "shared",
        "Decision shared",
        tuple(
            Choice(code, words, (("shared_decision", code),))
            for code, words in KINDS["shared_decision"].choices.items()
        ),
    ),
)
BY_KEY = {part.key: part for part in PARTS}
BY_KIND = {kind: part for part in reversed(PARTS) for kind in part.kinds}
"""The part that records a kind of reading; of several the first."""
RENAL = "egfr"
NEXT = "next_review"
FORM_KINDS = frozenset({*BY_KIND, RENAL, NEXT, "review_outcome"})
"""The kinds of readings that the form records."""


def answering(rule_id: str) -> Part | None:
    """The part of a review that can clear a finding of this rule, None where none can."""
    if rule_id == "FAL-01":
        return CAME_TO  # to ask for falls again clears none
    using = [kind for kind, known in KINDS.items() if rule_id in known.rules and kind in BY_KIND]
    return BY_KIND[using[0]] if using else None


def texts_of(answers: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """`{kind: text}`: the readings that answers are, by the key of the part.

    A tick of a list is one of several words of its text; a list without any says "none".
    """
    said: dict[str, str] = {}
    for key, codes in answers.items():
        part = BY_KEY[key]
        chosen = [choice for choice in part.choices if choice.code in set(codes)]
        if part.several:
            for kind in part.kinds:
                ticked = [code for choice in chosen for of, code in choice.says if of == kind]
                said[kind] = " ".join(ticked) or NOTHING
        else:
            said |= {kind: text for choice in chosen for kind, text in choice.says}
    return said


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a review says, as somebody answered it.

    `answers` are the codes given to each part that was asked, `words` what was written beside it.
    `unchanged`: what is known of the parts not answered was asked about, and is as it was. `egfr`
    was measured on `egfr_on`.
    """

    outcome: str
    reviewed_on: date
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    unchanged: bool = False
    egfr: float | None = None
    egfr_on: date | None = None
    matters: str = ""
    next_on: date | None = None
    note: str = ""

    def as_answered(self) -> dict[str, dict[str, Any]]:
        """`{part: {"codes": [...], "words": ""}}`, of the parts that were asked."""
        return {
            key: {"codes": list(codes), "words": self.words.get(key, "").strip()}
            for key, codes in self.answers.items()
        }


def check(given: Given) -> None:
    """Whether a review says what it must, and nothing impossible. Raises `BadRecord` at a part."""
    if given.outcome not in OUTCOMES:
        raise BadRecord("outcome", "say how it went")
    if not FIRST_DAY <= given.reviewed_on <= timezone.localdate():
        raise BadRecord("reviewed_on", "is in the future or before 1900")
    if given.next_on and not given.reviewed_on < given.next_on <= LAST_DAY:
        raise BadRecord("next_on", "must be after the day of the review")
    if given.outcome != DONE and not given.note.strip():
        raise BadRecord("note", "say why, or what was tried: whoever reads it next can go on")
    for name in ("matters", "note"):
        if len(getattr(given, name)) > LONGEST_NOTE:
            raise BadRecord(name, f"is longer than {LONGEST_NOTE} characters")
    if given.outcome == DONE:
        _check_answers(given)


def _check_answers(given: Given) -> None:
    for key, codes in given.answers.items():
        part = BY_KEY.get(key)
        if part is None:
            raise BadRecord("answers", f"“{key}” is no part of a review")
        chosen = [choice for choice in part.choices if choice.code in codes]
        nothing = part.several and codes == (NOTHING,)
        if len(chosen) != len(codes) and not nothing:
            raise BadRecord(key, "choose what is offered; “None of these” stands alone")
        if not part.several and len(codes) != 1:
            raise BadRecord(key, "choose one answer")
        words = given.words.get(key, "").strip()
        if any(choice.because for choice in chosen) and not words:
            raise BadRecord(key, "say why it is not appropriate")
        if len(words) > LONGEST_WORDS:
            raise BadRecord(key, f"is longer than {LONGEST_WORDS} characters")
    if CAME_TO.key not in given.answers:
        raise BadRecord(CAME_TO.key, "say what comes of it: without that it is no review")
    if given.egfr is not None:
        if reason := problem(RENAL, given.egfr, ""):
            raise BadRecord(RENAL, reason)
        if given.egfr_on and not FIRST_DAY <= given.egfr_on <= timezone.localdate():
            raise BadRecord("egfr_on", "is in the future or before 1900")


def known_of(patient: Patient, on: date) -> dict[str, list[Reading]]:
    """What is known of each part that is a fact, and was told in the year up to a day."""
    kinds = {kind for part in PARTS if part.fact for kind in part.kinds}
    rows = (
        Reading.objects.live()
        .filter(patient=patient, kind__in=kinds, dated_on__lte=on)
        .filter(dated_on__gte=on - timedelta(days=KNOWN_DAYS))
        .exclude(status="entered-in-error")
        .order_by("-dated_on", "-pk")
    )
    latest: dict[str, Reading] = {}
    for row in rows:
        latest.setdefault(row.kind, row)
    known = {
        part.key: [latest[kind] for kind in part.kinds if kind in latest]
        for part in PARTS
        if part.fact
    }
    return {key: readings for key, readings in known.items() if readings}


CONFIRMED = frozenset(
    {"falls_in_a_year", "driving_occupation", "alcohol_use", "other_medicines"}
) | {"non_prescribed_benzodiazepine"}
"""The kinds that a fact is told by. Advice once given is not given again by asking."""


def records_of(given: Given, known: Mapping[str, list[Reading]]) -> list[ReadingRecord]:
    """The readings that a review is made of; `known` are those of the parts that are unchanged."""
    on = given.reviewed_on
    if given.outcome != DONE:
        said = {"review_outcome": given.outcome}
    else:
        said = {
            "review_outcome": DONE,
            **{
                row.kind: row.text
                for readings in known.values()
                for row in readings
                if row.kind in CONFIRMED
            },
            **texts_of(given.answers),
        }
    made = [ReadingRecord(kind=kind, on=on, text=text) for kind, text in said.items()]
    if given.next_on:
        made.append(ReadingRecord(kind=NEXT, on=on, text=given.next_on.isoformat()))
    if given.outcome == DONE and given.egfr is not None:
        made.append(ReadingRecord(kind=RENAL, on=given.egfr_on or on, value=given.egfr))
    return made


def unchanged_in(patient: Patient, given: Given) -> dict[str, list[Reading]]:
    """What is known of the parts that were confirmed as unchanged."""
    if given.outcome != DONE or not given.unchanged:
        return {}
    known = known_of(patient, given.reviewed_on)
    return {key: readings for key, readings in known.items() if key not in given.answers}


def age_in_words(day: date, today: date) -> str:
    """How long ago a day was: "today", "3 days ago", "7 weeks ago", "8 months ago"."""
    days = (today - day).days
    if days <= 0:
        return "today"
    if days < 14:
        return f"{words.days(days)} ago"
    if days < 92:
        return f"{days // 7} weeks ago"
    if days < 730:
        return f"{days * 12 // 365} months ago"
    return f"{days // 365} years ago"

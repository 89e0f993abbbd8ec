"""A structured medication review: what to ask first, what is known, and what saving would do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import Q, QuerySet

from reviews import structured_reviews
from reviews.models import Flag, Patient, StructuredReview
from reviews.models import Reading as ReadingRow
from reviews.rules.book import RuleBook
from reviews.rules.compare import compare
from reviews.rules.dossier import Dossier, Reading
from reviews.rules.finding import Finding
from reviews.rules.missing import missing
from reviews.rules.parameters import Limits
from reviews.rules.policy import at
from reviews.rules.screen import screen
from reviews.structured_reviews import CAME_TO, PARTS, RENAL, Choice, Given, Part

FIRST_UNSAVED = 2**62
"""Ids of readings that are not saved yet: of one day, they are the latest."""
REVIEW_EVERY = ("REV-01", "review_within_days")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A part of the form: why it is asked, what is known and since when, and what was chosen.

    `rules` are those whose findings or gaps ask for it; `known` is empty where nothing is.
    """

    part: Part
    rules: tuple[str, ...]
    known: str
    known_on: date | None
    age: str
    chosen: tuple[str, ...]
    words: str

    @property
    def nothing(self) -> bool:
        """Whether it was answered that none of several is there."""
        return self.part.several and structured_reviews.NOTHING in self.chosen


class KnownFact(NamedTuple):
    """Something known that a review need not ask again, and the kind of reading that changes it."""

    label: str
    text: str
    on: date | None
    age: str
    kind: str = ""


class Asks(NamedTuple):
    """The parts asked for by findings, those that are known, the other ones, and further facts."""

    first: list[Ask]
    known: list[Ask]
    others: list[Ask]
    facts: list[KnownFact]

    @property
    def answered(self) -> int:
        return sum(bool(ask.chosen) for ask in self.first)


def asks(patient: Patient, dossier: Dossier, book: RuleBook, given: Given | None = None) -> Asks:
    """What the form asks somebody; `given` is what was answered, where it was refused."""
    today = dossier.as_of
    flagged = set(Flag.objects.live().filter(patient=patient).values_list("rule_id", flat=True))
    lacking = {rule for each in missing(dossier, book) for rule in each.rules}
    known = structured_reviews.known_of(patient, today)
    first, still, others = [], [], []
    for part in PARTS:
        asking = part.rules & (flagged | lacking)
        ask = _ask(part, asking, known.get(part.key, ()), today, given)
        if asking or part is CAME_TO:
            first.append(ask)
        elif ask.known:
            still.append(ask)
        else:
            others.append(ask)
    return Asks(first, still, others, _facts(patient, dossier, today))


def _ask(
    part: Part, rules: Iterable[str], known: Iterable[ReadingRow], today: date, given: Given | None
) -> Ask:
    known = list(known)
    on = min((row.dated_on for row in known), default=None)
    return Ask(
        part=part,
        rules=tuple(sorted(rules)),
        known="; ".join(dict.fromkeys(row.answer for row in known)),
        known_on=on,
        age=structured_reviews.age_in_words(on, today) if on else "",
        chosen=tuple(given.answers.get(part.key, ())) if given else (),
        words=given.words.get(part.key, "") if given else "",
    )


def _facts(patient: Patient, dossier: Dossier, today: date) -> list[KnownFact]:
    """Conditions and kidney function, which no part asks for."""
    going_on = [
        each.text or "no text"
        for each in dossier.conditions
        if each.kind == "condition" and (each.ended_on is None or each.ended_on > today)
    ]
    latest = (
        ReadingRow.objects.live()
        .filter(patient=patient, kind=RENAL, dated_on__lte=today)
        .exclude(status="entered-in-error")
        .order_by("-dated_on", "-pk")
        .first()
    )
    facts = [KnownFact("Conditions", ", ".join(going_on), None, "")] if going_on else []
    if latest:
        age = structured_reviews.age_in_words(latest.dated_on, today)
        facts.append(
            KnownFact("Kidney function", f"eGFR {latest.answer}", latest.dated_on, age, RENAL)
        )
    return facts


def next_on(book: RuleBook, dossier: Dossier, today: date) -> date:
    """The day on which the next review is due if this one is done today."""
    rule_id, name = REVIEW_EVERY
    limits: Limits | None = (
        at(book, dossier.practice, dossier.group).rules.get(rule_id, {}).get(dossier.profile)
    )
    return today + timedelta(days=int(limits[name]) if limits else 90)


@dataclass(frozen=True, kw_only=True)
class Would:
    """What saving would do: how many readings it records, and what becomes of the findings."""

    readings: int
    clears: tuple[Finding, ...]
    stays: tuple[Finding, ...]
    adds: tuple[Finding, ...]


def would(patient: Patient, given: Given, dossier: Dossier, book: RuleBook) -> Would:
    """The record judged with what a review says, by the same function as ever.

    Nothing is checked here: what saving would refuse is refused then.
    """
    known = structured_reviews.unchanged_in(patient, given)
    made = structured_reviews.records_of(given, known)
    added = tuple(
        Reading(
            id=FIRST_UNSAVED + number,
            kind=each.kind,
            value=each.value,
            on=each.on,
            text=each.text,
        )
        for number, each in enumerate(made)
    )
    after = replace(dossier, readings=(*dossier.readings, *added))
    difference = compare(screen(dossier, book), screen(after, book))
    added_ids = {(finding.rule_id, finding.key) for finding in difference.added}
    return Would(
        readings=len(made),
        clears=tuple(each for each in difference.gone if each.severity < 4),
        stays=tuple(
            each
            for each in screen(after, book).findings
            if each.severity < 4 and (each.rule_id, each.key) not in added_ids
        ),
        adds=tuple(each for each in difference.added if each.severity < 4),
    )


def of(patient: Patient) -> QuerySet[StructuredReview]:
    """The reviews of somebody, and of whoever was merged into them, the newest first."""
    whose = Q(patient=patient) | Q(patient__merged_into=patient)
    rows = StructuredReview.objects.filter(whose).select_related("by", "taken_back_by")
    return rows.order_by("-reviewed_on", "-pk")


class Answered(NamedTuple):
    """A part as it was answered, in words."""

    key: str
    label: str
    answer: str
    words: str


def words_of(reviews: Iterable[StructuredReview]) -> dict[int, list[Answered]]:
    """`{id of the review: what it says}`, in one query: answers first, then what is unchanged."""
    reviews = list(reviews)
    ids = [pk for review in reviews if review.unchanged for pk in review.reading_ids]
    readings = ReadingRow.objects.in_bulk(ids) if ids else {}
    return {review.pk: [*answered(review), *_unchanged(review, readings)] for review in reviews}


def answered(review: StructuredReview) -> list[Answered]:
    """What a review says, in the order of the form; a part that is asked no more keeps its code."""
    said = []
    for part in PARTS:
        if part.key in review.answers:
            each = review.answers[part.key]
            words = _in_words(part, each["codes"])
            said.append(Answered(part.key, part.label, words, each["words"]))
    gone = review.answers.keys() - structured_reviews.BY_KEY.keys()
    said += [
        Answered(key, key, ", ".join(review.answers[key]["codes"]), review.answers[key]["words"])
        for key in sorted(gone)
    ]
    return said


def _in_words(part: Part, codes: list[str]) -> str:
    by_code: dict[str, Choice] = {choice.code: choice for choice in part.choices}
    if part.several and codes == [structured_reviews.NOTHING]:
        return "None of these"
    return ", ".join(by_code[code].words if code in by_code else code for code in codes)


def _unchanged(review: StructuredReview, readings: Mapping[int, ReadingRow]) -> list[Answered]:
    """What was confirmed as it was known before, in the words of its readings."""
    rows = (readings[pk] for pk in review.reading_ids if pk in readings)
    answers = {row.kind: row.answer for row in rows}
    said = []
    for part in PARTS:
        if part.key in review.unchanged:
            known = (answers[kind] for kind in part.kinds if kind in answers)
            said.append(Answered(part.key, part.label, "; ".join(dict.fromkeys(known)), ""))
    return said


def not_asked(review: StructuredReview) -> list[str]:
    """The parts that a review that was done did not ask."""
    if review.outcome != StructuredReview.Outcome.DONE:
        return []
    asked = {*review.answers, *review.unchanged}
    return [part.label for part in PARTS if part.key not in asked]


def egfr_in(review: StructuredReview) -> ReadingRow | None:
    """The kidney function that was written down with a review."""
    return ReadingRow.objects.filter(pk__in=review.reading_ids, kind=RENAL).first()

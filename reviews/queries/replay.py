"""A patient on a day: what was known, what was said, and what today's book and engine say of it.

What was said is read from what was kept, and is never judged again. Beside it stand judgements that
say of themselves that they were made now.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from reviews import dossiers, rulebooks
from reviews.models import (
    Condition,
    DecisionItem,
    Flag,
    GuardedPractice,
    Patient,
    PersonMerge,
    Prescription,
    Reading,
    RuleVersion,
)
from reviews.queries import said
from reviews.queries.said import Said
from reviews.rules import ENGINE
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier
from reviews.rules.finding import Finding, Screening
from reviews.rules.profiles import is_known
from reviews.rules.registry import BY_ID
from reviews.rules.screen import screen

LATER_SHOWN = 50


class Cell(NamedTuple):
    """What one judgement says of one matter.

    `state` is "found", "quiet", "not evaluable" (with the reason as `sentence`) or "not kept". `by`
    names the book and the engine of a flag that is kept: not all of a day are of one.
    """

    state: str
    severity: int | None = None
    sentence: str = ""
    by: str = ""


QUIET, NOT_KEPT = Cell("quiet"), Cell("not kept")


class Row(NamedTuple):
    """A matter in three judgements: as kept, as judged now on the same facts, and on those of now.

    `covered` are the decisions that covered the flag then. `why` is empty where nothing differs.
    """

    rule_id: str
    title: str
    kept: Cell
    same: Cell
    now: Cell
    covered: list[DecisionItem]
    why: str

    @property
    def is_in_other_words(self) -> bool:
        """Whether a judgement of now says what was kept, but in another sentence."""
        said = {cell.sentence for cell in (self.kept, self.same, self.now)}
        return not self.why and len(said) > 1 and self.kept.state == "found"


class Fact(NamedTuple):
    """A version of a record, in words: what, about which days, on record since when, from whom."""

    kind: str
    text: str
    about: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A patient on a day, by the end of it (`known_at`).

    `limits` say what of it cannot be rebuilt, `quiet` counts the rules that today's book runs
    there, and that say nothing in all three judgements. `then` is the book that judged there;
    None before there was one, and `live` the one that does now.
    """

    as_of: date
    known_at: datetime
    said: Said
    then: RuleVersion | None
    live: RuleVersion
    engine: str
    rows: list[Row]
    quiet: int
    known: list[Fact]
    later: list[Fact]
    limits: list[str]


def end_of(day: date) -> datetime:
    """The last moment of a day, in the time zone of the portal; today that is now."""
    end = timezone.make_aware(datetime.combine(day, time.max))
    return min(end, timezone.now())


def book_of(known_at: datetime, practice_id: int) -> RuleVersion | None:
    """The rule book that judged at a practice at a moment; None before the first was published."""
    guarded = GuardedPractice.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=known_at), practice=practice_id, begun_at__lte=known_at
    ).first()
    if guarded is not None:
        return RuleVersion.objects.defer("book").get(guards=guarded.guard_id)
    published = RuleVersion.objects.filter(published_at__lte=known_at).defer("book")
    return published.order_by("-published_at").first()


def of(patient: Patient, day: date) -> Replay:
    """A patient on a day. Raises `NotFound` while no rule book is published."""
    known_at = end_of(day)
    live_pk, live_book = rulebooks.holding_at(patient.practice_id)
    live = RuleVersion.objects.defer("book").get(pk=live_pk)
    then = book_of(known_at, patient.practice_id)
    kept = said.at(patient, known_at)
    dossier = dossiers.one(patient, as_of=day, known_at=known_at)
    profile = dossier.profile
    # By books that lack the profile of that day, the patient is judged by the base of today's.
    base = live_book.base_of(patient.practice.profile)
    if not is_known(live_book.profiles, profile):
        dossier = replace(dossier, profile=base)
    same = screen(dossier, live_book)
    now = screen(dossiers.one(patient, as_of=day), live_book)
    by_then = same
    if then is not None and then.pk != live.pk:
        book = rulebooks.book(then.pk)
        under = profile if is_known(book.profiles, profile) else base
        by_then = screen(replace(dossier, profile=under), book)
    judged = Judged(same, now, by_then, then, live)
    rows = _rows(kept, judged)
    told = {row.rule_id for row in rows}
    return Replay(
        as_of=day,
        known_at=known_at,
        said=kept,
        then=then,
        live=live,
        engine=ENGINE.name,
        rows=rows,
        quiet=len(_run(live_book, dossier) - told),
        known=sorted(_known(patient, known_at), key=lambda fact: fact.since),
        later=_later(patient, day, known_at),
        limits=[*_limits(patient, kept, then, known_at), *_of_profile(profile, dossier.profile)],
    )


def _of_profile(then: str, judged: str) -> list[str]:
    """That today's book lacks the profile of that day, where it does."""
    if then == judged:
        return []
    return [
        f"The practice was of the profile {then}, which today’s rule book does not hold. It judges"
        f" by {judged}."
    ]


def _run(book: RuleBook, dossier: Dossier) -> set[str]:
    """Ids of the rules that a book runs for somebody."""
    return rulebooks.run_at(book, dossier.practice, dossier.group, dossier.profile)


# -- Three judgements --------------------------------------------------------------------------


class Judged(NamedTuple):
    """Judgements made now: on what was known, on what is known, and by the book of the day."""

    same: Screening
    now: Screening
    of_then: Screening
    then: RuleVersion | None
    live: RuleVersion


def _rows(kept: Said, judged: Judged) -> list[Row]:
    """A row for each matter that some judgement tells of, or could not judge, worst first."""
    flags = {(flag.rule_id, flag.key): (flag, items) for flag, items in kept.flags}
    same, now, of_then = map(_by_key, judged[:3])
    keys = [*flags, *same, *now]
    rows = []
    for key in dict.fromkeys(keys):
        flag, items = flags.get(key, (None, []))
        cell = _kept(flag) if flag else _unsaid(key[0], kept)
        again = _cell(same.get(key), key[0], judged.same)
        latest = _cell(now.get(key), key[0], judged.now)
        by_then = _cell(of_then.get(key), key[0], judged.of_then)
        title = flag.title if flag else (same.get(key) or now[key]).title
        why = _why(flag, (cell, again, latest), by_then, judged)
        rows.append(Row(key[0], title, cell, again, latest, items, why))
    told = {row.rule_id for row in rows}
    lacking = [missing.rule_id for each in judged[:2] for missing in each.not_evaluable]
    if kept.screening is not None and not kept.since:
        lacking += [missing["rule_id"] for missing in kept.screening.not_evaluable]
    for rule_id in dict.fromkeys(lacking):
        if rule_id in told:
            continue
        again = _cell(None, rule_id, judged.same)
        latest = _cell(None, rule_id, judged.now)
        title = BY_ID[rule_id].title if rule_id in BY_ID else rule_id
        cell = _unsaid(rule_id, kept)
        by_then = _cell(None, rule_id, judged.of_then)
        why = _why(None, (cell, again, latest), by_then, judged)
        rows.append(Row(rule_id, title, cell, again, latest, [], why))
    return sorted(rows, key=lambda row: (_worst(row), row.rule_id))


def _by_key(judged: Screening) -> dict[tuple[str, str], Finding]:
    return {(finding.rule_id, finding.key): finding for finding in judged.findings}


def _cell(finding: Finding | None, rule_id: str, judged: Screening) -> Cell:
    if finding is not None:
        return Cell("found", int(finding.severity), finding.sentence)
    for missing in judged.not_evaluable:
        if missing.rule_id == rule_id:
            return Cell("not evaluable", None, missing.reason)
    return QUIET


def _kept(flag: Flag) -> Cell:
    engine = flag.engine.name if flag.engine else "not kept"
    by = f"rule book {flag.version.number} · engine {engine}"
    return Cell("found", flag.severity, flag.sentence, by)


def _unsaid(rule_id: str, kept: Said) -> Cell:
    """What is known of a rule without a flag then: only the newest screening says what it lacked.

    No flag is kept for certain. Whether the rule was quiet, or could not judge, is not.
    """
    if kept.screening is None or kept.since:
        return NOT_KEPT
    for missing in kept.screening.not_evaluable:
        if missing["rule_id"] == rule_id:
            return Cell("not evaluable", None, missing["reason"])
    return QUIET


def _worst(row: Row) -> int:
    severities = [cell.severity for cell in (row.kept, row.same, row.now) if cell.severity]
    return min(severities, default=9)


def _differ(one: Cell, other: Cell) -> bool:
    """Whether two cells say different things; of one that was not kept only that it is no flag."""
    if "not kept" in (one.state, other.state):
        return "found" in (one.state, other.state)
    return (one.state, one.severity) != (other.state, other.severity)


def _why(flag: Flag | None, cells: tuple[Cell, Cell, Cell], by_then: Cell, judged: Judged) -> str:
    """Why the three judgements of a row differ; "" where they do not."""
    kept, same, now = cells
    kept_otherwise = _kept_otherwise(flag, kept, same, by_then, judged)
    return "; ".join(filter(None, [kept_otherwise, _came_later(same, now)]))


def _kept_otherwise(
    flag: Flag | None, kept: Cell, same: Cell, by_then: Cell, judged: Judged
) -> str:
    """Why what was kept differs from a judgement of now on the same facts; "" where it does not."""
    reasons = []
    if not _differ(kept, same):
        return ""
    if judged.then is not None and _differ(by_then, same):
        reasons.append(f"The rule book changed, {judged.then.number} to {judged.live.number}")
    if _differ(kept, by_then):
        engine = flag.engine if flag else None
        if engine is not None and engine.name != ENGINE.name:
            reasons.append(f"The engine changed, {engine.name} to {ENGINE.name}")
        else:
            reasons.append("Judged at another hour, or by an engine that is not kept")
    return "; ".join(reasons)


def _came_later(same: Cell, now: Cell) -> str:
    return "A fact came or changed later" if _differ(same, now) else ""


# -- Facts ---------------------------------------------------------------------------------------


def _known(patient: Patient, known_at: datetime) -> Iterable[Fact]:
    for model, told in TOLD.items():
        rows = model.objects.as_known(known_at).filter(patient=patient)
        for row in rows.select_related("recorded_by", *MORE.get(model, ())):
            yield _fact(row, *told(row))


def _later(patient: Patient, day: date, known_at: datetime) -> list[Fact]:
    """Live facts about that day, or one before it, that were recorded after it; newest first."""
    facts = []
    for model, told in TOLD.items():
        rows = (
            model.objects.live()
            .filter(patient=patient, recorded_at__gt=known_at)
            .filter(**{f"{ABOUT[model]}__lte": day})
            .select_related("recorded_by", *MORE.get(model, ()))
            .order_by("-recorded_at")[:LATER_SHOWN]
        )
        facts += [_fact(row, *told(row)) for row in rows]
    return sorted(facts, key=lambda fact: fact.since, reverse=True)[:LATER_SHOWN]


def _fact(row: Any, kind: str, text: str, about: str) -> Fact:
    by = row.recorded_by
    name = (by.get_full_name() or by.get_username()) if by else "the portal"
    system = getattr(row, "source_system", "")
    return Fact(kind, text, about, row.recorded_at, f"{name} ({system})" if system else name)


def _days(first: date | None, last: date | None) -> str:
    if first is None and last is None:
        return "days not recorded"
    if last is None:
        return f"from {first:%-d %b %Y}"
    begin = f"{first:%-d %b %Y}" if first else "not recorded"
    return f"{begin} to {last:%-d %b %Y}"


def _order(row: Prescription) -> tuple[str, str, str]:
    text = f"{row.medicine.text}, {row.dosage_text}" if row.dosage_text else row.medicine.text
    if row.status != "active":
        text = f"{text} ({row.get_status_display().lower()})"
    return "Medicine", text, _days(row.start_on or row.written_on, row.end_on)


def _condition(row: Condition) -> tuple[str, str, str]:
    kind = "Allergy" if row.kind == "allergy" else "Condition"
    return kind, row.text, _days(row.onset_on, row.ended_on)


def _reading(row: Reading) -> tuple[str, str, str]:
    return "Reading", f"{row.label}: {row.answer}", f"{row.dated_on:%-d %b %Y}"


TOLD = {Prescription: _order, Condition: _condition, Reading: _reading}
MORE = {Prescription: ("medicine",)}
ABOUT = {Prescription: "start_on", Condition: "onset_on", Reading: "dated_on"}
"""The day that a record is about; one without it is in no list of what came later."""


# -- What cannot be rebuilt ----------------------------------------------------------------------


def _limits(
    patient: Patient, kept: Said, then: RuleVersion | None, known_at: datetime
) -> list[str]:
    """What of that day cannot be rebuilt, each as a sentence."""
    limits = []
    if not patient.versions.filter(recorded_at__lte=known_at).exists():
        limits.append("The record was not known here on that day: nothing is shown as known.")
    if then is None:
        limits.append("No rule book was published by that day, so nothing could be said.")
    if kept.screening is None:
        limits.append("The record was not screened to this day.")
    elif kept.since:
        limits.append(
            "It was screened since, and of a person’s screenings only the newest is kept: flags of"
            " that day are, and what could not be judged then is not."
        )
    engines = {flag.engine.name if flag.engine else "" for flag, _ in kept.flags}
    if "" in engines:
        limits.append("Some flags are from before engines were recorded.")
    if engines - {"", ENGINE.name}:
        limits.append(
            "The code of an earlier engine cannot be run: only what it said is kept, not how it"
            " would judge."
        )
    if PersonMerge.objects.filter(kept=patient, at__gt=known_at, undone_at=None).exists():
        limits.append(
            "Another record was merged into this one later. What was known under its number then"
            " is not shown as known."
        )
    return limits

"""A dossier and a rule book in, a screening out. Nothing else is read, the clock least of all."""

from datetime import date
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.asking import Asked, Asking, asking, asking_only
from reviews.rules.book import RuleBook
from reviews.rules.deaths import AFTER_DEATH
from reviews.rules.dependence import dependence
from reviews.rules.dossier import NEVER_TAKEN, OVER, Dossier, Line, Medicine
from reviews.rules.drug import BZRA, OPIOID, SAID
from reviews.rules.exemptions import graded
from reviews.rules.exposure import OPEN, begins
from reviews.rules.finding import ExposureSummary, Fact, Finding, NotEvaluable, Screening
from reviews.rules.meanings import as_said, in_words, said_to_be_no_sedative
from reviews.rules.memory import memory_of
from reviews.rules.naming import names
from reviews.rules.policy import at, regraded, saying_whose
from reviews.rules.precedence import settled
from reviews.rules.recognise import as_prescribed
from reviews.rules.rule import CONDITIONS, EXEMPTIONS, READINGS, TAPERS, Rule
from reviews.rules.saying import Candidate, graded_as
from reviews.rules.view import Recognised, View


def screen(dossier: Dossier, book: RuleBook, rules: tuple[Rule, ...] | None = None) -> Screening:
    """What the rules of the book say about a dossier on its day; all rules, or those given.

    Of somebody who had died by that day only what was written afterwards is found; what could not
    be judged still is.
    Local policy of the dossier's practice counts. KeyError when the book does not hold the
    dossier's profile.
    """
    book = at(book, dossier.practice, dossier.group)
    sedatives, others, unmapped, have, said = _sorted_out(dossier, book)
    if not sedatives and not unmapped:
        return Screening(as_of=dossier.as_of, book_number=book.number)

    profile = dossier.profile
    ask = asking(book, profile) if rules is None else asking_only(book, profile, rules)
    unmapped = [(line, recognition, _end(line)) for line, recognition in unmapped]
    view = View(dossier, book, sedatives, others, unmapped)
    for bit, facts in (
        (CONDITIONS, dossier.conditions),
        (READINGS, dossier.readings),
        (TAPERS, dossier.tapers),
        (EXEMPTIONS, dossier.exemptions),
    ):
        if facts:
            have |= bit
    # Nothing but length left unknown, and how it ended, can matter once every supply is gone.
    asked = ask.idle if view.active or view.unclear else ask.afterwards
    candidates, gaps = _ask(view, ask.in_use if view.now else asked, have)
    if ask.grading:
        candidates = [
            regraded(each, own) if (own := ask.grading.get(each.finding.rule_id)) else each
            for each in candidates
        ]
    if view.exemptions:
        candidates = _lowered(candidates, view.exemptions)
        gaps = [gap for gap in gaps if graded(gap.rule_id, 1, view.exemptions) is not None]
    findings, shadowed = settled(candidates)
    if dossier.has_died:
        findings = [finding for finding in findings if finding.rule_id == AFTER_DEATH]
    if said:
        findings = [_naming(finding, said) for finding in findings]
    if book.policy_of:
        findings = [saying_whose(finding, book) for finding in findings]
    return Screening(
        as_of=dossier.as_of,
        book_number=book.number,
        findings=tuple(
            sorted(findings, key=lambda f: (f.severity, ask.themes[f.rule_id], f.rule_id, f.key))
        ),
        not_evaluable=tuple(sorted(gaps, key=lambda gap: (gap.rule_id, gap.line_ids))),
        shadowed=tuple(sorted(shadowed)),
        exposure=_exposure(view),
        valid_until=_valid_until(view, ask),
    )


class UseToday(NamedTuple):
    """Exposed days of the course in use, or last in use, up to the day judged; None = not known.

    `dependence` says why dependence is to be expected; empty when it is not.
    """

    days: int | None
    dependence: str


def use_today(dossier: Dossier, book: RuleBook) -> UseToday:
    """How long benzodiazepines and Z-drugs have been in use by the day judged."""
    found = _sorted_out(dossier, book)
    view = View(dossier, book, found.sedatives, found.others)
    begun = [each for each in view.current if each.start <= view.today] or view.episodes[-1:]
    if not begun:
        return UseToday(None, "")
    episode = begun[-1]
    vague = view.touching(episode) or view.undated
    days = None if vague else episode.exposed_days(episode.start, view.today)
    return UseToday(days, dependence(view, episode, min(view.today, episode.end)))


class _SortedOut(NamedTuple):
    """Lines with a benzodiazepine or Z-drug, with something else, and unknown; all their bits.

    `said` tells of lines, by id, what somebody said that their medicine is.
    """

    sedatives: list[Recognised]
    others: list[Recognised]
    unmapped: list[Recognised]
    have: int
    said: dict[int, str]


def _sorted_out(dossier: Dossier, book: RuleBook) -> _SortedOut:
    known = memory_of(book).recognised.known
    sedatives, others, unmapped, have = [], [], [], 0
    said: dict[int, str] = {}
    for line in dossier.lines:
        recognition = known.get(line.medicine.key) or book.recognise(line.medicine)
        if recognition.unmapped and dossier.meanings:
            recognition = as_said(line, recognition, dossier.meanings, book)
            if recognition.matched_by == SAID:
                said[line.id] = f"“{line.medicine.text}”: {in_words(recognition)}"
        if recognition.mask & OPIOID:
            recognition = as_prescribed(line, recognition)
        if recognition.mask & BZRA:
            sedatives.append((line, recognition))
        if recognition.mask & ~BZRA:
            others.append((line, recognition))
            have |= recognition.mask
        if (
            recognition.unmapped
            and line.status not in NEVER_TAKEN
            and not said_to_be_no_sedative(line, recognition, dossier)
        ):
            unmapped.append((line, recognition))
    return _SortedOut(sedatives, others, unmapped, have, said)


def _naming(finding: Finding, said: dict[int, str]) -> Finding:
    """The finding, with what somebody said that its unknown medicines are."""
    told = dict.fromkeys(said[pk] for pk in finding.line_ids if pk in said)
    facts = tuple(Fact("said_to_be", "Recognised as somebody said", each) for each in told)
    return finding._replace(facts=finding.facts + facts)


def _ask(view: View, asked: list[Asked], have: int) -> tuple[list[Candidate], list[NotEvaluable]]:
    """What the checks yield that ask for nothing, or for something the dossier has."""
    candidates: list[Candidate] = []
    gaps: list[NotEvaluable] = []
    for needs, checks in asked:
        if not needs or needs & have:
            for check, limit in checks:
                for said in check(view, limit):
                    if isinstance(said, Candidate):
                        candidates.append(said)
                    else:
                        gaps.append(said)
    return candidates, gaps


def concerns(book: RuleBook, medicine: Medicine) -> bool:
    """Whether a line of this medicine can lead to anything. A dossier without one is clear."""
    recognition = book.recognise(medicine)
    return bool(recognition.mask & BZRA) or recognition.unmapped


def _lowered(candidates: list[Candidate], exemptions) -> list[Candidate]:
    """The candidates as far as the exemptions in force leave them."""
    left = []
    for candidate in candidates:
        finding, graver = candidate.finding, candidate.graver
        severity = graded(finding.rule_id, finding.severity, exemptions)
        if severity is None:
            continue
        if severity != finding.severity:
            finding = graded_as(finding, severity)
        if graver is not None:
            graver = graded(finding.rule_id, graver[0], exemptions) or severity, graver[1]
        left.append(candidate._replace(finding=finding, graver=graver))
    return left


def _end(line: Line) -> int | None:
    """The last day of a medicine nobody recognised: an ordinal, None for "not known, not over"."""
    start = begins(line)[0]
    if line.end_on is not None and (line.days_supply is None or start is None):
        return line.end_on.toordinal()
    if start is not None and line.days_supply:
        end = start.toordinal() + line.days_supply - 1
        return end if line.end_on is None else min(end, line.end_on.toordinal())
    if line.status in OVER:
        return 0 if start is None else start.toordinal()
    return None


def _exposure(view: View) -> ExposureSummary | None:
    """The current, else the latest, episode; without one, what is known of unclear supplies."""
    if not view.uses:
        return None
    episode = None
    if view.episodes:
        episode = view.current[0] if view.current else view.episodes[-1]
    unclear = (*view.unclear, *view.undated)
    if episode is None or any(
        use.start is None or use.start > episode.end + view.gap_days + 1 for use in unclear
    ):
        return ExposureSummary(
            start_on=min(
                (date.fromordinal(use.start) for use in unclear if use.start is not None),
                default=None,
            ),
            end_on=None,
            days=None,
            elapsed_days=None,
            drugs=tuple(names(unclear)),
            known=False,
        )
    touching = view.touching(episode)
    notes = dict.fromkeys(note for span in episode.spans for note in span.use.notes)
    if view.told is not None and episode.start <= view.told.since:
        notes[view.told.in_words()] = None
    return ExposureSummary(
        start_on=date.fromordinal(episode.start),
        end_on=date.fromordinal(episode.end),
        days=episode.exposed_days(episode.start, episode.end),
        elapsed_days=episode.end - episode.start + 1,
        drugs=tuple(names([*episode.spans, *touching])),
        known=not touching,
        notes=tuple(words.sentence_case(note) for note in notes),
    )


def _valid_until(view: View, ask: Asking) -> date | None:
    """The earliest later day on which the same facts could give another answer.

    Every day the rules compare with is a fixed distance from a date on the record, so the nearest
    of those days is safe, if sometimes early.
    """
    dossier = view.dossier
    starts: set[int] = set()
    ends: set[int] = set()
    single: set[int] = set()
    spans = set(view.spans)
    for presence in view.presences():
        spans.update(presence.spans)
    for span in spans:
        starts.add(span.start)
        starts.add(span.use.start)
        ends.add(span.end)
    for use in (*view.uses, *view.rescue, *(copy.use for copy in view.copies)):
        if use.start is not None:
            starts.add(use.start)
            ends.update((use.least_end, use.reach))
    ends.discard(OPEN)
    ends.update(end for _, _, end in view.unmapped if end is not None)
    for exemption in dossier.exemptions:
        single.add(exemption.starts_on.toordinal())
        single.add(exemption.expires_on.toordinal() + 1)
    for condition in dossier.conditions:
        single.update(
            on.toordinal() for on in (condition.onset_on, condition.ended_on) if on is not None
        )
    single.update(reading.on.toordinal() for reading in dossier.readings if reading.on is not None)
    if ask.elder_from_years is not None and (view.unclear or view.rescue):
        birthday = view.person.birthday(ask.elder_from_years)
        if birthday is not None:
            single.add(birthday)
    if dossier.deceased_on is not None:
        single.add(dossier.deceased_on.toordinal())
    later = view.next_change
    for days, distances in (
        (starts, ask.after_start),
        (ends, ask.after_end),
        (single, (0,)),
    ):
        later = _nearest(days, distances, view.today, later)
    return None if later >= OPEN else date.fromordinal(later)


def _nearest(days: set[int], distances: tuple[int, ...], today: int, later: int) -> int:
    """The earliest day after today at one of the distances (ascending) from a day, or `later`."""
    furthest = distances[-1]
    for day in days:
        if day + furthest > today:
            for distance in distances:
                on = day + distance
                if on > today:
                    later = min(later, on)
                    break
    return later

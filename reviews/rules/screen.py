"""A dossier and a rule book in, a screening out. Nothing else is read, the clock least of all."""

from datetime import date

from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import NEVER_TAKEN, OVER, Dossier, Medicine
from reviews.rules.drug import BZRA
from reviews.rules.exposure import OPEN
from reviews.rules.finding import ExposureSummary, Screening
from reviews.rules.memory import memory_of, once_for_a_book
from reviews.rules.naming import names
from reviews.rules.parameters import EXPOSURE
from reviews.rules.registry import RULES
from reviews.rules.rule import CONDITIONS, EXEMPTIONS, READINGS, TAPERS, THEMES, Rule
from reviews.rules.view import View

_THEME = {rule.id: THEMES.index(rule.theme) for rule in RULES}


CHAINS: dict[str, tuple[str, ...]] = {
    "GAB-01": ("OPI-04",),
    "CNS-05": ("OPI-04",),
    "CYP-03": ("CYP-01", "ADP-01"),
    "TAP-06": ("TAP-01",),
    "DOSE-04": ("TAP-05",),
    "STOP-01": ("STOP-02",),
    "SUP-01": ("SUI-01", "ODH-01"),
}
"""Rule: the rules that are shown in its place when they fire at least as gravely, or name it all.

The chains of DUR-04, DUR-06 and of DOSE-01 to DOSE-03 are settled by these rules themselves.
"""
_AT_LEAST_AS_GRAVE = frozenset({"CYP-03"})
AFTERWARDS = frozenset({"DQ-03", "STOP-01", "STOP-02", "STOP-03"})
"""Rules that are asked even once every supply is gone."""


def screen(dossier: Dossier, book: RuleBook, rules: tuple[Rule, ...] | None = None) -> Screening:
    """What the rules of the book say about a dossier on its day; all rules, or those given.

    Nothing is said about somebody who had died by that day; what could not be judged still is.
    KeyError when the book does not hold the dossier's profile.
    """
    known = memory_of(book).recognised.known
    sedatives, others, unmapped, have = [], [], [], 0
    for line in dossier.lines:
        recognition = known.get(line.medicine.key) or book.recognise(line.medicine)
        if recognition.mask & BZRA:
            sedatives.append((line, recognition))
        if recognition.mask & ~BZRA:
            others.append((line, recognition))
            have |= recognition.mask
        if recognition.unmapped and line.status not in NEVER_TAKEN:
            unmapped.append((line, recognition))
    if not sedatives and not unmapped:
        return Screening(as_of=dossier.as_of, book_number=book.number)

    limit = book.rules[EXPOSURE][dossier.profile]
    unmapped = [(line, recognition, _end(line, limit)) for line, recognition in unmapped]
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
    active = view.active or view.unclear
    in_use = active and bool(view.now)
    if rules is None:
        asked = _asked(book, dossier.profile, bool(active))
    else:
        asked = _limited(book, dossier.profile, bool(active), rules)
    for check, limits, needs, idle in asked:
        if (not needs or needs & have) and (idle or in_use):
            check(view, limits)
    if len(view.findings) > 1:
        _supersede(view)
    findings = view.findings
    died = dossier.deceased_on
    if died is not None and died <= dossier.as_of:
        findings = []
    return Screening(
        as_of=dossier.as_of,
        book_number=book.number,
        findings=tuple(
            sorted(findings, key=lambda f: (f.severity, _THEME[f.rule_id], f.rule_id, f.key))
        ),
        not_evaluable=tuple(sorted(view.gaps, key=lambda gap: (gap.rule_id, gap.line_ids))),
        shadowed=tuple(sorted(view.shadowed)),
        exposure=_exposure(view),
        valid_until=_valid_until(view),
    )


def concerns(book: RuleBook, medicine: Medicine) -> bool:
    """Whether a line of this medicine can lead to anything. A dossier without one is clear."""
    recognition = book.recognise(medicine)
    return bool(recognition.mask & BZRA) or recognition.unmapped


@once_for_a_book
def _asked(book, profile, active):
    return _limited(book, profile, active, RULES)


def _limited(book, profile, active, rules):
    """What to ask of a dossier, with the limits of the book; less once nothing is in use."""
    return [
        (rule.check, book.rules[rule.id][profile], rule.needs, rule.idle)
        for rule in rules
        if profile in book.rules.get(rule.id, ()) and (active or rule.id in AFTERWARDS)
    ]


def _supersede(view):
    """Leave out what a higher rule of its chain shows."""
    if CHAINS.keys().isdisjoint([finding.rule_id for finding in view.findings]):
        return
    gravest: dict[str, int] = {}
    for finding in view.findings:
        rule_id = finding.rule_id
        gravest[rule_id] = min(finding.severity, gravest.get(rule_id, 9))
    hidden = {
        rule_id
        for rule_id in gravest.keys() & CHAINS.keys()
        if any(
            higher in gravest
            and (rule_id not in _AT_LEAST_AS_GRAVE or gravest[higher] <= gravest[rule_id])
            for higher in CHAINS[rule_id]
        )
    }
    if hidden:
        view.shadowed |= hidden
        view.findings = [each for each in view.findings if each.rule_id not in hidden]


def _end(line, limit):
    """The last day of a medicine nobody recognised: an ordinal, None for "not known, not over"."""
    start = line.start_on or line.written_on
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
    return ExposureSummary(
        start_on=date.fromordinal(episode.start),
        end_on=date.fromordinal(episode.end),
        days=episode.exposed_days(episode.start, episode.end),
        elapsed_days=episode.end - episode.start + 1,
        drugs=tuple(names([*episode.spans, *touching])),
        known=not touching,
        notes=tuple(words.sentence_case(note) for note in notes),
    )


def _valid_until(view: View) -> date | None:
    """The earliest later day on which the same facts could give another answer.

    Every day the rules compare with is a fixed distance from a date on the record, so the nearest
    of those days is safe, if sometimes early.
    """
    dossier = view.dossier
    after_start, after_end = _distances(view.book, view.profile)
    starts, ends, single = set(), set(), set()
    spans = set(view.spans)
    for presence in view.presences():
        spans.update(presence.spans)
    for span in spans:
        starts.add(span.start)
        starts.add(span.use.start)
        ends.add(span.end)
    for use in (*view.uses, *view.rescue):
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
    elder = view.limits_of("ELD-02")
    if elder is not None and (view.unclear or view.rescue):
        birthday = view.person.birthday(elder["age_from_years"])
        if birthday is not None:
            single.add(birthday)
    if dossier.deceased_on is not None:
        single.add(dossier.deceased_on.toordinal())
    later = view.next_change
    for days, distances in ((starts, after_start), (ends, after_end), (single, (0,))):
        later = _nearest(days, distances, view.today, later)
    return None if later >= OPEN else date.fromordinal(later)


@once_for_a_book
def _distances(book, profile):
    """How long after a start, and after an end, a rule looks at them."""
    limit = book.rules[EXPOSURE][profile]
    windows = {limit["start_window_days"]}
    for rule_id, name in (
        ("DUR-04", "co_drug_started_within_days"),
        ("ELD-01", "unexposed_before_days"),
    ):
        if profile in book.rules.get(rule_id, ()):
            windows.add(book.rules[rule_id][profile][name])
    return (
        (0, *sorted(window + 1 for window in windows)),
        (1, *sorted((limit["restart_gap_days"] + 1, limit["gap_days"] + 2))),
    )


def _nearest(days, distances, today, later):
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

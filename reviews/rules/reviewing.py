"""Reviews that are due: REV-01, REV-02, and exemptions that ran out, EXM-06."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from reviews.rules import words
from reviews.rules.exemptions import KINDS
from reviews.rules.exposure import Use
from reviews.rules.finding import Fact, NotEvaluable
from reviews.rules.parameters import DAYS, Limits, parameter
from reviews.rules.person import Answer
from reviews.rules.rule import EXEMPTIONS, QUEUED, REVIEW, S2, Grading, rule
from reviews.rules.saying import Says, about_use, length_not_known
from reviews.rules.view import Judged, View, once_for_a_view

MORE_REVIEWS = {
    "substance_use_disorder": "substance use disorder",
    "sleep_apnoea": "sleep apnoea",
    "bipolar": "bipolar disorder",
}
"""Conditions with which a review is due at each renewal, as a sentence calls them."""


@rule(
    "REV-01",
    family="Review",
    title="Structured review due",
    theme=REVIEW,
    severity=Grading("S2, first in the queue from 60 days overdue", (2,)),
    shown=QUEUED,
    sources=("asam-2025-1", "asam-2025-16", "rev-01-60"),
    parameters=(
        parameter("elapsed_from_days", DAYS, "Calendar time, from", 90),
        parameter("review_within_days", DAYS, "Review every", 90),
        parameter("epilepsy_review_within_days", DAYS, "Review every, epilepsy exemption", 180),
        parameter("urgent_overdue_from_days", DAYS, "Long overdue from", 60),
    ),
)
def structured_review(view: View, limit: Limits) -> Says:
    """REV-01. From the 90th calendar day of the episode, no completed review in the last 90 days
    (under the epilepsy exemption without an opioid both are 180). With an opioid, a substance use
    disorder, sleep apnoea or bipolar disorder a review is due at each renewal as well. To the top
    of the review queue from 60 days overdue."""
    item = view.last
    if item is None:
        yield from _length_not_known(view, limit["review_within_days"], view.now)
        return
    span, episode = item.span, item.episode
    elapsed = span.end - episode.start + 1
    opioid = _with_opioid(view)
    every, elapsed_from = limit["review_within_days"], limit["elapsed_from_days"]
    if "epilepsy_adjunct" in view.exemptions and not opioid:
        every = elapsed_from = limit["epilepsy_review_within_days"]
    last = _latest_review(view)
    overdue = _overdue(view, last, every) if elapsed >= elapsed_from else ""
    at_renewal = "" if overdue else _due_at_renewal(view, item, last, opioid=opioid)
    if not (overdue or at_renewal):
        if elapsed < elapsed_from:
            yield from _length_not_known(view, every, view.touching(episode))
        return
    due = (episode.start if last is None else max(last, episode.start)) + every
    long_days = limit["urgent_overdue_from_days"]
    long_overdue = bool(overdue) and view.reached(due + long_days)
    shown = f"{long_days} days or more" if long_overdue else f"under {long_days} days"
    title = "Review long overdue" if long_overdue else "Review due"
    if overdue and not view.reached(due):
        title, shown = f"Review due on {words.day(due)}", "not yet"
    yield about_use(
        view,
        "REV-01",
        2,
        uses=item.uses,
        title=f"{title}: {view.in_use}",
        sentence=(
            f"{words.sentence_case(view.in_use)}: {view.in_use_since(episode.start)} "
            f"({words.days(elapsed)} to the end of supply), and {overdue or at_renewal}."
            + (f" It is overdue by {long_days} days or more." if long_overdue else "")
        ),
        facts=(
            Fact("elapsed_days", "Calendar time", elapsed, "days"),
            Fact("review_within_days", "Review every", every, "days"),
            Fact("last_review", "Last review", None if last is None else words.iso(last), "date"),
            Fact("overdue", "Overdue", shown if overdue else "due at this renewal"),
        ),
        clears="A structured review with its outcome is recorded.",
        leads=long_overdue,
    )


@once_for_a_view
def _latest_review(view: View) -> int | None:
    reviews = view.person.readings_of("review")
    return reviews[-1].day if reviews else None


def _with_opioid(view: View) -> bool:
    """Is an opioid taken as well, substitution included?"""
    uses = (*view.in_hand.uses_of("opioid"), *view.in_hand.uses_of("opioid-substitution"))
    # Each is asked, because the answer can change when any of them ends.
    ended = [view.reached(use.reach + view.gap_days + 2) for use in uses if use.start is not None]
    return not all(ended)


def _overdue(view: View, last: int | None, every: int) -> str:
    """Why the regular review is due; empty while the last one is recent enough."""
    if last is None:
        return f"no structured review is recorded in the last {every} days"
    if not view.reached(last + every + 1):
        return ""
    return f"the last structured review was on {words.day(last)}"


def _due_at_renewal(view: View, item: Judged, last: int | None, *, opioid: bool) -> str:
    """Why a review is due at this renewal; empty where none is due, or it was done since."""
    reasons = ["an opioid as well"] if opioid else []
    reasons += [label for theme, label in MORE_REVIEWS.items() if view.person.has(theme)]
    span, episode = item.span, item.episode
    if not reasons or span.start == episode.start or not view.reached(span.start):
        return ""
    before = max(other.start for other in episode.spans if other.start < span.start)
    if last is not None and last >= before:
        return ""
    return f"a review is due at each renewal, because of {words.listed(reasons)}"


def _length_not_known(view: View, within: int, uses: Iterable[Use]) -> Iterator[NotEvaluable]:
    """Without a recent review, a length that is not known is neither passed nor failed."""
    uses = list(uses)
    last = _latest_review(view)
    if last is None or view.today > last + within:
        yield from length_not_known("REV-01", [use for use in uses if use.end is None])
    elif uses:
        view.watch(last + within + 1)


@rule(
    "REV-02",
    family="Review",
    title="No review planned, or a planned one missed",
    theme=REVIEW,
    severity=Grading("S3, S2 after 14 days", (2, 3)),
    shown=QUEUED,
    sources=("portal",),
    parameters=(parameter("review_after_over_days", DAYS, "Review queue after waiting over", 14),),
)
def next_review(view: View, limit: Limits) -> Says:
    """REV-02. The day planned for the next review has passed, or none is planned for a course that
    goes on beyond its first supply, whose last day is a day to look again by itself. Review queue
    once that has lasted more than 14 days (without a planned day: since the first supply ended, or
    the last review), and then left to REV-01 and DUR-01 to DUR-04 where one asks for a review as
    gravely."""
    if not view.now:
        return
    waiting = _missed(view) or _none_planned(view)
    if waiting is None:
        return
    over = limit["review_after_over_days"]
    late = view.reached(waiting.since + over + 1)
    missed = waiting.kind == "missed"
    yield about_use(
        view,
        "REV-02",
        2 if late else 3,
        title=f"{'Review missed' if missed else 'No review planned'}: {view.in_use}",
        sentence=(
            f"{view.use_in_words(view.now)}, and "
            f"{waiting.why}; each course needs a day on which it is looked at again."
        ),
        facts=(
            Fact("since", "Since", words.iso(waiting.since), "date"),
            Fact("step", "Waiting", f"over {over} days" if late else f"{over} days or fewer"),
        ),
        clears="The review is done and recorded, and a day for the next one is planned.",
        kind=waiting.kind,
    )


class _Waiting(NamedTuple):
    """A review that is waited for since a day: one that was planned, or any."""

    since: int
    kind: str
    why: str


def _missed(view: View) -> _Waiting | None:
    day = _planned(view)
    if day is None or not view.reached(day + 1):
        return None
    why = f"the review planned for {words.day(day)} has not been recorded"
    return _Waiting(day, "missed", why)


def _none_planned(view: View) -> _Waiting | None:
    if _planned(view) is not None:
        return None
    due = [use.start for use in view.unclear if use.start <= view.today and use in view.now]
    for item in view.judged:
        begins = min(span.start for span in item.episode.spans)
        beyond = max(span.end for span in item.episode.spans if span.start == begins) + 1
        begun, gone_on = view.reached(item.span.start), view.reached(beyond)
        if begun and gone_on and view.today <= item.span.end:
            due.append(beyond)
    if not due:
        return None
    last = _latest_review(view)
    since = min(due) if last is None else max(min(due), last)
    return _Waiting(since, "none planned", "no next review is planned")


def _planned(view: View) -> int | None:
    """The day planned for the next review, None where none is, or a review was done by then."""
    planned = view.person.readings_of("next_review")
    day = _planned_day(planned[-1]) if planned else None
    last = _latest_review(view)
    return None if day is None or (last is not None and last >= day) else day


def _planned_day(reading: Answer) -> int | None:
    try:
        return date.fromisoformat(reading.text).toordinal()
    except ValueError:
        return None


@rule(
    "EXM-06",
    family="Exemption",
    title="Exemption ran out",
    theme=REVIEW,
    severity=S2,
    shown=QUEUED,
    sources=("portal",),
    needs=EXEMPTIONS,
)
def expired_exemption(view: View, limit: Limits) -> Says:
    """EXM-06. An exemption that covered the current episode has run out and none of its kind has
    taken its place: it is authorised again with owner and evidence, for at most a year, or the
    rules apply."""
    if not view.now:
        return
    as_of = view.dossier.as_of
    start = min((episode.start for episode in view.current), default=view.today)
    in_force = {
        exemption.kind
        for exemption in view.dossier.exemptions
        if exemption.starts_on <= as_of <= exemption.expires_on
    }
    expired: dict[str, int] = {}
    for exemption in view.dossier.exemptions:
        ended = exemption.expires_on.toordinal()
        if ended < view.today and ended >= start and exemption.kind not in in_force:
            expired[exemption.kind] = max(ended, expired.get(exemption.kind, 0))
    for kind, ended in sorted(expired.items()):
        code, label = KINDS[kind].split(" ", 1)
        yield about_use(
            view,
            "EXM-06",
            2,
            key=kind,
            title=f"Exemption {code} ran out",
            sentence=(
                f"The exemption “{label}” ran out on {words.day(ended)} while {view.in_use} "
                f"{words.are(view.in_use)} still in use, so the rules it lowered apply again."
            ),
            facts=(Fact("expired", "Ran out", words.iso(ended), "date"),),
            clears="It is authorised again with owner, evidence and an expiry within a year.",
        )

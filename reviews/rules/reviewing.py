"""Reviews that are due: REV-01, REV-02, and exemptions that ran out, EXM-06."""

from datetime import date

from reviews.rules import words
from reviews.rules.exemptions import KINDS
from reviews.rules.finding import Fact
from reviews.rules.parameters import DAYS, parameter
from reviews.rules.rule import EXEMPTIONS, QUEUED, REVIEW, S2, Grading, rule
from reviews.rules.view import View

ASK_FOR_A_REVIEW = frozenset({"REV-01", "DUR-01", "DUR-02", "DUR-03", "DUR-04"})


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
def structured_review(view: View, limit: dict):
    """REV-01. From the 90th calendar day of the episode, no completed review in the last 90 days
    (under the epilepsy exemption without an opioid both are 180). With an opioid, a substance use
    disorder, sleep apnoea or bipolar disorder a review is due at each renewal as well. To the top
    of the review queue from 60 days overdue."""
    item = view.last
    if item is None:
        _length_not_known(view, limit["review_within_days"], view.now)
        return
    span, episode = item.span, item.episode
    elapsed = span.end - episode.start + 1
    opioid = False
    opioids = (*view.in_hand.uses_of("opioid"), *view.in_hand.uses_of("opioid-substitution"))
    for use in opioids:
        if use.start is not None:
            last = use.reach
            opioid = opioid or view.is_current(last)
            view.watch(last + view.gap_days + 2)
    every, elapsed_from = limit["review_within_days"], limit["elapsed_from_days"]
    if "epilepsy_adjunct" in view.exemptions and not opioid:
        every = elapsed_from = limit["epilepsy_review_within_days"]
    reviews = view.person.readings_of("review")
    last = reviews[-1].day if reviews else None
    reasons = []
    if opioid:
        reasons.append("an opioid as well")
    if view.person.has("substance_use_disorder"):
        reasons.append("substance use disorder")
    if view.person.has("sleep_apnoea"):
        reasons.append("sleep apnoea")
    if view.person.has("bipolar"):
        reasons.append("bipolar disorder")
    due = (episode.start if last is None else max(last, episode.start)) + every
    overdue = 0
    at_renewal = False
    if elapsed >= elapsed_from:
        if last is None or view.today > last + every:
            overdue = max(view.today - due, 0)
            said = (
                f"no structured review is recorded in the last {every} days"
                if last is None
                else f"the last structured review was on {words.day(last)}"
            )
        else:
            view.watch(last + every + 1)
            said = ""
    else:
        said = ""
    if not said and reasons and view.today >= span.start > episode.start:
        before = max(other.start for other in episode.spans if other.start < span.start)
        if last is None or last < before:
            at_renewal = True
            said = f"a review is due at each renewal, because of {words.listed(reasons)}"
    elif not said and reasons and span.start > episode.start:
        view.watch(span.start)
    if not said:
        if elapsed < elapsed_from:
            _length_not_known(view, every, view.touching(episode))
        return
    urgent = overdue >= limit["urgent_overdue_from_days"] and not at_renewal
    if not at_renewal:
        view.watch(due + limit["urgent_overdue_from_days"])
    view.say(
        "REV-01",
        2,
        uses=[other.use for other in episode.spans if other.start <= span.end],
        title=("Review long overdue" if urgent else "Review due") + f": {view.in_use}",
        sentence=(
            f"{words.sentence_case(view.in_use)}: in use since {words.day(episode.start)} "
            f"({words.days(elapsed)} to the end of supply), and {said}."
            + (
                f" It is overdue by {limit['urgent_overdue_from_days']} days or more."
                if urgent
                else ""
            )
        ),
        facts=(
            Fact("elapsed_days", "Calendar time", elapsed, "days"),
            Fact("review_within_days", "Review every", every, "days"),
            Fact("last_review", "Last review", None if last is None else words.iso(last), "date"),
            Fact("overdue", "Overdue", _overdue(limit, urgent, at_renewal)),
        ),
        clears="A structured review with its outcome is recorded.",
        leads=urgent,
    )


def _overdue(limit, urgent, at_renewal) -> str:
    if at_renewal:
        return "due at this renewal"
    days = limit["urgent_overdue_from_days"]
    return f"{days} days or more" if urgent else f"under {days} days"


def _length_not_known(view, within, uses):
    """Without a recent review, what is not known to be short is neither passed nor failed."""
    reviews = view.person.readings_of("review")
    if not reviews or view.today > reviews[-1].day + within:
        view.length_not_known("REV-01", [use for use in uses if use.end is None])
    elif uses:
        view.watch(reviews[-1].day + within + 1)


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
def next_review(view: View, limit: dict):
    """REV-02. The day planned for the next review has passed, or none is planned for a course that
    goes on beyond its first supply, whose last day is a day to look again by itself. Review queue
    once that has lasted more than 14 days (without a planned day: since the first supply ended, or
    the last review), and then left to REV-01 and DUR-01 to DUR-04 where one asks for a review as
    gravely."""
    if not view.now:
        return
    planned = view.person.readings_of("next_review")
    reviews = view.person.readings_of("review")
    last = reviews[-1].day if reviews else None
    day = _planned_day(planned[-1]) if planned else None
    if day is not None and last is not None and last >= day:
        day = None
    if day is not None:
        if view.today <= day:
            view.watch(day + 1)
            return
        since, said = day, f"the review planned for {words.day(day)} has not been recorded"
    else:
        due: list[int] = [
            use.start for use in view.unclear if use.start <= view.today and use in view.now
        ]
        for item in view.judged:
            first = [span for span in item.episode.spans if span.start == item.episode.start]
            beyond = max(span.end for span in first) + 1
            view.watch(item.span.start)
            view.watch(beyond)
            if max(item.span.start, beyond) <= view.today <= item.span.end:
                due.append(beyond)
        if not due:
            return
        since = min(due) if last is None else max(min(due), last)
        said = "no next review is planned"
    late = view.today - since
    at = since + limit["review_after_over_days"] + 1
    view.watch(at)
    severity = 2 if view.today >= at else 3
    if since != day and any(
        finding.rule_id in ASK_FOR_A_REVIEW and finding.severity <= severity
        for finding in view.findings
    ):
        view.shadowed.add("REV-02")
        return
    view.say(
        "REV-02",
        severity,
        title=f"{'Review missed' if since == day else 'No review planned'}: {view.in_use}",
        sentence=(
            f"{words.sentence_case(view.in_use)} {words.are(view.in_use)} in use, and {said}; "
            "each course needs a day on which it is looked at again."
        ),
        facts=(
            Fact("since", "Since", words.iso(since), "date"),
            Fact(
                "step",
                "Waiting",
                f"over {limit['review_after_over_days']} days"
                if late > limit["review_after_over_days"]
                else f"{limit['review_after_over_days']} days or fewer",
            ),
        ),
        clears="The review is done and recorded, and a day for the next one is planned.",
    )


def _planned_day(reading) -> int | None:
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
def expired_exemption(view: View, limit: dict):
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
        view.say(
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

"""What was prescribed to somebody who had died, which is a fault of the record: DQ-04."""

from reviews.rules import words
from reviews.rules.dossier import NEVER_TAKEN
from reviews.rules.exposure import Use
from reviews.rules.finding import Fact
from reviews.rules.parameters import Limits
from reviews.rules.rule import QUEUED, S3, UNJUDGED, rule
from reviews.rules.saying import Says, candidate
from reviews.rules.view import View

AFTER_DEATH = "DQ-04"


@rule(
    AFTER_DEATH,
    family="Data quality",
    title="Written after the recorded death",
    theme=UNJUDGED,
    severity=S3,
    shown=QUEUED,
    sources=("portal",),
    idle=True,
    judges_data=True,
)
def written_after_death(view: View, limit: Limits) -> Says:
    """DQ-04. A benzodiazepine or Z-drug prescription was written, or begins without a date written,
    on a day after the person died.

    Either the death or the prescription is wrong, or of somebody else. Nothing else is found of
    somebody who has died; where the day of death is not known, neither is this.
    """
    if view.dossier.deceased_on is None or not view.dossier.has_died:
        return
    died = view.dossier.deceased_on.toordinal()
    # One order may have several uses: of each ingredient, and of what it allows later.
    late: dict[int, tuple[int, Use]] = {}
    for use in (*view.uses, *view.rescue):
        on = use.line.written_on or use.line.start_on
        if on is not None and on.toordinal() > died and use.line.status not in NEVER_TAKEN:
            late[use.line.id] = (on.toordinal(), use)
    if not late:
        return
    in_order = sorted(late.values(), key=lambda each: (each[0], each[1].line.id))
    drugs = words.listed(dict.fromkeys(use.drug.name for _, use in in_order))
    first = in_order[0][0]
    how_many = "A prescription" if len(late) == 1 else f"{len(late)} prescriptions"
    since = "on" if len(late) == 1 else "from"
    yield candidate(
        AFTER_DEATH,
        3,
        key=AFTER_DEATH,
        line_ids=tuple(sorted(late)),
        title=f"{words.sentence_case(drugs)} written after the recorded death",
        sentence=(
            f"{how_many} of {drugs} {'is' if len(late) == 1 else 'are'} dated {since} "
            f"{words.day(first)}, but the person is recorded as having died on {words.day(died)}."
        ),
        facts=(
            Fact("died", "Died", words.day(died)),
            Fact("written", "First written", words.day(first)),
        ),
        clears="The death or the prescription is corrected, or goes to whose it is.",
        unknown="Whether the person lives and takes it, or who else does.",
    )

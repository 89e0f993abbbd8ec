"""What the portal said of a patient at a moment, from what it kept; nothing is judged here."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q
from django.utils import timezone

from reviews.models import Decision, DecisionItem, Flag, Patient, PatientScreening


@dataclass(frozen=True)
class Said:
    """The flags that were live, each with the decisions that covered it then.

    `screening` is the patient's newest one, None where there was none to this day. Only where it is
    not `since` the moment does it say by what was judged then: earlier ones are not kept.
    """

    flags: list[tuple[Flag, list[DecisionItem]]]
    screening: PatientScreening | None
    since: bool


def at(patient: Patient, moment: datetime) -> Said:
    """What stood on the patient's page at `moment`, worst first."""
    everything = {
        flag.pk: flag
        for flag in Flag.objects.filter(patient=patient, raised_at__lte=moment)
        .select_related("version", "engine")
        .defer("version__book")
        .order_by("severity", "rule_id", "pk")
    }
    concluded = _concluded(patient, moment)
    screening = (
        PatientScreening.objects.filter(patient=patient, screened_at__isnull=False)
        .select_related("version", "engine")
        .first()
    )
    return Said(
        flags=[
            (flag, _covering(flag, everything, concluded, timezone.localdate(moment)))
            for flag in everything.values()
            if flag.ended_at is None or flag.ended_at > moment
        ],
        screening=screening,
        since=bool(screening and screening.screened_at and screening.screened_at > moment),
    )


def _concluded(patient: Patient, moment: datetime) -> dict[int, list[DecisionItem]]:
    """`{flag id: [what was concluded on it and was in force at the moment]}`."""
    not_taken_back = Q(decision__answer__isnull=True) | Q(decision__answer__decided_at__gt=moment)
    confirmed = Q(
        decision__answer__kind=Decision.Kind.CONFIRMED, decision__answer__decided_at__lte=moment
    )
    not_undone = Q(decision__answer__answer__isnull=True) | Q(
        decision__answer__answer__decided_at__gt=moment
    )
    items = (
        DecisionItem.objects.filter(decision__patient=patient, decision__decided_at__lte=moment)
        .filter(
            Q(not_taken_back, decision__kind=Decision.Kind.DECIDED)
            | Q(confirmed, not_undone, decision__kind=Decision.Kind.PROPOSED)
        )
        .select_related("decision__by")
        .order_by("decision__decided_at", "pk")
    )
    found = {}
    for item in items:
        found.setdefault(item.flag_id, []).append(item)
    return found


def _covering(
    flag: Flag | None,
    flags: dict[int, Flag],
    concluded: dict[int, list[DecisionItem]],
    day: date,
) -> list[DecisionItem]:
    """The items that covered a flag on a day: its own, and those of the flags it took over from.

    A decision goes on to cover what supersedes its flag, unless that is worse, until its day.
    """
    covering = []
    while flag is not None:
        covering += [item for item in concluded.get(flag.pk, ()) if item.until >= day]
        older = flags.get(flag.supersedes_id)
        flag = older if older is not None and flag.severity >= older.severity else None
    return covering

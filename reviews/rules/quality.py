"""What could not be judged: missing supply or dose (DQ-01), medicines nobody recognised (DQ-03)."""

from typing import NamedTuple

from reviews.rules import words
from reviews.rules.dossier import Line
from reviews.rules.drug import Recognition
from reviews.rules.exposure import EXPECTED_USE, GIVEN, OPEN, FurtherIssues, Use, begins
from reviews.rules.finding import Fact
from reviews.rules.parameters import Limits
from reviews.rules.recognise import FOR_THE_NIGHT
from reviews.rules.rule import QUEUED, S3, UNJUDGED, Grading, rule
from reviews.rules.saying import Candidate, Says, candidate
from reviews.rules.spelling import names_a_class
from reviews.rules.view import View


@rule(
    "DQ-01",
    family="Data quality",
    title="Supply or dose missing",
    theme=UNJUDGED,
    severity=S3,
    shown=QUEUED,
    sources=("portal",),
    idle=True,
    judges_data=True,
)
def incomplete(view: View, limit: Limits) -> Says:
    """DQ-01. A benzodiazepine or Z-drug prescription lacks its start date, its length of supply (no
    days' supply, none that quantity, strength and dose come to, no end date), or its daily amount,
    or the supply comes to 0 or to over 120 days.

    Asked only where an answer depends on it: a stated days' supply stands in for the quantity, a
    dose in mg for the strength.
    """
    by_drug: dict[str, dict[int, _Incomplete]] = {}
    current = {item.span.use.line.id for item in view.judged}
    for use in view.uses:
        known = use.end is not None
        matters = use.line.id in current if known else _matters(view, use)
        lacking = _lacking(use) if matters else []
        if lacking:
            found = by_drug.setdefault(use.drug.key, {})
            # What may follow the first issue of an order is told with it.
            before = found.get(use.line.id, _Incomplete(use, []))
            found[use.line.id] = _Incomplete(use, [*before.lacking, *lacking])
    for key, found in by_drug.items():
        yield _of_one_drug(key, [*found.values()])


class _Incomplete(NamedTuple):
    """A use, and what its prescription lacks."""

    use: Use
    lacking: list[str]


def _matters(view: View, use: Use) -> bool:
    """Does an answer depend on a use of unknown length? Not if it is over and others came later."""
    if use.start is None or use.reach == OPEN or view.is_current(use.reach):
        return True
    if isinstance(use, FurtherIssues):
        return False  # they were optional, and can be in use no more
    return use.start >= max(other.start for other in view.uses if other.start is not None)


def _lacking(use: Use) -> list[str]:
    for_length = [item for item in use.missing if item != EXPECTED_USE]
    if use.end is not None:
        for_length = []
    return for_length + [item for item in _daily_amount(use) if item not in for_length]


def _of_one_drug(key: str, found: list[_Incomplete]) -> Candidate:
    found = sorted(found, key=lambda incomplete: incomplete.use.line.id)
    uses = [use for use, _ in found]
    lacking = list(dict.fromkeys(item for _, items in found for item in items))
    name = uses[0].drug.name
    begun = [begins(use.line)[0] for use in uses]
    dates = [day.toordinal() for day in begun if day is not None]
    since = f" from {words.day(min(dates))}" if dates else ""
    title = f"{words.sentence_case(name)}: {words.listed(lacking)} not recorded"
    unknown = ""
    if any(use.end is None for use in uses):
        title = f"{words.sentence_case(name)}: duration cannot be judged"
        unknown = "How long the supply lasts, and so the length of treatment, is not known."
    how_many = "A prescription" if len(uses) == 1 else f"{len(uses)} prescriptions"
    return candidate(
        "DQ-01",
        3,
        key=f"DQ-01:{key}",
        line_ids=tuple(sorted(use.line.id for use in uses)),
        title=title,
        sentence=(
            f"{how_many} of {name}{since} "
            f"{'lacks' if len(uses) == 1 else 'lack'} {words.listed(lacking)}; rules "
            "that need it were not evaluated, which is neither passed nor failed."
        ),
        facts=(Fact("missing", "Missing", ", ".join(lacking)),),
        clears="The prescriber adds what is missing, or marks the entry as made in error.",
        unknown=unknown,
    )


def _daily_amount(use: Use) -> list[str]:
    """The first thing missing for a daily amount in mg."""
    if use.mg is not None:
        return []
    line = use.line
    if line.schedule and line.dose_unit:
        return ["strength"]
    if line.max_per_day is None:
        if line.dose is None and line.dose_max is None:
            return ["daily dose"]
        often = line.times_per_day or line.times_per_day_max or line.source == GIVEN
        if not often:
            return ["times a day"]
    if not line.dose_unit:
        return ["unit of the dose"]
    return ["strength"]


@rule(
    "DQ-03",
    family="Data quality",
    title="Medicine not recognised",
    theme=UNJUDGED,
    severity=Grading(
        "S2; S3 without a benzodiazepine or Z-drug in use, unless it may be one itself", (2, 3)
    ),
    shown=QUEUED,
    sources=("portal",),
    idle=True,
    judges_data=True,
)
def unmapped(view: View, limit: Limits) -> Says:
    """DQ-03. A medicine on the record could not be matched to the drug table by code or by name, is
    a combination of which a part is not known, or has a code for one drug and the name of another.
    It is treated as an unknown sedative.

    Review queue beside a benzodiazepine or Z-drug in use; and whatever else is taken, where its
    name ends like one, it is made for the night, or it was bought online. Banner and digest
    otherwise.
    """
    by_text: dict[str, list] = {}
    for line, recognition, end in view.unmapped:
        if end is None or view.is_current(end):
            by_text.setdefault(line.medicine.text.casefold(), []).append((line, recognition))
    for text, found in by_text.items():
        line, recognition = found[0]
        may_be_one = [why for each in found if (why := _may_be_a_sedative(*each))]
        severity = 2 if view.active or may_be_one else 3
        shown = line.medicine.text or "A medicine without a name"
        drugs = [drug.name for _, drug, _ in recognition.ingredients]
        nothing = f"“{shown}” matches no medicine in the formulary, so its interactions were not"
        if recognition.otherwise:
            title = f"{shown}: its code and its words differ"
            nothing = (
                f"“{shown}” is {words.listed(drugs)} by its code and "
                f"{words.listed(recognition.otherwise)} by its words or another code, whose "
                "interactions were not"
            )
            if not set(drugs) - set(recognition.otherwise):
                # The code says that it holds nothing a rule asks for.
                nothing = (
                    f"“{shown}” is no known sedative by its code and "
                    f"{words.listed(recognition.otherwise)} by its words or another code, so what "
                    "it really holds was not"
                )
        elif recognition.parts:
            title = f"{shown}: part of a combination not recognised"
        else:
            title = f"{shown}: not recognised"
        yield candidate(
            "DQ-03",
            severity,
            key=f"DQ-03:{text}",
            line_ids=tuple(sorted(line.id for line, _ in found)),
            title=title,
            sentence=(
                f"{nothing} checked; {may_be_one[0] if may_be_one else ''}"
                "treat it as a possible sedative until it is identified."
            ),
            facts=(
                Fact(
                    "codes",
                    "Codes given",
                    ", ".join(f"{system} {code}" for system, code in line.medicine.codings)
                    or "none",
                ),
            ),
            clears="The medicine is mapped in the formulary, or the entry is corrected.",
            unknown="Whether it is a sedative, an opioid or an inhibitor of metabolism.",
        )


def _may_be_a_sedative(line: Line, recognition: Recognition) -> str:
    """Why an unknown medicine may itself be a sedative, as the beginning of a sentence; or ""."""
    if recognition.suspected in FOR_THE_NIGHT:
        return f"“{recognition.suspected}” says that it is for the night: "
    if names_a_class(recognition.suspected):
        return f"“{recognition.suspected}” names a class of medicines that sedate: "
    if recognition.suspected:
        return f"“{recognition.suspected}” ends like the name of a benzodiazepine or Z-drug: "
    if line.acquired == "online":
        return "it was bought online: "
    return ""

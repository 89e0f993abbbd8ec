"""What a finding is about: findings that are one fact to a colleague are one matter.

A reviewer reads a card for each matter of a case and gives it one outcome; the findings stay what
they are, as lines of the card, in decisions and in the API. Every rule stands in exactly one row of
the table. Nothing here judges: a matter is as grave as its gravest finding, and no finding is left
out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from reviews.rules import words
from reviews.rules.finding import ExposureSummary, Severity


class Found(Protocol):
    """A finding, or the flag that keeps one; each of `facts` has a name, a label and a value.

    The types are those of a finding; a flag's are columns, which no checker takes for them.
    """

    @property
    def rule_id(self) -> Any: ...
    @property
    def severity(self) -> Any: ...
    @property
    def sentence(self) -> Any: ...
    @property
    def title(self) -> Any: ...
    @property
    def facts(self) -> Any: ...


Finding = TypeVar("Finding", bound=Found)


class Row(NamedTuple):
    """A row of the table: the rules whose findings are one fact, and what the card is called.

    Where a case also holds the row `joins`, the findings go onto its card, whose title then says
    `joined` as well: long use in an older person, unreviewed, is one fact. `does` are what a
    reviewer may want to do about it: "taper", or "reading:" with a kind of reading.
    """

    key: str
    title: str
    rules: tuple[str, ...]
    joins: str = ""
    joined: str = ""
    does: tuple[str, ...] = ()


LENGTH = "length"
ELDER = "older"
REVIEW = "review"
OTHER = Row("other", "Other", ())
"""For a flag whose rule is there no longer."""

_REVIEWED = "reading:review"
_NALOXONE = "reading:naloxone"

# In this order among matters that are equally grave: what can kill first, what the record lacks
# last.
ROWS = (
    Row(
        "opioid",
        "With an opioid",
        ("OPI-01", "OPI-02", "OPI-03", "OPI-04"),
        does=(_NALOXONE,),
    ),
    Row(
        "beside",
        "With another medicine that sedates",
        (
            *("GAB-01", "CNS-01", "CNS-03", "CNS-04", "CNS-05"),
            *("ADP-02", "OLZ-01", "CLZ-01", "OXY-01"),
        ),
    ),
    Row("safety", "Suicide and overdose", ("SUI-01", "ODH-01"), does=(_NALOXONE,)),
    Row("allergy", "Allergy on record", ("ALG-01",)),
    Row("breathing", "Breathing and muscle weakness", ("RSP-01", "RSP-02", "MYA-01")),
    Row("stopping", "End of supply", ("STOP-01", "STOP-02", "STOP-03"), does=("taper",)),
    Row(
        LENGTH,
        "Length of use",
        ("DUR-01", "DUR-02", "DUR-03", "DUR-04", "DUR-05", "DUR-06", "DUR-09", "DUR-10"),
        does=(_REVIEWED, "taper"),
    ),
    Row(
        ELDER,
        "Older person",
        ("ELD-01", "ELD-02", "ELD-04", "ELD-05", "ELD-06", "DUR-08"),
        joins=LENGTH,
        joined="older person",
        does=("taper", "reading:taper_offer"),
    ),
    Row(REVIEW, "Review", ("REV-01", "REV-02"), joins=LENGTH, does=(_REVIEWED,)),
    Row(
        "several",
        "More than one sedative",
        ("DUP-01", "DUP-02", "DUP-03", "CNS-02"),
        does=("taper",),
    ),
    Row(
        "dose",
        "Dose",
        ("DOSE-01", "DOSE-02", "DOSE-03", "DOSE-04", "DOSE-05", "DOSE-06"),
        does=("taper",),
    ),
    Row(
        "taper",
        "The taper",
        ("TAP-01", "TAP-02", "TAP-03", "TAP-04", "TAP-05", "TAP-06", "TAP-07"),
        does=("taper",),
    ),
    Row(
        "level",
        "Another medicine changes its level",
        (
            *("CYP-01", "CYP-02", "CYP-03", "CYP-04"),
            *("ADP-01", "UGT-01", "AED-01", "AED-02"),
        ),
    ),
    Row("brain", "Three or more medicines that act on the brain", ("CNS-06",)),
    Row("falls", "Falls and fractures", ("FAL-01",), does=("taper",)),
    Row("substances", "Alcohol and other drugs", ("ALC-01", "ALC-02", "ILL-01", "SUD-01")),
    Row("dependence", "Signs of dependence", ("DEP-01",), does=("taper",)),
    Row("organs", "Liver and kidneys", ("HEP-01", "HEP-02", "REN-01")),
    Row("family", "Pregnancy and breastfeeding", ("PRG-01", "PRG-02", "BRF-01")),
    Row("child", "Under 18", ("PED-01",)),
    Row("confusion", "Memory and confusion", ("COG-01",)),
    Row("sleep", "Complex sleep behaviour", ("ILN-01",)),
    Row("trauma", "Post-traumatic stress disorder", ("IND-04",), does=("taper",)),
    Row("eye", "Glaucoma", ("GLA-01",)),
    Row("porphyria", "Porphyria", ("POR-01",)),
    Row("driving", "Driving and work", ("DRV-01", "OCC-01"), does=("reading:driving_counselling",)),
    Row("purpose", "What it is for", ("IND-01", "IND-02", "IND-03", "DUR-07", "SWI-01")),
    Row(
        "supply",
        "Supply",
        ("SUP-01", "SUP-02", "LEG-01", "REF-01", "REF-02", "DUP-04"),
    ),
    Row("prescribers", "Where it comes from", ("PRE-01", "PRE-02")),
    Row("exemption", "Exemption that ran out", ("EXM-06",)),
    Row("unrecognised", "Medicine or strength not known", ("DQ-03", "STR-01")),
    Row("record", "What the record lacks", ("DQ-01", "DQ-02")),
    Row("death", "Written after a death", ("DQ-04",)),
)
ROW_OF: Mapping[str, Row] = {rule_id: row for row in ROWS for rule_id in row.rules}
"""The row of each rule."""
BY_KEY: Mapping[str, Row] = {row.key: row for row in (*ROWS, OTHER)}
_ORDER = {row.key: number for number, row in enumerate((*ROWS, OTHER))}


class Told(NamedTuple):
    """What the sentences of a case may rest on besides its findings.

    That is today, the age today in completed years, and the exposure.
    """

    today: date
    age: int | None = None
    exposure: ExposureSummary | None = None


class Matter(NamedTuple, Generic[Finding]):
    """Findings that are one fact, the gravest first: one card, with what a colleague would say.

    `beside` are facts of the gravest finding that the sentence does not say already.
    """

    key: str
    title: str
    severity: int
    sentence: str
    findings: tuple[Finding, ...]
    does: tuple[str, ...]
    beside: tuple[Any, ...] = ()


def row_of(rule_id: str) -> Row:
    """The row in which a rule stands; `OTHER` for one that is there no longer."""
    return ROW_OF.get(rule_id, OTHER)


def matters(found: Iterable[Finding], told: Told) -> list[Matter[Finding]]:
    """Group findings into matters, the gravest first; every finding is in exactly one of them."""
    by_row: dict[str, list[Finding]] = {}
    for each in found:
        by_row.setdefault(row_of(each.rule_id).key, []).append(each)
    made = [_matter(BY_KEY[key], group, told) for key, group in _joined(by_row).items()]
    return sorted(made, key=lambda matter: (matter.severity, _ORDER[matter.key]))


def _matter(row: Row, group: Iterable[Finding], told: Told) -> Matter[Finding]:
    """The matter of a row, with the findings of the rows that joined it."""
    findings = tuple(sorted(group, key=lambda each: each.severity))
    there = {row_of(each.rule_id).key for each in findings}
    joined = [each for each in ROWS if each.key in there and each is not row]
    speaker = SPEAKERS.get(row.key)
    said = speaker(findings, told) if speaker else ""
    return Matter(
        key=row.key,
        title=", ".join([row.title, *(each.joined for each in joined if each.joined)]),
        severity=findings[0].severity,
        sentence=said or findings[0].sentence,
        findings=findings,
        does=tuple(dict.fromkeys(what for each in (row, *joined) for what in each.does)),
        # A finding says its numbers itself.
        beside=tuple(each for each in findings[0].facts if _name(each) not in SAID) if said else (),
    )


def titles(rule_ids: Iterable[str]) -> list[str]:
    """What the matters of these rules are called, in the order of the table."""
    rows = {row_of(rule_id).key: row_of(rule_id) for rule_id in rule_ids}
    kept = [row for key, row in rows.items() if row.joins not in rows]
    return [row.title for row in sorted(kept, key=lambda row: _ORDER[row.key])]


def within_a_line(rule_ids: Iterable[str]) -> list[str]:
    """The same, as they are written in the middle of a line."""
    return [title[:1].lower() + title[1:] for title in titles(rule_ids)]


def _joined(by_row: Mapping[str, list[Finding]]) -> dict[str, list[Finding]]:
    """The rows' findings, those of a row that joins another one there moved to it."""
    grouped: dict[str, list[Finding]] = {}
    for key, found in by_row.items():
        joins = BY_KEY[key].joins
        grouped.setdefault(joins if joins in by_row else key, []).extend(found)
    return grouped


# --- sentences -------------------------------------------------------------------------------
#
# Where the gravest finding alone does not say what is true today of all that is on the card, a
# sentence is put together from what the findings say. A speaker that lacks something says nothing,
# and the finding speaks for itself.


SAID = frozenset(
    {
        *("exposed_days", "elapsed_days", "episode_start", "supply_end", "window_days"),
        *("overlap_days", "overlap_start", "overlap_end", "age_years"),
    }
)
"""Names of facts that the sentences below are made of."""


def telling(found: Found) -> Any:
    """The fact that tells most of a finding beside its title, None where it has none."""
    facts = [each for each in found.facts if _name(each) != "age_years"]
    return next(iter(facts or found.facts), None)


def _name(fact: Any) -> str:
    return fact["name"] if isinstance(fact, dict) else fact.name


def fact(found: Found, name: str) -> Any:
    """The value of a fact of a finding, None where it has none of that name."""
    for each in found.facts:
        if _name(each) == name:
            return each["value"] if isinstance(each, dict) else each.value
    return None


def _of(findings: Iterable[Found], *rule_ids: str) -> Found | None:
    """The gravest of the findings that is of one of the rules."""
    return next((each for each in findings if each.rule_id in rule_ids), None)


COUNTED = frozenset({"DUR-01", "DUR-02", "DUR-03", "DUR-04", "ELD-04", "ELD-05", "ELD-06"})
"""Rules that count from the start of the exposure. Others count another time, and say which."""


def _used_so_long(findings: Sequence[Found], told: Told) -> str:
    """How long until today, at what age, and what is not on record beside it.

    "At 79, diazepam has been supplied since 21 July 2026: 131 days of supply so far. No structured
    review and no offer of a taper are on record."
    """
    exposure, today = told.exposure, told.today
    if exposure is None or exposure.start_on is None or not exposure.drugs:
        return ""
    if exposure.start_on > today:
        return ""
    drugs = words.listed(exposure.drugs)
    gravest = findings[0].severity
    if not any(each.rule_id in COUNTED for each in findings if each.severity == gravest):
        return ""
    older = any(row_of(each.rule_id).key == ELDER for each in findings)
    at = f"At {told.age}, " if older and told.age is not None else ""
    several = len(exposure.drugs) > 1
    verb = ", one or more of them, have been" if several else " has been"
    since = words.day(exposure.start_on.toordinal())
    said = f"{at}{drugs}{verb} supplied since {since}{_so_far(exposure, today)}."
    # What the table of precedence makes graver says why: on its own it is not urgent.
    lately = findings[0].rule_id == "DUR-04" and findings[0].severity == Severity.S1
    urgent = "Urgent because a medicine was begun beside it in the last weeks." if lately else ""
    parts = (words.sentence_case(said), _lacking(findings), urgent)
    return " ".join(part for part in parts if part)


def _so_far(exposure: ExposureSummary, today: date) -> str:
    """The exposed days until today; what is supplied ahead is no use yet."""
    if exposure.days is None or not exposure.known or exposure.end_on is None:
        return ", for how long is not known for all of it"
    if exposure.end_on < today:
        over = words.day(exposure.end_on.toordinal())
        return f" until {over}: {words.days(exposure.days)}"
    ahead = (exposure.end_on - today).days
    days = exposure.days - ahead
    if days < 1:
        return ""
    until = words.day(exposure.end_on.toordinal())
    more = f", and {exposure.days} when it ends on {until}" if ahead else ""
    return f": {words.days(days)} of supply so far{more}"


def _lacking(findings: Sequence[Found]) -> str:
    """What of review and taper is not on record."""
    lacking = []
    review = _of(findings, "REV-01")
    if review is not None:
        last = fact(review, "last_review")
        if last:
            day = words.day(date.fromisoformat(str(last)).toordinal())
            lacking.append(f"no structured review since {day}")
        else:
            lacking.append("no structured review")
    if _of(findings, "ELD-05"):
        lacking.append("no offer of a taper")
    said = words.listed(lacking)
    return f"{words.sentence_case(said)} {words.are(said)} on record." if said else ""


def _together(findings: Sequence[Found], told: Told) -> str:
    """What is together, for how long until today, why it matters, and what is missing.

    "Codeine started while on diazepam: 5 days so far. Together they can slow breathing; the risk is
    highest in the first weeks. No offer of naloxone is on record."
    """
    first = findings[0]
    so_far = _days_together(first, told.today)
    if not so_far:
        return ""
    why = first.sentence.partition(". ")[2]
    naloxone = "" if first.rule_id == "OPI-03" or not _of(findings, "OPI-03") else _NO_NALOXONE
    return " ".join(part for part in (f"{first.title}{so_far}.", why, naloxone) if part)


_NO_NALOXONE = "No offer of naloxone is on record."


def _days_together(found: Found, today: date) -> str:
    """Days until today, as far as they are one run of days, or on which side of today they are."""
    days, first, last = (
        fact(found, name) for name in ("overlap_days", "overlap_start", "overlap_end")
    )
    if not (days and first and last):
        return ""
    start, end = date.fromisoformat(str(first)), date.fromisoformat(str(last))
    if start > today:
        return f", from {words.day(start.toordinal())}"
    if end < today:
        return f", until {words.day(end.toordinal())}"
    if (end - start).days + 1 != days:
        return ""
    return f": {words.days((today - start).days + 1)} so far"


Speaker = Callable[[Sequence[Found], Told], str]
SPEAKERS: Mapping[str, Speaker] = {
    LENGTH: _used_so_long,
    ELDER: _used_so_long,
    "opioid": _together,
    "beside": _together,
    "several": _together,
    "level": _together,
}
"""Who puts a card's sentence together, by row; without one the gravest finding speaks."""

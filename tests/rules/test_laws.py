"""Laws: what holds of every record, whatever is in it. Tables hold what was thought of.

A dossier is drawn from a few medicines, so that they meet. `LAWS` in the environment says how many
are drawn for each law (docs/mutation.md); the suite draws the same ones every time.
"""

import os
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from reviews.rules import screen
from reviews.rules.codes import PROFILES
from reviews.rules.compare import Change, compare
from reviews.rules.dossier import Exemption
from reviews.rules.exemptions import KINDS
from reviews.rules.meanings import drugs_of
from reviews.rules.registry import BY_ID
from reviews.rules.words import MONTHS

from .book import BOOK, line, medicine, on, person

DRAWN = int(os.environ.get("LAWS", "1000"))
drawn = settings(
    max_examples=DRAWN,
    derandomize="LAWS" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SEDATIVES = (
    "diazepam 5 mg tablets",
    "diazepam 10 mg tablets",
    "lorazepam 1 mg tablets",
    "zopiclone 7.5 mg tablets",
    "zolpidem 10 mg tablets",
    "alprazolam 0.5 mg tablets",
    "temazepam 20 mg tablets",
    "triazolam 0.25 mg tablets",
)
OPIOIDS = ("morphine 10 mg tablets", "methadone 1 mg/ml oral solution", "codeine 30 mg tablets")
OTHERS = (
    *OPIOIDS,
    "pregabalin 75 mg capsules",
    "quetiapine 25 mg tablets",
    "mirtazapine 15 mg tablets",
    "clarithromycin 500 mg tablets",
    "rifampicin 300 mg capsules",
    "melatonin 2 mg tablets",
    "suvorexant 10 mg tablets",
    "dextromethorphan 15 mg capsules",
)
LENGTHS = (1, 3, 7, 14, 28, 28, 30, 56)
PURPOSES = ("anxiety", "insomnia", "muscle_spasm_acute", "procedure", "palliative", "unknown")

supply = st.tuples(
    st.sampled_from(SEDATIVES),
    st.integers(-150, 20),
    st.sampled_from(LENGTHS),
    st.sampled_from((0.5, 1, 2)),
    st.sampled_from(PURPOSES),
)
beside = st.tuples(st.sampled_from(OTHERS), st.integers(-120, 20), st.sampled_from(LENGTHS))
supplies = st.lists(supply, min_size=1, max_size=5)
besides = st.lists(beside, max_size=2)
profiles = st.sampled_from(PROFILES)
ages = st.sampled_from((8, 40, 64, 66, 80))


def course(rows):
    """The lines of drawn supplies."""
    return [
        line(text, start, days, dose=dose, indication=purpose, written_on=on(start))
        for text, start, days, dose, purpose in rows
    ]


def also(rows):
    """The lines of drawn medicines beside them."""
    return [line(text, start, days, indication="other") for text, start, days in rows]


def somebody(lines, profile="UK", age=40, **more):
    """Somebody whose birthday was half a year ago, judged on day 0."""
    return person(*lines, as_of=0, birth=date(2025 - age, 6, 15), profile=profile, **more)


def severities(screening):
    """The gravest severity of each rule that found something, data rules left out."""
    found = {}
    for each in screening.findings:
        if not BY_ID[each.rule_id].judges_data:
            found[each.rule_id] = min(int(each.severity), found.get(each.rule_id, 9))
    return found


def said(screening):
    """All that is told, but for the days on which it was told."""
    return screening.findings, screening.not_evaluable, screening.shadowed, screening.exposure


def days_named(text):
    """The days that a text names, in order."""
    found = re.findall(rf"(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})", text)
    return [date(int(year), MONTHS.index(month) + 1, int(day)) for day, month, year in found]


# --- what is added ---------------------------------------------------------------------------


@drawn
@given(supplies, besides, profiles, ages, st.sampled_from(OPIOIDS), st.integers(-40, 0))
def test_an_opioid_more_never_lowers_the_worst_severity(rows, others, profile, age, opioid, start):
    # Where one is taken already, an earlier one means that the two together are no start any more.
    assume(not any(row[0] in (*OPIOIDS, "dextromethorphan 15 mg capsules") for row in others))
    before = somebody(course(rows) + also(others), profile, age)
    added = line(opioid, start, 60, indication="pain")
    after = replace(before, lines=(*before.lines, added))
    worst = [min(severities(screen(each, BOOK)).values(), default=9) for each in (before, after)]
    assert worst[1] <= worst[0]


@drawn
@given(supplies, besides, profiles, ages)
def test_a_medicine_of_no_concern_changes_nothing(rows, others, profile, age):
    lines = course(rows) + also(others)
    more = line("paracetamol 500 mg tablets", -5, 28, indication="pain")
    alone, beside_it = (somebody(each, profile, age) for each in (lines, [*lines, more]))
    assert severities(screen(alone, BOOK)) == severities(screen(beside_it, BOOK))


@drawn
@given(supplies, besides, profiles, ages, st.sampled_from(sorted(KINDS)))
def test_an_exemption_makes_nothing_graver(rows, others, profile, age, kind):
    granted = Exemption(id=1, kind=kind, starts_on=on(-30), expires_on=on(90))
    plain = somebody(course(rows) + also(others), profile, age)
    before = severities(screen(plain, BOOK))
    seen = screen(replace(plain, exemptions=(granted,)), BOOK)
    for rule_id, severity in severities(seen).items():
        # What gave way to a finding that the exemption silences is shown in its place.
        shown_before = rule_id in before
        assert not shown_before or severity >= before[rule_id], rule_id


# --- the same, told in another way -----------------------------------------------------------

COUNTS_ISSUES = {
    # They look at one issue: its days, its date or how many there were.
    *("LEG-01", "SUP-01", "REF-01", "REV-01", "REV-02", "DUR-07", "DUR-08", "DUR-10", "DUR-02"),
    # At the start of the second half the person may be older, or the first may be over.
    *("ELD-01", "ELD-02", "IND-01", "IND-03", "DRV-01", "DQ-02", "DUP-04", "SWI-01", "DUP-01"),
}


@drawn
@given(supplies, besides, profiles, st.integers(0, 4))
def test_a_supply_in_two_halves_is_the_same_use(rows, others, profile, which):
    text, start, days, dose, purpose = rows[which % len(rows)]
    assume(days > 1)
    half = days // 2
    halves = [(text, start, half, dose, purpose), (text, start + half, days - half, dose, purpose)]
    rest = [row for n, row in enumerate(rows) if n != which % len(rows)]
    # Another supply that begins between the halves would come before the second of them.
    assume(all(row[0].split()[0] != text.split()[0] for row in rest))
    whole, split = (
        screen(somebody(course(each) + also(others), profile), BOOK)
        for each in ([*rest, rows[which % len(rows)]], [*rest, *halves])
    )
    one, two = (severities(each) for each in (whole, split))
    for found in (one, two):
        for rule_id in COUNTS_ISSUES:
            found.pop(rule_id, None)
    assert one == two
    if whole.exposure.days is not None:
        assert (whole.exposure.start_on, whole.exposure.end_on, whole.exposure.days) == (
            split.exposure.start_on,
            split.exposure.end_on,
            split.exposure.days,
        )


@drawn
@given(supplies, besides, profiles, ages)
def test_a_brand_is_the_medicine_it_holds(rows, others, profile, age):
    lines = course(rows) + also(others)
    branded = [
        each._replace(medicine=medicine(each.medicine.text.replace("diazepam", "Valium")))
        for each in lines
    ]
    generic, brand = (screen(somebody(each, profile, age), BOOK) for each in (lines, branded))
    assert said(generic) == said(brand)


@drawn
@given(supplies, besides, profiles, ages, st.integers(0, 999))
def test_the_order_of_the_lines_is_of_no_concern(rows, others, profile, age, seed):
    lines = course(rows) + also(others)
    mixed = list(lines)
    random.Random(seed).shuffle(mixed)
    assert said(screen(somebody(lines, profile, age), BOOK)) == said(
        screen(somebody(mixed, profile, age), BOOK)
    )


@drawn
@given(supplies, besides, profiles, st.integers(1, 2000))
def test_all_days_moved_by_as_many_changes_nothing(rows, others, profile, by):
    plain = somebody(course(rows) + also(others), profile)
    moved = replace(
        plain,
        as_of=plain.as_of + timedelta(days=by),
        birth_date=plain.birth_date + timedelta(days=by),
        lines=tuple(
            each._replace(
                start_on=each.start_on + timedelta(days=by),
                written_on=each.written_on and each.written_on + timedelta(days=by),
            )
            for each in plain.lines
        ),
    )
    one, two = screen(plain, BOOK), screen(moved, BOOK)
    assert [(f.rule_id, f.severity, f.mode, f.line_ids) for f in one.findings] == [
        (f.rule_id, f.severity, f.mode, f.line_ids) for f in two.findings
    ]
    assert [gap.rule_id for gap in one.not_evaluable] == [gap.rule_id for gap in two.not_evaluable]
    # A month has no fixed length, so what a law says in months may change on another day.
    if profile != "US" and one.valid_until is not None:
        assert two.valid_until == one.valid_until + timedelta(days=by)


@drawn
@given(supplies, besides, profiles, st.booleans())
def test_an_amount_is_the_days_it_lasts(rows, others, profile, in_words):
    def amount(each):
        told = {"days_supply": None, "quantity": each.days_supply * each.dose}
        if in_words:
            count = round(each.dose * 2)
            told |= {"quantity": None, "quantity_unit": None, "dose": count}
            told |= {"quantity_text": f"{each.days_supply} x {count} tablets"}
        return each._replace(**told)

    by_amount = [amount(each) for each in course(rows)]
    by_days = [
        each._replace(dose=other.dose) for each, other in zip(course(rows), by_amount, strict=True)
    ]
    one, two = (
        screen(somebody([*each, *also(others)], profile), BOOK) for each in (by_days, by_amount)
    )
    assert severities(one) == severities(two)
    assert one.exposure.days == two.exposure.days


TIMES = {1: "once a day", 2: "twice a day", 3: "three times a day"}


@drawn
@given(supplies, besides, profiles, st.sampled_from((1, 2)), st.sampled_from(sorted(TIMES)))
def test_a_dose_in_words_is_the_dose_in_numbers(rows, others, profile, tablets, often):
    said = f"Take {tablets} tablet{'s' if tablets > 1 else ''} {TIMES[often]}"
    numbers = [each._replace(dose=tablets, times_per_day=often) for each in course(rows)]
    in_words = [
        each._replace(dose=None, dose_unit=None, times_per_day=None, dosage_text=said)
        for each in numbers
    ]
    one, two = (
        screen(somebody([*each, *also(others)], profile), BOOK) for each in (numbers, in_words)
    )
    assert severities(one) == severities(two)


@drawn
@given(supplies, besides, profiles, ages)
def test_a_difference_turned_round_is_its_opposite(rows, others, profile, age):
    lines = course(rows)
    one, two = (
        screen(somebody(each, profile, age), BOOK) for each in (lines, [*lines, *also(others)])
    )
    there, back = compare(one, two), compare(two, one)
    assert not compare(one, one).added
    assert (there.new, there.gone) == (back.gone, back.new)
    assert Counter(there.changed) == Counter(
        Change(each.after, each.before) for each in back.changed
    )


@drawn
@given(supplies, besides, profiles, ages)
def test_whoever_prescribes_is_told_each_finding_once_as_added_or_as_standing(
    rows, others, profile, age
):
    held, more = course(rows), also(others)
    before, after = (somebody(each, profile, age) for each in (held, [*held, *more]))
    drugs = drugs_of(before, BOOK), drugs_of(after, BOOK)
    screened = screen(after, BOOK)
    found = compare(screen(before, BOOK), screened, drugs)
    changed = tuple(each.after for each in found.changed)
    assert Counter((*found.added, *found.same)) == Counter(screened.findings)
    assert Counter((*found.new, *changed, *found.wider)) == Counter(found.added)
    added = {each.id for each in more}
    assert all(added & {*each.line_ids} for each in found.wider), "each is about what was added"


# --- what is taken away ----------------------------------------------------------------------

FACTS = {
    "the length": {"days_supply": None, "quantity": None, "quantity_unit": None},
    "the dose": {"dose": None},
    "how often": {"times_per_day": None, "days_supply": None},
    "the day": {"start_on": None, "written_on": None},
}


LACKING = {
    # Of what was issued early, twice or too much at once nothing is known without the amounts.
    *("REF-01", "DUP-04", "SUP-01", "LEG-01", "DUR-07"),
    # They look at a course, or at the change of a dose, and DQ-01 says that it cannot be judged.
    *("DUR-09", "SWI-01", "STOP-01", "TAP-01", "DOSE-04", "REV-02", "IND-03"),
    # Whether a course is a new one cannot be asked of one whose days are not known.
    *("DQ-02", "DRV-01", "PRG-02"),
}
"""Rules of which the finding that a prescription lacks something says enough."""


@drawn
@given(supplies, besides, profiles, ages, st.sampled_from([*FACTS, "the birth date"]))
def test_a_fact_less_never_makes_a_finding_silent_without_a_word(rows, others, profile, age, fact):
    # Two records of a product and a day without a dose may be one supply, which DUP-04 asks.
    assume(len({(row[0].split()[0], row[1]) for row in rows}) == len(rows))
    whole = somebody(course(rows) + also(others), profile, age)
    if fact == "the birth date":
        less = replace(whole, birth_date=None)
    else:
        less = replace(whole, lines=tuple(each._replace(**FACTS[fact]) for each in whole.lines))
    before, after = screen(whole, BOOK), screen(less, BOOK)
    told = {each.rule_id for each in after.findings} | set(after.shadowed)
    told |= {gap.rule_id for gap in after.not_evaluable}
    # The prescription itself is said to lack it.
    told |= LACKING if "DQ-01" in told else set()
    silent = {each.rule_id for each in before.findings} - told
    assert not silent


@drawn
@given(supplies, besides, profiles, ages, st.integers(0, 4))
def test_a_supply_a_day_longer_never_shortens_exposure(rows, others, profile, age, which):
    text, start, days, dose, purpose = rows[which % len(rows)]
    longer = [row for n, row in enumerate(rows) if n != which % len(rows)]
    longer.append((text, start, days + 1, dose, purpose))
    one, two = (
        screen(somebody(course(each) + also(others), profile, age), BOOK).exposure
        for each in (rows, longer)
    )
    if one.start_on == two.start_on:
        assert two.days >= one.days
        assert two.end_on >= one.end_on
    else:  # it joined what had been two episodes, or is the latest one now
        assert two.end_on >= one.end_on or two.days >= one.days


@drawn
@given(
    st.sampled_from(SEDATIVES),
    st.lists(st.integers(0, 12), min_size=1, max_size=9),
    st.sampled_from((7, 14, 28)),
    profiles,
)
def test_more_in_the_house_is_not_more_taken(text, early, days, profile):
    """Repeats of one product, each collected some days early, are one constant dose."""
    starts = [-60]
    for by in early:
        starts.append(starts[-1] + max(1, days - by))
    lines = [line(text, start, days, dose=0.5) for start in starts]
    found = severities(screen(somebody(lines, profile), BOOK))
    once = severities(screen(somebody([line(text, -60, 90, dose=0.5)], profile), BOOK))
    for rule_id in ("DOSE-01", "DOSE-02", "DOSE-03", "DOSE-04", "TAP-01"):
        assert rule_id in once or rule_id not in found, rule_id


@drawn
@given(
    st.sampled_from(SEDATIVES),
    st.integers(1, 12),
    st.lists(st.sampled_from((7, 14, 28)), min_size=1, max_size=4),
    st.integers(-20, 0),
    profiles,
    ages,
)
def test_a_dose_that_goes_on_is_judged_like_one_supply_of_it(
    text, dose, lengths, begun, profile, age
):
    """However often it was renewed, what is taken today is as far over a maximum, and not past."""
    lines, start = [], begun
    for days in reversed(lengths):
        lines.append(line(text, start, days, dose=dose))
        start -= days
    once = line(text, begun, lengths[-1], dose=dose)
    assume(begun + lengths[-1] > 0)
    found = {}
    for name, each in (("renewed", lines), ("once", [once])):
        findings = screen(somebody(each, profile, age), BOOK).findings
        found[name] = {
            f.rule_id: (int(f.severity), f.title)
            for f in findings
            if f.rule_id in ("DOSE-02", "DOSE-03")
        }
    assert found["renewed"] == found["once"]


@drawn
@given(supplies, besides, profiles, ages)
def test_half_the_dose_is_no_graver_dose(rows, others, profile, age):
    halved = [(text, start, days, dose / 2, why) for text, start, days, dose, why in rows]
    full, half = (
        severities(screen(somebody(course(each) + also(others), profile, age), BOOK))
        for each in (rows, halved)
    )
    for rule_id in ("DOSE-01", "DOSE-02"):
        assert half.get(rule_id, 9) >= full.get(rule_id, 9), rule_id


# --- what is said ----------------------------------------------------------------------------

PAST = re.compile(
    r"(?<!be )\b(?:in use|supplied|passed|rose|ended|began|ran|came|took|reached|started|raised"
    r"|added|issued)\b(?: [\w ]*?)? ?(?:on|to|until|from|since) (?P<day>\d{1,2} \w+ \d{4})"
)


@drawn
@given(supplies, besides, profiles, ages)
def test_nothing_is_told_as_past_that_is_still_to_come(rows, others, profile, age):
    dossier = somebody(course(rows) + also(others), profile, age)
    for each in screen(dossier, BOOK).findings:
        for text in (each.title, *each.sentence.split(";")):
            for told in PAST.finditer(text):
                assert days_named(told["day"])[0] <= dossier.as_of, text
        if " in use, " in each.sentence:
            assert any(start <= 0 for _, start, *_ in rows), each.sentence
        if re.search(r"(?<!be )\b(?:started|begun|raised|added)\b", each.title):
            facts = {fact.name: fact.value for fact in each.facts}
            began = facts.get("overlap_start") or facts.get("start")
            assert began is None or began <= dossier.as_of.isoformat(), each.title


@drawn
@given(supplies, besides, profiles, ages)
def test_no_title_tells_of_a_medicine_before_there_was_any(rows, others, profile, age):
    dossier = somebody(course(rows) + also(others), profile, age)
    for each in screen(dossier, BOOK).findings:
        begun = [
            on(start)
            for text, start, *_ in (*rows, *others)
            if text.split()[0].lower() in each.title.lower()
        ]
        for day in days_named(each.title):
            assert not begun or day >= min(begun), each.title


@drawn
@given(supplies, besides, profiles, ages)
def test_no_finding_names_more_days_than_lie_between_its_dates(rows, others, profile, age):
    dossier = somebody(course(rows) + also(others), profile, age)
    for each in screen(dossier, BOOK).findings:
        for part in re.split(r"[.;] ", each.sentence):
            named = days_named(part)
            counted = re.search(r"(?:for|to|covers|on) (?:at least )?(\d+) days?\b", part)
            if len(named) > 1 and counted:
                span = (max(named) - min(named)).days + 1
                assert int(counted[1]) <= span, part


@example(
    # Dependence came to be expected of two Z-drugs, and nobody asked again.
    rows=[
        ("zolpidem 10 mg tablets", 10, 28, 2, "insomnia"),
        ("zopiclone 7.5 mg tablets", -22, 56, 0.5, "anxiety"),
    ],
    others=[],
    profile="UK",
    age=64,
    later=7,
)
@drawn
@given(supplies, besides, profiles, ages, st.integers(1, 400))
def test_what_was_said_holds_until_the_day_it_names(rows, others, profile, age, later):
    dossier = somebody(course(rows) + also(others), profile, age)
    screening = screen(dossier, BOOK)
    until = screening.valid_until or date.max
    day = min(dossier.as_of + timedelta(days=later), until - timedelta(days=1))
    assume(day > dossier.as_of)
    again = screen(replace(dossier, as_of=day), BOOK)
    assert said(again) == said(screening)

"""What holds for every rule: no clock, no imports, stable answers, wording, sources."""

import ast
import re
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.rules import RULES, screen
from reviews.rules.catalogue import catalogue, default_citations_section, left_out
from reviews.rules.codes import PROFILES, TAPER_STATES
from reviews.rules.dossier import (
    Condition,
    Exemption,
    Reading,
    Taper,
    TaperStep,
)
from reviews.rules.exemptions import KINDS
from reviews.rules.finding import INTERRUPT, Severity
from reviews.rules.indications import INDICATIONS
from reviews.rules.parameters import EXPOSURE
from reviews.rules.readings import CHOICE
from reviews.rules.readings import KINDS as READING_KINDS
from reviews.rules.registry import BY_ID, PARAMETERS
from reviews.rules.sources import SOURCES

from .book import BOOK, line, medicine, on, person

PACKAGE = Path(sys.modules["reviews.rules"].__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_core_imports_the_standard_library_and_itself_alone(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = [node.module]
        else:
            continue
        for name in named:
            own = name.startswith("reviews.rules")
            assert own or name.split(".")[0] in sys.stdlib_module_names, name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_rule_reads_the_clock(path):
    tree = ast.parse(path.read_text())
    # The engine reads its own sources, once at start, to name them; no rule does.
    allowed = {"pathlib"} if path == PACKAGE / "engine.py" else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in {"today", "now", "utcnow", "fromtimestamp"}, node.lineno
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or node.names[0].name
            refused = {"time", "random", "os", "io", "sys", "socket", "pathlib"}
            assert module not in refused - allowed


# --- random people ---------------------------------------------------------------------------

TEXTS = [
    "diazepam 5 mg tablets",
    "diazepam 5 mg tablets",
    "lorazepam 1 mg tablets",
    "zopiclone 7.5 mg tablets",
    "alprazolam 0.5 mg tablets",
    "diazepam 10 mg rectal solution",
    "midazolam",
    "morphine 10 mg tablets",
    "dextromethorphan",
    "fentanyl 25 micrograms/hour patches",
    "gabapentin 300 mg capsules",
    "carisoprodol",
    "suvorexant 10 mg",
    "melatonin 2 mg",
    "ketoconazole 200 mg",
    "clarithromycin 500 mg",
    "zork 10 mg",
    "alprazolam 0.5 mg tablets",
    "clozapine 25 mg",
    "efavirenz 600 mg",
    "valproic acid 500 mg",
    "quetiapine 25 mg",
    "baclofen 10 mg",
    "promethazine 25 mg",
    "disulfiram 200 mg",
    "flumazenil",
    "naloxone",
]
MEDICINES = [medicine(text) for text in TEXTS] + [
    medicine("methadone 1 mg/ml", ("atc", "N07BC02")),
    medicine("as coded", ("atc", "N06CA01")),
]
DAYS = st.integers(-60, 260)


@st.composite
def lines(draw):
    start = draw(st.none() | DAYS)
    end = draw(st.none() | st.integers(0, 90))
    return line(
        "",
        medicine=draw(st.sampled_from(MEDICINES)),
        start=start,
        days=draw(st.sampled_from([None, 0, 7, 14, 28, 30, 60, 120, 121])),
        quantity=draw(st.sampled_from([None, 14, 28, 56])),
        dose=draw(st.sampled_from([None, 1, 2])),
        as_needed=draw(st.booleans()),
        max_per_day=draw(st.sampled_from([None, 4])),
        expected_per_day=draw(st.sampled_from([None, 1])),
        end_on=None if end is None or start is None else on(start + end),
        status=draw(st.sampled_from(["active", "active", "completed", "stopped", "draft"])),
        indication=draw(st.sampled_from(["anxiety", "insomnia", "seizure_rescue", "unknown"])),
        setting=draw(st.sampled_from(["community", "procedural"])),
        source=draw(st.sampled_from([*["written"] * 4, "dispensed", "reported", "given"])),
        repeats_allowed=draw(st.sampled_from([None, None, None, 0, 2])),
        issue_days=draw(st.sampled_from([None, 28])),
        valid_until=draw(st.sampled_from([None, None, on(90)])),
        dose_max=draw(st.sampled_from([None, None, 2])),
        quantity_unit=draw(st.sampled_from(["tablet", "tablet", None])),
        quantity_text=draw(st.sampled_from(["", "", "2 packs of 28", "2 Packung"])),
        dosage_text=draw(st.sampled_from(["", "", "one in the morning", "1 nocte"])),
        system=draw(st.sampled_from(["portal", "portal", "ehr"])),
        is_new_start=draw(st.booleans()),
        repeat_template=draw(st.booleans()),
        replacement_reason=draw(st.sampled_from(["", "", "lost"])),
        change_reason=draw(st.sampled_from(["", "", "taper", "admission", "titration"])),
        team=draw(st.sampled_from(["", "a", "b", "c", "d"])),
        schedule=draw(st.sampled_from([(), (), (), ((2, 7), (1, 14))])),
    )


CODES = [
    "W19",
    "F05",
    "R45.851",
    "T42.4X1A",
    "Z33.1",
    "J44",
    "G47.3",
    "F11.2",
    "F10.2",
    "G70.0",
    "G40",
    "F43.1",
    "S72.0",
]
ANSWERS = [
    (kind, code, None)
    for kind, known in READING_KINDS.items()
    if known.shape == CHOICE
    for code in known.choices
] + [
    ("egfr", "", 25),
    ("audit_c", "", 9),
    ("phq9_item9", "", 2),
    ("po2_kpa", "", 7),
    ("dependence_signs", "tolerance cannot_cope", 2),
    ("next_review", "2026-03-01", None),
]


@st.composite
def histories(draw):
    """Conditions, readings and tapers on days before, between and after the prescriptions."""
    dates = st.integers(-800, 300)
    conditions = [
        Condition(
            id=n,
            codings=(("icd10", code),),
            onset_on=draw(st.none() | dates.map(on)),
            ended_on=draw(st.none() | dates.map(on)),
        )
        for n, code in enumerate(draw(st.lists(st.sampled_from(CODES), max_size=3)))
    ]
    readings = [
        Reading(id=n, kind=kind, text=text, value=value, on=on(draw(dates)))
        for n, (kind, text, value) in enumerate(
            draw(st.lists(st.sampled_from(ANSWERS), max_size=5))
        )
    ]
    tapers = []
    for n in range(draw(st.integers(0, 1))):
        begun = draw(DAYS)
        doses = draw(st.lists(st.sampled_from([20, 15, 10, 5, 1, 0]), min_size=1, max_size=4))
        tapers.append(
            Taper(
                id=n,
                drug=draw(st.sampled_from(["diazepam", "lorazepam"])),
                status=draw(st.sampled_from(sorted(TAPER_STATES))),
                steps=tuple(
                    TaperStep(on(begun + 14 * k), mg)
                    for k, mg in enumerate(sorted(set(doses), reverse=True))
                ),
                maintenance_agreed=draw(st.booleans()),
                last_contact_on=draw(st.none() | DAYS.map(on)),
            )
        )
    return tuple(conditions), tuple(readings), tuple(tapers)


@st.composite
def people(draw):
    begins = draw(DAYS)
    conditions, readings, tapers = draw(histories())
    return person(
        *draw(st.lists(lines(), max_size=6)),
        as_of=draw(st.integers(-30, 300)),
        birth=draw(st.sampled_from([None, date(1950, 1, 1), date(1961, 4, 4), date(1961, 8, 30)])),
        profile=draw(st.sampled_from(PROFILES)),
        deceased_on=draw(st.sampled_from([None, None, None, on(150)])),
        sex=draw(st.sampled_from(["female", "male"])),
        conditions=conditions,
        readings=readings,
        tapers=tapers,
        exemptions=draw(
            st.sampled_from(
                [
                    (),
                    *(
                        (
                            Exemption(
                                id=1,
                                kind=kind,
                                starts_on=on(begins),
                                expires_on=on(begins + 50),
                            ),
                        )
                        for kind in KINDS
                    ),
                ]
            )
        ),
    )


def answer(screening):
    return screening.findings, screening.not_evaluable, screening.shadowed


@settings(max_examples=400, deadline=None)
@given(people(), st.integers(1, 400))
def test_the_answer_holds_until_it_says(dossier, days):
    first = screen(dossier, BOOK)
    until = first.valid_until
    assert until is None or until > dossier.as_of
    day = dossier.as_of + timedelta(days=days)
    if until is not None and day >= until:
        day = until - timedelta(days=1)
    later = type(dossier)(**{**fields(dossier), "as_of": day})
    assert answer(screen(later, BOOK)) == answer(first)


def test_the_answer_about_a_dose_that_another_medicine_joined_holds_until_it_says():
    joined = person(line("lorazepam 1 mg tablets"), line(start=1, dose=None), as_of=1)
    first = screen(joined, BOOK)
    assert first.valid_until <= on(16), "the day on which lorazepam alone is no current dose"
    for day in range(2, (first.valid_until - on(0)).days):
        later = type(joined)(**{**fields(joined), "as_of": on(day)})
        assert answer(screen(later, BOOK)) == answer(first)


def fields(dossier):
    return {name: getattr(dossier, name) for name in type(dossier).__slots__}


def heard(screening):
    """The rules that say something: a finding, a gap, or one that another is shown for."""
    return {
        *(finding.rule_id for finding in screening.findings),
        *(gap.rule_id for gap in screening.not_evaluable),
        *screening.shadowed,
    }


@settings(max_examples=300, deadline=None)
@given(people(), st.integers(1, 5))
def test_repeats_silence_nothing(dossier, repeats):
    """What is said of orders for one issue is said, or asked, of orders that may go on.

    But for one birthday: an order for one issue is judged by the age at its start, one that may go
    on by the age today, so what is said of the age changes where somebody turns 65 in between."""
    if dossier.birth_date is not None:
        dossier = type(dossier)(**{**fields(dossier), "birth_date": date(1950, 1, 1)})
    # An order that stays valid for longer than a month may go on even without repeats.
    for_one = {"repeats_allowed": None, "repeat_template": False, "valid_until": None}
    once = [each._replace(**for_one) for each in dossier.lines]
    more = [each._replace(repeats_allowed=repeats) for each in once]
    before, after = (
        screen(type(dossier)(**{**fields(dossier), "lines": tuple(mine)}), BOOK)
        for mine in (once, more)
    )
    assert {finding.rule_id for finding in before.findings} <= heard(after)


@settings(max_examples=200, deadline=None)
@given(people(), st.randoms())
def test_the_order_of_the_record_changes_nothing(dossier, random):
    shuffled = list(dossier.lines)
    random.shuffle(shuffled)
    other = type(dossier)(**{**fields(dossier), "lines": tuple(shuffled)})
    assert screen(other, BOOK) == screen(dossier, BOOK)


INSTRUCTION = re.compile(
    r"\b(stop|stops|stopping|stopped|withdraw|withdrawn|withdrawing|discontinue|discontinued|cease)\b",
    re.IGNORECASE,
)


@settings(max_examples=300, deadline=None)
@given(people())
def test_each_finding_is_advice_with_numbers_and_a_key_of_its_own(dossier):
    screening = screen(dossier, BOOK)
    keys = [finding.key for finding in screening.findings]
    assert len(set(keys)) == len(keys)
    ids = {each.id for each in dossier.lines}
    for finding in screening.findings:
        for text in (finding.title, finding.sentence, finding.clears, finding.unknown):
            assert not INSTRUCTION.search(text), text
            assert "None" not in text
            assert "  " not in text
        assert finding.sentence.endswith(".")
        assert finding.clears.endswith(".")
        assert finding.facts
        assert finding.line_ids
        assert set(finding.line_ids) <= ids
        assert list(finding.line_ids) == sorted(set(finding.line_ids))
        assert (finding.mode == "note") is (finding.severity == Severity.S4)
        assert finding.mode != INTERRUPT or finding.severity == Severity.S1
        rule = BY_ID[finding.rule_id]
        assert finding.severity in rule.severity.severities
        assert finding.mode != INTERRUPT or rule.shown.interrupts
    severities = [finding.severity for finding in screening.findings]
    assert severities == sorted(severities)


# --- the catalogue ---------------------------------------------------------------------------

EVERY_ID = [
    "DQ-01",
    "DQ-02",
    "DQ-03",
    "DQ-04",
    "STR-01",
    "IND-01",
    "IND-02",
    "IND-03",
    "IND-04",
    "ALG-01",
    "LEG-01",
    "DUR-01",
    "DUR-02",
    "DUR-03",
    "DUR-04",
    "DUR-05",
    "DUR-06",
    "DUR-07",
    "DUR-08",
    "DUR-09",
    "SWI-01",
    "DUR-10",
    "REV-01",
    "REV-02",
    "EXM-01",
    "EXM-02",
    "EXM-03",
    "EXM-04",
    "EXM-05",
    "EXM-06",
    "DOSE-01",
    "DOSE-02",
    "DOSE-03",
    "DOSE-04",
    "DOSE-05",
    "DOSE-06",
    "DOSE-07",
    "DUP-01",
    "DUP-02",
    "DUP-03",
    "DUP-04",
    "OPI-01",
    "OPI-02",
    "OPI-03",
    "OPI-04",
    "GAB-01",
    "CNS-01",
    "CNS-02",
    "CNS-03",
    "CNS-04",
    "CNS-05",
    "CNS-06",
    "ADP-01",
    "ADP-02",
    "OLZ-01",
    "CLZ-01",
    "OXY-01",
    "CYP-01",
    "CYP-02",
    "CYP-03",
    "CYP-04",
    "UGT-01",
    "AED-01",
    "AED-02",
    "ALC-01",
    "ALC-02",
    "ILL-01",
    "ELD-01",
    "ELD-02",
    "ELD-03",
    "ELD-04",
    "ELD-05",
    "ELD-06",
    "FAL-01",
    "COG-01",
    "RSP-01",
    "RSP-02",
    "MYA-01",
    "HEP-01",
    "HEP-02",
    "REN-01",
    "PRG-01",
    "PRG-02",
    "BRF-01",
    "PED-01",
    "GLA-01",
    "POR-01",
    "SUD-01",
    "SUI-01",
    "ODH-01",
    "DEP-01",
    "DRV-01",
    "OCC-01",
    "ILN-01",
    "STOP-01",
    "STOP-02",
    "STOP-03",
    "TAP-01",
    "TAP-02",
    "TAP-03",
    "TAP-04",
    "TAP-05",
    "TAP-06",
    "TAP-07",
    "REF-01",
    "REF-02",
    "PRE-01",
    "PRE-02",
    "SUP-01",
    "SUP-02",
    "ESC-01",
    "ESC-02",
    "KNW-01",
    "MET-01",
    "MET-02",
]


def test_the_catalogue_lists_every_id_as_a_rule_or_as_left_out_with_a_reason():
    ids = [row["id"] for row in catalogue()]
    assert ids == sorted({rule.id for rule in RULES})
    assert sorted([*ids, *left_out()]) == sorted(EVERY_ID)
    assert all(left_out().values())
    assert all(len(rule_id) <= 10 for rule_id in ids)


@pytest.mark.parametrize("row", catalogue(), ids=lambda row: row["id"])
def test_each_rule_names_its_authority_and_its_dates(row):
    assert row["trigger"]
    assert not row["trigger"].startswith(row["id"])
    assert row["sources"]
    for source in row["sources"]:
        reviewed = date.fromisoformat(source["reviewed"])
        following = date.fromisoformat(source["next_review"])
        assert reviewed == date(2026, 11, 22)
        assert reviewed < following <= date(2027, 11, 22)
        assert source["title"]
        assert source["issuer"]
        assert source["locator"]
        assert source["verified"] or "unverified" in source["note"] or "secondary" in source["note"]
    assert set(row["parameters"]) == ({"US"} if row["id"] == "DOSE-06" else set(PROFILES))


def test_every_source_is_used_and_every_rule_has_parameters():
    assert {key for rule in RULES for key in rule.sources} == set(SOURCES)
    assert {rule.id for rule in RULES} | {EXPOSURE} == set(PARAMETERS)
    assert set(default_citations_section()) == {rule.id for rule in RULES}


def test_no_trigger_tells_anybody_to_end_a_medicine():
    for row in catalogue():
        assert not INSTRUCTION.search(row["title"])
        assert not re.search(r"\b(stop|withdraw|discontinue)\b", row["trigger"])


def test_a_rule_that_a_book_does_not_hold_is_not_run():
    data = BOOK.to_json()
    del data["rules"]["DUR-01"]
    book = type(BOOK).from_json(data)
    given_lines = person(line(days=29), as_of=0)
    assert "DUR-01" in {f.rule_id for f in screen(given_lines, BOOK).findings}
    assert "DUR-01" not in {f.rule_id for f in screen(given_lines, book).findings}


def test_unknown_is_an_indication():
    assert {"unknown", "insomnia", "anxiety", "seizure_rescue"} <= INDICATIONS.keys()

"""Matters: every rule in one row, every finding on one card, and sentences that are true today."""

import ast
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from reviews.rules import RULES, screen
from reviews.rules import engine as engines
from reviews.rules.examples import EXAMPLES
from reviews.rules.finding import ExposureSummary, Fact
from reviews.rules.matters import BY_KEY, ROWS, SPEAKERS, Told, matters, row_of, telling, titles
from reviews.rules.readings import KINDS
from reviews.rules.saying import candidate

from . import random_dossiers
from .book import BOOK

TODAY = date(2026, 11, 28)


def found(rule_id, severity=2, title="Title", sentence="Sentence.", **facts):
    given = tuple(Fact(name, name, value) for name, value in facts.items())
    return candidate(
        rule_id,
        severity,
        key=f"{rule_id}:1",
        line_ids=(1,),
        title=title,
        sentence=sentence,
        facts=given,
        clears="",
    ).finding


def exposure(days, *, start, end, drugs=("diazepam",), known=True):
    return ExposureSummary(
        start_on=start, end_on=end, days=days, elapsed_days=days, drugs=drugs, known=known
    )


def one(*findings, **told):
    (matter,) = matters(findings, Told(TODAY, **told))
    return matter


class TestTheTable:
    def test_every_rule_stands_in_exactly_one_row(self):
        rows = Counter(rule_id for row in ROWS for rule_id in row.rules)
        assert rows == Counter(rule.id for rule in RULES)

    def test_keys_and_titles_are_each_used_once(self):
        for names in ([row.key for row in ROWS], [row.title for row in ROWS]):
            assert len(names) == len(set(names))

    def test_a_row_joins_one_that_joins_none(self):
        joining = [row for row in ROWS if row.joins]
        assert joining
        assert {BY_KEY[row.joins].joins for row in joining} == {""}

    def test_what_a_row_offers_to_do_is_there(self):
        for row in ROWS:
            for what in row.does:
                assert what == "taper" or what.removeprefix("reading:") in KINDS, row.key

    def test_speakers_are_of_rows(self):
        assert SPEAKERS.keys() <= BY_KEY.keys()

    def test_nothing_that_judges_knows_of_matters(self):
        """Or the engine's name would have to change with the table."""
        for path in engines.RULES.rglob("*.py"):
            name = path.relative_to(engines.RULES).as_posix()
            # The weight only counts titles: what changes there counts at the next screening.
            if name.startswith((*engines.NOT_JUDGING, "weight.py")):
                continue
            imported = {
                name
                for node in ast.walk(ast.parse(Path(path).read_text()))
                if isinstance(node, ast.ImportFrom)
                for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names))
            }
            assert imported.isdisjoint({"reviews.rules.matters", "reviews.rules.missing"}), name


def everything():
    for examples in EXAMPLES.values():
        yield from (example.dossier for example in examples)
    yield from (random_dossiers.dossier(number, BOOK) for number in range(300))


class TestNothingIsLost:
    def test_every_finding_is_on_exactly_one_card(self):
        several = 0
        for dossier in everything():
            said = screen(dossier, BOOK)
            grouped = matters(said.findings, Told(dossier.as_of, exposure=said.exposure))
            cards = [finding for matter in grouped for finding in matter.findings]
            assert Counter(map(id, cards)) == Counter(map(id, said.findings))
            several += len(grouped) < len(cards)
        assert several > 20

    def test_a_card_is_as_grave_as_its_gravest_finding_and_cards_go_by_that(self):
        for dossier in everything():
            said = screen(dossier, BOOK)
            grouped = matters(said.findings, Told(dossier.as_of, exposure=said.exposure))
            for matter in grouped:
                assert matter.severity == min(each.severity for each in matter.findings)
                assert matter.findings[0].severity == matter.severity
                assert matter.sentence.strip().endswith(".")
            order = [matter.severity for matter in grouped]
            assert order == sorted(order)

    def test_a_rule_that_is_gone_has_a_card(self):
        matter = one(found("GONE-1"))
        assert (matter.key, matter.title) == ("other", "Other")
        assert row_of("GONE-1").key == "other"


class TestWhatJoinsWhat:
    def test_long_use_takes_in_the_older_person_and_the_review(self):
        matter = one(found("REV-01"), found("ELD-05"), found("DUR-04", 1), found("DUR-06"))
        assert (matter.key, matter.title) == ("length", "Length of use, older person")
        assert matter.findings[0].rule_id == "DUR-04"
        assert len(matter.findings) == 4
        assert matter.does == ("reading:review", "taper", "reading:taper_offer")

    def test_without_long_use_each_has_its_own_card(self):
        said = matters([found("REV-01"), found("ELD-01", 3)], Told(TODAY))
        assert [matter.title for matter in said] == ["Review", "Older person"]

    def test_the_queue_calls_them_the_same(self):
        assert titles(["DUR-04", "REV-01", "ELD-05", "OPI-01"]) == [
            "With an opioid",
            "Length of use",
        ]
        assert titles(["REV-01", "GONE-1"]) == ["Review", "Other"]


class TestSentences:
    """Days so far, and never a day that has not come."""

    def test_long_use_in_an_older_person(self):
        matter = one(
            found("DUR-04", 1),
            found("ELD-05"),
            found("REV-01", last_review=None),
            age=79,
            exposure=exposure(
                146,
                start=date(2026, 7, 21),
                end=date(2026, 12, 13),
                drugs=("diazepam", "zopiclone"),
            ),
        )
        assert matter.sentence == (
            "At 79, diazepam and zopiclone, one or more of them, have been supplied since "
            "21 July 2026: 131 days of supply so far, and 146 when it ends on 13 December 2026. "
            "No structured review and no offer of a taper are on record. Urgent because a medicine "
            "was begun beside it in the last weeks."
        )

    def test_long_use_is_urgent_for_no_other_reason(self):
        urgent = [
            finding
            for dossier in everything()
            for finding in screen(dossier, BOOK).findings
            if finding.rule_id == "DUR-04" and finding.severity == 1
        ]
        assert urgent
        for finding in urgent:
            assert "because of a medicine started in the last weeks" in finding.sentence

    @pytest.mark.parametrize(
        ("start", "end", "days", "said"),
        [
            (
                date(2026, 11, 28),
                date(2026, 12, 25),
                28,
                "Diazepam has been supplied since 28 November 2026: 1 day of supply so far, and "
                "28 when it ends on 25 December 2026.",
            ),
            (
                date(2026, 11, 1),
                date(2026, 11, 28),
                28,
                "Diazepam has been supplied since 1 November 2026: 28 days of supply so far.",
            ),
            (
                date(2026, 10, 1),
                date(2026, 11, 27),
                58,
                "Diazepam has been supplied since 1 October 2026 until 27 November 2026: 58 days.",
            ),
        ],
        ids=["from today", "to today", "until yesterday"],
    )
    def test_how_long(self, start, end, days, said):
        given = exposure(days, start=start, end=end)
        assert one(found("DUR-01"), exposure=given).sentence == said

    @pytest.mark.parametrize("rule_id", ["DUR-05", "DUR-09", "REV-02", "ELD-01", "DUR-08"])
    def test_a_finding_that_counts_another_time_speaks_for_itself(self, rule_id):
        given = exposure(14, start=date(2026, 11, 28), end=date(2026, 12, 11))
        assert one(found(rule_id), exposure=given).sentence == "Sentence."
        with_days = matters([found(rule_id), found("ELD-04", 3)], Told(TODAY, exposure=given))
        assert with_days[0].sentence == "Sentence.", "as the days are not what is gravest"

    def test_an_older_person_without_a_length_past_guidance(self):
        given = exposure(28, start=date(2026, 11, 28), end=date(2026, 12, 25))
        said = one(found("ELD-02"), found("ELD-04"), age=65, exposure=given).sentence
        assert said.startswith("At 65, diazepam has been supplied since 28 November 2026: 1 day")

    def test_a_supply_of_tomorrow_is_told_by_the_finding(self):
        given = exposure(28, start=date(2026, 11, 29), end=date(2026, 12, 26))
        assert one(found("DUR-01"), exposure=given).sentence == "Sentence."

    def test_an_unknown_length_is_no_number(self):
        given = exposure(30, start=date(2026, 11, 1), end=None, known=False)
        said = one(found("DUR-01"), exposure=given).sentence
        assert "not known for all of it" in said
        assert "30" not in said

    def test_a_review_of_long_ago_is_dated(self):
        given = exposure(28, start=date(2026, 11, 1), end=date(2026, 11, 28))
        said = one(found("DUR-01"), found("REV-01", last_review="2026-06-01"), exposure=given)
        assert said.sentence.endswith("No structured review since 1 June 2026 is on record.")

    @pytest.mark.parametrize(
        ("start", "end", "days", "said"),
        [
            ("2026-11-24", "2026-12-13", 20, ": 5 days so far. Why."),
            ("2026-11-28", "2026-12-13", 16, ": 1 day so far. Why."),
            ("2026-12-03", "2026-12-13", 11, ", from 3 December 2026. Why."),
            ("2026-11-10", "2026-11-27", 18, ", until 27 November 2026. Why."),
        ],
        ids=["begun", "today", "to come", "over"],
    )
    def test_together(self, start, end, days, said):
        opioid = found(
            "OPI-01",
            1,
            title="Codeine started while on diazepam",
            sentence="Codeine overlaps with diazepam. Why.",
            overlap_days=days,
            overlap_start=start,
            overlap_end=end,
        )
        assert one(opioid).sentence == f"Codeine started while on diazepam{said}"
        with_note = one(opioid, found("OPI-03", 3)).sentence
        assert with_note.endswith("Why. No offer of naloxone is on record.")

    def test_what_the_sentence_says_is_not_said_again(self):
        opioid = found(
            "OPI-01",
            overlap_days=5,
            overlap_start="2026-11-24",
            overlap_end="2026-11-28",
            mg_per_day=60,
        )
        assert [each.name for each in one(opioid).beside] == ["mg_per_day"]
        assert one(found("DOSE-02", mg_per_day=60)).beside == ()

    def test_the_number_beside_a_title_is_no_age(self):
        assert telling(found("ELD-04", age_years=79, exposed_days=28)).name == "exposed_days"
        assert telling(found("PED-01", age_years=17)).name == "age_years"
        assert telling(found("DQ-03")) is None

    def test_days_with_gaps_are_left_to_the_finding(self):
        given = found(
            "OPI-01", overlap_days=9, overlap_start="2026-11-01", overlap_end="2026-12-01"
        )
        assert one(given).sentence == "Sentence."

"""What somebody said of an unknown text counts where nobody knows it, and nowhere else."""

from dataclasses import replace

import pytest

from reviews.drawing import lanes
from reviews.queries import exposures
from reviews.rules import screen
from reviews.rules.doses import release
from reviews.rules.dossier import Medicine
from reviews.rules.drug import SAID
from reviews.rules.meanings import objection, recognised

from .book import BOOK, line, person

DIAZEPAM = "diazepam 10 mg tablets"


def meaning(text, what=DIAZEPAM):
    return {text: Medicine(f"said {what}", what)}


def taken(text="Relaxonel 10 mg", meanings=None, **fields):
    """Somebody who has taken a medicine of this text for 100 days."""
    taken_by = person(line(text, days=100, id=1, **fields), as_of=90)
    return replace(taken_by, meanings=meanings or {})


def rules_of(dossier):
    return {finding.rule_id for finding in screen(dossier, BOOK).findings}


SAID_SO = [
    ("Relaxonel 10 mg", "relaxonel 10 mg", DIAZEPAM, True, "as it was said"),
    ("RELÁXONEL  10 mg", "relaxonel 10 mg", DIAZEPAM, True, "accents, case and spaces aside"),
    ("Relaxonel 20 mg", "relaxonel 10 mg", DIAZEPAM, False, "another strength is another text"),
    ("Relaxonel 10 mg", "relaxonel 10 mg", "Zorkoline", False, "a book that does not know it"),
    ("Lorazepam 1 mg", "lorazepam 1 mg", DIAZEPAM, False, "known by itself"),
    ("Flunitrazolam 1 mg", "flunitrazolam 1 mg", DIAZEPAM, True, "one sedative or another"),
    ("Flunitrazolam 1 mg", "flunitrazolam 1 mg", "gabapentin", False, "made harmless"),
    ("Lorazepam 1 mg / Zorkoline 5 mg", "lorazepam 1 mg / zorkoline 5 mg", DIAZEPAM, False, "lost"),
]


@pytest.mark.parametrize(("text", "key", "what", "counts", "why"), SAID_SO)
def test_where_it_counts(text, key, what, counts, why):
    dossier = taken(text, meanings=meaning(key, what))
    (only,) = dossier.lines
    found = recognised(only, dossier.meanings, BOOK)
    assert (found.matched_by == SAID) == counts, why
    if not counts:
        assert found == BOOK.recognise(only.medicine), why
        assert rules_of(dossier) == rules_of(replace(dossier, meanings={})), why


def test_it_is_found_as_the_medicine_itself_would_be():
    said = screen(taken(meanings=meaning("relaxonel 10 mg")), BOOK)
    itself = screen(taken(DIAZEPAM), BOOK)
    assert "DUR-01" in {finding.rule_id for finding in said.findings}
    bare = [
        finding._replace(facts=tuple(f for f in finding.facts if f.name != "said_to_be"))
        for finding in said.findings
    ]
    assert bare == [*itself.findings]
    assert said.valid_until == itself.valid_until


def test_each_finding_about_it_says_so_and_no_other_does():
    held = person(
        line("Relaxonel 10 mg", days=100, id=1),
        line("Zopiclone 7.5 mg tablets", days=100, id=2),
        as_of=90,
    )
    held = replace(held, meanings=meaning("relaxonel 10 mg"))
    findings = screen(held, BOOK).findings
    assert findings
    for finding in findings:
        told = [fact.value for fact in finding.facts if fact.name == "said_to_be"]
        expected = ["“Relaxonel 10 mg”: diazepam 10 mg tablets"] if 1 in finding.line_ids else []
        assert told == expected


def test_a_brand_is_told_with_its_drug():
    (finding, *_) = screen(taken(meanings=meaning("relaxonel 10 mg", "Valium")), BOOK).findings
    assert finding.facts[-1].value == "“Relaxonel 10 mg”: Valium (diazepam)"


def test_the_exposure_says_that_it_rests_on_a_word():
    exposure = screen(taken(meanings=meaning("relaxonel 10 mg")), BOOK).exposure
    assert exposure.drugs == ("diazepam",)
    assert any("said by somebody" in note for note in exposure.notes)


def test_the_time_line_and_the_episodes_show_the_same():
    dossier = taken(meanings=meaning("relaxonel 10 mg"))
    assert [lane.name for lane in lanes.lanes_of(dossier, BOOK)] == ["diazepam"]
    rows, unknown = exposures.of(dossier, BOOK)
    assert ([row.drugs for row in rows], unknown) == ([("diazepam",)], [])


def test_a_harmless_medicine_ends_the_question():
    assert rules_of(taken()) == {"DQ-03"}
    assert rules_of(taken(meanings=meaning("relaxonel 10 mg", "Omeprazole 20 mg"))) == set()


def test_what_was_bought_online_is_not_made_harmless():
    harmless = meaning("relaxonel 10 mg", "Omeprazole 20 mg")
    assert rules_of(taken(meanings=harmless, acquired="online")) == {"DQ-03"}
    sedative = meaning("relaxonel 10 mg")
    assert "DUR-01" in rules_of(taken(meanings=sedative, acquired="online"))


def test_a_sedative_counts_before_a_word_that_it_is_none():
    dossier = taken(meanings=meaning("relaxonel 10 mg"))
    dossier = replace(dossier, no_sedatives=frozenset(["relaxonel 10 mg"]))
    assert "DUR-01" in rules_of(dossier)


@pytest.mark.parametrize(
    ("what", "extended"),
    [("zolpidem 12.5 mg tablets", ""), ("zolpidem 12.5 mg ER tablets", "extended_release")],
)
def test_the_release_is_that_of_what_it_was_said_to_be(what, extended):
    dossier = taken("Zork", meanings=meaning("zork", what))
    (only,) = dossier.lines
    assert release(only, recognised(only, dossier.meanings, BOOK)) == extended
    assert release(only, BOOK.recognise(only.medicine)) == ""


def test_why_a_text_cannot_be_something():
    def why(text, what, **more):
        return objection(
            BOOK.recognise_text(text), BOOK.recognise_text(what), **{"online": False, **more}
        )

    assert why("Zork", "diazepam") == ""
    assert "knows this medicine" in why("diazepam", "lorazepam")
    assert "does not know" in why("Zork", "Zorkoline")
    assert "names lorazepam" in why("Lorazepam 1 mg / Zorkoline 5 mg", "diazepam")
    assert "hints at a sedative" in why("Flunitrazolam", "gabapentin")
    assert "online" in why("Zork", "gabapentin", online=True)

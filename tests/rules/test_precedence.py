"""What yields to what: one table, applied once, whatever the order in which rules are asked."""

import random
from dataclasses import replace
from datetime import date

import pytest

from reviews import rulebooks
from reviews.rules import screen
from reviews.rules.dossier import Dossier, Taper, TaperStep
from reviews.rules.examples import EXAMPLES
from reviews.rules.finding import Fact
from reviews.rules.precedence import GIVES_WAY, GROWS_GRAVER, rows_of, settled
from reviews.rules.registry import BY_ID, RULES
from reviews.rules.rule import QUEUED, S2, UNJUDGED, Rule
from reviews.rules.saying import candidate

from . import random_dossiers
from .book import BOOK, line, on, person

RANDOM = 300
ORDERS = 5
OLD = date(1950, 6, 15)
ELDER_FIGURE = replace(
    BOOK,
    drugs=BOOK.drugs
    | {"nitrazepam": replace(BOOK.drugs["nitrazepam"], elder_max_mg_per_day={"UK": 5})},
)


def shuffled(seed):
    rules = list(RULES)
    random.Random(seed).shuffle(rules)
    return tuple(rules)


def examples():
    for found in EXAMPLES.values():
        for example in found:
            values = {name: getattr(example.dossier, name) for name in Dossier.__slots__}
            for profile in example.claims:
                yield Dossier(**(values | {"profile": profile}))


def said(screening, *, but=()):
    """What a screening says, some rules left out."""
    return (
        [each for each in screening.findings if each.rule_id not in but],
        [each for each in screening.not_evaluable if each.rule_id not in but],
        [each for each in screening.shadowed if each not in but],
    )


# --- the order -------------------------------------------------------------------------------


def test_the_order_of_the_rules_matters_to_no_example(rulebook):
    book = rulebooks.live()[1]
    for n, dossier in enumerate(examples()):
        assert screen(dossier, book, shuffled(n % ORDERS)) == screen(dossier, book)


def test_the_order_of_the_rules_matters_to_nobody_at_random():
    for number in range(RANDOM):
        dossier = random_dossiers.dossier(number, BOOK)
        expected = screen(dossier, BOOK)
        assert screen(dossier, BOOK, tuple(reversed(RULES))) == expected, number
        assert screen(dossier, BOOK, shuffled(number % ORDERS)) == expected, number


# --- a rule more, a rule less ----------------------------------------------------------------


def shouts(view, limit):
    """SHOUT-1. Finds something urgent in everybody, about everything in use."""
    yield candidate(
        "SHOUT-1",
        1,
        key="SHOUT-1",
        line_ids=view.line_ids,
        title="Look",
        sentence="Look here.",
        facts=(Fact("now", "In use", view.in_use),),
        clears="Never.",
        episode=view.current[0].start if view.current else None,
        drugs=frozenset(BOOK.drugs),
        begun=view.today,
    )


SHADOW = Rule(
    id="SHOUT-1",
    family="Shadow",
    title="Shouts",
    theme=UNJUDGED,
    severity=S2,
    shown=QUEUED,
    sources=(),
    check=shouts,
    idle=True,
)


def test_one_more_rule_changes_nothing_that_the_others_say():
    book = replace(BOOK, rules=BOOK.rules | {"SHOUT-1": {"UK": {}, "US": {}, "EU": {}}})
    heard = 0
    for number in range(RANDOM):
        dossier = random_dossiers.dossier(number, BOOK)
        with_it = screen(dossier, book, (SHADOW, *RULES))
        heard += any(each.rule_id == "SHOUT-1" for each in with_it.findings)
        assert said(with_it, but={"SHOUT-1"}) == said(screen(dossier, BOOK)), number
    assert heard > RANDOM / 2


def related(rule_id):
    """The rules that stand in one row with this one."""
    rows = rows_of(rule_id)
    return {
        *(row.rule for row in (*rows.in_place_of, *rows.makes_graver)),
        # A rule that grows graver may then keep another one quiet.
        *(each.rule for row in rows.makes_graver for each in rows_of(row.rule).in_place_of),
    }


@pytest.mark.parametrize("rule_id", sorted({row.rule for row in GIVES_WAY} | {"OPI-01", "OPI-04"}))
def test_a_rule_that_is_not_asked_changes_only_what_the_table_says(rule_id):
    left = tuple(rule for rule in RULES if rule.id != rule_id)
    for number in range(0, RANDOM, 3):
        dossier = random_dossiers.dossier(number, BOOK)
        without, all_of_them = screen(dossier, BOOK, left), screen(dossier, BOOK)
        but = {rule_id, *related(rule_id)}
        assert said(without, but=but) == said(all_of_them, but=but), number


# --- the table -------------------------------------------------------------------------------


def test_every_row_names_rules_that_exist():
    for row in GIVES_WAY:
        assert {row.rule, *row.to} <= BY_ID.keys()
    for row in GROWS_GRAVER:
        assert {row.rule, *row.because_of} <= BY_ID.keys()


def together(*texts):
    """Somebody who takes several medicines for the same four weeks."""
    return person(*(line(text) for text in texts), as_of=20)


TAPERED = person(
    line("diazepam 5 mg tablets"),
    line("diazepam 10 mg tablets", 28),
    as_of=30,
    tapers=(Taper(id=1, drug="diazepam", steps=(TaperStep(on(0), 5), TaperStep(on(42), 4))),),
)
STOPPED = person(
    *(line(start=n * 28) for n in range(5)),
    line(start=140, end_on=on(150), status="stopped"),
    as_of=158,
)
BY_HAND = [
    (STOPPED, BOOK),
    (person(*(line(start=n * 28) for n in range(5)), as_of=120, birth=OLD), BOOK),
    # A course that is new yet, and whose supplies reach past day 120 already.
    (person(line(days=90), line(start=90, days=60), as_of=89, birth=OLD), BOOK),
    (TAPERED, BOOK),
    (person(line("nitrazepam 40 mg tablets"), as_of=20, birth=OLD), ELDER_FIGURE),
    (together("diazepam 5 mg", "baclofen 10 mg", "pregabalin 75 mg", "morphine 10 mg"), BOOK),
    (
        together("clobazam 10 mg", "ticlopidine 250 mg", "alprazolam 1 mg", "ketoconazole 20 mg"),
        BOOK,
    ),
    (together("diazepam 5 mg tablets", "ticlopidine 250 mg", "fluvoxamine 50 mg"), BOOK),
]


def test_every_row_hides_something_that_would_else_be_shown():
    """Each rule of a row is needed: asked with no third one, it hides the one that gives way."""
    people = [(random_dossiers.dossier(number, BOOK), BOOK) for number in range(1000)] + BY_HAND
    pairs = [(row.rule, higher) for row in GIVES_WAY for higher in row.to]
    idle = [
        (lower, higher)
        for lower, higher in pairs
        if not any(
            lower in screen(*each, (BY_ID[lower], BY_ID[higher])).shadowed for each in people
        )
    ]
    assert idle == []


def finds(rule_id, severity=2, **about):
    return candidate(
        rule_id,
        severity,
        key=rule_id,
        line_ids=(1,),
        title="",
        sentence="",
        facts=(),
        clears="",
        **about,
    )


SOFT, HARD = frozenset({"diazepam"}), frozenset({"zopiclone"})


@pytest.mark.parametrize(
    ("candidates", "shown", "why"),
    [
        ([], [], "nothing found"),
        ([finds("DUR-01", episode=3)], ["DUR-01"], "alone"),
        ([finds("DUR-01", episode=3), finds("DUR-04", episode=3)], ["DUR-04"], "one episode"),
        (
            [finds("DUR-01", episode=3), finds("DUR-04", episode=99)],
            ["DUR-01", "DUR-04"],
            "another episode",
        ),
        ([finds("DUR-05", 3), finds("DUR-06")], ["DUR-06"], "whatever the grades"),
        ([finds("DOSE-03", drugs=SOFT), finds("DOSE-02", drugs=SOFT)], ["DOSE-02"], "one drug"),
        (
            [finds("DOSE-03", drugs=SOFT), finds("DOSE-02", drugs=HARD)],
            ["DOSE-02", "DOSE-03"],
            "another drug",
        ),
        ([finds("DOSE-01", drugs=SOFT), finds("DOSE-03", drugs=SOFT)], ["DOSE-03"], "one drug"),
        (
            [finds("DOSE-01"), finds("DOSE-03", drugs=SOFT)],
            ["DOSE-01", "DOSE-03"],
            "the total of several is about no one of them",
        ),
        (
            [
                finds("DOSE-01", drugs=SOFT),
                finds("DOSE-03", drugs=SOFT),
                finds("DOSE-02", drugs=SOFT),
            ],
            ["DOSE-01", "DOSE-02"],
            "nothing gives way to what is not shown itself",
        ),
        ([finds("CYP-03", 3), finds("CYP-01", 3)], ["CYP-01"], "as grave"),
        ([finds("CYP-03", 2), finds("CYP-01", 3)], ["CYP-01", "CYP-03"], "less grave"),
        ([finds("SUP-01"), finds("ODH-01")], ["ODH-01"], "the risk says it"),
        (
            [finds("REV-02", kind="none planned"), finds("REV-01")],
            ["REV-01"],
            "a review is asked for already",
        ),
        (
            [finds("REV-02", kind="missed"), finds("REV-01")],
            ["REV-01", "REV-02"],
            "a planned one was missed",
        ),
        (
            [finds("REV-02", kind="none planned"), finds("DUR-01", 4)],
            ["DUR-01", "REV-02"],
            "a note asks for none",
        ),
    ],
)
def test_what_gives_way_and_what_does_not(candidates, shown, why):
    for order in (candidates, list(reversed(candidates))):
        found = settled(order)
        assert sorted(each.rule_id for each in found.findings) == shown, why
        hidden = {each.finding.rule_id for each in candidates} - set(shown)
        assert found.shadowed == hidden, why


@pytest.mark.parametrize(
    ("severity", "begun", "urgent", "why"),
    [
        (1, 10, True, "on the first day that counts"),
        (1, 9, False, "a day before"),
        (2, 10, False, "not urgent"),
        (1, None, False, "not begun lately"),
    ],
)
def test_four_months_are_urgent_beside_an_urgent_start(severity, begun, urgent, why):
    months = finds("DUR-04", episode=1, lately=10, graver=(1, "Urgently."))
    for order in ([0, 1], [1, 0]):
        both = [months, finds("OPI-01", severity, begun=begun)]
        found = settled([both[n] for n in order])
        (finding,) = (each for each in found.findings if each.rule_id == "DUR-04")
        assert (finding.severity == 1, finding.sentence == "Urgently.") == (urgent, urgent), why


def test_a_start_that_is_itself_not_shown_makes_four_months_urgent_all_the_same():
    found = settled(
        [
            finds("DUR-04", lately=10, graver=(1, "Urgently.")),
            finds("GAB-01", 1, begun=10),
            finds("OPI-04", 1),
        ]
    )
    assert [(each.rule_id, int(each.severity)) for each in found.findings] == [
        ("DUR-04", 1),
        ("OPI-04", 1),
    ]
    assert found.shadowed == {"GAB-01"}


def test_an_exemption_that_silences_a_rule_leaves_nothing_to_give_way_to():
    months = [line(start=28 * n) for n in range(5)]
    assert "DUR-01" in screen(person(*months, as_of=120), BOOK).shadowed
    book = replace(BOOK, rules={key: value for key, value in BOOK.rules.items() if key != "DUR-04"})
    screening = screen(person(*months, as_of=120), book)
    assert "DUR-01" in {each.rule_id for each in screening.findings}

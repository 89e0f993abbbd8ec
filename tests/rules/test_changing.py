"""Edits of a book: their bounds, what they come to, floors, and policy of one practice alone."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.rules import engine, screen
from reviews.rules.asking import runs
from reviews.rules.book import RuleBook
from reviews.rules.bounds import (
    FLOORS,
    READ_BY_OTHERS,
    Refused,
    bounds,
    checked,
    fields_of,
)
from reviews.rules.catalogue import default_rules_section
from reviews.rules.changing import Edit, Fact, composed, disorders, is_grading, judged_by, value_in
from reviews.rules.codes import PROFILES
from reviews.rules.parameters import EXPOSURE
from reviews.rules.policy import at
from reviews.rules.registry import BY_ID, PARAMETERS, RULES

from .book import BOOK, line, person

PROPOSED = BOOK.to_json()
RULE_IDS = sorted(PARAMETERS)
GROUPS = {"harbour": "coast", "northgate": "coast", "lakeside": "lakes"}
PRACTICES = {"harbour": "UK", "northgate": "UK", "lakeside": "US"}
PLACES = {**PRACTICES, "group:coast": "UK", "group:lakes": "US"}


def edit(rule_id, field, after, *, profile="UK", practice=""):
    fact = Fact(rule_id, "" if practice else profile, practice, field)
    return Edit(fact, after, "Policy 2026", "4.2", "2026-01-01", "2026-06-01", "", practice.title())


def book_with(*edits):
    return RuleBook.from_json(composed(PROPOSED, edits) | {"number": 2})


def course(days, *, practice="", **changes):
    return person(line(start=1 - days, days=days), practice=practice, **changes)


def graded(dossier, book, rule_id="DUR-01"):
    return [(f.severity, f.mode) for f in screen(dossier, book).findings if f.rule_id == rule_id]


# -- Bounds ----------------------------------------------------------------------------------------


def test_a_book_that_lacks_a_rule_without_thresholds_judges_otherwise():
    """It does not run the rule: whoever it flagged is asked for, and so is whoever it will flag."""
    rules = default_rules_section()
    without = {rule_id for rule_id, by in rules.items() if not by.get("UK", {"x": 1})}
    assert without, "there are such rules"
    for rule_id in without:
        lacks = {"rules": {each: by for each, by in rules.items() if each != rule_id}}
        assert judged_by(lacks, "UK", "") != judged_by({"rules": rules}, "UK", "")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("rule_id", RULE_IDS)
def test_what_the_software_proposes_is_within_the_bounds(rule_id, profile):
    for field in fields_of(rule_id, profile):
        proposed = default_rules_section()[rule_id].get(profile, {}).get(field)
        if not is_grading(field):
            assert checked(rule_id, field, profile, proposed) == proposed, field


@pytest.mark.parametrize(
    ("rule_id", "field", "value", "said"),
    [
        ("DUR-01", "s2_over_days", 14, 14),
        ("DUR-01", "s2_over_days", 7, 7),
        ("DUR-01", "s2_over_days", 6, "must be from 7 to 120"),
        ("DUR-01", "s2_over_days", 121, "must be from 7 to 120"),
        ("DUR-01", "s2_over_days", 14.5, "must be a whole number"),
        ("DUR-01", "s2_over_days", 14.0, 14),
        ("DUR-01", "s2_over_days", True, "must be a number"),
        ("DUR-01", "s2_over_days", float("nan"), "must be a number"),
        ("DUR-01", "s2_over_days", "14", "must be a number"),
        ("DUR-01", "s3_over_days", 30, "is no fact of DUR-01 in the UK profile"),
        ("DUR-01", "moon", 1, "is no fact of DUR-01"),
        ("DUR-01", "severity_s2", 3, 3),
        ("DUR-01", "severity_s2", 2, None),
        ("DUR-01", "severity_s2", 1, "must be one of S2, S3, S4"),
        ("DUR-01", "shown", "off", "off"),
        ("DUR-01", "shown", "interrupt", "must be one of"),
        ("DUR-01", "shown", None, None),
        ("DUR-01", "s2_over_days", None, "must be a number"),
        ("OPI-01", "shown", "off", "a safety floor, an opioid"),
        ("OPI-01", "shown", "queue", "a safety floor, an opioid"),
        ("OPI-01", "severity_s1", 2, "a safety floor"),
        ("OPI-01", "severity_s2", 1, 1),
        ("OPI-01", "overlap_from_days", 2, "stays 1: a safety floor"),
        ("STOP-01", "stands_days", 29, "stays 30: a safety floor"),
        ("STOP-01", "short_course_to_days", 56, "stays 28: a safety floor"),
        ("OPI-03", "naloxone_within_days", 730, "stays 365: a safety floor"),
        ("DQ-02", "reconciled_within_days", 180, "stays 90: a safety floor"),
        ("DQ-01", "shown", "note", "a safety floor, what could not be checked"),
        ("FAL-01", "shown", "note", "it can be urgent"),
        ("FAL-01", "severity_s2", 3, 3),
        ("FAL-01", "severity_s2", 4, "stay more than notes"),
        ("FAL-01", "severity_s1", 2, "what is urgent stays urgent"),
        ("DOSE-01", "over_mg", 22.5, 22.5),
        (EXPOSURE, "equivalents_table", "BNF", "BNF"),
        (EXPOSURE, "equivalents_table", "ASAM_BAND", "must be one of"),
        (EXPOSURE, "gap_days", 21, "stays 14: a safety floor, every rule counts"),
        (EXPOSURE, "shown", "off", "is no fact"),
    ],
)
def test_what_a_fact_may_hold(rule_id, field, value, said):
    if isinstance(said, str) and said != value:
        with pytest.raises(Refused, match=said):
            checked(rule_id, field, "UK", value)
    else:
        assert checked(rule_id, field, "UK", value) == said


@pytest.mark.parametrize("rule_id", sorted(FLOORS.keys() & BY_ID.keys()))
def test_no_field_of_a_floor_becomes_quieter(rule_id):
    rule = BY_ID[rule_id]
    for profile in PROFILES:
        proposed = rule.limits.get(profile, {})
        for field in fields_of(rule_id, profile):
            allowed = bounds(rule_id, field, profile)
            assert allowed.floor
            if field == "shown":
                assert not {"note", "off"} & set(allowed.choices) or rule.severity.severities == (
                    4,
                )
            elif field.startswith("severity_s"):
                assert max(allowed.choices) <= int(field[-1])
            elif not allowed.choices:
                assert allowed.low == allowed.high == proposed[field]


def test_no_urgent_rule_can_be_switched_off_and_none_becomes_more_urgent_than_it_may_be():
    for rule in RULES:
        shown = bounds(rule.id, "shown", rule.profiles[0]).choices
        if 1 in rule.severity.severities:
            assert "off" not in shown
        for step in rule.severity.severities:
            choices = bounds(rule.id, f"severity_s{step}", rule.profiles[0]).choices
            assert min(choices) == min(rule.severity.severities)
            assert step in choices


def test_no_local_policy_moves_what_other_rules_read():
    for rule_id, names in READ_BY_OTHERS.items():
        for name in names:
            profile = next(p for p in PROFILES if name in PARAMETERS[rule_id].get(p, {}))
            assert not bounds(rule_id, name, profile).may_be_local
    for name in fields_of(EXPOSURE, "UK"):
        assert not bounds(EXPOSURE, name, "UK").may_be_local


# -- What edits come to ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "before", "after"),
    [
        (14, [], []),
        (15, [(4, "note")], [(2, "queue")]),
        (28, [(4, "note")], [(2, "queue")]),
        (29, [(2, "queue")], [(2, "queue")]),
    ],
)
def test_twenty_eight_days_become_fourteen(days, before, after):
    changed = book_with(edit("DUR-01", "s2_over_days", 14))
    assert graded(course(days), BOOK) == before
    assert graded(course(days), changed) == after


def test_the_source_of_an_edit_is_cited_with_the_rule():
    cited = book_with(edit("DUR-01", "s2_over_days", 14)).citations["DUR-01"][-1]
    assert (cited["title"], cited["locator"], cited["verified"]) == ("Policy 2026", "4.2", False)
    assert cited["next_review"] == "2026-06-01"


@pytest.mark.parametrize(
    ("field", "after", "found"),
    [
        ("severity_s2", 3, [(3, "queue")]),
        ("severity_s2", 4, [(4, "note")]),
        ("severity_s4", 2, [(2, "queue")]),
        ("shown", "note", [(4, "note")]),
        ("shown", "queue", [(2, "queue")]),
        ("shown", "off", []),
    ],
)
def test_a_rule_is_graded_and_shown_as_the_book_says(field, after, found):
    assert graded(course(29), book_with(edit("DUR-01", field, after))) == found


def test_what_interrupts_is_queued_where_the_book_says_so_and_interrupts_when_graver():
    lines = [
        line("diazepam 5 mg tablets", -5, 14),
        line("clarithromycin 500 mg tablets", 0, 7),
    ]
    treated = person(*lines)
    found = {f.rule_id: f for f in screen(treated, BOOK).findings}
    for rule_id, finding in found.items():
        for shown in bounds(rule_id, "shown", "UK").choices:
            (said,) = graded(treated, book_with(edit(rule_id, "shown", shown)), rule_id) or [None]
            if said is None:
                assert shown == "off"
            elif finding.severity < 4 and shown in ("queue", "interrupt"):
                assert said == (finding.severity, shown)


def test_a_rule_that_is_off_is_not_run_and_gives_its_place_back():
    """DUR-05 gives way to DUR-06; where that does not speak, it is shown."""
    long = person(*(line(start=start, days=28) for start in range(-195, 0, 28)))
    assert graded(long, BOOK, "DUR-06")
    assert not graded(long, BOOK, "DUR-05")
    off = book_with(edit("DUR-06", "shown", "off"))
    assert not runs(BY_ID["DUR-06"], off, "UK")
    assert runs(BY_ID["DUR-06"], off, "US")
    assert not graded(long, off, "DUR-06")
    assert graded(long, off, "DUR-05")


def test_a_rule_made_milder_hides_nothing_that_is_graver():
    """DUR-06 at S2 stands for DUR-05 at S3; made a note, it would make the length go unseen."""
    long = person(*(line(start=start, days=28) for start in range(-195, 0, 28)))
    (hidden,) = graded(long, book_with(edit("DUR-06", "shown", "off")), "DUR-05")
    ((stands, _),) = graded(long, BOOK, "DUR-06")
    assert stands <= hidden[0] < 4
    for severity in range(stands + 1, 5):
        milder = book_with(edit("DUR-06", f"severity_s{stands}", severity))
        assert [each[0] for each in graded(long, milder, "DUR-06")] == [severity]
        assert graded(long, milder, "DUR-05") == ([hidden] if severity > hidden[0] else [])


def test_a_book_without_edits_is_the_book_of_before():
    assert composed(PROPOSED, []) == PROPOSED
    assert "local" not in book_with().to_json()


def test_thresholds_that_contradict_each_other_are_named():
    content = composed(PROPOSED, [edit("DUR-01", "s2_over_days", 10)])
    (found,) = disorders(content, PLACES)
    assert (found.rule_id, found.where, found.first, found.second) == (
        *("DUR-01", "UK"),
        *("s4_over_days", "s2_over_days"),
    )
    both = [edit("DUR-01", "s2_over_days", 10), edit("DUR-01", "s4_over_days", 10)]
    assert not disorders(composed(PROPOSED, both), PLACES)
    local = composed(PROPOSED, [edit("DUR-01", "s2_over_days", 10, practice="harbour")])
    assert [each.where for each in disorders(local, PLACES)] == ["harbour"]


def test_an_edit_of_a_fact_that_the_software_has_no_more_changes_nothing():
    gone = edit("OLD-99", "over_days", 3), edit("DUR-01", "moon_days", 3)
    assert composed(PROPOSED, gone) == PROPOSED


# -- Local policy ----------------------------------------------------------------------------------


def test_local_policy_is_of_one_practice_and_says_whose_it_is():
    book = book_with(edit("DUR-01", "s2_over_days", 14, practice="harbour"))
    assert graded(course(20, practice="harbour"), book) == [(2, "queue")]
    for elsewhere in ("northgate", "", "lakeside"):
        assert graded(course(20, practice=elsewhere), book) == [(4, "note")]
    said = ("local_policy", "Local policy of", "Harbour", "")
    for finding in screen(course(20, practice="harbour"), book).findings:
        assert (said in finding.facts) == (finding.rule_id == "DUR-01")
    assert at(book, "harbour").citations["DUR-01"][-1]["title"] == "Policy 2026"
    assert at(book, "northgate") is book


def test_a_practice_can_be_quieter_than_its_profile_and_the_other_way_round():
    book = book_with(
        edit("DUR-01", "severity_s2", 3),
        edit("DUR-01", "severity_s2", 2, practice="harbour"),
        edit("DUR-01", "shown", "note", practice="northgate"),
    )
    assert graded(course(29), book) == [(3, "queue")]
    assert graded(course(29, practice="harbour"), book) == [(2, "queue")]
    assert graded(course(29, practice="northgate"), book) == [(4, "note")]


def test_policy_brings_no_step_into_a_profile_that_has_none():
    book = book_with(edit("DUR-01", "s4_over_days", 10, practice="harbour"))
    assert "s4_over_days" not in at(book, "harbour").rules["DUR-01"]["EU"]


def test_a_practice_counts_before_its_group_and_the_group_before_the_profile():
    book = book_with(
        edit("DUR-01", "s2_over_days", 21),
        edit("DUR-01", "s2_over_days", 16, practice="group:coast"),
        edit("DUR-01", "s2_over_days", 18, practice="harbour"),
    )
    limits = {
        place: at(book, *place).rules["DUR-01"]["UK"]["s2_over_days"]
        for place in [
            ("", ""),
            ("northgate", ""),
            ("northgate", "coast"),
            ("harbour", "coast"),
            ("harbour", ""),
            ("harbour", "lakes"),
        ]
    }
    assert [*limits.values()] == [21, 21, 16, 18, 18, 18]
    assert at(book, "northgate") is book
    assert at(book, "northgate", "lakes") is book


@pytest.mark.parametrize(
    ("own", "whose", "cited"),
    [
        ([], "Group:Coast", ["group:coast:s2_over_days"]),
        ([("s2_over_days", 15)], "Harbour", ["harbour:s2_over_days"]),
        (
            [("shown", "queue")],
            "Harbour and Group:Coast",
            ["group:coast:s2_over_days", "harbour:shown"],
        ),
    ],
)
def test_a_finding_says_whose_policy_it_follows_and_cites_what_counts(own, whose, cited):
    book = book_with(
        edit("DUR-01", "s2_over_days", 14, practice="group:coast"),
        *(edit("DUR-01", field, after, practice="harbour") for field, after in own),
    )
    treated = course(20, practice="harbour", group="coast")
    (found,) = [f for f in screen(treated, book).findings if f.rule_id == "DUR-01"]
    assert ("local_policy", "Local policy of", whose, "") in found.facts
    rows = at(book, "harbour", "coast").citations["DUR-01"]
    keys = [row["key"].removeprefix("DUR-01:") for row in rows if row.get("verified") is False]
    assert [key for key in keys if "harbour" in key or "coast" in key] == cited


def test_what_a_practice_and_its_group_say_together_must_not_contradict():
    content = composed(
        PROPOSED,
        [
            edit("DUR-01", "s4_over_days", 18, practice="harbour"),
            edit("DUR-01", "s2_over_days", 16, practice="group:coast"),
        ],
    )
    assert not disorders(content, PLACES)
    (found,) = disorders(content, PLACES, {"harbour": "coast"})
    assert (found.where, found.first, found.second) == ("harbour", "s4_over_days", "s2_over_days")
    alone = composed(PROPOSED, [edit("DUR-01", "s2_over_days", 10, practice="group:coast")])
    assert [each.where for each in disorders(alone, PLACES)] == ["group:coast"]


# -- Laws ------------------------------------------------------------------------------------------


def value_within(draw, allowed):
    """A value that these bounds allow."""
    if allowed.choices:
        return draw(st.sampled_from(list(allowed.choices)))
    if allowed.is_whole:
        return draw(st.integers(int(allowed.low), int(allowed.high)))
    return draw(st.floats(allowed.low, allowed.high))


@st.composite
def edits(draw):
    """Edits within their bounds, one of each fact; the value is as `checked` gives it."""
    made = {}
    for _ in range(draw(st.integers(1, 12))):
        practice = draw(st.sampled_from(["", *PLACES]))
        profile = PLACES.get(practice) or draw(st.sampled_from(PROFILES))
        rule_id = draw(st.sampled_from(RULE_IDS))
        possible = [
            field
            for field in fields_of(rule_id, profile)
            if not practice or bounds(rule_id, field, profile).may_be_local
        ]
        if not possible:
            continue
        field = draw(st.sampled_from(possible))
        value = value_within(draw, bounds(rule_id, field, profile))
        after = checked(rule_id, field, profile, value)
        one = edit(rule_id, field, after, profile=profile, practice=practice)
        made[one.fact] = one
    return list(made.values())


law = settings(max_examples=150, deadline=None)


@law
@given(edits(), st.randoms(use_true_random=False))
def test_any_edits_come_to_the_book_one_expects_in_any_order(made, random):
    content = composed(PROPOSED, made)
    shuffled = list(made)
    random.shuffle(shuffled)
    assert composed(PROPOSED, shuffled) == content
    for each in made:
        assert value_in(content, each.fact) == each.after
    touched = {each.fact for each in made}
    for rule_id, by_profile in PROPOSED["rules"].items():
        for profile, limits in by_profile.items():
            for name, value in limits.items():
                fact = Fact(rule_id, profile, "", name)
                assert fact in touched or value_in(content, fact) == value
    book = RuleBook.from_json(content | {"number": 2})
    assert RuleBook.from_json(book.to_json()) == book


@law
@given(edits(), st.integers(1, 200))
def test_policy_of_others_changes_nothing_for_a_practice(made, days):
    """A practice is judged as if the others had no policy."""
    content = composed(PROPOSED, made)
    for practice, profile in PRACTICES.items():
        group = GROUPS[practice]
        counts = ("", practice, f"group:{group}")
        alone = composed(PROPOSED, [each for each in made if each.fact.practice in counts])
        judged = [judged_by(each, profile, practice, group) for each in (content, alone)]
        assert judged[0] == judged[1]
        treated = course(days, practice=practice, profile=profile, group=group)
        both = [
            screen(treated, RuleBook.from_json(each | {"number": 2})) for each in (content, alone)
        ]
        assert both[0] == both[1]


@law
@given(edits())
def test_each_fact_is_that_of_the_practice_or_its_group_or_its_profile(made):
    """Fact by fact the nearest word counts, wherever else somebody said something."""
    content = composed(PROPOSED, made)
    book = RuleBook.from_json(content | {"number": 2})
    said = {each.fact: each.after for each in made if each.after is not None}
    for practice, profile in PRACTICES.items():
        scopes = (practice, f"group:{GROUPS[practice]}")
        own = at(book, practice, GROUPS[practice])
        for rule_id in RULE_IDS:
            for field in fields_of(rule_id, profile):
                local = [said.get(Fact(rule_id, "", scope, field)) for scope in scopes]
                wanted = next((value for value in local if value is not None), None)
                section = own.grading if is_grading(field) else own.rules
                held = section.get(rule_id, {}).get(profile, {}).get(field)
                if wanted is None:
                    wanted = value_in(content, Fact(rule_id, profile, "", field))
                assert held == wanted, (rule_id, field)


@law
@given(edits(), st.integers(1, 60))
def test_floors_hold_under_any_edits(made, days):
    """What a floor rule finds by the software's book is found, and as gravely, by any other."""
    lines = [
        line("diazepam 5 mg tablets", -days, days + 2),
        line("morphine 10 mg tablets", -1, 7),
        line("zorbelix 5 mg tablets", -1, 7),
    ]
    treated = person(*lines, practice="harbour", group="coast")
    changed = RuleBook.from_json(composed(PROPOSED, made) | {"number": 2})
    gravest = defaultdict(lambda: 9)
    for finding in screen(treated, changed).findings:
        gravest[finding.rule_id] = min(gravest[finding.rule_id], finding.severity)
    before = [f for f in screen(treated, BOOK).findings if f.rule_id in FLOORS]
    assert before
    for finding in before:
        assert gravest[finding.rule_id] <= finding.severity


def test_nothing_that_judges_reads_the_bounds():
    """Or the engine's name would have to change with them."""
    for path in engine.RULES.rglob("*.py"):
        if not path.relative_to(engine.RULES).as_posix().startswith(engine.NOT_JUDGING):
            text = path.read_text()
            assert "reviews.rules.bounds" not in text, path
            assert "reviews.rules.changing" not in text, path

"""Further profiles of a book: whom they follow, what they change, and that nobody goes unjudged."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews.rules import screen
from reviews.rules.book import RuleBook
from reviews.rules.bounds import bounds, checked, fields_of
from reviews.rules.changing import (
    PROFILE,
    Edit,
    Fact,
    composed,
    disorders,
    in_effect,
    is_known,
    judged_by,
    value_in,
)
from reviews.rules.codes import PROFILES
from reviews.rules.profiles import (
    BASE,
    DETAILS,
    UnknownProfile,
    all_of,
    children,
    described,
    in_words,
    lineage,
    said_of,
    with_further,
)
from reviews.rules.registry import PARAMETERS

from .book import BOOK, line, person
from .random_dossiers import dossier
from .test_changing import value_within

PROPOSED = BOOK.to_json()
RULE_IDS = sorted(PARAMETERS)
HELD = {
    "IE": {"parent": "UK", "name": "Ireland"},
    "NORTH": {"parent": "IE", "name": "North of Ireland"},
    "PR": {"parent": "US", "name": "Puerto Rico"},
    "BE": {"parent": "EU", "name": "Belgium"},
}


def edit(rule_id, profile, field, after):
    fact = Fact(rule_id, profile, "", field)
    return Edit(fact, after, "Policy 2026", "4.2", "2026-01-01", "2026-06-01")


def added(held=HELD):
    """The edits by which profiles come into a book."""
    return [
        edit(PROFILE, code, field, value)
        for code, own in held.items()
        for field, value in own.items()
    ]


def book_with(*edits):
    return RuleBook.from_json(composed(PROPOSED, edits) | {"number": 2})


def course(days, profile):
    return person(line(start=1 - days, days=days), profile=profile)


def severity(dossier, book, rule_id="DUR-01"):
    return next((f.severity for f in screen(dossier, book).findings if f.rule_id == rule_id), None)


# -- Whom a profile follows ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "code", "row"),
    [
        ({}, "UK", ("UK",)),
        (HELD, "EU", ("EU",)),
        (HELD, "IE", ("IE", "UK")),
        (HELD, "NORTH", ("NORTH", "IE", "UK")),
        ({}, "IE", None),
        (HELD, "FR", None),
        (HELD, "", None),
        ({"IE": {"parent": "FR"}}, "IE", None),
        ({"IE": {"name": "Ireland"}}, "IE", None),
        ({"IE": {"parent": ""}}, "IE", None),
        ({"IE": {"parent": "IE"}}, "IE", None),
        ({"IE": {"parent": "NI"}, "NI": {"parent": "IE"}}, "IE", None),
    ],
)
def test_a_profile_leads_to_a_base_or_is_none(held, code, row):
    if row is None:
        with pytest.raises(UnknownProfile, match=f"no profile {code}"):
            lineage(held, code)
    else:
        assert lineage(held, code) == row


def test_a_row_of_parents_has_an_end():
    codes = ["AA", "BB", "CC", "DD", "EE"]
    held = {own: {"parent": above} for own, above in zip(codes, ["UK", *codes], strict=False)}
    assert lineage(held, "DD") == ("DD", "CC", "BB", "AA", "UK")
    with pytest.raises(UnknownProfile):
        lineage(held, "EE")


def test_profiles_are_listed_with_what_is_said_of_them():
    assert [each.code for each in all_of({})] == list(PROFILES) == list(BASE)
    assert [each.code for each in all_of(HELD)] == ["UK", "US", "EU", "BE", "IE", "NORTH", "PR"]
    assert "FR" not in [each.code for each in all_of({**HELD, "FR": {"parent": "XX"}})]
    assert described(HELD, "IE").name == "Ireland"
    assert described(HELD, "UK").emergency == "999"
    assert children(HELD, "IE") == ["NORTH"]
    assert children(HELD, "US") == ["PR"]
    assert in_words(HELD, "UK") == "UK profile"
    assert in_words(HELD, "IE") == "IE profile (which follows the UK profile)"
    assert in_words(HELD, "NORTH") == (
        "NORTH profile (which follows the IE profile, then the UK profile)"
    )


def test_a_drug_fact_is_that_of_the_nearest_who_says_it():
    assert with_further(HELD, {"UK": 15, "US": 5}) == {
        "UK": 15, "US": 5, "IE": 15, "NORTH": 15, "PR": 5,
    }  # fmt: skip
    own = {"UK": {"adult": 30, "anxiety": 20}, "IE": {"adult": 25}, "US": {"adult": 40}}
    assert with_further(HELD, own) == {
        **own,
        "IE": {"adult": 25, "anxiety": 20},
        "NORTH": {"adult": 25, "anxiety": 20},
        "PR": {"adult": 40},
    }
    # What a book holds that was written out is read back as the same.
    assert with_further(HELD, with_further(HELD, own)) == with_further(HELD, own)


def test_a_step_that_the_base_lacks_is_not_brought_in():
    held = {"IE": {"parent": "UK", "rules": {"DUR-01": {"s3_over_days": 20, "s2_over_days": 21}}}}
    said = said_of(held, PROPOSED["rules"]["DUR-01"], "rules", "DUR-01", "IE")
    assert said == {"s4_over_days": 14, "s2_over_days": 21}
    assert said_of(held, {}, "rules", "DUR-01", "IE") is None


# -- What a book says ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "uk", "ie", "north"),
    [
        (21, 4, 4, 4),
        (22, 4, 2, 2),
        (28, 4, 2, 2),
        (29, 2, 2, 2),
    ],
)
def test_a_child_of_its_own_limit_is_judged_by_it_and_so_are_its_children(days, uk, ie, north):
    book = book_with(*added(), edit("DUR-01", "IE", "s2_over_days", 21))
    found = [severity(course(days, each), book) for each in ("UK", "IE", "NORTH")]
    assert found == [uk, ie, north]


def test_a_sentence_says_whose_limit_it_is():
    book = book_with(*added())
    (said,) = [f for f in screen(course(35, "IE"), book).findings if f.rule_id == "DUR-01"]
    assert "the limit of the IE profile (which follows the UK profile) is 28 days" in said.sentence
    (said,) = [f for f in screen(course(35, "UK"), book).findings if f.rule_id == "DUR-01"]
    assert "the limit of the UK profile is 28 days" in said.sentence


def test_a_limit_of_a_law_is_told_as_that_of_the_base_where_it_is_inherited():
    book = book_with(*added(), edit("LEG-01", "IE", "supply_over_days", 28))
    (said,) = [f for f in screen(course(35, "IE"), book).findings if f.rule_id == "LEG-01"]
    assert "limits that the IE profile does not set itself are those of the UK" in said.sentence
    (said,) = [f for f in screen(course(35, "UK"), book).findings if f.rule_id == "LEG-01"]
    assert "set itself" not in said.sentence


def test_a_parents_grading_is_inherited_and_can_be_taken_back():
    quiet = edit("DUR-01", "UK", "shown", "off")
    assert severity(course(35, "IE"), book_with(*added(), quiet)) is None
    loud = edit("DUR-01", "IE", "shown", "queue")
    book = book_with(*added(), quiet, loud)
    assert severity(course(35, "IE"), book) == 2
    assert severity(course(35, "NORTH"), book) == 2
    assert severity(course(35, "UK"), book) is None


@pytest.mark.parametrize("profile", ["IE", "FR", ""])
def test_nobody_of_an_unknown_profile_is_clear(profile):
    """Judged by nothing would read as "nothing found"; screening fails instead, and says so."""
    held = {code: own for code, own in HELD.items() if code == "PR"}
    with pytest.raises(LookupError):
        screen(course(35, profile), book_with(*added(held)))


def test_a_book_whose_profile_leads_nowhere_cannot_be_read():
    content = composed(PROPOSED, added()) | {"number": 2}
    content["profiles"]["IE"]["parent"] = "FR"
    with pytest.raises(UnknownProfile):
        RuleBook.from_json(content)


def test_what_a_profile_is_stands_in_the_book_with_who_says_so():
    content = composed(PROPOSED, added())
    assert value_in(content, Fact(PROFILE, "IE", "", "name")) == "Ireland"
    assert value_in(content, Fact(PROFILE, "FR", "", "name")) is None
    (first, _) = content["profiles"]["IE"]["citations"]
    assert first["title"] == "Policy 2026"
    assert not first["verified"]
    # Nothing of a profile is a rule that somebody is told of.
    assert PROFILE not in content["citations"]
    assert PROFILE not in content["rules"]


def test_without_a_parent_there_is_no_profile_and_its_differences_count_for_nobody():
    gone = [edit(PROFILE, "IE", "parent", None), *added()[1:2]]
    content = composed(PROPOSED, [*gone, edit("DUR-01", "IE", "s2_over_days", 21)])
    assert content == composed(PROPOSED, [])


@pytest.mark.parametrize(
    ("fact", "known"),
    [
        (Fact(PROFILE, "IE", "", "name"), True),
        (Fact(PROFILE, "FR", "", "parent"), True),
        (Fact(PROFILE, "UK", "", "name"), False),
        (Fact(PROFILE, "IE", "", "moon"), False),
        (Fact(PROFILE, "", "harbour", "name"), False),
        (Fact("DUR-01", "IE", "", "s2_over_days"), True),
        (Fact("DUR-01", "IE", "", "s3_over_days"), False),
        (Fact("DUR-01", "PR", "", "s3_over_days"), True),
        (Fact("DUR-01", "FR", "", "s2_over_days"), False),
        (Fact("DUR-01", "UK", "", "s2_over_days"), True),
        (Fact("DUR-01", "", "harbour", "s3_over_days"), True),
    ],
)
def test_which_facts_there_are(fact, known):
    assert is_known(fact, HELD) is known


def test_limits_of_a_child_may_contradict_those_of_its_parent():
    """Each edit is within its bounds; together a mild step would come after a grave one."""
    content = composed(PROPOSED, [*added(), edit("DUR-01", "IE", "s4_over_days", 27)])
    assert not disorders(content, {})
    content = composed(
        PROPOSED,
        [
            *added(),
            edit("DUR-01", "IE", "s4_over_days", 27),
            edit("DUR-01", "UK", "s2_over_days", 20),
        ],
    )
    assert [each.where for each in disorders(content, {})] == ["IE", "NORTH"]


def test_a_profile_that_a_book_lacks_is_judged_otherwise_by_one_that_has_it():
    without, having = composed(PROPOSED, []), composed(PROPOSED, added())
    assert judged_by(without, "IE", "") != judged_by(having, "IE", "")
    # Whom it follows is part of what judges: its drug facts are those.
    other = composed(PROPOSED, added({**HELD, "IE": {"parent": "EU", "name": "Ireland"}}))
    assert judged_by(other, "IE", "") != judged_by(having, "IE", "")
    assert judged_by(without, "UK", "") == judged_by(having, "UK", "")


# -- Laws ------------------------------------------------------------------------------------------


law = settings(max_examples=100, deadline=None)


@st.composite
def changes(draw, profiles):
    """Edits of profiles within their bounds, one of each fact."""
    made = {}
    for _ in range(draw(st.integers(1, 10))):
        profile = draw(st.sampled_from(profiles))
        base = lineage(HELD, profile)[-1]
        rule_id = draw(st.sampled_from(RULE_IDS))
        fields = fields_of(rule_id, base)
        if not fields:
            continue
        field = draw(st.sampled_from(fields))
        value = value_within(draw, bounds(rule_id, field, base))
        after = checked(rule_id, field, base, value)
        one = edit(rule_id, profile, field, value if after is None else after)
        made[one.fact] = one
    return list(made.values())


def graded(treated, book):
    """What is found of somebody, without the sentences, which name the profile."""
    screening = screen(treated, book)
    findings = [
        (f.rule_id, f.key, f.severity, f.mode, f.line_ids, f.facts) for f in screening.findings
    ]
    gaps = [(each.rule_id, each.line_ids) for each in screening.not_evaluable]
    return findings, gaps, screening.shadowed, screening.exposure, screening.valid_until


@law
@given(changes(PROFILES), st.integers(0, 100_000))
def test_a_child_without_differences_is_judged_as_its_parent(made, number):
    book = book_with(*made, *added())
    treated = dossier(number, BOOK)
    for code in HELD:
        parent = replace(treated, profile=HELD[code]["parent"])
        assert graded(replace(treated, profile=code), book) == graded(parent, book)


@law
@given(changes(["IE"]), changes([*PROFILES, "BE", "PR"]), st.integers(0, 100_000))
def test_a_difference_changes_that_profile_and_those_that_follow_it_alone(own, others, number):
    before, after = book_with(*added(), *others), book_with(*added(), *others, *own)
    treated = dossier(number, BOOK)
    for code in (*PROFILES, "BE", "PR"):
        one = replace(treated, profile=code)
        assert screen(one, before) == screen(one, after)
    assert graded(replace(treated, profile="NORTH"), after) == graded(
        replace(treated, profile="IE"), after
    )


@law
@given(changes([*PROFILES, *HELD]))
def test_each_fact_is_that_of_the_nearest_profile_that_says_it(made):
    content = composed(PROPOSED, [*made, *added()])
    book = RuleBook.from_json(content | {"number": 2})
    said = {each.fact: each.after for each in made if each.after is not None}
    for code in (*PROFILES, *HELD):
        row = lineage(HELD, code)
        for rule_id in RULE_IDS:
            for field in fields_of(rule_id, row[-1]):
                facts = [Fact(rule_id, each, "", field) for each in row]
                wanted = next((said[fact] for fact in facts if fact in said), None)
                if wanted is None:
                    wanted = value_in(PROPOSED, facts[-1])
                assert in_effect(content, facts[0]) == wanted
                section = book.grading if field.startswith(("shown", "severity_s")) else book.rules
                assert section.get(rule_id, {}).get(code, {}).get(field) == wanted


@law
@given(changes([*PROFILES, *HELD]), st.randoms(use_true_random=False))
def test_a_book_is_the_same_in_any_order_and_comes_back_as_it_was(made, random):
    everything = [*made, *added()]
    content = composed(PROPOSED, everything)
    random.shuffle(everything)
    assert composed(PROPOSED, everything) == content
    for each in made:
        assert value_in(content, each.fact) == each.after
    book = RuleBook.from_json(content | {"number": 2})
    assert RuleBook.from_json(book.to_json()) == book


@law
@given(changes(PROFILES))
def test_a_book_without_further_profiles_says_nothing_of_any(made):
    """Its digest is what it was before there were any."""
    assert "profiles" not in composed(PROPOSED, made)
    assert set(DETAILS) >= {"parent", "name", "locale", "country", "time_zone", "emergency"}

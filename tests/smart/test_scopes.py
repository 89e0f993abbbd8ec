"""SMART scopes: a table of what is one, and laws of what they allow together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews import scopes
from reviews.scopes import LETTERS, LIMITED_BY, InvalidScope, Scope, Scopes, parse, united

TYPES = sorted(LIMITED_BY)
ALLOWED = [
    ("system/Patient.r", "system/Patient.r"),
    ("system/Patient.cruds", "system/Patient.cruds"),
    ("system/*.rs", "system/*.rs"),
    ("system/Patient.read", "system/Patient.rs"),
    ("system/Patient.write", "system/Patient.cud"),
    ("system/Patient.*", "system/Patient.cruds"),
    ("system/*.*", "system/*.cruds"),
    ("user/Patient.rs patient/Patient.rs", "patient/Patient.rs user/Patient.rs"),
    ("system/Patient.r system/Patient.s", "system/Patient.rs"),
    ("system/Patient.rs system/Patient.rs", "system/Patient.rs"),
    ("system/*.rs system/Patient.rs", "system/*.rs"),
    ("system/Task.rs?status=requested", "system/Task.rs?status=requested"),
    ("system/Task.rs?status=a&code=x", "system/Task.rs?code=x&status=a"),
    ("system/Task.rs?code=http%3A%2F%2Fx|y", "system/Task.rs?code=http://x|y"),
    ("system/Task.rs?status=a system/Task.rs", "system/Task.rs"),
    ("system/Task.r?status=a system/Task.s?status=a", "system/Task.rs?status=a"),
]
REFUSED = [
    "",
    "   ",
    "openid",
    "launch",
    "offline_access",
    "system/Patient",
    "system/Patient.",
    "system/.rs",
    "System/Patient.rs",
    "practice/Patient.rs",
    "system/Encounter.rs",
    "system/patient.rs",
    "system/Patient.dus",
    "system/Patient.sr",
    "system/Patient.rr",
    "system/Patient.x",
    "system/Patient.crudsx",
    "system/Patient.READ",
    "system/Patient.reads",
    "system/Patient.rs?",
    "system/Patient.rs?gender",
    "system/Patient.rs?gender=",
    "system/Patient.rs?=male",
    "system/Patient.rs?gender:not=male",
    "system/Task.rs?patient.gender=male",
    "system/Task.rs?_has:x=y",
    "system/Patient.rs?birthdate=2000",
    "system/*.rs?_id=4",
    "system/Task.rs?status=%00",
    "system/Patient.rs system/Nothing.rs",
    "système/Patient.rs",
    "system/Patient.rs\x00",
    "system/Patient.rs " * 101,
    "system/Patient.rs" + " " * scopes.MOST_LETTERS,
    "system/Task.rs?" + "&".join(f"_id={n}" for n in range(scopes.MOST_PAIRS + 1)),
]


@pytest.mark.parametrize(("said", "written"), ALLOWED)
def test_what_is_a_scope(said, written):
    assert str(parse(said)) == written


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_no_scope(said):
    with pytest.raises(InvalidScope):
        parse(said)


@pytest.mark.parametrize(
    ("said", "kind", "letter", "bounds"),
    [
        ("system/Patient.rs", "Patient", "r", ()),
        ("system/Patient.rs", "Patient", "c", None),
        ("system/Patient.rs", "Task", "r", None),
        ("system/*.s", "Task", "s", ()),
        ("user/Patient.rs", "Patient", "r", None),
        ("patient/Patient.rs", "Patient", "r", None),
        ("system/Task.r?status=a", "Task", "r", ((("status", "a"),),)),
        (
            "system/Task.r?status=a system/Task.r?code=b&status=c",
            "Task",
            "r",
            ((("code", "b"), ("status", "c")), (("status", "a"),)),
        ),
        ("system/Task.r?status=a system/*.rs", "Task", "r", ()),
        ("system/Task.r?status=a system/*.s", "Task", "r", ((("status", "a"),),)),
    ],
)
def test_how_far_it_reaches(said, kind, letter, bounds):
    assert parse(said).bounds(kind, letter) == bounds


@pytest.mark.parametrize(
    ("asked", "most", "granted"),
    [
        ("system/*.rs", "system/Patient.rs", "system/Patient.rs"),
        ("system/Patient.cruds", "system/*.rs", "system/Patient.rs"),
        ("system/Patient.c", "system/Patient.rs", ""),
        ("system/Task.rs", "system/Task.rs?status=a", "system/Task.rs?status=a"),
        ("system/Task.rs?code=b", "system/Task.r?status=a", "system/Task.r?code=b&status=a"),
        ("user/Patient.rs", "system/Patient.rs", ""),
    ],
)
def test_what_is_granted_of_what_was_asked_for(asked, most, granted):
    assert str(parse(asked).within(parse(most))) == granted


letters = st.sets(st.sampled_from(LETTERS), min_size=1).map(
    lambda some: "".join(each for each in LETTERS if each in some)
)
values = st.sampled_from(["a", "b|c", "http://x/y,z", "&", "= %", "é", "+"])


@st.composite
def scope(draw):
    kind = draw(st.sampled_from([*TYPES, "*"]))
    names = sorted(LIMITED_BY.get(kind, ()))
    pairs = draw(
        st.sets(st.tuples(st.sampled_from(names), values), max_size=2) if names else st.just(set())
    )
    return Scope("system", kind, draw(letters), tuple(sorted(pairs)))


some_scopes = st.lists(scope(), min_size=1, max_size=5)
questions = st.tuples(st.sampled_from(TYPES), st.sampled_from(LETTERS))
resource = st.sets(st.tuples(st.sampled_from(["_id", "status", "patient"]), values))


def allows(granted, question, held):
    """Whether scopes allow an interaction with a resource of which these pairs are true."""
    bounds = granted.bounds(*question)
    return bounds is not None and (not bounds or any(set(each) <= held for each in bounds))


@given(some_scopes)
def test_what_is_written_is_read_again(some):
    made = united(some)
    assert parse(str(made)) == made


@given(some_scopes, some_scopes, questions, resource)
def test_a_union_allows_what_one_of_them_allows(some, others, question, held):
    both = united([*some, *others])
    either = allows(united(some), question, held) or allows(united(others), question, held)
    assert allows(both, question, held) == either


@given(some_scopes, some_scopes, questions, resource)
def test_what_is_granted_is_what_both_allow(asked, most, question, held):
    granted = united(asked).within(united(most))
    both = allows(united(asked), question, held) and allows(united(most), question, held)
    assert allows(granted, question, held) == both


@given(some_scopes, st.randoms(use_true_random=False))
def test_the_order_of_scopes_says_nothing(some, chance):
    shuffled = some.copy()
    chance.shuffle(shuffled)
    assert united(shuffled) == united(some)


@given(letters, st.permutations(LETTERS))
def test_letters_in_another_order_are_refused(said, order):
    other = "".join(letter for letter in order if letter in said)
    text = f"system/Patient.{other}"
    if other == said:
        assert parse(text).all[0].letters == said
    else:
        with pytest.raises(InvalidScope):
            parse(text)


@given(st.text(max_size=40))
def test_whatever_is_sent_is_a_scope_or_refused(said):
    try:
        made = parse(said)
    except InvalidScope:
        return
    assert isinstance(made, Scopes)
    assert made

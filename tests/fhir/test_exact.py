"""JSON read strictly: what is refused, where it stands, and that digits survive."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.fhir.write import exact

PATIENT = b'{"resourceType":"Patient","x":%s}'


@pytest.mark.parametrize(
    ("body", "reason", "expression"),
    [
        (b"", "not JSON", ""),
        (b'{"resourceType":"Patient"', "not JSON", ""),
        (b'{{"resourceType":"Patient"}}', "not JSON", ""),
        (b'{"a":1}{"b":2}', "not JSON", ""),
        (b'{"a":"\xff"}', "not UTF-8", ""),
        (b'{"a":1,"a":2}', "stands in one object twice", ""),
        (PATIENT % b"NaN", "NaN is no number", ""),
        (PATIENT % b"-Infinity", "-Infinity is no number", ""),
        (PATIENT % b"1e999", "more than 30 digits", ""),
        (PATIENT % (b"1" * 5000), "more than 30 digits", ""),
        (PATIENT % (b"[" * 100_000 + b"]" * 100_000), "nested more than 40", ""),
        (PATIENT % (b"[" * 41 + b"1" + b"]" * 41), "nested more than 40", "Patient.x" + "[0]" * 39),
        (PATIENT % b"null", "null is no value", "Patient.x"),
        (PATIENT % b'""', "without a letter", "Patient.x"),
        (PATIENT % b"[]", "holds nothing", "Patient.x"),
        (PATIENT % b"[{}]", "holds nothing", "Patient.x[0]"),
        (PATIENT % b'"a\\u0000b"', "NUL", "Patient.x"),
        (PATIENT % b'"\\ud800"', "lone surrogate", "Patient.x"),
        (PATIENT % (b'"' + b"a" * 10_000_000 + b'"'), "1,000,000 characters", "Patient.x"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else None,
)
def test_what_fhir_does_not_allow_is_refused_where_it_stands(body, reason, expression):
    with pytest.raises(exact.NotRead) as refused:
        exact.decode(body)
    assert reason in refused.value.reason
    assert refused.value.expression == expression


def test_null_keeps_a_place_in_a_list():
    body = b'{"given":["A",null],"_given":[null,{"id":"b"}]}'
    assert exact.encode(exact.decode(body)) == body


def test_a_mark_of_byte_order_is_no_content():
    assert exact.decode(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
def test_a_number_keeps_its_digits(number):
    body = b'{"value":%s}' % f"{number:f}".encode()
    assert exact.encode(exact.decode(body)) == body


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
).filter(str.strip)
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**20), 10**20) | TEXTS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(TEXTS, inner, min_size=1, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1))
def test_what_is_allowed_comes_back_as_it_was(content):
    assert exact.decode(exact.encode(exact.decode(json.dumps(content).encode()))) == content


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0123456789.eE-nulltrue \\u', max_size=60))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(exact.NotRead):
        exact.decode(body if isinstance(body, bytes) else body.encode())


ODD = ["", " ", "\n", "a\nb", "\0", "a\ud800", "\u2028", "\x7f", "\xa0", "x" * (exact.SHORT + 1)]
CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from(ODD), inner, max_size=4)
    ),
)


@given(CONTENT, st.booleans())
def test_what_is_passed_at_once_has_nothing_to_refuse(content, nulls):
    if exact._is_plain(content):
        exact._look_through(content, nulls=nulls)


@pytest.mark.parametrize("odd", [*ODD, None, [], {}])
def test_what_is_odd_is_looked_at_again(odd):
    assert not exact._is_plain({"a": odd})
    assert not exact._is_plain({"a": [{"b": odd}]})


def test_what_is_usual_is_passed_at_once():
    usual = {"resourceType": "Patient", "name": [{"given": ["Zoë", None]}], "n": 1, "ok": False}
    assert exact._is_plain(usual)

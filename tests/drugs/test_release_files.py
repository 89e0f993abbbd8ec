"""Rows of national lists, found one by one: from any of them on, and each for itself."""

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drugs import composing
from drugs.editions import named
from drugs.releases import atc, dmd, rxnorm
from drugs.releases.pieces import (
    CHUNK,
    MOST_BYTES,
    NOT_SAID,
    UNREAD,
    Bad,
    Refused,
    Row,
    elements,
    lines,
)
from tests import releases

FIND = elements("VMP", "VPI")


def rows(text, byte=0, line=0, find=FIND):
    return list(find(io.BytesIO(text.encode()), byte, line))


def vmps(*parts):
    return releases.file("VMPS", *parts)


def test_elements_are_found_with_their_lines():
    text = vmps(releases.vmp("81", "One"), "\n\n", releases.vpi("81", "91", "5"))
    found = rows(text)
    assert [(row.tag, row.line) for row in found] == [("VMP", 3), ("VPI", 6)]
    assert text.splitlines()[found[1].line - 1].startswith("<VPI>")


@settings(max_examples=60)
@given(
    names=st.lists(st.text("ab <&\n", max_size=300), min_size=1, max_size=20),
    at=st.integers(0, 19),
)
def test_reading_goes_on_from_any_row_as_if_it_had_never_ended(names, at):
    escaped = [name.replace("&", "&amp;").replace("<", "&lt;") for name in names]
    text = vmps(*(releases.vmp(f"8{n}", name) for n, name in enumerate(escaped, start=1)))
    everything = rows(text)
    assert len(everything) == len(names)
    begin = everything[min(at, len(everything) - 1)]
    assert rows(text, begin.next_byte, begin.next_line) == everything[everything.index(begin) + 1 :]


def test_a_row_cut_by_the_end_of_a_chunk_is_whole(monkeypatch):
    text = vmps(*(releases.vmp(f"8{n}", "x" * n) for n in range(1, 200)))
    whole = rows(text)
    monkeypatch.setattr("drugs.releases.pieces.CHUNK", 301)
    assert rows(text) == whole


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("<VMP><VPID>81</VPID><NM>One\n", "lost its end, another follows"),
        ("<VMP><VPID>81</VPID><NM>One & two</NM></VMP>\n", "a bare ampersand"),
        ("<VMP><VPID>81</VPID><NM>&everything;</NM></VMP>\n", "an entity nobody declared"),
        ("<VMP><VPID>81</VPID></VMP>\n", "no name"),
        ("<VMP><VPID>0081</VPID><NM>One</NM></VMP>\n", "no code"),
        ("<VMP><VPID>81</VPID><NM>One</VMP></NM>\n", "crossed"),
    ],
)
def test_a_broken_row_costs_itself_alone(broken, why):
    text = vmps(releases.vmp("80", "Before"), broken, releases.vmp("82", "After"))
    kept, bad = [], []
    for row in rows(text):
        try:
            kept += dmd._of_vmp(row)
        except Bad as fault:
            bad.append((row.line, fault.reason))
    assert [piece.key for piece in kept] == ["80", "82"], why
    assert [line for line, _ in bad] == [4], why


@pytest.mark.parametrize(
    ("broken", "piece"),
    [
        (releases.vpi("81", "91", "-3"), ("part", "81", "91", {})),
        (releases.vpi("81", "91", "5", ""), ("part", "81", "91", {})),
        (releases.vpi("81", "91", "5", per="x"), ("part", "81", "91", {})),
        (releases.vpi("81", "x", "5"), ("part", "81", UNREAD, {})),
        ("<VPI><VPID>81</VPID><ISID>&</ISID></VPI>", ("part", "81", UNREAD, {})),
        ("<VPI><ISID>91</ISID></VPI>", ("part", NOT_SAID, "91", {})),
        ("<VPI><VPID>x</VPID><ISID>91</ISID></VPI>", ("part", NOT_SAID, "91", {})),
        ("<VPI><VPID></VPID><ISID>x</ISID></VPI>", ("part", NOT_SAID, UNREAD, {})),
        ("<VPI><VPID>x & y</VPID></VPI>", ("part", NOT_SAID, UNREAD, {})),
        ("<VPI><ISID>91</ISID>", ("part", NOT_SAID, UNREAD, {})),
    ],
)
def test_a_broken_ingredient_is_told_and_still_one(broken, piece):
    [row] = rows(vmps(broken))
    with pytest.raises(Bad) as bad:
        dmd._of_vmp(row)
    assert [tuple(each) for each in bad.value.pieces] == [piece]


@pytest.mark.parametrize(
    ("broken", "moieties"),
    [
        ("<VMP><VPID>81</VPID><VTMID>71</VTMID></VMP>", ["71"]),
        ("<VMP><VPID>x</VPID><VTMID>71</VTMID><NM>One</NM></VMP>", ["71"]),
        ("<VMP><VPID>81</VPID><VTMID>71</VTMID><NM>One & two</NM></VMP>", ["71"]),
        ("<VMP><VPID>81</VPID><VTMID>x</VTMID><NM>One</NM></VMP>", [NOT_SAID]),
        ("<VMP><VPID>81</VPID></VMP>", [NOT_SAID]),
        ("<VMP><VPID>81</VPID>", [NOT_SAID]),
        ("<VMP><VPID>81</VPID><NM>One & two</NM></VMP>", []),
        ("<VMP><VPID>x</VPID><NM>One</NM></VMP>", []),
    ],
)
def test_a_broken_product_says_of_which_moiety_it_is(broken, moieties):
    [row] = rows(vmps(broken))
    with pytest.raises(Bad) as bad:
        dmd._of_vmp(row)
    assert [tuple(each) for each in bad.value.pieces] == [
        ("link", each, UNREAD, {}) for each in moieties
    ]


def test_a_last_row_without_its_end_is_told():
    text = vmps(releases.vmp("80", "Before"), "<VMP><VPID>81</VPID>")
    assert [row.content is None for row in rows(text)] == [False, True]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><VMPS></VMPS>", "a document type"),
        ('<?xml version="1.0" encoding="utf-16"?><VMPS></VMPS>', "another encoding"),
        ("code,name\n1,2\n", "no XML"),
        (vmps(releases.vmp("80", "Before"))[:-10], "the end is missing"),
        ("<VMPS>" + "x" * 600_000 + "<!ENTITY b 'c'></VMPS>", "an entity far inside"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(text, why):
    with pytest.raises(Refused):
        rows(text)


def test_a_row_without_end_is_not_read_into_memory():
    text = vmps("<VMP>" + "x" * (MOST_BYTES + 1) + "</VMP>", releases.vmp("82", "After"))
    # Its end is found where a chunk holds it; what matters is that the next one is read.
    assert rows(text)[-1].content is not None


@pytest.mark.parametrize(
    ("find", "head", "row", "tail"),
    [
        (FIND, "<VMPS>\n", releases.vmp("81", "Diazepam 5mg tablets"), "</VMPS>\n"),
        (lines, "", releases.conso("93322", "IN", "diazepam"), ""),
    ],
    ids=["dm+d", "RxNorm"],
)
def test_a_hundred_thousand_rows_take_no_more_memory_than_a_few(tmp_path, find, head, row, tail):
    path = tmp_path / "rows"
    with path.open("w") as out:
        out.writelines([head, *[row] * 100_000, tail])
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            count = sum(1 for _ in find(file, 0, 0))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == 100_000
    assert most < 4 * CHUNK < path.stat().st_size


def test_lines_go_on_where_they_ended():
    text = "a\n\nb\nc"
    everything = rows(text, find=lines)
    assert [(row.line, row.content) for row in everything] == [
        (1, b"a\n"),
        (3, b"b\n"),
        (4, b"c"),
    ]
    first = everything[0]
    assert rows(text, first.next_byte, first.next_line, find=lines) == everything[1:]


def line(text):
    return Row("", 2, 0, 3, text.encode())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("N05BA01,diazepam,10,mg,O,", ["diazepam"]),
        ("N05BA01;diazepam;10", ["diazepam"]),
        ('N02AA59,"codeine, combinations excl. psycholeptics"', ["codeine", "combinations"]),
        ("N02AJ99,codeine and paracetamol", ["codeine", "paracetamol"]),
        ("N02AJ98,combinations", ["combinations"]),
        ("N05BA,Benzodiazepine derivatives", []),
    ],
)
def test_what_an_atc_name_holds(text, found):
    pieces = atc._row(line(text))
    assert [piece.other for piece in pieces if piece.kind == "part"] == found


@pytest.mark.parametrize(
    "text",
    [
        *("X,", "N05BA0,diazepam", "12345,diazepam", "N05BA01,", "N05BA01"),
        "N05BA01,diaze\0pam",
        f"N05BA01,{'x' * 131_073}",
    ],
)
def test_what_is_no_row_of_atc_is_told(text):
    if text == "X,":
        assert atc._row(line(text)) == []
        return
    with pytest.raises(Bad):
        atc._row(line(text))


@pytest.mark.parametrize(
    "text",
    ["1|2|3|\n", releases.conso("x1", "IN", "a"), "\udcff", releases.conso("1", "IN", "a\0")],
)
def test_what_is_no_row_of_rxnorm_is_told(text):
    row = Row("", 1, 0, 2, text.encode(errors="surrogateescape"))
    with pytest.raises(Bad):
        rxnorm._concept(row)


def test_a_relation_of_concepts_without_its_second_one_is_told():
    row = Row("", 1, 0, 2, releases.rel("9315766", "consists_of", "").encode())
    with pytest.raises(Bad, match="RXCUI2 is missing"):
        rxnorm._relation(row)
    # Of atoms, which have no concept in the row, nothing is told.
    atoms = row.content.replace(b"|CUI|", b"|AUI|")
    assert rxnorm._relation(row._replace(content=atoms)) == []


@pytest.mark.parametrize(
    ("amount", "strength"),
    [
        ("5", (0.4, "ml")),
        ("1e-400", (None, "")),
        ("1e-300", (None, "")),
        ("1e400", (None, "")),
        ("1e300", (None, "")),
        ("0.00000000001", (None, "")),
    ],
)
def test_a_strength_in_what_nobody_divides_by_is_not_known(amount, strength):
    said = {"value": "2", "unit": "u", "in": amount, "in_unit": "v"}
    assert composing._strength(said, {"u": "mg", "v": "ml"}, "solution") == strength


NAMES = {
    "morphine": "morphine",
    "sodium oxybate": "sodium-oxybate",
    "potassium": "potassium",
    "potassium chloride": "potassium-chloride",
}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Morphine", "morphine"),
        ("Morphine sulfate", "morphine"),
        ("Morphine hydrochloride trihydrate", "morphine"),
        ("Sodium oxybate", "sodium-oxybate"),
        ("Potassium chloride", "potassium-chloride"),
        ("Potassium bromide", None),
        ("Calcium oxybate", None),
        ("Morphine zorkate", None),
        ("Zorkine morphine", None),
        ("", None),
        ("sulfate", None),
    ],
)
def test_a_substance_is_known_by_its_whole_name(text, key):
    assert named(text, NAMES) == key

"""How the text of a letter is read and filled."""

import pytest

from reviews.lettering.fields import FIELDS
from reviews.lettering.text import (
    BOLD,
    FILLED,
    HEADING,
    PARAGRAPH,
    PLAIN,
    NotALetter,
    as_json,
    fields_of,
    fill,
    from_json,
    in_words,
    needed,
)

KNOWN = {"patient_name": "Sheila Gray", "medicine": "zopiclone", "months": "7"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Dear {pateint_name}", "is no field"),
        ("Dear { patient_name }", "is no field"),
        ("{if opiod}x{end}", "is no field"),
        ("{if opioid}You take {opioid}.", "has no {end}"),
        ("You take it.{end}", "ends nothing"),
        ("{if opioid}a{if plan}b{end}c{end}", "stands inside"),
        ("Dear {patient_name", "no other one"),
        ("Dear patient_name}", "no other one"),
        ("{}", "is no field"),
    ],
)
def test_what_stands_in_braces_and_is_no_field_is_an_error(text, why):
    with pytest.raises(NotALetter, match=why.replace("{", r"\{").replace("}", r"\}")):
        fields_of(text)
    with pytest.raises(NotALetter):
        fill(text, KNOWN)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_may_be_used_and_is_filled(name):
    assert fields_of(f"{{{name}}}") == [name]
    [block] = fill(f"It is {{{name}}}.", {name: "so"})
    assert [tuple(run) for run in block.runs] == [("It is ", PLAIN), ("so", FILLED), (".", PLAIN)]


def test_headings_paragraphs_bold_and_line_breaks():
    blocks = fill("# Your {medicine}\r\n\r\nTake it.\nAs **before**.\n\n\n\nYours", KNOWN)
    assert [(block.kind, block.text) for block in blocks] == [
        (HEADING, "Your zopiclone"),
        (PARAGRAPH, "Take it.\nAs before."),
        (PARAGRAPH, "Yours"),
    ]
    assert ("before", BOLD) in [tuple(run) for run in blocks[1].runs]
    assert from_json(as_json(blocks)) == blocks


def test_a_part_is_printed_only_where_its_field_is_known():
    text = "One.\n\n{if opioid}You also take {opioid}.{end}\n\nTwo."
    assert in_words(fill(text, {})) == "One.\n\nTwo."
    assert in_words(fill(text, {"opioid": "codeine"})) == "One.\n\nYou also take codeine.\n\nTwo."


def test_what_is_filled_in_is_text_alone():
    nasty = "**{date}** # {if opioid}\n\n\0Dee\0"
    [block] = fill("Dear {patient_name}!", {"patient_name": nasty})
    assert block.text == "Dear **{date}** # {if opioid}\nDee!"
    assert [run.style for run in block.runs] == [PLAIN, FILLED, PLAIN]


def test_without_what_a_letter_is_not_made():
    assert needed("{patient_name} {birth_date} {if opioid}{opioid} {duration}{end}") == [
        "patient_name",
        "duration",
    ]
    assert needed("{if medicine}{medicine}{end}") == []

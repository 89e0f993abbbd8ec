"""Rows of the formulary as files: out and in exactly, told before they change, all or nothing."""

import csv
import io
import re
from collections import Counter
from decimal import Decimal
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from drugs.models import DrugClass, FormularyStatus, Ingredient, IngredientClass, Limit, Pair
from reviews import formulary_files
from reviews.errors import BadRecord, NotAllowed
from reviews.formulary_files import (
    CITED,
    DAYS,
    KEYS,
    LISTS,
    NUMBERS,
    VALUES,
    Row,
    columns_of,
    read,
    to_csv,
    to_toml,
)
from reviews.formulary_rows import KINDS
from reviews.models import AuditEvent
from reviews.queries import formulary_file
from reviews.verbs import edit, publish
from tests import make
from tests.web.browse import Browser, heading, words

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n"),
    max_size=30,
).map(str.strip)
marked = st.builds(
    "{}{}".format, st.sampled_from(["=", "+", "-", "@", "'", "'=", "''", "", '"', ";"]), texts
).map(str.strip)
numbers = st.decimals(0, 10**5, places=4).map(lambda value: formulary_files.as_number(f"{value}"))


def told(name):
    """What a column can hold."""
    if name in NUMBERS:
        return st.one_of(st.just(""), numbers)
    if name in LISTS:
        return st.lists(numbers, max_size=4).map("; ".join)
    if name in DAYS:
        return st.sampled_from(["", "2026-01-31", "2026-12-04"])
    return st.one_of(texts, marked)


def row_of(kind):
    said = st.fixed_dictionaries({name: told(name) for name in columns_of(kind)})
    full = said.map(lambda each: {name: text for name, text in each.items() if text})
    return full.filter(bool).map(lambda each: Row(0, kind, each))


rows = st.lists(
    st.sampled_from([*KEYS]).flatmap(row_of),
    min_size=1,
    max_size=6,
    unique_by=lambda row: (row.kind, row.key),
)


def read_again(text):
    found = read(text)
    assert not found.faults
    return [row._replace(line=0) for row in found.rows]


@settings(max_examples=200, deadline=None)
@given(rows)
def test_what_is_written_is_read_exactly(made):
    for write in (to_csv, to_toml):
        assert read_again(write(made)) == made


@settings(max_examples=100, deadline=None)
@given(rows)
def test_a_spreadsheet_that_saves_it_otherwise_changes_nothing(made):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    cells = [*csv.reader(io.StringIO(to_csv(made)))]
    for line in cells:
        named = zip(cells[0], line, strict=True)
        writer.writerow(
            [text.replace(".", ",") if name in NUMBERS | LISTS else text for name, text in named]
        )
    writer.writerow([""] * len(cells[0]))
    assert read_again("\ufeff" + out.getvalue()) == made
    assert read_again("\ufeffsep=;\r\n" + out.getvalue()) == made


@settings(max_examples=100, deadline=None)
@given(rows)
def test_no_cell_is_a_formula(made):
    for line in csv.reader(io.StringIO(to_csv(made))):
        assert not [cell for cell in line if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


HEAD = "kind,drug,profile,context,mg_per_day,source\n"
GOOD = "limit,zopiclone,UK,adult,7.5,SmPC\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "why"),
    [
        ("", 1, "", "lacks the columns kind"),
        ("drug,profile\nx,UK\n", 1, "", "lacks the columns kind"),
        ("kind,moon\nlimit,1\n", 1, "", "columns that no row has: moon"),
        ("kind,drug,drug\nlimit,x,y\n", 1, "", "a column twice: drug"),
        (HEAD + GOOD + "moon,x,UK,adult,5,S\n", 3, "kind", "must be one of fact, limit"),
        (HEAD + GOOD + "status,x,UK,adult,,S\n", 3, "context", "no column of a row of the kind"),
        (HEAD + "limit,x,UK,adult,5,S,more\n" + GOOD, 2, "", "more columns than the header"),
        (HEAD + '"limit,x,UK,adult,5,S\n' + GOOD, 2, "", "a quote is opened and not closed"),
        (HEAD + 'limit,"x"y,UK,adult,5,S\n' + GOOD, 2, "", "stands after a closing quote"),
        (HEAD + "limit,x\0,UK,adult,5,S\n" + GOOD, 2, "drug", "a character that no text has"),
        (HEAD + "limit,a,UK,adult,5,S\n" * 2 + GOOD, 3, "", "stands on the lines 2, 3"),
        ('[[limit]]\ndrug = "x"\nmoon = 1\n', 1, "moon", "no column"),
        ('[[limit]]\ndrug = "x"\n\n[[limit]]\ndrug = {}\n', 4, "drug", "must be a text"),
        ("limit = 3\n", 0, "limit", "no list of tables"),
        ("[[limit\n", 0, "", "is no TOML"),
        pytest.param(
            f"[[limit]]\nmg_per_day = {'9' * 400}\n", 1, "mg_per_day", "a number", id="400 digits"
        ),
        ("[[limit]]\nmg_per_day = nan\n", 1, "mg_per_day", "a number"),
        pytest.param(
            '[[limit]]\ndrug = "a"\n\n[[limit]]\ndrug = \n\n[[limit]]\ndrug = "b"\n',
            4,
            "",
            "is no TOML",
            id="one broken table",
        ),
    ],
)
def test_what_cannot_be_read_is_named_by_line_and_column(text, line, field, why):
    found = read(text)
    assert [(each.line, each.field, why in each.reason) for each in found.faults] == [
        (line, field, True)
    ]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (HEAD + '"limit,x,UK,adult,5,S\n' + GOOD, ["zopiclone"]),
        (HEAD + 'limit,"x"y,UK,adult,5,S\n' + GOOD, ["zopiclone"]),
        (HEAD + "limit,x\0,UK,adult,5,S\n" + GOOD, ["zopiclone"]),
        ('[[limit]]\ndrug = "a"\n\n[[limit]]\ndrug = \n\n[[limit]]\ndrug = "b"\n', ["a", "b"]),
    ],
)
def test_a_broken_row_sinks_no_other(text, rest):
    assert [row.said["drug"] for row in read(text).rows] == rest


def test_a_day_with_dots_is_read_and_one_with_strokes_is_not_guessed(rulebook):
    head = "kind,drug,profile,context,mg_per_day,source,locator,next_review\n"
    dots = read(head + "limit,zopiclone,UK,inpatient,5,S,p,04.12.2026\n").rows[0]
    assert dots.said["next_review"] == "2026-12-04"
    (answer,) = formulary_file.report(
        read(head + "limit,zopiclone,UK,inpatient,5,S,p,4/12/2026\n").rows
    )
    assert answer.refused == (("next_review", "must be a day such as 2026-12-04"),)


def test_every_column_of_the_tables_has_a_column_of_the_file():
    assert KINDS.keys() == KEYS.keys() == VALUES.keys()
    for kind, model in KINDS.items():
        assert set(model.EDITABLE) <= set(VALUES[kind])
        assert set(model.CITATION) == set(CITED)


@pytest.mark.parametrize("write", [to_csv, to_toml])
def test_the_whole_formulary_goes_out_and_in_and_changes_nothing(rulebook, write):
    held = formulary_file.rows_of()
    assert Counter(row.kind for row in held).keys() == KINDS.keys()
    assert len(held) > 500
    found = read(write(held))
    assert not found.faults
    assert [row._replace(line=0) for row in found.rows] == held
    assert not [each for each in formulary_file.report(found.rows) if each.does or each.refused]


# -- A file of changes -----------------------------------------------------------------------------


def diazepam(**changes):
    """The limit of diazepam for an adult as a row of a file, with these changes."""
    return held_as_row(
        Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult"), **changes
    )


def held_as_row(row, **changes):
    written = formulary_file.row_of(row)
    # Who takes a row out of force changes nothing else of it.
    again = {} if "out_of_force" in changes else {"next_review": str(make.day(90))}
    said = {**written.said, **again, **changes}
    return Row(2, written.kind, {name: text for name, text in said.items() if text})


def added(kind="status", **changes):
    said = {
        "drug": "diazepam",
        "profile": "UK",
        "status": "restricted",
        "source": "Local formulary",
        "locator": "p. 3",
        "next_review": str(make.day(90)),
        **changes,
    }
    return Row(3, kind, {name: text for name, text in said.items() if text})


def adding(*given, **changes):
    """The same in what a test is parametrized with."""
    return partial(added, *given, **changes)


def take(rows, by):
    return edit.take_file(rows=rows, digest="d" * 64, by=by)


def refusals(*given):
    return [
        (each.row.line, refusal.field, refusal.reason)
        for each in formulary_file.report(given)
        for refusal in each.refused
    ]


def test_a_file_changes_adds_and_retires_as_by_hand(rulebook, ada):
    gone = IngredientClass.objects.live().filter(level="class").first()
    before = Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")
    done = take(
        [
            diazepam(mg_per_day="25", source="SmPC", locator="4.2"),
            added(),
            held_as_row(gone, out_of_force="no longer a member"),
        ],
        ada,
    )
    assert [each.does for each in done] == ["change", "add", "out of force"]
    limit = Limit.objects.get(pk=before.pk)
    assert (limit.mg_per_day, limit.source, limit.reviewed) == (25, "SmPC", make.day())
    assert not limit.verified
    assert limit.origin == "edited"
    status = FormularyStatus.objects.get(ingredient__key="diazepam", profile="UK")
    assert (status.status, status.verified) == ("restricted", False)
    gone.refresh_from_db()
    assert gone.retired_at is not None
    events = AuditEvent.objects.filter(verb__startswith="formulary.").order_by("pk")
    assert [event.verb for event in events] == [
        "formulary.revised",
        "formulary.added",
        "formulary.retired",
        "formulary.file_taken",
    ]
    assert events[0].detail["before"]["mg_per_day"] == f"{before.mg_per_day.normalize():f}"
    assert events[2].detail["reason"] == "no longer a member"
    assert events[3].detail == {"digest": "d" * 64, "changed": 1, "added": 1, "retired": 1}
    assert "diazepam" in publish.pending_changes()["drugs"]


def test_taking_a_file_twice_changes_once(rulebook, ada):
    gone = Pair.objects.live().first()
    given = [diazepam(mg_per_day="25"), added(), held_as_row(gone, out_of_force="wrong")]
    assert len(take(given, ada)) == 3
    assert take(given, ada) == []
    assert AuditEvent.objects.filter(verb="formulary.file_taken").count() == 1


def test_what_somebody_changed_meanwhile_is_refused_and_nothing_is_taken(rulebook, ada, adam):
    mine = diazepam(mg_per_day="25")
    limit = Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult")
    edit.revise(
        row=limit,
        values={"mg_per_day": Decimal(20)},
        citation=edit.Citation(source="S", locator="p", next_review=make.day(90)),
        seen=limit.changed_at,
        by=adam,
    )
    assert refusals(mine, added()) == [
        (2, "version", "somebody changed this row since the file was written")
    ]
    with pytest.raises(BadRecord, match="line 2: version: somebody changed"):
        take([added(), mine], ada)
    assert not FormularyStatus.objects.filter(ingredient__key="diazepam").exists()
    limit.refresh_from_db()
    edit.retire(row=limit, reason="gone", seen=limit.changed_at, by=adam)
    assert "took this row out of force" in refusals(mine)[0][2]


def test_a_row_that_somebody_added_meanwhile_is_refused(rulebook, ada, adam):
    take([added()], adam)
    assert refusals(added(status="formulary")) == [
        (3, "version", "this row is in the formulary: take it from a file written now")
    ]


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"mg_per_day": "x"}, "mg_per_day", "no number such as 2.5"),
        ({"mg_per_day": ""}, "mg_per_day", "cannot be null"),
        ({"mg_per_day": "0"}, "", "limit_positive"),
        ({"mg_per_day": "1.23456"}, "mg_per_day", "no more than 4 decimal places"),
        ({"mg_per_day": "25", "source": ""}, "source", "is needed"),
        ({"mg_per_day": "25", "locator": ""}, "locator", "is needed"),
        ({"mg_per_day": "25", "next_review": ""}, "next_review", "must be after today"),
        ({"mg_per_day": "25", "next_review": "soon"}, "next_review", "must be a day"),
        ({"mg_per_day": "25", "note": "x" * 501}, "note", "at most 500"),
        ({"mg_per_day": "25", "version": ""}, "version", "is in the formulary"),
        ({"verified": "maybe"}, "verified", "no file signs a row off"),
        ({"reviewed": "2020-01-01"}, "reviewed", "the day on which a row is taken"),
        ({"mg_per_day": "25", "out_of_force": "gone"}, "out_of_force", "not both"),
    ],
)
def test_a_row_that_cannot_be_changed_is_named_by_column(changes, field, why, rulebook, ada):
    given = diazepam(**changes)
    ((line, said, reason),) = refusals(given)
    assert (line, said) == (2, field)
    assert why in reason
    with pytest.raises(BadRecord, match="line 2"):
        take([given], ada)
    assert not AuditEvent.objects.filter(verb__startswith="formulary.").exists()


def _pk():
    return Limit.objects.get(ingredient__key="diazepam", profile="UK", context="adult").pk


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        (adding(drug="moonstone"), "drug", "holds no such drug"),
        (adding(drug=""), "drug", "is missing"),
        (adding(profile="XX"), "profile", "none of the live rule book"),
        (adding(status="maybe"), "status", "not a valid choice"),
        (adding(version="v1"), "version", "must be empty"),
        (adding(verified="yes"), "verified", "no file signs a row off"),
        (adding(out_of_force="gone"), "out_of_force", "no such row in force"),
        (adding("default", **{"class": "moon"}), "class", "no class is added here"),
        (adding("class", **{"class": "moon"}), "class", "holds no such class"),
        (adding("pair", severity="2"), "with_drug", "give a drug or a class"),
        (adding("pair", severity="2", with_drug="moon"), "with_drug", "holds no such drug"),
        (
            adding("pair", severity="9", with_drug="codeine"),
            "severity",
            "must be 1, 2, 3 or 4",
        ),
        (
            adding("strengths", form="moon", per_unit="tablet"),
            "strengths_mg",
            "cannot be blank",
        ),
        (adding("equivalent", table="X", mg="5", mg_high="2"), "", "equivalent_positive"),
    ],
)
def test_a_row_that_cannot_be_added_is_named_by_column(given, field, why, rulebook):
    allowed = {*columns_of(given.kind)}
    given = given._replace(said={n: text for n, text in given.said.items() if n in allowed})
    found = refusals(given)
    assert [each[1] for each in found] == [field]
    assert why in found[0][2]


def test_a_row_comes_back_into_force_by_file(rulebook, ada):
    limit = Limit.objects.get(pk=_pk())
    edit.retire(row=limit, reason="gone", seen=limit.changed_at, by=ada)
    back = diazepam(mg_per_day="15", version="", verified="", reviewed="")
    take([back], ada)
    limit.refresh_from_db()
    assert (limit.retired_at, limit.mg_per_day) == (None, 15)


def test_a_change_of_a_whole_class_needs_its_version_too(rulebook, ada):
    row = DrugClass.objects.get(key="gabapentinoid")
    take([held_as_row(row, severity="1")], ada)
    row.refresh_from_db()
    assert row.severity == 1


@pytest.mark.parametrize("who", ["clara", "ravi", "audrey", "ehr"])
def test_only_a_formulary_admin_takes_a_file(who, rulebook, harbour):
    with pytest.raises(NotAllowed):
        take([added()], make.person(who, harbour))
    assert not FormularyStatus.objects.filter(ingredient__key="diazepam").exists()


def test_more_than_anybody_can_read_is_not_taken_at_once(rulebook, ada, monkeypatch):
    monkeypatch.setattr(edit, "MOST_CHANGES", 1)
    with pytest.raises(BadRecord, match="in parts"):
        take([diazepam(mg_per_day="25"), added()], ada)


def test_drugs_out_of_force_have_no_rows_in_a_file(rulebook, ada):
    Ingredient.objects.filter(key="diazepam").update(retired_at=make.timezone.now())
    assert not [row for row in formulary_file.rows_of() if row.said.get("drug") == "diazepam"]


# -- The page --------------------------------------------------------------------------------------


def test_the_page_shows_the_report_and_takes_the_file_at_the_second_press(rulebook, ada):
    browser = Browser(ada)
    assert heading(browser.get("/formulary-file")) == "The formulary as a file"
    sent = browser.get("/formulary-rows/limit.csv").content
    assert sent.startswith(b"\xef\xbb\xbfkind,drug,profile,context,mg_per_day,source")
    lines = sent.decode("utf-8-sig").split("\n")
    number = next(n for n, line in enumerate(lines) if line.startswith("limit,diazepam,UK,adult,"))
    old = lines[number]
    lines[number] = re.sub(r"^(limit,diazepam,UK,adult,)[\d.]+", r"\g<1>25", old)
    lines[number] = re.sub(
        r"(\d{4}-\d\d-\d\d),\d{4}-\d\d-\d\d", rf"\g<1>,{make.day(90)}", lines[number]
    )
    changed = "\r\n".join(lines)
    page = browser.post("/formulary-file", file=SimpleUploadedFile("x.csv", changed.encode()))
    assert heading(page) == "1 row would be written"
    text = words(page)
    assert f"{number + 1} limit diazepam UK adult change mg_per_day" in text
    assert "1 of it reaches screening" in text
    assert not AuditEvent.objects.filter(verb__startswith="formulary.").exists()
    page = browser.follow("/formulary-file", text=changed, take="1")
    assert "Rows taken: 1. Each awaits sign-off." in words(page)
    assert Limit.objects.get(pk=_pk()).mg_per_day == 25
    # The second of two presses finds nothing left to do.
    again = browser.post("/formulary-file", text=changed, take="1")
    assert heading(again) == "Nothing is taken"
    assert AuditEvent.objects.filter(verb="formulary.file_taken").count() == 1


def test_the_page_names_every_line_that_cannot_be_taken(rulebook, ada):
    text = HEAD + '"limit,x,UK,adult,5,S\n' + "limit,moonstone,UK,adult,5,S\n"
    page = Browser(ada).post("/formulary-file", text=text, take="1")
    assert page.status_code == 422
    assert "2 not read – Is no CSV: a quote is opened and not closed" in words(page)
    assert "3 limit moonstone UK adult drug The formulary holds no such drug" in words(page)


def test_a_file_that_is_no_text_is_refused(rulebook, ada):
    latin = SimpleUploadedFile("x.csv", b"\xff\xfe\x00")
    assert Browser(ada).post("/formulary-file", file=latin).status_code == 400
    assert Browser(ada).get("/formulary-rows/moon.csv").status_code == 404

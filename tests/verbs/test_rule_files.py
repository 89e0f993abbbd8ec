"""Facts as files, out and in; a book exported, proven and taken elsewhere; two books compared."""

import io
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews import governing, rule_files, sealing
from reviews.errors import BadRecord
from reviews.models import RuleChange, RuleVersion
from reviews.queries import rule_books
from reviews.rule_files import Row
from reviews.rules.changing import Fact
from reviews.rules.codes import PROFILES
from reviews.verbs import govern, publish
from tests import make
from tests.verbs.test_govern import change, published
from tests.verbs.test_publish import lower_diazepam
from tests.web.browse import Browser, heading, words

texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=30
).map(str.strip)
values = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(0.001, 1e6).filter(lambda value: value != int(value)),
    st.sampled_from(["SCOT2024", "off", "queue"]),
)
names = st.from_regex(r"[A-Z]{2,4}-[0-9]{2}", fullmatch=True)
rows = st.lists(
    st.builds(
        Row,
        line=st.just(0),
        fact=st.one_of(
            st.builds(Fact, names, st.sampled_from(PROFILES), st.just(""), st.just("over_days")),
            st.builds(Fact, names, st.just(""), st.sampled_from(["harbour", "x-1"]), st.just("f")),
        ),
        value=values,
        source=texts,
        locator=texts,
        reviewed=st.sampled_from(["", "2026-01-31"]),
        next_review=st.sampled_from(["", "2026-12-04"]),
        reason=texts,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row.fact,
)


@settings(max_examples=200, deadline=None)
@given(rows)
def test_what_is_written_is_read_exactly(made):
    for write in (rule_files.to_csv, rule_files.to_toml):
        found = rule_files.read(write(made))
        assert not found.faults
        assert [row._replace(line=0) for row in found.rows] == made


FACT = '[[fact]]\nrule = "A"\nscope = "UK"\nfield = "x"\n'


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("rule,scope\nDUR-01,UK\n", 1, "lacks the columns field, value"),
        ("rule,scope,field,value\nDUR-01,UK,x\n", 2, "not as many columns"),
        ("rule,scope,field,value\nDUR-01,UK,x,1,2\n", 2, "not as many columns"),
        ("rule,scope,field,value\nDUR-01,Moon,x,1\n", 2, "scope Moon is no profile"),
        ("rule,scope,field,value\n,UK,x,1\n", 2, "rule is missing"),
        ("rule,scope,field,value,moon\nDUR-01,UK,x,1,2\n", 1, "no row has: moon"),
        ("rule,scope,field,value,rule\nDUR-01,UK,x,1,2\n", 1, "a column twice: rule"),
        ("field,value,rule,scope\nx,1,A-1\n", 2, "not as many columns"),
        ("rule,scope,field,value\nA-1,UK,x,1\nA-1,UK,x,2\n", 3, "A-1 x stands in 2, 3"),
        ('rule,scope,field,value\n"A-1,UK,x,1\n', 2, "is no CSV"),
        ("[[fact]\n", 0, "is no TOML"),
        ('[[fact]]\nrule = 1\nscope = "UK"\nfield = "x"\n', 1, "rule must be a text"),
        ('[[fact]]\nrule = "A"\nscope = "UK"\nfield = "x"\nvalue = true\n', 1, "value must be"),
        pytest.param(FACT + f"value = {'9' * 400}\n", 1, "value must be", id="400 digits"),
        pytest.param(
            FACT + "value = 1\n" + FACT + f"value = {'9' * 5_000}\n",
            2,
            "value must be",
            id="5,000 digits",
        ),
        ("{}", 0, "is no rule book"),
        ('{"is": "rule book", "book": [], "edits": []}', 0, "is no rule book"),
        ("", 1, "lacks the columns"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text, line, why):
    found = rule_files.read(text)
    assert [(fault.line, why in fault.reason) for fault in found.faults] == [(line, True)]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffrule;scope;field;value;next_review\r\nA-1;UK;x;2,5;4.12.2026\r\n",
        "sep=;\nRule;Scope;Field;Value;Next_review\nA-1;UK;x;2.5;2026-12-04\n;;;;\n",
        "rule\tscope\tfield\tvalue\tnext_review\rA-1\tUK\tx\t2.5\t04.12.2026\r",
        '\nrule,scope,field,value,next_review\n"A-1",UK,x,2.50,2026-12-04\n',
    ],
    ids=["semicolons", "a first line for spreadsheets", "tabs", "an empty line first"],
)
def test_what_a_spreadsheet_makes_of_a_file_is_read(text):
    found = rule_files.read(text)
    assert not found.faults
    [row] = found.rows
    assert (row.value, row.next_review) == (2.5, "2026-12-04")


def test_a_text_is_no_formula_in_a_spreadsheet():
    row = Row(
        0, Fact("A-1", "UK", "", "x"), 14, source="=HYPERLINK(1)", reason="-2 days", locator="'p"
    )
    text = rule_files.to_csv([row])
    assert text.splitlines()[1] == "A-1,UK,x,14,'=HYPERLINK(1),''p,,,'-2 days"
    assert rule_files.read(text).rows == [row._replace(line=2)]


def test_a_broken_line_costs_itself_alone():
    found = rule_files.read(
        'rule,scope,field,value\n"A-1,UK,x,1\nA-2,UK,x,1\n"A"-3,UK,x,1\nA-4,UK,x,1\n'
    )
    assert [row.fact.rule_id for row in found.rows] == ["A-2", "A-4"]
    assert [fault.line for fault in found.faults] == [2, 4]


@pytest.fixture
def draft(rulebook, ada):
    return govern.begin(title="Short courses", by=ada)


@pytest.fixture
def helen(harbour):
    """A third formulary admin."""
    return make.person("helen", harbour, "formulary_admin")


def facts(draft):
    return rule_books.rows_of(draft.base, draft)


@pytest.mark.parametrize("write", [rule_files.to_csv, rule_files.to_toml])
def test_the_facts_of_a_draft_come_back_as_no_change(draft, ada, harbour, write):
    change(draft, ada)
    change(draft, ada, practice=harbour, after=21)
    change(draft, ada, "GAB-01", "shown", "interrupt", profile="US")
    text = write(facts(draft))
    found = rule_files.read(text)
    assert not found.faults
    answers = governing.report(draft, found.rows)
    assert not [each for each in answers if each.refused or each.changes]
    assert len(answers) > 500
    # The same file into another draft makes the same book.
    other = govern.begin(title="Again", by=ada)
    make.taken(other, found.rows, ada)
    books = []
    for each in (draft, other):
        version = publish.freeze(draft=each, note="", by=ada)
        books.append(version.digest)
        publish.discard(version=version, by=ada)
    assert books[0] == books[1]


def test_a_file_is_reported_before_it_changes_anything_and_taken_whole_or_not(draft, ada):
    lines = [
        "rule,scope,field,value,source,locator,reviewed,next_review,reason",
        f"DUR-01,UK,s2_over_days,14,Policy,4.2,,{make.day(90)},Earlier",
        "DUR-02,UK,s2_over_days,28,,,,,",
        f"OPI-01,UK,shown,off,Policy,4.2,,{make.day(90)},Quiet",
        "DUR-03,UK,s2_over_days,21,,,,,",
        "DUR-03,UK,s3_over_days,10,Policy,4.2,,4 Dec,Earlier",
        f"DUR-01,local:moon,s2_over_days,14,Policy,4.2,,{make.day(90)},Earlier",
    ]
    found = rule_files.read("\n".join(lines))
    answers = governing.report(draft, found.rows)
    assert [each.changes for each in answers] == [True, False, False, False, False, False]
    refused = {each.row.line: each.refused for each in answers if each.refused}
    assert refused.keys() == {4, 5, 6, 7}
    assert "safety floor" in refused[4]
    assert refused[5].startswith("source: is needed")
    assert refused[6].startswith("next_review: must be a day")
    assert refused[7] == "there is no practice moon here"
    with pytest.raises(BadRecord, match="line 4"):
        make.taken(draft, found.rows, ada)
    assert not RuleChange.objects.exists()
    (made,) = make.taken(draft, found.rows[:2], ada)
    assert (made.before, made.after, made.reason) == (28, 14, "Earlier")


def test_the_page_shows_the_report_and_takes_the_file_at_the_second_press(draft, ada):
    browser, address = Browser(ada), f"/rule-drafts/{draft.pk}/file"
    assert heading(browser.get(address)) == "Take a file into the draft"
    text = browser.get(f"/rule-drafts/{draft.pk}/facts.csv").content.decode()
    row = f"DUR-01,UK,s2_over_days,14,Policy,4.2,,{make.day(90)},Earlier\n"
    changed = text.replace("DUR-01,UK,s2_over_days,28,,,,,\n", row)
    assert changed != text
    sent = SimpleUploadedFile("facts.csv", changed.encode())
    page = browser.post(address, file=sent)
    assert heading(page) == "1 edit would go into the draft"
    assert not RuleChange.objects.exists()
    seen = page.context["seen"]
    assert f'name="seen" value="{seen}"' in page.content.decode()
    page = browser.follow(address, text=changed, seen=seen, take="1")
    assert heading(page) == "Short courses: 1 edit"
    bad = browser.post(address, text=changed.replace("S2", "x").replace(",14,", ",999,"), take="1")
    assert bad.status_code == 422
    assert "Must be from 7 to 120" in words(bad).replace("Value: must", "Must")
    assert text.startswith("\ufeff"), "a spreadsheet reads it as UTF-8"
    for sent, why in ((b"\xff\xfe\x00", "not written in UTF-8"), (b"PK\x03\x04", "a workbook")):
        refused = browser.post(address, file=SimpleUploadedFile("x.csv", sent))
        assert refused.status_code == 400
        assert why in words(refused)


def test_a_file_writes_over_no_edit_that_was_made_since_its_report(draft, ada, helen):
    row = f"DUR-01,UK,s2_over_days,14,Policy,4.2,,{make.day(90)},Earlier\n"
    text = "rule,scope,field,value,source,locator,reviewed,next_review,reason\n" + row
    browser, address = Browser(ada), f"/rule-drafts/{draft.pk}/file"
    seen = browser.post(address, text=text).context["seen"]
    theirs = change(draft, helen, after=21)
    page = browser.post(address, text=text, seen=seen, take="1")
    assert page.status_code == 409
    assert "Somebody changed the draft since" in words(page)
    assert "21 days 14 days" in words(page), "the report as it is now"
    assert [each.pk for each in governing.in_draft(draft)] == [theirs.pk]
    browser.follow(address, text=text, seen=page.context["seen"], take="1")
    assert [each.after for each in governing.in_draft(draft)] == [14]
    # A second press does nothing again.
    again = browser.post(address, text=text, seen=page.context["seen"], take="1")
    assert again.status_code == 409
    assert RuleChange.objects.count() == 2


# -- A book at another site ------------------------------------------------------------------------


def exported(version):
    return json.loads(json.dumps(rule_books.exported(version)))


def taken(data, draft, by):
    text = json.dumps(data)
    found = rule_files.read(text)
    rows = rule_books.taken_here(found.book, found.rows, make.day())
    return make.taken(draft, rows, by)


def test_an_exported_book_makes_the_same_book_where_its_base_is(draft, ada, adam, harbour):
    change(draft, ada)
    change(draft, ada, practice=harbour, after=21)
    change(draft, ada, "DUR-06", "shown", "off")
    version = published(draft, by=ada, second=adam)
    data = exported(version)
    back = publish.roll_back(to=RuleVersion.objects.get(number=1), reason="Try", by=ada)
    publish.publish(version=back, agreement="Yes", by=adam)
    anew = govern.begin(title="From elsewhere", by=ada)
    assert len(taken(data, anew, ada)) == 3
    again = publish.freeze(draft=anew, note="", by=ada)
    assert again.digest == version.digest
    assert rule_books.not_taken(data, version.book) == []


def test_an_export_says_what_proves_it_and_a_change_of_it_is_seen(draft, ada, adam):
    change(draft, ada)
    version = published(draft, by=ada, second=adam)
    assert exported(version)["seal"] is None
    sealing.seal_all()
    data = exported(version)
    found = rule_books.proven(data)
    assert found == (True, True, sealing.fingerprint(sealing.public_key()))
    for where, part in (("book", "rules"), ("seal", "text"), ("seal", "path"), ("seal", "head")):
        broken = json.loads(json.dumps(data))
        broken[where][part] = {"x": 1} if part == "rules" else "x"
        told = rule_books.proven(broken)
        assert not (told.digest_holds and told.seal_holds)


def test_what_is_not_here_is_told_and_left_out(draft, ada, adam, harbour):
    change(draft, ada, practice=harbour)
    lower_diazepam(ada)
    version = published(draft, by=ada, second=adam)
    data = exported(version)
    data["book"]["local"]["moon"] = {"name": "Moon", "rules": {"DUR-01": {"s2_over_days": 14}}}
    data["book"]["rules"]["OLD-99"] = {"UK": {"over_days": 3}}
    base = RuleVersion.objects.get(number=1).book
    assert rule_books.not_taken(data, base) == [
        ("Drug facts", 1),
        ("Facts that this software does not have", 1),
        ("Policy of practices or groups that are not here", 1),
    ]
    back = publish.roll_back(to=RuleVersion.objects.get(number=1), reason="Try", by=ada)
    publish.publish(version=back, agreement="Yes", by=adam)
    anew = govern.begin(title="From elsewhere", by=ada)
    (made,) = taken(data, anew, ada)
    assert made.practice == harbour


@pytest.mark.parametrize(
    ("section", "rule_id", "field", "value"),
    [
        ("grading", "DUR-06", "shown", ["x"]),
        ("grading", "DUR-06", "shown", {"x": 1}),
        pytest.param("rules", "DUR-01", "s2_over_days", 10**399, id="400 digits"),
    ],
)
def test_a_book_with_what_is_no_value_is_refused(draft, ada, section, rule_id, field, value):
    data = exported(draft.base)
    by_profile = data["book"].setdefault(section, {}).setdefault(rule_id, {})
    by_profile.setdefault("UK", {})[field] = value
    text = json.dumps(data)
    found = rule_files.read(text)
    assert [fault.reason for fault in found.faults] == [
        f"{rule_id} {field} (UK): value must be a number or a text"
    ]
    page = Browser(ada).post(f"/rule-drafts/{draft.pk}/file", text=text, take="1")
    assert page.status_code == 200
    assert f"{rule_id} {field}" in words(page)
    assert not RuleChange.objects.exists()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["\ud800", "\0", "9" * 5000, "2026-13-01", "x" * 5000]),
    st.sampled_from([10**25, -(10**400), 2**64, 1e308, float("inf"), float("nan")]),
    st.sampled_from([[], {}, [[]], [{}], [None], {"": {}}, {"x": 1}, {"UK": {"shown": [1]}}]),
    st.integers(1, 400).map(lambda deep: json.loads("[" * deep + "]" * deep)),
    st.integers(1, 400).map(lambda deep: json.loads('{"x":' * deep + "1" + "}" * deep)),
)


@pytest.fixture
def an_export(draft, ada, adam, harbour):
    """A sealed book as a file, of which each table is cut short; and a draft to take it into."""
    change(draft, ada)
    change(draft, ada, practice=harbour, after=21)
    version = published(draft, by=ada, second=adam)
    sealing.seal_all()
    data = exported(version)
    data["book"]["without_a_rule"] = {"dmd": [810004004]}
    for name in ("drugs", "products", "atc", "names", "citations"):
        data["book"][name] = dict(list(data["book"][name].items())[:2])
    return data, govern.begin(title="From elsewhere", by=ada)


def places(content, path=()):
    """Where anything stands in JSON."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for name, value in inner:
        yield (*path, name)
        if isinstance(value, dict | list):
            yield from places(value, (*path, name))


def put_at(content, path, value):
    where = content
    for step in path[:-1]:
        where = where[step]
    where[path[-1]] = value


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.randoms(use_true_random=False), odd=ODD, part=st.sampled_from(["", "seal", "edits"]))
def test_a_malformed_export_is_told_or_read_and_never_fails(an_export, at, odd, part):
    data, draft = an_export
    broken = json.loads(json.dumps(data))
    within = [path for path in places(broken) if not part or path[0] == part]
    put_at(broken, at.choice(within), odd)
    found = rule_files.read(json.dumps(broken))
    assert found.book or found.faults
    assert all(fault.reason for fault in found.faults)
    rows = rule_books.taken_here(found.book, found.rows, make.day()) if found.book else found.rows
    for each in governing.report(draft, rows):
        assert not (each.changes and each.refused)
    if found.book:
        rule_books.proven(found.book)
        rule_books.not_taken(found.book, draft.base.book)
    assert not RuleChange.objects.filter(draft=draft).exists()


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        (("book",), "x"),
        (("book",), {}),
        (("book", "rules"), []),
        (("book", "rules", "DUR-01"), 7),
        (("book", "local"), {"harbour": {"rules": 7}}),
        (("book", "drugs"), {"diazepam": 7}),
        (("book", "without_a_rule"), {"dmd": [{}]}),
        (("book", "citations"), {"DUR-01": "\ud800"}),
        (("number",), "\0"),
        (("edits",), 7),
        (("is",), "something"),
    ],
)
def test_the_page_says_that_an_export_is_none(an_export, ada, path, odd):
    data, draft = an_export
    put_at(data, path, odd)
    page = Browser(ada).post(f"/rule-drafts/{draft.pk}/file", text=json.dumps(data), take="1")
    assert page.status_code == 200
    assert "rule book" in words(page)
    assert rule_files.read(json.dumps(data)).faults
    assert not RuleChange.objects.filter(draft=draft).exists()


# -- Two books -------------------------------------------------------------------------------------


def test_two_books_are_compared_fact_by_fact_with_sources(draft, ada, adam, harbour, tmp_path):
    change(draft, ada)
    change(draft, ada, practice=harbour, after=21)
    change(draft, ada, "DUR-06", "shown", "off")
    lower_diazepam(ada)
    published(draft, by=ada, second=adam)
    text = Browser(ada).read("/rule-books/2/against/1")
    assert re.search(r"\d facts differ between rule book 1 and 2", text)
    assert "S2 above, UK 28 days 14 days Harbour prescribing policy 2026, section 4.2" in text
    assert (
        "S2 above, local policy of Harbour Street Surgery as its group or profile says 21 days"
        in text
    )
    assert "Shown as, UK as the rule says Off" in text
    assert "max mg per day · UK · adult" in text
    back = Browser(ada).read("/rule-books/1/against/2")
    assert "S2 above, UK 14 days 28 days as the software proposes" in back
    assert "say the same" in Browser(ada).read("/rule-books/1/against/1")
    led = Browser(ada).get("/rule-books/compare", number="2", other="1")
    assert led.headers["Location"] == "/rule-books/2/against/1"
    assert Browser(ada).get("/rule-books/compare", number="x").status_code == 404
    out = io.StringIO()
    call_command("rulebook", "diff", "1", "2", stdout=out)
    assert "DUR-01   S2 above, UK: 28 days -> 14 days" in out.getvalue()
    assert "Ada Lindqvist" in out.getvalue()
    assert "facts differ between 1 and 2." in out.getvalue()
    file = tmp_path / "book.json"
    call_command("rulebook", "export", "2", str(file), stdout=out)
    assert json.loads(file.read_text())["digest"] == RuleVersion.objects.get(number=2).digest
    for wrong in (["export", "2", str(file)], ["diff", "1", "9"]):
        with pytest.raises(CommandError):
            call_command("rulebook", *wrong)


def test_products_without_a_rule_are_compared_and_not_taken(rulebook):
    book = {**rulebook.book, "without_a_rule": {"dmd": [1, 2, 3]}}
    found = rule_books.compared(rulebook, RuleVersion(number=2, book=book))
    assert [title for title, _ in found.formulary] == ["Products without a rule"]
    assert found.total == 1
    assert rule_books.not_taken({"book": book}, rulebook.book) == [("Products without a rule", 3)]

"""Loading adds, changes and retires; it never overwrites an admin's edit and never does half."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from drugs import files, loading, models
from drugs.facts import formulary
from tests.drugs.conftest import TODAY

CITED = {
    "source": "UK SmPC, diazepam tablets (Accord, 2026)",
    "locator": "section 4.2",
    "reviewed": TODAY,
    "next_review": date(2027, 11, 22),
}


@pytest.fixture(autouse=True)
def _loaded(rulebook):
    """Every test starts from the formulary as it ships."""


def load(folder):
    return loading.load(files.read(folder, today=TODAY))


def change(folder, file, old, new):
    path = folder / file
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


def limit(drug="diazepam", profile="UK", context="adult"):
    return models.Limit.objects.get(ingredient__key=drug, profile=profile, context=context)


def test_a_second_load_changes_nothing(folder):
    before = formulary()
    report = load(folder)
    assert report.changes == 0
    assert report.kept == []
    assert formulary() == before


def test_a_second_load_takes_a_few_statements(folder, django_assert_max_num_queries):
    reading = files.read(folder, today=TODAY)
    with django_assert_max_num_queries(45):
        loading.load(reading)


def test_a_new_row_is_added_and_an_altered_one_changed(folder):
    change(folder, "benzodiazepines.toml", "mg_per_day = 40", "mg_per_day = 30")
    change(
        folder,
        "brands.toml",
        "name = [\n",
        'name = [\n    { name = "Anxinowhere", kind = "brand", ingredients = ["diazepam"],'
        ' cite = "brand-general" },\n',
    )
    report = load(folder)
    assert (report.added.total(), report.changed.total(), report.retired.total()) == (1, 1, 0)
    assert formulary()["names"]["anxinowhere"] == {"drugs": ["diazepam"]}


def test_a_changed_product_keeps_one_set_of_parts(folder):
    change(
        folder, "products.toml", '[["triazolam", 0.25, "tablet"]]', '[["triazolam", 0.5, "tablet"]]'
    )
    report = load(folder)
    assert report.changed["codes"] == 1
    product = formulary()["products"]["rxnorm:198318"]
    assert product["parts"] in ([["triazolam", 0.5, "tablet"]], [["triazolam", 0.25, "tablet"]])
    assert models.CodePart.objects.filter(code__code="198318").count() == 1


def test_a_row_gone_from_the_files_is_retired_and_comes_back(folder):
    row = '    { code = "199275", name = "lorazepam 2.5 MG Oral Tablet"'
    change(folder, "products.toml", row, row.replace("199275", "000000"))
    report = load(folder)
    assert (report.added.total(), report.retired.total()) == (1, 1)
    gone = models.Code.objects.get(system="rxnorm", code="199275")
    assert gone.retired_at is not None
    assert "rxnorm:199275" not in formulary()["products"]
    again = loading.load(files.read(today=TODAY))
    assert (again.changed.total(), again.retired.total()) == (1, 1)
    assert "rxnorm:199275" in formulary()["products"]


def test_an_edited_row_is_kept_and_reported_when_the_files_differ(folder):
    limit().revise(**CITED, mg_per_day=25)
    report = load(folder)
    assert report.changes == 0
    assert report.kept == ["limits: diazepam UK adult"]
    assert limit().mg_per_day == 25
    assert formulary()["drugs"]["diazepam"]["max_mg_per_day"]["UK"]["adult"] == 25


def test_a_row_an_admin_added_or_retired_is_left_alone(folder):
    diazepam = models.Ingredient.objects.get(key="diazepam")
    models.FormularyStatus.add(**CITED, ingredient=diazepam, profile="UK", status="restricted")
    row = limit(context="insomnia")
    row.retire(at=row.changed_at)
    report = load(folder)
    assert report.changes == 0
    assert diazepam.statuses.live().get().status == "restricted"
    assert "insomnia" not in formulary()["drugs"]["diazepam"]["max_mg_per_day"]["UK"]


def test_a_fault_stops_the_load_before_anything_is_written(folder):
    change(folder, "benzodiazepines.toml", "mg_per_day = 40", "mg_per_day = 35")
    change(folder, "status.toml", 'ingredient = "bromazepam"', 'ingredient = "bromazepan"')
    errors = StringIO()
    with pytest.raises(CommandError, match="1 fault"):
        call_command("load_formulary", data=folder, stderr=errors, verbosity=0)
    assert errors.getvalue() == (
        "status.toml status 1 (bromazepan): unknown ingredient 'bromazepan'\n"
    )
    assert limit(profile="US").mg_per_day == 40


def test_faulty_rows_are_refused_by_the_loader_itself(folder):
    change(folder, "status.toml", 'ingredient = "bromazepam"', 'ingredient = "bromazepan"')
    with pytest.raises(ValueError, match="1 faults"):
        load(folder)


@pytest.fixture
def when_it_shipped(monkeypatch):
    """The day on which nothing that ships is overdue."""
    monkeypatch.setattr(timezone, "localdate", lambda: TODAY)


def test_check_reads_and_writes_nothing(folder, when_it_shipped):
    change(folder, "benzodiazepines.toml", "mg_per_day = 40", "mg_per_day = 35")
    out = StringIO()
    call_command("load_formulary", data=folder, check=True, stdout=out)
    assert "no fault" in out.getvalue()
    assert limit(profile="US").mg_per_day == 40


def test_overdue_knowledge_fails_the_check_but_is_loaded_and_named(folder, when_it_shipped):
    own = 'mg_per_day = 40, cite = "diazepam-us"'
    change(
        folder,
        "benzodiazepines.toml",
        own,
        f"{own}, reviewed = 2020-01-01, next_review = 2020-12-01",
    )
    with pytest.raises(CommandError, match="1 fault"):
        call_command("load_formulary", data=folder, check=True, stderr=StringIO())
    errors = StringIO()
    call_command("load_formulary", data=folder, stderr=errors, verbosity=0)
    assert "(diazepam) limits 1: review overdue since 2020-12-01" in errors.getvalue()
    assert list(models.Limit.objects.overdue(TODAY)) == [limit(profile="US")]


def test_the_command_says_what_it_did(folder):
    limit().revise(**CITED, mg_per_day=25)
    out = StringIO()
    call_command("load_formulary", data=folder, stdout=out)
    assert "rows: 0 added, 0 changed, 0 retired." in out.getvalue()
    assert "  limits: diazepam UK adult" in out.getvalue()

"""What the database refuses, and what it remembers."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from drugs import models
from tests import database
from tests.drugs.conftest import TODAY

CITED = {
    "source": "UK SmPC, diazepam tablets",
    "locator": "section 4.2",
    "reviewed": TODAY,
    "next_review": date(2027, 11, 22),
}


@pytest.fixture
def diazepam(rulebook):
    return models.Ingredient.objects.get(key="diazepam")


@pytest.fixture
def row(diazepam):
    return diazepam.limits.get(profile="UK", context="adult")


@pytest.mark.parametrize("model", models.SOURCED, ids=lambda model: model.__name__)
@pytest.mark.parametrize("field", ["source", "locator"])
def test_no_row_of_any_table_can_lose_its_citation(rulebook, model, field):
    with pytest.raises(IntegrityError, match="has_a_citation"), transaction.atomic():
        model.objects.update(**{field: ""})


@pytest.mark.parametrize("model", models.SOURCED, ids=lambda model: model.__name__)
@pytest.mark.parametrize("days", [0, 367])
def test_the_next_review_of_any_row_is_within_a_year(rulebook, model, days):
    with pytest.raises(IntegrityError, match="reviewed_within_a_year"), transaction.atomic():
        model.objects.update(reviewed=TODAY, next_review=TODAY + timedelta(days=days))


@pytest.mark.parametrize("model", models.SOURCED, ids=lambda model: model.__name__)
def test_rows_are_retired_and_never_deleted(rulebook, model):
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        model.objects.all()._raw_delete("default")


def test_sign_off_names_somebody(row):
    with pytest.raises(IntegrityError, match="signed_off_by_somebody"), transaction.atomic():
        models.Limit.objects.filter(pk=row.pk).update(verified_at=timezone.now())


BROKEN = [
    (models.Limit, {"mg_per_day": 0}, "limit_positive"),
    (models.Limit, {"profile": "xx"}, "limit_profile_known"),
    (models.Equivalent, {"mg": -1}, "equivalent_positive"),
    (models.Equivalent, {"mg": 5, "mg_high": 4}, "equivalent_positive"),
    (models.DrugFact, {"value": ""}, "fact_says_something"),
    (models.DrugFact, {"profile": "xx"}, "fact_profile_known"),
    (models.DrugClass, {"severity": 5}, "drugclass_severity"),
    (models.IngredientClass, {"severity": 0}, "membership_severity"),
    (models.IngredientClass, {"level": "some"}, "membership_level_known"),
    (models.Pair, {"severity": 5}, "pair_severity"),
    (models.Pair, {"with_ingredient": None, "with_class": None}, "pair_has_two_sides"),
    (models.Presentation, {"strengths_mg": []}, "presentation_has_strengths"),
    (models.FormularyStatus, {"profile": "xx"}, "status_profile_known"),
    (models.Code, {"name": ""}, "code_says_something"),
    (models.CodePart, {"strength_mg": 0}, "code_part_positive"),
]


@pytest.mark.parametrize(
    ("model", "values", "constraint"),
    BROKEN,
    ids=[f"{model.__name__} {values}" for model, values, _ in BROKEN],
)
def test_impossible_values_are_refused(rulebook, model, values, constraint):
    first = model.objects.order_by("pk").first()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.filter(pk=first.pk).update(**values)


def test_a_band_is_one_of_four_words(diazepam):
    with pytest.raises(IntegrityError, match="fact_says_something"), transaction.atomic():
        diazepam.facts.filter(kind="band").update(value="very long")


def test_codes_and_names_are_unique_whatever_their_case(rulebook):
    code = models.Code.objects.get(system="rxnorm", code="197591")
    with pytest.raises(IntegrityError, match="code_once"), transaction.atomic():
        models.Code.objects.filter(system="rxnorm", code="197590").update(code=code.code)
    with pytest.raises(IntegrityError, match="name_once"), transaction.atomic():
        models.Name.objects.filter(text="Ativan").update(text="VALIUM")


def test_an_edit_gives_its_source_anew_and_leaves_a_trace(row):
    row.revise(**CITED, mg_per_day=25, note="Agreed locally.")
    row.refresh_from_db()
    assert (row.mg_per_day, row.origin, row.verified) == (25, "edited", False)
    versions = list(row.events.order_by("pgh_id").values_list("pgh_label", "mg_per_day"))
    assert versions[-1] == ("update", 25)
    assert versions[0] == ("insert", 30)


@pytest.mark.parametrize("model", models.SOURCED, ids=lambda model: model.__name__)
def test_every_kind_of_row_can_be_revised_signed_off_and_retired(rulebook, ada, model):
    row = model.objects.order_by("pk").first()
    before = {name: getattr(row, name) for name in model.EDITABLE}
    row.revise(**CITED, **before)
    assert (row.origin, row.source) == ("edited", CITED["source"])
    row.sign_off(by=ada, at=timezone.now())
    row.retire(at=timezone.now())
    assert not model.objects.live().filter(pk=row.pk).exists()
    assert row.events.count() >= 4


def test_history_is_added_to_and_never_edited(row):
    row.revise(**CITED, mg_per_day=25)
    with (
        database.as_owner(),
        pytest.raises(DatabaseError, match="Cannot update or delete"),
        transaction.atomic(),
    ):
        row.events.update(mg_per_day=1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": ""}, "source"),
        ({"locator": ""}, "locator"),
        ({"mg_per_day": None}, "mg_per_day"),
        ({"profile": "US"}, "profile"),
        ({"next_review": TODAY + timedelta(days=400)}, "__all__"),
        ({"mg_per_day": -1}, "__all__"),
    ],
)
def test_an_edit_that_cannot_stand_says_which_field(row, change, field):
    with pytest.raises(ValidationError) as refused:
        row.revise(**{**CITED, "mg_per_day": 25, **change})
    assert field in refused.value.message_dict
    row.refresh_from_db()
    assert (row.mg_per_day, row.origin) == (30, "file")


def test_an_edit_has_no_default_for_the_source(row):
    with pytest.raises(TypeError, match="source"):
        row.revise(mg_per_day=25)


def test_sign_off_is_by_name_and_an_edit_undoes_it(row, ada):
    row.sign_off(by=ada, at=timezone.now())
    assert (row.verified, row.verified_by) == (True, ada)
    row.revise(**CITED, mg_per_day=25)
    assert (row.verified, row.verified_by, row.verified_at) == (False, None, None)


def test_a_new_row_of_an_admin_is_validated_too(diazepam):
    with pytest.raises(ValidationError, match="status"):
        models.FormularyStatus.add(**CITED, ingredient=diazepam, profile="UK", status="maybe")
    made = models.FormularyStatus.add(
        **CITED, ingredient=diazepam, profile="UK", status="restricted", reason="14 days at first"
    )
    assert made.origin == "edited"


def test_unverified_rows_are_listed(rulebook):
    unverified = models.Limit.objects.unverified()
    assert {row.ingredient.key for row in unverified} >= {"bromazepam", "alprazolam"}
    assert not unverified.filter(ingredient__key="diazepam").exists()

"""The formulary as it goes into a rule book."""

import json

import pytest

from drugs import models
from drugs.facts import formulary
from tests.drugs.conftest import TODAY


@pytest.fixture
def facts(rulebook):
    return formulary()


def test_the_same_facts_give_the_same_json(facts):
    assert json.dumps(facts) == json.dumps(formulary())


def test_it_takes_a_fixed_number_of_queries(rulebook, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        formulary()


def test_a_benzodiazepine_carries_its_facts(facts):
    diazepam = facts["drugs"]["diazepam"]
    assert diazepam["classes"] == ["benzodiazepine"]
    assert (diazepam["band"], diazepam["metabolism"]) == ("long", "CYP2C19 + CYP3A4")
    assert (diazepam["atc"], diazepam["rxcui"]) == (["N05BA01"], ["3322"])
    assert diazepam["max_mg_per_day"]["UK"]["spasticity_neurological"] == 60.0
    assert diazepam["elder_max_mg_per_day"] == {"US": 5.0}
    assert diazepam["equivalents"]["ASAM_BAND"] == [10.0, 10.0]
    assert diazepam["strengths"]["US"]["tablet"] == [2.0, 5.0, 10.0]


def test_a_range_of_equivalents_keeps_both_ends(facts):
    assert facts["drugs"]["loprazolam"]["equivalents"]["SCOT2024"] == [1.0, 2.0]


def test_a_severity_is_given_only_where_it_is_not_the_default_of_the_class(facts):
    drugs = facts["drugs"]
    assert drugs["morphine"]["severities"] == {}
    assert drugs["dextromethorphan"]["severities"] == {"opioid": 3}
    assert drugs["melatonin"]["severities"] == {"other-hypnotic": 3}
    assert drugs["idelalisib"]["severities"] == {"cyp3a4-strong": 2}
    assert drugs["ketoconazole"]["severities"] == {}


def test_unverified_facts_are_named_by_their_place(facts):
    assert "max_mg_per_day.UK.adult" in facts["drugs"]["alprazolam"]["unverified"]
    assert "equivalents.BNF" in facts["drugs"]["diazepam"]["unverified"]
    assert "max_mg_per_day.UK.adult" not in facts["drugs"]["diazepam"]["unverified"]


def test_a_code_that_means_substitution_stands_with_that_mark(facts):
    assert facts["atc"]["N07BC02"] == {"drugs": ["methadone"], "substitution": True}
    assert facts["drugs"]["methadone"]["atc"] == []


def test_a_retired_drug_leaves_with_its_products_and_names(rulebook):
    quazepam = models.Ingredient.objects.get(key="quazepam")
    quazepam.retire(at=quazepam.changed_at)
    facts = formulary()
    assert "quazepam" not in facts["drugs"]
    assert "rxnorm:198183" not in facts["products"]
    assert "doral" not in facts["names"]


def test_a_retired_class_takes_its_memberships_out(rulebook):
    group = models.DrugClass.objects.get(key="substance")
    group.retire(at=group.changed_at)
    assert formulary()["drugs"]["clonidine"]["classes"] == []


def test_sign_off_takes_a_fact_off_the_list(rulebook, ada):
    row = models.Limit.objects.get(ingredient__key="alprazolam", profile="UK", context="adult")
    row.sign_off(by=ada, at=row.changed_at)
    assert row.next_review > TODAY
    unverified = formulary()["drugs"]["alprazolam"]["unverified"]
    assert "max_mg_per_day.UK.adult" not in unverified
    assert "elder_max_mg_per_day.EU" in unverified

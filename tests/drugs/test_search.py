"""What the picker and the formulary page find."""

import pytest

from drugs import models
from drugs.detail import detail
from drugs.search import find_drugs, nearly, search
from tests.drugs.conftest import TODAY

pytestmark = pytest.mark.usefixtures("rulebook")


def texts(query, profile="UK", limit=20):
    return [match.text for match in search(query, limit, profile)]


FIRST = [
    # typed, profile, what stands first
    ("diaz 5", "UK", "diazepam 5 mg tablet"),
    ("zopi", "UK", "zopiclone 3.75 mg tablet"),
    ("Zimovane 7.5", "UK", "zopiclone 7.5 mg tablet"),
    ("lorazepam 2.5", "UK", "lorazepam 2.5 mg tablet"),
    ("valium", "US", "diazepam 2 MG Oral Tablet [Valium]"),
    ("197591", "US", "diazepam 5 MG Oral Tablet"),
    ("N05BA01", "UK", "diazepam"),
    ("limbitrol", "US", "Limbitrol"),
    ("tylenol codeine 30", "US", "acetaminophen 300 MG / codeine phosphate 30 MG Oral Tablet"),
    ("amlodipine", "UK", "amlodipine"),
    ("diazpam", "UK", "diazepam 2 mg tablet"),
    ("zopiklone", "UK", "zopiclone 3.75 mg tablet"),
]


@pytest.mark.parametrize(("typed", "profile", "first"), FIRST)
def test_the_best_match_stands_first(typed, profile, first):
    assert texts(typed, profile)[0].startswith(first)


STRENGTHS = [
    # However a strength is written, it is the same one.
    ("lorazepam 500 microgram", "UK", "lorazepam 0.5 mg tablet"),
    ("lorazepam 500mcg", "UK", "lorazepam 0.5 mg tablet"),
    ("lorazepam 0.5mg", "UK", "lorazepam 0.5 mg tablet"),
    ("lorazepam .5", "UK", "lorazepam 0.5 mg tablet"),
    ("zopiclone 7,5", "EU", "zopiclone 7.5 mg tablet"),
    ("zopiclone 3,75 mg", "EU", "zopiclone 3.75 mg tablet"),
    ("diazepam 2mg/5ml", "UK", "diazepam 0.4 mg/ml oral liquid"),
    ("diazepam 2 mg in 5 ml", "UK", "diazepam 0.4 mg/ml oral liquid"),
    ("co-codamol 30/500", "UK", "co-codamol 30/500"),
    ("codeine 30/500", "UK", "co-codamol 30/500"),
    ("500 microgram", "UK", "alprazolam 0.5 mg tablet"),
    # Strengths of a combination by themselves, and micrograms without their unit.
    ("30/500", "UK", "co-codamol 30/500"),
    ("fentanyl 25", "UK", "fentanyl 0.025 mg/hour patch"),
    ("lorazepam 500 mg", "UK", "lorazepam"),
    # The ingredient stands before every combination that holds it.
    ("paracetamol 500", "UK", "paracetamol 500 mg capsule"),
    ("paracetamol 500 tab", "UK", "paracetamol 500 mg tablet"),
    ("paracetamol 500 mg", "US", "paracetamol"),
    ("paracetamol", "US", "paracetamol"),
    ("ibuprofen 400", "UK", "ibuprofen 400 mg tablet"),
    ("amitriptyline 10", "UK", "amitriptyline"),
    ("codeine", "UK", "codeine 15 mg tablet"),
    # Products of the practice's country, and of what is held where none are.
    ("morphine 10", "UK", "morphine 10 mg capsule"),
    ("morphine 10", "US", "morphine sulfate 10 MG Extended Release Oral Capsule"),
    ("diazepam 5", "EU", "diazepam 5 mg tablet"),
    ("tramadol 50", "EU", "tramadol 50 mg capsule"),
]


@pytest.mark.parametrize(("typed", "profile", "first"), STRENGTHS)
def test_a_strength_finds_what_it_means(typed, profile, first):
    assert texts(typed, profile)[0].lower() == first.lower()


@pytest.mark.parametrize("profile", ["UK", "EU"])
@pytest.mark.parametrize("typed", ["diazepam", "morphine", "codeine 30", "zolpidem 10"])
def test_no_product_of_another_country_stands_before_a_generic_one(typed, profile):
    matches = search(typed, 200, profile)
    systems = [[code["system"] for code in match.codings] for match in matches]
    american = ["rxnorm" in each for each in systems]
    single = [len(match.ingredients) == 1 for match in matches]
    assert american[: american.index(True)] == [False] * american.index(True)
    assert not american[0]
    assert single == sorted(single, reverse=True)


EXACT = [
    ("diazepam 2 mg tablet", "UK", "diazepam 2 mg tablet"),
    ("diazepam 2mg tab", "UK", "diazepam 2 mg tablet"),
    ("lorazepam 500 microgram tablet", "UK", "lorazepam 0.5 mg tablet"),
    ("197591", "US", "diazepam 5 MG Oral Tablet"),
    ("diazepam", "UK", "diazepam"),
    ("diaz", "UK", None),
    ("diazepam 5", "UK", None),
    ("paracetamol 500", "UK", None),
    ("diazpam 2 mg tablet", "UK", None),
    ("pregabaline", "UK", None),
    # The only medicine found, but the number that was typed would be lost.
    ("zopiclone 7.5", "US", None),
    ("co-codamol 30/500", "UK", None),
]


@pytest.mark.parametrize(("typed", "profile", "exact"), EXACT)
def test_only_what_was_typed_in_full_is_exact(typed, profile, exact):
    assert [match.text for match in search(typed, 50, profile) if match.exact] == (
        [exact] if exact else []
    )


@pytest.mark.parametrize("typed", ["", " ", "d", "5", "%", "'; --", "((", "qqqqqq"])
def test_nothing_to_go_by_finds_nothing(typed):
    assert texts(typed) == []


def test_numbers_fit_whole_numbers_only():
    found = texts("diazepam 5", "UK", limit=100)
    assert "diazepam 5 mg tablet" in found
    assert not [text for text in found if "0.5 MG" in text or "15 MG" in text]


def test_a_match_carries_what_a_prescription_records():
    (match,) = search("197591", profile="US")
    assert match.codings == ({"system": "rxnorm", "code": "197591"},)
    assert match.ingredients == ("diazepam",)
    assert (match.strength, match.form, match.route) == ("5 mg", "tablet", "oral")


def test_a_marketed_strength_is_recorded_with_the_code_of_its_ingredient():
    match = search("zopiclone 7.5", profile="UK")[0]
    assert match.codings == ({"system": "atc", "code": "N05CF01"},)


def test_an_ingredient_with_several_codes_is_recorded_without_one():
    match = next(match for match in search("methadone", profile="UK") if match.text == "methadone")
    assert match.codings == ()


def test_what_was_typed_is_offered_when_it_spells_a_known_drug():
    match = search("Ramipril 2.5 mg capsules", profile="UK")[-1]
    assert match.label == "Ramipril 2.5 mg capsules (as typed)"
    assert (match.text, match.ingredients) == ("Ramipril 2.5 mg capsules", ("ramipril",))


def test_no_medicine_is_offered_twice():
    found = texts("diazepam", limit=200)
    assert len(found) == len({text.lower() for text in found})


def test_the_limit_holds():
    assert len(search("morphine", limit=7, profile="US")) == 7


def test_retired_products_are_not_offered():
    code = models.Code.objects.get(system="rxnorm", code="199275")
    code.retire(at=code.changed_at)
    assert "lorazepam 2.5 MG Oral Tablet" not in texts("lorazepam 2.5", "US")


def test_a_combination_has_the_status_of_its_worst_part():
    codeine = models.Ingredient.objects.get(key="codeine")
    cited = {
        "source": "Area prescribing committee",
        "locator": "minutes of 2 November 2026",
        "reviewed": TODAY,
        "next_review": TODAY.replace(year=2027),
    }
    models.FormularyStatus.add(
        **cited, ingredient=codeine, profile="UK", status="restricted", reason="short courses"
    )
    match = search("co-codamol", profile="UK")[0]
    assert (match.status, match.reason) == ("restricted", "short courses")
    assert search("co-codamol", profile="US")[0].status == "unknown"


def test_a_search_takes_a_fixed_number_of_queries(django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        search("diazpam 5", profile="UK")
    with django_assert_max_num_queries(9):
        search("morphine", limit=200, profile="US")


DRUGS = [
    ("zimovane", "zopiclone", "Zimovane"),
    ("valium", "diazepam", "Valium"),
    ("N05CF01", "zopiclone", "N05CF01"),
    ("40001", "zopiclone", "40001"),
    ("acetaminophen", "paracetamol", "acetaminophen"),
    ("lorazepam", "lorazepam", ""),
    ("lorasepam", "lorazepam", ""),
]


@pytest.mark.parametrize(("typed", "key", "by"), DRUGS)
def test_the_formulary_page_finds_a_drug_by_name_brand_or_code(typed, key, by):
    found = find_drugs(typed)
    assert (found[0].key, found[0].by) == (key, by)


def test_without_a_text_the_benzodiazepines_and_z_drugs_are_listed():
    found = find_drugs(limit=100, profile="UK")
    assert len(found) == 76
    assert {found_class for drug in found for found_class in drug.classes} >= {"Z-drugs"}
    statuses = {drug.key: drug.status for drug in found}
    assert (statuses["eszopiclone"], statuses["diazepam"]) == ("non-formulary", "unknown")


def test_names_that_begin_as_typed_stand_before_brands():
    keys = [drug.key for drug in find_drugs("zo")]
    first = keys[: keys.index("zopiclone") + 1]
    assert all(key.startswith("zo") for key in first)
    assert "buprenorphine" in keys[len(first) :]


def test_the_detail_of_a_drug_lists_interactions_worst_first():
    zopiclone = detail("zopiclone")
    severities = [line.severity or 5 for line in zopiclone.interactions]
    assert severities == sorted(severities)
    lines = {line.other: line for line in zopiclone.interactions}
    assert (lines["Opioids"].severity, "OPI-01" in lines["Opioids"].rules) == (1, True)
    assert lines["Strong CYP3A4 inhibitors"].severity == 2
    assert lines["rifampicin"].key == "rifampicin"


def test_a_glucuronidated_drug_has_no_cyp3a4_interaction():
    others = {line.other for line in detail("lorazepam").interactions}
    assert not [other for other in others if "CYP3A4" in other]
    assert "valproic acid" in others


def test_an_interacting_drug_shows_the_other_side():
    lines = {line.other: line.severity for line in detail("clarithromycin").interactions}
    assert (lines["triazolam"], lines["alprazolam"]) == (1, 2)
    assert "lorazepam" not in lines
    (line,) = detail("morphine").interactions
    assert (line.other, line.severity) == ("Benzodiazepines and Z-drugs", 1)


def test_the_detail_says_what_is_unverified_and_when_it_is_due():
    alprazolam = detail("alprazolam")
    assert ("UK", "adult") in {
        (row.profile, row.context) for row in alprazolam.unverified if hasattr(row, "context")
    }
    assert alprazolam.next_review == min(row.next_review for row in alprazolam.rows)
    assert all(len(cited) == 4 for cited in alprazolam.sources)


def test_a_drug_that_is_not_held_has_no_detail():
    with pytest.raises(models.Ingredient.DoesNotExist):
        detail("unobtainium")


def test_the_detail_takes_a_fixed_number_of_queries(django_assert_max_num_queries):
    with django_assert_max_num_queries(18):
        detail("diazepam")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("zoplicone", "zopiclone 3.75 mg tablet"),
        ("diazpam 5", "diazepam 5 mg tablet"),
        ("zimovan", "zopiclone 3.75 mg tablet"),
        ("Ambein", "zolpidem 5 mg tablet"),
        ("pregabaline", "pregabalin"),
    ],
)
def test_a_slip_of_the_keys_finds_what_was_meant(typed, first):
    assert search(typed, profile="UK")[0].label == first


def test_what_is_marketed_here_stands_before_another_countrys_products():
    codes = [match.label for match in search("temaz", profile="UK")]
    assert codes[:2] == ["temazepam 10 mg tablet", "temazepam 20 mg tablet"]
    assert codes.index("temazepam") < codes.index("temazepam 7.5 MG Oral Capsule")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Diazapem 2mg tabs", "diazepam"),
        ("zoplicone 7.5", "zopiclone"),
        ("Relaxonel 10 mg tablets", None),
        ("Co-phenotrope 2.5mg/25microgram tablets", None),
    ],
)
def test_a_text_is_nearly_like_what_begins_like_it_and_like_no_unit(text, named):
    near = nearly([text])[text]
    assert [each.drug for each in near[:1]] == ([named] if named else [])

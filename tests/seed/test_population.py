"""The invented people: the same each time, believable, and nobody's."""

from collections import Counter
from datetime import date, timedelta

import pytest

from reviews import records
from reviews.seeding import numbers, population
from reviews.seeding.stories import STORIES, TOLD_LATER

TODAY = date(2026, 11, 22)


def people(count, **given):
    return list(population.people(count, **{"seed": 20, "today": TODAY, **given}))


def test_the_same_seed_and_day_give_the_same_people():
    assert people(60) == people(60)


def test_another_seed_gives_other_people():
    names = [person.record.family_name for person in people(60)]
    assert names != [person.record.family_name for person in people(60, seed=21)]


def test_a_person_is_the_same_in_a_larger_population():
    assert people(5, first=40) == people(60)[40:45]


def test_a_day_later_everything_has_moved_by_a_day():
    later = people(60, today=TODAY + timedelta(days=1))
    for before, after in zip(people(60), later, strict=True):
        assert [order.record.medicine for order in before.orders] == [
            order.record.medicine for order in after.orders
        ]
        assert [order.record.start_on + timedelta(days=1) for order in before.orders] == [
            order.record.start_on for order in after.orders
        ]


def test_every_record_would_be_accepted_from_a_client():
    for person in people(400):
        records.check_patient(person.record, today=TODAY)
        for condition in person.conditions:
            records.check_condition(condition)
        for reading in person.readings:
            records.check_reading(reading, today=TODAY)
        for order in person.orders:
            records.check_prescription(order.record)
            records.convert(records.msgspec.to_builtins(order.record), records.PrescriptionRecord)


def test_nothing_was_recorded_in_the_future_or_before_birth():
    for person in people(400):
        for order in person.orders:
            assert person.record.birth_date < order.record.start_on <= TODAY
            assert order.recorded_on <= TODAY


def test_ages_are_those_of_adults_and_of_one_nearly_grown_up():
    ages = [(TODAY - person.record.birth_date).days / 365.25 for person in people(2000)]
    assert min(ages) >= 17
    assert max(ages) < 100
    assert 0.25 < sum(age >= 65 for age in ages) / len(ages) < 0.5


def urgent(count=2000):
    """Those of whom an urgent story is told: the first pages of the queue."""
    return [
        person for person in people(count) if person.story and 1 in person.story.raises.values()
    ]


def test_urgent_people_differ_as_people_do():
    born = [person.record.birth_date for person in urgent()]
    assert len(born) > 15
    assert len(set(born)) == len(born), "nobody shares a birthday and a year"
    ages = Counter((TODAY - day).days // 365 for day in born)
    assert max(ages) - min(ages) > 30
    assert max(ages.values()) <= len(born) // 4, ages
    assert len({day.month for day in born}) > 6


def test_nobody_expects_a_child_at_an_age_that_nobody_believes():
    for person in people(2000):
        pregnant = any(
            reading.kind == "pregnancy" and reading.text != "not_pregnant"
            for reading in person.readings
        )
        if pregnant:
            assert person.record.sex == "female"
            assert (TODAY - person.record.birth_date).days < 43 * 365.25, person.story.name


COUNTED = {"tablet", "capsule", "patch"}


def test_each_dose_is_one_that_its_form_allows():
    """No "oral solution, 1 tablet", and no injection that is swallowed."""
    for person in people(2000):
        for order in person.orders:
            given, text = order.record, order.record.medicine.lower()
            for unit in {given.dose_unit, given.quantity_unit} & COUNTED:
                liquid = any(form in text for form in ("solution", "injection", "liquid", "syrup"))
                assert not liquid, (text, given.dose, unit)
            if "injection" in text:
                assert given.route != "oral", text


def test_what_colleagues_noted_changes_nothing_else_and_is_on_some():
    told = [person for person in people(400) if person.story]
    assert 0.2 < sum(bool(person.note) for person in told) / len(told) < 0.5


def test_each_practice_has_its_share_and_each_identifier_is_used_once():
    crowd = people(2000)
    assert set(Counter(person.practice for person in crowd)) == {
        "harbour-street",
        "liffey-quay",
        "lakeside",
    }
    values = [identifier.value for person in crowd for identifier in person.record.identifiers]
    assert len(values) == len(set(values)) == len(crowd)


def test_most_people_have_no_story():
    told = sum(person.story is not None for person in people(2000))
    assert told < 0.35 * 2000


def test_two_thousand_people_hold_every_story_in_every_country_it_belongs_to():
    told = {(person.story.name, person.practice) for person in people(2000) if person.story}
    assert len(told) == sum(len(story.profiles) for story in (*STORIES, *TOLD_LATER))


def test_story_names_are_distinct():
    assert len({story.name for story in STORIES}) == len(STORIES)


@pytest.mark.parametrize(("digits", "expected"), [("943476591", 9), ("999000001", 8)])
def test_check_digits(digits, expected):
    assert numbers.check_digit(digits) == expected


def test_one_number_in_eleven_has_no_check_digit():
    without = sum(numbers.check_digit(f"999{n:06d}") is None for n in range(11_000))
    assert without == 1000


def test_nhs_numbers_are_valid_distinct_and_of_the_test_range():
    made = [numbers.nhs_number(serial) for serial in range(20_000)]
    assert len(set(made)) == len(made)
    for number in made:
        assert number.startswith("999")
        assert len(number) == 10
        assert numbers.check_digit(number[:9]) == int(number[9])


def test_beyond_the_test_range_people_have_a_number_of_the_practice():
    last, beyond = people(200, first=numbers.MOST - 200), people(200, first=numbers.MOST)
    of = {p.code: p for p in population.PRACTICES}
    for n, person in enumerate((*last, *beyond), numbers.MOST - 200):
        (identifier,) = person.record.identifiers
        place = of[person.practice]
        nhs = place.profile == "UK" and n < numbers.MOST
        system = numbers.NHS_NUMBER if nhs else place.identifier_system
        assert identifier.system == system
        assert identifier.value.startswith("999" if nhs else place.identifier_prefix)
    assert any(person.practice == "harbour-street" for person in beyond)


@pytest.mark.parametrize("serial", [-1, numbers.MOST])
def test_the_test_range_has_an_end(serial):
    with pytest.raises(ValueError, match="no NHS number"):
        numbers.nhs_number(serial)

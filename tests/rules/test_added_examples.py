"""Worked examples that a site adds: plain data, read into a dossier, and judged as any other."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import rulebooks
from reviews.rules.dossier import Condition, Dossier, Line, Medicine, Reading
from reviews.rules.examples import EXAMPLES, NOT_EVALUABLE, added, says
from reviews.rules.examples.described import described
from reviews.rules.examples.starting import start_from
from reviews.rules.examples.writing import TODAY
from reviews.rules.finding import Severity
from reviews.rules.registry import RULES
from reviews.rules.screen import screen
from tests import make

MEDICINES = (
    "diazepam 5 mg tablets",
    "zopiclone 7.5 mg tablets",
    "lorazepam 1 mg tablets",
    "morphine 10 mg tablets",
    "pregabalin 75 mg capsules",
    "amlodipine 5 mg tablets",
    "Somnolux forte",
)
medicines = st.builds(
    make.medicine,
    text=st.sampled_from(MEDICINES),
    start=st.integers(-200, 20),
    days=st.integers(1, 120),
    amount=st.sampled_from([0.5, 1, 2]),
    unit=st.sampled_from(["tablet", "capsule", "mg"]),
    times=st.sampled_from([0.5, 1, 2, 3]),
    indication=st.sampled_from(["anxiety", "insomnia", "pain", "unknown"]),
)
conditions = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["COPD", "Dementia", "A fall"]),
        "code": st.sampled_from(["J44.9", "F03", "W19"]),
        "day": st.integers(-400, 0),
    }
)
readings = st.fixed_dictionaries(
    {
        "kind": st.just("egfr"),
        "answer": st.integers(5, 120),
        "day": st.integers(-200, 0),
    }
)
records = st.fixed_dictionaries(
    {"medicines": st.lists(medicines, min_size=1, max_size=4)},
    optional={
        "age": st.one_of(st.none(), st.integers(0, 110)),
        "sex": st.sampled_from(["female", "male"]),
        "conditions": st.lists(conditions, max_size=2),
        "readings": st.lists(readings, max_size=2),
    },
)


@pytest.fixture
def book(rulebook):
    return rulebooks.live()[1]


def born(age):
    """On the day of the year 100 days before the day judged, so many years earlier."""
    birthday = date(2025, 11, 22)
    return None if age is None else birthday.replace(year=birthday.year - age)


def by_hand(record):
    """The dossier of a record, without the code that reads one."""
    lines = []
    for number, each in enumerate(record["medicines"], 1):
        text = each["text"]
        start = TODAY + timedelta(days=each["start"])
        lines.append(
            Line(
                id=number,
                medicine=Medicine(text, text),
                start_on=start,
                written_on=start,
                dose=each["amount"],
                dose_unit=each["unit"],
                times_per_day=each["times"],
                quantity=each["amount"] * each["times"] * each["days"],
                quantity_unit=each["unit"],
                days_supply=each["days"],
                indication=each["indication"],
            )
        )
    return Dossier(
        patient_id=0,
        as_of=TODAY,
        birth_date=born(record.get("age")),
        sex=record.get("sex", "unknown"),
        lines=tuple(lines),
        conditions=tuple(
            Condition(
                id=number,
                codings=(("icd10", each["code"]),),
                text=each["text"],
                onset_on=TODAY + timedelta(days=each["day"]),
            )
            for number, each in enumerate(record.get("conditions", []), 1)
        ),
        readings=tuple(
            Reading(
                id=number,
                kind=each["kind"],
                value=each["answer"],
                on=TODAY + timedelta(days=each["day"]),
            )
            for number, each in enumerate(record.get("readings", []), 1)
        ),
    )


def test_what_an_example_is_judged_to_be_is_what_the_engine_says(book):
    @settings(max_examples=60, deadline=None)
    @given(records)
    def law(record):
        screening = screen(by_hand(record), book)
        dossier = added.read(record, "UK")
        for rule in RULES:
            flags = [each.severity for each in screening.findings if each.rule_id == rule.id]
            is_flag = any(severity <= Severity.S3 for severity in flags)
            is_judged = bool(flags) or all(
                gap.rule_id != rule.id for gap in screening.not_evaluable
            )
            said, _ = says(rule.id, dossier, book)
            assert added.holds("flag", said) is is_flag, rule.id
            assert added.holds("quiet", said) is (is_judged and not is_flag), rule.id

    law()


@pytest.mark.parametrize(
    ("said", "flag", "quiet"),
    [
        (None, False, True),
        (4, False, True),
        (3, True, False),
        (1, True, False),
        (NOT_EVALUABLE, False, False),
    ],
)
def test_a_note_is_no_flag_and_not_evaluated_is_neither(said, flag, quiet):
    assert added.holds("flag", said) is flag
    assert added.holds("quiet", said) is quiet


@pytest.mark.parametrize(
    ("days", "said"), [(28, 4), (29, 2)], ids=["exactly the limit", "one day over"]
)
def test_an_example_stands_on_the_right_side_of_a_boundary(book, days, said):
    record = {"age": 45, "medicines": [make.medicine(days=days)]}
    assert says("DUR-01", added.read(record, "UK"), book)[0] == said


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"medicines": []}, "medicines"),
        ({"medicines": {}}, "medicines"),
        ({"medicines": ["diazepam"]}, "medicines 1"),
        ({"medicines": [make.medicine()] * 21}, "medicines"),
        ({"medicines": [make.medicine(text=" ")]}, "medicines 1 text"),
        ({"medicines": [make.medicine(text="x" * 201)]}, "medicines 1 text"),
        ({"medicines": [make.medicine(days=0)]}, "medicines 1 days"),
        ({"medicines": [make.medicine(days=367)]}, "medicines 1 days"),
        ({"medicines": [make.medicine(days=1.5)]}, "medicines 1 days"),
        ({"medicines": [make.medicine(days=True)]}, "medicines 1 days"),
        ({"medicines": [make.medicine(start="today")]}, "medicines 1 start"),
        ({"medicines": [make.medicine(start=61)]}, "medicines 1 start"),
        ({"medicines": [make.medicine(amount=0)]}, "medicines 1 amount"),
        ({"medicines": [make.medicine(amount=float("nan"))]}, "medicines 1 amount"),
        ({"medicines": [make.medicine(times=float("inf"))]}, "medicines 1 times"),
        ({"medicines": [make.medicine(times=25)]}, "medicines 1 times"),
        ({"medicines": [make.medicine(unit="bottle")]}, "medicines 1 unit"),
        ({"medicines": [make.medicine(indication="boredom")]}, "medicines 1 indication"),
        ({"medicines": [make.medicine(), make.medicine(nhs=1)]}, "medicines 2 nhs"),
        ({"age": 121}, "age"),
        ({"age": -1}, "age"),
        ({"sex": "x"}, "sex"),
        ({"name": "Somebody"}, "name"),
        ({"conditions": [{"text": "Fall", "code": "fall", "day": -1}]}, "conditions 1 code"),
        ({"conditions": [{"text": "Fall", "code": 19, "day": -1}]}, "conditions 1 code"),
        ({"conditions": [{"text": "Fall", "day": 1}]}, "conditions 1 day"),
        ({"readings": [{"kind": "egfr", "answer": "low", "day": 0}]}, "readings 1 answer"),
        ({"readings": [{"kind": "mood", "answer": 1, "day": 0}]}, "readings 1 kind"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_part(changes, part):
    record = {"medicines": [make.medicine()]} | changes
    with pytest.raises(added.Unreadable) as refused:
        added.read(record, "UK")
    assert refused.value.part == part


# -- Starting from another one -------------------------------------------------------------------


@settings(max_examples=100)
@given(records)
def test_what_an_example_holds_is_begun_from_whole(record):
    dossier = added.read(record, "UK")
    again = start_from(dossier)
    assert again.left_out == []
    assert added.read(again.record, "UK") == dossier


@pytest.mark.parametrize("rule_id", sorted(EXAMPLES))
def test_each_of_the_softwares_is_begun_from_and_what_is_left_out_is_told(rule_id):
    for example in EXAMPLES[rule_id]:
        told = described(example.dossier)
        again = start_from(example.dossier)
        assert set(again.left_out) <= set(told)
        if again.record["medicines"]:
            held = described(added.read(again.record, "UK"))
            assert [each for each in told if each not in again.left_out] == [
                each for each in told if each in held
            ]
        else:
            assert again.left_out, example.why


def test_most_of_the_softwares_are_begun_from_whole():
    starts = [start_from(each.dossier) for own in EXAMPLES.values() for each in own]
    whole = [each for each in starts if not each.left_out]
    assert len(whole) > 0.75 * len(starts)
    assert max(len(each.record["medicines"]) for each in whole) > 10


def test_what_a_record_has_no_room_for_is_left_out():
    [tapered] = [each for each in EXAMPLES["TAP-01"] if each.why.startswith("A step of 26 %")]
    again = start_from(tapered.dossier)
    assert [each for each in again.left_out if each.startswith("Taper of")] == again.left_out
    assert again.record["age"] == 45

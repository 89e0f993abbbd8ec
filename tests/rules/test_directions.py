"""Directions in words: what is read of them, and that nothing is ever read wrongly.

Each line: the directions, and what they say to somebody who dispenses them. "1-2 tablet x3 prn max
8" is one or two tablets, three times a day, if needed, at most eight a day; "x?-3" is up to three
times; "14d" is for 14 days. "-" is left as words.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.rules.directions import as_directed, read, words_differ
from reviews.rules.exposure import WORDS_DIFFER

from .book import finding, fired, line, not_evaluable
from .test_exposure import use_of

TABLE = """
1 at night | 1 x1
1 nocte | 1 x1
1 on | 1 x1
1 mane | 1 x1
1 om | 1 x1
1 od | 1 x1
1 o.d. | 1 x1
1 daily | 1 x1
one daily | 1 x1
ONE DAILY | 1 x1
One to be taken daily | 1 x1
one a day | 1 x1
one each day | 1 x1
one every day | 1 x1
one each night | 1 x1
one every night | 1 x1
one every morning | 1 x1
one in the morning | 1 x1
one in the evening | 1 x1
one in the afternoon | 1 x1
one before bed | 1 x1
one at bedtime | 1 x1
one before going to bed | 1 x1
one at lunchtime | 1 x1
one with breakfast | 1 x1
one at teatime | 1 x1
Take one at night | 1 x1
Take ONE at night | 1 x1
take 1 at night for sleep | 1 x1
take 1 tablet at night | 1 tablet x1
take one tablet at bedtime | 1 tablet x1
one tablet at night as directed | 1 tablet x1
one capsule at night | 1 capsule x1
1 cap nocte | 1 capsule x1
1 tab nocte | 1 tablet x1
1 tab qhs | 1 tablet x1
1 tab po qhs | 1 tablet x1
1 tablet by mouth at bedtime | 1 tablet x1
1 qam | 1 x1
1 qpm | 1 x1
1 qd | 1 x1
1 nightly | 1 x1
one once a day | 1 x1
one once daily | 1 x1
take one once a day at night | 1 x1
1 once daily in the morning | 1 x1
one a day at night | 1 x1
two at night | 2 x1
two nocte | 2 x1
take TWO at night | 2 x1
take two tablets at night | 2 tablet x1
three at night | 3 x1
2 daily | 2 x1
2 tablets a day | 2 tablet x1
3 tablets daily | 3 tablet x1
1 bd | 1 x2
1 b.d. | 1 x2
1 bid | 1 x2
1 BID | 1 x2
1 tablet bd | 1 tablet x2
one twice a day | 1 x2
one twice daily | 1 x2
take ONE twice a day | 1 x2
take one 2 times a day | 1 x2
one tablet two times a day | 1 tablet x2
one in the morning and one at night | 2 x1
1 mane 1 nocte | 2 x1
1 mane and nocte | 1 x2
one morning and night | 1 x2
1 am and pm | 1 x2
one tablet twice daily, morning and night | 1 tablet x2
one every 12 hours | 1 x2
1 every 12 hrs | 1 x2
1 12 hourly | 1 x2
1 q12h | 1 x2
1 tds | 1 x3
1 t.d.s. | 1 x3
1 tid | 1 x3
1 tablet tds | 1 tablet x3
one three times a day | 1 x3
one three times daily | 1 x3
take one 3 times a day | 1 x3
one 3x daily | 1 x3
one 3 times/day | 1 x3
one tablet 3 times a day with food | 1 tablet x3
one three times a day after food | 1 x3
1 tid with meals | 1 x3
one every 8 hours | 1 x3
1 q8h | 1 x3
1 q 8 h | 1 x3
1 qds | 1 x4
1 qid | 1 x4
one four times a day | 1 x4
take 1 four times daily | 1 x4
4 times a day take one | 1 x4
one every 6 hours | 1 x4
1 6 hourly | 1 x4
two four times a day | 2 x4
2 tablets qds | 2 tablet x4
2 qds | 2 x4
1 prn | 1 prn
one when required | 1 prn
one tablet if needed | 1 tablet prn
1 at night when required | 1 x1 prn
1 nocte prn | 1 x1 prn
1 on prn | 1 x1 prn
one at night if needed for sleep | 1 x1 prn
one at night when needed | 1 x1 prn
one at night as required | 1 x1 prn
one at night if required | 1 x1 prn
one at night only when necessary | 1 x1 prn
1 tds prn | 1 x3 prn
1 t.d.s. p.r.n. | 1 x3 prn
1 bd prn | 1 x2 prn
1 tablet bd as needed | 1 tablet x2 prn
one three times a day when required | 1 x3 prn
one three times a day when required for anxiety | 1 x3 prn
one tablet every 8 hours as needed for anxiety | 1 tablet x3 prn
1 q8h prn | 1 x3 prn
1 tab po tid prn anxiety | 1 tablet x3 prn
one up to three times a day | 1 x?-3
one up to three times a day if needed | 1 x?-3 prn
take 1 tablet up to 3 times a day when required for panic attacks | 1 tablet x?-3 prn
1 up to twice a day | -
one or two at night | 1-2 x1
one or two at night when required | 1-2 x1 prn
1-2 nocte | 1-2 x1
1-2 nocte prn | 1-2 x1 prn
1 or 2 at night if needed | 1-2 x1 prn
1 to 2 tablets at bedtime | 1-2 tablet x1
take one or two tablets at night | 1-2 tablet x1
1-2 tablets up to three times a day if needed for anxiety | 1-2 tablet x?-3 prn
one or two 4 times a day | 1-2 x4
one or two every 4 to 6 hours | 1-2 x4-6
1-2 every 4-6 hours prn max 8 in 24 hours | 1-2 x4-6 prn max 8
one every 4 to 6 hours when required; no more than 8 in 24 hours | 1 x4-6 prn max 8
1 q4-6h prn | 1 x4-6 prn
one 1-2 times a day | 1 x1-2
one two or three times a day | 1 x2-3
1-3 tablets daily | 1-3 tablet x1
half to one at night | 1/2-1 x1
half or one tablet at night | 1/2-1 tablet x1
1/2 to 1 tablet at night | 1/2-1 tablet x1
1/2-1 nocte prn | 1/2-1 x1 prn
half a tablet mane | 1/2 tablet x1
half at night | 1/2 x1
half a tablet at night | 1/2 tablet x1
a half tablet twice a day | 1/2 tablet x2
½ bd | 1/2 x2
½ tablet at night | 1/2 tablet x1
1/2 tab bid | 1/2 tablet x2
1½ at night | 3/2 x1
1 1/2 bd | 3/2 x2
one and a half tablets at night | 3/2 tablet x1
two and a half at night | 5/2 x1
a quarter of a tablet at night | 1/4 tablet x1
quarter of a tablet at night | 1/4 tablet x1
1/4 tablet nocte | 1/4 tablet x1
5ml bd | 5 ml x2
5 ml twice a day | 5 ml x2
2.5ml at night | 5/2 ml x1
10 mls at night | 10 ml x1
5ml-10ml at night | 5-10 ml x1
5 to 10 ml at night | 5-10 ml x1
one 5ml spoonful at night | 5 ml x1
two 5ml spoonfuls 4 times a day | 10 ml x4
one or two 5ml spoonfuls at night | -
5mg at night | 5 mg x1
7.5mg nocte | 15/2 mg x1
7.5 mg at night when required | 15/2 mg x1 prn
5mg tds | 5 mg x3
5-10mg at night | 5-10 mg x1
5 to 10 mg nocte prn | 5-10 mg x1 prn
0.5mg bd | 1/2 mg x2
0.5 mg twice daily | 1/2 mg x2
500 micrograms bd | 500 microgram x2
500mcg tds | 500 microgram x3
2mg three times a day when required, maximum 6mg a day | 2 mg x3 prn max 6
30mg in the morning, 15mg at noon and 30mg at night | 75 mg x1
2mg mane, 4mg nocte | 6 mg x1
2 mane and 1 nocte | 3 x1
2 mane 1 nocte | 3 x1
one in the morning and two at night | 3 x1
1 at breakfast, 1 at lunchtime and 2 at bedtime | 4 x1
one mane, half at noon, one nocte | 5/2 x1
half a tablet in the morning and one tablet at night | 3/2 tablet x1
1 bd and 2 nocte | 4 x1
1-0-1 | 1 x2
1-0-0 | 1 x1
1-1-1 | 1 x3
0-0-1 | 1 x1
0-0-0-1 | 1 x1
1-0-2 | 3 x1
1-1-1-2 | 5 x1
1/2-0-1 | 3/2 x1
1-0-1 tablets | 1 tablet x2
1 alternate nights | 1 x1/2
one on alternate nights | 1 x1/2
one on alternate days | 1 x1/2
one every other night | 1 x1/2
take two tablets every other day | 2 tablet x1/2
1 eod | 1 x1/2
1 every second night | 1 x1/2
1 every third night | 1 x1/3
one every 3 days | 1 x1/3
one every 2 or 3 nights | 1 x1/3-1/2
one weekly | 1 x1/7
one once a week | 1 x1/7
one twice a week | 1 x2/7
one three times a week | 1 x3/7
one at night 3 nights a week | 1 x3/7
one at night up to 3 nights a week | 1 x?-3/7
1 nocte prn, max 3 nights a week | 1 x?-3/7 prn
one at night two or three nights a week | 1 x2/7-3/7
one on mondays | 1 x1/7
take one on monday and thursday | 1 x2/7
one at night on mon, wed and fri | 1 x3/7
one every 2 weeks | 1 x1/14
one once a month | 1 x1/30
one patch every 72 hours | 1 patch x1/3
apply one patch every 72 hours | 1 patch x1/3
apply 1 patch every 3 days | 1 patch x1/3
apply one patch weekly | 1 patch x1/7
1 patch every 7 days | 1 patch x1/7
one patch to be changed every 72 hours | 1 patch x1/3
20 drops at night | 20 drop x1
one suppository at night | 1 suppository x1
1 at night for 7 days | 1 x1 7d
1 nocte for 2 weeks | 1 x1 14d
1 at night for two weeks | 1 x1 14d
1 bd for 7/7 | 1 x2 7d
1 nocte x 5/7 | 1 x1 5d
1 nocte for 2/52 | 1 x1 14d
1 tds for 5 days | 1 x3 5d
1 tid x 10 days | 1 x3 10d
1 tablet at night for 1 month | 1 tablet x1 30d
one 5mg tablet at night | 1 tablet x1
take one 5 mg tablet three times a day | 1 tablet x3
10mg (2 tablets) at night | 10 mg x1
1 tablet (5 mg) at night | 1 tablet x1
one three times a day, max 3 in 24 hours | 1 x3 max 3
1 prn max 3 a day | 1 prn max 3
1 prn max 2/day | 1 prn max 2
one when required, maximum 4 in 24 hours | 1 prn max 4
one when required, up to a maximum of 4 a day | 1 prn max 4
one when required, not more than 2 per day | 1 prn max 2
one when required. Do not exceed 3 in 24 hours | 1 prn max 3
one to two when required, no more than 6 tablets in 24 hours | -
i nocte | 1 x1
ii nocte | 2 x1
ii tds prn | 2 x3 prn
one at 10pm | 1 x1
one at 8am and one at 8pm | 2 x1
one at 08:00 and 20:00 | 1 x2
1 | -
one tablet | 1 tablet
as directed | -
use as directed | -
mdu | -
as before | -
take as advised by hospital | -
reduce by 1mg every 2 weeks | -
reduce by half a tablet every week | -
10mg daily reducing by 2mg every 2 weeks | -
one at night, reducing to half after 2 weeks | -
2 at night for 1 week then 1 at night | -
2 now then 1 daily | -
2 stat then 1 nocte | -
1 stat | -
one at night, increase to two if no effect | -
1 at night, may repeat once | -
one at night, repeat after 2 hours if needed | -
one twice a day except sundays | -
one daily until finished | -
one daily until review | -
one every day at bd | -
one three times a day at night | -
one once a day in the morning and at night | -
alternate one and two at night | -
2 tablets daily; 1 tablet daily | -
2 daily, 1 daily | -
2 at night; 1 at night | -
2 nocte 1 at bedtime | -
1 bd; 2 nocte | -
1 bd and 1 bd | -
2 at night at night | -
1 or 2 as needed and 1 at night | -
one bd and one extra prn | -
one instead of zopiclone at night | -
do not take | -
stop taking | -
not to be taken at night | -
one not at night | -
take none | -
0 at night | -
1,5 tablets daily | -
1.000 mg daily | -
2 to 1 at night | -
1/0 daily | -
one hour before bed | -
take one hour before the flight | -
one tablet before flight | -
one 1 hour before procedure | -
as per protocol | -
titrate to 10mg daily | -
sliding scale | -
see letter | -
1 box | -
28 | -
one tablet daily, two on sundays | -
,5 mg tds | -
take ,5 mg tds | -
0·5 mg tds | 1/2 mg x3
2 mane,1 nocte | 3 x1
1+ nocte | -
1 mane + 2 nocte | 3 x1
10mg at night or 5mg if drowsy | -
5mg or 10mg | 5-10 mg
1 tablet or 2 capsules at night | -
.5 mg bd | 1/2 mg x2
take .25mg tds | 1/4 mg x3
1 .5mg tablet at night | 1 tablet x1
one at night.2 in the morning | -
Take 1 tablet (5 mg total) by mouth 2 (two) times daily as needed for anxiety | 1 tablet x2 prn
Take 1 tablet (0.5 mg total) by mouth nightly as needed for sleep. | 1 tablet x1 prn
Take 1 tablet by mouth every 8 (eight) hours as needed | 1 tablet x3 prn
take 2 (one) tablets at night | -
give 5 ml (2 mg total) by mouth 3 (three) times daily as needed | 5 ml x3 prn
take one tablt twice dialy | 1 tablet x2
take one tablet twce a day | 1 tablet x2
tk 1 tab bd | 1 tablet x2
1 tab nocte prn insomnia | 1 tablet x1 prn
one each nite | 1 x1
take 1 tablet at nights | 1 tablet x1
1BD | 1 x2
1tds | 1 x3
2nocte | 2 x1
5mg pr prn | 5 mg prn
1 up to tds | 1 x?-3
1-2 up to qds prn max 8/24h | 1-2 x?-4 prn max 8
1 prn max 4/24 hrs | 1 prn max 4
max 3/day | ?-3 x1
up to 3 a day | ?-3 x1
up to 30mg daily | ?-30 mg x1
no more than 3 per day | ?-3 x1
one tablet up to 3 a day | 1 tablet x?-3
two tablets up to 3 a day | -
10 mg/day | 10 mg x1
1 tablet twice weekly | 1 tablet x2/7
one patch three times weekly | 1 patch x3/7
change patch every 72 hours | 1 patch x1/3
change the patch weekly | 1 patch x1/7
change patches every 72 hours | -
apply one patch and change every 7 days | 1 patch x1/7
1 tablet at night Mon Wed Fri | 1 tablet x3/7
one tablet mondays | 1 tablet x1/7
one every Monday | 1 x1/7
one on Sat and Sun | 1 x2/7
one on Mondays and on Thursdays | -
one daily except sunday | -
Take one 30 mins before bedtime | 1 x1
one half an hour before bed | 1 x1
take one 30 minutes before appointment | -
one capsule in the evening 30 minutes before bed | -
one in the evening before bed | -
one in the evening and at bedtime | 1 x2
one at night at 10pm | -
one at night, 22:00 | -
one in the morning at 08:00 | -
1 mane nocte | 1 x2
one to be taken every night at bedtime | 1 x1
1 each am | 1 x1
one in am and two in pm | 3 x1
1 am 1 lunch 2 pm | 4 x1
take one with breakfast and one with evening meal | 2 x1
1 tablet in the morning and 2 at night | 3 tablet x1
5mg in the morning and 2 at night | -
2 x 5mg tablets at night | 2 tablet x1
2x2mg bd | -
Take one daily for 7 days then stop | 1 x1 7d
one tablet twice a day for 2 weeks then stop | 1 tablet x2 14d
1 daily for 7 days then 2 daily | -
one at night, 14 days | 1 x1 14d
1 tds 3/7 | 1 x3 3d
1 q 6 hrs prn max 4 a day | 1 x4 prn max 4
Take one at night. This medicine may make you sleepy. Do not drive. | 1 x1
two when required up to twice a day, sparingly | -
one at night, not every night | -
1 tablet daily, may increase to 2 | -
0,5 mg bd | -
eine tablette zur nacht | -
un comprime le soir | -
"""
ROWS = [tuple(part.strip() for part in row.split("|")) for row in TABLE.strip().splitlines()]


def shown(text):
    """What was read, in the notation of the table."""
    told = read(text)
    if told is None:
        return "-"

    def ends(low, high):
        if low == high:
            return str(high)
        return f"{'?' if low is None else low}-{high}"

    said = [ends(told.dose, told.dose_max)]
    if told.unit:
        said.append(told.unit)
    if told.times_max is not None:
        said.append(f"x{ends(told.times, told.times_max)}")
    if told.as_needed:
        said.append("prn")
    if told.max_per_day is not None:
        said.append(f"max {told.max_per_day}")
    if told.days is not None:
        said.append(f"{told.days}d")
    return " ".join(said)


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_directions_are_read_rightly_or_not_at_all(text, expected):
    assert shown(text) == expected


def test_most_of_what_can_be_read_is_read():
    told = [row for row in ROWS if row[1] != "-"]
    assert len(ROWS) >= 320
    assert len(told) / len(ROWS) > 0.7


@given(st.text(max_size=60))
def test_any_text_is_read_or_left(text):
    told = read(text)
    assert told is None or told.dose_max is None or told.dose_max > 0
    assert told is None or told.dose is None or told.dose > 0


FORBIDDEN = ("then", "stop", "reduce", "not", "until")
WORDS = """take one two half 1 2 1-2 a tablet tablets mg 5ml bd tds nocte mane at night prn when
required by every other day for 7 days and or , max week"""


@given(
    st.lists(st.sampled_from([*WORDS.split(), *FORBIDDEN]), max_size=9).map(" ".join),
    st.sampled_from(FORBIDDEN),
)
def test_what_changes_or_forbids_a_dose_is_never_read(text, word):
    assert read(f"{text} {word} {text}") is None


NUMBERS = {"one": 1, "2": 2, "half a": Fraction(1, 2), "three": 3}
OFTEN = {
    "bd": 2,
    "three times a day": 3,
    "at night": 1,
    "every other day": Fraction(1, 2),
    "qds": 4,
}


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.sampled_from(["tablet", "capsule"]),
    st.sampled_from(sorted(OFTEN)),
    st.booleans(),
    st.sampled_from(["", "take ", "Take "]),
)
def test_composed_directions_mean_the_sum_of_their_parts(number, unit, often, as_needed, verb):
    told = read(f"{verb}{number} {unit} {often}{' when required' if as_needed else ''}")
    assert (told.dose, told.unit, told.times_max) == (NUMBERS[number], unit, OFTEN[often])
    assert told.as_needed is as_needed


# --- on a line -------------------------------------------------------------------------------


def in_words(text, medicine="diazepam 5 mg tablets", **more):
    """A line whose dose stands in the words alone."""
    nothing = {"dose": None, "dose_unit": None, "times_per_day": None, "days_supply": None}
    return line(medicine, **{**nothing, "quantity_unit": "tablet", "dosage_text": text, **more})


@given(st.sampled_from(sorted(NUMBERS)), st.sampled_from(sorted(OFTEN)), st.integers(1, 90))
def test_words_and_numbers_give_the_same_exposure_and_findings(number, often, quantity):
    told = in_words(f"take {number} tablet {often}", quantity=quantity)
    same = {"id": told.id, "days_supply": None, "quantity_unit": "tablet", "quantity": quantity}
    numbers = line(dose=float(NUMBERS[number]), times_per_day=float(OFTEN[often]), **same)
    assert fired(told, as_of=3) == fired(numbers, as_of=3)


def test_the_upper_end_of_words_is_judged_as_a_dose():
    told = in_words("one or two four times a day", quantity=56)
    assert finding("DOSE-02", told, as_of=3).sentence.count("40")
    assert not finding("DOSE-02", in_words("one four times a day", quantity=56), as_of=3)


def test_words_that_are_not_understood_leave_the_dose_unknown():
    assert "DQ-01" in fired(in_words("as directed", quantity=28), as_of=3)
    assert "DQ-01" not in fired(in_words("1 at night", quantity=28), as_of=3)


@pytest.mark.parametrize(
    ("recorded", "dose", "times"),
    [
        ({}, 1, 3),
        ({"dose": 1, "dose_unit": "tablet"}, 1, 3),
        ({"times_per_day": 3}, 1, 3),
        ({"dose": 2, "dose_unit": "tablet"}, 2, None),
        ({"dose": 1, "dose_unit": "capsule"}, 1, None),
        ({"times_per_day": 2}, None, 2),
    ],
)
def test_words_fill_in_what_is_not_recorded_and_nothing_that_they_contradict(recorded, dose, times):
    directed = as_directed(in_words("1 tablet tds", **recorded), "tablet")
    assert (directed.dose, directed.times_per_day) == (dose, times)


@pytest.mark.parametrize(
    ("text", "lowest", "highest", "why"),
    [
        ("1 tablet tds", 4, None, "less than the numbers"),
        ("TWO three times a day", 4, 6, "more than the numbers"),
        ("one to three twice a day", 4, 6, "up to more"),
        ("one or two twice a day", 4, None, "up to the same"),
        ("two twice a day", 4, None, "the same"),
        ("4 daily", 4, None, "the same a day"),
        ("20 mg daily", 4, None, "in another unit: not compared"),
        ("two twice a day for a week or so", 4, None, "not understood"),
    ],
)
def test_a_dose_in_numbers_and_a_higher_one_in_words_are_a_range(text, lowest, highest, why):
    recorded = {"dose": 2, "dose_unit": "tablet", "times_per_day": 2}
    directed = as_directed(in_words(text, **recorded), "tablet")
    assert directed.dose * directed.times_per_day == lowest, why
    most = directed.dose_max and directed.dose_max * directed.times_per_day
    assert most == highest, why


@pytest.mark.parametrize(
    ("text", "differ"),
    [
        ("1 tablet tds", True),
        ("TWO three times a day", True),
        ("one or two twice a day", True),
        ("two twice a day when required", True),
        ("two twice a day", False),
        ("4 daily", False),
        ("20 mg daily", False),
        ("as directed", False),
    ],
)
def test_whether_words_and_numbers_differ(text, differ):
    recorded = {"dose": 2, "dose_unit": "tablet", "times_per_day": 2}
    assert words_differ(in_words(text, **recorded), "tablet") is differ


def test_the_higher_dose_is_judged_and_the_supply_by_the_numbers():
    both = line(dose=1, dose_unit="tablet", times_per_day=1, quantity=28, days_supply=None)
    assert "DOSE-02" not in fired(both, as_of=3)
    both = both._replace(dosage_text="TWO four times a day", quantity_unit="tablet")
    assert "DOSE-02" in fired(both, as_of=3), "40 mg"
    use = use_of(both)
    assert (use.days_supply, WORDS_DIFFER in use.notes) == (28, True)


@pytest.mark.parametrize(
    ("text", "known"),
    [("one at night when required", False), ("one at night", True), ("1 nocte prn max 2", False)],
)
def test_what_the_words_say_to_be_taken_if_needed_has_no_known_end(text, known):
    numbers = {"dose": 1, "dose_unit": "tablet", "times_per_day": 1, "days_supply": None}
    recorded = line(**numbers, quantity=14, quantity_unit="tablet", dosage_text=text)
    assert (use_of(recorded).end is not None) is known
    if not known:
        assert "DUR-01" in not_evaluable(recorded, as_of=40), "it may go on"


def test_words_without_a_dose_tell_how_often_a_recorded_one_is_taken():
    dose = {"dose": 2, "dose_unit": "tablet"}
    directed = as_directed(in_words("twice a day when required", **dose), "tablet")
    assert (directed.dose, directed.times_per_day, directed.as_needed) == (2, 2, True)
    rate = as_directed(in_words("1 tablet", times_per_day=2), "tablet")
    assert (rate.dose, rate.dose_unit, rate.times_per_day) == (1, "tablet", 2)


def test_a_number_in_words_is_counted_in_what_the_product_is_and_a_liquid_is_not_guessed():
    assert as_directed(in_words("1 nocte"), "tablet").dose_unit == "tablet"
    assert as_directed(in_words("1 nocte"), None).dose_unit == "unit"
    assert as_directed(in_words("5 nocte"), "liquid").dose is None
    assert as_directed(in_words("5ml nocte"), "liquid").dose_unit == "ml"


def test_how_long_it_is_to_be_taken_is_the_supply_where_nothing_else_says_it():
    directed = as_directed(in_words("1 nocte for 7 days", quantity=None), "tablet")
    assert directed.days_supply == 7
    assert as_directed(in_words("1 nocte for 7 days", quantity=28), "tablet").days_supply is None

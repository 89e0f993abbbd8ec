"""DUR-01 to DUR-04: each limit from both sides, per profile."""

from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.dossier import Exemption

from .book import BOOK, finding, fired, line, not_evaluable, on, person

LIMITS = [
    # profile, indication, medicine, days, rule, severity, why
    ("UK", "anxiety", "diazepam 5 mg tablets", 14, "DUR-01", None, "2 weeks"),
    ("UK", "anxiety", "diazepam 5 mg tablets", 15, "DUR-01", 4, "a day more is a note"),
    ("UK", "anxiety", "diazepam 5 mg tablets", 28, "DUR-01", 4, "exactly 4 weeks"),
    ("UK", "anxiety", "diazepam 5 mg tablets", 29, "DUR-01", 2, "a day over 4 weeks"),
    ("UK", "unknown", "diazepam 5 mg tablets", 29, "DUR-01", 2, "no indication counts too"),
    ("UK", "epilepsy_adjunct", "clobazam", 29, "DUR-01", 2, "no exemption, no exception"),
    ("EU", "anxiety", "diazepam 5 mg tablets", 56, "DUR-01", None, "8 weeks"),
    ("EU", "anxiety", "diazepam 5 mg tablets", 57, "DUR-01", 3, "a day over 8 weeks"),
    ("EU", "anxiety", "diazepam 5 mg tablets", 84, "DUR-01", 3, "12 weeks"),
    ("EU", "anxiety", "diazepam 5 mg tablets", 85, "DUR-01", 2, "a day over 12 weeks"),
    ("US", "anxiety", "diazepam 5 mg tablets", 28, "DUR-01", None, "4 weeks"),
    ("US", "anxiety", "diazepam 5 mg tablets", 29, "DUR-01", 4, "a note"),
    ("US", "anxiety", "diazepam 5 mg tablets", 60, "DUR-01", 4, "60 days"),
    ("US", "anxiety", "diazepam 5 mg tablets", 61, "DUR-01", 3, "a day over 60"),
    ("UK", "insomnia", "zopiclone 7.5 mg", 14, "DUR-02", None, "2 weeks"),
    ("UK", "insomnia", "zopiclone 7.5 mg", 15, "DUR-02", 3, "a day over"),
    ("UK", "insomnia", "zopiclone 7.5 mg", 28, "DUR-02", 3, "4 weeks"),
    ("EU", "insomnia", "zopiclone 7.5 mg", 29, "DUR-02", 2, "a day over 4 weeks"),
    ("US", "insomnia", "zolpidem 10 mg", 28, "DUR-02", None, "4 weeks"),
    ("US", "insomnia", "zolpidem 10 mg", 29, "DUR-02", 3, "a day over"),
    ("US", "insomnia", "zolpidem 10 mg", 119, "DUR-02", 3, "no second step in the US"),
    ("US", "insomnia", "triazolam 0.25 mg", 10, "DUR-02", None, "label: 10 days"),
    ("US", "insomnia", "triazolam 0.25 mg", 11, "DUR-02", 3, "over 10 days"),
    ("UK", "insomnia", "triazolam 0.25 mg", 21, "DUR-02", 3, "3 weeks"),
    ("UK", "insomnia", "triazolam 0.25 mg", 22, "DUR-02", 2, "over 3 weeks, in every profile"),
    ("US", "insomnia", "triazolam 0.25 mg", 32, "DUR-02", 2, "a supply over 31 days"),
    ("UK", "muscle_spasm_acute", "diazepam 5 mg", 14, "DUR-03", None, "2 weeks"),
    ("EU", "muscle_spasm_acute", "diazepam 5 mg", 15, "DUR-03", 3, "a day over"),
    ("US", "muscle_spasm_acute", "diazepam 5 mg", 28, "DUR-03", 3, "4 weeks"),
    ("US", "muscle_spasm_acute", "diazepam 5 mg", 29, "DUR-03", 2, "a day over 4 weeks"),
]


LENGTH_RULES = {"DUR-01", "DUR-02", "DUR-03", "DUR-04"}


@pytest.mark.parametrize("case", LIMITS, ids=lambda case: " ".join(map(str, case[:4])))
def test_each_limit_from_both_sides(case):
    profile, indication, text, days, rule, severity, why = case
    found = fired(line(text, days=days, indication=indication), profile=profile)
    assert found.get(rule) == severity, why
    assert not {"DUR-01", "DUR-02", "DUR-03"} - {rule} & found.keys()


@pytest.mark.parametrize(
    "indication", ["premedication", "procedure", "alcohol_withdrawal", "seizure_rescue"]
)
def test_indications_with_another_rule_are_left_to_it(indication):
    assert not {"DUR-01", "DUR-02", "DUR-03"} & fired(line(days=100, indication=indication)).keys()


def refills(days, **more):
    return [line(start=start, days=min(28, days - start), **more) for start in range(0, days, 28)]


@pytest.mark.parametrize(
    ("days", "severity", "why"), [(120, None, "exactly 120 days"), (121, 2, "a day more")]
)
@pytest.mark.parametrize("indication", ["anxiety", "insomnia", "muscle_spasm_acute", "procedure"])
def test_four_months_whatever_the_indication(days, severity, why, indication):
    found = fired(*refills(days, indication=indication), as_of=days - 1)
    assert found.get("DUR-04") == severity, why


def test_four_months_takes_the_place_of_the_lower_rules_and_says_so():
    screening = screen(person(*refills(121), as_of=120), BOOK)
    assert [f.rule_id for f in screening.findings if f.rule_id in LENGTH_RULES] == ["DUR-04"]
    assert screening.shadowed == ("DUR-01", "REV-02")


@pytest.mark.parametrize(
    ("as_of", "severity", "why"),
    [
        (119, 1, "morphine begins tomorrow"),
        (148, 1, "28 days ago is in the last 28 days"),
        (149, 2, "29 days ago is not"),
    ],
)
def test_four_months_is_urgent_when_an_opioid_was_just_started(as_of, severity, why):
    lines = [*refills(168), line("morphine 10 mg tablets", start=120, days=60)]
    assert fired(*lines, as_of=as_of)["DUR-04"] == severity, why


def test_days_in_a_merged_gap_are_not_counted():
    # 20 + 8 exposed days and 14 free ones: 28 days, 42 calendar days.
    assert fired(line(days=20), line(start=34, days=8), as_of=34)["DUR-01"] == 4
    assert fired(line(days=20), line(start=34, days=9), as_of=34)["DUR-01"] == 2
    assert "DUR-01" not in fired(line(days=20), line(start=35, days=9), as_of=35)


def test_the_clock_is_common_and_the_indication_that_of_the_line_judged():
    found = finding(
        "DUR-02",
        line(days=28),
        line("zopiclone 7.5 mg tablets", start=28, days=7, indication="insomnia"),
        as_of=30,
    )
    assert (found.severity, found.facts[0].value) == (2, 35)


@pytest.mark.parametrize(
    ("as_of", "stands", "why"),
    [
        (0, True, "from the day of the prescription: forward-looking"),
        (29, True, "in the supply"),
        (44, True, "14 free days: a supply today would still join"),
        (45, False, "15 free days: it would begin anew"),
        (4000, False, "exposure that ended years ago"),
    ],
)
def test_a_finding_stands_while_a_supply_today_would_still_join(as_of, stands, why):
    assert ("DUR-01" in fired(line(days=30), as_of=as_of)) is stands, why


def test_a_prescription_dated_ahead_is_judged_at_once():
    assert fired(line(start=20, days=29), as_of=0)["DUR-01"] == 2


@pytest.mark.parametrize(
    ("status", "why"),
    [("active", "may still be taken"), ("stopped", "when is not recorded")],
)
def test_no_supply_is_never_short_term(status, why):
    old = line(days_supply=None, quantity=None, dose=None, times_per_day=None, status=status)
    screening = screen(person(old, as_of=3000), BOOK)
    assert {gap.rule_id for gap in screening.not_evaluable} >= {"DUR-01", "DUR-04"}, why
    assert {f.rule_id for f in screening.findings} - {"REV-02"} == {"DQ-01"}
    assert not screening.exposure.known


def test_as_needed_without_an_expected_rate_is_not_evaluable():
    lines = [line(days_supply=None, quantity=280, as_needed=True, max_per_day=4)]
    length = {"DUR-01", "DUR-04", "DUR-05", "DUR-06", "REV-01"}
    assert not_evaluable(*lines, as_of=3) == {*length, "REN-01", "SUP-01"}
    assert "DUR-01" not in fired(*lines, as_of=3)


def test_a_known_part_that_passes_the_limit_is_said_as_a_lower_bound():
    vague = line("lorazepam 1 mg", start=3, days_supply=None, quantity=None)
    found = finding("DUR-01", line(days=29), vague, as_of=5)
    assert found.severity == 2
    assert "at least 29 days" in found.sentence
    assert "lorazepam of 4 January 2026" in found.unknown
    # Below the highest step the answer is open, and is said to be.
    assert "DUR-01" in not_evaluable(line(days=20), vague, as_of=5)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("epilepsy_adjunct", None),
        ("spasticity_neurological", None),
        ("palliative", None),
        ("specialist", 4),
        ("alcohol_withdrawal", 2),
    ],
)
def test_exemptions(kind, severity):
    exempt = Exemption(id=1, kind=kind, starts_on=on(0), expires_on=on(100))
    assert fired(line(days=29), exemptions=(exempt,)).get("DUR-01") == severity


@pytest.mark.parametrize(("as_of", "silent"), [(4, False), (5, True), (10, True), (11, False)])
def test_an_exemption_holds_on_both_its_end_days(as_of, silent):
    exempt = Exemption(id=1, kind="palliative", starts_on=on(5), expires_on=on(10))
    assert ("DUR-01" not in fired(line(days=29), as_of=as_of, exemptions=(exempt,))) is silent


def test_an_exemption_for_one_line_does_not_cover_another():
    mine, other = line(days=29), line("lorazepam 1 mg", days=29)
    exempt = Exemption(
        id=1, kind="palliative", starts_on=on(0), expires_on=on(90), line_scope=(mine.id,)
    )
    assert "DUR-01" not in fired(mine, exemptions=(exempt,))
    assert "DUR-01" in fired(mine, other, exemptions=(exempt,))


def test_the_key_names_the_episode_and_not_the_count():
    early = finding("DUR-01", line(days=29), as_of=5)
    later = finding("DUR-01", line(days=29), line(start=29), as_of=40)
    assert early.key == later.key == "DUR-01:2026-01-01"


def test_the_sentence_gives_numbers_and_days_in_words():
    found = finding("DUR-01", line(days=33), as_of=5)
    assert found.title == "Diazepam would pass day 28 on 29 January 2026"
    assert found.sentence == (
        "The current supply, to 2 February 2026, takes exposure to diazepam to 33 days since "
        "1 January 2026, for severe or disabling anxiety; the limit of the UK profile is 28 days."
    )
    assert [(f.name, f.value, f.unit) for f in found.facts][:3] == [
        ("exposed_days", 33, "days"),
        ("limit_days", 28, "days"),
        ("elapsed_days", 33, "days"),
    ]


def test_nothing_is_said_about_somebody_who_died():
    dossier = person(line(days=40), as_of=5, deceased_on=on(5))
    assert screen(dossier, BOOK).findings == ()
    assert screen(person(line(days=40), as_of=4, deceased_on=on(5)), BOOK).findings
    vague = line(days_supply=None, quantity=None)
    assert not_evaluable(vague, as_of=5, deceased_on=date(2026, 1, 3)) >= {"DUR-01"}

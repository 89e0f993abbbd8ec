"""The core against an independent day-by-day account of the same supplies, on random people."""

import random
from datetime import date

import pytest

from reviews.rules import screen
from reviews.rules.drug import BZRA
from reviews.rules.supply import early_issues
from reviews.rules.view import View

from . import oracle
from .book import BOOK, DAY0, line, medicine, on, person

TEXTS = {
    "diazepam": medicine("diazepam tablets"),
    "lorazepam": medicine("lorazepam tablets"),
    "zopiclone": medicine("zopiclone tablets"),
}
ORIGIN = DAY0.toordinal()


def history(rng):
    """Up to eight supplies of up to three drugs, many of them early or late by a few days."""
    supplies, at = [], 0
    for _ in range(rng.randrange(1, 9)):
        days = rng.choice((1, 3, 7, 14, 28, 30, 60))
        supplies.append((rng.choice(list(TEXTS)), at, days, rng.choice((1, 2.5, 5, 10))))
        at += max(0, rng.choice((0, days - 5, days, days + 3, days + 14, days + 15, days + 40)))
    return supplies


def view_of(supplies, today):
    lines = [
        line(
            "",
            medicine=TEXTS[drug],
            start=start,
            days=days,
            dose=mg,
            dose_unit="mg",
            quantity=None,
        )
        for drug, start, days, mg in supplies
    ]
    dossier = person(*lines, as_of=today)
    sedatives = [(each, BOOK.recognise(each.medicine)) for each in dossier.lines]
    assert all(recognition.mask & BZRA for _, recognition in sedatives)
    return dossier, View(dossier, BOOK, sedatives)


@pytest.mark.parametrize("seed", range(40))
def test_the_core_and_the_oracle_agree(seed):
    rng = random.Random(seed)
    for _ in range(75):  # 3,000 people in all
        supplies = history(rng)
        last = max(start + days for _, start, days, _ in supplies)
        today = rng.randrange(0, last + 30)
        dossier, view = view_of(supplies, today)
        told = f"{supplies} on day {today}"

        days = {
            day - ORIGIN
            for episode in view.episodes
            for start, end in episode.covered
            for day in range(start, end + 1)
        }
        assert days == oracle.exposed(supplies), told

        mine = oracle.episode(supplies, today)
        exposure = screen(dossier, BOOK).exposure
        if mine:
            assert view.current, told
            assert exposure.start_on == on(min(mine)), told
            assert exposure.end_on == on(max(mine)), told
            assert exposure.days == len(mine), told
            assert exposure.elapsed_days == max(mine) - min(mine) + 1, told
        else:
            assert not view.current, told

        for one, other in (("diazepam", "lorazepam"), ("diazepam", "zopiclone")):
            found = oracle.shared_days(supplies, one, other)
            a, b = (
                {
                    day - ORIGIN
                    for span in view.spans
                    if span.use.drug.key == drug
                    for day in range(span.start, span.end + 1)
                }
                for drug in (one, other)
            )
            assert a & b == found, told

        amounts = {}
        for stretch in view.stretches:
            for day in range(stretch.start, stretch.end + 1):
                for part in stretch.parts:
                    key = part.use.drug.key, day - ORIGIN
                    amounts[key] = amounts.get(key, 0) + part.mg
        for (drug, day), mg in list(amounts.items())[::7]:
            assert mg == pytest.approx(oracle.mg_on(supplies, drug, day)), told

        refills = sorted(
            (issue.use.drug.key, issue.day - ORIGIN, issue.left_days)
            for issue in early_issues(view)
        )
        assert refills == oracle.early_refills(supplies), told


def test_the_duration_rules_fire_where_the_oracle_counts_too_many_days():
    rng = random.Random(99)
    seen = 0
    for _ in range(400):
        supplies = [row for row in history(rng) if row[0] != "zopiclone"]
        if not supplies:
            continue
        dossier, view = view_of(supplies, 0)
        # Judged on the last day of all supplies, the whole episode counts.
        days = sorted(oracle.exposed(supplies))
        dossier, view = view_of(supplies, days[-1])
        mine = oracle.episode(supplies, days[-1])
        if len(view.current) > 1 or max(mine) != days[-1]:
            continue
        fired = {f.rule_id: int(f.severity) for f in screen(dossier, BOOK).findings}
        assert ("DUR-04" in fired) is (len(mine) > 120), supplies
        if len(mine) <= 120:
            assert fired.get("DUR-01") == (2 if len(mine) > 28 else 4 if len(mine) > 14 else None)
        seen += 1
    assert seen > 200


STEPS = {
    ("anxiety", "UK"): ("DUR-01", ((28, 2), (14, 4))),
    ("anxiety", "US"): ("DUR-01", ((60, 3), (28, 4))),
    ("anxiety", "EU"): ("DUR-01", ((84, 2), (56, 3))),
    ("insomnia", "UK"): ("DUR-02", ((28, 2), (14, 3))),
    ("insomnia", "US"): ("DUR-02", ((28, 3),)),
    ("muscle_spasm_acute", "EU"): ("DUR-03", ((28, 2), (14, 3))),
}


def lengths(supplies, today, indication, profile, old):
    """The duration rules by counting single days: rule to the gravest severity."""
    cover = oracle.covered_days(supplies)
    all_days = oracle.exposed(supplies)
    rule, steps = STEPS[indication, profile]
    found, last_days = {}, []
    for episode in oracle._episodes(all_days):
        if today > max(episode) + oracle.GAP_DAYS + 1:
            continue
        ends = {n: max(days) for n, days in cover.items() if min(days) in episode}
        lines = [n for n, end in ends.items() if end >= today] or [
            n for n, end in ends.items() if end == max(episode)
        ]
        last_days += [ends[n] for n in lines]
        count = max(len({day for day in episode if day <= ends[n]}) for n in lines)
        if count > 120:
            found["DUR-04"] = 2
        elif over := [severity for limit, severity in steps if count > limit]:
            found[rule] = min(*over, found.get(rule, 9))
        new = not any(min(episode) - 450 <= day < min(episode) for day in all_days)
        long = count >= 21 or any(supplies[n][2] >= 21 for n in lines)
        recent = today <= min(episode) + 90
        if old and new and long and recent and count <= 120:
            found["DUR-08"] = 2
    if last_days:
        end = max(last_days)
        year = sum(end - 365 < day <= end for day in all_days)
        half = sum(end - 180 < day <= end for day in all_days)
        if year >= 180 or half >= 144:
            found["DUR-06"] = 2
        elif year > 90:
            found["DUR-05"] = 3
        begun = sum(end - 365 < start <= end for _, start, _, _ in supplies)
        since = end + 1 - min(day for day in all_days if end - 365 < day)
        if begun >= 6 and 95 <= year <= 273 and year * 365 <= 273 * since:
            found["DUR-10"] = 3
    return found


@pytest.mark.parametrize(("indication", "profile"), STEPS)
def test_every_duration_rule_agrees_with_a_count_of_single_days(indication, profile):
    rng = random.Random(f"{indication} {profile}")
    seen = set()
    for _ in range(150):
        supplies = history(rng)
        if rng.random() < 0.5:
            more = history(rng)
            supplies += [(drug, start + 150, days, mg) for drug, start, days, mg in more]
        last = max(start + days for _, start, days, _ in supplies)
        today = rng.randrange(max(0, last - 60), last + 10)
        old = rng.random() < 0.5
        lines = [
            line(
                "",
                medicine=TEXTS[drug],
                start=start,
                days=days,
                dose=mg,
                dose_unit="mg",
                quantity=None,
                indication=indication,
            )
            for drug, start, days, mg in supplies
        ]
        birth = date(1950 if old else 1980, 1, 1)
        dossier = person(*lines, as_of=today, profile=profile, birth=birth)
        found = {}
        for each in screen(dossier, BOOK).findings:
            if each.rule_id.startswith("DUR"):
                found[each.rule_id] = min(int(each.severity), found.get(each.rule_id, 9))
        expected = lengths(supplies, today, indication, profile, old)
        assert found == expected, f"{supplies} on day {today}"
        seen |= expected.keys()
    assert {"DUR-05", "DUR-06", "DUR-08", "DUR-10"} <= seen

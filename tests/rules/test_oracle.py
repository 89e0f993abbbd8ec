"""The core against an independent day-by-day account of the same supplies, on random people."""

import random

import pytest

from reviews.rules import screen
from reviews.rules.drug import BZRA
from reviews.rules.supply import early_refills
from reviews.rules.view import View, see

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
    seen = [(each, see(BOOK, each.medicine)) for each in dossier.lines]
    assert all(found.mask & BZRA for _, found in seen)
    return dossier, View(dossier, BOOK, seen, [], [])


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
            (use.drug.key, start - ORIGIN, left) for start, left, _, use in early_refills(view)
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

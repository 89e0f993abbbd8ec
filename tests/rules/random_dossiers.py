"""Untidy dossiers from the whole formulary: odd forms and units, gaps, ends before starts.

The same number always makes the same dossier. Plausibility is not the aim; whatever a record can
hold must be screened.
"""

import random
from datetime import date, timedelta
from itertools import count

from reviews.rules.codes import CHANGES, REPLACEMENTS, TAPER_STATES
from reviews.rules.conditions import THEMES
from reviews.rules.dossier import (
    Condition,
    Dossier,
    Exemption,
    Line,
    Medicine,
    Reading,
    Taper,
    TaperStep,
)
from reviews.rules.exemptions import KINDS as EXEMPTIONS
from reviews.rules.indications import INDICATIONS
from reviews.rules.readings import CHECKLIST, CHOICE, KINDS, NUMBER

TODAY = date(2026, 11, 22)
COMMON = [
    "diazepam",
    "zopiclone",
    "lorazepam",
    "temazepam",
    "clonazepam",
    "alprazolam",
    "midazolam",
]
FORMS = [*["tablets"] * 8, "capsules", "injection", "buccal", "nasal", "rectal", "patch", ""]
SOMETIMES = {
    "route": ["oral", "parenteral", "buccal", "rectal", "transdermal", "nasal"],
    "setting": ["inpatient", "procedural", "unsupervised", "unknown"],
    "status": ["stopped", "completed", "draft", "cancelled", "on-hold"],
    "prescriber": list("ABCDE"),
    "pharmacy": list("PQRST"),
    "team": list("XY"),
    "source": ["dispensed", "reported", "given"],
    "refill_number": range(8),
    "acquired": ["private", "online"],
    "replacement_reason": sorted(REPLACEMENTS),
    "change_reason": sorted(CHANGES),
    "is_new_start": [True],
    "repeat_template": [True],
    "start_minute": range(0, 1440, 90),
    "dose_max": [2.0, 4.0],
    "times_per_day_max": [3.0, 4.0],
    "repeats_allowed": range(6),
    "issue_days": [7, 28],
    "valid_until": [TODAY - timedelta(days=40), TODAY + timedelta(days=150)],
    "quantity_text": ["2 packs of 28", "2 Packung", "1 bottle"],
    "schedule": [((3.0, 7), (2.0, 7), (1.0, 14)), ((1.0, 14), (2.0, 14))],
}


def dossier(number, book):
    """The dossier of a number."""
    return _Maker(random.Random(number), book).dossier(number)


class _Maker:
    def __init__(self, rng, book):
        self.rng, self.book = rng, book
        self.drugs = sorted(book.drugs)
        self.sedatives = [
            key for key in self.drugs if {"benzodiazepine", "z-drug"} & set(book.drugs[key].classes)
        ]
        self.ids = count(1)

    def dossier(self, number):
        rng = self.rng
        lines = [*self.course(), *self.others()]
        rng.shuffle(lines)
        return Dossier(
            patient_id=number,
            as_of=TODAY,
            profile=rng.choice(["UK", "EU", "US"]),
            birth_date=self.perhaps(0.94, self.ago(3000, 34000)),
            deceased_on=self.perhaps(0.02, self.ago(-5, 60)),
            sex=rng.choice(["female", "male", "unknown"]),
            lines=tuple(lines),
            conditions=tuple(self.condition() for _ in range(rng.randrange(4))),
            readings=tuple(self.reading() for _ in range(rng.randrange(5))),
            exemptions=tuple(self.exemption() for _ in range(rng.choice([0, 0, 0, 1, 2]))),
            tapers=tuple(self.taper() for _ in range(rng.choice([0, 0, 0, 1, 2]))),
        )

    def perhaps(self, chance, value):
        return value if self.rng.random() < chance else None

    def ago(self, least, most):
        return TODAY - timedelta(days=self.rng.randrange(least, most))

    def course(self):
        """Supplies of a few sedatives one after the other, with overlaps and gaps."""
        rng = self.rng
        keys = [
            rng.choice(COMMON if rng.random() < 0.8 else self.sedatives)
            for _ in range(rng.choice([1, 1, 2, 3]))
        ]
        start = self.ago(20, 500)
        for _ in range(rng.randrange(12)):
            days = rng.choice([0, 1, 3, 7, 14, 28, 28, 30, 56, 130])
            yield self.line(rng.choice(keys), start, days)
            start += timedelta(days=max(0, days + rng.choice([-5, 0, 0, 3, 14, 15, 40])))

    def others(self):
        for _ in range(self.rng.randrange(6)):
            key = self.rng.choice(self.drugs)
            yield self.line(key, self.ago(-5, 200), self.rng.choice([1, 7, 28, 84]))

    def line(self, key, start, days):
        rng = self.rng
        text = f"{self.book.drugs[key].name} {rng.choice([0.5, 1, 2, 5, 7.5, 10, 50]):g} mg"
        text = f"{text} {rng.choice(FORMS)}" if rng.random() < 0.95 else "as before"
        as_needed = rng.random() < 0.12
        known = {
            name: rng.choice(list(values))
            for name, values in SOMETIMES.items()
            if rng.random() < 0.12
        }
        return Line(
            next(self.ids),
            Medicine(text, text, ()),
            self.perhaps(0.97, start),
            self.perhaps(0.95, rng.choice([0.5, 1.0, 1.0, 2.0])),
            rng.choice([*["tablet"] * 6, "mg", "ml", "capsule", "patch", None]),
            self.perhaps(0.95, rng.choice([1.0, 1.0, 2.0, 3.0])),
            as_needed,
            self.perhaps(0.6, 4.0) if as_needed else None,
            self.perhaps(0.5, 1.0) if as_needed else None,
            self.perhaps(0.85, float(days)),
            rng.choice(["tablet", "ml", None]),
            self.perhaps(0.6, days),
            self.perhaps(0.5, start - timedelta(days=rng.randrange(40))),
            indication=rng.choice(["anxiety", "insomnia", "unknown", *sorted(INDICATIONS)]),
            end_on=self.perhaps(0.15, start + timedelta(days=rng.randrange(-3, 80))),
            **known,
        )

    def condition(self):
        rng = self.rng
        theme = THEMES[rng.choice(sorted(THEMES))]
        codes = sorted(theme["icd10"])
        coded = codes and rng.random() < 0.5
        return Condition(
            id=next(self.ids),
            codings=(("icd10", rng.choice(codes)),) if coded else (),
            text=rng.choice(sorted(theme["words"]) or ["unwell"]),
            onset_on=self.perhaps(0.8, self.ago(-10, 900)),
            ended_on=self.perhaps(0.2, self.ago(-10, 900)),
            kind=rng.choice([*["condition"] * 9, "allergy"]),
        )

    def reading(self):
        rng = self.rng
        kind = rng.choice(sorted(KINDS))
        known = KINDS[kind]
        value, text = None, self.ago(-90, 90).isoformat()
        if known.shape == NUMBER:
            value, text = round(rng.uniform(known.lowest, known.highest), 1), ""
        elif known.shape == CHOICE:
            text = rng.choice(list(known.choices))
        elif known.shape == CHECKLIST:
            ticked = rng.sample(list(known.choices), rng.randrange(len(known.choices) + 1))
            value, text = float(len(ticked)), " ".join(ticked) or "none"
        on = self.perhaps(0.97, self.ago(-5, 500))
        return Reading(id=next(self.ids), kind=kind, value=value, text=text, on=on)

    def exemption(self):
        begun = self.ago(0, 400)
        return Exemption(
            id=next(self.ids),
            kind=self.rng.choice(sorted(EXEMPTIONS)),
            starts_on=begun,
            expires_on=begun + timedelta(days=self.rng.choice([100, 365])),
            line_scope=self.rng.choice([(), (), (1, 2)]),
        )

    def taper(self):
        rng = self.rng
        on, mg, steps = self.ago(-20, 200), rng.choice([5, 10, 20, 40]), []
        while mg > 0.3:
            steps.append(TaperStep(on, mg))
            on += timedelta(days=rng.choice([2, 3, 7, 14, 28]))
            mg = round(mg * rng.choice([0.4, 0.7, 0.9]), 2)
        return Taper(
            id=next(self.ids),
            drug=rng.choice([*COMMON, "no-such-drug"]),
            status=rng.choice(sorted(TAPER_STATES)),
            steps=tuple(steps),
            maintenance_agreed=rng.random() < 0.2,
            last_contact_on=self.perhaps(0.7, self.ago(0, 100)),
        )

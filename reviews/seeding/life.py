"""One invented person while being written: orders, problems and readings, in days from today."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

import msgspec

from reviews.records import Coding, ConditionRecord, PrescriptionRecord, ReadingRecord
from reviews.rules.dossier import Exemption, Taper
from reviews.seeding.medicines import PRODUCTS, US

OUTSIDE = (
    "Out-of-hours service",
    "Hospital discharge",
    "Dr P. Lindqvist, neurology",
    "Community mental health team",
)
# name: SNOMED CT, ICD-10.
PROBLEMS = {
    "Essential hypertension": ("59621000", "I10"),
    "Type 2 diabetes mellitus": ("44054006", "E11.9"),
    "Asthma": ("195967001", "J45.9"),
    "Hypothyroidism": ("40930008", "E03.9"),
    "Hyperlipidaemia": ("55822004", "E78.5"),
    "Ischaemic heart disease": ("414545008", "I25.9"),
    "Osteoarthritis": ("396275006", "M19.9"),
    "Osteoporosis": ("64859006", "M81.9"),
    "Generalised anxiety disorder": ("21897009", "F41.1"),
    "Panic disorder": ("371631005", "F41.0"),
    "Depression": ("35489007", "F32.9"),
    "Insomnia": ("193462001", "G47.0"),
    "Epilepsy": ("84757009", "G40.9"),
    "Multiple sclerosis": ("24700007", "G35"),
    "Chronic pain": ("82423001", "R52.2"),
    "Opioid dependence": ("75544000", "F11.2"),
    "Iron deficiency anaemia": ("87522002", "D50.9"),
}


Kind: TypeAlias = Mapping[str, Sequence[tuple[str, float]]]
"""A kind of medicine: for each country the products in use, with the mg of one dose."""


class Order(NamedTuple):
    """One medicine order: what it says now, and what it said before it was stopped."""

    record: PrescriptionRecord
    recorded_on: date
    own: bool
    earlier: PrescriptionRecord | None = None
    earlier_on: date | None = None


class Life:
    """Collects a person's record. Days are offsets from `today`: -28 is past.

    `kept` is False for a record to which nobody adds that medicines were checked or a review
    planned.
    """

    def __init__(
        self, rng: random.Random, *, profile: str, today: date, birth_date: date, sex: str
    ) -> None:
        self.rng = rng
        self.profile = profile
        self.today = today
        self.birth_date = birth_date
        self.sex = sex
        self.deceased_on: date | None = None
        self.orders: list[Order] = []
        self.conditions: list[ConditionRecord] = []
        self.readings: list[ReadingRecord] = []
        self.exemptions: list[Exemption] = []
        self.tapers: list[Taper] = []
        self.kept = True
        self._usual: dict[int, tuple[str, float]] = {}

    def usual(self, kind: Kind) -> tuple[str, float]:
        """`(product key, mg)`: which product of a kind this person has, always the same one."""
        if id(kind) not in self._usual:
            self._usual[id(kind)] = self.rng.choice(kind[self.profile])
        return self._usual[id(kind)]

    def day(self, offset: int) -> date:
        return self.today + timedelta(days=offset)

    def turns(self, years: int, *, on: int, or_before: bool = False) -> None:
        """Move the birth date so that the person completes `years` on day `on`.

        A 29 February that the year of birth did not have becomes the day after, or before.
        """
        day = self.day(on)
        try:
            self.birth_date = day.replace(year=day.year - years)
        except ValueError:
            near = day + timedelta(days=-1 if or_before else 1)
            self.birth_date = near.replace(year=near.year - years)

    def issue(
        self,
        key: str,
        *,
        day: int,
        days: int,
        mg: float,
        times: int = 1,
        indication: str = "unknown",
        supply: str = "quantity",
        as_needed: bool = False,
        expected_mg: float | None = None,
        stopped_on: int | None = None,
        outside: bool = False,
        status: str | None = None,
        route: str = "",
        setting: str = "community",
        seen_on: int | None = None,
    ) -> None:
        """One order of `days` days from `day` on, `mg` each time and `times` a day.

        `supply` says what the record tells of its length: "quantity", "days" (both) or "none".
        `stopped_on` is the day on which a clinician ended it early.
        """
        product = PRODUCTS[key]
        text, codings = product.written[self.profile]
        units = mg / product.mg
        in_units = product.combination or self.rng.random() < 0.5
        dose, dose_unit = (units, product.unit) if in_units else (mg, "mg")
        start = self.day(day)
        known = supply != "none"
        if status is None:
            status = "active" if day + days > 0 else "completed"
        record = PrescriptionRecord(
            medicine=text,
            codings=codings,
            dose=round(dose, 4),
            dose_unit=dose_unit,
            times_per_day=times,
            as_needed=as_needed,
            max_per_day=round(dose * times, 4) if as_needed else None,
            expected_per_day=(
                round(expected_mg / product.mg if in_units else expected_mg, 4)
                if expected_mg
                else None
            ),
            quantity=round(units * times * days, 4) if known else None,
            quantity_unit=product.unit if known else None,
            days_supply=days if supply == "days" else None,
            written_on=start,
            start_on=start,
            indication=indication,
            route=route,
            setting=setting,
            status=status,
            prescriber=self.rng.choice(OUTSIDE) if outside else "",
        )
        recorded_on = min(self.day(seen_on) if seen_on is not None else start, self.today)
        earlier = earlier_on = None
        if stopped_on is not None:
            earlier, earlier_on = record, recorded_on
            recorded_on = self.day(stopped_on)
            record = msgspec.structs.replace(
                record,
                status="stopped",
                status_reason=self.rng.choice(STOPPED_BECAUSE),
                end_on=recorded_on,
            )
        self.orders.append(Order(record, recorded_on, not outside, earlier, earlier_on))

    def order(self, record: PrescriptionRecord) -> None:
        """An order that is written out already; one that was ended has a version before it."""
        recorded_on = min(record.start_on or self.today, self.today)
        earlier = earlier_on = None
        if record.status == "stopped":
            earlier = msgspec.structs.replace(record, status="active", end_on=None)
            earlier_on, recorded_on = recorded_on, min(record.end_on or self.today, self.today)
        self.orders.append(Order(record, recorded_on, True, earlier, earlier_on))

    def repeat(self, key: str, *, lengths: Iterable[int], start: int, **order: Any) -> int:
        """Supplies that follow one another without a gap; returns the first day after the last."""
        day = start
        for length in lengths:
            self.issue(key, day=day, days=length, **order)
            day += length
        return day

    def course(self, key: str, *, total: int, **order: Any) -> None:
        """A current course of exactly `total` days, in issues of a month, now in its last one."""
        lengths = month_by_month(total, 30 if self.profile == US else 28)
        left = self.rng.randint(1, lengths[-1])
        self.repeat(key, lengths=lengths, start=left - total, **order)

    def has(self, name: str, *, since_years: float | None = None, ended: int | None = None) -> None:
        """A coded problem, since some years ago."""
        snomed, icd10 = PROBLEMS[name]
        years = since_years if since_years is not None else self.rng.uniform(0.3, 12)
        onset = max(self.today - timedelta(days=round(years * 365.25)), self.birth_date)
        self.conditions.append(
            ConditionRecord(
                text=name,
                codings=(
                    Coding("icd10", icd10) if self.profile == US else Coding("snomed", snomed),
                ),
                onset_on=onset,
                ended_on=None if ended is None else max(onset, self.day(ended)),
                status="active" if ended is None else "resolved",
            )
        )

    def well_kept(self) -> None:
        """Medicines gone through when the latest course began, and a next review planned."""
        begun = max(
            (order.record.start_on or self.today for order in self.orders), default=self.today
        )
        planned = self.day(self.rng.randint(7, 28))
        self.readings += (
            ReadingRecord(kind="medicines_reconciled", on=begun, text="listed"),
            ReadingRecord(kind="next_review", on=begun, text=planned.isoformat()),
        )


STOPPED_BECAUSE = (
    "Taper completed as agreed with the patient",
    "No longer needed",
    "Side effects: drowsy in the morning",
    "Changed to another medicine",
)


def month_by_month(total: int, month: int) -> list[int]:
    """`total` days as issues of at most `month` days, the last one no shorter than it need be."""
    count = -(-total // month)
    if count == 1:
        return [total]
    rest = total - (count - 2) * month
    return [month] * (count - 2) + [rest - rest // 2, rest // 2]

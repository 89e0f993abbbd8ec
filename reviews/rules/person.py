"""The person beside the medicines: age, conditions and readings on the day judged."""

from collections.abc import Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import NamedTuple

from reviews.rules import conditions
from reviews.rules.birth import possible_birth_date
from reviews.rules.dossier import Condition, Dossier
from reviews.rules.kept import kept
from reviews.rules.readings import KINDS
from reviews.rules.watch import Watch


class Answer(NamedTuple):
    """A reading that has a date: its day as an ordinal, the number measured, the code answered."""

    day: int
    value: float | None
    text: str


class Person:
    """What the record says of a person; each answer that time can change notes the day."""

    def __init__(self, dossier: Dossier, watch: Watch):
        self.birth_date = possible_birth_date(dossier.birth_date, today=dossier.as_of)
        self.sex = dossier.sex
        self._dossier = dossier
        self._watch = watch
        self._ages: dict[int, int] = {}

    # --- age -----------------------------------------------------------------------------

    def age_on(self, ordinal: int) -> int | None:
        """Completed years; a birthday on 29 February is reached on 1 March of a common year."""
        birth = self.birth_date
        if birth is None:
            return None
        age = self._ages.get(ordinal)
        if age is None:
            on = date.fromordinal(ordinal)
            age = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
            self._ages[ordinal] = age
        return age

    def is_aged(self, years: int, ordinal: int) -> bool:
        """Had the person completed so many years by a day? False without a birth date."""
        age = self.age_on(ordinal)
        return age is not None and age >= years

    def birthday(self, age: int) -> int | None:
        """The day on which the person has completed `age` years, None without a birth date."""
        birth = self.birth_date
        if birth is None:
            return None
        try:
            return birth.replace(year=birth.year + age).toordinal()
        except ValueError:
            return date(birth.year + age, 3, 1).toordinal()

    def watch_birthday(self, age: int):
        """Say that the answer can change when the person has completed `age` years."""
        day = self.birthday(age)
        if day is not None:
            self._watch.note(day)

    # --- conditions ----------------------------------------------------------------------

    @kept
    def themes(self) -> Mapping[str, Sequence[Condition]]:
        """Conditions that had begun by the day judged, over or not, by theme."""
        found: dict[str, list[Condition]] = {}
        as_of = self._dossier.as_of
        for condition in self._dossier.conditions:
            if condition.kind == "condition" and (
                condition.onset_on is None or condition.onset_on <= as_of
            ):
                for theme in conditions.themes_of(condition.codings, condition.text):
                    found.setdefault(theme, []).append(condition)
        return found

    @kept
    def themes_now(self) -> frozenset[str]:
        """Themes of which a condition is not over."""
        as_of = self._dossier.as_of
        return frozenset(
            theme
            for theme, found in self.themes.items()
            if any(each.ended_on is None or each.ended_on > as_of for each in found)
        )

    def has(self, *themes: str) -> bool:
        """Is a condition of one of the themes on record and not over?"""
        return not self.themes_now.isdisjoint(themes)

    def had(self, theme: str) -> bool:
        """Is a condition of the theme on record, over or not?"""
        return theme in self.themes

    def events(self, theme: str, within: int) -> list[int]:
        """Days of onset in the last so many days (the limit included), each once, in order."""
        days = {
            condition.onset_on.toordinal()
            for condition in self.themes.get(theme, ())
            if condition.onset_on is not None
        }
        return sorted(day for day in days if not self._watch.reached(day + within + 1))

    # --- readings ------------------------------------------------------------------------

    @kept
    def _by_kind(self) -> Mapping[str, Sequence[Answer]]:
        """Readings up to the day judged by kind, the latest last."""
        by_kind: dict[str, list[Answer]] = {}
        as_of = self._dossier.as_of
        for reading in sorted(self._dossier.readings, key=attrgetter("id")):
            if reading.on is not None and reading.on <= as_of:
                answer = Answer(reading.on.toordinal(), reading.value, reading.text)
                by_kind.setdefault(reading.kind, []).append(answer)
        for found in by_kind.values():
            found.sort(key=attrgetter("day"))
        return by_kind

    def readings_of(self, kind: str) -> Sequence[Answer]:
        """Readings of a kind up to the day judged, the latest last."""
        return self._by_kind.get(kind, ())

    def reading(self, kind: str) -> Answer | None:
        """The latest reading of a kind while it speaks for the person, else None."""
        found = self._by_kind.get(kind)
        if not found:
            return None
        latest = found[-1]
        valid = KINDS[kind].valid_days
        if valid is not None and self._watch.reached(latest.day + valid + 1):
            return None
        return latest

    def answer(self, kind: str) -> str:
        """The code answered in the latest valid reading, empty when there is none."""
        found = self.reading(kind)
        return "" if found is None else found.text

    def measured(self, kind: str) -> float | None:
        """The number in the latest valid reading."""
        found = self.reading(kind)
        return None if found is None else found.value

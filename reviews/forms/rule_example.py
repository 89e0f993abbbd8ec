"""The form of a worked example: an invented person, and what a rule should make of them."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django import forms
from django.http import QueryDict

from reviews import profiles
from reviews.forms.rule_change import GroundsForm
from reviews.models import Practice
from reviews.rules.codes import SEXES, UNITS
from reviews.rules.examples import added
from reviews.rules.indications import INDICATIONS
from reviews.rules.readings import KINDS

LEAST = {"medicines": 2, "conditions": 1, "readings": 1}
"""How many lines of each the form begins with; people add more, up to `added.MOST`."""
DAY_HINT = "Days from the day judged: -28 is four weeks before, 0 that day."


class RowForm(forms.Form):
    """One line of what is on record; a line left empty is none."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named, empty_permitted=True, use_required_attribute=False)

    def has_changed(self) -> bool:
        """Whether anything was typed: what is chosen from the start says nothing."""
        return any(str(self.data.get(self.add_prefix(name), "")).strip() for name in self.TYPED)

    TYPED: tuple[str, ...] = ()


def _short() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "short"})


class MedicineForm(RowForm):
    """One supply of a medicine, by days from the day judged."""

    TYPED = ("text", "start", "days")
    text = forms.CharField(label="Medicine", max_length=added.TEXT_LENGTH)
    amount = forms.FloatField(label="Dose", initial=1, widget=_short())
    unit = forms.ChoiceField(label="Unit", choices=list(UNITS.items()), initial="tablet")
    times = forms.FloatField(label="Times a day", initial=1, widget=_short())
    start = forms.IntegerField(label="From day", widget=_short())
    days = forms.IntegerField(label="Days’ supply", widget=_short())
    indication = forms.ChoiceField(label="For", choices=list(INDICATIONS.items()))


class ConditionForm(RowForm):
    """One diagnosis or event."""

    TYPED = ("text", "code", "day")
    text = forms.CharField(label="Condition", max_length=added.TEXT_LENGTH)
    code = forms.CharField(label="ICD-10", max_length=10, required=False, widget=_short())
    day = forms.IntegerField(label="On day", widget=_short())


class ReadingForm(RowForm):
    """One value that was measured, or one answer."""

    TYPED = ("answer", "day")
    kind = forms.ChoiceField(label="Reading", choices=list(added.readable_kinds().items()))
    answer = forms.CharField(label="Value, or code of the answer", max_length=40)
    day = forms.IntegerField(label="On day", widget=_short())


class Lines(NamedTuple):
    """The lines of one kind: what is on record of it, and whether there is room for another."""

    name: str
    title: str
    one: str
    rows: list[RowForm]

    @property
    def has_room(self) -> bool:
        return len(self.rows) < added.MOST[self.name]


KINDS_OF_LINES: dict[str, tuple[str, str, type[RowForm]]] = {
    "medicines": ("Medicines", "medicine", MedicineForm),
    "conditions": ("Conditions", "condition", ConditionForm),
    "readings": ("Readings", "reading", ReadingForm),
}


class RuleExampleForm(GroundsForm):
    """What the example shows, of whom, under whose rules, what it should, and who says so.

    `initial` may hold lists of what is on record, by the names of `added.MOST`.
    """

    SHOWN_AT = {"profile": "scope"}

    title = forms.CharField(
        label="What it shows", max_length=200, help_text="Such as “28 days for anxiety, at 45”."
    )
    age = forms.IntegerField(
        label="Age",
        required=False,
        help_text="In years. Empty: not recorded.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "short"}),
    )
    sex = forms.ChoiceField(label="Sex", choices=list(SEXES.items()), initial="unknown")
    scope = forms.ChoiceField(label="Judged by the rules for")
    expected = forms.ChoiceField(
        label="This rule", choices=list(added.EXPECTED.items()), widget=forms.RadioSelect
    )
    invented = forms.BooleanField(
        label="I made this person up: nobody real is described here", required=False
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        places = [(f"practice:{p.code}", p.name) for p in Practice.objects.order_by("name")]
        self.fields["scope"].choices = [
            ("A profile", profiles.choices()),
            ("With the local policy of a practice", places),
        ]
        self.lines = [
            Lines(name, title, one, _rows(kind, one, name, self.data, self.initial.get(name, [])))
            for name, (title, one, kind) in KINDS_OF_LINES.items()
        ]

    @property
    def rows(self) -> list[RowForm]:
        return [row for lines in self.lines for row in lines.rows]

    def only_look(self) -> None:
        """Ask for no title and no source: nothing is to be saved yet."""
        for name in ("title", *GroundsForm.base_fields):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """What was typed, unless a line cannot be read; what is wrong in one is said at it."""
        wrong = [row for row in self.rows if not row.is_valid()]
        if wrong:
            raise forms.ValidationError("Something in the lines on record cannot be read")
        return self.cleaned_data

    def record(self) -> dict[str, Any]:
        """What is on record of the person, for the verb."""
        said = {"sex": self.cleaned_data["sex"]}
        if self.cleaned_data["age"] is not None:
            said["age"] = self.cleaned_data["age"]
        return said | {lines.name: [_read(row) for row in _filled(lines)] for lines in self.lines}

    def where(self) -> tuple[str, Practice | None]:
        """The profile, or the practice, that it is for; one of them is empty."""
        scope = self.cleaned_data["scope"]
        if not scope.startswith("practice:"):
            return scope, None
        return "", Practice.objects.get(code=scope.removeprefix("practice:"))


def codes() -> list[tuple[str, list[tuple[str, str]]]]:
    """`(reading, its answers as (code, label))` of the readings that are answered by a code."""
    kinds = [KINDS[key] for key in added.readable_kinds()]
    return [(kind.label, list(kind.choices.items())) for kind in kinds if kind.choices]


def typed(data: QueryDict, more: str = "") -> dict[str, Any]:
    """What was typed as the `initial` of a form, with one line more of a kind.

    Nothing is judged: whoever adds a line has not finished.
    """
    said: dict[str, Any] = {
        name: data[name] for name in RuleExampleForm.base_fields if name in data
    }
    said["invented"] = "invented" in data
    for name, (_, one, kind) in KINDS_OF_LINES.items():
        said[name] = [
            {field: data.get(f"{one}-{number}-{field}", "") for field in kind.base_fields}
            for number in range(1, _posted(data, one) + 1)
        ]
    if more in LEAST and len(said[more]) < added.MOST[more]:
        said[more].append({})
    return said


def _posted(data: Mapping[str, Any], one: str) -> int:
    """How many lines of a kind were sent; of more than there may be one too many is read."""
    found = (re.fullmatch(rf"{one}-([0-9]{{1,4}})-[a-z]+", name) for name in data)
    most = max(added.MOST.values()) + 1
    return min(most, max((int(each[1]) for each in found if each), default=0))


def _rows(
    kind: type[RowForm], one: str, name: str, data: Mapping[str, Any], held: list[dict[str, Any]]
) -> list[RowForm]:
    count = max(LEAST[name], _posted(data, one) if data else len(held))
    rows = [
        kind(
            data or None,
            prefix=f"{one}-{number}",
            initial=held[number - 1] if number <= len(held) else None,
        )
        for number in range(1, count + 1)
    ]
    if held and not held[-1]:
        # A line was added: whoever asked for it goes on there.
        first = next(iter(rows[len(held) - 1].fields.values()))
        first.widget.attrs["autofocus"] = True
    return rows


def _filled(lines: Lines) -> list[dict[str, Any]]:
    return [row.cleaned_data for row in lines.rows if row.has_changed()]


def _read(row: dict[str, Any]) -> dict[str, Any]:
    """A value that is a number is one; a code of an answer stays."""
    if "answer" not in row:
        return row
    try:
        return {**row, "answer": float(row["answer"].replace(",", "."))}
    except ValueError:
        return row

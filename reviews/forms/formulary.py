"""The form of one row of the formulary: its own values, and who says so."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.models import fields_for_model

from drugs.models import DrugClass, DrugFact, Ingredient, Sourced
from reviews import profiles
from reviews.errors import BadRecord
from reviews.forms.days import DayField
from reviews.forms.numbers import whole
from reviews.formulary_rows import IDENTITY, Citation

SEEN = "seen"
NEVER = datetime.min.replace(tzinfo=UTC)
"""No row was changed then, so whoever says that they saw it is refused."""
BANDS = [(band, band) for band in DrugFact.BANDS]
LABELS = {
    "mg_per_day": "mg a day",
    "mg": "mg that equal diazepam 10 mg",
    "mg_high": "to, where the table gives a range (mg)",
    "strengths_mg": "Strengths in mg, with commas between",
    "drug_class": "Class",
    "with_class": "With a whole class",
    "with_ingredient": "With one medicine",
    "level": "Judged by",
    "context": "Who: adult, elder, or a coded indication",
    "per_unit": "In each",
}


class RowForm(forms.Form):
    """The values of a row of `model`; the citation is always asked for anew.

    With a `row` its values are changed; without, what says which row it is is asked for too.
    """

    source = forms.CharField(
        max_length=300, help_text="The publication itself, not the page that quotes it."
    )
    locator = forms.CharField(
        label="Place in it", max_length=200, help_text="Section, table or page."
    )
    next_review = DayField(
        label="Read again by", help_text="Within a year: such as 4 Dec 2026 or +180d."
    )
    note = forms.CharField(max_length=500, required=False)
    read_by_me = forms.BooleanField(
        label="I have read this in the source itself, and sign it off", required=False
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    CITATION = ("source", "locator", "next_review", "note", "read_by_me")

    def __init__(self, model: type[Sourced], row: Sourced | None, *given: Any) -> None:
        super().__init__(*given)
        names = model.EDITABLE if row else (*IDENTITY[model], *model.EDITABLE)
        values = fields_for_model(model, fields=names)
        if model is DrugFact and row and row.kind == DrugFact.Kind.BAND:
            values["value"] = forms.ChoiceField(choices=BANDS)
        for name, queryset in (
            ("drug_class", DrugClass.objects.live().order_by("name")),
            ("with_class", DrugClass.objects.live().order_by("name")),
            ("with_ingredient", Ingredient.objects.live().order_by("name")),
        ):
            if name in values:
                values[name].queryset = queryset
        if "profile" in values:
            everywhere = [("", "every profile")] if model is DrugFact else []
            values["profile"] = forms.ChoiceField(
                choices=[*everywhere, *profiles.choices()], required=not everywhere
            )
        for name in values.keys() & LABELS.keys():
            values[name].label = LABELS[name]
        self.own = list(values)
        self.fields = {**values, **self.fields}
        if row:
            for name in (*self.own, "source", "locator", "note"):
                self.fields[name].initial = _plain(getattr(row, name))
            self.fields[SEEN].initial = row.changed_at.isoformat()

    @property
    def own_fields(self) -> list[BoundField]:
        """The row's own fields, apart from who says so."""
        return [self[name] for name in self.own]

    def values(self) -> dict[str, Any]:
        """What the row is to say, for the verb."""
        return {name: self.cleaned_data[name] for name in self.own}

    def citation(self) -> Citation:
        """Who says so, for the verb."""
        return Citation(**{name: self.cleaned_data[name] for name in self.CITATION})


def _plain(value: object) -> object:
    """A figure as it is typed, without needless noughts."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return [_plain(item) for item in value] if isinstance(value, list) else value


def seen(text: str) -> datetime:
    """When the row was last changed, as the form said it; `NEVER` when that cannot be read."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return NEVER


def read_ticked_rows(tokens: Iterable[str]) -> dict[int, datetime]:
    """`{id: when it was last changed}` of rows ticked as "id@moment". Raises `BadRecord`."""
    ticked = {}
    for token in tokens:
        pk, _, changed_at = token.partition("@")
        number, moment = whole(pk), seen(changed_at)
        if number is None or moment == NEVER:
            raise BadRecord("rows", "a row cannot be read: open the page again")
        ticked[number] = moment
    return ticked

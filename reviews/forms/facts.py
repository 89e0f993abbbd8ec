"""Forms about readings and exemptions: what is asked depends on the kind."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils import timezone

from reviews import observed, records
from reviews.exemptions import LONGEST_DAYS
from reviews.forms.days import DayField
from reviews.models import Reading
from reviews.rules import exemptions
from reviews.rules.readings import CHECKLIST, CHOICE, DATE, KINDS, Kind

NONE_TICKED = "none"


class ReadingForm(forms.Form):
    """One answer of a kind: a number in its unit, one of its answers, what is ticked, or a day."""

    SHOWN_AT = {"value": "answer", "text": "answer"}
    on = DayField(label="On", help_text="The day it was measured, answered or done.")

    def __init__(self, kind: str, *given: Any) -> None:
        super().__init__(*given)
        self.kind = kind
        self.known = KINDS[kind]
        self.fields = {"answer": _answer(self.known), **self.fields}
        self.fields["on"].initial = timezone.localdate()

    def record(self) -> records.ReadingRecord:
        """The answer as a record. Raises `BadRecord`."""
        answer = self.cleaned_data["answer"]
        said = {"kind": self.kind, "on": self.cleaned_data["on"], "status": "final"}
        if self.known.shape == CHECKLIST:
            said["text"] = " ".join(answer) or NONE_TICKED
        elif self.known.shape == DATE:
            said["text"] = answer.isoformat()
        elif self.known.shape == CHOICE:
            said["text"] = answer
        else:
            said["value"] = answer
        return records.convert(said, records.ReadingRecord)


class CorrectForm(ReadingForm):
    """What a reading should have said, or that it should not be there at all."""

    OTHERWISE, ERROR = "final", "entered-in-error"
    status = forms.ChoiceField(
        label="What was wrong",
        choices=[(OTHERWISE, "It should say what follows"), (ERROR, "It was entered in error")],
        widget=forms.RadioSelect,
        initial=OTHERWISE,
    )

    def __init__(self, held: Reading, given: Mapping[str, Any] | None = None) -> None:
        taken_back = given is not None and given.get("status") == self.ERROR
        if taken_back:
            # Nothing else is asked of somebody who takes a reading back.
            given = {"status": self.ERROR, "on": held.dated_on, "answer": ""}
        super().__init__(held.kind, given)
        self.held = held
        if taken_back:
            self.fields["answer"].required = False
        self.fields = {"status": self.fields.pop("status"), **self.fields}
        self.fields["on"].initial = held.dated_on
        self.fields["answer"].initial = self._held_answer()

    def record(self) -> records.ReadingRecord:
        """The reading as it is from now on. Raises `BadRecord`."""
        if self.cleaned_data["status"] == self.OTHERWISE:
            return super().record()
        return observed.as_error(self.held)

    def _held_answer(self) -> date | list[str] | str:
        text = self.held.text
        if self.known.shape == CHECKLIST:
            return [code for code in text.split() if code != NONE_TICKED]
        if self.known.shape == DATE:
            return date.fromisoformat(text)
        if self.known.shape == CHOICE:
            return text
        return f"{cast(Decimal, self.held.value).normalize():f}"


class ExemptForm(forms.Form):
    """Which rules do not apply to somebody, on whose word, and until when."""

    kind = forms.ChoiceField(
        label="Kind",
        choices=[(kind, words.partition(" ")[2]) for kind, words in exemptions.KINDS.items()],
    )
    evidence = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who confirmed it, and where that is written: letter, clinic, date.",
    )
    expires_on = DayField(label="Until", help_text="That day included; a year at most.")
    orders = forms.TypedMultipleChoiceField(
        label="Only for",
        coerce=UUID,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: for the whole patient. Ticked: only while these are all the "
        "benzodiazepines and Z-drugs in hand, so the next prescription is looked at anew.",
    )

    def __init__(self, orders: list[tuple[str, str]], *given: Any) -> None:
        """`orders`: pairs of the id and words of each order that the exemption may be for."""
        super().__init__(*given)
        self.fields["orders"].choices = orders
        if not orders:
            del self.fields["orders"]
        self.fields["expires_on"].initial = timezone.localdate() + timedelta(days=LONGEST_DAYS)


def _answer(known: Kind) -> forms.Field:
    if known.shape == CHECKLIST:
        return forms.MultipleChoiceField(
            label=known.label,
            choices=list(known.choices.items()),
            widget=forms.CheckboxSelectMultiple,
            required=False,
            help_text="Tick what is present; leave all empty when none is.",
        )
    if known.shape == DATE:
        return DayField(label=known.label, help_text="Such as 4 Dec 2026 or +90d.")
    if known.shape == CHOICE:
        return forms.ChoiceField(
            label=known.label, choices=list(known.choices.items()), widget=forms.RadioSelect
        )
    return forms.FloatField(
        label=f"{known.label}, {known.unit}",
        min_value=known.lowest,
        max_value=known.highest,
        help_text=f"From {known.lowest:g} to {known.highest:g} {known.unit}.",
        widget=forms.NumberInput(attrs={"step": "any"}),
    )

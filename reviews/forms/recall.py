"""Forms of recall lists."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from reviews.forms.days import DayField
from reviews.models import Asked, Practice

LOOK_DAYS, DUE_DAYS = 11, 90
"""What is offered: how long prescribers may look, and when it is to be done."""


class MakeForm(forms.Form):
    """What a list is called, what its people are asked for, and by when."""

    name = forms.CharField(label="Name", max_length=100)
    reason = forms.CharField(
        label="Why", max_length=500, help_text="Prescribers read this before letters go"
    )
    asked = forms.ChoiceField(
        label="They are asked for", choices=Asked.choices, initial=Asked.EITHER
    )
    age_from = forms.IntegerField(
        label="From this age on", min_value=0, max_value=120, required=False
    )
    days_from = forms.IntegerField(
        label="After so many days of use",
        min_value=1,
        max_value=20_000,
        required=False,
        help_text="Of a benzodiazepine or Z-drug without a break; an unknown length counts",
    )
    since = DayField(label="A review counts from", help_text="What is dated before does not")
    look_by = DayField(label="Prescribers look until")
    due_on = DayField(label="To be done by")

    def __init__(self, data: QueryDict | None, practices: list[Practice], **more: Any) -> None:
        today = timezone.localdate()
        initial = {
            "since": today,
            "look_by": today + timedelta(days=LOOK_DAYS),
            "due_on": today + timedelta(days=DUE_DAYS),
            **more.pop("initial", {}),
        }
        super().__init__(data, initial=initial, **more)
        if len(practices) > 1:
            self.fields["practice"] = forms.ChoiceField(
                label="Practice", choices=[(str(each.pk), each.name) for each in practices]
            )

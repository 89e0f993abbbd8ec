"""Whom somebody looks for in an emergency, and why."""

from django import forms

from reviews.forms.days import DayField
from reviews.models import SensitiveMark

REASON = forms.Textarea(attrs={"rows": 2})


class LookUpForm(forms.Form):
    """One person, exactly: by a number, or by family name and birth date."""

    number = forms.CharField(
        max_length=60, required=False, help_text="The whole national or hospital number."
    )
    family_name = forms.CharField(max_length=120, required=False)
    birth_date = DayField(required=False)


class OpenForm(LookUpForm):
    """The same again, who of those found it is, and the reason."""

    patient = forms.IntegerField(error_messages={"required": "Say who it is."})
    reason = forms.CharField(max_length=500, widget=REASON)


class ReasonForm(forms.Form):
    """Why somebody opens a marked record."""

    reason = forms.CharField(max_length=500, widget=REASON, label="Why you open it")


class MarkForm(forms.Form):
    """That a record is sensitive, and why."""

    kind = forms.ChoiceField(
        choices=SensitiveMark.Kind.choices, widget=forms.RadioSelect, label="Of whom it is"
    )
    reason = forms.CharField(max_length=300, help_text="For the audit trail.")


class RemoveMarkForm(forms.Form):
    """Why a record is sensitive no longer."""

    reason = forms.CharField(max_length=300, help_text="For the audit trail.")

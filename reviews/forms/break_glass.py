"""Whom somebody looks for in an emergency, and why."""

from django import forms

from reviews.forms.days import DayField

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

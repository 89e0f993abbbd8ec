"""Forms about patients: register one, record a condition, end it."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from reviews import records
from reviews.forms.days import DayField
from reviews.identifiers import NHS_NUMBER
from reviews.models import Condition, Practice, Sex

SYSTEMS = [
    (NHS_NUMBER, "NHS number"),
    ("hospital-number", "Hospital number"),
    ("record-number", "Record number"),
]
CODE_SYSTEMS = [
    ("snomed", "SNOMED CT"),
    ("http://hl7.org/fhir/sid/icd-10", "ICD-10"),
]


class RegisterForm(forms.Form):
    """A person to register. Only the family name is needed, or the only name; unknown stays so."""

    practice = forms.ModelChoiceField(queryset=Practice.objects.none(), empty_label=None)
    family_name = forms.CharField(max_length=120)
    given_name = forms.CharField(max_length=120, required=False)
    birth_date = DayField(required=False, help_text="Such as 9 Sep 1974. Leave empty if not known.")
    sex = forms.ChoiceField(choices=Sex.choices, initial=Sex.UNKNOWN)
    system = forms.ChoiceField(label="Kind of number", choices=SYSTEMS)
    identifiers = forms.CharField(
        label="Number", max_length=100, required=False, help_text="Spaces do not matter."
    )

    def __init__(self, practices: QuerySet[Practice], *given: Any) -> None:
        super().__init__(*given)
        self.fields["practice"].queryset = practices

    def record(self) -> records.PatientRecord:
        """The person as a record. Raises `BadRecord`."""
        data = self.cleaned_data
        number = data["identifiers"]
        return records.convert(
            {
                "family_name": data["family_name"],
                "given_name": data["given_name"],
                "birth_date": data["birth_date"],
                "sex": data["sex"],
                "identifiers": [{"system": data["system"], "value": number}] if number else [],
            },
            records.PatientRecord,
        )


class DeathForm(forms.Form):
    """Whether a person has died, since when, and how that is known."""

    deceased = forms.ChoiceField(
        label="Has this person died?",
        choices=[("yes", "Yes"), ("no", "No, the record is wrong")],
        widget=forms.RadioSelect,
    )
    deceased_on = DayField(
        label="Day of death", required=False, help_text="Leave empty if not known."
    )
    reason = forms.CharField(label="How do you know?", max_length=500)


class ConditionForm(forms.Form):
    """A problem, coded where a code is known."""

    kind = forms.ChoiceField(choices=[("condition", "Condition"), ("allergy", "Allergy")])
    text = forms.CharField(
        label="Condition", max_length=300, help_text="Of an allergy, the substance."
    )
    system = forms.ChoiceField(label="Code system", choices=CODE_SYSTEMS)
    code = forms.CharField(
        max_length=60, required=False, help_text="Without a code, the words are matched."
    )
    onset_on = DayField(label="Since", required=False, help_text="Leave empty if not known.")
    ended_on = DayField(label="Until", required=False, help_text="Leave empty if it goes on.")

    def record(self) -> records.ConditionRecord:
        """The condition as a record. Raises `BadRecord`."""
        data = self.cleaned_data
        codings = [{"system": data["system"], "code": data["code"]}] if data["code"] else []
        return records.convert(
            {
                "kind": data["kind"],
                "text": data["text"],
                "codings": codings,
                "onset_on": data["onset_on"],
                "ended_on": data["ended_on"],
                "status": "resolved" if data["ended_on"] else "active",
            },
            records.ConditionRecord,
        )


class EndConditionForm(forms.Form):
    """Ended on a day, or never true."""

    ENDED, ERROR = "resolved", "entered-in-error"
    status = forms.ChoiceField(
        label="What happened",
        choices=[(ENDED, "It ended"), (ERROR, "It was entered in error")],
        widget=forms.RadioSelect,
        initial=ENDED,
    )
    ended_on = DayField(label="Ended on", required=False, help_text="Such as 4 Dec 2026.")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.fields["ended_on"].initial = timezone.localdate()

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("status") == self.ENDED and not data.get("ended_on") and not self.errors:
            self.add_error("ended_on", "Say on which day it ended.")
        return data

    def record(self, held: Condition) -> records.ConditionRecord:
        """The condition `held` as it is from now on. Raises `BadRecord`."""
        ended = self.cleaned_data["status"] == self.ENDED
        return records.convert(
            {
                "kind": held.kind,
                "text": held.text,
                "codings": held.codings,
                "onset_on": held.onset_on,
                "ended_on": self.cleaned_data["ended_on"] if ended else held.ended_on,
                "status": self.cleaned_data["status"],
            },
            records.ConditionRecord,
        )

    def said(self) -> str:
        """What was done, for the message."""
        if self.cleaned_data["status"] == self.ERROR:
            return "entered in error"
        return f"ended on {self.cleaned_data['ended_on']:%-d %b %Y}"

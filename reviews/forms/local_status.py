"""The form of what a place can get of a medicine."""

from typing import Any

from django import forms

from reviews.forms.days import DayField
from reviews.formulary_rows import Citation
from reviews.models import LocalStatus


class LocalStatusForm(forms.Form):
    """Whether a place can get it, for whom, and who says so; `seen` is what was shown of it."""

    status = forms.ChoiceField(
        choices=LocalStatus.Status.choices, label="Status here", widget=forms.RadioSelect
    )
    restricted_to = forms.CharField(
        max_length=300,
        required=False,
        help_text="For a restricted medicine, in words: such as “tapers agreed with the clinic”.",
    )
    source = forms.CharField(max_length=300, help_text="Such as the formulary of the practice.")
    locator = forms.CharField(
        label="Place in it", max_length=200, help_text="Section, table or page."
    )
    next_review = DayField(
        label="Look again by", help_text="Within a year: such as 4 Dec 2026 or +180d."
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, held: LocalStatus | None, *given: Any) -> None:
        super().__init__(*given)
        if held is not None:
            for name in ("status", "restricted_to", "source", "locator"):
                self.fields[name].initial = getattr(held, name)
            self.fields["seen"].initial = held.pk

    def citation(self) -> Citation:
        """Who says so, for the verb."""
        return Citation(
            **{name: self.cleaned_data[name] for name in ("source", "locator", "next_review")}
        )

"""The form that makes a key for a client system."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reviews.models import Practice


class KeyForm(forms.Form):
    """Whose key, what its records are marked with, and which practices it reaches."""

    name = forms.CharField(max_length=100, help_text="Who holds it, such as “Main record system”.")
    source_system = forms.SlugField(
        max_length=60,  # pyright: ignore[reportCallIssue] - it is a CharField
        label="Source system",
        help_text="Letters, digits and hyphens. Every record it sends is marked with this.",
    )
    practices = forms.ModelMultipleChoiceField(
        queryset=Practice.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="It sees and sends only what belongs to these.",
    )

    def __init__(self, practices: QuerySet[Practice], *given: Any) -> None:
        super().__init__(*given)
        self.fields["practices"].queryset = practices

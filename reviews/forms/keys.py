"""The form that makes a key for a client system."""

import functools
import operator
from typing import Any

from django import forms
from django.db.models import QuerySet

from reviews.models import ApiKey, Practice


class KeyForm(forms.Form):
    """Whose key, what it is for, what its records are marked with, and which practices it reaches.

    Whoever makes keys of one kind only is not asked for it.
    """

    name = forms.CharField(max_length=100, help_text="Who holds it, such as “Main record system”.")
    kind = forms.ChoiceField(label="What it is for", widget=forms.RadioSelect)
    source_system = forms.SlugField(
        max_length=60,  # pyright: ignore[reportCallIssue] - it is a CharField
        label="Source system",
        help_text="Letters, digits and hyphens. Whatever it sends is marked with this.",
    )
    practices = forms.ModelMultipleChoiceField(
        queryset=Practice.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="It reaches only what belongs to these.",
    )

    def __init__(self, may: dict[str, QuerySet[Practice]], *given: Any) -> None:
        """`may`: for each kind of key the practices for which it can be made."""
        super().__init__(*given)
        self.fields["practices"].queryset = functools.reduce(operator.or_, may.values())
        kind = self.fields["kind"]
        kind.choices = [choice for choice in ApiKey.Kind.choices if choice[0] in may]
        if len(may) == 1:
            kind.initial = next(iter(may))
            kind.required = False
            kind.widget = forms.HiddenInput()

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or self.fields["kind"].initial

"""The forms of further profiles: add one in a draft, change what is said of it, take it away."""

from typing import Any

from django import forms

from reviews import countries, governing, profiles
from reviews.forms.rule_change import GroundsForm
from reviews.models import RuleDraft
from reviews.rules.profiles import PAPERS


class InDraftForm(GroundsForm):
    """An edit of a profile in one of the open drafts, with who says so."""

    draft = forms.ModelChoiceField(
        queryset=RuleDraft.objects.none(), empty_label=None, help_text="Nothing is in force yet."
    )
    field_order = ["draft"]

    def __init__(self, drafts: list[RuleDraft], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        ids = [each.pk for each in drafts]
        chosen = RuleDraft.objects.filter(pk__in=ids).order_by("-pk")
        self.fields["draft"].queryset = chosen
        self.fields["draft"].label_from_instance = lambda draft: draft.title


class SaidForm(InDraftForm):
    """What is said of a further profile, beside whom it follows."""

    DETAILS = ("name", "locale", "country", "time_zone", "paper", "emergency", "out_of_hours")

    name = forms.CharField(max_length=profiles.NAME_LENGTH, help_text="Such as Ireland.")
    country = forms.ChoiceField(required=False)
    locale = forms.CharField(
        label=profiles.LABELS["locale"], max_length=12, help_text="A tag, such as en-IE."
    )
    time_zone = forms.CharField(
        label=profiles.LABELS["time_zone"], max_length=40, help_text="Such as Europe/Dublin."
    )
    paper = forms.ChoiceField(label=profiles.LABELS["paper"], choices=list(PAPERS.items()))
    emergency = forms.CharField(
        label=profiles.LABELS["emergency"],
        max_length=profiles.NUMBER_LENGTH,
        help_text="Whom a person calls in danger; it stands on what they take home.",
    )
    out_of_hours = forms.CharField(
        label=profiles.LABELS["out_of_hours"],
        max_length=profiles.NUMBER_LENGTH,
        required=False,
        help_text="Where that is one number.",
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        listed = sorted(countries.NAMES.items(), key=lambda country: country[1])
        self.fields["country"].choices = [("", "several"), *listed]

    def said(self) -> dict[str, str]:
        """What is said of the profile, for the verb."""
        return {name: self.cleaned_data[name] for name in self.DETAILS}


class NewProfileForm(SaidForm):
    """A further profile: its code, and whom it follows, which both stay."""

    DETAILS = ("parent", *SaidForm.DETAILS)

    code = forms.CharField(
        max_length=8, help_text="2 to 8 capital letters, such as IE. Files call it so; it stays."
    )
    parent = forms.ChoiceField(
        label=profiles.LABELS["parent"],
        help_text="Whatever it does not say itself is as there, drug facts too. It stays.",
    )
    field_order = ["draft", "code", "parent", *SaidForm.DETAILS]

    def __init__(self, drafts: list[RuleDraft], *given: Any, **named: Any) -> None:
        super().__init__(drafts, *given, **named)
        # A profile may follow one that the same draft adds.
        held = {**profiles.live()}
        for draft in drafts:
            held |= governing.held_in(draft)
        self.fields["parent"].choices = profiles.choices(held)


class ProfileForm(SaidForm):
    """What is said of a further profile; `seen` is its newest edit in the draft as it was shown."""

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)
    field_order = ["draft", *SaidForm.DETAILS]

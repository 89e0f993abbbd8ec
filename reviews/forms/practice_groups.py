"""The forms of groups of practices."""

from typing import Any

from django import forms

from reviews import profiles
from reviews.models import Practice, PracticeGroup
from reviews.queries.practice_groups import PlaceRow

NO_GROUP = "none"
"""Chosen by name: whoever overlooks the field moves nobody out of a group."""


class GroupForm(forms.Form):
    """A new group: its name, its code, and the profile of its members."""

    name = forms.CharField(max_length=200)
    code = forms.CharField(
        max_length=40, help_text="Such as north-coast; files of rules call it group:north-coast."
    )
    profile = forms.ChoiceField(choices=profiles.choices, help_text="All members are of this one.")


class MoveForm(forms.Form):
    """Which practice moves, where to, and why; `seen` is its membership as it was shown."""

    practice = forms.ModelChoiceField(queryset=Practice.objects.none(), empty_label="Choose …")
    group = forms.ChoiceField(label="Into which group")
    reason = forms.CharField(max_length=500, help_text="For the audit trail.")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, places: list[PlaceRow], *given: Any) -> None:
        super().__init__(*given)
        ids = [each.practice.pk for each in places]
        self.fields["practice"].queryset = Practice.objects.filter(pk__in=ids).order_by("name")
        named = [(str(each.pk), each.name) for each in PracticeGroup.objects.order_by("name")]
        self.fields["group"].choices = [("", "Choose …"), *named, (NO_GROUP, "no group")]
        # Which membership each practice has, as it is shown: "3:7 4:".
        self.fields["seen"].initial = " ".join(
            f"{each.practice.pk}:{each.member.pk if each.member else ''}" for each in places
        )

    def clean_group(self) -> PracticeGroup | None:
        chosen = self.cleaned_data["group"]
        return None if chosen == NO_GROUP else PracticeGroup.objects.get(pk=chosen)

    def seen_of(self, practice: Practice) -> int | None:
        """The id of the membership that the practice had when the form was made; None for none."""
        pairs = (pair.partition(":") for pair in self.cleaned_data["seen"].split())
        held = {pk: member for pk, _, member in pairs}.get(str(practice.pk), "")
        return int(held) if held.isascii() and held.isdigit() and len(held) < 19 else None

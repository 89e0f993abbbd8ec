"""The form of a receiver of events."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reviews.audit import EVENTS
from reviews.models import Practice
from reviews.webhooks import TOLD


class WebhookForm(forms.Form):
    """Whose events, which ones, and where they are sent. A practice is asked for once only."""

    name = forms.CharField(max_length=100, help_text="Who receives, such as “Dashboard”.")
    url = forms.CharField(
        max_length=2000, label="Address", help_text="Begins with https://, on the public Internet."
    )
    practice = forms.ModelChoiceField(queryset=Practice.objects.none(), empty_label=None)
    events = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        choices=[(verb, f"{EVENTS[verb].words} ({verb})") for verb in TOLD],
        help_text="It is told that something happened, and by numbers to whom; never names.",
    )

    def __init__(self, practices: QuerySet[Practice] | None, *given: Any, **more: Any) -> None:
        """`practices`: where receivers can be made; None for one that is there already."""
        super().__init__(*given, **more)
        if practices is None:
            del self.fields["practice"]
        else:
            self.fields["practice"].queryset = practices

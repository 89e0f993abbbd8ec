"""The form of a letter's text."""

from django import forms

from reviews.forms.days import DayField
from reviews.lettering.text import LONGEST
from reviews.models import Audience


class TextForm(forms.Form):
    """Name, to whom, the text itself, and when its owner read it."""

    name = forms.CharField(label="Name", max_length=100)
    audience = forms.ChoiceField(label="To", choices=Audience.choices)
    reviewed_on = DayField(label="Read by its owner on", required=False)
    body = forms.CharField(
        label="Letter",
        max_length=LONGEST,
        strip=False,
        help_text="Names in braces are filled in. Anything else in braces is an error when you "
        "save. A blank line ends a paragraph; # begins a heading; **bold**.",
        widget=forms.Textarea(attrs={"class": "letter-text", "spellcheck": "true"}),
    )

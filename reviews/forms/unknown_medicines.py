"""What somebody says of each unknown medicine of a page: which one it is, or that it is none."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

NO_SEDATIVE, OTHER, LATER = "no-sedative", "other", "later"
IS = "is:"
"""Stands before a medicine that was proposed, in the answer that takes it."""
_TEXT = re.compile(r"m\d+-text")


class AnswerForm(forms.Form):
    """The answer for one text: a medicine proposed, another one in words, no sedative, or later."""

    SHOWN_AT = {"medicine": "other", "text": "answer"}

    text = forms.CharField(max_length=500)
    answer = forms.CharField(max_length=600, required=False)
    other = forms.CharField(max_length=500, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("answer") == OTHER and not cleaned.get("other"):
            self.add_error("other", "Say which medicine it is.")
        return cleaned

    @property
    def is_no_sedative(self) -> bool:
        return self.cleaned_data["answer"] == NO_SEDATIVE

    @property
    def medicine(self) -> str:
        """The medicine it is said to be; empty where that was not answered."""
        answer = self.cleaned_data["answer"]
        if answer == OTHER:
            return self.cleaned_data["other"]
        return answer.removeprefix(IS) if answer.startswith(IS) else ""


def answers(posted: Mapping[str, str]) -> list[AnswerForm]:
    """A form for each text of the page that was sent."""
    prefixes = [name.removesuffix("-text") for name in posted if _TEXT.fullmatch(name)]
    return [AnswerForm(posted, prefix=prefix) for prefix in prefixes]

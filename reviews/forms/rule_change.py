"""The form of one edit of a rule: the value within its bounds, who says so, and why."""

from typing import Any

from django import forms

from reviews.forms.days import DayField
from reviews.queries.rule_drafts import FactNow
from reviews.rules.changing import Value, is_further, is_grading
from reviews.rules.policy import GROUP
from reviews.verbs.govern import Grounds

AS_IT_IS = ""
"""What is chosen for “as the rule says”, or as the profile says."""


class GroundsForm(forms.Form):
    """Who says so, where, until when that is believed, and why it is set here."""

    source = forms.CharField(
        max_length=300, help_text="The publication or the policy itself, with its year."
    )
    locator = forms.CharField(
        label="Where in it", max_length=200, help_text="Section, page or item."
    )
    next_review = DayField(
        label="Look again by", help_text="Within a year: such as 16 May 2027 or +180d."
    )
    reason = forms.CharField(
        label="Why",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The second person reads it before they agree.",
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name in ("source", "locator", "reason"):
            # A browser would cut what is pasted, and say nothing: the form says how long it is.
            self.fields[name].widget.attrs.pop("maxlength")

    def grounds(self) -> Grounds:
        """Who says so, for the verb."""
        names = ("source", "locator", "next_review", "reason")
        return Grounds(**{name: self.cleaned_data[name] for name in names})


class RuleChangeForm(GroundsForm):
    """A new value of a fact; `seen` is the edit that the draft held when this was opened."""

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, now: FactNow, *given: Any) -> None:
        super().__init__(*given)
        self.now = now
        self.fields = {"after": self._after(now), **self.fields}
        self.fields["after"].initial = now.value
        if now.standing is not None:
            self.fields["seen"].initial = now.standing.pk
            for name in ("source", "locator", "next_review", "reason"):
                self.fields[name].initial = getattr(now.standing, name)

    def _after(self, now: FactNow) -> forms.Field:
        allowed, fact = now.bounds, now.fact
        hint = f"The software proposes {now.software}."
        inherits = bool(fact.practice) or is_further(fact)
        if allowed.choices:
            free = [(str(value), words) for value, words in allowed.choices.items()]
            if inherits:
                no_policy = ": no policy" if fact.practice else ""
                free.insert(0, (AS_IT_IS, f"As {_beneath(now)} says{no_policy}"))
            elif is_grading(fact.field):
                free.insert(0, (AS_IT_IS, "As the rule says"))
                free = [(key, words) for key, words in free if key != fact.field[-1]]
            return forms.ChoiceField(label=now.label, choices=free, required=False, help_text=hint)
        what = "A whole number" if allowed.is_whole else "A number"
        span = f"{what} from {allowed.low:g} to {allowed.high:g} {now.unit}. {hint}"
        if allowed.is_fixed:
            span = f"It stays {allowed.low:g} {now.unit}: {allowed.floor}."
        if inherits:
            span += f" Empty: as {_beneath(now)} says."
        return forms.CharField(
            label=now.label,
            max_length=20,
            required=not inherits,
            help_text=span,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "short"}),
        )

    def value(self) -> Value:
        """The value for the verb, which says whether it may be; a text that is no number stays."""
        text = self.cleaned_data["after"].strip()
        if text == AS_IT_IS:
            return None
        if self.now.bounds.choices:
            return next((each for each in _held(self.now) if str(each) == text), text)
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return text


def _beneath(now: FactNow) -> str:
    """What counts where a practice, a group or a further profile says nothing of its own."""
    if is_further(now.fact):
        return f"its parent ({now.inherited})"
    return "the profile" if now.fact.practice.startswith(GROUP) else "its group or profile"


def _held(now: FactNow) -> list[Any]:
    return list(now.bounds.choices)

"""Forms about who is who: whose a record is, and why two records are one person or two."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from reviews.models import IdentityQuestion, Patient
from reviews.verbs.identity import ANSWERS

Answer, Cause = IdentityQuestion.Answer, IdentityQuestion.Cause
IN_WORDS = {
    Cause.CONTRADICTION: {
        Answer.APART: "Another person: the number is not theirs, and stays where it is",
        Answer.SAME: "The same person: name, birth date and sex become those of the record",
        Answer.NUMBER_WRONG: "Another person, whose number it is: it moves to them",
    },
    Cause.TWO_PEOPLE: {Answer.APART: "Two people: it goes to whom its first number names"},
    Cause.NUMBER: {
        Answer.APART: "Somebody not registered yet",
        Answer.SAME: "The person chosen below",
    },
}
"""What each answer means, by the cause of the question."""


class SettleForm(forms.Form):
    """Whose a record is, and how that is known."""

    answer = forms.ChoiceField(label="Who is this?", widget=forms.RadioSelect)
    patient = forms.ModelChoiceField(
        label="Whose record is it?",
        queryset=Patient.objects.none(),
        required=False,
        empty_label="Not registered yet",
        help_text="Whoever has the number, name or birth date.",
    )
    how = forms.ChoiceField(
        label="How do you know?", choices=[("", "Choose …"), *IdentityQuestion.How.choices]
    )
    note = forms.CharField(max_length=1000, required=False)

    def __init__(self, question: IdentityQuestion, known: QuerySet[Patient], *given: Any) -> None:
        super().__init__(*given)
        words = IN_WORDS[Cause(question.cause)]
        self.fields["answer"].choices = [
            (answer.value, words[answer]) for answer in ANSWERS[Cause(question.cause)]
        ]
        self.fields["patient"].queryset = known


class ReasonForm(forms.Form):
    """Why two records are of one person, or of two."""

    reason = forms.CharField(
        max_length=1000, help_text="Such as: same person, married name; asked on the telephone."
    )

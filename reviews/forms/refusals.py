"""What a verb refuses of a record, shown in the form it was typed into."""

from django import forms

from reviews.errors import BadRecord


def refuse(form: forms.Form, refusal: BadRecord) -> None:
    """Show a refused record at the field it names, else above the form.

    A form whose fields are not those of the record says in `SHOWN_AT` where each is shown.
    """
    name = getattr(form, "SHOWN_AT", {}).get(refusal.field, refusal.field)
    field = name if name in form.fields else None
    reason = refusal.reason if field else refusal.message
    form.add_error(field, f"{reason[:1].upper()}{reason[1:]}")

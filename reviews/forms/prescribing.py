"""Forms about prescriptions: log or amend one, withdraw one."""

import re
from datetime import date, time
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from reviews import records
from reviews.fields import KEPT
from reviews.forms.days import DayField
from reviews.models import Prescription, Status
from reviews.queries.picker import AS_WRITTEN, read_value, unit_of, value_of
from reviews.records import NOT_GIVEN, PORTAL
from reviews.rules.codes import (
    ACQUIRED,
    CHANGES,
    EVIDENCE,
    REPLACEMENTS,
    ROUTES,
    SETTINGS,
    UNITS,
)
from reviews.rules.indications import INDICATIONS

ROUTE_CHOICES = [("", "As the product says"), *ROUTES.items()]
UNIT_CHOICES = [("", "Unit"), *UNITS.items()]
GOING_ON = (Status.ACTIVE, Status.ON_HOLD, Status.COMPLETED)
MORE = (
    *("schedule", "change_reason", "is_new_start", "written_on", "dispensed", "dispensed_on"),
    *("pharmacy", "refill_number", "repeat_template", "replacement_reason", "acquired", "team"),
    *("start_time", "dose_max", "times_per_day_max", "repeats_allowed", "issue_days"),
    *("valid_until", "quantity_text", "evidence"),
)
"""Rarely needed, and folded away until one of them says something."""
LEAST = 0.0001
"""The smallest amount that is kept, in its unit."""


class Amount(forms.FloatField):
    """A number above nought, typed as people type numbers: 7.5 or 7,5."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **given: Any) -> None:
        super().__init__(required=False, min_value=LEAST, max_value=9_999_999, **given)
        self.error_messages["invalid"] = "Must be a number, such as 7.5"
        too_large, too_small = self.validators[-2:]
        too_large.message, too_small.message = "Is too large", "Must be more than 0"
        self.widget.attrs["class"] = "short"

    def to_python(self, value: str | None) -> float | None:
        return super().to_python(value.replace(",", ".") if isinstance(value, str) else value)

    def prepare_value(self, value: Decimal | str | None) -> str | None:
        return f"{float(value):.10g}" if isinstance(value, (float, Decimal)) else value


class Count(forms.IntegerField):
    """A whole number of days."""

    widget = forms.TextInput(
        attrs={"inputmode": "numeric", "autocomplete": "off", "class": "short"}
    )


class Day(DayField):
    widget = forms.TextInput(attrs={"autocomplete": "off", "class": "date"})


class Schedule(forms.CharField):
    """Amounts a day one after the other, each on a line: "7.5 for 14 days", or 7.5 x 14."""

    STEP = re.compile(r"(\d+(?:[.,]\d+)?)(?: a day)? ?(?:for|x|×) ?(\d+)(?: ?d(?:ays?)?)?", re.I)

    def __init__(self) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"})
        super().__init__(label="Schedule of doses", required=False, max_length=2000, widget=widget)

    def to_python(self, value: str | None) -> list[dict[str, float | int]]:
        steps = []
        for line in re.split(r"[\n;]|,? then ", super().to_python(value) or ""):
            if not (words := " ".join(line.split())):
                continue
            step = self.STEP.fullmatch(words)
            if step is None:
                raise forms.ValidationError(f"“{words}” must be like “7.5 for 14 days”.")
            steps.append({"per_day": float(step[1].replace(",", ".")), "days": int(step[2])})
        return steps

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str) or not value:
            return value
        return "\n".join(f"{float(amount):.10g} for {days} days" for amount, days in value)


class Change(NamedTuple):
    """A field that differs in the newest version, in words, and what was typed there."""

    field: str
    was: Any
    now: Any
    typed: Any


class PrescriptionForm(forms.Form):
    """Any medicine. Only the medicine is needed; what is left empty is kept as not known."""

    q = forms.CharField(label="Find a medicine", max_length=500, required=False)
    product = forms.CharField(label="Medicine", max_length=4000, required=False)
    dose = Amount(label="Each time")
    dose_unit = forms.ChoiceField(label="Unit", choices=UNIT_CHOICES, required=False)
    times_per_day = Amount(label="Times a day")
    as_needed = forms.BooleanField(label="If needed", required=False)
    max_per_day = Amount(label="At most a day")
    expected_per_day = Amount(label="Expected a day")
    quantity = Amount(label="Quantity")
    quantity_unit = forms.ChoiceField(
        label="Unit of quantity", choices=UNIT_CHOICES, required=False
    )
    days_supply = Count(
        label="Days’ supply",
        required=False,
        min_value=0,
        max_value=3650,
        error_messages={"invalid": "Must be a whole number of days"},
    )
    start_on = Day(label="Starts", required=False)
    end_on = Day(label="Last day", required=False)
    indication = forms.ChoiceField(choices=INDICATIONS.items())
    route = forms.ChoiceField(choices=ROUTE_CHOICES, required=False)
    setting = forms.ChoiceField(label="Care setting", choices=SETTINGS.items())
    dosage_text = forms.CharField(label="Directions in words", max_length=1000, required=False)
    status = forms.ChoiceField(choices=[(state, state.label) for state in GOING_ON])
    schedule = Schedule()
    change_reason = forms.ChoiceField(
        label="Why it differs from the one before",
        choices=[("", "Not said"), *CHANGES.items()],
        required=False,
    )
    is_new_start = forms.BooleanField(label="Recorded as a new course", required=False)
    written_on = Day(label="Written on", required=False)
    dispensed = forms.BooleanField(label="A supply that was handed out", required=False)
    dispensed_on = Day(label="Handed out on", required=False)
    pharmacy = forms.CharField(label="Pharmacy", max_length=200, required=False)
    refill_number = Count(
        label="Refill number",
        required=False,
        min_value=0,
        max_value=1000,
        error_messages={"invalid": "Must be a whole number, 0 for the first issue"},
    )
    repeat_template = forms.BooleanField(label="On repeat or automatic refill", required=False)
    replacement_reason = forms.ChoiceField(
        label="Replaces a supply that was",
        choices=[("", "No replacement"), *REPLACEMENTS.items()],
        required=False,
    )
    acquired = forms.ChoiceField(label="Supplied by", choices=ACQUIRED.items(), required=False)
    team = forms.CharField(label="Team, if not this practice", max_length=200, required=False)
    start_time = forms.TimeField(
        label="Time of the first dose",
        required=False,
        error_messages={"invalid": "Must be a time such as 14:30"},
        widget=forms.TimeInput(
            format="%H:%M", attrs={"class": "short", "autocomplete": "off", "placeholder": "14:30"}
        ),
    )
    dose_max = Amount(label="Each time, up to")
    times_per_day_max = Amount(label="Times a day, up to")
    repeats_allowed = Count(
        label="Repeats allowed",
        required=False,
        min_value=0,
        max_value=1000,
        error_messages={"invalid": "Must be a whole number, the first issue not counted"},
    )
    issue_days = Count(
        label="Days between issues",
        required=False,
        min_value=1,
        max_value=3650,
        error_messages={"invalid": "Must be a whole number of days"},
    )
    valid_until = Day(label="Repeats until", required=False)
    quantity_text = forms.CharField(label="Supply in words", max_length=200, required=False)
    evidence = forms.ChoiceField(
        label="Known from",
        choices=[("", "An order or a supply"), *EVIDENCE.items()],
        required=False,
    )
    reason = forms.CharField(max_length=1000, required=False)

    def __init__(self, *given: Any, held: Prescription | None = None, **options: Any) -> None:
        """`held`: the prescription being amended, whose other columns stay as they are."""
        super().__init__(*given, **options)
        self.held = held
        if held is None:
            del self.fields["status"]
            return
        if held.status not in GOING_ON:
            kept = (held.status, dict(Status.choices)[held.status])
            self.fields["status"].choices = [*self.fields["status"].choices, kept]
        if held.route and held.route not in ROUTES:
            kept = (held.route, held.route)
            self.fields["route"].choices = [*self.fields["route"].choices, kept]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not data.get("product") or (data["product"] == AS_WRITTEN and not data.get("q")):
            self.add_error("product", "Choose one from the list, or keep it as written.")
        if data.get("dose") and not data.get("dose_unit") and "dose_unit" not in self.errors:
            self.add_error("dose_unit", "Say in what the dose is counted.")
        elif data.get("schedule") and not data.get("dose_unit"):
            self.add_error("dose_unit", "Say in what the amounts of the schedule are counted.")
        elif data.get("dose_max") and not data.get("dose_unit"):
            self.add_error("dose_unit", "Say in what the highest dose is counted.")
        for name in ("dose", "times_per_day"):
            if 0 < (data.get(f"{name}_max") or 0) < (data.get(name) or 0):
                self.add_error(f"{name}_max", "Must not be less than the lower number.")
        is_range = data.get("dose_max") or data.get("times_per_day_max")
        if data.get("max_per_day") and not (data.get("as_needed") or is_range):
            self.add_error("as_needed", "A daily maximum is for a medicine taken if needed.")
        if data.get("start_on") and data.get("end_on") and data["end_on"] < data["start_on"]:
            self.add_error("end_on", "Must not be before the start.")
        return data

    def record(self, *, written_on: date) -> records.PrescriptionRecord:
        """The prescription as a record. Raises `BadRecord`."""
        data = dict(self.cleaned_data)
        typed, chosen = data.pop("q"), data.pop("product")
        data.pop("reason")
        first_dose = data.pop("start_time")
        data["start_minute"] = first_dose and first_dose.hour * 60 + first_dose.minute
        data["acquired"] = data["acquired"] or "nhs"
        given = {name: value for name, value in data.items() if value is not None}
        for unit in ("dose_unit", "quantity_unit"):
            given[unit] = given.get(unit) or None
        kept = {"written_on": written_on} if self.held is None else _kept(self.held)
        content = {**kept, **given, **_medicine(chosen, typed)}
        return records.convert(content, records.PrescriptionRecord)

    def as_posted(self) -> dict[str, Any]:
        """The initial values as if they had been posted, to preview an amendment."""
        return {
            name: self[name].value()
            for name in self.fields
            if self[name].value() not in (None, "", False)
        }

    def changes(self, live: Prescription) -> list[Change]:
        """Where the newest version differs from the one that the form was opened on."""
        if self.held is None:
            return []
        return [
            Change(
                self.base_fields[name].label or name.replace("_", " ").capitalize(),
                _in_words(self.held, name),
                _in_words(live, name),
                self[name].value() or "",
            )
            for name in SHOWN
            if getattr(self.held, name) != getattr(live, name)
        ]

    @property
    def more(self) -> bool:
        """Whether one of the fields that are folded away says something, or says it wrongly."""
        # Every order has a day it was written on, and a way it was supplied.
        said = {name: self[name].value() for name in MORE if name != "written_on"}
        said["acquired"] = said["acquired"] not in (None, "", "nhs")
        return (
            any(said.values())
            or said["refill_number"] == 0
            or not self.errors.keys().isdisjoint(MORE)
        )

    @property
    def unread(self) -> list[tuple[str | None, ValidationError | str]]:
        """What is typed and cannot be read, as (label, error), the missing medicine aside."""
        return [
            (self.fields[name].label if name in self.fields else "", error)
            for name, errors in self.errors.items()
            if name != "product"
            for error in errors
        ]


SHOWN = tuple(
    name for name in PrescriptionForm.base_fields if name in {field.column for field in KEPT}
)
"""Fields that the form shows as they are kept, in the order of the page."""


def with_units(posted: QueryDict, held: Prescription | None = None) -> QueryDict:
    """The posted fields, with the unit of the product chosen where none is chosen yet.

    An amount that is amended keeps the unit that nobody knew while it stays as it was held.
    """
    fields = posted.copy()
    unit = unit_of(fields.get("product", ""))
    as_held = {} if held is None else values(held)
    counted = {"dose_unit": ("dose", "schedule"), "quantity_unit": ("quantity",)}
    for name, amounts in counted.items():
        anew = any(
            PrescriptionForm.base_fields[amount].has_changed(as_held.get(amount), fields[amount])
            for amount in amounts
            if fields.get(amount)
        )
        if unit and anew and not fields.get(name):
            fields[name] = unit
    return fields


def _medicine(chosen: str, typed: str) -> dict[str, Any]:
    """The medicine and its codes that the picker chose. Raises `BadRecord`."""
    if chosen == AS_WRITTEN:
        return {"medicine": " ".join(typed.split()), "codings": []}
    return read_value(chosen)._asdict()


def _in_words(held: Prescription, name: str) -> Any:
    """A field of a prescription as a reader knows it."""
    display = getattr(held, f"get_{name}_display", None)
    value = display() if display else getattr(held, name)
    if name == "indication":
        value = held.indication_label
    if value in (None, ""):
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    field = PrescriptionForm.base_fields[name]
    return dict(getattr(field, "choices", ())).get(value) or field.prepare_value(value)


def _kept(held: Prescription) -> dict[str, Any]:
    """What the form does not show of a prescription: it stays as it is."""
    return {field.name: getattr(held, field.column) for field in KEPT if not field.form}


def values(held: Prescription) -> dict[str, Any]:
    """What the form shows of a prescription: its fields as they are kept."""
    shown = {field.form: getattr(held, field.column) for field in KEPT if field.form}
    minute = held.start_minute
    return shown | {
        # The practice's own name says nothing here, and is put back when it is saved.
        "team": ""
        if held.source_system == PORTAL and held.team == held.practice.code
        else held.team,
        "start_time": None if minute is None else time(*divmod(minute, 60)),
        "product": value_of(held.medicine.text, held.medicine.codings),
        "reason": "" if held.reason == NOT_GIVEN else held.reason,
    }


class WithdrawForm(forms.Form):
    """Why an order no longer stands, and the reason in words."""

    status = forms.ChoiceField(
        label="What happened",
        widget=forms.RadioSelect,
        choices=[
            (Status.STOPPED, "It has ended: the patient no longer takes it"),
            (Status.CANCELLED, "It was cancelled: the patient never took it"),
            (Status.ENTERED_IN_ERROR, "It was entered in error: it should not be on this record"),
        ],
    )
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        help_text="It stays with the prescription for whoever reads it next.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

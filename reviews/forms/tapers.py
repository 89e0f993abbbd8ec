"""Forms about tapers: what to plan, and why a taper is moved."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

from django import forms
from django.http import QueryDict
from django.utils import timezone

from reviews.forms.prescribing import Amount, Count, Day
from reviews.rules import words
from reviews.tapering import crossing, limits, planning
from reviews.tapering.comparing import Use
from reviews.tapering.doses import FORMS, LIQUID, Unplannable, strength
from reviews.verbs import taper

PERCENTS = {"5": "5%", "10": "10%", "12.5": "one eighth"}
EVERY = {"7": "1 week", "14": "2 weeks", "21": "3 weeks", "28": "4 weeks"}
REASON = {"rows": 2, "maxlength": taper.LONGEST_REASON}

Marketed: TypeAlias = Callable[[str], Iterable[tuple[str, Decimal]]]


class PlanForm(forms.Form):
    """What a taper is planned from. Read from the address, so that a plan can be linked to.

    `uses` are what the person takes now; `marketed` gives (form, mg) of a drug under the profile.
    """

    drug = forms.ChoiceField(label="Medicine")
    from_mg = Amount(label="From, mg a day")
    first_on = Day(label="First step on")
    percent = forms.ChoiceField(
        label="Each step, at most",
        choices=PERCENTS.items(),
        help_text="of the dose at that time",
    )
    every_days = forms.ChoiceField(label="Every", choices=EVERY.items())
    own_percent = Amount(label="Own percentage")
    own_days = Count(label="Own days between steps", required=False)
    faster = forms.BooleanField(label="Do not slow down to the limit", required=False)
    strengths = forms.MultipleChoiceField(
        label="Made up from", widget=forms.CheckboxSelectMultiple, required=False
    )
    halves = forms.BooleanField(label="Tablets may be halved", required=False)
    other_tablet = Amount(label="Other tablet, mg")
    other_liquid = Amount(label="Other liquid, mg in 5 ml")
    cross = forms.BooleanField(label="Change over to diazepam first", required=False)
    cross_mg = Amount(label="Diazepam, mg a day")
    cross_on = Day(label="Change from", required=False)
    cross_days = forms.ChoiceField(
        label="Over",
        choices=[
            (str(days), f"{days // 7} week{'s' * (days > 7)}") for days in crossing.CHANGE_DAYS
        ],
    )

    def __init__(
        self, given: QueryDict, *, uses: list[Use], names: dict[str, str], marketed: Marketed
    ) -> None:
        self.uses = {use.drug: use for use in uses}
        first = uses[0].drug if uses else next(iter(names))
        asked = given.get("drug", "")
        drug = asked if asked in names else first
        crosses = bool(given.get("cross")) and drug != crossing.TARGET
        self.target = crossing.TARGET if crosses else drug
        use = self.uses.get(drug)
        # The person's own tablets stand beside what is marketed.
        known = set(marketed(self.target))
        if self.target in self.uses:
            known |= {item for item in self.uses[self.target].strengths if item[0] in FORMS}
        self.known = sorted(known, key=lambda item: (FORMS.index(item[0]), item[1]))
        codes = [f"{form}:{words.amount(float(mg))}" for form, mg in self.known]
        monday = _monday(timezone.localdate())
        data = given.copy()
        started = {
            "drug": drug,
            "from_mg": f"{use.mg.normalize():f}" if use and use.mg else "",
            "first_on": f"{monday:%-d %b %Y}",
            "percent": str(limits.USUAL_PERCENT),
            "every_days": str(limits.USUAL_EVERY_DAYS),
            "cross_on": f"{monday:%-d %b %Y}",
            "cross_days": str(crossing.CHANGE_DAYS[0]),
        }
        if not given:
            data["halves"] = "on"
        for name, value in started.items():
            data.setdefault(name, value)
        data["drug"] = drug
        if given.get("strengths_of") != self.target:
            data.setlist("strengths", codes)
        if given.get("drug_was", drug) != drug:
            data["from_mg"] = started["from_mg"]
        super().__init__(data)
        self.fields["drug"].choices = [
            (key, words.sentence_case(name))
            for key, name in sorted(
                names.items(), key=lambda item: (item[0] not in self.uses, item[1])
            )
        ]
        self.fields["strengths"].choices = [
            (code, strength(*item).name) for code, item in zip(codes, self.known, strict=True)
        ]
        self.crosses = crosses
        # What the page has to show anew: another medicine has another dose and other tablets.
        self.drug_changed = given.get("drug_was", drug) != drug
        self.strengths_changed = given.get("strengths_of", self.target) != self.target

    def starting_mg(self) -> Decimal:
        """The dose that the taper starts from, in mg a day; only when it is given and valid."""
        return _exact(self.cleaned_data["from_mg"])

    def request(self) -> planning.Request:
        """What the planner is asked for. Raises `Unplannable`; only when the form is valid."""
        data = self.cleaned_data
        halves = data["halves"]
        chosen = [
            strength(form, mg, halves=halves)
            for form, mg in (code.split(":") for code in data["strengths"])
        ]
        if data["other_tablet"]:
            chosen.append(strength("tablet", _exact(data["other_tablet"]), halves=halves))
        if data["other_liquid"]:
            chosen.append(strength(LIQUID, _exact(data["other_liquid"]) / 5))
        mg = data["cross_mg"] if self.crosses else data["from_mg"]
        if mg is None:
            field = "cross_mg" if self.crosses else "from_mg"
            raise Unplannable(field, "is needed")
        first_on, today = data["first_on"], timezone.localdate()
        if first_on < today:
            raise Unplannable("first_on", "has passed")
        return planning.Request(
            drug=self.target,
            from_mg=_exact(mg),
            begin_on=min(today, first_on - timedelta(days=1)),
            first_on=first_on,
            percent=_exact(data["own_percent"] or data["percent"]),
            every_days=data["own_days"] or int(data["every_days"]),
            strengths=tuple(dict.fromkeys(chosen)),
            faster_because="chosen" if data["faster"] else "",
        )

    def cross_over(self, marketed: Marketed) -> taper.CrossOver | None:
        """The cross-over asked for, or None. Raises `Unplannable`."""
        if not self.crosses:
            return None
        data = self.cleaned_data
        if data["from_mg"] is None:
            raise Unplannable("from_mg", "is needed")
        if data["cross_on"] is None or data["cross_on"] < timezone.localdate():
            raise Unplannable("cross_on", "must be today or later")
        old = data["drug"]
        held = (
            {item for item in self.uses[old].strengths if item[0] in FORMS}
            if (old in self.uses)
            else set()
        )
        solid = [strength(*item) for item in sorted(held | set(marketed(old)))]
        return taper.CrossOver(
            old_drug=old,
            old=crossing.Side(_exact(data["from_mg"]), tuple(solid)),
            to_mg=_exact(data["cross_mg"]),
            begin_on=data["cross_on"],
            days=int(data["cross_days"]),
        )


class MoveForm(forms.Form):
    """Why a taper is moved, and for how long or from when."""

    seen = forms.IntegerField()
    reason = forms.CharField(required=False, widget=forms.Textarea(attrs=REASON))
    days = forms.IntegerField(required=False)
    first_on = Day(required=False)
    maintenance_agreed = forms.BooleanField(required=False)


def _monday(today: date) -> date:
    """A Monday that leaves some days to get the tablets: three at least."""
    ahead = 7 - today.weekday()
    return today + timedelta(days=ahead if ahead >= 3 else ahead + 7)


def _exact(value: float | str) -> Decimal:
    return Decimal(str(value))

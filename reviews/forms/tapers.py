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
from reviews.rules.readings import KINDS
from reviews.tapering import crossing, planning
from reviews.tapering.comparing import Use
from reviews.tapering.doses import DIVIDED, FORMS, LIQUID, Unplannable, strength
from reviews.tapering.proportion import InUseSince, Pace
from reviews.verbs import taper

PERCENTS = {"5": "5%", "10": "10%", "12.5": "one eighth", "25": "25%"}
EVERY = {"7": "1 week", "14": "2 weeks", "21": "3 weeks", "28": "4 weeks"}
REASON = {"rows": 2, "maxlength": taper.LONGEST_REASON}
DOSE, NIGHTS = "dose", "nights"
WAYS = {DOSE: "the dose comes down", NIGHTS: "fewer nights a week, the same dose"}
ALL = "on"
"""What a link of before says of halves: every tablet may be halved."""

Marketed: TypeAlias = Callable[[str], Iterable[tuple[str, Decimal]]]
Halved: TypeAlias = Callable[[str, Decimal], bool]


class PlanForm(forms.Form):
    """What a taper is planned from. Read from the address, so that a plan can be linked to.

    `uses` are what the person takes now; `marketed` gives (form, mg) of a drug under the profile,
    and `halved` whether a label says that a tablet of a drug may be halved. `proposed` is the pace
    that suits the use.
    """

    drug = forms.ChoiceField(label="Medicine")
    since = Day(label="In use since", required=False)
    since_told_by = forms.ChoiceField(
        label="Said by",
        required=False,
        choices=[("", ""), *KINDS["in_use_since_told_by"].choices.items()],
    )
    from_mg = Amount(label="From, mg a day", help_text="where the times of day are not known")
    at_morning = Amount(label="Morning")
    at_midday = Amount(label="Midday")
    at_evening = Amount(label="Evening")
    at_night = Amount(label="Night")
    nights = Count(label="Nights a week", required=False, min_value=1, max_value=7)
    way = forms.ChoiceField(label="Way", choices=WAYS.items(), required=False)
    first_on = Day(label="First step on")
    percent = forms.ChoiceField(
        label="Each step, at most",
        choices=PERCENTS.items(),
        help_text="of the dose at that time",
    )
    every_days = forms.ChoiceField(label="Every", choices=EVERY.items())
    own_percent = Amount(label="Own percentage")
    own_days = Count(label="Own days between steps", required=False)
    quick_end = forms.BooleanField(label="Do not hold small doses longer", required=False)
    faster = forms.BooleanField(label="Do not slow down to the limit", required=False)
    strengths = forms.MultipleChoiceField(
        label="Made up from", widget=forms.CheckboxSelectMultiple, required=False
    )
    halves = forms.MultipleChoiceField(
        label="May be halved", widget=forms.CheckboxSelectMultiple, required=False
    )
    quarters = forms.MultipleChoiceField(
        label="May be quartered", widget=forms.CheckboxSelectMultiple, required=False
    )
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
        self,
        given: QueryDict,
        *,
        uses: list[Use],
        names: dict[str, str],
        marketed: Marketed,
        halved: Halved,
        proposed: Pace,
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
        codes = [_code(form, mg) for form, mg in self.known]
        tablets = [_code(form, mg) for form, mg in self.known if form in DIVIDED]
        monday = _monday(timezone.localdate())
        data = given.copy()
        begins = _begins(use)
        started = {
            "drug": drug,
            "first_on": f"{monday:%-d %b %Y}",
            "percent": f"{proposed.percent:f}",
            "every_days": str(proposed.every_days),
            "way": DOSE,
            "cross_on": f"{monday:%-d %b %Y}",
            "cross_days": str(crossing.CHANGE_DAYS[0]),
        }
        for name, value in started.items():
            data.setdefault(name, value)
        data["drug"] = drug
        changed = given.get("drug_was", drug) != drug
        if changed or not any(name in given for name in begins):
            for name, value in begins.items():
                data[name] = value
        if given.get("strengths_of") != self.target:
            data.setlist("strengths", codes)
            if ALL not in given.getlist("halves"):
                data.setlist("halves", [code for code in tablets if halved(self.target, _mg(code))])
                data.setlist("quarters", [])
        for name in ("halves", "quarters"):
            data.setlist(name, [code for code in data.getlist(name) if code])
        if ALL in data.getlist("halves"):
            data.setlist("halves", tablets)
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
        for name in ("halves", "quarters"):
            self.fields[name].choices = [
                (code, f"{strength('tablet', _mg(code)).name}, {name}") for code in tablets
            ]
        self.tablets = tablets
        self.crosses = crosses
        # What the page has to show anew: another medicine has another dose and other tablets.
        self.drug_changed = changed
        self.strengths_changed = given.get("strengths_of", self.target) != self.target

    def starting_mg(self) -> Decimal:
        """The dose that the taper starts from, in mg a day; only when it is given and valid."""
        return sum((mg for _, mg in self._times()), Decimal(0)) or _exact(
            self.cleaned_data["from_mg"]
        )

    @property
    def time_fields(self) -> list[forms.BoundField]:
        """The fields of the doses by time of day, in the order of the day."""
        return [self[f"at_{time}"] for time in planning.TIMES]

    @property
    def has_other_strengths(self) -> bool:
        """Whether a strength was written that is not in the list, or written wrongly."""
        return self._is_written("other_tablet", "other_liquid")

    @property
    def has_own_pace(self) -> bool:
        """Whether a pace of its own was asked for, or asked for wrongly."""
        return self._is_written("own_percent", "own_days", "faster", "quick_end")

    def _is_written(self, *names: str) -> bool:
        return any(self.data.get(name) or name in self.errors for name in names)

    @property
    def has_dose(self) -> bool:
        """Whether a dose to start from is given; only when the form is valid."""
        return bool(self._times() or self.cleaned_data["from_mg"])

    def in_use_since(self) -> InUseSince | None:
        """Since when somebody says that it is in use. Raises `Unplannable`."""
        since = self.cleaned_data["since"]
        if since is None:
            return None
        if since >= timezone.localdate():
            raise Unplannable("since", "must have passed")
        return InUseSince(since, self.cleaned_data["since_told_by"])

    def request(self) -> planning.Request:
        """What the planner is asked for. Raises `Unplannable`; only when the form is valid."""
        data = self.cleaned_data
        chosen = [
            strength(
                form,
                mg,
                halves=f"{form}:{mg}" in data["halves"],
                quarters=f"{form}:{mg}" in data["quarters"],
            )
            for form, mg in (code.split(":") for code in data["strengths"])
        ]
        if data["other_tablet"]:
            # Whoever names a tablet that is not on the list has looked at it.
            chosen.append(strength("tablet", _exact(data["other_tablet"])))
        if data["other_liquid"]:
            chosen.append(strength(LIQUID, _exact(data["other_liquid"]) / 5))
        times = () if self.crosses else self._times()
        mg = data["cross_mg"] if self.crosses else data["from_mg"]
        if times:
            mg = None  # the times of the day say more
        elif mg is None:
            field = "cross_mg" if self.crosses else "from_mg"
            raise Unplannable(field, "is needed")
        first_on, today = data["first_on"], timezone.localdate()
        if first_on < today:
            raise Unplannable("first_on", "has passed")
        return planning.Request(
            drug=self.target,
            from_mg=sum((each for _, each in times), Decimal(0)) if mg is None else _exact(mg),
            begin_on=min(today, first_on - timedelta(days=1)),
            first_on=first_on,
            percent=_exact(data["own_percent"] or data["percent"]),
            every_days=data["own_days"] or int(data["every_days"]),
            strengths=tuple(dict.fromkeys(chosen)),
            faster_because="chosen" if data["faster"] else "",
            times=times,
            nights=data["nights"] or planning.EVERY_NIGHT,
            fewer_nights=data["way"] == NIGHTS,
            quick_end=data["quick_end"],
        )

    def _times(self) -> tuple[tuple[str, Decimal], ...]:
        """The doses by time of day, where any is given."""
        given = [(time, self.cleaned_data[f"at_{time}"]) for time in planning.TIMES]
        return tuple((time, _exact(mg)) for time, mg in given if mg)

    def cross_over(self, marketed: Marketed) -> taper.CrossOver | None:
        """The cross-over asked for, or None. Raises `Unplannable`."""
        if not self.crosses:
            return None
        data = self.cleaned_data
        if not self.has_dose:
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
            old=crossing.Side(self.starting_mg(), tuple(solid)),
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


def _begins(use: Use | None) -> dict[str, str]:
    """The dose that a plan begins with, as fields: by time of day where that is known."""
    begins = dict.fromkeys(("from_mg", "nights", *(f"at_{time}" for time in planning.TIMES)), "")
    if use is not None and use.times:
        begins |= {f"at_{time}": f"{mg.normalize():f}" for time, mg in use.times}
    elif use is not None and use.mg:
        begins["from_mg"] = f"{use.mg.normalize():f}"
    if use is not None and use.nights < planning.EVERY_NIGHT:
        begins["nights"] = str(use.nights)
    return begins


def _code(form: str, mg: Decimal) -> str:
    return f"{form}:{words.amount(float(mg))}"


def _mg(code: str) -> Decimal:
    return Decimal(code.partition(":")[2])


def _exact(value: float | str) -> Decimal:
    return Decimal(str(value))

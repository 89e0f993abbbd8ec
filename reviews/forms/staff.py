"""The forms of the people of a practice: invite, roles, register, leaving, and the practice."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from reviews import countries, profiles
from reviews.forms.days import DayField
from reviews.models import Practice, RegisterEntry, Role, SecondFactor, named

VALID_FOR = ((7, "7 days"), (1, "1 day"), (30, "30 days"))
LAST_HOUR = "17:00"


def role_choices(roles: Iterable[Role]) -> list[tuple[str, str]]:
    """The roles in the order of the table."""
    return [(role.value, role.label) for role in Role if role in set(roles)]


class RolesForm(forms.Form):
    """Which of the roles that I give somebody holds."""

    roles = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    reason = forms.CharField(max_length=200, required=False, help_text="For the audit trail.")

    def __init__(self, roles: Iterable[Role], *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.fields["roles"].choices = role_choices(roles)


class InviteForm(forms.Form):
    """Who is invited, in which roles, and how the code gets to them."""

    given_name = forms.CharField(max_length=150, required=False)
    family_name = forms.CharField(max_length=150)
    email = forms.EmailField(
        label="Mail", required=False, help_text="Left empty, you get a code to print."
    )
    roles = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    register = forms.CharField(
        max_length=40, required=False, help_text="Such as GMC, GPhC, NMC, NPI."
    )
    number = forms.CharField(max_length=40, required=False, label="Professional number")
    days = forms.TypedChoiceField(choices=VALID_FOR, coerce=int, label="Valid for", initial=7)

    def __init__(self, practice: Practice, roles: Iterable[Role], *given: Any) -> None:
        super().__init__(*given)
        self.fields["roles"].choices = role_choices(roles)
        self.fields["roles"].label = f"Roles at {practice}"


class RegisterForm(forms.Form):
    """A professional number and what its register said of it on a day."""

    register = forms.CharField(max_length=40, help_text="Such as GMC, GPhC, NMC, NPI.")
    number = forms.CharField(max_length=40, label="Professional number")
    status = forms.ChoiceField(choices=RegisterEntry.Status.choices, label="The register said")
    checked_on = DayField(
        required=False, label="On", help_text="Empty only if nobody has asked the register."
    )


class LeavingForm(forms.Form):
    """When somebody leaves, and who gets their cases. `at` is of the practice's clocks."""

    SHOWN_AT = {"at": "day"}
    cases_to = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        label="Cases go to",
        empty_label="nobody: back to the queue",
    )
    day = DayField(label="Leaves on")
    time = forms.TimeField(label="At", initial=LAST_HOUR, input_formats=["%H:%M"])

    def __init__(
        self, heirs: list[User], practice: Practice, *given: Any, now: bool = False, **more: Any
    ) -> None:
        """`now`: they leave at once, so that no day is asked for."""
        super().__init__(*given, **more)
        for field in ("day", "time") if now else ():
            self.fields[field].disabled = True
            self.fields[field].required = False
        self.practice = practice
        heir = self.fields["cases_to"]
        heir.queryset = User.objects.filter(pk__in=[user.pk for user in heirs])
        heir.label_from_instance = named
        self.fields["time"].widget.attrs.update({"class": "short", "autocomplete": "off"})

    def at(self) -> datetime:
        """The time, as the clocks of the practice show it."""
        day, time = self.cleaned_data["day"], self.cleaned_data["time"]
        return timezone.make_aware(datetime.combine(day, time), self.practice.zone)


class ResetForm(forms.Form):
    """How I know that it is they who have lost their second factor."""

    reason = forms.CharField(
        max_length=300,
        label="How do you know that it is them?",
        help_text="Such as “seen in person, badge checked”.",
    )

    def __init__(self, *given: Any, **more: Any) -> None:
        """Its reason stands on one page with that of the roles."""
        super().__init__(*given, auto_id="reset_%s", **more)


class PracticeForm(forms.Form):
    """What is known of a practice. Whatever is left empty is that of its profile."""

    name = forms.CharField(max_length=200)
    profile = forms.ChoiceField(choices=profiles.choices, help_text="Whose limits apply.")
    country = forms.ChoiceField(required=False)
    time_zone = forms.CharField(
        max_length=40,
        required=False,
        help_text="Such as Europe/Dublin; instants become days there. Empty: that of its profile.",
    )
    locale = forms.CharField(
        max_length=12,
        required=False,
        label="Language",
        help_text="A tag, such as en-GB. Empty: that of its profile.",
    )
    address = forms.CharField(
        max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    telephone = forms.CharField(max_length=40, required=False)
    email = forms.EmailField(required=False, label="Mail")
    second_factor = forms.ChoiceField(
        choices=SecondFactor.choices,
        initial=SecondFactor.OFFICES,
        required=False,
        help_text="Who must have one to sign in.",
    )

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        named_countries = sorted(countries.NAMES.items(), key=lambda country: country[1])
        self.fields["country"].choices = [("", "that of its profile"), *named_countries]

    def clean_second_factor(self) -> str:
        """As it is, where nothing was said."""
        said = self.cleaned_data["second_factor"]
        return said or self.get_initial_for_field(self.fields["second_factor"], "second_factor")


class NewPracticeForm(PracticeForm):
    """A practice that is not there yet: its code as well, which stays."""

    code = forms.SlugField(
        max_length=40,  # pyright: ignore[reportCallIssue] - it is a CharField
        help_text="Letters, digits and hyphens. Client systems call it by this, and it stays.",
    )
    field_order = ["name", "code"]


class CodeForm(forms.Form):
    """The code of an invitation, as it was printed or came by mail."""

    code = forms.CharField(
        max_length=60,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "code",
            }
        ),
    )


class AcceptForm(forms.Form):
    """What somebody chooses who accepts an invitation. Their family name is that of it."""

    given_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    family_name = forms.CharField(
        disabled=True,
        required=False,
        help_text="As you were invited. If it is wrong, ask for a new invitation.",
    )
    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="You sign in with it: letters, digits and . + - _",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        required=False,
        label="Mail",
        help_text="For forgotten passwords, and what waits for you.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        min_length=1,
        max_length=256,
        strip=False,
        help_text="At least 12 characters, and none that others use. Several words are good.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *given: Any, address: str, former: str, **more: Any) -> None:
        """`address` is where the code went; `former` the user name of who comes back."""
        super().__init__(*given, **more)
        if address:
            del self.fields["email"]
        if former:
            del self.fields["username"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password") != given.get("again"):
            self.add_error("again", "This is another password than the one above.")
        return given

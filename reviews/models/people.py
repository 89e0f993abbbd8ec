"""Practices, the people who work there, and the patients in their care."""

from datetime import date
from zoneinfo import ZoneInfo, available_timezones

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Lower, Now

from drugs.models import Profile
from reviews import identifiers
from reviews.rules.codes import SEXES

from .versioned import Versioned, of_nobody_merged_away, one_live_version


class Role(models.TextChoices):
    CLINICIAN = "clinician", "Clinician"
    REVIEWER = "reviewer", "Reviewer"
    FORMULARY_ADMIN = "formulary_admin", "Formulary admin"
    AUDITOR = "auditor", "Auditor"
    INTEGRATION_CLIENT = "integration_client", "Integration client"


Sex = models.TextChoices("Sex", {code.upper(): (code, label) for code, label in SEXES.items()})


def named(user: AbstractUser | None) -> str:
    """The name that others read of somebody who did something; None is the portal itself."""
    return (user.get_full_name() or user.get_username()) if user else "the portal"


TIME_ZONES: dict[str, str] = {
    Profile.UK: "Europe/London",
    Profile.US: "America/New_York",
    Profile.EU: "Europe/Brussels",
}
"""Where a practice of each profile is taken to be until somebody says otherwise."""


def is_time_zone(name: str) -> None:
    """Raise `ValidationError` unless there is a time zone of that name."""
    if name not in available_timezones():
        raise ValidationError(f"There is no time zone “{name}”.")


class Practice(models.Model):
    """A place of care. Its `time_zone` (of the IANA list) says which day it is there."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    profile = models.CharField(max_length=2, choices=Profile.choices)
    time_zone = models.CharField(max_length=40, blank=True, validators=[is_time_zone])

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="practice_profile_known", condition=Q(profile__in=Profile.values)
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """Its own time zone, or that of its profile."""
        return ZoneInfo(self.time_zone or TIME_ZONES[self.profile])


class Membership(models.Model):
    """One role of one person at one practice; a person may hold several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "practice", "role"], name="membership_once_per_role"
            ),
            models.CheckConstraint(name="membership_role_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.get_role_display()} at {self.practice}"


def folded(field: str | Func) -> Func:
    """A name as it is looked for; `reviews.likeness.folded` is the same."""
    return Func(field, function="reviews_folded", output_field=models.TextField())


def _kept_folded() -> models.TextField:
    """A name as it is looked for, kept beside it: a search would fold each name that it finds.

    The database writes it (`names_folded`), whatever is said here. A generated column would be
    written for everybody while the table is locked.
    """
    return models.TextField(editable=False, blank=True, db_default="")


class Particulars(models.Model):
    """What is known of a person; `None` means not known, never zero.

    Somebody with a single name has one of the two. `deceased` says that they died, also where
    nobody knows on which day.
    """

    family_name = models.CharField(max_length=120, blank=True)
    given_name = models.CharField(max_length=120, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    sex = models.CharField(max_length=7, choices=Sex.choices, default=Sex.UNKNOWN)
    deceased_on = models.DateField(null=True, blank=True)
    deceased = models.BooleanField(default=False, db_default=False)

    class Meta:
        abstract = True

    @property
    def display_name(self) -> str:
        """Family name in capitals first, as on a prescription; or the only name there is."""
        if not self.family_name:
            return self.given_name.upper()
        return ", ".join(filter(None, [self.family_name.upper(), self.given_name]))

    @property
    def has_died(self) -> bool:
        """Whether they are known to have died, on a known day or not."""
        return self.deceased or self.deceased_on is not None

    def age_on(self, day: date) -> int | None:
        """Completed years on `day`, or None when the birth date is not known."""
        if self.birth_date is None:
            return None
        before_birthday = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before_birthday


PARTICULARS = tuple(field.name for field in Particulars._meta.fields)


def _as_its_live_version(name: str, operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    """Refuse a row of a person that its live version does not say, once for each statement."""
    columns = ("practice_id", *PARTICULARS)
    written, said = (", ".join(f"{row}.{column}" for column in columns) for row in "pv")
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(new="written"),
        func=f"""
            IF EXISTS (
                SELECT FROM written p LEFT JOIN reviews_patientversion v
                    ON v.patient_id = p.id AND v.superseded_at IS NULL
                WHERE ({written}) IS DISTINCT FROM ({said})
            ) THEN
                RAISE EXCEPTION 'a patient must be what the live version says';
            END IF;
            RETURN NULL;
        """,
    )


class Patient(Particulars):
    """A person registered with one practice, as they are known now.

    Whatever refers to a person refers to this row. What it says is always what the live
    `PatientVersion` says, which is written first; the database refuses anything else. Somebody
    `merged_into` another has nothing of their own any more: whoever asks for them gets the other.
    """

    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="merged",
        db_index=False,
    )
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="patients")
    family_folded = _kept_folded()
    given_folded = _kept_folded()
    registered_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(Particulars.Meta):
        triggers = [
            _as_its_live_version("registered_as_said", pgtrigger.Insert),
            _as_its_live_version("changed_as_said", pgtrigger.Update),
            pgtrigger.Trigger(
                name="names_folded",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    NEW.family_folded := reviews_folded(NEW.family_name);
                    NEW.given_folded := reviews_folded(NEW.given_name);
                    RETURN NEW;
                """,
            ),
        ]
        constraints = [
            models.CheckConstraint(name="patient_sex_known", condition=Q(sex__in=Sex.values)),
            models.CheckConstraint(
                name="patient_dies_after_birth",
                condition=Q(deceased_on__isnull=True)
                | Q(birth_date__isnull=True)
                | Q(deceased_on__gte=models.F("birth_date")),
            ),
            models.CheckConstraint(
                name="patient_has_a_name", condition=~Q(family_name="", given_name="")
            ),
            models.CheckConstraint(
                name="patient_not_merged_into_themselves",
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=models.F("id")),
            ),
        ]
        indexes = [
            models.Index(fields=["practice", "family_name", "given_name", "id"]),
            models.Index(fields=["updated_at", "id"]),
            GinIndex(
                OpClass("family_folded", name="gin_trgm_ops"),
                OpClass("given_folded", name="gin_trgm_ops"),
                name="patient_folded_trigrams",
            ),
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="patient_merged",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name


class PatientVersion(Particulars, Versioned):
    """What was known of a person from one change to the next.

    An identifier that is added makes a version too, though versions do not repeat identifiers.
    """

    VERSIONS_OF = "patient_id"

    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="versions", db_index=False
    )

    class Meta(Particulars.Meta, Versioned.Meta):
        verbose_name = "patient"
        constraints = one_live_version("patient")

    def __str__(self) -> str:
        return f"{self.display_name}, version {self.version}"


def compact(field: str) -> Func:
    """A number as it is compared: letters and digits alone, in lower case. An index holds it."""
    text = {"output_field": models.TextField()}
    pattern, nothing, everywhere = Value("[^0-9a-z]"), Value(""), Value("g")
    return Func(Lower(field), pattern, nothing, everywhere, function="regexp_replace", **text)


class Identifier(models.Model):
    """A patient's number in somebody's system, such as an NHS number.

    System and value are as `reviews.identifiers` writes them. `use` is FHIR's: an old number still
    names its person, and one that ended is an old one.
    """

    class Use(models.TextChoices):
        CURRENT = "", "Current"
        TEMPORARY = "temp", "Temporary"
        OLD = "old", "Old"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="identifiers")
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=100)
    use = models.CharField(max_length=4, choices=Use, blank=True, default="", db_default="")

    class Meta:
        triggers = [of_nobody_merged_away()]
        constraints = [
            models.CheckConstraint(
                name="identifier_use_known", condition=Q(use__in=["", "temp", "old"])
            ),
            models.UniqueConstraint(
                fields=["practice", "system", "value"], name="identifier_once_per_practice"
            ),
        ]
        indexes = [
            GinIndex(
                OpClass(compact("value"), name="gin_trgm_ops"), name="identifier_compact_trigrams"
            )
        ]

    def __str__(self) -> str:
        return self.value

    @property
    def label(self) -> str:
        """What people call the number."""
        return identifiers.label(self.system)

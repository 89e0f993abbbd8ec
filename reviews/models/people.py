"""Practices, the people who work there, and the patients in their care."""

import re
from datetime import date
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Lower, Now
from django.utils import timezone

from drugs.models import IS_PROFILE, PROFILE_LENGTH
from reviews import countries, identifiers
from reviews.rules.codes import PROFILES, SEXES
from reviews.rules.profiles import BASE

from .versioned import Versioned, of_nobody_merged_away, one_live_version


class Role(models.TextChoices):
    CLINICIAN = "clinician", "Clinician"
    REVIEWER = "reviewer", "Reviewer"
    FORMULARY_ADMIN = "formulary_admin", "Formulary admin"
    AUDITOR = "auditor", "Auditor"
    INTEGRATION_CLIENT = "integration_client", "Integration client"
    PRACTICE_ADMIN = "practice_admin", "Practice admin"
    PROVISIONING_CLIENT = "provisioning_client", "Provisioning client"


MACHINES = (Role.INTEGRATION_CLIENT, Role.PROVISIONING_CLIENT)
"""The roles of keys. Nobody holds one of them who can sign in."""


class SecondFactor(models.TextChoices):
    """Who must have a second factor at a practice. Anybody may."""

    OPTIONAL = "optional", "Nobody has to"
    OFFICES = "offices", "Reviewers, admins and auditors must"
    EVERYBODY = "everybody", "Everybody must"

    @property
    def roles(self) -> frozenset[str]:
        """The roles whose holders must; a machine has no second factor."""
        people = frozenset(Role.values) - frozenset(MACHINES)
        return {
            SecondFactor.OPTIONAL: frozenset(),
            SecondFactor.OFFICES: people - {Role.CLINICIAN},
            SecondFactor.EVERYBODY: people,
        }[self]


Sex = models.TextChoices("Sex", {code.upper(): (code, label) for code, label in SEXES.items()})


def named(user: AbstractUser | None) -> str:
    """The name that others read of somebody who did something; None is the portal itself."""
    return (user.get_full_name() or user.get_username()) if user else "the portal"


TIME_ZONES = {code: base.time_zone for code, base in BASE.items()}
"""Where a practice of each base profile is taken to be until somebody says otherwise."""
COUNTRIES = {code: base.country for code, base in BASE.items() if base.country}
"""The country of a practice of each base profile, where the profile is of one country."""
LOCALES = {code: base.locale for code, base in BASE.items()}
"""How a practice of each base profile writes until somebody says otherwise."""
IS_BASE = Q(profile__in=PROFILES)
"""Whether a profile is one of the software."""
BOOKS_LOCK = 0xB00C
"""Advisory lock: of whoever freezes or publishes a rule book, or changes what it waits for."""
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


def is_time_zone(name: str) -> None:
    """Raise `ValidationError` unless there is a time zone of that name."""
    if name not in available_timezones():
        raise ValidationError(f"There is no time zone “{name}”.")


def is_country(code: str) -> None:
    """Raise `ValidationError` unless a country has that code."""
    if code not in countries.NAMES:
        raise ValidationError(f"There is no country “{code}”.")


def is_locale(tag: str) -> None:
    """Raise `ValidationError` unless the text is a tag of a language, such as en-GB."""
    if not _LANGUAGE_TAG.fullmatch(tag):
        raise ValidationError(f"“{tag}” is no tag of a language, such as en-GB.")


def of_a_live_profile(name: str) -> pgtrigger.Trigger:
    """Refuse a row of a further profile that the live rule book does not hold.

    It waits for whoever publishes a book, which must hold every profile in use.
    """
    bases = ", ".join(f"'{code}'" for code in PROFILES)
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("profile"),
        func=f"""
            IF NEW.profile NOT IN ({bases}) THEN
                PERFORM pg_advisory_xact_lock({BOOKS_LOCK});
                IF NOT EXISTS (
                    SELECT FROM reviews_ruleversion WHERE state = 'published'
                        AND book #> ARRAY['profiles', NEW.profile] IS NOT NULL
                ) THEN
                    RAISE EXCEPTION 'the live rule book does not hold the profile';
                END IF;
            END IF;
            RETURN NEW;
        """,
    )


class Practice(models.Model):
    """A place of care, and how it is reached.

    `time_zone` (of the IANA list) says which day it is there, `country` is of ISO 3166, `locale` a
    tag of a language. Whatever is empty is that of its profile. A practice of a further profile
    holds them itself: which day it was must not change with a rule book.
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    profile = models.CharField(max_length=PROFILE_LENGTH)
    time_zone = models.CharField(max_length=40, blank=True, validators=[is_time_zone])
    second_factor = models.CharField(
        max_length=9,
        choices=SecondFactor,
        default=SecondFactor.OFFICES,
        db_default=SecondFactor.OFFICES,
    )
    country = models.CharField(max_length=2, blank=True, db_default="", validators=[is_country])
    locale = models.CharField(max_length=12, blank=True, db_default="", validators=[is_locale])
    address = models.CharField(max_length=300, blank=True, db_default="")
    telephone = models.CharField(max_length=40, blank=True, db_default="")
    email = models.EmailField(blank=True, db_default="")

    class Meta:
        triggers = [of_a_live_profile("practice_of_a_live_profile")]
        constraints = [
            models.CheckConstraint(
                name="practice_profile_known",
                condition=IS_BASE | (IS_PROFILE & ~Q(time_zone="") & ~Q(locale="")),
            ),
            models.CheckConstraint(
                name="practice_second_factor_known",
                condition=Q(second_factor__in=SecondFactor.values),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> str:
        """By what name a rule book keeps the policy of the practice."""
        return self.code

    @property
    def zone(self) -> ZoneInfo:
        """Its own time zone, or that of its profile."""
        return ZoneInfo(self.time_zone or TIME_ZONES[self.profile])

    @property
    def country_name(self) -> str:
        """Its country in words; empty where nobody has said it and its profile has several."""
        return countries.NAMES.get(self.country or COUNTRIES.get(self.profile, ""), "")

    @property
    def language_tag(self) -> str:
        """Its own locale, or that of its profile."""
        return self.locale or LOCALES[self.profile]


class PastProfile(models.Model):
    """That a practice was of another profile until a time; only ever added."""

    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="past_profiles", db_index=False
    )
    profile = models.CharField(max_length=PROFILE_LENGTH)
    until = models.DateTimeField(db_default=Now(), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints = [models.CheckConstraint(name="pastprofile_known", condition=IS_PROFILE)]
        indexes = [models.Index(fields=["practice", "until"], name="pastprofile_then")]

    def __str__(self) -> str:
        return f"{self.practice} in {self.profile} until {self.until}"


class MembershipQuerySet(models.QuerySet):
    def in_force(self) -> Self:
        """Those that have not ended."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()))


class Membership(models.Model):
    """One role of one person at one practice; a person may hold several.

    From `ends_at` on it counts for nothing, whether or not anybody has removed it yet.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

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


def compact(field: str | Func) -> Func:
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

"""What is known about drugs. Every row says who says so, when it was read and when to read again.

A row comes from the files in `drugs/data` (`origin` file) or from an admin (`origin` edited), who
changes it with `revise`. Nothing is deleted: a row that is no longer true is retired. Amounts are
mg; a missing figure is a missing row, never zero. Every change leaves a row in the history tables.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import ClassVar, Self, TypeVar, cast

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from reviews.rules.codes import PROFILE_NAMES

YEAR = timedelta(days=366)


_Model = TypeVar("_Model", bound=type[models.Model])


def tracked(model: _Model) -> _Model:
    """Keep every version of a model's rows, in append-only tables filled by triggers."""
    # Statement level: one trigger call for a bulk load. Trackers keep state, so each gets its own.
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        level=pghistory.Statement,
        append_only=True,
    )(model)


Profile = models.TextChoices(
    "Profile", {code: (code, name) for code, name in PROFILE_NAMES.items()}
)


class Severity(models.IntegerChoices):
    S1 = 1, "S1"
    S2 = 2, "S2"
    S3 = 3, "S3"
    S4 = 4, "S4"


class FactQuerySet(models.QuerySet):
    def live(self) -> Self:
        """Rows in force."""
        return self.filter(retired_at=None)

    def unverified(self) -> Self:
        """Rows that rest on general knowledge, a secondary page or a single public file."""
        return self.live().filter(verified=False)

    def overdue(self, today: date) -> Self:
        """Rows whose source should have been read again before `today`."""
        return self.live().filter(next_review__lt=today)


class Sourced(models.Model):
    """What every row of the formulary says about its authority.

    `source` names the original publication, `locator` the place in it. `verified` is False for
    general knowledge, secondary pages and single files, until somebody signs the row off.
    """

    class Origin(models.TextChoices):
        FILE = "file", "From the files"
        EDITED = "edited", "Edited"

    source = models.CharField(max_length=300)
    locator = models.CharField(max_length=200)
    reviewed = models.DateField()
    next_review = models.DateField()
    verified = models.BooleanField()
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    note = models.CharField(max_length=500, blank=True)
    origin = models.CharField(
        max_length=6, choices=Origin, default=Origin.FILE, db_default="file", editable=False
    )
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = FactQuerySet.as_manager()

    EDITABLE: ClassVar[tuple[str, ...]]
    CITATION = ("source", "locator", "reviewed", "next_review", "verified", "note")

    class Meta:
        abstract = True
        triggers = [pgtrigger.Protect(name="retired_not_deleted", operation=pgtrigger.Delete)]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_has_a_citation",
                condition=~Q(source="") & ~Q(locator=""),
                violation_error_message="A row needs a source and the place in it.",
            ),
            models.CheckConstraint(
                name="%(class)s_reviewed_within_a_year",
                condition=Q(next_review__gt=F("reviewed"))
                & Q(next_review__lte=F("reviewed") + YEAR),
                violation_error_message="The next review is due within a year of the last.",
            ),
            models.CheckConstraint(
                name="%(class)s_signed_off_by_somebody",
                condition=Q(verified_by=None, verified_at=None)
                | Q(verified_by__isnull=False, verified_at__isnull=False, verified=True),
            ),
        ]

    def revise(
        self,
        *,
        source: str,
        locator: str,
        reviewed: date,
        next_review: date,
        verified: bool = False,
        note: str = "",
        **values: object,
    ) -> None:
        """Change this row as an admin: the citation is always given anew.

        `values` are the row's own fields (`EDITABLE`). Raises `ValidationError`, by field.
        The loader leaves the row alone from now on, and reports where the files differ.
        """
        citation = {
            "source": source,
            "locator": locator,
            "reviewed": reviewed,
            "next_review": next_review,
            "verified": verified,
            "note": note,
        }
        self.say_anew(citation, values)
        self.changed_at = Now()
        self.save()
        self.refresh_from_db()

    def say_anew(self, citation: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Let this row say what `revise` would write, which is not saved.

        Raises `ValidationError`, by field.
        """
        strange = values.keys() - set(self.EDITABLE)
        if strange:
            raise ValidationError(dict.fromkeys(strange, "This cannot be changed here."))
        for name, value in {**citation, **values}.items():
            setattr(self, name, value)
        self.verified_by, self.verified_at = None, None
        self.origin, self.retired_at = self.Origin.EDITED, None
        self.full_clean()

    @classmethod
    def add(
        cls,
        *,
        source: str,
        locator: str,
        reviewed: date,
        next_review: date,
        verified: bool = False,
        note: str = "",
        **values: object,
    ) -> Self:
        """Write down a new row as an admin. Raises `ValidationError`, by field."""
        citation = {
            "source": source,
            "locator": locator,
            "reviewed": reviewed,
            "next_review": next_review,
            "verified": verified,
            "note": note,
        }
        row = cls.would_add(citation, values)
        row.save()
        row.refresh_from_db()
        return row

    @classmethod
    def would_add(cls, citation: Mapping[str, object], values: Mapping[str, object]) -> Self:
        """The row that `add` would write, which is not saved. Raises `ValidationError`."""
        row = cls(**values, **citation, origin=cls.Origin.EDITED)
        row.full_clean(exclude=["changed_at"])
        return row

    def sign_off(self, *, by: AbstractBaseUser, at: datetime) -> None:
        """Mark the row as checked against its source by a named person."""
        self.verified, self.verified_by, self.verified_at = True, by, at
        self.origin, self.changed_at = self.Origin.EDITED, Now()
        self.save()
        self.refresh_from_db()

    def retire(self, *, at: datetime) -> None:
        """Take the row out of force. It stays readable, and the loader does not bring it back."""
        self.origin, self.retired_at, self.changed_at = self.Origin.EDITED, at, Now()
        self.save()
        self.refresh_from_db()


PROFILE_LENGTH = 8
IS_PROFILE = Q(profile__regex="^[A-Z]{2,8}$")
"""Whether it can be the code of a profile; which there are, the live rule book says."""


def _profile_known(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=IS_PROFILE)


@tracked
class DrugClass(Sourced):
    """A class of the interaction rules. `severity` is its default, None where pairs decide."""

    EDITABLE = ("name", "severity")

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    rules = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, null=True, blank=True)

    class Meta(Sourced.Meta):
        abstract = False
        verbose_name_plural = "drug classes"
        constraints = [
            *Sourced.Meta.constraints,
            models.CheckConstraint(
                name="drugclass_severity_1_to_4",
                condition=Q(severity=None) | Q(severity__range=(1, 4)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


@tracked
class Ingredient(Sourced):
    """A substance, under its international name; `key` is that name with "-" for spaces."""

    EDITABLE = ("name",)

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)

    class Meta(Sourced.Meta):
        abstract = False

    def __str__(self) -> str:
        return self.name


@tracked
class IngredientClass(Sourced):
    """That an ingredient belongs to a class. `severity` replaces the default of the class.

    `level` class: judged once for each class; pair: only with the medicines of its `Pair` rows.
    `condition` says in words what the severity depends on, where it is not one figure.
    """

    EDITABLE = ("severity", "level", "condition")

    class Level(models.TextChoices):
        CLASS = "class", "Class"
        PAIR = "pair", "Pair"

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="classes")
    drug_class = models.ForeignKey(DrugClass, on_delete=models.PROTECT, related_name="members")
    severity = models.PositiveSmallIntegerField(choices=Severity, null=True, blank=True)
    level = models.CharField(max_length=5, choices=Level, default=Level.CLASS)
    condition = models.CharField(max_length=200, blank=True)

    class Meta(Sourced.Meta):
        abstract = False
        verbose_name_plural = "class memberships"
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(
                fields=["ingredient", "drug_class"], name="ingredient_once_in_a_class"
            ),
            models.CheckConstraint(
                name="membership_severity_1_to_4",
                condition=Q(severity=None) | Q(severity__range=(1, 4)),
            ),
            models.CheckConstraint(
                name="membership_level_known", condition=Q(level__in=["class", "pair"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient}: {self.drug_class}"


@tracked
class Pair(Sourced):
    """How urgent one named combination is.

    The subject is an ingredient or a whole class, the other side an ingredient or a class.
    """

    EDITABLE = ("severity", "rule")

    ingredient = models.ForeignKey(
        Ingredient, on_delete=models.PROTECT, null=True, blank=True, related_name="pairs"
    )
    drug_class = models.ForeignKey(
        DrugClass, on_delete=models.PROTECT, null=True, blank=True, related_name="pairs"
    )
    with_ingredient = models.ForeignKey(
        Ingredient, on_delete=models.PROTECT, null=True, blank=True, related_name="paired_with"
    )
    with_class = models.ForeignKey(
        DrugClass, on_delete=models.PROTECT, null=True, blank=True, related_name="paired_with"
    )
    severity = models.PositiveSmallIntegerField(choices=Severity)
    rule = models.CharField(max_length=10, blank=True)

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(
                fields=["ingredient", "drug_class", "with_ingredient", "with_class"],
                nulls_distinct=False,
                name="pair_once",
            ),
            models.CheckConstraint(
                name="pair_has_two_sides",
                condition=(
                    Q(ingredient=None, drug_class__isnull=False)
                    | Q(ingredient__isnull=False, drug_class=None)
                )
                & (
                    Q(with_ingredient=None, with_class__isnull=False)
                    | Q(with_ingredient__isnull=False, with_class=None)
                ),
            ),
            models.CheckConstraint(
                name="pair_severity_1_to_4", condition=Q(severity__range=(1, 4))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} with {self.other}"

    @property
    def subject(self) -> Ingredient | DrugClass:
        # Each side is one of the two: a constraint says so.
        return cast(Ingredient | DrugClass, self.ingredient or self.drug_class)

    @property
    def other(self) -> Ingredient | DrugClass:
        return cast(Ingredient | DrugClass, self.with_ingredient or self.with_class)


@tracked
class DrugFact(Sourced):
    """One statement about an ingredient: half-life, band, metabolism, legal schedule and the like.

    `profile` is "" for a fact that holds everywhere.
    """

    EDITABLE = ("value",)
    BANDS = ("short", "intermediate", "long", "unknown")

    class Kind(models.TextChoices):
        BAND = "band", "Half-life band"
        HALF_LIFE = "half_life_h", "Half-life, hours, parent [active metabolite]"
        METABOLITES = "active_metabolites", "Active metabolites"
        METABOLISM = "metabolism", "Metabolism"
        USUAL_DOSE = "usual_dose", "Usual dose"
        SCHEDULE = "schedule", "Legal schedule"
        BAND_LOW = "band_low_up_to_mg_per_day", "Low dose band up to, mg a day"
        BAND_HIGH = "band_high_over_mg_per_day", "High dose band above, mg a day"
        RANGE = "equivalent_range_mg", "Published range of equivalents to diazepam 10 mg, mg"
        DDD = "who_ddd_mg", "WHO defined daily dose, mg (not an equivalent)"

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="facts")
    kind = models.CharField(max_length=30, choices=Kind)
    profile = models.CharField(max_length=PROFILE_LENGTH, blank=True)
    value = models.CharField(max_length=300)

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(fields=["ingredient", "kind", "profile"], name="fact_once"),
            models.CheckConstraint(name="fact_profile_known", condition=Q(profile="") | IS_PROFILE),
            models.CheckConstraint(
                name="fact_says_something",
                condition=~Q(value="")
                & (~Q(kind="band") | Q(value__in=["short", "intermediate", "long", "unknown"])),
                violation_error_message="A band is short, intermediate, long or unknown.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient}: {self.get_kind_display()}"


@tracked
class Limit(Sourced):
    """The highest licensed daily dose by mouth, in mg.

    `context`: "adult" where none other applies, "elder" from 65 years, a coded indication,
    "inpatient", or a form ("orodispersible", "extended_release", "elder_extended_release").
    """

    EDITABLE = ("mg_per_day",)

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="limits")
    profile = models.CharField(max_length=PROFILE_LENGTH)
    context = models.SlugField(max_length=40)
    mg_per_day = models.DecimalField(max_digits=9, decimal_places=4)

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(fields=["ingredient", "profile", "context"], name="limit_once"),
            _profile_known("limit_profile_known"),
            models.CheckConstraint(name="limit_positive", condition=Q(mg_per_day__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient}, {self.profile}, {self.context}"

    @property
    def context_label(self) -> str:
        return self.context.replace("_", " ")


@tracked
class Equivalent(Sourced):
    """The mg of an ingredient that a named table holds equal to diazepam 10 mg by mouth.

    `mg_high` is the upper end where the table gives a range; always approximate.
    """

    EDITABLE = ("mg", "mg_high")

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="equivalents")
    table = models.CharField(max_length=20)
    mg = models.DecimalField(max_digits=9, decimal_places=4)
    mg_high = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(fields=["ingredient", "table"], name="equivalent_once"),
            models.CheckConstraint(
                name="equivalent_positive",
                condition=Q(mg__gt=0) & (Q(mg_high=None) | Q(mg_high__gt=F("mg"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient}, {self.table}"


@tracked
class Presentation(Sourced):
    """The strengths of a form that are marketed under a profile: mg in each `per_unit`."""

    EDITABLE = ("strengths_mg",)

    ingredient = models.ForeignKey(
        Ingredient, on_delete=models.PROTECT, related_name="presentations"
    )
    profile = models.CharField(max_length=PROFILE_LENGTH)
    form = models.SlugField(max_length=20)
    per_unit = models.SlugField(max_length=20)
    strengths_mg = ArrayField(models.DecimalField(max_digits=9, decimal_places=4))

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(
                fields=["ingredient", "profile", "form"], name="presentation_once"
            ),
            _profile_known("presentation_profile_known"),
            models.CheckConstraint(
                name="presentation_has_strengths", condition=Q(strengths_mg__len__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient} {self.form}, {self.profile}"


@tracked
class Name(Sourced):
    """A name by which one or more ingredients are recognised inside a product text.

    `substitution`: the name stands for a product made for opioid dependence alone.
    """

    EDITABLE = ("substitution",)

    class Kind(models.TextChoices):
        SYNONYM = "synonym", "Synonym"
        BRAND = "brand", "Brand"
        COMPOUND = "compound", "Compound name"

    text = models.CharField(max_length=100)
    kind = models.CharField(max_length=8, choices=Kind)
    substitution = models.BooleanField(default=False)
    ingredients = models.ManyToManyField(Ingredient, through="NamePart", related_name="names")

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(Lower("text"), name="name_once"),
        ]

    def __str__(self) -> str:
        return self.text


@tracked
class NamePart(models.Model):
    """One ingredient that a name stands for."""

    name = models.ForeignKey(Name, on_delete=models.CASCADE, related_name="parts")
    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "ingredient"], name="name_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.ingredient}"


@tracked
class Code(Sourced):
    """A code of a named system and what it stands for: an ingredient, a product, a combination.

    A group stands for every code that begins with it and is not listed itself. `incomplete`: the
    code names only a part of what the medicine holds. `substitution`: for opioid dependence alone.
    """

    EDITABLE = ("substitution",)

    class System(models.TextChoices):
        ATC = "atc", "ATC"
        RXNORM = "rxnorm", "RxNorm"
        SNOMED = "snomed", "SNOMED CT"
        DMD = "dmd", "dm+d"
        NDC = "ndc", "NDC"

    class Kind(models.TextChoices):
        INGREDIENT = "ingredient", "Ingredient"
        PRODUCT = "product", "Product"
        COMBINATION = "combination", "Combination"
        GROUP = "group", "Group"

    system = models.CharField(max_length=6, choices=System)
    code = models.CharField(max_length=20)
    kind = models.CharField(max_length=11, choices=Kind)
    name = models.CharField(max_length=300)
    form = models.SlugField(max_length=20, blank=True)
    route = models.SlugField(max_length=20, blank=True)
    substitution = models.BooleanField(default=False)
    incomplete = models.BooleanField(default=False)

    class Meta(Sourced.Meta):
        abstract = False
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(fields=["system", "code"], name="code_once"),
            models.CheckConstraint(name="code_says_something", condition=~Q(code="") & ~Q(name="")),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.code}"


@tracked
class CodePart(models.Model):
    """One ingredient behind a code: `strength_mg` in each `per_unit`, None where not one figure."""

    code = models.ForeignKey(Code, on_delete=models.CASCADE, related_name="parts")
    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="in_codes")
    position = models.PositiveSmallIntegerField()
    strength_mg = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    per_unit = models.SlugField(max_length=20, blank=True)

    class Meta:
        ordering = ["code", "position"]
        constraints = [
            models.UniqueConstraint(fields=["code", "position"], name="code_part_position_once"),
            models.UniqueConstraint(fields=["code", "ingredient"], name="code_part_once"),
            models.CheckConstraint(
                name="code_part_positive",
                condition=Q(strength_mg=None) | Q(strength_mg__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.ingredient}"


@tracked
class FormularyStatus(Sourced):
    """Whether a medicine is on the formulary under a profile; without a row it is not known."""

    EDITABLE = ("status", "reason")

    class Status(models.TextChoices):
        FORMULARY = "formulary", "Formulary"
        RESTRICTED = "restricted", "Restricted"
        NON_FORMULARY = "non-formulary", "Non-formulary"

    ingredient = models.ForeignKey(Ingredient, on_delete=models.PROTECT, related_name="statuses")
    profile = models.CharField(max_length=PROFILE_LENGTH)
    status = models.CharField(max_length=13, choices=Status)
    reason = models.CharField(max_length=300, blank=True)

    class Meta(Sourced.Meta):
        abstract = False
        verbose_name_plural = "formulary statuses"
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(fields=["ingredient", "profile"], name="status_once"),
            _profile_known("status_profile_known"),
        ]

    def __str__(self) -> str:
        return f"{self.ingredient}, {self.profile}: {self.get_status_display()}"


# -- What a licensed site reads in itself --------------------------------------------------------


class Edition(models.Model):
    """One release of a national list, as a licensed site read it in; none comes with the portal.

    Its products count once somebody put it in force, and until another one of its system is.
    `digest` is of its files, as their names and SHA-256; `read` counts the rows by what became of
    them. `refused` says why a release could not be read at all.
    """

    class System(models.TextChoices):
        DMD = "dmd", "dm+d"
        RXNORM = "rxnorm", "RxNorm"
        ATC = "atc", "ATC"

    class State(models.TextChoices):
        READING = "reading", "Being read"
        READY = "ready", "Read, not in force"
        IN_FORCE = "in_force", "In force"
        REPLACED = "replaced", "Replaced"
        REFUSED = "refused", "Could not be read"

    system = models.CharField(max_length=6, choices=System)
    name = models.CharField(max_length=100)
    released_on = models.DateField()
    digest = models.CharField(max_length=64)
    files = models.JSONField()
    state = models.CharField(max_length=8, choices=State, default=State.READING)
    read = models.JSONField(default=dict)
    refused = models.CharField(max_length=300, blank=True)
    read_at = models.DateTimeField(db_default=Now(), editable=False)
    read_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reviewed = models.DateField(null=True)
    next_review = models.DateField(null=True)
    put_in_force_at = models.DateTimeField(null=True)
    put_in_force_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        triggers = [
            pgtrigger.Protect(name="replaced_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="release_is_what_it_was",
                fields=["system", "name", "released_on", "digest", "files", "read_by"],
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["system", "digest"], name="edition_once"),
            models.UniqueConstraint(
                fields=["system"], condition=Q(state="in_force"), name="one_edition_in_force"
            ),
            models.CheckConstraint(
                name="edition_in_force_by_somebody",
                condition=~Q(state__in=["in_force", "replaced"])
                | Q(
                    put_in_force_by__isnull=False,
                    put_in_force_at__isnull=False,
                    next_review__gt=F("reviewed"),
                    next_review__lte=F("reviewed") + YEAR,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_system_display()}, {self.name}"

    @property
    def source(self) -> str:
        """The release as the source of what it says."""
        return f"{self}, released {self.released_on:%-d %b %Y}, sha256 {self.digest[:12]}"


class EditionIngredient(models.Model):
    """A substance of a release, under the code that it has there; in ATC under its name."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="ingredients")
    code = models.CharField(max_length=100)
    name = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edition", "code"], name="edition_ingredient_once")
        ]

    def __str__(self) -> str:
        return self.name


class EditionProduct(models.Model):
    """A product of a release: `parts` as `[[code of an ingredient, mg or null, per unit]]`.

    `ingredients` are the codes of the parts. None means that the release names no ingredient.
    """

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="products")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=300)
    form = models.CharField(max_length=20, blank=True)
    route = models.CharField(max_length=20, blank=True)
    parts = models.JSONField()
    ingredients = ArrayField(models.CharField(max_length=100))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edition", "code"], name="edition_product_once")
        ]

    def __str__(self) -> str:
        return self.name


class EditionPiece(models.Model):
    """A row of a file while a release is being read: products are put together from them."""

    edition = models.ForeignKey(
        Edition, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    kind = models.CharField(max_length=10)
    key = models.CharField(max_length=100)
    other = models.CharField(max_length=100, blank=True)
    said = models.JSONField()

    class Meta:
        indexes = [
            models.Index(fields=["edition", "kind", "key"], name="edition_pieces"),
            models.Index(fields=["edition", "kind", "other"], name="edition_pieces_of"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class EditionFault(models.Model):
    """A row of a release that could not be read, by its file and line."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="faults")
    file = models.CharField(max_length=100)
    line = models.PositiveIntegerField()
    what = models.CharField(max_length=200)
    reason = models.CharField(max_length=300)

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


SOURCED = (
    DrugClass,
    Ingredient,
    IngredientClass,
    Pair,
    DrugFact,
    Limit,
    Equivalent,
    Presentation,
    Name,
    Code,
    FormularyStatus,
)
"""Every table of sourced rows, parents before those that point at them."""

"""What judges: the rule book as it was published, the edits it was made of, and the engine."""

from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.functions import Now
from django.db.models.lookups import IsNull

from drugs.models import PROFILE_LENGTH
from reviews.rules.codes import PROFILES

from .groups import PracticeGroup
from .people import BOOKS_LOCK, Practice
from .versioned import ends_once


class Engine(models.Model):
    """The code of the rules, by the digest of its sources. One is the portal's: it judges now.

    Flags and screenings that name none were made before engines were recorded.
    """

    # As small as can be: every flag names its engine.
    id = models.SmallAutoField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=8)
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    is_current = models.BooleanField(default=False)
    current_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="named_once", fields=["digest", "name", "first_seen_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="one_current_engine"
            ),
            models.CheckConstraint(
                name="engine_current_has_a_time",
                condition=Q(is_current=False) | Q(current_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"engine {self.name}"


class RuleDraft(models.Model):
    """An open draft of the next rule book: a title, and the edits that people add to it.

    `base` is the book that it changes. It is frozen into a `RuleVersion`, which is discarded or
    published; until it is published, or put away, the edits of a draft that is not frozen change.
    """

    title = models.CharField(max_length=200)
    base = models.ForeignKey("RuleVersion", on_delete=models.PROTECT, related_name="+")
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    put_away_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    put_away_at = models.DateTimeField(null=True, blank=True)
    put_away_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        triggers = ends_once(
            "put_away_at",
            "only_based_or_put_away",
            changes=["base", "put_away_by", "put_away_at", "put_away_reason"],
            frozen="put_away_for_good",
        )
        constraints = [
            models.CheckConstraint(name="ruledraft_has_a_title", condition=~Q(title="")),
            models.CheckConstraint(
                name="ruledraft_put_away_by_somebody",
                condition=Q(put_away_at=None, put_away_by=None, put_away_reason="")
                | (
                    Q(put_away_at__isnull=False, put_away_by__isnull=False) & ~Q(put_away_reason="")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"draft “{self.title}”"


class RuleChangeQuerySet(models.QuerySet):
    def standing(self) -> Self:
        """Edits that nobody withdrew or wrote over."""
        return self.filter(withdrawn_at=None)


class RuleChange(models.Model):
    """One edit of one fact of a rule book, with who says so; only ever withdrawn.

    `field` is the name of a parameter, `severity_s1` to `severity_s4` (what the rule grades so is
    graded otherwise), or `shown`. It holds for a profile, or as local policy for one practice or
    for a group of practices. `before` is what the book said that the draft changes; null is “as the
    rule says”, or no policy of its own. Where `after` is the same, the source was read again.
    `reviewed` is the day on which the source was read.
    """

    draft = models.ForeignKey(RuleDraft, on_delete=models.PROTECT, related_name="changes")
    rule_id = models.CharField(max_length=10)
    profile = models.CharField(max_length=PROFILE_LENGTH, blank=True)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    group = models.ForeignKey(
        PracticeGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    field = models.CharField(max_length=60)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    source = models.CharField(max_length=300)
    locator = models.CharField(max_length=200)
    reviewed = models.DateField()
    next_review = models.DateField()
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = RuleChangeQuerySet.as_manager()

    class Meta:
        triggers = ends_once(
            "withdrawn_at",
            "only_withdrawn",
            changes=["withdrawn_by", "withdrawn_at"],
            frozen="withdrawn_once",
        )
        constraints = [
            models.CheckConstraint(
                name="rulechange_of_a_profile_or_a_practice",
                condition=(~Q(profile="") & Q(practice=None, group=None))
                | Q(profile="", practice__isnull=False, group=None)
                | Q(profile="", practice=None, group__isnull=False),
            ),
            models.CheckConstraint(
                name="rulechange_says_who_says_so",
                condition=~Q(source="") & ~Q(locator="") & ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="rulechange_read_again_later", condition=Q(next_review__gt=F("reviewed"))
            ),
            models.CheckConstraint(
                name="rulechange_withdrawn_by_somebody",
                condition=Q(withdrawn_at=None, withdrawn_by=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["draft", "rule_id", "profile", "practice", "group", "field"],
                condition=Q(withdrawn_at=None),
                nulls_distinct=False,
                name="rulechange_one_of_a_fact_in_a_draft",
            ),
        ]
        indexes = [models.Index(fields=["rule_id", "field"], name="rulechange_by_fact")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.field}: {self.before} -> {self.after}"

    @property
    def place(self) -> Practice | PracticeGroup | None:
        """The practice or group whose local policy it is; None for a profile."""
        return self.practice or self.group


class RuleVersion(models.Model):
    """One numbered rule book. Screening reads only the published one; old flags keep theirs.

    `engine` is the one that was the portal's when the book was published. `made_of` is the draft
    that was frozen, if one was, and `change_ids` the published edits and those of the draft that
    stand in this book, one for each fact. `editor_ids` are the people who changed anything in it:
    none of them publishes it. `formulary_at` is when the formulary was read. `rolls_back_to` is the
    book whose content this one publishes again. `agreement` is why the second person agrees.

    Whoever froze it may have stated a burden budget, which a guarded run begins with: `most_cases`
    and `most_urgent` are open cases per 100 people on a benzodiazepine or Z-drug, and
    `budget_source` is who says so.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

    number = models.PositiveIntegerField(unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    book = models.JSONField()
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=1000, blank=True)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    drafted_at = models.DateTimeField(db_default=Now(), editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    engine = models.ForeignKey(
        Engine, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    made_of = models.ForeignKey(
        RuleDraft, on_delete=models.PROTECT, null=True, blank=True, related_name="versions"
    )
    # The stubs know no default of the database here.
    change_ids = ArrayField(  # pyright: ignore[reportCallIssue]
        models.BigIntegerField(), default=list, db_default=[], blank=True
    )
    editor_ids = ArrayField(  # pyright: ignore[reportCallIssue]
        models.BigIntegerField(), default=list, db_default=[], blank=True
    )
    formulary_at = models.DateTimeField(null=True, blank=True)
    rolls_back_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    agreement = models.CharField(max_length=2000, blank=True, db_default="")
    most_cases = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    most_urgent = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    budget_source = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=[
                    *("number", "book", "digest", "note", "drafted_by", "drafted_at", "made_of"),
                    *("change_ids", "editor_ids", "formulary_at", "rolls_back_to"),
                    *("most_cases", "most_urgent", "budget_source"),
                ],
            ),
            # What was published, and by whom and why, is said once.
            pgtrigger.Protect(
                name="published_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    'OLD."published_at" IS NOT NULL'
                    ' AND (OLD."published_at" IS DISTINCT FROM NEW."published_at"'
                    ' OR OLD."published_by_id" IS DISTINCT FROM NEW."published_by_id"'
                    ' OR OLD."agreement" IS DISTINCT FROM NEW."agreement"'
                    ' OR OLD."engine_id" IS DISTINCT FROM NEW."engine_id")'
                ),
            ),
            pgtrigger.Protect(
                name="no_way_back",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state="retired")
                | pgtrigger.Q(old__state="published", new__state="draft"),
            ),
            pgtrigger.Protect(
                name="agreed_in_words",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__published_at__isnull=True,
                    new__published_at__isnull=False,
                    new__published_by__isnull=False,
                    new__agreement="",
                ),
            ),
            pgtrigger.Trigger(
                name="profiles_in_use",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__published_at__isnull=True, new__published_at__isnull=False
                ),
                func=f"""
                    PERFORM pg_advisory_xact_lock({BOOKS_LOCK});
                    IF EXISTS (
                        SELECT FROM (
                            SELECT profile FROM reviews_practice
                            UNION SELECT profile FROM reviews_practicegroup
                        ) used
                        WHERE profile NOT IN ({", ".join(f"'{code}'" for code in PROFILES)})
                            AND NEW.book #> ARRAY['profiles', profile] IS NULL
                    ) THEN
                        RAISE EXCEPTION 'somebody is of a profile that the book does not hold';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="broken_examples_explained",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__published_at__isnull=True, new__published_at__isnull=False
                ),
                func="""
                    IF EXISTS (
                        SELECT FROM reviews_brokenexample
                        WHERE version_id = NEW.id AND explained_at IS NULL
                    ) THEN
                        RAISE EXCEPTION 'a worked example is broken, and nobody said why';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="each_edit_agreed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__published_at__isnull=True, new__published_at__isnull=False
                ),
                func="""
                    IF EXISTS (
                        SELECT FROM reviews_rulechange c
                        WHERE c.draft_id = NEW.made_of_id AND c.id = ANY (NEW.change_ids)
                            AND NOT EXISTS (
                                SELECT FROM reviews_editanswer a
                                WHERE a.version_id = NEW.id AND a.change_id = c.id
                                    AND a.by_id = NEW.published_by_id AND a.answer = 'agree'
                            )
                    ) THEN
                        RAISE EXCEPTION 'whoever publishes has not agreed to every edit';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="published"), name="one_published_rule_version"
            ),
            # The first book comes with the software; every later one needs two people.
            models.CheckConstraint(
                name="published_by_a_second_person",
                condition=Q(published_at__isnull=True)
                | Q(number=1)
                | (
                    Q(published_by__isnull=False)
                    & Q(drafted_by__isnull=False)
                    & ~Q(published_by=models.F("drafted_by"))
                ),
            ),
            # array_position finds whoever publishes among those who edited.
            models.CheckConstraint(
                name="published_by_nobody_who_edited",
                condition=IsNull(  # pyright: ignore[reportArgumentType] - the stubs know no look-ups
                    Func(
                        F("editor_ids"),
                        F("published_by_id"),
                        function="array_position",
                        output_field=IntegerField(),
                    ),
                    True,
                ),
            ),
            models.CheckConstraint(
                name="budget_is_whole_or_absent",
                condition=Q(most_cases=None, most_urgent=None, budget_source="")
                | (
                    Q(most_cases__gt=0, most_cases__lte=100)
                    & Q(most_urgent__gt=0, most_urgent__lte=100)
                    & ~Q(budget_source="")
                ),
            ),
            models.CheckConstraint(
                name="published_has_a_time",
                condition=~Q(state="published") | Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"rule book {self.number}"

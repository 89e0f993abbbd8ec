"""Drafts of rules as people read them: each edit with its source, whom it reaches, its history."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, Q

from reviews import governing, what_ifs
from reviews.governing import Place
from reviews.models import (
    EditAnswer,
    GroupMember,
    Practice,
    PracticeGroup,
    Prescription,
    RuleChange,
    RuleDraft,
    RuleVersion,
    WhatIfEdit,
)
from reviews.rules.book import RuleBook
from reviews.rules.bounds import Bounds, fields_of
from reviews.rules.changing import PROFILE, Fact, Value, is_further, is_grading, is_known, value_in
from reviews.rules.codes import PROFILES
from reviews.rules.policy import GROUP
from reviews.rules.profiles import Held, further, lineage
from reviews.rules.profiles import is_known as is_profile


@dataclass(frozen=True, kw_only=True)
class EditRow:
    """An edit as a draft shows it. `now` is what the book says where that is not `before`."""

    change: RuleChange
    label: str
    scope: str
    before: str
    after: str
    now: str = ""
    software: str = ""
    people: int = 0
    floor: str = ""
    is_known: bool = True

    @property
    def scope_key(self) -> str:
        """The scope as the page of a fact is asked for it."""
        place = self.change.place
        return scope_key(place) if place else self.change.profile

    @property
    def says(self) -> str:
        """From what to what; of a source that was read again, that the value stays."""
        return _from_to(self.change, self.before, self.after)


def _from_to(change: RuleChange, before: str, after: str) -> str:
    if change.before == change.after:
        return f"stays {after}, its source was read again"
    return f"{before} to {after}"


def open_drafts() -> list[RuleDraft]:
    """The drafts to which edits can be added, the newest first."""
    closed = RuleVersion.objects.filter(made_of__isnull=False).filter(
        Q(state=RuleVersion.State.DRAFT) | Q(published_at__isnull=False)
    )
    drafts = RuleDraft.objects.filter(put_away_at=None).exclude(pk__in=closed.values("made_of"))
    return list(
        drafts.select_related("begun_by", "base")
        .annotate(edits=Count("changes", filter=Q(changes__withdrawn_at=None)))
        .order_by("-pk")
    )


class Treated(NamedTuple):
    """How many people have a prescription that counts, by the id of the practice one sees.

    `profiles` and `groups` say of which profile every practice is, and in which group, by its id.
    """

    people: dict[int, int]
    profiles: dict[int, str]
    groups: dict[int, int]


def rows_of(draft: RuleDraft, changes: list[RuleChange] | None = None) -> list[EditRow]:
    """The edits of a draft, in the order in which they were made."""
    changes = governing.in_draft(draft) if changes is None else changes
    strange = {each.pk: now for each, now in governing.conflicts(draft, changes)}
    treated, held, followers = _treated(), governing.held_in(draft), further(draft.base.book)
    return [_row(each, strange, treated, held, followers) for each in changes]


def _row(
    change: RuleChange,
    strange: dict[int, Value],
    treated: Treated,
    held: Held,
    followers: Held,
) -> EditRow:
    fact = governing.fact_of(change)
    proposed = governing.software_says(fact, held)
    allowed = governing.bounds_of(fact, change.place, held)
    return EditRow(
        change=change,
        label=governing.label(fact),
        scope=scope_in_words(change.profile, change.place),
        before=governing.in_words(fact, change.before),
        after=governing.in_words(fact, change.after),
        now=governing.in_words(fact, strange[change.pk]) if change.pk in strange else "",
        software=""
        if fact.practice
        or fact.rule_id == PROFILE
        or is_grading(fact.field)
        or proposed in (change.after, change.before)
        else governing.in_words(fact, proposed),
        people=reach(fact, change.place, followers, treated),
        floor=allowed.floor if allowed else "",
        # What a profile said goes with it.
        is_known=is_known(fact, held) or (is_further(fact) and change.after is None),
    )


def scope_key(place: Place) -> str:
    """A practice or group as the page of a fact is asked for its policy."""
    return place.scope if isinstance(place, PracticeGroup) else f"practice:{place.code}"


def scope_in_words(profile: str, place: Place | None) -> str:
    """Whom a fact is for, in words."""
    return f"local policy of {place.name}" if place else f"{profile} profile"


def _treated() -> Treated:
    rows = Prescription.objects.live().order_by().values_list("practice")
    return Treated(
        people=dict(rows.annotate(Count("patient", distinct=True))),
        profiles=dict(Practice.objects.values_list("pk", "profile")),
        groups=dict(GroupMember.objects.current().values_list("practice", "group")),
    )


def reach(fact: Fact, place: Place | None, held: Held, treated: Treated | None = None) -> int:
    """How many people with a prescription are judged by a fact, in the practices one sees.

    `held` are the further profiles of the book: those that follow a profile, and say nothing nearer
    of the fact, are judged by it, too.
    """
    people, profiles, groups = _treated() if treated is None else treated
    if isinstance(place, Practice):
        return people.get(place.pk, 0)
    if place:
        return sum(count for pk, count in people.items() if groups.get(pk) == place.pk)
    judged = {fact.profile, *(code for code in held if _follows(held, code, fact))}
    return sum(count for pk, count in people.items() if profiles[pk] in judged)


def _follows(held: Held, code: str, fact: Fact) -> bool:
    """Whether a further profile has what it says of a fact from the fact's profile."""
    if not is_profile(held, code):
        return False
    book = {"profiles": held}
    row = lineage(held, code)
    nearer = row[: row.index(fact.profile)] if fact.profile in row else None
    return nearer is not None and all(
        value_in(book, fact._replace(profile=each)) is None for each in nearer
    )


@dataclass(frozen=True, kw_only=True)
class Past:
    """An edit of a rule, and what became of it.

    `version` is the book it is in, frozen or published; one that is a draft can judge silently.
    """

    change: RuleChange
    label: str
    scope: str
    before: str
    after: str
    became: str
    version: RuleVersion | None = None

    @property
    def says(self) -> str:
        """From what to what; of a source that was read again, that the value stays."""
        return _from_to(self.change, self.before, self.after)

    @property
    def is_open(self) -> bool:
        """Whether it stands in a draft that is not frozen."""
        at_an_end = self.change.withdrawn_at or self.change.draft.put_away_at
        return self.version is None and not at_an_end


def history(rule_id: str, *, fact: Fact | None = None) -> list[Past]:
    """The edits of a rule, or of one fact of it, the newest first, with what became of each."""
    changes = governing.with_people(RuleChange.objects.filter(rule_id=rule_id)).order_by("-pk")
    rows = [each for each in changes if fact in (None, governing.fact_of(each))]
    versions = RuleVersion.objects.defer("book").filter(
        Q(published_at__isnull=False) | Q(state=RuleVersion.State.DRAFT),
        made_of__in={each.draft_id for each in rows},
    )
    books = {version.made_of_id: version for version in versions}
    return [_past(each, books.get(each.draft_id)) for each in rows]


def _past(change: RuleChange, version: RuleVersion | None) -> Past:
    fact = governing.fact_of(change)
    if change.withdrawn_at is not None:
        became, version = "taken out of the draft", None
    elif version is not None and version.published_at is None:
        became = f"frozen in draft {version.number}"
    elif version is not None:
        became = f"published in rule book {version.number}"
    elif change.draft.put_away_at is not None:
        became = "put away with its draft"
    else:
        became = f"in the draft “{change.draft.title}”"
    return Past(
        change=change,
        label=governing.label(fact),
        scope=scope_in_words(change.profile, change.place),
        before=governing.in_words(fact, change.before),
        after=governing.in_words(fact, change.after),
        became=became,
        version=version,
    )


@dataclass(frozen=True, kw_only=True)
class FactNow:
    """A fact in a draft: what the live book, the software and the draft say, and what may be.

    `inherited` is what a further profile has from those that it follows, in words.
    """

    fact: Fact
    label: str
    scope: str
    bounds: Bounds
    live: str
    software: str
    value: Value
    unit: str
    standing: RuleChange | None
    people: int
    inherited: str = ""
    policies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_choice(self) -> bool:
        """Whether one of a few values is chosen."""
        return bool(self.bounds.choices)


def fact_now(draft: RuleDraft, fact: Fact, place: Place | None) -> FactNow | None:
    """A fact as it stands in a draft; None when there is no such fact."""
    held = governing.held_in(draft)
    allowed = governing.bounds_of(fact, place, held)
    if allowed is None:
        return None
    live = value_in(draft.base.book, fact)
    standing = governing.with_people(
        draft.changes.standing().filter(
            rule_id=fact.rule_id,
            profile=fact.profile,
            field=fact.field,
            **governing.columns_of(place),
        )
    ).first()
    value = standing.after if standing else live
    of_profile = fact._replace(profile=place.profile, practice="") if place else fact
    if value is None and isinstance(place, Practice):
        value = value_in(draft.base.book, fact._replace(practice=_group_scope(place)))
    inherited = ""
    if value is None and place:
        value = value_in(draft.base.book, of_profile)
    if is_further(of_profile):
        above = of_profile._replace(profile=lineage(held, of_profile.profile)[1])
        said = governing.in_effect(draft, above, held)
        inherited = f"{governing.in_words(_as_base(above, held), said)} ({above.profile})"
        value = governing.in_effect(draft, of_profile, held) if value is None else value
    shown = governing.in_words(fact, 2)
    return FactNow(
        fact=fact,
        label=governing.label(fact),
        scope=scope_in_words(fact.profile, place),
        bounds=allowed,
        live=governing.in_words(fact, live),
        software=_of_software(of_profile, held),
        inherited=inherited,
        value=value,
        unit="" if allowed.choices else shown.partition(" ")[2],
        standing=standing,
        people=reach(fact, place, further(draft.base.book)),
        policies=_policies(draft, fact, place),
    )


def _as_base(fact: Fact, held: Held) -> Fact:
    """The fact of a profile as one of its base profile, which is the words of a rule."""
    return fact._replace(profile=lineage(held, fact.profile)[-1])


def _of_software(fact: Fact, held: Held) -> str:
    """What the software proposes for a fact of a profile, in words."""
    return governing.in_words(_as_base(fact, held), governing.software_says(fact, held))


def _group_scope(practice: Practice) -> str:
    """By what name a book keeps the policy of a practice's group; one that none has without it."""
    member = practice.groups.current().select_related("group").first()
    return member.group.scope if member else GROUP


def _policies(draft: RuleDraft, fact: Fact, place: Place | None) -> list[dict[str, Any]]:
    """What practices and groups of the profile say of the same fact, in the book and the draft."""
    profile = place.profile if place else fact.profile
    drafted = {governing.fact_of(each): each for each in governing.in_draft(draft)}
    found = []
    for each in governing.places().values():
        if each.profile != profile:
            continue
        own = Fact(fact.rule_id, "", each.scope, fact.field)
        said = value_in(draft.base.book, own)
        change = drafted.get(own)
        if said is not None or change is not None:
            found.append(
                {
                    "place": each,
                    "now": governing.in_words(own, said),
                    "drafted": governing.in_words(own, change.after) if change else "",
                    "change": change,
                }
            )
    return found


def choices_of(rule_id: str) -> list[tuple[str, str]]:
    """`(field, label)` of every fact of a rule that some profile has."""
    found: dict[str, str] = {}
    for profile in PROFILES:
        for name in fields_of(rule_id, profile):
            found.setdefault(name, governing.label(Fact(rule_id, profile, "", name)))
    return list(found.items())


def edits_of(version: RuleVersion) -> list[EditRow]:
    """The edits of the draft that a book was frozen from, as they stand in that book."""
    treated, held = _treated(), further(version.book)
    return [_row(each, {}, treated, held, held) for each in governing.edits_of(version)]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An edit of a frozen book with what it would do alone, and what second persons answered.

    `mine` is the answer of whoever reads; `needs` why agreeing needs words, empty without.
    """

    row: EditRow
    tried: WhatIfEdit | None
    answers: list[EditAnswer]
    mine: EditAnswer | None
    needs: str


def answered(version: RuleVersion, by: User) -> list[Answered]:
    """The edits of a frozen book, for a second person to answer one by one."""
    what_if = what_ifs.of(version)
    tried = {each.change_id: each for each in what_if.edits.all()} if what_if else {}
    answers: dict[int, list[EditAnswer]] = {}
    for each in version.answers.select_related("by").order_by("pk"):
        answers.setdefault(each.change_id, []).append(each)
    return [
        Answered(
            row=row,
            tried=tried.get(row.change.pk),
            answers=answers.get(row.change.pk, []),
            mine=next((a for a in answers.get(row.change.pk, []) if a.by_id == by.pk), None),
            needs=governing.needs_words(row.change, tried.get(row.change.pk)),
        )
        for row in edits_of(version)
    ]


def sent_back(draft: RuleDraft) -> list[EditAnswer]:
    """Which edits of a draft were sent back, by whom and why; the newest first."""
    found = EditAnswer.objects.filter(
        version__made_of=draft, answer=EditAnswer.Answer.SEND_BACK
    ).select_related("by", "change__practice", "version")
    return list(found.order_by("-pk"))


def policies_in(book: RuleBook, rule_id: str) -> list[tuple[str, list[str]]]:
    """`(practice or group, what it says otherwise)` of every policy on a rule in a book."""
    found = []
    for code, own in sorted(book.local.items()):
        held = {**own.get("rules", {}).get(rule_id, {}), **own.get("grading", {}).get(rule_id, {})}
        facts = ((Fact(rule_id, "", code, name), value) for name, value in held.items())
        said = [f"{governing.label(f)}: {governing.in_words(f, value)}" for f, value in facts]
        if said:
            found.append((own["name"], said))
    return found

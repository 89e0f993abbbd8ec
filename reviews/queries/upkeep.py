"""What of the formulary and the rules needs somebody, each line with its owner and its day.

Counts alone, of the practices where whoever asks keeps the rules. The bounds are local policy, not
of any guideline; the clinical owner signs them.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from drugs import due
from drugs.models import SOURCED, Edition
from reviews import access, governing, groups, rulebooks, worked_examples
from reviews.access import Action
from reviews.models import (
    Decision,
    DecisionItem,
    FindingOpinion,
    Flag,
    LocalStatus,
    Membership,
    Outcome,
    Reason,
    Role,
    RuleChange,
    UpkeepDuty,
)
from reviews.queries.rule_drafts import scope_in_words, scope_key
from reviews.queries.unknown_medicines import Unknown, unknown, with_near
from reviews.rules.recognise import compared
from reviews.rules.registry import BY_ID
from reviews.rules.sources import SOURCES

SOON = timedelta(days=30)
LATELY = timedelta(days=90)
AT_LEAST = 10
"""Of fewer nothing is said: neither of flags in the base, nor of conclusions."""
SILENT_WEEKS, BASE_WEEKS, FEWEST_BASE_WEEKS = 4, 26, 8
BY_LUCK = 0.01
"""A silence is told of where its chance, at the rule's own rate, is below this."""
LEAST_CHANCE = 1e-9
"""No figure is said of a smaller chance."""
LEFT_SHARE, UNHELPFUL_SHARE = 0.5, 0.25
LEFT = (Outcome.CONTINUE, Outcome.NOT_RELEVANT, Outcome.EXEMPT)
"""Outcomes after which nothing about the medicines is to be different."""
SHOWN = 20


class Line(NamedTuple):
    """One thing to look at: `key` by which its owner is kept, and where it is done.

    `due` is the day by itself, such as that of a next review; the owner may have another one. The
    address of what `is_local` names a practice or a group.
    """

    key: str
    title: str
    says: str
    due: date | None
    address: str
    is_local: bool = False
    duty: UpkeepDuty | None = None

    @property
    def due_on(self) -> date | None:
        """The day by which it is to be done: that of its owner, else its own."""
        return self.duty.due_on if self.duty else self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """The page of upkeep. `total_*` count what is not shown as well."""

    today: date
    overdue: list[Line]
    soon: list[Line]
    unverified: list[Line]
    unverified_rows: int
    rules: list[Line]
    unknown: list[tuple[Line, Unknown]]
    unknown_texts: int
    base_weeks: int
    owners: list[tuple[str, int, int, int]]

    @property
    def lines(self) -> list[Line]:
        return [
            *self.overdue,
            *self.soon,
            *self.unverified,
            *self.rules,
            *(line for line, _ in self.unknown),
        ]


def of(user: User) -> Upkeep:
    """Everything that needs somebody, as `user` may see it."""
    today = timezone.localdate()
    duties = {duty.key: duty for duty in held()}
    reviews = [_with(line, duties) for line in _reviews(user, today + SOON)]
    rows = unknown(None)
    shown = with_near(rows[:SHOWN])
    not_known = [(_with(_of_text(row), duties), row) for row in shown]
    found = Upkeep(
        today=today,
        overdue=[line for line in reviews if line.due and line.due < today],
        soon=[line for line in reviews if line.due and line.due >= today],
        unverified=[_with(line, duties) for line in _unverified()],
        unverified_rows=sum(due.unverified().values()),
        rules=[_with(line, duties) for line in rules_to_look_at(user)],
        unknown=not_known,
        unknown_texts=len(rows),
        base_weeks=base_weeks(_flags(user), timezone.now()),
        owners=[],
    )
    found.owners.extend(_owners(found.lines, today))
    return found


class Weekly(NamedTuple):
    """The page of upkeep as a mail tells it: `kinds` are `(how many, words, address)`.

    `mine` are the lines of whoever is written to and `nobodys` those without an owner, as far as
    they are overdue or due within 30 days, the earliest first. Texts of records are only counted,
    and no practice is named: what is local leads to the page.
    """

    kinds: list[tuple[int, str, str]]
    mine: list[Line]
    nobodys: list[Line]
    owners: list[tuple[str, int, int, int]]


def weekly(user: User) -> Weekly:
    """What of upkeep is told to `user` once a week."""
    found = of(user)
    page = reverse("upkeep")
    kinds = [
        (len(found.overdue), "facts past their next review", f"{page}#facts"),
        (len(found.soon), "facts to be read again within 30 days", f"{page}#soon"),
        (len(found.rules), "rules to look at", f"{page}#rules"),
        (found.unverified_rows, "rows not checked against the original", f"{page}#unverified"),
        (found.unknown_texts, "medicines that no rule can read", f"{page}#unknown"),
    ]
    texts = {line.key for line, _ in found.unknown}
    until = found.today + SOON
    lines = [
        line._replace(address=page) if line.is_local else line
        for line in found.lines
        if line.key not in texts and line.due_on is not None and line.due_on <= until
    ]
    lines.sort(key=lambda line: (line.due_on or until, line.title))
    return Weekly(
        kinds=[kind for kind in kinds if kind[0]],
        mine=[line for line in lines if line.duty and line.duty.owner_id == user.pk],
        nobodys=[line for line in lines if line.duty is None],
        owners=found.owners,
    )


def held() -> QuerySet[UpkeepDuty]:
    """What somebody has to keep up to date now."""
    return UpkeepDuty.objects.filter(ended_at__isnull=True).select_related("owner")


def mine_due(user: User) -> QuerySet[UpkeepDuty]:
    """What `user` has to keep up to date, and whose day has come or comes within a week."""
    return held().filter(owner=user, due_on__lte=timezone.localdate() + timedelta(days=7))


def possible_owners() -> QuerySet[User]:
    """Who may own a line: those who may edit the formulary."""
    admins = Membership.objects.in_force().filter(role=Role.FORMULARY_ADMIN)
    return User.objects.filter(is_active=True, pk__in=admins.values("user")).order_by(
        "last_name", "first_name", "pk"
    )


def line_of(user: User, key: str) -> Line | None:
    """The line of the page that has this key, or None where it is not there any more."""
    return next((line for line in of(user).lines if line.key == key), None)


def _with(line: Line, duties: dict[str, UpkeepDuty]) -> Line:
    return line._replace(duty=duties.get(line.key))


def _key(kind: str, text: str) -> str:
    return f"{kind}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _owners(lines: Iterable[Line], today: date) -> list[tuple[str, int, int, int]]:
    """`(owner, overdue, due within 30 days, all)`, those with most overdue first."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for line in lines:
        name = _name(line.duty.owner) if line.duty else ""
        counts[name]["all"] += 1
        if line.due_on is not None and line.due_on < today:
            counts[name]["overdue"] += 1
        elif line.due_on is not None and line.due_on <= today + SOON:
            counts[name]["soon"] += 1
    rows = [(name, c["overdue"], c["soon"], c["all"]) for name, c in counts.items()]
    return sorted(rows, key=lambda row: (row[0] == "", -row[1], row[0]))


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()


# -- Knowledge -----------------------------------------------------------------------------------


def past_review(user: User) -> list[Line]:
    """What should have been read again before today, the longest overdue first."""
    return _reviews(user, timezone.localdate() - timedelta(days=1))


def _reviews(user: User, until: date) -> list[Line]:
    """What is to be read again by `until`, the earliest first.

    Sources of the formulary and of rules, national lists, what the live rule book holds by an edit,
    worked examples that were added, and what practices of `user` can get.
    """
    lines = [
        *_of_formulary(until),
        *_of_rules(until),
        *_of_releases(until),
        *_set_here(until),
        *_of_examples(until),
        *_of_local_status(user, until),
    ]
    return sorted(lines, key=lambda line: (line.due or until, line.title, line.key))


def _of_formulary(until: date) -> list[Line]:
    return [
        Line(
            _key("source", f"{row.source}\n{row.locator}"),
            f"{row.source}, {row.locator}"[:300],
            f"{row.rows} row{'' if row.rows == 1 else 's'} of the formulary",
            row.next_review,
            reverse("formulary"),
        )
        for row in due.overdue(until + timedelta(days=1))
    ]


def _of_rules(until: date) -> list[Line]:
    return [
        Line(
            f"citation:{name}",
            f"{citation.title}, {citation.locator}"[:300],
            "a source of rules",
            citation.next_review,
            reverse("rules"),
        )
        for name, citation in SOURCES.items()
        if citation.next_review <= until
    ]


def _of_releases(until: date) -> list[Line]:
    editions = Edition.objects.filter(state=Edition.State.IN_FORCE, next_review__lte=until)
    return [
        Line(
            f"release:{edition.pk}",
            edition.source,
            "a national list",
            edition.next_review,
            reverse("code-list", args=[edition.pk]),
        )
        for edition in editions
    ]


def _set_here(until: date) -> list[Line]:
    """Edits of rules that hold in the live book; one that took a value back holds nothing."""
    held = governing.standing(governing.published()).values()
    return [_of_edit(edit) for edit in held if edit.after is not None and edit.next_review <= until]


def _of_edit(edit: RuleChange) -> Line:
    fact = governing.fact_of(edit)
    scope = scope_key(edit.place) if edit.place else edit.profile
    # Mails name no practice: whose policy it is stands in what the page says beside the title.
    return Line(
        _key("edit", "\n".join(fact)),
        f"{edit.rule_id}: {governing.label(fact)}",
        f"set here, {scope_in_words(edit.profile, edit.place)}:"
        f" {governing.in_words(fact, edit.after)}; {edit.source}, {edit.locator}",
        edit.next_review,
        f"{reverse('rule-change', args=[edit.rule_id])}?"
        f"{urlencode({'scope': scope, 'field': edit.field})}",
        is_local=edit.place is not None,
    )


def _of_examples(until: date) -> list[Line]:
    return [
        Line(
            f"example:{each.pk}",
            f"{each.rule_id}: a worked example that was added",
            f"“{each.title}”; {each.source}, {each.locator}",
            each.next_review,
            f"{reverse('rule', args=[each.rule_id])}#added",
        )
        for each in worked_examples.standing().filter(next_review__lte=until)
    ]


def _of_local_status(user: User, until: date) -> list[Line]:
    """What practices of `user`, and groups for whoever keeps them, can get of the formulary."""
    whose = Q(practice__in=access.practice_ids(user, Action.SET_LOCAL_STATUS))
    if access.allowed(user, Action.KEEP_GROUPS):
        whose |= Q(group__isnull=False)
    rows = LocalStatus.objects.current().filter(whose, next_review__lte=until)
    return [
        Line(
            _key("local", f"{row.place.scope}\n{row.ingredient.key}"),
            f"{row.ingredient.name.capitalize()}: what a "
            f"{'practice' if row.practice_id else 'group of practices'} can get",
            f"{row.place}: {row.in_words}; {row.source}, {row.locator}"[:300],
            row.next_review,
            reverse("drug-here", args=[row.ingredient.key, row.place.scope]),
            is_local=True,
        )
        for row in rows.select_related("ingredient", "practice", "group")
    ]


def _unverified() -> list[Line]:
    """Sources of rows that nobody has signed off, those of most rows first."""
    rows: Counter[str] = Counter()
    for model in SOURCED:
        counted = model.objects.unverified().values_list("source").annotate(count=Count("pk"))
        rows.update(dict(counted))
    return [
        Line(
            _key("unverified", source),
            source,
            f"{count:,} row{'' if count == 1 else 's'} not checked against the original",
            None,
            reverse("sign-off"),
        )
        for source, count in rows.most_common()
    ]


def _of_text(row: Unknown) -> Line:
    return Line(
        _key("text", compared(row.shown)),
        row.shown[:300],
        f"{row.people} {'person takes' if row.people == 1 else 'people take'} it",
        None,
        reverse("unknown-medicines"),
    )


# -- Rules -----------------------------------------------------------------------------------------


def rules_to_look_at(user: User) -> list[Line]:
    """Rules gone silent, often left as it was, or often called unhelpful, in this order."""
    now = timezone.now()
    flags = _flags(user)
    return [*_silent(user, flags, now), *_left(user, now), *_unhelpful(user, flags, now)]


def _flags(user: User) -> QuerySet[Flag]:
    """Flags that were new, of the practices where `user` keeps the rules."""
    flags = Flag.objects.filter(supersedes__isnull=True)
    return access.scope(flags, user, Action.EDIT_FORMULARY)


def _rule(rule_id: str) -> str:
    return f"{rule_id} {BY_ID[rule_id].title}" if rule_id in BY_ID else rule_id


def base_weeks(flags: QuerySet[Flag], now: datetime) -> int:
    """Whole weeks before the last four of which flags are kept, at most 26."""
    first = flags.aggregate(first=Min("raised_at"))["first"]
    if first is None:
        return 0
    return max(0, min(BASE_WEEKS, (now - timedelta(weeks=SILENT_WEEKS) - first).days // 7))


def chance_of_silence(raised: int, weeks: int) -> float:
    """The chance that a rule raises nothing in four weeks by luck alone.

    By the rate at which it raised `raised` flags in the `weeks` before, each by itself (Poisson).
    """
    return exp(-raised * SILENT_WEEKS / weeks)


def _in_words(chance: float) -> str:
    return "less than 1 in a billion" if chance < LEAST_CHANCE else f"1 in {1 / chance:,.0f}"


def _silent(user: User, flags: QuerySet[Flag], now: datetime) -> list[Line]:
    """Rules that run and say nothing; silence is wanted of one that runs at no practice."""
    weeks = base_weeks(flags, now)
    if weeks < FEWEST_BASE_WEEKS:
        return []
    begin = now - timedelta(weeks=SILENT_WEEKS)
    counted = (
        flags.filter(raised_at__gte=begin - timedelta(weeks=weeks))
        .values_list("rule_id")
        .annotate(
            before=Count("pk", filter=Q(raised_at__lt=begin)),
            lately=Count("pk", filter=Q(raised_at__gte=begin)),
        )
        .order_by("rule_id")
    )
    holding = rulebooks.holding()
    run: set[str] = set()
    grouped = groups.grouped()
    for practice in access.practices(user, Action.EDIT_FORMULARY):
        run |= rulebooks.run_at(
            holding.at(practice.pk),
            practice.code,
            grouped.get(practice.code, ""),
            practice.profile,
        )
    lines = []
    for rule_id, before, lately in counted:
        if lately or before < AT_LEAST or rule_id not in run:
            continue
        chance = chance_of_silence(before, weeks)
        if chance < BY_LUCK:
            expected = before * SILENT_WEEKS / weeks
            lines.append(
                Line(
                    f"silent:{rule_id}",
                    _rule(rule_id),
                    f"silent for {SILENT_WEEKS} weeks: 0 of {expected:.0f} expected; by luck alone"
                    f" {_in_words(chance)}",
                    None,
                    reverse("rule", args=[rule_id]),
                )
            )
    return lines


def _held_items(user: User, since: datetime) -> QuerySet[DecisionItem]:
    """What was concluded since then, and holds."""
    decided = Q(decision__kind=Decision.Kind.DECIDED, decision__answer__isnull=True)
    confirmed = Q(
        decision__kind=Decision.Kind.PROPOSED,
        decision__answer__kind=Decision.Kind.CONFIRMED,
        decision__answer__answer__isnull=True,
    )
    practices = access.practice_ids(user, Action.EDIT_FORMULARY)
    return DecisionItem.objects.filter(
        decided | confirmed, decision__practice__in=practices, decision__decided_at__gte=since
    )


def _left(user: User, now: datetime) -> list[Line]:
    """Rules whose flags were mostly left as it was; wrong data is no verdict on a rule."""
    items = _held_items(user, now - LATELY).exclude(outcome=Outcome.DATA_WRONG)
    counts, reasons = defaultdict(Counter), defaultdict(Counter)
    rows = items.values_list("flag__rule_id", "outcome", "reason").annotate(count=Count("pk"))
    for rule_id, outcome, reason, count in rows.order_by("flag__rule_id", "outcome", "reason"):
        counts[rule_id]["all"] += count
        if outcome in LEFT:
            counts[rule_id]["left"] += count
            reasons[rule_id][reason] += count
    lines = []
    for rule_id, count in counts.items():
        if count["all"] < AT_LEAST or count["left"] < LEFT_SHARE * count["all"]:
            continue
        [(reason, said)] = reasons[rule_id].most_common(1)
        lines.append(
            Line(
                f"left:{rule_id}",
                _rule(rule_id),
                f"left as it was {count['left']} of {count['all']} times in {LATELY.days} days;"
                f" most said: {Reason(reason).label.lower()}, {said}",
                None,
                reverse("rule", args=[rule_id]),
            )
        )
    return lines


def _unhelpful(user: User, flags: QuerySet[Flag], now: datetime) -> list[Line]:
    """Rules called unhelpful for a quarter of their flags or more."""
    raised = dict(
        flags.filter(raised_at__gte=now - LATELY).values_list("rule_id").annotate(count=Count("pk"))
    )
    said = access.scope(FindingOpinion.objects.all(), user, Action.ANSWER_UNHELPFUL)
    counted = (
        said.filter(said_at__gte=now - LATELY)
        .values_list("rule_id")
        .annotate(count=Count("pk"))
        .order_by("rule_id")
    )
    return [
        Line(
            f"unhelpful:{rule_id}",
            _rule(rule_id),
            f"called unhelpful {count} times, of {raised[rule_id]} new flags in {LATELY.days} days",
            None,
            reverse("opinions"),
        )
        for rule_id, count in counted
        if raised.get(rule_id, 0) >= AT_LEAST and count >= UNHELPFUL_SHARE * raised[rule_id]
    ]

"""The formulary as a file, and what a file would do to it: told before anything changes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from drugs.models import (
    DrugClass,
    DrugFact,
    Ingredient,
    IngredientClass,
    Pair,
    Presentation,
    Sourced,
)
from reviews import profiles
from reviews.errors import BadRecord
from reviews.formulary_files import (
    BETWEEN,
    CITED,
    KEYS,
    LISTS,
    NUMBERS,
    OUT_OF_FORCE,
    VERSION,
    Row,
    as_number,
)
from reviews.formulary_rows import IDENTITY, KIND_OF, KINDS, Citation, accepted, cited
from reviews.rules.profiles import Held, is_known

# Of a row that is added its key is told anyway, and no file sets these.
_NOT_SHOWN = {kind: {*key, "reviewed", "verified", VERSION} for kind, key in KEYS.items()}
CHANGE, ADD, RETIRE = "change", "add", "out of force"
_REASON_LENGTH = 500


def rows_of(kind: str = "") -> list[Row]:
    """Every row in force that people change here, of one kind or of all."""
    kinds = [kind] if kind else [*KINDS]
    return [row_of(row) for each in kinds for row in _live(KINDS[each])]


def row_of(row: Sourced) -> Row:
    """A row of the formulary as a row of a file."""
    said = {**_key_of(row), **_values_of(row)}
    said |= {name: _written(getattr(row, name)) for name in CITED}
    said[VERSION] = version_of(row)
    return Row(0, KIND_OF[type(row)], {name: text for name, text in said.items() if text})


def version_of(row: Sourced) -> str:
    """Which version of a row it is: another one after each change."""
    # Begins with a letter, and is no moment: a spreadsheet would write either in its own way.
    told = f"{type(row).__name__} {row.pk} {row.changed_at.timestamp():.6f}"
    return "v" + hashlib.sha256(told.encode()).hexdigest()[:15]


def _live(model: type[Sourced]) -> QuerySet[Any]:
    """The rows in force of a model, of drugs that are in force, in a fixed order."""
    return _all(model).filter(retired_at=None)


def _all(model: type[Sourced]) -> QuerySet[Any]:
    rows = model.objects.all()
    if model is DrugClass:
        return rows.order_by("key")
    if model is Pair:
        rows = rows.filter(Q(ingredient=None) | Q(ingredient__retired_at=None))
        return rows.select_related(
            "ingredient", "drug_class", "with_ingredient", "with_class"
        ).order_by("ingredient__key", "drug_class__key", "pk")
    rows = rows.filter(ingredient__retired_at=None).select_related("ingredient")
    if model is IngredientClass:
        rows = rows.select_related("drug_class")
    return rows.order_by("ingredient__key", *IDENTITY[model], "pk")


def _key_of(row: Sourced) -> dict[str, str]:
    """The columns that say which row it is."""
    if isinstance(row, DrugClass):
        return {"class": row.key}
    if isinstance(row, Pair):
        sides = (row.ingredient, row.drug_class, row.with_ingredient, row.with_class)
        keys = [side.key if side else "" for side in sides]
        return dict(zip(KEYS["pair"], keys, strict=True))
    drug = {"drug": row.ingredient.key}  # type: ignore[attr-defined]
    if isinstance(row, IngredientClass):
        return drug | {"class": row.drug_class.key}
    if isinstance(row, DrugFact):
        return drug | {"fact": row.kind, "profile": row.profile}
    rest = [name for name in KEYS[KIND_OF[type(row)]] if name != "drug"]
    return drug | {name: getattr(row, name) for name in rest}


def _values_of(row: Sourced) -> dict[str, str]:
    names = (*row.EDITABLE, *(("per_unit",) if isinstance(row, Presentation) else ()))
    return {name: _written(getattr(row, name)) for name in names}


def _written(value: object) -> str:
    """A value of a row as the text of a file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return as_number(f"{value:f}")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return BETWEEN.join(map(_written, value))
    return str(value).strip().replace("\r\n", "\n").replace("\r", "\n")


# -- What a file would do --------------------------------------------------------------------------


class Refusal(NamedTuple):
    """Why a row cannot be taken, and in which column; "" for the whole row."""

    field: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a row of a file would do: change a row, add one, take one out of force, or nothing.

    `before` and `after` are texts by column, of what differs.
    """

    row: Row
    does: str = ""
    held: Sourced | None = None
    ingredient: Ingredient | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    citation: Citation | None = None
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()

    @property
    def reason(self) -> str:
        """Why a row is taken out of force."""
        return self.row.said.get(OUT_OF_FORCE, "")

    @property
    def differs(self) -> list[tuple[str, str, str]]:
        """`(column, before, after)` of what differs."""
        return [(name, self.before.get(name, ""), text) for name, text in self.after.items()]


class _Here(NamedTuple):
    """What of the formulary the rows of a file can be about."""

    live: Mapping[tuple[str, tuple[str, ...]], Sourced]
    retired: Mapping[tuple[str, tuple[str, ...]], Sourced]
    drugs: Mapping[str, Ingredient]
    classes: Mapping[str, DrugClass]
    profiles: Held


def report(rows: Iterable[Row]) -> list[Answer]:
    """What each row of a file would do; nothing is written.

    A row that says what the formulary says changes nothing, whatever it was written from. One that
    says otherwise must be written from the version that is in force: what somebody changed since
    is refused.
    """
    rows = list(rows)
    kinds = {row.kind for row in rows}
    here = _Here(
        {(kind, row_of(row).key): row for kind in kinds for row in _live(KINDS[kind])},
        {
            (kind, row_of(row).key): row
            for kind in kinds
            for row in _all(KINDS[kind]).exclude(retired_at=None)
        },
        {drug.key: drug for drug in Ingredient.objects.live()},
        {each.key: each for each in DrugClass.objects.live()},
        profiles.live(),
    )
    return [_answer(row, here) for row in rows]


def _answer(row: Row, here: _Here) -> Answer:
    held = here.live.get((row.kind, row.key))
    if held is None:
        return _addition(row, here)
    now = row_of(held).said
    after = {
        name: row.said.get(name, "")
        for name in (*row.values(), "source", "locator", "next_review", "note")
        if row.said.get(name, "") != now.get(name, "")
    }
    reason = row.said.get(OUT_OF_FORCE, "")
    answer = Answer(row=row, held=held, before={name: now.get(name, "") for name in after})
    if not after and not reason and row.said.get(VERSION, "") != now[VERSION]:
        return answer
    if refusal := _not_as_seen(row, now):
        return _with(answer, refused=(refusal,))
    if reason:
        if len(reason) > _REASON_LENGTH:
            why = Refusal(OUT_OF_FORCE, f"must not be longer than {_REASON_LENGTH} characters")
            return _with(answer, refused=(why,))
        if after:
            why = Refusal(OUT_OF_FORCE, "a row is changed or taken out of force, not both")
            return _with(answer, refused=(why,))
        return _with(answer, does=RETIRE, after={OUT_OF_FORCE: reason})
    if not after:
        return answer
    if "per_unit" in after:
        why = Refusal("per_unit", "is given once, when a row is added")
        return _with(answer, refused=(why,))
    return _checked(_with(answer, does=CHANGE, after=after))


def _with(answer: Answer, **changes: Any) -> Answer:
    return Answer(**{**answer.__dict__, **changes})


def _not_as_seen(row: Row, now: Mapping[str, str]) -> Refusal | None:
    """Why a row was not written from what is in force, or sets what no file sets."""
    seen = row.said.get(VERSION, "")
    if not seen:
        return Refusal(VERSION, "this row is in the formulary: take it from a file written now")
    if seen != now[VERSION]:
        return Refusal(VERSION, "somebody changed this row since the file was written")
    if row.said.get("reviewed", "") not in ("", now["reviewed"]):
        return Refusal("reviewed", "is the day on which a row is taken: leave it as it was")
    if row.said.get("verified", "") not in ("", now["verified"]):
        return Refusal("verified", "no file signs a row off: that is done on its own page")
    return None


def _addition(row: Row, here: _Here) -> Answer:
    answer = Answer(row=row, does=ADD)
    retired = here.retired.get((row.kind, row.key))
    if row.said.get(OUT_OF_FORCE):
        if retired is not None:
            return Answer(row=row)
        return _with(answer, refused=(Refusal(OUT_OF_FORCE, "there is no such row in force"),))
    if row.said.get(VERSION):
        why = Refusal(VERSION, "somebody took this row out of force since the file was written")
        if retired is None:
            why = Refusal(VERSION, "must be empty for a row that is added: there is no such row")
        return _with(answer, refused=(why,))
    if row.said.get("verified", "no") != "no":
        why = Refusal("verified", "no file signs a row off: that is done on its own page")
        return _with(answer, refused=(why,))
    if row.kind == "default":
        return _with(answer, refused=(Refusal("class", "no class is added here"),))
    drug = here.drugs.get(row.said.get("drug", ""))
    if drug is None:
        why = "the formulary holds no such drug" if row.said.get("drug") else "is missing"
        return _with(answer, refused=(Refusal("drug", why),))
    identity, refused = _identity(row, here)
    if isinstance(retired, Presentation) and retired.per_unit != row.said.get("per_unit", ""):
        refused = [Refusal("per_unit", f"was {retired.per_unit} before: that cannot be changed")]
    answer = _with(
        answer,
        ingredient=drug,
        values=identity,
        after={name: text for name, text in row.said.items() if name not in _NOT_SHOWN[row.kind]},
        refused=tuple(refused),
    )
    return answer if refused else _checked(answer, retired)


def _identity(row: Row, here: _Here) -> tuple[dict[str, object], list[Refusal]]:
    """The columns that identify a row to be added, as the model names them."""
    said = row.said
    if said.get("profile") and not is_known(here.profiles, said["profile"]):
        return {}, [Refusal("profile", "is none of the live rule book")]
    if row.kind == "fact":
        return {"kind": said.get("fact", ""), "profile": said.get("profile", "")}, []
    if row.kind == "class":
        found, refused = _found("class", row, here.classes)
        return {"drug_class": found}, refused
    if row.kind == "pair":
        if said.get("class"):
            return {}, [Refusal("class", "a pair that is added begins with a drug")]
        drug, no_drug = _found("with_drug", row, here.drugs, needed=False)
        other, no_class = _found("with_class", row, here.classes, needed=False)
        refused = no_drug + no_class
        if not refused and bool(drug) == bool(other):
            refused = [Refusal("with_drug", "give a drug or a class, and not both")]
        return {"with_ingredient": drug, "with_class": other}, refused
    return {name: said.get(name, "") for name in IDENTITY[KINDS[row.kind]]}, []


def _found(
    name: str, row: Row, among: Mapping[str, Any], *, needed: bool = True
) -> tuple[Any, list[Refusal]]:
    key = row.said.get(name, "")
    if not key:
        return None, [Refusal(name, "is missing")] if needed else []
    if key not in among:
        what = "class" if name.endswith("class") else "drug"
        return None, [Refusal(name, f"the formulary holds no such {what}")]
    return among[key], []


def _checked(answer: Answer, retired: Sourced | None = None) -> Answer:
    """The answer with its values and its citation, or with each reason why they cannot be."""
    row = answer.row
    refused: list[Refusal] = []
    values = {}
    for name, text in row.values().items():
        if name != "per_unit":
            try:
                values[name] = _value(name, text)
            except BadRecord as refusal:
                refused.append(Refusal(refusal.field, refusal.reason))
    citation, columns = None, {}
    try:
        citation = _citation(row)
        columns = cited(citation)
    except BadRecord as refusal:
        refused.append(Refusal(refusal.field, refusal.reason))
    if not refused:
        try:
            _try(answer, retired, {**columns, "verified": False}, values)
        except BadRecord as refusal:
            refused.append(Refusal(_column(row.kind, refusal.field), refusal.reason))
    return _with(
        answer,
        values={**answer.values, **values},
        citation=citation,
        refused=tuple(refused),
    )


def _try(
    answer: Answer,
    retired: Sourced | None,
    citation: Mapping[str, object],
    values: Mapping[str, object],
) -> None:
    """Let a row say what it would say, without saving it. Raises `BadRecord`."""
    row = answer.held or retired
    if row is not None:
        copy = type(row).objects.get(pk=row.pk)
        accepted(copy.say_anew, citation, values)
        return
    model = KINDS[answer.row.kind]
    given = {**answer.values, **values, "ingredient": answer.ingredient}
    accepted(model.would_add, citation, given)


def _value(name: str, text: str) -> object:
    """A value of a file as its column holds it. Raises `BadRecord`."""
    if name in LISTS:
        return [_amount(name, part) for part in text.split(BETWEEN)] if text else []
    if name not in NUMBERS:
        return text
    if not text:
        return None
    number = _amount(name, text)
    if name != "severity":
        return number
    if number not in (1, 2, 3, 4):
        raise BadRecord(name, "must be 1, 2, 3 or 4")
    return int(number)


def _amount(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise BadRecord(name, f"“{text[:40]}” is no number such as 2.5") from error
    if not number.is_finite():
        raise BadRecord(name, f"“{text[:40]}” is no number such as 2.5")
    return number


def _citation(row: Row) -> Citation:
    said = row.said
    try:
        day = date.fromisoformat(said["next_review"]) if said.get("next_review") else None
    except ValueError as error:
        raise BadRecord("next_review", "must be a day such as 2026-12-04") from error
    return Citation(
        source=said.get("source", ""),
        locator=said.get("locator", ""),
        next_review=day,
        note=said.get("note", ""),
    )


def _column(kind: str, name: str) -> str:
    """A field of a model as the file names it."""
    named = {"drug_class": "class", "ingredient": "drug", "with_ingredient": "with_drug"}
    if kind == "fact" and name == "kind":
        return "fact"
    return named.get(name, name)

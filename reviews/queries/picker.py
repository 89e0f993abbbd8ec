"""The medicines that can be chosen for what is typed.

Knows nothing but names: whether a choice is wise is for the preview to say.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NotRequired, TypedDict, cast

import msgspec

from drugs.search import UNKNOWN, Match, search, statuses_set
from reviews import profiles, rulebooks
from reviews.errors import BadRecord
from reviews.models import LocalStatus, Practice
from reviews.queries import local_status
from reviews.rules import words
from reviews.rules.drug import Recognition

MATCHES = 8
LONGEST_TYPED = 500
AS_WRITTEN = "as-written"
"""The choice to keep the words typed, without a code."""
# The unit in which a form of medicine is counted, to begin with.
COUNTED_AS = {
    "tablet": "tablet",
    "capsule": "capsule",
    "patch": "patch",
    "oral liquid": "ml",
    "suppository": "suppository",
}
Codings = Iterable[Mapping[str, str]]
Held = Mapping[str, LocalStatus]
Label = tuple[tuple[str, bool], ...]
"""A label in pieces: (text, whether it repeats what was typed)."""


class _Coding(TypedDict):
    system: str
    code: str
    display: NotRequired[str]


class _Product(TypedDict):
    """The JSON of a product in the value of a choice."""

    medicine: str
    codings: list[_Coding]


class Product(NamedTuple):
    """A medicine as a choice holds it: the text and the codes that a prescription would record."""

    medicine: str
    codings: Codings


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A radio button of the picker.

    `unit` is the one its form is counted in, empty if unknown. `exact`: it is the one medicine that
    was typed in full, which Enter may choose. `here`: whether the practice can get it, in words.
    """

    value: str
    label: Label
    detail: str
    status: str
    note: str
    unit: str
    chosen: bool
    exact: bool = False
    here: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """What can be chosen, first the medicine chosen before; then what was typed itself.

    `count` is how many medicines fit; `recognised_as` names the drugs in the words as typed.
    `statuses_known`: a status is known of one of them; `statuses_set`: somebody has set one at all.
    """

    typed: str
    count: int
    statuses_known: bool
    statuses_set: bool
    choices: list[Choice]
    as_written: bool
    recognised_as: tuple[str, ...]
    here_as_written: str = ""


def picker(practice: Practice, typed: str, chosen: str) -> Picker:
    """The choices for what is typed at a practice; `chosen` is the value chosen before.

    What the practice cannot get is among them as well: it is a note, and hides nothing.
    """
    profile, held = practice.profile, local_status.at(practice)
    follows = profiles.follows(profile)
    typed = " ".join(typed.split())[:LONGEST_TYPED]
    matches = search(typed, MATCHES, profile, follows) if typed else []
    # What was typed, as typed, has its own choice below.
    matches = [match for match in matches if match.label != f"{typed} (as typed)"]
    exact = [match for match in matches if match.exact]
    choices = [
        _choice(match, typed, chosen, held, exact=len(exact) == 1 and match is exact[0])
        for match in matches
    ]
    if chosen and chosen != AS_WRITTEN and not any(choice.chosen for choice in choices):
        choices = [*_chosen_before(chosen, held), *choices]
    recognised = recognise(typed) if typed else None
    return Picker(
        typed=typed,
        count=len(matches),
        statuses_known=any(match.status != UNKNOWN for match in matches),
        statuses_set=bool(matches) and statuses_set(profile, follows),
        choices=choices,
        as_written=chosen == AS_WRITTEN,
        recognised_as=_drugs(recognised) if recognised else (),
        here_as_written=local_status.told(held, _keys(recognised)) if recognised else "",
    )


def value_of(text: str, codings: Codings) -> str:
    """The value of the choice of a product."""
    return msgspec.json.encode({"medicine": text, "codings": codings}).decode()


def read_value(chosen: str) -> Product:
    """The product that a choice holds. Raises `BadRecord`."""
    try:
        product = msgspec.json.decode(chosen, type=_Product)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadRecord("product", "choose it again") from error
    if r"\u0000" in chosen:  # NUL can stand there in no other way
        raise BadRecord("product", "choose it again")
    return Product(product["medicine"], cast(Codings, product["codings"]))


def unit_of(chosen: str) -> str:
    """The unit in which the product of a choice is counted; empty where that is not known."""
    product = _product_of(chosen)
    if product is None:
        return ""
    form = recognise(*product).form
    return COUNTED_AS.get("oral liquid" if form == "liquid" else form or "", "")


def recognise(text: str, codings: Codings = ()) -> Recognition:
    """Which drugs the live book finds in a medicine, which may be half typed: not remembered."""
    _version, book = rulebooks.live()
    return book.recognise_text(text, tuple((each["system"], each["code"]) for each in codings))


def _product_of(chosen: str) -> Product | None:
    """The product of a choice; None for none, for words as written and for an unreadable value."""
    if not chosen or chosen == AS_WRITTEN:
        return None
    try:
        return read_value(chosen)
    except BadRecord:
        return None


def _choice(match: Match, typed: str, chosen: str, held: Held, *, exact: bool) -> Choice:
    value = value_of(match.text, match.codings)
    return Choice(
        value=value,
        label=_pieces(words.sentence_case(match.label), typed),
        detail=_detail(match),
        status=match.status,
        note=match.reason,
        unit=COUNTED_AS.get(match.form, ""),
        chosen=chosen == value,
        exact=exact,
        here=local_status.told(held, match.ingredients),
    )


def _chosen_before(chosen: str, held: Held) -> list[Choice]:
    """The medicine chosen before, or that of the prescription amended; none if unreadable."""
    product = _product_of(chosen)
    if product is None:
        return []
    recognised = recognise(*product)
    return [
        Choice(
            value=chosen,
            label=((product.medicine, False),),
            detail="",
            status="held" if recognised.ingredients else "not recognised",
            note="",
            unit="",
            chosen=True,
            here=local_status.told(held, _keys(recognised)),
        )
    ]


def _keys(recognition: Recognition) -> list[str]:
    return [ingredient.drug.key for ingredient in recognition.ingredients]


def _drugs(recognition: Recognition) -> tuple[str, ...]:
    return tuple(ingredient.drug.name for ingredient in recognition.ingredients)


def _detail(match: Match) -> str:
    """Strength, form and codes where the label does not say them already."""
    label = match.label.lower()
    codes = [f"{code['system'].upper()} {code['code']}" for code in match.codings]
    unsaid = [word for word in (match.strength, match.form) if word and word.lower() not in label]
    return " · ".join([*unsaid, *codes])


def _pieces(label: str, typed: str) -> Label:
    """The label cut where it repeats what was typed."""
    parts = re.findall(r"[^\W\d_]+|\d+(?:\.\d+)?", typed.lower())
    if not parts:
        return ((label, False),)
    longest_first = sorted(parts, key=len, reverse=True)
    pattern = r"(?<![^\W_])(" + "|".join(re.escape(part) for part in longest_first) + ")"
    cut = re.split(pattern, label, flags=re.IGNORECASE)
    return tuple((text, bool(n % 2)) for n, text in enumerate(cut) if text)

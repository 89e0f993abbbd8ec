"""What a release of a national list comes to, by the substances that the formulary knows.

Nothing of it is kept: each answer is worked out from the formulary as it is. So a substance that
gets a class today makes its products ones that a rule asks for in the next draft.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from drugs.models import Code, CodePart, Edition, Ingredient, IngredientClass, Name, NamePart
from drugs.releases.atc import MORE
from reviews.rules.recognise import plain

# What chemists write behind the name of a substance for one of its salts, esters or hydrates.
SALTS = frozenset(
    [
        "acetate",
        "besilate",
        "besylate",
        "bromide",
        "calcium",
        "camsilate",
        "chloride",
        "citrate",
        "decanoate",
        "dihydrate",
        "dihydrochloride",
        "embonate",
        "esilate",
        "fumarate",
        "gluconate",
        "hemihydrate",
        "hexahydrate",
        "hydrobromide",
        "hydrochloride",
        "hydrogen",
        "hydroxide",
        "iodide",
        "lactate",
        "magnesium",
        "malate",
        "maleate",
        "mesilate",
        "mesylate",
        "methylsulfate",
        "monohydrate",
        "nitrate",
        "oxalate",
        "pamoate",
        "pentahydrate",
        "phosphate",
        "potassium",
        "sesquihydrate",
        "sodium",
        "succinate",
        "sulfate",
        "sulphate",
        "tartrate",
        "tetrahydrate",
        "tosilate",
        "trihydrate",
        "undecanoate",
        "valerate",
        "anhydrous",
        "base",
        "dipotassium",
        "disodium",
    ]
)
# Of "potassium bromide" no rule may take the potassium for the whole.
METALS = frozenset(
    ["sodium", "potassium", "calcium", "magnesium", "lithium", "zinc", "iron", "ammonium"]
)
OF_NO_PRODUCT = "of_no_product"
"""In what was read of a release: the substances of rows that do not say of which product."""
WORDS = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Known:
    """The substances of a release that the formulary knows: `{code: key of the drug}`, in two."""

    ruled: dict[str, str]
    plain: dict[str, str]

    @property
    def all(self) -> dict[str, str]:
        return self.ruled | self.plain


def known(edition: Edition) -> Known:
    """Which substances of a release are drugs of the formulary, by code or by their whole name.

    A name with further words is another substance, but for those that say which salt it is.
    """
    names, codes, ruled = _names(), _codes(edition.system), _with_a_class()
    found = Known({}, {})
    for code, name in edition.ingredients.values_list("code", "name"):
        key = codes.get(code) or named(name, names)
        if key is not None:
            (found.ruled if key in ruled else found.plain)[code] = key
    return found


def named(text: str, names: dict[str, str]) -> str | None:
    """The drug whose name a text is, or is when the words for its salt are left out behind."""
    words = WORDS.findall(plain(text))
    while words:
        if found := names.get(" ".join(words)):
            return found
        if len(words) == 1 or words[-1] not in SALTS:
            return None
        words.pop()
        if len(words) == 1 and words[0] in METALS:
            return None
    return None


def _names() -> dict[str, str]:
    """`{name as it is compared: key}` of the names that stand for one drug alone."""
    several = defaultdict(set)
    for key, name in Ingredient.objects.live().values_list("key", "name"):
        several[_compared(name)].add(key)
    parts = NamePart.objects.filter(
        name__retired_at=None, ingredient__retired_at=None, name__kind=Name.Kind.SYNONYM
    )
    whole = defaultdict(set)
    for text, key in parts.values_list("name__text", "ingredient__key"):
        whole[_compared(text)].add(key)
    for text, keys in whole.items():
        several[text] |= keys
    return {text: next(iter(keys)) for text, keys in several.items() if len(keys) == 1}


def _compared(name: str) -> str:
    return " ".join(WORDS.findall(plain(name)))


def _codes(system: str) -> dict[str, str]:
    """`{code of a substance: key}` of the codes that the formulary holds for a list."""
    of = {"dmd": Code.System.SNOMED, "rxnorm": Code.System.RXNORM}.get(system)
    if of is None:
        return {}
    parts = CodePart.objects.filter(
        code__system=of,
        code__kind=Code.Kind.INGREDIENT,
        code__retired_at=None,
        ingredient__retired_at=None,
    )
    return dict(parts.values_list("code__code", "ingredient__key"))


def _with_a_class() -> set[str]:
    """The drugs that some rule asks for: those with a class in force."""
    memberships = IngredientClass.objects.live().filter(drug_class__retired_at=None)
    return set(memberships.values_list("ingredient__key", flat=True))


# -- What a release gives the rule book --------------------------------------------------------


@dataclass(slots=True)
class Content:
    """What a release says: `products` (code: as in the book) that a rule asks for, and `without`.

    `unknown` counts the others: of them nobody knows whether they hold what a rule asks for.
    """

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    unknown: int = 0


def content(edition: Edition, *, but: frozenset[str] = frozenset()) -> Content:
    """What a release says of its products, without those of the codes `but`."""
    substances = known(edition)
    of, found = substances.all, Content()
    ruled = edition.products.filter(ingredients__overlap=list(substances.ruled)).order_by("code")
    rows = ruled.values_list("code", "name", "form", "route", "parts")
    for code, name, form, route, parts in rows.iterator(chunk_size=5000):
        if code not in but:
            found.products[code] = _product(name, form, route, parts, of)
    if not of_no_product(edition, substances):
        found.without = _without(edition, substances, but)
    total = edition.products.count()
    held = edition.products.filter(code__in=but).count() if but else 0
    found.unknown = total - held - len(found.products) - len(found.without)
    return found


def _without(edition: Edition, substances: Known, but: frozenset[str]) -> list[str]:
    """The codes whose ingredients are all known, and none is one that a rule asks for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT code FROM drugs_editionproduct WHERE edition_id = %s"
            " AND ingredients <@ %s::varchar[] AND ingredients <> '{}' ORDER BY code",
            [edition.pk, list(substances.plain)],
        )
        return [code for (code,) in cursor.fetchall() if code not in but]


def of_no_product(edition: Edition, substances: Known) -> list[str]:
    """The substances of broken rows that do not say of which product they are, and that matter.

    While there is one, any product may hold it, so no code is one that no rule asks for.
    """
    return [each for each in edition.read.get(OF_NO_PRODUCT, ()) if each not in substances.plain]


def _product(
    name: str, form: str, route: str, parts: list[list[Any]], of: dict[str, str]
) -> dict[str, Any]:
    merged: dict[str, list[Any]] = {}
    for code, mg, per in parts:
        key = of.get(code)
        if key is None:
            continue
        # Two salts of one drug: how much of it is not one figure.
        merged[key] = [key, None, per] if key in merged else [key, mg, per]
    row: dict[str, Any] = {
        "name": name,
        "parts": list(merged.values()),
        "form": form or None,
        "route": route or None,
    }
    if any(code not in of for code, _, _ in parts):
        row["incomplete"] = True
    return row


def by_hand(system: str) -> frozenset[str]:
    """The codes of a list that the formulary itself holds: what it says of them counts."""
    return frozenset(Code.objects.live().filter(system=system).values_list("code", flat=True))


def sections() -> dict[str, dict[str, Any]]:
    """`{"products", "atc", "without_a_rule"}` of all releases in force, as in the book.

    Empty without one. A code that the formulary holds by itself is left to it.
    """
    products: dict[str, Any] = {}
    atc: dict[str, Any] = {}
    without: dict[str, list[int]] = {}
    for edition in Edition.objects.filter(state=Edition.State.IN_FORCE).order_by("system"):
        held = by_hand(edition.system)
        if edition.system == Edition.System.ATC:
            atc = _atc(edition, held)
            continue
        said = content(edition, but=held)
        products |= {f"{edition.system}:{code}": row for code, row in said.products.items()}
        if said.without:
            without[edition.system] = sorted(map(int, said.without))
    return {"products": products, "atc": atc, "without_a_rule": without}


def _atc(edition: Edition, held: frozenset[str]) -> dict[str, Any]:
    """Whole codes whose substances are all known; where the code leaves some open, it says so."""
    of = known(edition).all
    found = {}
    rows = edition.products.exclude(ingredients=[]).order_by("code")
    for code, ingredients in rows.values_list("code", "ingredients"):
        named_ones = [each for each in ingredients if each != MORE]
        if code in held or not named_ones or any(each not in of for each in named_ones):
            continue
        entry: dict[str, Any] = {"drugs": list(dict.fromkeys(of[each] for each in named_ones))}
        if len(named_ones) < len(ingredients):
            entry["incomplete"] = True
        found[code] = entry
    return found


# -- Comparing two releases --------------------------------------------------------------------

SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What putting a release in force would change: counts, and the first codes of each sort.

    `new`, `gone` and `changed` are `(code, name, what)`; `kept` are codes that the formulary holds
    by itself. `unknown` are `(name of a substance, products with it)`, the most frequent first, and
    `of_no_product` the names of those that some broken row has without a product.
    """

    counts: dict[str, int]
    new: list[tuple[str, str, str]]
    changed: list[tuple[str, str, str]]
    gone: list[tuple[str, str, str]]
    kept: int
    recognised: int
    without: int
    not_known: int
    unknown: list[tuple[str, int]]
    of_no_product: list[str]


_DIFFERENT = """
    SELECT coalesce(new.code, old.code) AS code, coalesce(new.name, old.name) AS name,
        CASE WHEN old.code IS NULL THEN 'new' WHEN new.code IS NULL THEN 'gone' ELSE 'changed' END,
        coalesce(new.ingredients, old.ingredients) && %(ruled)s::varchar[] AS ruled
    FROM (SELECT * FROM drugs_editionproduct WHERE edition_id = %(new)s) AS new
    FULL JOIN (SELECT * FROM drugs_editionproduct WHERE edition_id = %(old)s) AS old
        ON new.code = old.code
    WHERE new.code IS NULL OR old.code IS NULL
        OR (new.name, new.form, new.route, new.parts) <> (old.name, old.form, old.route, old.parts)
"""
_COUNTED = f'SELECT "case", count(*) FROM ({_DIFFERENT}) AS each GROUP BY 1'
_FIRST = (
    f'SELECT code, name, ruled FROM ({_DIFFERENT}) AS each WHERE "case" = %(sort)s'
    " ORDER BY ruled DESC, code LIMIT %(most)s"
)


def changes(edition: Edition) -> Changes:
    """What would come new, change and go, against the release of its system that is in force."""
    live = Edition.objects.filter(system=edition.system, state=Edition.State.IN_FORCE).first()
    substances = known(edition)
    asked = {
        "new": edition.pk,
        "old": live.pk if live else None,
        "ruled": list(substances.ruled),
        "most": SHOWN,
    }
    first = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, asked)
        counts = {"new": 0, "changed": 0, "gone": 0} | dict(cursor.fetchall())
        for sort in counts:
            cursor.execute(_FIRST, asked | {"sort": sort})
            first[sort] = [
                (code, name, "a rule asks for it" if ruled else "")
                for code, name, ruled in cursor.fetchall()
            ]
    held = by_hand(edition.system)
    said = content(edition, but=held)
    return Changes(
        counts=counts,
        **first,
        kept=edition.products.filter(code__in=held).count(),
        recognised=len(said.products),
        without=len(said.without),
        not_known=said.unknown,
        unknown=_unknown(edition, substances),
        of_no_product=_names_of(edition, of_no_product(edition, substances)),
    )


def _names_of(edition: Edition, codes: list[str]) -> list[str]:
    names = dict(edition.ingredients.filter(code__in=codes).values_list("code", "name"))
    return [names.get(code, code) for code in codes]


def _unknown(edition: Edition, substances: Known) -> list[tuple[str, int]]:
    """The substances that nobody knows, with how many products hold each."""
    names = dict(edition.ingredients.exclude(code__in=substances.all).values_list("code", "name"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT each, count(*) FROM drugs_editionproduct, unnest(ingredients) AS each"
            " WHERE edition_id = %s AND NOT each = ANY(%s::varchar[])"
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
            [edition.pk, list(substances.all), SHOWN],
        )
        counted = Counter(dict(cursor.fetchall()))
    return [(names.get(code, code), count) for code, count in counted.most_common()]

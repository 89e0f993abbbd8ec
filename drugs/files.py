"""Read the formulary's files into rows, and say every fault in them. No database.

A row of a file names a citation by `cite` and takes from it what it does not give itself. What
comes out is, for each model, `{natural key: values}`; other rows are named by their own key.
"""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from reviews.rules.codes import PROFILES

DATA = Path(__file__).parent / "data"
INGREDIENT_FILES = (
    "benzodiazepines.toml",
    "interacting.toml",
    "further.toml",
    "plain.toml",
    "no_sedatives.toml",
)
BANDS = ("short", "intermediate", "long", "unknown")
SYSTEMS = ("atc", "rxnorm", "snomed", "dmd", "ndc")
STATUSES = ("formulary", "restricted", "non-formulary")
NAME_KINDS = ("synonym", "brand", "compound")
FACT_KINDS = (
    "band",
    "half_life_h",
    "active_metabolites",
    "metabolism",
    "usual_dose",
    "schedule",
    "band_low_up_to_mg_per_day",
    "band_high_over_mg_per_day",
    "equivalent_range_mg",
    "who_ddd_mg",
)
CITATION = {"source": str, "locator": str, "reviewed": date, "next_review": date, "verified": bool}
LONGEST_REVIEW = timedelta(days=366)


@dataclass
class Reading:
    """The rows of all files, what is wrong with them, and which knowledge is overdue."""

    rows: dict[str, dict[tuple, dict]] = field(default_factory=lambda: defaultdict(dict))
    faults: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)


def read(folder: Path = DATA, *, today: date) -> Reading:
    """Read every file of `folder` as it stands on `today`."""
    reader = _Reader(folder, today)
    reader.read()
    return reader.reading


class _Bad(Exception):
    """One fault of one row; the row is left out and reading goes on."""


class _Reader:
    def __init__(self, folder: Path, today: date) -> None:
        self.folder, self.today = folder, today
        self.reading = Reading()
        self.citations = {}
        self.classes, self.ingredients = set(), set()
        self.uses = defaultdict(int)

    def read(self) -> None:
        self._citations()
        files = {name: self._parse(name) for name in INGREDIENT_FILES}
        classes = self._parse("classes.toml")
        self.classes = {row.get("key") for row in classes.get("class", [])}
        self.ingredients = {
            row.get("key") for data in files.values() for row in data.get("ingredient", [])
        }
        for where, row in self._rows("classes.toml", classes, "class"):
            self._class(where, row)
        for name, data in files.items():
            for where, row in self._rows(name, data, "ingredient"):
                self._ingredient(where, row)
        brands = self._parse("brands.toml")
        for where, row in self._rows("brands.toml", brands, "name"):
            self._name(where, row, self._parts_of(where, row))
        combinations = self._parse("combinations.toml")
        for kind in ("combination", "group"):
            for where, row in self._rows("combinations.toml", combinations, kind):
                self._combination(where, row, kind)
        products = self._parse("products.toml")
        for where, row in self._rows("products.toml", products, "set"):
            self._product_set(where, row)
        statuses = self._parse("status.toml")
        for where, row in self._rows("status.toml", statuses, "status"):
            self._status(where, row)
        self._ingredient_names()
        for key, cited in self.citations.items():
            if cited["next_review"] < self.today and self.uses[key]:
                self.reading.overdue.append(
                    f"citations.toml [{key}]: review overdue since {cited['next_review']}"
                    f" ({self.uses[key]} rows: {cited['source']})"
                )

    # -- Files and citations ---------------------------------------------------------------------

    def _parse(self, name: str) -> dict:
        try:
            return tomllib.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._fault(name, "file is missing")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self._fault(name, f"not readable as TOML: {error}")
        return {}

    def _rows(self, file: str, data: dict, table: str) -> Iterator[tuple[str, dict]]:
        for number, row in enumerate(data.get(table, []), start=1):
            label = row.get("key") or row.get("code") or row.get("name") or row.get("ingredient")
            yield f"{file} {table} {number} ({label})", row

    def _citations(self) -> None:
        for key, row in self._parse("citations.toml").items():
            where = f"citations.toml [{key}]"
            if self._citation_holds(where, {**row, "note": row.get("note", "")}):
                self.citations[key] = {**row, "note": row.get("note", "")}

    def _citation_holds(self, where: str, row: dict) -> bool:
        before = len(self.reading.faults)
        for name, kind in CITATION.items():
            value = row.get(name)
            if not isinstance(value, kind) or (isinstance(value, str) and not value.strip()):
                self._fault(where, f"missing citation: {name} is not given")
        if len(self.reading.faults) > before:
            return False
        if not row["reviewed"] < row["next_review"] <= row["reviewed"] + LONGEST_REVIEW:
            self._fault(
                where,
                f"next review {row['next_review']} is not within a year of {row['reviewed']}",
            )
        return len(self.reading.faults) == before

    def _cited(self, where: str, row: dict) -> dict:
        """The citation of a row: the one it names, with what the row gives itself on top."""
        own = {name: row[name] for name in CITATION if name in row}
        cite = row.get("cite")
        if cite is None and len(own) < len(CITATION):
            raise _Bad("missing citation: name one by cite")
        if cite is not None and cite not in self.citations:
            raise _Bad(f"missing citation: there is no {cite!r} in citations.toml")
        cited = {**self.citations.get(cite, {}), **own}
        if own:
            if not self._citation_holds(where, cited):
                raise _Bad("citation cannot be used")
            if cited["next_review"] < self.today:
                self.reading.overdue.append(
                    f"{where}: review overdue since {cited['next_review']} ({cited['source']})"
                )
        else:
            self.uses[cite] += 1
        return {**{name: cited[name] for name in CITATION}, "note": row.get("note", "")}

    def _fault(self, where: str, what: str) -> None:
        self.reading.faults.append(f"{where}: {what}")

    def _take(self, model: str, where: str, key: tuple, row: dict, **values: object) -> None:
        """Take one row in, or say what is wrong with it."""
        try:
            values = {**values, **self._cited(where, row)}
        except _Bad as bad:
            self._fault(where, str(bad))
            return
        if key in self.reading.rows[model]:
            self._fault(where, f"duplicate {' '.join(str(part) for part in key if part)}")
            return
        self.reading.rows[model][key] = values

    def _take_each(
        self, where: str, row: dict, name: str, take: Callable[[str, dict], None]
    ) -> None:
        for number, item in enumerate(row.get(name, []), start=1):
            here = f"{where} {name} {number}"
            try:
                take(here, item)
            except _Bad as bad:
                self._fault(here, str(bad))

    # -- Kinds of rows ---------------------------------------------------------------------------

    def _class(self, where: str, row: dict) -> None:
        try:
            _known(row, "key name rules severity pairs cite note")
            key = _text(row, "key")
            self._take(
                "DrugClass",
                where,
                (key,),
                row,
                name=_text(row, "name"),
                rules=tuple(row.get("rules", ())),
                severity=_severity(row),
            )
        except _Bad as bad:
            self._fault(where, str(bad))
            return
        self._take_each(where, row, "pairs", lambda here, item: self._pair(here, item, ("", key)))

    def _ingredient(self, where: str, row: dict) -> None:
        try:
            _known(
                row,
                "key name classes codes names facts limits equivalents presentations pairs",
            )
            key = _text(row, "key")
            if not row.get("key", "").replace("-", "").isalnum() or key != key.lower():
                raise _Bad(f"key {key!r} is not lower case with hyphens")
            self._take("Ingredient", where, (key,), row, name=_text(row, "name"))
        except _Bad as bad:
            self._fault(where, str(bad))
            return
        for name, take in (
            ("classes", self._membership),
            ("codes", self._ingredient_code),
            ("names", self._synonym),
            ("facts", self._fact),
            ("limits", self._limit),
            ("equivalents", self._equivalent),
            ("presentations", self._presentation),
        ):
            self._take_each(where, row, name, lambda here, item, take=take: take(here, item, key))
        self._take_each(where, row, "pairs", lambda here, item: self._pair(here, item, (key, "")))

    def _membership(self, where: str, row: dict, key: str) -> None:
        _known(row, "class severity level condition")
        self._take(
            "IngredientClass",
            where,
            (key, self._class_key(row, "class")),
            row,
            severity=_severity(row),
            level=_one_of(row, "level", ("class", "pair"), default="class"),
            condition=row.get("condition", ""),
        )

    def _pair(self, where: str, row: dict, subject: tuple[str, str]) -> None:
        _known(row, "with with_class severity rule")
        if ("with" in row) == ("with_class" in row):
            raise _Bad("a pair names either with or with_class")
        other = (
            (self._ingredient_key(row["with"]), "")
            if "with" in row
            else ("", self._class_key(row, "with_class"))
        )
        severity = _severity(row)
        if severity is None:
            raise _Bad("severity is missing")
        self._take(
            "Pair", where, (*subject, *other), row, severity=severity, rule=row.get("rule", "")
        )

    def _ingredient_code(self, where: str, row: dict, key: str) -> None:
        _known(row, "system code substitution")
        self._code(
            where,
            row,
            _one_of(row, "system", SYSTEMS),
            "ingredient",
            name=key.replace("-", " "),
            parts=((key, None, ""),),
        )

    def _code(
        self, where: str, row: dict, system: str, kind: str, *, name: str, parts: tuple[tuple, ...]
    ) -> None:
        if len({part[0] for part in parts}) < len(parts):
            raise _Bad("an ingredient is named twice")
        self._take(
            "Code",
            where,
            (system, _text(row, "code")),
            row,
            kind=kind,
            name=name,
            form=row.get("form", ""),
            route=row.get("route", ""),
            substitution=_flag(row, "substitution"),
            incomplete=_flag(row, "incomplete"),
            parts=parts,
        )

    def _synonym(self, where: str, row: dict, key: str) -> None:
        _known(row, "name kind")
        self._name(where, row, (key,))

    def _name(self, where: str, row: dict, parts: tuple[str, ...] | None) -> None:
        if parts is None:
            return
        try:
            _known(row, "name kind ingredients substitution")
            text = _text(row, "name")
            self._take(
                "Name",
                where,
                (text.lower(),),
                row,
                text=text,
                kind=_one_of(row, "kind", NAME_KINDS),
                substitution=_flag(row, "substitution"),
                parts=tuple(sorted(parts)),
            )
        except _Bad as bad:
            self._fault(where, str(bad))

    def _parts_of(self, where: str, row: dict) -> tuple[str, ...] | None:
        keys = row.get("ingredients", [])
        unknown = [key for key in keys if key not in self.ingredients]
        if unknown or not keys:
            self._fault(where, f"unknown ingredient {unknown[0]!r}" if unknown else "no ingredient")
            return None
        return tuple(keys)

    def _fact(self, where: str, row: dict, key: str) -> None:
        _known(row, "kind value profiles")
        kind, value = _one_of(row, "kind", FACT_KINDS), _text(row, "value")
        if kind == "band" and value not in BANDS:
            raise _Bad(f"band {value!r} is none of {', '.join(BANDS)}")
        for profile in _profiles(row) or ("",):
            self._take("DrugFact", where, (key, kind, profile), row, value=value)

    def _limit(self, where: str, row: dict, key: str) -> None:
        _known(row, "profiles context mg_per_day")
        profiles = _profiles(row)
        if not profiles:
            raise _Bad("profiles is missing")
        for profile in profiles:
            self._take(
                "Limit",
                where,
                (key, profile, _text(row, "context")),
                row,
                mg_per_day=_mg(row, "mg_per_day"),
            )

    def _equivalent(self, where: str, row: dict, key: str) -> None:
        _known(row, "table mg mg_high")
        low, high = _mg(row, "mg"), _mg(row, "mg_high") if "mg_high" in row else None
        if high is not None and high <= low:
            raise _Bad(f"mg_high {high} is not above mg {low}")
        self._take("Equivalent", where, (key, _text(row, "table")), row, mg=low, mg_high=high)

    def _presentation(self, where: str, row: dict, key: str) -> None:
        _known(row, "profile form per_unit strengths_mg")
        strengths = row.get("strengths_mg")
        if not isinstance(strengths, list) or not strengths:
            raise _Bad("strengths_mg is missing")
        self._take(
            "Presentation",
            where,
            (key, _one_of(row, "profile", PROFILES), _text(row, "form")),
            row,
            per_unit=_text(row, "per_unit"),
            strengths_mg=tuple(_number(value, "strengths_mg") for value in strengths),
        )

    def _combination(self, where: str, row: dict, kind: str) -> None:
        parts = self._parts_of(where, row)
        if parts is None:
            return
        try:
            _known(row, "code name ingredients incomplete substitution")
            self._code(
                where,
                row,
                "atc",
                kind,
                name=_text(row, "name"),
                parts=tuple((key, None, "") for key in parts),
            )
        except _Bad as bad:
            self._fault(where, str(bad))

    def _product_set(self, where: str, row: dict) -> None:
        try:
            _known(row, "key system cite products")
            system = _one_of(row, "system", SYSTEMS)
        except _Bad as bad:
            self._fault(where, str(bad))
            return
        cite = {"cite": row.get("cite")}
        for number, item in enumerate(row.get("products", []), start=1):
            here = f"products.toml {row.get('key')} {number} ({item.get('code')})"
            try:
                _known(item, "code name parts form route substitution note cite")
                self._code(
                    here,
                    {**cite, **item},
                    system,
                    "product",
                    name=_text(item, "name"),
                    parts=tuple(self._part(part) for part in item.get("parts", [])),
                )
                if not item.get("parts"):
                    raise _Bad("no ingredient")
            except _Bad as bad:
                self._fault(here, str(bad))

    def _part(self, part: list) -> tuple[str, Decimal | None, str]:
        key = self._ingredient_key(part[0])
        if len(part) == 1:
            return key, None, ""
        if len(part) != 3:
            raise _Bad(f"part {part} is not [ingredient, mg, per unit]")
        return key, _number(part[1], "mg"), part[2]

    def _status(self, where: str, row: dict) -> None:
        try:
            _known(row, "ingredient profile status reason")
            self._take(
                "FormularyStatus",
                where,
                (
                    self._ingredient_key(row.get("ingredient")),
                    _one_of(row, "profile", PROFILES),
                ),
                row,
                status=_one_of(row, "status", STATUSES),
                reason=row.get("reason", ""),
            )
        except _Bad as bad:
            self._fault(where, str(bad))

    def _ingredient_names(self) -> None:
        """A name may not stand for other ingredients than the ingredient that bears it."""
        names = self.reading.rows["Name"]
        for (key,), row in self.reading.rows["Ingredient"].items():
            other = names.get((row["name"].lower(),))
            if other is not None and other["parts"] != (key,):
                self._fault(f"ingredient {key}", f"duplicate name {row['name']}")

    def _ingredient_key(self, key: str | None) -> str:
        if key is None or key not in self.ingredients:
            raise _Bad(f"unknown ingredient {key!r}")
        return key

    def _class_key(self, row: dict, name: str) -> str:
        key = row.get(name)
        if key is None or key not in self.classes:
            raise _Bad(f"unknown class {key!r}")
        return key


# -- Values --------------------------------------------------------------------------------------


def _known(row: dict, names: str) -> None:
    strange = row.keys() - {*names.split(), "cite", "note", *CITATION}
    if strange:
        raise _Bad(f"unknown field {', '.join(sorted(strange))}")


def _text(row: dict, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _Bad(f"{name} is missing")
    return value


def _flag(row: dict, name: str) -> bool:
    value = row.get(name, False)
    if not isinstance(value, bool):
        raise _Bad(f"{name} {value!r} is not true or false")
    return value


def _one_of(row: dict, name: str, values: Sequence[str], default: str | None = None) -> str:
    value = row.get(name, default)
    if value not in values:
        raise _Bad(f"{name} {value!r} is none of {', '.join(values)}")
    return value


def _profiles(row: dict) -> tuple[str, ...]:
    profiles = row.get("profiles", [])
    for profile in profiles:
        if profile not in PROFILES:
            raise _Bad(f"profile {profile!r} is none of {', '.join(PROFILES)}")
    return tuple(profiles)


def _severity(row: dict) -> int | None:
    value = row.get("severity")
    if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4)):
        raise _Bad(f"severity {value!r} is none of 1, 2, 3, 4")
    return value


def _mg(row: dict, name: str) -> Decimal:
    if name not in row:
        raise _Bad(f"{name} is missing")
    return _number(row[name], name)


def _number(value: object, name: str) -> Decimal:
    """An exact positive number: what a file writes as 0.1 stays 0.1."""
    try:
        number = None if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number <= 0:
        raise _Bad(f"{name} {value!r} is not a number above zero")
    return number.normalize()

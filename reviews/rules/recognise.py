"""From a medicine as recorded to its ingredients: by code first, then by the words of its text."""

import re
import unicodedata

from reviews.rules.drug import BIT, SUBSTITUTION, Entry, Ingredient, Part, Product, Recognition

# Product codes are exact, ingredient codes and ATC less so; a verified SNOMED substance is last.
CODE_ORDER = {"rxnorm": 0, "dmd": 0, "ndc": 0, "atc": 1, "snomed": 2}

MASS_IN_MG = {
    "mg": 1.0,
    "milligram": 1.0,
    "milligrams": 1.0,
    "mcg": 0.001,
    "ug": 0.001,
    "microgram": 0.001,
    "micrograms": 0.001,
    "microg": 0.001,
    "g": 1000.0,
    "gram": 1000.0,
}
_MASS = "|".join(sorted(MASS_IN_MG, key=len, reverse=True))
STRENGTH = re.compile(
    rf"(\d+(?:\.\d+)?)\s*({_MASS})\b"
    r"(?:\s*(?:/|per)\s*(\d+(?:\.\d+)?)?\s*(ml|hour|hr|h|actuat|actuation|dose|spray)\b)?"
)
PER = {
    "ml": "ml",
    "hour": "hour",
    "hr": "hour",
    "h": "hour",
    "actuat": "spray",
    "actuation": "spray",
    "dose": "spray",
    "spray": "spray",
}
# First match wins: the special forms stand before the plain ones they contain.
FORMS = (
    (r"transdermal|patch(?:es)?", "patch", "transdermal"),
    (r"buccal|oromucosal", "buccal", "buccal"),
    (r"nasal", "nasal", "nasal"),
    (r"suppositor(?:y|ies)", "suppository", "rectal"),
    (r"rectal|enema|rectubes?", "rectal", "rectal"),
    (r"sublingual", "sublingual", "sublingual"),
    (
        r"inject(?:ion|able)|ampoules?|cartridge|prefilled|intravenous|intramuscular|infusion|vials?",
        "injection",
        "parenteral",
    ),
    (
        r"cream|ointment|topical|shampoo|lotion|ophthalmic|otic|eye drops?|ear drops?",
        "topical",
        "topical",
    ),
    (r"capsules?", "capsule", "oral"),
    (r"tablets?|caplets?", "tablet", "oral"),
    (r"oral (?:solution|suspension|liquid|drops?|concentrate)|syrup|elixir", "liquid", "oral"),
    (r"oral film", "film", "oral"),
)
FORM_PATTERNS = tuple(
    (re.compile(rf"\b(?:{words})\b"), form, route) for words, form, route in FORMS
)
COUNTED = {
    "tablet": "tablet",
    "capsule": "capsule",
    "film": "unit",
    "suppository": "suppository",
    "sublingual": "tablet",
    "patch": "patch",
}
WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?")
SEPARATOR = re.compile(r"\s[/+]\s")
INGREDIENT_LIKE = re.compile(rf"[a-z]{{4,}}.*\d\s*(?:{_MASS})\b")


def plain(text: str) -> str:
    """Lower case without accents, so that "Diazépam" and "diazepam" are the same words."""
    decomposed = unicodedata.normalize("NFKD", text.replace("µ", "u").replace("μ", "u"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


class Index:
    """The ways into a book's drugs: codes, and names by their first word, longest first."""

    def __init__(self, book):
        self.drugs = book.drugs
        self.atc = book.atc
        self.codes = dict(book.products)
        for drug in book.drugs.values():
            for system, values in (("rxnorm", drug.rxcui), ("snomed", drug.snomed)):
                for value in values:
                    ingredient = Product(name=drug.name, parts=(Part(drug.key),))
                    self.codes.setdefault(f"{system}:{value}", ingredient)
            for code in drug.atc:
                if code not in self.atc:
                    self.codes.setdefault(f"atc:{code}", Product(name="", parts=(Part(drug.key),)))
        self.names: dict[str, list[tuple[tuple[str, ...], Entry]]] = {}
        entries = {plain(drug.name): Entry(drugs=(drug.key,)) for drug in book.drugs.values()}
        entries |= {plain(name): entry for name, entry in book.names.items()}
        for name, entry in entries.items():
            words = tuple(WORD.findall(name))
            if words:
                self.names.setdefault(words[0], []).append((words, entry))
        for found in self.names.values():
            found.sort(key=lambda item: (-len(item[0]), item[0]))

    def recognise(self, text: str, codings) -> Recognition:
        """Codes, best kind first; then names. What a code leaves open the text may fill in."""
        text = plain(text)
        form, route = _form(text)
        by_name, name_matched, name_substitution, name_complete = self._by_name(text, form)
        substitution: bool | None = None
        coded: tuple[Product, str, bool] | None = None
        for system, code in sorted(codings, key=lambda c: CODE_ORDER.get(c[0], 3)):
            product, incomplete, says = self._by_code(system, code)
            if product is None:
                continue
            # An ATC code tells pain relief from substitution even where a product code is better.
            if substitution is None or says is not None:
                substitution = says if says is not None else substitution
            if coded is None:
                coded = product, f"{system}:{code}", incomplete
        if coded is not None:
            product, matched, incomplete = coded
            parts, complete = _fill(product.parts, by_name, incomplete)
            form, route = product.form or form, product.route or route
            matched_by = "code"
        elif by_name:
            parts, matched, complete = by_name, name_matched, name_complete
            matched_by = "name"
        else:
            return Recognition(form=form, route=route)
        keys = {part.drug for part in parts}
        if substitution is None:
            # Buprenorphine with naloxone is made for substitution alone.
            substitution = name_substitution or {"buprenorphine", "naloxone"} <= keys
        classes = set().union(*(self.drugs[key].classes for key in keys))
        if substitution and "opioid" in classes:
            classes = classes - {"opioid"} | {SUBSTITUTION}
        return Recognition(
            parts=parts,
            ingredients=tuple(self._ingredient(part, classes) for part in parts),
            form=form,
            route=route,
            matched_by=matched_by,
            matched=matched,
            classes=frozenset(classes),
            mask=sum(BIT[name] for name in classes),
            complete=complete,
            unmapped=not complete,
        )

    def _ingredient(self, part: Part, of_the_medicine) -> Ingredient:
        drug = self.drugs[part.drug]
        mask = sum(BIT[name] for name in drug.classes)
        if SUBSTITUTION in of_the_medicine and "opioid" in drug.classes:
            mask += BIT[SUBSTITUTION] - BIT["opioid"]
        return Ingredient(part, drug, mask)

    def _by_code(self, system, code) -> tuple[Product | None, bool, bool | None]:
        """The product, whether more ingredients are to be found in the text, and what the code
        says about substitution (None: nothing)."""
        product = self.codes.get(f"{system}:{code}")
        if product is not None and system != "atc":
            return product, False, product.substitution or None
        if system == "atc":
            for length in range(len(code), 0, -1):
                entry = self.atc.get(code[:length])
                if entry is not None:
                    parts = tuple(Part(key) for key in entry.drugs)
                    return Product(name="", parts=parts), entry.incomplete, entry.substitution
                if length == len(code) and product is not None:
                    return product, False, False
        return None, False, None

    def _by_name(self, text, form):
        words = [(m.group(), m.start(), m.end()) for m in WORD.finditer(text)]
        found: list[tuple[Entry, int, int]] = []
        at = 0
        while at < len(words):
            for name, entry in self.names.get(words[at][0], ()):
                end = at + len(name)
                if tuple(word for word, _, _ in words[at:end]) == name:
                    found.append((entry, words[at][1], words[end - 1][2]))
                    at = end
                    break
            else:
                at += 1
        parts: dict[str, Part] = {}
        per_form = COUNTED.get(form or "", "")
        for n, (entry, _, end) in enumerate(found):
            until = found[n + 1][1] if n + 1 < len(found) else len(text)
            strength, per = None, per_form
            if len(entry.drugs) == 1:
                strength, per = _strength(text[end:until], per_form)
            for key in entry.drugs:
                # "Diazepam 5 MG [Valium]" names one drug twice: keep the first that has a strength.
                if key not in parts or parts[key].strength_mg is None:
                    parts[key] = Part(key, strength, per)
        matched = ", ".join(dict.fromkeys(text[start:end] for _, start, end in found))
        complete = _every_segment_known(text, found)
        substitution = any(entry.substitution for entry, _, _ in found)
        incomplete = any(entry.incomplete for entry, _, _ in found)
        return tuple(parts.values()), matched, substitution, complete and not incomplete


def _fill(parts, by_name, incomplete):
    """Take strengths, and for an open combination code the other ingredients, from the text."""
    named = {part.drug: part for part in by_name}
    filled = tuple(
        named[part.drug] if part.strength_mg is None and part.drug in named else part
        for part in parts
    )
    if not incomplete:
        return filled, True
    known = {part.drug for part in parts}
    more = tuple(part for part in by_name if part.drug not in known)
    return filled + more, bool(more)


def _form(text):
    for pattern, form, route in FORM_PATTERNS:
        if pattern.search(text):
            return form, route
    return None, None


def _strength(text, per_form):
    found = STRENGTH.search(text)
    if not found:
        return None, per_form
    amount, unit, per_amount, per_unit = found.groups()
    mg = float(amount) * MASS_IN_MG[unit]
    if per_unit:
        return mg / (float(per_amount) if per_amount else 1.0), PER[per_unit]
    return mg, per_form


def _every_segment_known(text, found):
    """False when a combination written with " / " or " + " has a part no name matched."""
    at = 0
    pieces = SEPARATOR.split(text)
    if len(pieces) < 2:
        return True
    for piece in pieces:
        end = at + len(piece)
        if INGREDIENT_LIKE.search(piece) and not any(at <= start < end for _, start, _ in found):
            return False
        at = end + 3
    return True

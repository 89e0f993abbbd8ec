"""The rule book: drug facts and thresholds as plain data, frozen under a number.

JSON shape (every key shown is required unless said otherwise; amounts are mg):

    {
      "number": 12,
      "drugs": {
        "diazepam": {
          "name": "diazepam",                 # as shown to people
          "classes": ["benzodiazepine"],      # keys of drug.CLASSES; [] = known, without a rule
          "atc": ["N05BA01"],                 # whole codes that mean this ingredient alone
          "rxcui": ["3322"],                  # ingredient codes, salts included
          "snomed": ["387264003"],            # optional; verified substance ids only
          "band": "long",                     # short|intermediate|long|unknown, or null
          "metabolism": "CYP2C19",            # UGT, CYP3A4, CYP2C19 ... or null (counts as not UGT)
          "severities": {"opioid": 1},        # row severity 1..4 for a class, where the table of
                                              # interactions gives one; absent = the rule's default
          "max_mg_per_day": {"UK": {"adult": 30, "spasticity": 60, "anxiety": 30}},
          "elder_max_mg_per_day": {"UK": 15, "US": 5},
          "equivalents": {"SCOT2024": [10, 10], "ASAM_BAND": [10, 10]},   # [low, high] mg that
                                              # equal diazepam 10 mg by mouth
          "strengths": {"UK": {"tablet": [2, 5, 10]}},        # optional
          "unverified": ["elder_max_mg_per_day"]              # facts still to be signed off
        }
      },
      "products": {                           # "<system>:<code>": rxnorm, dmd, ndc or snomed
        "rxnorm:197591": {
          "name": "diazepam 5 MG Oral Tablet",
          "parts": [["diazepam", 5.0, "tablet"]],   # drug key, mg or null, per unit ("tablet",
                                              # "ml", "patch", "hour", "spray", ...; "" unknown)
          "form": "tablet",                   # tablet, capsule, liquid, patch, injection, rectal,
                                              # buccal, nasal, sublingual, suppository or null
          "route": "oral",                    # as dossier.Line.route, or null
          "substitution": false,              # optional: true for opioid substitution products
          "incomplete": false                 # optional: true where it holds what nobody knows
        }
      },
      "without_a_rule": {                     # optional: codes of products whose ingredients are
        "dmd": [318136009]                    # all known, and none of them one that a rule asks
      },                                      # for; whole numbers in rising order
      "atc": {                                # whole codes, or prefixes; the longest match wins
        "N05BA01": {"drugs": ["diazepam"]},
        "N07BC01": {"drugs": ["buprenorphine"], "substitution": true},
        "N02AJ06": {"drugs": ["codeine", "paracetamol"]},
        "N06CA01": {"drugs": ["amitriptyline"], "incomplete": true},  # rest comes from the text
        "N05BA":   {"drugs": ["benzodiazepine-unspecified"]}
      },
      "names": {                              # ingredient names and brands, lower case
        "valium": {"drugs": ["diazepam"]},
        "co-codamol": {"drugs": ["codeine", "paracetamol"]},
        "suboxone": {"drugs": ["buprenorphine", "naloxone"], "substitution": true}
      },
      "rules": {"DUR-01": {"UK": {"s4_over_days": 14, "s2_over_days": 28}, "US": {...}}},
      "citations": {"DUR-01": [{"title": "...", "issuer": "...", "year": 1988, ...}]},
      "grading": {"DUR-01": {"UK": {"severity_s2": 3, "shown": "queue"}}},    # optional: what the
                                              # rule grades S2 is S3 here; shown: interrupt, queue,
                                              # note or off
      "profiles": {"IE": {"parent": "UK", ...}},   # optional: further profiles (`profiles`)
      "local": {                              # optional: policy of a practice, by its code, or
                                              # of a group of practices, as "group:<code>"
        "harbour": {"name": "Harbour Street Surgery", "rules": {"DUR-01": {"s2_over_days": 14}},
                    "grading": {"DUR-01": {"shown": "note"}}, "citations": {"DUR-01": [{...}]}}
      }
    }

Drug keys are lower-case international names with "-" for spaces: "potassium-clorazepate",
"sodium-oxybate", "chloral-hydrate", "valproic-acid", "st-johns-wort". `drugs`, `products`, `atc`
and `names` come from the formulary; `rules` and `citations` from this package.
A rule without an entry for the profile in `rules` is not run: an old book stays what it was.
"""

from array import array
from copy import deepcopy
from dataclasses import dataclass, field, replace

from reviews.rules.codes import PROFILES
from reviews.rules.dossier import Medicine
from reviews.rules.drug import CLASSES, Drug, Entry, Part, Product, Recognition
from reviews.rules.memory import memory_of
from reviews.rules.parameters import as_named_now
from reviews.rules.profiles import Held, base_of, further, said_of, with_further


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Drug facts and thresholds under a number; nothing here changes after it is built.

    A book remembers nothing: what follows from it is kept by `reviews.rules.memory`.
    """

    number: int
    drugs: dict[str, Drug]
    products: dict[str, Product]
    atc: dict[str, Entry]
    names: dict[str, Entry]
    rules: dict[str, dict[str, dict]]
    citations: dict[str, list[dict]] = field(default_factory=dict)
    grading: dict[str, dict[str, dict]] = field(default_factory=dict)
    local: dict[str, dict] = field(default_factory=dict)
    profiles: Held = field(default_factory=dict)
    """Further profiles as the JSON holds them; what they come to stands among `rules`, `grading`
    and the facts of drugs, beside the base profiles."""
    policy_of: dict[str, str] = field(default_factory=dict)
    """In a book that holds for the patients of one practice alone (`policy.at`), by rule the name
    of the practice or group whose policy is on it."""
    without_a_rule: dict[str, array] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict) -> "RuleBook":
        """Build a book from the JSON shape above. KeyError or TypeError if a part is missing.

        ValueError for a class nobody knows and for an entry that names a drug the book lacks,
        `UnknownProfile` for a further profile whose parents lead to no base profile.
        """
        held = further(data)
        drugs = {
            key: Drug(
                key=key,
                name=row["name"],
                classes=frozenset(row["classes"]),
                atc=tuple(row.get("atc", ())),
                rxcui=tuple(row.get("rxcui", ())),
                snomed=tuple(row.get("snomed", ())),
                band=row.get("band"),
                metabolism=row.get("metabolism"),
                severities=dict(row.get("severities", {})),
                max_mg_per_day=with_further(
                    held, {k: dict(v) for k, v in row.get("max_mg_per_day", {}).items()}
                ),
                elder_max_mg_per_day=with_further(held, row.get("elder_max_mg_per_day", {})),
                equivalents={k: (v[0], v[1]) for k, v in row.get("equivalents", {}).items()},
                strengths=with_further(
                    held,
                    {
                        profile: {form: tuple(values) for form, values in forms.items()}
                        for profile, forms in row.get("strengths", {}).items()
                    },
                ),
                unverified=tuple(row.get("unverified", ())),
            )
            for key, row in data["drugs"].items()
        }
        products = {
            key: Product(
                name=row["name"],
                parts=tuple(Part(*part) for part in row["parts"]),
                form=row.get("form"),
                route=row.get("route"),
                substitution=row.get("substitution", False),
                incomplete=row.get("incomplete", False),
            )
            for key, row in data["products"].items()
        }
        atc, names = (
            {
                key: Entry(
                    drugs=tuple(row["drugs"]),
                    substitution=row.get("substitution", False),
                    incomplete=row.get("incomplete", False),
                )
                for key, row in data[section].items()
            }
            for section in ("atc", "names")
        )
        _check(drugs, products, atc, names)
        return cls(
            number=data["number"],
            drugs=drugs,
            products=products,
            atc=atc,
            names=names,
            rules=_under_all(
                held,
                "rules",
                {
                    rule: {profile: as_named_now(limits) for profile, limits in by.items()}
                    for rule, by in data["rules"].items()
                },
            ),
            citations={rule: list(rows) for rule, rows in data.get("citations", {}).items()},
            grading=_under_all(held, "grading", deepcopy(data.get("grading", {}))),
            profiles=deepcopy(held),
            local=deepcopy(data.get("local", {})),
            # A national list has 100,000 of them: eight bytes each, in every process.
            without_a_rule={
                system: array("Q", codes)
                for system, codes in data.get("without_a_rule", {}).items()
            },
        )

    def to_json(self) -> dict:
        """The JSON shape above; `from_json(book.to_json()) == book`."""
        return {
            "number": self.number,
            "drugs": {
                key: {
                    "name": drug.name,
                    "classes": sorted(drug.classes),
                    "atc": list(drug.atc),
                    "rxcui": list(drug.rxcui),
                    "snomed": list(drug.snomed),
                    "band": drug.band,
                    "metabolism": drug.metabolism,
                    "severities": dict(drug.severities),
                    "max_mg_per_day": {k: dict(v) for k, v in drug.max_mg_per_day.items()},
                    "elder_max_mg_per_day": dict(drug.elder_max_mg_per_day),
                    "equivalents": {k: list(v) for k, v in drug.equivalents.items()},
                    "strengths": {
                        profile: {form: list(values) for form, values in forms.items()}
                        for profile, forms in drug.strengths.items()
                    },
                    "unverified": list(drug.unverified),
                }
                for key, drug in self.drugs.items()
            },
            "products": {
                key: {
                    "name": product.name,
                    "parts": [[p.drug, p.strength_mg, p.per_unit] for p in product.parts],
                    "form": product.form,
                    "route": product.route,
                    "substitution": product.substitution,
                    **({"incomplete": True} if product.incomplete else {}),
                }
                for key, product in self.products.items()
            },
            **(
                {"without_a_rule": {s: list(codes) for s, codes in self.without_a_rule.items()}}
                if self.without_a_rule
                else {}
            ),
            **{
                section: {
                    key: {
                        "drugs": list(entry.drugs),
                        "substitution": entry.substitution,
                        "incomplete": entry.incomplete,
                    }
                    for key, entry in getattr(self, section).items()
                }
                for section in ("atc", "names")
            },
            "rules": {
                rule: {p: as_named_now(limits) for p, limits in by.items() if p in PROFILES}
                for rule, by in self.rules.items()
            },
            "citations": {rule: list(rows) for rule, rows in self.citations.items()},
            **({"grading": grading} if (grading := self._grading_of_bases()) else {}),
            **({"profiles": deepcopy(self.profiles)} if self.profiles else {}),
            **({"local": deepcopy(self.local)} if self.local else {}),
        }

    def saying(self, content: dict) -> "RuleBook":
        """The same formulary with the thresholds, gradings and policies of another content.

        Its further profiles follow whom they follow here: drug facts stay as they are.
        """
        held = further(content)
        return replace(
            self,
            rules=_under_all(held, "rules", deepcopy(content["rules"])),
            grading=_under_all(held, "grading", deepcopy(content.get("grading", {}))),
            citations=content["citations"],
            local=content.get("local", {}),
            profiles=held,
        )

    def _grading_of_bases(self) -> dict:
        bases = {
            rule: {profile: dict(said) for profile, said in by.items() if profile in PROFILES}
            for rule, by in self.grading.items()
        }
        return {rule: by for rule, by in bases.items() if by}

    def base_of(self, profile: str) -> str:
        """The base profile of a profile. Raises `UnknownProfile` for one that is not held."""
        return base_of(self.profiles, profile)

    def recognise(self, medicine: Medicine) -> Recognition:
        """Which drugs a medicine holds; worked out once for each `medicine.key`."""
        return memory_of(self).recognised.recognise(medicine)

    def recognise_text(self, text: str, codings: tuple[tuple[str, str], ...] = ()) -> Recognition:
        """Which drugs a text holds that nobody keeps, such as one being typed; not remembered."""
        return memory_of(self).recognised.index.recognise(text, codings)


def _under_all(held: Held, section: str, said: dict) -> dict:
    """A section by rule and profile, also for the further profiles of a book."""
    own = [name for each in held.values() for name in each.get(section, {})]
    # A rule that only a further profile grades otherwise stands there too.
    for rule_id in dict.fromkeys([*said, *own]):
        by_profile = said.get(rule_id, {})
        resolved = {code: said_of(held, by_profile, section, rule_id, code) for code in held}
        # Of a rule without thresholds it says {}: it is run. A rule that the base lacks is not.
        is_kept = (lambda now: now is not None) if section == "rules" else bool
        kept = {code: now for code, now in resolved.items() if is_kept(now)}
        if kept:
            said[rule_id] = by_profile | kept
    return said


def _check(drugs, products, atc, names):
    for drug in drugs.values():
        strange = drug.classes - CLASSES.keys() | drug.severities.keys() - CLASSES.keys()
        if strange:
            raise ValueError(f"{drug.key}: unknown class {', '.join(sorted(strange))}")
    for key, product in products.items():
        for part in product.parts:
            if part.drug not in drugs:
                raise ValueError(f"product {key}: unknown drug {part.drug}")
    for section, entries in (("atc", atc), ("names", names)):
        for key, entry in entries.items():
            for drug in entry.drugs:
                if drug not in drugs:
                    raise ValueError(f"{section} {key}: unknown drug {drug}")

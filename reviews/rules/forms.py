"""Form and route from the text of a medicine, in English, French, German, Spanish and Italian."""

import re
from typing import NamedTuple


class Shape(NamedTuple):
    """The form of a medicine and its usual route, where the text says them."""

    form: str | None = None
    route: str | None = None


# In lower case without accents. First match wins: the special forms stand before the plain ones
# that they contain ("Sublingualtabletten", "microgranules en gelule", "solution buccale").
_WORDS = (
    (
        r"transderm\w*|patch(?:es|s)?|\w*pflaster|parches?|cerott[oi]",
        "patch",
        "transdermal",
    ),
    (
        r"buc+al\w*|bukkal\w*|oromu[ck]os\w*|mundhohle|mucosa orale"
        r"|buccolam|epistatus",
        "buccal",
        "buccal",
    ),
    (r"nasal\w*|nasen\w*|intranasal\w*|nayzilam", "nasal", "nasal"),
    (
        r"suppositor(?:y|ies)|suppositoires?|suppositori(?:um|en|os?)|supositorios?|suppost[ae]"
        r"|zapfchen|supp",
        "suppository",
        "rectal",
    ),
    (
        r"rectal\w*|rektal\w*|rettal[ei]|enemas?|microenemas?|rectubes?|rektiolen?|lavements?"
        r"|\w*klist\w*|klysm\w*|\w*clism[ai]|diastat",
        "rectal",
        "rectal",
    ),
    (r"sublingual\w*|sub-lingual\w*|perlingual\w*", "sublingual", "sublingual"),
    (
        r"inject(?:ion|able|eur|or)\w*|inj|amps?|injektion\w*|injizier\w*|ampoules?|ampul\w*|ampoll?as?"
        r"|fial[ae]|iniett\w*|iniezion[ei]|inyect\w*|inyeccion\w*|perfusion[ei]?|perfusor\w*"
        r"|cartridges?|prefilled|\w*spritzen?|seringues?|jeringas?|siring[ah]e?|intravenous"
        r"|intraven\w*|intravein\w*|endoven\w*|intramusc\w*|intramuskul\w*|infusion\w*|infusione"
        r"|vials?|viales|durchstechflaschen?|parenteral\w*",
        "injection",
        "parenteral",
    ),
    (
        r"creams?|ointments?|topical\w*|shampoos?|lotions?|ophthalmic|otic|eye drops?|ear drops?"
        r"|cremes?|\w*salben?|augen\w*|ohren\w*|collyres?|pommades?|cremas?|pomadas?"
        r"|unguent[oi]|unguentos?|colirios?|collirio|champus?|gouttes auriculaires"
        r"|gocce (?:oculari|auricolari)|gotas oticas|emplatres?|plasters?",
        "topical",
        "topical",
    ),
    (
        r"oral films?|orodispersible films?|films? orodispersi\w*"
        r"|schmelzfilm\w*|pelicula bucodispersable",
        "film",
        "oral",
    ),
    (
        r"capsul[aeo]s?|caps?|\w*kapseln?|kps|cps|gelules?",
        "capsule",
        "oral",
    ),
    (
        r"tablets?|tabs?|caplets?|tabletas?|\w*tablett(?:er)?|tablet[ky]a?|\w*tabletten?|\w*tabl|\w*tbl|tavolett[ae]|comprim\w*"
        r"|compress[ae]|compr|cpr|comp(?=\.)|cp|dragees?|drg|pastigli[ae]|lyoc|lyophilisats?"
        r"|lyophilisates?|liofilizado\w*|liofilizzat\w*|confett[oi]|grageas?",
        "tablet",
        "oral",
    ),
    (
        r"oral (?:sol(?:ution|n)?|susp(?:ension)?|liquid|drops?|concentrate)|syrup|elixir|linctus"
        r"|sirops?|\w*sirup|\w*saft|\w*tropfen|zum einnehmen|buvables?|gouttes|jarabe|gotas"
        r"|(?:solucion|suspension) oral|sciropp[oi]|gocce|(?:soluzione|sospensione) orale"
        r"|\w*drank|oral losning|peroralni roztok|roztwor doustny|xarope",
        "liquid",
        "oral",
    ),
    (r"sachets?|granul\w*|beutel|bustin[ae]|sobres?", "granules", "oral"),
)
_PATTERNS = tuple(
    (re.compile(rf"\b(?:{words})\b"), Shape(form, route)) for words, form, route in _WORDS
)
_UNKNOWN = Shape()
COUNTED = {
    "tablet": "tablet",
    "capsule": "capsule",
    "film": "unit",
    "suppository": "suppository",
    "sublingual": "tablet",
    "patch": "patch",
}
"""The unit in which a form is counted, and of which a strength without "per" is the strength."""


def shape_of(text: str) -> Shape:
    """What a text in lower case without accents says of form and route; nothing is guessed."""
    return next((shape for pattern, shape in _PATTERNS if pattern.search(text)), _UNKNOWN)

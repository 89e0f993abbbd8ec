"""The products that invented patients take, as systems in three countries would write them.

British and European records carry the ATC code, American ones the RxNorm product code where it was
read in a published value set, and otherwise the name alone, as happens.
"""

from typing import NamedTuple

from reviews.records import Coding
from reviews.rules.codes import PROFILES

UK, US, EU = PROFILES


class Product(NamedTuple):
    """One strength and form: how much is in a `unit`, and how each country writes it.

    Combinations are prescribed by the unit only: their milligrams would be anybody's guess.
    """

    unit: str
    mg: float
    written: dict[str, tuple[str, tuple[Coding, ...]]]
    combination: bool = False


# key: ingredient, ATC, unit, mg in a unit, and where it is known the RxNorm product.
_TABLE = {
    # Benzodiazepines
    "diazepam-2": ("diazepam", "N05BA01", "tablet", 2, "197590"),
    "diazepam-5": ("diazepam", "N05BA01", "tablet", 5, "197591"),
    "lorazepam-0.5": ("lorazepam", "N05BA06", "tablet", 0.5, "197900"),
    "lorazepam-1": ("lorazepam", "N05BA06", "tablet", 1, "197901"),
    "alprazolam-0.25": ("alprazolam", "N05BA12", "tablet", 0.25, "308047"),
    "alprazolam-0.5": ("alprazolam", "N05BA12", "tablet", 0.5, "308048"),
    "clonazepam-0.5": ("clonazepam", "N03AE01", "tablet", 0.5, "197527"),
    "clobazam-10": ("clobazam", "N05BA09", "tablet", 10, "199450"),
    "oxazepam-10": ("oxazepam", "N05BA04", "tablet", 10, "312133"),
    "temazepam-10": ("temazepam", "N05CD07", "tablet", 10, "199975"),
    "temazepam-15": ("temazepam", "N05CD07", "capsule", 15, "198241"),
    "nitrazepam-5": ("nitrazepam", "N05CD02", "tablet", 5, None),
    # Z-drugs
    "zopiclone-3.75": ("zopiclone", "N05CF01", "tablet", 3.75, None),
    "zopiclone-7.5": ("zopiclone", "N05CF01", "tablet", 7.5, None),
    "zolpidem-5": ("zolpidem", "N05CF02", "tablet", 5, None),
    "zolpidem-10": ("zolpidem", "N05CF02", "tablet", 10, None),
    # Medicines that matter beside them
    "morphine-10": ("morphine", "N02AA01", "tablet", 10, None),
    "tramadol-50": ("tramadol", "N02AX02", "capsule", 50, None),
    "oxycodone-5": ("oxycodone", "N02AA05", "tablet", 5, "1049621"),
    "methadone-10": ("methadone", "N07BC02", "tablet", 10, None),
    "gabapentin-300": ("gabapentin", "N02BF01", "capsule", 300, None),
    "pregabalin-75": ("pregabalin", "N02BF02", "capsule", 75, None),
    "phenobarbital-60": ("phenobarbital", "N03AA02", "tablet", 60, "198089"),
    "melatonin-2": ("melatonin", "N05CH01", "tablet", 2, None),
    "doxylamine-25": ("doxylamine", "R06AA09", "tablet", 25, None),
    "clarithromycin-500": ("clarithromycin", "J01FA09", "tablet", 500, None),
    "itraconazole-100": ("itraconazole", "J02AC02", "capsule", 100, None),
    # Medicines nobody flags
    "amlodipine-5": ("amlodipine", "C08CA01", "tablet", 5, "197361"),
    "ramipril-5": ("ramipril", "C09AA05", "capsule", 5, None),
    "lisinopril-10": ("lisinopril", "C09AA03", "tablet", 10, None),
    "losartan-50": ("losartan", "C09CA01", "tablet", 50, None),
    "bisoprolol-2.5": ("bisoprolol", "C07AB07", "tablet", 2.5, None),
    "furosemide-40": ("furosemide", "C03CA01", "tablet", 40, None),
    "hydrochlorothiazide-25": ("hydrochlorothiazide", "C03AA03", "tablet", 25, None),
    "atorvastatin-20": ("atorvastatin", "C10AA05", "tablet", 20, None),
    "simvastatin-20": ("simvastatin", "C10AA01", "tablet", 20, "312961"),
    "aspirin-75": ("aspirin", "B01AC06", "tablet", 75, None),
    "clopidogrel-75": ("clopidogrel", "B01AC04", "tablet", 75, "309362"),
    "metformin-500": ("metformin", "A10BA02", "tablet", 500, None),
    "levothyroxine-50": ("levothyroxine", "H03AA01", "tablet", 0.05, None),
    "lansoprazole-30": ("lansoprazole", "A02BC03", "capsule", 30, None),
    "paracetamol-500": ("paracetamol", "N02BE01", "tablet", 500, None),
    "naproxen-250": ("naproxen", "M01AE02", "tablet", 250, None),
    "amoxicillin-500": ("amoxicillin", "J01CA04", "capsule", 500, None),
    "sertraline-50": ("sertraline", "N06AB06", "tablet", 50, None),
    "folic-acid-5": ("folic acid", "B03BB01", "tablet", 5, None),
    "ferrous-sulfate-200": ("ferrous sulfate", "B03AA07", "tablet", 200, None),
}
_AMERICAN_NAMES = {"paracetamol": "acetaminophen"}

# Written in ways of their own: combinations, sprays, brands, and what no list knows.
_SPECIAL = {
    "buprenorphine-8": Product(
        "tablet",
        8,
        {
            UK: ("Buprenorphine 8mg sublingual tablets", (Coding("atc", "N07BC01"),)),
            EU: ("Buprenorphine 8 mg sublingual tablets", (Coding("atc", "N07BC01"),)),
            US: (
                "buprenorphine 8 MG / naloxone 2 MG Sublingual Tablet",
                (Coding("rxnorm", "351267"),),
            ),
        },
        combination=True,
    ),
    "co-codamol": Product(
        "tablet",
        30,
        {
            UK: ("Co-codamol 30mg/500mg tablets", (Coding("atc", "N02AJ06"),)),
            EU: ("Codeine 30 mg / paracetamol 500 mg tablets", (Coding("atc", "N02AJ06"),)),
            US: (
                "acetaminophen 300 MG / codeine phosphate 30 MG Oral Tablet",
                (Coding("rxnorm", "993781"),),
            ),
        },
        combination=True,
    ),
    "hydrocodone-5": Product(
        "tablet",
        5,
        {
            US: (
                "acetaminophen 325 MG / hydrocodone bitartrate 5 MG Oral Tablet",
                (Coding("rxnorm", "857002"),),
            ),
        },
        combination=True,
    ),
    "carisoprodol-350": Product("tablet", 350, {US: ("carisoprodol 350 MG Oral Tablet", ())}),
    "midazolam-buccal": Product(
        "ml",
        5,
        {
            UK: (
                "Midazolam 5mg/ml oromucosal solution pre-filled syringes",
                (Coding("atc", "N05CD08"),),
            ),
            EU: ("Midazolam 5 mg/ml oromucosal solution", (Coding("atc", "N05CD08"),)),
        },
    ),
    "valium-5": Product(
        "tablet",
        5,
        {
            UK: ("Valium 5mg tablets", ()),
            EU: ("Valium 5 mg tablets", ()),
            US: ("Valium 5 MG Oral Tablet", ()),
        },
    ),
    "unheard-of": Product(
        "tablet",
        10,
        {
            UK: ("Relaxonel 10mg tablets (special order)", ()),
            EU: ("Relaxonel 10 mg tablets", ()),
            US: ("Relaxonel 10 MG Oral Tablet", ()),
        },
    ),
}


def _plain(name: str, atc: str, unit: str, mg: float, rxcui: str | None) -> Product:
    amount = f"{mg * 1000:g}microgram" if mg < 0.1 else f"{mg:g}mg"
    spaced = f"{mg * 1000:g} microgram" if mg < 0.1 else f"{mg:g} mg"
    by_atc = (Coding("atc", atc),)
    title = name.capitalize()
    american = _AMERICAN_NAMES.get(name, name)
    return Product(
        unit,
        mg,
        {
            UK: (f"{title} {amount} {unit}s", by_atc),
            EU: (f"{title} {spaced} {unit}s", by_atc),
            US: (
                f"{american} {mg:g} MG Oral {unit.capitalize()}",
                (Coding("rxnorm", rxcui),) if rxcui else (),
            ),
        },
    )


PRODUCTS = {key: _plain(*row) for key, row in _TABLE.items()} | _SPECIAL

"""One spelling for a drug's name in English, French, German, Spanish, Italian and Dutch.

"Morphine", "Morphin", "morfina" and "morfine"; "chlordiazepoxide" and "clordiazepossido".
"""

import re
from functools import lru_cache

SHORTEST = 6
"""A name of fewer letters than this, without its ending, is only known as it is written."""
# In this order; what is left of an h says nothing in two of the five languages.
_LETTERS = (
    ("ph", "f"),
    ("th", "t"),
    ("ch", "c"),
    ("h", ""),
    ("y", "i"),
    ("x", "s"),
    ("k", "c"),
    ("z", "s"),
)
# Spanish writes "loracepam" and "levomepromacina", and "midazolan" beside "midazolam".
_SOFT = re.compile(r"c(?=[eiy])")
_NASAL = re.compile(r"(epa|ola)n$")
_TWICE = re.compile(r"([a-z])\1+")
_ENDING = re.compile(r"(?:um|us|e|a|o|i)$")
# The salts that German and Dutch write in one word with the drug. French and English do not.
_SALT = re.compile(
    r"(?:(?:di)?hydrochloride?|hydrobromide?|hydrogentartrat|(?:hemi)?tarta?raa?t|sulfaa?t"
    r"|(?:ph|f)osfaa?t|phosphat|citraa?t|hydrogenmaleat|maleaa?t|mesilaa?t|succinaa?t|acetaa?t"
    r"|fumaraa?t|embonat|decanoaa?t)$"
)
# Stems of international names for benzodiazepines ("clobazam" and "tofisopam" too) and for
# medicines like zopiclone, zolpidem and zaleplon, with their endings in the five languages; Spanish
# also writes "loracepam" and "alprazolan".
_SEDATIVE = re.compile(
    r"[a-z]{2,}(?:[aeio]pa[mn]|[czs]ola[mn]|bazam|pidem)(?:um|o|e)?|[a-z]{3,}(?:clo|plo)n[ea]?"
    r"|[a-z]{3,}zafone?"
)
# Words that name no medicine but a class of medicines that sedate, in the five languages.
_CLASS = re.compile(
    r"ben[zc]odia[zc]epin\w*|(?:h[iy]p|ip)noti[ckq]\w*|sedat[iv]\w*|sedante|tran[qc]u?il+i[sz]\w*"
    r"|an[xs]iol[iy]ti[ckq]\w*|op+ioid\w*|opiat\w*|opiace\w*|[a-z]*nitazene?|ghb|gbl"
)


@lru_cache(maxsize=100_000)
def folded(word: str) -> str:
    """The common spelling of a word of lower case without accents; "" for one too short."""
    word = _NASAL.sub(r"\1m", _SOFT.sub("s", word))
    for written, one in _LETTERS:
        word = word.replace(written, one)
    word = _ENDING.sub("", _TWICE.sub(r"\1", word))
    return word if len(word) >= SHORTEST else ""


def without_salt(word: str) -> str:
    """The drug in a German word for one of its salts ("morphinsulfat"); "" for another word."""
    drug = _SALT.sub("", word)
    return drug if drug != word else ""


def names_a_class(word: str) -> bool:
    """Whether a word says that something sedates, and not what: "benzodiazepine", "opioid"."""
    return bool(_CLASS.fullmatch(word))


def ends_like_a_sedative(words: list[str]) -> str:
    """The first word that ends like the name of a benzodiazepine or Z-drug; "" without one."""
    return next((word for word in words if _SEDATIVE.fullmatch(word)), "")

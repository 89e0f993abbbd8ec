"""Whether two descriptions can be of one person: names as they are heard, days as they are typed.

`folded` is how names are compared and found: PostgreSQL's `reviews_folded` gives the same, which a
test holds for every Latin letter.
"""

import re
import unicodedata
from datetime import date
from itertools import pairwise, product
from typing import NamedTuple

# Letters that Unicode does not take apart into a plain one and a mark.
FOLDS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "ł": "l",
    "ŋ": "n",
    "ŧ": "t",
    "ƒ": "f",
    "ə": "e",
    "ς": "σ",
}
_LETTERS = str.maketrans(FOLDS)
SIGNS = (
    r"\x01-/:-@\[-`{-\xbf×÷ʰ-\u036f\u0483-\u0489\u0591-\u05c7\u05f3\u05f4\u064b-\u065f"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u2000-\u206f\u20d0-\u20ff\u3000-\u303f\ufe00-\ufe2f\ufeff"
)
"""What is no letter or digit of a name, taken apart: spaces, marks, hyphens, all apostrophes."""
_SIGNS = re.compile(f"[{SIGNS}]+")
# In place of a given name that nobody has been told yet.
_NO_NAME = re.compile(
    r"(baby|infant|twin|boy|girl|male|female|of|one|two|i|ii|a|b|unknown|unnamed|test|nn|nfn|nln)+"
)
_SAID_SEX = ("male", "female")
# What people of these given names are called, where it has no three letters in a row of the name.
# One that is missing here costs somebody a question, once.
CALLED = {
    name: frozenset(called.split())
    for name, called in {
        "aleksander": "sasza sascha sasha",
        "aleksandr": "sasha sacha shura",
        "aleksandra": "ola sasha",
        "aleksei": "alyosha lyosha",
        "alexander": "sasha sascha sacha alick",
        "alexandra": "sasha sascha sacha ola",
        "andre": "dede",
        "ann": "nancy nina",
        "anna": "nancy nan",
        "anne": "nancy nan",
        "barbara": "babs basia bobbie",
        "catherine": "kate katie kitty kit kay",
        "charles": "chuck",
        "dmitri": "dima",
        "dolores": "lola",
        "edward": "ted teddy ned eddie",
        "eleanor": "nell nellie",
        "elizabeth": "bess bessie libby elsie lisa",
        "francisco": "paco kiko",
        "georg": "jurgen juergen joerg",
        "gerald": "jerry",
        "gerard": "jerry",
        "helen": "nell nellie",
        "henry": "hank harry hal",
        "isabel": "izzy",
        "isabella": "izzy",
        "james": "jim jimmy",
        "joanna": "asia",
        "johann": "jan",
        "johannes": "jan",
        "john": "jack jan ian ivan juan sean giovanni hans",
        "jose": "pepe pepito chema",
        "josef": "sepp beppo",
        "joseph": "joe joey yusuf",
        "katherine": "kitty kit kay",
        "lawrence": "larry",
        "malgorzata": "gosia",
        "margaret": "daisy maggie meg maisie peggy peg madge",
        "mary": "molly polly minnie",
        "michael": "mike mikey misha",
        "nicholas": "klaus claus niko",
        "patrick": "paddy padraig",
        "richard": "dick dickie",
        "robert": "bob bobby rab",
        "sarah": "sally sadie",
        "theodore": "ted teddy",
        "theresa": "tess tessa terry",
        "thomas": "tam tommy",
        "vladimir": "volodya vova",
    }.items()
}


class Particulars(NamedTuple):
    """What two descriptions of a person are compared by; empty or None is not known."""

    family_name: str = ""
    given_name: str = ""
    birth_date: date | None = None
    sex: str = "unknown"


def folded(name: str) -> str:
    """A name as it is compared: plain small letters and digits, without marks, signs and spaces."""
    apart = name if name.isascii() else unicodedata.normalize("NFKD", name)
    return _SIGNS.sub("", apart).lower().translate(_LETTERS)


def contradiction(held: Particulars, said: Particulars) -> tuple[str, ...]:
    """The particulars by which these are two people: "name" and "birth_date", "sex" or both.

    Empty where they can be one person. A slip of typing, a married name, a nickname or a corrected
    birth date alone is none: the name has to be another one, and something else with it. Where one
    part of the name agrees (a father and his son under one number), it has to be the birth date.
    But another given name beside the family name is enough, which is all that tells twins apart.
    """
    name = _names(held, said)
    day = not _alike(held.birth_date, said.birth_date)
    sex = held.sex in _SAID_SEX and said.sex in _SAID_SEX and held.sex != said.sex
    differs = day or (sex and name == OTHER) or (name == HALF and _may_be_twins(held, said))
    if name == SAME or not differs:
        return ()
    return ("name", *(["birth_date"] if day else []), *(["sex"] if sex else []))


def named_alike(held: Particulars, said: Particulars) -> bool:
    """Whether the names are of one person by themselves: both parts agree, or all that is said."""
    return _names(held, said) == SAME


SAME, HALF, OTHER = "same", "half", "other"


def _names(held: Particulars, said: Particulars) -> str:
    """How the names agree: in both parts or in all that is said, in one part only, or in none."""
    ours, theirs = _parts(held), _parts(said)
    if not all(ours) and not all(theirs):
        # A single name each, or none.
        a, b = "".join(ours), "".join(theirs)
        return SAME if not a or not b or _slip(a, b) else OTHER
    if not all(ours) or not all(theirs):
        one, two = ("".join(ours), theirs) if not all(ours) else ("".join(theirs), ours)
        known = not one or any(_slip(one, part) or _within(one, part) for part in two)
        return SAME if known or _slip(one, "".join(two)) else OTHER
    straight = [_part(a, b) for a, b in zip(ours, theirs, strict=True)]
    crossed = [_part(ours[0], theirs[1]), _part(ours[1], theirs[0])]
    if all(straight) or all(crossed):
        return SAME
    return HALF if any(straight) or any(crossed) else OTHER


def _may_be_twins(held: Particulars, said: Particulars) -> bool:
    """Whether the family name agrees and the given names have nothing in common."""
    (family, given), (other_family, other_given) = _parts(held), _parts(said)
    return (
        bool(given and other_given)
        and _part(family, other_family)
        and not have_letters_in_common(given, other_given)
        and not _called_so(held.given_name, said.given_name)
    )


def have_letters_in_common(a: str, b: str) -> bool:
    """Whether two folded names are nearly one, or hold the same three letters in a row."""
    return _part(a, b) or any(a[n : n + 3] in b for n in range(len(a) - 2))


def _called_so(one: str, other: str) -> bool:
    """Whether one of the given names is a nickname of one of the others: Peggy and Margaret."""
    names, others = (
        [folded(name) for name in re.split(r"[\s-]+", given)] for given in (one, other)
    )
    return any(a in CALLED.get(b, ()) or b in CALLED.get(a, ()) for a, b in product(names, others))


def _parts(person: Particulars) -> tuple[str, str]:
    family, given = folded(person.family_name), folded(person.given_name)
    return "" if _NO_NAME.fullmatch(family) else family, "" if _NO_NAME.fullmatch(given) else given


def _part(a: str, b: str) -> bool:
    return _slip(a, b) or _within(a, b)


def _within(a: str, b: str) -> bool:
    """A short form, an initial, one of several given names or one half of a double name."""
    shorter, longer = sorted((a, b), key=len)
    if len(shorter) < 3:
        return longer.startswith(shorter)
    return shorter in longer


def _slip(a: str, b: str) -> bool:
    """The same but for one sign in five, at least one: wrong, missing, too many or swapped."""
    if a == b:
        return True
    allowed = max(1, min(len(a), len(b)) // 5) if min(len(a), len(b)) > 2 else 0
    return abs(len(a) - len(b)) <= allowed and _distance(a, b) <= allowed


def _distance(a: str, b: str) -> int:
    """Signs that are wrong, missing, too many or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        earlier, before, row = before, row, [i]
        for j, y in enumerate(b, start=1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                least = min(least, earlier[j - 2] + 1)
            row.append(least)
    return row[-1]


def _alike(a: date | None, b: date | None) -> bool:
    """The same day, day and month exchanged, one digit wrong, or two neighbours swapped."""
    if a is None or b is None or a == b:
        return True
    if (a.year, a.month, a.day) == (b.year, b.day, b.month):
        return True
    ours, theirs = f"{a:%Y%m%d}", f"{b:%Y%m%d}"
    wrong = [place for place in range(8) if ours[place] != theirs[place]]
    if len(wrong) == 1:
        return True
    return any(
        wrong == [first, second] and ours[first] == theirs[second] and ours[second] == theirs[first]
        for first, second in pairwise(range(8))
    )

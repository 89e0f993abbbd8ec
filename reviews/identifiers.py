"""Whose number is it: systems of identifiers, each with the form in which its numbers are compared.

Systems print one number in many ways: with spaces or hyphens, with a character that nobody sees,
under an old address of the system or its object identifier. Two of them are one number exactly
when `written` gives the same for both. Numbers of a system that is not in the table lose only what
cannot be seen.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
# Printed between the groups of a number, and no part of it.
_BETWEEN = re.compile(r"[\s.·_/\-\u2010-\u2015\u2212]+")


def _modulus_11(digits: str) -> bool:
    """Ten digits of the United Kingdom: the last one checks the nine before it."""
    total = sum(
        int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)
    )
    return (11 - total % 11) % 11 == int(digits[-1])


def _nhs(digits: str) -> bool:
    # 000 000 0000 passes the arithmetic and is what systems send for nobody.
    return _modulus_11(digits) and len(set(digits)) > 1


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _kvnr(number: str) -> bool:
    """A letter counts as its two-digit place in the alphabet; every second digit is doubled."""
    digits = f"{ord(number[0]) - 64:02d}{number[1:-1]}"
    products = [int(digit) * (1 + place % 2) for place, digit in enumerate(digits)]
    return sum(n - 9 if n > 9 else n for n in products) % 10 == int(number[-1])


def _bsn(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(9, 1, -1), strict=False))
    return len(set(digits)) > 1 and (total - int(digits[-1])) % 11 == 0


def _ssin(digits: str) -> bool:
    """Who was born from 2000 on has a 2 before the number when it is checked."""
    number, check = int(digits[:9]), int(digits[9:])
    return check in (97 - number % 97, 97 - (2_000_000_000 + number) % 97)


_NHI_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def _nhi(number: str) -> bool:
    """The old format is checked by a digit (modulus 11), the new one by a letter (modulus 23)."""
    values = [_NHI_LETTERS.index(sign) + 1 if sign.isalpha() else int(sign) for sign in number[:-1]]
    total = sum(value * weight for value, weight in zip(values, range(7, 1, -1), strict=True))
    if number[-1].isalpha():
        return _NHI_LETTERS[23 - total % 23 - 1] == number[-1]
    return total % 11 != 0 and (11 - total % 11) % 10 == int(number[-1])


class System(NamedTuple):
    """A system whose form is known: what people call its number, its shape, and its check."""

    label: str
    shape: re.Pattern[str]
    checks: Callable[[str], bool] = lambda _: True


_TEN = re.compile(r"[0-9]{10}")
SYSTEMS = {
    NHS_NUMBER: System("NHS number", _TEN, _nhs),
    "urn:oid:2.16.840.1.113883.2.1.3.2.4.16.53": System("CHI number", _TEN, _nhs),
    "https://fhir.nhs.uk/Id/hsc-number": System("Health and Care number", _TEN, _nhs),
    "http://ns.electronichealth.net.au/id/hi/ihi/1.0": System(
        "IHI", re.compile(r"800360[0-9]{10}"), _luhn
    ),
    "https://standards.digital.health.nz/ns/nhi-id": System(
        "NHI number",
        re.compile(r"[A-HJ-NP-Z]{3}([0-9]{4}|[0-9]{2}[A-HJ-NP-Z]{2})"),
        _nhi,
    ),
    "http://fhir.de/sid/gkv/kvid-10": System("KVNR", re.compile(r"[A-Z][0-9]{9}"), _kvnr),
    "http://fhir.nl/fhir/NamingSystem/bsn": System("BSN", re.compile(r"[0-9]{9}"), _bsn),
    "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin": System(
        "INSZ/NISS", re.compile(r"[0-9]{11}"), _ssin
    ),
    "http://hl7.org/fhir/sid/us-ssn": System(
        "Social security number", re.compile(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
    ),
    "http://hl7.org/fhir/sid/us-mbi": System("Medicare number", re.compile(r"[1-9][A-Z0-9]{10}")),
}
"""Systems by their address, as its owner writes it now."""

_SAME = {
    **{address.casefold(): address for address in SYSTEMS},
    "http://fhir.nhs.uk/id/nhs-number": NHS_NUMBER,
    "http://fhir.nhs.net/id/nhs-number": NHS_NUMBER,
    "https://fhir.nhs.net/id/nhs-number": NHS_NUMBER,
    "urn:oid:2.16.840.1.113883.2.1.4.1": NHS_NUMBER,
    "2.16.840.1.113883.2.1.4.1": NHS_NUMBER,
    "urn:oid:2.16.840.1.113883.4.1": "http://hl7.org/fhir/sid/us-ssn",
    "http://fhir.de/namingsystem/gkv/kvid-10": "http://fhir.de/sid/gkv/kvid-10",
    "urn:oid:2.16.840.1.113883.2.4.6.3": "http://fhir.nl/fhir/NamingSystem/bsn",
}
# Short names are also what a system calls numbers of its own, so they mean a national number only
# where the number is one.
_SHORT = {"nhs": NHS_NUMBER, "nhs-number": NHS_NUMBER, "nhs number": NHS_NUMBER}


def written(system: str, value: str) -> tuple[str, str]:
    """`(system, value)` in the form in which they are kept and compared.

    A number that its system cannot have given is kept as it was read: `fits` says so of it.
    """
    known, is_short = _known(system)
    if known:
        bare = _bare(value)
        if _fits(SYSTEMS[known], bare):
            return known, bare
        if not is_short:
            return known, visible(value)
    return visible(system), visible(value)


@lru_cache(maxsize=1_000)
def _known(system: str) -> tuple[str, bool]:
    """`(address, whether it was called by a short name)` of a system in the table, else empty."""
    said = system.strip().casefold()
    return _SAME.get(said.rstrip("/"), "") or _SHORT.get(said, ""), said in _SHORT


def fits(system: str, value: str) -> bool:
    """Whether a `written` number can be one of its system: its shape, and its check digit."""
    known = SYSTEMS.get(system)
    return known is None or _fits(known, value)


def label(system: str) -> str:
    """What people call a system's number: from the table, else the last part of its address."""
    if known := SYSTEMS.get(_known(system)[0]):
        return known.label
    return system.rstrip("/").rpartition("/")[2].rpartition(":")[2].replace("-", " ") or system


def read_aloud(system: str, value: str) -> str:
    """A number of ten digits in the groups in which it is read aloud; any other as it is."""
    known = SYSTEMS.get(_known(system)[0])
    if known and known.shape is _TEN and _TEN.fullmatch(value):
        return f"{value[:3]} {value[3:6]} {value[6:]}"
    return value


def masked(value: str) -> str:
    """A number for whom it is enough to tell two apart: its last four signs, or fewer of a short.

    Spaces and hyphens stay where they were.
    """
    shown = 4 if len(value) >= 8 else len(value) // 4
    hidden = len(value) - shown
    return re.sub(r"[^\s-]", "•", value[:hidden]) + value[hidden:]


def visible(text: str) -> str:
    """A text without what cannot be seen: control and format signs, and spaces around or doubled.

    What is only another encoding of the same sign becomes one sign.
    """
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    seen = unicodedata.normalize("NFKC", text)
    return " ".join(
        "".join(
            " " if sign.isspace() else sign
            for sign in seen
            if sign.isspace() or unicodedata.category(sign) not in ("Cf", "Cc", "Cn")
        ).split()
    )


def _bare(value: str) -> str:
    return _BETWEEN.sub("", visible(value)).upper()


def _fits(system: System, bare: str) -> bool:
    return system.shape.fullmatch(bare) is not None and system.checks(bare)

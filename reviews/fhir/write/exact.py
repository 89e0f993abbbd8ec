"""JSON as FHIR allows it, read strictly; each number keeps its digits (1.50, not 1.5)."""

import codecs
import json
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

MOST_DEPTH = 40
MOST_DIGITS = 30
"""Of a number, and of the power of ten in it."""
LONGEST_NAME = 64
"""Of an element, as far as FHIR has one: a longer name gets a second look."""
SHORT = 10_000
"""Characters of a text that needs no second look."""
MOST_CHARACTERS = 1_000_000
"""Of one text, an attachment for instance."""

_encoder = msgspec.json.Encoder(decimal_format="number")


class NotRead(Exception):
    """Why a body, or a part of it, cannot be read.

    `code` is an issue type of OperationOutcome, `expression` where it stands, "" for the whole.
    """

    def __init__(self, reason: str, expression: str = "", code: str = "structure") -> None:
        super().__init__(reason)
        self.reason, self.expression, self.code = reason, expression, code


def decode(body: bytes, *, nulls: bool = False) -> Any:
    """The content of a body of UTF-8. Numbers with a point or a power of ten are `Decimal`.

    With `nulls` null may be a value, as it is in a merge patch.
    Raises `NotRead` for what FHIR's JSON does not allow (a name twice, null as a value, an empty
    text, list or object, NaN, signs that are none) and for what is larger than the limits.
    """
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise NotRead(f"The body is not UTF-8: byte {error.start} is none.") from error
    try:
        content = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NotRead(f"The body is not JSON: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise NotRead(f"The body is nested more than {MOST_DEPTH} deep.") from error
    if not _is_plain(content):
        _look_through(content, nulls=nulls)
    return content


def encode(content: Any) -> bytes:
    """The JSON of content, its numbers with the digits that they have."""
    return _encoder.encode(content)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotRead(f"“{twice[:80]}” stands in one object twice.")
    return content


def _decimal(digits: str) -> Decimal:
    number = Decimal(digits)
    if len(digits) > MOST_DIGITS or abs(number.adjusted()) > MOST_DIGITS:
        raise NotRead(f"The number {digits[:40]} has more than {MOST_DIGITS} digits.", code="value")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise NotRead(f"The number {digits[:40]} has more than {MOST_DIGITS} digits.", code="value")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    raise NotRead(f"{name} is no number in JSON.", code="value")


def _is_plain(content: Any, depth: int = 0) -> bool:
    """Whether there is certainly nothing to refuse, as in nearly all that is sent.

    It is quick because it does not say what there is, and where: `_look_through` does.
    """
    if isinstance(content, str):
        return len(content) <= SHORT and content.isprintable() and bool(content.strip())
    if isinstance(content, dict):
        if not content or depth >= MOST_DEPTH:
            return False
        return all(
            len(name) <= LONGEST_NAME and _is_plain_name(name) and _is_plain(value, depth + 1)
            for name, value in content.items()
        )
    if isinstance(content, list):
        return (
            bool(content)
            and depth < MOST_DEPTH
            and all(each is None or _is_plain(each, depth + 1) for each in content)
        )
    return content is not None


@lru_cache(maxsize=10_000)
def _is_plain_name(name: str) -> bool:
    """`_is_plain` for the name of an element: there are few of these, and each comes often."""
    return name.isprintable() and bool(name.strip())


def _look_through(content: Any, *, nulls: bool) -> None:
    """Refuse what JSON allows and FHIR does not, and what cannot be kept."""
    kind = content.get("resourceType") if isinstance(content, dict) else None
    waiting: list[tuple[Any, str, int]] = [(content, kind if isinstance(kind, str) else "", 0)]
    while waiting:
        part, path, depth = waiting.pop()
        if isinstance(part, str):
            _look_at_text(part, path)
        elif isinstance(part, (dict, list)):
            if depth >= MOST_DEPTH:
                raise NotRead(f"The body is nested more than {MOST_DEPTH} deep.", path)
            if not part:
                raise NotRead("An object or a list that holds nothing is to be left out.", path)
            if isinstance(part, dict):
                for name, value in part.items():
                    _look_at_text(name, path)
                    inner = f"{path}.{name}" if path else name
                    if value is None:
                        if nulls:
                            continue
                        raise NotRead("null is no value in FHIR; leave the name out.", inner)
                    waiting.append((value, inner, depth + 1))
            else:
                # null keeps a place in a list whose other places have extensions.
                waiting += [
                    (value, f"{path}[{at}]", depth + 1)
                    for at, value in enumerate(part)
                    if value is not None
                ]


def _look_at_text(text: str, path: str) -> None:
    if not text.strip():
        raise NotRead("A text without a letter is to be left out.", path, "value")
    if len(text) > MOST_CHARACTERS:
        raise NotRead(f"A text has more than {MOST_CHARACTERS:,} characters.", path, "too-long")
    if "\0" in text:
        raise NotRead("A text holds the sign NUL, which cannot be kept.", path, "value")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotRead("A text holds half of a sign (a lone surrogate).", path, "value") from error

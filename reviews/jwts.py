"""Signed statements of systems (JSON Web Tokens) and the public keys that prove them. No database.

Two algorithms are taken, RS384 and ES384: never `none`, and never one whose key both sides hold.
"""

import base64
import binascii
import math
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS: Mapping[str, str] = {"RS384": "RSA", "ES384": "EC"}
"""`{algorithm: kty of its key}`."""
CURVE = "P-384"
LEAST_BITS, MOST_BITS = 2048, 8192
MOST_KEYS = 20
LONGEST_KID = 200
LONGEST_JTI = 200
LONGEST_TOKEN = 8_000
# A clock that is ahead of ours by so much is no forgery.
AHEAD = timedelta(seconds=10)
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JSON Web Key that no public key has."""
_KEPT = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
_REGISTRY = JWSRegistry(algorithms=[*ALGORITHMS], strict_check_header=False)

Key = dict[str, Any]
"""A public key as a JSON Web Key: its `kid`, and the members that make it one."""


class BadKey(ValueError):
    """A key, or a set of them, that cannot be used; the message says why."""


class NotProven(ValueError):
    """A statement that proves nothing; the message says why, to whoever runs the portal."""


class Said(NamedTuple):
    """What a statement says before anybody has looked whether it is true."""

    header: dict[str, Any]
    claims: dict[str, Any]


def key(said: object) -> Key:
    """One public key. Raises `BadKey`, above all for one that is private."""
    if not isinstance(said, dict):
        raise BadKey("is no JSON object")
    if PRIVATE & said.keys():
        raise BadKey("holds the private half: send the public half, and stop using this key")
    kid = said.get("kid")
    if not isinstance(kid, str) or not kid or len(kid) > LONGEST_KID or not kid.isprintable():
        raise BadKey(f"has no kid of at most {LONGEST_KID} signs")
    kept = _KEPT.get(said["kty"]) if isinstance(said.get("kty"), str) else None
    if kept is None:
        raise BadKey("is neither of kty RSA nor EC")
    if said.get("use", "sig") != "sig":
        raise BadKey("is not for signatures")
    if said.get("alg") not in (
        None,
        *(alg for alg, kty in ALGORITHMS.items() if kty == said["kty"]),
    ):
        raise BadKey(f"is for another algorithm than {' or '.join(ALGORITHMS)}")
    made = {"kid": kid, **{name: said.get(name) for name in kept}}
    _import(made)
    return made


def key_set(said: object, *, strict: bool) -> list[Key]:
    """The keys of a JSON Web Key Set. Raises `BadKey`.

    Where a set is only fetched (`strict` False), keys that are for other things are left out, as
    RFC 7517 says; a private key is refused always. Where somebody enters one, a key alone will do.
    """
    rows = said.get("keys") if isinstance(said, dict) else None
    if rows is None and strict and isinstance(said, dict) and "kty" in said:
        rows = [said]
    if not isinstance(rows, list) or (strict and not rows):
        raise BadKey("is no key set: it has no list of keys")
    if len(rows) > MOST_KEYS:
        raise BadKey(f"holds more than {MOST_KEYS} keys")
    found = []
    for place, row in enumerate(rows):
        try:
            found.append(key(row))
        except BadKey as error:
            if strict or (isinstance(row, dict) and PRIVATE & row.keys()):
                raise BadKey(f"key {place + 1} {error}") from error
    if strict and len({one["kid"] for one in found}) < len(found):
        raise BadKey("holds two keys of one kid")
    return found


def entered(text: str) -> list[Key]:
    """The keys of a text that somebody entered. Raises `BadKey`."""
    try:
        return key_set(msgspec.json.decode(text.encode()), strict=True)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadKey("is no JSON") from error


def said(token: str) -> Said:
    """What a statement says, not yet believed. Raises `NotProven`."""
    parts = token.split(".") if len(token) <= LONGEST_TOKEN and token.isascii() else []
    if len(parts) != 3:
        raise NotProven("it is no signed JSON Web Token")
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    if not isinstance(header.get("alg"), str) or header["alg"] not in ALGORITHMS:
        raise NotProven(f"its algorithm is neither of {' and '.join(ALGORITHMS)}")
    if header.get("typ", "JWT") not in ("JWT", "jwt"):
        raise NotProven("its typ is not JWT")
    if not isinstance(header.get("kid"), str):
        raise NotProven("its header has no kid")
    if "crit" in header:
        raise NotProven("its header has extensions that must be understood")
    return Said(header, claims)


def of_kid(keys: Iterable[Key], header: Mapping[str, Any]) -> list[Key]:
    """The keys of the name and kind that a header names. Exactly one is right."""
    kty = ALGORITHMS[header["alg"]]
    return [one for one in keys if one["kid"] == header["kid"] and one["kty"] == kty]


def check(
    token: str, by: Key, *, audience: str, now: datetime, longest: timedelta
) -> dict[str, Any]:
    """The claims of a statement that this key has signed for this audience. Raises `NotProven`.

    `audience` is the exact address it is for. It holds now, and for at most `longest` more.
    """
    try:
        claims = jwt.decode(token, _import(by), registry=_REGISTRY).claims
    except (JoseError, BadKey, ValueError) as error:
        raise NotProven("its signature is not that of the key") from error
    meant = claims.get("aud")
    if audience not in (meant if isinstance(meant, list) else [meant]):
        raise NotProven("it is not for this address (aud)")
    ends = _second(claims, "exp")
    second = now.timestamp()
    if ends is None:
        raise NotProven("it does not say until when it holds (exp)")
    if ends <= second:
        raise NotProven("it is over (exp)")
    if ends > second + (longest + AHEAD).total_seconds():
        raise NotProven(f"it holds for more than {longest.total_seconds():.0f} seconds (exp)")
    for name in ("iat", "nbf"):
        begins = _second(claims, name)
        if begins is not None and begins > second + AHEAD.total_seconds():
            raise NotProven(f"it is of a time to come ({name})")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti or len(jti) > LONGEST_JTI:
        raise NotProven("it has no number of its own (jti)")
    return claims


def _second(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotProven(f"{name} is no number of seconds")
    if not 0 <= value < 2**40:
        raise NotProven(f"{name} is no number of seconds since 1970")
    return float(value)


def _decoded(part: str) -> dict[str, Any]:
    try:
        made = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotProven("it is no signed JSON Web Token") from error
    if not isinstance(made, dict):
        raise NotProven("it is no signed JSON Web Token")
    return made


def _import(said: Key) -> RSAKey | ECKey:
    """The key itself. Raises `BadKey`."""
    try:
        with warnings.catch_warnings():
            # Its size is looked at below.
            warnings.simplefilter("ignore", SecurityWarning)
            made = (RSAKey if said["kty"] == "RSA" else ECKey).import_key(said)
            if isinstance(made, ECKey):
                if made.curve_name != CURVE:
                    raise BadKey(f"is not on the curve {CURVE}")
            elif not LEAST_BITS <= made.raw_value.key_size <= MOST_BITS:
                raise BadKey(f"does not have {LEAST_BITS} to {MOST_BITS} bits")
    except BadKey:
        raise
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise BadKey("is no key: its numbers cannot be read") from error
    return made

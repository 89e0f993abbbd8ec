"""Systems that sign what they ask, as tests play them: their keys, and what they sign."""

import base64
import time
import uuid
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LEFT_OUT = object()
"""In the place of a claim or a header field: there is none."""


@cache
def rsa(kid="rsa-1"):
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def short_rsa(kid="short"):
    """A key that anybody with time can find out: the library would warn of making it."""
    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    parts = {"n": numbers.n, "e": numbers.e}
    return {"kty": "RSA", "kid": kid, **{name: _in_base64(n) for name, n in parts.items()}}


def _in_base64(number):
    size = (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")


@cache
def ec(kid="ec-1", curve="P-384"):
    return ECKey.generate_key(curve, {"kid": kid})


def public(*keys):
    """The key set of these keys, as an address gives it."""
    return {"keys": [k if isinstance(k, dict) else k.as_dict(private=False) for k in keys]}


def private(*keys):
    return KeySet(list(keys)).as_dict(private=True)


def signed(key, claims, *, alg=None, **header):
    """A statement that this key has signed; LEFT_OUT takes out what stands there otherwise."""
    alg = alg or ("RS384" if isinstance(key, RSAKey) else "ES384")
    heads = {"alg": alg, "kid": key.kid, "typ": "JWT", **header}
    heads = {name: value for name, value in heads.items() if value is not LEFT_OUT}
    said = {name: value for name, value in claims.items() if value is not LEFT_OUT}
    return jwt.encode(heads, said, key, algorithms=[alg], default_type=None)


def claims(issuer, audience, **other):
    now = int(time.time())
    return {
        "iss": issuer,
        "sub": issuer,
        "aud": audience,
        "exp": now + 240,
        "iat": now,
        "jti": str(uuid.uuid4()),
        **other,
    }

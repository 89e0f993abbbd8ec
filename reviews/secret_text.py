"""Secrets that the database keeps and the portal must read again: encrypted by `SECRET_KEY`."""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

MARK = "fernet:"


def encrypt(text: str) -> str:
    return MARK + _keys().encrypt(text.encode()).decode()


def decrypt(kept: str) -> str:
    """Raises `InvalidToken` where neither the key nor its fallbacks made it.

    What was kept before secrets were encrypted has no mark.
    """
    if not kept.startswith(MARK):
        return kept
    return _keys().decrypt(kept.removeprefix(MARK).encode()).decode()


def _keys() -> MultiFernet:
    # The name that it had first is part of the key.
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"portal.secret_text" + secret.encode()) for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(made.digest())) for made in digests])

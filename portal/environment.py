"""What the environment must say before the portal may start.

Everything that differs between one installation and the next is an environment variable;
docs/operations.md lists them all.
"""

from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

REQUIRED = (
    ("SECRET_KEY", "a long random string that signs sessions and tokens"),
    ("DATABASE_URL", "postgres://user:password@host:5432/name"),
    ("REDIS_URL", "redis://:password@host:6379/0"),
    ("ALLOWED_HOSTS", "the host names the portal answers to, separated by commas"),
)
LEAST_SECRET = 50
"""Characters of a SECRET_KEY: what Django's own check asks for."""
HOW_TO_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})


def require(env: environ.Env) -> None:
    """Raise ImproperlyConfigured naming every required setting that is missing or empty."""
    missing = [(name, what) for name, what in REQUIRED if not env.str(name, default="").strip()]
    if missing:
        names = ", ".join(name for name, _ in missing)
        lines = "".join(f"\n  {name}  {what}" for name, what in missing)
        raise ImproperlyConfigured(
            f"Missing settings: {names}.{lines}\n"
            "Set them in the environment (docs/operations.md), or start the portal with ./dev up, "
            "which makes its own."
        )


def require_secret(*keys: str) -> None:
    """Raise ImproperlyConfigured when a key could be guessed: whoever has it can be anybody."""
    for key in keys:
        if len(key) < LEAST_SECRET or len(set(key)) < 5:
            raise ImproperlyConfigured(
                f"SECRET_KEY (or one of SECRET_KEY_FALLBACKS) is too easy to guess: it has "
                f"{len(key)} characters of {len(set(key))} kinds. Make one of at least "
                f"{LEAST_SECRET}: {HOW_TO_MAKE_ONE}"
            )


def require_named_hosts(hosts: list[str]) -> None:
    """Raise ImproperlyConfigured when any host name would do, and links could be to anywhere."""
    if "*" in hosts:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS=* lets a request choose which host the portal takes itself for. "
            "Name the hosts it answers to, separated by commas."
        )


def require_loopback(hosts: list[str]) -> None:
    """Raise ImproperlyConfigured when plain HTTP is asked for on a host others can reach."""
    public = sorted(set(hosts) - LOOPBACK_HOSTS)
    if public:
        raise ImproperlyConfigured(
            f"HTTPS=off is only for this machine, but ALLOWED_HOSTS has {', '.join(public)}. "
            "Put a TLS proxy in front and leave HTTPS on."
        )


def organisation(env: environ.Env, *, https: bool) -> dict[str, Any]:
    """How allauth signs people in by the organisation; empty where no provider is named.

    Raises ImproperlyConfigured where half of it is said, or its answers could be read on the way.
    """
    server = env.str("OIDC_SERVER_URL", default="").rstrip("/")
    if not server:
        return {}
    given = {name: env.str(name, default="") for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")}
    if missing := [name for name, value in given.items() if not value]:
        raise ImproperlyConfigured(f"OIDC_SERVER_URL needs {' and '.join(missing)} beside it.")
    if https and urlsplit(server).scheme != "https":
        raise ImproperlyConfigured("OIDC_SERVER_URL must begin with https://.")
    return {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "organisation",
                    "name": env.str("OIDC_NAME", default="your organisation"),
                    "client_id": given["OIDC_CLIENT_ID"],
                    "secret": given["OIDC_CLIENT_SECRET"],
                    "settings": {"server_url": server},
                }
            ],
        }
    }


def import_sources(said: str) -> dict[str, list[str]]:
    """The addresses below which the files of each source system are: `ehr=https://host/folder/`.

    Raises ImproperlyConfigured for what names no such address.
    """
    sources: dict[str, list[str]] = {}
    for one in filter(None, said.split(",")):
        system, _, address = one.strip().partition("=")
        parts = urlsplit(address)
        if not system or parts.scheme not in ("https", "http") or not parts.hostname:
            raise ImproperlyConfigured(
                f"IMPORT_SOURCES names addresses such as ehr=https://host/folder/, not “{one}”."
            )
        sources.setdefault(system, []).append(address)
    return sources

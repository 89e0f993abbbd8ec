"""What the environment must say before the portal may start.

Everything that differs between one installation and the next is an environment variable;
docs/operations.md lists them all.
"""

import environ
from django.core.exceptions import ImproperlyConfigured

REQUIRED = (
    ("SECRET_KEY", "a long random string that signs sessions and tokens"),
    ("DATABASE_URL", "postgres://user:password@host:5432/name"),
    ("REDIS_URL", "redis://:password@host:6379/0"),
    ("ALLOWED_HOSTS", "the host names the portal answers to, separated by commas"),
)
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


def require_loopback(hosts: list[str]) -> None:
    """Raise ImproperlyConfigured when plain HTTP is asked for on a host others can reach."""
    public = sorted(set(hosts) - LOOPBACK_HOSTS)
    if public:
        raise ImproperlyConfigured(
            f"HTTPS=off is only for this machine, but ALLOWED_HOSTS has {', '.join(public)}. "
            "Put a TLS proxy in front and leave HTTPS on."
        )

"""What the environment must say before the portal may start.

Everything that differs between one installation and the next is an environment variable;
docs/operations.md lists them all.
"""

import environ
from django.core.exceptions import ImproperlyConfigured

REQUIRED = dict(
    [
        ("SECRET_KEY", "a long random string that signs sessions and tokens"),
        ("DATABASE_URL", "postgres://user:password@host:5432/name"),
        ("REDIS_URL", "redis://:password@host:6379/0"),
        ("ALLOWED_HOSTS", "the host names the portal answers to, separated by commas"),
    ]
)
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "testserver"})


def require(env: environ.Env, names: dict[str, str] = REQUIRED) -> None:
    """Raise ImproperlyConfigured naming every setting in `names` that is missing or empty."""
    missing = [name for name in names if not env.str(name, default="").strip()]
    if missing:
        lines = "".join(f"\n  {name}  {names[name]}" for name in missing)
        raise ImproperlyConfigured(
            f"Missing settings: {', '.join(missing)}.{lines}\n"
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

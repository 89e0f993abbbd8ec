"""What `./dev` does once the packages are there; the script itself lists the commands."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from portal import browser, embedded
from portal.local import BASE_DIR, VAR, Held, Home, Refused, free_port
from portal.processes import adopt_orphans, kill_orphans
from portal.progress import say, step
from portal.supervisor import (
    Stopped,
    address_of,
    base_environment,
    fail,
    serve,
    supervised,
    up,
)

_DEFAULT_PORT = 8000
# Two workers pay off for the whole suite only: each needs a database of its own.
_WHOLE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
# So many are screened while they are seeded: no worker is needed.
_PHOTOGRAPHED_PATIENTS = "400"
OWN_HOMES = ("test", "bench", "chaos", "screenshots")
_COMPILE = ("pip", "compile", "--quiet", "--universal", "--generate-hashes")


def main(argv: list[str]) -> int:
    """Run one command; a refusal is one line on standard error and exit code 1."""
    command, *rest = argv
    try:
        return _COMMANDS[command](rest) or 0
    except Refused as error:
        return fail(error)
    except Stopped:
        return 130


def _up(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="./dev up", description="Start the portal.")
    parser.add_argument(
        "--port",
        default=os.environ.get("PORT") or str(_DEFAULT_PORT),
        help=f"port to listen on (default: $PORT, or {_DEFAULT_PORT})",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="seed invented patients into the empty database that DATABASE_URL names",
    )
    given = parser.parse_args(argv)
    port = given.port
    if not port.isdigit() or not 0 < int(port) < 2**16:
        raise Refused(f"{port!r} is not a port. Use a number from 1 to 65535: ./dev up --port 8000")
    up(int(port), demo=given.demo)


def _manage(argv: list[str]) -> int:
    """Run manage.py on the services of `./dev up`, or on our own for as long as it takes."""
    home = Home()
    manage = [sys.executable, str(BASE_DIR / "manage.py"), *argv]
    try:
        lock = home.lock({"command": "manage"})
    except Held as held:
        env = _running_environment(home, held)
        os.chdir(_caller_folder())
        os.execve(sys.executable, manage, env)
    with lock, supervised(home) as supervisor:
        port = os.environ.get("PORT") or _DEFAULT_PORT
        env = {"PORTAL_URL": address_of(port), **supervisor.services(said=False)}
        return supervisor.run(manage, env=env, cwd=_caller_folder())[0]


def _caller_folder() -> str | Path:
    """Where ./dev was called: file names among the arguments are meant from there."""
    return os.environ.get("CALLED_FROM", BASE_DIR)


def _running_environment(home: Home, held: Held) -> dict[str, str]:
    """Return the settings that reach the services of the `./dev up` that holds the home."""
    if held.holder.get("command") != "up" or "own" not in held.holder:
        raise held
    # Links that a command prints or mails lead to the portal that runs.
    env = {"PORTAL_URL": held.holder["address"], **base_environment(home)}
    for name, urls in (
        (
            "DATABASE_URL",
            {"DATABASE_URL": embedded.database_url, "DATABASE_OWNER_URL": embedded.owner_url},
        ),
        ("REDIS_URL", {"REDIS_URL": embedded.broker_url}),
    ):
        if env.get(name):
            continue
        if name not in held.holder["own"]:
            raise Refused(f"The running portal was started with {name}. Set it here as well.")
        env |= {each: url(home) for each, url in urls.items()}
    return env


def _as_owner(env: dict[str, str]) -> dict[str, str]:
    """Settings for tests and benchmarks: they connect as the owner, and take the role on."""
    url = env.pop("DATABASE_OWNER_URL", None) or env["DATABASE_URL"]
    return env | {"DATABASE_URL": url, "DATABASE_ROLE": embedded.APPLICATION}


def _test(argv: list[str]) -> int:
    if not argv or (argv[0] == "--shuffle" and len(argv) == 2):
        argv = [*_WHOLE, *argv]
    if not browser.find() and not os.environ.get("CHROMIUM"):
        with step("Install Chromium for the browser tests, where this user may"):
            browser.install()
    home = Home(VAR / "test")
    with home.lock({"command": "test"}), supervised(home) as supervisor:
        env = _as_owner(supervisor.services(durable=False))
        if found := browser.find():
            env["CHROMIUM"] = found
        say()
        return supervisor.run([sys.executable, "-m", "pytest", *argv], env=env)[0]


def _check(argv: list[str]) -> None:
    """Needs no services: the checks read files."""
    check = [sys.executable, str(BASE_DIR / ".ci" / "check.py"), *argv]
    os.execv(sys.executable, check)


def _bench(argv: list[str]) -> int:
    """Measure on services of their own, as durable as those of `./dev up`."""
    home = Home(VAR / "bench")
    with home.lock({"command": "bench"}), supervised(home) as supervisor:
        env = _as_owner(supervisor.services())
        return supervisor.run([sys.executable, "-m", "benchmarks", *argv], env=env)[0]


def _chaos(argv: list[str]) -> int:
    """Kill, hang and fill up the parts of a portal of its own, and see what it keeps."""
    home = Home(VAR / "chaos")
    adopt_orphans()
    # Nothing of it may reach servers that somebody named for other things.
    named = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ROLE", "REDIS_URL")
    env = {name: text for name, text in base_environment(home).items() if name not in named}
    with home.lock({"command": "chaos"}), supervised(home) as supervisor:
        try:
            run = [sys.executable, "-m", "tests.chaos", *argv]
            return supervisor.run(run, env=env | {"CHAOS_FOLDER": str(home.path)})[0]
        finally:
            kill_orphans()


def _drill(argv: list[str]) -> None:
    """Rehearse something on servers of its own; the drill says what it does."""
    drill = [sys.executable, str(BASE_DIR / ".ci" / "drill.py"), *argv]
    os.execve(sys.executable, drill, os.environ | {"PYTHONPATH": str(BASE_DIR)})


def _screenshots(argv: list[str]) -> int:
    """Photograph the pages of a demo of its own, made anew, so that each run shows the same."""
    chromium = browser.find()
    if not chromium:
        raise Refused(browser.HOW_TO_GET_IT)
    home = Home(VAR / "screenshots")
    home.remove()
    port = free_port()
    with home.lock({"command": "screenshots"}), supervised(home) as supervisor:
        env = supervisor.services(durable=False)
        env |= {"PORTAL_VAR": str(home.path), "DEMO_PATIENTS": _PHOTOGRAPHED_PATIENTS}
        serve(supervisor, env, port)
        photograph = [sys.executable, "-m", "portal.screenshots", str(port), chromium]
        return supervisor.run(photograph, env=env)[0]


def _lock(argv: list[str]) -> None:
    """Write the lock files anew: versions stay where they still fit; hashes, no addresses."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise Refused("uv is not installed in .venv. Remove .venv and run this again.")
    for group, file in (([], "requirements.txt"), (["--group", "dev"], "requirements-dev.txt")):
        with step(f"Lock {file}"):
            options = [*group, "--custom-compile-command=./dev lock", "--output-file", file]
            subprocess.run(
                [uv, *_COMPILE, *options, "pyproject.toml"],
                cwd=BASE_DIR,
                check=True,
                stdout=subprocess.DEVNULL,
            )


def _sbom(argv: list[str]) -> None:
    """Write what a server installs, with the hashes of the lock file; the same each time."""
    program = Path(sys.executable).with_name("cyclonedx-py")
    file = VAR / "sbom.json"
    VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["--pyproject=pyproject.toml", "--spec-version=1.6", "--output-format=JSON"]
    subprocess.run(
        [program, "requirements", "--output-reproducible", *options, f"--output-file={file}"],
        cwd=BASE_DIR,
        check=True,
    )
    components = json.loads(file.read_text())["components"]
    say(f"{len(components)} packages in {file}.")


def _reset(argv: list[str]) -> None:
    """Remove everything under var/: data, secrets, logs. Refuses while a command uses them."""
    for home in (*(Home(VAR / name) for name in OWN_HOMES), Home()):
        home.remove()
    say("Removed all local data, secrets and logs. ./dev up starts over.")


_COMMANDS = {
    "up": _up,
    "manage": _manage,
    "test": _test,
    "check": _check,
    "bench": _bench,
    "chaos": _chaos,
    "drill": _drill,
    "screenshots": _screenshots,
    "lock": _lock,
    "sbom": _sbom,
    "reset": _reset,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

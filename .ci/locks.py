"""Checks, without network, that the lock files hold what pyproject.toml asks for, with hashes."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "prescription-safety-portal"


def main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [Requirement(text) for text in project["project"]["dependencies"]]
    wanted_dev = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    problems = [
        *_problems("requirements.txt", wanted),
        *_problems("requirements-dev.txt", [*wanted, *wanted_dev]),
    ]
    ours, with_dev = (_pins(name) for name in ("requirements.txt", "requirements-dev.txt"))
    problems += [
        f"{name}: {pin['version']} in requirements.txt, but "
        f"{with_dev.get(name, {}).get('version', 'nothing')} in requirements-dev.txt"
        for name, pin in ours.items()
        if with_dev.get(name, {}).get("version") != pin["version"]
    ]
    print("\n".join(problems))
    if problems:
        print("Lock again: docs/operations.md says how, under Upgrade.")
    return 1 if problems else 0


def _problems(file, wanted):
    pins = _pins(file)
    names = {canonicalize_name(requirement.name) for requirement in wanted}
    for requirement in wanted:
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            yield f"{file}: {requirement.name} is not locked"
        elif not requirement.specifier.contains(pin["version"]):
            wish = requirement.specifier
            yield f"{file}: {requirement.name} is locked at {pin['version']}, not {wish}"
    for name, pin in pins.items():
        if not pin["hashes"]:
            yield f"{file}: {name} has no hash"
        if pin["direct"] and name not in names:
            yield f"{file}: {name} is locked, but pyproject.toml no longer asks for it"


def _pins(file):
    """Return what a lock file pins: name -> version, number of hashes, and if we asked for it."""
    pins = {}
    for line in (ROOT / file).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", line):
            pin = {"version": match[2], "hashes": 0, "direct": False}
            pins[canonicalize_name(match[1])] = pin
        elif "--hash=" in line:
            pin["hashes"] += 1
        elif PROJECT in line:
            pin["direct"] = True
    return pins


if __name__ == "__main__":
    sys.exit(main())

"""`./dev check`: every check that needs no database and no network; all of them run."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
# Nothing is connected to: these only have to be there.
NOWHERE = {
    "SECRET_KEY": "only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMN",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "portal.example",
    "HTTPS": "on",
    "LOG_LEVEL": "ERROR",
}
STEPS = {
    "lint (ruff)": [PYTHON, "-m", "ruff", "check", "--output-format=concise", "."],
    "format (ruff)": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "types (basedpyright)": [PYTHON, "-m", "basedpyright"],
    "direction of imports (import-linter)": [
        PYTHON,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ],
    "templates (djlint)": [PYTHON, "-m", "djlint", "templates", "--lint", "--quiet"],
    "migrations are complete (Django)": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "deployment settings (Django)": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
    "security (bandit)": [
        PYTHON,
        "-m",
        "bandit",
        "--quiet",
        "--configfile=pyproject.toml",
        "--recursive",
        "portal",
        "reviews",
        "drugs",
    ],
    "shell scripts (sh -n)": ["sh", "-c", "sh -n dev && sh -n .ci/run"],
    "locks match pyproject": [PYTHON, ".ci/locks.py"],
    "Dockerfile and compose.yaml": [PYTHON, ".ci/containers.py"],
    "what may be in the repository": [PYTHON, ".ci/hygiene.py"],
}


def main(wanted):
    """Run the steps whose name contains one of `wanted` (all without); return 1 if one failed."""
    failed = []
    for name, argv in STEPS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        started = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env=os.environ | NOWHERE | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        verdict = "FAILED" if done.returncode else "ok"
        print(f"{verdict:6} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        if done.returncode:
            failed.append(name)
            print("".join(f"       {line}\n" for line in done.stdout.splitlines()), flush=True)
    print(f"Failed: {', '.join(failed)}." if failed else "All checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

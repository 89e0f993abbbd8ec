"""The system's Chromium, for browser tests and screenshots."""

import os
import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# With a font, or every letter is a box.
_PACKAGES = ("chromium", "fonts-dejavu-core")
HOW_TO_GET_IT = (
    "Install Chromium (Debian: `sudo apt-get install chromium`), or set CHROMIUM to its path."
)


def find() -> str | None:
    """Return the path of a Chromium that starts, or None. $CHROMIUM wins over what is installed."""
    for name in filter(None, (os.environ.get("CHROMIUM"), *_NAMES)):
        path = shutil.which(name)
        if path and _starts(path):
            return path
    return None


def install() -> bool:
    """Install Debian's package where this user may; tell whether that was tried and worked."""
    if os.geteuid() != 0 or not shutil.which("apt-get") or not Path("/etc/debian_version").exists():
        return False
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", "update"], stdout=subprocess.DEVNULL, env=env, check=False)
    done = subprocess.run(
        ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *_PACKAGES],
        stdout=subprocess.DEVNULL,
        env=env,
        check=False,
    )
    return done.returncode == 0


def _starts(path: str) -> bool:
    # Ubuntu's `chromium-browser` may be a stub that only asks for a snap.
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

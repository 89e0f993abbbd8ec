"""Room on the disk: asked for before anything starts, and shown on the health page."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

LEAST_TO_START = 64 * 1024 * 1024
"""With less left, what is started would fail at its first writes."""
NEARLY_FULL = 256 * 1024 * 1024
"""With less left, somebody should be told while there is time."""
_WRITES = b"x" * 4096


def refusal(folder: Path, setting: str = "PORTAL_VAR") -> str | None:
    """One line that says why nothing can be kept in `folder` and what to do; None when all is well.

    Makes the folder where it is missing. `setting` is the variable that names another one.
    """
    elsewhere = f"set {setting} to"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_WRITES)
            file.flush()
            os.fsync(file.fileno())
        left = shutil.disk_usage(folder).free
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _full(folder, 0, elsewhere)
        if error.errno == errno.EROFS:
            return (
                f"{folder} is on a read-only disk. Make it writable, "
                f"or {elsewhere} a place on one that is."
            )
        return (
            f"Nothing can be written to {folder} ({os.strerror(error.errno or 0)}). Give this user "
            f"the right to, or {elsewhere} a place where it may."
        )
    return _full(folder, left, elsewhere) if left < LEAST_TO_START else None


def _full(folder: Path, left: int, elsewhere: str) -> str:
    return (
        f"The disk of {folder} is full ({left // 2**20} MB left). Free some room, "
        f"or {elsewhere} a place on another disk."
    )


def state(folder: Path) -> dict[str, Any]:
    """Of the health page: whether there is room, how many bytes are left, and the logs' size.

    `log_bytes` is None where logs are kept by somebody else.
    """
    try:
        left = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    except OSError as error:
        return {"disk": f"cannot be read: {error.strerror}", "disk_free_bytes": None}
    full = f"nearly full: {left // 2**20} MB left" if left < NEARLY_FULL else "up"
    return {"disk": full, "disk_free_bytes": left, "log_bytes": _size(folder / "log")}


def _size(folder: Path) -> int | None:
    if not folder.is_dir():
        return None
    total = 0
    for file in folder.glob("*.log"):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # it was just rotated
    return total

"""The files of bulk data: where they are, and writing them so that a killed worker costs nothing.

They hold records of patients. Each export has a folder of its own under `settings.BULK_DIR`, which
only the user of the portal reads; web and workers share it.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from django.conf import settings

CHUNK = 256 * 1024
_LOCK = "lock"
RECEIVING = "received-"


def folder_of(pk: UUID) -> Path:
    """The folder of an export or an import."""
    return settings.BULK_DIR / str(pk)


@contextmanager
def held(pk: UUID) -> Iterator[Path | None]:
    """The folder, made if need be, for one process alone; None while another one has it.

    A worker that hung, and whose job somebody else goes on with, may still write when it wakes up.
    As long as it lives it holds this lock, so nobody writes to the same files.
    """
    folder = folder_of(pk)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield folder
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path, size: int) -> Iterator[BinaryIO]:
    """A file of which `size` bytes count: whatever stands behind them is cut off first.

    All of it is on the disk when this ends, so that what is committed then can be relied on.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=CHUNK) as file:
        if os.fstat(descriptor).st_size < size:
            raise OSError(f"{path.name} is shorter than what was committed of it.")
        os.ftruncate(descriptor, size)
        file.seek(size)
        yield file
        file.flush()
        os.fsync(descriptor)


@contextmanager
def receiving() -> Iterator[Path]:
    """A folder for what is being received; whatever is left in it goes at the end."""
    folder = settings.BULK_DIR / f"{RECEIVING}{uuid4()}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def forget_received(before: float) -> None:
    """Remove what was being received at `before` (Unix time), by a process that has died since."""
    for folder in settings.BULK_DIR.glob(f"{RECEIVING}*"):
        if folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(pk: UUID) -> None:
    """Remove the folder and all that is in it; nothing where it is gone already."""
    shutil.rmtree(folder_of(pk), ignore_errors=True)

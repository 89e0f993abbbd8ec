"""Whoever did not answer a moment ago is not asked again by everybody."""

import threading
import time


class Fuse:
    """Blown by a call that got no answer; until it is mended, one caller at a time may try.

    One for each thing that is asked, in each process. A blown fuse lets a caller through every
    `seconds`: it is that caller who pays the timeout, and mends the fuse when there is an answer.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._closed_until: float | None = None

    @property
    def blown(self) -> bool:
        """Whether there was no answer the last time."""
        return self._closed_until is not None

    def allows(self) -> bool:
        """Whether the caller may ask now. A caller who may must `mend` or `blow` afterwards."""
        if self._closed_until is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._closed_until is None:
                return True
            if now < self._closed_until:
                return False
            self._closed_until = now + self.seconds
            return True

    def blow(self) -> None:
        """Note that there was no answer."""
        with self._lock:
            self._closed_until = time.monotonic() + self.seconds

    def mend(self) -> None:
        """Note that there was an answer."""
        if self._closed_until is not None:
            with self._lock:
                self._closed_until = None


valkey = Fuse(seconds=5)
"""Of the broker and the cache, which are one server; beat rings as often as it lets one through."""

"""A drill as its parts: a line for each, with how it went, how long it took and what it did."""

import time
import traceback
from contextlib import contextmanager


class Failed(Exception):
    """A part did not do what it is there for; the message says what was expected and seen."""


class Part:
    """What a part says of itself; its line is printed when it ends."""

    def __init__(self):
        self.said = []

    def say(self, words):
        self.said.append(words)

    def expect(self, holds, otherwise):
        """Go on where `holds` is true; else the part has failed, for the reason `otherwise`."""
        if not holds:
            raise Failed(otherwise)


class Drill:
    """Runs parts and remembers which failed."""

    def __init__(self):
        self.failed = []
        self.parts = 0

    @contextmanager
    def part(self, name, *, needed=True):
        """Run a part. Where it fails and is `needed` the drill ends, else it goes on."""
        part, began = Part(), time.monotonic()
        self.parts += 1
        try:
            yield part
        except Exception as error:
            reason = str(error) or type(error).__name__
            self._line("FAILED", began, name, [*part.said, reason])
            self.failed.append(name)
            if not isinstance(error, Failed):
                traceback.print_exc()
            if needed:
                raise Ended from error
        else:
            self._line("ok", began, name, part.said)

    def _line(self, verdict, began, name, said):
        took = time.monotonic() - began
        print(f"{verdict:6} {took:6.1f} s  {name}: {'; '.join(said) or 'done'}.", flush=True)

    def close(self):
        """Print the last line; returns the exit code."""
        if self.failed:
            print(f"FAILED: {', '.join(self.failed)}.", flush=True)
            return 1
        print(f"All {self.parts} parts went well.", flush=True)
        return 0


class Ended(Exception):
    """A part failed without which the others mean nothing."""

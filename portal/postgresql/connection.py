"""A connection that tells a slow answer from none.

A server that is stopped, or a machine that hangs, keeps its connections open: TCP sees nothing
wrong, and the server's own timeouts stand still with it. So whoever has waited for a while asks the
server's door whether it still answers. A statement that only takes long is left in peace.
"""

import socket
import struct
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from django.conf import settings

from reviews.fuse import Fuse

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long a statement may be silent before the server is asked whether it answers at all."""
DOOR_SECONDS = 1.0
"""How long the server has to say that it does."""

fuse = Fuse(seconds=1)

# PostgreSQL's request for TLS: the only one that any server answers at once and without a password.
_TLS_REQUEST = struct.pack("!II", 8, 80877103)


class NoAnswer(psycopg.OperationalError):
    """The server does not answer, and the connection was given up."""


class Connection(psycopg.Connection[Any]):
    """psycopg's connection; every wait of it ends when the server no longer answers."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        return super().wait(self._watched(gen), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Pass on what is sent; psycopg comes by ten times a second while nothing arrives."""
        began = asked = time.monotonic()
        try:
            wants = next(gen)
            while True:
                ready = yield wants
                if ready:
                    asked = time.monotonic()
                elif time.monotonic() - asked > PATIENCE_SECONDS:
                    self._give_up_unless_it_answers(time.monotonic() - began)
                    asked = time.monotonic()
                sent = gen.send(ready)
                # Nothing arrived: psycopg keeps waiting for the same.
                wants = sent if ready else wants
        except StopIteration as end:
            return end.value
        finally:
            gen.close()

    def _give_up_unless_it_answers(self, silent_seconds: float) -> None:
        """Close the connection and raise NoAnswer if nothing will come on it.

        That is: the server's door is shut, or the statement has had more than its time and the
        server did not end it, as it should have.
        """
        limit = settings.DATABASE_STATEMENT_SECONDS
        overdue = limit and silent_seconds > limit + PATIENCE_SECONDS
        if not overdue:
            # Where another thread has just found it shut, or asks now, do not ask as well.
            if fuse.allows() and answers(self.pgconn.host, self.pgconn.port, DOOR_SECONDS):
                fuse.mend()
                return
            fuse.blow()
        self.pgconn.finish()
        raise NoAnswer(f"the server has not answered for {silent_seconds:.1f} s")


def answers(host: bytes | str | None, port: bytes | str | None, seconds: float) -> bool:
    """Whether a PostgreSQL server at this address answers a newcomer within `seconds`."""
    place, number = _text(host) or "localhost", int(_text(port) or 5432)
    try:
        with _door(place, number, seconds) as door:
            door.settimeout(seconds)
            door.sendall(_TLS_REQUEST)
            return door.recv(1) != b""
    except OSError:
        return False


def _door(place: str, number: int, seconds: float) -> socket.socket:
    if not place.startswith("/"):
        return socket.create_connection((place, number), seconds)
    door = socket.socket(socket.AF_UNIX)
    door.settimeout(seconds)
    try:
        door.connect(f"{place}/.s.PGSQL.{number}")
    except OSError:
        door.close()
        raise
    return door


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""

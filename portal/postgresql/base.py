"""The database backend that settings name: where Django looks for `DatabaseWrapper`."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import sql
from psycopg_pool import PoolTimeout

from .connection import Connection, NoAnswer, answers, fuse

AGAIN = 0.3
"""Seconds that a server which did not answer has to say that it does again: one caller a second
waits for it, and would wait for a connection seven times as long."""
_DRIVER = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, on connections that give up a server that does not answer."""

    Database = _DRIVER

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not fuse.allows():
            raise NoAnswer("the server did not answer a moment ago")
        if fuse.blown and not answers(conn_params.get("host"), conn_params.get("port"), AGAIN):
            fuse.blow()
            raise NoAnswer("the server does not answer yet")
        try:
            connection = super().get_new_connection(conn_params)
        except (psycopg.errors.ConnectionTimeout, PoolTimeout):
            # A process that had no connection yet hears nothing but that its pool has none.
            fuse.blow()
            raise
        fuse.mend()
        return connection

    def _configure_role(self, connection: Any) -> bool:
        """Take on the role that settings name; says whether there is one.

        Django's own quotes its name with a second connection: a pool that opens its first would
        wait for itself.
        """
        if role := self.settings_dict["OPTIONS"].get("assume_role"):
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return bool(role)

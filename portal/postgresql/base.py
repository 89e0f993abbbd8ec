"""The database backend that settings name: where Django looks for `DatabaseWrapper`."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from .connection import Connection, NoAnswer, fuse

_DRIVER = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, on connections that give up a server that does not answer."""

    Database = _DRIVER

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not fuse.allows():
            raise NoAnswer("the server did not answer a moment ago")
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            fuse.blow()
            raise
        fuse.mend()
        return connection

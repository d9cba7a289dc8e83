"""
Django's PostgreSQL with a pool that is whole again at once after the server was restarted.

psycopg's own check of a pooled connection pauses longer and longer after each dead one: with
fifteen of them nobody gets a connection for half a minute. So Django's health checks stay off.
"""

import time
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    _made: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def _configure_connection(self, connection: Any) -> bool:
        self._made[connection] = time.monotonic()
        return bool(super()._configure_connection(connection))  # type: ignore[misc]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        asked = time.monotonic()
        connection = super().get_new_connection(conn_params)
        pool: ConnectionPool[Any] | None = self.pool
        if pool is None or self._made.pop(connection, 0.0) >= asked:  # made for us: it lives
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except OperationalError:
            pool.putconn(connection)
            pool.check()  # the other idle ones will be dead as well
            return super().get_new_connection(conn_params)
        return connection

"""
Django's PostgreSQL with a pool that is whole again at once after the server was restarted, or has
fallen silent.

psycopg's own check of a pooled connection pauses longer and longer after each dead one: with
fifteen of them nobody gets a connection for half a minute. So Django's health checks stay off, and
a pool in which one was dead is replaced.
"""

import threading
import time
from typing import Any

from django.db.backends.postgresql import base
from psycopg import IsolationLevel, OperationalError
from psycopg_pool import ConnectionPool, PoolClosed

from platform_auth import deadlines

CHECK_SECONDS = 0.7  # for a connection that stands to answer at all
CLOSE_SECONDS = 0.2  # for a thread of a pool to end, before it is left to itself


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: dict[str, ConnectionPool[Any]]  # Django's, of all threads
    _discarding = threading.Lock()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.pool is None:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        asked = time.monotonic()
        pool, connection = self._take()
        if connection.made_at >= asked:
            return connection
        try:
            with deadlines.within(CHECK_SECONDS):
                ConnectionPool.check_connection(connection)
        except OperationalError:
            self._discard(pool)
            pool.putconn(connection)
            return self._take()[1]
        return connection

    def _take(self) -> tuple[ConnectionPool[Any], Any]:
        """The pool and a connection of it, though another thread may discard it meanwhile."""
        while True:
            pool = self.pool
            try:
                pool.open()
                return pool, pool.getconn(deadlines.remaining(pool.timeout))
            except PoolClosed:
                if not deadlines.remaining():
                    raise

    def _discard(self, pool: ConnectionPool[Any]) -> None:
        """The next who asks finds a new one; connections in use end where they are given back."""
        with self._discarding:
            if self._connection_pools.get(self.alias) is not pool:
                return
            del self._connection_pools[self.alias]
        threading.Thread(target=pool.close, args=(CLOSE_SECONDS,), daemon=True).start()

    def _close(self) -> None:
        if getattr(self.connection, "is_silent", False):
            self._discard(self.pool)
        super()._close()  # type: ignore[misc]

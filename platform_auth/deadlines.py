"""
No wait for PostgreSQL is without end.

The server ends a statement that takes long (config/process_role.py), and the kernel a connection to
a host that is gone. Neither notices a connection on which something between us and the server takes
all that is sent and never answers, as after a failover: that is what a deadline of our own is for.
Whoever misses one closes the connection, and the pool that it came from is discarded, since the
others in it will be dead as well.
"""

import time
from contextvars import ContextVar
from math import inf
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from psycopg.abc import PQGen

T = TypeVar("T")

_deadline: ContextVar[float] = ContextVar("deadline", default=inf)


class within:  # noqa: N801 -- used as a function; as a generator it takes twice the time
    """All that this thread waits for inside, together: at most SECONDS."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        until = time.monotonic() + self._seconds
        self._token = _deadline.set(min(_deadline.get(), until))

    def __exit__(self, *problem: object) -> None:
        _deadline.reset(self._token)


def remaining(limit: float = inf) -> float:
    """How many seconds this thread may wait now; LIMIT at most."""
    return max(0.0, min(limit, _deadline.get() - time.monotonic()))


class Silent(psycopg.OperationalError):
    """The server has not answered in time. The connection is closed."""


class Connection(psycopg.Connection[Any]):
    """A connection that does not wait longer for an answer than this process, and thread, may."""

    is_silent = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made_at = time.monotonic()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        limit = remaining(settings.DATABASE_ANSWER_SECONDS or inf)
        if limit == inf or timeout is not None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + limit
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError as error:
            if time.monotonic() < until:
                raise
            self.is_silent = True
            self.pgconn.finish()
            raise Silent(f"no answer within {limit:.1f} s") from error

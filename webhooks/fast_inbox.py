"""
Keeps pushes for `webhooks.fast_door`, many by one prepared statement.

Requests that come while a statement is under way wait for it and are kept by the next one together:
whoever finds nobody writing writes for all who wait. Nobody waits beyond the deadline of his own
thread, and nobody writes whose deadline is so near that it would fail the others too.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from django.db import connections
from psycopg_pool import ConnectionPool

from platform_auth import deadlines
from platform_auth.models import Component, DuePush, Push
from webhooks import inbox, views

MAX_ROWS_AT_ONCE = 64  # of one statement, so that nobody waits for long
# Seconds for a connection and an answer; the server gives up a little earlier.
WRITE_WITHIN = 0.6
STATEMENT_TIMEOUT = 500  # milliseconds
CLOSE_SECONDS = 0.2  # for a thread of a pool to end, before it is left to itself

Row = dict[str, Any]


class Kept(NamedTuple):
    """What is known of a row that has just been kept."""

    pk: int
    account_id: int
    account_kind: str
    is_awaited: bool  # a rule may have something to say


# The statement

COLUMNS = {
    "digest": "text",
    "business_key": "text",
    "component_id": "bigint",
    "appid": "text",
    "kind": "text",
    "openid": "text",
    "body": "text",
    "state": "text",
    "attempts": "smallint",
    "error": "text",
    "created": "timestamptz",
    "is_undated": "boolean",
    "received_at": "timestamptz",
    "request_id": "text",
}
_COLUMNS_READ = {**COLUMNS, "user_name": "text"}
# Half the time that an array for each column takes; of times it makes what PostgreSQL reads.
_as_json = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=str).encode
_NAMES = ", ".join(COLUMNS)
_KEEP = f"""
WITH kept AS (
  INSERT INTO {Push._meta.db_table} ({_NAMES})
  SELECT {", ".join(f"w.{name}" for name in COLUMNS)}
  FROM json_to_recordset(%(rows)s)
    AS w({", ".join(f"{name} {kind}" for name, kind in _COLUMNS_READ.items())})
  -- The keys are as remembered,
  WHERE EXISTS (
    SELECT 1 FROM {Component._meta.db_table}
    WHERE id = %(of_component)s AND {" AND ".join(f"{key} = %({key})s" for key in inbox.KEYS)})
  -- the account is known by this name and no target has anything to say at once,
  AND EXISTS (
    SELECT 1 FROM wxminiprograms account
    WHERE account.component_id = w.component_id AND account.user_name = w.user_name
    AND account.authorizer_appid = w.appid
    AND (account.kind <> 'official_account' OR NOT EXISTS (
      SELECT 1 FROM messaging_target target WHERE target.is_on AND target.answers)))
  -- and nobody else is known by it.
  AND NOT EXISTS (
    SELECT 1 FROM wxminiprograms other
    WHERE other.component_id = w.component_id AND other.user_name = w.user_name
    AND other.authorizer_appid <> w.appid)
  ON CONFLICT DO NOTHING RETURNING id, digest, appid),
told AS MATERIALIZED (
  SELECT kept.digest, kept.id, account.id AS account_id, account.kind, EXISTS (
    SELECT 1 FROM messaging_rule rule
    WHERE rule.is_on AND (rule.authorizer_id = account.id OR rule.authorizer_id IS NULL)
  ) AS is_awaited
  FROM kept JOIN wxminiprograms account ON account.authorizer_appid = kept.appid),
due AS (
  INSERT INTO {DuePush._meta.db_table} (push_id, due_at)
  SELECT id, now() + is_awaited::int * interval '{views.HEAD_START} seconds' FROM told)
SELECT * FROM told
"""  # noqa: S608


def _parameters(rows: list[Row]) -> dict[str, Any]:
    component: Component = rows[0]["component"]
    keys = {key: str(component.__dict__[key]) for key in inbox.KEYS}
    texts = _as_json([{name: row[name] for name in _COLUMNS_READ} for row in rows])
    return {"rows": texts, **keys, "of_component": component.pk}


# The connections


def _new_pool() -> "ConnectionPool[deadlines.Connection]":
    """Connections of the door's own: each statement is a transaction, and none takes long."""
    database = connections["default"]
    options = database.get_connection_params()
    for django_only in ("cursor_factory", "context"):
        options.pop(django_only, None)
    timeouts = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={STATEMENT_TIMEOUT}"
    options |= {"autocommit": True, "prepare_threshold": 0}
    options["options"] = f"{options['options']} {timeouts}"
    return ConnectionPool(
        kwargs=options,
        connection_class=deadlines.Connection,
        min_size=0,
        max_size=database.settings_dict["OPTIONS"]["pool"]["max_size"],
        reconnect_timeout=1,
        open=True,
    )


class Connections:
    """A pool, which goes as a whole with a connection that was dead or silent."""

    def __init__(self) -> None:
        self._pool: ConnectionPool[deadlines.Connection] | None = None
        self._lock = threading.Lock()

    def pool(self) -> "ConnectionPool[deadlines.Connection]":
        with self._lock:
            if self._pool is None:
                self._pool = _new_pool()
            return self._pool

    @contextmanager
    def lent(self) -> Iterator[deadlines.Connection]:
        """A connection, which stays ours unless it is broken or in the middle of something."""
        pool = self.pool()
        free = pool.getconn(deadlines.remaining(WRITE_WITHIN))
        try:
            yield free
        finally:
            if free.closed:
                self.close()
            pool.putconn(free)

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            threading.Thread(target=pool.close, args=(CLOSE_SECONDS,), daemon=True).start()


# Together


class Overdue(psycopg.OperationalError):
    """The statement before has taken too long for this row to be written in time."""


class _Waiting:
    """A row that waits for the statement; its thread sleeps until it is kept, or is to write."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.kept: Kept | None = None
        self.error: psycopg.Error | None = None
        self.is_done = self.is_to_lead = False
        self.wake = threading.Lock()  # free once there is something to wake for
        self.wake.acquire()


class Writer:
    """Keeps rows, many by one statement, without ever waiting for more to come."""

    def __init__(self) -> None:
        self.connections = Connections()
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._is_writing = False

    def keep(self, row: Row) -> Kept | None:
        """What is known of ROW, kept now, for the first time; else None. Raises psycopg.Error."""
        waiting = _Waiting(row)
        with self._lock:
            self._queue.append(waiting)
            waiting.is_to_lead, self._is_writing = not self._is_writing, True
        if not waiting.is_to_lead:
            waiting.wake.acquire(timeout=deadlines.remaining(views.ANSWER_WITHIN))
        if not waiting.is_done:
            self._lead(waiting)
        if waiting.error:
            raise waiting.error
        return waiting.kept

    def _lead(self, waiting: _Waiting) -> None:
        """Write what waits, WAITING among it; then hand over to whoever has come meanwhile."""
        with self._lock:
            if not waiting.is_to_lead or deadlines.remaining() < WRITE_WITHIN:
                self._leave(waiting)
                raise Overdue("the statement before has taken too long")
            batch = [self._queue.popleft() for _ in range(min(MAX_ROWS_AT_ONCE, len(self._queue)))]
        try:
            self._write(batch)
        finally:
            with self._lock:
                self._hand_over()
            for row in batch:
                row.is_done = True
                row.wake.release()

    def _leave(self, waiting: _Waiting) -> None:
        """WAITING gives up. Where it is being written nobody knows: WeChat sends it again."""
        if waiting in self._queue:
            self._queue.remove(waiting)
        if waiting.is_to_lead:
            self._hand_over()

    def _hand_over(self) -> None:
        heir = self._queue[0] if self._queue else None
        self._is_writing = heir is not None
        if heir:
            heir.is_to_lead = True
            heir.wake.release()

    def _write(self, batch: list[_Waiting]) -> None:
        groups: dict[int, list[_Waiting]] = {}
        for waiting in batch:
            groups.setdefault(id(waiting.row["component"]), []).append(waiting)
        for group in groups.values():
            try:
                self._write_rows(group)
            except psycopg.OperationalError as error:  # the database is in trouble, not a row
                for waiting in group:
                    waiting.error = error
            except psycopg.Error:
                for waiting in group:  # one bad row does not fail the others
                    try:
                        self._write_rows([waiting])
                    except psycopg.Error as error:
                        waiting.error = error

    def _write_rows(self, group: list[_Waiting]) -> None:
        rows = self._run(_parameters([one.row for one in group]))
        kept = {digest: Kept(*told) for digest, *told in rows}
        for waiting in group:
            # Of twins in one batch only the first is new.
            waiting.kept = kept.pop(waiting.row["digest"], None)

    def _run(self, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows kept. A connection that has died is replaced once: DO NOTHING is safe."""
        for is_last in (False, True):
            with self.connections.lent() as free:
                try:
                    with deadlines.within(WRITE_WITHIN):
                        return free.execute(_KEEP, parameters, prepare=True).fetchall()
                except psycopg.OperationalError:
                    if is_last or not free.closed or deadlines.remaining() < WRITE_WITHIN:
                        raise
        raise AssertionError("the second try either returns or raises")

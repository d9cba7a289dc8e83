"""
The short way in: a WSGI callable before Django that keeps a message by one prepared statement.

It decides by what this process remembers, on the condition, inside the statement, that this is
true: the component's keys are as remembered, the account is known by this name, and no target has
anything to say at once. Where no row comes back, or the database is not PostgreSQL, the request
goes on to Django as it came (`webhooks.views`), which decides anew: the two agree, as a test shows.
Where a rule may have something to say, `webhooks.fast_answer` asks it.

Requests that come while a statement is under way wait for it and are kept by the next one together:
whoever finds nobody writing writes for all who wait.

Measured by `python -m benchmarks push`.
"""

import io
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from django.db import DatabaseError, connection, connections
from psycopg.pq import TransactionStatus
from structlog.contextvars import bound_contextvars

from messaging.services.receiving import Received
from miniprograms.services.addresses import is_release_test
from platform_auth import wakeup
from platform_auth.fields import Unreadable
from platform_auth.logs import request_id
from platform_auth.models import Component, DuePush, Push
from platform_auth.statements import as_array
from webhooks import counts, fast_answer, inbox, processing, routing, tasks, views
from webhooks.handlers import Answer
from wechat.errors import Untrusted
from wechat.messages import read_message

logger = logging.getLogger(__name__)

PATH = re.compile(r"/wechat/(wx[0-9a-zA-Z]{8,30})/push/?")
MAX_ROWS_AT_ONCE = 64  # of one statement, so that nobody waits for long
STATEMENT_TIMEOUT = 1500  # milliseconds
SUCCESS = b"success"

Row = dict[str, Any]
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def fast_door(application: Application) -> Application:
    """APPLICATION with the short way before it, where the database has one."""
    if connection.vendor != "postgresql":
        return application

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and (match := PATH.fullmatch(environ["PATH_INFO"])):
            body = _read_body(environ)
            if body is not None:
                # From here on it has an id, also where it is Django's.
                environ["HTTP_X_REQUEST_ID"] = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
                text = _receive(environ, match[1], body)
                if text is not None:
                    start_response("200 OK", _headers(text))
                    return [text]
                environ["wsgi.input"] = io.BytesIO(body)
        return application(environ, start_response)

    _warm_up()
    return door


def _warm_up() -> None:
    """Before the first push: what is remembered, and a connection. Without a database: later."""
    try:
        inbox.read_components()
        _writer.give_back(_connect())
    except (DatabaseError, psycopg.Error) as error:
        logger.error("there is no database yet: %s", type(error).__name__)
    finally:
        connection.close()


def _read_body(environ: dict[str, Any]) -> bytes | None:
    """The body, if it may be one of a push: Django refuses the others without reading them."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not inbox.is_length(length):
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _headers(text: bytes) -> list[tuple[str, str]]:
    kind = "text/plain" if text == SUCCESS else "text/xml"
    return [("Content-Type", kind), ("Content-Length", str(len(text)))]


def _receive(environ: dict[str, Any], appid: str, body: bytes) -> bytes | None:
    """What a push that is kept now, for the first time, is answered; None: it is Django's."""
    until = time.monotonic() + views.ANSWER_WITHIN
    try:
        _envelope_appid, sealed = inbox.read_sealed(environ.get("QUERY_STRING", ""), body)
        proven = inbox.prove(sealed, inbox.remembered_components())
        row = _row(proven, appid, environ["HTTP_X_REQUEST_ID"])
        kept = _writer.keep(row) if row else None
    except (Untrusted, Unreadable, psycopg.Error):
        return None  # Django says why, and tries the database anew
    if row is None or kept is None:
        return None
    counts.count_accepted(views.MESSAGE, row["kind"], is_new=True)
    if kept.is_awaited:
        with bound_contextvars(request_id=row["request_id"], push=kept.pk):
            text = _answer(row, kept, proven, sealed.nonce, until)
        if text is not None:
            return text
    wakeup.enqueue_now(tasks.process_pushes)
    return SUCCESS


def _answer(row: Row, kept: "Kept", proven: inbox.Proven, nonce: str, until: float) -> bytes | None:
    """What WeChat is answered at once; None where that fails."""
    try:
        answer = _work_out(row, kept, proven)
        text = answer(until) if answer else None
        return views.seal(text, proven, nonce).encode() if text else SUCCESS
    except Exception:
        # It is kept, and due: an error would mute all merchants' pushes.
        logger.exception("a push was kept, but not answered")
        return None
    finally:
        connection.close()


def _row(proven: inbox.Proven, appid: str, request_id: str) -> Row | None:
    """The columns of PROVEN; None where this process cannot decide by what it remembers."""
    push = proven.push
    if push.is_component_push or proven.by_previous_key:
        return None
    user_name = push.get("ToUserName")
    if not user_name or is_release_test(appid, user_name):
        return None
    is_known = push.kind in routing.MESSAGE_PUSHES
    values = inbox.row_of(proven, is_known=is_known, appid=appid, request_id=request_id)
    return {**values, "user_name": user_name, "component": proven.component}


class Kept(NamedTuple):
    """What is known of a row that has just been kept."""

    pk: int
    account_id: int
    account_kind: str
    is_awaited: bool  # a rule may have something to say


def _work_out(values: Row, kept: Kept, proven: inbox.Proven) -> Answer | None:
    """What the push with the columns VALUES is answered: the short way, or else the plain one."""
    row = Push(pk=kept.pk, **{name: values[name] for name in _COLUMNS})
    row.is_awaited = True
    received = Received(row, read_message(proven.push), kept.account_id, kept.account_kind)
    try:
        with _writer.lent() as free:
            answer = fast_answer.answer(free, received, proven.push)
            counts.count_worked_out(row.kind, row.state)
            return answer
    except fast_answer.Unusual:
        pass
    except Exception as error:  # noqa: BLE001 -- the plain way meets it again, and deals with it
        logger.warning("the short way to an answer has failed: %s", type(error).__name__)
    return processing.process_awaited(row.pk, row.appid, row.openid)


# The statement

_COLUMNS = {
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
_PARAMETERS = {**_COLUMNS, "user_name": "text"}
_NAMES = ", ".join(_COLUMNS)
_KEEP = f"""
WITH kept AS (
  INSERT INTO {Push._meta.db_table} ({_NAMES})
  SELECT {", ".join(f"w.{name}" for name in _COLUMNS)}
  FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _PARAMETERS.items())})
    AS w({", ".join(_PARAMETERS)})
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


def _connect() -> "psycopg.Connection[Any]":
    """A connection of the door's own: each statement is a transaction, and none takes long."""
    options = connections["default"].get_connection_params()
    names = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
    return psycopg.connect(
        **{name: options[name] for name in names if options.get(name)},
        autocommit=True,
        prepare_threshold=0,
        options=f"-c statement_timeout={STATEMENT_TIMEOUT} -c TimeZone=UTC",
    )


def _parameters(rows: list[Row]) -> dict[str, Any]:
    component: Component = rows[0]["component"]
    keys = {key: str(component.__dict__[key]) for key in inbox.KEYS}
    columns = {name: as_array(row[name] for row in rows) for name in _PARAMETERS}
    return {**columns, **keys, "of_component": component.pk}


# Together


class _Waiting:
    """A row that waits for the statement; its thread sleeps until it is kept, or is to write."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.kept: Kept | None = None
        self.error: psycopg.Error | None = None
        self.is_done = False
        self.wake = threading.Lock()  # free once there is something to wake for
        self.wake.acquire()


class Writer:
    """Keeps rows, many by one statement, without ever waiting for more to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._is_writing = False
        self._free: deque[psycopg.Connection[Any]] = deque()

    def keep(self, row: Row) -> Kept | None:
        """What is known of ROW, kept now, for the first time; else None. Raises psycopg.Error."""
        waiting = _Waiting(row)
        with self._lock:
            self._queue.append(waiting)
            is_leader, self._is_writing = not self._is_writing, True
        if not is_leader:
            waiting.wake.acquire()
        if not waiting.is_done:
            self._lead()
        if waiting.error:
            raise waiting.error
        return waiting.kept

    def _lead(self) -> None:
        """Write what waits, ours among it; then hand over to whoever has come meanwhile."""
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(MAX_ROWS_AT_ONCE, len(self._queue)))]
        try:
            self._write(batch)
        finally:
            with self._lock:
                heir = self._queue[0] if self._queue else None
                self._is_writing = heir is not None
            for waiting in batch:
                waiting.is_done = True
                waiting.wake.release()
            if heir:
                heir.wake.release()

    def _write(self, batch: list[_Waiting]) -> None:
        groups: dict[int, list[_Waiting]] = {}
        for waiting in batch:
            groups.setdefault(id(waiting.row["component"]), []).append(waiting)
        for group in groups.values():
            try:
                self._write_rows(group)
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
            free = self.take()
            try:
                rows = free.execute(_KEEP, parameters, prepare=True).fetchall()
            except psycopg.OperationalError:
                free.close()
                self.close()  # the others will be dead as well
                if is_last:
                    raise
                continue
            except BaseException:
                free.close()
                raise
            self.give_back(free)
            return rows
        raise AssertionError("the second try either returns or raises")

    def take(self) -> "psycopg.Connection[Any]":
        """A connection that is free, or a new one."""
        return self._free.pop() if self._free else _connect()

    def give_back(self, free: "psycopg.Connection[Any]") -> None:
        self._free.append(free)

    @contextmanager
    def lent(self) -> Iterator["psycopg.Connection[Any]"]:
        """A connection, which stays ours unless it is broken or in the middle of something."""
        free = self.take()
        try:
            yield free
        finally:
            if free.info.transaction_status == TransactionStatus.IDLE:
                self.give_back(free)
            else:
                free.close()

    def close(self) -> None:
        while self._free:
            self._free.pop().close()


_writer = Writer()


@contextmanager
def one_connection() -> Iterator["psycopg.Connection[Any]"]:
    """The connection that the next push takes, to be looked at."""
    with _writer.lent() as free:
        yield free


def close_connections() -> None:
    """Let go of the connections that are free."""
    _writer.close()

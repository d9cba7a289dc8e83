"""
The short way in: a WSGI callable before Django that keeps a message by one prepared statement.

It decides by what this process remembers, on the condition, inside the statement, that this is
true: the component's keys are as remembered, the account is known by this name, and no target has
anything to say at once. Where no row comes back, or the database is not PostgreSQL, the request
goes on to Django as it came (`webhooks.views`), which decides anew: the two agree, as a test shows.
Where a rule may have something to say, `webhooks.fast_answer` asks it.
Where the database is in trouble the answer is 503 at once: to try again is WeChat's part.

Measured by `python -m benchmarks push`.
"""

import io
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from structlog.contextvars import bound_contextvars

from messaging.services.receiving import Received
from miniprograms.services.addresses import is_release_test
from platform_auth import deadlines, wakeup
from platform_auth.fields import Unreadable
from platform_auth.logs import request_id
from platform_auth.models import Push
from webhooks import counts, fast_answer, inbox, processing, routing, tasks, views
from webhooks.fast_inbox import COLUMNS, Kept, Row, Writer
from webhooks.handlers import Answer
from wechat.errors import Untrusted
from wechat.messages import read_message

logger = logging.getLogger(__name__)

PATH = re.compile(r"/wechat/(?:wx[0-9a-zA-Z]{8,30})/push/?")
SUCCESS, UNAVAILABLE = b"success", b"unavailable"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def fast_door(application: Application) -> Application:
    """APPLICATION with the short way before it, where the database has one."""
    if connection.vendor != "postgresql":
        return application

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or not PATH.fullmatch(environ["PATH_INFO"]):
            return application(environ, start_response)
        with deadlines.within(views.ANSWER_WITHIN):
            return _answer(environ, start_response) or application(environ, start_response)

    _warm_up()
    return door


def _answer(environ: dict[str, Any], start_response: Any) -> list[bytes] | None:
    """The answer to a push; None where it is Django's."""
    body = _read_body(environ)
    if body is None:
        return None
    # From here on it has an id, also where it is Django's.
    environ["HTTP_X_REQUEST_ID"] = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    try:
        text = _receive(environ, body)
    except psycopg.OperationalError as error:
        counts.UNAVAILABLE.add(views.MESSAGE, "database")
        with bound_contextvars(request_id=environ["HTTP_X_REQUEST_ID"]):
            logger.error("a push could not be kept: %s", type(error).__name__)
        start_response("503 Service Unavailable", _headers(UNAVAILABLE))
        return [UNAVAILABLE]
    if text is None:
        environ["wsgi.input"] = io.BytesIO(body)
        return None
    start_response("200 OK", _headers(text))
    return [text]


def _warm_up() -> None:
    """Before the first push: what is remembered, and a connection. Without a database: later."""
    try:
        inbox.read_components()
        with _writer.connections.lent():
            pass
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
    kind = "text/plain" if text in (SUCCESS, UNAVAILABLE) else "text/xml"
    return [("Content-Type", kind), ("Content-Length", str(len(text)))]


def _receive(environ: dict[str, Any], body: bytes) -> bytes | None:
    """
    What a push that is kept now, for the first time, is answered; None: it is Django's. Raises
    psycopg.OperationalError where the database is in trouble.
    """
    until = time.monotonic() + views.ANSWER_WITHIN
    try:
        _envelope_appid, sealed = inbox.read_sealed(environ.get("QUERY_STRING", ""), body)
        proven = inbox.prove(sealed, inbox.remembered_components())
        row = _row(proven, environ)
        with deadlines.within(views.KEEP_WITHIN):
            kept = _writer.keep(row) if row else None
    except psycopg.OperationalError:
        raise
    except (Untrusted, Unreadable, psycopg.Error):
        return None  # Django says why
    if row is None or kept is None:
        return None
    counts.count_accepted(views.MESSAGE, row["kind"], is_new=True)
    if kept.is_awaited:
        with bound_contextvars(request_id=row["request_id"], push=kept.pk):
            text = _answer_at_once(row, kept, proven, sealed.nonce, until)
        if text is not None:
            return text
    wakeup.enqueue_now(tasks.process_pushes)
    return SUCCESS


def _answer_at_once(
    row: Row, kept: Kept, proven: inbox.Proven, nonce: str, until: float
) -> bytes | None:
    """What a rule has to say; None where that fails."""
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


def _row(proven: inbox.Proven, environ: dict[str, Any]) -> Row | None:
    """The columns of PROVEN; None where this process cannot decide by what it remembers."""
    push, appid = proven.push, environ["PATH_INFO"].split("/")[2]
    if push.is_component_push or proven.by_previous_key:
        return None
    user_name = push.get("ToUserName")
    if not user_name or is_release_test(appid, user_name):
        return None
    is_known = push.kind in routing.MESSAGE_PUSHES
    values = inbox.row_of(
        proven, is_known=is_known, appid=appid, request_id=environ["HTTP_X_REQUEST_ID"]
    )
    return {**values, "user_name": user_name, "component": proven.component}


def _work_out(values: Row, kept: Kept, proven: inbox.Proven) -> Answer | None:
    """What the push with the columns VALUES is answered: the short way, or else the plain one."""
    row = Push(pk=kept.pk, **{name: values[name] for name in COLUMNS})
    row.is_awaited = True
    received = Received(row, read_message(proven.push), kept.account_id, kept.account_kind)
    try:
        with _writer.connections.lent() as free:
            answer = fast_answer.answer(free, received, proven.push)
            counts.count_worked_out(row.kind, row.state)
            return answer
    except fast_answer.Unusual:
        pass
    except Exception as error:  # noqa: BLE001 -- the plain way meets it again, and deals with it
        logger.warning("the short way to an answer has failed: %s", type(error).__name__)
    return processing.process_awaited(row.pk, row.appid, row.openid)


_writer = Writer()


@contextmanager
def one_connection() -> Iterator[deadlines.Connection]:
    """The connection that the next push takes, to be looked at."""
    with _writer.connections.lent() as free:
        yield free


def close_connections() -> None:
    """Let go of the connections that are free."""
    _writer.connections.close()

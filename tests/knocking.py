"""Requests as a server hands them over: through the whole WSGI stack, headers and all."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from sandbox.wire.envelope import Sealed
from sandbox.world import WeChat
from tests.threads import together
from webhooks import processing

T = TypeVar("T")

COMPONENT_DOOR = "/wechat/component/push/"


@dataclass(frozen=True)
class Answer:
    """Everything that goes back to whoever knocked."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


FORBIDDEN = Answer(403, (("Content-Type", "text/plain"), ("Content-Length", "9")), b"forbidden")
SUCCESS = Answer(200, (("Content-Type", "text/plain"), ("Content-Length", "7")), b"success")
UNAVAILABLE = Answer(
    503, (("Content-Type", "text/plain"), ("Content-Length", "11")), b"unavailable"
)


@dataclass(frozen=True)
class Knock:
    """A request; a push in its honest form unless parts of it are replaced."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    environ: dict[str, Any] = field(default_factory=dict)

    def answer(self) -> Answer:
        """What our whole stack says."""
        return send(self.method, self.path, urlencode(self.query), self.body, environ=self.environ)


@lru_cache(maxsize=1)
def _application() -> WSGIHandler:
    return WSGIHandler()


def send(
    method: str, path: str, query: str, body: bytes, *, environ: dict[str, Any] | None = None
) -> Answer:
    """One request; ENVIRON overrides what a server would say of it, None takes it away."""
    told = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "text/xml",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **(environ or {}),
    }
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        started.extend((status, headers))

    with _connection_kept():
        response = _application()(
            {name: value for name, value in told.items() if value is not None},
            start_response,
        )
        content = b"".join(response)
        response.close()
    if method == "POST" and started[0].startswith("200"):
        processing.process_due()  # as a worker does that the push has woken
    return Answer(int(started[0].split()[0]), tuple(started[1]), content)


@contextmanager
def _connection_kept() -> Iterator[None]:
    """The test's own transaction outlives the request, as with Django's test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def at_the_door(sealed: Sealed) -> Knock:
    """A push on its way to the URL it was sealed for."""
    path = sealed.url.removeprefix("http://testserver")
    return Knock(quote(path), dict(sealed.params), sealed.body)


def ticket_push(wechat: WeChat, **tamper: Any) -> Knock:
    """A new ticket, not delivered yet."""
    push = wechat.push(
        "component_verify_ticket", {"ComponentVerifyTicket": f"ticket@@@{'t' * 86}"}, **tamper
    )
    wechat.outbox.clear()
    return at_the_door(push.sealed)


def message_push(wechat: WeChat, appid: str, **more: Any) -> Knock:
    """A user's message to the account APPID, not delivered yet."""
    push = wechat.push_message(appid, {"MsgType": "text", "Content": "hello"}, **more)
    wechat.outbox.clear()
    return at_the_door(push.sealed)


def without_database(job: Callable[[], T]) -> T | Exception:
    """JOB in a thread whose database is a PostgreSQL that has gone away."""

    def run() -> T:
        connections["default"] = _gone()
        return job()

    [outcome] = together([run])
    return outcome


def _gone() -> DatabaseWrapper:
    settings = {**connection.settings_dict, "NAME": "gone", "HOST": "127.0.0.1", "PORT": "1"}
    return DatabaseWrapper(settings | {"OPTIONS": {"connect_timeout": 1}}, "default")

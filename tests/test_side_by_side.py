"""Calls side by side in one thread end as each would have ended by itself."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import sockets
from tests.sockets import Answer, Server, ok, says, says_and_leaves
from tests.test_wechat_http_network import BROKEN, FLOODS, HEAD, SLOW, certificate, tls
from wechat import http
from wechat.errors import BadAnswer, Refused, Unreachable, WeChatError

__all__ = ["certificate"]

PATH = "/cgi-bin/x"
WHOLE: dict[str, Answer] = {
    "an answer": says(ok(b'{"errcode": 0, "name": "\xe7\x94\xb2"}')),
    "an answer in chunks": says(
        HEAD + b'Transfer-Encoding: chunked\r\n\r\ne\r\n{"errcode": 0}\r\n0\r\n\r\n'
    ),
    "an answer that ends with its connection": says_and_leaves(HEAD + b'\r\n{"errcode": 0}'),
    "an answer on the last exchange": says(
        HEAD + b'Connection: close\r\nContent-Length: 14\r\n\r\n{"errcode": 0}'
    ),
    "no content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a refusal": says(ok(b'{"errcode": 40001, "errmsg": "invalid credential"}')),
    "busy": says(ok(b'{"errcode": -1}')),
    "HTML": says(ok(b"<html>")),
    "502": says(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    "compressed": says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
}
ALL = WHOLE | BROKEN | SLOW | FLOODS

Serve = Callable[..., Server]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A server that answers well once a connection, and then as a test wants it."""
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "DEADLINE", 0.6)
    with ExitStack() as stack:

        def start(answer: Answer, context: ssl.SSLContext | None = None) -> Server:
            ports: set[Any] = set()

            def first_well(connection: socket.socket, server: Server) -> None:
                port = connection.getpeername()
                (answer if port in ports else says(ok()))(connection, server)
                ports.add(port)

            server = stack.enter_context(sockets.serving(first_well, context))
            url = f"https://localhost:{server.port}" if context else server.url
            http.configure(api_url=url)
            return server

        yield start
    http.configure(api_url="https://wechat.test")


def _open_connection() -> None:
    http.call(PATH, {}, access_token="t", repeat=False)


def _side_by_side(count: int, within: float = 60) -> list[dict[str, Any] | WeChatError | None]:
    bodies = [{"number": number} for number in range(count)]
    until = time.monotonic() + within
    return http.call_side_by_side(PATH, bodies, dict, access_token="t", until=until)


def _alone() -> dict[str, Any] | WeChatError:
    try:
        return http.call(PATH, {}, access_token="t", repeat=False)
    except WeChatError as error:
        return error


def _described(outcome: dict[str, Any] | WeChatError | None) -> object:
    return (type(outcome), outcome if isinstance(outcome, dict) else str(outcome))


@pytest.mark.parametrize("what", ALL)
def test_a_call_ends_as_by_itself(serve: Serve, what: str) -> None:
    serve(ALL[what])
    _open_connection()
    alone = _alone()
    serve(ALL[what])
    _open_connection()
    started = time.monotonic()
    [outcome] = _side_by_side(1)
    assert time.monotonic() - started < 2.5
    if what in WHOLE:
        assert _described(outcome) == _described(alone)
    else:
        assert isinstance(outcome, Unreachable)
        assert isinstance(alone, Unreachable)
        assert isinstance(outcome, BadAnswer) == isinstance(alone, BadAnswer)


def test_a_connection_serves_one_after_the_other_and_is_kept(serve: Serve) -> None:
    server = serve(says(ok()))
    _open_connection()
    assert _side_by_side(2) == [{"errcode": 0}] * 2
    assert _side_by_side(1) == [{"errcode": 0}]
    assert len(set(server.ports)) == 1
    assert [request.partition(b"\r\n\r\n")[2] for _, request in server.requests[1:]] == [
        b'{"number": 0}',
        b'{"number": 1}',
        b'{"number": 0}',
    ]


def test_under_tls_as_well(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.session, "verify", str(certificate))
    serve(says(ok(b'{"errcode": 0, "text": "%s"}' % (b"x" * 300_000))), tls(certificate))
    _open_connection()
    assert [type(outcome) for outcome in _side_by_side(2)] == [dict, dict]


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_is_begun_where_connections_are_too_few(serve: Serve, count: int) -> None:
    server = serve(says(ok()))
    if count > 1:
        _open_connection()
    before = len(server.requests)
    assert _side_by_side(count) == [None] * count
    assert len(server.requests) == before
    assert _alone() == {"errcode": 0}


def test_nothing_is_begun_too_late(serve: Serve) -> None:
    server = serve(says(ok()))
    _open_connection()
    assert _side_by_side(1, within=0) == [None]
    assert len(server.requests) == 1
    assert _alone() == {"errcode": 0}
    assert len(set(server.ports)) == 1


def test_one_that_fails_takes_no_other_along(serve: Serve) -> None:
    answers = iter([says(ok(b'{"errcode": 40001}')), says(ok()), says_and_leaves(b"")])

    def in_turn(connection: socket.socket, server: Server) -> None:
        next(answers)(connection, server)

    serve(in_turn)
    _open_connection()
    refused, whole = _side_by_side(2)
    assert isinstance(refused, Refused)
    assert whole == {"errcode": 0}
    broken, unbegun = _side_by_side(2)
    assert isinstance(broken, Unreachable)
    assert unbegun is None


def test_each_is_counted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, str]] = []
    monkeypatch.setattr(http, "_on_call", lambda call: counted.append((call.path, call.outcome)))
    serve(says(ok(b'{"errcode": 45009}')))
    _open_connection()
    _side_by_side(2)
    assert counted == [(PATH, "0"), (PATH, "45009"), (PATH, "45009")]

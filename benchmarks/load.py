"""A small keep-alive HTTP client, so that what it costs does not hide what the server costs."""

import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
LONGEST = 120.0  # seconds; no benchmark waits longer


class Unexpected(Exception):
    """The server said something else than was hoped for."""


@dataclass
class Load:
    """What came of a load: how long it took in all, and each answer, in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


@dataclass
class _Line:
    """One connection: what it is receiving, and when it sent."""

    socket: socket.socket
    received: bytes = b""
    sent_at: float = 0.0


def send(port: int, requests: Iterable[bytes], *, expect: bytes, connections: int = 16) -> Load:
    """Send REQUESTS over CONNECTIONS, the next as soon as one is answered 200 with EXPECT."""
    waiting, load = deque(requests), Load()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for _ in range(min(connections, len(waiting))):
            line = _Line(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line.socket, selectors.EVENT_READ, line)
            _send(line, waiting.popleft())
        while selector.get_map():
            if time.perf_counter() - started > LONGEST:
                raise Unexpected(f"not done within {LONGEST:.0f} s")
            for key, _ in selector.select(1):
                _go_on(key.data, waiting, load, expect, selector)
        load.seconds = time.perf_counter() - started
    return load


def _go_on(
    line: _Line,
    waiting: deque[bytes],
    load: Load,
    expect: bytes,
    selector: selectors.BaseSelector,
) -> None:
    """Take in what has arrived on LINE; if that is a whole answer, send the next request."""
    chunk = line.socket.recv(65536)
    if not chunk:
        raise Unexpected("the server hung up")
    line.received += chunk
    head, found, body = line.received.partition(b"\r\n\r\n")
    if not found:
        return
    length = LENGTH.search(head)
    if length is None or not head.startswith(b"HTTP/1.1 200 "):
        raise Unexpected(head.decode(errors="replace"))
    if len(body) < int(length[1]):
        return
    if body != expect:
        raise Unexpected(repr(body))
    load.latencies.append(time.perf_counter() - line.sent_at)
    if waiting:
        _send(line, waiting.popleft())
    else:
        selector.unregister(line.socket)


def _send(line: _Line, request: bytes) -> None:
    line.received, line.sent_at = b"", time.perf_counter()
    line.socket.sendall(request)

"""
Requests at a steady rate, whatever becomes of those before. How long each took is counted from when
it was due, so that a server which holds up one is charged for all that wait behind it.
"""

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

from benchmarks.load import LENGTH

LINES = 64  # as many requests may be under way
TIMEOUT = 10.0  # seconds; WeChat hangs up after five


@dataclass(frozen=True)
class Answered:
    """STATUS is 0 where no whole answer came."""

    status: int
    seconds: float


def send(port: int, requests: Sequence[bytes], *, rate: float) -> list[Answered]:
    """The answers to REQUESTS, so many a second, in their order."""
    started = time.perf_counter() + 0.1
    mine, lines = threading.local(), ExitStack()

    def ask(number: int) -> Answered:
        due = started + number / rate
        time.sleep(max(due - time.perf_counter(), 0))
        if not hasattr(mine, "line"):
            mine.line = lines.enter_context(closing(_Line(port)))
        status = mine.line.ask(requests[number])
        return Answered(status, time.perf_counter() - due)

    with lines, ThreadPoolExecutor(LINES) as pool:
        return list(pool.map(ask, range(len(requests))))


class _Line:
    """A connection that is kept, and made anew where it broke."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> int:
        """The status of the answer to REQUEST; 0 without one."""
        is_kept = self._socket is not None
        try:
            return self._exchange(request)
        except OSError:
            self.close()
        # The server may have let go of a kept connection just before.
        return self.ask(request) if is_kept else 0

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _exchange(self, request: bytes) -> int:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
        self._socket.sendall(request)
        received = b""
        while True:
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionError
            received += chunk
            head, is_whole, body = received.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            if is_whole and length and len(body) >= int(length[1]):
                return int(head.split()[1])

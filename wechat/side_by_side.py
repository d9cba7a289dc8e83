"""
Many exchanges side by side in one thread, over connections that are kept: for the one call of which
there are hundreds a second, the refresh of a token.

Only a shortcut for `transport.send` in a thread each, with the same outcomes: 150 µs of processor
time an exchange instead of 290 (`python -m benchmarks refresh`), since no thread has to be woken.
It connects to nobody. Where open connections are too few it begins nothing, and whoever calls it
goes on in threads, which leave behind the connections of the next time.
"""

import selectors
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead
from io import BytesIO
from socket import socket

from requests import Session

from wechat.bulkhead import take_late_place
from wechat.transport import (
    Answer,
    Bounds,
    Transport,
    TransportError,
    as_answer,
    as_trouble,
    encode,
    prepare,
    read_response,
)

EACH = 2  # exchanges of a connection, one after the other; more would make a slow WeChat slower
LOOK_EVERY = 0.1  # seconds, for those that are late
_PIECE = 64 * 1024
_EMPTY_LINE = b"\r\n\r\n"
_NOTHING_MORE = (BlockingIOError, ssl.SSLWantReadError)

Request = tuple[str, str, Mapping[str, str], bytes]
Ending = Answer | TransportError | None


def send_side_by_side(
    session: Session,
    requests: Sequence[Request],
    new_bounds: Callable[[], Bounds],
    until: float,
) -> list[Ending]:
    """
    What came of each of REQUESTS (method, URL, headers, body; all of one origin), as
    `transport.send` returns or raises it, or None for one that was not begun. NEW BOUNDS gives
    those of one that begins now; none does after UNTIL, a `time.monotonic()`. Raises Crowded.
    """
    outcomes: list[Ending] = [None] * len(requests)
    adapter = session.get_adapter(requests[0][1]) if requests else None
    if isinstance(adapter, Transport):
        take_late_place()
        _Exchanges(adapter, requests, new_bounds, until, outcomes).run()
    return outcomes


@dataclass(slots=True)
class _Exchange:
    """Request NUMBER on its way over SOCK, and what is there of its answer."""

    number: int
    sock: socket
    bounds: Bounds
    started: float
    late_at: float
    received: bytearray = field(default_factory=bytearray)

    def makefile(self, _mode: str) -> BytesIO:
        """As http.client asks a socket for what it reads."""
        return BytesIO(self.received)

    def advance(self) -> tuple[Answer, bool] | None:
        """
        Take what has come, without waiting for more: the answer if it is whole now, and whether the
        connection can be used again. Raises OSError and HTTPException.
        """
        try:
            while piece := self.sock.recv(_PIECE):
                self.received += piece
                self.late_at = min(self.bounds.deadline, time.monotonic() + self.bounds.silence)
                if answer := self._read(is_all=False):
                    return answer
        except _NOTHING_MORE:
            return None
        return self._read(is_all=True)

    def _read(self, *, is_all: bool) -> tuple[Answer, bool] | None:
        is_all |= len(self.received) > self.bounds.max_bytes + _PIECE  # as much as is wanted
        if not is_all and _EMPTY_LINE not in self.received:
            return None
        try:
            response, is_reusable = read_response(self, self.bounds)
        except IncompleteRead:
            if is_all:
                raise
            return None
        body = response.raw.read()
        is_cut = len(body) > self.bounds.max_bytes
        if "Transfer-Encoding" in response.headers:
            is_whole = self.received.endswith(_EMPTY_LINE)  # http.client takes half a line for one
        else:  # without a length it ends where the connection ends
            is_whole = is_reusable or "Content-Length" in response.headers
        if not (is_all or is_cut or is_whole):
            return None
        return as_answer(response, body, self.bounds, self.started), is_reusable


class _Exchanges:
    """One run of `send_side_by_side`."""

    def __init__(
        self,
        transport: Transport,
        requests: Sequence[Request],
        new_bounds: Callable[[], Bounds],
        until: float,
        outcomes: list[Ending],
    ) -> None:
        self._transport = transport
        self._requests = requests
        self._origin, _head = encode(prepare(*requests[0]))
        self._new_bounds = new_bounds
        self._until = until
        self._outcomes = outcomes
        self._waiting: list[int] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """To the end of all that is begun."""
        socks: list[socket] = []
        while len(socks) < len(self._requests) and (sock := self._transport.take(self._origin)):
            socks.append(sock)
        if EACH * len(socks) >= len(self._requests):
            self._waiting = list(reversed(range(len(self._requests))))
        with self._selector:
            for sock in socks:
                self._begin(sock)
            looked_at = time.monotonic()
            while exchanges := self._selector.get_map():
                for key, _events in self._selector.select(LOOK_EVERY):
                    self._advance(key.data)
                if time.monotonic() > looked_at + LOOK_EVERY:
                    looked_at = time.monotonic()
                    for key in list(exchanges.values()):
                        if key.data.late_at < looked_at:
                            self._fail(key.data, TimeoutError())

    def _begin(self, sock: socket) -> None:
        """The next request on SOCK; which is kept where there is none."""
        if not self._waiting or time.monotonic() >= self._until:
            self._transport.give_back(self._origin, sock, is_reusable=True)
            return
        bounds, started = self._new_bounds(), time.monotonic()
        late_at = min(bounds.deadline, started + bounds.silence)
        exchange = _Exchange(self._waiting.pop(), sock, bounds, started, late_at)
        self._selector.register(sock, selectors.EVENT_READ, exchange)
        try:
            sock.settimeout(bounds.read_timeout)
            request = self._requests[exchange.number]
            sock.sendall(encode(prepare(*request))[1] + request[3])
            sock.setblocking(False)
        except OSError as error:
            self._fail(exchange, error)

    def _advance(self, exchange: _Exchange) -> None:
        try:
            answer = exchange.advance()
        except (OSError, HTTPException) as error:
            self._fail(exchange, error)
            return
        if answer:
            self._outcomes[exchange.number], is_reusable = answer
            self._selector.unregister(exchange.sock)
            if is_reusable:
                self._begin(exchange.sock)
            else:
                exchange.sock.close()

    def _fail(self, exchange: _Exchange, error: Exception) -> None:
        trouble = as_trouble(error, self._origin)
        trouble.seconds = time.monotonic() - exchange.started
        self._outcomes[exchange.number] = trouble
        self._selector.unregister(exchange.sock)
        exchange.sock.close()

"""
One exchange whose answer is read in pieces: for files that other programs fetch through us. As
bounded as `transport.send`, of which it is the long way round, and over the same connections.
"""

import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Protocol, cast

from requests import PreparedRequest, Session
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from wechat.bulkhead import take_late_place
from wechat.transport import (
    Body,
    Bounds,
    Incoming,
    Origin,
    Transport,
    as_trouble,
    encode,
    origin_of,
    prepare,
    send_all,
)


class _Source(Protocol):
    def read(self, most: int, /) -> bytes: ...
    def close(self) -> None: ...


class Stream:
    """An answer whose body is still coming."""

    def __init__(
        self, status: int, headers: Mapping[str, str], source: _Source, origin: Origin
    ) -> None:
        self.status, self.headers = status, headers
        self._source, self._origin = source, origin

    @property
    def length(self) -> int | None:
        """How long the body is to be, where the answer says so."""
        text = self.headers.get("Content-Length", "")
        is_told = "Transfer-Encoding" not in self.headers and text.isascii() and text.isdigit()
        return int(text[:18]) if is_told else None

    def read(self, most: int) -> bytes:
        """The next MOST bytes, or what there is of them at the end. Raises TransportError."""
        try:
            return self._source.read(most)
        except (OSError, HTTPException, HTTPError) as error:
            self.close()
            raise as_trouble(error, self._origin) from None

    def prolong(self, seconds: float) -> None:
        """From now on the rest has so many SECONDS."""
        if isinstance(self._source, _Connection):
            self._source.prolong(seconds)

    def close(self) -> None:
        """Let go of the connection; one whose answer was read whole is kept for the next."""
        self._source.close()


def open_stream(
    session: Session, method: str, url: str, headers: Mapping[str, str], body: Body, bounds: Bounds
) -> Stream:
    """The answer to one request, as far as its headers. Raises TransportError and Crowded."""
    take_late_place()
    request, origin = prepare(method, url, headers, body), origin_of(url)
    try:
        adapter, verify = session.get_adapter(url), session.verify or True
        if isinstance(adapter, Transport):
            source = _Connection(adapter, request, bounds, verify)
            return Stream(source.status, source.headers, source, origin)
        response = adapter.send(request, stream=True, timeout=cast(Any, bounds), verify=verify)
    except (OSError, HTTPException, HTTPError) as error:
        raise as_trouble(error, origin) from None
    return Stream(response.status_code, response.headers, response.raw, origin)


class _Connection:
    """An exchange over a socket, which is TRANSPORT's again once the answer is read."""

    def __init__(
        self, transport: Transport, request: PreparedRequest, bounds: Bounds, verify: Any
    ) -> None:
        self._transport = transport
        self._origin, head = encode(request)
        self._sock = transport.connect(self._origin, bounds, verify)
        self._incoming = Incoming(self._sock, bounds)
        self._answer = HTTPResponse(cast(Any, self._incoming))
        self._is_open = True
        try:
            send_all(self._sock, head, cast(Body, request.body), bounds)
            self._answer.begin()
        except BaseException:
            self.close()
            raise
        self.status = self._answer.status
        self.headers = CaseInsensitiveDict(self._answer.headers.items())

    def read(self, most: int, /) -> bytes:
        piece = self._answer.read(most)
        if len(piece) < most and self._answer.length:
            raise IncompleteRead(piece, self._answer.length)
        return piece

    def prolong(self, seconds: float) -> None:
        self._incoming.bounds = self._incoming.bounds.until(time.monotonic() + seconds)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            is_reusable = self._answer.isclosed() and not self._answer.will_close
            self._answer.close()
            self._transport.give_back(self._origin, self._sock, is_reusable=is_reusable)

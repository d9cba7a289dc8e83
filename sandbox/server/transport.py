"""The sandbox in process, behind `requests`: mount the adapter and no socket is opened."""

import io
import time
from collections.abc import Mapping
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from sandbox.server.router import respond
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat

LONGEST_WAIT = 60


class SandboxAdapter(HTTPAdapter):
    """A requests transport to a `WeChat` object: `session.mount("https://", …)`."""

    def __init__(self, wechat: WeChat) -> None:
        super().__init__()
        self.wechat = wechat

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        reply = respond(self.wechat, _incoming(request))
        if reply.drop == "before":
            raise requests.ConnectionError(_refused_connection(request), request=request)
        _wait(reply, _read_timeout(timeout), request)
        if reply.drop == "after":
            reason = ConnectionResetError("Remote end closed connection without response")
            raise requests.ConnectionError(
                ProtocolError("Connection aborted.", reason), request=request
            )
        return self.build_response(request, _raw(reply, request))

    def close(self) -> None:
        """Nothing is open."""


def _incoming(request: requests.PreparedRequest) -> Request:
    url = urlsplit(request.url or "")
    body: Any = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return Request(
        method=request.method or "GET",
        path=url.path,
        query_string=url.query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else body,
    )


def _refused_connection(request: requests.PreparedRequest) -> MaxRetryError:
    """What urllib3 raises where nobody listens; like the real one it names the whole URL."""
    pool = HTTPConnectionPool(urlsplit(request.url or "").hostname or "sandbox")
    reason = NewConnectionError(pool, "Failed to establish a new connection")  # type: ignore[arg-type]
    return MaxRetryError(pool, request.path_url, reason)


def _wait(reply: Reply, read_timeout: float | None, request: requests.PreparedRequest) -> None:
    """Sleep as long as the answer takes, or until the client has had enough."""
    patience = LONGEST_WAIT if read_timeout is None else read_timeout
    if reply.until is not None:
        late = not reply.until.wait(patience)
    else:
        late = reply.delay > patience
        time.sleep(min(reply.delay, patience))
    if late:
        raise requests.ReadTimeout(f"Read timed out. (read timeout={patience})", request=request)


def _read_timeout(timeout: Any) -> float | None:
    value = timeout[1] if isinstance(timeout, tuple) else timeout
    value = getattr(value, "read_timeout", value)
    return None if value is None else float(value)


def _raw(reply: Reply, request: requests.PreparedRequest) -> HTTPResponse:
    body = io.BytesIO(reply.sent) if reply.slow is None else _Trickle(reply.sent, reply.slow)
    return HTTPResponse(
        body=body,
        headers={"Content-Length": str(len(reply.body)), **reply.headers},
        status=reply.status,
        preload_content=False,
        decode_content=False,
        request_method=request.method,
    )


class _Trickle(io.BytesIO):
    """A body that arrives at so many bytes a second."""

    def __init__(self, body: bytes, rate: float) -> None:
        super().__init__(body)
        self._rate = rate
        self._ended = Event()

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self._ended.wait(len(part) / self._rate)
        return part

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(1) if size else b""

    def close(self) -> None:
        self._ended.set()
        super().close()

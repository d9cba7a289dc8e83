"""
The one transport: every HTTP exchange that we begin, with one deadline over all of it (look-up,
connection, handshake, sending, answer), a longest silence and a largest body.

A name is looked up once, and what the SSRF guard has judged is what is connected to; TLS is
verified for the name. Nothing is sent twice, followed or unpacked, and no proxy of the environment
is used. The wire is `http.client`'s, on sockets of our own; `requests` lends the shape of its
adapters, any of which may be mounted in the network's place. docs/transport.md says why.
"""

import math
import os
import select
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BufferedReader, BytesIO, RawIOBase
from ipaddress import IPv4Address, IPv6Address, ip_address
from threading import Thread
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from requests import PreparedRequest, ReadTimeout, Response, Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.filepost import encode_multipart_formdata

from wechat.bulkhead import take_late_place

PIECE = 16 * 1024
PORTS = {"https": 443, "http": 80}
HEADERS = {"User-Agent": "wechat-component-platform", "Accept-Encoding": "identity"}

Address = IPv4Address | IPv6Address
Guard = Callable[["Origin", list[Address]], object]


class File(Protocol):
    """A body that is read in pieces, of a length that is known."""

    def __len__(self) -> int: ...
    def read(self, most: int, /) -> bytes: ...


Body = bytes | File
encode_form = encode_multipart_formdata


def _(text: str) -> str:
    """Marks TEXT for the translations' catalogue."""
    return text


class Cause(StrEnum):
    """What went wrong. Errors of the layers below are never quoted: they name URLs, and secrets."""

    LOOKUP_TIMEOUT = _("Looking up %(host)s took too long.")
    NAME_NOT_FOUND = _("%(host)s was not found.")
    CONNECT_TIMEOUT = _("%(host)s could not be connected to in time.")
    CONNECTION_REFUSED = _("%(host)s takes no connection.")
    CERTIFICATE_INVALID = _("The certificate of %(host)s is not valid.")
    HANDSHAKE_FAILED = _("%(host)s does not speak HTTPS as it should.")
    ANSWER_TIMEOUT = _("%(host)s did not answer in time.")
    CONNECTION_BROKEN = _("%(host)s broke off before its answer was whole.")


class TransportError(Exception):
    """No whole answer. SENTENCE, a Cause unless a guard raises it, and PARAMS say why."""

    def __init__(self, sentence: str, **params: str) -> None:
        super().__init__(sentence % params)
        self.sentence = sentence
        self.params = params
        self.seconds = 0.0  # until it was known, where that is told

    @property
    def was_sent(self) -> bool:
        """Whether the request went out, at least in part, so that its effect is unknown."""
        return self.sentence in (Cause.ANSWER_TIMEOUT, Cause.CONNECTION_BROKEN)


def _left(deadline: float) -> float:
    """Seconds until DEADLINE, a `time.monotonic()`. Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@dataclass(frozen=True, slots=True)
class Bounds:
    """DEADLINE is a `time.monotonic()`; CONNECT and SILENCE are seconds within it."""

    deadline: float
    max_bytes: int
    connect: float = math.inf
    silence: float = math.inf

    def until(self, deadline: float) -> "Bounds":
        """The same with another DEADLINE."""
        return Bounds(deadline, self.max_bytes, self.connect, self.silence)

    @property
    def read_timeout(self) -> float:
        """Seconds until the next byte, as urllib3's time-outs name it. Raises TimeoutError."""
        return min(_left(self.deadline), self.silence)


class Origin(NamedTuple):
    """Who is connected to."""

    is_secure: bool
    host: str
    port: int

    @property
    def name(self) -> str:
        """Host and port as an HTTP request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == PORTS["https" if self.is_secure else "http"]
        return host if is_usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; of its body, as it was sent, at most the beginning that was asked for."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    seconds: float
    is_cut: bool  # whether there was more of it

    @property
    def is_good(self) -> bool:
        """Whether it says that the request was taken; a redirect does not."""
        return 200 <= self.status < 300

    @property
    def location(self) -> str:
        """Where a redirect leads, without its query."""
        return self.headers.get("Location", "").partition("#")[0].partition("?")[0]


class Outside:
    """What there is of a network: names, connections, and whose certificates are believed."""

    def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of HOST. Raises OSError."""
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(sockaddr[0]) for *_rest, sockaddr in infos]

    def connect(self, address: Address, port: int, timeout: float) -> socket.socket:
        """A connection to ADDRESS. Raises OSError."""
        return socket.create_connection((str(address), port), timeout)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The system's certificates, where operators add their own, and the public ones."""
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context


# A test puts a world of its own in its place.
outside = Outside()


def send(
    session: Session, method: str, url: str, headers: Mapping[str, str], body: bytes, bounds: Bounds
) -> Answer:
    """The answer to one request, through SESSION's adapter. Raises TransportError and Crowded."""
    take_late_place()
    started = time.monotonic()
    request = prepare(method, url, headers, body)
    try:
        adapter, timeout, verify = session.get_adapter(url), cast(Any, bounds), session.verify
        response = adapter.send(request, stream=True, timeout=timeout, verify=verify or True)
        content = b"".join(iter(lambda: response.raw.read(bounds.max_bytes + 1), b""))
    except (OSError, HTTPException, HTTPError) as error:
        raise as_trouble(error, origin_of(url)) from None
    return as_answer(response, content, bounds, started)


def prepare(method: str, url: str, headers: Mapping[str, str], body: Body) -> PreparedRequest:
    """A request with the headers of all of ours."""
    request = PreparedRequest()  # by hand: `session.request` costs twice the exchange
    request.method, request.url, request.body = method, url, cast(Any, body)
    request.headers = CaseInsensitiveDict({**HEADERS, **headers})
    if len(body) or method != "GET":
        request.headers["Content-Length"] = str(len(body))
    return request


def as_answer(response: Response, content: bytes, bounds: Bounds, started: float) -> Answer:
    """RESPONSE with CONTENT, or the beginning of it, as whoever asked gets it."""
    content, is_cut = content[: bounds.max_bytes], len(content) > bounds.max_bytes
    seconds = time.monotonic() - started
    return Answer(response.status_code, content, response.headers, seconds, is_cut)


def as_trouble(error: Exception, origin: Origin) -> TransportError:
    """What ERROR of the layers below means."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    cause = Cause.CONNECTION_BROKEN
    if isinstance(reason, NewConnectionError):
        cause = Cause.CONNECTION_REFUSED
    elif isinstance(error, TimeoutError | ReadTimeout):
        cause = Cause.ANSWER_TIMEOUT
    return TransportError(cause, host=origin.name)


class Transport(BaseAdapter):
    """
    Exchanges over real sockets. KEEP connections at most wait for the next one with their origin;
    GUARD raises a TransportError for addresses that must not be connected to.
    """

    def __init__(self, keep: int, guard: Guard | None) -> None:
        super().__init__()
        self._keep = keep
        self._guard = guard
        self._kept: defaultdict[Origin, list[socket.socket]] = defaultdict(list)
        if keep:  # a child must not share its parent's connections
            os.register_at_fork(after_in_child=self.close)

    def send(
        self, request: PreparedRequest, *_: Any, timeout: Any = None, verify: Any = True, **__: Any
    ) -> Response:
        """The whole answer to REQUEST. TIMEOUT is its Bounds; proxies are not heeded."""
        if not self._keep:
            request.headers["Connection"] = "close"
        origin, head = encode(request)
        sock = self.connect(origin, timeout, verify)
        is_reusable = False
        try:
            send_all(sock, head, cast(bytes, request.body), timeout)
            response, is_reusable = read_response(Incoming(sock, timeout), timeout)
        finally:
            self.give_back(origin, sock, is_reusable=is_reusable)
        return response

    def connect(self, origin: Origin, bounds: Bounds, verify: Any) -> socket.socket:
        """A connection to ORIGIN, one that was kept or a new one. Raises TransportError."""
        return self.take(origin) or _connect(origin, bounds, verify, self._guard)

    def take(self, origin: Origin) -> socket.socket | None:
        """A kept connection to ORIGIN that is open and has nothing to say, if there is one."""
        with suppress(IndexError):
            while sock := self._kept[origin].pop():
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                if not poll.poll(0):
                    return sock
                sock.close()
        return None

    def give_back(self, origin: Origin, sock: socket.socket, *, is_reusable: bool) -> None:
        """Keep SOCK for the next exchange with ORIGIN, or close it."""
        if is_reusable and len(self._kept[origin]) < self._keep:
            self._kept[origin].append(sock)
        else:
            sock.close()

    def close(self) -> None:
        """Let go of the kept connections."""
        for kept in self._kept.values():
            while kept:
                kept.pop().close()


def new_session(*, keep: int = 0, guard: Guard | None = None, verify: Any = True) -> Session:
    """What `send` goes through: adapters by the beginning of a URL; a Transport serves them all."""
    session, transport = Session(), Transport(keep, guard)
    session.verify = verify
    session.mount("https://", transport)
    session.mount("http://", transport)
    return session


def _parse(url: str) -> tuple[Origin, str]:
    """Whom URL names, and what it asks of them. Raises TransportError."""
    try:
        parts = urlsplit(url)
        host = cast(str, parts.hostname).encode("idna").decode()
        origin = Origin(parts.scheme == "https", host, parts.port or PORTS[parts.scheme])
    except (AttributeError, KeyError, ValueError):  # without a host, a scheme, or sense
        raise TransportError(Cause.NAME_NOT_FOUND, host="?") from None
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def origin_of(url: str) -> Origin:
    """Whom URL names. Raises TransportError."""
    return _parse(url)[0]


def look_up(origin: Origin, deadline: float) -> list[Address]:
    """All addresses of ORIGIN, at least one. Raises TransportError."""
    with suppress(ValueError):
        return [ip_address(origin.host)]
    try:
        if texts := _resolve(origin, deadline):
            return [ip_address(text) for text in dict.fromkeys(texts)]
    except TimeoutError:
        raise TransportError(Cause.LOOKUP_TIMEOUT, host=origin.host) from None
    except (OSError, ValueError):  # a ValueError where a name cannot be encoded
        pass
    raise TransportError(Cause.NAME_NOT_FOUND, host=origin.host)


def _resolve(origin: Origin, deadline: float) -> list[str]:
    """The system's resolver knows no time-out: it has a thread of its own, which ends with it."""
    future: Future[list[str]] = Future()

    def run() -> None:
        try:
            future.set_result(outside.look_up(origin.host, origin.port))
        except (OSError, ValueError) as error:
            future.set_exception(error)

    Thread(target=run, name="look-up", daemon=True).start()
    return future.result(max(deadline - time.monotonic(), 0))


def _connect(origin: Origin, bounds: Bounds, verify: Any, guard: Guard | None) -> socket.socket:
    """A connection to the first address of ORIGIN that answers. Raises TransportError."""
    addresses = look_up(origin, bounds.deadline)
    if guard:
        guard(origin, addresses)
    until = min(bounds.deadline, time.monotonic() + bounds.connect)
    cause = Cause.CONNECTION_REFUSED
    for number, address in enumerate(addresses):
        try:
            share = _left(until) / (len(addresses) - number)
            return _secure(outside.connect(address, origin.port, share), origin, verify, until)
        except ssl.SSLCertVerificationError:
            cause = Cause.CERTIFICATE_INVALID
        except ssl.SSLError:
            cause = Cause.HANDSHAKE_FAILED
        except TimeoutError:
            cause = Cause.CONNECT_TIMEOUT
        except OSError:
            cause = Cause.CONNECTION_REFUSED
    raise TransportError(cause, host=origin.name)


def _secure(sock: socket.socket, origin: Origin, verify: Any, until: float) -> socket.socket:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not origin.is_secure:
            return sock
        sock.settimeout(_left(until))
        return _trust(verify).wrap_socket(sock, server_hostname=origin.host)
    except OSError:
        sock.close()
        raise


@lru_cache(maxsize=8)
def _trust(verify: Any) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH if verify is True else verify)


def encode(request: PreparedRequest) -> tuple[Origin, bytes]:
    """Whom REQUEST goes to, and its head. Raises ValueError where it would not be one request."""
    origin, target = _parse(request.url or "")
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {origin.name}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if " " in target or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("a line of the request's head would not be one")
    return origin, "\r\n".join([*lines, "", ""]).encode()


def send_all(sock: socket.socket, head: bytes, body: Body, bounds: Bounds) -> None:
    """HEAD and BODY to whoever is at the other end. Raises OSError."""
    with suppress(BrokenPipeError):  # it may have answered before it had it all
        for piece in _pieces(head, body):  # and may take it slowly
            sock.settimeout(bounds.read_timeout)
            sock.sendall(piece)


def _pieces(head: bytes, body: Body) -> Iterator[bytes]:
    """The whole request, of which a large body is never held twice."""
    if not isinstance(body, bytes):
        yield head
        yield from iter(lambda: body.read(PIECE), b"")
    elif len(body) <= PIECE:
        yield head + body
    else:
        yield head
        yield from (body[start : start + PIECE] for start in range(0, len(body), PIECE))


def read_response(source: Any, bounds: Bounds) -> tuple[Response, bool]:
    """The answer that SOURCE, a socket to http.client, holds; whether it can be used again."""
    with HTTPResponse(source) as answer:
        answer.begin()
        body = answer.read(bounds.max_bytes + 1)
        if answer.length and len(body) <= bounds.max_bytes:
            raise IncompleteRead(body, answer.length)
        is_reusable = answer.isclosed() and not answer.will_close
    response = Response()
    response.status_code, response.raw = answer.status, BytesIO(body)
    response.headers = CaseInsensitiveDict(answer.headers.items())
    return response, is_reusable


class Incoming(RawIOBase):
    """The bytes of SOCK within BOUNDS, however slowly they trickle in."""

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._sock = sock
        self.bounds = bounds

    def makefile(self, _mode: str) -> BufferedReader:
        """As http.client asks a socket for what it reads."""
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self.bounds.read_timeout)
        return self._sock.recv_into(buffer)

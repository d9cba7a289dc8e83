"""
The door to back ends that are not WeChat's: one POST to an address that somebody typed in.

Whoever types it must not reach our own network through us. So the name is looked up once, every
address it has is judged, and the connection goes to one of those, whatever the name says a moment
later; there are no redirects, and no proxies of the environment. Outside, that is HTTPS on port
443; what operators list in FORWARD_INTERNAL_HOSTS is let through besides.

Undelivered
├── Forbidden       an address that we do not send to; a form tells whoever typed it
├── Unreached       no connection was made, so nothing was sent
└── NoAnswer        it was sent, and no whole answer came in time: it may have arrived

Their texts name the host alone, since the rest of an address may hold a secret.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BufferedReader
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from wechat.http import UntilDeadline

MAX_ANSWER = 64 * 1024
PIECE = 16 * 1024
LOOK_UP = 5.0  # seconds, for a form
PORTS = {"https": 443, "http": 80}
USER_AGENT = "wechat-component-platform"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_AUTHORITY = r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([1-9][0-9]{0,4}))?"
_URL = re.compile(
    rf"(https?)://{_AUTHORITY}(/[\w\-.~:@!$&'()*+,;=%/]*)?(\?[\w\-.~:@!$&'()*+,;=%/?]*)?",
    re.ASCII | re.IGNORECASE,
)
_LISTED = re.compile(_AUTHORITY, re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# What the C library takes for a number, and so for the end of an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

# IANA's registries of special addresses, and one cloud's services for its own machines.
_SPECIAL = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
]
# All that is handed out so far; loopback, mapped, private and link-local ones lie outside.
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x5EFE, 0x200_5EFE)  # an IPv4 address follows


class Undelivered(Exception):
    """Base of all that `post` raises."""


class Forbidden(Undelivered):
    """We do not send there."""


class Unreached(Undelivered):
    """No connection was made: nothing was sent."""


class NoAnswer(Undelivered):
    """It was sent, at least in part, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: at most the first 64 KiB of it."""

    status: int
    body: bytes = field(repr=False)
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether it says that the request was taken; a redirect does not."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Where:
    """The parts of an address that was written as it should be."""

    is_secure: bool
    host: str
    port: int
    path: str = field(repr=False)
    address: Address | None  # if that is what the host is

    @property
    def name(self) -> str:
        """Host and port as an HTTP request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == PORTS["https" if self.is_secure else "http"]
        return host if is_usual else f"{host}:{self.port}"


class Outside:
    """What there is of a network: names, connections, and whose certificates are believed."""

    def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of HOST. Raises OSError."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(sockaddr[0]) for *_rest, sockaddr in found]

    def connect(self, address: Address, port: int, timeout: float) -> socket.socket:
        """A connection to ADDRESS. Raises OSError."""
        return socket.create_connection((str(address), port), timeout)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The system's certificates, where operators add their own, and those we bring along."""
        context = ssl.create_default_context()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context


# The seam: a test puts a world of its own in its place.
outside = Outside()


def post(url: str, body: bytes, headers: Mapping[str, str], *, deadline: float) -> Answer:
    """
    POST the JSON in BODY to URL and read the answer, all before DEADLINE, a `time.monotonic()`.

    Raises Undelivered or one of its leaves.
    """
    started = time.monotonic()
    where = _read(url)
    addresses = _judge(where, _look_up(where, deadline))
    with closing(_connect(where, addresses, deadline)) as connection:
        status, answer = _exchange(connection, where, body, headers, deadline)
    return Answer(status, answer, time.monotonic() - started)


def check_url(url: str) -> None:
    """Raises Undelivered if URL could not be sent to now."""
    where = _read(url)
    _judge(where, _look_up(where, time.monotonic() + LOOK_UP))


# Reading


def _read(url: str) -> _Where:
    """
    URL in its parts, if it is written in the one plain way: every reader of it, the C library
    included, then understands the same. Raises Forbidden.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise Forbidden(
            _("Write it like https://host/path: plain letters, no user name and no #fragment.")
        )
    scheme, authority, port, path, query = found.groups("")
    host, address = _read_host(authority)
    is_secure = scheme.lower() == "https"
    number = _read_port(port) or PORTS[scheme.lower()]
    return _Where(is_secure, host, number, f"{path or '/'}{query}", address)


def _read_port(text: str | None) -> int | None:
    """The number in TEXT, if there is one. Raises Forbidden."""
    number = int(text) if text else None
    if number and number > 65535:
        raise Forbidden(_("There is no port %(port)s.") % {"port": text})
    return number


def _read_host(text: str) -> tuple[str, Address | None]:
    """The name in TEXT, or the address that it is. Raises Forbidden."""
    host = text.lower()
    try:
        if host.startswith("["):
            inside = IPv6Address(host[1:-1])
            return str(inside), inside
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return host, IPv4Address(host)
    except ValueError:
        raise Forbidden(
            _("Write %(host)s as an address is usually written, or as a name.") % {"host": host}
        ) from None
    if not all(map(_LABEL.fullmatch, host.split("."))):
        raise Forbidden(_("%(host)s is not the name of a host.") % {"host": host})
    return host, None


# Judging


@dataclass(frozen=True, slots=True)
class Listed:
    """A host or network of our own that messages may go to; without a port, to any of its ports."""

    host: str = ""
    network: Network | None = None
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> "Listed":
        """The entry TEXT: host, host:port, address, address:port or CIDR. Raises ValueError."""
        with suppress(ValueError):
            return cls(network=ip_network(text.strip()))
        found = _LISTED.fullmatch(text.strip())
        if not found:
            raise ValueError(text)
        try:
            port = _read_port(found[2])
            host, address = _read_host(found[1])
        except Forbidden:
            raise ValueError(text) from None
        return cls(network=ip_network(address), port=port) if address else cls(host, port=port)

    def names(self, where: _Where) -> bool:
        """Whether it is the host of WHERE, by name."""
        return bool(self.host) and self.host == where.host and self.port in (None, where.port)

    def holds(self, address: Address, port: int) -> bool:
        """Whether ADDRESS is, or lies in, it."""
        return bool(self.network and address in self.network) and self.port in (None, port)


@lru_cache(maxsize=8)
def _listed(entries: tuple[str, ...]) -> list[Listed]:
    listed = []
    for text in entries:
        with suppress(ValueError):  # a system check tells; until then it lets nothing through
            listed.append(Listed.read(text))
    return listed


def _judge(where: _Where, addresses: list[Address]) -> list[Address]:
    """ADDRESSES, if WHERE may be sent to at every one of them. Raises Forbidden."""
    listed = _listed(tuple(settings.FORWARD_INTERNAL_HOSTS))
    if any(one.names(where) for one in listed):
        return addresses
    inside = [a for a in addresses if any(one.holds(a, where.port) for one in listed)]
    outer = [a for a in addresses if a not in inside]
    if not all(map(is_public, outer)):
        raise Forbidden(_("%(host)s is not an address of the internet.") % {"host": where.host})
    if outer and not (where.is_secure and where.port == PORTS["https"]):
        raise Forbidden(_("It must begin with https:// and use port 443."))
    return addresses


def is_public(address: Address) -> bool:
    """Whether ADDRESS belongs to a host of the internet, by no detour to one inside."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return False
    return address.is_global and not any(address in special for special in _SPECIAL)


def _look_up(where: _Where, deadline: float) -> list[Address]:
    """All addresses of WHERE. Raises Unreached, and Forbidden for a name of our own network."""
    if where.address:
        return [where.address]
    listed = _listed(tuple(settings.FORWARD_INTERNAL_HOSTS))
    if "." not in where.host and not any(one.names(where) for one in listed):
        raise Forbidden(_("%(host)s is not the name of a host.") % {"host": where.host})
    try:
        found = _within(deadline, lambda: outside.look_up(where.host, where.port))
        addresses = [ip_address(text) for text in dict.fromkeys(found)]
    except TimeoutError:
        why = _("Looking up %(host)s took too long.")
    except (OSError, ValueError):
        why = _("%(host)s was not found.")
    else:
        if addresses:
            return addresses
        why = _("%(host)s was not found.")
    raise Unreached(why % {"host": where.host})


def _within(deadline: float, work: Callable[[], list[str]]) -> list[str]:
    """
    What WORK gives, before DEADLINE. The system's resolver knows no time-out, so it is asked in a
    thread of its own, which ends when the resolver does. Raises OSError.
    """
    outcome: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except (OSError, ValueError) as error:  # a ValueError where a name cannot be encoded
            outcome.put(error)

    Thread(target=run, name="look-up", daemon=True).start()
    try:
        found = outcome.get(timeout=max(deadline - time.monotonic(), 0))
    except Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


# Sending


def _left(deadline: float) -> float:
    """Seconds until DEADLINE. Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(where: _Where, addresses: list[Address], deadline: float) -> socket.socket:
    """A connection to the first of ADDRESSES that answers, safe if WHERE says so."""
    problem = OSError()
    for number, address in enumerate(addresses):
        try:
            share = _left(deadline) / (len(addresses) - number)
            plain = outside.connect(address, where.port, share)
            return _secure(plain, where, deadline) if where.is_secure else plain
        except OSError as error:
            problem = error
    raise Unreached(_why_unreached(problem) % {"host": where.name}) from None


def _why_unreached(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return _("The certificate of %(host)s is not valid.")
        case ssl.SSLError():
            return _("%(host)s does not speak HTTPS as it should.")
        case TimeoutError():
            return _("%(host)s could not be connected to in time.")
        case _other:
            return _("%(host)s takes no connection.")


def _secure(plain: socket.socket, where: _Where, deadline: float) -> socket.socket:
    try:
        plain.settimeout(_left(deadline))
        return outside.trust.wrap_socket(plain, server_hostname=where.host)
    except OSError:
        plain.close()
        raise


class _Connection(HTTPConnection):
    """A request on a connection that stands, sent before the deadline however slowly it goes."""

    auto_open = 0

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__("")
        self.sock = sock
        self._deadline = deadline

    def send(self, data: Any) -> None:
        for start in range(0, len(data), PIECE):
            self.sock.settimeout(_left(self._deadline))
            self.sock.sendall(data[start : start + PIECE])


def _exchange(
    sock: socket.socket, where: _Where, body: bytes, headers: Mapping[str, str], deadline: float
) -> tuple[int, bytes]:
    """Status and body of the answer to the request. Raises NoAnswer."""
    ours = {
        "Host": where.name,
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "Connection": "close",
    }
    try:
        _Connection(sock, deadline).request("POST", where.path, body, {**ours, **headers})
        return _read_answer(sock, deadline)
    except TimeoutError:
        why = _("%(host)s did not answer in time.")
    except (OSError, HTTPException):
        why = _("%(host)s broke off before its answer was whole.")
    raise NoAnswer(why % {"host": where.name})


def _read_answer(sock: socket.socket, deadline: float) -> tuple[int, bytes]:
    response = HTTPResponse(sock, method="POST")
    response.fp.close()
    response.fp = BufferedReader(UntilDeadline(sock, deadline))
    with response:
        response.begin()
        body = response.read(MAX_ANSWER)
        if response.length and len(body) < MAX_ANSWER:
            raise HTTPException("cut short")
        return response.status, body

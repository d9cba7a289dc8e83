"""
A TCP proxy on loopback before a server of ours, whose connections a test breaks: refused, reset, or
silent; those that stand (a failover, a NAT that has forgotten them) or the new ones as well.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit, urlunsplit


class Fault(Enum):
    FROZEN = "carries nothing, and later what has come meanwhile"
    SWALLOWED = "takes everything and carries nothing, for ever"
    RESET = "is cut hard"
    REFUSED = "is cut hard, and nobody listens"


@dataclass
class Link:
    """A client's connection, and ours to the server in its name."""

    client: socket.socket
    server: socket.socket
    is_swallowed: bool = False
    sent: bytearray | None = None  # what the client has sent, where that is recorded
    may_carry: threading.Event = field(default_factory=threading.Event)
    carriers: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for ends in ((self.client, self.server), (self.server, self.client)):
            self.carriers.append(threading.Thread(target=self._carry, args=ends, daemon=True))
            self.carriers[-1].start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.may_carry.wait()
                if not self.is_swallowed:
                    target.sendall(data)
                if self.sent is not None and source is self.client:
                    self.sent += data
            self.may_carry.wait()
            if not self.is_swallowed:
                target.shutdown(socket.SHUT_WR)

    def undergo(self, fault: Fault) -> None:
        if fault is Fault.FROZEN:
            self.may_carry.clear()
        elif fault is Fault.SWALLOWED:
            self.is_swallowed = True
        else:
            self.cut()

    def cut(self) -> None:
        self.is_swallowed = True  # and no orderly end is carried either
        self.may_carry.set()
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes whoever reads
        for carrier in self.carriers:
            carrier.join(5)  # a socket that is being read is not cut by closing it
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


class Proxy:
    """Carries what comes to PORT to the server at `address`, until it is broken."""

    def __init__(self, host: str, port: int, *, records: bool = False) -> None:
        self.address = (host, port)
        self.records = records
        self.links: list[Link] = []
        self.fault: Fault | None = None  # of new connections
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = self._listen(0)

    def break_old(self, fault: Fault) -> None:
        """The connections that stand; new ones work."""
        with self._lock:
            for link in self.links:
                link.undergo(fault)

    def break_all(self, fault: Fault) -> None:
        """Those that stand, and whatever comes until `heal`."""
        self.fault = fault
        if fault is Fault.REFUSED:
            self._stop_listening()
        self.break_old(fault)

    def heal(self) -> None:
        """New connections work; those that are frozen go on."""
        self.fault = None
        if self._listener is None:
            self._listen(self.port)
        for link in self.links:
            link.may_carry.set()

    def close(self) -> None:
        self._stop_listening()
        self.break_old(Fault.RESET)

    def _listen(self, port: int) -> int:
        listener = self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        number: int = listener.getsockname()[1]
        return number

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while listener is self._listener:
            with suppress(OSError):
                self._carry(listener.accept()[0])

    def _carry(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.address)
        except OSError:
            client.close()  # the server itself is away
            return
        link = Link(client, server, sent=bytearray() if self.records else None)
        with self._lock:
            self.links = [*self.links[-1000:], link]
            link.may_carry.set()
            if self.fault:
                link.undergo(self.fault)
        link.start()


@contextmanager
def proxied(url: str, *, records: bool = False) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of URL, and the URL that goes through it."""
    parts = urlsplit(url)
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 0, records=records)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{proxy.port}"))
    finally:
        proxy.close()

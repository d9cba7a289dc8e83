"""A TCP proxy on loopback that can be silent, cut, refuse, or swallow what the server answers."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

CHUNK = 65_536
CONNECT_SECONDS = 5


class Link:
    """One connection through the proxy, a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.flows = threading.Event()
        self.flows.set()
        self.is_deaf = False  # the server is obeyed, and its answers vanish

    def start(self) -> None:
        for source, sink in ((self.client, self.server), (self.server, self.client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self.flows.wait()
                if not (self.is_deaf and source is self.server):
                    sink.sendall(data)
        self.flows.wait()  # the end of a silent connection is silent too
        self.close()

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def reset(self) -> None:
        """End it hard: both sides get a reset, whatever was under way."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD)  # wakes whoever reads it
            end.close()
        self.flows.set()


class Proxy:
    """
    Stands before the server at PORT of this machine. Faults befall the connections that stand, new
    ones, or both; `restore` ends all of them.
    """

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._is_silent = self._is_deaf = self._hangs_up = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, CONNECT_SECONDS)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, server)
        with self._lock:
            if self._hangs_up:
                link.reset()
                return
            if self._is_silent:
                link.flows.clear()
            link.is_deaf = self._is_deaf
            self._links = [other for other in self._links if other.client.fileno() >= 0]
            self._links.append(link)
        link.start()

    @property
    def links(self) -> int:
        """How many connections stand."""
        with self._lock:
            return sum(link.client.fileno() >= 0 for link in self._links)

    def silence(self, *, new: bool = True) -> None:
        """Connections stand and nothing passes; NEW ones are as silent, or work."""
        with self._lock:
            self._is_silent = new
            for link in self._links:
                link.flows.clear()

    def swallow(self) -> None:
        """The server is obeyed, and its answers vanish."""
        with self._lock:
            self._is_deaf = True
            for link in self._links:
                link.is_deaf = True

    def reset(self, *, new: bool = False) -> None:
        """Cut every connection hard; with NEW those that are made, too."""
        with self._lock:
            self._hangs_up = new
            self._cut()

    def refuse(self) -> None:
        """Nobody listens any more, and what stood is cut."""
        with self._lock:
            # A listener that a thread waits at goes on listening until that thread is woken.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._cut()

    def restore(self, *, cut: bool = False) -> None:
        """
        As if nothing had been: silent connections go on where they were, or are CUT; those whose
        answers were swallowed are always, since nobody could make sense of what follows.
        """
        with self._lock:
            if cut or self._is_deaf:
                self._cut()
            self._is_silent = self._is_deaf = self._hangs_up = False
            for link in self._links:
                link.flows.set()
            if self._listener.fileno() < 0:
                self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
                self._serve()

    def _cut(self) -> None:
        for link in self._links:
            link.reset()
        self._links = []

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self._cut()


@contextlib.contextmanager
def before(port: int) -> Iterator[Proxy]:
    """A proxy before PORT."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()

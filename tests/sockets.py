"""A server on loopback that answers, or does not, in bytes of a test's own."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Server:
    """Where it is, and what it was sent: the port of each request's sender and its bytes."""

    port: int
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ports(self) -> list[int]:
        return [port for port, _ in self.requests]


Answer = Callable[[socket.socket, Server], None]


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server whose connections read one request after the other and leave the rest to ANSWER."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = Server(door.getsockname()[1])

        def work() -> None:
            while True:
                try:
                    connection, address = door.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection, address[1]), daemon=True).start()

        def talk(connection: socket.socket, port: int) -> None:
            with suppress(OSError), connection, _secured(connection, tls) as talking:
                while request := read_request(talking):
                    server.requests.append((port, request))
                    answer(talking, server)

        threading.Thread(target=work, daemon=True).start()
        yield server
        server.closing.set()
        door.shutdown(socket.SHUT_RDWR)


def _secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(connection, server_side=True) if tls else connection


def read_request(connection: socket.socket) -> bytes:
    """The next request, b"" where there is none."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65_536)
        if not more:
            return b""
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def ok(body: bytes = b'{"errcode": 0}') -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def says(data: bytes) -> Answer:
    """Sends DATA and waits for the next request."""

    def answer(connection: socket.socket, server: Server) -> None:
        connection.sendall(data)

    return answer


def says_and_leaves(data: bytes) -> Answer:
    """Sends DATA and closes the connection."""

    def answer(connection: socket.socket, server: Server) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


def trickles(head: bytes, drop: bytes = b" ", pause: float = 0.02) -> Answer:
    """Sends HEAD, and then DROP after DROP for ever."""

    def answer(connection: socket.socket, server: Server) -> None:
        connection.sendall(head)
        while not server.closing.wait(pause):
            connection.sendall(drop)

    return answer


def floods(head: bytes) -> Answer:
    """Sends HEAD, and then as much as the other side takes."""
    return trickles(head, b" " * 65_536, 0)


def is_silent(connection: socket.socket, server: Server) -> None:
    """Says nothing until the test is over."""
    server.closing.wait(30)


def resets(connection: socket.socket, server: Server) -> None:
    """Cuts the connection hard."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

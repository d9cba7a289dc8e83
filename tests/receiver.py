"""
Back ends that messages are forwarded to, on real sockets, and the internet they are found in.

The internet is a stand-in at the door's own seam: names are what a test says, a public address
leads to a receiver of the test's, and every other one to a trap that counts who comes.
"""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import sockets
from tests.sockets import Answer, Server, ok, says
from wechat import transport
from wechat.ssrf import is_public
from wechat.transport import Address, Outside

PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:2800:220:1:248:1893:25c8:1946"
HOST = "hooks.example.com"


class Trap:
    """A server inside, which nobody may reach. `hits` counts who connected."""

    def __init__(self) -> None:
        self.hits = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._door.accept()
                self.hits += 1
                with connection, suppress(OSError):
                    sockets.read_request(connection)
                    connection.sendall(ok(b"{}"))

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@dataclass
class World(Outside):
    """An internet in which names lead where a test says; whatever else there is leads inside."""

    trap: Trap
    certificate: Path
    names: dict[str, Callable[[], list[str]]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)  # of the receiver at a public address
    asked: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)

    def look_up(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host in self.names:
            return self.names[host]()
        with suppress(OSError):  # as the C library does with what looks like a number to it
            return [socket.inet_ntoa(socket.inet_aton(host))]
        return ["127.0.0.1"]

    def connect(self, address: Address, port: int, timeout: float) -> socket.socket:
        self.dialled.append(f"{address}:{port}")
        where = self.ports.get(str(address), self.trap.port)
        return socket.create_connection(("127.0.0.1", where), timeout)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    @property
    def inside(self) -> list[str]:
        """What was dialled that is not of the internet."""
        ends = [end.rpartition(":")[0] for end in self.dialled]
        return [end for end in ends if not is_public(ip_address(end))]

    def name(self, host: str, *addresses: str) -> None:
        self.names[host] = lambda: list(addresses)


def make_certificate(path: Path, *hosts: str) -> Path:
    """A certificate of HOSTS that vouches for itself, and its key, in a file at PATH."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, hosts)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@dataclass
class Internet:
    """The world of a test, in which it puts receivers."""

    world: World
    stack: ExitStack

    def receiver(
        self, answer: Answer | None = None, address: str = PUBLIC, *, tls: bool = True
    ) -> Server:
        """A receiver at a public ADDRESS, over TLS with the certificate of HOST."""
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.world.certificate)
        server = self.stack.enter_context(sockets.serving(answer or says(ok(b"{}")), context))
        self.world.ports[address] = server.port
        return server


@contextmanager
def an_internet(folder: Path) -> Iterator[Internet]:
    """An internet with one name in it, and nobody there yet."""
    trap = Trap()
    world = World(trap, make_certificate(folder / "certificate.pem", HOST))
    world.name(HOST, PUBLIC)
    with ExitStack() as stack:
        stack.callback(trap.close)
        yield Internet(world, stack)


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """The stand-in for the internet, at the door's seam."""
    with an_internet(tmp_path) as made:
        monkeypatch.setattr(transport, "outside", made.world)
        yield made

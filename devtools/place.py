"""Where the servers of a local run listen, and by which address they are found."""

import ipaddress
import socket
from dataclasses import dataclass

from devtools.failure import Failure

EVERYWHERE = "0.0.0.0"  # noqa: S104 compared with; bound only if somebody asks for it


@dataclass(frozen=True)
class Place:
    """The address that is BOUND; people come by PUBLIC, our own processes by INSIDE."""

    bound: str = "127.0.0.1"
    public: str = "127.0.0.1"
    inside: str = "127.0.0.1"

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.bound).is_loopback

    @property
    def addresses(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys([self.inside, self.public]))


LOOPBACK = Place()


def place_of(host: str) -> Place:
    """The place for `--host HOST`. Raises Failure where this machine has no such address."""
    host = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.IPv4Address(host)
        with socket.socket() as probe:
            probe.bind((host, 0))
    except (ValueError, OSError):
        raise Failure(
            f"--host {host}: this machine has no such IPv4 address. Give one that it has, or"
            f" {EVERYWHERE} for all."
        ) from None
    if host == EVERYWHERE:
        return Place(host, _outward_address(), "127.0.0.1")
    return Place(host, host, host)


def _outward_address() -> str:
    """By which others in the network find this machine; loopback where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of nobody's; nothing is sent
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address

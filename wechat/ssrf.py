"""
The SSRF guard: whoever types an address in must not reach our own network through us. It is written
in one plain way, and every address that its name has is judged before one is connected to. Outside,
that is HTTPS on port 443; what operators list is let through besides.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from wechat.transport import PORTS, Address, Origin, TransportError


def _(text: str) -> str:
    """Marks TEXT for the translations' catalogue."""
    return text


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


class Forbidden(TransportError):
    """An address that we do not send to."""


# What an address breaks that `_URL` does not know, the first that it does.
_RULES: list[tuple[Callable[[str], object], str]] = [
    (
        lambda url: re.match(r"https?://", url, re.IGNORECASE),
        _("An address begins with https://, as in https://host/path."),
    ),
    (lambda url: not re.search(r"\s", url), _("There are no spaces in an address.")),
    (str.isascii, _("An address has plain letters only: write others as %%E4%%BD%%A0.")),
    (lambda url: "\\" not in url, _("There is no backslash in an address.")),
    (
        lambda url: "@" not in _authority(url),
        _("There is no user name in an address: leave out what stands before @."),
    ),
    (lambda url: "#" not in url, _("There is no #fragment in an address: leave it out.")),
    (
        lambda url: re.fullmatch(r"(\[.*\]|[^:]*)(:[1-9][0-9]{0,4})?", _authority(url), re.ASCII),
        _("The port of an address is a number of up to five digits."),
    ),
    (
        lambda url: re.fullmatch(_AUTHORITY, _authority(url), re.ASCII | re.IGNORECASE),
        _("The host of an address has letters, digits, dots and hyphens only."),
    ),
]


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _broken_rule(url: str) -> str:
    """What is wrong with URL, which is none."""
    for is_kept, sentence in _RULES:
        if not is_kept(url):
            return sentence
    return _("There is a sign in the path of the address that has to be written as %%xx.")


def _read_port(text: str | None) -> int | None:
    """The number in TEXT, if there is one. Raises Forbidden."""
    number = int(text) if text else None
    if number and number > 65535:
        raise Forbidden(_("There is no port %(port)s."), port=str(text))
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
        sentence = _("Write %(host)s as an address is usually written, or as a name.")
        raise Forbidden(sentence, host=host) from None
    if not all(map(_LABEL.fullmatch, host.split("."))):
        raise Forbidden(_("%(host)s is not the name of a host."), host=host)
    return host, None


@dataclass(frozen=True, slots=True)
class Listed:
    """A host or network of our own that messages may go to; without a port, to any of its ports."""

    host: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> "Listed":
        """The entry TEXT: host, host:port, address, address:port or CIDR. Raises ValueError."""
        with suppress(ValueError):
            return cls(network=ip_network(text.strip()))
        match = _LISTED.fullmatch(text.strip())
        if not match:
            raise ValueError(text)
        try:
            port = _read_port(match[2])
            host, address = _read_host(match[1])
        except Forbidden:
            raise ValueError(text) from None
        return cls(network=ip_network(address), port=port) if address else cls(host, port=port)

    def holds(self, address: Address, port: int) -> bool:
        """Whether ADDRESS is, or lies in, it."""
        return bool(self.network and address in self.network) and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may be sent to: whatever is of the internet, over HTTPS, and what is LISTED."""

    listed: Sequence[Listed]

    def read(self, url: str) -> Origin:
        """
        Whom URL names, if it is written in the one plain way: every reader of it, the C library
        included, then understands the same. Raises Forbidden.
        """
        match = _URL.fullmatch(url)
        if not match:
            raise Forbidden(_broken_rule(url))
        scheme, authority, port, *_rest = match.groups("")
        host, address = _read_host(authority)
        scheme = scheme.lower()
        origin = Origin(scheme == "https", host, _read_port(port) or PORTS[scheme])
        if not (address or "." in host or self._names(origin)):
            raise Forbidden(_("%(host)s is not the name of a host."), host=host)
        return origin

    def check(self, origin: Origin, addresses: list[Address]) -> None:
        """Raises Forbidden if ORIGIN may not be sent to at every one of its ADDRESSES."""
        is_secure, host, port = origin
        outer = [a for a in addresses if not any(one.holds(a, port) for one in self.listed)]
        if self._names(origin) or not outer:
            return
        if not all(map(is_public, outer)):
            raise Forbidden(_("%(host)s is not an address of the internet."), host=host)
        if not (is_secure and port == PORTS["https"]):
            raise Forbidden(_("It must begin with https:// and use port 443."))

    def _names(self, origin: Origin) -> bool:
        ports = (None, origin.port)
        return any(one.host == origin.host and one.port in ports for one in self.listed)


def is_public(address: Address) -> bool:
    """Whether ADDRESS belongs to a host of the internet, by no detour to one inside."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return False
    return address.is_global and not any(address in special for special in _SPECIAL)

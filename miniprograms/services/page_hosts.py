"""Addresses of other programs' pages: whether one is meant, and on a host that was allowed."""

import re
from collections.abc import Collection, Sequence
from ipaddress import ip_address

from django.conf import settings

from platform_auth.text_rules import PAGE_RULES, TextRule, check_text

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][^\x00-\x20\x7f\\]*)?",
    re.ASCII | re.IGNORECASE,
)
_USUAL_PORTS = {"http": "80", "https": "443"}


def is_page(url: str) -> bool:
    """Whether URL is a whole address that no two programs read in two ways."""
    return _ADDRESS.fullmatch(url) is not None


def check_page(url: str, rules: Sequence[TextRule] = PAGE_RULES) -> None:
    """Raises ValidationError with those of RULES that URL breaks."""
    check_text(url, rules, PAGE_RULES[0].sentence, is_page(url))


def is_listed(url: str, hosts: Collection[str]) -> bool:
    """Whether the host of URL, with its port where that is not the usual one, is one of HOSTS."""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        return False
    host, usual = match["host"].lower(), _USUAL_PORTS[match["scheme"].lower()]
    port = match["port"] or usual
    return f"{host}:{port}" in hosts or (port == usual and host in hosts)


def is_private(url: str) -> bool:
    """
    Whether nobody on the way reads what goes to URL: over https, or on this machine. On a platform
    that is itself without https, as in a trial, nothing is.
    """
    match = _ADDRESS.fullmatch(url)
    if match is None:
        return False
    is_trial = settings.PUBLIC_URL.startswith("http:")
    return match["scheme"].lower() == "https" or is_trial or _is_loopback(match["host"].lower())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Which of our doors a request came to, and from where."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

from platform_auth.events import Origin

LOGIN_DOORS = ("admin", "portal", "api")


def origin_of(request: HttpRequest) -> Origin:
    return Origin(door_of(request), client_address(request))


def door_of(request: HttpRequest) -> str:
    first = request.path_info.lstrip("/").partition("/")[0]
    return first if first in LOGIN_DOORS else "other"


def client_address(request: HttpRequest) -> str:
    """
    The client, as the outermost of our own NUM_PROXIES proxies saw it; what a client itself writes
    into X-Forwarded-For stands before that and is not read.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    proxies: int = settings.NUM_PROXIES
    seen = hops[-min(proxies, len(hops))] if proxies else peer
    return next((text for text in (seen, peer) if _is_address(text)), "")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def network_of(address: str) -> str:
    """What is counted as one client: an address, of IPv6 the /64 that a provider gives to one."""
    if ":" not in address:
        return address
    mapped = getattr(ip_address(address), "ipv4_mapped", None)
    return str(mapped or ip_network(f"{address.partition('%')[0]}/64", strict=False))

"""What every answer says to browsers, and the hosts that get one."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

import structlog
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase

STAFF_PAGES = "/admin/"
# What unfold's pages need beyond ours: Alpine.js evaluates text and writes style attributes, and
# the one style in a page holds the colours of our settings (tests/test_headers.py has its hash).
STAFF_SOURCES = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src-attr": [UNSAFE_INLINE],
    "style-src-elem": [SELF, "'sha256-KJCkt1podm27S4y9ekJZuipb2UsWLZyin9rylmbrFn4='"],
}
# What no page of ours uses. Writing to the clipboard is missing: staff copy addresses.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "browsing-topics", "camera"),
        *("display-capture", "encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid"),
        *("magnetometer", "microphone", "midi", "payment", "picture-in-picture"),
        *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
    )
)

Respond = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger(__name__)


class PolicyMiddleware(CSPMiddleware):
    """The content security policy. Nowhere is a script written into a page."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(STAFF_PAGES):
            parts.update = {**STAFF_SOURCES, **(parts.update or {})}
        return parts


def page_headers(get_response: Respond) -> Respond:
    """
    Answers are kept by no browser and no proxy, unless the view says otherwise: what is new is
    safe without anybody's thinking of it. A host that is not ours gets an answer of a few bytes.
    """
    unknown_hosts = RareLine()

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost:
            unknown_hosts.log("unknown host", host=str(request.META.get("HTTP_HOST", ""))[:100])
            response: HttpResponse = HttpResponseBadRequest(b"", content_type="text/plain")
            response.headers["X-Content-Type-Options"] = "nosniff"
        else:
            response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if request.method == "POST" and request.path_info.endswith("/logout/"):
            response.headers["Clear-Site-Data"] = '"storage"'
        return response

    return middleware


class RareLine:
    """A log line that strangers can cause: one in ten seconds, with how many it stands for."""

    SECONDS = 10.0

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = 0
        self._next = 0.0

    def log(self, event: str, **fields: object) -> None:
        with self._lock:
            self._number += 1
            number, now = self._number, monotonic()
            if now < self._next:
                return
            self._number, self._next = 0, now + self.SECONDS
        log.warning(event, number=number, **fields)

"""A push, one attempt to deliver it, and the HTTP request that carries it."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.wire.envelope import Sealed

Deliver = Callable[[str, Mapping[str, str], bytes, Mapping[str, str]], tuple[int, bytes]]

HEADERS = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Accept": "*/*"}
TIMEOUT = 5  # seconds, then WeChat cuts the connection
LONGEST_ANSWER = 65_536  # bytes that are read of the platform's answer


@dataclass(eq=False)
class Push:
    """One push; SEAL makes its wire form, again for a retry if so wished.

    ON_DELIVERY is called with the last attempt.
    """

    number: int
    kind: str
    appid: str
    inner: str
    seal: Callable[[], Sealed]
    tries: int
    sealed: Sealed
    on_delivery: "Callable[[Delivery], None] | None" = None


@dataclass(frozen=True)
class Delivery:
    """One attempt and what the platform answered.

    Status 0 is no answer at all; attempt 0 stands for a push that was dropped without a request.
    """

    at: float
    push: Push
    attempt: int
    status: int
    answer: bytes
    seconds: float = 0

    @property
    def accepted(self) -> bool:
        """Whether WeChat would leave it at that."""
        body = self.answer.strip()
        # Only messages have several tries, and only they may be answered with a reply or nothing.
        is_reply = self.push.tries > 1 and (not body or body.startswith(b"<xml>"))
        return self.status == 200 and (body == b"success" or is_reply)


OnDelivery = Callable[[Delivery], None]


def over_http(
    url: str,
    params: Mapping[str, str],
    body: bytes,
    headers: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> tuple[int, bytes]:
    """Post it for real, without proxies or redirects; (0, reason) when nothing came back."""
    address = f"{url}?{urllib.parse.urlencode(params)}"
    request = urllib.request.Request(address, data=body, headers=dict(headers))  # noqa: S310 the platform's own URL
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return response.status, response.read(LONGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(LONGEST_ANSWER)
    except OSError as error:
        return 0, type(error).__name__.encode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

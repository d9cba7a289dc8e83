"""
WeChat's side of our own doors: a request sent as WeChat would send it, to the address that the
operator has given WeChat's console, and what came back.

Like WeChat it follows no redirect; it waits twice as long, to tell what is slow from what is dead.
The query holds a signature, so no exception of the layers below is chained or quoted.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError

from wechat.http import Transport

PATIENCE = 5.0  # seconds, then WeChat hangs up
MOST = 64 * 1024


class Unheard(Exception):
    """No answer came. Its text says why, HINT what to do about it."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, whatever it is; of its body the first 64 KiB."""

    status: int
    body: bytes = field(repr=False)
    location: str  # where a redirect leads, without its query
    seconds: float

    @property
    def is_late(self) -> bool:
        """Whether WeChat had hung up by then."""
        return self.seconds > PATIENCE


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirects: requests reads a redirect's whole body even where it does not follow it."""


def ask(method: str, url: str, query: Mapping[str, str], body: bytes = b"") -> Heard:
    """The answer of URL to one request. Raises Unheard."""
    started = time.monotonic()
    with _Session() as session:
        session.trust_env = False  # WeChat comes by no proxy of ours
        session.mount("https://", Transport())
        session.mount("http://", Transport())
        try:
            with session.request(
                method,
                url,
                params=query,
                data=body or None,
                headers={"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"},
                timeout=PATIENCE,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response)
        except (requests.RequestException, OSError) as error:
            raise _unheard(error) from None
    location = urlsplit(response.headers.get("Location", ""))._replace(query="", fragment="")
    return Heard(response.status_code, content, location.geturl(), time.monotonic() - started)


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(MOST):
        body += chunk
        if len(body) >= MOST:
            break
    return bytes(body[:MOST])


def _unheard(error: Exception) -> Unheard:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    match error, reason:
        case requests.exceptions.SSLError(), _:
            return Unheard(
                _("The certificate is not one that WeChat would trust."),
                _(
                    "Look at its dates, its names and whether the server sends the whole chain; "
                    "WeChat knows public authorities only."
                ),
            )
        case requests.ConnectTimeout(), _:
            return Unheard(
                _("No connection within 5 seconds."),
                _(
                    "A firewall drops what comes, or this host cannot reach its own public "
                    "address: then rehearse from another one with the same settings."
                ),
            )
        case ((requests.Timeout() | TimeoutError()), _) | (_, ReadTimeoutError()):
            return Unheard(
                _("No answer within 10 seconds; WeChat hangs up after 5."),
                _("Look at the load, and at the logs of the web server and the database."),
            )
        case _, NameResolutionError():
            return Unheard(
                _("The name of the host is not known."),
                _("Correct PUBLIC_URL, or the entry in the DNS."),
            )
        case _, NewConnectionError():
            return Unheard(
                _("Nothing takes connections there."),
                _("Start the web server, open the port, or correct PUBLIC_URL."),
            )
        case _:
            return Unheard(
                _("The connection broke off."),
                _("Something other than this system may listen there; look at its logs."),
            )

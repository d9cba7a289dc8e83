"""
WeChat's side of our own doors: a request sent as WeChat would send it, to the address that the
operator has given WeChat's console, and what came back.

Like WeChat it follows no redirect; it waits twice as long, to tell what is slow from what is dead.
"""

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from wechat import transport
from wechat.transport import Answer, Bounds, Cause, TransportError

PATIENCE = 5.0  # seconds, then WeChat hangs up
SILENCE = 10.0
DEADLINE = 15.0
MOST = 64 * 1024
HEADERS = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0"}


class Unheard(Exception):
    """No answer came. Its text says why, HINT what to do about it."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def ask(method: str, url: str, query: Mapping[str, str], body: bytes = b"") -> Answer:
    """The answer of URL to one request. Raises Unheard."""
    bounds = Bounds(time.monotonic() + DEADLINE, MOST, connect=PATIENCE, silence=SILENCE)
    try:
        session, url = transport.new_session(), f"{url}?{urlencode(query)}"
        return transport.send(session, method, url, HEADERS, body, bounds)
    except TransportError as error:
        raise _unheard(error) from None


def is_late(answer: Answer) -> bool:
    """Whether WeChat had hung up by then."""
    return answer.seconds > PATIENCE


def _unheard(error: TransportError) -> Unheard:
    match error.sentence:
        case Cause.CERTIFICATE_INVALID | Cause.HANDSHAKE_FAILED:
            why = _("The certificate is not one that WeChat would trust.")
            hint = _(
                "Look at its dates, its names and whether the server sends the whole chain; "
                "WeChat knows public authorities only."
            )
        case Cause.CONNECT_TIMEOUT:
            why = _("No connection within 5 seconds.")
            hint = _(
                "A firewall drops what comes, or this host cannot reach its own public "
                "address: then rehearse from another one with the same settings."
            )
        case Cause.ANSWER_TIMEOUT:
            why = _("No answer within 10 seconds; WeChat hangs up after 5.")
            hint = _("Look at the load, and at the logs of the web server and the database.")
        case Cause.NAME_NOT_FOUND | Cause.LOOKUP_TIMEOUT:
            why = _("The name of the host is not known.")
            hint = _("Correct PUBLIC_URL, or the entry in the DNS.")
        case Cause.CONNECTION_REFUSED:
            why = _("Nothing takes connections there.")
            hint = _("Start the web server, open the port, or correct PUBLIC_URL.")
        case _:
            why = _("The connection broke off.")
            hint = _("Something other than this system may listen there; look at its logs.")
    return Unheard(why, hint)

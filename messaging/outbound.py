"""
What is forwarded: one POST to an address that somebody typed in, behind the SSRF guard. No error
names more of an address than its host, since the rest may hold a secret.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache

from django.conf import settings
from django.utils.translation import gettext as _

from wechat import ssrf, transport
from wechat.bulkhead import take_place
from wechat.ssrf import Guard, Listed
from wechat.transport import Answer as Answer
from wechat.transport import Bounds, TransportError

MAX_ANSWER = 64 * 1024
LOOK_UP = 5.0  # seconds, for a form


class Undelivered(Exception):
    """Base of all that `post` raises."""


class Forbidden(Undelivered):
    """An address that we do not send to; a form tells whoever typed it."""


class Unreached(Undelivered):
    """No connection was made: nothing was sent."""


class NoAnswer(Undelivered):
    """It was sent, at least in part, and no whole answer came: it may have arrived."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, deadline: float) -> Answer:
    """
    POST the JSON in BODY to URL and read the answer, all before DEADLINE, a `time.monotonic()`.

    Raises Undelivered or one of its leaves.
    """
    guard = _guard(tuple(settings.FORWARD_INTERNAL_HOSTS))
    session = transport.new_session(guard=guard.check, verify=transport.outside.trust)
    headers = {"Content-Type": "application/json", **headers}
    with _as_undelivered():
        guard.read(url)
        return transport.send(session, "POST", url, headers, body, Bounds(deadline, MAX_ANSWER))


def check_url(url: str) -> None:
    """Raises Undelivered if URL could not be sent to now, Crowded before it is looked up."""
    take_place()
    guard = _guard(tuple(settings.FORWARD_INTERNAL_HOSTS))
    with _as_undelivered():
        origin = guard.read(url)
        guard.check(origin, transport.look_up(origin, time.monotonic() + LOOK_UP))


@contextmanager
def _as_undelivered() -> Iterator[None]:
    try:
        yield
    except TransportError as error:
        kind: type[Undelivered] = NoAnswer if error.was_sent else Unreached
        kind = Forbidden if isinstance(error, ssrf.Forbidden) else kind
        raise kind(_(error.sentence) % error.params) from None


@lru_cache(maxsize=8)
def _guard(entries: tuple[str, ...]) -> Guard:
    listed = []
    for text in entries:
        with suppress(ValueError):  # a system check tells; until then it lets nothing through
            listed.append(Listed.read(text))
    return Guard(listed)

"""
One flight at a time over all processes: whoever takes the lease asks WeChat, the others wait for
the value. Nothing is locked and no database connection is held during a call or a wait.
"""

import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from django.db import connection
from django.utils.translation import gettext as _

from platform_auth.fields import Unreadable
from wechat.bulkhead import take_place
from wechat.errors import BackingOff, NotReady, WeChatError

logger = logging.getLogger(__name__)

MAX_WAIT = 25.0  # seconds, as long as a lease: then whoever waited takes over


class TokenRow(Protocol):
    """A leased row whose `live_token` is its access token, or "" once that has expired."""

    @property
    def live_token(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def now(self) -> datetime: ...
    @property
    def failures(self) -> int: ...
    @property
    def last_error(self) -> str: ...
    def take_lease(self) -> bool: ...


R = TypeVar("R", bound=TokenRow)


def release_db_connection() -> None:
    """Give this thread's database connection back before a call to WeChat, or a sleep."""
    if not connection.in_atomic_block:
        connection.close()


def single_flight(
    read: Callable[[], R], refresh: Callable[[R], str | None], *, refused: str = ""
) -> str:
    """
    The row's access token: the one it holds while that is alive and not due, else a new one.

    READ gives the row as it is now, `with_clock()`. REFRESH is called by whoever has the lease and
    returns the token it has written, or None if it was fenced off; when it raises, a token that is
    still alive is used. REFUSED is a token that WeChat has just turned down.
    Raises NotReady or BackingOff where asking now is pointless, and what REFRESH raises.
    """
    try:
        return _read_or_refresh(read, refresh, refused)
    finally:
        release_db_connection()


def _read_or_refresh(
    read: Callable[[], R], refresh: Callable[[R], str | None], refused: str
) -> str:
    deadline = time.monotonic() + MAX_WAIT
    while True:
        row = read()
        usable, is_spoilt = _usable_token(row, refused)
        if not _should_ask(row, is_spoilt):
            if usable:
                return usable
            raise _reason_not_to_ask(row)
        take_place()  # before the lease: whoever has that asks
        if row.take_lease():
            if token := _refresh_row(row, refresh, usable):
                return token
        elif usable:
            return usable
        elif time.monotonic() > deadline:
            raise BackingOff(_("The token is still being refreshed."))
        else:
            release_db_connection()
            time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 -- spreads load, hides nothing


def _usable_token(row: TokenRow, refused: str) -> tuple[str, bool]:
    """
    ROW's live token, or ""; and whether there was one that is no good, since WeChat turned it
    down or it cannot be decrypted.
    """
    try:
        held = row.live_token
    except Unreadable as error:
        logger.error("%s", error)
        return "", True
    return ("", True) if held and held == refused else (held, False)


def _reason_not_to_ask(row: TokenRow) -> WeChatError:
    """Why WeChat is not asked about ROW: nothing to ask with, or it failed a moment ago."""
    if row.due_at is not None and row.failures:
        return BackingOff(row.last_error)
    return NotReady(row.last_error or _("There is no token, and nothing to get one with."))


def _should_ask(row: TokenRow, is_spoilt: bool) -> bool:
    """Whether it is time to ask WeChat: the row is due, or its token was good and is no more."""
    if row.due_at is None:
        return False
    return row.due_at <= row.now or (is_spoilt and not row.failures)


def _refresh_row(row: R, refresh: Callable[[R], str | None], usable: str) -> str | None:
    release_db_connection()
    try:
        return refresh(row)
    except WeChatError:
        if usable:
            return usable
        raise

"""
The log of calls to WeChat: a row for each, also for each of a batch.

A call costs whoever makes it a tuple in memory; what a process has collected is written every two
seconds, or as soon as there is enough, by one statement for up to a thousand rows
(`platform_auth.writers`). Measured for a call: 5 µs where it is made, and 4 of the writer's, which
waits another 16 for PostgreSQL. While the database is away rows wait, MOST of a process; what does
not fit is counted and left out, and nobody waits for it. A process that is killed takes up to two
seconds along.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DataError
from django.db.models.functions import Now
from structlog.contextvars import get_contextvars

from platform_auth.counters import Counter
from platform_auth.leases import release_db_connection
from platform_auth.models import WeChatCall
from platform_auth.statements import run_many
from platform_auth.writers import Writer
from wechat.calls import EndedCall
from wechat.explanations import find_refused_address

logger = logging.getLogger(__name__)

MOST = 10_000  # rows that wait in one process: some 5 MB
BATCH = 1000  # rows of one statement; so many are written at once
DELETED_AT_ONCE = 5000
FORGET_SECONDS = 60.0  # the next run goes on

UNLOGGED = Counter(
    "wechat_calls_unlogged", "Calls to WeChat that the log of calls has no row for.", first=((),)
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a person by name, with the client they ask by, or a job."""

    name: str = ""
    client_id: int | None = None


def _of_process() -> Asker:
    """Of what nobody asked for: a command by its name, and no name for a server."""
    program, *words = sys.argv or [""]
    is_command = Path(program).name == "manage.py"
    return Asker(" ".join(["manage.py", *words[:1]]) if is_command else "")


_OF_PROCESS = _of_process()
_asker: ContextVar[Callable[[], Asker]] = ContextVar("asker", default=lambda: _OF_PROCESS)


@contextmanager
def asked_by(find: Callable[[], Asker]) -> Iterator[None]:
    """Whatever is asked of WeChat within is asked by whom FIND names, once there is a call."""
    before = _asker.set(find)
    try:
        yield
    finally:
        _asker.reset(before)


def begin_job(name: str) -> None:
    """From now on it is the job NAME that asks, until the next one begins."""
    asker = Asker(name)
    _asker.set(lambda: asker)


_lock, _writing = threading.Lock(), threading.Lock()
_rows: deque[tuple[Any, ...]] = deque()


def keep_call(call: EndedCall) -> None:
    """A row for CALL, soon."""
    asker, request_id = _asker.get()(), get_contextvars().get("request_id", "")
    row = (
        datetime.now(UTC) - timedelta(seconds=call.seconds),
        call.appid[:32],
        call.path[:200],
        call.outcome[:20],
        call.rid[:64],
        round(call.seconds * 1000),
        call.attempt,
        asker.name[:150],
        asker.client_id,
        str(request_id)[:64],
        _refused_address(call),
    )
    with _lock:
        _rows.append(row)
        is_full = len(_rows) > MOST
        if is_full:
            _rows.popleft()
    if is_full:
        UNLOGGED.add()
    _writer.wake(is_urgent=len(_rows) >= BATCH)


def _refused_address(call: EndedCall) -> str:
    """The address of ours that WeChat names as it refuses CALL for it, or ""."""
    refusal = find_refused_address(f"{call.outcome} {call.errmsg}")
    return refusal[1] if refusal else ""


def discard() -> None:
    """Forget what waits."""
    global _lock, _writing
    _lock, _writing = threading.Lock(), threading.Lock()
    _rows.clear()


_COLUMNS = {
    "at": "timestamptz",
    "appid": "text",
    "path": "text",
    "outcome": "text",
    "rid": "text",
    "milliseconds": "integer",
    "attempt": "integer",
    "asked_by": "text",
    "client_id": "bigint",
    "request_id": "text",
    "refused_address": "text",
}
_NAMES = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO {WeChatCall._meta.db_table} ({_NAMES}) SELECT {_NAMES} FROM {{w}}"  # noqa: S608


def write() -> None:
    """Write what waits. Raises the database's errors; what was not written waits on."""
    with _writing:
        while rows := _oldest():
            try:
                run_many(_INSERT, _COLUMNS, rows)
            except DataError as error:  # one of them would be in the way of all others for ever
                logger.error("calls are not logged: %s", type(error).__name__)
                UNLOGGED.add(by=len(rows))
            _drop(rows)


def _oldest() -> list[tuple[Any, ...]]:
    with _lock:
        return list(islice(_rows, BATCH))


def _drop(rows: list[tuple[Any, ...]]) -> None:
    """Those of ROWS that were not dropped meanwhile, since too many wait."""
    with _lock:
        for row in rows:
            if _rows and _rows[0] is row:
                _rows.popleft()


_writer = Writer("calls", write, lambda: settings.CALLS_WRITTEN_EVERY, discard)


def forget_old(budget: float = FORGET_SECONDS) -> int:
    """
    Delete the rows that are older than CALL_LOG_DAYS, for at most BUDGET seconds; how many. They
    were written in the order of time, but for seconds, so that the oldest have the lowest numbers.
    """
    oldest = Now() - timedelta(days=settings.CALL_LOG_DAYS)
    until, number = time.monotonic() + budget, 0
    while time.monotonic() < until:
        rows = WeChatCall.objects.filter(at__lt=oldest)
        numbers = WeChatCall.objects.order_by("pk").values_list("pk", flat=True)
        if last := numbers[DELETED_AT_ONCE - 1 : DELETED_AT_ONCE].first():
            rows = rows.filter(pk__lte=last)
        deleted = rows.delete()[0]
        number += deleted
        release_db_connection()
        if deleted < DELETED_AT_ONCE:
            break
    return number

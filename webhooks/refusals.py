"""
What the push URLs refuse, counted. A stranger is told nothing; operators see the reason, so that
"nothing arrives" and "it arrives and is refused" are two things.

Counts are kept in the database, so that all processes agree, but a flood of forged pushes writes no
more than once in `settings.REFUSALS_WRITTEN_EVERY` seconds a process.
"""

import logging
import threading
import time
from collections import Counter

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F
from django.db.models.functions import Now

from platform_auth.models import PushRefusal

logger = logging.getLogger(__name__)

LOG_EVERY = 60.0  # seconds, of one door and reason

Refusal = tuple[str, str]  # door and reason

_lock = threading.Lock()
_counts: Counter[Refusal] = Counter()
_written_at = float("-inf")
_writing: threading.Timer | None = None
_logged_at: dict[Refusal, float] = {}


def count_refusal(door: str, reason: str) -> None:
    """One more request at DOOR, "component" or "message", was refused for REASON."""
    _log((door, reason))
    with _lock:
        _counts[door, reason] += 1
        wait = _written_at + settings.REFUSALS_WRITTEN_EVERY - time.monotonic()
        if wait > 0:
            _write_later(wait)
            return
    _write()


def _log(refusal: Refusal) -> None:
    now = time.monotonic()
    if now > _logged_at.get(refusal, float("-inf")) + LOG_EVERY:
        _logged_at[refusal] = now
        logger.warning("a request at the %s push URL was refused: %s", *refusal)


def _write_later(wait: float) -> None:
    """Under the lock. Nobody may come again to write what was counted."""
    global _writing
    if _writing is None or not _writing.is_alive():
        _writing = threading.Timer(wait, _write_in_thread)
        _writing.daemon = True
        _writing.start()


def _write_in_thread() -> None:
    try:
        _write()
    finally:
        connection.close()


def _write() -> None:
    global _written_at
    with _lock:
        counts = dict(_counts)
        _counts.clear()
        _written_at = time.monotonic()
    try:
        for (door, reason), number in sorted(counts.items()):
            _add(door, reason, number)
    except (DatabaseError, InterfaceError) as error:
        logger.error("refusals were not counted: %s", type(error).__name__)


def _add(door: str, reason: str, number: int) -> None:
    rows = PushRefusal.objects.filter(door=door, reason=reason)
    if not rows.update(count=F("count") + number, newest_at=Now()):
        PushRefusal.objects.bulk_create(
            [PushRefusal(door=door, reason=reason)], ignore_conflicts=True
        )
        rows.update(count=F("count") + number, newest_at=Now())

"""Asking a target while WeChat waits for the answer to its push."""

import logging
import threading
import time

from django.db import DatabaseError

from messaging.models import Delivery
from messaging.services.forwarding.delivering import deliver
from messaging.services.forwarding.leasing import lease_deliveries
from platform_auth.leases import release_db_connection
from wechat.replies import Content

logger = logging.getLogger(__name__)

# Pushes of one process that wait for a target's answer: half of its threads, of which all pushes
# need one (--blocking-threads).
MAX_CONCURRENT = 4

_places = threading.BoundedSemaphore(MAX_CONCURRENT)


class _PendingAnswer:
    """A target's answer, for whoever waits for it until it is there or the time is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._content: Content | None = None

    def set(self, content: Content | None) -> bool:
        """CONTENT is the answer, or that there is none. Whether somebody was still waiting."""
        with self._lock:
            if self._is_over.is_set():
                return False
            self._content = content
            self._is_over.set()
            return True

    def wait(self, until: float) -> Content | None:
        """What is set before UNTIL, a `time.monotonic()`."""
        self._is_over.wait(max(until - time.monotonic(), 0))
        with self._lock:
            self._is_over.set()
            return self._content


def answer_within(delivery: Delivery, until: float) -> Content | None:
    """
    Deliver DELIVERY now, to a target that answers; its reply if that comes before UNTIL, a
    `time.monotonic()`. A later one becomes a message of its own.
    """
    if until <= time.monotonic() or not _places.acquire(blocking=False):
        return None
    pending = _PendingAnswer()
    asking = threading.Thread(target=_deliver, args=(delivery, pending), name="ask", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # the system has no thread to spare
        _places.release()
        raise
    release_db_connection()
    return pending.wait(until)


def _deliver(delivery: Delivery, pending: _PendingAnswer) -> None:
    try:
        for leased in lease_deliveries(delivery.target_id, 1, only=delivery.pk):
            release_db_connection()
            deliver(leased, pending.set)
    except DatabaseError as error:  # it stays due, or its lease runs out
        logger.warning("a target was not asked: %s", type(error).__name__)
    except Exception:
        logger.exception("a delivery to target %s", delivery.target_id)
    finally:
        pending.set(None)
        _places.release()
        release_db_connection()

"""Asking a target while WeChat waits for the answer to its push."""

import logging
import threading
import time
from concurrent.futures import Future
from functools import partial

from django.db import DatabaseError

from messaging.models import Delivery
from messaging.services.forwarding.delivering import deliver
from messaging.services.forwarding.leasing import lease_deliveries
from platform_auth.leases import release_db_connection
from wechat.replies import Content

logger = logging.getLogger(__name__)

# Pushes of one process that wait for a target's answer; all pushes need one of its places
# (config/admission.py).
MAX_WAITING = 4

_places = threading.BoundedSemaphore(MAX_WAITING)


def answer_within(delivery: Delivery, until: float) -> Content | None:
    """
    Deliver DELIVERY now, to a target that answers; its reply if that comes before UNTIL, a
    `time.monotonic()`. A later one becomes a message of its own.
    """
    if until <= time.monotonic() or not _places.acquire(blocking=False):
        return None
    pending: Future[Content | None] = Future()
    asking = threading.Thread(target=_deliver, args=(delivery, pending), name="ask", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # the system has no thread to spare
        _places.release()
        raise
    release_db_connection()
    try:
        return pending.result(max(until - time.monotonic(), 0))
    except TimeoutError:
        return None if pending.cancel() else pending.result()


def _offer(pending: Future[Content | None], content: Content | None) -> bool:
    """Whether somebody was still waiting for CONTENT, or for the news that there is none."""
    if pending.done() or not pending.set_running_or_notify_cancel():
        return False
    pending.set_result(content)
    return True


def _deliver(delivery: Delivery, pending: Future[Content | None]) -> None:
    try:
        for leased in lease_deliveries(delivery.target_id, 1, only=delivery.pk):
            release_db_connection()
            deliver(leased, partial(_offer, pending))
    except DatabaseError as error:  # it stays due, or its lease runs out
        logger.warning("a target was not asked: %s", type(error).__name__)
    except Exception:
        logger.exception("a delivery to target %s", delivery.target_id)
    finally:
        _offer(pending, None)
        _places.release()
        release_db_connection()

"""
Wake-ups: a Celery worker starts early on rows that are due. A wake-up may be lost; the sweeps are
not.

A thread of its own publishes, so that a broker which is down or half open costs the person or the
push that enqueues nothing at all. A wake-up that waits in the queue is not enqueued twice, and a
task without arguments, which finds all that is due by itself, is published at most every
PUBLISH_PAUSE. What does not fit in the queue is counted and dropped.
"""

import logging
import os
import queue
import threading
import time
from typing import Any

from celery import Task
from django.db import transaction
from prometheus_client import Counter

logger = logging.getLogger(__name__)

PUBLISH_PAUSE = 0.05  # seconds

MISSED_WAKE_UPS = Counter("bell_missed_total", "Wake-up calls that did not reach the broker.")

_WakeUp = tuple[Task[Any, Any], tuple[int | str, ...]]


class _Publisher:
    """One queue and one publishing thread a process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting: queue.Queue[_WakeUp] = queue.Queue(100)
        self.queued: set[_WakeUp] = set()  # what is in the queue
        threading.Thread(target=self._publish, name="wake-ups", daemon=True).start()

    def put(self, wake_up: _WakeUp) -> None:
        if wake_up in self.queued:
            return
        self.queued.add(wake_up)
        try:
            self.waiting.put_nowait(wake_up)
        except queue.Full:
            self.queued.discard(wake_up)
            MISSED_WAKE_UPS.inc()

    def _publish(self) -> None:
        while True:
            wake_up = self.waiting.get()
            # Before it is published: the worker may have looked by the time of the next one.
            self.queued.discard(wake_up)
            task, args = wake_up
            try:
                task.apply_async(args, retry=False, ignore_result=True)
            except Exception as error:  # noqa: BLE001 -- whatever the broker's client raises
                MISSED_WAKE_UPS.inc()
                logger.warning("no wake-up for %s: %s", task.name, type(error).__name__)
            if not args:
                time.sleep(PUBLISH_PAUSE)


_publisher: _Publisher | None = None
_lock = threading.Lock()


def enqueue(task: Task[Any, Any], *args: int | str) -> None:
    """Run TASK soon, after the present transaction. ARGS are ids: a secret never is one."""
    transaction.on_commit(lambda: _enqueue(task, args), robust=True)


def _enqueue(task: Task[Any, Any], args: tuple[int | str, ...]) -> None:
    global _publisher
    with _lock:
        if _publisher is None or _publisher.pid != os.getpid():  # a fork takes no thread along
            _publisher = _Publisher()
        _publisher.put((task, args))

"""
The bell: wakes a Celery worker early for rows that are due. It may be lost; the sweeps are not.

A thread of its own publishes, so that a broker which is down or half open costs the person or the
push that rang nothing at all. What does not fit in the queue is counted and dropped.
"""

import logging
import os
import queue
import threading
from typing import Any

from celery import Task
from django.db import transaction
from prometheus_client import Counter

logger = logging.getLogger(__name__)

MISSED = Counter("bell_missed_total", "Wake-up calls that did not reach the broker.")


class _Ringer:
    """One queue and one publishing thread a process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting: queue.Queue[tuple[Task[Any, Any], tuple[Any, ...]]] = queue.Queue(100)
        threading.Thread(target=self._publish, name="bell", daemon=True).start()

    def _publish(self) -> None:
        while True:
            task, args = self.waiting.get()
            try:
                task.apply_async(args, retry=False, ignore_result=True)
            except Exception as error:  # whatever the broker's client raises
                MISSED.inc()
                logger.warning("the bell for %s was not heard: %s", task.name, type(error).__name__)


_ringer: _Ringer | None = None
_lock = threading.Lock()


def ring(task: Task[Any, Any], *args: int | str) -> None:
    """Run TASK soon, after the present transaction. ARGS are ids: a secret never is one."""
    transaction.on_commit(lambda: _enqueue(task, args), robust=True)


def _enqueue(task: Task[Any, Any], args: tuple[int | str, ...]) -> None:
    global _ringer
    with _lock:
        if _ringer is None or _ringer.pid != os.getpid():
            _ringer = _Ringer()
    try:
        _ringer.waiting.put_nowait((task, args))
    except queue.Full:
        MISSED.inc()

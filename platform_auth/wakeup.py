"""
The bell: wakes a Celery worker early for rows that are due. It may be lost; the sweeps are not.

A thread of its own publishes, so that a broker which is down or half open costs the person or the
push that rang nothing at all. What waits to be rung for is not rung for twice, and a task that
looks for all that is due is rung for every so often only. What does not fit in the queue is counted
and dropped.
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

PAUSE = 0.05  # seconds, after ringing for a task that looks for itself what is due

MISSED = Counter("bell_missed_total", "Wake-up calls that did not reach the broker.")


_Bell = tuple[Task[Any, Any], tuple[int | str, ...]]


class _Ringer:
    """One queue and one publishing thread a process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting: queue.Queue[_Bell] = queue.Queue(100)
        self.rung: set[_Bell] = set()  # what is in the queue
        threading.Thread(target=self._publish, name="bell", daemon=True).start()

    def enqueue(self, bell: _Bell) -> None:
        if bell in self.rung:
            return
        self.rung.add(bell)
        try:
            self.waiting.put_nowait(bell)
        except queue.Full:
            self.rung.discard(bell)
            MISSED.inc()

    def _publish(self) -> None:
        while True:
            bell = self.waiting.get()
            self.rung.discard(bell)  # before: who rings from now on is not heard by this one
            task, args = bell
            try:
                task.apply_async(args, retry=False, ignore_result=True)
            except Exception as error:  # whatever the broker's client raises
                MISSED.inc()
                logger.warning("the bell for %s was not heard: %s", task.name, type(error).__name__)
            if not args:
                time.sleep(PAUSE)


_ringer: _Ringer | None = None
_lock = threading.Lock()


def enqueue(task: Task[Any, Any], *args: int | str) -> None:
    """Run TASK soon, after the present transaction. ARGS are ids: a secret never is one."""
    transaction.on_commit(lambda: _enqueue(task, args), robust=True)


def _enqueue(task: Task[Any, Any], args: tuple[int | str, ...]) -> None:
    global _ringer
    with _lock:
        if _ringer is None or _ringer.pid != os.getpid():
            _ringer = _Ringer()
        _ringer.enqueue((task, args))

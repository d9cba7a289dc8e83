"""
Wake-ups: a Celery worker starts early on rows that are due. A wake-up may be lost; the sweeps are
not.

A thread of its own publishes, so that a broker which is down or half open costs the person or the
push that enqueues nothing at all; what does not fit in its queue is counted and dropped. Events'
wake-ups and periodic jobs have a queue each. `MarkedTask`, the base of all tasks, keeps a second
message of the same kind out of the broker.
"""

import logging
import os
import queue
import threading
import time
from typing import Any

from celery import Task
from celery.result import AsyncResult
from django.conf import settings
from django.core.cache import caches
from django.db import transaction
from structlog.contextvars import bound_contextvars, get_contextvars

from platform_auth.counters import Counter

logger = logging.getLogger(__name__)

PUBLISH_PAUSE = 0.05  # seconds, between two wake-ups of one kind from one process
MARKER_SECONDS = 20  # a message that was lost is made up for after so long
QUEUE_LIMIT = 50  # messages; more are not put into a queue that nobody works on

MISSED_WAKE_UPS = Counter(
    "bell_missed", "Wake-up calls that did not reach the broker.", first=((),)
)

_Args = tuple[int | str, ...]
_WakeUp = tuple[Task[Any, Any], _Args]


class MarkedTask(Task[Any, Any]):
    """
    A task of which at most one message for the same rows waits in a queue, over all processes.

    Whoever publishes leaves a marker where the broker is, so that both are lost together; the
    worker removes it before it looks for what is due. An event's wake-up is left out as well where
    the periodic run is about to start.
    """

    abstract = True

    def apply_async(  # type: ignore[override]  # and nothing uses what it returns
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        **options: Any,
    ) -> AsyncResult[Any] | None:
        """Publish it, unless its like waits already: then None."""
        into = options.get("queue") or self.app.conf.task_default_queue
        marker = self._marker(into, args or ())
        if into != settings.PERIODIC_QUEUE and self._waits(settings.PERIODIC_QUEUE, args or ()):
            return None
        if not caches["markers"].add(marker, 1, MARKER_SECONDS):
            return None
        try:
            with self.app.producer_or_acquire(producer) as own:
                if queue_length(own.channel, into) >= QUEUE_LIMIT:
                    MISSED_WAKE_UPS.add()
                    return None
                return super().apply_async(args, kwargs, task_id, own, **options)
        except BaseException:
            _forget(marker)
            raise

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        _forget(self._marker((self.request.delivery_info or {}).get("routing_key"), args))
        return self.run(*args, **kwargs)

    def _waits(self, into: str, args: Any) -> bool:
        return caches["markers"].has_key(self._marker(into, args))

    def _marker(self, into: object, args: Any) -> str:
        return "/".join(map(str, [into, self.name, *args]))


def _forget(marker: str) -> None:
    try:
        caches["markers"].delete(marker)
    except Exception as error:  # noqa: BLE001 -- whatever the cache's client raises; it ends by itself
        logger.warning("the marker %s stays: %s", marker, type(error).__name__)


def queue_length(channel: Any, name: str) -> int:
    """How many messages wait in the queue NAME of the broker; what workers hold is not counted."""
    return int(channel.queue_declare(name).message_count)


class _Publisher:
    """One queue and one publishing thread a process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        # With the id of the request that wakes: the task's log lines have it too.
        self.waiting: queue.Queue[tuple[_WakeUp, str]] = queue.Queue(100)
        self.queued: set[_WakeUp] = set()  # what is in the queue
        self.published: dict[str, float] = {}  # when, by task
        threading.Thread(target=self._publish, name="wake-ups", daemon=True).start()

    def put(self, wake_up: _WakeUp) -> None:
        if wake_up in self.queued:
            return
        self.queued.add(wake_up)
        try:
            self.waiting.put_nowait((wake_up, get_contextvars().get("request_id", "")))
        except queue.Full:
            self.queued.discard(wake_up)
            MISSED_WAKE_UPS.add()

    def _publish(self) -> None:
        while True:
            wake_up, request_id = self.waiting.get()
            task, args = wake_up
            if not args:
                self._pause(task.name)
            # Before it is published: the worker may have looked by the time of the next one.
            self.queued.discard(wake_up)
            try:
                with bound_contextvars(**({"request_id": request_id} if request_id else {})):
                    task.apply_async(args, retry=False, ignore_result=True)
            except Exception as error:  # noqa: BLE001 -- whatever the broker's client raises
                MISSED_WAKE_UPS.add()
                logger.warning("no wake-up for %s: %s", task.name, type(error).__name__)

    def _pause(self, name: str) -> None:
        """A task without arguments finds all that is due: it need not be woken for each row."""
        since = time.monotonic() - self.published.get(name, 0.0)
        time.sleep(max(0.0, PUBLISH_PAUSE - since))
        self.published[name] = time.monotonic()


_publisher: _Publisher | None = None
_lock = threading.Lock()


def enqueue(task: Task[Any, Any], *args: int | str) -> None:
    """Run TASK soon, after the present transaction. ARGS are ids: a secret never is one."""
    transaction.on_commit(lambda: enqueue_now(task, *args), robust=True)


def enqueue_now(task: Task[Any, Any], *args: int | str) -> None:
    """Run TASK soon, whatever transaction there is."""
    global _publisher
    with _lock:
        if _publisher is None or _publisher.pid != os.getpid():  # a fork takes no thread along
            _publisher = _Publisher()
        _publisher.put((task, args))

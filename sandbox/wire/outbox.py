"""The outbox: pushes in their order, sent and tried again, and the record of deliveries."""

import queue
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

from sandbox.wire.pushes import HEADERS, TIMEOUT, Deliver, Delivery, Push, over_http

MUTE_AFTER, MUTE_WINDOW, MUTE_SECONDS = 30, 300, 60  # failures within so long; then silence
KEPT = 10_000  # deliveries


class PostOffice:
    """The outbox and the record of deliveries; one delivery at a time when in the background.

    After MUTE_AFTER failures it is silent for a while; pushes of that time are lost.
    """

    def __init__(self, deliver: Deliver | None, clock: Callable[[], float]) -> None:
        self.deliver = deliver
        self.clock = clock
        self.outbox: list[Push] = []
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self.reseal_retries = False
        self.timeout: float = TIMEOUT
        self.mute_after: int | None = MUTE_AFTER  # None: never
        self.mute_seconds: float = MUTE_SECONDS
        self.muted_until: float = 0
        self.dropped = 0
        self._failures: deque[float] = deque()
        self.numbers = count(1)
        self._lock = threading.Lock()
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, push: Push) -> None:
        with self._lock:
            self.outbox.append(push)

    def flush(self) -> None:
        """Send what is queued: in the background over HTTP, here and now by a given callable."""
        if self.deliver is not None and self.deliver is not over_http:
            self.deliver_all(self.deliver)
        self.flush_in_background()

    def flush_in_background(self) -> None:
        """Send by HTTP only, which never posts before a caller who waits got its answer."""
        if self.deliver is over_http:
            self._wake()

    def deliver_all(self, deliver: Deliver) -> list[Delivery]:
        """Everything queued, in its order; the last attempt of each."""
        deliveries = []
        while push := self._next():
            deliveries.append(self.send(push, deliver))
        return deliveries

    def send(self, push: Push, deliver: Deliver) -> Delivery:
        """One push, repeated as WeChat would until it is accepted."""
        with self._lock:
            if push in self.outbox:
                self.outbox.remove(push)
        post = partial(over_http, timeout=self.timeout) if deliver is over_http else deliver
        for attempt in range(1, push.tries + 1):
            delivery = self._try(push, attempt, post)
            self.deliveries.append(delivery)
            if delivery.accepted or not delivery.attempt:
                break
        if push.on_delivery:
            push.on_delivery(delivery)
        return delivery

    @property
    def is_muted(self) -> bool:
        return self.clock() < self.muted_until

    def _try(self, push: Push, attempt: int, post: Deliver) -> Delivery:
        """One attempt; an answer that comes too late counts as none."""
        began = self.clock()
        if self.is_muted:
            self.dropped += 1
            return Delivery(began, push, 0, 0, b"muted")
        sealed = push.seal() if attempt > 1 and self.reseal_retries else push.sealed
        status, answer = post(sealed.url, sealed.params, sealed.body, HEADERS)
        seconds = self.clock() - began
        if seconds > self.timeout:
            status, answer = 0, TimeoutError.__name__.encode()
        delivery = Delivery(began + seconds, push, attempt, status, answer, seconds)
        if not delivery.accepted:
            self._count_failure(delivery.at)
        return delivery

    def _count_failure(self, at: float) -> None:
        with self._lock:
            self._failures.append(at)
            while self._failures[0] <= at - MUTE_WINDOW:
                self._failures.popleft()
            if self.mute_after is not None and len(self._failures) >= self.mute_after:
                self.muted_until = at + self.mute_seconds
                self._failures.clear()

    def _next(self) -> Push | None:
        with self._lock:
            return self.outbox.pop(0) if self.outbox else None

    def _wake(self) -> None:
        with self._lock:
            if not self.outbox:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="pushes")
                self._thread.start()
        self._wakeups.put(None)

    def _work(self) -> None:
        while True:
            self._wakeups.get()
            self.deliver_all(over_http)

"""What WeChat sends while a drill is on: messages, each of a user of its own, with its repeats."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from random import Random
from types import TracebackType

from sandbox.wire.pushes import Push, over_http
from sandbox.world import WeChat

THREADS = 64
ASKING = "价格"  # what a rule answers


@dataclass(frozen=True)
class Sent:
    """A message, and how the last of its attempts was answered."""

    appid: str
    openid: str
    is_asking: bool
    is_accepted: bool
    seconds: float  # of that attempt
    at: float


@dataclass
class Traffic:
    """A context: RATE messages a second go to the accounts APPIDS, until it is left."""

    wechat: WeChat
    appids: list[str]
    rate: float
    random: Random
    numbers: "count[int]" = field(default_factory=count)
    sent: list[Sent] = field(default_factory=list)
    late: int = 0  # not sent, since all threads waited for answers

    def __enter__(self) -> "Traffic":
        self._stop = threading.Event()
        self._under_way = threading.Semaphore(THREADS)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="traffic")
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._clock.join()
        self._pool.shutdown()

    def _tick(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            if self._under_way.acquire(blocking=False):
                self._pool.submit(self._send, next(self.numbers))
            else:
                self.late += 1
            due += 1 / self.rate
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _send(self, number: int) -> None:
        try:
            appid = self.appids[number % len(self.appids)]
            openid = f"oFault{number:08d}"
            is_asking = number % 5 == 0
            content = ASKING if is_asking else f"第 {number} 条"
            answer = self._deliver(self._said(appid, openid, content))
            self.sent.append(Sent(appid, openid, is_asking, *answer, time.time()))
        finally:
            self._under_way.release()

    def _said(self, appid: str, openid: str, content: str) -> Push:
        push = self.wechat.say(appid, openid, content)
        self.wechat.post.outbox.remove(push)
        return push

    def _deliver(self, push: Push) -> tuple[bool, float]:
        delivery = self.wechat.deliver(push, over_http)
        return delivery.accepted, delivery.seconds

    @property
    def accepted(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.is_accepted]

    @property
    def slowest(self) -> float:
        """Of those that were accepted, in seconds."""
        return max((sent.seconds for sent in self.accepted), default=0.0)

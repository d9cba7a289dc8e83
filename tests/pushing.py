"""Pushes at a steady rate to a web server of ours, and health checks beside them."""

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlencode

from tests.knocking import Knock

SENDERS = 48  # more than wait at once in one process
PAUSE = 0.02


@dataclass(frozen=True)
class Sent:
    """What was answered, when it was asked, and how many seconds that took."""

    status: int
    at: float
    seconds: float


@dataclass
class Traffic:
    pushes: list[Sent] = field(default_factory=list)
    checks: list[Sent] = field(default_factory=list)

    def since(self, moment: float) -> list[Sent]:
        return [push for push in self.pushes if push.at >= moment]

    def slowest(self) -> float:
        return max(push.seconds for push in self.pushes)

    def figures(self) -> str:
        """For whoever runs this with -s."""
        statuses = dict(Counter(push.status for push in self.pushes))
        check = max(check.seconds for check in self.checks)
        return f"answers {statuses}, slowest {self.slowest():.2f} s, health {check:.2f} s"

    def recovered_at(self) -> float:
        """When the first push was sent after which all are kept."""
        failed = [push.at for push in self.pushes if push.status != 200]
        return max(failed, default=self.pushes[0].at)


def ask(port: int, knock: Knock) -> Sent:
    """KNOCK, over a connection of its own."""
    at = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(knock.method, f"{knock.path}?{urlencode(knock.query)}", knock.body)
        status = line.getresponse().status
    return Sent(status, at, time.monotonic() - at)


@contextmanager
def pushing(port: int, next_push: Callable[[], Knock]) -> Iterator[Traffic]:
    """50 pushes a second, and five health checks, until the block ends and all are answered."""
    traffic, stopping = Traffic(), Event()

    def check() -> None:
        while not stopping.wait(0.2):
            traffic.checks.append(ask(port, Knock("/healthz", method="GET")))

    checker = Thread(target=check)
    with ThreadPoolExecutor(SENDERS) as senders:

        def push() -> None:
            while not stopping.wait(PAUSE):
                senders.submit(send, next_push())

        def send(knock: Knock) -> None:
            traffic.pushes.append(ask(port, knock))

        pusher = Thread(target=push)
        checker.start()
        pusher.start()
        try:
            yield traffic
        finally:
            stopping.set()
            pusher.join()
            checker.join()

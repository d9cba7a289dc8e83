"""
One process of several that ask for tokens at once: `python -m tests.flights`.

It reads its work as one line of JSON, then a line at a time: `go`, `pool` and `end`.
"""

import json
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, cast

import django

django.setup()

from django.db import connection  # noqa: E402  (after the set-up)

from miniprograms.models import Authorizer  # noqa: E402
from miniprograms.services.signing import signing_ticket  # noqa: E402
from miniprograms.tokens import authorizer_token  # noqa: E402
from platform_auth.models import Component  # noqa: E402
from platform_auth.tokens import component_token  # noqa: E402

SAMPLES = 40


class Process:
    """
    TURNS holds one list of appids a thread; "" stands for the component, one with a word before it
    for the account's ticket of this kind.
    """

    def __init__(self, turns: list[list[str]]) -> None:
        self.component = Component.objects.get()
        self.start = threading.Barrier(len(turns) + 1)
        self.threads = ThreadPoolExecutor(len(turns))
        self.found: list[Future[list[str]]] = [
            self.threads.submit(self.ask, appids) for appids in turns
        ]
        connection.close()

    def ask(self, appids: list[str]) -> list[str]:
        with closing(connection):
            self.start.wait(60)
            return [self.ask_one(appid) for appid in appids]

    def ask_one(self, appid: str) -> str:
        kind, _, of_ticket = appid.partition(" ")
        try:
            if of_ticket:
                return signing_ticket(Authorizer.objects.get(appid=of_ticket), kind)
            return authorizer_token(appid) if appid else component_token(self.component)
        except Exception as error:
            return f"error: {error!r}"

    def go(self) -> None:
        self.start.wait(60)

    def pool(self) -> list[int]:
        """How many connections threads hold, looked at again and again for 0.4 s."""
        held = []
        for _ in range(SAMPLES):
            stats = cast(Any, connection).pool.get_stats()
            held.append(stats["pool_size"] - stats["pool_available"])
            time.sleep(0.01)
        return held

    def end(self) -> list[list[str]]:
        return [future.result() for future in self.found]


def main() -> None:
    process = Process(json.loads(sys.stdin.readline()))
    say("ready")
    for line in sys.stdin:
        say(getattr(process, line.strip())())
        if line.strip() == "end":
            return


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()

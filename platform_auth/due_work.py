"""
Work that waits, carried out side by side: what is due is looked for, taken by threads, looked for
again, until nothing is left or the time is over.

A `Runner` owns the threads, the time, the heartbeat by which one run at a time is agreed on, and
the database connections of its threads. Whoever has work gives it what to look for and what to do:

    SEND_REPLIES = Runner("replies", find=due_replies, work=send, threads=32, budget=20)
    SEND_REPLIES.run()

One item that fails is logged and holds up nobody: its lease runs out, and it is tried again.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from platform_auth import heartbeats
from platform_auth.leases import release_db_connection
from platform_auth.models import Leased
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

POLL = 0.25  # seconds, between two looks for work while all threads wait
BATCH_PAUSE = 0.01  # seconds, in which more items may end: their places are filled by one look
BEAT = 1.0  # seconds, between two heartbeats of a run
RUNNING_WITHIN = timedelta(seconds=3)  # no heartbeat for so long: that run has died

Item = TypeVar("Item")
DueRow = TypeVar("DueRow", bound=Leased)


@dataclass
class Tally(Generic[Item]):
    """What a run has done: how many items, and for how many of them `work` returned true."""

    items: int = 0
    successes: int = 0
    in_flight: dict[Future[bool], Item] = field(default_factory=dict)

    def collect(self, ended: Iterable[Future[bool]]) -> None:
        for future in ended:
            del self.in_flight[future]
            self.items += 1
            self.successes += future.result()


@dataclass(frozen=True)
class Runner(Generic[Item]):
    """
    NAME is that of its threads, and of the heartbeat. FIND is given how many places are free and
    what is in flight, and returns items for these places: fairness between users or targets is its
    business. WORK does one item in a thread of its own and says whether it counts as a success.
    THREADS work at once; one means the caller's own thread, and one look. BUDGET is in seconds.

    IS_ALONE keeps a second run from starting in any process while this one lives; YIELDS_WHEN_FULL
    lets it start as soon as all threads of this one are taken.
    """

    name: str
    find: Callable[[int, Sequence[Item]], Iterable[Item]]
    work: Callable[[Item], object]
    threads: int = 1
    budget: float = 20.0
    is_alone: bool = False
    yields_when_full: bool = False

    def run(self, budget: float | None = None) -> Tally[Item]:
        """Do what is due, for at most BUDGET seconds; what is left then waits for the next run."""
        deadline = time.monotonic() + (self.budget if budget is None else budget)
        tally: Tally[Item] = Tally()
        while not (self.is_alone and heartbeats.is_alive(self.name, RUNNING_WITHIN)):
            before = tally.items
            self._run_until(deadline, tally)
            # Again: something may have come between the last look and the end of the heartbeat.
            if not self.is_alone or tally.items == before or time.monotonic() >= deadline:
                break
        if tally.items:
            release_db_connection()
        return tally

    def _run_until(self, deadline: float, tally: Tally[Item]) -> None:
        if self.threads == 1:
            for item in self.find(1, ()):
                tally.items += 1
                tally.successes += self._work(item)
            return
        with ThreadPoolExecutor(self.threads, self.name) as pool:
            self._fill(pool, deadline, tally)
            if tally.in_flight:
                release_db_connection()  # the last may take their time
            tally.collect(wait(tally.in_flight).done)

    def _fill(self, pool: ThreadPoolExecutor, deadline: float, tally: Tally[Item]) -> None:
        beaten = 0.0
        while time.monotonic() < deadline:
            if free := self.threads - len(tally.in_flight):
                for item in self.find(free, list(tally.in_flight.values())):
                    # With who asks and for which request: calls and log lines tell of both.
                    tally.in_flight[pool.submit(copy_context().run, self._work, item)] = item
            if not tally.in_flight:
                break
            if self._may_beat(tally) and time.monotonic() > beaten + BEAT:
                beaten = time.monotonic()
                heartbeats.beat(self.name)
            release_db_connection()
            wait(tally.in_flight, timeout=POLL, return_when=FIRST_COMPLETED)
            time.sleep(BATCH_PAUSE)
            tally.collect([future for future in tally.in_flight if future.done()])
        if beaten:
            heartbeats.end(self.name)

    def _may_beat(self, tally: Tally[Item]) -> bool:
        """Whether this run keeps others from starting, with what it has in flight."""
        is_full = len(tally.in_flight) >= self.threads
        return self.is_alone and not (self.yields_when_full and is_full)

    def _work(self, item: Item) -> bool:
        try:
            return bool(self.work(item))
        except Exception:
            logger.exception("%s: %s", self.name, item)
            return False
        finally:
            release_db_connection()


def due_rows(
    rows: Callable[[], Any], limit: int
) -> Callable[[int, Sequence[DueRow]], list[DueRow]]:
    """A `find` of LIMIT rows at a time of the queryset ROWS, the longest due first."""

    def find(places: int, in_flight: Sequence[DueRow]) -> list[DueRow]:
        due = rows().due().with_clock().exclude(pk__in=[row.pk for row in in_flight])
        return list(due.order_by("due_at")[: limit if places == 1 else min(places, limit)])

    return find


def under_lease(
    work: Callable[[DueRow], object],
    back_off: Callable[[DueRow, WeChatError], object] | None = None,
) -> Callable[[DueRow], bool]:
    """
    WORK on a row under its lease; false if somebody else has it. Where WeChat fails, BACK_OFF says
    when it is tried again: by default as the row itself knows.
    """

    def work_under_lease(row: DueRow) -> bool:
        if not row.take_lease():
            return False
        release_db_connection()
        try:
            work(row)
        except WeChatError as error:
            logger.warning("%s: %s", row, error)
            (back_off or type(row).back_off)(row, error)
        return True

    return work_under_lease

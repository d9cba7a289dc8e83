"""
A bulkhead: so many requests of one process may wait for another server's answer at once, and half
as many more, for a moment, for a place. All other threads stay free for whoever asks nobody.

A request has its place from its first exchange on and gives it back at its end, or at that of the
answer that is passed on meanwhile. An act takes it
before it writes anything, so that there is nothing to take back where there is no place. Outside of
requests, in workers and commands, nobody waits, and no place is needed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")

PLACE_WITHIN = 1.0  # seconds that a request waits for a place
RETRY_AFTER = 5  # seconds until it should ask again


class Crowded(Exception):
    """All places are taken. Whoever asked was not heard, and nothing has been done."""


class Bulkhead:
    """PLACES for those who wait for an answer; others have so much PATIENCE, in seconds."""

    def __init__(self, places: int, patience: float = PLACE_WITHIN) -> None:
        self.patience = patience
        self._places = threading.BoundedSemaphore(places)
        self._queue = threading.BoundedSemaphore(max(places // 2, 1))

    def take(self) -> None:
        """A place, now or soon. Raises Crowded."""
        if self._places.acquire(blocking=False):
            return
        if not self._queue.acquire(blocking=False):
            raise Crowded
        try:
            if not self._places.acquire(timeout=self.patience):
                raise Crowded
        finally:
            self._queue.release()

    def give_back(self) -> None:
        self._places.release()


class _Request(threading.local):
    """What this thread is doing for whoever waits for it."""

    is_waited_for = False
    is_act = False
    place: Bulkhead | None = None
    is_late = False  # an act whose first exchange came before its place


_bulkhead = Bulkhead(4)
_request = _Request()


def configure(places: int, patience: float = PLACE_WITHIN) -> Bulkhead:
    """So many PLACES from now on; fewer than the process has threads."""
    global _bulkhead
    _bulkhead = Bulkhead(places, patience)
    return _bulkhead


@contextmanager
def somebody_waits(*, is_act: bool = False) -> Iterator[None]:
    """Around a request; IS ACT says that it may change something."""
    _request.is_waited_for, _request.is_act = True, is_act
    try:
        yield
    finally:
        place = _request.place
        _request.__dict__.clear()
        if place:
            place.give_back()


def take_place() -> None:
    """A place for the rest of this request, if it is one and has none. Raises Crowded."""
    if _request.is_waited_for and not _request.place:
        bulkhead = _bulkhead
        bulkhead.take()
        _request.place = bulkhead


def keep_place() -> Callable[[], None]:
    """
    This request's place stays taken beyond its end, for an answer that is passed on as it comes.
    What is returned gives it back; nothing, where there is none.
    """
    place, _request.place = _request.place, None
    kept = [place] if place else []

    def give_back() -> None:
        while kept:
            kept.pop().give_back()

    return give_back


def take_late_place() -> None:
    """As `take_place`, when an exchange begins: too late for an act, which may have written."""
    _request.is_late |= _request.is_act and not _request.place
    take_place()


def came_late() -> bool:
    """Whether this request should have taken its place before: a mistake that tests look for."""
    return _request.is_late


def takes_place(view: Callable[P, Result]) -> Callable[P, Result]:
    """VIEW, which asks WeChat, begins with a place. It raises Crowded."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Result:
        take_place()
        return view(*args, **kwargs)

    return wrapped

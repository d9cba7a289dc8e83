"""
Passwords are hashed a few at a time: each costs a processor for a third of a second, and whoever
floods a login would take the time of WeChat's pushes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import PBKDF2PasswordHasher

AT_ONCE = 2  # in one process
OF_STRANGERS = 1  # so that whoever has logged in here before finds the other one free
MAX_WAITING = 3  # strangers; each holds a thread
HASH_WITHIN = 2.0  # seconds


class HashingBusy(Exception):
    """Too many log in just now; another try in a moment may be luckier."""

    retry_after = 3


class _Places:
    """So many at once, and so many who wait for them."""

    def __init__(self, places: int, waiting: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._waiting = threading.BoundedSemaphore(waiting)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises HashingBusy: at once where too many wait already."""
        if not self._places.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._places.release()

    def _wait(self) -> None:
        if not self._waiting.acquire(blocking=False):
            raise HashingBusy
        try:
            if not self._places.acquire(timeout=HASH_WITHIN):
                raise HashingBusy
        finally:
            self._waiting.release()


strangers = _Places(OF_STRANGERS, MAX_WAITING)
_everybody = _Places(AT_ONCE, MAX_WAITING)


class BoundedPBKDF2PasswordHasher(PBKDF2PasswordHasher):
    """Django's own, and its algorithm; but only so many run at once."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with _everybody.take():
            return super().encode(password, salt, iterations)

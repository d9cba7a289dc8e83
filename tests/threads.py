"""Many at once, as the processes of production are."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")


def together(jobs: Iterable[Callable[[], T]]) -> list[T | Exception]:
    """What each of JOBS gives, or the exception it ends with; all of them begin at once."""
    waiting = list(jobs)
    barrier = threading.Barrier(len(waiting))

    def run(job: Callable[[], T]) -> T | Exception:
        # Django's connections belong to their thread, which is over soon.
        with closing(connection):
            barrier.wait(30)
            try:
                return job()
            except Exception as error:
                return error

    with ThreadPoolExecutor(len(waiting)) as pool:
        return list(pool.map(run, waiting))


def in_a_thread(job: Callable[[], T]) -> "Waiting[T]":
    """Start JOB; the test goes on."""
    return Waiting(job)


class Waiting(Generic[T]):
    """A job under way."""

    def __init__(self, job: Callable[[], T]) -> None:
        self._job = job
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(self._run)

    def _run(self) -> T:
        with closing(connection):
            return self._job()

    def result(self) -> T:
        """What came of it. Raises what it raised."""
        with self._pool:
            return self._future.result(60)

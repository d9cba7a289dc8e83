"""
What a process collects in memory and writes to the database every few seconds, in a thread of its
own and over a connection of its own: whoever collects waits for nothing, and no transaction of
theirs is written in. Where nothing is collected, nothing is written. A process that ends as it
should writes what it has; one that is killed takes its last seconds along.
"""

import logging
import os
import threading
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

logger = logging.getLogger(__name__)

_writers: list["Writer"] = []


class Writer:
    """
    WRITE writes what is collected, in seconds EVERY after it began to collect; 0 is only when it is
    asked to. What it cannot write it keeps, raising the database's errors. BEGIN ANEW forgets, in a
    child process, what its parent has collected.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[], None],
        every: Callable[[], float],
        begin_anew: Callable[[], None],
    ) -> None:
        self._name, self._write, self._every, self._forget = name, write, every, begin_anew
        self._reset()
        os.register_at_fork(after_in_child=self._begin_anew)
        _writers.append(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._is_waiting, self._is_urgent = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def _begin_anew(self) -> None:
        """In a child: a fork takes no thread along, and the parent writes what it has."""
        self._reset()
        self._forget()

    def wake(self, *, is_urgent: bool = False) -> None:
        """There is something to write; IS URGENT says not to let it wait."""
        if self._thread is None and self._every():
            self._start()
        if not self._is_waiting.is_set():
            self._is_waiting.set()
        if is_urgent and not self._is_urgent.is_set():
            self._is_urgent.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._is_waiting.wait()
            self._is_urgent.wait(self._every())
            self._is_waiting.clear()
            self._is_urgent.clear()
            if not self.write():
                self._is_waiting.set()

    def write(self) -> bool:
        """Whether all that is collected could be written; this thread's connection is closed."""
        try:
            self._write()
        except (DatabaseError, InterfaceError) as error:
            logger.error("%s wait for the database: %s", self._name, type(error).__name__)
            return False
        finally:
            connection.close()
        return True

    @property
    def has_begun(self) -> bool:
        """Whether this process writes by itself."""
        return self._thread is not None


def write_all(**kwargs: Any) -> None:
    """Write what this process has collected, before it ends; config/apps.py has workers do it."""
    for writer in _writers:
        if writer.has_begun:
            writer.write()


# At the end of a process, also of one of the application server's, which knows no `atexit`.
Finalize(None, write_all, exitpriority=0)

"""
What happens often, counted for the operators: pushes, calls, deliveries.

A count costs whoever counts an entry of a dictionary. A thread of its own adds what the process has
counted to the database, every few seconds and by one statement, so that all processes of all hosts
tell the same; where nothing is counted, nothing is written. A process that is killed takes its last
seconds along.
"""

import atexit
import json
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now

from platform_auth.models import Count
from platform_auth.statements import run_many

logger = logging.getLogger(__name__)

# For so long a new series is shown as 0, so that Prometheus sees it rise: of a series that begins
# at 1 it takes the one for granted.
SHOWN_AS_ZERO = timedelta(seconds=60)

Labels = tuple[str, ...]
Series = tuple[str, Labels]


@dataclass(frozen=True)
class Counter:
    """FIRST are the labels that are shown from the beginning, with 0 until something happens."""

    name: str  # without Prometheus' `_total`
    explanation: str
    labels: Labels = ()
    first: tuple[Labels, ...] = ()

    def add(self, *labels: str, by: float = 1) -> None:
        """BY more for LABELS, which come of a closed list: each is a series for ever."""
        _add((self.name, labels), by)


@dataclass(frozen=True)
class Histogram:
    """How many took no longer than each of BOUNDS, in seconds."""

    name: str
    explanation: str
    bounds: tuple[float, ...]
    labels: Labels = ()

    def observe(self, seconds: float, *labels: str) -> None:
        """Something with LABELS took so many SECONDS."""
        bound = next((f"{bound:g}" for bound in self.bounds if seconds <= bound), "+Inf")
        _add((self.name, (*labels, bound)), 1)
        _add((self.total, labels), seconds)

    @property
    def total(self) -> str:
        """The name of the seconds together."""
        return f"{self.name}_sum"


_lock, _writing = threading.Lock(), threading.Lock()
_counted: defaultdict[Series, float] = defaultdict(float)
_is_counted = threading.Event()
_writer: threading.Thread | None = None


def _add(series: Series, by: float) -> None:
    with _lock:
        _counted[series] += by
        if _writer is None and settings.COUNTS_WRITTEN_EVERY:
            _start_writer()
    if not _is_counted.is_set():
        _is_counted.set()


def _start_writer() -> None:
    global _writer
    _writer = threading.Thread(target=_write_for_ever, name="counts", daemon=True)
    _writer.start()
    atexit.register(_write_in_thread)


def _write_for_ever() -> None:
    while True:
        _is_counted.wait()
        time.sleep(settings.COUNTS_WRITTEN_EVERY)
        _is_counted.clear()
        _write_in_thread()


def _write_in_thread() -> None:
    try:
        write()
    except (DatabaseError, InterfaceError) as error:
        logger.error("counts wait for the database: %s", type(error).__name__)
        _is_counted.set()
    finally:
        connection.close()


def _begin_anew() -> None:
    """In a child: a fork takes no thread along, and the parent writes what it has counted."""
    global _lock, _writing, _writer
    _lock, _writing, _writer = threading.Lock(), threading.Lock(), None
    _counted.clear()
    _is_counted.clear()


os.register_at_fork(after_in_child=_begin_anew)


_ADD = f"""
INSERT INTO {Count._meta.db_table} (name, labels, value)
SELECT w.name, w.labels, w.value FROM {{w}} WHERE true
ON CONFLICT (name, labels) DO UPDATE SET value = {Count._meta.db_table}.value + excluded.value
"""  # noqa: S608
_COLUMNS = {"name": "text", "labels": "text", "value": "double precision"}


def write() -> None:
    """Add what this process has counted. Raises the database's errors, and nothing is lost then."""
    with _writing:
        counted = unwritten()
        if not counted:
            return
        # Sorted: two processes that write at once lock the rows in the same order.
        rows = sorted(
            (name, json.dumps(labels), value) for (name, labels), value in counted.items()
        )
        with transaction.atomic():
            run_many(_ADD, _COLUMNS, rows)
        with _lock:
            for series, value in counted.items():
                _counted[series] -= value


def unwritten() -> dict[Series, float]:
    """What this process has counted and the database does not know."""
    with _lock:
        return {series: value for series, value in _counted.items() if value}


def read(names: Sequence[str], shown: Container[Series] = ()) -> dict[str, dict[Labels, float]]:
    """
    What all processes have counted, by the NAMES of counters and the labels: 0 of a new series, but
    those that have been SHOWN before.
    """
    counts: dict[str, dict[Labels, float]] = {name: {} for name in names}
    rows = Count.objects.filter(name__in=names).annotate(now=Now())
    for name, labels, value, since, now in rows.values_list(
        "name", "labels", "value", "since", "now"
    ):
        key = tuple(json.loads(labels))
        is_shown = now - since > SHOWN_AS_ZERO or (name, key) in shown
        counts[name][key] = value if is_shown else 0
    return counts

"""
What happens often, counted for the operators: pushes, calls, deliveries.

A count costs whoever counts an entry of a dictionary. What the process has counted is added to the
database every few seconds (`platform_auth.writers`) and by one statement, so that all processes of
all hosts tell the same.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from platform_auth.models import Count
from platform_auth.statements import run_many
from platform_auth.writers import Writer

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


def _add(series: Series, by: float) -> None:
    with _lock:
        _counted[series] += by
    _writer.wake()


def _begin_anew() -> None:
    global _lock, _writing
    _lock, _writing = threading.Lock(), threading.Lock()
    _counted.clear()


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


_writer = Writer("counts", write, lambda: settings.COUNTS_WRITTEN_EVERY, _begin_anew)


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

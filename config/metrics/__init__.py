"""What operators watch: read from the database when Prometheus asks, so every process agrees."""

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics import broker, counts, lateness, processes, rows

__all__ = ["CONTENT_TYPE", "exposition"]


class _Platform(Collector):
    def collect(self) -> Iterable[Metric]:
        for part in (rows, lateness, processes, counts, broker):
            yield from part.measures()


def exposition() -> bytes:
    """All measures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Platform())
    return generate_latest(registry)

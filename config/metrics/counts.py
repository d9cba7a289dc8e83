"""What all processes have counted together, in Prometheus' words."""

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from config.middleware import ERRORS
from messaging.services.customer_service import REPLIES_SENT
from messaging.services.forwarding.outcomes import ATTEMPTS
from platform_auth import counters
from platform_auth.call_log import UNLOGGED
from platform_auth.calls import CALLS, SECONDS
from platform_auth.counters import Counter, Histogram, Labels
from platform_auth.wakeup import MISSED_WAKE_UPS
from webhooks.counts import ACCEPTED, SHED, UNAVAILABLE, WORKED_OUT

COUNTERS = (
    *(ACCEPTED, UNAVAILABLE, SHED, WORKED_OUT),
    *(CALLS, UNLOGGED),
    *(REPLIES_SENT, ATTEMPTS),
    *(MISSED_WAKE_UPS, ERRORS),
)
HISTOGRAMS = (SECONDS,)


def measures() -> Iterable[Metric]:
    """Every counter and histogram; what this process has not written yet is written first."""
    counters.write()
    names = [counter.name for counter in COUNTERS]
    for histogram in HISTOGRAMS:
        names += [histogram.name, histogram.total]
    shown = {(counter.name, labels) for counter in COUNTERS for labels in counter.first}
    counts = counters.read(names, shown)
    yield from (_counter(counter, counts[counter.name]) for counter in COUNTERS)
    for histogram in HISTOGRAMS:
        yield _histogram(histogram, counts[histogram.name], counts[histogram.total])


def _counter(counter: Counter, counts: dict[Labels, float]) -> Metric:
    family = CounterMetricFamily(counter.name, counter.explanation, labels=counter.labels)
    for labels, value in sorted((dict.fromkeys(counter.first, 0.0) | counts).items()):
        family.add_metric(labels, value)
    return family


def _histogram(
    histogram: Histogram, counts: dict[Labels, float], totals: dict[Labels, float]
) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.explanation, labels=histogram.labels)
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    for labels, total in sorted(totals.items()):
        numbers = accumulate(counts.get((*labels, bound), 0.0) for bound in bounds)
        family.add_metric(labels, list(zip(bounds, numbers, strict=True)), total)
    return family

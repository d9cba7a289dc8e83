"""Who works: periodic jobs, beat, and each worker."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric

from config.schedule import HEARTBEAT_SECONDS
from platform_auth import heartbeats
from platform_auth.clocks import MEASURED_EVERY
from platform_auth.models import Heartbeat

# A worker that was seen in this time and did not end as it should is missed.
EXPECTED_FOR = timedelta(hours=1)


def measures() -> Iterable[Metric]:
    """How long ago each was alive."""
    ages = GaugeMetricFamily(
        "wechat_job_age_seconds", "Since a periodic job last ran to its end.", labels=["name"]
    )
    intervals = GaugeMetricFamily(
        "wechat_job_interval_seconds", "How often a periodic job is to run.", labels=["name"]
    )
    workers = GaugeMetricFamily(
        "wechat_worker_age_seconds",
        "Since a worker last carried out a task; of those seen within an hour.",
        labels=["worker"],
    )
    jobs = {heartbeats.job_of(task): each for task, each in heartbeats.intervals().items()}
    jobs["beat"] = HEARTBEAT_SECONDS
    rows = Heartbeat.objects.annotate(now=Now())
    for name, at, now in rows.values_list("name", "at", "now"):
        if name in jobs:
            ages.add_metric([name], (now - at).total_seconds())
            intervals.add_metric([name], jobs[name])
        elif name.startswith(heartbeats.WORKER) and now - at < EXPECTED_FOR:
            worker = name.removeprefix(heartbeats.WORKER)
            workers.add_metric([worker], (now - at).total_seconds())
    return [ages, intervals, workers, _clocks()]


def _clocks() -> Metric:
    family = GaugeMetricFamily(
        "wechat_clock_skew_seconds",
        "How far a host's clock is ahead of the database's.",
        labels=["role", "host"],
    )
    rows = Heartbeat.objects.filter(at__gte=Now() - 3 * timedelta(seconds=MEASURED_EVERY))
    for name, skew in rows.values_list("name", "skew"):
        if skew is not None:
            role, _, host = name.partition("@")
            family.add_metric([role, host], skew)
    return family

"""What operators watch: read from the database when Prometheus asks, so every process agrees."""

import logging
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.celery import app
from config.schedule import HEARTBEAT_SECONDS
from config.worker import DISCARDED
from messaging.models import Delivery, Reply
from miniprograms.models import Authorizer, Binding, overdue_refreshes
from platform_auth import heartbeats
from platform_auth.models import Component, Heartbeat, OddRows, Push, PushRefusal
from platform_auth.wakeup import queue_length

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Platform(Collector):
    def collect(self) -> Iterable[Metric]:
        yield from [_components(), _silence(), _pushes(), _refusals(), _replies(), _deliveries()]
        yield from [_authorizers(), _due(), _unclaimed(), _odd_rows(), *_heartbeats(), *_broker()]


# Further than this nothing is counted: from here on so many, "or more", tell as much.
MOST_COUNTED = 10_000


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MOST_COUNTED].count()


def exposition() -> bytes:
    """All measures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Platform())
    return generate_latest(registry) + generate_latest(REGISTRY)


def _components() -> Metric:
    family = GaugeMetricFamily(
        "wechat_ticket_age_seconds", "Since the last component_verify_ticket.", labels=["component"]
    )
    for component in Component.objects.with_clock().exclude(ticket_received_at=None):
        age = component.now - component.ticket_received_at
        family.add_metric([component.appid], age.total_seconds())
    return family


def _pushes() -> Metric:
    family = GaugeMetricFamily("wechat_pushes_failed", "Pushes whose handler failed.")
    family.add_metric([], _count(Push.objects.filter(state=Push.State.FAILED)))
    return family


def _refusals() -> Metric:
    family = CounterMetricFamily(
        "wechat_pushes_refused",
        "Requests at the push URLs that were refused.",
        labels=["door", "reason"],
    )
    for row in PushRefusal.objects.all():
        family.add_metric([row.door, row.reason], row.count)
    return family


def _odd_rows() -> Metric:
    family = CounterMetricFamily(
        "wechat_odd_rows",
        "Rows of WeChat's lists that made no sense and were left out.",
        labels=["endpoint"],
    )
    for row in OddRows.objects.all():
        family.add_metric([row.endpoint], row.count)
    return family


def _silence() -> Metric:
    family = GaugeMetricFamily(
        "wechat_silent_seconds",
        "Since pushes have stopped; 0 while they come.",
        labels=["component"],
    )
    for component in Component.objects.with_clock():
        since = component.silent_since or component.now
        family.add_metric([component.appid], (component.now - since).total_seconds())
    return family


def _replies() -> Metric:
    family = GaugeMetricFamily("wechat_replies_overdue", "Messages to users that wait to be sent.")
    family.add_metric([], _count(Reply.objects.filter(due_at__lte=Now())))
    return family


def _deliveries() -> Metric:
    family = GaugeMetricFamily(
        "wechat_deliveries", "Forwarded messages on their way, and given up.", labels=["state"]
    )
    for state in Delivery.State:
        number = 0 if state == Delivery.State.DONE else _count(Delivery.objects.filter(state=state))
        if number:
            family.add_metric([state], number)
    return family


def _authorizers() -> Metric:
    family = GaugeMetricFamily("wechat_authorizers", "Authorizers by state.", labels=["state"])
    for state in Authorizer.State:
        number = _count(Authorizer.objects.filter(state=state))
        if number == MOST_COUNTED:
            number = _estimate(state)
        if number:
            family.add_metric([state], number)
    return family


def _estimate(state: str) -> int:
    """About how many authorizers are in STATE, by what the database knows of its table."""
    if connection.vendor != "postgresql":
        return Authorizer.objects.filter(state=state).count()
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [state, Authorizer._meta.db_table])
        [(share,)] = cursor.fetchall()
    return max(int(share or 0), MOST_COUNTED)


# The statistics that ANALYZE has gathered: how many rows there are, and how often each value.
_ESTIMATE = """
SELECT c.reltuples * (
  SELECT s.most_common_freqs[array_position(s.most_common_vals::text::text[], %s)]
  FROM pg_stats s
  WHERE s.schemaname = current_schema() AND s.tablename = c.relname AND s.attname = 'state')
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""


def _due() -> Metric:
    family = GaugeMetricFamily(
        "wechat_refresh_overdue", "Authorizers whose refresh is due and not done."
    )
    family.add_metric([], _count(overdue_refreshes()))
    return family


def _unclaimed() -> Metric:
    family = GaugeMetricFamily("wechat_bindings_parked", "Bindings that wait for staff.")
    family.add_metric([], _count(Binding.objects.unclaimed()))
    return family


def _heartbeats() -> Iterable[Metric]:
    ages = GaugeMetricFamily(
        "wechat_job_age_seconds", "Since a periodic job last ran to its end.", labels=["job"]
    )
    intervals = GaugeMetricFamily(
        "wechat_job_interval_seconds", "How often a periodic job is to run.", labels=["job"]
    )
    jobs = {heartbeats.job_of(task): each for task, each in heartbeats.intervals().items()}
    jobs["beat"] = HEARTBEAT_SECONDS
    rows = Heartbeat.objects.filter(pk__in=jobs).annotate(now=Now())
    for name, at, now in rows.values_list("name", "at", "now"):
        ages.add_metric([name], (now - at).total_seconds())
        intervals.add_metric([name], jobs[name])
    return [ages, intervals]


def _broker() -> Iterable[Metric]:
    """Nothing while the broker is away, which an alarm on absence tells."""
    lengths = GaugeMetricFamily(
        "wechat_queue_length", "Tasks that wait in the broker.", labels=["queue"]
    )
    discarded = CounterMetricFamily(
        "wechat_tasks_discarded", "Tasks that workers threw away: revoked, rejected or unknown."
    )
    try:
        with app.connection_for_read() as connection:
            for queue in (settings.EVENT_QUEUE, settings.PERIODIC_QUEUE):
                lengths.add_metric([queue], queue_length(connection.default_channel, queue))
        discarded.add_metric([], caches["markers"].get(DISCARDED, 0))
    except Exception as error:  # noqa: BLE001 -- whatever the broker's and the cache's clients raise
        logger.warning("the broker was not measured: %s", type(error).__name__)
        return []
    return [lengths, discarded]

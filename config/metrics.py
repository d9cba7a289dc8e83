"""What operators watch: read from the database when Prometheus asks, so every process agrees."""

from collections.abc import Iterable

from django.db.models import Count
from django.db.models.functions import Now
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from messaging.models import Delivery, Reply
from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component, Heartbeat, Push

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Platform(Collector):
    def collect(self) -> Iterable[Metric]:
        yield from [_components(), _silence(), _pushes(), _replies(), _deliveries()]
        yield from [_authorizers(), _due(), _parked(), _heartbeats()]


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
    family.add_metric([], Push.objects.filter(state=Push.State.FAILED).count())
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
    family.add_metric([], Reply.objects.filter(due_at__lte=Now()).count())
    return family


def _deliveries() -> Metric:
    family = GaugeMetricFamily(
        "wechat_deliveries", "Forwarded messages on their way, and given up.", labels=["state"]
    )
    waiting = Delivery.objects.exclude(state=Delivery.State.DONE)
    for row in waiting.values("state").annotate(rows=Count("pk")).order_by():
        family.add_metric([row["state"]], row["rows"])
    return family


def _authorizers() -> Metric:
    family = GaugeMetricFamily("wechat_authorizers", "Authorizers by state.", labels=["state"])
    for row in Authorizer.objects.values("state").annotate(rows=Count("pk")).order_by():
        family.add_metric([row["state"]], row["rows"])
    return family


def _due() -> Metric:
    family = GaugeMetricFamily(
        "wechat_refresh_overdue", "Authorizers whose refresh is due and not done."
    )
    family.add_metric([], Authorizer.objects.filter(due_at__lte=Now()).count())
    return family


def _parked() -> Metric:
    family = GaugeMetricFamily("wechat_bindings_parked", "Bindings that wait for staff.")
    family.add_metric([], Binding.objects.parked().count())
    return family


def _heartbeats() -> Metric:
    family = GaugeMetricFamily(
        "wechat_job_age_seconds", "Since a periodic job last ran to its end.", labels=["job"]
    )
    for name, at, now in Heartbeat.objects.annotate(now=Now()).values_list("name", "at", "now"):
        family.add_metric([name], (now - at).total_seconds())
    return family

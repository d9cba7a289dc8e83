"""What lies in the database: how many, and since when."""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Now
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from messaging.models import Delivery, Reply
from miniprograms.models import Authorizer, Binding, overdue_refreshes
from platform_auth.models import Component, OddRows, OldKeyUse, Push, PushRefusal

# Further than this nothing is counted: from here on so many, "or more", tell as much.
MOST_COUNTED = 10_000


def count(rows: QuerySet[Any]) -> int:
    """How many ROWS there are, up to MOST_COUNTED."""
    return rows.order_by()[:MOST_COUNTED].count()


def measures() -> Iterable[Metric]:
    """The state of things: tickets, accounts, and how many rows stand where."""
    yield from [*_components(), _silence(), _pushes(), _refusals(), _replies(), _deliveries()]
    yield from [_authorizers(), _due(), _unclaimed(), _odd_rows(), _old_keys()]


def _components() -> Iterable[Metric]:
    ages = GaugeMetricFamily(
        "wechat_ticket_age_seconds",
        "Since the last component_verify_ticket, or since the component is here without one.",
        labels=["component"],
    )
    failures = GaugeMetricFamily(
        "wechat_component_failures",
        "How often in a row the component token could not be had.",
        labels=["component"],
    )
    since = Coalesce("ticket_received_at", "created_at")
    rows = Component.objects.with_clock().annotate(since=since)
    for appid, number, at, now in rows.values_list("appid", "failures", "since", "now"):
        ages.add_metric([appid], (now - at).total_seconds())
        failures.add_metric([appid], number)
    return [ages, failures]


def _pushes() -> Metric:
    family = GaugeMetricFamily("wechat_pushes_failed", "Pushes whose handler failed.")
    family.add_metric([], count(Push.objects.filter(state=Push.State.FAILED)))
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


def _old_keys() -> Metric:
    family = CounterMetricFamily(
        "wechat_old_key_uses",
        "How often a key that was changed was still needed: of messages by the component, of "
        "fields by the key's fingerprint.",
        labels=["kind", "key"],
    )
    for appid, count in Component.objects.values_list("appid", "previous_key_uses"):
        family.add_metric(["message", appid], count)
    for key_id, count in OldKeyUse.objects.values_list("key_id", "count"):
        family.add_metric(["field", key_id], count)
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
    family.add_metric([], count(Reply.objects.filter(due_at__lte=Now())))
    return family


def _deliveries() -> Metric:
    family = GaugeMetricFamily(
        "wechat_deliveries", "Forwarded messages on their way, and given up.", labels=["state"]
    )
    for state in (Delivery.State.DUE, Delivery.State.DEAD):
        family.add_metric([state], count(Delivery.objects.filter(state=state)))
    return family


def _authorizers() -> Metric:
    family = GaugeMetricFamily("wechat_authorizers", "Authorizers by state.", labels=["state"])
    for state in Authorizer.State:
        number = count(Authorizer.objects.filter(state=state))
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
    family.add_metric([], count(overdue_refreshes()))
    return family


def _unclaimed() -> Metric:
    family = GaugeMetricFamily("wechat_bindings_parked", "Bindings that wait for staff.")
    family.add_metric([], count(Binding.objects.unclaimed()))
    return family

"""What should have happened by now: a sweep that stands still, an answer that was lost."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric

from audits.models import (
    CampaignItem,
    CodeAudit,
    CodeVersion,
    GrayRelease,
    Promotion,
    Release,
)
from config.metrics.rows import MOST_COUNTED, count
from messaging.models import Delivery, ReleaseTest, Reply
from miniprograms.models import Binding, overdue_refreshes
from notices.models import Message, Notice
from platform_auth.models import Component, DuePush, PlatformEvent, Push, is_free

# By how much of what a merchant waits for at WeChat: label, from and until.
_DAYS = (("under 1 day", 0, 1), ("1 to 3 days", 1, 3), ("3 to 7 days", 3, 7), ("over 7 days", 7, 0))


def measures() -> Iterable[Metric]:
    """Due work by how late it is, lost answers by how old, open audits by age."""
    yield from [_overdue(), _due_pushes(), *_unknown(), _open_audits()]


def _work() -> dict[str, tuple[QuerySet[Any], str]]:
    """What workers look for, and the column that says since when it has been due."""
    forwardable = Delivery.objects.filter(target__is_on=True, target__paused_until=None)
    sendable = Message.objects.filter(channel__is_on=True, channel__paused_until=None)
    return {
        "pushes": (DuePush.objects.filter(due_at__lte=Now()), "due_at"),
        "failed pushes": (Push.objects.filter(retry_at__lte=Now()), "retry_at"),
        "replies": (Reply.objects.due(), "due_at"),
        "events": (PlatformEvent.objects.filter(due_at__lte=Now()), "due_at"),
        "deliveries": (forwardable.due(), "due_at"),
        "release tests": (ReleaseTest.objects.due(), "due_at"),
        "component tokens": (Component.objects.due(), "due_at"),
        "authorizer tokens": (overdue_refreshes(), "due_at"),
        "bindings": (Binding.objects.due(), "due_at"),
        "audits": (CodeAudit.objects.due(), "due_at"),
        "versions": (CodeVersion.objects.due(), "due_at"),
        "releases": (Release.objects.due(), "due_at"),
        "releases in steps": (GrayRelease.objects.due(), "due_at"),
        "drafts": (Promotion.objects.due(), "due_at"),
        "campaigns": (CampaignItem.objects.due(), "due_at"),
        "notices": (Notice.objects.filter(planned_at=None), "created_at"),
        "notice messages": (sendable.due(), "due_at"),
    }


def _overdue() -> Metric:
    family = GaugeMetricFamily(
        "wechat_overdue_seconds",
        "Since when the oldest row is due that nobody works on.",
        labels=["work"],
    )
    for work, (rows, since) in _work().items():
        oldest = rows.order_by(since).annotate(clock=Now()).values_list(since, "clock").first()
        family.add_metric([work], (oldest[1] - oldest[0]).total_seconds() if oldest else 0)
    return family


def _due_pushes() -> Metric:
    family = GaugeMetricFamily("wechat_pushes_due", "Pushes that are kept and not worked out yet.")
    family.add_metric([], count(DuePush.objects.all()))
    return family


def _unknown() -> Iterable[Metric]:
    numbers = GaugeMetricFamily(
        "wechat_outcomes_unknown", "Acts whose answer of WeChat's was lost.", labels=["of"]
    )
    ages = GaugeMetricFamily(
        "wechat_outcomes_unknown_seconds", "How old the oldest of them is.", labels=["of"]
    )
    # An hour of them: nobody can ask WeChat what became of a message, and staff know by then.
    perhaps = Reply.objects.filter(is_free(), at__gte=Now() - timedelta(hours=1))
    for of, rows, since in (
        ("audits", CodeAudit.objects.filter(status=CodeAudit.Status.UNKNOWN), "create_time"),
        ("versions", CodeVersion.objects.filter(state=CodeVersion.State.UNKNOWN), "created_at"),
        ("releases", Release.objects.filter(state=Release.State.UNKNOWN), "at"),
        ("drafts", Promotion.objects.filter(state=Promotion.State.UNKNOWN), "at"),
        ("replies", perhaps.filter(state=Reply.State.UNKNOWN), "at"),
    ):
        few = rows.order_by().annotate(clock=Now())[:MOST_COUNTED]
        totals = few.aggregate(number=Count("pk"), oldest=Min(since), now=Min("clock"))
        numbers.add_metric([of], totals["number"])
        age = totals["now"] - totals["oldest"] if totals["number"] else timedelta()
        ages.add_metric([of], age.total_seconds())
    return [numbers, ages]


def _open_audits() -> Metric:
    family = GaugeMetricFamily(
        "wechat_audits_open", "Audits without a verdict by their age.", labels=["age"]
    )
    few = CodeAudit.objects.filter(status__in=CodeAudit.OPEN).order_by()[:MOST_COUNTED]
    totals = few.aggregate(
        **{f"from_{least}": Count("pk", filter=_between(least, most)) for _, least, most in _DAYS}
    )
    for label, least, _most in _DAYS:
        family.add_metric([label], totals[f"from_{least}"])
    return family


def _between(least: int, most: int) -> Q:
    aged = Q(create_time__lte=Now() - timedelta(days=least))
    return aged & Q(create_time__gt=Now() - timedelta(days=most)) if most else aged

"""
Two charts: the pushes of the last day by hour, and the reviews of the last months.

An hour or a month that is over does not change any more, so it is counted once and remembered; only
the one under way, and the one before, are counted for each page.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q
from django.db.models.functions import TruncHour, TruncMonth
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from audits.models import ReviewOutcome
from audits.services.review_counts import month_beginnings
from platform_auth.models import UTC_PLUS_8, Push

HOURS, MONTHS = 24, 6
REMEMBERED = timedelta(days=2).total_seconds()

Numbers = tuple[int, ...]
Counted = Iterable[tuple[datetime, Numbers]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars: a NAME for each of the periods, and of each of SERIES a number and its colour."""

    title: StrOrPromise
    names: list[str]
    series: dict[str, tuple[str, list[int]]]

    @property
    def is_empty(self) -> bool:
        return not any(sum(numbers) for _colour, numbers in self.series.values())

    @property
    def data(self) -> str:
        """As unfold hands it to Chart.js."""
        sets = [
            {"label": label, "data": numbers, "backgroundColor": colour, "displayYAxis": True}
            for label, (colour, numbers) in self.series.items()
        ]
        return json.dumps({"labels": self.names, "datasets": sets})

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The same in words, for whoever does not see it."""
        numbers = (numbers for _colour, numbers in self.series.values())
        return list(zip(self.names, *numbers, strict=True))


def charts_for(user: Any) -> list[Chart]:
    """Those that USER may see."""
    charts = []
    if user.has_perm("platform_auth.view_push"):
        charts.append(_pushes())
    if user.has_perm("audits.view_reviewoutcome"):
        charts.append(_reviews())
    return charts


def _pushes() -> Chart:
    this = timezone.now().replace(minute=0, second=0, microsecond=0)
    hours = [this - timedelta(hours=back) for back in reversed(range(HOURS))]
    numbers = _remember("pushes", hours, _count_pushes)
    return Chart(
        _("Pushes of the last 24 hours"),
        [date_format(timezone.localtime(hour), "H:i") for hour in hours],
        {
            _("received"): ("var(--color-primary-600)", [numbers[hour][0] for hour in hours]),
            _("failed"): ("var(--color-red-600)", [numbers[hour][1] for hour in hours]),
        },
    )


def _count_pushes(since: datetime) -> Counted:
    rows = Push.objects.filter(received_at__gte=since).order_by()
    numbers = rows.values_list(TruncHour("received_at")).annotate(
        received=Count("pk"), failed=Count("pk", filter=Q(state=Push.State.FAILED))
    )
    return ((hour, tuple(both)) for hour, *both in numbers)


def _reviews() -> Chart:
    months = month_beginnings(MONTHS)
    numbers = _remember("reviews", months, _count_reviews)
    return Chart(
        _("Reviews of the last six months"),
        [date_format(month, "Y-m") for month in months],
        {
            _("passed"): ("var(--color-primary-600)", [numbers[month][0] for month in months]),
            _("rejected"): ("var(--color-red-600)", [numbers[month][1] for month in months]),
        },
    )


def _count_reviews(since: datetime) -> Counted:
    rows = ReviewOutcome.objects.filter(decided_at__gte=since).order_by()
    months = rows.values_list(TruncMonth("decided_at", tzinfo=UTC_PLUS_8))
    has_passed = Q(has_passed=True)
    numbers = months.annotate(
        passed=Count("pk", filter=has_passed), rejected=Count("pk", filter=~has_passed)
    )
    return ((month, tuple(both)) for month, *both in numbers)


def _remember(
    name: str,
    periods: list[datetime],
    count_since: Callable[[datetime], Counted],
) -> dict[datetime, Numbers]:
    """The numbers of each of PERIODS, the last of which is under way; counted where not known."""
    keys = {period: f"home/{name}/{period:%Y%m%d%H}" for period in periods}
    kept = _read(list(keys.values()))
    known = {period: kept[key] for period, key in keys.items() if key in kept}
    first = next(period for period in periods if period not in known)
    counted = dict(count_since(first))
    nothing = (0, 0)
    numbers = {period: known.get(period) or counted.get(period, nothing) for period in periods}
    _write({keys[period]: numbers[period] for period in periods[:-2] if period not in known})
    return numbers


def _read(keys: list[str]) -> dict[str, Any]:
    try:
        return cache.get_many(keys)
    except Exception as error:  # noqa: BLE001 -- whatever the cache's client raises
        logger.warning("numbers of the first page are counted anew: %s", type(error).__name__)
        return {}


def _write(numbers: dict[str, Any]) -> None:
    try:
        cache.set_many(numbers, REMEMBERED)
    except Exception as error:  # noqa: BLE001 -- whatever the cache's client raises
        logger.warning("numbers of the first page are not kept: %s", type(error).__name__)

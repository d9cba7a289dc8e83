"""Counting what WeChat decided: how often at the first try, why not, and how long it took."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.db.models.functions import ExtractHour, TruncMonth
from django.utils import timezone

from audits.models import CodeTemplate, RejectionReason, ReviewOutcome
from platform_auth.models import UTC_PLUS_8

MAX_CLAUSES, MAX_DETAILS = 50, 3
MAX_CATEGORIES = 50


@dataclass(frozen=True, slots=True)
class PassRate:
    """Of one template: the FIRST submissions of mini programs, and how many PASSED at once."""

    template: CodeTemplate | None
    first: int
    passed: int
    decided: int
    rejected: int

    @property
    def per_cent(self) -> int | None:
        return round(100 * self.passed / self.first) if self.first else None


@dataclass(slots=True)
class ClauseCounts:
    """How often WeChat gave a CLAUSE as a reason, by month; DETAILS are its most frequent ones."""

    clause: str
    by_month: dict[datetime, int] = field(default_factory=dict)
    details: list[tuple[str, int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.by_month.values())


@dataclass(frozen=True, slots=True)
class Wait:
    """How long REVIEWS took on average; how many were decided within two hours, and a day."""

    name: str
    reviews: int
    average: timedelta
    in_two_hours: int
    in_a_day: int


def month_beginnings(months: int) -> list[datetime]:
    """When the last MONTHS months began in Beijing, the oldest first."""
    month = timezone.now().astimezone(UTC_PLUS_8)
    month = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    beginnings = [month]
    while len(beginnings) < months:
        beginnings.append((beginnings[-1] - timedelta(days=1)).replace(day=1))
    return beginnings[::-1]


def decided_since(since: datetime, template: CodeTemplate | None) -> QuerySet[ReviewOutcome]:
    """The outcomes from SINCE on; of TEMPLATE, if one is named."""
    outcomes = ReviewOutcome.objects.filter(decided_at__gte=since)
    return outcomes.filter(template=template) if template else outcomes


def count_passes(outcomes: QuerySet[ReviewOutcome]) -> list[PassRate]:
    """For each template, the newest first."""
    is_first, has_passed = Q(is_first=True), Q(has_passed=True)
    rows = outcomes.order_by().values_list("template")
    rows = rows.annotate(
        first=Count("pk", filter=is_first),
        passed=Count("pk", filter=is_first & has_passed),
        decided=Count("pk"),
        rejected=Count("pk", filter=~has_passed),
    )
    counts: dict[int | None, Any] = {row[0]: row[1:] for row in rows}
    templates = CodeTemplate.objects.in_bulk([pk for pk in counts if pk])
    rates = [PassRate(templates.get(pk), *numbers) for pk, numbers in counts.items()]
    return sorted(rates, key=lambda rate: -(rate.template.template_id if rate.template else -1))


def count_reasons(outcomes: QuerySet[ReviewOutcome]) -> list[ClauseCounts]:
    """The clauses that WeChat named most often, each with its most frequent details."""
    reasons = RejectionReason.objects.filter(outcome__in=outcomes.order_by())
    month = TruncMonth("outcome__decided_at", tzinfo=UTC_PLUS_8)
    clauses: dict[str, ClauseCounts] = {}
    for clause, begun, number in (
        reasons.annotate(month=month)
        .values_list("clause", "month")
        .annotate(number=Count("outcome", distinct=True))
    ):
        clauses.setdefault(clause, ClauseCounts(clause)).by_month[begun] = number
    shown = sorted(clauses.values(), key=lambda one: (-one.total, one.clause))[:MAX_CLAUSES]
    _add_details(shown, reasons)
    return shown


def _add_details(shown: Iterable[ClauseCounts], reasons: QuerySet[RejectionReason]) -> None:
    by_clause = {one.clause: one for one in shown}
    rows = reasons.filter(clause__in=by_clause).exclude(detail="").values_list("clause", "detail")
    details: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for clause, detail, number in rows.annotate(number=Count("pk")).order_by("-number"):
        if len(details[clause]) < MAX_DETAILS:
            details[clause].append((detail, number))
    for clause, most in details.items():
        by_clause[clause].details = most


def wait_by_hour(outcomes: QuerySet[ReviewOutcome]) -> list[Wait]:
    """By the hour in Beijing at which a review was submitted."""
    hour = ExtractHour("submitted_at", tzinfo=UTC_PLUS_8)
    rows = _waits(outcomes.annotate(hour=hour).values_list("hour")).order_by("hour")
    return [_wait(f"{name:02}:00", *numbers) for name, *numbers in rows]


def wait_by_category(outcomes: QuerySet[ReviewOutcome]) -> list[Wait]:
    """By category, those with the most reviews first."""
    rows = _waits(outcomes.values_list("category")).order_by("-number", "category")
    return [_wait(name, *numbers) for name, *numbers in rows[:MAX_CATEGORIES]]


def _waits(rows: Any) -> Any:
    in_two_hours, in_a_day = Q(waited__lte=2 * 3600), Q(waited__lte=24 * 3600)
    return rows.exclude(waited=None).annotate(
        number=Count("pk"),
        average=Avg("waited"),
        in_two_hours=Count("pk", filter=in_two_hours),
        in_a_day=Count("pk", filter=in_a_day),
    )


def _wait(name: str, reviews: int, average: float, in_two_hours: int, in_a_day: int) -> Wait:
    return Wait(name, reviews, timedelta(seconds=round(average)), in_two_hours, in_a_day)

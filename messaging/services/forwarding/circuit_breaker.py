"""
The circuit breaker of a target: one that fails several times in a row is only probed, by one
delivery at a time and after growing pauses. Once one succeeds, everything that waits is due.
"""

import random
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from messaging.models import Target
from platform_auth.domain_events import DomainEvent, publish

MAX_FAILURES = 5  # in a row; then the circuit opens
MIN_PAUSE = 10.0  # seconds, between two probes
MAX_PAUSE = 300.0


def is_circuit_open(target: Target) -> bool:
    """Whether TARGET had failed so often, as it was read, that it is only probed."""
    return target.failures >= MAX_FAILURES


def has_open_circuit() -> Q:
    """Targets that are only probed."""
    return Q(failures__gte=MAX_FAILURES)


def close_circuit(target: Target) -> None:
    """TARGET has answered: if its circuit was open, everything that waits for it is due."""
    if not target.failures and not target.last_error:
        return
    rows = Target.objects.filter(pk=target.pk)
    if rows.update(failures=0, paused_until=None, last_error="") and is_circuit_open(target):
        target.deliveries.waiting().filter(due_at__gt=Now()).update(due_at=Now())


def count_failure(target: Target, reason: str) -> None:
    """
    TARGET has failed once more. What was under way when its circuit opened does not count: only
    the probes make the pauses longer.
    """
    rows = Target.objects.filter(pk=target.pk)
    if not is_circuit_open(target):
        rows = rows.exclude(has_open_circuit())
    with transaction.atomic():
        if not rows.update(failures=F("failures") + 1, last_error=reason):
            return
        failures = Target.objects.values_list("failures", flat=True).get(pk=target.pk)
        if failures == MAX_FAILURES:
            facts = {"pk": target.pk, "target": str(target), "reason": reason}
            publish(DomainEvent("target.paused", facts=facts))
    if failures >= MAX_FAILURES:
        pause = min(MIN_PAUSE * 2.0 ** min(failures - MAX_FAILURES, 16), MAX_PAUSE)
        Target.objects.filter(pk=target.pk).update(paused_until=Now() + jittered(pause))


def jittered(seconds: float) -> timedelta:
    """Up to SECONDS, so that what failed together is not tried again together."""
    return timedelta(seconds=seconds * random.uniform(0.75, 1))  # noqa: S311

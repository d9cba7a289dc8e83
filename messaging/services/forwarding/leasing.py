"""Which deliveries are carried out next, and the leases on them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Now

from messaging.models import Delivery, Target
from messaging.services.forwarding.circuit_breaker import has_open_circuit, is_circuit_open
from messaging.services.forwarding.planning import HEAD_START
from platform_auth.models import LEASE, is_free

MAX_CANDIDATES = 200  # deliveries that are looked at in search of one to take


def lock_target(pk: int) -> Any:
    """
    A target, locked: who comes first among a user's deliveries is decided by one at a time. Pushes,
    whose deliveries refer to it, are not held up.
    """
    return Target.objects.select_for_update(no_key=True).filter(pk=pk)


def lease_due_deliveries(places: int, in_flight: Sequence[Delivery]) -> list[Delivery]:
    """Leased deliveries for PLACES threads, of every target some; IN_FLIGHT are those of others."""
    busy = Counter(delivery.target_id for delivery in in_flight)
    leased: list[Delivery] = []
    targets = [
        pk
        for pk, concurrency in _targets_with_work().values_list("pk", "concurrency")
        if busy[pk] < concurrency
    ]
    # Who has least under way comes first, so that the slow ones do not take all threads.
    for number, pk in enumerate(sorted(targets, key=lambda pk: busy[pk])):
        share = max((places - len(leased)) // (len(targets) - number), 1)
        if len(leased) < places:
            leased += lease_deliveries(pk, share)
    return leased


def _targets_with_work() -> Any:
    """Targets with something due; with an open circuit, those that may be probed with something."""
    waiting = Delivery.objects.waiting().filter(target=OuterRef("pk"), due_at__isnull=False)
    first = Subquery(waiting.order_by("due_at").values("due_at")[:1])
    is_rested = Q(paused_until=None) | Q(paused_until__lte=Now())
    probed = Q(has_open_circuit(), is_rested, first__isnull=False)
    due = Q(~has_open_circuit(), first__lte=Now())
    return Target.objects.alias(first=first).filter(probed | due, is_on=True)


def lease_deliveries(target_pk: int, places: int, *, only: int | None = None) -> list[Delivery]:
    """
    Take up to PLACES deliveries to one target, ONLY that one if so said: as many as the target
    allows at once, over all processes, and a single one while its circuit is open.
    """
    with transaction.atomic():
        target = lock_target(target_pk).filter(is_on=True).annotate(now=Now()).first()
        if target is None:
            return []
        waiting = target.deliveries.waiting()
        in_flight = waiting.filter(lease_until__gt=Now()).count()
        if is_circuit_open(target):
            is_rested = target.paused_until is None or target.paused_until <= target.now
            places = 1 if is_rested and not in_flight else 0
            ready = waiting.filter(due_at__isnull=False)
        else:
            places = min(places, target.concurrency - in_flight)
            ready = waiting.filter(due_at__lte=Now() if only is None else Now() + HEAD_START)
        if only is not None:
            ready = ready.filter(pk=only)
        pks = _choose_oldest(ready.filter(is_free()), places) if places > 0 else []
        leased = Delivery.objects.filter(pk__in=pks)
        leased.update(epoch=F("epoch") + 1, lease_until=Now() + LEASE)
        return list(leased.select_related("push", "event", "target").order_by("id"))


def _choose_oldest(ready: Any, places: int) -> list[int]:
    """
    The first PLACES of what is READY that have nothing older before them. What has is not due until
    that is done with, so that it is looked at once however long it waits. Under the target's lock.
    """
    older = Delivery.objects.waiting().filter(
        target=OuterRef("target"), user=OuterRef("user"), pk__lt=OuterRef("pk")
    )
    # The longest due first; of what became due together, what came first.
    queue = ready.annotate(is_behind=Exists(older)).order_by("due_at", "id")
    batch = list(queue.values_list("pk", "is_behind")[:MAX_CANDIDATES])
    if sum(is_behind for _pk, is_behind in batch) + places > MAX_CANDIDATES:
        ready.filter(Exists(older)).update(due_at=None)  # at once, where one user fills the queue
        batch = list(queue.values_list("pk", "is_behind")[:MAX_CANDIDATES])
    behind = [pk for pk, is_behind in batch if is_behind]
    Delivery.objects.filter(pk__in=behind).update(due_at=None)
    return [pk for pk, is_behind in batch if not is_behind][:places]

"""What becomes of a delivery that was posted: done, tried again later, or a dead letter."""

import time
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Delivery
from messaging.services import passive_replies
from messaging.services.forwarding.circuit_breaker import close_circuit, count_failure, jittered
from messaging.services.forwarding.leasing import lock_target
from messaging.services.forwarding.posting import PostOutcome
from platform_auth.counters import Counter
from platform_auth.models import is_free

DELIVERED, FAILED, GIVEN_UP = "delivered", "failed", "given up"
ATTEMPTS = Counter(
    "wechat_delivery_attempts",
    "Attempts to forward a message by what came of them; given up are those made no more.",
    ("result",),
    first=((DELIVERED,), (FAILED,), (GIVEN_UP,)),
)

MAX_LOG = 30  # attempts that are kept
MIN_BACKOFF = 5.0  # seconds
MAX_BACKOFF = 4 * 3600.0


def record_outcome(delivery: Delivery, outcome: PostOutcome, *, is_replied: bool = False) -> bool:
    """
    Write OUTCOME down, unless somebody has fenced us off. Its reply goes to the user as a message,
    unless IS_REPLIED: they have it already. Whether there now is such a message to send.
    """
    ATTEMPTS.add(DELIVERED if outcome.is_good else FAILED)
    if not outcome.is_good:
        _record_failure(delivery, outcome)
        return False
    reply = None
    with transaction.atomic():
        target = lock_target(delivery.target_id).get()
        state = Delivery.State.DONE
        is_ours = _finish(delivery, outcome, state=state, done_at=Now(), last_error="")
        if is_ours and outcome.reply and not is_replied and delivery.push:
            reply = passive_replies.reply_for_target(delivery.push, outcome.reply, is_late=True)
        close_circuit(target)
    return reply is not None


def _record_failure(delivery: Delivery, outcome: PostOutcome) -> None:
    failures = min(delivery.failures + 1, 100)
    if delivery.give_up_at <= timezone.now():
        _mark_dead(delivery, outcome, failures=failures)
    else:
        backoff = min(MIN_BACKOFF * 2.0**delivery.failures, MAX_BACKOFF)
        delivery.write(
            due_at=Now() + jittered(backoff),
            failures=failures,
            last_error=outcome.reason,
            log=_log_with(delivery, outcome),
        )
    count_failure(delivery.target, outcome.reason)


def mark_dead(delivery: Delivery, error: Exception) -> None:
    """What cannot even be read is not tried again by itself."""
    _mark_dead(delivery, PostOutcome(0, 0, str(error) or type(error).__name__))


def _mark_dead(delivery: Delivery, outcome: PostOutcome, **values: Any) -> None:
    with transaction.atomic():
        lock_target(delivery.target_id).get()
        state = Delivery.State.DEAD
        if _finish(delivery, outcome, state=state, last_error=outcome.reason, **values):
            ATTEMPTS.add(GIVEN_UP)


def _finish(delivery: Delivery, outcome: PostOutcome, **values: Any) -> bool:
    """
    DELIVERY is not tried again: the next for the same user is due. Whether it was ours to end.
    Under the target's lock.
    """
    if not delivery.write(due_at=None, log=_log_with(delivery, outcome), **values):
        return False
    waiting = Delivery.objects.waiting().filter(target=delivery.target_id, user=delivery.user)
    first = waiting.order_by("id").values("pk")[:1]
    Delivery.objects.filter(pk__in=first, due_at=None).update(due_at=Now())
    return True


def _log_with(delivery: Delivery, outcome: PostOutcome) -> list[list[Any]]:
    entry = [int(time.time()), outcome.status, round(outcome.seconds * 1000), outcome.reason]
    return [*delivery.log[1 - MAX_LOG :], entry]


def make_oldest_due() -> None:
    """
    Make due what has nothing older before it any more, though nobody has seen that end: it was
    given up among many, or deleted with its push.
    """
    users = Delivery.objects.waiting().order_by().values("target", "user")
    first = users.annotate(first=Min("id")).values("first")
    Delivery.objects.filter(pk__in=first, due_at=None).update(due_at=Now())


def give_up_overdue() -> int:
    """Make dead letters of what could not be delivered for a day. How many."""
    overdue = Delivery.objects.waiting().filter(is_free(), give_up_at__lte=Now())
    untried = overdue.filter(last_error="").give_up(last_error=_("Nobody took it for a day."))
    number: int = untried + overdue.give_up()
    if number:
        ATTEMPTS.add(GIVEN_UP, by=number)
    make_oldest_due()
    return number

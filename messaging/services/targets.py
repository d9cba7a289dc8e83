"""What staff do with forward targets: try them, change their secrets, send again what was lost."""

import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Delivery, Target, in_a_day
from messaging.outbound import Undelivered
from messaging.services.deliveries import OVERLAP, first_delivery_since
from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.forwarding.circuit_breaker import close_circuit
from messaging.services.forwarding.leasing import lock_target
from messaging.services.forwarding.outcomes import make_oldest_due
from messaging.services.forwarding.posting import encode_payload, explain_status, post_payload
from messaging.standard_webhooks import new_secret
from platform_auth.events import log_event
from platform_auth.fields import seal
from platform_auth.leases import release_db_connection
from platform_auth.models import is_free
from platform_auth.operations import Actor, record_operation
from platform_auth.unreadable import demand_readable

SECRET_OVERLAP = timedelta(days=1)  # in which both secrets verify what we send
MAX_RESENT = 10_000  # deliveries, by one act


def send_test(target: Target, *, by: Actor) -> str:
    """
    Post a message of the type `test` to TARGET now, because BY wants to know; what came of it, in a
    sentence. If its circuit was open and it answers, it gets everything that waits.

    Raises Undelivered if it did not take it, and Unreadable if its secret cannot be read.
    """
    record_operation("test_target", by=by, result=str(target))
    body = encode_payload("test", timezone.now(), {"target": target.name})
    return _post_now(target, f"test_{secrets.token_hex(16)}", body)


def send_example(target: Target, kind: str, *, by: Actor) -> str:
    """
    Post the example of KIND, a name of the catalogue, to TARGET now; what came of it, in words.

    Raises as `send_test` does.
    """
    record_operation("send_example", by=by, result=f"{target}: {kind}")
    example = EVENT_TYPES[kind].example
    body = encode_payload(kind, timezone.now(), example["data"])
    return _post_now(target, f"example_{secrets.token_hex(16)}", body)


def _post_now(target: Target, message_id: str, body: bytes) -> str:
    release_db_connection()
    started = time.monotonic()
    answer = post_payload(target, message_id, body)
    if not answer.is_good:
        raise Undelivered(explain_status(answer.status))
    close_circuit(target)
    return _("It took the message (HTTP %(status)d) in %(milliseconds)d ms.") % {
        "status": answer.status,
        "milliseconds": (time.monotonic() - started) * 1000,
    }


def switch_target(target: Target, *, on: bool, by: Actor) -> None:
    """
    Tell TARGET of messages from now ON, or no more. What waits for one that is off stays, until it
    is given up; one whose circuit is open is probed at once.
    """
    with transaction.atomic():
        Target.objects.filter(pk=target.pk).update(is_on=on, paused_until=None)
        record_operation(
            "switch_target_on" if on else "switch_target_off", by=by, result=str(target)
        )


def rotate_secret(target: Target, *, by: Actor) -> str:
    """
    A new secret for TARGET, to be shown this once to BY. For a day we sign with the one before as
    well, so that whoever verifies can change over in peace. Raises Unreadable, and nothing changes,
    where the one before cannot be read.
    """
    demand_readable(target, ["secret"])
    new, old = new_secret(), target.secret
    with transaction.atomic():
        Target.objects.filter(pk=target.pk).update(
            previous_until=Now() + SECRET_OVERLAP if old else None,
            **seal(Target, target.reference, secret=new, previous_secret=old),
        )
        record_operation("rotate_target_secret", by=by, result=str(target))
    log_event("rotate_target_secret", "done", user=by.get_username(), of=str(target))
    target.refresh_from_db()
    return new


def resend_deliveries(deliveries: Any, *, by: Actor) -> int:
    """
    Send those of DELIVERIES, a queryset, again at once that were given up, or that have failed and
    wait for their next try; a target that is only probed is probed at once. How many.
    """
    with transaction.atomic():
        stuck = deliveries.stuck()
        resent = list(stuck.order_by().values_list("target", flat=True).distinct())
        number: int = stuck.update(
            state=Delivery.State.DUE,
            due_at=Now(),
            give_up_at=in_a_day(),
            failures=0,
            epoch=F("epoch") + 1,
        )
        if number:
            Target.objects.filter(pk__in=resent).update(paused_until=None)
            record_operation("resend_deliveries", by=by, result=str(number))
    return number


@dataclass(frozen=True, slots=True)
class Resent:
    """How many are sent again; NEXT_SINCE is when the first was made that had no place."""

    number: int
    next_since: datetime | None = None


def resend_since(target: Target, since: datetime, *, by: Actor) -> Resent:
    """
    Send all again that TARGET was sent, or was given up, SINCE then: each with the webhook-id that
    it has, a user's and an account's in their order. The oldest MAX_RESENT, if there are more.
    """
    with transaction.atomic():
        lock_target(target.pk).get()
        first = first_delivery_since(since - OVERLAP)
        rows = target.deliveries.filter(pk__gte=first, created_at__gte=since)
        done = rows.exclude(state=Delivery.State.DUE).order_by("pk")
        chosen = list(done.values_list("pk", "created_at")[: MAX_RESENT + 1])
        if len(chosen) > MAX_RESENT:
            done = done.filter(pk__lt=chosen[-1][0])
        number: int = done.order_by().update(
            state=Delivery.State.DUE,
            due_at=Now(),
            give_up_at=in_a_day(),
            done_at=None,
            failures=0,
            epoch=F("epoch") + 1,
        )
        record_operation("resend_since", by=by, result=f"{target}: {since.isoformat()}, {number}")
    is_all = len(chosen) <= MAX_RESENT
    return Resent(number, None if is_all else chosen[-1][1])


def give_up_deliveries(deliveries: Any, *, by: Actor) -> int:
    """
    Give up those of DELIVERIES, a queryset, that wait: one that its target will never take holds up
    what comes after it from the same user. How many.
    """
    with transaction.atomic():
        number: int = deliveries.waiting().filter(is_free()).give_up()
        if number:
            make_oldest_due()
            record_operation("give_up_deliveries", by=by, result=str(number))
    return number

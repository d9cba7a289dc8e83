"""What staff do with forward targets: try them, change their secrets, send again what was lost."""

import secrets
import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Delivery, Target, in_a_day
from messaging.outbound import Undelivered
from messaging.services.forwarding.circuit_breaker import close_circuit
from messaging.services.forwarding.outcomes import make_oldest_due
from messaging.services.forwarding.posting import encode_payload, explain_status, post_payload
from messaging.standard_webhooks import new_secret
from platform_auth.events import log_event
from platform_auth.fields import read_or_empty, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import is_free
from platform_auth.operations import Actor, record_operation

SECRET_OVERLAP = timedelta(days=1)  # in which both secrets verify what we send


def send_test(target: Target, *, by: Actor) -> str:
    """
    Post a message of the type `test` to TARGET now, because BY wants to know; what came of it, in a
    sentence. If its circuit was open and it answers, it gets everything that waits.

    Raises Undelivered if it did not take it, and Unreadable if its secret cannot be read.
    """
    record_operation("test_target", by=by, result=str(target))
    release_db_connection()
    body = encode_payload("test", timezone.now(), {"target": target.name})
    started = time.monotonic()
    answer = post_payload(target, f"test_{secrets.token_hex(16)}", body)
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
    well, so that whoever verifies can change over in peace.
    """
    new, old = new_secret(), read_or_empty(target, "secret")
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
    """Send those of DELIVERIES, a queryset, again that were given up. How many."""
    with transaction.atomic():
        number: int = deliveries.filter(state=Delivery.State.DEAD).update(
            state=Delivery.State.DUE,
            due_at=Now(),
            give_up_at=in_a_day(),
            failures=0,
            epoch=F("epoch") + 1,
        )
        if number:
            record_operation("resend_deliveries", by=by, result=str(number))
    return number


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

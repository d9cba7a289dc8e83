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
from messaging.services.delivering import (
    DEAD,
    as_json,
    explain,
    note_success,
    post,
    wake_first,
)
from messaging.standard_webhooks import new_secret
from platform_auth.fields import readable, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import is_free
from platform_auth.operations import Actor, record_operation

OVERLAP = timedelta(days=1)  # in which both secrets verify what we send

State = Delivery.State


def send_test(target: Target, *, by: Actor) -> str:
    """
    Post a message of the type `test` to TARGET now, because BY wants to know; what came of it, in a
    sentence. If it was left alone and answers, it gets everything that waits.

    Raises Undelivered if it did not take it, and Unreadable if its secret cannot be read.
    """
    record_operation("test_target", by=by, result=str(target))
    release_db_connection()
    body = as_json("test", timezone.now(), {"target": target.name})
    started = time.monotonic()
    answer = post(target, f"test_{secrets.token_hex(16)}", body)
    if not answer.is_good:
        raise Undelivered(explain(answer.status))
    note_success(target)
    return _("It took the message (HTTP %(status)d) in %(milliseconds)d ms.") % {
        "status": answer.status,
        "milliseconds": (time.monotonic() - started) * 1000,
    }


def switch(target: Target, *, on: bool, by: Actor) -> None:
    """
    Tell TARGET of messages from now ON, or no more. What waits for one that is off stays, until it
    is given up; one that was left alone is asked again at once.
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
    new, old = new_secret(), readable(target, "secret")
    with transaction.atomic():
        Target.objects.filter(pk=target.pk).update(
            previous_until=Now() + OVERLAP if old else None,
            **seal(Target, target.reference, secret=new, previous_secret=old),
        )
        record_operation("rotate_target_secret", by=by, result=str(target))
    target.refresh_from_db()
    return new


def resend(deliveries: Any, *, by: Actor) -> int:
    """Send those of DELIVERIES, a queryset, again that were given up. How many."""
    with transaction.atomic():
        number: int = deliveries.filter(state=State.DEAD).update(
            state=State.DUE,
            due_at=Now(),
            give_up_at=in_a_day(),
            failures=0,
            epoch=F("epoch") + 1,
        )
        if number:
            record_operation("resend_deliveries", by=by, result=str(number))
    return number


def resend_all(target: Target, *, by: Actor) -> int:
    """Send everything again that was given up for TARGET. How many."""
    return resend(Delivery.objects.filter(target=target), by=by)


def give_up(deliveries: Any, *, by: Actor) -> int:
    """
    Give up those of DELIVERIES, a queryset, that wait: one that its target will never take holds up
    what comes after it from the same user. How many.
    """
    with transaction.atomic():
        waiting = deliveries.filter(is_free(), state=State.DUE)
        number: int = waiting.update(**DEAD)
        if number:
            wake_first()
            record_operation("give_up_deliveries", by=by, result=str(number))
    return number

"""
Sending messages: due rows under a lease, side by side, one at a time for each channel. What fails
is tried again after growing pauses, and is a dead letter after a day; a channel that fails several
times in a row is only probed until it answers.
"""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.outbound import Undelivered
from messaging.services.forwarding.circuit_breaker import (
    MAX_FAILURES,
    MAX_PAUSE,
    MIN_PAUSE,
    jittered,
)
from notices.models import Channel, Message, give_up_time
from notices.services.senders import send
from notices.services.texts import content_of, test_content
from platform_auth.counters import Counter
from platform_auth.due_work import Runner
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import is_free
from platform_auth.operations import Actor, record_operation

DELIVERED, FAILED, GIVEN_UP = "delivered", "failed", "given up"
ATTEMPTS = Counter(
    "wechat_notice_attempts",
    "Attempts to send a notice by what came of them; given up are those made no more.",
    ("result",),
    first=((DELIVERED,), (FAILED,), (GIVEN_UP,)),
)

MAX_LOG = 30  # attempts that are kept
MIN_BACKOFF, MAX_BACKOFF = 5.0, 1800.0  # seconds
CANDIDATES = 500  # messages that are looked at in search of some to send
TEST_EVERY = timedelta(seconds=10)


class TriedJustNow(Undelivered):
    """A channel is tested again in a while: tests are messages to somebody."""


def find_due(places: int, in_flight: Sequence[Message]) -> list[Message]:
    """The messages that are due, of each channel that is free the one that is longest due."""
    busy = {message.channel_id for message in in_flight}
    is_rested = Q(channel__paused_until=None) | Q(channel__paused_until__lte=Now())
    due = Message.objects.waiting().due().with_clock().filter(is_rested, channel__is_on=True)
    rows = due.exclude(channel__in=busy).select_related("channel__owner")
    first: dict[int, Message] = {}
    for message in rows.order_by("due_at", "id")[:CANDIDATES]:
        first.setdefault(message.channel_id, message)
    return list(first.values())[:places]


def send_message(message: Message) -> bool:
    """Send MESSAGE, if nobody else has it. Whether it arrived."""
    if not message.take_lease():
        return False
    content = content_of(message)
    release_db_connection()
    started = time.monotonic()
    try:
        send(message.channel, content)
    except (Undelivered, Unreadable) as error:
        _record_failure(message, started, str(error) or type(error).__name__)
        return False
    ATTEMPTS.add(DELIVERED)
    log = _log_with(message, started, "")
    message.write(state=Message.State.DONE, done_at=Now(), due_at=None, last_error="", log=log)
    close_circuit(message.channel)
    return True


MESSAGES = Runner("notices", find=find_due, work=send_message, threads=16, is_alone=True)


def _record_failure(message: Message, started: float, reason: str) -> None:
    ATTEMPTS.add(FAILED)
    values: dict[str, Any] = {
        "failures": min(message.failures + 1, 100),
        "last_error": reason,
        "log": _log_with(message, started, reason),
    }
    if message.give_up_at <= timezone.now():
        if message.write(state=Message.State.DEAD, due_at=None, **values):
            ATTEMPTS.add(GIVEN_UP)
    else:
        backoff = min(MIN_BACKOFF * 2.0 ** min(message.failures, 16), MAX_BACKOFF)
        message.write(due_at=Now() + jittered(backoff), **values)
    count_failure(message.channel, reason)


def _log_with(message: Message, started: float, reason: str) -> list[list[Any]]:
    entry = [int(time.time()), round((time.monotonic() - started) * 1000), reason]
    return [*message.log[1 - MAX_LOG :], entry]


def count_failure(channel: Channel, reason: str) -> None:
    """CHANNEL has failed once more; after some in a row it is left alone for a while."""
    with transaction.atomic():
        rows = Channel.objects.filter(pk=channel.pk)
        if not rows.update(failures=F("failures") + 1, last_error=reason):
            return
        failures = rows.values_list("failures", flat=True).get()
        if failures >= MAX_FAILURES:
            pause = min(MIN_PAUSE * 2.0 ** min(failures - MAX_FAILURES, 16), MAX_PAUSE)
            rows.update(paused_until=Now() + jittered(pause))


def close_circuit(channel: Channel) -> None:
    """CHANNEL has taken something: what waits because it failed is due."""
    if not channel.failures and not channel.last_error:
        return
    Channel.objects.filter(pk=channel.pk).update(failures=0, paused_until=None, last_error="")
    channel.messages.waiting().filter(due_at__gt=Now()).update(due_at=Now())


def give_up_overdue() -> int:
    """Make dead letters of what could not be sent for a day. How many."""
    overdue = Message.objects.waiting().filter(is_free(), give_up_at__lte=Now())
    untried = overdue.filter(last_error="").give_up(last_error=_("Nobody took it for a day."))
    number: int = untried + overdue.give_up()
    if number:
        ATTEMPTS.add(GIVEN_UP, by=number)
    return number


def send_test(channel: Channel, *, by: Actor) -> str:
    """
    Send a test to CHANNEL now, because BY wants to know; what came of it, in a sentence. If it was
    left alone, it gets everything that waits.

    Raises Undelivered if it did not take it, TriedJustNow, and Unreadable.
    """
    rows = Channel.objects.filter(pk=channel.pk)
    rested = rows.filter(Q(tested_at=None) | Q(tested_at__lt=Now() - TEST_EVERY))
    with transaction.atomic():
        if not rested.update(tested_at=Now()):
            raise TriedJustNow(_("It was tested just now. Wait ten seconds."))
        record_operation("test_channel", by=by, result=str(channel))
    content = test_content(channel, secrets.token_hex(16))
    release_db_connection()
    started = time.monotonic()
    send(channel, content)
    close_circuit(channel)
    if channel.type == Channel.Type.EMAIL:  # the mail server has it, and nobody knows more
        return _("The test is sent. Please look into the mailbox.")
    milliseconds = (time.monotonic() - started) * 1000
    return _("It took the test in %(milliseconds)d ms.") % {"milliseconds": milliseconds}


def rotate_secret(channel: Channel, *, by: Actor) -> str:
    """A new signing secret for CHANNEL, a webhook; it is shown to BY this once."""
    with transaction.atomic():
        secret = channel.sign_with_new_secret()
        channel.save(update_fields=["secret"])
        record_operation("rotate_channel_secret", by=by, result=str(channel))
    return secret


def resend_messages(messages: Any, *, by: Actor) -> int:
    """Send those of MESSAGES, a queryset, again that were given up. How many."""
    with transaction.atomic():
        number: int = messages.filter(state=Message.State.DEAD).update(
            state=Message.State.DUE,
            due_at=Now(),
            give_up_at=give_up_time(),
            failures=0,
            epoch=F("epoch") + 1,
        )
        if number:
            record_operation("resend_messages", by=by, result=str(number))
    return number

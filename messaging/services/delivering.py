"""
One delivery: what is posted to a target, and what becomes of the delivery and of the target then.

A target that fails several times in a row is left alone: one delivery at a time probes it, in
longer and longer pauses. Once one succeeds, everything that waits is due.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging import outbound, standard_webhooks
from messaging.models import Delivery, Target
from messaging.outbound import MAX_ANSWER, Answer, Undelivered
from messaging.services import replying
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from wechat import push as wire
from wechat.replies import BadContent, Content, parse_content

TIMEOUT = 10.0  # seconds for one post, much less than a lease
LONGEST_LOG = 30

FIRST_PAUSE = 5.0  # seconds, of a delivery
LONGEST_PAUSE = 4 * 3600.0
MOST_FAILURES = 5  # of a target, in a row; then it is left alone
FIRST_REST = 10.0  # seconds, of a target
LONGEST_REST = 300.0

State = Delivery.State


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one post came to: the HTTP status, or 0, and WHY if that is not all there is to say."""

    status: int
    seconds: float
    why: str = ""
    reply: Content | None = field(default=None, repr=False)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


# Takes a reply if somebody still waits for it.
Hand = Callable[[Content], bool]


def nobody_waits(content: Content) -> bool:
    """The Hand of a delivery that no push is kept open for."""
    return False


# What is sent


def type_of(push: wire.Push) -> str:
    """What a target is told that PUSH is: message.text, event.subscribe and so on."""
    group = "event" if push.get("MsgType") == "event" else "message"
    return f"{group}.{push.kind}"


def write_body(row: Push) -> bytes:
    """ROW as a target gets it. Raises Unreadable or Untrusted if it cannot be read any more."""
    push = wire.read(row.body.encode())
    data = {
        "appid": row.appid,
        "user_name": push.get("ToUserName"),
        "openid": push.get("FromUserName"),
        "kind": push.kind,
        "msg_id": push.get("MsgId"),
        "created": push.created,
        "message": push.fields,
    }
    return as_json(type_of(push), row.created, data)


def as_json(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    """The payload that Standard Webhooks recommends."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    payload = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(payload, ensure_ascii=False).encode()


def message_id(row: Push) -> str:
    """The webhook-id of ROW, the same however often it is sent."""
    return f"msg_{row.digest[:32]}"


def secrets_of(target: Target) -> list[str]:
    """What is signed with: the secret and, while it is being changed, the one before."""
    until = target.previous_until
    is_changing = until is not None and until > timezone.now()
    return [target.secret, *([target.previous_secret] if is_changing else [])]


def post(target: Target, message: str, body: bytes) -> Answer:
    """
    What TARGET answers to BODY, which is sent as MESSAGE. Raises Undelivered, and Unreadable if its
    secret cannot be read.
    """
    headers = standard_webhooks.headers(message, body, secrets_of(target), int(time.time()))
    return outbound.post(target.url, body, headers, deadline=time.monotonic() + TIMEOUT)


def attempt(delivery: Delivery) -> Outcome:
    """Post DELIVERY once, holding no database connection. Raises Unreadable or Untrusted."""
    target, started = delivery.target, time.monotonic()
    body = write_body(delivery.push)
    try:
        answer = post(target, message_id(delivery.push), body)
    except (Undelivered, Unreadable) as error:
        return Outcome(0, time.monotonic() - started, str(error))
    if not answer.is_good:
        return Outcome(answer.status, answer.seconds, explain(answer.status))
    if not target.answers:
        return Outcome(answer.status, answer.seconds)
    try:
        reply, why = read_reply(answer.body), ""
    except (ValueError, RecursionError) as error:
        reply, why = None, _("Its reply was not understood.")
        why += f" {_(error.sentence) % error.params}" if isinstance(error, BadContent) else ""
    return Outcome(answer.status, answer.seconds, why, reply)


def explain(status: int) -> str:
    """Why STATUS is no success."""
    if 300 <= status < 400:
        return _("It redirects (HTTP %(status)d), which is not followed.") % {"status": status}
    return _("It answered HTTP %(status)d.") % {"status": status}


def read_reply(body: bytes) -> Content | None:
    """The content of {"reply": {…}}; None where there is none. Raises ValueError."""
    answer = json.loads(body) if body.strip() else {}
    if not isinstance(answer, dict) or len(body) == MAX_ANSWER:
        raise ValueError("not an object, or too large a one")
    reply = answer.get("reply")
    return None if reply is None else parse_content(reply)


# What becomes of it


def settle(delivery: Delivery, outcome: Outcome, hand: Hand = nobody_waits) -> bool:
    """
    Write OUTCOME down, unless somebody has fenced us off. A reply goes to HAND, or to the user by
    itself. Whether it did the latter.
    """
    if not outcome.is_good:
        _note_failure(delivery, outcome)
        return False
    is_later = False
    reply = outcome.reply
    if reply is not None and hand(reply):
        reply = None
    with transaction.atomic():
        target = lock(delivery.target_id).get()
        is_ours = _end(delivery, outcome, state=State.DONE, done_at=Now(), last_error="")
        if is_ours and reply is not None:
            is_later = replying.send_later(delivery.push, reply) is not None
        note_success(target)
    return is_later


def _note_failure(delivery: Delivery, outcome: Outcome) -> None:
    failures = min(delivery.failures + 1, 100)
    if delivery.give_up_at <= timezone.now():
        with transaction.atomic():
            lock(delivery.target_id).get()
            _end(delivery, outcome, state=State.DEAD, failures=failures, last_error=outcome.why)
    else:
        pause = min(FIRST_PAUSE * 2.0**delivery.failures, LONGEST_PAUSE)
        delivery.write(
            due_at=Now() + _roughly(pause),
            failures=failures,
            last_error=outcome.why,
            log=_log(delivery, outcome),
        )
    note_failure(delivery.target, outcome.why)


def mark_dead(delivery: Delivery, error: Exception) -> None:
    """What cannot even be read is not tried again by itself."""
    outcome = Outcome(0, 0, str(error) or type(error).__name__)
    with transaction.atomic():
        lock(delivery.target_id).get()
        _end(delivery, outcome, state=State.DEAD, last_error=outcome.why)


def _end(delivery: Delivery, outcome: Outcome, **values: Any) -> bool:
    """
    DELIVERY is done with: the next for the same user is due. Whether it was ours to end. Under the
    target's lock.
    """
    if not delivery.write(due_at=None, log=_log(delivery, outcome), **values):
        return False
    same = Delivery.objects.filter(target=delivery.target_id, user=delivery.user, state=State.DUE)
    first = same.order_by("id").values("pk")[:1]
    Delivery.objects.filter(pk__in=first, due_at=None).update(due_at=Now())
    return True


def _log(delivery: Delivery, outcome: Outcome) -> list[list[Any]]:
    entry = [int(time.time()), outcome.status, round(outcome.seconds * 1000), outcome.why]
    return [*delivery.log[1 - LONGEST_LOG :], entry]


def lock(target_pk: int) -> Any:
    """
    A target, locked: who comes first among a user's deliveries is decided by one at a time. Pushes,
    whose deliveries refer to it, are not held up.
    """
    return Target.objects.select_for_update(no_key=True).filter(pk=target_pk)


def wake_first() -> None:
    """
    Make due what has nothing older before it any more, though nobody has seen that end: it was
    given up among many, or deleted with its push.
    """
    users = Delivery.objects.filter(state=State.DUE).order_by().values("target", "user")
    first = users.annotate(first=Min("id")).values("first")
    Delivery.objects.filter(pk__in=first, due_at=None).update(due_at=Now())


# Of deliveries that are given up; `wake_first` comes after.
DEAD: dict[str, Any] = {"state": State.DEAD, "due_at": None, "epoch": F("epoch") + 1}


# What becomes of the target


def note_success(target: Target) -> None:
    """TARGET has answered: if it was left alone, everything that waits for it is due."""
    if not target.failures and not target.last_error:
        return
    rows = Target.objects.filter(pk=target.pk)
    if rows.update(failures=0, paused_until=None, last_error="") and is_circuit_open(target):
        waiting = Delivery.objects.filter(target=target.pk, state=State.DUE)
        waiting.filter(due_at__gt=Now()).update(due_at=Now())


def note_failure(target: Target, why: str) -> None:
    """
    TARGET has failed once more. What was under way when it was first left alone does not count:
    only the probes make its rest longer.
    """
    rows = Target.objects.filter(pk=target.pk)
    if not is_circuit_open(target):
        rows = rows.filter(failures__lt=MOST_FAILURES)
    if not rows.update(failures=F("failures") + 1, last_error=why):
        return
    failures = Target.objects.values_list("failures", flat=True).get(pk=target.pk)
    if failures >= MOST_FAILURES:
        rest = min(FIRST_REST * 2.0 ** min(failures - MOST_FAILURES, 16), LONGEST_REST)
        Target.objects.filter(pk=target.pk).update(paused_until=Now() + _roughly(rest))


def is_circuit_open(target: Target) -> bool:
    """Whether TARGET had failed so often, as it was read, that it is only probed."""
    return target.failures >= MOST_FAILURES


def _roughly(seconds: float) -> timedelta:
    """Spread, so that what failed together is not tried again together."""
    return timedelta(seconds=seconds * random.uniform(0.75, 1))  # noqa: S311

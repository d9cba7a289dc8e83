"""What is posted to a target, and what it answers: one attempt."""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from messaging import outbound, standard_webhooks
from messaging.models import Delivery, Target
from messaging.outbound import MAX_ANSWER, Answer, Undelivered
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from wechat import push as wire
from wechat.replies import BadContent, Content, parse_content

POST_TIMEOUT = 10.0  # seconds for one post, much less than a lease


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """What one post came to: the HTTP STATUS, or 0, the REASON of trouble, a REPLY to pass on."""

    status: int
    seconds: float
    reason: str = ""
    reply: Content | None = field(default=None, repr=False)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


# What would let somebody act in our place: no target gets it.
WITHHELD = frozenset(
    {
        "AuthorizationCode",
        "AuthorizationCodeExpiredTime",
        "ComponentVerifyTicket",
        "PreAuthCode",
        "auth_code",
    }
)


def event_type(push: wire.Push) -> str:
    """
    What a target is told that PUSH is: message.text, event.subscribe, component.unauthorized and so
    on.
    """
    if push.is_component_push:
        return f"component.{push.kind}"
    group = "event" if push.get("MsgType") == "event" else "message"
    return f"{group}.{push.kind}"


def write_body(delivery: Delivery) -> bytes:
    """
    What the target of DELIVERY gets. Raises Unreadable or Malformed if its push cannot be read any
    more.
    """
    if delivery.event:
        return encode_payload(delivery.event.kind, delivery.event.at, delivery.event.data)
    if delivery.push is None:
        raise wire.Malformed("neither a push nor an event")
    return write_push(delivery.push)


def write_push(row: Push) -> bytes:
    """ROW as targets get it, without codes that are as good as the account."""
    push = wire.read_push(row.message)
    data = {
        "appid": row.appid,
        "user_name": push.get("ToUserName"),
        "openid": push.get("FromUserName"),
        "kind": push.kind,
        "msg_id": push.get("MsgId"),
        "created": push.created,
        "message": {name: push.fields[name] for name in push.fields if name not in WITHHELD},
    }
    return encode_payload(event_type(push), row.created, data)


def encode_payload(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    """The payload that Standard Webhooks recommends."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    payload = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(payload, ensure_ascii=False).encode()


def webhook_id(delivery: Delivery) -> str:
    """
    The webhook-id of DELIVERY, by which targets deduplicate: the same however often it is sent.
    """
    if delivery.event:
        return f"evt_{delivery.event.reference}"
    return f"msg_{delivery.push.digest[:32]}" if delivery.push else ""


def post_payload(target: Target, message_id: str, body: bytes) -> Answer:
    """
    What TARGET answers to BODY, which is sent under MESSAGE_ID. Raises Undelivered, and Unreadable
    if its secret cannot be read.
    """
    secrets = _signing_secrets(target)
    headers = standard_webhooks.headers(message_id, body, secrets, int(time.time()))
    return outbound.post(target.url, body, headers, deadline=time.monotonic() + POST_TIMEOUT)


def _signing_secrets(target: Target) -> list[str]:
    """What is signed with: the secret and, while it is being changed, the one before."""
    until = target.previous_until
    is_changing = until is not None and until > timezone.now()
    return [target.secret, target.previous_secret] if is_changing else [target.secret]


def post_delivery(delivery: Delivery) -> PostOutcome:
    """Post DELIVERY once, holding no database connection. Raises Unreadable or Malformed."""
    target, started = delivery.target, time.monotonic()
    body = write_body(delivery)
    try:
        answer = post_payload(target, webhook_id(delivery), body)
    except (Undelivered, Unreadable) as error:
        return PostOutcome(0, time.monotonic() - started, str(error))
    reply, reason = None, ""
    if not answer.is_good:
        reason = explain_status(answer.status)
    elif target.answers:
        try:
            reply = read_target_reply(answer.body)
        except (ValueError, RecursionError) as error:
            reason = _("Its reply was not understood.")
            if isinstance(error, BadContent):
                reason += f" {_(error.sentence) % error.params}"
    return PostOutcome(answer.status, answer.seconds, reason, reply)


def explain_status(status: int) -> str:
    if 300 <= status < 400:
        return _("It redirects (HTTP %(status)d), which is not followed.") % {"status": status}
    if status == HTTPStatus.UNAUTHORIZED:
        return _(
            "It answered HTTP %(status)d: it does not accept our signature. The signing secret of "
            "here must be entered there; a new one can be made here."
        ) % {"status": status}
    return _("It answered HTTP %(status)d.") % {"status": status}


def read_target_reply(body: bytes) -> Content | None:
    """The content of {"reply": {…}}; None where there is none. Raises ValueError."""
    answer = json.loads(body) if body.strip() else {}
    if not isinstance(answer, dict) or len(body) == MAX_ANSWER:
        raise ValueError("not an object, or too large a one")
    reply = answer.get("reply")
    return None if reply is None else parse_content(reply)

"""What staff read of a push: what it says, and its fields without credentials."""

from typing import Any

from messaging.services import history
from platform_auth.admin.redaction import redact
from platform_auth.models import Push
from webhooks.routing import COMPONENT_PUSHES
from wechat import push as wire
from wechat.errors import scrub


def fields_of(push: Push) -> Any:
    """What PUSH holds, redacted. Raises Unreadable or Malformed."""
    return redact(wire.read_push(push.message).fields)


def describe_push(push: Push) -> str:
    """What PUSH says to a person, in one line; "" where its kind says it all."""
    is_plain = not push.openid and push.kind in COMPONENT_PUSHES
    return "" if is_plain else scrub(history.describe_push(push).line)

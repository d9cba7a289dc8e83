"""What staff read of a push: its kind in words, what it says, its fields without credentials."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from messaging.services import history
from messaging.services.descriptions import describe_message, kind_label
from platform_auth.admin.redaction import redact
from platform_auth.models import Push
from webhooks.routing import COMPONENT_PUSHES
from wechat import push as wire
from wechat.errors import scrub
from wechat.messages import EVENTS, MESSAGES, read_message

COMPONENT_WORDS = {
    "component_verify_ticket": _("the platform's ticket"),
    "authorized": _("gave its authorisation"),
    "updateauthorized": _("changed what it authorises"),
    "unauthorized": _("cancelled its authorisation"),
    "notify_third_fasteregister": _("a quick registration"),
    "notify_third_fastregisterbetaapp": _("a trial mini program was registered"),
    "notify_third_fastverifybetaapp": _("a trial mini program was verified"),
    "notify_3rd_wxa_auth": _("a verification by WeChat"),
    "notify_3rd_wxa_wxverify": _("a verification by WeChat"),
    "notify_icpfiling_verify_result": _("a check for its ICP filing"),
    "notify_apply_icpfiling_result": _("its ICP filing"),
    "order_path_apply_result_notify": _("its page of orders was applied for"),
    "order_path_audit_result_notify": _("its page of orders was reviewed"),
}


def fields_of(push: Push) -> Any:
    """What PUSH holds, redacted. Raises Unreadable or Malformed."""
    return redact(wire.read_push(push.message).fields)


def name_of_kind(kind: str) -> str:
    """KIND in words; "" where we have none."""
    if kind in COMPONENT_WORDS:
        return str(COMPONENT_WORDS[kind])
    if kind in MESSAGES:
        return kind_label(kind)
    if kind in EVENTS:
        return describe_message(read_message(wire.Push(kind, {"Event": kind}))).label
    return ""


def describe_push(push: Push) -> str:
    """What PUSH says to a person, in one line; "" where its kind says it all."""
    is_plain = not push.openid and push.kind in COMPONENT_PUSHES
    return "" if is_plain else scrub(history.describe_push(push).line)

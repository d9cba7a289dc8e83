"""
Which kind of push goes to which handler, on one page. A kind not listed is stored as ignored; of
whatever comes, known or not, but tickets, those are told who have asked for it. What comes of each
kind, and why of some nothing more, is in docs/pushes.md.
"""

from messaging.services import answering
from messaging.services.receiving import CONVERSATION_KINDS
from miniprograms.services import addresses
from platform_auth.models import Component
from platform_auth.models import Push as Row
from webhooks.handlers import (
    Handler,
    alert_account,
    answer_release_test,
    answer_user,
    handle_authorization,
    handle_cancellation,
    handle_interface_verdict,
    handle_order_application,
    handle_order_verdict,
    handle_registration,
    handle_ticket,
    handle_update,
    handle_verdict,
    keep_push,
    refresh_profile,
)
from wechat.messages import PUSH_KINDS
from wechat.push import Push

TICKET = "component_verify_ticket"

COMPONENT_PUSHES: dict[str, Handler] = {
    TICKET: handle_ticket,
    "authorized": handle_authorization,
    "updateauthorized": handle_update,
    "unauthorized": handle_cancellation,
    "notify_third_fasteregister": handle_registration,
    "notify_third_fastregisterbetaapp": keep_push,
    "notify_third_fastverifybetaapp": refresh_profile,
    "notify_3rd_wxa_auth": refresh_profile,
    "notify_3rd_wxa_wxverify": alert_account,
    "notify_icpfiling_verify_result": refresh_profile,
    "notify_apply_icpfiling_result": refresh_profile,
    "order_path_apply_result_notify": handle_order_application,
    "order_path_audit_result_notify": handle_order_verdict,
}
# What WeChat tells an account of its name, categories and verification.
PROFILE_PUSHES = (
    "wxa_nickname_audit",
    "wxa_category_audit",
    "wxa_appeal_record",
    "wx_verify_pay_succ",
    "wx_verify_dispatch",
    "qualification_verify_success",
    "qualification_verify_fail",
    "naming_verify_success",
    "naming_verify_fail",
)
# What it has against the account, or what runs out.
ALERTS = (
    "wxa_punish_event",
    "wxa_illegal_record",
    "annual_renew",
    "verify_expired",
    "charge_service_quota_notify",
)
MESSAGE_PUSHES: dict[str, Handler] = {
    **dict.fromkeys(PUSH_KINDS, keep_push),
    **dict.fromkeys(CONVERSATION_KINDS, answer_user),
    **dict.fromkeys(PROFILE_PUSHES, refresh_profile),
    **dict.fromkeys(ALERTS, alert_account),
    "weapp_audit_success": handle_verdict,
    "weapp_audit_fail": handle_verdict,
    "weapp_audit_delay": handle_verdict,
    "wxa_privacy_apply": handle_interface_verdict,
}


def handler_of(row: Row, push: Push) -> Handler | None:
    """What is done about PUSH of ROW; None for a kind that we do not know."""
    if push.is_component_push:
        return COMPONENT_PUSHES.get(push.kind)
    if addresses.is_release_test(row.appid, push.get("ToUserName")):
        return answer_release_test
    return MESSAGE_PUSHES.get(push.kind)


def is_known(appid: str, push: Push) -> bool:
    """Whether anything of ours hangs on PUSH, a message to APPID."""
    is_test = addresses.is_release_test(appid, push.get("ToUserName"))
    return is_test or push.kind in MESSAGE_PUSHES


def is_awaited(component: Component, appid: str, push: Push) -> bool:
    """Whether WeChat waits for what PUSH is answered: the account may have something to say."""
    if addresses.is_release_test(appid, push.get("ToUserName")):
        return True
    return answering.may_answer(component, appid)


def account_of(push: Push) -> str:
    """The account that a component push is about; WeChat has four names for it."""
    names = ("AuthorizerAppid", "appid", "authorizer_appid", "verify_appid")
    return next(filter(None, map(push.get, names)), "")

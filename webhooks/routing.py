"""
Which kind of push goes to which handler, on one page. A kind not listed is stored as ignored; of
whatever comes for an account, known or not, those are told who have asked for it.
"""

from messaging.services.receiving import CONVERSATION_KINDS
from miniprograms.services import addresses
from platform_auth.models import Push as Row
from webhooks.handlers import (
    answer_release_test,
    answer_user,
    forward_push,
    keep_push,
    record_authorization,
    record_cancellation,
    record_verdict,
    save_ticket,
)
from webhooks.inbox import Handler, Work
from wechat.messages import PUSH_KINDS
from wechat.push import Push

COMPONENT_PUSHES: dict[str, Handler] = {
    "component_verify_ticket": save_ticket,
    "authorized": record_authorization,
    "updateauthorized": record_authorization,
    "unauthorized": record_cancellation,
    "notify_third_fasteregister": keep_push,
    "notify_third_fastregisterbetaapp": keep_push,
    "notify_third_fastverifybetaapp": keep_push,
    "notify_3rd_wxa_auth": keep_push,
    "notify_3rd_wxa_wxverify": keep_push,
    "notify_icpfiling_verify_result": keep_push,
    "notify_apply_icpfiling_result": keep_push,
    "order_path_apply_result_notify": keep_push,
    "order_path_audit_result_notify": keep_push,
}
MESSAGE_PUSHES: dict[str, Handler] = {
    **dict.fromkeys(PUSH_KINDS, keep_push),
    **dict.fromkeys(CONVERSATION_KINDS, answer_user),
    "weapp_audit_success": record_verdict,
    "weapp_audit_fail": record_verdict,
    "weapp_audit_delay": record_verdict,
}


def component_work(push: Push) -> Work:
    """The work for PUSH, which came by the component's URL."""
    return Work(COMPONENT_PUSHES.get(push.kind))


def message_work(appid: str, push: Push) -> Work:
    """The work for PUSH, which came by the URL of the account APPID."""
    if addresses.is_release_test(appid, push.get("ToUserName")):
        return Work(answer_release_test)
    return Work(MESSAGE_PUSHES.get(push.kind), notify=forward_push)


def work_for(row: Row, push: Push) -> Work:
    """The work for PUSH, which is a ROW of the inbox, whichever URL it came by."""
    return component_work(push) if push.is_component_push else message_work(row.appid, push)


def account_of(push: Push) -> str:
    """The account that a component push is about; WeChat has four names for it."""
    names = ("AuthorizerAppid", "appid", "authorizer_appid", "verify_appid")
    return next(filter(None, map(push.get, names)), "")

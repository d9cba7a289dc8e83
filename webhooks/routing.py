"""
Which kind of push goes to which service, on one page. A kind not listed is stored as ignored; of
whatever comes for an account, known or not, those are told who have asked for it.
"""

import time
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from audits import tasks as audit_tasks
from audits.models import CodeAudit
from audits.services import verdicts
from messaging import tasks as messaging_tasks
from messaging.models import Delivery, Reply
from messaging.services import forwarding, receiving, release_test, replying
from miniprograms import tasks as miniprogram_tasks
from miniprograms.services import addresses, binding, unbinding
from platform_auth import tokens
from platform_auth.models import Push as Row
from platform_auth.wakeup import enqueue
from webhooks.inbox import Answer, Handler, Ignored, Work
from wechat.code import split_screenshots
from wechat.messages import KINDS, read_message
from wechat.push import Push


def keep_ticket(row: Row, push: Push) -> None:
    """component_verify_ticket: the newest wins; one from the future would lock later ones out."""
    if tokens.is_from_the_future(push.created, datetime.now(UTC)):
        raise Ignored(_("The ticket's CreateTime lies in the future."))
    ticket = push.get("ComponentVerifyTicket")
    if not ticket:
        raise ValueError("a ticket push without a ticket")
    if not tokens.keep_ticket(row.component, ticket, push.created):
        raise Ignored(_("A newer ticket is kept already."))


def note_authorization(row: Row, push: Push) -> None:
    """authorized, updateauthorized: the binding it belongs to becomes due."""
    pk = binding.note_authorization(
        row.component,
        appid=push.get("AuthorizerAppid"),
        code=push.get("AuthorizationCode"),
        pre_auth_code=push.get("PreAuthCode"),
        created=push.created,
    )
    if pk is not None:
        enqueue(miniprogram_tasks.settle_binding, pk)


def note_cancellation(row: Row, push: Push) -> None:
    """unauthorized: the owner cancelled."""
    appid = push.get("AuthorizerAppid")
    if not unbinding.note_cancellation(row.component, appid, push.created):
        raise Ignored(_("It was authorised again since, or never was."))


def keep(row: Row, push: Push) -> None:
    """Stored and shown to staff; nothing else hangs on it yet."""


COMPONENT_PUSHES: dict[str, Handler] = {
    "component_verify_ticket": keep_ticket,
    "authorized": note_authorization,
    "updateauthorized": note_authorization,
    "unauthorized": note_cancellation,
    "notify_third_fasteregister": keep,
    "notify_third_fastregisterbetaapp": keep,
    "notify_third_fastverifybetaapp": keep,
    "notify_3rd_wxa_auth": keep,
    "notify_3rd_wxa_wxverify": keep,
    "notify_icpfiling_verify_result": keep,
    "notify_apply_icpfiling_result": keep,
    "order_path_apply_result_notify": keep,
    "order_path_audit_result_notify": keep,
}


def note_verdict(row: Row, push: Push) -> None:
    """weapp_audit_success, _fail, _delay: the one open audit of the mini program it names."""
    changed = verdicts.record_verdict(
        row.component,
        push.get("ToUserName"),
        VERDICTS[push.kind],
        at=push.created,
        reason=push.get("Reason"),
        screenshots=split_screenshots(push.get("ScreenShot")),
    )
    if not changed:
        raise Ignored(_("There is no open audit that this could be about."))
    enqueue(audit_tasks.settle)


VERDICTS = {
    "weapp_audit_success": CodeAudit.Status.PASSED,
    "weapp_audit_fail": CodeAudit.Status.REJECTED,
    "weapp_audit_delay": CodeAudit.Status.DELAYED,
}


def hear(row: Row, push: Push) -> Answer | None:
    """What users write and do: their conversation, and what the rules have to say."""
    reply = receiving.receive_message(row, read_message(push))
    return say(reply, push) if reply else None


def say(reply: Reply, push: Push) -> Answer | None:
    """REPLY, which answers PUSH: passively, unless it is too late for that or is not meant so."""
    if reply.due_at:
        enqueue(messaging_tasks.send_replies)
        return None

    def answer(until: float) -> str | None:
        if time.monotonic() < until:
            return replying.passive(reply, push.get("ToUserName"))
        replying.send_instead(reply)
        enqueue(messaging_tasks.send_replies)
        return None

    return answer


def forward(row: Row, push: Push) -> Answer | None:
    """Whoever has asked for it is told; a target that answers is asked while WeChat waits."""
    planned = forwarding.plan(row, push)
    if not planned.number:
        return None
    enqueue(messaging_tasks.forward)
    return ask(planned.to_ask, push) if planned.to_ask else None


def ask(delivery: Delivery, push: Push) -> Answer:
    """What the target of DELIVERY has to say to PUSH."""

    def answer(until: float) -> str | None:
        content = forwarding.answer_within(delivery, until)
        reply = replying.reply_at_once(delivery.push, content) if content else None
        said = say(reply, push) if reply else None
        return said(until) if said else None

    return answer


def rehearse(row: Row, push: Push) -> Answer | None:
    """WeChat's 全网发布 test."""
    said = release_test.answer(push)
    if release_test.note(row, push):
        enqueue(messaging_tasks.answer_release_tests)
    return None if said is None else lambda until: said


def again(row: Row, push: Push) -> str | None:
    """What is answered to a push that has come before: the same, if WeChat has not heard it."""
    if addresses.is_release_test(row.appid, push.get("ToUserName")):
        return release_test.answer(push)
    return replying.said_before(row, push.get("ToUserName"))


MESSAGE_PUSHES: dict[str, Handler] = {
    **dict.fromkeys(KINDS, keep),
    **dict.fromkeys(receiving.CONVERSATION_KINDS, hear),
    **dict.fromkeys(VERDICTS, note_verdict),
}


def component_work(push: Push) -> Work:
    """What there is to do about PUSH, which came by the component's door."""
    return Work(COMPONENT_PUSHES.get(push.kind))


def message_work(appid: str, push: Push) -> Work:
    """The same for what came by the door of the account APPID."""
    if addresses.is_release_test(appid, push.get("ToUserName")):
        return Work(rehearse)
    return Work(MESSAGE_PUSHES.get(push.kind), tell=forward)


def work_for(row: Row, push: Push) -> Work:
    """The same for a ROW of the inbox, whichever door it came by."""
    return component_work(push) if push.is_component_push else message_work(row.appid, push)


def whom(push: Push) -> str:
    """The account that a component push is about; WeChat has four names for it."""
    names = ("AuthorizerAppid", "appid", "authorizer_appid", "verify_appid")
    return next(filter(None, map(push.get, names)), "")

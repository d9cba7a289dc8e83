"""What is done about each kind of push: rows are written, and workers woken for what is due."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

from django.utils.translation import gettext as _

from audits import tasks as audit_tasks
from audits.models import CodeAudit
from audits.services import verdicts
from messaging import tasks as messaging_tasks
from messaging.models import Delivery, Reply
from messaging.services import answering, passive_replies
from messaging.services.forwarding.answering import answer_within
from messaging.services.forwarding.planning import Forwardable, plan_deliveries, plan_many
from messaging.services.release_test import answers, codes
from miniprograms import tasks as miniprogram_tasks
from miniprograms.account_events import publish_alert
from miniprograms.models import Authorizer
from miniprograms.services import addresses, trading, unbinding
from miniprograms.services.private_interfaces import record_interface_verdict
from miniprograms.services.settings.order_path import (
    read_results,
    record_applications,
    record_order_verdicts,
)
from platform_auth import tokens
from platform_auth.models import Push as Row
from platform_auth.wakeup import enqueue
from wechat.code_review import split_screenshots
from wechat.messages import PrivacyAudit, read_message
from wechat.push import Push

# What the door says to WeChat once all is committed, given until when (a `time.monotonic()`): XML
# that it seals, "" for an empty body, None for `success`.
Answer = Callable[[float], str | None]

# Work for one push. Its answer is lost where nobody waits for it.
Handler = Callable[[Row, Push], Answer | None]


class Ignored(Exception):
    """A handler's word for: this push has nothing for us (too old, too far ahead…)."""


def created(row: Row) -> int:
    """WeChat's CreateTime of ROW in Unix seconds; our own time where it cannot be read."""
    return int(row.created.timestamp())


def handle_ticket(row: Row, push: Push) -> None:
    """component_verify_ticket: the newest wins; one from the future would lock later ones out."""
    if tokens.is_from_the_future(created(row), datetime.now(UTC)):
        raise Ignored(_("The ticket's CreateTime lies in the future."))
    ticket = push.get("ComponentVerifyTicket")
    if not ticket:
        raise ValueError("a ticket push without a ticket")
    if not tokens.save_ticket(row.component, ticket, created(row)):
        raise Ignored(_("A newer ticket is kept already."))


def handle_authorization(row: Row, push: Push) -> None:
    """authorized, updateauthorized: the binding it belongs to becomes due."""
    pk = trading.record_authorization(
        row.component,
        appid=push.get("AuthorizerAppid"),
        code=push.get("AuthorizationCode"),
        pre_auth_code=push.get("PreAuthCode"),
        created=created(row),
    )
    if pk is not None:
        enqueue(miniprogram_tasks.advance_binding, pk)


def refresh_profile(row: Row, push: Push) -> None:
    """News of an account's name, categories, verification, filing or punishment: look at it."""
    if Authorizer.objects.filter(component=row.component_id, appid=row.appid).expect_change():
        enqueue(miniprogram_tasks.fetch_profiles)


def handle_update(row: Row, push: Push) -> None:
    """updateauthorized: as `authorized`; and the account is looked at, whatever the code gives."""
    handle_authorization(row, push)
    refresh_profile(row, push)


def handle_cancellation(row: Row, push: Push) -> None:
    """unauthorized: the owner cancelled."""
    appid = push.get("AuthorizerAppid")
    if not unbinding.record_cancellation(row.component, appid, created(row)):
        raise Ignored(_("It was authorised again since, or never was."))


def handle_registration(row: Row, push: Push) -> None:
    """
    notify_third_fasteregister: a mini program was registered for a merchant. Its code is as good as
    that of an authorisation, once and not for long.
    """
    if not push.get("auth_code"):
        raise Ignored(_("Nothing was registered, so there is no code."))
    pk = trading.record_authorization(
        row.component,
        appid=push.get("appid"),
        code=push.get("auth_code"),
        pre_auth_code="",
        created=created(row),
    )
    if pk is not None:
        enqueue(miniprogram_tasks.advance_binding, pk)


def alert_account(row: Row, push: Push) -> None:
    """WeChat has found or punished something, or something runs out: others are told, we look."""
    if Authorizer.objects.filter(component=row.component_id, appid=row.appid).exists():
        details = {name: push.fields[name] for name in push.fields if name not in _FRAME}
        publish_alert(row.appid, push.kind, details)
        refresh_profile(row, push)


# What every push has, and none of what it says.
_FRAME = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "InfoType", "AppId"}


def keep_push(row: Row, push: Push) -> None:
    """Stored, shown to staff, and forwarded; docs/pushes.md says why nothing else hangs on it."""


def handle_verdict(row: Row, push: Push) -> None:
    """weapp_audit_success, _fail, _delay: the one open audit of the mini program it names."""
    changed = verdicts.record_verdict(
        row.component,
        push.get("ToUserName"),
        VERDICTS[push.kind],
        at=created(row),
        reason=push.get("Reason"),
        screenshots=split_screenshots(push.get("ScreenShot")),
    )
    if not changed:
        raise Ignored(_("There is no open audit that this could be about."))
    enqueue(audit_tasks.reconcile_acts)


def handle_interface_verdict(row: Row, push: Push) -> None:
    """wxa_privacy_apply: an interface that a mini program applied for is granted, or rejected."""
    verdict = cast(PrivacyAudit, read_message(push))
    if not record_interface_verdict(row.component, verdict):
        raise Ignored(_("It is known already, or about no application that we could know."))


def handle_order_application(row: Row, push: Push) -> None:
    """order_path_apply_result_notify: what became of applications for pages with orders."""
    _wake_settings(record_applications(row.component, read_results(push.fields)))


def handle_order_verdict(row: Row, push: Push) -> None:
    """order_path_audit_result_notify: WeChat's verdicts on them."""
    _wake_settings(record_order_verdicts(row.component, read_results(push.fields)))


def _wake_settings(number: int) -> None:
    if number:
        enqueue(miniprogram_tasks.run_settings)


VERDICTS = {
    "weapp_audit_success": CodeAudit.Status.PASSED,
    "weapp_audit_fail": CodeAudit.Status.REJECTED,
    "weapp_audit_delay": CodeAudit.Status.DELAYED,
}


def answer_user(row: Row, push: Push) -> Answer | None:
    """What users write and do: it goes into their conversation, and the rules may answer."""
    reply = answering.receive_and_answer(row, read_message(push))
    return answer_with(reply, push) if reply else None


def answer_with(reply: Reply, push: Push) -> Answer | None:
    """REPLY to PUSH: the passive answer, unless it is too late for one or none is meant."""
    if reply.due_at:
        enqueue(messaging_tasks.send_replies)
        return None

    def answer(until: float) -> str | None:
        if time.monotonic() < until:
            return passive_replies.write_reply_xml(reply, push.get("ToUserName"))
        passive_replies.send_as_message(reply)
        enqueue(messaging_tasks.send_replies)
        return None

    return answer


def forward_push(row: Row, push: Push) -> Answer | None:
    """Deliveries for the targets that want it; one that answers is called while WeChat waits."""
    planned = plan_deliveries(row, push)
    if not planned.count:
        return None
    enqueue(messaging_tasks.forward)
    return answer_from_target(planned.to_ask, row, push) if planned.to_ask else None


def forward_all(forwardable: Sequence[Forwardable]) -> None:
    """Deliveries for the targets that want one of many pushes, whose answers nobody waits for."""
    if plan_many(forwardable):
        enqueue(messaging_tasks.forward)


def answer_from_target(delivery: Delivery, row: Row, push: Push) -> Answer:
    """What the target of DELIVERY answers to PUSH of ROW, called once that is committed."""

    def answer(until: float) -> str | None:
        content = answer_within(delivery, until)
        reply = passive_replies.reply_for_target(row, content) if content else None
        reply_answer = answer_with(reply, push) if reply else None
        return reply_answer(until) if reply_answer else None

    return answer


def answer_release_test(row: Row, push: Push) -> Answer | None:
    """WeChat's 全网发布 test."""
    content = answers.answer_push(push)
    if codes.keep_code(row, push):
        enqueue(messaging_tasks.answer_release_tests)
    return None if content is None else lambda until: content


def repeat_answer(row: Row, push: Push) -> str | None:
    """The answer to a push that came before: its first one, in case WeChat did not get that."""
    if addresses.is_release_test(row.appid, push.get("ToUserName")):
        return answers.answer_push(push)
    return passive_replies.repeat_reply(row, push.get("ToUserName"))

"""Which kind of push goes to which service, on one page. A kind not listed is stored as ignored."""

from datetime import UTC, datetime

from django.utils.translation import gettext as _

from audits import tasks as audit_tasks
from audits.models import CodeAudit
from audits.services import verdicts
from miniprograms import tasks as miniprogram_tasks
from miniprograms.services import binding, unbinding
from platform_auth import tokens
from platform_auth.bell import ring
from platform_auth.inbox import Handler, Ignored
from platform_auth.models import Component
from platform_auth.wechat.code import split_screenshots
from platform_auth.wechat.push import Push


def keep_ticket(component: Component, push: Push) -> None:
    """component_verify_ticket: the newest wins; one from the future would lock later ones out."""
    if tokens.is_from_the_future(push.created, datetime.now(UTC)):
        raise Ignored(_("The ticket's CreateTime lies in the future."))
    ticket = push.get("ComponentVerifyTicket")
    if not ticket:
        raise ValueError("a ticket push without a ticket")
    if not tokens.keep_ticket(component, ticket, push.created):
        raise Ignored(_("A newer ticket is kept already."))


def note_authorization(component: Component, push: Push) -> None:
    """authorized, updateauthorized: the binding it belongs to becomes due."""
    pk = binding.note_authorization(
        component,
        appid=push.get("AuthorizerAppid"),
        code=push.get("AuthorizationCode"),
        pre_auth_code=push.get("PreAuthCode"),
        created=push.created,
    )
    if pk is not None:
        ring(miniprogram_tasks.settle_binding, pk)


def note_cancellation(component: Component, push: Push) -> None:
    """unauthorized: the owner cancelled."""
    if not unbinding.note_cancellation(component, push.get("AuthorizerAppid"), push.created):
        raise Ignored(_("It was authorised again since, or never was."))


def keep(component: Component, push: Push) -> None:
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


def note_verdict(component: Component, push: Push) -> None:
    """weapp_audit_success, _fail, _delay: the one open audit of the mini program it names."""
    changed = verdicts.record_verdict(
        component,
        push.get("ToUserName"),
        VERDICTS[push.kind],
        at=push.created,
        reason=push.get("Reason"),
        screenshots=split_screenshots(push.get("ScreenShot")),
    )
    if not changed:
        raise Ignored(_("There is no open audit that this could be about."))
    ring(audit_tasks.settle)


VERDICTS = {
    "weapp_audit_success": CodeAudit.Status.PASSED,
    "weapp_audit_fail": CodeAudit.Status.REJECTED,
    "weapp_audit_delay": CodeAudit.Status.DELAYED,
}

MESSAGE_PUSHES: dict[str, Handler] = dict.fromkeys(VERDICTS, note_verdict)

ALL_PUSHES = COMPONENT_PUSHES | MESSAGE_PUSHES


def whom(push: Push) -> str:
    """The account that a component push is about; WeChat has four names for it."""
    names = ("AuthorizerAppid", "appid", "authorizer_appid", "verify_appid")
    return next(filter(None, map(push.get, names)), "")

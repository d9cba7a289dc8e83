"""What users did, and what WeChat has done with an account, in words for people."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messaging.services.kind_names import name_of_kind
from platform_auth.listing import with_detail
from wechat import messages


def describe_point(latitude: float | None, longitude: float | None) -> str:
    """A place by its coordinates; "" where one is missing."""
    if latitude is None or longitude is None:
        return ""
    return f"{latitude:.5f}, {longitude:.5f}"


def describe_event(message: messages.Message) -> str:
    """What happened, in words; WeChat's name of it where we have none."""
    if describe := _EVENTS.get(type(message)):
        return describe(message)
    return _("%(kind)s (we have no words for it)") % {"kind": message.kind or "–"}


def _with(sentence: str, detail: object) -> str:
    """SENTENCE, and DETAIL where there is any."""
    return with_detail(sentence, detail) if detail else sentence


def _subscribe(event: messages.Subscribe) -> str:
    if not event.scene:
        return _("follows the account now")
    return _("follows the account now, by the QR code “%(code)s”") % {"code": event.scene}


def _menu_location(event: messages.MenuLocation) -> str:
    place = " ".join(part for part in (event.poiname, event.label) if part)
    place = place or describe_point(event.location_x, event.location_y)
    return _with(_("picked a place from the menu"), place)


def _menu_pictures(event: messages.MenuPictures) -> str:
    number = event.count or len(event.pictures)
    words = ngettext(
        "sends %(number)d picture from the menu", "sends %(number)d pictures from the menu", number
    )
    return words % {"number": number}


def _subscriptions(event: messages.Subscriptions) -> str:
    rows = event.subscriptions
    if event.kind == "subscribe_msg_sent_event":
        failed = [row.error_status or str(row.error_code) for row in rows if row.error_code]
        if failed:
            return _with(_("a subscribe message could not be delivered"), ", ".join(failed))
        return _("a subscribe message was delivered")
    accepted = sum(row.status == "accept" for row in rows)
    counts = {"taken": accepted, "refused": len(rows) - accepted}
    return (
        _("chose which subscribe messages to get: %(taken)d accepted, %(refused)d refused") % counts
    )


def _approval(subject: str, ret: int | None, reason: str) -> str:
    if ret == messages.PASSED:
        return _("%(what)s: approved") % {"what": subject}
    return _with(_("%(what)s: not approved") % {"what": subject}, reason)


def _by_kind(event: messages.Message, detail: str = "") -> str:
    """What it is called, of the kinds that are one event with several names."""
    own = {
        "user_authorization_cancellation": _("closed their account: their data must be deleted"),
    }
    return _with(own.get(event.kind) or name_of_kind(event.kind) or event.kind, detail)


def _mass_sent(event: messages.MassSent) -> str:
    counts = {"sent": event.sent_count or 0, "all": event.total_count or 0}
    sentence = _("a mass message went to %(sent)d of %(all)d") % counts
    return _with(sentence, "" if event.status == "send success" else event.status)


_EVENTS: dict[type[messages.Message], Callable[[Any], str]] = {
    messages.EnterSession: lambda event: _with(_("opened the chat"), event.session_from),
    messages.Subscribe: _subscribe,
    messages.Unsubscribe: lambda event: _("follows the account no more"),
    messages.Scan: lambda event: (
        _("scanned the QR code “%(code)s”") % {"code": event.event_key}
        if event.event_key
        else _("scanned a QR code")
    ),
    messages.Click: lambda event: (
        _("chose “%(key)s” from the menu") % {"key": event.event_key}
        if event.event_key
        else _("chose something from the menu")
    ),
    messages.MenuLink: lambda event: _with(_("went from the menu to"), event.event_key),
    messages.MenuScan: lambda event: _with(_("scanned from the menu"), event.scan_result),
    messages.MenuPictures: _menu_pictures,
    messages.MenuLocation: _menu_location,
    messages.UserLocation: lambda event: _with(
        _("told where they are"), describe_point(event.latitude, event.longitude)
    ),
    messages.UserData: _by_kind,
    messages.Subscriptions: _subscriptions,
    messages.AuditPassed: lambda event: _("code review: approved"),
    messages.AuditRejected: lambda event: _with(
        _("code review: not approved"), event.reason.replace("<br>", " ")
    ),
    messages.AuditDelayed: lambda event: _with(_("code review: takes longer"), event.reason),
    messages.NicknameAudit: lambda event: _approval(
        _("the name “%(name)s”") % {"name": event.nickname}, event.ret, event.reason
    ),
    messages.CategoryAudit: lambda event: _approval(_("a category"), event.ret, event.reason),
    messages.PrivacyAudit: lambda event: _with(
        _("an answer about the interface “%(name)s”") % {"name": event.api_name}, event.reason
    ),
    messages.Appeal: lambda event: _with(
        _("an answer to an appeal against a punishment"), event.punish_description
    ),
    messages.Violation: lambda event: _with(_("a violation was found"), event.illegal_reason),
    messages.Punishment: lambda event: _with(_("WeChat punishes it"), event.illegal_reason),
    messages.VerificationStep: lambda event: _by_kind(event, event.provider),
    messages.TrialVerification: lambda event: _by_kind(event, event.msg),
    messages.MediaCheck: lambda event: _with(_("a picture or sound was checked"), event.suggest),
    messages.TradeNotice: lambda event: _by_kind(event, event.msg),
    messages.PaidQuota: lambda event: _with(
        _("an ability that is paid for runs out"), event.spu_name
    ),
    messages.Verification: lambda event: _by_kind(event, event.fail_reason),
    messages.TemplateSent: lambda event: (
        _("a template message was delivered")
        if event.status == "success"
        else _with(_("a template message could not be delivered"), event.status)
    ),
    messages.MassSent: _mass_sent,
    messages.Published: lambda event: (
        _("an article was published")
        if event.publish_status == 0
        else _with(_("an article could not be published"), event.publish_status)
    ),
    messages.ServiceSession: lambda event: _by_kind(event, event.kf_account or event.to_kf_account),
    messages.DebugDemo: lambda event: _with(_("WeChat's debugging tool"), event.debug_str),
}

"""
What users, WeChat and we said, in words for people: for the conversations, the portal and the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wechat import messages as heard
from wechat import replies as said

TEXT, PICTURE, VOICE, FILM, PLACE = "text", "picture", "voice", "film", "place"
LINK, CARD, MENU, NOTE = "link", "card", "menu", "note"


@dataclass(frozen=True, slots=True)
class Told:
    """
    What a person is shown: FORM says how, LABEL what it is, MEDIA_ID which file of WeChat's it has.

    A NOTE is something that happened; all others are something that was said.
    """

    form: str
    label: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    detail: str = ""
    media_id: str = ""
    lines: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All of it in one line."""
        label = f"[{self.label}]" if self.label and self.form != NOTE else self.label
        parts = [label, self.title, self.text, *self.lines, self.detail, self.url]
        return " ".join(part for part in parts if part)


# ── what users said ─────────────────────────────────────────────────────────────────────────────


def label_of(kind: str) -> str:
    """What a message of KIND, by WeChat's name, is called."""
    labels = {
        "text": _("text"),
        "image": _("picture"),
        "voice": _("voice message"),
        "video": _("film"),
        "shortvideo": _("film"),
        "music": _("music"),
        "location": _("place"),
        "link": _("link"),
        "news": _("article"),
        "mpnews": _("article"),
        "mpnewsarticle": _("article"),
        "miniprogrampage": _("mini program page"),
        "msgmenu": _("menu"),
        "wxcard": _("coupon"),
        "transfer_customer_service": _("handed to WeChat's own customer service"),
    }
    return labels.get(kind, kind)


def describe(message: heard.Message) -> Told:
    """MESSAGE in words."""
    if message.is_event or isinstance(message, heard.Unknown):
        return Told(NOTE, label=_event(message))
    label = label_of(message.kind)
    match message:
        case heard.ImageMessage():
            return Told(PICTURE, label, media_id=message.media_id)
        case heard.VoiceMessage():
            return Told(VOICE, label, text=message.recognition, media_id=message.media_id)
        case heard.VideoMessage():
            return Told(FILM, label)
        case heard.LocationMessage():
            where = _point(message.location_x, message.location_y)
            return Told(PLACE, label, title=message.label, detail=where)
        case heard.LinkMessage():
            return _link(label, message.title, message.description, message.url)
        case heard.MiniProgramPageMessage():
            return Told(
                *(CARD, label),
                title=message.title,
                detail=message.page_path,
                media_id=message.thumb_media_id,
            )
    return Told(TEXT, text=heard.text_of(message))


def _link(label: str, title: str, text: str, url: str) -> Told:
    """A link that may be followed: one that is no web address, a script say, is only shown."""
    is_web = url.startswith(("https://", "http://"))
    return Told(
        *(LINK, label),
        title=title,
        text=text,
        url=url if is_web else "",
        detail="" if is_web else url,
    )


def _point(latitude: float | None, longitude: float | None) -> str:
    if latitude is None or longitude is None:
        return ""
    return f"{latitude:.5f}, {longitude:.5f}"


# ── what happened ───────────────────────────────────────────────────────────────────────────────


def _event(message: heard.Message) -> str:
    words = _EVENTS.get(type(message))
    return words(message) if words else _("%(kind)s (we have no words for it)") % _kind(message)


def _kind(message: heard.Message) -> dict[str, str]:
    return {"kind": message.kind or "–"}


def _with(sentence: str, more: object) -> str:
    """SENTENCE, and MORE where there is any."""
    return f"{sentence}: {more}" if more else sentence


def _subscribed(event: heard.Subscribe) -> str:
    if not event.scene:
        return _("follows the account now")
    return _("follows the account now, by the QR code “%(code)s”") % {"code": event.scene}


def _picked(event: heard.MenuLocation) -> str:
    place = " ".join(part for part in (event.poiname, event.label) if part)
    where = place or _point(event.location_x, event.location_y)
    return _with(_("picked a place from the menu"), where)


def _pictures(event: heard.MenuPictures) -> str:
    number = event.count or len(event.pictures)
    words = ngettext(
        "sends %(number)d picture from the menu", "sends %(number)d pictures from the menu", number
    )
    return words % {"number": number}


def _user_data(event: heard.UserData) -> str:
    words = {
        "user_info_modified": _("changed their profile"),
        "user_authorization_revoke": _("withdrew the use of their data"),
        "user_authorization_cancellation": _("closed their account: their data must be deleted"),
    }
    return words.get(event.kind, event.kind)


def _subscriptions(event: heard.Subscriptions) -> str:
    rows = event.subscriptions
    if event.kind == "subscribe_msg_sent_event":
        failed = [row.error_status or str(row.error_code) for row in rows if row.error_code]
        if failed:
            return _with(_("a notice could not be delivered"), ", ".join(failed))
        return _("a notice was delivered")
    taken = sum(row.status == "accept" for row in rows)
    counts = {"taken": taken, "refused": len(rows) - taken}
    return _("chose which notices to get: %(taken)d accepted, %(refused)d refused") % counts


def _verdict(what: str, is_passed: bool, reason: str = "") -> str:
    if is_passed:
        return _("%(what)s: approved") % {"what": what}
    return _with(_("%(what)s: not approved") % {"what": what}, reason)


def _named(event: heard.NicknameAudit) -> str:
    return _verdict(
        _("the name “%(name)s”") % {"name": event.nickname},
        event.ret == heard.PASSED,
        event.reason,
    )


def _verified(event: heard.Verification) -> str:
    words = {
        "qualification_verify_success": _("verification: the papers are approved"),
        "qualification_verify_fail": _("verification: the papers are not approved"),
        "naming_verify_success": _("verification: the name is approved"),
        "naming_verify_fail": _("verification: the name is not approved"),
        "annual_renew": _("verification: to be renewed this year"),
        "verify_expired": _("verification: it has run out"),
    }
    return _with(words.get(event.kind, event.kind), event.fail_reason)


def _mass_sent(event: heard.MassSent) -> str:
    counts = {"sent": event.sent_count or 0, "all": event.total_count or 0}
    words = _("a mass message went to %(sent)d of %(all)d") % counts
    return _with(words, "" if event.status == "send success" else event.status)


def _served(event: heard.ServiceSession) -> str:
    words = {
        "kf_create_session": _("WeChat's own customer service took the chat over"),
        "kf_close_session": _("WeChat's own customer service closed the chat"),
        "kf_switch_session": _("WeChat's own customer service passed the chat on"),
    }
    return _with(words.get(event.kind, event.kind), event.kf_account or event.to_kf_account)


_EVENTS: dict[type[heard.Message], Callable[[Any], str]] = {
    heard.EnterSession: lambda event: _with(_("opened the chat"), event.session_from),
    heard.Subscribe: _subscribed,
    heard.Unsubscribe: lambda event: _("follows the account no more"),
    heard.Scan: lambda event: (
        _("scanned the QR code “%(code)s”") % {"code": event.event_key}
        if event.event_key
        else _("scanned a QR code")
    ),
    heard.Click: lambda event: (
        _("chose “%(key)s” from the menu") % {"key": event.event_key}
        if event.event_key
        else _("chose something from the menu")
    ),
    heard.View: lambda event: _with(_("went from the menu to"), event.event_key),
    heard.MenuScan: lambda event: _with(_("scanned from the menu"), event.scan_result),
    heard.MenuPictures: _pictures,
    heard.MenuLocation: _picked,
    heard.Located: lambda event: _with(
        _("told where they are"), _point(event.latitude, event.longitude)
    ),
    heard.UserData: _user_data,
    heard.Subscriptions: _subscriptions,
    heard.AuditPassed: lambda event: _("code review: approved"),
    heard.AuditRejected: lambda event: _with(
        _("code review: not approved"), event.reason.replace("<br>", " ")
    ),
    heard.AuditDelayed: lambda event: _with(_("code review: takes longer"), event.reason),
    heard.NicknameAudit: _named,
    heard.CategoryAudit: lambda event: _verdict(
        _("a category"), event.ret == heard.PASSED, event.reason
    ),
    heard.PrivacyAudit: lambda event: _with(
        _("an answer about the interface “%(name)s”") % {"name": event.api_name}, event.reason
    ),
    heard.Appeal: lambda event: _with(
        _("an answer to an appeal against a punishment"), event.punish_description
    ),
    heard.Verification: _verified,
    heard.TemplateSent: lambda event: (
        _("a template message was delivered")
        if event.status == "success"
        else _with(_("a template message could not be delivered"), event.status)
    ),
    heard.MassSent: _mass_sent,
    heard.Published: lambda event: (
        _("an article was published")
        if event.publish_status == 0
        else _with(_("an article could not be published"), event.publish_status)
    ),
    heard.ServiceSession: _served,
    heard.DebugDemo: lambda event: _with(_("WeChat's debugging tool"), event.debug_str),
}


# ── what we said ────────────────────────────────────────────────────────────────────────────────


def describe_content(content: said.Content) -> Told:
    """CONTENT, which is ours, in words."""
    label = label_of(content.msgtype)
    match content:
        case said.Text():
            return Told(TEXT, text=content.content)
        case said.Image():
            return Told(PICTURE, label, media_id=content.media_id)
        case said.Voice():
            return Told(VOICE, label, media_id=content.media_id)
        case said.Video():
            return Told(FILM, label, title=content.title, text=content.description)
        case said.Music():
            return _link(label, content.title, content.description, content.musicurl)
        case said.News():
            first = content.articles[0]
            return _link(label, first.title, first.description, first.url)
        case said.Link():
            return _link(label, content.title, content.description, content.url)
        case said.MiniProgramPage():
            return Told(
                *(CARD, label),
                title=content.title,
                detail=content.pagepath,
                media_id=content.thumb_media_id,
            )
        case said.Menu():
            lines = tuple(choice.content for choice in content.list)
            return Told(
                *(MENU, label),
                title=content.head_content,
                lines=lines,
                detail=content.tail_content,
            )
        case said.Transfer():
            return Told(NOTE, label=label)
    ids = (getattr(content, name, "") for name in ("media_id", "article_id", "card_id"))
    return Told(CARD, label, detail=next(filter(None, ids), ""))


def describe_preview(preview: str) -> str:
    """The PREVIEW of a conversation: what was written, or the word for its kind."""
    if preview.startswith("[") and preview.endswith("]"):
        return f"[{label_of(preview[1:-1])}]"
    return preview

"""
What users write to an account, and what WeChat tells it: one small class for each kind.

Reading never fails: what is absent or malformed is "", None or (), and a kind we do not know keeps
its fields raw. What a user wrote stays out of every repr. Pages: developers.weixin.qq.com,
/doc/service/guide/product/, "接收普通消息", "接收事件推送", "自定义菜单的事件推送",
"订阅通知的事件推送", "微信认证事件推送"; /miniprogram/dev/framework/open-ability/, "客服消息".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from wechat.http import read_number, read_text
from wechat.push import Push

T = TypeVar("T")

_REAL = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,20})?", re.ASCII)


def _wire(places: str, read: Callable[[Any], T], *, shown: bool = True) -> T:
    """
    A dataclass field, READ from the first of PLACES that is there: `A.B` is B in A, `A|B` is A or
    else B.
    """
    paths = [place.split(".") for place in places.split("|")]
    return field(default=read(None), repr=shown, metadata={"paths": paths, "read": read})


def _text(places: str) -> str:
    return _wire(places, read_text)


def _private(places: str) -> str:
    """A text that a user wrote, or that says something about a user."""
    return _wire(places, read_text, shown=False)


def _number(places: str) -> int | None:
    return _wire(places, read_number)


def _real(places: str) -> float | None:
    return _wire(places, _read_real, shown=False)


def _read_real(value: object) -> float | None:
    text = read_text(value)
    return float(text) if _REAL.fullmatch(text) else None


def _read_media_ids(value: object) -> tuple[str, ...]:
    """Of ids joined by `|`, those that are not empty."""
    return tuple(part for part in read_text(value).split("|") if part)


def _read_unquoted(value: object) -> str:
    """A text that WeChat at times puts in quotes, as in wxa_privacy_apply."""
    return read_text(value).strip('"')


def _read_unquoted_number(value: object) -> int | None:
    return read_number(_read_unquoted(value))


def _rows(value: object) -> list[Mapping[str, Any]]:
    """The elements of a name that may come once or more often."""
    found = value if isinstance(value, list) else [value]
    return [row for row in found if isinstance(row, dict)]


def _read_pictures(value: object) -> tuple[str, ...]:
    sums = (read_text(row.get("PicMd5Sum")) for row in _rows(value))
    return tuple(one for one in sums if one)


def _at(there: Any, path: list[str]) -> Any:
    for step in path:
        there = there.get(step) if isinstance(there, dict) else None
    return there


def _values(kind: type, there: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of KIND find in THERE."""
    found = {}
    for one in fields(kind):
        if one.metadata:
            values = (_at(there, path) for path in one.metadata["paths"])
            value = next((value for value in values if value is not None), None)
            found[one.name] = one.metadata["read"](value)
    return found


@dataclass(frozen=True, slots=True)
class Message:
    """
    What every message and event says.

    USER_NAME is the account's gh_ id. OPENID is the user's; of what WeChat itself tells, that of
    one of its own accounts. Events have no MSG_ID, but those of a finished job.
    """

    kind: str
    is_event: bool
    user_name: str
    openid: str
    created: int
    msg_id: int | None

    @property
    def name(self) -> str:
        """What the kind is called outside, as in `message.text` or `event.subscribe`."""
        return f"{'event' if self.is_event else 'message'}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Unknown(Message):
    """A kind we have no class for."""

    fields: dict[str, Any] = field(repr=False)


# What a user writes


@dataclass(frozen=True, slots=True)
class TextMessage(Message):
    """文本消息. MENU_ID is the choice taken, where it answers a `msgmenu`."""

    content: str = _private("Content")
    menu_id: str = _text("bizmsgmenuid")


@dataclass(frozen=True, slots=True)
class ImageMessage(Message):
    """图片消息."""

    pic_url: str = _private("PicUrl")
    media_id: str = _private("MediaId")


@dataclass(frozen=True, slots=True)
class VoiceMessage(Message):
    """语音消息; RECOGNITION is what WeChat understood, where that is switched on."""

    media_id: str = _private("MediaId")
    format: str = _text("Format")
    recognition: str = _private("Recognition")


@dataclass(frozen=True, slots=True)
class VideoMessage(Message):
    """视频消息 and 小视频消息 (shortvideo)."""

    media_id: str = _private("MediaId")
    thumb_media_id: str = _private("ThumbMediaId")


@dataclass(frozen=True, slots=True)
class LocationMessage(Message):
    """地理位置消息: X is the latitude."""

    location_x: float | None = _real("Location_X")
    location_y: float | None = _real("Location_Y")
    scale: int | None = _number("Scale")
    label: str = _private("Label")


@dataclass(frozen=True, slots=True)
class LinkMessage(Message):
    """链接消息."""

    title: str = _private("Title")
    description: str = _private("Description")
    url: str = _private("Url")


@dataclass(frozen=True, slots=True)
class MiniProgramPageMessage(Message):
    """小程序卡片消息."""

    title: str = _private("Title")
    appid: str = _text("AppId")
    page_path: str = _private("PagePath")
    thumb_url: str = _private("ThumbUrl")
    thumb_media_id: str = _private("ThumbMediaId")


# What a user does


@dataclass(frozen=True, slots=True)
class EnterSession(Message):
    """user_enter_tempsession: the chat of a mini program was opened; SESSION_FROM its button's."""

    session_from: str = _private("SessionFrom")


@dataclass(frozen=True, slots=True)
class Subscribe(Message):
    """subscribe 关注; by a QR code with a parameter, EVENT_KEY is `qrscene_` and the parameter."""

    event_key: str = _text("EventKey")
    ticket: str = _private("Ticket")

    @property
    def scene(self) -> str:
        """The QR code's parameter."""
        return self.event_key.removeprefix("qrscene_")


@dataclass(frozen=True, slots=True)
class Unsubscribe(Message):
    """unsubscribe 取消关注."""


@dataclass(frozen=True, slots=True)
class Scan(Message):
    """SCAN: a follower scanned a QR code, whose parameter is EVENT_KEY."""

    event_key: str = _text("EventKey")
    ticket: str = _private("Ticket")


@dataclass(frozen=True, slots=True)
class Click(Message):
    """CLICK: an item of the menu, by its key."""

    event_key: str = _text("EventKey")


@dataclass(frozen=True, slots=True)
class View(Message):
    """VIEW and view_miniprogram: an item of the menu that leads to EVENT_KEY, a URL or a path."""

    event_key: str = _text("EventKey")
    menu_id: str = _text("MenuId")


@dataclass(frozen=True, slots=True)
class MenuScan(Message):
    """scancode_push and scancode_waitmsg: an item of the menu that scans."""

    event_key: str = _text("EventKey")
    scan_type: str = _text("ScanCodeInfo.ScanType")
    scan_result: str = _private("ScanCodeInfo.ScanResult")


@dataclass(frozen=True, slots=True)
class MenuPictures(Message):
    """pic_sysphoto, pic_photo_or_album and pic_weixin; the pictures come as messages of theirs."""

    event_key: str = _text("EventKey")
    count: int | None = _number("SendPicsInfo.Count")
    pictures: tuple[str, ...] = _wire("SendPicsInfo.PicList.item", _read_pictures)


@dataclass(frozen=True, slots=True)
class MenuLocation(Message):
    """location_select: an item of the menu that picks a place."""

    event_key: str = _text("EventKey")
    location_x: float | None = _real("SendLocationInfo.Location_X")
    location_y: float | None = _real("SendLocationInfo.Location_Y")
    scale: int | None = _number("SendLocationInfo.Scale")
    label: str = _private("SendLocationInfo.Label")
    poiname: str = _private("SendLocationInfo.Poiname")


@dataclass(frozen=True, slots=True)
class Located(Message):
    """LOCATION 上报地理位置: where a follower is."""

    latitude: float | None = _real("Latitude")
    longitude: float | None = _real("Longitude")
    precision: float | None = _real("Precision")


@dataclass(frozen=True, slots=True)
class UserData(Message):
    """
    user_info_modified, user_authorization_revoke, user_authorization_cancellation.

    The user it is about is SUBJECT; REVOKE_INFO is WeChat's number of what was withdrawn.
    """

    subject: str = _text("OpenID|openid")
    appid: str = _text("AppID|appid")
    revoke_info: str = _text("RevokeInfo")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One template in an event about 订阅消息: STATUS is `accept` or `reject`."""

    template_id: str = _text("TemplateId")
    status: str = _text("SubscribeStatusString")
    popup_scene: int | None = _number("PopupScene")
    msg_id: str = _text("MsgID")
    error_code: int | None = _number("ErrorCode")
    error_status: str = _text("ErrorStatus")


# WeChat's own sample puts a change below the pop-up's name.
_SUBSCRIPTIONS = (
    "SubscribeMsgPopupEvent.List|SubscribeMsgChangeEvent.List|SubscribeMsgSentEvent.List|List"
)


def _read_subscriptions(value: object) -> tuple[Subscription, ...]:
    return tuple(Subscription(**_values(Subscription, row)) for row in _rows(value))


@dataclass(frozen=True, slots=True)
class Subscriptions(Message):
    """subscribe_msg_popup_event, subscribe_msg_change_event and subscribe_msg_sent_event."""

    subscriptions: tuple[Subscription, ...] = _wire(_SUBSCRIPTIONS, _read_subscriptions)


# What WeChat tells


@dataclass(frozen=True, slots=True)
class AuditPassed(Message):
    """weapp_audit_success: the version in review has passed."""

    at: int | None = _number("SuccTime")


@dataclass(frozen=True, slots=True)
class AuditRejected(Message):
    """weapp_audit_fail. REASON may hold `<br>`; SCREENSHOTS are media ids."""

    at: int | None = _number("FailTime")
    reason: str = _text("Reason")
    screenshots: tuple[str, ...] = _wire("ScreenShot", _read_media_ids)


@dataclass(frozen=True, slots=True)
class AuditDelayed(Message):
    """weapp_audit_delay: the review takes longer."""

    at: int | None = _number("DelayTime")
    reason: str = _text("Reason")


FAILED, PASSED = 2, 3  # `ret` of the two that follow


@dataclass(frozen=True, slots=True)
class NicknameAudit(Message):
    """wxa_nickname_audit 名称审核结果: RET is FAILED or PASSED."""

    ret: int | None = _number("ret")
    nickname: str = _text("nickname")
    reason: str = _text("reason")


@dataclass(frozen=True, slots=True)
class CategoryAudit(Message):
    """wxa_category_audit 类目审核结果: RET is FAILED or PASSED, FIRST and SECOND are ids."""

    ret: int | None = _number("ret")
    first: int | None = _number("first")
    second: int | None = _number("second")
    reason: str = _text("reason")


@dataclass(frozen=True, slots=True)
class PrivacyAudit(Message):
    """wxa_privacy_apply 隐私接口申请结果, of the interface API_NAME."""

    api_name: str = _wire("result_info.api_name", _read_unquoted)
    audit_id: str = _wire("result_info.audit_id", _read_unquoted)
    status: int | None = _wire("result_info.status", _read_unquoted_number)
    apply_time: int | None = _wire("result_info.apply_time", _read_unquoted_number)
    audit_time: int | None = _wire("result_info.audit_time", _read_unquoted_number)
    reason: str = _wire("result_info.reason", _read_unquoted)


@dataclass(frozen=True, slots=True)
class Appeal(Message):
    """wxa_appeal_record: a word on an appeal against a punishment."""

    appeal_record_id: str = _text("appeal_record_id")
    appid: str = _text("appid")
    appeal_time: int | None = _number("appeal_time")
    appeal_count: int | None = _number("appeal_count")
    appeal_from: int | None = _number("appeal_from")
    appeal_status: int | None = _number("appeal_status")
    punish_description: str = _text("punish_description")


@dataclass(frozen=True, slots=True)
class Verification(Message):
    """微信认证: qualification_verify_…, naming_verify_…, annual_renew and verify_expired."""

    expired_time: int | None = _number("ExpiredTime")
    fail_time: int | None = _number("FailTime")
    fail_reason: str = _text("FailReason")


@dataclass(frozen=True, slots=True)
class TemplateSent(Message):
    """TEMPLATESENDJOBFINISH: STATUS is `success` or begins with `failed`."""

    job_id: str = _text("MsgID")
    status: str = _text("Status")


@dataclass(frozen=True, slots=True)
class MassSent(Message):
    """MASSSENDJOBFINISH: how a mass message went."""

    job_id: str = _text("MsgID")
    status: str = _text("Status")
    total_count: int | None = _number("TotalCount")
    filter_count: int | None = _number("FilterCount")
    sent_count: int | None = _number("SentCount")
    error_count: int | None = _number("ErrorCount")


@dataclass(frozen=True, slots=True)
class Published(Message):
    """PUBLISHJOBFINISH, or FREEPUBLISHJOBFINISH: how the publishing of an article went."""

    publish_id: str = _text("PublishEventInfo.publish_id")
    publish_status: int | None = _number("PublishEventInfo.publish_status")
    article_id: str = _text("PublishEventInfo.article_id")


@dataclass(frozen=True, slots=True)
class ServiceSession(Message):
    """kf_create_session, kf_close_session and kf_switch_session of WeChat's own console."""

    kf_account: str = _text("KfAccount")
    from_kf_account: str = _text("FromKfAccount")
    to_kf_account: str = _text("ToKfAccount")


@dataclass(frozen=True, slots=True)
class DebugDemo(Message):
    """debug_demo: somebody tries WeChat's own debugging tool."""

    debug_str: str = _text("debug_str")


MESSAGES: dict[str, type[Message]] = {
    "text": TextMessage,
    "image": ImageMessage,
    "voice": VoiceMessage,
    "video": VideoMessage,
    "shortvideo": VideoMessage,
    "location": LocationMessage,
    "link": LinkMessage,
    "miniprogrampage": MiniProgramPageMessage,
}
EVENTS: dict[str, type[Message]] = {
    "user_enter_tempsession": EnterSession,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "SCAN": Scan,
    "LOCATION": Located,
    "CLICK": Click,
    "VIEW": View,
    "view_miniprogram": View,
    "scancode_push": MenuScan,
    "scancode_waitmsg": MenuScan,
    "pic_sysphoto": MenuPictures,
    "pic_photo_or_album": MenuPictures,
    "pic_weixin": MenuPictures,
    "location_select": MenuLocation,
    "user_info_modified": UserData,
    "user_authorization_revoke": UserData,
    "user_authorization_cancellation": UserData,
    "subscribe_msg_popup_event": Subscriptions,
    "subscribe_msg_change_event": Subscriptions,
    "subscribe_msg_sent_event": Subscriptions,
    "weapp_audit_success": AuditPassed,
    "weapp_audit_fail": AuditRejected,
    "weapp_audit_delay": AuditDelayed,
    "wxa_nickname_audit": NicknameAudit,
    "wxa_category_audit": CategoryAudit,
    "wxa_privacy_apply": PrivacyAudit,
    "wxa_appeal_record": Appeal,
    "qualification_verify_success": Verification,
    "qualification_verify_fail": Verification,
    "naming_verify_success": Verification,
    "naming_verify_fail": Verification,
    "annual_renew": Verification,
    "verify_expired": Verification,
    "TEMPLATESENDJOBFINISH": TemplateSent,
    "MASSSENDJOBFINISH": MassSent,
    "PUBLISHJOBFINISH": Published,
    "FREEPUBLISHJOBFINISH": Published,
    "kf_create_session": ServiceSession,
    "kf_close_session": ServiceSession,
    "kf_switch_session": ServiceSession,
    "debug_demo": DebugDemo,
}
KINDS = MESSAGES | EVENTS

# The kinds a user writes; each opens the long window for customer-service messages.
USER_MESSAGES = frozenset(MESSAGES)


def read_message(push: Push) -> Message:
    """PUSH, typed; Unknown for a kind that is in neither table. Never fails."""
    is_event = bool(push.get("Event")) or push.get("MsgType") == "event"
    table = EVENTS if is_event else MESSAGES
    kind = Unknown if push.is_component_push else table.get(push.kind, Unknown)
    found = {"fields": push.fields} if kind is Unknown else _values(kind, push.fields)
    return kind(
        kind=push.kind,
        is_event=is_event,
        user_name=push.get("ToUserName"),
        openid=push.get("FromUserName"),
        created=push.created,
        msg_id=read_number(push.get("MsgId")),
        **found,
    )


def text_of(message: Message) -> str:
    """What the user said: the text, or the words WeChat heard in a voice message; else ""."""
    match message:
        case TextMessage():
            return message.content
        case VoiceMessage():
            return message.recognition
    return ""


def event_key(message: Message) -> str:
    """The EventKey of a menu's item or a QR code; else ""."""
    return getattr(message, "event_key", "")


# The windows for customer-service messages

MINI_PROGRAM, OFFICIAL_ACCOUNT = "mini_program", "official_account"
MESSAGE, ENTER, MENU, FOLLOW, SCANNED = "message", "enter", "menu", "follow", "scan"

# What may be sent after what: for how many seconds, and how many messages. Sources: "客服消息介绍"
# of service and of subscription accounts, with the rules of June 2023 (20 messages before), and
# "发送客服消息" of mini programs. A payment opens 48 hours too, but is not pushed to this door.
WINDOWS: dict[tuple[str, str], tuple[int, int]] = {
    (OFFICIAL_ACCOUNT, MESSAGE): (48 * 3600, 5),
    (OFFICIAL_ACCOUNT, MENU): (60, 3),
    (OFFICIAL_ACCOUNT, FOLLOW): (60, 3),
    (OFFICIAL_ACCOUNT, SCANNED): (60, 3),
    (MINI_PROGRAM, MESSAGE): (48 * 3600, 5),
    (MINI_PROGRAM, ENTER): (60, 2),
}
_TRIGGERS = {
    "user_enter_tempsession": ENTER,
    "subscribe": FOLLOW,
    "SCAN": SCANNED,
    # Of the menu's items only these three, says the page.
    "CLICK": MENU,
    "scancode_push": MENU,
    "scancode_waitmsg": MENU,
}


def window_of(account_kind: str, message: Message) -> tuple[int, int] | None:
    """The seconds and the count of messages that MESSAGE allows; None if it allows none."""
    if isinstance(message, TextMessage) and message.menu_id and account_kind == OFFICIAL_ACCOUNT:
        trigger = MENU  # WeChat counts a choice of a `msgmenu` as a click, not as a message
    else:
        trigger = _TRIGGERS.get(message.kind, "") if message.is_event else MESSAGE
    return WINDOWS.get((account_kind, trigger))

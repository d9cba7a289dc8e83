"""
What users write to an account, and what WeChat tells it: one small class for each kind.

Reading never fails: what is absent or malformed is "", None or (), and a kind we do not know keeps
its fields raw. What a user wrote stays out of every repr. Pages: developers.weixin.qq.com,
/doc/service/guide/product/, "接收普通消息", "接收事件推送", "自定义菜单的事件推送",
"订阅通知的事件推送", "微信认证事件推送"; /miniprogram/dev/framework/open-ability/, "客服消息".

Long because it is a table: of each kind, or of several, the fields and where they are read from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, dataclass_transform

from wechat.http import read_number, read_text
from wechat.message_fields import (
    declare_field,
    number_field,
    private_field,
    read_fields,
    read_objects,
    real_field,
    text_field,
)
from wechat.push import Push


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


MESSAGES: dict[str, type[Message]] = {}
EVENTS: dict[str, type[Message]] = {}

MessageClass = TypeVar("MessageClass", bound=type[Message])


@dataclass_transform(frozen_default=True)
def _kinds(table: dict[str, type[Message]], *kinds: str) -> Callable[[MessageClass], MessageClass]:
    """The class of KINDS in TABLE, with the fields that it declares."""

    def declare(declared: MessageClass) -> MessageClass:
        message: Any = dataclass(frozen=True, slots=True)(declared)
        table.update(dict.fromkeys(kinds, message))
        return cast(MessageClass, message)

    return declare


# What a user writes


@_kinds(MESSAGES, "text")
class TextMessage(Message):
    """文本消息. MENU_ID is the choice taken, where it answers a `msgmenu`."""

    content: str = private_field("Content")
    menu_id: str = text_field("bizmsgmenuid")


@_kinds(MESSAGES, "image")
class ImageMessage(Message):
    """图片消息."""

    pic_url: str = private_field("PicUrl")
    media_id: str = private_field("MediaId")


@_kinds(MESSAGES, "voice")
class VoiceMessage(Message):
    """语音消息; RECOGNITION is what WeChat understood, where that is switched on."""

    media_id: str = private_field("MediaId")
    format: str = text_field("Format")
    recognition: str = private_field("Recognition")


@_kinds(MESSAGES, "video", "shortvideo")
class VideoMessage(Message):
    """视频消息 and 小视频消息 (shortvideo)."""

    media_id: str = private_field("MediaId")
    thumb_media_id: str = private_field("ThumbMediaId")


@_kinds(MESSAGES, "location")
class LocationMessage(Message):
    """地理位置消息: X is the latitude."""

    location_x: float | None = real_field("Location_X")
    location_y: float | None = real_field("Location_Y")
    scale: int | None = number_field("Scale")
    label: str = private_field("Label")


@_kinds(MESSAGES, "link")
class LinkMessage(Message):
    """链接消息."""

    title: str = private_field("Title")
    description: str = private_field("Description")
    url: str = private_field("Url")


@_kinds(MESSAGES, "miniprogrampage")
class MiniProgramPageMessage(Message):
    """小程序卡片消息."""

    title: str = private_field("Title")
    appid: str = text_field("AppId")
    page_path: str = private_field("PagePath")
    thumb_url: str = private_field("ThumbUrl")
    thumb_media_id: str = private_field("ThumbMediaId")


# What a user does


@_kinds(EVENTS, "user_enter_tempsession")
class EnterSession(Message):
    """The chat of a mini program was opened; SESSION_FROM its button's."""

    session_from: str = private_field("SessionFrom")


@_kinds(EVENTS, "subscribe")
class Subscribe(Message):
    """关注; by a QR code with a parameter, EVENT_KEY is `qrscene_` and the parameter."""

    event_key: str = text_field("EventKey")
    ticket: str = private_field("Ticket")

    @property
    def scene(self) -> str:
        """The QR code's parameter."""
        return self.event_key.removeprefix("qrscene_")


@_kinds(EVENTS, "unsubscribe")
class Unsubscribe(Message):
    """取消关注."""


@_kinds(EVENTS, "SCAN")
class Scan(Message):
    """A follower scanned a QR code, whose parameter is EVENT_KEY."""

    event_key: str = text_field("EventKey")
    ticket: str = private_field("Ticket")


@_kinds(EVENTS, "LOCATION")
class UserLocation(Message):
    """上报地理位置: where a follower is."""

    latitude: float | None = real_field("Latitude")
    longitude: float | None = real_field("Longitude")
    precision: float | None = real_field("Precision")


@_kinds(EVENTS, "CLICK")
class Click(Message):
    """An item of the menu, by its key."""

    event_key: str = text_field("EventKey")


@_kinds(EVENTS, "VIEW", "view_miniprogram")
class MenuLink(Message):
    """An item of the menu that leads to EVENT_KEY, a URL or a path."""

    event_key: str = text_field("EventKey")
    menu_id: str = text_field("MenuId")


@_kinds(EVENTS, "scancode_push", "scancode_waitmsg")
class MenuScan(Message):
    """An item of the menu that scans."""

    event_key: str = text_field("EventKey")
    scan_type: str = text_field("ScanCodeInfo.ScanType")
    scan_result: str = private_field("ScanCodeInfo.ScanResult")


def _read_pictures(value: object) -> tuple[str, ...]:
    checksums = (read_text(item.get("PicMd5Sum")) for item in read_objects(value))
    return tuple(filter(None, checksums))


@_kinds(EVENTS, "pic_sysphoto", "pic_photo_or_album", "pic_weixin")
class MenuPictures(Message):
    """An item of the menu that picks pictures, which come as messages of theirs."""

    event_key: str = text_field("EventKey")
    count: int | None = number_field("SendPicsInfo.Count")
    pictures: tuple[str, ...] = declare_field("SendPicsInfo.PicList.item", _read_pictures)


@_kinds(EVENTS, "location_select")
class MenuLocation(Message):
    """An item of the menu that picks a place."""

    event_key: str = text_field("EventKey")
    location_x: float | None = real_field("SendLocationInfo.Location_X")
    location_y: float | None = real_field("SendLocationInfo.Location_Y")
    scale: int | None = number_field("SendLocationInfo.Scale")
    label: str = private_field("SendLocationInfo.Label")
    poiname: str = private_field("SendLocationInfo.Poiname")


@_kinds(
    EVENTS, "user_info_modified", "user_authorization_revoke", "user_authorization_cancellation"
)
class UserData(Message):
    """SUBJECT is the user it is about; REVOKE_INFO WeChat's number of what was withdrawn."""

    subject: str = text_field("OpenID|openid")
    appid: str = text_field("AppID|appid")
    revoke_info: str = text_field("RevokeInfo")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One template in an event about 订阅消息: STATUS is `accept` or `reject`."""

    template_id: str = text_field("TemplateId")
    status: str = text_field("SubscribeStatusString")
    popup_scene: int | None = number_field("PopupScene")
    msg_id: str = text_field("MsgID")
    error_code: int | None = number_field("ErrorCode")
    error_status: str = text_field("ErrorStatus")


# WeChat's own sample puts a change below the pop-up's name.
_SUBSCRIPTIONS = (
    "SubscribeMsgPopupEvent.List|SubscribeMsgChangeEvent.List|SubscribeMsgSentEvent.List|List"
)


def _read_subscriptions(value: object) -> tuple[Subscription, ...]:
    return tuple(Subscription(**read_fields(Subscription, row)) for row in read_objects(value))


@_kinds(
    EVENTS, "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"
)
class Subscriptions(Message):
    """订阅消息: what a user answered, changed, or was sent."""

    subscriptions: tuple[Subscription, ...] = declare_field(_SUBSCRIPTIONS, _read_subscriptions)


# What WeChat tells


def _read_media_ids(value: object) -> tuple[str, ...]:
    """Of ids joined by `|`, those that are not empty."""
    return tuple(filter(None, read_text(value).split("|")))


def _read_unquoted(value: object) -> str:
    """A text that WeChat at times puts in quotes, as in wxa_privacy_apply."""
    return read_text(value).strip('"')


def _read_unquoted_number(value: object) -> int | None:
    return read_number(_read_unquoted(value))


@_kinds(EVENTS, "weapp_audit_success")
class AuditPassed(Message):
    """The version in review has passed."""

    at: int | None = number_field("SuccTime")


@_kinds(EVENTS, "weapp_audit_fail")
class AuditRejected(Message):
    """The version in review is rejected. REASON may hold `<br>`; SCREENSHOTS are media ids."""

    at: int | None = number_field("FailTime")
    reason: str = text_field("Reason")
    screenshots: tuple[str, ...] = declare_field("ScreenShot", _read_media_ids)


@_kinds(EVENTS, "weapp_audit_delay")
class AuditDelayed(Message):
    """The review takes longer."""

    at: int | None = number_field("DelayTime")
    reason: str = text_field("Reason")


FAILED, PASSED = 2, 3  # `ret` of the two that follow


@_kinds(EVENTS, "wxa_nickname_audit")
class NicknameAudit(Message):
    """名称审核结果: RET is FAILED or PASSED."""

    ret: int | None = number_field("ret")
    nickname: str = text_field("nickname")
    reason: str = text_field("reason")


@_kinds(EVENTS, "wxa_category_audit")
class CategoryAudit(Message):
    """类目审核结果: RET is FAILED or PASSED, FIRST and SECOND are ids."""

    ret: int | None = number_field("ret")
    first: int | None = number_field("first")
    second: int | None = number_field("second")
    reason: str = text_field("reason")


@_kinds(EVENTS, "wxa_privacy_apply")
class PrivacyAudit(Message):
    """隐私接口申请结果, of the interface API_NAME."""

    api_name: str = declare_field("result_info.api_name", _read_unquoted)
    audit_id: str = declare_field("result_info.audit_id", _read_unquoted)
    status: int | None = declare_field("result_info.status", _read_unquoted_number)
    apply_time: int | None = declare_field("result_info.apply_time", _read_unquoted_number)
    audit_time: int | None = declare_field("result_info.audit_time", _read_unquoted_number)
    reason: str = declare_field("result_info.reason", _read_unquoted)


@_kinds(EVENTS, "wxa_appeal_record")
class Appeal(Message):
    """A word on an appeal against a punishment."""

    appeal_record_id: str = text_field("appeal_record_id")
    appid: str = text_field("appid")
    appeal_time: int | None = number_field("appeal_time")
    appeal_count: int | None = number_field("appeal_count")
    appeal_from: int | None = number_field("appeal_from")
    appeal_status: int | None = number_field("appeal_status")
    punish_description: str = text_field("punish_description")


@_kinds(EVENTS, "wxa_illegal_record")
class Violation(Message):
    """违规记录: what the account has done, by WeChat's rules."""

    illegal_record_id: str = text_field("illegal_record_id")
    appid: str = text_field("appid")
    create_time: int | None = number_field("create_time")
    illegal_reason: str = text_field("illegal_reason")
    illegal_content: str = text_field("illegal_content")
    rule_name: str = text_field("rule_name")
    rule_url: str = text_field("rule_url")


@_kinds(EVENTS, "wxa_punish_event")
class Punishment(Message):
    """处罚通知: EVENT_TYPE 1 is a warning, 2 a ban of functions; DETAIL is JSON, as text."""

    event_type: int | None = number_field("event_type")
    punish_id: str = text_field("punish_id")
    appid: str = text_field("appid")
    punish_time: int | None = number_field("punish_time")
    illegal_reason: str = text_field("illegal_reason")
    illegal_content: str = text_field("illegal_content")
    rule_name: str = text_field("rule_name")
    rule_url: str = text_field("rule_url")
    adjust_guide_url: str = text_field("adjust_guide_url")
    detail: str = text_field("detail")


@_kinds(EVENTS, "wx_verify_pay_succ", "wx_verify_dispatch")
class VerificationStep(Message):
    """微信认证: it is paid for, or given to a PROVIDER who examines the papers."""

    order_id: str = text_field("OrderId")
    provider: str = text_field("Provider")
    contact: str = text_field("Contact")
    dispatch_time: str = text_field("DispatchTime")


@_kinds(EVENTS, "betaapp_verify_apply_event", "betaapp_verify_event")
class TrialVerification(Message):
    """试用小程序转正 by an official account; the misspelt name is WeChat's."""

    appid: str = text_field("ApplyAuthorizationInfoNoitfy.appid")
    mp_appid: str = text_field("ApplyAuthorizationInfoNoitfy.mp_appid")
    status: int | None = number_field("ApplyAuthorizationInfoNoitfy.status")
    msg: str = text_field("ApplyAuthorizationInfoNoitfy.msg")
    operation_time: str = text_field("ApplyAuthorizationInfoNoitfy.operation_time")


def _read_verdicts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, (read_text(row.get("suggest")) for row in read_objects(value))))


@_kinds(EVENTS, "wxa_media_check")
class MediaCheck(Message):
    """异步内容安全检测结果: SUGGEST is `pass`, `review` or `risky`; VERDICTS those of the parts."""

    appid: str = text_field("appid")
    trace_id: str = text_field("trace_id")
    suggest: str = text_field("result.suggest")
    label: str = text_field("result.label")
    verdicts: tuple[str, ...] = declare_field("detail", _read_verdicts)


@_kinds(
    EVENTS,
    "trade_manage_remind_access_api",
    "trade_manage_remind_shipping",
    "trade_manage_order_settlement",
)
class TradeNotice(Message):
    """小程序发货管理: of an order, or of the interface that is to be used."""

    msg: str = text_field("msg")
    transaction_id: str = text_field("transaction_id")
    merchant_id: str = text_field("merchant_id")
    merchant_trade_no: str = text_field("merchant_trade_no")
    pay_time: int | None = number_field("pay_time")
    shipped_time: int | None = number_field("shipped_time")
    estimated_settlement_time: int | None = number_field("estimated_settlement_time")
    confirm_receive_method: int | None = number_field("confirm_receive_method")
    settlement_time: int | None = number_field("settlement_time")


@_kinds(EVENTS, "charge_service_quota_notify")
class PaidQuota(Message):
    """付费能力额度提醒: an ability that is paid for runs out."""

    event_type: int | None = number_field("event_type")
    spu_id: str = text_field("spu_id")
    spu_name: str = text_field("spu_name")
    total_quota: int | None = number_field("total_quota")
    total_used_quota: int | None = number_field("total_used_quota")


@_kinds(
    EVENTS,
    "qualification_verify_success",
    "qualification_verify_fail",
    "naming_verify_success",
    "naming_verify_fail",
    "annual_renew",
    "verify_expired",
)
class Verification(Message):
    """微信认证: of the account or its name, and their end."""

    expired_time: int | None = number_field("ExpiredTime")
    fail_time: int | None = number_field("FailTime")
    fail_reason: str = text_field("FailReason")


@_kinds(EVENTS, "TEMPLATESENDJOBFINISH")
class TemplateSent(Message):
    """How a template message went: STATUS is `success` or begins with `failed`."""

    job_id: str = text_field("MsgID")
    status: str = text_field("Status")


@_kinds(EVENTS, "MASSSENDJOBFINISH")
class MassSent(Message):
    """How a mass message went."""

    job_id: str = text_field("MsgID")
    status: str = text_field("Status")
    total_count: int | None = number_field("TotalCount")
    filter_count: int | None = number_field("FilterCount")
    sent_count: int | None = number_field("SentCount")
    error_count: int | None = number_field("ErrorCount")


@_kinds(EVENTS, "PUBLISHJOBFINISH", "FREEPUBLISHJOBFINISH")
class Published(Message):
    """How the publishing of an article went."""

    publish_id: str = text_field("PublishEventInfo.publish_id")
    publish_status: int | None = number_field("PublishEventInfo.publish_status")
    article_id: str = text_field("PublishEventInfo.article_id")


@_kinds(EVENTS, "kf_create_session", "kf_close_session", "kf_switch_session")
class ServiceSession(Message):
    """A session in WeChat's own console begins, ends, or goes to somebody else."""

    kf_account: str = text_field("KfAccount")
    from_kf_account: str = text_field("FromKfAccount")
    to_kf_account: str = text_field("ToKfAccount")


@_kinds(EVENTS, "debug_demo")
class DebugDemo(Message):
    """Somebody tries WeChat's own debugging tool."""

    debug_str: str = text_field("debug_str")


PUSH_KINDS = MESSAGES | EVENTS

# The kinds a user writes; each opens the long window for customer-service messages.
USER_MESSAGES = frozenset(MESSAGES)


def read_message(push: Push) -> Message:
    """PUSH, typed; Unknown for a kind that is in neither table. Never fails."""
    is_event = bool(push.get("Event")) or push.get("MsgType") == "event"
    table = EVENTS if is_event else MESSAGES
    kind = Unknown if push.is_component_push else table.get(push.kind, Unknown)
    values = {"fields": push.fields} if kind is Unknown else read_fields(kind, push.fields)
    return kind(
        kind=push.kind,
        is_event=is_event,
        user_name=push.get("ToUserName"),
        openid=push.get("FromUserName"),
        created=push.created,
        msg_id=read_number(push.get("MsgId")),
        **values,
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

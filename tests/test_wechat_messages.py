"""Every kind of message and event is read with its fields typed, and nothing can break it."""

from dataclasses import asdict, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat import messages, push
from wechat.messages import (
    EVENTS,
    MESSAGES,
    PUSH_KINDS,
    USER_MESSAGES,
    Message,
    Subscribe,
    Subscription,
    Unknown,
    event_key,
    read_message,
    text_of,
)
from wechat.reply_windows import MENU, MINI_PROGRAM, OFFICIAL_ACCOUNT, WINDOWS, window_of

USER = "otFpruAK8D-E6EfStSYonYSBZ8_4"
HEAD = (
    "<xml><ToUserName><![CDATA[gh_123456789abc]]></ToUserName>"
    f"<FromUserName><![CDATA[{USER}]]></FromUserName><CreateTime>1610969440</CreateTime>"
)


def message(kind: str, body: str) -> Message:
    head = f"{HEAD}<MsgType><![CDATA[{kind}]]></MsgType>"
    return read(f"{head}{body}<MsgId>1234567890123456789</MsgId></xml>")


def event(kind: str, body: str = "") -> Message:
    head = f"{HEAD}<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{kind}]]></Event>"
    return read(f"{head}{body}</xml>")


def read(xml: str) -> Message:
    return read_message(push.read_push(xml.encode()))


def own(found: Message) -> dict[str, Any]:
    """The fields of the kind itself."""
    common = {one.name for one in fields(Message)}
    return {name: value for name, value in asdict(found).items() if name not in common}


def tags(**members: object) -> str:
    return "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in members.items())


WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    "text": (tags(Content="你好"), {"content": "你好", "menu_id": ""}),
    "image": (
        tags(PicUrl="https://mmbiz.example/1", MediaId="m1"),
        {"pic_url": "https://mmbiz.example/1", "media_id": "m1"},
    ),
    "voice": (
        tags(MediaId="m2", Format="amr", Recognition="在吗"),
        {"media_id": "m2", "format": "amr", "recognition": "在吗"},
    ),
    "video": (
        tags(MediaId="m3", ThumbMediaId="m4"),
        {"media_id": "m3", "thumb_media_id": "m4"},
    ),
    "shortvideo": (
        tags(MediaId="m5", ThumbMediaId="m6"),
        {"media_id": "m5", "thumb_media_id": "m6"},
    ),
    "location": (
        "<Location_X>23.134521</Location_X><Location_Y>-113.358803</Location_Y>"
        "<Scale>20</Scale>" + tags(Label="某处"),
        {"location_x": 23.134521, "location_y": -113.358803, "scale": 20, "label": "某处"},
    ),
    "link": (
        tags(Title="标题", Description="描述", Url="https://a.example/"),
        {"title": "标题", "description": "描述", "url": "https://a.example/"},
    ),
    "miniprogrampage": (
        tags(
            Title="山茶书店",
            AppId="wx1",
            PagePath="pages/index/index",
            ThumbUrl="https://a.example/t",
            ThumbMediaId="m7",
        ),
        {
            "title": "山茶书店",
            "appid": "wx1",
            "page_path": "pages/index/index",
            "thumb_url": "https://a.example/t",
            "thumb_media_id": "m7",
        },
    ),
}
MENU_SCAN = (
    tags(EventKey="6")
    + f"<ScanCodeInfo>{tags(ScanType='qrcode', ScanResult='https://b.example/')}</ScanCodeInfo>",
    {"event_key": "6", "scan_type": "qrcode", "scan_result": "https://b.example/"},
)
MENU_PICTURES = (
    tags(EventKey="6") + "<SendPicsInfo><Count>2</Count><PicList>"
    f"<item>{tags(PicMd5Sum='1b5f7c23')}</item><item>{tags(PicMd5Sum='5a75aaca')}</item>"
    "</PicList></SendPicsInfo>",
    {"event_key": "6", "count": 2, "pictures": ("1b5f7c23", "5a75aaca")},
)
USER_DATA = (
    tags(OpenID="oUser", AppID="wx1", RevokeInfo="8"),
    {"subject": "oUser", "appid": "wx1", "revoke_info": "8"},
)
VERIFIED = (
    "<ExpiredTime>1442401156</ExpiredTime>",
    {"expired_time": 1442401156, "fail_time": None, "fail_reason": ""},
)
NOT_VERIFIED = (
    "<FailTime>1442401122</FailTime>" + tags(FailReason="by time"),
    {"expired_time": None, "fail_time": 1442401122, "fail_reason": "by time"},
)
ARTICLE_OUT = (
    "<PublishEventInfo><publish_id>2247503051</publish_id><publish_status>0</publish_status>"
    f"{tags(article_id='b5O2OUs25HBx')}</PublishEventInfo>",
    {"publish_id": "2247503051", "publish_status": 0, "article_id": "b5O2OUs25HBx"},
)


def answered(status: str, **more: Any) -> dict[str, Any]:
    return asdict(Subscription(template_id="VRR0UEO9", status=status, **more))


def subscriptions(name: str, *rows: str) -> str:
    lists = "".join(f"<List>{tags(TemplateId='VRR0UEO9')}{row}</List>" for row in rows)
    return f"<{name}>{lists}</{name}>"


ACCEPT = tags(SubscribeStatusString="accept") + "<PopupScene>2</PopupScene>"
REJECT = tags(SubscribeStatusString="reject")
SENT = "<MsgID>1700827132819554304</MsgID><ErrorCode>0</ErrorCode>" + tags(ErrorStatus="success")

TRIAL = (
    "<ApplyAuthorizationInfoNoitfy>"
    + tags(appid="wx0123456789abcdef", mp_appid="wxfedcba9876543210", msg="ok")
    + "<status>0</status><operation_time>1700827301</operation_time>"
    + "</ApplyAuthorizationInfoNoitfy>",
    {
        "appid": "wx0123456789abcdef",
        "mp_appid": "wxfedcba9876543210",
        "status": 0,
        "msg": "ok",
        "operation_time": "1700827301",
    },
)


def trade(**own: Any) -> dict[str, Any]:
    """The fields of an event about orders: OWN, and nothing in the others."""
    texts = dict.fromkeys(("msg", "transaction_id", "merchant_id", "merchant_trade_no"), "")
    numbers = ("pay_time", "shipped_time", "estimated_settlement_time", "confirm_receive_method")
    return {**texts, **dict.fromkeys((*numbers, "settlement_time")), **own}


HAPPENED: dict[str, tuple[str, dict[str, Any]]] = {
    "wxa_illegal_record": (
        tags(illegal_record_id="r1", appid="wx01", illegal_reason="违规", rule_name="规则"),
        {
            "illegal_record_id": "r1",
            "appid": "wx01",
            "create_time": None,
            "illegal_reason": "违规",
            "illegal_content": "",
            "rule_name": "规则",
            "rule_url": "",
        },
    ),
    "wxa_punish_event": (
        tags(punish_id="p1", appid="wx01", illegal_reason="违规", detail='{"warned_type": 1}')
        + "<event_type>1</event_type><punish_time>1700827301</punish_time>",
        {
            "event_type": 1,
            "punish_id": "p1",
            "appid": "wx01",
            "punish_time": 1700827301,
            "illegal_reason": "违规",
            "illegal_content": "",
            "rule_name": "",
            "rule_url": "",
            "adjust_guide_url": "",
            "detail": '{"warned_type": 1}',
        },
    ),
    "wx_verify_pay_succ": (
        tags(OrderId="o1"),
        {"order_id": "o1", "provider": "", "contact": "", "dispatch_time": ""},
    ),
    "wx_verify_dispatch": (
        tags(Provider="公司", Contact="021", DispatchTime="1700827301"),
        {"order_id": "", "provider": "公司", "contact": "021", "dispatch_time": "1700827301"},
    ),
    "betaapp_verify_apply_event": TRIAL,
    "betaapp_verify_event": TRIAL,
    "wxa_media_check": (
        tags(appid="wx01", trace_id="t1")
        + f"<result>{tags(suggest='risky')}<label>20002</label></result>"
        + f"<detail>{tags(strategy='content_model', suggest='risky')}</detail>",
        {
            "appid": "wx01",
            "trace_id": "t1",
            "suggest": "risky",
            "label": "20002",
            "verdicts": ("risky",),
        },
    ),
    "trade_manage_remind_access_api": (tags(msg="请接入"), trade(msg="请接入")),
    "trade_manage_remind_shipping": (
        tags(transaction_id="42", msg="请发货") + "<pay_time>1700827301</pay_time>",
        trade(transaction_id="42", msg="请发货", pay_time=1700827301),
    ),
    "trade_manage_order_settlement": (
        tags(transaction_id="42") + "<settlement_time>1700827301</settlement_time>",
        trade(transaction_id="42", settlement_time=1700827301),
    ),
    "charge_service_quota_notify": (
        tags(spu_id="1", spu_name="短信") + "<event_type>3</event_type>"
        "<total_quota>100</total_quota><total_used_quota>90</total_used_quota>",
        {
            "event_type": 3,
            "spu_id": "1",
            "spu_name": "短信",
            "total_quota": 100,
            "total_used_quota": 90,
        },
    ),
    "user_enter_tempsession": (tags(SessionFrom="会员中心"), {"session_from": "会员中心"}),
    "subscribe": (
        tags(EventKey="qrscene_123123", Ticket="TICKET"),
        {"event_key": "qrscene_123123", "ticket": "TICKET"},
    ),
    "unsubscribe": (tags(EventKey=""), {}),
    "SCAN": (
        tags(EventKey="SCENE", Ticket="TICKET"),
        {"event_key": "SCENE", "ticket": "TICKET"},
    ),
    "LOCATION": (
        "<Latitude>23.137466</Latitude><Longitude>113.352425</Longitude>"
        "<Precision>119.385040</Precision>",
        {"latitude": 23.137466, "longitude": 113.352425, "precision": 119.38504},
    ),
    "CLICK": (tags(EventKey="V1001"), {"event_key": "V1001"}),
    "VIEW": (
        tags(EventKey="www.qq.com") + "<MenuId>410418124</MenuId>",
        {"event_key": "www.qq.com", "menu_id": "410418124"},
    ),
    "view_miniprogram": (
        tags(EventKey="pages/index/index") + "<MenuId>410418124</MenuId>",
        {"event_key": "pages/index/index", "menu_id": "410418124"},
    ),
    "scancode_push": MENU_SCAN,
    "scancode_waitmsg": MENU_SCAN,
    "pic_sysphoto": MENU_PICTURES,
    "pic_photo_or_album": MENU_PICTURES,
    "pic_weixin": MENU_PICTURES,
    "location_select": (
        tags(EventKey="6")
        + "<SendLocationInfo>"
        + tags(Location_X="23", Location_Y="113", Scale="15", Label="广州市", Poiname="")
        + "</SendLocationInfo>",
        {
            "event_key": "6",
            "location_x": 23.0,
            "location_y": 113.0,
            "scale": 15,
            "label": "广州市",
            "poiname": "",
        },
    ),
    "user_info_modified": (
        tags(openid="oUser", appid="wx1"),  # as older texts have it
        {"subject": "oUser", "appid": "wx1", "revoke_info": ""},
    ),
    "user_authorization_revoke": USER_DATA,
    "user_authorization_cancellation": USER_DATA,
    "subscribe_msg_popup_event": (
        subscriptions("SubscribeMsgPopupEvent", ACCEPT, REJECT),
        {"subscriptions": (answered("accept", popup_scene=2), answered("reject"))},
    ),
    "subscribe_msg_change_event": (
        subscriptions("SubscribeMsgPopupEvent", REJECT),
        {"subscriptions": (answered("reject"),)},
    ),
    "subscribe_msg_sent_event": (
        subscriptions("SubscribeMsgSentEvent", SENT),
        {
            "subscriptions": (
                answered("", msg_id="1700827132819554304", error_code=0, error_status="success"),
            )
        },
    ),
    "weapp_audit_success": ("<SuccTime>1488856741</SuccTime>", {"at": 1488856741}),
    "weapp_audit_fail": (
        tags(Reason="1:账号信息不符合规范:<br>(1):包含色情因素<br>")
        + "<FailTime>1488856591</FailTime><ScreenShot>xxx|yyy|zzz</ScreenShot>",
        {
            "at": 1488856591,
            "reason": "1:账号信息不符合规范:<br>(1):包含色情因素<br>",
            "screenshots": ("xxx", "yyy", "zzz"),
        },
    ),
    "weapp_audit_delay": (
        tags(Reason="为了更好的服务小程序") + "<DelayTime>1488856591</DelayTime>",
        {"at": 1488856591, "reason": "为了更好的服务小程序"},
    ),
    "wxa_nickname_audit": (
        "<ret>2</ret>" + tags(nickname="昵称", reason="驳回原因"),
        {"ret": messages.FAILED, "nickname": "昵称", "reason": "驳回原因"},
    ),
    "wxa_category_audit": (
        "<ret>3</ret><first>8</first><second>39</second>" + tags(reason=""),
        {"ret": messages.PASSED, "first": 8, "second": 39, "reason": ""},
    ),
    "wxa_privacy_apply": (
        # The quotes are WeChat's.
        '<result_info><api_name>"wx.choosePoi"</api_name><apply_time>"1644805538"</apply_time>'
        '<audit_id>"421609337"</audit_id><audit_time>"1644828435"</audit_time>'
        '<reason>"未含有相应使用场景"</reason><status>2</status></result_info>',
        {
            "api_name": "wx.choosePoi",
            "audit_id": "421609337",
            "status": 2,
            "apply_time": 1644805538,
            "audit_time": 1644828435,
            "reason": "未含有相应使用场景",
        },
    ),
    "wxa_appeal_record": (
        tags(
            appeal_record_id=40001,
            appid="wx1",
            appeal_time=1615445443,
            appeal_count=1,
            appeal_from=0,
            appeal_status=2,
            punish_description="违规",
        ),
        {
            "appeal_record_id": "40001",
            "appid": "wx1",
            "appeal_time": 1615445443,
            "appeal_count": 1,
            "appeal_from": 0,
            "appeal_status": 2,
            "punish_description": "违规",
        },
    ),
    "qualification_verify_success": VERIFIED,
    "qualification_verify_fail": NOT_VERIFIED,
    "naming_verify_success": VERIFIED,
    "naming_verify_fail": NOT_VERIFIED,
    "annual_renew": VERIFIED,
    "verify_expired": VERIFIED,
    "TEMPLATESENDJOBFINISH": (
        "<MsgID>200163836</MsgID>" + tags(Status="failed:user block"),
        {"job_id": "200163836", "status": "failed:user block"},
    ),
    "MASSSENDJOBFINISH": (
        "<MsgID>1000000003</MsgID>"
        + tags(Status="send success", TotalCount=4, FilterCount=3, SentCount=2, ErrorCount=1),
        {
            "job_id": "1000000003",
            "status": "send success",
            "total_count": 4,
            "filter_count": 3,
            "sent_count": 2,
            "error_count": 1,
        },
    ),
    "PUBLISHJOBFINISH": ARTICLE_OUT,
    "FREEPUBLISHJOBFINISH": ARTICLE_OUT,
    "kf_create_session": (
        tags(KfAccount="a@shop"),
        {"kf_account": "a@shop", "from_kf_account": "", "to_kf_account": ""},
    ),
    "kf_close_session": (
        tags(KfAccount="a@shop"),
        {"kf_account": "a@shop", "from_kf_account": "", "to_kf_account": ""},
    ),
    "kf_switch_session": (
        tags(FromKfAccount="a@shop", ToKfAccount="b@shop"),
        {"kf_account": "", "from_kf_account": "a@shop", "to_kf_account": "b@shop"},
    ),
    "debug_demo": (tags(debug_str="hello world"), {"debug_str": "hello world"}),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_is_read_with_its_fields(kind: str) -> None:
    body, expected = WRITTEN[kind]
    found = message(kind, body)
    assert (found.kind, found.name, found.is_event) == (kind, f"message.{kind}", False)
    assert (found.user_name, found.openid) == ("gh_123456789abc", USER)
    assert (found.created, found.msg_id) == (1610969440, 1234567890123456789)
    assert type(found) is MESSAGES[kind]
    assert own(found) == expected


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_read_with_its_fields(kind: str) -> None:
    body, expected = HAPPENED[kind]
    found = event(kind, body)
    assert (found.kind, found.name, found.is_event) == (kind, f"event.{kind}", True)
    assert (found.openid, found.created, found.msg_id) == (USER, 1610969440, None)
    assert type(found) is EVENTS[kind]
    assert own(found) == expected


@pytest.mark.parametrize("kind", PUSH_KINDS)
def test_what_is_missing_is_empty(kind: str) -> None:
    found = message(kind, "") if kind in MESSAGES else event(kind)
    assert all(value in ("", None, ()) for value in own(found).values())


def test_an_unknown_kind_keeps_its_fields_raw() -> None:
    told = event("wxa_something_new", "<Deep><Er>1</Er></Deep>")
    assert isinstance(told, Unknown)
    assert told.name == "event.wxa_something_new"
    assert told.fields["Deep"] == {"Er": "1"}
    written = message("sticker", tags(Content="secret"))
    assert isinstance(written, Unknown)
    assert written.name == "message.sticker"
    assert "secret" not in repr(written)


def test_no_event_can_pass_for_a_message() -> None:
    assert isinstance(event("text", tags(Content="from an event")), Unknown)
    assert isinstance(message("subscribe", ""), Unknown)
    component = push.Push("text", {"InfoType": "text", "MsgType": "text", "Content": "x"})
    assert isinstance(read_message(component), Unknown)


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_a_user_wrote_is_in_no_repr(kind: str) -> None:
    body, expected = WRITTEN[kind]
    shown = repr(message(kind, body))
    for name, value in expected.items():
        if name not in ("menu_id", "format", "scale", "appid"):
            assert str(value) not in shown


def test_where_a_user_is_is_in_no_repr() -> None:
    assert "113" not in repr(event("LOCATION", HAPPENED["LOCATION"][0]))
    assert "b.example" not in repr(event("scancode_push", MENU_SCAN[0]))


def test_one_picture_is_a_list_too() -> None:
    body = f"<SendPicsInfo><PicList><item>{tags(PicMd5Sum='1b5f')}</item></PicList></SendPicsInfo>"
    assert own(event("pic_weixin", body))["pictures"] == ("1b5f",)
    none = "<SendPicsInfo><Count>0</Count><PicList></PicList></SendPicsInfo>"
    assert own(event("pic_weixin", none))["pictures"] == ()


def test_the_parameter_of_a_qr_code_is_found() -> None:
    by_code, by_name = event("subscribe", tags(EventKey="qrscene_7")), event("subscribe")
    assert isinstance(by_code, Subscribe)
    assert isinstance(by_name, Subscribe)
    assert (by_code.scene, by_name.scene) == ("7", "")
    assert event_key(event("CLICK", tags(EventKey="V1001"))) == "V1001"
    assert event_key(event("SCAN", tags(EventKey="7"))) == "7"
    assert event_key(event("LOCATION")) == event_key(message("text", "")) == ""


def test_the_words_of_a_message_are_found() -> None:
    assert text_of(message("text", tags(Content="你好"))) == "你好"
    assert text_of(message("voice", tags(Recognition="在吗"))) == "在吗"
    assert text_of(message("voice", "")) == text_of(message("link", tags(Title="标题"))) == ""
    assert text_of(event("debug_demo", tags(Content="x"))) == ""


NUMBERS = ["", "x", "-", "1.2.3", "NaN", "Infinity", "1e5", "0x10", "１２", "9" * 400, " 1", "²"]


@pytest.mark.parametrize("text", NUMBERS)
def test_what_is_no_number_is_none(text: str) -> None:
    where = own(message("location", tags(Location_X=text, Scale=text)))
    assert (where["location_x"], where["scale"]) == (None, None)
    assert own(event("weapp_audit_success", tags(SuccTime=text)))["at"] is None


values = st.recursive(
    st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["List", "item", "PicList", "TemplateId", "ScanType", "status"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
NAMES = sorted(
    {
        path[0]
        for kind in PUSH_KINDS.values()
        for one in fields(kind)
        for path in one.metadata.get("paths", ())
    }
    | {"ToUserName", "FromUserName", "CreateTime", "MsgId"}
)


@given(
    kind=st.sampled_from([*PUSH_KINDS, "event", ""]) | st.text(max_size=5),
    found=st.dictionaries(st.sampled_from(NAMES), values, max_size=12),
    is_event=st.booleans(),
)
def test_no_fields_can_break_it(kind: str, found: dict[str, Any], is_event: bool) -> None:
    heads = {"MsgType": "event", "Event": kind} if is_event else {"MsgType": kind}
    told = read_message(push.Push(kind, found | heads))
    assert told.kind == kind
    assert isinstance(repr(told), str)
    assert isinstance(text_of(told) + event_key(told) + told.name, str)
    window_of(OFFICIAL_ACCOUNT, told)


# The windows


@pytest.mark.parametrize("kind", sorted(USER_MESSAGES))
@pytest.mark.parametrize("account_kind", [MINI_PROGRAM, OFFICIAL_ACCOUNT])
def test_a_message_of_any_kind_allows_five_within_two_days(account_kind: str, kind: str) -> None:
    assert window_of(account_kind, message(kind, "")) == (172_800, 5)


@pytest.mark.parametrize(
    "kind", ["subscribe", "SCAN", "CLICK", "scancode_push", "scancode_waitmsg"]
)
def test_a_follower_who_acts_may_be_sent_three_within_a_minute(kind: str) -> None:
    assert window_of(OFFICIAL_ACCOUNT, event(kind)) == (60, 3)
    assert window_of(MINI_PROGRAM, event(kind)) is None


def test_who_enters_a_chat_may_be_sent_two_within_a_minute() -> None:
    assert window_of(MINI_PROGRAM, event("user_enter_tempsession")) == (60, 2)


def test_a_choice_of_a_menu_message_counts_as_a_click() -> None:
    chosen = message("text", tags(Content="满意", bizmsgmenuid="101"))
    assert window_of(OFFICIAL_ACCOUNT, chosen) == WINDOWS[OFFICIAL_ACCOUNT, MENU]


@pytest.mark.parametrize("kind", ["VIEW", "unsubscribe", "LOCATION", "pic_weixin", "new_kind"])
def test_other_events_allow_nothing(kind: str) -> None:
    assert window_of(OFFICIAL_ACCOUNT, event(kind)) is None

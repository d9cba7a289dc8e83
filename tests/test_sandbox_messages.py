"""The sandbox carries messages between users and accounts as WeChat does."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from urllib3 import encode_multipart_formdata

from sandbox import WeChat
from sandbox.server.transport import SandboxAdapter
from sandbox.wire import crypto
from sandbox.wire.jpeg import mosaic
from sandbox.world.chats import NOTICE, Allowance, Line
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT

COMPONENT = "wx0123456789abcdef"
TOKEN = "push-token"
KEY = "0123456789012345678901234567890123456789012"
SHOP, READERS = "wx5a0d1e2f3b4c5d60", "wx5a0d1e2f3b4c5d62"
USER = "oSandboxUser0000000000000001"
SEND = "/cgi-bin/message/custom/send"
TYPING = "/cgi-bin/message/custom/typing"
HOUR, DAY = 3600, 86_400
PICTURE = mosaic([[0, 255], [255, 0]])


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Platform:
    """A platform that answers pushes as told, and calls WeChat for its two accounts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wechat = WeChat(clock=self.clock, seed=1, deliver=self.carry)
        self.wechat.register_component(appid=COMPONENT, secret="s", token=TOKEN, aes_key=KEY)
        self.session = requests.Session()
        self.session.mount("https://", SandboxAdapter(self.wechat))
        self.answers: list[Any] = []  # of the next pushes, else "success"
        self.heard: list[str] = []
        self.tokens: dict[str, str] = {}
        for appid, kind in ((SHOP, MINI_PROGRAM), (READERS, OFFICIAL_ACCOUNT)):
            self.wechat.create_account(appid=appid, kind=kind, user_name=f"gh_{appid[-12:]}")
            authorization = self.wechat.grant(appid)
            self.tokens[appid], _ = self.wechat.new_token(authorization)

    def carry(
        self, url: str, params: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        encrypted = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]>", body)
        assert encrypted
        opened = crypto.open_sealed(encrypted[1].decode(), aes_key=KEY, appid=COMPONENT)
        self.heard.append(opened.decode())
        answer = self.answers.pop(0) if self.answers else b"success"
        if isinstance(answer, float):
            self.clock.now += answer
            return 200, b"success"
        return answer if isinstance(answer, tuple) else (200, answer)

    def post(self, path: str, body: dict[str, Any], appid: str = SHOP) -> int:
        answer = self.session.post(
            f"https://api.weixin.qq.com{path}",
            params={"access_token": self.tokens[appid]},
            data=json.dumps(body, ensure_ascii=False).encode(),
            timeout=5,
        )
        return int(answer.json()["errcode"])

    def send(
        self, msgtype: str = "text", content: Any = None, appid: str = SHOP, **more: Any
    ) -> int:
        told = {"content": "hello"} if content is None else content
        body = {"touser": USER, "msgtype": msgtype, msgtype: told} | more
        return self.post(SEND, body, appid)

    def upload(
        self, of_kind: str, content: bytes, kind: str, appid: str = READERS
    ) -> dict[str, Any]:
        body, content_type = encode_multipart_formdata({"media": ("a.bin", content, kind)})
        answer: dict[str, Any] = self.session.post(
            "https://api.weixin.qq.com/cgi-bin/media/upload",
            params={"access_token": self.tokens[appid], "type": of_kind},
            data=body,
            headers={"Content-Type": content_type},
            timeout=5,
        ).json()
        return answer

    def lines(self, appid: str = SHOP) -> list[Line]:
        return self.wechat.transcript(appid, USER)


@pytest.fixture
def platform() -> Platform:
    return Platform()


def sealed(inner: str, *, token: str = TOKEN, key: str = KEY, tail: str = COMPONENT) -> bytes:
    """A passive reply as a platform seals it."""
    encrypted = crypto.seal(inner.encode(), aes_key=key, appid=tail, random16=b"0" * 16)
    signature = crypto.signature(token, "1800000000", "nonce", encrypted)
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        "<TimeStamp>1800000000</TimeStamp><Nonce><![CDATA[nonce]]></Nonce></xml>"
    ).encode()


def reply(appid: str, msgtype: str, rest: str, *, to: str = USER, sender: str = "") -> str:
    return (
        f"<xml><ToUserName><![CDATA[{to}]]></ToUserName>"
        f"<FromUserName><![CDATA[{sender or f'gh_{appid[-12:]}'}]]></FromUserName>"
        f"<CreateTime>1800000000</CreateTime><MsgType><![CDATA[{msgtype}]]></MsgType>{rest}</xml>"
    )


HELLO = reply(READERS, "text", "<Content><![CDATA[你好]]></Content>")


# What users send


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text", "<Content><![CDATA[在吗]]></Content>"),
        ("image", "<PicUrl><![CDATA[http://127.0.0.1:8001/sandbox/media/"),
        ("voice", "<Format><![CDATA[amr]]></Format>"),
        ("video", "<ThumbMediaId>"),
        ("shortvideo", "<MediaId>"),
        ("location", "<Location_X>30.274085</Location_X>"),
        ("link", "<Title><![CDATA[在吗]]></Title>"),
        ("miniprogrampage", "<PagePath>"),
    ],
)
def test_every_kind_of_message_is_pushed(platform: Platform, kind: str, told: str) -> None:
    platform.wechat.say(SHOP, USER, "在吗", kind=kind)
    [inner] = platform.heard
    assert f"<MsgType><![CDATA[{kind}]]></MsgType>" in inner
    assert f"<FromUserName><![CDATA[{USER}]]></FromUserName>" in inner
    assert told in inner
    assert "<MsgId>" in inner
    [line] = platform.lines()
    assert (line.sender, line.way, line.kind) == ("user", "message", kind)


def test_a_voice_is_understood_where_the_account_wants_it(platform: Platform) -> None:
    platform.wechat.accounts[READERS].options["voice_recognize"] = "1"
    platform.wechat.say(READERS, USER, "几点开门", kind="voice")
    assert "<Recognition><![CDATA[几点开门]]></Recognition>" in platform.heard[0]


EVENTS = {
    "user_enter_tempsession": "<SessionFrom>",
    "weapp_audit_success": "<SuccTime>1800000000</SuccTime>",
    "weapp_audit_fail": "<Reason>",
    "weapp_audit_delay": "<DelayTime>",
    "wxa_nickname_audit": "<ret>3</ret>",
    "wxa_category_audit": "<first>1</first>",
    "wxa_privacy_apply": "<result_info><api_name>",
    "wxa_appeal_record": "<appeal_record_id>",
    "user_info_modified": f"<OpenID><![CDATA[{USER}]]></OpenID>",
    "debug_demo": "<debug_str>",
    "subscribe": "<EventKey>",
    "unsubscribe": "<EventKey>",
    "SCAN": "<Ticket>",
    "CLICK": "<EventKey>",
    "VIEW": "<MenuId>",
    "LOCATION": "<Latitude>30.274085</Latitude>",
}


@pytest.mark.parametrize(("event", "told"), EVENTS.items())
def test_every_event_is_pushed(platform: Platform, event: str, told: str) -> None:
    official = event in ("subscribe", "unsubscribe") or event.isupper()
    appid = READERS if official else SHOP
    platform.wechat.happen(appid, USER, event)
    [inner] = platform.heard
    assert f"<Event><![CDATA[{event}]]></Event>" in inner
    assert told in inner
    assert "<MsgId>" not in inner
    assert platform.lines(appid)[0].way == "event"


def test_nobody_is_told_who_was_not_granted_the_set(platform: Platform) -> None:
    platform.wechat.grant(SHOP, [18])
    with pytest.raises(ValueError, match="granted none"):
        platform.wechat.say(SHOP, USER, "hello")
    platform.wechat.happen(SHOP, USER, "weapp_audit_success")
    assert len(platform.heard) == 1


# Customer-service messages and their window


def test_a_mini_program_has_five_answers_and_two_days_after_each_message(
    platform: Platform,
) -> None:
    platform.wechat.say(SHOP, USER, "hello")
    assert [platform.send() for _ in range(6)] == [0] * 5 + [45047]
    platform.wechat.say(SHOP, USER, "again")
    assert platform.send() == 0
    platform.clock.now += 48 * HOUR
    platform.tokens[SHOP], _ = platform.wechat.new_token(
        platform.wechat.component.authorizations[SHOP]
    )
    assert platform.send() == 45015
    sent = [line for line in platform.lines() if line.way == "api"]
    assert [line.text for line in sent] == ["hello"] * 6


def test_a_visit_allows_two_messages_within_a_minute(platform: Platform) -> None:
    platform.wechat.happen(SHOP, USER, "user_enter_tempsession")
    assert [platform.send() for _ in range(3)] == [0, 0, 45047]
    platform.clock.now += 60
    assert platform.send() == 45015


def test_an_official_accounts_count_can_be_set_and_unsubscribing_closes_the_window(
    platform: Platform,
) -> None:
    platform.wechat.chats.allowances[OFFICIAL_ACCOUNT]["message"] = Allowance(1, 48 * HOUR)
    platform.wechat.say(READERS, USER, "hello")
    assert [platform.send(appid=READERS) for _ in range(2)] == [0, 45047]
    platform.wechat.happen(READERS, USER, "CLICK")
    assert [platform.send(appid=READERS) for _ in range(4)] == [0, 0, 0, 45047]
    platform.wechat.happen(READERS, USER, "unsubscribe")
    assert platform.send(appid=READERS) == 45015


def test_only_users_who_wrote_to_this_account_can_be_written_to(platform: Platform) -> None:
    assert platform.send() == 40003
    platform.wechat.say(READERS, USER, "hello")
    assert platform.send() == 40003
    assert platform.send(appid=READERS) == 0


def test_the_permission_set_is_asked_for(platform: Platform) -> None:
    platform.wechat.say(SHOP, USER, "hello")
    platform.wechat.component.authorizations[SHOP].func_ids = [18]
    assert platform.send() == 61007


ARTICLE = {"title": "t", "description": "d", "url": "https://a.example", "picurl": "p"}
MENU = {"head_content": "?", "list": [{"id": "1", "content": "yes"}], "tail_content": "!"}


def contents(platform: Platform, appid: str) -> dict[str, Any]:
    """One good message of every kind, its files uploaded."""
    picture = platform.upload("image", PICTURE, "image/jpeg", appid)["media_id"]
    both = {
        "text": {"content": "hello"},
        "image": {"media_id": picture},
        "miniprogrampage": {
            "title": "t",
            "pagepath": "pages/a",
            "thumb_media_id": picture,
            "appid": SHOP,
        },
    }
    if appid == SHOP:
        link = {"title": "t", "description": "d", "url": "https://a.example", "thumb_url": "u"}
        return both | {"link": link}
    voice = platform.upload("voice", b"#!AMR", "audio/amr")["media_id"]
    video = platform.upload("video", b"mp4", "video/mp4")["media_id"]
    thumb = platform.upload("thumb", PICTURE, "image/jpeg")["thumb_media_id"]
    news = platform.wechat.media.keep(READERS, "news", b"")
    return both | {
        "voice": {"media_id": voice},
        "video": {"media_id": video, "thumb_media_id": thumb, "title": "t"},
        "music": {"musicurl": "u", "hqmusicurl": "u", "thumb_media_id": thumb},
        "news": {"articles": [ARTICLE]},
        "mpnews": {"media_id": news},
        "mpnewsarticle": {"article_id": "a"},
        "msgmenu": MENU,
        "wxcard": {"card_id": "c"},
    }


@pytest.mark.parametrize("appid", [SHOP, READERS])
def test_each_kind_of_account_has_its_kinds_of_messages(platform: Platform, appid: str) -> None:
    platform.wechat.say(appid, USER, "hello")
    allowances = platform.wechat.chats.allowances[platform.wechat.accounts[appid].kind]
    allowances["message"] = Allowance(99, HOUR)
    platform.wechat.say(appid, USER, "hello")
    good = contents(platform, appid)
    for msgtype, content in good.items():
        assert platform.send(msgtype, content, appid) == 0, msgtype
        assert platform.lines(appid)[-1].content == content
    foreign = ("link",) if appid == READERS else ("voice", "msgmenu", "wxcard")
    for msgtype in foreign:
        assert platform.send(msgtype, {}, appid) == 40008


@pytest.mark.parametrize(
    ("msgtype", "content", "errcode"),
    [
        ("text", {"content": "字" * 683}, 45002),
        ("text", {"content": "字" * 682}, 0),
        ("text", {"content": ""}, 44004),
        ("text", "hello", 47001),
        ("image", {}, 41006),
        ("image", {"media_id": "none"}, 40007),
        ("news", {"articles": [ARTICLE] * 2}, 45008),
        ("news", {"articles": []}, 47001),
        ("msgmenu", {"list": [{"content": "yes"}]}, 47001),
        ("poem", {}, 40008),
    ],
)
def test_messages_out_of_order_are_refused(
    platform: Platform, msgtype: str, content: Any, errcode: int
) -> None:
    platform.wechat.say(READERS, USER, "hello")
    assert platform.send(msgtype, content, READERS) == errcode


def test_a_file_is_good_for_its_account_its_kind_and_three_days(platform: Platform) -> None:
    platform.wechat.say(SHOP, USER, "hello")
    platform.wechat.say(READERS, USER, "hello")
    told = platform.upload("image", PICTURE, "image/jpeg", SHOP)
    assert told["created_at"] == platform.clock.now
    picture = {"media_id": told["media_id"]}
    assert platform.send("image", picture, READERS) == 40007
    assert platform.send("image", picture) == 0
    voice = platform.upload("voice", b"#!AMR", "audio/amr")["media_id"]
    assert platform.send("image", {"media_id": voice}, READERS) == 40007
    platform.wechat.token_life = 30 * DAY
    platform.tokens[SHOP], _ = platform.wechat.new_token(
        platform.wechat.component.authorizations[SHOP]
    )
    platform.clock.now += 3 * DAY
    platform.wechat.say(SHOP, USER, "hello")
    assert platform.send("image", picture) == 40007


@pytest.mark.parametrize(
    ("of_kind", "size", "kind", "errcode"),
    [
        ("image", 2 * 1024**2 + 1, "image/png", 40006),
        ("voice", 2 * 1024**2 + 1, "audio/amr", 40006),
        ("thumb", 64 * 1024 + 1, "image/jpeg", 40006),
        ("thumb", 9, "image/png", 40005),
        ("image", 9, "text/plain", 40005),
        ("image", 0, "image/png", 44001),
        ("poem", 9, "image/png", 40004),
    ],
)
def test_files_that_do_not_fit_are_refused(
    platform: Platform, of_kind: str, size: int, kind: str, errcode: int
) -> None:
    assert platform.upload(of_kind, bytes(size), kind)["errcode"] == errcode


def test_a_mini_program_uploads_pictures_only(platform: Platform) -> None:
    assert platform.upload("voice", b"#!AMR", "audio/amr", SHOP)["errcode"] == 40004


def test_an_agent_may_be_named(platform: Platform) -> None:
    platform.wechat.say(READERS, USER, "hello")
    agent = {"kf_account": "chen@readers"}
    assert platform.send(appid=READERS, customservice=agent) == 0
    assert platform.lines(READERS)[-1].kf_account == "chen@readers"
    assert platform.send(appid=READERS, customservice={"kf_account": "chen"}) == 65401


def test_an_official_account_leads_only_to_linked_mini_programs(platform: Platform) -> None:
    foreign = platform.wechat.create_account(principal_name="别的公司")
    platform.wechat.say(READERS, USER, "hello")
    page = contents(platform, READERS)["miniprogrampage"]
    for appid, errcode in ((foreign.appid, 45064), (READERS, 40013), (SHOP, 0)):
        assert platform.send("miniprogrampage", page | {"appid": appid}, READERS) == errcode
        link = f'<a data-miniprogram-appid="{appid}" data-miniprogram-path="a">go</a>'
        assert platform.send("text", {"content": link}, READERS) == errcode


def test_typing_lasts_fifteen_seconds_or_until_the_message(platform: Platform) -> None:
    platform.wechat.say(SHOP, USER, "hello")

    def typing(command: str = "Typing") -> int:
        return platform.post(TYPING, {"touser": USER, "command": command})

    assert [typing("Sing"), typing(), typing()] == [45072, 0, 45081]
    assert [typing("CancelTyping"), typing()] == [0, 0]
    platform.clock.now += 15
    assert typing() == 0
    assert [platform.send(), typing()] == [0, 0]
    platform.clock.now += 31
    assert typing() == 45080


# Passive replies


@pytest.mark.parametrize("nothing", [b"success", b""])
def test_an_answer_that_says_nothing_stands_in_no_chat(platform: Platform, nothing: bytes) -> None:
    platform.answers = [nothing]
    platform.wechat.say(READERS, USER, "hello")
    assert [line.sender for line in platform.lines(READERS)] == ["user"]


def test_a_passive_reply_is_opened_and_shown_once(platform: Platform) -> None:
    platform.answers = [sealed(HELLO)] * 2
    push = platform.wechat.say(READERS, USER, "hello")
    platform.wechat.deliver(push)
    [_, line] = platform.lines(READERS)
    assert (line.sender, line.way, line.kind, line.text) == ("account", "reply", "text", "你好")


def test_every_kind_of_passive_reply_is_read(platform: Platform) -> None:
    picture = platform.upload("image", PICTURE, "image/jpeg")["media_id"]
    item = "<item><Title>t</Title><Description>d</Description><PicUrl>p</PicUrl><Url>u</Url></item>"
    article = {"title": "t", "description": "d", "picurl": "p", "url": "u"}
    transfer = "<TransInfo><KfAccount><![CDATA[chen@readers]]></KfAccount></TransInfo>"
    for msgtype, rest, content in [
        ("image", f"<Image><MediaId>{picture}</MediaId></Image>", {"media_id": picture}),
        (
            "music",
            f"<Music><Title>t</Title><ThumbMediaId>{picture}</ThumbMediaId></Music>",
            {"title": "t", "thumb_media_id": picture},
        ),
        (
            "news",
            f"<ArticleCount>1</ArticleCount><Articles>{item}</Articles>",
            {"articles": [article]},
        ),
        ("transfer_customer_service", transfer, {"kf_account": "chen@readers"}),
        ("transfer_customer_service", "", {"kf_account": ""}),
    ]:
        platform.answers = [sealed(reply(READERS, msgtype, rest))]
        platform.wechat.say(READERS, USER, "hello")
        line = platform.lines(READERS)[-1]
        assert (line.way, line.kind, line.content) == ("reply", msgtype, content)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (sealed(HELLO, token="other"), "MsgSignature does not fit"),
        (sealed(HELLO, tail=READERS), "cannot be decrypted: length or appid does not fit"),
        (sealed(HELLO, key="a" * 43), "cannot be decrypted"),
        (sealed(reply(READERS, "text", "", to="oOther")), "ToUserName is oOther"),
        (sealed(reply(READERS, "text", "", sender="gh_0")), "FromUserName is gh_0"),
        (sealed(reply(READERS, "text", "")), "44004"),
        (sealed(reply(READERS, "text", f"<Content>{'a' * 2049}</Content>")), "45002"),
        (sealed(reply(READERS, "image", "<Image><MediaId>m</MediaId></Image>")), "40007"),
        (sealed(reply(READERS, "poem", "")), "no reply of the type poem"),
        (sealed(reply(READERS, "news", "<ArticleCount>1</ArticleCount>")), "ArticleCount"),
        (sealed("<xml>"), "is not XML"),
        (b"<xml><Encrypt>a</Encrypt></xml>", "MsgSignature is missing"),
    ],
)
def test_a_wrong_reply_shows_the_notice_of_a_failing_service(
    platform: Platform, answer: bytes, problem: str
) -> None:
    platform.answers = [answer]
    platform.wechat.say(READERS, USER, "hello")
    [_, line] = platform.lines(READERS)
    assert (line.sender, line.way, line.text) == ("wechat", "notice", NOTICE)
    assert problem in line.problem


def test_a_mini_program_may_only_hand_over_to_customer_service(platform: Platform) -> None:
    transfer = sealed(reply(SHOP, "transfer_customer_service", ""))
    text = sealed(reply(SHOP, "text", "<Content>hello</Content>"))
    platform.answers = [transfer, text]
    for _ in platform.answers.copy():
        platform.wechat.say(SHOP, USER, "hello")
    [_, handed_over, _, refused] = platform.lines()
    assert (handed_over.way, handed_over.kind) == ("reply", "transfer_customer_service")
    assert (refused.way, refused.text) == ("notice", "")
    assert "cannot reply with text" in refused.problem


# Deliveries


def test_a_late_answer_is_cut_off_and_the_message_comes_again(platform: Platform) -> None:
    platform.answers = [5.1, sealed(HELLO)]
    platform.wechat.say(READERS, USER, "hello")
    assert [(one.attempt, one.status) for one in platform.wechat.deliveries] == [(1, 0), (2, 200)]
    assert [line.text for line in platform.lines(READERS)] == ["hello", "你好"]


@pytest.mark.parametrize(
    ("answer", "told"), [(5.1, "0 TimeoutError"), ((500, b"oops"), "500 oops"), (b"{}", "200 {}")]
)
def test_after_three_failures_the_user_is_told_once(
    platform: Platform, answer: Any, told: str
) -> None:
    platform.answers = [answer] * 3
    platform.wechat.say(READERS, USER, "hello")
    assert len(platform.heard) == 3
    [_, notice] = platform.lines(READERS)
    assert (notice.text, notice.problem) == (NOTICE, told)


def test_the_patience_can_be_set(platform: Platform) -> None:
    platform.wechat.post.timeout = 6
    platform.answers = [5.1]
    platform.wechat.say(READERS, USER, "hello")
    assert len(platform.heard) == 1


def test_many_failures_mute_everything_for_a_minute(platform: Platform) -> None:
    post = platform.wechat.post
    post.mute_after = 5
    platform.answers = [(500, b"")] * 5
    platform.wechat.say(READERS, USER, "one")
    platform.wechat.say(READERS, USER, "two")
    assert (post.is_muted, post.dropped, len(platform.heard)) == (True, 1, 5)
    platform.wechat.push_ticket()
    assert (post.dropped, len(platform.heard)) == (2, 5)
    platform.clock.now += 60
    platform.wechat.say(READERS, USER, "three")
    assert (post.is_muted, len(platform.heard)) == (False, 6)


def test_failures_long_ago_mute_nobody(platform: Platform) -> None:
    platform.wechat.post.mute_after = 4
    for _ in range(2):
        platform.answers = [(500, b"")] * 3
        platform.wechat.say(READERS, USER, "hello")
        platform.clock.now += 301
    assert not platform.wechat.post.is_muted

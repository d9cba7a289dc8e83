"""Contents are parsed strictly, and go out as WeChat wants them: as XML, as JSON, as a form."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.programs import Shop, open_shop, refused_with
from tests.sockets import Answer, Server, is_silent, ok, says, says_and_leaves, serving
from wechat import custom_message, http, media, push, replies
from wechat.custom_message import send_custom
from wechat.errors import BadAnswer, CountUsed, NotSent, Refused, Unreachable, WindowClosed
from wechat.http import File
from wechat.passive_reply import passive_xml
from wechat.replies import (
    CONTENTS,
    CUSTOM,
    PASSIVE,
    BadContent,
    Content,
    Image,
    MiniProgramPage,
    Text,
    Transfer,
    as_data,
    can_be_custom,
    can_be_passive,
    check_custom,
    check_passive,
    parse_content,
)
from wechat.reply_windows import MINI_PROGRAM, OFFICIAL_ACCOUNT

TOKEN = "49_" + "s" * 60
OPENID = "otFpruAK8D-E6EfStSYonYSBZ8_4"
URL = "https://shop.example/a?b=1&c=甲"

# Everything a kind may have, in the order WeChat's page shows it.
WHOLE: dict[str, dict[str, Any]] = {
    "text": {"content": "你好，<b>世界</b>"},
    "image": {"media_id": "m1"},
    "voice": {"media_id": "m2"},
    "video": {"media_id": "m3", "thumb_media_id": "m4", "title": "片名", "description": "一部片"},
    "music": {
        "title": "歌名",
        "description": "一首歌",
        "musicurl": URL,
        "hqmusicurl": URL,
        "thumb_media_id": "m5",
    },
    "news": {
        "articles": [{"title": "标题", "description": "描述", "url": URL, "picurl": URL}],
    },
    "mpnews": {"media_id": "m6"},
    "mpnewsarticle": {"article_id": "a1"},
    "msgmenu": {
        "head_content": "您对本次服务是否满意呢? ",
        "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}],
        "tail_content": "欢迎再次光临",
    },
    "wxcard": {"card_id": "c1"},
    "link": {"title": "标题", "description": "描述", "url": URL, "thumb_url": URL},
    "miniprogrampage": {
        "title": "标题",
        "appid": "wx1",
        "pagepath": "pages/index/index?foo=bar",
        "thumb_media_id": "m7",
    },
    "transfer_customer_service": {"kf_account": "a@shop"},
}


def whole(msgtype: str) -> Content:
    return parse_content({"msgtype": msgtype, msgtype: WHOLE[msgtype]})


def problem(data: Any) -> str:
    with pytest.raises(BadContent) as caught:
        parse_content(data)
    assert caught.value.sentence % caught.value.params == str(caught.value)
    return str(caught.value)


# In and out


@pytest.mark.parametrize("msgtype", CONTENTS)
def test_a_content_comes_out_as_it_went_in(msgtype: str) -> None:
    data = {"msgtype": msgtype, msgtype: WHOLE[msgtype]}
    content = parse_content(data)
    assert type(content) is CONTENTS[msgtype]
    assert as_data(content) == data
    assert list(as_data(content)[msgtype]) == list(WHOLE[msgtype])
    assert parse_content(as_data(content)) == content
    assert parse_content(json.loads(json.dumps(data))) == content


@pytest.mark.parametrize("msgtype", CONTENTS)
def test_what_is_said_is_in_no_repr(msgtype: str) -> None:
    assert repr(whole(msgtype)) == f"{CONTENTS[msgtype].__name__}()"


OPTIONAL = {
    "video": ["title", "description"],
    "music": ["title", "description"],
    "msgmenu": ["head_content", "tail_content"],
    "miniprogrampage": ["appid"],
    "transfer_customer_service": ["kf_account"],
}


@pytest.mark.parametrize(
    ("msgtype", "member"), [(kind, name) for kind, names in WHOLE.items() for name in names]
)
def test_a_member_that_must_be_there_is_missed(msgtype: str, member: str) -> None:
    for empty in ({}, {member: ""}, {member: None}):
        members = {name: value for name, value in WHOLE[msgtype].items() if name != member}
        data = {"msgtype": msgtype, msgtype: members | empty}
        if member in OPTIONAL.get(msgtype, ()):
            assert member not in as_data(parse_content(data))[msgtype]
        elif empty == {member: ""} and member in ("articles", "list"):
            assert problem(data) == f"{msgtype}.{member} must be a list."
        else:
            assert problem(data) == f"{msgtype}.{member} is missing."


def test_a_transfer_needs_no_members_at_all() -> None:
    assert parse_content({"msgtype": "transfer_customer_service"}) == Transfer()


def text(content: object) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": content}}


def article(**members: object) -> dict[str, Any]:
    return {"msgtype": "news", "news": {"articles": [WHOLE["news"]["articles"][0] | members]}}


def menu(*choices: object) -> dict[str, Any]:
    return {"msgtype": "msgmenu", "msgmenu": {"list": list(choices)}}


URL_WANTED = "must be an address that begins with http:// or https://."
PROBLEMS: list[tuple[Any, str]] = [
    (None, "reply must be an object."),
    ([text("a")], "reply must be an object."),
    ("text", "reply must be an object."),
    ({}, "There is no message of the kind “”."),
    ({"msgtype": None}, "There is no message of the kind “”."),
    ({"msgtype": ["text"]}, "There is no message of the kind “”."),
    ({"msgtype": "Text", "Text": {}}, "There is no message of the kind “Text”."),
    ({"msgtype": "\0" + "x" * 99}, f"There is no message of the kind “{'x' * 40}”."),
    ({"msgtype": "text"}, "text.content is missing."),
    ({"msgtype": "text", "text": "a"}, "text must be an object."),
    ({"msgtype": "text", "text": None}, "text must be an object."),
    (text("a") | {"touser": OPENID}, "touser has no place here."),
    ({"msgtype": "text", "text": {"content": "a", "x": 1}}, "text.x has no place here."),
    (text(7), "text.content must be a text."),
    (text(True), "text.content must be a text."),
    (text(["a"]), "text.content must be a text."),
    (text(" \n\t"), "text.content is missing."),
    (text("a" * 2049), "text.content is too long: it may have 2048 bytes."),
    (text("好" * 683), "text.content is too long: it may have 2048 bytes."),
    (text("a\0"), "text.content holds a character that cannot be sent."),
    (text("a\x0b"), "text.content holds a character that cannot be sent."),
    (text("a\ud83d"), "text.content holds a character that cannot be sent."),
    (text("a\ufffe"), "text.content holds a character that cannot be sent."),
    ({"msgtype": "news", "news": {"articles": {}}}, "news.articles must be a list."),
    ({"msgtype": "news", "news": {"articles": []}}, "news.articles is missing."),
    ({"msgtype": "news", "news": {"articles": ["a"]}}, "news.articles.1 must be an object."),
    (
        {"msgtype": "news", "news": {"articles": WHOLE["news"]["articles"] * 2}},
        "news.articles is too long: it may have 1 entries.",
    ),
    (article(title=""), "news.articles.1.title is missing."),
    (article(extra=""), "news.articles.1.extra has no place here."),
    (menu({"id": "1", "content": "a"}, {"id": "2"}), "msgmenu.list.2.content is missing."),
    (menu({"id": 1, "content": "a"}), "msgmenu.list.1.id must be a text."),
    (
        menu(*[{"id": "1", "content": "a"}] * 21),
        "msgmenu.list is too long: it may have 20 entries.",
    ),
    *(
        (article(url=bad), f"news.articles.1.url {URL_WANTED}")
        for bad in (
            "shop.example",
            "//shop.example/",
            "javascript:alert(1)",
            "ftp://shop.example/",
            "http://",
            "https:///a",
            "http://[::1",
            "https://shop.example/a b",
            "https://shop.example/\n",
        )
    ),
]


@pytest.mark.parametrize(("data", "sentence"), PROBLEMS)
def test_what_is_wrong_is_named(data: Any, sentence: str) -> None:
    assert problem(data) == sentence


def test_a_text_may_have_2048_bytes() -> None:
    for longest in ("a" * 2048, "好" * 682 + "ab"):
        assert parse_content(text(longest)) == Text(longest)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@given(
    msgtype=st.sampled_from([*CONTENTS, "x"]),
    members=junk | st.dictionaries(st.sampled_from(sorted({*WHOLE["music"], "list"})), junk),
    more=st.dictionaries(st.text(max_size=9), junk, max_size=1),
)
def test_garbage_is_only_ever_bad_content(msgtype: str, members: Any, more: dict[str, Any]) -> None:
    data = {"msgtype": msgtype, msgtype: members} | more
    try:
        content = parse_content(data)
    except BadContent:
        return
    assert parse_content(as_data(content)) == content


# Who may be sent what


def test_an_official_account_may_send_all_but_links() -> None:
    assert set(CONTENTS) - CUSTOM[OFFICIAL_ACCOUNT] == {"link", "transfer_customer_service"}


def test_a_mini_program_may_send_four_kinds() -> None:
    assert CUSTOM[MINI_PROGRAM] == {"text", "image", "link", "miniprogrampage"}


def test_a_mini_program_can_only_transfer_at_once() -> None:
    assert PASSIVE[MINI_PROGRAM] == {"transfer_customer_service"}
    kinds = {"text", "image", "voice", "video", "music", "news", "transfer_customer_service"}
    assert PASSIVE[OFFICIAL_ACCOUNT] == kinds


@pytest.mark.parametrize("account_kind", [MINI_PROGRAM, OFFICIAL_ACCOUNT])
@pytest.mark.parametrize("msgtype", CONTENTS)
def test_what_an_account_may_not_is_said(account_kind: str, msgtype: str) -> None:
    content = whole(msgtype)
    for check, can in ((check_custom, can_be_custom), (check_passive, can_be_passive)):
        if can(content, account_kind):
            check(content, account_kind)
            continue
        with pytest.raises(BadContent, match=f"of the kind “{msgtype}”"):
            check(content, account_kind)


def test_an_official_account_names_the_mini_program() -> None:
    page = MiniProgramPage(title="a", pagepath="p", thumb_media_id="m")
    check_custom(page, MINI_PROGRAM)
    with pytest.raises(BadContent, match=r"miniprogrampage\.appid is missing"):
        check_custom(page, OFFICIAL_ACCOUNT)


# The passive reply

BODIES = {
    "text": "<Content><![CDATA[你好，<b>世界</b>]]></Content>",
    "image": "<Image><MediaId><![CDATA[m1]]></MediaId></Image>",
    "voice": "<Voice><MediaId><![CDATA[m2]]></MediaId></Voice>",
    "video": "<Video><MediaId><![CDATA[m3]]></MediaId><Title><![CDATA[片名]]></Title>"
    "<Description><![CDATA[一部片]]></Description></Video>",
    "music": "<Music><Title><![CDATA[歌名]]></Title><Description><![CDATA[一首歌]]></Description>"
    f"<MusicUrl><![CDATA[{URL}]]></MusicUrl><HQMusicUrl><![CDATA[{URL}]]></HQMusicUrl>"
    "<ThumbMediaId><![CDATA[m5]]></ThumbMediaId></Music>",
    "news": "<ArticleCount>1</ArticleCount><Articles><item><Title><![CDATA[标题]]></Title>"
    f"<Description><![CDATA[描述]]></Description><PicUrl><![CDATA[{URL}]]></PicUrl>"
    f"<Url><![CDATA[{URL}]]></Url></item></Articles>",
    "transfer_customer_service": "<TransInfo><KfAccount><![CDATA[a@shop]]></KfAccount></TransInfo>",
}


@pytest.mark.parametrize("msgtype", CONTENTS)
def test_a_passive_reply_is_the_xml_wechat_shows(msgtype: str) -> None:
    content = whole(msgtype)
    if msgtype not in BODIES:
        with pytest.raises(BadContent, match="cannot be this account's direct answer"):
            passive_xml(content, "oUser", "gh_1", 1_500_000_000)
        return
    assert passive_xml(content, "oUser", "gh_1", 1_500_000_000) == (
        "<xml><ToUserName><![CDATA[oUser]]></ToUserName>"
        "<FromUserName><![CDATA[gh_1]]></FromUserName><CreateTime>1500000000</CreateTime>"
        f"<MsgType><![CDATA[{msgtype}]]></MsgType>{BODIES[msgtype]}</xml>"
    )


def test_a_transfer_to_anybody_has_no_info() -> None:
    assert "TransInfo" not in passive_xml(Transfer(), "oUser", "gh_1", 1)


@given(st.text() | st.text(alphabet="]>[<!CDAT&;\r\n\0\x0b\ufffe\ud800x"))
def test_any_text_can_be_read_again(said: str) -> None:
    xml = passive_xml(Text(said), "oUser", "gh_1", 1)
    lines = said.replace("\r\n", "\n").replace("\r", "\n")
    told = push.read_push(xml.encode())
    assert told.get("Content") == replies.UNSENDABLE_CHARACTERS.sub("", lines)
    assert (told.kind, told.get("ToUserName"), told.created) == ("text", "oUser", 1)


def test_the_end_of_a_section_is_kept() -> None:
    for said in ("]]>", "]]]>", "a]]>]]>b", "]]&gt;", "<![CDATA[x]]>"):
        xml = passive_xml(Text(said), "oUser", "gh_1", 1)
        assert push.read_push(xml.encode()).get("Content") == said


def test_nothing_can_be_smuggled_beside_the_reply() -> None:
    said = "]]></Content><MsgType>image</MsgType><Content><![CDATA["
    told = push.read_push(passive_xml(Text(said), "o]]><x/>", "gh_1", 1).encode())
    assert (told.get("MsgType"), told.get("Content")) == ("text", said)
    assert told.get("ToUserName") == "o]]><x/>"


# The customer-service message


@contextmanager
def pointed_at(answer: Answer) -> Iterator[Server]:
    """Our client asks a server on loopback that does as ANSWER says."""
    with serving(answer) as server:
        http.configure(api_url=server.url)
        try:
            yield server
        finally:
            http.configure(api_url="https://wechat.test")


def sent(
    action: Callable[[], object], answer: bytes = b'{"errcode":0,"errmsg":"ok"}'
) -> tuple[str, bytes]:
    """The request line and the body of the one request that ACTION makes."""
    with pointed_at(says(ok(answer))) as server:
        action()
    [(_, request)] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), body


@pytest.mark.parametrize("msgtype", sorted(CUSTOM[MINI_PROGRAM] | CUSTOM[OFFICIAL_ACCOUNT]))
def test_a_message_is_the_json_wechat_shows(msgtype: str) -> None:
    line, body = sent(lambda: send_custom(TOKEN, OPENID, whole(msgtype)))
    assert line == f"POST /cgi-bin/message/custom/send?access_token={TOKEN} HTTP/1.1"
    shown = {"touser": OPENID, "msgtype": msgtype, msgtype: WHOLE[msgtype]}
    assert body == json.dumps(shown, ensure_ascii=False).encode()


def test_a_message_can_come_from_an_agent() -> None:
    _, body = sent(lambda: send_custom(TOKEN, OPENID, Text("a"), kf_account="a@shop"))
    assert body == (
        b'{"touser": "otFpruAK8D-E6EfStSYonYSBZ8_4", "msgtype": "text", '
        b'"text": {"content": "a"}, "customservice": {"kf_account": "a@shop"}}'
    )


@pytest.mark.parametrize(("on", "command"), [(True, b"Typing"), (False, b"CancelTyping")])
def test_typing_is_shown_and_hidden(on: bool, command: bytes) -> None:
    line, body = sent(lambda: custom_message.send_typing(TOKEN, OPENID, on=on))
    assert line == f"POST /cgi-bin/message/custom/typing?access_token={TOKEN} HTTP/1.1"
    assert body == b'{"touser": "otFpruAK8D-E6EfStSYonYSBZ8_4", "command": "%s"}' % command


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [(45015, WindowClosed), (45047, CountUsed), (40003, Refused), (45080, Refused)],
)
def test_a_refusal_says_what_to_do_about_it(errcode: int, kind: type[Refused]) -> None:
    answer = json.dumps({"errcode": errcode, "errmsg": "no rid: 5f-1-2"}).encode()
    for action in (
        lambda: send_custom(TOKEN, OPENID, Text("a")),
        lambda: custom_message.send_typing(TOKEN, OPENID, on=True),
    ):
        with pytest.raises(Refused) as caught:
            sent(action, answer)
        assert type(caught.value) is kind
        assert (caught.value.errcode, caught.value.rid) == (errcode, "5f-1-2")


ANSWERS = {
    "busy": (says(ok(b'{"errcode": -1}')), Refused),
    "HTML": (says(ok(b"<html>")), BadAnswer),
    "502": (says(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), Unreachable),
    "a broken answer": (
        says_and_leaves(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        Unreachable,
    ),
    "silence": (is_silent, Unreachable),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_message_is_never_said_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.2)
    answer, error = ANSWERS[name]
    with pointed_at(answer) as server, pytest.raises(error) as caught:
        send_custom(TOKEN, OPENID, Text("秘密"))
    assert len(server.requests) == 1
    assert not isinstance(caught.value, NotSent)
    assert TOKEN not in repr(caught.value) + str(caught.value)
    assert "秘密" not in repr(caught.value) + str(caught.value)


# At the stand-in


def test_five_messages_answer_one_and_then_no_more() -> None:
    shop = open_shop()
    shop.wechat.say(shop.appid, OPENID, "在吗")
    for number in range(5):
        send_custom(shop.token, OPENID, Text(f"第 {number} 条"))
    with pytest.raises(CountUsed):
        send_custom(shop.token, OPENID, Text("第六条"))
    shop.wechat.say(shop.appid, OPENID, "还在吗")
    send_custom(shop.token, OPENID, Text("在"))
    shop.clock.now += 48 * 3600 + 1
    with pytest.raises(WindowClosed):
        send_custom(renewed(shop), OPENID, Text("太晚了"))
    heard = [line.text for line in shop.wechat.transcript(shop.appid, OPENID)]
    assert heard == ["在吗", *(f"第 {number} 条" for number in range(5)), "还在吗", "在"]


def test_typing_shows_once_and_soon_after_a_message() -> None:
    shop = open_shop()
    refused_with(40003, custom_message.send_typing, shop.token, OPENID, on=True)
    shop.wechat.say(shop.appid, OPENID, "在吗")
    custom_message.send_typing(shop.token, OPENID, on=True)
    refused_with(45081, custom_message.send_typing, shop.token, OPENID, on=True)
    custom_message.send_typing(shop.token, OPENID, on=False)
    shop.clock.now += 31
    refused_with(45080, custom_message.send_typing, shop.token, OPENID, on=True)


def test_a_picture_is_uploaded_sent_and_fetched() -> None:
    shop = open_shop()
    shop.wechat.say(shop.appid, OPENID, "有图吗")
    picture = File("image/png", b"\x89PNG" + b"p" * 99)
    media_id = media.upload_media(shop.token, media.IMAGE, picture)
    send_custom(shop.token, OPENID, Image(media_id))
    assert media.get_media(shop.token, media_id) == picture
    refused_with(40007, send_custom, shop.token, OPENID, Image("m0"))
    large = File("image/png", b"p" * (media.LIMITS[media.IMAGE][1] + 1))
    refused_with(40006, media.upload_media, shop.token, media.IMAGE, large)
    refused_with(40004, media.upload_media, shop.token, "film", picture)


def renewed(shop: Shop) -> str:
    """The token the account has by now: the one before has run out."""
    token, _ = shop.wechat.new_token(shop.wechat.component.authorizations[shop.appid])
    return token


# Files


@pytest.mark.parametrize(
    ("kind", "file", "name"),
    [
        (media.IMAGE, File("image/png", b"p" * 99), b"file.png"),
        (media.VOICE, File("audio/amr", b"a" * 99), b"file.amr"),
        (media.VOICE, File("audio/mpeg", b"a" * 99), b"file.mp3"),
        (media.VIDEO, File("video/mp4", b"v" * 99), b"file.mp4"),
        (media.THUMB, File("image/jpeg", b"j" * 99), b"file.jpg"),
    ],
)
def test_a_file_is_uploaded_as_a_form(kind: str, file: File, name: bytes) -> None:
    got = []
    answer = b'{"type": "%s", "media_id": "m1", "created_at": 1672500000}' % kind.encode()
    line, body = sent(lambda: got.append(media.upload_media(TOKEN, kind, file)), answer)
    assert got == ["m1"]
    path = f"/cgi-bin/media/upload?access_token={TOKEN}&type={kind}"
    assert line == f"POST {path} HTTP/1.1"
    assert b'Content-Disposition: form-data; name="media"; filename="%s"' % name in body
    assert b"Content-Type: %s\r\n\r\n%s" % (file.kind.encode(), file.content) in body
    assert file.kind in media.LIMITS[kind][0]


def test_a_thumbnail_may_be_answered_by_a_name_of_its_own() -> None:
    got = []
    file = File("image/jpeg", b"j")
    answer = b'{"type": "thumb", "thumb_media_id": "m2", "created_at": 1672500000}'
    sent(lambda: got.append(media.upload_media(TOKEN, media.THUMB, file)), answer)
    assert got == ["m2"]


@pytest.mark.parametrize("answer", [b"{}", b'{"media_id": ""}', b'{"media_id": 7}'])
def test_an_upload_without_an_id_is_no_answer(answer: bytes) -> None:
    with pytest.raises(BadAnswer):
        sent(lambda: media.upload_media(TOKEN, media.IMAGE, File("image/png", b"p")), answer)


def test_a_voice_message_comes_as_its_bytes() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/amr\r\nContent-Length: 6\r\n\r\n#!AMR\n"
    with pointed_at(says(head)):
        assert media.get_voice(TOKEN, "m1") == File("audio/amr", b"#!AMR\n")
        with pytest.raises(BadAnswer):
            media.get_media(TOKEN, "m1")


def test_every_member_of_every_content_is_tried_here() -> None:
    for msgtype, kind in CONTENTS.items():
        assert {one.name for one in fields(kind)} == set(WHOLE[msgtype])  # type: ignore[arg-type]
    assert Image("m1") == whole("image")

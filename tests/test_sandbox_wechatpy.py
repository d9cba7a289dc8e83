"""
The sandbox tried by a client that others wrote: wechatpy's component and account clients, with
calls as anybody would make them.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from wechatpy.client import WeChatComponentClient
from wechatpy.component import WeChatComponent
from wechatpy.exceptions import APILimitedException, WeChatClientException

from sandbox import WeChat
from sandbox.server import http
from sandbox.server.transport import SandboxAdapter
from sandbox.world.parties import Account
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN

USER = "oSandboxUser0000000000000007"
JPEG = b"\xff\xd8"


@pytest.fixture
def wechat() -> WeChat:
    wechat = WeChat(deliver=None, seed=7)
    wechat.register_component(
        appid=APPID,
        secret=SECRET,
        token=TOKEN,
        aes_key=AES_KEY,
        func_ids=[1, 2, 3, 4, 6, 7, 11, 15, 17, 18, 19, 30, 88, 89],
    )
    return wechat


@pytest.fixture
def component(wechat: WeChat) -> WeChatComponent:
    """wechatpy's component, which has read its ticket from a push."""
    component = WeChatComponent(APPID, SECRET, TOKEN, AES_KEY)
    component._http.mount("https://", SandboxAdapter(wechat))
    wechat.push_ticket()
    parse_pushes(component, wechat)
    return component


def parse_pushes(component: WeChatComponent, wechat: WeChat) -> list[Any]:
    """What waits to be pushed to the platform, as wechatpy reads it; the sandbox sees `success`."""
    parsed = []

    def read(_url: str, params: Any, body: bytes, _headers: Any) -> tuple[int, bytes]:
        parsed.append(
            component.parse_message(
                body, params["msg_signature"], params["timestamp"], params["nonce"]
            )
        )
        return 200, b"success"

    wechat.deliver_all(read)
    return parsed


def client_of(component: WeChatComponent, wechat: WeChat, account: Account) -> Any:
    """wechatpy's client of ACCOUNT, which authorises the platform as people do."""
    opened = component.create_preauthcode()["pre_auth_code"]
    wechat.authorize(opened, account.appid)
    parse_pushes(component, wechat)
    client = component.get_client_by_appid(account.appid)
    client._http.mount("https://", SandboxAdapter(wechat))
    return client


@pytest.fixture
def program(wechat: WeChat) -> Account:
    return wechat.create_account(kind=MINI_PROGRAM, nick_name="山茶书店")


@pytest.fixture
def mini(component: WeChatComponent, wechat: WeChat, program: Account) -> Any:
    """The client of a mini program that is online."""
    client = client_of(component, wechat, program)
    draft = wechat.upload_draft()
    template = wechat.component.library.keep(draft.draft_id, 0, 0)
    client.wxa.commit(template.template_id, "{}", "1.0.0", "x")
    category = client.wxa.get_category()[0]
    page = client.wxa.get_page()[0]
    item = {"address": page, "tag": "书", "title": "首页"} | category
    client.wxa.submit_audit({"item_list": [item]})
    wechat.judge(program.appid, "pass")
    client.wxa.release()
    wechat.outbox.clear()
    return client


@pytest.fixture
def official(component: WeChatComponent, wechat: WeChat) -> Any:
    account = wechat.create_account(kind=OFFICIAL_ACCOUNT, service_type=2)
    client = client_of(component, wechat, account)
    wechat.happen(account.appid, USER, "subscribe")
    wechat.outbox.clear()
    return client


def refused(errcode: int) -> Any:
    return pytest.raises(WeChatClientException, match=rf"Error code: {errcode}\b")


def test_tickets_tokens_and_authorisations(
    component: WeChatComponent, wechat: WeChat, program: Account
) -> None:
    client = client_of(component, wechat, program)
    info = component.get_authorizer_info(program.appid)
    assert info["authorizer_info"]["nick_name"] == "山茶书店"
    assert component.get_authorizer_list()["total_count"] == 1
    component.set_authorizer_option(program.appid, "voice_recognize", "1")
    option = component.get_authorizer_option(program.appid, "voice_recognize")
    assert option["option_value"] == "1"
    before = client.access_token
    client.fetch_access_token()
    assert client.access_token != before
    wechat.cancel(program.appid)
    [message] = parse_pushes(component, wechat)
    assert (message.type, message.authorizer_appid) == ("unauthorized", program.appid)
    with refused(61003):
        client.wxa.get_category()


def test_a_dead_token_is_replaced_by_the_client(mini: Any, wechat: WeChat) -> None:
    wechat.fault("/wxa/get_category", errcode=42001)
    assert mini.wxa.get_category()
    assert wechat.count("/wxa/get_category") == 3


def test_testers_domains_and_files(mini: Any) -> None:
    assert mini.wxa.bind_tester("reader")["userstr"]
    mini.wxa.unbind_tester("reader")
    assert mini.wxa.modify_domain("get")["requestdomain"] == []
    uploaded = mini.media.upload("image", ("a.png", io.BytesIO(b"\x89PNG"), "image/png"))
    assert mini.media.download(uploaded["media_id"]).content == b"\x89PNG"


def test_codes(mini: Any) -> None:
    page = "pages/goods/detail"
    for picture in (
        mini.wxa.get_wxa_code(f"{page}?id=7"),
        mini.wxa.create_qrcode(f"{page}?id=7"),
        mini.wxa.get_wxa_code_unlimited("id=7", page=page),
    ):
        assert picture.content.startswith(JPEG)
    with refused(40169):
        mini.wxa.get_wxa_code_unlimited("中文")
    with refused(41030):
        mini.wxa.get_wxa_code_unlimited("id=7", page="pages/none")


def test_content_is_checked(mini: Any, wechat: WeChat) -> None:
    assert mini.wxa.check_text_security("一杯茶")["errcode"] == 0
    with refused(87014):
        mini.wxa.check_text_security("赌博")
    assert mini.wxa.check_image_security(("a.png", b"\x89PNG", "image/png"))["errcode"] == 0
    trace_id = mini.wxa.check_media_async("https://shop.example.com/risky.png", 2)["trace_id"]
    assert [push.kind for push in wechat.outbox] == ["wxa_media_check"]
    assert trace_id in wechat.outbox[0].inner


def test_a_subscribe_message_is_sent_once_for_each_consent(
    mini: Any, wechat: WeChat, program: Account
) -> None:
    template_id = add_template(wechat, program)
    wechat.subscriptions.answer(program.appid, USER, {template_id: "accept"})
    data = {"thing2": {"value": "山茶花茶"}, "amount3": {"value": "￥68.00"}}
    assert mini.wxa.send_subscribe_message(USER, template_id, data, "pages/order/list")["msgid"]
    with refused(43101):
        mini.wxa.send_subscribe_message(USER, template_id, data)
    with refused(40037):
        mini.wxa.send_subscribe_message(USER, "none", data)
    kinds = [push.kind for push in wechat.outbox]
    assert kinds == ["subscribe_msg_popup_event", "subscribe_msg_sent_event"]


def add_template(wechat: WeChat, program: Account) -> str:
    subscriptions = wechat.subscriptions
    return subscriptions.add(program, subscriptions.titles(program)[0].tid, [2, 3], "订单")


def test_a_menu(official: Any) -> None:
    assert official.menu.get() is None  # wechatpy's word for 46003
    button = {"type": "click", "name": "今日歌曲", "key": "MUSIC"}
    official.menu.create({"button": [button]})
    assert official.menu.get()["menu"]["button"] == [button | {"sub_button": []}]
    assert official.menu.get_menu_info()["is_menu_open"] == 1
    with refused(40016):
        official.menu.create({"button": [button] * 4})
    with refused(40018):
        official.menu.create({"button": [button | {"name": "名" * 20}]})
    official.menu.delete()
    assert official.menu.get() is None


def test_followers(official: Any, wechat: WeChat) -> None:
    assert list(official.user.iter_followers()) == [USER]
    official.user.update_remark(USER, "常客")
    assert official.user.get(USER)["remark"] == "常客"
    assert [user["openid"] for user in official.user.get_batch([USER])] == [USER]
    wechat.happen(official.appid, USER, "unsubscribe")
    assert official.user.get(USER)["subscribe"] == 0
    assert official.user.get_followers()["total"] == 0
    with refused(40003):
        official.user.get("o-nobody")


def test_codes_of_an_official_account(official: Any) -> None:
    scene = {"scene": {"scene_str": "table-7"}}
    lasting = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": scene}
    ticket = official.qrcode.create(lasting)
    assert "expire_seconds" not in ticket
    # `qrcode.show` would ask the real host.
    picture = official._http.get(official.qrcode.get_url(ticket), timeout=5)
    assert picture.content.startswith(JPEG)
    fleeting = {"action_name": "QR_STR_SCENE", "action_info": scene, "expire_seconds": 60}
    assert official.qrcode.create(fleeting)["expire_seconds"] == 60
    with refused(40053):
        official.qrcode.create({"action_name": "QR_SCENE", "action_info": scene})


def test_tickets_of_pages(official: Any) -> None:
    ticket = official.jsapi.get_jsapi_ticket()
    assert len(ticket) > 40
    assert official.jsapi.get_jsapi_ticket() == ticket  # wechatpy keeps it
    url = "https://shop.example.com/"
    assert len(official.jsapi.get_jsapi_signature("n", ticket, "1414587457", url)) == 40


def test_template_messages(official: Any, wechat: WeChat) -> None:
    template_id = official.template.get("TM00015")
    rows = official.template.get_all_private_template()["template_list"]
    assert [row["template_id"] for row in rows] == [template_id]
    sent = official.message.send_template(USER, template_id, {"first": {"value": "谢谢"}})
    [push] = wechat.outbox
    assert push.kind == "TEMPLATESENDJOBFINISH"
    assert str(sent["msgid"]) in push.inner
    with refused(40003):
        official.message.send_template("o-nobody", template_id, {})
    wechat.happen(official.appid, USER, "unsubscribe")
    with refused(43004):
        official.message.send_template(USER, template_id, {})
    official.template.del_private_template(template_id)
    with refused(40037):
        official.message.send_template(USER, template_id, {})
    official.template.set_industry(1, 2)
    assert official.template.get_industry()["secondary_industry"]["second_class"]
    with refused(43100):
        official.template.set_industry(1, 2)


def test_material_and_who_answers(official: Any) -> None:
    picture = ("a.png", io.BytesIO(b"\x89PNG"), "image/png")
    media_id = official.material.add("image", picture)["media_id"]
    assert official.material.get_count()["image_count"] == 1
    assert official.material.batchget("image")["item"][0]["media_id"] == media_id
    assert official.material.get(media_id).content == b"\x89PNG"
    official.material.delete(media_id)
    with refused(40007):
        official.material.get(media_id)
    assert official.customservice.get_accounts() == []
    official.customservice.add_account("tea@shop", "小茶", "x")
    assert official.customservice.get_accounts()[0]["kf_nick"] == "小茶"
    with refused(65406):
        official.customservice.add_account("tea@shop", "小茶", "x")


def test_a_customer_service_message(official: Any, wechat: WeChat) -> None:
    wechat.say(official.appid, USER, "在吗")
    official.message.send_text(USER, "在")
    assert wechat.transcript(official.appid, USER)[-1].text == "在"


def test_addresses_of_wechats(official: Any) -> None:
    assert all(re.match(r"[\d./]+$", address) for address in official.misc.get_wechat_ips())


def test_the_day_has_so_many_calls(mini: Any, wechat: WeChat) -> None:
    wechat.minute_limits["/wxa/msg_sec_check"] = 1
    mini.wxa.check_text_security("茶")
    with pytest.raises((APILimitedException, WeChatClientException), match="45009"):
        mini.wxa.check_text_security("茶")


def test_a_set_that_was_not_granted_and_one_that_no_account_of_the_kind_has(
    component: WeChatComponent, wechat: WeChat, official: Any
) -> None:
    account = wechat.create_account()
    opened = component.create_preauthcode()["pre_auth_code"]
    wechat.authorize(opened, account.appid, [18])
    parse_pushes(component, wechat)
    client = component.get_client_by_appid(account.appid)
    client._http.mount("https://", SandboxAdapter(wechat))
    with refused(61007):
        client.wxa.get_wxa_code("pages/index/index")
    with refused(48001):
        client.menu.get()
    with refused(48001):
        official.wxa.get_wxa_code("pages/index/index")


@pytest.fixture
def server(wechat: WeChat) -> Iterator[str]:
    """The sandbox with a socket."""
    server = http.start(wechat)
    yield wechat.base_url
    server.shutdown()
    server.server_close()


def test_by_its_address(server: str, wechat: WeChat) -> None:
    """As wechatpy is pointed elsewhere without a transport of its own: by API_BASE_URL."""
    component = WeChatComponent(APPID, SECRET, TOKEN, AES_KEY)
    component.API_BASE_URL = f"{server}/cgi-bin"
    wechat.push_ticket()
    parse_pushes(component, wechat)
    account = wechat.create_account(kind=OFFICIAL_ACCOUNT)
    wechat.authorize(component.create_preauthcode()["pre_auth_code"], account.appid)
    parse_pushes(component, wechat)
    client: WeChatComponentClient = component.get_client_by_appid(account.appid)
    client.API_BASE_URL = f"{server}/cgi-bin/"
    assert client.user.get_followers()["total"] == 0

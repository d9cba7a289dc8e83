"""What other back ends call every day: the sandbox's limits and refusals are WeChat's."""

import hashlib
import hmac
from typing import Any

import pytest

from sandbox.server.control import PREFIX
from sandbox.server.router import respond
from sandbox.wire.exchange import Request
from sandbox.world.parties import Account
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT, SETS
from sandbox.world.program import Version
from tests.test_sandbox_api import Platform

USER = "oSandboxUser0000000000000007"
PAGE = "pages/goods/detail"
DAY = 86_400


class Shop:
    """An account that has granted everything, as a program of the platform's calls for it."""

    def __init__(self, platform: Platform, kind: str) -> None:
        self.platform, self.wechat = platform, platform.wechat
        self.account: Account = self.wechat.create_account(kind=kind)
        self.wechat.grant(self.account.appid)
        authorization = self.wechat.authorization(self.account.appid)
        assert authorization is not None
        self.token = self.wechat.new_token(authorization)[0]

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.platform.raw(path, body, token=self.token)
        return answer.json() if answer.content.startswith(b"{") else answer.content

    def get(self, path: str, **query: Any) -> Any:
        return self.platform.session.get(
            f"https://api.weixin.qq.com{path}",
            params={"access_token": self.token, **query},
            timeout=5,
        ).json()

    def refused(self, path: str, body: Any) -> int:
        return int(self.post(path, body)["errcode"])


@pytest.fixture
def platform() -> Platform:
    platform = Platform()
    platform.wechat.component.func_ids = list(SETS)
    return platform


@pytest.fixture
def shop(platform: Platform) -> Shop:
    """A mini program that is online, where a user is."""
    shop = Shop(platform, MINI_PROGRAM)
    template = platform.wechat.component.library.keep(platform.wechat.upload_draft().draft_id, 0, 0)
    shop.account.program._put_online(Version(template, "1.0.0", "x", "{}", 0), 0)
    platform.wechat.chats.visit(shop.account, USER)
    return shop


@pytest.fixture
def paper(platform: Platform) -> Shop:
    """An official account with a follower."""
    paper = Shop(platform, OFFICIAL_ACCOUNT)
    platform.wechat.happen(paper.account.appid, USER, "subscribe")
    platform.wechat.outbox.clear()
    return paper


# M1


def test_whoever_has_the_session_key_can_prove_it_and_have_another(
    shop: Shop, platform: Platform
) -> None:
    users = platform.wechat.users
    code = users.log_in(shop.account.appid, "o-guest")
    query = {
        "appid": shop.account.appid,
        "js_code": code,
        "grant_type": "authorization_code",
        "component_appid": platform.wechat.component.appid,
        "component_access_token": platform.component_token(),
    }
    url = "https://api.weixin.qq.com/sns/component/jscode2session"
    session = platform.session.get(url, params=query, timeout=5).json()
    signed = sign(session["session_key"])
    assert shop.get("/wxa/checksession", **signed)["errcode"] == 0
    assert shop.get("/wxa/checksession", **{**signed, "openid": USER})["errcode"] == 87009
    another = shop.get("/wxa/resetusersessionkey", **signed)
    assert another["openid"] == "o-guest"
    assert shop.get("/wxa/checksession", **signed)["errcode"] == 87009
    assert shop.get("/wxa/checksession", **sign(another["session_key"]))["errcode"] == 0
    # Who has logged in is there.
    body = {"content": "茶", "version": 2, "scene": 1, "openid": "o-guest"}
    assert shop.refused("/wxa/msg_sec_check", body) == 0


def sign(key: str) -> dict[str, str]:
    signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
    return {"openid": "o-guest", "signature": signature, "sig_method": "hmac_sha256"}


# M3


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({}, 0),
        ({"content": ""}, 44002),
        ({"content": "x" * 2501}, 45002),
        ({"version": 1}, 40097),
        ({"scene": 5}, 40129),
        ({"openid": "o-nobody"}, 40003),
    ],
)
def test_texts(shop: Shop, change: Any, errcode: int) -> None:
    body = {"content": "茶", "version": 2, "scene": 2, "openid": USER} | change
    assert shop.refused("/wxa/msg_sec_check", body) == errcode


def test_a_minute_has_so_many_checks(shop: Shop, platform: Platform) -> None:
    platform.wechat.minute_limits["/wxa/msg_sec_check"] = 2
    results = [shop.refused("/wxa/msg_sec_check", {"content": "茶"}) for _ in range(3)]
    assert results == [0, 0, 45009]
    platform.clock.now += 60
    assert shop.refused("/wxa/msg_sec_check", {"content": "茶"}) == 0


# M4


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"expire_type": 1, "expire_interval": 28}, 47001),
        ({"is_expire": True, "expire_type": 1, "expire_interval": 31}, 85401),
        ({"is_expire": True, "expire_type": 0, "expire_time": 1}, 85401),
        ({"is_expire": True, "expire_type": 2}, 40097),
        ({"is_expire": True, "expire_type": 1, "expire_interval": 30}, 0),
        ({"jump_wxa": {"path": "pages/none"}}, 40165),
        ({"jump_wxa": {"path": "pages/none", "env_version": "trial"}}, 0),
        ({"jump_wxa": {"path": PAGE, "env_version": "beta"}}, 85402),
        ({"jump_wxa": {"path": PAGE, "query": "x" * 1025}}, 40212),
        ({"jump_wxa": {"path": f"/{PAGE}"}}, 0),
        ({"jump_wxa": 7}, 47001),
        ({}, 0),
    ],
)
def test_schemes(shop: Shop, body: Any, errcode: int) -> None:
    assert shop.refused("/wxa/generatescheme", body) == errcode


def test_a_scheme_is_its_accounts_and_ends(shop: Shop, platform: Platform) -> None:
    link = shop.post("/wxa/generatescheme", {})["openlink"]
    info = shop.post("/wxa/queryscheme", {"scheme": link})["scheme_info"]
    assert info["expire_time"] == platform.clock.now + 30 * DAY
    other = Shop(platform, MINI_PROGRAM)
    assert other.refused("/wxa/queryscheme", {"scheme": link}) == 40097
    assert other.refused("/wxa/generatescheme", {}) == 85079


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"scene": "a b"}, 40169),
        ({"scene": 7}, 40169),
        ({"scene": "x", "page": "/" + PAGE}, 40097),
        ({"scene": "x", "page": "pages/none"}, 41030),
        ({"scene": "x", "width": 279}, 40097),
        ({"scene": "x", "line_color": {"r": 256, "g": 0, "b": 0}}, 40097),
    ],
)
def test_unlimited_codes(shop: Shop, body: Any, errcode: int) -> None:
    assert shop.refused("/wxa/getwxacodeunlimit", body) == errcode


def test_codes_to_pages_that_nobody_has_looked_for_are_counted(
    shop: Shop, platform: Platform
) -> None:
    platform.wechat.most_unchecked_codes = 1
    body = {"scene": "x", "page": "pages/none", "check_path": False}
    assert isinstance(shop.post("/wxa/getwxacodeunlimit", body), bytes)
    assert shop.refused("/wxa/getwxacodeunlimit", body) == 45029


# M5


def add_template(shop: Shop, number: int = 0, kids: Any = (2, 3)) -> str:
    tid = shop.wechat.subscriptions.titles(shop.account)[number].tid
    body = {"tid": str(tid), "kidList": list(kids), "sceneDesc": "x"}
    return str(shop.post("/wxaapi/newtmpl/addtemplate", body)["priTmplId"])


def send(shop: Shop, template_id: str, data: Any) -> Any:
    body = {"touser": USER, "template_id": template_id, "data": data}
    return shop.post("/cgi-bin/message/subscribe/send", body)


def test_what_users_decide_is_pushed(shop: Shop, platform: Platform) -> None:
    template_id = add_template(shop)
    script = {"appid": shop.account.appid, "openid": USER, "answers": {template_id: "accept"}}
    assert by_script(platform, "subscribe", script) == 200
    platform.wechat.subscriptions.withdraw(shop.account.appid, USER, template_id)
    told = [(push.kind, template_id in push.inner) for push in platform.wechat.outbox]
    kinds = ("subscribe_msg_popup_event", "subscribe_msg_change_event")
    assert told == [(kind, True) for kind in kinds]
    data = {"thing2": {"value": "茶"}, "amount3": {"value": "1元"}}
    assert send(shop, template_id, data)["errcode"] == 43101
    script["answers"] = {template_id: "perhaps"}
    assert by_script(platform, "subscribe", script) == 400


def by_script(platform: Platform, name: str, data: Any) -> int:
    """The status that the control API answers."""
    request = Request(
        "POST",
        PREFIX + name,
        headers={"content-type": "application/json", "host": "127.0.0.1"},
        body=str(data).replace("'", '"').encode(),
    )
    return respond(platform.wechat, request).status


def test_a_visit_by_script_makes_the_user_known(shop: Shop, platform: Platform) -> None:
    script = {"appid": shop.account.appid, "openid": "o-guest"}
    assert by_script(platform, "visit", script) == 200
    body = {"content": "茶", "version": 2, "scene": 1, "openid": "o-guest"}
    assert shop.refused("/wxa/msg_sec_check", body) == 0


def test_a_long_lasting_consent_is_for_any_number(shop: Shop, platform: Platform) -> None:
    template_id = add_template(shop, 2, (1, 2))
    platform.wechat.subscriptions.answer(shop.account.appid, USER, {template_id: "accept"})
    data = {"thing1": {"value": "送货"}, "car_number2": {"value": "粤A8Z888"}}
    assert [send(shop, template_id, data)["errcode"] for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("data", "errmsg"),
    [
        ({}, "argument invalid! data.thing2.value is empty"),
        ({"thing2": {"value": "茶" * 21}}, "argument invalid! data.thing2.value invalid"),
        ({"thing2": {"value": "茶"}}, "argument invalid! data.amount3.value is empty"),
        (
            {"thing2": {"value": "茶"}, "amount3": {"value": "viel"}},
            "argument invalid! data.amount3.value invalid",
        ),
    ],
)
def test_each_value_must_fit_its_keyword(shop: Shop, data: Any, errmsg: str) -> None:
    answer = send(shop, add_template(shop), data)
    assert (answer["errcode"], answer["errmsg"].partition(" rid")[0]) == (47003, errmsg)


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"ids": "1", "start": "x", "limit": 1}, 200016),
        ({"ids": "1", "start": 0, "limit": 31}, 200017),
        ({"ids": "x", "start": 0, "limit": 1}, 200018),
        ({"ids": "1,2", "start": 0, "limit": 30}, 0),
    ],
)
def test_the_library(shop: Shop, query: Any, errcode: int) -> None:
    answer = shop.get("/wxaapi/newtmpl/getpubtemplatetitles", **query)
    assert answer["errcode"] == errcode


def test_an_official_account_has_a_library_of_its_own_set(paper: Shop) -> None:
    template_id = add_template(paper)
    data = {"thing2": {"value": "茶"}, "amount3": {"value": "1元"}}
    body = {"touser": USER, "template_id": template_id, "data": data}
    assert paper.refused("/cgi-bin/message/subscribe/bizsend", body) == 43101
    paper.wechat.subscriptions.answer(paper.account.appid, USER, {template_id: "accept"})
    assert paper.refused("/cgi-bin/message/subscribe/bizsend", body) == 0
    assert paper.refused("/cgi-bin/message/subscribe/send", body) == 48001


# Official accounts


def test_menus_for_some(paper: Shop) -> None:
    button = {"type": "view", "name": "商店", "url": "https://shop.example.com/"}
    some = {"button": [button], "matchrule": {"tag_id": "2"}}
    assert paper.refused("/cgi-bin/menu/addconditional", some) == 46003
    paper.post("/cgi-bin/menu/create", {"button": [{"name": "更多", "sub_button": [button]}]})
    menuid = paper.post("/cgi-bin/menu/addconditional", some)["menuid"]
    menu = paper.get("/cgi-bin/menu/get")
    assert menu["menu"]["button"][0]["sub_button"] == [button | {"sub_button": []}]
    assert [one["menuid"] for one in menu["conditionalmenu"]] == [menuid]
    assert paper.refused("/cgi-bin/menu/delconditional", {"menuid": "1"}) == 46003
    assert paper.refused("/cgi-bin/menu/delconditional", {"menuid": menuid}) == 0
    assert "conditionalmenu" not in paper.get("/cgi-bin/menu/get")


@pytest.mark.parametrize(
    ("button", "errcode"),
    [
        ({"name": "x", "type": "none"}, 40015),
        ({"name": "", "type": "click", "key": "K"}, 40018),
        ({"name": "x", "type": "click"}, 40019),
        ({"name": "x", "type": "view", "url": "x" * 1025}, 40020),
        ({"name": "x", "sub_button": [{"name": "y", "type": "click", "key": "K"}] * 6}, 40023),
        ({"name": "x", "sub_button": [{"name": "y" * 61, "type": "click", "key": "K"}]}, 40025),
    ],
)
def test_buttons(paper: Shop, button: Any, errcode: int) -> None:
    assert paper.refused("/cgi-bin/menu/create", {"button": [button]}) == errcode


def test_followers_come_in_pages(paper: Shop, platform: Platform) -> None:
    platform.clock.now += 1
    platform.wechat.happen(paper.account.appid, "o-second", "subscribe")
    first = paper.get("/cgi-bin/user/get")
    assert first["data"]["openid"] == [USER, "o-second"]
    rest = paper.get("/cgi-bin/user/get", next_openid=USER)
    assert (rest["count"], rest["data"]["openid"]) == (1, ["o-second"])
    last = paper.get("/cgi-bin/user/get", next_openid="o-second")
    assert (last["count"], last["next_openid"], "data" in last) == (0, "", False)
    many = {"user_list": [{"openid": USER}] * 101}
    assert paper.refused("/cgi-bin/user/info/batchget", many) == 40035


@pytest.mark.parametrize(
    ("scene", "errcode"),
    [
        ({"scene": {"scene_id": 100_001}}, 40053),
        ({"scene": {"scene_str": "x"}}, 40053),
        ({"scene": {"scene_id": 100_000}}, 0),
        ({}, 40053),
    ],
)
def test_lasting_codes_are_numbered(paper: Shop, scene: Any, errcode: int) -> None:
    body = {"action_name": "QR_LIMIT_SCENE", "action_info": scene}
    answer = paper.post("/cgi-bin/qrcode/create", body)
    assert answer.get("errcode", 0) == errcode


# M8


def test_the_way_between(shop: Shop, platform: Platform) -> None:
    body = {"action": "all", "check_operator": "DEFAULT"}
    answer = platform.post("/cgi-bin/callback/check", body, token=platform.component_token())
    assert answer["dns"][0]["ip"] == answer["ping"][0]["ip"]
    assert "ping" not in shop.post("/cgi-bin/callback/check", body | {"action": "dns"})
    assert shop.refused("/cgi-bin/callback/check", body | {"action": "trace"}) == 40035
    assert shop.get("/cgi-bin/getcallbackip")["ip_list"]
    assert shop.get("/cgi-bin/get_api_domain_ip")["ip_list"]

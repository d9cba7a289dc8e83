"""The sandbox's users: codes good once, pages on which they agree, and WeChat's refusals."""

import html
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from sandbox.server.router import respond
from sandbox.wire.exchange import Reply, Request
from sandbox.world.parties import Account
from tests.test_sandbox_api import COMPONENT, Platform

OPENID = "o" + "u" * 27
SESSION, TRADE = "/sns/component/jscode2session", "/sns/oauth2/component/access_token"
REFRESH, USERINFO = "/sns/oauth2/component/refresh_token", "/sns/userinfo"
PHONE, TICKET = "/wxa/business/getuserphonenumber", "/cgi-bin/ticket/getticket"
AUTHORIZE = "/connect/oauth2/authorize"


class Callers(Platform):
    """A platform with a mini program and an official account that authorise it."""

    def __init__(self) -> None:
        super().__init__()
        self.token = self.component_token()
        self.program = self.authorized("mini_program")
        self.official = self.authorized("official_account")

    def authorized(self, kind: str, func_ids: list[int] | None = None) -> Account:
        account = self.wechat.create_account(kind=kind)
        self.wechat.grant(account.appid, func_ids)
        return account

    def get(self, path: str, **query: str) -> Any:
        return self.session.get(f"https://api.weixin.qq.com{path}", params=query, timeout=10).json()

    def of_account(self, account: Account) -> str:
        authorization = self.wechat.authorization(account.appid)
        assert authorization
        return self.wechat.new_token(authorization)[0]

    def named(self, path: str, account: Account, **query: str) -> Any:
        """A call of the platform's about ACCOUNT."""
        known = {
            "appid": account.appid,
            "grant_type": "authorization_code",
            "component_appid": COMPONENT,
            "component_access_token": self.token,
        }
        return self.get(path, **{**known, **query})

    def login_query(self, **changes: str) -> dict[str, str]:
        return {
            "appid": self.official.appid,
            "redirect_uri": "https://shop.example.com/a?b=1#/c",
            "response_type": "code",
            "scope": "snsapi_userinfo",
            "state": "s1",
            "component_appid": COMPONENT,
            **changes,
        }

    def web_code(self, **changes: str) -> str:
        page = self.wechat.users.open_page(f"?{urlencode(self.login_query(**changes))}")
        return dict(parse_qsl(urlsplit(self.wechat.users.agree(page, OPENID)).query))["code"]

    def browse(self, method: str, query: str = "", body: bytes = b"") -> Reply:
        return respond(self.wechat, Request(method, AUTHORIZE, query, body=body))


@pytest.fixture
def we() -> Callers:
    return Callers()


def test_a_login_code_is_good_once_for_its_account(we: Callers) -> None:
    code = we.wechat.users.log_in(we.program.appid, OPENID)
    told = we.named(SESSION, we.program, js_code=code)
    assert set(told) == {"openid", "session_key"}
    assert we.named(SESSION, we.program, js_code=code)["errcode"] == 40163
    late = we.wechat.users.log_in(we.program.appid, OPENID)
    we.clock.now += 300
    assert we.named(SESSION, we.program, js_code=late)["errcode"] == 40029


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"js_code": "x"}, 40029),
        ({"js_code": ""}, 41008),
        ({"grant_type": "x"}, 40002),
        ({"component_access_token": ""}, 41021),
        ({"component_access_token": "49_" + "x" * 100}, 40001),
        ({"component_appid": ""}, 41018),
        ({"component_appid": "wx1"}, 40013),
        ({"appid": ""}, 41002),
        ({"appid": "wx1"}, 40013),
    ],
)
def test_what_a_login_is_refused_for(we: Callers, changes: dict[str, str], errcode: int) -> None:
    assert we.named(SESSION, we.program, **{"js_code": "x", **changes})["errcode"] == errcode


def test_accounts_of_the_other_kind_and_of_nobody_are_refused(we: Callers) -> None:
    stranger = we.wechat.create_account()
    assert we.named(SESSION, stranger, js_code="x")["errcode"] == 61003
    assert we.named(SESSION, we.official, js_code="x")["errcode"] == 48001
    assert we.named(TRADE, we.program, code="x")["errcode"] == 48001


def test_a_web_login_tells_who_it_is_and_may_be_refreshed(we: Callers) -> None:
    granted = we.named(TRADE, we.official, code=we.web_code())
    assert (granted["openid"], granted["scope"]) == (OPENID, "snsapi_userinfo")
    who = we.get(USERINFO, access_token=granted["access_token"], openid=OPENID)
    assert who["openid"] == OPENID
    more = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    fresh = we.named(REFRESH, we.official, **more)
    assert fresh["access_token"] != granted["access_token"]
    assert we.named(REFRESH, we.official, **{**more, "refresh_token": "x"})["errcode"] == 40030
    we.clock.now += 7201
    dead = we.get(USERINFO, access_token=granted["access_token"], openid=OPENID)
    assert dead["errcode"] == 42001


def test_a_web_code_is_good_once_for_five_minutes(we: Callers) -> None:
    code, late = we.web_code(), we.web_code()
    assert "openid" in we.named(TRADE, we.official, code=code)
    assert we.named(TRADE, we.official, code=code)["errcode"] == 40163
    we.clock.now += 300
    assert we.named(TRADE, we.official, code=late)["errcode"] == 42003


def test_who_agreed_to_less_is_not_described(we: Callers) -> None:
    granted = we.named(TRADE, we.official, code=we.web_code(scope="snsapi_base"))
    token = granted["access_token"]
    assert we.get(USERINFO, access_token=token, openid=OPENID)["errcode"] == 48001
    assert we.get(USERINFO, access_token=token, openid="o1")["errcode"] == 40003
    assert we.get(USERINFO, access_token="x", openid=OPENID)["errcode"] == 40001


def test_a_phone_number_takes_set_18(we: Callers) -> None:
    token = we.of_account(we.program)
    code = we.wechat.users.press_phone_button(we.program.appid, OPENID, "13800138000")
    told = we.post(PHONE, {"code": code}, token=token)["phone_info"]
    assert (told["phoneNumber"], told["watermark"]["appid"]) == ("13800138000", we.program.appid)
    assert we.post(PHONE, {"code": code}, token=token)["errcode"] == 40029
    without = we.of_account(we.authorized("mini_program", [19]))
    assert we.post(PHONE, {"code": "x"}, token=without)["errcode"] == 61007
    official = we.of_account(we.official)
    assert we.post(PHONE, {"code": "x"}, token=official)["errcode"] == 48001


def test_tickets_take_sets_4_and_8(we: Callers) -> None:
    def ask(account: Account, kind: str) -> Any:
        return we.get(TICKET, access_token=we.of_account(account), type=kind)

    told = ask(we.official, "jsapi")
    assert (told["errcode"], told["expires_in"]) == (0, 7200)
    assert ask(we.official, "jsapi")["ticket"] != told["ticket"]
    assert ask(we.official, "wx_card")["errcode"] == 61007
    assert ask(we.program, "jsapi")["errcode"] == 48001
    assert ask(we.official, "x")["errcode"] == 40097
    assert ask(we.authorized("official_account", [1]), "jsapi")["errcode"] == 61007


# ── the page ────────────────────────────────────────────────────────────────────────────────────


def fields_of(page: Reply) -> dict[str, str]:
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.body.decode())
    return {name: html.unescape(value) for name, value in pairs}


@pytest.mark.parametrize(
    ("decision", "query"),
    [("agree", {"b", "code", "state", "appid"}), ("refuse", {"b", "state"})],
)
def test_a_user_agrees_or_refuses_on_the_page(we: Callers, decision: str, query: set[str]) -> None:
    page = we.browse("GET", urlencode(we.login_query()))
    assert page.status == 200
    assert we.official.nick_name in page.body.decode()
    fields = {**fields_of(page), "decision": decision, "openid": OPENID}
    answer = we.browse("POST", body=urlencode(fields).encode())
    assert answer.status == 302
    back = urlsplit(answer.headers["Location"])
    assert (back.netloc, back.path, back.fragment) == ("shop.example.com", "/a", "/c")
    told = dict(parse_qsl(back.query))
    assert set(told) == query
    assert told["state"] == "s1"


def test_nobody_is_asked_for_the_openid_alone(we: Callers) -> None:
    page = we.browse("GET", urlencode(we.login_query(scope="snsapi_base"))).body.decode()
    assert 'value="agree"' in page
    assert 'value="refuse"' not in page


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"appid": ""}, 10012),
        ({"redirect_uri": "x"}, 10011),
        ({"redirect_uri": "https://evil.example/"}, 10003),
        ({"scope": ""}, 10010),
        ({"scope": "snsapi_login"}, 10010),
        ({"response_type": "token"}, 10010),
        ({"state": "x" * 129}, 10013),
        ({"component_appid": "wx1"}, 10015),
    ],
)
def test_the_page_says_what_is_wrong(we: Callers, changes: dict[str, str], number: int) -> None:
    we.wechat.component.redirect_domain = "shop.example.com"
    page = we.browse("GET", urlencode(we.login_query(**changes)))
    assert f"错误码:{number}" in page.body.decode()


def test_a_mini_program_and_one_without_the_set_have_no_page(we: Callers) -> None:
    for account, number in (
        (we.program, 10016),
        (we.authorized("official_account", [1, 2]), 10005),
        (we.wechat.create_account(kind="official_account"), 10015),
    ):
        page = we.browse("GET", urlencode(we.login_query(appid=account.appid)))
        assert f"错误码:{number}" in page.body.decode()


def test_scripts_do_the_same(we: Callers) -> None:
    def control(name: str, **data: Any) -> Any:
        url = f"https://sandbox/sandbox/api/{name}"
        headers = {"Host": "127.0.0.1"}
        return we.session.post(url, json=data, headers=headers, timeout=10)

    appid = we.program.appid
    code = control("user_code", appid=appid, openid=OPENID).json()["code"]
    assert we.named(SESSION, we.program, js_code=code)["openid"] == OPENID
    sealed = control("encrypt", appid=appid, openid=OPENID, content={"a": 1}).json()
    assert set(sealed) == {"encrypted_data", "iv"}
    pressed = control("user_code", way="phone", appid=appid, openid=OPENID, number="1").json()
    assert we.post(PHONE, {"code": pressed["code"]}, token=we.of_account(we.program))["phone_info"]
    url = f"https://open.weixin.qq.com{AUTHORIZE}?{urlencode(we.login_query())}#wechat_redirect"
    answer: requests.Response = control("web_login", url=url, openid=OPENID)
    assert "code=" in answer.json()["location"]
    assert "code=" not in control("web_login", url=url, refuse=True).json()["location"]
    assert control("user_code", way="x", appid=appid).status_code == 400

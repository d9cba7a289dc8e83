"""The sandbox answers as WeChat does: errcodes, lives, single use, faults, ledger."""

import json
import threading
import time
from typing import Any

import pytest
import requests

from sandbox import WeChat
from sandbox.server.transport import SandboxAdapter
from sandbox.world.parties import Account

COMPONENT = "wx0123456789abcdef"
SECRET = "0123456789abcdef0123456789abcdef"
REFRESH = "/cgi-bin/component/api_authorizer_token"


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Platform:
    """A platform that calls WeChat with a plain requests session."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wechat = WeChat(clock=self.clock, seed=1, deliver=None)
        self.wechat.register_component(
            appid=COMPONENT,
            secret=SECRET,
            token="push-token",
            aes_key="0123456789012345678901234567890123456789012",
        )
        self.session = requests.Session()
        self.session.mount("https://", SandboxAdapter(self.wechat))

    def post(self, path: str, body: Any = None, *, token: str = "", **more: Any) -> Any:
        return self.raw(path, body, token=token, **more).json()

    def raw(
        self, path: str, body: Any = None, *, token: str = "", **more: Any
    ) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body or {}, ensure_ascii=False)
        return self.session.post(
            f"https://api.weixin.qq.com{path}",
            params={"access_token": token} if token else None,
            data=data if isinstance(data, bytes) else data.encode(),
            timeout=more.pop("timeout", (3, 10)),
        )

    def component(self, name: str, body: Any = None, *, token: str = "", **more: Any) -> Any:
        body = {"component_appid": COMPONENT} | (body or {})
        return self.post(f"/cgi-bin/component/{name}", body, token=token, **more)

    def component_token(self, ticket: str | None = None) -> str:
        told = self.ask_component_token(ticket or self.wechat.push_ticket())
        assert told["expires_in"] == 7200
        return str(told["component_access_token"])

    def ask_component_token(self, ticket: str, secret: str = SECRET) -> Any:
        body = {"component_appsecret": secret, "component_verify_ticket": ticket}
        return self.component("api_component_token", body)

    def trade(self, token: str, code: str) -> Any:
        return self.component("api_query_auth", {"authorization_code": code}, token=token)

    def refresh(self, token: str, appid: str, refresh_token: str, **more: Any) -> Any:
        body = {"authorizer_appid": appid, "authorizer_refresh_token": refresh_token}
        return self.component("api_authorizer_token", body, token=token, **more)

    def bind(self, token: str, account: Account, func_ids: list[int] | None = None) -> Any:
        code = self.component("api_create_preauthcode", token=token)["pre_auth_code"]
        auth_code = self.wechat.authorize(code, account.appid, func_ids)
        return self.trade(token, auth_code)["authorization_info"]


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def account(platform: Platform) -> Account:
    return platform.wechat.create_account(nick_name="山茶书店")


def test_the_whole_story_is_told_without_errcodes(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    code = platform.component("api_create_preauthcode", token=token)
    assert code["expires_in"] == 1800
    assert code["pre_auth_code"].startswith("preauthcode@@@")
    traded = platform.trade(token, platform.wechat.authorize(code["pre_auth_code"], account.appid))
    info = traded["authorization_info"]
    assert info["authorizer_refresh_token"].startswith("refreshtoken@@@")
    assert {"funcscope_category": {"id": 19}} in info["func_info"]
    told = platform.component(
        "api_get_authorizer_info", {"authorizer_appid": account.appid}, token=token
    )
    assert told["authorizer_info"]["nick_name"] == "山茶书店"
    assert "MiniProgramInfo" in told["authorizer_info"]
    assert (
        told["authorization_info"]["authorizer_refresh_token"] == info["authorizer_refresh_token"]
    )
    basic = platform.post(
        "/cgi-bin/account/getaccountbasicinfo", token=info["authorizer_access_token"]
    )
    assert (basic["errcode"], basic["account_type"]) == (0, 3)


def test_refusals_carry_a_request_id_that_can_be_looked_up(platform: Platform) -> None:
    token = platform.component_token()
    told = platform.trade(token, "queryauthcode@@@none")
    assert told["errcode"] == 61009
    message, _, rid = told["errmsg"].partition(" rid: ")
    assert message == "code is invalid"
    assert [len(part) for part in rid.split("-")] == [8, 8, 8]
    looked_up = platform.post("/cgi-bin/openapi/rid/get", {"rid": rid}, token=token)
    assert looked_up["request"]["request_url"] == "/cgi-bin/component/api_query_auth"


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"component_appid": "nonsense"}, 40013),
        ({"component_appid": "wxffffffffffffffff"}, 61011),
        ({"component_appid": ""}, 41018),
        ({"component_appsecret": ""}, 41004),
        ({"component_appsecret": "wrong"}, 40125),
        ({"component_verify_ticket": "ticket@@@wrong"}, 61006),
        ({"component_verify_ticket": 5}, 47001),
    ],
)
def test_a_component_token_takes_the_right_credentials(
    platform: Platform, change: dict[str, Any], errcode: int
) -> None:
    body = {
        "component_appsecret": SECRET,
        "component_verify_ticket": platform.wechat.push_ticket(),
    } | change
    assert platform.component("api_component_token", body)["errcode"] == errcode


def test_a_ticket_lives_twelve_hours_and_newer_ones_do_not_end_it(platform: Platform) -> None:
    first = platform.wechat.push_ticket()
    platform.clock.now += 6 * 3600
    platform.wechat.push_ticket()
    assert "component_access_token" in platform.ask_component_token(first)
    platform.clock.now += 6 * 3600
    assert platform.ask_component_token(first)["errcode"] == 61005


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"", 44002),
        (b"{", 47001),
        (b"[]", 47001),
        (b"[" * 200_000, 47001),
        (rb'{"component_appid": "\u5fae"}', 47001),
    ],
)
def test_bodies_must_be_json_in_raw_utf8(platform: Platform, body: bytes, errcode: int) -> None:
    token = platform.component_token()
    told = platform.post("/cgi-bin/component/api_create_preauthcode", body, token=token)
    assert told["errcode"] == errcode


def test_tokens_are_told_apart(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    authorizer = platform.bind(token, account)["authorizer_access_token"]
    ask = "/cgi-bin/account/getaccountbasicinfo"
    assert platform.post(ask)["errcode"] == 41001
    assert platform.post(ask, token="nonsense")["errcode"] == 40014
    assert platform.post(ask, token="66_" + "x" * 120)["errcode"] == 40001
    assert platform.post(ask, token=token)["errcode"] == 61015
    assert platform.component("api_create_preauthcode", token=authorizer)["errcode"] == 61014
    url = f"https://api.weixin.qq.com{REFRESH}?component_access_token={token}"
    assert platform.session.post(url, data=b"{}", timeout=3).json()["errcode"] == 41018
    assert platform.session.get(url, timeout=3).json()["errcode"] == 43002


def test_an_old_token_works_five_minutes_after_a_newer_one(
    platform: Platform, account: Account
) -> None:
    token = platform.component_token()
    info = platform.bind(token, account)
    old = info["authorizer_access_token"]
    new = platform.refresh(token, account.appid, info["authorizer_refresh_token"])
    assert new["authorizer_refresh_token"] == info["authorizer_refresh_token"]
    ask = "/cgi-bin/account/getaccountbasicinfo"
    platform.clock.now += 299
    assert platform.post(ask, token=old)["errcode"] == 0
    platform.clock.now += 1
    assert platform.post(ask, token=old)["errcode"] == 40001
    platform.clock.now += 7200
    assert platform.post(ask, token=new["authorizer_access_token"])["errcode"] == 42001


def test_the_next_authorizer_token_may_be_short(platform: Platform, account: Account) -> None:
    platform.wechat.next_token_life = 20
    token = platform.component_token()
    info = platform.bind(token, account)
    assert info["expires_in"] == 20
    told = platform.refresh(token, account.appid, info["authorizer_refresh_token"])
    assert told["expires_in"] == 7200


def test_codes_are_single_use_and_expire(platform: Platform, account: Account) -> None:
    token = platform.component_token()

    def authorize(**more: Any) -> str:
        code = platform.component("api_create_preauthcode", token=token)["pre_auth_code"]
        return platform.wechat.authorize(code, account.appid, **more)

    code = authorize(push_code=True)
    pushed = platform.wechat.outbox[-1].inner
    assert "<InfoType><![CDATA[authorized]]></InfoType>" in pushed
    assert code not in pushed
    twin = pushed.partition("<AuthorizationCode><![CDATA[")[2].partition("]]>")[0]
    assert "authorization_info" in platform.trade(token, twin)
    assert platform.trade(token, code)["errcode"] == 61009
    late = authorize()
    platform.clock.now += 600
    assert platform.trade(token, late)["errcode"] == 61010


def test_the_list_pages_and_leaves_out_what_was_never_traded(
    platform: Platform, account: Account
) -> None:
    token = platform.component_token()
    for _ in range(3):
        platform.wechat.grant(platform.wechat.create_account().appid)
    code = platform.component("api_create_preauthcode", token=token)["pre_auth_code"]
    platform.wechat.authorize(code, account.appid)

    def ask(offset: int, count: int) -> Any:
        body = {"offset": offset, "count": count}
        return platform.component("api_get_authorizer_list", body, token=token)

    assert (ask(0, 2)["total_count"], len(ask(0, 2)["list"])) == (4, 2)
    last = ask(3, 500)["list"]
    assert [(one["authorizer_appid"], "refresh_token" in one) for one in last] == [
        (account.appid, False)
    ]
    assert ask(0, 501)["errcode"] == 40170


@pytest.mark.parametrize(
    ("rotate", "after_refresh", "after_reauth"),
    [("never", False, False), ("on_reauth", False, True), ("always", True, True)],
)
def test_refresh_tokens_rotate_as_told(
    platform: Platform, account: Account, rotate: str, after_refresh: bool, after_reauth: bool
) -> None:
    platform.wechat.rotate = rotate
    token = platform.component_token()
    first = platform.bind(token, account)["authorizer_refresh_token"]
    second = platform.refresh(token, account.appid, first)["authorizer_refresh_token"]
    assert (second != first) is after_refresh
    third = platform.bind(token, account)["authorizer_refresh_token"]
    assert (third != second) is after_reauth
    if after_reauth:
        assert platform.refresh(token, account.appid, second)["errcode"] == 61023


def test_authorising_again_kills_the_old_token_and_tells_only_changed_sets(
    platform: Platform, account: Account
) -> None:
    token = platform.component_token()
    old = platform.bind(token, account, [18, 30])["authorizer_access_token"]
    same = platform.bind(token, account, [18, 30])["authorizer_access_token"]
    ask = "/cgi-bin/account/getaccountbasicinfo"
    assert platform.post(ask, token=old)["errcode"] == 40001
    assert platform.post(ask, token=same)["errcode"] == 0
    fewer = platform.bind(token, account, [18])["authorizer_access_token"]
    assert platform.post(ask, token=fewer)["errcode"] == 61007
    kinds = [push.kind for push in platform.wechat.outbox]
    assert kinds == ["component_verify_ticket", "authorized", "updateauthorized"]


def test_a_cancelled_authorisation_is_over(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    info = platform.bind(token, account)
    platform.wechat.cancel(account.appid)
    assert platform.wechat.outbox[-1].kind == "unauthorized"
    told = platform.refresh(token, account.appid, info["authorizer_refresh_token"])
    assert told["errcode"] == 61003
    ask = "/cgi-bin/account/getaccountbasicinfo"
    assert platform.post(ask, token=info["authorizer_access_token"])["errcode"] == 61003
    again = platform.bind(token, account)
    assert again["authorizer_refresh_token"] != info["authorizer_refresh_token"]


def test_options_are_read_and_set_in_both_forms(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    mine = platform.bind(token, account)["authorizer_access_token"]
    body = {"option_name": "location_report", "option_value": "2"}
    assert platform.component("set_authorizer_option", body, token=mine)["errcode"] == 0
    named = body | {"authorizer_appid": account.appid}
    told = platform.component("api_get_authorizer_option", named, token=token)
    assert told == named
    wrong = {"option_name": "voice_recognize", "option_value": "2"}
    assert platform.component("set_authorizer_option", wrong, token=mine)["errcode"] == 61013


def test_quotas_count_refuse_and_are_reset_ten_times(platform: Platform) -> None:
    token = platform.component_token()
    path = "/cgi-bin/component/api_create_preauthcode"
    platform.wechat.daily_limits[path] = 2
    answers = [platform.component("api_create_preauthcode", token=token) for _ in range(3)]
    assert answers[-1]["errcode"] == 45009
    asked = platform.post("/cgi-bin/openapi/quota/get", {"cgi_path": path}, token=token)
    assert asked["quota"] == {"daily_limit": 2, "used": 2, "remain": 0}
    reset = [
        platform.post("/cgi-bin/clear_quota", {"appid": COMPONENT}, token=token)["errcode"]
        for _ in range(11)
    ]
    assert reset == [0] * 10 + [48006]
    assert "pre_auth_code" in platform.component("api_create_preauthcode", token=token)


def test_stopped_pushes_are_started_again(platform: Platform) -> None:
    body = {"component_secret": SECRET}
    assert platform.component("api_start_push_ticket", body)["errmsg"] == "in a normal state"
    platform.wechat.component.pushing = False
    assert platform.component("api_start_push_ticket", body)["errmsg"] == "ok"
    assert platform.wechat.component.pushing
    assert [push.kind for push in platform.wechat.outbox] == ["component_verify_ticket"]


def test_an_unknown_path_is_refused_and_remembered(platform: Platform) -> None:
    assert platform.post("/wxa/no_such_call")["errcode"] == 40066
    assert [entry.path for entry in platform.wechat.unknown_calls] == ["/wxa/no_such_call"]


def test_a_caller_from_an_unregistered_address_is_refused(platform: Platform) -> None:
    platform.wechat.allowed_ips = {"203.0.113.7"}
    assert platform.ask_component_token(platform.wechat.push_ticket())["errcode"] == 61004


@pytest.mark.parametrize(("drop", "effect"), [("before", False), ("after", True)])
def test_an_answer_may_be_lost_before_or_after_its_effect(
    platform: Platform, account: Account, drop: str, effect: bool
) -> None:
    token = platform.component_token()
    held = platform.wechat.grant(account.appid).refresh_token
    platform.wechat.fault(REFRESH, drop=drop)
    with pytest.raises(requests.ConnectionError):
        platform.refresh(token, account.appid, held)
    assert platform.wechat.count(REFRESH, account.appid, effect=effect) == 1
    assert platform.wechat.ledger[-1].dropped
    assert "authorizer_access_token" in platform.refresh(token, account.appid, held)


def test_a_late_answer_is_a_read_timeout_with_its_effect(
    platform: Platform, account: Account
) -> None:
    token = platform.component_token()
    held = platform.wechat.grant(account.appid).refresh_token
    platform.wechat.fault(REFRESH, delay=5)
    started = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        platform.refresh(token, account.appid, held, timeout=(3, 0.05))
    assert time.monotonic() - started < 2
    assert platform.wechat.count(REFRESH, effect=True) == 1


def test_an_answer_can_be_held_until_the_test_lets_go(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    held = platform.wechat.grant(account.appid).refresh_token
    fault = platform.wechat.fault(REFRESH, until=threading.Event())
    answers: list[Any] = []
    caller = threading.Thread(
        target=lambda: answers.append(platform.refresh(token, account.appid, held))
    )
    caller.start()
    assert fault.arrived.wait(5)
    platform.wechat.cancel(account.appid)
    assert fault.until is not None
    assert answers == []
    fault.until.set()
    caller.join(5)
    told = platform.post(
        "/cgi-bin/account/getaccountbasicinfo", token=answers[0]["authorizer_access_token"]
    )
    assert told["errcode"] == 61003


def test_answers_can_be_made_wrong(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    held = platform.wechat.grant(account.appid).refresh_token

    def refresh(**what: Any) -> requests.Response:
        platform.wechat.fault(REFRESH, appid=account.appid, **what)
        body = {
            "component_appid": COMPONENT,
            "authorizer_appid": account.appid,
            "authorizer_refresh_token": held,
        }
        return platform.raw(REFRESH, body, token=token)

    assert refresh(errcode=-1).json()["errmsg"].startswith("system error rid: ")
    assert refresh(body=b"<html>busy</html>", status=502).content == b"<html>busy</html>"
    assert refresh(change={"extra": None}).json()["extra"] is None
    assert refresh(expires_in="soon").json()["expires_in"] == "soon"
    assert refresh(change={"authorizer_refresh_token": ""}).json()["authorizer_refresh_token"] == ""
    assert "authorizer_refresh_token" not in refresh(without=("authorizer_refresh_token",)).json()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        refresh(truncate=10)
    assert b"".join(refresh(slow=10_000).iter_content(64)).startswith(b"{")


def test_a_fault_reaches_into_the_answer(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    path = "/cgi-bin/component/api_query_auth"
    platform.wechat.fault(path, expires_in=0, without=("authorizer_refresh_token",))
    info = platform.bind(token, account)
    assert info["expires_in"] == 0
    assert "authorizer_refresh_token" not in info


def test_faults_wait_for_their_authorizer_and_end(platform: Platform, account: Account) -> None:
    token = platform.component_token()
    other = platform.wechat.grant(platform.wechat.create_account().appid)
    mine = platform.wechat.grant(account.appid)
    platform.wechat.fault(REFRESH, times=2, appid=account.appid, errcode=45011)

    def refresh(appid: str, held: str) -> Any:
        return platform.refresh(token, appid, held).get("errcode", 0)

    assert refresh(other.account.appid, other.refresh_token) == 0
    assert [refresh(account.appid, mine.refresh_token) for _ in range(3)] == [45011, 45011, 0]


def test_an_exclusive_set_is_one_platforms(platform: Platform, account: Account) -> None:
    platform.wechat.grant(account.appid, [18, 19])
    second = platform.wechat.register_component(
        appid="wx00000000000000ff", secret="s", token="t", aes_key="0" * 43
    )
    offered = platform.wechat.offered_sets(second, account)
    assert 18 not in offered
    assert 19 in offered

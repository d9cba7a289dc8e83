"""Each endpoint of the third-party platform (A1 to A11), asked of WeChat's stand-in."""

from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.world import WeChat
from tests.conftest import APPID, SECRET
from wechat import component
from wechat.component import Listed
from wechat.errors import BadAnswer, CodeSpent, Refused, TicketExpired, TokenExpired

OURS = "wxaaaaaaaaaaaaaaaa"


@pytest.fixture
def token(wechat: WeChat) -> str:
    """A component token, got with a ticket."""
    ticket = wechat.push_ticket()
    wechat.outbox.clear()
    got = component.get_component_token(APPID, SECRET, ticket)
    wechat.ledger.clear()
    return got.value


@pytest.fixture
def grant(wechat: WeChat, token: str) -> component.Grant:
    """An account that has just authorised us, its code traded."""
    account = wechat.create_account(appid=OURS, nick_name="我们的小程序")
    opened = component.create_pre_auth_code(token, APPID)
    code = wechat.authorize(opened.value, account.appid, [17, 18])
    wechat.outbox.clear()
    return component.query_auth(token, APPID, code)


def test_a1_ticket_pushes_are_started_and_probed(wechat: WeChat) -> None:
    wechat.component.pushing = False
    assert component.start_push_ticket(APPID, SECRET) == "ok"
    assert component.start_push_ticket(APPID, SECRET) == "in a normal state"
    with pytest.raises(Refused):
        component.start_push_ticket(APPID, "wrong")


def test_a2_a_ticket_gives_a_component_token(wechat: WeChat) -> None:
    ticket = wechat.push_ticket()
    token = component.get_component_token(APPID, SECRET, ticket)
    assert token.life == 7200
    found = wechat.find_token(token.value)
    assert found is not None
    assert found.owner is wechat.component
    with pytest.raises(TicketExpired):
        component.get_component_token(APPID, SECRET, "ticket@@@wrong")


def test_a3_a_pre_auth_code_opens_the_page(wechat: WeChat, token: str) -> None:
    code = component.create_pre_auth_code(token, APPID)
    assert code.life == 1800
    assert wechat.open_pre_auth_code(code.value).component is wechat.component


def test_a4_a_code_is_traded_for_tokens_once(wechat: WeChat, token: str) -> None:
    wechat.create_account(appid=OURS)
    opened = component.create_pre_auth_code(token, APPID)
    code = wechat.authorize(opened.value, OURS, [17, 18])
    grant = component.query_auth(token, APPID, code)
    assert grant.appid == OURS
    assert grant.func_info == [17, 18]
    assert grant.refresh_token.startswith("refreshtoken@@@")
    assert grant.token is not None
    assert grant.token.life == 7200
    with pytest.raises(CodeSpent):
        component.query_auth(token, APPID, code)


def test_a4_an_account_without_api_rights_has_no_tokens(wechat: WeChat, token: str) -> None:
    path = "/cgi-bin/component/api_query_auth"
    wechat.fault(path, body=b'{"authorization_info": {"authorizer_appid": "wxaaaaaaaaaaaaaaaa"}}')
    grant = component.query_auth(token, APPID, "queryauthcode@@@x")
    assert grant == component.Grant(OURS, None, "", [])


def test_a5_a_refresh_token_gives_a_new_token(
    wechat: WeChat, token: str, grant: component.Grant
) -> None:
    fresh, refresh_token = component.refresh_authorizer_token(
        token, APPID, OURS, grant.refresh_token
    )
    assert grant.token is not None
    assert fresh.value != grant.token.value
    assert refresh_token == grant.refresh_token


@pytest.mark.parametrize("given", [b"null", b'""', b"12", None])
def test_a5_a_refresh_token_that_does_not_come_is_none(
    wechat: WeChat, token: str, given: bytes | None
) -> None:
    more = b"" if given is None else b', "authorizer_refresh_token": ' + given
    body = b'{"authorizer_access_token": "49_x", "expires_in": 7200' + more + b"}"
    wechat.fault("/cgi-bin/component/api_authorizer_token", body=body)
    fresh, refresh_token = component.refresh_authorizer_token(
        token, APPID, OURS, "refreshtoken@@@x"
    )
    assert (fresh.value, refresh_token) == ("49_x", "")


def test_a6_a_profile(token: str, grant: component.Grant) -> None:
    profile, authorization = component.get_authorizer_info(token, APPID, OURS)
    assert profile["nick_name"] == "我们的小程序"
    assert authorization["authorizer_appid"] == OURS
    assert component.read_func_info(authorization["func_info"]) == [17, 18]


def test_a7_the_list_of_accounts_comes_in_pages(wechat: WeChat, token: str) -> None:
    for number in range(7):
        wechat.create_account(appid=f"wx{number:016}")
        wechat.grant(f"wx{number:016}")
    total, page = component.get_authorizer_list(token, APPID, offset=5, count=5)
    assert total == 7
    assert [row.appid for row in page] == ["wx0000000000000005", "wx0000000000000006"]
    assert all(row.refresh_token and row.auth_time for row in page)
    with pytest.raises(Refused):
        component.get_authorizer_list(token, APPID, offset=0, count=501)


def test_a7_a_row_whose_code_was_never_traded_has_no_refresh_token(
    wechat: WeChat, token: str
) -> None:
    wechat.create_account(appid=OURS)
    wechat.authorize(component.create_pre_auth_code(token, APPID).value, OURS)
    wechat.outbox.clear()
    _, [row] = component.get_authorizer_list(token, APPID, offset=0)
    assert (row.appid, row.refresh_token) == (OURS, "")


@pytest.mark.django_db
@pytest.mark.parametrize("row", ["[]", '"x"', "null", "{}", '{"authorizer_appid": 1}'])
def test_a7_a_row_that_is_none_costs_itself_alone(wechat: WeChat, token: str, row: str) -> None:
    good = f'{{"authorizer_appid": "{OURS}", "auth_time": "1700000000"}}'
    body = f'{{"total_count": "2", "list": [{row}, {good}]}}'.encode()
    wechat.fault("/cgi-bin/component/api_get_authorizer_list", body=body)
    total, page = component.get_authorizer_list(token, APPID, offset=0)
    assert (total, page, page.odd) == (2, [Listed(OURS, "", 1700000000)], 1)


@pytest.mark.parametrize("rows", ["{}", '"x"', '[], "list": []'], ids=["object", "text", "twins"])
def test_a7_what_is_no_list_is_a_bad_answer(wechat: WeChat, token: str, rows: str) -> None:
    body = f'{{"total_count": 1, "list": {rows}}}'.encode()
    wechat.fault("/cgi-bin/component/api_get_authorizer_list", times=None, body=body)
    with pytest.raises(BadAnswer):
        component.get_authorizer_list(token, APPID, offset=0)


@pytest.mark.parametrize("time", ["null", "-1", '"soon"', "1.5", "true", "1700000000000"])
def test_a7_an_odd_time_counts_as_unknown(wechat: WeChat, token: str, time: str) -> None:
    row = f'{{"authorizer_appid": "{OURS}", "refresh_token": "r", "auth_time": {time}}}'
    body = f'{{"total_count": 1, "list": [{row}]}}'.encode()
    wechat.fault("/cgi-bin/component/api_get_authorizer_list", body=body)
    assert component.get_authorizer_list(token, APPID, offset=0) == (1, [Listed(OURS, "r", 0)])


def test_a8_a9_an_option_is_set_and_read(wechat: WeChat, grant: component.Grant) -> None:
    assert grant.token is not None
    token = grant.token.value
    assert component.get_authorizer_option(token, "voice_recognize") == "0"
    component.set_authorizer_option(token, "voice_recognize", "1")
    assert component.get_authorizer_option(token, "voice_recognize") == "1"
    with pytest.raises(Refused):
        component.set_authorizer_option(token, "voice_recognize", "2")


def test_a11_quotas_are_read_and_reset(wechat: WeChat, token: str, grant: component.Grant) -> None:
    path = "/cgi-bin/component/api_create_preauthcode"
    assert component.get_quota(token, path)["quota"]["used"] == 1
    component.clear_quota(token, APPID)
    assert component.get_quota(token, path)["quota"]["used"] == 0
    component.clear_component_quota(APPID, SECRET)
    component.clear_component_quota(APPID, SECRET, OURS)
    with pytest.raises(Refused):
        component.clear_component_quota(APPID, SECRET, "wx0000000000000000")


def test_a11_a_rid_tells_what_was_wrong(wechat: WeChat, token: str) -> None:
    with pytest.raises(Refused) as caught:
        component.get_quota(token, "/no/such/path")
    told = component.get_rid(token, caught.value.rid)
    assert told["request_url"] == "/cgi-bin/openapi/quota/get"


def test_a_dead_token_is_told_apart(wechat: WeChat, token: str) -> None:
    with pytest.raises(TokenExpired):
        component.create_pre_auth_code("49_" + "x" * 100, APPID)


def test_nothing_of_an_answer_shows_its_secrets(token: str, grant: component.Grant) -> None:
    pre_auth_code = component.create_pre_auth_code(token, APPID)
    _, listed = component.get_authorizer_list(token, APPID, offset=0)
    shown = repr(grant) + repr(pre_auth_code) + repr(listed) + repr(grant.token)
    assert grant.token is not None
    for secret in (grant.token.value, grant.refresh_token, pre_auth_code.value):
        assert secret not in shown


PAGE = {
    "appid": APPID,
    "pre_auth_code": "preauthcode@@@x",
    "redirect_uri": "https://testserver/portal/bind/s/return/?a=b&c=d",
    "auth_type": 3,
}


@pytest.mark.parametrize("biz_appid", ["", OURS])
def test_the_pages_for_a_computer_and_a_phone(biz_appid: str) -> None:
    asked = {
        "component_appid": [APPID],
        "pre_auth_code": ["preauthcode@@@x"],
        "redirect_uri": [PAGE["redirect_uri"]],
        "auth_type": ["3"],
        **({"biz_appid": [biz_appid]} if biz_appid else {}),
    }
    computer = urlsplit(
        component.component_login_url("https://mp.weixin.qq.com", **PAGE, biz_appid=biz_appid)  # type: ignore[arg-type]
    )
    assert (computer.netloc, computer.path) == ("mp.weixin.qq.com", "/cgi-bin/componentloginpage")
    assert parse_qs(computer.query) == asked
    phone = urlsplit(
        component.bind_component_url("https://open.weixin.qq.com", **PAGE, biz_appid=biz_appid)  # type: ignore[arg-type]
    )
    assert (phone.netloc, phone.path) == ("open.weixin.qq.com", "/wxaopen/safe/bindcomponent")
    assert parse_qs(phone.query) == {"action": ["bindcomponent"], "no_scan": ["1"], **asked}
    assert phone.fragment == "wechat_redirect"


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (None, []),
        ("x", []),
        ([], []),
        ([{"funcscope_category": {"id": 1}}, {"funcscope_category": {"id": 2}}], [1, 2]),
        ([{"funcscope_category": {"id": 1}}] * 2, [1]),
        ([{"funcscope_category": {"id": "1"}}, {"funcscope_category": {"id": True}}], [1]),
        ([None, 1, {}, {"funcscope_category": None}, {"funcscope_category": {"id": 17}}], [17]),
    ],
    ids=["none", "text", "empty", "two", "twice", "numbers as text", "odd entries"],
)
def test_permission_sets_are_read_leniently(value: object, ids: list[int]) -> None:
    assert component.read_func_info(value) == ids


CALLBACK_CHECK = "/cgi-bin/callback/check"


@pytest.mark.django_db  # odd rows are counted
def test_m8_wechat_looks_for_our_url(wechat: WeChat, token: str) -> None:
    assert component.check_callback(token) == component.CallbackCheck(
        ["203.0.113.80"], {"203.0.113.80": "0%"}
    )
    wechat.fault(CALLBACK_CHECK, body=b'{"errcode": 0, "dns": null, "ping": [{"ip": 7}, 8]}')
    assert component.check_callback(token) == component.CallbackCheck([], {})
    wechat.fault(CALLBACK_CHECK, body=b'{"errcode": 0, "errmsg": "ok"}')
    with pytest.raises(BadAnswer):
        component.check_callback(token)

"""
The third-party platform's own endpoints (第三方平台接口), one function each.

Tokens are WeChat's: COMPONENT_TOKEN is the component_access_token. Every function raises Refused
(or a leaf of it), Unreachable, NotSent or BadAnswer. Pages: developers.weixin.qq.com,
/doc/oplatform/openApi/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NotRequired, TypedDict, Unpack
from urllib.parse import urlencode

from wechat.errors import BadAnswer, WeChatError
from wechat.http import (
    Rows,
    call,
    call_side_by_side,
    read_id,
    read_number,
    read_object,
    read_text,
    read_time,
    take_life,
    take_number,
    take_object,
    take_rows,
    take_text,
)

LIST_PAGE = 500  # more is refused with 40170
MAX_APPID = 32

OFFICIAL_ACCOUNT, MINI_PROGRAM, EITHER = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its life in seconds."""

    value: str = field(repr=False)
    life: int


@dataclass(frozen=True, slots=True)
class PreAuthCode:
    """A pre_auth_code and its life in seconds: good for one authorisation."""

    value: str = field(repr=False)
    life: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What an authorizer granted: tokens ("" where the account has no API rights) and set ids."""

    appid: str
    token: Token | None
    refresh_token: str = field(repr=False)
    func_info: list[int]


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list of authorizers; `auth_time` in Unix seconds by WeChat's clock."""

    appid: str
    refresh_token: str = field(repr=False)
    auth_time: int


def start_push_ticket(appid: str, secret: str) -> str:
    """api_start_push_ticket 启动票据推送服务: "ok" if pushing had stopped and is running again."""
    path = "/cgi-bin/component/api_start_push_ticket"
    answer = call(path, {"component_appid": appid, "component_secret": secret})
    return read_text(answer.get("errmsg"))


def get_component_token(appid: str, secret: str, ticket: str) -> Token:
    """api_component_token 获取令牌, with the newest component_verify_ticket."""
    path = "/cgi-bin/component/api_component_token"
    body = {
        "component_appid": appid,
        "component_appsecret": secret,
        "component_verify_ticket": ticket,
    }
    answer = call(path, body)
    return Token(take_text(path, answer, "component_access_token"), take_life(path, answer))


def create_pre_auth_code(component_token: str, appid: str) -> PreAuthCode:
    """api_create_preauthcode 获取预授权码: opens one authorisation page."""
    path = "/cgi-bin/component/api_create_preauthcode"
    answer = call(path, {"component_appid": appid}, access_token=component_token)
    return PreAuthCode(take_text(path, answer, "pre_auth_code"), take_life(path, answer))


def query_auth(component_token: str, appid: str, authorization_code: str) -> Grant:
    """
    api_query_auth 使用授权码获取授权信息: trades a code for tokens.

    A code can be traded once, so this is never repeated: after Unreachable ask the list.
    """
    path = "/cgi-bin/component/api_query_auth"
    body = {"component_appid": appid, "authorization_code": authorization_code}
    answer = call(path, body, access_token=component_token, repeat=False)
    info = take_object(path, answer, "authorization_info")
    token = read_id(info.get("authorizer_access_token"))
    return Grant(
        appid=take_appid(path, info),
        token=Token(token, take_life(path, info)) if token else None,
        refresh_token=read_id(info.get("authorizer_refresh_token")),
        func_info=read_func_info(info.get("func_info")),
    )


def refresh_authorizer_token(
    component_token: str, appid: str, authorizer_appid: str, refresh_token: str
) -> tuple[Token, str]:
    """
    api_authorizer_token 获取授权账号调用令牌: a new token, and the refresh token that came with it
    ("" if none did).

    The old token dies and the refresh token may change, so only the refresh machinery repeats it.
    """
    body = _refresh_body(appid, authorizer_appid, refresh_token)
    return _read_refreshed(call(_REFRESH, body, access_token=component_token, repeat=False))


def refresh_authorizer_tokens(
    component_token: str, appid: str, refresh_tokens: Sequence[tuple[str, str]], *, until: float
) -> list[tuple[Token, str] | WeChatError | None]:
    """
    What `refresh_authorizer_token` returns or raises for each of REFRESH TOKENS, which come after
    their authorizer's appid; None for those that `call_side_by_side` did not begin UNTIL then.
    """
    bodies = [_refresh_body(appid, *pair) for pair in refresh_tokens]
    return call_side_by_side(
        _REFRESH, bodies, _read_refreshed, access_token=component_token, until=until
    )


_REFRESH = "/cgi-bin/component/api_authorizer_token"


def _refresh_body(appid: str, authorizer_appid: str, refresh_token: str) -> dict[str, str]:
    return {
        "component_appid": appid,
        "authorizer_appid": authorizer_appid,
        "authorizer_refresh_token": refresh_token,
    }


def _read_refreshed(answer: Mapping[str, Any]) -> tuple[Token, str]:
    token = take_text(_REFRESH, answer, "authorizer_access_token")
    new = read_id(answer.get("authorizer_refresh_token"))
    return Token(token, take_life(_REFRESH, answer)), new


def get_authorizer_info(
    component_token: str, appid: str, authorizer_appid: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """api_get_authorizer_info 获取授权账号详情: its authorizer_info and its authorization_info."""
    path = "/cgi-bin/component/api_get_authorizer_info"
    body = {"component_appid": appid, "authorizer_appid": authorizer_appid}
    answer = call(path, body, access_token=component_token)
    profile = take_object(path, answer, "authorizer_info")
    return profile, read_object(answer.get("authorization_info"))


def get_authorizer_list(
    component_token: str, appid: str, *, offset: int, count: int = LIST_PAGE
) -> tuple[int, Rows[Listed]]:
    """api_get_authorizer_list 拉取已授权的账号信息: the total, and COUNT rows from OFFSET."""
    path = "/cgi-bin/component/api_get_authorizer_list"
    body = {"component_appid": appid, "offset": offset, "count": count}
    answer = call(path, body, access_token=component_token)
    total = take_number(path, answer, "total_count")
    if answer.get("list") is None and total > offset:
        raise BadAnswer(path, "list is missing")
    return total, take_rows(path, answer, "list", partial(_listed, path))


def get_authorizer_option(token: str, option_name: str) -> str:
    """get_authorizer_option 获取授权方选项信息, asked with the authorizer's token: the value."""
    path = "/cgi-bin/component/get_authorizer_option"
    answer = call(path, {"option_name": option_name}, access_token=token)
    return take_text(path, answer, "option_value")


def set_authorizer_option(token: str, option_name: str, option_value: str) -> None:
    """set_authorizer_option 设置授权方选项信息, asked with the authorizer's token."""
    path = "/cgi-bin/component/set_authorizer_option"
    call(path, {"option_name": option_name, "option_value": option_value}, access_token=token)


def clear_component_quota(appid: str, secret: str, authorizer_appid: str = "") -> None:
    """component/clear_quota/v2: start the day's counters anew, of the platform or one authorizer.

    Ten times per account and month, so it is not repeated.
    """
    path = "/cgi-bin/component/clear_quota/v2"
    body = {"component_appid": appid, "appsecret": secret}
    if authorizer_appid:
        body["appid"] = authorizer_appid
    call(path, body, repeat=False)


def clear_quota(token: str, appid: str) -> None:
    """clear_quota 重置API调用次数 of the account APPID that TOKEN stands for; never repeated."""
    call("/cgi-bin/clear_quota", {"appid": appid}, access_token=token, repeat=False)


def get_quota(token: str, cgi_path: str) -> dict[str, Any]:
    """openapi/quota/get 查询API调用额度 of CGI_PATH: `quota`, `rate_limit`, …"""
    return call("/cgi-bin/openapi/quota/get", {"cgi_path": cgi_path}, access_token=token)


def get_rid(token: str, rid: str) -> dict[str, Any]:
    """openapi/rid/get 查询rid信息: the request that failed with RID, as WeChat saw it."""
    path = "/cgi-bin/openapi/rid/get"
    return take_object(path, call(path, {"rid": rid}, access_token=token), "request")


@dataclass(frozen=True, slots=True)
class CallbackCheck:
    """Where WeChat looks for our URL: the addresses of its name, and how many pings each lost."""

    addresses: list[str]
    losses: dict[str, str]  # such as "0%", by address


def check_callback(component_token: str) -> CallbackCheck:
    """callback/check 网络通信检测 of the component's own URL: its name looked up, and pinged."""
    path = "/cgi-bin/callback/check"
    body = {"action": "all", "check_operator": "DEFAULT"}
    answer = call(path, body, access_token=component_token)
    dns = take_rows(path, answer, "dns", partial(_text_of, "ip"))
    ping = take_rows(path, answer, "ping", lambda row: (_text_of("ip", row), row))
    losses = {ip: read_text(row.get("package_loss")) for ip, row in ping}
    return CallbackCheck(list(dict.fromkeys(dns)), losses)


def _text_of(name: str, row: Mapping[str, Any]) -> str:
    return take_text("/cgi-bin/callback/check", row, name)


class AuthorizationPage(TypedDict):
    """
    What opens WeChat's authorisation page; BIZ_APPID is the only account accepted, or "";
    CATEGORY_ID_LIST are the permission sets asked for, all where it is empty.
    """

    appid: str
    pre_auth_code: str
    redirect_uri: str
    auth_type: int
    biz_appid: str
    category_id_list: NotRequired[Sequence[int]]


def component_login_url(mp_url: str, **page: Unpack[AuthorizationPage]) -> str:
    """componentloginpage: the authorisation page for a computer, where the owner scans a code."""
    return f"{mp_url}/cgi-bin/componentloginpage?{_page_query(page)}"


def bind_component_url(open_url: str, **page: Unpack[AuthorizationPage]) -> str:
    """bindcomponent: the authorisation page for a phone, inside WeChat."""
    query = f"action=bindcomponent&no_scan=1&{_page_query(page)}"
    return f"{open_url}/wxaopen/safe/bindcomponent?{query}#wechat_redirect"


def _page_query(page: AuthorizationPage) -> str:
    fields: dict[str, Any] = {"component_appid": page["appid"], **page}
    del fields["appid"]
    fields["category_id_list"] = "|".join(map(str, page.get("category_id_list", [])))
    return urlencode({name: value for name, value in fields.items() if value != ""})


def take_appid(path: str, answer: Mapping[str, Any]) -> str:
    """The `authorizer_appid` of ANSWER. Raises BadAnswer."""
    appid = take_text(path, answer, "authorizer_appid")
    if len(appid) > MAX_APPID:
        raise BadAnswer(path, "authorizer_appid is too long")
    return appid


def read_func_info(value: object) -> list[int]:
    """The permission-set ids (权限集) in a `func_info` of WeChat's, in order, each once."""
    ids: dict[int, None] = {}
    for entry in value if type(value) is list else []:
        category = read_object(read_object(entry).get("funcscope_category"))
        number = read_number(category.get("id"), below=2**31)
        if number is not None:
            ids[number] = None
    return list(ids)


def _listed(path: str, row: Mapping[str, Any]) -> Listed:
    return Listed(
        appid=take_appid(path, row),
        refresh_token=read_id(row.get("refresh_token")),  # absent while the code was never traded
        auth_time=read_time(row.get("auth_time")),
    )

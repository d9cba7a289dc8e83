"""The endpoints about users (I, M1, M2), and the tickets that pages are signed with (M7)."""

import hmac
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account, Authorization
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from sandbox.world.users import WEB_PAGES

CARDS = 8
TICKETS = {"jsapi": WEB_PAGES, "wx_card": CARDS, "2": WEB_PAGES}
TICKET_LIFE = 7200


def _authorization(call: Call, kind: str, sets: tuple[int, ...] = ()) -> Authorization:
    """The account that the query of a component's call names, if it is of KIND and granted it."""
    component = call.component
    if call.parameter("component_appid", 41018) != component.appid:
        raise Refusal(40013)
    appid = call.parameter("appid", 41002)
    if appid not in call.wechat.accounts:
        raise Refusal(40013)
    if appid not in component.authorizations:
        raise Refusal(61003)
    authorization = component.authorizations[appid]
    if authorization.account.kind != kind:
        raise Refusal(48001)
    if sets and not set(sets) & set(authorization.func_ids):
        raise Refusal(61007)
    return authorization


def _check_grant_type(call: Call, expected: str) -> None:
    if call.request.query.get("grant_type") != expected:
        raise Refusal(40002)


def _with_unionid(call: Call, account: Account, openid: str) -> dict[str, str]:
    unionid = call.wechat.users.unionid(account, openid)
    return {"unionid": unionid} if unionid else {}


def code_to_session(call: Call) -> dict[str, Any]:
    account = _authorization(call, MINI_PROGRAM).account
    _check_grant_type(call, "authorization_code")
    users = call.wechat.users
    code = users.take_code("login", call.parameter("js_code", 41008), account.appid)
    call.wechat.chats.visit(account, code.openid)
    return {
        "session_key": users.new_session_key(account, code.openid),
        "openid": code.openid,
        **_with_unionid(call, account, code.openid),
    }


def check_session(call: Call) -> dict[str, Any]:
    _check_signature(call)
    return OK


def reset_session_key(call: Call) -> dict[str, Any]:
    """Another key, and the one before opens nothing any more."""
    openid = _check_signature(call)
    return OK | {
        "openid": openid,
        "session_key": call.wechat.users.new_session_key(call.account, openid),
    }


def _check_signature(call: Call) -> str:
    """The openid, of a user whose session_key the caller has."""
    openid = call.parameter("openid", 40003)
    if call.request.query.get("sig_method") != "hmac_sha256":
        raise Refusal(40097)
    expected = call.wechat.users.sign_with_key(call.account, openid)
    if not expected or not hmac.compare_digest(call.parameter("signature", 87009), expected):
        raise Refusal(87009)
    return openid


def trade_web_code(call: Call) -> dict[str, Any]:
    authorization = _authorization(call, OFFICIAL_ACCOUNT, (WEB_PAGES,))
    account = authorization.account
    _check_grant_type(call, "authorization_code")
    value = call.parameter("code", 41008)
    code = call.wechat.users.take_code("web", value, account.appid, call.component.appid)
    is_snapshot = account.appid in call.wechat.users.snapshots
    snapshot = {"is_snapshotuser": 1} if is_snapshot else {}
    return _web_token(call, account, code.openid, code.scope) | snapshot


def refresh_web_token(call: Call) -> dict[str, Any]:
    account = _authorization(call, OFFICIAL_ACCOUNT, (WEB_PAGES,)).account
    _check_grant_type(call, "refresh_token")
    refresh = call.parameter("refresh_token", 40030)
    token, value = call.wechat.users.refresh_web_token(account.appid, refresh)
    return {
        "access_token": value,
        "expires_in": call.wechat.token_life,
        "refresh_token": refresh,
        "openid": token.openid,
        "scope": token.scope,
    }


def _web_token(call: Call, account: Account, openid: str, scope: str) -> dict[str, Any]:
    value, refresh = call.wechat.users.new_web_token(account.appid, openid, scope)
    return {
        "access_token": value,
        "expires_in": call.wechat.token_life,
        "refresh_token": refresh,
        "openid": openid,
        "scope": scope,
        **_with_unionid(call, account, openid),
    }


def web_user(call: Call) -> dict[str, Any]:
    """Asked with the user's token, which is nobody's else."""
    token = call.parameter("access_token", 41001)
    account, profile = call.wechat.users.profile(token, call.parameter("openid", 41009))
    return profile | _with_unionid(call, account, profile["openid"])


def phone_number(call: Call) -> dict[str, Any]:
    account = call.account
    code = call.wechat.users.take_code("phone", call.text("code", 40029), account.appid)
    if call.body.get("openid") not in (None, "", code.openid):
        raise Refusal(40029)
    watermark = {"timestamp": int(call.wechat.clock()), "appid": account.appid}
    return OK | {
        "phone_info": {
            "phoneNumber": code.number,
            "purePhoneNumber": code.number,
            "countryCode": "86",
            "watermark": watermark,
        }
    }


def get_ticket(call: Call) -> dict[str, Any]:
    kind = call.request.query.get("type", "")
    if kind not in TICKETS:
        raise Refusal(40097)
    if call.account.kind != OFFICIAL_ACCOUNT:
        raise Refusal(48001)
    if TICKETS[kind] not in call.authorization.func_ids:
        raise Refusal(61007)
    ticket = call.wechat.next_signing_ticket or new_code(call.wechat.random, 86)
    return OK | {"ticket": ticket, "expires_in": TICKET_LIFE}


GET = ("GET",)
ENDPOINTS: dict[str, Endpoint] = {
    "/sns/component/jscode2session": Endpoint(code_to_session, "component", methods=GET),
    "/sns/oauth2/component/access_token": Endpoint(trade_web_code, "component", methods=GET),
    "/sns/oauth2/component/refresh_token": Endpoint(refresh_web_token, "component", methods=GET),
    "/sns/userinfo": Endpoint(web_user, "user", methods=GET),
    "/wxa/checksession": Endpoint(check_session, "authorizer", methods=GET),
    "/wxa/resetusersessionkey": Endpoint(reset_session_key, "authorizer", methods=GET),
    "/wxa/business/getuserphonenumber": Endpoint(phone_number, "authorizer", (18,)),
    "/cgi-bin/ticket/getticket": Endpoint(get_ticket, "authorizer", methods=GET),
}

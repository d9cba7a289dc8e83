"""The endpoints: a table from path to function, and the steps every call goes through.

To add one: write a function of a `Call` that returns the answer's members or raises `Refusal`,
and give it a line in ENDPOINTS.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import cached_property
from typing import Any, Literal

from sandbox.errors import ERRMSGS, Refusal
from sandbox.exchange import Reply, Request
from sandbox.faults import Fault
from sandbox.parties import Account, Authorization, Component, Token
from sandbox.permissions import SETS
from sandbox.world import WeChat

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
LIST_LIMIT = 500
QUOTA_RESETS = 10  # a month
OPTIONS = {"location_report": "012", "voice_recognize": "01", "customer_service": "01"}
# WeChat wants raw UTF-8; control characters are what JSON must escape.
ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[01])[0-9a-fA-F]{4}")
TOKEN_SHAPE = re.compile(r"\d{1,3}_[A-Za-z0-9_-]{20,}")


class Call:
    """One request, as an endpoint sees it."""

    def __init__(self, wechat: WeChat, request: Request) -> None:
        self.wechat = wechat
        self.request = request

    @cached_property
    def token_value(self) -> str:
        """The token as sent; component calls are still made with the name of the older docs."""
        names = ["access_token"]
        if self.request.path.startswith("/cgi-bin/component/"):
            names.append("component_access_token")
        sent = self.request.query
        return next((sent[name] for name in names if sent.get(name)), "")

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object posted."""
        raw = self.request.body
        if not raw.strip():
            raise Refusal(44002)
        try:
            body = json.loads(raw)
        except ValueError:
            raise Refusal(47001) from None
        if not isinstance(body, dict) or ESCAPED.search(raw):
            raise Refusal(47001)
        return body

    @cached_property
    def token(self) -> Token:
        """The live token the call came with."""
        if not self.token_value:
            raise Refusal(41001)
        token = self.wechat.find_token(self.token_value)
        if token is None:
            raise Refusal(40001 if TOKEN_SHAPE.fullmatch(self.token_value) else 40014)
        self.wechat.check_token(token)
        return token

    @property
    def owner(self) -> Component | Authorization | None:
        """Whose token it is, dead or alive, for the ledger."""
        token = self.wechat.find_token(self.token_value)
        return token.owner if token else None

    @property
    def component(self) -> Component:
        """The platform whose component token it is."""
        if not isinstance(self.token.owner, Component):
            raise Refusal(61014)
        return self.token.owner

    @property
    def authorization(self) -> Authorization:
        """The authorisation whose token it is."""
        if not isinstance(self.token.owner, Authorization):
            raise Refusal(61015)
        return self.token.owner

    @property
    def caller(self) -> str:
        """The appid whose quota the call uses."""
        owner = self.token.owner
        return owner.appid if isinstance(owner, Component) else owner.account.appid

    @property
    def subject(self) -> str:
        """The authorizer the call is about, "" when it is about none."""
        try:
            named, code = (self.body.get(n) for n in ("authorizer_appid", "authorization_code"))
        except Refusal:
            named = code = None
        if isinstance(named, str):
            return named
        if isinstance(code, str):
            return self.wechat.appid_of_code(code)
        return self.owner.account.appid if isinstance(self.owner, Authorization) else ""

    def text(self, name: str, missing: int = 47001) -> str:
        """A string member of the body."""
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise Refusal(47001)
        if not value:
            raise Refusal(missing)
        return value

    def number(self, name: str) -> int:
        """A whole number of the body, not below nought."""
        value = self.body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Refusal(47001)
        return value

    def named_component(self) -> Component:
        """component_appid, for calls without a token."""
        appid = self.text("component_appid", 41018)
        if appid not in self.wechat.components:
            raise Refusal(61011 if re.fullmatch(r"wx[0-9a-f]{16}", appid) else 40013)
        return self.wechat.components[appid]

    def own_component(self) -> Component:
        """component_appid, which must be the token's."""
        if self.text("component_appid", 41018) != self.component.appid:
            raise Refusal(40013)
        return self.component

    def named_authorization(self) -> Authorization:
        """authorizer_appid, if it has authorised the component."""
        component = self.own_component()
        appid = self.text("authorizer_appid", 40013)
        if appid not in self.wechat.accounts:
            raise Refusal(40013)
        if appid not in component.authorizations:
            raise Refusal(61003)
        return component.authorizations[appid]


# A1 to A7: the component


def start_push_ticket(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("component_secret", 41004) != component.secret:
        raise Refusal(40125)
    if component.pushing:
        return {"errcode": 0, "errmsg": "in a normal state"}
    component.pushing = True
    call.wechat.new_ticket(component)
    return OK


def component_token(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("component_appsecret", 41004) != component.secret:
        raise Refusal(40125)
    made_at = component.tickets.get(call.text("component_verify_ticket", 61006))
    if made_at is None:
        raise Refusal(61006)
    if call.wechat.clock() - made_at >= call.wechat.ticket_life:
        raise Refusal(61005)
    token, life = call.wechat.new_token(component)
    return {"component_access_token": token, "expires_in": life}


def create_preauthcode(call: Call) -> dict[str, Any]:
    code = call.wechat.new_pre_auth_code(call.own_component())
    return {"pre_auth_code": code.value, "expires_in": call.wechat.preauth_life}


def query_auth(call: Call) -> dict[str, Any]:
    component = call.own_component()
    authorization = call.wechat.trade(component, call.text("authorization_code", 61009))
    token, life = call.wechat.new_token(authorization)
    return {
        "authorization_info": {
            "authorizer_appid": authorization.account.appid,
            "authorizer_access_token": token,
            "expires_in": life,
            "authorizer_refresh_token": authorization.refresh_token,
            "func_info": authorization.func_info(),
        }
    }


def authorizer_token(call: Call) -> dict[str, Any]:
    authorization = call.named_authorization()
    held = call.text("authorizer_refresh_token", 61023)
    if held != authorization.refresh_token:
        raise Refusal(61023)
    if call.wechat.rotate == "always":
        authorization.refresh_token = call.wechat.new_refresh_token()
    token, life = call.wechat.new_token(authorization)
    return {
        "authorizer_access_token": token,
        "expires_in": life,
        "authorizer_refresh_token": authorization.refresh_token,
    }


def get_authorizer_info(call: Call) -> dict[str, Any]:
    authorization = call.named_authorization()
    return {
        "authorizer_info": authorization.account.profile(),
        "authorization_info": authorization.info(),
    }


def get_authorizer_list(call: Call) -> dict[str, Any]:
    everyone = list(call.own_component().authorizations.values())
    offset, count = call.number("offset"), call.number("count")
    if count > LIST_LIMIT:
        raise Refusal(40170)
    return {
        "total_count": len(everyone),
        "list": [_listed(one) for one in everyone[offset : offset + count]],
    }


def _listed(authorization: Authorization) -> dict[str, Any]:
    entry: dict[str, Any] = {"authorizer_appid": authorization.account.appid}
    if authorization.refresh_token:
        entry["refresh_token"] = authorization.refresh_token
    return entry | {"auth_time": authorization.auth_time}


# A8, A9: options, with an authorizer's token or (older) the component's


def get_option(call: Call) -> dict[str, Any]:
    account, named = _option_account(call)
    name = call.text("option_name", 61012)
    if name not in OPTIONS:
        raise Refusal(61012)
    return named | {"option_name": name, "option_value": account.options[name]}


def set_option(call: Call) -> dict[str, Any]:
    account, _ = _option_account(call)
    name, value = call.text("option_name", 61012), call.text("option_value", 61013)
    if name not in OPTIONS:
        raise Refusal(61012)
    if len(value) != 1 or value not in OPTIONS[name]:
        raise Refusal(61013)
    account.options[name] = value
    return OK


def _option_account(call: Call) -> tuple[Account, dict[str, str]]:
    if isinstance(call.token.owner, Authorization):
        return call.authorization.account, {}
    account = call.named_authorization().account
    return account, {"authorizer_appid": account.appid}


# A11: quotas and diagnosis


def clear_component_quota_by_secret(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("appsecret", 41004) != component.secret:
        raise Refusal(40125)
    appid = call.body.get("appid") or component.appid
    if appid != component.appid and appid not in component.authorizations:
        raise Refusal(40013)
    return _clear_quota(call, appid)


def clear_component_quota(call: Call) -> dict[str, Any]:
    return _clear_quota(call, call.own_component().appid)


def clear_quota(call: Call) -> dict[str, Any]:
    if call.text("appid", 41002) != call.caller:
        raise Refusal(40013)
    return _clear_quota(call, call.caller)


def _clear_quota(call: Call, appid: str) -> dict[str, Any]:
    month = time.strftime("%Y-%m", time.gmtime(call.wechat.clock() + 8 * 3600))
    if call.wechat.quota_resets[month, appid] >= QUOTA_RESETS:
        raise Refusal(48006)
    call.wechat.quota_resets[month, appid] += 1
    for used in list(call.wechat.used_today):
        if used[1] == appid:
            del call.wechat.used_today[used]
    return OK


def get_quota(call: Call) -> dict[str, Any]:
    path = _cgi_path(call)
    limit = call.wechat.daily_limits.get(path, call.wechat.daily_limit)
    used = call.wechat.used_today[_today(call.wechat), call.caller, path]
    rate = {"call_count": 5_000, "refresh_second": 60}
    return OK | {
        "quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)},
        "rate_limit": rate,
        "component_rate_limit": rate,
    }


def clear_path_quota(call: Call) -> dict[str, Any]:
    call.wechat.used_today.pop(
        (_today(call.wechat), call.authorization.account.appid, _cgi_path(call)), None
    )
    return OK


def _cgi_path(call: Call) -> str:
    path = call.text("cgi_path", 76003)
    if path.startswith("/sns/"):
        raise Refusal(76022)
    if path not in ENDPOINTS:
        raise Refusal(76003)
    return path


def get_rid(call: Call) -> dict[str, Any]:
    told = call.wechat.failed_calls.get(call.text("rid", 76003))
    if told is None or told["caller"] != call.caller:
        raise Refusal(76003, "invalid rid")
    return OK | {"request": {name: value for name, value in told.items() if name != "caller"}}


# H4: the first call that needs a permission set


def get_account_basic_info(call: Call) -> dict[str, Any]:
    return OK | call.authorization.account.basic_info()


@dataclass(frozen=True)
class Endpoint:
    """How a path is answered; SETS: any of these permission sets opens it to an authorizer."""

    function: Callable[[Call], dict[str, Any]]
    token: Literal["none", "component", "authorizer", "either"]
    sets: tuple[int, ...] = ()
    methods: tuple[str, ...] = ("POST",)


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/component/api_start_push_ticket": Endpoint(start_push_ticket, "none"),
    "/cgi-bin/component/api_component_token": Endpoint(component_token, "none"),
    "/cgi-bin/component/api_create_preauthcode": Endpoint(create_preauthcode, "component"),
    "/cgi-bin/component/api_query_auth": Endpoint(query_auth, "component"),
    "/cgi-bin/component/api_authorizer_token": Endpoint(authorizer_token, "component"),
    "/cgi-bin/component/api_get_authorizer_info": Endpoint(get_authorizer_info, "component"),
    "/cgi-bin/component/api_get_authorizer_list": Endpoint(get_authorizer_list, "component"),
    "/cgi-bin/component/get_authorizer_option": Endpoint(get_option, "either"),
    "/cgi-bin/component/set_authorizer_option": Endpoint(set_option, "either"),
    "/cgi-bin/component/api_get_authorizer_option": Endpoint(get_option, "either"),
    "/cgi-bin/component/api_set_authorizer_option": Endpoint(set_option, "either"),
    "/cgi-bin/component/clear_quota/v2": Endpoint(clear_component_quota_by_secret, "none"),
    "/cgi-bin/component/clear_quota": Endpoint(clear_component_quota, "component"),
    "/cgi-bin/clear_quota": Endpoint(clear_quota, "either"),
    "/cgi-bin/openapi/quota/get": Endpoint(get_quota, "either"),
    "/cgi-bin/openapi/quota/clear": Endpoint(clear_path_quota, "authorizer"),
    "/cgi-bin/openapi/rid/get": Endpoint(get_rid, "either"),
    "/cgi-bin/account/getaccountbasicinfo": Endpoint(
        get_account_basic_info, "authorizer", sets=(3, 30), methods=("GET", "POST")
    ),
}


def answer(wechat: WeChat, request: Request) -> Reply:
    """One call from its arrival to its reply, entered in the ledger."""
    call = Call(wechat, request)
    endpoint = ENDPOINTS.get(request.path)
    owner, subject = call.owner, call.subject
    with wechat.lock:
        fault = wechat.faults.take(request.path, subject)
        rid = wechat.new_rid()
        data, effect = _outcome(call, endpoint, fault, rid)
        wechat.ledger.record(
            at=wechat.clock(),
            method=request.method,
            path=request.path,
            token_owner=_name(owner),
            appid=subject,
            errcode=data.get("errcode", 0) if data is not None else None,
            effect=effect,
            dropped=fault is not None and fault.drop is not None,
            unknown=endpoint is None,
            rid=rid,
        )
        date = wechat.clock()
    wechat.post.flush_in_background()
    return _reply(data, fault, date)


def _outcome(
    call: Call, endpoint: Endpoint | None, fault: Fault | None, rid: str
) -> tuple[dict[str, Any] | None, bool]:
    """The answer's members (None: there is no JSON to answer with), and whether it took effect."""
    data: dict[str, Any] | None = None
    effect = fault is None or fault.has_effect
    if effect:
        try:
            data = _perform(call, endpoint)
        except Refusal as refusal:
            data, effect = _refused(call, refusal.errcode, refusal.errmsg, rid), False
    if fault is not None and fault.errcode is not None:
        data = _refused(call, fault.errcode, fault.errmsg or ERRMSGS.get(fault.errcode, ""), rid)
    return data, effect


def _perform(call: Call, endpoint: Endpoint | None) -> dict[str, Any]:
    if endpoint is None:
        raise Refusal(40066)
    if call.request.method not in endpoint.methods:
        raise Refusal(43001 if endpoint.methods == ("GET",) else 43002)
    _check_address(call)
    if endpoint.token == "component":  # noqa: S105 a word, not a secret
        _ = call.component
    elif endpoint.token == "authorizer":  # noqa: S105
        _ = call.authorization
    _check_permission(call, endpoint)
    _use_quota(call, endpoint)
    return endpoint.function(call)


def _check_address(call: Call) -> None:
    allowed = call.wechat.allowed_ips
    component_call = call.request.path.startswith("/cgi-bin/component/")
    if component_call and allowed is not None and call.request.client_ip not in allowed:
        raise Refusal(61004)


def _check_permission(call: Call, endpoint: Endpoint) -> None:
    """48001: no account of its kind can; 61007: it has not granted us the set."""
    if not endpoint.sets:
        return
    authorization = call.authorization
    kind = authorization.account.kind
    fitting = [number for number in endpoint.sets if SETS[number].fits(kind)]
    if not fitting:
        raise Refusal(48001)
    if not set(fitting) & set(authorization.func_ids):
        raise Refusal(61007)


def _use_quota(call: Call, endpoint: Endpoint) -> None:
    path = call.request.path
    caller = call.named_component().appid if endpoint.token == "none" else call.caller  # noqa: S105
    used = _today(call.wechat), caller, path
    if call.wechat.used_today[used] >= call.wechat.daily_limits.get(path, call.wechat.daily_limit):
        raise Refusal(45009)
    call.wechat.used_today[used] += 1


def _today(wechat: WeChat) -> int:
    """The day in Beijing, where quotas start anew at midnight."""
    return int(wechat.clock() + 8 * 3600) // 86_400


def _refused(call: Call, errcode: int, errmsg: str, rid: str) -> dict[str, Any]:
    told = {"errcode": errcode, "errmsg": f"{errmsg} rid: {rid}"}
    call.wechat.remember_failure(
        rid,
        {
            "caller": _name(call.owner),
            "invoke_time": int(call.wechat.clock()),
            "cost_in_ms": 1,
            "request_url": call.request.path,
            "request_body": call.request.body.decode("utf-8", "replace"),
            "response_body": json.dumps(told, ensure_ascii=False),
        },
    )
    return told


def _name(owner: Component | Authorization | None) -> str:
    if owner is None:
        return ""
    return owner.appid if isinstance(owner, Component) else owner.account.appid


def _reply(data: dict[str, Any] | None, fault: Fault | None, date: float) -> Reply:
    # WeChat's own spelling: "encoding" where everybody else says "charset".
    headers = {
        "Content-Type": "application/json; encoding=utf-8",
        "Date": formatdate(date, usegmt=True),
    }
    if fault is None:
        return Reply(_json(data or {}), headers=headers)
    body = _json(fault.edit(data)) if data is not None else b""
    return Reply(
        body if fault.body is None else fault.body,
        fault.status or 200,
        headers | dict(fault.headers),
        fault.delay,
        fault.until,
        fault.drop,
        fault.truncate,
        fault.slow,
    )


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

"""The endpoints: a table from path to function, and the steps every call goes through.

To add one: write a function of a `Call` that returns the answer's members or raises `Refusal`,
and give it a line in ENDPOINTS.
"""

import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from sandbox import code, domains, messages, settings
from sandbox.call import OK, Call, Endpoint
from sandbox.days import day, month
from sandbox.errors import ERRMSGS, Refusal
from sandbox.exchange import Reply, Request
from sandbox.faults import Fault
from sandbox.parties import Account, Authorization, Component
from sandbox.permissions import SETS
from sandbox.world import WeChat

LIST_LIMIT = 500
QUOTA_RESETS = 10  # a month
OPTIONS = {"location_report": "012", "voice_recognize": "01", "customer_service": "01"}


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
    used = month(call.wechat.clock()), appid
    if call.wechat.quota_resets[used] >= QUOTA_RESETS:
        raise Refusal(48006)
    call.wechat.quota_resets[used] += 1
    for counted in list(call.wechat.used_today):
        if counted[1] == appid:
            del call.wechat.used_today[counted]
    return OK


def get_quota(call: Call) -> dict[str, Any]:
    path = _cgi_path(call)
    limit = call.wechat.daily_limits.get(path, call.wechat.daily_limit)
    used = call.wechat.used_today[day(call.wechat.clock()), call.caller, path]
    rate = {"call_count": 5_000, "refresh_second": 60}
    return OK | {
        "quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)},
        "rate_limit": rate,
        "component_rate_limit": rate,
    }


def clear_path_quota(call: Call) -> dict[str, Any]:
    call.wechat.used_today.pop(
        (day(call.wechat.clock()), call.authorization.account.appid, _cgi_path(call)), None
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
    **code.ENDPOINTS,
    **domains.ENDPOINTS,
    **messages.ENDPOINTS,
    **settings.ENDPOINTS,
}


def answer(wechat: WeChat, request: Request) -> Reply:
    """One call from its arrival to its reply, entered in the ledger."""
    call, path = Call(wechat, request), _path(request)
    endpoint = ENDPOINTS.get(path)
    owner, subject = call.owner, call.subject
    wechat.reviews.judge_due()
    with wechat.lock:
        fault = wechat.faults.take(path, subject)
        rid = wechat.new_rid()
        data, effect = _outcome(call, endpoint, fault, rid)
        wechat.ledger.record(
            at=wechat.clock(),
            method=request.method,
            path=path,
            token_owner=_name(owner),
            appid=subject,
            errcode=_errcode(data),
            effect=effect,
            dropped=fault is not None and fault.drop is not None,
            unknown=endpoint is None,
            rid=rid,
        )
        date = wechat.clock()
    wechat.post.flush_in_background()
    return _reply(data, fault, date)


def _path(request: Request) -> str:
    """The path, with its `action` where WeChat answers two calls at one address."""
    named = f"{request.path}?action={request.query.get('action')}"
    return named if named in ENDPOINTS else request.path


def _errcode(data: dict[str, Any] | Reply | None) -> int | None:
    if isinstance(data, dict):
        return int(data.get("errcode", 0))
    return None if data is None else 0


def _outcome(
    call: Call, endpoint: Endpoint | None, fault: Fault | None, rid: str
) -> tuple[dict[str, Any] | Reply | None, bool]:
    """The answer's members or picture (None: there is neither), and whether it took effect."""
    data: dict[str, Any] | Reply | None = None
    effect = fault is None or fault.has_effect
    if effect:
        try:
            data = _perform(call, endpoint)
        except Refusal as refusal:
            data, effect = _refused(call, refusal.errcode, refusal.errmsg, rid), False
            data |= refusal.members
    if fault is not None and fault.errcode is not None:
        data = _refused(call, fault.errcode, fault.errmsg or ERRMSGS.get(fault.errcode, ""), rid)
    return data, effect


def _perform(call: Call, endpoint: Endpoint | None) -> dict[str, Any] | Reply:
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
    used = day(call.wechat.clock()), caller, path
    if call.wechat.used_today[used] >= call.wechat.daily_limits.get(path, call.wechat.daily_limit):
        raise Refusal(45009)
    call.wechat.used_today[used] += 1


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


def _reply(data: dict[str, Any] | Reply | None, fault: Fault | None, date: float) -> Reply:
    reply = data if isinstance(data, Reply) else _json_reply(data, fault)
    headers = {**reply.headers, "Date": formatdate(date, usegmt=True)}
    if fault is None:
        return replace(reply, headers=headers)
    return replace(
        reply,
        body=reply.body if fault.body is None else fault.body,
        status=fault.status or 200,
        headers=headers | dict(fault.headers),
        delay=fault.delay,
        until=fault.until,
        drop=fault.drop,
        truncate=fault.truncate,
        slow=fault.slow,
    )


def _json_reply(data: dict[str, Any] | None, fault: Fault | None) -> Reply:
    # WeChat's own spelling: "encoding" where everybody else says "charset".
    headers = {"Content-Type": "application/json; encoding=utf-8"}
    if fault is None:
        return Reply(_json(data or {}), headers=headers)
    return Reply(b"" if data is None else _json(fault.edit(data)), headers=headers)


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

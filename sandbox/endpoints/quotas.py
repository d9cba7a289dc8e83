"""The endpoints for quotas and for the diagnosis of a failed call (A11)."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal


def clear_component_quota_by_secret(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("appsecret", 41004) != component.secret:
        raise Refusal(40125)
    appid = call.body.get("appid") or component.appid
    if appid != component.appid and appid not in component.authorizations:
        raise Refusal(40013)
    call.wechat.quotas.reset(appid)
    return OK


def clear_component_quota(call: Call) -> dict[str, Any]:
    call.wechat.quotas.reset(call.own_component().appid)
    return OK


def clear_quota(call: Call) -> dict[str, Any]:
    if call.text("appid", 41002) != call.caller:
        raise Refusal(40013)
    call.wechat.quotas.reset(call.caller)
    return OK


def get_quota(call: Call) -> dict[str, Any]:
    path = _cgi_path(call)
    limit, used = call.wechat.quotas.limit(path), call.wechat.quotas.used(call.caller, path)
    rate = {"call_count": 5_000, "refresh_second": 60}
    return OK | {
        "quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)},
        "rate_limit": rate,
        "component_rate_limit": rate,
    }


def clear_path_quota(call: Call) -> dict[str, Any]:
    call.wechat.quotas.reset_path(call.authorization.account.appid, _cgi_path(call))
    return OK


def _cgi_path(call: Call) -> str:
    path = call.text("cgi_path", 76003)
    if path.startswith("/sns/"):
        raise Refusal(76022)
    if path not in call.paths:
        raise Refusal(76003)
    return path


def get_rid(call: Call) -> dict[str, Any]:
    failed = call.wechat.failed_calls.find(call.text("rid", 76003))
    if failed is None or failed["caller"] != call.caller:
        raise Refusal(76003, "invalid rid")
    return OK | {"request": {name: value for name, value in failed.items() if name != "caller"}}


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/component/clear_quota/v2": Endpoint(clear_component_quota_by_secret, "none"),
    "/cgi-bin/component/clear_quota": Endpoint(clear_component_quota, "component"),
    "/cgi-bin/clear_quota": Endpoint(clear_quota, "either"),
    "/cgi-bin/openapi/quota/get": Endpoint(get_quota, "either"),
    "/cgi-bin/openapi/quota/clear": Endpoint(clear_path_quota, "authorizer"),
    "/cgi-bin/openapi/rid/get": Endpoint(get_rid, "either"),
}

"""The endpoints of the component itself (A1 to A9): tokens, authorisations, options."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account, Authorization

LIST_LIMIT = 500
OPTIONS = {"location_report": "012", "voice_recognize": "01", "customer_service": "01"}


# A1 to A7: tokens and authorisations


def start_push_ticket(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("component_secret", 41004) != component.secret:
        raise Refusal(40125)
    if component.pushing:
        return {"errcode": 0, "errmsg": "in a normal state"}
    component.pushing = True
    call.wechat.tickets.new(component)
    return OK


def component_token(call: Call) -> dict[str, Any]:
    component = call.named_component()
    if call.text("component_appsecret", 41004) != component.secret:
        raise Refusal(40125)
    call.wechat.tickets.check(component, call.text("component_verify_ticket", 61006))
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
    if call.text("authorizer_refresh_token", 61023) != authorization.refresh_token:
        raise Refusal(61023)
    if call.wechat.rotate == "always":
        authorization.refresh_token = call.wechat.authorizations.new_refresh_token()
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
    authorizations = list(call.own_component().authorizations.values())
    offset, count = call.number("offset"), call.number("count")
    if count > LIST_LIMIT:
        raise Refusal(40170)
    return {
        "total_count": len(authorizations),
        "list": [_listed(one) for one in authorizations[offset : offset + count]],
    }


def _listed(authorization: Authorization) -> dict[str, Any]:
    entry: dict[str, Any] = {"authorizer_appid": authorization.account.appid}
    if authorization.refresh_token:
        entry["refresh_token"] = authorization.refresh_token
    return entry | {"auth_time": authorization.auth_time}


# A8, A9: options, with an authorizer's token or (older) the component's


def get_option(call: Call) -> dict[str, Any]:
    account, members = _option_account(call)
    name = call.text("option_name", 61012)
    if name not in OPTIONS:
        raise Refusal(61012)
    return members | {"option_name": name, "option_value": account.options[name]}


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
    """The account, and the members by which only the older way of asking names it again."""
    if isinstance(call.token.owner, Authorization):
        return call.authorization.account, {}
    account = call.named_authorization().account
    return account, {"authorizer_appid": account.appid}


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
}

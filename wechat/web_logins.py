"""
Logins on web pages of official accounts (代公众号发起网页授权). The token here is the user's: it is
good for asking who they are, and for nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from wechat.http import call, read_flag, read_id, read_number, read_text, take_text

BASE, USERINFO = "snsapi_base", "snsapi_userinfo"
SCOPES = (BASE, USERINFO)


@dataclass(frozen=True, slots=True)
class WebGrant:
    """
    What a user has agreed to: SCOPE, with commas where it is several. Where IS_SNAPSHOT, WeChat
    shows the page to nobody in particular, and the user is a made-up one.
    """

    openid: str
    scope: str
    token: str = field(repr=False)
    unionid: str
    is_snapshot: bool = False


def authorize_url(
    open_url: str, *, appid: str, redirect_uri: str, scope: str, state: str, component_appid: str
) -> str:
    """The page on which a user agrees; WeChat wants the parameters in this order."""
    parameters = {
        "appid": appid,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": scope,
        **({"state": state} if state else {}),
        "component_appid": component_appid,
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{open_url}/connect/oauth2/authorize?{query}#wechat_redirect"


def trade_web_code(component_token: str, component_appid: str, appid: str, code: str) -> WebGrant:
    """oauth2/component/access_token: who has agreed. CODE is good once, so this is not repeated."""
    path = "/sns/oauth2/component/access_token"
    query = {
        "appid": appid,
        "code": code,
        "grant_type": "authorization_code",
        "component_appid": component_appid,
        "component_access_token": component_token,
    }
    answer = call(path, query=query, method="GET", repeat=False)
    return WebGrant(
        openid=take_text(path, answer, "openid"),
        scope=take_text(path, answer, "scope"),
        token=take_text(path, answer, "access_token"),
        unionid=read_id(answer.get("unionid")),
        is_snapshot=read_flag(answer.get("is_snapshotuser")),
    )


def get_web_user(token: str, openid: str) -> dict[str, Any]:
    """userinfo 拉取用户信息, with the user's TOKEN of scope snsapi_userinfo, by WeChat's names."""
    path = "/sns/userinfo"
    query = {"openid": openid, "lang": "zh_CN"}
    answer = call(path, query=query, access_token=token, method="GET")
    return {
        "openid": take_text(path, answer, "openid"),
        **{name: read_text(answer.get(name)) for name in _TEXTS},
        "headimgurl": read_id(answer.get("headimgurl")),
        "sex": read_number(answer.get("sex")) or 0,
        "privilege": _privileges(answer),
        "unionid": read_id(answer.get("unionid")),
    }


_TEXTS = ("nickname", "province", "city", "country")


def _privileges(answer: Mapping[str, Any]) -> list[str]:
    values = answer.get("privilege")
    texts = map(read_id, values) if isinstance(values, list) else ()
    return [text for text in texts if text]
